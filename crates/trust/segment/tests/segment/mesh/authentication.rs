//! Who has a proxy, and who proves to be somebody.

use super::*;

#[test]
fn strict_is_for_who_has_a_proxy() {
    let plain = |policies: &[(&str, &str)]| {
        let all = policies
            .iter()
            .map(|(namespace, spec)| authentication(namespace, spec));
        let analysis = under(&all.collect::<String>());
        let named = between(&analysis, "lab/notebook", "models/registry");
        let served = [5000, 5432, 7000].map(|it| Connections::of(Protocol::Tcp, it, it));
        let hidden = between(&analysis, "lab/plain", "models/registry").least;
        let all = served.iter().fold(hidden, |all, it| all.union(it));
        assert_eq!(as_beside(&named.least), as_beside(&all));
        assert!(named.most.is_all());
        let outside = analysis.find("192.0.2.1")[0];
        let passing = tcp(&analysis, "lab/plain", "models/registry");
        let registry = analysis.find("models/registry")[0];
        let from_outside = analysis.between(outside, registry).expect("small");
        let from_plain = between(&analysis, "lab/plain", "models/registry");
        assert_eq!(*from_outside, from_plain);
        passing
    };
    let strict = "{mtls: {mode: STRICT}}";
    let permissive = "{mtls: {mode: PERMISSIVE}}";
    let of_registry =
        |modes: &str| format!("{{selector: {{matchLabels: {{app: registry}}}}, {modes}}}");
    assert_eq!(plain(&[("models", strict)]), NONE);
    assert_eq!(plain(&[("lab", strict)]), ALL);
    assert_eq!(plain(&[("istio-system", strict)]), NONE);
    assert_eq!(
        plain(&[("istio-system", strict), ("models", permissive)]),
        ALL
    );
    assert_eq!(
        plain(&[("istio-system", permissive), ("models", strict)]),
        NONE
    );
    assert_eq!(
        plain(&[
            ("models", strict),
            ("models", &of_registry("mtls: {mode: PERMISSIVE}"))
        ]),
        ALL
    );
    assert_eq!(
        plain(&[
            ("models", strict),
            ("models", &of_registry("mtls: {mode: UNSET}"))
        ]),
        NONE
    );
    let ports = of_registry("portLevelMtls: {80: {mode: PERMISSIVE}, 81: {mode: UNSET}}");
    assert_eq!(plain(&[("models", strict), ("models", &ports)]), "TCP 80");
    let ports = of_registry("mtls: {mode: PERMISSIVE}, portLevelMtls: {80: {mode: STRICT}}");
    assert_eq!(plain(&[("models", &ports)]), "TCP 1-79,81-65535");
    // Without a selector those of ports are nothing, nor is one with a selector in the root namespace.
    assert_eq!(
        plain(&[("models", "{portLevelMtls: {80: {mode: STRICT}}}")]),
        ALL
    );
    assert_eq!(
        plain(&[("istio-system", &of_registry("mtls: {mode: STRICT}"))]),
        ALL
    );
}

#[test]
fn of_two_policies_of_a_level_the_older_decides() {
    let [a, b] = ["STRICT", "PERMISSIVE"]
        .map(|it| authentication("models", &format!("{{mtls: {{mode: {it}}}}}")));
    let analysis = under(&format!("{a}{b}"));
    assert_eq!(
        tcp(&analysis, "lab/plain", "models/registry"),
        format!("{NONE}, perhaps {ALL}")
    );
}

#[test]
fn where_mutual_tls_is_off_nobody_is_anybody() {
    let off = "{selector: {matchLabels: {app: registry}}, portLevelMtls: {80: {mode: DISABLE}}}";
    let off = authentication("models", off);
    let passing = |source: &str| {
        let allow = format!("{{rules: [{{from: [{{source: {source}}}]}}]}}");
        let analysis = under(&format!("{off}{}", policy(&allow)));
        tcp(&analysis, "lab/notebook", "models/registry")
    };
    assert_eq!(
        passing("{principals: ['*']}"),
        SERVED.replace("1-4999", "1-79,81-4999")
    );
    assert_eq!(
        passing("{notPrincipals: ['*']}"),
        "TCP 80, perhaps TCP 1-79,81-65535"
    );
    assert_eq!(passing("{ipBlocks: [10.0.0.0/8]}"), ALL);
}

