//! What is said of images and models.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use casemate_admission::Vouch;
use casemate_core::{Digest, Timestamp};
use casemate_provenance::{read_attestation, together};
use serde_json::Value;

use crate::{
    cli::{Global, admit::By},
    commands::{
        attest::{claims::bundles, report::place},
        signing::trust,
    },
    output,
};

/// The statements that count, by the digests of what they are about. They were verified when they were read.
#[derive(Default)]
pub(super) struct Statements(BTreeMap<String, Vec<Value>>);

impl Statements {
    /// Reads what the caller names. What does not count is told of, and counts for nothing: one that has expired must not keep the
    /// webhook from starting.
    pub(super) fn read(global: &Global, by: &By, now: Timestamp) -> Result<Self> {
        let Some(store) = &by.trust_store else {
            return Ok(Self::default());
        };
        let trust = trust(None, &[], Some(store))?;
        let mut counted = Vec::new();
        for path in &by.evidence {
            for (at, bytes) in bundles(path)? {
                match read_attestation(&bytes, &trust, None, now, &mut Vec::new()) {
                    Ok(attested) => counted.push((counted.len() as u64, attested)),
                    Err(problem) => {
                        let text = format!("{} does not count: {}", place(&at), problem.message);
                        output::hint(global, &text);
                    }
                }
            }
        }
        let mut statements = Self::default();
        for stated in together(counted) {
            let evidence = &stated.attested.evidence;
            if let Some(problem) = stated.lacks_signers(&trust) {
                let text = format!(
                    "{} does not count: {}",
                    evidence.predicate_type, problem.message
                );
                output::hint(global, &text);
                continue;
            }
            let value = serde_json::to_value(evidence).context("evidence is JSON")?;
            for hex in evidence
                .subject
                .iter()
                .filter_map(|subject| subject.sha256())
            {
                let of = statements.0.entry(hex.to_owned()).or_default();
                of.push(value.clone());
            }
        }
        Ok(statements)
    }
}

impl Vouch for Statements {
    fn said_of(&self, digest: &Digest) -> Vec<Value> {
        self.0.get(&digest.hex()).cloned().unwrap_or_default()
    }
}
