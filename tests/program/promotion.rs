//! What models have to come with before the gate lets them pass.

use std::{fs, os::unix::fs::symlink, process::Command};

use serde_json::{Value, json};

use crate::run::{Run, assert_valid, casemate, casemate_in, read, read_text, root, tree};

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

/// An array of one byte.
const NUMPY: &[u8] =
    b"\x93NUMPY\x01\0\x3a\0{'descr': '|u1', 'fortran_order': False, 'shape': (1,), }\n\x07";
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
    assert_eq!(
        evidence["covers"],
        json!(["models/a/config.json", "models/a/w.safetensors"])
    );
    assert_eq!(evidence["signers"][0]["name"], "release");
    let relations = input["relations"].as_array().expect("relations");
    assert_eq!(relations.len(), 2);
    let relation = &relations[1];
    assert_eq!(relation["from"], input["context"]["files"][1]["subject"]);
    assert_eq!(relation["kind"], "signed-by");
    assert_eq!(relation["to"], "urn:casemate:principal:trust-store:release");
    let proof = relation["proof"][0]["statement"].as_str().expect("text");
    assert!(proof.contains("covers models/a/w.safetensors"), "{proof}");
    let model = &input["context"]["files"][1];
    assert_eq!(
        (&model["name"], &model["path"]),
        (
            &json!("tree/models/a/w.safetensors"),
            &json!("models/a/w.safetensors")
        )
    );
}

#[test]
fn whatever_lies_beside_it_and_nobody_signed_is_denied() {
    let registry = Registry::new(SIGNED);
    let beside = registry.0.path().join("tree/models");
    let archive = read("tests/fixtures/containers/bzip2.zip");
    let others: [(&str, &[u8]); 4] = [
        ("b.safetensors", WEIGHTS),
        ("c.npy", NUMPY),
        ("d.zip", &archive),
        ("e.py", b"import os\n"),
    ];
    for (name, content) in others {
        let path = beside.join(name);
        fs::write(&path, content).expect("written");
        let told = reasons(&registry.assess().ended_with(1));
        let expected = format!("tree/models/{name} is signed by nobody who may sign it");
        assert!(told.contains(&expected), "{name}: {told:?}");
        fs::remove_file(path).expect("removed");
    }
    registry.assess().ended_with(0);
}

#[test]
fn a_link_is_no_way_around_it() {
    let registry = Registry::new(SIGNED);
    let tree = registry.0.path().join("tree/models");
    let outside = registry.0.path().join("outside");
    fs::rename(tree.join("a"), &outside).expect("moved");
    for (link, to) in [
        ("b", &outside),
        ("w.safetensors", &outside.join("w.safetensors")),
    ] {
        symlink(to, tree.join(link)).expect("a link");
    }
    symlink(&outside, tree.join("a")).expect("a link");
    let run = registry.assess().ended_with(1);
    let told = reasons(&run).join("\n");
    assert!(told.contains("tree/models/a is a symbolic link"), "{told}");
    for link in ["a", "b", "w.safetensors"] {
        let expected = format!("tree/models/{link} is signed by nobody who may sign it");
        assert!(told.contains(&expected), "{told}");
    }
}

#[test]
fn a_requirement_that_would_require_nothing_is_an_error_or_denies() {
    let refused = [
        "[[requirements]]\nassets = [\"**\"]\nsignature = true\n",
        "[[casemate.requirement]]\nassets = [\"**\"]\nsignature = true\n",
        "[[casemate.Requirements]]\nassets = [\"**\"]\nsignature = true\n",
    ];
    for requirements in refused {
        let run = Registry::new(requirements).assess().ended_with(2);
        assert!(run.err.contains("requirements"), "{}", run.err);
    }
    let denied = [
        "[[casemate.requirements]]\nassets = [\"**\"]\nsignature = false\nlogged = true\n",
        "[[casemate.requirements]]\nassets = [\"model/**\"]\nsignature = true\n",
        "[[casemate.requirements]]\nassets = [\"**\"]\nsignature = true\nlogged = true\n",
    ];
    for requirements in denied {
        Registry::new(requirements).assess().ended_with(1);
    }
    // Beside `data/`, and not below it.
    let registry = Registry::new(SIGNED);
    registry.write("policy/requirements.toml", SIGNED);
    let run = registry.assess().ended_with(2);
    assert!(run.err.contains("below `data/`"), "{}", run.err);
}

#[test]
fn two_histories_of_one_log_are_seen_over_all_models() {
    let registry = Registry::new(SIGNED);
    let key = [
        "keygen",
        "--no-passphrase",
        "--algorithm",
        "ed25519",
        "--out",
        "log.key",
    ];
    registry.run(&key).ended_with(0);
    registry.write("tree/models/b/w.safetensors", "no tensors");
    let sign = [
        "sign",
        "tree/models/b",
        "--key",
        "k.key",
        "--bundle",
        "b.jsonl",
    ];
    registry.run(&sign).ended_with(0);
    let mut vkey = String::new();
    for model in ["a", "b"] {
        let log = format!("log-{model}");
        let init = [
            "log",
            "init",
            &log,
            "--origin",
            "log.example",
            "--key",
            "log.key",
        ];
        vkey = registry.run(&init).ended_with(0).out.trim().to_owned();
        let (claims, proof) = (format!("{model}.jsonl"), format!("{model}.proof"));
        let attest = [
            "log", "attest", &log, "--claims", &claims, "--key", "log.key", "--proof", &proof,
        ];
        registry.run(&attest).ended_with(0);
    }
    let trust = read_text(registry.0.path().join("trust.toml"));
    registry.write(
        "trust.toml",
        &format!("{trust}\n[[log]]\nvkey = \"{vkey}\"\n"),
    );
    let configuration = read_text(registry.0.path().join("casemate.toml"));
    registry.write(
        "casemate.toml",
        &format!(
            "{configuration}log-proofs = [\"a.proof\"]\n\n[[model]]\npath = \"models/b/.\"\n\
             claims = \"b.jsonl\"\nlog-proofs = [\"b.proof\"]\n"
        ),
    );
    let run = registry.assess().ended_with(1);
    assert!(run.out.contains("CM-SIG-009"), "{}", run.out);
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
    registry.assess().ended_with(0);
    let bundle = registry.gate_input()["evidence"][0]["bundle"].clone();
    registry.write("tree/models/a/config.json", "{\"changed\": true}\n");
    let run = registry.assess().ended_with(1);
    let input = registry.gate_input();
    let outcomes = input["outcomes"].as_array().expect("outcomes");
    let outcome = outcomes.iter().find(|it| it["check"] == "provenance");
    assert_eq!(outcome.expect("an outcome")["input"], bundle);
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
    let registry = Registry::new(SIGNED);
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
        json!(["config.json", "w.safetensors"])
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
