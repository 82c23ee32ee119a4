//! `casemate segment reach`.

use std::{fmt::Write as _, process::ExitCode};

use anyhow::{Result, bail};
use casemate_segment::{Analysis, Connections, Effect, Proof, Side, Step};
use schemars::JsonSchema;
use serde::Serialize;

use super::{read, tell};
use crate::{
    cli::{Format, Global, segment::Reach},
    output,
};

/// Whether one can reach another, and why.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Report {
    /// `casemate.segment-reach/1`.
    schema: &'static str,
    /// Whether something passes.
    reachable: bool,
    /// Whether nothing is unknown that the answer hangs on.
    exact: bool,
    /// What passes: `All Connections`, `No Connections`, or `TCP 80,8000-8080,UDP 53`.
    connections: String,
    /// Every rule on the way, in the order in which they are asked: those of the source, then those of the
    /// destination.
    proof: Vec<Told>,
    /// What is not known, with the files and lines.
    gaps: Vec<String>,
}

/// One policy or rule that was asked, or what holds where none was.
#[derive(Debug, Serialize, JsonSchema)]
struct Told {
    /// The source.
    from: String,
    /// The destination.
    to: String,
    /// Whose rule it is: `egress` of the source, `ingress` of the destination.
    side: &'static str,
    /// The policy and its rule: `NetworkPolicy lab/open egress[0]`; nothing where no policy decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<String>,
    /// The file.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    /// The line, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    /// `allows`, `denies`, `passes-on`, `isolates`, `default`; `other-peers` and `other-connections` of a rule
    /// that did not fire.
    effect: &'static str,
    /// Of what.
    #[serde(skip_serializing_if = "Option::is_none")]
    connections: Option<String>,
}

pub(super) fn run(global: &Global, arguments: &Reach) -> Result<ExitCode> {
    let read = read(global, &arguments.path)?;
    let analysis = &read.analysis;
    let find = |name: &str| {
        let found = analysis.find(name);
        match found.is_empty() {
            true => bail!("there is no endpoint {name:?}: {}", known(analysis)),
            false => Ok(found),
        }
    };
    let (from, to) = (find(&arguments.from)?, find(&arguments.to)?);
    let pairs = from
        .iter()
        .flat_map(|from| to.iter().map(move |to| (*from, *to)));
    let proofs: Vec<Proof<'_>> = pairs
        .filter(|(from, to)| from != to)
        .map(|(from, to)| analysis.prove(from, to))
        .collect();
    if proofs.is_empty() {
        bail!("{} always reaches itself", arguments.from);
    }
    let connections = proofs.iter().map(Proof::connections);
    let connections = connections.fold(Connections::default(), |all, it| all.union(&it));
    let report = Report {
        schema: "casemate.segment-reach/1",
        reachable: !connections.is_empty(),
        exact: read.gaps.is_empty(),
        connections: connections.to_string(),
        proof: proofs.iter().flat_map(told).collect(),
        gaps: read.gaps.clone(),
    };
    match global.format {
        Format::Json => output::print_json(&report)?,
        _ => {
            output::print_lines(&text(&report, &proofs))?;
            tell(global, &report.gaps);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn known(analysis: &Analysis) -> String {
    let workloads = analysis.cluster().workloads.iter().take(MAX_KNOWN);
    let names: Vec<String> = workloads.map(ToString::to_string).collect();
    format!(
        "there are {}, ingress-controller, and addresses such as 192.0.2.1",
        names.join(", ")
    )
}

fn told(proof: &Proof<'_>) -> Vec<Told> {
    let sides = [("egress", &proof.egress), ("ingress", &proof.ingress)];
    let steps = sides
        .into_iter()
        .flat_map(|(name, side)| side.steps.iter().map(move |it| (name, it)));
    let told = |(side, step): (&'static str, &Step<'_>)| {
        let location = step.origin().map(casemate_posture::Origin::location);
        let (effect, connections) = effect(&step.effect);
        Told {
            from: proof.from.to_string(),
            to: proof.to.to_string(),
            side,
            rule: name(step),
            line: location.as_ref().and_then(line),
            file: location.map(|it| it.file.to_string()),
            effect,
            connections: connections.map(ToString::to_string),
        }
    };
    steps.map(told).collect()
}

fn line(location: &casemate_core::Location) -> Option<u64> {
    match location.region.as_ref()? {
        casemate_core::Region::Text { line, .. } => Some(*line),
        _ => None,
    }
}

fn name(step: &Step<'_>) -> Option<String> {
    let (policy, rule) = step.rule?;
    let rule = rule
        .map(|rule| format!(" {}", rule.name))
        .unwrap_or_default();
    Some(format!("{} {}{rule}", policy.kind, policy.name))
}

fn effect(effect: &Effect) -> (&'static str, Option<&Connections>) {
    match effect {
        Effect::Allows(it) => ("allows", Some(it)),
        Effect::Denies(it) => ("denies", Some(it)),
        Effect::Passes(it) => ("passes-on", Some(it)),
        Effect::Isolates(it) => ("isolates", Some(it)),
        Effect::Default(it) => ("default", Some(it)),
        Effect::OtherPeers => ("other-peers", None),
        Effect::OtherConnections => ("other-connections", None),
    }
}

fn text(report: &Report, proofs: &[Proof<'_>]) -> String {
    let mut text = String::new();
    for proof in proofs {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{} => {}: {}",
            proof.from,
            proof.to,
            proof.connections()
        );
        for (name, side) in [("egress", &proof.egress), ("ingress", &proof.ingress)] {
            let _ = writeln!(text, "  {name}: {}", side.connections);
            text.extend(
                side.steps
                    .iter()
                    .map(|step| format!("    {}\n", sentence(step, side))),
            );
        }
    }
    if !report.exact {
        text.push_str("This may be otherwise: something is not known.\n");
    }
    text
}

fn sentence(step: &Step<'_>, side: &Side<'_>) -> String {
    let rule = name(step).unwrap_or_else(|| "no policy decides".to_owned());
    let place = step
        .origin()
        .map(|it| format!(" ({})", it.location()))
        .unwrap_or_default();
    let what = match &step.effect {
        Effect::Allows(it) => format!("allows {it}"),
        Effect::Denies(it) => format!("denies {it}"),
        Effect::Passes(it) => format!("leaves {it} to the next tier"),
        Effect::Isolates(_) if side.connections.is_empty() => {
            "selects the pods, and no rule allows this".to_owned()
        }
        Effect::Isolates(it) => format!("selects the pods, and no rule allows {it}"),
        Effect::Default(it) => format!("so {it} pass"),
        Effect::OtherPeers => "is about other peers".to_owned(),
        Effect::OtherConnections => {
            "is about other ports, or such as were decided before".to_owned()
        }
    };
    format!("{rule} {what}{place}")
}

const MAX_KNOWN: usize = 12;
