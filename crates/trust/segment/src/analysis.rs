//! The endpoints of a cluster, its policies upon them, and what is asked of both.

use std::{collections::HashMap, fmt, sync::OnceLock};

use casemate_posture::{Cursor, Origin, World};

use crate::{
    Addresses, Cluster, Connections, Direction, Entry, Policy, Proof, Tier, Workload,
    addresses::parts,
    entry,
    policy::{self, Action, Peer, Ports},
    proof,
    relation::Relation,
    selector::{Index, Namespaces},
    set::Set,
};

/// Something that is not known, so that answers may not be exact.
#[derive(Clone, Debug)]
pub struct Gap {
    /// Where.
    pub origin: Origin,
    /// What.
    pub message: String,
}

impl Gap {
    pub(crate) fn at(cursor: &Cursor<'_>, message: String) -> Self {
        Self {
            origin: cursor.origin().clone(),
            message: format!("{} at {}: {message}", cursor.resource.address, cursor.path),
        }
    }
}

/// What connections come from and go to.
#[derive(Clone, Copy, Debug)]
pub enum Endpoint<'a> {
    /// A workload.
    Workload(&'a Workload),
    /// Whatever controller serves the Ingresses and Routes: a pod of which nothing is known.
    Controller,
    /// Addresses outside of the cluster.
    Outside(&'a Addresses),
}

/// `lab/notebook[Notebook]`, `{ingress-controller}`, `0.0.0.0-255.255.255.255[External]`.
impl fmt::Display for Endpoint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Workload(workload) => write!(f, "{workload}[{}]", workload.kind),
            Self::Controller => f.write_str("{ingress-controller}"),
            Self::Outside(addresses) => write!(f, "{addresses}[External]"),
        }
    }
}

/// What passes from one endpoint to another.
#[derive(Clone, Debug)]
pub struct Edge<'a> {
    /// The source.
    pub from: Endpoint<'a>,
    /// The destination.
    pub to: Endpoint<'a>,
    /// What passes; never nothing.
    pub connections: Connections,
}

/// A cluster with its policies.
#[derive(Debug)]
pub struct Analysis {
    cluster: Cluster,
    outside: Vec<Addresses>,
    policies: Vec<Policy>,
    held: Vec<Held>,
    entries: Vec<Entry>,
    gaps: Vec<Gap>,
    relation: OnceLock<Relation>,
}

/// A policy, upon the endpoints.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) tier: Tier,
    pub(crate) subject: Set,
    pub(crate) ingress: Option<Vec<HeldRule>>,
    pub(crate) egress: Option<Vec<HeldRule>>,
}

/// A rule, upon the endpoints.
#[derive(Debug)]
pub(crate) struct HeldRule {
    pub(crate) action: Action,
    pub(crate) peers: Set,
    pub(crate) ports: Ports,
}

impl Held {
    pub(crate) fn rules(&self, direction: Direction) -> Option<&[HeldRule]> {
        match direction {
            Direction::Ingress => self.ingress.as_deref(),
            Direction::Egress => self.egress.as_deref(),
        }
    }
}

impl Analysis {
    /// The cluster that the files describe.
    pub fn of(world: &World) -> Self {
        let mut gaps = Vec::new();
        let problem = |it: &casemate_posture::Problem| Gap {
            origin: it.origin.clone(),
            message: it.message.clone(),
        };
        gaps.extend(world.problems().iter().filter(|it| it.is_partial).map(problem));
        let cluster = Cluster::of(world, &mut gaps);
        let policies = policy::read(world, &mut gaps);
        let entries = entry::read(world, &cluster, &mut gaps);
        Self::with(cluster, policies, entries, gaps)
    }

    fn with(cluster: Cluster, policies: Vec<Policy>, entries: Vec<Entry>, gaps: Vec<Gap>) -> Self {
        let blocks: Vec<Addresses> = policies.iter().flat_map(Policy::blocks).cloned().collect();
        let mut outside = parts(&Addresses::all_v4(), &blocks);
        // A cluster that speaks IPv6 says so somewhere.
        if blocks.iter().any(Addresses::has_v6) {
            outside.extend(parts(&Addresses::all_v6(), &blocks));
        }
        let held = Endpoints::of(&cluster, &outside).hold(&policies);
        Self {
            cluster,
            outside,
            policies,
            held,
            entries,
            gaps,
            relation: OnceLock::new(),
        }
    }

    /// Who is in the cluster.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// The policies, in the order in which they are asked.
    pub fn policies(&self) -> &[Policy] {
        &self.policies
    }

    /// The ways in from outside.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// What is not known. Where there is nothing, every answer is exact.
    pub fn gaps(&self) -> &[Gap] {
        &self.gaps
    }

