//! Whom rules are about.

use casemate_posture::{Cursor, Fact, Resource, Truth};

use super::{Scope, endpoints, services};
use crate::{
    Addresses, Gap, Labels,
    cluster::NAME_LABEL,
    listed::{is_there, listed},
    policy::{Direction, Inside, Peer, Pods},
    selector::{Namespaces, Requirement, Selector},
};

/// Whom a rule is about.
pub(super) enum Who {
    /// It does not say.
    Anyone,
    /// Whoever is one of these.
    These(Vec<Peer>),
}

/// Who is meant by an item of a list.
type Read = fn(&Scope<'_>, &Cursor<'_>, &mut Vec<Gap>) -> Vec<Peer>;

/// The ways to say it, behind `from` and `to`; whether an empty list of them says nobody; and what an item means.
const WAYS: &[(&str, bool, Read)] = &[
    ("Endpoints", true, endpoints::peers),
    ("Entities", true, entities),
    ("CIDR", true, block),
    ("CIDRSet", true, set),
    ("Nodes", true, nodes),
    ("Groups", false, groups),
    ("Services", false, services::peers),
    ("FQDNs", false, names),
];

/// Whether a key of a rule is read here, without `from` or `to` before it.
pub(super) fn is_known(name: &str, direction: Direction) -> bool {
    let is_outgoing = direction == Direction::Egress;
    match name {
        "Requires" => true,
        "Services" | "FQDNs" => is_outgoing,
        _ => WAYS.iter().any(|(it, ..)| *it == name),
    }
}

/// Why the agent refuses whom a rule is about.
pub(super) fn refusal(item: &Cursor<'_>, direction: Direction) -> Option<&'static str> {
    let all = |name: &str| listed(&item.get(&format!("{}{name}", word(direction))));
    let said = WAYS.iter().filter(|(name, ..)| !all(name).is_empty());
    let is_entity = |it: &Cursor<'_>| it.text().ok().is_none_or(|it| ENTITIES.contains(&&*it));
    let is_wrong = |it: &Cursor<'_>| matches!(it.fact, Fact::Known(_)) && addresses(it).is_err();
    let is_block = |it: &Cursor<'_>| {
        it.text()
            .ok()
            .is_none_or(|it| Addresses::of_block(&it).is_some())
    };
    let is_wrong_set = |it: &Cursor<'_>| {
        let mut blocks = listed(&it.get("except"));
        blocks.push(it.get("cidr"));
        !is_there(&it.get("cidrGroupRef")) && !blocks.iter().all(is_block)
    };
    let endpoints = [all("Endpoints"), all("Requires")].concat();
    let checks = [
        (said.count() > 1, "whom it is about is said in several ways"),
        (
            !all("Entities").iter().all(is_entity),
            "an entity that it does not know",
        ),
        (
            !all("Nodes").is_empty(),
            "nodes, unless it is set to know their labels",
        ),
        (
            all("CIDR").iter().any(is_wrong),
            "what is no block of addresses",
        ),
        (
            all("CIDRSet").iter().any(is_wrong_set),
            "what is no block of addresses",
        ),
        (
            endpoints.iter().any(is_wrong_selector),
            "what is no selector",
        ),
        (
            !all("Services").is_empty() && is_there(&item.get("toPorts")),
            "Services with ports, in some versions",
        ),
    ];
    checks.into_iter().find(|(is, _)| *is).map(|(_, why)| why)
}

/// Whether a selector has a requirement that there is not.
pub(super) fn is_wrong_selector(selector: &Cursor<'_>) -> bool {
    listed(&selector.get("matchExpressions")).iter().any(|it| {
        let values = it.get("values");
        match (
            it.get("operator").text().ok().as_deref(),
            listed(&values).is_empty(),
        ) {
            (Some("In" | "NotIn"), is_empty) => is_empty,
            (Some("Exists" | "DoesNotExist"), is_empty) => !is_empty,
            (Some(_), _) => true,
            (None, _) => false,
        }
    })
}

const ENTITIES: &[&str] = &[
    "all",
    "world",
    "world-ipv4",
    "world-ipv6",
    "cluster",
    "host",
    "remote-node",
    "kube-apiserver",
    "ingress",
    "health",
    "init",
    "none",
    "unmanaged",
];

pub(super) fn all(
    scope: &Scope<'_>,
    item: &Cursor<'_>,
    direction: Direction,
    gaps: &mut Vec<Gap>,
) -> Who {
    let mut said = Vec::new();
    for (name, is_nobody, read) in WAYS {
        let cursor = item.get(&format!("{}{name}", word(direction)));
        let items = listed(&cursor);
        if items.is_empty() && *is_nobody && is_there(&cursor) {
            return Who::These(Vec::new());
        }
        if !items.is_empty() {
            said.push((items, read));
        }
    }
    match &*said {
        [] => Who::Anyone,
        [(items, read)] => {
            let peers = items.iter().flat_map(|it| read(scope, it, gaps));
            Who::These(joined(peers.collect()))
        }
        _ => {
            let why = "whom it is about is said in several ways, and one is expected";
            Who::These(vec![Peer::Unknown(Gap::tell(item, why, gaps))])
        }
    }
}

