//! Falco's rules, over our events.
//!
//! ```text
//!   bytes ──► file ──► lists, macros, rules ──► condition ──► check ──► Match
//!                                               └► coverage: what blocks a rule
//! ```
//!
//! A rule that asks for a field that no event has is not asked at all: an answer that rests on a guess
//! would look like one that does not.

mod check;
mod condition;
mod coverage;
mod fields;
mod file;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use casemate_core::{Event, Field, RuleId, Severity};

use crate::{
    error::{Error, quote},
    matches::Match,
};
use check::Asked;
use condition::{Check, Expr, Operator, Scope, Wrong};
pub use coverage::{Coverage, Extent, RuleCoverage};
use file::{Declaration, Declared, Exception, Values};

/// Rules of Falco, those that can be asked among them.
#[derive(Debug, Default)]
pub struct FalcoRules {
    rules: Vec<FalcoRule>,
    coverage: Coverage,
    size: usize,
}

/// A rule of Falco that can be asked.
#[derive(Debug)]
pub struct FalcoRule {
    /// `falco:` and its name, as the program writes names of others.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it says of itself.
    pub description: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// Its priority, as a severity.
    pub level: Severity,
    asked: Asked,
    shown: BTreeSet<(String, Option<String>)>,
}

impl FalcoRules {
    /// Reads files of rules, the later ones over the earlier ones.
    ///
    /// # Errors
    ///
    /// Everything that is not understood. A field that no event has is none of it: see [`Self::coverage`].
    pub fn read<'f>(
        files: impl IntoIterator<Item = (&'f str, &'f [u8])>,
    ) -> Result<Self, Vec<Error>> {
        let mut declared = Declared::default();
        for (name, bytes) in files {
            declared.file(name, bytes);
        }
        let mut errors = std::mem::take(&mut declared.errors);
        let scope = scope(&mut declared, &mut errors);
        let mut rules = Self::default();
        for declaration in &declared.rules {
            match rules.add(declaration, &scope) {
                Ok(()) => {}
                Err((message, advice)) => {
                    errors.push(said(&declaration.condition.at, message, advice))
                }
            }
        }
        errors.sort();
        match errors.is_empty() {
            true => Ok(rules),
            false => Err(errors),
        }
    }

    /// Which of the rules can be asked, and what blocks the others.
    pub fn coverage(&self) -> &Coverage {
        &self.coverage
    }

    /// The rules that are asked: enabled, and not blocked.
    pub fn rules(&self) -> &[FalcoRule] {
        &self.rules
    }

    /// The rules that an event matches. They are about one event each, and so nothing is kept.
    pub fn observe(&self, event: &Event) -> Vec<Match> {
        let rules = self.rules.iter().filter(|rule| rule.asked.matches(event));
        rules.map(|rule| rule.matched(event)).collect()
    }

    fn add(&mut self, declaration: &Declaration, scope: &Scope) -> Result<(), Wrong> {
        let (mut expr, size) = condition::parse(&declaration.condition.text, scope)?;
        grow(&mut self.size, size)?;
        let exceptions = exceptions(&declaration.exceptions, scope, &mut self.size)?;
        if !exceptions.is_empty() {
            expr = Expr::All(vec![expr, Expr::Not(Box::new(Expr::Any(exceptions)))]);
        }
        let (name, file) = (&declaration.name, &declaration.file);
        let judged = coverage::judge(name, file, declaration.is_enabled, &expr);
        let asked = Asked::new(&expr)?;
        let level = level(&declaration.priority)?;
        if declaration.is_enabled && judged.extent != Extent::Blocked {
            let id = RuleId::of_tool("falco", name).map_err(|_| {
                let what = format!("{} is too long a name of a rule", quote(name));
                (what, "shorten it")
            })?;
            self.rules.push(FalcoRule {
                id: id.to_string(),
                name: name.clone(),
                description: declaration.description.trim().to_owned(),
                tags: declaration.tags.clone(),
                level,
                asked,
                shown: shown(&declaration.output),
            });
        }
        self.coverage.rules.push(judged);
        Ok(())
    }
}

impl FalcoRule {
    fn matched(&self, event: &Event) -> Match {
        let field = |(name, argument): &(String, Option<String>)| {
            let values = fields::values(event, name, argument.as_deref());
            let value = values.into_iter().next()?.into_owned();
            let name = match argument {
                Some(argument) => format!("{name}[{argument}]"),
                None => name.clone(),
            };
            Some((name, Field::Text(value)))
        };
        let events = vec![event.id];
        Match {
            id: Match::identity(&self.id, &events, event.event_time, &BTreeMap::new()),
            rule: self.id.clone(),
            title: self.name.clone(),
            level: self.level,
            event_time: event.event_time,
            source: event.source.clone(),
            events,
            count: 1,
            fields: self.shown.iter().filter_map(field).collect(),
            assets: event.assets.clone(),
        }
    }
}

/// Looks up what lists and macros are made of.
fn scope(declared: &mut Declared, errors: &mut Vec<Error>) -> Scope {
    let mut scope = Scope::default();
    let mut size = 0;
    for (name, (_, at)) in &declared.lists {
        let mut items = Vec::new();
        let expanded = expand(
            name,
            &declared.lists,
            &mut Vec::new(),
            &mut items,
            &mut size,
        );
        if let Err((message, advice)) = expanded {
            errors.push(said(at, message, advice));
            return scope;
        }
        scope.lists.insert(name.clone(), items);
    }
    let mut left = std::mem::take(&mut declared.macros);
    // Each pass reads the macros whose own are read; what is left names itself or what is not there.
    loop {
        let mut is_stuck = true;
        let mut waiting = BTreeMap::new();
        for (name, written) in left {
            match condition::parse(&written.text, &scope) {
                Ok((expr, checks)) => {
                    is_stuck = false;
                    if let Err((message, advice)) = grow(&mut size, checks) {
                        errors.push(said(&written.at, message, advice));
                        return scope;
                    }
                    scope.macros.insert(name, (Arc::new(expr), checks));
                }
                Err(_) => drop(waiting.insert(name, written)),
            }
        }
        left = waiting;
        if is_stuck {
            break;
        }
    }
    for written in left.into_values() {
        if let Err((message, advice)) = condition::parse(&written.text, &scope) {
            errors.push(said(&written.at, message, advice));
        }
    }
    scope
}

