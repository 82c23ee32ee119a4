//! What `casemate assess --kubeconfig` promises: a cluster is judged as its manifests are.

#[path = "../../crates/supply/cluster/tests/cluster/recorded.rs"]
#[allow(dead_code, reason = "the room's own tests use the rest")]
mod recorded;

use std::{collections::BTreeSet, path::Path};

use serde_json::{Value, json};

use self::recorded::{Objects, Recorded, Reply};
use crate::run::{Run, assert_valid, casemate, read, tree};

/// What somebody applied: wrong in many ways.
fn objects() -> Vec<Value> {
    let object = |version: &str, kind: &str, namespace: Option<&str>, name: &str, rest: Value| {
        let mut object =
            json!({ "apiVersion": version, "kind": kind, "metadata": { "name": name } });
        if let Some(namespace) = namespace {
            object["metadata"]["namespace"] = namespace.into();
        }
        for (key, value) in rest.as_object().expect("fields") {
            object[key] = value.clone();
        }
        object
    };
    let ml = Some("ml");
    let template =
        |labels: Value, spec: Value| json!({ "metadata": { "labels": labels }, "spec": spec });
    vec![
        object("v1", "Namespace", None, "ml", json!({})),
        object(
            "apps/v1",
            "Deployment",
            ml,
            "api",
            json!({ "spec": {
                "selector": { "matchLabels": { "app": "api" } },
                "template": template(json!({ "app": "api" }), json!({
                    "hostPID": true,
                    "containers": [{
                        "name": "api",
                        "image": "vllm/vllm-openai:latest",
                        "args": ["--model", "x/y", "--trust-remote-code"],
                        "env": [{ "name": "HOST", "valueFrom": { "configMapKeyRef": { "name": "settings", "key": "host" } } }],
                        "securityContext": { "privileged": true },
                    }],
                })),
            } }),
        ),
        object(
            "ray.io/v1",
            "RayCluster",
            ml,
            "ray",
            json!({ "spec": { "headGroupSpec": {
                "rayStartParams": { "dashboard-host": "0.0.0.0" },
                "template": template(json!({}), json!({
                    "containers": [{ "name": "ray-head", "image": "rayproject/ray:2.9.0" }],
                })),
            } } }),
        ),
        object(
            "v1",
            "Service",
            ml,
            "ray",
            json!({ "spec": {
                "type": "LoadBalancer",
                "selector": { "ray.io/cluster": "ray", "ray.io/node-type": "head" },
                "ports": [{ "port": 8265 }],
            } }),
        ),
        object(
            "v1",
            "ConfigMap",
            ml,
            "settings",
            json!({ "data": { "host": "a", "DB_PASSWORD": "correct-horse-battery" } }),
        ),
        object(
            "rbac.authorization.k8s.io/v1",
            "ClusterRole",
            None,
            "all",
            json!({ "rules": [{ "apiGroups": ["*"], "resources": ["*"], "verbs": ["*"] }] }),
        ),
    ]
}

fn manifests() -> String {
    let texts = objects()
        .into_iter()
        .map(|object| format!("---\n{object:#}\n"));
    texts.collect()
}

/// Assesses a cluster, and what else is named, for an auditor.
fn assess(server: &Recorded, out: &Path, more: &[&str]) -> Run {
    let config = tree(&[(
        b"config",
        server.kubeconfig("http", "", "token: of-ada").as_bytes(),
    )]);
    let config = config.path().join("config").display().to_string();
    let out = out.display().to_string();
    let own = [
        "assess",
        "--kubeconfig",
        &config,
        "--out",
        &out,
        "--persona",
        "auditor",
    ];
    casemate(own.iter().chain(more).chain(&["--format", "json"]))
}

fn cluster(objects: Vec<Value>) -> Recorded {
    let all = Objects::of(objects);
    Recorded::plain(move |asked| all.answer(asked))
}

fn items<'a>(report: &'a Value, of: &str) -> &'a [Value] {
    report[of].as_array().expect("a list")
}

/// The rule, the object, the attribute and the message of each finding.
fn found(report: &Value) -> BTreeSet<[String; 4]> {
    let finding = |finding: &Value| {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let of = |label: &str| {
            let mut evidence = items(finding, "evidence").iter();
            text(
                &evidence
                    .find(|it| it["label"] == label)
                    .unwrap_or(&Value::Null)["value"],
            )
        };
        [
            text(&finding["rule"]),
            of("resource"),
            of("attribute"),
            text(&finding["message"]),
        ]
    };
    items(report, "findings").iter().map(finding).collect()
}

#[test]
fn a_cluster_is_judged_as_its_manifests_are() {
    let out = tree(&[]);
    let files = tree(&[(b"all.yaml", manifests().as_bytes())]);
    let path = files.path().display().to_string();
    let written = out.path().join("files").display().to_string();
    let of_files = casemate([
        "assess",
        &path,
        "--out",
        &written,
        "--persona",
        "auditor",
        "--format",
        "json",
    ]);
    let of_files = found(&of_files.ended_with(1).json());
    let server = cluster(objects());
    let report = assess(&server, &out.path().join("live"), &[])
        .ended_with(1)
        .json();
    let of_cluster = found(&report);
    assert_eq!(of_cluster, of_files);
    let rules: BTreeSet<&str> = of_files.iter().map(|it| it[0].as_str()).collect();
    for rule in ["CM-POD-001", "CM-AI-001", "CM-RBAC-002", "CM-NS-003"] {
        assert!(rules.contains(rule), "{rule}: {rules:?}");
    }
    assert!(server.lines().iter().all(|line| line.starts_with("GET ")));
}

