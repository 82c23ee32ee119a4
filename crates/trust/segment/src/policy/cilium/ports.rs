//! Which connections rules are about, and which requests over them.

use std::sync::Arc;

use casemate_posture::{Cursor, Fact};

use crate::{
    Connections, Gap, Protocol,
    listed::{is_there, listed},
    policy::{Direction, NO_CONNECTION, Ports, range},
};

/// A list of ports of a rule.
pub(super) struct Listed {
    pub(super) ports: Ports,
    /// Which requests alone it is about, if not about all.
    pub(super) only: Option<Arc<str>>,
    /// Why it may be about less.
    pub(super) doubt: Option<Arc<str>>,
}

impl Listed {
    pub(super) fn all() -> Self {
        Self {
            ports: Ports::all(),
            only: None,
            doubt: None,
        }
    }
}

/// The lists of ports of a rule; none where it is about all.
pub(super) fn all(item: &Cursor<'_>, direction: Direction, gaps: &mut Vec<Gap>) -> Vec<Listed> {
    let lists = listed(&item.get("toPorts"));
    let mut all: Vec<Listed> = lists.iter().map(|it| list(it, direction, gaps)).collect();
    let messages = item.get("icmps");
    if !listed(&messages).is_empty() {
        Gap::tell(&messages, NO_CONNECTION, gaps);
        all.push(Listed {
            ports: Ports::none(),
            ..Listed::all()
        });
    }
    all
}

fn list(cursor: &Cursor<'_>, direction: Direction, gaps: &mut Vec<Gap>) -> Listed {
    let mut ports = Ports::none();
    let items = listed(&cursor.get("ports"));
    if items.is_empty() {
        ports.unknown = Some(Gap::tell(cursor, "a list of ports without ports", gaps));
    }
    for item in &items {
        if let Err(why) = port(item, direction, &mut ports, gaps) {
            ports.unknown = Some(Gap::tell(item, &why, gaps));
        }
    }
    let listener = cursor.get("listener");
    let doubt = is_there(&listener).then(|| {
        let why = format!(
            "what the listener {} lets pass is not known",
            listener.get("name").shown()
        );
        Gap::tell(&listener, &why, gaps)
    });
    Listed {
        ports,
        only: only(cursor, gaps),
        doubt,
    }
}

fn port(
    cursor: &Cursor<'_>,
    direction: Direction,
    ports: &mut Ports,
    gaps: &mut Vec<Gap>,
) -> Result<(), String> {
    let protocol = match cursor.get("protocol").text() {
        Fact::Absent => None,
        Fact::Known(name) => match &*name.to_ascii_uppercase() {
            "" | "ANY" => None,
            "ICMP" | "ICMPV6" | "VRRP" | "IGMP" => {
                Gap::tell(cursor, NO_CONNECTION, gaps);
                return Ok(());
            }
            other => Some(
                Protocol::of(other)
                    .ok_or_else(|| format!("{name:?} is no protocol that is known"))?,
            ),
        },
        Fact::Unknown(why) => return Err(format!("a protocol is not known: {why}")),
    };
    let text = match cursor.get("port").text() {
        Fact::Known(text) => text,
        Fact::Absent => return Err("a port is missing".to_owned()),
        Fact::Unknown(why) => return Err(format!("a port is not known: {why}")),
    };
    let protocols = match &protocol {
        Some(one) => std::slice::from_ref(one),
        None => &Protocol::ALL[..],
    };
    if !is_number(&text) {
        if direction == Direction::Egress {
            return Err(
                "which number a name of a port has at egress hangs on all pods of the cluster"
                    .to_owned(),
            );
        }
        ports.named.push((protocol, text.to_ascii_lowercase()));
        return Ok(());
    }
    let first = number(&text).ok_or("a number that is no port")?;
    let end = cursor.get("endPort");
    let last = match end.fact {
        Fact::Absent => 0,
        _ => end.integer().ok().ok_or("an endPort that is no number")?,
    };
    for protocol in protocols {
        let connections = match (first, last) {
            (0, _) => Some(Connections::of_protocol(*protocol)),
            (_, 0) => range(*protocol, first, first),
            _ => range(*protocol, first, last),
        };
        ports.add(&connections.ok_or("what is no range of ports")?);
    }
    Ok(())
}

/// Whether a port is not a name.
fn is_number(text: &str) -> bool {
    text.bytes().all(|it| it.is_ascii_digit())
}

/// The number of a port. With a zero before it, Cilium takes it for an octal one.
fn number(text: &str) -> Option<i64> {
    let radix = match text.strip_prefix('0') {
        None | Some("") => 10,
        Some(_) => 8,
    };
    let number = u16::from_str_radix(text, radix).ok().map(i64::from);
    number.filter(|_| is_number(text))
}

