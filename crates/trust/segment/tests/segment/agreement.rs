//! Clusters at random: what is decided for all at once is what is decided for each pair, and what is not known
//! stays within what was said of it.

use casemate_segment::{Analysis, Bounds, Connections, Plane};
use proptest::{
    collection::vec,
    prelude::*,
    sample::{select, subsequence},
};

use crate::kit;

fn cluster(documents: &[String]) -> Analysis {
    kit::cluster(&documents.join("\n---\n"))
}

const NAMESPACES: [&str; 3] = ["lab", "models", "edge"];

fn namespace(name: &str, team: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}, labels: {{team: {team}{}}}}}",
        mesh_of(team)
    )
}

fn pods() -> impl Strategy<Value = Vec<String>> {
    let pod = (
        select(&NAMESPACES[..]),
        select(&["x", "y", "z"][..]),
        0..8_u8,
    );
    let pods = vec(pod, 2..7);
    pods.prop_map(|pods| {
        let one = |(at, (namespace, app, kind)): (usize, (&str, &str, u8))| {
            let host = if kind == 0 { "hostNetwork: true, " } else { "" };
            let labels = match kind {
                1 => String::new(),
                2 => format!("app: {app}, sidecar.istio.io/inject: 'false'"),
                _ => format!("app: {app}"),
            };
            let account = if kind % 3 == 0 { "a" } else { "b" };
            let port = if kind % 2 == 0 { 80 } else { 8080 };
            format!(
                "apiVersion: v1\nkind: Pod\nmetadata: {{name: p{at}, namespace: {namespace}, labels: {{{labels}}}}}\nspec: {{{host}serviceAccountName: {account}, containers: [{{name: c, image: i, ports: [{{name: web, containerPort: {port}}}]}}]}}"
            )
        };
        pods.into_iter().enumerate().map(one).collect()
    })
}

fn selector(key: &'static str, values: &'static [&'static str]) -> impl Strategy<Value = String> {
    let value = || select(values);
    prop_oneof![
        2 => Just("{}".to_owned()),
        4 => value().prop_map(move |it| format!("{{matchLabels: {{{key}: {it}}}}}")),
        1 => value().prop_map(move |it| format!("{{matchExpressions: [{{key: {key}, operator: NotIn, values: [{it}]}}]}}")),
        1 => Just(format!("{{matchExpressions: [{{key: {key}, operator: Exists}}]}}")),
        1 => Just(format!("{{matchExpressions: [{{key: {key}, operator: DoesNotExist}}]}}")),
    ]
}

fn of_pods() -> impl Strategy<Value = String> {
    selector("app", &["x", "y"])
}

fn of_namespaces() -> impl Strategy<Value = String> {
    prop_oneof![
        selector("team", &["a", "b"]),
        selector("kubernetes.io/metadata.name", &NAMESPACES),
    ]
}

const BLOCKS: &[&str] = &["0.0.0.0/0", "10.0.0.0/8", "192.0.2.0/24", "169.254.0.0/16"];

fn network_policy() -> impl Strategy<Value = String> {
    let peer = prop_oneof![
        of_pods().prop_map(|it| format!("{{podSelector: {it}}}")),
        (of_namespaces(), of_pods())
            .prop_map(|(of, it)| format!("{{namespaceSelector: {of}, podSelector: {it}}}")),
        select(BLOCKS).prop_map(|it| format!("{{ipBlock: {{cidr: {it}}}}}")),
    ];
    let port = select(
        &[
            "{port: 80}",
            "{port: web}",
            "{port: 79, endPort: 90}",
            "{protocol: UDP}",
            "{}",
        ][..],
    );
    let rules = |word: &'static str| {
        let rule = (vec(peer.clone(), 0..3), vec(port.clone(), 0..3));
        let rule = rule.prop_map(move |(peers, ports)| {
            format!(
                "{{{word}: [{}], ports: [{}]}}",
                peers.join(", "),
                ports.join(", ")
            )
        });
        vec(rule, 0..3).prop_map(|it| it.join(", "))
    };
    let types = subsequence(vec!["Ingress", "Egress"], 0..=2);
    let parts = (
        select(&NAMESPACES[..]),
        of_pods(),
        types,
        rules("from"),
        rules("to"),
    );
    parts.prop_map(|(namespace, pods, types, from, to)| {
        format!(
            "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: n, namespace: {namespace}}}\nspec: {{podSelector: {pods}, policyTypes: [{}], ingress: [{from}], egress: [{to}]}}",
            types.join(", ")
        )
    })
}

