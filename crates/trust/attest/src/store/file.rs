//! The trust store as a file.

use std::collections::{BTreeMap, BTreeSet};

use casemate_core::{Digest, Timestamp};
use serde::Deserialize;

use super::{
    Authority, LogTrust, Revocation, Terms, TrustStore, TrustedKey, TrustedRoot, TrustedWitness,
};
use crate::{Certificate, PublicKey};

impl TrustStore {
    /// Reads a store in TOML.
    ///
    /// # Errors
    ///
    /// What in it cannot be read or means nothing.
    pub fn from_toml(text: &str) -> Result<Self, StoreError> {
        let wire: Wire =
            toml::from_str(text).map_err(|error| StoreError::Toml(error.to_string()))?;
        let unusable = |name: &str, error: &dyn std::fmt::Display| {
            StoreError::Entry(name.to_owned(), error.to_string())
        };
        let mut store = Self {
            keys: Vec::new(),
            roots: Vec::new(),
            authorities: Vec::new(),
            revoked: BTreeSet::new(),
            threshold: wire.threshold,
            thresholds: wire.thresholds,
            logs: logs(wire.require_log, wire.witnesses, wire.log, wire.witness)?,
        };
        for authority in wire.timestamp_authority {
            let parsed = Certificate::read_all(authority.pem.as_bytes());
            store.authorities.push(Authority {
                certificates: parsed.map_err(|error| unusable(&authority.name, &error))?,
                name: authority.name,
                terms: Terms {
                    not_before: authority.not_before,
                    not_after: authority.not_after,
                    revoked: authority.revoked,
                    ..Terms::default()
                },
            });
        }
        let mut names = BTreeSet::new();
        for key in wire.key {
            let parsed = PublicKey::read(key.pem.as_bytes());
            let parsed = parsed.map_err(|error| unusable(&key.name, &error))?;
            // Of which the terms would be anybody's guess.
            if store.keys.iter().any(|other| other.key == parsed) {
                return Err(unusable(&key.name, &"another entry has this key"));
            }
            store.keys.push(TrustedKey {
                key: parsed,
                name: key.name,
                terms: Terms {
                    not_before: key.not_before,
                    not_after: key.not_after,
                    revoked: key.revoked,
                    subjects: key.subjects,
                    predicates: key.predicates,
                },
            });
        }
        for root in wire.root {
            let parsed = Certificate::read_all(root.pem.as_bytes());
            let mut parsed = parsed.map_err(|error| unusable(&root.name, &error))?;
            if parsed.len() != 1 {
                return Err(unusable(&root.name, &"an entry has one certificate"));
            }
            store.revoked.extend(root.revoked_certificates);
            store.roots.push(TrustedRoot {
                certificate: parsed.remove(0),
                name: root.name,
                identities: root.identities,
                terms: Terms {
                    not_before: root.not_before,
                    not_after: root.not_after,
                    revoked: root.revoked,
                    subjects: root.subjects,
                    predicates: root.predicates,
                },
            });
        }
        let all = store
            .keys
            .iter()
            .map(|key| &key.name)
            .chain(store.roots.iter().map(|it| &it.name));
        for name in all {
            if !names.insert(name) {
                return Err(unusable(name, &"two entries have this name"));
            }
        }
        if names.is_empty() {
            return Err(StoreError::Empty);
        }
        // A root stands for many signers.
        let most = match store.roots.is_empty() {
            true => names.len(),
            false => usize::MAX,
        };
        let means_nothing = |it: &usize| *it == 0 || *it > most;
        let wrong = [store.threshold]
            .into_iter()
            .chain(store.thresholds.values().copied())
            .find(means_nothing);
        match wrong {
            Some(threshold) => Err(StoreError::Threshold(threshold, names.len())),
            None => Ok(store),
        }
    }
}

fn logs(
    required: bool,
    quorum: Option<usize>,
    logs: Vec<WireLog>,
    witnesses: Vec<WireWitness>,
) -> Result<LogTrust, StoreError> {
    let trusted = |witness: WireWitness| TrustedWitness {
        vkey: witness.vkey,
        terms: Terms {
            not_before: witness.not_before,
            not_after: witness.not_after,
            revoked: witness.revoked,
            ..Terms::default()
        },
    };
    match quorum {
        Some(many) if many > witnesses.len() => Err(StoreError::Witnesses(many, witnesses.len())),
        _ => Ok(LogTrust {
            required,
            logs: logs.into_iter().map(|log| log.vkey).collect(),
            witnesses: witnesses.into_iter().map(trusted).collect(),
            quorum,
        }),
    }
}

/// Why a text is no trust store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It is not TOML of this shape.
    #[error("{0}")]
    Toml(String),
    /// An entry cannot be used.
    #[error("`{0}`: {1}")]
    Entry(String, String),
    /// So many signers are asked for as there cannot be.
    #[error("the threshold is {0}, and {1} signers are named")]
    Threshold(usize, usize),
    /// So many witnesses are asked for as there are not.
    #[error("{0} witnesses are asked for, and {1} are named")]
    Witnesses(usize, usize),
    /// It names nobody.
    #[error("it trusts nobody: it has neither a [[key]] nor a [[root]]")]
    Empty,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Wire {
    #[serde(default = "one")]
    threshold: usize,
    /// By predicate type.
    #[serde(default)]
    thresholds: BTreeMap<String, usize>,
    #[serde(default)]
    key: Vec<WireKey>,
    #[serde(default)]
    root: Vec<WireRoot>,
    #[serde(default)]
    timestamp_authority: Vec<WireAuthority>,
    #[serde(default)]
    require_log: bool,
    witnesses: Option<usize>,
    #[serde(default)]
    log: Vec<WireLog>,
    #[serde(default)]
    witness: Vec<WireWitness>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireLog {
    vkey: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct WireWitness {
    vkey: String,
    not_before: Option<Timestamp>,
    not_after: Option<Timestamp>,
    revoked: Option<Revocation>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct WireAuthority {
    name: String,
    pem: String,
    not_before: Option<Timestamp>,
    not_after: Option<Timestamp>,
    revoked: Option<Revocation>,
}

fn one() -> usize {
    1
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct WireKey {
    name: String,
    pem: String,
    not_before: Option<Timestamp>,
    not_after: Option<Timestamp>,
    revoked: Option<Revocation>,
    #[serde(default)]
    subjects: Vec<String>,
    #[serde(default)]
    predicates: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct WireRoot {
    name: String,
    pem: String,
    #[serde(default)]
    identities: Vec<String>,
    /// The SHA-256 digests of certificates, or of their keys.
    #[serde(default)]
    revoked_certificates: Vec<Digest>,
    not_before: Option<Timestamp>,
    not_after: Option<Timestamp>,
    revoked: Option<Revocation>,
    #[serde(default)]
    subjects: Vec<String>,
    #[serde(default)]
    predicates: Vec<String>,
}
