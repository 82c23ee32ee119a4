//! What would be written, what is left out, and what stands in the way.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, btree_map::Entry as Slot},
    io,
};

use casemate_core::{Coverage, Region, Source};

use super::{
    ConvertError, Sink,
    bytes::Bytes,
    gather::{self, Workers},
    layout::{self, Layout},
    open::{self, Opened, Terms, Thing},
    select,
};
use crate::{
    Allowlist, Examination, Limits, Observation, Verdict, examine,
    tensor::{Dtype, Place, Refusal, Tensor},
};

/// A file to convert.
#[derive(Clone, Copy)]
pub struct Convertible<'a> {
    /// What it is called in messages.
    pub name: &'a str,
    /// Its bytes.
    pub source: &'a dyn Source,
}

/// The index that says which file each tensor is in.
#[derive(Clone, Copy)]
pub struct Index<'a> {
    /// The index itself.
    pub file: Convertible<'a>,
    /// The place among the files of the one that each tensor is said to be in.
    pub map: &'a BTreeMap<String, usize>,
}

/// Why there is no plan, and what was found out before that.
#[derive(Debug)]
pub struct Failure {
    /// What was found when the files were judged, by their names.
    pub examinations: Vec<(String, Examination)>,
    /// What went wrong.
    pub error: ConvertError,
}

/// What to convert, and into how many files.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Only entries whose whole name fits one of these; all, where there are none. `*` stands for
    /// any text, `?` for one character.
    pub only: Vec<String>,
    /// What is taken from the beginning of names that begin with it.
    pub strip_prefix: String,
    /// How many bytes of tensors a file has at most, unless a single tensor is larger.
    pub max_shard_size: Option<u64>,
}

/// One tensor of the output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned<'p> {
    /// Its name.
    pub name: &'p str,
    /// Its dtype, as safetensors spells it.
    pub dtype: &'static str,
    /// Its shape, as torch and NumPy count it.
    pub shape: &'p [u64],
    /// How many bytes its elements take.
    pub bytes: u64,
    /// In which file it is.
    pub shard: usize,
}

/// An entry that is not converted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Its name. Hostile: it may hold anything but what is no text.
    pub name: String,
    /// Why: `a sparse tensor, which …`.
    pub reason: String,
}

/// What stands in the way of a conversion of everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// Entries are refused; all others can be converted.
    Entries,
    /// The file is dangerous, was not judged whole, or has something about it that no entry
    /// explains. What is converted is clean for all that: nothing is executed.
    File(String),
}

/// A conversion that can be carried out.
pub struct Plan<'a> {
    examinations: Vec<(String, Examination)>,
    tensors: Vec<(String, Tensor)>,
    bytes: Vec<Bytes<'a>>,
    /// Which file each tensor is from.
    origins: Vec<usize>,
    metadata: BTreeMap<String, String>,
    refused: Vec<Refused>,
    files: Vec<Layout>,
    obstacle: Option<Obstacle>,
}

impl<'a> Plan<'a> {
    /// Judges the files, and their index if they have one, and reads what they hold.
    ///
    /// # Errors
    ///
    /// Where a file is of a format without tensors or broken as a whole, or what the medium says.
    pub fn new(
        files: &[Convertible<'a>],
        index: Option<Index<'a>>,
        allowlist: &Allowlist,
        limits: &Limits,
        options: &Options,
    ) -> Result<Self, Failure> {
        let all = index.iter().map(|index| &index.file).chain(files);
        let judge = |file: &Convertible<'_>| {
            let examination = examine(file.source, allowlist, limits);
            (file.name.to_owned(), examination)
        };
        let examinations: Vec<(String, Examination)> = all.map(judge).collect();
        let draft = Draft::of(files, index, &examinations, (allowlist, limits, options));
        let laid_out = draft.and_then(|(draft, suspicion)| {
            let files = draft.lay_out()?;
            Ok((draft, suspicion, files))
        });
        let (draft, suspicion, files) = match laid_out {
            Ok(laid_out) => laid_out,
            Err(error) => {
                return Err(Failure {
                    examinations,
                    error,
                });
            }
        };
        let obstacle = match (suspicion, draft.refused.is_empty()) {
            (Some(why), _) => Some(Obstacle::File(why)),
            (None, false) => Some(Obstacle::Entries),
            (None, true) => None,
        };
        Ok(Self {
            examinations,
            tensors: draft.tensors,
            bytes: draft.bytes,
            origins: draft.origins,
            metadata: draft.metadata,
            refused: draft.refused,
            files,
            obstacle,
        })
    }

    /// What was found when the files were judged, by their names.
    pub fn examinations(&self) -> &[(String, Examination)] {
        &self.examinations
    }

