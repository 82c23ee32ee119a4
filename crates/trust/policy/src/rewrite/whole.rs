//! Packages in several files, asked for as a whole: `data.lib`, or `data.lib[x]`.
//!
//! The library evaluates such a package file by file, and takes it for evaluated behind the first: a
//! rule of the second that needs another one of the second or third finds it undefined. So a module is
//! put before them that needs every rule of the package, each by its name, and defines nothing.

use std::collections::BTreeMap;

use super::{Module, Shifts, Source, keyword};

pub(super) fn modules(sources: &[Source<'_>]) -> Vec<Module> {
    let mut packages: BTreeMap<&str, Vec<&Source<'_>>> = BTreeMap::new();
    for source in sources {
        if let Some((_, package)) = keyword::package(source) {
            packages.entry(package).or_default().push(source);
        }
    }
    packages.retain(|_, files| files.len() > 1);
    packages
        .into_iter()
        .map(|(package, files)| module(package, &files))
        .collect()
}

fn module(package: &str, files: &[&Source<'_>]) -> Module {
    let mut paths: Vec<&str> = Vec::new();
    for source in files {
        for (start, _) in keyword::rules(source) {
            let head = keyword::head(source, start);
            let end = source.end_of_path(head);
            let is_function = source.is(end, "(");
            paths.extend(source.range(head, end).filter(|_| !is_function));
        }
    }
    paths.sort_unstable();
    paths.dedup();
    let needed: String = paths
        .iter()
        .map(|path| format!("\t[0 | data.{package}.{path}],\n"))
        .collect();
    Module {
        name: format!("{GENERATED}package {package}"),
        text: format!("package {package}\n\n__all__ if [\n{needed}] == null\n"),
        shifts: vec![Shifts::default()],
    }
}

/// What no file's name begins with.
pub(super) const GENERATED: &str = "/";
