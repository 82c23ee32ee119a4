//! What is compressed as a whole, read without being held as a whole.

use std::{
    collections::HashMap,
    io,
    sync::{Mutex, PoisonError},
};

use casemate_container::{Contents, Exceeded, Loaded, Member};
use casemate_core::Source;

use super::{
    ConvertError,
    bytes::{Around, is_of_the_medium},
    open::broken,
};
use crate::spool::Spool;

/// A compressed file. Its pickle is read back and forth, in a small part of it, which is kept; its
/// arrays are read once, forward, from the spool.
pub(super) struct Stream<'a> {
    spool: Spool<'a>,
    /// The blocks that were read, by their number, and how many more may be kept.
    kept: Mutex<Kept>,
}

struct Kept {
    blocks: HashMap<u64, Box<[u8]>>,
    room: usize,
}

/// What is in a file that is one compressed stream.
///
/// # Errors
///
/// Where it is broken, or what the medium says.
pub(super) fn unpacked<'a>(contents: &Contents<'a>) -> Result<Around<'a>, ConvertError> {
    let mut members = contents
        .members
        .iter()
        .filter(|member| member.holds_bytes());
    let (Some(member), None) = (members.next(), members.next()) else {
        return Err(ConvertError::Format(contents.format));
    };
    match member.load() {
        Ok(Loaded::Stored(window)) => return Ok(Around::Window(window)),
        Ok(loaded) => return Ok(Around::loaded(loaded)),
        Err(casemate_container::ContainerError::Io(error))
            if matches!(Exceeded::of(&error), Some(Exceeded::Memory(_))) => {}
        Err(error) => return Err(broken(error)),
    }
    Stream::open(member).map(Around::stream)
}

impl<'a> Stream<'a> {
    fn open(member: &Member<'a>) -> Result<Self, ConvertError> {
        let whole = Spool::new(member)?;
        match whole.broken() {
            None => {}
            Some(error) if is_of_the_medium(error) => {
                return Err(io::Error::new(error.kind(), error.to_string()).into());
            }
            Some(error) => return Err(ConvertError::Broken(error.to_string())),
        }
        let len = whole.len();
        Ok(Self {
            // What was read for the length keeps windows of its own, and goes.
            spool: Spool::sized(member, len)?,
            kept: Mutex::new(Kept {
                blocks: HashMap::new(),
                room: MOST_BLOCKS,
            }),
        })
    }

    /// For what is read once, forward.
    pub(super) fn spool(&self) -> &Spool<'a> {
        &self.spool
    }

    /// Copies what a block has from `within` on, and says how much that is.
    fn read_block(&self, number: u64, within: usize, out: &mut [u8]) -> io::Result<usize> {
        let copy = |block: &[u8], out: &mut [u8]| {
            let there = block.get(within..).unwrap_or_default();
            let read = there.len().min(out.len());
            out[..read].copy_from_slice(&there[..read]);
            read
        };
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(block) = kept.blocks.get(&number) {
            return Ok(copy(block, out));
        }
        let block = self.spool.read_vec(number * BLOCK, BLOCK_LEN)?;
        let read = copy(&block, out);
        if let Some(room) = kept.room.checked_sub(1) {
            kept.room = room;
            kept.blocks.insert(number, block.into());
        }
        Ok(read)
    }
}

impl Source for Stream<'_> {
    fn len(&self) -> u64 {
        self.spool.len()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let there = usize::try_from(self.len().saturating_sub(offset)).unwrap_or(usize::MAX);
        let want = buf.len().min(there);
        let mut read = 0;
        while read < want {
            let at = offset + read as u64;
            let within = usize::try_from(at % BLOCK).unwrap_or_default();
            match self.read_block(at / BLOCK, within, &mut buf[read..want])? {
                0 => break,
                some => read += some,
            }
        }
        Ok(read)
    }
}

const BLOCK: u64 = 16 << 10;
const BLOCK_LEN: usize = 16 << 10;
/// 32 MiB of them, which is as large as a compressed pickle may be elsewhere.
const MOST_BLOCKS: usize = 2048;

#[cfg(test)]
mod tests {
    use casemate_container::{Budget, Magic};
    use casemate_core::MemorySource;

    use super::*;
    use crate::convert::{gather::Reading, tests::gzip};

    #[test]
    fn a_stream_beyond_memory_is_read_back_and_forth_and_its_arrays_forward() {
        let plain: Vec<u8> = (0..60_000u32)
            .map(|n| (n * 7 % 251).to_le_bytes()[0])
            .collect();
        let packed = MemorySource(gzip(&plain));
        let mut budget = Budget::default();
        budget.memory = 1000;
        let contents = casemate_container::open(&packed, Magic::Gzip, &budget);
        let contents = contents.expect("gzip").expect("a stream");
        let around = unpacked(&contents).map_err(|error| error.to_string());
        let around = around.expect("a whole stream");
        assert!(matches!(around, Around::Stream(_)));
        let source = around.source();
        for (at, len) in [
            (59_000, 2000),
            (0, 3),
            (16_380, 40_000),
            (1, 59_999),
            (60_000, 1),
        ] {
            let found = source.read_vec(at as u64, len).expect("memory");
            assert_eq!(found, plain[at..(at + len).min(plain.len())], "{at} {len}");
        }
        let bytes = around.extent(30_000, 10_000).part(5000, 90_000);
        assert_eq!((bytes.len(), bytes.turn()), (5000, Some(35_000)));
        assert_eq!(bytes.reading(), Reading::Forward);
        let found = bytes
            .with(|source| source.read_vec(0, 9000))
            .expect("memory");
        assert_eq!(found, plain[35_000..40_000]);
    }
}
