//! What `casemate segment` promises: an answer with its proof, and no answer where it does not know.

use std::process::Command;

use crate::{
    python::environment,
    run::{casemate, read_text, root, tree},
};

const CLUSTER: &str = "examples/04-zero-trust/cluster";

#[test]
fn an_answer_has_every_rule_on_its_way_with_file_and_line() {
    let ask = [
        "segment",
        "reach",
        CLUSTER,
        "--from",
        "lab/notebook",
        "--to",
        "models/registry",
    ];
    let answer = casemate(ask.into_iter().chain(["--format", "json"]))
        .ended_with(0)
        .json();
    assert_eq!(answer["reachable"], false);
    assert_eq!(answer["connections"], "No Connections");
    assert_eq!(answer["complete"], true);
    let proof = answer["proof"].as_array().expect("steps");
    let isolates = proof
        .iter()
        .find(|it| it["side"] == "ingress" && it["effect"] == "isolates");
    let isolates = isolates.expect("the registry is isolated");
    assert_eq!(isolates["rule"], "NetworkPolicy models/registry");
    assert_eq!(isolates["file"], format!("{CLUSTER}/policies.yaml"));
    let others = proof.iter().filter(|it| it["effect"] == "other-peers");
    let lines: Vec<_> = others
        .map(|it| (it["rule"].as_str(), it["line"].as_u64()))
        .collect();
    assert!(
        lines.contains(&(Some("NetworkPolicy models/registry ingress[0]"), Some(11))),
        "{lines:?}"
    );

    // The same in words; those that did not fire are counted, and `explain` tells them.
    let told = casemate(ask).ended_with(0).out;
    assert!(
        told.contains("lab/notebook[Notebook] => models/registry[Deployment]: No Connections"),
        "{told}"
    );
    assert!(
        told.contains(&format!(
            "selects the pods, and no rule allows All Connections ({CLUSTER}/policies.yaml:2:1)"
        )),
        "{told}"
    );
    assert!(!told.contains("is about other peers"), "{told}");
    let explained = casemate(
        ["segment", "explain"]
            .into_iter()
            .chain(ask.into_iter().skip(2)),
    );
    let explained = explained.ended_with(0).out;
    assert!(
        explained.contains("NetworkPolicy models/registry ingress[0] is about other peers"),
        "{explained}"
    );
}

#[test]
fn what_must_not_be_reached_fails_when_it_is_or_may_be() {
    let forbid = |from: &str, to: &str| {
        let status = casemate(["segment", "forbid", CLUSTER, "--from", from, "--to", to]).status;
        assert!(status < 2);
        status
    };
    assert_eq!(forbid("notebook", "registry"), 0);
    assert_eq!(forbid("notebook", "cloud-metadata"), 0);
    assert_eq!(forbid("train", "registry"), 1);
}

#[test]
fn what_nobody_says_is_neither_reached_nor_not() {
    let files = tree(&[(
        b"all.yaml",
        b"
apiVersion: v1
kind: Pod
metadata: {name: notebook, namespace: lab}
spec: {containers: [{name: c, image: i}]}
---
apiVersion: v1
kind: Pod
metadata: {name: registry, namespace: models}
spec: {containers: [{name: c, image: i}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: p, namespace: models}
spec: {podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {team: science}}}]}]}
",
    )]);
    let path = files.path().to_str().expect("UTF-8");
    let ask = [
        "segment", "reach", path, "--from", "notebook", "--to", "registry", "--format", "json",
    ];
    let answer = casemate(ask).ended_with(0).json();
    assert!(answer["reachable"].is_null(), "{answer}");
    assert_eq!(answer["possible"], "All Connections");
    let whys = answer["proof"]
        .as_array()
        .expect("steps")
        .iter()
        .filter_map(|it| it["unsure"].as_str());
    assert!(
        whys.into_iter()
            .any(|it| it == "Namespace lab is not among the files"),
        "{answer}"
    );
    let known = casemate(ask.into_iter().chain(["--declared-only"]))
        .ended_with(0)
        .json();
    assert_eq!(known["reachable"], false);
}

