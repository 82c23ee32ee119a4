//! LZ4 frames (LZ4 Frame Format 1.6.4), those of the legacy format too. The blocks are decoded by
//! `lz4_flex`.

use twox_hash::XxHash32;

use super::{
    codec::{Codec, Failure, Fault},
    input::Input,
    zstd::skip_frames,
};
use crate::bytes::{array, le32, le64};

/// Frames of LZ4, and the skippable ones between them.
#[derive(Default)]
pub(super) struct Lz4 {
    frame: Frame,
    ended: bool,
    fault: Option<Failure>,
    packed: Vec<u8>,
    /// Where the next block is decoded.
    block: Vec<u8>,
    /// What of `block` was not given out yet.
    ready: std::ops::Range<usize>,
    /// What blocks may refer to: the last 64 KiB, and more until it is cut.
    history: Vec<u8>,
    wrong: bool,
    out: u64,
    /// How many blocks in a row gave nothing.
    empty: u32,
    content: XxHash32,
}

/// What a frame's descriptor says.
#[derive(Clone, Copy, Debug, Default)]
struct Frame {
    legacy: bool,
    linked: bool,
    block_checksums: bool,
    content_checksum: bool,
    content_size: Option<u64>,
    largest: usize,
}

impl Lz4 {
    /// Reads one block into `ready`; the end where none follows.
    fn next_block(&mut self, input: &mut Input<'_>) -> Result<(), Fault> {
        let head = input.peek::<4>()?;
        let Some(word) = le32(&head, 0) else {
            // A legacy frame ends where the file does.
            if self.frame.legacy && head.is_empty() {
                self.ended = true;
                return Ok(());
            }
            return Err(Failure::Truncated.into());
        };
        let stored = !self.frame.legacy && word & STORED != 0;
        let size = if stored { word & !STORED } else { word };
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let largest = match self.frame.legacy {
            // What does not compress grows (LZ4_COMPRESSBOUND).
            true => LEGACY + LEGACY / 255 + 16,
            false => self.frame.largest,
        };
        if self.frame.legacy && size > largest {
            // No size: what begins here is another frame, or none.
            self.ended = true;
            return Ok(());
        }
        input.skip(4);
        if !self.frame.legacy && word == 0 {
            self.ended = true;
            return Ok(());
        }
        if size > largest {
            return Err(Failure::Broken(BROKEN).into());
        }
        self.packed.resize(size, 0);
        let there = input.copy(&mut self.packed)?;
        if there < size {
            self.fault = Some(Failure::Truncated);
            self.packed.truncate(if stored { there } else { 0 });
        } else if self.frame.block_checksums {
            let expected = u32::from_le_bytes(input.take()?);
            self.wrong |= XxHash32::oneshot(0, &self.packed) != expected;
        }
        self.decode_block(stored)
    }

    fn decode_block(&mut self, stored: bool) -> Result<(), Fault> {
        // Once as large as it gets, or blocks of a few bytes would each clear megabytes.
        if self.block.len() < self.frame.largest {
            self.block.resize(self.frame.largest, 0);
        }
        let len = if stored || self.packed.is_empty() {
            self.block[..self.packed.len()].copy_from_slice(&self.packed);
            self.packed.len()
        } else {
            let block = &mut self.block[..self.frame.largest];
            let history = self.history.len().saturating_sub(HISTORY);
            let history = &self.history[history..];
            lz4_flex::block::decompress_into_with_dict(&self.packed, block, history)
                .map_err(|_| Failure::Broken(BROKEN))?
        };
        // No writer makes empty blocks; as many as fit would take time and give nothing.
        self.empty = if len == 0 { self.empty + 1 } else { 0 };
        if self.empty > MOST_EMPTY {
            return Err(Failure::Broken(BROKEN).into());
        }
        self.ready = 0..len;
        self.out = self.out.saturating_add(len as u64);
        let block = &self.block[..len];
        if self.frame.content_checksum {
            std::hash::Hasher::write(&mut self.content, block);
        }
        if self.frame.linked {
            if self.history.len() + len > 4 * HISTORY {
                let kept = self.history.len().saturating_sub(HISTORY);
                self.history.drain(..kept);
            }
            let last = len.saturating_sub(HISTORY);
            self.history.extend_from_slice(&block[last..]);
        }
        Ok(())
    }
}

