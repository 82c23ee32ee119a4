//! What the commands tell programs.

use casemate_core::Digest;
use casemate_ledger::{Checkpoint, audit::Fault};
use schemars::JsonSchema;
use serde::Serialize;

/// What `casemate log init` made.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Made {
    /// The form of this document.
    #[schemars(extend("const" = "casemate/log/v1"))]
    schema: &'static str,
    /// The log's origin.
    origin: String,
    /// The key that verifies it.
    vkey: String,
}

impl Made {
    pub(crate) fn new(origin: &str, vkey: String) -> Self {
        Self {
            schema: "casemate/log/v1",
            origin: origin.to_owned(),
            vkey,
        }
    }
}

/// The head of a log.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Head {
    /// The log's origin.
    pub(crate) origin: String,
    /// How many entries it has.
    pub(crate) size: u64,
    /// The root over them, in base64.
    pub(crate) root: String,
}

impl Head {
    pub(crate) fn of(checkpoint: &Checkpoint) -> Self {
        Self {
            origin: checkpoint.origin().to_owned(),
            size: checkpoint.size(),
            root: checkpoint.root().to_string(),
        }
    }
}

/// What `casemate log append` did.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Appended {
    /// The form of this document.
    #[schemars(extend("const" = "casemate/log-append/v1"))]
    pub(crate) schema: &'static str,
    /// The index of the first entry.
    pub(crate) first: u64,
    /// How many there are.
    pub(crate) count: u64,
    /// Whether they wait for the next checkpoint.
    pub(crate) pending: bool,
    /// The log's head.
    pub(crate) head: Head,
}

/// What `casemate log attest` did.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Attested {
    /// The form of this document.
    #[schemars(extend("const" = "casemate/log-attestation/v1"))]
    pub(crate) schema: &'static str,
    /// The log's origin.
    pub(crate) origin: String,
    /// The index of the record.
    pub(crate) index: u64,
    /// How many entries the log has with it.
    pub(crate) size: u64,
    /// The artifact that it is about.
    pub(crate) artifact: Digest,
    /// The file that proves it.
    pub(crate) proof: String,
}

impl Attested {
    /// The same in words.
    pub(crate) fn describe(&self) -> String {
        format!(
            "entry {} of {} in {}, proven by {}",
            self.index, self.size, self.origin, self.proof
        )
    }
}

/// Why `casemate log attest`, `open` or `prove` did nothing.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Refused {
    /// The form of this document.
    #[schemars(extend("const" = "casemate/log-refusal/v1"))]
    schema: &'static str,
    /// In words.
    reason: String,
}

impl Refused {
    pub(crate) fn new(reason: String) -> Self {
        let schema = "casemate/log-refusal/v1";
        Self { schema, reason }
    }
}

/// What `casemate log open` says.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Opened {
    /// The form of this document.
    #[schemars(extend("const" = "casemate/log-opening/v1"))]
    pub(crate) schema: &'static str,
    /// The entry that is the seal of the record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) index: Option<u64>,
    /// Whether there is one.
    pub(crate) opened: bool,
    /// What opens it without the secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) salt: Option<String>,
}

/// What `casemate log checkpoint` did.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Signed {
    /// The form of this document.
    #[schemars(extend("const" = "casemate/log-checkpoint/v1"))]
    pub(crate) schema: &'static str,
    /// The log's head.
    pub(crate) head: Head,
    /// The same as it is published, with its signatures.
    pub(crate) checkpoint: String,
    /// How many entries wait for the next one.
    pub(crate) pending: u64,
    /// The witnesses that refused, and why.
    pub(crate) refused: Vec<String>,
}

/// What `casemate log verify` says.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Verification {
    /// The form of this document.
    #[schemars(extend("const" = "casemate/log-verification/v1"))]
    pub(crate) schema: &'static str,
    /// `ok`, or the class of the worst that is wrong.
    pub(crate) class: &'static str,
    /// The head that was verified, where it could be.
    pub(crate) head: Option<Head>,
    /// Who of the known witnesses cosigned it.
    pub(crate) cosigned: Vec<Cosigned>,
    /// How many entries were read; of a proof, 1.
    pub(crate) entries: u64,
    /// How many of them are records.
    pub(crate) records: u64,
    /// How many entries wait for the next checkpoint, and are not verified.
    pub(crate) pending: u64,
    /// What is wrong.
    pub(crate) faults: Vec<Wrong>,
}

/// A cosignature.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Cosigned {
    /// The witness.
    pub(crate) witness: String,
    /// When it cosigned, by its own clock: seconds since 1970.
    pub(crate) time: u64,
}

/// What is wrong.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Wrong {
    /// Its class.
    pub(crate) class: &'static str,
    /// The first entry that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) entry: Option<u64>,
    /// The same in words.
    pub(crate) message: String,
}

impl Wrong {
    pub(crate) fn of(fault: &Fault) -> Self {
        Self {
            class: fault.class(),
            entry: fault.entry(),
            message: fault.to_string(),
        }
    }
}
