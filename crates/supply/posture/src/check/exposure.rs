//! Who reaches a port of a pod, and by which objects.
//!
//! Objects are joined within a namespace: Services to pods by their selectors, routes (Ingress,
//! HTTPRoute and its kin, VirtualService, Route) to Services by their names. What a policy of the
//! network forbids in between is not asked here.

use super::{
    Related,
    selection::{Labels, Selectors, Together},
    workload::Pod,
};
use crate::{Attr, Cursor, Fact, Resource, Truth, World};

/// How a port is reached.
#[derive(Clone, Debug)]
pub(crate) struct Reach {
    /// Whether from outside of the cluster.
    pub(crate) outside: Truth,
    /// The objects that make it so, of many the first.
    pub(crate) through: Vec<Related>,
}

/// What opens pods to the outside: asked once of all objects, and then of each pod.
pub(crate) struct Exposure<'a> {
    routes: Routes<'a>,
    services: Selectors<'a>,
    /// What is behind each of `services`, in their order.
    behind: Vec<Behind<'a>>,
}

/// A Service that something opens.
struct Behind<'a> {
    ports: Vec<Target>,
    ways: Vec<(Truth, Cursor<'a>)>,
}

/// Which port of a pod a port of a Service leads to.
enum Target {
    Number(i64),
    Named(Fact<String>),
}

impl<'a> Exposure<'a> {
    /// What the objects of a world open.
    pub(crate) fn of(world: &'a World) -> Self {
        let routes = Routes::of(world);
        let (mut opened, mut behind) = (Vec::new(), Vec::new());
        for service in world.of_kind("Service") {
            let selector = service.at("spec.selector");
            // A Service without a selector is for addresses that somebody else writes down.
            if selector.entries().is_empty() {
                continue;
            }
            let ways = ways(service, &routes);
            if !ways.is_empty() {
                opened.push((service, selector));
                let ports = service.at("spec.ports").items();
                let ports = ports.iter().map(Target::of).collect();
                behind.push(Behind { ports, ways });
            }
        }
        Self {
            routes,
            services: Selectors::of_services(opened),
            behind,
        }
    }

    /// What reaches `port` of `pod`; of any port, where that is not said.
    pub(crate) fn reach(&self, pod: &Pod<'a>, port: Option<i64>) -> Reach {
        let mut reach = Reach {
            outside: Truth::No,
            through: Vec::new(),
        };
        reach.of_pod(pod, port);
        let labels = Labels::of(pod);
        for at in self.services.near(&labels) {
            if reach.is_told() {
                return reach;
            }
            let service = &self.behind[at];
            let is_for = port
                .map_or(Truth::Yes, |port| service.leads_to(pod, port))
                .and(|| self.services.selects(at, &labels));
            for (truth, cursor) in &service.ways {
                reach.add(is_for.clone().and(|| truth.clone()), cursor);
            }
        }
        for name in made_services(pod) {
            // No Service is there to say what is behind its ports; KubeRay's have those of their pods.
            let is_rays = name.ends_with("-head-svc") || name.ends_with("-serve-svc");
            let port = port.filter(|_| is_rays);
            for (truth, backend) in self.routes.to(&name, pod.resource()) {
                let is_it = truth.and(|| port.map_or(Truth::Yes, |port| has_port(backend, port)));
                reach.add(is_it, backend);
            }
        }
        reach
    }
}

impl Reach {
    fn add(&mut self, truth: Truth, cursor: &Cursor<'_>) {
        if truth == Truth::No || self.is_told() {
            return;
        }
        if truth == Truth::Yes {
            self.through.push(Related {
                what: cursor.resource.address.to_string(),
                origin: cursor.origin().clone(),
            });
        }
        let before = std::mem::replace(&mut self.outside, Truth::No);
        self.outside = before.or(|| truth);
    }

    /// Whether one more way would tell nobody anything.
    fn is_told(&self) -> bool {
        self.through.len() >= MAX_THROUGH
    }

