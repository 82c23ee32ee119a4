//! Ways in from outside: `Ingress` of Kubernetes and `Route` of OpenShift, through their Services.

use std::collections::HashMap;

use casemate_posture::{Cursor, Fact, Origin, Resource, World};

use crate::{
    Connections, Gap, Protocol,
    cluster::{Cluster, Workload, known, namespace_of},
    selector::Selector,
};

/// One way from a controller to a workload.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The kind of the object that opens it.
    pub kind: &'static str,
    /// Its `namespace/name`.
    pub name: String,
    /// The Service behind it.
    pub service: String,
    /// The place of the workload among all.
    pub to: usize,
    /// What the controller sends.
    pub connections: Connections,
    /// Where it stands.
    pub origin: Origin,
}

/// A Service, as far as controllers look at it.
struct Service<'a> {
    ports: Vec<Cursor<'a>>,
    workloads: Vec<usize>,
}

type Services<'a> = HashMap<(String, String), Service<'a>>;

pub(crate) fn read(world: &World, cluster: &Cluster, gaps: &mut Vec<Gap>) -> Vec<Entry> {
    let mut services = Services::new();
    for object in world.of_kind("Service") {
        if let Some((key, service)) = service(object, cluster, gaps) {
            services.insert(key, service);
        }
    }
    let mut entries = Vec::new();
    let mut enter = |kind, object: &Resource, backends: Vec<(Cursor<'_>, Option<String>)>, gaps: &mut Vec<Gap>| {
        let Some((name, namespace)) = known(&object.at("metadata.name"), "its name", gaps).zip(namespace_of(object, gaps)) else {
            return;
        };
        for (backend, port) in backends {
            let Some(service_name) = backend.get("name").text().ok() else {
                continue;
            };
            let Some(service) = services.get(&(namespace.clone(), service_name.clone())) else {
                gaps.push(Gap::at(&backend, format!("Service {service_name} is not among the files")));
                continue;
            };
            for &to in &service.workloads {
                let connections = service.sent(port.as_deref(), &cluster.workloads[to]);
                entries.push(Entry {
                    kind,
                    name: format!("{namespace}/{name}"),
                    service: service_name.clone(),
                    to,
                    connections,
                    origin: backend.origin().clone(),
                });
            }
        }
    };
    for object in world.of_kind("Ingress") {
        enter("Ingress", object, of_ingress(object), gaps);
    }
    for object in world.of_kind("Route") {
        enter("Route", object, of_route(object), gaps);
    }
    entries
}

fn service<'a>(
    object: &'a Resource,
    cluster: &Cluster,
    gaps: &mut Vec<Gap>,
) -> Option<((String, String), Service<'a>)> {
    let name = known(&object.at("metadata.name"), "its name", gaps)?;
    let namespace = namespace_of(object, gaps)?;
    let labels = object.at("spec.selector");
    let selector = match Selector::of_labels(&labels) {
        Ok(selector) => selector,
        Err(gap) => {
            gaps.push(gap);
            return None;
        }
    };
    let all = cluster.workloads.iter().enumerate();
    // One without a selector has endpoints of its own.
    let selected = all.filter(|(_, it)| {
        !labels.entries().is_empty() && *it.namespace == *namespace && selector.matches(&it.labels)
    });
    let workloads = selected.map(|(at, _)| at).collect();
    let ports = object.at("spec.ports").items();
    Some(((namespace, name), Service { ports, workloads }))
}

impl Service<'_> {
    /// What arrives at a workload that is asked for at a port of the Service; at all, where none is named.
    fn sent(&self, port: Option<&str>, workload: &Workload) -> Connections {
        let is_asked = |it: &&Cursor<'_>| {
            port.is_none_or(|port| {
                let keys = ["name", "port", "targetPort"].into_iter();
                keys.map(|key| it.get(key)).any(|it| it.equals(port).is_yes())
            })
        };
        let asked = self.ports.iter().filter(is_asked);
        let asked: Vec<_> = match port {
            Some(_) => asked.take(1).collect(),
            None => asked.collect(),
        };
        let targets = asked.into_iter().map(|it| {
            let target = it.get("targetPort");
            match target.fact {
                Fact::Absent => arriving(&it.get("port"), workload),
                _ => arriving(&target, workload),
            }
        });
        targets.fold(Connections::default(), |all, it| all.union(&it))
    }
}

/// What a controller sends to a port of a workload: HTTP, over TCP.
fn arriving(target: &Cursor<'_>, workload: &Workload) -> Connections {
    let to = |port: u16| Connections::of(Protocol::Tcp, port, port);
    if let Some(number) = target.integer().ok() {
        return u16::try_from(number).map(to).unwrap_or_default();
    }
    let name = target.text().ok();
    let mut ports = workload.ports.iter();
    let named = ports.find(|it| it.name == name && it.protocol == Protocol::Tcp);
    named.map(|it| to(it.port)).unwrap_or_default()
}

/// The Services that an Ingress sends to, with the port that it asks them for.
fn of_ingress<'a>(object: &'a Resource) -> Vec<(Cursor<'a>, Option<String>)> {
    let spec = object.at("spec");
    let mut backends = vec![spec.get("defaultBackend")];
    backends.extend(spec.walk("rules[].http.paths[].backend"));
    let service = |backend: Cursor<'a>| {
        let service = backend.get("service");
        let port = service.get("port");
        let port = port.get("name").text().or_else(|| port.get("number").text());
        (service, port.ok())
    };
    backends.into_iter().map(service).collect()
}

fn of_route(object: &Resource) -> Vec<(Cursor<'_>, Option<String>)> {
    let spec = object.at("spec");
    let port = spec.at("port.targetPort").text().ok();
    let mut backends = vec![spec.get("to")];
    backends.extend(spec.get("alternateBackends").items());
    backends.retain(|it| it.get("kind").is_absent().is_yes() || it.get("kind").equals("Service").is_yes());
    backends.into_iter().map(|it| (it, port.clone())).collect()
}
