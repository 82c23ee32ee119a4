//! `casemate admit review`.

use std::{io, path::Path, process::ExitCode};

use anyhow::{Context, Result, bail};
use casemate_admission::{Judged, Review};
use casemate_core::Effect;
use casemate_policy::gatekeeper::Resource;

use crate::{
    NEGATIVE, cli,
    cli::{Format, Global},
    clock,
    config::{self, Configuration},
    output,
};

/// Decides about each object or request of a file.
pub(super) fn run(
    global: &Global,
    mut configuration: Configuration,
    arguments: &cli::admit::Review,
) -> Result<ExitCode> {
    let now = clock::of(global)?.now();
    let settings = std::mem::take(&mut configuration.admit);
    let judge = super::judge(global, configuration, &arguments.by, settings, now)?;
    let mut answers = Vec::new();
    let (mut text, mut is_denied) = (String::new(), false);
    for review in read(&arguments.file)? {
        let mut judged = judge.judge(&review, now);
        let mut of_repairs = Vec::new();
        if arguments.mutate {
            let repaired = judge.mutate(&review, now).response;
            judged.response.patch = repaired.patch;
            judged.response.annotations.extend(repaired.annotations);
            of_repairs.clone_from(&repaired.warnings);
            judged.response.warnings.extend(repaired.warnings);
        }
        is_denied |= !judged.response.allowed;
        text += &told(&judged, &of_repairs);
        answers.push(judged.response.to_json());
    }
    match (global.format, &answers[..]) {
        (Format::Json, [answer]) => output::print_json(answer)?,
        (Format::Json, answers) => output::print_json(&answers)?,
        _ => output::print_lines(&text)?,
    }
    Ok(match is_denied {
        true => ExitCode::from(NEGATIVE),
        false => ExitCode::SUCCESS,
    })
}

/// The requests in a file, and the creations of the objects in it.
fn read(path: &Path) -> Result<Vec<Review>> {
    let text = match path.to_str() {
        Some("-") => config::bounded(io::stdin(), "standard input")?,
        _ => config::read_bounded(path)?,
    };
    let resources = Resource::read(&path.display().to_string(), text.as_bytes())?;
    if resources.is_empty() {
        bail!("there is no object in {}", path.display());
    }
    let review = |resource: Resource| {
        let place = resource.place();
        let review = match resource.value["kind"] == "AdmissionReview" {
            true => Review::of(resource.value),
            false => Review::of_object(&resource.value),
        };
        review.with_context(|| place.to_string())
    };
    resources.into_iter().map(review).collect()
}

/// In text. Of the warnings, those of the decision are among its reasons.
fn told(judged: &Judged, of_repairs: &[String]) -> String {
    let (record, response) = (&judged.record, &judged.response);
    let word = if response.allowed { "allow" } else { "deny" };
    let mut text = format!("{word} {} {}\n", record.operation, record.object);
    if let Some(exempt) = &record.exempt {
        text += &format!("  exempt: {exempt}\n");
    }
    for reason in record
        .decision
        .iter()
        .flat_map(|decision| &decision.reasons)
    {
        let effect = match reason.effect {
            Effect::Deny => "deny",
            Effect::Warn => "warn",
        };
        let rule = reason.rule.as_ref().map(|rule| format!("{rule}: "));
        text += &format!(
            "  {effect}: {}{}\n",
            rule.unwrap_or_default(),
            reason.message
        );
    }
    for step in &response.patch {
        text += &format!("  repair: add {} {}\n", step.path, step.value);
    }
    for warning in of_repairs {
        text += &format!("  repair: {warning}\n");
    }
    text
}
