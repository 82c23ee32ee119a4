//! Which connections rules are about, and which requests over them.

use std::sync::Arc;

use casemate_posture::{Cursor, Fact};

use crate::{
    Connections, Gap, Protocol,
    listed::{is_there, listed},
    policy::{Direction, Ports, range},
};

/// A list of ports of a rule.
pub(super) struct Listed {
    pub(super) ports: Ports,
    /// Which requests alone it is about, if not about all.
    pub(super) only: Option<Arc<str>>,
}

impl Listed {
    pub(super) fn all() -> Self {
        Self {
            ports: Ports::all(),
            only: None,
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
            only: None,
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
    Listed {
        ports,
        only: only(cursor, gaps),
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
    if !text.bytes().all(|it| it.is_ascii_digit()) {
        if direction == Direction::Egress {
            return Err(
                "which number a name of a port has at egress hangs on all pods of the cluster"
                    .to_owned(),
            );
        }
        ports.named.push((protocol, text.to_ascii_lowercase()));
        return Ok(());
    }
    let first: i64 = text
        .parse()
        .map_err(|_| "a number that is no port".to_owned())?;
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
    if let Fact::Known(name) = rules.get("l7proto").text() {
        all.push(format!("some requests of {name}"));
    }
    let names = listed(&cursor.get("serverNames"));
    if !names.is_empty() {
        let shown: Vec<String> = names.iter().map(Cursor::shown).collect();
        all.push(format!("TLS to {}", shown.join(", ")));
    }
    let listener = cursor.at("listener.name");
    if is_there(&cursor.get("listener")) {
        all.push(format!("what the listener {} lets pass", listener.shown()));
    }
    (!all.is_empty()).then(|| all.join("; ").into())
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

/// What tells requests of each protocol.
const REQUESTS: &[(&str, &[&str])] = &[
    ("http", &["method", "path", "host"]),
    ("dns", &["matchName", "matchPattern"]),
    ("kafka", &["role", "apiKey", "topic", "clientID"]),
];

/// Who looks at more of them opens the policy.
const MAX_SHOWN: usize = 5;

const NO_CONNECTION: &str = "messages that are of no connection (ICMP) are not looked at here: whether they pass is not said";
