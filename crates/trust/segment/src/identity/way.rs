//! Ways that walk through networks and identities: who cannot reach something directly may reach somebody who
//! can, or become them.
//!
//! What somebody holds only grows, so a way is searched as facts that follow from others: "controls this pod",
//! "has that account". A right needs two of them, the account and a pod from which the API server is reached, and
//! is drawn when the later one comes. Each fact is drawn once, by the shortest way.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
};

use casemate_posture::{
    Truth,
    access::{Access, Grant},
};

use super::{
    Because, Identities, Tie,
    powers::{Effect, Power},
    rbac::Held,
    shown_store,
};
use crate::{
    Analysis, Bounds, Connections, Endpoint, Protocol, TooLarge, Workload, addresses,
    analysis::Passing,
};

/// What a way leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Goal {
    /// The endpoint at a place.
    Endpoint(usize),
    /// The rights of an account.
    Account(usize),
    /// What is in a Secret.
    Secret(usize),
    /// Something that is stored in a cloud, in whatever way.
    Store(usize),
}

/// A step of a way.
#[derive(Clone, Debug)]
pub struct Hop<'a> {
    /// How it goes.
    pub kind: HopKind,
    /// From where: an endpoint, `account/lab/notebook`, `secret/lab/token`, a role of a cloud.
    pub from: String,
    /// To where; `bucket/models` as well.
    pub to: String,
    /// By what: the name of a power, what is done with a bucket.
    pub by: String,
    /// What passes, of a step through the network.
    pub connections: Option<Cow<'a, Bounds<Connections>>>,
    /// What says so. Of the network, the proof of the pair does ([`Analysis::prove`]).
    pub because: Vec<Because>,
    /// The places of both endpoints, of a step through the network.
    pub ends: Option<(usize, usize)>,
    /// Why it is not known whether it is possible.
    pub unsure: Option<Arc<str>>,
}

/// How a step goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HopKind {
    /// Connections that pass.
    Network,
    /// What is in a pod, or in a Secret.
    Credential,
    /// A right at the API server.
    Rbac,
    /// A role of a cloud, or what it gives.
    Cloud,
}

impl HopKind {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Credential => "credential",
            Self::Rbac => "rbac",
            Self::Cloud => "cloud",
        }
    }
}

impl Analysis {
    /// A shortest way from one of some endpoints to one of some goals; who holds a workload has what is in its pods.
    /// One each step of which is sure, if there is one; else one whose steps may be. No step where there is none.
    ///
    /// # Errors
    ///
    /// [`TooLarge`].
    pub fn way(&self, from: &[usize], to: &[Goal]) -> Result<Vec<Hop<'_>>, TooLarge> {
        let is_source = |it: &Goal| matches!(it, Goal::Endpoint(at) if from.contains(at));
        let (both, others): (Vec<Goal>, Vec<Goal>) = to.iter().copied().partition(is_source);
        for is_sure in [true, false] {
            let mut hops = self.search(from, &others, is_sure)?;
            // To one that is a source as well the way is from another.
            for goal in &both {
                if hops.is_empty() {
                    let rest = from.iter().filter(|at| Goal::Endpoint(**at) != *goal);
                    hops = self.search(&rest.copied().collect::<Vec<_>>(), &[*goal], is_sure)?;
                }
            }
            if !hops.is_empty() {
                return Ok(hops);
            }
        }
        Ok(Vec::new())
    }

    fn search(&self, from: &[usize], to: &[Goal], is_sure: bool) -> Result<Vec<Hop<'_>>, TooLarge> {
        if from.is_empty() || to.is_empty() {
            return Ok(Vec::new());
        }
        let mut search = Search::new(self, to, is_sure)?;
        for at in from {
            search.reach(Fact::At(*at), Why::Begins, &[], &Truth::Yes);
        }
        search.run();
        Ok(search.hops())
    }
}

