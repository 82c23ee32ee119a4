//! Label selectors.

use std::sync::Arc;

use casemate_posture::{Cursor, Fact, Resource, Truth, Value};

use crate::{Gap, Labels, cluster::namespace_of, listed::listed};

/// A selector of labels, as `metav1.LabelSelector`: all of its requirements hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Selector(pub(crate) Vec<Requirement>);

/// What a selector asks for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Requirement {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    Absent(String),
    /// A value that is like a text.
    Like(String, Like, String),
    /// None that is.
    Unlike(String, Like, String),
    /// One that is not known, and why; of a label, if it is known of which.
    Unknown(Option<String>, Arc<str>),
}

/// In which way a value is like a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Like {
    Begins,
    Ends,
    Contains,
}

impl Like {
    pub(crate) fn fits(self, value: &str, text: &str) -> bool {
        match self {
            Self::Begins => value.starts_with(text),
            Self::Ends => value.ends_with(text),
            Self::Contains => value.contains(text),
        }
    }
}

impl Namespaces {
    /// The one of an object.
    pub(crate) fn of(object: &Resource, gaps: &mut Vec<Gap>) -> Self {
        match namespace_of(object, gaps) {
            Fact::Known(name) => Self::One(name.into()),
            Fact::Absent => Self::One("default".into()),
            Fact::Unknown(why) => Self::Unknown(why),
        }
    }
}

impl Selector {
    /// The selector at a place; nothing there, or `{}`, selects all. What of it is not known is added to
    /// `gaps`.
    pub(crate) fn read(cursor: &Cursor<'_>, gaps: &mut Vec<Gap>) -> Self {
        let mut all = Vec::new();
        let labels = cursor.get("matchLabels");
        // What is unknown of the whole is unknown of its labels.
        if let Some((at, why)) = hole(cursor).or_else(|| hole(&labels)) {
            all.push(Requirement::unknown(&at, None, &why, gaps));
        }
        for (key, value) in labels.entries() {
            all.push(Requirement::is(key, &value, gaps));
        }
        let expressions = match all.iter().any(|it| matches!(it, Requirement::Unknown(..))) {
            // Of a selector that is not known, they are not either, which was told.
            true if !cursor.get("").is_absent().is_yes() => Vec::new(),
            _ => listed(&cursor.get("matchExpressions")),
        };
        all.extend(expressions.iter().map(|it| Requirement::read(it, gaps)));
        Self(all)
    }

    /// One of labels alone, as Services have.
    pub(crate) fn of_labels(cursor: &Cursor<'_>, gaps: &mut Vec<Gap>) -> Self {
        let entries = cursor.entries().into_iter();
        let mut all: Vec<_> = entries
            .map(|(key, value)| Requirement::is(key, &value, gaps))
            .collect();
        if let Some((at, why)) = hole(cursor) {
            all.push(Requirement::unknown(&at, None, &why, gaps));
        }
        Self(all)
    }

    /// One of one label.
    pub(crate) fn of_label(key: &str, value: &str) -> Self {
        Self(vec![Requirement::In(
            key.to_owned(),
            vec![value.to_owned()],
        )])
    }

    /// Whether it asks for nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it holds for the labels.
    pub(crate) fn matches(&self, labels: &Labels) -> Truth {
        Truth::all(self.0.iter().map(|it| it.holds(labels)))
    }

    /// The labels that it asks for.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(Requirement::key)
    }
}

/// Where keys and values are expected: why there may be other ones than those that are there.
fn hole<'a>(cursor: &Cursor<'a>) -> Option<(Cursor<'a>, String)> {
    match (&cursor.fact, cursor.get("").fact) {
        // A key that nobody writes is unknown where a template may have written others.
        (_, Fact::Unknown(why)) => {
            Some((cursor.clone(), format!("a selector is not known: {why}")))
        }
        (Fact::Known(attr), _) if !matches!(attr.value, Value::Map(_)) => Some((
            cursor.clone(),
            "a selector has no keys and values".to_owned(),
        )),
        _ => None,
    }
}

impl Requirement {
    /// The label that it asks for.
    pub(crate) fn key(&self) -> Option<&str> {
        match self {
            Self::In(key, _)
            | Self::NotIn(key, _)
            | Self::Exists(key)
            | Self::Absent(key)
            | Self::Like(key, ..)
            | Self::Unlike(key, ..) => Some(key),
            Self::Unknown(key, _) => key.as_deref(),
        }
    }

