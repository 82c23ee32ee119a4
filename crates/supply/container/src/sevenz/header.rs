//! The header of a 7z: a tree of numbers, as 7zFormat.txt of the LZMA SDK describes it.
//!
//! No count is believed further than there are bytes left to hold what it counts, and a header of
//! more things than an allowance is broken: each may take a byte, and a hundred in memory.

use crate::bytes::{array, le32};

/// What a header describes.
#[derive(Debug)]
pub(super) enum Header {
    /// Members.
    Plain(Archive),
    /// A header that is packed as a folder of its own.
    Packed(Streams),
}

/// Folders, and the files that lie in them.
#[derive(Debug, Default)]
pub(super) struct Archive {
    pub(super) streams: Streams,
    pub(super) files: Vec<File>,
}

/// Packed bytes, how they unpack, and into which parts.
#[derive(Debug, Default)]
pub(super) struct Streams {
    /// Where the packed bytes begin, behind the signature header.
    pub(super) start: u64,
    /// How long each stream of them is.
    pub(super) packed: Vec<u64>,
    pub(super) folders: Vec<FolderHeader>,
    /// The parts of the folders, in their order.
    pub(super) parts: Vec<PartHeader>,
}

/// How some streams unpack to one.
#[derive(Clone, Debug, Default)]
pub(super) struct FolderHeader {
    pub(super) coders: Vec<CoderHeader>,
    /// Which input of a coder is which output of another.
    pub(super) bonds: Vec<(u64, u64)>,
    /// The inputs that are packed streams.
    pub(super) inputs: Vec<u64>,
    /// How long each output is.
    pub(super) sizes: Vec<u64>,
    pub(super) crc: Option<u32>,
}

/// One step of unpacking.
#[derive(Clone, Debug, Default)]
pub(super) struct CoderHeader {
    pub(super) method: u64,
    pub(super) inputs: u64,
    pub(super) outputs: u64,
    pub(super) properties: Vec<u8>,
}

/// One part of a folder.
#[derive(Clone, Copy, Debug)]
pub(super) struct PartHeader {
    pub(super) folder: usize,
    pub(super) size: u64,
    pub(super) crc: Option<u32>,
}

/// One file.
#[derive(Clone, Debug, Default)]
pub(super) struct File {
    /// UTF-16, little end first.
    pub(super) name: Vec<u8>,
    /// Whether a part of a folder is its content.
    pub(super) has_stream: bool,
    /// Without a stream: whether it is a file and not a directory.
    pub(super) empty_file: bool,
    /// Whether unpacking it means deleting what has its name.
    pub(super) anti: bool,
    pub(super) attributes: u32,
}

impl Header {
    /// Reads a header of at most `limit` files; nothing where it is broken, or has many times as
    /// many streams, coders or parts.
    pub(super) fn parse(bytes: &[u8], limit: usize) -> Option<Self> {
        let allowance = limit.saturating_mul(8).saturating_add(64);
        let mut reader = Reader { bytes, allowance };
        match reader.number()? {
            HEADER => Archive::parse(&mut reader, limit).map(Self::Plain),
            PACKED_HEADER => Streams::parse(&mut reader).map(Self::Packed),
            _ => None,
        }
    }
}

impl Archive {
    fn parse(reader: &mut Reader<'_>, limit: usize) -> Option<Self> {
        let mut archive = Self::default();
        loop {
            match reader.number()? {
                END => return Some(archive),
                PROPERTIES => {
                    while reader.number()? != END {
                        let len = reader.number()?;
                        reader.take(len)?;
                    }
                }
                ADDITIONAL_STREAMS => {
                    Streams::parse(reader)?;
                }
                MAIN_STREAMS => archive.streams = Streams::parse(reader)?,
                FILES => archive.files = files(reader, limit)?,
                _ => return None,
            }
        }
    }
}

