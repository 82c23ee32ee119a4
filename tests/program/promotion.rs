//! What models have to come with before the gate lets them pass.

use std::{fs, process::Command};

use serde_json::{Value, json};

use crate::run::{Run, assert_valid, casemate, casemate_in, read_text, root, tree};

const SIGNED: &str = "[[casemate.requirements]]\nassets = [\"models/**\"]\nsignature = { signers = [\"release\"] }\n";

/// A tree with two models, of which the first is signed, and a policy that wants signatures.
struct Registry(tempfile::TempDir);

impl Registry {
    fn new(requirements: &str) -> Self {
        let registry = Self(tree(&[
            (b"tree/models/a/w.safetensors", WEIGHTS),
            (b"tree/models/a/config.json", b"{}\n"),
            (b"policy/data/requirements.toml", requirements.as_bytes()),
        ]));
        registry
            .run(&["keygen", "--no-passphrase", "--out", "k.key"])
            .ended_with(0);
        let key = read_text(registry.0.path().join("k.pub"));
        registry.write(
            "trust.toml",
            &format!("[[key]]\nname = \"release\"\npem = \"\"\"\n{key}\"\"\"\n"),
        );
        registry.write(
            "casemate.toml",
            "[assess]\npolicy = \"policy\"\ntrust-store = \"trust.toml\"\n\n\
             [[model]]\npath = \"models/a\"\nclaims = \"a.jsonl\"\n",
        );
        registry.sign(&[]);
        registry
    }

    fn run(&self, arguments: &[&str]) -> Run {
        casemate_in(self.0.path(), arguments)
    }

    fn write(&self, name: &str, content: &str) {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        fs::write(path, content).expect("written");
    }

    /// Signs the first model, and claims so.
    fn sign(&self, more: &[&str]) {
        let sign = [
            "sign",
            "tree/models/a",
            "--key",
            "k.key",
            "--bundle",
            "a.sig",
        ];
        let all: Vec<&str> = sign.iter().chain(more).copied().collect();
        self.run(&all).ended_with(0);
        // A claims file of one line is a signature as it is.
        fs::copy(self.0.path().join("a.sig"), self.0.path().join("a.jsonl")).expect("copied");
    }

    fn assess(&self) -> Run {
        self.run(&[
            "assess",
            "tree",
            "--config",
            "casemate.toml",
            "--out",
            "report",
            "--format",
            "json",
        ])
    }

    fn gate_input(&self) -> Value {
        let text = read_text(self.0.path().join("report/gate-input.json"));
        serde_json::from_str(&text).expect("JSON")
    }
}

fn reasons(run: &Run) -> Vec<String> {
    let json = run.json();
    let reasons = json["decision"]["reasons"]
        .as_array()
        .expect("reasons")
        .clone();
    let message = |reason: &Value| reason["message"].as_str().expect("text").to_owned();
    reasons.iter().map(message).collect()
}

/// A safetensors file of one tensor.
const WEIGHTS: &[u8] = b"\x38\0\0\0\0\0\0\0{\"w\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}}   \x01\x02\x03\x04";

#[test]
fn a_signed_model_passes_and_the_gate_has_seen_why() {
    let registry = Registry::new(SIGNED);
    let run = registry.assess().ended_with(0);
    assert_eq!(reasons(&run), [""; 0]);
    let input = registry.gate_input();
    let schema = casemate(["schema", "gate-input"]).ended_with(0).json();
    assert_valid(&input, schema);
    let evidence = &input["evidence"][0];
    let schema = casemate(["schema", "evidence"]).ended_with(0).json();
    assert_valid(evidence, schema);
    assert_eq!(evidence["covers"], json!(["models/a/w.safetensors"]));
    assert_eq!(evidence["signers"][0]["name"], "release");
    let model = &input["context"]["models"][0];
    assert_eq!(
        (&model["name"], &model["path"]),
        (
            &json!("tree/models/a/w.safetensors"),
            &json!("models/a/w.safetensors")
        )
    );
}

#[test]
fn a_model_beside_it_that_nobody_signed_is_denied() {
    let registry = Registry::new(SIGNED);
    let other = registry.0.path().join("tree/models/b.safetensors");
    fs::write(other, WEIGHTS).expect("written");
    let run = registry.assess().ended_with(1);
    assert_eq!(
        reasons(&run),
        ["tree/models/b.safetensors is signed by nobody who may sign it"]
    );
}

#[test]
fn what_was_left_out_of_the_signature_is_not_covered_by_it() {
    let registry = Registry::new(SIGNED);
    let hidden = registry.0.path().join("tree/models/a/extra.safetensors");
    fs::write(&hidden, WEIGHTS).expect("written");
    registry.sign(&[
        "--ignore-paths",
        "tree/models/a/extra.safetensors",
        "--force",
    ]);
    let run = registry.assess().ended_with(1);
    assert_eq!(
        reasons(&run),
        ["tree/models/a/extra.safetensors is signed by nobody who may sign it"]
    );
}

