//! The endpoints of a cluster, its policies upon them, and what is asked of both.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    fmt,
    sync::{Arc, OnceLock},
};

use casemate_posture::{Cursor, Origin, World};

use crate::{
    Addresses, Assumptions, Bounds, Cluster, Connections, Entry, Policy, Proof, Workload,
    addresses::{METADATA, parts},
    calls::Calls,
    directory::Directory,
    entry,
    held::Held,
    identity::Identities,
    index::Index,
    matching::Matching,
    mesh::{Callers, Mesh},
    policy::{self, Direction, Peer, Plane, Rule},
    proof,
    relation::{Relation, Seen, Sides, TooLarge},
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
    pub(crate) fn at(cursor: &Cursor<'_>, message: &str) -> Self {
        Self {
            origin: cursor.origin().clone(),
            message: format!("{} at {}: {message}", cursor.resource.address, cursor.path),
        }
    }

    /// Adds one to `gaps`, and gives what it says.
    pub(crate) fn tell(cursor: &Cursor<'_>, message: &str, gaps: &mut Vec<Self>) -> Arc<str> {
        let gap = Self::at(cursor, message);
        let why = gap.message.as_str().into();
        gaps.push(gap);
        why
    }
}

/// What connections come from and go to.
#[derive(Clone, Debug)]
pub enum Endpoint<'a> {
    /// A workload.
    Workload(&'a Workload),
    /// Whatever serves the Ingresses, Routes and Gateways: a pod of which nothing is known.
    Controller,
    /// Addresses outside of the cluster.
    Outside(Cow<'a, Addresses>),
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
    /// What passes; never surely nothing.
    pub connections: Cow<'a, Bounds<Connections>>,
}

/// A cluster with its policies.
#[derive(Debug)]
pub struct Analysis {
    cluster: Cluster,
    assumptions: Assumptions,
    outside: Vec<Addresses>,
    policies: Vec<Policy>,
    entries: Vec<Entry>,
    calls: Calls,
    directory: OnceLock<Directory>,
    world: Arc<World>,
    identities: OnceLock<Identities>,
    gaps: Vec<Gap>,
    relation: OnceLock<Result<Relation, TooLarge>>,
}

impl Analysis {
    /// The cluster that the files describe.
    pub fn of(world: impl Into<Arc<World>>, assumptions: Assumptions) -> Self {
        Self::called(world, assumptions, Callers::AsTheyAre)
    }

    /// The same, whose workloads call each other in some way.
    pub(crate) fn called(
        world: impl Into<Arc<World>>,
        assumptions: Assumptions,
        callers: Callers,
    ) -> Self {
        let shared = world.into();
        let world = &*shared;
        let mut gaps = Vec::new();
        let problem = |it: &casemate_posture::Problem| Gap {
            origin: it.origin.clone(),
            message: it.message.clone(),
        };
        gaps.extend(
            world
                .problems()
                .iter()
                .filter(|it| it.is_partial)
                .map(problem),
        );
        let mesh = Mesh::of(world, callers, &mut gaps);
        let policies = policy::read(world, &assumptions, &mesh, &mut gaps);
        let keys = policies.iter().flat_map(Policy::keys).map(str::to_owned);
        let asked: HashSet<String> = keys.chain(entry::keys(world)).collect();
        let mut cluster = Cluster::of(world, &assumptions, &asked, &mut gaps);
        let services = entry::services(world, &cluster, &mut gaps);
        if mesh.has_nodes.is_yes() || policies.iter().any(|it| it.tier.plane == Plane::Mesh) {
            mesh.join(&mut cluster, &services);
        }
        let entries = entry::read(world, &assumptions, &cluster, &services, &mut gaps);
        let calls = Calls::of(&cluster, &services);
        Self {
            outside: outside(&policies, &cluster.named_outside, &assumptions),
            cluster,
            assumptions,
            policies,
            entries,
            calls,
            directory: OnceLock::new(),
            gaps,
            identities: OnceLock::new(),
            relation: OnceLock::new(),
            world: shared,
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

    /// Whom workloads are configured to call.
    pub fn calls(&self) -> &Calls {
        &self.calls
    }

    /// Who has which address and name.
    pub(crate) fn directory(&self) -> &Directory {
        self.directory.get_or_init(|| {
            // What is not known of Services was told.
            let services = entry::services(&self.world, &self.cluster, &mut Vec::new());
            Directory::of(&self.cluster, &services)
        })
    }

    /// What the analysis takes for granted.
    pub(crate) fn assumptions(&self) -> &Assumptions {
        &self.assumptions
    }

    /// Service accounts, and what they may do in the cluster and in clouds. What is not known of them is among
    /// their own gaps: what passes does not hang on it.
    pub fn identities(&self) -> &Identities {
        self.identities
            .get_or_init(|| Identities::of(&self.world, &self.cluster))
    }

    /// What is not known. Which answers hang on it, the answers say.
    pub fn gaps(&self) -> &[Gap] {
        &self.gaps
    }

    /// What passes from one endpoint to another, as far as policies let it: between workloads, with what is
    /// outside, and through the ways in. Addresses outside that have the same fate are one endpoint.
    ///
    /// # Errors
    ///
    /// [`TooLarge`].
    pub fn edges(&self) -> Result<impl Iterator<Item = Edge<'_>>, TooLarge> {
        let relation = self.relation()?;
        let count = self.cluster.workloads.len();
        let pairs = (0..count).flat_map(move |from| (0..count).map(move |to| (from, to)));
        let inside = pairs
            .filter(|(from, to)| from != to)
            .filter_map(move |(from, to)| {
                let connections = relation.between(from, to);
                (!connections.most.is_empty()).then(|| Edge {
                    from: self.endpoint(from),
                    to: self.endpoint(to),
                    connections: Cow::Borrowed(connections),
                })
            });
        Ok(inside
            .chain(self.outer(relation))
            .chain(self.entered(relation)))
    }

    fn outer<'a>(&'a self, relation: &'a Relation) -> impl Iterator<Item = Edge<'a>> {
        let mut kept: HashMap<(usize, bool), Fates<'_>> = HashMap::new();
        let ends = (0..self.cluster.workloads.len()).flat_map(|at| [(at, true), (at, false)]);
        ends.flat_map(move |(at, is_to)| {
            let fates = kept
                .entry((relation.class(at), is_to))
                .or_insert_with(|| self.fates(relation, at, is_to));
            let edge = |(addresses, connections): &(Addresses, &'_ Bounds<Connections>)| {
                let outside = Endpoint::Outside(Cow::Owned(addresses.clone()));
                let (from, to) = match is_to {
                    true => (outside, self.endpoint(at)),
                    false => (self.endpoint(at), outside),
                };
                Edge {
                    from,
                    to,
                    connections: Cow::Owned((*connections).clone()),
                }
            };
            fates.iter().map(edge).collect::<Vec<_>>()
        })
    }

    /// The addresses outside by what passes between them and a workload.
    fn fates<'a>(&self, relation: &'a Relation, at: usize, is_to: bool) -> Fates<'a> {
        let first = self.cluster.workloads.len() + 1;
        let mut fates: Vec<(Vec<&Addresses>, &Bounds<Connections>)> = Vec::new();
        for (place, part) in self.outside.iter().enumerate() {
            let (from, to) = if is_to {
                (first + place, at)
            } else {
                (at, first + place)
            };
            let connections = relation.between(from, to);
            if connections.most.is_empty() {
                continue;
            }
            match fates.iter_mut().find(|(_, it)| *it == connections) {
                Some((parts, _)) => parts.push(part),
                None => fates.push((vec![part], connections)),
            }
        }
        let fates = fates.into_iter();
        fates
            .map(|(parts, it)| (Addresses::union_of(parts), it))
            .collect()
    }

    /// What comes through Ingresses, Routes and Gateways.
    fn entered<'a>(&'a self, relation: &'a Relation) -> impl Iterator<Item = Edge<'a>> {
        (0..self.cluster.workloads.len()).filter_map(move |to| {
            Some(Edge {
                from: Endpoint::Controller,
                to: self.endpoint(to),
                connections: Cow::Owned(self.entered_at(relation, to)?),
            })
        })
    }

    /// What comes to a workload in that way, if something may.
    pub(crate) fn entered_at(&self, relation: &Relation, to: usize) -> Option<Bounds<Connections>> {
        let sent = entry::sent(&self.ways_to(to).collect::<Vec<_>>());
        let connections = sent.intersection(relation.between(self.cluster.workloads.len(), to));
        (!connections.most.is_empty()).then_some(connections)
    }

    /// What tells the ingress controller to send something to a workload.
    pub(crate) fn ways_to(&self, to: usize) -> impl Iterator<Item = &Entry> {
        self.entries
            .iter()
            .filter(move |it| it.is_proxied && it.to == to)
    }

    /// What policies let pass from one endpoint to another, by their places among all.
    ///
    /// # Errors
    ///
    /// [`TooLarge`].
    pub fn between(&self, from: usize, to: usize) -> Result<&Bounds<Connections>, TooLarge> {
        Ok(self.relation()?.between(from, to))
    }

    /// The places of all endpoints.
    pub fn places(&self) -> impl Iterator<Item = usize> + use<> {
        0..self.bound()
    }

    /// What passes between all of them.
    ///
    /// # Errors
    ///
    /// [`TooLarge`].
    pub(crate) fn passing(&self) -> Result<Passing<'_>, TooLarge> {
        Ok(Passing {
            analysis: self,
            relation: self.relation()?,
        })
    }

    /// Whether policies of the network close an endpoint, so that what none of them allows does not pass.
    pub(crate) fn is_isolated(&self, at: usize, direction: Direction) -> bool {
        let (matching, endpoint) = (self.matching(), self.endpoint(at));
        let mut policies = self
            .policies
            .iter()
            .filter(|it| it.tier.plane == Plane::Network);
        policies.any(|it| {
            let rules = it.directed(direction);
            let closes = rules.hold.clone().and(|| rules.closes.clone());
            closes
                .and(|| matching.subject(&it.subject, &endpoint))
                .is_yes()
        })
    }

    /// The endpoints that `name` means: workloads by `name`, `namespace/name` or with `#part`,
    /// `ingress-controller`, `cloud-metadata`, `outside`, or an address or a block of them outside.
    pub fn find(&self, name: &str) -> Vec<usize> {
        let workloads = self.cluster.workloads.iter().enumerate();
        let found: Vec<usize> = workloads
            .filter(|(_, it)| it.is_called(name))
            .map(|(at, _)| at)
            .collect();
        if !found.is_empty() {
            return found;
        }
        let controller = self.cluster.workloads.len();
        let meant = match name {
            "ingress-controller" => return vec![controller],
            "cloud-metadata" => Addresses::of_address(METADATA[0]),
            "outside" => Some(Addresses::all_v4().union(&Addresses::all_v6())),
            _ => Addresses::read(name),
        };
        let meant = meant.unwrap_or_default();
        let parts = self.outside.iter().enumerate();
        let touched = parts.filter(|(_, part)| !part.intersection(&meant).is_empty());
        touched.map(|(at, _)| controller + 1 + at).collect()
    }

    /// The endpoint at a place that [`Self::find`] or [`Self::places`] gave.
    pub fn endpoint(&self, at: usize) -> Endpoint<'_> {
        let count = self.cluster.workloads.len();
        match at.checked_sub(count) {
            None => Endpoint::Workload(&self.cluster.workloads[at]),
            Some(0) => Endpoint::Controller,
            Some(more) => Endpoint::Outside(Cow::Borrowed(&self.outside[more - 1])),
        }
    }

    /// What passes from one endpoint to another, and why.
    pub fn prove(&self, from: usize, to: usize) -> Proof<'_> {
        proof::prove(self, from, to)
    }

    /// Every peer of every rule.
    pub(crate) fn peers(&self) -> Vec<PeerPlace> {
        let mut places = Vec::new();
        for (policy, it) in self.policies.iter().enumerate() {
            for direction in [Direction::Ingress, Direction::Egress] {
                for (rule, it) in it.rules(direction).iter().enumerate() {
                    places.extend((0..it.peers.len()).map(|peer| PeerPlace {
                        policy,
                        direction,
                        rule,
                        peer,
                    }));
                }
            }
        }
        places
    }

    /// Takes a peer out of its rule, which is about nobody without peers.
    pub(crate) fn remove_peer(&mut self, place: &PeerPlace) -> Peer {
        self.relation = OnceLock::new();
        self.policies[place.policy].rules_mut(place.direction)[place.rule]
            .peers
            .remove(place.peer)
    }

    /// Puts it back.
    pub(crate) fn insert_peer(&mut self, place: &PeerPlace, peer: Peer) {
        self.relation = OnceLock::new();
        self.policies[place.policy].rules_mut(place.direction)[place.rule]
            .peers
            .insert(place.peer, peer);
    }

    /// How many endpoints there are, and into how many classes they fall.
    ///
    /// # Errors
    ///
    /// [`TooLarge`].
    pub fn classes(&self) -> Result<(usize, usize), TooLarge> {
        Ok((self.bound(), self.relation()?.classes()))
    }

    pub(crate) fn matching(&self) -> Matching<'_> {
        Matching {
            cluster: &self.cluster,
            assumptions: &self.assumptions,
            is_hiding: false,
        }
    }

    pub(crate) fn relation(&self) -> Result<&Relation, TooLarge> {
        let relation = self.relation.get_or_init(|| {
            let rules: usize = self
                .policies
                .iter()
                .map(|it| it.each_rule().map(Rule::weight).sum::<usize>() + 1)
                .sum();
            if rules.saturating_mul(self.bound()) > MAX_HELD {
                return Err(TooLarge);
            }
            let matching = self.matching();
            let places = 0..self.bound();
            let endpoints: Vec<Endpoint<'_>> = places.map(|at| self.endpoint(at)).collect();
            let mut index = Index::of(matching, &endpoints);
            let held = self.policies.iter().map(|it| Held::of(it, &mut index));
            let escapes = endpoints.iter().map(|it| matching.escapes(it));
            let seen = endpoints.iter().map(|it| Seen {
                taken: matching.taken(it).0,
                served: matching.served(it),
            });
            Relation::of(&Sides {
                policies: &held.collect::<Vec<_>>(),
                workloads: &self.cluster.workloads,
                alike: &self.alike(),
                escape: &escapes.collect::<Vec<_>>(),
                seen: &seen.collect::<Vec<_>>(),
                carry: &|from, to| matching.carries(&endpoints[from], &endpoints[to]),
            })
        });
        relation.as_ref().map_err(|it| *it)
    }

    /// A number for each endpoint, which those share whose ports have the same names, and whose proxies see the
    /// same, as far as rules ask.
    fn alike(&self) -> Vec<usize> {
        let rules = self.policies.iter().flat_map(Policy::each_rule);
        let asked: Vec<&str> = rules.flat_map(|it| it.ports.names()).collect();
        let mut kinds = HashMap::new();
        let mut alike = Vec::with_capacity(self.bound());
        for at in 0..self.bound() {
            let workload = self.cluster.workloads.get(at).filter(|_| !asked.is_empty());
            let is_asked = |name: &String| asked.contains(&name.as_str());
            let ports = workload.into_iter().flat_map(|it| &it.ports);
            let ports: Vec<_> = ports
                .filter(|it| it.name.as_ref().is_some_and(is_asked))
                .collect();
            let is_open = workload.is_some_and(|it| it.more_ports.is_some());
            let proxied = self.cluster.workloads.get(at);
            let proxied = proxied.map(|it| it.member.told_apart());
            let is_controller = at == self.cluster.workloads.len();
            let next = kinds.len();
            alike.push(
                *kinds
                    .entry((ports, is_open, proxied, is_controller))
                    .or_insert(next),
            );
        }
        alike
    }

    fn bound(&self) -> usize {
        self.cluster.workloads.len() + 1 + self.outside.len()
    }
}

