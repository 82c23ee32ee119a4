//! Why something passes, or does not: every rule on the way, with where it stands.

use std::sync::Arc;

use casemate_posture::{Origin, Truth};

use crate::{
    Analysis, Bounds, Connections, Endpoint, Entry,
    entry::sent,
    matching::Matching,
    policy::{Action, Direction, Policy, Rule, Tier, unordered},
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
        let passing = sent_out.intersection(taken);
        match &self.ways {
            Some(ways) => passing.intersection(&sent(ways)),
            None => passing,
        }
    }
}

pub(crate) fn prove(analysis: &Analysis, from: usize, at: usize) -> Proof<'_> {
    let (from, to) = (analysis.endpoint(from), analysis.endpoint(at));
    let side = |subject, peer, direction| {
        let mut decision = Decision {
            analysis,
            matching: analysis.matching(),
            subject,
            peer,
            direction,
            allow: Connections::default(),
            deny: Connections::default(),
            reach: Connections::all(),
            steps: Vec::new(),
        };
        decision.decide();
        Side {
            connections: Bounds {
                least: Connections::all().difference(&decision.deny),
                most: decision.allow,
            },
            steps: decision.steps,
        }
    };
    let is_controller = matches!(from, Endpoint::Controller);
    Proof {
        ways: is_controller.then(|| analysis.ways_to(at).collect()),
        egress: side(&from, &to, Direction::Egress),
        ingress: side(&to, &from, Direction::Ingress),
        from,
        to,
    }
}

struct Decision<'a, 'e> {
    analysis: &'a Analysis,
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
    steps: Vec<Step<'a>>,
}

/// A policy that may select the pods, and why that it does, or when, is not known.
type Asked<'a> = (&'a Policy, Option<Arc<str>>);

/// What a rule is about, of the connections that get as far as it.
struct Hit {
    connections: Bounds<Connections>,
    unsure: Option<Arc<str>>,
}

impl<'a> Decision<'a, '_> {
    fn decide(&mut self) {
        if self.matching.escapes(self.subject) || self.matching.escapes(self.peer) {
            self.allow = Connections::all();
            let why = "whether both are on one node is not known".into();
            self.step(None, Effect::Escapes, Some(why));
        }
        self.ordered(Tier::Admin);
        self.isolate();
        self.ordered(Tier::Baseline);
        if !self.reach.is_empty() {
            self.allow = self.allow.union(&self.reach);
            self.step(None, Effect::Default(self.reach.clone()), None);
        }
    }

    /// Asks a tier whose rules have an order.
    fn ordered(&mut self, tier: Tier) {
        let mut next = Connections::default();
        for (policy, unsure) in self.asked(tier) {
            for rule in policy.rules(self.direction) {
                let Some(hit) = self.hit(policy, rule, unsure.as_ref()) else {
                    continue;
                };
                let here = hit.connections.most;
                let effect = match rule.action {
                    Some(Action::Allow) => {
                        self.allow = self.allow.union(&here);
                        Effect::Allows(here)
                    }
                    Some(Action::Deny) => {
                        self.deny = self.deny.union(&here);
                        Effect::Denies(here)
                    }
                    Some(Action::Pass) => {
                        next = next.union(&here);
                        Effect::Passes(here)
                    }
                    None => {
                        self.allow = self.allow.union(&here);
                        self.deny = self.deny.union(&here);
                        next = next.union(&here);
                        Effect::Unknown(here)
                    }
                };
                self.reach = self.reach.difference(&hit.connections.least);
                self.step(Some((policy, Some(rule))), effect, hit.unsure);
            }
        }
        self.reach = self.reach.union(&next);
    }

    /// Asks the policies that select the pods, if some do.
    fn isolate(&mut self) {
        let asked = self.asked(Tier::Network);
        // That surely does tells more than one that may.
        let surely = asked.iter().find(|(_, unsure)| unsure.is_none());
        let Some((first, unsure)) = surely.or_else(|| asked.first()).cloned() else {
            return;
        };
        let mut granted = Connections::default();
        for (policy, unsure) in &asked {
            for rule in policy.rules(self.direction) {
                if let Some(hit) = self.hit(policy, rule, unsure.as_ref()) {
                    self.allow = self.allow.union(&hit.connections.most);
                    granted = granted.union(&hit.connections.least);
                    let effect = Effect::Allows(hit.connections.most);
                    self.step(Some((policy, Some(rule))), effect, hit.unsure);
                }
            }
        }
        let left = self.reach.difference(&granted);
        if unsure.is_none() {
            self.reach = Connections::default();
        }
        if !left.is_empty() {
            self.deny = self.deny.union(&left);
            self.step(Some((first, None)), Effect::Isolates(left), unsure);
        }
    }

    /// The policies of a tier that may select the pods, in their order.
    fn asked(&self, tier: Tier) -> Vec<Asked<'a>> {
        let all = self.analysis.policies().iter().filter(|it| it.tier == tier);
        let asked = all.filter_map(|policy| {
            let holds = policy.directed(self.direction).hold.clone();
            match holds.and(|| self.matching.pods(&policy.subject, self.subject)) {
                Truth::Yes => Some((policy, None)),
                Truth::Unknown(why) => Some((policy, Some(why))),
                Truth::No => None,
            }
        });
        let mut asked: Vec<Asked<'a>> = asked.collect();
        if tier != Tier::Network {
            let priorities: Vec<_> = asked.iter().map(|(it, _)| it.priority).collect();
            for ((_, unsure), is_unordered) in asked.iter_mut().zip(unordered(&priorities)) {
                if is_unordered && unsure.is_none() {
                    *unsure = Some(
                        "which of the policies of its priority is asked first is not said".into(),
                    );
                }
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
        let most = ports.most.intersection(&self.reach);
        if most.is_empty() {
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
            connections: Bounds { least, most },
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
