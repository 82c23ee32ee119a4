//! What the index of a checkpoint in several files says, beside what the files hold.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
};

use casemate_core::Source;
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    ConvertError,
    open::{self, Terms, Thing},
};
use crate::{Allowlist, Limits};

/// One file that an index names.
pub struct Shard<'a> {
    /// Its name in the index.
    pub name: &'a str,
    /// Its bytes, or why they cannot be had.
    pub source: Result<&'a dyn Source, String>,
}

/// What the files of an index hold, and where the index says something else.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct Shards {
    /// The files, in the order of their names.
    pub files: Vec<ShardRow>,
    /// Where the index and the files disagree, a sentence each.
    pub disagreements: Vec<String>,
    /// How many more disagreements there are than are listed.
    pub more_disagreements: u64,
}

/// One file of an index.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ShardRow {
    /// Its name in the index.
    pub name: String,
    /// How many tensors it holds.
    pub tensors: u64,
    /// How many bytes their elements take.
    pub bytes: u64,
}

impl Shards {
    /// Compares an index with its files: `map` says which file each tensor is in, and `total` how
    /// many bytes all of them take.
    ///
    /// # Errors
    ///
    /// What the medium says.
    pub fn compare(
        map: &BTreeMap<String, String>,
        total: Option<f64>,
        shards: &[Shard<'_>],
        allowlist: &Allowlist,
        limits: &Limits,
    ) -> io::Result<Self> {
        let mut comparison = Comparison {
            map,
            shards: Self::default(),
            seen: BTreeSet::new(),
            unread: BTreeSet::new(),
            once: 0,
        };
        for shard in shards {
            comparison.look_into(shard, allowlist, limits)?;
        }
        Ok(comparison.conclude(total))
    }

    fn disagree(&mut self, sentence: String) {
        match self.disagreements.len() < MOST_DISAGREEMENTS {
            true => self.disagreements.push(sentence),
            false => self.more_disagreements += 1,
        }
    }
}

struct Comparison<'m> {
    map: &'m BTreeMap<String, String>,
    shards: Shards,
    /// The tensors of the map that are where it says.
    seen: BTreeSet<&'m str>,
    /// The files of which nobody knows what they hold.
    unread: BTreeSet<String>,
    /// How many bytes the tensors take where those of one storage count once.
    once: u64,
}

impl Comparison<'_> {
    fn look_into(
        &mut self,
        shard: &Shard<'_>,
        allowlist: &Allowlist,
        limits: &Limits,
    ) -> io::Result<()> {
        let mut row = ShardRow {
            name: shard.name.to_owned(),
            tensors: 0,
            bytes: 0,
        };
        let terms = Terms {
            allowlist,
            limits,
            places: &BTreeSet::new(),
        };
        let opened = match &shard.source {
            Ok(source) => match open::open(*source, terms) {
                Ok(opened) => Ok(opened),
                Err(ConvertError::Io(error)) => return Err(error),
                Err(error) => Err(error.to_string()),
            },
            Err(why) => Err(why.clone()),
        };
        let opened = match opened {
            Ok(opened) => opened,
            Err(why) => {
                self.shards.disagree(format!("{}: {why}", shard.name));
                self.unread.insert(row.name.clone());
                self.shards.files.push(row);
                return Ok(());
            }
        };
        let mut storages = BTreeSet::new();
        for found in opened.found {
            match &found.thing {
                Thing::Tensor(tensor, _) => {
                    row.tensors += 1;
                    row.bytes = row.bytes.saturating_add(tensor.bytes());
                    if storages.insert(tensor.storage().place.clone()) {
                        self.once = self.once.saturating_add(tensor.bytes());
                    }
                }
                Thing::Refused(_) => {}
                Thing::Plain(_) | Thing::Text(_) => continue,
            }
            self.place(&found.name, shard.name);
        }
        self.shards.files.push(row);
        Ok(())
    }

    /// Compares where one tensor is with what the map says.
    fn place(&mut self, tensor: &str, here: &str) {
        match self.map.get_key_value(tensor) {
            Some((name, said)) if said == here => {
                self.seen.insert(name);
            }
            Some((_, said)) => self.shards.disagree(format!(
                "{tensor} is in {here} too, and the index says that it is in {said}"
            )),
            None => self.shards.disagree(format!(
                "{tensor} is in {here}, and the index does not name it"
            )),
        }
    }

    fn conclude(mut self, total: Option<f64>) -> Shards {
        for (tensor, file) in self.map {
            if !self.seen.contains(tensor.as_str()) && !self.unread.contains(file) {
                let sentence =
                    format!("{tensor} is not in {file}, where the index says that it is");
                self.shards.disagree(sentence);
            }
        }
        let all = self.shards.files.iter().map(|file| file.bytes);
        let all = all.fold(0, u64::saturating_add);
        if let Some(total) = total
            && self.unread.is_empty()
            // Libraries differ in whether tensors of one storage count once.
            && ![all, self.once].iter().any(|&bytes| is(total, bytes))
        {
            let sentence =
                format!("the index says {total} bytes in all, and the tensors have {all}");
            self.shards.disagree(sentence);
        }
        self.shards
    }
}

