//! The .xz container (The .xz File Format, version 1.2.1), whose blocks are LZMA2 below filters.

use sha2::{Digest, Sha256};

use super::{
    chain::{Chain, Filter},
    codec::{Codec, Failure, Fault},
    input::Input,
    lzma::{Header, Lzma, Lzma2},
};
use crate::{
    Budget,
    bytes::{array, le32},
};

/// Streams of .xz, padding between them. Where one of .lzma follows it is read too, as Python's
/// `lzma.open` reads it.
pub(super) struct Xz<'a> {
    budget: Budget,
    /// The stream that is of .lzma.
    alone: Option<Lzma<'a>>,
    /// Whether a stream of .lzma may come first.
    may_be_alone: bool,
    block: Option<Block<'a>>,
    kind: u8,
    /// The blocks so far, as the index must list them.
    blocks: Sums,
    done: bool,
    wrong: bool,
}

struct Block<'a> {
    chain: Chain<'a>,
    check: Check,
    header: BlockHeader,
    /// Where its LZMA2 begins.
    start: u64,
    out: u64,
}

/// What a block says of itself.
struct BlockHeader {
    len: u64,
    packed: Option<u64>,
    unpacked: Option<u64>,
    filters: Vec<Filter>,
    /// How large the dictionary is, as LZMA2 says it.
    dictionary: u8,
}

/// What blocks add up to.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Sums {
    count: u64,
    packed: u64,
    unpacked: u64,
}

impl<'a> Xz<'a> {
    pub(super) fn new(budget: &Budget, may_be_alone: bool) -> Self {
        Self {
            budget: budget.clone(),
            alone: None,
            may_be_alone,
            block: None,
            kind: 0,
            blocks: Sums::default(),
            done: false,
            wrong: false,
        }
    }

    /// Begins a block, or steps over the index and the footer, which end the stream.
    fn next_block(&mut self, input: &mut Input<'a>) -> Result<(), Fault> {
        let start = input.position();
        let Some(header) = self.block_header(input)? else {
            self.index(input, start)?;
            self.done = true;
            return Ok(());
        };
        if self.blocks.count > 0 {
            self.budget.spend(super::STREAM)?;
        }
        let lzma2 = Lzma2::new(header.dictionary, self.budget.window);
        let lzma2 = lzma2.ok_or(Failure::Broken(BROKEN))?;
        self.block = Some(Block {
            chain: Chain::new(Box::new(lzma2), input.fork(), &header.filters),
            check: Check::new(self.kind),
            start: input.position(),
            header,
            out: 0,
        });
        Ok(())
    }

    /// The header of a block; nothing where the index stands.
    fn block_header(&mut self, input: &mut Input<'a>) -> Result<Option<BlockHeader>, Fault> {
        let [size] = input.take::<1>()?;
        if size == 0 {
            return Ok(None);
        }
        let mut bytes = vec![size; usize::from(size) * 4 + 4];
        if input.copy(&mut bytes[1..])? + 1 < bytes.len() {
            return Err(Failure::Truncated.into());
        }
        let (head, crc) = bytes.split_at(bytes.len() - 4);
        self.wrong |= le32(crc, 0) != Some(crc32fast::hash(head));
        let header = parse(head).ok_or(Failure::Unsupported("filters of xz"));
        Ok(Some(header.map(|header| BlockHeader {
            len: bytes.len() as u64,
            ..header
        })?))
    }

    /// Steps over what follows a block's LZMA2: padding and check.
    fn end_block(&mut self, input: &mut Input<'a>, block: Block<'a>) -> Result<(), Fault> {
        let packed = input.position() - block.start;
        let mut padding = [0; 3];
        let pad = usize::try_from(packed.wrapping_neg() % 4).unwrap_or(0);
        let mut expected = vec![0; check_len(self.kind)];
        let whole =
            input.copy(&mut padding[..pad])? == pad && input.copy(&mut expected)? == expected.len();
        if !whole {
            return Err(Failure::Truncated.into());
        }
        let declared = |declared: Option<u64>, actual| declared.is_none_or(|size| size == actual);
        self.wrong |= padding != [0; 3]
            || !block.check.is(&expected)
            || !declared(block.header.packed, packed)
            || !declared(block.header.unpacked, block.out);
        self.blocks.count += 1;
        self.blocks
            .add(block.header.len + packed + expected.len() as u64, block.out);
        Ok(())
    }

