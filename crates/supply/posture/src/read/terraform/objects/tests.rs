use casemate_core::{Coverage, Outcome, Status};

use crate::survey::tests::survey;

/// The rules that find something in `text`, each with the line.
fn found(outcomes: &[Outcome]) -> Vec<String> {
    let findings = outcomes.iter().flat_map(|outcome| &outcome.findings);
    let found = findings.map(|it| {
        let place = it.location.to_string();
        let (place, _) = place.rsplit_once(':').expect("a column");
        format!("{} {place}", it.rule)
    });
    found.collect()
}

fn has(outcomes: &[Outcome], expected: &[&str]) {
    let found = found(outcomes);
    for expected in expected {
        assert!(
            found.iter().any(|it| it == expected),
            "{expected}: {found:?}"
        );
    }
}

const DEPLOYMENT: &str = r#"resource "kubernetes_deployment" "serve" {
  metadata {
    name      = "serve"
    namespace = "ml"
  }
  spec {
    template {
      metadata { labels = { app = "serve" } }
      spec {
        container {
          name  = "serve"
          image = "vllm/vllm-openai:latest"
          args  = ["--model", "facebook/opt-125m", "--trust-remote-code"]
          env {
            name  = "DB_PASSWORD"
            value = "c0rrect-h0rse"
          }
          security_context {
            privileged = true
          }
        }
        volume {
          name = "sock"
          host_path {
            path = "/var/run/docker.sock"
          }
        }
      }
    }
  }
}
"#;

#[test]
fn a_deployment_of_terraform_is_asked_what_one_of_yaml_is() {
    let outcomes = survey(&[("main.tf", DEPLOYMENT.as_bytes())]);
    has(
        &outcomes,
        &[
            "CM-POD-001 main.tf:19",
            "CM-POD-021 main.tf:25",
            "CM-KSEC-001 main.tf:16",
            "CM-IMG-001 main.tf:12",
            "CM-AI-020 main.tf:13",
        ],
    );
}

#[test]
fn what_a_variable_has_no_value_for_is_undetermined() {
    let text = DEPLOYMENT.replace("privileged = true", "privileged = var.root");
    let text = format!("variable \"root\" {{}}\n{text}");
    let outcomes = survey(&[("main.tf", text.as_bytes())]);
    assert!(!found(&outcomes).iter().any(|it| it.contains("CM-POD-001")));
    let report = crate::PostureSurvey::new(crate::check::Persona::Auditor);
    let files = [std::sync::Arc::new(crate::survey::tests::file(
        "main.tf", &text,
    ))];
    let open = report.judge_files(&files).report.open;
    let mut open = open.iter().filter(|it| it.rule.id.as_str() == "CM-POD-001");
    let why = open.next().expect("it is open").why.clone();
    assert!(why.contains("var.root has no default"), "{why}");
}

#[test]
fn what_a_container_says_of_its_security_is_that_it_may_be_root() {
    let pod = |own: &str| {
        format!(
            "resource \"kubernetes_pod_v1\" \"p\" {{\n  metadata {{ name = \"p\" }}\n  spec {{\n    \
             security_context {{ run_as_non_root = true }}\n    container {{\n      name = \"c\"\n      \
             image = \"x\"\n{own}    }}\n  }}\n}}\n"
        )
    };
    let may_be_root = |own: &str| {
        let outcomes = survey(&[("main.tf", pod(own).as_bytes())]);
        found(&outcomes)
            .iter()
            .any(|it| it.starts_with("CM-POD-032"))
    };
    assert!(!may_be_root(""));
    assert!(may_be_root(
        "      security_context { privileged = false }\n"
    ));
    assert!(!may_be_root(
        "      security_context { run_as_non_root = true }\n"
    ));
}

#[test]
fn roles_and_policies_of_terraform_are_asked_too() {
    let text = br#"resource "kubernetes_cluster_role" "all" {
  metadata { name = "all" }
  rule {
    api_groups = ["*"]
    resources  = ["*"]
    verbs      = ["*"]
  }
}
resource "kubernetes_network_policy" "open" {
  metadata {
    name      = "open"
    namespace = "ml"
  }
  spec {
    pod_selector {}
    policy_types = ["Ingress"]
    ingress {}
  }
}
resource "kubernetes_secret" "hub" {
  metadata { name = "hub" }
  data = { password = "c0rrect-h0rse" }
}
"#;
    let outcomes = survey(&[("main.tf", text)]);
    has(
        &outcomes,
        &[
            "CM-RBAC-002 main.tf:3",
            "CM-NET-007 main.tf:17",
            "CM-KSEC-002 main.tf:22",
        ],
    );
}

