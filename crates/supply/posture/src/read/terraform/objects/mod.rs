//! Objects of Kubernetes that Terraform makes: by the resources of the provider
//! `hashicorp/kubernetes`, and by those that take a manifest.
//!
//! ```text
//!   kubernetes_deployment_v1 "api" {             kind: Deployment
//!     spec {                                     spec:
//!       template {                                 template:
//!         spec {                          ──►        spec:
//!           host_pid = true                            hostPID: true
//!           container { … }                            containers: [{…}]
//! ```
//!
//! A block is a field, and one that may stand many times is a list, often in the plural; names are
//! those of Kubernetes in another case. What the rule does not say, [`table`] does. A resource keeps
//! what it is in Terraform, and the object stands beside it.

mod manifest;
mod table;

use std::{collections::HashMap, sync::Arc};

pub(super) use self::manifest::manifest;
use self::table::{DEFAULTS, KINDS, Kind, LEFT_OUT, LISTS, RENAMED, VERBATIM};
use crate::{
    Attr, Fact, Item, Language, Map, Origin, Resource, Value, World,
    read::{Reader, kubernetes},
};

/// Once all configuration, all plans and all manifests were read.
pub(in crate::read) const OBJECTS: Reader = Reader {
    read: |_| None,
    gather: |_, world| gather(world),
};

fn gather(world: &mut World) {
    let resources = world.resources().iter();
    let resources = resources.filter(|it| it.language == Language::Terraform);
    let made: Vec<(Resource, Made)> = resources
        .filter_map(|resource| made(resource).map(|made| (resource.clone(), made)))
        .collect();
    if made.is_empty() {
        return;
    }
    let written = written(world);
    for (maker, made) in made {
        match made {
            Made::Objects(objects) => objects
                .iter()
                .filter(|object| !is_written(object, &written))
                .for_each(|object| add(&maker, object, world)),
            Made::Unknown(origin, why) => unknown(&maker, &origin, &why, world),
            Made::Unread(origin, why) => world.missing(&origin.file, origin.span, why),
        }
    }
}

fn add(maker: &Resource, object: &Attr, world: &mut World) {
    for key in ["apiVersion", "kind"] {
        if let Fact::Unknown(why) = object.at(key) {
            return unknown(maker, &object.origin, &why, world);
        }
    }
    kubernetes::add_of(maker, object, world);
}

fn unknown(maker: &Resource, origin: &Origin, why: &str, world: &mut World) {
    let message = format!("what {} makes is not known: {why}", maker.address);
    world.elsewhere(&origin.file, origin.span, message);
}

/// What a resource of Terraform's makes.
enum Made {
    Objects(Vec<Attr>),
    /// The files do not say, and why.
    Unknown(Origin, String),
    /// Nothing that can be read, and why.
    Unread(Origin, String),
}

fn made(resource: &Resource) -> Option<Made> {
    match &*resource.kind {
        "kubernetes_manifest" => Some(of_manifest(&resource.body, "manifest")),
        "kubectl_manifest" => Some(of_manifest(&resource.body, "yaml_body")),
        kind => {
            let stem = stem(kind.strip_prefix("kubernetes_")?);
            let kind = KINDS.iter().find(|kind| kind.stems.contains(&stem))?;
            Some(Made::Objects(vec![object(kind, &resource.body)]))
        }
    }
}

/// The name of a resource without its version: `deployment` of `deployment_v1`.
fn stem(name: &str) -> &str {
    let is_version = |end: &str| {
        let number = end.strip_prefix('v').unwrap_or_default();
        number.starts_with(|c: char| c.is_ascii_digit())
    };
    match name.rsplit_once('_') {
        Some((stem, end)) if is_version(end) => stem,
        _ => name,
    }
}