#[test]
fn only_proxies_decide() {
    let pod = |metadata: &str, spec: &str| {
        format!(
            "
apiVersion: v1
kind: Pod
metadata: {{name: x, {metadata}}}
spec: {{{spec}containers: [{{name: c, image: i}}]}}
---"
        )
    };
    let denied = |pod: &str| {
        let deny = policy("{}").replace("models", "istio-system");
        let analysis = cluster(&format!("{MESH}---{pod}{deny}"));
        tcp(&analysis, "lab/notebook", "x")
    };
    let perhaps = format!("{NONE}, perhaps {ALL}");
    assert_eq!(denied(&pod("namespace: lab", "")), NONE);
    assert_eq!(
        denied(&pod(
            "namespace: lab, labels: {sidecar.istio.io/inject: 'false'}",
            ""
        )),
        ALL
    );
    assert_eq!(
        denied(&pod(
            "namespace: lab, annotations: {sidecar.istio.io/inject: 'false'}",
            ""
        )),
        ALL
    );
    assert_eq!(denied(&pod("namespace: lab", "hostNetwork: true, ")), ALL);
    // Nothing is known of a namespace that is not there, nor of what is injected there.
    assert_eq!(denied(&pod("namespace: far", "")), perhaps);
    let far = "
apiVersion: v1
kind: Namespace
metadata: {name: far}
---";
    let there = |labels: &str| format!("{far}{}", pod(&format!("namespace: far{labels}"), ""));
    assert_eq!(denied(&there("")), ALL);
    assert_eq!(
        denied(&there(", labels: {sidecar.istio.io/inject: 'true'}")),
        NONE
    );
    let off = far.replace(
        "name: far",
        "name: far, labels: {istio-injection: disabled}",
    );
    let asking = pod(
        "namespace: far, labels: {sidecar.istio.io/inject: 'true'}",
        "",
    );
    assert_eq!(denied(&format!("{off}{asking}")), ALL);
    let by_hand = there("").replace("[{name: c", "[{name: istio-proxy, image: p}, {name: c");
    assert_eq!(denied(&by_hand), NONE);
    let past =
        "namespace: lab, annotations: {traffic.sidecar.istio.io/excludeInboundPorts: '22,90'}";
    assert_eq!(denied(&pod(past, "")), "TCP 22,90");
    let some = "namespace: lab, annotations: {traffic.sidecar.istio.io/includeInboundPorts: '80'}";
    assert_eq!(denied(&pod(some, "")), "TCP 1-79,81-65535");
}

#[test]
fn without_a_sign_of_a_mesh_it_is_not_known_who_has_a_proxy() {
    let bare = MESH.replace("istio-injection: enabled", "a: b");
    let bare = bare.replace("istio.io/rev: stable", "a: b");
    let bare = bare.replace("sidecar.istio.io/inject: 'false'", "a: b");
    let analysis = cluster(&format!("{bare}---{}", policy("{}")));
    assert_eq!(
        tcp(&analysis, "lab/notebook", "models/registry"),
        format!("{NONE}, perhaps {ALL}")
    );
}

#[test]
fn a_proxy_of_a_node_sees_no_requests() {
    let ambient = MESH.replace("istio.io/rev: stable", "istio.io/dataplane-mode: ambient");
    let passing = |manifests: &str, spec: &str| {
        let analysis = cluster(&format!("{manifests}---{}", policy(spec)));
        tcp(&analysis, "lab/notebook", "models/registry")
    };
    let of_lab = "from: [{source: {namespaces: [lab]}}]";
    assert_eq!(
        passing(&ambient, &format!("{{rules: [{{{of_lab}}}]}}")),
        SERVED
    );
    let get = "to: [{operation: {methods: [GET], ports: ['5000']}}]";
    assert_eq!(
        passing(&ambient, &format!("{{rules: [{{{of_lab}, {get}}}]}}")),
        NONE
    );
    assert_eq!(
        passing(
            &ambient,
            &format!("{{action: DENY, rules: [{{{of_lab}, {get}}}]}}")
        ),
        "TCP 1-4999,5001-65535, perhaps TCP 5000"
    );
    // A waypoint calls in the name of others.
    let waypoint = ambient.replace("ambient}", "ambient, istio.io/use-waypoint: w}");
    assert_eq!(passing(&waypoint, "{}"), format!("{NONE}, perhaps {ALL}"));
    let at_waypoint = "{targetRefs: [{kind: Service, name: registry, group: ''}]}";
    assert_eq!(
        passing(&ambient, at_waypoint),
        format!("{NONE}, perhaps {ALL}")
    );
}

#[test]
fn callers_that_speak_plain_text_say_nothing() {
    let rule = "
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: d, namespace: models}
spec: {host: registry.models.svc.cluster.local, trafficPolicy: {tls: {mode: DISABLE}}}
---";
    let allow = policy("{rules: [{from: [{source: {namespaces: [lab]}}]}]}");
    let analysis = under(&format!("{rule}{allow}"));
    assert_eq!(
        tcp(&analysis, "lab/notebook", "models/registry"),
        format!("{NONE}, perhaps {ALL}")
    );
    assert_eq!(tcp(&analysis, "lab/plain", "models/registry"), NONE);
}
