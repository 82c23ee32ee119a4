//! From a folder with a kustomization to the objects that it makes.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    rc::Rc,
    sync::Arc,
};

use casemate_document::{
    Limits, Span,
    yaml::{self, Dialect},
};

use super::{
    generate, inline,
    object::{Object, text},
    patch,
    references::{self, Reference, Variable},
    replace,
    target::Target,
    transform,
};
use crate::{Attr, Fact, File, Value, read::path};

/// Files of a tree, and what is built from them.
pub(super) struct Builder<'a> {
    files: &'a BTreeMap<String, Arc<File>>,
    built: HashMap<String, Option<Rc<Built>>>,
    open: Vec<String>,
    objects: HashMap<String, Rc<Vec<Attr>>>,
    /// Paths of the files that some kustomization names.
    pub(super) used: HashSet<String>,
    /// Folders that another one names.
    pub(super) named: HashSet<String>,
    pub(super) problems: Vec<(Arc<File>, Span, String)>,
    /// Whether definitions of kinds are kept: they are long, and nothing is wrong with one.
    pub(super) keeps_definitions: bool,
}

/// What a kustomization makes before its names are final.
#[derive(Clone, Default)]
pub(super) struct Built {
    objects: Vec<Object>,
    variables: Vec<Variable>,
    references: Vec<Reference>,
    variable_fields: Vec<(String, String)>,
    more: transform::More,
}

pub(super) const NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

impl<'a> Builder<'a> {
    pub(super) fn new(files: &'a BTreeMap<String, Arc<File>>) -> Self {
        Self {
            files,
            built: HashMap::new(),
            open: Vec::new(),
            objects: HashMap::new(),
            used: HashSet::new(),
            named: HashSet::new(),
            problems: Vec::new(),
            keeps_definitions: false,
        }
    }

    /// The kustomization of a folder.
    pub(super) fn kustomization(&self, folder: &str) -> Option<Arc<File>> {
        let mut names = NAMES.iter();
        names.find_map(|name| self.files.get(&path::joined(folder, name)?).cloned())
    }

    /// What the kustomization of `folder` makes for a cluster.
    pub(super) fn root(&mut self, folder: &str) -> Vec<Attr> {
        let Some(built) = self.build(folder) else {
            return Vec::new();
        };
        let mut built = (*built).clone();
        for object in built.objects.iter_mut().filter(|it| it.is_hashed) {
            let Some(hash) = generate::hash(object) else {
                continue;
            };
            let name = format!("{}-{hash}", object.name());
            transform::rename(object, &name);
        }
        references::follow(&mut built.objects, &built.references);
        references::fill(&mut built.objects, &built.variables, &built.variable_fields);
        let mut bodies: Vec<Attr> = built
            .objects
            .into_iter()
            .map(|object| object.body)
            .collect();
        bodies.iter_mut().for_each(without_empty_annotations);
        bodies
    }

    /// Builds what `folder` has, so that it is known what that names.
    pub(super) fn prepare(&mut self, folder: &str) {
        self.build(folder);
    }

    fn problem(&mut self, at: &Attr, message: impl Into<String>) {
        let origin = &at.origin;
        self.problems
            .push((origin.file.clone(), origin.span, message.into()));
    }

    fn build(&mut self, folder: &str) -> Option<Rc<Built>> {
        if let Some(built) = self.built.get(folder) {
            return built.clone();
        }
        if self.open.iter().any(|it| it == folder) || self.open.len() >= MAX_DEPTH {
            return None;
        }
        self.open.push(folder.to_owned());
        let built = self.kustomization(folder).map(|file| {
            let mut built = Built::default();
            self.apply(folder, &file, &mut built);
            Rc::new(built)
        });
        self.open.pop();
        self.built.insert(folder.to_owned(), built.clone());
        built
    }

