//! What the network lets through: Services, routes, policies of the network and of a mesh. What reaches
//! a pod, and by which objects, is asked in `exposure`.

use std::borrow::Cow;

use casemate_core::{Confidence, Example, Reference, Rule, RuleId, Severity};

use super::{
    Check, Family, Persona, Report,
    selection::{Labels, Selectors, Together},
    workloads::Workloads,
};
use crate::{Cursor, Resource, Truth, World};

pub(super) const FAMILY: Family = Family {
    rules: &[
        (&BALANCER, Persona::Regular),
        (&NODE_PORT, Persona::Regular),
        (&EXTERNAL_IP, Persona::Regular),
        (&NO_TLS, Persona::Regular),
        (&ANY_HOST, Persona::Pedantic),
        (&PLAIN_GATEWAY, Persona::Pedantic),
        (&ALLOWS_ALL, Persona::Regular),
        (&METADATA, Persona::Pedantic),
        (&NO_POLICY, Persona::Auditor),
        (&SELECTS_NONE, Persona::Auditor),
        (&PERMISSIVE, Persona::Regular),
        (&ALLOWS_ANYBODY, Persona::Regular),
    ],
    check: Check::Workloads(check),
};

fn check(workloads: &Workloads<'_>, report: &mut Report) {
    let world = workloads.world;
    for service in world.of_kind("Service") {
        services(service, report);
    }
    for ingress in world.of_kind("Ingress") {
        ingresses(ingress, report);
    }
    for gateway in world.of_kind("Gateway") {
        gateways(gateway, report);
    }
    let policies = Selectors::of(world.of_kind("NetworkPolicy"), "spec.podSelector");
    let mut select = vec![Truth::No; policies.len()];
    let mut around: Together<'_, (), ()> = Together::default();
    for pod in &workloads.pods {
        around.add(pod.resource(), &(), &());
        let labels = Labels::of(pod);
        let mut selected = Truth::No;
        for at in policies.near(&labels) {
            if selected.is_yes() && select[at].is_yes() {
                continue;
            }
            let selects = policies.selects(at, &labels);
            select[at] = select[at].clone().or(|| selects.clone());
            selected = selected.or(|| selects);
        }
        if pod.is_whole() {
            report.when(!selected, &NO_POLICY, &pod.spec, || {
                "no NetworkPolicy here is for the pod".to_owned()
            });
        }
    }
    for (at, selects) in select.into_iter().enumerate() {
        let policy = policies.object(at);
        lets_through(policy, report);
        let is_with_pods = around.near(policy, &()).next().is_some();
        let is_dangling = Truth::from(is_with_pods).and(|| !selects);
        report.when(
            is_dangling,
            &SELECTS_NONE,
            &policy.at("spec.podSelector"),
            || "no pod here has the labels".to_owned(),
        );
    }
    mesh(world, report);
}

fn services(service: &Resource, report: &mut Report) {
    let spec = service.at("spec");
    let kind = spec.get("type");
    let is_kept = || {
        let ranges = !spec.get("loadBalancerSourceRanges").is_absent();
        ranges.or(|| is_internal(service))
    };
    let is_open = kind.equals("LoadBalancer").and(|| !is_kept());
    report.when(is_open, &BALANCER, &kind, || {
        "the Service has an address that others reach".to_owned()
    });
    report.when(kind.equals("NodePort"), &NODE_PORT, &kind, || {
        "the Service has a port of every node".to_owned()
    });
    let taken = spec.get("externalIPs");
    let is_taken = Truth::any(taken.items().iter().map(|it| !it.is_absent()));
    report.when(is_taken, &EXTERNAL_IP, &taken, || {
        "the Service takes addresses".to_owned()
    });
}

/// Whether an annotation asks for an address inside of the network of the cloud.
pub(super) fn is_internal(service: &Resource) -> Truth {
    let annotations = service.at("metadata.annotations");
    Truth::any(INTERNAL.iter().map(|(key, value)| {
        let value = |text: String| text.eq_ignore_ascii_case(value);
        annotations.get(key).text().is(value)
    }))
}

