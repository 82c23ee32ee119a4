//! What `casemate attest` and `casemate verify-attestation` print.

use std::fmt::Write as _;

use casemate_core::{Decision, Digest};
use casemate_provenance::{Evidence, Problem};
use casemate_report::sanitise;
use schemars::JsonSchema;
use serde::Serialize;

/// What `casemate attest` did, as JSON.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Report {
    /// `casemate.attestation/1`.
    pub(super) schema: &'static str,
    /// The model, as the caller names it.
    pub(super) model: String,
    /// Whether something is written.
    pub(super) attested: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
    /// What is said, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) says: Option<String>,
    /// What kind of thing is said: a URI.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) predicate_type: Option<String>,
    /// The file that is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) bundle: Option<String>,
    /// The digest of that file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) bundle_digest: Option<Digest>,
    /// The digest that names the model, as `casemate sign` has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) root: Option<Digest>,
    /// The digest of the key that signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<Digest>,
    /// What is wrong with the model or with what is said of it, worst first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) problems: Vec<String>,
    /// What somebody should know.
    pub(super) notes: Vec<String>,
}

impl Report {
    pub(super) fn new(model: &std::path::Path) -> Self {
        Self {
            schema: "casemate.attestation/1",
            model: model.display().to_string(),
            attested: false,
            reason: None,
            says: None,
            predicate_type: None,
            bundle: None,
            bundle_digest: None,
            root: None,
            key: None,
            problems: Vec::new(),
            notes: Vec::new(),
        }
    }

    pub(super) fn text(&self) -> String {
        let mut lines: Vec<String> = self.notes.iter().map(|it| format!("note: {it}")).collect();
        if let Some(reason) = &self.reason {
            lines.push(format!("{} is not attested: {reason}", self.model));
        }
        if let Some(says) = &self.says {
            lines.push(format!("attested of {}: {says}", self.model));
        }
        let named = self.problems.iter().take(LISTED);
        lines.extend(named.map(|it| format!("  {it}")));
        if self.problems.len() > LISTED {
            let rest = self.problems.len() - LISTED;
            lines.push(format!("  and {rest} more; --format json lists them all"));
        }
        if let (Some(root), Some(bundle)) = (&self.root, &self.bundle) {
            lines.push(format!("  model   {root}"));
            if let Some(key) = &self.key {
                lines.push(format!("  key     {key}"));
            }
            lines.push(format!("  bundle  {bundle}"));
        }
        together(&lines)
    }
}

/// What `casemate verify-attestation` says, as JSON.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Verification {
    /// `casemate.attestation-verification/1`.
    pub(super) schema: &'static str,
    /// Whether everything counts and no policy denies.
    pub(super) ok: bool,
    /// Each statement that counts, with all who signed it.
    pub(super) attestations: Vec<Attestation>,
    /// Each bundle that does not.
    pub(super) problems: Vec<Refusal>,
    /// What the policy says, where something counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) decision: Option<Decision>,
    /// What somebody should know.
    pub(super) notes: Vec<String>,
}

/// A statement that counts.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Attestation {
    /// Where its bundles are.
    pub(super) bundles: Vec<Place>,
    /// What it says, for people, where it is of a type that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) says: Option<String>,
    /// The statement.
    pub(super) evidence: Evidence,
}

/// A bundle that does not count.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Refusal {
    /// Where it is.
    pub(super) bundle: Place,
    /// Why not.
    pub(super) problem: Problem,
}

/// Where a bundle is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Place {
    /// The file, as the caller names it.
    pub(super) file: String,
    /// The line, in a file of several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) line: Option<u64>,
}

impl Verification {
    pub(super) fn text(&self) -> String {
        let verdict = if self.ok { "ok" } else { "not ok" };
        let mut lines = vec![format!("attestations: {verdict}")];
        for it in &self.attestations {
            let says = it.says.as_deref().unwrap_or(&it.evidence.predicate_type);
            let signers = it.evidence.signers.iter();
            let by: Vec<&str> = signers.map(|signer| signer.name.as_str()).collect();
            lines.push(format!("  {}  {says}", place(&it.bundles[0])));
            lines.push(format!("    signer   {}", by.join(" and ")));
            for subject in &it.evidence.subject {
                let name = subject.name.as_deref().unwrap_or_default();
                let digests = subject.digest.iter();
                let digests: Vec<String> = digests.map(|(of, hex)| format!("{of}:{hex}")).collect();
                lines.push(format!("    subject  {name} {}", digests.join(" ")));
            }
        }
        for it in &self.problems {
            let class = it.problem.class.as_str();
            lines.push(format!(
                "  {}  {class}: {}",
                place(&it.bundle),
                it.problem.message
            ));
        }
        if let Some(decision) = &self.decision {
            lines.push(format!("  policy  {}", decision.outcome.as_str()));
            for reason in &decision.reasons {
                lines.push(format!("    {}", reason.message));
            }
        }
        lines.extend(self.notes.iter().map(|it| format!("  note: {it}")));
        together(&lines)
    }
}

pub(crate) fn place(place: &Place) -> String {
    match place.line {
        Some(line) => format!("{}:{line}", place.file),
        None => place.file.clone(),
    }
}

/// What is said may be anybody's.
fn together(lines: &[String]) -> String {
    let mut out = String::new();
    for line in lines {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{}", sanitise(line));
    }
    out
}

/// How many of a kind are listed as text.
const LISTED: usize = 20;
