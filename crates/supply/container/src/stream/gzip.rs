//! The headers of gzip (RFC 1952).

use std::io;

use casemate_core::{PathText, Source};

use crate::bytes::{Pages, le16};

/// What stands before the deflate stream of one gzip member.
#[derive(Debug, Default)]
pub(crate) struct Header {
    /// Its length in bytes.
    pub(crate) len: u64,
    /// The name that the file had.
    pub(crate) name: PathText,
}

/// The gzip header at `at`, or `None` where none stands there.
pub(crate) fn header(source: &dyn Source, at: u64) -> io::Result<Option<Header>> {
    let mut pages = Pages::new(source, 512);
    let fixed = pages.bytes(at, 10)?;
    let (Some(b"\x1f\x8b\x08"), Some(&flags), 10) = (fixed.get(..3), fixed.get(3), fixed.len())
    else {
        return Ok(None);
    };
    let mut header = Header {
        len: 10,
        ..Header::default()
    };
    if flags & EXTRA != 0 {
        let Some(len) = le16(pages.bytes(at.saturating_add(header.len), 2)?, 0) else {
            return Ok(None);
        };
        header.len += 2 + u64::from(len);
    }
    for flag in [NAME, COMMENT] {
        if flags & flag == 0 {
            continue;
        }
        let text = pages.bytes(at.saturating_add(header.len), TEXT)?;
        let Some(end) = memchr::memchr(0, text) else {
            return Ok(None);
        };
        if flag == NAME {
            header.name = PathText::from_bytes(&text[..end]);
        }
        header.len += end as u64 + 1;
    }
    if flags & HEADER_CRC != 0 {
        header.len += 2;
    }
    Ok(Some(header))
}

const HEADER_CRC: u8 = 1 << 1;
const EXTRA: u8 = 1 << 2;
const NAME: u8 = 1 << 3;
const COMMENT: u8 = 1 << 4;
/// The longest name or comment that is looked for; RFC 1952 sets no limit.
const TEXT: usize = 64 << 10;