fn ingresses(ingress: &Resource, report: &mut Report) {
    let spec = ingress.at("spec");
    let annotations = ingress.at("metadata.annotations");
    let has_certificate = || {
        Truth::any(
            CERTIFICATES
                .iter()
                .map(|key| !annotations.get(key).is_absent()),
        )
    };
    let is_plain = spec.get("tls").is_absent().and(|| !has_certificate());
    report.when(is_plain, &NO_TLS, &spec.get("tls"), || {
        "the Ingress has no TLS".to_owned()
    });
    for rule in spec.get("rules").items() {
        let host = rule.get("host");
        let is_any = host.is_absent().or(|| host.equals("*"));
        report.when(is_any, &ANY_HOST, &host, || {
            "the rule is for every host".to_owned()
        });
    }
}

/// Those of Istio, and of the Gateway API.
fn gateways(gateway: &Resource, report: &mut Report) {
    for server in gateway.at("spec.servers").items() {
        let protocol = server.at("port.protocol");
        let redirects = || server.at("tls.httpsRedirect").is_true();
        let is_plain = protocol.text().is(|it| it.eq_ignore_ascii_case("http"));
        report.when(
            is_plain.and(|| !redirects()),
            &PLAIN_GATEWAY,
            &protocol,
            || "the gateway listens without TLS".to_owned(),
        );
    }
    for listener in gateway.at("spec.listeners").items() {
        let protocol = listener.get("protocol");
        report.when(protocol.equals("HTTP"), &PLAIN_GATEWAY, &protocol, || {
            "the gateway listens without TLS".to_owned()
        });
    }
}

fn lets_through(policy: &Resource, report: &mut Report) {
    let spec = policy.at("spec");
    let selector = spec.get("podSelector");
    let selects_all = Truth::all(["matchLabels", "matchExpressions"].map(|key| {
        let part = selector.get(key);
        (part.entries().is_empty() && part.items().is_empty()).into()
    }));
    for rule in spec.get("ingress").items() {
        let from = rule.get("from");
        let is_anybody = from.is_absent().or(|| is_empty(&from));
        // With ports it is an open port, and that may be meant.
        let is_all = is_anybody.and(|| rule.get("ports").is_absent());
        report.when(
            is_all.and(|| selects_all.clone()),
            &ALLOWS_ALL,
            &rule,
            || "the rule is for everybody".to_owned(),
        );
    }
    for rule in spec.get("egress").items() {
        for to in rule.get("to").items() {
            let block = to.get("ipBlock");
            let is_wide = block.get("cidr").text().is(|it| it == "0.0.0.0/0");
            let excepted = block.get("except").items();
            let is_excepted = || {
                Truth::any(
                    excepted
                        .iter()
                        .map(|it| it.text().is(|it| it.starts_with("169.254."))),
                )
            };
            report.when(is_wide.and(|| !is_excepted()), &METADATA, &block, || {
                "the block has the metadata service in it".to_owned()
            });
        }
    }
}

fn is_empty(list: &Cursor<'_>) -> Truth {
    list.items().is_empty().into()
}

fn mesh(world: &World, report: &mut Report) {
    for peer in world.of_kind("PeerAuthentication") {
        let mode = peer.at("spec.mtls.mode");
        let is_plain = mode.text().is(|it| it == "PERMISSIVE" || it == "DISABLE");
        report.when(is_plain, &PERMISSIVE, &mode, || {
            format!("the mode is {}", mode.shown())
        });
        for (port, at) in peer.at("spec.portLevelMtls").entries() {
            let mode = at.get("mode");
            let is_plain = mode.text().is(|it| it == "PERMISSIVE" || it == "DISABLE");
            report.when(is_plain, &PERMISSIVE, &mode, || {
                format!("the mode of port {port} is {}", mode.shown())
            });
        }
    }
    for policy in world.of_kind("AuthorizationPolicy") {
        let action = policy.at("spec.action");
        let allows = action.is_absent().or(|| action.equals("ALLOW"));
        for rule in policy.at("spec.rules").items() {
            let is_any = Truth::all(["from", "to", "when"].map(|key| rule.get(key).is_absent()));
            report.when(
                is_any.and(|| allows.clone()),
                &ALLOWS_ANYBODY,
                &rule,
                || "the rule is for everybody".to_owned(),
            );
        }
    }
}

