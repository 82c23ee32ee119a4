//! Safetensors: a JSON header and the tensors' bytes, each of which belongs to exactly one tensor.
//!
//! <https://github.com/huggingface/safetensors#format>. Stricter than the reference reader: a
//! duplicate key, a hole or a byte behind the last tensor is a place to hide something.

use std::{collections::HashSet, io};

use casemate_core::{Hasher, Reference, Rule, Severity, Source, Window};

use crate::{
    Verdict,
    cursor::{Cursor, ReadError},
    json::{Json, JsonError, Token},
    notes::{Notes, bytes, plain},
    rules::{example, rule},
    tensor::MOST_DIMENSIONS,
};

/// Where the tensors end, as far as the header can be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) end: u64,
}

/// What the header says of one thing in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    Metadata {
        key: String,
        value: String,
    },
    Tensor {
        name: String,
        dtype: String,
        shape: Vec<u64>,
        /// Where its bytes lie in the file.
        at: u64,
        len: u64,
    },
}

/// Judges a file, and says where its tensors end.
///
/// # Errors
///
/// What the medium says.
pub(crate) fn examine(source: &dyn Source, notes: &mut Notes<'_>) -> io::Result<Layout> {
    list(source, notes, &mut |_| ())
}

/// As [`examine`], and tells what stands in the header: of tensors those that have a known dtype, a
/// shape and offsets.
///
/// # Errors
///
/// What the medium says.
pub(crate) fn list(
    source: &dyn Source,
    notes: &mut Notes<'_>,
    take: &mut dyn FnMut(Item),
) -> io::Result<Layout> {
    let mut length = [0; 8];
    source.read_exact_at(0, &mut length)?;
    let length = u64::from_le_bytes(length);
    let whole = Layout { end: source.len() };
    let start = length.saturating_add(8);
    if length > LONGEST_HEADER || start > source.len() {
        let message = format!("the header says it has {length} bytes");
        notes.observe(
            &MALFORMED,
            Verdict::Unknown,
            bytes(0, 8),
            "length",
            &message,
        );
        notes.leave_out("safetensors header", bytes(0, 8), message);
        return Ok(whole);
    }
    let window = Window::new(source, 8, length);
    let mut header = Header {
        input: Cursor::new(&window, 0),
        notes,
        take,
        start,
        ranges: Vec::new(),
        names: HashSet::new(),
    };
    match header.read() {
        Ok(()) => {}
        Err(JsonError::Read(ReadError::Io(error))) => return Err(error),
        Err(error) => {
            let message = format!("the header cannot be read: {error}");
            notes.observe(
                &MALFORMED,
                Verdict::Unknown,
                bytes(8, length),
                "header",
                &message,
            );
            notes.leave_out("safetensors header", bytes(8, length), message);
            return Ok(whole);
        }
    }
    let mut ranges = header.ranges;
    ranges.sort_unstable();
    let mut reached = 0;
    for &(begin, end) in &ranges {
        if begin != reached {
            let (anchor, what) = match begin < reached {
                true => ("overlap", "two tensors share bytes"),
                false => ("hole", "bytes lie between tensors and belong to none"),
            };
            let region = bytes(
                start.saturating_add(begin.min(reached)),
                begin.abs_diff(reached),
            );
            notes.observe(&OFFSETS, Verdict::Unknown, region, anchor, what);
        }
        reached = reached.max(end);
    }
    let data = source.len() - start;
    if reached > data {
        let message = format!("tensors reach to byte {reached} of {data}");
        notes.observe(
            &OFFSETS,
            Verdict::Unknown,
            bytes(start, data),
            "end",
            message,
        );
        return Ok(whole);
    }
    if reached < data {
        let region = bytes(start + reached, data - reached);
        let message = format!("{} bytes follow the last tensor", data - reached);
        notes.observe(&TRAILING, Verdict::Unknown, region, "rest", message);
    }
    Ok(Layout {
        end: start + reached,
    })
}

struct Header<'w, 'n, 'l> {
    input: Cursor<'w>,
    notes: &'n mut Notes<'l>,
    take: &'n mut dyn FnMut(Item),
    /// Where the tensors' bytes begin in the file.
    start: u64,
    /// Where each tensor's bytes begin and end.
    ranges: Vec<(u64, u64)>,
    /// The tensors' names, hashed: a header may hold a million.
    names: HashSet<[u8; 16]>,
}

/// What the header says of one tensor.
#[derive(Default)]
struct Tensor {
    dtype: String,
    bits: Option<u64>,
    shape: Vec<u64>,
    elements: Option<u64>,
    range: Option<(u64, u64)>,
}

