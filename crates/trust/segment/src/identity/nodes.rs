//! What nodes are in clouds: pods get it from the metadata service of their node, if it answers them.

use casemate_posture::{
    Cursor, Fact, Resource, Truth, World,
    access::{Clouds, PrincipalKind},
};

use super::{Because, arns::Arns, cloud::Tie};

/// What some nodes are.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) tie: Tie,
    /// Whether only pods on the network of the node are answered so.
    pub(super) is_for_host: bool,
}

/// What the nodes of the files are, each once.
pub(super) fn read<'a>(world: &'a World, arns: &Arns<'_, 'a>, clouds: &mut Clouds) -> Vec<Node> {
    let mut nodes = Nodes(Vec::new());
    for group in world.of_kind("aws_eks_node_group") {
        let arn = group.at("node_role_arn");
        for (principal, _) in arns.meant(&arn, clouds) {
            nodes.add(principal, "the role", false, &arn);
        }
    }
    for cluster in world.of_kind("google_container_cluster") {
        let (autopilot, removed) = (
            cluster.at("enable_autopilot"),
            cluster.at("remove_default_node_pool"),
        );
        // Nodes of Autopilot answer pods with what these are themselves.
        if autopilot.is_true() != Truth::Yes && removed.is_true() != Truth::Yes {
            nodes.google(cluster, arns, clouds);
        }
    }
    for pool in world.of_kind("google_container_node_pool") {
        nodes.google(pool, arns, clouds);
    }
    for cluster in world.of_kind("azurerm_kubernetes_cluster") {
        nodes.azure(cluster, arns, clouds);
    }
    nodes.0
}

struct Nodes(Vec<Node>);

impl Nodes {
    fn add(&mut self, principal: usize, what: &str, is_for_host: bool, at: &Cursor<'_>) {
        let is_it = |it: &&mut Node| it.tie.principal == principal;
        if let Some(known) = self.0.iter_mut().find(is_it) {
            known.is_for_host &= is_for_host;
            return;
        }
        let why = "whether pods run on those nodes, and whether the metadata service answers pods (the hop limit of AWS), is not known";
        let what = format!("{} names {what} of its nodes", at.resource.address);
        self.0.push(Node {
            tie: Tie {
                principal,
                truth: Truth::Unknown(why.into()),
                needs_label: false,
                because: vec![Because::at(what, at)],
            },
            is_for_host,
        });
    }

    /// Without a service account of its own a node is the one of the project, which may edit it where nobody forbids it
    /// (<https://cloud.google.com/kubernetes-engine/docs/how-to/service-accounts>). Where GKE's own metadata server
    /// runs, pods are what they are themselves.
    fn google<'a>(&mut self, pool: &'a Resource, arns: &Arns<'_, 'a>, clouds: &mut Clouds) {
        let first = |path: &str| pool.cursor().walk(path).into_iter().next();
        let of_gke = first("node_config[].workload_metadata_config[].mode");
        let is_for_host = of_gke.is_some_and(|it| it.equals("GKE_METADATA").is_yes());
        let kind = PrincipalKind::GoogleAccount;
        let email = first("node_config[].service_account");
        let email = email.unwrap_or_else(|| pool.at("node_config"));
        let declared = arns.references.one(&email, "google_service_account");
        let principal = match (declared.and_then(|it| clouds.principal(it)), email.text()) {
            (Some(declared), _) => declared,
            (None, Fact::Known(text)) if text != "default" => match clouds.google_account(&text) {
                Some((declared, _)) => declared,
                None => clouds.add_unknown(kind, &text, &email),
            },
            (None, Fact::Unknown(why)) => {
                clouds.add_unknown(kind, &format!("a service account ({why})"), &email)
            }
            (None, Fact::Known(_) | Fact::Absent) => {
                let called = "the default service account of Compute Engine";
                clouds.add_unknown(kind, called, &email)
            }
        };
        self.add(principal, "the service account", is_for_host, &email);
    }

    /// The identity of kubelets is one of the machine, which gives its tokens to whoever asks
    /// (<https://learn.microsoft.com/azure/aks/use-managed-identity>).
    fn azure<'a>(&mut self, cluster: &'a Resource, arns: &Arns<'_, 'a>, clouds: &mut Clouds) {
        let identity = cluster
            .cursor()
            .walk("kubelet_identity[].user_assigned_identity_id");
        let Some(identity) = identity.into_iter().next() else {
            if let Some(own) = clouds.principal(cluster) {
                self.add(own, "the identity", false, &cluster.cursor());
            }
            return;
        };
        let declared = arns
            .references
            .one(&identity, "azurerm_user_assigned_identity");
        let principal = declared.and_then(|it| clouds.principal(it));
        let principal = principal.unwrap_or_else(|| {
            let called = format!("the identity {}", identity.shown());
            clouds.add_unknown(PrincipalKind::AzureIdentity, &called, &identity)
        });
        self.add(principal, "the identity", false, &identity);
    }
}
