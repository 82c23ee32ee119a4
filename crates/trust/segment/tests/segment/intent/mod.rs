//! What is declared, held against what passes; and what is written for it.

mod generated;

use casemate_segment::{
    Assumptions, Connections, Protocol,
    generate::{self, Target},
    identity::{Goal, Hop},
    intent::{Intent, Violation, check, derive, observe, to_yaml},
    observed::{Format, Party, Seen},
};

use crate::kit::cluster_with as cluster;

fn intent(text: &str) -> Intent {
    Intent::read(text.as_bytes()).expect("a declaration")
}

/// What is not as declared: `undeclared notebooks => registry: TCP 80 (lab/notebook, models/registry)`.
fn told(intent: &Intent, manifests: &str) -> Vec<String> {
    let assumptions = Assumptions {
        pod_network: Some(intent.cluster.clone()),
        declared_only: true,
        ..intent.assumptions()
    };
    let analysis = cluster(manifests, assumptions);
    let line = |it: Violation| {
        let zone = |at: Option<usize>| at.map_or("-", |at| &intent.zones[at].name);
        let (from, to) = it.pairs[0];
        let sure = if it.is_sure { "" } else { "perhaps " };
        format!(
            "{sure}{} {} => {}: {} ({} => {}, {})",
            it.kind.as_str(),
            zone(it.from),
            zone(it.to),
            it.connections,
            analysis.endpoint(from),
            analysis.endpoint(to),
            it.pairs.len()
        )
    };
    let violations = check(intent, &analysis).expect("small");
    violations.into_iter().map(line).collect()
}

