//! The schema that a template gives its constraints: OpenAPI v3, as Kubernetes restricts it.
//!
//! Specified in "Extend the Kubernetes API with CustomResourceDefinitions", structural schemas. A
//! schema is read once; what it says is asked by [`Schema::check`], [`Schema::unknown`] and
//! [`Schema::fill`], each of which goes no deeper than the schema does, and a schema is at most
//! [`MAX_DEPTH`] deep.

mod check;
mod default;
mod format;
mod number;

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::{Map, Value};

use super::field::{Field, Wrong, kind_of};

/// What a value may be.
#[derive(Clone, Debug, Default)]
pub(crate) struct Schema {
    kind: Option<Kind>,
    is_int_or_string: bool,
    keeps_unknown: bool,
    nullable: bool,
    properties: BTreeMap<String, Self>,
    additional: Option<Additional>,
    items: Option<Box<Self>>,
    default: Option<Value>,
    required: Vec<String>,
    values: Option<Vec<Value>>,
    minimum: Option<(f64, Exclusive)>,
    maximum: Option<(f64, Exclusive)>,
    multiple_of: Option<f64>,
    length: Bounds,
    count: Bounds,
    size: Bounds,
    is_unique: bool,
    pattern: Option<Regex>,
    format: Option<String>,
    all_of: Vec<Self>,
    any_of: Vec<Self>,
    one_of: Vec<Self>,
    not: Option<Box<Self>>,
    /// Whether it, or anything below it, has rules in CEL, which are not evaluated.
    pub(crate) has_rules: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Array,
    Boolean,
    Integer,
    Number,
    Object,
    String,
}

/// What fields an object may have beside those that are named.
#[derive(Clone, Debug)]
enum Additional {
    Any(bool),
    Of(Box<Schema>),
}

/// Whether a bound itself is out of bounds.
type Exclusive = bool;

#[derive(Clone, Copy, Debug, Default)]
struct Bounds {
    min: Option<u64>,
    max: Option<u64>,
}

/// How strictly a schema is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strictness {
    /// Every node says its type, as Kubernetes asks of version 1.
    Structural,
    /// `legacySchema`: types may be missing, and fields that are not named are kept.
    Legacy,
}

impl Schema {
    /// A schema that says nothing.
    pub(crate) fn any() -> Self {
        Self {
            keeps_unknown: true,
            ..Self::default()
        }
    }

    /// Reads `value`, which stands at `field`.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it.
    pub(crate) fn read(
        value: &Value,
        field: &Field,
        strictness: Strictness,
    ) -> Result<Self, Vec<Wrong>> {
        let mut reader = Reader {
            strictness,
            wrong: Vec::new(),
            nodes: 0,
            has_rules: false,
        };
        let mut schema = reader.node(value, field, Role::Structure);
        schema.has_rules = reader.has_rules;
        if reader.wrong.is_empty() {
            schema.check_defaults(field, &mut reader.wrong);
        }
        if reader.wrong.is_empty() {
            Ok(schema)
        } else {
            Err(reader.wrong)
        }
    }

    /// Every default has to be what the schema allows.
    fn check_defaults(&self, field: &Field, wrong: &mut Vec<Wrong>) {
        if let Some(default) = &self.default {
            let at = field.with("default");
            let mut found = self.check(default);
            found.extend(self.unknown(default));
            wrong.extend(found.into_iter().map(|what| {
                let message = format!("the default is refused: {}", what.message);
                Wrong::other(what.field.below(&at), message)
            }));
        }
        let properties = field.with("properties");
        for (name, schema) in &self.properties {
            schema.check_defaults(&properties.with(name.as_str()), wrong);
        }
        if let Some(items) = &self.items {
            items.check_defaults(&field.with("items"), wrong);
        }
        if let Some(Additional::Of(schema)) = &self.additional {
            schema.check_defaults(&field.with("additionalProperties"), wrong);
        }
    }
}

struct Reader {
    strictness: Strictness,
    wrong: Vec<Wrong>,
    nodes: usize,
    has_rules: bool,
}

/// What a node of a schema is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// It says what fields there are.
    Structure,
    /// It only says more of what is named elsewhere: below `anyOf` and its kin.
    Condition,
}

