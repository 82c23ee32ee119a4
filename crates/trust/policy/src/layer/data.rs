//! Documents, and how several become one.

use std::collections::BTreeMap;

use casemate_core::PathText;
use casemate_document::{Limits, Lines, Span, yaml};
use serde_json::{Map, Value};

use super::{MAX_BYTES, wrong};
use crate::BundleError;

/// Whether a file is JSON, TOML or YAML by its name.
pub(super) fn is_structured(name: &PathText) -> bool {
    matches!(name.extension(), Some("json" | "toml" | "yaml" | "yml"))
}

/// The document of a file. YAML is read as OPA reads it: 1.1, with merge keys.
pub(crate) fn read(name: &PathText, bytes: &[u8]) -> Result<Value, BundleError> {
    if bytes.len() > MAX_BYTES {
        return Err(BundleError::Large);
    }
    let text = std::str::from_utf8(bytes).map_err(|error| wrong(name, &error.to_string()))?;
    let read: Result<Value, String> = match name.extension() {
        Some("toml") => {
            toml::from_str(text).map_err(|error: toml::de::Error| error.message().to_owned())
        }
        Some("yaml" | "yml") => of_yaml(text),
        _ => serde_json::from_str(text).map_err(|error| error.to_string()),
    };
    read.map_err(|error| wrong(name, &error))
}

fn of_yaml(text: &str) -> Result<Value, String> {
    let stream = yaml::read(text, yaml::Dialect::KUBERNETES, &LIMITS);
    let line = |span: Span| format!("line {}", Lines::of(text).place(span.range().start).line);
    if let Some(error) = stream.error {
        return Err(format!("{}: {}", line(error.span), error.message));
    }
    match &stream.documents[..] {
        [] => Err("it holds no document".to_owned()),
        [document] => match document.repeated.first() {
            Some(span) => Err(format!("{}: a key stands twice", line(*span))),
            None => Ok(document.root.to_json()),
        },
        [_, _, ..] => Err("it holds more than one document".to_owned()),
    }
}

/// The document of `data.json` in a directory: the directory's path leads to it.
pub(super) fn mounted(name: &PathText, document: Value) -> Value {
    let mut folders: Vec<&str> = name.as_str().split('/').collect();
    folders.pop();
    folders.iter().rfold(document, |inner, folder| {
        Value::Object(Map::from_iter([((*folder).to_owned(), inner)]))
    })
}

/// What becomes of a value that two documents have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overlap {
    /// It is an error, as in OPA's bundles.
    Refused,
    /// It is an error unless both are the same.
    Alike,
}

/// Merges `from` into `into`.
///
/// # Errors
///
/// The path of what both have and is not an object in both.
pub(super) fn merge(into: &mut Value, from: &Value, overlap: Overlap) -> Result<(), String> {
    let mut todo = vec![(into, from, String::new())];
    while let Some((into, from, path)) = todo.pop() {
        match (into, from) {
            (Value::Object(into), Value::Object(from)) => {
                let mut both = BTreeMap::new();
                for (name, value) in from {
                    match into.contains_key(name) {
                        true => drop(both.insert(name, value)),
                        false => drop(into.insert(name.clone(), value.clone())),
                    }
                }
                for (name, value) in into.iter_mut() {
                    let Some(other) = both.get(name) else {
                        continue;
                    };
                    let path = match path.is_empty() {
                        true => name.clone(),
                        false => format!("{path}.{name}"),
                    };
                    todo.push((value, *other, path));
                }
            }
            (into, from) if overlap == Overlap::Alike && into == from => {}
            _ => return Err(path),
        }
    }
    Ok(())
}

const LIMITS: Limits = Limits {
    bytes: MAX_BYTES,
    nodes: 4_000_000,
    // As deep as `serde_json` reads.
    depth: 127,
};
