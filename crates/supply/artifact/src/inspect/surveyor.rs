//! Who listens to the examination and lists what is in the file.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    io,
};

use casemate_container::{Budget, Magic, Member};
use casemate_core::Source;

use super::{
    Content, DtypeRow, ImportRow, Inspection, MemberRow, Metadata, Outline, PlainValue, TensorRow,
    Totals, outline,
};
use crate::{
    Allowlist, Detail, Examination, Limits, Verdict,
    formats::gguf,
    notes::Notes,
    pickle::{
        standing::{Standing, standing},
        tree::{Act, Id, Tree},
    },
    tensor::{self, Place as Lies, Tensor, torch_tar::Objects, walk},
    witness::{Interpreted, Origin, Place, Seen, Witness},
};

/// The witness that lists.
pub(super) struct Surveyor<'a> {
    allowlist: &'a Allowlist,
    detail: Detail,
    content: Content,
    outlines: Vec<(u32, Outline)>,
    imports: BTreeMap<String, ImportRow>,
    /// Which row of the members a place is.
    rows: HashMap<u32, usize>,
    /// The last row of each path: some members are looked at more than once.
    paths: HashMap<Vec<String>, usize>,
    /// The first tensor of each storage.
    storages: BTreeMap<Bytes, String>,
    /// The views that have been counted.
    views: BTreeSet<(Bytes, u64, Vec<u64>, Vec<u64>)>,
    left_out: BTreeSet<&'static str>,
}

/// What tells a storage from every other one: the members around it, the place and the stream if it
/// lies there, and where it lies.
type Bytes = (Vec<String>, (u32, u64), Lies);

impl<'a> Surveyor<'a> {
    pub(super) fn new(allowlist: &'a Allowlist, detail: Detail) -> Self {
        Self {
            allowlist,
            detail,
            content: Content::default(),
            outlines: Vec::new(),
            imports: BTreeMap::new(),
            rows: HashMap::new(),
            paths: HashMap::new(),
            storages: BTreeMap::new(),
            views: BTreeSet::new(),
            left_out: BTreeSet::new(),
        }
    }

    pub(super) fn conclude(mut self, examination: Examination) -> Inspection {
        // The classes of TorchScript are in the file itself, and judged there.
        let vouched = examination.verdict <= Verdict::Known;
        let imports = self.imports.into_values().map(|row| ImportRow {
            standing: if vouched {
                Verdict::Known
            } else {
                row.standing
            },
            ..row
        });
        self.content.imports = imports.collect();
        self.content.left_out = self.left_out.into_iter().map(str::to_owned).collect();
        // What lies inside of a place has been told before it.
        self.outlines.sort_by_key(|(place, _)| *place);
        let outlines = self.outlines.into_iter();
        self.content.outlines = outlines.map(|(_, outline)| outline).collect();
        Inspection {
            examination,
            content: self.content,
        }
    }

    fn pickle(&mut self, place: &Place<'_>, stream: &Interpreted<'_>, tree: &Tree<'_>) {
        self.symbols(tree);
        let Some(root) = tree.root() else { return };
        if self.outlines.len() < MOST_OUTLINES {
            let (lines, left_out) = outline::outline(tree, root, self.detail);
            let outline = Outline {
                members: place.named(),
                within: place.within.to_vec(),
                origin: stream.origin,
                start: stream.start,
                lines,
                left_out,
            };
            self.outlines.push((place.number, outline));
        } else {
            self.left_out.insert("pickles");
        }
        if matches!(stream.origin, Origin::Hidden | Origin::Resumed) {
            return;
        }
        let entries = self.entries(tree, root, MOST_TENSORS);
        // A value that is all there is in a pickle has no name.
        let is_whole = walk::pairs(tree, root).is_none() && entries.len() == 1;
        for mut entry in entries {
            if is_whole && matches!(entry.content, walk::Content::Plain(_)) {
                entry.name.clear();
            }
            self.entry(place, stream.start, entry);
        }
    }

    /// The first `most` entries of what a pickle gives.
    fn entries(&mut self, tree: &Tree<'_>, root: Id, most: usize) -> Vec<walk::Entry> {
        let mut entries = Vec::new();
        let text = match self.detail {
            Detail::Brief => MOST_TEXT_IN_BRIEF,
            Detail::Full => MOST_TEXT,
        };
        let left_out = &mut self.left_out;
        let walk = walk::Walk {
            text,
            ..walk::Walk::new(self.allowlist)
        };
        let walked = walk.tell(tree, root, |entry| match entry.content {
            _ if entries.len() < most => entries.push(entry),
            walk::Content::Tensor(_) => {
                left_out.insert("tensors");
            }
            walk::Content::Plain(_) | walk::Content::Text(_) => {
                left_out.insert("values");
            }
            walk::Content::Refused(_) => {}
        });
        if walked.is_err() {
            self.left_out.insert("values");
        }
        entries
    }