impl Streams {
    fn parse(reader: &mut Reader<'_>) -> Option<Self> {
        let mut streams = Self::default();
        let mut split = false;
        loop {
            match reader.number()? {
                END => break,
                PACK_INFO => streams.pack_info(reader)?,
                FOLDERS => streams.folders(reader)?,
                PARTS => {
                    split = true;
                    streams.parts(reader)?;
                }
                _ => return None,
            }
        }
        if !split {
            for (index, folder) in streams.folders.iter().enumerate() {
                streams.parts.push(PartHeader {
                    folder: index,
                    size: folder.size(),
                    crc: folder.crc,
                });
            }
        }
        Some(streams)
    }

    fn pack_info(&mut self, reader: &mut Reader<'_>) -> Option<()> {
        self.start = reader.number()?;
        let count = reader.count()?;
        loop {
            match reader.number()? {
                END => return Some(()),
                SIZES => {
                    self.packed = (0..count).map(|_| reader.number()).collect::<Option<_>>()?;
                }
                CRCS => {
                    reader.digests(count)?;
                }
                _ => return None,
            }
        }
    }

    fn folders(&mut self, reader: &mut Reader<'_>) -> Option<()> {
        if reader.number()? != FOLDER {
            return None;
        }
        let count = reader.count()?;
        if reader.byte()? != 0 {
            return None;
        }
        self.folders = (0..count)
            .map(|_| FolderHeader::parse(reader))
            .collect::<Option<_>>()?;
        loop {
            match reader.number()? {
                END => return Some(()),
                FOLDER_SIZES => {
                    for folder in &mut self.folders {
                        let outputs = folder.outputs();
                        folder.sizes = (0..outputs)
                            .map(|_| reader.number())
                            .collect::<Option<_>>()?;
                    }
                }
                CRCS => {
                    let crcs = reader.digests(count)?;
                    for (folder, crc) in self.folders.iter_mut().zip(crcs) {
                        folder.crc = crc;
                    }
                }
                _ => return None,
            }
        }
    }

    /// Into which parts each folder unpacks: all but the last have a size, and what has no
    /// checksum yet may have one.
    fn parts(&mut self, reader: &mut Reader<'_>) -> Option<()> {
        let mut counts = vec![1; self.folders.len()];
        let mut kind = reader.number()?;
        if kind == PART_COUNTS {
            for count in &mut counts {
                *count = reader.number()?;
            }
            kind = reader.number()?;
        }
        for (index, (folder, &count)) in self.folders.iter().zip(&counts).enumerate() {
            reader.allow(count)?;
            let mut left = folder.size();
            for part in 0..count {
                let size = match kind {
                    _ if part + 1 == count => left,
                    SIZES => reader.number()?,
                    _ => return None,
                };
                left = left.checked_sub(size)?;
                self.parts.push(PartHeader {
                    folder: index,
                    size,
                    crc: folder.crc.filter(|_| count == 1),
                });
            }
        }
        if kind == SIZES {
            kind = reader.number()?;
        }
        while kind != END {
            if kind != CRCS {
                return None;
            }
            let open = |part: &&mut PartHeader| part.crc.is_none();
            let open: Vec<_> = self.parts.iter_mut().filter(open).collect();
            let crcs = reader.digests(open.len())?;
            for (part, crc) in open.into_iter().zip(crcs) {
                part.crc = crc;
            }
            kind = reader.number()?;
        }
        Some(())
    }
}

impl FolderHeader {
    fn parse(reader: &mut Reader<'_>) -> Option<Self> {
        let mut folder = Self::default();
        let coders = reader.number()?;
        if !(1..=CODERS).contains(&coders) {
            return None;
        }
        reader.allow(coders)?;
        for _ in 0..coders {
            folder.coders.push(CoderHeader::parse(reader)?);
        }
        let inputs = folder.coders.iter().map(|coder| coder.inputs).sum::<u64>();
        let bonds = folder.outputs().checked_sub(1)?;
        reader.allow(inputs.saturating_add(bonds))?;
        for _ in 0..bonds {
            folder.bonds.push((reader.number()?, reader.number()?));
        }
        let packed = inputs.checked_sub(bonds)?;
        if packed == 1 {
            let bound = |input: &u64| folder.bonds.iter().any(|(bound, _)| bound == input);
            let free = (0..inputs).find(|input| !bound(input))?;
            folder.inputs.push(free);
        } else {
            for _ in 0..packed {
                folder.inputs.push(reader.number()?);
            }
        }
        Some(folder)
    }

