//! Which connections rules are about, and which requests over them.

use std::sync::Arc;

use casemate_posture::{Cursor, Fact};

use super::{Scope, entities};
use crate::{
    Connections, Gap, Protocol,
    listed::{is_there, listed},
    policy::{NO_CONNECTION, Ports, range},
};

/// The connections of a rule, and which requests over them where it is not about all.
pub(super) fn all(
    scope: &Scope<'_>,
    item: &Cursor<'_>,
    gaps: &mut Vec<Gap>,
) -> (Ports, Option<Arc<str>>) {
    let protocols = match protocols(item, gaps) {
        Ok(protocols) => protocols,
        Err(why) => {
            let mut ports = Ports::none();
            ports.unknown = Some(Gap::tell(item, &why, gaps));
            return (ports, only(item));
        }
    };
    let destination = item.get("destination");
    let mut ports = Ports::none();
    let read = read(&destination, &protocols, &mut ports)
        .and_then(|()| of_service(scope, &destination.get("services"), &mut ports));
    if let Err(why) = read {
        ports.unknown = Some(Gap::tell(&destination, &why, gaps));
    }
    (ports, only(item))
}

/// What is spoken. Messages of no connection are not looked at here, which is told.
fn protocols(item: &Cursor<'_>, gaps: &mut Vec<Gap>) -> Result<Vec<Protocol>, String> {
    let (is, is_not) = (item.get("protocol"), item.get("notProtocol"));
    let mut protocols = Protocol::ALL.to_vec();
    if is_there(&is) {
        let only = protocol(&is)?;
        if only.is_none() {
            Gap::tell(&is, NO_CONNECTION, gaps);
        }
        protocols.retain(|it| Some(*it) == only);
    }
    if is_there(&is_not) {
        let but = protocol(&is_not)?;
        protocols.retain(|it| Some(*it) != but);
    }
    Ok(protocols)
}

/// A protocol by its name or number; nothing where it has no connections to ports.
fn protocol(cursor: &Cursor<'_>) -> Result<Option<Protocol>, String> {
    let text = match cursor.text() {
        Fact::Known(text) => text,
        Fact::Absent => return Err("a protocol is a name or a number".to_owned()),
        Fact::Unknown(why) => return Err(format!("a protocol is not known: {why}")),
    };
    Ok(match &*text.to_ascii_uppercase() {
        "TCP" | "6" => Some(Protocol::Tcp),
        "UDP" | "17" => Some(Protocol::Udp),
        "SCTP" | "132" => Some(Protocol::Sctp),
        "ICMP" | "ICMPV6" | "UDPLITE" => None,
        number if number.parse::<u8>().is_ok_and(|it| it > 0) => None,
        _ => return Err(format!("{text:?} is no protocol that is known")),
    })
}

/// The ports of the destination.
fn read(destination: &Cursor<'_>, protocols: &[Protocol], ports: &mut Ports) -> Result<(), String> {
    let (some, but) = (
        listed(&destination.get("ports")),
        listed(&destination.get("notPorts")),
    );
    for protocol in protocols {
        let mut excluded = Connections::default();
        for item in &but {
            match port(item, *protocol)? {
                Port::Numbers(numbers) => excluded = excluded.union(&numbers),
                Port::Name(name) => {
                    return Err(format!("who has a port called {name} is not looked at"));
                }
            }
        }
        if some.is_empty() {
            ports.add(&Connections::of_protocol(*protocol).difference(&excluded));
        }
        for item in &some {
            match port(item, *protocol)? {
                Port::Numbers(numbers) => ports.add(&numbers.difference(&excluded)),
                Port::Name(_) if !excluded.is_empty() => {
                    return Err(
                        "which number a name of a port has beside those that are not meant"
                            .to_owned(),
                    );
                }
                Port::Name(name) => ports.named.push((Some(*protocol), name)),
            }
        }
    }
    Ok(())
}

enum Port {
    Numbers(Connections),
    Name(String),
}

/// `80`, `8000:8080` or `http`.
fn port(cursor: &Cursor<'_>, protocol: Protocol) -> Result<Port, String> {
    let text = match cursor.text() {
        Fact::Known(text) => text,
        Fact::Absent => return Err("a port is a number, a range or a name".to_owned()),
        Fact::Unknown(why) => return Err(format!("a port is not known: {why}")),
    };
    let (first, last) = text.split_once(':').unwrap_or((&text, &text));
    let number = |text: &str| text.parse::<i64>().ok();
    match (number(first), number(last)) {
        // There is no port 0, which ranges may begin with.
        (Some(first), Some(last)) => range(protocol, first.max(1), last)
            .map(Port::Numbers)
            .ok_or_else(|| format!("{text:?} is no range of ports")),
        _ if text.contains(':') => Err(format!("{text:?} is no range of ports")),
        _ => Ok(Port::Name(text)),
    }
}

/// Where the destination is a Service, its pods' ports.
fn of_service(scope: &Scope<'_>, cursor: &Cursor<'_>, ports: &mut Ports) -> Result<(), String> {
    if !is_there(cursor) {
        return Ok(());
    }
    *ports = Ports::none();
    let service =
        entities::service(scope, cursor).ok_or("the ports of the Service are not known")?;
    for item in listed(&service.at("spec.ports")) {
        let protocol = match item.get("protocol").text() {
            Fact::Absent => Some(Protocol::Tcp),
            fact => fact.ok().and_then(|it| Protocol::of(&it)),
        };
        let target = item.get("targetPort");
        let target = if is_there(&target) {
            target
        } else {
            item.get("port")
        };
        match port(
            &target,
            protocol.ok_or("a protocol of a Service is not known")?,
        )? {
            Port::Numbers(numbers) => ports.add(&numbers),
            Port::Name(name) => ports.named.push((protocol, name)),
        }
    }
    Ok(())
}

/// Which requests, or from which ports, where it is not about all.
fn only(item: &Cursor<'_>) -> Option<Arc<str>> {
    let mut all = Vec::new();
    let http = item.get("http");
    if is_there(&http) {
        let shown = |key: &str| {
            let items = listed(&http.get(key));
            let words = items.iter().map(|it| match it.entries().first() {
                Some((_, path)) => path.shown(),
                None => it.shown(),
            });
            words.collect::<Vec<_>>().join(", ")
        };
        all.push(
            format!("HTTP {} {}", shown("methods"), shown("paths"))
                .trim_end()
                .to_owned(),
        );
    }
    let source = item.get("source");
    for (key, word) in [
        ("ports", "from the ports"),
        ("notPorts", "from ports other than"),
    ] {
        let items = listed(&source.get(key));
        if !items.is_empty() {
            let shown: Vec<String> = items.iter().map(Cursor::shown).collect();
            all.push(format!("{word} {}", shown.join(", ")));
        }
    }
    (!all.is_empty()).then(|| all.join("; ").into())
}
