//! What `torch.save` wrote before version 1.6: five pickles, then the storages' bytes.
//!
//! The pickles are a magic number, the protocol version, facts about the system, the object, and
//! the keys of the storages. Each storage is its number of elements in eight bytes, then its data.

use std::{collections::HashMap, io};

use casemate_core::Source;

use crate::{
    Allowlist, Verdict,
    formats::{
        literal::{Literal, Literals},
        torch_zip::STORAGE,
    },
    notes::{Notes, bytes, plain},
    pickle::{self, Extent, Persistence, storage::Storage},
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
    let mut scan = |at, streams| {
        let extent = Extent::Streams(streams);
        pickle::scan(
            source,
            at,
            extent,
            Persistence::Torch,
            allowlist,
            notes,
            depth,
        )
    };
    let object = scan(0, PICKLES)?;
    if object.broken || object.streams < PICKLES {
        return Ok(());
    }
    let keys = scan(object.end, 1)?;
    if keys.broken || keys.streams < 1 {
        return Ok(());
    }
    let disagreement = match Literals::read(source, object.end)? {
        Some(list) => walk(source, keys.end, &list, &object.storages)?,
        // The pickle of them is there to its end.
        None if keys.end - object.end < LONG_KEYS => {
            forged("the keys of the storages cannot be read")
        }
        None => cut("the keys of the storages cannot be read"),
    };
    let Some((verdict, message)) = disagreement else {
        return Ok(());
    };
    let region = bytes(keys.end, source.len().saturating_sub(keys.end));
    notes.observe(&STORAGE, verdict, region, "storages", message);
    pickle::scan_hidden(source, keys.end, allowlist, notes, depth)
}

/// Steps from storage to storage, and says where they are not what the object says.
fn walk(
    source: &dyn Source,
    start: u64,
    keys: &Literals,
    storages: &[Storage],
) -> io::Result<Option<Disagreement>> {
    // The first mention of a storage makes it.
    let mut said: HashMap<&str, &Storage> = HashMap::new();
    for storage in storages {
        said.entry(&storage.key).or_insert(storage);
    }
    let mut at = start;
    for key in keys.items().unwrap_or_default() {
        let Literal::Text(key) = key else {
            return Ok(forged("the key of a storage is no text"));
        };
        let name = plain(key);
        let Some(storage) = said.remove(key.as_str()) else {
            return Ok(forged(format!(
                "no tensor refers to the storage {name}, or it is there twice"
            )));
        };
        let Some((item, size)) = storage.item.zip(storage.bytes) else {
            return Ok(cut(format!(
                "the storage {name} is of a type that is not known"
            )));
        };
        if storage.view.saturating_mul(item) > size {
            return Ok(forged(format!("a view reaches beyond the storage {name}")));
        }
        let mut count = [0; 8];
        if source.read_at(at, &mut count)? < count.len() {
            return Ok(cut(format!("the storage {name} is not in the file")));
        }
        let held = u64::from_le_bytes(count).checked_mul(item);
        if held != Some(size) {
            let message = format!("the storage {name} does not hold the {size} bytes it should");
            return Ok(forged(message));
        }
        at = at.saturating_add(8).saturating_add(size);
    }
    if let Some(key) = said.into_keys().min() {
        let name = plain(key);
        return Ok(forged(format!(
            "a tensor refers to the storage {name}, which is not in the file"
        )));
    }
    let there = source.len();
    let message = format!("the storages end at byte {at}, and the file at {there}");
    Ok(cut(message).filter(|_| at != there))
}

/// What the file says that it does not hold, and what that makes of it.
type Disagreement = (Verdict, String);

/// What a file may say that was not copied to its end, or that a new torch wrote.
fn cut(message: impl Into<String>) -> Option<Disagreement> {
    Some((Verdict::Unknown, message.into()))
}

/// What torch never wrote, and no accident makes.
fn forged(message: impl Into<String>) -> Option<Disagreement> {
    Some((Verdict::Dangerous, message.into()))
}

/// LONG1 of `0x1950a86a20f9469cfc6c`, and STOP.
const MAGIC: &[u8] = b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
/// Up to the object.
const PICKLES: u64 = 4;
const HEAD: usize = 64;
/// More than the keys of most files take, and less than what is read of them.
const LONG_KEYS: u64 = 1 << 20;
