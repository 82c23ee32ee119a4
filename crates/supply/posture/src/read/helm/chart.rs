//! Charts: which files make one, and which charts it depends on.

use std::{collections::BTreeMap, sync::Arc};

use casemate_document::{
    Limits, Node, Span,
    yaml::{self, Dialect},
};

use super::functions::{Constraint, Version};
use crate::File;

/// Files by their paths.
pub(super) type Files = BTreeMap<String, Arc<File>>;

/// A chart as it stands in the tree, with the charts below it.
#[derive(Clone, Debug)]
pub(super) struct Chart {
    /// Its own name; that of the alias under which another one has it.
    pub(super) name: String,
    pub(super) version: String,
    pub(super) is_library: bool,
    /// `Chart.yaml`.
    pub(super) file: Arc<File>,
    pub(super) metadata: Arc<Node>,
    pub(super) values: Option<Arc<File>>,
    /// Values beside it that somebody installs the chart with: `values-prod.yaml`.
    pub(super) sets: Vec<Arc<File>>,
    /// Below `templates/`, by their paths in the chart.
    pub(super) templates: Vec<(String, Arc<File>)>,
    /// Everything else, by their paths in the chart.
    pub(super) files: Vec<(String, Arc<File>)>,
    pub(super) dependencies: Vec<Dependency>,
    pub(super) charts: Vec<Self>,
}

/// What a chart says of another that it depends on.
#[derive(Clone, Debug)]
pub(super) struct Dependency {
    /// The name; the alias, once that is asked for.
    pub(super) name: String,
    pub(super) version: String,
    pub(super) repository: String,
    pub(super) condition: String,
    pub(super) tags: Vec<String>,
    pub(super) alias: String,
    /// Names of exports, and pairs of what the child calls it and what the parent does.
    pub(super) imports: Vec<(String, String)>,
    pub(super) span: Span,
    pub(super) is_enabled: bool,
}

/// What is not in the tree.
pub(super) struct Absent {
    pub(super) file: Arc<File>,
    pub(super) span: Span,
    pub(super) message: String,
}

/// Where charts are found.
pub(super) struct Tree<'a> {
    files: &'a Files,
    /// Folders with a `Chart.yaml`, each with the chart's name.
    folders: BTreeMap<String, String>,
}

impl<'a> Tree<'a> {
    pub(super) fn new(files: &'a Files) -> Self {
        let mut folders = BTreeMap::new();
        for (path, file) in files {
            let Some(folder) = folder_of(path, CHART) else {
                continue;
            };
            if let Some(root) = document(file)
                && let Some(name) = text(&root, "name", file)
            {
                folders.insert(folder.to_owned(), name);
            }
        }
        Self { files, folders }
    }

    /// The folders of charts that are in no other chart.
    pub(super) fn roots(&self) -> Vec<String> {
        let is_root = |folder: &&String| {
            let parent = folder.rsplit_once('/').map(|(parent, _)| parent);
            let above = parent.and_then(|parent| match parent {
                "charts" => Some(""),
                parent => parent.strip_suffix("/charts"),
            });
            above.is_none_or(|above| !self.folders.contains_key(above))
        };
        self.folders.keys().filter(is_root).cloned().collect()
    }

    /// The chart in `folder`, with those that it depends on.
    pub(super) fn chart(&self, folder: &str, absent: &mut Vec<Absent>) -> Option<Chart> {
        self.chart_below(folder, 0, absent)
    }

    fn chart_below(&self, folder: &str, depth: usize, absent: &mut Vec<Absent>) -> Option<Chart> {
        let inside = |path: &str| match folder {
            "" => path.to_owned(),
            folder => format!("{folder}/{path}"),
        };
        let file = self.files.get(&inside(CHART))?;
        let root = document(file)?;
        let mut chart = Chart {
            name: text(&root, "name", file)?,
            version: text(&root, "version", file).unwrap_or_default(),
            is_library: text(&root, "type", file).as_deref() == Some("library"),
            file: file.clone(),
            dependencies: dependencies(&root, file),
            metadata: Arc::new(root),
            values: None,
            sets: Vec::new(),
            templates: Vec::new(),
            files: Vec::new(),
            charts: Vec::new(),
        };
        // Charts of version 1 say it in a file of its own.
        if let Some(requirements) = self.files.get(&inside("requirements.yaml"))
            && let Some(root) = document(requirements)
        {
            chart.dependencies.extend(dependencies(&root, requirements));
        }
        let prefix = inside("");
        let below = self.files.range(prefix.clone()..);
        let below = below.take_while(|(path, _)| path.starts_with(&prefix));
        for (path, file) in below {
            let path = &path[prefix.len()..];
            match path {
                "values.yaml" => chart.values = Some(file.clone()),
                // Those of a chart below are given by nobody: it is installed with its parent.
                _ if depth == 0 && is_set(path) && chart.sets.len() < MAX_SETS => {
                    chart.sets.push(file.clone());
                    chart.files.push((path.to_owned(), file.clone()));
                }
                _ if path.starts_with("charts/") => {}
                _ if path.starts_with("templates/") => {
                    chart.templates.push((path.to_owned(), file.clone()));
                }
                CHART | "Chart.lock" | "values.schema.json" | "requirements.yaml"
                | "requirements.lock" => {}
                _ => chart.files.push((path.to_owned(), file.clone())),
            }
        }
        if depth < MAX_DEPTH {
            self.add_charts(&mut chart, folder, depth, absent);
        }
        Some(chart)
    }

