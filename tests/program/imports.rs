//! What `casemate assess --import` promises.

use std::{fs, path::Path, process::Stdio};

use serde_json::{Value, json};

use crate::run::{Run, assert_valid, casemate, read, root, tree};

const EXAMPLE: &str = "examples/01-fraud-model";
const REPORTS: &str = "tests/fixtures/imports";

#[test]
fn findings_of_other_tools_join_those_of_ours() {
    let (without, with) = (
        assess(&[]).json(),
        assess(&["checkov.json", "zizmor.sarif"]).json(),
    );
    let rules = |report: &Value| {
        let findings = report["findings"].as_array().expect("findings");
        let rules = findings
            .iter()
            .map(|it| it["rule"].as_str().expect("a rule").to_owned());
        rules.collect::<Vec<_>>()
    };
    // Everything of ours is there, as it was but for who else reports it.
    let ours = |report: &Value| {
        let findings = report["findings"].as_array().expect("findings").iter();
        let ours =
            findings.filter(|it| it["rule"].as_str().is_some_and(|it| it.starts_with("CM-")));
        let plain = ours.map(|it| {
            let mut it = it.clone();
            it.as_object_mut().expect("an object").remove("reported_by");
            it
        });
        plain.collect::<Vec<_>>()
    };
    assert_eq!(ours(&without), ours(&with));
    assert!(
        rules(&with)
            .iter()
            .any(|rule| rule == "checkov:CKV2_AWS_62")
    );
    // The block leaves a way open: ours, and two rules of Checkov's.
    assert!(!rules(&with).iter().any(|rule| rule == "checkov:CKV_AWS_54"));
    let findings = with["findings"].as_array().expect("findings");
    let block = findings
        .iter()
        .find(|it| it["rule"] == "CM-AWS-002")
        .expect("CM-AWS-002");
    assert_eq!(
        block["reported_by"][0],
        json!({
            "tool": "Checkov",
            "version": "3.3.30",
            "rule": "CKV_AWS_54",
            "severity": "no severity is taken for medium",
            "source": format!("{REPORTS}/checkov.json"),
        })
    );
    let pinned = findings
        .iter()
        .find(|it| it["rule"] == "CM-GHA-030")
        .expect("CM-GHA-030");
    assert_eq!(pinned["reported_by"][0]["rule"], "zizmor/unpinned-uses");
    assert_eq!(with["imports"][0]["elsewhere"], 0);
    assert_eq!(with["imports"][1]["tool"], "zizmor");
}

#[test]
fn every_report_is_valid_and_the_gate_sees_whose_it_is() {
    let out = tree(&[]);
    run(&out, &["checkov.json", "bandit.sarif"], &[]).ended_with(1);
    let file = |name: &str| -> Value {
        serde_json::from_slice(&read(out.path().join(name))).expect("JSON")
    };
    let schema = |name| casemate(["schema", name]).ended_with(0).json();
    assert_valid(&file("findings.json"), schema("assessment"));
    assert_valid(&file("gate-input.json"), schema("gate-input"));
    let sarif = "crates/assure/report/tests/vendored/sarif-schema-2.1.0.json";
    assert_valid(
        &file("findings.sarif"),
        serde_json::from_slice(&read(sarif)).expect("JSON"),
    );
    let input = file("gate-input.json");
    let outcomes = input["outcomes"].as_array().expect("outcomes");
    let checks: Vec<_> = outcomes
        .iter()
        .filter_map(|it| it["check"].as_str())
        .collect();
    assert!(checks.contains(&"import:checkov") && checks.contains(&"import:bandit"));
}

#[test]
fn what_we_wrote_ourselves_adds_nothing_when_it_comes_back() {
    let out = tree(&[]);
    run(&out, &["checkov.json"], &[]).ended_with(1);
    let again = tree(&[]);
    let sarif = out.path().join("findings.sarif");
    let report = run(
        &again,
        &[],
        &[
            "--import",
            sarif.to_str().expect("UTF-8"),
            "--format",
            "json",
        ],
    );
    let report = report.ended_with(1).json();
    let findings = report["findings"].as_array().expect("findings");
    assert!(findings.iter().all(|it| it["reported_by"].is_null()));
    assert_eq!(report["imports"].as_array().expect("runs").len(), 2);
    assert_eq!(report["findings"], assess(&[]).json()["findings"]);
}

