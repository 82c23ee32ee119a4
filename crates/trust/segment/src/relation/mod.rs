//! The relation: which connections pass between each two endpoints.
//!
//! Endpoints that nothing tells apart are one class. For each class and direction the tiers of each plane
//! decide in their order for all peers at once; a connection passes where its source may send it and its
//! destination may take it. What is unknown is carried along: a connection may be both allowed and denied.

mod table;

use std::{collections::HashMap, fmt, rc::Rc};

use casemate_posture::Truth;

use self::table::{ALL, Id, NONE, Numbered, Recent, Table};
use crate::{
    Bounds, Connections,
    cluster::Workload,
    held::{Held, HeldRule},
    policy::{Action, Direction, Plane, unordered},
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
    /// What the proxies of a mesh decide of at each endpoint.
    pub(crate) taken: &'a [Bounds<Connections>],
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

/// What becomes of connections between two, as one end decides.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Fate {
    /// What may be allowed.
    allow: Id,
    /// What may be denied.
    deny: Id,
    /// Of what only some requests pass.
    narrowed: Id,
}

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
    /// What the ports of a rule are, by the rule and what tells destinations apart; for a rule that asks none of them
    /// the same for all.
    ports: HashMap<(*const HeldRule, usize), Bounds<Id>>,
    /// What was decided, by who decided: classes that the same policies select differ only for others.
    rows: HashMap<Decider, Rc<[Id]>>,
}

/// What a row depends on: the direction, the policies of each tier and whether each is sure, the names of the ports, and
/// whether nothing may hold the class.
type Decider = (Direction, Vec<(usize, bool)>, usize, bool);

/// What may be allowed and what may be denied between a class and each of its peers, in one plane.
struct Decided {
    allow: Vec<Id>,
    deny: Vec<Id>,
    /// What may get as far as here.
    reach: Vec<Id>,
    /// What may be left to the next tier.
    next: Vec<Id>,
    /// Of what only some requests pass.
    narrowed: Vec<Id>,
}

/// One class with the policies of a tier that may select it, in their order, and whether each surely does.
struct Asked<'p> {
    class: usize,
    direction: Direction,
    plane: Plane,
    policies: Vec<(&'p Held, bool)>,
}

impl<'a> Deciders<'a> {
    /// What passes where both ends have decided.
    fn both(&mut self, (sent, taken): (Id, Id)) -> Bounds<Connections> {
        let [sent, taken] = [sent, taken].map(|it| self.fates.items[it as usize]);
        let most = self.table.both(sent.allow, taken.allow);
        let denied = self.table.one(sent.deny, taken.deny);
        // Whether any request is left that both let pass is not known.
        let twice = self.table.both(sent.narrowed, taken.narrowed);
        let denied = self.table.one(denied, twice);
        let least = self.table.without(ALL, denied);
        Bounds {
            least: self.table.get(least).clone(),
            most: self.table.get(most).clone(),
        }
    }

    /// The fate of what the endpoints of a class may take from, or send to, each class.
    fn row(&mut self, class: usize, direction: Direction) -> Rc<[Id]> {
        let tiers = self.policies.chunk_by(|a, b| a.tier == b.tier);
        let asked: Vec<Asked<'a>> = tiers
            .map(|tier| Self::asked(tier, class, direction))
            .filter(|it| !it.policies.is_empty())
            .collect();
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
        let row: Rc<[Id]> = self.decide(class, &asked).into();
        self.rows.insert(decider, row.clone());
        row
    }

