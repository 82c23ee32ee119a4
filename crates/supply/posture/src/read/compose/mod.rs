//! Docker Compose (<https://github.com/compose-spec/compose-spec/blob/main/spec.md>).
//!
//! Variables are those of a `.env` file beside the first file; what the environment of the caller has
//! is not in the files, so that a variable without a value and without a default is not known.

mod interpolate;

use std::{collections::HashMap, sync::Arc};

use casemate_document::{
    Limits, Node,
    yaml::{self, Dialect},
};

use super::{Content, Draft, Reader};
use crate::{Attr, Fact, File, Item, Language, Map, Resource, Role, Value, World};
use interpolate::Variables;

pub(super) const READER: Reader = Reader { read, gather };

/// What a service is called.
pub(crate) const SERVICE: &str = "compose-service";

const KIND: &str = "compose";
const VARIABLES: &str = "variables";

fn read(file: &Arc<File>) -> Option<Draft> {
    let path = file.subject.path.as_str();
    let name = path.rsplit('/').next().unwrap_or(path);
    if name == ".env" || name.ends_with(".env") {
        return Some(Draft {
            file: file.clone(),
            content: Content::Document(VARIABLES, None, None),
        });
    }
    let is_yaml = name.ends_with(".yml") || name.ends_with(".yaml");
    if !is_yaml || !file.text.contains("services") || super::is_manifest(file) {
        return None;
    }
    let stream = yaml::read(&file.text, Dialect::MERGING, &Limits::default());
    let root = stream.documents.first().map(|document| &document.root)?;
    let is_named = name.starts_with("docker-compose") || name.starts_with("compose.");
    let services = root.get("services").map(Node::entries).unwrap_or_default();
    let is_service = |service: &Node| {
        ["image", "build", "extends"]
            .iter()
            .any(|key| service.get(key).is_some())
    };
    let has_services = services.iter().any(|it| is_service(&it.value));
    let is_other = ["apiVersion", "jobs", "stages", "on"]
        .iter()
        .any(|key| root.get(key).is_some());
    if is_other || !(has_services || is_named) {
        return None;
    }
    Some(Draft {
        file: file.clone(),
        content: Content::Document(KIND, Some(Attr::of_node(root, file)), stream.error),
    })
}

fn gather(drafts: &[Draft], world: &mut World) {
    let mut roots: HashMap<&str, &Attr> = HashMap::new();
    let mut texts: HashMap<&str, &Arc<File>> = HashMap::new();
    for draft in drafts {
        let path = draft.file.subject.path.as_str();
        match &draft.content {
            Content::Document(KIND, Some(root), _) => {
                roots.insert(path, root);
            }
            Content::Document(VARIABLES, ..) => {
                texts.insert(path, &draft.file);
            }
            _ => {}
        }
    }
    for draft in drafts {
        let Content::Document(KIND, Some(root), error) = &draft.content else {
            continue;
        };
        if let Some(error) = error {
            world.missing(&draft.file, error.span, error.message.clone());
        }
        let path = draft.file.subject.path.as_str();
        let files = Files {
            roots: &roots,
            texts: &texts,
        };
        let variables = Variables::of(files.text(path, ".env"));
        for service in root.get("services").ok().map_or(&[][..], Attr::entries) {
            let merged = files.extended(path, &service.value, 0);
            let filled = variables.filled(&merged);
            world.add(Resource {
                language: Language::Compose,
                kind: SERVICE.into(),
                address: format!("{path}/{}", service.key).into(),
                body: files.with_environment(path, filled),
            });
        }
    }
}

struct Files<'a> {
    roots: &'a HashMap<&'a str, &'a Attr>,
    texts: &'a HashMap<&'a str, &'a Arc<File>>,
}

