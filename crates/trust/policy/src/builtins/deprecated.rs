//! Builtins that OPA has of old and version 1 of Rego has no more. Templates use them still; only
//! they get them.

use regorus::Value;

use super::{Answer, Builtin, Fault, delegate};

pub(super) const BUILTINS: &[Builtin] = &[
    Builtin::new("all", 1, |arguments, _| {
        let is_true = |value: &Value| *value == Value::from(true);
        Ok(members(arguments)?.iter().all(is_true).into())
    }),
    Builtin::new("any", 1, |arguments, _| {
        let is_true = |value: &Value| *value == Value::from(true);
        Ok(members(arguments)?.iter().any(is_true).into())
    }),
    Builtin::new("cast_array", 1, |arguments, _| {
        members(arguments).map(Value::from)
    }),
    Builtin::new("cast_boolean", 1, |arguments, _| {
        same(arguments, |value| matches!(value, Value::Bool(_)))
    }),
    Builtin::new("cast_null", 1, |arguments, _| {
        same(arguments, |value| matches!(value, Value::Null))
    }),
    Builtin::new("cast_object", 1, |arguments, _| {
        same(arguments, |value| matches!(value, Value::Object(_)))
    }),
    Builtin::new("cast_set", 1, |arguments, _| {
        let mut set = Value::new_set();
        let members_of = set
            .as_set_mut()
            .map_err(|error| Fault::NoAnswer(error.to_string()))?;
        for member in members(arguments)? {
            members_of.insert(member);
        }
        Ok(set)
    }),
    Builtin::new("cast_string", 1, |arguments, _| {
        same(arguments, |value| matches!(value, Value::String(_)))
    }),
    Builtin::new("net.cidr_overlap", 2, |arguments, _| {
        delegate("net.cidr_contains", arguments)
    }),
    Builtin::new("set_diff", 2, |arguments, _| {
        let [Value::Set(from), Value::Set(without)] = arguments else {
            return Err("expects two sets".into());
        };
        let mut set = Value::new_set();
        let members = set
            .as_set_mut()
            .map_err(|error| Fault::NoAnswer(error.to_string()))?;
        for member in from.iter().filter(|member| !without.contains(member)) {
            members.insert(member.clone());
        }
        Ok(set)
    }),
];

/// What is in an array or a set.
fn members(arguments: &[Value]) -> Result<Vec<Value>, Fault> {
    match arguments {
        [Value::Array(items)] => Ok(items.iter().cloned().collect()),
        [Value::Set(items)] => Ok(items.iter_sorted().cloned().collect()),
        _ => Err("expects an array or a set".into()),
    }
}

fn same(arguments: &[Value], is: fn(&Value) -> bool) -> Answer {
    match arguments {
        [value] if is(value) => Ok(value.clone()),
        _ => Err("expects another type".into()),
    }
}
