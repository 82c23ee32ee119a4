//! Decisions, their obligations and records, and policies as archives, through the command line.

use std::fs;

use serde_json::{Value, json};

use crate::{
    log::Place,
    run::{Run, assert_valid, casemate, read, read_text},
};

/// A directory with a log, keys, a trust store, a policy and an input.
struct Case(Place);

const POLICY: &str = "package casemate.gate

import rego.v1

deny contains \"no\" if input.context.request.bad
";

impl Case {
    fn new(rules: &str) -> Self {
        let case = Self(Place::new());
        for name in ["release", "stranger"] {
            let key = case.at(&format!("{name}.key"));
            casemate(["keygen", "--no-passphrase", "--out", &key]).ended_with(0);
        }
        let pem = read_text(case.0.path("release.pub"));
        let trust = format!("[[key]]\nname = \"release\"\npem = \"\"\"{pem}\"\"\"\n");
        case.write("trust.toml", &trust);
        case.write("policy/mine.rego", &format!("{POLICY}\n{rules}\n"));
        case.write("policy/data/limits.toml", "[limits]\nlow = 1\n");
        case.write(
            "input.json",
            &input(&json!({"messages": [{"content": "my PIN is 1234"}]})).to_string(),
        );
        case
    }

    fn at(&self, name: &str) -> String {
        self.0.text(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.0.path(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        fs::write(path, text).expect("written");
    }

    /// Runs a command about policies, whose arguments that begin with `@` are files of the case.
    fn policy(&self, arguments: &[&str]) -> Run {
        let place = |it: &&str| match it.strip_prefix('@') {
            Some(name) => self.at(name),
            None => (*it).to_owned(),
        };
        let all = ["policy"].iter().chain(arguments);
        casemate(all.map(place).collect::<Vec<_>>())
    }

    fn eval(&self, more: &[&str]) -> Run {
        let eval = ["eval", "@input.json", "--policy", "@policy"];
        self.policy(&[&eval, more].concat())
    }

    fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&read(self.0.path(name))).expect("JSON")
    }
}

fn input(request: &Value) -> Value {
    json!({
        "schema": "casemate.gate-input/1",
        "gate": "gateway",
        "subject": "urn:casemate:endpoint:llm.example:443",
        "action": "invoke",
        "context": {"request": request},
        "now": "2026-01-01T00:00:00Z",
    })
}

/// The digest of the decision in a record, as anybody can make it: canonical JSON without what was logged.
fn digest_of(record: &Value) -> String {
    let mut decision = json!({"policy": record["policy"]["digest"], "reasons": []});
    for name in ["gate", "subject", "outcome", "input"] {
        decision[name] = record[name].clone();
    }
    let kept = record["obligations"].as_array().expect("a list").iter();
    let kept = kept
        .filter(|it| it["oblige"] != "log")
        .cloned()
        .map(|mut it| {
            it.as_object_mut().expect("an object").remove("sources");
            it
        });
    decision["obligations"] = kept.collect();
    let json = casemate_core::canonical_json(&decision).expect("JSON");
    casemate_core::Digest::of(&json).to_string()
}

fn schema(name: &str) -> Value {
    casemate(["schema", name]).ended_with(0).json()
}

const ALL: &str = r#"
obligations contains {"oblige": "log"}
obligations contains {"oblige": "expire", "after": "12h"}
obligations contains {"oblige": "approve", "by": ["release"], "threshold": 1}
obligations contains {"oblige": "mask", "fields": ["/messages/0/content"]}
"#;

