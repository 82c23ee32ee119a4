//! Values with their places.

use std::{fmt, ops::Range, sync::Arc};

use serde_json::Number;

/// Bytes of a text, counted from its beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The first byte.
    pub start: u32,
    /// The byte after the last.
    pub end: u32,
}

impl Span {
    /// The bytes from `start` to before `end`. Texts are shorter than 4 GiB; what is not is cut.
    pub fn new(start: usize, end: usize) -> Self {
        let cut = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
        Self {
            start: cut(start),
            end: cut(end.max(start)),
        }
    }

    /// As a range of bytes.
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// From the beginning of this to the end of `other`.
    #[must_use]
    pub fn to(self, other: Self) -> Self {
        Self {
            start: self.start,
            end: other.end.max(self.start),
        }
    }

    /// What stands there; empty where the span is not of this text.
    pub fn of(self, text: &str) -> &str {
        text.get(self.range()).unwrap_or_default()
    }
}

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Where it was written. Of an alias: where it is used, and below it where it was defined. Of a
    /// block scalar: its lines, without the `|` or `>` before them.
    pub span: Span,
}

/// A value as JSON has it, and tags.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing.
    Null,
    /// Yes or no.
    Bool(bool),
    /// A whole number that 64 bits hold.
    Integer(i64),
    /// Any other number, infinities and "not a number" included.
    Float(f64),
    /// Text.
    String(Arc<str>),
    /// Values in order.
    List(Arc<[Node]>),
    /// Values under keys.
    Map(Arc<Map>),
    /// A value under a tag that is none of YAML's own: `!Ref`, `!reference`. The tag begins with `!`.
    Tagged(Arc<(Box<str>, Node)>),
}

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// See [`Value::Null`].
    Null,
    /// See [`Value::Bool`].
    Bool,
    /// See [`Value::Integer`] and [`Value::Float`].
    Number,
    /// See [`Value::String`].
    String,
    /// See [`Value::List`].
    List,
    /// See [`Value::Map`].
    Map,
    /// See [`Value::Tagged`].
    Tagged,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "null",
            Self::Bool => "a boolean",
            Self::Number => "a number",
            Self::String => "a string",
            Self::List => "a list",
            Self::Map => "a map",
            Self::Tagged => "a tagged value",
        })
    }
}

/// Values under keys, in the order in which they were written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Map {
    entries: Vec<Entry>,
}

/// A value under its key.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key, as it was written: `1`, `on` and `null` stay that.
    pub key: Arc<str>,
    /// Where the key stands.
    pub key_span: Span,
    /// The value.
    pub value: Node,
}

impl Map {
    /// The values under their keys. Of several under one key the last one counts.
    pub fn new(entries: Vec<Entry>) -> Self {
        Self { entries }
    }

    /// The value under `key`; of several, the last.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The last entry of `key`.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().rev().find(|entry| &*entry.key == key)
    }

    /// Every entry, in the order of the text, repeated keys included.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }
}

impl Node {
    /// A value at `span`.
    pub fn new(value: Value, span: Span) -> Self {
        Self { value, span }
    }

    /// What the value is.
    pub fn kind(&self) -> Kind {
        match self.value {
            Value::Null => Kind::Null,
            Value::Bool(_) => Kind::Bool,
            Value::Integer(_) | Value::Float(_) => Kind::Number,
            Value::String(_) => Kind::String,
            Value::List(_) => Kind::List,
            Value::Map(_) => Kind::Map,
            Value::Tagged(_) => Kind::Tagged,
        }
    }

    /// The member of a map under `key`.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.as_map()?.get(key)
    }

    /// The member of a member: `metadata`, `name`.
    pub fn at<const N: usize>(&self, path: [&str; N]) -> Option<&Self> {
        path.into_iter().try_fold(self, Self::get)
    }

    /// The items of a list; none where it is something else.
    pub fn items(&self) -> &[Self] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    /// The entries of a map; none where it is something else.
    pub fn entries(&self) -> &[Entry] {
        self.as_map().map_or(&[], Map::entries)
    }

    /// The map.
    pub fn as_map(&self) -> Option<&Map> {
        match &self.value {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The text.
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// Yes or no.
    pub fn as_bool(&self) -> Option<bool> {
        match self.value {
            Value::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// The whole number.
    pub fn as_integer(&self) -> Option<i64> {
        match self.value {
            Value::Integer(value) => Some(value),
            _ => None,
        }
    }

    /// Whether it is nothing.
    pub fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    /// The value as JSON: the last of several values under one key, tags left out, and numbers that
    /// JSON has no word for as text (`.inf`, `-.inf`, `.nan`).
    pub fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(value) => (*value).into(),
            Value::Integer(value) => (*value).into(),
            Value::Float(value) => Number::from_f64(*value).map_or_else(
                || serde_json::Value::from(infinite(*value)),
                serde_json::Value::Number,
            ),
            Value::String(text) => serde_json::Value::String((**text).to_owned()),
            Value::List(items) => items.iter().map(Self::to_json).collect(),
            Value::Map(map) => {
                let entry = |entry: &Entry| ((*entry.key).to_owned(), entry.value.to_json());
                serde_json::Value::Object(map.entries.iter().map(entry).collect())
            }
            Value::Tagged(tagged) => tagged.1.to_json(),
        }
    }
}

fn infinite(value: f64) -> &'static str {
    match (value.is_nan(), value > 0.0) {
        (true, _) => ".nan",
        (false, true) => ".inf",
        (false, false) => "-.inf",
    }
}
