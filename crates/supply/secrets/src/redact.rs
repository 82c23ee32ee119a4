//! What may be said of a secret.

use std::fmt;

use serde::Serialize;

/// A secret as it may be shown: what its provider puts in front of every one of its kind, at most
/// four characters of that, and the length. No character that tells two secrets of a kind apart is
/// kept, so no output made of this can hold one, and neither can a debugger's view of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Redacted {
    prefix: String,
    characters: usize,
}

impl Redacted {
    /// The redacted form of `secret`. `public` is what every secret of the kind begins with; it is
    /// shown only where `secret` does begin with it.
    pub fn new(secret: &[u8], public: &[u8]) -> Self {
        let prefix = if secret.starts_with(public) && secret.len() > public.len() {
            let shown = public.iter().take(SHOWN);
            shown
                .take_while(|b| b.is_ascii_graphic())
                .map(|&b| char::from(b))
                .collect()
        } else {
            String::new()
        };
        Self {
            prefix,
            characters: characters(secret),
        }
    }

    /// How many characters the secret has.
    pub fn characters(&self) -> usize {
        self.characters
    }
}

impl fmt::Display for Redacted {
    /// `ghp_… (40 characters)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}… ({} characters)", self.prefix, self.characters)
    }
}

/// How many characters there are in `text`: the bytes that do not continue one in UTF-8.
pub(crate) fn characters(text: &[u8]) -> usize {
    text.iter().filter(|&&byte| byte & 0xC0 != 0x80).count()
}

const SHOWN: usize = 4;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn shows_the_providers_prefix_and_nothing_of_the_secret() {
        let shown = |secret: &str, public: &str| {
            Redacted::new(secret.as_bytes(), public.as_bytes()).to_string()
        };
        assert_eq!(shown("ghp_abcdef", "ghp_"), "ghp_… (10 characters)");
        assert_eq!(shown("sk-ant-api03-q", "sk-ant-"), "sk-a… (14 characters)");
        assert_eq!(shown("hunter22", ""), "… (8 characters)");
        assert_eq!(shown("hunter22", "other"), "… (8 characters)");
        assert_eq!(shown("pässword", ""), "… (8 characters)");
    }

    proptest! {
        #[test]
        fn two_secrets_of_one_kind_and_length_look_the_same(
            public in "[a-z_]{0,8}", one in "[A-Z0-9]{12}", other in "[A-Z0-9]{12}",
        ) {
            let of = |rest: &str| {
                format!("{:?}", Redacted::new(format!("{public}{rest}").as_bytes(), public.as_bytes()))
            };
            prop_assert_eq!(of(&one), of(&other));
        }
    }
}