#[test]
fn every_way_to_sign_covers_the_files_that_it_signs() {
    for how in [
        &["--hash", "blake3"][..],
        &["--hash", "blake2b"],
        &["--shard-size", "16"],
    ] {
        let registry = Registry::new(SIGNED);
        registry.sign(&[how, &["--force"]].concat());
        registry.assess().ended_with(0);
    }
}

#[test]
fn what_does_not_verify_is_a_finding_and_no_evidence() {
    let registry = Registry::new(SIGNED);
    registry.write("tree/models/a/config.json", "{\"changed\": true}\n");
    let run = registry.assess().ended_with(1);
    let json = run.json();
    let finding = json["findings"]
        .as_array()
        .expect("findings")
        .iter()
        .find(|it| it["rule"] == "CM-SIG-003");
    let finding = finding.expect("a finding");
    assert_eq!(finding["location"]["file"], "tree/models/a/config.json");
    assert!(
        finding["evidence"]
            .as_array()
            .is_some_and(|evidence| evidence.len() == 2),
        "{finding}"
    );
    assert_eq!(registry.gate_input()["evidence"], json!([]));
    assert!(
        reasons(&run)
            .iter()
            .any(|it| it.ends_with("is signed by nobody who may sign it"))
    );
}

#[test]
fn claims_that_cannot_be_read_are_a_finding() {
    let registry =
        Registry::new("[[casemate.requirements]]\nassets = [\"none/*\"]\nsignature = true\n");
    for claims in ["", "{}\n", "not JSON\n"] {
        registry.write("a.jsonl", claims);
        let run = registry.assess().ended_with(1);
        assert!(run.out.contains("CM-SIG-0"), "{claims:?}: {}", run.out);
    }
    fs::remove_file(registry.0.path().join("a.jsonl")).expect("removed");
    assert!(registry.assess().ended_with(1).out.contains("CM-SIG-010"));
}

#[test]
fn the_tree_itself_may_be_the_model() {
    let registry = Registry::new(&SIGNED.replace("models/**", "*"));
    let assess = [
        "assess",
        "tree/models/a",
        "--policy",
        "policy",
        "--claims",
        "a.jsonl",
        "--trust-store",
        "trust.toml",
        "--out",
        "report",
    ];
    registry.run(&assess).ended_with(0);
    assert_eq!(
        registry.gate_input()["evidence"][0]["covers"],
        json!(["w.safetensors"])
    );
    // And a file by itself.
    let file = "tree/models/a/w.safetensors";
    registry
        .run(&["sign", file, "--key", "k.key", "--bundle", "w.jsonl"])
        .ended_with(0);
    let assess = [
        "assess",
        file,
        "--policy",
        "policy",
        "--claims",
        "w.jsonl",
        "--trust-store",
        "trust.toml",
        "--out",
        "report",
    ];
    registry.run(&assess).ended_with(0);
}

#[test]
fn a_model_outside_of_the_tree_or_without_a_trust_store_is_wrong_usage() {
    let registry = Registry::new(SIGNED);
    for path in ["../tree", "/tmp", "models/../models/a"] {
        registry.write(
            "bad.toml",
            &format!("[assess]\ntrust-store = \"trust.toml\"\n[[model]]\npath = {path:?}\nclaims = \"a.jsonl\"\n"),
        );
        let run = registry.run(&["assess", "tree", "--config", "bad.toml", "--out", "report"]);
        assert!(run.ended_with(2).err.contains("within the assessed tree"));
    }
    let run = registry.run(&["assess", "tree", "--claims", "a.jsonl", "--out", "report"]);
    assert!(run.ended_with(2).err.contains("--trust-store"));
}

/// The example is a shell script; what it prints is its story.
#[test]
fn the_example_is_blocked_then_allowed_then_audited_and_blocked_again() {
    let work = tempfile::tempdir().expect("a directory");
    let output = Command::new(root().join("examples/02-promotion/promote.sh"))
        .arg(work.path())
        .env("CASEMATE", env!("CARGO_BIN_EXE_casemate"))
        .output()
        .expect("bash");
    let told = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(
        output.status.success(),
        "{told}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let steps = [
        "DENY: ",
        "ALLOW: ",
        "registry/churn: ok: ",
        "witness.example",
        "CM-SIG-003",
        "DENY: ",
    ];
    let mut rest = told.as_str();
    for step in steps {
        rest = rest
            .split_once(step)
            .unwrap_or_else(|| panic!("no {step:?} in: {rest}\nof: {told}"))
            .1;
    }
}
