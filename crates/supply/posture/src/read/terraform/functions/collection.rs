//! Lists, sets and maps; and what is of any type.

use std::{collections::BTreeMap, sync::Arc};

use super::{Answer, Args, Wrong, bounded, fields_of, items_of, text_of, wrong};
use crate::{
    Origin,
    read::terraform::{
        types::Type,
        value::{Field, Fields, Kind, Val},
    },
};

pub(super) fn call(name: &str, args: &Args<'_>) -> Option<Answer> {
    Some(match name {
        "alltrue" => truth(args, true),
        "anytrue" => truth(args, false),
        "chunklist" => chunks(args),
        "coalesce" => coalesce(args),
        "coalescelist" => coalesce_list(args),
        "compact" => compact(args),
        "concat" => concat(args),
        "contains" => contains(args),
        "distinct" => distinct(args),
        "element" => element(args),
        "flatten" => flatten(args),
        "index" => index(args),
        "keys" => keys(args),
        "length" => length(args),
        "list" => args.list(args.values.to_vec()),
        "lookup" => lookup(args),
        "map" => map(args),
        "matchkeys" => match_keys(args),
        "merge" => merge(args),
        "one" => one(args),
        "range" => range(args),
        "reverse" => args
            .items(0)
            .and_then(|it| args.list(it.iter().rev().cloned().collect())),
        "setintersection" => sets(args, |a, b| {
            a.iter().filter(|it| has(b, it)).cloned().collect()
        }),
        "setsubtract" => sets(args, |a, b| {
            a.iter().filter(|it| !has(b, it)).cloned().collect()
        }),
        "setunion" => sets(args, |a, b| a.iter().chain(b).cloned().collect()),
        "setproduct" => product(args),
        "slice" => slice(args),
        "sort" => sort(args),
        "tobool" => convert(args, &Type::Bool),
        "tolist" => convert(args, &Type::List(Box::new(Type::Any))),
        "tomap" => convert(args, &Type::Map(Box::new(Type::Any))),
        "toset" => convert(args, &Type::Set(Box::new(Type::Any))),
        "transpose" => transpose(args),
        "values" => args
            .fields(0)
            .and_then(|it| args.list(it.items.values().map(|it| it.value.clone()).collect())),
        "zipmap" => zip(args),
        "sensitive" => args.value(0).map(|it| it.clone().mark(true)),
        "nonsensitive" => args.value(0).map(|it| it.clone().bare()),
        "issensitive" => args.value(0).and_then(|it| args.is(it.is_sensitive)),
        "ephemeralasnull" => args.value(0).cloned(),
        _ => return None,
    })
}

/// A map of what has these names.
pub(super) fn object<'a>(fields: impl Iterator<Item = (&'a str, Val)>, origin: &Origin) -> Val {
    let field = |(name, value): (&str, Val)| {
        let place = value.origin.clone();
        (Arc::from(name), Field { place, value })
    };
    let items = fields.map(field).collect();
    Val::map(Fields { items, open: None }, origin.clone())
}

fn convert(args: &Args<'_>, of: &Type) -> Answer {
    let value = args.value(0)?;
    // What a set of things has that are not known is not known either.
    Ok(of
        .convert(value, &|_| Val::null(args.origin()))
        .at(args.origin()))
}

fn truth(args: &Args<'_>, all: bool) -> Answer {
    let mut open = None;
    for item in args.items(0)?.iter() {
        match (item.as_bool(), item.is_null()) {
            (Some(value), _) if value != all => return args.is(!all),
            (None, true) if all => return args.is(false),
            (None, false) => open = Some(wrong(item, "a bool")),
            _ => {}
        }
    }
    match open {
        Some(wrong) => Err(wrong),
        None => args.is(all),
    }
}

fn chunks(args: &Args<'_>) -> Answer {
    let (items, size) = (args.items(0)?, args.whole(1)?);
    let size =
        usize::try_from(size).map_err(|_| Wrong::Error("the size is negative".to_owned()))?;
    let size = if size == 0 { items.len().max(1) } else { size };
    args.list(
        items
            .chunks(size)
            .map(|it| Val::list(it.to_vec(), args.origin()))
            .collect(),
    )
}

