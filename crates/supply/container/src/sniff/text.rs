//! Whether bytes are text.

use super::TextEncoding;

/// How text is written whose beginning is `head` and whose end is `tail`; `None` where it is not
/// text. `whole` where `tail` is all of it.
pub(super) fn encoding(head: &[u8], tail: &[u8], whole: bool) -> Option<TextEncoding> {
    if let Some(big_end) = utf16_mark(head) {
        let mark = if whole { 2 } else { 0 };
        let rest = tail.get(mark..).unwrap_or_default();
        let text = is_utf16(&head[2..], big_end) && is_utf16(rest, big_end);
        return text.then_some(if big_end {
            TextEncoding::Utf16Be
        } else {
            TextEncoding::Utf16Le
        });
    }
    // Where the tail is all of it, the head need not be looked at again.
    let head_too = |is_text: &dyn Fn(&[u8]) -> bool| whole || is_text(head);
    if !head_too(&controls_are_few) || !controls_are_few(tail) {
        return None;
    }
    // Where a window cuts the text, up to three bytes of a character are left on the cut side.
    let first_whole = tail
        .iter()
        .take(3)
        .take_while(|&&byte| is_continuation(byte))
        .count();
    let from = if whole { 0 } else { first_whole };
    if head_too(&|head| is_utf8(head, true)) && is_utf8(&tail[from..], false) {
        return Some(if head.starts_with(UTF8_MARK) {
            TextEncoding::Utf8Bom
        } else {
            TextEncoding::Utf8
        });
    }
    (head_too(&is_latin1) && is_latin1(tail)).then_some(TextEncoding::Latin1)
}

/// Whether `bytes` is UTF-8; `cut` where its last character may be incomplete.
fn is_utf8(bytes: &[u8], cut: bool) -> bool {
    match std::str::from_utf8(bytes) {
        Ok(_) => true,
        Err(error) => cut && error.error_len().is_none(),
    }
}

fn is_continuation(byte: u8) -> bool {
    byte & 0xc0 == 0x80
}

/// No control characters but those that text has, and few of those that terminals put there.
fn controls_are_few(bytes: &[u8]) -> bool {
    let not_in_text = |byte: u8| {
        (byte < b' ') & (byte != b'\t') & (byte != b'\n') & (byte != b'\r') & (byte != FORM_FEED)
    };
    let of_terminals =
        |byte: u8| (byte == BELL) | (byte == BACKSPACE) | (byte == VERTICAL_TAB) | (byte == ESCAPE);
    let mut rare = 0;
    // Every file passes here: counted without branches and in bytes, many are counted at a time.
    for chunk in bytes.chunks(usize::from(u8::MAX)) {
        let controls: u8 = chunk.iter().map(|&byte| u8::from(not_in_text(byte))).sum();
        if controls > 0 {
            let tolerated: u8 = chunk.iter().map(|&byte| u8::from(of_terminals(byte))).sum();
            if tolerated < controls {
                return false;
            }
            rare += usize::from(tolerated);
        }
    }
    rare <= 4 + bytes.len() / RARE
}

/// Mostly ASCII, and no byte that Windows-1252 leaves undefined.
fn is_latin1(bytes: &[u8]) -> bool {
    let high = bytes.iter().filter(|&&byte| byte >= 0x80).count();
    let undefined = |byte: &u8| matches!(byte, 0x7f | 0x81 | 0x8d | 0x8f | 0x90 | 0x9d);
    high <= bytes.len() / 4 && !bytes.iter().any(undefined)
}

fn utf16_mark(head: &[u8]) -> Option<bool> {
    match head {
        [0xff, 0xfe, ..] => Some(false),
        [0xfe, 0xff, ..] => Some(true),
        _ => None,
    }
}

/// Whether `bytes` are UTF-16 without control characters but those of text. A surrogate may stand
/// alone at either end, where a window cuts.
fn is_utf16(bytes: &[u8], big_end: bool) -> bool {
    let units: Vec<u16> = bytes
        .chunks_exact(2)
        .map(|pair| match big_end {
            true => u16::from_be_bytes([pair[0], pair[1]]),
            false => u16::from_le_bytes([pair[0], pair[1]]),
        })
        .collect();
    let last = units.len().saturating_sub(1);
    let mut at = 0;
    char::decode_utf16(units.iter().copied()).all(|decoded| {
        let place = at;
        at += decoded.as_ref().map_or(1, |c| c.len_utf16());
        match decoded {
            Ok(c) => c >= ' ' || matches!(c, '\t' | '\n' | '\r' | '\u{c}'),
            Err(_) => place == 0 || place == last,
        }
    }) && bytes.len().is_multiple_of(2)
}

const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";
const BELL: u8 = 0x07;
const BACKSPACE: u8 = 0x08;
const VERTICAL_TAB: u8 = 0x0b;
const FORM_FEED: u8 = 0x0c;
const ESCAPE: u8 = 0x1b;
/// At most one of these characters in so many bytes: coloured logs and progress bars stay under.
const RARE: usize = 16;
