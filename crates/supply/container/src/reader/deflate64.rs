//! Deflate64, which APPNOTE names and does not describe.

use deflate64::InflaterManaged;

use super::{
    codec::{Codec, Failure, Fault},
    input::Input,
};

#[derive(Default)]
pub(super) struct Deflate64 {
    engine: Option<Box<InflaterManaged>>,
}

impl<'a> Codec<'a> for Deflate64 {
    fn begin(&mut self, input: &mut Input<'a>) -> Result<bool, Fault> {
        if input.position() > 0 {
            return Ok(false);
        }
        self.engine = Some(Box::new(InflaterManaged::new()));
        Ok(true)
    }

    fn decode(&mut self, input: &mut Input<'a>, buf: &mut [u8]) -> Result<usize, Fault> {
        let Some(engine) = &mut self.engine else {
            return Err(Failure::Broken(BROKEN).into());
        };
        loop {
            let next = input.fill()?;
            let at_end = next.is_empty();
            let step = engine.inflate(next, buf);
            input.consume(step.bytes_consumed as u64);
            if step.bytes_written > 0 {
                return Ok(step.bytes_written);
            }
            // What is decoded is given at the next call, whatever this one met.
            if engine.available_output() > 0 {
                continue;
            }
            if engine.errored() {
                break;
            }
            if engine.finished() {
                return Ok(0);
            }
            if at_end {
                return Err(Failure::Truncated.into());
            }
            if step.bytes_consumed == 0 {
                break;
            }
        }
        self.engine = None;
        Err(Failure::Broken(BROKEN).into())
    }

    fn end(&mut self, _: &mut Input<'a>) -> Result<bool, Fault> {
        Ok(true)
    }
}

const BROKEN: &str = "deflate64 stream";
