//! What Cilium makes of policies of other kinds, where the files are for a cluster that has it.

use std::sync::Arc;

use casemate_posture::{Truth, World};

use super::{endpoints::NOT_OF, labels::left_out, settings};
use crate::{
    Addresses, Assumptions, Gap,
    policy::{Direction, Inside, Peer, Policy, Rule},
    selector::{Namespaces, Requirement, Selector},
};

/// Says of the policies of Kubernetes what of them is up to Cilium.
pub(in crate::policy) fn take_over(
    world: &World,
    assumptions: &Assumptions,
    policies: &mut [Policy],
    gaps: &mut Vec<Gap>,
) {
    let has = |kind: &&str| super::objects(world, kind).next().is_some();
    if !super::KINDS.iter().any(has) && !settings::are_there(world) {
        return;
    }
    // Whoever reads those of Cilium itself tells it.
    let off = settings::off(world, &mut Vec::new());
    let network = assumptions.pod_network.as_ref();
    for policy in policies {
        if policy.kind == "NetworkPolicy" {
            for pods in &mut policy.subject {
                doubt_left_out(&mut pods.selector);
            }
            for direction in [Direction::Ingress, Direction::Egress] {
                let rules = policy.rules_mut(direction).iter_mut();
                rules.for_each(|it| read_as_cilium_does(it, direction, network));
            }
        } else {
            let why = format!(
                "whether Cilium holds a {} is up to its version",
                policy.kind
            );
            let why = tell(policy, &why, gaps);
            policy.doubt(&why);
        }
        if let Some(why) = &off {
            policy.doubt(why);
        }
    }
}

fn read_as_cilium_does(rule: &mut Rule, direction: Direction, network: Option<&Addresses>) {
    if direction == Direction::Egress && rule.ports.names().next().is_some() {
        rule.ports.forget_names(NAMED.into());
    }
    let mut others = Vec::new();
    for peer in &mut rule.peers {
        match peer {
            Peer::Pods(pods) => {
                doubt_left_out(&mut pods.selector);
                if let Namespaces::Selected(selector) = &pods.namespaces {
                    let mut asked = selector.0.iter().chain(&pods.selector.0);
                    if !selector.is_empty() && asked.all(Requirement::may_be_of_nothing) {
                        others.push(Peer::Outside(NOT_OF.into()));
                    }
                }
            }
            Peer::Block(block) if network.is_some_and(|it| !it.intersection(block).is_empty()) => {
                *peer = Peer::World(block.clone(), Inside::Pods(BLOCKS.into()));
            }
            _ => {}
        }
    }
    rule.peers.extend(others);
}

/// Makes unknown what is asked of labels that Cilium does not look at.
fn doubt_left_out(selector: &mut Selector) {
    for requirement in &mut selector.0 {
        let key = requirement.key().map(str::to_owned);
        if let Some(why) = key.as_deref().and_then(left_out) {
            *requirement = Requirement::Unknown(key, why.into());
        }
    }
}

fn tell(policy: &Policy, message: &str, gaps: &mut Vec<Gap>) -> Arc<str> {
    gaps.push(Gap {
        origin: policy.origin.clone(),
        message: format!("{} {}: {message}", policy.kind, policy.name),
    });
    message.into()
}

impl Policy {
    /// Says that it may hold nothing, and why.
    fn doubt(&mut self, why: &Arc<str>) {
        for rules in [&mut self.ingress, &mut self.egress] {
            let unknown = || Truth::Unknown(why.clone());
            rules.hold = rules.hold.clone().and(unknown);
        }
    }
}

const NAMED: &str =
    "which number a name of a port has at egress hangs on all pods of the cluster under Cilium";
const BLOCKS: &str = "whether blocks of addresses mean pods and nodes is up to how Cilium is set";
