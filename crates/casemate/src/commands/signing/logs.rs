//! What transparency logs say of the signatures that are verified.

use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use casemate_attest::{LogTrust, TrustStore};
use casemate_core::{LogProof, Timestamp};
use casemate_ledger::{
    disk::Folder,
    evidence::{Evidence, Rules},
    log::Log,
    note::MAX_NOTE,
    proof::MAX_PROOF,
};

use super::read_evidence;
use crate::cli::signing::Logs;

/// What logs say by what the caller brings along, and what to tell of it.
#[derive(Default)]
pub(crate) struct Heard {
    /// Nothing, where neither the caller nor their trust store speak of logs.
    pub(crate) logs: Option<Arc<dyn LogProof>>,
    pub(crate) notes: Vec<String>,
}

/// Holds what the caller brings along against whom they trust.
pub(crate) fn read(arguments: &Logs, trust: &mut TrustStore, now: Timestamp) -> Result<Heard> {
    extend(&mut trust.logs, arguments);
    let brings_nothing = arguments.log_proof.is_empty()
        && arguments.log_checkpoint.is_empty()
        && arguments.log.is_none();
    let trust = &trust.logs;
    if brings_nothing && !trust.required && trust.logs.is_empty() && trust.witnesses.is_empty() {
        return Ok(Heard::default());
    }
    if trust.logs.is_empty() {
        bail!("no log is trusted; name one with --log-vkey, or as a [[log]] of the trust store");
    }
    let rules = Rules::new(trust, now).context("cannot use the logs that are trusted")?;
    if brings_nothing && !trust.required {
        return Ok(Heard::default());
    }
    let mut evidence = Evidence::new(rules);
    for path in &arguments.log_proof {
        let read = read_evidence(path, "proof", MAX_PROOF as u64);
        let read = read.map_err(|error| format!("{error:#}"));
        let bytes = read.as_deref().map_err(Clone::clone);
        evidence.add_proof(path.display().to_string(), bytes);
    }
    for path in &arguments.log_checkpoint {
        let bytes = read_evidence(path, "checkpoint", MAX_NOTE as u64)?;
        let name = path.display().to_string();
        let added = evidence.add_checkpoint(name.clone(), &bytes);
        added.map_err(|why| anyhow!("cannot use the checkpoint {name}: {why}"))?;
    }
    let mut notes = Vec::new();
    if let Some(dir) = &arguments.log {
        let named = || format!("cannot use the copy of the log {}", dir.display());
        let copy = Log::open(Folder::new(dir)).with_context(named)?;
        notes = evidence
            .compare(&dir.display().to_string(), &copy)
            .with_context(named)?;
    }
    Ok(Heard {
        logs: Some(Arc::new(evidence)),
        notes,
    })
}

/// Trusts whom the command line names too. Who names a log there wants it to have the signature.
fn extend(trust: &mut LogTrust, arguments: &Logs) {
    trust.required |= !arguments.log_vkey.is_empty();
    trust
        .logs
        .extend(arguments.log_vkey.iter().map(ToString::to_string));
    for witness in &arguments.witness_vkey {
        trust.add_witness(witness.to_string());
    }
    trust.quorum = arguments.witnesses.or(trust.quorum);
}
