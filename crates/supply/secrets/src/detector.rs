//! Detectors: rows of `content/secrets/*.toml`, compiled.
//!
//! A row describes one kind of credential by its own form (`prefixes` and `pattern`), by the name it
//! is given to (`keys` and `value`), or both. `content/secrets/README.md` explains every field.

use std::{cmp::Reverse, collections::BTreeSet, sync::OnceLock};

use casemate_core::{Rule, RuleIdError};
use regex::bytes::{Regex, RegexBuilder};

use crate::{
    assignment::Place,
    keys::{Keys, STEMS},
    placeholder::{Placeholders, Words},
    prefilter::Prefilter,
    row::{Family, Row},
    validate::Validator,
};

/// A set of detectors, ready to scan.
#[derive(Debug)]
pub struct Detectors {
    pub(crate) rules: Vec<Rule>,
    /// The best evidence first, so that the first that accepts a value is the one to report.
    pub(crate) detectors: Vec<Detector>,
    pub(crate) literals: Vec<Literal>,
    pub(crate) prefilter: Prefilter,
    pub(crate) placeholders: Placeholders,
    pub(crate) keys: Keys,
}

impl Detectors {
    /// The detectors that Casemate ships with.
    pub fn builtin() -> Self {
        Self::parse(BUILTIN, PLACEHOLDERS).expect("the embedded detectors are tested")
    }

    /// The detectors of some files, each given by its name and its content, and the words that
    /// tell placeholders (the form of `content/secrets/placeholders.toml`).
    ///
    /// Where two detectors want the same text, the one with the better confidence has it; then the
    /// one of the earlier file. So put what is generic last.
    ///
    /// # Errors
    ///
    /// Which file and which row cannot be understood, and why.
    pub fn from_toml(files: &[(&str, &str)], placeholders: &str) -> Result<Self, DetectorError> {
        let detectors = Self::parse(files, placeholders)?;
        detectors.compile_all()?;
        Ok(detectors)
    }

    /// A rule for each detector, those with the best evidence first.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Compiles the patterns that are otherwise compiled when they are first needed: all of them
    /// together cost more than most scans do.
    fn compile_all(&self) -> Result<(), DetectorError> {
        for (detector, rule) in self.detectors.iter().zip(&self.rules) {
            let token = detector.token.as_ref().map(|token| &token.pattern);
            let assigned = detector.assigned.as_ref().map(|assigned| &assigned.value);
            for pattern in token.into_iter().chain(assigned) {
                pattern.compile().map_err(|error| DetectorError::Pattern {
                    id: rule.id.to_string(),
                    error: Box::new(error),
                })?;
            }
        }
        Ok(())
    }

    fn parse(files: &[(&str, &str)], placeholders: &str) -> Result<Self, DetectorError> {
        let mut ids = BTreeSet::new();
        let mut rows = Vec::new();
        for (order, &(name, text)) in files.iter().enumerate() {
            let family: Family = toml::from_str(text).map_err(|error| DetectorError::Syntax {
                file: name.to_owned(),
                error: Box::new(error),
            })?;
            let references = family.references;
            for row in family.detector {
                if !ids.insert(row.id.clone()) {
                    return Err(DetectorError::Duplicate(row.id));
                }
                rows.push((order, row, references.clone()));
            }
        }
        rows.sort_by_key(|(order, row, _)| {
            (
                Reverse(row.confidence),
                *order,
                Reverse(row.severity),
                row.id.clone(),
            )
        });
        let rows = rows
            .into_iter()
            .map(|(_, row, references)| (row, references))
            .collect();
        let words: Words = toml::from_str(placeholders).map_err(|error| DetectorError::Syntax {
            file: "placeholders".to_owned(),
            error: Box::new(error),
        })?;
        Self::assemble(rows, words)
    }

