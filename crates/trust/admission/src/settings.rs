//! How admission works: the table `[admit]` of the configuration.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{exempt::Exemption, mutate::Mutation, pattern::Pattern};

/// Everything that can be set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Settings {
    /// The name of the cluster in the identities of its objects.
    pub cluster: String,
    /// Whether what is denied is denied, or let through with a warning: `enforce` or `audit`.
    pub mode: Mode,
    /// What becomes of a request that got no turn, was not repaired in time, or met a mistake of ours: `deny` or `allow`.
    pub on_error: OnError,
    /// What becomes of findings that an object had before an update: they count (`deny`), or do not (`allow`).
    pub unchanged: Unchanged,
    /// Images and models, by the references that objects have of them, that somebody who is trusted has to have signed:
    /// `registry.example.org/*`, `oci://*`. They have to be named by their digest.
    pub signed: Vec<Pattern>,
    /// The types of statements that count as such a signature.
    pub signatures: Vec<String>,
    /// The repairs that `/mutate` makes, by their names.
    pub mutations: Vec<String>,
    /// Bounds of the server.
    pub limits: Limits,
    /// Repairs of your own, beside those that are built in; name them in `mutations`.
    #[serde(rename = "mutation")]
    pub own_mutations: Vec<Mutation>,
    /// Requests that somebody answers for, for a while.
    #[serde(rename = "exemption")]
    pub exemptions: Vec<Exemption>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            cluster: "local".to_owned(),
            mode: Mode::default(),
            on_error: OnError::default(),
            unchanged: Unchanged::default(),
            signed: Vec::new(),
            signatures: SIGNATURES.map(str::to_owned).to_vec(),
            mutations: Mutation::defaults(),
            limits: Limits::default(),
            own_mutations: Vec::new(),
            exemptions: Vec::new(),
        }
    }
}

/// A model signature of the OpenSSF, and how an artifact was built. What else can be said of one (that it failed a test) is no
/// signature of it.
const SIGNATURES: [&str; 2] = [
    "https://model_signing/signature/v1.0",
    "https://slsa.dev/provenance/v1",
];

/// Whether decisions hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// What is denied is denied.
    #[default]
    Enforce,
    /// Everything is let through, and what would be denied is a warning and an audit annotation.
    Audit,
}

impl Mode {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Audit => "audit",
        }
    }
}

/// What becomes of a request that got no turn while there was time for it, was not repaired in time, or met a mistake of ours.
/// A judgement that is not done in time denies, whatever is said here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnError {
    /// It is denied.
    #[default]
    Deny,
    /// It is let through, with a warning.
    Allow,
}

impl OnError {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deny => "deny",
            Self::Allow => "allow",
        }
    }
}

/// What becomes of findings that an object had before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Unchanged {
    /// They count.
    #[default]
    Deny,
    /// They do not count where the part around them stays as it was: an object that was there before the webhook can be changed
    /// without being repaired first.
    Allow,
}

/// Bounds of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Limits {
    /// Bytes of a request. An API server takes objects of 3 MiB, and an update has two of them.
    pub body_bytes: usize,
    /// Connections at a time.
    pub connections: usize,
    /// Judgements at a time, and large requests in memory; 0 for twice the number of cores.
    pub judgements: usize,
    /// Seconds that a judgement may take, waiting for its turn included; 1 to 30. What the API server waits (`timeoutSeconds`) counts
    /// where it is less.
    pub deadline_seconds: u64,
    /// Seconds from the first byte of a request until its head is there, and then again until its body is; 1 to 30.
    pub read_seconds: u64,
    /// Decisions that wait to be written; more are dropped and counted.
    pub records: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 7 << 20,
            connections: 512,
            judgements: 0,
            deadline_seconds: 8,
            read_seconds: 5,
            records: 4_096,
        }
    }
}
