//! Signatures in a transparency log: made, proven, required, forked.

use std::{fs, process::Command};

use serde_json::Value;

use crate::{
    log::{Place, key},
    run::{Run, assert_valid, casemate, read_text},
};

/// A model, a key for it, and a log.
struct Case(Place);

impl Case {
    fn new() -> Self {
        let case = Self(Place::new());
        fs::create_dir(case.0.path("model")).expect("made");
        fs::write(case.0.path("model/weights.bin"), b"weights").expect("written");
        let key = case.at("k.key");
        casemate(["keygen", "--no-passphrase", "--out", &key]).ended_with(0);
        case
    }

    fn at(&self, name: &str) -> String {
        self.0.text(name)
    }

    /// Signs the model, and logs the signature.
    fn sign(&self, bundle: &str, proof: &str, more: &[&str]) -> Run {
        let (model, key, bundle) = (self.at("model"), self.at("k.key"), self.at(bundle));
        let (log, log_key, proof) = (self.at("log"), self.0.key(), self.at(proof));
        let sign = ["sign", &model, "--key", &key, "--bundle", &bundle];
        let logged = ["--log", &log, "--log-key", &log_key, "--log-proof", &proof];
        casemate(sign.iter().chain(&logged).chain(more))
    }

    fn verify(&self, more: &[&str]) -> Value {
        let (model, key, bundle) = (self.at("model"), self.at("k.pub"), self.at("m.sig"));
        let verify = ["verify", &model, "--key", &key, "--bundle", &bundle];
        Self::verdict(&verify, more)
    }

    /// The same by a trust store that has this before its key.
    fn verify_by_store(&self, head: &str, terms: &str, more: &[&str]) -> Value {
        let pem = read_text(self.0.path("k.pub"));
        let key = format!("[[key]]\nname = \"release\"\npem = \"\"\"{pem}\"\"\"\n{terms}\n");
        let (top, tables) = head
            .split_once("[[")
            .map_or((head, String::new()), |(top, rest)| {
                (top, format!("[[{rest}"))
            });
        fs::write(self.0.path("trust.toml"), format!("{top}\n{key}\n{tables}")).expect("written");
        let (model, trust, bundle) = (self.at("model"), self.at("trust.toml"), self.at("m.sig"));
        let verify = [
            "verify",
            &model,
            "--trust-store",
            &trust,
            "--bundle",
            &bundle,
        ];
        Self::verdict(&verify, more)
    }

    fn verdict(verify: &[&str], more: &[&str]) -> Value {
        let run = casemate(verify.iter().chain(more).chain(&["--format", "json"]));
        let json = run.json();
        let is_fine = matches!(json["class"].as_str(), Some("ok" | "partial"));
        assert_eq!(run.status, i32::from(!is_fine), "{}", run.out);
        json
    }

    /// Has the head in a proof cosigned by a witness of this name at this time; the witness' key.
    fn cosign(&self, proof: &str, name: &str, time: &str) -> String {
        let file = self.0.path(&format!("{name}.pem"));
        if !file.exists() {
            key(&file);
        }
        let text = read_text(self.0.path(proof));
        let (_, head) = text.split_once("\n\n").expect("a head");
        fs::write(self.0.path("request"), format!("old 0\n\n{head}")).expect("written");
        let (pem, state) = (
            self.at(&format!("{name}.pem")),
            self.at(&format!("{name}-{time}")),
        );
        let request = self.at("request");
        let witness = ["log", "witness", "cosign", "--name", name, "--key", &pem];
        let rest = [
            "--state",
            &state,
            "--log",
            &self.0.vkey,
            &request,
            "--now",
            time,
        ];
        let line = casemate(witness.iter().chain(&rest)).ended_with(0).out;
        fs::write(self.0.path(proof), text + &line).expect("written");
        let vkey = ["log", "vkey", name, "--key", &pem, "--witness"];
        casemate(vkey).ended_with(0).out.trim_end().to_owned()
    }
}

fn problem(verdict: &Value) -> &str {
    verdict["problems"][0]["message"]
        .as_str()
        .expect("a problem")
}

fn schema(name: &str) -> Value {
    casemate(["schema", name]).ended_with(0).json()
}

