//! NumPy's array file: a header that is a Python literal, then the array's bytes, or a pickle of
//! its objects.
//!
//! <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>

use std::io;

use casemate_core::{Reference, Rule, Severity, Source};

use crate::{
    Verdict,
    notes::{Notes, bytes},
    rules::{example, rule},
};

/// What follows the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    /// The array's bytes, up to `end`.
    Bytes { end: u64 },
    /// A pickle.
    Pickle { start: u64 },
    /// Nobody knows: the header cannot be read.
    Unknown { start: u64 },
}

/// Reads the header, and says what follows it.
///
/// # Errors
///
/// What the medium says.
pub(crate) fn examine(source: &dyn Source, notes: &mut Notes<'_>) -> io::Result<Body> {
    let (array, end) = match Header::read(source)? {
        Ok(read) => read,
        Err(stop) => return Ok(malformed(notes, stop.at, stop.why)),
    };
    let Some(size) = array.item_size else {
        return Ok(Body::Pickle { start: end });
    };
    let Some(length) = array.count.checked_mul(size) else {
        return Ok(malformed(notes, end, "the array is too large"));
    };
    let there = source.len() - end;
    if length > there {
        let message = format!("the array has {length} bytes and the file {there}");
        notes.observe(&SIZE, Verdict::Unknown, bytes(end, there), "short", message);
        return Ok(Body::Bytes { end: source.len() });
    }
    if length < there {
        let region = bytes(end + length, there - length);
        let message = format!("{} bytes follow the array", there - length);
        notes.observe(&SIZE, Verdict::Unknown, region, "rest", message);
    }
    Ok(Body::Bytes { end: end + length })
}

fn malformed(notes: &mut Notes<'_>, start: u64, why: &str) -> Body {
    notes.observe(&HEADER, Verdict::Unknown, bytes(0, start), "header", why);
    notes.leave_out("npy header", bytes(0, start), why);
    Body::Unknown { start }
}

/// What the header says of the array.
pub(crate) struct Header {
    /// How many bytes an element takes; nothing where it is an object.
    item_size: Option<u64>,
    count: u64,
    pub(crate) shape: Vec<u64>,
    /// Whether the first index moves fastest.
    pub(crate) fortran_order: bool,
    /// The code of the dtype; nothing where it has fields.
    pub(crate) code: Option<String>,
}

/// Where reading a header stopped, and why.
pub(crate) struct Stop {
    at: u64,
    pub(crate) why: &'static str,
}

impl Stop {
    fn new(at: u64, why: &'static str) -> Self {
        Self { at, why }
    }
}

impl Header {
    /// The header of a file, and where it ends.
    ///
    /// # Errors
    ///
    /// What the medium says.
    pub(crate) fn read(source: &dyn Source) -> io::Result<Result<(Self, u64), Stop>> {
        let head = source.read_vec(0, 12)?;
        let (length, start) = match head[..] {
            [_, _, _, _, _, _, 1, _, a, b, ..] => (u64::from(u16::from_le_bytes([a, b])), 10u64),
            [_, _, _, _, _, _, 2 | 3, _, a, b, c, d] => {
                (u64::from(u32::from_le_bytes([a, b, c, d])), 12)
            }
            _ => return Ok(Err(Stop::new(0, "the version is unknown"))),
        };
        let end = start + length;
        if length > LONGEST_HEADER || end > source.len() {
            return Ok(Err(Stop::new(start, "the header is too long")));
        }
        let header = source.read_vec(start, usize::try_from(length).unwrap_or_default())?;
        let header = Self::parse(&header);
        Ok(header
            .map(|header| (header, end))
            .ok_or(Stop::new(end, "the header is not a literal numpy writes")))
    }

    fn parse(text: &[u8]) -> Option<Self> {
        let mut literal = Literal::new(text);
        literal.expect(b'{')?;
        let (mut item_size, mut shape) = (None, None);
        let (mut code, mut fortran_order) = (None, false);
        while literal.peek()? != b'}' {
            let key = literal.string()?;
            literal.expect(b':')?;
            match key.as_str() {
                "descr" => {
                    let mut alone = Literal::new(literal.text);
                    code = alone.string();
                    item_size = Some(literal.dtype(0)?);
                }
                "shape" => shape = Some(literal.shape()?),
                "fortran_order" => fortran_order = literal.word()? == b"True",
                _ => return None,
            }
            if literal.peek()? == b',' {
                literal.expect(b',')?;
            }
        }
        let shape = shape?;
        let count = product(&shape)?;
        Some(Self {
            item_size: item_size?.bytes,
            count,
            shape,
            fortran_order,
            code,
        })
    }
}

