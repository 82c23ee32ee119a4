//! Texts that objects have inside of them: scripts, settings, YAML in YAML.

use std::{cell::RefCell, collections::HashMap, rc::Rc, str::Lines};

use casemate_core::{Digest, Rule};
use casemate_document::{
    Limits, Node, Span, Value as Written,
    yaml::{self, Dialect},
};

use crate::{Attr, Cursor, Fact, Origin, Truth, Value, check::Report};

/// A line of a text.
pub(super) struct Line<'c, 'a> {
    /// It.
    pub(super) text: &'a str,
    number: usize,
    cursor: &'c Cursor<'a>,
    places: Rc<RefCell<Places<'a>>>,
}

/// The lines of what is at `cursor`.
pub(super) fn lines<'c, 'a>(cursor: &'c Cursor<'a>) -> impl Iterator<Item = Line<'c, 'a>> {
    let whole = cursor.fact.clone().ok().and_then(Attr::as_str);
    let lines = whole.unwrap_or_default().lines();
    let places = Rc::new(RefCell::new(Places {
        rest: lines.clone(),
        finder: Finder::new(cursor.origin()),
        seen: HashMap::new(),
        found: Vec::new(),
    }));
    lines.enumerate().map(move |(number, text)| Line {
        text,
        number,
        cursor,
        places: places.clone(),
    })
}

/// Where lines stand, looked up as far as one is reported: of most texts none is.
struct Places<'a> {
    rest: Lines<'a>,
    finder: Finder<'a>,
    /// The same line again is another place; a line that moves is not.
    seen: HashMap<&'a str, usize>,
    /// Of each line its place, and how many are the same before it.
    found: Vec<(Origin, usize)>,
}

impl Places<'_> {
    fn find(&mut self, number: usize) -> Option<(Origin, usize)> {
        while self.found.len() <= number {
            let text = self.rest.next()?.trim();
            let count = self.seen.entry(text).or_default();
            self.found.push((self.finder.find(text), *count));
            *count += 1;
        }
        self.found.get(number).cloned()
    }
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
        let place = self.places.borrow_mut().find(self.number);
        let (origin, before) = place.unwrap_or_else(|| (self.cursor.origin().clone(), 0));
        let name = format!("{}:{before}", digest(self.text.trim()));
        let place = self.cursor.part(&name);
        report.when_at(Truth::Yes, rule, &place, &origin, || {
            (message.to_owned(), Vec::new())
        });
    }
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
    /// Whether the keys above it end with `keys`.
    pub(super) fn ends(&self, keys: &[&str]) -> bool {
        let keys = keys.iter().rev();
        let own = self.keys.iter().rev().map(String::as_str);
        keys.clone().count() <= self.keys.len() && own.zip(keys).all(|(own, key)| own == *key)
    }

    /// Whether one of the keys above it is `key`.
    pub(super) fn has(&self, key: &str) -> bool {
        self.keys.iter().any(|own| own == key)
    }

    /// The key above its own.
    pub(super) fn parent(&self) -> Option<&str> {
        self.keys.iter().nth_back(1).map(String::as_str)
    }

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

/// The scalars of the YAML that is at `cursor`, as a text or as it was read. What is no YAML has those
/// before the mistake.
pub(super) fn scalars(cursor: &Cursor<'_>) -> Vec<Scalar> {
    let Some(text) = cursor.fact.clone().ok().and_then(Attr::as_str) else {
        let mut scalars = Vec::new();
        if let Fact::Known(attr) = cursor.fact {
            read(attr, &mut Vec::new(), &mut scalars);
        }
        return scalars;
    };
    let stream = yaml::read(text, Dialect::MERGING, &LIMITS);
    let mut scalars = Vec::new();
    let mut finder = Finder::new(cursor.origin());
    for document in &stream.documents {
        collect(&document.root, &mut Vec::new(), &mut |keys, value| {
            scalars.push(Scalar {
                keys: keys.to_vec(),
                origin: finder.find(&value),
                value,
            });
        });
    }
    scalars
}

/// The nesting of attributes is bounded by those who read them.
fn read(attr: &Attr, keys: &mut Vec<String>, scalars: &mut Vec<Scalar>) {
    match &attr.value {
        Value::List(items) => items.iter().for_each(|item| read(item, keys, scalars)),
        Value::Map(map) => {
            for item in map.items() {
                keys.push((*item.key).to_owned());
                read(&item.value, keys, scalars);
                keys.pop();
            }
        }
        _ => scalars.extend(attr.text().ok().map(|value| Scalar {
            keys: keys.clone(),
            value,
            origin: attr.origin.clone(),
        })),
    }
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

/// Finds parts of a text in what was written, one after the other.
pub(in crate::check) struct Finder<'a> {
    whole: &'a Origin,
    from: usize,
    lost: usize,
}

impl<'a> Finder<'a> {
    /// For what stands at `whole`.
    pub(in crate::check) fn new(whole: &'a Origin) -> Self {
        Self {
            whole,
            from: 0,
            lost: 0,
        }
    }

    /// The place of `text`, behind what was found before; the whole where it was written in another
    /// way (quotes, escapes). Texts are long and hostile: it looks ahead a little, and gives up.
    pub(in crate::check) fn find(&mut self, text: &str) -> Origin {
        if text.is_empty() || self.lost > MAX_LOST {
            return self.whole.clone();
        }
        let written = self.whole.text().get(self.from..).unwrap_or_default();
        let ahead = written.len().min(AHEAD + text.len());
        let ahead = written.floor_char_boundary(ahead);
        let Some(found) = written[..ahead].find(text) else {
            self.lost += 1;
            return self.whole.clone();
        };
        let start = self.from + found;
        self.from = start + text.len();
        let at = self.whole.span.start as usize + start;
        Origin {
            span: Span::new(at, at + text.len()),
            ..self.whole.clone()
        }
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

/// Longer comments between two words are rare.
const AHEAD: usize = 4096;

const MAX_LOST: usize = 64;

const LIMITS: Limits = Limits {
    bytes: 1 << 20,
    nodes: 100_000,
    depth: 60,
};
