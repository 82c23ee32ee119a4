//! The words of `admit`.

use std::{net::SocketAddr, path::PathBuf};

use casemate_core::RuleId;
use clap::{Args, Subcommand, ValueEnum, ValueHint};

use super::{Persona, policy};

/// Decide what a Kubernetes cluster takes.
#[derive(Debug, Subcommand)]
pub(crate) enum Admit {
    /// Be the webhook that an API server asks, over TLS: `/validate` and `/mutate`.
    Serve(Box<Serve>),
    /// Decide about objects or requests in a file, as the webhook would, and say why.
    Review(Review),
    /// Print rules as ValidatingAdmissionPolicies (CEL), which an API server decides by itself.
    Export(Export),
}

/// By what is decided.
#[derive(Args, Clone, Debug)]
pub(crate) struct By {
    #[command(flatten)]
    pub(crate) policy: policy::Source,

    /// A directory of Gatekeeper's templates and constraints [default: those of --policy].
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) constraints: Option<PathBuf>,

    /// A file of objects that constraints may refer to, such as namespaces with their labels; may be repeated.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) inventory: Vec<PathBuf>,

    /// What is said of images and models, signed: a bundle, or a claims file; may be repeated. The gate sees what is said of
    /// those that an object names by their digest, and `signed` in the configuration asks for it.
    #[arg(long, value_name = "FILE", requires = "trust_store", value_hint = ValueHint::FilePath)]
    pub(crate) evidence: Vec<PathBuf>,

    /// Trust whom this store names with what is said of images and models.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) trust_store: Option<PathBuf>,

    /// Whether what is denied is denied, or let through with a warning [default: enforce].
    #[arg(long, value_enum, value_name = "MODE")]
    pub(crate) mode: Option<Mode>,

    /// Whom findings are for [default: regular].
    #[arg(long)]
    pub(crate) persona: Option<Persona>,
}

/// Whether decisions hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    /// What is denied is denied.
    Enforce,
    /// Everything is let through, and what would be denied is a warning and an audit annotation.
    Audit,
}

/// What becomes of a request that was not judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnError {
    /// It is denied.
    Deny,
    /// It is let through, with a warning.
    Allow,
}

/// Be the webhook.
#[derive(Args, Debug)]
#[command(
    after_help = "The policy, the constraints and the configuration are read once, at the start. The certificate is read \
again when its files change (looked at every 10 seconds) and on SIGHUP. SIGTERM: not ready any more, and answering for another \
5 seconds; SIGINT ends at once. Either way, what was asked is answered."
)]
pub(crate) struct Serve {
    /// Where to listen.
    #[arg(long, value_name = "ADDR", default_value = "0.0.0.0:8443")]
    pub(crate) listen: SocketAddr,

    /// The certificate in PEM, with those who issued it behind it.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) tls_cert: PathBuf,

    /// Its private key in PEM.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) tls_key: PathBuf,

    #[command(flatten)]
    pub(crate) by: By,

    /// What becomes of a request that got no turn in time, and was not judged [default: deny].
    #[arg(long, value_enum, value_name = "WHAT")]
    pub(crate) on_error: Option<OnError>,

    /// A file to append a record of each decision to, as lines of JSON; `-` for standard output.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) records: Option<PathBuf>,

    /// Where to show metrics (`/metrics`) and health (`/livez`, `/readyz`), without TLS.
    #[arg(long, value_name = "ADDR")]
    pub(crate) metrics: Option<SocketAddr>,
}

/// Decide about a file.
#[derive(Args, Debug)]
#[command(after_help = "Exit status: 1 when anything is denied, else 0.")]
pub(crate) struct Review {
    /// Objects, or requests of an API server (AdmissionReview), in YAML or JSON; `-` for standard input.
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,

    #[command(flatten)]
    pub(crate) by: By,

    /// Say what would be repaired, too.
    #[arg(long)]
    pub(crate) mutate: bool,
}

/// Print rules as ValidatingAdmissionPolicies.
#[derive(Args, Debug)]
pub(crate) struct Export {
    /// Only this rule; may be repeated.
    #[arg(long, value_name = "RULE")]
    pub(crate) rule: Vec<RuleId>,

    /// What the API server does where a rule is broken.
    #[arg(long, value_enum, value_name = "ACTION", default_value_t = Action::Warn)]
    pub(crate) action: Action,

    /// List every rule about Kubernetes with whether CEL can say it, and why not.
    #[arg(long, conflicts_with_all = ["rule", "action"])]
    pub(crate) list: bool,
}

/// What the API server does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Action {
    /// It denies.
    Deny,
    /// It warns the client.
    Warn,
    /// It writes an audit annotation.
    Audit,
}
