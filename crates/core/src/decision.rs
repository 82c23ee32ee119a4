//! What a gate decided.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{AssetId, Digest, RuleId, canonical_json};

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

impl Decision {
    /// The digest of the decision's canonical JSON: what a record of it commits to.
    pub fn digest(&self) -> Digest {
        let json = canonical_json(self).expect("a decision has only text keys");
        Digest::of(&json)
    }
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