/// What somebody holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Fact {
    /// What runs at an endpoint.
    At(usize),
    /// A pod of one's own, to which policies do as to those of a workload: whoever makes it gives it its labels.
    Like(usize),
    /// A place from which the API server is reached.
    Server,
    /// A place from which clouds are reached.
    Clouds,
    /// A token of an account that the API server takes.
    Token(usize),
    /// Tokens of an account for whatever audience.
    Account(usize),
    Secret(usize),
    Principal(usize),
    Store(usize),
}

/// Why it is held.
#[derive(Clone, Copy, Debug)]
enum Why<'a> {
    Begins,
    Passes,
    /// The pod has it in it.
    Mounted,
    /// The Secret holds the token.
    Holds,
    Power(&'a Held),
    Tie(&'a Tie),
    /// What a principal may do with a store.
    Grants(usize, usize),
}

struct Reached<'a> {
    why: Why<'a>,
    from: Vec<Fact>,
    unsure: Option<Arc<str>>,
    /// Its place among all, in the order in which they were reached.
    at: usize,
}

struct Search<'a> {
    analysis: &'a Analysis,
    identities: &'a Identities,
    passing: Passing<'a>,
    is_sure: bool,
    goals: HashSet<Fact>,
    found: Option<Fact>,
    reached: HashMap<Fact, Reached<'a>>,
    todo: VecDeque<Fact>,
    /// Endpoints that no connection led to yet.
    unseen: Vec<usize>,
    /// What those of one class reach, one of them reached.
    classes: HashSet<usize>,
    egress: HashMap<usize, (Truth, Truth)>,
    /// Accounts without a place from which the API server is reached, and principals without one for clouds.
    waiting: Vec<Fact>,
    /// What was drawn from powers, which many accounts have alike.
    drawn: HashSet<Drawn<'a>>,
}

/// What a power comes to, whoever has it.
#[derive(PartialEq, Eq, Hash)]
struct Drawn<'a> {
    effect: Effect,
    namespace: Option<&'a str>,
    is_sure: bool,
    /// The rule, where it is not about everything in the namespace.
    rule: Option<&'a str>,
}

impl<'a> Search<'a> {
    fn new(analysis: &'a Analysis, to: &[Goal], is_sure: bool) -> Result<Self, TooLarge> {
        let goals = to.iter().flat_map(|it| match it {
            Goal::Endpoint(at) => vec![Fact::At(*at)],
            Goal::Account(at) => vec![Fact::Token(*at), Fact::Account(*at)],
            Goal::Secret(at) => vec![Fact::Secret(*at)],
            Goal::Store(at) => vec![Fact::Store(*at)],
        });
        Ok(Self {
            analysis,
            identities: analysis.identities(),
            passing: analysis.passing()?,
            is_sure,
            goals: goals.collect(),
            found: None,
            reached: HashMap::new(),
            todo: VecDeque::new(),
            unseen: analysis.places().collect(),
            classes: HashSet::new(),
            egress: HashMap::new(),
            waiting: Vec::new(),
            drawn: HashSet::new(),
        })
    }

    fn run(&mut self) {
        while let Some(fact) = self.todo.pop_front().filter(|_| self.found.is_none()) {
            match fact {
                Fact::At(at) => self.at(at),
                Fact::Like(at) => {
                    self.connects(fact, at);
                    self.node(fact, at);
                }
                Fact::Token(account) | Fact::Account(account) => {
                    match self.reached.contains_key(&Fact::Server) {
                        true => self.powers(fact, account),
                        false => self.waiting.push(fact),
                    }
                    if fact == Fact::Account(account) {
                        let accounts = &self.identities.accounts;
                        self.ties(fact, &accounts[account].ties, None);
                    }
                }
                Fact::Principal(at) => match self.reached.contains_key(&Fact::Clouds) {
                    true => self.grants(at),
                    false => self.waiting.push(fact),
                },
                Fact::Secret(at) => {
                    if let Some(account) = self.identities.secrets[at].token_of {
                        self.reach(Fact::Token(account), Why::Holds, &[fact], &Truth::Yes);
                    }
                }
                Fact::Server | Fact::Clouds => {
                    let waiting = std::mem::take(&mut self.waiting);
                    self.todo.extend(waiting);
                }
                Fact::Store(_) => {}
            }
        }
    }