    /// Does what a kustomization, or a component, says to what is there.
    fn apply(&mut self, folder: &str, file: &Arc<File>, built: &mut Built) {
        self.used.insert(file.subject.path.as_str().to_owned());
        let stream = yaml::read(&file.text, Dialect::KUBERNETES, &Limits::default());
        if let Some(error) = stream.error {
            self.problems
                .push((file.clone(), error.span, error.message));
            return;
        }
        let Some(document) = stream.documents.first() else {
            return;
        };
        let spec = Attr::of_node(&document.root, file);
        for key in UNREAD {
            if let Fact::Known(at) = spec.get(key) {
                self.problem(at, format!("{key} is not read here"));
            }
        }
        self.resources(folder, &spec, built);
        self.configurations(folder, &spec, built);
        built.variables.extend(variables(&spec));
        self.generators(folder, &spec, built);
        for component in items(&spec, "components") {
            let Some(name) = component.as_str().and_then(|it| path::joined(folder, it)) else {
                continue;
            };
            self.named.insert(name.clone());
            match self.kustomization(&name) {
                Some(file) if self.open.len() < MAX_DEPTH && !self.open.contains(&name) => {
                    self.open.push(name.clone());
                    self.apply(&name, &file, built);
                    self.open.pop();
                }
                _ => self.problem(&component, "the component is not in the tree"),
            }
        }
        self.patches(folder, &spec, built);
        for problem in transform::all(&spec, &mut built.objects, &built.more) {
            self.problem(&problem.0, problem.1);
        }
        self.replacements(folder, &spec, built);
    }

    fn resources(&mut self, folder: &str, spec: &Attr, built: &mut Built) {
        let named: Vec<Attr> = [items(spec, "resources"), items(spec, "bases")].concat();
        for resource in &named {
            let Some(written) = resource.as_str() else {
                continue;
            };
            let joined = path::joined(folder, written);
            let Some(path) = joined.filter(|_| !is_remote(written)) else {
                self.problem(resource, "what is not in the tree is not read");
                continue;
            };
            if let Some(file) = self.files.get(&path).cloned() {
                let objects = self.objects(&file);
                built
                    .objects
                    .extend(objects.iter().cloned().map(Object::new));
                continue;
            }
            self.named.insert(path.clone());
            match self.build(&path) {
                Some(below) if built.objects.len() + below.objects.len() > MAX_OBJECTS => {
                    self.problem(resource, "it makes more objects than are built here");
                }
                Some(below) => {
                    built.objects.extend(below.objects.iter().cloned());
                    built.variables.extend(below.variables.iter().cloned());
                    built.references.extend(below.references.iter().cloned());
                    built
                        .variable_fields
                        .extend(below.variable_fields.iter().cloned());
                    built
                        .more
                        .namespaces
                        .extend(below.more.namespaces.iter().cloned());
                    built.more.labels.extend(below.more.labels.iter().cloned());
                }
                None => self.problem(resource, "it is not in the tree, or was not read"),
            }
        }
    }

    /// What a reader has of a file already.
    pub(super) fn know(&mut self, path: &str, objects: &[Attr]) {
        let objects = objects.iter().flat_map(listed).collect();
        self.objects.insert(path.to_owned(), Rc::new(objects));
    }

    /// The objects of a file; those of a list each by itself.
    fn objects(&mut self, file: &Arc<File>) -> Rc<Vec<Attr>> {
        let path = file.subject.path.as_str();
        self.used.insert(path.to_owned());
        if let Some(objects) = self.objects.get(path) {
            return objects.clone();
        }
        let stream = yaml::read(&file.text, Dialect::KUBERNETES, &Limits::default());
        let roots = stream.documents.iter().map(|document| &document.root);
        let kept = roots.filter(|root| {
            let kind = root.get("kind").and_then(casemate_document::Node::as_str);
            kind.is_some() && (self.keeps_definitions || kind != Some("CustomResourceDefinition"))
        });
        let objects: Vec<Attr> = kept
            .flat_map(|root| listed(&Attr::of_node(root, file)))
            .collect();
        if let Some(error) = stream.error {
            self.problems
                .push((file.clone(), error.span, error.message));
        }
        let objects = Rc::new(objects);
        self.objects.insert(path.to_owned(), objects.clone());
        objects
    }

    /// The documents of a file that a kustomization names.
    fn documents(&mut self, folder: &str, named: &Attr) -> Option<Vec<Attr>> {
        let path = path::joined(folder, named.as_str()?)?;
        let file = self.files.get(&path)?.clone();
        self.used.insert(path);
        let stream = yaml::read(&file.text, Dialect::KUBERNETES, &Limits::default());
        if let Some(error) = stream.error {
            self.problems
                .push((file.clone(), error.span, error.message));
        }
        let roots = stream
            .documents
            .iter()
            .map(|it| Attr::of_node(&it.root, &file));
        Some(roots.collect())
    }

