//! What `torch.save` wrote before version 0.1.10: a tar with the members `storages`, `tensors` and
//! `pickle`. torch still reads them, in `legacy_load` of `torch/serialization.py`.
//!
//! `storages` and `tensors` are pickles with bytes between them: how many there are, then for each
//! a tuple about it and its bytes. The object in `pickle` asks for them by their numbers.

use std::{
    collections::{HashMap, HashSet},
    io,
};

use casemate_container::{Contents, Member};
use casemate_core::{Coverage, Source};

use crate::{
    Verdict,
    examine::Examiner,
    formats::{
        literal::{Literal, Literals},
        torch_zip::STORAGE,
    },
    notes::bytes,
    pickle::{self, Extent, Persistence, storage::item_size},
};

/// Whether a tar is a checkpoint.
pub(crate) fn is_checkpoint(contents: &Contents<'_>) -> bool {
    let has = |name| {
        contents
            .members
            .iter()
            .any(|member| record(member) == Some(name))
    };
    has(Record::Storages) && has(Record::Tensors) && has(Record::Object)
}

/// Judges an opened tar.
///
/// # Errors
///
/// What the medium says.
pub(crate) fn examine(
    contents: &Contents<'_>,
    examiner: &mut Examiner<'_, '_>,
    depth: u8,
) -> io::Result<()> {
    let mut checkpoint = Checkpoint {
        is_whole: contents.coverage == Coverage::Complete,
        ..Checkpoint::default()
    };
    // Whatever their order in the file, the object asks for tensors, and those for storages.
    for turn in [Record::Storages, Record::Tensors, Record::Object] {
        for member in &contents.members {
            if record(member) != Some(turn) || !member.holds_bytes() {
                continue;
            }
            examiner.with_member(member, |examiner, source| {
                checkpoint.read(turn, source, examiner, depth)
            })?;
        }
    }
    for member in &contents.members {
        if record(member).is_none() && member.holds_bytes() {
            examiner.member(member, depth)?;
        }
    }
    Ok(())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Record {
    Storages,
    Tensors,
    Object,
}

fn record(member: &Member<'_>) -> Option<Record> {
    match member.name.as_str() {
        "storages" => Some(Record::Storages),
        "tensors" => Some(Record::Tensors),
        "pickle" => Some(Record::Object),
        _ => None,
    }
}

/// What the records of a checkpoint have.
pub(crate) enum Item {
    /// A storage: its key, the class of it, how many elements it has, and where they lie in the
    /// record.
    Storage {
        key: i64,
        class: String,
        numel: u64,
        at: u64,
    },
    /// A part of a storage that counts as one: its key, that of the storage, and its elements.
    View {
        key: i64,
        root: i64,
        offset: u64,
        numel: u64,
    },
    /// A tensor: its key, that of its storage, and which elements of it, counted in elements.
    Tensor {
        key: i64,
        storage: i64,
        sizes: Vec<u64>,
        strides: Vec<u64>,
        offset: u64,
    },
}

/// Tells what the records `storages` and `tensors` have, without judging them.
///
/// # Errors
///
/// Where a record is not what torch wrote, or what the medium says.
pub(crate) fn list(
    storages: &dyn Source,
    tensors: &dyn Source,
    take: &mut dyn FnMut(Item) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut checkpoint = Checkpoint::default();
    let walk = |source| Walk {
        source,
        judge: None,
        at: 0,
    };
    checkpoint.read_storages(&mut walk(storages), take)?;
    checkpoint.read_tensors(&mut walk(tensors), take)
}

/// What is known of a checkpoint.
#[derive(Default)]
struct Checkpoint {
    /// How many elements each storage and each view of one has.
    storages: HashMap<i64, u64>,
    tensors: HashSet<i64>,
    /// Whether the archive has been read to its end.
    is_whole: bool,
}

/// Why a record is not what torch wrote.
pub(crate) enum Fault {
    /// The medium failed.
    Medium(io::Error),
    /// What is wrong.
    Says(String),
    /// The same, where no accident makes it so.
    Forged(&'static str),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Medium(error)
    }
}

impl Checkpoint {
    fn read(
        &mut self,
        record: Record,
        source: &dyn Source,
        examiner: &mut Examiner<'_, '_>,
        depth: u8,
    ) -> io::Result<()> {
        let mut walk = Walk {
            source,
            judge: Some((&mut *examiner, depth)),
            at: 0,
        };
        let walked = match record {
            Record::Storages => self.read_storages(&mut walk, &mut |_| Ok(())),
            Record::Tensors => self.read_tensors(&mut walk, &mut |_| Ok(())),
            Record::Object => self.read_object(&mut walk),
        };
        let from = walk.at;
        let (verdict, message) = match walked {
            Ok(()) if from >= source.len() => return Ok(()),
            Ok(()) => {
                let message = format!("{} bytes follow what torch reads", source.len() - from);
                (Verdict::Unknown, message)
            }
            Err(Fault::Says(message)) => {
                // What stands behind it is missing too.
                self.is_whole = false;
                (Verdict::Unknown, message)
            }
            // What is missing may have been cut off.
            Err(Fault::Forged(message)) if self.is_whole => {
                (Verdict::Dangerous, message.to_owned())
            }
            Err(Fault::Forged(message)) => (Verdict::Unknown, message.to_owned()),
            Err(Fault::Medium(error)) => return Err(error),
        };
        let region = bytes(from, source.len().saturating_sub(from));
        let notes = &mut examiner.notes;
        notes.observe(&STORAGE, verdict, region, "record", message);
        pickle::scan_hidden(source, from, examiner.allowlist, notes, depth)
    }

    fn read_storages(
        &mut self,
        walk: &mut Walk<'_, '_, '_, '_>,
        take: Take<'_>,
    ) -> Result<(), Fault> {
        for _ in 0..walk.count()? {
            let about = walk.literals()?;
            let Some([Literal::Int(key), Literal::Text(_), Literal::Global(kind)]) =
                about.items().as_deref().and_then(three)
            else {
                return Err(Fault::Says(
                    "a storage is not described as torch does".to_owned(),
                ));
            };
            let name = kind.rsplit('.').next().unwrap_or(kind);
            let Some(item) = item_size(name).filter(|_| kind.starts_with("torch.")) else {
                return Err(Fault::Says(
                    "a storage is of a type that is not known".to_owned(),
                ));
            };
            let numel = walk.number()?;
            let size = u64::try_from(numel)
                .ok()
                .and_then(|numel| numel.checked_mul(item));
            let at = walk.at;
            walk.skip(size)?;
            let (key, numel) = (*key, numel.unsigned_abs());
            self.storages.insert(key, numel);
            let class = kind.clone();
            take(Item::Storage {
                key,
                class,
                numel,
                at,
            })?;
        }
        let views = walk.literals()?;
        for view in views.items().unwrap_or_default() {
            let Some(
                &[
                    Literal::Int(key),
                    Literal::Int(root),
                    Literal::Int(offset),
                    Literal::Int(numel),
                ],
            ) = views.elements(view).as_deref()
            else {
                return Err(Fault::Says(
                    "a view is not described as torch does".to_owned(),
                ));
            };
            let reach = offset
                .checked_add(*numel)
                .filter(|_| *offset >= 0 && *numel >= 0);
            let held = self.storages.get(root).copied();
            let fits = reach
                .zip(held)
                .is_some_and(|(reach, held)| reach.unsigned_abs() <= held);
            if !fits {
                return Err(Fault::Forged("a view reaches beyond its storage"));
            }
            let (offset, numel) = (offset.unsigned_abs(), numel.unsigned_abs());
            self.storages.insert(*key, numel);
            let (key, root) = (*key, *root);
            take(Item::View {
                key,
                root,
                offset,
                numel,
            })?;
        }
        Ok(())
    }

    fn read_tensors(
        &mut self,
        walk: &mut Walk<'_, '_, '_, '_>,
        take: Take<'_>,
    ) -> Result<(), Fault> {
        for _ in 0..walk.count()? {
            let about = walk.literals()?;
            let Some([Literal::Int(key), Literal::Int(storage), Literal::Global(_)]) =
                about.items().as_deref().and_then(three)
            else {
                return Err(Fault::Says(
                    "a tensor is not described as torch does".to_owned(),
                ));
            };
            let dimensions = walk.dimensions()?;
            let mut sizes = Vec::new();
            for _ in 0..dimensions {
                sizes.push(walk.number()?);
            }
            let mut last = Some(0i64);
            let mut is_empty = false;
            let mut strides = Vec::new();
            for &size in &sizes {
                let stride = walk.number()?;
                strides.push(stride.unsigned_abs());
                is_empty |= size == 0;
                let steps = size
                    .checked_sub(1)
                    .and_then(|steps| steps.checked_mul(stride));
                last = last
                    .zip(steps)
                    .and_then(|(last, steps)| last.checked_add(steps));
                if size < 0 || stride < 0 {
                    last = None;
                }
            }
            let offset = walk.number()?;
            let last = last
                .and_then(|last| last.checked_add(offset))
                .filter(|_| offset >= 0);
            let held = self.storages.get(storage).copied();
            let fits = last.zip(held).is_some_and(|(last, held)| {
                is_empty || u64::try_from(last).is_ok_and(|last| last < held)
            });
            if !fits {
                return Err(Fault::Forged("a tensor reaches beyond its storage"));
            }
            self.tensors.insert(*key);
            take(Item::Tensor {
                key: *key,
                storage: *storage,
                sizes: sizes.into_iter().map(i64::unsigned_abs).collect(),
                strides,
                offset: offset.unsigned_abs(),
            })?;
        }
        Ok(())
    }

    fn read_object(&mut self, walk: &mut Walk<'_, '_, '_, '_>) -> Result<(), Fault> {
        for object in walk.judge(Persistence::TorchTar)? {
            let key = object.key.parse().unwrap_or(-1);
            if !self.tensors.contains(&key) && !self.storages.contains_key(&key) {
                let message = "the object asks for a tensor that is not in the file";
                return Err(Fault::Forged(message));
            }
        }
        Ok(())
    }
}

/// Who is told of what is in a record.
type Take<'t> = &'t mut dyn FnMut(Item) -> Result<(), Fault>;

/// A record under way.
struct Walk<'s, 'e, 'a, 'l> {
    source: &'s dyn Source,
    /// Who judges its pickles, and how deep in containers; nobody, where that is done already.
    judge: Option<(&'e mut Examiner<'a, 'l>, u8)>,
    at: u64,
}

impl Walk<'_, '_, '_, '_> {
    /// Judges the pickle at hand, and steps over it.
    fn judge(&mut self, persistence: Persistence) -> Result<Vec<pickle::storage::Storage>, Fault> {
        let Some((examiner, depth)) = &mut self.judge else {
            return Ok(Vec::new());
        };
        let scanned = pickle::scan(
            self.source,
            self.at,
            Extent::Streams(1),
            persistence,
            examiner.allowlist,
            &mut examiner.notes,
            *depth,
        )?;
        if scanned.broken || scanned.streams < 1 {
            return Err(Fault::Says("a pickle breaks off".to_owned()));
        }
        self.at = scanned.end;
        Ok(scanned.storages)
    }

    /// The values of the pickle at hand, which is judged too.
    fn literals(&mut self) -> Result<Literals, Fault> {
        let at = self.at;
        self.judge(Persistence::Unknown)?;
        let is_judged = self.judge.is_some();
        match Literals::read(self.source, at)? {
            Some(literals) if !is_judged || literals.end == self.at => {
                self.at = literals.end;
                Ok(literals)
            }
            _ => Err(Fault::Says("a pickle is not of plain values".to_owned())),
        }
    }

    fn count(&mut self) -> Result<i64, Fault> {
        let count = self.literals()?.int().filter(|&count| count >= 0);
        count.ok_or_else(|| Fault::Says("the number of entries is none".to_owned()))
    }

    fn number(&mut self) -> Result<i64, Fault> {
        let mut number = [0; 8];
        if self.source.read_at(self.at, &mut number)? < number.len() {
            return Err(Fault::Says("the record ends too early".to_owned()));
        }
        self.at += 8;
        Ok(i64::from_le_bytes(number))
    }

    /// How many dimensions a tensor has: four bytes, and four that mean nothing.
    fn dimensions(&mut self) -> Result<u8, Fault> {
        let [a, b, c, d, ..] = self.number()?.to_le_bytes();
        let dimensions = u8::try_from(i32::from_le_bytes([a, b, c, d])).ok();
        dimensions
            .filter(|&dimensions| dimensions <= MOST_DIMENSIONS)
            .ok_or(Fault::Forged(
                "a tensor has no possible number of dimensions",
            ))
    }

    fn skip(&mut self, size: Option<u64>) -> Result<(), Fault> {
        let end = size.and_then(|size| self.at.checked_add(size));
        match end.filter(|&end| end <= self.source.len()) {
            Some(end) => {
                self.at = end;
                Ok(())
            }
            None => Err(Fault::Forged("a storage reaches beyond its record")),
        }
    }
}

fn three<'l>(items: &[&'l Literal]) -> Option<[&'l Literal; 3]> {
    match items {
        &[a, b, c] => Some([a, b, c]),
        _ => None,
    }
}

/// As torch has it.
const MOST_DIMENSIONS: u8 = 64;
