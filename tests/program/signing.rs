//! Keys, signatures and verdicts, through the command line.

use std::{fs, path::Path, process::Command};

use crate::{
    log::Place,
    run::{Run, assert_valid, casemate, root, tree},
};

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

fn schema(name: &str) -> serde_json::Value {
    casemate(["schema", name]).ended_with(0).json()
}

/// A model, a pair of keys and a signature.
struct Case(tempfile::TempDir);

impl Case {
    fn new() -> Self {
        let dir = tree(&[(b"model/a.bin", b"a"), (b"model/sub/b.bin", b"b")]);
        let case = Self(dir);
        casemate(["keygen", "--no-passphrase", "--out", &case.at("k.key")]).ended_with(0);
        case.sign(&[]).ended_with(0);
        case
    }

    fn at(&self, name: &str) -> String {
        text(&self.0.path().join(name)).to_owned()
    }

    fn sign(&self, more: &[&str]) -> Run {
        let (model, key, bundle) = (self.at("model"), self.at("k.key"), self.at("model/m.sig"));
        let plain = ["sign", &model, "--key", &key, "--bundle", &bundle];
        casemate(plain.iter().chain(more))
    }

    fn verify(&self, more: &[&str]) -> Run {
        let (model, key, bundle) = (self.at("model"), self.at("k.pub"), self.at("model/m.sig"));
        let plain = ["verify", &model, "--key", &key, "--bundle", &bundle];
        casemate(plain.iter().chain(more))
    }
}

#[test]
fn what_is_signed_verifies_and_says_who_signed() {
    let case = Case::new();
    let run = case.verify(&[]).ended_with(0);
    assert!(run.out.contains(": ok: "), "{}", run.out);
    let json = case.verify(&["--format", "json"]).ended_with(0).json();
    assert_valid(&json, schema("verdict"));
    assert_eq!(json["verified_files"], 2);
    assert_eq!(json["ignored"], serde_json::json!(["m.sig"]));
    let signing = case.sign(&["--format", "json"]).ended_with(0).json();
    assert_valid(&signing, schema("signing"));
    assert_eq!(signing["root"], json["root"]);
    assert_eq!(
        signing["bundle_digest"], json["bundles"][0],
        "the same model, the same bundle"
    );
}

#[test]
fn the_exit_status_is_of_the_verdict_or_of_wrong_usage() {
    let case = Case::new();
    fs::write(case.at("model/new"), b"x").expect("written");
    let json = case.verify(&["--format", "json"]).ended_with(1).json();
    assert_eq!(json["class"], "unsigned-present");
    assert_eq!(json["problems"][0]["path"], "new");
    case.verify(&["--ignore_unsigned_files"]).ended_with(0);
    let only = case
        .verify(&["--only", "sub/*", "--format", "json"])
        .ended_with(0)
        .json();
    assert_eq!(only["class"], "partial");
    fs::remove_file(case.at("model/m.sig")).expect("removed");
    let json = case.verify(&["--format", "json"]).ended_with(1).json();
    assert_eq!(json["class"], "malformed", "a bundle that is not there");
    casemate(["verify", &case.at("model"), "--bundle", &case.at("x")]).ended_with(2);
    let no_key = case.at("model/a.bin");
    casemate([
        "verify",
        &case.at("model"),
        "--bundle",
        &case.at("x"),
        "--key",
        &no_key,
    ])
    .ended_with(2);
    let private = case.at("k.key");
    let told = casemate([
        "verify",
        &case.at("model"),
        "--bundle",
        &case.at("x"),
        "--key",
        &private,
    ]);
    assert!(told.ended_with(2).err.contains("private key"));
}

