//! `casemate sensor check`.

use std::{fmt::Write as _, process::ExitCode};

use anyhow::Result;
use casemate_sensor::live::{Capability, Tier, probe};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    cli::{Format, Global},
    output,
};

/// What this machine can do.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Report {
    schema: &'static str,
    tier: Tier,
    /// Each program of the kernel's side, and fanotify.
    capabilities: Vec<Capability>,
}

pub(super) fn run(global: &Global) -> Result<ExitCode> {
    let (tier, capabilities) = probe();
    match global.format {
        Format::Json => output::print_json(&Report {
            schema: "casemate.sensor-check/1",
            tier,
            capabilities,
        })?,
        _ => output::print_lines(&told(global, tier, &capabilities))?,
    }
    Ok(ExitCode::from(u8::from(tier == Tier::None)))
}

fn told(global: &Global, tier: Tier, capabilities: &[Capability]) -> String {
    let mut text = format!("{}\n", meaning(tier));
    let is_shown = |it: &&Capability| global.verbose || it.refusal.is_some();
    // Most are refused for one reason.
    let mut by_refusal: Vec<(&str, Vec<&str>)> = Vec::new();
    for it in capabilities.iter().filter(is_shown) {
        let refusal = it.refusal.as_deref().unwrap_or("works");
        match by_refusal.iter_mut().find(|(other, _)| *other == refusal) {
            Some((_, names)) => names.push(&it.name),
            None => by_refusal.push((refusal, vec![&it.name])),
        }
    }
    for (refusal, names) in by_refusal {
        // A text that is written cannot fail.
        let _ = writeln!(text, "  {}\n    {refusal}", names.join(", "));
    }
    text
}

/// What a tier does, for people.
pub(super) fn meaning(tier: Tier) -> &'static str {
    match tier {
        Tier::Guard => "guard: everything is seen, and the kernel can deny it (BPF LSM)",
        Tier::Trace => {
            "trace: everything is seen; opens of protected files can be denied through fanotify, calls of addresses through control groups"
        }
        Tier::Fanotify => {
            "fanotify: opens of protected files are seen and can be denied; nothing else is seen"
        }
        Tier::None => "none: nothing can be seen here; run it as root",
    }
}
