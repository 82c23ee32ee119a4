//! Tar: ustar, GNU, pax and v7, walked from header to header, and beyond the end.

mod header;
mod pax;
mod rules;
#[cfg(test)]
mod tests;

use std::{borrow::Cow, collections::BTreeMap, fmt, io};

use casemate_core::{PathText, Region, Source};

pub(crate) use rules::RULES;

use self::{
    header::{BLOCK, Block, Header, checksum_is_right, text},
    pax::Extended,
};
use crate::{Budget, Contents, Kind, Member, View, archive, bytes::Pages, contents::Body, stream};

pub(crate) const FORMAT: &str = "tar";

/// Whether `head` begins with a header, as its checksum or `ustar` shows.
pub(crate) fn begins_with_header(head: &[u8]) -> bool {
    checksum_is_right(head) || head.get(257..262) == Some(b"ustar")
}

/// Opens a tar.
pub(crate) fn open<'a>(source: &'a dyn Source, budget: &Budget) -> io::Result<Contents<'a>> {
    let mut walk = Walk {
        source,
        pages: Pages::new(source, PAGE),
        budget: budget.clone(),
        search: budget.search,
        contents: Contents::new(FORMAT),
        global: Extended::default(),
        next: Extended::default(),
        view: View::Both,
        names: BTreeMap::new(),
    };
    let mut at = Some(0);
    while let Some(here) = at {
        at = walk.step(here)?;
    }
    walk.judge_names();
    walk.contents.sort();
    Ok(walk.contents)
}

/// A tar while it is walked.
struct Walk<'a> {
    source: &'a dyn Source,
    pages: Pages<'a>,
    budget: Budget,
    /// How many bytes may still be searched for headers.
    search: u64,
    contents: Contents<'a>,
    global: Extended,
    /// What extended headers said of the next member.
    next: Extended,
    /// [`View::Both`] up to the end of the archive, [`View::Local`] behind it.
    view: View,
    names: BTreeMap<Vec<u8>, (usize, u64)>,
}

