//! `casemate admit export`.

use std::process::ExitCode;

use anyhow::{Result, bail};
use casemate_admission::{Action, Cel};
use casemate_core::Rule;
use casemate_posture::check::FAMILIES;

use crate::{
    catalogue, cli,
    cli::{Format, Global},
    output,
};

/// Prints policies, or what can be said of which rule.
pub(super) fn run(global: &Global, arguments: &cli::admit::Export) -> Result<ExitCode> {
    let cel = Cel::builtin();
    let rules = FAMILIES
        .iter()
        .flat_map(|family| family.rules)
        .map(|(rule, _)| *rule);
    let rules: Vec<&Rule> = rules.collect();
    if arguments.list {
        let said: Vec<_> = cel.said(rules.into_iter()).collect();
        match global.format {
            Format::Json => output::print_json(&said)?,
            _ => {
                let lines = said.iter().map(|it| match (&it.policy, &it.why_not) {
                    (Some(policy), _) => format!("{:<12} {policy}\n", it.rule),
                    (None, why) => format!(
                        "{:<12} no: {}\n",
                        it.rule,
                        why.as_deref().unwrap_or_default()
                    ),
                });
                output::print(&lines.collect::<String>())?;
            }
        }
        return Ok(ExitCode::SUCCESS);
    }
    for rule in &arguments.rule {
        if let Some(why) = cel.why_not(rule) {
            if !catalogue::rules().iter().any(|it| it.id == *rule) {
                bail!("there is no rule `{rule}`; `casemate rules` lists them all");
            }
            bail!("{rule} cannot be exported: {why}");
        }
    }
    let action = match arguments.action {
        cli::admit::Action::Deny => Action::Deny,
        cli::admit::Action::Warn => Action::Warn,
        cli::admit::Action::Audit => Action::Audit,
    };
    output::print_json(&cel.export(&arguments.rule, action, &rules))?;
    Ok(ExitCode::SUCCESS)
}
