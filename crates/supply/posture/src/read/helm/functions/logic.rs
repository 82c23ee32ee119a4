//! Defaults, choices, and what kind of thing a value is.

use super::{Function, MANY, of, passes, text, truth};
use crate::read::helm::template::{Data, Engine, Fail, Object, Value, deep_equal};

pub(super) const FUNCTIONS: &[Function] = &[
    passes("default", 1, 2, default),
    of("empty", 1, 1, |_, it| Ok(truth(is_empty(&it[0])))),
    passes("coalesce", 0, MANY, |_, it| {
        let known = it.iter().find(|value| !is_empty(value));
        Ok(known.cloned().unwrap_or(Value::NIL))
    }),
    of("all", 0, MANY, |_, it| Ok(truth(!it.iter().any(is_empty)))),
    of("any", 0, MANY, |_, it| {
        Ok(truth(it.iter().any(|value| !is_empty(value))))
    }),
    passes("ternary", 3, 3, ternary),
    of("typeOf", 1, 1, |engine, it| engine.text(it[0].type_name())),
    of("typeIs", 2, 2, |_, it| {
        Ok(truth(text(&it[0])? == it[1].type_name()))
    }),
    of("typeIsLike", 2, 2, |_, it| {
        let (like, name) = (text(&it[0])?, it[1].type_name());
        Ok(truth(like == name || name.strip_prefix('*') == Some(like)))
    }),
    of("kindOf", 1, 1, |engine, it| engine.text(it[0].kind())),
    of("kindIs", 2, 2, |_, it| {
        Ok(truth(text(&it[0])? == it[1].kind()))
    }),
    of("deepEqual", 2, 2, |engine, it| {
        Ok(truth(deep_equal(engine, &it[0], &it[1], 0)?))
    }),
];

/// Whether Sprig takes it for nothing.
pub(super) fn is_empty(value: &Value) -> bool {
    match &value.data {
        Data::Object(object) => match &**object {
            Object::Files(files) => files.is_empty(),
            _ => false,
        },
        _ => !value.is_true(),
    }
}

fn default(_: &mut Engine, values: &[Value]) -> Result<Value, Fail> {
    Ok(match values.get(1) {
        Some(given) if !is_empty(given) => given.clone(),
        _ => values[0].clone(),
    })
}

fn ternary(_: &mut Engine, values: &[Value]) -> Result<Value, Fail> {
    match &values[2].data {
        Data::Bool(true) => Ok(values[0].clone()),
        Data::Bool(false) => Ok(values[1].clone()),
        Data::Unknown(_) => Ok(values[2].clone()),
        _ => Err(super::wrong("yes or no", &values[2])),
    }
}
