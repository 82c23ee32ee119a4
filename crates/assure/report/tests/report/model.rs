use casemate_core::{Coverage, Severity, Status};
use casemate_report::{Artifact, Assessment, Judgement, Parts, Scan};

use crate::fixture;

#[test]
fn the_order_of_the_parts_does_not_matter() {
    let mut parts = fixture::parts();
    parts.assets.reverse();
    parts.outcomes.reverse();
    parts.configuration.ignored.reverse();
    let reversed = Assessment::new(parts, &fixture::rules());
    let json = |a: &Assessment| serde_json::to_string(a).expect("serialises");
    assert_eq!(json(&reversed), json(&fixture::assessment()));
}

#[test]
fn findings_stand_worst_first_then_by_file() {
    let findings = fixture::assessment().findings;
    let order: Vec<_> = findings
        .iter()
        .map(|f| (5 - f.severity as u8, &f.location.file))
        .collect();
    assert!(order.is_sorted(), "{order:?}");
}

#[test]
fn what_is_accepted_is_counted_apart() {
    let summary = fixture::assessment().summary;
    assert_eq!(summary.suppressed, 1);
    assert_eq!(summary.findings[&Severity::Medium], 2);
    assert_eq!(summary.findings[&Severity::Info], 0);
    assert_eq!(summary.findings.values().sum::<u64>(), 6);
}

#[test]
fn what_was_not_looked_at_is_a_gap_and_so_is_what_was_not_understood() {
    let assessment = fixture::assessment();
    let words: Vec<_> = assessment.gaps.iter().map(|gap| gap.word()).collect();
    assert_eq!(words, ["undetermined", "partial", "error"]);
    assert_eq!(assessment.summary.incomplete, 2);
}

#[test]
fn a_report_explains_the_rules_it_names_and_no_others() {
    let rules = fixture::assessment().rules;
    let ids: Vec<_> = rules.iter().map(|rule| rule.id.as_str()).collect();
    assert_eq!(
        ids,
        ["CM-EXC-001", "CM-PKL-001", "CM-PKL-007", "CM-SEC-004"]
    );
}

#[test]
fn without_a_verdict_a_file_is_unknown() {
    let Parts { outcomes, .. } = fixture::parts();
    let mut outcome = outcomes[0].clone();
    outcome.facts.clear();
    let artifact = |outcome: &casemate_core::Outcome| Artifact::new("a".into(), outcome.clone());
    assert_eq!(artifact(&outcome).verdict, Judgement::Unknown);
    assert_eq!(artifact(&outcome).format, "unknown");
    outcome.facts.insert("verdict".into(), "harmless".into());
    assert_eq!(artifact(&outcome).verdict, Judgement::Unknown);
    outcome.facts.insert("verdict".into(), "inert".into());
    assert_eq!(artifact(&outcome).verdict, Judgement::Inert);
    outcome.result = Status::Error;
    assert_eq!(artifact(&outcome).verdict, Judgement::Unknown);
}

#[test]
fn a_scan_is_clean_only_if_every_file_is_whole_and_harmless() {
    let artifact = |verdict, coverage| Artifact {
        path: "a".into(),
        format: "pickle".into(),
        verdict,
        coverage,
        reason: None,
        findings: Vec::new(),
    };
    let clean = |artifact| Scan::new("0", vec![artifact], &[]).is_clean();
    assert!(clean(artifact(Judgement::Inert, Coverage::Complete)));
    assert!(clean(artifact(Judgement::Known, Coverage::Complete)));
    assert!(!clean(artifact(Judgement::Inert, Coverage::Partial)));
    assert!(!clean(artifact(Judgement::Unknown, Coverage::Complete)));
    assert!(!clean(artifact(Judgement::Dangerous, Coverage::Complete)));
    assert!(!fixture::scan().is_clean());
}
