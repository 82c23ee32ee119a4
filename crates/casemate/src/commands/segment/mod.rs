//! `casemate segment`.

pub(crate) mod diff;
mod graph;
pub(crate) mod list;
pub(crate) mod reach;

use std::{path::Path, process::ExitCode};

use anyhow::{Result, bail};
use casemate_core::{Digest, Source, Subject, Survey};
use casemate_inventory::{Entry, Options, each_file};
use casemate_posture::{PostureSurvey, check::Persona};
use casemate_segment::{Addresses, Analysis, Assumptions, Bounds, Connections};

use crate::{
    cli::{
        Format, Global,
        segment::{HostNetwork, Known, Segment},
    },
    output,
    progress::Ticker,
};

/// Answers.
pub(crate) fn run(global: &Global, command: &Segment) -> Result<ExitCode> {
    if matches!(global.format, Format::Sarif | Format::Markdown) {
        bail!("who reaches whom is told as text or as json");
    }
    match command {
        Segment::List(arguments) => list::run(global, arguments),
        Segment::Reach(arguments) => reach::run(global, arguments, reach::Asked::Reach),
        Segment::Explain(arguments) => reach::run(global, arguments, reach::Asked::Explain),
        Segment::Forbid(arguments) => reach::run(global, arguments, reach::Asked::Forbid),
        Segment::Diff(arguments) => diff::run(global, arguments),
        Segment::Graph(arguments) => graph::run(global, arguments),
    }
}

/// A cluster that was read, and what of its files is not known.
struct Read {
    analysis: Analysis,
    gaps: Vec<String>,
}

fn read(global: &Global, root: &Path, known: &Known) -> Result<Read> {
    let survey = PostureSurvey::new(Persona::Auditor);
    let ticker = Ticker::new(global.quiet);
    let file = |entry: &Entry, source: &dyn Source| {
        let repository = Options::default().repository;
        // Nobody asks for the digest here.
        let digest = Digest::of(b"");
        let subject = Subject::of_file(&repository, entry.path.clone(), entry.file.clone(), digest);
        survey.read(&subject, source)
    };
    let roots = [root.to_owned()];
    let seen = each_file(&roots, &Options::default(), file, Ticker::progress(&ticker))?;
    let (mut readings, mut gaps) = (Vec::new(), Vec::new());
    for (entry, reading) in seen {
        match reading {
            Ok(reading) => readings.extend(reading),
            Err(why) => gaps.push(format!("{}: {why}", entry.file)),
        }
    }
    let analysis = Analysis::of(&PostureSurvey::world(readings), assumptions(known));
    if analysis.cluster().workloads.is_empty() {
        bail!("{} has no workload of Kubernetes", root.display());
    }
    let told = |gap: &casemate_segment::Gap| format!("{}: {}", gap.origin.location(), gap.message);
    gaps.extend(analysis.gaps().iter().map(told));
    Ok(Read { analysis, gaps })
}

fn assumptions(known: &Known) -> Assumptions {
    let networks = known.pod_network.iter();
    let together = |all: Addresses, it: &Addresses| all.union(it);
    Assumptions {
        pod_network: (!known.pod_network.is_empty())
            .then(|| networks.fold(Addresses::default(), together)),
        holds_host_network: known.host_network.map(|it| it == HostNetwork::Held),
        declared_only: known.declared_only,
    }
}

/// What passes, in a line.
fn shown(connections: &Bounds<Connections>) -> String {
    match (connections.is_exact(), connections.least.is_empty()) {
        (true, _) => connections.least.to_string(),
        (false, true) => format!("perhaps {}", connections.most),
        (false, false) => format!("{}, perhaps {}", connections.least, connections.most),
    }
}

/// What may pass beside what surely does, if something may.
fn possible(connections: &Bounds<Connections>) -> Option<String> {
    (!connections.is_exact()).then(|| connections.most.to_string())
}

/// Says on standard error what is not known.
fn tell(global: &Global, gaps: &[String]) {
    for gap in gaps.iter().take(MAX_GAPS) {
        output::hint(
            global,
            &format!("not known: {}", casemate_report::sanitise(gap)),
        );
    }
    if let Some(more) = gaps.len().checked_sub(MAX_GAPS).filter(|more| *more > 0) {
        output::hint(
            global,
            &format!("not known: {more} more; --format json has all"),
        );
    }
}

const MAX_GAPS: usize = 10;
