//! What a set of Rego modules defines, where it stands, and how deep its evaluation can go.

mod reading;
mod visitor;

use std::collections::{BTreeMap, BTreeSet};

use regorus::unstable::{Module, Ref, Rule};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::reading::Reading;
pub(crate) use self::visitor::static_path;
use crate::{EngineError, calls, rewrite};

/// Where one definition of a rule stands. A rule can have several.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct RuleSite {
    /// The rule's full path: `data.casemate.gate.deny`.
    pub rule: String,
    /// The file, by its name in the bundle.
    pub file: String,
    /// The line its head stands on, counted from one.
    pub line: u32,
}

/// One definition, and how to find it again in the engine.
#[derive(Clone, Debug)]
pub(crate) struct Definition {
    pub(crate) site: RuleSite,
    /// The rule's name in its package.
    pub(crate) name: String,
    pub(crate) module: usize,
    pub(crate) rule: usize,
    /// What it reads by a path that is written down, of the input and of `data`, in order.
    pub(crate) reads: Vec<String>,
}

/// Everything that a set of modules defines, in the order of its files.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    pub(crate) definitions: Vec<Definition>,
    /// For each file, the lines that hold something to evaluate.
    pub(crate) lines: BTreeMap<String, BTreeSet<u32>>,
    /// Each file, with its package and whether it is Rego v1.
    pub(crate) files: BTreeMap<String, (Vec<String>, bool)>,
}

impl Index {
    /// What `modules` define. Refuses recursive functions, and calls that go deeper than the stack.
    pub(crate) fn new(modules: &[Ref<Module>]) -> Result<Self, EngineError> {
        let mut index = Self::default();
        let mut graph = calls::Graph::default();
        for (at, module) in modules.iter().enumerate() {
            let package = static_path(&module.package.refr).names;
            let imports = imports(module);
            let file = module.package.span.source.file();
            if !rewrite::Module::is_generated(file) {
                let read = (package.clone(), module.rego_v1);
                index.files.insert(file.clone(), read);
            }
            for (number, rule) in module.policy.iter().enumerate() {
                let reading = Reading::of(rule)?;
                let file = rule.span().source.file().clone();
                let is_written = !rewrite::Module::is_generated(&file);
                if is_written {
                    let lines = index.lines.entry(file.clone()).or_default();
                    lines.extend(&reading.lines);
                }
                let mut path = package.clone();
                path.extend(reading.name.iter().cloned());
                let node = reading.node(&package, &imports);
                if let Rule::Spec { .. } = rule.as_ref()
                    && is_written
                {
                    let data = node.references.iter().map(|path| spell(path));
                    let reads: BTreeSet<String> = reading.of_input().chain(data).collect();
                    index.definitions.push(Definition {
                        site: RuleSite {
                            rule: spell(&path),
                            file,
                            line: rule.span().line,
                        },
                        name: reading.name.join("."),
                        module: at,
                        rule: number,
                        reads: reads.into_iter().collect(),
                    });
                }
                graph.add(path, node);
            }
        }
        graph.check()?;
        Ok(index)
    }

    /// Whether anything defines `path`.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.of(path).next().is_some()
    }

    /// Every definition of `path`.
    pub(crate) fn of<'a>(&'a self, path: &'a str) -> impl Iterator<Item = &'a Definition> {
        self.definitions
            .iter()
            .filter(move |definition| definition.site.rule == path)
    }
}

/// Whether a definition asks something that `is_defined`.
pub(crate) fn leans(
    rule: &Rule,
    package: &[String],
    imports: &Imports,
    is_defined: impl Fn(&[String]) -> bool,
) -> bool {
    let Ok(reading) = Reading::of(rule) else {
        return true;
    };
    let node = reading.node(package, imports);
    let mut asked = node.references.iter().chain(&node.called);
    asked.any(|path| is_defined(path))
}

/// What an import calls something, and what that is.
pub(crate) type Imports = BTreeMap<String, Vec<String>>;

pub(crate) fn imports(module: &Module) -> Imports {
    let mut imports = Imports::new();
    for import in &module.imports {
        let path = static_path(&import.refr).names;
        let alias = import.r#as.as_ref().map(|span| span.text().to_owned());
        if let Some(alias) = alias.or_else(|| path.last().cloned()) {
            imports.insert(alias, path);
        }
    }
    imports
}

/// The path as policies spell it, from `data` on.
pub(crate) fn spell(path: &[String]) -> String {
    spell_from("data", path)
}

fn spell_from(root: &str, path: &[String]) -> String {
    let mut text = root.to_owned();
    for name in path {
        let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
            && !name.starts_with(|c: char| c.is_ascii_digit())
            && !name.is_empty();
        if plain {
            text.push('.');
            text.push_str(name);
        } else {
            text.push_str(&format!("[{}]", serde_json::Value::from(name.as_str())));
        }
    }
    text
}

#[cfg(test)]
mod tests;
