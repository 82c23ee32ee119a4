//! Why something passes, or does not: every rule on the way, with where it stands.

use casemate_posture::Origin;

use crate::{
    Analysis, Connections, Endpoint,
    analysis::HeldRule,
    policy::{Action, Direction, Policy, Rule, Tier},
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
}

/// What one end decides.
#[derive(Debug)]
pub struct Side<'a> {
    /// What it lets pass.
    pub connections: Connections,
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
}

/// What a step does to the connections that are still open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// These pass.
    Allows(Connections),
    /// These do not.
    Denies(Connections),
    /// Of these the next tier decides.
    Passes(Connections),
    /// The rule is about others.
    OtherPeers,
    /// The rule is about other connections, or about some that were decided before it.
    OtherConnections,
    /// Policies select the pods, so that what none of them allows does not pass.
    Isolates(Connections),
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
    pub fn connections(&self) -> Connections {
        self.egress.connections.intersection(&self.ingress.connections)
    }
}

pub(crate) fn prove(analysis: &Analysis, from: usize, to: usize) -> Proof<'_> {
    let side = |subject, peer, direction| {
        let mut decision = Decision {
            analysis,
            subject,
            peer,
            direction,
            steps: Vec::new(),
        };
        let connections = decision.decide();
        Side {
            connections,
            steps: decision.steps,
        }
    };
    Proof {
        from: analysis.endpoint(from),
        to: analysis.endpoint(to),
        egress: side(from, to, Direction::Egress),
        ingress: side(to, from, Direction::Ingress),
    }
}

struct Decision<'a> {
    analysis: &'a Analysis,
    subject: usize,
    peer: usize,
    direction: Direction,
    steps: Vec<Step<'a>>,
}

impl<'a> Decision<'a> {
    fn decide(&mut self) -> Connections {
        let mut allowed = Connections::default();
        let mut open = self.ordered(Tier::Admin, Connections::all(), &mut allowed);
        if self.isolate(&open, &mut allowed) {
            return allowed;
        }
        open = self.ordered(Tier::Baseline, open, &mut allowed);
        if !open.is_empty() {
            self.step(None, Effect::Default(open.clone()));
        }
        allowed.union(&open)
    }

    /// Asks a tier whose rules have an order; gives what it leaves to the next.
    fn ordered(&mut self, tier: Tier, mut open: Connections, allowed: &mut Connections) -> Connections {
        let mut passed = Connections::default();
        for (policy, rule, held) in self.rules(tier) {
            let Some(here) = self.fires(policy, rule, held, &open) else {
                continue;
            };
            open = open.difference(&here);
            let effect = match held.action {
                Action::Allow => {
                    *allowed = allowed.union(&here);
                    Effect::Allows(here)
                }
                Action::Deny => Effect::Denies(here),
                Action::Pass => {
                    passed = passed.union(&here);
                    Effect::Passes(here)
                }
            };
            self.step(Some((policy, Some(rule))), effect);
        }
        open.union(&passed)
    }

    /// Asks the policies that select the pods, if some do.
    fn isolate(&mut self, open: &Connections, allowed: &mut Connections) -> bool {
        let policies = self.policies(Tier::Network);
        let Some(first) = policies.first() else {
            return false;
        };
        let mut left = open.clone();
        for (policy, rule, held) in self.rules(Tier::Network) {
            if let Some(here) = self.fires(policy, rule, held, open) {
                *allowed = allowed.union(&here);
                left = left.difference(&here);
                self.step(Some((policy, Some(rule))), Effect::Allows(here));
            }
        }
        if !left.is_empty() {
            self.step(Some((first, None)), Effect::Isolates(left));
        }
        true
    }

    /// The connections among `open` that the rule is about; says so where there are none.
    fn fires(
        &mut self,
        policy: &'a Policy,
        rule: &'a Rule,
        held: &HeldRule,
        open: &Connections,
    ) -> Option<Connections> {
        let rule = Some((policy, Some(rule)));
        if !held.peers.has(self.peer) {
            self.step(rule, Effect::OtherPeers);
            return None;
        }
        let destination = match self.direction {
            Direction::Ingress => self.subject,
            Direction::Egress => self.peer,
        };
        let destination = self.analysis.cluster().workloads.get(destination);
        let here = held.ports.of(destination).intersection(open);
        if here.is_empty() {
            self.step(rule, Effect::OtherConnections);
            return None;
        }
        Some(here)
    }

    fn policies(&self, tier: Tier) -> Vec<&'a Policy> {
        let analysis = self.analysis;
        let own = analysis.held().filter(|(_, held)| {
            held.tier == tier && held.subject.has(self.subject) && held.rules(self.direction).is_some()
        });
        own.map(|(policy, _)| policy).collect()
    }

    fn rules(&self, tier: Tier) -> Vec<(&'a Policy, &'a Rule, &'a HeldRule)> {
        let (direction, subject) = (self.direction, self.subject);
        let own = self.analysis.held().filter(|(_, held)| held.tier == tier && held.subject.has(subject));
        let rules = own.flat_map(|(policy, held)| {
            let written = policy.rules(direction).unwrap_or_default();
            let held = held.rules(direction).unwrap_or_default();
            written.iter().zip(held).map(move |(rule, held)| (policy, rule, held))
        });
        rules.collect()
    }

    fn step(&mut self, rule: Option<(&'a Policy, Option<&'a Rule>)>, effect: Effect) {
        self.steps.push(Step { rule, effect });
    }
}