    fn configurations(&mut self, folder: &str, spec: &Attr, built: &mut Built) {
        for named in items(spec, "configurations") {
            let Some(documents) = self.documents(folder, &named) else {
                self.problem(&named, "it is not in the tree");
                continue;
            };
            for document in &documents {
                for reference in items(document, "nameReference") {
                    for field in items(&reference, "fieldSpecs") {
                        built.references.push(Reference {
                            named: text(&reference, "kind").to_owned(),
                            by: text(&field, "kind").to_owned(),
                            path: text(&field, "path").to_owned(),
                        });
                    }
                }
                for field in items(document, "varReference") {
                    let field = (
                        text(&field, "kind").to_owned(),
                        text(&field, "path").to_owned(),
                    );
                    built.variable_fields.push(field);
                }
                let field = transform::Field::of;
                built
                    .more
                    .namespaces
                    .extend(items(document, "namespace").iter().map(field));
                built
                    .more
                    .labels
                    .extend(items(document, "commonLabels").iter().map(field));
                let known = ["nameReference", "varReference", "namespace", "commonLabels"];
                for entry in document.entries() {
                    if !known.contains(&&*entry.key) {
                        self.problem(&entry.value, format!("{} is not read here", entry.key));
                    }
                }
            }
        }
    }

    fn generators(&mut self, folder: &str, spec: &Attr, built: &mut Built) {
        let none = Attr::new(Value::Null, spec.origin.clone());
        let options = spec.get("generatorOptions").ok().unwrap_or(&none);
        for (key, kind) in [
            ("configMapGenerator", "ConfigMap"),
            ("secretGenerator", "Secret"),
        ] {
            for generator in items(spec, key) {
                let files = self.files;
                let mut used = Vec::new();
                let mut read = |name: &str| {
                    let path = path::joined(folder, name)?;
                    let file = files.get(&path)?;
                    used.push(path);
                    let all = Span::new(0, file.text.len());
                    let origin = crate::Origin::new(file, all);
                    Some(Attr::new(Value::String(file.text.clone()), origin))
                };
                let made = generate::generated(&generator, options, kind, &mut read);
                self.used.extend(used);
                match made {
                    Ok(object) => {
                        let behavior = text(&generator, "behavior");
                        if !transform::placed(built_objects(built), object, behavior) {
                            self.problem(&generator, "there is nothing to merge it with");
                        }
                    }
                    Err(message) => self.problem(&generator, message),
                }
            }
        }
    }

    fn patches(&mut self, folder: &str, spec: &Attr, built: &mut Built) {
        for named in items(spec, "patchesStrategicMerge") {
            let written = named.as_str().unwrap_or_default();
            let patches = match written.contains('\n') {
                true => Some(inline::documents(&named)),
                false => self.documents(folder, &named),
            };
            self.patch(&named, patches, None, built);
        }
        for patch in items(spec, "patches")
            .into_iter()
            .chain(items(spec, "patchesJson6902"))
        {
            let target = patch.get("target").ok().cloned();
            let patches = match (patch.get("path").ok(), patch.get("patch").ok()) {
                (Some(named), _) => self.documents(folder, named),
                (None, Some(written)) => Some(inline::documents(written)),
                (None, None) => None,
            };
            self.patch(&patch, patches, target.as_ref(), built);
        }
    }

    fn patch(
        &mut self,
        at: &Attr,
        patches: Option<Vec<Attr>>,
        target: Option<&Attr>,
        built: &mut Built,
    ) {
        let Some(patches) = patches else {
            self.problem(at, "the patch is not in the tree");
            return;
        };
        let meant = target.map(Target::of);
        let mut mistakes = Vec::new();
        // Operations may be one document each, or one list of all.
        for patch in &patches {
            let is_operations =
                matches!(patch.value, Value::List(_)) || patch.get("op").ok().is_some();
            let single = Attr::new(
                Value::List(Arc::from([patch.clone()])),
                patch.origin.clone(),
            );
            let operations = match patch.value {
                Value::List(_) => patch,
                _ => &single,
            };
            let mut found = false;
            built.objects.retain_mut(|object| {
                let is_meant = match &meant {
                    Some(target) => target.selects(object),
                    None => !is_operations && is_same(object, patch),
                };
                if !is_meant {
                    return true;
                }
                found = true;
                let patched = match is_operations {
                    true => patch::operated(&object.body, operations).map(Some),
                    false => patch::merged(object, &without_names(patch, target.is_some())),
                };
                match patched {
                    Ok(Some(body)) => {
                        object.body = body;
                        object.remember();
                        true
                    }
                    Ok(None) => false,
                    Err(message) => {
                        mistakes.push(message);
                        true
                    }
                }
            });
            let is_definition = text(patch, "kind") == "CustomResourceDefinition"
                || target.is_some_and(|it| text(it, "kind") == "CustomResourceDefinition");
            if !found && target.is_none() && !is_definition {
                mistakes.push("there is nothing that it patches".to_owned());
            }
        }
        for mistake in mistakes {
            self.problem(at, mistake);
        }
    }

