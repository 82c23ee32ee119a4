//! `casemate segment diff`.

use std::{fmt::Write as _, process::ExitCode};

use anyhow::Result;
use casemate_segment::{Change, diff};
use schemars::JsonSchema;
use serde::Serialize;

use super::{possible, read, shown, tell};
use crate::{
    cli::{Format, Global, segment::Diff},
    output,
};

/// What passes in one cluster and not in another.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Report {
    /// `casemate.segment-diff/1`.
    schema: &'static str,
    /// Whether everything in the files was understood.
    complete: bool,
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
    /// What surely passed: `All Connections`, `No Connections`, or `TCP 80,8000-8080,UDP 53`.
    old: String,
    /// What may have passed at most, where that is more.
    #[serde(skip_serializing_if = "Option::is_none")]
    old_possible: Option<String>,
    /// What surely passes.
    new: String,
    /// What may pass at most, where that is more.
    #[serde(skip_serializing_if = "Option::is_none")]
    new_possible: Option<String>,
}

pub(super) fn run(global: &Global, arguments: &Diff) -> Result<ExitCode> {
    let known = &arguments.known;
    let (old, new) = (
        read(global, &arguments.old, known)?,
        read(global, &arguments.new, known)?,
    );
    let differences = diff(&old.analysis, &new.analysis)?;
    let gaps = [old.gaps, new.gaps].concat();
    if global.format != Format::Json {
        output::print_lines(&text(&differences))?;
        tell(global, &gaps);
        return Ok(ExitCode::SUCCESS);
    }
    let difference = |it: &casemate_segment::Difference| Difference {
        change: word(it.change),
        from: it.from.clone(),
        to: it.to.clone(),
        old: it.old.least.to_string(),
        old_possible: possible(&it.old),
        new: it.new.least.to_string(),
        new_possible: possible(&it.new),
    };
    output::print_json(&Report {
        schema: "casemate.segment-diff/1",
        complete: gaps.is_empty(),
        differences: differences.iter().map(difference).collect(),
        gaps,
    })?;
    Ok(ExitCode::SUCCESS)
}

fn word(change: Change) -> &'static str {
    match change {
        Change::Added => "added",
        Change::Removed => "removed",
        Change::Changed => "changed",
    }
}

fn text(differences: &[casemate_segment::Difference]) -> String {
    let mut text = String::new();
    for it in differences {
        let what = match it.change {
            Change::Added => shown(&it.new),
            Change::Removed => shown(&it.old),
            Change::Changed => format!("{} -> {}", shown(&it.old), shown(&it.new)),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{:7}  {} => {}: {what}",
            word(it.change),
            it.from,
            it.to
        );
    }
    if differences.is_empty() {
        text.push_str("the same passes\n");
    }
    text
}
