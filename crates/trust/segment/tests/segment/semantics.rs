//! What policies mean, said as manifests and what passes under them.

use casemate_segment::{Addresses, Analysis, Assumptions, Bounds, Connections, Effect, Endpoint};

use crate::kit::{addressed as cluster, cluster_with as assumed};

/// Namespaces `lab` and `models`, a pod with those labels in each.
const TWO: &str = "
apiVersion: v1
kind: Namespace
metadata: {name: lab, labels: {team: science}}
---
apiVersion: v1
kind: Namespace
metadata: {name: models}
---
apiVersion: v1
kind: Pod
metadata: {name: notebook, namespace: lab, labels: {app: notebook}}
spec: {containers: [{name: c, image: i}]}
---
apiVersion: v1
kind: Pod
metadata: {name: registry, namespace: models, labels: {app: registry}}
spec: {containers: [{name: c, image: i, ports: [{name: api, containerPort: 5000}, {name: dns, containerPort: 53, protocol: UDP}]}]}
";

fn passing(policies: &str) -> String {
    let analysis = cluster(&format!("{TWO}---{policies}"));
    assert!(analysis.gaps().is_empty(), "{:?}", analysis.gaps());
    let passing = one(&analysis, "lab/notebook", "models/registry");
    assert!(passing.is_exact(), "{passing:?}");
    passing.least.to_string()
}

/// What passes by the list, which is what passes by the proof.
fn one(analysis: &Analysis, from: &str, to: &str) -> Bounds<Connections> {
    let (from, to) = (analysis.find(from)[0], analysis.find(to)[0]);
    let proof = analysis.prove(from, to);
    let edge = analysis.edges().expect("small").find(|it| {
        it.from.to_string() == proof.from.to_string() && it.to.to_string() == proof.to.to_string()
    });
    let listed = edge
        .map(|it| it.connections.into_owned())
        .unwrap_or_default();
    assert_eq!(listed, proof.connections(), "the list and the proof");
    listed
}

fn ingress(rules: &str) -> String {
    passing(&format!(
        "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: p, namespace: models}}
spec:
  podSelector: {{}}
  ingress: {rules}
"
    ))
}

#[test]
fn without_a_policy_everything_passes() {
    assert_eq!(passing("\n"), "All Connections");
}

#[test]
fn who_is_selected_takes_what_some_rule_allows() {
    assert_eq!(ingress("[]"), "No Connections");
    assert_eq!(ingress("[{}]"), "All Connections");
    assert_eq!(
        ingress("[{ports: [{port: 80}, {port: 90, endPort: 99, protocol: UDP}]}]"),
        "TCP 80,UDP 90-99"
    );
    assert_eq!(
        ingress("[{ports: [{protocol: SCTP}]}, {ports: [{port: 80}]}]"),
        "SCTP 1-65535,TCP 80"
    );
}

#[test]
fn a_port_by_name_is_the_one_of_the_destination() {
    assert_eq!(ingress("[{ports: [{port: api}]}]"), "TCP 5000");
    assert_eq!(ingress("[{ports: [{port: dns}]}]"), "No Connections");
    assert_eq!(
        ingress("[{ports: [{port: dns, protocol: UDP}, {port: other}]}]"),
        "UDP 53"
    );
}

#[test]
fn peers_are_pods_of_namespaces_or_addresses() {
    let from = |peer: &str| ingress(&format!("[{{from: [{peer}]}}]"));
    assert_eq!(from("{podSelector: {}}"), "No Connections");
    assert_eq!(from("{namespaceSelector: {}}"), "All Connections");
    assert_eq!(
        from("{namespaceSelector: {matchLabels: {team: science}}}"),
        "All Connections"
    );
    assert_eq!(
        from("{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: lab}}}"),
        "All Connections"
    );
    assert_eq!(
        from("{namespaceSelector: {}, podSelector: {matchLabels: {app: other}}}"),
        "No Connections"
    );
    assert_eq!(
        from(
            "{namespaceSelector: {}, podSelector: {matchExpressions: [{key: app, operator: NotIn, values: [x]}]}}"
        ),
        "All Connections"
    );
    assert_eq!(from("{ipBlock: {cidr: 192.0.2.0/24}}"), "No Connections");
    assert_eq!(from("{ipBlock: {cidr: 10.0.0.0/8}}"), "All Connections");
}