/// Makes one of the blocks of a rule, which nobody tells apart.
fn joined(peers: Vec<Peer>) -> Vec<Peer> {
    let mut blocks = Vec::new();
    let mut others = Vec::new();
    for peer in peers {
        match peer {
            Peer::World(addresses, Inside::Nodes(_)) => blocks.push(addresses),
            other => others.push(other),
        }
    }
    if !blocks.is_empty() {
        others.push(world(Addresses::union_of(&blocks)));
    }
    others
}

/// A block that means whoever is outside, and perhaps nodes (docs.cilium.io, "CIDR-based": `policy-cidr-match-mode`).
fn world(addresses: Addresses) -> Peer {
    let why = "whether blocks of addresses mean nodes is up to how Cilium is set";
    Peer::World(addresses, Inside::Nodes(why.into()))
}

/// Pods that do not have what a rule requires. They are not denied for sure: newer versions of Cilium do not
/// know the field.
pub(super) fn required(
    scope: &Scope<'_>,
    item: &Cursor<'_>,
    direction: Direction,
    gaps: &mut Vec<Gap>,
) -> Vec<Peer> {
    let mut all = Vec::new();
    for cursor in listed(&item.get(&format!("{}Requires", word(direction)))) {
        let why = "what is required is held up to Cilium 1.18, and not since 1.19";
        let unsure = Requirement::Unknown(None, Gap::tell(&cursor, why, gaps));
        let split = endpoints::Split::read(&cursor, gaps);
        if let Some(why) = split.open {
            all.push(Peer::Unknown(why));
            continue;
        }
        let namespaces = match split.namespaces(scope) {
            Namespaces::One(own) => vec![Requirement::In(
                NAME_LABEL.to_owned(),
                vec![own.to_string()],
            )],
            Namespaces::Selected(selector) => selector.0,
            Namespaces::Unknown(why) | Namespaces::Nodes(why) | Namespaces::Proxy(why) => {
                vec![Requirement::Unknown(None, why)]
            }
        };
        let peer = |namespaces: Vec<Requirement>, pods: Vec<Requirement>| {
            Peer::Pods(Pods {
                namespaces: Namespaces::Selected(Selector(namespaces)),
                selector: Selector([pods, vec![unsure.clone()]].concat()),
            })
        };
        let others = namespaces
            .into_iter()
            .map(|it| peer(vec![it.negated()], Vec::new()));
        all.extend(others);
        all.extend(
            split
                .pods
                .into_iter()
                .map(|it| peer(Vec::new(), vec![it.negated()])),
        );
    }
    all
}

pub(super) fn word(direction: Direction) -> &'static str {
    match direction {
        Direction::Ingress => "from",
        Direction::Egress => "to",
    }
}

fn entities(_: &Scope<'_>, cursor: &Cursor<'_>, gaps: &mut Vec<Gap>) -> Vec<Peer> {
    match cursor.text() {
        Fact::Known(name) => entity(&name, cursor, gaps),
        Fact::Absent | Fact::Unknown(_) => unknown(cursor, "an entity that is not known", gaps),
    }
}

/// Who is called so (docs.cilium.io, "Entities based").
pub(super) fn entity(name: &str, cursor: &Cursor<'_>, gaps: &mut Vec<Gap>) -> Vec<Peer> {
    let nodes = || {
        Peer::Nodes(
            Addresses::all(),
            "the addresses of nodes and of the API server are not known".into(),
        )
    };
    let proxy = || Peer::Proxy(PROXY.into());
    match name {
        "all" => vec![Peer::Anyone],
        "world" => vec![Peer::World(Addresses::all(), Inside::Nobody)],
        "world-ipv4" => vec![Peer::World(Addresses::all_v4(), Inside::Nobody)],
        "world-ipv6" => vec![Peer::World(Addresses::all_v6(), Inside::Nobody)],
        "cluster" => {
            let pods = Peer::Pods(Pods {
                namespaces: Namespaces::Selected(Selector::default()),
                selector: Selector::default(),
            });
            vec![pods, nodes(), proxy()]
        }
        "host" | "remote-node" | "kube-apiserver" => vec![nodes()],
        "ingress" => vec![proxy()],
        // No pods: the agents' own, those that have no labels yet, and nobody.
        "health" | "init" | "none" => Vec::new(),
        "unmanaged" => unknown(
            cursor,
            "which pods Cilium does not manage is not known",
            gaps,
        ),
        _ => unknown(
            cursor,
            &format!("{name:?} is no entity that is known"),
            gaps,
        ),
    }
}

