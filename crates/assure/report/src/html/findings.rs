//! The table of findings.

use std::collections::{BTreeMap, BTreeSet};

use casemate_core::{Finding, Rule, RuleId, Severity};
use maud::{Markup, html};

use super::{message, path, rule_link, shown};
use crate::{
    Assessment,
    group::{self, Group, Index},
    plain::{counted, thousands, until},
};

pub(super) fn section(assessment: &Assessment, index: &Index<'_>) -> Markup {
    let all = &assessment.findings;
    let settled = group::accepted(all).chain(group::unchanged(all));
    let worst = group::open(all).chain(settled).take(MOST);
    let groups = group::by_asset(worst, index);
    let rules = assessment.rules.iter().map(|rule| (&rule.id, rule));
    let rules: BTreeMap<&RuleId, &Rule> = rules.collect();
    html! {
        section #findings {
            h2 { "Findings" }
            @if all.is_empty() {
                p.none { "Nothing was found." }
            } @else {
                @if all.len() > MOST {
                    p.note {
                        "The " (thousands(MOST as u64)) " worst of " (thousands(all.len() as u64))
                        " findings are shown. "
                        a href="findings.json" { "findings.json" } " has all of them."
                    }
                }
                (filter(&groups, all.len().min(MOST)))
                (table(assessment, &groups, &rules))
            }
        }
    }
}

/// The controls that choose findings. Without the script they would do nothing, so it shows them.
fn filter(groups: &[Group<'_>], total: usize) -> Markup {
    let findings = || groups.iter().flat_map(|group| &group.findings);
    let mut severities: BTreeMap<Severity, u64> = BTreeMap::new();
    for finding in findings() {
        *severities.entry(finding.severity).or_default() += 1;
    }
    let families: BTreeSet<&str> = findings().map(|finding| finding.rule.family()).collect();
    let kinds: BTreeSet<&str> = groups.iter().map(kind).filter(|k| !k.is_empty()).collect();
    let accepted = findings().any(|finding| !finding.is_open());
    html! {
        form.filter #filter role="search" aria-label="Filter the findings" hidden {
            label.text {
                span { "Search " kbd { "/" } }
                input #search type="search" autocomplete="off" spellcheck="false"
                    placeholder="message, path, rule …";
            }
            output #shown aria-live="polite" { (counted(total as u64, "finding")) }
            fieldset {
                legend { "Severity" }
                @for (severity, n) in severities.iter().rev() {
                    label.chip {
                        input type="checkbox" name="severity" value=(severity) checked;
                        span data-severity=(severity) { (severity) " " (thousands(*n)) }
                    }
                }
            }
            (choice("family", "Rule family", &families))
            (choice("kind", "Kind of asset", &kinds))
            @if accepted {
                label {
                    span { "Accepted" }
                    select name="accepted" {
                        option value="" { "shown" }
                        option value="no" { "hidden" }
                        option value="yes" { "only those" }
                    }
                }
            }
            button type="reset" { "Reset" }
        }
    }
}

fn choice(name: &str, label: &str, values: &BTreeSet<&str>) -> Markup {
    html! {
        @if values.len() > 1 {
            label {
                span { (label) }
                select name=(name) {
                    option value="" { "all" }
                    @for value in values { option value=(value) { (value) } }
                }
            }
        }
    }
}

fn table(
    assessment: &Assessment,
    groups: &[Group<'_>],
    rules: &BTreeMap<&RuleId, &Rule>,
) -> Markup {
    html! {
        table.findings #table {
            caption.unseen { "Findings by asset, the worst first" }
            thead {
                tr {
                    th scope="col" data-sort="severity" { "Severity" }
                    th scope="col" data-sort="rule" { "Rule" }
                    th scope="col" data-sort="asset" aria-sort="ascending" { "Asset and finding" }
                    th scope="col" data-sort="kind" { "Kind" }
                }
            }
            @for group in groups {
                tbody {
                    tr.group {
                        th scope="rowgroup" colspan="4" {
                            (path(&group.name, assessment))
                            @let description = group.description();
                            @if !description.is_empty() { span.description { (description) } }
                            span.count { (counted(group.findings.len() as u64, "finding")) }
                        }
                    }
                    @for finding in &group.findings {
                        (row(assessment, group, finding, rules.get(&finding.rule).copied()))
                    }
                }
            }
        }
        p.none #none hidden { "No finding is like that." }
    }
}

fn row(
    assessment: &Assessment,
    group: &Group<'_>,
    finding: &Finding,
    rule: Option<&Rule>,
) -> Markup {
    let accepted = !finding.is_open();
    html! {
           tr.finding data-severity=(finding.severity) data-rank=(finding.severity as u8)
               data-rule=(finding.rule) data-family=(finding.rule.family()) data-kind=(kind(group))
               data-accepted[accepted] {
               td { span.badge data-severity=(finding.severity) { (finding.severity) } }
               td.rule {
                   (rule_link(&finding.rule, assessment))
                   @if let Some(rule) = rule { span { (shown(&rule.title)) } }
               }
               td.what {
                   p.message { (message(&finding.message)) }
                   div.place {
                       span.whole { (path(&finding.location.to_string(), assessment)) }
                       @if let Some(inside) = group::inside(&finding.location) {
                           span.inside { code { (shown(&inside)) } }
                       }
                       (evidence(finding))
                   }
    @for report in group::said_by_others(finding) { p.reported { (message(&report)) } }
                   p.fix { b { "Fix" } " " (message(&finding.remediation)) }
                   @if let Some(suppression) = &finding.suppression {
                       p.accepted {
                           b { "Accepted" } " by " (shown(&suppression.owner))
                           (until(suppression.expires)) ": " (shown(&suppression.reason))
                       }
                   } @else if finding.unchanged {
                       p.accepted { b { "From before" } }
                   }
               }
               td.kind { (kind(group)) }
           }
       }
}

fn evidence(finding: &Finding) -> Markup {
    html! {
        details.evidence {
            summary { "Evidence" }
            dl {
                @for evidence in &finding.evidence {
                    dt { (shown(&evidence.label)) }
                    dd { code { (shown(&evidence.value)) } }
                }
                dt { "confidence" }
                dd { (finding.confidence.as_str()) }
                dt { "asset" }
                dd { code { (shown(&finding.asset.to_string())) } }
                dt { "fingerprint" }
                dd { code { (finding.fingerprint) } }
            }
        }
    }
}

fn kind(group: &Group<'_>) -> &'static str {
    group.asset.map_or("", |asset| asset.kind.as_str())
}

/// How many findings the page has: what a browser lays out and filters at once without a pause.
const MOST: usize = 2000;
