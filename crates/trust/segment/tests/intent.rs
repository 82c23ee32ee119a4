//! What is declared, held against what passes; and what is written for it.

use casemate_core::{Digest, MemorySource, PathText, Subject, Survey};
use casemate_posture::{PostureSurvey, check::Persona};
use casemate_segment::{
    Analysis, Assumptions,
    generate::{self, Accounts, Flaw, Policies, Target},
    identity::{Goal, Hop},
    intent::{Intent, Violation, check, derive, observe, to_yaml},
    observed::Format,
};
use proptest::prelude::*;

fn intent(text: &str) -> Intent {
    Intent::read(text.as_bytes()).expect("a declaration")
}

fn cluster(manifests: &str, assumptions: Assumptions) -> Analysis {
    let name = PathText::from("all.yaml");
    let subject = Subject::of_file("local", name.clone(), name, Digest::of(b""));
    let survey = PostureSurvey::new(Persona::Auditor);
    let reading = survey.read(&subject, &MemorySource(manifests.as_bytes().to_vec()));
    Analysis::of(
        PostureSurvey::world(reading.into_iter().collect()),
        assumptions,
    )
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
fn what_is_written_for_a_declaration_makes_it_hold() {
    let intent = intent(ZONES);
    let open = told(&intent, LAB);
    assert!(
        open.contains(&"undeclared registry => notebooks: All Connections (models/registry[Deployment] => lab/notebook[Deployment], 1)".to_owned()),
        "{open:#?}"
    );
    for target in [Target::NetworkPolicy, Target::Cilium] {
        let policies = generate::policies(&intent, target).expect("policies");
        assert_eq!(generate::prove(&intent, &policies).expect("small"), []);
        let text = generate::to_yaml(&policies.network);
        assert_eq!(told(&intent, &format!("{LAB}---\n{text}")), [""; 0]);
    }
}

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
fn a_flaw_of_policies_is_found() {
    let intent = intent(ZONES);
    let good = generate::policies(&intent, Target::NetworkPolicy).expect("policies");
    let at = |policies: &Policies, name: &str| {
        let is = |it: &serde_json::Value| it["metadata"]["name"] == name;
        policies.network.iter().position(is).expect("there")
    };
    let mut open = good.clone();
    let place = at(&open, "casemate-zone-registry");
    open.network[place]["spec"]["ingress"] = serde_json::json!([{}]);
    let flaws = generate::prove(&intent, &open).expect("small");
    assert!(
        flaws.iter().any(|it| matches!(it, Flaw::Differs(_))),
        "{flaws:?}"
    );

    let mut twice = good.clone();
    let rules = twice.network[place]["spec"]["ingress"]
        .as_array_mut()
        .expect("rules");
    rules.push(rules[0].clone());
    let flaws = generate::prove(&intent, &twice).expect("small");
    let expected = [0, 1].map(|it| {
        Flaw::Needless(format!(
            "models/casemate-zone-registry ingress[{it}].from[0]"
        ))
    });
    assert_eq!(flaws, expected);

    let mut unguarded = good.clone();
    unguarded
        .guards
        .retain(|it| it["spec"]["tier"] != "Baseline");
    let flaws = generate::prove(&intent, &unguarded).expect("small");
    assert!(
        flaws.iter().any(|it| matches!(it, Flaw::Unguarded(_))),
        "{flaws:?}"
    );

    let mut strange = good;
    strange.network[place]["spec"]["ingress"] = serde_json::json!([{"ports": [{"port": 70000}]}]);
    let flaws = generate::prove(&intent, &strange).expect("small");
    assert!(matches!(&flaws[..], [Flaw::Unread(_)]), "{flaws:?}");
}

#[test]
fn a_flow_from_the_controller_cannot_be_written() {
    let intent = intent(&format!(
        "{ZONES}  - {{from: ingress-controller, to: registry}}\n"
    ));
    let error = generate::policies(&intent, Target::NetworkPolicy)
        .expect_err("nobody knows where it is")
        .to_string();
    assert!(
        error.starts_with("line 7: where the ingress controller runs"),
        "{error}"
    );
}

#[test]
fn a_flow_to_or_from_outside_needs_the_addresses_of_the_cluster() {
    let flows = format!("{ZONES}  - {{from: registry, to: outside}}\n");
    let error =
        generate::policies(&intent(&flows), Target::NetworkPolicy).expect_err("pods may be meant");
    assert!(
        error.to_string().starts_with("line 7: say under `cluster`"),
        "{error}"
    );
    let written = |cluster: &str| {
        let intent = intent(&format!("cluster: [{cluster}]\n{flows}"));
        let policies = generate::policies(&intent, Target::NetworkPolicy).expect("policies");
        assert_eq!(generate::prove(&intent, &policies).expect("small"), []);
        let text = generate::to_yaml(&policies.network);
        ["cidr: 0.0.0.0/0", "cidr: ::/0"].map(|it| text.contains(it))
    };
    assert_eq!(written("10.0.0.0/8"), [true, false]);
    assert_eq!(written("10.0.0.0/8, 2001:db8::/32"), [true, true]);
    // Nothing is left of what is the cluster's as a whole.
    assert_eq!(written("0.0.0.0/0, 2001:db8::/32"), [false, true]);
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
fn the_default_of_a_namespace_leaves_its_dns_open() {
    let intent = intent(
        "zones: {metrics: {namespaces: [kube-system], pods: {k8s-app: metrics-server}}, a: {namespaces: [x]}}\nflows: [{from: dns, to: a, ports: 80}]\n",
    );
    for target in [Target::NetworkPolicy, Target::Cilium] {
        let policies = generate::policies(&intent, target).expect("policies");
        assert_eq!(generate::prove(&intent, &policies).expect("small"), []);
    }
}

#[test]
fn what_is_written_for_cilium_denies_the_metadata_whatever_others_allow() {
    let intent = intent(&format!(
        "{ZONES}  - {{from: registry, to: outside, ports: [TCP 443]}}\n"
    ));
    // No block of addresses is about pods, so that the cluster's need not be said.
    let policies = generate::policies(&intent, Target::Cilium).expect("policies");
    assert_eq!(generate::prove(&intent, &policies).expect("small"), []);
    let open = "
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: open, namespace: models}
spec: {endpointSelector: {}, egress: [{toEntities: [all]}]}
";
    let reaches = |guards: &[serde_json::Value]| {
        let text = format!("{LAB}---\n{}---{open}", generate::to_yaml(guards));
        let analysis = cluster(&text, intent.assumptions());
        let (from, to) = (
            analysis.find("registry")[0],
            analysis.find("cloud-metadata")[0],
        );
        analysis.between(from, to).expect("small").most.to_string()
    };
    assert_eq!(reaches(&policies.guards), "No Connections");
    assert_eq!(reaches(&[]), "All Connections");
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
    assert_eq!(
        seen(Format::Otel, &span("elsewhere", 80)),
        ["elsewhere, as lab calls it,?"]
    );
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

#[test]
fn what_the_api_server_refuses_in_a_policy_is_told() {
    let gaps = |manifest: &str| {
        let analysis = cluster(manifest, Assumptions::default());
        let gaps = analysis.gaps().iter();
        gaps.map(|it| it.message.clone())
            .collect::<Vec<_>>()
            .join("\n")
    };
    let wide = |priority: u32, rules: &str| {
        gaps(&format!(
            "apiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\nmetadata: {{name: x}}\nspec: {{tier: Admin, priority: {priority}, subject: {{namespaces: {{}}}}, {rules}}}\n"
        ))
    };
    let network = |rules: &str| {
        gaps(&format!(
            "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: x, namespace: n}}\nspec: {{podSelector: {{}}, ingress: [{rules}]}}\n"
        ))
    };
    assert_eq!(
        wide(
            1000,
            "egress: [{action: Deny, to: [{networks: [192.0.2.0/24]}]}]"
        ),
        ""
    );
    for (told, why) in [
        (wide(1001, ""), "a priority is 0 to 1000"),
        (
            wide(
                5,
                "ingress: [{action: Deny, from: [{networks: [192.0.2.0/24]}]}]",
            ),
            "what comes in is said by",
        ),
        (
            wide(
                5,
                "egress: [{action: Deny, to: [{networks: [192.0.2.0/24], namespaces: {}}]}]",
            ),
            "a peer is said in several ways",
        ),
        (
            wide(
                5,
                "ingress: [{action: Deny, from: [{namespaces: {}}], protocols: [{tcp: {}, udp: {}}]}]",
            ),
            "a port that is not understood",
        ),
        (
            gaps(&LAB.replace("namespace: lab}", "namespace: {a: b}}")),
            "its namespace is not known: this is no text",
        ),
        (
            network("{ports: [{port: web, endPort: 90}]}"),
            "an endPort beside the name of a port",
        ),
        (
            network("{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [11.0.0.0/16]}}]}"),
            "is excepted from a block that does not have it",
        ),
    ] {
        assert!(told.contains(why), "{why}: {told}");
    }
}

/// A declaration of up to six zones in four namespaces with whatever flows.
fn declaration() -> impl Strategy<Value = String> {
    let zones = prop::collection::vec((0..4usize, any::<bool>()), 2..6);
    let port = prop::sample::select(&["TCP 80", "TCP 80-90", "UDP", "TCP 443", "SCTP 5"][..]);
    let flow = (
        any::<prop::sample::Index>(),
        any::<prop::sample::Index>(),
        prop::collection::vec(port, 0..3),
    );
    let flows = prop::collection::vec(flow, 0..8);
    (zones, flows, any::<bool>()).prop_map(|(zones, flows, dns)| {
        let mut text = "zones:\n".to_owned();
        let mut names: Vec<String> = Vec::new();
        for (at, (namespace, is_wide)) in zones.iter().enumerate() {
            let more = if *is_wide {
                format!(", m{namespace}")
            } else {
                String::new()
            };
            text +=
                &format!("  z{at}: {{namespaces: [n{namespace}{more}], pods: {{zone: z{at}}}}}\n");
            names.push(format!("z{at}"));
        }
        text += "  net: {addresses: [192.0.2.0/24, 2001:db8::/32]}\n";
        let outer = ["net", "outside", "metadata"].map(str::to_owned);
        text += &format!("cluster: [10.0.0.0/8]\ndns: {dns}\nflows:\n");
        let ends = [&names[..], &outer].concat();
        for (from, to, ports) in flows {
            let (from, to) = (from.get(&ends), to.get(&ends));
            if from == "metadata" || (!names.contains(from) && !names.contains(to)) {
                continue;
            }
            let ports = if ports.is_empty() {
                String::new()
            } else {
                format!(", ports: [{}]", ports.join(", "))
            };
            text += &format!("  - {{from: {from}, to: {to}{ports}}}\n");
        }
        if text.ends_with("flows:\n") {
            text = text.trim_end().to_owned() + " []\n";
        }
        text
    })
}

proptest! {
    #[test]
    fn what_is_written_is_exact_and_nothing_in_it_is_needless(text in declaration()) {
        let intent = intent(&text);
        for target in [Target::NetworkPolicy, Target::Cilium] {
            let policies = generate::policies(&intent, target).expect("policies");
            prop_assert_eq!(generate::prove(&intent, &policies).expect("small"), [], "{:?}: {}", target, text);
        }
    }

    #[test]
    fn what_is_written_for_a_mesh_is_exact_and_nothing_in_it_is_needless(text in mesh_declaration()) {
        let intent = intent(&text);
        let accounts = Accounts::of(&intent, None).expect("accounts");
        let policies = generate::mesh_policies(&intent, &accounts).expect("policies");
        let flaws = generate::prove_mesh(&intent, &policies, &accounts).expect("small");
        prop_assert_eq!(flaws, [], "{}", text);
    }
}

/// Zones of pods that call each other, each as itself.
fn mesh_declaration() -> impl Strategy<Value = String> {
    let zones = prop::collection::vec((0..4usize, any::<bool>(), any::<bool>()), 2..6);
    let port = prop::sample::select(&["TCP 80", "TCP 80-90", "TCP", "UDP 53"][..]);
    let flow = (
        any::<prop::sample::Index>(),
        any::<prop::sample::Index>(),
        prop::collection::vec(port, 0..3),
    );
    (zones, prop::collection::vec(flow, 1..8)).prop_map(|(zones, flows)| {
        let mut text = "zones:\n".to_owned();
        for (at, (namespace, is_wide, _)) in zones.iter().enumerate() {
            let more = if *is_wide {
                format!(", m{namespace}")
            } else {
                String::new()
            };
            text +=
                &format!("  z{at}: {{namespaces: [n{namespace}{more}], pods: {{zone: z{at}}}}}\n");
        }
        text += "dns: false\nflows:\n";
        for (from, to, ports) in flows {
            let (from, to) = (from.index(zones.len()), to.index(zones.len()));
            let more = if zones[from].2 {
                format!(", s{from}")
            } else {
                String::new()
            };
            let ports = match &*ports {
                [] => String::new(),
                some => format!(", ports: [{}]", some.join(", ")),
            };
            text += &format!("  - {{from: z{from}, to: z{to}{ports}, as: [a{from}{more}]}}\n");
        }
        text
    })
}

const CALLS: &str = "
zones:
  notebooks: {namespaces: [lab], pods: {app: notebook}}
  registry: {namespaces: [models]}
flows:
  - {from: notebooks, to: registry, ports: [TCP 5000], as: [notebook]}
";

fn for_mesh(text: &str) -> Result<String, String> {
    let intent = intent(text);
    let accounts = Accounts::of(&intent, None).map_err(|it| it.to_string())?;
    let policies = generate::mesh_policies(&intent, &accounts).map_err(|it| it.to_string())?;
    match &*generate::prove_mesh(&intent, &policies, &accounts).expect("small") {
        [] => Ok(generate::to_yaml(&policies)),
        flaws => Err(format!("{flaws:?}")),
    }
}

#[test]
fn in_a_mesh_who_may_call_is_who_proves_to_be() {
    let written = for_mesh(CALLS).expect("policies");
    let rule = "  selector:
    matchLabels:
      app: notebook
";
    assert!(written.contains(rule), "{written}");
    assert!(
        written.contains("- cluster.local/ns/lab/sa/notebook\n"),
        "{written}"
    );
    assert_eq!(written.matches("mode: STRICT").count(), 2);
    assert_eq!(written.matches("name: casemate-default-deny").count(), 2);
}

#[test]
fn in_a_mesh_who_proves_nothing_is_refused() {
    let refused = |from: &str, to: &str| for_mesh(&CALLS.replace(from, to)).expect_err("refused");
    assert!(
        refused(", as: [notebook]", "").contains("line 6: as whom `notebooks` calls is not known")
    );
    assert!(
        refused(
            "from: notebooks, to: registry, ports: [TCP 5000], as: [notebook]",
            "from: outside, to: registry"
        )
        .contains("proves no identity")
    );
    assert!(refused("TCP 5000", "TCP 1-5000").contains("one by one"));
    // Who shares an account is not told apart.
    let other = "  other: {namespaces: [lab], pods: {app: other}}\nflows:\n  - {from: other, to: notebooks, as: [notebook]}\n";
    assert!(refused("flows:\n", other).contains("Undeclared"));
}

#[test]
fn the_accounts_of_workloads_are_theirs() {
    let intent = intent(&CALLS.replace(", as: [notebook]", ""));
    let pod = |spec: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: p, namespace: lab, labels: {{app: notebook}}}}\nspec: {{{spec}containers: [{{name: c, image: i}}]}}\n"
        )
    };
    let analysis = cluster(&pod("serviceAccountName: reader, "), Assumptions::default());
    let accounts = Accounts::of(&intent, Some(&analysis)).expect("accounts");
    let policies = generate::mesh_policies(&intent, &accounts).expect("policies");
    assert!(generate::to_yaml(&policies).contains("cluster.local/ns/lab/sa/reader"));
    Accounts::of(&intent, Some(&cluster("", Assumptions::default()))).expect_err("nobody is there");
}

