//! Decisions.

mod exempt;
mod repaired;
mod signed;

use std::time::{Duration, Instant};

use casemate_admission::{Judged, Undecided};
use casemate_core::Verdict;
use casemate_policy::until;
use serde_json::{Value, json};

use crate::kit::{Kit, now, object, pod, privileged, review, spec};

fn message(judged: &Judged) -> String {
    let status = judged.response.status.as_ref();
    status.map(|it| it.message.clone()).unwrap_or_default()
}

#[test]
fn a_pod_that_nothing_is_wrong_with_is_let_through() {
    let judged = Kit::default().asked(json!({"object": pod(json!({}))}));
    let response = &judged.response;
    assert!(response.allowed, "{response:?}");
    assert_eq!(response.uid, "705ab4f5-6393-11e8-b7cc-42010a800002");
    assert_eq!(response.warnings, [] as [&str; 0]);
    assert_eq!(response.annotations["decision"], "allow");
    let decision = judged.record.decision.expect("a decision");
    assert_eq!(
        decision.subject.to_string(),
        "urn:casemate:k8s:local:ml:pod:web"
    );
    assert_eq!(decision.gate, "admission");
}

#[test]
fn a_privileged_pod_is_denied_with_its_rule() {
    let judged = Kit::default().asked(json!({"object": pod(privileged())}));
    assert!(!judged.response.allowed);
    let status = judged.response.status.clone().expect("a status");
    assert_eq!((status.code, status.reason), (403, "Forbidden"));
    assert!(
        status
            .message
            .contains("CM-POD-001: Pod ml/web: the container is privileged"),
        "{status:?}"
    );
    assert_eq!(
        judged.record.decision.expect("a decision").outcome,
        Verdict::Deny
    );
}

#[test]
fn custom_resources_are_judged_before_a_controller_makes_pods() {
    let template = json!({"spec": spec(privileged())});
    let jobs = json!([{"name": "a", "template": {"spec": {"template": template}}}]);
    let replicas = json!({"Worker": {"template": template}});
    for (version, kind, spec) in [
        (
            "ray.io/v1",
            "RayCluster",
            json!({"headGroupSpec": {"template": template}}),
        ),
        (
            "serving.kserve.io/v1beta1",
            "InferenceService",
            json!({"predictor": template["spec"]}),
        ),
        ("kubeflow.org/v1", "Notebook", json!({"template": template})),
        (
            "kubeflow.org/v1",
            "PyTorchJob",
            json!({"pytorchReplicaSpecs": replicas}),
        ),
        (
            "jobset.x-k8s.io/v1alpha2",
            "JobSet",
            json!({"replicatedJobs": jobs}),
        ),
        (
            "leaderworkerset.x-k8s.io/v1",
            "LeaderWorkerSet",
            json!({"leaderWorkerTemplate": {"workerTemplate": template}}),
        ),
        (
            "trainer.kubeflow.org/v1alpha1",
            "TrainingRuntime",
            json!({"template": {"spec": {"replicatedJobs": jobs}}}),
        ),
        ("apps/v1", "Deployment", json!({"template": template})),
    ] {
        let judged =
            Kit::default().asked(json!({"object": object(version, kind, json!({"spec": spec}))}));
        assert!(
            message(&judged).contains("CM-POD-001"),
            "{kind}: {judged:?}"
        );
    }
}

#[test]
fn what_looks_like_another_language_is_still_an_object() {
    let mut hidden = pod(privileged());
    for key in [
        "planned_values",
        "format_version",
        "Resources",
        "AWSTemplateFormatVersion",
        "jobs",
    ] {
        hidden[key] = json!({});
    }
    hidden["metadata"]["annotations"] =
        json!({"a": "{{ .x }}\n---\nkind: CustomResourceDefinition\n"});
    let judged = Kit::default().asked(json!({"object": hidden}));
    assert!(message(&judged).contains("CM-POD-001"), "{judged:?}");
    // Nobody fills in the texts of a pod.
    let bad = json!({"securityContext": {"seccompProfile": {"type": "{{x}}"}}});
    let judged = Kit::default().asked(json!({"object": pod(bad)}));
    assert_eq!(judged.response.annotations["decision"], "warn");
    assert!(
        judged
            .response
            .warnings
            .iter()
            .any(|it| it.contains("CM-POD-010")),
        "{judged:?}"
    );
}

