//! What a schema says of a value by itself, whatever is in it.

use serde_json::{Number, Value as Json};

use super::{
    Draft, Fields, canonical, format,
    found::{Found, Path},
    matches, number,
};
use crate::builtins::Fault;

pub(super) fn is_some(parts: &Json) -> bool {
    parts.as_array().is_some_and(|parts| !parts.is_empty())
}

/// The types that the value is none of, as they are told.
pub(super) fn mistyped(fields: &Fields, value: &Json) -> Option<String> {
    let types: Vec<&str> = match fields.get("type")? {
        Json::Array(types) => types.iter().filter_map(Json::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    };
    let given = type_of(value);
    let is_one = |of: &&str| *of == given || (*of == "number" && value.is_number());
    match types.as_slice() {
        [] => None,
        types if types.iter().any(is_one) => None,
        [one] => Some((*one).to_owned()),
        several => Some(format!("[{}]", several.join(","))),
    }
}

pub(super) fn type_of(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "boolean",
        Json::Number(number) if number::is_integer(number) => "integer",
        Json::Number(_) => "number",
        Json::String(_) => "string",
        Json::Array(_) => "array",
        Json::Object(_) => "object",
    }
}

pub(super) fn common(
    fields: &Fields,
    draft: Draft,
    value: &Json,
    path: Path<'_>,
    found: &mut Found,
) -> Result<(), Fault> {
    if let Some(only) = fields.get("const").filter(|_| draft >= Draft::Six) {
        let only = canonical(only);
        if canonical(value) != only {
            let text = format!("{} does not match: {only}", path.field());
            found.tell(path, "const", text);
        }
    }
    if let Some(Json::Array(allowed)) = fields.get("enum").filter(|parts| is_some(parts)) {
        let allowed: Vec<String> = allowed.iter().map(canonical).collect();
        if !allowed.contains(&canonical(value)) {
            let (field, allowed) = (path.field(), allowed.join(", "));
            let text = format!("{field} must be one of the following: {allowed}");
            found.tell(path, "enum", text);
        }
    }
    if let (Some(Json::String(name)), Json::String(text)) = (fields.get("format"), value)
        && !format::is_met(name, text)?
    {
        found.tell(path, "format", format!("Does not match format '{name}'"));
    }
    found.score += 1;
    Ok(())
}

pub(super) fn strings(
    fields: &Fields,
    text: &str,
    path: Path<'_>,
    found: &mut Found,
) -> Result<(), Fault> {
    let told = [
        (
            "string_gte",
            "String length must be greater than or equal to ",
            "",
        ),
        (
            "string_lte",
            "String length must be less than or equal to ",
            "",
        ),
    ];
    let words = ["minLength", "maxLength"];
    lengths(fields, words, text.chars().count(), told, path, found);
    if let Some(Json::String(pattern)) = fields.get("pattern")
        && !matches(pattern, text)?
    {
        found.tell(
            path,
            "pattern",
            format!("Does not match pattern '{pattern}'"),
        );
    }
    found.score += 1;
    Ok(())
}

pub(super) fn lengths(
    fields: &Fields,
    words: [&str; 2],
    length: usize,
    told: [(&'static str, &str, &str); 2],
    path: Path<'_>,
    found: &mut Found,
) {
    let length = i64::try_from(length).unwrap_or(i64::MAX);
    for (at, (word, (kind, before, behind))) in words.into_iter().zip(told).enumerate() {
        let Some(limit) = fields.get(word).and_then(number::count) else {
            continue;
        };
        let is_beyond = if at == 0 {
            length < limit
        } else {
            length > limit
        };
        if is_beyond {
            found.tell(path, kind, format!("{before}{limit}{behind}"));
        }
    }
}

pub(super) fn numbers(fields: &Fields, value: &Number, path: Path<'_>, found: &mut Found) {
    let limit = |word: &str| fields.get(word).and_then(Json::as_number);
    // In draft 4 it is a flag, and says how the other limit is meant.
    let is_flagged = |word: &str| fields.get(word) == Some(&Json::Bool(true));
    if let Some(step) = limit("multipleOf")
        && !number::is_multiple(value, step)
    {
        let text = format!("Must be a multiple of {}", number::shown(step));
        found.tell(path, "multiple_of", text);
    }
    let (most, least) = (limit("maximum"), limit("minimum"));
    let is_below = is_flagged("exclusiveMaximum");
    let is_above = is_flagged("exclusiveMinimum");
    let below = if is_below {
        most
    } else {
        limit("exclusiveMaximum")
    };
    let above = if is_above {
        least
    } else {
        limit("exclusiveMinimum")
    };
    let compared = |limit: &Number| number::compare(value, limit);
    if let Some(limit) = most.filter(|limit| !is_below && compared(limit).is_gt()) {
        let text = format!("Must be less than or equal to {}", number::shown(limit));
        found.tell(path, "number_lte", text);
    }
    if let Some(limit) = below.filter(|limit| compared(limit).is_ge()) {
        let text = format!("Must be less than {}", number::shown(limit));
        found.tell(path, "number_lt", text);
    }
    if let Some(limit) = least.filter(|limit| !is_above && compared(limit).is_lt()) {
        let text = format!("Must be greater than or equal to {}", number::shown(limit));
        found.tell(path, "number_gte", text);
    }
    if let Some(limit) = above.filter(|limit| compared(limit).is_le()) {
        let text = format!("Must be greater than {}", number::shown(limit));
        found.tell(path, "number_gt", text);
    }
}
