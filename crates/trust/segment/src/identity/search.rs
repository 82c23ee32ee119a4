//! The search for a way.
//!
//! What somebody holds only grows, so a way is searched as facts that follow from others: "holds this pod", "has
//! that account". A right needs two of them, the account and a pod from which the API server is reached, and is
//! drawn when the later one comes. Each fact is drawn once, by a shortest way.

use std::{
    collections::{BTreeSet, HashMap, HashSet, VecDeque},
    sync::Arc,
};

use casemate_posture::{Truth, access::Grant};

use super::{Identities, Tie, powers::Effect, rbac::Held, role::Rule, way::Goal};
use crate::{
    Analysis, Bounds, Connections, Endpoint, Protocol, TooLarge, Workload, addresses,
    analysis::Passing,
};

/// What somebody holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Fact {
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
pub(super) enum Why<'a> {
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

pub(super) struct Reached<'a> {
    pub(super) why: Why<'a>,
    pub(super) from: Vec<Fact>,
    pub(super) unsure: Option<Arc<str>>,
    /// Its place among all, in the order in which they were reached.
    pub(super) at: usize,
}

pub(super) struct Search<'a> {
    pub(super) analysis: &'a Analysis,
    pub(super) identities: &'a Identities,
    pub(super) passing: Passing<'a>,
    pub(super) is_sure: bool,
    goals: HashSet<Fact>,
    pub(super) found: Option<Fact>,
    pub(super) reached: HashMap<Fact, Reached<'a>>,
    todo: VecDeque<Fact>,
    /// Endpoints that no connection led to yet.
    unseen: Vec<usize>,
    /// What those of one class reach, one of them reached.
    classes: HashSet<usize>,
    egress: HashMap<usize, (Truth, Truth)>,
    /// Addresses outside that are those of the metadata service, and those that are not.
    metadata: Vec<usize>,
    outside: Vec<usize>,
    /// Workloads that may be on the network of their node.
    on_host: Vec<usize>,
    /// Accounts without a place from which the API server is reached, and principals without one for clouds.
    waiting: Vec<Fact>,
    /// What was drawn from powers, which many accounts have alike.
    pub(super) drawn: HashSet<Drawn<'a>>,
    /// What may lead further in ways that are not searched.
    pub(super) notes: BTreeSet<Arc<str>>,
    /// How many objects powers were held against.
    pub(super) work: usize,
}

/// What a power comes to, whoever has it.
#[derive(PartialEq, Eq, Hash)]
pub(super) struct Drawn<'a> {
    pub(super) effect: Effect,
    pub(super) namespace: Option<&'a str>,
    pub(super) is_sure: bool,
    /// What it is and by which rule, where it is not about everything in the namespace.
    pub(super) power: Option<(&'static str, *const Rule)>,
}

impl<'a> Search<'a> {
    pub(super) fn new(
        analysis: &'a Analysis,
        to: &[Goal],
        is_sure: bool,
    ) -> Result<Self, TooLarge> {
        let goals = to.iter().flat_map(|it| match it {
            Goal::Endpoint(at) => vec![Fact::At(*at)],
            Goal::Account(at) => vec![Fact::Token(*at), Fact::Account(*at)],
            Goal::Secret(at) => vec![Fact::Secret(*at)],
            Goal::Store(at) => vec![Fact::Store(*at)],
        });
        let is_metadata = addresses::metadata();
        let (mut metadata, mut outside) = (Vec::new(), Vec::new());
        for at in analysis.places() {
            if let Endpoint::Outside(it) = analysis.endpoint(at) {
                match is_metadata.includes(&it) {
                    true => metadata.push(at),
                    false => outside.push(at),
                }
            }
        }
        let workloads = analysis.cluster().workloads.iter().enumerate();
        let on_host = workloads.filter(|(_, it)| it.is_on_host != Truth::No);
        Ok(Self {
            metadata,
            outside,
            on_host: on_host.map(|(at, _)| at).collect(),
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
            notes: BTreeSet::new(),
            work: 0,
        })
    }

