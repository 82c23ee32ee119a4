//! What manifests of a mesh do not say: nothing surely passes there, and nothing surely does not.

use super::*;

fn pod(metadata: &str) -> String {
    format!(
        "
apiVersion: v1
kind: Pod
metadata: {{name: x, {metadata}}}
spec: {{containers: [{{name: c, image: i}}]}}
---"
    )
}

const CLOSED: &str = "
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: all, namespace: istio-system}
spec: {}
---";

/// What passes to the pod `x`, of which `metadata` is said, where nothing may.
fn closed(metadata: &str, more: &str) -> String {
    let analysis = cluster(&format!("{MESH}---{}{CLOSED}{more}", pod(metadata)));
    tcp(&analysis, "lab/notebook", "x")
}

fn to_registry(policies: &str) -> String {
    let analysis = cluster(&format!("{MESH}---{policies}"));
    tcp(&analysis, "lab/notebook", "models/registry")
}

const STRICT: &str = "{mtls: {mode: STRICT}}";

#[test]
fn who_is_denied_by_name_may_say_none() {
    let deny = "{action: DENY, rules: [{from: [{source: {principals: [cluster.local/ns/lab/sa/notebook]}}]}]}";
    assert_eq!(both(deny), [PERHAPS, ALL]);
    // Where everybody has to say who he is, he does not pass either way.
    let strict = authentication("models", STRICT);
    assert_eq!(to_registry(&format!("{strict}{}", policy(deny))), NONE);
}

#[test]
fn a_proof_tells_what_is_denied_by_name_and_passes_without() {
    let deny = "{action: DENY, rules: [{from: [{source: {namespaces: [lab]}}]}]}";
    let analysis = under(&policy(deny));
    let (from, to) = (
        analysis.find("lab/notebook")[0],
        analysis.find("models/registry")[0],
    );
    let proof = analysis.prove(from, to);
    let told: Vec<_> = proof
        .ingress
        .steps
        .iter()
        .filter_map(|it| it.unsure.as_deref())
        .collect();
    assert!(
        told.iter()
            .any(|it| it.contains("past the proxy of its source")),
        "{told:?}"
    );
}

#[test]
fn who_calls_says_who_it_is_where_it_sees_a_service() {
    let strict = authentication("models", STRICT);
    assert_eq!(to_registry(&strict), SERVED);
    let sidecar = |namespace: &str, hosts: &str| {
        format!(
            "
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {{name: default, namespace: {namespace}}}
spec: {{egress: [{{hosts: [{hosts}]}}]}}
---"
        )
    };
    let under = |more: &str| to_registry(&format!("{strict}{more}"));
    assert_eq!(under(&sidecar("lab", "'./*'")), PERHAPS);
    assert_eq!(under(&sidecar("istio-system", "'./*'")), PERHAPS);
    assert_eq!(under(&sidecar("models", "'./*'")), SERVED);
    assert_eq!(under(&sidecar("lab", "'*/*'")), SERVED);
    let hidden = MESH.replace("{name: registry, namespace: models}\nspec: {selector", "{name: registry, namespace: models, annotations: {networking.istio.io/exportTo: .}}\nspec: {selector");
    assert_ne!(hidden, MESH);
    let analysis = cluster(&format!("{hidden}---{strict}"));
    assert_eq!(tcp(&analysis, "lab/notebook", "models/registry"), PERHAPS);
    let narrow = settings("discoverySelectors: [{matchLabels: {a: b}}]");
    assert_eq!(under(&narrow), PERHAPS);
}

fn settings(mesh: &str) -> String {
    format!(
        "
apiVersion: v1
kind: ConfigMap
metadata: {{name: istio, namespace: istio-system}}
data:
  mesh: |
    {mesh}
---"
    )
}

fn ambient() -> String {
    let ambient = MESH.replace(
        "istio-injection: enabled",
        "istio.io/dataplane-mode: ambient",
    );
    ambient.replace("istio.io/rev: stable", "istio.io/dataplane-mode: ambient")
}