#[test]
fn what_cannot_be_signed_leaves_no_signature() {
    let case = Case::new();
    fs::remove_file(case.at("model/m.sig")).expect("removed");
    std::os::unix::fs::symlink("a.bin", case.at("model/link")).expect("linked");
    let json = case.sign(&["--format", "json"]).ended_with(1).json();
    assert_valid(&json, schema("signing"));
    assert!(
        json["reason"]
            .as_str()
            .expect("a reason")
            .contains("link is a symbolic link")
    );
    assert!(!Path::new(&case.at("model/m.sig")).exists());
    case.sign(&["--allow_symlinks"]).ended_with(0);
    let json = case.verify(&["--format", "json"]).ended_with(0).json();
    assert_eq!(json["signed_files"], 3);
    casemate([
        "sign",
        &case.at("nowhere"),
        "--key",
        &case.at("k.key"),
        "--bundle",
        &case.at("s"),
    ])
    .ended_with(2);
}

#[test]
fn what_is_not_clean_is_not_signed_where_that_is_asked_for() {
    let case = Case::new();
    fs::copy(
        root().join("tests/fixtures/pickle-tricks/gadget-pip-main.pkl"),
        case.at("model/evil.pkl"),
    )
    .expect("copied");
    fs::remove_file(case.at("model/m.sig")).expect("removed");
    let json = case
        .sign(&["--scan", "--format", "json"])
        .ended_with(1)
        .json();
    assert_valid(&json, schema("signing"));
    assert_eq!(json["objections"][0]["path"], "evil.pkl");
    let reason = json["objections"][0]["reason"].as_str().expect("a reason");
    assert!(
        reason.starts_with("dangerous: ") && reason.contains("CM-PKL-001"),
        "{reason}"
    );
    assert!(!Path::new(&case.at("model/m.sig")).exists());
    fs::remove_file(case.at("model/evil.pkl")).expect("removed");
    for name in ["a.bin", "sub/b.bin"] {
        fs::write(case.at(&format!("model/{name}")), b"plain text\n").expect("written");
    }
    let json = case
        .sign(&["--scan", "--format", "json"])
        .ended_with(0)
        .json();
    assert_eq!(json["scanned"], true);
    case.verify(&[]).ended_with(0);
}

