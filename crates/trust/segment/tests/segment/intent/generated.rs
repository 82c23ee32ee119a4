//! What is written for a declaration, and that it is exact and nothing in it needless.

use casemate_segment::generate::{Accounts, Flaw, Policies};
use proptest::prelude::*;

use super::*;

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

/// Each peer is held against the policies of its two ends, and not against all.
#[test]
fn what_is_written_for_many_zones_is_proved() {
    const COUNT: usize = 120;
    let zone = |at: usize| format!("  z{at}: {{namespaces: [n{at}]}}\n");
    let flow = |at: usize| {
        let to = (at * 7 + at / COUNT + 1) % COUNT;
        format!(
            "- {{from: z{}, to: z{to}, ports: [{}]}}\n",
            at % COUNT,
            1_000 + at % 50
        )
    };
    let zones: String = (0..COUNT).map(zone).collect();
    let flows: String = (0..9 * COUNT).map(flow).collect();
    let intent = intent(&format!("zones:\n{zones}flows:\n{flows}"));
    for target in [Target::NetworkPolicy, Target::Cilium] {
        let mut policies = generate::policies(&intent, target).expect("policies");
        assert_eq!(generate::prove(&intent, &policies).expect("small"), []);
        let guilty = policies.network.len() - 1;
        policies.network.remove(guilty);
        assert_ne!(generate::prove(&intent, &policies).expect("small"), []);
    }
}
