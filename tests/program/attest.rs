//! What is said of models, through the command line.

use std::{
    fs,
    os::unix::fs::symlink,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use crate::run::{Run, assert_valid, casemate, casemate_in, root, tree};

const PROVENANCE: &str = "https://slsa.dev/provenance/v1";
const TEST_RESULT: &str = "https://in-toto.io/attestation/test-result/v0.1";
const VSA: &str = "https://slsa.dev/verification_summary/v1";

fn schema(name: &str) -> Value {
    casemate(["schema", name]).ended_with(0).json()
}

/// A model and what it is made of, and two pairs of keys.
pub(crate) struct Case(tempfile::TempDir);

impl Case {
    pub(crate) fn new() -> Self {
        let case = Self(tree(&[
            (b"model/config.json", b"{}\n"),
            (b"model/notes.txt", b"plain text\n"),
            (b"data/a.csv", b"1,2\n"),
            (b"data/b.csv", b"3,4\n"),
            (b"requirements.lock", b"numpy==2.0\n"),
            (b"train.sh", b"cp -r data/a.csv \"$1\"\n"),
        ]));
        for key in ["k", "other"] {
            let out = case.at(&format!("{key}.key"));
            casemate(["keygen", "--no-passphrase", "--out", &out]).ended_with(0);
        }
        case
    }

    pub(crate) fn at(&self, name: &str) -> String {
        let path = self.0.path().join(name);
        path.to_str().expect("UTF-8").to_owned()
    }

    /// Runs the program where the model is.
    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        casemate_in(self.0.path(), arguments)
    }

    fn train(&self, more: &[&str], command: &[&str]) -> Run {
        let plain = [
            "attest", "train", "model", "--key", "k.key", "--bundle", "p.json",
        ];
        let all: Vec<&str> = plain
            .iter()
            .chain(more)
            .chain(&["--"])
            .chain(command)
            .copied()
            .collect();
        self.run(&all)
    }

    /// The signature, the provenance, the test result, and a claims file of them.
    pub(crate) fn claimed() -> Self {
        let case = Self::new();
        case.train(&["--input", "data"], &["true"]).ended_with(0);
        let sign = ["sign", "model", "--key", "k.key", "--bundle", "m.sig"];
        case.run(&sign).ended_with(0);
        let test = [
            "attest",
            "test-result",
            "model",
            "--key",
            "k.key",
            "--bundle",
            "t.json",
        ];
        case.run(&test).ended_with(0);
        case.gather(&["m.sig", "p.json", "t.json"]).ended_with(0);
        case
    }

    fn gather(&self, bundles: &[&str]) -> Run {
        let plain = ["attest", "claims", "model", "--out", "model/claims.jsonl"];
        let added = bundles.iter().flat_map(|bundle| ["--add", bundle]);
        let all: Vec<&str> = plain.into_iter().chain(added).collect();
        self.run(&all)
    }

    fn verify(&self, more: &[&str]) -> Run {
        let plain = [
            "verify",
            "model",
            "--key",
            "k.pub",
            "--claims",
            "model/claims.jsonl",
        ];
        let all: Vec<&str> = plain.iter().chain(more).copied().collect();
        self.run(&all)
    }

    fn verdict(&self, status: i32) -> Value {
        let json = self.verify(&["--format", "json"]).ended_with(status).json();
        assert_valid(&json, schema("verdict"));
        json
    }

    fn root(&self) -> String {
        let sign = [
            "sign", "model", "--key", "k.key", "--bundle", "r.sig", "--format", "json",
        ];
        let ignored = ["--ignore-paths", "claims.jsonl"];
        let all: Vec<&str> = sign.iter().chain(&ignored).copied().collect();
        let json = self.run(&all).ended_with(0).json();
        json["root"].as_str().expect("a root").to_owned()
    }

    /// Changes the claims file, line by line.
    fn edit(&self, edit: impl FnOnce(&mut Vec<String>)) {
        let path = self.at("model/claims.jsonl");
        let text = crate::run::read_text(&path);
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        edit(&mut lines);
        fs::write(&path, lines.join("\n") + "\n").expect("written");
    }
}

/// The statement in a bundle.
pub(crate) fn statement(bundle: &str) -> Value {
    let bundle: Value = serde_json::from_str(&crate::run::read_text(bundle)).expect("JSON");
    let payload = bundle["dsseEnvelope"]["payload"]
        .as_str()
        .expect("a payload");
    let decoded = decode(payload);
    serde_json::from_slice(&decoded).expect("a statement")
}

