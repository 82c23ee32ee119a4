//! Policies upon the endpoints of a cluster.

use casemate_posture::Truth;

use crate::{
    Bounds, Direction, Policy, Tier,
    index::Index,
    policy::{Action, Ports, Rules},
    set::Set,
};

/// A policy, upon the endpoints.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) tier: Tier,
    pub(crate) priority: Option<i64>,
    pub(crate) ingress: HeldSide,
    pub(crate) egress: HeldSide,
}

/// What it is for one direction.
#[derive(Debug)]
pub(crate) struct HeldSide {
    /// Whom it selects for it.
    pub(crate) subject: Bounds<Set>,
    pub(crate) rules: Vec<HeldRule>,
}

/// A rule, upon the endpoints.
#[derive(Debug)]
pub(crate) struct HeldRule {
    pub(crate) action: Option<Action>,
    pub(crate) peers: Bounds<Set>,
    pub(crate) ports: Ports,
}

impl Held {
    pub(crate) fn of(policy: &Policy, index: &mut Index<'_>) -> Self {
        let subject = index.pods(&policy.subject);
        let mut side = |rules: &Rules| {
            let mut subject = subject.clone();
            if rules.hold != Truth::Yes {
                subject.least.clear();
            }
            if rules.hold == Truth::No {
                subject.most.clear();
            }
            let rule = |rule: &crate::Rule| HeldRule {
                action: rule.action,
                peers: index.peers(&rule.peers),
                ports: rule.ports.clone(),
            };
            HeldSide {
                subject,
                rules: rules.all.iter().map(rule).collect(),
            }
        };
        Self {
            tier: policy.tier,
            priority: policy.priority,
            ingress: side(&policy.ingress),
            egress: side(&policy.egress),
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
            peers: bounds(&it.peers),
            ports: it.ports.clone(),
        };
        let side = |it: &HeldSide| HeldSide {
            subject: bounds(&it.subject),
            rules: it.rules.iter().map(rule).collect(),
        };
        Self {
            tier: self.tier,
            priority: self.priority,
            ingress: side(&self.ingress),
            egress: side(&self.egress),
        }
    }
}
