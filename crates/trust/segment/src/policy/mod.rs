//! Policies as they are written, in one form for all kinds.
//!
//! To add a kind, copy `network.rs`: it reads the objects of one kind into [`Policy`]s. Where a kind has a language of
//! its own, it has a directory.

mod authorization;
mod calico;
mod caller;
mod cilium;
mod cluster_wide;
mod network;
pub(crate) mod peer_authentication;
mod services;
mod tier;
mod unread;

use std::sync::Arc;

use casemate_posture::{Cursor, Fact, Origin, Resource, Truth, World};

pub(crate) use self::caller::{Caller, Pattern};
pub(crate) use self::tier::{Order, Priority, unordered};
pub use self::tier::{Plane, Tier};

use crate::{
    Addresses, Assumptions, Bounds, Connections, Gap, Protocol,
    cluster::{Workload, is_of_group},
    mesh::{Mesh, Wire},
    selector::{Namespaces, Requirement, Selector},
};

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
    /// Where it stands.
    pub origin: Origin,
    /// Its place in its tier, if it is known.
    pub(crate) priority: Option<Priority>,
    /// Whom it is about: pods that are some of these.
    pub(crate) subject: Vec<Pods>,
    pub(crate) ingress: Rules,
    pub(crate) egress: Rules,
}

/// Pods of some namespaces.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Pods {
    pub(crate) namespaces: Namespaces,
    pub(crate) selector: Selector,
}

/// What a policy says of a direction.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    /// Whether it says anything of it.
    pub(crate) hold: Truth,
    /// Whether what no rule of its tier decides does not pass, where it says anything.
    pub(crate) closes: Truth,
    pub(crate) all: Vec<Rule>,
}

impl Rules {
    /// Nothing.
    fn none() -> Self {
        Self {
            hold: Truth::No,
            closes: Truth::No,
            all: Vec::new(),
        }
    }
}

/// One rule of a policy.
#[derive(Clone, Debug)]
pub struct Rule {
    /// What to call it: `ingress[0]`, or by its name.
    pub name: String,
    /// What it does, if that is known.
    pub action: Option<Action>,
    /// Which requests it is about, where it is not about all that a connection is used for: `GET /v1/models`.
    pub only: Option<Arc<str>>,
    /// Where it stands.
    pub origin: Origin,
    pub(crate) peers: Vec<Peer>,
    pub(crate) ports: Ports,
}

/// Whom a rule is about.
#[derive(Clone, Debug)]
pub(crate) enum Peer {
    Anyone,
    Pods(Pods),
    /// Addresses, which are said to be outside of the cluster.
    Block(Addresses),
    /// Addresses, of pods as well.
    Networks(Addresses),
    /// Addresses outside of the cluster, and who inside may be meant with them.
    World(Addresses, Inside),
    /// Somebody outside of the cluster; nobody knows at which addresses, and why.
    Outside(Arc<str>),
    /// Nodes, and who is on their network; nobody knows at which of some addresses, and why.
    Nodes(Addresses, Arc<str>),
    /// What serves the Ingresses, if the network plugin does; whether that is so is not known, and why.
    Proxy(Arc<str>),
    /// Who says that he is somebody, or not.
    Caller(Caller),
    /// Somebody, and why nobody knows whom.
    Unknown(Arc<str>),
}

/// Who in a cluster may be meant by addresses that are said to be outside of it.
#[derive(Clone, Debug)]
pub(crate) enum Inside {
    Nobody,
    /// Nodes, and who is on their network; whether that is so is not known, and why.
    Nodes(Arc<str>),
    /// Pods and nodes; whether that is so is not known, and why.
    Pods(Arc<str>),
}

/// Which connections a rule is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Ports {
    /// Those with numbers.
    numbered: Connections,
    /// And those to ports of the destination that have such names.
    named: Vec<(Option<Protocol>, String)>,
    /// Why it may be about others.
    unknown: Option<Arc<str>>,
    /// As what the proxy of the destination has to see them.
    wire: Wire,
}

impl Ports {
    pub(crate) fn all() -> Self {
        Self {
            numbered: Connections::all(),
            ..Self::none()
        }
    }

