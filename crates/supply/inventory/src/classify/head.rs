//! The beginning of a file, and what is seen in it at once.

use std::{borrow::Cow, cell::OnceCell, io};

use casemate_container::sniff::{Magic, TextEncoding, sniff};
use casemate_core::{PathText, Source};

use super::{json::Json, lines::Lines};

/// The beginning of a file.
pub(super) struct Head<'a> {
    /// What the signature says.
    pub(super) magic: Magic,
    /// The first bytes; all of them, if there are no more than 64 Ki.
    pub(super) bytes: Cow<'a, [u8]>,
    /// The path from the root.
    pub(super) path: &'a str,
    /// The file's name, in small letters.
    pub(super) name: String,
    text: Option<Text>,
    shapes: Shapes,
}

impl<'a> Head<'a> {
    /// Reads the beginning of `source`.
    ///
    /// # Errors
    ///
    /// What the medium says.
    pub(super) fn of(path: &'a PathText, source: &'a dyn Source) -> io::Result<Self> {
        let magic = sniff(source)?.magic;
        let bytes = match source.as_slice() {
            Some(bytes) => Cow::Borrowed(&bytes[..bytes.len().min(LOOKED_AT)]),
            None => Cow::Owned(source.read_vec(0, LOOKED_AT)?),
        };
        let is_whole = bytes.len() as u64 >= source.len();
        Ok(Self {
            magic,
            text: Text::of(magic, &bytes, is_whole),
            bytes,
            path: path.as_str(),
            name: path.file_name().to_ascii_lowercase(),
            shapes: Shapes::default(),
        })
    }

    /// The text, in UTF-8 or a superset of ASCII, to its last whole line; `None` if it is no text.
    pub(super) fn text(&self) -> Option<&[u8]> {
        match self.text.as_ref()? {
            Text::Here { start, end } => self.bytes.get(*start..*end),
            Text::Decoded(text) => Some(text.as_bytes()),
        }
    }

    /// What stands after the last dot of the name, in small letters; empty if there is none.
    pub(super) fn extension(&self) -> &str {
        match self.name.rsplit_once('.') {
            Some((stem, extension)) if !stem.is_empty() => extension,
            _ => "",
        }
    }

    /// Whether the name has one of these extensions.
    pub(super) fn has_extension(&self, extensions: &[&str]) -> bool {
        extensions.contains(&self.extension())
    }

    /// The text's shape, if it begins as JSON does.
    pub(super) fn json(&self) -> Option<&Json> {
        let json = self.shapes.json.get_or_init(|| Json::of(self.text()?));
        json.as_ref()
    }

    /// The text's lines. Of what is no text, none.
    pub(super) fn lines(&self) -> &Lines {
        let text = || self.text().unwrap_or_default();
        self.shapes.lines.get_or_init(|| Lines::of(text()))
    }
}

/// Made when first asked for.
#[derive(Default)]
struct Shapes {
    json: OnceCell<Option<Json>>,
    lines: OnceCell<Lines>,
}

enum Text {
    /// A part of the bytes.
    Here {
        start: usize,
        end: usize,
    },
    Decoded(String),
}

impl Text {
    fn of(magic: Magic, bytes: &[u8], is_whole: bool) -> Option<Self> {
        let Magic::Text(encoding) = magic else {
            return None;
        };
        let units = |of: fn([u8; 2]) -> u16| {
            let units = bytes.chunks_exact(2).skip(1);
            let units: Vec<u16> = units.map(|pair| of([pair[0], pair[1]])).collect();
            Self::Decoded(String::from_utf16_lossy(&units))
        };
        let start = match encoding {
            TextEncoding::Utf16Le => return Some(units(u16::from_le_bytes)),
            TextEncoding::Utf16Be => return Some(units(u16::from_be_bytes)),
            TextEncoding::Utf8Bom => bytes.len().min(3),
            TextEncoding::Utf8 | TextEncoding::Latin1 => 0,
        };
        let last_line = memchr::memrchr(b'\n', bytes).map(|at| at + 1);
        let end = match last_line {
            Some(end) if !is_whole => end.max(start),
            _ => bytes.len(),
        };
        Some(Self::Here { start, end })
    }
}

const LOOKED_AT: usize = 64 << 10;
