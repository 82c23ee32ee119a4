//! Comparisons of Go's templates, and of `reflect`.

use std::cmp::Ordering;

use super::{
    engine::{Engine, Fail},
    value::{Data, Value},
};

/// `eq`: of what can be compared.
pub(crate) fn equal(one: &Value, other: &Value) -> Result<bool, Fail> {
    use Data::{Bool, Float, Int, Int64, Nil, Text};
    Ok(match (&one.data, &other.data) {
        (Nil, Nil) => true,
        (Bool(a), Bool(b)) => a == b,
        (Int(a) | Int64(a), Int(b) | Int64(b)) => a == b,
        #[allow(clippy::float_cmp, reason = "Go compares them so")]
        (Float(a), Float(b)) => a == b,
        (Text(a), Text(b)) => a.as_str() == b.as_str(),
        (Nil, _) | (_, Nil) => false,
        _ => return Err(differ(one, other)),
    })
}

/// `lt`, and what is made of it.
pub(crate) fn less(one: &Value, other: &Value) -> Result<bool, Fail> {
    use Data::{Float, Int, Int64, Text};
    let order = match (&one.data, &other.data) {
        (Int(a) | Int64(a), Int(b) | Int64(b)) => Some(a.cmp(b)),
        (Float(a), Float(b)) => a.partial_cmp(b),
        (Text(a), Text(b)) => Some(a.as_str().cmp(b.as_str())),
        _ => return Err(differ(one, other)),
    };
    Ok(order == Some(Ordering::Less))
}

fn differ(one: &Value, other: &Value) -> Fail {
    format!(
        "a comparison of {} with {}",
        one.type_name(),
        other.type_name()
    )
    .into()
}

/// `reflect.DeepEqual`.
pub(crate) fn deep_equal(
    engine: &mut Engine,
    one: &Value,
    other: &Value,
    depth: usize,
) -> Result<bool, Fail> {
    if depth > MAX_DEPTH {
        return Err("values are nested too deep to be compared".into());
    }
    engine.work(1)?;
    match (&one.data, &other.data) {
        (Data::Int(a), Data::Int(b)) | (Data::Int64(a), Data::Int64(b)) => Ok(a == b),
        (Data::Int(_) | Data::Int64(_), _) => Ok(false),
        (Data::List(a), Data::List(b)) => {
            if a.items.len() != b.items.len() {
                return Ok(false);
            }
            for (one, other) in a.items.iter().zip(&b.items) {
                if !deep_equal(engine, one, other, depth + 1)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        (Data::Map(a), Data::Map(b)) => {
            if a.len() != b.len() {
                return Ok(false);
            }
            for ((key, one), (name, other)) in a.entries().iter().zip(b.entries()) {
                if *key != name || !deep_equal(engine, one, &other, depth + 1)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        _ => Ok(one.kind() == other.kind() && equal(one, other).unwrap_or(false)),
    }
}

const MAX_DEPTH: usize = 100;
