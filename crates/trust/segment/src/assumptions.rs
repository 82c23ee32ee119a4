//! What manifests do not say, and who asks may know.

use crate::Addresses;

/// What is taken for granted. By default nothing is, and what hangs on it is not determined.
#[derive(Clone, Debug, Default)]
pub struct Assumptions {
    /// The addresses that pods have: they tell which blocks of addresses are about pods.
    pub pod_network: Option<Addresses>,
    /// Whether policies hold pods on the network of their nodes as they hold others. Plugins differ, and
    /// Kubernetes lets them.
    pub holds_host_network: Option<bool>,
    /// Whether namespaces that are not among the files, and the pods of the ingress controller, have no
    /// labels but those that Kubernetes adds.
    pub declared_only: bool,
    /// Addresses outside that are told from others, whether or not policies do.
    pub told_apart: Vec<Addresses>,
}
