//! Who reaches a port of a pod, and by which objects.
//!
//! Objects are joined within a namespace: Services to pods by their selectors, routes (Ingress,
//! HTTPRoute and its kin, VirtualService, Route) to Services by their names. What a policy of the
//! network forbids in between is not asked here.

use super::{
    Related,
    workload::{Pod, are_together, selects},
};
use crate::{Attr, Cursor, Fact, Resource, Truth, World};

/// How a port is reached.
#[derive(Clone, Debug)]
pub(crate) struct Reach {
    /// Whether from outside of the cluster.
    pub(crate) outside: Truth,
    /// The objects that make it so.
    pub(crate) through: Vec<Related>,
}

/// What reaches `port` of `pod`; of any port, where that is not said.
pub(crate) fn reach(pod: &Pod<'_>, port: Option<i64>, world: &World) -> Reach {
    let mut reach = Reach {
        outside: Truth::No,
        through: Vec::new(),
    };
    reach.of_pod(pod, port);
    for service in world.of_kind("Service") {
        if are_together(service, pod.resource()) {
            reach.of_service(service, pod, port, world);
        }
    }
    for name in made_services(pod) {
        reach.of_routes(&name, pod.resource(), port, world);
    }
    reach
}

impl Reach {
    fn add(&mut self, truth: Truth, cursor: &Cursor<'_>) {
        if truth == Truth::No {
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
        if &*pod.resource().kind == "RayService" {
            let kind = pod.resource().at("spec.serveService.spec.type");
            let is_serve = port.is_none_or(|port| port == RAY_SERVE);
            self.add(is_outside(&kind).and(|| is_serve.into()), &kind);
        }
    }

    fn of_service(&mut self, service: &Resource, pod: &Pod<'_>, port: Option<i64>, world: &World) {
        let selector = service.at("spec.selector");
        // A Service without a selector is for addresses that somebody else writes down.
        if selector.entries().is_empty() {
            return;
        }
        let mut is_for = selects(&selector, pod);
        if is_for == Truth::No {
            return;
        }
        if let Some(port) = port {
            is_for = is_for.and(|| leads_to(service, pod, port));
        }
        let kind = service.at("spec.type");
        let addresses = service.at("spec.externalIPs");
        self.add(is_for.clone().and(|| is_outside(&kind)), &kind);
        self.add(is_for.clone().and(|| !addresses.is_absent()), &addresses);
        if is_for == Truth::No {
            return;
        }
        if let Some(name) = name(service) {
            self.of_routes(&name, service, port, world);
        }
    }

    /// Routes to the Service `name`, which is together with `near`.
    fn of_routes(&mut self, service: &str, near: &Resource, port: Option<i64>, world: &World) {
        for (kind, ways) in ROUTES {
            for route in world
                .of_kind(kind)
                .filter(|route| are_together(route, near))
            {
                let backends = ways.iter().flat_map(|way| route.cursor().walk(way));
                for backend in backends {
                    let is_it = leads_to_service(&backend, service, port);
                    self.add(is_it, &backend);
                }
            }
        }
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

fn name(resource: &Resource) -> Option<String> {
    resource.at("metadata.name").text().ok()
}

fn is_outside(kind: &Cursor<'_>) -> Truth {
    kind.text()
        .is(|kind| kind == "LoadBalancer" || kind == "NodePort")
}

/// Whether one of the ports of a Service is `port` of the pod. A port by name is looked up there.
fn leads_to(service: &Resource, pod: &Pod<'_>, port: i64) -> Truth {
    let ports = service.at("spec.ports").items();
    Truth::any(ports.iter().map(|it| {
        let target = it.get("targetPort");
        let target = if target.is_absent().is_yes() {
            it.get("port")
        } else {
            target
        };
        match target.integer() {
            Fact::Known(number) => (number == port).into(),
            Fact::Unknown(why) => Truth::Unknown(why),
            Fact::Absent => target.text().holds(|name| is_called(pod, port, &name)),
        }
    }))
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

/// Whether a backend of a route is the Service, by any of the ways to write that. Its port is asked
/// where it is a number and a Service is not there to say what is behind it: those that controllers
/// make have the ports of their pods.
fn leads_to_service(backend: &Cursor<'_>, service: &str, port: Option<i64>) -> Truth {
    let host = match &backend.fact {
        Fact::Known(attr) if attr.as_str().is_some() => Attr::text(attr),
        _ => {
            let names = ["name", "host", "serviceName"].map(|key| backend.get(key).text());
            let [name, host, old] = names;
            name.or_else(|| host).or_else(|| old)
        }
    };
    let is_it = host.is(|host| host.split('.').next() == Some(service));
    let is_made = service.ends_with("-head-svc") || service.ends_with("-serve-svc");
    let Some(port) = port.filter(|_| is_made) else {
        return is_it;
    };
    let number = backend.at("port.number").integer();
    let number = number.or_else(|| backend.get("port").integer());
    match number {
        Fact::Known(number) => is_it.and(|| (number == port).into()),
        _ => is_it,
    }
}

/// Kinds of routes with the ways to what names a Service in them.
const ROUTES: &[(&str, &[&str])] = &[
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

/// Where the dashboard and the jobs of Ray are.
pub(crate) const RAY_DASHBOARD: i64 = 8265;

/// Where Ray Serve answers.
pub(crate) const RAY_SERVE: i64 = 8000;

#[cfg(test)]
mod tests {
    use crate::survey::tests::survey;

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
}
