//! A plan under way: what the files hold, and what of it is refused.

use std::collections::{BTreeMap, BTreeSet, HashMap, btree_map::Entry as Slot};

use super::{
    ConvertError, Convertible, Index, Options, Refused,
    bytes::Bytes,
    layout::{self, Layout},
    open::{self, Opened, Terms, Thing},
    select,
    suspicion::{start, suspicious},
};
use crate::{
    Allowlist, Examination, Limits, Verdict,
    tensor::{Dtype, Refusal, Tensor},
};

/// A plan under way.
pub(super) struct Draft<'a, 'o> {
    options: &'o Options,
    pub(super) tensors: Vec<(String, Tensor)>,
    pub(super) bytes: Vec<Bytes<'a>>,
    pub(super) origins: Vec<usize>,
    pub(super) metadata: BTreeMap<String, String>,
    pub(super) refused: Vec<Refused>,
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
    pub(super) fn of(
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

    pub(super) fn lay_out(&self) -> Result<Vec<Layout>, ConvertError> {
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
