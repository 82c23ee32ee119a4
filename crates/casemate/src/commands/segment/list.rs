//! `casemate segment list`.

use std::{fmt::Write as _, process::ExitCode};

use anyhow::{Result, bail};
use casemate_segment::{Edge, Endpoint};
use schemars::JsonSchema;
use serde::Serialize;

use super::{read, tell};
use crate::{
    cli::{Format, Global, segment::List},
    output,
};

/// What passes in a cluster.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Report {
    /// `casemate.segment-list/1`.
    schema: &'static str,
    /// Whether nothing is unknown that an answer hangs on.
    exact: bool,
    /// Each pair between which something passes.
    edges: Vec<Passing>,
    /// What is not known, with the files and lines.
    gaps: Vec<String>,
}

/// A pair between which something passes.
#[derive(Debug, Serialize, JsonSchema)]
struct Passing {
    /// The source: `namespace/name[Kind]`, `{ingress-controller}` or addresses.
    from: String,
    /// The destination.
    to: String,
    /// What passes: `All Connections`, or `TCP 80,8000-8080,UDP 53`.
    connections: String,
}

pub(super) fn run(global: &Global, arguments: &List) -> Result<ExitCode> {
    let read = read(global, &arguments.path)?;
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
    let edges = read.analysis.edges().filter(is_listed).map(|it| Passing {
        from: it.from.to_string(),
        to: it.to.to_string(),
        connections: it.connections.to_string(),
    });
    let report = Report {
        schema: "casemate.segment-list/1",
        exact: read.gaps.is_empty(),
        edges: edges.collect(),
        gaps: read.gaps,
    };
    match global.format {
        Format::Json => output::print_json(&report)?,
        _ => {
            output::print_lines(&text(&report))?;
            tell(global, &report.gaps);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn text(report: &Report) -> String {
    let widest = |of: fn(&Passing) -> &str| {
        let lengths = report.edges.iter().map(|it| of(it).chars().count());
        lengths.max().unwrap_or_default()
    };
    let (from, to) = (widest(|it| &it.from), widest(|it| &it.to));
    let mut text = String::new();
    for edge in &report.edges {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{:from$}  {:to$}  {}",
            edge.from, edge.to, edge.connections
        );
    }
    if report.edges.is_empty() {
        text.push_str("nothing passes\n");
    }
    text
}