#[test]
fn of_what_goes_and_of_a_status_nothing_is_declared() {
    let bad = pod(privileged());
    for request in [
        json!({"operation": "DELETE", "object": null, "oldObject": bad}),
        json!({"operation": "UPDATE", "object": bad, "oldObject": bad, "subResource": "status"}),
        json!({"operation": "CONNECT", "subResource": "exec",
            "object": {"apiVersion": "v1", "kind": "PodExecOptions", "command": ["sh"]}}),
    ] {
        let judged = Kit::default().asked(request);
        assert!(judged.response.allowed, "{judged:?}");
    }
    let debugged = json!({"operation": "UPDATE", "object": bad, "oldObject": pod(json!({})),
        "subResource": "ephemeralcontainers"});
    assert!(!Kit::default().asked(debugged).response.allowed);
}

#[test]
fn what_was_there_before_counts_unless_somebody_chose_otherwise_or_it_goes() {
    let update =
        |old: Value| json!({"operation": "UPDATE", "object": pod(privileged()), "oldObject": old});
    let allows = Kit {
        settings: "unchanged = \"allow\"",
        ..Kit::default()
    };
    assert!(
        !Kit::default()
            .asked(update(pod(privileged())))
            .response
            .allowed
    );
    assert!(allows.asked(update(pod(privileged()))).response.allowed);
    assert!(
        !allows.asked(update(pod(json!({})))).response.allowed,
        "it is new"
    );
    let mut goes = pod(privileged());
    goes["metadata"]["deletionTimestamp"] = "2026-09-01T00:00:00Z".into();
    assert!(Kit::default().asked(update(goes)).response.allowed);
}

#[test]
fn what_is_the_same_finding_in_another_container_or_binding_is_new() {
    let allows = Kit {
        settings: "unchanged = \"allow\"",
        ..Kit::default()
    };
    let is_allowed = |old: &Value, new: &Value| {
        let update = json!({"operation": "UPDATE", "object": new, "oldObject": old});
        allows.asked(update).response.allowed
    };
    let old = pod(privileged());
    let mut other = old.clone();
    other["spec"]["containers"][0]["image"] =
        format!("registry.example.org/b@sha256:{}", "4".repeat(64)).into();
    assert!(!is_allowed(&old, &other), "another image is privileged");
    let mut labelled = old.clone();
    labelled["metadata"]["labels"] = json!({"a": "b"});
    labelled["spec"]["priority"] = 1.into();
    assert!(is_allowed(&old, &labelled), "the container is as it was");
    let mut host = old.clone();
    host["spec"]["hostPID"] = true.into();
    let mut more = host.clone();
    more["spec"]["serviceAccountName"] = "admin".into();
    assert!(is_allowed(&host, &host));
    assert!(!is_allowed(&host, &more), "the specification is another");

    let user =
        |name: &str| json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": name});
    let binding = |subjects: Value| {
        let role = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"});
        let mut binding = object(
            "rbac.authorization.k8s.io/v1",
            "ClusterRoleBinding",
            json!({"roleRef": role, "subjects": subjects}),
        );
        binding["metadata"] = json!({"name": "all"});
        binding
    };
    let group = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "system:authenticated"});
    let one = binding(json!([group]));
    let two = binding(json!([group, user("mallory")]));
    assert!(
        !Kit::default()
            .asked(json!({"object": one}))
            .response
            .allowed
    );
    assert!(is_allowed(&one, &one));
    assert!(!is_allowed(&one, &two), "somebody else has the role");
}

#[test]
fn audit_lets_everything_through_and_says_what_it_would_deny() {
    let audit = Kit {
        settings: "mode = \"audit\"",
        ..Kit::default()
    };
    let judged = audit.asked(json!({"object": pod(privileged())}));
    let response = &judged.response;
    assert!(response.allowed && response.status.is_none());
    let warning = response.warnings.first().expect("a warning");
    assert!(
        warning.starts_with("audit: would be denied: CM-POD-001"),
        "{warning}"
    );
    assert_eq!(response.annotations["decision"], "deny");
    assert_eq!(
        judged.record.decision.expect("a decision").outcome,
        Verdict::Deny
    );
}