/// What stands in the argument of a resource that takes a manifest.
fn of_manifest(body: &Attr, argument: &str) -> Made {
    let written = match body.get(argument) {
        Fact::Known(written) => written,
        Fact::Absent => return Made::Objects(Vec::new()),
        Fact::Unknown(why) => return Made::Unknown(body.origin.clone(), why.to_string()),
    };
    match &written.value {
        Value::Map(_) => Made::Objects(vec![written.clone()]),
        Value::List(objects) => Made::Objects(objects.to_vec()),
        Value::String(text) => match manifest(text, &written.origin, written.is_sensitive) {
            Ok(objects) => Made::Objects(objects),
            Err(why) => Made::Unread(written.origin.clone(), why),
        },
        Value::Unknown(why) => Made::Unknown(written.origin.clone(), why.to_string()),
        _ => Made::Objects(Vec::new()),
    }
}

/// The objects of manifests, by what they are.
fn written(world: &World) -> HashMap<String, Vec<Attr>> {
    let mut written: HashMap<String, Vec<Attr>> = HashMap::new();
    let resources = world.resources().iter();
    for resource in resources.filter(|it| it.language == Language::Kubernetes) {
        let same = written.entry(name(&resource.body)).or_default();
        same.push(resource.body.clone());
    }
    written
}

/// Whether an object is one of a manifest in the tree, which `file` or its like gave to Terraform: it was
/// judged where it stands.
fn is_written(object: &Attr, written: &HashMap<String, Vec<Attr>>) -> bool {
    let same = written.get(&name(object)).map_or(&[][..], Vec::as_slice);
    same.iter().take(MAX_SAME).any(|it| is_same(it, object))
}

fn name(object: &Attr) -> String {
    let text = |path: &str| {
        object
            .at(path)
            .and_then(Attr::text)
            .ok()
            .unwrap_or_default()
    };
    format!("{}/{}", text("kind"), text("metadata.name"))
}

/// The nesting of attributes is bounded by those who read them.
fn is_same(one: &Attr, other: &Attr) -> bool {
    match (&one.value, &other.value) {
        (Value::Map(a), Value::Map(b)) => {
            let in_other = |item: &Item| {
                let there = b.item(&item.key);
                there.is_some_and(|there| is_same(&item.value, &there.value))
            };
            let is_closed = a.open.is_none() && b.open.is_none();
            is_closed && a.items().len() == b.items().len() && a.items().iter().all(in_other)
        }
        (Value::List(a), Value::List(b)) => {
            a.len() == b.len() && a.iter().zip(&**b).all(|(a, b)| is_same(a, b))
        }
        (Value::Unknown(_), _) | (_, Value::Unknown(_)) => false,
        (Value::Null, Value::Null) => true,
        _ => matches!((one.text(), other.text()), (Fact::Known(a), Fact::Known(b)) if a == b),
    }
}

/// The object that a resource of the provider makes.
fn object(kind: &Kind, body: &Attr) -> Attr {
    let text = |key: &str, text: &str| Item {
        key: key.into(),
        place: body.origin.clone(),
        value: Attr::new(Value::String(text.into()), body.origin.clone()),
    };
    let mut object = fields("", kind.name, body);
    if let Some(map) = object.map_mut() {
        map.set(text("apiVersion", kind.version));
        map.set(text("kind", kind.name));
        let metadata = map.get_mut("metadata");
        // One that names no namespace is not where somebody applies it.
        if let (true, Some(metadata)) = (kind.is_namespaced, metadata)
            && matches!(metadata.get("namespace"), Fact::Absent)
        {
            let place = metadata.origin.clone();
            if let Some(metadata) = metadata.map_mut() {
                let value = Value::String("default".into());
                metadata.set(Item {
                    key: "namespace".into(),
                    value: Attr::new(value, place.clone()),
                    place,
                });
            }
        }
    }
    object
}

/// The fields of an object that a block called `within`, in one called `outer`, makes. The nesting of
/// attributes is bounded by those who read them, and so is this.
fn fields(outer: &str, within: &str, block: &Attr) -> Attr {
    let Value::Map(map) = &block.value else {
        return block.clone();
    };
    let items = map.items().iter().filter_map(|item| field(within, item));
    let mut fields = Map::new(items.collect());
    fields.open.clone_from(&map.open);
    let defaults = DEFAULTS.iter().filter(|(of, _, _)| *of == (outer, within));
    for (_, key, value) in defaults {
        if fields.open.is_none() && is_left_out(&fields, key) {
            fields.set(Item {
                key: (*key).into(),
                place: block.origin.clone(),
                value: Attr::new(Value::Bool(*value), block.origin.clone()),
            });
        }
    }
    Attr {
        value: Value::Map(Arc::new(fields)),
        ..block.clone()
    }
}

