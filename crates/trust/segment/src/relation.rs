//! The relation: which connections pass between each two endpoints.
//!
//! Endpoints that no policy tells apart are one class. For each class and direction the tiers decide in
//! their order for all peers at once; a connection passes where its source may send it and its
//! destination may take it.

use std::collections::HashMap;

use crate::{
    Connections,
    analysis::{Held, HeldRule},
    cluster::Workload,
    policy::{Action, Direction, Tier},
    set::Set,
};

/// What passes between classes of endpoints.
#[derive(Debug)]
pub(crate) struct Relation {
    /// The class of each endpoint.
    class: Vec<usize>,
    classes: usize,
    /// The connections from each class to each, row by row.
    allowed: Vec<Id>,
    table: Table,
}

impl Relation {
    /// The relation of all endpoints, of which the workloads are the first. `alike` says of each what
    /// tells it from others beside policies: the ports that its containers name.
    pub(crate) fn of(workloads: &[Workload], alike: &[usize], policies: &[Held]) -> Self {
        let (class, members) = classes(alike, policies);
        let classes = members.len();
        let mut table = Table::default();
        let mut deciders = Deciders {
            members: &members,
            workloads,
            policies,
            table: &mut table,
            ports: HashMap::new(),
        };
        let ingress: Vec<Vec<Id>> = (0..classes)
            .map(|to| deciders.row(to, Direction::Ingress))
            .collect();
        let mut allowed = Vec::with_capacity(classes * classes);
        for from in 0..classes {
            let egress = deciders.row(from, Direction::Egress);
            for (to, sent) in egress.into_iter().enumerate() {
                let taken = ingress[to][from];
                allowed.push(deciders.table.both(sent, taken));
            }
        }
        Self {
            class,
            classes,
            allowed,
            table,
        }
    }

    /// The connections that pass from one endpoint to another.
    pub(crate) fn between(&self, from: usize, to: usize) -> &Connections {
        let id = self.allowed[self.class[from] * self.classes + self.class[to]];
        &self.table.sets[id]
    }
}

/// The class of each endpoint, and one endpoint of each class.
fn classes(alike: &[usize], policies: &[Held]) -> (Vec<usize>, Vec<usize>) {
    let mut sets: Vec<&Set> = Vec::new();
    for policy in policies {
        let rules = policy.ingress.iter().chain(&policy.egress).flatten();
        sets.push(&policy.subject);
        sets.extend(rules.map(|rule| &rule.peers));
    }
    sets.sort_unstable_by_key(|set| set.words());
    sets.dedup();
    let mut class = Vec::with_capacity(alike.len());
    let mut members = Vec::new();
    let mut seen = HashMap::new();
    for (endpoint, alike) in alike.iter().enumerate() {
        let mut signature = vec![*alike as u64];
        let bits: Vec<bool> = sets.iter().map(|set| set.has(endpoint)).collect();
        let word = |bits: &[bool]| bits.iter().fold(0, |word, bit| word << 1 | u64::from(*bit));
        signature.extend(bits.chunks(64).map(word));
        let number = *seen.entry(signature).or_insert_with(|| {
            members.push(endpoint);
            members.len() - 1
        });
        class.push(number);
    }
    (class, members)
}

/// A set of connections in the table.
type Id = usize;

/// Sets of connections, each once, with what they make together.
#[derive(Debug)]
struct Table {
    sets: Vec<Connections>,
    ids: HashMap<Connections, Id>,
    made: HashMap<(Operation, Id, Id), Id>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Operation {
    Union,
    Intersection,
    Difference,
}

const NONE: Id = 0;
const ALL: Id = 1;

impl Default for Table {
    fn default() -> Self {
        let sets = vec![Connections::default(), Connections::all()];
        Self {
            ids: sets.iter().cloned().zip(0..).collect(),
            sets,
            made: HashMap::new(),
        }
    }
}

impl Table {
    fn id(&mut self, set: Connections) -> Id {
        if let Some(id) = self.ids.get(&set) {
            return *id;
        }
        self.sets.push(set.clone());
        self.ids.insert(set, self.sets.len() - 1);
        self.sets.len() - 1
    }

    fn make(&mut self, operation: Operation, a: Id, b: Id) -> Id {
        if let Some(id) = self.made.get(&(operation, a, b)) {
            return *id;
        }
        let (x, y) = (&self.sets[a], &self.sets[b]);
        let set = match operation {
            Operation::Union => x.union(y),
            Operation::Intersection => x.intersection(y),
            Operation::Difference => x.difference(y),
        };
        let id = self.id(set);
        self.made.insert((operation, a, b), id);
        id
    }

    fn one(&mut self, a: Id, b: Id) -> Id {
        match (a, b) {
            (NONE, it) | (it, NONE) => it,
            (ALL, _) | (_, ALL) => ALL,
            (a, b) if a == b => a,
            (a, b) => self.make(Operation::Union, a, b),
        }
    }

