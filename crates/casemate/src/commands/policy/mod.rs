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
use casemate_policy::TestReport;

use crate::{
    NEGATIVE,
    cli::{
        Format, Global,
        policy::{Policy, Source},
    },
    clock, constraints, output, policies,
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
            policy_trust_store,
            outcomes,
            inventory,
            namespace,
            all_namespaces,
        } => {
            let against = check::Against {
                policy,
                trust_store: policy_trust_store.as_deref(),
                outcomes: outcomes.as_deref(),
                inventory,
                namespaces: (!all_namespaces).then_some(namespace),
            };
            check::run(global, inputs, &against)
        }
        Policy::Eval(arguments) => eval::run(global, arguments),
        Policy::Approve(arguments) => approve::run(global, arguments),
        Policy::Explain(arguments) => explain::run(global, arguments),
        Policy::Bundle(arguments) => bundle::run(global, arguments),
        Policy::Replay(arguments) => replay::run(global, arguments),
    }
}

/// Runs the tests of a policy, and the suites of Gatekeeper in it.
fn test(global: &Global, path: &Path) -> Result<ExitCode> {
    let now = clock::of(global)?.now();
    let suites = constraints::suites(path, now)?;
    let source = Source {
        policy: Some(path.to_owned()),
        policy_trust_store: None,
    };
    let bundle = policies::load(global, &source, now)?;
    // A directory of suites alone has nothing to lay over the built-in policy.
    let mut report = if suites.is_empty() || policies::has_rego(path)? {
        casemate_policy::test(&bundle, now)
    } else {
        TestReport::default()
    };
    report.suites = suites;
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
