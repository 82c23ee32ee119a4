//! bzip2, by the library of the same name.

use bzip2::{Decompress, Status};

use super::{
    codec::{Codec, Failure, Fault},
    input::Input,
};

/// Streams of bzip2. The library checks each block once it has given the block's bytes, and goes no
/// further where the checksum is wrong: nor does any reader that is built on it.
#[derive(Default)]
pub(super) struct Bzip2 {
    /// In a stream, until its end or a break.
    engine: Option<Decompress>,
    ended: bool,
}

impl<'a> Codec<'a> for Bzip2 {
    fn begin(&mut self, input: &mut Input<'a>) -> Result<bool, Fault> {
        let head = input.peek::<4>()?;
        if !(head.starts_with(b"BZh") && matches!(head.get(3), Some(b'1'..=b'9'))) {
            return Ok(false);
        }
        self.engine = Some(Decompress::new(false));
        self.ended = false;
        Ok(true)
    }

    fn decode(&mut self, input: &mut Input<'a>, buf: &mut [u8]) -> Result<usize, Fault> {
        while !self.ended {
            let Some(engine) = &mut self.engine else {
                return Err(Failure::Broken(BROKEN).into());
            };
            let next = input.fill()?;
            let at_end = next.is_empty();
            let (ins, outs) = (engine.total_in(), engine.total_out());
            let status = engine.decompress(next, buf);
            let consumed = engine.total_in() - ins;
            let produced = usize::try_from(engine.total_out() - outs).unwrap_or(buf.len());
            input.consume(consumed);
            match status {
                Ok(Status::StreamEnd) => {
                    self.ended = true;
                    return Ok(produced);
                }
                Ok(Status::MemNeeded) | Err(_) => self.engine = None,
                Ok(_) if produced == 0 && at_end => return Err(Failure::Truncated.into()),
                Ok(_) if produced == 0 && consumed == 0 => self.engine = None,
                Ok(_) => {}
            }
            if produced > 0 {
                return Ok(produced);
            }
        }
        Ok(0)
    }

    fn end(&mut self, _: &mut Input<'a>) -> Result<bool, Fault> {
        Ok(true)
    }
}

const BROKEN: &str = "bzip2 stream, or one with a wrong checksum";