#[test]
fn rules_of_three_habits_decide_about_one_request() {
    let rego = "package kubernetes.admission

import rego.v1

deny contains msg if {
	input.request.kind.kind == \"Pod\"
	not input.request.object.metadata.labels.owner
	msg := sprintf(\"%s has no owner\", [input.request.object.metadata.name])
}

warn contains \"ada asks\" if input.request.userInfo.username == \"ada\"
";
    let judged = Kit {
        rego,
        ..Kit::default()
    }
    .asked(json!({}));
    assert_eq!(message(&judged), "kubernetes.admission: web has no owner");
    assert!(
        judged
            .response
            .warnings
            .contains(&"kubernetes.admission: ada asks".to_owned())
    );

    let rego = "package casemate.gate

deny contains \"nobody deletes on Tuesdays\" if {
	input.gate == \"admission\"
	input.action == \"delete\"
	input.context.object.kind == \"Pod\"
	time.weekday(time.now_ns()) == \"Tuesday\"
}
";
    let gone = json!({"operation": "DELETE", "object": null, "oldObject": pod(json!({}))});
    let judged = Kit {
        rego,
        ..Kit::default()
    }
    .asked(gone);
    assert_eq!(message(&judged), "nobody deletes on Tuesdays");

    let rego = "package casemate.checks.own

rule := {\"id\": \"CM-OWN-001\", \"title\": \"t\", \"severity\": \"high\", \"description\": \"d\",
	\"remediation\": \"r\", \"kinds\": [\"Pod\"]}

deny contains {\"resource\": it.address, \"path\": \"metadata.name\", \"message\": \"it is called web\"} if {
	some it in input.resources
	it.body.metadata.name == \"web\"
}
";
    let judged = Kit {
        rego,
        ..Kit::default()
    }
    .asked(json!({}));
    assert!(
        message(&judged).contains("CM-OWN-001: Pod ml/web: it is called web"),
        "{judged:?}"
    );
}

#[test]
fn a_package_is_asked_whatever_its_name_begins_with() {
    let rego = "package casemate.own\n\nimport rego.v1\n\ndeny contains \"never\"\n";
    let judged = Kit {
        rego,
        ..Kit::default()
    }
    .asked(json!({}));
    assert_eq!(message(&judged), "casemate.own: never");
    assert!(Kit::default().judge().told().contains(" 0 packages "));
}

#[test]
fn a_rule_that_breaks_denies() {
    let rego =
        "package main\n\ndeny contains msg if msg := 1 / input.request.zero\n\nwarn contains 7\n";
    let judged = Kit {
        rego,
        ..Kit::default()
    }
    .asked(json!({"zero": 0}));
    assert!(!judged.response.allowed, "{judged:?}");
}

const CONSTRAINTS: &str = r#"
apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: k8sowner}
spec:
  crd: {spec: {names: {kind: K8sOwner}}}
  targets:
  - target: admission.k8s.gatekeeper.sh
    rego: |
      package k8sowner
      violation[{"msg": msg}] {
        not input.review.object.metadata.labels.owner
        msg := "no owner"
      }
---
apiVersion: constraints.gatekeeper.sh/v1beta1
kind: K8sOwner
metadata: {name: pods}
spec:
  match: {kinds: [{apiGroups: [""], kinds: [Pod]}]}
---
apiVersion: constraints.gatekeeper.sh/v1beta1
kind: K8sOwner
metadata: {name: all}
spec: {enforcementAction: warn}
---
apiVersion: constraints.gatekeeper.sh/v1beta1
kind: K8sOwner
metadata: {name: quiet}
spec: {enforcementAction: dryrun}
"#;

#[test]
fn constraints_deny_warn_or_are_silent() {
    let kit = Kit {
        constraints: CONSTRAINTS,
        ..Kit::default()
    };
    let judged = kit.asked(json!({}));
    assert_eq!(message(&judged), "K8sOwner pods: no owner");
    assert_eq!(judged.response.warnings, ["K8sOwner all: no owner"]);
    let mut owned = pod(json!({}));
    owned["metadata"]["labels"] = json!({"owner": "ada"});
    let judged = kit.asked(json!({"object": owned}));
    assert_eq!(judged.response.annotations["decision"], "allow");
}

