//! Policies for a whole cluster, of `policy.networking.k8s.io`: `ClusterNetworkPolicy` (v1alpha2), and
//! `AdminNetworkPolicy` and `BaselineAdminNetworkPolicy` (v1alpha1) that were before it.

use casemate_posture::{Cursor, Fact, Resource, Truth, World};

use super::{
    Action, Direction, Order, Peer, Pods, Policy, Ports, Priority, Rule, Rules, Tier, range,
};
use crate::{
    Addresses, Connections, Gap, Protocol,
    cluster::{is_of_group, name_of},
    listed::{is_there, listed},
    selector::{Namespaces, Selector},
};

/// What the kinds say each in its own way.
struct Kind {
    name: &'static str,
    /// The tier, where it is not written.
    tier: Option<fn() -> Tier>,
    allow: &'static str,
    ports: &'static str,
    port: fn(&Cursor<'_>, &mut Ports) -> Option<()>,
}

const KINDS: &[Kind] = &[
    Kind {
        name: "AdminNetworkPolicy",
        tier: Some(Tier::admin),
        allow: "Allow",
        ports: "ports",
        port: port_v1alpha1,
    },
    Kind {
        name: "BaselineAdminNetworkPolicy",
        tier: Some(Tier::baseline),
        allow: "Allow",
        ports: "ports",
        port: port_v1alpha1,
    },
    Kind {
        name: "ClusterNetworkPolicy",
        tier: None,
        allow: "Accept",
        ports: "protocols",
        port: port_v1alpha2,
    },
];

pub(super) fn read(world: &World, gaps: &mut Vec<Gap>) -> Vec<Policy> {
    let objects = KINDS.iter().flat_map(|kind| {
        let all = world.of_kind(kind.name).filter(|it| is_ours(it));
        all.map(move |it| (kind, it))
    });
    objects
        .flat_map(|(kind, object)| kind.policies(object, gaps))
        .collect()
}

/// Antrea has a kind of one of those names.
fn is_ours(object: &Resource) -> bool {
    is_of_group(object, &["policy.networking.k8s.io"]) != Some(false)
}

impl Kind {
    /// The policy that an object is; where its tier is not known, it may be of each.
    fn policies(&self, object: &Resource, gaps: &mut Vec<Gap>) -> Vec<Policy> {
        let spec = object.at("spec");
        let mut rules = |direction| self.rules(&spec, direction, gaps);
        let (ingress, egress) = (rules(Direction::Ingress), rules(Direction::Egress));
        let written = || match spec.get("tier").text().ok().as_deref() {
            Some("Admin") => Some(Tier::admin()),
            Some("Baseline") => Some(Tier::baseline()),
            _ => None,
        };
        let tier = self.tier.map(|tier| tier()).or_else(written);
        if tier.is_none() {
            Gap::tell(&spec.get("tier"), "its tier is not known", gaps);
        }
        let priority = match (spec.get("priority").integer(), self.name) {
            (Fact::Known(priority), name) => {
                if name != "BaselineAdminNetworkPolicy" && !(0..=1000).contains(&priority) {
                    let why = "a priority is 0 to 1000, and the API server refuses others";
                    Gap::tell(&spec.get("priority"), why, gaps);
                }
                i32::try_from(priority).ok().map(Order::of)
            }
            // There is one of them.
            (Fact::Absent, "BaselineAdminNetworkPolicy") => Some(Order::of(0)),
            _ => {
                Gap::tell(&spec.get("priority"), "its priority is not known", gaps);
                None
            }
        };
        let priority = priority.filter(|_| tier.is_some()).map(Priority::of);
        let subject = match pods(&spec.get("subject"), gaps) {
            Ok(subject) => subject,
            Err(why) => Pods {
                namespaces: Namespaces::Unknown(Gap::tell(&spec.get("subject"), &why, gaps)),
                selector: Selector::default(),
            },
        };
        let name = name_of(object, gaps);
        let of = |of: Tier| Policy {
            kind: self.name,
            name: name.clone(),
            tier: of,
            priority: priority.clone(),
            origin: object.body.origin.clone(),
            subject: vec![subject.clone()],
            ingress: ingress.clone(),
            egress: egress.clone(),
        };
        match tier {
            Some(tier) => vec![of(tier)],
            None => vec![of(Tier::admin()), of(Tier::baseline())],
        }
    }

    fn rules(&self, spec: &Cursor<'_>, direction: Direction, gaps: &mut Vec<Gap>) -> Rules {
        let (list, peers) = match direction {
            Direction::Ingress => ("ingress", "from"),
            Direction::Egress => ("egress", "to"),
        };
        let items = listed(&spec.get(list));
        let rule = |(at, item): (usize, &Cursor<'_>)| Rule {
            name: match item.get("name").text().ok() {
                Some(name) => format!("{list}[{at}] {name:?}"),
                None => format!("{list}[{at}]"),
            },
            action: self.action(&item.get("action"), gaps),
            only: None,
            origin: item.origin().clone(),
            peers: all_peers(&item.get(peers), direction, gaps),
            ports: self.ports(&item.get(self.ports), gaps),
        };
        Rules {
            hold: Truth::Yes,
            closes: Truth::No,
            all: items.iter().enumerate().map(rule).collect(),
        }
    }

    fn action(&self, cursor: &Cursor<'_>, gaps: &mut Vec<Gap>) -> Option<Action> {
        match cursor.text().ok().as_deref() {
            Some("Deny") => Some(Action::Deny),
            Some("Pass") => Some(Action::Pass),
            Some(word) if word == self.allow => Some(Action::Allow),
            _ => {
                Gap::tell(cursor, "an action that is not known", gaps);
                None
            }
        }
    }