#[test]
fn both_ends_have_to_agree() {
    let policies = "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: out, namespace: lab}
spec: {podSelector: {}, policyTypes: [Egress], egress: [{ports: [{port: 80}, {port: 5000}]}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: in, namespace: models}
spec: {podSelector: {}, ingress: [{ports: [{port: 5000}, {port: 443}]}]}
";
    assert_eq!(passing(policies), "TCP 5000");
}

fn admin(kind: &str, version: &str, spec: &str) -> String {
    format!(
        "
apiVersion: policy.networking.k8s.io/{version}
kind: {kind}
metadata: {{name: {}}}
spec: {spec}
",
        kind.to_lowercase()
    )
}

#[test]
fn tiers_are_asked_in_their_order() {
    let anp = |rules: &str| {
        let spec = format!("{{priority: 5, subject: {{namespaces: {{}}}}, ingress: [{rules}]}}");
        admin("AdminNetworkPolicy", "v1alpha1", &spec)
    };
    let banp = |rules: &str| {
        let spec = format!("{{subject: {{namespaces: {{}}}}, ingress: [{rules}]}}");
        admin("BaselineAdminNetworkPolicy", "v1alpha1", &spec)
    };
    let all = |action: &str| format!("{{action: {action}, from: [{{namespaces: {{}}}}]}}");
    let web = |action: &str| {
        format!(
            "{{action: {action}, from: [{{namespaces: {{}}}}], ports: [{{portNumber: {{protocol: TCP, port: 80}}}}]}}"
        )
    };
    let np = "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: in, namespace: models}
spec: {podSelector: {}, ingress: [{ports: [{port: 80}, {port: 443}]}]}
";
    assert_eq!(passing(&anp(&all("Deny"))), "No Connections");
    assert_eq!(
        passing(&anp(&format!("{}, {}", web("Allow"), all("Deny")))),
        "TCP 80"
    );
    assert_eq!(
        passing(&anp(&format!("{}, {}", all("Deny"), web("Allow")))),
        "No Connections"
    );
    assert_eq!(
        passing(&format!("{}---{np}", anp(&all("Allow")))),
        "All Connections"
    );
    assert_eq!(
        passing(&format!("{}---{np}", anp(&all("Pass")))),
        "TCP 80,443"
    );
    assert_eq!(passing(&format!("{}---{np}", anp(&web("Deny")))), "TCP 443");
    // What is passed on, and what nothing is said of, is decided by what comes next.
    let passed = format!("{}, {}", web("Pass"), all("Deny"));
    assert_eq!(passing(&format!("{}---{np}", anp(&passed))), "TCP 80");
    assert_eq!(
        passing(&format!("{}---{}", anp(&passed), banp(&all("Deny")))),
        "No Connections"
    );
    assert_eq!(passing(&banp(&all("Deny"))), "No Connections");
    assert_eq!(
        passing(&format!("{}---{np}", banp(&all("Deny")))),
        "TCP 80,443"
    );
}

#[test]
fn a_cluster_network_policy_is_both() {
    let policy = |tier: &str, rules: &str| {
        let spec = format!(
            "{{tier: {tier}, priority: 1, subject: {{pods: {{podSelector: {{matchLabels: {{app: registry}}}}}}}}, ingress: [{rules}]}}"
        );
        admin("ClusterNetworkPolicy", "v1alpha2", &spec)
    };
    let accept = "{action: Accept, from: [{namespaces: {}}], protocols: [{tcp: {destinationPort: {range: {start: 80, end: 90}}}}, {udp: {}}, {destinationNamedPort: api}]}";
    let deny = "{action: Deny, from: [{namespaces: {}}]}";
    let both = format!("{accept}, {deny}");
    assert_eq!(
        passing(&policy("Admin", &both)),
        "TCP 80-90,5000,UDP 1-65535"
    );
    assert_eq!(
        passing(&policy("Baseline", &both)),
        "TCP 80-90,5000,UDP 1-65535"
    );
}

#[test]
fn networks_of_all_addresses_are_all_pods_as_well() {
    let policy = |networks: &str| {
        let spec = format!(
            "{{tier: Admin, priority: 1, subject: {{namespaces: {{}}}}, egress: [{{action: Deny, to: [{{networks: [{networks}]}}]}}]}}"
        );
        admin("ClusterNetworkPolicy", "v1alpha2", &spec)
    };
    assert_eq!(passing(&policy("0.0.0.0/0")), "No Connections");
    assert_eq!(passing(&policy("203.0.113.0/24")), "All Connections");
}

const AGENT: &str = "
apiVersion: v1
kind: Pod
metadata: {name: agent, namespace: models, labels: {app: registry}}
spec: {hostNetwork: true, containers: [{name: c, image: i}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: in, namespace: models}
spec: {podSelector: {}, ingress: []}
";

#[test]
fn whether_policies_hold_who_is_on_the_network_of_its_node_is_up_to_the_plugin() {
    let manifests = format!("{TWO}---{AGENT}");
    let analysis = cluster(&manifests);
    assert!(one(&analysis, "notebook", "registry").most.is_empty());
    let to_agent = one(&analysis, "notebook", "agent");
    assert!(to_agent.least.is_empty() && to_agent.most.is_all());
    // What is on the node of a pod reaches the pod, whatever policies say; they may be on different ones.
    let from_agent = one(&analysis, "agent", "registry");
    assert!(from_agent.least.is_empty() && from_agent.most.is_all());

    let with = |holds| {
        let assumptions = Assumptions {
            holds_host_network: Some(holds),
            ..Assumptions::default()
        };
        one(&assumed(&manifests, assumptions), "notebook", "agent")
    };
    assert!(with(true).most.is_empty());
    assert!(with(false).least.is_all());
}

#[test]
fn what_is_not_known_is_a_gap_and_undetermined() {
    for wrong in [
        "[{from: [{podSelector: {}, ipBlock: {cidr: 10.0.0.0/8}}]}]",
        "[{from: [{}]}]",
        "[{from: {podSelector: {}}}]",
        "[{from: [{ipBlock: {cidr: 10.0.0.0}}]}]",
        "[{from: [{podSelector: {matchLabels: [app]}, namespaceSelector: {}}]}]",
        "[{from: [{namespaceSelector: {matchExpressions: [{key: a, operator: Near, values: [b]}]}}]}]",
        "[{from: [{namespaceSelector: {matchExpressions: {key: team}}}]}]",
        "[{ports: [{port: 0}]}]",
        "[{ports: [{endPort: 9}]}]",
        "[{ports: [{port: 9, endPort: 8}]}]",
        "[{ports: [{port: 9, protocol: ICMP}]}]",
        "[{ports: {port: 80}}]",
    ] {
        let analysis = cluster(&format!(
            "{TWO}---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: p, namespace: models}}
spec: {{podSelector: {{}}, ingress: {wrong}}}
"
        ));
        assert_eq!(analysis.gaps().len(), 1, "{wrong}: {:?}", analysis.gaps());
        let passing = one(&analysis, "notebook", "registry");
        assert!(
            passing.least.is_empty() && passing.most.is_all(),
            "{wrong}: {passing:?}"
        );
    }
}

#[test]
fn labels_of_a_namespace_that_is_not_declared_are_not_known_but_its_name_is() {
    let from = |selector: &str, declared_only| {
        let manifests = format!(
            "
apiVersion: v1
kind: Pod
metadata: {{name: notebook, namespace: lab}}
spec: {{containers: [{{name: c, image: i}}]}}
---
apiVersion: v1
kind: Pod
metadata: {{name: registry, namespace: models}}
spec: {{containers: [{{name: c, image: i}}]}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: p, namespace: models}}
spec: {{podSelector: {{}}, ingress: [{{from: [{{namespaceSelector: {{matchLabels: {selector}}}}}]}}]}}
"
        );
        let assumptions = Assumptions {
            declared_only,
            ..Assumptions::default()
        };
        let passing = one(&assumed(&manifests, assumptions), "notebook", "registry");
        (passing.least.is_all(), passing.most.is_all())
    };
    assert_eq!(from("{team: science}", false), (false, true));
    assert_eq!(from("{team: science}", true), (false, false));
    assert_eq!(
        from("{kubernetes.io/metadata.name: lab}", false),
        (true, true)
    );
    assert_eq!(
        from("{kubernetes.io/metadata.name: other}", false),
        (false, false)
    );
}

#[test]
fn a_block_of_addresses_is_about_pods_where_they_have_theirs() {
    let from = |block: &str, pod_network: Option<&str>| {
        let manifests = format!(
            "{TWO}---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: p, namespace: models}}
spec: {{podSelector: {{}}, ingress: [{{from: [{{ipBlock: {{cidr: {block}}}}}]}}]}}
"
        );
        let assumptions = Assumptions {
            pod_network: pod_network.and_then(Addresses::of_block),
            ..Assumptions::default()
        };
        let passing = one(&assumed(&manifests, assumptions), "notebook", "registry");
        (passing.least.is_all(), passing.most.is_all())
    };
    assert_eq!(from("10.0.0.0/8", None), (false, true));
    // Link-local addresses are those of nobody's pods.
    assert_eq!(from("169.254.169.254/32", None), (false, false));
    assert_eq!(from("10.0.0.0/8", Some("10.4.0.0/14")), (true, true));
    assert_eq!(from("10.0.0.0/8", Some("100.64.0.0/10")), (false, false));
    assert_eq!(from("10.5.0.0/16", Some("10.4.0.0/14")), (false, true));
}

#[test]
fn of_policies_with_one_priority_nobody_knows_which_is_asked_first() {
    let policy = |name: &str, action: &str, port: u16| {
        format!(
            "
apiVersion: policy.networking.k8s.io/v1alpha1
kind: AdminNetworkPolicy
metadata: {{name: {name}}}
spec:
  priority: 7
  subject: {{namespaces: {{}}}}
  ingress: [{{action: {action}, from: [{{namespaces: {{}}}}], ports: [{{portRange: {{protocol: TCP, start: {port}, end: 90}}}}]}}]
"
        )
    };
    let manifests = format!(
        "{TWO}---{}---{}",
        policy("a", "Allow", 80),
        policy("b", "Deny", 85)
    );
    let passing = one(&cluster(&manifests), "notebook", "registry");
    assert_eq!(
        passing.least.to_string(),
        "SCTP 1-65535,TCP 1-84,91-65535,UDP 1-65535"
    );
    assert!(passing.most.is_all());
}

#[test]
fn labels_that_a_controller_may_add_are_not_absent() {
    let from = |label: &str| {
        let manifests = format!(
            "{TWO}---
apiVersion: kubeflow.org/v1
kind: PyTorchJob
metadata: {{name: train, namespace: lab}}
spec: {{pytorchReplicaSpecs: {{Worker: {{template: {{spec: {{containers: [{{name: c, image: i}}]}}}}}}}}}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: p, namespace: models}}
spec:
  podSelector: {{}}
  ingress: [{{from: [{{namespaceSelector: {{}}, podSelector: {{matchLabels: {{{label}: x}}}}}}]}}]
"
        );
        let passing = one(&cluster(&manifests), "train", "registry");
        (passing.least.is_all(), passing.most.is_all())
    };
    assert_eq!(from("training.kubeflow.org/job-name"), (false, true));
    assert_eq!(from("app"), (false, false));
}

