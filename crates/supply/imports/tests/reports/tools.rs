//! What the tools themselves wrote.

use casemate_core::{Coverage, PathText, Severity, Status};
use casemate_imports::{join, read};

use crate::{
    BANDIT, CHECKOV, CHECKOV_SARIF, RUFF, SEMGREP, TRIVY_DOCKERFILE, TRIVY_LICENSES, TRIVY_NPM,
    TRIVY_SECRETS, ZIZMOR, findings_of, import, ours, outcome, source, tree,
};

#[test]
fn every_result_of_the_real_tools_is_read_and_found_in_the_tree() {
    for (name, report, findings) in [
        ("checkov.json", CHECKOV, 24),
        ("checkov.sarif", CHECKOV_SARIF, 24),
        ("zizmor.sarif", ZIZMOR, 4),
        ("bandit.sarif", BANDIT, 6),
        ("ruff.sarif", RUFF, 3),
        ("semgrep.sarif", SEMGREP, 4),
    ] {
        let joined = import(name, report, &mut []);
        let run = &joined.runs[0];
        assert_eq!(run.added + run.repeated, findings, "{name}: {run:?}");
        assert_eq!((run.elsewhere, run.open), (0, 0), "{name}");
        let whole = &joined.outcomes[0];
        assert_eq!(
            (whole.result, whole.coverage),
            (Status::Pass, Coverage::Complete),
            "{name}"
        );
        for finding in findings_of(&joined) {
            assert!(finding.rule.tool().is_some());
            // Of a workflow as a whole, Checkov says that it begins in line 0.
            let is_whole = name == "checkov.json" && finding.rule.as_str() == "checkov:CKV2_GHA_1";
            assert_eq!(
                finding.location.region.is_none(),
                is_whole,
                "{name}: {}",
                finding.rule
            );
            assert_eq!(finding.reported_by.len(), 1);
            assert!(joined.rules.iter().any(|rule| rule.id == finding.rule));
        }
    }
}

#[test]
fn trivys_own_samples_are_read() {
    let joined = import("trivy.json", TRIVY_DOCKERFILE, &mut []);
    let finding = &findings_of(&joined)[0];
    assert_eq!(finding.rule.as_str(), "trivy:DS-0002");
    assert_eq!(finding.severity, Severity::High);
    assert_eq!(finding.location.file, PathText::from("tree/Dockerfile"));
    assert!(finding.remediation.starts_with("Add 'USER"));

    let joined = import("trivy.json", TRIVY_SECRETS, &mut []);
    let ids: Vec<_> = findings_of(&joined)
        .iter()
        .map(|it| it.rule.to_string())
        .collect();
    assert_eq!(ids, ["trivy:aws-access-key-id", "trivy:mysecret"]);
    for finding in findings_of(&joined) {
        assert!(!format!("{finding:?}").contains("AWS_ACCESS_KEY_ID"));
    }

    // What a statement took out was accepted there.
    let joined = import("trivy.json", TRIVY_NPM, &mut []);
    let accepted: Vec<_> = findings_of(&joined)
        .into_iter()
        .filter(|finding| finding.suppression.is_some())
        .collect();
    assert_eq!(accepted.len(), 1);
    let why = accepted[0].suppression.as_ref().expect("accepted");
    assert!(why.reason.starts_with("not_affected"), "{}", why.reason);
    assert_eq!((&*why.owner, why.expires), ("Trivy", None));

    let joined = import("trivy.json", TRIVY_LICENSES, &mut []);
    assert_eq!(findings_of(&joined).len(), 3);
    assert_eq!(joined.runs[0].elsewhere, 3, "a target that is no file");
}

#[test]
fn what_checkov_skips_was_accepted_there() {
    let skipped = CHECKOV.replace("\"failed_checks\"", "\"skipped_checks\"");
    let skipped = skipped.replace(
        "\"result\": \"FAILED\"",
        "\"result\": \"SKIPPED\", \"suppress_comment\": \"known\"",
    );
    let mut outcomes = [outcome(vec![ours(
        "CM-AWS-006",
        "infra/main.tf",
        "aws_s3_bucket.models",
        1,
    )])];
    let joined = import("checkov.json", &skipped, &mut outcomes);
    assert_eq!(joined.runs[0].accepted, 23);
    let ours = &outcomes[0].findings[0];
    assert!(ours.suppression.is_none(), "it accepts nothing of ours");
    assert_eq!(ours.reported_by[0].accepted.as_deref(), Some("known"));
    let nothing = r#"{"passed":0,"failed":0,"skipped":0,"parsing_errors":0,"resource_count":0,"checkov_version":"3.3.30"}"#;
    let joined = import("checkov.json", nothing, &mut []);
    assert_eq!(joined.outcomes[0].result, Status::Pass);
}

#[test]
fn windows_writes_utf_16_and_backslashes() {
    let report = CHECKOV.replace("/infra/main.tf", "\\\\infra\\\\main.tf");
    let mut bytes = vec![0xff, 0xfe];
    bytes.extend(report.encode_utf16().flat_map(u16::to_le_bytes));
    let runs = read(&bytes).expect("a report");
    let mut source = source("checkov.json", CHECKOV);
    source.runs = runs;
    let joined = join(vec![source], &mut [], &tree());
    assert_eq!(joined.runs[0].elsewhere, 0);
}

#[test]
fn what_we_wrote_ourselves_adds_nothing() {
    for run in [
        r#""tool":{"driver":{"name":"casemate","version":"0.1.0"}}"#,
        r#""tool":{"driver":{"name":"Checkov"}},"conversion":{"tool":{"driver":{"name":"casemate"}}}"#,
    ] {
        let report = format!(
            r#"{{"version":"2.1.0","runs":[{{{run},"results":[{{"ruleId":"CM-PKL-001","message":{{"text":"m"}}}}]}}]}}"#
        );
        let joined = import("r.sarif", &report, &mut []);
        assert_eq!(joined.outcomes.len(), 1);
        assert_eq!(joined.outcomes[0].result, Status::NotApplicable);
    }
}
