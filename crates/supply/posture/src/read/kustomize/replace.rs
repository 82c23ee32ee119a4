//! Replacements: a field of one object into fields of others.

use super::{
    build::items,
    object::{Object, patched, string, text},
    target::Target,
};
use crate::{Attr, Value};

/// Does one replacement. An error says what of it is not understood.
pub(super) fn replace(replacement: &Attr, objects: &mut [Object]) -> Result<(), String> {
    let source = replacement
        .get("source")
        .ok()
        .ok_or("a replacement without a source")?;
    let object = objects
        .iter()
        .find(|object| selects_exactly(source, object));
    let object = object.ok_or("what it is to be replaced with is not there")?;
    let field = Some(text(source, "fieldPath"))
        .filter(|it| !it.is_empty())
        .unwrap_or("metadata.name");
    let value = steps(field)
        .iter()
        .try_fold(&object.body, |at, step| below(at, step));
    let value = value.ok_or("the field that it is to be replaced with is not there")?;
    let value = match source.get("options").ok() {
        Some(options) => part(value, options)?,
        None => value.clone(),
    };
    for target in items(replacement, "targets") {
        let select = target
            .get("select")
            .ok()
            .ok_or("a target that selects nothing")?;
        let select = Target::of(select);
        let rejected = items(&target, "reject");
        let rejected: Vec<Target<'_>> = rejected.iter().map(Target::of).collect();
        let paths = items(&target, "fieldPaths");
        let default = string("metadata.name", target.origin.clone());
        let paths = if paths.is_empty() {
            vec![default]
        } else {
            paths
        };
        let options = target.get("options").ok();
        for object in objects.iter_mut() {
            if !select.selects(object) || rejected.iter().any(|it| it.selects(object)) {
                continue;
            }
            for path in &paths {
                let steps = steps(path.as_str().unwrap_or_default());
                put(&mut object.body, &steps, &value, options)?;
            }
            object.remember();
        }
    }
    Ok(())
}

/// A source is named in full, not by an expression.
fn selects_exactly(source: &Attr, object: &Object) -> bool {
    let is = |key: &str, value: &str| {
        let wanted = text(source, key);
        wanted.is_empty() || wanted == value
    };
    let name = text(source, "name");
    is("kind", object.kind())
        && is("group", object.group())
        && is("version", object.version())
        && (name.is_empty() || object.was(name))
        && (is("namespace", object.namespace())
            || object.before.iter().any(|(_, it)| is("namespace", it)))
}

/// `a.b\.c.[name=x].d` in its steps.
fn steps(path: &str) -> Vec<String> {
    let mut steps = vec![String::new()];
    let mut chars = path.chars().peekable();
    let mut inside = false;
    while let Some(c) = chars.next() {
        match c {
            '\\' if chars.peek() == Some(&'.') => {
                chars.next();
                if let Some(last) = steps.last_mut() {
                    last.push('.');
                }
            }
            '.' if !inside => steps.push(String::new()),
            c => {
                inside = (inside || c == '[') && c != ']';
                if let Some(last) = steps.last_mut() {
                    last.push(c);
                }
            }
        }
    }
    steps.retain(|step| !step.is_empty());
    steps
}

/// `[name=x]` as a name and a value, and `[a/b]` as a key.
fn condition(step: &str) -> Option<(&str, &str)> {
    step.strip_prefix('[')?.strip_suffix(']')?.split_once('=')
}

fn key(step: &str) -> &str {
    let inside = step.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    inside.unwrap_or(step)
}

fn holds(item: &Attr, (name, value): (&str, &str)) -> bool {
    let there = match name {
        "" => item.text().ok(),
        name => item.get(name).and_then(Attr::text).ok(),
    };
    there.as_deref() == Some(value)
}

fn below<'a>(attr: &'a Attr, step: &str) -> Option<&'a Attr> {
    match &attr.value {
        Value::List(list) => match condition(step) {
            Some(condition) => list.iter().find(|item| holds(item, condition)),
            None => step.parse().ok().and_then(|at: usize| list.get(at)),
        },
        _ => attr.get(key(step)).ok(),
    }
}

/// The part of a text that `options` mean.
fn part(value: &Attr, options: &Attr) -> Result<Attr, String> {
    let delimiter = text(options, "delimiter");
    let written = value.text().ok().ok_or("a part of what is no text")?;
    if delimiter.is_empty() {
        return Ok(value.clone());
    }
    let at = options
        .get("index")
        .and_then(Attr::integer)
        .ok()
        .unwrap_or(0);
    let part = usize::try_from(at)
        .ok()
        .and_then(|at| written.split(delimiter).nth(at));
    Ok(string(
        part.ok_or("a part that is not there")?,
        value.origin.clone(),
    ))
}

fn put(
    attr: &mut Attr,
    steps: &[String],
    value: &Attr,
    options: Option<&Attr>,
) -> Result<(), String> {
    let creates = options
        .and_then(|it| it.get("create").ok())
        .is_some_and(|it| it.is_true().is_yes());
    let Some((step, rest)) = steps.split_first() else {
        *attr = patched(attr, joined(attr, value, options)?);
        return Ok(());
    };
    if let Value::List(list) = &attr.value {
        let chosen: Vec<usize> = match (condition(step), step.as_str()) {
            (Some(condition), _) => {
                let places = list
                    .iter()
                    .enumerate()
                    .filter(|(_, item)| holds(item, condition));
                places.map(|(at, _)| at).collect()
            }
            (None, "*") => (0..list.len()).collect(),
            (None, step) => vec![
                step.parse()
                    .map_err(|_| format!("{step} is no place in a list"))?,
            ],
        };
        for at in chosen {
            if let Some(item) = attr.items_mut().get_mut(at) {
                put(item, rest, value, options)?;
            }
        }
        return Ok(());
    }
    let name = key(step);
    let map = attr
        .map_mut()
        .ok_or_else(|| format!("{name} of what is no map"))?;
    if map.item(name).is_none() && creates {
        let empty = match rest.is_empty() {
            true => Attr::new(Value::Null, value.origin.clone()),
            false => super::object::map(Vec::new(), value.origin.clone()),
        };
        map.set(super::object::item(name, empty));
    }
    match map.get_mut(name) {
        Some(next) => put(next, rest, value, options),
        None => Err(format!("the field {name} is not there")),
    }
}

/// A value in the place of a part of the text that was there.
fn joined(old: &Attr, value: &Attr, options: Option<&Attr>) -> Result<Attr, String> {
    let delimiter = options.map_or("", |it| text(it, "delimiter"));
    if delimiter.is_empty() {
        return Ok(value.clone());
    }
    let index = options
        .and_then(|it| it.get("index").and_then(Attr::integer).ok())
        .unwrap_or(0);
    let new = value.text().ok().ok_or("a part of what is no text")?;
    let written = old.text().ok().unwrap_or_default();
    let mut parts: Vec<&str> = written.split(delimiter).collect();
    match usize::try_from(index) {
        Err(_) => parts.insert(0, &new),
        Ok(at) if at < parts.len() => parts[at] = &new,
        Ok(_) => parts.push(&new),
    }
    Ok(string(&parts.join(delimiter), value.origin.clone()))
}
