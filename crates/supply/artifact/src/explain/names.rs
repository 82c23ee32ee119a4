//! What imports are called in the lines.

use std::collections::HashMap;

use super::literal::{is_identifier, string};
use crate::pickle::{
    symbol::Symbol,
    tree::{Act, Node, Tree},
    value::SymbolId,
};

/// The name of each import: its last word, where no other import of the stream has the same.
pub(super) struct Names {
    shown: HashMap<SymbolId, String>,
}

impl Names {
    pub(super) fn of(tree: &Tree<'_>) -> Self {
        let mut first: HashMap<&str, SymbolId> = HashMap::new();
        let mut all = Vec::new();
        let mut shared: HashMap<&str, bool> = HashMap::new();
        for step in tree.steps() {
            let Act::Import(id) = step.act else { continue };
            let Node::Global(id) = *tree.node(id) else {
                continue;
            };
            let symbol = tree.symbol(id);
            all.push(id);
            let other = first.entry(&symbol.path).or_insert(id);
            *shared.entry(&symbol.path).or_default() |= *other != id;
        }
        let mut shown = HashMap::new();
        for id in all {
            let symbol = tree.symbol(id);
            let is_alone = shared.get(&*symbol.path) == Some(&false);
            shown.entry(id).or_insert_with(|| name(symbol, is_alone));
        }
        Self { shown }
    }

    /// The name of an import of the stream.
    pub(super) fn name(&self, id: SymbolId) -> &str {
        self.shown.get(&id).map_or("", String::as_str)
    }
}

/// The line that imports a symbol.
pub(super) fn import(symbol: &Symbol) -> String {
    let mut line = if is_plain(symbol) {
        format!("from {} import {}", symbol.module, symbol.path)
    } else {
        name(symbol, false)
    };
    if let Some((module, path)) = &symbol.written {
        // The names of Python 2 that protocols below 3 use.
        line += &match is_dotted(module) && is_dotted(path) {
            true => format!("  # written {module}.{path}"),
            false => format!("  # written {}, {}", cut(module), cut(path)),
        };
    }
    line
}

fn name(symbol: &Symbol, is_alone: bool) -> String {
    if !is_plain(symbol) {
        return format!("import_({}, {})", cut(&symbol.module), cut(&symbol.path));
    }
    let is_builtin = &*symbol.module == "builtins";
    if is_alone && is_identifier(&symbol.path) && (is_builtin || !is_variable(&symbol.path)) {
        return symbol.path.to_string();
    }
    symbol.dotted()
}

fn is_plain(symbol: &Symbol) -> bool {
    is_dotted(&symbol.module)
        && is_dotted(&symbol.path)
        && symbol.module.len() + symbol.path.len() <= LONGEST
}

fn is_dotted(name: &str) -> bool {
    name.split('.').all(is_identifier)
}

/// Whether it would be mistaken for a name that the lines give.
fn is_variable(name: &str) -> bool {
    name.strip_prefix('v')
        .is_some_and(|digits| digits.chars().all(|c| c.is_ascii_digit()))
        || OURS.contains(&name)
}

fn cut(name: &str) -> String {
    let end = name.floor_char_boundary(LONGEST);
    string(&name[..end], (name.len() - end) as u64)
}

/// Names that the lines use for what is no import.
const OURS: &[&str] = &[
    "import_",
    "storage",
    "persistent_load",
    "extension",
    "set",
    "frozenset",
    "bytearray",
];
const LONGEST: usize = 160;
