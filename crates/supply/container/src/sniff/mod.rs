//! What content is, from its bytes alone; names are never asked.

mod signature;
#[cfg(test)]
mod tests;
mod text;

use std::{fmt, io};

use casemate_core::{Memo, Source};

pub(crate) use signature::is_lzma;

use crate::zip;

/// Says what `source` is. It reads 4 KiB at the head; where those are not a known binary format, 64
/// KiB there to tell text; and 64 KiB at the tail, because a zip is found from its end.
///
/// # Errors
///
/// What the medium says.
pub fn sniff(source: &dyn Source) -> io::Result<Sniffed> {
    let memo = source.memo();
    if let Some(sniffed) = memo.and_then(Memo::get::<Sniffed>) {
        return Ok(sniffed.clone());
    }
    let sniffed = sniff_bytes(source)?;
    if let Some(memo) = memo {
        memo.set(sniffed.clone());
    }
    Ok(sniffed)
}

fn sniff_bytes(source: &dyn Source) -> io::Result<Sniffed> {
    if source.is_empty() {
        return Ok(Sniffed::only(Magic::Empty));
    }
    let mut head = source.read_vec(0, HEAD)?;
    let mut matches = signature::strong(&head, source.len());
    let whole = head.len() as u64 == source.len();
    if !whole && matches.is_empty() {
        let rest = source.read_vec(HEAD as u64, TEXT - HEAD)?;
        head.extend_from_slice(&rest);
    }
    let encoding = if !matches.is_empty() {
        None
    } else if whole {
        text::encoding(&head, &head, true)
    } else {
        // Even, so that UTF-16 is cut between its units.
        let tail_at = source.len().saturating_sub(TAIL) & !1;
        let tail = source.read_vec(tail_at, TEXT * 2)?;
        text::encoding(&head, &tail, tail_at == 0)
    };
    matches.extend(signature::weak(&head, source, encoding.is_some())?);
    let mut matches = matches.into_iter();
    let magic = match (matches.next(), encoding) {
        (Some(magic), _) => magic,
        (None, Some(encoding)) => return Ok(Sniffed::only(Magic::Text(encoding))),
        (None, None) => Magic::Binary,
    };
    Ok(Sniffed {
        magic,
        also: matches.collect(),
        trailing_zip: magic != Magic::Zip && zip::ends_with_directory(source)?,
    })
}

/// What bytes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sniffed {
    /// The format they most plausibly are.
    pub magic: Magic,
    /// The other formats that a reader may take the same bytes for: a polyglot, or chance. A
    /// judge opens them too.
    pub also: Vec<Magic>,
    /// Whether the bytes end in a zip's directory although `magic` is not [`Magic::Zip`].
    pub trailing_zip: bool,
}

impl Sniffed {
    fn only(magic: Magic) -> Self {
        Self {
            magic,
            also: Vec::new(),
            trailing_zip: false,
        }
    }
}

