//! `NetworkPolicy` and `GlobalNetworkPolicy` of Calico (`projectcalico.org/v3`, and `crd.projectcalico.org/v1` as it
//! stores them), with its tiers and sets of networks.
//!
//! Of each tier the policies that select a pod are asked in their order, and of each policy its rules. What no rule of
//! a tier decides the tier denies, unless it passes it on; what no tier decides passes, as the profiles of namespaces
//! say. NetworkPolicies of Kubernetes are in the tier `default`, at the order 1000.

mod accounts;
mod clauses;
mod entities;
mod expression;
mod ports;
mod sets;
mod tiers;

use std::{collections::HashMap, sync::Arc};

use casemate_posture::{Cursor, Fact, Resource, Truth, World};

use self::{
    accounts::Accounts, clauses::Clauses, entities::Services, sets::Networks, tiers::Tiers,
};
use super::{Action, Direction, Order, Peer, Policy, Priority, Rule, Rules};
use crate::{
    Gap, Labels,
    cluster::{is_of_group, name_of, namespace_labels},
    listed::{is_there, listed},
    selector::Namespaces,
};

pub(super) fn read(world: &World, gaps: &mut Vec<Gap>) -> Vec<Policy> {
    let mut objects = Vec::new();
    for kind in ["NetworkPolicy", "GlobalNetworkPolicy"] {
        let ours = world.of_kind(kind).filter(|it| is_ours(it));
        objects.extend(ours.map(|it| (kind, it)));
    }
    for kind in ["HostEndpoint", "Profile"] {
        for object in world.of_kind(kind).filter(|it| is_ours(it)) {
            let why = "what it takes and sends is not known here: policies are held against pods";
            Gap::tell(&object.at("spec"), why, gaps);
        }
    }
    if objects.is_empty() {
        return Vec::new();
    }
    let read = Read {
        services: Services::of(world),
        tiers: Tiers::read(world, gaps),
        networks: Networks::read(world, gaps),
        accounts: Accounts::read(world, gaps),
        // What is not known of them was told.
        namespaces: (world.of_kind("Namespace"))
            .map(|it| namespace_labels(it, &mut Vec::new()))
            .collect(),
        is_beside: world.of_kind("NetworkPolicy").any(|it| !is_ours(it)),
    };
    let policies = |(kind, object): (&'static str, &Resource)| read.policies(kind, object, gaps);
    objects.into_iter().flat_map(policies).collect()
}

/// Whether an object is of Calico.
fn is_ours(object: &Resource) -> bool {
    is_of_group(object, &["projectcalico.org", "crd.projectcalico.org"]) == Some(true)
}

/// What policies are read with.
struct Read<'w> {
    services: Services<'w>,
    tiers: Tiers,
    networks: Networks,
    accounts: Accounts,
    namespaces: HashMap<String, Labels>,
    /// Whether there are policies of Kubernetes.
    is_beside: bool,
}

/// Where a policy holds.
struct Scope<'r> {
    read: &'r Read<'r>,
    /// Its namespace, if it has one.
    namespace: Option<Namespaces>,
}

/// What a policy says of a direction. The first stretch is about all that it selects.
struct Side {
    /// Whether it says anything.
    hold: Truth,
    stretches: Vec<Stretch>,
}

impl Side {
    fn rules(&self, stretch: usize, closes: &Truth) -> Rules {
        Rules {
            hold: self.hold.clone(),
            closes: closes.clone(),
            all: self.stretches[stretch].rules.clone(),
        }
    }
}

/// Rules one after the other that are about the same of the pods that a policy selects.
#[derive(Default)]
struct Stretch {
    /// What its pods have to be beside; nothing where it is about all.
    own: Option<Clauses>,
    rules: Vec<Rule>,
}

