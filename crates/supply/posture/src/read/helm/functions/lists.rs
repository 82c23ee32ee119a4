//! Lists.

use super::{Function, MANY, int, list, of, passes, truth};
use crate::read::helm::template::{Data, Engine, Fail, Value, deep_equal};

pub(super) const FUNCTIONS: &[Function] = &[
    passes("list", 0, MANY, |engine, it| engine.list(it.to_vec())),
    passes("tuple", 0, MANY, |engine, it| engine.list(it.to_vec())),
    passes("append", 2, 2, append),
    passes("push", 2, 2, append),
    passes("mustAppend", 2, 2, append),
    passes("mustPush", 2, 2, append),
    passes("prepend", 2, 2, prepend),
    passes("mustPrepend", 2, 2, prepend),
    passes("first", 1, 1, |_, it| one(&it[0], |items| items.first())),
    passes("mustFirst", 1, 1, |_, it| {
        one(&it[0], |items| items.first())
    }),
    passes("last", 1, 1, |_, it| one(&it[0], |items| items.last())),
    passes("mustLast", 1, 1, |_, it| one(&it[0], |items| items.last())),
    passes("rest", 1, 1, rest),
    passes("mustRest", 1, 1, rest),
    passes("initial", 1, 1, initial),
    passes("mustInitial", 1, 1, initial),
    passes("reverse", 1, 1, reverse),
    passes("mustReverse", 1, 1, reverse),
    of("uniq", 1, 1, uniq),
    of("mustUniq", 1, 1, uniq),
    of("without", 1, MANY, without),
    of("mustWithout", 1, MANY, without),
    of("has", 2, 2, has),
    of("mustHas", 2, 2, has),
    of("slice", 1, 3, slice),
    of("mustSlice", 1, 3, slice),
    passes("concat", 0, MANY, concat),
    of("chunk", 2, 2, chunk),
    of("mustChunk", 2, 2, chunk),
    of("compact", 1, 1, compact),
    of("mustCompact", 1, 1, compact),
];

/// The items of a list; an error for what is not known, which no list can have part in.
fn items(value: &Value) -> Result<Vec<Value>, Fail> {
    Ok(list(value)?.to_vec())
}

/// The result for a list that is not known.
fn unless_unknown(
    value: &Value,
    then: impl FnOnce() -> Result<Value, Fail>,
) -> Result<Value, Fail> {
    match value.data {
        Data::Unknown(_) => Ok(value.clone()),
        _ => then(),
    }
}

fn append(engine: &mut Engine, values: &[Value]) -> Result<Value, Fail> {
    unless_unknown(&values[0], || {
        let mut all = items(&values[0])?;
        all.push(values[1].clone());
        engine.list(all)
    })
}

fn prepend(engine: &mut Engine, values: &[Value]) -> Result<Value, Fail> {
    unless_unknown(&values[0], || {
        let mut all = vec![values[1].clone()];
        all.extend(items(&values[0])?);
        engine.list(all)
    })
}

fn one(value: &Value, which: fn(&[Value]) -> Option<&Value>) -> Result<Value, Fail> {
    unless_unknown(value, || {
        Ok(which(list(value)?).cloned().unwrap_or(Value::NIL))
    })
}

fn rest(engine: &mut Engine, values: &[Value]) -> Result<Value, Fail> {
    unless_unknown(&values[0], || {
        let all = list(&values[0])?;
        engine.list(all.get(1..).unwrap_or_default().to_vec())
    })
}

fn initial(engine: &mut Engine, values: &[Value]) -> Result<Value, Fail> {
    unless_unknown(&values[0], || {
        let all = list(&values[0])?;
        engine.list(all[..all.len().saturating_sub(1)].to_vec())
    })
}

fn reverse(engine: &mut Engine, values: &[Value]) -> Result<Value, Fail> {
    unless_unknown(&values[0], || {
        let mut all = items(&values[0])?;
        all.reverse();
        engine.list(all)
    })
}

fn holds(engine: &mut Engine, all: &[Value], value: &Value) -> Result<bool, Fail> {
    for item in all {
        if deep_equal(engine, item, value, 0)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn uniq(engine: &mut Engine, values: &[Value]) -> Result<Value, Fail> {
    let mut kept: Vec<Value> = Vec::new();
    for item in list(&values[0])? {
        if !holds(engine, &kept, item)? {
            kept.push(item.clone());
        }
    }
    engine.list(kept)
}

fn without(engine: &mut Engine, values: &[Value]) -> Result<Value, Fail> {
    let mut kept = Vec::new();
    for item in list(&values[0])? {
        if !holds(engine, &values[1..], item)? {
            kept.push(item.clone());
        }
    }
    engine.list(kept)
}

fn has(engine: &mut Engine, values: &[Value]) -> Result<Value, Fail> {
    if let Data::Nil = values[1].data {
        return Ok(truth(false));
    }
    let is_there = holds(engine, list(&values[1])?, &values[0])?;
    Ok(truth(is_there))
}

fn slice(engine: &mut Engine, values: &[Value]) -> Result<Value, Fail> {
    let all = list(&values[0])?;
    let place = |at: usize, default: usize| match values.get(at) {
        Some(value) => usize::try_from(int(value)?).map_err(|_| "less than nought".into()),
        None => Ok::<usize, Fail>(default),
    };
    let range = place(1, 0)?..place(2, all.len())?;
    let part = all.get(range).ok_or("a part that is not in the list")?;
    engine.list(part.to_vec())
}

fn concat(engine: &mut Engine, values: &[Value]) -> Result<Value, Fail> {
    let mut all = Vec::new();
    for value in values {
        match value.data {
            Data::Unknown(_) => return Ok(value.clone()),
            Data::Nil => {}
            _ => all.extend(items(value)?),
        }
        engine.work(all.len())?;
    }
    engine.list(all)
}

fn chunk(engine: &mut Engine, values: &[Value]) -> Result<Value, Fail> {
    let size = usize::try_from(int(&values[0])?).unwrap_or(0).max(1);
    let mut chunks = Vec::new();
    for part in list(&values[1])?.chunks(size) {
        chunks.push(engine.list(part.to_vec())?);
    }
    engine.list(chunks)
}

fn compact(engine: &mut Engine, values: &[Value]) -> Result<Value, Fail> {
    let items = list(&values[0])?.iter();
    let kept = items.filter(|item| !super::logic::is_empty(item)).cloned();
    engine.list(kept.collect())
}
