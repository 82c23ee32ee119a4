//! A decoder and the filters over it, as xz and 7z have them.

use std::{
    io::{self, Read},
    sync::{Arc, Mutex, PoisonError},
};

use lzma_rust2::filter::{bcj::BcjReader, delta::DeltaReader};

use super::{
    codec::{Codec, Fault},
    input::Input,
};

/// Bytes through a decoder and filters.
pub(super) struct Chain<'a> {
    top: Box<dyn Read + Send + 'a>,
    state: Arc<Mutex<State>>,
}

/// What a chain knows of its decoder, which lies below filters that cannot be asked.
#[derive(Debug, Default)]
struct State {
    position: u64,
    fault: Option<Fault>,
}

/// A filter that gives as many bytes as it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Filter {
    /// The differences of bytes so far apart.
    Delta(usize),
    /// The jumps of x86 code that stands at this address.
    X86(usize),
    Ppc(usize),
    Ia64(usize),
    Arm(usize),
    ArmThumb(usize),
    Sparc(usize),
    Arm64(usize),
    RiscV(usize),
}

impl<'a> Chain<'a> {
    /// Decodes `input` by `codec`, then by `filters` in their order.
    pub(super) fn new(
        codec: Box<dyn Codec<'a> + 'a>,
        input: Input<'a>,
        filters: &[Filter],
    ) -> Self {
        let state = Arc::new(Mutex::new(State {
            position: input.position(),
            fault: None,
        }));
        let base = Base {
            codec,
            input,
            inside: false,
            state: Arc::clone(&state),
        };
        let top = filters
            .iter()
            .fold(boxed(base), |below, filter| match *filter {
                Filter::Delta(distance) => boxed(DeltaReader::new(below, distance)),
                Filter::X86(at) => boxed(BcjReader::new_x86(below, at)),
                Filter::Ppc(at) => boxed(BcjReader::new_ppc(below, at)),
                Filter::Ia64(at) => boxed(BcjReader::new_ia64(below, at)),
                Filter::Arm(at) => boxed(BcjReader::new_arm(below, at)),
                Filter::ArmThumb(at) => boxed(BcjReader::new_arm_thumb(below, at)),
                Filter::Sparc(at) => boxed(BcjReader::new_sparc(below, at)),
                Filter::Arm64(at) => boxed(BcjReader::new_arm64(below, at)),
                Filter::RiscV(at) => boxed(BcjReader::new_riscv(below, at)),
            });
        Self { top, state }
    }

    /// Up to `buf.len()` bytes; none at the end.
    pub(super) fn read(&mut self, buf: &mut [u8]) -> Result<usize, Fault> {
        match self.top.read(buf) {
            Ok(0) => {}
            Ok(read) => return Ok(read),
            Err(error) => return Err(Fault::Medium(error)),
        }
        match self.lock().fault.take() {
            Some(fault) => Err(fault),
            None => Ok(0),
        }
    }

    /// How many bytes of its input were consumed.
    pub(super) fn position(&self) -> u64 {
        self.lock().position
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is below all filters. A fault is the end to them, so that they give what they hold; the
/// chain tells of it then.
struct Base<'a> {
    codec: Box<dyn Codec<'a> + 'a>,
    input: Input<'a>,
    inside: bool,
    state: Arc<Mutex<State>>,
}

impl Base<'_> {
    fn decode(&mut self, buf: &mut [u8]) -> Result<usize, Fault> {
        loop {
            if !self.inside && !self.codec.begin(&mut self.input)? {
                return Ok(0);
            }
            self.inside = true;
            match self.codec.decode(&mut self.input, buf)? {
                0 => {
                    // What holds the chain has a checksum of its own over all of it.
                    self.codec.end(&mut self.input)?;
                    self.inside = false;
                }
                read => return Ok(read),
            }
        }
    }
}

impl Read for Base<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() || self.state.lock().is_ok_and(|state| state.fault.is_some()) {
            return Ok(0);
        }
        let read = self.decode(buf);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.position = self.input.position();
        Ok(read.unwrap_or_else(|fault| {
            state.fault = Some(fault);
            0
        }))
    }
}

fn boxed<'a>(reader: impl Read + Send + 'a) -> Box<dyn Read + Send + 'a> {
    Box::new(reader)
}
