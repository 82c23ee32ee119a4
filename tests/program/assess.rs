//! What `casemate assess` promises to scripts.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::Value;

use crate::run::{assert_valid, casemate, casemate_in, copy, read, read_text, root, tree};

const EXAMPLE: &str = "examples/01-fraud-model";

#[test]
fn the_example_is_denied_with_reasons_and_a_report() {
    let out = tree(&[]);
    let run = assess(Path::new(EXAMPLE), out.path(), &["--format", "json"]).ended_with(1);
    let printed = run.json();
    let written: Value = json(&out.path().join("findings.json"));
    assert_eq!(printed, written);
    assert_eq!(written["decision"]["outcome"], "deny");
    assert!(!array(&written["decision"]["reasons"]).is_empty());
    assert!(!array(&written["outcomes"]).is_empty());
    let kinds: BTreeSet<&str> = array(&written["assets"])
        .iter()
        .map(|asset| asset["kind"].as_str().expect("a kind"))
        .collect();
    for kind in [
        "model",
        "dataset",
        "notebook",
        "training-code",
        "serving-code",
        "terraform",
        "kubernetes",
        "container",
        "pipeline",
        "lockfile",
    ] {
        assert!(kinds.contains(kind), "no {kind} in {kinds:?}");
    }
    let families: BTreeSet<&str> = array(&written["findings"])
        .iter()
        .map(|finding| &finding["rule"].as_str().expect("a rule")[3..6])
        .collect();
    assert!(
        families.contains("PKL") && families.contains("SEC"),
        "{families:?}"
    );
    for name in ["index.html", "findings.sarif", "gate-input.json"] {
        assert!(out.path().join(name).is_file(), "{name}");
    }
}

#[test]
fn every_output_is_valid_against_its_schema() {
    let out = tree(&[]);
    assess(Path::new(EXAMPLE), out.path(), &[]).ended_with(1);
    let schema = |name| casemate(["schema", name]).ended_with(0).json();
    assert_valid(
        &json(&out.path().join("findings.json")),
        schema("assessment"),
    );
    assert_valid(
        &json(&out.path().join("gate-input.json")),
        schema("gate-input"),
    );
    let sarif = "crates/assure/report/tests/vendored/sarif-schema-2.1.0.json";
    let sarif: Value = serde_json::from_slice(&read(sarif)).expect("JSON");
    assert_valid(&json(&out.path().join("findings.sarif")), sarif);
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let (one, two) = (tree(&[]), tree(&[]));
    for out in [&one, &two] {
        assess(Path::new(EXAMPLE), out.path(), &[]).ended_with(1);
    }
    for name in [
        "index.html",
        "summary.md",
        "findings.json",
        "findings.sarif",
        "gate-input.json",
        "decision.json",
    ] {
        let [a, b] = [&one, &two].map(|out| read(out.path().join(name)));
        assert!(a == b, "{name} differs");
    }
}

#[test]
fn a_report_inside_the_tree_does_not_change_the_next_one() {
    let project = copy(EXAMPLE);
    let run = || casemate_in(project.path(), ["assess", "."]).ended_with(1);
    run();
    let report = project.path().join("casemate-report");
    let first = read(report.join("findings.json"));
    run();
    assert!(first == read(report.join("findings.json")));
}

#[test]
fn a_clean_project_is_allowed() {
    let project = tree(&[
        (b"README.md", b"# Hello\n"),
        (b"data.csv", b"a,b\n1,2\n3,4\n"),
    ]);
    let out = tree(&[]);
    let run = assess(project.path(), out.path(), &["--format", "json"]).ended_with(0);
    assert_eq!(run.json()["decision"]["outcome"], "allow");
}

#[test]
fn every_format_tells_the_decision_and_none_tells_a_secret() {
    let project = copy(EXAMPLE);
    let secret = format!("ghp_{}", "16C7e42F292c6912E7710c838347Ae178B4a");
    let aws = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzR4q8LmT2v";
    let env = format!("TOKEN={secret}\nAWS_SECRET_ACCESS_KEY={aws}\n");
    fs::write(project.path().join("prod.env"), env).expect("a file");
    let out = tree(&[]);
    for format in ["text", "json", "sarif", "markdown"] {
        let flags = ["--format", format, "--verbose"];
        let run = assess(project.path(), out.path(), &flags).ended_with(1);
        let text = run.out.to_lowercase();
        let tells = ["deny", "denied"].iter().any(|word| text.contains(word));
        assert!(tells || format == "sarif", "{}", run.out);
        assert!(run.out.contains("prod.env"), "{format}: {}", run.out);
        for text in [run.out, run.err] {
            assert!(!text.contains(&secret) && !text.contains(aws), "{format}");
        }
    }
    for file in crate::run::files_below(out.path()) {
        let text = read_text(&file);
        assert!(
            !text.contains(&secret) && !text.contains(aws),
            "{}",
            file.display()
        );
    }
}

#[test]
fn an_exception_accepts_a_finding_and_an_expired_one_does_not() {
    let secret = format!("glpat-{}", "Zx9Qw4Er7Ty2Ui5Op8As");
    let project = tree(&[(
        b"deploy/ci.env",
        format!("GITLAB_TOKEN={secret}\n").as_bytes(),
    )]);
    let out = tree(&[]);
    assess(project.path(), out.path(), &[]).ended_with(1);
    let with = |expires: &str| {
        let config = tree(&[(
            b"settings.toml",
            format!(
                "[[exception]]\nrule = \"CM-SEC-*\"\nscope = \"deploy/**\"\n\
                 reason = \"test server\"\nowner = \"platform\"\nexpires = \"{expires}\"\n"
            )
            .as_bytes(),
        )]);
        let file = config.path().join("settings.toml");
        let flags = [
            "--config",
            file.to_str().expect("UTF-8"),
            "--format",
            "json",
        ];
        assess(project.path(), out.path(), &flags)
    };
    let accepted = with("2027-01-31").ended_with(0).json();
    let finding = &array(&accepted["findings"])[0];
    assert_eq!(finding["suppression"]["owner"], "platform");
    let expired = with("2025-12-31").ended_with(1).json();
    let rules: Vec<&Value> = array(&expired["findings"])
        .iter()
        .map(|f| &f["rule"])
        .collect();
    assert!(rules.contains(&&"CM-EXC-001".into()), "{rules:?}");
}

