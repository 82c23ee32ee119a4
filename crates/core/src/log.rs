//! How whoever verifies a signature meets what transparency logs say of it.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{AssetId, Digest, Timestamp};

/// What transparency logs say of signed statements, by proofs that somebody brought along. Who asks knows
/// nothing of logs, and who answers nothing of signatures.
pub trait LogProof: fmt::Debug + Send + Sync {
    /// The records of the bundle with this digest that are proven to be in a log that is trusted: at
    /// least one.
    ///
    /// # Errors
    ///
    /// Why no proof says so, in words: of each proof its own.
    fn find(&self, bundle: &Digest) -> Result<Vec<Logged>, String>;

    /// What a log that is trusted has signed and cannot all be true, whatever it was asked about.
    fn equivocations(&self) -> &[String];
}

/// A record in a log that a signed statement exists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Logged {
    /// The digest of the bundle that holds the statement.
    pub bundle: Digest,
    /// The log, by its origin.
    pub log: String,
    /// The record's place in it.
    pub index: u64,
    /// How many entries the log had when that was signed.
    pub size: u64,
    /// What the record says that the statement is about.
    pub subject: AssetId,
    /// What it says that the statement's predicate is.
    pub predicate_type: String,
    /// Who saw it in the log, where any had to and so many did as were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Seen>,
}

/// That witnesses saw something, and by when enough of them had, so that it existed no later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Seen {
    /// When the last of those that were needed did, by its own clock: of the earliest as many as were
    /// asked for. Others may have come later.
    pub time: Timestamp,
    /// All the witnesses that count, the earliest first: as many as were asked for, or more.
    pub by: Vec<String>,
}
