//! A member's bytes, front to back, decompressed within a budget.

mod checksum;
mod input;
#[cfg(test)]
mod tests;

use std::io::{self, Read};

use casemate_core::{Region, Rule, Source, Window};
use flate2::{Decompress, FlushDecompress, Status};

use self::{
    checksum::{Adler, Checksum},
    input::Input,
};
use crate::{Anomaly, Budget, Exceeded, Member, bytes::is_zero, gzip, zip};

/// How a member's bytes are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    /// As they are.
    None,
    /// Deflate without a wrapper (RFC 1951), as in zip.
    Deflate,
    /// One or more gzip members (RFC 1952), one after another.
    Gzip,
    /// Deflate in a zlib wrapper (RFC 1950).
    Zlib,
}

/// A member, read front to back. After the last byte [`MemberReader::anomalies`] says what only
/// reading to the end could show.
pub struct MemberReader<'a> {
    name: String,
    packing: Packing,
    input: Input<'a>,
    engine: Decompress,
    stream: Stream,
    size: Option<u64>,
    crc: Option<(crc32fast::Hasher, u32)>,
    out: u64,
    budget: Budget,
    anomalies: Vec<Anomaly>,
    trailing: Option<Window<&'a dyn Source>>,
    ended: Option<Result<(), Failure>>,
}

/// Where in its compressed streams (gzip may have several) a reader stands.
#[derive(Debug)]
enum Stream {
    /// Before one, or behind the last.
    Outside,
    /// In one, with what its trailer will be compared with.
    Inside(Checksum),
    /// Behind the last byte of one, before its trailer.
    Ended(Checksum),
}

/// Why reading ended early. An [`io::Error`] cannot be given twice; this can.
#[derive(Clone, Copy, Debug)]
enum Failure {
    Broken,
    Truncated,
    Limit(Exceeded),
}

