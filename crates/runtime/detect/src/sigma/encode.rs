//! Modifiers that encode a value.

use base64::{Engine as _, engine::general_purpose::STANDARD};

/// How UTF-16 is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Utf16 {
    LittleEndian,
    BigEndian,
    /// Little-endian, with a byte order mark.
    Marked,
}

impl Utf16 {
    pub(crate) fn encode(self, text: &str) -> Vec<u8> {
        let mark = (self == Self::Marked).then_some(0xfeff);
        let units = mark.into_iter().chain(text.encode_utf16());
        match self {
            Self::BigEndian => units.flat_map(u16::to_be_bytes).collect(),
            Self::LittleEndian | Self::Marked => units.flat_map(u16::to_le_bytes).collect(),
        }
    }
}

/// Base64 of the bytes.
pub(crate) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// What stays the same of the Base64 of anything in which the bytes stand, for each of the three places at which
/// they may begin.
pub(crate) fn base64_offsets(bytes: &[u8]) -> Vec<String> {
    let at = |offset: usize| {
        let shifted = [&vec![0; offset][..], bytes].concat();
        let encoded = STANDARD.encode(&shifted);
        // A character holds six bits: those that the bytes before or behind take part in are left out.
        let start = (offset * 8).div_ceil(6);
        let end = shifted.len() * 8 / 6;
        encoded.get(start..end).unwrap_or_default().to_owned()
    };
    (0..3).map(at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_in_the_base64_of_what_surrounds_it() {
        for (before, behind) in [("", ""), ("x", "yy"), ("ab", "c"), ("abc", "d")] {
            let whole = base64(format!("{before}http://{behind}").as_bytes());
            let parts = base64_offsets(b"http://");
            assert!(parts.iter().any(|part| whole.contains(part)), "{whole}");
        }
        assert_eq!(
            base64_offsets(b"foobar"),
            ["Zm9vYmFy", "Zvb2Jhc", "mb29iYX"]
        );
    }

    #[test]
    fn utf16_is_written_as_the_specification_has_it() {
        assert_eq!(Utf16::LittleEndian.encode("cmd"), b"c\0m\0d\0");
        assert_eq!(Utf16::BigEndian.encode("cmd"), b"\0c\0m\0d");
        assert_eq!(Utf16::Marked.encode("cmd"), b"\xff\xfec\0m\0d\0");
    }
}