    fn outputs(&self) -> u64 {
        self.coders.iter().map(|coder| coder.outputs).sum()
    }

    /// The output that no coder takes, which is what it unpacks to.
    pub(super) fn main_output(&self) -> Option<u64> {
        let taken = |output: &u64| self.bonds.iter().any(|(_, bound)| bound == output);
        (0..self.outputs()).find(|output| !taken(output))
    }

    /// How many bytes it unpacks to.
    pub(super) fn size(&self) -> u64 {
        let main = self
            .main_output()
            .and_then(|main| usize::try_from(main).ok());
        main.and_then(|main| self.sizes.get(main).copied())
            .unwrap_or(0)
    }
}

impl CoderHeader {
    fn parse(reader: &mut Reader<'_>) -> Option<Self> {
        let flags = reader.byte()?;
        // Bit 7 would say that there are alternatives, which nothing writes.
        if flags & 0xc0 != 0 {
            return None;
        }
        let id = reader.take(u64::from(flags & 0x0f))?;
        if id.len() > 8 {
            return None;
        }
        let method = id.iter().fold(0, |id, &byte| id << 8 | u64::from(byte));
        let (mut inputs, mut outputs) = (1, 1);
        if flags & 0x10 != 0 {
            (inputs, outputs) = (reader.number()?, reader.number()?);
        }
        if inputs > CODERS || outputs > CODERS {
            return None;
        }
        let mut properties = Vec::new();
        if flags & 0x20 != 0 {
            let len = reader.number()?;
            properties = reader.take(len)?.to_vec();
        }
        Some(Self {
            method,
            inputs,
            outputs,
            properties,
        })
    }
}

/// The properties of the files. Of those that are not needed here only the length is read.
fn files(reader: &mut Reader<'_>, limit: usize) -> Option<Vec<File>> {
    let count = usize::try_from(reader.number()?).ok()?;
    // One more than is allowed shows that there are too many.
    let mut files = vec![File::default(); count.min(limit.saturating_add(1))];
    let mut empty = vec![false; files.len()];
    loop {
        let kind = reader.number()?;
        if kind == END {
            break;
        }
        let len = reader.number()?;
        let mut property = Reader {
            bytes: reader.take(len)?,
            allowance: reader.allowance,
        };
        match kind {
            EMPTY_STREAMS => empty = property.bits(files.len())?,
            EMPTY_FILES | ANTI => {
                let empties = empty.iter().filter(|&&empty| empty).count();
                let bits = property.bits(empties)?;
                let empties = files.iter_mut().zip(&empty).filter(|(_, empty)| **empty);
                for ((file, _), bit) in empties.zip(bits) {
                    match kind {
                        ANTI => file.anti = bit,
                        _ => file.empty_file = bit,
                    }
                }
            }
            NAMES => names(&mut property, &mut files)?,
            // Of an archive with too many files no more than that is told.
            ATTRIBUTES if count == files.len() => attributes(&mut property, &mut files)?,
            _ => {}
        }
    }
    for (file, empty) in files.iter_mut().zip(empty) {
        file.has_stream = !empty;
    }
    Some(files)
}

fn names(reader: &mut Reader<'_>, files: &mut [File]) -> Option<()> {
    // Names in a stream of their own are written by nothing.
    if reader.byte()? != 0 {
        return None;
    }
    let mut units = reader.bytes.chunks_exact(2);
    for file in files {
        loop {
            let unit = units.next()?;
            if unit == [0, 0] {
                break;
            }
            file.name.extend(unit);
        }
    }
    Some(())
}

