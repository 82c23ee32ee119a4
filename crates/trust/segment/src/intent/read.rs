//! `zones.yaml`.

use std::collections::{BTreeMap, BTreeSet};

use casemate_document::{
    Limits, Lines, Node, Span, Value, decode,
    yaml::{self, Dialect},
};

use super::{Flow, Intent, METADATA, Members, Zone, always, always_exists, names};
use crate::{Addresses, Connections, Protocol, addresses::metadata};

/// Why a declaration is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct IntentError {
    /// The line, from 1.
    pub line: u64,
    /// What is wrong, in one line.
    pub message: String,
}

type Result<T> = std::result::Result<T, (Span, String)>;

impl Intent {
    /// Reads a declaration.
    ///
    /// # Errors
    /// What is no YAML, no declaration, or says two things of one endpoint.
    pub fn read(bytes: &[u8]) -> std::result::Result<Self, IntentError> {
        let error = |line, message: String| IntentError { line, message };
        let text = decode(bytes).map_err(|it| error(1, it.to_string()))?;
        let lines = Lines::of(&text);
        let at = |span: Span| lines.place(span.start as usize).line;
        let stream = yaml::read(&text, Dialect::CORE, &LIMITS);
        if let Some(it) = stream.error {
            return Err(error(at(it.span), it.message));
        }
        let [document] = &*stream.documents else {
            return Err(error(
                1,
                format!("{} documents where one is expected", stream.documents.len()),
            ));
        };
        if let Some(span) = document.repeated.first() {
            return Err(error(
                at(*span),
                format!("`{}` stands here a second time", span.of(&text)),
            ));
        }
        intent(&document.root, &at).map_err(|(span, message)| error(at(span), message))
    }
}

fn intent(root: &Node, line: &dyn Fn(Span) -> u64) -> Result<Intent> {
    fields(root, &["zones", "flows", "dns", "cluster"])?;
    let mut intent = Intent {
        cluster: match root.get("cluster") {
            Some(blocks) => addresses(blocks)?.difference(&metadata()),
            None => Addresses::default(),
        },
        ..Intent::default()
    };
    let zones = root
        .get("zones")
        .ok_or_else(|| wrong(root, "it declares no `zones`"))?;
    let declared = zones
        .as_map()
        .ok_or_else(|| wrong(zones, "`zones` is a map from names to zones"))?;
    if declared.entries().len() > MAX_ZONES {
        return Err(wrong(zones, &format!("more than {MAX_ZONES} zones")));
    }
    for entry in declared.entries() {
        let members = members(&entry.key, &entry.value)?;
        if let Members::Addresses(it) = &members {
            let both = it.intersection(&intent.cluster);
            if !both.is_empty() {
                let name = &entry.key;
                let message = format!("the zone {name} is outside, and `cluster` has {both} too");
                return Err((entry.key_span, message));
            }
        }
        intent.zones.push(Zone {
            name: entry.key.to_string(),
            members,
            line: line(entry.key_span),
        });
        apart(&intent).map_err(|message| (entry.key_span, message))?;
    }
    let is_dns_meant = match root.get("dns") {
        Some(node) => node
            .as_bool()
            .ok_or_else(|| wrong(node, "`dns` is true or false"))?,
        None => true,
    };
    always::zones(&mut intent);
    // Before the flows, which may name it.
    if is_dns_meant {
        always::dns_zone(&mut intent).map_err(|message| (zones.span, message))?;
    }
    for node in list(root, "flows")? {
        flows(node, line(node.span), &mut intent)?;
    }
    if is_dns_meant {
        always::names(&mut intent).map_err(|message| (zones.span, message))?;
    }
    Ok(intent)
}

