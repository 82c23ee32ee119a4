//! What a policy says of itself: `rego.metadata.rule()` and `rego.metadata.chain()`.
//!
//! Both are known before anything is evaluated: the annotations in the comments before the rule that
//! asks, and before its package and those above. So the call is replaced by what it gives.
//! <https://www.openpolicyagent.org/docs/policy-language#annotations>

use std::ops::Range;

use serde_json::{Map, Value, json};

use super::{Edit, Source, keyword};
use crate::layer;

/// A block of comments that begins with `METADATA`.
pub(super) struct Annotation {
    /// Which source it stands in, and before which of its tokens.
    place: (usize, usize),
    scope: Scope,
    /// What it is about, from `data` on.
    path: Vec<String>,
    value: Value,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    Rule,
    Document,
    Package,
    Subpackages,
}

/// All annotations; nothing, where one cannot be read. A call that asks for them is left as it is then,
/// and is of a function that is not there.
pub(super) fn annotations(sources: &[Source<'_>]) -> Option<Vec<Annotation>> {
    let mut all = Vec::new();
    for (number, source) in sources.iter().enumerate() {
        for (text, end) in blocks(source) {
            if let Some(about) = About::of(source, end) {
                all.push(about.annotation(number, &text)?);
            }
        }
    }
    Some(all)
}

/// Of the source of that number.
pub(super) fn edits(source: &Source<'_>, number: usize, all: &[Annotation]) -> Vec<Edit> {
    let calls = (0..source.tokens.len()).filter_map(|at| {
        let end = source.end_of_path(at);
        let is_word = source.is_word(at) && !source.is_field(at);
        let name = source.path(at, end).filter(|_| is_word)?;
        let asked: Asked = match name {
            "rego.metadata.rule" => rule,
            "rego.metadata.chain" => chain,
            _ => return None,
        };
        if !source.is(end, "(") || !source.is(end + 1, ")") {
            return None;
        }
        let (start, _) = keyword::rules(source)
            .filter(|(start, _)| *start <= at)
            .last()?;
        let path = About::of_rule(source, start)?.path;
        let value = asked((number, start), &path, package(source)?.len(), all);
        let range = source.tokens[at].range.start..source.tokens[end + 1].range.end;
        Some(Edit::new(range, value.to_string()))
    });
    calls.collect()
}

/// Of the rule at a place, with its path, the length of its package's, and all annotations.
type Asked = fn((usize, usize), &[String], usize, &[Annotation]) -> Value;

/// What stands right before the rule at `place`.
fn rule(place: (usize, usize), _: &[String], _: usize, all: &[Annotation]) -> Value {
    let of_rule = all
        .iter()
        .rev()
        .find(|it| it.scope == Scope::Rule && it.place == place);
    of_rule.map_or_else(|| json!({}), |it| it.value.clone())
}

/// The same, and outward from there: of the document, the package, and the packages above.
fn chain(place: (usize, usize), path: &[String], package: usize, all: &[Annotation]) -> Value {
    let entry = |it: &Annotation| json!({ "path": it.path, "annotations": it.value });
    let of_rule = all
        .iter()
        .rev()
        .filter(|it| it.scope == Scope::Rule && it.place == place);
    let mut chain: Vec<Value> = of_rule.map(entry).collect();
    if chain.is_empty() {
        chain.push(json!({ "path": path }));
    }
    let package = path.get(..package).unwrap_or_default();
    let of = |scope: Scope, path: &[String]| {
        let found = all.iter().find(|it| it.scope == scope && it.path == path);
        found.map(entry)
    };
    chain.extend(of(Scope::Document, path));
    chain.extend(of(Scope::Package, package));
    let above = (0..=package.len()).rev();
    chain.extend(above.filter_map(|length| of(Scope::Subpackages, &package[..length])));
    Value::from(chain)
}

/// What an annotation stands before.
struct About {
    at: usize,
    is_package: bool,
    path: Vec<String>,
}

impl About {
    /// The statement behind `end`, if one can be annotated.
    fn of(source: &Source<'_>, end: usize) -> Option<Self> {
        let at = source
            .tokens
            .iter()
            .position(|token| token.range.start >= end)?;
        if source.is(at, "package") && at == 0 {
            return Some(Self {
                at,
                is_package: true,
                path: package(source)?,
            });
        }
        Self::of_rule(source, at)
    }

    fn of_rule(source: &Source<'_>, at: usize) -> Option<Self> {
        keyword::rules(source).find(|(start, _)| *start == at)?;
        let mut path = package(source)?;
        let head = keyword::head(source, at);
        let name = source.path(head, source.end_of_path(head))?;
        path.extend(name.split('.').map(str::to_owned));
        Some(Self {
            at,
            is_package: false,
            path,
        })
    }

    fn annotation(self, source: usize, text: &str) -> Option<Annotation> {
        let Ok(Value::Object(said)) = layer::read(&"metadata.yaml".into(), text.as_bytes()) else {
            return None;
        };
        let is_entrypoint = said.get("entrypoint") == Some(&Value::Bool(true));
        let scope = match (said.get("scope").and_then(Value::as_str), self.is_package) {
            (Some("rule"), false) => Scope::Rule,
            (Some("document"), false) => Scope::Document,
            (Some("package"), true) => Scope::Package,
            (Some("subpackages"), true) => Scope::Subpackages,
            (Some(_), _) => return None,
            (None, true) => Scope::Package,
            (None, false) if is_entrypoint => Scope::Document,
            (None, false) => Scope::Rule,
        };
        Some(Annotation {
            place: (source, self.at),
            scope,
            path: self.path,
            value: normal(said, scope)?,
        })
    }
}

/// As OPA tells it. `schemas` are for its checks of types, which are not made here.
fn normal(said: Map<String, Value>, scope: Scope) -> Option<Value> {
    let mut fields = Map::new();
    for (name, value) in said {
        let value = match name.as_str() {
            "scope" => continue,
            "authors" => each(value, author)?,
            "related_resources" => each(value, |it| match it {
                Value::String(text) => Some(json!({ "ref": text })),
                Value::Object(_) => Some(it),
                _ => None,
            })?,
            "title" | "description" if value.is_string() => value,
            "organizations" if value.is_array() => value,
            "custom" if value.is_object() => value,
            "entrypoint" if value.is_boolean() => value,
            _ => return None,
        };
        let is_said = match &value {
            Value::String(text) => !text.is_empty(),
            Value::Array(items) => !items.is_empty(),
            Value::Object(fields) => !fields.is_empty(),
            value => *value == Value::Bool(true),
        };
        if is_said {
            fields.insert(name, value);
        }
    }
    let scope = match scope {
        Scope::Rule => "rule",
        Scope::Document => "document",
        Scope::Package => "package",
        Scope::Subpackages => "subpackages",
    };
    fields.insert("scope".to_owned(), scope.into());
    Some(Value::Object(fields))
}

fn each(value: Value, part: fn(Value) -> Option<Value>) -> Option<Value> {
    match value {
        Value::Array(items) => items.into_iter().map(part).collect(),
        _ => None,
    }
}

/// `Joe Bloggs <joe@example.org>`, or an object.
fn author(author: Value) -> Option<Value> {
    if author.is_object() {
        return Some(author);
    }
    let text = author.as_str()?.trim();
    let (name, email) = match text
        .strip_suffix('>')
        .and_then(|text| text.rsplit_once('<'))
    {
        Some((name, email)) => (name.trim(), email.trim()),
        None => (text, ""),
    };
    let parts = [("name", name), ("email", email)];
    let parts = parts.into_iter().filter(|(_, text)| !text.is_empty());
    Some(
        parts
            .map(|(key, text)| (key.to_owned(), Value::from(text)))
            .collect(),
    )
}

fn package(source: &Source<'_>) -> Option<Vec<String>> {
    let (_, package) = keyword::package(source)?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
    package
        .chars()
        .all(is_plain)
        .then(|| package.split('.').map(str::to_owned).collect())
}

/// The YAML of each block, and where the block ends.
fn blocks(source: &Source<'_>) -> Vec<(String, usize)> {
    let mut blocks: Vec<(String, usize)> = Vec::new();
    let mut is_open = false;
    let mut end = 0;
    for line in source.text.split_inclusive('\n') {
        let start = end;
        end += line.len();
        let comment = line
            .trim_start()
            .strip_prefix('#')
            .filter(|_| !is_inside(source, start..end));
        match comment {
            Some(text) if text.trim() == "METADATA" => {
                blocks.push((String::new(), end));
                is_open = true;
            }
            Some(text) if is_open => {
                if let Some(block) = blocks.last_mut() {
                    block.0.push_str(text.trim_end());
                    block.0.push('\n');
                    block.1 = end;
                }
            }
            _ => is_open = false,
        }
    }
    blocks
}

/// Whether a line begins in a text over several lines.
fn is_inside(source: &Source<'_>, line: Range<usize>) -> bool {
    let before = source
        .tokens
        .partition_point(|token| token.range.start < line.start);
    before > 0 && source.tokens[before - 1].range.end > line.start
}