impl Reader {
    fn node(&mut self, value: &Value, field: &Field, role: Role) -> Schema {
        self.nodes += 1;
        if self.nodes > MAX_NODES || field.0.len() > MAX_DEPTH {
            self.refuse(
                field,
                "the schema is larger or deeper than any that is read",
            );
            return Schema::default();
        }
        let Some(fields) = value.as_object() else {
            self.refuse(field, format!("expects a schema, not {}", kind_of(value)));
            return Schema::default();
        };
        let mut schema = Schema {
            kind: self.kind(fields, field),
            is_int_or_string: self.flag(fields, field, "x-kubernetes-int-or-string"),
            keeps_unknown: self.flag(fields, field, "x-kubernetes-preserve-unknown-fields"),
            nullable: self.flag(fields, field, "nullable"),
            default: fields.get("default").cloned(),
            is_unique: self.flag(fields, field, "uniqueItems"),
            ..Schema::default()
        };
        self.has_rules |= fields.contains_key("x-kubernetes-validations");
        if fields.contains_key("$ref") {
            self.refuse(&field.with("$ref"), "references are not allowed in schemas");
        }
        self.values(&mut schema, fields, field);
        self.structure(&mut schema, fields, field, role);
        self.conditions(&mut schema, fields, field);
        let is_typed = schema.kind.is_some() || schema.is_int_or_string || schema.keeps_unknown;
        match self.strictness {
            Strictness::Structural if role == Role::Structure && !is_typed => {
                self.refuse(&field.with("type"), "is missing");
            }
            Strictness::Legacy if matches!(schema.kind, None | Some(Kind::Object)) => {
                schema.keeps_unknown = true;
            }
            _ => {}
        }
        schema
    }

    fn kind(&mut self, fields: &Map<String, Value>, field: &Field) -> Option<Kind> {
        let kind = match self.text(fields, field, "type")?.as_str() {
            "array" => Kind::Array,
            "boolean" => Kind::Boolean,
            "integer" => Kind::Integer,
            "number" => Kind::Number,
            "object" => Kind::Object,
            "string" => Kind::String,
            "" => return None,
            _ => {
                self.refuse(
                    &field.with("type"),
                    "is none of array, boolean, integer, number, object and string",
                );
                return None;
            }
        };
        Some(kind)
    }

    /// What a value may be by itself.
    fn values(&mut self, schema: &mut Schema, fields: &Map<String, Value>, field: &Field) {
        schema.values = self.list(fields, field, "enum").map(<[Value]>::to_vec);
        let exclusive = [
            self.flag(fields, field, "exclusiveMinimum"),
            self.flag(fields, field, "exclusiveMaximum"),
        ];
        let minimum = self.number(fields, field, "minimum");
        let maximum = self.number(fields, field, "maximum");
        schema.minimum = minimum.map(|number| (number, exclusive[0]));
        schema.maximum = maximum.map(|number| (number, exclusive[1]));
        schema.multiple_of = self.number(fields, field, "multipleOf");
        if schema.multiple_of.is_some_and(|number| number <= 0.0) {
            self.refuse(&field.with("multipleOf"), "is not above zero");
        }
        schema.length = self.bounds(fields, field, "minLength", "maxLength");
        schema.count = self.bounds(fields, field, "minItems", "maxItems");
        schema.size = self.bounds(fields, field, "minProperties", "maxProperties");
        schema.format = self.text(fields, field, "format");
        if let Some(pattern) = self.text(fields, field, "pattern") {
            match regex::RegexBuilder::new(&pattern)
                .size_limit(MAX_PATTERN)
                .build()
            {
                Ok(pattern) => schema.pattern = Some(pattern),
                Err(_) => self.refuse(&field.with("pattern"), "is no regular expression"),
            }
        }
    }

    /// What is in an object or an array.
    fn structure(
        &mut self,
        schema: &mut Schema,
        fields: &Map<String, Value>,
        field: &Field,
        role: Role,
    ) {
        if let Some(required) = self.list(fields, field, "required") {
            for (at, name) in required.iter().enumerate() {
                match name.as_str() {
                    Some(name) => schema.required.push(name.to_owned()),
                    None => self.refuse(&field.with("required").with(at), "expects a string"),
                }
            }
        }
        if let Some(properties) = self.some(fields, "properties") {
            let at = field.with("properties");
            match properties.as_object() {
                Some(properties) => {
                    for (name, value) in properties {
                        let property = self.node(value, &at.with(name.as_str()), role);
                        schema.properties.insert(name.clone(), property);
                    }
                }
                None => self.refuse(&at, "expects an object"),
            }
        }
        if let Some(items) = self.some(fields, "items") {
            let at = field.with("items");
            match items {
                Value::Array(_) => self.refuse(&at, "expects one schema for all items"),
                items => schema.items = Some(Box::new(self.node(items, &at, role))),
            }
        } else if schema.kind == Some(Kind::Array) && role == Role::Structure {
            match self.strictness {
                Strictness::Structural => self.refuse(&field.with("items"), "is missing"),
                Strictness::Legacy => schema.items = Some(Box::new(Schema::any())),
            }
        }
        if let Some(additional) = self.some(fields, "additionalProperties") {
            let at = field.with("additionalProperties");
            schema.additional = Some(match additional {
                Value::Bool(any) => Additional::Any(*any),
                value => Additional::Of(Box::new(self.node(value, &at, role))),
            });
            if !schema.properties.is_empty() && !matches!(additional, Value::Bool(false)) {
                self.refuse(&at, "cannot stand beside properties");
            }
        }
    }