    /// The same of another label.
    #[must_use]
    pub(crate) fn of(self, key: &str) -> Self {
        let key = key.to_owned();
        match self {
            Self::In(_, values) => Self::In(key, values),
            Self::NotIn(_, values) => Self::NotIn(key, values),
            Self::Exists(_) => Self::Exists(key),
            Self::Absent(_) => Self::Absent(key),
            Self::Like(_, like, text) => Self::Like(key, like, text),
            Self::Unlike(_, like, text) => Self::Unlike(key, like, text),
            Self::Unknown(known, why) => Self::Unknown(known.map(|_| key), why),
        }
    }

    /// What holds where it does not.
    #[must_use]
    pub(crate) fn negated(self) -> Self {
        match self {
            Self::In(key, values) => Self::NotIn(key, values),
            Self::NotIn(key, values) => Self::In(key, values),
            Self::Exists(key) => Self::Absent(key),
            Self::Absent(key) => Self::Exists(key),
            Self::Like(key, like, text) => Self::Unlike(key, like, text),
            Self::Unlike(key, like, text) => Self::Like(key, like, text),
            unknown @ Self::Unknown(..) => unknown,
        }
    }

    fn is(key: &str, value: &Cursor<'_>, gaps: &mut Vec<Gap>) -> Self {
        match value.text() {
            Fact::Known(text) => Self::In(key.to_owned(), vec![text]),
            Fact::Absent => Self::In(key.to_owned(), vec![String::new()]),
            Fact::Unknown(why) => {
                let why = format!("a selector is not known: {why}");
                Self::unknown(value, Some(key.to_owned()), &why, gaps)
            }
        }
    }

    fn read(cursor: &Cursor<'_>, gaps: &mut Vec<Gap>) -> Self {
        let key = cursor.get("key").text().ok();
        let mut wrong = |message: &str| Self::unknown(cursor, key.clone(), message, gaps);
        let values = listed(&cursor.get("values"));
        let values: Option<Vec<_>> = values.iter().map(|it| it.text().ok()).collect();
        let Some(values) = values else {
            return wrong("a value of a requirement is not known");
        };
        let operator = cursor.get("operator").text().ok();
        let (Some(key), Some(operator)) = (key.clone(), operator) else {
            return wrong("a requirement whose key or operator is not known");
        };
        match (&*operator, values.is_empty()) {
            ("In", false) => Self::In(key, values),
            ("NotIn", false) => Self::NotIn(key, values),
            ("In" | "NotIn", true) => wrong("a requirement that names no values"),
            ("Exists", true) => Self::Exists(key),
            ("DoesNotExist", true) => Self::Absent(key),
            ("Exists" | "DoesNotExist", false) => wrong("a requirement that may name no values"),
            _ => wrong("an operator that selectors do not have"),
        }
    }

    fn unknown(
        cursor: &Cursor<'_>,
        key: Option<String>,
        message: &str,
        gaps: &mut Vec<Gap>,
    ) -> Self {
        Self::Unknown(key, Gap::tell(cursor, message, gaps))
    }

    /// Whether who has no labels at all may be what it asks for.
    pub(crate) fn may_be_of_nothing(&self) -> bool {
        matches!(
            self,
            Self::NotIn(..) | Self::Absent(_) | Self::Unlike(..) | Self::Unknown(..)
        )
    }

    pub(crate) fn holds(&self, labels: &Labels) -> Truth {
        match self {
            Self::In(key, values) => labels
                .get(key)
                .is(|it| values.iter().any(|value| value == it)),
            Self::NotIn(key, values) => !labels
                .get(key)
                .is(|it| values.iter().any(|value| value == it)),
            Self::Exists(key) => labels.has(key),
            Self::Absent(key) => !labels.has(key),
            Self::Like(key, like, text) => labels.get(key).is(|it| like.fits(it, text)),
            Self::Unlike(key, like, text) => !labels.get(key).is(|it| like.fits(it, text)),
            Self::Unknown(_, why) => Truth::Unknown(why.clone()),
        }
    }
}

/// Of which namespaces pods are selected.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Namespaces {
    /// Of the one.
    One(Arc<str>),
    /// Of all with such labels.
    Selected(Selector),
    /// Of one that is not known, and why.
    Unknown(Arc<str>),
    /// Of none: those on the network of nodes, some of which are meant, and why nobody knows which.
    Nodes(Arc<str>),
    /// Of none: what serves the Ingresses, if the network plugin does; whether that is so is not known, and why.
    Proxy(Arc<str>),
}
