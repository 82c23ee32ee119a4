//! One spelling for each JSON value, so that a digest of it means something.

use serde::Serialize;
use serde_json::Value;

/// The JSON of `value` without white space and with the members of every object in order of their
/// UTF-8 names, whatever order the type or the map keeps.
///
/// For values without floating-point numbers, and names within the Basic Multilingual Plane, this
/// is the JSON Canonicalization Scheme (RFC 8785).
///
/// # Errors
///
/// What `serde_json` says of a value that JSON cannot hold, such as a map with keys that are not
/// text.
pub fn canonical_json<T: Serialize + ?Sized>(value: &T) -> serde_json::Result<Vec<u8>> {
    let mut value = serde_json::to_value(value)?;
    sort(&mut value);
    serde_json::to_vec(&value)
}

/// Sorts the members of every object. `serde_json` keeps them sorted by itself, unless some crate
/// of the build turns its `preserve_order` on.
fn sort(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(sort),
        Value::Object(members) => {
            let mut sorted: Vec<_> = std::mem::take(members).into_iter().collect();
            sorted.sort_by(|(a, _), (b, _)| a.cmp(b));
            sorted.iter_mut().for_each(|(_, member)| sort(member));
            *members = sorted.into_iter().collect();
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_sorted_at_every_depth() {
        let value: Value = serde_json::from_str(r#"{"b": [{"z": 1, "a": "é\n"}], "a": null}"#)
            .expect("valid JSON");
        let bytes = canonical_json(&value).expect("serialises");
        assert_eq!(bytes, r#"{"a":null,"b":[{"a":"é\n","z":1}]}"#.as_bytes());
    }
}