#[test]
fn one_file_proves_that_a_signature_is_logged() {
    let case = Case::new();
    let signing = case
        .sign("m.sig", "m.tlog-proof", &["--format", "json"])
        .ended_with(0)
        .json();
    assert_valid(&signing, schema("signing"));
    assert_eq!(signing["logged"]["index"], 0);
    // The log itself is not asked.
    fs::rename(case.0.path("log"), case.0.path("elsewhere")).expect("renamed");
    let (proof, vkey) = (case.at("m.tlog-proof"), case.0.vkey.clone());
    let proven = ["--log-proof", &proof, "--log-vkey", &vkey];
    let verdict = case.verify(&proven);
    assert_valid(&verdict, schema("verdict"));
    assert_eq!(verdict["class"], "ok");
    let logged = &verdict["logged"][0];
    assert_eq!(
        (&logged["log"], &logged["size"]),
        (&"log.example/a".into(), &1.into())
    );
    assert_eq!(logged["bundle"], signing["bundle_digest"]);
    let subject = format!(
        "urn:casemate:artifact:{}",
        signing["root"].as_str().expect("a root")
    );
    assert_eq!(logged["subject"], subject);

    let absent = case.verify(&["--log-vkey", &vkey]);
    assert_eq!(
        (&absent["class"], problem(&absent)),
        (&"not-logged".into(), "it is in no log: no proof was given")
    );
    // Without a proof that counts nothing of the model is read, nor is anybody said to have signed.
    assert_eq!(
        (&absent["root"], &absent["signers"]),
        (&Value::Null, &serde_json::json!([]))
    );
    let other = Place::new();
    let stranger = case.verify(&["--log-proof", &proof, "--log-vkey", &other.vkey]);
    assert_eq!(stranger["class"], "not-logged");
    assert!(problem(&stranger).contains("its head is not trusted: no known key signed it"));
    fs::write(case.0.path("none"), "c2sp.org/tlog-proof@v1\n").expect("written");
    let malformed = case.verify(&["--log-proof", &case.at("none"), "--log-vkey", &vkey]);
    assert!(
        problem(&malformed).contains("it is malformed"),
        "{malformed}"
    );
    let nowhere = case.verify(&["--log-proof", &case.at("nowhere"), "--log-vkey", &vkey]);
    assert!(
        problem(&nowhere).contains("cannot read the proof"),
        "{nowhere}"
    );
    // Another signature of the same model is another file.
    fs::rename(case.0.path("elsewhere"), case.0.path("log")).expect("renamed");
    let again = ["--hash", "blake3"];
    case.sign("m.sig", "other.tlog-proof", &again).ended_with(0);
    let other = case.verify(&proven);
    assert!(
        problem(&other).contains("it is of another signature"),
        "{other}"
    );
    let text = casemate([
        "verify",
        &case.at("model"),
        "--key",
        &case.at("k.pub"),
        "--bundle",
        &case.at("m.sig"),
        "--log-proof",
        &case.at("other.tlog-proof"),
        "--log-vkey",
        &vkey,
    ]);
    let text = text.ended_with(0).out;
    assert!(
        text.contains("logged  entry 1 of 2 in log.example/a"),
        "{text}"
    );
}

#[test]
fn a_proof_of_which_nobody_says_whose_logs_count_is_wrong_usage() {
    let case = Case::new();
    case.sign("m.sig", "m.tlog-proof", &[]).ended_with(0);
    let (model, key, bundle) = (case.at("model"), case.at("k.pub"), case.at("m.sig"));
    let verify = ["verify", &model, "--key", &key, "--bundle", &bundle];
    let proof = case.at("m.tlog-proof");
    let run = casemate(verify.iter().chain(&["--log-proof", &proof])).ended_with(2);
    assert!(run.err.contains("--log-vkey"), "{}", run.err);
    let vkey = &case.0.vkey;
    for more in [
        ["--log-vkey", vkey, "--witnesses", "1"],
        ["--log-vkey", vkey, "--witness-vkey", vkey],
        ["--log-vkey", vkey, "--log-checkpoint", &proof],
    ] {
        casemate(verify.iter().chain(&more)).ended_with(2);
    }
}

