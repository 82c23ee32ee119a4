//! Small reads that every container needs.

use std::io;

use casemate_core::Source;

/// The `N` bytes of `bytes` at `at`, where they are there.
pub(crate) fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

pub(crate) fn le16(bytes: &[u8], at: usize) -> Option<u16> {
    array(bytes, at).map(u16::from_le_bytes)
}

pub(crate) fn le32(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(u32::from_le_bytes)
}

pub(crate) fn le64(bytes: &[u8], at: usize) -> Option<u64> {
    array(bytes, at).map(u64::from_le_bytes)
}

/// Whether `source` holds nothing but zeros, which is padding. What lies behind `limit` is taken
/// for something else, unread.
pub(crate) fn is_zero(source: &dyn Source, limit: u64) -> io::Result<bool> {
    if source.len() > limit {
        return Ok(false);
    }
    let mut at = 0;
    while at < source.len() {
        let chunk = source.read_vec(at, CHUNK)?;
        if chunk.is_empty() || chunk.iter().any(|&byte| byte != 0) {
            return Ok(false);
        }
        at += chunk.len() as u64;
    }
    Ok(true)
}

/// A source seen through one small buffer, for headers that lie close together.
pub(crate) struct Pages<'a> {
    source: &'a dyn Source,
    page: usize,
    start: u64,
    bytes: Vec<u8>,
}

impl<'a> Pages<'a> {
    /// Reads at least `page` bytes at a time.
    pub(crate) fn new(source: &'a dyn Source, page: usize) -> Self {
        Self {
            source,
            page,
            start: 0,
            bytes: Vec::new(),
        }
    }

    pub(crate) fn len(&self) -> u64 {
        self.source.len()
    }

    /// Up to `len` bytes from `at`; fewer where the source ends.
    pub(crate) fn bytes(&mut self, at: u64, len: usize) -> io::Result<&[u8]> {
        let held = self.at_least(at, len)?;
        Ok(&held[..held.len().min(len)])
    }

    /// What the buffer holds from `at`, and at least `len` bytes; fewer where the source ends.
    pub(crate) fn at_least(&mut self, at: u64, len: usize) -> io::Result<&[u8]> {
        let there = self.source.len().saturating_sub(at);
        let len = len.min(usize::try_from(there).unwrap_or(usize::MAX));
        let held = at
            .checked_sub(self.start)
            .and_then(|skip| usize::try_from(skip).ok())
            .filter(|&skip| {
                skip.checked_add(len)
                    .is_some_and(|end| end <= self.bytes.len())
            });
        let skip = match held {
            Some(skip) => skip,
            None => {
                self.bytes = self.source.read_vec(at, self.page.max(len))?;
                self.start = at;
                0
            }
        };
        Ok(&self.bytes[skip.min(self.bytes.len())..])
    }
}

const CHUNK: usize = 64 << 10;
