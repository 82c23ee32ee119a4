//! Whom workloads are configured to call: the Services behind the hosts that they are told of.

use crate::{
    Cluster, Connections, Protocol,
    entry::{By, Key, Services},
    mention::Mention,
};

/// Whom workloads are configured to call. Whether they get through is for policies to say.
#[derive(Debug, Default)]
pub struct Calls {
    /// To workloads.
    pub inside: Vec<Call>,
    /// Of each workload, what it sends outside of the cluster.
    pub outside: Vec<Connections>,
}

/// One workload that another is configured to call.
#[derive(Debug)]
pub struct Call {
    /// The place of the one that calls.
    pub from: usize,
    /// The place of the one that is called.
    pub to: usize,
    /// On which ports.
    pub connections: Connections,
}

impl Calls {
    pub(crate) fn of(cluster: &Cluster, services: &Services<'_>) -> Self {
        let mut calls = Self::default();
        for (from, workload) in cluster.workloads.iter().enumerate() {
            let mut outside = Connections::default();
            for mention in &workload.mentions {
                match service(&workload.namespace, &mention.host).and_then(|key| services.get(&key))
                {
                    Some(service) => {
                        let port = mention.port.map(|it| it.to_string());
                        let called = service.workloads.iter().filter(|(to, _)| *to != from);
                        calls.inside.extend(called.map(|(to, truth)| {
                            let workload = &cluster.workloads[*to];
                            let named = port.as_deref().map(|it| (By::Port, it));
                            let sent = service.sent(named, Protocol::Tcp, workload, truth);
                            Call {
                                from,
                                to: *to,
                                connections: sent.least,
                            }
                        }));
                    }
                    None => outside = outside.union(&abroad(mention)),
                }
            }
            calls.outside.push(outside);
        }
        calls.inside.retain(|it| !it.connections.is_empty());
        calls
    }
}

/// The namespace and name of the Service that a host may be, seen from a namespace (DNS for Services and Pods):
/// `name`, `name.namespace`, `name.namespace.svc`, and with the domain of the cluster.
pub(crate) fn service(namespace: &str, host: &str) -> Option<Key> {
    let mut parts = host.split('.');
    let name = parts.next()?.to_owned();
    let namespace = parts.next().unwrap_or(namespace).to_owned();
    parts
        .next()
        .is_none_or(|it| it == "svc")
        .then_some((namespace, name))
}

/// What is sent to a host that is no Service: nothing to one that can only be of the cluster, or is this machine.
fn abroad(mention: &Mention) -> Connections {
    let host = &*mention.host;
    match mention
        .port
        .filter(|_| !is_inside(host) && !host.starts_with("127.") && host != "0.0.0.0")
    {
        Some(port) => Connections::of(Protocol::Tcp, port, port),
        None => Connections::default(),
    }
}

/// Whether a host can only be one of the cluster, or this machine.
pub(crate) fn is_inside(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or_default();
    !host.contains('.') || host.contains(".svc") || matches!(last, "svc" | "local" | "localhost")
}
