//! What policies of Calico mean, said as manifests and what passes under them.

mod oracle;

use crate::kit::{ALL, NONE, PERHAPS, addressed as cluster, between, shown};

/// A notebook in `lab`, a registry in `models` that runs as `registry`, a Service before it, and sets of networks.
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
kind: Service
metadata: {name: registry, namespace: models}
spec: {selector: {app: registry}, ports: [{port: 80, targetPort: api}]}
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkSet
metadata: {name: partners, labels: {who: partner}}
spec: {nets: [192.0.2.0/24]}
---
apiVersion: projectcalico.org/v3
kind: Tier
metadata: {name: security}
spec: {order: 10}
---
apiVersion: projectcalico.org/v3
kind: Tier
metadata: {name: platform}
spec: {order: 20, defaultAction: Pass}
---
";

/// A policy for the namespace `models`.
fn namespaced(name: &str, spec: &str) -> String {
    format!(
        "\napiVersion: projectcalico.org/v3\nkind: NetworkPolicy\nmetadata: {{name: {name}, namespace: models}}\nspec: {{{spec}}}\n---"
    )
}

/// A policy for all.
fn global(name: &str, spec: &str) -> String {
    format!(
        "\napiVersion: crd.projectcalico.org/v1\nkind: GlobalNetworkPolicy\nmetadata: {{name: {name}}}\nspec: {{{spec}}}\n---"
    )
}

fn told(policies: &str, from: &str, to: &str) -> String {
    let analysis = cluster(&format!("{WORLD}{policies}"));
    shown(&between(&analysis, from, to))
}

/// What comes from the notebook to the registry, under a policy for pods of `models`.
fn taken(rules: &str) -> String {
    told(
        &namespaced("p", &format!("ingress: [{rules}]")),
        "notebook",
        "registry",
    )
}

#[test]
fn what_no_rule_decides_its_tier_denies() {
    assert_eq!(told("", "notebook", "registry"), ALL);
    assert_eq!(taken(""), NONE);
    assert_eq!(taken("{action: Allow}"), ALL);
    assert_eq!(taken("{action: Log}, {action: Allow}"), ALL);
    assert_eq!(taken("{action: Deny}, {action: Allow}"), NONE);
    assert_eq!(taken("{action: Pass}, {action: Deny}"), ALL);
    let egress = namespaced("p", "egress: [{action: Allow}]");
    assert_eq!(told(&egress, "notebook", "registry"), ALL);
    let types = namespaced("p", "types: [Egress]");
    assert_eq!(told(&types, "notebook", "registry"), ALL);
    assert_eq!(told(&types, "registry", "notebook"), NONE);
}

#[test]
fn peers_are_of_the_namespace_of_a_policy_as_soon_as_one_is_selected() {
    let from = |source: &str| taken(&format!("{{action: Allow, source: {{{source}}}}}"));
    assert_eq!(from("selector: all()"), NONE);
    assert_eq!(from("namespaceSelector: all()"), ALL);
    assert_eq!(from("namespaceSelector: 'team == \"science\"'"), ALL);
    assert_eq!(
        from("namespaceSelector: 'projectcalico.org/name == \"lab\"', selector: app == 'notebook'"),
        ALL
    );
    assert_eq!(
        from("namespaceSelector: has(team), selector: app != 'notebook'"),
        NONE
    );
    assert_eq!(from("namespaceSelector: global()"), NONE);
    assert_eq!(from("notSelector: app == 'x'"), NONE);
    assert_eq!(from("nets: [10.0.0.0/8]"), ALL);
    assert_eq!(from("nets: [192.0.2.0/24]"), NONE);
    assert_eq!(
        from("namespaceSelector: all(), serviceAccounts: {names: [default]}"),
        ALL
    );
    assert_eq!(
        from("namespaceSelector: all(), serviceAccounts: {names: [x]}"),
        NONE
    );
    let of_account = |role: &str| {
        let source =
            format!("namespaceSelector: all(), serviceAccounts: {{selector: role == '{role}'}}");
        let rules = format!("ingress: [{{action: Allow, source: {{{source}}}}}]");
        let account = "
apiVersion: v1
kind: ServiceAccount
metadata: {name: default, namespace: lab, labels: {role: reader}}
---";
        let policy = namespaced("p", &rules);
        let declared = told(&format!("{account}{policy}"), "notebook", "registry");
        (told(&policy, "notebook", "registry"), declared)
    };
    // Without the account among the files its labels are not known.
    assert_eq!(of_account("reader"), (PERHAPS.to_owned(), ALL.to_owned()));
    assert_eq!(of_account("other"), (PERHAPS.to_owned(), NONE.to_owned()));
}

