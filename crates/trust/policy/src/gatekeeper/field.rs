//! Where in an object something stands, and what is wrong with it there.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use crate::engine::Message;

/// The way to a field from the root of its document.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Field(pub(crate) Vec<Step>);

/// One step of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    Key(String),
    Index(usize),
}

impl Field {
    /// The field below the root that these names lead to.
    pub(crate) fn of(names: &[&str]) -> Self {
        Self(names.iter().map(|&name| name.into()).collect())
    }

    pub(crate) fn with(&self, step: impl Into<Step>) -> Self {
        let mut steps = self.0.clone();
        steps.push(step.into());
        Self(steps)
    }

    /// The same, seen from what `self` is below.
    pub(crate) fn below(&self, root: &Self) -> Self {
        Self(root.0.iter().chain(&self.0).cloned().collect())
    }
}

impl From<&str> for Step {
    fn from(key: &str) -> Self {
        Self::Key(key.to_owned())
    }
}

impl From<usize> for Step {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

/// `spec.match.kinds[0].apiGroups`; what is no plain name stands in brackets and quotes.
impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.0.iter().enumerate() {
            let is_plain = |key: &str| {
                let bytes = key.bytes();
                !key.is_empty()
                    && bytes
                        .into_iter()
                        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'$'))
            };
            match step {
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Key(key) if is_plain(key) && at == 0 => f.write_str(key)?,
                Step::Key(key) if is_plain(key) => write!(f, ".{key}")?,
                Step::Key(key) => write!(f, "[\"{}\"]", Message::new(key))?,
            }
        }
        Ok(())
    }
}

/// What is wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub(crate) field: Field,
    pub(crate) message: String,
    /// Whether the schema of a template says so. Suites tell that from all else.
    pub(crate) is_schema: bool,
}

impl Wrong {
    /// Something that Gatekeeper finds by the schema of the constraint.
    pub(crate) fn schema(field: Field, message: impl Into<String>) -> Self {
        Self {
            field,
            message: message.into(),
            is_schema: true,
        }
    }

    /// Anything else.
    pub(crate) fn other(field: Field, message: impl Into<String>) -> Self {
        Self {
            is_schema: false,
            ..Self::schema(field, message)
        }
    }
}

/// A file and a line of it, counted from one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, schemars::JsonSchema)]
pub struct Place {
    /// The file, by the name that it was given under.
    pub file: String,
    /// The line.
    pub line: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", Message::new(&self.file), self.line)
    }
}

/// What something is, in the words of JSON.
pub(crate) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_written_as_people_write_it() {
        let field = Field::of(&["metadata", "labels", "a.b/c\n"])
            .with(3)
            .with("x");
        assert_eq!(field.to_string(), "metadata.labels[\"a.b/c\\u{a}\"][3].x");
        assert_eq!(Field::default().to_string(), "");
    }
}
