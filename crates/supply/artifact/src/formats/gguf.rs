//! GGUF, versions 1 to 3, either byte order: every count, length, dimension and offset checked
//! against the file before anybody allocates by it.
//!
//! <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>

use std::{collections::HashSet, io};

use casemate_core::{Hasher, Reference, Rule, Severity, Source};

use crate::{
    Verdict,
    cursor::{Cursor, Extent, ReadError},
    formats::code::CHAT_TEMPLATE,
    notes::{Notes, bytes, plain},
    rules::{example, rule},
};

/// Judges a file, and says where its tensors end.
///
/// # Errors
///
/// What the medium says.
pub(crate) fn examine(source: &dyn Source, notes: &mut Notes<'_>) -> io::Result<u64> {
    read(source, notes, None)
}

/// Tells what the header says, as far as it can be read.
///
/// # Errors
///
/// What the medium says.
pub(crate) fn list(
    source: &dyn Source,
    notes: &mut Notes<'_>,
    take: &mut dyn FnMut(Item),
) -> io::Result<u64> {
    read(source, notes, Some(take))
}

/// One thing that the header says.
#[derive(Debug)]
pub(crate) enum Item {
    Entry {
        key: String,
        /// Its type, as the specification writes it.
        kind: String,
        /// Its value, strings in quotes; the first elements of an array.
        value: String,
    },
    Tensor {
        name: String,
        kind: &'static str,
        shape: Vec<u64>,
        bytes: u64,
    },
}

fn read<'t>(
    source: &dyn Source,
    notes: &mut Notes<'_>,
    take: Option<&'t mut (dyn FnMut(Item) + 't)>,
) -> io::Result<u64> {
    let mut reader = Reader {
        input: Cursor::new(source, 4),
        notes,
        take,
        big_endian: false,
        wide: true,
    };
    match reader.read(source) {
        Ok(end) => Ok(end),
        Err(Stop::Read(ReadError::Io(error))) => Err(error),
        Err(Stop::Read(ReadError::End)) => {
            reader.malformed("the file ends inside of its header");
            Ok(source.len())
        }
        Err(Stop::Malformed(why)) => {
            reader.malformed(&why);
            Ok(reader.input.position())
        }
    }
}

struct Reader<'s, 'n, 'l, 't> {
    input: Cursor<'s>,
    notes: &'n mut Notes<'l>,
    /// Who wants to hear what the header says.
    take: Option<&'t mut (dyn FnMut(Item) + 't)>,
    big_endian: bool,
    /// Whether lengths have eight bytes, as from version 2 on.
    wide: bool,
}

enum Stop {
    Read(ReadError),
    Malformed(String),
}

impl From<ReadError> for Stop {
    fn from(error: ReadError) -> Self {
        Self::Read(error)
    }
}

/// The bytes of one tensor in the data.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Range {
    begin: u64,
    end: u64,
}