    fn assemble(rows: Vec<(Row, Vec<String>)>, words: Words) -> Result<Self, DetectorError> {
        let keys = Keys::new(&rows)?;
        let mut rules = Vec::with_capacity(rows.len());
        let mut detectors = Vec::with_capacity(rows.len());
        for (row, references) in rows {
            detectors.push(Detector::new(&row)?);
            rules.push(row.into_rule(references)?);
        }
        let literals = literals(&detectors);
        let texts: Vec<Vec<u8>> = literals
            .iter()
            .map(|literal| literal.text.clone())
            .collect();
        Ok(Self {
            prefilter: Prefilter::new(&texts).map_err(DetectorError::Search)?,
            placeholders: Placeholders::new(words).map_err(DetectorError::Search)?,
            rules,
            detectors,
            literals,
            keys,
        })
    }
}

/// Why detectors could not be made from their data.
#[derive(Debug, thiserror::Error)]
pub enum DetectorError {
    /// A file is not TOML, or has other fields than detectors have.
    #[error("{file}: {error}")]
    Syntax {
        /// The file's name.
        file: String,
        /// What the TOML parser says.
        error: Box<toml::de::Error>,
    },
    /// A row's id is not one.
    #[error(transparent)]
    Id(#[from] RuleIdError),
    /// Two rows have the same id.
    #[error("{0}: the id is taken")]
    Duplicate(String),
    /// A pattern is not a regular expression, or is too large.
    #[error("{id}: {error}")]
    Pattern {
        /// The row.
        id: String,
        /// What the compiler of regular expressions says.
        error: Box<regex::Error>,
    },
    /// A row's fields contradict each other.
    #[error("{id}: {reason}")]
    Row {
        /// The row.
        id: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The literals of all rows together are too many.
    #[error("cannot search for all detectors at once: {0}")]
    Search(aho_corasick::BuildError),
}

/// One detector, compiled.
#[derive(Debug)]
pub(crate) struct Detector {
    pub(crate) token: Option<Token>,
    pub(crate) assigned: Option<Assigned>,
    pub(crate) validators: Vec<Validator>,
    pub(crate) chosen: bool,
    pub(crate) weak: bool,
}

/// A credential known by its own form.
#[derive(Debug)]
pub(crate) struct Token {
    pub(crate) prefixes: Vec<Vec<u8>>,
    pub(crate) pattern: Pattern,
    /// Whether only the group `secret` of the pattern is.
    pub(crate) grouped: bool,
    pub(crate) behind: usize,
    pub(crate) ahead: usize,
    pub(crate) words: bool,
}

/// A credential known by the name of what holds it.
#[derive(Debug)]
pub(crate) struct Assigned {
    pub(crate) value: Pattern,
    pub(crate) place: Option<Place>,
}

/// A pattern, compiled when it is first needed.
#[derive(Debug)]
pub(crate) struct Pattern {
    text: String,
    compiled: OnceLock<Regex>,
}

impl Pattern {
    fn new(text: String) -> Self {
        Self {
            text,
            compiled: OnceLock::new(),
        }
    }

    pub(crate) fn regex(&self) -> &Regex {
        // Only the embedded patterns come here without `compile_all`, and a test compiles those.
        self.compile().expect("the embedded patterns are tested")
    }

    fn compile(&self) -> Result<&Regex, regex::Error> {
        if let Some(regex) = self.compiled.get() {
            return Ok(regex);
        }
        let regex = RegexBuilder::new(&self.text)
            .unicode(false)
            .size_limit(REGEX)
            .dfa_size_limit(REGEX)
            .build()?;
        Ok(self.compiled.get_or_init(|| regex))
    }
}

/// A literal of the prefilter, and who wants to know of it.
#[derive(Debug)]
pub(crate) struct Literal {
    pub(crate) text: Vec<u8>,
    /// The detectors with a prefix that begins so.
    pub(crate) detectors: Vec<usize>,
    /// Whether it is a stem of the names that credentials are given to.
    pub(crate) stem: bool,
}

impl Literal {
    fn add(&mut self, owner: Option<usize>) {
        match owner {
            None => self.stem = true,
            Some(detector) if self.detectors.contains(&detector) => {}
            Some(detector) => self.detectors.push(detector),
        }
    }
}

/// The literals of all detectors and the stems, none of which begins with another, so that at most
/// one begins at any place. Those that share a beginning become one, because fewer are found
/// faster; a detector looks for its own prefix again.
fn literals(detectors: &[Detector]) -> Vec<Literal> {
    let mut texts: Vec<(Vec<u8>, Option<usize>)> = Vec::new();
    for (index, detector) in detectors.iter().enumerate() {
        let prefixes = detector.token.iter().flat_map(|token| &token.prefixes);
        texts.extend(prefixes.map(|prefix| (prefix.clone(), Some(index))));
    }
    for stem in STEMS {
        let mut capital = stem.as_bytes().to_vec();
        capital[0].make_ascii_uppercase();
        texts.push((stem.into(), None));
        texts.push((capital, None));
        texts.push((stem.to_uppercase().into(), None));
    }
    texts.sort();
    let mut literals: Vec<Literal> = Vec::new();
    for (text, owner) in texts {
        if let Some(last) = literals.last_mut() {
            let shared = last
                .text
                .iter()
                .zip(&text)
                .take_while(|(a, b)| a == b)
                .count();
            if shared == last.text.len() || shared >= SHARED {
                last.text.truncate(shared);
                last.add(owner);
                continue;
            }
        }
        let mut literal = Literal {
            text,
            detectors: Vec::new(),
            stem: false,
        };
        literal.add(owner);
        literals.push(literal);
    }
    for literal in &mut literals {
        literal.detectors.sort_unstable();
    }
    literals
}

impl Detector {
    fn new(row: &Row) -> Result<Self, DetectorError> {
        let token = match &row.pattern {
            Some(pattern) => Some(Token::new(row, pattern)?),
            None if row.prefixes.is_empty() => None,
            None => return Err(row.wrong("there are prefixes but no pattern")),
        };
        let assigned = match &row.value {
            Some(_) if row.keys.is_empty() => return Err(row.wrong("there is a value but no key")),
            Some(value) => Some(Assigned {
                value: Pattern::new(format!(r"\A(?:{value})\z")),
                place: row.place,
            }),
            None if row.keys.is_empty() => None,
            None => return Err(row.wrong("there are keys but no value")),
        };
        if token.is_none() && assigned.is_none() {
            return Err(row.wrong("there is neither a pattern nor a value"));
        }
        Ok(Self {
            token,
            assigned,
            validators: row.validate.clone(),
            chosen: row.chosen,
            weak: row.weak,
        })
    }
}

impl Token {
    fn new(row: &Row, pattern: &str) -> Result<Self, DetectorError> {
        if row.prefixes.is_empty() {
            return Err(row.wrong("there is a pattern but no prefix"));
        }
        if row
            .prefixes
            .iter()
            .any(|prefix| prefix.len() < LEAST_PREFIX)
        {
            return Err(row.wrong("a prefix has fewer than three bytes"));
        }
        if row.behind > BEHIND || row.ahead > AHEAD {
            return Err(row.wrong("it looks too far"));
        }
        let anchored = if row.behind == 0 {
            format!(r"\A(?:{pattern})")
        } else {
            pattern.to_owned()
        };
        Ok(Self {
            prefixes: row
                .prefixes
                .iter()
                .map(|prefix| prefix.clone().into_bytes())
                .collect(),
            pattern: Pattern::new(anchored),
            grouped: pattern.contains(SECRET_GROUP),
            behind: row.behind,
            ahead: row.ahead,
            words: row.words,
        })
    }

    /// What every secret of the kind that begins like `secret` begins with.
    pub(crate) fn public_part<'t>(&'t self, secret: &[u8]) -> &'t [u8] {
        let known = self
            .prefixes
            .iter()
            .filter(|prefix| secret.starts_with(prefix));
        known
            .max_by_key(|prefix| prefix.len())
            .map_or(b"", Vec::as_slice)
    }
}

