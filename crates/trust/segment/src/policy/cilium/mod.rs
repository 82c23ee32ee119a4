//! `CiliumNetworkPolicy` and `CiliumClusterwideNetworkPolicy` of `cilium.io/v2`.
//!
//! They hold beside NetworkPolicies, in one tier with them: what some rule denies does not pass, what some other
//! allows does, and nothing else where a policy closes the direction. So that this comes out of rules which are
//! asked in an order, each is read as up to four: its denials, what it allows, what it allows of some requests,
//! and what it may allow.

mod beside;
mod endpoints;
mod labels;
mod peers;
mod ports;
mod refusal;
mod services;
mod settings;

use std::sync::Arc;

use casemate_posture::{Cursor, Fact, Origin, Resource, Truth, World};

pub(super) use self::beside::take_over;

use self::peers::Who;
use super::{Action, Direction, Order, Peer, Pods, Policy, Ports, Priority, Rule, Rules, Tier};
use crate::{
    Gap,
    cluster::{is_of_group, name_of},
    listed::{is_there, listed},
    selector::{Namespaces, Selector},
};

/// Kinds that say that a cluster has Cilium.
const KINDS: &[&str] = &[
    "CiliumNetworkPolicy",
    "CiliumClusterwideNetworkPolicy",
    "CiliumCIDRGroup",
    "CiliumLocalRedirectPolicy",
    "CiliumEgressGatewayPolicy",
    "CiliumEndpoint",
    "CiliumIdentity",
    "CiliumNode",
    "CiliumNodeConfig",
    "CiliumLoadBalancerIPPool",
];

/// The objects of a kind, of the group of Cilium.
fn objects<'w>(world: &'w World, kind: &str) -> impl Iterator<Item = &'w Resource> + use<'w> {
    let all = world.of_kind(kind);
    all.filter(|it| is_of_group(it, &["cilium.io"]) != Some(false))
}

pub(super) fn read(world: &World, gaps: &mut Vec<Gap>) -> Vec<Policy> {
    let mut policies = Vec::new();
    let off = settings::off(world, gaps);
    policies.extend(settings::always(world, gaps).map(|(origin, why)| closing(origin, why)));
    for object in objects(world, "CiliumNetworkPolicy") {
        let namespace = Namespaces::of(object, gaps);
        let scope = Scope {
            world,
            kind: "CiliumNetworkPolicy",
            namespace: Some(namespace),
            off: off.clone(),
            is_about_starting: false,
        };
        policies.extend(scope.policies(object, gaps));
    }
    for object in objects(world, "CiliumClusterwideNetworkPolicy") {
        let scope = Scope {
            world,
            kind: "CiliumClusterwideNetworkPolicy",
            namespace: None,
            off: off.clone(),
            is_about_starting: false,
        };
        policies.extend(scope.policies(object, gaps));
    }
    policies
}

/// That pods without a policy may be closed, and why.
fn closing(origin: Origin, why: Arc<str>) -> Policy {
    let rules = Rules {
        hold: Truth::Unknown(why),
        closes: Truth::Yes,
        all: Vec::new(),
    };
    Policy {
        kind: "ConfigMap",
        name: "cilium-config".to_owned(),
        tier: Tier::network(),
        priority: Some(Turn::Allowed.priority()),
        origin,
        subject: vec![Pods {
            namespaces: Namespaces::Selected(Selector::default()),
            selector: Selector::default(),
        }],
        ingress: rules.clone(),
        egress: rules,
    }
}

