//! Why something passes, or does not: every rule on the way, with where it stands.

use std::sync::Arc;

use casemate_posture::{Origin, Truth};

use crate::{
    Analysis, Bounds, Connections, Endpoint, Entry,
    entry::sent,
    matching::Matching,
    mesh::carried,
    policy::{Action, Direction, Plane, Policy, Rule, unordered},
};

/// What passes from one endpoint to another, and why.
#[derive(Debug)]
pub struct Proof<'a> {
    /// The source.
    pub from: Endpoint<'a>,
    /// The destination.
    pub to: Endpoint<'a>,
    /// What the source may send to the destination.
    pub egress: Side<'a>,
    /// What the destination may take from the source.
    pub ingress: Side<'a>,
    /// Where the source is the ingress controller: what tells it to send something there. It sends nothing else.
    pub ways: Option<Vec<&'a Entry>>,
    /// Whether proxies of nodes may carry it.
    is_carried: bool,
}

/// What one end decides.
#[derive(Debug)]
pub struct Side<'a> {
    /// What it lets pass.
    pub connections: Bounds<Connections>,
    /// Of what it lets only some requests pass.
    pub narrowed: Connections,
    /// How it came to that, in the order of the tiers.
    pub steps: Vec<Step<'a>>,
    /// What of that the network does.
    on_network: Bounds<Connections>,
    /// What of that proxies of a mesh do.
    in_mesh: Bounds<Connections>,
}

/// One policy or rule that was asked, or what holds where none was.
#[derive(Debug)]
pub struct Step<'a> {
    /// The policy, and the rule of it where one is meant.
    pub rule: Option<(&'a Policy, Option<&'a Rule>)>,
    /// What it did.
    pub effect: Effect,
    /// Why it is not known whether it did, or of what.
    pub unsure: Option<Arc<str>>,
}

/// What a step does to the connections that get as far as it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// These pass.
    Allows(Connections),
    /// These do not.
    Denies(Connections),
    /// Some requests over these do not.
    Narrows(Connections),
    /// Of these the next tier decides.
    Passes(Connections),
    /// Of these nobody knows what becomes.
    Unknown(Connections),
    /// The rule is about others.
    OtherPeers,
    /// The rule is about other connections, or about some that were decided before it.
    OtherConnections,
    /// Policies select the pods, so that what none of them allows does not pass.
    Isolates(Connections),
    /// The pods may be on one node, whose network one of them is on: there nothing is held.
    Escapes,
    /// No policy decides of these: they pass.
    Default(Connections),
}

impl Step<'_> {
    /// Where the rule stands, or else its policy.
    pub fn origin(&self) -> Option<&Origin> {
        let (policy, rule) = self.rule?;
        Some(rule.map_or(&policy.origin, |rule| &rule.origin))
    }
}

impl Proof<'_> {
    /// Tells what proxies of nodes may make of what the network decides.
    fn tell_carried(&mut self) {
        let both = self
            .egress
            .on_network
            .intersection(&self.ingress.on_network);
        let after = carried(&both);
        let changed = both.least.difference(&after.least);
        let changed = changed.union(&after.most.difference(&both.most));
        if self.is_carried && !changed.is_empty() {
            let why = "proxies of nodes may carry it over port 15008, all that the network sees";
            self.ingress.steps.push(Step {
                rule: None,
                effect: Effect::Unknown(changed),
                unsure: Some(why.into()),
            });
        }
    }

    /// What passes.
    pub fn connections(&self) -> Bounds<Connections> {
        let (sent_out, taken) = (&self.egress.on_network, &self.ingress.on_network);
        let mut passing = sent_out.intersection(taken);
        // Whether any request is left that both let pass is not known.
        let twice = self.egress.narrowed.intersection(&self.ingress.narrowed);
        passing.least = passing.least.difference(&twice);
        if self.is_carried {
            passing = carried(&passing);
        }
        let passing = passing.intersection(&self.ingress.in_mesh);
        match &self.ways {
            Some(ways) => passing.intersection(&sent(ways)),
            None => passing,
        }
    }
}

pub(crate) fn prove(analysis: &Analysis, from: usize, to: usize) -> Proof<'_> {
    let all: Vec<&Policy> = analysis.policies().iter().collect();
    by(analysis, (from, to), [&all, &all])
}