    /// Steps over the index, whose first byte was read at `start`, and the footer.
    fn index(&mut self, input: &mut Input<'a>, start: u64) -> Result<(), Fault> {
        let mut crc = crc32fast::Hasher::new();
        crc.update(&[0]);
        let mut listed = Sums {
            count: number(input, &mut crc)?,
            ..Sums::default()
        };
        for _ in 0..listed.count {
            let packed = number(input, &mut crc)?;
            let unpacked = number(input, &mut crc)?;
            listed.add(packed, unpacked);
        }
        let len = input.position() - start;
        for _ in 0..len.wrapping_neg() % 4 {
            let padding = input.take::<1>()?;
            crc.update(&padding);
            self.wrong |= padding != [0];
        }
        self.wrong |= listed != self.blocks;
        self.wrong |= u32::from_le_bytes(input.take()?) != crc.finalize();
        let size = (input.position() - start) / 4;
        let footer = input.take::<12>()?;
        self.wrong |= le32(&footer, 0) != Some(crc32fast::hash(&footer[4..10]))
            || le32(&footer, 4).map(|size| u64::from(size) + 1) != Some(size)
            || footer[8..] != [0, self.kind, b'Y', b'Z'];
        Ok(())
    }
}

impl<'a> Codec<'a> for Xz<'a> {
    fn begin(&mut self, input: &mut Input<'a>) -> Result<bool, Fault> {
        let start = input.position();
        for _ in 0..MOST_PADDING {
            if start == 0 || input.peek::<4>()? != [0; 4] {
                break;
            }
            input.skip(4);
        }
        let head = input.peek::<12>()?;
        if !head.starts_with(b"\xfd7zXZ\0") {
            let mut alone = Lzma::new(Header::Alone, self.budget.window);
            if (self.may_be_alone || start > 0) && alone.begin(input)? {
                self.alone = Some(alone);
                return Ok(true);
            }
            input.seek(start);
            return Ok(false);
        }
        let Some(flags) = array::<2>(&head, 6).filter(|_| head.len() == 12) else {
            return Err(Failure::Truncated.into());
        };
        if flags[0] != 0 || flags[1] > 15 {
            return Err(Failure::Unsupported("a later version of xz").into());
        }
        input.skip(12);
        self.kind = flags[1];
        self.wrong = le32(&head, 8) != Some(crc32fast::hash(&flags));
        self.blocks = Sums::default();
        self.done = false;
        Ok(true)
    }

    fn decode(&mut self, input: &mut Input<'a>, buf: &mut [u8]) -> Result<usize, Fault> {
        if let Some(alone) = &mut self.alone {
            return alone.decode(input, buf);
        }
        while !self.done {
            let Some(block) = &mut self.block else {
                self.next_block(input)?;
                continue;
            };
            let read = block.chain.read(buf)?;
            input.seek(block.chain.position());
            if read > 0 {
                block.check.update(&buf[..read]);
                block.out += read as u64;
                return Ok(read);
            }
            if let Some(block) = self.block.take() {
                self.end_block(input, block)?;
            }
        }
        Ok(0)
    }

    fn end(&mut self, _: &mut Input<'a>) -> Result<bool, Fault> {
        Ok(self.alone.take().is_some() || !self.wrong)
    }
}

impl Sums {
    fn add(&mut self, packed: u64, unpacked: u64) {
        self.packed = self.packed.wrapping_add(packed);
        self.unpacked = self.unpacked.wrapping_add(unpacked);
    }
}

