//! 7z (7zFormat.txt of the LZMA SDK): a signature that leads to a header at the end, and members
//! that are parts of what folders of packed bytes unpack to.

mod folder;
mod header;
mod rules;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    fmt,
    io::{self, Read},
    sync::Arc,
};

use casemate_core::{PathText, Region, Rule, Source, Window};

pub(crate) use rules::RULES;

use self::{
    folder::Unpacking,
    header::{Archive, File, Header, Streams},
};
use crate::{
    Budget, Contents, Kind, Member, View, archive,
    bytes::{is_zero, le32, le64},
    contents::Body,
    reader::{Folder, Packing, Part, ReadRules},
};

pub(crate) const FORMAT: &str = "7z";

/// Opens a 7z that begins at the first byte.
pub(crate) fn open<'a>(source: &'a dyn Source, budget: &Budget) -> io::Result<Contents<'a>> {
    let mut opened = Opened {
        source,
        budget,
        contents: Contents::new(FORMAT),
        parts: vec![(0, SIGNATURE)],
    };
    if let Some(archive) = opened.archive()? {
        opened.members(&archive);
        opened.judge_names();
        opened.judge_gaps()?;
    }
    opened.contents.sort();
    Ok(opened.contents)
}

/// An archive while it is opened.
struct Opened<'a, 'b> {
    source: &'a dyn Source,
    budget: &'b Budget,
    contents: Contents<'a>,
    /// What is accounted for: where it begins and ends.
    parts: Vec<(u64, u64)>,
}

