//! What policies of Cilium mean, said as manifests and what passes under them.

mod oracle;
mod unsure;

use casemate_segment::{Assumptions, Bounds, Connections};

use crate::kit::{ALL, NONE, PERHAPS, between, cluster, cluster_with, shown};

/// A notebook in `lab`, a registry in `models` that runs as `registry`, and an agent on the network of its node.
const WORLD: &str = "
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
spec: {serviceAccountName: registry, containers: [{name: c, image: i, ports: [{name: api, containerPort: 5000}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: agent, namespace: models, labels: {app: agent}}
spec: {hostNetwork: true, containers: [{name: c, image: i}]}
---
apiVersion: v1
kind: Service
metadata: {name: registry, namespace: models, labels: {tier: data}}
spec: {selector: {app: registry}, ports: [{port: 80, targetPort: 5000}]}
---
apiVersion: cilium.io/v2
kind: CiliumCIDRGroup
metadata: {name: partners}
spec: {externalCIDRs: [192.0.2.0/24]}
---
";

/// A policy for the namespace `models`.
fn namespaced(spec: &str) -> String {
    format!(
        "\napiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {{name: p, namespace: models}}\nspec: {spec}\n---"
    )
}

/// A policy for all.
fn wide(spec: &str) -> String {
    format!(
        "\napiVersion: cilium.io/v2\nkind: CiliumClusterwideNetworkPolicy\nmetadata: {{name: w}}\nspec: {spec}\n---"
    )
}

fn bounds(policies: &str, from: &str, to: &str) -> Bounds<Connections> {
    between(&cluster(&format!("{WORLD}{policies}")), from, to)
}

fn told(policies: &str, from: &str, to: &str) -> String {
    shown(&bounds(policies, from, to))
}

/// What comes from the notebook to the registry, under a policy for pods of `models`.
fn taken(rules: &str) -> String {
    told(
        &namespaced(&format!("{{endpointSelector: {{}}, {rules}}}")),
        "notebook",
        "registry",
    )
}

#[test]
fn a_section_with_rules_closes_its_direction_and_an_empty_one_does_not() {
    assert_eq!(taken("ingress: []"), ALL);
    assert_eq!(taken("egress: [{}]"), ALL);
    assert_eq!(taken("ingress: [{}]"), NONE);
    assert_eq!(taken("ingressDeny: [{}]"), NONE);
    assert_eq!(
        taken("ingress: [{}], enableDefaultDeny: {ingress: false}"),
        ALL
    );
    assert_eq!(taken("enableDefaultDeny: {ingress: true}"), PERHAPS);
}

#[test]
fn no_peers_are_all_where_ports_are_said_and_an_empty_list_of_them_is_nobody() {
    let web = "toPorts: [{ports: [{port: '80', protocol: TCP}]}]";
    assert_eq!(taken(&format!("ingress: [{{{web}}}]")), "TCP 80");
    assert_eq!(
        taken(&format!("ingress: [{{fromEndpoints: [], {web}}}]")),
        NONE
    );
    assert_eq!(taken("ingress: [{fromEndpoints: []}]"), NONE);
    assert_eq!(taken("ingress: [{fromEntities: []}]"), NONE);
}

#[test]
fn endpoints_are_of_the_namespace_of_the_policy_unless_they_name_one() {
    let from = |labels: &str| taken(&format!("ingress: [{{fromEndpoints: [{labels}]}}]"));
    assert_eq!(from("{}"), NONE);
    assert_eq!(from("{matchLabels: {app: notebook}}"), NONE);
    for namespace in [
        "io.kubernetes.pod.namespace",
        "k8s:io.kubernetes.pod.namespace",
        "any:io.kubernetes.pod.namespace",
    ] {
        assert_eq!(
            from(&format!(
                "{{matchLabels: {{{namespace}: lab, 'k8s:app': notebook}}}}"
            )),
            ALL
        );
    }
    let of_team = |team: &str| {
        from(&format!(
            "{{matchLabels: {{io.cilium.k8s.namespace.labels.team: {team}, io.kubernetes.pod.namespace: lab}}}}"
        ))
    };
    assert_eq!(of_team("science"), ALL);
    assert_eq!(of_team("other"), NONE);
    let exists = "{matchExpressions: [{key: io.kubernetes.pod.namespace, operator: Exists}]}";
    assert_eq!(from(exists), ALL);
    assert_eq!(
        from(
            "{matchLabels: {io.cilium.k8s.policy.serviceaccount: default, io.kubernetes.pod.namespace: lab}}"
        ),
        ALL
    );
    assert_eq!(
        from(
            "{matchLabels: {io.cilium.k8s.policy.serviceaccount: x, io.kubernetes.pod.namespace: lab}}"
        ),
        NONE
    );
    // Who has labels that are left out of identities, is up to the agent.
    assert_eq!(
        from("{matchLabels: {kubernetes.io/arch: x, io.kubernetes.pod.namespace: lab}}"),
        PERHAPS
    );
}

#[test]
fn for_all_namespaces_endpoints_are_of_all() {
    let policy = |from: &str| {
        wide(&format!(
            "{{endpointSelector: {{matchLabels: {{'k8s:io.cilium.k8s.policy.serviceaccount': registry}}}}, ingress: [{{fromEndpoints: [{from}]}}]}}"
        ))
    };
    assert_eq!(told(&policy("{}"), "notebook", "registry"), ALL);
    assert_eq!(
        told(&policy("{matchLabels: {app: x}}"), "notebook", "registry"),
        NONE
    );
    assert_eq!(told(&policy("{}"), "192.0.2.1", "registry"), NONE);
    assert_eq!(told(&policy("{}"), "registry", "notebook"), ALL);
}

#[test]
fn a_denial_beats_what_anybody_allows() {
    let network = "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: n, namespace: models}
spec: {podSelector: {}, ingress: [{ports: [{port: 5000}, {port: 443}]}]}
---";
    assert_eq!(told(network, "notebook", "registry"), "TCP 443,5000");
    let deny = wide(
        "{endpointSelector: {}, enableDefaultDeny: {ingress: false, egress: false}, ingressDeny: [{fromEntities: [all], toPorts: [{ports: [{port: '443', protocol: tcp}]}]}]}",
    );
    assert_eq!(
        told(&format!("{network}{deny}"), "notebook", "registry"),
        "TCP 5000"
    );
    let more = namespaced(
        "{endpointSelector: {}, ingress: [{fromEntities: [cluster], toPorts: [{ports: [{port: '80'}]}]}]}",
    );
    assert_eq!(
        told(&format!("{network}{deny}{more}"), "notebook", "registry"),
        "SCTP 80,TCP 80,5000,UDP 80"
    );
}

#[test]
fn blocks_of_addresses_mean_nobody_in_the_cluster() {
    let policy = namespaced(
        "{endpointSelector: {}, ingress: [{fromCIDRSet: [{cidr: 0.0.0.0/0, except: [10.0.0.0/8]}]}]}",
    );
    assert_eq!(told(&policy, "notebook", "registry"), NONE);
    assert_eq!(told(&policy, "192.0.2.1", "registry"), ALL);
    assert_eq!(told(&policy, "10.0.0.1", "registry"), NONE);
    let alone = namespaced("{endpointSelector: {}, ingress: [{fromCIDR: [192.0.2.1]}]}");
    assert_eq!(told(&alone, "192.0.2.1", "registry"), ALL);
    assert_eq!(told(&alone, "192.0.2.2", "registry"), NONE);
    let group = |name: &str| {
        namespaced(&format!(
            "{{endpointSelector: {{}}, ingress: [{{fromCIDRSet: [{{cidrGroupRef: {name}}}]}}]}}"
        ))
    };
    assert_eq!(told(&group("partners"), "192.0.2.1", "registry"), ALL);
    assert_eq!(told(&group("partners"), "203.0.113.1", "registry"), NONE);
    assert_eq!(told(&group("others"), "192.0.2.1", "registry"), PERHAPS);
    assert_eq!(told(&group("others"), "notebook", "registry"), NONE);
}

#[test]
fn entities_are_who_they_are_called() {
    let from = |entity: &str, who: &str| {
        let policy = format!(
            "{{endpointSelector: {{matchLabels: {{app: registry}}}}, ingress: [{{fromEntities: [{entity}]}}]}}"
        );
        told(&namespaced(&policy), who, "registry")
    };
    assert_eq!(from("all", "notebook"), ALL);
    assert_eq!(from("cluster", "notebook"), ALL);
    assert_eq!(from("cluster", "cloud-metadata"), NONE);
    assert_eq!(from("world", "notebook"), NONE);
    assert_eq!(from("world", "outside"), ALL);
    assert_eq!(from("world-ipv6", "outside"), NONE);
    for nobody in ["none", "health", "init"] {
        assert_eq!(from(nobody, "notebook"), NONE);
        assert_eq!(from(nobody, "outside"), NONE);
    }
    for node in ["host", "remote-node", "kube-apiserver"] {
        assert_eq!(from(node, "notebook"), NONE);
        assert_eq!(from(node, "agent"), PERHAPS);
        assert_eq!(from(node, "192.0.2.1"), PERHAPS);
        assert_eq!(from(node, "cloud-metadata"), NONE);
    }
    assert_eq!(from("strange", "notebook"), PERHAPS);
}

#[test]
fn services_are_the_pods_behind_them() {
    let to = |service: &str, who: &str| {
        let policy = format!(
            "{{endpointSelector: {{matchLabels: {{app: notebook}}}}, egress: [{{toServices: [{service}]}}]}}"
        );
        told(&wide(&policy), "notebook", who)
    };
    let named = "{k8sService: {serviceName: registry, namespace: models}}";
    assert_eq!(to(named, "registry"), ALL);
    assert_eq!(to(named, "192.0.2.1"), NONE);
    assert_eq!(
        to(
            "{k8sServiceSelector: {selector: {matchLabels: {tier: data}}}}",
            "registry"
        ),
        ALL
    );
    assert_eq!(
        to(
            "{k8sService: {serviceName: x, namespace: models}}",
            "registry"
        ),
        PERHAPS
    );
}

#[test]
fn names_are_somebody_outside() {
    let to = |who: &str| {
        let policy = "{endpointSelector: {matchLabels: {app: notebook}}, egress: [{toFQDNs: [{matchName: hub.example}]}]}";
        told(&wide(policy), "notebook", who)
    };
    assert_eq!(to("registry"), NONE);
    assert_eq!(to("outside"), PERHAPS);
}

#[test]
fn requests_narrow_what_nobody_allows_whole() {
    let port = |more: &str| format!("toPorts: [{{ports: [{{port: '80', protocol: TCP}}]{more}}}]");
    let narrow = port(", rules: {http: [{method: GET, path: /v1}]}");
    assert_eq!(taken(&format!("ingress: [{{{narrow}}}]")), "TCP 80");
    // Narrowed at both ends, nothing may be left.
    let both = wide(&format!(
        "{{endpointSelector: {{}}, ingress: [{{{narrow}}}], egress: [{{{narrow}}}]}}"
    ));
    assert_eq!(
        told(&both, "notebook", "registry"),
        "No Connections to TCP 80"
    );
    let whole = wide(&format!(
        "{{endpointSelector: {{}}, ingress: [{{{narrow}}}], egress: [{{{narrow}}}, {{{}}}]}}",
        port("")
    ));
    assert_eq!(told(&whole, "notebook", "registry"), "TCP 80");
    let any = port(", rules: {http: [{}]}");
    let any = wide(&format!(
        "{{endpointSelector: {{}}, ingress: [{{{narrow}}}], egress: [{{{any}}}]}}"
    ));
    assert_eq!(told(&any, "notebook", "registry"), "TCP 80");
}

#[test]
fn ports_are_numbers_ranges_and_names() {
    let ports = |ports: &str| taken(&format!("ingress: [{{toPorts: [{{ports: [{ports}]}}]}}]"));
    assert_eq!(
        ports("{port: '80', endPort: 90, protocol: TCP}"),
        "TCP 80-90"
    );
    assert_eq!(ports("{port: '53'}"), "SCTP 53,TCP 53,UDP 53");
    assert_eq!(ports("{port: '0', protocol: UDP}"), "UDP 1-65535");
    assert_eq!(ports("{port: api, protocol: TCP}"), "TCP 5000");
    assert_eq!(ports("{port: api, protocol: UDP}"), NONE);
    assert_eq!(ports("{port: '90', endPort: 80, protocol: TCP}"), PERHAPS);
    // At egress a name may be the port of anybody.
    let named = wide(
        "{endpointSelector: {}, egress: [{toPorts: [{ports: [{port: api, protocol: TCP}]}]}]}",
    );
    assert_eq!(told(&named, "notebook", "registry"), PERHAPS);
}

#[test]
fn messages_and_nodes_and_keys_that_are_strange_are_told() {
    let gaps = |policy: &str| cluster(&format!("{WORLD}{policy}")).gaps().len();
    assert_eq!(
        gaps(&namespaced("{endpointSelector: {}, ingress: [{}]}")),
        0
    );
    // A key that the API server prunes, or that a newer version has.
    let strange = "ingress: [{toPorts: [{ports: [{port: '80', protocol: TCP}], rules: {HTTP: [{method: GET}]}}]}]";
    let strange = namespaced(&format!("{{endpointSelector: {{}}, {strange}}}"));
    assert_eq!(gaps(&strange), 1);
    assert_eq!(
        gaps(&namespaced("{endpointSelector: {}, egresses: [x]}")),
        1
    );
    let icmp = "ingress: [{icmps: [{fields: [{type: 8}]}]}]";
    assert_eq!(taken(icmp), NONE);
    assert_eq!(
        gaps(&namespaced(&format!("{{endpointSelector: {{}}, {icmp}}}"))),
        1
    );
    assert_eq!(gaps(&wide("{nodeSelector: {}, ingress: [{}]}")), 1);
    assert_eq!(
        taken("ingress: [{fromEntities: [cluster], toGalaxies: [x]}]"),
        PERHAPS
    );
    assert_eq!(
        taken("ingress: [{fromEntities: [cluster], authentication: {mode: required}}]"),
        PERHAPS
    );
    assert_eq!(
        taken("ingress: [{fromEntities: [cluster], authentication: {mode: disabled}}]"),
        ALL
    );
    assert_eq!(
        taken("ingress: [{fromEntities: [cluster], fromCIDR: [192.0.2.0/24]}]"),
        PERHAPS
    );
    let requires = "ingress: [{fromRequires: [{matchLabels: {app: x, io.kubernetes.pod.namespace: lab}}]}, {fromEntities: [cluster]}]";
    assert_eq!(taken(requires), PERHAPS);
}

#[test]
fn several_specifications_are_several_policies() {
    let policies = "
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: p, namespace: models}
specs:
- {endpointSelector: {}, ingress: [{fromEntities: [cluster], toPorts: [{ports: [{port: '80', protocol: TCP}]}]}]}
- {endpointSelector: {}, ingress: [{fromEntities: [cluster], toPorts: [{ports: [{port: '81', protocol: TCP}]}]}]}
---";
    assert_eq!(told(policies, "notebook", "registry"), "TCP 80-81");
}
