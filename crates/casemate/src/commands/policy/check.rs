//! `casemate policy check`.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result};
use casemate_policy::{CheckReport, Question};

use super::documents::{document, input};
use crate::{
    NEGATIVE,
    cli::{Format, Global},
    clock, output, policies,
};

/// Holds files against the rules of a policy.
pub(super) fn run(
    global: &Global,
    inputs: &[PathBuf],
    (policy, trust_store): (&Path, Option<&Path>),
    outcomes: Option<&Path>,
    namespaces: &[String],
) -> Result<ExitCode> {
    let now = clock::of(global)?.now();
    // The report beside it has what is clean and what is not in numbers, and not each outcome.
    let assessment = outcomes.map(input).transpose();
    let assessment =
        assessment.context("--outcomes is for the gate-input.json of an assessment")?;
    let bundle =
        policies::load_alone(global, policy, trust_store, now)?.beside(assessment.as_ref());
    let bundle = bundle.with_context(|| match outcomes {
        Some(_) => format!("in the policy {}", policy.display()),
        None => "name what was assessed with --outcomes".to_owned(),
    })?;
    let mut files = Vec::new();
    for path in inputs {
        let document = document(path)?;
        let question = Question {
            input: &document,
            now,
        };
        let name = path.display().to_string();
        for namespace in namespaces {
            let file = casemate_policy::check(&bundle, namespace, &name, &question);
            files.push(file.with_context(|| format!("in the policy {}", policy.display()))?);
        }
    }
    let report = CheckReport::new(files);
    match global.format {
        Format::Json => output::print_json(&report)?,
        _ => output::print(&report.to_string())?,
    }
    Ok(if report.is_success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(NEGATIVE)
    })
}
