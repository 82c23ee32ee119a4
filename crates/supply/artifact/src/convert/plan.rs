//! What would be written, what is left out, and what stands in the way.

use std::{collections::BTreeMap, io};

use casemate_core::Source;

use super::{
    ConvertError, Sink,
    bytes::Bytes,
    draft::Draft,
    gather::{self, Workers},
    layout::Layout,
};
use crate::{
    Allowlist, Examination, Limits, examine,
    tensor::{Place, Tensor},
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
