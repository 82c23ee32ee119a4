use casemate_core::Severity;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{
    Bundle, Engine as _, KeepsNothing, Question, record,
    testkit::{failure, file, input, now},
};

const GATE: &str =
    "package casemate.gate\n\ndeny contains \"no\" if data.limits.none == input.action\n";

fn bundle(files: Vec<(PathText, Vec<u8>)>) -> Result<Bundle, BundleError> {
    let mut files = files;
    files.sort();
    Bundle::of(Layer::of_archive(&pack(&files).expect("packs"))?)
}

fn value(bundle: &Bundle, rule: &str) -> Option<Value> {
    let question = Question {
        input: &Value::Null,
        now: now(),
    };
    let values = bundle.eval(&[rule], &question).expect("evaluates");
    values.into_iter().next().flatten()
}

#[test]
fn a_bundle_is_read_as_opa_reads_one() {
    let bundle = bundle(vec![
        file(
            ".manifest",
            r#"{"revision": "r1", "roots": ["/a/", "b/c"], "metadata": {"x": 1}}"#,
        ),
        file(
            "policy/any.rego",
            "package a.deep\nx := [data.a.one, data.a.two.list, data.b.c]\n",
        ),
        file("a/data.json", r#"{"one": 1}"#),
        file("a/two/data.yaml", "list: [1, 2]\n"),
        file("b/c/data.json", "3"),
        file("a/other.json", "{ not read"),
        file("policy.wasm", "\0asm"),
        file(".signatures.json", "{}"),
    ])
    .expect("loads");
    assert_eq!(value(&bundle, "data.a.deep.x"), Some(json!([1, [1, 2], 3])));
    assert_eq!(bundle.revision(), Some("r1"));
    assert_eq!(bundle.notes().len(), 3, "{:?}", bundle.notes());
}

#[test]
fn that_a_signature_was_not_verified_is_noted_until_it_was() {
    let files = [
        file(".signatures.json", "{}"),
        file("a.rego", "package a\n"),
        file("policy.wasm", "\0asm"),
    ];
    let layer = Layer::of_archive(&pack(&files).expect("packs")).expect("reads");
    assert_eq!(layer.notes().len(), 2, "{:?}", layer.notes());
    let layer = layer.with_signature_verified();
    assert_eq!(layer.notes().len(), 1, "{:?}", layer.notes());
    assert!(
        !layer.notes()[0].contains("verified"),
        "{:?}",
        layer.notes()
    );
}

#[test]
fn a_directory_with_a_manifest_is_a_bundle_and_one_without_is_not() {
    let data = || file("a/data.json", r#"{"one": 1}"#);
    let module = || file("x.rego", "package x\ny := data.a.one\n");
    let plain = Bundle::alone(vec![data(), module()]).expect("loads");
    assert_eq!(value(&plain, "data.x.y"), None);
    let manifest = file(".manifest", "{}");
    let bundle = Bundle::alone(vec![data(), module(), manifest]).expect("loads");
    assert_eq!(value(&bundle, "data.x.y"), Some(json!(1)));
}

#[test]
fn what_opa_refuses_and_what_would_go_unseen_is_refused() {
    let manifest = |text: &str| file(".manifest", text);
    let module = || file("a.rego", "package a\nx := 1\n");
    for (files, expected) in [
        (vec![manifest("{")], "the manifest: it is none"),
        (vec![manifest("[]")], "the manifest: it is none"),
        (vec![manifest(r#"{"revison": "1"}"#)], "revison"),
        (vec![manifest(r#"{"rego_version": 2}"#)], "no version 2"),
        (
            vec![manifest(r#"{"file_rego_versions": {"/a": 7}}"#)],
            "no version 7",
        ),
        (
            vec![manifest(r#"{"roots": ["a", "a/b"]}"#)],
            "`a` and `a/b` overlap",
        ),
        (vec![manifest(r#"{"roots": ["", "a"]}"#)], "overlap"),
        (
            vec![manifest(r#"{"roots": ["b"]}"#), module()],
            "`a.rego` is of the package `a`",
        ),
        (
            vec![manifest(r#"{"roots": ["a/b"]}"#), module()],
            "outside of its roots",
        ),
        (
            vec![manifest(r#"{"roots": ["ab"]}"#), module()],
            "outside of its roots",
        ),
        (
            vec![
                manifest(r#"{"roots": ["a"]}"#),
                file("data.json", r#"{"a": 1, "b": 2}"#),
            ],
            "data at `b`",
        ),
        (
            vec![manifest(r#"{"roots": ["a/b"]}"#), file("a/data.json", "7")],
            "data at `a`",
        ),
        (
            vec![
                file("data.json", r#"{"a": {"b": 1}}"#),
                file("a/data.json", r#"{"b": 1}"#),
            ],
            "another document has data.a.b too",
        ),
        (
            vec![
                file("data.json", r#"{"a": 1}"#),
                file("a/data.json", r#"{"b": 1}"#),
            ],
            "another document has data.a too",
        ),
        (vec![file("data.json", "[1]")], "data"),
        (vec![file("patch.json", "{}")], "delta bundle"),
        (
            vec![
                manifest(r#"{"rego_version": 1}"#),
                file("a.rego", "package a\nx[y] { y := 1 }\n"),
            ],
            "`a.rego` is Rego v0",
        ),
        (
            vec![file("data/settings.toml", "[casemate.settings]\nx = 1\n")],
            "documents are read below `data/` alone",
        ),
    ] {
        let error = bundle(files).err().expect(expected).to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
    let old = file("old.rego", "package a\nx[y] { y := 1 }\n");
    let manifest = manifest(r#"{"rego_version": 1, "file_rego_versions": {"/o*.rego": 0}}"#);
    assert!(bundle(vec![manifest, old]).is_ok());
}

#[test]
fn an_archive_has_the_digest_of_its_directory_and_says_what_is_old() {
    let files = vec![
        file("gate.rego", GATE),
        file("sub/old.rego", "package old\nx[y] { y := 1 }\n"),
        file("data/limits.toml", "[limits]\nnone = \"assess\"\n"),
        file("data/more.yaml", "limits:\n  some: 1.5\n"),
        file("README.md", "left out"),
    ];
    let layer = Layer::of_directory(files).expect("reads");
    let (bytes, packed) = Bundle::pack(&layer, Some("v7")).expect("packs");
    assert_eq!(bytes, Bundle::pack(&layer, Some("v7")).expect("packs").0);
    assert_ne!(bytes, Bundle::pack(&layer, None).expect("packs").0);
    let read = Layer::of_archive(&bytes).expect("reads");
    assert_eq!(
        (read.revision(), read.digest()),
        (Some("v7"), layer.digest())
    );
    let bundle = Bundle::over_builtin(read.clone()).expect("loads");
    assert_eq!(bundle.digest(), packed.digest());
    let names: Vec<_> = unpack(&bytes).expect("unpacks");
    let names: Vec<&str> = names.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [".manifest", "data.json", "gate.rego", "sub/old.rego"]
    );
    let (_, manifest) = &unpack(&bytes).expect("unpacks")[0];
    let manifest: Value = serde_json::from_slice(manifest).expect("JSON");
    assert_eq!(manifest["file_rego_versions"], json!({"/sub/old.rego": 0}));
    // And again, from the archive.
    assert_eq!(Bundle::pack(&read, None).expect("packs").0, bytes);
}

#[test]
fn what_does_not_load_is_not_packed() {
    let layer = Layer::of_directory(vec![file("a.rego", "package a\nx := \n")]).expect("reads");
    assert!(Bundle::pack(&layer, None).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4))]

    #[test]
    fn a_decision_is_recorded_alike_whichever_way_the_policy_came(
        none in "[a-z]{1,8}", gate in prop_oneof![Just("assess"), Just("gateway"), Just("key-release")],
        limit in -3i64..3, fails in any::<bool>(),
    ) {
        let data = json!({"limits": {"none": none, "low": limit, "half": 0.5}});
        let extra = format!(
            "package casemate.gate\n\nwarn contains sprintf(\"limit %v\", [data.limits.low]) if data.limits.low > {limit} - 1\n",
        );
        let files = vec![
            file("mine/gate.rego", GATE),
            file("extra.rego", &extra),
            file("data/limits.json", &data.to_string()),
        ];
        let mut asked = input(&[failure("a.env", if fails { Severity::High } else { Severity::Low })]);
        asked.gate = gate.to_owned();
        let layer = Layer::of_directory(files.clone()).expect("reads");
        let (bytes, packed) = Bundle::pack(&layer, None).expect("packs");
        let directory = Bundle::overlay(files).expect("loads");
        let first = record(&directory, &asked, &mut KeepsNothing);
        let archive = Bundle::over_builtin(Layer::of_archive(&bytes).expect("reads")).expect("loads");
        // As it comes back from a file.
        let json = serde_json::to_string(&asked).expect("serialises");
        let back: crate::GateInput = serde_json::from_str(&json).expect("parses");
        for bundle in [&packed, &archive, &directory] {
            prop_assert_eq!(&record(bundle, &back, &mut KeepsNothing), &first);
        }
        let json = serde_json::to_string(&first).expect("serialises");
        prop_assert_eq!(serde_json::from_str::<crate::DecisionRecord>(&json).expect("parses"), first);
    }
}
