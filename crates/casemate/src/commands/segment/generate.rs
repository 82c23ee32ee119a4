//! `casemate segment generate`.

use std::{fmt::Write as _, path::Path, process::ExitCode};

use anyhow::{Context, Result, bail};
use casemate_segment::{
    generate::{self, Accounts, Flaw},
    intent::{Intent, check},
};
use serde_json::Value;

use super::{
    assumed,
    check::{holds, text},
    intent, read, read_with, tell,
};
use crate::{
    cli::{
        Format, Global,
        segment::{Generate, Target},
    },
    output,
};

pub(super) fn run(global: &Global, arguments: &Generate) -> Result<ExitCode> {
    if global.format == Format::Json {
        bail!("policies are YAML, and written as that");
    }
    let intent = intent(&arguments.zones)?;
    let file = || {
        format!(
            "{} cannot be written as policies",
            arguments.zones.display()
        )
    };
    let target = match arguments.target {
        Target::NetworkPolicy => generate::Target::NetworkPolicy,
        Target::Cilium => generate::Target::Cilium,
        Target::Istio => return for_mesh(global, arguments, &intent),
    };
    let mut policies = generate::policies(&intent, target).with_context(file)?;
    if arguments.no_guards {
        policies.guards.clear();
    }
    refuse_flawed(arguments, &intent, &generate::prove(&intent, &policies)?)?;
    let all = [&*policies.network, &*policies.guards].concat();
    let all = generate::to_yaml(&all);
    match &arguments.out {
        Some(directory) => {
            let [network, guards] = target.kinds().map(file_of);
            let files = [(&*network, &policies.network), (&*guards, &policies.guards)];
            write(directory, &files)?;
        }
        None => output::print(&all)?,
    }
    let [each, whole] = target.kinds().map(plural);
    let kinds = format!(
        "{} {each} and {} {whole}",
        policies.network.len(),
        policies.guards.len()
    );
    output::hint(
        global,
        &format!(
            "{kinds}: upon pods that stand for the zones, what passes under them is what is declared, and no peer in them can be left out"
        ),
    );
    judge(global, arguments, &intent, &all)
}

/// Those of Istio, whose callers are known by the accounts that the declaration or the manifests name.
fn for_mesh(global: &Global, arguments: &Generate, intent: &Intent) -> Result<ExitCode> {
    let there = match &arguments.path {
        Some(path) => Some(read(global, path, &arguments.known)?),
        None => None,
    };
    let file = || {
        format!(
            "{} cannot be written as policies of Istio",
            arguments.zones.display()
        )
    };
    let accounts = Accounts::of(intent, there.as_ref().map(|it| &it.analysis));
    let accounts = accounts.with_context(file)?;
    let policies = generate::mesh_policies(intent, &accounts).with_context(file)?;
    let flaws = generate::prove_mesh(intent, &policies, &accounts)?;
    refuse_flawed(arguments, intent, &flaws)?;
    let all = generate::to_yaml(&policies);
    match &arguments.out {
        Some(directory) => write(directory, &[("istio-policies.yaml", &policies)])?,
        None => output::print(&all)?,
    }
    output::hint(
        global,
        &format!(
            "{} policies of Istio: upon pods with proxies that stand for the zones, what comes to pods over TCP is what is declared, and no source in them can be left out",
            policies.len()
        ),
    );
    judge(global, arguments, intent, &all)
}

fn refuse_flawed(arguments: &Generate, intent: &Intent, flaws: &[Flaw]) -> Result<()> {
    if !flaws.is_empty() {
        bail!(
            "the policies of {} do not say what it declares, and are not written:{}",
            arguments.zones.display(),
            told(intent, flaws)
        );
    }
    Ok(())
}

/// Holds what passes in the manifests under the policies against the declaration.
fn judge(global: &Global, arguments: &Generate, intent: &Intent, all: &str) -> Result<ExitCode> {
    let Some(path) = &arguments.path else {
        return Ok(ExitCode::SUCCESS);
    };
    let read = read_with(global, path, assumed(intent, &arguments.known), Some(all))?;
    let violations = check(intent, &read.analysis)?;
    let found = text(intent, &read, &violations);
    for line in found.lines() {
        output::hint(global, &casemate_report::sanitise(line));
    }
    tell(global, &read.gaps);
    Ok(ExitCode::from(u8::from(!holds(&read, &violations))))
}

/// `NetworkPolicies`, of `NetworkPolicy`.
fn plural(kind: &str) -> String {
    format!("{}ies", kind.trim_end_matches('y'))
}

/// `network-policies.yaml`, of `NetworkPolicy`.
fn file_of(kind: &str) -> String {
    let mut name = String::new();
    for letter in plural(kind).chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('-');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name + ".yaml"
}

fn write(directory: &Path, files: &[(&str, &Vec<Value>)]) -> Result<()> {
    std::fs::create_dir_all(directory)
        .with_context(|| format!("cannot make {}", directory.display()))?;
    for (name, objects) in files {
        if objects.is_empty() {
            continue;
        }
        let file = directory.join(name);
        let text = generate::to_yaml(objects);
        std::fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}

fn told(intent: &Intent, flaws: &[Flaw]) -> String {
    let mut text = String::new();
    let zone = |at: Option<usize>| at.map_or("no zone", |at| &*intent.zones[at].name);
    for flaw in flaws {
        // Writing to a string cannot fail.
        let _ = match flaw {
            Flaw::Differs(it) => write!(
                text,
                "\n  {} => {}: {} {}",
                zone(it.from),
                zone(it.to),
                it.connections,
                it.kind.as_str()
            ),
            Flaw::Unguarded(it) => write!(
                text,
                "\n  {} => {}: {} pass without the policies of namespaces",
                zone(it.from),
                zone(it.to),
                it.connections
            ),
            Flaw::Needless(what) => write!(text, "\n  {what} is needless"),
            Flaw::Unread(why) => write!(text, "\n  {why}"),
        };
    }
    text
}