fn coalesce(args: &Args<'_>) -> Answer {
    for value in args.values {
        if let Some(unknown) = value.as_unknown() {
            return Err(Wrong::Unknown(unknown.clone()));
        }
        let is_empty = matches!(&value.kind, Kind::Text(text) if text.is_empty());
        if !value.is_null() && !is_empty {
            return Ok(value.clone());
        }
    }
    Err(Wrong::Error("all arguments are empty".to_owned()))
}

fn coalesce_list(args: &Args<'_>) -> Answer {
    for value in args.values.iter().filter(|it| !it.is_null()) {
        if !items_of(value)?.is_empty() {
            return Ok(value.clone());
        }
    }
    Err(Wrong::Error("all lists are empty".to_owned()))
}

fn compact(args: &Args<'_>) -> Answer {
    let mut items = Vec::new();
    for item in args.items(0)?.iter().filter(|it| !it.is_null()) {
        if !text_of(item)?.is_empty() {
            items.push(item.clone());
        }
    }
    args.list(items)
}

fn concat(args: &Args<'_>) -> Answer {
    let mut items = Vec::new();
    for list in args.values {
        let more = items_of(list)?;
        bounded(items.len() + more.len())?;
        items.extend(more.iter().cloned());
    }
    args.list(items)
}

fn has(items: &[Val], value: &Val) -> bool {
    items
        .iter()
        .any(|it| it.equals(value, &mut 1000) == Some(true))
}

fn contains(args: &Args<'_>) -> Answer {
    let (items, value) = (args.items(0)?, args.value(1)?);
    let mut open = value.as_unknown().cloned();
    let mut budget = MAX_COMPARED;
    for item in items.iter() {
        match item.equals(value, &mut budget) {
            Some(true) => return args.is(true),
            Some(false) => {}
            None => open = open.or_else(|| item.as_unknown().cloned()),
        }
    }
    match open {
        Some(unknown) => Err(Wrong::Unknown(unknown)),
        None if budget == 0 => Err(Wrong::Open(TOO_MANY)),
        None => args.is(false),
    }
}

fn distinct(args: &Args<'_>) -> Answer {
    let items = args.items(0)?;
    if items.len() > 2000 {
        return Err(Wrong::Open(TOO_MANY));
    }
    let mut kept: Vec<Val> = Vec::new();
    for item in items.iter() {
        if let Some(unknown) = item.as_unknown() {
            return Err(Wrong::Unknown(unknown.clone()));
        }
        if !has(&kept, item) {
            kept.push(item.clone());
        }
    }
    args.list(kept)
}

fn element(args: &Args<'_>) -> Answer {
    let (items, at) = (args.items(0)?, args.whole(1)?);
    let length = i32::try_from(items.len()).unwrap_or(i32::MAX);
    if length == 0 {
        return Err(Wrong::Error("the list is empty".to_owned()));
    }
    let at = usize::try_from(at.rem_euclid(length)).unwrap_or_default();
    Ok(items[at].clone())
}

fn flatten(args: &Args<'_>) -> Answer {
    let mut items = Vec::new();
    let mut open: Vec<Val> = args.items(0)?.iter().rev().cloned().collect();
    let mut looked_at = 0;
    while let Some(item) = open.pop() {
        looked_at += 1;
        bounded(looked_at)?;
        match (item.as_items(), item.as_unknown()) {
            (Some(inner), _) => {
                bounded(open.len() + inner.len())?;
                open.extend(
                    inner
                        .iter()
                        .rev()
                        .map(|it| it.clone().mark(item.is_sensitive)),
                );
            }
            // It may be a list.
            (None, Some(unknown)) => return Err(Wrong::Unknown(unknown.clone())),
            (None, None) => items.push(item),
        }
    }
    args.list(items)
}

fn index(args: &Args<'_>) -> Answer {
    let (items, value) = (args.items(0)?, args.value(1)?);
    for (at, item) in items.iter().enumerate() {
        match item.equals(value, &mut 1000) {
            #[expect(clippy::cast_precision_loss, reason = "lists are shorter than 2^53")]
            Some(true) => return args.count(at as f64),
            Some(false) => {}
            None => {
                return Err(wrong(
                    if item.reason().is_some() { item } else { value },
                    "known",
                ));
            }
        }
    }
    Err(Wrong::Error("it is not in the list".to_owned()))
}