#[test]
fn a_proof_in_the_model_is_no_part_of_it() {
    let case = Case::new();
    case.sign("m.sig", "model/m.tlog-proof", &[]).ended_with(0);
    let (proof, vkey) = (case.at("model/m.tlog-proof"), case.0.vkey.clone());
    assert_eq!(
        case.verify(&["--log-proof", &proof, "--log-vkey", &vkey])["class"],
        "ok"
    );
    // Of one that came later the signature does not know, and whoever verifies does.
    fs::remove_file(case.0.path("model/m.tlog-proof")).expect("removed");
    case.sign("m.sig", "m.tlog-proof", &[]).ended_with(0);
    fs::rename(
        case.0.path("m.tlog-proof"),
        case.0.path("model/m.tlog-proof"),
    )
    .expect("moved");
    assert_eq!(
        case.verify(&["--log-proof", &proof, "--log-vkey", &vkey])["class"],
        "ok"
    );
    assert_eq!(case.verify(&[])["class"], "unsigned-present");
    // A log in the model would change what is signed.
    let inside = case.at("model/log");
    casemate([
        "log",
        "init",
        &inside,
        "--origin",
        "in.example",
        "--key",
        &case.0.key(),
    ])
    .ended_with(0);
    let run = casemate([
        "sign",
        &case.at("model"),
        "--key",
        &case.at("k.key"),
        "--bundle",
        &case.at("n.sig"),
        "--log",
        &inside,
        "--log-key",
        &case.0.key(),
        "--log-proof",
        &case.at("n.tlog-proof"),
    ]);
    assert!(run.ended_with(2).err.contains("lies in the model"));
}

#[test]
fn witnesses_say_when_a_signature_was_there_and_it_is_judged_as_of_then() {
    let case = Case::new();
    case.sign("m.sig", "m.tlog-proof", &[]).ended_with(0);
    let vkeys = [
        ("w1.example", "2026-03-01T00:00:00Z"),
        ("w2.example", "2026-02-01T00:00:00Z"),
        ("w3.example", "2026-04-01T00:00:00Z"),
    ]
    .map(|(name, time)| case.cosign("m.tlog-proof", name, time));
    let witnesses: String = vkeys
        .iter()
        .map(|it| format!("[[witness]]\nvkey = \"{it}\"\n"))
        .collect();
    let log = format!("[[log]]\nvkey = \"{}\"\n", case.0.vkey);
    let proof = case.at("m.tlog-proof");
    let judge = |witnesses_needed: usize, terms: &str| {
        let head = format!("require-log = true\nwitnesses = {witnesses_needed}\n{log}{witnesses}");
        let now = ["--log-proof", &proof, "--now", "2027-01-01T00:00:00Z"];
        case.verify_by_store(&head, terms, &now)
    };
    let revoked = |at: &str| format!("revoked = {{ at = \"{at}\", reason = \"stolen\" }}");
    for (needed, at, class) in [
        (1, "2026-02-01T00:00:01Z", "ok"),
        (1, "2026-02-01T00:00:00Z", "revoked"),
        // The second earliest counts where two must have seen it, and the last where all must.
        (2, "2026-03-01T00:00:01Z", "ok"),
        (2, "2026-03-01T00:00:00Z", "revoked"),
        (3, "2026-04-01T00:00:01Z", "ok"),
        (3, "2026-04-01T00:00:00Z", "revoked"),
        // The record's own time, 2026-01-01, is nobody's word.
        (0, "2026-06-01T00:00:00Z", "revoked"),
    ] {
        let verdict = judge(needed, &revoked(at));
        assert_eq!(verdict["class"], class, "{needed} {at}: {verdict}");
    }
    let verdict = judge(2, "not-after = \"2026-06-01T00:00:00Z\"");
    assert_eq!(verdict["class"], "ok");
    let notes = verdict["notes"].to_string();
    assert!(
        notes.contains("signed by 2026-03-01T00:00:00Z, as enough of those who saw it say (w2.example, w1.example, w3.example)"),
        "{notes}"
    );
    assert_eq!(
        verdict["logged"][0]["seen"]["by"],
        serde_json::json!(["w2.example", "w1.example", "w3.example"])
    );
    // Before the witnesses said so, nobody had.
    let before = ["--log-proof", &proof, "--now", "2026-03-15T00:00:00Z"];
    let head = format!("require-log = true\nwitnesses = 3\n{log}{witnesses}");
    let verdict = case.verify_by_store(&head, "", &before);
    assert_eq!(verdict["class"], "not-logged");
    assert!(
        problem(&verdict).contains("`w3.example` says 2026-04-01T00:00:00Z, which has not come")
    );
    // The same by the command line, where all must have seen it unless it is told.
    let mut by_hand = vec!["--log-proof", &proof, "--log-vkey", &case.0.vkey];
    vkeys
        .iter()
        .for_each(|vkey| by_hand.extend(["--witness-vkey", vkey]));
    by_hand.extend(["--now", "2026-03-15T00:00:00Z"]);
    assert_eq!(case.verify(&by_hand)["class"], "not-logged");
    by_hand.extend(["--witnesses", "2"]);
    assert_eq!(case.verify(&by_hand)["class"], "ok");
}

