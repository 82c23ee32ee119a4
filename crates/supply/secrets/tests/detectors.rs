//! Every row of the data finds its bad example and passes its good one, and no output shows a
//! secret.

use casemate_core::{
    Asset, AssetId, AssetKind, Check, Digest, Example, MemorySource, Outcome, Region, Status,
    Subject,
};
use casemate_secrets::{Detectors, SecretsCheck};

fn outcome(check: &SecretsCheck, content: &[u8]) -> Outcome {
    let subject = Subject {
        asset: Asset {
            id: AssetId::File {
                repository: "local".into(),
                path: "settings.txt".into(),
            },
            kind: AssetKind::Configuration,
            name: "settings.txt".into(),
            labels: std::collections::BTreeMap::new(),
        },
        file: "settings.txt".into(),
        path: "settings.txt".into(),
        digest: Digest::of(content),
    };
    check
        .check(&subject, &MemorySource(content))
        .expect("an example is text")
}

fn content(example: Option<&Example>) -> &[u8] {
    example
        .map(|example| &*example.content)
        .expect("every detector has both examples")
}

#[test]
fn every_detector_finds_its_bad_example_and_passes_its_good_one() {
    let check = SecretsCheck::builtin();
    let mut wrong = Vec::new();
    for rule in check.rules() {
        let bad = outcome(&check, content(rule.bad.as_ref()));
        if bad.findings.iter().all(|finding| finding.rule != rule.id) {
            wrong.push(format!(
                "{} {} does not find its bad example",
                rule.id, rule.title
            ));
        }
        let good = outcome(&check, content(rule.good.as_ref()));
        if good.findings.iter().any(|finding| finding.rule == rule.id) {
            wrong.push(format!("{} {} finds its good example", rule.id, rule.title));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn every_bad_example_is_one_finding() {
    let check = SecretsCheck::builtin();
    for rule in check.rules() {
        let bad = outcome(&check, content(rule.bad.as_ref()));
        let found: Vec<String> = bad
            .findings
            .iter()
            .map(|finding| finding.rule.to_string())
            .collect();
        assert_eq!(found, [rule.id.to_string()], "{}", rule.title);
        assert_eq!(bad.result, Status::Fail);
    }
}

/// The text of a region of one-byte characters.
fn text_of(region: Option<Region>, text: &[u8]) -> Vec<u8> {
    let Some(Region::Text {
        line,
        column,
        end_line,
        end_column,
    }) = region
    else {
        panic!("a finding in text has a place in text");
    };
    let index = |number: u64| usize::try_from(number).expect("small") - 1;
    let lines: Vec<&[u8]> = text.split_inclusive(|&byte| byte == b'\n').collect();
    let start: usize = lines[..index(line)].iter().map(|line| line.len()).sum();
    let end: usize = lines[..index(end_line)].iter().map(|line| line.len()).sum();
    text[start + index(column)..end + index(end_column)].to_vec()
}

#[test]
fn no_output_holds_a_secret() {
    let check = SecretsCheck::builtin();
    let detectors = Detectors::builtin();
    for rule in check.rules() {
        let text = content(rule.bad.as_ref());
        let outcome = outcome(&check, text);
        let json = serde_json::to_string(&outcome).expect("outcomes are JSON");
        let scan = detectors.scan(&MemorySource(text));
        let anchors: String = scan
            .matches
            .iter()
            .map(|found| format!("{} {}", found.anchor, found.redacted))
            .collect();
        let printed = format!("{json}\n{outcome:?}\n{scan:?}\n{anchors}");
        let secret = text_of(outcome.findings[0].location.region, text);
        // What is in the middle of a secret is no provider's prefix.
        let own = &secret[secret.len() / 3..secret.len() * 3 / 4];
        for piece in own.windows(own.len().min(6)) {
            let piece = String::from_utf8_lossy(piece);
            assert!(!printed.contains(&*piece), "{} shows {piece}", rule.id);
        }
    }
}

#[test]
fn every_detector_says_what_to_do_and_where_it_is_described() {
    for rule in SecretsCheck::builtin().rules() {
        assert!(
            rule.remediation.ends_with('.') && !rule.remediation.contains('\n'),
            "{}",
            rule.id
        );
        assert!(rule.description.ends_with('.'), "{}", rule.id);
        assert!(
            rule.references
                .iter()
                .all(|reference| reference.url().is_some()),
            "{}",
            rule.id
        );
    }
}
