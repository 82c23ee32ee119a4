//! Whom rules are about.

use casemate_posture::{Cursor, Fact, Resource, Truth};

use super::{Scope, endpoints, services};
use crate::{
    Addresses, Gap, Labels,
    cluster::NAME_LABEL,
    listed::{is_there, listed},
    policy::{Direction, Peer, Pods},
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
pub(super) fn is_known(name: &str) -> bool {
    name == "Requires" || WAYS.iter().any(|(it, ..)| *it == name)
}

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
        [(items, read)] => Who::These(items.iter().flat_map(|it| read(scope, it, gaps)).collect()),
        _ => {
            let why = "whom it is about is said in several ways, and one is expected";
            Who::These(vec![Peer::Unknown(Gap::tell(item, why, gaps))])
        }
    }
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
        let unsure = Requirement::Unknown(Gap::tell(&cursor, why, gaps));
        let split = endpoints::Split::read(&cursor, gaps);
        let namespaces = match split.namespaces(scope) {
            Namespaces::One(own) => vec![Requirement::In(
                NAME_LABEL.to_owned(),
                vec![own.to_string()],
            )],
            Namespaces::Selected(selector) => selector.0,
            Namespaces::Unknown(why) => vec![Requirement::Unknown(why)],
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

fn word(direction: Direction) -> &'static str {
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
    let nodes = || Peer::Nodes("the addresses of nodes and of the API server are not known".into());
    let proxy = || Peer::Proxy("whether Cilium serves the Ingresses is not known".into());
    match name {
        "all" => vec![Peer::Anyone],
        "world" => vec![Peer::World(Addresses::all())],
        "world-ipv4" => vec![Peer::World(Addresses::all_v4())],
        "world-ipv6" => vec![Peer::World(Addresses::all_v6())],
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
        Ok(addresses) => vec![Peer::World(addresses)],
        Err(why) => unknown(cursor, &why, gaps),
    }
}

/// A block, or an address alone.
fn addresses(cursor: &Cursor<'_>) -> Result<Addresses, String> {
    match cursor.text() {
        Fact::Known(text) => Addresses::of_block(&text)
            .or_else(|| Addresses::of_address(&text))
            .ok_or_else(|| format!("{text:?} is no block of addresses")),
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
    vec![Peer::World(left)]
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
    vec![Peer::Nodes(Gap::tell(
        cursor,
        "which nodes have which labels is not known",
        gaps,
    ))]
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