fn cluster_policy() -> impl Strategy<Value = String> {
    let pods = || {
        prop_oneof![
            of_namespaces().prop_map(|it| format!("namespaces: {it}")),
            (of_namespaces(), of_pods()).prop_map(|(of, it)| format!(
                "pods: {{namespaceSelector: {of}, podSelector: {it}}}"
            )),
        ]
    };
    let outer = prop_oneof![
        3 => pods(),
        1 => select(BLOCKS).prop_map(|it| format!("networks: [{it}]")),
        1 => Just("nodes: {}".to_owned()),
    ];
    let ports = [
        "",
        ", protocols: [{tcp: {destinationPort: {number: 80}}}]",
        ", protocols: [{destinationNamedPort: web}]",
        ", protocols: [{udp: {}}]",
    ];
    let rule = |word: &'static str, peer: BoxedStrategy<String>| {
        let parts = (
            select(&["Accept", "Deny", "Pass"][..]),
            peer,
            select(ports.to_vec()),
        );
        let rule = parts.prop_map(move |(action, peer, ports)| {
            format!("{{action: {action}, {word}: [{{{peer}}}]{ports}}}")
        });
        vec(rule, 0..4).prop_map(|it| it.join(", "))
    };
    let parts = (
        select(&["Admin", "Baseline"][..]),
        0..3_u8,
        pods(),
        rule("from", pods().boxed()),
        rule("to", outer.boxed()),
    );
    parts.prop_map(|(tier, priority, subject, from, to)| {
        format!(
            "apiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\nmetadata: {{name: c}}\nspec: {{tier: {tier}, priority: {priority}, subject: {{{subject}}}, ingress: [{from}], egress: [{to}]}}"
        )
    })
}

