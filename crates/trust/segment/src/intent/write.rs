//! A declaration, as it is written.

use std::fmt::Write as _;

use casemate_document::yaml::style;

use super::{DNS, Flow, Intent, Members, Zone, always, always_exists};
use crate::{Connections, Protocol};

/// The declaration as `zones.yaml`, which [`Intent::read`] reads as the same.
pub fn to_yaml(intent: &Intent) -> String {
    let mut text = "zones:\n".to_owned();
    for zone in intent
        .zones
        .iter()
        .filter(|zone| !(intent.dns && **zone == always::dns()))
    {
        if let Some(members) = members(zone) {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "  {}: {{{members}}}", style::key(&zone.name));
        }
    }
    let is_outside = |at: usize| intent.zones[at].members == Members::Outside;
    if !intent.cluster.is_empty() {
        let blocks = quoted(&intent.cluster.blocks());
        let _ = writeln!(text, "cluster: [{blocks}]");
    } else if intent
        .flows
        .iter()
        .any(|it| is_outside(it.from) || is_outside(it.to))
    {
        text.push_str(CLUSTER_WANTED);
    }
    text.push_str("flows:\n");
    let is_usual = |flow: &&Flow| {
        let (from, to) = (&intent.zones[flow.from], &intent.zones[flow.to]);
        let is_pods = matches!(from.members, Members::Pods { .. }) && from.name != DNS;
        let is_asking = flow.connections == always::asking() && flow.accounts.is_empty();
        intent.dns && is_pods && to.name == DNS && is_asking
    };
    let flows: Vec<&Flow> = intent.flows.iter().filter(|it| !is_usual(it)).collect();
    for flow in &flows {
        let [from, to] = [flow.from, flow.to].map(|at| style::key(&intent.zones[at].name));
        let ports = ports(&flow.connections);
        let accounts = match flow.accounts.is_empty() {
            true => String::new(),
            false => format!(", as: [{}]", quoted(&flow.accounts)),
        };
        let _ = writeln!(text, "  - {{from: {from}, to: {to}{ports}{accounts}}}");
    }
    if flows.is_empty() {
        text = text.trim_end().to_owned() + " []\n";
    }
    if !intent.dns {
        text.push_str("dns: false\n");
    }
    text
}

/// Nothing of a zone that always exists.
fn members(zone: &Zone) -> Option<String> {
    match &zone.members {
        Members::Pods { namespaces, labels } => {
            let label =
                |(key, value): (&String, &String)| format!("{}: {}", flow(key), flow(value));
            let labels: Vec<String> = labels.iter().map(label).collect();
            let pods = match labels.is_empty() {
                true => String::new(),
                false => format!(", pods: {{{}}}", labels.join(", ")),
            };
            Some(format!("namespaces: [{}]{pods}", quoted(namespaces)))
        }
        Members::Addresses(addresses) => {
            let blocks: Vec<String> = addresses.blocks();
            (!always_exists(&zone.name)).then(|| format!("addresses: [{}]", quoted(&blocks)))
        }
        Members::Outside | Members::Controller => None,
    }
}

fn ports(connections: &Connections) -> String {
    if connections.is_all() {
        return String::new();
    }
    let port = |(protocol, first, last): (Protocol, u16, u16)| match (first, last) {
        (1, u16::MAX) => protocol.as_str().to_owned(),
        (first, last) if first == last => format!("{} {first}", protocol.as_str()),
        (first, last) => format!("{} {first}-{last}", protocol.as_str()),
    };
    let ports = connections.ranges().map(port);
    format!(", ports: [{}]", ports.collect::<Vec<_>>().join(", "))
}

fn quoted(texts: &[String]) -> String {
    texts
        .iter()
        .map(|it| flow(it))
        .collect::<Vec<_>>()
        .join(", ")
}

/// A text within braces, where more has a meaning than without.
fn flow(text: &str) -> String {
    let is_plain = text
        .bytes()
        .all(|it| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'.' | b'/' | b'_'));
    match is_plain {
        true => style::key(text),
        // What JSON puts between quotes YAML reads as the same.
        false => serde_json::Value::from(text).to_string(),
    }
}

/// What nobody but who runs the cluster knows.
const CLUSTER_WANTED: &str =
    "# cluster: [10.0.0.0/8]  # say which addresses pods, Services and nodes have\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_as_the_same() {
        let text = "zones:\n  a: {namespaces: [x, \"1\"], pods: {app.kubernetes.io/name: \"yes\", k: \"1.5\"}}\n  \"1\": {namespaces: [n]}\n  b: {addresses: [10.0.0.0/9, 2001:db8::/32, 192.0.2.1]}\nflows:\n  - {from: a, to: b, ports: [TCP 80-81, UDP], as: [ns/one, two]}\n  - {from: a, to: outside}\n  - {from: b, to: dns, ports: [TCP 53, UDP 53]}\n  - {from: \"1\", to: a}\ncluster: [172.16.0.0/12, 2001:db9::/32]\n";
        let without = text.replace("to: dns", "to: a") + "dns: false\n";
        for text in [text.to_owned(), without] {
            let intent = Intent::read(text.as_bytes()).expect("one");
            let again = to_yaml(&intent);
            let mut read = Intent::read(again.as_bytes()).expect(&again);
            for (flow, other) in read.flows.iter_mut().zip(&intent.flows) {
                flow.line = other.line;
            }
            for (zone, other) in read.zones.iter_mut().zip(&intent.zones) {
                zone.line = other.line;
            }
            assert_eq!(read.zones, intent.zones, "{again}");
            assert_eq!(read.cluster, intent.cluster, "{again}");
            assert!(
                intent.flows.iter().all(|it| read.flows.contains(it)),
                "{again}"
            );
            assert_eq!(to_yaml(&read), again);
        }
    }
}