    /// What stands in the way of converting everything, if something does.
    pub fn obstacle(&self) -> Option<&Obstacle> {
        self.obstacle.as_ref()
    }

    /// What is left out, by name, in the order of the files.
    pub fn refused(&self) -> &[Refused] {
        &self.refused
    }

    /// The metadata of the output: values beside the tensors, as JSON, and what the input had.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    /// The tensors, file by file, in the order of their bytes.
    pub fn tensors(&self) -> impl Iterator<Item = Planned<'_>> {
        let tensors = &self.tensors;
        let files = self.files.iter().enumerate();
        files.flat_map(move |(shard, file)| {
            file.places.iter().map(move |&(which, _)| {
                let (name, tensor) = &tensors[which];
                Planned {
                    name,
                    dtype: tensor.dtype().safetensors().unwrap_or_default(),
                    shape: tensor.shape(),
                    bytes: tensor.bytes(),
                    shard,
                }
            })
        })
    }

    /// The names of tensors that are views of the same storage in the input. Each is written whole:
    /// safetensors has no views.
    pub fn shared(&self) -> Vec<Vec<&str>> {
        let mut groups: BTreeMap<(usize, &Place), Vec<&str>> = BTreeMap::new();
        for ((name, tensor), &origin) in self.tensors.iter().zip(&self.origins) {
            let place = &tensor.storage().place;
            groups.entry((origin, place)).or_default().push(name);
        }
        let mut shared: Vec<Vec<&str>> = groups
            .into_values()
            .filter(|names| names.len() > 1)
            .collect();
        shared.iter_mut().for_each(|names| names.sort_unstable());
        shared.sort_unstable();
        shared
    }

    /// How many bytes each output file has.
    pub fn sizes(&self) -> impl ExactSizeIterator<Item = u64> {
        self.files.iter().map(|file| file.len)
    }

    /// Writes one output file. `progress` is told of bytes as they are done, by
    /// several threads.
    ///
    /// # Errors
    ///
    /// What the medium says on either side. What is written by then is no safetensors file.
    pub fn write(
        &self,
        file: usize,
        out: &dyn Sink,
        progress: &(dyn Fn(u64) + Sync),
    ) -> io::Result<()> {
        let Some(file) = self.files.get(file) else {
            return Ok(());
        };
        let mut workers = Workers::new();
        let told = Told { out, progress };
        let mut places = file.places.clone();
        // What is compressed as a whole is read once, forward.
        places.sort_by_key(|&(which, _)| (self.origins[which], self.bytes[which].turn()));
        for (which, at) in places {
            let tensor = &self.tensors[which].1;
            let bytes = &self.bytes[which];
            let reading = bytes.reading();
            bytes.with(|from| gather::copy(tensor, (from, reading), &mut workers, &told, at))?;
        }
        // At last, so that what breaks off on the way does not look like a whole file.
        out.write_at(0, &file.head)
    }
}

/// A sink that tells how much it was given.
struct Told<'t> {
    out: &'t dyn Sink,
    progress: &'t (dyn Fn(u64) + Sync),
}

impl Sink for Told<'_> {
    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.out.write_at(at, bytes)?;
        (self.progress)(bytes.len() as u64);
        Ok(())
    }
}

/// Why a file as a whole is not to be trusted, beyond what its entries are refused for. An index
/// has no entries.
fn suspicious(examination: &Examination, opened: Option<&Opened<'_>>) -> Option<String> {
    if examination.verdict == Verdict::Dangerous {
        return Some("the file is dangerous".to_owned());
    }
    if examination.coverage == Coverage::Partial {
        let reason = examination.reason.as_deref().unwrap_or_default();
        return Some(format!("the file could not be judged whole: {reason}"));
    }
    let explains = |found: &Observation| opened.is_some_and(|opened| is_of_an_entry(found, opened));
    let mut unknown = (examination.findings.iter()).filter(|f| f.verdict == Verdict::Unknown);
    let strange = unknown.find(|found| !explains(found))?;
    let (rule, message) = (&strange.rule.id, &strange.message);
    Some(match rule.as_str() {
        rule if OF_ENTRIES.contains(&rule) => {
            format!("it does something that no entry needs: {rule}: {message}")
        }
        _ => format!("{rule}: {message}"),
    })
}

/// Whether a finding is about what a refused entry is made of, so that leaving out the entry is
/// enough.
fn is_of_an_entry(found: &Observation, opened: &Opened<'_>) -> bool {
    if found.rule.id.as_str() == "CM-PTH-001" {
        return true;
    }
    let here = match &opened.described_in {
        Some(member) => found.members == [member.as_str()],
        None => found.members.is_empty(),
    };
    let explained = start(found).is_some_and(|at| opened.explained.contains(&at));
    here && explained && OF_ENTRIES.contains(&found.rule.id.as_str())
}

