//! The records of APPNOTE.TXT 6.3.10, as they stand in the file.

use std::io;

use crate::bytes::{Pages, le16, le32, le64};

/// A local file header (4.3.7).
#[derive(Clone, Debug)]
pub(super) struct Local {
    pub(super) at: u64,
    pub(super) version: u16,
    pub(super) fields: Fields,
    /// Where the member's bytes begin.
    pub(super) data_at: u64,
    /// Whether the sizes are known: a streaming writer leaves them to a descriptor.
    pub(super) sized: bool,
    /// How long the descriptor behind the bytes is, where a search found one.
    pub(super) descriptor: u64,
}

/// A header of the central directory (4.3.12).
#[derive(Clone, Debug)]
pub(super) struct Central {
    pub(super) at: u64,
    pub(super) fields: Fields,
    /// Where it says that the local header is; what stands before the archive is not counted.
    pub(super) offset: u64,
    /// The Unix mode, where a Unix wrote it.
    pub(super) mode: u32,
    /// Where the next header begins.
    pub(super) end: u64,
}

/// What both headers say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fields {
    pub(super) flags: u16,
    pub(super) method: u16,
    pub(super) crc: u32,
    pub(super) packed: u64,
    pub(super) size: u64,
    pub(super) name: Vec<u8>,
    /// The name in an Info-ZIP Unicode path field, which some readers prefer.
    pub(super) unicode_name: Option<Vec<u8>>,
}

/// An end of central directory record (4.3.16) and its comment.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    pub(super) at: u64,
    pub(super) disk: u16,
    pub(super) entries: u64,
    pub(super) size: u64,
    pub(super) offset: u64,
    /// Whether every field but the offset and the comment's length is zero: an archive of nothing.
    pub(super) is_empty: bool,
    /// The first byte behind the comment.
    pub(super) end: u64,
}

/// A zip64 end of central directory record (4.3.14).
#[derive(Clone, Copy, Debug)]
pub(super) struct End64 {
    pub(super) at: u64,
    pub(super) entries: u64,
    pub(super) size: u64,
    pub(super) offset: u64,
}

impl Fields {
    /// A data descriptor follows the bytes, and the local header need not know the sizes.
    pub(super) fn has_descriptor(&self) -> bool {
        self.flags & 1 << 3 != 0
    }

    /// The flags that make a reader refuse: encrypted, patch data, strong encryption, masked.
    pub(super) fn refusals(&self) -> u16 {
        self.flags & (1 | 1 << 5 | 1 << 6 | 1 << 13)
    }

    /// Whether the bytes are encrypted, if the flags are to be believed.
    pub(super) fn is_encrypted(&self) -> bool {
        self.flags & (1 | 1 << 6 | 1 << 13) != 0
    }
}

impl Local {
    /// The header at `at`; `None` where none stands there, or the file ends inside it.
    pub(super) fn read(pages: &mut Pages<'_>, at: u64) -> io::Result<Option<Self>> {
        let fixed = pages.bytes(at, 30)?;
        if !fixed.starts_with(LOCAL) || fixed.len() < 30 {
            return Ok(None);
        }
        let half = |at| le16(fixed, at).unwrap_or_default();
        let word = |at| le32(fixed, at).unwrap_or_default();
        let (name_len, extra_len) = (usize::from(half(26)), usize::from(half(28)));
        let version = half(4);
        let mut fields = Fields {
            flags: half(6),
            method: half(8),
            crc: word(14),
            packed: word(18).into(),
            size: word(22).into(),
            name: Vec::new(),
            unicode_name: None,
        };
        let data_at = at.saturating_add(30 + (name_len + extra_len) as u64);
        if name_len > NAME || data_at > pages.len() {
            return Ok(None);
        }
        let header = pages.bytes(at, 30 + name_len + extra_len.min(LOCAL_EXTRA))?;
        let (Some(name), Some(extra)) =
            (header.get(30..30 + name_len), header.get(30 + name_len..))
        else {
            return Ok(None);
        };
        fields.name = name.to_vec();
        fields.apply_extra(extra, None);
        Ok(Some(Self {
            at,
            version,
            fields,
            data_at,
            sized: true,
            descriptor: 0,
        }))
    }
}

impl Central {
    /// The header at `at`; `None` where none stands there, or the file ends inside it.
    pub(super) fn read(pages: &mut Pages<'_>, at: u64) -> io::Result<Option<Self>> {
        let fixed = pages.bytes(at, 46)?;
        if !fixed.starts_with(CENTRAL) || fixed.len() < 46 {
            return Ok(None);
        }
        let half = |at| le16(fixed, at).unwrap_or_default();
        let word = |at| le32(fixed, at).unwrap_or_default();
        let (name_len, extra_len) = (usize::from(half(28)), usize::from(half(30)));
        let comment_len = u64::from(half(32));
        let unix = fixed[5] == 3;
        let mode = if unix { word(38) >> 16 } else { 0 };
        let mut offset = u64::from(word(42));
        let mut fields = Fields {
            flags: half(8),
            method: half(10),
            crc: word(16),
            packed: word(20).into(),
            size: word(24).into(),
            name: Vec::new(),
            unicode_name: None,
        };
        let header = pages.bytes(at, 46 + name_len + extra_len)?;
        if name_len > NAME || header.len() < 46 + name_len + extra_len {
            return Ok(None);
        }
        let (name, extra) = header[46..].split_at(name_len);
        fields.name = name.to_vec();
        fields.apply_extra(extra, Some(&mut offset));
        let len = 46 + (name_len + extra_len) as u64 + comment_len;
        Ok(Some(Self {
            at,
            fields,
            offset,
            mode,
            end: at.saturating_add(len),
        }))
    }
}

