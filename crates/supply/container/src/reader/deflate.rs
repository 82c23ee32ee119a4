//! Deflate (RFC 1951), bare or in a wrapper of gzip (RFC 1952) or zlib (RFC 1950).

use std::io;

use flate2::{Decompress, FlushDecompress, Status};

use super::{
    checksum::{Adler, Checksum},
    codec::{Codec, Failure, Fault},
    input::Input,
};
use crate::stream::gzip;

pub(super) struct Deflate {
    wrapper: Wrapper,
    engine: Decompress,
    checksum: Checksum,
    ended: bool,
}

/// What stands around a deflate stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrapper {
    None,
    Gzip,
    Zlib,
}

impl Deflate {
    pub(super) fn new(wrapper: Wrapper) -> Self {
        Self {
            wrapper,
            engine: Decompress::new(false),
            checksum: Checksum::None,
            ended: false,
        }
    }

    /// Steps over the wrapper's header; nothing where there is no further stream.
    fn header(&self, input: &mut Input<'_>) -> io::Result<Option<Checksum>> {
        let at = input.position();
        match self.wrapper {
            Wrapper::Gzip => {
                let Some(header) = gzip::header(&input.window(), at)? else {
                    return Ok(None);
                };
                input.seek(at.saturating_add(header.len));
                Ok(Some(Checksum::Crc(crc32fast::Hasher::new(), 0)))
            }
            Wrapper::Zlib if at == 0 => {
                input.seek(2);
                Ok(Some(Checksum::Adler(Adler::default())))
            }
            Wrapper::None if at == 0 => Ok(Some(Checksum::None)),
            Wrapper::Zlib | Wrapper::None => Ok(None),
        }
    }
}

impl<'a> Codec<'a> for Deflate {
    fn begin(&mut self, input: &mut Input<'a>) -> Result<bool, Fault> {
        let Some(checksum) = self.header(input)? else {
            return Ok(false);
        };
        self.checksum = checksum;
        self.ended = false;
        self.engine.reset(false);
        Ok(true)
    }

    fn decode(&mut self, input: &mut Input<'a>, buf: &mut [u8]) -> Result<usize, Fault> {
        while !self.ended {
            let next = input.fill()?;
            let at_end = next.is_empty();
            let (ins, outs) = (self.engine.total_in(), self.engine.total_out());
            let status = self.engine.decompress(next, buf, FlushDecompress::None);
            let consumed = self.engine.total_in() - ins;
            let produced = usize::try_from(self.engine.total_out() - outs).unwrap_or(buf.len());
            input.consume(consumed);
            self.checksum.update(&buf[..produced]);
            match status {
                Ok(Status::StreamEnd) => {
                    self.ended = true;
                    return Ok(produced);
                }
                // What was inflated before the break is given first; the next call meets the break
                // again, because the engine stays broken.
                _ if produced > 0 => return Ok(produced),
                Ok(_) if at_end => return Err(Failure::Truncated.into()),
                Ok(_) if consumed > 0 => {}
                Ok(_) | Err(_) => return Err(Failure::Broken("deflate stream").into()),
            }
        }
        Ok(0)
    }

    /// A trailer that is cut off is not right.
    fn end(&mut self, input: &mut Input<'a>) -> Result<bool, Fault> {
        match std::mem::replace(&mut self.checksum, Checksum::None) {
            Checksum::None => Ok(true),
            Checksum::Crc(crc, size) => {
                let mut trailer = [0; 8];
                let whole = input.copy(&mut trailer)? == trailer.len();
                let expected = (size << 32) | u64::from(crc.finalize());
                Ok(whole && u64::from_le_bytes(trailer) == expected)
            }
            Checksum::Adler(adler) => {
                let mut trailer = [0; 4];
                let whole = input.copy(&mut trailer)? == trailer.len();
                Ok(whole && u32::from_be_bytes(trailer) == adler.finish())
            }
        }
    }
}
