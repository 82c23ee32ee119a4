//! JSON Schema of drafts 4, 6 and 7, as OPA has it: what its library, gojsonschema, says of a schema and
//! of a document, in its words.
//!
//! A schema is checked as a whole before it is used. References lead into the schema itself, and nowhere
//! else: nothing is loaded.

mod check;
mod format;
mod found;
mod keywords;
mod number;
mod validate;

use std::collections::BTreeMap;

use regorus::Value;
use serde_json::{Map, Value as Json};

use super::{Answer, Builtin, Fault, Moment, can_be_gone_through, delegate, object};

pub(super) const BUILTINS: &[Builtin] = &[
    Builtin::new("json.match_schema", 2, match_schema),
    Builtin::new("json.verify_schema", 1, verify_schema),
];

/// Whether the document is what the schema says, and what is wrong with it.
fn match_schema(arguments: &[Value], _: Moment) -> Answer {
    let [document, schema] = arguments else {
        return Err("expects a document and a schema".into());
    };
    let (document, schema) = (json(document)?, json(schema)?);
    let schema = Schema::read(&schema)?;
    let problems = validate::validate(&schema, &document)?;
    let is_valid = Value::from(problems.is_empty());
    let problems: Vec<Value> = problems.into_iter().map(Problem::into_value).collect();
    Ok(Value::from(vec![is_valid, Value::from(problems)]))
}

/// Whether the schema is one, and what is wrong with it.
fn verify_schema(arguments: &[Value], _: Moment) -> Answer {
    let [schema] = arguments else {
        return Err("expects a schema".into());
    };
    let (is_valid, told) = match json(schema).and_then(|schema| Schema::read(&schema).map(drop)) {
        Ok(()) => (true, Value::Null),
        Err(Fault::NoAnswer(why)) => (false, Value::from(format!("jsonschema: {why}"))),
        Err(refused) => return Err(refused),
    };
    Ok(Value::from(vec![Value::from(is_valid), told]))
}

/// A string is read as JSON.
fn json(value: &Value) -> Result<Json, Fault> {
    let read = |text: &str| {
        serde_json::from_str(text).map_err(|_| Fault::from("was given something that is not JSON"))
    };
    match value {
        Value::String(text) => read(text),
        Value::Object(_) => {
            can_be_gone_through(std::slice::from_ref(value))?;
            serde_json::to_value(value).map_err(|error| Fault::NoAnswer(error.to_string()))
        }
        _ => Err("expects strings or objects".into()),
    }
}

/// A schema whose parts are what they have to be.
struct Schema<'a> {
    root: &'a Json,
    draft: Draft,
    /// What parts of it are called by `$id`, or `id`.
    names: BTreeMap<String, &'a Json>,
}

/// Where the schema does not say, words of all drafts count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Draft {
    Four,
    Six,
    Seven,
    Any,
}

impl<'a> Schema<'a> {
    fn read(root: &'a Json) -> Result<Self, Fault> {
        let named = root.get("$schema").and_then(Json::as_str).unwrap_or("");
        let draft = match named.trim_end_matches('#') {
            "http://json-schema.org/draft-04/schema" => Draft::Four,
            "http://json-schema.org/draft-06/schema" => Draft::Six,
            "http://json-schema.org/draft-07/schema" => Draft::Seven,
            _ => Draft::Any,
        };
        let mut schema = Self {
            root,
            draft,
            names: BTreeMap::new(),
        };
        check::check(&mut schema)?;
        Ok(schema)
    }

    /// The part that a `$ref` means.
    fn resolve(&self, reference: &str) -> Option<&'a Json> {
        let (document, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        let base = if document.is_empty() {
            self.root
        } else {
            self.named(document)?
        };
        if fragment.is_empty() {
            return Some(base);
        }
        if !fragment.starts_with('/') {
            return self.named(&format!("{document}#{fragment}"));
        }
        base.pointer(&percent_decoded(fragment)?)
    }

    fn named(&self, name: &str) -> Option<&'a Json> {
        let below_root = || joined(id(self.root)?, name);
        let named = self.names.get(name).copied();
        named.or_else(|| self.names.get(&below_root()?).copied())
    }
}

fn id(schema: &Json) -> Option<&str> {
    let id = schema.get("$id").or_else(|| schema.get("id"))?;
    id.as_str()
}

/// A relative address below another one: what stands behind its last slash is replaced.
fn joined(base: &str, address: &str) -> Option<String> {
    if address.contains("://") || address.starts_with("urn:") {
        return None;
    }
    if address.starts_with('#') {
        return Some(format!("{}{address}", base.trim_end_matches('#')));
    }
    let (folder, _) = base.rsplit_once('/')?;
    Some(format!("{folder}/{address}"))
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let (code, behind) = rest.split_at_checked(2)?;
        let code = std::str::from_utf8(code).ok()?;
        bytes.push(u8::from_str_radix(code, 16).ok()?);
        rest = behind;
    }
    String::from_utf8(bytes).ok()
}

