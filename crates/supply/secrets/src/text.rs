//! Text of any size as UTF-8, a piece at a time, and places in it as lines and columns.

use std::io;

use casemate_container::TextEncoding;
use casemate_core::Source;

use crate::redact::characters;

/// A text's encoding and where its first character is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Encoding {
    unit: Unit,
    mark: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    /// UTF-8, or any other that has ASCII's bytes for ASCII's characters.
    Bytes,
    Utf16 {
        big_end: bool,
    },
}

impl From<TextEncoding> for Encoding {
    fn from(encoding: TextEncoding) -> Self {
        let (unit, mark) = match encoding {
            TextEncoding::Utf8 | TextEncoding::Latin1 => (Unit::Bytes, 0),
            TextEncoding::Utf8Bom => (Unit::Bytes, 3),
            TextEncoding::Utf16Le => (Unit::Utf16 { big_end: false }, 2),
            TextEncoding::Utf16Be => (Unit::Utf16 { big_end: true }, 2),
        };
        Self { unit, mark }
    }
}

impl Encoding {
    /// What the byte order mark says, or ASCII's superset where there is none.
    pub(crate) fn by_mark(head: &[u8]) -> Self {
        Self::from(match head {
            [0xFF, 0xFE, ..] => TextEncoding::Utf16Le,
            [0xFE, 0xFF, ..] => TextEncoding::Utf16Be,
            [0xEF, 0xBB, 0xBF, ..] => TextEncoding::Utf8Bom,
            _ => TextEncoding::Utf8,
        })
    }

    /// The whole text without copying it, where it is in memory and needs no transcoding.
    pub(crate) fn borrow(self, source: &dyn Source) -> Option<&[u8]> {
        let mark = usize::try_from(self.mark).ok()?;
        let bytes = source.as_slice()?;
        (self.unit == Unit::Bytes).then(|| bytes.get(mark..).unwrap_or_default())
    }
}

/// Reads a source from front to back and appends it to a buffer as UTF-8.
pub(crate) struct Reader<'s> {
    source: &'s dyn Source,
    encoding: Encoding,
    offset: u64,
    /// UTF-16 that was read and not transcoded: what waits for the rest of its character.
    raw: Vec<u8>,
}

impl<'s> Reader<'s> {
    pub(crate) fn new(source: &'s dyn Source, encoding: Encoding) -> Self {
        Self {
            source,
            encoding,
            offset: encoding.mark,
            raw: Vec::new(),
        }
    }

    /// Appends the next piece to `text`; false when there is none.
    pub(crate) fn read(&mut self, text: &mut Vec<u8>) -> io::Result<bool> {
        match self.encoding.unit {
            Unit::Bytes => Ok(self.append_to(text)? > 0),
            Unit::Utf16 { big_end } => {
                let mut raw = std::mem::take(&mut self.raw);
                let read = self.append_to(&mut raw)?;
                let used = transcode(&raw, big_end, read == 0, text);
                raw.drain(..used);
                self.raw = raw;
                Ok(read > 0)
            }
        }
    }

    fn append_to(&mut self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        let there = self.source.len().saturating_sub(self.offset);
        let room = usize::try_from(there).map_or(CHUNK, |there| there.min(CHUNK));
        let held = buffer.len();
        buffer.resize(held + room, 0);
        let read = self.source.read_at(self.offset, &mut buffer[held..]);
        let got = *read.as_ref().unwrap_or(&0);
        buffer.truncate(held + got);
        self.offset += got as u64;
        read
    }

    /// Whether the source ended before its length.
    pub(crate) fn is_short(&self) -> bool {
        self.offset < self.source.len()
    }
}

