//! The directories of configuration in a tree, each a module.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use casemate_document::{Limits, Node, json};

use super::{
    Kind, Parsed,
    syntax::{Attribute, Block, Body},
};
use crate::{
    File, Origin,
    read::path::{folder, joined},
};

/// Everything that was read.
pub(crate) struct Tree {
    pub(crate) directories: BTreeMap<String, Directory>,
    /// What Terraform refuses, and why: nothing of it is judged.
    pub(crate) refused: Vec<(Origin, String)>,
    /// Where `terraform init` put modules: of each root the directory of each call.
    installed: HashMap<String, HashMap<String, String>>,
    /// Files that expressions may read.
    files: HashMap<String, Arc<File>>,
}

/// A module: the configuration in one directory.
#[derive(Default)]
pub(crate) struct Directory {
    pub(crate) path: String,
    pub(crate) variables: BTreeMap<Arc<str>, Block>,
    pub(crate) locals: BTreeMap<Arc<str>, Attribute>,
    /// Resources and data, in the order of their files.
    pub(crate) resources: Vec<Block>,
    by_name: HashMap<Declared, usize>,
    pub(crate) calls: BTreeMap<Arc<str>, Block>,
    pub(crate) outputs: BTreeMap<Arc<str>, Block>,
    pub(crate) providers: Vec<Block>,
    pub(crate) settings: Vec<Block>,
    /// What gives values to variables, weakest first.
    pub(crate) values: Vec<Body>,
}

/// `resource` or `data`, the type, and the name.
type Declared = (Arc<str>, Arc<str>, Arc<str>);

impl Tree {
    /// The directories of the files, and what else is there to be read.
    pub(crate) fn new<'a>(
        parsed: impl Iterator<Item = (&'a Arc<File>, &'a Parsed)>,
        files: HashMap<String, Arc<File>>,
    ) -> Self {
        let mut directories: BTreeMap<String, Directory> = BTreeMap::new();
        let mut installed = HashMap::new();
        let mut overrides = Vec::new();
        let mut values: Vec<(u8, &str, &Parsed)> = Vec::new();
        let mut refused = Vec::new();
        for (file, parsed) in parsed {
            let path = file.subject.path.as_str();
            let place = folder(path);
            match parsed.kind {
                Kind::Configuration => {
                    let directory = directory(&mut directories, place);
                    for block in &parsed.body.blocks {
                        refused.extend(directory.add(block.clone()));
                    }
                }
                Kind::Override => overrides.push((place, parsed)),
                Kind::Values(rank) => values.push((rank, path, parsed)),
                Kind::Modules => {
                    if let Some(root) = place.strip_suffix(".terraform/modules") {
                        let root = root.trim_end_matches('/').to_owned();
                        let places = modules(&file.text, &root);
                        installed.insert(root, places);
                    }
                }
            }
        }
        for (place, parsed) in overrides {
            let directory = directory(&mut directories, place);
            for block in &parsed.body.blocks {
                refused.extend(directory.merge(block.clone()));
            }
        }
        values.sort_by_key(|(rank, path, _)| (*rank, *path));
        for (_, path, parsed) in values {
            if let Some(directory) = directories.get_mut(folder(path)) {
                directory.values.push(parsed.body.clone());
            }
        }
        for directory in directories.values_mut() {
            directory.index();
        }
        Self {
            directories,
            refused,
            installed,
            files,
        }
    }

    /// The file at `path`, which begins at the top of the tree.
    pub(crate) fn file(&self, path: &str) -> Option<&Arc<File>> {
        self.files.get(path)
    }

    /// The module that is called: beside the caller, or where `terraform init` put it.
    pub(crate) fn called(
        &self,
        root: &str,
        caller: &Directory,
        way: &str,
        block: &Block,
    ) -> Option<&Directory> {
        let source = block.body.attribute("source")?.expr.as_text()?;
        if source.starts_with("./") || source.starts_with("../") {
            return self.directories.get(&joined(&caller.path, &source)?);
        }
        let place = self.installed.get(root)?.get(way)?;
        self.directories.get(place)
    }

    /// The modules that nobody calls, and one of each circle that nobody else calls.
    pub(crate) fn roots(&self) -> Vec<&Directory> {
        let own = |it: &&Directory| !it.path.split('/').any(|part| part == ".terraform");
        let callees = |of: &Directory| -> Vec<&str> {
            let source = |block: &Block| block.body.attribute("source")?.expr.as_text();
            let sources = of.calls.values().filter_map(source);
            let places = sources
                .filter(|it| it.starts_with('.'))
                .filter_map(|it| joined(&of.path, &it));
            let found = places.filter_map(|place| Some(&*self.directories.get(&place)?.path));
            found.filter(|place| *place != of.path).collect()
        };
        let all: Vec<&Directory> = self.directories.values().filter(own).collect();
        let called: BTreeSet<&str> = all.iter().flat_map(|it| callees(it)).collect();
        let mut roots: Vec<&Directory> = all
            .iter()
            .copied()
            .filter(|it| !called.contains(&*it.path))
            .collect();
        let mut reached: BTreeSet<&str> = BTreeSet::new();
        let mut open: Vec<&Directory> = roots.clone();
        let mut rest = all.iter();
        loop {
            while let Some(directory) = open.pop() {
                if reached.insert(&directory.path) {
                    open.extend(
                        callees(directory)
                            .iter()
                            .filter_map(|it| self.directories.get(*it)),
                    );
                }
            }
            let Some(left) = rest.find(|it| !reached.contains(&*it.path)) else {
                return roots;
            };
            roots.push(left);
            open.push(left);
        }
    }
}