    /// What the pod, or the object that makes it, opens by itself.
    fn of_pod(&mut self, pod: &Pod<'_>, port: Option<i64>) {
        let network = pod.get("hostNetwork");
        self.add(network.is_true(), &network);
        for container in pod.containers() {
            for opened in container.cursor.get("ports").items() {
                let host = opened.get("hostPort");
                let is_it = opened
                    .get("containerPort")
                    .integer()
                    .is(|at| port.is_none_or(|port| at == port));
                self.add(is_it.and(|| !host.is_absent()), &host);
            }
        }
        if pod.is_ray_head() {
            let path = pod.spec.path.split(".template.").next().unwrap_or_default();
            let head = pod.resource().find(path);
            for kind in ["serviceType", "headService.spec.type"] {
                let kind = head.at(kind);
                self.add(is_outside(&kind), &kind);
            }
            let ingress = head.get("enableIngress");
            let is_dashboard = port.is_none_or(|port| port == RAY_DASHBOARD);
            self.add(ingress.is_true().and(|| is_dashboard.into()), &ingress);
        }
        if is_public_knative(pod.resource()) {
            self.add(Truth::Yes, &pod.resource().at("metadata"));
        }
        if &*pod.resource().kind == "RayService" {
            let kind = pod.resource().at("spec.serveService.spec.type");
            let is_serve = port.is_none_or(|port| port == RAY_SERVE);
            self.add(is_outside(&kind).and(|| is_serve.into()), &kind);
        }
    }
}

/// What opens a Service to the outside.
fn ways<'a>(service: &'a Resource, routes: &Routes<'a>) -> Vec<(Truth, Cursor<'a>)> {
    let (kind, addresses) = (service.at("spec.type"), service.at("spec.externalIPs"));
    let own = [
        (is_outside(&kind), kind),
        (!addresses.is_absent(), addresses),
    ];
    let name = name(service);
    let routed = name.iter().flat_map(|name| routes.to(name, service));
    let routed = routed.map(|(truth, backend)| (truth, backend.clone()));
    let ways = own.into_iter().chain(routed);
    ways.filter(|(truth, _)| *truth != Truth::No)
        .take(MAX_THROUGH)
        .collect()
}

/// What routes lead to.
struct Routes<'a> {
    /// Whether it is the Service that it is kept for, which is open where its name is.
    backends: Vec<(Truth, Cursor<'a>)>,
    /// Their places by the name of the Service; under none, those of which the name is not known.
    by_name: Together<'a, Option<String>, usize>,
}

impl<'a> Routes<'a> {
    fn of(world: &'a World) -> Self {
        let mut routes = Self {
            backends: Vec::new(),
            by_name: Together::default(),
        };
        for (kind, ways) in ROUTES {
            for route in world.of_kind(kind) {
                for backend in ways.iter().flat_map(|way| route.cursor().walk(way)) {
                    routes.add(route, backend);
                }
            }
        }
        routes
    }

    fn add(&mut self, route: &'a Resource, backend: Cursor<'a>) {
        let (truth, name) = match host(&backend) {
            Fact::Known(host) => {
                let name = host.split('.').next().unwrap_or_default();
                (Truth::Yes, Some(name.to_owned()))
            }
            Fact::Unknown(why) => (Truth::Unknown(why), None),
            Fact::Absent => return,
        };
        self.by_name.add(route, &name, &self.backends.len());
        self.backends.push((truth, backend));
    }

    /// Those to the Service `name`, which is together with `near`, in their order.
    fn to<'b>(
        &'b self,
        name: &str,
        near: &'b Resource,
    ) -> impl Iterator<Item = (Truth, &'b Cursor<'a>)> {
        let keys = [Some(name.to_owned()), None];
        let places = keys.map(|key| self.by_name.near(near, &key));
        let mut places: Vec<usize> = places.into_iter().flatten().copied().collect();
        places.sort_unstable();
        let backend = |at: usize| {
            let (truth, backend) = &self.backends[at];
            (truth.clone(), backend)
        };
        places.into_iter().map(backend)
    }
}

/// The names of Services that controllers make for a pod: KubeRay's, by
/// `ray-operator/controllers/ray/utils/util.go`.
fn made_services(pod: &Pod<'_>) -> Vec<String> {
    let resource = pod.resource();
    let Some(name) = name(resource) else {
        return Vec::new();
    };
    match &*resource.kind {
        "RayCluster" | "RayService" | "RayJob" if pod.is_ray_head() => {
            let path = pod.spec.path.split(".template.").next().unwrap_or_default();
            let own = resource.find(path).at("headService.metadata.name").text();
            let made = [format!("{name}-head-svc"), format!("{name}-serve-svc")];
            made.into_iter().chain(own.ok()).collect()
        }
        "Notebook" => vec![name],
        _ => Vec::new(),
    }
}

