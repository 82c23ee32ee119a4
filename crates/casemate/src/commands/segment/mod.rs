//! `casemate segment`.

pub(crate) mod check;
pub(crate) mod diff;
mod generate;
mod graph;
pub(crate) mod identities;
pub(crate) mod list;
pub(crate) mod reach;
mod way;
mod zones;

use std::{path::Path, process::ExitCode};

use anyhow::{Context, Result, bail};
use casemate_core::{Digest, MemorySource, PathText, Source, Subject, Survey};
use casemate_inventory::{Entry, Options, each_file};
use casemate_posture::{Places, PostureSurvey, check::Persona};
use casemate_segment::{
    Addresses, Analysis, Assumptions, Bounds, Connections, Edge, Gap, intent::Intent,
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    cli::{
        Format, Global,
        segment::{HostNetwork, Known, Segment},
    },
    config::read_bounded,
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
        Segment::Identities(arguments) => identities::run(global, arguments),
        Segment::Graph(arguments) => graph::run(global, arguments),
        Segment::Zones(arguments) => zones::run(global, arguments),
        Segment::Check(arguments) => check::run(global, arguments),
        Segment::Generate(arguments) => generate::run(global, arguments),
    }
}

/// A cluster that was read, and what of its files is not known.
struct Read {
    analysis: Analysis,
    gaps: Vec<String>,
}

/// What is not known of identities, on which ways through them hang.
fn gaps_of_identities(analysis: &Analysis) -> impl Iterator<Item = String> {
    told_gaps(analysis.identities().gaps())
}

fn told_gaps(gaps: &[Gap]) -> impl Iterator<Item = String> {
    let places = Places::default();
    gaps.iter()
        .map(move |it| format!("{}: {}", places.location(&it.origin), it.message))
}

fn read(global: &Global, root: &Path, known: &Known) -> Result<Read> {
    read_with(global, root, assumptions(known), None)
}

/// The same with some manifests that are in no file yet.
fn read_with(
    global: &Global,
    root: &Path,
    assumptions: Assumptions,
    more: Option<&str>,
) -> Result<Read> {
    let read = read_all(global, root, assumptions, more)?;
    if read.analysis.cluster().workloads.is_empty() {
        bail!("{} has no workload of Kubernetes", root.display());
    }
    Ok(read)
}

/// The same where nothing may run.
fn read_all(
    global: &Global,
    root: &Path,
    assumptions: Assumptions,
    more: Option<&str>,
) -> Result<Read> {
    let survey = PostureSurvey::new(Persona::Auditor);
    let ticker = Ticker::new(global.quiet);
    // Nobody asks for digests here.
    let digest = || Digest::of(b"");
    let repository = Options::default().repository;
    let file = |entry: &Entry, source: &dyn Source| {
        let (path, file) = (entry.path.clone(), entry.file.clone());
        survey.read(&Subject::of_file(&repository, path, file, digest()), source)
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
    if let Some(text) = more {
        let name = PathText::from("generated.yaml");
        let subject = Subject::of_file(&repository, name.clone(), name, digest());
        let source = MemorySource(text.as_bytes().to_vec());
        readings.extend(survey.read(&subject, &source));
    }
    let analysis = Analysis::of(PostureSurvey::world(readings), assumptions);
    gaps.extend(told_gaps(analysis.gaps()));
    Ok(Read { analysis, gaps })
}

/// The declaration in a file.
fn intent(file: &Path) -> Result<Intent> {
    let text = read_bounded(file)?;
    Intent::read(text.as_bytes()).with_context(|| format!("{} declares no zones", file.display()))
}

/// What to assume where a declaration says something of it as well.
fn assumed(intent: &Intent, known: &Known) -> Assumptions {
    let (declared, given) = (intent.assumptions(), assumptions(known));
    // What is declared as the cluster's own is never outside, whatever is said of pods.
    let pod_network = match (given.pod_network, declared.pod_network) {
        (Some(given), Some(declared)) => Some(given.union(&declared)),
        (given, declared) => given.or(declared),
    };
    Assumptions {
        pod_network,
        told_apart: declared.told_apart,
        holds_host_network: given.holds_host_network,
        declared_only: given.declared_only,
    }
}

fn assumptions(known: &Known) -> Assumptions {
    let networks = known.pod_network.iter();
    let together = |all: Addresses, it: &Addresses| all.union(it);
    Assumptions {
        pod_network: (!known.pod_network.is_empty())
            .then(|| networks.fold(Addresses::default(), together)),
        holds_host_network: known.host_network.map(|it| it == HostNetwork::Held),
        declared_only: known.declared_only,
        told_apart: Vec::new(),
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

/// A pair between which something passes.
#[derive(Debug, Serialize, JsonSchema)]
struct Passing {
    /// The source: `namespace/name[Kind]`, `{ingress-controller}` or addresses.
    from: String,
    /// The destination.
    to: String,
    /// What surely passes: `All Connections`, `No Connections`, or `TCP 80,8000-8080,UDP 53`.
    connections: String,
    /// What may pass at most, where that is more.
    #[serde(skip_serializing_if = "Option::is_none")]
    possible: Option<String>,
}

impl Passing {
    fn of(edge: &Edge<'_>) -> Self {
        Self {
            from: edge.from.to_string(),
            to: edge.to.to_string(),
            connections: edge.connections.least.to_string(),
            possible: possible(&edge.connections),
        }
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use casemate_document::Span;
    use casemate_posture::{File, Origin};

    use super::*;

    /// Work that grows with the square takes minutes here, and the runner ends it.
    #[test]
    fn a_file_with_many_gaps_is_gone_through_once() {
        let name = PathText::from("all.yaml");
        let subject = Subject::of_file("local", name.clone(), name, Digest::of(b""));
        let file = Arc::new(File {
            subject,
            text: "a: 1\n".repeat(200_000).into(),
        });
        let gap = |line: usize| Gap {
            origin: Origin::new(&file, Span::new(5 * line, 5 * line + 1)),
            message: "it is open".to_owned(),
        };
        let gaps: Vec<Gap> = (0..200_000).map(gap).collect();
        let told = told_gaps(&gaps).last();
        assert_eq!(told.as_deref(), Some("all.yaml:200000:1: it is open"));
    }
}