    /// What other schemas say of the same value.
    fn conditions(&mut self, schema: &mut Schema, fields: &Map<String, Value>, field: &Field) {
        let mut all = |name: &str| {
            let schemas = self.list(fields, field, name).unwrap_or_default();
            let at = field.with(name);
            let node = |(index, value)| self.node(value, &at.with(index), Role::Condition);
            schemas.iter().enumerate().map(node).collect::<Vec<_>>()
        };
        schema.all_of = all("allOf");
        schema.any_of = all("anyOf");
        schema.one_of = all("oneOf");
        if let Some(not) = self.some(fields, "not") {
            let not = self.node(not, &field.with("not"), Role::Condition);
            schema.not = Some(Box::new(not));
        }
    }

    fn refuse(&mut self, field: &Field, message: impl Into<String>) {
        if self.wrong.len() < MAX_WRONG {
            self.wrong.push(Wrong::other(field.clone(), message));
        }
    }

    /// A field that is there and not null.
    fn some<'a>(&self, fields: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
        fields.get(name).filter(|value| !value.is_null())
    }

    fn flag(&mut self, fields: &Map<String, Value>, field: &Field, name: &str) -> bool {
        match self.some(fields, name) {
            None => false,
            Some(Value::Bool(flag)) => *flag,
            Some(_) => {
                self.refuse(&field.with(name), "expects true or false");
                false
            }
        }
    }

    fn text(&mut self, fields: &Map<String, Value>, field: &Field, name: &str) -> Option<String> {
        match self.some(fields, name)? {
            Value::String(text) => Some(text.clone()),
            _ => {
                self.refuse(&field.with(name), "expects a string");
                None
            }
        }
    }

    fn number(&mut self, fields: &Map<String, Value>, field: &Field, name: &str) -> Option<f64> {
        let number = self.some(fields, name)?.as_f64();
        if number.is_none() {
            self.refuse(&field.with(name), "expects a number");
        }
        number
    }

    fn list<'a>(
        &mut self,
        fields: &'a Map<String, Value>,
        field: &Field,
        name: &str,
    ) -> Option<&'a [Value]> {
        match self.some(fields, name)? {
            Value::Array(items) => Some(items),
            _ => {
                self.refuse(&field.with(name), "expects an array");
                None
            }
        }
    }

    fn bounds(
        &mut self,
        fields: &Map<String, Value>,
        field: &Field,
        min: &str,
        max: &str,
    ) -> Bounds {
        let mut bound = |name| {
            let bound = self.some(fields, name)?.as_u64();
            if bound.is_none() {
                self.refuse(&field.with(name), "expects a count");
            }
            bound
        };
        Bounds {
            min: bound(min),
            max: bound(max),
        }
    }
}

/// In steps from the root of the template: some 20 properties in each other. The library has six.
const MAX_DEPTH: usize = 64;

const MAX_NODES: usize = 10_000;

/// Of a compiled pattern, in bytes.
const MAX_PATTERN: usize = 1 << 20;

