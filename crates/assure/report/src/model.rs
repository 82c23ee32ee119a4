//! What is reported: one assessment of a tree, or one scan of model files.
//!
//! The serde form of these types is the contract with other programs, and their field comments are
//! the published schema.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
};

use casemate_core::{
    Asset, AssetId, AssetKind, Coverage, Decision, Digest, Finding, Import, Outcome, PathText,
    Population, Rule, RuleId, Severity, Status, Timestamp,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What `casemate assess` says of a tree: `findings.json`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct Assessment {
    /// The form of this document; another one when a field changes its meaning.
    #[schemars(extend("const" = ASSESSMENT_SCHEMA))]
    pub schema: String,
    /// Who says so.
    pub tool: Tool,
    /// When.
    pub generated: Timestamp,
    /// The tree, as the user gave it.
    pub root: PathText,
    /// The name the caller gave the repository; it is part of the identity of its files.
    pub repository: String,
    /// Everything below in numbers.
    pub summary: Summary,
    /// What was found in the tree, by name.
    pub assets: Vec<Asset>,
    /// What the checks said, passes too, folded into populations.
    pub outcomes: Vec<Population>,
    /// Where a check could not say, or did not see everything, and why.
    pub gaps: Vec<Gap>,
    /// What is wrong, worst first, suppressed findings included.
    pub findings: Vec<Finding>,
    /// The rules that the findings and the decision name.
    pub rules: Vec<Rule>,
    /// What other tools' reports brought, as the caller named them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub imports: Vec<Import>,
    /// What judged, and by which settings.
    pub configuration: Configuration,
    /// What the gate decided.
    pub decision: Decision,
    /// Where all of this is logged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logged: Option<Logged>,
}

impl Assessment {
    /// Sorts and counts the parts of an assessment. The same parts, in any order, make the same
    /// assessment. `rules` may be every rule there is; those that are named are kept.
    pub fn new(parts: Parts, rules: &[Rule]) -> Self {
        let Parts {
            version,
            generated,
            root,
            repository,
            files,
            bytes,
            mut assets,
            populations,
            outcomes,
            mut findings,
            imports,
            mut configuration,
            decision,
            logged,
        } = parts;
        assets.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
        let mut gaps: Vec<Gap> = outcomes.iter().filter_map(Gap::of).collect();
        gaps.sort_by(|a, b| (&a.check, &a.name, &a.subject).cmp(&(&b.check, &b.name, &b.subject)));
        findings.extend(outcomes.into_iter().flat_map(|outcome| outcome.findings));
        sort_findings(&mut findings);
        configuration.ignored.sort();

        let reasons = decision.reasons.iter().filter_map(|r| r.rule.as_ref());
        let rules = named(rules, findings.iter().map(|f| &f.rule).chain(reasons));
        let mut summary = Summary {
            files,
            bytes,
            findings: count_severities(&findings),
            suppressed: count(findings.iter().filter(|f| f.suppression.is_some())),
            unchanged: count(crate::group::unchanged(&findings)),
            incomplete: count(gaps.iter().filter(|gap| gap.is_incomplete())),
            ..Summary::default()
        };
        for asset in &assets {
            *summary.assets.entry(asset.kind).or_default() += 1;
            if let Some(format) = asset.labels.get("format") {
                *summary.formats.entry(format.clone()).or_default() += 1;
            }
        }
        Self {
            schema: ASSESSMENT_SCHEMA.to_owned(),
            tool: Tool::new(version),
            generated,
            root,
            repository,
            summary,
            assets,
            outcomes: populations,
            gaps,
            findings,
            rules,
            imports,
            configuration,
            decision,
            logged,
        }
    }
}

/// What an assessment is made of, before it is sorted and counted.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The program's version.
    pub version: String,
    /// When the assessment was made.
    pub generated: Timestamp,
    /// The tree, as the user gave it.
    pub root: PathText,
    /// The name the caller gave the repository.
    pub repository: String,
    /// How many files were looked at.
    pub files: u64,
    /// How many bytes those have.
    pub bytes: u64,
    /// What was found in the tree; the label `format`, where there is one, is counted.
    pub assets: Vec<Asset>,
    /// What the checks said, folded, all of it.
    pub populations: Vec<Population>,
    /// What the checks said other than that all is well, with the findings, suppressed where
    /// somebody accepted them.
    pub outcomes: Vec<Outcome>,
    /// Findings that no check of a subject made: of the run itself.
    pub findings: Vec<Finding>,
    /// What other tools' reports brought.
    pub imports: Vec<Import>,
    /// What judged.
    pub configuration: Configuration,
    /// What the gate decided.
    pub decision: Decision,
    /// Where all of this is logged, if it is.
    pub logged: Option<Logged>,
}

/// The records of an assessment in a transparency log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Logged {
    /// The log's origin.
    pub origin: String,
    /// The index of the first record.
    pub first: u64,
    /// The index of the last, which is that of the decision.
    pub last: u64,
    /// Whether they wait for the next checkpoint. What waits can still be changed unseen.
    pub pending: bool,
}

