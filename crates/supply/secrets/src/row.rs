//! A detector as a contributor writes it: a row of `content/secrets/*.toml`, whose README explains
//! every field.

use std::borrow::Cow;

use casemate_core::{Confidence, Example, Reference, Rule, RuleId, Severity};
use serde::Deserialize;

use crate::{assignment::Place, detector::DetectorError, placeholder::Pieces, validate::Validator};

/// A file of detectors.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Family {
    /// What every rule of the file refers to.
    #[serde(default)]
    pub(crate) references: Vec<String>,
    pub(crate) detector: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) severity: Severity,
    pub(crate) confidence: Confidence,
    pub(crate) description: String,
    pub(crate) remediation: String,
    #[serde(default)]
    pub(crate) references: Vec<String>,

    #[serde(default)]
    pub(crate) prefixes: Vec<String>,
    #[serde(default)]
    pub(crate) pattern: Option<String>,
    #[serde(default)]
    pub(crate) behind: usize,
    #[serde(default = "default_ahead")]
    pub(crate) ahead: usize,
    #[serde(default = "default_words")]
    pub(crate) words: bool,

    #[serde(default)]
    pub(crate) keys: Vec<String>,
    #[serde(default)]
    pub(crate) not_keys: Vec<String>,
    #[serde(default)]
    pub(crate) value: Option<String>,
    #[serde(default)]
    pub(crate) place: Option<Place>,

    #[serde(default)]
    pub(crate) validate: Vec<Validator>,
    #[serde(default)]
    pub(crate) chosen: bool,
    #[serde(default)]
    pub(crate) weak: bool,
    pub(crate) bad: Pieces,
    pub(crate) good: Pieces,
}

impl Row {
    pub(crate) fn wrong(&self, reason: &'static str) -> DetectorError {
        DetectorError::Row {
            id: self.id.clone(),
            reason,
        }
    }

    pub(crate) fn into_rule(self, references: Vec<String>) -> Result<Rule, DetectorError> {
        let references = references.into_iter().chain(self.references);
        let example = |pieces: &Pieces| {
            Some(Example {
                name: Cow::Borrowed("example.txt"),
                content: Cow::Owned(pieces.join()),
            })
        };
        Ok(Rule {
            id: self.id.parse::<RuleId>()?,
            title: self.title.into(),
            severity: self.severity,
            confidence: self.confidence,
            description: self.description.trim().to_owned().into(),
            remediation: self.remediation.into(),
            references: references.map(|text| Reference(text.into())).collect(),
            bad: example(&self.bad),
            good: example(&self.good),
        })
    }
}

fn default_ahead() -> usize {
    512
}

fn default_words() -> bool {
    true
}
