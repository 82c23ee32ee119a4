//! Real reports with a value replaced, a key renamed or a byte changed: whatever comes of it, nothing panics.

use std::collections::BTreeMap;

use casemate_core::{AssetId, Digest, PathText};
use casemate_imports::{Known, Source, Tree, join, read};
use proptest::prelude::*;
use serde_json::{Value, json};

const REPORTS: [&str; 7] = [
    include_str!("../../../../tests/fixtures/imports/checkov.json"),
    include_str!("../../../../tests/fixtures/imports/semgrep.sarif"),
    include_str!("../../../../tests/fixtures/imports/zizmor.sarif"),
    include_str!("../../../../tests/fixtures/imports/bandit.sarif"),
    include_str!("../../../../tests/fixtures/imports/trivy-dockerfile.json"),
    include_str!("../../../../tests/fixtures/imports/trivy-secrets.json"),
    include_str!("../../../../tests/fixtures/imports/trivy-npm.json"),
];

/// Imports `bytes` if they are a report, and says how many findings came of it.
fn import(bytes: &[u8]) -> Option<usize> {
    let path = PathText::from("Dockerfile");
    let asset = AssetId::File {
        repository: "local".into(),
        path: path.clone(),
    };
    let known = Known {
        asset: asset.clone(),
        name: "tree/Dockerfile".into(),
        digest: None,
    };
    let tree = Tree {
        root: "tree".into(),
        absolute: Some("/srv/tree".into()),
        files: BTreeMap::from([(path, known)]),
    };
    let source = Source {
        name: "report".into(),
        asset,
        digest: Digest::of(bytes),
        runs: read(bytes).ok()?,
    };
    let joined = join(vec![source], &mut [], &tree);
    Some(
        joined
            .outcomes
            .iter()
            .map(|outcome| outcome.findings.len())
            .sum(),
    )
}

fn odd() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<i64>().prop_map(Value::from),
        Just(json!(-1e300)),
        any::<bool>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        Just(json!("../../..\u{0}/%2e%2E%")),
        Just(json!("file://%")),
        Just(json!("{0}{1}{{}}{")),
        Just(json!(["a", {"b": []}])),
        Just(json!({"text": {"text": 7}})),
    ]
}

/// Replaces the `n`th value below `value`, counted in depth.
fn replace(value: &mut Value, n: &mut usize, with: &Value) -> bool {
    if *n == 0 {
        *value = with.clone();
        return true;
    }
    *n -= 1;
    match value {
        Value::Array(items) => items.iter_mut().any(|item| replace(item, n, with)),
        Value::Object(map) => map.values_mut().any(|item| replace(item, n, with)),
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_value_of_another_kind_is_told_and_no_panic(
        report in 0usize..REPORTS.len(),
        changes in proptest::collection::vec((0usize..400, odd()), 1..4),
    ) {
        let mut value: Value = serde_json::from_str(REPORTS[report]).expect("JSON");
        for (n, with) in changes {
            replace(&mut value, &mut n.clone(), &with);
        }
        import(value.to_string().as_bytes());
    }

    #[test]
    fn a_byte_that_is_another_is_no_panic(
        report in 0usize..REPORTS.len(), at in any::<prop::sample::Index>(), byte in any::<u8>(), end in any::<prop::sample::Index>(),
    ) {
        let mut bytes = REPORTS[report].as_bytes().to_vec();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        import(&bytes);
        bytes.truncate(end.index(bytes.len()));
        import(&bytes);
    }
}

#[test]
fn as_they_are_they_are_all_read() {
    for report in REPORTS {
        assert!(import(report.as_bytes()).is_some_and(|findings| findings > 0));
    }
}
