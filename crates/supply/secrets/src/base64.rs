//! Base64 (RFC 4648), only as much of it as validators need.

#[derive(Clone, Copy)]
pub(crate) enum Alphabet {
    Standard,
    Url,
}

/// The bytes of base64 text with or without padding; `None` where a character is foreign or the
/// length cannot be.
pub(crate) fn decode(text: &[u8], alphabet: Alphabet) -> Option<Vec<u8>> {
    let unpadded = text.iter().rposition(|&b| b != b'=').map_or(0, |at| at + 1);
    if text.len() - unpadded > 2 || unpadded % 4 == 1 {
        return None;
    }
    let mut bytes = Vec::with_capacity(unpadded / 4 * 3 + 3);
    let (mut bits, mut held) = (0_u32, 0);
    for &digit in &text[..unpadded] {
        let value = match (digit, alphabet) {
            (b'A'..=b'Z', _) => digit - b'A',
            (b'a'..=b'z', _) => digit - b'a' + 26,
            (b'0'..=b'9', _) => digit - b'0' + 52,
            (b'+', Alphabet::Standard) | (b'-', Alphabet::Url) => 62,
            (b'/', Alphabet::Standard) | (b'_', Alphabet::Url) => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held & 0xFF) as u8);
            bits &= (1 << held) - 1;
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_follows_the_vectors_of_rfc_4648() {
        for (text, bytes) in [
            ("", ""),
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
            ("Zm9vYg", "foob"),
            ("Zm9vYmFy", "foobar"),
        ] {
            assert_eq!(
                decode(text.as_bytes(), Alphabet::Standard).as_deref(),
                Some(bytes.as_bytes())
            );
        }
        for wrong in ["Z", "Zm9v=Zg", "Zg===", "Zm 9v", "Zm9vYg-_"] {
            assert_eq!(
                decode(wrong.as_bytes(), Alphabet::Standard),
                None,
                "{wrong}"
            );
        }
        assert_eq!(
            decode(b"-_8", Alphabet::Url).as_deref(),
            Some(&[0xFB, 0xFF][..])
        );
    }
}
