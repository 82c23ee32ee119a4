//! `casemate detect coverage`.

use std::{fmt::Write as _, path::PathBuf, process::ExitCode};

use anyhow::{Result, bail};
use casemate_detect::{Coverage, Extent, FalcoRules};
use schemars::JsonSchema;
use serde::Serialize;

use super::{files, named};
use crate::{
    cli::{Format, Global},
    output,
};

/// Which rules of Falco can be asked.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Report {
    schema: &'static str,
    #[serde(flatten)]
    coverage: Coverage,
}

pub(super) fn run(global: &Global, paths: &[PathBuf]) -> Result<ExitCode> {
    let files = files(paths)?;
    let rules = match FalcoRules::read(named(&files)) {
        Ok(rules) => rules,
        Err(errors) => {
            let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
            bail!("{}", lines.join("\n"));
        }
    };
    let coverage = rules.coverage().clone();
    match global.format {
        Format::Json => output::print_json(&Report {
            schema: "casemate.detect-coverage/1",
            coverage,
        })?,
        _ => output::print_lines(&told(&coverage))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn told(coverage: &Coverage) -> String {
    let mut text = String::new();
    for rule in &coverage.rules {
        let extent = match rule.extent {
            Extent::Full => "full",
            Extent::Partial => "partial",
            Extent::Blocked => "blocked",
        };
        let why: Vec<&str> = rule
            .blocked_by
            .iter()
            .chain(&rule.unseen)
            .map(String::as_str)
            .collect();
        let why = if why.is_empty() {
            String::new()
        } else {
            format!("  ({})", why.join(", "))
        };
        // A text that is written cannot fail.
        let _ = writeln!(text, "{extent:<8} {}{why}", rule.rule);
    }
    let count = |extent| coverage.count(extent);
    let (full, partial, blocked) = (
        count(Extent::Full),
        count(Extent::Partial),
        count(Extent::Blocked),
    );
    let all = coverage.rules.len();
    let _ = writeln!(
        text,
        "\n{all} rules: {full} full, {partial} partial, {blocked} blocked"
    );
    let fields = coverage.blocking_fields();
    if !fields.is_empty() {
        let most: Vec<String> = fields
            .iter()
            .take(MOST)
            .map(|(name, count)| format!("{name} ({count})"))
            .collect();
        let _ = writeln!(text, "what blocks most: {}", most.join(", "));
    }
    text
}

const MOST: usize = 12;
