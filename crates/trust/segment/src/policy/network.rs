//! `NetworkPolicy` of `networking.k8s.io/v1`.

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

pub(super) fn read(world: &World, gaps: &mut Vec<Gap>) -> Vec<Policy> {
    // Calico has a kind of that name.
    let is_ours =
        |it: &&Resource| is_of_group(it, &["networking.k8s.io", "extensions"]) != Some(false);
    let objects = world.of_kind("NetworkPolicy").filter(is_ours);
    objects.map(|object| policy(object, gaps)).collect()
}

fn policy(object: &Resource, gaps: &mut Vec<Gap>) -> Policy {
    let namespace = Namespaces::of(object, gaps);
    let spec = object.at("spec");
    let mut rules = |direction| rules(&spec, direction, &namespace, gaps);
    let (ingress, egress) = (rules(Direction::Ingress), rules(Direction::Egress));
    let name = name_of(object, gaps);
    Policy {
        kind: "NetworkPolicy",
        ingress,
        egress,
        name: match &namespace {
            Namespaces::One(namespace) => format!("{namespace}/{name}"),
            _ => name,
        },
        tier: Tier::network(),
        // All are asked at once.
        priority: Some(Priority::of(Order::of(1_000))),
        origin: object.body.origin.clone(),
        subject: vec![Pods {
            selector: Selector::read(&spec.get("podSelector"), gaps),
            namespaces: namespace,
        }],
    }
}

fn rules(
    spec: &Cursor<'_>,
    direction: Direction,
    namespace: &Namespaces,
    gaps: &mut Vec<Gap>,
) -> Rules {
    let (list, peers, word) = match direction {
        Direction::Ingress => ("ingress", "from", "Ingress"),
        Direction::Egress => ("egress", "to", "Egress"),
    };
    let items = listed(&spec.get(list));
    let types = listed(&spec.get("policyTypes"));
    let is_said = match types.is_empty() {
        // Without types it is about egress only where it has rules for it.
        true => Truth::from(direction == Direction::Ingress || !items.is_empty()),
        false => Truth::any(types.iter().map(|it| it.equals(word))),
    };
    if let Truth::Unknown(why) = &is_said {
        let message = format!("what it is about is not known: {why}");
        Gap::tell(&spec.get("policyTypes"), &message, gaps);
    }
    let rule = |(at, rule): (usize, &Cursor<'_>)| Rule {
        name: format!("{list}[{at}]"),
        action: Some(Action::Allow),
        only: None,
        origin: rule.origin().clone(),
        peers: all_peers(&rule.get(peers), namespace, gaps),
        ports: ports(&rule.get("ports"), gaps),
    };
    let all = match is_said {
        Truth::No => Vec::new(),
        _ => items.iter().enumerate().map(rule).collect(),
    };
    Rules {
        hold: is_said,
        closes: Truth::Yes,
        all,
    }
}

fn all_peers(cursor: &Cursor<'_>, namespace: &Namespaces, gaps: &mut Vec<Gap>) -> Vec<Peer> {
    match listed(cursor) {
        items if items.is_empty() => vec![Peer::Anyone],
        items => items.iter().map(|it| peer(it, namespace, gaps)).collect(),
    }
}

fn peer(cursor: &Cursor<'_>, namespace: &Namespaces, gaps: &mut Vec<Gap>) -> Peer {
    if let Fact::Unknown(why) = &cursor.fact {
        return unknown(cursor, &format!("a peer is not known: {why}"), gaps);
    }
    let (block, namespaces, pods) = (
        cursor.get("ipBlock"),
        cursor.get("namespaceSelector"),
        cursor.get("podSelector"),
    );
    match (is_there(&block), is_there(&namespaces) || is_there(&pods)) {
        (true, false) => match outside(&block) {
            Ok(addresses) => Peer::Block(addresses),
            Err(message) => unknown(&block, &message, gaps),
        },
        (false, true) => Peer::Pods(Pods {
            namespaces: match is_there(&namespaces) {
                true => Namespaces::Selected(Selector::read(&namespaces, gaps)),
                false => namespace.clone(),
            },
            selector: Selector::read(&pods, gaps),
        }),
        (true, true) => unknown(
            cursor,
            "a peer is a block of addresses or pods, not both",
            gaps,
        ),
        (false, false) => unknown(cursor, "a peer that says neither addresses nor pods", gaps),
    }
}

fn outside(block: &Cursor<'_>) -> Result<Addresses, String> {
    let one = |cursor: &Cursor<'_>| match cursor.text() {
        Fact::Known(text) => {
            Addresses::of_block(&text).ok_or_else(|| format!("{text:?} is no block of addresses"))
        }
        Fact::Absent => Err("a block of addresses is missing".to_owned()),
        Fact::Unknown(why) => Err(format!("a block of addresses is not known: {why}")),
    };
    let whole = one(&block.get("cidr"))?;
    let excepted = listed(&block.get("except"));
    excepted.iter().try_fold(whole.clone(), |left, except| {
        let except = one(except)?;
        match whole.includes(&except) {
            true => Ok(left.difference(&except)),
            false => Err(format!(
                "{except} is excepted from a block that does not have it"
            )),
        }
    })
}

fn unknown(cursor: &Cursor<'_>, message: &str, gaps: &mut Vec<Gap>) -> Peer {
    Peer::Unknown(Gap::tell(cursor, message, gaps))
}

fn ports(cursor: &Cursor<'_>, gaps: &mut Vec<Gap>) -> Ports {
    let items = listed(cursor);
    if items.is_empty() {
        return Ports::all();
    }
    let mut ports = Ports::none();
    for item in &items {
        if let Err(message) = port(item, &mut ports) {
            ports.unknown = Some(Gap::tell(item, &message, gaps));
        }
    }
    ports
}

fn port(cursor: &Cursor<'_>, ports: &mut Ports) -> Result<(), String> {
    let protocol = match cursor.get("protocol").text() {
        Fact::Absent => Protocol::Tcp,
        Fact::Known(name) => Protocol::of(&name)
            .ok_or_else(|| format!("{name:?} is no protocol that policies know"))?,
        Fact::Unknown(why) => return Err(format!("a protocol is not known: {why}")),
    };
    let (port, last) = (cursor.get("port"), cursor.get("endPort"));
    let first = match port.text() {
        Fact::Absent if is_there(&last) => return Err("an endPort without a port".to_owned()),
        Fact::Absent => {
            ports.add(&Connections::of_protocol(protocol));
            return Ok(());
        }
        Fact::Known(text) => text,
        Fact::Unknown(why) => return Err(format!("a port is not known: {why}")),
    };
    let Some(number) = port.integer().ok() else {
        if is_there(&last) {
            return Err("an endPort beside the name of a port".to_owned());
        }
        ports.named.push((Some(protocol), first));
        return Ok(());
    };
    let last = match last.fact {
        Fact::Absent => Some(number),
        _ => last.integer().ok(),
    };
    let connections = last.and_then(|last| range(protocol, number, last));
    ports.add(&connections.ok_or("what is no range of ports")?);
    Ok(())
}