/// The same where the policies are known that may be about the source, and those that may be about the destination.
pub(crate) fn by<'a>(
    analysis: &'a Analysis,
    (from, at): (usize, usize),
    [of_source, of_destination]: [&[&'a Policy]; 2],
) -> Proof<'a> {
    let (from, to) = (analysis.endpoint(from), analysis.endpoint(at));
    let is_controller = matches!(from, Endpoint::Controller);
    let mut proof = Proof {
        ways: is_controller.then(|| analysis.ways_to(at).collect()),
        is_carried: analysis.matching().carries(&from, &to),
        egress: decide(analysis, of_source, (&from, &to, Direction::Egress)),
        ingress: decide(analysis, of_destination, (&to, &from, Direction::Ingress)),
        from,
        to,
    };
    proof.tell_carried();
    proof
}

/// What one end decides, in each plane.
fn decide<'a>(
    analysis: &'a Analysis,
    policies: &[&'a Policy],
    ends: (&Endpoint<'a>, &Endpoint<'a>, Direction),
) -> Side<'a> {
    let (subject, peer, direction) = ends;
    let all = || Bounds::exact(Connections::all());
    let mut side = Side {
        connections: all(),
        narrowed: Connections::default(),
        steps: Vec::new(),
        on_network: all(),
        in_mesh: all(),
    };
    for plane in [Plane::Network, Plane::Mesh] {
        // Proxies decide where somebody is called.
        let mut all = analysis.policies().iter();
        let is_empty = all.all(|it| it.tier.plane != plane);
        if plane == Plane::Mesh && (is_empty || direction == Direction::Egress) {
            continue;
        }
        let mut decision = Decision::of(analysis.matching(), ends);
        decision.decide(plane, policies);
        if plane == Plane::Mesh && may_hide(peer) {
            let mut hiding = Decision::of(analysis.matching().hiding(), ends);
            hiding.decide(plane, policies);
            decision.or(hiding, &analysis.matching().served(subject));
        }
        let twice = side.narrowed.intersection(&decision.narrowed);
        let denied = decision.deny.union(&twice);
        let passing = Bounds {
            least: Connections::all().difference(&denied),
            most: decision.allow,
        };
        side.connections = side.connections.intersection(&passing);
        match plane {
            Plane::Network => side.on_network = passing,
            Plane::Mesh => side.in_mesh = passing,
        }
        side.narrowed = side.narrowed.union(&decision.narrowed);
        side.steps.extend(decision.steps);
    }
    side
}

/// Whether somebody may call so that it says nothing.
fn may_hide(source: &Endpoint<'_>) -> bool {
    matches!(source, Endpoint::Workload(it) if it.member.may_hide)
}

/// What one end decides in one plane.
struct Decision<'a, 'e> {
    matching: Matching<'a>,
    subject: &'e Endpoint<'a>,
    peer: &'e Endpoint<'a>,
    direction: Direction,
    /// What may be allowed.
    allow: Connections,
    /// What may be denied.
    deny: Connections,
    /// What may get as far as here.
    reach: Connections,
    /// What may get as far as the first of the rules here that all do the same: each of them is told, and not only the first.
    told: Connections,
    /// Of what only some requests pass.
    narrowed: Connections,
    steps: Vec<Step<'a>>,
}

/// A policy that may select the pods.
#[derive(Clone)]
struct Asked<'a> {
    policy: &'a Policy,
    /// Why it is not known that it does.
    unselected: Option<Arc<str>>,
    /// Why it is not known when it is asked.
    unordered: Option<Arc<str>>,
}

/// What a rule is about, of the connections that get as far as it.
struct Hit {
    connections: Bounds<Connections>,
    /// With those that others, which do the same, were about before.
    told: Connections,
    unsure: Option<Arc<str>>,
}

impl<'a, 'e> Decision<'a, 'e> {
    fn of(
        matching: Matching<'a>,
        (subject, peer, direction): (&'e Endpoint<'a>, &'e Endpoint<'a>, Direction),
    ) -> Self {
        Self {
            matching,
            subject,
            peer,
            direction,
            allow: Connections::default(),
            deny: Connections::default(),
            reach: Connections::all(),
            told: Connections::all(),
            narrowed: Connections::default(),
            steps: Vec::new(),
        }
    }