/// Whom each rule is about is two bits for each endpoint, and as much again for some of them.
const MAX_HELD: usize = 1 << 30;

/// What passes between endpoints, by their places.
#[derive(Clone, Copy)]
pub(crate) struct Passing<'a> {
    analysis: &'a Analysis,
    relation: &'a Relation,
}

impl<'a> Passing<'a> {
    /// What passes from one to another; from a workload to itself, between its pods, and a pod that stands alone
    /// has no other like it. Nothing is said of two that are both outside, nor of what goes to the controller;
    /// from it comes what something sends through it.
    pub(crate) fn between(self, from: usize, to: usize) -> Option<Cow<'a, Bounds<Connections>>> {
        let workloads = &self.analysis.cluster.workloads;
        let controller = workloads.len();
        let is_alone = from == to && workloads.get(from).is_none_or(|it| it.kind == "Pod");
        if is_alone || to == controller || (from >= controller && to > controller) {
            return None;
        }
        Some(match from == controller {
            true => {
                let entered = self.analysis.entered_at(self.relation, to);
                Cow::Owned(entered.unwrap_or_default())
            }
            false => Cow::Borrowed(self.relation.between(from, to)),
        })
    }

    /// The class of an endpoint: nothing tells it from others of the same but names and ways in.
    pub(crate) fn class(self, at: usize) -> usize {
        self.relation.class(at)
    }
}