impl Logged {
    /// The same in words.
    pub(crate) fn describe(&self) -> String {
        let Self {
            first,
            last,
            pending,
            ..
        } = self;
        let state = if *pending {
            ", pending until its next checkpoint"
        } else {
            ""
        };
        format!("entries {first} to {last}{state}")
    }
}

/// What `casemate scan` says of model files.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct Scan {
    /// The form of this document; another one when a field changes its meaning.
    #[schemars(extend("const" = SCAN_SCHEMA))]
    pub schema: String,
    /// Who says so.
    pub tool: Tool,
    /// Everything below in numbers.
    pub summary: ScanSummary,
    /// Every regular file under the paths that were asked about, once, by path.
    pub artifacts: Vec<Artifact>,
    /// The rules that the findings name.
    pub rules: Vec<Rule>,
}

impl Scan {
    /// Sorts and counts what was learned of each file. `rules` may be every rule there is; those
    /// that are named are kept.
    pub fn new(version: impl Into<String>, mut artifacts: Vec<Artifact>, rules: &[Rule]) -> Self {
        for artifact in &mut artifacts {
            sort_findings(&mut artifact.findings);
        }
        artifacts.sort_by(|a, b| a.path.cmp(&b.path));
        let findings = || artifacts.iter().flat_map(|artifact| &artifact.findings);
        let mut summary = ScanSummary {
            artifacts: count(artifacts.iter()),
            verdicts: Judgement::ALL.map(|verdict| (verdict, 0)).into(),
            findings: count_severities(findings()),
            incomplete: count(artifacts.iter().filter(|a| a.coverage == Coverage::Partial)),
            ..ScanSummary::default()
        };
        for artifact in &artifacts {
            *summary.verdicts.entry(artifact.verdict).or_default() += 1;
            *summary.formats.entry(artifact.format.clone()).or_default() += 1;
        }
        let rules = named(rules, findings().map(|finding| &finding.rule));
        Self {
            schema: SCAN_SCHEMA.to_owned(),
            tool: Tool::new(version),
            summary,
            artifacts,
            rules,
        }
    }

    /// Whether every file was seen completely and is inert or known: the exit status.
    pub fn is_clean(&self) -> bool {
        self.artifacts.iter().all(Artifact::is_clean)
    }
}

/// What was learned of one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Artifact {
    /// The file's path, as the user gave it and the rest of the way.
    pub path: PathText,
    /// What it is by its content: `pickle`, `safetensors` …; `unknown` where nothing matched.
    pub format: String,
    /// What it may do when it is loaded; for a container, the worst of its members.
    pub verdict: Judgement,
    /// Whether everything in it was looked at.
    pub coverage: Coverage,
    /// Why the verdict is unknown, or what was left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What is wrong, worst first.
    pub findings: Vec<Finding>,
}

impl Artifact {
    /// What the check of artifacts says of the file at `path`: its verdict and format are the
    /// outcome's facts of those names. A verdict that is missing, or is not one, is
    /// [`Judgement::Unknown`]; an error is never better than that.
    pub fn new(path: PathText, mut outcome: Outcome) -> Self {
        let stated = outcome.facts.get("verdict").and_then(|v| v.parse().ok());
        let mut verdict = stated.unwrap_or(Judgement::Unknown);
        if outcome.result == Status::Error {
            verdict = verdict.max(Judgement::Unknown);
        }
        Self {
            path,
            format: outcome.facts.remove("format").unwrap_or("unknown".into()),
            verdict,
            coverage: outcome.coverage,
            reason: outcome.reason,
            findings: outcome.findings,
        }
    }

    /// Whether it was seen completely and is inert or known.
    pub fn is_clean(&self) -> bool {
        self.coverage == Coverage::Complete && self.verdict <= Judgement::Known
    }
}

/// What a model file may do when it is loaded, from the mildest to the worst.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Judgement {
    /// It holds no code.
    Inert,
    /// It holds code, all of which is known to do no harm.
    Known,
    /// It holds code, or bytes, that nobody vouches for.
    Unknown,
    /// It holds code that does harm.
    Dangerous,
}

impl Judgement {
    /// From the mildest to the worst.
    pub const ALL: [Self; 4] = [Self::Inert, Self::Known, Self::Unknown, Self::Dangerous];

    /// The name used in JSON and on screen.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inert => "inert",
            Self::Known => "known",
            Self::Unknown => "unknown",
            Self::Dangerous => "dangerous",
        }
    }
}

impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Judgement {
    type Err = JudgementError;

    fn from_str(text: &str) -> Result<Self, JudgementError> {
        Self::ALL
            .into_iter()
            .find(|verdict| verdict.as_str() == text)
            .ok_or_else(|| JudgementError(text.to_owned()))
    }
}

/// A text that is not the verdict on a model file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a verdict: those are inert, known, unknown and dangerous")]
pub struct JudgementError(String);

/// The program that made a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

impl Tool {
    /// This program.
    pub fn new(version: impl Into<String>) -> Self {
        Self {
            name: "casemate".to_owned(),
            version: version.into(),
        }
    }
}

