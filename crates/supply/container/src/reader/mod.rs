//! A member's bytes, front to back, decompressed within a budget.
//!
//! ```text
//!  Input ──► Codec ──► MemberReader      one stream after another, each held to its checksums
//!            Codec ──► Filter ──► …      a Chain: the blocks of xz, the folders of 7z
//! ```

mod bzip2;
mod chain;
mod checksum;
mod codec;
#[cfg(test)]
mod codecs;
mod deflate;
mod deflate64;
mod input;
mod lz4;
mod lzma;
mod solid;
#[cfg(test)]
mod tests;
mod xz;
mod zstd;

use std::{
    io::{self, Read},
    sync::{Mutex, PoisonError},
};

use casemate_core::{Region, Rule, Source, Window};

use self::{
    bzip2::Bzip2,
    codec::{Codec, Failure, Fault},
    deflate::{Deflate, Wrapper},
    deflate64::Deflate64,
    lz4::Lz4,
    lzma::Lzma,
    solid::Solid,
    xz::Xz,
    zstd::Zstd,
};
pub(crate) use self::{
    chain::Filter,
    input::Input,
    lzma::Header as LzmaHeader,
    solid::{Coder, Folder, Part},
    zstd::skip_frames,
};
use crate::{Anomaly, Budget, Exceeded, Member, bytes::is_zero};

/// How a member's bytes are packed.
#[derive(Clone)]
pub(crate) enum Packing<'a> {
    /// As they are.
    None,
    /// Deflate without a wrapper (RFC 1951), as in zip.
    Deflate,
    /// Deflate64, as in zip.
    Deflate64,
    /// One or more gzip members (RFC 1952), one after another.
    Gzip,
    /// Deflate in a zlib wrapper (RFC 1950).
    Zlib,
    /// One or more streams of bzip2.
    Bzip2,
    /// One or more streams of xz; those of .lzma too where they come after one, or where `alone`.
    Xz { alone: bool },
    /// One stream of LZMA.
    Lzma(LzmaHeader),
    /// One or more frames of Zstandard.
    Zstd,
    /// One or more frames of LZ4.
    Lz4,
    /// A part of what a folder of 7z decodes to.
    Solid(Part<'a>),
}

/// What a container calls that which only reading a member shows.
#[derive(Debug)]
pub(crate) struct ReadRules {
    /// Bytes behind the end of the compressed stream.
    pub(crate) trailing: &'static Rule,
    /// A checksum or a size that is not that of the bytes.
    pub(crate) checksum: &'static Rule,
}

/// A member, read front to back. After the last byte [`MemberReader::anomalies`] says what only
/// reading to the end could show.
pub struct MemberReader<'a> {
    name: String,
    rules: &'static ReadRules,
    input: Input<'a>,
    /// Nothing for what is stored. Never locked: it only lets a reader be shared, which not every
    /// decoder may be.
    codec: Option<Mutex<Box<dyn Codec<'a> + 'a>>>,
    /// Whether the codec is in a stream, and not before one or behind the last.
    inside: bool,
    streams: u64,
    size: Option<u64>,
    crc: Option<(crc32fast::Hasher, u32)>,
    out: u64,
    budget: Budget,
    anomalies: Vec<Anomaly>,
    trailing: Option<Window<&'a dyn Source>>,
    ended: Option<Result<(), Failure>>,
}

impl<'a> MemberReader<'a> {
    pub(crate) fn new(
        member: &Member<'a>,
        packing: Packing<'a>,
        window: Window<&'a dyn Source>,
    ) -> Self {
        Self {
            name: member.name.as_str().to_owned(),
            rules: member.rules,
            input: Input::new(&window, member.source),
            codec: codec(packing, &member.budget).map(Mutex::new),
            inside: false,
            streams: 0,
            size: member.size,
            crc: member.crc.map(|crc| (crc32fast::Hasher::new(), crc)),
            out: 0,
            budget: member.budget.clone(),
            anomalies: Vec::new(),
            trailing: None,
            ended: None,
        }
    }

    /// What reading to the end showed: a checksum or a size that is not as declared, bytes behind
    /// the compressed stream. Empty before the end.
    pub fn anomalies(&self) -> &[Anomaly] {
        &self.anomalies
    }