#[test]
fn proxies_of_nodes_carry_all_ports_over_one() {
    let passing = |ports: &str, policies: &str| {
        let network = format!(
            "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: n, namespace: models}}
spec: {{podSelector: {{}}, ingress: [{{ports: [{ports}]}}]}}
---"
        );
        let analysis = cluster(&format!("{}---{network}{policies}", ambient()));
        between(&analysis, "lab/notebook", "models/registry")
    };
    let whole = Connections::of_protocol(Protocol::Tcp);
    let port = |it| Connections::of(Protocol::Tcp, it, it);
    for policies in ["", &policy("{rules: [{}]}")] {
        let of_one = passing("{port: 15008}", policies);
        assert_eq!((of_one.least, of_one.most), (port(15008), whole.clone()));
        let of_other = passing("{port: 5000}", policies);
        assert_eq!(
            (of_other.least, of_other.most),
            (Connections::default(), port(5000))
        );
        let of_both = passing("{port: 15008}, {port: 5000}", policies);
        assert_eq!(of_both.least, port(15008).union(&port(5000)));
    }
    // What proxies deny stays denied.
    assert!(passing("{port: 15008}", &policy("{}")).most.is_empty());
}

#[test]
fn nobody_has_to_say_to_a_gateway_who_he_is() {
    let strict = authentication("istio-system", STRICT);
    let gateway = "
apiVersion: v1
kind: Pod
metadata: {name: gate, namespace: models, labels: {istio: ingressgateway}, annotations: {inject.istio.io/templates: gateway}}
spec: {containers: [{name: istio-proxy, image: auto}]}
---";
    for gateway in [
        gateway,
        &gateway.replace(", annotations: {inject.istio.io/templates: gateway}", ""),
    ] {
        let analysis = cluster(&format!("{MESH}---{strict}{gateway}"));
        assert_eq!(tcp(&analysis, "lab/plain", "gate"), PERHAPS);
        assert_eq!(tcp(&analysis, "lab/plain", "models/registry"), NONE);
    }
}

#[test]
fn proxies_of_nodes_turn_mutual_tls_not_off() {
    let off = authentication("models", "{mtls: {mode: DISABLE}}");
    let named = "from: [{source: {namespaces: [lab]}}]";
    for (spec, passing) in [
        (format!("{{rules: [{{{named}}}]}}"), ALL),
        (format!("{{action: DENY, rules: [{{{named}}}]}}"), NONE),
    ] {
        let analysis = cluster(&format!("{}---{off}{}", ambient(), policy(&spec)));
        assert_eq!(tcp(&analysis, "lab/notebook", "models/registry"), passing);
    }
}

#[test]
fn a_proxy_that_may_not_take_what_comes_decides_of_nothing_for_sure() {
    assert_eq!(closed("namespace: lab", ""), NONE);
    for annotation in [
        "sidecar.istio.io/interceptionMode: NONE",
        "proxy.istio.io/config: 'interceptionMode: NONE'",
        "inject.istio.io/templates: grpc-agent",
        "traffic.sidecar.istio.io/excludeInterfaces: eth0",
        "ambient.istio.io/bypass-inbound-capture: 'true'",
    ] {
        let metadata = format!("namespace: lab, annotations: {{{annotation}}}");
        assert_eq!(closed(&metadata, ""), PERHAPS, "{annotation}");
        // Nor does it say for whom it calls.
        let strict = authentication("models", STRICT);
        let analysis = cluster(&format!("{MESH}---{}{strict}", pod(&metadata)));
        assert_eq!(tcp(&analysis, "x", "models/registry"), PERHAPS);
    }
    let injector = "
apiVersion: v1
kind: ConfigMap
metadata: {name: istio-sidecar-injector, namespace: istio-system}
data:
  config: |
    policy: enabled
  values: '{\"global\": {\"proxy\": {\"excludeInboundPorts\": \"\", \"includeInboundPorts\": \"*\"}}}'
---";
    assert_eq!(closed("namespace: lab", injector), NONE);
    let operator = "
apiVersion: install.istio.io/v1alpha1
kind: IstioOperator
metadata: {name: i, namespace: istio-system}
spec: {values: {global: {proxy: {excludeInboundPorts: '5432'}}}}
---";
    for settings in [
        &injector.replace("policy: enabled", "policy: disabled"),
        &injector.replace("excludeInboundPorts\": \"", "excludeInboundPorts\": \"22"),
        &injector.replace("excludeInboundPorts\": \"\"", "excludeInboundPorts\": 22"),
        &injector.replace("excludeInboundPorts\": \"\"", "excludeInboundPorts\": [22]"),
        operator,
        &settings("defaultConfig: {interceptionMode: NONE}"),
    ] {
        assert_eq!(closed("namespace: lab", settings), PERHAPS, "{settings}");
    }
}

