//! Ways in from outside: `Ingress`, the routes of Gateway API, `Route` of OpenShift, and Services that nodes or
//! load balancers open.

use std::{borrow::Cow, collections::HashMap, net::IpAddr};

use casemate_posture::{Cursor, Fact, Origin, Resource, Truth, World};

use crate::{
    Assumptions, Bounds, Connections, Gap, Protocol,
    cluster::{Cluster, Workload, is_of_group, name_of, namespace_of},
    grants::Grants,
    listed::{is_there, listed},
    selector::Selector,
};

/// One way from outside to a workload.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The kind of the object that opens it: `Ingress`, `HTTPRoute`; of a Service, its type.
    pub kind: Cow<'static, str>,
    /// Its `namespace/name`.
    pub name: String,
    /// The `namespace/name` of the Service behind it.
    pub service: String,
    /// The place of the workload among all.
    pub to: usize,
    /// What is sent there.
    pub connections: Bounds<Connections>,
    /// Whether a controller sends it, which is an endpoint of its own.
    pub is_proxied: bool,
    /// Where it stands.
    pub origin: Origin,
}

/// What all of the ways send together.
pub(crate) fn sent(ways: &[&Entry]) -> Bounds<Connections> {
    let all = Bounds::<Connections>::default();
    ways.iter().fold(all, |all, it| all.union(&it.connections))
}

/// A Service, as far as ways in look at it.
pub(crate) struct Service<'a> {
    object: &'a Resource,
    ports: Vec<Cursor<'a>>,
    /// Which workloads are behind it, with what may be unknown of that.
    pub(crate) workloads: Vec<(usize, Truth)>,
}

/// By their namespaces and names.
pub(crate) type Services<'a> = HashMap<Key, Service<'a>>;

/// What a route names.
struct Backend<'a> {
    service: Cursor<'a>,
    /// In another namespace than that of the route.
    namespace: Option<String>,
    port: Option<String>,
    /// What of a port is named so.
    by: By,
    protocol: Protocol,
}

/// What of a port of a Service somebody names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// Its number, or its name.
    Port,
    /// What it sends to, or its name: a Route of OpenShift does so.
    Target,
}

/// A namespace and a name in it.
pub(crate) type Key = (String, String);

/// What an object of a kind leads to.
type Backends = fn(&Resource) -> Vec<Backend<'_>>;

/// The Services of the files.
pub(crate) fn services<'a>(
    world: &'a World,
    cluster: &Cluster,
    gaps: &mut Vec<Gap>,
) -> Services<'a> {
    let objects = world.of_kind("Service").filter(|it| is_core(it));
    objects
        .filter_map(|object| service(object, cluster, gaps))
        .collect()
}

pub(crate) fn read(
    world: &World,
    assumptions: &Assumptions,
    cluster: &Cluster,
    services: &Services<'_>,
    gaps: &mut Vec<Gap>,
) -> Vec<Entry> {
    let mut keys: Vec<&Key> = services.keys().collect();
    keys.sort_unstable();
    for object in world.of_kind("VirtualService") {
        let gateways = listed(&object.at("spec.gateways"));
        if let Some(gateway) = gateways.iter().find(|it| it.equals("mesh") != Truth::Yes) {
            let why = "what comes in through a Gateway of Istio is not looked at";
            Gap::tell(gateway, why, gaps);
        }
    }
    let opened = |key: &Key| opened(key, &services[key], cluster);
    let grants = Grants::of(world);
    let mut entries: Vec<Entry> = keys.into_iter().flat_map(opened).collect();
    let ways: [(&str, Backends); 7] = [
        ("Ingress", of_ingress),
        ("Route", of_route),
        ("HTTPRoute", of_gateway),
        ("GRPCRoute", of_gateway),
        ("TLSRoute", of_gateway),
        ("TCPRoute", of_gateway),
        ("UDPRoute", of_gateway),
    ];
    for (kind, backends) in ways {
        for object in world.of_kind(kind).filter(|it| is_way(it)) {
            for backend in backends(object) {
                entries.extend(entered(
                    &grants,
                    assumptions,
                    object,
                    &backend,
                    services,
                    cluster,
                    gaps,
                ));
            }
        }
    }
    entries
}