impl<'a> Opened<'a, '_> {
    /// The header, unpacked as often as it is packed; nothing where it cannot be had.
    fn archive(&mut self) -> io::Result<Option<Archive>> {
        let start = self.source.read_vec(0, 32)?;
        let (Some(crc), Some(at), Some(len), Some(header_crc)) = (
            le32(&start, 8),
            le64(&start, 12),
            le64(&start, 20),
            le32(&start, 28),
        ) else {
            self.contents
                .leave_out(format_args!("the 7z breaks off in its first header"));
            return Ok(None);
        };
        if crc32fast::hash(&start[12..]) != crc {
            self.note_checksum("start header");
        }
        if len == 0 {
            return Ok(Some(Archive::default()));
        }
        let at = at.saturating_add(SIGNATURE);
        let size = usize::try_from(len).ok().filter(|&size| size <= HEADER);
        let Some(size) = size else {
            self.contents
                .leave_out(format_args!("the header of the 7z is too large"));
            return Ok(None);
        };
        let mut bytes = self.source.read_vec(at, size)?;
        if bytes.len() < size {
            self.contents
                .leave_out(format_args!("the header of the 7z is not in the file"));
            return Ok(None);
        }
        self.parts.push((at, at.saturating_add(len)));
        if crc32fast::hash(&bytes) != header_crc {
            self.note_checksum("header");
        }
        for _ in 0..PACKED_HEADERS {
            match Header::parse(&bytes, self.budget.members) {
                Some(Header::Plain(archive)) => return Ok(Some(archive)),
                Some(Header::Packed(streams)) => match self.unpack_header(&streams)? {
                    Some(unpacked) => bytes = unpacked,
                    None => return Ok(None),
                },
                None => break,
            }
        }
        self.contents
            .leave_out(format_args!("the header of the 7z is broken or too large"));
        Ok(None)
    }

    fn unpack_header(&mut self, streams: &Streams) -> io::Result<Option<Vec<u8>>> {
        let unpackings = self.unpackings(streams);
        let (Some(part), Some(unpacking)) = (streams.parts.first(), unpackings.first()) else {
            self.contents
                .leave_out(format_args!("the header of the 7z is broken"));
            return Ok(None);
        };
        let name = PathText::default();
        let member = self.member(name, part.size, part.crc, unpacking, 0);
        if member.encrypted {
            self.note(
                &rules::ENCRYPTED,
                None,
                "header",
                format_args!("the header is encrypted"),
            );
            self.contents
                .leave_out(format_args!("the header of the 7z is encrypted"));
            return Ok(None);
        }
        let mut bytes = Vec::new();
        let mut reader = match member.read() {
            Ok(reader) => reader.take(HEADER as u64),
            Err(error) => {
                self.contents
                    .leave_out(format_args!("the header of the 7z: {error}"));
                return Ok(None);
            }
        };
        if let Err(error) = reader.read_to_end(&mut bytes) {
            self.contents
                .leave_out(format_args!("the header of the 7z: {error}"));
        }
        if !reader.get_ref().anomalies().is_empty() {
            self.note_checksum("packed header");
        }
        Ok(Some(bytes))
    }

    /// How each folder unpacks. Its packed streams stand one behind the other.
    fn unpackings(&mut self, streams: &Streams) -> Vec<Unpacking<'a>> {
        let mut at = streams.start.saturating_add(SIGNATURE);
        let mut sizes = streams.packed.iter();
        let mut unpackings = Vec::new();
        for folder in &streams.folders {
            let start = at;
            let mut first = 0;
            for index in 0..folder.inputs.len() {
                let size = sizes.next().copied().unwrap_or(0);
                first = if index == 0 { size } else { first };
                at = at.saturating_add(size);
            }
            self.parts.push((start, at));
            if at > self.source.len() {
                self.contents
                    .leave_out(format_args!("packed bytes of the 7z are not in the file"));
            }
            let window = Window::new(self.source, start, first);
            unpackings.push(folder::unpacking(self.source, window, folder));
        }
        // Streams that no folder takes are still the archive's, and are not read.
        if sizes.next().is_some() {
            self.contents
                .leave_out(format_args!("the 7z has packed bytes of no folder"));
        }
        unpackings
    }

    fn members(&mut self, archive: &Archive) {
        let unpackings = self.unpackings(&archive.streams);
        let mut parts = archive.streams.parts.iter();
        let mut at = (usize::MAX, 0_u64);
        for (index, file) in archive.files.iter().enumerate() {
            if index >= self.budget.members {
                archive::too_many(&mut self.contents, self.budget);
                return;
            }
            let name = name(&file.name);
            if !file.has_stream {
                self.keep(empty(name, file, self.source, self.budget));
                continue;
            }
            let Some(part) = parts.next() else {
                self.contents
                    .leave_out(format_args!("the 7z has fewer bodies than members"));
                return;
            };
            if at.0 != part.folder {
                at = (part.folder, 0);
            }
            let Some(unpacking) = unpackings.get(part.folder) else {
                continue;
            };
            let mut member = self.member(name, part.size, part.crc, unpacking, at.1);
            at.1 = at.1.saturating_add(part.size);
            member.kind = kind(file, &member);
            self.judge_body(&member);
            self.keep(member);
        }
        // A body without a name is one that listing does not show.
        if parts.next().is_some() {
            self.contents
                .leave_out(format_args!("the 7z has more bodies than members"));
        }
    }

    fn member(
        &self,
        name: PathText,
        size: u64,
        crc: Option<u32>,
        unpacking: &Unpacking<'a>,
        start: u64,
    ) -> Member<'a> {
        let body = match unpacking {
            Unpacking::Folder(folder) => body(folder, start, size),
            Unpacking::Encrypted => Body::Unsupported {
                method: "AES encryption".into(),
            },
            Unpacking::Unsupported(method) => Body::Unsupported {
                method: method.clone(),
            },
        };
        Member {
            name,
            size: Some(size),
            kind: Kind::File,
            view: View::Both,
            encrypted: matches!(unpacking, Unpacking::Encrypted),
            body,
            crc,
            rules: &READ,
            source: self.source,
            budget: self.budget.clone(),
        }
    }

    fn judge_body(&mut self, member: &Member<'a>) {
        let name = member.name.as_str();
        let Body::Unsupported { method } = &member.body else {
            return;
        };
        if member.encrypted {
            let message = format_args!("{name:?} is encrypted");
            self.contents.leave_out(message);
            self.note(&rules::ENCRYPTED, Some(member), name, message);
        } else {
            let message = format_args!("{name:?} is packed with {method}");
            self.contents
                .leave_out(format_args!("{message}, which is not supported"));
            self.note(&rules::METHOD, Some(member), name, message);
        }
    }

    fn keep(&mut self, member: Member<'a>) {
        archive::judge_name(&member, &mut self.contents);
        archive::judge_kind(&member, &mut self.contents);
        if let Body::Packed { len, .. } = member.body
            && let Some(size) = member.size
        {
            archive::judge_growth(&member, len, size, self.budget, &mut self.contents);
        }
        self.contents.members.push(member);
    }

    fn judge_names(&mut self) {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for member in &self.contents.members {
            *counts.entry(member.name.as_str()).or_default() += 1;
        }
        let twice = counts.into_iter().filter(|&(_, count)| count > 1);
        let twice: Vec<_> = twice
            .map(|(name, count)| (name.to_owned(), count))
            .collect();
        for (name, count) in twice {
            let message = format_args!(
                "{count} members are called {name:?}: which one counts depends on the reader"
            );
            let text = PathText::from(name.as_str());
            self.contents
                .note(&rules::DUPLICATE, Some(&text), None, &name, message);
        }
    }

    /// Notes what lies between the parts and behind the last.
    fn judge_gaps(&mut self) -> io::Result<()> {
        self.parts.sort_unstable();
        let mut left = self.budget.search;
        let mut end = 0;
        let parts = std::mem::take(&mut self.parts);
        let after = (self.source.len(), self.source.len());
        for (start, next) in parts.into_iter().chain([after]) {
            if start > end {
                let gap = Window::new(self.source, end, start - end);
                if is_zero(&gap, left)? {
                    left = left.saturating_sub(gap.len());
                } else if !gap.is_empty() {
                    let region = Some(Region::Bytes {
                        start: gap.start(),
                        length: gap.len(),
                    });
                    let message = format_args!("{} bytes belong to no member", gap.len());
                    self.contents
                        .note(&rules::GAP, None, region, "gap", message);
                }
            }
            end = end.max(next);
        }
        Ok(())
    }

    fn note_checksum(&mut self, what: &str) {
        let message = format_args!("the checksum of the {what} is wrong");
        self.note(&rules::CHECKSUM, None, what, message);
    }

    fn note(
        &mut self,
        rule: &'static Rule,
        member: Option<&Member<'a>>,
        anchor: &str,
        message: fmt::Arguments<'_>,
    ) {
        let region = member.and_then(Member::region);
        let name = member.map(|member| &member.name);
        self.contents.note(rule, name, region, anchor, message);
    }
}

