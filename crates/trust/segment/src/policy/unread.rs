//! Policies of kinds that nobody reads here: they are told, so that no answer is taken for more than it says.

use casemate_posture::World;

use crate::Gap;

/// Adds those that are among the files to `gaps`.
pub(super) fn tell(world: &World, gaps: &mut Vec<Gap>) {
    for (kind, groups) in UNREAD {
        let objects = world.of_kind(kind).filter(|object| {
            let version = object.at("apiVersion").text().ok();
            version.is_some_and(|it| groups.iter().any(|group| it.starts_with(group)))
        });
        for object in objects {
            let why = format!("what a {kind} lets pass, and where it leads, is not looked at here");
            Gap::tell(&object.at("spec"), &why, gaps);
        }
    }
}

/// Kinds, and the groups of those that are meant.
const UNREAD: &[(&str, &[&str])] = &[
    ("CiliumLocalRedirectPolicy", &["cilium.io/"]),
    ("CiliumEgressGatewayPolicy", &["cilium.io/"]),
    ("CiliumEnvoyConfig", &["cilium.io/"]),
    ("CiliumClusterwideEnvoyConfig", &["cilium.io/"]),
    ("MultiNetworkPolicy", &["k8s.cni.cncf.io/"]),
    ("NetworkPolicy", &["crd.antrea.io/"]),
    ("ClusterNetworkPolicy", &["crd.antrea.io/"]),
    ("EgressFirewall", &["k8s.ovn.org/"]),
    ("EgressNetworkPolicy", &["network.openshift.io/"]),
    ("FQDNNetworkPolicy", &["networking.gke.io/"]),
    ("SecurityGroupPolicy", &["vpcresources.k8s.aws/"]),
];
