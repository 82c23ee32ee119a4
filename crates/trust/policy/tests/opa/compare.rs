//! Whether two answers are the same, by OPA's own measure: a set of rows, numbers by their value,
//! sets as arrays.

use std::cmp::Ordering;

use casemate_policy::Bindings;
use serde_json::{Number, Value};

/// `is_sorted`: what rows bind to lists has no order.
pub(crate) fn same(wanted: &[Bindings], got: &[Bindings], is_sorted: bool) -> bool {
    let rows = |rows: &[Bindings]| {
        let mut rows: Vec<Value> = rows.iter().map(|row| plain(row, is_sorted)).collect();
        rows.sort_by(order);
        rows.dedup_by(|a, b| order(a, b) == Ordering::Equal);
        rows
    };
    let (wanted, got) = (rows(wanted), rows(got));
    wanted.len() == got.len() && wanted.iter().zip(&got).all(|(a, b)| order(a, b).is_eq())
}

fn plain(row: &Bindings, is_sorted: bool) -> Value {
    let mut row = row.clone();
    if is_sorted {
        for value in row.values_mut() {
            if let Value::Array(items) = value {
                items.sort_by(order);
            }
        }
    }
    Value::Object(row.into_iter().collect())
}

fn order(a: &Value, b: &Value) -> Ordering {
    let rank = |value: &Value| match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Number(_) => 2,
        Value::String(_) => 3,
        Value::Array(_) => 4,
        Value::Object(_) => 5,
    };
    match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::Number(a), Value::Number(b)) => numbers(a, b),
        (Value::String(a), Value::String(b)) => a.cmp(b),
        (Value::Array(a), Value::Array(b)) => {
            let items = a.iter().zip(b).map(|(a, b)| order(a, b));
            items
                .fold(Ordering::Equal, Ordering::then)
                .then(a.len().cmp(&b.len()))
        }
        (Value::Object(a), Value::Object(b)) => {
            let fields = a
                .iter()
                .zip(b)
                .map(|((ka, a), (kb, b))| ka.cmp(kb).then_with(|| order(a, b)));
            fields
                .fold(Ordering::Equal, Ordering::then)
                .then(a.len().cmp(&b.len()))
        }
        _ => rank(a).cmp(&rank(b)),
    }
}

fn numbers(a: &Number, b: &Number) -> Ordering {
    let integers = (a.as_i128(), b.as_i128());
    if let (Some(a), Some(b)) = integers {
        return a.cmp(&b);
    }
    let float = |number: &Number| number.as_f64().unwrap_or(f64::NAN);
    float(a).total_cmp(&float(b))
}