fn body<'a>(folder: &Arc<Folder<'a>>, start: u64, len: u64) -> Body<'a> {
    let (at, packed) = folder.packed();
    Body::Packed {
        packing: Packing::Solid(Part {
            folder: Arc::clone(folder),
            start,
            len,
        }),
        start: at,
        len: packed,
    }
}

fn empty<'a>(name: PathText, file: &File, source: &'a dyn Source, budget: &Budget) -> Member<'a> {
    let kind = match (file.anti, file.empty_file) {
        // It deletes what has its name.
        (true, _) => Kind::Special,
        (false, true) => Kind::File,
        (false, false) => Kind::Directory,
    };
    Member {
        name,
        size: Some(0),
        kind,
        view: View::Both,
        encrypted: false,
        body: Body::Stored { start: 0, len: 0 },
        crc: None,
        rules: &READ,
        source,
        budget: budget.clone(),
    }
}

/// What a member with bytes is, by the Unix mode that its attributes may have.
fn kind(file: &File, member: &Member<'_>) -> Kind {
    if file.attributes & UNIX == 0 {
        return match file.attributes & REPARSE {
            0 => Kind::File,
            _ => Kind::Symlink(link_target(member)),
        };
    }
    match file.attributes >> 28 {
        0o12 => Kind::Symlink(link_target(member)),
        0o01 | 0o02 | 0o06 | 0o14 => Kind::Special,
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

fn name(units: &[u8]) -> PathText {
    let units = units
        .chunks_exact(2)
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    let text: String = char::decode_utf16(units)
        .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect();
    PathText::from_bytes(text.as_bytes())
}

static READ: ReadRules = ReadRules {
    trailing: &rules::GAP,
    checksum: &rules::CHECKSUM,
};

/// The signature header.
const SIGNATURE: u64 = 32;
/// The largest header that is read, packed or not; one of 100,000 members takes some 10 MiB.
const HEADER: usize = 32 << 20;
/// How often a header may be packed: once is usual.
const PACKED_HEADERS: usize = 4;
/// The attribute that says that the upper half is a Unix mode.
const UNIX: u32 = 0x8000;
/// FILE_ATTRIBUTE_REPARSE_POINT.
const REPARSE: u32 = 0x400;
/// The longest path that Linux takes.
const LINK: u64 = 4096;
