//! Packages in several files, or with others below them, asked for as a whole: `data.lib`, or
//! `data.lib[x]`.
//!
//! The library evaluates such a package file by file, and takes it and all below it for evaluated
//! behind the first: a rule of the second that needs another one of the second or third finds it
//! undefined. So a module is put before them that needs every rule, each by its name, and defines
//! nothing.

use std::collections::BTreeMap;

use super::{Module, Shifts, Source, keyword};

pub(super) fn modules(sources: &[Source<'_>]) -> Vec<Module> {
    let mut packages: BTreeMap<&str, Vec<&Source<'_>>> = BTreeMap::new();
    for source in sources {
        if let Some((_, package)) = keyword::package(source) {
            packages.entry(package).or_default().push(source);
        }
    }
    let mut modules = Vec::new();
    for package in packages.keys() {
        let below = format!("{package}.");
        let whole = || {
            packages
                .iter()
                .filter(|(name, _)| *name == package || name.starts_with(&below))
        };
        if whole().map(|(_, files)| files.len()).sum::<usize>() > 1 {
            modules.push(module(package, whole()));
        }
    }
    modules
}

fn module<'a>(
    package: &str,
    whole: impl Iterator<Item = (&'a &'a str, &'a Vec<&'a Source<'a>>)>,
) -> Module {
    let mut paths: Vec<String> = Vec::new();
    for (name, files) in whole {
        // A package below counts even where nothing of it is defined.
        if *name != package {
            paths.push((*name).to_owned());
            continue;
        }
        for source in files {
            for (start, _) in keyword::rules(source) {
                let head = keyword::head(source, start);
                let end = source.end_of_path(head);
                let is_function = source.is(end, "(");
                let path = source.range(head, end).filter(|_| !is_function);
                paths.extend(path.map(|path| format!("{name}.{path}")));
            }
        }
    }
    paths.sort_unstable();
    paths.dedup();
    let needed: String = paths
        .iter()
        .map(|path| format!("\t[0 | data.{path}],\n"))
        .collect();
    Module {
        name: format!("{GENERATED}package {package}"),
        text: format!("package {package}\n\n__all__ if [\n{needed}] == null\n"),
        shifts: vec![Shifts::default()],
    }
}

/// What no file's name begins with.
pub(super) const GENERATED: &str = "/";
