//! The archives that we write, beside OPA: unpacked by Python, and loaded as modules and data.

use std::{fs, process::Command};

use casemate_core::PathText;
use casemate_policy::{Bundle, Errors, Layer, Question, query};
use serde_json::{Value, json};

use crate::interop::{library, root};

#[test]
fn opa_answers_of_our_archives_what_we_do() {
    let files = [
        (
            "gate.rego",
            "package casemate.gate\n\nimport rego.v1\n\ndeny contains sprintf(\"over %d\", [data.limits.most]) if input.n > data.limits.most\n",
        ),
        (
            "deep/er/old.rego",
            "package old\n\nx[y] { y := data.limits.names[_] }\n",
        ),
        (
            &*format!("{}/long.rego", ["directory"; 14].join("/")),
            "package long\n\nx := data.deep.more\n",
        ),
        (
            "data/limits.toml",
            "[limits]\nmost = 3\nnames = [\"a\", \"b\"]\n",
        ),
        ("data/more/deep.yaml", "deep:\n  more: 1.5\n"),
    ];
    let files = files.map(|(name, text)| (PathText::from_text(name), text.as_bytes().to_vec()));
    let layer = Layer::of_directory(files.to_vec()).expect("reads");
    let (bytes, _) = Bundle::pack(&layer, Some("r1")).expect("packs");
    let place = std::env::temp_dir().join(format!("casemate-bundle-{}", std::process::id()));
    fs::create_dir_all(&place).expect("a directory");
    let archive = place.join("p.tar.gz");
    fs::write(&archive, &bytes).expect("written");
    let bundle = Bundle::of(Layer::of_archive(&bytes).expect("reads")).expect("loads");
    for (text, input) in [
        ("x := data.casemate.gate.deny", json!({"n": 4})),
        ("x := data.casemate.gate.deny", json!({"n": 3})),
        ("x := data.old.x", json!({})),
        ("x := data.long.x", json!({})),
        ("x := data.limits", json!({})),
    ] {
        let question = Question {
            input: &input,
            now: "2026-01-01T00:00:00Z".parse().expect("a time"),
        };
        let ours = query(&bundle, text, &question, Errors::Strict).expect("an answer");
        let output = Command::new("python3")
            .arg(root().join("tests/interop/opa_bundle.py"))
            .arg(&archive)
            .args([text, &input.to_string()])
            .env("PYTHONPATH", library())
            .output()
            .expect("python starts");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{told}");
        let theirs: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(theirs, json!(ours), "{text}");
    }
    fs::remove_dir_all(&place).expect("removed");
}
