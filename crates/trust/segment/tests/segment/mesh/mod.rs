//! What policies of Istio mean, said as manifests and what passes under them.

use casemate_segment::{Analysis, Connections, Protocol};

use crate::kit::{addressed as cluster, between};

mod authentication;
mod unsure;

/// Namespaces of a mesh, with a workload that is called at ports of HTTP, of TCP, and one of which nothing is said;
/// and one that has no proxy.
const MESH: &str = "
apiVersion: v1
kind: Namespace
metadata: {name: lab, labels: {istio-injection: enabled}}
---
apiVersion: v1
kind: Namespace
metadata: {name: models, labels: {istio.io/rev: stable}}
---
apiVersion: v1
kind: Pod
metadata: {name: notebook, namespace: lab, labels: {app: notebook}}
spec: {serviceAccountName: notebook, containers: [{name: c, image: i}]}
---
apiVersion: v1
kind: Pod
metadata: {name: plain, namespace: lab, labels: {sidecar.istio.io/inject: 'false'}}
spec: {serviceAccountName: plain, containers: [{name: c, image: i}]}
---
apiVersion: v1
kind: Pod
metadata: {name: registry, namespace: models, labels: {app: registry}}
spec: {containers: [{name: c, image: i, ports: [{name: api, containerPort: 5000}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: registry, namespace: models}
spec: {selector: {app: registry}, ports: [{name: http-api, port: 80, targetPort: api}, {name: db, appProtocol: tcp, port: 5432}, {name: what, port: 7000}]}
";

/// What of TCP passes to the registry: the rest is not what proxies decide of. `perhaps` behind what may pass.
fn tcp(analysis: &Analysis, from: &str, to: &str) -> String {
    let passing = between(analysis, from, to);
    let all = Connections::all();
    let other = all.difference(&Connections::of_protocol(Protocol::Tcp));
    assert!(passing.least.includes(&other), "{passing:?}");
    let [least, most] = [&passing.least, &passing.most].map(|it| as_beside(&it.difference(&other)));
    match least == most {
        true => least.to_string(),
        false => format!("{least}, perhaps {}", most.difference(&least)),
    }
}

/// The same, with the ports of proxies themselves as that beside them.
fn as_beside(passing: &Connections) -> Connections {
    let of = |first, last| Connections::of(Protocol::Tcp, first, last);
    let own = of(15020, 15021).union(&of(15090, 15090));
    match passing.includes(&of(15022, 15022)) {
        true => passing.union(&own),
        false => passing.difference(&own),
    }
}

fn under(policies: &str) -> Analysis {
    let analysis = cluster(&format!("{MESH}---{policies}"));
    assert!(analysis.gaps().is_empty(), "{:?}", analysis.gaps());
    analysis
}

fn policy(spec: &str) -> String {
    format!(
        "
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {{name: p, namespace: models}}
spec: {spec}
---"
    )
}

/// What passes from the notebook to the registry, and from whoever has no proxy.
fn both(spec: &str) -> [String; 2] {
    let analysis = under(&policy(spec));
    ["lab/notebook", "lab/plain"].map(|from| tcp(&analysis, from, "models/registry"))
}

const ALL: &str = "TCP 1-65535";
const NONE: &str = "No Connections";
const PERHAPS: &str = "No Connections, perhaps TCP 1-65535";
/// What passes of who says who it is, which it does where a Service leads.
const SERVED: &str = "TCP 5000,5432,7000, perhaps TCP 1-4999,5001-5431,5433-6999,7001-65535";

#[test]
fn an_allow_policy_closes_whom_it_selects() {
    assert_eq!(both("{}"), [NONE, NONE]);
    assert_eq!(both("{rules: [{}]}"), [ALL, ALL]);
    assert_eq!(both("{selector: {matchLabels: {app: other}}}"), [ALL, ALL]);
    assert_eq!(both("{action: AUDIT, rules: [{}]}"), [ALL, ALL]);
    assert_eq!(both("{action: DENY, rules: [{}]}"), [NONE, NONE]);
}

#[test]
fn a_source_is_who_it_proves_to_be() {
    let from = |source: &str| both(&format!("{{rules: [{{from: [{{source: {source}}}]}}]}}"));
    for source in [
        "{principals: [cluster.local/ns/lab/sa/notebook]}",
        "{principals: [other, 'cluster.local/ns/lab/*']}",
        "{principals: ['*/sa/notebook']}",
        "{principals: ['*']}",
        "{namespaces: [lab]}",
        "{namespaces: ['l*b']}",
        "{serviceAccounts: [lab/notebook]}",
        "{trustDomains: [cluster.local]}",
        "{principals: ['*'], notPrincipals: ['*/sa/other']}",
    ] {
        assert_eq!(from(source), [SERVED, NONE], "{source}");
    }
    for source in [
        "{principals: [cluster.local/ns/lab/sa/note]}",
        "{principals: [other.org/ns/lab/sa/notebook]}",
        "{serviceAccounts: [notebook]}",
        "{principals: ['*'], namespaces: [models]}",
        "{principals: ['*'], ipBlocks: [192.0.2.0/24]}",
    ] {
        assert_eq!(from(source), [NONE, NONE], "{source}");
    }
    // Who does not say who he is is in no namespace, and who could need not.
    assert_eq!(from("{notPrincipals: ['*']}"), [PERHAPS, ALL]);
    assert_eq!(from("{notNamespaces: [lab]}"), [PERHAPS, ALL]);
    assert_eq!(from("{ipBlocks: [10.0.0.0/8]}"), [ALL, ALL]);
    assert_eq!(from("{notIpBlocks: [10.0.0.0/8]}"), [NONE, NONE]);
}

#[test]
fn a_rule_holds_where_a_source_an_operation_and_all_conditions_hold() {
    let from = "from: [{source: {principals: [nobody]}}, {source: {namespaces: [lab]}}]";
    let rule = |rest: &str| both(&format!("{{rules: [{{{from}, {rest}}}]}}"));
    assert_eq!(
        rule("to: [{operation: {ports: ['5000', '5432']}}]"),
        ["TCP 5000,5432", NONE]
    );
    assert_eq!(
        rule("to: [{operation: {ports: ['5000']}}, {operation: {ports: ['5432']}}]"),
        ["TCP 5000,5432", NONE]
    );
    assert_eq!(
        rule(
            "to: [{operation: {notPorts: ['5000']}}], when: [{key: destination.port, values: ['5000', '5432']}]"
        ),
        ["TCP 5432", NONE]
    );
    assert_eq!(
        rule("when: [{key: source.principal, notValues: ['*/sa/notebook']}]"),
        [NONE, NONE]
    );
    assert_eq!(
        rule(
            "when: [{key: source.namespace, values: [lab]}, {key: source.ip, values: [10.0.0.0/16]}]"
        ),
        [SERVED, NONE]
    );
}

#[test]
fn what_is_denied_no_other_policy_allows() {
    let deny = policy("{action: DENY, rules: [{to: [{operation: {ports: ['22']}}]}]}");
    let allow = policy("{rules: [{to: [{operation: {ports: ['22', '80']}}]}]}");
    let analysis = under(&format!("{deny}{allow}"));
    assert_eq!(tcp(&analysis, "lab/notebook", "models/registry"), "TCP 80");
    let custom = policy(
        "{action: CUSTOM, provider: {name: ext}, rules: [{to: [{operation: {ports: ['80']}}]}]}",
    );
    let analysis = under(&format!("{custom}{deny}{allow}"));
    assert_eq!(
        tcp(&analysis, "lab/notebook", "models/registry"),
        format!("{NONE}, perhaps TCP 80")
    );
}

#[test]
fn policies_of_the_root_namespace_are_for_all() {
    let everywhere = policy("{}").replace("models", "istio-system");
    let analysis = under(&everywhere);
    assert_eq!(tcp(&analysis, "models/registry", "lab/notebook"), NONE);
    assert_eq!(tcp(&analysis, "models/registry", "lab/plain"), ALL);
    let settings = "
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: mesh}
data:
  mesh: |
    rootNamespace: mesh
    trustDomain: lab.example
    trustDomainAliases: [old.example]
---
";
    let analysis = under(&format!("{settings}{everywhere}"));
    assert_eq!(tcp(&analysis, "models/registry", "lab/notebook"), ALL);
    let analysis = under(&format!(
        "{settings}{}",
        policy("{}").replace("models", "mesh")
    ));
    assert_eq!(tcp(&analysis, "models/registry", "lab/notebook"), NONE);
    for (domain, passing) in [
        ("lab.example", SERVED),
        ("old.example", SERVED),
        ("cluster.local", SERVED),
        ("'*'", NONE),
        ("other.example", NONE),
    ] {
        let principal = format!("{}/ns/lab/sa/notebook", domain.replace('\'', "x"));
        let rule = format!("{{rules: [{{from: [{{source: {{principals: [{principal}]}}}}]}}]}}");
        let analysis = under(&format!("{settings}{}", policy(&rule)));
        assert_eq!(
            tcp(&analysis, "lab/notebook", "models/registry"),
            passing,
            "{domain}"
        );
    }
}

#[test]
fn requests_are_seen_where_http_is_spoken() {
    let operation = "{operation: {methods: [GET], paths: ['/v1/*']}}";
    // An ALLOW rule with anything of HTTP is none for other connections.
    let allow = format!("{{rules: [{{to: [{operation}, {{operation: {{ports: ['5432']}}}}]}}]}}");
    let rest = "TCP 1-4999,5001-5431,5433-65535";
    assert_eq!(
        both(&allow),
        [(); 2].map(|()| format!("TCP 5000, perhaps {rest}"))
    );
    // Of a DENY rule what is left is asked there.
    let deny = format!("{{action: DENY, rules: [{{to: [{operation}]}}]}}");
    assert_eq!(
        both(&deny),
        [(); 2].map(|()| format!("TCP 5000, perhaps {rest}"))
    );
    let deny = "{action: DENY, rules: [{from: [{source: {namespaces: [lab]}}], to: [{operation: {methods: [GET], ports: ['5000', '5432']}}]}]}";
    let others = "TCP 1-5431,5433-65535";
    assert_eq!(
        both(deny),
        [format!("{others}, perhaps TCP 5432"), ALL.to_owned()]
    );
    // What all requests are is no part of them.
    let deny =
        "{action: DENY, rules: [{to: [{operation: {methods: ['*'], ports: ['5000', '5432']}}]}]}";
    let others = "TCP 1-4999,5001-5431,5433-65535";
    assert_eq!(both(deny), [others, others]);
}

#[test]
fn which_requests_a_rule_is_about_is_said() {
    let analysis = under(&policy(
        "{rules: [{to: [{operation: {methods: [GET, POST], paths: ['/v1/*'], notHosts: [b.example]}}], when: [{key: 'request.headers[x-team]', values: [a]}]}]}",
    ));
    let rule = &analysis.policies()[0].rules(casemate_segment::Direction::Ingress)[0];
    assert_eq!(
        rule.only.as_deref(),
        Some("GET,POST /v1/* to not b.example request.headers[x-team] a")
    );
}

#[test]
fn of_two_parts_of_requests_it_is_not_known_whether_one_is_left() {
    let get = "to: [{operation: {ports: ['5000'], methods: [GET]}}]";
    let deny = policy(&format!("{{action: DENY, rules: [{{{get}}}]}}"));
    let allow = policy("{rules: [{to: [{operation: {ports: ['5000'], paths: [/a]}}]}]}");
    let analysis = under(&format!("{deny}{allow}"));
    assert_eq!(
        tcp(&analysis, "lab/notebook", "models/registry"),
        format!("{NONE}, perhaps TCP 5000")
    );
    assert_eq!(
        both("{rules: [{to: [{operation: {ports: ['5000'], paths: [/a*], notPaths: [/a*]}}]}]}")[0],
        format!("{NONE}, perhaps TCP 5000")
    );
}

#[test]
fn nobody_has_a_token_that_nobody_looks_at() {
    let with = policy(
        "{rules: [{from: [{source: {requestPrincipals: ['*']}}], to: [{operation: {ports: ['5000']}}]}]}",
    );
    let analysis = under(&with);
    assert_eq!(tcp(&analysis, "lab/notebook", "models/registry"), NONE);
    let looking = "
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: r, namespace: models}
spec: {jwtRules: [{issuer: a.example}]}
---";
    let analysis = under(&format!("{looking}{with}"));
    assert_eq!(
        tcp(&analysis, "lab/notebook", "models/registry"),
        "TCP 5000"
    );
    let without = "{action: DENY, rules: [{from: [{source: {notRequestPrincipals: ['*']}}], to: [{operation: {ports: ['5000']}}]}]}";
    let analysis = under(&policy(without));
    let others = "TCP 1-4999,5001-65535";
    assert_eq!(tcp(&analysis, "lab/notebook", "models/registry"), others);
    let analysis = under(&format!("{looking}{}", policy(without)));
    assert_eq!(tcp(&analysis, "lab/notebook", "models/registry"), ALL);
}

fn authentication(namespace: &str, spec: &str) -> String {
    format!(
        "
apiVersion: security.istio.io/v1beta1
kind: PeerAuthentication
metadata: {{name: a, namespace: {namespace}}}
spec: {spec}
---"
    )
}

#[test]
fn what_is_not_understood_is_told_and_may_be_anything() {
    for spec in [
        "{action: PERHAPS, rules: [{}]}",
        "{rules: [{from: [{source: {names: [a]}}]}]}",
        "{rules: [{from: [{source: {}}]}]}",
        "{rules: [{from: [{source: {ipBlocks: [here]}}]}]}",
        "{rules: [{to: [{operation: {ports: [http]}}]}]}",
        "{rules: [{when: [{key: weather, values: [fair]}]}]}",
        "{rules: [{unless: []}]}",
        "{rules: [{from: []}]}",
        "{rules: [null]}",
        "{rules: all}",
        "{action: DENY, rules: [{from: [{source: {principals: {a: b}}}]}]}",
    ] {
        let analysis = cluster(&format!("{MESH}---{}", policy(spec)));
        assert!(!analysis.gaps().is_empty(), "{spec}");
        let passing = tcp(&analysis, "lab/notebook", "models/registry");
        assert!(passing.contains("perhaps"), "{spec}: {passing}");
    }
    let analysis = cluster(&format!(
        "{MESH}---{}",
        authentication("models", "{mtls: {mode: MAYBE}}")
    ));
    assert!(!analysis.gaps().is_empty());
    assert_eq!(
        tcp(&analysis, "lab/plain", "models/registry"),
        format!("{NONE}, perhaps {ALL}")
    );
}

#[test]
fn a_rule_of_more_parts_than_anybody_writes_may_be_anything() {
    let principals = (0..400).map(|it| format!("p{it}")).collect::<Vec<_>>();
    let ports = (1..=400).map(|it| format!("{{operation: {{ports: ['{it}']}}}}"));
    let rule = format!(
        "{{rules: [{{from: [{{source: {{principals: [{}]}}}}], to: [{}]}}]}}",
        principals.join(", "),
        ports.collect::<Vec<_>>().join(", ")
    );
    let analysis = cluster(&format!("{MESH}---{}", policy(&rule)));
    let told = &analysis.gaps()[0].message;
    assert!(told.contains("more parts than anybody writes"), "{told}");
    assert_eq!(
        tcp(&analysis, "lab/notebook", "models/registry"),
        format!("{NONE}, perhaps {ALL}")
    );
}

#[test]
fn policies_of_others_are_none() {
    let other = policy("{}").replace("security.istio.io/v1", "policy.linkerd.io/v1alpha1");
    let analysis = under(&other);
    assert!(analysis.policies().is_empty());
    let dry = policy("{}").replace(
        "namespace: models",
        "namespace: models, annotations: {istio.io/dry-run: 'true'}",
    );
    assert!(under(&dry).policies().is_empty());
}

#[test]
fn both_planes_have_to_let_it_pass() {
    let network = "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: n, namespace: models}
spec: {podSelector: {}, ingress: [{ports: [{port: 80}, {port: 81}]}]}
---";
    let analysis = under(&format!(
        "{network}{}",
        policy("{rules: [{to: [{operation: {ports: ['81', '82']}}]}]}")
    ));
    assert_eq!(
        between(&analysis, "lab/notebook", "models/registry")
            .least
            .to_string(),
        "TCP 81"
    );
}