/// A format, told by its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Magic {
    /// No bytes.
    Empty,
    /// A zip that begins with a member or its directory (APPNOTE 4.3).
    Zip,
    /// RFC 1952.
    Gzip,
    /// RFC 1950: a header that checks, before deflate that inflates.
    Zlib,
    /// bzip2.
    Bzip2,
    /// An .xz container.
    Xz,
    /// An LZMA stream with the 13-byte header of .lzma, which has no magic.
    Lzma,
    /// Zstandard (RFC 8878).
    Zstd,
    /// An LZ4 frame, legacy frames included.
    Lz4Frame,
    /// 7-Zip.
    SevenZip,
    /// RAR, any version.
    Rar,
    /// A tar, by `ustar` or by its first header's checksum.
    Tar,
    /// A length of eight bytes before JSON.
    Safetensors,
    /// GGUF, either byte order.
    Gguf,
    /// GGML, GGMF, GGJT or GGLA: what GGUF replaced.
    GgmlLegacy,
    /// One NumPy array.
    Npy,
    /// HDF5, also behind a user block.
    Hdf5,
    /// TensorFlow Lite.
    Tflite,
    /// Apache Parquet.
    Parquet,
    /// The Apache Arrow IPC file format.
    ArrowIpc,
    /// SQLite 3.
    Sqlite,
    /// PNG.
    Png,
    /// JPEG.
    Jpeg,
    /// GIF.
    Gif,
    /// WebP.
    Webp,
    /// A Windows icon or cursor.
    Ico,
    /// TIFF.
    Tiff,
    /// TrueType, OpenType, WOFF and WOFF 2.
    Font,
    /// RIFF WAVE.
    Wav,
    /// Ogg.
    Ogg,
    /// FLAC.
    Flac,
    /// MPEG audio behind an ID3 tag.
    Mp3,
    /// ISO base media: MP4, MOV, HEIF, AVIF.
    Mp4,
    /// Matroska and WebM.
    Matroska,
    /// PDF.
    Pdf,
    /// ELF.
    Elf,
    /// A Windows portable executable.
    Pe,
    /// A Mach-O executable, universal ones included.
    MachO,
    /// A Java class.
    JavaClass,
    /// A WebAssembly module.
    Wasm,
    /// CPython bytecode.
    Pyc,
    /// A git pack.
    GitPack,
    /// A git index (`.git/index`).
    GitIndex,
    /// The index of a git pack, version 2.
    GitPackIndex,
    /// What git keeps beside packs to find things sooner: reverse and multi-pack indexes, bitmaps,
    /// commit graphs.
    GitCache,
    /// A loose git object: zlib around `blob`, `tree`, `commit` or `tag`, a length and a NUL.
    GitObject,
    /// A pickle that begins with PROTO, and its protocol. Older pickles have no magic: they look
    /// like text or like anything.
    Pickle(u8),
    /// Text, as far as its first and last 64 KiB show.
    Text(TextEncoding),
    /// None of these.
    Binary,
}

impl Magic {
    /// The name used in JSON and on screen.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Zip => "zip",
            Self::Gzip => "gzip",
            Self::Zlib => "zlib",
            Self::Bzip2 => "bzip2",
            Self::Xz => "xz",
            Self::Lzma => "lzma",
            Self::Zstd => "zstd",
            Self::Lz4Frame => "lz4",
            Self::SevenZip => "7z",
            Self::Rar => "rar",
            Self::Tar => "tar",
            Self::Safetensors => "safetensors",
            Self::Gguf => "gguf",
            Self::GgmlLegacy => "ggml",
            Self::Npy => "npy",
            Self::Hdf5 => "hdf5",
            Self::Tflite => "tflite",
            Self::Parquet => "parquet",
            Self::ArrowIpc => "arrow",
            Self::Sqlite => "sqlite",
            Self::Png => "png",
            Self::Jpeg => "jpeg",
            Self::Gif => "gif",
            Self::Webp => "webp",
            Self::Ico => "ico",
            Self::Tiff => "tiff",
            Self::Font => "font",
            Self::Wav => "wav",
            Self::Ogg => "ogg",
            Self::Flac => "flac",
            Self::Mp3 => "mp3",
            Self::Mp4 => "mp4",
            Self::Matroska => "matroska",
            Self::Pdf => "pdf",
            Self::Elf => "elf",
            Self::Pe => "pe",
            Self::MachO => "mach-o",
            Self::JavaClass => "java-class",
            Self::Wasm => "wasm",
            Self::Pyc => "pyc",
            Self::GitPack => "git-pack",
            Self::GitIndex => "git-index",
            Self::GitPackIndex => "git-pack-index",
            Self::GitCache => "git-cache",
            Self::GitObject => "git-object",
            Self::Pickle(_) => "pickle",
            Self::Text(_) => "text",
            Self::Binary => "binary",
        }
    }
}

impl fmt::Display for Magic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How text is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TextEncoding {
    /// UTF-8, ASCII included.
    Utf8,
    /// UTF-8 behind a byte order mark.
    Utf8Bom,
    /// UTF-16, little end first, behind a byte order mark.
    Utf16Le,
    /// UTF-16, big end first, behind a byte order mark.
    Utf16Be,
    /// One byte a character: ISO 8859-1, Windows-1252 or their kin; mostly ASCII.
    Latin1,
}

const HEAD: usize = 4 << 10;
const TEXT: usize = 64 << 10;
/// A zip's end record and the longest comment behind it.
const TAIL: u64 = (64 << 10) + 22;
