//! Values while they are computed with.

use std::{collections::BTreeMap, sync::Arc};

use super::said::{hole, said};
use crate::{Attr, Item, Map, Origin, Value};

/// A value, its place, and whether it must not be shown.
#[derive(Clone, Debug)]
pub(crate) struct Val {
    pub(crate) kind: Kind,
    pub(crate) origin: Origin,
    pub(crate) is_sensitive: bool,
    /// How deep what it holds is nested.
    depth: u16,
    /// How much it holds.
    weight: u32,
}

/// Lists and tuples are one here, and so are maps and objects.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Null,
    Bool(bool),
    Number(f64),
    Text(Arc<str>),
    /// The text that JSON has for a value: policies are asked for what they say, also where a part of
    /// it is not known.
    Json(Arc<Val>),
    List(Arc<[Val]>),
    /// In order, each once.
    Set(Arc<[Val]>),
    Map(Arc<Fields>),
    Unknown(Arc<Unknown>),
}

/// Values under keys, in the order of the keys: so Terraform walks them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fields {
    pub(crate) items: BTreeMap<Arc<str>, Field>,
    /// Why there are more that are not here.
    pub(crate) open: Option<Arc<str>>,
}

#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) place: Origin,
    pub(crate) value: Val,
}

#[derive(Clone, Debug)]
pub(crate) struct Unknown {
    /// A clause.
    pub(crate) why: Arc<str>,
    /// A text with what is known of it, and a [`hole`] for what is not.
    pub(crate) partial: Option<Arc<str>>,
    /// Whether Terraform refuses it.
    pub(crate) is_error: bool,
}

impl Val {
    pub(crate) fn new(kind: Kind, origin: Origin) -> Self {
        let (depth, weight) = match &kind {
            Kind::List(items) | Kind::Set(items) => measure(items.iter()),
            Kind::Map(fields) => measure(fields.items.values().map(|field| &field.value)),
            Kind::Json(value) => measure(std::iter::once(&**value)),
            _ => return Self::flat(kind, origin),
        };
        if depth > MAX_DEPTH {
            return Self::unknown("it is nested too deeply", origin);
        }
        // Lists in lists that are the same one grow beyond what can be walked.
        if weight > MAX_WEIGHT {
            return Self::unknown("it is larger than is looked at", origin);
        }
        Self {
            depth,
            weight,
            ..Self::flat(kind, origin)
        }
    }

    fn flat(kind: Kind, origin: Origin) -> Self {
        let weight = match &kind {
            Kind::Text(text) => 1 + u32::try_from(text.len() / 64).unwrap_or(u32::MAX),
            _ => 1,
        };
        Self {
            kind,
            origin,
            is_sensitive: false,
            depth: 0,
            weight,
        }
    }

    /// What it takes to walk all of it.
    pub(crate) fn weight(&self) -> u32 {
        self.weight
    }

    pub(crate) fn text(text: impl Into<Arc<str>>, origin: Origin) -> Self {
        Self::flat(Kind::Text(text.into()), origin)
    }

    pub(crate) fn number(number: f64, origin: Origin) -> Self {
        if !number.is_finite() || number.abs() > MAX_EXACT {
            return Self::unknown(
                "it is a number with more digits than are computed with",
                origin,
            );
        }
        Self::flat(Kind::Number(number), origin)
    }

    pub(crate) fn bool(value: bool, origin: Origin) -> Self {
        Self::flat(Kind::Bool(value), origin)
    }

    pub(crate) fn null(origin: Origin) -> Self {
        Self::flat(Kind::Null, origin)
    }

    pub(crate) fn list(items: Vec<Self>, origin: Origin) -> Self {
        Self::new(Kind::List(items.into()), origin)
    }

    /// The items in order, each once; not known where one is not known.
    pub(crate) fn set(items: Vec<Self>, origin: Origin) -> Self {
        if let Some(unknown) = items.iter().find_map(Self::as_unknown) {
            return Self::flat(Kind::Unknown(unknown.clone()), origin);
        }
        let mut keyed: Vec<(String, Self)> = items
            .into_iter()
            .map(|item| (item.sort_key(), item))
            .collect();
        keyed.sort_by(|(a, _), (b, _)| a.cmp(b));
        keyed.dedup_by(|(a, _), (b, _)| a == b);
        let items: Vec<Self> = keyed.into_iter().map(|(_, item)| item).collect();
        Self::new(Kind::Set(items.into()), origin)
    }

    pub(crate) fn map(fields: Fields, origin: Origin) -> Self {
        Self::new(Kind::Map(Arc::new(fields)), origin)
    }

    pub(crate) fn unknown(why: impl Into<Arc<str>>, origin: Origin) -> Self {
        let unknown = Unknown {
            why: why.into(),
            partial: None,
            is_error: false,
        };
        Self::flat(Kind::Unknown(Arc::new(unknown)), origin)
    }

    /// What Terraform refuses.
    pub(crate) fn error(why: impl Into<Arc<str>>, origin: Origin) -> Self {
        let unknown = Unknown {
            why: why.into(),
            partial: None,
            is_error: true,
        };
        Self::flat(Kind::Unknown(Arc::new(unknown)), origin)
    }