    /// What passes from one endpoint to another by the policies alone, from first to last.
    pub fn edges(&self) -> impl Iterator<Item = Edge<'_>> {
        let count = self.cluster.workloads.len();
        let all = move || (0..count).chain(count + 1..self.bound());
        let pairs = all().flat_map(move |from| all().map(move |to| (from, to)));
        let inside = pairs.filter(move |(from, to)| from != to && (*from < count || *to < count));
        inside.filter_map(|(from, to)| self.edge(from, to)).chain(self.entered())
    }

    fn edge(&self, from: usize, to: usize) -> Option<Edge<'_>> {
        let connections = self.relation().between(from, to);
        (!connections.is_empty()).then(|| Edge {
            from: self.endpoint(from),
            to: self.endpoint(to),
            connections: connections.clone(),
        })
    }

    /// What comes through Ingresses and Routes.
    fn entered(&self) -> impl Iterator<Item = Edge<'_>> {
        let controller = self.cluster.workloads.len();
        (0..controller).filter_map(move |to| {
            let ways = self.entries.iter().filter(|it| it.to == to);
            let sent = ways.fold(Connections::default(), |all, it| all.union(&it.connections));
            let connections = sent.intersection(self.relation().between(controller, to));
            (!connections.is_empty()).then(|| Edge {
                from: Endpoint::Controller,
                to: self.endpoint(to),
                connections,
            })
        })
    }

    /// The endpoints that `name` means: workloads by `name`, `namespace/name` or with `#part`,
    /// `ingress-controller`, or an address outside.
    pub fn find(&self, name: &str) -> Vec<usize> {
        let workloads = self.cluster.workloads.iter().enumerate();
        let mut found: Vec<usize> = workloads
            .filter(|(_, it)| it.is_called(name))
            .map(|(at, _)| at)
            .collect();
        let controller = self.cluster.workloads.len();
        if name == "ingress-controller" && found.is_empty() {
            found.push(controller);
        }
        let block = Addresses::of_address(name).or_else(|| Addresses::of_block(name));
        if let Some(block) = block {
            let parts = self.outside.iter().enumerate();
            let touched = parts.filter(|(_, part)| !part.intersection(&block).is_empty());
            found.extend(touched.map(|(at, _)| controller + 1 + at));
        }
        found
    }

    /// The endpoint at a place that [`Self::find`] gave.
    pub fn endpoint(&self, at: usize) -> Endpoint<'_> {
        let count = self.cluster.workloads.len();
        match at.checked_sub(count) {
            None => Endpoint::Workload(&self.cluster.workloads[at]),
            Some(0) => Endpoint::Controller,
            Some(more) => Endpoint::Outside(&self.outside[more - 1]),
        }
    }

    /// What passes from one endpoint to another, and why.
    pub fn prove(&self, from: usize, to: usize) -> Proof<'_> {
        proof::prove(self, from, to)
    }

    /// The policies with what they are upon the endpoints.
    pub(crate) fn held(&self) -> impl Iterator<Item = (&Policy, &Held)> {
        self.policies.iter().zip(&self.held)
    }

    pub(crate) fn relation(&self) -> &Relation {
        self.relation.get_or_init(|| {
            let mut kinds = HashMap::new();
            let mut alike = Vec::with_capacity(self.bound());
            for at in 0..self.bound() {
                let named = self.cluster.workloads.get(at).map(|it| &*it.ports);
                let next = kinds.len();
                alike.push(*kinds.entry(named.unwrap_or_default()).or_insert(next));
            }
            Relation::of(&self.cluster.workloads, &alike, &self.held)
        })
    }

    fn bound(&self) -> usize {
        self.cluster.workloads.len() + 1 + self.outside.len()
    }
}

/// The endpoints, as policies look for them.
struct Endpoints<'a> {
    index: Index<'a>,
    controller: usize,
    outside: &'a [Addresses],
    bound: usize,
}

impl<'a> Endpoints<'a> {
    fn of(cluster: &'a Cluster, outside: &'a [Addresses]) -> Self {
        let controller = cluster.workloads.len();
        let bound = controller + 1 + outside.len();
        Self {
            index: Index::of(cluster, bound),
            controller,
            outside,
            bound,
        }
    }

    fn hold(mut self, policies: &[Policy]) -> Vec<Held> {
        policies.iter().map(|policy| self.policy(policy)).collect()
    }

    fn policy(&mut self, policy: &Policy) -> Held {
        let (namespaces, pods) = &policy.subject;
        let subject = self.index.select(namespaces, pods).clone();
        let mut rules = |direction| {
            let rules = policy.rules(direction)?.iter();
            let held = rules.map(|rule| HeldRule {
                action: rule.action,
                peers: self.peers(&rule.peers),
                ports: rule.ports.clone(),
            });
            Some(held.collect())
        };
        Held {
            tier: policy.tier,
            subject,
            ingress: rules(Direction::Ingress),
            egress: rules(Direction::Egress),
        }
    }

    fn peers(&mut self, peers: &[Peer]) -> Set {
        let mut set = Set::none(self.bound);
        for peer in peers {
            match peer {
                Peer::Anyone => set.add(&Set::all(self.bound)),
                Peer::Pods(namespaces, pods) => {
                    set.add(self.index.select(namespaces, pods));
                    let none = crate::Labels::new();
                    let is_any = match namespaces {
                        Namespaces::One(_) => false,
                        Namespaces::Selected(selector) => selector.matches(&none),
                    };
                    if is_any && pods.matches(&none) {
                        set.insert(self.controller);
                    }
                }
                Peer::Outside(addresses) => self.add_outside(&mut set, addresses),
                Peer::Addressed(addresses) => {
                    self.add_outside(&mut set, addresses);
                    if addresses.includes(&Addresses::all_v4()) {
                        set.add(self.index.held());
                        set.insert(self.controller);
                    }
                }
            }
        }
        set
    }

    fn add_outside(&self, set: &mut Set, addresses: &Addresses) {
        for (at, part) in self.outside.iter().enumerate() {
            if addresses.includes(part) {
                set.insert(self.controller + 1 + at);
            }
        }
    }
}