/// By the documentation of each cloud's load balancers.
const INTERNAL: &[(&str, &str)] = &[
    (
        "service.beta.kubernetes.io/aws-load-balancer-internal",
        "true",
    ),
    (
        "service.beta.kubernetes.io/aws-load-balancer-scheme",
        "internal",
    ),
    (
        "service.beta.kubernetes.io/azure-load-balancer-internal",
        "true",
    ),
    ("networking.gke.io/load-balancer-type", "internal"),
    ("cloud.google.com/load-balancer-type", "internal"),
];

/// What gives an Ingress a certificate without `tls`.
const CERTIFICATES: &[&str] = &[
    "alb.ingress.kubernetes.io/certificate-arn",
    "networking.gke.io/managed-certificates",
    "ingress.gcp.kubernetes.io/pre-shared-cert",
];

static BALANCER: Rule = Rule {
    id: RuleId::new("CM-NET-001"),
    title: Cow::Borrowed("A Service is open to the network outside of the cluster"),
    severity: Severity::Medium,
    confidence: Confidence::Medium,
    description: Cow::Borrowed(
        "A Service of the type LoadBalancer asks the cloud for an address that others reach; unless an \
         annotation keeps it inside, the Internet does.",
    ),
    remediation: Cow::Borrowed(
        "Use a ClusterIP behind an Ingress that asks who calls, or set `loadBalancerSourceRanges` or the \
         annotation for an internal address.",
    ),
    references: Cow::Borrowed(&[
        Reference::new("CWE-668"),
        Reference::new("T1190"),
        Reference::new("https://kubernetes.io/docs/concepts/services-networking/service/"),
    ]),
    bad: Some(Example::new("object.yaml", BALANCER_BAD)),
    good: Some(Example::new("object.yaml", BALANCER_GOOD)),
};

static NODE_PORT: Rule = Rule {
    id: RuleId::new("CM-NET-002"),
    title: Cow::Borrowed("A Service is open on every node"),
    severity: Severity::Low,
    confidence: Confidence::Medium,
    description: Cow::Borrowed(
        "A Service of the type NodePort listens on the addresses of all nodes, for whoever reaches one of \
         them.",
    ),
    remediation: Cow::Borrowed("Use a ClusterIP behind an Ingress that asks who calls."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-668"),
        Reference::new("https://kubernetes.io/docs/concepts/services-networking/service/"),
    ]),
    bad: Some(Example::new("object.yaml", NODE_PORT_BAD)),
    good: Some(Example::new("object.yaml", NODE_PORT_GOOD)),
};

static EXTERNAL_IP: Rule = Rule {
    id: RuleId::new("CM-NET-003"),
    title: Cow::Borrowed("A Service takes addresses of others"),
    severity: Severity::Medium,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "With `externalIPs` a Service gets what its cluster sends to these addresses, whoever they belong to: \
         its author may sit between others and a registry or a model hub.",
    ),
    remediation: Cow::Borrowed("Remove `externalIPs`."),
    references: Cow::Borrowed(&[Reference::new("CVE-2020-8554"), Reference::new("CWE-300")]),
    bad: Some(Example::new("object.yaml", EXTERNAL_IP_BAD)),
    good: Some(Example::new("object.yaml", EXTERNAL_IP_GOOD)),
};

static NO_TLS: Rule = Rule {
    id: RuleId::new("CM-NET-004"),
    title: Cow::Borrowed("An Ingress has no TLS"),
    severity: Severity::Medium,
    confidence: Confidence::Medium,
    description: Cow::Borrowed(
        "Prompts, answers, tokens and models go over the network for everybody between to read and change.",
    ),
    remediation: Cow::Borrowed("Add `tls` with a certificate."),
    references: Cow::Borrowed(&[Reference::new("CWE-319"), Reference::new("T1557")]),
    bad: Some(Example::new("object.yaml", NO_TLS_BAD)),
    good: Some(Example::new("object.yaml", NO_TLS_GOOD)),
};