    /// A text of which only a part is known.
    pub(crate) fn partial(text: &str, why: Arc<str>, origin: Origin) -> Self {
        let unknown = Unknown {
            why,
            partial: Some(text.into()),
            is_error: false,
        };
        Self::flat(Kind::Unknown(Arc::new(unknown)), origin)
    }

    /// The same value in another place.
    pub(crate) fn at(self, origin: Origin) -> Self {
        Self { origin, ..self }
    }

    /// Must not be shown if `is_sensitive`, or if it must not be already.
    pub(crate) fn mark(self, is_sensitive: bool) -> Self {
        Self {
            is_sensitive: self.is_sensitive || is_sensitive,
            ..self
        }
    }

    /// May be shown.
    pub(crate) fn bare(self) -> Self {
        Self {
            is_sensitive: false,
            ..self
        }
    }

    pub(crate) fn as_unknown(&self) -> Option<&Arc<Unknown>> {
        match &self.kind {
            Kind::Unknown(unknown) => Some(unknown),
            _ => None,
        }
    }

    pub(crate) fn is_error(&self) -> bool {
        self.as_unknown().is_some_and(|unknown| unknown.is_error)
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self.kind, Kind::Null)
    }

    /// Items of a list or a set.
    pub(crate) fn as_items(&self) -> Option<&Arc<[Self]>> {
        match &self.kind {
            Kind::List(items) | Kind::Set(items) => Some(items),
            _ => None,
        }
    }

    pub(crate) fn as_fields(&self) -> Option<&Arc<Fields>> {
        match &self.kind {
            Kind::Map(fields) => Some(fields),
            _ => None,
        }
    }

    /// The text that Terraform makes of it, where it makes one.
    pub(crate) fn as_text(&self) -> Option<Arc<str>> {
        match &self.kind {
            Kind::Text(text) => Some(text.clone()),
            Kind::Number(number) => number_text(*number).map(Into::into),
            Kind::Bool(value) => Some(if *value { "true" } else { "false" }.into()),
            Kind::Json(value) => {
                let mut text = String::new();
                let is_whole = super::json::encode(value, &mut text);
                is_whole.then(|| text.into())
            }
            _ => None,
        }
    }

    /// The text, with a [`hole`] for each part that is not known, and why there is one.
    pub(crate) fn as_partial(&self) -> Option<(Arc<str>, Option<Arc<str>>)> {
        if let Some(text) = self.as_text() {
            return Some((text, None));
        }
        match &self.kind {
            Kind::Unknown(unknown) if unknown.is_error => None,
            Kind::Unknown(unknown) => {
                let partial = unknown.partial.clone();
                let text = partial.unwrap_or_else(|| hole(&unknown.why).into());
                Some((text, Some(unknown.why.clone())))
            }
            Kind::Json(value) => {
                let mut text = String::new();
                super::json::encode(value, &mut text);
                let why = value
                    .reason()
                    .unwrap_or_else(|| "a part of it is not known".into());
                Some((text.into(), Some(why)))
            }
            _ => None,
        }
    }

    pub(crate) fn as_number(&self) -> Option<f64> {
        match &self.kind {
            Kind::Number(number) => Some(*number),
            Kind::Text(text) => {
                let is_number = text.bytes().any(|byte| byte.is_ascii_digit())
                    && text
                        .bytes()
                        .all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
                let number = text.parse().ok().filter(|number: &f64| number.is_finite());
                number.filter(|number| is_number && number.abs() <= MAX_EXACT)
            }
            _ => None,
        }
    }

    pub(crate) fn as_bool(&self) -> Option<bool> {
        match &self.kind {
            Kind::Bool(value) => Some(*value),
            Kind::Text(text) => match &**text {
                "true" => Some(true),
                "false" => Some(false),
                _ => None,
            },
            _ => None,
        }
    }

    /// The first reason for which it, or something in it, is not known.
    pub(crate) fn reason(&self) -> Option<Arc<str>> {
        match &self.kind {
            Kind::Unknown(unknown) => Some(unknown.why.clone()),
            Kind::List(items) | Kind::Set(items) => items.iter().find_map(Self::reason),
            Kind::Map(fields) => {
                let inner = fields.items.values().find_map(|field| field.value.reason());
                inner.or_else(|| fields.open.clone())
            }
            Kind::Json(value) => value.reason(),
            Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) => None,
        }
    }

    /// Whether it, or something in it, must not be shown.
    pub(crate) fn is_anywhere_sensitive(&self) -> bool {
        self.is_sensitive
            || match &self.kind {
                Kind::List(items) | Kind::Set(items) => {
                    items.iter().any(Self::is_anywhere_sensitive)
                }
                Kind::Map(fields) => {
                    let mut values = fields.items.values();
                    values.any(|field| field.value.is_anywhere_sensitive())
                }
                Kind::Json(value) => value.is_anywhere_sensitive(),
                _ => false,
            }
    }

    /// Whether both are the same; nothing where one is not known and the rest does not decide.
    pub(crate) fn equals(&self, other: &Self, budget: &mut u32) -> Option<bool> {
        *budget = budget.checked_sub(1)?;
        let all = |mut pairs: Vec<(&Self, &Self)>, budget: &mut u32| {
            let mut equal = Some(true);
            for (a, b) in pairs.drain(..) {
                match a.equals(b, budget) {
                    Some(false) => return Some(false),
                    None => equal = None,
                    Some(true) => {}
                }
            }
            equal
        };
        match (&self.kind, &other.kind) {
            (Kind::Unknown(_), _) | (_, Kind::Unknown(_)) => None,
            (Kind::Null, Kind::Null) => Some(true),
            (Kind::Bool(a), Kind::Bool(b)) => Some(a == b),
            (Kind::Number(a), Kind::Number(b)) => Some(a == b),
            (Kind::Text(_) | Kind::Json(_), Kind::Text(_) | Kind::Json(_)) => {
                Some(self.as_text()? == other.as_text()?)
            }
            (Kind::List(a), Kind::List(b)) | (Kind::Set(a), Kind::Set(b)) => {
                if a.len() != b.len() {
                    return Some(false);
                }
                all(a.iter().zip(b.iter()).collect(), budget)
            }
            (Kind::Map(a), Kind::Map(b)) => {
                if a.open.is_some() || b.open.is_some() {
                    return None;
                }
                if !a.items.keys().eq(b.items.keys()) {
                    return Some(false);
                }
                let pairs = a.items.values().zip(b.items.values());
                all(pairs.map(|(a, b)| (&a.value, &b.value)).collect(), budget)
            }
            _ => Some(false),
        }
    }

    /// What sets are ordered by: numbers by size, texts by their bytes.
    fn sort_key(&self) -> String {
        match &self.kind {
            Kind::Number(number) => format!("1{:030.10}", number + MAX_EXACT),
            _ => {
                let mut text = String::from("2");
                match self.as_text() {
                    Some(plain) => text.push_str(&plain),
                    None => {
                        super::json::encode(self, &mut text);
                    }
                }
                text
            }
        }
    }

    /// The value for the model. What walks it spends `budget`.
    pub(crate) fn settle(&self, budget: &mut u32) -> Attr {
        let value = match budget.checked_sub(1) {
            Some(rest) => {
                *budget = rest;
                self.settled(budget)
            }
            None => Value::Unknown("it is larger than is looked at".into()),
        };
        Attr {
            value,
            origin: self.origin.clone(),
            is_sensitive: self.is_sensitive,
        }
    }

    fn settled(&self, budget: &mut u32) -> Value {
        match &self.kind {
            Kind::Null => Value::Null,
            Kind::Bool(value) => Value::Bool(*value),
            #[expect(clippy::cast_possible_truncation, reason = "numbers are below 2^53")]
            Kind::Number(number) if number.fract() == 0.0 => Value::Integer(*number as i64),
            Kind::Number(number) => Value::Float(*number),
            Kind::Text(text) => {
                let said = said(text, &self.origin, self.is_sensitive, false);
                said.unwrap_or_else(|| Value::String(text.clone()))
            }
            Kind::Json(value) => {
                let inner = value.settle(budget);
                match inner.value {
                    Value::Map(_) | Value::List(_) | Value::Unknown(_) => inner.value,
                    _ => self.as_text().map_or(Value::Null, Value::String),
                }
            }
            Kind::List(items) | Kind::Set(items) => {
                Value::List(items.iter().map(|item| item.settle(budget)).collect())
            }
            Kind::Map(fields) => {
                let items = fields.items.iter().map(|(key, field)| Item {
                    key: key.clone(),
                    place: field.place.clone(),
                    value: field.value.settle(budget),
                });
                let mut map = Map::new(items.collect());
                map.open.clone_from(&fields.open);
                Value::Map(Arc::new(map))
            }
            Kind::Unknown(unknown) => {
                let partial = unknown.partial.as_deref();
                let said = partial.and_then(|it| said(it, &self.origin, self.is_sensitive, true));
                said.unwrap_or_else(|| Value::Unknown(unknown.why.clone()))
            }
        }
    }
}

/// How deep and how heavy what holds these is.
fn measure<'a>(items: impl Iterator<Item = &'a Val>) -> (u16, u32) {
    items.fold((1, 1u32), |(depth, weight), item| {
        (
            depth.max(item.depth + 1),
            weight.saturating_add(item.weight),
        )
    })
}

/// As Terraform writes it; nothing where that takes more digits than are computed with.
pub(crate) fn number_text(number: f64) -> Option<String> {
    if number.fract() == 0.0 {
        return Some(format!("{number:.0}"));
    }
    let text = number.to_string();
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    (digits <= 15).then_some(text)
}

/// 2^53: beyond, 64 bits do not hold every whole number.
pub(crate) const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

/// What walks a value may recurse.
const MAX_DEPTH: u16 = 100;

const MAX_WEIGHT: u32 = 200_000;
