//! Policies of Cilium: one for each zone in each of its namespaces, a default for what is in no zone, and guard rails
//! for the whole cluster, which hold where somebody deletes the others.
//!
//! A direction without rules is not closed: it is the rule `{}`, about nothing, that closes it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    GenerateError, MANAGED, PREFIX, controller_is_not_said,
    held::{Closed, Held, of_connections, rest, without_metadata, zones},
    network::outside,
};
use crate::{
    Connections, Direction, Protocol,
    intent::{Intent, Members, Table},
};

/// What is declared passes, and nothing else.
pub(super) fn policies(intent: &Intent, table: &Table) -> Result<Vec<Value>, GenerateError> {
    let mut policies = Vec::new();
    let mut held = BTreeSet::new();
    for zone in zones(intent) {
        let name = format!("{PREFIX}zone-{}", zone.name);
        let spec = json!({
            "endpointSelector": {"matchLabels": zone.labels},
            "ingress": rules(intent, table, &zone, Direction::Ingress)?,
            "egress": rules(intent, table, &zone, Direction::Egress)?,
        });
        for namespace in zone.namespaces {
            held.insert(namespace);
            policies.push(namespaced(&name, namespace, &spec));
        }
    }
    // Whoever is in no zone yet neither calls nor is called.
    let denied = held.into_iter().map(|it| {
        let name = format!("{PREFIX}default-deny");
        namespaced(&name, it, &closed(&rest(intent, it)))
    });
    Ok(denied.chain(policies).collect())
}

/// Nobody who is not declared to asks the cloud who it is, whatever else is allowed; and the namespaces of zones are
/// closed, whatever becomes of the policies in them.
pub(super) fn guards(intent: &Intent, table: &Table) -> Vec<Value> {
    let mut guards = Vec::new();
    for (zone, addresses) in without_metadata(intent, table) {
        let spec = json!({
            "endpointSelector": endpoints(zone.namespaces, &json!({"matchLabels": zone.labels})),
            "enableDefaultDeny": {"ingress": false, "egress": false},
            "egressDeny": [{"toCIDR": addresses.blocks()}],
        });
        let name = format!("{PREFIX}no-metadata-{}", zone.name);
        guards.push(policy(
            "CiliumClusterwideNetworkPolicy",
            &json!({"name": name}),
            &spec,
        ));
    }
    // The cluster's DNS stays open, where it is in such a namespace.
    let closed_for = Closed::of(intent);
    let mut close = |name: &str, namespaces: &[String], pods: &Value| {
        let spec = closed(&endpoints(namespaces, pods));
        let name = json!({"name": format!("{PREFIX}{name}")});
        guards.push(policy("CiliumClusterwideNetworkPolicy", &name, &spec));
    };
    if !closed_for.whole.is_empty() {
        close("zones-closed", &closed_for.whole, &json!({}));
    }
    for (namespace, pods) in closed_for.but_dns {
        close("zones-closed-but-dns", &[namespace], &pods);
    }
    guards
}

/// What a zone takes or sends: rules for each set of connections, with everybody whom they are about.
fn rules(
    intent: &Intent,
    table: &Table,
    zone: &Held<'_>,
    direction: Direction,
) -> Result<Vec<Value>, GenerateError> {
    let mut rules: Vec<(Connections, Peers)> = Vec::new();
    for other in 0..intent.zones.len() {
        let (from, to) = match direction {
            Direction::Ingress => (other, zone.at),
            Direction::Egress => (zone.at, other),
        };
        let Some(declared) = table.declared(from, to) else {
            continue;
        };
        if !of_connections(&mut rules, declared).add(intent, other) {
            let line = table.line_of(from, to);
            return Err(controller_is_not_said(line.unwrap_or(zone.line)));
        }
    }
    let word = match direction {
        Direction::Ingress => "from",
        Direction::Egress => "to",
    };
    let written = rules.into_iter().flat_map(|(connections, peers)| {
        let ports = ports(&connections);
        peers.written(word).into_iter().map(move |mut rule| {
            if let Some(ports) = &ports {
                rule["toPorts"] = ports.clone();
            }
            rule
        })
    });
    let written: Vec<Value> = written.collect();
    Ok(match written.is_empty() {
        true => vec![json!({})],
        false => written,
    })
}

/// Whom rules are about, by the ways to say it: a rule has one of them.
#[derive(Default)]
struct Peers {
    endpoints: Vec<Value>,
    blocks: Vec<String>,
    sets: Vec<Value>,
}

impl Peers {
    /// Adds whoever is in a zone, if that can be said.
    fn add(&mut self, intent: &Intent, zone: usize) -> bool {
        match &intent.zones[zone].members {
            Members::Pods { namespaces, labels } => {
                let selector = endpoints(namespaces, &json!({"matchLabels": labels}));
                self.endpoints.push(selector);
            }
            Members::Addresses(addresses) => self.blocks.extend(addresses.blocks()),
            Members::Outside => self.sets.extend(outside(intent)),
            Members::Controller => return false,
        }
        true
    }

    fn written(self, word: &str) -> Vec<Value> {
        let lists = [
            ("Endpoints", self.endpoints),
            ("CIDR", self.blocks.into_iter().map(Value::from).collect()),
            ("CIDRSet", self.sets),
        ];
        let said = lists.into_iter().filter(|(_, all)| !all.is_empty());
        said.map(|(way, all)| json!({format!("{word}{way}"): all}))
            .collect()
    }
}

/// Pods of some namespaces.
fn endpoints(namespaces: &[String], pods: &Value) -> Value {
    let mut selector = pods.clone();
    match namespaces {
        [one] => selector["matchLabels"][NAMESPACE] = one.as_str().into(),
        several => {
            let among = json!({"key": NAMESPACE, "operator": "In", "values": several});
            match selector["matchExpressions"].as_array_mut() {
                Some(expressions) => expressions.push(among),
                None => selector["matchExpressions"] = json!([among]),
            }
        }
    }
    selector
}

/// Nothing where all are meant.
fn ports(connections: &Connections) -> Option<Value> {
    if connections.is_all() {
        return None;
    }
    let port = |(protocol, first, last): (Protocol, u16, u16)| {
        let protocol = protocol.as_str();
        match (first, last) {
            (1, u16::MAX) => json!({"port": "0", "protocol": protocol}),
            _ if first == last => json!({"port": first.to_string(), "protocol": protocol}),
            _ => json!({"port": first.to_string(), "endPort": last, "protocol": protocol}),
        }
    };
    let ports: Vec<Value> = connections.ranges().map(port).collect();
    let lists = ports.chunks(MAX_PORTS).map(|it| json!({"ports": it}));
    Some(lists.collect())
}

/// A specification that lets nothing pass.
fn closed(endpoints: &Value) -> Value {
    json!({"endpointSelector": endpoints, "ingress": [{}], "egress": [{}]})
}

fn namespaced(name: &str, namespace: &str, spec: &Value) -> Value {
    let named = json!({"name": name, "namespace": namespace});
    policy("CiliumNetworkPolicy", &named, spec)
}

fn policy(kind: &str, named: &Value, spec: &Value) -> Value {
    let mut metadata = named.clone();
    metadata["labels"] = json!({MANAGED.0: MANAGED.1});
    json!({"apiVersion": "cilium.io/v2", "kind": kind, "metadata": metadata, "spec": spec})
}

const NAMESPACE: &str = "k8s:io.kubernetes.pod.namespace";

/// A list of more is refused.
const MAX_PORTS: usize = 40;