/// Where in its file or member a finding begins.
fn start(found: &Observation) -> Option<u64> {
    match found.region {
        Some(Region::Bytes { start, .. }) => Some(start),
        _ => None,
    }
}

/// Rules about what a pickle makes objects of.
const OF_ENTRIES: [&str; 5] = [
    "CM-PKL-002",
    "CM-PKL-006",
    "CM-PKL-008",
    "CM-PKL-009",
    "CM-PKL-013",
];

/// A plan under way.
struct Draft<'a, 'o> {
    options: &'o Options,
    tensors: Vec<(String, Tensor)>,
    bytes: Vec<Bytes<'a>>,
    origins: Vec<usize>,
    metadata: BTreeMap<String, String>,
    refused: Vec<Refused>,
    /// How many entries were refused, those that nobody asked for included.
    refusals: usize,
}

impl<'a, 'o> Draft<'a, 'o> {
    fn new(options: &'o Options) -> Self {
        Self {
            options,
            tensors: Vec::new(),
            bytes: Vec::new(),
            origins: Vec::new(),
            metadata: BTreeMap::new(),
            refused: Vec::new(),
            refusals: 0,
        }
    }

    /// What all files hold, and why one of them is not to be trusted.
    fn of(
        files: &[Convertible<'a>],
        index: Option<Index<'a>>,
        examinations: &[(String, Examination)],
        (allowlist, limits, options): (&Allowlist, &Limits, &'o Options),
    ) -> Result<(Self, Option<String>), ConvertError> {
        let mut draft = Self::new(options);
        let mut suspicion = None;
        let (of_index, of_files) = examinations.split_at(usize::from(index.is_some()));
        if let [(_, examination)] = of_index {
            suspicion = suspicious(examination, None);
        }
        let mut seen = BTreeSet::new();
        for (origin, (file, (_, examination))) in files.iter().zip(of_files).enumerate() {
            let begin = examination.findings.iter().filter_map(start).collect();
            let mut opened = open::open(
                file.source,
                Terms {
                    allowlist,
                    limits,
                    places: &begin,
                },
            )?;
            suspicion = suspicion.or_else(|| suspicious(examination, Some(&opened)));
            if let Some(index) = &index {
                draft.compare(origin, &mut opened, index, files, &mut seen);
            }
            let before = draft.refusals;
            draft.add(origin, opened);
            if examination.verdict == Verdict::Unknown && draft.refusals == before {
                suspicion.get_or_insert_with(|| "it does something that no entry needs".to_owned());
            }
        }
        if let Some(index) = &index {
            for (name, _) in index
                .map
                .iter()
                .filter(|(name, _)| !seen.contains(name.as_str()))
            {
                let why = "named by the index, and in none of the files";
                draft.refuse_named(name, why.to_owned());
            }
        }
        draft.refuse_collisions();
        draft.refuse_swollen();
        Ok((draft, suspicion))
    }

    /// Refuses what the index says is in another file than it is in.
    fn compare<'i>(
        &mut self,
        origin: usize,
        opened: &mut Opened<'a>,
        index: &Index<'i>,
        files: &[Convertible<'a>],
        seen: &mut BTreeSet<&'i str>,
    ) {
        opened.found.retain(|found| {
            if !matches!(found.thing, Thing::Tensor(..) | Thing::Refused(_)) {
                return true;
            }
            let Some((name, &said)) = index.map.get_key_value(&found.name) else {
                return true;
            };
            seen.insert(name.as_str());
            if said == origin {
                return true;
            }
            let [said, here] = [said, origin].map(|at| files.get(at).map_or("", |file| file.name));
            self.refuse_named(
                name,
                format!("in {here}, and the index says it is in {said}"),
            );
            false
        });
    }

    /// Refuses an entry by the name that it has in the input, if anybody asked for it.
    fn refuse_named(&mut self, name: &str, reason: String) {
        self.refusals += 1;
        if self.is_wanted(name) {
            let name = self.stripped(name.to_owned());
            self.refused.push(Refused { name, reason });
        }
    }

    fn is_wanted(&self, name: &str) -> bool {
        let only = &self.options.only;
        only.is_empty() || only.iter().any(|only| select::fits(name, only))
    }

    fn stripped(&self, name: String) -> String {
        match name.strip_prefix(&self.options.strip_prefix) {
            Some(rest) if !rest.is_empty() => rest.to_owned(),
            _ => name,
        }
    }

    fn add(&mut self, origin: usize, opened: Opened<'a>) {
        if let Some(framework) = opened.framework {
            self.metadata
                .insert("format".to_owned(), framework.to_owned());
        }
        for found in opened.found {
            let wanted = self.is_wanted(&found.name);
            let name = self.stripped(found.name);
            match found.thing {
                Thing::Refused(refusal) if wanted => self.refuse(name, &refusal),
                Thing::Refused(_) => self.refusals += 1,
                Thing::Tensor(tensor, bytes) if wanted => {
                    self.tensor(name, tensor, bytes, origin);
                }
                Thing::Plain(text) if wanted => match self.metadata.entry(name) {
                    Slot::Vacant(slot) => {
                        slot.insert(text);
                    }
                    Slot::Occupied(slot) => {
                        let name = slot.key().clone();
                        self.refuse(name, &Refusal::Collision);
                    }
                },
                // Shards of one model say the same.
                Thing::Text(text) => match self.metadata.get(&name) {
                    Some(other) if *other != text => self.refuse(name, &Refusal::Collision),
                    _ => {
                        self.metadata.insert(name, text);
                    }
                },
                Thing::Tensor(..) | Thing::Plain(_) => {}
            }
        }
    }

    fn tensor(&mut self, name: String, tensor: Tensor, bytes: Bytes<'a>, origin: usize) {
        let dtype = tensor.dtype();
        if dtype.safetensors().is_none() {
            return self.refuse(name, &Refusal::Dtype(dtype.torch().to_owned()));
        }
        if dtype == Dtype::F4x2 && tensor.shape().is_empty() {
            return self.refuse(name, &Refusal::Malformed("half of it would be left"));
        }
        if name == "__metadata__" {
            return self.refuse(name, &Refusal::Reserved);
        }
        self.tensors.push((name, tensor));
        self.bytes.push(bytes);
        self.origins.push(origin);
    }

    fn refuse(&mut self, name: String, refusal: &Refusal) {
        self.refusals += 1;
        self.refused.push(Refused {
            name,
            reason: refusal.to_string(),
        });
    }

    /// Two tensors of one name cannot be told apart, and neither is taken.
    fn refuse_collisions(&mut self) {
        let mut seen = HashMap::new();
        for (name, _) in &self.tensors {
            *seen.entry(name.clone()).or_insert(0) += 1;
        }
        self.keep(|(name, _)| match seen[name] {
            1 => Ok(()),
            _ => Err(Refusal::Collision),
        });
    }

    /// A tensor may have the same elements a billion times, and a file a million such tensors.
    fn refuse_swollen(&mut self) {
        let mut storages = BTreeSet::new();
        let mut room = SPARE;
        for ((_, tensor), origin) in self.tensors.iter().zip(&self.origins) {
            let storage = tensor.storage();
            if storages.insert((*origin, &storage.place)) {
                room = room.saturating_add(storage.len.saturating_mul(2));
            }
        }
        self.keep(|(_, tensor)| {
            let bytes = tensor.bytes();
            room = room.checked_sub(bytes).ok_or(Refusal::Swollen { bytes })?;
            Ok(())
        });
    }

    /// Keeps the tensors for which nothing speaks against it.
    fn keep(&mut self, mut judge: impl FnMut(&(String, Tensor)) -> Result<(), Refusal>) {
        let tensors = std::mem::take(&mut self.tensors);
        let bytes = std::mem::take(&mut self.bytes);
        let origins = std::mem::take(&mut self.origins);
        for ((tensor, bytes), origin) in tensors.into_iter().zip(bytes).zip(origins) {
            match judge(&tensor) {
                Ok(()) => {
                    self.tensors.push(tensor);
                    self.bytes.push(bytes);
                    self.origins.push(origin);
                }
                Err(refusal) => self.refuse(tensor.0, &refusal),
            }
        }
    }

    fn lay_out(&self) -> Result<Vec<Layout>, ConvertError> {
        let most = self.options.max_shard_size.unwrap_or(u64::MAX);
        let sizes = self.tensors.iter().map(|(_, tensor)| tensor.bytes());
        let files = layout::cut(sizes, most).into_iter().enumerate();
        let files = files.map(|(nth, chosen)| {
            // Values are not divided among files; a reader of the first has them all.
            let format = self.metadata.get_key_value("format");
            let rest = format.map(|(key, value)| (key.clone(), value.clone()));
            match nth {
                0 => Layout::new(&self.tensors, chosen, &self.metadata),
                _ => Layout::new(&self.tensors, chosen, &rest.into_iter().collect()),
            }
        });
        files.collect()
    }
}

/// How many bytes more than twice its storages an output may have.
const SPARE: u64 = 1 << 30;
