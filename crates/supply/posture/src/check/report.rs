//! What checks say.

use std::{borrow::Cow, collections::HashSet, sync::Arc};

use casemate_core::{Fingerprint, Rule, RuleId};

use crate::{Cursor, Origin, Truth};

/// What checks found, and what they could not decide.
#[derive(Debug, Default)]
pub struct Report {
    /// What is wrong.
    pub found: Vec<Found>,
    /// What the files do not say.
    pub open: Vec<Open>,
    seen: HashSet<(RuleId, Arc<str>, String)>,
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
        let attribute = || Attribute::of(cursor);
        match truth {
            Truth::No => {}
            Truth::Yes => self.add_found(Cow::Borrowed(rule), attribute(), message),
            Truth::Unknown(why) => self.add_open(Cow::Borrowed(rule), attribute(), why),
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
        let mut attribute = Attribute {
            path: path.clone(),
            origin,
            ..Attribute::of(cursor)
        };
        let mut number = 1;
        while self.seen.contains(&key(rule, &attribute)) {
            number += 1;
            attribute.path = format!("{path} ({number})");
        }
        match truth {
            Truth::No => {}
            Truth::Yes => self.add_found(Cow::Borrowed(rule), attribute, message),
            Truth::Unknown(why) => self.add_open(Cow::Borrowed(rule), attribute, why),
        }
    }

    /// Reports `rule`, which is none of ours.
    pub fn found(&mut self, rule: &Rule, attribute: Attribute, message: &str) {
        self.add_found(Cow::Owned(rule.clone()), attribute, || message.to_owned());
    }

    /// Says that `rule`, which is none of ours, is open.
    pub fn open(&mut self, rule: &Rule, attribute: Attribute, why: &str) {
        self.add_open(Cow::Owned(rule.clone()), attribute, why.into());
    }

    fn add_found(
        &mut self,
        rule: Cow<'static, Rule>,
        attribute: Attribute,
        message: impl FnOnce() -> String,
    ) {
        if self.is_new(&rule, &attribute) {
            self.found.push(Found {
                rule,
                attribute,
                message: message(),
            });
        }
    }

    fn add_open(&mut self, rule: Cow<'static, Rule>, attribute: Attribute, why: Arc<str>) {
        if self.is_new(&rule, &attribute) {
            self.open.push(Open {
                rule,
                attribute,
                why,
            });
        }
    }

    fn is_new(&mut self, rule: &Rule, attribute: &Attribute) -> bool {
        self.seen.insert(key(rule, attribute))
    }
}

/// What is reported once.
fn key(rule: &Rule, attribute: &Attribute) -> (RuleId, Arc<str>, String) {
    let Attribute { address, path, .. } = attribute;
    (rule.id.clone(), address.clone(), path.clone())
}
