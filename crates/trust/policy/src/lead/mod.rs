//! What a definition asks first, answered without the library.
//!
//! Of a hundred rules that a request is held against hardly any has something against it, and most say so early: another kind, another
//! registry, a label that is there. A definition of a set whose first statements nothing satisfies gives nothing, whatever stands behind
//! them. Those statements are read once, as far as they are of a few plain kinds, and asked of the input itself; the library, which takes
//! some forty microseconds for a definition, is asked for those that are left.
//!
//! That is the library's own answer:
//!
//! - It evaluates statements in the order in which they stand, unless one needs a variable of a later one. Here each needs only what the
//!   ones before it gave, so that all of them come before all that was not read.
//! - What they are made of are paths into the input, constants, documents, comparisons, builtins that are the same ones, and rules of
//!   the package that are arrays of what such statements find; whatever would be an error, in a builtin or in `some x in 5`, leaves
//!   the definition open, and the library says what it is.
//! - A set is the union of what its definitions give. A rule that is anything else, or that something else is defined in or around, is
//!   left to the library as a whole.
//!
//! What a request can make of it is bounded by [`Work`]: beyond that all is left to the library, which has limits of its own.

mod read;
mod run;
#[cfg(test)]
mod tests;

#[cfg(test)]
use std::time::Duration;
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
};

use regorus::{
    Value,
    unstable::{Expr, Module, Ref, Rule, RuleHead},
};

pub(crate) use run::Work;

use self::run::{Lead, is_refuted};
use crate::{
    fence,
    syntax::{imports, leans, spell, static_path},
};

/// The rules that are sets, by their full paths, with what their definitions ask first.
#[derive(Clone, Default)]
pub(crate) struct Leads(BTreeMap<String, Vec<Defined>>);

/// One definition, and where the library has it.
#[derive(Clone)]
struct Defined {
    at: Place,
    lead: Option<Lead>,
    /// Whether it asks rules or functions of the policy, which is done anew for each definition that is asked alone.
    leans: bool,
}

/// Where the library has a definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) module: usize,
    pub(crate) rule: usize,
}

/// What the library is to be asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// The rule as a whole.
    Whole,
    /// These definitions of a set alone; the others give nothing.
    Definitions(Vec<Place>),
}

impl Leads {
    /// What `modules` ask first, where `data` has no value in the place of a rule.
    pub(crate) fn of(modules: &[Ref<Module>], data: &Value) -> Self {
        let packages: Vec<Vec<String>> = modules
            .iter()
            .map(|module| static_path(&module.package.refr).names)
            .collect();
        let mut names: BTreeMap<&[String], BTreeSet<String>> = BTreeMap::new();
        let mut paths: BTreeMap<Vec<String>, Vec<(Place, bool)>> = BTreeMap::new();
        for (module, (package, of)) in packages.iter().zip(modules).enumerate() {
            for (rule, defined) in of.policy.iter().enumerate() {
                let own = static_path(head(defined)).names;
                names
                    .entry(package)
                    .or_default()
                    .extend(own.first().cloned());
                let path = [package.as_slice(), &own].concat();
                let place = Place { module, rule };
                let all = paths.entry(path).or_default();
                all.push((place, is_set(defined)));
            }
        }
        let is_defined = |path: &[String]| {
            let mut from = paths.range::<[String], _>((Bound::Included(path), Bound::Unbounded));
            (1..path.len()).any(|length| paths.contains_key(&path[..length]))
                || from.next().is_some_and(|(next, _)| next.starts_with(path))
        };
        let is_alone = |path: &[String]| {
            let is_around = (1..path.len()).any(|length| paths.contains_key(&path[..length]));
            let mut from = paths.range::<[String], _>((Bound::Included(path), Bound::Unbounded));
            let is_in = from.nth(1).is_some_and(|(next, _)| next.starts_with(path));
            !is_around && !is_in && has_room(data, path)
        };
        let imported: Vec<_> = modules.iter().map(|it| imports(it)).collect();
        let globals = packages.iter().zip(&imported).map(|(package, imports)| {
            let mut globals = names.get(package.as_slice()).cloned().unwrap_or_default();
            globals.extend(imports.keys().cloned());
            globals
        });
        let globals: Vec<_> = globals.collect();
        let values = paths.iter().filter_map(|(path, all)| match all.as_slice() {
            [(at, false)] if is_alone(path) => Some((path.as_slice(), *at)),
            _ => None,
        });
        let policy = read::Policy {
            modules,
            packages: &packages,
            imported: &imported,
            globals: &globals,
            values: &values.collect(),
            is_defined: &is_defined,
            data,
        };
        let sets = paths
            .iter()
            .filter(|(path, all)| all.iter().all(|(_, is_set)| *is_set) && is_alone(path));
        let sets = sets.map(|(path, all)| {
            let defined = all.iter().map(|(at, _)| {
                let module = &modules[at.module];
                let package = packages[at.module].as_slice();
                let rule = &module.policy[at.rule];
                let lead = read::lead(&policy, *at);
                let leans = leans(rule, package, &imported[at.module], is_defined);
                Defined {
                    at: *at,
                    lead,
                    leans,
                }
            });
            (spell(path), defined.collect::<Vec<_>>())
        });
        Self(
            sets.filter(|(_, all)| all.iter().any(|it| it.lead.is_some()))
                .collect(),
        )
    }

