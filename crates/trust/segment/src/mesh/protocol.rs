//! What is spoken at the ports of workloads.

use casemate_posture::{Cursor, Fact, Truth};

use crate::{Bounds, Connections, Protocol, Workload, entry::Service};

/// Where HTTP is spoken to a workload, by the Services in front of it.
pub(super) fn http(
    workload: &Workload,
    services: &[(&Service<'_>, &Truth)],
) -> Bounds<Connections> {
    let [mut http, mut bytes] = [(); 2].map(|()| Bounds::<Connections>::default());
    let mut open = Connections::default();
    for (service, truth) in services {
        for (port, mut arriving) in service.arriving(workload) {
            if !truth.is_yes() {
                arriving.least = Connections::default();
            }
            match speaks_http(port) {
                Some(true) => http = http.union(&arriving),
                Some(false) => bytes = bytes.union(&arriving),
                None => open = open.union(&arriving.most),
            }
        }
    }
    let surely_bytes = bytes.least.difference(&http.most.union(&open));
    Bounds {
        least: http.least.difference(&bytes.most.union(&open)),
        most: Connections::of_protocol(Protocol::Tcp).difference(&surely_bytes),
    }
}

/// Whether HTTP is declared for a port of a Service; nothing, where proxies find out by themselves.
fn speaks_http(port: &Cursor<'_>) -> Option<bool> {
    let said = port.get("appProtocol").text();
    let said = said.or_else(|| port.get("name").text());
    let name = match said {
        Fact::Known(name) => name.to_lowercase(),
        Fact::Absent => String::new(),
        Fact::Unknown(_) => return None,
    };
    match &*name {
        "kubernetes.io/h2c" | "kubernetes.io/ws" => return Some(true),
        "kubernetes.io/wss" => return Some(false),
        _ => {}
    }
    if name.starts_with("grpc-web") {
        return Some(true);
    }
    let number = port.get("port").integer().ok();
    match name.split('-').next().unwrap_or_default() {
        "http" | "http2" | "http_proxy" | "grpc" => Some(true),
        "tcp" | "https" | "tls" | "mongo" | "redis" | "mysql" => Some(false),
        // Servers that speak first: nobody waits there to find out.
        _ if [25, 53, 3306, 27017].map(Some).contains(&number) => Some(false),
        _ => None,
    }
}