impl Header<'_, '_, '_> {
    fn read(&mut self) -> Result<(), JsonError> {
        let Self {
            input,
            notes,
            take,
            start,
            ranges,
            names,
        } = self;
        let mut json = Json::new(input, LONGEST_TEXT);
        if json.next()? != Some(Token::ObjectBegins) {
            return Err(JsonError::Syntax(json.position()));
        }
        while json.next()? == Some(Token::Key) {
            let name = String::from_utf8_lossy(json.text()).into_owned();
            if !names.insert(hashed(&name)) {
                let message = format!("the header has {} twice", plain(&name));
                notes.observe(&DUPLICATE, Verdict::Unknown, None, plain(&name), message);
            }
            if name == "__metadata__" {
                metadata(&mut json, notes, take)?;
                continue;
            }
            let tensor = tensor(&mut json, notes, &name)?;
            match (tensor.bits, tensor.elements, tensor.range) {
                (Some(bits), Some(elements), Some((begin, end))) => {
                    ranges.push((begin, end));
                    let bits = elements.checked_mul(bits);
                    let says = bits.filter(|bits| bits % 8 == 0).map(|bits| bits / 8);
                    if says.is_none() || end.checked_sub(begin) != says {
                        let message =
                            format!("tensor {} has not the size of its shape", plain(&name));
                        notes.observe(&OFFSETS, Verdict::Unknown, None, plain(&name), message);
                    }
                    take(Item::Tensor {
                        name,
                        dtype: tensor.dtype,
                        shape: tensor.shape,
                        at: start.saturating_add(begin),
                        len: end - begin,
                    });
                }
                _ => {
                    let message = format!(
                        "tensor {} has no known dtype, shape and offsets",
                        plain(&name)
                    );
                    notes.observe(&MALFORMED, Verdict::Unknown, None, plain(&name), message);
                }
            }
        }
        // The object has ended; the header is padded with spaces.
        let mut rest = Cursor::new(input.source(), input.position());
        loop {
            let window = rest.window()?;
            if window.is_empty() {
                return Ok(());
            }
            if window.iter().any(|&byte| byte != b' ') {
                return Err(JsonError::Syntax(rest.position()));
            }
            let len = window.len() as u64;
            rest.skip(len)?;
        }
    }
}

fn metadata(
    json: &mut Json<'_, '_>,
    notes: &mut Notes<'_>,
    take: &mut dyn FnMut(Item),
) -> Result<(), JsonError> {
    if json.next()? != Some(Token::ObjectBegins) {
        return Err(JsonError::Syntax(json.position()));
    }
    let mut keys = HashSet::new();
    while json.next()? == Some(Token::Key) {
        let key = String::from_utf8_lossy(json.text()).into_owned();
        if !keys.insert(hashed(&key)) {
            let message = format!("the metadata has {} twice", plain(&key));
            notes.observe(&DUPLICATE, Verdict::Unknown, None, plain(&key), message);
        }
        if json.next()? != Some(Token::String) {
            return Err(JsonError::Syntax(json.position()));
        }
        let value = String::from_utf8_lossy(json.text()).into_owned();
        take(Item::Metadata { key, value });
    }
    Ok(())
}

fn tensor(json: &mut Json<'_, '_>, notes: &mut Notes<'_>, name: &str) -> Result<Tensor, JsonError> {
    if json.next()? != Some(Token::ObjectBegins) {
        return Err(JsonError::Syntax(json.position()));
    }
    let mut tensor = Tensor::default();
    let mut seen = [false; 3];
    while json.next()? == Some(Token::Key) {
        let field = match json.text() {
            b"dtype" => 0,
            b"shape" => 1,
            b"data_offsets" => 2,
            _ => return Err(JsonError::Syntax(json.position())),
        };
        if std::mem::replace(&mut seen[field], true) {
            let message = format!("tensor {} has a field twice", plain(name));
            notes.observe(&DUPLICATE, Verdict::Unknown, None, plain(name), message);
        }
        match field {
            0 => {
                if json.next()? != Some(Token::String) {
                    return Err(JsonError::Syntax(json.position()));
                }
                tensor.bits = bits(json.text());
                if tensor.bits.is_some() {
                    tensor.dtype = String::from_utf8_lossy(json.text()).into_owned();
                }
            }
            1 => {
                let mut elements = Some(1u64);
                let shape = &mut tensor.shape;
                numbers(json, |extent| {
                    elements = elements.and_then(|elements| elements.checked_mul(extent));
                    // More dimensions than any tensor has count, and are not kept.
                    if shape.len() <= MOST_DIMENSIONS {
                        shape.push(extent);
                    }
                })?;
                tensor.elements = elements;
            }
            _ => {
                let mut offsets = Vec::new();
                numbers(json, |offset| {
                    if offsets.len() < 3 {
                        offsets.push(offset);
                    }
                })?;
                if let [begin, end] = offsets[..]
                    && begin <= end
                {
                    tensor.range = Some((begin, end));
                }
            }
        }
    }
    Ok(tensor)
}

