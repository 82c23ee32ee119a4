//! `casemate admit`.

mod export;
mod review;
mod serve;
mod vouch;

use std::{fs, process::ExitCode};

use anyhow::{Context, Result, bail};
use casemate_admission::{Judge, Mode, Parts, Settings};
use casemate_core::Timestamp;
use casemate_posture::{PostureSurvey, check::UserChecks};

use crate::{
    cli::{
        self, Format, Global,
        admit::{Admit, By},
    },
    config::Configuration,
    constraints, output, policies,
};

/// Runs one of the commands about admission.
pub(crate) fn run(
    global: &Global,
    configuration: Configuration,
    command: &Admit,
) -> Result<ExitCode> {
    if !matches!(global.format, Format::Text | Format::Json) {
        bail!("admission is told of as text or json");
    }
    match command {
        Admit::Serve(arguments) => serve::run(global, configuration, arguments),
        Admit::Review(arguments) => review::run(global, configuration, arguments),
        Admit::Export(arguments) => export::run(global, arguments),
    }
}

/// The judge that was asked for, out of the command line first and the configuration second.
fn judge(
    global: &Global,
    configuration: Configuration,
    by: &By,
    settings: Settings,
    now: Timestamp,
) -> Result<Judge> {
    let chosen = configuration.assess;
    let policy = by.policy.clone().or(&chosen);
    let bundle = policies::load(global, &policy, now)?;
    let of_policy = policy.policy.as_deref().filter(|path| path.is_dir());
    if let Some(dir) = &by.constraints {
        // What is no directory has no constraints as a policy, which is not what somebody means who names it for them.
        fs::read_dir(dir)
            .with_context(|| format!("cannot read the constraints in {}", dir.display()))?;
    }
    let dir = by.constraints.as_deref().or(of_policy);
    let constraints = dir.map(constraints::load).transpose()?.flatten();
    if let (Some(dir), None) = (&by.constraints, &constraints) {
        bail!(
            "there is no constraint of Gatekeeper's in {}",
            dir.display()
        );
    }
    for told in constraints.iter().flat_map(|it| it.not_evaluated()) {
        let text = format!(
            "not evaluated: {} {}: {}",
            told.kind, told.name, told.reason
        );
        output::hint(global, &text);
    }
    let persona = by.persona.or(chosen.persona).unwrap_or_default();
    let survey = PostureSurvey::new(persona.into()).with_checks(UserChecks::of(&bundle, now)?);
    let mut settings = settings;
    settings.mode = match by.mode {
        None => settings.mode,
        Some(cli::admit::Mode::Enforce) => Mode::Enforce,
        Some(cli::admit::Mode::Audit) => Mode::Audit,
    };
    let parts = Parts {
        survey,
        bundle,
        constraints,
        inventory: constraints::inventory(&by.inventory)?,
        vouch: Box::new(vouch::Statements::read(global, by, now)?),
        settings,
    };
    let judge = Judge::new(parts).context("in the table [admit] of the configuration")?;
    for ended in judge.ended(now) {
        output::hint(global, &format!("an exemption has ended: {ended}"));
    }
    Ok(judge)
}