    /// Says that something is held, where it is not yet, and is as sure as is asked.
    fn reach(&mut self, fact: Fact, why: Why<'a>, from: &[Fact], truth: &Truth) {
        let unsure = match truth {
            Truth::No => return,
            Truth::Unknown(_) if self.is_sure => return,
            Truth::Unknown(why) => Some(why.clone()),
            Truth::Yes => None,
        };
        if self.found.is_some() || self.reached.contains_key(&fact) {
            return;
        }
        let reached = Reached {
            why,
            from: from.to_vec(),
            unsure,
            at: self.reached.len(),
        };
        self.reached.insert(fact, reached);
        self.todo.push_back(fact);
        if self.goals.contains(&fact) {
            self.found = Some(fact);
        }
    }

    fn workload(&self, at: usize) -> Option<&'a Workload> {
        self.analysis.cluster().workloads.get(at)
    }

    /// What follows from an endpoint: where it connects to, and what is in its pods.
    fn at(&mut self, at: usize) {
        let fact = Fact::At(at);
        let is_held = match self.workload(at) {
            Some(_) => true,
            // Nobody holds what is outside because something connects to it.
            None => self.reached.get(&fact).is_some_and(|it| it.from.is_empty()),
        };
        if !is_held {
            return;
        }
        self.connects(fact, at);
        if let Some(workload) = self.workload(at) {
            self.pod(fact, workload);
            self.node(fact, at);
        }
    }

    /// Where one connects to from a place to which policies do as to an endpoint.
    fn connects(&mut self, fact: Fact, at: usize) {
        let (server, clouds) = self.egress_of(at);
        self.reach(Fact::Server, Why::Passes, &[fact], &server);
        self.reach(Fact::Clouds, Why::Passes, &[fact], &clouds);
        let is_new = self.workload(at).is_none() || self.classes.insert(self.passing.class(at));
        if !is_new {
            return;
        }
        let unseen = std::mem::take(&mut self.unseen);
        for next in unseen {
            let passing = self.passing.between(at, next);
            let truth = passing.map_or(Truth::No, |it| passes(&it));
            self.reach(Fact::At(next), Why::Passes, &[fact], &truth);
            if !self.reached.contains_key(&Fact::At(next)) {
                self.unseen.push(next);
            }
        }
    }

    fn pod(&mut self, fact: Fact, workload: &'a Workload) {
        let identities = self.identities;
        if let Some(account) = identities.account_of(workload) {
            let has_token = identities.has_token(workload);
            self.reach(Fact::Token(account), Why::Mounted, &[fact], &has_token);
            self.ties(fact, &identities.accounts[account].ties, Some(workload));
        }
        for (name, _) in &workload.credentials.secrets {
            let is_it = |it: &super::Secret| {
                (it.namespace.as_str(), it.name.as_str()).cmp(&(&workload.namespace, name))
            };
            if let Ok(at) = identities.secrets.binary_search_by(is_it) {
                self.reach(Fact::Secret(at), Why::Mounted, &[fact], &Truth::Yes);
            }
        }
    }

    /// What a pod gets from the metadata service of its node.
    fn node(&mut self, fact: Fact, at: usize) {
        let identities = self.identities;
        if identities.nodes.is_empty() || self.is_sure {
            return;
        }
        let asks = Connections::of(Protocol::Tcp, 80, 80);
        let reaches = self
            .outside()
            .filter(|(_, is_metadata)| *is_metadata)
            .any(|(to, _)| {
                let passing = self.passing.between(at, to);
                passing.is_some_and(|it| !it.most.intersection(&asks).is_empty())
            });
        if reaches {
            self.ties(fact, &identities.nodes, None);
        }
    }

    fn ties(&mut self, fact: Fact, ties: &'a [Tie], pod: Option<&Workload>) {
        for tie in ties {
            let is_labelled = || match pod.filter(|_| tie.needs_label) {
                None => Truth::Yes,
                Some(pod) => match pod.labels.get(AZURE_LABEL) {
                    casemate_posture::Fact::Known(value) => (value == "true").into(),
                    casemate_posture::Fact::Absent => Truth::No,
                    casemate_posture::Fact::Unknown(why) => Truth::Unknown(why),
                },
            };
            let truth = tie.truth.clone().and(is_labelled);
            self.reach(
                Fact::Principal(tie.principal),
                Why::Tie(tie),
                &[fact],
                &truth,
            );
        }
    }

    fn grants(&mut self, principal: usize) {
        let clouds = &self.identities.clouds;
        let from = [Fact::Principal(principal), Fact::Clouds];
        for grant in &clouds.grants[principal] {
            let why = Why::Grants(principal, grant.store);
            self.reach(Fact::Store(grant.store), why, &from, &grant.truth);
        }
    }

    /// The grants of a principal for a store that are as sure as is asked.
    fn granted(&self, principal: usize, store: usize) -> impl Iterator<Item = &'a Grant> {
        let grants = self.identities.clouds.grants[principal].iter();
        grants.filter(move |it| it.store == store && (!self.is_sure || it.truth.is_yes()))
    }

    fn powers(&mut self, fact: Fact, account: usize) {
        let accounts = &self.identities.accounts;
        for held in &accounts[account].powers {
            self.power(fact, held);
        }
    }

    fn power(&mut self, account: Fact, held: &'a Held) {
        let is_whole = held.rule.names.is_empty() && held.power.effect != Effect::Changes;
        let drawn = Drawn {
            effect: held.power.effect,
            namespace: held.namespace.as_deref(),
            is_sure: held.truth.is_yes(),
            rule: held
                .because
                .first()
                .filter(|_| !is_whole)
                .map(|it| &*it.what),
        };
        if !self.drawn.insert(drawn) {
            return;
        }
        let from = [account, Fact::Server];
        let why = Why::Power(held);
        let truth = &held.truth;
        match held.power.effect {
            Effect::Pods => {
                for (at, workload) in self.workloads(held) {
                    let truth = truth.clone().and(|| is_pod(held, workload));
                    self.reach(Fact::At(at), why, &from, &truth);
                }
            }
            Effect::Changes => {
                for (at, workload) in self.workloads(held) {
                    let truth = truth.clone().and(|| is_changed(held, workload));
                    self.reach(Fact::At(at), why, &from, &truth);
                    self.creates(held, Some(&workload.namespace), &from, &truth);
                }
            }
            Effect::Creates => self.creates(held, held.namespace.as_ref(), &from, truth),
            Effect::Everything => {
                self.creates(held, held.namespace.as_ref(), &from, truth);
                for (at, _) in self.workloads(held) {
                    self.reach(Fact::At(at), why, &from, truth);
                }
            }
            Effect::Accounts | Effect::Impersonates => {
                let is_full = held.power.effect == Effect::Accounts;
                for (at, account) in self.identities.accounts.iter().enumerate() {
                    if !is_within(held, &account.namespace) {
                        continue;
                    }
                    let user = format!(
                        "system:serviceaccount:{}:{}",
                        account.namespace, account.name
                    );
                    let truth = truth
                        .clone()
                        .and(|| named(held, |it| it == account.name || it == user));
                    let fact = if is_full {
                        Fact::Account(at)
                    } else {
                        Fact::Token(at)
                    };
                    self.reach(fact, why, &from, &truth);
                }
            }
            Effect::Secrets => {
                for (at, secret) in self.identities.secrets.iter().enumerate() {
                    if is_within(held, &secret.namespace) {
                        let truth = truth.clone().and(|| named(held, |it| it == secret.name));
                        self.reach(Fact::Secret(at), why, &from, &truth);
                    }
                }
            }
        }
    }

    /// A pod of one's own in a namespace: it runs as any account of it, with any Secret.
    fn creates(
        &mut self,
        held: &'a Held,
        namespace: Option<&Arc<str>>,
        from: &[Fact],
        truth: &Truth,
    ) {
        let is_there = |it: &str| namespace.is_none_or(|namespace| **namespace == *it);
        let why = Why::Power(held);
        for (at, account) in self.identities.accounts.iter().enumerate() {
            if is_there(&account.namespace) {
                self.reach(Fact::Account(at), why, from, truth);
            }
        }
        for (at, secret) in self.identities.secrets.iter().enumerate() {
            if is_there(&secret.namespace) {
                self.reach(Fact::Secret(at), why, from, truth);
            }
        }
        for (at, workload) in self.analysis.cluster().workloads.iter().enumerate() {
            if is_there(&workload.namespace) {
                self.reach(Fact::Like(at), why, from, truth);
            }
        }
    }

    /// The workloads of the namespaces in which a power is held.
    fn workloads(&self, held: &'a Held) -> Vec<(usize, &'a Workload)> {
        let all = self.analysis.cluster().workloads.iter().enumerate();
        all.filter(|(_, it)| is_within(held, &it.namespace))
            .collect()
    }

    /// The endpoints outside, and whether one is the metadata service.
    fn outside(&self) -> impl Iterator<Item = (usize, bool)> + use<'a> {
        let analysis = self.analysis;
        let metadata = addresses::metadata();
        analysis
            .places()
            .filter_map(move |at| match analysis.endpoint(at) {
                Endpoint::Outside(it) => Some((at, metadata.includes(&it))),
                _ => None,
            })
    }

    /// Whether an endpoint reaches the API server, and clouds: both are outside of the network of pods, and where
    /// is not known.
    fn egress_of(&mut self, at: usize) -> (Truth, Truth) {
        match self.analysis.endpoint(at) {
            Endpoint::Workload(_) => {}
            Endpoint::Controller => return (Truth::No, Truth::No),
            Endpoint::Outside(_) => {
                let server = "whether the API server answers from outside is not known";
                return (Truth::Unknown(server.into()), Truth::Yes);
            }
        }
        let class = self.passing.class(at);
        if let Some(known) = self.egress.get(&class) {
            return known.clone();
        }
        let outside: Vec<(usize, bool)> = self.outside().filter(|it| !it.1).collect();
        let both = |a, b| {
            Connections::of(Protocol::Tcp, a, a).union(&Connections::of(Protocol::Tcp, b, b))
        };
        let reaches = |ports: &Connections, more: &[usize], what: &str| {
            let is_least = |to: &usize| {
                let passing = self.passing.between(at, *to);
                passing.is_some_and(|it| it.least.includes(ports))
            };
            let is_most = |to: &usize| {
                let tcp = Connections::of_protocol(Protocol::Tcp);
                let passing = self.passing.between(at, *to);
                passing.is_some_and(|it| !it.most.intersection(&tcp).is_empty())
            };
            let mut each = outside.iter().map(|(to, _)| to);
            match (
                each.clone().all(is_least),
                each.any(is_most) || more.iter().any(is_most),
            ) {
                (true, true) => Truth::Yes,
                (_, true) => Truth::Unknown(
                    format!("at which addresses and port {what} answers is not known").into(),
                ),
                (_, false) => Truth::No,
            }
        };
        let workloads = self.analysis.cluster().workloads.iter().enumerate();
        let on_host = workloads.filter(|(_, it)| it.is_on_host != Truth::No);
        let on_host: Vec<usize> = on_host.map(|(at, _)| at).collect();
        let known = (
            reaches(&both(443, 6443), &on_host, "the API server"),
            reaches(&both(443, 443), &[], "the cloud"),
        );
        self.egress.insert(class, known.clone());
        known
    }

    /// The steps to what was found, in an order in which each is possible.
    fn hops(&self) -> Vec<Hop<'a>> {
        let mut needed: Vec<Fact> = self.found.into_iter().collect();
        let mut seen: HashSet<Fact> = needed.iter().copied().collect();
        let mut at = 0;
        while let Some(fact) = needed.get(at).copied() {
            let from = &self.reached[&fact].from;
            needed.extend(from.iter().filter(|it| seen.insert(**it)));
            at += 1;
        }
        needed.sort_by_key(|it| self.reached[it].at);
        needed.iter().filter_map(|it| self.hop(*it)).collect()
    }

    fn hop(&self, fact: Fact) -> Option<Hop<'a>> {
        let reached = &self.reached[&fact];
        let from = *reached.from.first()?;
        let mut because = Vec::new();
        let mut unsure = reached.unsure.clone();
        for place in &reached.from[1..] {
            // From where a right is used is a part of the step, and none of its own.
            let place = &self.reached[place];
            if let [at, ..] = place.from[..] {
                because.push(Because {
                    what: format!("asked from {}", self.shown(at)),
                    origin: None,
                });
            }
            unsure = unsure.or_else(|| place.unsure.clone());
        }
        let (kind, by) = match reached.why {
            Why::Begins => return None,
            Why::Passes => match fact {
                Fact::At(_) => (HopKind::Network, "connections".to_owned()),
                _ => return None,
            },
            Why::Mounted => {
                because.extend(self.mounted(from, fact));
                let what = if matches!(fact, Fact::Secret(_)) {
                    "a Secret in its pods"
                } else {
                    "the token in its pods"
                };
                (HopKind::Credential, what.to_owned())
            }
            Why::Holds => {
                because.extend(self.declared(from));
                (HopKind::Credential, "the token in the Secret".to_owned())
            }
            Why::Power(held) => {
                because.splice(0..0, held.because.iter().cloned());
                (HopKind::Rbac, held.power.name.to_owned())
            }
            Why::Tie(tie) => {
                because.extend(tie.because.iter().cloned());
                (HopKind::Cloud, "its role in the cloud".to_owned())
            }
            Why::Grants(principal, store) => {
                let mut access = Access::default();
                for grant in self.granted(principal, store) {
                    access = access.union(grant.access);
                    let (what, origin) = grant.because.clone();
                    because.push(Because {
                        what: format!("{what}: {}", grant.access),
                        origin: Some(origin),
                    });
                }
                // From where it is asked comes last.
                because.rotate_left(reached.from.len() - 1);
                (HopKind::Cloud, access.to_string())
            }
        };
        let ends = match (from, fact) {
            (Fact::At(from) | Fact::Like(from), Fact::At(to)) if kind == HopKind::Network => {
                Some((from, to))
            }
            _ => None,
        };
        Some(Hop {
            kind,
            from: self.shown(from),
            to: self.shown(fact),
            by,
            connections: ends.and_then(|(from, to)| self.passing.between(from, to)),
            because,
            ends,
            unsure,
        })
    }

    fn mounted(&self, from: Fact, fact: Fact) -> Option<Because> {
        let Fact::At(at) = from else { return None };
        let workload = self.workload(at)?;
        Some(match fact {
            Fact::Secret(secret) => {
                let name = &self.identities.secrets[secret].name;
                let origin = workload.credentials.secrets.iter().find(|it| it.0 == *name);
                Because {
                    what: format!("its pods see the Secret {name}"),
                    origin: origin.map(|it| it.1.clone()),
                }
            }
            _ => Because {
                what: "its pods run as the account and have its token".to_owned(),
                origin: Some(workload.credentials.origin.clone()),
            },
        })
    }

    fn declared(&self, fact: Fact) -> Option<Because> {
        let Fact::Secret(at) = fact else { return None };
        Some(Because {
            what: "it is of the type kubernetes.io/service-account-token".to_owned(),
            origin: Some(self.identities.secrets[at].origin.clone()),
        })
    }

    fn shown(&self, fact: Fact) -> String {
        let identities = self.identities;
        match fact {
            Fact::At(at) => self.analysis.endpoint(at).to_string(),
            Fact::Like(at) => format!("a pod like {}", self.analysis.endpoint(at)),
            Fact::Server => "the API server".to_owned(),
            Fact::Clouds => "clouds".to_owned(),
            Fact::Token(at) | Fact::Account(at) => identities.accounts[at].to_string(),
            Fact::Secret(at) => identities.secrets[at].to_string(),
            Fact::Principal(at) => identities.clouds.principals[at].address.to_string(),
            Fact::Store(at) => shown_store(&identities.clouds.stores[at]),
        }
    }
}