    /// The charts below `charts/`, and those that are elsewhere in the tree.
    fn add_charts(&self, chart: &mut Chart, folder: &str, depth: usize, absent: &mut Vec<Absent>) {
        let below = match folder {
            "" => "charts/".to_owned(),
            folder => format!("{folder}/charts/"),
        };
        let inside: Vec<&String> = self
            .folders
            .range(below.clone()..)
            .map(|(path, _)| path)
            .take_while(|path| path.starts_with(&below))
            .filter(|path| !path[below.len()..].contains('/'))
            .collect();
        let found = inside.into_iter();
        chart.charts = found
            .filter_map(|path| self.chart_below(path, depth + 1, absent))
            .collect();
        for dependency in &chart.dependencies {
            if chart.charts.iter().any(|it| dependency.takes(it)) {
                continue;
            }
            match self.elsewhere(dependency, folder, depth, absent) {
                Some(found) => chart.charts.push(found),
                None => absent.push(Absent {
                    file: chart.file.clone(),
                    span: dependency.span,
                    message: format!(
                        "the chart {} is not in the tree, so what it declares is not read",
                        dependency.name
                    ),
                }),
            }
        }
    }

    /// The chart that a dependency names by a path; else one of its name and version.
    fn elsewhere(
        &self,
        dependency: &Dependency,
        folder: &str,
        depth: usize,
        absent: &mut Vec<Absent>,
    ) -> Option<Chart> {
        if let Some(path) = dependency.repository.strip_prefix("file://") {
            let folder = crate::read::path::joined(folder, path)?;
            return self.chart_below(&folder, depth + 1, absent);
        }
        let named = self
            .folders
            .iter()
            .filter(|(_, name)| **name == dependency.name);
        let mut charts = named.filter_map(|(path, _)| {
            let mut ignored = Vec::new();
            self.chart_below(path, depth + 1, &mut ignored)
        });
        charts.find(|chart| dependency.takes(chart))
    }
}

impl Dependency {
    /// Whether it is `chart` that it names.
    pub(super) fn takes(&self, chart: &Chart) -> bool {
        if self.name != chart.name {
            return false;
        }
        let constraint = Constraint::parse(&self.version);
        let version = Version::parse(&chart.version);
        match (constraint, version) {
            (Some(constraint), Some(version)) => constraint.takes(&version),
            _ => false,
        }
    }
}

/// Whether a file in the folder of a chart is called as values for it are.
pub(super) fn is_set(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    let stem = lower.strip_suffix(".yaml").or(lower.strip_suffix(".yml"));
    let Some(stem) = stem.filter(|stem| !stem.contains('/') && *stem != "values") else {
        return false;
    };
    let is_mark = |c: char| "-._".contains(c);
    let after = stem
        .strip_prefix("values")
        .map(|rest| rest.starts_with(is_mark));
    let before = stem
        .strip_suffix("values")
        .map(|rest| rest.ends_with(is_mark));
    let is_named = after == Some(true) || before == Some(true);
    is_named && !stem.contains("schema")
}

fn dependencies(root: &Node, file: &File) -> Vec<Dependency> {
    let items = root.get("dependencies").map_or(&[][..], Node::items).iter();
    let word = |item: &Node, key: &str| text(item, key, file).unwrap_or_default();
    let dependency = |item: &Node| Dependency {
        name: word(item, "name"),
        version: word(item, "version"),
        repository: word(item, "repository"),
        condition: word(item, "condition"),
        alias: word(item, "alias"),
        tags: item
            .get("tags")
            .map_or(&[][..], Node::items)
            .iter()
            .filter_map(|tag| Some(tag.as_str()?.to_owned()))
            .collect(),
        imports: item
            .get("import-values")
            .map_or(&[][..], Node::items)
            .iter()
            .filter_map(|import| match import.as_str() {
                Some(name) => Some((format!("exports.{name}"), ".".to_owned())),
                None => Some((
                    import.get("child")?.as_str()?.to_owned(),
                    import.get("parent")?.as_str()?.to_owned(),
                )),
            })
            .collect(),
        span: item.span,
        is_enabled: true,
    };
    items.map(dependency).collect()
}

/// The first document of a file.
pub(super) fn document(file: &File) -> Option<Node> {
    let stream = yaml::read(&file.text, Dialect::KUBERNETES, &Limits::default());
    stream
        .documents
        .into_iter()
        .next()
        .map(|document| document.root)
}

/// The text under `key`, as it was written: a version may look like a number.
pub(super) fn text(node: &Node, key: &str, file: &File) -> Option<String> {
    let node = node.get(key)?;
    match node.as_str() {
        Some(text) => Some(text.to_owned()),
        None if node.is_null() => None,
        None => Some(node.span.of(&file.text).trim().to_owned()),
    }
}

/// The folder of a file with `name`.
pub(super) fn folder_of<'a>(path: &'a str, name: &str) -> Option<&'a str> {
    let folder = path.strip_suffix(name)?;
    match folder {
        "" => Some(""),
        folder => folder.strip_suffix('/'),
    }
}

pub(super) const CHART: &str = "Chart.yaml";

/// Files of values that a chart is rendered with, each by itself; of more it is told.
const MAX_SETS: usize = 8;

/// Charts in charts.
const MAX_DEPTH: usize = 8;
