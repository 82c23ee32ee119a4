//! Text for people: aligned, wrapped, and coloured when the caller says so.

mod page;

use std::collections::{BTreeMap, BTreeSet};

use anstyle::Style;
use casemate_core::{Coverage, Effect, Finding, Location, Region, Status, Verdict};

use crate::{
    Artifact, Assessment, Judgement, Scan,
    group::{self, Group, Index},
    plain::{counted, listed, moment, sanitise, size, thousands, until},
};
use page::{Page, of_judgement, of_severity, of_verdict};

/// How text is laid out. This crate asks no terminal; the caller does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Whether to colour with ANSI escape sequences.
    pub colour: bool,
    /// How many columns there are. Fewer than 40 are taken for 40; words longer than a line, such
    /// as paths, are not broken.
    pub width: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            colour: false,
            width: 100,
        }
    }
}

/// An assessment as text: findings by asset with the worst first, what was and was not looked at,
/// and the decision last, where a terminal shows it.
pub fn assessment(assessment: &Assessment, options: Options) -> String {
    let mut page = Page::new(options);
    let index = Index::new(&assessment.assets);
    for group in group::by_asset(group::open(&assessment.findings), &index) {
        open_group(&mut page, &group);
    }
    let mut accepted = group::accepted(&assessment.findings).peekable();
    if accepted.peek().is_some() {
        page.heading("Accepted for now");
        accepted.for_each(|finding| suppressed(&mut page, finding));
        page.blank();
    }
    summary(&mut page, assessment);
    gaps(&mut page, assessment);
    configuration(&mut page, assessment);
    decision(&mut page, assessment);
    page.finish()
}

/// A scan as text: a table of files with the worst last, where a terminal shows it, then what is
/// wrong with each.
pub fn scan(scan: &Scan, options: Options) -> String {
    let mut page = Page::new(options);
    table(&mut page, scan);
    for artifact in group::by_verdict(&scan.artifacts) {
        if artifact.findings.is_empty() && artifact.reason.is_none() {
            continue;
        }
        page.blank();
        page.raw(&page.paint(BOLD, &sanitise(artifact.path.as_str())));
        if let Some(reason) = &artifact.reason {
            page.wrapped(2, 2, reason);
        }
        findings(&mut page, &artifact.findings.iter().collect::<Vec<_>>());
    }
    page.blank();
    let verdicts = scan.summary.verdicts.iter().rev().filter(|(_, n)| **n > 0);
    let mut counts: Vec<String> = verdicts
        .map(|(verdict, n)| format!("{} {verdict}", thousands(*n)))
        .collect();
    if counts.is_empty() {
        counts.push("nothing to look at".to_owned());
    }
    let files = counted(scan.summary.artifacts, "file");
    let mut line = format!("{files}: {}", counts.join(", "));
    if scan.summary.incomplete > 0 {
        let partial = thousands(scan.summary.incomplete);
        line.push_str(&format!("; {partial} not wholly looked at"));
    }
    page.wrapped(0, 0, &line);
    page.finish()
}

fn open_group(page: &mut Page, group: &Group<'_>) {
    let name = page.paint(BOLD, &sanitise(&group.name));
    let description = group.description();
    if description.is_empty() {
        page.raw(&name);
    } else {
        let description = page.paint(DIM, &format!("({})", sanitise(&description)));
        page.raw(&format!("{name} {description}"));
    }
    findings(page, &group.findings);
    page.blank();
}

/// Findings under the name of their file. Those that differ only in their place are said once.
fn findings(page: &mut Page, findings: &[&Finding]) {
    let mut places: BTreeMap<_, (Vec<String>, BTreeSet<String>)> = BTreeMap::new();
    let key = |f: &Finding| (f.rule.clone(), f.severity, f.message.clone());
    for finding in findings {
        let (places, reports) = places.entry(key(finding)).or_default();
        places.extend(place(&finding.location));
        reports.extend(group::said_by_others(finding));
    }
    for finding in findings {
        let Some((places, reports)) = places.remove(&key(finding)) else {
            continue;
        };
        let severity = format!("{:<8}", finding.severity);
        let severity = page.paint(of_severity(finding.severity), &severity);
        page.raw(&format!("  {severity}  {}", finding.rule));
        page.wrapped(4, 4, &finding.message);
        for place in places.iter().take(PLACES) {
            page.raw(&format!("    {place}"));
        }
        if places.len() > PLACES {
            let more = counted((places.len() - PLACES) as u64, "more place");
            page.raw(&format!("    and in {more}"));
        }
        for report in reports {
            page.wrapped(4, 4, &report);
        }
        page.labelled(4, "fix: ", &finding.remediation);
    }
}

/// A place inside a file whose name stands above. One in a text names the file again, because
/// editors and terminals open what looks like `file:line:column`.
fn place(location: &Location) -> Option<String> {
    if let (Some(Region::Text { .. }), []) = (location.region, &location.members[..]) {
        return Some(format!("at {}", sanitise(&location.to_string())));
    }
    let inside = group::inside(location)?;
    Some(format!("at {}", sanitise(&inside)))
}

fn suppressed(page: &mut Page, finding: &Finding) {
    let Some(suppression) = &finding.suppression else {
        return;
    };
    let head = format!(
        "{} {} at {}",
        finding.severity, finding.rule, finding.location
    );
    page.wrapped(2, 4, &head);
    let until = until(suppression.expires);
    let why = format!("{}{until}: {}", suppression.owner, suppression.reason);
    page.wrapped(4, 4, &why);
}