/// The keys of labels by which Services tell pods apart.
pub(crate) fn keys(world: &World) -> impl Iterator<Item = String> {
    let services = world.of_kind("Service");
    services.flat_map(|it| {
        let selector = it.at("spec.selector");
        let keys = selector
            .entries()
            .into_iter()
            .map(|(key, _)| key.to_owned());
        keys.collect::<Vec<_>>()
    })
}

/// Knative has kinds of those names.
fn is_core(object: &Resource) -> bool {
    is_of_group(object, &[""]) != Some(false)
}

fn is_way(object: &Resource) -> bool {
    // OpenShift had its routes in the core.
    let groups = [
        "networking.k8s.io",
        "extensions",
        "gateway.networking.k8s.io",
        "route.openshift.io",
        "",
    ];
    is_of_group(object, &groups) == Some(true)
}

fn service<'a>(
    object: &'a Resource,
    cluster: &Cluster,
    gaps: &mut Vec<Gap>,
) -> Option<(Key, Service<'a>)> {
    let namespace = namespace_of(object, gaps).ok()?;
    let labels = object.at("spec.selector");
    // One without a selector has endpoints of its own.
    let selector = is_there(&labels)
        .then(|| Selector::of_labels(&labels, gaps))
        .filter(|it| !it.is_empty());
    let all = cluster
        .workloads
        .iter()
        .enumerate()
        .filter(|(_, it)| *it.namespace == *namespace);
    let chosen = all.filter_map(|(at, it)| match selector.as_ref()?.matches(&it.labels) {
        Truth::No => None,
        truth => Some((at, truth)),
    });
    let service = Service {
        object,
        workloads: chosen.collect(),
        ports: listed(&object.at("spec.ports")),
    };
    Some(((namespace, name_of(object, gaps)), service))
}

/// What a Service that is reached from outside opens.
fn opened(key: &Key, service: &Service<'_>, cluster: &Cluster) -> Vec<Entry> {
    let object = service.object;
    let kind = match object.at("spec.type").text().ok().as_deref() {
        Some("NodePort") => "NodePort",
        Some("LoadBalancer") => "LoadBalancer",
        _ if is_there(&object.at("spec.externalIPs")) => "externalIPs",
        _ => return Vec::new(),
    };
    let entry = |(to, truth): &(usize, Truth)| {
        let sent = Protocol::ALL
            .iter()
            .map(|it| service.sent(None, *it, &cluster.workloads[*to], truth));
        Entry {
            kind: kind.into(),
            name: format!("{}/{}", key.0, key.1),
            service: format!("{}/{}", key.0, key.1),
            to: *to,
            connections: sent.fold(Bounds::default(), |all: Bounds<Connections>, it| {
                all.union(&it)
            }),
            is_proxied: false,
            origin: object.at("spec.type").origin().clone(),
        }
    };
    service.workloads.iter().map(entry).collect()
}

fn entered(
    grants: &Grants<'_>,
    assumptions: &Assumptions,
    object: &Resource,
    backend: &Backend<'_>,
    services: &Services<'_>,
    cluster: &Cluster,
    gaps: &mut Vec<Gap>,
) -> Vec<Entry> {
    let own = namespace_of(object, gaps).ok();
    let name = match backend.service.get("name").text() {
        Fact::Known(name) => name,
        Fact::Absent => return Vec::new(),
        Fact::Unknown(why) => {
            Gap::tell(
                &backend.service,
                &format!("where it leads to is not known: {why}"),
                gaps,
            );
            return Vec::new();
        }
    };
    let Some(own) = own else {
        return Vec::new();
    };
    let namespace = backend.namespace.clone().unwrap_or_else(|| own.clone());
    let Some(service) = services.get(&(namespace.clone(), name.clone())) else {
        Gap::tell(
            &backend.service,
            &format!("Service {namespace}/{name} is not among the files"),
            gaps,
        );
        return Vec::new();
    };
    let is_granted = match namespace == own {
        true => Truth::Yes,
        false => {
            let why = "no ReferenceGrant among the files lets it";
            let granted = grants.lets(object, &own, &namespace, &name);
            granted.or(|| match assumptions.declared_only {
                true => Truth::No,
                false => Truth::Unknown(why.into()),
            })
        }
    };
    if let Truth::Unknown(why) = &is_granted {
        let why = format!("whether it may lead to another namespace is not known: {why}");
        Gap::tell(&backend.service, &why, gaps);
    }
    if is_granted == Truth::No {
        return Vec::new();
    }
    let entry = |(to, truth): &(usize, Truth)| Entry {
        kind: object.kind.to_string().into(),
        name: format!("{own}/{}", name_of(object, &mut Vec::new())),
        service: format!("{namespace}/{name}"),
        to: *to,
        connections: service.sent(
            backend.port.as_deref().map(|it| (backend.by, it)),
            backend.protocol,
            &cluster.workloads[*to],
            &is_granted.clone().and(|| truth.clone()),
        ),
        is_proxied: true,
        origin: backend.service.origin().clone(),
    };
    service.workloads.iter().map(entry).collect()
}

