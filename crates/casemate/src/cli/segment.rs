//! The words of `casemate segment`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

/// Ask who can reach whom in a cluster.
#[derive(Debug, Subcommand)]
pub(crate) enum Segment {
    /// List what passes between workloads, from outside and to outside.
    List(List),
    /// Say whether one can reach another, and by which rules.
    Reach(Reach),
    /// Say what passes now and did not before, and the other way round.
    Diff(Diff),
}

/// List what passes.
#[derive(Args, Debug)]
#[command(after_help = "Exit status: 0 when it can be answered, whatever the answer; 2 when not.")]
pub(crate) struct List {
    /// The manifests, charts and overlays of the cluster.
    #[arg(default_value = ".", value_hint = ValueHint::AnyPath)]
    pub(crate) path: PathBuf,

    /// Only what comes from or goes to this workload: `notebook` or `lab/notebook`; may be repeated.
    #[arg(long, value_name = "WORKLOAD")]
    pub(crate) of: Vec<String>,
}

/// Ask about two.
#[derive(Args, Debug)]
#[command(after_help = "Exit status: 0 when it can be answered, whatever the answer; 2 when not.")]
pub(crate) struct Reach {
    /// The manifests, charts and overlays of the cluster.
    #[arg(default_value = ".", value_hint = ValueHint::AnyPath)]
    pub(crate) path: PathBuf,

    /// The source: `notebook` or `lab/notebook`; `ingress-controller`; an address outside.
    #[arg(long, value_name = "ENDPOINT")]
    pub(crate) from: String,

    /// The destination, said in the same way.
    #[arg(long, value_name = "ENDPOINT")]
    pub(crate) to: String,
}

/// Compare two clusters.
#[derive(Args, Debug)]
#[command(after_help = "Exit status: 0 when it can be answered, whatever the answer; 2 when not.")]
pub(crate) struct Diff {
    /// What was.
    #[arg(value_hint = ValueHint::AnyPath)]
    pub(crate) old: PathBuf,

    /// What is.
    #[arg(value_hint = ValueHint::AnyPath)]
    pub(crate) new: PathBuf,
}
