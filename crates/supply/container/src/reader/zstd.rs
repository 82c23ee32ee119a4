//! Zstandard (RFC 8878), frame by frame. The blocks are decoded by `ruzstd`.

use std::io::Read;

use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::{
    codec::{Codec, Failure, Fault},
    input::Input,
};
use crate::{Exceeded, bytes::le32};

/// Frames of Zstandard, and the skippable ones between them.
pub(super) struct Zstd {
    window: u64,
    frame: Option<Frame>,
}

struct Frame {
    decoder: FrameDecoder,
    content: Option<u64>,
    out: u64,
    /// Why it ends early, while the bytes before that are given.
    fault: Option<Fault>,
    closed: bool,
}

/// What a frame's header says that bounds its decoder.
#[derive(Debug, PartialEq, Eq)]
struct Header {
    window: u64,
    content: Option<u64>,
    dictionary: bool,
}

impl Zstd {
    pub(super) fn new(window: u64) -> Self {
        Self {
            window,
            frame: None,
        }
    }
}

impl<'a> Codec<'a> for Zstd {
    fn begin(&mut self, input: &mut Input<'a>) -> Result<bool, Fault> {
        skip_frames(input)?;
        let head = input.peek::<18>()?;
        if le32(&head, 0) != Some(MAGIC) {
            return Ok(false);
        }
        let header = Header::parse(&head[4..]).ok_or(Failure::Truncated)?;
        if header.window > self.window {
            return Err(Exceeded::Window(self.window).into());
        }
        if header.dictionary {
            return Err(Failure::Unsupported("a dictionary that is not in the file").into());
        }
        let mut decoder = match self.frame.take() {
            // One that is used again takes the memory of its window at once.
            Some(frame) if header.window <= SMALL => frame.decoder,
            _ => FrameDecoder::new(),
        };
        decoder.set_max_window_size(self.window);
        let begun = decoder.init(&mut *input);
        begun.map_err(|_| input.fault(BROKEN))?;
        self.frame = Some(Frame {
            decoder,
            content: header.content,
            out: 0,
            fault: None,
            closed: false,
        });
        Ok(true)
    }

    fn decode(&mut self, input: &mut Input<'a>, buf: &mut [u8]) -> Result<usize, Fault> {
        let Some(frame) = &mut self.frame else {
            return Ok(0);
        };
        loop {
            let read = frame.decoder.read(buf)?;
            if read > 0 {
                frame.out = frame.out.saturating_add(read as u64);
                return Ok(read);
            }
            if let Some(fault) = frame.fault.take() {
                return Err(fault);
            }
            if frame.closed || frame.decoder.is_finished() {
                return Ok(0);
            }
            if let Err(fault) = block(&mut frame.decoder, input) {
                frame.fault = Some(fault);
                // The decoder keeps a window of what it has until the frame ends: it is ended.
                let _ = frame.decoder.decode_blocks(LAST_BLOCK, ONE);
                frame.closed = true;
            }
        }
    }

    fn end(&mut self, _: &mut Input<'a>) -> Result<bool, Fault> {
        let Some(frame) = &self.frame else {
            return Ok(true);
        };
        let declared = frame.decoder.get_checksum_from_data();
        let actual = frame.decoder.get_calculated_checksum();
        let whole = frame.content.is_none_or(|size| size == frame.out);
        Ok(whole && declared.is_none_or(|declared| Some(declared) == actual))
    }
}

/// Decodes one block. Of one that is stored and cut off, what there is.
fn block(decoder: &mut FrameDecoder, input: &mut Input<'_>) -> Result<(), Fault> {
    let head = input.peek::<3>()?;
    let word = head
        .iter()
        .rev()
        .fold(0, |word, &byte| word << 8 | u64::from(byte));
    let left = input.left().saturating_sub(3);
    let stored = head.len() == 3 && word & 6 == 0;
    let decoded = if stored && word >> 3 > left {
        input.skip(3);
        let [low, middle, high, ..] = (left << 3).to_le_bytes();
        let block = [low, middle, high];
        let cut = decoder.decode_blocks(block.chain(&mut *input), ONE);
        cut.map_err(|_| input.fault(BROKEN))?;
        return Err(Failure::Truncated.into());
    } else {
        decoder.decode_blocks(&mut *input, ONE)
    };
    decoded.map(|_| ()).map_err(|_| input.fault(BROKEN))
}

/// Steps over the frames that are for others (RFC 8878, 3.1.2).
pub(crate) fn skip_frames(input: &mut Input<'_>) -> Result<(), Fault> {
    loop {
        let head = input.peek::<8>()?;
        match (le32(&head, 0), le32(&head, 4)) {
            (Some(magic), Some(len)) if magic & 0xffff_fff0 == SKIPPABLE => {
                let left = input.left();
                input.skip(8 + u64::from(len));
                if left < 8 + u64::from(len) {
                    return Err(Failure::Truncated.into());
                }
            }
            _ => return Ok(()),
        }
    }
}

impl Header {
    /// The header behind the magic (3.1.1.1); nothing where it is cut off.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let descriptor = *bytes.first()?;
        let single = descriptor & 0x20 != 0;
        let mut at = 1;
        let mut window = 0;
        if !single {
            let byte = u64::from(*bytes.get(at)?);
            let base = 1 << (10 + (byte >> 3));
            window = base + base / 8 * (byte & 7);
            at += 1;
        }
        let ids = [0, 1, 2, 4][usize::from(descriptor & 3)];
        let id = bytes.get(at..at + ids)?;
        at += ids;
        let sizes = match descriptor >> 6 {
            0 => usize::from(single),
            flag => 1 << flag,
        };
        let mut size = [0; 8];
        size[..sizes].copy_from_slice(bytes.get(at..at + sizes)?);
        let size = u64::from_le_bytes(size) + if sizes == 2 { 256 } else { 0 };
        Some(Self {
            window: if single { size } else { window },
            content: (sizes > 0).then_some(size),
            dictionary: id.iter().any(|&byte| byte != 0),
        })
    }
}

const MAGIC: u32 = 0xfd2f_b528;
const SKIPPABLE: u32 = 0x184d_2a50;
const ONE: BlockDecodingStrategy = BlockDecodingStrategy::UptoBlocks(1);
/// An empty last block, and a checksum for frames that have one.
const LAST_BLOCK: &[u8] = &[1, 0, 0, 0, 0, 0, 0];
const SMALL: u64 = 1 << 20;
const BROKEN: &str = "Zstandard frame";
