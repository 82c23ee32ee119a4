//! Defaults put in, in the order that Kubernetes does it: those of a level, then what is in it.

use serde_json::Value;

use super::{Additional, Schema};

impl Schema {
    /// Puts in what is missing. What has no parent is not put in.
    pub(crate) fn fill(&self, value: &mut Value) {
        match value {
            Value::Object(fields) => {
                for (name, schema) in &self.properties {
                    if let Some(default) = &schema.default
                        && !fields.contains_key(name)
                    {
                        fields.insert(name.clone(), default.clone());
                    }
                }
                for (name, value) in fields {
                    match (self.properties.get(name), &self.additional) {
                        (Some(schema), _) => schema.fill(value),
                        (None, Some(Additional::Of(schema))) => schema.fill(value),
                        _ => {}
                    }
                }
            }
            Value::Array(items) => {
                if let Some(schema) = &self.items {
                    items.iter_mut().for_each(|item| schema.fill(item));
                }
            }
            _ => {}
        }
    }

    /// The value that stands where nothing is given.
    pub(crate) fn preset(&self) -> Option<&Value> {
        self.default.as_ref()
    }
}