impl<'a> MemberReader<'a> {
    pub(crate) fn new(
        member: &Member<'a>,
        packing: Packing,
        window: Window<&'a dyn Source>,
    ) -> Self {
        Self {
            name: member.name.as_str().to_owned(),
            packing,
            input: Input::new(member.source, &window),
            engine: Decompress::new(false),
            stream: Stream::Outside,
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

    fn advance(&mut self, buf: &mut [u8]) -> io::Result<Result<usize, Failure>> {
        if self.packing == Packing::None {
            let read = self.input.copy(buf)?;
            let short = read == 0 && self.size.is_some_and(|size| self.out < size);
            return Ok(if short {
                Err(Failure::Truncated)
            } else {
                Ok(read)
            });
        }
        loop {
            match std::mem::replace(&mut self.stream, Stream::Outside) {
                Stream::Outside => {
                    let Some(checksum) = self.begin_stream()? else {
                        return Ok(Ok(0));
                    };
                    self.engine.reset(false);
                    self.stream = Stream::Inside(checksum);
                }
                Stream::Inside(checksum) => {
                    self.stream = Stream::Inside(checksum);
                    match self.inflate(buf)? {
                        Ok(0) => {}
                        other => return Ok(other),
                    }
                }
                Stream::Ended(checksum) => {
                    if !self.trailer_is_right(checksum)? {
                        self.note(&gzip::CHECKSUM, None, WRONG_TRAILER);
                    }
                }
            }
        }
    }

    /// Steps over a wrapper's header; `None` where there is no further stream.
    fn begin_stream(&mut self) -> io::Result<Option<Checksum>> {
        let at = self.input.position();
        match self.packing {
            Packing::Gzip => {
                if let Some(header) = gzip::header(&self.input.window(), at)? {
                    self.input.seek(at.saturating_add(header.len));
                    return Ok(Some(Checksum::Crc(crc32fast::Hasher::new(), 0)));
                }
            }
            Packing::Zlib if at == 0 => {
                self.input.seek(2);
                return Ok(Some(Checksum::Adler(Adler::default())));
            }
            Packing::Deflate if at == 0 => return Ok(Some(Checksum::None)),
            Packing::Zlib | Packing::Deflate | Packing::None => {}
        }
        let rest = self.input.rest();
        if !is_zero(&rest, self.budget.search)? {
            self.trailing = Some(rest);
            let rule = match self.packing {
                Packing::Gzip | Packing::Zlib => &gzip::TRAILING,
                Packing::Deflate | Packing::None => &zip::SLACK,
            };
            let message = format!(
                "{} bytes follow the end of the compressed stream",
                rest.len()
            );
            self.note(rule, Some(&rest), &message);
        }
        Ok(None)
    }

    /// Inflates some bytes; none when the stream has ended.
    fn inflate(&mut self, buf: &mut [u8]) -> io::Result<Result<usize, Failure>> {
        loop {
            let input = self.input.fill()?;
            let at_end = input.is_empty();
            let (ins, outs) = (self.engine.total_in(), self.engine.total_out());
            let status = self.engine.decompress(input, buf, FlushDecompress::None);
            let consumed = self.engine.total_in() - ins;
            let produced = usize::try_from(self.engine.total_out() - outs).unwrap_or(buf.len());
            self.input.consume(consumed);
            if let Stream::Inside(checksum) = &mut self.stream {
                checksum.update(&buf[..produced]);
            }
            match status {
                Ok(Status::StreamEnd) => {
                    if let Stream::Inside(checksum) =
                        std::mem::replace(&mut self.stream, Stream::Outside)
                    {
                        self.stream = Stream::Ended(checksum);
                    }
                    return Ok(Ok(produced));
                }
                // What was inflated before the break is given first; the next call meets the break
                // again, because the engine stays broken.
                _ if produced > 0 => return Ok(Ok(produced)),
                Err(_) => return Ok(Err(Failure::Broken)),
                Ok(_) if at_end => return Ok(Err(Failure::Truncated)),
                Ok(_) if consumed == 0 => return Ok(Err(Failure::Broken)),
                Ok(_) => {}
            }
        }
    }

    /// Whether a stream's trailer says what was read. A trailer that is cut off does not.
    fn trailer_is_right(&mut self, checksum: Checksum) -> io::Result<bool> {
        match checksum {
            Checksum::None => Ok(true),
            Checksum::Crc(crc, size) => {
                let mut trailer = [0; 8];
                let whole = self.input.copy(&mut trailer)? == trailer.len();
                let expected = (size << 32) | u64::from(crc.finalize());
                Ok(whole && u64::from_le_bytes(trailer) == expected)
            }
            Checksum::Adler(adler) => {
                let mut trailer = [0; 4];
                let whole = self.input.copy(&mut trailer)? == trailer.len();
                Ok(whole && u32::from_be_bytes(trailer) == adler.finish())
            }
        }
    }

    /// Counts `read` more bytes against the budget.
    fn account(&mut self, read: u64) -> Result<(), Exceeded> {
        self.out = self.out.saturating_add(read);
        if self.packing == Packing::None {
            return Ok(());
        }
        if self.out > self.budget.bytes {
            return Err(Exceeded::Bytes(self.budget.bytes));
        }
        if self.budget.is_bomb(self.input.position(), self.out) {
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
            self.note(&zip::CHECKSUM, None, &message);
        }
        let actual = crc.finalize();
        if actual != declared {
            let message = format!("CRC-32 is {actual:08x} where {declared:08x} is declared");
            self.note(&zip::CHECKSUM, None, &message);
        }
    }

    fn note(&mut self, rule: &'static Rule, place: Option<&Window<&'a dyn Source>>, message: &str) {
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
        let read = match self.advance(buf)? {
            Ok(0) => {
                self.finish();
                self.ended = Some(Ok(()));
                return Ok(0);
            }
            Ok(read) => self
                .account(read as u64)
                .map(|()| read)
                .map_err(Failure::Limit),
            Err(failure) => Err(failure),
        };
        match read {
            Ok(read) => {
                if let Some((crc, _)) = &mut self.crc {
                    crc.update(&buf[..read]);
                }
                Ok(read)
            }
            Err(failure) => {
                self.ended = Some(Err(failure));
                Err(failure.into())
            }
        }
    }
}

impl From<Failure> for io::Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Broken => Self::new(io::ErrorKind::InvalidData, "broken deflate stream"),
            Failure::Truncated => Self::new(io::ErrorKind::UnexpectedEof, "the member breaks off"),
            Failure::Limit(limit) => limit.into(),
        }
    }
}

const WRONG_TRAILER: &str = "the compressed stream's checksum or length is not that of its bytes";
