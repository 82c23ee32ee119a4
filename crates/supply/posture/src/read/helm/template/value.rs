//! Values as a template has them: the kinds of Go, and where each came from.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use super::Text;
use crate::Origin;

/// A value, and where it was written.
#[derive(Clone, Debug)]
pub(crate) struct Value {
    pub(crate) data: Data,
    pub(crate) origin: Option<Rc<Origin>>,
    /// What it is taken to be is only so in the one cluster and release that a chart is rendered for
    /// here, and what that is.
    pub(crate) assumed: Option<&'static str>,
}

/// What a value is.
#[derive(Clone, Debug)]
pub(crate) enum Data {
    Nil,
    Bool(bool),
    /// A constant of a template, `len`, `int`: Go's `int`.
    Int(i64),
    /// Sums and the like: Go's `int64`.
    Int64(i64),
    /// Every number of a values file.
    Float(f64),
    Text(Rc<Text>),
    List(Rc<List>),
    Map(Rc<Map>),
    /// Something with methods of its own.
    Object(Rc<Object>),
    /// Nobody can say before the chart is installed, and why.
    Unknown(Rc<str>),
}

/// Values in order. They never change, and are not deeper in each other than the engine allows.
#[derive(Debug)]
pub(crate) struct List {
    pub(crate) items: Vec<Value>,
    pub(crate) depth: usize,
    /// How Go calls it: `[]string` where it is not `[]interface {}`.
    pub(crate) is_strings: bool,
}

/// Values under keys. They can be changed through every name that a template has for the map.
#[derive(Debug, Default)]
pub(crate) struct Map {
    entries: RefCell<BTreeMap<Rc<str>, Value>>,
}

/// What Helm gives templates beside values.
#[derive(Debug)]
pub(crate) enum Object {
    /// `.Files`: those of the chart, or those that a pattern leaves.
    Files(BTreeMap<Rc<str>, Rc<Text>>),
    /// `.Capabilities.APIVersions`.
    ApiVersions,
    /// `.Capabilities.KubeVersion`.
    KubeVersion,
    /// What `semver` gives.
    Version(super::super::functions::Version),
}

impl Value {
    pub(crate) fn new(data: Data) -> Self {
        Self { data, ..Self::NIL }
    }

    pub(crate) const NIL: Self = Self {
        data: Data::Nil,
        origin: None,
        assumed: None,
    };

    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::new(Data::Text(Rc::new(Text::plain(text))))
    }

    pub(crate) fn unknown(why: impl Into<Rc<str>>) -> Self {
        Self::new(Data::Unknown(why.into()))
    }

    #[must_use]
    pub(crate) fn from(mut self, origin: Option<&Rc<Origin>>) -> Self {
        if self.origin.is_none() {
            self.origin = origin.cloned();
        }
        self
    }

    /// It, where another cluster or release has another.
    #[must_use]
    pub(crate) fn assumed(mut self, what: &'static str) -> Self {
        self.assumed = Some(what);
        self
    }

    /// Where it came from: of a text that was put together, its first part that came from a value.
    pub(crate) fn source(&self) -> Option<Rc<Origin>> {
        match (&self.origin, &self.data) {
            (Some(origin), _) => Some(origin.clone()),
            (None, Data::Text(text)) => text.value(),
            _ => None,
        }
    }

    /// Whether Go's templates take it for yes.
    pub(crate) fn is_true(&self) -> bool {
        match &self.data {
            Data::Nil => false,
            Data::Bool(value) => *value,
            Data::Int(value) | Data::Int64(value) => *value != 0,
            Data::Float(value) => *value != 0.0,
            Data::Text(text) => text.len() > 0,
            Data::List(list) => !list.items.is_empty(),
            Data::Map(map) => map.len() > 0,
            Data::Object(object) => match &**object {
                Object::Files(files) => !files.is_empty(),
                _ => true,
            },
            Data::Unknown(_) => true,
        }
    }

    /// Why it is not known, where it is not: it, or a part of its text.
    pub(crate) fn doubt(&self) -> Option<Rc<str>> {
        match &self.data {
            Data::Unknown(why) => Some(why.clone()),
            Data::Text(text) if text.as_str().contains(UNKNOWN_START) => {
                Some("a part of it is not known".into())
            }
            _ => None,
        }
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        match &self.data {
            Data::Text(text) => Some(text.as_str()),
            _ => None,
        }
    }

    pub(crate) fn as_map(&self) -> Option<&Rc<Map>> {
        match &self.data {
            Data::Map(map) => Some(map),
            _ => None,
        }
    }

    pub(crate) fn as_list(&self) -> Option<&[Self]> {
        match &self.data {
            Data::List(list) => Some(&list.items),
            _ => None,
        }
    }

    /// What Go calls the kind of it.
    pub(crate) fn kind(&self) -> &'static str {
        match &self.data {
            Data::Nil => "invalid",
            Data::Bool(_) => "bool",
            Data::Int(_) => "int",
            Data::Int64(_) => "int64",
            Data::Float(_) => "float64",
            Data::Text(_) => "string",
            Data::List(_) => "slice",
            Data::Map(_) => "map",
            Data::Object(object) => match **object {
                Object::Files(_) => "map",
                Object::ApiVersions => "slice",
                Object::KubeVersion => "struct",
                Object::Version(_) => "ptr",
            },
            Data::Unknown(_) => "unknown",
        }
    }

    /// What Go calls the type of it.
    pub(crate) fn type_name(&self) -> &'static str {
        match &self.data {
            Data::Nil => "<nil>",
            Data::List(list) if list.is_strings => "[]string",
            Data::List(_) => "[]interface {}",
            Data::Map(_) => "map[string]interface {}",
            Data::Object(object) => match **object {
                Object::Files(_) => "engine.files",
                Object::ApiVersions => "common.VersionSet",
                Object::KubeVersion => "common.KubeVersion",
                Object::Version(_) => "*semver.Version",
            },
            _ => self.kind(),
        }
    }
}

impl Map {
    pub(crate) fn len(&self) -> usize {
        self.entries.borrow().len()
    }

    pub(crate) fn get(&self, key: &str) -> Option<Value> {
        self.entries.borrow().get(key).cloned()
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.entries.borrow().contains_key(key)
    }

    pub(crate) fn set(&self, key: impl Into<Rc<str>>, value: Value) {
        self.entries.borrow_mut().insert(key.into(), value);
    }

    pub(crate) fn remove(&self, key: &str) {
        self.entries.borrow_mut().remove(key);
    }

    /// The entries as they are now, in the order of their keys.
    pub(crate) fn entries(&self) -> Vec<(Rc<str>, Value)> {
        let entries = self.entries.borrow();
        let pairs = entries.iter();
        pairs
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    }

    /// Empties it.
    pub(crate) fn clear(&self) {
        drop(self.entries.take());
    }
}

/// Before and behind the number of what is not known, in text. Two of Unicode's private characters:
/// YAML takes them anywhere, and no manifest has them.
pub(crate) const UNKNOWN_START: char = '\u{f8f0}';
pub(crate) const UNKNOWN_END: char = '\u{f8f1}';