/// A plan writes `null` for what nobody wrote.
fn is_left_out(fields: &Map, key: &str) -> bool {
    let item = fields.item(key);
    item.is_none_or(|item| matches!(item.value.value, Value::Null))
}

/// The field that an argument or a block makes; nothing, where it is none of the object's.
fn field(within: &str, item: &Item) -> Option<Item> {
    let key = &*item.key;
    // No name of the provider's has capitals: what has is wrong, and Terraform refuses it.
    if LEFT_OUT.contains(&key) || key.contains(char::is_uppercase) {
        return None;
    }
    let is_of = |of: &str| of.is_empty() || of == within;
    // Who has no blocks there has an argument of that name: `rule` of a PodSecurityPolicy is a word.
    let is_scalar = matches!(
        item.value.value,
        Value::Bool(_) | Value::Integer(_) | Value::Float(_) | Value::String(_)
    );
    let list = LISTS
        .iter()
        .find(|(of, block, _)| !is_scalar && is_of(of) && *block == key);
    let renamed = RENAMED
        .iter()
        .find(|(of, name, _)| is_of(of) && *name == key);
    let name: Arc<str> = match (list, renamed) {
        (Some((_, _, field)), _) | (_, Some((_, _, field))) => (*field).into(),
        _ => camel(key).into(),
    };
    let value = match list {
        Some(_) => many(within, key, &item.value),
        None => one(within, key, &item.value)?,
    };
    Some(Item {
        key: name,
        place: item.place.clone(),
        value,
    })
}

/// Blocks that make a list.
fn many(within: &str, key: &str, blocks: &Attr) -> Attr {
    let items = match &blocks.value {
        Value::List(items) => items.iter().map(|it| fields(within, key, it)).collect(),
        // JSON may write a single block as an object.
        Value::Map(_) => vec![fields(within, key, blocks)],
        _ => return blocks.clone(),
    };
    Attr {
        value: Value::List(items.into()),
        ..blocks.clone()
    }
}

/// An argument, or a block that stands once. A plan writes an empty list where there is no block.
fn one(within: &str, key: &str, written: &Attr) -> Option<Attr> {
    let is_block = |it: &Attr| matches!(it.value, Value::Map(_));
    let block = match &written.value {
        Value::Map(_) => written,
        Value::List(items) => match &items[..] {
            [] => return None,
            [block] if is_block(block) => block,
            blocks if blocks.iter().any(is_block) => {
                let why = format!("there are {} blocks {key}, and one is taken", blocks.len());
                return Some(Attr::unknown(why, written.origin.clone()));
            }
            _ => return Some(written.clone()),
        },
        _ => return Some(written.clone()),
    };
    if is_verbatim(within, key, block) {
        return Some(block.clone());
    }
    Some(fields(within, key, block))
}

/// Whether the keys of a map are the writer's own. A selector is labels, or says what it asks of them.
fn is_verbatim(within: &str, key: &str, map: &Attr) -> bool {
    let asks = ["match_labels", "match_expressions"];
    let is_selector = asks.iter().any(|key| !matches!(map.get(key), Fact::Absent));
    let is_it = |(of, map): &(&str, &str)| (of.is_empty() || *of == within) && *map == key;
    VERBATIM.iter().any(is_it) && !is_selector
}

/// Objects of one name that are compared: of more than that one may be told twice.
const MAX_SAME: usize = 64;

/// `hostPath` of `host_path`.
fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |mut camel, word| {
        let mut letters = word.chars();
        camel.extend(letters.next().map(|it| it.to_ascii_uppercase()));
        camel.push_str(letters.as_str());
        camel
    })
}

#[cfg(test)]
mod tests;
