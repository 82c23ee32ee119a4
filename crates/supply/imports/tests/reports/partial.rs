//! Runs and reports that are not whole.

use casemate_core::{Coverage, Status};

use crate::{CHECKOV, TRIVY_DOCKERFILE, TRIVY_LICENSES, TRIVY_NPM, TRIVY_SECRETS, import};

#[test]
fn a_run_that_was_not_whole_is_partial() {
    for (run, said) in [
        (
            r#""invocations":[{"executionSuccessful":false}],"results":[]"#,
            "its run failed",
        ),
        (
            r#""invocations":[{"executionSuccessful":true,"toolExecutionNotifications":[{"level":"error","message":{"text":"out of memory"}}]}],"results":[]"#,
            "out of memory",
        ),
        (r#""automationDetails":{}"#, "no `results`"),
        (
            r#""results":[{"ruleId":7}]"#,
            "results[0]: `ruleId` is a number and not a string",
        ),
        (
            r#""results":[[]]"#,
            "results[0]: `it` is a list and not a map",
        ),
        (
            r#""results":[{"message":{"text":"m"}}]"#,
            "no name of a rule",
        ),
    ] {
        let report = format!(
            r#"{{"version":"2.1.0","runs":[{{"tool":{{"driver":{{"name":"T"}}}},{run}}}]}}"#
        );
        let joined = import("r.sarif", &report, &mut []);
        let whole = &joined.outcomes[0];
        assert_eq!(whole.coverage, Coverage::Partial, "{run}");
        let reason = whole.reason.as_deref().unwrap_or_default();
        assert!(reason.contains(said), "{run}: {reason}");
    }
    let unparsed = r#"{"check_type":"terraform","results":{"failed_checks":[],"parsing_errors":["/bad.tf"]},"summary":{"checkov_version":"3.3.30"}}"#;
    let joined = import("checkov.json", unparsed, &mut []);
    assert_eq!(joined.outcomes[0].coverage, Coverage::Partial);
    assert!(
        joined.outcomes[0]
            .reason
            .as_deref()
            .is_some_and(|it| it.contains("/bad.tf"))
    );
}

#[test]
fn what_a_summary_counts_and_the_report_does_not_have_is_told() {
    let trivy = |more: &str| {
        format!(r#"{{"SchemaVersion":2,"Results":[{{"Target":"Dockerfile",{more}}}]}}"#)
    };
    let modified = |more: &str| trivy(&format!(r#""ExperimentalModifiedFindings":[{{{more}}}]"#));
    let nothing =
        r#"{"checkov_version":"3.3.30","passed":0,"failed":7,"skipped":0,"parsing_errors":3}"#;
    let no_results =
        r#"{"check_type":"terraform","results":null,"summary":{"checkov_version":"3","failed":9}}"#;
    // As `--quiet` writes it.
    let quiet = r#"{"check_type":"terraform","results":{"failed_checks":[]},"summary":{"checkov_version":"3","failed":0,"skipped":2}}"#;
    for (report, said) in [
        (
            nothing.to_owned(),
            "checkov: the summary counts 7 as `failed`, and 0 are in the report",
        ),
        (
            nothing.to_owned(),
            "checkov: the summary counts 3 as `parsing_errors`, and 0 are in the report",
        ),
        (
            no_results.to_owned(),
            "terraform: the report has no `results`",
        ),
        (
            no_results.to_owned(),
            "terraform: the summary counts 9 as `failed`, and 0 are in the report",
        ),
        (
            quiet.to_owned(),
            "terraform: the summary counts 2 as `skipped`, and 0 are in the report",
        ),
        (
            CHECKOV.replacen("\"failed\": 12", "\"failed\": 13", 1),
            "the summary counts 13 as `failed`, and 12 are in the report",
        ),
        (
            trivy(r#""MisconfSummary":{"Successes":1,"Failures":2}"#),
            "Results[0]: the summary counts 2 as `Failures`, and 0 are in the report",
        ),
        (
            trivy(
                r#""MisconfSummary":{"Failures":2},"Misconfigurations":[{"ID":"A","Status":"PASS"},{"ID":"A","Status":"FAIL"}]"#,
            ),
            "Results[0]: the summary counts 2 as `Failures`, and 1 are in the report",
        ),
        (
            modified(r#""Type":"vulnerability","Status":"ignored""#),
            "Results[0].ExperimentalModifiedFindings[0]: there is no `Finding`",
        ),
        (
            modified(r#""Type":"malware","Finding":{}"#),
            "Results[0].ExperimentalModifiedFindings[0]: `Type` is `malware`, which is not known",
        ),
        (
            modified(r#""Finding":{}"#),
            "Results[0].ExperimentalModifiedFindings[0]: there is no `Type`",
        ),
    ] {
        let joined = import("r.json", &report, &mut []);
        let whole = &joined.outcomes[0];
        assert_eq!(
            (whole.result, whole.coverage),
            (Status::Undetermined, Coverage::Partial),
            "{said}"
        );
        let reason = whole.reason.as_deref().unwrap_or_default();
        assert!(reason.contains(said), "{said}: {reason}");
    }
    // What Trivy itself leaves out of its list, it does not count as a failure either.
    for report in [TRIVY_DOCKERFILE, TRIVY_NPM, TRIVY_SECRETS, TRIVY_LICENSES] {
        let joined = import("trivy.json", report, &mut []);
        assert_eq!(joined.outcomes[0].coverage, Coverage::Complete);
    }
}