/// Appends UTF-16 to `text` as UTF-8 and says how many bytes it used. Leaves an incomplete
/// character at the end for the next time, unless this is the `last`.
fn transcode(bytes: &[u8], big_end: bool, last: bool, text: &mut Vec<u8>) -> usize {
    let mut used = bytes.len() / 2 * 2;
    let units = bytes.as_chunks::<2>().0;
    let unit = |&pair: &[u8; 2]| {
        if big_end {
            u16::from_be_bytes(pair)
        } else {
            u16::from_le_bytes(pair)
        }
    };
    let split = units
        .last()
        .is_some_and(|pair| (0xD800..0xDC00).contains(&unit(pair)));
    if split && !last {
        used -= 2;
    }
    let mut buffer = [0; 4];
    for decoded in char::decode_utf16(units[..used / 2].iter().map(unit)) {
        let character = decoded.unwrap_or(char::REPLACEMENT_CHARACTER);
        text.extend_from_slice(character.encode_utf8(&mut buffer).as_bytes());
    }
    used
}

/// A place in a text that only moves forward.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Position {
    /// The line, from one.
    pub(crate) line: u64,
    /// The column in characters, from one.
    pub(crate) column: u64,
}

impl Position {
    pub(crate) const START: Self = Self { line: 1, column: 1 };

    /// The place after `passed`.
    pub(crate) fn after(self, passed: &[u8]) -> Self {
        match memchr::memrchr(b'\n', passed) {
            None => Self {
                line: self.line,
                column: self.column + characters(passed) as u64,
            },
            Some(last) => Self {
                line: self.line + memchr::memchr_iter(b'\n', passed).count() as u64,
                column: 1 + characters(&passed[last + 1..]) as u64,
            },
        }
    }
}

/// How many bytes of a source are in memory at a time.
const CHUNK: usize = 256 << 10;

#[cfg(test)]
mod tests {
    use casemate_core::MemorySource;
    use proptest::prelude::*;

    use super::*;

    fn read_all(bytes: &[u8]) -> Vec<u8> {
        let source = MemorySource(bytes);
        let mut reader = Reader::new(&source, Encoding::by_mark(bytes));
        let mut text = Vec::new();
        while reader.read(&mut text).expect("memory") {}
        assert!(!reader.is_short());
        text
    }

    #[test]
    fn marks_are_no_characters() {
        assert_eq!(read_all(b"\xEF\xBB\xBFkey"), b"key");
        assert_eq!(read_all(b"\xFF\xFEk\0\xE9\0"), "ké".as_bytes());
        assert_eq!(read_all(b"\xFE\xFF\0k\xD8\x3D\xDE\0"), "k😀".as_bytes());
        assert_eq!(read_all(b"\xFE\xFF\xD8\x3D\0k\0"), "\u{FFFD}k".as_bytes());
    }

    #[test]
    fn columns_count_characters_and_lines_count_line_ends() {
        let place = Position::START.after("a\nüß".as_bytes());
        assert_eq!((place.line, place.column), (2, 3));
    }

    proptest! {
        #[test]
        fn utf16_comes_out_whole_wherever_it_is_cut(
            text in "\\PC{0,40}", big_end in any::<bool>(), cut in 0usize..100,
        ) {
            let bytes: Vec<u8> = text
                .encode_utf16()
                .flat_map(|unit| if big_end { unit.to_be_bytes() } else { unit.to_le_bytes() })
                .collect();
            let cut = cut.min(bytes.len());
            let mut out = Vec::new();
            let used = transcode(&bytes[..cut], big_end, false, &mut out);
            // At most half a surrogate pair and a byte wait.
            prop_assert!(cut - used <= 3);
            transcode(&bytes[used..], big_end, true, &mut out);
            prop_assert_eq!(out, text.into_bytes());
        }

        #[test]
        fn positions_add_up(text in "[a\\n\u{e9}]{0,40}", cut in 0usize..40) {
            let cut = text.char_indices().map(|(at, _)| at).nth(cut).unwrap_or(text.len());
            let whole = Position::START.after(text.as_bytes());
            let parts = Position::START.after(&text.as_bytes()[..cut]).after(&text.as_bytes()[cut..]);
            prop_assert_eq!((whole.line, whole.column), (parts.line, parts.column));
        }
    }
}