const LAB: &str = "
apiVersion: v1
kind: Namespace
metadata: {name: lab}
---
apiVersion: v1
kind: Namespace
metadata: {name: models}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: notebook, namespace: lab}
spec:
  template:
    metadata: {labels: {app: notebook}}
    spec:
      serviceAccountName: science
      containers:
      - {name: c, image: i, env: [{name: REGISTRY, value: 'http://registry.models:5000'}, {name: HUB, value: 'https://hub.example'}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: registry, namespace: models}
spec:
  template:
    metadata: {labels: {app: registry}}
    spec: {containers: [{name: c, image: i, ports: [{containerPort: 5001}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: registry, namespace: models}
spec: {selector: {app: registry}, ports: [{port: 5000, targetPort: 5001}]}
";

const ZONES: &str = "
zones:
  notebooks: {namespaces: [lab]}
  registry: {namespaces: [models]}
flows:
  - {from: notebooks, to: registry, ports: [TCP 5001], as: [science]}
";

#[test]
fn what_is_not_as_declared_is_told() {
    let strange = ZONES
        .replace("as: [science]", "as: [other]")
        .replace("TCP 5001", "TCP 6000-6001");
    let intent = intent(&format!("{strange}  - {{from: registry, to: outside}}\n"));
    let policies =
        generate::policies(&self::intent(ZONES), Target::NetworkPolicy).expect("policies");
    let text = generate::to_yaml(&policies.network);
    let more = "
apiVersion: v1
kind: Pod
metadata: {name: tmp, namespace: other, labels: {app: tmp}}
spec: {containers: [{name: c, image: i}]}
";
    assert_eq!(
        told(&intent, &format!("{LAB}---\n{text}---{more}")),
        [
            "undeclared notebooks => registry: TCP 5001 (lab/notebook[Deployment] => models/registry[Deployment], 1)",
            "blocked notebooks => registry: TCP 6000-6001 (lab/notebook[Deployment] => models/registry[Deployment], 1)",
            "blocked registry => outside: All Connections (models/registry[Deployment] => 0.0.0.0-100.100.100.199,100.100.100.201-169.254.169.253,169.254.169.255-169.254.170.1,169.254.170.3-169.254.170.22,169.254.170.24-255.255.255.255[External], 1)",
            "account notebooks => registry: No Connections (lab/notebook[Deployment] => lab/notebook[Deployment], 1)",
            "unplaced - => -: No Connections (other/tmp[Pod] => other/tmp[Pod], 1)",
        ]
    );
}

#[test]
fn what_hangs_on_something_unknown_is_told_as_that() {
    let intent = intent(ZONES);
    let policy = "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: x, namespace: models}
spec: {podSelector: {matchLabels: {app: registry}}, policyTypes: [Ingress, Egress], ingress: [{from: [{namespaceSelector: {matchLabels: {team: a}}}]}]}
";
    let labels = LAB.replace("metadata: {name: lab}", "metadata: {name: lab2}");
    let told = told(&intent, &format!("{labels}---{policy}"));
    assert!(
        told.iter().all(|it| !it.contains("blocked registry")),
        "{told:#?}"
    );
}

#[test]
fn what_passes_between_the_pods_of_one_workload_is_held_against_the_declaration() {
    let isolated = "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: x, namespace: lab}
spec: {podSelector: {}, policyTypes: [Ingress, Egress], ingress: [{from: [{podSelector: {}}]}], egress: [{to: [{podSelector: {}}]}]}
";
    let text = format!("{LAB}---{isolated}");
    let inner = "undeclared notebooks => notebooks: All Connections (lab/notebook[Deployment] => lab/notebook[Deployment], 1)";
    assert!(told(&intent(ZONES), &text).contains(&inner.to_owned()));
    let derived = derive(&cluster(&text, Assumptions::default())).expect("small");
    assert!(
        to_yaml(&derived).contains("{from: lab, to: lab}"),
        "{derived:?}"
    );
}

#[test]
fn service_accounts_are_known_or_not() {
    let of = |written: &str| {
        let text = LAB.replace("serviceAccountName: science", written);
        let all = told(&intent(ZONES), &text).into_iter();
        all.filter(|it| it.contains("account ")).collect::<Vec<_>>()
    };
    assert_eq!(of("serviceAccount: science"), [""; 0]);
    let line = "account notebooks => registry: No Connections (lab/notebook[Deployment] => lab/notebook[Deployment], 1)";
    assert_eq!(of("serviceAccount: other"), [line]);
    assert_eq!(of("hostname: x"), [line]);
    assert_eq!(
        of("serviceAccountName: {a: b}"),
        [format!("perhaps {line}")]
    );
}

#[test]
fn what_nothing_sends_through_the_controller_is_not_blocked() {
    let intent = intent(&format!(
        "{ZONES}  - {{from: ingress-controller, to: registry}}\n"
    ));
    let blocked = |text: &str| {
        let all = told(&intent, text).into_iter();
        let of = all.filter(|it| it.contains("blocked ingress-controller"));
        of.collect::<Vec<_>>()
    };
    let closed = "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: x, namespace: models}
spec: {podSelector: {}}
";
    let closed = format!("{LAB}---{closed}");
    assert_eq!(blocked(&closed), [""; 0]);
    let ingress = "
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: i, namespace: models}
spec: {defaultBackend: {service: {name: registry, port: {number: 5000}}}}
";
    assert_eq!(
        blocked(&format!("{closed}---{ingress}")),
        [
            "blocked ingress-controller => registry: TCP 5001 ({ingress-controller} => models/registry[Deployment], 1)"
        ]
    );
}

#[test]
fn names_of_zones_are_those_of_no_other() {
    let pod = |namespace: &str, labels: &str| {
        format!(
            "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: d, namespace: {namespace}}}\nspec: {{template: {{metadata: {{labels: {labels}}}, spec: {{containers: [{{name: c, image: i}}]}}}}}}\n"
        )
    };
    let text = [
        pod("outside", "{}"),
        pod("dns", "{}"),
        pod("kube-system", "{k8s-app: kube-dns}"),
    ]
    .concat();
    let derived = derive(&cluster(&text, Assumptions::default())).expect("small");
    let written = to_yaml(&derived);
    assert_eq!(
        written.lines().take(4).collect::<Vec<_>>(),
        [
            "zones:",
            "  dns-dns: {namespaces: [dns]}",
            "  dns: {namespaces: [kube-system]}",
            "  outside-outside: {namespaces: [outside]}",
        ]
    );
    Intent::read(written.as_bytes()).expect(&written);
}

#[test]
fn a_beginning_is_made_from_what_is_configured() {
    let analysis = cluster(LAB, Assumptions::default());
    assert_eq!(
        to_yaml(&derive(&analysis).expect("small")),
        "zones:
  lab: {namespaces: [lab]}
  models: {namespaces: [models]}
# cluster: [10.0.0.0/8]  # say which addresses pods, Services and nodes have
flows:
  - {from: lab, to: models, ports: [TCP 5001]}
  - {from: lab, to: outside, ports: [TCP 443]}
"
    );
}

#[test]
fn what_was_seen_becomes_a_declaration() {
    let flow = |from: &str, to: &str, port: u16| {
        format!(
            r#"{{"verdict":"FORWARDED","is_reply":false,"traffic_direction":"INGRESS","IP":{{"source":"10.0.0.1","destination":"192.0.2.7"}},"l4":{{"TCP":{{"destination_port":{port}}}}},"source":{from},"destination":{to}}}"#
        )
    };
    let notebook = r#"{"namespace":"lab","labels":["k8s:app=notebook"]}"#;
    let registry = r#"{"namespace":"models","labels":["k8s:app=registry"]}"#;
    let text = [
        flow(notebook, registry, 5001),
        flow(registry, "{}", 443),
        flow(r#"{"namespace":"old"}"#, registry, 5001),
    ]
    .join("\n");
    let analysis = cluster(LAB, Assumptions::default());
    let (seen, strangers) = observe(&analysis, &Format::Hubble.read(&text).seen);
    assert_eq!(strangers.len(), 1);
    assert_eq!(
        to_yaml(&seen),
        "zones:
  lab: {namespaces: [lab]}
  models: {namespaces: [models]}
# cluster: [10.0.0.0/8]  # say which addresses pods, Services and nodes have
flows:
  - {from: lab, to: models, ports: [TCP 5001]}
  - {from: models, to: outside, ports: [TCP 443]}
"
    );
}

/// Zones and records are looked for once: of so many each with each nobody waits for.
#[test]
fn what_is_seen_of_a_large_cluster_is_found_at_once() {
    const COUNT: usize = 1_500;
    let workload = |at: usize| {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: w{at}, namespace: n{at}}}\nspec: {{template: {{metadata: {{labels: {{app: w{at}}}}}, spec: {{containers: [{{name: c, image: i}}]}}}}}}\n---\n"
        )
    };
    let analysis = cluster(
        &(0..COUNT).map(workload).collect::<String>(),
        Assumptions::default(),
    );
    let pod = |at: usize| Party::Workload {
        namespace: format!("n{}", at % COUNT),
        name: format!("w{}", at % COUNT),
    };
    let http = Connections::of(Protocol::Tcp, 80, 80);
    let seen = |at: usize| Seen {
        from: pod(at),
        to: pod(at + at / COUNT + 1),
        connections: http.clone(),
    };
    let seen: Vec<Seen> = (0..20 * COUNT).map(seen).collect();
    let (intent, strangers) = observe(&analysis, &seen);
    assert!(strangers.is_empty());
    let flows = intent.flows.iter().filter(|it| it.connections == http);
    assert_eq!(flows.count(), 20 * COUNT);
}

/// A cluster that runs: the pods and a Service have addresses.
const RUNNING: &str = "
apiVersion: v1
kind: Pod
metadata: {name: notebook-0, namespace: lab, labels: {app: notebook}, ownerReferences: [{kind: StatefulSet, name: notebook}]}
spec: {containers: [{name: c, image: i}]}
status: {phase: Running, podIP: 10.0.0.5, podIPs: [{ip: 10.0.0.5}, {ip: 'fd00::5'}]}
---
apiVersion: v1
kind: Pod
metadata: {name: registry-0, namespace: models, labels: {app: registry}, ownerReferences: [{kind: StatefulSet, name: registry}]}
spec: {containers: [{name: c, image: i, ports: [{name: api, containerPort: 5000}]}]}
status: {phase: Running, podIP: 10.0.1.7}
---
apiVersion: v1
kind: Pod
metadata: {name: gone-0, namespace: models, labels: {app: gone}, ownerReferences: [{kind: Job, name: gone}]}
spec: {containers: [{name: c, image: i}]}
status: {phase: Succeeded, podIP: 10.0.0.5}
---
apiVersion: v1
kind: Service
metadata: {name: registry, namespace: models}
spec: {clusterIP: 10.96.0.7, selector: {app: registry}, ports: [{port: 80, targetPort: api}]}
";

#[test]
fn who_was_seen_by_address_or_name_is_whose_it_is() {
    let analysis = cluster(RUNNING, Assumptions::default());
    let seen = |format: Format, text: &str| {
        let observed = format.read(text);
        assert_eq!(observed.gaps, [], "{text}");
        let (intent, strangers) = observe(&analysis, &observed.seen);
        let yaml = to_yaml(&intent);
        let flows = yaml.split_once("flows:").map(|(_, flows)| flows);
        let flows = flows.unwrap_or_default().lines().map(str::trim);
        let strangers = strangers.iter().map(|it| format!("{it}?"));
        let flows = flows.filter(|it| it.starts_with("- ")).map(str::to_owned);
        flows.chain(strangers).collect::<Vec<_>>()
    };
    let notebook_to_registry = "- {from: lab, to: registry, ports: [TCP 5000]}";
    let answered = |to: &str, by: &str| {
        format!(
            "tcp 6 9 ESTABLISHED src=10.0.0.5 dst={to} sport=40000 dport=80 src={by} dst=10.0.0.5 sport=5000 dport=40000"
        )
    };
    assert_eq!(
        seen(Format::Conntrack, &answered("10.96.0.7", "10.0.1.7")),
        [notebook_to_registry]
    );
    // An address that is nobody's may be that of a pod nobody knows, unless it is of no private network.
    assert_eq!(
        seen(Format::Conntrack, &answered("10.9.9.9", "10.9.9.9")),
        ["10.9.9.9?"]
    );
    assert_eq!(
        seen(Format::Conntrack, &answered("192.0.2.7", "192.0.2.7")),
        ["- {from: lab, to: outside, ports: [TCP 5000]}"]
    );
    let record = "2 123456789010 eni-1 10.0.0.5 10.96.0.7 40000 80 6 20 4249 1418530010 1418530070 ACCEPT OK";
    assert_eq!(seen(Format::Aws, record), [notebook_to_registry]);
    let span = |host: &str, port: u16| {
        format!(
            r#"{{"resourceSpans":[{{"resource":{{"attributes":[{{"key":"k8s.namespace.name","value":{{"stringValue":"lab"}}}},{{"key":"k8s.statefulset.name","value":{{"stringValue":"notebook"}}}}]}},"scopeSpans":[{{"spans":[{{"kind":3,"attributes":[{{"key":"server.address","value":{{"stringValue":"{host}"}}}},{{"key":"server.port","value":{{"intValue":"{port}"}}}}]}}]}}]}}]}}"#
        )
    };
    let by_name = span("registry.models.svc.cluster.local", 80);
    assert_eq!(seen(Format::Otel, &by_name), [notebook_to_registry]);
    assert_eq!(
        seen(Format::Otel, &span("hub.example", 443)),
        ["- {from: lab, to: outside, ports: [TCP 443]}"]
    );
    // A name of a namespace is no name of the world, whether or not its Service is among the files.
    for inside in ["elsewhere", "elsewhere.models"] {
        assert_eq!(
            seen(Format::Otel, &span(inside, 80)),
            [format!("{inside}, as lab calls it,?")]
        );
    }
}

#[test]
fn a_way_through_others_is_found() {
    let pod = |name: &str| {
        format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: ns, labels: {{app: {name}}}}}\nspec: {{containers: [{{name: c, image: i}}]}}\n"
        )
    };
    let only = |to: &str, from: &str| {
        format!(
            "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: {to}, namespace: ns}}\nspec: {{podSelector: {{matchLabels: {{app: {to}}}}}, ingress: [{{from: [{{podSelector: {{matchLabels: {{app: {from}}}}}}}], ports: [{{port: 80}}]}}]}}\n"
        )
    };
    let text = ["a", "b", "c"].map(pod).concat() + &only("c", "b") + &only("a", "c");
    let analysis = cluster(&text, Assumptions::default());
    let goals = |places: Vec<usize>| places.into_iter().map(Goal::Endpoint).collect::<Vec<_>>();
    let chain = |from: &str, to: &str| {
        let steps = analysis
            .way(&analysis.find(from), &goals(analysis.find(to)))
            .expect("small");
        let shown = |it: &Hop<'_>| {
            let connections = it.connections.as_ref().expect("a step through the network");
            format!("{} => {}: {}", it.from, it.to, connections.least)
        };
        steps.iter().map(shown).collect::<Vec<_>>()
    };
    assert_eq!(
        chain("a", "c"),
        [
            "ns/a[Pod] => ns/b[Pod]: All Connections",
            "ns/b[Pod] => ns/c[Pod]: TCP 80"
        ]
    );
    assert_eq!(chain("c", "a").len(), 1);
    assert_eq!(chain("outside", "a").len(), 3);
    assert!(chain("a", "a").is_empty());
    // Who is among both is reached from the others.
    let both = [analysis.find("a"), analysis.find("c")].concat();
    let steps = analysis.way(&both, &goals(both.clone())).expect("small");
    assert_eq!(steps.len(), 1);
    // What only may pass is a way as well.
    let unsure = text.replace(
        "{podSelector: {matchLabels: {app: b}}}",
        "{namespaceSelector: {matchLabels: {team: x}}}",
    );
    let analysis = cluster(&unsure, Assumptions::default());
    let steps = analysis
        .way(&analysis.find("b"), &goals(analysis.find("c")))
        .expect("small");
    assert!(!steps.is_empty());
    assert!(steps.iter().any(|it| it.unsure.is_some()));
}
