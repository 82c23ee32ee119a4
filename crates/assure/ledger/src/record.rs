//! Entries that are records.

use casemate_core::Record;

use crate::tile::MAX_ENTRY;

/// The record that an entry is, where it is one: its canonical JSON, and nothing else. An entry may be
/// anything; another spelling of a record is not one.
pub fn read(entry: &[u8]) -> Option<Record> {
    if entry.first() != Some(&b'{') {
        return None;
    }
    let record: Record = casemate_attest::json::from_slice(entry, MAX_ENTRY).ok()?;
    (record.to_json() == entry).then_some(record)
}
