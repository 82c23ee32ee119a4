//! What stands below the findings.

use std::collections::BTreeMap;

use casemate_core::{Asset, AssetId, AssetKind, Coverage, Population, Reference, Rule, Status};
use maud::{Markup, html};

use super::{message, path, shown};
use crate::{
    Assessment, Exception, Gap, group,
    plain::{counted, moment, thousands},
};

pub(super) fn gaps(assessment: &Assessment) -> Markup {
    html! {
        section #gaps {
            h2 { "Not wholly looked at, or not understood" }
            @if assessment.gaps.is_empty() {
                p.none { "Every check saw all that it was to see, and could say what it saw." }
            } @else {
                p.lead { "Nothing here is called clean." }
                div.scroll {
                    table {
                        thead { tr { th { "What" } th { "Check" } th { "Gap" } th { "Why" } } }
                        tbody {
                            @for gap in assessment.gaps.iter().take(MOST) {
                                (self::gap(assessment, gap))
                            }
                        }
                    }
                }
                (left_out(assessment.gaps.len(), MOST))
            }
        }
    }
}

fn gap(assessment: &Assessment, gap: &Gap) -> Markup {
    html! {
        tr {
            td { (path(&gap.name, assessment)) }
            td data-label="check" { (shown(&gap.check)) }
            td { span.badge data-gap=(gap.word()) { (gap.word()) } }
            td { (message(group::gap_reason(gap))) }
        }
    }
}

pub(super) fn assets(assessment: &Assessment) -> Markup {
    let mut kinds: BTreeMap<AssetKind, Vec<&Asset>> = BTreeMap::new();
    for asset in &assessment.assets {
        kinds.entry(asset.kind).or_default().push(asset);
    }
    let mut found: BTreeMap<&str, u64> = BTreeMap::new();
    for finding in group::open(&assessment.findings) {
        *found.entry(finding.location.file.as_str()).or_default() += 1;
    }
    html! {
        section #assets {
            h2 { "Assets" }
            @if kinds.is_empty() { p.none { "Nothing was found in the tree." } }
            @for (kind, assets) in &kinds {
                details.assets open[*kind == AssetKind::Model] {
                    summary {
                        (group::kinds(assets.len() as u64, kind.as_str()))
                        span.description { (formats(assets)) }
                    }
                    div.scroll {
                        table {
                            thead {
                                tr {
                                    th { "Name" }
                                    th { "Format" }
                                    th { "SHA-256" }
                                    th.number { "Findings" }
                                }
                            }
                            tbody {
                                @for asset in assets.iter().take(MOST) {
                                    @let findings = found.get(asset.name.as_str()).copied();
                                    (self::asset(assessment, asset, findings))
                                }
                            }
                        }
                    }
                    (left_out(assets.len(), MOST))
                }
            }
        }
    }
}

fn formats(assets: &[&Asset]) -> String {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for format in assets.iter().filter_map(|asset| asset.labels.get("format")) {
        *counts.entry(shown(format).into_owned()).or_default() += 1;
    }
    group::tally(&counts, |n, name| format!("{} {name}", thousands(n))).join(", ")
}

fn asset(assessment: &Assessment, asset: &Asset, findings: Option<u64>) -> Markup {
    let digest = match &asset.id {
        AssetId::Artifact { digest } => Some(digest.hex()),
        _ => asset.labels.get("sha256").cloned(),
    };
    let format = asset.labels.get("format").map_or("", String::as_str);
    html! {
        tr {
            td { (path(&asset.name, assessment)) }
            td { (shown(format)) }
            td data-label="SHA-256" {
                @if let Some(digest) = digest { code.digest { (shown(&digest)) } }
            }
            td.number data-label="findings" {
                @if let Some(findings) = findings { (thousands(findings)) }
            }
        }
    }
}

pub(super) fn checks(assessment: &Assessment) -> Markup {
    html! {
        section #checks {
            h2 { "Checks" }
            p.lead {
                "What each check said, passes too. The root commits to every single outcome of its "
                "row: one that is shown later can be proven to have been among them."
            }
            div.scroll {
                table {
                    thead {
                        tr {
                            th { "Check" }
                            th { "Said" }
                            th.number { "Of" }
                            th { "Root of the tree over the outcomes" }
                        }
                    }
                    tbody {
                        @for population in &assessment.outcomes { (self::population(population)) }
                    }
                }
            }
        }
    }
}