/// One thing that is wrong with a document.
#[derive(Clone, Debug)]
struct Problem {
    kind: &'static str,
    field: String,
    text: String,
}

impl Problem {
    fn into_value(self) -> Value {
        object([
            ("error", format!("{}: {}", self.field, self.text).into()),
            ("type", self.kind.into()),
            ("field", self.field.into()),
            ("desc", self.text.into()),
        ])
    }
}

/// A value as text by which equal values are equal: numbers by their value, keys in order.
fn canonical(value: &Json) -> String {
    match value {
        Json::Number(number) => number::canonical(number),
        Json::Array(items) => {
            let items: Vec<String> = items.iter().map(canonical).collect();
            format!("[{}]", items.join(","))
        }
        Json::Object(fields) => {
            let mut fields: Vec<(&String, &Json)> = fields.iter().collect();
            fields.sort_unstable_by_key(|(key, _)| *key);
            let field = |(key, value): (&String, &Json)| {
                format!("{}:{}", Json::from(key.as_str()), canonical(value))
            };
            let fields: Vec<String> = fields.into_iter().map(field).collect();
            format!("{{{}}}", fields.join(","))
        }
        value => value.to_string(),
    }
}

fn matches(pattern: &str, text: &str) -> Result<bool, Fault> {
    Ok(delegate("regex.match", &[pattern.into(), text.into()])? == Value::from(true))
}

fn is_pattern(pattern: &str) -> bool {
    delegate("regex.is_valid", &[pattern.into()]) == Ok(Value::from(true))
}

type Fields = Map<String, Json>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::value_of;

    fn told(document: &str, schema: &str) -> Result<Vec<String>, String> {
        let expression = format!("json.match_schema({document}, {schema})");
        let value = value_of(&expression).map_err(|error| error.to_string())?;
        let value = serde_json::to_value(value.expect("defined")).expect("JSON");
        let problems = value[1].as_array().expect("an array");
        assert_eq!(value[0], Json::from(problems.is_empty()));
        let texts = problems.iter().map(|problem| {
            let text = |name: &str| problem[name].as_str().expect(name).to_owned();
            format!("{} {}", text("type"), text("error"))
        });
        Ok(texts.collect())
    }

    #[test]
    fn references_lead_into_the_schema_by_pointer_and_by_name_and_nowhere_else() {
        let schema = r##"{
            "$id": "https://example.com/root.json",
            "definitions": {
                "a b": {"type": "integer"},
                "named": {"$id": "#named", "type": "string"},
                "file": {"$id": "item.json", "type": "boolean"}
            },
            "properties": {
                "a": {"$ref": "#/definitions/a%20b"},
                "b": {"$ref": "#named"},
                "c": {"$ref": "item.json"},
                "d": {"$ref": "#"}
            }
        }"##;
        let wrong = told(r#"{"a": "x", "b": 1, "c": 2, "d": {"a": 1.5}}"#, schema);
        let expected = [
            "invalid_type a: Invalid type. Expected: integer, given: string",
            "invalid_type b: Invalid type. Expected: string, given: integer",
            "invalid_type c: Invalid type. Expected: boolean, given: integer",
            "invalid_type d.a: Invalid type. Expected: integer, given: number",
        ];
        assert_eq!(wrong.expect("answers"), expected);
        let error = told("{}", r#"{"$ref": "https://example.org/other.json"}"#);
        assert!(error.expect_err("remote").contains("nothing is loaded"));
    }

    #[test]
    fn a_schema_without_end_is_refused_and_says_so() {
        for schema in [
            r##"{"$ref": "#"}"##,
            r##"{"allOf": [{"$ref": "#"}]}"##,
            r##"{"definitions": {"a": {"$ref": "#/definitions/b"}, "b": {"$ref": "#/definitions/a"}},
                "not": {"$ref": "#/definitions/a"}}"##,
        ] {
            let error = told("{}", schema).expect_err(schema);
            assert!(error.contains("does not end"), "{error}");
        }
        let mut parts = vec![r#""d12": {"type": "integer"}"#.to_owned()];
        for at in 0..12 {
            let next = format!(r##"{{"$ref": "#/definitions/d{}"}}"##, at + 1);
            let parts_of = [next.as_str(); 4].join(",");
            parts.push(format!(r#""d{at}": {{"allOf": [{parts_of}]}}"#));
        }
        let wide = format!(
            r##"{{"definitions": {{{}}}, "$ref": "#/definitions/d0"}}"##,
            parts.join(",")
        );
        let wide: Json = serde_json::from_str(&wide).expect("JSON");
        let schema = Schema::read(&wide).expect("a schema");
        let problems = validate::validate(&schema, &Json::from("x"));
        assert!(
            matches!(&problems, Err(Fault::Refuse(why)) if why.contains("steps")),
            "{problems:?}"
        );
    }
}
