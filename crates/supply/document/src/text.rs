//! From bytes to text.

use std::borrow::Cow;

/// The text in `bytes`: UTF-8, or UTF-16 with a byte order mark, as YAML 1.2.2 (5.2) has it. The
/// mark is left out; places count from behind it.
///
/// # Errors
///
/// Where the bytes are neither.
pub fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, EncodingError> {
    match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => utf8(rest),
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        _ => utf8(bytes),
    }
}

/// Bytes that are no text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("byte {offset} is not {encoding}")]
pub struct EncodingError {
    encoding: &'static str,
    offset: usize,
}

fn utf8(bytes: &[u8]) -> Result<Cow<'_, str>, EncodingError> {
    std::str::from_utf8(bytes)
        .map(Cow::Borrowed)
        .map_err(|error| EncodingError {
            encoding: "UTF-8",
            offset: error.valid_up_to(),
        })
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<Cow<'_, str>, EncodingError> {
    let wrong = |offset| EncodingError {
        encoding: "UTF-16",
        offset,
    };
    let (pairs, rest) = bytes.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(wrong(bytes.len() + 1));
    }
    let mut text = String::with_capacity(bytes.len());
    let mut offset = 2;
    for unit in char::decode_utf16(pairs.iter().map(|&pair| unit(pair))) {
        let c = unit.map_err(|_| wrong(offset))?;
        offset += 2 * c.len_utf16();
        text.push(c);
    }
    Ok(Cow::Owned(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_encoding_of_yaml_is_read() {
        for bytes in [
            "aä𝄞".as_bytes().to_vec(),
            [&[0xef, 0xbb, 0xbf], "aä𝄞".as_bytes()].concat(),
            vec![0xff, 0xfe, 0x61, 0, 0xe4, 0, 0x34, 0xd8, 0x1e, 0xdd],
            vec![0xfe, 0xff, 0, 0x61, 0, 0xe4, 0xd8, 0x34, 0xdd, 0x1e],
        ] {
            assert_eq!(decode(&bytes).as_deref(), Ok("aä𝄞"));
        }
    }

    #[test]
    fn what_is_no_text_says_where() {
        for (bytes, expected) in [
            (&b"ab\xff"[..], "byte 2 is not UTF-8"),
            (b"\xff\xfea\0\x34\xd8", "byte 4 is not UTF-16"),
            (b"\xff\xfea", "byte 2 is not UTF-16"),
        ] {
            assert_eq!(decode(bytes).expect_err(expected).to_string(), expected);
        }
    }
}