    pub(crate) fn none() -> Self {
        Self {
            numbered: Connections::default(),
            named: Vec::new(),
            unknown: None,
            wire: Wire::default(),
        }
    }

    pub(crate) fn of_connections(connections: Connections) -> Self {
        Self {
            numbered: connections,
            ..Self::none()
        }
    }

    /// Those that the proxy of the destination sees so.
    fn seen(self, wire: Wire) -> Self {
        Self { wire, ..self }
    }

    /// Those of both, which have no names.
    fn both(&self, other: &Self) -> Self {
        Self {
            numbered: self.numbered.intersection(&other.numbered),
            ..self.clone()
        }
    }

    /// Says that nobody knows what its names mean, and why.
    fn forget_names(&mut self, why: Arc<str>) {
        self.named.clear();
        self.unknown = Some(why);
    }

    fn add(&mut self, connections: &Connections) {
        self.numbered = self.numbered.union(connections);
    }

    /// The names of ports that it asks destinations for.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.named.iter().map(|(_, name)| name.as_str())
    }

    /// Whether it means something else for each destination.
    pub(crate) fn ask_destinations(&self) -> bool {
        !self.named.is_empty() || self.ask_proxies()
    }

    /// Whether it asks what the proxies of destinations see.
    pub(crate) fn ask_proxies(&self) -> bool {
        !self.wire.is_any()
    }

    /// What it means for a destination, which is no workload where it is outside.
    pub(crate) fn of(&self, destination: Option<&Workload>) -> Bounds<Connections> {
        let mut least = self.numbered.clone();
        for (protocol, name) in &self.named {
            let ports = destination.map_or(&[][..], |it| &it.ports);
            let meant = ports.iter().filter(|port| {
                port.name.as_ref() == Some(name) && protocol.is_none_or(|it| it == port.protocol)
            });
            for port in meant {
                least = least.union(&Connections::of(port.protocol, port.port, port.port));
            }
        }
        let most = match self.open(destination) {
            Some(_) => Connections::all(),
            None => least.clone(),
        };
        let all = Bounds { least, most };
        match destination {
            Some(workload) => all.intersection(&self.wire.at(&workload.member)),
            None if self.wire.is_any() => all,
            None => Bounds {
                least: Connections::default(),
                ..all
            },
        }
    }

    /// Why it may mean more than is known.
    pub(crate) fn why(&self, destination: Option<&Workload>) -> Option<Arc<str>> {
        self.open(destination).or_else(|| {
            let seen = destination.map(|it| self.wire.at(&it.member))?;
            (!seen.is_exact()).then(|| "what is spoken at its ports is not said".into())
        })
    }

    /// Why there may be others than those that are written.
    fn open(&self, destination: Option<&Workload>) -> Option<Arc<str>> {
        let more = destination.and_then(|it| it.more_ports.clone());
        self.unknown
            .clone()
            .or(more.filter(|_| !self.named.is_empty()))
    }
}

impl Rule {
    /// How much there is to compare with each endpoint.
    pub(crate) fn weight(&self) -> usize {
        let peers = self.peers.iter().map(|it| match it {
            Peer::Caller(caller) => caller.weight(),
            _ => 0,
        });
        1 + peers.sum::<usize>()
    }
}

impl Peer {
    /// The addresses that a caller is asked for.
    fn called(&self) -> impl Iterator<Item = &Addresses> {
        let conditions = match self {
            Self::Caller(caller) => &*caller.conditions,
            _ => &[],
        };
        conditions.iter().filter_map(|it| match &it.one_of {
            caller::Attribute::Addresses(addresses) => Some(addresses),
            _ => None,
        })
    }
}

impl Policy {
    /// Its rules for a direction.
    pub fn rules(&self, direction: Direction) -> &[Rule] {
        &self.directed(direction).all
    }

    pub(crate) fn directed(&self, direction: Direction) -> &Rules {
        match direction {
            Direction::Ingress => &self.ingress,
            Direction::Egress => &self.egress,
        }
    }

    pub(crate) fn rules_mut(&mut self, direction: Direction) -> &mut [Rule] {
        match direction {
            Direction::Ingress => &mut self.ingress.all,
            Direction::Egress => &mut self.egress.all,
        }
    }