    fn both(&mut self, a: Id, b: Id) -> Id {
        match (a, b) {
            (NONE, _) | (_, NONE) => NONE,
            (ALL, it) | (it, ALL) => it,
            (a, b) if a == b => a,
            (a, b) => self.make(Operation::Intersection, a, b),
        }
    }

    fn without(&mut self, a: Id, b: Id) -> Id {
        match (a, b) {
            (it, NONE) => it,
            (NONE, _) | (_, ALL) => NONE,
            (a, b) if a == b => NONE,
            (a, b) => self.make(Operation::Difference, a, b),
        }
    }
}

/// Decides for one endpoint and all its peers.
struct Deciders<'a> {
    /// An endpoint of each class.
    members: &'a [usize],
    workloads: &'a [Workload],
    policies: &'a [Held],
    table: &'a mut Table,
    /// What the ports of a rule are, by the rule and the class of the destination.
    ports: HashMap<(*const HeldRule, usize), Id>,
}

/// What is decided between an endpoint and its peers, and what is still open.
struct Row {
    allowed: Vec<Id>,
    open: Vec<Id>,
}

impl Deciders<'_> {
    /// What the endpoint of a class may take from, or send to, each class.
    fn row(&mut self, class: usize, direction: Direction) -> Vec<Id> {
        let subject = self.members[class];
        let policies = self.policies;
        let own: Vec<&Held> = policies
            .iter()
            .filter(|it| it.subject.has(subject) && it.rules(direction).is_some())
            .collect();
        let of = |tier| own.iter().copied().filter(move |it| it.tier == tier);
        let mut row = Row {
            allowed: vec![NONE; self.members.len()],
            open: vec![ALL; self.members.len()],
        };
        self.ordered(&mut row, class, direction, of(Tier::Admin));
        match of(Tier::Network).next() {
            Some(_) => {
                for rule in of(Tier::Network).filter_map(|it| it.rules(direction)).flatten() {
                    self.rule(&mut row, class, direction, rule, |table, at, allowed, open| {
                        let here = table.both(*open, at);
                        *allowed = table.one(*allowed, here);
                    });
                }
            }
            None => {
                self.ordered(&mut row, class, direction, of(Tier::Baseline));
                for (allowed, open) in row.allowed.iter_mut().zip(&row.open) {
                    *allowed = self.table.one(*allowed, *open);
                }
            }
        }
        row.allowed
    }

    /// A tier whose rules are asked one after the other. What it passes on, or says nothing of, is open
    /// after it.
    fn ordered<'p>(
        &mut self,
        row: &mut Row,
        class: usize,
        direction: Direction,
        policies: impl Iterator<Item = &'p Held>,
    ) {
        let mut passed = vec![NONE; self.members.len()];
        for rule in policies.filter_map(|it| it.rules(direction)).flatten() {
            match rule.action {
                Action::Allow => self.rule(row, class, direction, rule, |table, ports, allowed, open| {
                    let here = table.both(*open, ports);
                    *allowed = table.one(*allowed, here);
                    *open = table.without(*open, ports);
                }),
                Action::Deny => self.rule(row, class, direction, rule, |table, ports, _, open| {
                    *open = table.without(*open, ports);
                }),
                Action::Pass => {
                    let mut now = Row {
                        allowed: std::mem::take(&mut passed),
                        open: std::mem::take(&mut row.open),
                    };
                    self.rule(&mut now, class, direction, rule, |table, ports, passed, open| {
                        let here = table.both(*open, ports);
                        *passed = table.one(*passed, here);
                        *open = table.without(*open, ports);
                    });
                    (passed, row.open) = (now.allowed, now.open);
                }
            }
        }
        for (open, passed) in row.open.iter_mut().zip(passed) {
            *open = self.table.one(*open, passed);
        }
    }

    /// Calls `f` with the ports of the rule, for each peer that it is about.
    fn rule(
        &mut self,
        row: &mut Row,
        class: usize,
        direction: Direction,
        rule: &HeldRule,
        f: impl Fn(&mut Table, Id, &mut Id, &mut Id),
    ) {
        for (peer, member) in self.members.iter().enumerate() {
            if !rule.peers.has(*member) {
                continue;
            }
            let destination = match direction {
                Direction::Ingress => class,
                Direction::Egress => peer,
            };
            let key = (std::ptr::from_ref(rule), destination);
            let ports = match self.ports.get(&key) {
                Some(id) => *id,
                None => {
                    let workload = self.workloads.get(self.members[destination]);
                    let id = self.table.id(rule.ports.of(workload));
                    self.ports.insert(key, id);
                    id
                }
            };
            f(self.table, ports, &mut row.allowed[peer], &mut row.open[peer]);
        }
    }
}