fn keys(args: &Args<'_>) -> Answer {
    let fields = args.fields(0)?;
    let key = |(key, field): (&Arc<str>, &Field)| Val::text(key.clone(), field.place.clone());
    args.list(fields.items.iter().map(key).collect())
}

#[expect(clippy::cast_precision_loss, reason = "nothing is as long as 2^53")]
fn length(args: &Args<'_>) -> Answer {
    let value = args.value(0)?;
    match &value.kind {
        Kind::List(items) | Kind::Set(items) => args.count(items.len() as f64),
        Kind::Map(_) => args.count(args.fields(0)?.items.len() as f64),
        Kind::Text(text) => {
            super::text::plain(text)?;
            args.count(text.chars().count() as f64)
        }
        Kind::Json(_) => args.count(args.text(0)?.chars().count() as f64),
        _ => Err(wrong(value, "a collection or a string")),
    }
}

fn lookup(args: &Args<'_>) -> Answer {
    let map = args.value(0)?;
    let fields = map.as_fields().ok_or_else(|| wrong(map, "a map"))?;
    let key = args.text(1)?;
    match (fields.items.get(&key), &fields.open) {
        (Some(field), _) => Ok(field.value.clone()),
        (None, Some(_)) => fields_of(map).map(|_| map.clone()),
        (None, None) => {
            let default = args.values.get(2).cloned();
            default.ok_or_else(|| Wrong::Error(format!("there is no `{key}`")))
        }
    }
}

fn map(args: &Args<'_>) -> Answer {
    let mut items = BTreeMap::new();
    for pair in args.values.chunks_exact(2) {
        let place = pair[0].origin.clone();
        let value = pair[1].clone();
        items.insert(text_of(&pair[0])?, Field { place, value });
    }
    Ok(Val::map(Fields { items, open: None }, args.origin()))
}

fn match_keys(args: &Args<'_>) -> Answer {
    let (values, keys, wanted) = (args.items(0)?, args.items(1)?, args.items(2)?);
    if values.len() != keys.len() {
        return Err(Wrong::Error("the lists differ in length".to_owned()));
    }
    if let Some(unknown) = keys.iter().chain(wanted.iter()).find_map(Val::as_unknown) {
        return Err(Wrong::Unknown(unknown.clone()));
    }
    bounded(keys.len().saturating_mul(wanted.len()))?;
    let pairs = values.iter().zip(keys.iter());
    args.list(
        pairs
            .filter(|(_, key)| has(&wanted, key))
            .map(|(value, _)| value.clone())
            .collect(),
    )
}

fn merge(args: &Args<'_>) -> Answer {
    let mut merged = Fields::default();
    for map in args.values.iter().filter(|it| !it.is_null()) {
        let fields = map.as_fields().ok_or_else(|| wrong(map, "a map"))?;
        bounded(merged.items.len() + fields.items.len())?;
        if let Some(why) = &fields.open {
            // What is not known may replace what is.
            for field in merged.items.values_mut() {
                field.value = Val::unknown(why.clone(), field.value.origin.clone());
            }
            merged.open = Some(why.clone());
        }
        for (key, field) in &fields.items {
            let mut field = field.clone();
            field.value = field.value.mark(map.is_sensitive);
            merged.items.insert(key.clone(), field);
        }
    }
    Ok(Val::map(merged, args.origin()))
}

fn one(args: &Args<'_>) -> Answer {
    match &*args.items(0)? {
        [] => Ok(Val::null(args.origin())),
        [item] => Ok(item.clone()),
        _ => Err(Wrong::Error("there is more than one item".to_owned())),
    }
}