/// What requests have to be, over the ports of a list.
fn only(cursor: &Cursor<'_>, gaps: &mut Vec<Gap>) -> Option<Arc<str>> {
    let rules = cursor.get("rules");
    let mut all: Vec<String> = Vec::new();
    if let (true, Fact::Unknown(why)) = (is_there(&rules), &rules.fact) {
        Gap::tell(
            &rules,
            &format!("which requests pass is not known: {why}"),
            gaps,
        );
        all.push("some requests".to_owned());
    }
    for (key, words) in REQUESTS {
        all.extend(requests(&rules.get(key), words));
    }
    let strange = strange(&rules, is_of_rules).or_else(|| strange(cursor, is_of_list));
    if let Some((key, at)) = strange {
        Gap::tell(&at, &format!("{key:?} is not understood"), gaps);
        all.push("some requests".to_owned());
    }
    if let Fact::Known(name) = rules.get("l7proto").text() {
        all.push(format!("some requests of {name}"));
    }
    let names = listed(&cursor.get("serverNames"));
    if !names.is_empty() {
        let shown: Vec<String> = names.iter().map(Cursor::shown).collect();
        all.push(format!("TLS to {}", shown.join(", ")));
    }
    (!all.is_empty()).then(|| all.join("; ").into())
}

/// What stands under a key that is not read here.
fn strange<'a>(at: &Cursor<'a>, is_read: fn(&str) -> bool) -> Option<(&'a str, Cursor<'a>)> {
    let mut entries = at.entries().into_iter();
    entries.find(|(key, it)| is_there(it) && !is_read(key))
}

fn is_of_rules(key: &str) -> bool {
    matches!(key, "l7proto" | "l7") || REQUESTS.iter().any(|(it, _)| *it == key)
}

/// Keys and certificates change who reads the requests, and not which of them pass.
fn is_of_list(key: &str) -> bool {
    let of_tls = matches!(key, "terminatingTLS" | "originatingTLS");
    of_tls || matches!(key, "ports" | "rules" | "listener" | "serverNames")
}

/// What the requests of a list are; nothing where it is empty, or one of them is all.
fn requests(cursor: &Cursor<'_>, words: &[&str]) -> Option<String> {
    let items = listed(cursor);
    let mut all = Vec::new();
    for item in &items {
        let said = words.iter().filter(|it| is_there(&item.get(it)));
        let said: Vec<String> = said.map(|it| item.get(it).shown()).collect();
        let is_all = item.get("matchPattern").equals("*").is_yes();
        let is_known = matches!(item.fact, Fact::Known(_));
        if is_known && (is_all || item.entries().is_empty()) {
            return None;
        }
        all.push(match said.is_empty() {
            true => "some requests".to_owned(),
            false => said.join(" "),
        });
    }
    all.truncate(MAX_SHOWN);
    (!all.is_empty()).then(|| all.join(", "))
}

/// Why the agent refuses a list of ports.
pub(super) fn refusal(
    list: &Cursor<'_>,
    is_denied: bool,
    direction: Direction,
) -> Option<&'static str> {
    let rules = list.get("rules");
    let requests: Vec<&str> = ["http", "kafka", "dns", "l7proto"]
        .into_iter()
        .filter(|key| matches!(rules.get(key).fact, Fact::Known(_)))
        .collect();
    let (is_dns, is_narrow) = (requests.contains(&"dns"), !requests.is_empty());
    let has = |key: &str| is_there(&list.get(key));
    let ports = listed(&list.get("ports"));
    let is_incoming = direction == Direction::Ingress;
    let checks = [
        (
            is_denied && (is_narrow || has("listener") || has("serverNames")),
            "denials are of ports alone",
        ),
        (ports.len() > MAX_PORTS, "a list of more than 40 ports"),
        (
            requests.len() > 1,
            "requests of several protocols in one list",
        ),
        (
            is_dns && is_incoming,
            "requests of DNS where something comes in",
        ),
        (
            has("listener") && is_incoming,
            "a listener where something comes in",
        ),
        (has("listener") && is_narrow, "a listener beside requests"),
        (
            has("serverNames") && is_narrow && !has("terminatingTLS"),
            "names of servers beside requests",
        ),
        (ports.iter().any(is_wrong), "what is no port"),
        (
            is_narrow && ports.iter().any(is_zero),
            "requests over port 0",
        ),
        (
            is_narrow && !is_dns && !ports.iter().all(may_be_tcp),
            "requests over what is not TCP",
        ),
    ];
    checks.into_iter().find(|(is, _)| *is).map(|(_, why)| why)
}

fn is_wrong(port: &Cursor<'_>) -> bool {
    let is_wrong = match port.get("port").text() {
        Fact::Known(text) => is_number(&text) && number(&text).is_none(),
        Fact::Absent => true,
        Fact::Unknown(_) => false,
    };
    let protocol = port
        .get("protocol")
        .text()
        .ok()
        .unwrap_or_default()
        .to_ascii_uppercase();
    let others = ["", "ANY", "ICMP", "ICMPV6", "VRRP", "IGMP"];
    is_wrong || !(others.contains(&&*protocol) || Protocol::of(&protocol).is_some())
}

fn is_zero(port: &Cursor<'_>) -> bool {
    port.get("port").text().ok().and_then(|it| number(&it)) == Some(0)
}

fn may_be_tcp(port: &Cursor<'_>) -> bool {
    match port.get("protocol").text() {
        Fact::Known(name) => name.eq_ignore_ascii_case("tcp"),
        Fact::Absent => false,
        Fact::Unknown(_) => true,
    }
}

const MAX_PORTS: usize = 40;

/// What tells requests of each protocol.
const REQUESTS: &[(&str, &[&str])] = &[
    ("http", &["method", "path", "host"]),
    ("dns", &["matchName", "matchPattern"]),
    ("kafka", &["role", "apiKey", "topic", "clientID"]),
];

/// Who looks at more of them opens the policy.
const MAX_SHOWN: usize = 5;
