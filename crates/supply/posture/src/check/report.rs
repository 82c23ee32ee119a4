//! What checks say.

use std::{collections::BTreeSet, sync::Arc};

use casemate_core::{Rule, RuleId};

use crate::{Cursor, Origin, Truth};

/// What checks found, and what they could not decide.
#[derive(Debug, Default)]
pub struct Report {
    /// What is wrong.
    pub found: Vec<Found>,
    /// What the files do not say.
    pub open: Vec<Open>,
    seen: BTreeSet<(RuleId, Arc<str>, String)>,
}

/// Something that is wrong.
#[derive(Clone, Debug)]
pub struct Found {
    /// The rule.
    pub rule: &'static Rule,
    /// The resource's address.
    pub address: Arc<str>,
    /// The way to the attribute.
    pub path: String,
    /// Where it stands.
    pub origin: Origin,
    /// What is wrong, in one sentence.
    pub message: String,
}

/// Something that could not be decided.
#[derive(Clone, Debug)]
pub struct Open {
    /// The rule.
    pub rule: &'static Rule,
    /// The resource's address.
    pub address: Arc<str>,
    /// The way to the attribute.
    pub path: String,
    /// Where it stands.
    pub origin: Origin,
    /// Why it could not: a clause.
    pub why: Arc<str>,
}

impl Report {
    /// Reports `rule` at `cursor` if `truth` holds, and that it is open if nobody can say. A rule is
    /// reported of one attribute once.
    pub fn when(
        &mut self,
        truth: Truth,
        rule: &'static Rule,
        cursor: &Cursor<'_>,
        message: impl FnOnce() -> String,
    ) {
        if truth != Truth::No && self.is_new(rule, cursor, &cursor.path) {
            let origin = cursor.origin().clone();
            self.add(truth, rule, cursor, cursor.path.clone(), origin, message);
        }
    }

    /// As [`Report::when`], of a part of what is at `cursor`: `part` is its name, which need not be
    /// the only one, and `origin` its place.
    pub fn of_part(
        &mut self,
        truth: Truth,
        rule: &'static Rule,
        cursor: &Cursor<'_>,
        (part, origin): (&str, Origin),
        message: impl FnOnce() -> String,
    ) {
        if truth == Truth::No {
            return;
        }
        let path = format!("{} {part}", cursor.path);
        let mut numbered = path.clone();
        let mut number = 1;
        while !self.is_new(rule, cursor, &numbered) {
            number += 1;
            numbered = format!("{path} ({number})");
        }
        self.add(truth, rule, cursor, numbered, origin, message);
    }

    fn is_new(&mut self, rule: &Rule, cursor: &Cursor<'_>, path: &str) -> bool {
        let address = cursor.resource.address.clone();
        self.seen
            .insert((rule.id.clone(), address, path.to_owned()))
    }

    fn add(
        &mut self,
        truth: Truth,
        rule: &'static Rule,
        cursor: &Cursor<'_>,
        path: String,
        origin: Origin,
        message: impl FnOnce() -> String,
    ) {
        let address = cursor.resource.address.clone();
        match truth {
            Truth::No => {}
            Truth::Yes => self.found.push(Found {
                rule,
                address,
                path,
                origin,
                message: message(),
            }),
            Truth::Unknown(why) => self.open.push(Open {
                rule,
                address,
                path,
                origin,
                why,
            }),
        }
    }
}
