//! Markdown for a comment on a pull request, small enough for the services that take one.

mod escape;

use casemate_core::{Coverage, Finding, Severity, Verdict};

use crate::{
    Artifact, Assessment, Judgement, Scan,
    group::{self, Group, Index, gap_reason},
    plain::{counted, listed, moment, size, thousands, until},
};
use escape::{code, prose};

/// An assessment as GitHub Flavored Markdown: the decision, a table of the worst findings, and the
/// rest folded. Never longer than [`LIMIT`] bytes; it says what it leaves out.
pub fn assessment(assessment: &Assessment) -> String {
    let mut comment = Comment::new();
    headline(&mut comment, assessment);
    let index = Index::new(&assessment.assets);
    let worst: Vec<&Finding> = group::open(&assessment.findings).take(ROWS).collect();
    let more = group::open(&assessment.findings).count() - worst.len();
    worst_table(&mut comment, &worst);
    if more > 0 {
        let more = counted(more as u64, "more finding");
        comment.push(&format!("and {more}, below.\n\n"));
    }
    for group in group::by_asset(group::open(&assessment.findings), &index) {
        comment.fold(&group_title(&group), group.findings.iter().map(|f| item(f)));
    }
    let accepted = group::accepted(&assessment.findings);
    comment.fold("Accepted for now", accepted.map(accepted_item));
    let gaps = assessment.gaps.iter().map(|gap| {
        let reason = prose(gap_reason(gap));
        format!(
            "- {} ({}, {}): {reason}\n",
            code(&gap.name),
            prose(&gap.check),
            gap.word()
        )
    });
    comment.fold("Not wholly looked at, or not understood", gaps);
    comment.fold("What judged", judges(assessment).into_iter());
    comment.finish()
}

/// A scan as GitHub Flavored Markdown, under the same limit.
pub fn scan(scan: &Scan) -> String {
    let mut comment = Comment::new();
    let title = match scan.is_clean() {
        true => "every file is inert or known",
        false => "not every file is inert or known",
    };
    comment.push(&format!("## Casemate: {title}\n\n"));
    let verdicts = scan.summary.verdicts.iter().rev().filter(|(_, n)| **n > 0);
    let verdicts: Vec<String> = verdicts
        .map(|(verdict, n)| format!("{} {verdict}", thousands(*n)))
        .collect();
    let files = counted(scan.summary.artifacts, "file");
    comment.push(&format!("{files}: {}.\n\n", listed(&verdicts)));
    let artifacts = group::by_verdict(&scan.artifacts);
    let told = artifacts
        .iter()
        .filter(|a| !a.is_clean() || !a.findings.is_empty());
    for artifact in told {
        comment.fold(&artifact_title(artifact), artifact_items(artifact));
    }
    let clean = artifacts
        .iter()
        .filter(|a| a.is_clean() && a.findings.is_empty());
    let clean = clean.map(|artifact| format!("- {}\n", artifact_line(artifact)));
    comment.fold("Inert and known files", clean);
    comment.finish()
}

/// The most bytes of a comment: what GitHub takes, less what a caller may add.
pub const LIMIT: usize = 60_000;

fn headline(comment: &mut Comment, assessment: &Assessment) {
    let decision = match assessment.decision.outcome {
        Verdict::Allow => "allowed",
        Verdict::Warn => "allowed, with warnings",
        Verdict::Deny => "denied",
    };
    comment.push(&format!("## Casemate: {decision}\n\n"));
    let reasons = &assessment.decision.reasons;
    for reason in reasons.iter().take(REASONS) {
        comment.push(&format!("- {}\n", prose(&reason.message)));
    }
    if reasons.len() > REASONS {
        let more = counted((reasons.len() - REASONS) as u64, "more reason");
        comment.push(&format!("- and {more}\n"));
    }
    if !reasons.is_empty() {
        comment.push("\n");
    }
    let summary = &assessment.summary;
    let (files, bytes) = (counted(summary.files, "file"), size(summary.bytes));
    let mut found = listed(&group::severities(&summary.findings));
    if found.is_empty() {
        found = "no findings".to_owned();
    }
    let mut line = format!(
        "{}: {files}, {bytes}: {found}",
        code(assessment.root.as_str())
    );
    if summary.suppressed > 0 {
        line.push_str(&format!(
            "; {} accepted for now",
            thousands(summary.suppressed)
        ));
    }
    if summary.unchanged > 0 {
        line.push_str(&format!("; {} from before", thousands(summary.unchanged)));
    }
    if summary.incomplete > 0 {
        line.push_str(&format!(
            "; **{} not wholly looked at**",
            thousands(summary.incomplete)
        ));
    }
    comment.push(&format!("{line}.\n\n"));
}

fn worst_table(comment: &mut Comment, findings: &[&Finding]) {
    if findings.is_empty() {
        return;
    }
    comment.push("| Severity | Rule | Where | What |\n|:--|:--|:--|:--|\n");
    for finding in findings {
        comment.push(&format!(
            "| {} | {} | {} | {} |\n",
            severity(finding),
            rule(finding),
            code(&finding.location.to_string()),
            prose(&finding.message),
        ));
    }
    comment.push("\n");
}

fn group_title(group: &Group<'_>) -> String {
    let findings = counted(group.findings.len() as u64, "finding");
    let description = match group.description() {
        description if description.is_empty() => String::new(),
        description => format!(" ({})", prose(&description)),
    };
    format!("{}{description}: {findings}", code(&group.name))
}

