//! The text forms of protocol 0: numbers and strings as Python reads them.

use super::value::Form;

/// How much of a string is read: more than any name has.
pub(crate) const LONGEST: usize = 4096;

/// An integer as Python's `int` reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Integer {
    Small(i64),
    /// Beyond 64 bits.
    Big,
}

/// `int(line, 0)` and `int(line, 10)`, a little more lenient: octal as in C is taken too.
pub(crate) fn integer(line: &[u8]) -> Option<Integer> {
    // CPython's C reader ends at a NUL.
    let line = line.split(|&byte| byte == 0).next().unwrap_or_default();
    let line = trim(line);
    let (negative, line) = match line {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, line),
    };
    let (radix, mut digits) = match line {
        [b'0', b'x' | b'X', rest @ ..] => (16, rest),
        [b'0', b'o' | b'O', rest @ ..] => (8, rest),
        [b'0', b'b' | b'B', rest @ ..] => (2, rest),
        _ => (10, line),
    };
    if radix != 10 {
        digits = digits.strip_prefix(b"_").unwrap_or(digits);
    }
    if digits.is_empty() || digits[0] == b'_' {
        return None;
    }
    let mut value = Some(0i64);
    for &digit in digits.iter().filter(|&&digit| digit != b'_') {
        let digit = char::from(digit).to_digit(radix)?;
        value = value
            .and_then(|value| value.checked_mul(radix.into()))
            .and_then(|value| value.checked_add(digit.into()));
    }
    Some(match value {
        Some(value) => Integer::Small(if negative { -value } else { value }),
        None => Integer::Big,
    })
}

/// What `float(line)` gives.
pub(crate) fn float(line: &[u8]) -> Option<f64> {
    let digits = trim(line).iter().copied().filter(|&byte| byte != b'_');
    String::from_utf8(digits.collect()).ok()?.parse().ok()
}

/// The text that `bytes` are.
pub(crate) fn decode(form: Form, bytes: &[u8]) -> String {
    match form {
        Form::Utf8 | Form::Line => String::from_utf8_lossy(bytes).into_owned(),
        Form::Python2 => latin1(bytes),
        Form::RawUnicodeEscape => raw_unicode_escape(bytes),
        Form::StringEscape => string_escape(bytes),
    }
}

/// A line without what Python's `str.strip` takes for white space in Latin-1.
fn trim(mut line: &[u8]) -> &[u8] {
    let is_space = |byte: &u8| matches!(byte, 0x09..=0x0d | 0x1c..=0x20 | 0x85 | 0xa0);
    while line.first().is_some_and(is_space) {
        line = &line[1..];
    }
    while line.last().is_some_and(is_space) {
        line = &line[..line.len() - 1];
    }
    line
}

/// An integer of LONG1 or LONG4: two's complement, little end first.
pub(crate) fn long(bytes: &[u8]) -> Integer {
    if bytes.len() > 8 {
        return Integer::Big;
    }
    let negative = bytes.last().is_some_and(|last| last & 0x80 != 0);
    let mut wide = [if negative { 0xff } else { 0 }; 8];
    wide[..bytes.len()].copy_from_slice(bytes);
    Integer::Small(i64::from_le_bytes(wide))
}

/// The inside of a quoted line, without the quotes.
pub(crate) fn is_quoted(first: u8, last: u8, len: u64) -> bool {
    len >= 2 && first == last && matches!(first, b'\'' | b'"')
}

fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|&byte| char::from(byte)).collect()
}

/// Python's `raw-unicode-escape`: Latin-1 with `\uXXXX` and `\UXXXXXXXX`.
fn raw_unicode_escape(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let digits = match bytes[at..] {
            [b'\\', b'u', ..] => 4,
            [b'\\', b'U', ..] => 8,
            _ => 0,
        };
        match hexadecimal(bytes.get(at + 2..at + 2 + digits)).filter(|_| digits > 0) {
            Some(code) => {
                text.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
                at += 2 + digits;
            }
            None => {
                text.push(char::from(bytes[at]));
                at += 1;
            }
        }
    }
    text
}

/// The escapes of a Python byte string.
fn string_escape(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] != b'\\' || at + 1 == bytes.len() {
            text.push(char::from(bytes[at]));
            at += 1;
            continue;
        }
        let (character, len) = match bytes[at + 1] {
            b'n' => ('\n', 2),
            b't' => ('\t', 2),
            b'r' => ('\r', 2),
            b'a' => ('\x07', 2),
            b'b' => ('\x08', 2),
            b'f' => ('\x0c', 2),
            b'v' => ('\x0b', 2),
            quoted @ (b'\\' | b'\'' | b'"') => (char::from(quoted), 2),
            b'\n' => {
                at += 2;
                continue;
            }
            b'x' => match hexadecimal(bytes.get(at + 2..at + 4)) {
                Some(code) => (char::from_u32(code).unwrap_or_default(), 4),
                None => ('\\', 1),
            },
            b'0'..=b'7' => {
                let octal = |byte: &&u8| (b'0'..=b'7').contains(*byte);
                let digits: Vec<u8> = bytes[at + 1..]
                    .iter()
                    .take(3)
                    .take_while(octal)
                    .copied()
                    .collect();
                let code = digits
                    .iter()
                    .fold(0, |code, digit| code * 8 + u32::from(digit - b'0'));
                (
                    char::from_u32(code & 0xff).unwrap_or_default(),
                    1 + digits.len(),
                )
            }
            _ => ('\\', 1),
        };
        text.push(character);
        at += len;
    }
    text
}

fn hexadecimal(digits: Option<&[u8]>) -> Option<u32> {
    let digits = std::str::from_utf8(digits?).ok()?;
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    u32::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_read_as_python_does() {
        for (line, value) in [
            (&b"16"[..], Some(Integer::Small(16))),
            (b" 7 ", Some(Integer::Small(7))),
            (b"-0x10", Some(Integer::Small(-16))),
            (b"1_000", Some(Integer::Small(1000))),
            (b"0b_1", Some(Integer::Small(1))),
            (b"99999999999999999999", Some(Integer::Big)),
            (b"", None),
            (b"\x0b5", Some(Integer::Small(5))),
            (b"5\0x", Some(Integer::Small(5))),
            (b"x", None),
            (b"_1", None),
            (b" am.", None),
        ] {
            assert_eq!(integer(line), value, "{line:?}");
        }
        assert_eq!(long(b""), Integer::Small(0));
        assert_eq!(long(b"\xff"), Integer::Small(-1));
        assert_eq!(long(b"\xff\x00"), Integer::Small(255));
        assert_eq!(long(&[1; 9]), Integer::Big);
    }

    #[test]
    fn strings_are_unescaped_as_python_does() {
        assert_eq!(raw_unicode_escape(br"\u006fs\n"), r"os\n");
        assert_eq!(string_escape(br"o\x73\163\n\\\'\q"), "oss\n\\'\\q");
        assert_eq!(string_escape(br"a\"), r"a\");
        assert_eq!(float(b" -1_0.5 "), Some(-10.5));
        assert!(float(b"nan").is_some_and(f64::is_nan) && float(b"1e999") == Some(f64::INFINITY));
        assert_eq!(float(b"x"), None);
    }
}