#[test]
fn where_ports_are_named_that_a_proxy_takes_those_that_it_leaves_out_are_moot() {
    let annotations = "annotations: {traffic.sidecar.istio.io/includeInboundPorts: '80,90', traffic.sidecar.istio.io/excludeInboundPorts: '90'}";
    assert_eq!(
        closed(&format!("namespace: lab, {annotations}"), ""),
        "TCP 1-79,81-89,91-65535"
    );
}

#[test]
fn what_another_word_than_true_and_false_says_of_a_proxy_hangs_on_the_version() {
    for word in ["'no'", "'off'", "'False'", "disabled", "'yes'"] {
        for place in ["labels", "annotations"] {
            let metadata = format!("namespace: lab, {place}: {{sidecar.istio.io/inject: {word}}}");
            assert_eq!(closed(&metadata, ""), PERHAPS, "{metadata}");
        }
    }
    assert_eq!(
        closed(
            "namespace: lab, annotations: {sidecar.istio.io/inject: ''}",
            ""
        ),
        NONE
    );
}

#[test]
fn what_proxies_of_nodes_read_in_another_way_is_not_known() {
    let passing = |more: &str, spec: &str| {
        let analysis = cluster(&format!("{}---{more}{}", ambient(), policy(spec)));
        tcp(&analysis, "lab/notebook", "models/registry")
    };
    let settings = settings("trustDomain: lab.example");
    for from in [
        "{principals: [cluster.local/ns/lab/sa/notebook]}",
        "{notPrincipals: [cluster.local/ns/lab/sa/notebook]}",
        "{namespaces: ['l*b']}",
    ] {
        for action in ["ALLOW", "DENY"] {
            let spec = format!("{{action: {action}, rules: [{{from: [{{source: {from}}}]}}]}}");
            assert_eq!(passing(&settings, &spec), PERHAPS, "{spec}");
        }
    }
    assert_eq!(
        passing(
            "",
            "{rules: [{when: [{key: source.serviceAccount, values: [lab/notebook]}]}]}"
        ),
        PERHAPS
    );
    let dry = CLOSED.replace(
        "namespace: istio-system",
        "namespace: istio-system, annotations: {istio.io/dry-run: 'true'}",
    );
    let dry = dry.replace("spec: {}", "spec: {action: DENY, rules: [{}]}");
    assert_eq!(passing(&dry, "{rules: [{}]}"), PERHAPS);
}

#[test]
fn whoever_has_an_address_of_a_workload_entry_may_say_who_he_is() {
    let entry = "
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: vm, namespace: lab}
spec: {address: 192.0.2.1, serviceAccount: vm}
---";
    let analysis = cluster(&format!(
        "{MESH}---{entry}{}",
        authentication("models", STRICT)
    ));
    assert_eq!(tcp(&analysis, "192.0.2.1", "models/registry"), PERHAPS);
    assert_eq!(tcp(&analysis, "192.0.2.2", "models/registry"), NONE);
}