#[test]
fn selectors_mean_sets_of_networks_as_well() {
    let from = |source: &str, who: &str| {
        let spec = format!(
            "selector: app == 'registry', ingress: [{{action: Allow, source: {{{source}}}}}]"
        );
        told(&global("g", &spec), who, "registry")
    };
    assert_eq!(from("selector: who == 'partner'", "192.0.2.1"), ALL);
    assert_eq!(from("selector: who == 'partner'", "203.0.113.1"), NONE);
    assert_eq!(from("selector: who == 'partner'", "notebook"), NONE);
    assert_eq!(from("notSelector: who == 'partner'", "192.0.2.1"), NONE);
    assert_eq!(from("notSelector: who == 'partner'", "203.0.113.1"), ALL);
    assert_eq!(from("notSelector: app == 'notebook'", "notebook"), NONE);
    assert_eq!(from("notNets: [192.0.2.0/24]", "192.0.2.1"), NONE);
    assert_eq!(from("notNets: [192.0.2.0/24]", "notebook"), ALL);
    assert_eq!(
        from(
            "namespaceSelector: all(), selector: who != 'x'",
            "192.0.2.1"
        ),
        NONE
    );
}

#[test]
fn selectors_are_read_in_full() {
    let of = |selector: &str| {
        let spec = format!("selector: \"{selector}\", types: [Ingress]");
        told(&global("g", &spec), "notebook", "registry") == NONE
    };
    for registry in [
        "app starts with 'reg'",
        "app ends with 'istry' && app contains 'gis'",
        "!(app == 'x' || app in {'y', 'z'})",
        "(app == 'x' || has(app)) && app not in {'notebook'}",
        "all()",
        "projectcalico.org/namespace == 'models'",
        "projectcalico.org/serviceaccount == 'registry'",
        "pcns.projectcalico.org/name == 'models'",
        "projectcalico.org/orchestrator == 'k8s'",
    ] {
        assert!(of(registry), "{registry}");
    }
    for other in [
        "app == 'x'",
        "!has(app)",
        "!all()",
        "pcns.team == 'science'",
        "app contains 'x'",
    ] {
        assert!(!of(other), "{other}");
    }
    let wrong = global("g", "selector: \"app = 'x'\", types: [Ingress]");
    assert_eq!(told(&wrong, "notebook", "registry"), PERHAPS);
    assert_eq!(cluster(&format!("{WORLD}{wrong}")).gaps().len(), 1);
}

#[test]
fn policies_of_a_tier_are_asked_by_order_and_then_by_name() {
    let policy = |name: &str, order: &str, action: &str| {
        global(
            name,
            &format!("{order}types: [Ingress], ingress: [{{action: {action}}}]"),
        )
    };
    let of = |a: (&str, &str), b: (&str, &str)| {
        let policies = policy(a.0, a.1, "Allow") + &policy(b.0, b.1, "Deny");
        told(&policies, "notebook", "registry")
    };
    assert_eq!(of(("a", ""), ("b", "")), ALL);
    assert_eq!(of(("b", ""), ("a", "")), NONE);
    assert_eq!(of(("b", "order: 1.5, "), ("a", "order: 2, ")), ALL);
    assert_eq!(of(("a", ""), ("b", "order: 100000, ")), NONE);
    // Their names begin with that of their tier, or do not.
    assert_eq!(of(("default.a", ""), ("b", "")), ALL);
}

#[test]
fn tiers_are_asked_by_order_and_deny_or_pass() {
    let allow = namespaced("p", "ingress: [{action: Allow}]");
    let of = |tier: &str, rules: &str| {
        let policy = global(
            "t",
            &format!("tier: {tier}, types: [Ingress], ingress: [{rules}]"),
        );
        told(&format!("{policy}{allow}"), "notebook", "registry")
    };
    assert_eq!(of("security", ""), NONE);
    assert_eq!(of("security", "{action: Pass}"), ALL);
    assert_eq!(of("platform", ""), ALL);
    assert_eq!(
        of(
            "platform",
            "{action: Deny, protocol: TCP, destination: {ports: ['1:65535']}}"
        ),
        "SCTP 1-65535,UDP 1-65535"
    );
    // Of a tier that nobody declares it is not known when it is asked.
    assert_eq!(of("strange", "{action: Allow}"), PERHAPS);
}

