//! Data to train or evaluate with.

use casemate_container::sniff::Magic;
use casemate_core::{AssetKind, Class};

use super::{class, head::Head, lines::split, model::first_member};

/// Formats with a signature.
pub(super) fn classify_binary(head: &Head<'_>) -> Option<Class> {
    let bytes = &*head.bytes;
    let format = match head.magic {
        Magic::Npy | Magic::Parquet | Magic::ArrowIpc => head.magic.as_str(),
        Magic::Zip if first_member(bytes)?.ends_with(b".npy") => "npz",
        Magic::Binary if bytes.starts_with(b"Obj\x01") => "avro",
        Magic::Binary if bytes.starts_with(b"ORC") => "orc",
        Magic::Binary if bytes.starts_with(b"FEA1") => "feather",
        Magic::Binary if is_arrow_stream(bytes) => "arrow-stream",
        Magic::Binary if is_tfrecord(bytes) => "tfrecord",
        _ => return None,
    };
    Some(class(AssetKind::Dataset, format))
}

/// Tables and records of text.
pub(super) fn classify_text(head: &Head<'_>) -> Option<Class> {
    let text = head.text()?;
    if let Some(json) = head.json() {
        let is_named = head.has_extension(&["jsonl", "ndjson", "jsonlines"]);
        let is_lines = is_named || json.values > 1;
        return is_lines.then_some(class(AssetKind::Dataset, "jsonl"));
    }
    let (delimiters, least): (&[u8], usize) = match head.extension() {
        "csv" => (b",;\t|", 1),
        "tsv" | "tab" => (b"\t", 1),
        "txt" | "data" | "dat" | "" => (b",\t", 10),
        _ => return None,
    };
    let delimiter = delimiters
        .iter()
        .find(|&&delimiter| is_table(text, delimiter, least))?;
    let format = if *delimiter == b'\t' { "tsv" } else { "csv" };
    Some(class(AssetKind::Dataset, format))
}

/// Whether each of the first lines has as many delimiters outside quotes as the first one. Without
/// a name to go by there must be ten lines of three columns, for prose has commas too.
fn is_table(text: &[u8], delimiter: u8, least: usize) -> bool {
    let mut quoted = false;
    let mut seen = 0;
    let mut columns = 0;
    let mut expected = None;
    for line in split(text) {
        for &byte in line {
            quoted ^= byte == b'"';
            columns += usize::from(!quoted && byte == delimiter);
        }
        if quoted {
            continue;
        }
        if line.is_empty() && columns == 0 {
            continue;
        }
        let expected = *expected.get_or_insert(columns);
        let fewest = if least > 1 { 2 } else { 1 };
        if columns != expected || columns < fewest {
            return false;
        }
        columns = 0;
        seen += 1;
        if seen == ENOUGH_LINES {
            break;
        }
    }
    seen >= least && !quoted
}

/// An Arrow stream begins with a continuation, the length of a schema's metadata and the
/// flatbuffer's root (Arrow columnar format, "Encapsulated message format").
fn is_arrow_stream(bytes: &[u8]) -> bool {
    let word = |at: usize| {
        let word = bytes.get(at..at + 4)?;
        Some(u32::from_le_bytes([word[0], word[1], word[2], word[3]]))
    };
    let (Some(u32::MAX), Some(length), Some(root)) = (word(0), word(4), word(8)) else {
        return false;
    };
    (8..1 << 20).contains(&length) && length % 8 == 0 && (4..64).contains(&root)
}

/// A TFRecord begins with a length and the masked CRC-32C of that length.
fn is_tfrecord(bytes: &[u8]) -> bool {
    let Some((length, rest)) = bytes.split_at_checked(8) else {
        return false;
    };
    let Some(&[a, b, c, d]) = rest.first_chunk::<4>() else {
        return false;
    };
    let crc = crc32c(length);
    let masked = crc.rotate_right(15).wrapping_add(0xa282_ead8);
    u32::from_le_bytes([a, b, c, d]) == masked
}

/// CRC-32C (Castagnoli), bit by bit: it is asked for eight bytes.
pub(super) fn crc32c(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for &byte in bytes {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0x82f6_3b78 & (crc & 1).wrapping_neg());
        }
    }
    !crc
}

const ENOUGH_LINES: usize = 100;