fn cilium_policy() -> impl Strategy<Value = String> {
    let endpoints = || {
        let namespace = prop_oneof![
            3 => Just(String::new()),
            1 => select(&NAMESPACES[..]).prop_map(|it| format!("io.kubernetes.pod.namespace: {it}")),
            1 => Just("'k8s:io.cilium.k8s.namespace.labels.team': a".to_owned()),
            1 => Just("io.cilium.k8s.policy.serviceaccount: default".to_owned()),
            1 => Just("'reserved:ingress': ''".to_owned()),
            1 => Just("'k8s:io.kubernetes.pod.namespace': '{{ .Release.Namespace }}'".to_owned()),
        ];
        let app = select(&["", "app: x, ", "'any:app': y, "][..]);
        (app, namespace)
            .prop_map(|(app, namespace)| format!("{{matchLabels: {{{app}{namespace}}}}}"))
    };
    let entity = select(
        &[
            "all",
            "world",
            "cluster",
            "host",
            "kube-apiserver",
            "ingress",
            "none",
        ][..],
    );
    let block = || select(BLOCKS);
    let port = select(
        &[
            "{port: '80', protocol: TCP}",
            "{port: '79', endPort: 90, protocol: TCP}",
            "{port: web, protocol: TCP}",
            "{port: '0', protocol: UDP}",
            "{port: '53'}",
        ][..],
    );
    let rules = |word: &'static str, more: &'static [&'static str]| {
        let peers = prop_oneof![
            1 => Just(String::new()),
            3 => vec(endpoints(), 0..3).prop_map(move |it| format!("{word}Endpoints: [{}], ", it.join(", "))),
            2 => vec(entity.clone(), 1..3).prop_map(move |it| format!("{word}Entities: [{}], ", it.join(", "))),
            1 => Just(format!("{word}Nodes: [{{}}], ")),
            1 => Just(format!("{word}Endpoints: [{{matchExpressions: [{{key: io.kubernetes.pod.namespace, operator: NotIn, values: [lab]}}]}}], ")),
            1 => block().prop_map(move |it| format!("{word}CIDR: [{it}], ")),
            1 => (block(), block()).prop_map(move |(it, except)| format!("{word}CIDRSet: [{{cidr: {it}, except: [{except}]}}], ")),
            1 => Just(match word {
                "to" => "toFQDNs: [{matchName: hub.example}], ",
                _ => "fromRequires: [{matchLabels: {app: x}}], ",
            }.to_owned()),
        ];
        let ports = (vec(port.clone(), 0..3), select(more)).prop_map(|(ports, more)| {
            match ports.is_empty() {
                true => String::new(),
                false => format!("toPorts: [{{ports: [{}]{more}}}]", ports.join(", ")),
            }
        });
        let rule = (peers, ports).prop_map(|(peers, ports)| format!("{{{peers}{ports}}}"));
        vec(rule, 0..3).prop_map(|it| it.join(", "))
    };
    const PLAIN: &[&str] = &[""];
    const NARROW: &[&str] = &["", "", ", rules: {http: [{method: GET}]}"];
    let close = select(
        &[
            "",
            "enableDefaultDeny: {ingress: false}, ",
            "enableDefaultDeny: {egress: true}, ",
        ][..],
    );
    let about = select(
        &[
            "endpointSelector",
            "endpointSelector",
            "endpointSelector",
            "nodeSelector",
        ][..],
    );
    let parts = (
        prop::option::of(select(&NAMESPACES[..])),
        (about, endpoints()),
        close,
        (rules("from", NARROW), rules("to", NARROW)),
        (rules("from", PLAIN), rules("to", PLAIN)),
    );
    parts.prop_map(|(namespace, (about, subject), close, allow, deny)| {
        let (kind, namespace) = match namespace {
            Some(it) => ("CiliumNetworkPolicy", format!(", namespace: {it}")),
            None => ("CiliumClusterwideNetworkPolicy", String::new()),
        };
        format!(
            "apiVersion: cilium.io/v2\nkind: {kind}\nmetadata: {{name: c{namespace}}}\nspec: {{{about}: {subject}, {close}ingress: [{}], egress: [{}], ingressDeny: [{}], egressDeny: [{}]}}",
            allow.0, allow.1, deny.0, deny.1
        )
    })
}

fn cilium_settings() -> impl Strategy<Value = String> {
    let data = select(
        &[
            "enable-policy: always",
            "enable-policy: never",
            "policy-audit-mode: 'true'",
            "",
        ][..],
    );
    data.prop_map(|it| {
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: cilium-config}}\ndata: {{{it}}}"
        )
    })
}

fn authorization_policy() -> impl Strategy<Value = String> {
    let from = [
        "{principals: [cluster.local/ns/lab/sa/a]}",
        "{principals: ['cluster.local/ns/models/*', '*/sa/b']}",
        "{namespaces: [lab], notPrincipals: ['*/sa/a']}",
        "{notNamespaces: [lab]}",
        "{serviceAccounts: [edge/b]}",
        "{ipBlocks: [10.0.0.0/8]}",
        "{requestPrincipals: ['*']}",
        "{notRemoteIpBlocks: [192.0.2.0/24], principals: ['*']}",
    ];
    let to = [
        "{ports: ['80']}",
        "{notPorts: ['80', '90']}",
        "{methods: [GET]}",
        "{paths: [/a*], notMethods: [POST]}",
        "{methods: ['*'], ports: ['90']}",
    ];
    let when = [
        "{key: source.namespace, values: [lab, edge]}",
        "{key: destination.port, notValues: ['80']}",
        "{key: 'request.headers[x]', values: [y]}",
        "{key: connection.sni, values: [z]}",
    ];
    let rule = (
        vec(select(from.to_vec()), 0..3),
        vec(select(to.to_vec()), 0..3),
        vec(select(when.to_vec()), 0..2),
    );
    let rule = rule.prop_map(|(from, to, when)| {
        let each = |word: &str, all: &[&str]| {
            all.iter()
                .map(|it| format!("{{{word}: {it}}}"))
                .collect::<Vec<_>>()
                .join(", ")
        };
        format!(
            "{{from: [{}], to: [{}], when: [{}]}}",
            each("source", &from),
            each("operation", &to),
            when.join(", ")
        )
    });
    let parts = (
        select(&["lab", "models", "edge", "istio-system"][..]),
        select(&["ALLOW", "ALLOW", "DENY", "CUSTOM", "AUDIT"][..]),
        of_pods(),
        vec(rule, 0..3),
    );
    parts.prop_map(|(namespace, action, selector, rules)| {
        format!(
            "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: a, namespace: {namespace}}}\nspec: {{action: {action}, selector: {selector}, rules: [{}]}}",
            rules.join(", ")
        )
    })
}