/// Where a peer stands.
pub(crate) struct PeerPlace {
    /// The place of the policy among all.
    pub(crate) policy: usize,
    pub(crate) direction: Direction,
    /// The place of the rule among those of the direction.
    pub(crate) rule: usize,
    /// Its place in the rule.
    pub(crate) peer: usize,
}

/// Addresses outside by what passes.
type Fates<'a> = Vec<(Addresses, &'a Bounds<Connections>)>;

/// The addresses outside of the cluster, cut into those that policies tell apart.
fn outside(policies: &[Policy], named: &Addresses, assumptions: &Assumptions) -> Vec<Addresses> {
    let mut blocks: Vec<Addresses> = Vec::new();
    let mut seen = HashSet::new();
    blocks.extend(
        policies
            .iter()
            .flat_map(Policy::blocks)
            .filter(|it| seen.insert(*it))
            .cloned(),
    );
    blocks.extend(Addresses::of_address(METADATA[0]));
    blocks.extend(Some(named.clone()).filter(|it| !it.is_empty()));
    blocks.extend(assumptions.told_apart.iter().cloned());
    let inside = assumptions.pod_network.clone().unwrap_or_default();
    // A cluster that speaks IPv6 says so somewhere.
    let whole = match blocks.iter().any(Addresses::has_v6) || inside.has_v6() {
        true => vec![Addresses::all_v4(), Addresses::all_v6()],
        false => vec![Addresses::all_v4()],
    };
    whole
        .iter()
        .flat_map(|whole| parts(&whole.difference(&inside), &blocks))
        .collect()
}
