//! The built-in rows, parsed a module at a time: a file names a few of hundreds, and a program that
//! judges one should not read them all first.

use std::{
    collections::{BTreeMap, HashMap},
    sync::OnceLock,
};

use super::{
    AllowlistError,
    file::{File, FileGroup},
    row::{Contract, Gadget, Row},
};
use crate::operators::{OperatorRows, Operators};

/// Files of rows, cut into modules.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    modules: HashMap<&'static str, Section>,
    operators: Section<Operators>,
}

/// What the files say of one module, and what that means once somebody asks.
#[derive(Debug)]
struct Section<T = Module> {
    tables: Vec<&'static str>,
    parsed: OnceLock<T>,
}

/// The rows of one module.
#[derive(Debug, Default)]
pub(super) struct Module {
    pub(super) rows: HashMap<String, Row>,
    pub(super) gadgets: BTreeMap<String, Gadget>,
}

impl Shelf {
    /// Files in the form of those under `content/allowlists`. Their tables are only told apart
    /// here.
    pub(super) fn new(files: &[&'static str]) -> Self {
        let mut shelf = Self::default();
        for file in files {
            for table in tables(file) {
                match module_of(table) {
                    Some(module) => shelf.modules.entry(module).or_default().tables.push(table),
                    None => shelf.operators.tables.push(table),
                }
            }
        }
        shelf
    }

    pub(super) fn module(&self, name: &str) -> Option<&Module> {
        let section = self.modules.get(name)?;
        // The tests read the same files. Were one broken, its module would allow nothing.
        let parse = || section.parse(name).unwrap_or_default();
        Some(section.parsed.get_or_init(parse))
    }

    pub(super) fn modules(&self) -> impl Iterator<Item = &Module> {
        let names = self.modules.keys();
        names.filter_map(|name| self.module(name))
    }

    pub(super) fn operators(&self) -> &Operators {
        let parse = || self.operators.parse().unwrap_or_default();
        self.operators.parsed.get_or_init(parse)
    }
}

impl Section {
    /// What the tables say of the module `name`, which is what each of them is about.
    fn parse(&self, name: &str) -> Result<Module, AllowlistError> {
        let file: File = toml::from_str(&self.tables.concat())?;
        let mut module = Module::default();
        for row in file.allow {
            let (_, path, row) = row.judged()?;
            module.rows.insert(path, row);
        }
        // Objects that are made empty and then get their dictionary; tuples of their arguments;
        // and what is only referred to.
        let plain = |row: &mut Row| (row.new, row.build) = (true, true);
        let tuple = |row: &mut Row| (row.new, row.arguments) = (true, Contract::anything());
        for group in file.plain {
            module.add(group, name, plain);
        }
        for group in file.tuple {
            module.add(group, name, tuple);
        }
        for group in file.named {
            module.add(group, name, |_| {});
        }
        for gadget in file.gadget.into_iter().filter(|row| row.module == name) {
            let said = Gadget {
                what: gadget.what,
                references: gadget.references,
            };
            module.gadgets.insert(gadget.name, said);
        }
        Ok(module)
    }
}

impl Section<Operators> {
    fn parse(&self) -> Result<Operators, AllowlistError> {
        let file: File = toml::from_str(&self.tables.concat())?;
        let mut operators = Operators::default();
        operators.add(OperatorRows {
            operators: file.operators,
            dangerous_operator: file.dangerous_operator,
            operator_class: file.operator_class,
        });
        Ok(operators)
    }
}

impl<T> Default for Section<T> {
    fn default() -> Self {
        Self {
            tables: Vec::new(),
            parsed: OnceLock::new(),
        }
    }
}

impl Module {
    fn add(&mut self, group: FileGroup, module: &str, allow: impl Fn(&mut Row)) {
        if group.module != module {
            return;
        }
        for name in group.names {
            let mut row = Row::named(&group.kind);
            allow(&mut row);
            self.rows.entry(name).or_insert(row);
        }
    }
}

/// The tables of a file, each from its header to the next one's.
fn tables(file: &'static str) -> impl Iterator<Item = &'static str> {
    let starts = memchr::memmem::find_iter(file.as_bytes(), b"\n[[").map(|at| at + 1);
    let first = file.starts_with("[[").then_some(0);
    let mut starts: Vec<usize> = first.into_iter().chain(starts).collect();
    starts.push(file.len());
    let ends = starts.clone().into_iter().skip(1);
    let extents: Vec<_> = starts.into_iter().zip(ends).collect();
    extents
        .into_iter()
        .filter_map(|(from, to)| file.get(from..to))
}

/// The module that a table is about, which its first line says.
fn module_of(table: &'static str) -> Option<&'static str> {
    let line = table.lines().nth(1)?;
    let value = line.strip_prefix("module = ")?;
    let quote = value.chars().next()?;
    value.strip_prefix(quote)?.strip_suffix(quote)
}

#[cfg(test)]
mod tests {
    use super::{super::BUILTIN_FILES, *};

    #[test]
    fn the_built_in_files_are_sound() {
        let shelf = Shelf::new(BUILTIN_FILES);
        for (name, section) in &shelf.modules {
            let module = section.parse(name).expect(name);
            assert!(
                !module.rows.is_empty() || !module.gadgets.is_empty(),
                "{name}"
            );
        }
        shelf.operators.parse().expect("operators");
    }

    #[test]
    fn a_module_at_a_time_gives_what_the_whole_files_give() {
        let shelf = Shelf::new(BUILTIN_FILES);
        let whole: Vec<File> = BUILTIN_FILES
            .iter()
            .map(|file| toml::from_str(file).expect("sound"))
            .collect();
        let groups = |file: &File| {
            let groups = [&file.plain, &file.tuple, &file.named];
            let named = groups.into_iter().flatten();
            let mut names: Vec<(String, String)> = named
                .flat_map(|group| group.names.iter().map(|name| (&group.module, name)))
                .chain(file.allow.iter().map(|row| (&row.module, &row.name)))
                .map(|(module, name)| (module.clone(), name.clone()))
                .collect();
            names.sort();
            names.dedup();
            names
        };
        let mut expected: Vec<_> = whole.iter().flat_map(groups).collect();
        expected.sort();
        expected.dedup();
        for (module, name) in &expected {
            let found = shelf
                .module(module)
                .and_then(|module| module.rows.get(name));
            assert!(found.is_some(), "{module}.{name}");
        }
        let rows: usize = shelf.modules().map(|module| module.rows.len()).sum();
        assert_eq!(rows, expected.len());
        let gadgets: usize = whole.iter().map(|file| file.gadget.len()).sum();
        let found: usize = shelf.modules().map(|module| module.gadgets.len()).sum();
        assert_eq!(found, gadgets);
    }
}
