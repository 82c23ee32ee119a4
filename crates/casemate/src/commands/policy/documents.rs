//! The documents that the commands about policies read.

use std::{io, path::Path};

use anyhow::{Context, Result, bail};
use casemate_policy::{
    DecisionRecord, DecisionSchema, GateInput, GateSchema, gatekeeper::Resource,
};
use serde_json::Value;

use crate::config;

/// The input of a gate.
pub(super) fn input(path: &Path) -> Result<GateInput> {
    let text = read(path)?;
    serde_json::from_str(&text)
        .with_context(|| format!("{} is not the input of a gate", path.display()))
}

/// A record, or an input.
pub(super) enum Document {
    Record(Box<DecisionRecord>),
    Input(Box<GateInput>),
}

/// The record of a decision or the input of a gate: its `schema` says which.
pub(super) fn record_or_input(path: &Path) -> Result<Document> {
    let text = read(path)?;
    let read = one_of(&text).with_context(|| format!("{} cannot be used", path.display()))?;
    read.with_context(|| {
        let shown = path.display();
        format!("{shown} is neither the record of a decision nor the input of a gate")
    })
}

/// The same of a file that nobody named: it may be something else, and then is none.
pub(super) fn record_or_input_among_others(path: &Path) -> Result<Option<Document>> {
    one_of(&read(path)?)
}

fn one_of(text: &str) -> Result<Option<Document>> {
    let schema = serde_json::from_str(text).map(|Schema { schema }| schema);
    match schema.as_deref() {
        Ok(DecisionSchema::TEXT) => {
            let record = serde_json::from_str(text).context("it is no record of a decision")?;
            Ok(Some(Document::Record(record)))
        }
        Ok(GateSchema::TEXT) => {
            let input = serde_json::from_str(text).context("it is no input of a gate")?;
            Ok(Some(Document::Input(input)))
        }
        // What is cut off may have been either.
        Err(error) if !error.is_data() => bail!("it is not JSON: {error}"),
        _ => Ok(None),
    }
}

#[derive(serde::Deserialize)]
struct Schema {
    schema: String,
}

/// What is in a file that is checked.
pub(super) struct Checked {
    /// As rules in the habit of conftest see it: each document of a YAML file by itself.
    pub(super) documents: Vec<Value>,
    /// As constraints do: lists taken apart.
    pub(super) objects: Vec<Resource>,
}

impl Checked {
    pub(super) fn read(path: &Path) -> Result<Self> {
        let text = read(path)?;
        let is_not = |format: &str| format!("{} is not {format}", path.display());
        let extension = path.extension().and_then(|extension| extension.to_str());
        let is_input = path.to_str() == Some("-");
        match extension {
            Some("toml") => Ok(Self {
                documents: vec![toml::from_str(&text).with_context(|| is_not("TOML"))?],
                objects: Vec::new(),
            }),
            Some("json") => Self::of(path, &text).with_context(|| is_not("JSON")),
            Some("yaml" | "yml") => Self::of(path, &text).with_context(|| is_not("YAML")),
            None if is_input => {
                Self::of(path, &text).context("standard input is neither YAML nor JSON")
            }
            _ => bail!("{}: files are YAML, JSON or TOML", path.display()),
        }
    }

    fn of(path: &Path, text: &str) -> Result<Self> {
        let name = path.display().to_string();
        let documents = Resource::documents(&name, text.as_bytes())?;
        let values = documents.iter().map(|document| &document.value);
        let mut values: Vec<Value> = values.filter(|value| !value.is_null()).cloned().collect();
        if values.is_empty() {
            // A file that says nothing is asked about, too.
            values.push(Value::Null);
        }
        Ok(Self {
            documents: values,
            objects: Resource::objects(documents),
        })
    }
}

fn read(path: &Path) -> Result<String> {
    if path.to_str() != Some("-") {
        return config::read_bounded(path);
    }
    config::bounded(io::stdin(), "standard input")
}
