//! What is in an archive of a policy. The subject is the archive, by its digest.

use serde::{Deserialize, Serialize};

use super::Predicate;

/// A policy in an archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyBundle {
    /// The digest of its modules and data, which is the same however they are packed: `sha256:…`.
    pub contents: String,
    /// The digest that records of its decisions have, where it lies over the policy that is built into
    /// the program that packed it.
    pub policy: String,
    /// What whoever packed it calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
}

impl Predicate for PolicyBundle {
    const TYPE: &'static str = "urn:casemate:predicate:policy-bundle:v1";

    fn says(&self) -> String {
        match &self.revision {
            Some(revision) => format!("the policy {} ({revision})", self.contents),
            None => format!("the policy {}", self.contents),
        }
    }
}
