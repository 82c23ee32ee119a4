//! The flows of Hubble, which knows pods by their labels: one JSON object a line, as `hubble observe -o json` writes it
//! (`flow.Flow` of cilium/cilium, api/v1/flow/flow.proto; with or without the `flow` around it).

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Flow, Party, Told, address};
use crate::{Connections, Protocol};

pub(super) fn is_one(line: &str) -> bool {
    let record = serde_json::from_str::<Record>(line);
    record.is_ok_and(|it| it.flow.is_some() || it.bare.verdict.is_some())
}

pub(super) fn line(line: &str) -> Told {
    let record = serde_json::from_str(line).map_err(|it| it.to_string())?;
    connection(record)
}

/// A line, with what is looked at of it.
#[derive(Deserialize)]
struct Record {
    flow: Option<Seen>,
    #[serde(flatten)]
    bare: Seen,
}

#[derive(Deserialize)]
struct Seen {
    verdict: Option<String>,
    is_reply: Option<bool>,
    traffic_direction: Option<String>,
    #[serde(rename = "IP")]
    ip: Option<Ip>,
    l4: Option<BTreeMap<String, serde_json::Value>>,
    source: Option<End>,
    destination: Option<End>,
}

#[derive(Deserialize)]
struct Ip {
    source: Option<String>,
    destination: Option<String>,
}

#[derive(Default, Deserialize)]
struct End {
    namespace: Option<String>,
    #[serde(default)]
    labels: Vec<String>,
}

/// The connection of a flow; nothing where it says nothing of who may call whom.
fn connection(record: Record) -> Result<Option<Flow>, String> {
    let flow = record.flow.unwrap_or(record.bare);
    let verdict = flow.verdict.ok_or("it has no verdict")?;
    // What goes through a proxy of Cilium is redirected first. `is_reply` is left out where Cilium does not know.
    let is_passed = matches!(&*verdict, "FORWARDED" | "REDIRECTED");
    if !is_passed || flow.is_reply != Some(false) {
        return Ok(None);
    }
    // A pod was reached where its own node let it in; on its way out of the other it may still be dropped.
    let is_pod = |it: &End| it.namespace.as_ref().is_some_and(|it| !it.is_empty());
    let is_in = flow.traffic_direction.as_deref() == Some("INGRESS");
    if flow.destination.as_ref().is_some_and(is_pod) && !is_in {
        return Ok(None);
    }
    let Some(layer) = flow.l4 else {
        return Ok(None);
    };
    let known = layer
        .iter()
        .find_map(|(name, it)| Some((Protocol::of(name)?, it)));
    let Some((protocol, ports)) = known else {
        return Ok(None);
    };
    let port = ports["destination_port"]
        .as_u64()
        .and_then(|it| u16::try_from(it).ok());
    let port = port
        .filter(|it| *it > 0)
        .ok_or("it has no port of the destination")?;
    let ip = flow.ip.ok_or("it has no addresses")?;
    let from = party(flow.source, ip.source)?;
    let to = party(flow.destination, ip.destination)?;
    Ok(Some((from, to, Connections::of(protocol, port, port))))
}

