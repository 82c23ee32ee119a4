//! File names as text, without losing a byte.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A path as the user or the tree spelled it, as text that can be turned back into its bytes.
///
/// Valid UTF-8 stays as it is. Every other byte becomes `%XX`; so that this can be undone, a `%`
/// is written `%25` where two hexadecimal digits follow it, and only there.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct PathText(String);

impl PathText {
    /// The text of a path given as bytes (on Unix, what the kernel knows it by).
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let mut text = String::with_capacity(bytes.len());
        let mut rest = bytes;
        for chunk in bytes.utf8_chunks() {
            for (at, c) in chunk.valid().char_indices() {
                let after = &rest[at + c.len_utf8()..];
                if c == '%' && starts_with_two_hex_digits(after) {
                    text.push_str("%25");
                } else {
                    text.push(c);
                }
            }
            for byte in chunk.invalid() {
                text.push_str(&format!("%{byte:02X}"));
            }
            rest = &rest[chunk.valid().len() + chunk.invalid().len()..];
        }
        Self(text)
    }

    /// A text that is the text of a path already, such as a file's name in an [`Asset`](crate::Asset).
    pub fn from_text(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The bytes this text stands for; the inverse of [`PathText::from_bytes`].
    pub fn to_bytes(&self) -> Vec<u8> {
        let bytes = self.0.as_bytes();
        let mut out = Vec::with_capacity(bytes.len());
        let mut at = 0;
        while at < bytes.len() {
            let escaped = (bytes[at] == b'%')
                .then(|| self.0.get(at + 1..at + 3))
                .flatten()
                .filter(|hex| starts_with_two_hex_digits(hex.as_bytes()))
                .and_then(|hex| u8::from_str_radix(hex, 16).ok());
            match escaped {
                Some(byte) => {
                    out.push(byte);
                    at += 3;
                }
                None => {
                    out.push(bytes[at]);
                    at += 1;
                }
            }
        }
        out
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last component: what stands after the last `/`.
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// What stands after the last dot of the file name, if that dot does not begin it.
    pub fn extension(&self) -> Option<&str> {
        let (stem, extension) = self.file_name().rsplit_once('.')?;
        (!stem.is_empty()).then_some(extension)
    }

    /// This path with `rest` below it. An empty side adds no separator.
    pub fn join(&self, rest: &Self) -> Self {
        if self.0.is_empty() {
            return rest.clone();
        }
        if rest.0.is_empty() {
            return self.clone();
        }
        Self(format!("{}/{}", self.0.trim_end_matches('/'), rest.0))
    }

    /// The rest of the way from `base` to here, if it leads through there: empty where both are the same.
    pub fn strip_prefix(&self, base: &Self) -> Option<Self> {
        let rest = self.0.strip_prefix(base.0.trim_end_matches('/'))?;
        if rest.is_empty() || base.0.is_empty() {
            return Some(Self(rest.to_owned()));
        }
        Some(Self(rest.strip_prefix('/')?.to_owned()))
    }
}

impl From<&str> for PathText {
    fn from(text: &str) -> Self {
        Self::from_bytes(text.as_bytes())
    }
}

impl fmt::Display for PathText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn starts_with_two_hex_digits(bytes: &[u8]) -> bool {
    bytes.len() >= 2 && bytes[..2].iter().all(u8::is_ascii_hexdigit)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keeps_ordinary_names_and_escapes_only_what_it_must() {
        for (bytes, text) in [
            (&b"models/fraud.pkl"[..], "models/fraud.pkl"),
            ("modèle".as_bytes(), "modèle"),
            (b"100%.txt", "100%.txt"),
            (b"a\xffb", "a%FFb"),
            (b"a%FFb", "a%25FFb"),
            (b"%\xc3", "%%C3"),
        ] {
            assert_eq!(PathText::from_bytes(bytes).as_str(), text);
        }
    }

    #[test]
    fn a_leading_dot_begins_a_name_and_not_an_extension() {
        assert_eq!(PathText::from("a/.env").extension(), None);
        assert_eq!(PathText::from("a/model.tar.gz").extension(), Some("gz"));
        assert_eq!(PathText::from("a.b/model").extension(), None);
    }

    proptest! {
        #[test]
        fn every_byte_string_comes_back(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            prop_assert_eq!(PathText::from_bytes(&bytes).to_bytes(), bytes);
        }

        #[test]
        fn names_full_of_percent_signs_come_back(name in "[%0-9A-Fa-f\u{e9}]{0,24}") {
            prop_assert_eq!(PathText::from_bytes(name.as_bytes()).to_bytes(), name.into_bytes());
        }
    }

    #[test]
    fn what_is_joined_can_be_parted() {
        for (base, rest) in [
            ("a/b", "c"),
            ("a/", "b/c"),
            ("", "a"),
            ("/", "etc"),
            (".", "a"),
            ("a", ""),
        ] {
            let (base, rest) = (PathText::from_text(base), PathText::from_text(rest));
            assert_eq!(base.join(&rest).strip_prefix(&base), Some(rest), "{base}");
        }
        let strip = |path, base| PathText::from_text(path).strip_prefix(&PathText::from_text(base));
        assert_eq!(strip("ab/c", "a"), None);
        assert_eq!(strip("a", "a/b"), None);
    }
}
