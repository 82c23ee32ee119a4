//! `CiliumNetworkPolicy` and `CiliumClusterwideNetworkPolicy` of `cilium.io/v2`.
//!
//! They hold beside NetworkPolicies, in one tier with them: what some rule denies does not pass, what some other
//! allows does, and nothing else where a policy closes the direction. So that this comes out of rules which are
//! asked in an order, each is read as up to four: its denials, what it allows, what it allows of some requests,
//! and what it may allow.

mod endpoints;
mod peers;
mod ports;
mod services;

use std::sync::Arc;

use casemate_posture::{Cursor, Fact, Origin, Resource, Truth, World};

use self::peers::Who;
use super::{Action, Direction, Order, Peer, Pods, Policy, Ports, Priority, Rule, Rules, Tier};
use crate::{
    Gap,
    cluster::{name_of, namespace_of},
    listed::{is_there, listed},
    selector::{Namespaces, Selector},
};

pub(super) fn read(world: &World, gaps: &mut Vec<Gap>) -> Vec<Policy> {
    let mut policies = Vec::new();
    for object in world.of_kind("CiliumNetworkPolicy") {
        let namespace = match namespace_of(object, gaps) {
            Fact::Unknown(why) => Namespaces::Unknown(why),
            Fact::Known(name) => Namespaces::One(name.into()),
            Fact::Absent => Namespaces::One("default".into()),
        };
        let scope = Scope {
            world,
            kind: "CiliumNetworkPolicy",
            namespace: Some(namespace),
        };
        policies.extend(scope.policies(object, gaps));
    }
    for object in world.of_kind("CiliumClusterwideNetworkPolicy") {
        let scope = Scope {
            world,
            kind: "CiliumClusterwideNetworkPolicy",
            namespace: None,
        };
        policies.extend(scope.policies(object, gaps));
    }
    policies
}

/// Where a policy holds.
struct Scope<'w> {
    world: &'w World,
    kind: &'static str,
    /// Its namespace, if it has one.
    namespace: Option<Namespaces>,
}

/// When a rule is asked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    Denied,
    /// With NetworkPolicies.
    Allowed,
    /// Where others allow all requests, it does not matter that these allow some.
    Narrowed,
    Doubtful,
}

impl Turn {
    const ALL: [Self; 4] = [Self::Denied, Self::Allowed, Self::Narrowed, Self::Doubtful];

    fn priority(self) -> Priority {
        Priority::of(Order::of(match self {
            Self::Denied => 0,
            Self::Allowed => 1_000,
            Self::Narrowed => 2_000,
            Self::Doubtful => 3_000,
        }))
    }
}

/// What a policy says of a direction.
struct Side {
    hold: Truth,
    closes: Truth,
    rules: Vec<(Turn, Rule)>,
}

impl Side {
    fn of(&self, turn: Turn) -> Rules {
        let rules = self.rules.iter().filter(|(it, _)| *it == turn);
        let all: Vec<Rule> = rules.map(|(_, rule)| rule.clone()).collect();
        match turn {
            Turn::Allowed => Rules {
                hold: self.hold.clone(),
                closes: self.closes.clone(),
                all,
            },
            Turn::Denied | Turn::Narrowed | Turn::Doubtful => Rules {
                hold: match all.is_empty() {
                    true => Truth::No,
                    false => self.hold.clone(),
                },
                closes: Truth::No,
                all,
            },
        }
    }
}