#[test]
fn what_reaches_a_proxy_itself_no_policy_holds_for_sure() {
    let analysis = under(&policy("{}"));
    let passing = between(&analysis, "lab/plain", "models/registry");
    for port in [15020, 15021, 15090] {
        let here = Connections::of(Protocol::Tcp, port, port);
        assert!(
            passing.most.includes(&here) && !passing.least.includes(&here),
            "{port}"
        );
    }
}

#[test]
fn what_comes_in_through_a_gateway_of_istio_is_told() {
    let service = |gateways: &str| {
        format!(
            "
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: v, namespace: models}}
spec: {{hosts: ['*'], {gateways}http: [{{route: [{{destination: {{host: registry}}}}]}}]}}
"
        )
    };
    let gaps = |gateways: &str| {
        cluster(&format!("{MESH}---{}", service(gateways)))
            .gaps()
            .len()
    };
    assert_eq!(gaps("gateways: [g], "), 1);
    assert_eq!(gaps("gateways: [mesh], "), 0);
    assert_eq!(gaps(""), 0);
}

#[test]
fn a_route_of_a_service_is_no_way_in() {
    let route = "
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r, namespace: models}
spec: {parentRefs: [{kind: Gateway, name: g}], rules: [{backendRefs: [{name: registry, port: 80}]}]}
";
    let entries = |route: &str| cluster(&format!("{MESH}---{route}")).entries().len();
    assert_eq!(entries(route), 1);
    assert_eq!(
        entries(&route.replace("kind: Gateway", "group: '', kind: Service")),
        0
    );
}

#[test]
fn what_is_no_text_is_refused() {
    for spec in [
        "{rules: [{to: [{operation: {ports: [5000]}}]}]}",
        "{action: DENY, rules: [{to: [{operation: {ports: [5000]}}]}]}",
    ] {
        let passing = to_registry(&policy(spec));
        assert!(passing.contains("perhaps"), "{spec}: {passing}");
    }
}

#[test]
fn of_two_things_that_are_asked_of_a_token_one_may_leave_nothing_of_the_other() {
    let looking = "
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: r, namespace: models}
spec: {jwtRules: [{issuer: a.example}]}
---";
    let passing = |from: &str, when: &str| {
        let rule = format!(
            "{{from: [{{source: {from}}}], to: [{{operation: {{ports: ['5000']}}}}], when: [{when}]}}"
        );
        to_registry(&format!(
            "{looking}{}",
            policy(&format!("{{rules: [{rule}]}}"))
        ))
    };
    let perhaps = "No Connections, perhaps TCP 5000";
    assert_eq!(
        passing("{requestPrincipals: ['a.example/*']}", ""),
        "TCP 5000"
    );
    assert_eq!(
        passing("{requestPrincipals: ['other.example/*']}", ""),
        perhaps
    );
    assert_eq!(
        passing(
            "{requestPrincipals: ['*'], notRequestPrincipals: ['*']}",
            ""
        ),
        perhaps
    );
    let claim = "{key: 'request.auth.claims[sub]', values: [a]}";
    assert_eq!(passing("{ipBlocks: [10.0.0.0/8]}", claim), "TCP 5000");
    assert_eq!(
        passing("{ipBlocks: [10.0.0.0/8]}", &format!("{claim}, {claim}")),
        perhaps
    );
    assert_eq!(passing("{requestPrincipals: ['*']}", claim), perhaps);
}