#[test]
fn two_histories_of_a_log_are_told_and_the_copy_tells_more() {
    let case = Case::new();
    case.sign("m.sig", "m.tlog-proof", &[]).ended_with(0);
    let copied = Command::new("cp")
        .arg("-r")
        .args([case.0.path("log"), case.0.path("fork")])
        .status();
    assert!(copied.expect("cp runs").success());
    case.0.append(&["two", "three"]).ended_with(0);
    // The other history has the same signature too, behind another entry.
    fs::rename(case.0.path("log"), case.0.path("first")).expect("renamed");
    fs::rename(case.0.path("fork"), case.0.path("log")).expect("renamed");
    case.0.append(&["another"]).ended_with(0);
    let attest = |proof: &str| {
        let (log, bundle) = (case.at("log"), case.at("m.sig"));
        let (key, proof) = (case.0.key(), case.at(proof));
        casemate([
            "log", "attest", &log, "--bundle", &bundle, "--key", &key, "--proof", &proof,
        ])
    };
    attest("second.tlog-proof").ended_with(0);
    let vkey = case.0.vkey.clone();
    let second = case.at("second.tlog-proof");
    let proven = ["--log-proof", &second, "--log-vkey", &vkey];
    assert_eq!(case.verify(&proven)["class"], "ok", "nobody can know yet");
    let (first, head) = (case.at("first"), case.at("first/checkpoint"));
    for known in [["--log-checkpoint", &head], ["--log", &first]] {
        let verdict = case.verify(&[&proven[..], &known].concat());
        assert_eq!(verdict["class"], "equivocation", "{verdict}");
        assert!(problem(&verdict).contains("`log.example/a` has two histories: its 3 entries"));
        assert_eq!(verdict["signers"].as_array().map(Vec::len), Some(1));
    }
    // Told where no log is required, too.
    let store = format!("[[log]]\nvkey = \"{vkey}\"\n");
    let more = ["--log-proof", &second, "--log-checkpoint", &head];
    assert_eq!(
        case.verify_by_store(&store, "", &more)["class"],
        "equivocation"
    );
    // A shorter head has another size, and only a copy of the log can tell that it is of this log.
    let one = case.at("m.tlog-proof");
    let both = [
        "--log-proof",
        &second,
        "--log-proof",
        &one,
        "--log-vkey",
        &vkey,
    ];
    assert_eq!(case.verify(&both)["class"], "ok");
    let log = case.at("log");
    assert_eq!(
        case.verify(&[&both[..], &["--log", &log]].concat())["class"],
        "ok"
    );
    let verdict = case.verify(&[&both[..], &["--log", &first]].concat());
    assert_eq!(verdict["class"], "equivocation");
    // Beyond its end a copy tells nothing, and says so.
    case.0.append(&["four", "five"]).ended_with(0);
    attest("third.tlog-proof").ended_with(0);
    let third = case.at("third.tlog-proof");
    let verdict = case.verify(&["--log-proof", &third, "--log-vkey", &vkey, "--log", &first]);
    assert_eq!(verdict["class"], "ok");
    assert!(
        verdict["notes"]
            .to_string()
            .contains("nothing to hold the head of 6 entries"),
        "{verdict}"
    );
    // A copy that somebody was at is none.
    let tile = case.0.path("first/tile/0/000.p/3");
    let mut bytes = crate::run::read(&tile);
    bytes[0] ^= 1;
    fs::write(&tile, bytes).expect("written");
    let (model, key, bundle) = (case.at("model"), case.at("k.pub"), case.at("m.sig"));
    let verify = ["verify", &model, "--key", &key, "--bundle", &bundle];
    let run = casemate(verify.iter().chain(&proven).chain(&["--log", &first])).ended_with(2);
    assert!(
        run.err.contains("cannot use the copy of the log"),
        "{}",
        run.err
    );
}