fn peer_authentication() -> impl Strategy<Value = String> {
    let mode = || select(&["STRICT", "PERMISSIVE", "DISABLE", "UNSET"][..]);
    let parts = (
        select(&["lab", "models", "edge", "istio-system"][..]),
        of_pods(),
        mode(),
        mode(),
    );
    parts.prop_map(|(namespace, selector, whole, port)| {
        format!(
            "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {{name: p, namespace: {namespace}}}\nspec: {{selector: {selector}, mtls: {{mode: {whole}}}, portLevelMtls: {{80: {{mode: {port}}}}}}}"
        )
    })
}

fn calico_policy() -> impl Strategy<Value = String> {
    let expression = || {
        select(
            &[
                "all()",
                "app == 'x'",
                "app != 'x' && has(app)",
                "!has(app) || app starts with 'x'",
                "projectcalico.org/serviceaccount == 'default'",
                "role == 'x'",
            ][..],
        )
    };
    let namespaces = select(
        &[
            "",
            "",
            "namespaceSelector: all(), ",
            "namespaceSelector: \"team == 'a'\", ",
            "namespaceSelector: global(), ",
        ][..],
    );
    let nets = select(&["", "", "nets: [10.0.0.0/8], ", "notNets: [192.0.2.0/24], "][..]);
    let selector = move |key: &'static str| {
        prop_oneof![
            2 => Just(String::new()),
            1 => expression().prop_map(move |it| format!("{key}: \"{it}\", ")),
        ]
    };
    let entity = move || {
        let parts = (
            selector("selector"),
            namespaces.clone(),
            selector("notSelector"),
            nets.clone(),
        );
        parts.prop_map(|(a, b, c, d)| format!("{a}{b}{c}{d}"))
    };
    let ports = select(&["", "ports: [80]", "ports: ['79:90', web]", "notPorts: [80]"][..]);
    let rules = move |is_in: bool| {
        let own = prop_oneof![3 => Just(String::new()), 1 => entity()];
        let action = select(&["Allow", "Deny", "Pass", "Log"][..]);
        let rule = (action, entity(), own, ports.clone());
        let rule = rule.prop_map(move |(action, peer, own, ports)| {
            let (source, destination) = if is_in { (peer, own) } else { (own, peer) };
            format!("{{action: {action}, protocol: TCP, source: {{{source}}}, destination: {{{destination}{ports}}}}}")
        });
        vec(rule, 0..4).prop_map(|it| it.join(", "))
    };
    let parts = (
        prop::option::of(select(&NAMESPACES[..])),
        select(&["", "tier: first, ", "tier: missing, "][..]),
        select(&["", "order: 5, ", "order: 1000, "][..]),
        expression(),
        select(&["", "types: [Ingress, Egress], "][..]),
        rules(true),
        rules(false),
    );
    parts.prop_map(|(namespace, tier, order, subject, types, from, to)| {
        let (kind, namespace) = match namespace {
            Some(it) => ("NetworkPolicy", format!(", namespace: {it}")),
            None => ("GlobalNetworkPolicy", String::new()),
        };
        format!(
            "apiVersion: projectcalico.org/v3\nkind: Tier\nmetadata: {{name: first}}\nspec: {{order: 1, defaultAction: Pass}}\n---\napiVersion: projectcalico.org/v3\nkind: {kind}\nmetadata: {{name: k{namespace}}}\nspec: {{{tier}{order}{types}selector: \"{subject}\", ingress: [{from}], egress: [{to}]}}"
        )
    })
}

