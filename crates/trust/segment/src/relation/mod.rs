//! The relation: which connections pass between each two endpoints.
//!
//! Endpoints that nothing tells apart are one class. For each class and direction the tiers decide in
//! their order for all peers at once; a connection passes where its source may send it and its
//! destination may take it. What is unknown is carried along: a connection may be both allowed and denied.

mod table;

use std::{collections::HashMap, fmt, rc::Rc};

use self::table::{ALL, Id, NONE, Numbered, Recent, Table};
use crate::{
    Bounds, Connections,
    cluster::Workload,
    held::{Held, HeldRule},
    policy::{Action, Direction, Tier, unordered},
    set::Set,
};

/// What passes between classes of endpoints.
#[derive(Debug)]
pub(crate) struct Relation {
    /// The class of each endpoint.
    class: Vec<usize>,
    classes: usize,
    /// Where in `kinds` is what passes from each class to each, row by row.
    passing: Vec<Id>,
    kinds: Vec<Bounds<Connections>>,
}

/// What the relation is made from.
pub(crate) struct Sides<'a> {
    /// The endpoints that are workloads are the first.
    pub(crate) workloads: &'a [Workload],
    /// What tells each endpoint from others beside policies: the ports that its containers name.
    pub(crate) alike: &'a [usize],
    /// Whether nothing holds what comes from and goes to each endpoint on one node.
    pub(crate) escape: &'a [bool],
    pub(crate) policies: &'a [Held],
}

/// Why there is no relation: it would take more memory than a question about two is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge;

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("policies tell more endpoints apart than can be compared all at once: ask about two, or name a part of the tree")
    }
}

impl std::error::Error for TooLarge {}

impl Relation {
    pub(crate) fn of(sides: &Sides<'_>) -> Result<Self, TooLarge> {
        let (class, members) = classes(sides);
        let classes = members.len();
        if classes > MAX_CLASSES {
            return Err(TooLarge);
        }
        let each = sides.policies.iter().map(|it| it.of_each(&members));
        let policies: Vec<Held> = each.collect();
        let mut deciders = Deciders {
            members: &members,
            sides,
            policies: &policies,
            table: Table::default(),
            fates: Numbered::default(),
            numbers: Recent::default(),
            ports: HashMap::new(),
            rows: HashMap::new(),
        };
        let ingress: Vec<Rc<[Id]>> = (0..classes)
            .map(|to| deciders.row(to, Direction::Ingress))
            .collect();
        let mut passing = Vec::with_capacity(classes * classes);
        let mut kinds = Numbered::default();
        let (mut made, mut recent) = (HashMap::new(), Recent::default());
        for from in 0..classes {
            let egress = deciders.row(from, Direction::Egress);
            if deciders.table.is_full() {
                return Err(TooLarge);
            }
            for (&sent, taken) in egress.iter().zip(&ingress) {
                let fates = (sent, taken[from]);
                let key = [0, fates.0, fates.1];
                let kind = recent.get(key).unwrap_or_else(|| {
                    let both = || kinds.number(deciders.both(fates));
                    let kind = *made.entry(fates).or_insert_with(both);
                    recent.put(key, kind);
                    kind
                });
                passing.push(kind);
            }
        }
        Ok(Self {
            class,
            classes,
            passing,
            kinds: kinds.items,
        })
    }

    /// The connections that pass from one endpoint to another.
    pub(crate) fn between(&self, from: usize, to: usize) -> &Bounds<Connections> {
        let place = self.passing[self.class[from] * self.classes + self.class[to]];
        &self.kinds[place as usize]
    }

    /// The class of an endpoint.
    pub(crate) fn class(&self, endpoint: usize) -> usize {
        self.class[endpoint]
    }

    /// How many classes there are.
    pub(crate) fn classes(&self) -> usize {
        self.classes
    }
}

/// The class of each endpoint, and one endpoint of each class.
fn classes(sides: &Sides<'_>) -> (Vec<usize>, Vec<usize>) {
    let mut sets: Vec<&Set> = Vec::new();
    for side in sides
        .policies
        .iter()
        .flat_map(|it| [&it.ingress, &it.egress])
    {
        let peers = side.rules.iter().map(|rule| &rule.peers);
        for bounds in peers.chain([&side.subject]) {
            sets.extend([&bounds.least, &bounds.most]);
        }
    }
    sets.sort_unstable_by_key(|set| set.words());
    sets.dedup();
    let mut class = Vec::with_capacity(sides.alike.len());
    let mut members = Vec::new();
    let mut seen = HashMap::new();
    for (endpoint, (alike, escapes)) in sides.alike.iter().zip(sides.escape).enumerate() {
        let mut signature = vec![(*alike as u64) << 1 | u64::from(*escapes)];
        let word = |sets: &[&Set]| {
            sets.iter()
                .fold(0, |word, set| word << 1 | u64::from(set.has(endpoint)))
        };
        signature.extend(sets.chunks(64).map(word));
        let number = *seen.entry(signature).or_insert_with(|| {
            members.push(endpoint);
            members.len() - 1
        });
        class.push(number);
    }
    (class, members)
}