fn attributes(reader: &mut Reader<'_>, files: &mut [File]) -> Option<()> {
    let known = reader.all_or_bits(files.len())?;
    if reader.byte()? != 0 {
        return None;
    }
    for (file, known) in files.iter_mut().zip(known) {
        if known {
            file.attributes = le32(reader.take(4)?, 0)?;
        }
    }
    Some(())
}

/// What is left of a header.
struct Reader<'b> {
    bytes: &'b [u8],
    /// How many more streams, folders, coders and parts there may be.
    allowance: usize,
}

impl<'b> Reader<'b> {
    fn take(&mut self, len: u64) -> Option<&'b [u8]> {
        let len = usize::try_from(len).ok()?;
        let (taken, rest) = self.bytes.split_at_checked(len)?;
        self.bytes = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        Some(self.take(1)?[0])
    }

    /// A number: as many bytes follow the first as it begins with one-bits.
    fn number(&mut self) -> Option<u64> {
        let first = self.byte()?;
        let more = first.leading_ones();
        let mut word = [0; 8];
        let bytes = self.take(u64::from(more))?;
        word[..bytes.len()].copy_from_slice(bytes);
        let low = u64::from_le_bytes(word);
        // What the first byte has left are the highest bits.
        let high = u64::from(first) & (0x7f_u64 >> more);
        Some(if more < 8 {
            low | high << (8 * more)
        } else {
            low
        })
    }

    /// A count of things that take a byte or more each.
    fn count(&mut self) -> Option<usize> {
        let count = self.number()?;
        self.allow(count)?;
        usize::try_from(count)
            .ok()
            .filter(|&count| count <= self.bytes.len())
    }

    fn allow(&mut self, count: u64) -> Option<()> {
        let count = usize::try_from(count).ok()?;
        self.allowance = self.allowance.checked_sub(count)?;
        Some(())
    }

    fn bits(&mut self, count: usize) -> Option<Vec<bool>> {
        let bytes = self.take(count.div_ceil(8) as u64)?;
        let bit = |at: usize| bytes[at / 8] & (0x80 >> (at % 8)) != 0;
        Some((0..count).map(bit).collect())
    }

    fn all_or_bits(&mut self, count: usize) -> Option<Vec<bool>> {
        match self.byte()? {
            0 => self.bits(count),
            // A bit for each is no more than the files that were allowed.
            _ if count <= self.bytes.len() => Some(vec![true; count]),
            _ => None,
        }
    }

    fn digests(&mut self, count: usize) -> Option<Vec<Option<u32>>> {
        let known = self.all_or_bits(count)?;
        let digest = |known: bool| match known {
            true => self
                .take(4)
                .and_then(|bytes| array(bytes, 0))
                .map(|word| Some(u32::from_le_bytes(word))),
            false => Some(None),
        };
        known.into_iter().map(digest).collect()
    }
}

/// As many coders or streams of one as 7-Zip takes.
const CODERS: u64 = 32;

const END: u64 = 0;
const HEADER: u64 = 1;
const PROPERTIES: u64 = 2;
const ADDITIONAL_STREAMS: u64 = 3;
const MAIN_STREAMS: u64 = 4;
const FILES: u64 = 5;
const PACK_INFO: u64 = 6;
const FOLDERS: u64 = 7;
const PARTS: u64 = 8;
const SIZES: u64 = 9;
const CRCS: u64 = 10;
const FOLDER: u64 = 11;
const FOLDER_SIZES: u64 = 12;
const PART_COUNTS: u64 = 13;
const EMPTY_STREAMS: u64 = 14;
const EMPTY_FILES: u64 = 15;
const ANTI: u64 = 16;
const NAMES: u64 = 17;
const ATTRIBUTES: u64 = 21;
const PACKED_HEADER: u64 = 23;