impl<'a> Files<'a> {
    fn text(&self, from: &str, name: &str) -> Option<&'a Arc<File>> {
        self.texts.get(beside(from, name).as_str()).copied()
    }

    /// The service with what it extends below it.
    fn extended(&self, path: &str, service: &Attr, depth: usize) -> Attr {
        let Fact::Known(extends) = service.get("extends") else {
            return service.clone();
        };
        let name = extends
            .text()
            .or_else(|| extends.get("service").and_then(Attr::text));
        let file = extends.get("file").and_then(Attr::text).ok();
        let file = file.map_or_else(|| path.to_owned(), |file| beside(path, &file));
        let base = name.ok().and_then(|name| {
            let services = self.roots.get(file.as_str())?.get("services").ok()?;
            services.get(&name).ok()
        });
        match base {
            Some(base) if depth < MAX_DEPTH => {
                let base = self.extended(&file, base, depth + 1);
                over(&base, service)
            }
            _ => open(service, &format!("what it extends in {file} was not read")),
        }
    }

    /// The service with the variables of its `env_file` in its environment.
    fn with_environment(&self, path: &str, service: Attr) -> Attr {
        let Fact::Known(listed) = service.get("env_file") else {
            return service;
        };
        let mut names: Vec<String> = listed.text().ok().into_iter().collect();
        for item in listed.items() {
            names.extend(
                item.text()
                    .or_else(|| item.get("path").and_then(Attr::text))
                    .ok(),
            );
        }
        let origin = listed.origin.clone();
        let mut items = Vec::new();
        let mut missing = None;
        for name in names {
            match self.text(path, &name) {
                Some(file) => items.extend(Variables::of(Some(file)).items(Role::Value, &origin)),
                None => missing = Some(format!("{name} was not read")),
            }
        }
        let mut map = Map::new(items);
        map.open = missing.map(Into::into);
        let from_files = Attr::new(Value::Map(Arc::new(map)), origin);
        let Value::Map(own) = &service.value else {
            return service;
        };
        let environment = service.get("environment").ok().map(keyed);
        let environment = match environment {
            Some(own) => over(&from_files, &own),
            None => from_files,
        };
        let mut items = own.items().to_vec();
        items.push(Item {
            key: "environment".into(),
            place: environment.origin.clone(),
            value: environment,
        });
        let mut map = Map::new(items);
        map.open.clone_from(&own.open);
        Attr::new(Value::Map(Arc::new(map)), service.origin)
    }
}

/// An environment as a map: it may be a list of `NAME=value`.
pub(crate) fn keyed(environment: &Attr) -> Attr {
    let Value::List(items) = &environment.value else {
        return environment.clone();
    };
    let item = |item: &Attr| {
        let text = item.as_str()?;
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Value::String(value.into())),
            None => (text, Value::Null),
        };
        Some(Item {
            key: name.into(),
            place: item.origin.clone(),
            value: Attr::new(value, item.origin.clone()),
        })
    };
    let items = Map::new(items.iter().filter_map(item).collect());
    Attr::new(Value::Map(Arc::new(items)), environment.origin.clone())
}

/// `top` over `base`: maps together, lists one behind the other, and else `top`.
pub(crate) fn over(base: &Attr, top: &Attr) -> Attr {
    match (&base.value, &top.value) {
        (Value::Map(below), Value::Map(above)) => {
            let mut items = below.items().to_vec();
            for item in above.items() {
                let value = match below.item(&item.key) {
                    Some(under) => over(&under.value, &item.value),
                    None => item.value.clone(),
                };
                items.push(Item {
                    value,
                    ..item.clone()
                });
            }
            let mut map = Map::new(items);
            map.open = above.open.clone().or_else(|| below.open.clone());
            Attr::new(Value::Map(Arc::new(map)), top.origin.clone())
        }
        (Value::List(below), Value::List(above)) => {
            let all = below.iter().chain(above.iter()).cloned().collect();
            Attr::new(Value::List(all), top.origin.clone())
        }
        _ => top.clone(),
    }
}

/// The map with the word that more may be in it.
pub(crate) fn open(attr: &Attr, why: &str) -> Attr {
    let Value::Map(map) = &attr.value else {
        return attr.clone();
    };
    let mut map = (**map).clone();
    map.open = Some(why.into());
    Attr::new(Value::Map(Arc::new(map)), attr.origin.clone())
}

/// The path of `name` as seen from the folder of `from`.
pub(crate) fn beside(from: &str, name: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            other => parts.push(other),
        }
    }
    parts.join("/")
}

const MAX_DEPTH: usize = 16;
