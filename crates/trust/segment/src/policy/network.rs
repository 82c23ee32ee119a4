//! `NetworkPolicy` of `networking.k8s.io/v1`.

use casemate_posture::{Cursor, Fact, Resource, World};

use super::{Action, Direction, Peer, Policy, Ports, Rule, Tier, is_there, range};
use crate::{
    Addresses, Connections, Gap, Protocol,
    cluster::{known, namespace_of},
    selector::{Namespaces, Selector},
};

pub(super) fn read(world: &World, gaps: &mut Vec<Gap>) -> Vec<Policy> {
    let objects = world.of_kind("NetworkPolicy").filter(|object| {
        let version = object.at("apiVersion").text().ok();
        // Calico has a kind of that name.
        version.is_none_or(|it| it.starts_with("networking.k8s.io/") || it.starts_with("extensions/"))
    });
    let read = |object: &Resource| policy(object, gaps);
    objects.filter_map(read).collect()
}

fn policy(object: &Resource, gaps: &mut Vec<Gap>) -> Option<Policy> {
    let name = known(&object.at("metadata.name"), "its name", gaps)?;
    let namespace = namespace_of(object, gaps)?;
    let spec = object.at("spec");
    let subject = match Selector::read(&spec.get("podSelector")) {
        Ok(selector) => selector,
        Err(gap) => {
            gaps.push(gap);
            return None;
        }
    };
    let types = spec.get("policyTypes");
    let has = |word: &str| types.has(word).is_yes();
    let (ingress, egress) = match types.items().is_empty() {
        // Without types it is about egress only where it has rules for it.
        true => (true, !spec.get("egress").items().is_empty()),
        false => (has("Ingress"), has("Egress")),
    };
    let mut rules = |direction| rules(&spec, direction, &namespace, gaps);
    Some(Policy {
        kind: "NetworkPolicy",
        ingress: ingress.then(|| rules(Direction::Ingress)),
        egress: egress.then(|| rules(Direction::Egress)),
        name: format!("{namespace}/{name}"),
        tier: Tier::Network,
        priority: 0,
        origin: object.body.origin.clone(),
        subject: (Namespaces::One(namespace), subject),
    })
}

fn rules(spec: &Cursor<'_>, direction: Direction, namespace: &str, gaps: &mut Vec<Gap>) -> Vec<Rule> {
    let (list, peers) = match direction {
        Direction::Ingress => ("ingress", "from"),
        Direction::Egress => ("egress", "to"),
    };
    let items = spec.get(list).items().into_iter().enumerate();
    let rule = |(at, rule): (usize, Cursor<'_>)| Rule {
        name: format!("{list}[{at}]"),
        action: Action::Allow,
        origin: rule.origin().clone(),
        peers: all_peers(&rule.get(peers), namespace, gaps),
        ports: ports(&rule.get("ports"), gaps),
    };
    items.map(rule).collect()
}

fn all_peers(cursor: &Cursor<'_>, namespace: &str, gaps: &mut Vec<Gap>) -> Vec<Peer> {
    let items = cursor.items();
    if items.is_empty() {
        return vec![Peer::Anyone];
    }
    let mut peers = Vec::with_capacity(items.len());
    for item in &items {
        match peer(item, namespace) {
            Ok(it) => peers.push(it),
            Err(gap) => gaps.push(gap),
        }
    }
    peers
}

fn peer(cursor: &Cursor<'_>, namespace: &str) -> Result<Peer, Gap> {
    let (block, namespaces, pods) = (
        cursor.get("ipBlock"),
        cursor.get("namespaceSelector"),
        cursor.get("podSelector"),
    );
    match (is_there(&block), is_there(&namespaces) || is_there(&pods)) {
        (true, false) => outside(&block).map(Peer::Outside),
        (false, true) => {
            let namespaces = match is_there(&namespaces) {
                true => Namespaces::Selected(Selector::read(&namespaces)?),
                false => Namespaces::One(namespace.to_owned()),
            };
            Ok(Peer::Pods(namespaces, Selector::read(&pods)?))
        }
        (true, true) => Err(Gap::at(cursor, "a peer is a block of addresses or pods, not both".to_owned())),
        (false, false) => Err(Gap::at(cursor, "a peer that says neither addresses nor pods".to_owned())),
    }
}

fn outside(block: &Cursor<'_>) -> Result<Addresses, Gap> {
    let one = |cursor: &Cursor<'_>| match cursor.text() {
        Fact::Known(text) => Addresses::of_block(&text)
            .ok_or_else(|| Gap::at(cursor, format!("{text:?} is no block of addresses"))),
        _ => Err(Gap::at(cursor, "a block of addresses is not known".to_owned())),
    };
    let whole = one(&block.get("cidr"))?;
    block.get("except").items().iter().try_fold(whole, |left, except| Ok(left.difference(&one(except)?)))
}

fn ports(cursor: &Cursor<'_>, gaps: &mut Vec<Gap>) -> Ports {
    let items = cursor.items();
    if items.is_empty() {
        return Ports::all();
    }
    let mut ports = Ports::none();
    for item in &items {
        if let Err(gap) = port(item, &mut ports) {
            gaps.push(gap);
        }
    }
    ports
}

fn port(cursor: &Cursor<'_>, ports: &mut Ports) -> Result<(), Gap> {
    let wrong = |message: &str| Gap::at(cursor, message.to_owned());
    let protocol = match cursor.get("protocol").text() {
        Fact::Absent => Protocol::Tcp,
        Fact::Known(name) => Protocol::of(&name).ok_or_else(|| wrong("a protocol that policies do not know"))?,
        Fact::Unknown(_) => return Err(wrong("a protocol is not known")),
    };
    let (port, last) = (cursor.get("port"), cursor.get("endPort"));
    let first = match port.text() {
        Fact::Absent => {
            ports.add(&Connections::of_protocol(protocol));
            return Ok(());
        }
        Fact::Known(text) => text,
        Fact::Unknown(_) => return Err(wrong("a port is not known")),
    };
    let Some(number) = port.integer().ok() else {
        ports.named.push((Some(protocol), first));
        return Ok(());
    };
    let last = match last.fact {
        Fact::Absent => Some(number),
        _ => last.integer().ok(),
    };
    let connections = last.and_then(|last| range(protocol, number, last));
    ports.add(&connections.ok_or_else(|| wrong("what is no range of ports"))?);
    Ok(())
}
