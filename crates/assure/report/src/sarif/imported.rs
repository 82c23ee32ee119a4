//! What other tools found, each as a run of that tool.

use std::collections::{BTreeMap, BTreeSet};

use casemate_core::{Finding, Reported, Rule, RuleId};

use super::{Base, Files, automation, log, results, rules};
use crate::Assessment;

/// The findings of one tool, and the rules that they name.
#[derive(Default)]
pub(super) struct Part<'a> {
    pub(super) findings: Vec<&'a Finding>,
    pub(super) rules: Vec<Rule>,
}

/// A tool with its version, by the first of those that report a finding.
type Tool<'a> = (&'a str, Option<&'a str>);

/// What is ours, and what is of each other tool.
pub(super) fn by_tool(assessment: &Assessment) -> (Part<'_>, BTreeMap<Tool<'_>, Part<'_>>) {
    let mut ours = Part::default();
    let mut theirs: BTreeMap<Tool<'_>, Part<'_>> = BTreeMap::new();
    for finding in &assessment.findings {
        let part = match owner(finding) {
            Some(Reported { tool, version, .. }) => {
                theirs.entry((tool, version.as_deref())).or_default()
            }
            None => &mut ours,
        };
        part.findings.push(finding);
    }
    let of = |named: &dyn Fn(&RuleId) -> bool| {
        let rules = assessment.rules.iter();
        rules.filter(|rule| named(&rule.id)).cloned().collect()
    };
    ours.rules = of(&|id| id.tool().is_none());
    for part in theirs.values_mut() {
        let reported: BTreeSet<&RuleId> = part.findings.iter().map(|it| &it.rule).collect();
        part.rules = of(&|id| reported.contains(id));
    }
    (ours, theirs)
}

/// The run of a tool. Rules have the names that the tool gives them.
pub(super) fn run<'a>(
    (name, version): Tool<'_>,
    part: &Part<'a>,
    assessment: &Assessment,
    base: &Base,
) -> log::Run<'a> {
    let mut files = Files::new(base, &assessment.assets);
    let names: BTreeMap<&RuleId, &str> = part
        .findings
        .iter()
        .filter_map(|finding| Some((&finding.rule, &*owner(finding)?.rule)))
        .collect();
    let theirs = |id: &RuleId| names.get(id).map(|name| (*name).to_owned());
    let mut descriptors = rules::descriptors(&part.rules);
    for (descriptor, rule) in descriptors.iter_mut().zip(&part.rules) {
        descriptor.id = theirs(&rule.id).unwrap_or_default();
    }
    let mut results = results(part.findings.iter().copied(), &part.rules, &mut files);
    for (result, finding) in results.iter_mut().zip(&part.findings) {
        result.rule_id = theirs(&finding.rule).unwrap_or_default();
    }
    let taxonomies = rules::taxonomies(&part.rules);
    let tool = part
        .findings
        .first()
        .and_then(|finding| finding.rule.tool());
    log::Run {
        conversion: Some(log::Conversion {
            tool: log::Tool {
                driver: log::ToolComponent {
                    name: assessment.tool.name.clone(),
                    version: Some(assessment.tool.version.clone()),
                    ..log::ToolComponent::default()
                },
            },
        }),
        tool: log::Tool {
            driver: log::ToolComponent {
                name: name.to_owned(),
                version: version.map(str::to_owned),
                rules: descriptors,
                supported_taxonomies: rules::supported(&taxonomies),
                ..log::ToolComponent::default()
            },
        },
        automation_details: log::AutomationDetails {
            id: format!(
                "casemate/{}/import/{}/",
                automation(assessment),
                tool.unwrap_or("unnamed")
            ),
        },
        column_kind: "unicodeCodePoints",
        original_uri_base_ids: base.describe(),
        invocations: Vec::new(),
        artifacts: files.artifacts,
        results,
        taxonomies,
        properties: None,
    }
}

/// Whose finding it is, where it is none of ours.
fn owner(finding: &Finding) -> Option<&Reported> {
    finding.rule.tool()?;
    finding.reported_by.first()
}
