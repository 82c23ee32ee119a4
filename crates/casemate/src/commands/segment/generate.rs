//! `casemate segment generate`.

use std::{fmt::Write as _, path::Path, process::ExitCode};

use anyhow::{Context, Result, bail};
use casemate_segment::{
    generate::{self, Flaw, Policies},
    intent::{Intent, check},
};

use super::{
    assumed,
    check::{holds, text},
    intent, read_with, tell,
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
    let mut policies = generate::policies(&intent, target(arguments.target)).with_context(file)?;
    if arguments.no_guards {
        policies.guards.clear();
    }
    let flaws = generate::prove(&intent, &policies)?;
    if !flaws.is_empty() {
        bail!(
            "the policies of {} do not say what it declares, and are not written:{}",
            arguments.zones.display(),
            told(&intent, &flaws)
        );
    }
    let all = [&*policies.network, &*policies.guards].concat();
    let all = generate::to_yaml(&all);
    match &arguments.out {
        Some(directory) => write(directory, &policies)?,
        None => output::print(&all)?,
    }
    let kinds = format!(
        "{} NetworkPolicies and {} ClusterNetworkPolicies",
        policies.network.len(),
        policies.guards.len()
    );
    output::hint(
        global,
        &format!(
            "{kinds}: upon pods that stand for the zones, what passes under them is what is declared, and no peer in them can be left out"
        ),
    );
    let Some(path) = &arguments.path else {
        return Ok(ExitCode::SUCCESS);
    };
    let read = read_with(global, path, assumed(&intent, &arguments.known), Some(&all))?;
    let violations = check(&intent, &read.analysis)?;
    let found = text(&intent, &read, &violations);
    for line in found.lines() {
        output::hint(global, &casemate_report::sanitise(line));
    }
    tell(global, &read.gaps);
    Ok(ExitCode::from(u8::from(!holds(&read, &violations))))
}

fn target(named: Target) -> generate::Target {
    match named {
        Target::NetworkPolicy => generate::Target::NetworkPolicy,
    }
}

fn write(directory: &Path, policies: &Policies) -> Result<()> {
    std::fs::create_dir_all(directory)
        .with_context(|| format!("cannot make {}", directory.display()))?;
    for (name, objects) in [
        ("network-policies.yaml", &policies.network),
        ("cluster-network-policies.yaml", &policies.guards),
    ] {
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
                "\n  {} => {}: {} pass without NetworkPolicies",
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
