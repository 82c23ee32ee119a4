//! Whom policies and rules mean, for all endpoints at once.

use std::{collections::HashMap, net::IpAddr, sync::Arc};

use casemate_posture::Truth;

use crate::{
    Addresses, Bounds, Endpoint,
    labels::Maker,
    matching::Matching,
    policy::{Peer, Pods},
    selector::{Namespaces, Requirement, Selector},
    set::Set,
};

/// Which workloads have which labels, so that a selector does not look at each. Those of which something is
/// not known are few, and are looked at.
pub(crate) struct Index<'a> {
    matching: Matching<'a>,
    /// The endpoints: workloads, the controller, and what is outside.
    endpoints: &'a [Endpoint<'a>],
    by_label: HashMap<&'a str, HashMap<&'a str, Set>>,
    by_namespace: HashMap<&'a Arc<str>, Set>,
    by_maker: HashMap<&'a Maker, Set>,
    /// What is outside, in the order of first addresses.
    outside: Vec<(IpAddr, usize)>,
    /// Those that are not in the maps above.
    vague: Set,
    kept: HashMap<Pods, Bounds<Set>>,
}

impl<'a> Index<'a> {
    pub(crate) fn of(matching: Matching<'a>, endpoints: &'a [Endpoint<'a>]) -> Self {
        let bound = endpoints.len();
        let none = || Set::none(bound);
        let mut index = Self {
            matching,
            endpoints,
            by_label: HashMap::new(),
            by_namespace: HashMap::new(),
            by_maker: HashMap::new(),
            outside: Vec::new(),
            vague: none(),
            kept: HashMap::new(),
        };
        for (at, endpoint) in endpoints.iter().enumerate() {
            let workload = match endpoint {
                Endpoint::Workload(it) => *it,
                Endpoint::Controller => {
                    index.vague.insert(at);
                    continue;
                }
                Endpoint::Outside(part) => {
                    let first = part.ranges().first().map(|(first, _)| *first);
                    index.outside.extend(first.map(|it| (it, at)));
                    continue;
                }
            };
            if workload.labels.are_vague() || matching.is_held(workload) != Truth::Yes {
                index.vague.insert(at);
                continue;
            }
            index
                .by_namespace
                .entry(&workload.namespace)
                .or_insert_with(none)
                .insert(at);
            if let Some(maker) = &workload.labels.maker {
                index.by_maker.entry(maker).or_insert_with(none).insert(at);
            }
            for (key, value) in workload.labels.known() {
                let values = index.by_label.entry(key).or_default();
                values.entry(value).or_insert_with(none).insert(at);
            }
        }
        index.outside.sort_unstable();
        index
    }

    /// The endpoints that a policy or a rule selects as pods.
    pub(crate) fn pods(&mut self, pods: &Pods) -> Bounds<Set> {
        if let Some(set) = self.kept.get(pods) {
            return set.clone();
        }
        let mut set = self.exact(pods);
        let mut vague = self.vague.clone();
        // What a controller adds is not in the map of labels.
        for (maker, made) in &self.by_maker {
            if pods.selector.keys().any(|key| maker.adds(key)) {
                vague.add(made);
            }
        }
        let is_open = |it: &Requirement| matches!(it, Requirement::Unknown(_));
        if pods.selector.0.iter().any(is_open) {
            self.by_namespace.values().for_each(|it| vague.add(it));
        }
        for at in vague.iter() {
            set.put(at, &self.matching.pods(pods, &self.endpoints[at]));
        }
        self.kept.insert(pods.clone(), set.clone());
        set
    }

    /// The endpoints that a policy is about.
    pub(crate) fn subject(&mut self, subject: &[Pods]) -> Bounds<Set> {
        let mut all = Bounds::exact(Set::none(self.endpoints.len()));
        for pods in subject {
            all.add(&self.pods(pods));
        }
        all
    }

    /// The endpoints that are some of the peers.
    pub(crate) fn peers(&mut self, peers: &[Peer]) -> Bounds<Set> {
        let bound = self.endpoints.len();
        let mut all = Bounds::exact(Set::none(bound));
        for peer in peers {
            match peer {
                Peer::Anyone => return Bounds::exact(Set::all(bound)),
                Peer::Pods(pods) => all.add(&self.pods(pods)),
                Peer::Block(block) | Peer::Networks(block) => all.add(&self.block(peer, block)),
                Peer::World(block) => {
                    for (at, endpoint) in self.endpoints.iter().enumerate() {
                        if !matches!(endpoint, Endpoint::Outside(_)) {
                            all.raise(at, &self.matching.peer(peer, endpoint));
                        }
                    }
                    self.add_outside(block, &mut all);
                }
                Peer::Caller(_)
                | Peer::Outside(_)
                | Peer::Nodes(_)
                | Peer::Proxy(_)
                | Peer::Unknown(_) => {
                    for (at, endpoint) in self.endpoints.iter().enumerate() {
                        all.raise(at, &self.matching.peer(peer, endpoint));
                    }
                }
            }
        }
        all
    }

    fn block(&self, peer: &Peer, block: &Addresses) -> Bounds<Set> {
        let mut all = Bounds::exact(Set::none(self.endpoints.len()));
        let is_of_all = matches!(peer, Peer::Networks(_)) && block.includes(&Addresses::all_v4());
        match if is_of_all {
            Truth::Yes
        } else {
            self.matching.block(block)
        } {
            Truth::Yes => self.by_namespace.values().for_each(|it| {
                all.least.add(it);
                all.most.add(it);
            }),
            Truth::Unknown(_) => self.by_namespace.values().for_each(|it| all.most.add(it)),
            Truth::No => {}
        }
        for at in self.vague.iter() {
            all.put(at, &self.matching.peer(peer, &self.endpoints[at]));
        }
        self.add_outside(block, &mut all);
        all
    }

    /// Adds the parts of what is outside that are in a block: it was cut by all blocks, so that where one begins is enough.
    fn add_outside(&self, block: &Addresses, all: &mut Bounds<Set>) {
        for (first, last) in block.ranges() {
            let begin = self.outside.partition_point(|(it, _)| *it < first);
            let here = self.outside[begin..].iter();
            for (_, at) in here.take_while(|(it, _)| *it <= last) {
                all.put(*at, &Truth::Yes);
            }
        }
    }

    /// The pods among those of which everything is known.
    fn exact(&self, pods: &Pods) -> Bounds<Set> {
        let mut all = Bounds::exact(Set::none(self.endpoints.len()));
        let (one, others) = match &pods.namespaces {
            Namespaces::One(name) => (self.by_namespace.get_key_value(name), None),
            Namespaces::Selected(_) | Namespaces::Unknown(_) => (None, Some(&self.by_namespace)),
        };
        for (name, members) in one.into_iter().chain(others.into_iter().flatten()) {
            match self.matching.namespace(&pods.namespaces, name) {
                Truth::Yes => {
                    all.least.add(members);
                    all.most.add(members);
                }
                Truth::Unknown(_) => all.most.add(members),
                Truth::No => {}
            }
        }
        self.keep(&mut all.least, &pods.selector);
        self.keep(&mut all.most, &pods.selector);
        all
    }

    fn keep(&self, set: &mut Set, selector: &Selector) {
        for requirement in &selector.0 {
            match requirement {
                Requirement::In(key, values) => set.keep(&self.with(key, Some(values))),
                Requirement::NotIn(key, values) => set.remove(&self.with(key, Some(values))),
                Requirement::Exists(key) => set.keep(&self.with(key, None)),
                Requirement::Absent(key) => set.remove(&self.with(key, None)),
                // Whoever calls looks at each.
                Requirement::Unknown(_) => {}
            }
        }
    }

    /// Those with the label, of one of the values.
    fn with(&self, key: &str, values: Option<&[String]>) -> Set {
        let mut set = Set::none(self.endpoints.len());
        let of_key = self.by_label.get(key);
        match values {
            Some(values) => {
                let of_value = |value: &String| of_key?.get(&**value);
                values
                    .iter()
                    .filter_map(of_value)
                    .for_each(|it| set.add(it));
            }
            None => of_key
                .into_iter()
                .flat_map(HashMap::values)
                .for_each(|it| set.add(it)),
        }
        set
    }
}

impl Bounds<Set> {
    fn add(&mut self, other: &Self) {
        self.least.add(&other.least);
        self.most.add(&other.most);
    }

    /// Says of one whether it is in.
    fn put(&mut self, at: usize, truth: &Truth) {
        self.least.set(at, truth.is_yes());
        self.most.set(at, *truth != Truth::No);
    }

    /// Puts one in, if it is in.
    fn raise(&mut self, at: usize, truth: &Truth) {
        match truth {
            Truth::Yes => {
                self.least.insert(at);
                self.most.insert(at);
            }
            Truth::Unknown(_) => self.most.insert(at),
            Truth::No => {}
        }
    }
}
