//! Whether a schema is one: every part of it, before any of it is used.

use serde_json::{Number, Value as Json};

use super::{Draft, Fields, Schema, canonical, id, is_pattern, joined, number};
use crate::builtins::Fault;

/// Checks every part of `schema` and learns what its parts are called.
pub(super) fn check<'a>(schema: &mut Schema<'a>) -> Result<(), Fault> {
    let mut todo = vec![schema.root];
    let mut references = Vec::new();
    while let Some(part) = todo.pop() {
        let fields = match part {
            Json::Object(fields) => fields,
            Json::Bool(_) if schema.draft > Draft::Four => continue,
            _ => return invalid("valid schema", "schema"),
        };
        if let Some(name) = id(part) {
            let below = id(schema.root).and_then(|root| joined(root, name));
            for name in below.into_iter().chain([name.to_owned()]) {
                schema
                    .names
                    .insert(name.trim_end_matches('#').to_owned(), part);
            }
        }
        if let Some(reference) = fields.get("$ref") {
            let Some(reference) = reference.as_str() else {
                return invalid("string", "$ref");
            };
            references.push(reference);
        } else {
            Words(fields, schema.draft).check()?;
        }
        children(fields, schema.draft, &mut todo)?;
    }
    // A name can stand behind the reference to it.
    for reference in references {
        let Some(part) = schema.resolve(reference) else {
            let text =
                format!("refers to `{reference}`, which is not in the schema: nothing is loaded");
            return Err(Fault::NoAnswer(text));
        };
        if let Json::Object(fields) = part {
            if !fields.contains_key("$ref") {
                Words(fields, schema.draft).check()?;
            }
        } else if !part.is_boolean() {
            return invalid("valid schema", "$ref");
        }
    }
    Ok(())
}

/// The schemas that stand in one, as far as its draft knows the words.
fn children<'a>(fields: &'a Fields, draft: Draft, todo: &mut Vec<&'a Json>) -> Result<(), Fault> {
    for (word, value) in fields {
        match (word.as_str(), value) {
            ("definitions" | "properties" | "patternProperties", Json::Object(parts)) => {
                todo.extend(parts.values());
            }
            ("definitions" | "properties", _) => return invalid("object", word),
            ("patternProperties", _) => return invalid("valid schema", word),
            ("dependencies", Json::Object(parts)) => {
                todo.extend(parts.values().filter(|part| !part.is_array()));
            }
            ("dependencies", _) => return invalid("valid schema or array of strings", word),
            ("additionalProperties" | "additionalItems", Json::Bool(_)) => {}
            ("additionalProperties" | "additionalItems", part) => {
                if !part.is_object() {
                    return invalid("boolean/valid schema", word);
                }
                todo.push(part);
            }
            ("items" | "oneOf" | "anyOf" | "allOf", Json::Array(parts)) => todo.extend(parts),
            ("oneOf" | "anyOf" | "allOf", _) => {
                return wrong(format!("{word} must be of an array"));
            }
            ("items" | "not", part) => todo.push(part),
            ("contains" | "propertyNames", part) if draft >= Draft::Six => todo.push(part),
            ("if" | "then" | "else", part) if draft >= Draft::Seven => todo.push(part),
            _ => {}
        }
    }
    Ok(())
}

/// The words of one schema that are no schemas themselves.
struct Words<'a>(&'a Fields, Draft);