#[test]
fn a_gate_that_keeps_every_obligation_lets_pass_and_proves_it() {
    let case = Case::new(ALL);
    let run = case.eval(&[]).ended_with(1);
    for missing in ["could mask", "nobody of them did", "it has no log (--log)"] {
        assert!(run.out.contains(missing), "{}", run.out);
    }
    assert_eq!(
        run.out
            .matches("the gate `gateway` did not keep it")
            .count(),
        3,
        "{}",
        run.out
    );
    let approve = [
        "approve",
        "@input.json",
        "--key",
        "@release.key",
        "--out",
        "@ok.json",
    ];
    let approved = case
        .policy(&[&approve[..], &["--format", "json"]].concat())
        .ended_with(0)
        .json();
    assert_valid(&approved, schema("policy-approval"));
    let key = case.0.key();
    let keeps = [
        "--log",
        "@log",
        "--log-key",
        &key,
        "--approval",
        "@ok.json",
        "--trust-store",
        "@trust.toml",
        "--masked",
        "@masked.json",
        "--record",
        "@record.json",
        "--with-input",
        "--format",
        "json",
    ];
    let record = case.eval(&keeps).ended_with(0).json();
    assert_valid(&record, schema("decision-record"));
    assert_eq!(case.json("record.json"), record);
    assert_eq!(
        case.json("masked.json"),
        json!({"messages": [{"content": "[masked]"}]})
    );
    let kept: Vec<&str> = record["obligations"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|it| it["oblige"].as_str().expect("a kind"))
        .collect();
    assert_eq!(kept, ["mask", "approve", "expire", "log"]);
    assert_eq!(
        record["obligations"][1]["approvals"][0]["signer"],
        "release"
    );
    assert_eq!(
        record["obligations"][1]["approvals"][0]["bundle"],
        approved["bundle_digest"]
    );
    let log = &record["obligations"][3];
    assert_eq!(
        (&log["origin"], &log["index"]),
        (&json!("log.example/a"), &json!(0))
    );
    case.0.verify(&[]).ended_with(0);
    // The entry is of the decision without the proof that it was logged.
    let entry: Value =
        serde_json::from_str(&case.0.log("export", &[]).ended_with(0).out).expect("JSON");
    assert_eq!(
        entry["record"]["validity"]["not_after"],
        "2026-01-01T12:00:00Z"
    );
    assert_eq!(entry["record"]["body"]["outcome"], "allow");
    assert_eq!(entry["record"]["inputs"], json!([record["input"]]));
    assert_eq!(entry["record"]["body"]["digest"], digest_of(&record));
    // An expired record.
    case.policy(&["explain", "@record.json", "--policy", "@policy"])
        .ended_with(0);
    let late = [
        "explain",
        "@record.json",
        "--policy",
        "@policy",
        "--now",
        "2026-01-01T12:00:00Z",
    ];
    let late = case.policy(&late).ended_with(1);
    assert!(
        late.out
            .contains("the decision held until 2026-01-01T12:00:00Z"),
        "{}",
        late.out
    );
}

#[test]
fn an_approval_counts_for_the_input_and_the_signer_that_it_is_of() {
    let case = Case::new("obligations contains {\"oblige\": \"approve\", \"by\": [\"release\"]}");
    let approve = |key: &str, out: &str| {
        case.policy(&["approve", "@input.json", "--key", key, "--out", out])
            .ended_with(0);
    };
    approve("@release.key", "@ok.json");
    approve("@stranger.key", "@stranger.json");
    let with = |file: &str| case.eval(&["--trust-store", "@trust.toml", "--approval", file]);
    with("@ok.json").ended_with(0);
    let run = with("@stranger.json").ended_with(1);
    assert!(
        run.out.contains("stranger.json does not count"),
        "{}",
        run.out
    );
    let changed = input(&json!({"messages": []})).to_string();
    case.write("input.json", &changed);
    let run = with("@ok.json").ended_with(1);
    assert!(run.out.contains("nobody of them did"), "{}", run.out);
    // What is signed of something else is no approval.
    casemate([
        "sign",
        &case.at("policy"),
        "--key",
        &case.at("release.key"),
        "--bundle",
        &case.at("m.sig"),
    ])
    .ended_with(0);
    let run = with("@m.sig").ended_with(1);
    assert!(run.out.contains("it is no approval"), "{}", run.out);
}

#[test]
fn nothing_is_let_through_of_a_denial() {
    let case = Case::new("obligations contains {\"oblige\": \"mask\", \"fields\": [\"/nowhere\"]}");
    let run = case.eval(&["--masked", "@masked.json"]).ended_with(1);
    assert!(
        run.out.contains("there is nothing at \"/nowhere\""),
        "{}",
        run.out
    );
    assert!(!case.0.path("masked.json").exists());
    // What passed before is not there as what passes now, whether it is denied or cannot be asked.
    case.write("masked.json", "{}");
    case.eval(&["--masked", "@masked.json"]).ended_with(1);
    assert!(!case.0.path("masked.json").exists());
    case.write("masked.json", "{}");
    case.write("broken.json", "{");
    case.policy(&["eval", "@broken.json", "--masked", "@masked.json"])
        .ended_with(2);
    assert!(!case.0.path("masked.json").exists());
    case.write(
        "input.json",
        &json!({"schema": "casemate.gate-input/1", "gate": "g", "action": "a",
        "subject": "urn:casemate:endpoint:a:1", "now": "2026-01-01T00:00:00Z"})
        .to_string(),
    );
    case.eval(&["--masked", "@masked.json"]).ended_with(2);
}

#[test]
fn what_is_let_through_takes_the_place_of_nothing_that_is_read() {
    let case = Case::new("");
    for name in ["@input.json", "@trust.toml", "@record.json", "@policy"] {
        let run = case
            .eval(&[
                "--trust-store",
                "@trust.toml",
                "--record",
                "@record.json",
                "--masked",
                name,
            ])
            .ended_with(2);
        assert!(!run.err.is_empty(), "{name}");
    }
    assert!(case.0.path("input.json").exists() && case.0.path("trust.toml").exists());
    case.eval(&["--masked", "@masked.json"]).ended_with(0);
    assert!(case.0.path("masked.json").exists());
}

