//! Signatures between us and the reference implementation of OpenSSF Model Signing, and attestations
//! between us and the libraries of in-toto and DSSE, both ways.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use serde_json::{Value, json};

use crate::{
    attest::Case,
    python::environment,
    run::{casemate, root, tree},
};

/// Other people's implementation, waiting for requests.
pub(crate) struct Reference {
    child: Child,
    asks: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Reference {
    pub(crate) fn start(script: &str) -> Self {
        let mut child = Command::new(environment("requirements.txt").join("bin/python"))
            .arg(root().join("tests/interop").join(script))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python starts");
        let asks = child.stdin.take().expect("a pipe");
        let answers = BufReader::new(child.stdout.take().expect("a pipe"));
        Self {
            child,
            asks,
            answers,
        }
    }

    /// What it says to one request: `ok`, or what went wrong.
    pub(crate) fn ask(&mut self, request: &Value) -> String {
        writeln!(self.asks, "{request}").expect("it listens");
        let mut answer = String::new();
        self.answers.read_line(&mut answer).expect("it answers");
        answer.trim().to_owned()
    }
}

impl Drop for Reference {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

#[test]
fn the_reference_and_we_verify_each_others_signatures() {
    let mut reference = Reference::start("reference.py");
    let dir = tree(&[
        (b"model/config.json", b"{}"),
        (b"model/weights.bin", &[9; 3000]),
        (b"model/sub/tokens.txt", b"a b c"),
        (b"model/sub-x/1", b"sorted otherwise by its parts"),
    ]);
    let place = |name: &str| dir.path().join(name);
    let model = place("model");
    let ask_ok = |reference: &mut Reference, request: Value| {
        assert_eq!(reference.ask(&request), "ok", "{request}");
    };
    for curve in ["p256", "p384", "p521"] {
        let pki = place(curve);
        std::fs::create_dir(&pki).expect("made");
        ask_ok(
            &mut reference,
            json!({"do": "issue", "folder": pki, "curve": curve}),
        );
        let key = place(&format!("{curve}.key"));
        casemate(
            [
                "keygen",
                "--no-passphrase",
                "--algorithm",
                &format!("ecdsa-{curve}"),
            ]
            .into_iter()
            .chain(["--out", text(&key)]),
        )
        .ended_with(0);
        let public = key.with_extension("pub");
        let (leaf, leaf_key) = (pki.join("leaf.pem"), pki.join("leaf.key"));
        let (issuer, top) = (pki.join("issuer.pem"), pki.join("root.pem"));
        let ours = place("ours.sig");
        let theirs = place("theirs.sig");
        // The reference verifies neither its own shards nor blake2b.
        for hash in ["sha256", "blake3"] {
            casemate(
                [
                    "sign",
                    text(&model),
                    "--key",
                    text(&key),
                    "--bundle",
                    text(&ours),
                ]
                .into_iter()
                .chain(["--hash", hash]),
            )
            .ended_with(0);
            ask_ok(
                &mut reference,
                json!({"do": "verify", "model": model, "bundle": ours, "key": public, "roots": []}),
            );
        }
        casemate([
            "sign",
            text(&model),
            "--private_key",
            text(&leaf_key),
            "--signing_certificate",
            text(&leaf),
            "--certificate_chain",
            text(&issuer),
            "--certificate_chain",
            text(&top),
            "--signature",
            text(&ours),
        ])
        .ended_with(0);
        ask_ok(
            &mut reference,
            json!({"do": "verify", "model": model, "bundle": ours, "key": null, "roots": [top]}),
        );
        for (hash, shard_size) in [
            ("sha256", 0),
            ("blake2", 0),
            ("blake3", 0),
            ("sha256", 1000),
            ("blake3", 1000),
        ] {
            for chain in [vec![], vec![&leaf, &issuer]] {
                let signing = if chain.is_empty() { &key } else { &leaf_key };
                ask_ok(
                    &mut reference,
                    json!({
                        "do": "sign", "model": model, "bundle": theirs, "key": signing,
                        "chain": chain, "algorithm": hash, "shard_size": shard_size,
                    }),
                );
                let trust = match chain.is_empty() {
                    true => ["--public_key", text(&public)],
                    false => ["--certificate_chain", text(&top)],
                };
                let run = casemate(
                    [
                        "verify",
                        text(&model),
                        "--signature",
                        text(&theirs),
                        "--format",
                        "json",
                    ]
                    .into_iter()
                    .chain(trust),
                );
                let verdict = run.json();
                assert_eq!(
                    verdict["class"], "ok",
                    "{curve} {hash} {shard_size}: {}",
                    run.out
                );
            }
        }
    }
}

#[test]
fn the_libraries_of_in_toto_and_dsse_and_we_read_each_others_attestations() {
    let mut libraries = Reference::start("attestations.py");
    let case = Case::claimed();
    let summary = [
        "attest",
        "vsa",
        "model",
        "--claims",
        "model/claims.jsonl",
        "--trust-key",
        "k.pub",
        "--key",
        "k.key",
        "--bundle",
        "v.json",
        "--resource-uri",
        "urn:example:model",
    ];
    case.run(&summary).ended_with(0);
    let key = case.at("k.pub");
    for bundle in ["p.json", "t.json", "v.json"] {
        let request = json!({"do": "read", "bundle": case.at(bundle), "key": key});
        assert_eq!(libraries.ask(&request), "ok", "{bundle}");
    }
    let (bundle, key) = (case.at("theirs.json"), case.at("theirs.pub"));
    let test_result = "https://in-toto.io/attestation/test-result/v0.1";
    for (predicate_type, predicate, status) in [
        (
            test_result,
            json!({"result": "PASSED", "configuration": []}),
            0,
        ),
        (
            test_result,
            json!({"result": "FAILED", "configuration": []}),
            1,
        ),
        ("https://example.org/anything/v1", json!({"a": 1}), 0),
    ] {
        let request = json!({
            "do": "write", "bundle": bundle, "key": key, "digest": "ab".repeat(32),
            "predicate_type": predicate_type, "predicate": predicate,
        });
        assert_eq!(libraries.ask(&request), "ok");
        let subject = format!("sha256:{}", "ab".repeat(32));
        let verify = [
            "verify-attestation",
            &bundle,
            "--key",
            &key,
            "--subject",
            &subject,
        ];
        case.run(&verify).ended_with(status);
    }
    let damaged = libraries.ask(&json!({"do": "damage", "bundle": bundle}));
    assert_eq!(damaged, "ok");
    let verify = ["verify-attestation", &bundle, "--key", &key];
    assert!(
        case.run(&verify)
            .ended_with(1)
            .out
            .contains("bad-signature")
    );
    let refused = libraries.ask(&json!({"do": "read", "bundle": bundle, "key": key}));
    assert_ne!(refused, "ok");
}
