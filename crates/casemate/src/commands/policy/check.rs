//! `casemate policy check`.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result};
use casemate_policy::{CheckReport, Question};

use super::documents::Checked;
use crate::{
    NEGATIVE,
    cli::{Format, Global},
    clock, constraints, output, policies,
};

/// Holds files against the rules and the constraints of a policy.
pub(super) fn run(
    global: &Global,
    inputs: &[PathBuf],
    (policy, trust_store): (&Path, Option<&Path>),
    inventory: &[PathBuf],
    namespaces: &[String],
) -> Result<ExitCode> {
    let now = clock::of(global)?.now();
    let bundle = policies::load_alone(global, policy, trust_store, now)?;
    let constraints = constraints::load(policy)?;
    let (mut files, mut manifests) = (Vec::new(), Vec::new());
    for path in inputs {
        let checked = Checked::read(path)?;
        let name = path.display().to_string();
        for document in &checked.documents {
            let question = Question {
                input: document,
                now,
            };
            for namespace in namespaces {
                match casemate_policy::check(&bundle, namespace, &name, &question) {
                    Ok(file) => files.push(file),
                    // Constraints are checked, and the package is the one that nobody asked for.
                    Err(_) if constraints.is_some() && namespace == MAIN => {}
                    Err(error) => {
                        return Err(error).context(format!("in the policy {}", policy.display()));
                    }
                }
            }
        }
        manifests.extend(checked.objects);
    }
    let constraints = constraints
        .map(|constraints| constraints::check(&constraints, &manifests, inventory, now))
        .transpose()?;
    let report = CheckReport::new(files).with_constraints(constraints);
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

/// The package of rules, where none is named.
const MAIN: &str = "main";
