//! Which objects a patch or a replacement is for.

use regex::{Regex, RegexBuilder};

use super::object::{Object, text};
use crate::Attr;

/// A target as it is written, read once for all objects.
pub(super) struct Target<'a> {
    kind: Pattern<'a>,
    group: Pattern<'a>,
    version: Pattern<'a>,
    name: Pattern<'a>,
    namespace: Pattern<'a>,
    labels: &'a str,
    annotations: &'a str,
}

/// An expression that the whole of a word is held against.
enum Pattern<'a> {
    Any,
    Word(&'a str),
    Expression(Regex),
}

impl<'a> Target<'a> {
    pub(super) fn of(target: &'a Attr) -> Self {
        let pattern = |key| Pattern::of(text(target, key));
        Self {
            kind: pattern("kind"),
            group: pattern("group"),
            version: pattern("version"),
            name: pattern("name"),
            namespace: pattern("namespace"),
            labels: text(target, "labelSelector"),
            annotations: text(target, "annotationSelector"),
        }
    }

    /// Whether it means the object, by what it is or was called.
    pub(super) fn selects(&self, object: &Object) -> bool {
        let is_called =
            |name: &str, namespace: &str| self.name.takes(name) && self.namespace.takes(namespace);
        let was_called = || {
            let mut before = object.before.iter();
            before.any(|(name, namespace)| is_called(name, namespace))
        };
        self.kind.takes(object.kind())
            && self.group.takes(object.group())
            && self.version.takes(object.version())
            && (is_called(object.name(), object.namespace()) || was_called())
            && has_all(object, "metadata.labels", self.labels)
            && has_all(object, "metadata.annotations", self.annotations)
    }
}

impl<'a> Pattern<'a> {
    fn of(pattern: &'a str) -> Self {
        // Most are a name; to compile an expression costs more than all else that a patch does.
        let is_word = |c: char| c.is_ascii_alphanumeric() || "-_/".contains(c);
        if pattern.is_empty() {
            return Self::Any;
        } else if pattern.chars().all(is_word) {
            return Self::Word(pattern);
        }
        let regex = RegexBuilder::new(&format!("^(?:{pattern})$"))
            .size_limit(1 << 20)
            .build();
        regex.map_or(Self::Word(pattern), Self::Expression)
    }

    fn takes(&self, word: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Word(pattern) => *pattern == word,
            Self::Expression(regex) => regex.is_match(word),
        }
    }
}

/// Whether the object has every pair of a selector at `path`.
fn has_all(object: &Object, path: &str, selector: &str) -> bool {
    let mut pairs = selector.split(',').filter(|it| !it.trim().is_empty());
    pairs.all(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let there = object.body.at(path).ok();
        let there = there.and_then(|it| it.get(name.trim()).ok());
        there
            .and_then(|it| it.text().ok())
            .is_some_and(|it| it == value.trim_start_matches('=').trim())
    })
}
