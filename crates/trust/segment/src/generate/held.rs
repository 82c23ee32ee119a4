//! Whom policies are to hold, of whatever kind they are.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::{
    Addresses, Connections,
    intent::{Intent, METADATA, Members, Table},
};

/// A zone whose pods are held.
#[derive(Clone, Copy)]
pub(super) struct Held<'a> {
    /// Its place among the zones.
    pub(super) at: usize,
    pub(super) name: &'a str,
    pub(super) line: u64,
    pub(super) namespaces: &'a [String],
    pub(super) labels: &'a BTreeMap<String, String>,
}

/// The zones whose pods are held.
pub(super) fn zones(intent: &Intent) -> impl Iterator<Item = Held<'_>> {
    intent.governed().filter_map(|at| {
        let zone = &intent.zones[at];
        let Members::Pods { namespaces, labels } = &zone.members else {
            return None;
        };
        Some(Held {
            at,
            name: &zone.name,
            line: zone.line,
            namespaces,
            labels,
        })
    })
}

/// Those of which no flow says that they ask the cloud who they are; and where one asks.
pub(super) fn without_metadata<'a>(
    intent: &'a Intent,
    table: &Table,
) -> impl Iterator<Item = (Held<'a>, &'a Addresses)> {
    let metadata = intent.zone(METADATA);
    let asked = metadata.and_then(|at| match &intent.zones[at].members {
        Members::Addresses(addresses) => Some((at, addresses)),
        Members::Pods { .. } | Members::Outside | Members::Controller => None,
    });
    asked.into_iter().flat_map(move |(asked, addresses)| {
        zones(intent)
            .filter(move |it| table.declared(it.at, asked).is_none())
            .map(move |it| (it, addresses))
    })
}

/// Who is held in a namespace of zones: all pods but those of the cluster's DNS, which is for all.
pub(super) fn rest(intent: &Intent, namespace: &str) -> Value {
    let mut free = intent.zones.iter().filter_map(|zone| match &zone.members {
        Members::Pods { namespaces, labels } => {
            let is_here = namespaces.iter().any(|it| it == namespace);
            (is_here && !intent.is_governed(zone)).then_some(labels)
        }
        _ => None,
    });
    let Some(labels) = free.next() else {
        return json!({});
    };
    let not = |(key, value): (&String, &String)| json!({"key": key, "operator": "NotIn", "values": [value]});
    json!({"matchExpressions": labels.iter().map(not).collect::<Vec<_>>()})
}

/// The namespaces of zones that are closed.
pub(super) struct Closed {
    /// For all that is in them.
    pub(super) whole: Vec<String>,
    /// With the cluster's DNS in them, and whom they are closed for.
    pub(super) but_dns: Vec<(String, Value)>,
}

impl Closed {
    pub(super) fn of(intent: &Intent) -> Self {
        let namespaces: BTreeSet<&String> = zones(intent).flat_map(|it| it.namespaces).collect();
        let mut closed = Self {
            whole: Vec::new(),
            but_dns: Vec::new(),
        };
        for namespace in namespaces {
            let rest = rest(intent, namespace);
            match rest == json!({}) {
                true => closed.whole.push(namespace.clone()),
                false => closed.but_dns.push((namespace.clone(), rest)),
            }
        }
        closed
    }
}

/// What there is for some connections, among others; in the order in which they are first asked for.
pub(super) fn of_connections<'a, T: Default>(
    all: &'a mut Vec<(Connections, T)>,
    connections: &Connections,
) -> &'a mut T {
    let at = all.iter().position(|(it, _)| it == connections);
    let at = at.unwrap_or_else(|| {
        all.push((connections.clone(), T::default()));
        all.len() - 1
    });
    &mut all[at].1
}