fn block(_: &Scope<'_>, cursor: &Cursor<'_>, gaps: &mut Vec<Gap>) -> Vec<Peer> {
    match addresses(cursor) {
        Ok(addresses) => vec![world(addresses)],
        Err(why) => unknown(cursor, &why, gaps),
    }
}

/// A block, or an address alone.
fn addresses(cursor: &Cursor<'_>) -> Result<Addresses, String> {
    match cursor.text() {
        Fact::Known(text) => {
            Addresses::read(&text).ok_or_else(|| format!("{text:?} is no block of addresses"))
        }
        Fact::Absent => Err("a block of addresses is missing".to_owned()),
        Fact::Unknown(why) => Err(format!("a block of addresses is not known: {why}")),
    }
}

fn set(scope: &Scope<'_>, cursor: &Cursor<'_>, gaps: &mut Vec<Gap>) -> Vec<Peer> {
    let whole = match group(scope, cursor, gaps) {
        Some(Ok(whole)) => whole,
        Some(Err(peer)) => return vec![peer],
        None => match addresses(&cursor.get("cidr")) {
            Ok(whole) => whole,
            Err(why) => return unknown(cursor, &why, gaps),
        },
    };
    let mut left = whole.clone();
    for except in listed(&cursor.get("except")) {
        match addresses(&except) {
            Ok(except) if whole.includes(&except) => left = left.difference(&except),
            Ok(except) => {
                let why = format!("{except} is excepted from a block that does not have it");
                return unknown(cursor, &why, gaps);
            }
            Err(why) => return unknown(&except, &why, gaps),
        }
    }
    vec![world(left)]
}

/// The addresses of the groups that are named, if some are; or, where they are not known, that.
fn group(
    scope: &Scope<'_>,
    cursor: &Cursor<'_>,
    gaps: &mut Vec<Gap>,
) -> Option<Result<Addresses, Peer>> {
    let (name, selector) = (cursor.get("cidrGroupRef"), cursor.get("cidrGroupSelector"));
    let groups = scope.world.of_kind("CiliumCIDRGroup");
    let named = match (is_there(&name), is_there(&selector)) {
        (true, _) => {
            let name = name.text().ok();
            let is_named =
                |it: &&Resource| name.is_some() && it.at("metadata.name").text().ok() == name;
            groups.filter(is_named).collect::<Vec<_>>()
        }
        (false, true) => {
            let selector = Selector::read(&selector, gaps);
            let mut chosen = Vec::new();
            for group in groups {
                let labels = Labels::read(&group.at("metadata.labels"), gaps);
                match selector.matches(&labels) {
                    Truth::Yes => chosen.push(group),
                    Truth::No => {}
                    Truth::Unknown(why) => {
                        return Some(Err(Peer::Outside(Gap::tell(cursor, &why, gaps))));
                    }
                }
            }
            chosen
        }
        (false, false) => return None,
    };
    if named.is_empty() {
        let why = "the group of blocks is not among the files";
        return Some(Err(Peer::Outside(Gap::tell(cursor, why, gaps))));
    }
    let blocks = named
        .iter()
        .flat_map(|it| listed(&it.at("spec.externalCIDRs")));
    let all = blocks
        .map(|it| addresses(&it))
        .try_fold(Addresses::default(), |all, it| it.map(|it| all.union(&it)));
    Some(all.map_err(|why| Peer::Outside(Gap::tell(cursor, &why, gaps))))
}

fn nodes(_: &Scope<'_>, cursor: &Cursor<'_>, gaps: &mut Vec<Gap>) -> Vec<Peer> {
    vec![Peer::Nodes(
        Addresses::all(),
        Gap::tell(cursor, "which nodes have which labels is not known", gaps),
    )]
}

fn groups(_: &Scope<'_>, cursor: &Cursor<'_>, gaps: &mut Vec<Gap>) -> Vec<Peer> {
    vec![Peer::Outside(Gap::tell(
        cursor,
        "the addresses of a cloud's groups are not known",
        gaps,
    ))]
}

fn names(_: &Scope<'_>, cursor: &Cursor<'_>, gaps: &mut Vec<Gap>) -> Vec<Peer> {
    vec![Peer::Outside(Gap::tell(
        cursor,
        "the addresses of names are not known",
        gaps,
    ))]
}

pub(super) fn unknown(cursor: &Cursor<'_>, why: &str, gaps: &mut Vec<Gap>) -> Vec<Peer> {
    vec![Peer::Unknown(Gap::tell(cursor, why, gaps))]
}

pub(super) const PROXY: &str = "whether Cilium serves the Ingresses is not known";
