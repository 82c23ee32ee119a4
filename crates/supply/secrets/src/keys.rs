//! Names that hold credentials: `AWS_SECRET_ACCESS_KEY`, `wandbApiKey`.

use aho_corasick::{AhoCorasick, MatchKind};

use crate::{detector::DetectorError, row::Row};

/// Which detectors care for a name.
#[derive(Debug)]
pub(crate) struct Keys {
    words: AhoCorasick,
    /// For each word: the detector, and whether the word makes it look away.
    owners: Vec<(usize, bool)>,
    texts: Vec<String>,
}

impl Keys {
    pub(crate) fn new(rows: &[(Row, Vec<String>)]) -> Result<Self, DetectorError> {
        let mut owners = Vec::new();
        let mut texts = Vec::new();
        for (index, (row, _)) in rows.iter().enumerate() {
            for key in &row.keys {
                if !STEMS.iter().any(|stem| key.contains(stem)) {
                    return Err(row.wrong("a key holds none of the words the search knows"));
                }
                owners.push((index, false));
                texts.push(key.clone());
            }
            for key in &row.not_keys {
                owners.push((index, true));
                texts.push(key.clone());
            }
        }
        let words = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .build(&texts)
            .map_err(DetectorError::Search)?;
        Ok(Self {
            words,
            owners,
            texts,
        })
    }

    /// The detectors that care for `name`, best first, each with the word that says so.
    pub(crate) fn interested(&self, name: &[u8]) -> Vec<(usize, &str)> {
        let name = normalise(name);
        let mut found: Vec<(usize, bool, usize)> = self
            .words
            .find_overlapping_iter(&name)
            .map(|hit| {
                let word = hit.pattern().as_usize();
                let (detector, not) = self.owners[word];
                (detector, !not, word)
            })
            .collect();
        found.sort_unstable();
        let mut interested: Vec<(usize, &str)> = Vec::new();
        let mut decided = None;
        for (detector, wanted, word) in found {
            if decided.replace(detector) != Some(detector) && wanted {
                interested.push((detector, self.texts[word].trim_matches('_')));
            }
        }
        interested
    }
}

/// A name as words between underscores: `awsSecretKey`, `AWS-SECRET.KEY` → `_aws_secret_key_`.
fn normalise(name: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len() * 2 + 2);
    out.push(b'_');
    for (at, &byte) in name.iter().enumerate() {
        let before = at.checked_sub(1).map(|before| name[before]);
        let after = name.get(at + 1);
        let joint = byte.is_ascii_uppercase()
            && before.is_some_and(|before| {
                before.is_ascii_lowercase()
                    || before.is_ascii_digit()
                    || (before.is_ascii_uppercase() && after.is_some_and(u8::is_ascii_lowercase))
            });
        let letter = byte.is_ascii_alphanumeric();
        if (joint || !letter) && out.last() != Some(&b'_') {
            out.push(b'_');
        }
        if letter {
            out.push(byte.to_ascii_lowercase());
        }
    }
    if out.last() != Some(&b'_') {
        out.push(b'_');
    }
    out
}

/// What the names that hold credentials have in common. A key in the data contains one of them.
pub(crate) const STEMS: [&str; 6] = ["key", "token", "secret", "pass", "pwd", "cred"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_split_into_words() {
        for (name, words) in [
            ("AWS_SECRET-ACCESS.key", "_aws_secret_access_key_"),
            ("awsSecretAccessKey", "_aws_secret_access_key_"),
            ("OpenAIKey", "_open_ai_key_"),
            ("--api-key", "_api_key_"),
            ("_auth", "_auth_"),
            ("db2Password", "_db2_password_"),
            ("", "_"),
        ] {
            assert_eq!(normalise(name.as_bytes()), words.as_bytes(), "{name}");
        }
    }
}
