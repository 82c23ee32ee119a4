//! What another policy would change.

use std::collections::BTreeSet;

use casemate_core::{Effect, Verdict};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{DecisionRecord, Outlook, outlook::Kind};

/// What was or would be decided about one input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The verdict.
    pub outcome: Verdict,
    lines: BTreeSet<Line>,
}

/// A reason or an obligation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Line {
    /// What it is.
    pub kind: Kind,
    /// It in words.
    pub message: String,
}

impl From<&Outlook> for Told {
    fn from(outlook: &Outlook) -> Self {
        let lines = outlook.lines().map(|(kind, message)| Line {
            kind,
            message: message.into_owned(),
        });
        Self {
            outcome: outlook.outcome,
            lines: lines.collect(),
        }
    }
}

/// What a gate recorded. Where it did not keep what it was obliged to, that is a denial, which a policy
/// looked at by itself does not have.
impl From<&DecisionRecord> for Told {
    fn from(record: &DecisionRecord) -> Self {
        let reasons = record.reasons.iter().map(|it| Line {
            kind: match it.effect {
                Effect::Deny => Kind::Deny,
                Effect::Warn => Kind::Warn,
            },
            message: it.message.clone(),
        });
        let kept = record.obligations.iter().map(|it| Line {
            kind: Kind::Oblige,
            message: it.kept.message.clone(),
        });
        Self {
            outcome: record.outcome,
            lines: reasons.chain(kept).collect(),
        }
    }
}

/// What changes from one to the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Change {
    /// The verdict as it was.
    pub before: Verdict,
    /// The verdict as it would be.
    pub after: Verdict,
    /// The reasons and obligations that come.
    pub come: Vec<Line>,
    /// The reasons and obligations that go.
    pub go: Vec<Line>,
}

impl Change {
    /// From `before` to `after`.
    pub fn new(before: &Told, after: &Told) -> Self {
        let only = |one: &Told, other: &Told| one.lines.difference(&other.lines).cloned().collect();
        Self {
            before: before.outcome,
            after: after.outcome,
            come: only(after, before),
            go: only(before, after),
        }
    }

    /// Whether the verdict changes.
    pub fn is_of_verdict(&self) -> bool {
        self.before != self.after
    }

    /// Whether anything changes.
    pub fn is_any(&self) -> bool {
        self.is_of_verdict() || !self.come.is_empty() || !self.go.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Bundle, KeepsNothing, outlook, record,
        testkit::{file, input},
    };

    fn bundle(rules: &str) -> Bundle {
        let source = format!("package casemate.gate\n{rules}\n");
        Bundle::overlay(vec![file("mine.rego", &source)]).expect("loads")
    }

    fn told(rules: &str) -> Told {
        (&outlook(&bundle(rules), &input(&[]))).into()
    }

    #[test]
    fn a_change_says_what_comes_and_what_goes() {
        let old = told("deny contains \"a\"\nwarn contains \"w\"");
        let new = told(
            "warn contains \"w\"\nwarn contains \"a\"\nobligations contains {\"oblige\": \"log\"}",
        );
        let change = Change::new(&old, &new);
        assert!(change.is_of_verdict());
        insta::assert_json_snapshot!(change);
        let same = Change::new(&old, &old);
        assert!(!same.is_any() && !same.is_of_verdict());
    }

    #[test]
    fn what_was_recorded_is_what_the_same_policy_says() {
        for rules in [
            "deny contains \"a\"",
            "obligations contains \"tell somebody\"",
            "warn contains \"w\"",
            "deny contains 1 / 0",
        ] {
            let record = record(&bundle(rules), &input(&[]), &mut KeepsNothing);
            let change = Change::new(&(&record).into(), &told(rules));
            assert!(!change.is_any(), "{change:?}");
        }
        // A duty that was not kept was a denial, and a policy alone has none.
        let rules = "obligations contains {\"oblige\": \"log\"}";
        let record = record(&bundle(rules), &input(&[]), &mut KeepsNothing);
        let change = Change::new(&(&record).into(), &told(rules));
        assert_eq!(
            (change.before, change.after),
            (Verdict::Deny, Verdict::Allow)
        );
    }
}
