//! What checks say.

use std::{collections::BTreeSet, sync::Arc};

use casemate_core::{Rule, RuleId};
use casemate_document::Span;

use crate::{Cursor, Origin, Truth};

/// What checks found, and what they could not decide.
#[derive(Debug, Default)]
pub struct Report {
    /// What is wrong.
    pub found: Vec<Found>,
    /// What the files do not say.
    pub open: Vec<Open>,
    seen: BTreeSet<(RuleId, Arc<str>, String, Place)>,
}

/// A file and a place in it: two trees may each have a resource of one address.
type Place = (String, Span);

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
        if truth == Truth::No {
            return;
        }
        let address = cursor.resource.address.clone();
        let path = cursor.path.clone();
        let origin = cursor.origin().clone();
        let place = (origin.file.subject.path.as_str().to_owned(), origin.span);
        let seen = (rule.id.clone(), address.clone(), path.clone(), place);
        if !self.seen.insert(seen) {
            return;
        }
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
