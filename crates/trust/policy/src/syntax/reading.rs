//! One definition, read.

use std::collections::BTreeSet;

use regorus::unstable::{Rule, RuleHead};

use super::{
    Imports, spell_from,
    visitor::{Visitor, static_path},
};
use crate::{EngineError, calls::Node};

/// What a definition has.
pub(super) struct Reading {
    pub(super) name: Vec<String>,
    is_function: bool,
    references: BTreeSet<Vec<String>>,
    called: BTreeSet<Vec<String>>,
    /// Names that stand for values of the rule's own.
    locals: BTreeSet<String>,
    depth: usize,
    pub(super) lines: BTreeSet<u32>,
}

impl Reading {
    pub(super) fn of(rule: &Rule) -> Result<Self, EngineError> {
        let mut visitor = Visitor::default();
        let (refr, is_function) = match rule {
            Rule::Default { refr, value, .. } => {
                visitor.push(value, 0, true);
                (refr, false)
            }
            Rule::Spec { head, bodies, .. } => {
                let is_function = matches!(head, RuleHead::Func { .. });
                (visitor.head(head, bodies)?, is_function)
            }
        };
        visitor.run()?;
        Ok(Self {
            name: static_path(refr).names,
            is_function,
            references: visitor.references,
            called: visitor.called,
            locals: visitor.locals,
            depth: visitor.depth,
            lines: visitor.lines,
        })
    }

    /// Each path below `input` that is written down.
    pub(super) fn of_input(&self) -> impl Iterator<Item = String> {
        let paths = self.references.iter();
        let of_input = paths.filter(|path| path.first().is_some_and(|first| first == "input"));
        of_input.map(|path| spell_from("input", path.get(1..).unwrap_or_default()))
    }

    pub(super) fn node(&self, package: &[String], imports: &Imports) -> Node {
        let full = |path: &Vec<String>| -> Option<Vec<String>> {
            let (first, rest) = path.split_first()?;
            let base: Vec<String> = match (first.as_str(), imports.get(first)) {
                ("data", _) => return Some(rest.to_vec()),
                ("input", _) => return None,
                (_, Some(import)) => import.get(1..).unwrap_or_default().to_vec(),
                (_, None) if self.locals.contains(first) => return None,
                (_, None) => [package, std::slice::from_ref(first)].concat(),
            };
            Some([base, rest.to_vec()].concat())
        };
        Node {
            is_function: self.is_function,
            levels: LEVELS_OF_A_RULE + self.depth,
            references: self.references.iter().filter_map(full).collect(),
            // A function is called by its name even where a local value has the same one.
            called: (self.called.iter())
                .flat_map(|path| [full(path), Some([package, path].concat())])
                .flatten()
                .collect(),
        }
    }
}

/// In levels of expressions: what entering a rule or a function costs the evaluator's stack.
const LEVELS_OF_A_RULE: usize = 16;