fn summary(page: &mut Page, assessment: &Assessment) {
    let summary = &assessment.summary;
    let root = sanitise(assessment.root.as_str());
    page.heading(&format!("Looked at {root}"));
    let files = counted(summary.files, "file");
    page.entry("files", &format!("{files}, {}", size(summary.bytes)));
    let assets = group::tally(&summary.assets, group::kinds);
    if !assets.is_empty() {
        page.entry("assets", &assets.join(", "));
    }
    let formats = group::tally(&summary.formats, |n, name| {
        format!("{} {name}", thousands(n))
    });
    if !formats.is_empty() {
        page.entry("formats", &formats.join(", "));
    }
    let mut checks: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for population in &assessment.outcomes {
        let (key, n) = (&population.key, thousands(population.count));
        let mut line = format!("{n} {}", group::participle(key.result));
        if key.coverage == Coverage::Partial && key.result != Status::Error {
            line.push_str(" but not wholly looked at");
        }
        checks.entry(&key.check).or_default().push(line);
    }
    for (check, results) in checks {
        page.entry(check, &results.join(", "));
    }
    let mut found = listed(&group::severities(&summary.findings));
    if found.is_empty() {
        found = "none".to_owned();
    }
    if summary.suppressed > 0 {
        found.push_str(&format!(
            "; {} accepted for now",
            thousands(summary.suppressed)
        ));
    }
    if summary.unchanged > 0 {
        found.push_str(&format!("; {} from before", thousands(summary.unchanged)));
    }
    page.entry("findings", &found);
    page.blank();
}

fn gaps(page: &mut Page, assessment: &Assessment) {
    if assessment.gaps.is_empty() {
        return;
    }
    page.heading("Not wholly looked at, or not understood");
    for gap in assessment.gaps.iter().take(GAPS) {
        page.wrapped(
            2,
            4,
            &format!("{} ({}, {})", gap.name, gap.check, gap.word()),
        );
        page.wrapped(4, 4, group::gap_reason(gap));
    }
    if assessment.gaps.len() > GAPS {
        let more = thousands((assessment.gaps.len() - GAPS) as u64);
        page.raw(&format!("  and {more} more; JSON has all of them"));
    }
    page.blank();
}

fn configuration(page: &mut Page, assessment: &Assessment) {
    let configuration = &assessment.configuration;
    page.heading("Judged by");
    page.entry("settings", &configuration.sources.join(", then "));
    page.entry("policy", &configuration.policy.to_string());
    for exception in &configuration.exceptions {
        let rule = sanitise(&exception.rule);
        let scope = &exception.scope;
        let ended = if exception.expired { "ended" } else { "until" };
        let until = moment(exception.expires);
        let covers = counted(exception.findings, "finding");
        let line = format!("{rule} in {scope}, {ended} {until}, covers {covers}");
        page.entry("exception", &line);
    }
    for import in &assessment.imports {
        page.entry("import", &group::imported(import));
    }
    for path in &configuration.ignored {
        let line = format!("{path} lies in the tree, and what is judged does not set the rules");
        page.entry("not obeyed", &line);
    }
    if let Some(logged) = &assessment.logged {
        let line = format!("{}: {}", sanitise(&logged.origin), logged.describe());
        page.entry("logged", &line);
    }
    page.blank();
}

fn decision(page: &mut Page, assessment: &Assessment) {
    let decision = &assessment.decision;
    let word = match decision.outcome {
        Verdict::Allow => "ALLOW",
        Verdict::Warn => "WARN",
        Verdict::Deny => "DENY",
    };
    let word = page.paint(of_verdict(decision.outcome), word);
    let reasons = match decision.reasons.len() as u64 {
        0 => "nothing stands against it".to_owned(),
        n => counted(n, "reason"),
    };
    page.raw(&format!("{word}: {reasons}"));
    for reason in &decision.reasons {
        let effect = match reason.effect {
            Effect::Deny => "deny: ",
            Effect::Warn => "warn: ",
        };
        let rule = reason.rule.as_ref().map(|rule| format!(" [{rule}]"));
        let message = format!("{}{}", reason.message, rule.unwrap_or_default());
        page.labelled(2, effect, &message);
    }
}

/// The table of a scan. Files that are inert and wholly seen are counted, not named, where there
/// are too many of them to read.
fn table(page: &mut Page, scan: &Scan) {
    let quiet = |a: &Artifact| a.is_clean() && a.verdict == Judgement::Inert;
    let fold = scan.artifacts.len() > ROWS;
    let rows = group::by_verdict(&scan.artifacts).into_iter().rev();
    let rows: Vec<&Artifact> = rows.filter(|a| !(fold && quiet(a))).collect();
    if fold {
        let inert = scan.artifacts.iter().filter(|a| quiet(a)).count() as u64;
        let verdict = page.paint(of_judgement(Judgement::Inert), "inert    ");
        page.raw(&format!(
            "{verdict}  {}, not listed",
            counted(inert, "file")
        ));
    }
    let formats = rows.iter().map(|a| sanitise(&a.format).chars().count());
    let width = formats.max().unwrap_or_default();
    for artifact in rows {
        let verdict = format!("{:<9}", artifact.verdict);
        let verdict = page.paint(of_judgement(artifact.verdict), &verdict);
        let format = sanitise(&artifact.format);
        let path = sanitise(artifact.path.as_str());
        let partial = match artifact.coverage {
            Coverage::Complete => "",
            Coverage::Partial => "  (partial)",
        };
        page.raw(&format!("{verdict}  {format:<width$}  {path}{partial}"));
    }
}

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// How many places of one finding are named.
const PLACES: usize = 5;
/// How many gaps are named.
const GAPS: usize = 20;
/// How many files of a scan are named before the inert ones are only counted.
const ROWS: usize = 50;