static ANY_HOST: Rule = Rule {
    id: RuleId::new("CM-NET-005"),
    title: Cow::Borrowed("A route answers to every name"),
    severity: Severity::Low,
    confidence: Confidence::Medium,
    description: Cow::Borrowed(
        "A route without a host, or for all of them, answers whatever name a caller or a web page of a \
         stranger uses: the attack known as DNS rebinding needs no more.",
    ),
    remediation: Cow::Borrowed("Name the host."),
    references: Cow::Borrowed(&[Reference::new("CWE-346")]),
    bad: Some(Example::new("object.yaml", ANY_HOST_BAD)),
    good: Some(Example::new("object.yaml", ANY_HOST_GOOD)),
};

static PLAIN_GATEWAY: Rule = Rule {
    id: RuleId::new("CM-NET-006"),
    title: Cow::Borrowed("A gateway listens without TLS"),
    severity: Severity::Medium,
    confidence: Confidence::Medium,
    description: Cow::Borrowed(
        "What goes through a listener for plain HTTP is read and changed by everybody between, unless it only \
         redirects.",
    ),
    remediation: Cow::Borrowed("Listen with TLS, or redirect (`tls.httpsRedirect: true`)."),
    references: Cow::Borrowed(&[Reference::new("CWE-319")]),
    bad: Some(Example::new("object.yaml", PLAIN_GATEWAY_BAD)),
    good: Some(Example::new("object.yaml", PLAIN_GATEWAY_GOOD)),
};

static ALLOWS_ALL: Rule = Rule {
    id: RuleId::new("CM-NET-007"),
    title: Cow::Borrowed("A NetworkPolicy lets everybody in"),
    severity: Severity::Medium,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "A rule that names nobody allows all of them, and what a NetworkPolicy allows no other one forbids: \
         for every pod of the namespace it is as if there was none.",
    ),
    remediation: Cow::Borrowed("Name who may come in with `from`."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-668"),
        Reference::new("https://kubernetes.io/docs/concepts/services-networking/network-policies/"),
    ]),
    bad: Some(Example::new("object.yaml", ALLOWS_ALL_BAD)),
    good: Some(Example::new("object.yaml", ALLOWS_ALL_GOOD)),
};

static METADATA: Rule = Rule {
    id: RuleId::new("CM-NET-008"),
    title: Cow::Borrowed("A NetworkPolicy lets pods reach the metadata service of the cloud"),
    severity: Severity::Medium,
    confidence: Confidence::Medium,
    description: Cow::Borrowed(
        "A rule of egress for every address includes 169.254.169.254, where a cloud gives credentials of the \
         node to whoever asks. Code in a notebook or an agent asks.",
    ),
    remediation: Cow::Borrowed("Except 169.254.169.254/32 from the block."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-918"),
        Reference::new("T1552.005"),
        Reference::new("https://kubernetes.io/docs/concepts/services-networking/network-policies/"),
    ]),
    bad: Some(Example::new("object.yaml", METADATA_BAD)),
    good: Some(Example::new("object.yaml", METADATA_GOOD)),
};

static NO_POLICY: Rule = Rule {
    id: RuleId::new("CM-NET-009"),
    title: Cow::Borrowed("No NetworkPolicy is for a pod"),
    severity: Severity::Low,
    confidence: Confidence::Medium,
    description: Cow::Borrowed(
        "A pod that no NetworkPolicy selects talks with every pod of the cluster and every address outside. \
         Policies that others apply are not seen here.",
    ),
    remediation: Cow::Borrowed(
        "Add a policy that selects every pod of the namespace and allows nothing, and others for what is \
         needed.",
    ),
    references: Cow::Borrowed(&[
        Reference::new("CWE-668"),
        Reference::new("T1021"),
        Reference::new("https://kubernetes.io/docs/concepts/services-networking/network-policies/"),
    ]),
    bad: Some(Example::new("object.yaml", NO_POLICY_BAD)),
    good: Some(Example::new("objects.txtar", NO_POLICY_GOOD)),
};