fn party(end: Option<End>, ip: Option<String>) -> Result<Party, String> {
    let end = end.unwrap_or_default();
    if let Some(namespace) = end.namespace.filter(|it| !it.is_empty()) {
        let label = |it: &String| {
            let label = it.strip_prefix("k8s:")?;
            let (key, value) = label.split_once('=').unwrap_or((label, ""));
            // What Cilium adds of its own.
            (!key.starts_with("io.cilium.") && !key.starts_with("io.kubernetes."))
                .then(|| (key.to_owned(), value.to_owned()))
        };
        let labels = end.labels.iter().filter_map(label).collect();
        return Ok(Party::Pod { namespace, labels });
    }
    let is_world = |it: &String| it.starts_with("reserved:world");
    if !end.labels.is_empty() && !end.labels.iter().any(is_world) {
        return Ok(Party::Other(end.labels.join(",")));
    }
    let ip = ip.ok_or("one end has neither a namespace nor an address")?;
    address(&ip).map(Party::Address)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observed::{Format, Observed};

    fn hubble(text: &str) -> Observed {
        Format::Hubble.read(text)
    }

    fn line(verdict: &str, is_reply: bool, l4: &str, destination: &str) -> String {
        format!(
            r#"{{"flow":{{"verdict":"{verdict}","is_reply":{is_reply},"traffic_direction":"INGRESS","IP":{{"source":"10.0.0.1","destination":"192.0.2.7"}},"l4":{l4},"source":{{"namespace":"lab","labels":["k8s:app=notebook","k8s:io.kubernetes.pod.namespace=lab","reserved:x"]}},"destination":{destination}}},"node_name":"n"}}"#
        )
    }

    #[test]
    fn whoever_opened_a_connection_is_read_with_its_labels() {
        let tcp = r#"{"TCP":{"source_port":40000,"destination_port":443}}"#;
        let text = [
            line("FORWARDED", false, tcp, r#"{"labels":["reserved:world"]}"#),
            line(
                "FORWARDED",
                false,
                r#"{"UDP":{"destination_port":53}}"#,
                r#"{"namespace":"kube-system","labels":["k8s:k8s-app=kube-dns"]}"#,
            ),
            line("FORWARDED", true, tcp, "{}"),
            line("DROPPED", false, tcp, "{}"),
            line("FORWARDED", false, r#"{"ICMPv4":{"type":8}}"#, "{}"),
            line("FORWARDED", false, tcp, r#"{"labels":["reserved:world"]}"#),
        ]
        .join("\n");
        let observed = hubble(&text);
        assert_eq!((observed.seen.len(), observed.passed_over), (2, 3));
        assert!(observed.gaps.is_empty(), "{:?}", observed.gaps);
        let notebook = Party::Pod {
            namespace: "lab".to_owned(),
            labels: [("app".to_owned(), "notebook".to_owned())].into(),
        };
        assert!(observed.seen.iter().all(|it| it.from == notebook));
        let address = observed
            .seen
            .iter()
            .find(|it| it.to == Party::Address([192, 0, 2, 7].into()));
        assert_eq!(address.expect("seen").connections.to_string(), "TCP 443");
        let bare = r#"{"verdict":"FORWARDED","is_reply":false,"traffic_direction":"INGRESS","IP":{"source":"192.0.2.1","destination":"10.0.0.2"},"l4":{"TCP":{"destination_port":80}},"destination":{"namespace":"lab"}}"#;
        assert_eq!(hubble(bare).seen.len(), 1);
        let redirected = bare.replace("FORWARDED", "REDIRECTED");
        assert_eq!(hubble(&redirected).seen.len(), 1);
        for unclear in [
            bare.replace("\"is_reply\":false,", ""),
            bare.replace("INGRESS", "EGRESS"),
        ] {
            let observed = hubble(&unclear);
            assert_eq!((observed.seen.len(), observed.passed_over), (0, 1));
        }
        let host = bare.replace(
            r#""destination":{"#,
            r#""source":{"labels":["reserved:host"]},"destination":{"#,
        );
        assert_eq!(
            hubble(&host).seen[0].from,
            Party::Other("reserved:host".to_owned())
        );
    }

    #[test]
    fn what_is_no_flow_is_told_with_its_line() {
        for (line, why) in [
            ("x", "expected value"),
            ("[]", "invalid"),
            ("{}", "it has no verdict"),
            (
                r#"{"verdict":"FORWARDED","is_reply":false,"l4":{"TCP":{}}}"#,
                "no port",
            ),
            (
                r#"{"verdict":"FORWARDED","is_reply":false,"l4":{"TCP":{"destination_port":70000}}}"#,
                "no port",
            ),
            (
                r#"{"verdict":"FORWARDED","is_reply":false,"l4":{"TCP":{"destination_port":7}}}"#,
                "no addresses",
            ),
            (
                r#"{"verdict":"FORWARDED","is_reply":false,"IP":{"source":"x"},"l4":{"TCP":{"destination_port":7}}}"#,
                "\"x\" is no address",
            ),
        ] {
            let observed = hubble(&format!("\n{line}\n"));
            let (at, told) = observed.gaps.first().expect(line);
            assert_eq!(*at, 2);
            assert!(told.contains(why), "{line}: {told}");
        }
    }
}
