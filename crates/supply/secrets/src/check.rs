//! The check: what the detectors say of one subject.

use std::{collections::BTreeMap, io};

use casemate_container::{Magic, sniff};
use casemate_core::{Check, Coverage, Finding, Outcome, Rule, Source, Status, Subject};

use crate::{
    detector::Detectors,
    engine::{Match, Scan},
};

/// Looks for credentials in text: source code, settings, notebooks, logs.
///
/// Text is what [`sniff`](casemate_container::sniff()) calls text. Of binary files this check has
/// nothing to say.
#[derive(Debug)]
pub struct SecretsCheck {
    detectors: Detectors,
}

impl SecretsCheck {
    /// The check with the detectors that Casemate ships with.
    pub fn builtin() -> Self {
        Self::new(Detectors::builtin())
    }

    /// The check with other detectors.
    pub fn new(detectors: Detectors) -> Self {
        Self { detectors }
    }

    fn finding(&self, subject: &Subject, found: &Match) -> Option<Finding> {
        let rule = self.rules().iter().find(|rule| rule.id == found.rule)?;
        let message = match &found.key {
            Some(key) => format!("{} in `{key}`: {}", rule.title, found.redacted),
            None => format!("{}: {}", rule.title, found.redacted),
        };
        let region = Some(found.region);
        let finding = subject.finding(rule, Vec::new(), region, &found.anchor, message);
        Some(finding.with_evidence("redacted", found.redacted.to_string()))
    }

    fn outcome(&self, subject: &Subject, scan: &Scan) -> Outcome {
        let findings: Vec<Finding> = scan
            .matches
            .iter()
            .filter_map(|found| self.finding(subject, found))
            .collect();
        let (result, coverage) = match (findings.is_empty(), &scan.cut) {
            (false, None) => (Status::Fail, Coverage::Complete),
            (false, Some(_)) => (Status::Fail, Coverage::Partial),
            (true, None) => (Status::Pass, Coverage::Complete),
            (true, Some(_)) => (Status::Undetermined, Coverage::Partial),
        };
        Outcome {
            check: self.name().to_owned(),
            version: self.version().to_owned(),
            subject: subject.asset.id.clone(),
            name: subject.asset.name.clone(),
            input: scan.is_whole().then_some(subject.digest),
            result,
            coverage,
            reason: scan.cut.as_ref().map(ToString::to_string),
            facts: BTreeMap::new(),
            findings,
        }
    }

    fn unreadable(&self, subject: &Subject, error: &io::Error) -> Outcome {
        Outcome {
            check: self.name().to_owned(),
            version: self.version().to_owned(),
            subject: subject.asset.id.clone(),
            name: subject.asset.name.clone(),
            input: None,
            result: Status::Undetermined,
            coverage: Coverage::Partial,
            reason: Some(format!("cannot be read: {error}")),
            facts: BTreeMap::new(),
            findings: Vec::new(),
        }
    }
}

impl Check for SecretsCheck {
    fn name(&self) -> &'static str {
        "secrets"
    }

    fn version(&self) -> &str {
        VERSION
    }

    fn rules(&self) -> &[Rule] {
        self.detectors.rules()
    }

    fn check(&self, subject: &Subject, source: &dyn Source) -> Option<Outcome> {
        let magic = match sniff(source) {
            Ok(sniffed) => sniffed.magic,
            Err(error) => return Some(self.unreadable(subject, &error)),
        };
        let Magic::Text(encoding) = magic else {
            return None;
        };
        Some(self.outcome(subject, &self.detectors.scan_text(source, encoding)))
    }
}

/// Of the engine and the data together.
const VERSION: &str = "1";
