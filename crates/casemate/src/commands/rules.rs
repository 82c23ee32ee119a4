//! `casemate rules` and `casemate explain`.

use std::{borrow::Cow, fmt::Write, process::ExitCode};

use anyhow::{Result, bail};
use casemate_core::{Example, Rule, RuleId};
use serde_json::json;

use crate::{
    catalogue,
    cli::{Format, Global},
    output,
};

/// Lists every rule.
pub(crate) fn list(global: &Global) -> Result<ExitCode> {
    let rules = catalogue::rules();
    match global.format {
        Format::Text => {
            let mut text = String::new();
            for rule in &rules {
                writeln!(text, "{:<11} {:<8}  {}", rule.id, rule.severity, rule.title)?;
            }
            output::print(&text)?;
        }
        Format::Json => output::print_json(&json!({"schema": "casemate.rules/1", "rules": rules}))?,
        Format::Markdown => output::print(&index(&rules)?)?,
        Format::Sarif => bail!("rules are printed as text, json or markdown"),
    }
    Ok(ExitCode::SUCCESS)
}

/// Says what rules mean and what to do about each.
pub(crate) fn explain(global: &Global, ids: &[String]) -> Result<ExitCode> {
    let all = catalogue::rules();
    let rules: Vec<Cow<'_, Rule>> = ids.iter().map(|id| find(&all, id)).collect::<Result<_>>()?;
    match (global.format, &rules[..]) {
        (Format::Json, [rule]) => output::print_json(rule)?,
        (Format::Json, rules) => output::print_json(&rules)?,
        (Format::Text | Format::Markdown, rules) => {
            let sections: Vec<String> =
                rules.iter().map(|it| section(it)).collect::<Result<_>>()?;
            output::print(&sections.join("\n"))?;
        }
        (Format::Sarif, _) => bail!("a rule is explained as text, json or markdown"),
    }
    Ok(ExitCode::SUCCESS)
}

fn find<'a>(rules: &'a [Rule], id: &str) -> Result<Cow<'a, Rule>> {
    let foreign: Option<RuleId> = id.parse().ok();
    if let Some(rule) = foreign.as_ref().and_then(casemate_imports::explain) {
        return Ok(Cow::Owned(rule));
    }
    let wanted = id.to_ascii_uppercase();
    if let Some(rule) = rules.iter().find(|rule| rule.id.as_str() == wanted) {
        return Ok(Cow::Borrowed(rule));
    }
    let common = |rule: &&Rule| {
        let pairs = rule.id.as_str().bytes().zip(wanted.bytes());
        pairs.take_while(|(a, b)| a == b).count()
    };
    let near = rules.iter().rev().max_by_key(common);
    let near = near.map_or("", |rule| rule.id.as_str());
    bail!("there is no rule `{id}`; did you mean {near}? `casemate rules` lists them all");
}

/// The book's list of rules; `casemate explain` makes the pages it leads to.
fn index(rules: &[Rule]) -> Result<String> {
    let mut page = String::from(
        "# Rules\n\nEach rule has a name for ever, a page here, and `casemate explain RULE`.\n\n\
         | rule | severity | what is wrong |\n|---|---|---|\n",
    );
    for rule in rules {
        writeln!(
            page,
            "| [{0}]({0}.md) | {1} | {2} |",
            rule.id, rule.severity, rule.title
        )?;
    }
    Ok(page)
}

/// A rule as Markdown that reads well as plain text, too.
fn section(rule: &Rule) -> Result<String> {
    let mut text = format!("# {}\n\n**{}** ", rule.id, rule.title);
    writeln!(
        text,
        "(severity {}, confidence {})\n",
        rule.severity,
        rule.confidence.as_str()
    )?;
    writeln!(text, "{}\n", rule.description)?;
    writeln!(text, "**What to do.** {}", rule.remediation)?;
    for (title, example) in [("Reported", &rule.bad), ("Not reported", &rule.good)] {
        if let Some(example) = example {
            writeln!(
                text,
                "\n{title}, `{}`:\n\n```text\n{}\n```",
                example.name,
                shown(example)
            )?;
        }
    }
    writeln!(text)?;
    for reference in rule.references.iter() {
        match reference.url() {
            Some(url) => writeln!(text, "- [{}]({url})", reference.as_str())?,
            None => writeln!(text, "- {}", reference.as_str())?,
        }
    }
    Ok(text)
}

/// An example as text: as it stands where it is text, else its first bytes as a C string.
fn shown(example: &Example) -> String {
    let text = std::str::from_utf8(&example.content).ok().filter(|text| {
        !text.contains("```")
            && text
                .chars()
                .all(|c| !c.is_control() || c == '\n' || c == '\t')
    });
    if let Some(text) = text.filter(|text| text.len() <= MOST_SHOWN) {
        return text.trim_end().to_owned();
    }
    let cut = example.content.len().min(MOST_SHOWN / 2);
    let more = if cut < example.content.len() {
        " …"
    } else {
        ""
    };
    format!("{}{more}", example.content[..cut].escape_ascii())
}

/// How many bytes of an example are shown.
const MOST_SHOWN: usize = 800;
