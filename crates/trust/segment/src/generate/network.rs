//! NetworkPolicies: one for each zone in each of its namespaces, and a default for what is in no zone.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{
    GenerateError, MANAGED, PREFIX, controller_is_not_said,
    held::{Held, of_connections, rest, zones},
};
use crate::{
    Addresses, Connections, Direction, Protocol,
    cluster::NAME_LABEL,
    intent::{Intent, Members, Table},
};

pub(super) fn policies(intent: &Intent, table: &Table) -> Result<Vec<Value>, GenerateError> {
    let mut policies = Vec::new();
    let mut held = BTreeSet::new();
    for zone in zones(intent) {
        let ingress = rules(intent, table, &zone, Direction::Ingress)?;
        let egress = rules(intent, table, &zone, Direction::Egress)?;
        for namespace in zone.namespaces {
            held.insert(namespace);
            let selector = labelled(zone.labels);
            let name = format!("{PREFIX}zone-{}", zone.name);
            policies.push(policy(&name, namespace, &selector, &ingress, &egress));
        }
    }
    // Whoever is in no zone yet neither calls nor is called.
    let denied = held.into_iter().map(|it| {
        policy(
            &format!("{PREFIX}default-deny"),
            it,
            &rest(intent, it),
            &[],
            &[],
        )
    });
    Ok(denied.chain(policies).collect())
}

fn policy(name: &str, namespace: &str, pods: &Value, ingress: &[Value], egress: &[Value]) -> Value {
    let mut policy = json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": namespace, "labels": {MANAGED.0: MANAGED.1}},
        "spec": {"podSelector": pods, "policyTypes": ["Ingress", "Egress"]},
    });
    for (key, rules) in [("ingress", ingress), ("egress", egress)] {
        if !rules.is_empty() {
            policy["spec"][key] = rules.into();
        }
    }
    policy
}

/// What a zone takes or sends: a rule for each set of connections, with everybody whom it is about.
fn rules(
    intent: &Intent,
    table: &Table,
    zone: &Held<'_>,
    direction: Direction,
) -> Result<Vec<Value>, GenerateError> {
    let mut rules: Vec<(Connections, Vec<Value>)> = Vec::new();
    for other in 0..intent.zones.len() {
        let (from, to) = match direction {
            Direction::Ingress => (other, zone.at),
            Direction::Egress => (zone.at, other),
        };
        let Some(declared) = table.declared(from, to) else {
            continue;
        };
        let peers = peers(intent, other).ok_or_else(|| {
            let line = table.line_of(from, to);
            controller_is_not_said(line.unwrap_or(zone.line))
        })?;
        // A rule without peers would be about everybody.
        if !peers.is_empty() {
            of_connections(&mut rules, declared).extend(peers);
        }
    }
    let key = match direction {
        Direction::Ingress => "from",
        Direction::Egress => "to",
    };
    let rule = |(connections, peers): (Connections, Vec<Value>)| match ports(&connections) {
        None => json!({key: peers}),
        Some(ports) => json!({key: peers, "ports": ports}),
    };
    Ok(rules.into_iter().map(rule).collect())
}

/// Whoever is in a zone.
fn peers(intent: &Intent, zone: usize) -> Option<Vec<Value>> {
    match &intent.zones[zone].members {
        Members::Pods { namespaces, labels } => {
            let mut peer = json!({"namespaceSelector": called(namespaces)});
            if !labels.is_empty() {
                peer["podSelector"] = labelled(labels);
            }
            Some(vec![peer])
        }
        Members::Addresses(addresses) => {
            let blocks = addresses.blocks().into_iter();
            Some(blocks.map(|it| json!({"ipBlock": {"cidr": it}})).collect())
        }
        Members::Outside => {
            let blocks = outside(intent).into_iter();
            Some(blocks.map(|it| json!({"ipBlock": it})).collect())
        }
        Members::Controller => None,
    }
}

/// The pods that have all of the labels.
pub(super) fn labelled(labels: &BTreeMap<String, String>) -> Value {
    match labels.is_empty() {
        true => json!({}),
        false => json!({"matchLabels": labels}),
    }
}

/// The namespaces of those names.
pub(super) fn called(namespaces: &[String]) -> Value {
    match namespaces {
        [one] => json!({"matchLabels": {NAME_LABEL: one}}),
        several => {
            json!({"matchExpressions": [{"key": NAME_LABEL, "operator": "In", "values": several}]})
        }
    }
}

/// All addresses but those of other zones and of the cluster, as blocks with what is excepted from them; of IPv6 where
/// the declaration has some.
pub(super) fn outside(intent: &Intent) -> Vec<Value> {
    let others = intent.zones.iter().filter_map(|it| match &it.members {
        Members::Addresses(addresses) => Some(addresses),
        Members::Pods { .. } | Members::Outside | Members::Controller => None,
    });
    let others = others.fold(intent.cluster.clone(), |all, it| all.union(it));
    let of_family = |(whole, cidr): (Addresses, &str)| {
        let except = whole.intersection(&others).blocks();
        match except.is_empty() {
            true => json!({"cidr": cidr}),
            false => json!({"cidr": cidr, "except": except}),
        }
    };
    let mut families = vec![(Addresses::all_v4(), "0.0.0.0/0")];
    if intent.has_v6() {
        families.push((Addresses::all_v6(), "::/0"));
    }
    families.retain(|(whole, _)| !others.includes(whole));
    families.into_iter().map(of_family).collect()
}

/// Nothing where all are meant.
fn ports(connections: &Connections) -> Option<Vec<Value>> {
    if connections.is_all() {
        return None;
    }
    let port = |(protocol, first, last): (Protocol, u16, u16)| match (first, last) {
        (1, u16::MAX) => json!({"protocol": protocol.as_str()}),
        (first, last) if first == last => json!({"protocol": protocol.as_str(), "port": first}),
        (first, last) => json!({"protocol": protocol.as_str(), "port": first, "endPort": last}),
    };
    Some(connections.ranges().map(port).collect())
}