static SELECTS_NONE: Rule = Rule {
    id: RuleId::new("CM-NET-010"),
    title: Cow::Borrowed("A NetworkPolicy selects no pod"),
    severity: Severity::Low,
    confidence: Confidence::Medium,
    description: Cow::Borrowed(
        "The labels that the policy asks for are on no pod that is declared here in its namespace: it \
         protects nothing, or protects something that is declared elsewhere.",
    ),
    remediation: Cow::Borrowed("Correct the labels in `podSelector`."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-1188"),
        Reference::new("https://kubernetes.io/docs/concepts/services-networking/network-policies/"),
    ]),
    bad: Some(Example::new("objects.txtar", SELECTS_NONE_BAD)),
    good: Some(Example::new("objects.txtar", SELECTS_NONE_GOOD)),
};

static PERMISSIVE: Rule = Rule {
    id: RuleId::new("CM-NET-011"),
    title: Cow::Borrowed("A mesh takes plain text"),
    severity: Severity::Medium,
    confidence: Confidence::Medium,
    description: Cow::Borrowed(
        "A PeerAuthentication of the mode PERMISSIVE or DISABLE lets a caller be nobody: rules that name \
         principals do not hold for him, and what he sends is read on the way.",
    ),
    remediation: Cow::Borrowed("Set the mode `STRICT`."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-319"),
        Reference::new(
            "https://istio.io/latest/docs/reference/config/security/peer_authentication/",
        ),
    ]),
    bad: Some(Example::new("object.yaml", PERMISSIVE_BAD)),
    good: Some(Example::new("object.yaml", PERMISSIVE_GOOD)),
};

static ALLOWS_ANYBODY: Rule = Rule {
    id: RuleId::new("CM-NET-012"),
    title: Cow::Borrowed("An AuthorizationPolicy allows everybody"),
    severity: Severity::Medium,
    confidence: Confidence::Medium,
    description: Cow::Borrowed(
        "A rule of the action ALLOW that has neither sources nor operations nor conditions holds for every \
         request.",
    ),
    remediation: Cow::Borrowed("Name the principals, or the conditions, in the rule."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-862"),
        Reference::new(
            "https://istio.io/latest/docs/reference/config/security/authorization-policy/",
        ),
    ]),
    bad: Some(Example::new("object.yaml", ALLOWS_ANYBODY_BAD)),
    good: Some(Example::new("object.yaml", ALLOWS_ANYBODY_GOOD)),
};

const BALANCER_BAD: &[u8] = br"apiVersion: v1
kind: Service
metadata: {name: serve, namespace: ml}
spec:
  selector: {app: serve}
  ports: [{port: 80, targetPort: 8000}]
  type: LoadBalancer
";

const BALANCER_GOOD: &[u8] = br"apiVersion: v1
kind: Service
metadata: {name: serve, namespace: ml}
spec:
  selector: {app: serve}
  ports: [{port: 80, targetPort: 8000}]
  type: LoadBalancer
  loadBalancerSourceRanges: [10.0.0.0/8]
";

const NODE_PORT_BAD: &[u8] = br"apiVersion: v1
kind: Service
metadata: {name: serve, namespace: ml}
spec:
  selector: {app: serve}
  ports: [{port: 80, targetPort: 8000}]
  type: NodePort
";

const NODE_PORT_GOOD: &[u8] = br"apiVersion: v1
kind: Service
metadata: {name: serve, namespace: ml}
spec:
  selector: {app: serve}
  ports: [{port: 80, targetPort: 8000}]
  type: ClusterIP
";

const EXTERNAL_IP_BAD: &[u8] = br"apiVersion: v1
kind: Service
metadata: {name: serve, namespace: ml}
spec:
  selector: {app: serve}
  ports: [{port: 80, targetPort: 8000}]
  externalIPs: [203.0.113.7]
";

const EXTERNAL_IP_GOOD: &[u8] = br"apiVersion: v1
kind: Service
metadata: {name: serve, namespace: ml}
spec:
  selector: {app: serve}
  ports: [{port: 80, targetPort: 8000}]
  type: ClusterIP
