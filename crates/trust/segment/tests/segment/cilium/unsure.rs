//! What the agent refuses, what hangs on the version of Cilium or on how it is set, and what is not known: no answer
//! that hangs on it is sure.

use casemate_segment::Direction;

use super::*;

/// What comes from the notebook to the registry under a policy for pods of `models`, with peers.
fn from(peers: &str) -> String {
    taken(&format!("ingress: [{{{peers}}}]"))
}

#[test]
fn a_namespace_that_is_not_known_is_not_that_of_the_policy() {
    let unknown = "app: notebook, 'k8s:io.kubernetes.pod.namespace': '{{ .Release.Namespace }}'";
    assert_eq!(
        from(&format!("fromEndpoints: [{{matchLabels: {{{unknown}}}}}]")),
        PERHAPS
    );
    let among =
        "{key: io.kubernetes.pod.namespace, operator: In, values: ['{{ .Release.Namespace }}']}";
    assert_eq!(
        from(&format!("fromEndpoints: [{{matchExpressions: [{among}]}}]")),
        PERHAPS
    );
    let nobody_knows =
        "fromEndpoints: [{matchExpressions: [{key: '{{ .Values.key }}', operator: Exists}]}]";
    assert_eq!(from(nobody_knows), PERHAPS);
    let denied = format!(
        "enableDefaultDeny: {{ingress: false}}, ingressDeny: [{{fromEndpoints: [{{matchLabels: {{{unknown}}}}}]}}]"
    );
    assert_eq!(taken(&denied), PERHAPS);
    // A label of pods that is not known leaves the namespace as it is.
    assert_eq!(
        from("fromEndpoints: [{matchLabels: {app: '{{ .Values.app }}'}}]"),
        NONE
    );
}

#[test]
fn what_the_agent_refuses_may_have_no_effect_at_all() {
    let tcp = "toPorts: [{ports: [{port: '80', protocol: TCP}]";
    for refused in [
        "{fromEndpoints: [{matchLabels: {app: x}}], fromCIDR: [192.0.2.0/24]}".to_owned(),
        "{fromEntities: [galaxy]}".to_owned(),
        "{fromCIDR: [192.0.2.0/99]}".to_owned(),
        "{fromCIDRSet: [{cidr: 192.0.2.1}]}".to_owned(),
        "{fromEndpoints: [{matchExpressions: [{key: app, operator: Like, values: [x]}]}]}"
            .to_owned(),
        "{fromNodes: [{matchLabels: {a: b}}]}".to_owned(),
        "{toPorts: [{ports: [{port: '80', protocol: ANY}], rules: {http: [{method: GET}]}}]}"
            .to_owned(),
        "{toPorts: [{ports: [{port: '0', protocol: TCP}], rules: {http: [{method: GET}]}}]}"
            .to_owned(),
        "{toPorts: [{ports: [{port: '099', protocol: TCP}]}]}".to_owned(),
        format!("{{{tcp}, rules: {{dns: [{{matchPattern: '*'}}]}}}}]}}"),
        format!("{{{tcp}, listener: {{name: l, envoyConfig: {{name: e}}}}}}]}}"),
        format!("{{{tcp}, rules: {{http: [{{}}], kafka: [{{}}]}}}}]}}"),
        format!("{{{tcp}}}], icmps: [{{fields: [{{type: 8}}]}}]}}"),
    ] {
        // The other rule would let nothing from the notebook pass.
        let all = taken(&format!("ingress: [{{}}, {refused}]"));
        assert!(all.starts_with("No Connections to All"), "{refused}: {all}");
    }
    let specs = "
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: p, namespace: models}
specs:
- {endpointSelector: {}, ingress: [{}]}
- {nodeSelector: {}, ingress: [{}]}
---";
    assert_eq!(told(specs, "notebook", "registry"), PERHAPS);
    // What a denial says of requests is refused, or not read.
    let denied = format!(
        "enableDefaultDeny: {{ingress: false}}, ingressDeny: [{{{tcp}, rules: {{http: [{{method: GET}}]}}}}]}}]"
    );
    assert!(
        taken(&denied).ends_with(" to All Connections"),
        "{}",
        taken(&denied)
    );
}