#[test]
fn a_proof_has_the_rules_that_fired_and_those_that_did_not() {
    let analysis = cluster(&format!(
        "{TWO}---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: p, namespace: models}}
spec:
  podSelector: {{}}
  ingress:
  - from: [{{podSelector: {{}}}}]
  - from: [{{namespaceSelector: {{}}}}]
    ports: [{{port: api}}]
"
    ));
    let (from, to) = (analysis.find("notebook")[0], analysis.find("registry")[0]);
    let proof = analysis.prove(from, to);
    let steps = proof.ingress.steps.iter().map(|it| {
        let rule = it.rule.and_then(|(_, rule)| rule).map(|it| it.name.clone());
        let line = it.origin().map(|it| it.location().to_string());
        (
            rule.unwrap_or_default(),
            line.unwrap_or_default(),
            it.effect.clone(),
        )
    });
    let text = |it: &Connections| it.to_string();
    let steps: Vec<_> = steps.collect();
    assert_eq!(
        steps[0],
        (
            "ingress[0]".into(),
            "all.yaml:26:5".into(),
            Effect::OtherPeers
        )
    );
    let (rule, line, Effect::Allows(allowed)) = &steps[1] else {
        panic!("{steps:?}");
    };
    assert_eq!(
        (&**rule, &**line, &*text(allowed)),
        ("ingress[1]", "all.yaml:27:5", "TCP 5000")
    );
    let (_, _, Effect::Isolates(left)) = &steps[2] else {
        panic!("{steps:?}");
    };
    assert!(!left.is_empty() && steps.len() == 3);
    assert!(matches!(
        proof.egress.steps[..],
        [casemate_segment::Step {
            effect: Effect::Default(_),
            ..
        }]
    ));
}