#[test]
fn signatures_that_exist_are_logged_together_and_proven_again() {
    let case = Case::new();
    let sign = |bundle: &str, more: &[&str]| {
        let (model, key, bundle) = (case.at("model"), case.at("k.key"), case.at(bundle));
        let sign = ["sign", &model, "--key", &key, "--bundle", &bundle];
        casemate(sign.iter().chain(more)).ended_with(0);
        bundle
    };
    let (one, two) = (sign("m.sig", &[]), sign("n.sig", &["--ignore-paths", "x"]));
    let other = sign("other.sig", &["--hash", "blake3"]);
    let (log, key, proof) = (case.at("log"), case.0.key(), case.at("all.tlog-proof"));
    let attest = |bundles: &[&str]| {
        let begun = [
            "log", "attest", &log, "--key", &key, "--proof", &proof, "--format", "json",
        ];
        let bundles = bundles.iter().flat_map(|it| ["--bundle", it]);
        casemate(begun.into_iter().chain(bundles))
    };
    // The same files digested otherwise have another digest of all.
    let refused = attest(&[&one, &other]).ended_with(1);
    assert!(
        refused
            .out
            .contains("other.sig: it is about another artifact"),
        "{}",
        refused.out
    );
    let garbage = case.at("k.pub");
    let reason = attest(&[&garbage]).ended_with(1).json()["reason"].to_string();
    assert!(reason.contains("k.pub"), "{reason}");
    assert!(!case.0.path("all.tlog-proof").exists());
    let attested = attest(&[&one, &two]).ended_with(0).json();
    assert_valid(&attested, schema("log-attestation"));
    assert_eq!(
        (&attested["index"], &attested["size"]),
        (&0.into(), &1.into())
    );
    let exported = case.0.log("export", &[]).ended_with(0).out;
    let exported: Value = serde_json::from_str(&exported).expect("JSON");
    assert_valid(&exported["record"], schema("record"));
    let statements = exported["record"]["body"]["statements"].as_array();
    assert_eq!(statements.map(Vec::len), Some(2));
    let vkey = case.0.vkey.clone();
    let proven = ["--log-proof", &proof, "--log-vkey", &vkey];
    assert_eq!(case.verify(&proven)["class"], "ok");
    fs::copy(case.0.path("n.sig"), case.0.path("m.sig")).expect("copied");
    assert_eq!(case.verify(&proven)["class"], "ok");
    // Under a later head the proof is another one, of the same record.
    case.0.append(&["later"]).ended_with(0);
    let (again, bundle) = (case.at("again.tlog-proof"), case.at("n.sig"));
    case.0
        .log("prove", &["--bundle", &bundle, "--out", &again])
        .ended_with(0);
    let verdict = case.verify(&["--log-proof", &again, "--log-vkey", &vkey]);
    assert_eq!(
        (&verdict["class"], &verdict["logged"][0]["size"]),
        (&"ok".into(), &2.into())
    );
    let none = case
        .0
        .log("prove", &["--bundle", &other, "--out", &again])
        .ended_with(1);
    assert_eq!(
        none.out,
        "nothing is proven: no record names this signature\n"
    );
    // What is no proof is not replaced by one.
    let over = [
        "log", "attest", &log, "--key", &key, "--proof", &one, "--bundle", &two,
    ];
    casemate(over).ended_with(2);
}

#[test]
fn a_log_that_takes_nothing_is_known_before_the_model_is_signed() {
    let case = Case::new();
    case.0.append(&["one", "two"]).ended_with(0);
    let wrong = case.at("wrong.pem");
    key(&case.0.path("wrong.pem"));
    let sign = |log_key: &str| {
        casemate([
            "sign",
            &case.at("model"),
            "--key",
            &case.at("k.key"),
            "--bundle",
            &case.at("m.sig"),
            "--log",
            &case.at("log"),
            "--log-key",
            log_key,
            "--log-proof",
            &case.at("m.tlog-proof"),
        ])
    };
    assert!(
        sign(&wrong)
            .ended_with(2)
            .err
            .contains("not signed by this key")
    );
    let bundle = case.0.path("log/tile/entries/000.p/2");
    let text = read_text(&bundle);
    fs::write(&bundle, text.replace("two", "TWO")).expect("written");
    let run = sign(&case.0.key()).ended_with(1);
    assert!(
        run.out.contains("is not signed") && run.out.contains("entry 1 is not the one"),
        "{}",
        run.out
    );
    assert!(!case.0.path("m.sig").exists() && !case.0.path("m.tlog-proof").exists());
}

#[test]
fn a_sealed_record_names_no_signature() {
    let case = Case::new();
    case.sign("m.sig", "m.tlog-proof", &[]).ended_with(0);
    fs::write(case.0.path("secret"), "at least sixteen bytes").expect("written");
    let (log, out, key) = (case.at("log"), case.at("out"), case.0.key());
    let secret = case.at("secret");
    let assess = [
        "assess",
        "examples/01-fraud-model",
        "--out",
        &out,
        "--log",
        &log,
    ];
    casemate(
        assess
            .iter()
            .chain(&["--log-key", &key, "--log-secret", &secret]),
    )
    .ended_with(1);
    let proof = case.at("sealed.tlog-proof");
    case.0
        .log("prove", &["--index", "1", "--embed", "--out", &proof])
        .ended_with(0);
    let verdict = case.verify(&["--log-proof", &proof, "--log-vkey", &case.0.vkey]);
    assert!(
        problem(&verdict).contains("is sealed, and names no signature"),
        "{verdict}"
    );
}

