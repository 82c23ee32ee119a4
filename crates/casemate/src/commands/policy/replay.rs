//! `casemate policy replay`.

use std::{path::Path, process::ExitCode};

use anyhow::Result;
use casemate_core::AssetId;
use casemate_policy::{Bundle, Change, Told, outlook};
use schemars::JsonSchema;
use serde::Serialize;

use super::recorded::{Recorded, each};
use crate::{
    NEGATIVE,
    cli::{
        Format, Global,
        policy::{Replay, Source},
    },
    clock, output, policies,
    progress::Ticker,
};

/// One line of what is printed as JSON Lines: one for each input, and the summary at the end.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "schema")]
pub(crate) enum Line {
    /// What becomes of one input.
    #[serde(rename = "casemate.policy-replay/1")]
    Input {
        /// The file.
        file: String,
        /// What it is about.
        #[serde(skip_serializing_if = "Option::is_none")]
        subject: Option<AssetId>,
        /// What changes.
        #[serde(skip_serializing_if = "Option::is_none")]
        change: Option<Change>,
        /// Why it cannot be asked again.
        #[serde(skip_serializing_if = "Option::is_none")]
        problem: Option<String>,
    },
    /// How many there are of each.
    #[serde(rename = "casemate.policy-replay-summary/1")]
    Summary(Summary),
}

/// How many inputs there are of each kind.
#[derive(Clone, Copy, Debug, Default, Serialize, JsonSchema)]
pub(crate) struct Summary {
    /// All of them.
    inputs: u64,
    /// Those whose verdict changes.
    verdicts: u64,
    /// Those whose reasons or obligations change, and no more.
    reasons: u64,
    /// Those that cannot be asked again.
    problems: u64,
}

/// Asks inputs again, and says what changes.
pub(super) fn run(global: &Global, arguments: &Replay) -> Result<ExitCode> {
    let now = clock::of(global)?.now();
    let load = |policy: Option<&Path>, store: Option<&Path>| {
        let source = Source {
            policy: policy.map(Path::to_owned),
            policy_trust_store: store.map(Path::to_owned),
        };
        policies::load(global, &source, now)
    };
    let store = arguments.policy_trust_store.as_deref();
    let new = load(Some(&arguments.policy), store)?;
    let old = load(arguments.against.as_deref(), None)?;
    let old_counts = arguments.against.is_some();
    let mut summary = Summary::default();
    let ticker = Ticker::new(global.quiet);
    each(&arguments.inputs, |path, read| {
        let file = path.display().to_string();
        let line = match read {
            Ok(read) => {
                let change = change(&read, (&old, old_counts), &new);
                summary.verdicts += u64::from(change.is_of_verdict());
                summary.reasons += u64::from(change.is_any() && !change.is_of_verdict());
                Line::Input {
                    file,
                    subject: Some(read.input.subject),
                    change: Some(change),
                    problem: None,
                }
            }
            Err(error) => {
                summary.problems += 1;
                Line::Input {
                    file,
                    subject: None,
                    change: None,
                    problem: Some(format!("{error:#}")),
                }
            }
        };
        summary.inputs += 1;
        if let Some(ticker) = &ticker {
            ticker.count(summary.inputs, "inputs");
        }
        tell(global, &line)
    })?;
    drop(ticker);
    tell(global, &Line::Summary(summary))?;
    Ok(match summary.verdicts + summary.problems {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::from(NEGATIVE),
    })
}

/// What counts as before is what the old policy says where the caller names one, and else what was
/// recorded.
fn change(read: &Recorded, (old, old_counts): (&Bundle, bool), new: &Bundle) -> Change {
    let before: Told = match &read.record {
        Some(record) if !old_counts => record.into(),
        _ => (&outlook(old, &read.input)).into(),
    };
    Change::new(&before, &(&outlook(new, &read.input)).into())
}

fn tell(global: &Global, line: &Line) -> Result<()> {
    if global.format == Format::Json {
        return output::print(&(serde_json::to_string(line)? + "\n"));
    }
    output::print_lines(&line.text())
}

impl Line {
    /// Nothing of an input that stays as it is.
    fn text(&self) -> String {
        match self {
            Self::Summary(summary) => {
                let Summary {
                    inputs,
                    verdicts,
                    reasons,
                    problems,
                } = summary;
                format!(
                    "{inputs} inputs: {verdicts} verdicts change, {reasons} change in their reasons alone, {problems} cannot be asked again\n"
                )
            }
            Self::Input {
                file,
                problem: Some(problem),
                ..
            } => {
                format!("{file}: cannot be asked again: {problem}\n")
            }
            Self::Input {
                file,
                change: Some(change),
                ..
            } if change.is_any() => {
                let (before, after) = (change.before.as_str(), change.after.as_str());
                let verdict = match change.is_of_verdict() {
                    true => format!("{before} becomes {after}"),
                    false => format!("{before} as before"),
                };
                let sides = [("-", &change.go), ("+", &change.come)];
                let lines = sides.into_iter().flat_map(|(sign, lines)| {
                    lines.iter().map(move |line| {
                        format!("  {sign} {}: {}\n", line.kind.as_str(), line.message)
                    })
                });
                format!("{file}: {verdict}\n{}", lines.collect::<String>())
            }
            Self::Input { .. } => String::new(),
        }
    }
}