/// More take more than 300 MB: two numbers for each pair.
const MAX_CLASSES: usize = 6_000;

/// What may be allowed and what may be denied between two, as one end decides.
type Fate = (Id, Id);

/// Decides for one class and all its peers.
struct Deciders<'a> {
    /// An endpoint of each class.
    members: &'a [usize],
    sides: &'a Sides<'a>,
    /// The policies, upon the classes.
    policies: &'a [Held],
    table: Table,
    fates: Numbered<Fate>,
    numbers: Recent,
    /// What the ports of a rule are, by the rule and what tells destinations apart; for a rule without names of
    /// ports the same for all.
    ports: HashMap<(*const HeldRule, usize), Bounds<Id>>,
    /// What was decided, by who decided: classes that the same policies select differ only for others.
    rows: HashMap<Decider, Rc<[Id]>>,
}

/// What a row depends on: the direction, the policies of each tier and whether each is sure, the names of the ports, and
/// whether nothing may hold the class.
type Decider = (Direction, Vec<(usize, bool)>, usize, bool);

/// What may be allowed and what may be denied between a class and each of its peers.
struct Decided {
    allow: Vec<Id>,
    deny: Vec<Id>,
    /// What may get as far as here.
    reach: Vec<Id>,
    /// What may be left to the next tier.
    next: Vec<Id>,
}

/// One class with the policies that may select it, in their order, and whether each surely does.
struct Asked<'p> {
    class: usize,
    direction: Direction,
    tier: Tier,
    policies: Vec<(&'p Held, bool)>,
}

impl<'a> Deciders<'a> {
    /// What passes where both ends have decided.
    fn both(&mut self, (sent, taken): (Id, Id)) -> Bounds<Connections> {
        let [sent, taken] = [sent, taken].map(|it| self.fates.items[it as usize]);
        let most = self.table.both(sent.0, taken.0);
        let denied = self.table.one(sent.1, taken.1);
        let least = self.table.without(ALL, denied);
        Bounds {
            least: self.table.get(least).clone(),
            most: self.table.get(most).clone(),
        }
    }

    /// The fate of what the endpoints of a class may take from, or send to, each class.
    fn row(&mut self, class: usize, direction: Direction) -> Rc<[Id]> {
        let tiers = [Tier::Admin, Tier::Network, Tier::Baseline];
        let asked = tiers.map(|tier| self.asked(class, direction, tier));
        let policies = asked.iter().flat_map(|it| &it.policies);
        let policies = policies.map(|(it, is_sure)| (std::ptr::from_ref(*it).addr(), *is_sure));
        let member = self.members[class];
        // Only where it is the destination its own ports count.
        let alike = match direction {
            Direction::Ingress => self.sides.alike[member],
            Direction::Egress => 0,
        };
        let decider = (
            direction,
            policies.collect(),
            alike,
            self.sides.escape[member],
        );
        if let Some(row) = self.rows.get(&decider) {
            return row.clone();
        }
        let row: Rc<[Id]> = self.decide(&asked).into();
        self.rows.insert(decider, row.clone());
        row
    }

    fn decide(&mut self, asked: &[Asked<'a>; 3]) -> Vec<Id> {
        let count = self.members.len();
        let mut decided = Decided {
            allow: vec![NONE; count],
            deny: vec![NONE; count],
            reach: vec![ALL; count],
            next: vec![NONE; count],
        };
        for asked in asked {
            match asked.tier {
                Tier::Network => self.isolate(&mut decided, asked),
                Tier::Admin | Tier::Baseline => self.ordered(&mut decided, asked),
            }
        }
        let class = asked[0].class;
        let fate = |peer: usize| {
            let escapes = [class, peer]
                .iter()
                .any(|it| self.sides.escape[self.members[*it]]);
            let allow = match escapes {
                true => ALL,
                false => self.table.one(decided.allow[peer], decided.reach[peer]),
            };
            let key = [0, allow, decided.deny[peer]];
            self.numbers.get(key).unwrap_or_else(|| {
                let number = self.fates.number((allow, decided.deny[peer]));
                self.numbers.put(key, number);
                number
            })
        };
        (0..count).map(fate).collect()
    }

    fn asked(&self, class: usize, direction: Direction, tier: Tier) -> Asked<'a> {
        let policies = self.policies;
        let own = policies.iter().filter(|it| it.tier == tier);
        let own = own.filter(|it| it.side(direction).subject.most.has(class));
        let own: Vec<&Held> = own.collect();
        let priorities: Vec<_> = own.iter().map(|it| it.priority).collect();
        let unordered = match tier {
            Tier::Network => vec![false; own.len()],
            Tier::Admin | Tier::Baseline => unordered(&priorities),
        };
        let surely = |(it, unordered): (&'a Held, bool)| {
            (
                it,
                !unordered && it.side(direction).subject.least.has(class),
            )
        };
        Asked {
            class,
            direction,
            tier,
            policies: own.into_iter().zip(unordered).map(surely).collect(),
        }
    }