#[test]
fn what_is_wrong_with_policies_of_a_mesh_is_found() {
    let intent = intent(CALLS);
    let accounts = Accounts::of(&intent, None).expect("accounts");
    let policies = generate::mesh_policies(&intent, &accounts).expect("policies");
    let flawed = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut policies = policies.clone();
        policies.iter_mut().for_each(|it| {
            if it["spec"]["rules"].is_array() {
                change(&mut it["spec"]["rules"][0]);
            }
        });
        generate::prove_mesh(&intent, &policies, &accounts).expect("small")
    };
    let other = serde_json::json!({"source": {"principals": ["cluster.local/ns/lab/sa/other"]}});
    let flaws = flawed(&|rule| {
        rule["from"]
            .as_array_mut()
            .expect("a list")
            .push(other.clone())
    });
    assert!(matches!(&*flaws, [Flaw::Needless(_)]), "{flaws:?}");
    let flaws = flawed(&|rule| rule["from"][0]["source"]["principals"][0] = "*".into());
    assert!(
        flaws.iter().any(|it| matches!(it, Flaw::Differs(_))),
        "{flaws:?}"
    );
    let flaws = flawed(&|rule| rule["to"][0]["operation"]["ports"][0] = "5001".into());
    assert!(
        flaws.iter().any(|it| matches!(it, Flaw::Differs(_))),
        "{flaws:?}"
    );
    let flaws = flawed(&|rule| rule["from"][0]["source"] = serde_json::json!({"who": ["me"]}));
    assert!(matches!(&*flaws, [Flaw::Unread(_)]), "{flaws:?}");
}
