//! JSON Patch (RFC 6902), as far as repairs need it: fields are added, and nothing is replaced or removed.

use serde::Serialize;
use serde_json::{Map, Value};

/// One step of a patch: a field that is added.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Operation {
    op: &'static str,
    /// Where, as a JSON pointer (RFC 6901).
    pub path: String,
    /// What it is.
    pub value: Value,
}

impl Operation {
    /// Adds a field.
    pub fn add(path: &str, value: Value) -> Self {
        Self {
            op: "add",
            path: path.to_owned(),
            value,
        }
    }

    /// The step that puts `value` at the end of `keys` below the object at `pointer`, with what is missing on the way. None where a
    /// value is there already, or where something on the way is no object.
    pub(crate) fn fill(
        document: &Value,
        pointer: &str,
        keys: &[&str],
        value: &Value,
    ) -> Option<Self> {
        let mut at = document.pointer(pointer)?.as_object()?;
        let mut path = pointer.to_owned();
        let mut keys = keys.iter();
        loop {
            let key = keys.next()?;
            path.push('/');
            path.push_str(&escaped(key));
            match at.get(*key) {
                None | Some(Value::Null) => break,
                Some(Value::Object(below)) => at = below,
                Some(_) => return None,
            }
        }
        let wrap = |value: Value, key: &&str| Map::from_iter([((*key).to_owned(), value)]).into();
        let value = keys.rev().fold(value.clone(), wrap);
        Some(Self::add(&path, value))
    }
}

/// What becomes of `document` under a patch.
///
/// # Errors
///
/// [`PatchError`] for a place that is not there; nothing is changed then.
pub fn apply(document: &Value, patch: &[Operation]) -> Result<Value, PatchError> {
    let mut changed = document.clone();
    patch.iter().try_for_each(|step| put(&mut changed, step))?;
    Ok(changed)
}

/// Takes one step in `document` itself.
pub(crate) fn put(document: &mut Value, step: &Operation) -> Result<(), PatchError> {
    let missing = || PatchError(step.path.clone());
    let (parent, key) = step.path.rsplit_once('/').ok_or_else(missing)?;
    let parent = document.pointer_mut(parent).and_then(Value::as_object_mut);
    let key = key.replace("~1", "/").replace("~0", "~");
    parent.ok_or_else(missing)?.insert(key, step.value.clone());
    Ok(())
}

/// A place of a patch is not in the document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no place `{0}` in the document")]
pub struct PatchError(String);

/// A key as a part of a pointer.
pub(crate) fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_field_is_added_with_what_is_missing_on_the_way() {
        for (document, expected) in [
            (json!({}), Some(("/a", json!({"b/c": {"d": 1}})))),
            (json!({"a": null}), Some(("/a", json!({"b/c": {"d": 1}})))),
            (json!({"a": {"x": 1}}), Some(("/a/b~1c", json!({"d": 1})))),
            (json!({"a": {"b/c": {}}}), Some(("/a/b~1c/d", json!(1)))),
            (json!({"a": {"b/c": {"d": 2}}}), None),
            (json!({"a": {"b/c": {"d": {}}}}), None),
            (json!({"a": []}), None),
        ] {
            let step = Operation::fill(&document, "", &["a", "b/c", "d"], &json!(1));
            let expected = expected.map(|(path, value)| Operation::add(path, value));
            assert_eq!(step, expected, "{document}");
            if let Some(step) = step {
                let changed = apply(&document, &[step]).expect("applies");
                assert_eq!(changed["a"]["b/c"]["d"], 1);
            }
        }
        assert!(apply(&json!({}), &[Operation::add("/a/b", json!(1))]).is_err());
    }
}