/// What stands in a block's header, its check apart.
fn parse(mut bytes: &[u8]) -> Option<BlockHeader> {
    let flags = *bytes.get(1)?;
    bytes = &bytes[2..];
    if flags & 0x3c != 0 {
        return None;
    }
    let mut sizes = [None; 2];
    for (flag, size) in [0x40, 0x80].into_iter().zip(&mut sizes) {
        if flags & flag != 0 {
            *size = Some(integer(&mut bytes)?);
        }
    }
    let mut filters = Vec::new();
    let mut dictionary = None;
    for left in (0..=flags & 3).rev() {
        let id = integer(&mut bytes)?;
        let len = usize::try_from(integer(&mut bytes)?).ok()?;
        let (properties, rest) = bytes.split_at_checked(len)?;
        bytes = rest;
        if left > 0 {
            filters.push(filter(id, properties)?);
        } else if let (0x21, [size]) = (id, properties) {
            dictionary = Some(*size);
        }
    }
    // They are applied from the last to the first.
    filters.reverse();
    Some(BlockHeader {
        len: 0,
        packed: sizes[0],
        unpacked: sizes[1],
        filters,
        dictionary: dictionary?,
    })
}

/// The filters of 5.3.2 and 5.3.3.
fn filter(id: u64, properties: &[u8]) -> Option<Filter> {
    if let (3, [distance]) = (id, properties) {
        return Some(Filter::Delta(usize::from(*distance) + 1));
    }
    let at = match properties {
        [] => 0,
        _ => usize::try_from(le32(properties, 0)?).ok()?,
    };
    Some(match id {
        4 => Filter::X86(at),
        5 => Filter::Ppc(at),
        6 => Filter::Ia64(at),
        7 => Filter::Arm(at),
        8 => Filter::ArmThumb(at),
        9 => Filter::Sparc(at),
        10 => Filter::Arm64(at),
        11 => Filter::RiscV(at),
        _ => return None,
    })
}

/// An integer of 1.2: seven bits a byte, nine bytes at most.
fn integer(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..63).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn number(input: &mut Input<'_>, crc: &mut crc32fast::Hasher) -> Result<u64, Fault> {
    let mut bytes = Vec::with_capacity(9);
    while bytes.len() < 9 && bytes.last().is_none_or(|byte| byte & 0x80 != 0) {
        let mut byte = [0];
        if input.copy(&mut byte)? == 0 {
            return Err(Failure::Truncated.into());
        }
        bytes.extend(byte);
    }
    crc.update(&bytes);
    integer(&mut &bytes[..]).ok_or(Failure::Broken(BROKEN).into())
}

/// The checksum of a block's bytes.
enum Check {
    /// One that has no reader here, or none.
    Unknown,
    Crc32(crc32fast::Hasher),
    Crc64(u64),
    Sha256(Box<Sha256>),
}

impl Check {
    fn new(kind: u8) -> Self {
        match kind {
            1 => Self::Crc32(crc32fast::Hasher::new()),
            4 => Self::Crc64(!0),
            10 => Self::Sha256(Box::default()),
            _ => Self::Unknown,
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Unknown => {}
            Self::Crc32(crc) => crc.update(bytes),
            Self::Crc64(crc) => {
                for &byte in bytes {
                    let [low, ..] = crc.to_le_bytes();
                    *crc = CRC64[usize::from(low ^ byte)] ^ (*crc >> 8);
                }
            }
            Self::Sha256(hash) => hash.update(bytes),
        }
    }

    fn is(self, expected: &[u8]) -> bool {
        match self {
            Self::Unknown => true,
            Self::Crc32(crc) => crc.finalize().to_le_bytes() == expected,
            Self::Crc64(crc) => (!crc).to_le_bytes() == expected,
            Self::Sha256(hash) => hash.finalize()[..] == *expected,
        }
    }
}

/// How long the check of a kind is (2.1.1.2).
fn check_len(kind: u8) -> usize {
    match kind {
        0 => 0,
        kind => 4 << ((kind - 1) / 3),
    }
}

const BROKEN: &str = "xz stream";

/// The table of the CRC-64 of ECMA-182, reflected.
static CRC64: [u64; 256] = {
    let mut table = [0; 256];
    let mut at = 0;
    while at < 256 {
        let mut crc = at as u64;
        let mut bit = 0;
        while bit < 8 {
            crc = (crc >> 1) ^ (0xc96c_5795_d787_0f42 * (crc & 1));
            bit += 1;
        }
        table[at] = crc;
        at += 1;
    }
    table
};

/// In words of four bytes: more than any writer leaves between streams.
const MOST_PADDING: u32 = 1 << 18;