fn range(args: &Args<'_>) -> Answer {
    let (start, limit) = match args.values.len() {
        0 | 1 => (0.0, args.number(0)?),
        _ => (args.number(0)?, args.number(1)?),
    };
    let step = match args.values.len() {
        0..=2 if limit < start => -1.0,
        0..=2 => 1.0,
        _ => args.number(2)?,
    };
    if step == 0.0 {
        return Err(Wrong::Error("the step is zero".to_owned()));
    }
    let mut items = Vec::new();
    let mut next = start;
    while (step > 0.0 && next < limit) || (step < 0.0 && next > limit) {
        // So many, Terraform makes.
        if items.len() >= 1024 {
            return Err(Wrong::Error("there are more than 1024 items".to_owned()));
        }
        items.push(Val::number(next, args.origin()));
        next += step;
    }
    args.list(items)
}

fn sets(args: &Args<'_>, combine: fn(&[Val], &[Val]) -> Vec<Val>) -> Answer {
    let mut result: Option<Vec<Val>> = None;
    for value in args.values {
        let items = items_of(value)?;
        if let Some(unknown) = items.iter().find_map(Val::as_unknown) {
            return Err(Wrong::Unknown(unknown.clone()));
        }
        result = Some(match result {
            Some(before) => {
                bounded(
                    before
                        .len()
                        .saturating_mul(items.len())
                        .min(before.len() + 10 * items.len()),
                )?;
                combine(&before, &items)
            }
            None => items.to_vec(),
        });
    }
    args.set(result.unwrap_or_default())
}

fn product(args: &Args<'_>) -> Answer {
    let mut rows: Vec<Vec<Val>> = vec![Vec::new()];
    for value in args.values {
        let items = items_of(value)?;
        bounded(
            rows.len()
                .saturating_mul(items.len())
                .saturating_mul(args.values.len()),
        )?;
        let longer = |row: &Vec<Val>| -> Vec<Vec<Val>> {
            items
                .iter()
                .map(|item| row.iter().chain([item]).cloned().collect())
                .collect()
        };
        rows = rows.iter().flat_map(longer).collect();
    }
    let rows = rows
        .into_iter()
        .map(|row| Val::list(row, args.origin()))
        .collect();
    match args.values.iter().any(|it| matches!(it.kind, Kind::Set(_))) {
        true => args.set(rows),
        false => args.list(rows),
    }
}

fn slice(args: &Args<'_>) -> Answer {
    let (items, start, end) = (args.items(0)?, args.whole(1)?, args.whole(2)?);
    let range = usize::try_from(start).ok().zip(usize::try_from(end).ok());
    let found = range.and_then(|(start, end)| items.get(start..end));
    match found {
        Some(found) => args.list(found.to_vec()),
        None => Err(Wrong::Error("the list is shorter".to_owned())),
    }
}

fn sort(args: &Args<'_>) -> Answer {
    let texts: Result<Vec<Arc<str>>, Wrong> = args.items(0)?.iter().map(text_of).collect();
    let mut texts = texts?;
    texts.sort();
    args.list(
        texts
            .into_iter()
            .map(|it| Val::text(it, args.origin()))
            .collect(),
    )
}

fn transpose(args: &Args<'_>) -> Answer {
    let mut turned: BTreeMap<Arc<str>, Vec<Val>> = BTreeMap::new();
    for (key, field) in &args.fields(0)?.items {
        for item in items_of(&field.value)?.iter() {
            turned
                .entry(text_of(item)?)
                .or_default()
                .push(Val::text(key.clone(), args.origin()));
        }
    }
    let field = |(key, items): (Arc<str>, Vec<Val>)| {
        let value = Val::list(items, args.origin());
        let place = args.origin();
        (key, Field { place, value })
    };
    let items = turned.into_iter().map(field).collect();
    Ok(Val::map(Fields { items, open: None }, args.origin()))
}

fn zip(args: &Args<'_>) -> Answer {
    let (keys, values) = (args.items(0)?, args.items(1)?);
    if keys.len() != values.len() {
        return Err(Wrong::Error("the lists differ in length".to_owned()));
    }
    let mut items = BTreeMap::new();
    for (key, value) in keys.iter().zip(values.iter()) {
        let place = key.origin.clone();
        let value = value.clone();
        items.insert(text_of(key)?, Field { place, value });
    }
    Ok(Val::map(Fields { items, open: None }, args.origin()))
}

const MAX_COMPARED: u32 = 100_000;

const TOO_MANY: &str = "there are more items than are looked at";
