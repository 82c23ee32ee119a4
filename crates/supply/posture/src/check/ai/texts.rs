//! Texts that objects have inside of them: scripts, settings, YAML in YAML.

use casemate_core::{Digest, Rule};
use casemate_document::{
    Limits, Node, Span, Value as Written,
    yaml::{self, Dialect},
};

use crate::{Attr, Cursor, Origin, Truth, check::Report};

/// A line of a text.
pub(super) struct Line<'c, 'a> {
    /// It.
    pub(super) text: &'a str,
    number: usize,
    cursor: &'c Cursor<'a>,
    whole: &'a str,
}

/// The lines of what is at `cursor`.
pub(super) fn lines<'c, 'a>(cursor: &'c Cursor<'a>) -> impl Iterator<Item = Line<'c, 'a>> {
    let whole = cursor.fact.clone().ok().and_then(Attr::as_str);
    let whole = whole.unwrap_or_default();
    let lines = whole.lines().enumerate();
    lines.map(move |(number, text)| Line {
        text,
        number,
        cursor,
        whole,
    })
}

impl Line<'_, '_> {
    /// Reports `rule` of the line.
    pub(super) fn report(
        &self,
        is_it: bool,
        rule: &'static Rule,
        report: &mut Report,
        message: &str,
    ) {
        if !is_it {
            return;
        }
        // The same line again is another place; a line that moves is not.
        let text = self.text.trim();
        let before = self.whole.lines().take(self.number);
        let count = before.filter(|line| line.trim() == text).count();
        let origin = line_of(self.cursor.origin(), text, count);
        let place = self.cursor.part(&format!("{}:{count}", digest(text)));
        report.when_at(Truth::Yes, rule, &place, &origin, || {
            (message.to_owned(), Vec::new())
        });
    }
}

/// The place of the line `text` in what stands at `origin`, with `before` others like it before it; of
/// the text wherever it is, where no line is it alone.
fn line_of(origin: &Origin, text: &str, before: usize) -> Origin {
    let mut start = 0;
    let starts = origin.text().split_inclusive('\n').map(|line| {
        let at = start;
        start += line.len();
        (at, line)
    });
    let alike = starts.filter(|(_, line)| line.trim() == text);
    let mut from = alike.map(|(at, _)| at).nth(before).unwrap_or_default();
    within(origin, text, &mut from)
}

/// A name for a text that may have a secret in it: the beginning of its digest.
pub(in crate::check) fn digest(text: &str) -> String {
    Digest::of(text.as_bytes()).to_string()[..15].to_owned()
}

/// A scalar of YAML in a text.
pub(super) struct Scalar {
    keys: Vec<String>,
    pub(super) value: String,
    pub(super) origin: Origin,
}

impl Scalar {
    /// Whether it is the value of one of `keys`, or in a list that is.
    pub(super) fn is_under(&self, keys: &[&str]) -> bool {
        let last = self.keys.last();
        last.is_some_and(|last| keys.contains(&last.as_str()))
    }

    /// Reports `rule` of the scalar, which is in the text at `cursor`.
    pub(super) fn report(
        &self,
        is_it: bool,
        rule: &'static Rule,
        cursor: &Cursor<'_>,
        report: &mut Report,
        message: &str,
    ) {
        let place = || cursor.part(&format!("{}={}", self.keys.join("."), digest(&self.value)));
        if is_it {
            report.when_at(Truth::Yes, rule, &place(), &self.origin, || {
                (message.to_owned(), Vec::new())
            });
        }
    }
}

/// The scalars of the YAML that is at `cursor`. What is no YAML has those before the mistake.
pub(super) fn scalars(cursor: &Cursor<'_>) -> Vec<Scalar> {
    let Some(text) = cursor.fact.clone().ok().and_then(Attr::as_str) else {
        return Vec::new();
    };
    let stream = yaml::read(text, Dialect::MERGING, &LIMITS);
    let mut scalars = Vec::new();
    let mut from = 0;
    for document in &stream.documents {
        collect(&document.root, &mut Vec::new(), &mut |keys, value| {
            scalars.push(Scalar {
                keys: keys.to_vec(),
                origin: within(cursor.origin(), &value, &mut from),
                value,
            });
        });
    }
    scalars
}

/// The nesting of documents is bounded, and so is this.
fn collect(node: &Node, keys: &mut Vec<String>, found: &mut dyn FnMut(&[String], String)) {
    match &node.value {
        Written::String(text) => found(keys, (**text).to_owned()),
        Written::Bool(value) => found(keys, value.to_string()),
        Written::Integer(value) => found(keys, value.to_string()),
        Written::Float(value) => found(keys, value.to_string()),
        Written::List(items) => items.iter().for_each(|item| collect(item, keys, found)),
        Written::Map(map) => {
            for entry in map.entries() {
                keys.push((*entry.key).to_owned());
                collect(&entry.value, keys, found);
                keys.pop();
            }
        }
        Written::Null | Written::Tagged(_) => {}
    }
}

/// The place of `text` in what stands at `origin`, not before `from`; the whole where it was written
/// in another way (quotes, escapes).
pub(in crate::check) fn within(origin: &Origin, text: &str, from: &mut usize) -> Origin {
    let written = origin.text();
    let found = written.get(*from..).and_then(|rest| rest.find(text));
    let Some(found) = found.filter(|_| !text.is_empty()) else {
        return origin.clone();
    };
    let start = *from + found;
    *from = start + text.len();
    let at = origin.span.start as usize + start;
    Origin {
        span: Span::new(at, at + text.len()),
        ..origin.clone()
    }
}

/// Whether a text is the name of a commit.
pub(super) fn is_commit(text: &str) -> bool {
    text.len() == 40 && text.chars().all(|c| c.is_ascii_hexdigit())
}

/// Whether an address has the name of a commit in it.
pub(super) fn has_commit(address: &str) -> bool {
    address
        .split(|c: char| !c.is_ascii_alphanumeric())
        .any(is_commit)
}

const LIMITS: Limits = Limits {
    bytes: 1 << 20,
    nodes: 100_000,
    depth: 60,
};
