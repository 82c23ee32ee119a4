//! Names of objects in other objects, once all have their last names; and `$(NAME)`.

use std::collections::HashMap;

use super::{
    fields::{POD_REFERENCES, POD_VARIABLES, PODS, REFERENCES, VARIABLES},
    object::{Object, each_at, patched, set, string, text},
};
use crate::{Attr, Value};

/// A kind that is named, a kind that names it (none is any), and where.
#[derive(Clone, Debug)]
pub(super) struct Reference {
    pub(super) named: String,
    pub(super) by: String,
    pub(super) path: String,
}

/// A variable: its name, and the value of a field of an object.
#[derive(Clone, Debug)]
pub(super) struct Variable {
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) object: String,
    pub(super) field: String,
}

/// Writes the last names of objects where others have earlier ones.
pub(super) fn follow(objects: &mut [Object], more: &[Reference]) {
    // What was not renamed needs no other name anywhere.
    let mut renamed: HashMap<String, Vec<Object>> = HashMap::new();
    for object in objects.iter() {
        if object.is_moved {
            renamed
                .entry(object.kind().to_owned())
                .or_default()
                .push(object.clone());
        }
    }
    if renamed.is_empty() {
        return;
    }
    for object in objects {
        let kind = object.kind().to_owned();
        let namespace = match object.is_cluster_wide() {
            true => None,
            false => Some(object.namespace().to_owned()),
        };
        let mut ways: Vec<(&str, String)> = Vec::new();
        for (_, pod) in PODS.iter().filter(|(it, _)| *it == kind) {
            let paths = POD_REFERENCES.iter();
            ways.extend(paths.map(|(named, path)| (*named, format!("{pod}/{path}"))));
        }
        let fixed = REFERENCES.iter().filter(|(_, by, _)| *by == kind);
        ways.extend(fixed.map(|(named, _, path)| (*named, (*path).to_owned())));
        let more = more.iter().filter(|it| it.by.is_empty() || it.by == kind);
        ways.extend(more.map(|it| (it.named.as_str(), it.path.clone())));
        for (named, path) in ways {
            let Some(candidates) = renamed.get(named) else {
                continue;
            };
            if kind.ends_with("Binding")
                && path == "roleRef/name"
                && text(&object.body, "roleRef.kind") != named
            {
                continue;
            }
            if path == "spec/scaleTargetRef/name"
                && text(&object.body, "spec.scaleTargetRef.kind") != named
            {
                continue;
            }
            each_at(&mut object.body, &path, None, &mut |attr| {
                rename(attr, candidates, namespace.as_deref());
            });
        }
    }
}

/// Writes the last name of what is named. A name says who is meant within a namespace; the objects of
/// none may mean anybody.
fn rename(attr: &mut Attr, candidates: &[Object], namespace: Option<&str>) {
    match &attr.value {
        Value::String(name) => {
            if let Some(object) = chosen(candidates, name, namespace)
                && object.name() != &**name
            {
                *attr = patched(attr, string(object.name(), object.body.origin.clone()));
            }
        }
        Value::List(_) => attr.items_mut().iter_mut().for_each(|item| {
            rename(item, candidates, namespace);
        }),
        // A reference with a name and a namespace: a subject, a service.
        Value::Map(_) => {
            let kind = text(attr, "kind");
            if !kind.is_empty() && !candidates.iter().any(|it| it.kind() == kind) {
                return;
            }
            let (name, there) = (
                text(attr, "name").to_owned(),
                text(attr, "namespace").to_owned(),
            );
            let within = if there.is_empty() { namespace } else { None };
            let matching = candidates.iter().filter(|object| {
                object.before.iter().any(|(before, space)| {
                    *before == name && (there.is_empty() || space.is_empty() || *space == there)
                })
            });
            let matching: Vec<Object> = matching.cloned().collect();
            let Some(object) = chosen(&matching, &name, within) else {
                return;
            };
            let origin = object.body.origin.clone();
            if object.name() != name {
                set(attr, "name", string(object.name(), origin.clone()));
            }
            if object.namespace() != there && !object.namespace().is_empty() {
                set(attr, "namespace", string(object.namespace(), origin));
            }
        }
        _ => {}
    }
}

/// The object of the namespace that was once called `name`.
fn chosen<'a>(candidates: &'a [Object], name: &str, namespace: Option<&str>) -> Option<&'a Object> {
    let mut matching = candidates.iter().filter(|object| object.was(name));
    let plain = |namespace: &str| match namespace {
        "default" => String::new(),
        other => other.to_owned(),
    };
    matching.find(|object| {
        let same = |it: &str| plain(it) == plain(object.namespace());
        object.is_cluster_wide() || namespace.is_none_or(same)
    })
}

/// Fills `$(NAME)` in.
pub(super) fn fill(objects: &mut [Object], variables: &[Variable], more: &[(String, String)]) {
    let mut values: HashMap<String, Attr> = HashMap::new();
    for variable in variables {
        let object = objects
            .iter()
            .find(|it| it.kind() == variable.kind && it.was(&variable.object));
        let field = variable.field.replace(['[', ']'], "");
        if let Some(value) = object.and_then(|it| it.body.at(&field).ok()) {
            values.insert(variable.name.clone(), value.clone());
        }
    }
    if values.is_empty() {
        return;
    }
    for object in objects {
        let kind = object.kind().to_owned();
        let mut paths: Vec<String> = Vec::new();
        for (_, pod) in PODS.iter().filter(|(it, _)| *it == kind) {
            paths.extend(POD_VARIABLES.iter().map(|path| format!("{pod}/{path}")));
        }
        let is_of = |it: &str| it.is_empty() || it == kind;
        let fixed = VARIABLES.iter().filter(|(it, _)| is_of(it));
        paths.extend(fixed.map(|(_, path)| (*path).to_owned()));
        let more = more.iter().filter(|(it, _)| is_of(it));
        paths.extend(more.map(|(_, path)| path.clone()));
        for path in paths {
            each_at(&mut object.body, &path, None, &mut |attr| {
                expand(attr, &values)
            });
        }
    }
}

fn expand(attr: &mut Attr, values: &HashMap<String, Attr>) {
    match &attr.value {
        Value::List(items) if items.iter().any(has_variable) => {
            attr.items_mut()
                .iter_mut()
                .for_each(|item| expand(item, values));
        }
        Value::Map(map) if map.items().iter().any(|item| has_variable(&item.value)) => {
            let keys: Vec<_> = map.items().iter().map(|item| item.key.clone()).collect();
            for key in keys {
                if let Some(value) = attr.map_mut().and_then(|map| map.get_mut(&key)) {
                    expand(value, values);
                }
            }
        }
        Value::String(written) if written.contains("$(") => {
            let mut text = written.to_string();
            let mut from = None;
            for (name, value) in values {
                let word = format!("$({name})");
                if !text.contains(&word) {
                    continue;
                }
                if text == word {
                    *attr = patched(attr, value.clone());
                    return;
                }
                text = text.replace(&word, &value.text().ok().unwrap_or_default());
                from = Some(value.origin.clone());
            }
            if let Some(origin) = from {
                *attr = patched(attr, string(&text, origin));
            }
        }
        _ => {}
    }
}

fn has_variable(attr: &Attr) -> bool {
    attr.as_str().is_some_and(|text| text.contains("$("))
}