fn policies() -> impl Strategy<Value = Vec<String>> {
    let policy = prop_oneof![
        2 => network_policy(),
        2 => cluster_policy(),
        2 => cilium_policy(),
        1 => cilium_settings(),
        2 => calico_policy(),
        3 => authorization_policy(),
        1 => peer_authentication(),
    ];
    vec(policy, 0..6)
}

fn services() -> impl Strategy<Value = Vec<String>> {
    let service = (
        select(&NAMESPACES[..]),
        select(&["x", "y"][..]),
        select(
            &[
                "{name: http, port: 80}",
                "{name: tcp-a, port: 80}",
                "{name: b, port: 8080, targetPort: web}",
            ][..],
        ),
    );
    let service = service.prop_map(|(namespace, app, port)| {
        format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: s, namespace: {namespace}}}\nspec: {{selector: {{app: {app}}}, ports: [{port}]}}"
        )
    });
    vec(service, 0..3)
}

/// What says who has a proxy.
fn mesh_of(kind: &str) -> &str {
    match kind {
        "a" => ", istio-injection: enabled",
        "b" => ", istio.io/dataplane-mode: ambient",
        _ => "",
    }
}

/// What passes between each two, by their names, decided pair by pair.
fn proofs(analysis: &Analysis) -> Vec<(String, String, Bounds<Connections>)> {
    let names = (0..).map_while(|at| analysis.find(&format!("p{at}")).first().copied());
    let mut ends: Vec<usize> = names.collect();
    ends.extend(analysis.find("outside"));
    let pairs = ends
        .iter()
        .flat_map(|from| ends.iter().map(move |to| (*from, *to)));
    let proof = |(from, to): (usize, usize)| {
        let proof = analysis.prove(from, to);
        (
            proof.from.to_string(),
            proof.to.to_string(),
            proof.connections(),
        )
    };
    pairs.filter(|(from, to)| from != to).map(proof).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn all_at_once_is_each_pair(
        declared in subsequence(NAMESPACES.to_vec(), 0..=3),
        pods in pods(),
        services in services(),
        policies in policies(),
    ) {
        let namespaces = declared.iter().map(|it| namespace(it, "a"));
        let objects = namespaces.chain(pods).chain(services).chain(policies);
        let analysis = cluster(&objects.collect::<Vec<_>>());
        for from in 0..analysis.classes().expect("small").0 {
            for to in 0..analysis.classes().expect("small").0 {
                let proof = analysis.prove(from, to);
                if proof.ways.is_none() {
                    prop_assert_eq!(analysis.between(from, to).ok(), Some(&proof.connections()), "{} to {}", proof.from, proof.to);
                }
            }
        }
    }

    #[test]
    fn what_becomes_known_is_within_what_was_said(
        declared in subsequence(NAMESPACES.to_vec(), 0..=3),
        teams in vec(select(&["a", "b", "c"][..]), 3),
        pods in pods(),
        services in services(),
        policies in policies(),
    ) {
        let objects = [pods, services, policies].concat();
        // Where nothing is to be enforced in a mesh, it is taken for granted that there is none.
        let told = cluster(&objects);
        let mut enforced = told.policies().iter();
        let is_mesh = enforced.any(|it| it.tier.plane == Plane::Mesh);
        let is_told = |team: &&str| is_mesh || mesh_of(team).is_empty();
        let teams: Vec<&str> = teams.iter().map(|it| if is_told(it) { *it } else { "c" }).collect();
        let of = |names: &[&str]| {
            let labelled = NAMESPACES.iter().zip(&teams).filter(|(name, _)| names.contains(name));
            let namespaces = labelled.map(|(name, team)| namespace(name, team));
            proofs(&cluster(&namespaces.chain(objects.iter().cloned()).collect::<Vec<_>>()))
        };
        let (before, after) = (of(&declared), of(&NAMESPACES));
        prop_assert_eq!(before.len(), after.len());
        for ((from, to, before), (_, _, after)) in before.iter().zip(&after) {
            prop_assert!(after.least.includes(&before.least), "{from} to {to}");
            prop_assert!(before.most.includes(&after.most), "{from} to {to}");
        }
    }
}
