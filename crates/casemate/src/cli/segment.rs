//! The words of `casemate segment`.

use std::path::PathBuf;

use casemate_segment::observed::Format;
use clap::{Args, Subcommand, ValueEnum, ValueHint};

/// Ask who can reach whom in a cluster.
#[derive(Debug, Subcommand)]
pub(crate) enum Segment {
    /// List what passes between workloads, from outside and to outside.
    List(List),
    /// Say whether one can reach another, and by which rules.
    Reach(Reach),
    /// Say it with every rule that was asked, those that did not fire included.
    Explain(Reach),
    /// Say what passes now and did not before, and the other way round.
    Diff(Diff),
    /// Fail if one can reach another, or if that is not known.
    Forbid(Reach),
    /// List what service accounts may do that leads further, and what they are in clouds.
    Identities(Identities),
    /// Draw who reaches whom.
    Graph(Graph),
    /// Begin a declaration of zones and flows from what is there.
    Zones(Zones),
    /// Hold what passes against a declaration.
    Check(Check),
    /// Write the policies of a declaration, and prove them.
    Generate(Generate),
}

/// The manifests, and what they do not say.
#[derive(Args, Debug)]
pub(crate) struct Known {
    /// The addresses of pods, as a block; may be repeated. `none`: in no block that a policy names. Without
    /// it, whether a block of addresses is about pods is undetermined.
    #[arg(long, value_name = "CIDR", value_parser = pod_network)]
    pub(crate) pod_network: Vec<casemate_segment::Addresses>,

    /// Whether policies hold pods on the network of their nodes, which is up to the network plugin.
    #[arg(long, value_name = "HOW")]
    pub(crate) host_network: Option<HostNetwork>,

    /// Take namespaces that are not among the files, and the ingress controller, as having no labels.
    #[arg(long)]
    pub(crate) declared_only: bool,
}

/// What a network plugin does with pods on the network of their nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum HostNetwork {
    /// Policies hold them as others.
    Held,
    /// No policy holds them, and no selector means them.
    Free,
}

/// List what passes.
#[derive(Args, Debug)]
#[command(after_help = EXIT)]
pub(crate) struct List {
    /// The manifests, charts and overlays of the cluster.
    #[arg(default_value = ".", value_hint = ValueHint::AnyPath)]
    pub(crate) path: PathBuf,

    /// Only what comes from or goes to this workload: `notebook` or `lab/notebook`; may be repeated.
    #[arg(long, value_name = "WORKLOAD")]
    pub(crate) of: Vec<String>,

    #[command(flatten)]
    pub(crate) known: Known,
}

/// List service accounts.
#[derive(Args, Debug)]
pub(crate) struct Identities {
    /// The manifests, charts and overlays of the cluster, and the configuration of its clouds.
    #[arg(default_value = ".", value_hint = ValueHint::AnyPath)]
    pub(crate) path: PathBuf,

    /// Only this service account: `notebook` or `lab/notebook`; may be repeated.
    #[arg(long, value_name = "ACCOUNT")]
    pub(crate) of: Vec<String>,

    #[command(flatten)]
    pub(crate) known: Known,
}

/// Ask about two.
#[derive(Args, Debug)]
#[command(after_help = EXIT)]
pub(crate) struct Reach {
    /// The manifests, charts and overlays of the cluster.
    #[arg(default_value = ".", value_hint = ValueHint::AnyPath)]
    pub(crate) path: PathBuf,

    /// The source: `notebook` or `lab/notebook`; `ingress-controller`, `cloud-metadata`, `outside`, or an
    /// address or a block outside.
    #[arg(long, value_name = "ENDPOINT")]
    pub(crate) from: String,

    /// The destination, said in the same way; or `account/NAMESPACE/NAME`, `secret/NAMESPACE/NAME`, or
    /// `bucket/NAME` of a bucket or storage account.
    #[arg(long, value_name = "ENDPOINT")]
    pub(crate) to: String,

    /// Of `forbid`: fail on a way through other workloads, service accounts and roles as well.
    #[arg(long)]
    pub(crate) through: bool,

    #[command(flatten)]
    pub(crate) known: Known,
}

/// Compare two clusters.
#[derive(Args, Debug)]
#[command(after_help = EXIT)]
pub(crate) struct Diff {
    /// What was.
    #[arg(value_hint = ValueHint::AnyPath)]
    pub(crate) old: PathBuf,

    /// What is.
    #[arg(value_hint = ValueHint::AnyPath)]
    pub(crate) new: PathBuf,

