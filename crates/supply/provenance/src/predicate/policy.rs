//! What is in an archive of a policy. The subject is the archive, by its digest.

use casemate_attest::TrustStore;
use casemate_core::{Digest, Timestamp};
use serde::{Deserialize, Serialize};

use super::Predicate;
use crate::{Class, Evidence, Problem, read_attestation};

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

impl PolicyBundle {
    /// Who signed these bytes of an archive as a policy, of those whom `trust` counts, with what they said, from one
    /// bundle (as JSON). No log is asked.
    ///
    /// # Errors
    ///
    /// Why the archive counts as unsigned.
    pub fn verified(
        archive: &[u8],
        bundle: &[u8],
        trust: &TrustStore,
        now: Timestamp,
    ) -> Result<Evidence, Problem> {
        let evidence = read_attestation(bundle, trust, None, now, &mut Vec::new())?.evidence;
        if evidence.predicate_type != Self::TYPE {
            let told = format!(
                "what is signed is no policy, but says {}",
                evidence.predicate_type
            );
            return Err(Problem::new(Class::Malformed, told));
        }
        let (need, have) = (trust.threshold_of(Self::TYPE), evidence.signers.len());
        if have < need {
            let told = format!(
                "{need} signers must have signed, and a policy has one signature; `thresholds` of the trust store \
                 sets another number for {}",
                Self::TYPE
            );
            return Err(Problem::new(Class::UntrustedSigner, told));
        }
        match evidence.is_about(&[Digest::of(archive)]) {
            true => Ok(evidence),
            false => Err(Problem::new(
                Class::ContentMismatch,
                "the archive is not what is signed",
            )),
        }
    }
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
