//! Values of JSON and of the library, one as the other.

use std::collections::BTreeMap;

use serde::Deserialize as _;
use serde_json::Value;

use super::failed;
use crate::{EngineError, engine::Message, memory, size};

pub(super) fn to_value(name: &str, document: &Value) -> Result<regorus::Value, EngineError> {
    converted(document).map_err(|error| {
        if memory::is_exceeded(&error) {
            return EngineError::Memory;
        }
        let text = Message::of_diagnostic(&error.to_string());
        EngineError::Data(Message::new(&format!("{name}: {text}")))
    })
}

/// What the library reads of `document`, in half the time. Recurses as deep as it is, as the library does.
fn converted(document: &Value) -> anyhow::Result<regorus::Value> {
    Ok(match document {
        Value::Null => regorus::Value::Null,
        Value::Bool(value) => regorus::Value::from(*value),
        Value::String(text) => regorus::Value::from(text.as_str()),
        Value::Array(items) => {
            let mut values = Vec::with_capacity(items.len());
            for item in items {
                values.push(converted(item)?);
            }
            memory::check()?;
            regorus::Value::from(values)
        }
        Value::Object(fields) if !fields.contains_key(NUMBER) => {
            let mut values = BTreeMap::new();
            for (key, value) in fields {
                values.insert(regorus::Value::from(key.as_str()), converted(value)?);
            }
            memory::check()?;
            regorus::Value::from(values)
        }
        Value::Number(number) if number.as_i64().is_some_and(|number| number != 0) => {
            regorus::Value::from(number.as_i64().unwrap_or_default())
        }
        // Numbers that can be written in more than one way, and what could be taken for one.
        _ => regorus::Value::deserialize(document)?,
    })
}

/// Sets become arrays in the order of their members.
pub(crate) fn to_json(value: &regorus::Value) -> Result<Option<Value>, EngineError> {
    if *value == regorus::Value::Undefined {
        return Ok(None);
    }
    if !size::is_bounded([value]) {
        let text = "the answer is too large: it has more than a million parts";
        return Err(EngineError::Refuse(Message::new(text)));
    }
    serde_json::to_value(value).map(Some).map_err(failed)
}

/// The field by which `serde_json` hands over numbers of any length.
const NUMBER: &str = "$serde_json::private::Number";
