//! Policies upon the endpoints of a cluster.

use casemate_posture::Truth;

use crate::{
    Bounds, Direction, Policy, Tier,
    index::Index,
    policy::{Action, Ports, Priority},
    set::Set,
};

/// A policy, upon the endpoints.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) tier: Tier,
    pub(crate) priority: Option<Priority>,
    pub(crate) ingress: HeldSide,
    pub(crate) egress: HeldSide,
}

/// What it is for one direction.
#[derive(Debug)]
pub(crate) struct HeldSide {
    /// Whom it selects for it.
    pub(crate) subject: Bounds<Set>,
    /// Whether what no rule of its tier decides does not pass.
    pub(crate) closes: Truth,
    /// What all of its rules do, if they do the same.
    pub(crate) does: Option<Action>,
    pub(crate) rules: Vec<HeldRule>,
}

/// A rule, upon the endpoints.
#[derive(Debug)]
pub(crate) struct HeldRule {
    pub(crate) action: Option<Action>,
    /// Whether it is about some requests alone.
    pub(crate) is_narrow: bool,
    pub(crate) peers: Bounds<Set>,
    pub(crate) ports: Ports,
}

impl Held {
    pub(crate) fn of(policy: &Policy, index: &mut Index<'_>) -> Self {
        let subject = index.subject(&policy.subject);
        let mut side = |direction: Direction| {
            let rules = policy.directed(direction);
            let mut subject = subject.clone();
            if rules.hold != Truth::Yes {
                subject.least.clear();
            }
            if rules.hold == Truth::No {
                subject.most.clear();
            }
            let rule = |rule: &crate::Rule| HeldRule {
                action: rule.action,
                is_narrow: rule.only.is_some(),
                peers: index.peers(&rule.peers),
                ports: rule.ports.clone(),
            };
            HeldSide {
                subject,
                closes: rules.closes.clone(),
                does: policy.does(direction),
                rules: rules.all.iter().map(rule).collect(),
            }
        };
        Self {
            tier: policy.tier.clone(),
            priority: policy.priority.clone(),
            ingress: side(Direction::Ingress),
            egress: side(Direction::Egress),
        }
    }

    pub(crate) fn side(&self, direction: Direction) -> &HeldSide {
        match direction {
            Direction::Ingress => &self.ingress,
            Direction::Egress => &self.egress,
        }
    }

    /// The same, upon some of the endpoints alone.
    pub(crate) fn of_each(&self, endpoints: &[usize]) -> Self {
        let bounds = |it: &Bounds<Set>| Bounds {
            least: it.least.of_each(endpoints),
            most: it.most.of_each(endpoints),
        };
        let rule = |it: &HeldRule| HeldRule {
            action: it.action,
            is_narrow: it.is_narrow,
            peers: bounds(&it.peers),
            ports: it.ports.clone(),
        };
        let side = |it: &HeldSide| HeldSide {
            subject: bounds(&it.subject),
            closes: it.closes.clone(),
            does: it.does,
            rules: it.rules.iter().map(rule).collect(),
        };
        Self {
            tier: self.tier.clone(),
            priority: self.priority.clone(),
            ingress: side(&self.ingress),
            egress: side(&self.egress),
        }
    }
}