impl Reader<'_, '_, '_, '_> {
    fn read(&mut self, source: &dyn Source) -> Result<u64, Stop> {
        let version = u32::from_le_bytes(self.input.array()?);
        let version = match version {
            1..=3 => version,
            // A big-endian file has its version swapped, and no other is worth reading.
            _ if version.swap_bytes() == 3 => {
                self.big_endian = true;
                3
            }
            _ => return Err(Stop::Malformed(format!("there is no version {version}"))),
        };
        self.wide = version > 1;
        let tensors = self.length()?;
        let entries = self.length()?;
        // A tensor takes at least 24 bytes of header, an entry 13.
        let room = self.input.remaining();
        if tensors > room / 16 || entries > room / 9 {
            let why = format!("{tensors} tensors and {entries} entries have no room in the file");
            return Err(Stop::Malformed(why));
        }
        let mut alignment = 32;
        let mut keys = HashSet::new();
        for _ in 0..entries {
            let key = self.text()?;
            if !keys.insert(hashed(&key)) {
                self.duplicate(&key);
            }
            let start = self.input.position();
            let value = self.value(&key)?;
            self.tell_entry(&key, start)?;
            if key == "general.alignment"
                && let Some(value) = value
            {
                alignment = value;
            }
        }
        if alignment == 0 || alignment % 8 != 0 || alignment > 1 << 20 {
            return Err(Stop::Malformed(format!("an alignment of {alignment}")));
        }
        let mut names = HashSet::new();
        let mut ranges = Vec::new();
        for _ in 0..tensors {
            ranges.push(self.tensor(alignment, &mut names)?);
        }
        let start = match ranges.is_empty() {
            true => self.input.position(),
            false => self.input.position().next_multiple_of(alignment),
        };
        let data = source.len().saturating_sub(start);
        let reached = self.cover(&mut ranges, alignment, data, start);
        let end = start.saturating_add(reached.checked_next_multiple_of(alignment).unwrap_or(data));
        if end < source.len() {
            let length = source.len() - end;
            let message = format!("{length} bytes follow the last tensor");
            let region = bytes(end, length);
            let notes = &mut self.notes;
            notes.observe(&TRAILING, Verdict::Unknown, region, "rest", message);
        }
        Ok(end.min(source.len()))
    }

    /// Checks that the tensors lie in the data side by side, and says where they end in it.
    fn cover(&mut self, ranges: &mut [Range], alignment: u64, data: u64, start: u64) -> u64 {
        ranges.sort_unstable();
        let mut reached = 0u64;
        for range in ranges {
            let at = start.saturating_add(range.begin);
            let next = reached.checked_next_multiple_of(alignment);
            if range.begin < reached {
                self.offsets("overlap", at, "two tensors share bytes");
            } else if next.is_none_or(|next| range.begin > next) {
                let message = "bytes lie between tensors and belong to none";
                self.offsets("hole", at, message);
            }
            reached = reached.max(range.end);
        }
        if reached > data {
            let message = format!("tensors reach to byte {reached} of {data}");
            self.offsets("end", start, &message);
        }
        reached.min(data)
    }

    /// One tensor's entry, as its range in the data.
    fn tensor(&mut self, alignment: u64, names: &mut HashSet<[u8; 16]>) -> Result<Range, Stop> {
        let name = self.text()?;
        if !names.insert(hashed(&name)) {
            self.duplicate(&name);
        }
        let dimensions = self.u32()?;
        if dimensions > MOST_DIMENSIONS {
            let why = format!("tensor {} has {dimensions} dimensions", plain(&name));
            return Err(Stop::Malformed(why));
        }
        let mut elements = Some(1u64);
        let mut first = 1;
        let mut shape = Vec::new();
        for at in 0..dimensions {
            let extent = self.length()?;
            shape.push(extent);
            if at == 0 {
                first = extent;
            }
            elements = elements.and_then(|elements| elements.checked_mul(extent));
        }
        let kind = self.u32()?;
        let begin = self.u64()?;
        let Some((block, size)) = block(kind) else {
            let why = format!("tensor {} has the unknown type {kind}", plain(&name));
            return Err(Stop::Malformed(why));
        };
        let length = elements
            .filter(|_| first % block == 0)
            .and_then(|elements| (elements / block).checked_mul(size));
        let end = length.and_then(|length| begin.checked_add(length));
        if end.is_none() || begin % alignment != 0 {
            let at = self.input.position();
            let message = format!("the size or place of tensor {} is impossible", plain(&name));
            self.offsets(&plain(&name), at, &message);
        }
        if let Some(take) = &mut self.take {
            // The fastest dimension stands first in the file, and last everywhere else.
            shape.reverse();
            take(Item::Tensor {
                name,
                kind: type_name(kind),
                shape,
                bytes: length.unwrap_or_default(),
            });
        }
        Ok(Range {
            begin,
            end: end.unwrap_or(u64::MAX),
        })
    }

