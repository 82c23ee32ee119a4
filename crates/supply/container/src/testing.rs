//! Archives made by hand, right or wrong in every field.

use std::io::{Read, Write};

use casemate_core::{MemorySource, Source};

use crate::{Anomaly, Budget, Contents, Magic, open, sniff};

/// One zip entry; both headers say the same until a test changes one.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) local: Fields,
    pub(crate) central: Fields,
    pub(crate) body: Vec<u8>,
    /// Whether the directory lists it.
    pub(crate) listed: bool,
    /// Whether its local header and body are written.
    pub(crate) written: bool,
    /// Whether a data descriptor follows, and the local header has no sizes.
    pub(crate) streamed: bool,
    /// Padding in the local extra field that aligns the body, as torch writes it.
    pub(crate) align: usize,
    pub(crate) mode: u32,
    /// Where the directory says the local header is, instead of where it is.
    pub(crate) offset: Option<usize>,
    pub(crate) central_extra: Vec<u8>,
    pub(crate) force_zip64: bool,
}

#[derive(Clone)]
pub(crate) struct Fields {
    pub(crate) flags: u16,
    pub(crate) method: u16,
    pub(crate) crc: u32,
    pub(crate) packed: u32,
    pub(crate) size: u32,
    pub(crate) name: Vec<u8>,
}

#[derive(Clone, Default)]
pub(crate) struct Zip {
    pub(crate) entries: Vec<Entry>,
    pub(crate) before: Vec<u8>,
    /// Whether offsets count what stands before.
    pub(crate) adjusted: bool,
    pub(crate) between: Vec<u8>,
    pub(crate) comment: Vec<u8>,
    pub(crate) after: Vec<u8>,
    pub(crate) count: Option<u16>,
    pub(crate) zip64: bool,
    pub(crate) no_directory: bool,
}

pub(crate) fn len32(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).expect("a small test")
}

pub(crate) fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

impl Entry {
    pub(crate) fn stored(name: &str, body: &[u8]) -> Self {
        Self::new(name, 0, body, body.to_vec())
    }

    pub(crate) fn deflated(name: &str, body: &[u8]) -> Self {
        Self::new(name, 8, body, deflate(body))
    }

    /// Packed by any method.
    pub(crate) fn packed(name: &str, method: u16, body: &[u8], packed: &[u8]) -> Self {
        Self::new(name, method, body, packed.to_vec())
    }

    fn new(name: &str, method: u16, body: &[u8], packed: Vec<u8>) -> Self {
        let fields = Fields {
            flags: 0,
            method,
            crc: crc32fast::hash(body),
            packed: len32(&packed),
            size: len32(body),
            name: name.into(),
        };
        Self {
            local: fields.clone(),
            central: fields,
            body: packed,
            listed: true,
            written: true,
            streamed: false,
            align: 0,
            mode: 0,
            offset: None,
            central_extra: Vec::new(),
            force_zip64: false,
        }
    }

    /// The entry with both headers changed.
    pub(crate) fn both(mut self, change: impl Fn(&mut Fields)) -> Self {
        change(&mut self.local);
        change(&mut self.central);
        self
    }

    /// The entry with anything changed.
    pub(crate) fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// As torch writes it: sizes in a descriptor, the body at a multiple of 64.
    pub(crate) fn torch(name: &str, body: &[u8]) -> Self {
        Self::stored(name, body).with(|entry| {
            entry.streamed = true;
            entry.align = 64;
            entry.local.flags = 0x0808;
            entry.central.flags = 0x0808;
        })
    }

    fn write_local(&self, out: &mut Vec<u8>) {
        let at = out.len();
        out.extend(b"PK\x03\x04\x14\0");
        let local = &self.local;
        for half in [local.flags, local.method, 0, 0x21] {
            out.extend(half.to_le_bytes());
        }
        let known = |value: u32| {
            if self.force_zip64 {
                u32::MAX
            } else if self.streamed {
                0
            } else {
                value
            }
        };
        out.extend(if self.streamed { 0 } else { local.crc }.to_le_bytes());
        out.extend(known(local.packed).to_le_bytes());
        out.extend(known(local.size).to_le_bytes());
        let mut extra = Vec::new();
        if self.force_zip64 {
            extra.extend([1, 0, 16, 0]);
            extra.extend(u64::from(local.size).to_le_bytes());
            extra.extend(u64::from(local.packed).to_le_bytes());
        }
        if self.align > 0 {
            let so_far = at + 30 + local.name.len() + extra.len() + 4;
            let pad = so_far.next_multiple_of(self.align) - so_far;
            extra.extend(b"FB");
            extra.extend(u16::try_from(pad).expect("small").to_le_bytes());
            extra.resize(extra.len() + pad, b'Z');
        }
        out.extend(
            u16::try_from(local.name.len())
                .expect("small")
                .to_le_bytes(),
        );
        out.extend(u16::try_from(extra.len()).expect("small").to_le_bytes());
        out.extend(&local.name);
        out.extend(extra);
        out.extend(&self.body);
        if self.streamed {
            out.extend(b"PK\x07\x08");
            for word in [self.central.crc, self.central.packed, self.central.size] {
                out.extend(word.to_le_bytes());
            }
        }
    }