#[test]
fn assess_keeps_what_it_can_and_writes_the_record_beside_its_input() {
    let case = Case::new("obligations contains {\"oblige\": \"log\"}");
    case.write("tree/a.py", "print(1)\n");
    let (tree, out, policy) = (case.at("tree"), case.at("report"), case.at("policy"));
    let assess = ["assess", &tree, "--out", &out, "--policy", &policy];
    let run = casemate(assess).ended_with(1);
    assert!(run.out.contains("it has no log"), "{}", run.out);
    let (log, key) = (case.at("log"), case.0.key());
    let logged = ["--log", &log];
    let run = casemate(assess.iter().chain(&logged)).ended_with(1);
    assert!(run.out.contains("pending"), "{}", run.out);
    case.0.log("checkpoint", &["--key", &key]).ended_with(0);
    let logged = ["--log", &log, "--log-key", &key, "--format", "json"];
    let json = casemate(assess.iter().chain(&logged)).ended_with(0).json();
    let record = case.json("report/decision.json");
    assert_valid(&record, schema("decision-record"));
    assert_eq!(record["obligations"][0]["index"], json["logged"]["last"]);
    assert_eq!(
        json["decision"]["obligations"][0]["leaf"],
        record["obligations"][0]["leaf"]
    );
    case.0.verify(&[]).ended_with(0);
    // The same input gives the same record at the other gate, but for the entry.
    case.write("policy/mine.rego", POLICY);
    casemate(assess).ended_with(0);
    let recorded = case.json("report/decision.json");
    let again = case.policy(&[
        "eval",
        "@report/gate-input.json",
        "--policy",
        "@policy",
        "--format",
        "json",
    ]);
    assert_eq!(again.ended_with(0).json(), recorded);
    let mask = "\nobligations contains {\"oblige\": \"mask\", \"fields\": [\"/a\"]}\n";
    case.write("policy/mine.rego", &format!("{POLICY}{mask}"));
    let run = casemate(assess).ended_with(1);
    assert!(run.out.contains("lets nothing through"), "{}", run.out);
}

#[test]
fn an_archive_is_the_policy_of_its_directory_and_is_signed() {
    let case = Case::new("warn contains \"low\" if data.limits.low == 1");
    let bundle = [
        "bundle",
        "@policy",
        "--out",
        "@p.tar.gz",
        "--revision",
        "r7",
        "--key",
        "@release.key",
    ];
    let packed = case
        .policy(&[&bundle[..], &["--format", "json"]].concat())
        .ended_with(0)
        .json();
    assert_valid(&packed, schema("policy-bundle"));
    let bytes = read(case.0.path("p.tar.gz"));
    case.policy(&bundle).ended_with(0);
    assert_eq!(read(case.0.path("p.tar.gz")), bytes);
    let verify = [
        "bundle",
        "--verify",
        "@p.tar.gz",
        "--trust-store",
        "@trust.toml",
    ];
    let verified = case
        .policy(&[&verify[..], &["--format", "json"]].concat())
        .ended_with(0)
        .json();
    assert_valid(&verified, schema("policy-bundle"));
    assert_eq!(
        (&verified["contents"], &verified["policy"]),
        (&packed["contents"], &packed["policy"])
    );
    assert_eq!(verified["signers"][0]["name"], "release");

    let record = |policy: &[&str]| {
        let eval = [
            &["eval", "@input.json", "--format", "json", "--policy"],
            policy,
        ]
        .concat();
        case.policy(&eval).ended_with(0).json()
    };
    let signed = ["@p.tar.gz", "--policy-trust-store", "@trust.toml"];
    let (mut archive, directory) = (record(&signed), record(&["@policy"]));
    assert_eq!(archive["policy"]["revision"], "r7");
    assert_eq!(archive["policy"]["digest"], packed["policy"]);
    archive["policy"]
        .as_object_mut()
        .expect("an object")
        .remove("revision");
    assert_eq!(archive, directory);

    let refused = |why: &str| {
        let run = case.policy(&verify).ended_with(1);
        assert!(run.out.contains(why), "{}", run.out);
        let eval = [
            "eval",
            "@input.json",
            "--policy",
            "@p.tar.gz",
            "--policy-trust-store",
            "@trust.toml",
        ];
        case.policy(&eval).ended_with(2)
    };
    case.policy(&[
        "bundle",
        "@policy",
        "--out",
        "@p.tar.gz",
        "--key",
        "@stranger.key",
    ])
    .ended_with(0);
    refused("");
    case.policy(&bundle).ended_with(0);
    case.policy(&[
        "bundle",
        "@policy",
        "--out",
        "@p.tar.gz",
        "--revision",
        "r8",
    ])
    .ended_with(0);
    refused("is not what is signed");
    fs::remove_file(case.0.path("p.tar.gz.sigstore.json")).expect("removed");
    refused("cannot read the signature");
    let unsigned = [
        "eval",
        "@input.json",
        "--policy",
        "@policy",
        "--policy-trust-store",
        "@trust.toml",
    ];
    let run = case.policy(&unsigned).ended_with(2);
    assert!(
        run.err.contains("is a directory, which nobody signs"),
        "{}",
        run.err
    );
    case.write("policy/broken.rego", "package broken\nx := \n");
    case.policy(&["bundle", "@policy", "--out", "@q.tar.gz"])
        .ended_with(2);
    assert!(!case.0.path("q.tar.gz").exists());
    case.write("p.tar.gz", "no archive");
    case.policy(&["eval", "@input.json", "--policy", "@p.tar.gz"])
        .ended_with(2);
}

