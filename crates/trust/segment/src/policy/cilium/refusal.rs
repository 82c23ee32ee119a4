//! What the agent refuses: then all of an object has no effect, also where its other specifications are right
//! (`Rule.Sanitize` of Cilium). The API server takes some of it, and says nothing.

use std::sync::Arc;

use casemate_posture::Cursor;

use super::{peers, ports};
use crate::{
    Gap,
    listed::{is_there, listed},
    policy::Direction,
};

/// Why an object with such specifications may have no effect.
pub(super) fn of(kind: &str, specs: &[Cursor<'_>], gaps: &mut Vec<Gap>) -> Option<Arc<str>> {
    let (cursor, why) = specs.iter().find_map(|spec| of_spec(kind, spec))?;
    let why = format!("Cilium refuses it, and then nothing of the object holds: {why}");
    Some(Gap::tell(&cursor, &why, gaps))
}

fn of_spec<'a>(kind: &str, spec: &Cursor<'a>) -> Option<(Cursor<'a>, &'static str)> {
    let (endpoints, nodes) = (spec.get("endpointSelector"), spec.get("nodeSelector"));
    let subject = match (is_there(&endpoints), is_there(&nodes)) {
        (true, true) => Some("it is about endpoints and about nodes"),
        (false, false) => Some("it is about nobody"),
        (false, true) if kind == "CiliumNetworkPolicy" => Some("nodes are of no namespace"),
        _ if peers::is_wrong_selector(&endpoints) => Some("what is no selector"),
        _ => None,
    };
    let of_subject = subject.map(|why| (spec.clone(), why));
    of_subject.or_else(|| {
        LISTS.iter().find_map(|(list, is_denied, direction)| {
            let items = listed(&spec.get(list));
            items.into_iter().find_map(|item| {
                let why = of_rule(&item, *is_denied, *direction)?;
                Some((item, why))
            })
        })
    })
}

fn of_rule(item: &Cursor<'_>, is_denied: bool, direction: Direction) -> Option<&'static str> {
    let lists = listed(&item.get("toPorts"));
    if !lists.is_empty() && !listed(&item.get("icmps")).is_empty() {
        return Some("ports beside messages that have none");
    }
    let mut of_ports = lists
        .iter()
        .filter_map(|it| ports::refusal(it, is_denied, direction));
    peers::refusal(item, direction).or_else(|| of_ports.next())
}

/// The lists of rules: whether they deny, and of which direction they are.
const LISTS: &[(&str, bool, Direction)] = &[
    ("ingress", false, Direction::Ingress),
    ("ingressDeny", true, Direction::Ingress),
    ("egress", false, Direction::Egress),
    ("egressDeny", true, Direction::Egress),
];