#[test]
fn a_policy_of_the_callers_overlays_the_gate() {
    let project = tree(&[(b"README.md", b"# Hello\n")]);
    let policy = tree(&[(
        b"house.rego",
        b"package casemate.gate\n\nimport rego.v1\n\ndeny contains \"no models on Fridays\" if true\n",
    )]);
    let out = tree(&[]);
    let flags = [
        "--policy",
        policy.path().to_str().expect("UTF-8"),
        "--format",
        "json",
    ];
    let denied = assess(project.path(), out.path(), &flags)
        .ended_with(1)
        .json();
    assert_eq!(
        denied["decision"]["reasons"][0]["message"],
        "no models on Fridays"
    );

    let broken = tree(&[(b"house.rego", b"package casemate.gate\ndeny contains\n")]);
    let flags = ["--policy", broken.path().to_str().expect("UTF-8")];
    let run = assess(project.path(), out.path(), &flags).ended_with(2);
    assert!(run.err.contains("house.rego"), "{}", run.err);
}

#[test]
fn refuses_to_write_the_report_through_a_link() {
    let project = tree(&[(b"README.md", b"# Hello\n")]);
    let elsewhere = tree(&[]);
    std::os::unix::fs::symlink(elsewhere.path(), project.path().join("casemate-report"))
        .expect("a link");
    casemate_in(project.path(), ["assess", "."]).ended_with(2);
    assert!(crate::run::files_below(elsewhere.path()).is_empty());
}

#[test]
fn a_missing_tree_is_our_mistake_and_not_a_verdict() {
    let out = tree(&[]);
    let run = assess(Path::new("does/not/exist"), out.path(), &[]).ended_with(2);
    assert!(run.err.contains("does/not/exist"), "{}", run.err);
}

fn assess(path: &Path, out: &Path, flags: &[&str]) -> crate::run::Run {
    let fixed = [
        "assess".as_ref(),
        path.as_os_str(),
        "--out".as_ref(),
        out.as_os_str(),
    ];
    casemate(
        fixed
            .into_iter()
            .chain(flags.iter().map(std::ffi::OsStr::new)),
    )
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&read(root().join(path))).expect("JSON")
}

fn array(value: &Value) -> &Vec<Value> {
    value.as_array().expect("an array")
}

#[test]
fn what_an_earlier_report_found_does_not_fail_again() {
    let dir = tree(&[(b"a/pod.yaml", PRIVILEGED)]);
    let root = dir.path().join("a");
    let (root, out) = (root.to_str().expect("UTF-8"), dir.path().join("before"));
    let out = out.to_str().expect("UTF-8");
    casemate(["assess", root, "--out", out]).ended_with(1);
    let other = dir.path().join("after");
    let other = other.to_str().expect("UTF-8");
    let again = [
        "assess", root, "--diff", out, "--out", other, "--format", "json",
    ];
    let report = casemate(again).ended_with(0).json();
    assert_eq!(report["configuration"]["baseline"], *out);
    assert!(
        report["summary"]["unchanged"].as_u64() > Some(0),
        "{report}"
    );
    let findings = report["findings"].as_array().expect("findings").iter();
    assert!(findings.clone().all(|finding| finding["unchanged"] == true));

    // Lines move, and a second container is new.
    let pod = String::from_utf8_lossy(PRIVILEGED);
    let more = pod.replace(
        "  - name: x",
        "  # more\n  - name: y\n    securityContext: {privileged: true}\n  - name: x",
    );
    fs::write(dir.path().join("a/pod.yaml"), more).expect("written");
    let report = casemate(again).ended_with(1).json();
    let new = report["findings"].as_array().expect("findings").iter();
    let new: Vec<_> = new
        .filter(|it| it["unchanged"] != true && it["rule"] == "CM-POD-001")
        .collect();
    assert_eq!(new.len(), 1, "{new:?}");

    // What was found before may not become worse unseen.
    let mounting = |path: &str| {
        let volume = format!("  volumes: [{{name: v, hostPath: {{path: {path}}}}}]\n");
        fs::write(dir.path().join("a/pod.yaml"), format!("{pod}{volume}")).expect("written");
    };
    mounting("/var/log");
    casemate(["assess", root, "--out", out]).ended_with(1);
    casemate(again).ended_with(0);
    mounting("/");
    casemate(again).ended_with(1);

    for (report, expected) in [("a", "findings.json"), ("a/pod.yaml", "is no report")] {
        let path = dir.path().join(report);
        let path = path.to_str().expect("UTF-8");
        let run = casemate(["assess", root, "--diff", path, "--out", other]).ended_with(2);
        assert!(run.err.contains(expected), "{}", run.err);
    }
    let run = casemate([
        "assess",
        root,
        "--diff",
        out,
        "--out",
        other,
        "--repository",
        "shop",
    ]);
    assert!(run.ended_with(2).err.contains("all would be new"));
}

const PRIVILEGED: &[u8] = b"apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - name: x\n    securityContext: {privileged: true}\n";
