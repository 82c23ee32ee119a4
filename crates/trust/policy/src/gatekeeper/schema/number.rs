//! Numbers as JSON Schema compares them: `1` and `1.0` are one.

use std::collections::BTreeSet;

use serde_json::Value;

pub(super) fn is_integer(value: &Value) -> bool {
    match value {
        Value::Number(number) => {
            number.is_i64()
                || number.is_u64()
                || number.as_f64().is_some_and(|float| float.fract() == 0.0)
        }
        _ => false,
    }
}

/// Whether two values are the same; what is inside of them is compared as it is written.
pub(super) fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        _ => a == b,
    }
}

pub(super) fn has_duplicates(items: &[Value]) -> bool {
    let mut seen = BTreeSet::new();
    // The keys of an object are sorted, so one value has one text.
    !items.iter().all(|item| seen.insert(item.to_string()))
}
