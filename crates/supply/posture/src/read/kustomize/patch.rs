//! Patches: strategic merges, and operations of RFC 6902.

use std::sync::Arc;

use super::object::{Object, item, patched};
use crate::{Attr, Value};

/// `patch` over `body`. An error where it says what is not understood here.
pub(super) fn merged(object: &Object, patch: &Attr) -> Result<Option<Attr>, String> {
    let is_core = KINDS.contains(&object.kind());
    let merged = merge(&object.body, patch, "", is_core)?;
    Ok(merged.map(|body| without_nothing(&body)))
}

/// A merge takes away what is nothing wherever it stands.
fn without_nothing(attr: &Attr) -> Attr {
    let has_nothing = |map: &crate::Map| {
        map.items()
            .iter()
            .any(|item| matches!(item.value.value, Value::Null))
    };
    let value = match &attr.value {
        Value::Map(map) if has_nothing(map) || map.items().iter().any(|it| is_deep(&it.value)) => {
            // But for the times that generators of definitions leave empty.
            let is_kept = |item: &&crate::Item| {
                !matches!(item.value.value, Value::Null) || &*item.key == "creationTimestamp"
            };
            let kept = map.items().iter().filter(is_kept).map(|entry| crate::Item {
                key: entry.key.clone(),
                place: entry.place.clone(),
                value: without_nothing(&entry.value),
            });
            Value::Map(Arc::new(crate::Map::new(kept.collect())))
        }
        Value::List(items) if items.iter().any(is_deep) => {
            Value::List(items.iter().map(without_nothing).collect())
        }
        _ => return attr.clone(),
    };
    Attr {
        value,
        ..attr.clone()
    }
}

fn is_deep(attr: &Attr) -> bool {
    matches!(attr.value, Value::Map(_) | Value::List(_))
}

/// Nothing is left where the patch deletes it.
fn merge(old: &Attr, patch: &Attr, key: &str, is_core: bool) -> Result<Option<Attr>, String> {
    match (&old.value, &patch.value) {
        (_, Value::Null) => Ok(None),
        (Value::Map(_), Value::Map(_)) => merge_maps(old, patch, is_core),
        (Value::List(olds), Value::List(news)) => {
            let merge_key = merge_key(key, olds, news, is_core);
            match merge_key {
                Some(merge_key) => merge_lists(old, olds, patch, news, merge_key, is_core),
                None => Ok(Some(patched(old, clean(patch)?))),
            }
        }
        _ => Ok(Some(patched(old, clean(patch)?))),
    }
}

fn directive(patch: &Attr) -> Option<&str> {
    patch.get("$patch").ok().and_then(Attr::as_str)
}

fn merge_maps(old: &Attr, patch: &Attr, is_core: bool) -> Result<Option<Attr>, String> {
    match directive(patch) {
        Some("delete") => return Ok(None),
        Some("replace") => return Ok(Some(patched(old, clean(patch)?))),
        _ => {}
    }
    let mut new = old.clone();
    for entry in patch.entries() {
        if entry.key.starts_with('$') {
            match &*entry.key {
                "$patch" | "$setElementOrder" => continue,
                other => return Err(format!("{other} in a patch")),
            }
        }
        let value = match old.get(&entry.key).ok() {
            Some(there) => merge(there, &entry.value, &entry.key, is_core)?,
            None if matches!(entry.value.value, Value::Null) => None,
            None => Some(clean(&entry.value)?),
        };
        let Some(map) = new.map_mut() else {
            continue;
        };
        match value {
            Some(value) => map.set(item(&entry.key, value)),
            None => map.remove(&entry.key),
        }
    }
    Ok(Some(new))
}

/// By which field the items of a list are told apart, as the API of Kubernetes says it.
fn merge_key(key: &str, olds: &[Attr], news: &[Attr], is_core: bool) -> Option<&'static str> {
    if !is_core {
        return None;
    }
    let (_, fields) = MERGE_KEYS.iter().find(|(list, _)| *list == key)?;
    let all = || olds.iter().chain(news);
    let has =
        |field: &&&str| all().all(|it| it.get(field).ok().is_some() || directive(it).is_some());
    fields.iter().find(has).copied()
}

