//! Reports of other tools: whatever they are, they are refused with a reason, or only add.

use std::collections::BTreeMap;

use casemate_core::{
    AssetId, Confidence, Coverage, Digest, Finding, Location, Outcome, Rule, RuleId, Severity,
    Status,
};
use casemate_imports::{Known, Source, Tree, join, read};

/// A report, joined with a finding of ours about the one file of the tree.
pub fn run(data: &[u8]) {
    let runs = match read(data) {
        Ok(runs) => runs,
        Err(error) => {
            let text = error.to_string();
            assert!(!text.contains(|c: char| c.is_control()), "{text:?}");
            return;
        }
    };
    let asset = AssetId::File {
        repository: "local".into(),
        path: "Dockerfile".into(),
    };
    let known = Known {
        asset: asset.clone(),
        name: "tree/Dockerfile".into(),
        digest: None,
    };
    let tree = Tree {
        root: "tree".into(),
        absolute: Some("/srv/tree".into()),
        files: BTreeMap::from([("Dockerfile".into(), known)]),
    };
    let source = Source {
        name: "report".into(),
        asset: asset.clone(),
        digest: Digest::of(data),
        runs,
    };
    let before = ours(&asset);
    let mut ours = [before.clone()];
    let joined = join(vec![source], &mut ours, &tree);
    ours[0].findings[0].reported_by.clear();
    assert!(ours[0] == before, "an import changes what was found here");
    for outcome in &joined.outcomes {
        assert!(outcome.check.starts_with("import:"), "{}", outcome.check);
        assert!(!outcome.facts.contains_key("verdict"));
        assert_eq!(outcome.result == Status::Fail, !outcome.findings.is_empty());
        for finding in &outcome.findings {
            assert!(finding.rule.tool().is_some(), "{}", finding.rule);
            assert!(!finding.reported_by.is_empty());
            let rules = joined.rules.iter();
            assert_eq!(rules.filter(|rule| rule.id == finding.rule).count(), 1);
        }
    }
}

fn ours(asset: &AssetId) -> Outcome {
    let rule = Rule {
        id: RuleId::new("CM-DKF-001"),
        title: "An image runs as root".into(),
        severity: Severity::High,
        confidence: Confidence::High,
        description: "It does.".into(),
        remediation: "Make a user.".into(),
        references: Vec::new().into(),
        bad: None,
        good: None,
    };
    let location = Location {
        file: "tree/Dockerfile".into(),
        ..Location::default()
    };
    let path = "Dockerfile".into();
    Outcome {
        check: "posture".into(),
        version: "1".into(),
        subject: asset.clone(),
        name: "tree/Dockerfile".into(),
        input: None,
        result: Status::Fail,
        coverage: Coverage::Complete,
        reason: None,
        facts: BTreeMap::new(),
        findings: vec![Finding::new(&rule, asset, &path, location, "", "root")],
    }
}