/// Whether it is a Service of Knative, which has an address outside unless it is kept inside
/// (<https://knative.dev/docs/serving/services/private-services/>).
fn is_public_knative(resource: &Resource) -> bool {
    let group = resource.at("apiVersion").text().ok().unwrap_or_default();
    let labels = resource.at("metadata.labels");
    let visibility = labels.get("networking.knative.dev/visibility");
    &*resource.kind == "Service"
        && group.starts_with("serving.knative.dev/")
        && visibility.equals("cluster-local") == Truth::No
}

fn name(resource: &Resource) -> Option<String> {
    resource.at("metadata.name").text().ok()
}

fn is_outside(kind: &Cursor<'_>) -> Truth {
    kind.text()
        .is(|kind| kind == "LoadBalancer" || kind == "NodePort")
}

impl Target {
    fn of(port: &Cursor<'_>) -> Self {
        let target = port.get("targetPort");
        let target = if target.is_absent().is_yes() {
            port.get("port")
        } else {
            target
        };
        match target.integer() {
            Fact::Known(number) => Self::Number(number),
            Fact::Unknown(why) => Self::Named(Fact::Unknown(why)),
            Fact::Absent => Self::Named(target.text()),
        }
    }
}

impl Behind<'_> {
    /// Whether one of its ports is `port` of the pod. A port by name is looked up there.
    fn leads_to(&self, pod: &Pod<'_>, port: i64) -> Truth {
        Truth::any(self.ports.iter().map(|target| match target {
            Target::Number(number) => (*number == port).into(),
            Target::Named(name) => name.clone().holds(|name| is_called(pod, port, &name)),
        }))
    }
}

fn is_called(pod: &Pod<'_>, port: i64, name: &str) -> Truth {
    let containers = pod.containers();
    let ports = containers
        .iter()
        .flat_map(|it| it.cursor.get("ports").items());
    Truth::any(ports.map(|it| {
        it.get("name")
            .equals(name)
            .and(|| it.get("containerPort").integer().is(|at| at == port))
    }))
}

/// What names the Service in a backend of a route, by any of the ways to write that.
fn host(backend: &Cursor<'_>) -> Fact<String> {
    match &backend.fact {
        Fact::Known(attr) if attr.as_str().is_some() => Attr::text(attr),
        _ => {
            let names = ["name", "host", "serviceName"].map(|key| backend.get(key).text());
            let [name, host, old] = names;
            name.or_else(|| host).or_else(|| old)
        }
    }
}

/// Whether a backend is for the port, where it says a number.
fn has_port(backend: &Cursor<'_>, port: i64) -> Truth {
    let number = backend.at("port.number").integer();
    match number.or_else(|| backend.get("port").integer()) {
        Fact::Known(number) => (number == port).into(),
        _ => Truth::Yes,
    }
}

/// Kinds of routes with the ways to what names a Service in them.
pub(super) const ROUTES: &[(&str, &[&str])] = &[
    (
        "Ingress",
        &[
            "spec.rules[].http.paths[].backend.service",
            "spec.rules[].http.paths[].backend",
            "spec.defaultBackend.service",
        ],
    ),
    ("HTTPRoute", &["spec.rules[].backendRefs[]"]),
    ("GRPCRoute", &["spec.rules[].backendRefs[]"]),
    ("TCPRoute", &["spec.rules[].backendRefs[]"]),
    ("TLSRoute", &["spec.rules[].backendRefs[]"]),
    (
        "VirtualService",
        &[
            "spec.http[].route[].destination",
            "spec.tcp[].route[].destination",
            "spec.tls[].route[].destination",
        ],
    ),
    ("Route", &["spec.to"]),
];

/// Nobody reads more ways to one port.
const MAX_THROUGH: usize = 16;

/// Where the dashboard and the jobs of Ray are.
pub(crate) const RAY_DASHBOARD: i64 = 8265;