/// Where a policy holds.
#[derive(Clone)]
struct Scope<'w> {
    world: &'w World,
    kind: &'static str,
    /// Its namespace, if it has one.
    namespace: Option<Namespaces>,
    /// Why it may hold nothing.
    off: Option<Arc<str>>,
    /// Whether what is read of it asks for pods that have no labels yet.
    is_about_starting: bool,
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
        let refused = refusal::of(self.kind, &specs, gaps);
        let of = |spec: &Cursor<'_>| {
            let endpoints = spec.get("endpointSelector");
            let scope = Scope {
                off: self.off.clone().or_else(|| refused.clone()),
                is_about_starting: endpoints::is_about_starting(&endpoints),
                ..self.clone()
            };
            scope.turns(spec, &name, origin, gaps)
        };
        specs.iter().flat_map(of).collect()
    }

    fn turns(
        &self,
        spec: &Cursor<'_>,
        name: &str,
        origin: &Origin,
        gaps: &mut Vec<Gap>,
    ) -> Vec<Policy> {
        let subject = self.subject(spec, gaps);
        let entries = spec.entries().into_iter();
        for (key, at) in entries.filter(|(key, at)| is_there(at) && !KEYS.contains(key)) {
            Gap::tell(&at, &format!("{key:?} is not understood"), gaps);
        }
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

    /// Whom it is about.
    fn subject(&self, spec: &Cursor<'_>, gaps: &mut Vec<Gap>) -> Vec<Pods> {
        let (endpoints, nodes) = (spec.get("endpointSelector"), spec.get("nodeSelector"));
        match (is_there(&endpoints), is_there(&nodes)) {
            (true, false) => endpoints::subject(self, &endpoints, gaps),
            (false, true) => {
                let why = "it is about nodes, and which of them, with the pods on their network, is not known here";
                vec![Pods {
                    namespaces: Namespaces::Nodes(Gap::tell(&nodes, why, gaps)),
                    selector: Selector::default(),
                }]
            }
            _ => {
                let why = "whom it is about is said in no way, or in several";
                vec![Pods {
                    namespaces: Namespaces::Unknown(Gap::tell(spec, why, gaps)),
                    selector: Selector::default(),
                }]
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
        if let Some(why) = &self.off {
            hold = hold.and(|| Truth::Unknown(why.clone()));
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
        let doubt = doubt(item, direction, gaps);
        let peers = match (who, &doubt, action) {
            (_, Some(why), Action::Deny) => vec![Peer::Unknown(why.clone())],
            (Who::These(peers), _, _) => peers,
            (Who::Anyone, Some(why), _) => vec![Peer::Unknown(why.clone())],
            // One that says neither whom nor what is about nothing.
            (Who::Anyone, _, _) if lists.is_empty() => Vec::new(),
            (Who::Anyone, _, _) => vec![Peer::Anyone],
        };
        let rule = |name: String, ports: ports::Listed| {
            let doubt = doubt.as_ref().or(ports.doubt.as_ref());
            let turn = match (action, doubt, &ports.only) {
                (Action::Deny, _, _) => Turn::Denied,
                (_, Some(_), _) => Turn::Doubtful,
                (_, None, Some(_)) => Turn::Narrowed,
                (_, None, None) => Turn::Allowed,
            };
            let rule = Rule {
                name,
                action: (turn != Turn::Doubtful).then_some(action),
                // Denials have no requests: with some, they are refused.
                only: ports.only.filter(|_| action == Action::Allow),
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
fn doubt(item: &Cursor<'_>, direction: Direction, gaps: &mut Vec<Gap>) -> Option<Arc<str>> {
    let mode = item.at("authentication.mode");
    if is_there(&mode) && mode.equals("disabled") != Truth::Yes {
        let why = "whether both authenticate each other is not known";
        return Some(Gap::tell(&mode, why, gaps));
    }
    let mut entries = item.entries().into_iter();
    let strange = entries.find(|(key, at)| {
        let name = key.strip_prefix(peers::word(direction));
        let is_known = name.is_some_and(|it| peers::is_known(it, direction))
            || matches!(*key, "toPorts" | "icmps" | "authentication");
        is_there(at) && !is_known
    });
    strange.map(|(key, at)| {
        let why = format!("{key:?} is not understood");
        Gap::tell(&at, &why, gaps)
    })
}

/// What specifications say.
const KEYS: &[&str] = &[
    "description",
    "egress",
    "egressDeny",
    "enableDefaultDeny",
    "endpointSelector",
    "ingress",
    "ingressDeny",
    "labels",
    "log",
    "nodeSelector",
];
