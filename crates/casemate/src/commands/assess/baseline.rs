//! What an earlier report has found already.

use std::{collections::HashMap, path::Path};

use anyhow::{Context, Result, bail};
use casemate_core::{Fingerprint, Outcome};
use serde::Deserialize;

use crate::config;

/// The findings of an earlier report, and how often each stands there.
#[derive(Debug)]
pub(super) struct Baseline {
    /// The report, as the caller named it.
    pub(super) name: String,
    known: HashMap<(Fingerprint, String), usize>,
}

/// What is read of the report; the rest is for people.
#[derive(Deserialize)]
struct Report {
    schema: String,
    repository: String,
    findings: Vec<Found>,
}

#[derive(Deserialize)]
struct Found {
    fingerprint: Fingerprint,
    message: String,
}

impl Baseline {
    /// The report at `path`: its directory, or its `findings.json`.
    ///
    /// # Errors
    ///
    /// It is no report, or one of another repository, whose findings would all be new.
    pub(super) fn read(path: &Path, repository: &str) -> Result<Self> {
        let file = if path.is_dir() {
            path.join("findings.json")
        } else {
            path.to_owned()
        };
        let report = read(&file).with_context(|| {
            let hint = "--diff takes the report of an earlier assessment: its directory, or its findings.json";
            format!("{}: {hint}", file.display())
        })?;
        if report.repository != repository {
            let other = report.repository;
            bail!(
                "{} is of the repository `{other}`, and this is `{repository}`: all would be new",
                file.display()
            );
        }
        let mut known = HashMap::new();
        for found in report.findings {
            *known.entry((found.fingerprint, found.message)).or_insert(0) += 1;
        }
        Ok(Self {
            name: path.display().to_string(),
            known,
        })
    }

    /// Marks what was there before and says the same: an attribute with another value is another finding.
    /// Of findings that cannot be told apart, so many as there were.
    pub(super) fn mark(&self, outcomes: &mut [Outcome]) {
        let mut left = self.known.clone();
        let findings = outcomes
            .iter_mut()
            .flat_map(|outcome| &mut outcome.findings);
        for finding in findings {
            let key = (finding.fingerprint, finding.message.clone());
            if let Some(count) = left.get_mut(&key)
                && *count > 0
            {
                *count -= 1;
                finding.unchanged = true;
            }
        }
    }
}

fn read(file: &Path) -> Result<Report> {
    let text = config::read_bounded(file)?;
    let report: Report = serde_json::from_str(&text).context("it is no report")?;
    if report.schema != "casemate.assessment/1" {
        bail!("its schema is `{}`", report.schema);
    }
    Ok(report)
}
