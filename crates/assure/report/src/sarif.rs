//! SARIF 2.1.0, for code scanning services and editors.
//!
//! Specification: OASIS, *Static Analysis Results Interchange Format (SARIF) Version 2.1.0 Plus
//! Errata 01*. The `security-severity`, `precision` and `tags` properties are those that GitHub
//! code scanning reads.

mod imported;
mod log;
mod rules;
mod uri;

use std::collections::BTreeMap;

use casemate_core::{
    Asset, AssetId, Confidence, Coverage, Digest, Finding, Location, PathText, Region, Rule,
    RuleId, Severity, Status, Suppression, Timestamp,
};
use serde::{Deserialize, de::value::StrDeserializer};

use crate::{
    Artifact, Assessment, Gap, Scan, Tool,
    group::{Index, gap_reason},
    json::{Layout, render},
    plain::sanitise,
};
use uri::Base;

/// An assessment as a SARIF log: a run of this program, and one of each other tool whose findings were
/// imported. They are no extensions of ours (3.18.3): those are parts of the tool that ran. A run is of
/// one tool (3.14), and who wrote it down for that tool is its conversion (3.22).
pub fn assessment(assessment: &Assessment) -> String {
    let base = Base::of(&assessment.root);
    let mut files = Files::new(&base, &assessment.assets);
    let (ours, theirs) = imported::by_tool(assessment);
    let parts = RunParts {
        tool: &assessment.tool,
        automation: automation(assessment),
        ended: Some(assessment.generated),
        rules: &ours.rules,
        results: results(ours.findings, &ours.rules, &mut files),
        notifications: assessment
            .gaps
            .iter()
            .map(|gap| notification(gap, &mut files))
            .collect(),
        successful: assessment
            .gaps
            .iter()
            .all(|gap| gap.result != Status::Error),
        properties: Some(log::RunProperties {
            decision: &assessment.decision,
            summary: &assessment.summary,
        }),
    };
    let theirs = theirs.into_iter();
    let theirs = theirs.map(|(tool, part)| imported::run(tool, &part, assessment, &base));
    write(std::iter::once(run(parts, files)).chain(theirs).collect())
}

/// What a code scanning service tells runs of one tool apart by.
fn automation(assessment: &Assessment) -> String {
    format!("assess/{}", uri::encode(assessment.repository.as_bytes()))
}

/// A scan as a SARIF log with one run.
pub fn scan(scan: &Scan) -> String {
    let base = Base::WorkingDirectory;
    let mut files = Files::new(&base, &[]);
    let findings = scan
        .artifacts
        .iter()
        .flat_map(|artifact| &artifact.findings);
    let partial = scan
        .artifacts
        .iter()
        .filter(|a| a.coverage == Coverage::Partial);
    let parts = RunParts {
        tool: &scan.tool,
        automation: "scan".to_owned(),
        ended: None,
        rules: &scan.rules,
        results: results(findings, &scan.rules, &mut files),
        notifications: partial
            .map(|artifact| partial_artifact(artifact, &mut files))
            .collect(),
        successful: true,
        properties: None,
    };
    write(vec![run(parts, files)])
}

/// What the two kinds of run differ in.
struct RunParts<'a> {
    tool: &'a Tool,
    automation: String,
    ended: Option<Timestamp>,
    rules: &'a [Rule],
    results: Vec<log::Finding<'a>>,
    notifications: Vec<log::Notification>,
    successful: bool,
    properties: Option<log::RunProperties<'a>>,
}

fn write(runs: Vec<log::Run<'_>>) -> String {
    let log = log::Log {
        schema: SCHEMA,
        version: "2.1.0",
        runs,
    };
    render(&log, Layout::Pretty)
}

fn run<'a>(parts: RunParts<'a>, files: Files<'_>) -> log::Run<'a> {
    let taxonomies = rules::taxonomies(parts.rules);
    log::Run {
        conversion: None,
        tool: log::Tool {
            driver: log::ToolComponent {
                name: parts.tool.name.clone(),
                version: Some(parts.tool.version.clone()),
                rules: rules::descriptors(parts.rules),
                notifications: rules::notifications(),
                supported_taxonomies: rules::supported(&taxonomies),
                ..log::ToolComponent::default()
            },
        },
        automation_details: log::AutomationDetails {
            id: format!("casemate/{}/", parts.automation),
        },
        column_kind: "unicodeCodePoints",
        original_uri_base_ids: files.base.describe(),
        invocations: vec![log::Invocation {
            execution_successful: parts.successful,
            end_time_utc: parts.ended.map(|time| time.to_string()),
            tool_execution_notifications: parts.notifications,
        }],
        artifacts: files.artifacts,
        results: parts.results,
        taxonomies,
        properties: parts.properties,
    }
}

fn results<'a>(
    findings: impl IntoIterator<Item = &'a Finding>,
    rules: &[Rule],
    files: &mut Files<'_>,
) -> Vec<log::Finding<'a>> {
    let places = rules.iter().enumerate().map(|(n, rule)| (&rule.id, n));
    let places: BTreeMap<&RuleId, usize> = places.collect();
    findings
        .into_iter()
        .map(|finding| log::Finding {
            rule_id: finding.rule.to_string(),
            rule_index: places.get(&finding.rule).copied(),
            level: level(finding.severity),
            message: message(&finding.message),
            locations: [files.location(&finding.location, &finding.asset)],
            partial_fingerprints: BTreeMap::from([(
                "casemate/v1",
                finding.fingerprint.to_string(),
            )]),
            suppressions: finding.suppression.iter().map(suppression).collect(),
            baseline_state: finding.unchanged.then_some("unchanged"),
            properties: log::FindingProperties {
                asset: finding.asset.to_string(),
                severity: finding.severity.as_str(),
                confidence: finding.confidence.as_str(),
                place: finding.location.to_string(),
                remediation: &finding.remediation,
                evidence: &finding.evidence,
                reported_by: &finding.reported_by,
            },
        })
        .collect()
}