    fn replacements(&mut self, folder: &str, spec: &Attr, built: &mut Built) {
        for replacement in items(spec, "replacements") {
            let all = match replacement.get("path").ok() {
                Some(named) => match self.documents(folder, named) {
                    Some(documents) => documents
                        .into_iter()
                        .flat_map(|it| match &it.value {
                            Value::List(items) => items.to_vec(),
                            _ => vec![it],
                        })
                        .collect(),
                    None => {
                        self.problem(&replacement, "it is not in the tree");
                        continue;
                    }
                },
                None => vec![replacement],
            };
            for replacement in &all {
                if let Err(message) = replace::replace(replacement, &mut built.objects) {
                    self.problem(replacement, message);
                }
            }
        }
    }
}

/// Kustomize keeps its own notes there, and leaves nothing behind.
fn without_empty_annotations(body: &mut Attr) {
    let annotations = body.at("metadata.annotations").ok();
    let is_there = body
        .get("metadata")
        .ok()
        .is_some_and(|it| it.get("annotations").ok().is_some());
    let is_empty = annotations.is_none_or(|it| it.entries().is_empty());
    if is_there
        && is_empty
        && let Some(about) = body.map_mut().and_then(|map| map.get_mut("metadata"))
        && let Some(about) = about.map_mut()
    {
        about.remove("annotations");
    }
}

fn built_objects(built: &mut Built) -> &mut Vec<Object> {
    &mut built.objects
}

/// An object, or those of a list.
fn listed(object: &Attr) -> Vec<Attr> {
    match object.get("items") {
        Fact::Known(items) if text(object, "kind").ends_with("List") => items.items().to_vec(),
        _ => vec![object.clone()],
    }
}

/// The items under `key`.
pub(super) fn items(spec: &Attr, key: &str) -> Vec<Attr> {
    spec.get(key).ok().map_or(&[][..], Attr::items).to_vec()
}

fn is_remote(written: &str) -> bool {
    let first = written.split('/').next().unwrap_or_default();
    written.contains("://")
        || written.contains("?ref=")
        || matches!(first, "github.com" | "git@github.com:")
}

fn variables(spec: &Attr) -> Vec<Variable> {
    let variable = |it: Attr| {
        let word = |path: &str| text(&it, path).to_owned();
        let field = [word("fieldref.fieldpath"), word("fieldref.fieldPath")].concat();
        Variable {
            name: word("name"),
            kind: word("objref.kind"),
            object: word("objref.name"),
            field: if field.is_empty() {
                "metadata.name".to_owned()
            } else {
                field
            },
        }
    };
    items(spec, "vars").into_iter().map(variable).collect()
}

fn is_same(object: &Object, patch: &Attr) -> bool {
    let group = text(patch, "apiVersion")
        .rsplit_once('/')
        .map_or("", |(group, _)| group);
    let (name, namespace) = (
        text(patch, "metadata.name"),
        text(patch, "metadata.namespace"),
    );
    let is_called = object.before.iter().any(|(before, space)| {
        before == name && (namespace.is_empty() || space == namespace || space.is_empty())
    });
    object.kind() == text(patch, "kind") && object.group() == group && is_called
}

/// A patch for a target keeps the target's name and kind.
fn without_names(patch: &Attr, has_target: bool) -> Attr {
    let mut patch = patch.clone();
    if let Some(map) = patch.map_mut() {
        map.remove("apiVersion");
        map.remove("kind");
        if let Some(about) = map.get_mut("metadata").and_then(Attr::map_mut) {
            about.remove("name");
            if !has_target {
                about.remove("namespace");
            }
        }
    }
    patch
}

/// What changes objects, and is not understood here.
const UNREAD: &[&str] = &[
    "crds",
    "generators",
    "helmChartInflationGenerator",
    "helmCharts",
    "openapi",
    "transformers",
];

const MAX_DEPTH: usize = 32;

/// Of one kustomization. What names the same base again and again would make more without end.
const MAX_OBJECTS: usize = 4_000;