#[test]
fn an_ingress_is_a_way_in_as_far_as_policies_let_it() {
    let objects = |from: &str| {
        format!(
            "{TWO}---
apiVersion: v1
kind: Service
metadata: {{name: registry, namespace: models}}
spec: {{selector: {{app: registry}}, ports: [{{name: http, port: 80, targetPort: api}}, {{port: 81, targetPort: 9}}]}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {{name: way, namespace: models}}
spec: {{rules: [{{http: {{paths: [{{path: /, pathType: Prefix, backend: {{service: {{name: registry, port: {{name: http}}}}}}}}]}}}}]}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: in, namespace: models}}
spec: {{podSelector: {{}}, ingress: [{{from: [{from}]}}]}}
"
        )
    };
    let entered = |from: &str, declared_only| {
        let assumptions = Assumptions {
            declared_only,
            ..Assumptions::default()
        };
        let analysis = assumed(&objects(from), assumptions);
        let edges = analysis
            .edges()
            .expect("small")
            .filter(|it| matches!(it.from, Endpoint::Controller));
        let shown = |it: &Bounds<Connections>| format!("{} to {}", it.least, it.most);
        edges
            .map(|it| format!("{} {}", it.to, shown(&it.connections)))
            .collect::<Vec<_>>()
    };
    let sent = ["models/registry[Pod] TCP 5000 to TCP 5000"];
    assert_eq!(entered("{namespaceSelector: {}}", true), sent);
    assert!(entered("{podSelector: {}}", true).is_empty());
    // Where the controller is, and what labels it has, is not among the files.
    let unsure = ["models/registry[Pod] No Connections to TCP 5000"];
    assert_eq!(entered("{podSelector: {}}", false), unsure);
    assert_eq!(
        entered("{namespaceSelector: {matchLabels: {app: nginx}}}", false),
        unsure
    );
}