#[test]
fn a_key_that_nobody_knows_may_mean_anybody() {
    assert_eq!(from("fromGalaxies: [x]"), PERHAPS);
    assert_eq!(from("toEndpoints: [{}]"), PERHAPS);
    assert_eq!(from("toFQDNs: [{matchName: hub.example}]"), PERHAPS);
}

#[test]
fn nodes_and_the_proxy_are_held_by_policies_of_their_own() {
    let host = wide("{nodeSelector: {}, ingress: [{fromEntities: [health]}]}");
    assert_eq!(told(&host, "notebook", "agent"), PERHAPS);
    assert_eq!(told(&host, "notebook", "registry"), ALL);
    let proxy = wide(
        "{endpointSelector: {matchExpressions: [{key: 'reserved:ingress', operator: Exists}]}, egress: [{}]}",
    );
    let analysis = cluster(&format!("{WORLD}{proxy}"));
    let (controller, registry) = (
        analysis.find("ingress-controller")[0],
        analysis.find("registry")[0],
    );
    let sent = analysis.between(controller, registry).expect("small");
    assert!(sent.least.is_empty() && !sent.most.is_empty());
    assert_eq!(
        *sent,
        analysis.prove(controller, registry).egress.connections
    );
    assert_eq!(told(&proxy, "notebook", "registry"), ALL);
}

#[test]
fn a_service_without_a_namespace_is_of_any() {
    let to = "{endpointSelector: {matchLabels: {app: notebook}}, egress: [{toServices: [{k8sService: {serviceName: registry}}]}]}";
    assert_eq!(told(&wide(to), "notebook", "registry"), ALL);
    let lab = namespaced(to).replace("namespace: models", "namespace: lab");
    assert_eq!(told(&lab, "notebook", "registry"), ALL);
}

#[test]
fn the_namespace_of_a_policy_is_written_over_that_of_its_selector() {
    let under = |key: &str| {
        let spec =
            format!("{{endpointSelector: {{matchLabels: {{{key}: lab}}}}, ingress: [{{}}]}}");
        told(&namespaced(&spec), "notebook", "registry")
    };
    assert_eq!(under("'k8s:io.kubernetes.pod.namespace'"), NONE);
    assert_eq!(under("'any:io.kubernetes.pod.namespace'"), ALL);
    assert_eq!(under("io.kubernetes.pod.namespace"), ALL);
    let among = "{endpointSelector: {matchExpressions: [{key: 'k8s:io.kubernetes.pod.namespace', operator: In, values: [lab]}]}, ingress: [{}]}";
    assert_eq!(told(&namespaced(among), "notebook", "registry"), ALL);
}

#[test]
fn a_policy_for_pods_without_labels_takes_no_labels_for_everybody() {
    let policy = wide(
        "{endpointSelector: {matchExpressions: [{key: 'reserved:init', operator: DoesNotExist}]}, ingress: [{fromEndpoints: [{}]}]}",
    );
    assert_eq!(told(&policy, "192.0.2.1", "registry"), ALL);
    assert_eq!(told(&policy, "notebook", "registry"), ALL);
}

#[test]
fn who_is_in_no_namespace_may_be_in_none_that_is_excluded() {
    let not = |operator: &str, who: &str| {
        let expression = format!("{{key: io.kubernetes.pod.namespace, {operator}}}");
        let policy = format!(
            "{{endpointSelector: {{}}, ingress: [{{fromEndpoints: [{{matchExpressions: [{expression}]}}]}}]}}"
        );
        told(&namespaced(&policy), who, "registry")
    };
    assert_eq!(not("operator: NotIn, values: [x]", "notebook"), ALL);
    assert_eq!(not("operator: NotIn, values: [x]", "192.0.2.1"), PERHAPS);
    assert_eq!(
        not("operator: NotIn, values: [x]", "cloud-metadata"),
        PERHAPS
    );
    assert_eq!(not("operator: DoesNotExist", "192.0.2.1"), PERHAPS);
    assert_eq!(not("operator: Exists", "192.0.2.1"), NONE);
}