    /// The tensors of a checkpoint that has them in other members than the pickle that asks for
    /// them. Its values have been told with the pickle.
    fn torch_tar(&mut self, place: &Place<'_>, source: &dyn Source) -> io::Result<()> {
        let Ok(Some(contents)) = casemate_container::open(source, Magic::Tar, &Budget::default())
        else {
            return Ok(());
        };
        let load = |name| {
            let named = |member: &&Member<'_>| member.name.as_str() == name;
            contents.members.iter().find(named)?.load().ok()
        };
        let (Some(storages), Some(tensors), Some(object)) =
            (load("storages"), load("tensors"), load("pickle"))
        else {
            return Ok(());
        };
        let Ok(objects) = Objects::read(&storages, &tensors) else {
            return Ok(());
        };
        let tree = Tree::read(&object, 0)?;
        let Some(root) = tree.root() else {
            return Ok(());
        };
        let members = [place.members, &["pickle".to_owned()]].concat();
        let place = Place {
            members: &members,
            ..*place
        };
        let mut walk = walk::Walk::new(self.allowlist);
        walk.objects = Some(&objects);
        let told = walk.tell(&tree, root, |entry| {
            if let walk::Content::Tensor(tensor) = entry.content {
                self.tensor(&place, 0, entry.name, &tensor);
            }
        });
        if told.is_err() {
            self.left_out.insert("tensors");
        }
        Ok(())
    }

    fn symbols(&mut self, tree: &Tree<'_>) {
        for step in tree.steps() {
            let (id, is_call) = match step.act {
                Act::Import(id) => (id, false),
                Act::Call(id) => match tree.called(id) {
                    Some(called) => (called.callee, true),
                    None => continue,
                },
                _ => continue,
            };
            let Some(symbol) = tree.global(id) else {
                continue;
            };
            let name = symbol.dotted();
            if self.imports.len() >= MOST_IMPORTS && !self.imports.contains_key(&name) {
                self.left_out.insert("imports");
                continue;
            }
            let allowlist = self.allowlist;
            let row = self
                .imports
                .entry(name)
                .or_insert_with_key(|name| ImportRow {
                    name: name.clone(),
                    standing: match standing(allowlist, symbol) {
                        Standing::Listed(_) => Verdict::Known,
                        Standing::Unlisted => Verdict::Unknown,
                        _ => Verdict::Dangerous,
                    },
                    imports: 0,
                    calls: 0,
                });
            match is_call {
                true => row.calls += 1,
                false => row.imports += 1,
            }
        }
    }

    fn entry(&mut self, place: &Place<'_>, start: u64, entry: walk::Entry) {
        let members = place.named();
        let name = entry.name;
        match entry.content {
            walk::Content::Tensor(tensor) => self.tensor(place, start, name, &tensor),
            walk::Content::Text(value) => self.metadata(place, name, None, value),
            walk::Content::Plain(json) if self.content.values.len() < MOST_VALUES => {
                self.content.values.push(PlainValue {
                    members,
                    name,
                    json,
                });
            }
            walk::Content::Plain(_) => {
                self.left_out.insert("values");
            }
            // Objects stand in the outline, which also says what they are.
            walk::Content::Refused(_) => {}
        }
    }

    fn tensor(&mut self, place: &Place<'_>, start: u64, name: String, tensor: &Tensor) {
        let lies = tensor.storage().place.clone();
        // An extent is of the source that the tensor is described in, a key of the file around it.
        let scope = match lies {
            Lies::Key(_) => place
                .members
                .split_last()
                .map_or(&[][..], |(_, outer)| outer),
            _ => place.members,
        };
        let number = match lies {
            Lies::Key(_) => (0, 0),
            _ => (place.number, start),
        };
        let storage = (scope.to_vec(), number, lies);
        let shares = self.storages.get(&storage).cloned();
        if shares.is_none() {
            self.storages.insert(storage.clone(), name.clone());
        }
        let (shape, strides) = (tensor.shape().to_vec(), tensor.strides().to_vec());
        let is_new = self
            .views
            .insert((storage, tensor.offset(), shape, strides));
        let row = TensorRow {
            members: place.named(),
            name,
            dtype: tensor.dtype().torch().to_owned(),
            shape: tensor.shape().to_vec(),
            bytes: tensor.bytes(),
            shares,
        };
        self.row(row, is_new);
    }

    fn row(&mut self, row: TensorRow, counts: bool) {
        if self.content.tensors.len() >= MOST_TENSORS {
            self.left_out.insert("tensors");
            return;
        }
        let elements = tensor::product(&row.shape).unwrap_or(u64::MAX);
        count(
            &mut self.content.totals,
            &row,
            if counts { Some(elements) } else { None },
        );
        self.content.tensors.push(row);
    }

    fn metadata(&mut self, place: &Place<'_>, key: String, kind: Option<String>, value: String) {
        if self.content.metadata.len() >= MOST_VALUES {
            self.left_out.insert("metadata");
            return;
        }
        self.content.metadata.push(Metadata {
            members: place.named(),
            key,
            kind,
            value,
        });
    }
}