impl Service<'_> {
    /// Its own addresses, those that a load balancer has for it included.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        let own = self.object.at("spec.clusterIP").text().ok();
        let lists = ["spec.clusterIPs", "spec.externalIPs"].map(|it| self.object.at(it).items());
        let listed = lists.into_iter().flatten().filter_map(|it| it.text().ok());
        let balanced = self.object.at("status.loadBalancer.ingress").items();
        let balanced = balanced
            .into_iter()
            .filter_map(|it| it.get("ip").text().ok());
        let all = own.into_iter().chain(listed).chain(balanced);
        all.filter_map(|it| it.parse().ok())
    }

    /// Whether it has none by its own will, so that its name is that of its pods.
    pub(crate) fn is_headless(&self) -> bool {
        self.object.at("spec.clusterIP").equals("None").is_yes()
    }

    /// Where each of its ports leads, at a workload that is surely behind it.
    pub(crate) fn leads(
        &self,
        workload: &Workload,
    ) -> impl Iterator<Item = (Connections, Connections)> {
        self.ports.iter().filter_map(|it| {
            let number = u16::try_from(it.get("port").integer().ok()?).ok()?;
            let protocol = match it.get("protocol").text() {
                Fact::Absent => Protocol::Tcp,
                fact => Protocol::of(&fact.ok()?)?,
            };
            let own = Connections::of(protocol, number, number);
            Some((own, targeted(it, protocol, workload).least))
        })
    }

    /// Its ports of TCP, each with what arrives at a workload that is asked for there.
    pub(crate) fn arriving(
        &self,
        workload: &Workload,
    ) -> impl Iterator<Item = (&Cursor<'_>, Bounds<Connections>)> {
        let is_tcp = |it: &&Cursor<'_>| match it.get("protocol").text() {
            Fact::Known(name) => name == Protocol::Tcp.as_str(),
            Fact::Absent | Fact::Unknown(_) => true,
        };
        let ports = self.ports.iter().filter(is_tcp);
        ports.map(|it| (it, targeted(it, Protocol::Tcp, workload)))
    }

    /// Whether the proxies of all see it.
    pub(crate) fn is_exported(&self) -> bool {
        let to = self.object.at("metadata.annotations");
        let to = to.get("networking.istio.io/exportTo");
        !is_there(&to) || to.equals("*").is_yes()
    }

    /// Whether callers are sent through a waypoint.
    pub(crate) fn uses_waypoint(&self) -> bool {
        let label = self
            .object
            .at("metadata.labels")
            .get("istio.io/use-waypoint");
        is_there(&label) && label.equals("none") != Truth::Yes
    }

    /// What arrives at a workload that is asked for at a port of the Service; at all, where none is named.
    pub(crate) fn sent(
        &self,
        port: Option<(By, &str)>,
        protocol: Protocol,
        workload: &Workload,
        truth: &Truth,
    ) -> Bounds<Connections> {
        let is_spoken = |it: &&Cursor<'_>| match it.get("protocol").text() {
            Fact::Absent => protocol == Protocol::Tcp,
            Fact::Known(name) => name == protocol.as_str(),
            Fact::Unknown(_) => true,
        };
        let spoken = || self.ports.iter().filter(is_spoken);
        let asked: Vec<_> = match port {
            Some((by, name)) => {
                let (first, then) = match by {
                    By::Port => ("port", "targetPort"),
                    By::Target => ("targetPort", "port"),
                };
                let is =
                    |key: &'static str| move |it: &&Cursor<'_>| it.get(key).equals(name).is_yes();
                let mut keys = ["name", first, then].into_iter();
                keys.find_map(|key| spoken().find(is(key)))
                    .into_iter()
                    .collect()
            }
            None => spoken().collect(),
        };
        let targets = asked.into_iter().map(|it| targeted(it, protocol, workload));
        let mut sent = targets.fold(Bounds::default(), |all: Bounds<Connections>, it| {
            all.union(&it)
        });
        if !truth.is_yes() {
            sent.least = Connections::default();
        }
        sent
    }
}