#[test]
fn labels_of_namespaces_may_mean_others_than_that_of_the_policy() {
    let labels = "fromEndpoints: [{matchLabels: {io.cilium.k8s.namespace.labels.team: science}}]";
    assert_eq!(from(labels), PERHAPS);
    let both = "fromEndpoints: [{matchLabels: {io.cilium.k8s.namespace.labels.team: science, io.kubernetes.pod.namespace: lab}}]";
    assert_eq!(from(both), ALL);
}

#[test]
fn blocks_may_mean_pods_on_the_network_of_their_nodes() {
    let policy = namespaced("{endpointSelector: {}, ingress: [{fromCIDR: [10.0.0.0/8]}]}");
    assert_eq!(told(&policy, "agent", "registry"), PERHAPS);
    assert_eq!(told(&policy, "notebook", "registry"), NONE);
}

#[test]
fn labels_that_are_left_out_tell_nobody_apart() {
    for key in [
        "etcd_node",
        "controller-uid",
        "topology.kubernetes.io/zone",
        "annotationx",
    ] {
        let peers = format!(
            "fromEndpoints: [{{matchLabels: {{{key}: x, io.kubernetes.pod.namespace: lab}}}}]"
        );
        assert_eq!(from(&peers), PERHAPS, "{key}");
    }
}

#[test]
fn a_port_with_a_zero_before_it_is_octal() {
    assert_eq!(
        from("toPorts: [{ports: [{port: '010', protocol: TCP}]}]"),
        "TCP 8"
    );
}

#[test]
fn what_a_listener_lets_pass_is_not_known() {
    let policy = "{endpointSelector: {matchLabels: {app: notebook}}, egress: [{toPorts: [{ports: [{port: '80', protocol: TCP}], listener: {name: l, envoyConfig: {name: e}}}]}]}";
    assert_eq!(
        told(&wide(policy), "notebook", "registry"),
        "No Connections to TCP 80"
    );
}

#[test]
fn a_kind_of_another_group_is_none_of_these() {
    let policy = namespaced("{endpointSelector: {}, ingress: [{}]}")
        .replace("cilium.io/v2", "example.com/v1");
    assert_eq!(told(&policy, "notebook", "registry"), ALL);
}

/// A policy of Cilium for nobody here: it says that the cluster has it.
fn with_cilium(other: &str) -> String {
    let nobody = namespaced("{endpointSelector: {matchLabels: {app: nobody}}, ingress: [{}]}");
    format!("{nobody}{other}\n---")
}

#[test]
fn network_policies_are_read_as_cilium_does() {
    let network = |spec: &str| {
        with_cilium(&format!(
            "\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: n, namespace: models}}\nspec: {spec}"
        ))
    };
    let excluding = network(
        "{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchExpressions: [{key: team, operator: NotIn, values: [x]}]}}]}]}",
    );
    assert_eq!(told(&excluding, "notebook", "registry"), ALL);
    assert_eq!(told(&excluding, "192.0.2.1", "registry"), PERHAPS);
    let left_out =
        network("{podSelector: {matchLabels: {topology.kubernetes.io/zone: a}}, ingress: []}");
    assert_eq!(told(&left_out, "notebook", "registry"), PERHAPS);
    let lab = network("{podSelector: {}, policyTypes: [Egress], egress: [{ports: [{port: api}]}]}")
        .replace("name: n, namespace: models", "name: n, namespace: lab");
    assert_eq!(told(&lab, "notebook", "registry"), PERHAPS);
    let block = network("{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}]}]}");
    let assumptions = Assumptions {
        pod_network: casemate_segment::Addresses::of_block("10.1.0.0/16"),
        ..Assumptions::default()
    };
    let analysis = cluster_with(&format!("{WORLD}{block}"), assumptions);
    let (notebook, registry) = (analysis.find("notebook")[0], analysis.find("registry")[0]);
    let passing = analysis.between(notebook, registry).expect("small");
    assert!(passing.least.is_empty() && !passing.most.is_empty());
    assert_eq!(*passing, analysis.prove(notebook, registry).connections());
}