fn members(name: &str, node: &Node) -> Result<Members> {
    if !names::is_name(name) {
        let rule =
            "it becomes part of the names of policies, so it has 1 to 40 of a-z, 0-9 and - inside";
        return Err(wrong(
            node,
            &format!("`{name}` is no name of a zone: {rule}"),
        ));
    }
    if always_exists(name) {
        return Err(wrong(
            node,
            &format!("`{name}` always exists and need not be declared"),
        ));
    }
    fields(node, &["namespaces", "pods", "addresses"])?;
    match (node.get("namespaces"), node.get("addresses")) {
        (Some(_), None) => {
            let named = texts(node, "namespaces")?;
            if let Some(name) = named.iter().find(|it| !names::is_namespace(it)) {
                let rule = "1 to 63 of a-z, 0-9 and - inside";
                return Err(wrong(
                    node,
                    &format!("`{name}` is no name of a namespace: {rule}"),
                ));
            }
            let mut seen = BTreeSet::new();
            let each = named.iter().filter(|it| seen.insert(*it));
            let namespaces: Vec<String> = each.cloned().collect();
            if namespaces.is_empty() {
                return Err(wrong(node, "`namespaces` names none"));
            }
            Ok(Members::Pods {
                namespaces,
                labels: labels(node)?,
            })
        }
        (None, Some(blocks)) if node.get("pods").is_none() => {
            let addresses = addresses(blocks)?.difference(&metadata());
            match addresses.is_empty() {
                true => Err(wrong(
                    node,
                    "a zone of no addresses; those of `metadata` have their own, always",
                )),
                false => Ok(Members::Addresses(addresses)),
            }
        }
        (None, Some(_)) => Err(wrong(node, "a zone of addresses has no pods")),
        (Some(_), Some(_)) => Err(wrong(
            node,
            "a zone is of pods or of addresses, not of both",
        )),
        (None, None) => Err(wrong(node, "a zone says `namespaces`, or `addresses`")),
    }
}

fn labels(node: &Node) -> Result<BTreeMap<String, String>> {
    let Some(pods) = node.get("pods") else {
        return Ok(BTreeMap::new());
    };
    let map = pods
        .as_map()
        .ok_or_else(|| wrong(pods, "`pods` is a map of labels"))?;
    let label = |entry: &casemate_document::Entry| {
        let value = text(&entry.value)?;
        if !names::is_label(&entry.key) || !names::is_value(value) {
            let message = format!("`{}: {value}` is no label of Kubernetes", entry.key);
            return Err((entry.key_span, message));
        }
        Ok((entry.key.to_string(), value.to_owned()))
    };
    map.entries().iter().map(label).collect()
}

fn addresses(node: &Node) -> Result<Addresses> {
    node_list(node)?
        .iter()
        .try_fold(Addresses::default(), |all, it| {
            let block = text(it)?;
            let block = Addresses::read(block)
                .ok_or_else(|| wrong(it, "neither an address nor a block such as 10.0.0.0/8"))?;
            Ok(all.union(&block))
        })
}

/// Whether the last zone has nothing in common with those before it, as far as the declaration shows.
fn apart(intent: &Intent) -> std::result::Result<(), String> {
    let Some((last, before)) = intent.zones.split_last() else {
        return Ok(());
    };
    match before.iter().find_map(|it| Some((it, it.shared(last)?))) {
        Some((zone, shared)) => Err(format!(
            "the zones {zone} and {last} may share {shared}; every endpoint is in one"
        )),
        None => Ok(()),
    }
}

fn flows(node: &Node, line: u64, intent: &mut Intent) -> Result<()> {
    fields(node, &["from", "to", "ports", "as"])?;
    let zones = |key: &str| -> Result<BTreeSet<usize>> {
        let named = node
            .get(key)
            .ok_or_else(|| wrong(node, &format!("a flow says `{key}`")))?;
        let nodes = node_list(named)?;
        let zone = |it: &Node| {
            let name = text(it)?;
            intent.zone(name).ok_or_else(|| {
                let names: Vec<&str> = intent.zones.iter().map(|it| &*it.name).collect();
                wrong(
                    it,
                    &format!("there is no zone `{name}`; there are {}", names.join(", ")),
                )
            })
        };
        if nodes.is_empty() {
            return Err(wrong(named, &format!("`{key}` names no zone")));
        }
        nodes.into_iter().map(zone).collect()
    };
    let (from, to) = (zones("from")?, zones("to")?);
    if intent.flows.len() + from.len().saturating_mul(to.len()) > MAX_FLOWS {
        let message = format!("more than {MAX_FLOWS} flows, counting each from one zone to one");
        return Err(wrong(node, &message));
    }
    let connections = match node.get("ports") {
        Some(_) => list(node, "ports")?
            .iter()
            .try_fold(Connections::default(), |all, it| Ok(all.union(&ports(it)?)))?,
        None => Connections::all(),
    };
    if connections.is_empty() {
        return Err(wrong(
            node,
            "a flow of no ports; without `ports` all are meant",
        ));
    }
    let accounts = texts(node, "as")?;
    if node.get("as").is_some() && accounts.is_empty() {
        let message = "`as` names no service account; without `as` any is meant";
        return Err(wrong(node, message));
    }
    for &from in &from {
        for &to in &to {
            let is_inside = |at: usize| matches!(intent.zones[at].members, Members::Pods { .. });
            if intent.zones[from].name == METADATA {
                return Err(wrong(node, "`metadata` answers, and opens no connection"));
            }
            if intent.zones[to].members == Members::Controller {
                let message = "the ingress controller sends what Ingresses say; to let something reach it, declare its pods as a zone";
                return Err(wrong(node, message));
            }
            if !accounts.is_empty() && !is_inside(from) {
                let message = "`as` is of workloads, and where this flow is from are none";
                return Err(wrong(node, message));
            }
            if !is_inside(from) && !is_inside(to) {
                return Err(wrong(node, "neither end of this flow is in the cluster"));
            }
            let (connections, accounts) = (connections.clone(), accounts.clone());
            intent.flows.push(Flow {
                from,
                to,
                connections,
                accounts,
                line,
            });
        }
    }
    Ok(())
}

