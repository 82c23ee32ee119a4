//! Formats that no loader runs anything from, formats that are programs, and formats that this
//! version has no reader for.

use std::io;

use casemate_container::Magic;
use casemate_core::{Reference, Rule, Severity, Source};

use crate::{
    Verdict,
    notes::{Notes, bytes},
    rules::{example, rule},
};

/// What Casemate makes of a format that it does not look into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Pictures, sound, fonts, documents, tables: no loader of models runs anything in them.
    Inert,
    /// Machine code or bytecode.
    Program,
    /// A model or an archive that this version cannot read.
    NotRead,
}

/// The standing of a format that has no reader here; nothing for those that have one.
pub(crate) fn standing(magic: Magic) -> Option<Standing> {
    Some(match magic {
        Magic::Png
        | Magic::Jpeg
        | Magic::Gif
        | Magic::Webp
        | Magic::Ico
        | Magic::Tiff
        | Magic::Font
        | Magic::Wav
        | Magic::Ogg
        | Magic::Flac
        | Magic::Mp3
        | Magic::Mp4
        | Magic::Matroska
        | Magic::Pdf
        | Magic::Parquet
        | Magic::ArrowIpc
        | Magic::Sqlite
        | Magic::GitPack
        | Magic::GitIndex
        | Magic::GitPackIndex
        | Magic::GitCache
        | Magic::GitObject => Standing::Inert,
        Magic::Elf | Magic::Pe | Magic::MachO | Magic::JavaClass | Magic::Wasm | Magic::Pyc => {
            Standing::Program
        }
        Magic::Rar | Magic::GgmlLegacy | Magic::Hdf5 | Magic::Tflite => Standing::NotRead,
        _ => return None,
    })
}

/// Notes that a file is a program.
pub(crate) fn note_program(magic: Magic, notes: &mut Notes<'_>) {
    let message = format!("this is a program ({magic}), which this version does not judge");
    notes.observe(&EXECUTABLE, Verdict::Unknown, None, magic.as_str(), message);
}

/// Notes that a file is of a format without a reader.
pub(crate) fn note_not_read(format: &str, notes: &mut Notes<'_>) {
    let message = format!("this version has no reader for {format}");
    notes.leave_out(format, None, message);
}

/// The format of a flatbuffer that begins with `head`, by the name it gives itself.
pub(crate) fn flatbuffer(head: &[u8]) -> Option<&'static str> {
    match head.get(4..8)? {
        b"PTMF" => Some("torch-flatbuffer"),
        b"ET12" => Some("executorch"),
        _ => None,
    }
}

/// Notes that the same bytes are also a file of another format.
pub(crate) fn note_polyglot(format: &str, also: &str, at: u64, notes: &mut Notes<'_>) {
    let message = format!("this {format} file is also a {also} file to readers of that format");
    notes.observe(&POLYGLOT, Verdict::Unknown, bytes(at, 0), also, message);
}

/// Where a picture or a sound ends by its own account; nothing where the format does not say.
///
/// # Errors
///
/// What the medium says.
pub(crate) fn end(source: &dyn Source, magic: Magic) -> io::Result<Option<u64>> {
    match magic {
        Magic::Png => png_end(source),
        Magic::Wav | Magic::Webp => {
            let head = source.read_vec(4, 4)?;
            let size = head.try_into().map(u32::from_le_bytes).ok();
            // Chunks are padded to an even length.
            Ok(size.map(|size| (u64::from(size) + 8).next_multiple_of(2)))
        }
        _ => Ok(None),
    }
}

/// The end of the chunk IEND.
fn png_end(source: &dyn Source) -> io::Result<Option<u64>> {
    let mut at = 8u64;
    for _ in 0..MOST_CHUNKS {
        let head = source.read_vec(at, 8)?;
        let [a, b, c, d, kind @ ..] = &head[..] else {
            return Ok(None);
        };
        let length = u64::from(u32::from_be_bytes([*a, *b, *c, *d]));
        at += 12 + length;
        if kind == b"IEND" {
            return Ok(Some(at));
        }
    }
    Ok(None)
}

pub(crate) static POLYGLOT: Rule = rule(
    "CM-MSQ-001",
    "The file is two formats at once",
    Severity::High,
    "The same bytes are a file of one format to one reader and of another to the next. Attackers \
     hide a model with code behind a picture or harmless weights this way.",
    "Take the file apart, and find out why the other one is there.",
    MASQUERADE,
    example(
        "logo.png",
        b"\x89PNG\r\n\x1a\n\0\0\0\0IEND\xae\x42\x60\x82PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
    ),
    example("logo.png", b"\x89PNG\r\n\x1a\n\0\0\0\0IEND\xae\x42\x60\x82"),
);

pub(crate) static EXECUTABLE: Rule = rule(
    "CM-MSQ-002",
    "A program",
    Severity::Medium,
    "The file is machine code or bytecode. A model needs none; a loader that finds a library beside \
     a model may load it. This version does not judge what it does.",
    "Find out who built the program and what loads it.",
    MASQUERADE,
    example(
        "model.so",
        b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\x3e\0",
    ),
    example("notes.txt", b"ELF is a format.\n"),
);

pub(crate) static APPENDED: Rule = rule(
    "CM-MSQ-003",
    "Bytes follow the end of the file's format",
    Severity::Medium,
    "The format says where the file ends, and the file goes on. Whatever stands there is invisible \
     to the format's own readers.",
    "Cut the bytes off, and find out what they are.",
    MASQUERADE,
    example(
        "logo.png",
        b"\x89PNG\r\n\x1a\n\0\0\0\0IEND\xae\x42\x60\x82something else",
    ),
    example("logo.png", b"\x89PNG\r\n\x1a\n\0\0\0\0IEND\xae\x42\x60\x82"),
);

pub(crate) static RULES: &[&Rule] = &[&POLYGLOT, &EXECUTABLE, &APPENDED];

const MASQUERADE: &[Reference] = &[
    Reference::new("CWE-434"),
    Reference::new("CWE-436"),
    Reference::new("AML.T0074"),
    Reference::new("LLM03:2025"),
];

const MOST_CHUNKS: u32 = 1 << 20;
