//! `casemate schema`.

use std::process::ExitCode;

use anyhow::{Result, bail};
use casemate_report::json;
use serde_json::Value;

use crate::{
    commands::{
        attest::report as attest,
        detect,
        log::report as log,
        model::{Conversion, explain, inspect},
        policy, segment, sensor, signing,
    },
    config::Configuration,
    output,
};

/// Prints the schema called `name`, or the names.
pub(crate) fn run(name: Option<&str>) -> Result<ExitCode> {
    let names = names();
    match name {
        None => output::print(&(names.join("\n") + "\n"))?,
        Some(name) => match schema(name) {
            Some(schema) => output::print_json(&schema)?,
            None => bail!(
                "there is no schema `{name}`; there are {}",
                names.join(", ")
            ),
        },
    }
    Ok(ExitCode::SUCCESS)
}

fn names() -> Vec<&'static str> {
    let mut names = json::SCHEMAS.to_vec();
    names.extend([
        "admission-record",
        "attestation",
        "attestation-verification",
        "evidence",
        "configuration",
        "conversion",
        "explanation",
        "detect-coverage",
        "match",
        "gate-input",
        "inspection",
        "keys",
        "decision-record",
        "policy-approval",
        "policy-bundle",
        "policy-check",
        "policy-explanation",
        "policy-replay",
        "segment-check",
        "segment-diff",
        "segment-identities",
        "segment-list",
        "segment-reach",
        "sensor-check",
        "sensor-models",
        "sensor-policy",
        "signing",
        "verdict",
        "log",
        "log-append",
        "log-attestation",
        "log-checkpoint",
        "log-opening",
        "log-refusal",
        "log-verification",
    ]);
    names.sort_unstable();
    names
}

fn schema(name: &str) -> Option<Value> {
    match name {
        "admission-record" => Some(json::schema_of::<casemate_admission::Record>()),
        "attestation" => Some(json::schema_of::<attest::Report>()),
        "attestation-verification" => Some(json::schema_of::<attest::Verification>()),
        "evidence" => Some(json::schema_of::<casemate_provenance::Evidence>()),
        "configuration" => Some(json::schema_of::<Configuration>()),
        "explanation" => Some(json::schema_of::<explain::Report>()),
        "policy-check" => Some(json::schema_of::<casemate_policy::CheckReport>()),
        "decision-record" => Some(json::schema_of::<casemate_policy::DecisionRecord>()),
        "policy-approval" => Some(json::schema_of::<policy::approve::Approved>()),
        "policy-bundle" => Some(json::schema_of::<policy::bundle::Report>()),
        "policy-explanation" => Some(json::schema_of::<casemate_policy::Explanation>()),
        "policy-replay" => Some(json::schema_of::<policy::replay::Line>()),
        "inspection" => Some(json::schema_of::<inspect::Report>()),
        "conversion" => Some(json::schema_of::<Conversion>()),
        "segment-check" => Some(json::schema_of::<segment::check::Report>()),
        "segment-diff" => Some(json::schema_of::<segment::diff::Report>()),
        "segment-identities" => Some(json::schema_of::<segment::identities::Report>()),
        "segment-list" => Some(json::schema_of::<segment::list::Report>()),
        "segment-reach" => Some(json::schema_of::<segment::reach::Report>()),
        "detect-coverage" => Some(json::schema_of::<detect::CoverageReport>()),
        "match" => Some(json::schema_of::<casemate_detect::Match>()),
        "sensor-check" => Some(json::schema_of::<sensor::Report>()),
        "sensor-models" => Some(json::schema_of::<sensor::models::Report>()),
        "sensor-policy" => Some(json::schema_of::<casemate_sensor::Policy>()),
        "keys" => Some(json::schema_of::<signing::keygen::Report>()),
        "signing" => Some(json::schema_of::<signing::sign::Report>()),
        "verdict" => Some(json::schema_of::<signing::verify::Report>()),
        "log" => Some(json::schema_of::<log::Made>()),
        "log-append" => Some(json::schema_of::<log::Appended>()),
        "log-attestation" => Some(json::schema_of::<log::Attested>()),
        "log-opening" => Some(json::schema_of::<log::Opened>()),
        "log-refusal" => Some(json::schema_of::<log::Refused>()),
        "log-checkpoint" => Some(json::schema_of::<log::Signed>()),
        "log-verification" => Some(json::schema_of::<log::Verification>()),
        "gate-input" => Some(json::schema_of::<casemate_policy::GateInput>()),
        _ => json::schema(name),
    }
}
