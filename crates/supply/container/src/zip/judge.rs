//! An entry as a member, and what is odd about it alone.

use std::{
    borrow::Cow,
    fmt,
    io::{self, Read},
};

use casemate_core::{PathText, Region, Source};

use super::{merge::Entry, rules};
use crate::{
    Budget, Contents, Kind, Member, archive,
    contents::Body,
    reader::{LzmaHeader, Packing},
};

/// Adds `entry` to `contents`.
pub(super) fn entry<'a>(
    source: &'a dyn Source,
    budget: &Budget,
    entry: &Entry,
    contents: &mut Contents<'a>,
) -> io::Result<()> {
    let fields = &entry.fields;
    let name = PathText::from_bytes(&fields.name);
    let body = body(entry);
    let mut member = Member {
        size: entry.sized.then_some(fields.size),
        kind: Kind::File,
        view: entry.view,
        encrypted: fields.is_encrypted(),
        body,
        // What only a streaming reader sees has its checksum in a descriptor, if at all.
        crc: entry.sized.then_some(fields.crc),
        rules: &super::READ,
        source,
        budget: budget.clone(),
        name,
    };
    member.kind = kind(&member, entry);
    if let Body::Unsupported { method } = &member.body {
        let message = format_args!("{:?} is packed with {method}", member.name.as_str());
        contents.leave_out(format_args!("{message}, which is not supported"));
        note(contents, &rules::METHOD, &member, entry, message);
    }
    if fields.method == 0 && fields.packed != fields.size && !fields.is_encrypted() && entry.sized {
        let message = format_args!(
            "{:?} is stored, and still has {} bytes where {} are declared",
            member.name.as_str(),
            fields.packed,
            fields.size
        );
        note(contents, &rules::FIELDS, &member, entry, message);
    }
    if let (Kind::Symlink(target), true) = (&member.kind, member.holds_bytes()) {
        let message = format_args!(
            "{:?} is a link to {:?} when unpacked, and a file to who reads it in place",
            member.name.as_str(),
            target.as_str()
        );
        note(contents, &rules::LINK, &member, entry, message);
    }
    if fields.refusals() != 0 {
        judge_flags(&member, entry, contents)?;
    }
    archive::judge_name(&member, contents);
    archive::judge_kind(&member, contents);
    archive::judge_growth(&member, fields.packed, fields.size, budget, contents);
    contents.members.push(member);
    Ok(())
}

fn body<'a>(entry: &Entry) -> Body<'a> {
    let Some(start) = entry.data_at else {
        return Body::Missing;
    };
    let len = entry.fields.packed;
    let packing = match entry.fields.method {
        0 => return Body::Stored { start, len },
        8 => Packing::Deflate,
        9 => Packing::Deflate64,
        12 => Packing::Bzip2,
        14 => {
            // Bit 1 says that an end marker ends it (APPNOTE 4.4.4).
            let marked = entry.fields.flags & 2 != 0 || !entry.sized;
            let size = (!marked).then_some(entry.fields.size);
            Packing::Lzma(LzmaHeader::Zip { size })
        }
        // 20 was Zstandard's before 93 (APPNOTE 4.4.5).
        20 | 93 => Packing::Zstd,
        95 => Packing::Xz { alone: false },
        other => {
            return Body::Unsupported {
                method: method_name(other),
            };
        }
    };
    Body::Packed {
        packing,
        start,
        len,
    }
}

fn kind(member: &Member<'_>, entry: &Entry) -> Kind {
    match entry.mode & 0o170_000 {
        0o120_000 => Kind::Symlink(link_target(member)),
        0o010_000 | 0o020_000 | 0o060_000 | 0o140_000 => Kind::Special,
        _ if entry.fields.name.ends_with(b"/") && entry.fields.packed == 0 => Kind::Directory,
        _ => Kind::File,
    }
}

/// Where a symbolic link leads, which is its content; empty where that cannot be read.
fn link_target(member: &Member<'_>) -> PathText {
    let mut target = Vec::new();
    if let Ok(reader) = member.read() {
        // Bytes before a broken place are the target's beginning all the same.
        let _ = reader.take(LINK).read_to_end(&mut target);
    }
    PathText::from_bytes(&target)
}

/// Tells a flag on plain bytes, which only some readers trip over, from encryption.
fn judge_flags(member: &Member<'_>, entry: &Entry, contents: &mut Contents<'_>) -> io::Result<()> {
    let name = member.name.as_str();
    let fields = &entry.fields;
    let plain = match member.body {
        // Encryption adds a header of twelve bytes or more.
        Body::Stored { .. } => fields.packed == fields.size,
        Body::Packed { .. } => unpacks(member)?,
        Body::Unsupported { .. } | Body::Missing => false,
    };
    if plain {
        let message = format_args!(
            "{name:?} has flags {:#06x}, which make some readers refuse it, and plain bytes",
            fields.refusals()
        );
        note(contents, &rules::FLAG, member, entry, message);
    } else {
        let message = format_args!("{name:?} is encrypted");
        contents.leave_out(message);
        note(contents, &rules::ENCRYPTED, member, entry, message);
    }
    Ok(())
}

/// Whether the beginning of `member` is what its method makes.
fn unpacks(member: &Member<'_>) -> io::Result<bool> {
    let Ok(mut reader) = member.read() else {
        return Ok(false);
    };
    let mut beginning = Vec::new();
    match reader.by_ref().take(PROOF).read_to_end(&mut beginning) {
        Ok(_) => Ok(true),
        Err(error) => match error.kind() {
            io::ErrorKind::InvalidData
            | io::ErrorKind::UnexpectedEof
            | io::ErrorKind::Unsupported => Ok(false),
            io::ErrorKind::FileTooLarge => Ok(true),
            _ => Err(error),
        },
    }
}

fn note(
    contents: &mut Contents<'_>,
    rule: &'static casemate_core::Rule,
    member: &Member<'_>,
    entry: &Entry,
    message: fmt::Arguments<'_>,
) {
    let region = member.region().unwrap_or(Region::Bytes {
        start: entry.at,
        length: 0,
    });
    contents.note(
        rule,
        Some(&member.name),
        Some(region),
        member.name.as_str(),
        message,
    );
}

/// The names of APPNOTE 4.4.5.
fn method_name(method: u16) -> Cow<'static, str> {
    Cow::Borrowed(match method {
        1 => "shrink",
        2..=5 => "reduce",
        6 => "implode",
        98 => "PPMd",
        99 => "AES encryption",
        other => return Cow::Owned(format!("method {other}")),
    })
}

/// The longest path that Linux takes.
const LINK: u64 = 4096;
/// How much of a flagged member is inflated to see whether it is encrypted.
const PROOF: u64 = 4096;