impl Scope<'_> {
    /// What an object says: one policy under `spec`, several under `specs`.
    fn policies(&self, object: &Resource, gaps: &mut Vec<Gap>) -> Vec<Policy> {
        let name = name_of(object, gaps);
        let name = match &self.namespace {
            Some(Namespaces::One(namespace)) => format!("{namespace}/{name}"),
            _ => name,
        };
        let (spec, mut specs) = (object.at("spec"), listed(&object.at("specs")));
        if is_there(&spec) || specs.is_empty() {
            specs.insert(0, spec);
        }
        let origin = &object.body.origin;
        let of = |spec: &Cursor<'_>| self.turns(spec, &name, origin, gaps);
        specs.iter().flat_map(of).collect()
    }

    fn turns(
        &self,
        spec: &Cursor<'_>,
        name: &str,
        origin: &Origin,
        gaps: &mut Vec<Gap>,
    ) -> Vec<Policy> {
        let Some(subject) = self.subject(spec, gaps) else {
            return Vec::new();
        };
        let ingress = self.side(spec, Direction::Ingress, gaps);
        let egress = self.side(spec, Direction::Egress, gaps);
        let policy = |turn: Turn| Policy {
            kind: self.kind,
            name: name.to_owned(),
            tier: Tier::network(),
            priority: Some(turn.priority()),
            origin: origin.clone(),
            subject: subject.clone(),
            ingress: ingress.of(turn),
            egress: egress.of(turn),
        };
        let parts = Turn::ALL.map(|turn| (turn, policy(turn))).into_iter();
        let said = parts.filter(|(turn, it)| *turn == Turn::Allowed || it.each_rule().count() > 0);
        said.map(|(_, policy)| policy).collect()
    }

    /// Whom it is about; nobody that is known here, where it is about nodes.
    fn subject(&self, spec: &Cursor<'_>, gaps: &mut Vec<Gap>) -> Option<Vec<Pods>> {
        let (endpoints, nodes) = (spec.get("endpointSelector"), spec.get("nodeSelector"));
        match (is_there(&endpoints), is_there(&nodes)) {
            (true, false) => Some(endpoints::subject(self, &endpoints, gaps)),
            (false, true) => {
                let why = "it is about nodes, and what they and pods on their network take and send is not known here";
                Gap::tell(&nodes, why, gaps);
                None
            }
            _ => {
                let why = "whom it is about is said in no way, or in several";
                Some(vec![Pods {
                    namespaces: Namespaces::Unknown(Gap::tell(spec, why, gaps)),
                    selector: Selector::default(),
                }])
            }
        }
    }

    fn side(&self, spec: &Cursor<'_>, direction: Direction, gaps: &mut Vec<Gap>) -> Side {
        let (allowed, denied) = match direction {
            Direction::Ingress => ("ingress", "ingressDeny"),
            Direction::Egress => ("egress", "egressDeny"),
        };
        let mut rules = Vec::new();
        let mut hold = Truth::No;
        for (list, action) in [(denied, Action::Deny), (allowed, Action::Allow)] {
            for (at, item) in listed(&spec.get(list)).iter().enumerate() {
                hold = hold.or(|| match &item.fact {
                    Fact::Unknown(why) => Truth::Unknown(why.clone()),
                    Fact::Known(_) | Fact::Absent => Truth::Yes,
                });
                let name = format!("{list}[{at}]");
                rules.extend(self.rules(item, &name, (action, direction), gaps));
            }
        }
        let default = spec.get("enableDefaultDeny").get(allowed);
        let mut closes = match is_there(&default) {
            true => default.is_true(),
            false => Truth::Yes,
        };
        if hold == Truth::No && is_there(&default) && closes != Truth::No {
            let why =
                "without rules, whether it closes the direction is up to the version of Cilium";
            closes = Truth::Unknown(Gap::tell(&default, why, gaps));
            hold = Truth::Yes;
        }
        Side {
            hold,
            closes,
            rules,
        }
    }

    /// What stands in one place as a rule: one for each list of ports.
    fn rules(
        &self,
        item: &Cursor<'_>,
        name: &str,
        (action, direction): (Action, Direction),
        gaps: &mut Vec<Gap>,
    ) -> Vec<(Turn, Rule)> {
        let who = peers::all(self, item, direction, gaps);
        let lists = ports::all(item, direction, gaps);
        let doubt = doubt(item, gaps);
        let peers = match (who, &doubt, action) {
            (_, Some(why), Action::Deny) => vec![Peer::Unknown(why.clone())],
            (Who::These(peers), _, _) => peers,
            // One that says neither whom nor what is about nothing.
            (Who::Anyone, _, _) if lists.is_empty() => Vec::new(),
            (Who::Anyone, _, _) => vec![Peer::Anyone],
        };
        let rule = |name: String, ports: ports::Listed| {
            let turn = match (action, &doubt, &ports.only) {
                (Action::Deny, _, _) => Turn::Denied,
                (_, Some(_), _) => Turn::Doubtful,
                (_, None, Some(_)) => Turn::Narrowed,
                (_, None, None) => Turn::Allowed,
            };
            let rule = Rule {
                name,
                action: (turn != Turn::Doubtful).then_some(action),
                only: ports.only,
                origin: item.origin().clone(),
                peers: peers.clone(),
                ports: ports.ports,
            };
            (turn, rule)
        };
        let mut rules = match lists.len() {
            0 => vec![rule(name.to_owned(), ports::Listed::all())],
            1 => lists
                .into_iter()
                .map(|it| rule(name.to_owned(), it))
                .collect(),
            _ => {
                let named = lists.into_iter().enumerate();
                let named = named.map(|(at, it)| rule(format!("{name}.toPorts[{at}]"), it));
                named.collect::<Vec<_>>()
            }
        };
        let required = peers::required(self, item, direction, gaps);
        if !required.is_empty() {
            let deny = Rule {
                name: format!("{name} (what it requires)"),
                action: Some(Action::Deny),
                only: None,
                origin: item.origin().clone(),
                peers: required,
                ports: Ports::all(),
            };
            rules.push((Turn::Denied, deny));
        }
        rules
    }
}

/// Why a rule may do less than it says.
fn doubt(item: &Cursor<'_>, gaps: &mut Vec<Gap>) -> Option<Arc<str>> {
    let mode = item.at("authentication.mode");
    if is_there(&mode) && mode.equals("disabled") != Truth::Yes {
        let why = "whether both authenticate each other is not known";
        return Some(Gap::tell(&mode, why, gaps));
    }
    let mut entries = item.entries().into_iter();
    let strange = entries.find(|(key, at)| {
        let name = key.strip_prefix("from").or_else(|| key.strip_prefix("to"));
        let is_known = name.is_some_and(|it| peers::is_known(it) || it == "Ports")
            || matches!(*key, "icmps" | "authentication");
        is_there(at) && !is_known
    });
    strange.map(|(key, at)| {
        let why = format!("{key:?} is not understood");
        Gap::tell(&at, &why, gaps)
    })
}