fn item(finding: &Finding) -> String {
    format!(
        "- {} {} at {}: {}{}<br>*Fix:* {}\n",
        severity(finding),
        rule(finding),
        code(&finding.location.to_string()),
        prose(&finding.message),
        group::said_by_others(finding)
            .map(|report| format!("<br>{}", prose(&report)))
            .collect::<String>(),
        prose(&finding.remediation),
    )
}

fn accepted_item(finding: &Finding) -> String {
    let place = code(&finding.location.to_string());
    let why = finding.suppression.as_ref().map(|suppression| {
        let (owner, reason) = (prose(&suppression.owner), prose(&suppression.reason));
        format!(": {owner}{}: {reason}", until(suppression.expires))
    });
    let why = why.unwrap_or_default();
    format!(
        "- {} {} at {place}{why}\n",
        severity(finding),
        rule(finding)
    )
}

/// The rule; other tools may name theirs as they like.
fn rule(finding: &Finding) -> String {
    prose(finding.rule.as_str())
}

fn severity(finding: &Finding) -> String {
    let severity = finding.severity;
    match severity {
        Severity::Critical | Severity::High => {
            format!("**{severity}**")
        }
        _ => severity.to_string(),
    }
}

fn judges(assessment: &Assessment) -> Vec<String> {
    let configuration = &assessment.configuration;
    let sources: Vec<String> = configuration.sources.iter().map(|s| code(s)).collect();
    let mut items = vec![
        format!("- settings: {}\n", sources.join(", then ")),
        format!("- policy: {}\n", code(&configuration.policy.to_string())),
    ];
    items.extend(configuration.ignored.iter().map(|path| {
        let path = code(path.as_str());
        format!("- {path} lies in the tree and was **not obeyed**\n")
    }));
    items.extend(configuration.exceptions.iter().map(|exception| {
        let (rule, scope) = (&exception.rule, code(&exception.scope));
        let state = if exception.expired { "ended" } else { "until" };
        let owner = prose(&exception.owner);
        let covers = counted(exception.findings, "finding");
        let expires = moment(exception.expires);
        format!("- exception for {rule} in {scope}, {owner}, {state} {expires}: {covers}\n")
    }));
    items.extend(
        (assessment.imports.iter())
            .map(|import| format!("- import: {}\n", prose(&group::imported(import)))),
    );
    items.extend(assessment.logged.iter().map(|logged| {
        let origin = code(&logged.origin);
        format!("- logged in {origin}: {}\n", logged.describe())
    }));
    let Assessment {
        tool, generated, ..
    } = assessment;
    items.push(format!(
        "- {} {}, {generated}\n",
        tool.name,
        prose(&tool.version)
    ));
    items
}

fn artifact_title(artifact: &Artifact) -> String {
    match artifact.verdict {
        Judgement::Dangerous => format!("<b>dangerous</b>: {}", code(artifact.path.as_str())),
        verdict => format!("{verdict}: {}", code(artifact.path.as_str())),
    }
}

fn artifact_items(artifact: &Artifact) -> impl Iterator<Item = String> {
    let reason = artifact.reason.as_deref().map(prose);
    let line = match reason {
        Some(reason) => format!("- {}: {reason}\n", artifact_line(artifact)),
        None => format!("- {}\n", artifact_line(artifact)),
    };
    std::iter::once(line).chain(artifact.findings.iter().map(item))
}

fn artifact_line(artifact: &Artifact) -> String {
    let (path, format) = (code(artifact.path.as_str()), prose(&artifact.format));
    let partial = match artifact.coverage {
        Coverage::Complete => "",
        Coverage::Partial => ", not wholly looked at",
    };
    format!("{path} ({format}, {}{partial})", artifact.verdict)
}

/// A comment that never outgrows its limit.
struct Comment {
    text: String,
    /// What did not fit.
    left_out: u64,
}

impl Comment {
    fn new() -> Self {
        Self {
            // By this a pipeline finds the comment of its last run.
            text: "<!-- casemate -->\n".to_owned(),
            left_out: 0,
        }
    }

    fn push(&mut self, part: &str) {
        if self.text.len() + part.len() > LIMIT - RESERVED {
            self.left_out += 1;
            return;
        }
        self.text.push_str(part);
    }

    /// A folded list, if it has items; those that do not fit are counted.
    fn fold(&mut self, title: &str, items: impl Iterator<Item = String>) {
        let mut fold = format!("<details><summary>{title}</summary>\n\n");
        let mut any = false;
        for item in items {
            if self.text.len() + fold.len() + item.len() > LIMIT - RESERVED {
                self.left_out += 1;
                continue;
            }
            fold.push_str(&item);
            any = true;
        }
        if any {
            self.text.push_str(&fold);
            self.text.push_str("\n</details>\n\n");
        }
    }

    fn finish(mut self) -> String {
        if self.left_out > 0 {
            let left_out = counted(self.left_out, "line");
            self.text.push_str(&format!(
                "**This comment is full: {left_out} left out.** The JSON report has them all.\n"
            ));
        }
        self.text.truncate(self.text.trim_end().len());
        self.text.push('\n');
        self.text
    }
}

/// How many findings the first table has.
const ROWS: usize = 10;
/// How many reasons the headline has.
const REASONS: usize = 10;
/// What the end of a fold and the closing note take.
const RESERVED: usize = 200;