#[test]
fn a_change_is_what_passes_now_and_did_not() {
    let change = "examples/04-zero-trust/change";
    let told = casemate(["segment", "diff", CLUSTER, change])
        .ended_with(0)
        .out;
    assert_eq!(
        told,
        "added    lab/notebook[Notebook] => models/registry[Deployment]: TCP 5000\n"
    );
    let same = casemate(["segment", "diff", CLUSTER, CLUSTER])
        .ended_with(0)
        .out;
    assert_eq!(same, "the same passes\n");
}

#[test]
fn drawings_have_every_workload() {
    let dot = casemate(["segment", "graph", CLUSTER, "--as", "dot"])
        .ended_with(0)
        .out;
    assert!(
        dot.starts_with("digraph") && dot.contains("label=\"registry\""),
        "{dot}"
    );
    let svg = casemate(["segment", "graph", CLUSTER]).ended_with(0).out;
    assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>"));
    assert!(
        svg.contains("training/train#headGroupSpec to models/registry: TCP 5000"),
        "{svg}"
    );
}

#[test]
fn who_is_not_there_is_told_with_those_who_are() {
    let ask = [
        "segment", "reach", CLUSTER, "--from", "nobody", "--to", "registry",
    ];
    let error = casemate(ask).ended_with(2).err;
    assert!(
        error.contains("there is no endpoint \"nobody\": there are lab/notebook"),
        "{error}"
    );
    let none = tree(&[(b"a.txt", b"nothing")]);
    let path = none.path().to_str().expect("UTF-8");
    let error = casemate(["segment", "list", path]).ended_with(2).err;
    assert!(error.contains("has no workload of Kubernetes"), "{error}");
}

const ZONES: &str = "examples/04-zero-trust/zones.yaml";
const FIXED: &str = "examples/04-zero-trust/fixed";

#[test]
fn what_is_declared_is_held_against_what_passes() {
    let check = |cluster: &'static str| ["segment", "check", cluster, "--zones", ZONES];
    let wrong = casemate(check(CLUSTER).into_iter().chain(["--format", "json"]));
    let wrong = wrong.ended_with(1).json();
    assert_eq!(wrong["holds"], false);
    let violations = wrong["violations"].as_array().expect("violations");
    let path = violations
        .iter()
        .find(|it| it["from"] == "training" && it["to"] == "registry");
    let path = path.expect("who trains asks the registry");
    assert_eq!(
        (&path["kind"], &path["connections"]),
        (&"undeclared".into(), &"TCP 5000".into())
    );
    let places: Vec<_> = path["proof"]
        .as_array()
        .expect("steps")
        .iter()
        .map(|it| &it["line"])
        .collect();
    assert!(places.contains(&&11.into()), "{places:?}");

    let held = casemate(check(FIXED)).ended_with(0).out;
    assert!(held.contains("is what is declared"), "{held}");
}

#[test]
fn the_policies_that_are_written_are_those_of_the_example() {
    let place = tree(&[]);
    let out = place.path().join("policies");
    let out = out.to_str().expect("UTF-8");
    casemate(["segment", "generate", "--zones", ZONES, "--out", out]).ended_with(0);
    for name in ["network-policies.yaml", "cluster-network-policies.yaml"] {
        let written = read_text(place.path().join("policies").join(name));
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(root().join(FIXED).join(name), &written).expect("written");
        }
        assert_eq!(read_text(root().join(FIXED).join(name)), written, "{name}");
    }
    // For Cilium they are of its own kinds, and called so.
    let cilium = place.path().join("cilium");
    let out = cilium.to_str().expect("UTF-8");
    let generate = ["segment", "generate", "--zones", ZONES, "--for", "cilium"];
    let told = casemate(generate.into_iter().chain(["--out", out])).ended_with(0);
    assert!(
        told.err
            .contains("CiliumClusterwideNetworkPolicies: upon pods"),
        "{}",
        told.err
    );
    for (name, kind) in [
        ("cilium-network-policies.yaml", "CiliumNetworkPolicy"),
        (
            "cilium-clusterwide-network-policies.yaml",
            "CiliumClusterwideNetworkPolicy",
        ),
    ] {
        let written = read_text(cilium.join(name));
        assert!(written.contains(&format!("kind: {kind}\n")), "{written}");
    }
    // Policies add up: with those that are there, more passes.
    let both = casemate(["segment", "generate", CLUSTER, "--zones", ZONES]);
    both.ended_with(1);
}