impl Walk<'_> {
    /// Reads the block at `at`; says where the next one is.
    fn step(&mut self, at: u64) -> io::Result<Option<u64>> {
        let block = self.pages.bytes(at, BLOCK)?;
        if block.is_empty() {
            self.cut(at, "has no end");
            return Ok(None);
        }
        match Block::parse(block) {
            Block::Header(header) => self.header(at, &header),
            Block::Zero => self.behind_the_end(at),
            Block::Broken => self.broken(at),
        }
    }

    fn header(&mut self, at: u64, header: &Header) -> io::Result<Option<u64>> {
        let data_at = at.saturating_add(BLOCK as u64);
        match header.kind {
            b'L' | b'K' | b'x' | b'X' | b'g' => {
                self.extension(at, data_at, header)?;
                Ok(self.behind(at, data_at, header.size))
            }
            // A label. Python's tarfile takes what it does not know for a file, so that one with
            // bytes is one.
            b'V' if header.size == 0 => Ok(Some(data_at)),
            b'M' => {
                self.contents.leave_out(format_args!(
                    "a part of an archive that is split over several files"
                ));
                self.member(at, data_at, header)
            }
            _ => self.member(at, data_at, header),
        }
    }

    /// Takes a header that speaks of the next member.
    fn extension(&mut self, at: u64, data_at: u64, header: &Header) -> io::Result<()> {
        let len = usize::try_from(header.size).unwrap_or(usize::MAX);
        if len > EXTENSION {
            self.contents
                .leave_out(format_args!("an extended header is too long"));
            return Ok(());
        }
        let bytes = self.source.read_vec(data_at, len)?;
        let whole = match header.kind {
            b'L' => {
                self.next.name = Some(text(&bytes).to_vec());
                bytes.len() <= NAME + 1
            }
            b'K' => {
                self.next.link = Some(text(&bytes).to_vec());
                bytes.len() <= NAME + 1
            }
            b'g' => self.global.apply(&bytes, GLOBAL_NAME),
            _ => self.next.apply(&bytes, NAME),
        };
        if !whole {
            let message = format_args!("the records of an extended header are broken");
            self.contents.note(
                &rules::BROKEN,
                None,
                region(at, BLOCK as u64),
                "pax",
                message,
            );
            self.contents
                .leave_out(format_args!("an extended header is broken"));
        }
        Ok(())
    }

    fn member(&mut self, at: u64, data_at: u64, header: &Header) -> io::Result<Option<u64>> {
        if self.contents.members.len() >= self.budget.members {
            archive::too_many(&mut self.contents, &self.budget);
            return Ok(None);
        }
        let extended = std::mem::take(&mut self.next).or(&self.global);
        let raw_name = extended.name.unwrap_or_else(|| header.name.clone());
        let name = PathText::from_bytes(&raw_name);
        let link = PathText::from_bytes(&extended.link.unwrap_or_else(|| header.link.clone()));
        let size = extended.size.unwrap_or(header.size);
        let kind = kind(header.kind, &raw_name, size, link);
        let data_at = if header.kind == b'S' {
            self.behind_sparse_map(data_at)?
        } else {
            data_at
        };
        let len = self.len_of_body(&kind, data_at, size)?;
        let sparse = header.kind == b'S' || extended.sparse;
        let body = if sparse {
            Body::Unsupported {
                method: Cow::Borrowed("a sparse map"),
            }
        } else {
            Body::Stored {
                start: data_at,
                len,
            }
        };
        let member = Member {
            name,
            size: (!sparse).then_some(len),
            kind,
            view: self.view,
            encrypted: false,
            body,
            crc: None,
            rules: &stream::READ,
            source: self.source,
            budget: self.budget.clone(),
        };
        self.judge_sizes(&member, header, extended.size, len, at);
        if sparse {
            let message = format_args!("{:?} is sparse", member.name.as_str());
            self.contents.leave_out(message);
            self.note(&rules::SPARSE, &member, at, message);
        }
        archive::judge_name(&member, &mut self.contents);
        archive::judge_kind(&member, &mut self.contents);
        if member.kind != Kind::Directory {
            self.names.entry(raw_name).or_insert((0, at)).0 += 1;
        }
        self.contents.members.push(member);
        Ok(self.behind(at, data_at, len))
    }

    /// Judges whether all programs find the next header at one place.
    fn judge_sizes(
        &mut self,
        member: &Member<'_>,
        header: &Header,
        extended: Option<u64>,
        len: u64,
        at: u64,
    ) {
        let name = member.name.as_str();
        if let Some(size) = extended.filter(|&size| size != header.size && size < OCTAL) {
            let message = format_args!(
                "{name:?} has {} bytes in its header and {size} in the extended one",
                header.size
            );
            self.note(&rules::SIZES, member, at, message);
            self.contents.leave_out(format_args!(
                "{name:?} has two sizes, and only the extended one was followed"
            ));
            return;
        }
        let unwanted = match member.kind {
            Kind::File => false,
            // A hard link may say how large its target is.
            Kind::Hardlink(_) => len > 0,
            // GNU tar keeps the names in a directory as the bytes of an entry of its own kind.
            Kind::Directory => header.size > 0 && header.kind != b'D',
            Kind::Symlink(_) | Kind::Special => header.size > 0,
        };
        if unwanted {
            let message = format_args!(
                "{name:?} declares {} bytes, and is nothing that has any",
                header.size
            );
            self.note(&rules::SIZES, member, at, message);
        }
    }

    /// How many bytes follow the header. What has no business to have any has them only where no
    /// header follows at once, but one does behind them.
    fn len_of_body(&mut self, kind: &Kind, data_at: u64, size: u64) -> io::Result<u64> {
        if size == 0 || *kind == Kind::File {
            return Ok(size);
        }
        let follows = Block::parse(self.pages.bytes(data_at, BLOCK)?);
        if !matches!(follows, Block::Broken) {
            return Ok(0);
        }
        let behind = Block::parse(self.pages.bytes(padded(data_at, size), BLOCK)?);
        Ok(if matches!(behind, Block::Broken) {
            0
        } else {
            size
        })
    }

    /// Steps over the blocks that continue an old GNU sparse map.
    fn behind_sparse_map(&mut self, data_at: u64) -> io::Result<u64> {
        let mut at = data_at;
        let mut more = self
            .pages
            .bytes(at.saturating_sub(BLOCK as u64), BLOCK)?
            .get(482)
            == Some(&1);
        while more {
            let block = self.pages.bytes(at, BLOCK)?;
            more = block.get(504) == Some(&1);
            at = at.saturating_add(BLOCK as u64);
        }
        Ok(at)
    }

    /// Where the block behind `len` bytes is; nowhere where the archive ends before them.
    fn behind(&mut self, at: u64, data_at: u64, len: u64) -> Option<u64> {
        if data_at.saturating_add(len) > self.source.len() {
            self.cut(at, "breaks off inside a member");
            return None;
        }
        Some(padded(data_at, len))
    }

    fn cut(&mut self, at: u64, how: &str) {
        let message = format_args!("the archive {how}");
        let at = at.min(self.source.len());
        let place = region(at, self.source.len() - at);
        self.contents.note(&rules::CUT, None, place, "end", message);
        self.contents.leave_out(format_args!("the archive {how}"));
    }

    fn broken(&mut self, at: u64) -> io::Result<Option<u64>> {
        let message = format_args!("a block that must be a header has a wrong checksum");
        let place = region(at, BLOCK as u64);
        self.contents
            .note(&rules::BROKEN, None, place, "checksum", message);
        self.contents.leave_out(format_args!("a header is broken"));
        let (header, _) = self.search(at.saturating_add(BLOCK as u64))?;
        Ok(header)
    }

    /// Looks for what stands behind the end.
    fn behind_the_end(&mut self, at: u64) -> io::Result<Option<u64>> {
        let (header, junk) = self.search(at)?;
        if let Some(junk) = junk {
            let end = header.unwrap_or(self.source.len());
            let message = format_args!("{} bytes follow the end of the archive", end - junk);
            let place = region(junk, end - junk);
            self.contents
                .note(&rules::JUNK, None, place, "end", message);
        }
        if let Some(header) = header {
            let message = format_args!("members follow the end of the archive");
            let place = region(header, BLOCK as u64);
            self.contents
                .note(&rules::BEHIND, None, place, "end", message);
            self.view = View::Local;
        }
        Ok(header)
    }

    /// The next header from `at`, and the first byte before it that is no padding.
    fn search(&mut self, at: u64) -> io::Result<(Option<u64>, Option<u64>)> {
        let mut at = at;
        let mut junk = None;
        loop {
            let block = self.pages.bytes(at, BLOCK)?;
            if block.is_empty() {
                return Ok((None, junk));
            }
            if block.iter().any(|&byte| byte != 0) {
                if checksum_is_right(block) {
                    return Ok((Some(at), junk));
                }
                junk = junk.or(Some(at));
            }
            let Some(left) = self.search.checked_sub(BLOCK as u64) else {
                self.contents.leave_out(format_args!(
                    "too much outside the members to search for hidden ones"
                ));
                return Ok((None, junk));
            };
            self.search = left;
            at = at.saturating_add(BLOCK as u64);
        }
    }

    fn judge_names(&mut self) {
        for (name, (count, at)) in std::mem::take(&mut self.names) {
            if count < 2 {
                continue;
            }
            let name = PathText::from_bytes(&name);
            let message = format_args!("{count} members are called {:?}", name.as_str());
            let place = region(at, BLOCK as u64);
            self.contents
                .note(&rules::AGAIN, Some(&name), place, name.as_str(), message);
        }
    }

    fn note(
        &mut self,
        rule: &'static casemate_core::Rule,
        member: &Member<'_>,
        at: u64,
        message: fmt::Arguments<'_>,
    ) {
        let place = region(at, BLOCK as u64);
        let anchor = member.name.as_str();
        self.contents
            .note(rule, Some(&member.name), place, anchor, message);
    }
}

