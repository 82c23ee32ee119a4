//! What OpenTelemetry saw: OTLP as JSON, one request a line, as the file exporter of the Collector writes it
//! (opentelemetry.io/docs/specs/otel/protocol/file-exporter).
//!
//! A span of a client says whom it called (semantic conventions for HTTP, RPC and databases, those before 1.23 as well), and its
//! resource who it is. The network metrics of the eBPF instrumentation say it of any connection (`obi.network.flow.bytes`, and
//! `beyla.network.flow.bytes` before), where ports and direction are among their attributes.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::Value;

use super::{Flow, Party, Told, address};
use crate::{Connections, Protocol};

pub(super) fn is_one(line: &str) -> bool {
    serde_json::from_str::<Request>(line).is_ok_and(|it| it.is_some())
}

/// A request of OTLP, as far as it is looked at.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Request {
    resource_spans: Option<Vec<ResourceSpans>>,
    resource_metrics: Option<Vec<ResourceMetrics>>,
    resource_logs: Option<Value>,
}

impl Request {
    fn is_some(&self) -> bool {
        self.resource_spans.is_some()
            || self.resource_metrics.is_some()
            || self.resource_logs.is_some()
    }
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ResourceSpans {
    resource: Attributed,
    scope_spans: Vec<ScopeSpans>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ScopeSpans {
    spans: Vec<Span>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Span {
    kind: Value,
    status: Status,
    attributes: Attributes,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    code: Value,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ResourceMetrics {
    scope_metrics: Vec<ScopeMetrics>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ScopeMetrics {
    metrics: Vec<Metric>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Metric {
    name: String,
    sum: Points,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Points {
    data_points: Vec<Attributed>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Attributed {
    attributes: Attributes,
}

/// Attributes by their names: what is text or a number.
#[derive(Default, Deserialize)]
#[serde(from = "Vec<Attribute>")]
struct Attributes(HashMap<String, String>);

#[derive(Deserialize)]
struct Attribute {
    key: String,
    #[serde(default)]
    value: Scalar,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Scalar {
    string_value: Option<String>,
    int_value: Option<Value>,
}

impl From<Vec<Attribute>> for Attributes {
    fn from(all: Vec<Attribute>) -> Self {
        let text = |it: Attribute| {
            // Numbers of 64 bits are text in JSON of protocol buffers, and not everybody knows.
            let number = it.value.int_value.map(|it| match it {
                Value::String(text) => text,
                other => other.to_string(),
            });
            Some((it.key, it.value.string_value.or(number)?))
        };
        Self(all.into_iter().filter_map(text).collect())
    }
}

impl Attributes {
    /// The first that is there.
    fn get(&self, names: &[&str]) -> Option<&str> {
        let there = |name: &&str| self.0.get(*name).filter(|it| !it.is_empty());
        names.iter().find_map(there).map(String::as_str)
    }

    fn port(&self, names: &[&str]) -> Result<Option<u16>, String> {
        let Some(text) = self.get(names) else {
            return Ok(None);
        };
        let port = text.parse::<u16>().ok().filter(|it| *it > 0);
        port.map(Some).ok_or_else(|| format!("{text:?} is no port"))
    }
}

/// The connections that a request tells of.
pub(super) fn line(line: &str) -> Vec<Result<Flow, String>> {
    let request = match serde_json::from_str::<Request>(line) {
        Ok(request) if request.is_some() => request,
        Ok(_) => return vec![Err("it has neither spans nor metrics".to_owned())],
        Err(error) => return vec![Err(error.to_string())],
    };
    let mut flows = Vec::new();
    for of_resource in request.resource_spans.iter().flatten() {
        let spans = of_resource.scope_spans.iter().flat_map(|it| &it.spans);
        let called = spans.map(|span| called(&of_resource.resource.attributes, span));
        flows.extend(called.filter_map(Result::transpose));
    }
    let scopes = request.resource_metrics.iter().flatten();
    let metrics = scopes
        .flat_map(|it| &it.scope_metrics)
        .flat_map(|it| &it.metrics);
    for metric in metrics.filter(|it| METRICS.contains(&&*it.name)) {
        let flowed = metric
            .sum
            .data_points
            .iter()
            .map(|it| flowed(&it.attributes));
        flows.extend(flowed.filter_map(Result::transpose));
    }
    flows
}

/// Whom a span called; nobody where it is no call, or failed before anybody answered.
fn called(resource: &Attributes, span: &Span) -> Told {
    let is = |value: &Value, number: u64, name: &str| value == number || value == name;
    let is_call = is(&span.kind, CLIENT, "SPAN_KIND_CLIENT")
        || is(&span.kind, PRODUCER, "SPAN_KIND_PRODUCER");
    let is_error = is(&span.status.code, ERROR, "STATUS_CODE_ERROR");
    let answer = [
        "http.response.status_code",
        "http.status_code",
        "rpc.grpc.status_code",
    ];
    if !is_call || (is_error && span.attributes.get(&answer).is_none()) {
        return Ok(None);
    }
    let own = &span.attributes;
    let peer = own.get(&["network.peer.address", "net.sock.peer.addr"]);
    let (host, port) = match (
        peer,
        own.port(&["network.peer.port", "net.sock.peer.port"])?,
    ) {
        (Some(peer), Some(port)) => (Some(peer), Some(port)),
        _ => (
            own.get(&["server.address", "net.peer.name", "net.peer.ip"]),
            own.port(&["server.port", "net.peer.port"])?,
        ),
    };
    let Some(host) = host else {
        return Ok(None);
    };
    let of_scheme = || match own.get(&["url.scheme", "http.scheme"])? {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    };
    let port = port
        .or_else(of_scheme)
        .ok_or("a span does not say which port it called")?;
    let protocol = transport(own)?;
    let namespace = resource.get(&["k8s.namespace.name"]);
    let namespace = namespace.ok_or("the resource of a span has no k8s.namespace.name")?;
    let name = resource
        .get(OWNERS)
        .ok_or("the resource of a span does not say which workload it is")?;
    let from = Party::Workload {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    };
    let to = match address(host) {
        Ok(address) => Party::Somewhere(address),
        Err(_) => Party::Host {
            host: host.to_ascii_lowercase(),
            namespace: namespace.to_owned(),
        },
    };
    Ok(Some((from, to, Connections::of(protocol, port, port))))
}

/// A connection of a network metric; none where it is what comes back.
fn flowed(own: &Attributes) -> Told {
    match own.get(&["direction"]) {
        Some("request") => {}
        Some("response") => return Ok(None),
        _ => {
            return Err(
                "a flow does not say its direction: have that among its attributes".to_owned(),
            );
        }
    }
    let port = own.port(&["dst.port", "server.port"])?;
    let port = port.ok_or("a flow has no dst.port: have that among its attributes")?;
    let protocol = transport(own)?;
    let party = |side: &str| {
        let get = |name: &str| own.get(&[&format!("k8s.{side}.{name}")]);
        let name = get("owner.name").or_else(|| get("name"));
        let ip = own.get(&[&format!("{side}.address")]);
        match (get("namespace"), name, ip) {
            (Some(namespace), Some(name), _)
                if get("type") == Some("Service") || get("owner.type") == Some("Service") =>
            {
                Ok(Party::Host {
                    host: name.to_owned(),
                    namespace: namespace.to_owned(),
                })
            }
            (Some(namespace), Some(name), _) => Ok(Party::Workload {
                namespace: namespace.to_owned(),
                name: name.to_owned(),
            }),
            (_, _, Some(ip)) => address(ip).map(Party::Somewhere),
            (None, Some(name), None) => Ok(Party::Other(name.to_owned())),
            _ => Err(format!("a flow does not say who its {side} is")),
        }
    };
    let connections = Connections::of(protocol, port, port);
    Ok(Some((party("src")?, party("dst")?, connections)))
}

fn transport(own: &Attributes) -> Result<Protocol, String> {
    match own.get(&["network.transport", "net.transport", "transport"]) {
        None | Some("tcp" | "ip_tcp" | "TCP") => Ok(Protocol::Tcp),
        Some("udp" | "ip_udp" | "quic" | "UDP") => Ok(Protocol::Udp),
        Some("sctp" | "SCTP") => Ok(Protocol::Sctp),
        Some(other) => Err(format!("{other:?} is no transport that policies know")),
    }
}

/// What makes the pods comes before a pod.
const OWNERS: &[&str] = &[
    "k8s.deployment.name",
    "k8s.statefulset.name",
    "k8s.daemonset.name",
    "k8s.cronjob.name",
    "k8s.job.name",
    "k8s.replicaset.name",
    "k8s.pod.name",
];

const METRICS: [&str; 2] = ["obi.network.flow.bytes", "beyla.network.flow.bytes"];

/// Of `SpanKind` and `StatusCode`.
const CLIENT: u64 = 3;
const PRODUCER: u64 = 4;
const ERROR: u64 = 2;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn attributes(all: &[(&str, &str)]) -> Value {
        all.iter()
            .map(|(key, value)| json!({"key": key, "value": {"stringValue": value}}))
            .collect()
    }

    fn span(kind: &Value, status: &Value, own: &[(&str, &str)]) -> String {
        let resource = attributes(&[
            ("k8s.namespace.name", "lab"),
            ("k8s.deployment.name", "notebook"),
        ]);
        let span = json!({"kind": kind, "status": status, "attributes": attributes(own)});
        json!({"resourceSpans": [{"resource": {"attributes": resource}, "scopeSpans": [{"spans": [span]}]}]}).to_string()
    }

    fn told(text: &str) -> String {
        let told = line(text).into_iter().map(|it| match it {
            Ok((from, to, what)) => format!("{from} {to} {what}"),
            Err(why) => why,
        });
        told.collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn a_client_says_whom_it_called() {
        let ok = json!({});
        let host = [
            ("server.address", "registry.models"),
            ("server.port", "5000"),
        ];
        let called = "lab/notebook registry.models, as lab calls it, TCP 5000";
        assert_eq!(told(&span(&json!(3), &ok, &host)), called);
        assert_eq!(told(&span(&json!("SPAN_KIND_CLIENT"), &ok, &host)), called);
        let by_scheme = [("server.address", "hf.example"), ("url.scheme", "https")];
        assert_eq!(
            told(&span(&json!(3), &ok, &by_scheme)),
            "lab/notebook hf.example, as lab calls it, TCP 443"
        );
        let peer = [
            ("server.address", "registry.models"),
            ("server.port", "80"),
            ("network.peer.address", "10.0.1.7"),
            ("network.peer.port", "5000"),
        ];
        assert_eq!(
            told(&span(&json!(4), &ok, &peer)),
            "lab/notebook 10.0.1.7 TCP 5000"
        );
        assert_eq!(
            told(&span(&json!(2), &ok, &host)),
            "",
            "a server was called"
        );
        let failed = json!({"code": 2});
        assert_eq!(
            told(&span(&json!(3), &failed, &host)),
            "",
            "nobody answered"
        );
        let refused = [host[0], host[1], ("http.response.status_code", "403")];
        assert_eq!(told(&span(&json!(3), &failed, &refused)), called);
    }

    #[test]
    fn a_network_metric_says_who_speaks_with_whom() {
        let metric = |own: &[(&str, &str)]| {
            let point = json!({"attributes": attributes(own), "asInt": "7"});
            let metric = json!({"name": "obi.network.flow.bytes", "sum": {"dataPoints": [point]}});
            json!({"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]}).to_string()
        };
        let source = [
            ("k8s.src.namespace", "lab"),
            ("k8s.src.owner.name", "notebook"),
        ];
        let port = ("dst.port", "5000");
        let request = ("direction", "request");
        let workload = [
            ("k8s.dst.namespace", "models"),
            ("k8s.dst.owner.name", "registry"),
        ];
        let of = |more: &[(&str, &str)]| told(&metric(&[&source[..], more].concat()));
        assert_eq!(
            of(&[workload[0], workload[1], port, request]),
            "lab/notebook models/registry TCP 5000"
        );
        assert_eq!(
            of(&[
                workload[0],
                workload[1],
                ("k8s.dst.type", "Service"),
                port,
                request
            ]),
            "lab/notebook registry, as models calls it, TCP 5000"
        );
        assert_eq!(
            of(&[
                ("dst.address", "192.0.2.7"),
                ("transport", "UDP"),
                port,
                request
            ]),
            "lab/notebook 192.0.2.7 UDP 5000"
        );
        assert_eq!(
            of(&[workload[0], workload[1], port, ("direction", "response")]),
            ""
        );
        assert!(of(&[workload[0], workload[1], request]).contains("dst.port"));
        assert!(of(&[workload[0], workload[1], port]).contains("direction"));
        assert!(of(&[port, request]).contains("who its dst is"));
    }

    #[test]
    fn what_is_no_request_is_told() {
        assert!(told("{}").contains("neither spans nor metrics"));
        assert!(told("nothing").contains("expected"));
        assert_eq!(told("{\"resourceLogs\": []}"), "");
        let no_port = span(&json!(3), &json!({}), &[("server.address", "x")]);
        assert!(told(&no_port).contains("which port"));
        let odd = span(
            &json!(3),
            &json!({}),
            &[("server.address", "x"), ("server.port", "70000")],
        );
        assert!(told(&odd).contains("\"70000\" is no port"));
    }
}
