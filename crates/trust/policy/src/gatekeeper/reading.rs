//! Fields of an object, read or refused.

use serde_json::{Map, Value};

use super::field::{Field, Wrong, kind_of};

pub(super) fn fields<'a>(
    value: &'a Value,
    field: &Field,
    wrong: &mut Vec<Wrong>,
) -> Option<&'a Map<String, Value>> {
    if let Value::Object(fields) = value {
        return Some(fields);
    }
    refuse("an object", value, field, wrong);
    None
}

pub(super) fn items<'a>(
    value: &'a Value,
    field: &Field,
    wrong: &mut Vec<Wrong>,
) -> Option<&'a [Value]> {
    if let Value::Array(items) = value {
        return Some(items);
    }
    refuse("an array", value, field, wrong);
    None
}

pub(super) fn text(value: &Value, field: &Field, wrong: &mut Vec<Wrong>) -> Option<String> {
    if let Value::String(text) = value {
        return Some(text.clone());
    }
    refuse("a string", value, field, wrong);
    None
}

pub(super) fn strings(value: &Value, field: &Field, wrong: &mut Vec<Wrong>) -> Option<Vec<String>> {
    let items = items(value, field, wrong)?;
    let texts = items.iter().enumerate();
    texts
        .map(|(at, item)| text(item, &field.with(at), wrong))
        .collect()
}

/// Tells of every field that is none of `known`.
pub(super) fn unknown(
    object: &Map<String, Value>,
    field: &Field,
    known: &[&str],
    wrong: &mut Vec<Wrong>,
) {
    for name in object.keys() {
        if !known.contains(&name.as_str()) {
            let at = field.with(name.as_str());
            wrong.push(Wrong::other(at, "is not a field of this"));
        }
    }
}

fn refuse(expected: &str, value: &Value, field: &Field, wrong: &mut Vec<Wrong>) {
    let message = format!("expects {expected}, not {}", kind_of(value));
    wrong.push(Wrong::schema(field.clone(), message));
}
