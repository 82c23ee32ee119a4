//! What a gate decided.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{AssetId, Digest, RuleId, Timestamp, canonical_json};

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
    /// What the policy obliged the gate to, with the proof that it was kept. Of a denial, that it was
    /// logged alone: nothing was let through.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub obligations: Vec<KeptObligation>,
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
    ///
    /// The proofs that it was logged are left out of it. They name the entry of the log that commits to
    /// this digest, so they can only be made afterwards; all other obligations are kept before, and the
    /// entry commits to their proofs. Whoever has the decision and the log can therefore tell that the
    /// entry is of this decision, and nothing commits to itself.
    pub fn digest(&self) -> Digest {
        let mut logged = self.clone();
        logged
            .obligations
            .retain(|it| !matches!(it.kept, Kept::Log { .. }));
        let json = canonical_json(&logged).expect("a decision has only text keys");
        Digest::of(&json)
    }

    /// Until when it holds, where an obligation sets a time.
    pub fn expires(&self) -> Option<Timestamp> {
        let times = self.obligations.iter().filter_map(|it| match it.kept {
            Kept::Expire { expires } => Some(expires),
            _ => None,
        });
        times.min()
    }
}

/// An obligation that a gate kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KeptObligation {
    /// The obligation in words.
    pub message: String,
    /// What it was, and the proof.
    #[serde(flatten)]
    pub kept: Kept,
}

/// The proof that an obligation was kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "oblige", rename_all = "lowercase")]
pub enum Kept {
    /// Parts of what was let through were masked.
    Mask {
        /// The digest of the canonical JSON of what was asked for.
        before: Digest,
        /// The digest of the canonical JSON of what was let through.
        after: Digest,
        /// The JSON pointers (RFC 6901) of what was masked.
        fields: Vec<String>,
    },
    /// People approved.
    Approve {
        /// What they signed.
        approvals: Vec<Approval>,
    },
    /// The decision holds for a while.
    Expire {
        /// Until then.
        expires: Timestamp,
    },
    /// The decision was logged. The entry commits to [`Decision::digest`], which leaves this proof out.
    Log {
        /// The log.
        origin: String,
        /// The index of the entry.
        index: u64,
        /// The hash of the entry as a leaf of the log's tree (RFC 6962).
        leaf: Digest,
    },
}

/// That somebody approved the input of a gate.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Approval {
    /// Who, by the name that the trust store has for them.
    pub signer: String,
    /// The digest of the bundle that they signed.
    pub bundle: Digest,
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
