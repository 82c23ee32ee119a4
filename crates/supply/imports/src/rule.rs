//! Rules of other tools as rules of the report.

use std::borrow::Cow;

use casemate_core::{Confidence, Reference, Rule, RuleId, Severity};

use crate::{
    run::{MOST_REFERENCES, Said},
    table::{Table, is_ours},
};

/// What `said` says of its rule.
pub(crate) fn of(id: &RuleId, tool: &str, said: &Said) -> Rule {
    let name = crate::fields::line(&said.rule, crate::run::MOST_TITLE);
    let about = &said.about;
    let title = match about.title.is_empty() {
        true => name.clone(),
        false => about.title.clone(),
    };
    let description = match about.description.is_empty() {
        true => format!("A rule of {tool}, which calls it {name}."),
        false => about.description.clone(),
    };
    let mut references: Vec<Reference> = Vec::new();
    for text in &about.references {
        let reference = Reference(Cow::Owned(crate::fields::line(text, 500)));
        if is_plain(reference.as_str())
            && reference.url().is_some()
            && !references.contains(&reference)
        {
            references.push(reference);
        }
    }
    references.truncate(MOST_REFERENCES);
    let remediation = about.remediation.clone();
    let remediation = remediation.filter(|text| !text.is_empty());
    Rule {
        id: id.clone(),
        title: Cow::Owned(title),
        severity: said.severity,
        confidence: said.confidence,
        description: Cow::Owned(description),
        remediation: Cow::Owned(
            remediation.unwrap_or_else(|| format!("Do what {tool} says of {name}.")),
        ),
        references: Cow::Owned(references),
        bad: None,
        good: None,
    }
}

/// Whether a reference is made of what can stand in an address, and cannot end a link around it.
fn is_plain(reference: &str) -> bool {
    let is_of_address = |c: char| c.is_ascii_alphanumeric() || "-._~:/?#@!$&*+,;=%".contains(c);
    reference.chars().all(is_of_address)
}

/// What can be said of a rule of another tool without its report; `None` for a rule of ours.
pub fn explain(id: &RuleId) -> Option<Rule> {
    let tool = id.tool()?;
    let (_, name) = id.as_str().split_once(':')?;
    let asked = Table::builtin().asked(tool, name);
    let ours: Vec<&str> = asked
        .iter()
        .map(String::as_str)
        .filter(|it| is_ours(it))
        .collect();
    let same = match ours.is_empty() {
        true => "No rule here is known to ask the same.".to_owned(),
        false => format!(
            "{} here ask the same: of what both find, ours is told.",
            ours.join(", ")
        ),
    };
    Some(Rule {
        id: id.clone(),
        title: Cow::Owned(format!("The rule {name} of {tool}")),
        severity: Severity::Medium,
        confidence: Confidence::Medium,
        description: Cow::Owned(format!(
            "It is another tool's: `casemate assess --import` joins its findings into the report, with the severity \
             that their report gives them. {same}"
        )),
        remediation: Cow::Owned(format!("Do what {tool} says of {name}.")),
        references: Cow::Borrowed(&[]),
        bad: None,
        good: None,
    })
}
