//! What a kustomization does to all objects: namespace, names, labels, images, numbers of copies.

use super::{
    build::items,
    fields::{CLAIMS, REPLICATED, SELECTORS, TEMPLATES},
    object::{Object, each, each_at, item, map, patched, set, string, text},
};
use crate::{Attr, Fact, Value};

/// Fields beside the usual ones, as `configurations` name them.
#[derive(Clone, Debug, Default)]
pub(super) struct More {
    pub(super) namespaces: Vec<Field>,
    pub(super) labels: Vec<Field>,
}

/// A field of a kind; no kind is any.
#[derive(Clone, Debug)]
pub(super) struct Field {
    kind: String,
    path: String,
    creates: bool,
}

impl Field {
    pub(super) fn of(spec: &Attr) -> Self {
        Self {
            kind: text(spec, "kind").to_owned(),
            path: text(spec, "path").to_owned(),
            creates: spec
                .get("create")
                .ok()
                .is_some_and(|it| it.is_true().is_yes()),
        }
    }

    fn is_of(&self, kind: &str) -> bool {
        self.kind.is_empty() || self.kind == kind
    }
}

/// Does it, and gives what was not understood.
pub(super) fn all(spec: &Attr, objects: &mut [Object], more: &More) -> Vec<(Attr, String)> {
    let mut problems = Vec::new();
    if let Fact::Known(namespace) = spec.get("namespace") {
        for object in objects.iter_mut() {
            put_in(object, namespace);
            let kind = object.kind().to_owned();
            for field in more.namespaces.iter().filter(|it| it.is_of(&kind)) {
                let origin = field.creates.then_some(&namespace.origin);
                each_at(&mut object.body, &field.path, origin, &mut |it| {
                    *it = patched(it, namespace.clone());
                });
            }
        }
    }
    let affix = |key: &str| text(spec, key).to_owned();
    let (prefix, suffix) = (affix("namePrefix"), affix("nameSuffix"));
    if !prefix.is_empty() || !suffix.is_empty() {
        let kept = ["CustomResourceDefinition", "APIService", "Namespace"];
        for object in objects.iter_mut().filter(|it| !kept.contains(&it.kind())) {
            let name = format!("{prefix}{}{suffix}", object.name());
            rename(object, &name);
        }
    }
    if let Fact::Known(labels) = spec.get("commonLabels") {
        for object in objects.iter_mut() {
            label(object, labels, true, true);
            put_more(object, labels, more);
        }
    }
    for entry in items(spec, "labels") {
        let is_true = |key: &str| entry.get(key).ok().is_some_and(|it| it.is_true().is_yes());
        let Fact::Known(pairs) = entry.get("pairs") else {
            continue;
        };
        let (selectors, templates) = (is_true("includeSelectors"), is_true("includeTemplates"));
        for object in objects.iter_mut() {
            label(object, pairs, selectors, selectors || templates);
            if selectors {
                put_more(object, pairs, more);
            }
            for field in items(&entry, "fields") {
                let kind = text(&field, "kind");
                if kind.is_empty() || kind == object.kind() {
                    let creates = field
                        .get("create")
                        .ok()
                        .is_some_and(|it| it.is_true().is_yes());
                    put_at(object, text(&field, "path"), pairs, creates);
                }
            }
        }
    }
    if let Fact::Known(annotations) = spec.get("commonAnnotations") {
        for object in objects.iter_mut() {
            put_at(object, "metadata/annotations", annotations, true);
            let kind = object.kind().to_owned();
            for (_, path) in TEMPLATES.iter().filter(|(it, _)| *it == kind) {
                put_at(object, &format!("{path}/annotations"), annotations, true);
            }
        }
    }
    for entry in items(spec, "replicas") {
        let (name, Fact::Known(count)) = (text(&entry, "name"), entry.get("count")) else {
            problems.push((entry, "a number of copies without a number".to_owned()));
            continue;
        };
        for object in objects.iter_mut() {
            if REPLICATED.contains(&object.kind()) && object.was(name) {
                each(
                    &mut object.body,
                    &["spec", "replicas"],
                    Some(&count.origin),
                    &mut |it| {
                        *it = patched(it, count.clone());
                    },
                );
            }
        }
    }
    for image in items(spec, "images") {
        for object in objects
            .iter_mut()
            .filter(|it| it.kind() != "CustomResourceDefinition")
        {
            put_image(&mut object.body, &image);
        }
    }
    problems
}