    pub(super) fn run(&mut self) {
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
                        self.ties(fact, &accounts[account].ties, None, &Truth::Yes);
                    }
                }
                Fact::Principal(at) => {
                    let has = |it: &Fact| self.reached.contains_key(it);
                    let (server, clouds) = (has(&Fact::Server), has(&Fact::Clouds));
                    if clouds {
                        self.grants(at);
                    }
                    if server {
                        self.enters(fact, at);
                    }
                    if !server || !clouds {
                        self.waiting.push(fact);
                    }
                }
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
    pub(super) fn reach(&mut self, fact: Fact, why: Why<'a>, from: &[Fact], truth: &Truth) {
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

    pub(super) fn workload(&self, at: usize) -> Option<&'a Workload> {
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
        if workload.credentials.is_on_node != Truth::No {
            self.notes.insert(ON_NODE.into());
        }
        self.open(fact, workload);
        if let Some(account) = identities.account_of(workload) {
            let has_token = identities.has_token(workload);
            self.reach(Fact::Token(account), Why::Mounted, &[fact], &has_token);
            let ties = &identities.accounts[account].ties;
            self.ties(fact, ties, Some(workload), &Truth::Yes);
        }
        for (name, _) in &workload.credentials.secrets {
            if let Some(at) = identities.secret(&workload.namespace, name) {
                self.reach(Fact::Secret(at), Why::Mounted, &[fact], &Truth::Yes);
            }
        }
    }

    /// What may be in a pod that does not say which account and Secrets are.
    fn open(&mut self, fact: Fact, workload: &'a Workload) {
        let identities = self.identities;
        if let casemate_posture::Fact::Unknown(why) = &workload.account {
            let perhaps = Truth::Unknown(why.clone());
            let is_there = |it: &str| *it == *workload.namespace;
            let has_token = perhaps.clone().and(|| identities.has_token(workload));
            for (at, account) in identities.accounts.iter().enumerate() {
                if is_there(&account.namespace) {
                    self.reach(Fact::Token(at), Why::Mounted, &[fact], &has_token);
                    self.ties(fact, &account.ties, Some(workload), &perhaps);
                }
            }
        }
        if let Some(why) = &workload.credentials.more_secrets {
            for (at, secret) in identities.secrets.iter().enumerate() {
                if *secret.namespace == *workload.namespace {
                    let truth = Truth::Unknown(why.clone());
                    self.reach(Fact::Secret(at), Why::Mounted, &[fact], &truth);
                }
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
        let reaches = self.metadata.iter().any(|to| {
            let passing = self.passing.between(at, *to);
            passing.is_some_and(|it| !it.most.intersection(&asks).is_empty())
        });
        // A pod of one's own is where its maker wants it.
        let may_be_on_host = fact == Fact::Like(at)
            || (self.workload(at)).is_some_and(|it| it.is_on_host != Truth::No);
        for node in identities.nodes.iter().filter(|_| reaches) {
            if may_be_on_host || !node.is_for_host {
                self.ties(fact, std::slice::from_ref(&node.tie), None, &Truth::Yes);
            }
        }
    }

    /// What an account, or a node, is in clouds, where that it is this one is as sure as `is_it`.
    fn ties(&mut self, fact: Fact, ties: &'a [Tie], pod: Option<&Workload>, is_it: &Truth) {
        for tie in ties {
            let is_labelled = || match pod.filter(|_| tie.needs_label) {
                None => Truth::Yes,
                Some(pod) => match pod.labels.get(AZURE_LABEL) {
                    casemate_posture::Fact::Known(value) => (value == "true").into(),
                    casemate_posture::Fact::Absent => Truth::No,
                    casemate_posture::Fact::Unknown(why) => Truth::Unknown(why),
                },
            };
            let truth = is_it.clone().and(|| tie.truth.clone()).and(is_labelled);
            self.reach(
                Fact::Principal(tie.principal),
                Why::Tie(tie),
                &[fact],
                &truth,
            );
        }
    }

    /// What a role of a cloud may do in the cluster.
    fn enters(&mut self, fact: Fact, principal: usize) {
        let identities = self.identities;
        if identities.of_nodes.contains(&principal) {
            self.notes.insert(OF_NODES.into());
        }
        for held in identities.entrants.get(&principal).into_iter().flatten() {
            self.power(fact, held);
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
    pub(super) fn granted(
        &self,
        principal: usize,
        store: usize,
    ) -> impl Iterator<Item = &'a Grant> {
        let grants = self.identities.clouds.grants[principal].iter();
        grants.filter(move |it| it.store == store && (!self.is_sure || it.truth.is_yes()))
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
            let mut each = self.outside.iter();
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
        let known = (
            reaches(&both(443, 6443), &self.on_host, "the API server"),
            reaches(&both(443, 443), &[], "the cloud"),
        );
        self.egress.insert(class, known.clone());
        known
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

const ON_NODE: &str =
    "pods on the way are privileged or have files of their node: what else is on it they may reach";

const OF_NODES: &str = "roles on the way are nodes to the API server: the Secrets and accounts of the pods on those they may have";

/// The webhook of Azure Workload Identity gives a token to pods that have it.
const AZURE_LABEL: &str = "azure.workload.identity/use";