fn merge_lists(
    old: &Attr,
    olds: &[Attr],
    patch: &Attr,
    news: &[Attr],
    key: &str,
    is_core: bool,
) -> Result<Option<Attr>, String> {
    let id = |item: &Attr| {
        let second = if key.ends_with("ort") { "protocol" } else { "" };
        let word = |key: &str| item.get(key).and_then(Attr::text).ok().unwrap_or_default();
        let protocol = Some(word(second))
            .filter(|it| !it.is_empty())
            .unwrap_or_else(|| "TCP".into());
        (word(key), protocol)
    };
    if news
        .iter()
        .any(|it| directive(it) == Some("replace") && it.entries().len() == 1)
    {
        let kept = news.iter().filter(|it| directive(it).is_none());
        let kept: Result<Vec<Attr>, String> = kept.map(clean).collect();
        return Ok(Some(patched(
            old,
            Attr::new(Value::List(kept?.into()), patch.origin.clone()),
        )));
    }
    // What a patch names comes first.
    let mut items: Vec<Attr> = Vec::new();
    let mut done = Vec::new();
    for new in news {
        let name = id(new);
        let there = olds.iter().find(|it| id(it) == name);
        let merged = match (there, directive(new)) {
            (_, Some("delete")) => None,
            (Some(there), _) => merge(there, new, "", is_core)?,
            (None, _) => Some(clean(new)?),
        };
        items.extend(merged);
        done.push(name);
    }
    items.extend(olds.iter().filter(|it| !done.contains(&id(it))).cloned());
    Ok(Some(Attr::new(
        Value::List(items.into()),
        old.origin.clone(),
    )))
}

/// A part of a patch that stands where nothing stood: without what only patches say.
fn clean(patch: &Attr) -> Result<Attr, String> {
    let value = match &patch.value {
        Value::List(items) => {
            let kept = items.iter().filter(|it| directive(it) != Some("delete"));
            let items: Result<Vec<Attr>, String> = kept.map(clean).collect();
            Value::List(items?.into())
        }
        Value::Map(map) => {
            let mut kept = Vec::new();
            for entry in map.items() {
                if entry.key.starts_with('$') {
                    match &*entry.key {
                        "$patch" => continue,
                        other => return Err(format!("{other} in a patch")),
                    }
                }
                if !matches!(entry.value.value, Value::Null) {
                    kept.push(item(&entry.key, clean(&entry.value)?));
                }
            }
            Value::Map(Arc::new(crate::Map::new(kept)))
        }
        _ => return Ok(patch.clone()),
    };
    Ok(Attr::new(value, patch.origin.clone()))
}

/// The operations of RFC 6902 on `body`.
pub(super) fn operated(body: &Attr, operations: &Attr) -> Result<Attr, String> {
    let mut body = body.clone();
    for operation in operations.items() {
        let word = |key: &str| {
            operation
                .get(key)
                .ok()
                .and_then(Attr::as_str)
                .unwrap_or_default()
        };
        let path = pointer(word("path"));
        let value = operation.get("value").ok().cloned();
        let value = value.unwrap_or_else(|| Attr::new(Value::Null, operation.origin.clone()));
        match word("op") {
            "add" => put(&mut body, &path, value, true)?,
            "replace" => put(&mut body, &path, value, false)?,
            "remove" => {
                take(&mut body, &path)?;
            }
            "move" => {
                let value = take(&mut body, &pointer(word("from")))?;
                put(&mut body, &path, value, true)?;
            }
            "copy" => {
                let from = pointer(word("from"));
                let value = from.iter().try_fold(&body, |at, step| below(at, step));
                let value = value.cloned().ok_or("a copy of what is not there")?;
                put(&mut body, &path, value, true)?;
            }
            "test" => {}
            other => return Err(format!("the operation {other:?}")),
        }
    }
    Ok(body)
}

