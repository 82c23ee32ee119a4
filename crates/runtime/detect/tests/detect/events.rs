//! Events that stand in files and in tests.

use std::collections::BTreeMap;

use casemate_core::{Event, Field, LogSource, Timestamp};
use casemate_detect::Detections;
use casemate_document::{
    Limits, Node, Value,
    yaml::{self, Dialect},
};

/// The only document of a text.
pub(crate) fn document(text: &str) -> Node {
    let stream = yaml::read(text, Dialect::CORE, &Limits::default());
    assert_eq!(stream.error, None);
    let [document] = &stream.documents[..] else {
        panic!("one document");
    };
    assert_eq!(document.repeated, [], "a key stands twice");
    document.root.clone()
}

/// An event of a category of the sensor's, so many seconds after a moment that means nothing.
pub(crate) fn event(category: &str, seconds: i64, fields: BTreeMap<String, Field>) -> Event {
    let log_source = LogSource {
        category: Some(category.into()),
        product: Some("linux".into()),
        service: Some("casemate-sensor".into()),
    };
    let time = at(seconds);
    Event::new(time, time, "node-1", log_source, Vec::new(), fields)
}

pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).expect("in range")
}

/// The fields of a map.
pub(crate) fn fields(node: &Node) -> BTreeMap<String, Field> {
    let entries = node.entries().iter();
    entries
        .map(|entry| ((*entry.key).to_owned(), field(&entry.value)))
        .collect()
}

fn field(node: &Node) -> Field {
    match &node.value {
        Value::Bool(value) => Field::Bool(*value),
        Value::Integer(value) => Field::Integer(*value),
        Value::Float(value) => Field::Float(*value),
        Value::String(value) => Field::Text((**value).to_owned()),
        Value::List(items) => Field::List(items.iter().map(field).collect()),
        other => panic!("no value of an event: {other:?}"),
    }
}

/// Rules of one file.
pub(crate) fn rules(text: &str) -> Detections {
    match Detections::read([("rules.yml", text.as_bytes())]) {
        Ok(detections) => detections,
        Err(errors) => panic!("{errors:#?}\n{text}"),
    }
}
