//! Every renderer over names that nobody wrote.

use std::sync::LazyLock;

use casemate_core::{Finding, Location};
use casemate_report::{
    Artifact, Assessment, Scan, html, markdown, sarif,
    text::{self, Options},
};
use proptest::prelude::*;

use crate::{fixture, sarif::refusal};

static PLAIN: LazyLock<(usize, usize)> = LazyLock::new(|| {
    let report = report("plain");
    let markdown = markdown::assessment(&report);
    (structure(&html::assessment(&report)), pipes(&markdown))
});

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_text_changes_the_structure_of_a_report(
        text in prop_oneof![any::<String>(), "[<>&\"'`|*_\\[\\]()@#\\-\\\\a/:!\n\u{202e}\u{1b}]{0,40}"],
    ) {
        let report = report(&text);
        prop_assert_eq!(structure(&html::assessment(&report)), PLAIN.0);
        prop_assert_eq!(pipes(&markdown::assessment(&report)), PLAIN.1);
        let log = serde_json::from_str(&sarif::assessment(&report)).expect("JSON");
        prop_assert_eq!(refusal(&log), None);
        let scan = scan(&text);
        let log = serde_json::from_str(&sarif::scan(&scan)).expect("JSON");
        prop_assert_eq!(refusal(&log), None);
        for page in [
            text::assessment(&report, Options::default()),
            text::scan(&scan, Options::default()),
            markdown::assessment(&report),
            markdown::scan(&scan),
        ] {
            prop_assert!(!page.contains(|c: char| c.is_control() && c != '\n'));
        }
    }
}

/// An assessment with `text` wherever a name or a message can stand.
fn report(text: &str) -> Assessment {
    let mut parts = fixture::parts();
    parts.outcomes.truncate(4);
    parts.assets.truncate(2);
    parts.findings = vec![finding(text)];
    parts.repository = text.into();
    parts.version = text.into();
    parts.configuration.sources = vec![text.into()];
    parts.configuration.ignored = vec![text.into()];
    parts.configuration.exceptions.truncate(1);
    parts.configuration.exceptions[0].owner = text.into();
    parts.configuration.exceptions[0].scope = text.into();
    parts.decision.reasons[0].message = code_free(text);
    for outcome in &mut parts.outcomes {
        outcome.findings.clear();
        outcome.name = text.into();
        outcome.reason = Some(code_free(text));
        outcome.result = casemate_core::Status::Error;
    }
    for asset in &mut parts.assets {
        asset.name = format!("a{text}");
        asset.labels.insert("format".into(), text.into());
    }
    Assessment::new(parts, &fixture::rules())
}

fn scan(text: &str) -> Scan {
    let artifact = Artifact {
        path: text.into(),
        format: text.into(),
        verdict: casemate_report::Judgement::Unknown,
        coverage: casemate_core::Coverage::Partial,
        reason: Some(text.into()),
        findings: vec![finding(text)],
    };
    Scan::new(text, vec![artifact], &fixture::rules())
}

fn finding(text: &str) -> Finding {
    let rules = fixture::rules();
    let asset = fixture::asset("a", casemate_core::AssetKind::Model, "pickle");
    let location = Location {
        file: format!("f{text}").as_str().into(),
        members: vec![text.into()],
        region: None,
    };
    let path = location.file.clone();
    Finding::new(&rules[0], &asset.id, &path, location, text, code_free(text))
        .with_evidence("label", text)
}

/// A message without backticks, which may become code; all else stays.
fn code_free(text: &str) -> String {
    format!("m{}", text.replace('`', ""))
}

/// How many tags and attributes a page has.
fn structure(page: &str) -> usize {
    page.matches(['<', '"']).count()
}

/// How many cells the tables of a comment have.
fn pipes(comment: &str) -> usize {
    comment.matches('|').count()
}