fn suppression(suppression: &Suppression) -> log::Suppression {
    let Suppression {
        reason,
        owner,
        expires,
    } = suppression;
    log::Suppression {
        kind: "external",
        status: "accepted",
        justification: match expires {
            Some(expires) => format!("{reason} ({owner}, until {expires})"),
            None => format!("{reason} ({owner})"),
        },
    }
}

fn notification(gap: &Gap, files: &mut Files<'_>) -> log::Notification {
    let (level, descriptor) = match gap.word() {
        "error" => ("error", rules::incomplete()),
        "partial" => ("warning", rules::incomplete()),
        _ => ("warning", rules::undetermined()),
    };
    let reason = gap_reason(gap);
    let location = Location {
        file: files.path_of(gap),
        ..Location::default()
    };
    log::Notification {
        descriptor,
        level,
        message: message(&format!(
            "{} ({}, {}): {reason}",
            gap.name,
            gap.check,
            gap.word()
        )),
        locations: vec![files.location(&location, &gap.subject)],
    }
}

fn partial_artifact(artifact: &Artifact, files: &mut Files<'_>) -> log::Notification {
    let reason = artifact
        .reason
        .as_deref()
        .unwrap_or("it was not wholly looked at");
    let location = files.physical(&artifact.path, None);
    log::Notification {
        descriptor: rules::incomplete(),
        level: "warning",
        message: message(&format!("{}: {reason}", artifact.path)),
        locations: vec![log::Location {
            physical_location: Some(location),
            logical_locations: Vec::new(),
        }],
    }
}

/// The files that results point to, each once.
struct Files<'a> {
    base: &'a Base,
    index: Index<'a>,
    artifacts: Vec<log::Artifact>,
    places: BTreeMap<PathText, usize>,
}

impl<'a> Files<'a> {
    fn new(base: &'a Base, assets: &'a [Asset]) -> Self {
        Self {
            base,
            index: Index::new(assets),
            artifacts: Vec::new(),
            places: BTreeMap::new(),
        }
    }

    /// A place in a file, or, for an asset that is none, its identity.
    fn location(&mut self, location: &Location, asset: &AssetId) -> log::Location {
        if location.file.as_str().is_empty() {
            return log::Location {
                physical_location: None,
                logical_locations: vec![log::LogicalLocation {
                    name: self.index.name(asset),
                    fully_qualified_name: asset.to_string(),
                    kind: "resource",
                }],
            };
        }
        // A region of a member says nothing about the bytes of the file around it.
        let region = location.region.filter(|_| location.members.is_empty());
        let physical = self.physical(&location.file, region);
        let member = location.members.last().map(|name| log::LogicalLocation {
            name: name.clone(),
            fully_qualified_name: format!("{}!{}", location.file, location.members.join("!")),
            kind: "member",
        });
        log::Location {
            physical_location: Some(physical),
            logical_locations: member.into_iter().collect(),
        }
    }

    fn physical(&mut self, path: &PathText, region: Option<Region>) -> log::PhysicalLocation {
        let mut artifact_location = self.base.locate(path);
        let place = match self.places.get(path) {
            Some(place) => *place,
            None => {
                let hashes = self.index.by_name(path.as_str()).and_then(sha256);
                self.artifacts.push(log::Artifact {
                    location: artifact_location.clone(),
                    hashes: hashes.map(|hex| ("sha-256", hex)).into_iter().collect(),
                });
                self.places.insert(path.clone(), self.artifacts.len() - 1);
                self.artifacts.len() - 1
            }
        };
        artifact_location.index = Some(place);
        log::PhysicalLocation {
            artifact_location,
            region: region.map(self::region),
        }
    }

    /// The path of the file that a gap is about, if it is about one.
    fn path_of(&self, gap: &Gap) -> PathText {
        match gap.subject {
            AssetId::File { .. } | AssetId::Artifact { .. } => spelled(&gap.name),
            _ => PathText::default(),
        }
    }
}

/// The path that is spelled so already; `From` would escape its escapes.
fn spelled(text: &str) -> PathText {
    let text = StrDeserializer::<serde::de::value::Error>::new(text);
    PathText::deserialize(text).unwrap_or_default()
}

/// The SHA-256 digest of an asset's bytes in hexadecimal digits, where it is known.
fn sha256(asset: &Asset) -> Option<String> {
    if let AssetId::Artifact { digest } = &asset.id {
        return Some(digest.hex());
    }
    let label = asset.labels.get("sha256")?;
    let digest: Option<Digest> = match label.strip_prefix("sha256:") {
        Some(_) => label.parse().ok(),
        None => format!("sha256:{label}").parse().ok(),
    };
    digest.map(|digest| digest.hex())
}

fn region(region: Region) -> log::Region {
    match region {
        Region::Bytes { start, length } => log::Region::Binary {
            byte_offset: start,
            byte_length: length,
        },
        Region::Text {
            line,
            column,
            end_line,
            end_column,
        } => log::Region::Text {
            start_line: line.max(1),
            start_column: column.max(1),
            end_line: end_line.max(line).max(1),
            end_column: end_column.max(1),
        },
    }
}

/// A message, in which a name cannot become an embedded link (section 3.11.6).
fn message(text: &str) -> log::Text {
    log::Text::plain(sanitise(text).replace("](", "] ("))
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info => "note",
    }
}

fn precision(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::High => "high",
        Confidence::Medium => "medium",
        Confidence::Low => "low",
    }
}

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";