/// What is wrong beyond that is not told.
pub(crate) const MAX_WRONG: usize = 100;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(schema: &Value, value: &Value) -> Vec<String> {
        let schema = Schema::read(schema, &Field::default(), Strictness::Structural);
        let schema = schema.expect("a schema");
        let mut wrong = schema.check(value);
        wrong.extend(schema.unknown(value));
        let texts = wrong
            .iter()
            .map(|it| format!("{} {}", it.field, it.message));
        texts.map(|text| text.trim().to_owned()).collect()
    }

    #[test]
    fn every_word_of_a_schema_counts() {
        let any = "x-kubernetes-preserve-unknown-fields";
        for (schema, good, bad, expected) in [
            (
                json!({"type": "integer"}),
                json!(1.0),
                json!(1.5),
                "expects an integer, not a number",
            ),
            (
                json!({"type": "boolean"}),
                json!(true),
                json!(null),
                "expects a boolean, not null",
            ),
            (
                json!({"type": "string", "nullable": true, "minLength": 2}),
                json!(null),
                json!("ä"),
                "has 1 characters, and at least 2 are required",
            ),
            (
                json!({"type": "string", "enum": ["a", "b"]}),
                json!("a"),
                json!("c"),
                "is none of \"a\", \"b\"",
            ),
            (
                json!({"type": "number", "minimum": 0, "exclusiveMinimum": true}),
                json!(0.1),
                json!(0),
                "is not above 0",
            ),
            (
                json!({"type": "number", "multipleOf": 2}),
                json!(4),
                json!(5),
                "is no multiple of 2",
            ),
            (
                json!({"type": "array", "items": {"type": "integer"}, "uniqueItems": true}),
                json!([1, 2]),
                json!([1, 1]),
                "has an item twice",
            ),
            (
                json!({"type": "array", "items": {"type": "integer"}, "maxItems": 1}),
                json!([]),
                json!([1, 2]),
                "has 2 items, and at most 1 are allowed",
            ),
            (
                json!({"type": "array", "items": {"type": "integer"}}),
                json!([1]),
                json!([1, "a"]),
                "[1] expects an integer, not a string",
            ),
            (
                json!({"x-kubernetes-int-or-string": true}),
                json!("80%"),
                json!([]),
                "expects an integer or a string, not an array",
            ),
            (
                json!({"type": "object", "additionalProperties": {"type": "integer"}}),
                json!({"a": 1}),
                json!({"a b": "c"}),
                "[\"a b\"] expects an integer, not a string",
            ),
            (
                json!({"type": "object", "properties": {"a": {"type": "object", any: true}}}),
                json!({"a": {"b": [1]}}),
                json!({"b": 1}),
                "b is not a field of this",
            ),
            (
                json!({"type": "integer", "anyOf": [{"minimum": 9}, {"maximum": 1}]}),
                json!(9),
                json!(5),
                "meets none of the schemas of anyOf",
            ),
            (
                json!({"type": "integer", "oneOf": [{"minimum": 1}, {"minimum": 5}]}),
                json!(3),
                json!(7),
                "does not meet exactly one of the schemas of oneOf",
            ),
            (
                json!({"type": "integer", "allOf": [{"minimum": 1}], "not": {"maximum": 3}}),
                json!(4),
                json!(2),
                "meets the schema of not",
            ),
        ] {
            assert_eq!(told(&schema, &good), Vec::<String>::new(), "{schema}");
            assert_eq!(told(&schema, &bad), [expected], "{schema}");
        }
    }

    #[test]
    fn formats_are_those_that_kubernetes_asks_for() {
        for (format, good, bad) in [
            ("ipv4", "10.0.0.1", "10.0.0.256"),
            ("ipv6", "::1", "10.0.0.1"),
            ("cidr", "10.0.0.0/8", "10.0.0.0/33"),
            ("date", "2026-09-01", "2026-13-01"),
            ("date-time", "2026-09-01T12:00:00Z", "2026-09-01"),
            ("uuid", "9c2f0a51-5f0c-4d4c-8a3f-0c6a9d6f9b11", "9c2f0a51"),
        ] {
            let schema = json!({"type": "string", "format": format});
            assert_eq!(
                told(&schema, &json!(good)),
                Vec::<String>::new(),
                "{format}"
            );
            let expected = format!("is not of the format {format}");
            assert_eq!(told(&schema, &json!(bad)), [expected]);
        }
        let unknown = json!({"type": "string", "format": "password"});
        assert_eq!(told(&unknown, &json!("x")), Vec::<String>::new());
    }

    #[test]
    fn a_schema_that_nobody_writes_is_refused() {
        let mut deep = json!({"type": "string"});
        for _ in 0..100 {
            deep = json!({"type": "object", "properties": {"a": deep}});
        }
        let wrong = Schema::read(&deep, &Field::default(), Strictness::Structural);
        let wrong = wrong.expect_err("too deep");
        assert!(wrong[0].message.contains("larger or deeper"), "{wrong:?}");
        let many = (0..MAX_NODES + 1).map(|at| (at.to_string(), json!({"type": "string"})));
        let wide = json!({"type": "object", "properties": many.collect::<Map<_, _>>()});
        Schema::read(&wide, &Field::default(), Strictness::Structural).expect_err("too wide");
    }
}
