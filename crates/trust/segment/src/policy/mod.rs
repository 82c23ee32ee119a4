//! Policies as they are written, in one form for all kinds.
//!
//! To add a kind, copy `network.rs`: it reads the objects of one kind into [`Policy`]s.

mod cluster_wide;
mod network;

use casemate_posture::{Cursor, Fact, Origin, World};

use crate::{
    Addresses, Connections, Gap, Protocol,
    cluster::Workload,
    selector::{Namespaces, Selector},
};

/// When policies are asked: one tier after the other, until one decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// AdminNetworkPolicy, and ClusterNetworkPolicy of the tier `Admin`: by their priority, lowest first.
    Admin,
    /// NetworkPolicy: what one of them allows is allowed, and nothing else to whom they select.
    Network,
    /// BaselineAdminNetworkPolicy, and ClusterNetworkPolicy of the tier `Baseline`.
    Baseline,
}

/// What a rule does with the connections that it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// They pass.
    Allow,
    /// They do not.
    Deny,
    /// The next tier decides.
    Pass,
}

/// Which way a connection goes, seen from the pods that a policy selects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// To them.
    Ingress,
    /// From them.
    Egress,
}

/// One policy.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Its kind.
    pub kind: &'static str,
    /// `namespace/name`, or the name of what has no namespace.
    pub name: String,
    /// When it is asked.
    pub tier: Tier,
    /// Its place in its tier.
    pub priority: i64,
    /// Where it stands.
    pub origin: Origin,
    pub(crate) subject: (Namespaces, Selector),
    pub(crate) ingress: Option<Vec<Rule>>,
    pub(crate) egress: Option<Vec<Rule>>,
}

/// One rule of a policy.
#[derive(Clone, Debug)]
pub struct Rule {
    /// What to call it: `ingress[0]`, or by its name.
    pub name: String,
    /// What it does.
    pub action: Action,
    /// Where it stands.
    pub origin: Origin,
    pub(crate) peers: Vec<Peer>,
    pub(crate) ports: Ports,
}

/// Whom a rule is about.
#[derive(Clone, Debug)]
pub(crate) enum Peer {
    Anyone,
    Pods(Namespaces, Selector),
    /// Whoever has one of the addresses, outside of the cluster.
    Outside(Addresses),
    /// Whoever has one of the addresses, pods as well.
    Addressed(Addresses),
}

/// Which connections a rule is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Ports {
    /// Those with numbers.
    numbered: Connections,
    /// And those to ports of the destination that have such names.
    named: Vec<(Option<Protocol>, String)>,
}

impl Ports {
    pub(crate) fn all() -> Self {
        Self {
            numbered: Connections::all(),
            named: Vec::new(),
        }
    }

    pub(crate) fn none() -> Self {
        Self {
            numbered: Connections::default(),
            named: Vec::new(),
        }
    }

    fn add(&mut self, connections: &Connections) {
        self.numbered = self.numbered.union(connections);
    }

    /// Whether it means the same for every destination.
    pub(crate) fn is_numbered(&self) -> bool {
        self.named.is_empty()
    }

    /// What it means for a destination, which is no workload where it is outside.
    pub(crate) fn of(&self, destination: Option<&Workload>) -> Connections {
        let mut connections = self.numbered.clone();
        for (protocol, name) in &self.named {
            let ports = destination.map_or(&[][..], |it| &it.ports);
            let meant = ports.iter().filter(|port| {
                port.name.as_ref() == Some(name) && protocol.is_none_or(|it| it == port.protocol)
            });
            for port in meant {
                connections = connections.union(&Connections::of(port.protocol, port.port, port.port));
            }
        }
        connections
    }
}

impl Policy {
    /// The rules for a direction, if it says anything of that.
    pub fn rules(&self, direction: Direction) -> Option<&[Rule]> {
        match direction {
            Direction::Ingress => self.ingress.as_deref(),
            Direction::Egress => self.egress.as_deref(),
        }
    }

    /// The blocks of addresses that its rules name.
    pub(crate) fn blocks(&self) -> impl Iterator<Item = &Addresses> {
        let rules = self.ingress.iter().chain(&self.egress).flatten();
        rules.flat_map(|rule| &rule.peers).filter_map(|peer| match peer {
            Peer::Outside(addresses) | Peer::Addressed(addresses) => Some(addresses),
            Peer::Anyone | Peer::Pods(..) => None,
        })
    }
}

/// Every policy of the files, in the order in which they are asked. What is not understood is added to
/// `gaps`.
pub(crate) fn read(world: &World, gaps: &mut Vec<Gap>) -> Vec<Policy> {
    let mut policies = network::read(world, gaps);
    policies.extend(cluster_wide::read(world, gaps));
    policies.sort_by(|a, b| (a.tier, a.priority, &a.name).cmp(&(b.tier, b.priority, &b.name)));
    for pair in policies.windows(2) {
        let [a, b] = pair else { continue };
        let is_ordered = a.tier == Tier::Network || (a.tier, a.priority) != (b.tier, b.priority);
        if !is_ordered {
            let message = format!(
                "{} {} and {} {} have one priority: which is asked first is not said",
                a.kind, a.name, b.kind, b.name
            );
            gaps.push(Gap { origin: b.origin.clone(), message });
        }
    }
    policies
}

/// The ports from `first` to `last` of a protocol, which have to be ports.
fn range(protocol: Protocol, first: i64, last: i64) -> Option<Connections> {
    let port = |number: i64| u16::try_from(number).ok().filter(|it| *it > 0);
    let (first, last) = (port(first)?, port(last)?);
    (first <= last).then(|| Connections::of(protocol, first, last))
}

/// Whether there is something at a place; what is not known is there.
fn is_there(cursor: &Cursor<'_>) -> bool {
    !matches!(cursor.fact, Fact::Absent)
}