const EXEMPTION: &str = "
[[exemption]]
namespaces = [\"ml*\"]
kinds = [\"Pod\"]
users = [\"ada\"]
reason = \"the old scheduler\"
owner = \"ml-platform@example.org\"
expires = \"2026-09-01\"
";

#[test]
fn what_was_not_judged_is_decided_by_choice() {
    let asked = review(json!({}));
    let open = Kit {
        settings: "on-error = \"allow\"",
        ..Kit::default()
    };
    for why in [Undecided::NoTurn, Undecided::Mistake, Undecided::Unrepaired] {
        let judged = Kit::default().judge().undecided(&asked.request, why, now());
        let status = judged.response.status.expect("a status");
        assert_eq!((judged.response.allowed, status.code), (false, 500));
        let judged = open.judge().undecided(&asked.request, why, now());
        assert!(judged.response.allowed);
        let told = why.as_str();
        assert_eq!(
            judged.response.warnings,
            [format!("Pod ml/web was not judged: {told}")]
        );
        assert_eq!(judged.record.error.as_deref(), Some(told));
    }
}

#[test]
fn a_judgement_that_takes_too_long_denies_whatever_was_chosen_but_in_audit() {
    let asked = review(json!({}));
    for settings in ["", "on-error = \"allow\""] {
        let kit = Kit {
            settings,
            ..Kit::default()
        };
        let judged = kit
            .judge()
            .undecided(&asked.request, Undecided::TooLong, now());
        let status = judged.response.status.expect("a status");
        assert_eq!((judged.response.allowed, status.code), (false, 403));
        assert_eq!(
            status.message,
            "Pod ml/web was not judged: it took longer than it may"
        );
    }
    let audit = Kit {
        settings: "mode = \"audit\"",
        ..Kit::default()
    };
    let judged = audit
        .judge()
        .undecided(&asked.request, Undecided::TooLong, now());
    assert!(judged.response.allowed && judged.response.warnings.len() == 1);
}

#[test]
fn rules_whose_time_is_over_deny_whatever_was_chosen() {
    let rego = "package own\nimport rego.v1\ndeny contains 1 if {\n  some i in numbers.range(1, 100000)\n  i < 0\n}\n";
    for kit in [
        Kit {
            rego,
            settings: "on-error = \"allow\"",
            ..Kit::default()
        },
        Kit {
            constraints: CONSTRAINTS,
            settings: "on-error = \"allow\"",
            ..Kit::default()
        },
    ] {
        let judge = kit.judge();
        let judged = until(Instant::now(), || judge.judge(&review(json!({})), now()));
        let status = judged.response.status.expect("a status");
        assert_eq!(status.code, 403, "{status:?}");
        assert!(
            status.message.contains("longer than its time limit"),
            "{status:?}"
        );
    }
}

#[test]
fn a_rule_that_gives_no_answer_denies_whatever_was_chosen() {
    let endless = "package own\nimport rego.v1\ndeny contains 1 if {\n  some i in numbers.range(1, 100000)\n  \
        some j in numbers.range(1, 100000)\n  i * j < 0\n}\n";
    let gate = endless.replace("package own", "package casemate.gate");
    for rego in [endless, &gate] {
        let kit = Kit {
            rego,
            settings: "on-error = \"allow\"",
            patience: Some(Duration::from_secs(1)),
            ..Kit::default()
        };
        let judged = kit.asked(json!({}));
        let status = judged.response.status.expect("a status");
        assert_eq!(status.code, 403, "{status:?}");
        assert!(
            status.message.contains("longer than its time limit"),
            "{status:?}"
        );
    }
}

#[test]
fn a_text_of_the_request_makes_no_error_one_of_the_engine() {
    let rego = "package own\nimport rego.v1\ndeny contains \"m\" if some c in input.request.object.spec.foo\n";
    for text in [
        "execution exceeded time limit",
        "execution exceeded memory limit",
    ] {
        let kit = Kit {
            rego,
            settings: "on-error = \"allow\"",
            ..Kit::default()
        };
        let mut asked = pod(json!({}));
        asked["spec"]["foo"] = json!(text);
        let judged = kit.asked(json!({ "object": asked }));
        let status = judged.response.status.expect("a status");
        assert_eq!(status.code, 403, "{status:?}");
        assert!(status.message.contains(text), "{status:?}");
    }
}

#[test]
fn the_same_request_gives_the_same_answer() {
    let judge = Kit {
        constraints: CONSTRAINTS,
        ..Kit::default()
    }
    .judge();
    let asked = review(json!({"object": pod(privileged())}));
    let (first, second) = (judge.judge(&asked, now()), judge.judge(&asked, now()));
    assert_eq!(first.response, second.response);
    assert_eq!(first.record, second.record);
}
