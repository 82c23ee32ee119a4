//! From bytes to lines and columns.

use casemate_core::Region;

use crate::Span;

/// Where the lines of a text begin. Made once for a text that has something to be told of.
#[derive(Clone, Debug)]
pub struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
    /// How many characters begin before each block of [`BLOCK`] bytes: a line may be a whole file, and
    /// many places are asked of it.
    before: Vec<usize>,
}

/// A place in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line, counted from one.
    pub line: u64,
    /// The column in characters, counted from one.
    pub column: u64,
}

impl<'a> Lines<'a> {
    /// The lines of `text`; they end with a line feed.
    pub fn of(text: &'a str) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let starts = std::iter::once(0).chain(ends.map(|(at, _)| at + 1));
        let before = text.as_bytes().chunks(BLOCK).scan(0, |before, block| {
            let here = *before;
            *before += characters(block);
            Some(here)
        });
        Self {
            text,
            starts: starts.collect(),
            before: before.collect(),
        }
    }

    /// The place of the byte at `offset`; of the end, where the text is shorter.
    pub fn place(&self, offset: usize) -> Place {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        let line = self.starts.partition_point(|&start| start <= offset);
        let start = self.starts[line - 1];
        Place {
            line: line as u64,
            column: (self.characters_before(offset) - self.characters_before(start)) as u64 + 1,
        }
    }

    fn characters_before(&self, offset: usize) -> usize {
        let block = offset / BLOCK;
        // A text that fills its blocks has none at its end.
        let Some(before) = self.before.get(block) else {
            return self.before.last().map_or(0, |before| {
                before + characters(&self.text.as_bytes()[(block - 1) * BLOCK..])
            });
        };
        before + characters(&self.text.as_bytes()[block * BLOCK..offset])
    }

    /// The span as the region of a finding. White space at its end is left out: a block of YAML
    /// ends where the next one begins.
    pub fn region(&self, span: Span) -> Region {
        let written = span.of(self.text).trim_end().len();
        let start = self.place(span.start as usize);
        let end = self.place(span.start as usize + written);
        Region::Text {
            line: start.line,
            column: start.column,
            end_line: end.line,
            end_column: end.column,
        }
    }

    /// The line with `number`, counted from one, without its end.
    pub fn line(&self, number: u64) -> &'a str {
        let at = |number: u64| {
            let index = usize::try_from(number).ok()?.checked_sub(1)?;
            self.starts.get(index).copied()
        };
        let Some(start) = at(number) else {
            return "";
        };
        let end = at(number + 1).unwrap_or(self.text.len());
        self.text[start..end].trim_end_matches(['\n', '\r'])
    }
}

/// The characters that begin among these bytes of UTF-8.
fn characters(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte & 0xc0 != 0x80).count()
}

const BLOCK: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_counted_across_blocks() {
        let text = format!("\n{}\n{}", "ä".repeat(300), "ab".repeat(2 * BLOCK));
        let lines = Lines::of(&text);
        for (offset, _) in text.char_indices().chain([(text.len(), ' ')]) {
            let line = text[..offset].matches('\n').count();
            let start = text[..offset].rfind('\n').map_or(0, |at| at + 1);
            let expected = Place {
                line: line as u64 + 1,
                column: text[start..offset].chars().count() as u64 + 1,
            };
            assert_eq!(lines.place(offset), expected, "{offset}");
        }
        for length in [0, BLOCK, 2 * BLOCK] {
            let text = "x".repeat(length);
            assert_eq!(Lines::of(&text).place(length).column, length as u64 + 1);
        }
    }

    #[test]
    fn places_count_characters_from_one() {
        let lines = Lines::of("a\näöü x\r\n\nend");
        for (offset, line, column) in [
            (0, 1, 1),
            (1, 1, 2),
            (2, 2, 1),
            (4, 2, 2),
            (3, 2, 1),
            (99, 4, 4),
        ] {
            assert_eq!(lines.place(offset), Place { line, column }, "{offset}");
        }
        assert_eq!(lines.line(2), "äöü x");
        assert_eq!((lines.line(3), lines.line(0), lines.line(9)), ("", "", ""));
    }

    #[test]
    fn a_region_ends_before_the_white_space_that_follows() {
        let text = "a:\n  b: 1\n\nc: 2\n";
        let span = Span::new(5, 11);
        let expected = Region::Text {
            line: 2,
            column: 3,
            end_line: 2,
            end_column: 7,
        };
        assert_eq!(Lines::of(text).region(span), expected);
    }
}
