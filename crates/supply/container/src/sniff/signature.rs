//! The signatures of binary formats.

use std::io;

use casemate_core::Source;
use flate2::{Decompress, FlushDecompress, Status};

use super::Magic;
use crate::{
    bytes::{array, le32, le64},
    tar,
};

/// The formats whose signatures are at the head, the most specific first.
pub(super) fn strong(head: &[u8], len: u64) -> Vec<Magic> {
    let mut found: Vec<Magic> = PREFIXES
        .iter()
        .filter(|(prefix, _)| head.starts_with(prefix))
        .map(|&(_, magic)| magic)
        .collect();
    let tests: [(Magic, bool); 15] = [
        (Magic::Safetensors, is_safetensors(head)),
        (Magic::Gguf, is_gguf(head)),
        (Magic::GgmlLegacy, is_ggml(head)),
        (Magic::Bzip2, is_bzip2(head)),
        (Magic::Zstd, is_skippable_frame(head)),
        (Magic::Tflite, head.get(4..8) == Some(b"TFL3")),
        (Magic::Mp4, head.get(4..8) == Some(b"ftyp")),
        (Magic::Webp, is_riff(head, b"WEBP")),
        (Magic::Wav, is_riff(head, b"WAVE")),
        (Magic::Ico, is_icon(head, len)),
        (Magic::Font, is_font(head, len)),
        (Magic::Pe, is_pe(head, len)),
        (Magic::Pyc, is_pyc(head)),
        (Magic::Tar, tar::begins_with_header(head)),
        (
            Magic::Hdf5,
            HDF5_BLOCKS.iter().any(|&at| has_hdf5(head, at)),
        ),
    ];
    found.extend(
        tests
            .iter()
            .filter(|(_, hit)| *hit)
            .map(|&(magic, _)| magic),
    );
    found.extend(universal_or_class(head));
    found.extend(git(head));
    found.extend(pickle(head));
    found
}

/// The formats without a signature worth the name. Text is given them only on proof.
pub(super) fn weak(head: &[u8], source: &dyn Source, text: bool) -> io::Result<Vec<Magic>> {
    let mut found = Vec::new();
    found.extend(zlib(head, source.len(), text));
    if text {
        return Ok(found);
    }
    if is_lzma(head) {
        found.push(Magic::Lzma);
    }
    if hdf5_behind_a_large_block(source)? {
        found.push(Magic::Hdf5);
    }
    Ok(found)
}

/// Eight bytes of length, little end first, and how a JSON object begins.
fn is_safetensors(head: &[u8]) -> bool {
    let plausible = |len| (2..=SAFETENSORS_HEADER).contains(&len);
    let object = matches!(
        head.get(8..10),
        Some(b"{\"" | b"{}" | b"{ " | b"{\n" | b"{\t" | b"{\r")
    );
    object && le64(head, 0).is_some_and(plausible)
}

fn is_gguf(head: &[u8]) -> bool {
    let small = |version: u32| version <= 0xff || version.swap_bytes() <= 0xff;
    head.starts_with(b"GGUF") && le32(head, 4).is_some_and(small)
}

fn is_ggml(head: &[u8]) -> bool {
    let small = le32(head, 4).is_some_and(|word| word < 1 << 24);
    small && [b"lmgg", b"fmgg", b"tjgg", b"algg"].contains(&&array(head, 0).unwrap_or_default())
}

fn is_bzip2(head: &[u8]) -> bool {
    let block = [b"1AY&SY", b"\x17\x72\x45\x38\x50\x90"];
    head.starts_with(b"BZh")
        && head
            .get(3)
            .is_some_and(|level| (b'1'..=b'9').contains(level))
        && array(head, 4).is_some_and(|start| block.contains(&&start))
}

/// Zstandard and LZ4 share the frames that a reader skips.
fn is_skippable_frame(head: &[u8]) -> bool {
    le32(head, 0).is_some_and(|magic| magic & 0xffff_fff0 == 0x184d_2a50)
}

fn is_riff(head: &[u8], form: &[u8]) -> bool {
    head.starts_with(b"RIFF") && head.get(8..12) == Some(form)
}

/// A directory of pictures: its first entry lies behind it and within the file.
fn is_icon(head: &[u8], len: u64) -> bool {
    let [0, 0, kind @ 1..=2, 0] = array(head, 0).unwrap_or_default() else {
        return false;
    };
    let count = array(head, 4).map_or(0, u16::from_le_bytes);
    let directory = 6 + 16 * u64::from(count);
    let (size, at) = (le32(head, 14), le32(head, 18));
    let inside = |size: u32, at: u32| {
        u64::from(at) >= directory && u64::from(at) + u64::from(size) <= len && size > 0
    };
    // The byte behind the colours is reserved in an icon.
    (kind == 2 || head.get(9) == Some(&0))
        && (1..=256).contains(&count)
        && size.zip(at).is_some_and(|(size, at)| inside(size, at))
}