impl Read<'_> {
    fn policies(&self, kind: &'static str, object: &Resource, gaps: &mut Vec<Gap>) -> Vec<Policy> {
        let spec = object.at("spec");
        let is_of_pods = is_of_pods(&spec, gaps);
        if is_of_pods == Truth::No {
            return Vec::new();
        }
        let namespace = (kind == "NetworkPolicy").then(|| Namespaces::of(object, gaps));
        let scope = Scope {
            read: self,
            namespace,
        };
        let subject = scope.subject(&spec, gaps);
        let own_name = name_of(object, gaps);
        let (home, name) = match &scope.namespace {
            Some(Namespaces::One(home)) => (&**home, format!("{home}/{own_name}")),
            _ => ("", own_name.clone()),
        };
        let place = self.tiers.place(&spec.get("tier"), gaps);
        let priority = self.priority(&spec, &place, (&own_name, home, kind), gaps);
        let sides = [Direction::Ingress, Direction::Egress].map(|direction| {
            let side = scope.side(&spec, direction, gaps);
            Side {
                hold: is_of_pods.clone().and(|| side.hold),
                ..side
            }
        });
        let part = |at: usize, own: Option<&Clauses>, [ingress, egress]: [Rules; 2]| Policy {
            kind,
            name: name.clone(),
            tier: place.tier.clone(),
            priority: priority.clone().map(|it| following(it, at)),
            origin: object.body.origin.clone(),
            subject: match own {
                Some(own) => subject.and(own).pods(&scope),
                None => subject.pods(&scope),
            },
            ingress,
            egress,
        };
        // The tier is closed once, for all that the policy selects.
        let whole = sides.each_ref().map(|it| it.rules(0, &place.closes));
        let mut policies = vec![part(0, None, whole)];
        for (direction, side) in sides.iter().enumerate() {
            for (at, stretch) in side.stretches.iter().enumerate().skip(1) {
                let mut rules = [Rules::none(), Rules::none()];
                rules[direction] = side.rules(at, &Truth::No);
                policies.push(part(policies.len(), stretch.own.as_ref(), rules));
            }
        }
        policies
    }

    /// When a policy is asked among those of its tier: by its order, and of several of one order by name.
    fn priority(
        &self,
        spec: &Cursor<'_>,
        place: &tiers::Place,
        (name, namespace, kind): (&str, &str, &str),
        gaps: &mut Vec<Gap>,
    ) -> Option<Priority> {
        let order = spec.get("order");
        let known = match order.text() {
            Fact::Absent => Some(Order::LAST),
            Fact::Known(text) => Order::read(&text),
            Fact::Unknown(_) => None,
        };
        if known.is_none() {
            Gap::tell(&order, "its order is not known", gaps);
        }
        let order = known.filter(|_| place.is_known)?;
        // Under which names policies of Kubernetes stand among those of their order, versions differ.
        let is_beside = self.is_beside && place.is_default && order == Order::of(1_000);
        let name = name.strip_prefix(&place.prefix).unwrap_or(name);
        let name = (!is_beside).then(|| format!("{name}/{namespace}/{kind}").into());
        Some(Priority { order, name })
    }
}

/// The priority of a part of a policy, behind those before it and before all others.
fn following(priority: Priority, at: usize) -> Priority {
    let name = priority.name.map(|it| match at {
        0 => it,
        _ => Arc::from(format!("{it}\u{0}{at:06}")),
    });
    Priority { name, ..priority }
}