    /// What all of its rules for a direction do, if they do the same.
    pub(crate) fn does(&self, direction: Direction) -> Option<Action> {
        let mut actions = self.rules(direction).iter().map(|it| it.action);
        let first = actions.next().unwrap_or(Some(Action::Allow))?;
        actions.all(|it| it == Some(first)).then_some(first)
    }

    /// All of its rules.
    pub(crate) fn each_rule(&self) -> impl Iterator<Item = &Rule> {
        self.ingress.all.iter().chain(&self.egress.all)
    }

    /// The keys of labels by which it tells pods apart.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        let peers = self.each_rule().flat_map(|rule| &rule.peers);
        let pods = peers.filter_map(|peer| match peer {
            Peer::Pods(pods) => Some(pods),
            Peer::Anyone
            | Peer::Block(_)
            | Peer::Networks(_)
            | Peer::World(..)
            | Peer::Caller(_)
            | Peer::Outside(_)
            | Peer::Nodes(..)
            | Peer::Proxy(_)
            | Peer::Unknown(_) => None,
        });
        let selectors = self.subject.iter().chain(pods);
        selectors.flat_map(|pods| pods.selector.keys())
    }

    /// The blocks of addresses that its rules name. Whoever says the whole world tells none apart.
    pub(crate) fn blocks(&self) -> impl Iterator<Item = &Addresses> {
        self.each_rule()
            .flat_map(|rule| &rule.peers)
            .filter_map(|peer| match peer {
                Peer::World(addresses, _) if *addresses == Addresses::all() => None,
                Peer::Block(addresses) | Peer::Networks(addresses) | Peer::World(addresses, _) => {
                    Some(addresses)
                }
                Peer::Anyone
                | Peer::Pods(_)
                | Peer::Caller(_)
                | Peer::Outside(_)
                | Peer::Nodes(..)
                | Peer::Proxy(_)
                | Peer::Unknown(_) => None,
            })
            .chain(
                self.each_rule()
                    .flat_map(|it| &it.peers)
                    .flat_map(Peer::called),
            )
    }
}

/// Every policy of the files, in the order in which they are asked. What is not understood is added to
/// `gaps`.
pub(crate) fn read(
    world: &World,
    assumptions: &Assumptions,
    mesh: &Mesh,
    gaps: &mut Vec<Gap>,
) -> Vec<Policy> {
    let mut policies = network::read(world, gaps);
    policies.extend(cluster_wide::read(world, gaps));
    cilium::take_over(world, assumptions, &mut policies, gaps);
    policies.extend(cilium::read(world, gaps));
    policies.extend(calico::read(world, gaps));
    policies.extend(mesh.authentications.iter().map(|it| it.policy()));
    policies.extend(authorization::read(world, mesh, gaps));
    unread::tell(world, gaps);
    policies.sort_by(|a, b| (&a.tier, &a.priority, &a.name).cmp(&(&b.tier, &b.priority, &b.name)));
    policies
}

/// Linkerd has kinds of those names.
fn is_of_istio(object: &Resource) -> bool {
    is_of_group(object, &["security.istio.io"]) != Some(false)
}

/// The selector of a policy of Istio, which has labels alone.
fn workload_selector(cursor: &Cursor<'_>, gaps: &mut Vec<Gap>) -> Selector {
    let more = cursor.get("matchExpressions");
    if matches!(more.fact, Fact::Absent | Fact::Unknown(_)) {
        return Selector::read(cursor, gaps);
    }
    let mut selector = Selector::of_labels(&cursor.get("matchLabels"), gaps);
    let why = "selectors of Istio have no matchExpressions";
    let why = Gap::tell(&more, why, gaps);
    selector.0.push(Requirement::Unknown(None, why));
    selector
}

/// The ports from `first` to `last` of a protocol, which have to be ports.
fn range(protocol: Protocol, first: i64, last: i64) -> Option<Connections> {
    let port = |number: i64| u16::try_from(number).ok().filter(|it| *it > 0);
    let (first, last) = (port(first)?, port(last)?);
    (first <= last).then(|| Connections::of(protocol, first, last))
}

const NO_CONNECTION: &str = "messages that are of no connection (ICMP) are not looked at here: whether they pass is not said";