impl<'a> Codec<'a> for Lz4 {
    fn begin(&mut self, input: &mut Input<'a>) -> Result<bool, Fault> {
        skip_frames(input)?;
        let head = input.peek::<19>()?;
        let (frame, len, right) = match le32(&head, 0) {
            Some(MAGIC) => Frame::parse(&head)?,
            Some(LEGACY_MAGIC) => {
                let frame = Frame {
                    legacy: true,
                    largest: LEGACY,
                    ..Frame::default()
                };
                (frame, 4, true)
            }
            _ => return Ok(false),
        };
        input.skip(len);
        self.frame = frame;
        self.wrong = !right;
        self.ended = false;
        self.out = 0;
        self.history.clear();
        self.content = XxHash32::with_seed(0);
        Ok(true)
    }

    fn decode(&mut self, input: &mut Input<'a>, buf: &mut [u8]) -> Result<usize, Fault> {
        while self.ready.is_empty() {
            if let Some(fault) = self.fault {
                return Err(fault.into());
            }
            if self.ended {
                return Ok(0);
            }
            self.next_block(input)?;
        }
        let count = self.ready.len().min(buf.len());
        let end = self.ready.start + count;
        buf[..count].copy_from_slice(&self.block[self.ready.start..end]);
        self.ready.start = end;
        Ok(count)
    }

    fn end(&mut self, input: &mut Input<'a>) -> Result<bool, Fault> {
        self.wrong |= self.frame.content_size.is_some_and(|size| size != self.out);
        if self.frame.content_checksum {
            let mut trailer = [0; 4];
            let whole = input.copy(&mut trailer)? == trailer.len();
            self.wrong |= !whole || u32::from_le_bytes(trailer) != self.content.finish_32();
        }
        Ok(!self.wrong)
    }
}

impl Frame {
    /// The frame's descriptor, how long it is with the magic, and whether its checksum is right.
    fn parse(head: &[u8]) -> Result<(Self, u64, bool), Fault> {
        let Some([flags, block]) = array(head, 4) else {
            return Err(Failure::Truncated.into());
        };
        if flags >> 6 != 1 {
            return Err(Failure::Unsupported("a later version of LZ4").into());
        }
        let largest = match block >> 4 & 7 {
            size @ 4..=7 => 1 << (2 * size + 8),
            _ => return Err(Failure::Broken(BROKEN).into()),
        };
        if flags & 1 != 0 {
            return Err(Failure::Unsupported("a dictionary that is not in the file").into());
        }
        let sized = flags & 8 != 0;
        let len = if sized { 14 } else { 6 };
        let Some(&check) = head.get(len) else {
            return Err(Failure::Truncated.into());
        };
        let [_, hash, ..] = XxHash32::oneshot(0, &head[4..len]).to_le_bytes();
        let frame = Self {
            legacy: false,
            linked: flags & 0x20 == 0,
            block_checksums: flags & 0x10 != 0,
            content_checksum: flags & 4 != 0,
            content_size: le64(head, 6).filter(|_| sized),
            largest,
        };
        Ok((frame, len as u64 + 1, hash == check))
    }
}

const MAGIC: u32 = 0x184d_2204;
const LEGACY_MAGIC: u32 = 0x184c_2102;
const STORED: u32 = 1 << 31;
/// The blocks of the legacy format.
const LEGACY: usize = 8 << 20;
const HISTORY: usize = 64 << 10;
const MOST_EMPTY: u32 = 1 << 16;
const BROKEN: &str = "LZ4 frame";