fn pointer(path: &str) -> Vec<String> {
    let steps = path.split('/').skip(1);
    steps
        .map(|step| step.replace("~1", "/").replace("~0", "~"))
        .collect()
}

fn below<'a>(attr: &'a Attr, step: &str) -> Option<&'a Attr> {
    match &attr.value {
        Value::List(items) => step.parse().ok().and_then(|at: usize| items.get(at)),
        _ => attr.get(step).ok(),
    }
}

fn parent<'a>(body: &'a mut Attr, path: &[String]) -> Result<&'a mut Attr, String> {
    let mut at = body;
    for step in path {
        let missing = || format!("{step} is not there");
        at = match &at.value {
            Value::List(_) => {
                let place: usize = step.parse().map_err(|_| missing())?;
                at.items_mut().get_mut(place).ok_or_else(missing)?
            }
            _ => at
                .map_mut()
                .and_then(|map| map.get_mut(step))
                .ok_or_else(missing)?,
        };
    }
    Ok(at)
}

fn put(body: &mut Attr, path: &[String], value: Attr, adds: bool) -> Result<(), String> {
    let Some((last, way)) = path.split_last() else {
        *body = patched(body, value);
        return Ok(());
    };
    let at = parent(body, way)?;
    if let Value::List(items) = &at.value {
        let mut items = items.to_vec();
        let place = match last.as_str() {
            "-" => items.len(),
            last => last
                .parse()
                .map_err(|_| format!("{last} is no place in a list"))?,
        };
        match (adds, items.get(place)) {
            (true, _) if place <= items.len() => items.insert(place, value),
            (false, Some(old)) => items[place] = patched(old, value),
            _ => return Err(format!("{last} is not in the list")),
        }
        at.value = Value::List(items.into());
        return Ok(());
    }
    let map = at
        .map_mut()
        .ok_or_else(|| format!("{last} of what is no map"))?;
    let value = match map.item(last) {
        Some(old) => patched(&old.value, value),
        // Kustomize's library replaces what is not there, too.
        None => value,
    };
    map.set(item(last, value));
    Ok(())
}

fn take(body: &mut Attr, path: &[String]) -> Result<Attr, String> {
    let (last, way) = path.split_last().ok_or("all of it is removed")?;
    let at = parent(body, way)?;
    let missing = || format!("{last} is not there");
    if let Value::List(items) = &at.value {
        let mut items = items.to_vec();
        let place: usize = last.parse().map_err(|_| missing())?;
        if place >= items.len() {
            return Err(missing());
        }
        let taken = items.remove(place);
        at.value = Value::List(items.into());
        return Ok(taken);
    }
    let map = at.map_mut().ok_or_else(missing)?;
    let taken = map.item(last).ok_or_else(missing)?.value.clone();
    map.remove(last);
    Ok(taken)
}

/// Lists of Kubernetes' own kinds that are merged, and by what (`patchMergeKey` in its API).
const MERGE_KEYS: &[(&str, &[&str])] = &[
    ("containers", &["name"]),
    ("initContainers", &["name"]),
    ("ephemeralContainers", &["name"]),
    ("volumes", &["name"]),
    ("volumeMounts", &["mountPath"]),
    ("volumeDevices", &["devicePath"]),
    ("env", &["name"]),
    ("ports", &["containerPort", "port"]),
    ("imagePullSecrets", &["name"]),
    ("secrets", &["name"]),
    ("hostAliases", &["ip"]),
    ("topologySpreadConstraints", &["topologyKey"]),
    ("ownerReferences", &["uid"]),
    ("webhooks", &["name"]),
    ("conditions", &["type"]),
    ("resourceClaims", &["name"]),
];

/// Kinds whose lists are merged so. Of others nobody knows, and their lists are replaced.
const KINDS: &[&str] = &[
    "Pod",
    "PodTemplate",
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "ReplicaSet",
    "ReplicationController",
    "Job",
    "CronJob",
    "Service",
    "ServiceAccount",
    "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
];