/// A table directory (OpenType 1.9, "Organization of an OpenType font"): the tags of the first
/// tables are in order and their places within the file.
fn is_font(head: &[u8], len: u64) -> bool {
    if !matches!(head.get(..4), Some(b"\0\x01\0\0" | b"OTTO" | b"true")) {
        return false;
    }
    let tables = array(head, 4).map_or(0, u16::from_be_bytes);
    let record = |number: usize| {
        let at = 12 + 16 * number;
        let word = |at| array(head, at).map(u32::from_be_bytes);
        let tag: [u8; 4] = array(head, at)?;
        let end = u64::from(word(at + 8)?) + u64::from(word(at + 12)?);
        (tag.iter().all(|byte| (0x20..0x7f).contains(byte)) && end <= len).then_some(tag)
    };
    (4..=64).contains(&tables) && (0..4).map(record).is_sorted() && record(0).is_some()
}

fn is_pe(head: &[u8], len: u64) -> bool {
    if !head.starts_with(b"MZ") {
        return false;
    }
    let Some(at) = le32(head, 0x3c) else {
        return false;
    };
    match usize::try_from(at)
        .ok()
        .and_then(|at| head.get(at..at.checked_add(4)?))
    {
        Some(signature) => signature == b"PE\0\0",
        // Behind what was read: a stub of this size is rare, and rarer by chance.
        None => u64::from(at) < len && at < 1 << 20,
    }
}

/// A magic number that ends in CR LF, and a code object at one of the three places where the
/// versions of CPython put it.
fn is_pyc(head: &[u8]) -> bool {
    let code = |at: usize| matches!(head.get(at), Some(0x63 | 0xe3));
    head.get(2..4) == Some(b"\r\n") && (code(8) || code(12) || code(16))
}

fn has_hdf5(head: &[u8], at: usize) -> bool {
    array(head, at) == Some(*HDF5)
}

/// A user block doubles from 512 bytes; those inside the head were looked at there.
fn hdf5_behind_a_large_block(source: &dyn Source) -> io::Result<bool> {
    let mut at = 4096_u64;
    while at < source.len() {
        if source.read_vec(at, HDF5.len())? == HDF5 {
            return Ok(true);
        }
        at = match at.checked_mul(2) {
            Some(next) => next,
            None => break,
        };
    }
    Ok(false)
}

/// `CAFEBABE` begins both; a universal binary counts its architectures where a class has its
/// version, which is 45 or more.
fn universal_or_class(head: &[u8]) -> Option<Magic> {
    if !head.starts_with(b"\xca\xfe\xba\xbe") {
        return None;
    }
    let word = array(head, 4).map(u32::from_be_bytes)?;
    Some(if word < 45 {
        Magic::MachO
    } else {
        Magic::JavaClass
    })
}

fn git(head: &[u8]) -> Option<Magic> {
    let version = array(head, 4).map(u32::from_be_bytes)?;
    match (&array(head, 0)?, version) {
        (b"PACK", 2 | 3) => Some(Magic::GitPack),
        (b"DIRC", 2..=4) => Some(Magic::GitIndex),
        (b"\xfftOc", 2) => Some(Magic::GitPackIndex),
        (b"RIDX", 1) => Some(Magic::GitCache),
        // A version of one byte, or of two.
        (b"MIDX" | b"CGPH", word) if word >> 24 == 1 => Some(Magic::GitCache),
        (b"BITM", word) if word >> 16 == 1 => Some(Magic::GitCache),
        _ => None,
    }
}

/// PROTO, a protocol that exists, and an opcode.
fn pickle(head: &[u8]) -> Option<Magic> {
    let [0x80, protocol @ 0..=5, opcode] = array(head, 0)? else {
        return None;
    };
    let known = PICKLE_OPCODES.contains(&opcode) || (0x80..=0x98).contains(&opcode);
    known.then_some(Magic::Pickle(protocol))
}

/// A zlib header that checks, and deflate behind it. Two bytes prove little, so the beginning is
/// inflated: without an error, and for text to its end or for long enough.
fn zlib(head: &[u8], len: u64, text: bool) -> Option<Magic> {
    let [cmf, flags] = array(head, 0)?;
    let dictionary = flags & 0x20 != 0;
    if cmf & 0x0f != 8 || cmf >> 4 > 7 || dictionary {
        return None;
    }
    if u16::from_be_bytes([cmf, flags]) % 31 != 0 {
        return None;
    }
    let input = &head[2..head.len().min(ZLIB_HEAD)];
    let mut output = [0; 512];
    let mut engine = Decompress::new(false);
    let mut shown = None;
    loop {
        let consumed = usize::try_from(engine.total_in()).unwrap_or(input.len());
        let before = engine.total_out();
        let status = engine.decompress(&input[consumed..], &mut output, FlushDecompress::None);
        let produced = usize::try_from(engine.total_out() - before).unwrap_or(output.len());
        shown.get_or_insert_with(|| is_git_object(&output[..produced]));
        match status {
            Err(_) => return None,
            Ok(Status::StreamEnd) => break,
            Ok(_) if produced == 0 => {
                let proven = !text || input.len() >= ZLIB_PROOF || (head.len() as u64) < len;
                if engine.total_out() == 0 || !proven {
                    return None;
                }
                break;
            }
            Ok(_) => {}
        }
    }
    Some(match shown {
        Some(true) => Magic::GitObject,
        _ => Magic::Zlib,
    })
}

