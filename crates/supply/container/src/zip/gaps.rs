//! What lies between the parts of an archive that are known, and what is hidden there.

use std::{collections::BTreeMap, io};

use casemate_core::Source;

use super::records::{CENTRAL, DESCRIPTOR, END, LOCAL, Local};
use crate::bytes::{Pages, le32, le64};

/// Bytes from `start` to before `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Span {
    pub(super) start: u64,
    pub(super) end: u64,
}

/// What `known` leaves of `len` bytes.
pub(super) fn between(known: &mut [Span], len: u64) -> Vec<Span> {
    known.sort_unstable();
    let mut gaps = Vec::new();
    let mut at = 0;
    for span in known.iter() {
        if span.start > at {
            gaps.push(Span {
                start: at,
                end: span.start.min(len),
            });
        }
        at = at.max(span.end);
    }
    if at < len {
        gaps.push(Span {
            start: at,
            end: len,
        });
    }
    gaps
}

/// What a search of gaps found.
#[derive(Debug, Default)]
pub(super) struct Hidden {
    /// Local headers, in the order of the file, with sizes resolved as far as they can be.
    pub(super) locals: Vec<Local>,
    /// Where end records may stand.
    pub(super) ends: Vec<u64>,
    /// Whether the limit on members or on bytes cut the search short.
    pub(super) cut: bool,
}

/// Searches one archive's gaps.
pub(super) struct Search<'a> {
    pages: Pages<'a>,
    /// How many bytes may still be searched.
    bytes: u64,
    /// How many members may still be found.
    members: usize,
    /// Members whose size only a descriptor says, by where their bytes begin.
    open: BTreeMap<u64, usize>,
    found: Hidden,
}

impl<'a> Search<'a> {
    pub(super) fn new(source: &'a dyn Source, bytes: u64, members: usize) -> Self {
        Self {
            pages: Pages::new(source, PAGE),
            bytes,
            members,
            open: BTreeMap::new(),
            found: Hidden::default(),
        }
    }

    /// Searches `gap`. Where headers follow each other as a streaming reader expects, the bytes
    /// between them are stepped over; everything else is searched for signatures.
    pub(super) fn gap(&mut self, gap: Span) -> io::Result<()> {
        let mut at = gap.start;
        let mut chained = true;
        while at < gap.end && !self.found.cut {
            at = match self.signature(at, gap.end, chained)? {
                Some(next) => {
                    chained = true;
                    next
                }
                None => {
                    chained = false;
                    match self.next_signature(at.saturating_add(1), gap.end)? {
                        Some(next) => next,
                        None => break,
                    }
                }
            };
        }
        for (data_at, index) in std::mem::take(&mut self.open) {
            self.found.locals[index].fields.packed = gap.end.saturating_sub(data_at);
            self.found.locals[index].sized = false;
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Hidden {
        self.found
    }

    /// Reads the record at `at`; says where to go on, or `None` where none stands there.
    fn signature(&mut self, at: u64, end: u64, chained: bool) -> io::Result<Option<u64>> {
        let bytes = self.pages.bytes(at, 24)?;
        if bytes.starts_with(LOCAL) {
            return self.local(at, end, chained);
        }
        if bytes.starts_with(DESCRIPTOR) {
            let crc = le32(bytes, 4).unwrap_or_default();
            let narrow = le32(bytes, 8)
                .map(u64::from)
                .zip(le32(bytes, 12).map(u64::from));
            let wide = le64(bytes, 8).zip(le64(bytes, 16));
            for ((packed, size), len) in [(wide, 24), (narrow, 16)]
                .into_iter()
                .filter_map(|(sizes, len)| Some((sizes?, len)))
            {
                let index = at
                    .checked_sub(packed)
                    .and_then(|from| self.open.remove(&from));
                if let Some(index) = index {
                    let local = &mut self.found.locals[index];
                    let fields = &mut local.fields;
                    (fields.crc, fields.packed, fields.size) = (crc, packed, size);
                    local.descriptor = len;
                    return Ok(Some(at.saturating_add(len)));
                }
            }
            return Ok(None);
        }
        if bytes.starts_with(END) {
            if self.found.ends.len() == ENDS {
                self.found.cut = true;
            } else {
                self.found.ends.push(at);
            }
        }
        Ok(None)
    }

    /// Takes the local header at `at`, if it is one.
    fn local(&mut self, at: u64, end: u64, chained: bool) -> io::Result<Option<u64>> {
        let Some(local) = Local::read(&mut self.pages, at)? else {
            return Ok(None);
        };
        // Headers may overlap: each is charged what it made us read.
        self.bytes = self.bytes.saturating_sub(local.data_at - at);
        if !(chained || is_plausible(&local, self.pages.len())) {
            return Ok(None);
        }
        if self.members == 0 {
            self.found.cut = true;
            return Ok(None);
        }
        self.members -= 1;
        let data_at = local.data_at;
        let fields = &local.fields;
        let unknown = fields.has_descriptor() && matches!(fields.packed, 0 | 0xffff_ffff);
        if unknown {
            self.open.insert(data_at, self.found.locals.len());
        }
        let behind = data_at.saturating_add(fields.packed);
        self.found.locals.push(local);
        let trusted = !unknown && behind <= end && self.record_at(behind)?;
        Ok(Some(if trusted { behind } else { data_at }))
    }

    /// Whether a record, or the end of the file, stands at `at`.
    fn record_at(&mut self, at: u64) -> io::Result<bool> {
        let bytes = self.pages.bytes(at, 4)?;
        let known = [LOCAL, CENTRAL, DESCRIPTOR, END];
        Ok(bytes.is_empty() || known.contains(&bytes))
    }

    /// The next place in the gap where a record may begin.
    fn next_signature(&mut self, from: u64, end: u64) -> io::Result<Option<u64>> {
        let mut at = from;
        while at < end {
            if self.bytes == 0 {
                self.found.cut = true;
                return Ok(None);
            }
            let held = self.pages.at_least(at, 4)?;
            let inside = usize::try_from(end - at).unwrap_or(usize::MAX);
            let held = &held[..held.len().min(inside)];
            if held.len() < 4 {
                return Ok(None);
            }
            let hit = memchr::memmem::find_iter(held, b"PK").find(|&hit| {
                let kind = held.get(hit + 2..hit + 4);
                matches!(kind, Some(b"\x03\x04" | b"\x05\x06" | b"\x07\x08"))
            });
            // A signature may straddle what is held: its last three bytes are looked at again.
            let step = hit.unwrap_or(held.len() - 3) as u64;
            self.bytes = self.bytes.saturating_sub(step);
            at += step;
            if hit.is_some() {
                return Ok(Some(at));
            }
        }
        Ok(None)
    }
}

/// Whether what looks like a local header in the middle of other bytes is one. Programs that read
/// zips hold the signature themselves, so that the rest must make sense too.
fn is_plausible(local: &Local, len: u64) -> bool {
    let fields = &local.fields;
    let known_method = matches!(fields.method, 0..=20 | 93..=99);
    let known_version = local.version & 0xff <= 63 && local.version >> 8 <= 20;
    let same_size = fields.method != 0
        || fields.has_descriptor()
        || fields.is_encrypted()
        || fields.packed == fields.size;
    let fits = fields.has_descriptor() || local.data_at.saturating_add(fields.packed) <= len;
    let printable = fields.name.iter().all(|&byte| byte >= b' ');
    !fields.name.is_empty() && known_method && known_version && same_size && fits && printable
}

const PAGE: usize = 16 << 10;
const ENDS: usize = 16;
