//! Proofs, verified without the log and by somebody else.

use std::{fs, path::Path, process::Command};

use super::Place;
use crate::{pypi::wheel, run::casemate};

#[test]
fn what_is_appended_is_proven_offline_and_nothing_else_is() {
    let place = Place::new();
    place.append(&["one", "two", "three"]).ended_with(0);
    let proof = place.text("two.tlog-proof");
    place
        .log("prove", &["--index", "1", "--out", &proof])
        .ended_with(0);
    fs::write(place.path("two"), "two").expect("written");
    fs::write(place.path("other"), "other").expect("written");
    fs::remove_dir_all(place.path("log")).expect("removed");
    let verify = |entry: &str| {
        let entry = place.text(entry);
        let arguments = [
            "log",
            "verify",
            "--proof",
            &proof,
            "--entry",
            &entry,
            "--vkey",
            &place.vkey,
        ];
        casemate(arguments.iter().chain(&["--format", "json"]))
    };
    assert_eq!(verify("two").ended_with(0).json()["class"], "ok");
    let other = verify("other").ended_with(1).json();
    assert_eq!(
        (&other["class"], &other["faults"][0]["entry"]),
        (&"not-logged".into(), &1.into())
    );
}

/// Sigstore's verifier of inclusion proofs out of its wheel, which needs no more of the rest than an error.
const SIGSTORE: &str = r#"
import base64, importlib.util, sys, types, zipimport
wheel, proof, entry = sys.argv[1:]
errors = types.ModuleType("sigstore.errors")
errors.VerificationError = type("VerificationError", (Exception,), {})
sys.modules["sigstore.errors"] = errors
sys.modules["sigstore"] = types.ModuleType("sigstore")
found = zipimport.zipimporter(wheel + "/sigstore/_internal").find_spec("merkle")
merkle = importlib.util.module_from_spec(found)
found.loader.exec_module(merkle)
lines = open(proof).read().split("\n")
head = lines.index("")
proven = types.SimpleNamespace(
    log_index=int(lines[1].removeprefix("index ")),
    hashes=[base64.b64decode(line) for line in lines[2:head]],
    tree_size=int(lines[head + 2]),
    root_hash=base64.b64decode(lines[head + 3]),
)
inner = types.SimpleNamespace(inclusion_proof=proven, canonicalized_body=open(entry, "rb").read())
merkle.verify_merkle_inclusion(types.SimpleNamespace(_inner=inner))
"#;

#[test]
fn sigstore_python_verifies_our_proof_of_inclusion_and_no_other() {
    let place = Place::new();
    let lines: Vec<String> = (0..300).map(|n| format!("entry {n}")).collect();
    place
        .append(&lines.iter().map(String::as_str).collect::<Vec<_>>())
        .ended_with(0);
    let digest = "02e000197b34980f1d382741d6f83c2fecbcef7debf7304f36a5253f3c892cd9";
    let wheel = wheel("sigstore==4.5.1", digest);
    let proof = place.text("proof");
    for (index, other) in [(0, 1), (255, 256), (299, 0)] {
        place
            .log("prove", &["--index", &index.to_string(), "--out", &proof])
            .ended_with(0);
        let verify = |entry: usize| {
            fs::write(place.path("entry"), &lines[entry]).expect("written");
            let python = Command::new("python3")
                .args(["-W", "ignore", "-c", SIGSTORE])
                .args([wheel.as_path(), Path::new(&proof), &place.path("entry")])
                .output()
                .expect("python3 runs");
            (
                python.status.success(),
                String::from_utf8_lossy(&python.stderr).into_owned(),
            )
        };
        let (verified, error) = verify(index);
        assert!(verified, "{index}: {error}");
        let (verified, error) = verify(other);
        assert!(
            !verified && error.contains("invalid root hash"),
            "{index}: {error}"
        );
    }
}