impl Scope<'_> {
    /// Whom a policy is about.
    fn subject(&self, spec: &Cursor<'_>, gaps: &mut Vec<Gap>) -> Clauses {
        let read = |key: &str, about, gaps: &mut Vec<Gap>| {
            Clauses::read(&self.read.accounts, &spec.get(key), about, gaps)
        };
        let mut subject = read("selector", clauses::About::Pods, gaps);
        for (key, about) in [
            ("namespaceSelector", clauses::About::Namespaces),
            ("serviceAccountSelector", clauses::About::Accounts),
        ] {
            if is_there(&spec.get(key)) {
                subject = subject.and(&read(key, about, gaps));
            }
        }
        subject
    }

    fn side(&self, spec: &Cursor<'_>, direction: Direction, gaps: &mut Vec<Gap>) -> Side {
        let (list, other, word) = match direction {
            Direction::Ingress => ("ingress", "egress", "Ingress"),
            Direction::Egress => ("egress", "ingress", "Egress"),
        };
        let items = listed(&spec.get(list));
        let types = listed(&spec.get("types"));
        let hold = match (types.is_empty(), direction) {
            (true, Direction::Egress) => Truth::from(!items.is_empty()),
            // What says nothing at all is about what comes in.
            (true, Direction::Ingress) => {
                Truth::from(!items.is_empty() || listed(&spec.get(other)).is_empty())
            }
            (false, _) => Truth::any(types.iter().map(|it| it.equals(word))),
        };
        if let Truth::Unknown(why) = &hold {
            let message = format!("what it is about is not known: {why}");
            Gap::tell(&spec.get("types"), &message, gaps);
        }
        let mut stretches = vec![Stretch::default()];
        if hold == Truth::No {
            return Side { hold, stretches };
        }
        for (at, item) in items.iter().enumerate() {
            let Some((own, rule)) = self.rule(item, &format!("{list}[{at}]"), direction, gaps)
            else {
                continue;
            };
            match stretches
                .last_mut()
                .filter(|it| own.is_none() && it.own.is_none())
            {
                Some(last) => last.rules.push(rule),
                None => stretches.push(Stretch {
                    own,
                    rules: vec![rule],
                }),
            }
        }
        Side { hold, stretches }
    }

    /// A rule, and what it asks of the pods that its policy selects; nothing where it only writes a line to a log.
    fn rule(
        &self,
        item: &Cursor<'_>,
        name: &str,
        direction: Direction,
        gaps: &mut Vec<Gap>,
    ) -> Option<(Option<Clauses>, Rule)> {
        let action = match item.get("action").text().ok().as_deref() {
            Some("Allow" | "allow") => Some(Action::Allow),
            Some("Deny" | "deny") => Some(Action::Deny),
            Some("Pass" | "pass" | "next-tier") => Some(Action::Pass),
            Some("Log" | "log") => return None,
            _ => {
                Gap::tell(&item.get("action"), "an action that is not known", gaps);
                None
            }
        };
        let (source, destination) = (item.get("source"), item.get("destination"));
        let (peer, own) = match direction {
            Direction::Ingress => (&source, &destination),
            Direction::Egress => (&destination, &source),
        };
        let mut peers = entities::peers(self, peer, gaps);
        let (ports, only) = ports::all(self, item, gaps);
        if let Some(why) = doubt(item, gaps) {
            peers = vec![Peer::Unknown(why)];
        }
        let rule = Rule {
            name: name.to_owned(),
            action,
            only,
            origin: item.origin().clone(),
            peers,
            ports,
        };
        Some((entities::own(self, own, gaps), rule))
    }
}

/// Whether a policy is about pods, and not about host endpoints, before connections are tracked or translated.
fn is_of_pods(spec: &Cursor<'_>, gaps: &mut Vec<Gap>) -> Truth {
    let keys = ["doNotTrack", "preDNAT"].map(|it| spec.get(it));
    let is_of_hosts = Truth::any(keys.iter().map(Cursor::is_true));
    if is_of_hosts != Truth::No {
        let why = "it is about host endpoints, and what they take and send is not known here";
        Gap::tell(spec, why, gaps);
    }
    !is_of_hosts
}

/// Why it is not known whether a rule is about all that the rest of it says.
fn doubt(item: &Cursor<'_>, gaps: &mut Vec<Gap>) -> Option<Arc<str>> {
    let version = item.get("ipVersion");
    if is_there(&version) {
        return Some(Gap::tell(
            &version,
            "which addresses pods have is not known",
            gaps,
        ));
    }
    if let Fact::Unknown(why) = &item.fact {
        return Some(why.clone());
    }
    let ends = [item.get("source"), item.get("destination")];
    let ends = ends.iter().flat_map(Cursor::entries);
    let ends = ends.filter(|(key, at)| is_there(at) && !ENTITY_KEYS.contains(key));
    let entries = item.entries().into_iter();
    let mut strange = entries
        .filter(|(key, at)| is_there(at) && !KEYS.contains(key))
        .chain(ends);
    strange.next().map(|(key, at)| {
        let why = format!("{key:?} is not understood");
        Gap::tell(&at, &why, gaps)
    })
}

/// What rules say.
const KEYS: &[&str] = &[
    "action",
    "destination",
    "http",
    "icmp",
    "metadata",
    "notICMP",
    "notProtocol",
    "protocol",
    "source",
];

/// What rules say of an end.
const ENTITY_KEYS: &[&str] = &[
    "domains",
    "namespaceSelector",
    "nets",
    "notNets",
    "notPorts",
    "notSelector",
    "ports",
    "selector",
    "serviceAccounts",
    "services",
];