    /// Steps over a value, and gives it where it is a natural number.
    fn value(&mut self, key: &str) -> Result<Option<u64>, Stop> {
        let kind = self.u32()?;
        let at = self.input.position();
        match kind {
            STRING => {
                self.string()?;
                // The templates of models with more than one have a name after the key.
                if key.starts_with("tokenizer.chat_template") {
                    self.notes.observe(
                        &CHAT_TEMPLATE,
                        Verdict::Unknown,
                        bytes(at, self.input.position() - at),
                        plain(key),
                        format!(
                            "{} is a Jinja template, which this version does not judge",
                            plain(key)
                        ),
                    );
                }
                Ok(None)
            }
            ARRAY => self.array_value().map(|()| None),
            4 => self.u32().map(|value| Some(value.into())),
            10 => self.u64().map(Some),
            _ => {
                let size = scalar(kind).ok_or_else(|| unknown_type(kind))?;
                self.input.skip(size)?;
                Ok(None)
            }
        }
    }

    /// Steps over an array, and the arrays in it.
    fn array_value(&mut self) -> Result<(), Stop> {
        // How many elements are left at each level; the outermost is this one array.
        let mut left = vec![1u64];
        while let Some(count) = left.last_mut() {
            if *count == 0 {
                left.pop();
                continue;
            }
            *count -= 1;
            let kind = self.u32()?;
            let count = self.length()?;
            match kind {
                STRING => {
                    if count > self.input.remaining() {
                        return Err(Stop::Read(ReadError::End));
                    }
                    for _ in 0..count {
                        self.string()?;
                    }
                }
                ARRAY => {
                    if left.len() >= DEEPEST || count > self.input.remaining() {
                        return Err(Stop::Malformed("arrays are nested too deeply".into()));
                    }
                    left.push(count);
                }
                _ => {
                    let size = scalar(kind).ok_or_else(|| unknown_type(kind))?;
                    let length = count.checked_mul(size);
                    self.input.skip(length.unwrap_or(u64::MAX))?;
                }
            }
        }
        Ok(())
    }

    /// Tells an entry that begins with its type at `start`, and goes on behind it.
    fn tell_entry(&mut self, key: &str, start: u64) -> Result<(), Stop> {
        if self.take.is_none() {
            return Ok(());
        }
        let end = self.input.position();
        self.input.seek(start);
        let kind = self.u32()?;
        let (kind, value) = match kind {
            ARRAY => {
                let kind = self.u32()?;
                let count = self.length()?;
                let mut shown = Vec::new();
                while kind != ARRAY && (shown.len() as u64) < count.min(MOST_SHOWN) {
                    shown.push(self.shown(kind)?);
                }
                let more = match count > shown.len() as u64 {
                    true => ", …",
                    false => "",
                };
                let kind = format!("{}[{count}]", kind_name(kind));
                (kind, format!("[{}{more}]", shown.join(", ")))
            }
            _ => (kind_name(kind).to_owned(), self.shown(kind)?),
        };
        self.input.seek(end);
        if let Some(take) = &mut self.take {
            let key = key.to_owned();
            take(Item::Entry { key, kind, value });
        }
        Ok(())
    }

    /// A value of a type that is no array, as text.
    fn shown(&mut self, kind: u32) -> Result<String, Stop> {
        if kind == STRING {
            let extent = self.string()?;
            let text = self.input.read(extent, LONGEST_SHOWN);
            let text = text.map_err(ReadError::Io)?;
            let more = match extent.len > text.len() as u64 {
                true => "…",
                false => "",
            };
            return Ok(format!("{:?}{more}", String::from_utf8_lossy(&text)));
        }
        let size = scalar(kind).ok_or_else(|| unknown_type(kind))?;
        let extent = self.input.skip(size)?;
        let mut bytes = self.input.read(extent, 8).map_err(ReadError::Io)?.to_vec();
        if self.big_endian {
            bytes.reverse();
        }
        let signed = matches!(kind, 1 | 3 | 5 | 11);
        let negative = signed && bytes.last().is_some_and(|last| last & 0x80 != 0);
        let mut wide = [if negative { 0xff } else { 0 }; 8];
        for (to, from) in wide.iter_mut().zip(&bytes) {
            *to = *from;
        }
        Ok(match kind {
            6 => f32::from_le_bytes([wide[0], wide[1], wide[2], wide[3]]).to_string(),
            7 => (wide[0] != 0).to_string(),
            12 => f64::from_le_bytes(wide).to_string(),
            _ if signed => i64::from_le_bytes(wide).to_string(),
            _ => u64::from_le_bytes(wide).to_string(),
        })
    }

