//! What a gate decided, and any statement as evidence.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{AssetId, Digest, Event, Outcome, Population, RuleId, Timestamp, canonical_json};

/// What a gate decided about a subject. The same policy and the same input give the same decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Decision {
    /// The gate that asked: `assess`, `admission`, `gateway`, `key-release`.
    pub gate: String,
    /// What it was about.
    pub subject: AssetId,
    /// What was decided.
    pub outcome: Verdict,
    /// Why: every reason that the policy gave, worst first.
    pub reasons: Vec<Reason>,
    /// The digest of the policy's files.
    pub policy: Digest,
    /// The digest of the canonical input.
    pub input: Digest,
}

/// What a gate can decide, from the mildest to the worst.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Nothing stands against it.
    Allow,
    /// It may pass, and somebody should look.
    Warn,
    /// It may not pass.
    Deny,
}

impl Verdict {
    /// The name used in JSON and on screen.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Warn => "warn",
            Self::Deny => "deny",
        }
    }
}

/// One reason of a decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reason {
    /// What follows from it.
    pub effect: Effect,
    /// The reason in words.
    pub message: String,
    /// The rule whose finding it rests on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<RuleId>,
    /// What it is about, where that is narrower than the decision's subject.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<AssetId>,
}

/// What follows from a reason.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// It may not pass.
    Deny,
    /// Somebody should look.
    Warn,
}

/// Any statement of this vocabulary in the form that evidence takes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", content = "body", rename_all = "lowercase")]
pub enum Record {
    /// What a check said of a subject.
    Outcome(Outcome),
    /// What a check said of many subjects.
    Population(Population),
    /// Something that happened.
    Event(Event),
    /// What a gate decided.
    Decision {
        /// The decision.
        decision: Decision,
        /// When it was made.
        time: Timestamp,
    },
}

impl Record {
    /// The digest of the record's canonical JSON: what a log entry commits to.
    pub fn digest(&self) -> Digest {
        let json = canonical_json(self).expect("a record has only text keys");
        Digest::of(&json)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_record_reads_as_the_contract_says_and_comes_back() {
        let record = Record::Decision {
            decision: Decision {
                gate: "assess".into(),
                subject: AssetId::File {
                    repository: "local".into(),
                    path: "".into(),
                },
                outcome: Verdict::Deny,
                reasons: vec![Reason {
                    effect: Effect::Deny,
                    message: "models/a.pkl runs a shell command when it is loaded".into(),
                    rule: Some(RuleId::new("CM-PKL-001")),
                    subject: None,
                }],
                policy: Digest::of(b"policy"),
                input: Digest::of(b"input"),
            },
            time: Timestamp::UNIX_EPOCH,
        };
        insta::assert_json_snapshot!(record);
        let json = serde_json::to_string(&record).expect("serialises");
        let back: Record = serde_json::from_str(&json).expect("parses");
        assert_eq!(back.digest(), record.digest());
    }
}
