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

use super::{Content, Draft, Reader, path};
use crate::{Attr, Fact, File, Item, Language, Map, Resource, Role, Value, World};
use interpolate::Variables;

pub(super) const READER: Reader = Reader { read, gather };

/// What a service is called.
pub(crate) const SERVICE: &str = "compose-service";

const KIND: &str = "compose";

fn read(file: &Arc<File>) -> Option<Draft> {
    let name = path::name(file.subject.path.as_str()).to_ascii_lowercase();
    // Variables say nothing unless something is started with them.
    if name.ends_with(".env") {
        return Some(Draft {
            file: file.clone(),
            content: Content::Text,
        });
    }
    let is_named = name.starts_with("docker-compose") || name.starts_with("compose.");
    let is_read = path::is_yaml(&name) || (is_named && name.ends_with(".json"));
    let has_word = file.text.contains("services") || (is_named && file.text.contains("include"));
    if !is_read || !has_word || super::is_manifest(file) {
        return None;
    }
    let stream = yaml::read(&file.text, Dialect::MERGING, &Limits::default());
    let root = stream.documents.first().map(|document| &document.root)?;
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
            Content::Text => {
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
        files.tell_unread(&draft.file, root, world);
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
        self.texts.get(beside(from, name)?.as_str()).copied()
    }

    /// Tells which files it includes that are not judged by themselves.
    fn tell_unread(&self, file: &Arc<File>, root: &Attr, world: &mut World) {
        let Fact::Known(include) = root.get("include") else {
            return;
        };
        for item in listed(include) {
            let paths = match item.get("path") {
                Fact::Known(path) => path,
                _ => item,
            };
            for name in listed(paths) {
                let path = name
                    .as_str()
                    .and_then(|name| beside(file.subject.path.as_str(), name));
                let known = path.as_deref().and_then(|path| world.files().get(path));
                // Networks and volumes alone run nothing.
                let has_services = known.is_none_or(|file| file.text.contains("services"));
                let is_judged = path.is_some_and(|path| self.roots.contains_key(path.as_str()));
                if has_services && !is_judged {
                    let written = name
                        .origin
                        .text()
                        .chars()
                        .take(MAX_SHOWN)
                        .collect::<String>();
                    let why = format!("{written}, which it includes, was not read");
                    world.missing(file, name.origin.span, why);
                }
            }
        }
    }

    /// The service with what it extends below it.
    fn extended(&self, path: &str, service: &Attr, depth: usize) -> Attr {
        let Fact::Known(extends) = service.get("extends") else {
            return service.clone();
        };
        let name = extends
            .text()
            .or_else(|| extends.get("service").and_then(Attr::text));
        let written = extends.get("file").and_then(Attr::text).ok();
        let file = match &written {
            Some(name) => beside(path, name),
            None => Some(path.to_owned()),
        };
        let base = name.ok().zip(file.as_deref()).and_then(|(name, file)| {
            let services = self.roots.get(file)?.get("services").ok()?;
            services.get(&name).ok()
        });
        match base.zip(file) {
            Some((base, file)) if depth < MAX_DEPTH => {
                let base = self.extended(&file, base, depth + 1);
                over(&base, service)
            }
            Some(_) => open(
                service,
                &format!("more than {MAX_DEPTH} services extend each other"),
            ),
            None => {
                let file = written.as_deref().unwrap_or(path);
                open(service, &format!("what it extends in {file} was not read"))
            }
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

/// The items of a list; what is none stands for a list of one.
pub(super) fn listed(attr: &Attr) -> &[Attr] {
    match &attr.value {
        Value::List(items) => items,
        _ => std::slice::from_ref(attr),
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

/// The path of `name` as seen from the folder of `from`; none where it leads out of the tree.
pub(crate) fn beside(from: &str, name: &str) -> Option<String> {
    path::joined(path::folder(from), name)
}

const MAX_DEPTH: usize = 16;
const MAX_SHOWN: usize = 120;

#[cfg(test)]
mod tests {
    use casemate_core::{Coverage, Status};

    use crate::survey::tests::survey;

    const SERVICE: &str = "services: {a: {image: x, privileged: true}}\n";

    #[test]
    fn what_is_included_and_not_judged_is_told() {
        let service = SERVICE.as_bytes();
        for (include, is_told) in [
            ("[sub/a.inc]", true),
            ("[sub/none.yml]", true),
            ("[../sub/a.yml]", true),
            ("[/sub/a.yml]", true),
            ("['https://x.example/a.yml']", true),
            ("[{path: [sub/a.yml, sub/none.yml]}]", true),
            ("['${WHERE}/a.yml']", true),
            ("[[a]]", true),
            ("[sub/a.yml]", false),
            ("[{path: sub/a.yml}, sub/net.yml]", false),
        ] {
            let root = format!("include: {include}\n");
            let outcomes = survey(&[
                ("compose.yaml", root.as_bytes()),
                ("sub/a.inc", service),
                ("sub/a.yml", service),
                ("sub/net.yml", b"networks: {n: {}}\n"),
            ]);
            let of_root = outcomes.iter().find(|it| it.name == "compose.yaml");
            let of_root = of_root.expect("is read");
            let expected = match is_told {
                true => (Status::Undetermined, Coverage::Partial),
                false => (Status::Pass, Coverage::Complete),
            };
            assert_eq!((of_root.result, of_root.coverage), expected, "{include}");
        }
    }

    #[test]
    fn a_file_is_compose_in_capitals_and_in_json_too() {
        let json = br#"{"services": {"a": {"image": "x", "privileged": true}}}"#;
        for (name, bytes) in [
            ("COMPOSE.YAML", SERVICE.as_bytes()),
            ("docker-compose.json", json),
        ] {
            let outcomes = survey(&[(name, bytes)]);
            let mut findings = outcomes.iter().flat_map(|it| &it.findings);
            assert!(
                findings.any(|it| it.rule.as_str() == "CM-CMP-001"),
                "{name}"
            );
        }
    }

    #[test]
    fn variables_that_nothing_is_started_with_are_not_judged() {
        assert!(survey(&[("app/.env", b"A=b\n"), ("prod.env", b"A=b\n")]).is_empty());
    }
}