#[test]
fn an_object_has_a_place_and_an_identity_that_people_understand() {
    let out = tree(&[]);
    let report = assess(&cluster(objects()), out.path(), &[])
        .ended_with(1)
        .json();
    assert_eq!(report["root"], "cluster prod");
    let privileged = items(&report, "findings").iter();
    let privileged: Vec<&Value> = privileged.filter(|it| it["rule"] == "CM-POD-001").collect();
    assert_eq!(privileged.len(), 1);
    assert_eq!(
        privileged[0]["asset"],
        "urn:casemate:k8s:prod:ml:deployment.apps:api"
    );
    let location = &privileged[0]["location"];
    assert_eq!(location["file"], "cluster prod: apps/v1 Deployment ml/api");
    assert!(
        location["region"]["line"]
            .as_u64()
            .is_some_and(|line| line > 10),
        "{location}"
    );
    let schema = casemate(["schema", "assessment"]).ended_with(0).json();
    assert_valid(&report, schema);
    let sarif: Value = serde_json::from_slice(&read(
        "crates/assure/report/tests/vendored/sarif-schema-2.1.0.json",
    ))
    .expect("a schema");
    let written = serde_json::from_slice(&read(out.path().join("findings.sarif"))).expect("JSON");
    assert_valid(&written, sarif);
}

#[test]
fn the_same_cluster_gives_the_same_bytes_whatever_its_order_and_versions() {
    let report = |objects: Vec<Value>, page: usize| {
        let out = tree(&[]);
        let all = Objects {
            page,
            ..Objects::of(objects)
        };
        let server = Recorded::plain(move |asked| all.answer(asked));
        assess(&server, out.path(), &[]).ended_with(1).out
    };
    let mut turned = objects();
    turned.reverse();
    for (at, object) in turned.iter_mut().enumerate() {
        object["metadata"]["generation"] = at.into();
        object["metadata"]["uid"] = format!("u{at}").into();
    }
    assert_eq!(report(objects(), 500), report(turned, 1));
}

#[test]
fn manifests_and_a_cluster_are_in_one_report_and_judged_apart() {
    let out = tree(&[]);
    // A policy in the files is none in the cluster.
    let files = tree(&[(b"all.yaml", manifests().as_bytes())]);
    let path = files.path().display().to_string();
    let report = assess(&cluster(objects()), out.path(), &[&path])
        .ended_with(1)
        .json();
    assert_eq!(report["root"], path);
    let privileged = items(&report, "findings").iter();
    let privileged = privileged.filter(|it| it["rule"] == "CM-POD-001");
    let places: BTreeSet<&str> = privileged
        .filter_map(|it| it["location"]["file"].as_str())
        .collect();
    let file = format!("{path}/all.yaml");
    let expected = BTreeSet::from(["cluster prod: apps/v1 Deployment ml/api", file.as_str()]);
    assert_eq!(places, expected);
}

#[test]
fn what_could_not_be_read_is_named_and_denies() {
    let out = tree(&[]);
    let harmless = || {
        let mut namespace = objects().remove(0);
        namespace["metadata"]["labels"] =
            json!({ "pod-security.kubernetes.io/enforce": "restricted" });
        vec![namespace]
    };
    let whole = assess(&cluster(harmless()), &out.path().join("a"), &[]);
    let report = whole.ended_with(0).json();
    assert_eq!(items(&report, "findings").len(), 0);

    let all = Objects::of(harmless());
    let server = Recorded::plain(move |asked| match asked.path.ends_with("/pods") {
        true => Reply::refused(403, "pods is forbidden"),
        false => all.answer(asked),
    });
    let report = assess(&server, &out.path().join("b"), &[])
        .ended_with(1)
        .json();
    let gaps = items(&report, "gaps");
    assert_eq!(gaps.len(), 1);
    assert_eq!(gaps[0]["name"], "cluster prod: v1 pods");
    assert_eq!(gaps[0]["coverage"], "partial");
    assert_eq!(gaps[0]["reason"], "403 Forbidden: pods is forbidden");
}

#[test]
fn what_is_wrong_before_anything_is_read_is_told_with_what_to_do() {
    let out = tree(&[]);
    let server = cluster(Vec::new());
    for (more, word) in [
        (
            &["--context", "staging"][..],
            "it has no context staging; it has: test",
        ),
        (&["--in-cluster"], "cannot be used with"),
        (&["--namespace", "../x"], "is no name of a namespace"),
    ] {
        let run = assess(&server, out.path(), more).ended_with(2);
        assert!(run.err.contains(word), "{word}: {}", run.err);
    }
    let nobody = Recorded::plain(|_| Reply::refused(401, "Unauthorized"));
    let run = assess(&nobody, out.path(), &[]).ended_with(2);
    assert!(
        run.err
            .contains("cannot read the cluster prod: 401 Unauthorized"),
        "{}",
        run.err
    );
    let run = casemate(["assess", "--namespace", "ml"]).ended_with(2);
    assert!(run.err.contains("which cluster?"), "{}", run.err);
}
