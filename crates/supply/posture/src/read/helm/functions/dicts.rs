//! Maps.

use std::rc::Rc;

use super::{Function, MANY, list, logic::is_empty, map, of, passes, string, text, truth};
use crate::read::helm::template::{Data, Engine, Fail, Map, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    passes("dict", 0, MANY, dict),
    passes("get", 2, 2, |_, it| {
        unless_unknown(&it[0], || {
            let value = map(&it[0])?.get(text(&it[1])?);
            Ok(value.unwrap_or_else(|| Value::text("")))
        })
    }),
    passes("set", 3, 3, |_, it| {
        unless_unknown(&it[0], || {
            map(&it[0])?.set(text(&it[1])?, it[2].clone());
            Ok(it[0].clone())
        })
    }),
    passes("unset", 2, 2, |_, it| {
        unless_unknown(&it[0], || {
            map(&it[0])?.remove(text(&it[1])?);
            Ok(it[0].clone())
        })
    }),
    of("hasKey", 2, 2, |_, it| {
        Ok(truth(map(&it[0])?.has(text(&it[1])?)))
    }),
    of("pluck", 1, MANY, |engine, it| {
        let key = text(&it[0])?;
        let mut found = Vec::new();
        for dict in &it[1..] {
            found.extend(map(dict)?.get(key));
        }
        engine.list(found)
    }),
    of("keys", 0, MANY, |engine, it| {
        let mut keys = Vec::new();
        for dict in it {
            let entries = map(dict)?.entries().into_iter();
            keys.extend(entries.map(|(key, value)| Value::text(&*key).from(value.origin.as_ref())));
        }
        engine.strings(keys)
    }),
    passes("values", 1, 1, |engine, it| {
        unless_unknown(&it[0], || {
            let entries = map(&it[0])?.entries().into_iter();
            engine.list(entries.map(|(_, value)| value).collect())
        })
    }),
    of("pick", 1, MANY, |engine, it| chosen(engine, it, true)),
    of("omit", 1, MANY, |engine, it| chosen(engine, it, false)),
    passes("merge", 1, MANY, |engine, it| merge_all(engine, it, false)),
    passes("mustMerge", 1, MANY, |engine, it| {
        merge_all(engine, it, false)
    }),
    passes("mergeOverwrite", 1, MANY, |engine, it| {
        merge_all(engine, it, true)
    }),
    passes("mustMergeOverwrite", 1, MANY, |engine, it| {
        merge_all(engine, it, true)
    }),
    passes("dig", 3, MANY, dig),
    passes("deepCopy", 1, 1, |engine, it| copied(engine, &it[0], 0)),
    passes("mustDeepCopy", 1, 1, |engine, it| copied(engine, &it[0], 0)),
];

fn unless_unknown(
    value: &Value,
    then: impl FnOnce() -> Result<Value, Fail>,
) -> Result<Value, Fail> {
    match value.data {
        Data::Unknown(_) => Ok(value.clone()),
        _ => then(),
    }
}

fn dict(engine: &mut Engine, values: &[Value]) -> Result<Value, Fail> {
    let mut entries: Vec<(Rc<str>, Value)> = Vec::new();
    for pair in values.chunks(2) {
        let key = string(engine, &pair[0])?;
        // A key without a value has an empty one.
        let value = pair.get(1).cloned().unwrap_or_else(|| Value::text(""));
        entries.push((key.into(), value));
    }
    engine.map_of(entries)
}

fn chosen(engine: &mut Engine, values: &[Value], takes: bool) -> Result<Value, Fail> {
    let mut names = Vec::new();
    for key in &values[1..] {
        match &key.data {
            Data::List(_) => {
                for key in list(key)? {
                    names.push(text(key)?);
                }
            }
            _ => names.push(text(key)?),
        }
    }
    let entries = map(&values[0])?.entries().into_iter();
    let kept = entries.filter(|(key, _)| names.contains(&&**key) == takes);
    Ok(engine.map_of(kept)?.from(values[0].origin.as_ref()))
}

fn merge_all(engine: &mut Engine, values: &[Value], overwrites: bool) -> Result<Value, Fail> {
    // Go takes nothing for a map without entries.
    let given = values[1..]
        .iter()
        .filter(|it| !matches!(it.data, Data::Nil));
    for source in given {
        let (Data::Map(into), Data::Map(from)) = (&values[0].data, &source.data) else {
            if let Some(value) = values.iter().find(|it| matches!(it.data, Data::Unknown(_))) {
                return Ok(value.clone());
            }
            return Err(super::wrong("a map", source));
        };
        merge(engine, into, from, overwrites, 0)?;
    }
    Ok(values[0].clone())
}

/// As `mergo.Merge`: what is empty counts as not there.
fn merge(
    engine: &mut Engine,
    into: &Rc<Map>,
    from: &Rc<Map>,
    overwrites: bool,
    depth: usize,
) -> Result<(), Fail> {
    if depth > MAX_DEPTH {
        return Err("maps are nested too deep".into());
    }
    if Rc::ptr_eq(into, from) {
        return Ok(());
    }
    for (key, value) in from.entries() {
        engine.work(1)?;
        let there = into.get(&key);
        if let (Some(Data::Map(into)), Data::Map(from)) =
            (there.as_ref().map(|it| &it.data), &value.data)
        {
            merge(engine, into, from, overwrites, depth + 1)?;
            continue;
        }
        if matches!(value.data, Data::Nil) {
            if overwrites {
                into.set(key, value);
            }
            continue;
        }
        if overwrites || there.as_ref().is_none_or(is_empty) {
            into.set(key, value);
        }
    }
    Ok(())
}

/// What lies under keys in each other, or the default before the map.
fn dig(_: &mut Engine, values: &[Value]) -> Result<Value, Fail> {
    let [keys @ .., default, dict] = values else {
        return Err("too few arguments".into());
    };
    let mut value = dict.clone();
    for key in keys {
        if let Data::Unknown(_) = value.data {
            return Ok(value);
        }
        match map(&value)?.get(text(key)?) {
            Some(next) => value = next,
            None => return Ok(default.clone()),
        }
    }
    Ok(value)
}

/// A value that shares no map with `value`.
pub(in crate::read::helm) fn copied(
    engine: &mut Engine,
    value: &Value,
    depth: usize,
) -> Result<Value, Fail> {
    if depth > MAX_DEPTH {
        return Err("a value is nested too deep to be copied".into());
    }
    engine.work(1)?;
    let copy = match &value.data {
        Data::Map(map) => {
            let copy = engine.map()?;
            for (key, value) in map.entries() {
                let value = copied(engine, &value, depth + 1)?;
                copy.set(key, value);
            }
            Value::new(Data::Map(copy))
        }
        Data::List(list) => {
            let mut items = Vec::with_capacity(list.items.len());
            for item in &list.items {
                items.push(copied(engine, item, depth + 1)?);
            }
            match list.is_strings {
                true => engine.strings(items)?,
                false => engine.list(items)?,
            }
        }
        _ => return Ok(value.clone()),
    };
    Ok(copy.from(value.origin.as_ref()))
}

const MAX_DEPTH: usize = 100;