#[test]
fn a_word_is_no_block_and_only_a_storage_class_has_parameters_of_its_writer() {
    let text = r#"resource "kubernetes_pod_security_policy" "p" {
  metadata { name = "p" }
  spec {
    run_as_user {
      rule = "MustRunAs"
      range {
        min = 1
        max = 2
      }
    }
  }
}
resource "kubernetes_ingress_class" "i" {
  metadata { name = "i" }
  spec {
    parameters {
      api_group = "example.org"
      name      = "x"
    }
  }
}
resource "kubernetes_storage_class" "s" {
  metadata { name = "s" }
  storage_provisioner = "example.org/nfs"
  parameters = { mount_options = "ro" }
}
"#;
    let file = std::sync::Arc::new(crate::survey::tests::file("main.tf", text));
    let survey = crate::PostureSurvey::new(crate::check::Persona::Auditor);
    let world = survey.judge_files(&[file]).world;
    for (kind, path, expected) in [
        ("PodSecurityPolicy", "spec.runAsUser.rule", "MustRunAs"),
        ("PodSecurityPolicy", "spec.runAsUser.ranges[0].min", "1"),
        ("IngressClass", "spec.parameters.apiGroup", "example.org"),
        ("StorageClass", "parameters.mount_options", "ro"),
    ] {
        let object = world.of_kind(kind).next().expect(kind);
        let said = object.find(path).text();
        assert!(
            matches!(&said, crate::Fact::Known(it) if it == expected),
            "{path}: {said:?}"
        );
    }
}

#[test]
fn a_finding_in_a_heredoc_stands_on_its_line() {
    let text =
        b"resource \"kubectl_manifest\" \"p\" {\n  yaml_body = <<-YAML\n    apiVersion: v1\n    \
        kind: Pod\n    metadata: {name: p}\n    spec:\n      hostPID: true\n  YAML\n}\n";
    let outcomes = survey(&[("main.tf", text)]);
    let place = |it: &Outcome| it.findings[0].location.to_string();
    assert_eq!(
        outcomes.iter().map(place).collect::<Vec<_>>(),
        ["main.tf:7:16"]
    );
}

#[test]
fn a_manifest_that_cannot_be_read_is_told() {
    let text = b"resource \"kubectl_manifest\" \"p\" {\n  yaml_body = \"a: [b\"\n}\n";
    let outcomes = survey(&[("main.tf", text)]);
    assert_eq!(outcomes[0].coverage, Coverage::Partial);
    let text =
        b"variable \"y\" {}\nresource \"kubectl_manifest\" \"p\" {\n  yaml_body = var.y\n}\n";
    let outcomes = survey(&[("main.tf", text)]);
    assert_eq!(outcomes[0].result, Status::Undetermined);
    let reason = outcomes[0].reason.as_deref().unwrap_or_default();
    assert!(
        reason.contains("what kubectl_manifest.p makes is not known"),
        "{reason}"
    );
}

#[test]
fn a_plan_makes_the_same_object() {
    let plan = r#"{"format_version":"1.2","planned_values":{"root_module":{"resources":[
{"address":"kubernetes_pod.p","mode":"managed","type":"kubernetes_pod","name":"p","values":
{"metadata":[{"name":"p","namespace":"ml","labels":null}],"spec":[{"host_pid":true,"security_context":[],
"container":[{"name":"c","image":"x@sha256:0f1e","args":null,"security_context":
[{"privileged":true,"run_as_non_root":null}]}],"volume":[]}]}}]}}}"#;
    let outcomes = survey(&[("plan.json", plan.as_bytes())]);
    has(
        &outcomes,
        &[
            "CM-POD-001 plan.json:5",
            "CM-POD-002 plan.json:3",
            "CM-POD-032 plan.json:5",
        ],
    );
    let state = r#"{"version":4,"resources":[{"mode":"managed","type":"kubernetes_pod","name":"p","instances":
[{"attributes":{"metadata":[{"name":"p","namespace":"ml"}],"spec":[{"host_pid":true,"container":[]}]}}]}]}"#;
    let outcomes = survey(&[("terraform.tfstate", state.as_bytes())]);
    has(&outcomes, &["CM-POD-002 terraform.tfstate:2"]);
}