impl Witness for Surveyor<'_> {
    fn observed(&mut self, _: &Place<'_>, _: Seen<'_>) {}

    fn interpreted(&mut self, place: &Place<'_>, stream: &Interpreted<'_>) {
        // A medium that fails has been told of by the examination.
        if let Ok(tree) = Tree::read(stream.source, stream.start) {
            self.pickle(place, stream, &tree);
        }
    }

    fn entered(&mut self, place: &Place<'_>, size: Option<u64>) {
        let path = place.named();
        if path.is_empty() {
            return;
        }
        if self.content.members.len() >= MOST_MEMBERS {
            self.left_out.insert("members");
            return;
        }
        let before = self.paths.get(&path).copied();
        let before =
            before.filter(|&row| size.is_none() || self.content.members[row].bytes == size);
        if let Some(row) = before {
            self.rows.insert(place.number, row);
            return;
        }
        self.rows.insert(place.number, self.content.members.len());
        self.paths.insert(path.clone(), self.content.members.len());
        self.content.members.push(MemberRow {
            path,
            bytes: size,
            format: None,
        });
    }

    fn recognised(&mut self, place: &Place<'_>, source: &dyn Source, format: &'static str) {
        if let Some(row) = self.rows.get(&place.number) {
            self.content.members[*row].format = Some(format);
        }
        let limits = Limits::default();
        let mut notes = Notes::new(&limits);
        // A medium that fails has been told of by the examination, whose notes say more than these.
        let _ = match format {
            "safetensors" => tensor::safetensors::entries(source, |entry| {
                self.entry(place, 0, entry);
            }),
            "npy" => tensor::npy::tensor(source).map(|tensor| {
                if let Ok(tensor) = tensor {
                    let name = place.members.last().map_or("array", String::as_str);
                    let name = name.strip_suffix(".npy").unwrap_or(name).to_owned();
                    self.tensor(place, 0, name, &tensor);
                }
            }),
            "torch-tar" => self.torch_tar(place, source),
            "gguf" => gguf::list(source, &mut notes, &mut |item| match item {
                gguf::Item::Entry { key, kind, value } => {
                    self.metadata(place, key, Some(kind), value);
                }
                gguf::Item::Tensor {
                    name,
                    kind,
                    shape,
                    bytes,
                } => {
                    let row = TensorRow {
                        members: place.named(),
                        name,
                        dtype: kind.to_owned(),
                        shape,
                        bytes,
                        shares: None,
                    };
                    self.row(row, true);
                }
            })
            .map(|_| ()),
            _ => Ok(()),
        };
    }
}

/// Adds a tensor; its elements are none where another tensor has counted them.
fn count(totals: &mut Totals, row: &TensorRow, elements: Option<u64>) {
    let bytes = elements.map_or(0, |_| row.bytes);
    let elements = elements.unwrap_or_default();
    totals.parameters = totals.parameters.saturating_add(elements);
    totals.bytes = totals.bytes.saturating_add(bytes);
    let known = totals.dtypes.iter().position(|of| of.dtype == row.dtype);
    let place = known.unwrap_or_else(|| {
        totals.dtypes.push(DtypeRow {
            dtype: row.dtype.clone(),
            tensors: 0,
            parameters: 0,
            bytes: 0,
        });
        totals.dtypes.len() - 1
    });
    let of = &mut totals.dtypes[place];
    of.tensors += 1;
    of.parameters = of.parameters.saturating_add(elements);
    of.bytes = of.bytes.saturating_add(bytes);
}

/// The plain values of a checkpoint are some kilobytes.
const MOST_TEXT: usize = 8 << 20;
const MOST_TEXT_IN_BRIEF: usize = 256 << 10;
const MOST_TENSORS: usize = 1 << 20;
const MOST_VALUES: usize = 1 << 16;
const MOST_OUTLINES: usize = 64;
const MOST_IMPORTS: usize = 1 << 15;
const MOST_MEMBERS: usize = 1 << 18;

#[cfg(test)]
mod tests {
    use casemate_core::MemorySource;

    use super::*;

    #[test]
    fn entries_beyond_the_bound_are_said_to_be_left_out() {
        let source = MemorySource(b"\x80\x02}(X\x01\0\0\0aK\x01X\x01\0\0\0bK\x02u.");
        let tree = Tree::read(&source, 0).expect("memory");
        let root = tree.root().expect("a whole pickle");
        let mut surveyor = Surveyor::new(Allowlist::builtin(), Detail::Full);
        assert_eq!(surveyor.entries(&tree, root, 2).len(), 2);
        assert!(surveyor.left_out.is_empty());
        assert_eq!(surveyor.entries(&tree, root, 1).len(), 1);
        assert!(surveyor.left_out.contains("values"));
    }
}