#[test]
fn an_exception_takes_all_rules_of_a_tool_and_a_policy_may_let_them_warn() {
    let exception = "[[exception]]\nrule = \"t:*\"\nscope = \"README.md\"\nreason = \"r\"\nowner = \"o\"\n\
        expires = 2027-01-31\n";
    let settings = "[casemate.settings]\nimports_only_warn = true\n";
    let project = tree(&[
        (b"README.md", b"# Hello\n"),
        (b"policy/data/settings.toml", settings.as_bytes()),
        (b"casemate.toml", exception.as_bytes()),
    ]);
    let outside = tree(&[(b"t.sarif", one("README.md", "error").as_bytes())]);
    let at = |path: &Path| path.to_str().expect("UTF-8").to_owned();
    let (report, root) = (at(&outside.path().join("t.sarif")), at(project.path()));
    let out = at(&outside.path().join("out"));
    let base = [
        "assess", &root, "--import", &report, "--out", &out, "--format", "json",
    ];
    let denied = casemate(base).ended_with(1).json();
    assert_eq!(denied["decision"]["reasons"][0]["rule"], "t:A");
    let config = at(&project.path().join("casemate.toml"));
    casemate(base.into_iter().chain(["--config", &config])).ended_with(0);
    let policy = at(&project.path().join("policy"));
    let warned = casemate(base.into_iter().chain(["--policy", &policy]))
        .ended_with(0)
        .json();
    assert_eq!(warned["decision"]["outcome"], "warn");
}

#[test]
fn standard_input_is_read_and_what_is_no_report_is_refused() {
    let project = tree(&[(b"README.md", b"# Hello\n")]);
    let out = tree(&[]);
    let import = |bytes: &[u8]| {
        let input = out.path().join("input");
        fs::write(&input, bytes).expect("a file");
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_casemate"));
        command.args(["assess", "--import", "-", "--format", "json", "--out"]);
        command.arg(out.path().join("report")).arg(project.path());
        command.stdin(Stdio::from(fs::File::open(&input).expect("a file")));
        crate::run::ended(&mut command)
    };
    let report = import(one("README.md", "note").as_bytes())
        .ended_with(0)
        .json();
    assert_eq!(report["imports"][0]["source"], "stdin");
    assert_eq!(report["findings"][0]["rule"], "t:A");
    for (bytes, said) in [
        (&b""[..], "it is empty"),
        (b"{\"a\": NaN}", "line 1, column 7"),
        (
            b"{\"runs\":[],\"version\":\"2.1.0\"} {}",
            "something follows the value",
        ),
        (b"\xff\xfe{", "is not UTF-16"),
        (b"{\"bomFormat\":1}", "neither SARIF 2.1.0"),
    ] {
        let run = import(bytes).ended_with(2);
        assert!(
            run.err.contains("cannot import standard input"),
            "{}",
            run.err
        );
        assert!(run.err.contains(said), "{said}: {}", run.err);
    }
    let twice = casemate(["assess", "README.md", "--import", "-", "--import", "-"]).ended_with(2);
    assert!(
        twice.err.contains("standard input can be read once"),
        "{}",
        twice.err
    );
}

#[test]
fn a_run_that_was_not_whole_is_denied() {
    let project = tree(&[(b"README.md", b"# Hello\n")]);
    let failed = r#"{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"T"}},"invocations":[{"executionSuccessful":false}],"results":[]}]}"#;
    let report = tree(&[(b"t.sarif", failed.as_bytes())]);
    let path = |path: &Path| path.to_str().expect("UTF-8").to_owned();
    let run = casemate([
        "assess".to_owned(),
        path(project.path()),
        "--import".to_owned(),
        path(&report.path().join("t.sarif")),
        "--out".to_owned(),
        path(&report.path().join("out")),
    ])
    .ended_with(1);
    assert!(
        run.out.contains("the tool says that its run failed"),
        "{}",
        run.out
    );
}

#[test]
fn a_rule_of_another_tool_is_explained() {
    let text = casemate(["explain", "checkov:CKV_AWS_18"])
        .ended_with(0)
        .out;
    assert!(text.contains("CM-AWS-006 here ask the same"), "{text}");
    casemate(["explain", "checkov:"]).ended_with(2);
    let fix = casemate(["fix", EXAMPLE, "--rule", "checkov:CKV_AWS_18"]).ended_with(2);
    assert!(fix.err.contains("another tool's rule"), "{}", fix.err);
}

fn one(path: &str, level: &str) -> String {
    format!(
        r#"{{"version":"2.1.0","runs":[{{"tool":{{"driver":{{"name":"T"}}}},"results":[{{"ruleId":"A","level":"{level}","message":{{"text":"m"}},"locations":[{{"physicalLocation":{{"artifactLocation":{{"uri":"{path}"}}}}}}]}}]}}]}}"#
    )
}

fn assess(reports: &[&str]) -> Run {
    let out = tree(&[]);
    run(&out, reports, &["--format", "json"]).ended_with(1)
}

fn run(out: &tempfile::TempDir, reports: &[&str], flags: &[&str]) -> Run {
    assert!(root().join(REPORTS).is_dir());
    let mut arguments = vec!["assess".to_owned(), EXAMPLE.to_owned(), "--out".to_owned()];
    arguments.push(out.path().to_str().expect("UTF-8").to_owned());
    for report in reports {
        arguments.extend(["--import".to_owned(), format!("{REPORTS}/{report}")]);
    }
    arguments.extend(flags.iter().map(|flag| (*flag).to_owned()));
    casemate(arguments)
}