/// What a port of a Service sends to a workload.
fn targeted(port: &Cursor<'_>, protocol: Protocol, workload: &Workload) -> Bounds<Connections> {
    let target = port.get("targetPort");
    match target.fact {
        Fact::Absent => arriving(&port.get("port"), protocol, workload),
        _ => arriving(&target, protocol, workload),
    }
}

/// What is sent to a port of a workload.
fn arriving(target: &Cursor<'_>, protocol: Protocol, workload: &Workload) -> Bounds<Connections> {
    let to = |port: u16| Bounds::exact(Connections::of(protocol, port, port));
    let somewhere = Bounds {
        least: Connections::default(),
        most: Connections::of_protocol(protocol),
    };
    if let Some(number) = target.integer().ok() {
        return u16::try_from(number).map(to).unwrap_or_default();
    }
    let Some(name) = target.text().ok() else {
        return somewhere;
    };
    let mut ports = workload.ports.iter();
    let named = ports.find(|it| it.name.as_ref() == Some(&name) && it.protocol == protocol);
    match named {
        Some(port) => to(port.port),
        None if workload.more_ports.is_some() => somewhere,
        None => Bounds::default(),
    }
}

/// The Services that an Ingress sends to, with the port that it asks them for.
fn of_ingress(object: &Resource) -> Vec<Backend<'_>> {
    let spec = object.at("spec");
    let mut backends = vec![spec.get("defaultBackend")];
    backends.extend(spec.walk("rules[].http.paths[].backend"));
    backends
        .into_iter()
        .map(|backend| {
            let service = backend.get("service");
            let port = service.get("port");
            let port = port
                .get("name")
                .text()
                .or_else(|| port.get("number").text());
            Backend {
                service,
                namespace: None,
                port: port.ok(),
                by: By::Port,
                protocol: Protocol::Tcp,
            }
        })
        .collect()
}

fn of_route(object: &Resource) -> Vec<Backend<'_>> {
    let spec = object.at("spec");
    let port = spec.at("port.targetPort").text().ok();
    let mut backends = vec![spec.get("to")];
    backends.extend(listed(&spec.get("alternateBackends")));
    backends.retain(|it| {
        it.get("kind").is_absent().is_yes() || it.get("kind").equals("Service").is_yes()
    });
    let backend = |service| Backend {
        service,
        namespace: None,
        port: port.clone(),
        by: By::Target,
        protocol: Protocol::Tcp,
    };
    backends.into_iter().map(backend).collect()
}

fn of_gateway<'a>(object: &'a Resource) -> Vec<Backend<'a>> {
    // What is about calls of a Service is no way in (GAMMA).
    let parents = listed(&object.at("spec.parentRefs"));
    if !parents.is_empty()
        && parents
            .iter()
            .all(|it| it.get("kind").equals("Service").is_yes())
    {
        return Vec::new();
    }
    let mut backends = object.at("spec").walk("rules[].backendRefs[]");
    backends.retain(|it| {
        it.get("kind").is_absent().is_yes() || it.get("kind").equals("Service").is_yes()
    });
    let protocol = match &*object.kind {
        "UDPRoute" => Protocol::Udp,
        _ => Protocol::Tcp,
    };
    let backend = |service: Cursor<'a>| Backend {
        namespace: service.get("namespace").text().ok(),
        port: service.get("port").text().ok(),
        by: By::Port,
        protocol,
        service,
    };
    backends.into_iter().map(backend).collect()
}