/// `blob 123\0`.
fn is_git_object(bytes: &[u8]) -> bool {
    let Some(end) = bytes.iter().take(32).position(|&byte| byte == 0) else {
        return false;
    };
    let Ok(header) = std::str::from_utf8(&bytes[..end]) else {
        return false;
    };
    let Some((kind, size)) = header.split_once(' ') else {
        return false;
    };
    ["blob", "tree", "commit", "tag"].contains(&kind)
        && !size.is_empty()
        && size.bytes().all(|digit| digit.is_ascii_digit())
}

/// The header of .lzma: properties, a dictionary of 2^n or 2^n + 2^(n-1) bytes, a size or -1, and
/// the zero that begins every range-coded stream. Behind the usual properties any dictionary will
/// do: joblib asks for no more.
pub(crate) fn is_lzma(head: &[u8]) -> bool {
    let (Some(&properties), Some(dictionary), Some(size)) =
        (head.first(), le32(head, 1), le64(head, 5))
    else {
        return false;
    };
    let (lc, lp, pb) = (properties % 9, properties / 9 % 5, properties / 45);
    let rounded = dictionary == u32::MAX
        || dictionary.is_power_of_two()
        || (dictionary % 3 == 0 && (dictionary / 3).is_power_of_two());
    // All zero is legal, and is how many other formats begin.
    properties != 0
        && pb <= 4
        && lc + lp <= 4
        && (head.starts_with(b"\x5d\0") || rounded && dictionary >= 4096)
        && (size == u64::MAX || size < 1 << 40)
        && head.get(13) == Some(&0)
}

/// Signatures at the first byte. Those of letters alone are long, or tell on more below.
const PREFIXES: &[(&[u8], Magic)] = &[
    (b"PK\x03\x04", Magic::Zip),
    (b"PK\x05\x06", Magic::Zip),
    (b"PK\x07\x08PK\x03\x04", Magic::Zip),
    (b"PK00PK\x03\x04", Magic::Zip),
    (b"\x1f\x8b", Magic::Gzip),
    (b"\xfd7zXZ\0", Magic::Xz),
    (b"\x28\xb5\x2f\xfd", Magic::Zstd),
    (b"\x04\x22\x4d\x18", Magic::Lz4Frame),
    (b"\x02\x21\x4c\x18", Magic::Lz4Frame),
    (b"7z\xbc\xaf\x27\x1c", Magic::SevenZip),
    (b"Rar!\x1a\x07", Magic::Rar),
    (b"\x93NUMPY", Magic::Npy),
    (b"PAR1", Magic::Parquet),
    (b"ARROW1\0\0", Magic::ArrowIpc),
    (b"SQLite format 3\0", Magic::Sqlite),
    (b"\x89PNG\r\n\x1a\n", Magic::Png),
    (b"\xff\xd8\xff", Magic::Jpeg),
    (b"GIF87a", Magic::Gif),
    (b"GIF89a", Magic::Gif),
    (b"II*\0", Magic::Tiff),
    (b"MM\0*", Magic::Tiff),
    (b"wOFF\0\x01\0\0", Magic::Font),
    (b"wOFFOTTO", Magic::Font),
    (b"wOF2\0\x01\0\0", Magic::Font),
    (b"wOF2OTTO", Magic::Font),
    (b"ID3\x03\0", Magic::Mp3),
    (b"ID3\x04\0", Magic::Mp3),
    (b"\x1a\x45\xdf\xa3", Magic::Matroska),
    (b"OggS\0", Magic::Ogg),
    (b"fLaC\0", Magic::Flac),
    (b"%PDF-", Magic::Pdf),
    (b"\x7fELF", Magic::Elf),
    (b"\xfe\xed\xfa\xce", Magic::MachO),
    (b"\xfe\xed\xfa\xcf", Magic::MachO),
    (b"\xce\xfa\xed\xfe", Magic::MachO),
    (b"\xcf\xfa\xed\xfe", Magic::MachO),
    (b"\0asm", Magic::Wasm),
];
const HDF5: &[u8; 8] = b"\x89HDF\r\n\x1a\n";
const HDF5_BLOCKS: [usize; 4] = [0, 512, 1024, 2048];
/// The longest header that the safetensors library reads.
const SAFETENSORS_HEADER: u64 = 100_000_000;
/// CPython Lib/pickletools.py: every opcode below PROTO.
const PICKLE_OPCODES: &[u8] = b"().012BCFGIJKLMNPQRSTUVX]abcdeghijloqrpstu}";
const ZLIB_HEAD: usize = 4096;
const ZLIB_PROOF: usize = 64;
