//! Signing again without reading again what has not changed.
//!
//! A digest store says of each file of a signed model what the file system said of it when it was
//! digested: device, inode, size, and the times of its last change to the nanosecond. It names the bundle that has the
//! digests, and is signed by the same key, so that nobody else can vouch for a file that they changed.
//! Who can set the clock of a file system back can deceive it; a strict signing reads everything.

use std::collections::BTreeMap;

use casemate_attest::{Bundle, CannotSign, Envelope, PublicKey, Sign, json};
use casemate_core::Digest;
use serde::{Deserialize, Serialize};

use crate::{Manifest, Resource, Serialization, model::Identity, verify::LONGEST_BUNDLE};

/// What may be taken from an earlier signing.
#[derive(Clone, Debug)]
pub struct Reuse {
    serialization: Serialization,
    files: BTreeMap<String, (Identity, Vec<Resource>)>,
    /// What changed since, in seconds since 1970, may have changed again within the same tick.
    begun: i64,
}

/// What a file system says of the files of a signed model.
#[derive(Clone, Debug)]
pub struct DigestStore(Wire);

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    schema: String,
    /// The bundle that has the digests.
    bundle: Digest,
    /// When digesting began, by the clock of the file system.
    begun: i64,
    files: BTreeMap<String, Identity>,
}

impl DigestStore {
    pub(crate) fn new(bundle: &[u8], begun: i64, files: BTreeMap<String, Identity>) -> Self {
        Self(Wire {
            schema: SCHEMA.to_owned(),
            bundle: Digest::of(bundle),
            begun,
            files,
        })
    }

    /// The store as a signed envelope, in JSON.
    ///
    /// # Errors
    ///
    /// When the key does not sign.
    pub fn sign(&self, key: &dyn Sign) -> Result<Vec<u8>, CannotSign> {
        let payload = serde_json::to_vec(&self.0).expect("a store has only text keys");
        let envelope = Envelope::sign(payload, MEDIA_TYPE, key)?;
        Ok(serde_json::to_vec(&envelope).expect("an envelope has only text keys"))
    }
}

impl Reuse {
    /// What `store` and `bundle` allow to be taken over, both signed by `key`.
    ///
    /// # Errors
    ///
    /// Why nothing may be.
    pub fn open(store: &[u8], bundle: &[u8], key: &PublicKey) -> Result<Self, ReuseError> {
        let limit = usize::try_from(LONGEST_BUNDLE).unwrap_or(usize::MAX);
        let unreadable = |error: &dyn std::fmt::Display| ReuseError::Unreadable(error.to_string());
        let envelope: Envelope =
            json::from_slice(store, limit).map_err(|error| unreadable(&error))?;
        if envelope.payload_type != MEDIA_TYPE || envelope.verify(key).is_err() {
            return Err(ReuseError::Store);
        }
        let wire: Wire =
            json::from_slice(&envelope.payload.0, limit).map_err(|error| unreadable(&error))?;
        if wire.schema != SCHEMA || wire.bundle != Digest::of(bundle) {
            return Err(ReuseError::OtherBundle);
        }
        let bundle = Bundle::from_json(bundle, limit).map_err(|error| unreadable(&error))?;
        if bundle.envelope.verify(key).is_err() {
            return Err(ReuseError::Bundle);
        }
        let manifest = Manifest::from_statement(&bundle.envelope.payload.0)
            .map_err(|error| unreadable(&error))?;
        let mut resources: BTreeMap<String, Vec<Resource>> = BTreeMap::new();
        for resource in manifest.resources {
            resources
                .entry(resource.name.clone())
                .or_default()
                .push(resource);
        }
        let files = wire.files.into_iter().filter_map(|(name, identity)| {
            // Of an empty file in shards there are none.
            let resources = resources.remove(&name).unwrap_or_default();
            let is_whole = !resources.is_empty() || identity.size == 0;
            is_whole.then_some((name, (identity, resources)))
        });
        Ok(Self {
            files: files.collect(),
            serialization: manifest.serialization,
            begun: wire.begun,
        })
    }

    /// The resources of a file that is as it was.
    pub(crate) fn of(
        &self,
        name: &str,
        identity: Identity,
        serialization: &Serialization,
    ) -> Option<&[Resource]> {
        let same_way = self.serialization.hash == serialization.hash
            && self.serialization.shard_size == serialization.shard_size;
        let (known, resources) = self.files.get(name).filter(|_| same_way)?;
        let is_settled = known.changed.0 < self.begun.saturating_sub(TICK);
        (is_settled && *known == identity).then_some(resources)
    }
}

/// Why nothing of an earlier signing may be taken over.
#[derive(Debug, thiserror::Error)]
pub enum ReuseError {
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
    /// The store is not by this key.
    #[error("the digest store is not signed by this key")]
    Store,
    /// The bundle is not by this key.
    #[error("the earlier signature is not by this key")]
    Bundle,
    /// The store belongs to another bundle.
    #[error("the digest store is not of this signature")]
    OtherBundle,
}

const SCHEMA: &str = "casemate.digest-store/1";
const MEDIA_TYPE: &str = "application/vnd.casemate.digest-store+json";
/// The coarsest clock of a file system that is met, FAT's, in seconds.
const TICK: i64 = 2;
