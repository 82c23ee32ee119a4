//! in-toto statements, version 1: something is said of artifacts that are named by their digests.
//!
//! <https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md>

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The type of every statement.
pub const STATEMENT_V1: &str = "https://in-toto.io/Statement/v1";

/// A statement whose predicate is a `P`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Statement<P> {
    /// Always [`STATEMENT_V1`]; who reads a statement has to ask.
    #[serde(rename = "_type")]
    pub kind: String,
    /// What it is about.
    pub subject: Vec<ResourceDescriptor>,
    /// What the predicate is: a URI.
    pub predicate_type: String,
    /// What is said.
    pub predicate: P,
}

/// An artifact, by name and digests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceDescriptor {
    /// What it is called; only a label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// Its digests in lower-case hexadecimal, by algorithm.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub digest: BTreeMap<String, String>,
}

impl<P> Statement<P> {
    /// A statement about one artifact.
    pub fn about(subject: ResourceDescriptor, predicate_type: &str, predicate: P) -> Self {
        Self {
            kind: STATEMENT_V1.to_owned(),
            subject: vec![subject],
            predicate_type: predicate_type.to_owned(),
            predicate,
        }
    }
}