    fn text(&mut self) -> Result<String, Stop> {
        let extent = self.string()?;
        if extent.len > LONGEST_NAME {
            return Err(Stop::Malformed(format!("a name of {} bytes", extent.len)));
        }
        let limit = usize::try_from(LONGEST_NAME).unwrap_or_default();
        let text = self.input.read(extent, limit).map_err(ReadError::Io)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    fn string(&mut self) -> Result<Extent, Stop> {
        let length = self.length()?;
        Ok(self.input.skip(length)?)
    }

    fn length(&mut self) -> Result<u64, Stop> {
        match self.wide {
            true => self.u64(),
            false => self.u32().map(u64::from),
        }
    }

    fn u32(&mut self) -> Result<u32, Stop> {
        let raw = self.input.array()?;
        Ok(match self.big_endian {
            true => u32::from_be_bytes(raw),
            false => u32::from_le_bytes(raw),
        })
    }

    fn u64(&mut self) -> Result<u64, Stop> {
        let raw = self.input.array()?;
        Ok(match self.big_endian {
            true => u64::from_be_bytes(raw),
            false => u64::from_le_bytes(raw),
        })
    }

    fn malformed(&mut self, why: &str) {
        let at = self.input.position();
        let message = format!("the GGUF header is malformed: {why}");
        self.notes.observe(
            &MALFORMED,
            Verdict::Unknown,
            bytes(at, 0),
            "header",
            &message,
        );
        self.notes.leave_out("gguf header", bytes(at, 0), message);
    }

    fn duplicate(&mut self, name: &str) {
        let at = self.input.position();
        let name = plain(name);
        let message = format!("the header has {name} twice");
        self.notes
            .observe(&DUPLICATE, Verdict::Unknown, bytes(at, 0), name, message);
    }

    fn offsets(&mut self, anchor: &str, at: u64, message: &str) {
        self.notes
            .observe(&OFFSETS, Verdict::Unknown, bytes(at, 0), anchor, message);
    }
}

fn unknown_type(kind: u32) -> Stop {
    Stop::Malformed(format!("an entry has the unknown type {kind}"))
}

fn hashed(name: &str) -> [u8; 16] {
    let mut hasher = Hasher::default();
    hasher.update(name.as_bytes());
    let mut short = [0; 16];
    short.copy_from_slice(&hasher.finish().as_bytes()[..16]);
    short
}

/// How many bytes a metadata value of fixed size takes.
fn scalar(kind: u32) -> Option<u64> {
    Some(match kind {
        0 | 1 | 7 => 1,
        2 | 3 => 2,
        4..=6 => 4,
        10..=12 => 8,
        _ => return None,
    })
}

/// The types of entries, as the specification writes them.
fn kind_name(kind: u32) -> &'static str {
    let names = [
        "uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "bool", "string",
        "array", "uint64", "int64", "float64",
    ];
    let place = usize::try_from(kind).unwrap_or(usize::MAX);
    names.get(place).copied().unwrap_or("?")
}

