//! Values of events as text, as Sigma compares them.

use std::{borrow::Cow, cell::OnceCell};

use casemate_core::Field;

/// A number of a rule or of an event.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Number {
    Integer(i64),
    Float(f64),
}

impl Number {
    /// The number that `text` is, as programs print numbers: no white space, no sign but `-`.
    pub(crate) fn of_text(text: &str) -> Option<Self> {
        if let Ok(whole) = text.parse() {
            return Some(Self::Integer(whole));
        }
        let is_plain = |byte: u8| byte.is_ascii_digit() || b".-+eE".contains(&byte);
        let float = text.bytes().all(is_plain).then(|| text.parse::<f64>())?;
        float
            .ok()
            .filter(|value| value.is_finite())
            .map(Self::Float)
    }

    pub(crate) fn compare(self, other: Self) -> Option<std::cmp::Ordering> {
        match (self, other) {
            (Self::Integer(a), Self::Integer(b)) => Some(a.cmp(&b)),
            (a, b) => a.float().partial_cmp(&b.float()),
        }
    }

    pub(crate) fn float(self) -> f64 {
        match self {
            // Sums and orders of what 53 bits do not hold are as near as a float is.
            #[expect(clippy::cast_precision_loss)]
            Self::Integer(value) => value as f64,
            Self::Float(value) => value,
        }
    }
}

/// One value of a field, with the forms in which rules ask for it.
#[derive(Debug)]
pub(crate) struct Scalar<'e> {
    pub(crate) text: Cow<'e, str>,
    folded: OnceCell<Option<String>>,
    pub(crate) number: Option<Number>,
}

impl<'e> Scalar<'e> {
    /// Every value of a field: lists in lists are one list.
    pub(crate) fn all(field: &'e Field) -> Vec<Self> {
        let mut scalars = Vec::new();
        let mut rest = vec![field];
        while let Some(field) = rest.pop() {
            match field {
                Field::List(items) => rest.extend(items.iter().rev()),
                Field::Bool(value) => {
                    scalars.push(Self::new(Cow::Borrowed(if *value {
                        "true"
                    } else {
                        "false"
                    })));
                }
                Field::Integer(value) => scalars.push(Self {
                    number: Some(Number::Integer(*value)),
                    ..Self::new(Cow::Owned(value.to_string()))
                }),
                Field::Float(value) => scalars.push(Self {
                    number: Some(Number::Float(*value)),
                    ..Self::new(Cow::Owned(value.to_string()))
                }),
                Field::Text(text) => scalars.push(Self::new(Cow::Borrowed(text))),
            }
        }
        scalars
    }

    pub(crate) fn of_text(text: &'e str) -> Self {
        Self::new(Cow::Borrowed(text))
    }

    fn new(text: Cow<'e, str>) -> Self {
        let folded = OnceCell::new();
        Self {
            text,
            folded,
            number: None,
        }
    }

    /// The text without case; made once, when it is asked for.
    pub(crate) fn folded(&self) -> &str {
        let folded = self.folded.get_or_init(|| match fold(&self.text) {
            Cow::Borrowed(_) => None,
            Cow::Owned(folded) => Some(folded),
        });
        folded.as_deref().unwrap_or(&self.text)
    }

    /// The number that it is, or that its text is.
    pub(crate) fn as_number(&self) -> Option<Number> {
        self.number.or_else(|| Number::of_text(&self.text))
    }
}

/// The text without case, a character for each character, so that `?` still stands for one.
pub(crate) fn fold(text: &str) -> Cow<'_, str> {
    if text
        .bytes()
        .all(|b| b.is_ascii() && !b.is_ascii_uppercase())
    {
        return Cow::Borrowed(text);
    }
    if text.is_ascii() {
        return Cow::Owned(text.to_ascii_lowercase());
    }
    let lower = |c: char| {
        let mut lower = c.to_lowercase();
        match (lower.next(), lower.next()) {
            (Some(one), None) => one,
            _ => c,
        }
    };
    Cow::Owned(text.chars().map(lower).collect())
}

/// The value of a field as one text: what groups are made of. Lists are written as JSON writes them.
pub(crate) fn render(field: &Field) -> Option<String> {
    Some(match field {
        Field::Text(text) => text.clone(),
        Field::Bool(value) => value.to_string(),
        Field::Integer(value) => value.to_string(),
        Field::Float(value) => value.to_string(),
        Field::List(items) if items.is_empty() => return None,
        Field::List(_) => {
            let scalars = Scalar::all(field);
            let texts: Vec<&str> = scalars.iter().map(|it| &*it.text).collect();
            format!("{texts:?}")
        }
    })
}