#[test]
fn policies_of_what_may_be_the_root_are_perhaps_for_all() {
    let everywhere = |namespace: &str| CLOSED.replace("istio-system", namespace);
    let [a, b] =
        ["a", "b"].map(|it| settings(&format!("rootNamespace: {it}")).replace("istio-system", it));
    assert_eq!(to_registry(&format!("{a}{b}{}", everywhere("b"))), PERHAPS);
    assert_eq!(to_registry(&format!("{a}{b}{}", everywhere("other"))), ALL);
    assert_eq!(
        to_registry(&format!("{a}{b}{}", everywhere("models"))),
        NONE
    );
    let unread = settings("rootNamespace: [").replace("istio-system", "a");
    assert_eq!(
        to_registry(&format!("{unread}{}", everywhere("other"))),
        PERHAPS
    );
    let sail = "
apiVersion: sailoperator.io/v1
kind: Istio
metadata: {name: default}
spec: {namespace: mesh}
---";
    assert_eq!(to_registry(&format!("{sail}{}", everywhere("mesh"))), NONE);
    assert_eq!(
        to_registry(&format!("{sail}{}", everywhere("istio-system"))),
        ALL
    );
    let strict = |namespace: &str| {
        let strict = authentication(namespace, STRICT);
        let analysis = cluster(&format!("{MESH}---{a}{b}{strict}"));
        tcp(&analysis, "lab/plain", "models/registry")
    };
    assert_eq!(strict("b"), PERHAPS);
    assert_eq!(strict("models"), NONE);
    assert_eq!(strict("other"), ALL);
}

#[test]
fn an_account_without_a_namespace_is_of_that_of_its_policy_if_it_is_known() {
    let spec = "{selector: {matchLabels: {app: registry}}, rules: [{from: [{source: {serviceAccounts: [notebook]}}]}]}";
    let of_chart = policy(spec).replace("namespace: models", "namespace: [models]");
    let passing = to_registry(&of_chart);
    assert_eq!(passing, PERHAPS);
}

#[test]
fn selectors_have_no_expressions() {
    let spec = "{selector: {matchExpressions: [{key: app, operator: In, values: [other]}]}}";
    assert_eq!(to_registry(&policy(spec)), PERHAPS);
    let strict = "{selector: {matchExpressions: [{key: app, operator: In, values: [other]}]}, mtls: {mode: STRICT}}";
    let analysis = cluster(&format!("{MESH}---{}", authentication("models", strict)));
    assert_eq!(tcp(&analysis, "lab/plain", "models/registry"), PERHAPS);
}

#[test]
fn what_is_not_among_the_files_may_be_of_a_node() {
    let bare = MESH.replace("istio-injection: enabled", "a: b");
    let bare = bare.replace("istio.io/rev: stable", "a: b");
    let bare = bare.replace("sidecar.istio.io/inject: 'false'", "a: b");
    let get = "{rules: [{to: [{operation: {methods: [GET], ports: ['5000']}}]}]}";
    let analysis = cluster(&format!("{bare}---{}", policy(get)));
    assert_eq!(tcp(&analysis, "lab/notebook", "models/registry"), PERHAPS);
}

#[test]
fn where_a_rule_of_destinations_says_no_mode_callers_speak_plain_text() {
    for spec in [
        "{host: registry.models.svc.cluster.local, trafficPolicy: {tls: {}}}",
        "{host: registry.models.svc.cluster.local, trafficPolicy: {tls: {sni: x}}}",
        "{host: registry.models.svc.corp.internal, trafficPolicy: {tls: {mode: DISABLE}}}",
    ] {
        let rule = format!(
            "
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: d, namespace: models}}
spec: {spec}
---"
        );
        let allow = policy("{rules: [{from: [{source: {namespaces: [lab]}}]}]}");
        assert_eq!(to_registry(&format!("{rule}{allow}")), PERHAPS, "{spec}");
    }
}

#[test]
fn aliases_of_the_trust_domain_that_are_no_texts_are_told() {
    for (aliases, is_told) in [
        ("[old.example]", false),
        ("~", false),
        ("[old.example, 7]", true),
        ("[{of: old.example}]", true),
        ("old.example", true),
    ] {
        let analysis = cluster(&settings(&format!("trustDomainAliases: {aliases}")));
        let mut gaps = analysis.gaps().iter().map(|it| &it.message);
        let told = gaps.any(|it| it.contains("the aliases of its trust domain are not known"));
        assert_eq!(told, is_told, "{aliases}");
    }
}