fn kind(flag: u8, name: &[u8], size: u64, link: PathText) -> Kind {
    match flag {
        b'1' => Kind::Hardlink(link),
        b'2' => Kind::Symlink(link),
        b'3' | b'4' | b'6' => Kind::Special,
        b'5' | b'D' => Kind::Directory,
        // Before ustar, a directory was a file whose name ends so. One of the kind `0` that has
        // bytes is a file to Python's tarfile.
        0 if name.ends_with(b"/") => Kind::Directory,
        b'0' if name.ends_with(b"/") && size == 0 => Kind::Directory,
        _ => Kind::File,
    }
}

/// Where the block behind `len` bytes from `start` begins.
fn padded(start: u64, len: u64) -> u64 {
    let blocks = len.div_ceil(BLOCK as u64);
    start.saturating_add(blocks.saturating_mul(BLOCK as u64))
}

/// `length` bytes from `start`, as a region.
fn region(start: u64, length: u64) -> Option<Region> {
    Some(Region::Bytes { start, length })
}

const PAGE: usize = 4 << 10;
/// The longest extended header that is read.
const EXTENSION: usize = 1 << 20;
/// The longest path that Linux takes.
const NAME: usize = 4096;
/// A name for every member has no use; this much is kept of one.
const GLOBAL_NAME: usize = 256;
/// What eleven octal digits cannot say: from here on a pax size is needed.
const OCTAL: u64 = 8 << 30;
