//! Many patterns, asked at once.

use std::{collections::HashSet, fmt};

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use memchr::memmem::Finder;
use regex::{Regex, RegexBuilder};

use super::{
    pattern::{Pattern, Shape},
    test::Literal,
};
use crate::text::Scalar;

/// Patterns of which one has to match.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    cased: bool,
    anything: bool,
    equals: HashSet<Box<str>>,
    starts: Vec<Box<str>>,
    ends: Vec<Box<str>>,
    contains: Needles,
    other: Option<Regex>,
    /// One of these is in every text that matches; none is known where anything does.
    literals: Option<Vec<Literal>>,
}

#[derive(Default)]
enum Needles {
    #[default]
    None,
    Few(Vec<Finder<'static>>),
    Many(AhoCorasick),
}

impl Texts {
    /// # Errors
    ///
    /// Where the patterns are more than an automaton may hold.
    pub(crate) fn new(patterns: &[Pattern], cased: bool) -> Result<Self, TooLarge> {
        let mut texts = Self {
            cased,
            literals: patterns.iter().map(Pattern::literal_of).collect(),
            ..Self::default()
        };
        let mut contains = Vec::new();
        let mut other = Vec::new();
        for pattern in patterns {
            match pattern.shape(cased) {
                Shape::Anything => texts.anything = true,
                Shape::Equals(text) => drop(texts.equals.insert(text.into())),
                Shape::StartsWith(text) => texts.starts.push(text.into()),
                Shape::EndsWith(text) => texts.ends.push(text.into()),
                Shape::Contains(text) => contains.push(text),
                Shape::Other(expression) => other.push(format!("(?:{expression})")),
            }
        }
        texts.contains = Needles::new(contains)?;
        if !other.is_empty() {
            let expression = RegexBuilder::new(&other.join("|"))
                .size_limit(MOST_REGEX)
                .dfa_size_limit(MOST_REGEX)
                .build();
            texts.other = Some(expression.map_err(|_| TooLarge)?);
        }
        Ok(texts)
    }

    pub(crate) fn has_expression(&self) -> bool {
        self.other.is_some()
    }

    pub(crate) fn literals(&self) -> Option<&[Literal]> {
        self.literals.as_deref()
    }

    pub(crate) fn matches(&self, value: &Scalar<'_>) -> bool {
        let text = match self.cased {
            true => &value.text,
            false => value.folded(),
        };
        self.anything
            || (!self.equals.is_empty() && self.equals.contains(text))
            || self.starts.iter().any(|it| text.starts_with(&**it))
            || self.ends.iter().any(|it| text.ends_with(&**it))
            || self.contains.are_in(text)
            || self.other.as_ref().is_some_and(|it| it.is_match(text))
    }
}

impl Needles {
    fn new(texts: Vec<String>) -> Result<Self, TooLarge> {
        Ok(match texts.len() {
            0 => Self::None,
            1..=MOST_FINDERS => {
                let finder = |text: &String| Finder::new(text).into_owned();
                Self::Few(texts.iter().map(finder).collect())
            }
            // The other kinds are faster, and may take a thousand bytes for one of a text.
            _ => Self::Many(
                AhoCorasick::builder()
                    .kind(Some(AhoCorasickKind::ContiguousNFA))
                    .build(texts)
                    .map_err(|_| TooLarge)?,
            ),
        })
    }

    fn are_in(&self, text: &str) -> bool {
        match self {
            Self::None => false,
            Self::Few(finders) => (finders.iter()).any(|it| it.find(text.as_bytes()).is_some()),
            Self::Many(automaton) => automaton.is_match(text),
        }
    }
}

impl fmt::Debug for Needles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Few(_) => "Few",
            Self::Many(_) => "Many",
        })
    }
}

/// Patterns that would need an automaton beyond what one may hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TooLarge;

/// Bytes of a compiled regular expression.
pub(crate) const MOST_REGEX: usize = 256 << 10;
/// As many as are faster alone, each with its own search, than together.
const MOST_FINDERS: usize = 3;
