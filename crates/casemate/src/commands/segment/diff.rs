//! `casemate segment diff`.

use std::{fmt::Write as _, process::ExitCode};

use anyhow::Result;
use casemate_segment::{Change, diff};
use schemars::JsonSchema;
use serde::Serialize;

use super::{read, tell};
use crate::{
    cli::{Format, Global, segment::Diff},
    output,
};

/// What passes in one cluster and not in another.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Report {
    /// `casemate.segment-diff/1`.
    schema: &'static str,
    /// Whether nothing is unknown that an answer hangs on.
    exact: bool,
    /// Each pair between which something else passes.
    differences: Vec<Difference>,
    /// What is not known, with the files and lines.
    gaps: Vec<String>,
}

/// A pair between which something else passes.
#[derive(Debug, Serialize, JsonSchema)]
struct Difference {
    /// `added`, `removed` or `changed`.
    change: &'static str,
    /// The source.
    from: String,
    /// The destination.
    to: String,
    /// What passed.
    old: String,
    /// What passes.
    new: String,
}

pub(super) fn run(global: &Global, arguments: &Diff) -> Result<ExitCode> {
    let (old, new) = (read(global, &arguments.old)?, read(global, &arguments.new)?);
    let differences = diff(&old.analysis, &new.analysis)
        .into_iter()
        .map(|it| Difference {
            change: match it.change {
                Change::Added => "added",
                Change::Removed => "removed",
                Change::Changed => "changed",
            },
            from: it.from,
            to: it.to,
            old: it.old.to_string(),
            new: it.new.to_string(),
        });
    let gaps = [old.gaps, new.gaps].concat();
    let report = Report {
        schema: "casemate.segment-diff/1",
        exact: gaps.is_empty(),
        differences: differences.collect(),
        gaps,
    };
    match global.format {
        Format::Json => output::print_json(&report)?,
        _ => {
            output::print_lines(&text(&report))?;
            tell(global, &report.gaps);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn text(report: &Report) -> String {
    let mut text = String::new();
    for it in &report.differences {
        let what = match it.change {
            "added" => it.new.clone(),
            "removed" => it.old.clone(),
            _ => format!("{} -> {}", it.old, it.new),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{:7}  {} => {}: {what}", it.change, it.from, it.to);
    }
    if report.differences.is_empty() {
        text.push_str("the same passes\n");
    }
    text
}