#[test]
fn policies_for_a_cluster_may_not_be_held() {
    let admin = "
apiVersion: policy.networking.k8s.io/v1alpha1
kind: AdminNetworkPolicy
metadata: {name: a}
spec: {priority: 1, subject: {namespaces: {}}, ingress: [{action: Deny, from: [{namespaces: {}}]}]}";
    let (without_cilium, _) = WORLD
        .split_once("apiVersion: cilium.io")
        .expect("a group of blocks");
    let analysis = cluster(&format!("{without_cilium}{admin}"));
    let (notebook, registry) = (analysis.find("notebook")[0], analysis.find("registry")[0]);
    assert!(
        analysis
            .between(notebook, registry)
            .expect("small")
            .most
            .is_empty()
    );
    assert_eq!(told(&with_cilium(admin), "notebook", "registry"), PERHAPS);
}

#[test]
fn how_cilium_is_set_decides_whether_policies_hold() {
    let set = |data: &str| {
        format!(
            "\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: cilium-config, namespace: kube-system}}\ndata: {{{data}}}\n---"
        )
    };
    let closed = namespaced("{endpointSelector: {}, ingress: [{}]}");
    let under = |data: &str| told(&format!("{closed}{}", set(data)), "notebook", "registry");
    assert_eq!(under("enable-policy: default"), NONE);
    assert_eq!(under("enable-policy: never"), PERHAPS);
    assert_eq!(under("policy-audit-mode: 'true'"), PERHAPS);
    assert_eq!(
        told(&set("enable-policy: always"), "notebook", "registry"),
        PERHAPS
    );
    let network = "\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: n, namespace: models}\nspec: {podSelector: {}}\n---";
    assert_eq!(
        told(
            &format!("{network}{}", set("enable-policy: never")),
            "notebook",
            "registry"
        ),
        PERHAPS
    );
}

#[test]
fn kinds_that_nobody_reads_are_told() {
    for (version, kind) in [
        ("cilium.io/v2", "CiliumLocalRedirectPolicy"),
        ("cilium.io/v2", "CiliumEgressGatewayPolicy"),
        ("k8s.cni.cncf.io/v1beta1", "MultiNetworkPolicy"),
        ("k8s.ovn.org/v1", "EgressFirewall"),
        ("crd.antrea.io/v1beta1", "ClusterNetworkPolicy"),
    ] {
        let object = format!(
            "apiVersion: {version}\nkind: {kind}\nmetadata: {{name: o, namespace: lab}}\nspec: {{a: b}}\n"
        );
        let analysis = cluster(&format!("{WORLD}{object}"));
        assert!(
            analysis.gaps().iter().any(|it| it.message.contains(kind)),
            "{kind}"
        );
    }
}

#[test]
fn many_blocks_of_a_rule_are_one() {
    let blocks: Vec<String> = (0..3_000)
        .map(|it| format!("10.{}.{}.0/25", it / 250, it % 250))
        .collect();
    let policy = namespaced(&format!(
        "{{endpointSelector: {{}}, ingress: [{{fromCIDR: [{}]}}]}}",
        blocks.join(", ")
    ));
    let analysis = cluster(&format!("{WORLD}{policy}"));
    let rules = analysis
        .policies()
        .iter()
        .flat_map(|it| it.rules(Direction::Ingress));
    assert_eq!(rules.count(), 1);
    // Those that it names, the metadata service, and all others.
    assert_eq!(analysis.find("outside").len(), 3);
    assert_eq!(told(&policy, "10.0.1.1", "registry"), ALL);
}
