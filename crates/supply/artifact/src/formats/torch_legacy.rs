//! What `torch.save` wrote before version 1.6: five pickles, then the storages' bytes.
//!
//! The pickles are a magic number, the protocol version, facts about the system, the object, and
//! the keys of the storages. Each storage is its number of elements in eight bytes, then its data.

use std::{collections::BTreeMap, io};

use casemate_core::Source;

use crate::{
    Allowlist, Verdict,
    formats::torch_zip::STORAGE,
    notes::{Notes, bytes},
    pickle::{self, Extent, Persistence},
};

/// Whether the first pickle is torch's magic number.
///
/// # Errors
///
/// What the medium says.
pub(crate) fn is_legacy(source: &dyn Source) -> io::Result<bool> {
    let head = source.read_vec(0, HEAD)?;
    let found = memchr::memmem::find(&head, MAGIC);
    // Before it stand PROTO, and FRAME where the protocol is 4 or more.
    Ok(found.is_some_and(|at| at <= 11))
}

/// Judges a file.
///
/// # Errors
///
/// What the medium says.
pub(crate) fn examine(
    source: &dyn Source,
    allowlist: &Allowlist,
    notes: &mut Notes<'_>,
    depth: u8,
) -> io::Result<()> {
    let extent = Extent::Streams(PICKLES);
    let scanned = pickle::scan(
        source,
        0,
        extent,
        Persistence::Torch,
        allowlist,
        notes,
        depth,
    )?;
    if scanned.broken || scanned.streams < PICKLES {
        return Ok(());
    }
    let mut sizes = BTreeMap::new();
    for storage in &scanned.storages {
        sizes.insert(storage.key.as_str(), storage.bytes);
    }
    let data: Option<u64> = sizes
        .values()
        .try_fold(0u64, |sum, size| sum.checked_add((*size)?)?.checked_add(8));
    let there = source.len().saturating_sub(scanned.end);
    if data == Some(there) {
        return Ok(());
    }
    let message = match data {
        Some(data) => format!("the storages should have {data} bytes and have {there}"),
        None => "a storage is of a type that is not known".to_owned(),
    };
    let region = bytes(scanned.end, there);
    notes.observe(&STORAGE, Verdict::Unknown, region, "storages", message);
    pickle::scan_hidden(source, scanned.end, allowlist, notes, depth)
}

/// LONG1 of `0x1950a86a20f9469cfc6c`, and STOP.
const MAGIC: &[u8] = b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
const PICKLES: u64 = 5;
const HEAD: usize = 64;