    #[command(flatten)]
    pub(crate) known: Known,
}

/// Draw who reaches whom.
#[derive(Args, Debug)]
pub(crate) struct Graph {
    /// The manifests, charts and overlays of the cluster.
    #[arg(default_value = ".", value_hint = ValueHint::AnyPath)]
    pub(crate) path: PathBuf,

    /// A graph for Graphviz, or a table that a browser shows.
    #[arg(long = "as", value_name = "DRAWING", default_value = "svg")]
    pub(crate) drawing: Drawing,

    #[command(flatten)]
    pub(crate) known: Known,
}

/// Begin a declaration.
#[derive(Args, Debug)]
pub(crate) struct Zones {
    /// The manifests, charts and overlays of the cluster.
    #[arg(default_value = ".", value_hint = ValueHint::AnyPath)]
    pub(crate) path: PathBuf,

    /// Take as flows what was seen, and nothing else: flows of Hubble, connections of conntrack, VPC flow logs of AWS
    /// or Google Cloud, spans and network metrics of OpenTelemetry; may be repeated.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) observed: Vec<PathBuf>,

    /// What was seen is written down as this, where the first lines do not show it.
    #[arg(long, value_name = "FORMAT", requires = "observed")]
    pub(crate) observed_format: Option<Recorded>,

    #[command(flatten)]
    pub(crate) known: Known,
}

/// What connections are written down as.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Recorded {
    /// `hubble observe -o json`.
    Hubble,
    /// `conntrack -L`, or /proc/net/nf_conntrack.
    Conntrack,
    /// VPC flow logs of AWS, as text.
    Aws,
    /// VPC flow logs of Google Cloud, as JSON.
    Gcp,
    /// OTLP as JSON, of the Collector's file exporter.
    Otel,
}

impl From<Recorded> for Format {
    fn from(recorded: Recorded) -> Self {
        match recorded {
            Recorded::Hubble => Self::Hubble,
            Recorded::Conntrack => Self::Conntrack,
            Recorded::Aws => Self::Aws,
            Recorded::Gcp => Self::Gcp,
            Recorded::Otel => Self::Otel,
        }
    }
}

/// Hold what passes against a declaration.
#[derive(Args, Debug)]
#[command(
    after_help = "Exit status: 0 when what passes is what is declared, 1 when it is not or that is not \
                        known, 2 when there is no answer."
)]
pub(crate) struct Check {
    /// The manifests, charts and overlays of the cluster.
    #[arg(default_value = ".", value_hint = ValueHint::AnyPath)]
    pub(crate) path: PathBuf,

    /// The declaration.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) zones: PathBuf,

    #[command(flatten)]
    pub(crate) known: Known,
}

/// Write policies.
#[derive(Args, Debug)]
#[command(
    after_help = "Exit status: 0 when the policies are proved, and with PATH when under them what passes \
                        there is what is declared; 1 when it is not; 2 when they cannot be written."
)]
pub(crate) struct Generate {
    /// The manifests that they are for: they are judged with them as well.
    #[arg(value_hint = ValueHint::AnyPath)]
    pub(crate) path: Option<PathBuf>,

    /// The declaration.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) zones: PathBuf,

    /// What is to enforce them.
    #[arg(long = "for", value_name = "TARGET", default_value = "network-policy")]
    pub(crate) target: Target,

    /// Write `network-policies.yaml` and `cluster-network-policies.yaml` into this directory, instead of all to
    /// standard output.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) out: Option<PathBuf>,

    /// Without ClusterNetworkPolicies, which few clusters have yet.
    #[arg(long)]
    pub(crate) no_guards: bool,

    #[command(flatten)]
    pub(crate) known: Known,
}

/// What is to enforce policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Target {
    /// Any network plugin that knows NetworkPolicies.
    NetworkPolicy,
}

/// How to draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Drawing {
    /// DOT, of Graphviz.
    Dot,
    /// A table of sources and destinations, as SVG.
    Svg,
}

fn pod_network(text: &str) -> Result<casemate_segment::Addresses, String> {
    match text {
        "none" => Ok(casemate_segment::Addresses::default()),
        _ => casemate_segment::Addresses::of_block(text)
            .ok_or_else(|| "a block is written as 10.128.0.0/14, or none".to_owned()),
    }
}

const EXIT: &str = "Exit status: `forbid` 0 when nothing passes for sure, else 1; the others 0 when they can \
                    answer, whatever the answer; 2 when they cannot.";