/// The size of a dtype; nothing where objects are in it.
#[derive(Clone, Copy)]
struct ItemSize {
    bytes: Option<u64>,
}

/// A reader of the part of Python's literals that numpy's headers are made of.
struct Literal<'a> {
    text: &'a [u8],
}

impl<'a> Literal<'a> {
    fn new(text: &'a [u8]) -> Self {
        Self { text }
    }

    fn peek(&mut self) -> Option<u8> {
        self.text = self.text.trim_ascii_start();
        self.text.first().copied()
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.text = &self.text[1..])
    }

    fn word(&mut self) -> Option<&'a [u8]> {
        self.peek()?;
        let inside = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'_';
        let len = self.text.iter().take_while(inside).count();
        let (word, rest) = self.text.split_at(len);
        self.text = rest;
        (!word.is_empty()).then_some(word)
    }

    fn number(&mut self) -> Option<u64> {
        let word = self.word()?;
        // Python 2 wrote `3L`.
        let digits = word.strip_suffix(b"L").unwrap_or(word);
        std::str::from_utf8(digits).ok()?.parse().ok()
    }

    fn string(&mut self) -> Option<String> {
        let quote = self.peek()?;
        if !matches!(quote, b'\'' | b'"') {
            return None;
        }
        let rest = &self.text[1..];
        let end = memchr::memchr(quote, rest)?;
        // No dtype and no key has an escape; a field's name with one ends the reading.
        if rest[..end].contains(&b'\\') {
            return None;
        }
        self.text = &rest[end + 1..];
        Some(String::from_utf8_lossy(&rest[..end]).into_owned())
    }

    /// A tuple of numbers; a number alone is a tuple of one.
    fn shape(&mut self) -> Option<Vec<u64>> {
        if self.peek()? != b'(' {
            return Some(vec![self.number()?]);
        }
        self.expect(b'(')?;
        let mut shape = Vec::new();
        while self.peek()? != b')' {
            shape.push(self.number()?);
            if self.peek()? == b',' {
                self.expect(b',')?;
            }
        }
        self.expect(b')')?;
        Some(shape)
    }

    /// `'<f8'`, `[('name', dtype), ('name', dtype, shape)]` or `(dtype, shape)`.
    fn dtype(&mut self, depth: u8) -> Option<ItemSize> {
        if depth > DEEPEST {
            return None;
        }
        match self.peek()? {
            b'[' => {
                self.expect(b'[')?;
                let mut total = Some(0u64);
                while self.peek()? != b']' {
                    let field = self.field(depth)?;
                    total = match (total, field.bytes) {
                        (Some(total), Some(bytes)) => Some(total.checked_add(bytes)?),
                        _ => None,
                    };
                    if self.peek()? == b',' {
                        self.expect(b',')?;
                    }
                }
                self.expect(b']')?;
                Some(ItemSize { bytes: total })
            }
            b'(' => {
                self.expect(b'(')?;
                let item = self.dtype(depth + 1)?;
                self.expect(b',')?;
                let count = product(&self.shape()?)?;
                self.expect(b')')?;
                item.times(count)
            }
            _ => item_size(&self.string()?),
        }
    }

    fn field(&mut self, depth: u8) -> Option<ItemSize> {
        self.expect(b'(')?;
        // A name, or a pair of a title and a name.
        if self.peek()? == b'(' {
            self.expect(b'(')?;
            self.string()?;
            self.expect(b',')?;
            self.string()?;
            self.expect(b')')?;
        } else {
            self.string()?;
        }
        self.expect(b',')?;
        let mut item = self.dtype(depth + 1)?;
        if self.peek()? == b',' {
            self.expect(b',')?;
            if self.peek()? != b')' {
                let count = product(&self.shape()?)?;
                item = item.times(count)?;
            }
        }
        self.expect(b')')?;
        Some(item)
    }
}

fn product(shape: &[u64]) -> Option<u64> {
    let mut extents = shape.iter();
    extents.try_fold(1u64, |count, &extent| count.checked_mul(extent))
}

impl ItemSize {
    fn times(self, count: u64) -> Option<Self> {
        match self.bytes {
            Some(bytes) => bytes
                .checked_mul(count)
                .map(|bytes| Self { bytes: Some(bytes) }),
            None => Some(self),
        }
    }
}

