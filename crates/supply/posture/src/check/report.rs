//! What checks say.

use std::{collections::HashSet, sync::Arc};

use casemate_core::{Rule, RuleId};

use crate::{Cursor, Origin, Truth};

/// What checks found, and what they could not decide.
#[derive(Debug, Default)]
pub struct Report {
    /// What is wrong.
    pub found: Vec<Found>,
    /// What the files do not say.
    pub open: Vec<Open>,
    seen: HashSet<(RuleId, usize, Arc<str>, String)>,
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
    /// What else makes it so, elsewhere: the Service that opens a port.
    pub related: Vec<Related>,
}

/// Something elsewhere that a finding rests on.
#[derive(Clone, Debug)]
pub struct Related {
    /// What it is: `Service/ml/api`.
    pub what: String,
    /// Where it stands.
    pub origin: Origin,
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
    /// reported of one attribute of a file once.
    pub fn when(
        &mut self,
        truth: Truth,
        rule: &'static Rule,
        cursor: &Cursor<'_>,
        message: impl FnOnce() -> String,
    ) {
        self.when_at(truth, rule, cursor, cursor.origin(), || {
            (message(), Vec::new())
        });
    }

    /// As [`Report::when`], where the place to show is `origin`, a part of what is at `cursor`, and
    /// things elsewhere make it so.
    pub fn when_at(
        &mut self,
        truth: Truth,
        rule: &'static Rule,
        cursor: &Cursor<'_>,
        origin: &Origin,
        message: impl FnOnce() -> (String, Vec<Related>),
    ) {
        if truth == Truth::No {
            return;
        }
        let address = cursor.resource.address.clone();
        let path = cursor.path.clone();
        // One object may be in several files: an overlay, another release.
        let file = Arc::as_ptr(&origin.file) as usize;
        let key = (rule.id.clone(), file, address.clone(), path.clone());
        if !self.seen.insert(key) {
            return;
        }
        let origin = origin.clone();
        match truth {
            Truth::No => {}
            Truth::Yes => {
                let (message, related) = message();
                self.found.push(Found {
                    rule,
                    address,
                    path,
                    origin,
                    message,
                    related,
                });
            }
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