/// Where Ray Serve answers.
pub(crate) const RAY_SERVE: i64 = 8000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        check::workload::pods,
        survey::tests::{survey, world},
    };

    /// Whether Ollama in a pod is found to be reached, with `objects` beside it.
    fn is_reached(objects: &str) -> bool {
        let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: o, namespace: ml, labels: {app: o}}\nspec:\n  \
            containers: [{name: o, image: ollama/ollama:0.1, ports: [{containerPort: 11434, name: api}]}]\n";
        let text = format!("{pod}---\n{objects}");
        let outcomes = survey(&[("objects.yaml", text.as_bytes())]);
        let mut findings = outcomes.iter().flat_map(|outcome| &outcome.findings);
        findings.any(|finding| finding.rule.as_str() == "CM-AI-013")
    }

    fn service(more: &str) -> String {
        format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: s, namespace: ml}}\nspec:\n  {more}\n"
        )
    }

    #[test]
    fn services_of_knative_are_public_unless_they_are_kept_inside() {
        let of = |kind: &str, labels: &str| {
            let text = format!(
                "apiVersion: {kind}\nkind: Service\nmetadata: {{name: s, labels: {labels}}}\nspec:\n  template:\n    \
                 spec: {{containers: [{{name: o, image: 'ollama/ollama:0.1', ports: [{{containerPort: 11434}}]}}]}}\n"
            );
            let outcomes = survey(&[("s.yaml", text.as_bytes())]);
            let mut findings = outcomes.iter().flat_map(|outcome| &outcome.findings);
            findings.any(|finding| finding.rule.as_str() == "CM-AI-013")
        };
        assert!(of("serving.knative.dev/v1", "{}"));
        let inside = "{networking.knative.dev/visibility: cluster-local}";
        assert!(!of("serving.knative.dev/v1", inside));
        assert!(!of("inference.example.org/v1", "{}"));
    }

    #[test]
    fn services_open_what_they_select() {
        for (spec, expected) in [
            (
                "{type: LoadBalancer, selector: {app: o}, ports: [{port: 80, targetPort: api}]}",
                true,
            ),
            (
                "{type: NodePort, selector: {app: o}, ports: [{port: 11434}]}",
                true,
            ),
            (
                "{type: ClusterIP, selector: {app: o}, ports: [{port: 11434}]}",
                false,
            ),
            (
                "{type: LoadBalancer, selector: {app: x}, ports: [{port: 11434}]}",
                false,
            ),
            ("{type: LoadBalancer, ports: [{port: 11434}]}", false),
        ] {
            assert_eq!(is_reached(&service(spec)), expected, "{spec}");
        }
        let elsewhere = service("{type: NodePort, selector: {app: o}, ports: [{port: 11434}]}");
        assert!(!is_reached(
            &elsewhere.replace("namespace: ml", "namespace: web")
        ));
    }

    #[test]
    fn routes_lead_on_from_services() {
        let inner = service("{selector: {app: o}, ports: [{port: 80, targetPort: 11434}]}");
        for (kind, spec) in [
            (
                "Ingress",
                "{rules: [{http: {paths: [{backend: {service: {name: s, port: {number: 80}}}}]}}]}",
            ),
            (
                "HTTPRoute",
                "{rules: [{backendRefs: [{name: s, port: 80}]}]}",
            ),
            (
                "VirtualService",
                "{http: [{route: [{destination: {host: s.ml.svc.cluster.local}}]}]}",
            ),
            ("Route", "{to: {kind: Service, name: s}}"),
        ] {
            let with = |spec: &str| {
                format!(
                    "{inner}---\napiVersion: x/v1\nkind: {kind}\nmetadata: {{name: r, namespace: ml}}\n\
                     spec: {spec}\n"
                )
            };
            assert!(is_reached(&with(spec)), "{kind}");
            let other = spec.replace("name: s", "name: t").replace("s.ml", "t.ml");
            assert!(!is_reached(&with(&other)), "{kind}");
        }
    }

    #[test]
    fn of_many_ways_to_one_port_the_first_are_told() {
        let services: Vec<String> = (0..2 * MAX_THROUGH)
            .map(|at| {
                service("{type: NodePort, selector: {app: o}, ports: [{port: 11434}]}")
                    .replace("name: s", &format!("name: s{at}"))
            })
            .collect();
        let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: o, namespace: ml, labels: {app: o}}\n\
            spec: {containers: [{name: o, image: x}]}\n";
        let text = format!("{pod}---\n{}", services.join("---\n"));
        let world = world(&[("objects.yaml".to_owned(), text.into_bytes())]);
        let pods = pods(&world);
        let reach = Exposure::of(&world).reach(&pods[0], Some(11434));
        assert_eq!(reach.outside, Truth::Yes);
        let told: Vec<&str> = reach.through.iter().map(|it| &*it.what).collect();
        assert_eq!((told.len(), told[1]), (MAX_THROUGH, "Service/ml/s1"));
    }
}