    /// See [`Rego::left`](crate::rego::Rego::left).
    #[cfg(test)]
    pub(crate) fn count(&self, rule: &str, input: &Value) -> (usize, usize) {
        let all = self.0.get(rule).map_or(&[][..], Vec::as_slice);
        let work = Work::within(Duration::from_secs(3_600));
        let open = all.iter().filter(|it| it.is_open(input, &work)).count();
        (open, all.iter().filter(|it| it.lead.is_some()).count())
    }

    /// What is left to ask the library of `rule`, with errors of builtins as errors.
    pub(crate) fn left(&self, rule: &str, input: &Value, work: &Work) -> Left {
        let Some(all) = self.0.get(rule) else {
            return Left::Whole;
        };
        let open: Vec<&Defined> = all.iter().filter(|it| it.is_open(input, work)).collect();
        let leaning = open.iter().filter(|it| it.leans).count();
        // One at a time costs more than all of them do together where most are left, or where they ask the same.
        match open.len() > all.len() / 2 || leaning > MAX_LEANING {
            true => Left::Whole,
            false => Left::Definitions(open.iter().map(|it| it.at).collect()),
        }
    }
}

impl Defined {
    /// Whether it may give something.
    fn is_open(&self, input: &Value, work: &Work) -> bool {
        // A builtin of the library's that panics does that again where a panic is an answer.
        let is_refuted = |lead| fence::caught(|| is_refuted(lead, input, work));
        let Some(lead) = &self.lead else {
            return true;
        };
        !is_refuted(lead).unwrap_or(false)
    }
}

fn head(rule: &Rule) -> &Ref<Expr> {
    match rule {
        Rule::Default { refr, .. }
        | Rule::Spec {
            head:
                RuleHead::Compr { refr, .. } | RuleHead::Set { refr, .. } | RuleHead::Func { refr, .. },
            ..
        } => refr,
    }
}

/// Whether it is a definition of a set that is a rule of its package by a plain name.
fn is_set(rule: &Rule) -> bool {
    let Rule::Spec {
        head: RuleHead::Set { refr, .. },
        ..
    } = rule
    else {
        return false;
    };
    matches!(refr.as_ref(), Expr::Var { .. })
}

/// Whether `data` has nothing at `path`, nor anything on the way but objects.
fn has_room(data: &Value, path: &[String]) -> bool {
    let mut at = data;
    for name in path {
        match at {
            Value::Undefined => return true,
            Value::Object(_) => at = &at[&Value::from(name.as_str())],
            _ => return false,
        }
    }
    *at == Value::Undefined
}

/// Definitions that ask others and are asked one at a time.
const MAX_LEANING: usize = 4;