/// The names of tensor types, as ggml prints them.
fn type_name(kind: u32) -> &'static str {
    match kind {
        0 => "F32",
        1 => "F16",
        2 => "Q4_0",
        3 => "Q4_1",
        6 => "Q5_0",
        7 => "Q5_1",
        8 => "Q8_0",
        9 => "Q8_1",
        10 => "Q2_K",
        11 => "Q3_K",
        12 => "Q4_K",
        13 => "Q5_K",
        14 => "Q6_K",
        15 => "Q8_K",
        16 => "IQ2_XXS",
        17 => "IQ2_XS",
        18 => "IQ3_XXS",
        19 => "IQ1_S",
        20 => "IQ4_NL",
        21 => "IQ3_S",
        22 => "IQ2_S",
        23 => "IQ4_XS",
        24 => "I8",
        25 => "I16",
        26 => "I32",
        27 => "I64",
        28 => "F64",
        29 => "IQ1_M",
        30 => "BF16",
        34 => "TQ1_0",
        35 => "TQ2_0",
        39 => "MXFP4",
        40 => "NVFP4",
        _ => "repacked",
    }
}

/// How many elements a block of a tensor type has, and how many bytes: ggml's `type_traits`.
fn block(kind: u32) -> Option<(u64, u64)> {
    Some(match kind {
        0 | 26 => (1, 4),              // F32, I32
        1 | 25 | 30 => (1, 2),         // F16, I16, BF16
        24 => (1, 1),                  // I8
        27 | 28 => (1, 8),             // I64, F64
        2 | 20 => (32, 18),            // Q4_0, IQ4_NL
        3 => (32, 20),                 // Q4_1
        6 => (32, 22),                 // Q5_0
        7 => (32, 24),                 // Q5_1
        8 => (32, 34),                 // Q8_0
        9 => (32, 36),                 // Q8_1
        10 => (256, 84),               // Q2_K
        11 => (256, 110),              // Q3_K
        12 => (256, 144),              // Q4_K
        13 => (256, 176),              // Q5_K
        14 => (256, 210),              // Q6_K
        15 => (256, 292),              // Q8_K
        16 => (256, 66),               // IQ2_XXS
        17 => (256, 74),               // IQ2_XS
        18 => (256, 98),               // IQ3_XXS
        19 => (256, 50),               // IQ1_S
        21 => (256, 110),              // IQ3_S
        22 => (256, 82),               // IQ2_S
        23 => (256, 136),              // IQ4_XS
        29 => (256, 56),               // IQ1_M
        31..=33 | 36..=38 => (32, 18), // Q4_0 and IQ4_NL repacked, removed since
        34 => (256, 54),               // TQ1_0
        35 => (256, 66),               // TQ2_0
        39 => (32, 17),                // MXFP4
        40 => (64, 36),                // NVFP4
        _ => return None,
    })
}

static MALFORMED: Rule = rule(
    "CM-GGU-001",
    "The GGUF header is malformed",
    Severity::Medium,
    "A count, a length or a type in the header is impossible. Loaders have been made to write out \
     of bounds by such numbers.",
    "Convert the model again with a current converter.",
    REFERENCES,
    example(
        "model.gguf",
        b"GGUF\x03\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0\0\0\0\0",
    ),
    example("model.gguf", GOOD),
);

static DUPLICATE: Rule = rule(
    "CM-GGU-002",
    "The GGUF header says something twice",
    Severity::Medium,
    "A key or a tensor's name stands in the header more than once. One reader takes the first, \
     another the last.",
    "Convert the model again with a current converter.",
    REFERENCES,
    example(
        "model.gguf",
        b"GGUF\x03\0\0\0\0\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\
          \x01\0\0\0\0\0\0\0k\0\0\0\0\x01\x01\0\0\0\0\0\0\0k\0\0\0\0\x02",
    ),
    example("model.gguf", GOOD),
);

static OFFSETS: Rule = rule(
    "CM-GGU-003",
    "The GGUF tensors do not lie where they should",
    Severity::Medium,
    "A tensor reaches beyond the file, shares bytes with another, or has an impossible size or \
     place. Loaders have been made to read memory that is not theirs this way.",
    "Convert the model again with a current converter.",
    REFERENCES,
    example(
        "model.gguf",
        b"GGUF\x03\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\
          \x01\0\0\0\0\0\0\0w\x01\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
    ),
    example("model.gguf", GOOD),
);

