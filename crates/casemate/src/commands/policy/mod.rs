//! `casemate policy`.

pub(crate) mod approve;
pub(crate) mod bundle;
mod check;
mod documents;
mod eval;
mod explain;
mod recorded;
pub(crate) mod replay;

use std::{path::Path, process::ExitCode};

use anyhow::{Result, bail};

use crate::{
    NEGATIVE,
    cli::{
        Format, Global,
        policy::{Policy, Source},
    },
    clock, output, policies,
};

/// Runs one of the commands about policies.
pub(crate) fn run(global: &Global, command: &Policy) -> Result<ExitCode> {
    if !matches!(global.format, Format::Text | Format::Json) {
        bail!("policies are told of as text or json");
    }
    match command {
        Policy::Test { dir } => test(global, dir),
        Policy::Check {
            inputs,
            policy,
            outcomes,
            policy_trust_store,
            namespace,
        } => {
            let policy = (policy.as_path(), policy_trust_store.as_deref());
            check::run(global, inputs, policy, outcomes.as_deref(), namespace)
        }
        Policy::Eval(arguments) => eval::run(global, arguments),
        Policy::Approve(arguments) => approve::run(global, arguments),
        Policy::Explain(arguments) => explain::run(global, arguments),
        Policy::Bundle(arguments) => bundle::run(global, arguments),
        Policy::Replay(arguments) => replay::run(global, arguments),
    }
}

/// Runs the tests of a policy.
fn test(global: &Global, dir: &Path) -> Result<ExitCode> {
    let now = clock::of(global)?.now();
    let source = Source {
        policy: Some(dir.to_owned()),
        policy_trust_store: None,
    };
    let bundle = policies::load(global, &source, now)?;
    let report = casemate_policy::test(&bundle, now);
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