#[test]
fn pods_of_one_owner_are_one_where_nobody_tells_them_apart() {
    let pod = |name: &str, labels: &str| {
        format!(
            "---
apiVersion: v1
kind: Pod
metadata: {{name: {name}, namespace: models, labels: {{{labels}}}, ownerReferences: [{{kind: StatefulSet, name: index, controller: true}}]}}
spec: {{containers: [{{name: c, image: i}}]}}
"
        )
    };
    let pods = format!(
        "{TWO}{}{}",
        pod("index-0", "app: index, at: '0', first: ''"),
        pod("index-1", "app: index, at: '1'")
    );
    let policy = |from: &str| {
        cluster(&format!(
            "{pods}---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: p, namespace: models}}
spec: {{podSelector: {{matchLabels: {{app: registry}}}}, ingress: [{{from: [{{podSelector: {from}}}]}}]}}
"
        ))
    };
    let passing = |analysis: &Analysis| {
        let known = analysis.cluster().workloads.iter();
        let index = known
            .filter(|it| it.name == "index")
            .map(ToString::to_string);
        let told =
            |name: String| format!("{name}: {}", one(analysis, &name, "models/registry").least);
        index.map(told).collect::<Vec<_>>()
    };
    let alike = policy("{matchLabels: {app: index}}");
    assert!(alike.gaps().is_empty(), "{:?}", alike.gaps());
    assert_eq!(passing(&alike), ["models/index: All Connections"]);
    // Whoever asks for what they do not share is told what he asks for.
    for asked in [
        "{matchLabels: {at: '0'}}",
        "{matchExpressions: [{key: first, operator: Exists}]}",
    ] {
        let apart = policy(asked);
        let told = [
            "models/index: All Connections",
            "models/index#2: No Connections",
        ];
        assert_eq!(passing(&apart), told, "{asked}");
    }
}