/// Gives an object another name, and keeps the old one in mind.
pub(super) fn rename(object: &mut Object, name: &str) {
    each(&mut object.body, &["metadata", "name"], None, &mut |it| {
        let origin = it.origin.clone();
        *it = string(name, origin);
    });
    object.is_moved = true;
    object.remember();
}

fn put_in(object: &mut Object, namespace: &Attr) {
    if object.kind() == "Namespace" && object.group().is_empty() {
        each(&mut object.body, &["metadata", "name"], None, &mut |it| {
            *it = patched(it, namespace.clone())
        });
        object.remember();
        return;
    }
    if object.kind().ends_with("RoleBinding") {
        each(&mut object.body, &["subjects"], None, &mut |subjects| {
            for subject in subjects.items_mut() {
                if text(subject, "kind") == "ServiceAccount" && text(subject, "name") == "default" {
                    set(subject, "namespace", namespace.clone());
                }
            }
        });
    }
    if object.kind() == "APIService" {
        each_at(&mut object.body, "spec/service", None, &mut |service| {
            set(service, "namespace", namespace.clone());
        });
    }
    if object.kind() == "CustomResourceDefinition" {
        let path = "spec/conversion/webhook/clientConfig/service";
        each_at(&mut object.body, path, None, &mut |service| {
            set(service, "namespace", namespace.clone());
        });
    }
    if object.is_cluster_wide() {
        return;
    }
    let origin = namespace.origin.clone();
    each(
        &mut object.body,
        &["metadata"],
        Some(&origin),
        &mut |about| {
            set(about, "namespace", namespace.clone());
        },
    );
    object.is_moved = true;
    object.remember();
}

fn label(object: &mut Object, labels: &Attr, selectors: bool, templates: bool) {
    put_at(object, "metadata/labels", labels, true);
    let kind = object.kind().to_owned();
    if templates {
        for (_, path) in TEMPLATES.iter().filter(|(it, _)| *it == kind) {
            put_at(object, &format!("{path}/labels"), labels, true);
        }
    }
    if selectors {
        for (_, path) in SELECTORS.iter().filter(|(it, _)| *it == kind) {
            let creates = path.starts_with('+');
            let is_empty_pod_selector = kind == "Service" && object.version() != "v1";
            if !is_empty_pod_selector {
                put_at(object, path.trim_start_matches('+'), labels, creates);
            }
        }
        if kind == CLAIMS.0 {
            // The labels of claims are made, claims are not.
            if object.body.at("spec.volumeClaimTemplates").ok().is_some() {
                put_at(object, CLAIMS.1, labels, true);
            }
        }
    }
}

fn put_more(object: &mut Object, labels: &Attr, more: &More) {
    let kind = object.kind().to_owned();
    for field in more.labels.iter().filter(|it| it.is_of(&kind)) {
        put_at(object, &field.path, labels, field.creates);
    }
}

/// Puts pairs into the map at `path`.
fn put_at(object: &mut Object, path: &str, pairs: &Attr, creates: bool) {
    let origin = pairs.origin.clone();
    each_at(
        &mut object.body,
        path,
        creates.then_some(&origin),
        &mut |there| {
            if let Value::Null = there.value {
                *there = map(Vec::new(), origin.clone());
            }
            for pair in pairs.entries() {
                // Labels and annotations are text, whatever they look like.
                let value = match pair.value.text() {
                    Fact::Known(text) => string(&text, pair.value.origin.clone()),
                    _ => pair.value.clone(),
                };
                set(there, &pair.key, value);
            }
        },
    );
}

