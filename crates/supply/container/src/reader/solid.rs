//! Members of a 7z that are packed together: what stands before one is decoded to reach it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use casemate_core::{Source, Window};

use super::{
    bzip2::Bzip2,
    chain::{Chain, Filter},
    codec::{Codec, Failure, Fault},
    deflate::{Deflate, Wrapper},
    deflate64::Deflate64,
    input::Input,
    lz4::Lz4,
    lzma::{Header, Lzma, Lzma2},
    zstd::Zstd,
};
use crate::{Budget, Exceeded};

/// Members that are packed together, and how.
pub(crate) struct Folder<'a> {
    source: &'a dyn Source,
    packed: Window<&'a dyn Source>,
    coder: Coder,
    filters: Vec<Filter>,
    state: Mutex<State<'a>>,
}

/// What unpacks a folder before filters do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coder {
    Copy,
    Lzma {
        properties: u8,
        dictionary: u32,
        size: u64,
    },
    Lzma2 {
        properties: u8,
    },
    Bzip2,
    Deflate,
    Deflate64,
    Zstd,
    Lz4,
}

/// One member's part of a folder.
#[derive(Clone)]
pub(crate) struct Part<'a> {
    pub(crate) folder: Arc<Folder<'a>>,
    pub(crate) start: u64,
    pub(crate) len: u64,
}

/// Where the last reader of a folder left off, so that members in a row are decoded once.
#[derive(Default)]
struct State<'a> {
    running: Option<Running<'a>>,
    /// Where the folder breaks off. Nothing behind it can be read.
    broken: Option<(u64, Failure)>,
}

struct Running<'a> {
    chain: Chain<'a>,
    at: u64,
}

impl<'a> Folder<'a> {
    pub(crate) fn new(
        source: &'a dyn Source,
        packed: Window<&'a dyn Source>,
        coder: Coder,
        filters: Vec<Filter>,
    ) -> Arc<Self> {
        Arc::new(Self {
            source,
            packed,
            coder,
            filters,
            state: Mutex::default(),
        })
    }

    /// Where its packed bytes begin, and how many there are.
    pub(crate) fn packed(&self) -> (u64, u64) {
        (self.packed.start(), self.packed.len())
    }

    fn begin(&self, budget: &Budget) -> Result<Running<'a>, Fault> {
        let window = budget.window;
        let codec: Box<dyn Codec<'a> + 'a> = match self.coder {
            Coder::Copy => Box::new(Copied),
            Coder::Lzma {
                properties,
                dictionary,
                size,
            } => {
                let header = Header::Elsewhere {
                    properties,
                    dictionary,
                    size: Some(size),
                };
                Box::new(Lzma::new(header, window))
            }
            Coder::Lzma2 { properties } => {
                let lzma2 = Lzma2::new(properties, window);
                Box::new(lzma2.ok_or(Failure::Broken("properties of LZMA2"))?)
            }
            Coder::Bzip2 => Box::new(Bzip2::default()),
            Coder::Deflate => Box::new(Deflate::new(Wrapper::None)),
            Coder::Deflate64 => Box::new(Deflate64::default()),
            Coder::Zstd => Box::new(Zstd::new(window)),
            Coder::Lz4 => Box::new(Lz4::default()),
        };
        let input = Input::new(&self.packed, self.source);
        Ok(Running {
            chain: Chain::new(codec, input, &self.filters),
            at: 0,
        })
    }

    fn lock(&self) -> MutexGuard<'_, State<'a>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The decoder of one part.
pub(super) struct Solid<'a> {
    part: Part<'a>,
    budget: Budget,
    running: Option<Running<'a>>,
    begun: bool,
}

impl<'a> Solid<'a> {
    pub(super) fn new(part: Part<'a>, budget: &Budget) -> Self {
        Self {
            part,
            budget: budget.clone(),
            running: None,
            begun: false,
        }
    }

    /// Decodes to the part's first byte. What is passed over costs as much as what is read, so
    /// that no order of members makes a small archive expensive.
    fn pass_over(&self, running: &mut Running<'a>) -> Result<(), Fault> {
        let ahead = usize::try_from(self.part.start.saturating_sub(running.at));
        let mut buffer = vec![0; ahead.unwrap_or(CHUNK).min(CHUNK)];
        while running.at < self.part.start {
            let left = usize::try_from(self.part.start - running.at).unwrap_or(CHUNK);
            let most = left.min(buffer.len());
            let read = self.read(running, &mut buffer[..most])?;
            if self
                .budget
                .is_bomb(self.part.folder.packed.len(), running.at)
            {
                return Err(Exceeded::Ratio(self.budget.ratio).into());
            }
            self.budget.spend(read as u64)?;
        }
        Ok(())
    }

    fn read(&self, running: &mut Running<'a>, buf: &mut [u8]) -> Result<usize, Fault> {
        let read = running.chain.read(buf).and_then(|read| match read {
            0 => Err(Failure::Truncated.into()),
            read => Ok(read),
        });
        if let Err(Fault::Failure(failure)) = &read {
            self.part.folder.lock().broken = Some((running.at, *failure));
        }
        let read = read?;
        running.at = running.at.saturating_add(read as u64);
        Ok(read)
    }
}

impl<'a> Codec<'a> for Solid<'a> {
    fn begin(&mut self, input: &mut Input<'a>) -> Result<bool, Fault> {
        if self.begun {
            return Ok(false);
        }
        self.begun = true;
        let mut state = self.part.folder.lock();
        if let Some((at, failure)) = state.broken
            && at <= self.part.start
        {
            return Err(failure.into());
        }
        let there = |running: &mut Running<'_>| running.at <= self.part.start;
        let running = state.running.take_if(there);
        drop(state);
        let mut running = match running {
            Some(running) => running,
            None => self.part.folder.begin(&self.budget)?,
        };
        self.pass_over(&mut running)?;
        self.running = Some(running);
        input.skip(input.left());
        Ok(true)
    }

    fn decode(&mut self, _: &mut Input<'a>, buf: &mut [u8]) -> Result<usize, Fault> {
        let Some(mut running) = self.running.take() else {
            return Ok(0);
        };
        let end = self.part.start.saturating_add(self.part.len);
        let left = usize::try_from(end.saturating_sub(running.at)).unwrap_or(usize::MAX);
        let want = left.min(buf.len());
        let read = match want {
            0 => 0,
            want => self.read(&mut running, &mut buf[..want])?,
        };
        self.running = Some(running);
        Ok(read)
    }

    fn end(&mut self, _: &mut Input<'a>) -> Result<bool, Fault> {
        Ok(true)
    }

    fn growth(&self) -> Option<(u64, u64)> {
        let at = self.running.as_ref().map_or(0, |running| running.at);
        Some((self.part.folder.packed.len(), at))
    }
}

impl Drop for Solid<'_> {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            self.part.folder.lock().running = Some(running);
        }
    }
}

/// What is stored in a folder.
struct Copied;

impl<'a> Codec<'a> for Copied {
    fn begin(&mut self, input: &mut Input<'a>) -> Result<bool, Fault> {
        Ok(input.left() > 0)
    }

    fn decode(&mut self, input: &mut Input<'a>, buf: &mut [u8]) -> Result<usize, Fault> {
        Ok(input.copy(buf)?)
    }

    fn end(&mut self, _: &mut Input<'a>) -> Result<bool, Fault> {
        Ok(true)
    }
}

const CHUNK: usize = 64 << 10;
