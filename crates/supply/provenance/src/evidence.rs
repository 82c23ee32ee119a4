//! Signed statements as policies see them.

use casemate_attest::{ResourceDescriptor, Signer, Statement};
use casemate_core::{Digest, Logged, PathText};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::Manifest;

/// A statement whose signatures count: an element of `input.evidence` at every gate. Nothing that a policy
/// reads here was parsed before its signature had verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// What kind of thing it says: a URI.
    pub predicate_type: String,
    /// What it says. Of a model signature the list of files is left out, and `files` has their number.
    pub predicate: Value,
    /// What it is about.
    pub subject: Vec<ResourceDescriptor>,
    /// Who signed it and is trusted to.
    pub signers: Vec<Signer>,
    /// The digest of the bundle that it was in, as JSON; of several with the same statement, of the first.
    pub bundle: Digest,
    /// The records of it that are proven to be in logs that are trusted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub logged: Vec<Logged>,
    /// The files of the assessed tree that it is about, by their paths from its root; only at the gate
    /// `assess`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub covers: Vec<PathText>,
}

impl Evidence {
    /// A statement, by one signer.
    pub fn new(statement: Statement<Value>, signer: Signer, bundle: Digest) -> Self {
        Self {
            predicate_type: statement.predicate_type,
            predicate: statement.predicate,
            subject: statement.subject,
            signers: vec![signer],
            bundle,
            logged: Vec::new(),
            covers: Vec::new(),
        }
    }

    /// A model signature, by one signer.
    pub fn of_model(manifest: &Manifest, signer: Signer, bundle: Digest) -> Self {
        let how = &manifest.serialization;
        let predicate = json!({
            "files": manifest.files(),
            "serialization": {
                "hash_type": how.hash.as_str(),
                "method": if how.shard_size.is_some() { "shards" } else { "files" },
                "allow_symlinks": how.allow_symlinks,
                "ignore_paths": how.ignore_paths,
            },
        });
        Self {
            predicate_type: manifest.predicate_type().to_owned(),
            predicate,
            subject: vec![ResourceDescriptor::of(
                manifest.name.clone(),
                &manifest.root(),
            )],
            signers: vec![signer],
            bundle,
            logged: Vec::new(),
            covers: Vec::new(),
        }
    }

    /// The same, with what logs say of it.
    #[must_use]
    pub(crate) fn logged(self, logged: Vec<Logged>) -> Self {
        Self { logged, ..self }
    }

    /// Whether one of its subjects has one of these SHA-256 digests.
    pub fn is_about(&self, digests: &[Digest]) -> bool {
        let mut named = self.subject.iter().filter_map(ResourceDescriptor::sha256);
        named.any(|hex| digests.iter().any(|digest| digest.hex() == hex))
    }
}