#[test]
fn the_policies_of_a_mesh_are_judged_with_what_is_there() {
    let calls = b"zones:\n  a: {namespaces: [a]}\n  b: {namespaces: [b]}\ndns: false\nflows:\n  - {from: a, to: b, ports: [TCP 80]}\n";
    let place = tree(&[
        (b"zones.yaml", calls),
        (
            b"all/cluster.yaml",
            b"apiVersion: v1\nkind: Namespace\nmetadata: {name: a, labels: {istio-injection: enabled}}\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: b, labels: {istio-injection: enabled}}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: a}\nspec: {serviceAccountName: caller, containers: [{name: c, image: i}]}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: b, namespace: b, labels: {app: b}}\nspec: {containers: [{name: c, image: i}]}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: b, namespace: b}\nspec: {selector: {app: b}, ports: [{port: 80}]}\n",
        ),
    ]);
    let (zones, cluster) = (place.path().join("zones.yaml"), place.path().join("all"));
    let (zones, cluster) = (
        zones.to_str().expect("UTF-8"),
        cluster.to_str().expect("UTF-8"),
    );
    let refused = casemate(["segment", "generate", "--zones", zones, "--for", "istio"]);
    let told = refused.ended_with(2).err;
    assert!(
        told.contains("line 6: as whom `a` calls is not known"),
        "{told}"
    );
    casemate([
        "segment", "generate", cluster, "--zones", zones, "--for", "istio", "--out", cluster,
    ])
    .ended_with(1);
    let reach = casemate(["segment", "reach", cluster, "--from", "a", "--to", "b"]);
    let told = reach.ended_with(0).out;
    assert!(
        told.contains("AuthorizationPolicy b/casemate-zone-b rules[0] allows TCP 80"),
        "{told}"
    );
    assert!(
        told.contains("ingress of b/b[Pod]: SCTP 1-65535,TCP 80,UDP 1-65535"),
        "{told}"
    );
}

#[test]
fn a_declaration_begins_with_what_is_there_and_can_be_read() {
    let place = tree(&[(
        b"flows.json",
        br#"{"flow":{"verdict":"FORWARDED","is_reply":false,"traffic_direction":"INGRESS","IP":{"source":"10.0.0.1","destination":"10.0.0.2"},"l4":{"TCP":{"destination_port":5000}},"source":{"namespace":"serving","labels":[]},"destination":{"namespace":"models","labels":["k8s:app=registry"]}}}"#,
    )]);
    let flows = place.path().join("flows.json");
    let begun = casemate(["segment", "zones", CLUSTER]).ended_with(0).out;
    assert!(
        begun.contains("{from: serving, to: vectors, ports: [TCP 6333]}"),
        "{begun}"
    );
    let seen = [
        "segment",
        "zones",
        CLUSTER,
        "--observed",
        flows.to_str().expect("UTF-8"),
    ];
    let seen = casemate(seen).ended_with(0).out;
    let declared = place.path().join("zones.yaml");
    std::fs::write(&declared, &seen).expect("written");
    assert!(
        seen.ends_with("flows:\n  - {from: serving, to: models, ports: [TCP 5000]}\n"),
        "{seen}"
    );
    casemate([
        "segment",
        "generate",
        "--zones",
        declared.to_str().expect("UTF-8"),
    ])
    .ended_with(0);
}

#[test]
fn what_is_no_declaration_is_told_with_its_line() {
    let place = tree(&[(b"zones.yaml", b"zones:\n  a: {namespaces: [x], pod: {}}\n")]);
    let file = place.path().join("zones.yaml");
    let told = casemate([
        "segment",
        "check",
        CLUSTER,
        "--zones",
        file.to_str().expect("UTF-8"),
    ]);
    let told = told.ended_with(2).err;
    assert!(told.contains("line 2: `pod` is not known here"), "{told}");
}

