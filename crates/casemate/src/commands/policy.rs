//! `casemate policy`.

use std::{
    io::{self, Read},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result, bail};
use casemate_core::Verdict;
use casemate_policy::{CheckReport, GateInput, Question, TestReport, gatekeeper::Resource};
use serde_json::Value;

use crate::{
    NEGATIVE,
    cli::{Format, Global, Policy},
    clock, config, constraints, output, policies,
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
            inventory,
            namespace,
        } => check(global, inputs, policy, inventory, namespace),
        Policy::Eval { input, policy } => eval(global, input, policy.as_deref()),
    }
}

/// Runs the tests of a policy, and the suites of Gatekeeper in it.
fn test(global: &Global, dir: &Path) -> Result<ExitCode> {
    let now = clock::of(global)?.now();
    let suites = constraints::suites(dir, now)?;
    let bundle = policies::load(Some(dir))?;
    let has_rego = policies::has_rego(dir)?;
    // A directory of suites alone has nothing to lay over the built-in policy.
    let mut report = if suites.is_empty() || has_rego {
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

/// Holds files against the rules and the constraints of a directory.
fn check(
    global: &Global,
    inputs: &[PathBuf],
    policy: &Path,
    inventory: &[PathBuf],
    namespaces: &[String],
) -> Result<ExitCode> {
    let bundle = policies::load_alone(policy)?;
    let constraints = constraints::load(policy)?;
    let now = clock::of(global)?.now();
    let (mut files, mut manifests) = (Vec::new(), Vec::new());
    for path in inputs {
        let documents = Documents::read(path)?;
        let name = path.display().to_string();
        for document in &documents.all {
            let question = Question {
                input: document,
                now,
            };
            for namespace in namespaces {
                match casemate_policy::check(&bundle, namespace, &name, &question) {
                    Ok(file) => files.push(file),
                    // Constraints are checked, and the package is the one that nobody asked for.
                    Err(_) if constraints.is_some() && namespace == MAIN => {}
                    Err(error) => {
                        return Err(error).context(format!("in the policy {}", policy.display()));
                    }
                }
            }
        }
        manifests.extend(documents.objects);
    }
    let constraints = constraints
        .map(|constraints| constraints::check(&constraints, &manifests, inventory, now))
        .transpose()?;
    let report = CheckReport::new(files).with_constraints(constraints);
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

/// What is in a file that is checked.
struct Documents {
    /// As rules in the habit of conftest see it: each document of a YAML file by itself.
    all: Vec<Value>,
    /// As constraints do: lists taken apart.
    objects: Vec<Resource>,
}

impl Documents {
    fn read(path: &Path) -> Result<Self> {
        let text = read(path)?;
        let is_not = |format: &str| format!("{} is not {format}", path.display());
        let extension = path.extension().and_then(|extension| extension.to_str());
        let is_input = path.to_str() == Some("-");
        match extension {
            Some("toml") => Ok(Self {
                all: vec![toml::from_str(&text).with_context(|| is_not("TOML"))?],
                objects: Vec::new(),
            }),
            Some("json") => Self::of(path, &text).with_context(|| is_not("JSON")),
            Some("yaml" | "yml") => Self::of(path, &text).with_context(|| is_not("YAML")),
            None if is_input => {
                Self::of(path, &text).context("standard input is neither YAML nor JSON")
            }
            _ => bail!("{}: files are YAML, JSON or TOML", path.display()),
        }
    }

    fn of(path: &Path, text: &str) -> Result<Self> {
        let name = path.display().to_string();
        let documents = Resource::documents(&name, text.as_bytes())?;
        let values = documents.into_iter().map(|document| document.value);
        let mut all: Vec<Value> = values.filter(|value| !value.is_null()).collect();
        if all.is_empty() {
            // A file that says nothing is asked about, too.
            all.push(Value::Null);
        }
        Ok(Self {
            all,
            objects: constraints::parsed(path, text.as_bytes())?,
        })
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

/// The package of rules, where none is named.
const MAIN: &str = "main";
