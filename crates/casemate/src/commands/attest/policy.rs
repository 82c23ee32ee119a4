//! What a policy says of evidence.

use anyhow::{Context, Result};
use casemate_core::{AssetId, Decision, Digest, Timestamp};
use casemate_policy::{Bundle, GateInput};
use casemate_provenance::Evidence;

/// Asks the gate for attestations about what has the digest `subject`.
pub(super) fn decide<'a>(
    bundle: &Bundle,
    subject: Digest,
    evidence: impl IntoIterator<Item = &'a Evidence>,
    now: Timestamp,
) -> Result<Decision> {
    let mut input = GateInput::new("attestation", AssetId::Artifact { digest: subject }, now);
    for it in evidence {
        let it = serde_json::to_value(it).context("evidence is not JSON")?;
        input.evidence.push(it);
    }
    Ok(casemate_policy::decide(bundle, &input))
}
