//! Which records of an archive hold which tensors.

use std::{collections::BTreeMap, io};

use casemate_core::Source;

use super::{note_unread, scalars};
use crate::notes::Notes;

/// What is said of a record.
#[derive(Debug, Default)]
pub(super) struct Payload {
    /// Whether it is a pickle, or says that it is for one of its tensors.
    pub(super) is_pickled: bool,
    /// How many bytes the tensors in it reach over; nothing where that cannot be told.
    pub(super) reach: Option<u64>,
    is_told: bool,
}

impl Payload {
    /// The same record, for another tensor.
    pub(super) fn merge(&mut self, other: &Self) {
        let both = self.reach.zip(other.reach);
        self.reach = match self.is_told {
            true => both.map(|(a, b)| a.max(b)),
            false => other.reach,
        };
        self.is_pickled |= other.is_pickled;
        self.is_told = true;
    }
}

/// Reads the table of a folder: by record.
///
/// # Errors
///
/// What the medium says.
pub(super) fn read(
    source: &dyn Source,
    notes: &mut Notes<'_>,
) -> io::Result<BTreeMap<String, Payload>> {
    let mut records: BTreeMap<String, Payload> = BTreeMap::new();
    let mut name = None;
    let mut tensor = Tensor::default();
    let mut is_full = false;
    let mut finish = |tensor: Tensor| {
        if let Some((record, payload)) = tensor.payload() {
            is_full |= !add(&mut records, record, &payload);
        }
    };
    let read = scalars(source, |path, text, _| {
        let [config, of, field, rest @ ..] = path else {
            return;
        };
        if config != "config" {
            return;
        }
        if name.as_ref() != Some(of) {
            name = Some(of.clone());
            finish(std::mem::take(&mut tensor));
        }
        tensor.take(field, rest, text);
    });
    finish(tensor);
    if is_full {
        notes.leave_out("pt2", None, FULL);
    }
    note_unread(read, "the table of tensors", notes)?;
    Ok(records)
}

/// Adds what is said of a record, unless its name is too long or there are too many.
pub(super) fn add(
    records: &mut BTreeMap<String, Payload>,
    record: String,
    payload: &Payload,
) -> bool {
    if let Some(known) = records.get_mut(&record) {
        known.merge(payload);
        return true;
    }
    if records.len() >= MOST_RECORDS || record.len() > LONGEST_RECORD {
        return false;
    }
    records.entry(record).or_default().merge(payload);
    true
}

/// One tensor under way.
#[derive(Debug, Default)]
struct Tensor {
    record: Option<String>,
    is_pickled: bool,
    dtype: Option<u64>,
    sizes: Vec<Option<u64>>,
    strides: Vec<Option<u64>>,
    offset: Option<u64>,
}

impl Tensor {
    fn take(&mut self, field: &str, rest: &[String], text: &str) {
        let number = || text.parse::<u64>().ok();
        // The places of arrays have no key.
        let keys = rest.iter().map(String::as_str);
        let rest: Vec<&str> = keys.filter(|key| !key.is_empty()).collect();
        match (field, &rest[..]) {
            ("path_name", []) => self.record = Some(text.to_owned()),
            ("use_pickle", []) => self.is_pickled = true,
            ("tensor_meta", ["dtype"]) => self.dtype = number(),
            ("tensor_meta", ["sizes", "as_int"]) if self.sizes.len() < MOST => {
                self.sizes.push(number());
            }
            ("tensor_meta", ["strides", "as_int"]) if self.strides.len() < MOST => {
                self.strides.push(number());
            }
            // A size that is computed.
            ("tensor_meta", ["sizes" | "strides", ..]) if self.sizes.len() <= MOST => {
                self.sizes.push(None);
            }
            ("tensor_meta", ["storage_offset", "as_int"]) => self.offset = number(),
            _ => {}
        }
    }

    fn payload(self) -> Option<(String, Payload)> {
        let reach = self.reach();
        let payload = Payload {
            is_pickled: self.is_pickled,
            reach,
            is_told: true,
        };
        Some((self.record?, payload))
    }

    /// How far into its record the tensor reaches, in bytes.
    fn reach(&self) -> Option<u64> {
        if self.sizes.len() != self.strides.len() {
            return None;
        }
        let mut last = self.offset?;
        for (size, stride) in self.sizes.iter().zip(&self.strides) {
            let Some(steps) = (*size)?.checked_sub(1) else {
                return Some(0);
            };
            last = last.checked_add(steps.checked_mul((*stride)?)?)?;
        }
        last.checked_add(1)?.checked_mul(item_size(self.dtype?)?)
    }
}

/// How many bytes an element takes, by `ScalarType` of `torch/_export/serde/schema.py`.
fn item_size(dtype: u64) -> Option<u64> {
    Some(match dtype {
        1 | 2 | 12 | 29..=33 => 1,
        3 | 6 | 13 | 28 => 2,
        4 | 7 | 9 | 34 => 4,
        5 | 8 | 10 | 35 => 8,
        11 => 16,
        _ => return None,
    })
}

/// No tensor has more dimensions than torch takes, which is 64.
const MOST: usize = 65;
/// Each is a member of the zip.
const MOST_RECORDS: usize = 1 << 17;
const LONGEST_RECORD: usize = 512;
/// Why a record is left out.
pub(super) const FULL: &str = "the table of tensors has more records than are read";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_beyond_the_table_are_left_out() {
        let limits = crate::Limits::default();
        let judged = |names: &mut dyn Iterator<Item = String>| {
            let tensors: Vec<String> = names
                .map(|name| format!("\"{name}\":{{\"path_name\":\"{name}\"}}"))
                .collect();
            let text = format!("{{\"config\":{{{}}}}}", tensors.join(","));
            let mut notes = Notes::new(&limits);
            let source = casemate_core::MemorySource(text.as_bytes());
            let records = read(&source, &mut notes).expect("memory");
            (records.len(), notes.finish("pt2").coverage)
        };
        use casemate_core::Coverage::{Complete, Partial};
        let numbers = |count: usize| (0..count).map(|number| number.to_string());
        assert_eq!(judged(&mut numbers(1000)), (1000, Complete));
        assert_eq!(
            judged(&mut numbers(MOST_RECORDS + 9)),
            (MOST_RECORDS, Partial)
        );
        let long = "a".repeat(LONGEST_RECORD + 1);
        assert_eq!(judged(&mut [long].into_iter()), (0, Partial));
    }

    #[test]
    fn a_tensor_reaches_to_its_last_element() {
        let tensor = |sizes: &[u64], strides: &[u64], offset, dtype| Tensor {
            dtype: Some(dtype),
            sizes: sizes.iter().copied().map(Some).collect(),
            strides: strides.iter().copied().map(Some).collect(),
            offset: Some(offset),
            ..Tensor::default()
        };
        assert_eq!(tensor(&[2, 3], &[3, 1], 0, 7).reach(), Some(24));
        assert_eq!(tensor(&[3, 2], &[1, 3], 1, 5).reach(), Some(56));
        assert_eq!(tensor(&[], &[], 0, 12).reach(), Some(1));
        assert_eq!(tensor(&[0, 9], &[1, 1], 5, 7).reach(), Some(0));
        assert_eq!(tensor(&[2], &[u64::MAX], 1, 7).reach(), None);
        assert_eq!(tensor(&[2], &[], 0, 7).reach(), None);
        assert_eq!(tensor(&[2], &[1], 0, 99).reach(), None);
    }
}
