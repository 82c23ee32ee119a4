//! Findings as a person reads them: by the thing they are about, worst first.

use std::{cmp::Reverse, collections::BTreeMap};

use casemate_core::{Asset, AssetId, Finding, Import, Location, Region, Severity, Status};

use crate::{Artifact, Gap, plain};

/// What is wrong with one file, or with one asset that is none.
pub(crate) struct Group<'a> {
    /// The file's path, or the asset's name or identity.
    pub(crate) name: String,
    /// The asset, where the inventory knows it.
    pub(crate) asset: Option<&'a Asset>,
    /// The findings, worst first.
    pub(crate) findings: Vec<&'a Finding>,
}

impl Group<'_> {
    /// The asset's kind and format: `model, pickle`.
    pub(crate) fn description(&self) -> String {
        let Some(asset) = self.asset else {
            return String::new();
        };
        match asset.labels.get("format") {
            Some(format) if format != asset.kind.as_str() => format!("{}, {format}", asset.kind),
            _ => asset.kind.to_string(),
        }
    }
}

/// Findings by what they are about, in the order in which those first appear. As an assessment's
/// findings are sorted, the group with the worst one comes first, then by name.
pub(crate) fn by_asset<'a>(
    findings: impl IntoIterator<Item = &'a Finding>,
    assets: &Index<'a>,
) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for finding in findings {
        let asset = assets.of(finding);
        let file = finding.location.file.as_str();
        let name = match asset {
            _ if !file.is_empty() => file.to_owned(),
            Some(asset) => asset.name.clone(),
            None => finding.asset.to_string(),
        };
        let place = *places.entry(name.clone()).or_insert(groups.len());
        if place == groups.len() {
            groups.push(Group {
                name,
                asset,
                findings: Vec::new(),
            });
        }
        groups[place].findings.push(finding);
    }
    groups
}

/// The assets of an assessment by name and by identity.
pub(crate) struct Index<'a> {
    names: BTreeMap<&'a str, &'a Asset>,
    ids: BTreeMap<&'a AssetId, &'a Asset>,
}

impl<'a> Index<'a> {
    pub(crate) fn new(assets: &'a [Asset]) -> Self {
        // From the back, so that the first of several with one identity is the one that is shown.
        let assets = || assets.iter().rev();
        Self {
            names: assets().map(|a| (a.name.as_str(), a)).collect(),
            ids: assets().map(|a| (&a.id, a)).collect(),
        }
    }

    /// The asset that a finding is about. The file decides, because two files with the same bytes
    /// are one asset.
    pub(crate) fn of(&self, finding: &Finding) -> Option<&'a Asset> {
        let named = self.by_name(finding.location.file.as_str());
        named.or_else(|| self.ids.get(&finding.asset).copied())
    }

    /// The asset that people call so.
    pub(crate) fn by_name(&self, name: &str) -> Option<&'a Asset> {
        self.names.get(name).copied()
    }

    /// What people call the asset with this identity.
    pub(crate) fn name(&self, id: &AssetId) -> String {
        self.ids
            .get(id)
            .map_or_else(|| id.to_string(), |asset| asset.name.clone())
    }
}

/// The files of a scan, worst first, then by path.
pub(crate) fn by_verdict(artifacts: &[Artifact]) -> Vec<&Artifact> {
    let mut sorted: Vec<&Artifact> = artifacts.iter().collect();
    sorted.sort_by_key(|artifact| Reverse((artifact.verdict, artifact.coverage)));
    sorted
}

/// A place inside a file whose name stands above, if it is not all of it.
pub(crate) fn inside(location: &Location) -> Option<String> {
    let members = match &location.members[..] {
        [] => None,
        members => Some(members.join("!")),
    };
    let region = location.region.map(|region| match region {
        Region::Bytes { start, .. } => format!("byte {start:#x}"),
        Region::Text { line, column, .. } => format!("line {line}, column {column}"),
    });
    match (members, region) {
        (Some(members), Some(region)) => Some(format!("{members}, {region}")),
        (one, other) => one.or(other),
    }
}