    fn write_central(&self, out: &mut Vec<u8>, offset: usize) {
        let central = &self.central;
        out.extend(b"PK\x01\x02\x14\x03\x14\0");
        for half in [central.flags, central.method, 0, 0x21] {
            out.extend(half.to_le_bytes());
        }
        for word in [central.crc, central.packed, central.size] {
            out.extend(word.to_le_bytes());
        }
        for len in [central.name.len(), self.central_extra.len(), 0, 0, 0] {
            out.extend(u16::try_from(len).expect("small").to_le_bytes());
        }
        out.extend((self.mode << 16).to_le_bytes());
        let offset = u32::try_from(self.offset.unwrap_or(offset)).expect("small");
        out.extend(offset.to_le_bytes());
        out.extend(&central.name);
        out.extend(&self.central_extra);
    }
}

impl Zip {
    pub(crate) fn of(entries: impl IntoIterator<Item = Entry>) -> Self {
        Self {
            entries: entries.into_iter().collect(),
            ..Self::default()
        }
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    pub(crate) fn build(&self) -> Vec<u8> {
        let mut out = self.before.clone();
        let base = if self.adjusted { 0 } else { out.len() };
        let mut offsets = Vec::new();
        for entry in &self.entries {
            offsets.push(out.len() - base);
            if entry.written {
                entry.write_local(&mut out);
            }
        }
        out.extend(&self.between);
        if self.no_directory {
            return out;
        }
        let start = out.len();
        let mut count = 0;
        for (entry, offset) in self.entries.iter().zip(offsets) {
            if entry.listed {
                entry.write_central(&mut out, offset);
                count += 1;
            }
        }
        let size = out.len() - start;
        let count = self.count.unwrap_or(count);
        if self.zip64 {
            let end64 = out.len() as u64;
            out.extend(b"PK\x06\x06");
            out.extend(44_u64.to_le_bytes());
            out.extend([45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
            for long in [
                u64::from(count),
                u64::from(count),
                size as u64,
                (start - base) as u64,
            ] {
                out.extend(long.to_le_bytes());
            }
            out.extend(b"PK\x06\x07\0\0\0\0");
            out.extend(end64.to_le_bytes());
            out.extend([1, 0, 0, 0]);
        }
        out.extend(b"PK\x05\x06\0\0\0\0");
        let (count, size, offset) = if self.zip64 {
            (0xffff, u32::MAX, u32::MAX)
        } else {
            let small = |len: usize| u32::try_from(len).expect("a small test");
            (count, small(size), small(start - base))
        };
        out.extend(count.to_le_bytes());
        out.extend(count.to_le_bytes());
        out.extend(size.to_le_bytes());
        out.extend(offset.to_le_bytes());
        out.extend(
            u16::try_from(self.comment.len())
                .expect("small")
                .to_le_bytes(),
        );
        out.extend(&self.comment);
        out.extend(&self.after);
        out
    }
}

/// One tar header and its body, padded.
pub(crate) fn tar_entry(name: &str, kind: u8, link: &str, body: &[u8]) -> Vec<u8> {
    tar_entry_of_size(
        name,
        kind,
        link,
        body,
        &format!("{:011o}\0", body.len()).into_bytes(),
    )
}

/// As [`tar_entry`], with the size field as given.
pub(crate) fn tar_entry_of_size(
    name: &str,
    kind: u8,
    link: &str,
    body: &[u8],
    size: &[u8],
) -> Vec<u8> {
    let mut block = vec![0; 512];
    block[..name.len()].copy_from_slice(name.as_bytes());
    block[100..108].copy_from_slice(b"0000644\0");
    block[124..124 + size.len()].copy_from_slice(size);
    block[136..148].copy_from_slice(b"00000000000\0");
    block[148..156].copy_from_slice(b"        ");
    block[156] = kind;
    block[157..157 + link.len()].copy_from_slice(link.as_bytes());
    block[257..265].copy_from_slice(b"ustar\x0000");
    let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block.extend(body);
    block.resize(block.len().next_multiple_of(512), 0);
    block
}

/// Entries, and the end.
pub(crate) fn tar(entries: &[Vec<u8>]) -> Vec<u8> {
    let mut out = entries.concat();
    out.extend([0; 1024]);
    out
}

/// A pax record.
pub(crate) fn pax(key: &str, value: &str) -> Vec<u8> {
    let rest = format!(" {key}={value}\n");
    let mut len = rest.len() + 1;
    while len.to_string().len() + rest.len() != len {
        len += 1;
    }
    format!("{len}{rest}").into_bytes()
}

/// A 7z of one folder that is stored, with a plain header.
pub(crate) struct SevenZip {
    pub(crate) members: Vec<(String, Vec<u8>)>,
    /// The method that the folder claims.
    pub(crate) method: Vec<u8>,
    pub(crate) properties: Vec<u8>,
    /// What is packed, instead of the members' bytes.
    pub(crate) packed: Option<Vec<u8>>,
    /// What is mixed into the checksum of the first member.
    pub(crate) crc: u32,
    /// What stands before the header.
    pub(crate) gap: Vec<u8>,
}

impl SevenZip {
    pub(crate) fn of<'b>(members: impl IntoIterator<Item = (&'b str, &'b [u8])>) -> Self {
        let owned = |(name, body): (&str, &[u8])| (name.to_owned(), body.to_vec());
        Self {
            members: members.into_iter().map(owned).collect(),
            method: vec![0],
            properties: Vec::new(),
            packed: None,
            crc: 0,
            gap: Vec::new(),
        }
    }

    pub(crate) fn build(&self) -> Vec<u8> {
        let bodies: Vec<u8> = self
            .members
            .iter()
            .flat_map(|(_, body)| body.clone())
            .collect();
        let packed = self.packed.as_ref().unwrap_or(&bodies);
        let header = self.header(packed.len(), bodies.len());
        let mut start = ((packed.len() + self.gap.len()) as u64)
            .to_le_bytes()
            .to_vec();
        start.extend((header.len() as u64).to_le_bytes());
        start.extend(crc32fast::hash(&header).to_le_bytes());
        let mut out = b"7z\xbc\xaf\x27\x1c\0\x04".to_vec();
        out.extend(crc32fast::hash(&start).to_le_bytes());
        for part in [&start, packed, &self.gap, &header] {
            out.extend(part);
        }
        out
    }

    fn header(&self, packed: usize, unpacked: usize) -> Vec<u8> {
        let count = self.members.len();
        let mut out = vec![1, 4, 6, 0, 1, 9];
        out.extend(number(packed));
        out.extend([0, 7, 11, 1, 0, 1]);
        let flags = if self.properties.is_empty() { 0 } else { 0x20 };
        out.push(flags | u8::try_from(self.method.len()).expect("short"));
        out.extend(&self.method);
        if flags != 0 {
            out.extend(number(self.properties.len()));
            out.extend(&self.properties);
        }
        out.push(12);
        out.extend(number(unpacked));
        out.extend([0, 8, 13]);
        out.extend(number(count));
        out.push(9);
        for (_, body) in &self.members[..count - 1] {
            out.extend(number(body.len()));
        }
        out.extend([10, 1]);
        for (index, (_, body)) in self.members.iter().enumerate() {
            let mixed = if index == 0 { self.crc } else { 0 };
            out.extend((crc32fast::hash(body) ^ mixed).to_le_bytes());
        }
        out.extend([0, 0, 5]);
        out.extend(number(count));
        let mut names = vec![0];
        for (name, _) in &self.members {
            names.extend(name.encode_utf16().chain([0]).flat_map(u16::to_le_bytes));
        }
        out.push(17);
        out.extend(number(names.len()));
        out.extend(names);
        out.extend([0, 0]);
        out
    }
}

/// A number of a 7z, in the long form where it does not fit a byte.
fn number(value: usize) -> Vec<u8> {
    match u8::try_from(value) {
        Ok(byte @ 0..0x80) => vec![byte],
        _ => [&[0xff][..], &(value as u64).to_le_bytes()].concat(),
    }
}

/// The limits under which examples are shown, so that a bomb can be small.
pub(crate) fn small_budget() -> Budget {
    let mut budget = Budget::default();
    budget.depth = 3;
    budget.members = 8;
    budget.bytes = 64 << 10;
    budget.window = 8 << 20;
    budget
}

/// Every anomaly of `bytes`: of the container they are, of reading each member to its end, and of
/// the containers inside, as deep as the budget goes.
pub(crate) fn survey(bytes: &[u8], budget: &Budget) -> Vec<Anomaly> {
    let mut found = Vec::new();
    let mut queue = vec![(bytes.to_vec(), budget.clone())];
    while let Some((bytes, budget)) = queue.pop() {
        let source = MemorySource(bytes);
        let sniffed = sniff(&source).expect("memory");
        let trailing = sniffed.trailing_zip.then_some(Magic::Zip);
        for magic in [sniffed.magic].into_iter().chain(trailing) {
            let Some(contents) = opened(&source, magic, &budget) else {
                continue;
            };
            for member in &contents.members {
                let Ok(mut reader) = member.read() else {
                    continue;
                };
                let mut body = Vec::new();
                // What comes before a broken place is looked into all the same.
                let _ = reader.read_to_end(&mut body);
                found.extend_from_slice(reader.anomalies());
                queue.push((body, budget.inside()));
            }
            found.extend(contents.anomalies);
        }
    }
    found
}

pub(crate) fn opened<'a>(
    source: &'a dyn Source,
    magic: Magic,
    budget: &Budget,
) -> Option<Contents<'a>> {
    open(source, magic, budget).expect("memory does not fail")
}

/// The ids of the rules that opening `bytes` as `magic` notes, in order.
pub(crate) fn noted(bytes: &[u8], magic: Magic) -> Vec<String> {
    let source = MemorySource(bytes);
    let contents = opened(&source, magic, &Budget::default()).expect("a container");
    contents
        .anomalies
        .iter()
        .map(|anomaly| anomaly.rule.id.to_string())
        .collect()
}
