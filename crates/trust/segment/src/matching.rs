//! Whom policies and rules mean, decided for one endpoint.

use std::sync::{Arc, LazyLock};

use casemate_posture::Truth;

use crate::{
    Addresses, Assumptions, Bounds, Cluster, Connections, Endpoint, Labels, Protocol, Workload,
    addresses::metadata,
    policy::{Caller, Inside, Peer, Pods},
    selector::Namespaces,
};

/// A cluster as those who look for endpoints see it.
#[derive(Clone, Copy)]
pub(crate) struct Matching<'a> {
    pub(crate) cluster: &'a Cluster,
    pub(crate) assumptions: &'a Assumptions,
    /// Whether who may call without saying who it is does so.
    pub(crate) is_hiding: bool,
}

impl Matching<'_> {
    /// The same where who may call without saying who it is does so.
    pub(crate) fn hiding(self) -> Self {
        Self {
            is_hiding: true,
            ..self
        }
    }

    /// Whether some of the peers are the endpoint.
    pub(crate) fn any(self, peers: &[Peer], endpoint: &Endpoint<'_>) -> Truth {
        Truth::any(peers.iter().map(|peer| self.peer(peer, endpoint)))
    }

    pub(crate) fn peer(self, peer: &Peer, endpoint: &Endpoint<'_>) -> Truth {
        match (peer, endpoint) {
            (Peer::Anyone, _) => Truth::Yes,
            (Peer::Unknown(why), _) => Truth::Unknown(why.clone()),
            (Peer::Pods(pods), _) => self.pods(pods, endpoint),
            (Peer::Caller(caller), _) => self.caller(caller, endpoint),
            (Peer::Block(block) | Peer::Networks(block), Endpoint::Outside(part)) => {
                block.includes(part).into()
            }
            (Peer::Networks(block), _) if block.includes(&Addresses::all_v4()) => Truth::Yes,
            (Peer::Block(block) | Peer::Networks(block), Endpoint::Workload(workload)) => {
                let on_host = match self.assumptions.holds_host_network {
                    Some(true) => Truth::No,
                    _ => workload.is_on_host.clone(),
                };
                let unknown = || Truth::Unknown("the addresses of nodes are not known".into());
                match on_host {
                    Truth::Yes => unknown(),
                    Truth::No => self.block(block),
                    Truth::Unknown(why) => Truth::Unknown(why),
                }
            }
            (Peer::Block(_) | Peer::Networks(_), Endpoint::Controller) => self.controller(),
            (Peer::World(world, _), Endpoint::Outside(part)) => world.includes(part).into(),
            (Peer::World(_, inside), Endpoint::Workload(workload)) => match inside {
                Inside::Nobody => Truth::No,
                Inside::Nodes(_) if self.assumptions.holds_host_network == Some(true) => Truth::No,
                Inside::Nodes(why) => workload
                    .is_on_host
                    .clone()
                    .and(|| Truth::Unknown(why.clone())),
                Inside::Pods(why) => Truth::Unknown(why.clone()),
            },
            (Peer::Nodes(among, why), Endpoint::Outside(part)) => {
                match among.intersection(part).is_empty() || is_never_inside(part) {
                    true => Truth::No,
                    false => Truth::Unknown(why.clone()),
                }
            }
            (Peer::Nodes(_, why), Endpoint::Workload(workload)) => workload
                .is_on_host
                .clone()
                .and(|| Truth::Unknown(why.clone())),
            (Peer::Proxy(why), Endpoint::Controller) => Truth::Unknown(why.clone()),
            (Peer::Proxy(_), _) => Truth::No,
            (Peer::Outside(why), Endpoint::Outside(_)) => Truth::Unknown(why.clone()),
            (Peer::Outside(_), Endpoint::Workload(workload)) => workload
                .is_on_host
                .clone()
                .and(|| Truth::Unknown("the addresses of nodes are not known".into())),
            (Peer::World(..) | Peer::Outside(_) | Peer::Nodes(..), Endpoint::Controller) => {
                self.controller()
            }
        }
    }

    /// Whether the endpoint is somebody who calls so.
    fn caller(self, caller: &Caller, endpoint: &Endpoint<'_>) -> Truth {
        let at = |block: &Addresses| self.peer(&Peer::Networks(block.clone()), endpoint);
        match endpoint {
            Endpoint::Workload(workload) => {
                let is_identified = match self.is_hiding && workload.member.may_hide {
                    true => &Truth::No,
                    false => &workload.member.is_identified,
                };
                caller.is(is_identified, Some(*workload), at)
            }
            Endpoint::Controller => {
                let why = "whether the ingress controller says who it is is not known";
                caller.is(&Truth::Unknown(why.into()), None, at)
            }
            Endpoint::Outside(part) => {
                let named = &self.cluster.named_outside;
                let is_identified = match named.intersection(part).is_empty() {
                    true => Truth::No,
                    false => Truth::Unknown("a WorkloadEntry has an address of these".into()),
                };
                caller.is(&is_identified, None, at)
            }
        }
    }

    /// Whether proxies of nodes may carry what goes from one to the other.
    pub(crate) fn carries(self, from: &Endpoint<'_>, to: &Endpoint<'_>) -> bool {
        match (from, to) {
            (Endpoint::Workload(from), Endpoint::Workload(to)) => {
                from.member.may_carry_to(&to.member)
            }
            // Gateways of a mesh do.
            (Endpoint::Controller, Endpoint::Workload(to)) => to.member.may_see_bytes_alone,
            _ => false,
        }
    }

    /// What others call at the endpoint so that they say who they are.
    pub(crate) fn served(self, endpoint: &Endpoint<'_>) -> Connections {
        match endpoint {
            Endpoint::Workload(workload) => workload.member.served.clone(),
            Endpoint::Controller | Endpoint::Outside(_) => Connections::default(),
        }
    }

    /// What proxies decide of, of what comes to the endpoint, and why that is not known.
    pub(crate) fn taken(self, endpoint: &Endpoint<'_>) -> (Bounds<Connections>, Option<Arc<str>>) {
        match endpoint {
            Endpoint::Workload(workload) => {
                let member = &workload.member;
                (member.taken.clone(), member.unsure.clone())
            }
            Endpoint::Controller => {
                let perhaps = Bounds {
                    least: Connections::default(),
                    most: Connections::of_protocol(Protocol::Tcp),
                };
                let why = "whether the ingress controller has a proxy is not known";
                (perhaps, Some(why.into()))
            }
            Endpoint::Outside(_) => (Bounds::default(), None),
        }
    }

    /// Whether a policy is about the endpoint.
    pub(crate) fn subject(self, subject: &[Pods], endpoint: &Endpoint<'_>) -> Truth {
        Truth::any(subject.iter().map(|pods| self.pods(pods, endpoint)))
    }

    /// Whether the endpoint is one of the pods.
    pub(crate) fn pods(self, pods: &Pods, endpoint: &Endpoint<'_>) -> Truth {
        match (&pods.namespaces, endpoint) {
            (Namespaces::Nodes(why), Endpoint::Workload(workload)) => {
                let unknown = || Truth::Unknown(why.clone());
                return workload.is_on_host.clone().and(unknown);
            }
            (Namespaces::Proxy(why), Endpoint::Controller) => return Truth::Unknown(why.clone()),
            (Namespaces::Nodes(_), Endpoint::Controller) => return self.controller(),
            _ => {}
        }
        match endpoint {
            Endpoint::Workload(workload) => self
                .namespace(&pods.namespaces, &workload.namespace)
                .and(|| pods.selector.matches(&workload.labels))
                .and(|| self.is_held(workload)),
            Endpoint::Controller => {
                let none = Labels::default();
                let is_any = match &pods.namespaces {
                    Namespaces::One(_) => Truth::No,
                    Namespaces::Selected(selector) => selector.matches(&none),
                    Namespaces::Unknown(why) => Truth::Unknown(why.clone()),
                    Namespaces::Nodes(_) | Namespaces::Proxy(_) => Truth::No,
                };
                match self.assumptions.declared_only {
                    true => is_any.and(|| pods.selector.matches(&none)),
                    false => self.controller(),
                }
            }
            Endpoint::Outside(_) => Truth::No,
        }
    }

    pub(crate) fn namespace(self, namespaces: &Namespaces, name: &Arc<str>) -> Truth {
        match namespaces {
            Namespaces::One(one) => (one == name).into(),
            Namespaces::Selected(selector) => match self.cluster.namespaces.get(name) {
                Some(namespace) => selector.matches(&namespace.labels),
                None => Truth::No,
            },
            Namespaces::Unknown(why) => Truth::Unknown(why.clone()),
            Namespaces::Nodes(_) | Namespaces::Proxy(_) => Truth::No,
        }
    }

    /// Whether policies hold the pods of a workload at all.
    pub(crate) fn is_held(self, workload: &Workload) -> Truth {
        match (&workload.is_on_host, self.assumptions.holds_host_network) {
            (Truth::No, _) | (_, Some(true)) => Truth::Yes,
            (Truth::Yes, Some(false)) => Truth::No,
            (Truth::Yes, None) => Truth::Unknown(ON_HOST.into()),
            (Truth::Unknown(why), _) => Truth::Unknown(why.clone()),
        }
    }

    /// Whether the endpoint may be on the network of its node, where what is on the same node is reached
    /// whatever policies say.
    pub(crate) fn escapes(self, endpoint: &Endpoint<'_>) -> bool {
        match (endpoint, self.assumptions.holds_host_network) {
            (Endpoint::Workload(workload), Some(false) | None) => workload.is_on_host != Truth::No,
            _ => false,
        }
    }

    /// Whether pods have their addresses in a block.
    pub(crate) fn block(self, block: &Addresses) -> Truth {
        let Some(network) = &self.assumptions.pod_network else {
            if is_never_inside(block) {
                return Truth::No;
            }
            return Truth::Unknown("pods may have addresses in the block, or not".into());
        };
        if network.intersection(block).is_empty() {
            Truth::No
        } else if block.includes(network) {
            Truth::Yes
        } else {
            Truth::Unknown("some pods have addresses in the block".into())
        }
    }

    fn controller(self) -> Truth {
        match self.assumptions.declared_only {
            true => Truth::No,
            false => {
                Truth::Unknown("where the ingress controller runs is not among the files".into())
            }
        }
    }
}

/// Whether neither pods nor nodes have some addresses.
fn is_never_inside(block: &Addresses) -> bool {
    NEVER_INSIDE.includes(block)
}

const ON_HOST: &str =
    "whether policies hold a pod on the network of its node is up to the network plugin";

/// No network gives such addresses to pods and nodes, nor those of metadata services: link-local ones, loopback,
/// and multicast (RFC 6890, RFC 5771, RFC 4291).
static NEVER_INSIDE: LazyLock<Addresses> = LazyLock::new(|| {
    let blocks = [
        "169.254.0.0/16",
        "127.0.0.0/8",
        "224.0.0.0/4",
        "fe80::/10",
        "::1/128",
        "ff00::/8",
    ];
    Addresses::of_texts(&blocks).union(&metadata())
});
