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
    mesh::carried,
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
    /// What the proxies of a mesh see at each endpoint.
    pub(crate) seen: &'a [Seen],
    /// Whether proxies of nodes may carry what goes from one endpoint to another.
    pub(crate) carry: &'a dyn Fn(usize, usize) -> bool,
    pub(crate) policies: &'a [Held],
}

/// What the proxies of a mesh see at an endpoint.
pub(crate) struct Seen {
    /// What they decide of.
    pub(crate) taken: Bounds<Connections>,
    /// What is called there so that who calls says who he is.
    pub(crate) served: Connections,
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
            for (to, (&sent, taken)) in egress.iter().zip(&ingress).enumerate() {
                let is_carried = (sides.carry)(members[from], members[to]);
                let key = [Id::from(is_carried), sent, taken[from]];
                let kind = recent.get(key).unwrap_or_else(|| {
                    let both = || kinds.number(deciders.both(sent, taken[from], is_carried));
                    let kind = *made.entry(key).or_insert_with(both);
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
        let rules = side.rules.iter();
        let peers = rules.flat_map(|rule| std::iter::once(&rule.peers).chain(&rule.hiding));
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
    /// What proxies of a mesh may allow.
    allow_in_mesh: Id,
    /// What they may deny.
    deny_in_mesh: Id,
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

/// What a row depends on: the direction, the policies of each tier and what is sure of each, the names of the ports,
/// and whether nothing may hold the class.
type Decider = (Direction, Vec<(usize, Sure)>, usize, bool);

/// What is sure of a policy that may select a class.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Sure {
    is_selected: bool,
    is_ordered: bool,
}

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

/// One class with the policies of a tier that may select it, in their order, and what is sure of each.
struct Asked<'p> {
    class: usize,
    direction: Direction,
    plane: Plane,
    policies: Vec<(&'p Held, Sure)>,
}

impl<'a> Deciders<'a> {
    /// What passes where both ends have decided.
    fn both(&mut self, sent: Id, taken: Id, is_carried: bool) -> Bounds<Connections> {
        let [sent, taken] = [sent, taken].map(|it| self.fates.items[it as usize]);
        let most = self.table.both(sent.allow, taken.allow);
        let denied = self.table.one(sent.deny, taken.deny);
        // Whether any request is left that both let pass is not known.
        let twice = self.table.both(sent.narrowed, taken.narrowed);
        let denied = self.table.one(denied, twice);
        let least = self.table.without(ALL, denied);
        let mut passing = self.bounds(least, most);
        if is_carried {
            passing = carried(&passing);
        }
        let least = self.table.without(ALL, taken.deny_in_mesh);
        passing.intersection(&self.bounds(least, taken.allow_in_mesh))
    }

    fn bounds(&self, least: Id, most: Id) -> Bounds<Connections> {
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
        let policies = policies.map(|(it, sure)| (std::ptr::from_ref(*it).addr(), *sure));
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
            allow_in_mesh: ALL,
            deny_in_mesh: NONE,
        };
        let mut fates = vec![nothing; count];
        for tiers in asked.chunk_by(|a, b| a.plane == b.plane) {
            let decided = self.plane(tiers);
            for (peer, fate) in fates.iter_mut().enumerate() {
                let allow = self.table.one(decided.allow[peer], decided.reach[peer]);
                let narrowed = decided.narrowed[peer];
                let twice = self.table.both(fate.narrowed, narrowed);
                fate.narrowed = self.table.one(fate.narrowed, narrowed);
                let deny = self.table.one(decided.deny[peer], twice);
                match tiers[0].plane {
                    Plane::Network => {
                        fate.deny = deny;
                        fate.allow = match self.escapes(class, peer) {
                            true => ALL,
                            false => allow,
                        };
                    }
                    Plane::Mesh => (fate.allow_in_mesh, fate.deny_in_mesh) = (allow, deny),
                }
            }
        }
        let number = |fate: Fate| {
            let in_mesh = (fate.allow_in_mesh, fate.deny_in_mesh);
            let key = [fate.allow, fate.deny, fate.narrowed];
            let is_usual = in_mesh == (ALL, NONE);
            let found = self.numbers.get(key).filter(|_| is_usual);
            found.unwrap_or_else(|| {
                let number = self.fates.number(fate);
                if is_usual {
                    self.numbers.put(key, number);
                }
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
            let sure = Sure {
                is_selected: it.side(direction).subject.least.has(class),
                is_ordered: !unordered,
            };
            (it, sure)
        };
        Asked {
            class,
            direction,
            plane: tier[0].tier.plane,
            policies: own.into_iter().zip(unordered).map(surely).collect(),
        }
    }

    /// What the tiers of one plane make of it. In a mesh who may hide who it is is asked for both: what it says who it
    /// is for passes in the one way or the other.
    fn plane(&mut self, tiers: &[Asked<'a>]) -> Decided {
        let mut decided = self.way(tiers, false);
        let rules = |(it, _): &(&'a Held, Sure)| &it.side(tiers[0].direction).rules;
        let mut rules = tiers.iter().flat_map(|it| &it.policies).flat_map(rules);
        if rules.any(|it| it.hiding.is_some()) {
            let hiding = self.way(tiers, true);
            let served = &self.sides.seen[self.members[tiers[0].class]].served;
            let served = self.table.id(served.clone());
            for peer in 0..self.members.len() {
                let table = &mut self.table;
                let unserved = table.without(hiding.deny[peer], served);
                decided.deny[peer] = table.one(decided.deny[peer], unserved);
                let allow = table.one(hiding.allow[peer], hiding.reach[peer]);
                decided.allow[peer] = table.one(decided.allow[peer], allow);
                decided.narrowed[peer] = table.one(decided.narrowed[peer], hiding.narrowed[peer]);
            }
        }
        decided
    }

    /// What they make of it where each says who it is, or hides that if it may.
    fn way(&mut self, tiers: &[Asked<'a>], is_hiding: bool) -> Decided {
        let count = self.members.len();
        let (taken, past) = match tiers[0].plane {
            Plane::Network => (ALL, NONE),
            Plane::Mesh => {
                let taken = &self.sides.seen[self.members[tiers[0].class]].taken;
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
            self.tier(&mut decided, tier, is_hiding);
        }
        decided
    }

    /// Asks the rules of a tier one after the other, and closes it where one of its policies does.
    fn tier(&mut self, decided: &mut Decided, asked: &Asked<'a>, is_hiding: bool) {
        for (policy, sure) in &asked.policies {
            let is_sure = sure.is_selected && sure.is_ordered;
            for rule in &policy.side(asked.direction).rules {
                let peers = rule.hiding.as_ref().filter(|_| is_hiding);
                let peers = peers.unwrap_or(&rule.peers);
                self.each_peer(asked, rule, (peers, is_sure), |table, peer, ports| {
                    decided.put(table, peer, rule, ports);
                });
            }
        }
        // Whenever it is asked, a policy closes the tier behind all.
        let closing = |(it, sure): &(&Held, Sure)| {
            let closes = it.side(asked.direction).closes.clone();
            (closes != Truth::No).then_some(closes.is_yes() && sure.is_selected)
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
        (peers, is_sure): (&Bounds<Set>, bool),
        mut f: impl FnMut(&mut Table, usize, &Bounds<Id>),
    ) {
        let of_all = (!rule.ports.ask_destinations()).then(|| self.ports_of(rule, asked.class));
        for peer in peers.most.iter() {
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
            if !is_sure || rule.action.is_none() || !peers.least.has(peer) {
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
