//! What checks say.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    sync::Arc,
};

use casemate_core::{Fingerprint, Rule, RuleId};
use casemate_document::Span;

use crate::{Cursor, Origin, Truth};

/// What checks found, and what they could not decide.
#[derive(Debug, Default)]
pub struct Report {
    /// What is wrong.
    pub found: Vec<Found>,
    /// What the files do not say.
    pub open: Vec<Open>,
    seen: HashSet<Key>,
    /// How often a part of one name was reported of an attribute.
    parts: HashMap<(RuleId, usize, Arc<str>, String), usize>,
}

/// An attribute of a resource, also one that is not there.
#[derive(Clone, Debug)]
pub struct Attribute {
    /// The resource's address.
    pub address: Arc<str>,
    /// The way to the attribute.
    pub path: String,
    /// Where it stands, or what is nearest above it.
    pub origin: Origin,
}

/// Something that is wrong.
#[derive(Clone, Debug)]
pub struct Found {
    /// The rule.
    pub rule: Cow<'static, Rule>,
    /// What it is about.
    pub attribute: Attribute,
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
    pub rule: Cow<'static, Rule>,
    /// What it is about.
    pub attribute: Attribute,
    /// Why it could not: a clause.
    pub why: Arc<str>,
    /// Whether the check failed, so that nothing was looked at.
    pub is_failure: bool,
}

impl Found {
    /// How the finding is recognised in another run: by its rule, file, resource and attribute.
    pub fn fingerprint(&self) -> Fingerprint {
        let subject = &self.attribute.origin.file.subject;
        let anchor = self.attribute.anchor();
        Fingerprint::new(
            &self.rule.id,
            &subject.asset.id,
            &subject.path,
            &[],
            &anchor,
        )
    }
}

impl Attribute {
    /// What a finding holds on to when lines move.
    pub(crate) fn anchor(&self) -> String {
        format!("{} {}", self.address, self.path)
    }

    /// The attribute that `cursor` is at.
    pub fn of(cursor: &Cursor<'_>) -> Self {
        Self {
            address: cursor.resource.address.clone(),
            path: cursor.path.clone(),
            origin: cursor.origin().clone(),
        }
    }
}

/// What is reported once. One object may be in several files (an overlay, another release), and several
/// objects of one name in one file.
type Key = (RuleId, usize, Arc<str>, String, Span);

impl Report {
    /// Leaves out what is said of `rules`.
    pub(crate) fn forget(&mut self, rules: &[RuleId]) {
        self.found.retain(|found| !rules.contains(&found.rule.id));
        self.open.retain(|open| !rules.contains(&open.rule.id));
    }

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
        let attribute = Attribute {
            origin: origin.clone(),
            ..Attribute::of(cursor)
        };
        self.add(truth, Cow::Borrowed(rule), attribute, message);
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
        let mut attribute = Attribute {
            path: format!("{} {part}", cursor.path),
            origin,
            ..Attribute::of(cursor)
        };
        let (id, file, address, path, _) = key(rule, &attribute);
        let number = self.parts.entry((id, file, address, path)).or_default();
        *number += 1;
        if *number > 1 {
            attribute.path = format!("{} ({number})", attribute.path);
        }
        self.add(truth, Cow::Borrowed(rule), attribute, || {
            (message(), Vec::new())
        });
    }

    /// Reports `rule`, which is none of ours.
    pub fn found(&mut self, rule: &Rule, attribute: Attribute, message: &str) {
        let message = || (message.to_owned(), Vec::new());
        self.add(Truth::Yes, Cow::Owned(rule.clone()), attribute, message);
    }

    /// Says that `rule`, which is none of ours, is open.
    pub fn open(&mut self, rule: &Rule, attribute: Attribute, why: &str) {
        let truth = Truth::Unknown(why.into());
        let rule = Cow::Owned(rule.clone());
        self.add(truth, rule, attribute, || (String::new(), Vec::new()));
    }

    /// Says that the check of `rule`, which is none of ours, failed.
    pub fn failed(&mut self, rule: &Rule, attribute: Attribute, why: &str) {
        let there = self.open.len();
        self.open(rule, attribute, why);
        if let Some(new) = self.open.get_mut(there) {
            new.is_failure = true;
        }
    }

    fn add(
        &mut self,
        truth: Truth,
        rule: Cow<'static, Rule>,
        attribute: Attribute,
        message: impl FnOnce() -> (String, Vec<Related>),
    ) {
        if !self.seen.insert(key(&rule, &attribute)) {
            return;
        }
        match truth {
            Truth::No => {}
            Truth::Yes => {
                let (message, related) = message();
                self.found.push(Found {
                    rule,
                    attribute,
                    message,
                    related,
                });
            }
            Truth::Unknown(why) => self.open.push(Open {
                rule,
                attribute,
                why,
                is_failure: false,
            }),
        }
    }
}

fn key(rule: &Rule, attribute: &Attribute) -> Key {
    let Attribute {
        address,
        path,
        origin,
    } = attribute;
    let file = Arc::as_ptr(&origin.file) as usize;
    (
        rule.id.clone(),
        file,
        address.clone(),
        path.clone(),
        origin.span,
    )
}
