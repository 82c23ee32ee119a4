//! Compressed streams: gzip (RFC 1952), zlib (RFC 1950), bzip2, xz, .lzma, Zstandard (RFC 8878) and
//! LZ4. Each is one member; several streams, one after another, are one as readers have it.

pub(crate) mod gzip;
mod rules;

use std::io;

use casemate_core::{PathText, Source, Window};

pub(crate) use rules::RULES;

use crate::{
    Budget, Contents, Kind, Magic, Member, View, archive,
    bytes::le32,
    contents::Body,
    reader::{Input, Packing, ReadRules, skip_frames},
};

/// The name of the format that `magic` is, where it is one of these.
pub(crate) fn format(magic: Magic) -> Option<&'static str> {
    Some(match magic {
        Magic::Gzip => "gzip",
        Magic::Zlib | Magic::GitObject => "zlib",
        Magic::Bzip2 => "bzip2",
        Magic::Xz => "xz",
        Magic::Lzma => "lzma",
        Magic::Zstd => "zstd",
        Magic::Lz4Frame => "lz4",
        _ => return None,
    })
}

/// Opens a stream of the format that `magic` is.
pub(crate) fn open<'a>(
    source: &'a dyn Source,
    magic: Magic,
    format: &'static str,
    budget: &Budget,
) -> io::Result<Contents<'a>> {
    let packing = match magic {
        Magic::Gzip => return open_gzip(source, format, budget),
        Magic::Bzip2 => Packing::Bzip2,
        Magic::Xz => Packing::Xz { alone: false },
        Magic::Lzma => Packing::Xz { alone: true },
        Magic::Zstd if is_lz4(source) => return open(source, Magic::Lz4Frame, "lz4", budget),
        Magic::Zstd => Packing::Zstd,
        Magic::Lz4Frame => Packing::Lz4,
        _ => Packing::Zlib,
    };
    let mut contents = Contents::new(format);
    contents.members.push(stream(source, budget, packing));
    Ok(contents)
}

fn open_gzip<'a>(
    source: &'a dyn Source,
    format: &'static str,
    budget: &Budget,
) -> io::Result<Contents<'a>> {
    let mut contents = Contents::new(format);
    let Some(header) = gzip::header(source, 0)? else {
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

/// Whether the frames that Zstandard and LZ4 both skip stand before LZ4. A medium that fails here
/// fails again when the member is read.
fn is_lz4(source: &dyn Source) -> bool {
    let window = Window::new(source, 0, source.len());
    let mut input = Input::new(&window, source);
    let skipped = skip_frames(&mut input).is_ok();
    let magics = [b"\x04\x22\x4d\x18", b"\x02\x21\x4c\x18"];
    let head = input.peek::<4>().unwrap_or_default();
    skipped && magics.iter().any(|magic| head == *magic)
}

fn stream<'a>(source: &'a dyn Source, budget: &Budget, packing: Packing<'a>) -> Member<'a> {
    Member {
        name: PathText::default(),
        // RFC 1952 has the size of the last stream only, modulo 2^32; most others have none.
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
        rules: &READ,
        source,
        budget: budget.clone(),
    }
}

pub(crate) static READ: ReadRules = ReadRules {
    trailing: &rules::TRAILING,
    checksum: &rules::CHECKSUM,
};
