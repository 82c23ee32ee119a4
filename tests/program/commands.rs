//! The smaller commands.

use crate::run::{assert_valid, casemate, read_text, tree};

#[test]
fn every_rule_can_be_explained() {
    let rules = casemate(["rules", "--format", "json"]).ended_with(0).json();
    let rules = rules["rules"].as_array().expect("rules").clone();
    assert!(rules.len() > 60, "{}", rules.len());
    let ids = rules.iter().map(|rule| rule["id"].as_str().expect("an id"));
    let all = casemate(["explain"].into_iter().chain(ids))
        .ended_with(0)
        .out;
    let mut rest = all.as_str();
    for rule in &rules {
        for field in ["id", "title", "remediation"] {
            let text = rule[field].as_str().expect(field);
            let (_, after) = rest.split_once(text).unwrap_or_else(|| panic!("{text}"));
            rest = after;
        }
    }
    let close = casemate(["explain", "CM-PKL-0001"]).ended_with(2);
    assert!(close.err.contains("CM-PKL-001"), "{}", close.err);
    casemate(["explain", "cm-pkl-001"]).ended_with(0);
}

#[test]
fn every_schema_is_a_schema() {
    let names = casemate(["schema"]).ended_with(0).out;
    assert!(names.lines().count() >= 5, "{names}");
    for name in names.lines() {
        let schema = casemate(["schema", name]).ended_with(0).json();
        let mut compiler = boon::Compiler::new();
        compiler
            .add_resource("schema.json", schema)
            .expect("a resource");
        compiler
            .compile("schema.json", &mut boon::Schemas::new())
            .expect(name);
    }
    casemate(["schema", "moon"]).ended_with(2);
}

#[test]
fn init_writes_a_configuration_and_never_overwrites() {
    let dir = tree(&[]);
    let file = dir.path().join("casemate.toml");
    let path = file.to_str().expect("UTF-8");
    casemate(["init", path]).ended_with(0);
    let written = read_text(&file);
    assert_eq!(written, read_text("content/casemate.toml"));
    casemate(["init", path]).ended_with(2);
    let project = tree(&[(b"README.md", b"# Hello\n")]);
    let out = dir.path().join("report");
    casemate([
        "assess".as_ref(),
        project.path().as_os_str(),
        "--config".as_ref(),
        file.as_os_str(),
        "--out".as_ref(),
        out.as_os_str(),
    ])
    .ended_with(0);
}

#[test]
fn completions_and_manual_pages_cover_every_command() {
    let help = casemate(["--help"]).ended_with(0).out;
    let dir = tree(&[]);
    casemate(["man", dir.path().to_str().expect("UTF-8")]).ended_with(0);
    for command in [
        "assess", "scan", "model", "policy", "explain", "rules", "schema", "init", "man",
    ] {
        assert!(help.contains(command));
        let page = read_text(dir.path().join(format!("casemate-{command}.1")));
        assert!(page.contains(".TH"), "{page}");
        for shell in ["bash", "zsh", "fish"] {
            assert!(
                casemate(["completions", shell])
                    .ended_with(0)
                    .out
                    .contains(command)
            );
        }
    }
}

#[test]
fn the_built_in_policy_passes_its_own_tests() {
    let run = casemate(["policy", "test", "content/policies"]).ended_with(0);
    assert!(run.out.contains("PASS"), "{}", run.out);
    let json = casemate(["policy", "test", "content/policies", "--format", "json"]).ended_with(0);
    assert!(json.json().is_object());
}

#[test]
fn files_are_checked_as_conftest_checks_them() {
    let dir = tree(&[
        (
            b"policy/root.rego",
            b"package main\n\ndeny[msg] {\n\tinput.run_as == \"root\"\n\tmsg := \"runs as root\"\n}\n",
        ),
        (b"policy/other.rego", b"package other\n\nwarn contains \"look\" if input\n"),
        (b"bad.json", br#"{"run_as": "root"}"#),
        (b"good.toml", b"run_as = \"nobody\""),
        (b"a.yaml", b"run_as: nobody\n---\nrun_as: root\n---\nrun_as: root\n"),
        (b"a.txt", b"run_as: root"),
    ]);
    let place = |name: &str| dir.path().join(name).to_str().expect("UTF-8").to_owned();
    let check = |names: &[&str], more: &[&str]| {
        let policy = place("policy");
        let mut arguments = vec!["policy", "check", "--policy", &policy];
        let files: Vec<String> = names.iter().map(|name| place(name)).collect();
        arguments.extend(files.iter().map(String::as_str));
        arguments.extend(more);
        casemate(&arguments)
    };
    let run = check(&["bad.json", "good.toml"], &[]).ended_with(1);
    assert!(
        run.out.contains("bad.json - main - runs as root"),
        "{}",
        run.out
    );
    assert!(!run.out.contains("good.toml - "), "{}", run.out);
    let run = check(
        &["good.toml"],
        &["--namespace", "main", "--namespace", "other"],
    )
    .ended_with(0);
    assert!(run.out.contains("good.toml - other - look"), "{}", run.out);
    let run = check(&["bad.json"], &["--all-namespaces"]).ended_with(1);
    assert!(
        run.out.contains("bad.json - main - runs as root"),
        "{}",
        run.out
    );
    assert!(run.out.contains("bad.json - other - look"), "{}", run.out);
    let json = check(&["bad.json"], &["--format", "json"])
        .ended_with(1)
        .json();
    let schema = casemate(["schema", "policy-check"]).ended_with(0).json();
    assert_valid(&json, schema);
    let run = check(&["a.yaml"], &[]).ended_with(1);
    assert_eq!(run.out.matches("FAIL - ").count(), 2, "{}", run.out);
    check(&["a.txt"], &[]).ended_with(2);
    check(&["bad.json"], &["--namespace", "none"]).ended_with(2);
}

#[test]
fn a_failing_policy_test_fails_the_command() {
    let dir = tree(&[(
        b"mine_test.rego",
        b"package mine_test\n\nimport rego.v1\n\ntest_one_is_two if 1 == 2\n",
    )]);
    let run = casemate(["policy", "test", dir.path().to_str().expect("UTF-8")]).ended_with(1);
    assert!(run.out.contains("test_one_is_two"), "{}", run.out);
}

#[test]
fn policy_eval_names_the_rule_and_line_behind_a_decision() {
    let dir = tree(&[(b"evil.pkl", b"cos\nsystem\n(S'true'\ntR.")]);
    let out = dir.path().join("report");
    let assess = [
        "assess".as_ref(),
        dir.path().as_os_str(),
        "--out".as_ref(),
        out.as_os_str(),
    ];
    casemate(assess).ended_with(1);
    let input = out.join("gate-input.json");
    let run = casemate(["policy", "eval", input.to_str().expect("UTF-8")]).ended_with(1);
    assert!(run.out.contains("gate.rego:"), "{}", run.out);
    assert!(run.out.contains("deny"), "{}", run.out);
    let schema = casemate(["schema", "gate-input"]).json();
    assert_valid(
        &serde_json::from_str(&read_text(input)).expect("JSON"),
        schema,
    );
    let garbage = tree(&[(b"x.json", b"{]")]);
    let file = garbage.path().join("x.json");
    casemate(["policy", "eval", file.to_str().expect("UTF-8")]).ended_with(2);
}

#[test]
fn now_is_checked() {
    casemate(["rules", "--now", "yesterday"]).ended_with(2);
    casemate(["rules", "--now", "2026-01-01T00:00:00Z"]).ended_with(0);
}
