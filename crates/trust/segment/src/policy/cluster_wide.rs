//! Policies for a whole cluster, of `policy.networking.k8s.io`: `ClusterNetworkPolicy` (v1alpha2), and
//! `AdminNetworkPolicy` and `BaselineAdminNetworkPolicy` (v1alpha1) that were before it.

use casemate_posture::{Cursor, Fact, Resource, World};

use super::{Action, Direction, Peer, Policy, Ports, Rule, Tier, is_there, range};
use crate::{
    Addresses, Connections, Gap, Protocol,
    cluster::known,
    selector::{Namespaces, Selector},
};

/// What the kinds say each in its own way.
struct Kind {
    name: &'static str,
    /// The tier, where it is not written.
    tier: Option<Tier>,
    allow: &'static str,
    ports: &'static str,
    port: fn(&Cursor<'_>, &mut Ports) -> Option<()>,
}

const KINDS: &[Kind] = &[
    Kind {
        name: "AdminNetworkPolicy",
        tier: Some(Tier::Admin),
        allow: "Allow",
        ports: "ports",
        port: port_v1alpha1,
    },
    Kind {
        name: "BaselineAdminNetworkPolicy",
        tier: Some(Tier::Baseline),
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
    let objects = KINDS.iter().flat_map(|kind| world.of_kind(kind.name).map(move |it| (kind, it)));
    objects.filter_map(|(kind, object)| kind.policy(object, gaps)).collect()
}

impl Kind {
    fn policy(&self, object: &Resource, gaps: &mut Vec<Gap>) -> Option<Policy> {
        let name = known(&object.at("metadata.name"), "its name", gaps)?;
        let spec = object.at("spec");
        let tier = match self.tier {
            Some(tier) => tier,
            None => match &*known(&spec.get("tier"), "its tier", gaps)? {
                "Admin" => Tier::Admin,
                "Baseline" => Tier::Baseline,
                _ => {
                    gaps.push(Gap::at(&spec.get("tier"), "a tier that there is not".to_owned()));
                    return None;
                }
            },
        };
        let priority = spec.get("priority").integer();
        let priority = match (priority, self.name) {
            (Fact::Known(priority), _) => priority,
            // There is one of them.
            (Fact::Absent, "BaselineAdminNetworkPolicy") => 0,
            _ => {
                gaps.push(Gap::at(&spec.get("priority"), "its priority is not known".to_owned()));
                return None;
            }
        };
        let subject = match pods(&spec.get("subject")) {
            Ok(subject) => subject,
            Err(gap) => {
                gaps.push(gap);
                return None;
            }
        };
        let mut rules = |direction| self.rules(&spec, direction, gaps);
        Some(Policy {
            kind: self.name,
            name,
            tier,
            priority,
            origin: object.body.origin.clone(),
            subject,
            ingress: rules(Direction::Ingress),
            egress: rules(Direction::Egress),
        })
    }

    fn rules(&self, spec: &Cursor<'_>, direction: Direction, gaps: &mut Vec<Gap>) -> Option<Vec<Rule>> {
        let (list, peers) = match direction {
            Direction::Ingress => ("ingress", "from"),
            Direction::Egress => ("egress", "to"),
        };
        let items = spec.get(list).items();
        let rules = items.iter().enumerate().filter_map(|(at, item)| {
            let name = match item.get("name").text().ok() {
                Some(name) => format!("{list}[{at}] {name:?}"),
                None => format!("{list}[{at}]"),
            };
            let action = item.get("action").text().ok();
            let action = match action.as_deref() {
                Some("Deny") => Action::Deny,
                Some("Pass") => Action::Pass,
                Some(word) if word == self.allow => Action::Allow,
                _ => {
                    gaps.push(Gap::at(&item.get("action"), "an action that there is not".to_owned()));
                    return None;
                }
            };
            Some(Rule {
                name,
                action,
                origin: item.origin().clone(),
                peers: all_peers(&item.get(peers), gaps),
                ports: self.ports(&item.get(self.ports), gaps),
            })
        });
        let rules: Vec<_> = rules.collect();
        (!rules.is_empty()).then_some(rules)
    }

    fn ports(&self, cursor: &Cursor<'_>, gaps: &mut Vec<Gap>) -> Ports {
        let items = cursor.items();
        if items.is_empty() {
            return Ports::all();
        }
        let mut ports = Ports::none();
        for item in &items {
            if (self.port)(item, &mut ports).is_none() {
                gaps.push(Gap::at(item, "a port that is not understood".to_owned()));
            }
        }
        ports
    }
}

fn all_peers(cursor: &Cursor<'_>, gaps: &mut Vec<Gap>) -> Vec<Peer> {
    let mut peers = Vec::new();
    for item in cursor.items() {
        match peer(&item) {
            Ok(peer) => peers.push(peer),
            Err(gap) => gaps.push(gap),
        }
    }
    peers
}

fn peer(cursor: &Cursor<'_>) -> Result<Peer, Gap> {
    let networks = cursor.get("networks");
    if !is_there(&networks) {
        return pods(cursor).map(|(namespaces, pods)| Peer::Pods(namespaces, pods));
    }
    let mut all = Addresses::default();
    for network in networks.items() {
        let block = network.text().ok().and_then(|text| Addresses::of_block(&text));
        let block = block.ok_or_else(|| Gap::at(&network, "what is no block of addresses".to_owned()))?;
        all = all.union(&block);
    }
    Ok(Peer::Addressed(all))
}

/// A subject or a peer that is pods: exactly one of the ways to say it.
fn pods(cursor: &Cursor<'_>) -> Result<(Namespaces, Selector), Gap> {
    let (namespaces, pods) = (cursor.get("namespaces"), cursor.get("pods"));
    match (is_there(&namespaces), is_there(&pods)) {
        (true, false) => {
            let namespaces = Selector::read(&namespaces)?;
            Ok((Namespaces::Selected(namespaces), Selector::default()))
        }
        (false, true) => {
            let namespaces = Selector::read(&pods.get("namespaceSelector"))?;
            let pods = Selector::read(&pods.get("podSelector"))?;
            Ok((Namespaces::Selected(namespaces), pods))
        }
        _ => {
            let message = "neither pods nor networks, of which alone is known who they are";
            Err(Gap::at(cursor, message.to_owned()))
        }
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
        ports.named.push((None, cursor.get("namedPort").text().ok()?));
    }
    Some(())
}

fn port_v1alpha2(cursor: &Cursor<'_>, ports: &mut Ports) -> Option<()> {
    let name = cursor.get("destinationNamedPort");
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