#[test]
fn keys_are_kept_for_their_owner_and_never_overwritten() {
    use std::os::unix::fs::PermissionsExt as _;

    let dir = tree(&[
        (b"phrase", b"open sesame\n"),
        (b"wrong", b"sesame\n"),
        (b"m/a", b"a"),
    ]);
    let at = |name: &str| text(&dir.path().join(name)).to_owned();
    let make = || {
        casemate([
            "keygen",
            "--out",
            &at("k.key"),
            "--passphrase-file",
            &at("phrase"),
            "--format",
            "json",
        ])
    };
    let json = make().ended_with(0).json();
    assert_valid(&json, schema("keys"));
    assert_eq!(json["encrypted"], true);
    let mode = fs::metadata(at("k.key"))
        .expect("there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let refused = make().ended_with(2);
    assert!(refused.err.contains("--force"), "{}", refused.err);
    let sign = |phrase: &str| {
        let (model, key, out) = (at("m"), at("k.key"), at("s"));
        casemate([
            "sign",
            &model,
            "--key",
            &key,
            "--bundle",
            &out,
            "--passphrase-file",
            &at(phrase),
        ])
    };
    sign("phrase").ended_with(0);
    assert!(sign("wrong").ended_with(2).err.contains("pass phrase"));
    let (model, key, out) = (at("m"), at("k.key"), at("s"));
    let asked = casemate(["sign", &model, "--key", &key, "--bundle", &out]).ended_with(2);
    assert!(asked.err.contains("--passphrase-file"), "{}", asked.err);
}

#[test]
fn verifying_opens_no_socket_and_needs_no_network() {
    let case = Case::new();
    let log = Place::new();
    let (dir, log_key, proof) = (log.text("log"), log.key(), log.text("m.tlog-proof"));
    case.sign(&["--log", &dir, "--log-key", &log_key, "--log-proof", &proof])
        .ended_with(0);
    let head = log.text("log/checkpoint");
    let logged = [
        ["--log-proof", &proof],
        ["--log-vkey", &log.vkey],
        ["--log-checkpoint", &head],
        ["--log", &dir],
    ];
    for more in [&[][..], &logged.concat()] {
        let trace = case.at("trace");
        let (model, key, bundle) = (case.at("model"), case.at("k.pub"), case.at("model/m.sig"));
        // A network namespace of its own, which has no interface that is up.
        let status = Command::new("unshare")
            .args(["--net", "strace", "-f", "-qq", "-e", "trace=%network"])
            .args(["-o", &trace, env!("CARGO_BIN_EXE_casemate"), "verify"])
            .args([&model, "--key", &key, "--bundle", &bundle])
            .args(more)
            .status()
            .expect("unshare and strace run");
        assert!(status.success());
        let calls = crate::run::read_text(&trace);
        let calls: Vec<&str> = calls.lines().filter(|line| line.contains('(')).collect();
        assert!(calls.is_empty(), "{calls:?}");
    }
}

#[test]
fn what_is_no_signature_is_not_written_over() {
    let case = Case::new();
    let weights = case.at("model/weights.bin");
    fs::write(&weights, b"weights").expect("written");
    let key = case.at("k.key");
    let model = case.at("model");
    for bundle in [&weights, &key, &model] {
        let run = casemate(["sign", &model, "--key", &key, "--bundle", bundle]);
        run.ended_with(2);
    }
    assert_eq!(fs::metadata(&weights).expect("there").len(), 7);
    let store = case.at("m.sig");
    let both = [
        "sign",
        &model,
        "--key",
        &key,
        "--bundle",
        &store,
        "--digest-store",
        &store,
    ];
    casemate(both).ended_with(2);
    assert!(!Path::new(&store).exists());
    let other = case.at("notes.json");
    fs::write(&other, b"{}").expect("written");
    let sign = ["sign", &model, "--key", &key, "--bundle", &other];
    casemate(sign).ended_with(2);
    casemate(sign.iter().copied().chain(["--force"])).ended_with(0);
    // An earlier signature is what a later one replaces.
    casemate(sign).ended_with(0);
}

#[test]
fn a_signature_that_cannot_be_read_is_named() {
    let case = Case::new();
    case.sign(&[]).ended_with(0);
    let (model, key, nowhere) = (case.at("model"), case.at("k.pub"), case.at("nowhere.sig"));
    let run = casemate(["verify", &model, "--key", &key, "--bundle", &nowhere]);
    let run = run.ended_with(1);
    assert!(run.out.contains("nowhere.sig"), "{}", run.out);
}

#[test]
fn a_public_key_is_named_after_its_private_one() {
    let case = Case::new();
    let named = case.at("llama-3.1");
    casemate(["keygen", "--no-passphrase", "--out", &named]).ended_with(0);
    assert!(Path::new(&format!("{named}.pub")).exists());
    let empty = case.at("phrase");
    fs::write(&empty, b"\n").expect("written");
    let other = case.at("e.key");
    casemate(["keygen", "--out", &other, "--passphrase-file", &empty]).ended_with(2);
    assert!(!Path::new(&other).exists());
}

#[cfg(not(feature = "pkcs11"))]
#[test]
fn a_key_in_a_token_is_for_a_build_that_says_so() {
    let case = Case::new();
    let (model, bundle) = (case.at("model"), case.at("m.sig"));
    let uri = "pkcs11:token=t;object=k?pin-value=1234";
    let run = casemate(["sign", &model, "--key", uri, "--bundle", &bundle]).ended_with(2);
    assert!(run.err.contains("--features pkcs11"), "{}", run.err);
    assert!(!run.err.contains("1234"), "{}", run.err);
    let key = case.at("k.key");
    let run = casemate([
        "sign",
        &model,
        "--key",
        &key,
        "--pkcs11-module",
        "x",
        "--bundle",
        &bundle,
    ]);
    assert!(run.ended_with(2).err.contains("pkcs11: URI"));
}
