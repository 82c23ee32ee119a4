//! gzip (RFC 1952) and zlib (RFC 1950): one stream, one member.

mod rules;

use std::io;

use casemate_core::{PathText, Source};

pub(crate) use rules::{CHECKSUM, RULES, TRAILING};

use crate::{
    Budget, Contents, Kind, Member, View, archive,
    bytes::{Pages, le16, le32},
    contents::Body,
    reader::Packing,
};

pub(crate) const GZIP: &str = "gzip";
pub(crate) const ZLIB: &str = "zlib";

/// Opens a gzip file. Several gzip members, one after another, are one stream, as readers have it.
pub(crate) fn open_gzip<'a>(source: &'a dyn Source, budget: &Budget) -> io::Result<Contents<'a>> {
    let mut contents = Contents::new(GZIP);
    let Some(header) = header(source, 0)? else {
        contents.leave_out(format_args!("the gzip header is broken or not of RFC 1952"));
        return Ok(contents);
    };
    let trailer = source.read_vec(source.len().saturating_sub(4), 4)?;
    let declared = le32(&trailer, 0).map(u64::from);
    let mut member = stream(source, budget, Packing::Gzip);
    member.name = header.name;
    archive::judge_name(&member, &mut contents);
    if let Some(declared) = declared {
        archive::judge_growth(&member, source.len(), declared, budget, &mut contents);
    }
    contents.members.push(member);
    Ok(contents)
}

/// Opens a zlib stream.
pub(crate) fn open_zlib<'a>(source: &'a dyn Source, budget: &Budget) -> Contents<'a> {
    let mut contents = Contents::new(ZLIB);
    contents.members.push(stream(source, budget, Packing::Zlib));
    contents
}

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

fn stream<'a>(source: &'a dyn Source, budget: &Budget, packing: Packing) -> Member<'a> {
    Member {
        name: PathText::default(),
        // RFC 1952 has the size of the last stream only, modulo 2^32; RFC 1950 has none.
        size: None,
        kind: Kind::File,
        view: View::Both,
        encrypted: false,
        body: Body::Packed {
            packing,
            start: 0,
            len: source.len(),
        },
        crc: None,
        source,
        budget: budget.clone(),
    }
}

const HEADER_CRC: u8 = 1 << 1;
const EXTRA: u8 = 1 << 2;
const NAME: u8 = 1 << 3;
const COMMENT: u8 = 1 << 4;
/// The longest name or comment that is looked for; RFC 1952 sets no limit.
const TEXT: usize = 64 << 10;
