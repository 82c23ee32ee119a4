//! `casemate policy check`.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result, bail};
use casemate_core::Timestamp;
use casemate_policy::{Bundle, CheckReport, Question};

use super::documents::{Checked, input};
use crate::{
    NEGATIVE,
    cli::{Format, Global},
    clock, constraints, output, policies,
};

/// What files are held against.
pub(super) struct Against<'a> {
    pub(super) policy: &'a Path,
    /// Who may have signed it.
    pub(super) trust_store: Option<&'a Path>,
    /// What was assessed.
    pub(super) outcomes: Option<&'a Path>,
    /// Objects that constraints may refer to.
    pub(super) inventory: &'a [PathBuf],
    /// The packages of rules; all that have some, where none are named.
    pub(super) namespaces: Option<&'a [String]>,
}

/// Holds files against the rules and the constraints of a policy.
pub(super) fn run(global: &Global, inputs: &[PathBuf], against: &Against<'_>) -> Result<ExitCode> {
    let now = clock::of(global)?.now();
    let policy = against.policy;
    let bundle = against.bundle(global, now)?;
    let constraints = constraints::load(policy)?;
    let namespaces = match against.namespaces {
        Some(named) => named.to_vec(),
        None => casemate_policy::namespaces(&bundle).into_iter().collect(),
    };
    if namespaces.is_empty() && constraints.is_none() {
        let policy = policy.display();
        bail!("no package of the policy {policy} has a rule called deny, violation or warn");
    }
    let (mut files, mut manifests) = (Vec::new(), Vec::new());
    for path in inputs {
        let checked = Checked::read(path)?;
        let name = path.display().to_string();
        for document in &checked.documents {
            let question = Question {
                input: document,
                now,
            };
            for namespace in &namespaces {
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
        .map(|constraints| constraints::check(&constraints, &manifests, against.inventory, now))
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

impl Against<'_> {
    /// The policy, beside what was assessed.
    fn bundle(&self, global: &Global, now: Timestamp) -> Result<Bundle> {
        // The report beside it has what is clean and what is not in numbers, and not each outcome.
        let assessment = self.outcomes.map(input).transpose();
        let assessment =
            assessment.context("--outcomes is for the gate-input.json of an assessment")?;
        let bundle = policies::load_alone(global, self.policy, self.trust_store, now)?;
        let bundle = bundle.beside(assessment.as_ref());
        bundle.with_context(|| match self.outcomes {
            Some(_) => format!("in the policy {}", self.policy.display()),
            None => "name what was assessed with --outcomes".to_owned(),
        })
    }
}

/// The package of rules, where none is named.
const MAIN: &str = "main";