fn decode(base64: &str) -> Vec<u8> {
    let mut child = Command::new("base64")
        .arg("-d")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("base64 starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    let text = base64.to_owned();
    let writer = std::thread::spawn(move || std::io::Write::write_all(&mut stdin, text.as_bytes()));
    let output = child.wait_with_output().expect("it ends");
    writer.join().expect("joined").expect("written");
    output.stdout
}

#[test]
fn a_training_run_is_attested_with_what_went_in_and_what_came_out() {
    let case = Case::new();
    let more = [
        "--input",
        "data",
        "--input",
        "requirements.lock",
        "--param",
        "epochs=3",
    ];
    let command = ["sh", "train.sh", "model/weights.bin"];
    let more: Vec<&str> = more.into_iter().chain(["--format", "json"]).collect();
    let json = case.train(&more, &command).ended_with(0).json();
    assert_valid(&json, schema("attestation"));
    assert_eq!(json["root"], case.root(), "what `sign` calls the model");
    let said = statement(&case.at("p.json"));
    assert_eq!(said["predicateType"], PROVENANCE);
    let hex = json["root"]
        .as_str()
        .expect("a root")
        .replace("sha256:", "");
    assert_eq!(
        said["subject"],
        json!([{"name": "model", "digest": {"sha256": hex}}])
    );
    let definition = &said["predicate"]["buildDefinition"];
    assert_eq!(
        definition["externalParameters"],
        json!({
            "command": command, "parameters": {"epochs": "3"},
        })
    );
    let inputs = &definition["resolvedDependencies"];
    assert_eq!(inputs[0]["name"], "data/");
    let lock = case.0.path().join("requirements.lock");
    let sum = Command::new("sha256sum")
        .arg(&lock)
        .output()
        .expect("it runs");
    let sum = String::from_utf8(sum.stdout).expect("UTF-8");
    assert_eq!(
        inputs[1],
        json!({"name": "requirements.lock", "digest": {"sha256": sum[..64]}})
    );
    let details = &said["predicate"]["runDetails"];
    assert_eq!(details["builder"]["id"], "urn:casemate:builder:local");
    assert_eq!(details["metadata"]["startedOn"], "2026-01-01T00:00:00Z");
    // A directory goes by the root that a signature of it has.
    let sign = [
        "sign", "data", "--key", "k.key", "--bundle", "d.sig", "--format", "json",
    ];
    let signed = case.run(&sign).ended_with(0).json();
    let digest = inputs[0]["digest"]["sha256"].as_str().expect("a digest");
    assert_eq!(signed["root"], format!("sha256:{digest}"));
}

#[test]
fn the_same_run_is_attested_in_the_same_bytes() {
    let case = Case::new();
    case.train(&["--input", "data"], &["true"]).ended_with(0);
    let first = crate::run::read(case.at("p.json"));
    case.train(&["--input", "data"], &["true"]).ended_with(0);
    assert!(first == crate::run::read(case.at("p.json")));
}

#[test]
fn a_run_that_did_not_succeed_is_not_attested() {
    let case = Case::new();
    for (command, told) in [
        (&["sh", "-c", "exit 7"][..], "status 7"),
        (&["sh", "-c", "kill -9 $$"], "signal 9"),
        (&["rm", "-r", "model"], "no such model"),
    ] {
        let run = case.train(&[], command).ended_with(1);
        assert!(run.out.contains(told), "{}", run.out);
        assert!(!Path::new(&case.at("p.json")).exists(), "{told}");
    }
    fs::create_dir(case.at("model")).expect("made");
    let run = case.train(&[], &["true"]).ended_with(1);
    assert!(run.out.contains("no file to sign"), "{}", run.out);
    let run = case.train(&[], &["no-such-program-anywhere"]).ended_with(2);
    assert!(run.err.contains("no-such-program-anywhere"), "{}", run.err);
}

#[test]
fn an_input_that_changed_meanwhile_is_named() {
    let case = Case::new();
    let command = ["sh", "-c", "echo 9 >> data/b.csv"];
    let inputs = ["--input", "requirements.lock", "--input", "data"];
    let run = case.train(&inputs, &command).ended_with(1);
    assert!(run.out.contains("the input data changed"), "{}", run.out);
    let run = case
        .train(&["--input", "data"], &["rm", "-r", "data"])
        .ended_with(1);
    assert!(run.out.contains("the input data"), "{}", run.out);
    assert!(!Path::new(&case.at("p.json")).exists());
}

#[test]
fn an_input_may_be_a_part_of_the_model_and_not_the_other_way_round() {
    let case = Case::new();
    case.train(&["--input", "model/config.json"], &["true"])
        .ended_with(0);
    let changed = ["sh", "-c", "echo 1 >> model/config.json"];
    case.train(&["--input", "model/config.json"], &changed)
        .ended_with(1);
    let run = case.train(&["--input", "."], &["true"]).ended_with(2);
    assert!(run.err.contains("is in the input"), "{}", run.err);
}

#[test]
fn a_link_is_what_the_caller_makes_of_it() {
    let case = Case::new();
    symlink("data", case.at("linked")).expect("linked");
    case.train(&["--input", "linked"], &["true"]).ended_with(0);
    let said = statement(&case.at("p.json"));
    let inputs = &said["predicate"]["buildDefinition"]["resolvedDependencies"];
    case.train(&["--input", "data"], &["true"]).ended_with(0);
    let plain = statement(&case.at("p.json"));
    let others = &plain["predicate"]["buildDefinition"]["resolvedDependencies"];
    assert_eq!(inputs[0]["digest"], others[0]["digest"]);
    // To lead it elsewhere meanwhile is to change it.
    let elsewhere = ["ln", "-sfn", "model", "linked"];
    case.train(&["--input", "linked"], &elsewhere).ended_with(1);
    // One that nobody named is refused, unless links are allowed.
    symlink("/etc/hostname", case.at("data/c.csv")).expect("linked");
    let run = case.train(&["--input", "data"], &["true"]).ended_with(1);
    assert!(run.out.contains("links are not allowed"), "{}", run.out);
    case.train(&["--input", "data", "--allow-symlinks"], &["true"])
        .ended_with(0);
}

#[test]
fn what_is_left_out_of_the_model_is_not_left_out_of_what_went_in() {
    let case = Case::new();
    let scope = ["--input", "data", "--ignore-paths", "a.csv"];
    case.train(&scope, &["true"]).ended_with(0);
    let without = statement(&case.at("p.json"));
    case.train(&["--input", "data"], &["true"]).ended_with(0);
    let with = statement(&case.at("p.json"));
    let inputs = "/predicate/buildDefinition/resolvedDependencies";
    assert_eq!(with.pointer(inputs), without.pointer(inputs));
    assert!(with.pointer(inputs).is_some());
}

#[test]
fn what_is_there_afterwards_has_to_be_a_model() {
    let case = Case::new();
    let fifo = ["sh", "-c", "rm -r model && mkfifo model"];
    let run = case.train(&[], &fifo).ended_with(1);
    assert!(run.out.contains("FIFO"), "{}", run.out);
    let run = case
        .train(&["--input", "nowhere"], &["touch", "ran"])
        .ended_with(2);
    assert!(run.err.contains("nowhere"), "{}", run.err);
    assert!(!Path::new(&case.at("ran")).exists(), "before anything runs");
    case.train(&["--param", "a"], &["true"]).ended_with(2);
    case.train(&["--param", "a=1", "--param", "a=2"], &["true"])
        .ended_with(2);
}

#[test]
fn no_secret_of_the_surroundings_is_recorded_or_handed_on() {
    let case = Case::new();
    let train = |more: &[&str], command: &str| {
        Command::new(env!("CARGO_BIN_EXE_casemate"))
            .args([
                "attest", "train", "model", "--key", "k.key", "--bundle", "p.json",
            ])
            .args(more)
            .args(["--", "sh", "-c", command])
            .current_dir(case.0.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").expect("a path"))
            .env("CASEMATE_PASSPHRASE", "open sesame")
            .env("API_TOKEN", "tell nobody")
            .env("PYTHONHASHSEED", "7")
            .env("OURS", "recorded")
            .output()
            .expect("it runs")
    };
    let output = train(&["--env", "OURS"], "test -z \"$CASEMATE_PASSPHRASE\"");
    assert!(output.status.success(), "{output:?}");
    let said = statement(&case.at("p.json"));
    let recorded = &said["predicate"]["buildDefinition"]["internalParameters"]["environment"];
    assert_eq!(
        *recorded,
        json!({"OURS": "recorded", "PYTHONHASHSEED": "7"})
    );
    assert!(!said.to_string().contains("tell nobody"));
    let refused = train(&["--env", "CASEMATE_PASSPHRASE"], "true");
    assert_eq!(refused.status.code(), Some(2));
}

#[test]
fn the_commit_and_the_place_in_the_repository_are_recorded() {
    let case = Case::new();
    let git = |arguments: &[&str]| {
        let status = Command::new("git")
            .args(["-c", "user.name=a", "-c", "user.email=a@example.org"])
            .args(arguments)
            .current_dir(case.0.path())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .status();
        assert!(status.expect("git runs").success(), "{arguments:?}");
    };
    git(&["init", "--quiet", "--initial-branch=main"]);
    git(&["commit", "--quiet", "--allow-empty", "--message=a"]);
    git(&["remote", "add", "origin", "https://example.org/a/b.git"]);
    let output = Command::new("git")
        .args(["rev-parse", "HEAD"])
        .current_dir(case.0.path())
        .output();
    let commit = String::from_utf8(output.expect("git runs").stdout).expect("UTF-8");
    let said = |directory: &str| {
        let run = casemate_in(
            &case.0.path().join(directory),
            [
                "attest",
                "train",
                &case.at("model"),
                "--key",
                &case.at("k.key"),
                "--bundle",
                &case.at("p.json"),
                "--input",
                &case.at("requirements.lock"),
                "--",
                "true",
            ],
        );
        run.ended_with(0);
        statement(&case.at("p.json"))["predicate"]["buildDefinition"].clone()
    };
    for (directory, told) in [("", "."), ("data", "data")] {
        let definition = said(directory);
        assert_eq!(definition["externalParameters"]["workingDirectory"], told);
        let inputs = &definition["resolvedDependencies"];
        assert_eq!(
            inputs[0]["name"], "requirements.lock",
            "no path of this machine"
        );
        assert_eq!(
            inputs[1],
            json!({
                "uri": "git+https://example.org/a/b.git@refs/heads/main",
                "digest": {"gitCommit": commit.trim()},
            })
        );
    }
    git(&["pack-refs", "--all"]);
    assert_eq!(
        said("")["resolvedDependencies"][1]["digest"]["gitCommit"],
        commit.trim()
    );
    git(&[
        "remote",
        "set-url",
        "origin",
        "https://token@example.org/a/b.git",
    ]);
    let told = said("")["resolvedDependencies"][1].clone();
    assert_eq!(
        told,
        json!({"name": "git", "digest": {"gitCommit": commit.trim()}})
    );
    git(&["worktree", "add", "--quiet", "linked"]);
    assert_eq!(
        said("linked")["resolvedDependencies"][1]["digest"]["gitCommit"],
        commit.trim()
    );
}

#[test]
fn a_python_tells_its_version() {
    let case = Case::new();
    case.train(&[], &["python3", "-c", "pass"]).ended_with(0);
    let said = statement(&case.at("p.json"));
    let version = &said["predicate"]["buildDefinition"]["internalParameters"]["python"];
    assert!(
        version.as_str().expect("a version").starts_with("3."),
        "{version}"
    );
}

#[test]
fn every_file_is_judged_and_a_failure_is_attested_too() {
    let case = Case::new();
    let evil = root().join("tests/fixtures/pickle-tricks/gadget-pip-main.pkl");
    let test = [
        "attest",
        "test-result",
        "model",
        "--key",
        "k.key",
        "--bundle",
        "t.json",
    ];
    let json = |status: i32| {
        let all = test
            .iter()
            .chain(&["--format", "json"])
            .copied()
            .collect::<Vec<_>>();
        let json = case.run(&all).ended_with(status).json();
        assert_valid(&json, schema("attestation"));
        assert_eq!(json["root"], case.root());
        (json, statement(&case.at("t.json"))["predicate"].clone())
    };
    let (_, said) = json(0);
    assert_eq!(said["result"], "PASSED");
    assert_eq!(said["passedTests"], json!(["config.json", "notes.txt"]));
    assert_eq!(said["configuration"][1]["name"], "built-in allowlist");
    fs::copy(evil, case.at("model/evil.pkl")).expect("copied");
    let (told, said) = json(1);
    assert_eq!(told["attested"], true);
    assert!(
        told["problems"][0]
            .as_str()
            .expect("text")
            .contains("CM-PKL-001"),
        "{told}"
    );
    assert_eq!(said["result"], "FAILED");
    assert_eq!(said["failedTests"], json!(["evil.pkl"]));
    assert_eq!(said["passedTests"], json!(["config.json", "notes.txt"]));
    let verify = [
        "verify-attestation",
        "t.json",
        "--key",
        "k.pub",
        "--model",
        "model",
    ];
    let run = case.run(&verify).ended_with(1);
    assert!(run.out.contains("tests failed"), "{}", run.out);
}

#[test]
fn what_the_caller_allows_is_a_warning() {
    let case = Case::new();
    // A class that nobody knows, and a list that allows it.
    fs::write(case.at("model/own.pkl"), b"\x80\x02cours\nThing\n)\x81.").expect("written");
    let list = "[[allow]]\nmodule = \"ours\"\nname = \"Thing\"\nkind = \"class\"\ncall = [\"newobj\"]\nargs = []\nreason = \"reviewed\"\n";
    fs::write(case.at("allow.toml"), list).expect("written");
    let test = [
        "attest",
        "test-result",
        "model",
        "--key",
        "k.key",
        "--bundle",
        "t.json",
        "--allow",
        "allow.toml",
    ];
    case.run(&test).ended_with(0);
    let said = statement(&case.at("t.json"))["predicate"].clone();
    assert_eq!(
        (&said["result"], &said["warnedTests"]),
        (&json!("WARNED"), &json!(["own.pkl"]))
    );
    assert_eq!(said["configuration"][2]["name"], "allow.toml");
}

#[test]
fn claims_about_a_model_verify_with_it() {
    let case = Case::claimed();
    let json = case.verdict(0);
    assert_eq!(json["class"], "ok");
    let claims = json["claims"].as_array().expect("claims");
    let types: Vec<&str> = claims
        .iter()
        .map(|it| it["evidence"]["predicateType"].as_str().expect("a type"))
        .collect();
    assert_eq!(
        types,
        [
            "https://model_signing/signature/v1.0",
            PROVENANCE,
            TEST_RESULT
        ]
    );
    assert_eq!(claims[1]["lines"], json!([2]));
    assert_valid(&claims[1]["evidence"], schema("evidence"));
    let text = case.verify(&[]).ended_with(0).out;
    assert!(
        text.contains("built by urn:casemate:builder:local"),
        "{text}"
    );
    assert!(text.contains("PASSED: 2 passed"), "{text}");
    fs::write(case.at("model/notes.txt"), b"other text\n").expect("written");
    assert_eq!(case.verdict(1)["class"], "content-mismatch");
}

#[test]
fn claims_without_a_signature_of_the_model_are_worth_nothing() {
    let case = Case::claimed();
    case.gather(&["p.json", "t.json"]).ended_with(0);
    let json = case.verdict(1);
    assert_eq!(json["class"], "untrusted-signer");
    assert_eq!(json["claims"], Value::Null);
    fs::write(case.at("model/claims.jsonl"), b"").expect("written");
    assert_eq!(case.verdict(1)["class"], "untrusted-signer");
    fs::remove_file(case.at("model/claims.jsonl")).expect("removed");
    assert_eq!(case.verdict(1)["class"], "malformed");
}

#[test]
fn every_line_has_to_count_and_is_told_by_its_number() {
    let case = Case::claimed();
    let by_another = [
        "attest",
        "test-result",
        "model",
        "--key",
        "other.key",
        "--bundle",
        "o.json",
    ];
    let by_another: Vec<&str> = by_another
        .into_iter()
        .chain(["--claims", "model/claims.jsonl"])
        .collect();
    case.run(&by_another).ended_with(0);
    case.gather(&["m.sig", "p.json", "o.json"]).ended_with(0);
    let problem = |json: &Value| {
        let problems = json["problems"].as_array().expect("problems");
        assert_eq!(problems.len(), 1, "{json}");
        let (class, line) = (&problems[0]["class"], &problems[0]["line"]);
        (class.as_str().expect("a class").to_owned(), line.as_u64())
    };
    let json = case.verdict(1);
    assert_eq!(problem(&json), ("untrusted-signer".to_owned(), Some(3)));
    assert_eq!(json["claims"].as_array().expect("claims").len(), 2);
    case.gather(&["m.sig", "p.json"]).ended_with(0);
    for (garbage, class) in [
        ("garbage", "malformed"),
        ("[]", "malformed"),
        ("{}", "malformed"),
    ] {
        case.edit(|lines| lines.insert(1, format!("\n{garbage}")));
        assert_eq!(problem(&case.verdict(1)), (class.to_owned(), Some(3)));
        case.gather(&["m.sig", "p.json"]).ended_with(0);
    }
    // A letter of what is signed.
    case.edit(|lines| {
        let at = lines[1].find("\"sig\":\"").expect("there") + 20;
        let changed = if &lines[1][at..=at] == "A" { "B" } else { "A" };
        lines[1].replace_range(at..=at, changed);
    });
    let (class, line) = problem(&case.verdict(1));
    assert!(matches!(class.as_str(), "bad-signature"), "{class}");
    assert_eq!(line, Some(2));
}

#[test]
fn what_is_said_of_another_model_is_no_claim() {
    let case = Case::claimed();
    fs::write(case.at("model/notes.txt"), b"another model\n").expect("written");
    let test = [
        "attest",
        "test-result",
        "model",
        "--key",
        "k.key",
        "--bundle",
        "x.json",
    ];
    let test: Vec<&str> = test
        .into_iter()
        .chain(["--claims", "model/claims.jsonl"])
        .collect();
    case.run(&test).ended_with(0);
    fs::write(case.at("model/notes.txt"), b"plain text\n").expect("written");
    let run = case.gather(&["m.sig", "x.json"]).ended_with(1);
    assert!(
        run.out.contains("x.json") && run.out.contains("sha256:"),
        "{}",
        run.out
    );
    let line = crate::run::read_text(case.at("x.json"));
    case.edit(|lines| lines.push(line));
    let json = case.verdict(1);
    assert_eq!(json["problems"][0]["class"], "content-mismatch");
    assert_eq!(json["problems"][0]["line"], 4);
    assert_eq!(json["claims"].as_array().expect("claims").len(), 3);
}

#[test]
fn a_threshold_is_of_those_who_said_the_same() {
    let case = Case::claimed();
    let pem = |name: &str| crate::run::read_text(case.at(name));
    let entry = |name: &str| {
        format!(
            "[[key]]\nname = \"{name}\"\npem = \"\"\"{}\"\"\"\n",
            pem(&format!("{name}.pub"))
        )
    };
    let entries = entry("k") + &entry("other");
    let verify = |head: &str| {
        fs::write(case.at("trust.toml"), format!("{head}\n{entries}")).expect("written");
        let verify = [
            "verify",
            "model",
            "--trust-store",
            "trust.toml",
            "--claims",
            "model/claims.jsonl",
            "--format",
            "json",
        ];
        case.run(&verify).json()
    };
    let sign = [
        "sign",
        "model",
        "--key",
        "other.key",
        "--bundle",
        "m2.sig",
        "--ignore-paths",
        "claims.jsonl",
    ];
    case.run(&sign).ended_with(0);
    let test = [
        "attest",
        "test-result",
        "model",
        "--key",
        "other.key",
        "--bundle",
        "t2.json",
        "--claims",
        "model/claims.jsonl",
    ];
    case.run(&test).ended_with(0);
    case.gather(&["m.sig", "m2.sig", "p.json", "t.json", "t2.json"])
        .ended_with(0);
    let json = verify("threshold = 2");
    assert_eq!(
        json["problems"].as_array().expect("problems").len(),
        1,
        "{json}"
    );
    assert_eq!(
        json["problems"][0]["line"], 3,
        "one has said how it was made"
    );
    let json = verify(&format!(
        "threshold = 2\nthresholds = {{ \"{PROVENANCE}\" = 1 }}"
    ));
    assert_eq!(json["class"], "ok", "{json}");
    let claims = json["claims"].as_array().expect("claims");
    let test = claims
        .iter()
        .find(|it| it["evidence"]["predicateType"] == TEST_RESULT)
        .expect("there");
    assert_eq!(test["lines"], json!([4, 5]));
    assert_eq!(
        test["evidence"]["signers"]
            .as_array()
            .expect("signers")
            .len(),
        2
    );
}

#[test]
fn a_signer_may_say_only_what_the_store_lets_them() {
    let case = Case::claimed();
    let pem = crate::run::read_text(case.at("k.pub"));
    let store = |terms: &str| {
        let text = format!("[[key]]\nname = \"k\"\npem = \"\"\"{pem}\"\"\"\n{terms}\n");
        fs::write(case.at("trust.toml"), text).expect("written");
        let verify = [
            "verify",
            "model",
            "--trust-store",
            "trust.toml",
            "--claims",
            "model/claims.jsonl",
            "--format",
            "json",
        ];
        case.run(&verify).json()
    };
    let all = "predicates = [\"https://model_signing/*\", \"https://slsa.dev/*\", \"https://in-toto.io/*\"]";
    assert_eq!(store(all)["class"], "ok");
    let json = store("predicates = [\"https://model_signing/*\"]");
    let lines: Vec<u64> = json["problems"]
        .as_array()
        .expect("problems")
        .iter()
        .map(|it| it["line"].as_u64().expect("a line"))
        .collect();
    assert_eq!(lines, [2, 3]);
}

#[test]
fn a_verification_is_summarised_whatever_came_of_it() {
    let case = Case::claimed();
    let vsa = |more: &[&str]| {
        let plain = [
            "attest",
            "vsa",
            "model",
            "--claims",
            "model/claims.jsonl",
            "--trust-key",
            "k.pub",
            "--key",
            "other.key",
            "--bundle",
            "v.json",
            "--resource-uri",
            "urn:example:model",
            "--format",
            "json",
        ];
        let all: Vec<&str> = plain.iter().chain(more).copied().collect();
        case.run(&all)
    };
    let json = vsa(&[]).ended_with(0).json();
    assert_valid(&json, schema("attestation"));
    let said = statement(&case.at("v.json"));
    assert_eq!(said["predicateType"], VSA);
    let said = &said["predicate"];
    assert_eq!(said["verificationResult"], "PASSED");
    assert_eq!(said["verifiedLevels"], json!(["SLSA_BUILD_LEVEL_0"]));
    assert_eq!(said["resourceUri"], "urn:example:model");
    assert_eq!(said["timeVerified"], "2026-01-01T00:00:00Z");
    assert_eq!(
        said["inputAttestations"].as_array().expect("inputs").len(),
        3
    );
    let bundle = Command::new("sha256sum")
        .arg(case.at("p.json"))
        .output()
        .expect("it runs");
    let hex = &String::from_utf8(bundle.stdout).expect("UTF-8")[..64];
    assert_eq!(said["inputAttestations"][1]["digest"]["sha256"], hex);
    // It is a claim like the others.
    case.gather(&["m.sig", "p.json", "v.json"]).ended_with(0);
    let verify = [
        "verify-attestation",
        "v.json",
        "--key",
        "other.pub",
        "--predicate-type",
        VSA,
        "--model",
        "model",
    ];
    let verify: Vec<&str> = verify
        .into_iter()
        .chain(["--ignore-paths", "claims.jsonl"])
        .collect();
    case.run(&verify).ended_with(0);
    // A policy of the caller's own.
    case.gather(&["m.sig", "p.json"]).ended_with(0);
    let settings = format!("[casemate.attestation_settings]\nrequire = [\"{TEST_RESULT}\"]\n");
    fs::create_dir_all(case.at("policy/data")).expect("made");
    fs::write(case.at("policy/data/attestation.toml"), settings).expect("written");
    let json = vsa(&["--policy", "policy"]).ended_with(1).json();
    assert!(
        json["problems"].to_string().contains("is required"),
        "{json}"
    );
    let said = statement(&case.at("v.json"))["predicate"].clone();
    assert_eq!(
        (&said["verificationResult"], &said["verifiedLevels"]),
        (&json!("FAILED"), &json!(["FAILED"]))
    );
    let run = case
        .run(&["verify-attestation", "v.json", "--key", "other.pub"])
        .ended_with(1);
    assert!(run.out.contains("does not pass"), "{}", run.out);
    // Of a model that is not what was signed, what is there is told.
    fs::write(case.at("model/notes.txt"), b"changed\n").expect("written");
    let json = vsa(&[]).ended_with(1).json();
    assert_eq!(json["root"], case.root());
    assert_eq!(
        statement(&case.at("v.json"))["predicate"]["verificationResult"],
        "FAILED"
    );
}

#[test]
fn a_verification_is_of_the_root_that_was_signed_however_it_was_digested() {
    let case = Case::new();
    let sign = [
        "sign", "model", "--key", "k.key", "--bundle", "m.sig", "--hash", "blake3",
    ];
    let json = case.run(&[&sign[..], &["--format", "json"]].concat());
    let root = json.ended_with(0).json()["root"].clone();
    let vsa = [
        "attest",
        "vsa",
        "model",
        "--claims",
        "m.sig",
        "--trust-key",
        "k.pub",
        "--key",
        "k.key",
        "--bundle",
        "v.json",
        "--resource-uri",
        "urn:example:model",
        "--format",
        "json",
    ];
    assert_eq!(case.run(&vsa).ended_with(0).json()["root"], root);
    // What claims are put together about goes by SHA-256.
    let run = case.gather(&["m.sig"]).ended_with(1);
    assert!(run.out.contains("m.sig"), "{}", run.out);
}

#[test]
fn an_attestation_is_about_what_was_asked_for() {
    let case = Case::claimed();
    let verify = |more: &[&str], status: i32| {
        let plain = [
            "verify-attestation",
            "t.json",
            "--key",
            "k.pub",
            "--format",
            "json",
        ];
        let all: Vec<&str> = plain.iter().chain(more).copied().collect();
        let json = case.run(&all).ended_with(status).json();
        assert_valid(&json, schema("attestation-verification"));
        json
    };
    let root = case.root();
    let json = verify(&["--subject", &root, "--predicate-type", TEST_RESULT], 0);
    assert_eq!(
        json["attestations"][0]["evidence"]["predicate"]["result"],
        "PASSED"
    );
    assert_eq!(json["decision"]["outcome"], "allow");
    verify(&[], 0);
    let json = verify(&["--subject", &format!("sha256:{}", "0".repeat(64))], 1);
    assert_eq!(json["problems"][0]["problem"]["class"], "content-mismatch");
    assert_eq!(json["decision"], Value::Null);
    verify(&["--predicate-type", PROVENANCE], 1);
    verify(&["--model", "data"], 1);
    for wrong in [
        &["--subject", "sha256:AB"][..],
        &["--subject", &root, "--model", "model"],
    ] {
        let plain = ["verify-attestation", "t.json", "--key", "k.pub"];
        let all: Vec<&str> = plain.iter().chain(wrong).copied().collect();
        case.run(&all).ended_with(2);
    }
    case.run(&["verify-attestation", "t.json"]).ended_with(2);
    let others = case.run(&["verify-attestation", "t.json", "--key", "other.pub"]);
    assert!(others.ended_with(1).out.contains("untrusted-signer"));
    // Several in one file, and one that is not there.
    let all = ["verify-attestation", "model/claims.jsonl", "--key", "k.pub"];
    let run = case.run(&all).ended_with(0);
    assert!(run.out.contains("model/claims.jsonl:3"), "{}", run.out);
    let missing = [
        "verify-attestation",
        "nowhere.json",
        "t.json",
        "--key",
        "k.pub",
    ];
    assert!(
        case.run(&missing)
            .ended_with(1)
            .out
            .contains("nowhere.json")
    );
}

#[test]
fn a_policy_of_ones_own_judges_attestations() {
    let case = Case::claimed();
    let policy = "package casemate.attestation\n\nimport rego.v1\n\ndeny contains \"no tests on a Friday\" if {\n\tsome evidence in input.evidence\n\tevidence.predicate.result\n}\n";
    fs::create_dir(case.at("policy")).expect("made");
    fs::write(case.at("policy/own.rego"), policy).expect("written");
    let verify = [
        "verify-attestation",
        "t.json",
        "--key",
        "k.pub",
        "--policy",
        "policy",
    ];
    assert!(case.run(&verify).ended_with(1).out.contains("on a Friday"));
    let verify = [
        "verify-attestation",
        "p.json",
        "--key",
        "k.pub",
        "--policy",
        "policy",
    ];
    let run = case.run(&verify).ended_with(0);
    assert!(
        run.out.contains("no setting names the builder"),
        "{}",
        run.out
    );
    // What somebody wrote for outcomes does not answer for attestations.
    fs::write(
        case.at("policy/own.rego"),
        policy.replace("attestation\n", "gate\n"),
    )
    .expect("written");
    let verify = [
        "verify-attestation",
        "t.json",
        "--key",
        "k.pub",
        "--policy",
        "policy",
    ];
    case.run(&verify).ended_with(0);
}

#[test]
fn a_claims_file_is_put_together_from_bundles_in_any_layout() {
    let case = Case::claimed();
    let signature = crate::run::read_text(case.at("m.sig"));
    let value: Value = serde_json::from_str(&signature).expect("JSON");
    fs::write(
        case.at("pretty.sig"),
        serde_json::to_string_pretty(&value).expect("JSON"),
    )
    .expect("written");
    case.gather(&["pretty.sig", "model/claims.jsonl", "p.json"])
        .ended_with(0);
    let text = crate::run::read_text(case.at("model/claims.jsonl"));
    assert_eq!(text.lines().count(), 4, "a repetition is left out");
    assert_eq!(case.verdict(0)["class"], "ok");
    let precious = case.at("precious.txt");
    fs::write(&precious, b"precious\n").expect("written");
    let over = [
        "attest",
        "claims",
        "model",
        "--add",
        "m.sig",
        "--out",
        "precious.txt",
    ];
    let over: Vec<&str> = over
        .into_iter()
        .chain(["--ignore-paths", "claims.jsonl"])
        .collect();
    case.run(&over).ended_with(2);
    for garbage in ["garbage", "{\"a\":\n1}", "", "{}\n{}\n"] {
        fs::write(case.at("bad.json"), garbage).expect("written");
        let run = case.gather(&["m.sig", "bad.json"]).ended_with(1);
        assert!(run.out.contains("bad.json"), "{}", run.out);
    }
}

#[test]
fn verifying_an_attestation_opens_no_socket() {
    let case = Case::claimed();
    let trace = case.at("trace");
    let status = Command::new("unshare")
        .args([
            "--net",
            "strace",
            "-f",
            "-qq",
            "-e",
            "trace=%network",
            "-o",
            &trace,
        ])
        .arg(env!("CARGO_BIN_EXE_casemate"))
        .args(["verify-attestation", "t.json", "p.json", "--key", "k.pub"])
        .current_dir(case.0.path())
        .stdout(Stdio::null())
        .status()
        .expect("unshare and strace run");
    assert!(status.success());
    let calls = crate::run::read_text(&trace);
    assert!(!calls.lines().any(|line| line.contains('(')), "{calls}");
}

#[test]
fn a_model_signature_is_of_the_names_too_and_other_statements_are_not() {
    let case = Case::claimed();
    fs::create_dir(case.at("renamed")).expect("made");
    for (from, to) in [("config.json", "a.json"), ("notes.txt", "b.py")] {
        let from = case.at(&format!("model/{from}"));
        fs::copy(from, case.at(&format!("renamed/{to}"))).expect("copied");
    }
    let verify = |bundle: &str, model: &str| {
        let verify = ["verify-attestation", bundle, "--key", "k.pub"];
        let ignored = ["--model", model, "--ignore-paths", "claims.jsonl"];
        case.run(&[verify, ignored].concat())
    };
    verify("m.sig", "model").ended_with(0);
    let run = verify("m.sig", "renamed").ended_with(1);
    assert!(
        run.out.contains("content-mismatch") && run.out.contains("under other names"),
        "{}",
        run.out
    );
    verify("t.json", "renamed").ended_with(0);
}

#[test]
fn what_is_said_of_one_thing_does_not_pass_for_another() {
    let case = Case::claimed();
    let test = ["attest", "test-result", "data", "--key", "k.key"];
    case.run(&[&test[..], &["--bundle", "d.json"]].concat())
        .ended_with(0);
    let verify = |bundles: &[&str], status: i32| {
        let more = ["--key", "k.pub", "--format", "json"];
        let run = case.run(&[&["verify-attestation"], bundles, &more].concat());
        let json = run.ended_with(status).json();
        assert_valid(&json, schema("attestation-verification"));
        json
    };
    verify(&["p.json", "t.json", "m.sig"], 0);
    let json = verify(&["p.json", "d.json"], 1);
    let problem = &json["problems"][0]["problem"];
    assert_eq!(problem["class"], "content-mismatch", "{json}");
    assert!(problem["message"].to_string().contains("different things"));
    assert_eq!(json["decision"], Value::Null, "nobody was asked");
}

#[test]
fn claims_that_are_not_there_are_not_summarised() {
    let case = Case::claimed();
    let vsa = [
        "attest",
        "vsa",
        "model",
        "--claims",
        "mistyped.jsonl",
        "--trust-key",
        "k.pub",
        "--key",
        "other.key",
        "--bundle",
        "v.json",
        "--resource-uri",
        "urn:example:model",
    ];
    let run = case.run(&vsa).ended_with(2);
    assert!(run.err.contains("mistyped.jsonl"), "{}", run.err);
    assert!(!Path::new(&case.at("v.json")).exists());
}

#[test]
fn a_claim_that_does_not_count_says_why_as_a_signature_alone_does() {
    let case = Case::claimed();
    let pem = crate::run::read_text(case.at("k.pub"));
    let now = ["--now", "2027-01-01T00:00:00Z", "--format", "json"];
    case.gather(&["m.sig"]).ended_with(0);
    for (terms, class) in [
        ("not-after = \"2026-06-01T00:00:00Z\"", "expired"),
        (
            "revoked = { at = \"2026-06-01T00:00:00Z\", reason = \"stolen\" }",
            "revoked",
        ),
    ] {
        let text = format!("[[key]]\nname = \"k\"\npem = \"\"\"{pem}\"\"\"\n{terms}\n");
        fs::write(case.at("trust.toml"), text).expect("written");
        for given in [["--bundle", "m.sig"], ["--claims", "model/claims.jsonl"]] {
            let verify = ["verify", "model", "--trust-store", "trust.toml"];
            let json = case.run(&[&verify[..], &given, &now].concat());
            assert_eq!(json.ended_with(1).json()["class"], class, "{given:?}");
        }
    }
}

#[test]
fn nobody_waits_for_a_fifo_and_a_process_may_be_substituted() {
    let case = Case::claimed();
    let made = Command::new("mkfifo").arg(case.at("fifo")).status();
    assert!(made.expect("mkfifo runs").success());
    let verify = ["verify", "model", "--key", "k.pub"];
    for arguments in [
        &[&verify[..], &["--claims", "fifo"]].concat()[..],
        &[&verify[..], &["--bundle", "fifo"]].concat(),
        &["verify-attestation", "fifo", "--key", "k.pub"],
    ] {
        let mut command = Command::new("timeout");
        command
            .args(["60", env!("CARGO_BIN_EXE_casemate")])
            .args(arguments)
            .current_dir(case.0.path());
        let run = crate::run::ended(&mut command).ended_with(1);
        assert!(run.out.contains("no regular file"), "{}", run.out);
    }
    let script = "exec \"$0\" verify model --key k.pub --claims <(cat model/claims.jsonl) --ignore-paths model/claims.jsonl";
    let mut command = Command::new("bash");
    command
        .args(["-c", script, env!("CARGO_BIN_EXE_casemate")])
        .current_dir(case.0.path());
    crate::run::ended(&mut command).ended_with(0);
}

#[test]
fn a_report_as_json_is_all_there_is_on_standard_output() {
    let case = Case::new();
    let command = ["echo", "epoch 1"];
    let run = case.train(&["--format", "json"], &command).ended_with(0);
    assert_eq!(run.json()["attested"], true);
    assert!(run.err.contains("epoch 1"), "{}", run.err);
    let run = case.train(&[], &command).ended_with(0);
    assert!(run.out.contains("epoch 1"), "{}", run.out);
}

#[test]
fn a_bundle_in_the_model_is_told_of() {
    let case = Case::new();
    let test = |bundle: &str| {
        let test = ["attest", "test-result", "model", "--key", "k.key"];
        case.run(&[&test[..], &["--bundle", bundle]].concat())
            .ended_with(0)
            .out
    };
    assert!(test("model/t.json").contains("the bundle is in the model"));
    fs::remove_file(case.at("model/t.json")).expect("removed");
    assert!(!test("t.json").contains("the bundle is in the model"));
}

#[test]
fn a_verification_of_nothing_names_all_that_could_be_given() {
    let case = Case::new();
    let run = case.run(&["verify", "model", "--key", "k.pub"]);
    let told = run.ended_with(2).err;
    assert!(
        told.contains("--bundle") && told.contains("--claims"),
        "{told}"
    );
}

#[test]
fn what_a_policy_of_attestations_obliges_to_is_kept_or_denied() {
    let case = Case::claimed();
    let oblige = |obligation: &str| {
        let policy = format!("package casemate.attestation\n\nobligations contains {obligation}\n");
        fs::create_dir_all(case.at("policy")).expect("made");
        fs::write(case.at("policy/own.rego"), policy).expect("written");
    };
    let verify = |more: &[&str]| {
        let plain = [
            "verify-attestation",
            "p.json",
            "--key",
            "k.pub",
            "--policy",
            "policy",
        ];
        let plain = plain.iter().chain(&["--format", "json"]).chain(more);
        case.run(&plain.copied().collect::<Vec<_>>())
    };
    let vsa = |more: &[&str]| {
        let plain = [
            "attest",
            "vsa",
            "model",
            "--claims",
            "model/claims.jsonl",
            "--trust-key",
            "k.pub",
            "--key",
            "other.key",
            "--bundle",
            "v.json",
            "--force",
            "--resource-uri",
            "urn:example:model",
            "--policy",
            "policy",
        ];
        case.run(&plain.iter().chain(more).copied().collect::<Vec<_>>())
    };

    oblige(r#"{"oblige": "approve", "by": ["k.pub"]}"#);
    let denied = verify(&["--gate-input", "asked.json"]).ended_with(1).json();
    assert!(
        denied["decision"]
            .to_string()
            .contains("nobody of them did")
    );
    let approve = |input: &str, out: &str| {
        case.run(&["policy", "approve", input, "--key", "k.key", "--out", out])
            .ended_with(0);
    };
    approve("asked.json", "approval.json");
    let passed = verify(&["--approval", "approval.json"])
        .ended_with(0)
        .json();
    assert_valid(&passed, schema("attestation-verification"));
    let kept = &passed["decision"]["obligations"][0];
    assert_eq!(kept["approvals"][0]["signer"], "k.pub", "{kept}");
    // What one input was approved for is not what the other gate asks.
    assert!(
        vsa(&["--approval", "approval.json"])
            .ended_with(1)
            .out
            .contains("nobody of them did")
    );
    vsa(&["--gate-input", "asked-of-all.json"]).ended_with(1);
    approve("asked-of-all.json", "of-all.json");
    vsa(&["--approval", "of-all.json"]).ended_with(0);
    let said = statement(&case.at("v.json"));
    let inputs = said["predicate"]["inputAttestations"]
        .as_array()
        .expect("inputs");
    assert_eq!(inputs.len(), 4, "three claims, and the approval");

    oblige(r#"{"oblige": "expire", "after": "1h"}"#);
    let passed = verify(&[]).ended_with(0).json();
    assert_eq!(
        passed["decision"]["obligations"][0]["expires"],
        "2026-01-01T01:00:00Z"
    );
    assert!(vsa(&[]).ended_with(1).out.contains("no place for its end"));

    for obligation in [
        r#"{"oblige": "log"}"#,
        r#"{"oblige": "mask", "fields": ["/a"]}"#,
    ] {
        oblige(obligation);
        verify(&[]).ended_with(1);
        vsa(&[]).ended_with(1);
    }
}