/// Whether something passes.
fn passes(connections: &Bounds<Connections>) -> Truth {
    match (connections.least.is_empty(), connections.most.is_empty()) {
        (false, _) => Truth::Yes,
        (true, false) => Truth::Unknown("what passes is not known".into()),
        (true, true) => Truth::No,
    }
}

/// Whether a power is held in a namespace.
fn is_within(held: &Held, namespace: &str) -> bool {
    held.namespace.as_deref().is_none_or(|it| it == namespace)
}

/// Whether a power is about an object of which `is_it` holds by its name.
fn named(held: &Held, is_it: impl Fn(&str) -> bool) -> Truth {
    match held.rule.names.is_empty() {
        true => Truth::Yes,
        false => held.rule.names.any(is_it),
    }
}

/// Whether a power is about pods of a workload: what it is about are names of pods, or of nodes.
fn is_pod(held: &Held, workload: &Workload) -> Truth {
    let names = &held.rule.names;
    if names.is_empty() {
        return Truth::Yes;
    }
    if held.power.is_of_cluster {
        return Truth::Unknown("on which of the nodes it runs is not known".into());
    }
    let own = |it: &str| it == workload.name && workload.kind == "Pod";
    let numbered = |it: &str| {
        let rest = it
            .strip_prefix(&workload.name)
            .and_then(|it| it.strip_prefix('-'));
        rest.is_some_and(|it| !it.is_empty() && it.bytes().all(|it| it.is_ascii_digit()))
            && workload.kind == "StatefulSet"
    };
    let made = |it: &str| {
        let rest = it
            .strip_prefix(&workload.name)
            .is_some_and(|it| it.starts_with('-'));
        rest && workload.kind != "Pod"
    };
    names
        .any(|it| own(it) || numbered(it))
        .or(|| match names.any(made) {
            Truth::Yes => Truth::Unknown(
                "whether the pod that it names is of the workload is not known".into(),
            ),
            other => other,
        })
}

/// Whether a power that is about objects is about this one, by its kind and name.
fn is_changed(held: &Held, workload: &Workload) -> Truth {
    let plural = format!("{}s", workload.kind.to_ascii_lowercase());
    let Power { rights, .. } = held.power;
    let is_of = rights
        .iter()
        .filter(|it| it.resources.contains(&plural.as_str()));
    let gives = is_of.flat_map(|it| it.verbs.iter().map(|verb| (*verb, it.group)));
    Truth::any(gives.map(|(verb, group)| {
        held.rule.allows(&super::Request {
            verb,
            group,
            resource: &plural,
            name: Some(&workload.name),
            namespace: None,
        })
    }))
}

/// The webhook of Azure Workload Identity gives a token to pods that have it.
const AZURE_LABEL: &str = "azure.workload.identity/use";