    /// A tier whose rules are asked one after the other.
    fn ordered(&mut self, decided: &mut Decided, asked: &Asked<'a>) {
        for (policy, is_sure) in &asked.policies {
            for rule in &policy.side(asked.direction).rules {
                self.each_peer(asked, rule, *is_sure, |table, peer, ports| {
                    let hit = table.both(decided.reach[peer], ports.most);
                    let into: &mut [&mut Vec<Id>] = match rule.action {
                        Some(Action::Allow) => &mut [&mut decided.allow],
                        Some(Action::Deny) => &mut [&mut decided.deny],
                        Some(Action::Pass) => &mut [&mut decided.next],
                        None => &mut [&mut decided.allow, &mut decided.deny, &mut decided.next],
                    };
                    for ids in into {
                        ids[peer] = table.one(ids[peer], hit);
                    }
                    decided.reach[peer] = table.without(decided.reach[peer], ports.least);
                });
            }
        }
        for (reach, next) in decided.reach.iter_mut().zip(&mut decided.next) {
            *reach = self.table.one(*reach, std::mem::replace(next, NONE));
        }
    }

    /// The tier whose policies allow, and isolate whom they select.
    fn isolate(&mut self, decided: &mut Decided, asked: &Asked<'a>) {
        if asked.policies.is_empty() {
            return;
        }
        let mut granted = vec![NONE; self.members.len()];
        for (policy, is_sure) in &asked.policies {
            for rule in &policy.side(asked.direction).rules {
                self.each_peer(asked, rule, *is_sure, |table, peer, ports| {
                    let hit = table.both(decided.reach[peer], ports.most);
                    decided.allow[peer] = table.one(decided.allow[peer], hit);
                    granted[peer] = table.one(granted[peer], ports.least);
                });
            }
        }
        let is_isolated = asked.policies.iter().any(|(_, is_sure)| *is_sure);
        for (peer, granted) in granted.into_iter().enumerate() {
            let left = self.table.without(decided.reach[peer], granted);
            decided.deny[peer] = self.table.one(decided.deny[peer], left);
            if is_isolated {
                decided.reach[peer] = NONE;
            }
        }
    }

    /// Calls `f` with each peer that the rule may be about, and the connections that it is about.
    fn each_peer(
        &mut self,
        asked: &Asked<'_>,
        rule: &HeldRule,
        is_sure: bool,
        mut f: impl FnMut(&mut Table, usize, &Bounds<Id>),
    ) {
        debug_assert!(asked.tier != Tier::Network || rule.action == Some(Action::Allow));
        let is_named = rule.ports.names().next().is_some();
        let of_all = (!is_named).then(|| self.ports_of(rule, asked.class));
        for peer in rule.peers.most.iter() {
            if self.table.is_full() {
                // Whoever asks finds it full as well, and throws away what was decided.
                return;
            }
            let destination = match asked.direction {
                Direction::Ingress => asked.class,
                Direction::Egress => peer,
            };
            let mut ports = match &of_all {
                Some(ports) => ports.clone(),
                None => self.ports_of(rule, destination),
            };
            if !is_sure || rule.action.is_none() || !rule.peers.least.has(peer) {
                ports.least = NONE;
            }
            f(&mut self.table, peer, &ports);
        }
    }

    /// What the ports of a rule are at a destination.
    fn ports_of(&mut self, rule: &HeldRule, destination: usize) -> Bounds<Id> {
        let member = self.members[destination];
        let is_named = rule.ports.names().next().is_some();
        let alike = if is_named {
            self.sides.alike[member]
        } else {
            0
        };
        let key = (std::ptr::from_ref(rule), alike);
        if let Some(ports) = self.ports.get(&key) {
            return ports.clone();
        }
        let ports = rule.ports.of(self.sides.workloads.get(member));
        let ports = Bounds {
            least: self.table.id(ports.least),
            most: self.table.id(ports.most),
        };
        self.ports.insert(key, ports.clone());
        ports
    }
}