/// How far before its prefix a pattern may begin.
pub(crate) const BEHIND: usize = 256;
/// How far after the beginning of its prefix a pattern may end.
pub(crate) const AHEAD: usize = 16 << 10;

/// Literals that share as many bytes become one.
const SHARED: usize = 4;
const SECRET_GROUP: &str = "(?P<secret>";
const LEAST_PREFIX: usize = 3;
const REGEX: usize = 256 << 10;

const PLACEHOLDERS: &str = include_str!("../../../../content/secrets/placeholders.toml");

/// One file for each family of providers, from the particular to the generic.
const BUILTIN: &[(&str, &str)] = &[
    (
        "chat.toml",
        include_str!("../../../../content/secrets/chat.toml"),
    ),
    (
        "cloud.toml",
        include_str!("../../../../content/secrets/cloud.toml"),
    ),
    (
        "code.toml",
        include_str!("../../../../content/secrets/code.toml"),
    ),
    (
        "infra.toml",
        include_str!("../../../../content/secrets/infra.toml"),
    ),
    (
        "keys.toml",
        include_str!("../../../../content/secrets/keys.toml"),
    ),
    (
        "mlops.toml",
        include_str!("../../../../content/secrets/mlops.toml"),
    ),
    (
        "models.toml",
        include_str!("../../../../content/secrets/models.toml"),
    ),
    (
        "services.toml",
        include_str!("../../../../content/secrets/services.toml"),
    ),
    (
        "files.toml",
        include_str!("../../../../content/secrets/files.toml"),
    ),
    (
        "generic.toml",
        include_str!("../../../../content/secrets/generic.toml"),
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_embedded_pattern_compiles() {
        Detectors::builtin()
            .compile_all()
            .expect("the patterns are regular expressions");
    }

    #[test]
    fn no_literal_begins_with_another() {
        let detectors = Detectors::builtin();
        let sorted = detectors
            .literals
            .is_sorted_by(|a, b| a.text < b.text && !b.text.starts_with(&a.text));
        assert!(sorted);
    }

    #[test]
    fn a_wrong_row_says_which_and_why() {
        let row = |fields: &str| {
            format!(
                "[[detector]]\nid = \"CM-SEC-900\"\ntitle = \"t\"\nseverity = \"high\"\nconfidence = \"high\"\n\
                 description = \"d\"\nremediation = \"r\"\nbad = \"b\"\ngood = \"g\"\n{fields}"
            )
        };
        for (fields, reason) in [
            ("", "CM-SEC-900: there is neither a pattern nor a value"),
            (
                "prefixes = ['abc']",
                "CM-SEC-900: there are prefixes but no pattern",
            ),
            (
                "pattern = 'abc'",
                "CM-SEC-900: there is a pattern but no prefix",
            ),
            (
                "prefixes = ['ab']\npattern = 'ab'",
                "CM-SEC-900: a prefix has fewer than three bytes",
            ),
            (
                "prefixes = ['abc']\npattern = 'abc'\nahead = 99999",
                "CM-SEC-900: it looks too far",
            ),
            (
                "keys = ['name']\nvalue = 'a'",
                "CM-SEC-900: a key holds none of the words the search knows",
            ),
            ("keys = ['key']", "CM-SEC-900: there are keys but no value"),
            (
                "keys = ['key']\nvalue = '('",
                "CM-SEC-900: regex parse error",
            ),
            ("value = 'a'", "CM-SEC-900: there is a value but no key"),
        ] {
            let error = Detectors::from_toml(&[("x.toml", &row(fields))], "").expect_err(fields);
            assert!(error.to_string().starts_with(reason), "{error}");
        }
        let twice = row("keys = ['key']\nvalue = 'a'\n").repeat(2);
        let error = Detectors::from_toml(&[("x.toml", &twice)], "").expect_err("twice");
        assert_eq!(error.to_string(), "CM-SEC-900: the id is taken");
        let error =
            Detectors::from_toml(&[("x.toml", &row("colour = 1"))], "").expect_err("colour");
        assert!(error.to_string().starts_with("x.toml: "), "{error}");
    }
}
