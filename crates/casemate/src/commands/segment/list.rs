//! `casemate segment list`.

use std::{fmt::Write as _, process::ExitCode};

use anyhow::{Result, bail};
use casemate_segment::{Edge, Endpoint, Entry};
use schemars::JsonSchema;
use serde::Serialize;

use super::{Passing, possible, read, shown, tell};
use crate::{
    cli::{Format, Global, segment::List},
    output,
};

/// What passes in a cluster.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Report {
    /// `casemate.segment-list/1`.
    schema: &'static str,
    /// Whether everything in the files was understood.
    complete: bool,
    /// Each pair between which something passes, or may.
    edges: Vec<Passing>,
    /// What opens ways in from outside. Policies may close them.
    ways_in: Vec<WayIn>,
    /// What is not known, with the files and lines.
    gaps: Vec<String>,
}

/// An object that opens a way in from outside.
#[derive(Debug, Serialize, JsonSchema)]
struct WayIn {
    /// `Ingress`, `HTTPRoute`, `Route`; of a Service `LoadBalancer`, `NodePort` or `externalIPs`.
    kind: String,
    /// Its namespace and name.
    name: String,
    /// The Service behind it.
    service: String,
    /// The workload that it leads to.
    to: String,
    /// What is sent there.
    connections: String,
    /// What may be sent at most, where that is more.
    #[serde(skip_serializing_if = "Option::is_none")]
    possible: Option<String>,
    /// Where it stands.
    location: String,
}

pub(super) fn run(global: &Global, arguments: &List) -> Result<ExitCode> {
    let read = read(global, &arguments.path, &arguments.known)?;
    let cluster = read.analysis.cluster();
    for name in &arguments.of {
        if !cluster.workloads.iter().any(|it| it.is_called(name)) {
            bail!(
                "there is no workload {name:?} in {}",
                arguments.path.display()
            );
        }
    }
    let is_meant = |end: &Endpoint<'_>| match end {
        Endpoint::Workload(it) => arguments.of.iter().any(|name| it.is_called(name)),
        Endpoint::Controller | Endpoint::Outside(_) => false,
    };
    let is_listed =
        |it: &Edge<'_>| arguments.of.is_empty() || is_meant(&it.from) || is_meant(&it.to);
    let edges = read.analysis.edges()?.filter(is_listed);
    if global.format != Format::Json {
        let lines = edges.map(|it| {
            [
                it.from.to_string(),
                it.to.to_string(),
                shown(&it.connections),
            ]
        });
        output::print_lines(&text(&lines.collect::<Vec<_>>()))?;
        tell(global, &read.gaps);
        return Ok(ExitCode::SUCCESS);
    }
    let ways = read.analysis.entries().iter();
    let ways = ways.filter(|it| {
        arguments.of.is_empty() || is_meant(&Endpoint::Workload(&cluster.workloads[it.to]))
    });
    let way = |it: &Entry| WayIn {
        kind: it.kind.to_string(),
        name: it.name.clone(),
        service: it.service.clone(),
        to: cluster.workloads[it.to].to_string(),
        connections: it.connections.least.to_string(),
        possible: possible(&it.connections),
        location: it.origin.location().to_string(),
    };
    output::print_json(&Report {
        schema: "casemate.segment-list/1",
        complete: read.gaps.is_empty(),
        edges: edges.map(|it| Passing::of(&it)).collect(),
        ways_in: ways.map(way).collect(),
        gaps: read.gaps.clone(),
    })?;
    Ok(ExitCode::SUCCESS)
}

fn text(lines: &[[String; 3]]) -> String {
    let widest = |column: usize| {
        let lengths = lines.iter().map(|it| it[column].chars().count());
        lengths.max().unwrap_or_default().min(MAX_WIDTH)
    };
    let (from, to) = (widest(0), widest(1));
    let mut text = String::new();
    for [source, destination, connections] in lines {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{source:from$}  {destination:to$}  {connections}");
    }
    if lines.is_empty() {
        text.push_str("nothing passes\n");
    }
    text
}

/// In characters: more do not stand in one line, and cannot be padded to (`fmt::Formatter` has 16 bits for it).
const MAX_WIDTH: usize = 200;
