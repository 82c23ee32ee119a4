//! `casemate policy`.

use std::{
    io::{self, Read},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result, bail};
use casemate_core::Verdict;
use casemate_policy::{CheckReport, GateInput, Question};
use serde_json::Value;

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
        Policy::Check {
            inputs,
            policy,
            namespace,
            all_namespaces,
        } => {
            let namespaces = (!all_namespaces).then_some(namespace.as_slice());
            check(global, inputs, policy, namespaces)
        }
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

/// Holds files against the rules of a directory; of all its packages, where none are named.
fn check(
    global: &Global,
    inputs: &[PathBuf],
    policy: &Path,
    namespaces: Option<&[String]>,
) -> Result<ExitCode> {
    let bundle = policies::load_alone(policy)?;
    let namespaces = match namespaces {
        Some(named) => named.to_vec(),
        None => casemate_policy::namespaces(&bundle).into_iter().collect(),
    };
    if namespaces.is_empty() {
        let policy = policy.display();
        bail!("no package of the policy {policy} has a rule called deny, violation or warn");
    }
    let now = clock::of(global)?.now();
    let mut files = Vec::new();
    for path in inputs {
        let document = document(path)?;
        let question = Question {
            input: &document,
            now,
        };
        let name = path.display().to_string();
        for namespace in &namespaces {
            let file = casemate_policy::check(&bundle, namespace, &name, &question);
            files.push(file.with_context(|| format!("in the policy {}", policy.display()))?);
        }
    }
    let report = CheckReport::new(files);
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

fn document(path: &Path) -> Result<Value> {
    let text = read(path)?;
    let is_not = |format: &str| format!("{} is not {format}", path.display());
    let extension = path.extension().and_then(|extension| extension.to_str());
    match extension {
        Some("toml") => toml::from_str(&text).with_context(|| is_not("TOML")),
        Some("json") => serde_json::from_str(&text).with_context(|| is_not("JSON")),
        None if path.to_str() == Some("-") => {
            serde_json::from_str(&text).context("standard input is not JSON")
        }
        _ => bail!("{}: files are JSON or TOML", path.display()),
    }
}

fn read(path: &Path) -> Result<String> {
    if path.to_str() != Some("-") {
        return config::read_bounded(path);
    }
    let mut text = String::new();
    io::stdin()
        .take(MAX_INPUT)
        .read_to_string(&mut text)
        .context("standard input")?;
    Ok(text)
}

/// Decides a recorded input, and explains.
fn eval(global: &Global, input: &Path, policy: Option<&Path>) -> Result<ExitCode> {
    let text = read(input)?;
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