impl Words<'_> {
    fn check(&self) -> Result<(), Fault> {
        for word in ["title", "description"] {
            if self.0.get(word).is_some_and(|text| !text.is_string()) {
                return invalid("string", word);
            }
        }
        self.types()?;
        self.numbers()?;
        for (least, most) in [
            ("minLength", "maxLength"),
            ("minProperties", "maxProperties"),
            ("minItems", "maxItems"),
        ] {
            self.range(least, most)?;
        }
        self.texts()?;
        self.lists()
    }

    fn types(&self) -> Result<(), Fault> {
        let types = match self.0.get("type") {
            None => return Ok(()),
            Some(Json::Array(types)) => types.iter().collect(),
            Some(one) => vec![one],
        };
        let mut known: Vec<&str> = Vec::new();
        for one in types {
            let Some(one) = one.as_str() else {
                return invalid("string/array of strings", "type");
            };
            if !TYPES.contains(&one) {
                let text = format!(
                    "has a primitive type that is NOT VALID -- given: /{one}/ Expected valid values are:"
                );
                return wrong(format!("{text}[{}]", TYPES.join(" ")));
            }
            if known.contains(&one) {
                return wrong(format!("{one} type is duplicated"));
            }
            known.push(one);
        }
        Ok(())
    }

    fn numbers(&self) -> Result<(), Fault> {
        if let Some(step) = self.0.get("multipleOf") {
            match step.as_number() {
                None => return invalid("number", "multipleOf"),
                Some(step) if number::compare(step, &Number::from(0)).is_le() => {
                    return wrong("multipleOf must be strictly greater than 0".to_owned());
                }
                Some(_) => {}
            }
        }
        for (limit, beyond) in [
            ("minimum", "exclusiveMinimum"),
            ("maximum", "exclusiveMaximum"),
        ] {
            if self.0.get(limit).is_some_and(|value| !value.is_number()) {
                return wrong(format!("{limit} must be of a number"));
            }
            let expected = match self.1 {
                Draft::Four => "boolean",
                Draft::Any => "boolean/number",
                Draft::Six | Draft::Seven => "number",
            };
            match self.0.get(beyond) {
                Some(Json::Bool(_)) if expected != "number" && self.0.contains_key(limit) => {}
                Some(Json::Bool(_)) if expected != "number" => {
                    return wrong(format!("{beyond} cannot be used without {limit}"));
                }
                Some(Json::Number(_)) if expected != "boolean" => {}
                Some(_) => return invalid(expected, beyond),
                None => {}
            }
        }
        Ok(())
    }

    fn range(&self, least: &str, most: &str) -> Result<(), Fault> {
        let mut limits = [None, None];
        for (word, limit) in [least, most].into_iter().zip(&mut limits) {
            let Some(value) = self.0.get(word) else {
                continue;
            };
            *limit = number::count(value);
            match *limit {
                None => return wrong(format!("{word} must be of an integer")),
                Some(count) if count < 0 => {
                    return wrong(format!("{word} must be greater than or equal to 0"));
                }
                Some(_) => {}
            }
        }
        match limits {
            // Of items, nobody asks.
            [Some(low), Some(high)] if low > high && least != "minItems" => {
                wrong(format!("{least} cannot be greater than {most}"))
            }
            _ => Ok(()),
        }
    }

    fn texts(&self) -> Result<(), Fault> {
        match self.0.get("pattern") {
            Some(Json::String(pattern)) if !is_pattern(pattern) => {
                return wrong("pattern must be a valid regex".to_owned());
            }
            None | Some(Json::String(_)) => {}
            Some(_) => return wrong("pattern must be of a string".to_owned()),
        }
        if let Some(Json::Object(patterns)) = self.0.get("patternProperties")
            && let Some((pattern, _)) = patterns.iter().find(|(pattern, _)| !is_pattern(pattern))
        {
            return wrong(format!("Invalid regex pattern '{pattern}'"));
        }
        match self.0.get("format") {
            None | Some(Json::String(_)) => {}
            Some(_) => return wrong("format must be of type string".to_owned()),
        }
        match self.0.get("uniqueItems") {
            None | Some(Json::Bool(_)) => Ok(()),
            Some(_) => wrong("uniqueItems must be of a boolean".to_owned()),
        }
    }

    fn lists(&self) -> Result<(), Fault> {
        for word in ["required", "enum"] {
            let items = match self.0.get(word) {
                None => continue,
                Some(Json::Array(items)) => items,
                Some(_) => return wrong(format!("{word} must be of an array")),
            };
            if word == "required" && items.iter().any(|item| !item.is_string()) {
                return wrong("required items must be string".to_owned());
            }
            let mut texts: Vec<String> = items.iter().map(canonical).collect();
            texts.sort_unstable();
            if texts.windows(2).any(|pair| pair[0] == pair[1]) {
                return wrong(format!("{word} items must be unique"));
            }
        }
        if let Some(Json::Object(parts)) = self.0.get("dependencies") {
            let lists = parts.values().filter_map(Json::as_array);
            if lists.flatten().any(|name| !name.is_string()) {
                return invalid("valid schema or array of strings", "dependencies");
            }
        }
        Ok(())
    }
}

fn invalid(expected: &str, given: &str) -> Result<(), Fault> {
    wrong(format!(
        "Invalid type. Expected: {expected}, given: {given}"
    ))
}

fn wrong(text: String) -> Result<(), Fault> {
    Err(Fault::NoAnswer(text))
}

const TYPES: [&str; 7] = [
    "array", "boolean", "integer", "number", "null", "object", "string",
];
