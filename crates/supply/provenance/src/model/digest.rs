//! Digests of files, over all cores.

use std::{
    cell::RefCell,
    ops::Range,
    sync::atomic::{AtomicU64, Ordering},
};

use casemate_core::Source;
use rayon::prelude::*;

use super::{Fault, File};
use crate::{HashType, hash::Hasher};

/// How much has been read so far; anybody may look at it meanwhile.
#[derive(Debug, Default)]
pub struct Meter(AtomicU64);

impl Meter {
    /// In bytes.
    pub fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Digests the given ranges of `content`, which is that of `file`, and finds out whether the file
/// changed meanwhile.
pub(crate) fn digest(
    file: &File,
    content: &dyn Source,
    ranges: &[Range<u64>],
    kind: HashType,
    meter: &Meter,
) -> Result<Vec<Box<[u8]>>, Fault> {
    let one = |range: &Range<u64>| digest_range(content, range.clone(), kind, meter);
    let digests: Result<Vec<_>, Fault> = match ranges {
        [range] => one(range).map(|digest| vec![digest]),
        _ => ranges.par_iter().map(one).collect(),
    };
    let digests = digests?;
    file.is_unchanged()?;
    Ok(digests)
}

fn digest_range(
    content: &dyn Source,
    range: Range<u64>,
    kind: HashType,
    meter: &Meter,
) -> Result<Box<[u8]>, Fault> {
    let mut hasher = Hasher::new(kind);
    let longest = match kind {
        // Which gives its work to other threads, in pieces worth the trouble.
        HashType::Blake3 => 4 << 20,
        _ => 128 << 10,
    };
    // Taken out and not borrowed: while it waits for others, this thread may begin another file.
    let mut buffer = BUFFER.take();
    if buffer.len() < longest + PAGE {
        buffer.resize(longest + PAGE, 0);
    }
    // The kernel copies twice as fast to the beginning of a page as to what an allocator gives.
    let aligned = buffer.as_ptr().align_offset(PAGE).min(PAGE);
    let page = &mut buffer[aligned..];
    let mut at = range.start;
    let mut read_all = || {
        while at < range.end {
            let left = usize::try_from(range.end - at).unwrap_or(usize::MAX);
            let want = left.min(longest);
            let read = content.read_at(at, &mut page[..want]).map_err(Fault::Io)?;
            if read == 0 {
                // It was longer when it was opened.
                return Err(Fault::Changed);
            }
            hasher.update(&page[..read]);
            at += read as u64;
            meter.0.fetch_add(read as u64, Ordering::Relaxed);
        }
        Ok(())
    };
    let all = read_all();
    BUFFER.set(buffer);
    all.map(|()| hasher.finish())
}

const PAGE: usize = 4096;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}