    /// The bytes behind the end of the compressed stream, if there are any but zeros. Known once
    /// the end was read.
    pub fn trailing(&self) -> Option<Window<&'a dyn Source>> {
        self.trailing
    }

    fn advance(&mut self, buf: &mut [u8]) -> Result<usize, Fault> {
        loop {
            let Some(codec) = unlocked(&mut self.codec) else {
                let read = self.input.copy(buf)?;
                if read == 0 && self.size.is_some_and(|size| self.out < size) {
                    return Err(Failure::Truncated.into());
                }
                return Ok(read);
            };
            if !self.inside {
                self.inside = codec.begin(&mut self.input)?;
                if !self.inside {
                    return self.behind_the_last();
                }
                // Setting up a decoder costs, whatever comes of it.
                if self.streams > 0 {
                    self.budget.spend(STREAM)?;
                }
                self.streams += 1;
            }
            let read = codec.decode(&mut self.input, buf)?;
            if read > 0 {
                return Ok(read);
            }
            self.inside = false;
            if !codec.end(&mut self.input)? {
                self.note(self.rules.checksum, None, WRONG_TRAILER);
            }
        }
    }

    fn behind_the_last(&mut self) -> Result<usize, Fault> {
        if self.streams == 0 {
            return Err(Failure::Broken("header of a compressed stream").into());
        }
        let rest = self.input.rest();
        if !is_zero(&rest, self.budget.search)? {
            self.trailing = Some(rest);
            let message = format!(
                "{} bytes follow the end of the compressed stream",
                rest.len()
            );
            self.note(self.rules.trailing, Some(&rest), &message);
        }
        Ok(0)
    }

    /// Counts `read` more bytes against the budget.
    fn account(&mut self, read: u64) -> Result<(), Exceeded> {
        self.out = self.out.saturating_add(read);
        let Some(codec) = unlocked(&mut self.codec) else {
            return Ok(());
        };
        if self.out > self.budget.bytes {
            return Err(Exceeded::Bytes(self.budget.bytes));
        }
        let growth = codec.growth();
        let (packed, unpacked) = growth.unwrap_or((self.input.position(), self.out));
        if self.budget.is_bomb(packed, unpacked) {
            return Err(Exceeded::Ratio(self.budget.ratio));
        }
        self.budget.spend(read)
    }

    /// Compares the whole with what the container declares of it.
    fn finish(&mut self) {
        let Some((crc, declared)) = self.crc.take() else {
            return;
        };
        if self.size.is_some_and(|size| size != self.out) {
            let message = format!(
                "{} bytes where {} are declared",
                self.out,
                self.size.unwrap_or_default()
            );
            self.note(self.rules.checksum, None, &message);
        }
        let actual = crc.finalize();
        if actual != declared {
            let message = format!("CRC-32 is {actual:08x} where {declared:08x} is declared");
            self.note(self.rules.checksum, None, &message);
        }
    }

    fn note(&mut self, rule: &'static Rule, place: Option<&Window<&'a dyn Source>>, message: &str) {
        if self.anomalies.len() >= ANOMALIES {
            return;
        }
        self.anomalies.push(Anomaly {
            rule,
            member: Some(self.name.clone()),
            region: place.map(|place| Region::Bytes {
                start: place.start(),
                length: place.len(),
            }),
            anchor: self.name.clone(),
            message: format!("{:?}: {message}", self.name),
        });
    }
}

impl Read for MemberReader<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        if let Some(ended) = self.ended {
            return ended.map(|()| 0).map_err(io::Error::from);
        }
        let read = self.advance(buf).and_then(|read| {
            self.account(read as u64)?;
            Ok(read)
        });
        match read {
            Ok(0) => {
                self.finish();
                self.ended = Some(Ok(()));
                Ok(0)
            }
            Ok(read) => {
                if let Some((crc, _)) = &mut self.crc {
                    crc.update(&buf[..read]);
                }
                Ok(read)
            }
            Err(Fault::Failure(failure)) => {
                self.ended = Some(Err(failure));
                Err(failure.into())
            }
            Err(Fault::Medium(error)) => {
                self.ended = Some(Err(Failure::Unread));
                Err(error)
            }
        }
    }
}

fn unlocked<T>(codec: &mut Option<Mutex<T>>) -> Option<&mut T> {
    let codec = codec.as_mut()?.get_mut();
    Some(codec.unwrap_or_else(PoisonError::into_inner))
}

fn codec<'a>(packing: Packing<'a>, budget: &Budget) -> Option<Box<dyn Codec<'a> + 'a>> {
    Some(match packing {
        Packing::None => return None,
        Packing::Deflate => Box::new(Deflate::new(Wrapper::None)),
        Packing::Gzip => Box::new(Deflate::new(Wrapper::Gzip)),
        Packing::Zlib => Box::new(Deflate::new(Wrapper::Zlib)),
        Packing::Deflate64 => Box::new(Deflate64::default()),
        Packing::Bzip2 => Box::new(Bzip2::default()),
        Packing::Xz { alone } => Box::new(Xz::new(budget, alone)),
        Packing::Lzma(header) => Box::new(Lzma::new(header, budget.window)),
        Packing::Zstd => Box::new(Zstd::new(budget.window)),
        Packing::Lz4 => Box::new(Lz4::default()),
        Packing::Solid(part) => Box::new(Solid::new(part, budget)),
    })
}

const WRONG_TRAILER: &str = "the compressed stream's checksum or length is not that of its bytes";
/// How many anomalies of one member are kept: each of its streams may have one.
const ANOMALIES: usize = 100;
/// What a further stream or block costs of the budget beside its bytes.
const STREAM: u64 = 16 << 10;