fn population(population: &Population) -> Markup {
    let key = &population.key;
    let partial = key.coverage == Coverage::Partial && key.result != Status::Error;
    html! {
        tr {
            td { (shown(&key.check)) " " span.description { "version " (shown(&key.version)) } }
            td {
                span.badge data-status=(key.result.as_str()) { (key.result.as_str()) }
                @if partial { " " span.badge data-gap="partial" { "partial" } }
            }
            td.number data-label="subjects" { (thousands(population.count)) }
            td data-label="root" { code.digest { (population.root) } }
        }
    }
}

pub(super) fn judges(assessment: &Assessment) -> Markup {
    let configuration = &assessment.configuration;
    html! {
        section #judges {
            h2 { "What judged" }
            dl.judges {
                dt { "Settings" }
                dd {
                    @for (n, source) in configuration.sources.iter().enumerate() {
                        @if n > 0 { ", then " }
                        code { (shown(source)) }
                    }
                }
                dt { "Policy" }
                dd { code { (configuration.policy) } }
                dt { "Input of the decision" }
                dd { code { (assessment.decision.input) } }
                dt { "Gate" }
                dd { (shown(&assessment.decision.gate)) }
                @if let Some(logged) = &assessment.logged {
                    dt { "Logged" }
                    dd { (shown(&logged.origin)) ": " (logged.describe()) }
                }
                @if !assessment.imports.is_empty() {
                    dt { "Imported" }
                    dd {
                        ul {
                            @for import in &assessment.imports { li { (shown(&group::imported(import))) } }
                        }
                    }
                }
                @if !configuration.ignored.is_empty() {
                    dt { "Not obeyed" }
                    dd {
                        ul {
                            @for ignored in &configuration.ignored {
                                li { (path(ignored.as_str(), assessment)) }
                            }
                        }
                        "These lie in the tree. What is judged does not set its own rules."
                    }
                }
            }
            @if !configuration.exceptions.is_empty() {
                h3 { "Exceptions" }
                div.scroll {
                    table {
                        thead {
                            tr {
                                th { "Rule" }
                                th { "Where" }
                                th { "Why" }
                                th { "Owner" }
                                th { "Ends" }
                                th.number { "Covers" }
                            }
                        }
                        tbody {
                            @for exception in &configuration.exceptions {
                                (self::exception(exception))
                            }
                        }
                    }
                }
            }
        }
    }
}

fn exception(exception: &Exception) -> Markup {
    html! {
        tr {
            td { (shown(&exception.rule)) }
            td { code { (shown(&exception.scope)) } }
            td { (shown(&exception.reason)) }
            td data-label="owner" { (shown(&exception.owner)) }
            td data-label="ends" {
                (moment(exception.expires))
                @if exception.expired { " " span.badge data-gap="error" { "ended" } }
            }
            td.number data-label="covers" { (thousands(exception.findings)) }
        }
    }
}

pub(super) fn rules(assessment: &Assessment) -> Markup {
    html! {
        section #rules {
            h2 { "Rules" }
            @if assessment.rules.is_empty() { p.none { "No rule was broken." } }
            @for rule in &assessment.rules { (self::rule(rule)) }
        }
    }
}

fn rule(rule: &Rule) -> Markup {
    html! {
        article.rule id=(rule.id) {
            h3 {
                span.id { (rule.id) }
                (shown(&rule.title))
                span.badge data-severity=(rule.severity) { (rule.severity) }
            }
            p { (message(&rule.description)) }
            p.fix { b { "Fix" } " " (message(&rule.remediation)) }
            @if !rule.references.is_empty() {
                p.references {
                    @for reference in rule.references.iter() { (self::reference(reference)) " " }
                }
            }
        }
    }
}

fn reference(reference: &Reference) -> Markup {
    let name = shown(reference.as_str());
    html! {
        @if let Some(url) = reference.url() {
            a href=(url) rel="noreferrer" { (name) }
        } @else {
            span { (name) }
        }
    }
}

fn left_out(all: usize, most: usize) -> Markup {
    html! {
        @if all > most {
            p.note {
                (counted((all - most) as u64, "more entry").replace("entrys", "entries")) " in "
                a href="findings.json" { "findings.json" } "."
            }
        }
    }
}

/// How many rows a table has.
const MOST: usize = 500;