impl Directory {
    /// The resource or data (`mode`) of that type and name.
    pub(crate) fn resource(&self, mode: &str, of: &Arc<str>, name: &Arc<str>) -> Option<&Block> {
        let place = self.by_name.get(&(mode.into(), of.clone(), name.clone()))?;
        self.resources.get(*place)
    }

    /// Takes a block in. What Terraform refuses comes back, with the reason.
    fn add(&mut self, block: Block) -> Vec<(Origin, String)> {
        let name = block.labels.first().cloned().unwrap_or_else(|| "".into());
        let origin = Origin::new(&block.file, block.header);
        let kind = block.kind.clone();
        let before = match &*kind {
            "variable" => self.variables.insert(name.clone(), block),
            "module" => self.calls.insert(name.clone(), block),
            "output" => self.outputs.insert(name.clone(), block),
            "locals" => return self.add_locals(block),
            "resource" | "data" | "ephemeral" if block.labels.len() != 2 => {
                return vec![(origin, format!("a {kind} has a type and a name"))];
            }
            "resource" | "data" | "ephemeral" => {
                self.resources.push(block);
                None
            }
            "provider" => {
                self.providers.push(block);
                None
            }
            "terraform" => {
                self.settings.push(block);
                None
            }
            _ => None,
        };
        let twice = before.map(|_| (origin, format!("the {kind} {name} is declared twice")));
        twice.into_iter().collect()
    }

    fn add_locals(&mut self, block: Block) -> Vec<(Origin, String)> {
        let mut refused = Vec::new();
        for attribute in block.body.attributes {
            let name = attribute.name.clone();
            let origin = Origin::new(&attribute.file, attribute.name_span);
            if self.locals.insert(name.clone(), attribute).is_some() {
                refused.push((origin, format!("local.{name} is declared twice")));
            }
        }
        refused
    }

    /// What an override file says of something replaces what was said
    /// (<https://developer.hashicorp.com/terraform/language/files/override>).
    fn merge(&mut self, block: Block) -> Vec<(Origin, String)> {
        if &*block.kind == "locals" {
            self.add_locals(block);
            return Vec::new();
        }
        let name = block.labels.first().cloned().unwrap_or_else(|| "".into());
        let same = |it: &&mut Block| it.kind == block.kind && it.labels == block.labels;
        let base = match &*block.kind {
            "variable" => self.variables.get_mut(&name),
            "module" => self.calls.get_mut(&name),
            "output" => self.outputs.get_mut(&name),
            "resource" | "data" => self.resources.iter_mut().find(same),
            "provider" => {
                let alias =
                    |it: &Block| it.body.attribute("alias").and_then(|it| it.expr.as_text());
                let mut providers = self.providers.iter_mut();
                providers.find(|it| it.labels == block.labels && alias(it) == alias(&block))
            }
            _ => None,
        };
        match base {
            Some(base) => {
                base.body.overlay(block.body);
                Vec::new()
            }
            None => self.add(block),
        }
    }

    fn index(&mut self) {
        for (at, block) in self.resources.iter().enumerate() {
            let key = (
                block.kind.clone(),
                block.labels[0].clone(),
                block.labels[1].clone(),
            );
            self.by_name.insert(key, at);
        }
    }
}

impl Body {
    fn overlay(&mut self, other: Self) {
        for attribute in other.attributes {
            self.attributes.retain(|it| it.name != attribute.name);
            self.attributes.push(attribute);
        }
        let kind = |block: &Block| match &*block.kind {
            "dynamic" => block.labels.first().cloned().unwrap_or_else(|| "".into()),
            _ => block.kind.clone(),
        };
        let replaced: BTreeSet<Arc<str>> = other.blocks.iter().map(kind).collect();
        self.blocks.retain(|it| !replaced.contains(&kind(it)));
        self.blocks.extend(other.blocks);
    }
}

fn directory<'a>(
    directories: &'a mut BTreeMap<String, Directory>,
    path: &str,
) -> &'a mut Directory {
    directories
        .entry(path.to_owned())
        .or_insert_with(|| Directory {
            path: path.to_owned(),
            ..Directory::default()
        })
}

/// The directories in `.terraform/modules/modules.json`, by the way of calls to each.
fn modules(text: &str, root: &str) -> HashMap<String, String> {
    let mut places = HashMap::new();
    let Ok((node, _)) = json::read(text, &Limits::default()) else {
        return places;
    };
    let list = node.get("Modules").map_or(&[][..], Node::items);
    for module in list {
        let text = |key: &str| module.get(key).and_then(Node::as_str);
        if let (Some(key), Some(place)) = (text("Key"), text("Dir"))
            && let Some(place) = joined(root, place)
        {
            places.insert(key.to_owned(), place);
        }
    }
    places
}