/// An assessment in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// Files that were looked at.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Assets by kind.
    pub assets: BTreeMap<AssetKind, u64>,
    /// Findings that nobody accepted and that were not there before, by severity.
    pub findings: BTreeMap<Severity, u64>,
    /// Findings that somebody accepted for a while.
    pub suppressed: u64,
    /// Findings that the report compared with has, too.
    #[serde(default)]
    pub unchanged: u64,
    /// Assets by format.
    pub formats: BTreeMap<String, u64>,
    /// Outcomes that are partial or an error: what was not wholly looked at.
    pub incomplete: u64,
}

/// A scan in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ScanSummary {
    /// Files that were looked at.
    pub artifacts: u64,
    /// Files by verdict.
    pub verdicts: BTreeMap<Judgement, u64>,
    /// Findings by severity.
    pub findings: BTreeMap<Severity, u64>,
    /// Files by format.
    pub formats: BTreeMap<String, u64>,
    /// Files that were not wholly looked at.
    pub incomplete: u64,
}

/// Where a check could not say, or did not see everything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Gap {
    /// What was looked at.
    pub subject: AssetId,
    /// The subject's name for people: for a file, its path.
    pub name: String,
    /// The check that looked.
    pub check: String,
    /// What came of it.
    pub result: Status,
    /// Whether everything was looked at.
    pub coverage: Coverage,
    /// Why it cannot say; what was left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Gap {
    /// The gap that `outcome` tells of, if it does.
    pub fn of(outcome: &Outcome) -> Option<Self> {
        let gap = Self {
            subject: outcome.subject.clone(),
            name: outcome.name.clone(),
            check: outcome.check.clone(),
            result: outcome.result,
            coverage: outcome.coverage,
            reason: outcome.reason.clone(),
        };
        (gap.is_incomplete() || gap.result == Status::Undetermined).then_some(gap)
    }

    /// Whether something was not looked at, rather than looked at and not understood.
    pub fn is_incomplete(&self) -> bool {
        self.coverage == Coverage::Partial || self.result == Status::Error
    }

    /// What kind of gap this is, in one word: `error`, `partial` or `undetermined`.
    pub fn word(&self) -> &'static str {
        match (self.result, self.coverage) {
            (Status::Error, _) => Status::Error.as_str(),
            (_, Coverage::Partial) => Coverage::Partial.as_str(),
            (result, Coverage::Complete) => result.as_str(),
        }
    }
}

/// What judged, and by which settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Configuration {
    /// Where the settings come from, in the order in which they apply: `built-in`, then the files
    /// the caller named.
    pub sources: Vec<String>,
    /// The digest of the policy's files.
    pub policy: Digest,
    /// Settings, policies and allowlists that lie in the tree and were not obeyed.
    pub ignored: Vec<PathText>,
    /// Findings that the caller accepts for a while.
    pub exceptions: Vec<Exception>,
    /// The earlier report that findings are compared with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<String>,
}

/// That the caller accepts the findings of a rule somewhere for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Exception {
    /// The rule, or a family of rules with a star.
    pub rule: String,
    /// Where: a path, a pattern of paths, or a digest.
    pub scope: String,
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// When it ends.
    pub expires: Timestamp,
    /// Whether it had ended when the assessment was made; then it covers nothing.
    pub expired: bool,
    /// How many findings it covers.
    pub findings: u64,
}

/// The order of findings in every report: worst first, then by file, rule and place.
pub fn sort_findings(findings: &mut [Finding]) {
    findings.sort_by(|a, b| {
        let key = |f: &Finding| (f.location.region, f.fingerprint);
        (b.severity.cmp(&a.severity))
            .then_with(|| a.location.file.cmp(&b.location.file))
            .then_with(|| a.rule.cmp(&b.rule))
            .then_with(|| a.location.members.cmp(&b.location.members))
            .then_with(|| key(a).cmp(&key(b)))
            .then_with(|| a.message.cmp(&b.message))
    });
}

fn named<'a>(rules: &[Rule], names: impl Iterator<Item = &'a RuleId>) -> Vec<Rule> {
    let names: BTreeSet<&RuleId> = names.collect();
    let mut kept: Vec<Rule> = (rules
        .iter()
        .filter(|rule| names.contains(&rule.id))
        .cloned())
    .collect();
    kept.sort_by(|a, b| a.id.cmp(&b.id));
    kept.dedup_by(|a, b| a.id == b.id);
    kept
}

fn count_severities<'a>(
    findings: impl IntoIterator<Item = &'a Finding>,
) -> BTreeMap<Severity, u64> {
    let mut counts: BTreeMap<Severity, u64> = Severity::ALL.map(|severity| (severity, 0)).into();
    for finding in findings.into_iter().filter(|f| f.is_open()) {
        *counts.entry(finding.severity).or_default() += 1;
    }
    counts
}

fn count<T>(items: impl Iterator<Item = T>) -> u64 {
    items.count() as u64
}

const ASSESSMENT_SCHEMA: &str = "casemate.assessment/1";
const SCAN_SCHEMA: &str = "casemate.scan/1";