#[test]
fn a_route_leads_to_another_namespace_where_that_lets_it() {
    let world = |grant: &str, declared_only| {
        let text = format!(
            "{TWO}---
apiVersion: v1
kind: Service
metadata: {{name: registry, namespace: models}}
spec: {{selector: {{app: registry}}, ports: [{{port: 80, targetPort: api}}]}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: way, namespace: lab}}
spec: {{rules: [{{backendRefs: [{{name: registry, namespace: models, port: 80}}]}}]}}
---
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: {{name: grant, namespace: {grant}
"
        );
        let assumptions = Assumptions {
            declared_only,
            ..Assumptions::default()
        };
        let analysis = assumed(&text, assumptions);
        let entered = analysis
            .edges()
            .expect("small")
            .filter(|it| matches!(it.from, Endpoint::Controller));
        let shown = |it: &Bounds<Connections>| {
            format!("{}: {} to {}", analysis.gaps().len(), it.least, it.most)
        };
        entered.map(|it| shown(&it.connections)).collect::<Vec<_>>()
    };
    let route = "{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: lab}";
    let grant = |from: &str, to: &str| format!("models}}\nspec: {{from: [{from}], to: [{to}]}}");
    let all = "{group: '', kind: Service}";
    let one = "{group: '', kind: Service, name: registry}";
    for grant in [grant(route, all), grant(route, one)] {
        assert_eq!(world(&grant, false), ["0: TCP 5000 to TCP 5000"], "{grant}");
        assert_eq!(world(&grant, true), ["0: TCP 5000 to TCP 5000"], "{grant}");
    }
    let other_route = route.replace("HTTPRoute", "TCPRoute");
    let other_service = one.replace("registry", "vectors");
    for refused in [
        grant(&other_route, all),
        grant(route, &other_service),
        grant(&route.replace("lab", "models"), all),
        grant(route, all).replace("models}", "lab}"),
    ] {
        // A grant that lets it may be elsewhere.
        let perhaps = ["1: No Connections to TCP 5000"];
        assert_eq!(world(&refused, false), perhaps, "{refused}");
        assert_eq!(world(&refused, true), [""; 0], "{refused}");
    }
}

#[test]
fn a_port_of_a_service_is_known_by_its_own_number_before_that_of_its_pods() {
    let entered = |kind: &str, way: &str| {
        let text = format!(
            "{TWO}---
apiVersion: v1
kind: Service
metadata: {{name: registry, namespace: models}}
spec: {{selector: {{app: registry}}, ports: [{{name: a, port: 80, targetPort: 8080}}, {{name: b, port: 8080, targetPort: 9090}}]}}
---
{way}
"
        );
        let analysis = cluster(&text);
        let entries = analysis.entries().iter().filter(|it| it.kind == kind);
        entries
            .map(|it| it.connections.least.to_string())
            .collect::<Vec<_>>()
    };
    let ingress = "apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: way, namespace: models}
spec: {defaultBackend: {service: {name: registry, port: {number: 8080}}}}";
    assert_eq!(entered("Ingress", ingress), ["TCP 9090"]);
    let route = "apiVersion: route.openshift.io/v1
kind: Route
metadata: {name: way, namespace: models}
spec: {to: {kind: Service, name: registry}, port: {targetPort: 8080}}";
    assert_eq!(entered("Route", route), ["TCP 8080"]);
}