    fn decide(&mut self, class: usize, asked: &[Asked<'a>]) -> Vec<Id> {
        let count = self.members.len();
        let nothing = Fate {
            allow: ALL,
            deny: NONE,
            narrowed: NONE,
        };
        let mut fates = vec![nothing; count];
        for tiers in asked.chunk_by(|a, b| a.plane == b.plane) {
            let decided = self.plane(tiers);
            for (peer, fate) in fates.iter_mut().enumerate() {
                let allow = match tiers[0].plane == Plane::Network && self.escapes(class, peer) {
                    true => ALL,
                    false => self.table.one(decided.allow[peer], decided.reach[peer]),
                };
                let narrowed = decided.narrowed[peer];
                let twice = self.table.both(fate.narrowed, narrowed);
                let deny = self.table.one(decided.deny[peer], twice);
                fate.allow = self.table.both(fate.allow, allow);
                fate.deny = self.table.one(fate.deny, deny);
                fate.narrowed = self.table.one(fate.narrowed, narrowed);
            }
        }
        let number = |fate: Fate| {
            let key = [fate.allow, fate.deny, fate.narrowed];
            self.numbers.get(key).unwrap_or_else(|| {
                let number = self.fates.number(fate);
                self.numbers.put(key, number);
                number
            })
        };
        fates.into_iter().map(number).collect()
    }

    /// Whether what stays on one node between both may be held by no network policy.
    fn escapes(&self, class: usize, peer: usize) -> bool {
        let mut both = [class, peer].into_iter();
        both.any(|it| self.sides.escape[self.members[it]])
    }

    /// The policies of a tier that may select a class.
    fn asked(tier: &'a [Held], class: usize, direction: Direction) -> Asked<'a> {
        let own = tier
            .iter()
            .filter(|it| it.side(direction).subject.most.has(class));
        let own: Vec<&Held> = own.collect();
        let turn = |it: &&'a Held| (it.priority.as_ref(), it.side(direction).does);
        let unordered = unordered(&own.iter().map(turn).collect::<Vec<_>>());
        let surely = |(it, unordered): (&'a Held, bool)| {
            let is_sure = !unordered && it.side(direction).subject.least.has(class);
            (it, is_sure)
        };
        Asked {
            class,
            direction,
            plane: tier[0].tier.plane,
            policies: own.into_iter().zip(unordered).map(surely).collect(),
        }
    }

    /// What the tiers of one plane make of it.
    fn plane(&mut self, tiers: &[Asked<'a>]) -> Decided {
        let count = self.members.len();
        let (taken, past) = match tiers[0].plane {
            Plane::Network => (ALL, NONE),
            Plane::Mesh => {
                let taken = &self.sides.taken[self.members[tiers[0].class]];
                let past = Connections::all().difference(&taken.least);
                (self.table.id(taken.most.clone()), self.table.id(past))
            }
        };
        let mut decided = Decided {
            allow: vec![past; count],
            deny: vec![NONE; count],
            reach: vec![taken; count],
            next: vec![NONE; count],
            narrowed: vec![NONE; count],
        };
        for tier in tiers {
            self.tier(&mut decided, tier);
        }
        decided
    }

    /// Asks the rules of a tier one after the other, and closes it where one of its policies does.
    fn tier(&mut self, decided: &mut Decided, asked: &Asked<'a>) {
        for (policy, is_sure) in &asked.policies {
            for rule in &policy.side(asked.direction).rules {
                self.each_peer(asked, rule, *is_sure, |table, peer, ports| {
                    decided.put(table, peer, rule, ports);
                });
            }
        }
        let closing = |(it, is_sure): &(&Held, bool)| {
            let closes = it.side(asked.direction).closes.clone();
            (closes != Truth::No).then_some(closes.is_yes() && *is_sure)
        };
        let closing: Vec<bool> = asked.policies.iter().filter_map(closing).collect();
        for peer in 0..self.members.len() {
            if !closing.is_empty() {
                decided.deny[peer] = self.table.one(decided.deny[peer], decided.reach[peer]);
            }
            if closing.contains(&true) {
                decided.reach[peer] = NONE;
            }
            let next = std::mem::replace(&mut decided.next[peer], NONE);
            decided.reach[peer] = self.table.one(decided.reach[peer], next);
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
        let of_all = (!rule.ports.ask_destinations()).then(|| self.ports_of(rule, asked.class));
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
        let alike = if rule.ports.ask_destinations() {
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

impl Decided {
    /// What a rule does to what gets as far as it, of a peer that it is about.
    fn put(&mut self, table: &mut Table, peer: usize, rule: &HeldRule, ports: &Bounds<Id>) {
        let hit = table.both(self.reach[peer], ports.most);
        if rule.is_narrow && rule.action != Some(Action::Pass) {
            // Of what is narrowed twice it is not known whether anything is left.
            let twice = table.both(hit, self.narrowed[peer]);
            self.deny[peer] = table.one(self.deny[peer], twice);
            self.narrowed[peer] = table.one(self.narrowed[peer], hit);
            if rule.action == Some(Action::Deny) {
                return;
            }
        }
        let into: &mut [&mut Vec<Id>] = match rule.action {
            Some(Action::Allow) => &mut [&mut self.allow],
            Some(Action::Deny) => &mut [&mut self.deny],
            Some(Action::Pass) => &mut [&mut self.next],
            None => &mut [&mut self.allow, &mut self.deny, &mut self.next],
        };
        for ids in into {
            ids[peer] = table.one(ids[peer], hit);
        }
        if !(rule.is_narrow && rule.action == Some(Action::Pass)) {
            self.reach[peer] = table.without(self.reach[peer], ports.least);
        }
    }
}
