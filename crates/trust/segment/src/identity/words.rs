//! Lists of words in rules, of which some may not be known.

use std::sync::Arc;

use casemate_posture::{Cursor, Fact, Truth};

use crate::listed::listed;

/// Words, and why there may be others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Words {
    known: Vec<String>,
    unknown: Option<Arc<str>>,
}

impl Words {
    pub(crate) fn of(words: &[&str]) -> Self {
        Self {
            known: words.iter().map(|it| (*it).to_owned()).collect(),
            unknown: None,
        }
    }

    /// Words of which none is known.
    pub(crate) fn unknown(why: Arc<str>) -> Self {
        Self {
            known: Vec::new(),
            unknown: Some(why),
        }
    }

    /// The list at a place.
    pub(crate) fn read(cursor: &Cursor<'_>) -> Self {
        let mut words = Self::default();
        for item in listed(cursor) {
            match item.text() {
                Fact::Known(word) => words.known.push(word),
                Fact::Absent => words.unknown = Some("a word in it is no text".into()),
                Fact::Unknown(why) => words.unknown = Some(why),
            }
        }
        words
    }

    /// Whether the list is empty, for sure.
    pub(crate) fn is_empty(&self) -> bool {
        self.known.is_empty() && self.unknown.is_none()
    }

    /// Why none of its words is known.
    pub(crate) fn why_unknown(&self) -> Option<&Arc<str>> {
        self.unknown.as_ref().filter(|_| self.known.is_empty())
    }

    pub(crate) fn any(&self, is_it: impl Fn(&str) -> bool) -> Truth {
        match (self.known.iter().any(|it| is_it(it)), &self.unknown) {
            (true, _) => Truth::Yes,
            (false, None) => Truth::No,
            (false, Some(why)) => Truth::Unknown(why.clone()),
        }
    }

    pub(crate) fn has(&self, word: &str) -> Truth {
        self.any(|it| it == word)
    }

    /// Those that are known.
    pub(crate) fn known(&self) -> &[String] {
        &self.known
    }

    /// They, for people.
    pub(crate) fn shown(&self) -> String {
        let more = self.unknown.as_ref().map(|_| "others that are not known");
        let words = self.known.iter().map(String::as_str).chain(more);
        words.collect::<Vec<_>>().join(", ")
    }
}