/// Whether a number of JSON, which may have passed through a float, is this many bytes.
#[expect(
    clippy::cast_precision_loss,
    reason = "the number has lost as much on its way"
)]
fn is(total: f64, bytes: u64) -> bool {
    total.to_bits() == (bytes as f64).to_bits()
}

/// A page of them says enough.
const MOST_DISAGREEMENTS: usize = 1000;

#[cfg(test)]
mod tests {
    use casemate_core::MemorySource;

    use super::*;

    /// A safetensors file of tensors of four bytes.
    fn file(names: &[&str]) -> MemorySource<Vec<u8>> {
        let entry = |(nth, name): (usize, &&str)| {
            let (from, to) = (nth * 4, nth * 4 + 4);
            format!("\"{name}\":{{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[{from},{to}]}}")
        };
        let entries: Vec<String> = names.iter().enumerate().map(entry).collect();
        let header = format!("{{{}}}", entries.join(","));
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.into_bytes());
        bytes.resize(bytes.len() + names.len() * 4, 0);
        MemorySource(bytes)
    }

    fn compared(map: &[(&str, &str)], total: Option<f64>) -> Shards {
        let (one, two) = (file(&["a", "b"]), file(&["c"]));
        let map = map
            .iter()
            .map(|(name, file)| ((*name).to_owned(), (*file).to_owned()));
        let shards = [
            Shard {
                name: "one",
                source: Ok(&one),
            },
            Shard {
                name: "two",
                source: Ok(&two),
            },
            Shard {
                name: "zero",
                source: Err("is not there".to_owned()),
            },
        ];
        let map: BTreeMap<String, String> = map.collect();
        let named: BTreeSet<&str> = map.values().map(String::as_str).collect();
        let shards: Vec<Shard<'_>> = shards
            .into_iter()
            .filter(|s| named.contains(s.name))
            .collect();
        let (allowlist, limits) = (Allowlist::builtin(), Limits::default());
        Shards::compare(&map, total, &shards, allowlist, &limits).expect("memory")
    }

    #[test]
    fn an_index_that_says_what_there_is_disagrees_with_nothing() {
        let map = [("a", "one"), ("b", "one"), ("c", "two")];
        for total in [None, Some(12.0)] {
            let shards = compared(&map, total);
            assert!(shards.disagreements.is_empty(), "{shards:?}");
            assert_eq!((shards.files[0].tensors, shards.files[0].bytes), (2, 8));
        }
    }

    #[test]
    fn each_way_to_disagree_is_told() {
        let map = [("a", "one"), ("b", "two"), ("ghost", "two"), ("d", "zero")];
        assert_eq!(
            compared(&map, Some(3.0)).disagreements,
            [
                "b is in one too, and the index says that it is in two",
                "c is in two, and the index does not name it",
                "zero: is not there",
                "b is not in two, where the index says that it is",
                "ghost is not in two, where the index says that it is",
            ]
        );
        let map = [("a", "one"), ("b", "one"), ("c", "two")];
        let sentence = "the index says 13 bytes in all, and the tensors have 12";
        assert_eq!(compared(&map, Some(13.0)).disagreements, [sentence]);
    }
}
