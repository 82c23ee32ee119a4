//! What several tests of this crate need.

use std::collections::BTreeMap;

use casemate_core::{
    AssetId, Confidence, Coverage, Digest, Finding, Fingerprint, Location, Outcome, PathText,
    RuleId, Severity, Status, Timestamp,
};
use serde_json::Value;

use crate::{Engine, EngineError, GateInput, Limits, Question, rego::Rego};

pub(crate) fn now() -> Timestamp {
    "2026-09-01T12:00:00Z".parse().expect("a time")
}

pub(crate) fn file(name: &str, content: &str) -> (PathText, Vec<u8>) {
    (name.into(), content.as_bytes().to_vec())
}

/// What one Rego expression evaluates to.
pub(crate) fn value_of(expression: &str) -> Result<Option<Value>, EngineError> {
    let source = format!("package t\nx := {expression}\n");
    let rego = Rego::load(&[("t.rego", &source)], &[], Limits::default())?;
    let question = Question {
        input: &Value::Null,
        now: now(),
    };
    rego.eval(&["data.t.x"], &question)
        .map(|mut values| values.remove(0))
}

pub(crate) fn asset(path: &str) -> AssetId {
    AssetId::File {
        repository: "local".into(),
        path: path.into(),
    }
}

pub(crate) fn outcome(path: &str, result: Status) -> Outcome {
    Outcome {
        check: "artifact".into(),
        version: "1".into(),
        subject: asset(path),
        name: path.into(),
        input: Some(Digest::of(path.as_bytes())),
        result,
        coverage: Coverage::Complete,
        reason: None,
        facts: BTreeMap::new(),
        findings: Vec::new(),
    }
}

pub(crate) fn finding(path: &str, rule: &str, severity: Severity) -> Finding {
    let rule: RuleId = rule.parse().expect("a rule id");
    Finding {
        severity,
        confidence: Confidence::High,
        asset: asset(path),
        location: Location {
            file: path.into(),
            members: Vec::new(),
            region: None,
        },
        message: "something is wrong".into(),
        remediation: "Repair it.".into(),
        evidence: Vec::new(),
        reported_by: Vec::new(),
        fingerprint: Fingerprint::new(&rule, &asset(path), &path.into(), &[], ""),
        suppression: None,
        unchanged: false,
        rule,
    }
}

/// A failed outcome with one finding.
pub(crate) fn failure(path: &str, severity: Severity) -> Outcome {
    let mut outcome = outcome(path, Status::Fail);
    outcome.findings.push(finding(path, "CM-TST-001", severity));
    outcome
}

pub(crate) fn verdict(path: &str, format: &str, verdict: &str) -> Outcome {
    let result = match verdict {
        "inert" | "known" => Status::Pass,
        "unknown" => Status::Undetermined,
        _ => Status::Fail,
    };
    let mut outcome = outcome(path, result);
    outcome.facts.insert("format".into(), format.into());
    outcome.facts.insert("verdict".into(), verdict.into());
    if verdict == "dangerous" {
        outcome
            .findings
            .push(finding(path, "CM-PKL-001", Severity::Critical));
    }
    outcome
}

pub(crate) fn input(outcomes: &[Outcome]) -> GateInput {
    GateInput::new("assess", asset(""), now()).with_outcomes(outcomes)
}