    fn ports(&self, cursor: &Cursor<'_>, gaps: &mut Vec<Gap>) -> Ports {
        let items = listed(cursor);
        if items.is_empty() {
            return Ports::all();
        }
        let mut ports = Ports::none();
        for item in &items {
            if (self.port)(item, &mut ports).is_none() {
                let message = "a port that is not understood".to_owned();
                ports.unknown = Some(Gap::tell(item, &message, gaps));
            }
        }
        ports
    }
}

fn all_peers(cursor: &Cursor<'_>, direction: Direction, gaps: &mut Vec<Gap>) -> Vec<Peer> {
    let items = listed(cursor);
    items.iter().map(|it| peer(it, direction, gaps)).collect()
}

fn peer(cursor: &Cursor<'_>, direction: Direction, gaps: &mut Vec<Gap>) -> Peer {
    let is_said = |keys: &[&str]| keys.iter().filter(|it| is_there(&cursor.get(it))).count();
    let outer = is_said(&["networks", "nodes", "domainNames"]);
    if outer > 0 && outer + is_said(&["namespaces", "pods"]) > 1 {
        let why = "a peer is said in several ways, and one is expected";
        return Peer::Unknown(Gap::tell(cursor, why, gaps));
    }
    if outer > 0 && direction == Direction::Ingress {
        let why = "what comes in is said by `namespaces` or `pods` alone";
        return Peer::Unknown(Gap::tell(cursor, why, gaps));
    }
    if is_there(&cursor.get("networks")) {
        return match networks(&cursor.get("networks")) {
            Ok(addresses) => Peer::Networks(addresses),
            Err(why) => Peer::Unknown(Gap::tell(cursor, &why, gaps)),
        };
    }
    let outside = [
        ("nodes", "the addresses of nodes"),
        ("domainNames", "the addresses of names"),
    ];
    for (key, what) in outside {
        if matches!(cursor.get(key).fact, Fact::Known(_)) {
            return Peer::Outside(Gap::tell(
                &cursor.get(key),
                &format!("{what} are not known"),
                gaps,
            ));
        }
    }
    match pods(cursor, gaps) {
        Ok(pods) => Peer::Pods(pods),
        Err(why) => Peer::Unknown(Gap::tell(cursor, &why, gaps)),
    }
}

fn networks(cursor: &Cursor<'_>) -> Result<Addresses, String> {
    let mut all = Addresses::default();
    for network in listed(cursor) {
        let block = match network.text() {
            Fact::Known(text) => Addresses::of_block(&text)
                .ok_or_else(|| format!("{text:?} is no block of addresses"))?,
            Fact::Absent => return Err("a block of addresses is missing".to_owned()),
            Fact::Unknown(why) => return Err(format!("a block of addresses is not known: {why}")),
        };
        all = all.union(&block);
    }
    Ok(all)
}

/// A subject or a peer that is pods: exactly one of the ways to say it.
fn pods(cursor: &Cursor<'_>, gaps: &mut Vec<Gap>) -> Result<Pods, String> {
    let (namespaces, pods) = (cursor.get("namespaces"), cursor.get("pods"));
    match (is_there(&namespaces), is_there(&pods)) {
        (true, false) => Ok(Pods {
            namespaces: Namespaces::Selected(Selector::read(&namespaces, gaps)),
            selector: Selector::default(),
        }),
        (false, true) => Ok(Pods {
            namespaces: Namespaces::Selected(Selector::read(&pods.get("namespaceSelector"), gaps)),
            selector: Selector::read(&pods.get("podSelector"), gaps),
        }),
        _ => Err("who is meant is said in no way, or in several".to_owned()),
    }
}

fn port_v1alpha1(cursor: &Cursor<'_>, ports: &mut Ports) -> Option<()> {
    let protocol = |at: &Cursor<'_>| match at.get("protocol").text() {
        Fact::Known(name) => Protocol::of(&name),
        Fact::Absent => Some(Protocol::Tcp),
        Fact::Unknown(_) => None,
    };
    let (number, between) = (cursor.get("portNumber"), cursor.get("portRange"));
    if is_there(&number) {
        let port = number.get("port").integer().ok()?;
        ports.add(&range(protocol(&number)?, port, port)?);
    } else if is_there(&between) {
        let [first, last] = ["start", "end"].map(|key| between.get(key).integer().ok());
        ports.add(&range(protocol(&between)?, first?, last?)?);
    } else {
        ports
            .named
            .push((None, cursor.get("namedPort").text().ok()?));
    }
    Some(())
}

fn port_v1alpha2(cursor: &Cursor<'_>, ports: &mut Ports) -> Option<()> {
    let name = cursor.get("destinationNamedPort");
    let numbered = Protocol::ALL.map(|it| cursor.get(&it.as_str().to_lowercase()));
    if numbered
        .iter()
        .chain([&name])
        .filter(|it| is_there(it))
        .count()
        > 1
    {
        return None;
    }
    if is_there(&name) {
        ports.named.push((None, name.text().ok()?));
        return Some(());
    }
    let mut protocols = Protocol::ALL.into_iter();
    let (protocol, at) = protocols.find_map(|it| {
        let at = cursor.get(&it.as_str().to_lowercase());
        is_there(&at).then_some((it, at))
    })?;
    let port = at.get("destinationPort");
    let connections = if !is_there(&port) {
        Connections::of_protocol(protocol)
    } else if is_there(&port.get("range")) {
        let [first, last] = ["start", "end"].map(|key| port.get("range").get(key).integer().ok());
        range(protocol, first?, last?)?
    } else {
        let number = port.get("number").integer().ok()?;
        range(protocol, number, number)?
    };
    ports.add(&connections);
    Some(())
}