/// Changes an image wherever containers have it.
fn put_image(attr: &mut Attr, image: &Attr) {
    let keys: Vec<String> = match &attr.value {
        Value::List(_) => {
            attr.items_mut()
                .iter_mut()
                .for_each(|item| put_image(item, image));
            return;
        }
        Value::Map(map) => {
            let deep = |value: &Attr| matches!(value.value, Value::Map(_) | Value::List(_));
            let items = map.items().iter().filter(|item| deep(&item.value));
            items
                .filter(|item| mentions(&item.value, text(image, "name")))
                .map(|item| item.key.to_string())
                .collect()
        }
        _ => return,
    };
    for key in keys {
        let Some(value) = attr.map_mut().and_then(|map| map.get_mut(&key)) else {
            continue;
        };
        if matches!(key.as_str(), "containers" | "initContainers") {
            for container in value.items_mut() {
                each(container, &["image"], None, &mut |it| {
                    replace_image(it, image)
                });
            }
        }
        if key == "volumes" {
            each(value, &["image", "reference"], None, &mut |it| {
                replace_image(it, image)
            });
        }
        put_image(value, image);
    }
}

/// Whether the text is anywhere in it: what has nothing to change stays shared.
fn mentions(attr: &Attr, word: &str) -> bool {
    match &attr.value {
        Value::String(text) => text.starts_with(word),
        Value::List(items) => items.iter().any(|item| mentions(item, word)),
        Value::Map(map) => map.items().iter().any(|item| mentions(&item.value, word)),
        _ => false,
    }
}

fn replace_image(attr: &mut Attr, image: &Attr) {
    let Some(written) = attr.as_str() else {
        return;
    };
    let (rest, digest) = match written.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest)),
        None => (written, None),
    };
    let (name, tag) = match rest.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
        _ => (rest, None),
    };
    if name != text(image, "name") {
        return;
    }
    let word = |key: &str| {
        image
            .get(key)
            .and_then(Attr::text)
            .ok()
            .filter(|it| !it.is_empty())
    };
    let name = word("newName").unwrap_or_else(|| name.to_owned());
    let tag_suffix = word("tagSuffix").unwrap_or_default();
    let new = match (word("digest"), word("newTag")) {
        (Some(digest), Some(tag)) => format!("{name}:{tag}@{digest}"),
        (Some(digest), None) => format!("{name}@{digest}"),
        (None, Some(tag)) => format!("{name}:{tag}"),
        (None, None) => match (tag, digest) {
            (Some(tag), Some(digest)) => format!("{name}:{tag}{tag_suffix}@{digest}"),
            (Some(tag), None) => format!("{name}:{tag}{tag_suffix}"),
            (None, Some(digest)) => format!("{name}@{digest}"),
            (None, None) => name,
        },
    };
    if new != written {
        *attr = patched(attr, string(&new, image.origin.clone()));
    }
}

/// Adds what a generator made, or puts it into what is there. Gives whether it could.
pub(super) fn placed(objects: &mut Vec<Object>, object: Object, behavior: &str) -> bool {
    if !matches!(behavior, "merge" | "replace") {
        objects.push(object);
        return true;
    }
    let mut there = objects.iter_mut();
    let Some(there) = there.find(|it| it.kind() == object.kind() && it.was(object.name())) else {
        return false;
    };
    let Some(body) = there.body.map_mut() else {
        return false;
    };
    if let Fact::Known(data) = object.body.get("data") {
        match (behavior, body.get_mut("data")) {
            ("merge", Some(old)) => {
                for entry in data.entries() {
                    set(old, &entry.key, entry.value.clone());
                }
            }
            _ => body.set(item("data", data.clone())),
        }
    }
    there.is_hashed = object.is_hashed;
    true
}
