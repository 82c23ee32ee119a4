//! The words by which a cluster is read.

use std::path::PathBuf;

use clap::{Args, ValueHint};

/// A Kubernetes cluster that is judged as well, or alone.
#[derive(Args, Debug, Default)]
pub(crate) struct Cluster {
    /// Read a Kubernetes cluster by this kubeconfig, and judge its objects as manifests are judged. Nothing
    /// is written there. Without PATH, nothing else is judged.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) kubeconfig: Option<PathBuf>,

    /// The context of the kubeconfig [default: its current one].
    #[arg(long, value_name = "NAME", requires = "kubeconfig")]
    pub(crate) context: Option<String>,

    /// Run the program that the kubeconfig names for a credential, if it names one.
    #[arg(long, requires = "kubeconfig")]
    pub(crate) allow_exec: bool,

    /// Read the cluster that this runs in, as its pod's service account.
    #[arg(long, conflicts_with = "kubeconfig")]
    pub(crate) in_cluster: bool,

    /// What the cluster is called in identities [default: as its kubeconfig calls it; with --in-cluster, the
    /// UID of the namespace kube-system].
    #[arg(long, value_name = "NAME")]
    pub(crate) cluster: Option<String>,

    /// Read this namespace of the cluster alone, and nothing that is in none; may be given more than once.
    #[arg(long, value_name = "NAME")]
    pub(crate) namespace: Vec<String>,

    /// How many seconds the reading of the cluster may take. What was not read by then is partial, and named
    /// [default: 600].
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) timeout: Option<u64>,
}
