//! `casemate policy check` and `casemate policy test` with what Gatekeeper's users have.

use std::{fs, os::unix::ffi::OsStrExt as _};

use tempfile::TempDir;

use crate::run::{Run, assert_valid, casemate, tree};

const TEMPLATE: &[u8] = b"apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata:
  name: owned
spec:
  crd:
    spec:
      names:
        kind: Owned
      validation:
        openAPIV3Schema:
          type: object
          properties:
            label:
              type: string
              default: owner
  targets:
    - target: admission.k8s.gatekeeper.sh
      rego: |
        package owned

        violation[{\"msg\": msg}] {
          not input.review.object.metadata.labels[input.parameters.label]
          msg := sprintf(\"there is no label %s\", [input.parameters.label])
        }
";

const CONSTRAINTS: &[u8] = b"apiVersion: constraints.gatekeeper.sh/v1beta1
kind: Owned
metadata:
  name: pods-have-owners
spec:
  match:
    kinds:
      - apiGroups: [\"\"]
        kinds: [Pod]
    namespaceSelector:
      matchLabels:
        strict: \"yes\"
  parameters: {}
---
apiVersion: constraints.gatekeeper.sh/v1beta1
kind: Owned
metadata:
  name: all-have-teams
spec:
  enforcementAction: warn
  match:
    kinds:
      - kinds: [Pod]
  parameters:
    label: team
";

const RULES: &[u8] = b"package main

deny[msg] {
	input.kind == \"Pod\"
	input.spec.hostNetwork
	msg := \"uses the network of its node\"
}
";

const MANIFEST: &[u8] = b"apiVersion: v1
kind: Pod
metadata:
  name: web
  namespace: apps
spec:
  hostNetwork: true
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: settings
";

const SUITE: &[u8] = b"apiVersion: test.gatekeeper.sh/v1alpha1
kind: Suite
tests:
  - name: owned
    template: template.yaml
    constraint: constraints.yaml
    cases:
      - name: an-owner-is-missing
        object: ../pod.yaml
        inventory: [../namespaces.yaml]
        assertions:
          - violations: 1
            message: no label owner
";

fn project() -> TempDir {
    tree(&[
        (b"policy/template.yaml", TEMPLATE),
        (b"policy/constraints.yaml", CONSTRAINTS),
        (b"policy/rules.rego", RULES),
        (b"policy/values.yaml", b"not: [closed"),
        (b"manifest.yaml", MANIFEST),
        (
            b"pod.yaml",
            b"{apiVersion: v1, kind: Pod, metadata: {name: web, namespace: apps}}",
        ),
        (
            b"namespaces.yaml",
            b"{apiVersion: v1, kind: Namespace, metadata: {name: apps, labels: {strict: 'yes'}}}",
        ),
    ])
}

fn check(dir: &TempDir, more: &[&str]) -> Run {
    let place = |name: &str| dir.path().join(name).to_str().expect("UTF-8").to_owned();
    let (manifest, policy) = (place("manifest.yaml"), place("policy"));
    let more: Vec<String> = more
        .iter()
        .map(|word| match word.strip_suffix(".yaml") {
            Some(_) => place(word),
            None => (*word).to_owned(),
        })
        .collect();
    let mut arguments = vec!["policy", "check", &manifest, "--policy", &policy];
    arguments.extend(more.iter().map(String::as_str));
    casemate(&arguments)
}

#[test]
fn rego_templates_and_constraints_of_one_directory_are_all_asked() {
    let dir = project();
    let run = check(&dir, &["--inventory", "namespaces.yaml"]).ended_with(1);
    for line in [
        "manifest.yaml - main - uses the network of its node",
        "manifest.yaml:1 - Owned/pods-have-owners - Pod apps/web: there is no label owner",
        "manifest.yaml:1 - Owned/all-have-teams - Pod apps/web: there is no label team",
        "2 objects, 2 constraints, 1 failures, 1 warnings",
    ] {
        assert!(run.out.contains(line), "{line}: {}", run.out);
    }
    let json = check(
        &dir,
        &["--inventory", "namespaces.yaml", "--format", "json"],
    )
    .ended_with(1)
    .json();
    let violation = &json["constraints"]["violations"][1];
    assert_eq!(violation["name"], "pods-have-owners");
    assert_eq!(violation["template"]["line"], 1);
    let schema = casemate(["schema", "policy-check"]).ended_with(0).json();
    assert_valid(&json, schema);
}

#[test]
fn a_namespace_that_nobody_gives_denies() {
    let run = check(&project(), &[]).ended_with(1);
    assert!(
        run.out.contains("namespace `apps`, which is not given"),
        "{}",
        run.out
    );
}

#[test]
fn a_broken_policy_is_told_by_file_and_line_and_decides_nothing() {
    let dir = tree(&[
        (b"policy/template.yaml", TEMPLATE),
        (
            b"policy/wrong.yaml",
            b"apiVersion: constraints.gatekeeper.sh/v1beta1\nkind: Owned\nmetadata:\n  name: a\nspec:\n  \
              parameters:\n    label: 7\n",
        ),
        (b"manifest.yaml", MANIFEST),
    ]);
    let run = check(&dir, &[]).ended_with(2);
    let expected = "wrong.yaml:7: spec.parameters.label expects a string, not a number";
    assert!(run.err.contains(expected), "{}", run.err);
}

#[test]
fn suites_are_tests_of_a_policy() {
    let dir = project();
    let policy = dir.path().join("policy");
    fs::write(policy.join("suite.yaml"), SUITE).expect("written");
    let policy = policy.to_str().expect("UTF-8");
    let run = casemate(["policy", "test", policy]).ended_with(0);
    assert!(
        run.out.contains("owned/an-owner-is-missing: PASS"),
        "{}",
        run.out
    );
    let suite = String::from_utf8_lossy(SUITE).replace("violations: 1", "violations: no");
    fs::write(format!("{policy}/suite.yaml"), suite).expect("written");
    let run = casemate(["policy", "test", policy]).ended_with(1);
    for line in [
        "owned/an-owner-is-missing: FAIL",
        "suite.yaml:8",
        "found 1 violations like `no label owner`, expected none",
        "- there is no label owner",
        "FAIL: 1/",
    ] {
        assert!(run.out.contains(line), "{line}: {}", run.out);
    }
}

#[test]
fn a_suite_in_a_folder_whose_name_is_no_text_finds_its_files() {
    let dir = project();
    let policy = dir.path().join("policy");
    let whole = dir.path().join("whole");
    fs::create_dir(&whole).expect("made");
    let below = whole.join(std::ffi::OsStr::from_bytes(b"\xff"));
    fs::rename(&policy, &below).expect("moved");
    fs::write(below.join("suite.yaml"), SUITE).expect("written");
    for name in ["pod.yaml", "namespaces.yaml"] {
        fs::rename(dir.path().join(name), whole.join(name)).expect("moved");
    }
    let run = casemate(["policy", "test", whole.to_str().expect("UTF-8")]).ended_with(0);
    assert!(
        run.out.contains("owned/an-owner-is-missing: PASS"),
        "{}",
        run.out
    );
}
