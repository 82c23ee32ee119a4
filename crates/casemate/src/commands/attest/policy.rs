//! What a policy says of evidence.

use std::path::PathBuf;

use anyhow::{Context, Result};
use casemate_attest::TrustStore;
use casemate_core::{AssetId, Decision, Digest, Kept, Timestamp};
use casemate_policy::{Asked, Bundle, Duty, GateInput, Keeper, keeping};
use casemate_provenance::Evidence;

use crate::{
    cli,
    commands::{
        gate::{Approvals, Gate},
        signing::{outputs, write_whole},
    },
};

/// What comes of the decision, and so whether an end of it can be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// It is told, with its end.
    Told,
    /// A statement is made of it, which has no place for an end.
    Stated,
}

/// The gate for attestations. It keeps approvals and ends; it has no log, and lets nothing through that
/// could be masked.
pub(super) struct OfAttestations {
    gate: Gate<'static>,
    used: Use,
    /// Where to write what it is asked.
    input: Option<PathBuf>,
}

impl OfAttestations {
    pub(super) fn new(
        arguments: &cli::attest::Gate,
        trust: &TrustStore,
        used: Use,
        now: Timestamp,
    ) -> Result<Self> {
        let gate = Gate {
            approvals: Approvals::read(&arguments.approval, trust, now)?,
            ..Gate::default()
        };
        let input = arguments.gate_input.clone();
        if let Some(path) = &input {
            outputs::replaces_nothing_else(&[path], &arguments.approval, true)?;
        }
        Ok(Self { gate, used, input })
    }

    /// Asks it about what has the digest `subject`.
    pub(super) fn decide<'a>(
        &mut self,
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
        if let Some(path) = &self.input {
            let json = serde_json::to_vec_pretty(&input).context("the gate's input is not JSON")?;
            write_whole(path, &json, false)?;
        }
        Ok(keeping(bundle, &input, self))
    }
}

impl Keeper for OfAttestations {
    fn keep(&mut self, duty: &Duty, asked: &Asked<'_>) -> Result<Kept, String> {
        match (duty, self.used) {
            (Duty::Expire(_), Use::Stated) => {
                Err("a summary of a verification has no place for its end".to_owned())
            }
            (Duty::Log, _) => Err("it has no log".to_owned()),
            _ => self.gate.keep(duty, asked),
        }
    }
}
