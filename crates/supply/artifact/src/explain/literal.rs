//! Python literals that cannot write to a terminal.

use std::fmt::Write;

/// `text` as a Python string, of which `missing` bytes more are not here.
pub(crate) fn string(text: &str, missing: u64) -> String {
    // As Python chooses: code is full of single quotes.
    let quote = match text.contains('\'') && !text.contains('"') {
        true => '"',
        false => '\'',
    };
    let mut out = String::with_capacity(text.len() + 2);
    out.push(quote);
    for c in text.chars() {
        character(c, quote, &mut out);
    }
    cut(quote, missing, &mut out);
    out
}

/// `bytes` as a Python byte string, of which `missing` more are not here.
pub(crate) fn bytes(bytes: &[u8], missing: u64) -> String {
    let mut out = String::from("b'");
    for &byte in bytes {
        match byte {
            b' '..=b'~' | b'\n' | b'\t' => character(char::from(byte), '\'', &mut out),
            _ => {
                let _ = write!(out, "\\x{byte:02x}");
            }
        }
    }
    cut('\'', missing, &mut out);
    out
}

/// Two's complement with the little end first.
pub(crate) fn long(bytes: &[u8], missing: u64) -> String {
    if missing > 0 {
        let len = bytes.len() as u64 + missing;
        return format!("<an integer of {len} bytes>");
    }
    let negative = bytes.last().is_some_and(|last| last & 0x80 != 0);
    let mut magnitude = bytes.to_vec();
    if negative {
        let mut carry = true;
        for byte in &mut magnitude {
            let (sum, overflows) = (!*byte).overflowing_add(u8::from(carry));
            (*byte, carry) = (sum, overflows);
        }
    }
    let digits: String = magnitude.iter().rev().map(|b| format!("{b:02x}")).collect();
    let digits = digits.trim_start_matches('0');
    let sign = if negative { "-" } else { "" };
    format!("{sign}0x{}", if digits.is_empty() { "0" } else { digits })
}

/// As Python prints it.
pub(crate) fn float(number: f64) -> String {
    if number.is_nan() {
        return "nan".to_owned();
    }
    format!("{number:?}")
}

/// Whether Python could have it for a name.
pub(crate) fn is_identifier(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn character(c: char, quote: char, out: &mut String) {
    let code = u32::from(c);
    let _ = match c {
        _ if c == quote => write!(out, "\\{c}"),
        '\\' => write!(out, "\\\\"),
        '\n' => write!(out, "\\n"),
        '\r' => write!(out, "\\r"),
        '\t' => write!(out, "\\t"),
        ' '..='~' => write!(out, "{c}"),
        // What Rust would escape is what does not show itself.
        _ if c.escape_debug().len() == 1 => write!(out, "{c}"),
        _ if code < 0x100 => write!(out, "\\x{code:02x}"),
        _ if code < 0x10000 => write!(out, "\\u{code:04x}"),
        _ => write!(out, "\\U{code:08x}"),
    };
}

/// The end of a literal, with how much of it is missing.
fn cut(quote: char, missing: u64, out: &mut String) {
    let _ = match missing {
        0 => write!(out, "{quote}"),
        _ => write!(out, "…{quote} + {missing} bytes"),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_python_and_tame() {
        assert_eq!(
            string("it's\n\x1b[2J\u{202e}é", 0),
            "\"it's\\n\\x1b[2J\\u202eé\""
        );
        assert_eq!(string("'\"", 0), r#"'\'"'"#);
        assert_eq!(string("abc", 9), "'abc…' + 9 bytes");
        assert_eq!(bytes(b"a\x00\xff'\\", 0), r"b'a\x00\xff\'\\'");
    }

    #[test]
    fn long_integers_are_read_from_the_little_end() {
        assert_eq!(
            long(b"\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 0),
            "0x1950a86a20f9469cfc6c"
        );
        assert_eq!(
            long(b"\x00\x00\x00\x00\x00\x00\x00\x00\xff", 0),
            "-0x10000000000000000"
        );
        assert_eq!(long(b"\x01", 8), "<an integer of 9 bytes>");
    }
}