#[test]
fn an_archive_takes_the_place_of_nothing_but_an_archive() {
    let case = Case::new("");
    let pack = |out: &str, more: &[&str]| {
        case.policy(&[&["bundle", "@policy", "--out", out][..], more].concat())
    };
    let signs = ["--key", "@release.key"];
    for (out, more, expected) in [
        ("@policy/mine.rego", &[][..], "is no archive"),
        ("@release.pub", &[], "is no archive"),
        ("@release.key", &signs, "is read, and would be written over"),
        ("@policy", &[], "is a directory"),
    ] {
        let path = case.0.path(out.trim_start_matches('@'));
        let there = || {
            fs::metadata(&path)
                .is_ok_and(|it| it.is_file())
                .then(|| read(&path))
        };
        let before = there();
        let run = pack(out, more).ended_with(2);
        assert!(run.err.contains(expected), "{}", run.err);
        assert_eq!(before, there(), "{out}");
    }
    pack("@p.tar.gz", &[]).ended_with(0);
    pack("@p.tar.gz", &["--revision", "r8"]).ended_with(0);
    pack("@release.pub", &["--force"]).ended_with(0);
}

#[test]
fn a_replay_says_what_would_change_and_what_it_cannot_ask() {
    let case = Case::new("");
    let bad = input(&json!({"bad": true}));
    for (name, input) in [("in/a.json", &input(&json!({}))), ("in/sub/b.json", &bad)] {
        case.write(name, &input.to_string());
    }
    case.write("in/other.json", "{\"schema\": \"something/1\"}");
    case.write("old/mine.rego", "package casemate.gate\n");
    case.write("rec/gate-input.json", &bad.to_string());
    let recorded = [
        "eval",
        "@rec/gate-input.json",
        "--policy",
        "@policy",
        "--record",
        "@rec/record.json",
    ];
    case.policy(&recorded).ended_with(1);
    let replay = |more: &[&str]| {
        case.policy(&[&["replay", "@in", "@rec", "--format", "json"], more].concat())
    };
    let lines = |run: &Run| -> Vec<Value> {
        let lines = run.out.lines();
        lines
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect()
    };
    let run = replay(&["--policy", "@policy", "--against", "@old"]).ended_with(1);
    let told = lines(&run);
    for line in &told {
        assert_valid(line, schema("policy-replay"));
    }
    let verdicts: Vec<_> = told[..3].iter().map(|it| &it["change"]["after"]).collect();
    assert_eq!(verdicts, ["allow", "deny", "deny"], "{}", run.out);
    assert_eq!(
        told[1]["change"]["come"],
        json!([{"kind": "deny", "message": "no"}])
    );
    assert_eq!(told[3]["verdicts"], 2);
    assert_eq!(told[3]["inputs"], 3);
    // What was recorded counts where no old policy is named.
    let run = replay(&["--policy", "@old"]).ended_with(1);
    let told = lines(&run);
    assert_eq!(
        (&told[3]["verdicts"], &told[2]["change"]["before"]),
        (&json!(1), &json!("deny"))
    );
    replay(&["--policy", "@policy", "--against", "@policy"]).ended_with(0);
    case.write("in/cut.json", "{\"schema\": \"casemate.gate-in");
    let run = replay(&["--policy", "@policy", "--against", "@policy"]).ended_with(1);
    assert_eq!(lines(&run).last().expect("a summary")["problems"], 1);
    let text = case
        .policy(&["replay", "@in", "--policy", "@policy", "--against", "@old"])
        .ended_with(1);
    assert!(
        text.out.contains("allow becomes deny\n  + deny: no\n"),
        "{}",
        text.out
    );
}
