//! What is judged does not configure its judge.

use std::{fs, path::Path};

use serde_json::Value;

use crate::run::{casemate_in, copy, tree};

/// Everything that a repository could carry in the hope of being judged more kindly.
const BRIBES: &[(&str, &str)] = &[
    (
        "casemate.toml",
        "[[exception]]\nrule = \"CM-PKL-*\"\nscope = \"**\"\nreason = \"trust me\"\n\
         owner = \"attacker\"\nexpires = \"2099-01-01\"\n",
    ),
    (
        ".casemate/config.toml",
        "[assess]\npolicy = \"../policies\"\n",
    ),
    (
        "policies/gate.rego",
        "package casemate.gate\n\nimport rego.v1\n\ndeny := set()\n",
    ),
    (
        "content/policies/gate.rego",
        "package casemate.gate\n\nimport rego.v1\n\ndeny := set()\n",
    ),
    (
        "content/allowlists/python.toml",
        "[[allow]]\nmodule = \"os\"\nname = \"system\"\nkind = \"function\"\ncall = [\"reduce\"]\n\
         build = false\nevidence = \"trust me\"\n",
    ),
    (".casemateignore", "*\n"),
    (".gitignore", "*\n"),
    (".gitattributes", "* linguist-generated\n"),
    ("casemate-report/.keep", ""),
];

#[test]
fn a_repository_cannot_bribe_its_judge() {
    let plain = copy("examples/01-fraud-model");
    let bribing = copy("examples/01-fraud-model");
    for (name, content) in BRIBES {
        let path = bribing.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        fs::write(path, content).expect("a file");
    }
    let (before, after) = (assess(plain.path()), assess(bribing.path()));
    assert_eq!(before["decision"]["outcome"], "deny");
    assert_eq!(before["decision"]["outcome"], after["decision"]["outcome"]);
    assert_eq!(before["decision"]["policy"], after["decision"]["policy"]);
    assert_eq!(
        before["configuration"]["sources"],
        after["configuration"]["sources"]
    );
    let findings = |assessment: &Value| assessment["findings"].as_array().expect("some").clone();
    for finding in findings(&before) {
        let same = findings(&after)
            .into_iter()
            .any(|other| other["fingerprint"] == finding["fingerprint"] && other == finding);
        assert!(same, "{finding:#} is gone");
    }
    assert_eq!(before["configuration"]["ignored"], serde_json::json!([]));
    let ignored = after["configuration"]["ignored"].to_string();
    for name in ["casemate.toml", ".casemate/config.toml", ".casemateignore"] {
        assert!(ignored.contains(name), "{name} is not reported: {ignored}");
    }
}

#[test]
fn a_configuration_in_the_working_directory_is_not_read_either() {
    let project = tree(&[
        (b"casemate.toml", b"this is not even TOML"),
        (b"evil.pkl", b"cos\nsystem\n(S'true'\ntR."),
    ]);
    casemate_in(project.path(), ["assess", "."]).ended_with(1);
    casemate_in(project.path(), ["scan", "."]).ended_with(1);
    let named = ["assess", ".", "--config", "casemate.toml"];
    let run = casemate_in(project.path(), named).ended_with(2);
    assert!(run.err.contains("casemate.toml"), "{}", run.err);
}

#[test]
fn no_exception_hides_a_dangerous_file_unless_it_names_its_digest() {
    let evil = b"cos\nsystem\n(S'true'\ntR.";
    let project = tree(&[(b"evil.pkl", evil)]);
    let with = |scope: &str| {
        let config = tree(&[(
            b"c.toml",
            format!(
                "[[exception]]\nrule = \"CM-PKL-*\"\nscope = \"{scope}\"\nreason = \"accepted\"\n\
                 owner = \"platform\"\nexpires = \"2027-01-31\"\n"
            )
            .as_bytes(),
        )]);
        let file = config.path().join("c.toml");
        casemate_in(
            project.path(),
            [
                "assess",
                ".",
                "--config",
                file.to_str().expect("UTF-8"),
                "--format",
                "json",
            ],
        )
    };
    let refused = with("**").ended_with(1).json();
    assert_eq!(refused["decision"]["outcome"], "deny");
    let digest = casemate_core::Digest::of(evil).to_string();
    let accepted = with(&digest).ended_with(0).json();
    assert_ne!(accepted["decision"]["outcome"], "deny");
}

fn assess(project: &Path) -> Value {
    casemate_in(project, ["assess", ".", "--format", "json"]).json()
}
