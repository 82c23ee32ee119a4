//! Where the central directory is, in each way that readers look for it.

use std::io;

use casemate_core::Source;

use super::records::{CENTRAL, Central, END, End, End64, LOCATOR64};
use crate::bytes::{Pages, le64};

/// One reading of where a central directory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Directory {
    /// Its first byte.
    pub(super) start: u64,
    /// How many headers its end record counts.
    pub(super) entries: u64,
    /// What its headers' offsets are relative to: bytes before the archive that they do not count.
    pub(super) base: u64,
    /// The first byte of its end records.
    pub(super) stop: u64,
}

/// An end record, and every reading of it.
#[derive(Clone, Debug)]
pub(super) struct Ending {
    pub(super) end: End,
    /// The first byte of the records that end the directory, zip64's included.
    pub(super) start: u64,
    pub(super) readings: Vec<Directory>,
}

/// The end records in the last 64 KiB, the last one first; only those that lead to a directory.
pub(super) fn endings(source: &dyn Source) -> io::Result<Vec<Ending>> {
    let mut pages = Pages::new(source, 512);
    let tail_at = source.len().saturating_sub(TAIL);
    let tail = source.read_vec(tail_at, TAIL_BYTES)?;
    let mut found = Vec::new();
    for at in memchr::memmem::rfind_iter(&tail, END) {
        if found.len() == ENDINGS {
            break;
        }
        found.extend(ending(&mut pages, tail_at + at as u64)?);
    }
    Ok(found)
}

/// The end record at `at`, if one stands there that leads to a directory.
pub(super) fn ending(pages: &mut Pages<'_>, at: u64) -> io::Result<Option<Ending>> {
    let Some(end) = End::read(pages, at)? else {
        return Ok(None);
    };
    let mut start = end.at;
    let mut readings = Vec::new();
    if end.is_empty {
        readings.push(Directory {
            start,
            entries: 0,
            base: 0,
            stop: start,
        });
    }
    for end64 in zip64_records(pages, &end)? {
        start = start.min(end64.at);
        if end64.entries == 0 && end64.size == 0 {
            readings.push(Directory {
                start,
                entries: 0,
                base: 0,
                stop: start,
            });
            continue;
        }
        let (entries, size) = (end64.entries, end64.size);
        read_both_ways(pages, &mut readings, end64.at, entries, size, end64.offset)?;
    }
    let saturated = end.entries == 0xffff || end.size == 0xffff_ffff || end.offset == 0xffff_ffff;
    if readings.is_empty() || !saturated {
        read_both_ways(
            pages,
            &mut readings,
            start,
            end.entries,
            end.size,
            end.offset,
        )?;
    }
    Ok((!readings.is_empty()).then_some(Ending {
        end,
        start,
        readings,
    }))
}

/// Adds the directory that ends where the end record `stop` begins, as CPython looks for it, and
/// the one at the declared offset, as miniz does; they are one in an honest archive.
fn read_both_ways(
    pages: &mut Pages<'_>,
    readings: &mut Vec<Directory>,
    stop: u64,
    entries: u64,
    size: u64,
    offset: u64,
) -> io::Result<()> {
    for start in [stop.checked_sub(size), Some(offset)].into_iter().flatten() {
        let fits = start.checked_add(size).is_some_and(|end| end <= stop);
        if !fits {
            continue;
        }
        if !pages.bytes(start, 4)?.starts_with(CENTRAL) {
            continue;
        }
        let base = start.saturating_sub(offset);
        if !readings.iter().any(|other| other.start == start) {
            readings.push(Directory {
                start,
                entries,
                base,
                stop,
            });
        }
    }
    Ok(())
}

/// The zip64 end records that `end` leads to: where the locator says, and directly before it.
fn zip64_records(pages: &mut Pages<'_>, end: &End) -> io::Result<Vec<End64>> {
    let Some(locator_at) = end.at.checked_sub(20) else {
        return Ok(Vec::new());
    };
    let locator = pages.bytes(locator_at, 20)?;
    let Some(declared) = le64(locator, 8).filter(|_| locator.starts_with(LOCATOR64)) else {
        return Ok(Vec::new());
    };
    let mut found: Vec<End64> = Vec::new();
    for at in [Some(declared), locator_at.checked_sub(56)]
        .into_iter()
        .flatten()
    {
        if at >= locator_at || found.iter().any(|other| other.at == at) {
            continue;
        }
        found.extend(End64::read(pages, at)?);
    }
    Ok(found)
}

/// The headers of `directory`, at most `limit`, and where they end.
pub(super) fn walk(
    source: &dyn Source,
    directory: &Directory,
    limit: usize,
) -> io::Result<(Vec<Central>, u64)> {
    let mut pages = Pages::new(source, PAGE);
    let mut headers = Vec::new();
    let mut at = directory.start;
    while at < directory.stop && headers.len() <= limit {
        let Some(header) = Central::read(&mut pages, at)? else {
            break;
        };
        at = header.end;
        headers.push(header);
    }
    Ok((headers, at))
}

/// An end record and the longest comment.
const TAIL: u64 = 22 + 0xffff;
const TAIL_BYTES: usize = 22 + 0xffff;
/// More end records than this in one tail are not read; one is usual.
const ENDINGS: usize = 16;
const PAGE: usize = 64 << 10;