#[test]
fn a_bundle_has_one_digest_whatever_white_space_is_around_it() {
    let case = Case::new();
    case.sign("m.sig", "first.tlog-proof", &[]).ended_with(0);
    let plain = read_text(case.0.path("m.sig"));
    fs::write(case.0.path("m.sig"), format!("\n{plain} \n")).expect("written");
    fs::write(case.0.path("claims.jsonl"), plain + "\n").expect("written");
    let (bundle, vkey) = (case.at("m.sig"), case.0.vkey.clone());
    let second = case.at("second.tlog-proof");
    let (log, key, proof) = (case.at("log"), case.0.key(), second.clone());
    let attest = ["log", "attest", &log, "--key", &key, "--proof", &proof];
    casemate(attest.iter().chain(&["--bundle", &bundle])).ended_with(0);
    let third = case.at("third.tlog-proof");
    case.0
        .log("prove", &["--bundle", &bundle, "--out", &third])
        .ended_with(0);
    let (model, public) = (case.at("model"), case.at("k.pub"));
    let claims = case.at("claims.jsonl");
    for proof in [case.at("first.tlog-proof"), second, third] {
        let proven = ["--log-proof", &proof, "--log-vkey", &vkey];
        assert_eq!(case.verify(&proven)["class"], "ok", "{proof}");
        let by_claims = ["verify", &model, "--key", &public, "--claims", &claims];
        assert_eq!(Case::verdict(&by_claims, &proven)["class"], "ok", "{proof}");
        let alone = ["verify-attestation", &bundle, "--key", &public];
        casemate(alone.iter().chain(&proven)).ended_with(0);
    }
    // What is in no log is that, in a claims file too.
    let by_claims = ["verify", &model, "--key", &public, "--claims", &claims];
    let absent = Case::verdict(&by_claims, &["--log-vkey", &vkey]);
    assert_eq!(absent["class"], "not-logged", "{absent}");
}

#[test]
fn a_proof_is_written_over_proofs_alone() {
    let case = Case::new();
    case.sign("m.sig", "m.tlog-proof", &[]).ended_with(0);
    let secret = read_text(case.0.path("k.key"));
    let prove = |out: &str| case.0.log("prove", &["--index", "0", "--out", out]);
    let run = prove(&case.at("k.key")).ended_with(2);
    assert!(run.err.contains("no proof"), "{}", run.err);
    assert!(read_text(case.0.path("k.key")) == secret);
    let run = prove(&case.at("model")).ended_with(2);
    assert!(run.err.contains("no regular file"), "{}", run.err);
    std::os::unix::fs::symlink(case.at("k.key"), case.at("link")).expect("linked");
    prove(&case.at("link")).ended_with(2);
    prove(&case.at("m.tlog-proof")).ended_with(0);
}

#[test]
fn a_refusal_is_one_line_or_a_document() {
    let case = Case::new();
    case.sign("m.sig", "m.tlog-proof", &[]).ended_with(0);
    fs::write(case.0.path("bad.json"), "{}").expect("written");
    let (log, key) = (case.at("log"), case.0.key());
    let (bad, proof) = (case.at("bad.json"), case.at("p.tlog-proof"));
    let attest = [
        "log", "attest", &log, "--key", &key, "--proof", &proof, "--bundle", &bad,
    ];
    let text = casemate(attest).ended_with(1).out;
    assert_eq!(text.lines().count(), 1, "{text:?}");
    assert!(text.ends_with('\n') && !text.contains("\\n"), "{text:?}");
    assert!(text.starts_with("nothing is logged: "), "{text}");
    let json = casemate(attest.iter().chain(&["--format", "json"]))
        .ended_with(1)
        .json();
    assert_valid(&json, schema("log-refusal"));
    let hash = format!("sha256:{}", "0".repeat(64));
    let prove = ["--digest", &hash, "--out", &proof, "--format", "json"];
    let json = case.0.log("prove", &prove).ended_with(1).json();
    assert_eq!(json["reason"], "no entry has this digest");
}