impl Fields {
    /// Takes from the extra field (4.5) the sizes that do not fit 32 bits, and the Unicode name.
    fn apply_extra(&mut self, extra: &[u8], offset: Option<&mut u64>) {
        let mut rest = extra;
        let mut large = None;
        for _ in 0..EXTRA_RECORDS {
            let (Some(id), Some(len)) = (le16(rest, 0), le16(rest, 2)) else {
                break;
            };
            let end = 4 + usize::from(len);
            let Some(value) = rest.get(4..end) else {
                break;
            };
            match id {
                ZIP64 => large = large.or(Some(value)),
                UNICODE_PATH => self.unicode_name = unicode_path(value, &self.name),
                _ => {}
            }
            rest = &rest[end..];
        }
        let Some(large) = large else {
            return;
        };
        let mut at = 0;
        let fields = [Some(&mut self.size), Some(&mut self.packed), offset];
        for field in fields.into_iter().flatten() {
            if *field != u64::from(u32::MAX) {
                continue;
            }
            let Some(value) = le64(large, at) else {
                break;
            };
            *field = value;
            at += 8;
        }
    }
}

/// The name of a Unicode path field (4.6.9), where it belongs to `name`.
fn unicode_path(value: &[u8], name: &[u8]) -> Option<Vec<u8>> {
    let current = value.first() == Some(&1) && le32(value, 1) == Some(crc32fast::hash(name));
    current.then(|| value[5..].to_vec())
}

impl End {
    /// The record at `at`; `None` where none stands there or its comment leaves the file.
    pub(super) fn read(pages: &mut Pages<'_>, at: u64) -> io::Result<Option<Self>> {
        let len = pages.len();
        let fixed = pages.bytes(at, 22)?;
        if !fixed.starts_with(END) || fixed.len() < 22 {
            return Ok(None);
        }
        let half = |at| le16(fixed, at).unwrap_or_default();
        let word = |at| le32(fixed, at).unwrap_or_default();
        let end = at.saturating_add(22 + u64::from(half(20)));
        if end > len {
            return Ok(None);
        }
        Ok(Some(Self {
            at,
            is_empty: fixed[4..16].iter().all(|&byte| byte == 0),
            disk: half(4),
            entries: half(10).into(),
            size: word(12).into(),
            offset: word(16).into(),
            end,
        }))
    }
}

impl End64 {
    /// The record at `at`, or `None` where none stands there.
    pub(super) fn read(pages: &mut Pages<'_>, at: u64) -> io::Result<Option<Self>> {
        let fixed = pages.bytes(at, 56)?;
        if !fixed.starts_with(END64) {
            return Ok(None);
        }
        let (Some(entries), Some(size), Some(offset)) =
            (le64(fixed, 32), le64(fixed, 40), le64(fixed, 48))
        else {
            return Ok(None);
        };
        Ok(Some(Self {
            at,
            entries,
            size,
            offset,
        }))
    }
}

/// The length of the data descriptor (4.3.9) at `at` that says what `fields` says, signed or not,
/// with sizes of four or eight bytes; zero where none does.
pub(super) fn descriptor_len(pages: &mut Pages<'_>, at: u64, fields: &Fields) -> io::Result<u64> {
    let bytes = pages.bytes(at, 24)?;
    for signature in [4, 0] {
        if signature == 4 && !bytes.starts_with(DESCRIPTOR) {
            continue;
        }
        if le32(bytes, signature) != Some(fields.crc) {
            continue;
        }
        let at = signature + 4;
        let narrow = (
            le32(bytes, at).map(u64::from),
            le32(bytes, at + 4).map(u64::from),
        );
        if narrow == (Some(fields.packed), Some(fields.size)) {
            return Ok(signature as u64 + 12);
        }
        let wide = (le64(bytes, at), le64(bytes, at + 8));
        if wide == (Some(fields.packed), Some(fields.size)) {
            return Ok(signature as u64 + 20);
        }
    }
    Ok(0)
}

pub(super) const LOCAL: &[u8] = b"PK\x03\x04";
pub(super) const CENTRAL: &[u8] = b"PK\x01\x02";
pub(super) const DESCRIPTOR: &[u8] = b"PK\x07\x08";
pub(super) const END: &[u8] = b"PK\x05\x06";
pub(super) const END64: &[u8] = b"PK\x06\x06";
pub(super) const LOCATOR64: &[u8] = b"PK\x06\x07";
/// No file system takes a longer name; a header that has one is not taken for a header.
const NAME: usize = 4096;
/// How much of a local extra field is read; the rest is padding that aligns the bytes behind it.
const LOCAL_EXTRA: usize = 512;
const EXTRA_RECORDS: usize = 64;
const ZIP64: u16 = 0x0001;
const UNICODE_PATH: u16 = 0x7075;