    /// Adds what is decided of who hides who it is. What is `served` it calls so that it says that.
    fn or(&mut self, hiding: Self, served: &Connections) {
        let is_same = (&self.allow, &self.deny) == (&hiding.allow, &hiding.deny);
        self.allow = self.allow.union(&hiding.allow);
        self.deny = self.deny.union(&hiding.deny.difference(served));
        self.narrowed = self.narrowed.union(&hiding.narrowed);
        if is_same {
            return;
        }
        let is_told =
            |it: &Step<'_>| !matches!(it.effect, Effect::OtherPeers | Effect::OtherConnections);
        // The first is what no proxy decides of, which is the same.
        let told = hiding.steps.into_iter().skip(1).filter(is_told);
        self.steps.extend(told.map(|mut step| {
            let why = || "if it is called past the proxy of its source, by nobody in particular";
            step.unsure = step.unsure.or_else(|| Some(why().into()));
            step
        }));
    }

    fn decide(&mut self, plane: Plane, policies: &[&'a Policy]) {
        let escapes = |it| self.matching.escapes(it);
        if plane == Plane::Network && (escapes(self.subject) || escapes(self.peer)) {
            self.allow = Connections::all();
            let why = "whether both are on one node is not known".into();
            self.step(None, Effect::Escapes, Some(why));
        }
        if plane == Plane::Mesh {
            self.pass_by();
        }
        for tier in policies.chunk_by(|a, b| a.tier == b.tier) {
            if tier[0].tier.plane == plane {
                self.tier(tier);
            }
        }
        if !self.reach.is_empty() {
            self.allow = self.allow.union(&self.reach);
            self.step(None, Effect::Default(self.reach.clone()), None);
        }
    }

    /// Lets pass what no proxy decides of.
    fn pass_by(&mut self) {
        let (taken, unsure) = self.matching.taken(self.subject);
        let past = Connections::all().difference(&taken.least);
        self.allow = past.clone();
        self.reach = taken.most.clone();
        self.told = taken.most;
        self.step(None, Effect::Default(past), unsure);
    }

    /// Asks the rules of a tier one after the other, and closes it where one of its policies does.
    fn tier(&mut self, tier: &[&'a Policy]) {
        let mut next = Connections::default();
        let mut before = None;
        let asked = self.asked(tier);
        for it in &asked {
            let policy = it.policy;
            let unsure = it.unselected.as_ref().or(it.unordered.as_ref());
            for rule in policy.rules(self.direction) {
                if before.replace(rule.action) != Some(rule.action) {
                    self.told = self.reach.clone();
                }
                if let Some(hit) = self.hit(policy, rule, unsure) {
                    self.put(rule, &hit.connections, &mut next);
                    self.step(
                        Some((policy, Some(rule))),
                        effect(rule, hit.told),
                        hit.unsure,
                    );
                }
            }
        }
        self.close(&asked);
        self.reach = self.reach.union(&next);
    }

    /// What a rule does to what it is about.
    fn put(&mut self, rule: &Rule, hit: &Bounds<Connections>, next: &mut Connections) {
        let is_narrow = rule.only.is_some();
        if is_narrow && rule.action != Some(Action::Pass) {
            // Of what is narrowed twice it is not known whether anything is left.
            let twice = hit.most.intersection(&self.narrowed);
            self.deny = self.deny.union(&twice);
            self.narrowed = self.narrowed.union(&hit.most);
            if rule.action == Some(Action::Deny) {
                return;
            }
        }
        if !(is_narrow && rule.action == Some(Action::Pass)) {
            self.reach = self.reach.difference(&hit.least);
        }
        let into: &mut [&mut Connections] = match rule.action {
            Some(Action::Allow) => &mut [&mut self.allow],
            Some(Action::Deny) => &mut [&mut self.deny],
            Some(Action::Pass) => &mut [next],
            None => &mut [&mut self.allow, &mut self.deny, next],
        };
        for connections in into {
            **connections = connections.union(&hit.most);
        }
    }

    /// Denies what no rule decided of, where a policy of the tier says so.
    fn close(&mut self, asked: &[Asked<'a>]) {
        // Whenever it is asked, a policy closes the tier behind all.
        let closing = asked.iter().filter_map(|it| {
            let closes = match &it.policy.directed(self.direction).closes {
                Truth::No => return None,
                Truth::Yes => None,
                Truth::Unknown(why) => Some(why.clone()),
            };
            Some((it.policy, it.unselected.clone().or(closes)))
        });
        let closing: Vec<(&'a Policy, Option<Arc<str>>)> = closing.collect();
        // That surely does tells more than one that may.
        let surely = closing.iter().find(|(_, unsure)| unsure.is_none());
        let Some((first, unsure)) = surely.or_else(|| closing.first()).cloned() else {
            return;
        };
        let left = self.reach.clone();
        if unsure.is_none() {
            self.reach = Connections::default();
        }
        if !left.is_empty() {
            self.deny = self.deny.union(&left);
            self.step(Some((first, None)), Effect::Isolates(left), unsure);
        }
    }

    /// The policies of a tier that may select the pods, in their order.
    fn asked(&self, tier: &[&'a Policy]) -> Vec<Asked<'a>> {
        let asked = tier.iter().copied().filter_map(|policy| {
            let holds = policy.directed(self.direction).hold.clone();
            let unselected =
                match holds.and(|| self.matching.subject(&policy.subject, self.subject)) {
                    Truth::Yes => None,
                    Truth::Unknown(why) => Some(why),
                    Truth::No => return None,
                };
            Some(Asked {
                policy,
                unselected,
                unordered: None,
            })
        });
        let mut asked: Vec<Asked<'a>> = asked.collect();
        let turn = |it: &Asked<'a>| (it.policy.priority.as_ref(), it.policy.does(self.direction));
        let unordered = unordered(&asked.iter().map(turn).collect::<Vec<_>>());
        for (it, is_unordered) in asked.iter_mut().zip(unordered) {
            it.unordered = is_unordered
                .then(|| "which of the policies of its priority is asked first is not said".into());
        }
        asked
    }

    /// The connections that the rule is about; says so where there are none.
    fn hit(
        &mut self,
        policy: &'a Policy,
        rule: &'a Rule,
        unsure: Option<&Arc<str>>,
    ) -> Option<Hit> {
        let named = Some((policy, Some(rule)));
        let of_peer = match self.matching.any(&rule.peers, self.peer) {
            Truth::No => {
                self.step(named, Effect::OtherPeers, None);
                return None;
            }
            Truth::Yes => None,
            Truth::Unknown(why) => Some(why),
        };
        let destination = match self.direction {
            Direction::Ingress => self.subject,
            Direction::Egress => self.peer,
        };
        let destination = match destination {
            Endpoint::Workload(it) => Some(*it),
            Endpoint::Controller | Endpoint::Outside(_) => None,
        };
        let ports = rule.ports.of(destination);
        let told = ports.most.intersection(&self.told);
        if told.is_empty() {
            self.step(named, Effect::OtherConnections, None);
            return None;
        }
        let of_action = rule
            .action
            .is_none()
            .then(|| "its action is not known".into());
        let of_rule = unsure.cloned().or(of_peer).or(of_action);
        let least = match of_rule {
            Some(_) => Connections::default(),
            None => ports.least.intersection(&self.reach),
        };
        Some(Hit {
            connections: Bounds {
                least,
                most: ports.most.intersection(&self.reach),
            },
            told,
            unsure: of_rule.or_else(|| rule.ports.why(destination)),
        })
    }

    fn step(
        &mut self,
        rule: Option<(&'a Policy, Option<&'a Rule>)>,
        effect: Effect,
        unsure: Option<Arc<str>>,
    ) {
        self.steps.push(Step {
            rule,
            effect,
            unsure,
        });
    }
}

/// What a rule does to connections.
fn effect(rule: &Rule, connections: Connections) -> Effect {
    match rule.action {
        Some(Action::Allow) => Effect::Allows(connections),
        Some(Action::Deny) if rule.only.is_some() => Effect::Narrows(connections),
        Some(Action::Deny) => Effect::Denies(connections),
        Some(Action::Pass) => Effect::Passes(connections),
        None => Effect::Unknown(connections),
    }
}
