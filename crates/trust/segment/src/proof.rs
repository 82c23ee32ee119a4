//! Why something passes, or does not: every rule on the way, with where it stands.

use std::sync::Arc;

use casemate_posture::{Origin, Truth};

use crate::{
    Analysis, Bounds, Connections, Endpoint, Entry,
    entry::sent,
    matching::Matching,
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
    /// What passes.
    pub fn connections(&self) -> Bounds<Connections> {
        let (sent_out, taken) = (&self.egress.connections, &self.ingress.connections);
        let mut passing = sent_out.intersection(taken);
        // Whether any request is left that both let pass is not known.
        let twice = self.egress.narrowed.intersection(&self.ingress.narrowed);
        passing.least = passing.least.difference(&twice);
        match &self.ways {
            Some(ways) => passing.intersection(&sent(ways)),
            None => passing,
        }
    }
}

pub(crate) fn prove(analysis: &Analysis, from: usize, at: usize) -> Proof<'_> {
    let (from, to) = (analysis.endpoint(from), analysis.endpoint(at));
    let side = |subject, peer, direction| decide(analysis, subject, peer, direction);
    let is_controller = matches!(from, Endpoint::Controller);
    Proof {
        ways: is_controller.then(|| analysis.ways_to(at).collect()),
        egress: side(&from, &to, Direction::Egress),
        ingress: side(&to, &from, Direction::Ingress),
        from,
        to,
    }
}

/// What one end decides, in each plane.
fn decide<'a>(
    analysis: &'a Analysis,
    subject: &Endpoint<'a>,
    peer: &Endpoint<'a>,
    direction: Direction,
) -> Side<'a> {
    let mut side = Side {
        connections: Bounds::exact(Connections::all()),
        narrowed: Connections::default(),
        steps: Vec::new(),
    };
    let policies = analysis.policies();
    for plane in [Plane::Network, Plane::Mesh] {
        // Proxies decide where somebody is called.
        let is_empty = policies.iter().all(|it| it.tier.plane != plane);
        if plane == Plane::Mesh && (is_empty || direction == Direction::Egress) {
            continue;
        }
        let mut decision = Decision {
            matching: analysis.matching(),
            subject,
            peer,
            direction,
            allow: Connections::default(),
            deny: Connections::default(),
            reach: Connections::all(),
            told: Connections::all(),
            narrowed: Connections::default(),
            steps: Vec::new(),
        };
        decision.decide(plane, policies);
        let twice = side.narrowed.intersection(&decision.narrowed);
        let denied = decision.deny.union(&twice);
        side.connections = side.connections.intersection(&Bounds {
            least: Connections::all().difference(&denied),
            most: decision.allow,
        });
        side.narrowed = side.narrowed.union(&decision.narrowed);
        side.steps.extend(decision.steps);
    }
    side
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

/// A policy that may select the pods, and why that it does, or when, is not known.
type Asked<'a> = (&'a Policy, Option<Arc<str>>);

/// What a rule is about, of the connections that get as far as it.
struct Hit {
    connections: Bounds<Connections>,
    /// With those that others, which do the same, were about before.
    told: Connections,
    unsure: Option<Arc<str>>,
}

impl<'a> Decision<'a, '_> {
    fn decide(&mut self, plane: Plane, policies: &'a [Policy]) {
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
    fn tier(&mut self, tier: &'a [Policy]) {
        let mut next = Connections::default();
        let mut before = None;
        let asked = self.asked(tier);
        for (policy, unsure) in &asked {
            for rule in policy.rules(self.direction) {
                if before.replace(rule.action) != Some(rule.action) {
                    self.told = self.reach.clone();
                }
                if let Some(hit) = self.hit(policy, rule, unsure.as_ref()) {
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
        let closing = asked.iter().filter_map(|(policy, unsure)| {
            let closes = match &policy.directed(self.direction).closes {
                Truth::No => return None,
                Truth::Yes => None,
                Truth::Unknown(why) => Some(why.clone()),
            };
            Some((*policy, unsure.clone().or(closes)))
        });
        let closing: Vec<Asked<'a>> = closing.collect();
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
    fn asked(&self, tier: &'a [Policy]) -> Vec<Asked<'a>> {
        let asked = tier.iter().filter_map(|policy| {
            let holds = policy.directed(self.direction).hold.clone();
            match holds.and(|| self.matching.subject(&policy.subject, self.subject)) {
                Truth::Yes => Some((policy, None)),
                Truth::Unknown(why) => Some((policy, Some(why))),
                Truth::No => None,
            }
        });
        let mut asked: Vec<Asked<'a>> = asked.collect();
        let turn = |(it, _): &Asked<'a>| (it.priority.as_ref(), it.does(self.direction));
        let unordered = unordered(&asked.iter().map(turn).collect::<Vec<_>>());
        for ((_, unsure), is_unordered) in asked.iter_mut().zip(unordered) {
            if is_unordered && unsure.is_none() {
                *unsure =
                    Some("which of the policies of its priority is asked first is not said".into());
            }
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