static TRAILING: Rule = rule(
    "CM-GGU-004",
    "Bytes follow the last tensor",
    Severity::Medium,
    "The file goes on after its tensors. What stands there is nothing to a GGUF reader, but may be \
     a whole file of another format to a reader that starts elsewhere.",
    "Convert the model again with a current converter.",
    REFERENCES,
    example(
        "model.gguf",
        b"GGUF\x03\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\
          \x01\0\0\0\0\0\0\0k\0\0\0\0\x01something else",
    ),
    example("model.gguf", GOOD),
);

pub(crate) static RULES: &[&Rule] = &[&MALFORMED, &DUPLICATE, &OFFSETS, &TRAILING];

const GOOD: &[u8] = b"GGUF\x03\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\
                      \x01\0\0\0\0\0\0\0k\0\0\0\0\x01";

const REFERENCES: &[Reference] = &[
    Reference::new("CWE-190"),
    Reference::new("CWE-125"),
    Reference::new("AML.T0076"),
    Reference::new("LLM03:2025"),
    Reference::new("CVE-2025-53630"),
    Reference::new("CVE-2026-27940"),
    Reference::new("CVE-2026-7482"),
];

const STRING: u32 = 8;
const ARRAY: u32 = 9;
/// ggml's `GGML_MAX_DIMS`.
const MOST_DIMENSIONS: u32 = 4;
const DEEPEST: usize = 8;
/// How many elements of an array are told.
const MOST_SHOWN: u64 = 8;
const LONGEST_SHOWN: usize = 4096;
const LONGEST_NAME: u64 = 1 << 16;

#[cfg(test)]
mod tests {
    use casemate_core::MemorySource;
    use proptest::prelude::*;

    use super::*;
    use crate::Limits;

    fn found(bytes: &[u8]) -> Vec<String> {
        let limits = Limits::default();
        let mut notes = Notes::new(&limits);
        examine(&MemorySource(bytes), &mut notes).expect("memory");
        let findings = notes.finish("gguf").findings;
        findings
            .iter()
            .map(|found| found.rule.id.to_string())
            .collect()
    }

    /// A file of one F32 tensor of `extent` elements at `offset`, with `data` bytes.
    fn file(extent: u64, offset: u64, data: usize, big: bool) -> Vec<u8> {
        let n32 = |n: u32| {
            if big {
                n.to_be_bytes()
            } else {
                n.to_le_bytes()
            }
        };
        let n64 = |n: u64| {
            if big {
                n.to_be_bytes()
            } else {
                n.to_le_bytes()
            }
        };
        let mut file = b"GGUF".to_vec();
        file.extend(n32(3));
        file.extend(n64(1));
        file.extend(n64(0));
        file.extend(n64(1));
        file.push(b'w');
        file.extend(n32(1));
        file.extend(n64(extent));
        file.extend(n32(0));
        file.extend(n64(offset));
        file.resize(file.len().next_multiple_of(32) + data, 0);
        file
    }

    #[test]
    fn either_byte_order_is_read() {
        for big in [false, true] {
            assert!(found(&file(4, 0, 16, big)).is_empty());
            assert_eq!(found(&file(5, 0, 16, big)), ["CM-GGU-003"]);
            assert_eq!(found(&file(4, 8, 24, big)), ["CM-GGU-003"; 2]);
            assert_eq!(found(&file(4, 32, 48, big)), ["CM-GGU-003"]);
            assert_eq!(found(&file(4, 0, 99, big)), ["CM-GGU-004"]);
            assert_eq!(found(&file(1 << 62, 0, 16, big)), ["CM-GGU-003"; 2]);
        }
    }

    proptest! {
        #[test]
        fn no_header_is_misread_as_clean_when_it_is_cut(cut in 4usize..64) {
            let file = file(4, 0, 16, false);
            prop_assert!(!found(&file[..cut.min(file.len() - 1)]).is_empty());
        }

        #[test]
        fn no_bytes_panic_it(tail in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut bytes = b"GGUF\x03\0\0\0".to_vec();
            bytes.extend(tail);
            found(&bytes);
        }
    }
}
