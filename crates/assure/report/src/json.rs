//! JSON for programs, and the schema of it.

use casemate_core::{Asset, Decision, Event, Finding, Outcome, Population, Record, Relation, Rule};
use schemars::{JsonSchema, generate::SchemaSettings};
use serde::Serialize;
use serde_json::Value;

use crate::{Assessment, Scan};

/// How JSON is laid out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// One member a line, two spaces a level.
    #[default]
    Pretty,
    /// No white space.
    Compact,
}

/// An assessment as one JSON object, with a line feed at its end.
pub fn assessment(assessment: &Assessment, layout: Layout) -> String {
    render(assessment, layout)
}

/// A scan as one JSON object, with a line feed at its end.
pub fn scan(scan: &Scan, layout: Layout) -> String {
    render(scan, layout)
}

/// The names that [`schema`] knows.
pub const SCHEMAS: [&str; 11] = [
    "assessment",
    "asset",
    "decision",
    "event",
    "finding",
    "outcome",
    "population",
    "record",
    "relation",
    "rule",
    "scan",
];

/// The JSON Schema (draft 2020-12) of what `name` stands for; one of [`SCHEMAS`].
pub fn schema(name: &str) -> Option<Value> {
    Some(match name {
        "assessment" => schema_of::<Assessment>(),
        "asset" => schema_of::<Asset>(),
        "decision" => schema_of::<Decision>(),
        "event" => schema_of::<Event>(),
        "finding" => schema_of::<Finding>(),
        "outcome" => schema_of::<Outcome>(),
        "population" => schema_of::<Population>(),
        "record" => schema_of::<Record>(),
        "relation" => schema_of::<Relation>(),
        "rule" => schema_of::<Rule>(),
        "scan" => schema_of::<Scan>(),
        _ => return None,
    })
}

/// The JSON Schema (draft 2020-12) of what `T` is written as.
pub fn schema_of<T: JsonSchema>() -> Value {
    SchemaSettings::draft2020_12()
        .for_serialize()
        .into_generator()
        .into_root_schema_for::<T>()
        .to_value()
}

pub(crate) fn render<T: Serialize>(value: &T, layout: Layout) -> String {
    let json = match layout {
        Layout::Pretty => serde_json::to_string_pretty(value),
        Layout::Compact => serde_json::to_string(value),
    };
    let mut json = json.expect("a report has only text keys");
    json.push('\n');
    json
}
