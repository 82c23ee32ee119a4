//! What stands where a secret will be: examples, blanks, templates.

use aho_corasick::{AhoCorasick, BuildError};
use serde::Deserialize;

/// The words of `content/secrets/placeholders.toml`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Words {
    /// A value that holds one of these, in any case, is a placeholder.
    #[serde(default)]
    within: Vec<String>,
    /// A value that is one of these, in any case, is a password known to everybody.
    #[serde(default)]
    common: Vec<String>,
    /// A value that is one of these was published by its owner, for all to use.
    #[serde(default)]
    published: Vec<Pieces>,
}

/// Text in pieces, so that no file of ours holds what looks like a live credential.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Pieces {
    Whole(String),
    Parts(Vec<String>),
}

impl Pieces {
    pub(crate) fn join(&self) -> Vec<u8> {
        match self {
            Self::Whole(text) => text.clone().into_bytes(),
            Self::Parts(parts) => parts.concat().into_bytes(),
        }
    }
}

/// Tells placeholders from secrets.
#[derive(Debug)]
pub(crate) struct Placeholders {
    within: AhoCorasick,
    common: Vec<String>,
    published: Vec<Vec<u8>>,
}

impl Placeholders {
    pub(crate) fn new(words: Words) -> Result<Self, BuildError> {
        let within = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .build(&words.within)?;
        let mut common = words.common;
        common.sort_unstable();
        let published = words.published.iter().map(Pieces::join).collect();
        Ok(Self {
            within,
            common,
            published,
        })
    }

    /// Whether `value`, without the prefix its provider gives to all, is no secret at all.
    /// Everybody's passwords are not, unless `weak` ones count.
    pub(crate) fn holds(&self, value: &[u8], weak: bool) -> bool {
        // Long values (keys, signed tokens) hold short words and runs by chance.
        if value.len() > LONG {
            return false;
        }
        is_template(value)
            || has_run(value)
            || is_periodic(value)
            || self.within.is_match(value)
            || (!weak && self.is_common(value))
    }

    /// Whether `secret`, as a whole, is known to be everybody's.
    pub(crate) fn is_published(&self, secret: &[u8]) -> bool {
        self.published.iter().any(|published| published == secret)
    }

    fn is_common(&self, value: &[u8]) -> bool {
        let value = String::from_utf8_lossy(value).to_lowercase();
        self.common.binary_search(&value).is_ok()
    }
}

/// Whether `value` is filled in later by a shell, a template engine or a reader.
fn is_template(value: &[u8]) -> bool {
    let marks: [&[u8]; 9] = [
        b"${",
        b"$(",
        b"{{",
        b"}}",
        b"{%",
        b"<%",
        b"%(",
        b"...",
        "…".as_bytes(),
    ];
    let bracketed = |open, close| value.first() == Some(&open) && value.last() == Some(&close);
    bracketed(b'<', b'>')
        || bracketed(b'[', b']')
        || bracketed(b'{', b'}')
        || bracketed(b'%', b'%')
        || marks
            .iter()
            .any(|mark| memchr::memmem::find(value, mark).is_some())
}

/// Whether `value` holds one character many times in a row, or a long piece of the alphabet, of
/// the digits or of the keyboard, up or down.
fn has_run(value: &[u8]) -> bool {
    let (mut same, mut up, mut down) = (1, 1, 1);
    for pair in value.windows(2) {
        let step = i16::from(pair[1]) - i16::from(pair[0]);
        same = if step == 0 { same + 1 } else { 1 };
        up = if step == 1 { up + 1 } else { 1 };
        down = if step == -1 { down + 1 } else { 1 };
        if same >= SAME || up >= STEPS || down >= STEPS {
            return true;
        }
    }
    false
}

/// Whether `value` is a shorter text written at least twice over.
fn is_periodic(value: &[u8]) -> bool {
    (1..=value.len() / 2).any(|period| value[period..] == value[..value.len() - period])
}

const LONG: usize = 200;
const SAME: usize = 6;
const STEPS: usize = 7;

#[cfg(test)]
mod tests {
    use super::*;

    fn placeholders() -> Placeholders {
        Placeholders::new(Words {
            within: vec!["example".into(), "your_".into()],
            common: vec!["changeme".into(), "admin123".into()],
            published: vec![Pieces::Parts(vec!["half".into(), "half".into()])],
        })
        .expect("two words")
    }

    #[test]
    fn blanks_and_examples_are_no_secrets() {
        for value in [
            "xxxxxxxxxxxx",
            "AKIAIOSFODNN7EXAMPLE",
            "<token>",
            "${HF_TOKEN}",
            "{{ token }}",
            "%TOKEN%",
            "ChangeMe",
            "your_token_here",
            "abcdefgh1234",
            "q1w0987654321",
            "deadbeefdeadbeef",
            "12ab12ab1",
            "sk-...",
        ] {
            assert!(placeholders().holds(value.as_bytes(), false), "{value}");
        }
    }

    #[test]
    fn a_weak_password_counts_where_the_format_says_password() {
        assert!(placeholders().holds(b"admin123", false));
        assert!(!placeholders().holds(b"admin123", true));
        assert!(placeholders().holds(b"<admin123>", true));
    }

    #[test]
    fn what_was_published_is_known_as_a_whole() {
        assert!(placeholders().is_published(b"halfhalf"));
        assert!(!placeholders().is_published(b"halfhalf1"));
    }

    #[test]
    fn random_text_is_not_mistaken_for_a_blank() {
        for value in ["", "k3Jd92mXq0", "hunter2-Blue$", "0f8a7c61b2d94e53"] {
            assert!(!placeholders().holds(value.as_bytes(), false), "{value}");
        }
        let long = "example".repeat(40);
        assert!(!placeholders().holds(long.as_bytes(), false));
    }
}