/// Reads an array of natural numbers.
fn numbers(json: &mut Json<'_, '_>, mut take: impl FnMut(u64)) -> Result<(), JsonError> {
    if json.next()? != Some(Token::ArrayBegins) {
        return Err(JsonError::Syntax(json.position()));
    }
    loop {
        match json.next()? {
            Some(Token::ArrayEnds) => return Ok(()),
            Some(Token::Number) => {
                let number = std::str::from_utf8(json.text()).ok();
                match number.and_then(|number| number.parse().ok()) {
                    Some(number) => take(number),
                    None => return Err(JsonError::Syntax(json.position())),
                }
            }
            _ => return Err(JsonError::Syntax(json.position())),
        }
    }
}

/// A name in sixteen bytes.
pub(super) fn hashed(name: &str) -> [u8; 16] {
    let mut hasher = Hasher::default();
    hasher.update(name.as_bytes());
    let mut short = [0; 16];
    short.copy_from_slice(&hasher.finish().as_bytes()[..16]);
    short
}

/// How many bits an element takes.
fn bits(dtype: &[u8]) -> Option<u64> {
    Some(match dtype {
        b"F4" => 4,
        b"F6_E2M3" | b"F6_E3M2" => 6,
        b"BOOL" | b"U8" | b"I8" | b"F8_E5M2" | b"F8_E4M3" | b"F8_E8M0" | b"F8_E4M3FNUZ"
        | b"F8_E5M2FNUZ" => 8,
        b"U16" | b"I16" | b"F16" | b"BF16" => 16,
        b"U32" | b"I32" | b"F32" => 32,
        b"U64" | b"I64" | b"F64" | b"C64" => 64,
        b"C128" => 128,
        _ => return None,
    })
}

static MALFORMED: Rule = rule(
    "CM-STN-001",
    "The safetensors header is malformed",
    Severity::Medium,
    "The header is not what the format says: too long, not JSON, or a tensor lacks a known dtype, a \
     shape or its offsets. Readers that are less strict see something in it nevertheless.",
    "Save the tensors again with a current safetensors library.",
    REFERENCES,
    example(
        "model.safetensors",
        b"\x13\0\0\0\0\0\0\0{\"w\":{\"dtype\":1}}  ",
    ),
    example("model.safetensors", GOOD),
);

static DUPLICATE: Rule = rule(
    "CM-STN-002",
    "The safetensors header says something twice",
    Severity::Medium,
    "A key stands in the header more than once. One reader takes the first, another the last, so \
     that the tensors somebody checked are not those that are loaded.",
    "Save the tensors again with a current safetensors library.",
    REFERENCES,
    example(
        "model.safetensors",
        b"\x6a\0\0\0\0\0\0\0{\"w\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},\
          \"w\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}} x",
    ),
    example("model.safetensors", GOOD),
);

static OFFSETS: Rule = rule(
    "CM-STN-003",
    "The safetensors offsets lie",
    Severity::Medium,
    "The tensors do not cover their bytes exactly: some overlap, leave a hole, reach beyond the end \
     of the file, or are not as large as their shape.",
    "Save the tensors again with a current safetensors library.",
    REFERENCES,
    example(
        "model.safetensors",
        b"\x38\0\0\0\0\0\0\0{\"w\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}   xy",
    ),
    example("model.safetensors", GOOD),
);

static TRAILING: Rule = rule(
    "CM-STN-004",
    "Bytes follow the last tensor",
    Severity::Medium,
    "The file goes on after its tensors. What stands there is nothing to a safetensors reader, but \
     may be a whole file of another format to a reader that starts from the end.",
    "Save the tensors again with a current safetensors library.",
    REFERENCES,
    example(
        "model.safetensors",
        b"\x38\0\0\0\0\0\0\0{\"w\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}   xy",
    ),
    example("model.safetensors", GOOD),
);

pub(crate) static RULES: &[&Rule] = &[&MALFORMED, &DUPLICATE, &OFFSETS, &TRAILING];

const GOOD: &[u8] =
    b"\x38\0\0\0\0\0\0\0{\"w\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}   x";

const REFERENCES: &[Reference] = &[
    Reference::new("CWE-436"),
    Reference::new("CWE-20"),
    Reference::new("AML.T0076"),
    Reference::new("LLM03:2025"),
];

/// What the reference reader takes.
const LONGEST_HEADER: u64 = 100_000_000;
const LONGEST_TEXT: usize = 1 << 16;
