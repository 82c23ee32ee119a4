//! Values against a schema.

use serde_json::Value;

use super::{Additional, Bounds, Kind, MAX_WRONG, Schema, format, number};
use crate::gatekeeper::field::{Field, Wrong, kind_of};

impl Schema {
    /// What the schema has against `value`; fields by the way from it.
    pub(crate) fn check(&self, value: &Value) -> Vec<Wrong> {
        let mut wrong = Vec::new();
        self.node(value, &Field::default(), &mut wrong);
        wrong
    }

    /// The fields that the schema does not name.
    pub(crate) fn unknown(&self, value: &Value) -> Vec<Wrong> {
        let mut wrong = Vec::new();
        self.unnamed(value, &Field::default(), &mut wrong);
        wrong
    }

    fn node(&self, value: &Value, field: &Field, wrong: &mut Vec<Wrong>) {
        if wrong.len() >= MAX_WRONG || (self.nullable && value.is_null()) {
            return;
        }
        let mut refuse = |message: String| wrong.push(Wrong::schema(field.clone(), message));
        if let Some(expected) = self.other_kind(value) {
            refuse(format!("expects {expected}, not {}", kind_of(value)));
            return;
        }
        if let Some(values) = &self.values
            && !values.iter().any(|allowed| number::equal(allowed, value))
        {
            let values: Vec<String> = values.iter().take(10).map(Value::to_string).collect();
            refuse(format!("is none of {}", values.join(", ")));
        }
        match value {
            Value::String(text) => self.text(text, &mut refuse),
            Value::Number(number) => self.number(number, &mut refuse),
            Value::Array(items) => {
                self.count.check(items.len(), "items", &mut refuse);
                if self.is_unique && number::has_duplicates(items) {
                    refuse("has an item twice".to_owned());
                }
                if let Some(schema) = &self.items {
                    for (at, item) in items.iter().enumerate() {
                        schema.node(item, &field.with(at), wrong);
                    }
                }
            }
            Value::Object(fields) => {
                self.size.check(fields.len(), "fields", &mut refuse);
                for name in &self.required {
                    if !fields.contains_key(name) {
                        let at = field.with(name.as_str());
                        wrong.push(Wrong::schema(at, "is required, and missing"));
                    }
                }
                for (name, value) in fields {
                    let at = || field.with(name.as_str());
                    match (self.properties.get(name), &self.additional) {
                        (Some(schema), _) => schema.node(value, &at(), wrong),
                        (None, Some(Additional::Of(schema))) => schema.node(value, &at(), wrong),
                        (None, Some(Additional::Any(false))) => {
                            wrong.push(Wrong::schema(at(), "is not a field of this"));
                        }
                        (None, _) => {}
                    }
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
        self.conditions(value, field, wrong);
    }

    /// What the type has to be, where it is another one.
    fn other_kind(&self, value: &Value) -> Option<&'static str> {
        if self.is_int_or_string {
            let is = value.is_string() || number::is_integer(value);
            return (!is).then_some("an integer or a string");
        }
        let kind = self.kind?;
        let is = match kind {
            Kind::Array => value.is_array(),
            Kind::Boolean => value.is_boolean(),
            Kind::Integer => number::is_integer(value),
            Kind::Number => value.is_number(),
            Kind::Object => value.is_object(),
            Kind::String => value.is_string(),
        };
        (!is).then_some(match kind {
            Kind::Array => "an array",
            Kind::Boolean => "a boolean",
            Kind::Integer => "an integer",
            Kind::Number => "a number",
            Kind::Object => "an object",
            Kind::String => "a string",
        })
    }

    fn text(&self, text: &str, refuse: &mut impl FnMut(String)) {
        self.length
            .check(text.chars().count(), "characters", refuse);
        if let Some(pattern) = &self.pattern
            && !pattern.is_match(text)
        {
            refuse(format!("does not match the pattern {}", pattern.as_str()));
        }
        if let Some(format) = &self.format
            && !format::holds(format, text)
        {
            refuse(format!("is not of the format {format}"));
        }
    }

    fn number(&self, number: &serde_json::Number, refuse: &mut impl FnMut(String)) {
        let number = number.as_f64().unwrap_or(f64::NAN);
        if let Some((minimum, is_exclusive)) = self.minimum
            && (number < minimum || (is_exclusive && number == minimum))
        {
            let word = if is_exclusive { "not above" } else { "below" };
            refuse(format!("is {word} {minimum}"));
        }
        if let Some((maximum, is_exclusive)) = self.maximum
            && (number > maximum || (is_exclusive && number == maximum))
        {
            let word = if is_exclusive { "not below" } else { "above" };
            refuse(format!("is {word} {maximum}"));
        }
        if let Some(step) = self.multiple_of
            && (number / step).fract() != 0.0
        {
            refuse(format!("is no multiple of {step}"));
        }
    }

    fn conditions(&self, value: &Value, field: &Field, wrong: &mut Vec<Wrong>) {
        let holds = |schema: &&Self| {
            let mut found = Vec::new();
            schema.node(value, field, &mut found);
            found.is_empty()
        };
        let mut refuse = |message: &str| wrong.push(Wrong::schema(field.clone(), message));
        if !self.any_of.is_empty() && !self.any_of.iter().any(|schema| holds(&schema)) {
            refuse("meets none of the schemas of anyOf");
        }
        if !self.one_of.is_empty() && self.one_of.iter().filter(holds).count() != 1 {
            refuse("does not meet exactly one of the schemas of oneOf");
        }
        if self.not.as_deref().is_some_and(|schema| holds(&schema)) {
            refuse("meets the schema of not");
        }
        for schema in &self.all_of {
            schema.node(value, field, wrong);
        }
    }

    fn unnamed(&self, value: &Value, field: &Field, wrong: &mut Vec<Wrong>) {
        if wrong.len() >= MAX_WRONG {
            return;
        }
        match value {
            Value::Array(items) => {
                for (at, item) in items.iter().enumerate() {
                    if let Some(schema) = &self.items {
                        schema.unnamed(item, &field.with(at), wrong);
                    }
                }
            }
            Value::Object(fields) => {
                for (name, value) in fields {
                    let at = field.with(name.as_str());
                    match (self.properties.get(name), &self.additional) {
                        (Some(schema), _) => schema.unnamed(value, &at, wrong),
                        (None, Some(Additional::Of(schema))) => schema.unnamed(value, &at, wrong),
                        (None, Some(Additional::Any(true))) => {}
                        (None, _) if self.keeps_unknown => {}
                        (None, _) => wrong.push(Wrong::other(at, "is not a field of this")),
                    }
                }
            }
            _ => {}
        }
    }
}

impl Bounds {
    fn check(self, count: usize, of: &str, refuse: &mut impl FnMut(String)) {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        match self {
            Self { min: Some(min), .. } if count < min => {
                refuse(format!("has {count} {of}, and at least {min} are required"));
            }
            Self { max: Some(max), .. } if count > max => {
                refuse(format!("has {count} {of}, and at most {max} are allowed"));
            }
            _ => {}
        }
    }
}