/// `CASEMATE_CONNECTIVITY=COUNT/SEED` looks further.
#[test]
fn another_implementation_and_we_agree_on_policies_at_random() {
    let wish = std::env::var("CASEMATE_CONNECTIVITY").unwrap_or_else(|_| "300/2026".to_owned());
    let (count, seed) = wish.split_once('/').expect("COUNT/SEED");
    let python = environment("connectivity-requirements.txt").join("bin/python");
    let said = Command::new(python)
        .arg(root().join("tests/interop/connectivity.py"))
        .args([env!("CARGO_BIN_EXE_casemate"), count, seed])
        .output()
        .expect("python starts");
    let told = String::from_utf8_lossy(&said.stdout);
    let all = format!("{count} sets, ");
    assert!(said.status.success() && told.starts_with(&all), "{told}");
}

const IDENTITY: &str = "examples/04-zero-trust/identity";

#[test]
fn a_way_through_identities_has_the_reasons_of_each_step() {
    let reach = ["segment", "reach", IDENTITY, "--from", "notebook", "--to"];
    let ask = |to: &'static str| {
        let answer = casemate(reach.into_iter().chain([to, "--format", "json"]));
        answer.ended_with(0).json()
    };
    let answer = ask("bucket/company-models");
    assert_eq!(answer["reachable"], true);
    assert_eq!(answer["complete"], true);
    let steps = answer["through"].as_array().expect("steps");
    let told = |key: &str| {
        let words = steps.iter().map(|it| it[key].as_str().expect("a word"));
        words.collect::<Vec<_>>()
    };
    assert_eq!(told("kind"), ["credential", "rbac", "cloud", "cloud"]);
    assert_eq!(
        told("to"),
        [
            "account/lab/notebook",
            "account/models/registry",
            "aws_iam_role.registry",
            "bucket/company-models"
        ]
    );
    let reasons = steps
        .iter()
        .flat_map(|it| it["proof"].as_array().expect("reasons"));
    let files = reasons.filter_map(|it| it["file"].as_str());
    let files: Vec<&str> = files.collect();
    assert!(
        files.contains(&&*format!("{IDENTITY}/cloud.tf")),
        "{files:?}"
    );
    assert!(
        files.contains(&&*format!("{IDENTITY}/cluster.yaml")),
        "{files:?}"
    );

    // By connections the registry is not reached, and through identities what it is can be.
    let answer = ask("models/registry");
    assert_eq!(answer["reachable"], false);
    assert!(answer.get("through").is_none(), "{answer}");
    let forbid = |more: &[&'static str]| {
        let ask = ["segment", "forbid", IDENTITY, "--from", "notebook"];
        casemate(ask.iter().chain(more).copied()).status
    };
    assert_eq!(forbid(&["--to", "account/models/registry"]), 1);
    assert_eq!(forbid(&["--to", "models/registry"]), 0);
    // Its evaluations may reach their node, if nothing forbids that when they are made.
    assert_eq!(forbid(&["--to", "models/registry", "--through"]), 1);
    assert!(
        answer["notes"][0]
            .as_str()
            .is_some_and(|it| it.contains("node"))
    );
    let stranger = casemate(reach.into_iter().chain(["bucket/other"])).ended_with(2);
    assert!(
        stranger.err.contains("bucket/company-models"),
        "{}",
        stranger.err
    );
}

#[test]
fn an_account_has_its_powers_and_its_roles() {
    let answer = casemate(["segment", "identities", IDENTITY, "--format", "json"]);
    let answer = answer.ended_with(0).json();
    let accounts = answer["accounts"].as_array().expect("accounts");
    assert_eq!(accounts.len(), 2);
    let (notebook, registry) = (&accounts[0], &accounts[1]);
    assert_eq!(notebook["powers"][0]["name"], "create workloads");
    assert_eq!(notebook["powers"][0]["namespace"], "models");
    assert_eq!(notebook["workloads"][0]["token"], true);
    let bucket = &registry["roles"][0]["buckets"][0];
    assert_eq!(bucket["bucket"], "company-models");
    assert_eq!(bucket["access"], "reads, writes");
    let stranger = casemate(["segment", "identities", IDENTITY, "--of", "lab/other"]);
    stranger.ended_with(2);
}
