//! `casemate policy`.

use std::{
    io::{self, Read},
    path::Path,
    process::ExitCode,
};

use anyhow::{Context, Result, bail};
use casemate_core::Verdict;
use casemate_policy::GateInput;

use crate::{
    NEGATIVE,
    cli::{Format, Global, Policy},
    clock, config, output, policies,
};

/// Runs one of the commands about policies.
pub(crate) fn run(global: &Global, command: &Policy) -> Result<ExitCode> {
    if !matches!(global.format, Format::Text | Format::Json) {
        bail!("policies are told of as text or json");
    }
    match command {
        Policy::Test { dir } => test(global, dir),
        Policy::Eval { input, policy } => eval(global, input, policy.as_deref()),
    }
}

/// Runs the tests of a policy.
fn test(global: &Global, dir: &Path) -> Result<ExitCode> {
    let bundle = policies::load(Some(dir))?;
    let report = casemate_policy::test(&bundle, clock::of(global)?.now());
    match global.format {
        Format::Json => output::print_json(&report)?,
        _ => output::print(&report.to_string())?,
    }
    Ok(if report.is_success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(NEGATIVE)
    })
}

/// Decides a recorded input, and explains.
fn eval(global: &Global, input: &Path, policy: Option<&Path>) -> Result<ExitCode> {
    let text = match input.to_str() {
        Some("-") => {
            let mut text = String::new();
            io::stdin()
                .take(MAX_INPUT)
                .read_to_string(&mut text)
                .context("standard input")?;
            text
        }
        _ => config::read_bounded(input)?,
    };
    let question: GateInput = serde_json::from_str(&text)
        .with_context(|| format!("{} is not the input of a gate", input.display()))?;
    let bundle = policies::load(policy)?;
    let explanation = casemate_policy::explain(&bundle, &question);
    match global.format {
        Format::Json => output::print_json(&explanation)?,
        _ => output::print(&explanation.to_string())?,
    }
    let denied = explanation.decision.outcome == Verdict::Deny;
    Ok(if denied {
        ExitCode::from(NEGATIVE)
    } else {
        ExitCode::SUCCESS
    })
}

const MAX_INPUT: u64 = 256 << 20;
