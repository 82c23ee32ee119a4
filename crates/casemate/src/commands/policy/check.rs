//! `casemate policy check`.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result};
use casemate_policy::{CheckReport, Question};

use super::documents::document;
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
    namespaces: &[String],
) -> Result<ExitCode> {
    let bundle = policies::load_alone(global, policy, trust_store, clock::of(global)?.now())?;
    let now = clock::of(global)?.now();
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