/// `2 critical, 1 high`, worst first, without the severities that have none.
pub(crate) fn severities(counts: &BTreeMap<Severity, u64>) -> Vec<String> {
    let counts = counts.iter().rev().filter(|(_, n)| **n > 0);
    counts
        .map(|(severity, n)| format!("{} {severity}", plain::thousands(*n)))
        .collect()
}

/// `4 models, 1 dataset`, most first, then by name.
pub(crate) fn tally<K: ToString>(
    counts: &BTreeMap<K, u64>,
    phrase: impl Fn(u64, &str) -> String,
) -> Vec<String> {
    let mut counts: Vec<(String, u64)> = counts.iter().map(|(k, n)| (k.to_string(), *n)).collect();
    counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    counts.iter().map(|(name, n)| phrase(*n, name)).collect()
}

/// `3 models`, `2 lock files`: an asset's kind as a noun with its number.
pub(crate) fn kinds(n: u64, kind: &str) -> String {
    let noun = match kind {
        "model" | "dataset" | "notebook" | "pipeline" | "document" | "archive" | "executable" => {
            kind
        }
        "training-code" => "training script",
        "serving-code" => "serving script",
        "source-code" => "source file",
        "terraform" => "Terraform file",
        "kubernetes" => "Kubernetes manifest",
        "lockfile" => "lock file",
        "version-control" => "version-control file",
        other => return plain::counted(n, &format!("{other} file")),
    };
    plain::counted(n, noun)
}

/// The findings that nobody accepted and that were not there before.
pub(crate) fn open(findings: &[Finding]) -> impl Iterator<Item = &Finding> {
    findings.iter().filter(|f| f.is_open())
}

/// The findings that somebody accepted for a while.
pub(crate) fn accepted(findings: &[Finding]) -> impl Iterator<Item = &Finding> {
    findings.iter().filter(|f| f.suppression.is_some())
}

/// The findings that the report compared with has, too.
pub(crate) fn unchanged(findings: &[Finding]) -> impl Iterator<Item = &Finding> {
    let is_from_before = |f: &&Finding| f.unchanged && f.suppression.is_none();
    findings.iter().filter(is_from_before)
}

/// What other tools say of a finding: who reports it, or who else does.
pub(crate) fn said_by_others(finding: &Finding) -> impl Iterator<Item = String> {
    let is_theirs = finding.rule.tool().is_some();
    finding
        .reported_by
        .iter()
        .enumerate()
        .map(move |(at, report)| {
            let also = if is_theirs && at == 0 { "" } else { "also " };
            format!("{also}reported by {report}")
        })
}

/// What came of a check, as said of several subjects: `37 passed`.
pub(crate) fn participle(result: Status) -> &'static str {
    match result {
        Status::Pass => "passed",
        Status::Fail => "failed",
        Status::Undetermined => "undetermined",
        Status::Error => "ended in an error",
        Status::NotApplicable => "not applicable",
    }
}

/// Why there is a gap, in a phrase: the reason, or what is known without one.
pub(crate) fn gap_reason(gap: &Gap) -> &str {
    match (&gap.reason, gap.word()) {
        (Some(reason), _) => reason,
        (None, "error") => "it could not be looked at",
        (None, "partial") => "it was not wholly looked at",
        (None, _) => "the check cannot say",
    }
}

/// What an import brought: `Checkov 3.3.30, checkov.json: 12 findings added, 30 found by others, too`.
pub(crate) fn imported(import: &Import) -> String {
    let version = import.version.as_ref().map(|version| format!(" {version}"));
    let counts = [
        (import.joined, "found by others, too"),
        (import.accepted, "accepted there"),
        (import.open, "left open there"),
        (import.repeated, "said twice"),
        (import.elsewhere, "not in the tree"),
    ];
    let mut line = format!(
        "{}{}, {}: {} added",
        import.tool,
        version.unwrap_or_default(),
        import.source,
        plain::counted(import.added, "finding"),
    );
    for (count, what) in counts.into_iter().filter(|(count, _)| *count > 0) {
        line.push_str(&format!(", {} {what}", plain::thousands(count)));
    }
    line
}