#[test]
fn policies_of_kubernetes_are_in_the_default_tier() {
    let network = "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: n, namespace: models}
spec: {podSelector: {}, ingress: [{ports: [{port: 80}]}]}
---";
    let deny = |order: &str| {
        let deny = global(
            "g",
            &format!("order: {order}, types: [Ingress], ingress: [{{action: Deny}}]"),
        );
        told(&format!("{network}{deny}"), "notebook", "registry")
    };
    assert_eq!(deny("999"), NONE);
    assert_eq!(deny("1001"), "TCP 80");
    // Which of both is asked first is not said; what neither allows does not pass.
    assert_eq!(deny("1000"), "No Connections to TCP 80");
}

#[test]
fn ports_are_numbers_ranges_names_and_what_they_are_not() {
    let to = |rule: &str| taken(&format!("{{action: Allow, {rule}}}"));
    assert_eq!(
        to("protocol: TCP, destination: {ports: [80, '8000:8080', api]}"),
        "TCP 80,5000,8000-8080"
    );
    assert_eq!(to("protocol: 17"), "UDP 1-65535");
    assert_eq!(to("notProtocol: TCP"), "SCTP 1-65535,UDP 1-65535");
    assert_eq!(
        to("protocol: UDP, destination: {notPorts: [53]}"),
        "UDP 1-52,54-65535"
    );
    assert_eq!(to("protocol: ICMP"), NONE);
    let service = namespaced(
        "p",
        "ingress: [{action: Allow, destination: {services: {name: registry}}}]",
    );
    assert_eq!(
        told(&service, "notebook", "registry"),
        "No Connections to TCP 5000"
    );
    let out = global(
        "g",
        "selector: app == 'notebook', egress: [{action: Allow, destination: {services: {name: registry, namespace: models}}}]",
    );
    assert_eq!(told(&out, "notebook", "registry"), "TCP 5000");
}

#[test]
fn a_rule_may_be_about_some_of_the_pods_that_its_policy_selects() {
    let policy = global(
        "g",
        "types: [Ingress], ingress: [{action: Deny, destination: {selector: app == 'registry'}}, {action: Allow}]",
    );
    assert_eq!(told(&policy, "notebook", "registry"), NONE);
    assert_eq!(told(&policy, "registry", "notebook"), ALL);
    let policy = global(
        "g",
        "types: [Egress], egress: [{action: Allow}, {action: Deny, source: {selector: app == 'registry'}}]",
    );
    assert_eq!(told(&policy, "registry", "notebook"), ALL);
}

#[test]
fn requests_and_source_ports_narrow() {
    let get = "{action: Allow, protocol: TCP, http: {methods: [GET], paths: [{prefix: /v1}]}, destination: {ports: [80]}}";
    assert_eq!(taken(get), "TCP 80");
    assert_eq!(
        taken(
            "{action: Allow, protocol: TCP, source: {ports: [1024]}, destination: {ports: [80]}}"
        ),
        "TCP 80"
    );
    let twice = global(
        "g",
        &format!("types: [Ingress, Egress], ingress: [{get}], egress: [{get}]"),
    );
    assert_eq!(
        told(&twice, "notebook", "registry"),
        "No Connections to TCP 80"
    );
}

#[test]
fn what_is_staged_does_nothing_and_what_is_about_hosts_is_told() {
    let staged = "
apiVersion: projectcalico.org/v3
kind: StagedGlobalNetworkPolicy
metadata: {name: s}
spec: {types: [Ingress]}
---";
    assert_eq!(told(staged, "notebook", "registry"), ALL);
    assert!(cluster(&format!("{WORLD}{staged}")).gaps().is_empty());
    let untracked = global(
        "g",
        "types: [Ingress], doNotTrack: true, applyOnForward: true",
    );
    assert_eq!(told(&untracked, "notebook", "registry"), ALL);
    assert_eq!(cluster(&format!("{WORLD}{untracked}")).gaps().len(), 1);
    let host = "
apiVersion: projectcalico.org/v3
kind: HostEndpoint
metadata: {name: h}
spec: {node: n, interfaceName: eth0}
---";
    assert_eq!(cluster(&format!("{WORLD}{host}")).gaps().len(), 1);
}