/// The size of a dtype by its array-protocol string: an order, a letter, a size, and for times a
/// unit. NumPy reads more (`B,O` is a structure with an object in it), but writes no more.
fn item_size(code: &str) -> Option<ItemSize> {
    let code = code.strip_prefix(['<', '>', '=', '|']).unwrap_or(code);
    let letter = code.chars().next()?;
    let rest = code.get(1..)?;
    let (digits, unit) = match rest.find('[') {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    let is_unit = |unit: &str| {
        let inside = unit
            .strip_prefix('[')
            .and_then(|unit| unit.strip_suffix(']'));
        inside.is_some_and(|unit| unit.bytes().all(|byte| byte.is_ascii_alphanumeric()))
    };
    let unit_fits = matches!(letter, 'M' | 'm') && is_unit(unit);
    if !unit.is_empty() && !unit_fits {
        return None;
    }
    let all_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let size = || digits.parse::<u64>().ok().filter(|_| all_digits);
    let bytes = match letter {
        'O' if digits.is_empty() || all_digits => None,
        'b' | 'i' | 'u' | 'f' | 'c' | 'S' | 'a' | 'V' | 'M' | 'm' => Some(size()?),
        'U' => Some(size()?.checked_mul(4)?),
        '?' | 'B' if digits.is_empty() => Some(1),
        _ => return None,
    };
    Some(ItemSize { bytes })
}

static HEADER: Rule = rule(
    "CM-NPY-001",
    "The header of a NumPy file is malformed",
    Severity::Medium,
    "The header is not what NumPy writes, so that what follows cannot be told: an array, or a \
     pickle. Old versions of NumPy evaluate the header as an expression.",
    "Save the array again with a current NumPy, with `allow_pickle=False`.",
    REFERENCES,
    example("x.npy", b"\x93NUMPY\x01\x00\x04\x00{1}\n"),
    example("x.npy", GOOD),
);

static SIZE: Rule = rule(
    "CM-NPY-002",
    "A NumPy file is longer or shorter than its array",
    Severity::Medium,
    "The file has not the size that its header says. Bytes after the array are nothing to NumPy, \
     but may be something to another reader.",
    "Save the array again with a current NumPy.",
    REFERENCES,
    example(
        "x.npy",
        b"\x93NUMPY\x01\x00\x37\x00{'descr': '<u1', 'fortran_order': False, 'shape': (1,)}xyz",
    ),
    example("x.npy", GOOD),
);

pub(crate) static RULES: &[&Rule] = &[&HEADER, &SIZE];

const GOOD: &[u8] =
    b"\x93NUMPY\x01\x00\x39\x00{'descr': '<u1', 'fortran_order': False, 'shape': (1,)} \nx";

const REFERENCES: &[Reference] = &[
    Reference::new("CWE-20"),
    Reference::new("CWE-502"),
    Reference::new("AML.T0076"),
    Reference::new("LLM03:2025"),
];

const LONGEST_HEADER: u64 = 1 << 20;
const DEEPEST: u8 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_as_numpy_writes_them() {
        let parse = |descr: &str, shape: &str| {
            let text =
                format!("{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}  \n");
            Header::parse(text.as_bytes()).map(|header| (header.item_size, header.count))
        };
        assert_eq!(parse("'<f8'", "(3, 4)"), Some((Some(8), 12)));
        assert_eq!(parse("'|O'", "()"), Some((None, 1)));
        assert_eq!(parse("'<U3'", "(2L,)"), Some((Some(12), 2)));
        assert_eq!(parse("'<M8[ns]'", "(1,)"), Some((Some(8), 1)));
        for comma in [
            "'B,O'",
            "'?,O'",
            "'<M8[ns],O'",
            "'O,B'",
            "'f8[ns]'",
            "'<+8'",
        ] {
            assert_eq!(parse(comma, "(1,)"), None, "{comma}");
        }
        assert_eq!(
            parse("[('a', '<i4'), (('t', 'b'), '<f8', (2,))]", "(5,)"),
            Some((Some(20), 5))
        );
        assert_eq!(
            parse("[('a', [('b', '|O')]), ('c', '<i8')]", "(1,)"),
            Some((None, 1))
        );
        assert_eq!(parse("__import__('os')", "(1,)"), None);
        assert_eq!(parse(&"[('a', ".repeat(100), "(1,)"), None);
    }
}