";

const NO_TLS_BAD: &[u8] = br"apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: serve, namespace: ml}
spec:
  rules:
  - host: 'serve.example.org'
    http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: serve, port: {number: 80}}}}]}
";

const NO_TLS_GOOD: &[u8] = br"apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: serve, namespace: ml}
spec:
  tls: [{hosts: [serve.example.org], secretName: serve-tls}]
  rules:
  - host: 'serve.example.org'
    http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: serve, port: {number: 80}}}}]}
";

const ANY_HOST_BAD: &[u8] = br"apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: serve, namespace: ml}
spec:
  tls: [{hosts: [serve.example.org], secretName: serve-tls}]
  rules:
  - host: '*'
    http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: serve, port: {number: 80}}}}]}
";

const ANY_HOST_GOOD: &[u8] = br"apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: serve, namespace: ml}
spec:
  tls: [{hosts: [serve.example.org], secretName: serve-tls}]
  rules:
  - host: 'serve.example.org'
    http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: serve, port: {number: 80}}}}]}
";

const PLAIN_GATEWAY_BAD: &[u8] = br"apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: g, namespace: ml}
spec:
  servers:
  - port: {number: 80, name: http, protocol: HTTP}
    hosts: [serve.example.org]
";

const PLAIN_GATEWAY_GOOD: &[u8] = br"apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: g, namespace: ml}
spec:
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    tls: {mode: SIMPLE, credentialName: serve-tls}
    hosts: [serve.example.org]
";

const ALLOWS_ALL_BAD: &[u8] = br"apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: serve, namespace: ml}
spec:
  podSelector: {}
  ingress: [{}]
";

const ALLOWS_ALL_GOOD: &[u8] = br"apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: serve, namespace: ml}
spec:
  podSelector: {}
  ingress: [{from: [{podSelector: {}}]}]
";

const METADATA_BAD: &[u8] = br"apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: serve, namespace: ml}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0}}]}]
";

const METADATA_GOOD: &[u8] = br"apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: serve, namespace: ml}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0, except: [169.254.169.254/32]}}]}]
";

const NO_POLICY_BAD: &[u8] = br"apiVersion: v1
kind: Pod
metadata: {name: serve, namespace: ml}
spec:
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
";

const NO_POLICY_GOOD: &[u8] = br"-- pod.yaml --
apiVersion: v1
kind: Pod
metadata: {name: serve, namespace: ml}
spec:
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
-- policy.yaml --
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: serve, namespace: ml}
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
";

const SELECTS_NONE_BAD: &[u8] = br"-- pod.yaml --
apiVersion: v1
kind: Pod
metadata: {name: serve, namespace: ml, labels: {app: serve}}
spec:
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
-- policy.yaml --
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: serve, namespace: ml}
spec:
  podSelector: {matchLabels: {app: sevre}}
  policyTypes: [Ingress]
";

const SELECTS_NONE_GOOD: &[u8] = br"-- pod.yaml --
apiVersion: v1
kind: Pod
metadata: {name: serve, namespace: ml, labels: {app: serve}}
spec:
  containers:
  - name: server
    image: registry.example.org/serve@sha256:0f1e
-- policy.yaml --
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: serve, namespace: ml}
spec:
  podSelector: {matchLabels: {app: serve}}
  policyTypes: [Ingress]
";

const PERMISSIVE_BAD: &[u8] = br"apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: ml}
spec: {mtls: {mode: PERMISSIVE}}
";

const PERMISSIVE_GOOD: &[u8] = br"apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: ml}
spec: {mtls: {mode: STRICT}}
";

const ALLOWS_ANYBODY_BAD: &[u8] = br"apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: serve, namespace: ml}
spec:
  action: ALLOW
  rules: [{}]
";

const ALLOWS_ANYBODY_GOOD: &[u8] = br"apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: serve, namespace: ml}
spec:
  action: ALLOW
  rules: [{from: [{source: {principals: [cluster.local/ns/ml/sa/gateway]}}]}]
";