/// `TCP 5000`, `UDP 8000-8080`, `TCP`, `5000`.
fn ports(node: &Node) -> Result<Connections> {
    let written = match node.as_integer() {
        Some(number) => number.to_string(),
        None => text(node)?.to_owned(),
    };
    let error = || {
        wrong(
            node,
            &format!("`{written}` is not said as ports are: TCP 5000, UDP 8000-8080, SCTP"),
        )
    };
    let (protocol, range) = match written.split_once(' ') {
        Some((protocol, range)) => (Protocol::of(protocol).ok_or_else(error)?, Some(range)),
        None => match Protocol::of(&written) {
            Some(protocol) => (protocol, None),
            None => (Protocol::Tcp, Some(&*written)),
        },
    };
    let Some(range) = range else {
        return Ok(Connections::of_protocol(protocol));
    };
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    let port = |text: &str| text.parse::<u16>().ok().filter(|it| *it > 0);
    let (first, last) = port(first)
        .zip(port(last))
        .filter(|(first, last)| first <= last)
        .ok_or_else(error)?;
    Ok(Connections::of(protocol, first, last))
}

/// Whether `node` is a map of nothing but `known`.
fn fields(node: &Node, known: &[&str]) -> Result<()> {
    let said = || {
        known
            .iter()
            .map(|it| format!("`{it}`"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let map = node
        .as_map()
        .ok_or_else(|| wrong(node, &format!("a map of {} is expected", said())))?;
    match map.entries().iter().find(|it| !known.contains(&&*it.key)) {
        Some(entry) => Err((
            entry.key_span,
            format!("`{}` is not known here; there are {}", entry.key, said()),
        )),
        None => Ok(()),
    }
}

fn list<'a>(node: &'a Node, key: &str) -> Result<Vec<&'a Node>> {
    node.get(key).map_or(Ok(Vec::new()), node_list)
}

fn texts(node: &Node, key: &str) -> Result<Vec<String>> {
    let texts = list(node, key)?.into_iter();
    texts.map(|it| text(it).map(str::to_owned)).collect()
}

/// The items of a list; what is no list is its own only item.
fn node_list(node: &Node) -> Result<Vec<&Node>> {
    match &node.value {
        Value::List(items) => Ok(items.iter().collect()),
        Value::String(_) | Value::Integer(_) => Ok(vec![node]),
        _ => Err(wrong(node, "a list is expected")),
    }
}

fn text(node: &Node) -> Result<&str> {
    node.as_str()
        .ok_or_else(|| wrong(node, "a text is expected; put it between quotes"))
}

fn wrong(node: &Node, message: &str) -> (Span, String) {
    (node.span, message.to_owned())
}

/// A declaration is written by hand.
const LIMITS: Limits = Limits {
    bytes: 1 << 20,
    nodes: 100_000,
    depth: 20,
};

/// As many as nobody writes by hand.
const MAX_FLOWS: usize = 10_000;

/// Each is held against each.
const MAX_ZONES: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::{
        super::{CONTROLLER, DNS, OUTSIDE},
        *,
    };

    const ZONES: &str = "zones: {a: {namespaces: [x]}, b: {namespaces: [y], pods: {app: b}}, c: {addresses: [192.0.2.0/24]}}\n";

    fn read(text: &str) -> std::result::Result<Intent, String> {
        Intent::read(text.as_bytes()).map_err(|it| it.to_string())
    }

    /// Nothing where no flow is between both.
    fn declared(intent: &Intent, from: usize, to: usize) -> String {
        let table = intent.table();
        let declared = table.declared(from, to);
        declared.map(ToString::to_string).unwrap_or_default()
    }

    #[test]
    fn what_is_declared_is_read() {
        let intent = read(&format!(
            "{ZONES}dns: false\nflows:\n- {{from: [a, c], to: b, ports: [TCP 80-81, 443, UDP]}}\n"
        ))
        .expect("one");
        let names: Vec<&str> = intent.zones.iter().map(|it| &*it.name).collect();
        assert_eq!(names, ["a", "b", "c", METADATA, CONTROLLER, OUTSIDE]);
        assert_eq!(declared(&intent, 0, 1), "TCP 80-81,443,UDP 1-65535");
        assert_eq!(declared(&intent, 2, 1), declared(&intent, 0, 1));
        assert_eq!(declared(&intent, 1, 0), "");
        assert_eq!(intent.flows[0].line, 4);
    }

    #[test]
    fn everybody_may_ask_for_names_unless_it_is_said_otherwise() {
        let intent = read(&format!("{ZONES}flows: [{{from: b, to: outside}}]")).expect("one");
        let (dns, outside) = (
            intent.zone(DNS).expect("added"),
            intent.zone(OUTSIDE).expect("always"),
        );
        assert_eq!(declared(&intent, 0, dns), "TCP 53,UDP 53");
        assert_eq!(
            declared(&intent, 1, outside),
            Connections::all().to_string()
        );
        assert_eq!(declared(&intent, dns, dns), "");
        let own = read("zones: {dns: {namespaces: [names]}, a: {namespaces: [x]}}").expect("one");
        assert_eq!(declared(&own, 1, 0), "TCP 53,UDP 53");
    }

    #[test]
    fn what_is_said_twice_is_read_once() {
        let intent = read(
            "zones: {a: {namespaces: [x, x]}}\ncluster: [169.254.0.0/16]\nflows: [{from: [a, a], to: [dns, dns], ports: 80}]",
        )
        .expect("one");
        let of_line = intent.flows.iter().filter(|it| it.line > 0);
        assert_eq!(of_line.count(), 1);
        let Members::Pods { namespaces, .. } = &intent.zones[0].members else {
            panic!("pods");
        };
        assert_eq!(*namespaces, ["x"]);
        assert!(intent.cluster.intersection(&metadata()).is_empty());
        let dns = intent.zone(DNS).expect("there");
        assert_eq!(declared(&intent, 0, dns), "TCP 53,80,UDP 53");
        assert_eq!(intent.table().line_of(0, dns), Some(3));
    }

    #[test]
    fn there_are_no_more_flows_than_somebody_means() {
        let zones: String = (0..101)
            .map(|it| format!("  z{it}: {{namespaces: [n{it}]}}\n"))
            .collect();
        let all: Vec<String> = (0..101).map(|it| format!("z{it}")).collect();
        let all = all.join(", ");
        let told = read(&format!(
            "zones:\n{zones}flows:\n- {{from: [{all}], to: [{all}]}}"
        ));
        let told = told.expect_err("10,201 flows");
        assert!(
            told.starts_with("line 104: more than 10000 flows"),
            "{told}"
        );
    }

    #[test]
    fn of_more_zones_than_are_held_against_each_other_it_is_told() {
        let zone = |at: usize| format!("  z{at}: {{namespaces: [n{at}]}}\n");
        let zones = |count: usize| format!("zones:\n{}", (0..count).map(zone).collect::<String>());
        assert!(read(&zones(MAX_ZONES)).is_ok());
        let told = read(&zones(MAX_ZONES + 1)).expect_err("too many");
        assert_eq!(told, "line 2: more than 1000 zones");
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (text, expected) in [
            ("", "line 1: 0 documents where one is expected"),
            ("zones: [", "line 1: "),
            ("flows: []", "line 1: it declares no `zones`"),
            (
                "zones: {}\nflow: []",
                "line 2: `flow` is not known here; there are `zones`, `flows`, `dns`, `cluster`",
            ),
            (
                "zones: {A: {namespaces: [x]}}",
                "line 1: `A` is no name of a zone",
            ),
            ("zones: {outside: {namespaces: [x]}}", "always exists"),
            ("zones: {a: {}}", "a zone says `namespaces`, or `addresses`"),
            ("zones: {a: {namespaces: []}}", "`namespaces` names none"),
            ("zones: {a: {namespaces: [1]}}", "a text is expected"),
            ("zones: {a: {namespaces: [X_y]}}", "no name of a namespace"),
            ("zones: {a: {namespaces: ~}}", "a list is expected"),
            (
                "zones: {a: {namespaces: [x], pods: {app: \"a b\"}}}",
                "`app: a b` is no label of Kubernetes",
            ),
            (
                "cluster: [10.0.0.0/8]\nzones: {a: {addresses: [10.1.0.0/16]}}",
                "line 2: the zone a is outside, and `cluster` has 10.1.0.0-10.1.255.255 too",
            ),
            (
                "zones: {a: {namespaces: [x]}}\nflows: [{from: a, to: ~}]",
                "a list is expected",
            ),
            (
                "zones: {a: {namespaces: [x]}}\nflows: [{from: [], to: a}]",
                "`from` names no zone",
            ),
            (
                "zones: {a: {namespaces: [x]}}\nflows: [{from: a, to: ingress-controller}]",
                "the ingress controller sends what Ingresses say",
            ),
            (
                "zones: {a: {namespaces: [x]}}\nflows: [{from: a, to: a, as: []}]",
                "`as` names no service account",
            ),
            (
                "zones: {a: {namespaces: [x]}}\nflows: [{from: a, to: a, as: ~}]",
                "a list is expected",
            ),
            (
                "zones: {a: {namespaces: [x]}}\nflows: [{from: a, to: a, as: true}]",
                "a list is expected",
            ),
            (
                "zones: {a: {namespaces: [x]}}\nflows: [{from: outside, to: a, as: [x]}]",
                "`as` is of workloads",
            ),
            (
                "zones: {a: {addresses: [10.0.0.0/33]}}",
                "neither an address nor a block",
            ),
            (
                "zones:\n  a: {namespaces: [x]}\n  b: {namespaces: [y, x], pods: {app: b}}",
                "line 3: the zones a and b may share pods of the namespace x",
            ),
            (
                "zones: {a: {addresses: [10.0.0.0/8]}, b: {addresses: [10.1.0.0/16]}}",
                "may share 10.1.0.0-10.1.255.255",
            ),
            (
                "zones: {a: {namespaces: [x]}}\nflows: [{from: a, to: z}]",
                "line 2: there is no zone `z`; there are a, metadata",
            ),
            (
                "zones: {a: {namespaces: [x]}}\nflows: [{from: a}]",
                "a flow says `to`",
            ),
            (
                "zones: {a: {namespaces: [x]}}\nflows: [{from: a, to: a, ports: [TCP 0]}]",
                "`TCP 0` is not said as ports are",
            ),
            (
                "zones: {a: {namespaces: [x]}}\nflows: [{from: a, to: a, ports: []}]",
                "a flow of no ports",
            ),
            (
                "zones: {a: {namespaces: [x]}}\nflows: [{from: metadata, to: a}]",
                "opens no connection",
            ),
            (
                "zones: {a: {namespaces: [x]}}\nflows: [{from: outside, to: metadata}]",
                "neither end",
            ),
            (
                "zones: {a: {addresses: [169.254.169.254]}}",
                "a zone of no addresses",
            ),
            (
                "zones:\n  a: {namespaces: [kube-system]}",
                "line 2: the pods of the cluster's DNS may be in the zone a",
            ),
            (
                "zones: {a: {namespaces: [x]}}\nzones: {}",
                "line 2: `zones` stands here a second time",
            ),
        ] {
            let told = read(text).expect_err(text);
            assert!(told.contains(expected), "{text}: {told}");
        }
    }
}
