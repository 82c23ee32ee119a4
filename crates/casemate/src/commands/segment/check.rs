//! `casemate segment check`.

use std::{fmt::Write as _, process::ExitCode};

use anyhow::Result;
use casemate_segment::{
    Analysis, Connections, Effect, Step,
    intent::{Intent, Violation, ViolationKind, check},
};
use schemars::JsonSchema;
use serde::Serialize;

use super::{Read, assumed, intent, reach, read_with, tell};
use crate::{
    cli::{Format, Global, segment::Check},
    output,
};

/// What is not as it is declared.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Report {
    /// `casemate.segment-check/1`.
    schema: &'static str,
    /// Whether what passes is what is declared, for sure: not where something was not understood.
    holds: bool,
    /// Whether everything in the files was understood.
    complete: bool,
    /// What is otherwise, by kind and zones.
    violations: Vec<Told>,
    /// What is not known, with the files and lines.
    gaps: Vec<String>,
}

/// Something that is not as it is declared.
#[derive(Debug, Serialize, JsonSchema)]
struct Told {
    /// `undeclared`: connections pass that no flow declares; `blocked`: they are declared and do not pass;
    /// `account`: a workload runs as another service account; `unplaced`: a workload is in no zone.
    kind: &'static str,
    /// Whether it is so for sure, or may be.
    sure: bool,
    /// The zone of the source, if it is in one.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    /// The zone of the destination, if it is in one.
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
    /// What passes, or does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    connections: Option<String>,
    /// The line of the declaration, from 1, where a flow between the zones is declared.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    /// Between how many pairs of endpoints it is so.
    count: usize,
    /// The first 1,000 of them; of what is about a workload alone, that in both places.
    pairs: Vec<[String; 2]>,
    /// Why it is so between the first of them.
    proof: Vec<reach::Told>,
}

pub(super) fn run(global: &Global, arguments: &Check) -> Result<ExitCode> {
    let intent = intent(&arguments.zones)?;
    let assumptions = assumed(&intent, &arguments.known);
    let read = read_with(global, &arguments.path, assumptions, None)?;
    let violations = check(&intent, &read.analysis)?;
    match global.format {
        Format::Json => output::print_json(&report(&intent, &read, &violations))?,
        _ => {
            output::print_lines(&text(&intent, &read, &violations))?;
            tell(global, &read.gaps);
        }
    }
    Ok(ExitCode::from(u8::from(!holds(&read, &violations))))
}

/// Whether it is so for sure.
pub(super) fn holds(read: &Read, violations: &[Violation]) -> bool {
    violations.is_empty() && read.gaps.is_empty()
}

fn report(intent: &Intent, read: &Read, violations: &[Violation]) -> Report {
    let analysis = &read.analysis;
    let zone = |at: Option<usize>| at.map(|at| intent.zones[at].name.clone());
    let name = |at: usize| analysis.endpoint(at).to_string();
    let told = |it: &Violation| Told {
        kind: it.kind.as_str(),
        sure: it.is_sure,
        from: zone(it.from),
        to: zone(it.to),
        connections: is_of_connections(it).then(|| it.connections.to_string()),
        line: it.line,
        count: it.count,
        pairs: it
            .pairs
            .iter()
            .map(|(from, to)| [name(*from), name(*to)])
            .collect(),
        proof: proof(analysis, it)
            .map(|it| reach::told(&it))
            .unwrap_or_default(),
    };
    Report {
        schema: "casemate.segment-check/1",
        holds: holds(read, violations),
        complete: read.gaps.is_empty(),
        violations: violations.iter().map(told).collect(),
        gaps: read.gaps.clone(),
    }
}

fn is_of_connections(violation: &Violation) -> bool {
    matches!(
        violation.kind,
        ViolationKind::Undeclared | ViolationKind::Blocked
    )
}

/// Why it is so between the first pair.
fn proof<'a>(analysis: &'a Analysis, violation: &Violation) -> Option<casemate_segment::Proof<'a>> {
    let (from, to) = violation
        .pairs
        .first()
        .filter(|_| is_of_connections(violation))?;
    Some(analysis.prove(*from, *to))
}

/// What is otherwise, each with the path of its first pair.
pub(super) fn text(intent: &Intent, read: &Read, violations: &[Violation]) -> String {
    let analysis = &read.analysis;
    let zone = |at: Option<usize>| at.map_or("no zone", |at| &*intent.zones[at].name);
    let mut text = String::new();
    for it in violations {
        let (from, to) = (zone(it.from), zone(it.to));
        let line = it
            .line
            .map(|line| format!(" (line {line})"))
            .unwrap_or_default();
        let what = match it.kind {
            ViolationKind::Undeclared => format!(
                "{from} => {to}: {} pass and are not declared",
                it.connections
            ),
            ViolationKind::Blocked => format!(
                "{from} => {to}: {} are declared{line} and do not pass",
                it.connections
            ),
            ViolationKind::Account => {
                format!("{from} => {to}: the flow{line} is of other service accounts")
            }
            ViolationKind::Unplaced => "in no zone".to_owned(),
        };
        let perhaps = if it.is_sure { "" } else { "perhaps " };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{perhaps}{}: {what}", it.kind.as_str());
        text.push_str(&between(analysis, it));
    }
    if violations.is_empty() {
        let workloads = analysis.cluster().workloads.len();
        let between = format!("between {workloads} workloads, from and to outside");
        let _ = match read.gaps.len() {
            0 => writeln!(text, "what passes {between}, is what is declared"),
            gaps => writeln!(
                text,
                "what is known to pass {between}, is what is declared; but it is not said to hold: not known in the files: {gaps}"
            ),
        };
    }
    text
}

fn between(analysis: &Analysis, violation: &Violation) -> String {
    let Some(proof) = proof(analysis, violation) else {
        let name = |(at, _): &(usize, usize)| format!("  {}\n", analysis.endpoint(*at));
        let mut names: String = violation.pairs.iter().map(name).collect();
        if violation.count > violation.pairs.len() {
            let more = violation.count - violation.pairs.len();
            names.push_str(&format!("  and {more} more\n"));
        }
        return names;
    };
    let more = match violation.count.saturating_sub(1) {
        0 => String::new(),
        1 => ", and one more pair".to_owned(),
        more => format!(", and {more} more pairs"),
    };
    let mut text = format!("  {} => {}{more}\n", proof.from, proof.to);
    for (name, side) in [("egress", &proof.egress), ("ingress", &proof.ingress)] {
        let decides = side.steps.iter().filter(|it| decides(it, violation));
        text.extend(decides.map(|it| format!("    {name}: {}\n", reach::sentence(it))));
    }
    text
}

/// Whether a step is why something passes that should not, or the other way round.
fn decides(step: &Step<'_>, violation: &Violation) -> bool {
    let is_about = |it: &Connections| !it.intersection(&violation.connections).is_empty();
    match (&step.effect, violation.kind) {
        (Effect::Allows(it) | Effect::Default(it), ViolationKind::Undeclared)
        | (Effect::Denies(it) | Effect::Isolates(it), ViolationKind::Blocked)
        | (Effect::Unknown(it), _) => is_about(it),
        (Effect::Escapes, ViolationKind::Undeclared) => true,
        _ => false,
    }
}