/// The items of a list, those of lists that it names included.
fn expand<'l>(
    name: &'l str,
    lists: &'l BTreeMap<String, (Vec<String>, Error)>,
    open: &mut Vec<&'l str>,
    items: &mut Vec<String>,
    size: &mut usize,
) -> Result<(), Wrong> {
    open.push(name);
    for item in lists.get(name).into_iter().flat_map(|(items, _)| items) {
        grow(size, 1)?;
        let is_list = lists.contains_key(item) && !open.contains(&&**item);
        if is_list && open.len() >= MOST_LISTS {
            let what = format!("more than {MOST_LISTS} lists stand in each other");
            return Err((what, "write the items of some of them in their place"));
        }
        match is_list {
            true => expand(item, lists, open, items, size)?,
            false => items.push(item.clone()),
        }
    }
    open.pop();
    Ok(())
}

/// The exceptions of a rule as conditions.
fn exceptions(
    exceptions: &[Exception],
    scope: &Scope,
    size: &mut usize,
) -> Result<Vec<Expr>, Wrong> {
    let mut any = Vec::new();
    for exception in exceptions {
        for row in &exception.rows {
            let is_whole =
                row.len() == exception.fields.len() && row.len() == exception.operators.len();
            if !is_whole || row.is_empty() {
                let what = format!(
                    "the exception {} has rows of another length",
                    quote(&exception.name)
                );
                return Err((what, "write a value and an operator for each field"));
            }
            let pairs = exception.fields.iter().zip(&exception.operators).zip(row);
            let all: Result<Vec<Expr>, Wrong> = pairs
                .map(|((field, operator), values)| except(field, operator, values, scope, size))
                .collect();
            any.push(Expr::All(all?));
        }
    }
    Ok(any)
}

fn except(
    field: &str,
    operator: &str,
    values: &Values,
    scope: &Scope,
    size: &mut usize,
) -> Result<Expr, Wrong> {
    // The language reads the field and the operator; values come as they are.
    let (expr, _) = condition::parse(&format!("{field} {operator} (x)"), scope)
        .or_else(|_| condition::parse(&format!("{field} {operator} x"), scope))?;
    let Expr::Check(check) = expr else {
        let what = format!("{} is no field of an exception", quote(field));
        return Err((what, "name a field"));
    };
    let written = match values {
        Values::One(value) => std::slice::from_ref(value),
        Values::Several(values) => values,
    };
    let mut values = Vec::new();
    for value in written {
        let named = scope.lists.get(value);
        let items = named.map_or(std::slice::from_ref(value), Vec::as_slice);
        grow(size, items.len())?;
        values.extend_from_slice(items);
    }
    let takes_several = matches!(
        check.operator,
        Operator::In | Operator::Intersects | Operator::PathMatch
    );
    if values.len() != 1 && !takes_several {
        let what = format!(
            "{} of an exception is compared with several values",
            quote(field)
        );
        return Err((what, "use `in`"));
    }
    Ok(Expr::Check(Arc::new(Check {
        values,
        ..Check::clone(&check)
    })))
}

/// Counts checks and values, of which there may be only so many.
fn grow(size: &mut usize, by: usize) -> Result<(), Wrong> {
    *size = size.saturating_add(by);
    match *size > MOST_SIZE_OF_ALL {
        true => Err((
            format!("the files have more than {MOST_SIZE_OF_ALL} checks and values"),
            "give fewer files at once",
        )),
        false => Ok(()),
    }
}

fn level(priority: &str) -> Result<Severity, Wrong> {
    Ok(match priority.to_ascii_lowercase().as_str() {
        "emergency" | "alert" | "critical" => Severity::Critical,
        "error" => Severity::High,
        "warning" => Severity::Medium,
        "notice" => Severity::Low,
        "info" | "informational" | "debug" => Severity::Info,
        _ => {
            let what = format!("{} is no priority", quote(priority));
            return Err((
                what,
                "write EMERGENCY, ALERT, CRITICAL, ERROR, WARNING, NOTICE, INFO or DEBUG",
            ));
        }
    })
}

/// The fields that an output shows.
fn shown(output: &str) -> BTreeSet<(String, Option<String>)> {
    let mut shown = BTreeSet::new();
    for part in output.split('%').skip(1) {
        let is_of_name = |c: char| c.is_ascii_alphanumeric() || "._[]".contains(c);
        let end = part.find(|c| !is_of_name(c)).unwrap_or(part.len());
        let name = part[..end].trim_end_matches('.');
        let (field, argument) = match name.split_once('[') {
            Some((field, argument)) => (field, Some(argument.trim_end_matches(']').to_owned())),
            None => (name, None),
        };
        if fields::known(field).is_some() {
            shown.insert((field.to_owned(), argument));
        }
    }
    shown
}

fn said(at: &Error, message: String, advice: &str) -> Error {
    Error {
        message,
        advice: advice.to_owned(),
        ..at.clone()
    }
}

/// Checks and values of all files, with what lists and macros stand for.
const MOST_SIZE_OF_ALL: usize = 2_000_000;
const MOST_LISTS: usize = 32;
