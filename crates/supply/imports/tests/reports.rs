//! Reports that the tools themselves wrote, joined with what was found here.

use std::collections::BTreeMap;

use casemate_core::{
    AssetId, Confidence, Coverage, Digest, Finding, Location, Outcome, PathText, Region, Rule,
    RuleId, Severity, Status,
};
use casemate_imports::{Joined, Known, Source, Tree, join, read};

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
fn what_both_found_is_one_finding_and_ours() {
    let logging = ours("CM-AWS-006", "infra/main.tf", "aws_s3_bucket.models", 1);
    let other = ours("CM-AWS-006", "infra/main.tf", "aws_s3_bucket.other", 1);
    let root = ours(
        "CM-POD-032",
        "deploy/deployment.yaml",
        "Deployment/payments/fraud-scorer",
        20,
    );
    let before = [logging.clone(), other.clone(), root.clone()];
    let mut outcomes = [outcome(before.to_vec())];
    let joined = import("checkov.json", CHECKOV, &mut outcomes);
    let said = |n: usize| {
        let reported: &Vec<_> = &outcomes[0].findings[n].reported_by;
        reported.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(
        said(0),
        ["Checkov 3.3.30 as CKV_AWS_18 (no severity is taken for medium)"]
    );
    assert!(said(1).is_empty(), "another resource");
    assert_eq!(
        said(2),
        ["Checkov 3.3.30 as CKV_K8S_23 (no severity is taken for medium)"]
    );
    assert_eq!((joined.runs[0].joined, joined.runs[0].added), (2, 22));
    let ids: Vec<_> = findings_of(&joined)
        .iter()
        .map(|it| it.rule.to_string())
        .collect();
    assert!(
        !ids.iter()
            .any(|id| id == "checkov:CKV_AWS_18" || id == "checkov:CKV_K8S_23")
    );

    // Nothing else of ours is another than before.
    for (finding, before) in outcomes[0].findings.iter_mut().zip(before) {
        finding.reported_by.clear();
        assert_eq!(*finding, before);
    }
}

#[test]
fn another_resource_in_the_same_lines_is_another_wherever_terraform_writes_it() {
    for path in [
        "main.tofu",
        "main.tf.json",
        "main.tofu.json",
        "plan.json",
        "terraform.tfstate",
    ] {
        let report = CHECKOV.replace("/infra/main.tf\"", &format!("/infra/{path}\""));
        let place = format!("infra/{path}");
        let mut tree = tree();
        tree.files.insert((&*place).into(), known(&place));
        let ours = ["aws_s3_bucket.models", "aws_s3_bucket.other"]
            .map(|resource| ours("CM-AWS-006", &place, resource, 33));
        let mut outcomes = [outcome(ours.to_vec())];
        join(vec![source("checkov.json", &report)], &mut outcomes, &tree);
        let said = outcomes[0].findings.iter().map(|it| it.reported_by.len());
        assert_eq!(said.collect::<Vec<_>>(), [1, 0], "{path}");
        // Nor is it swallowed where ours is the only one there.
        let mut outcomes = [outcome(vec![ours[1].clone()])];
        let joined = join(vec![source("checkov.json", &report)], &mut outcomes, &tree);
        assert!(outcomes[0].findings[0].reported_by.is_empty(), "{path}");
        assert_eq!(joined.runs[0].joined, 0, "{path}");
    }
}

#[test]
fn two_tools_are_one_only_where_the_table_says_so() {
    let image = TRIVY_DOCKERFILE.replace("DS-0002", "DS-0001");
    let sources = vec![
        source("checkov.json", CHECKOV),
        source("trivy.json", &image),
    ];
    let joined = join(sources, &mut [], &tree());
    let latest = find(&joined, "checkov:CKV_DOCKER_7");
    assert_eq!(
        latest.reported_by.len(),
        2,
        "CKV_DOCKER_7 and DS-0001 are CM-DKF-003"
    );
    assert!(
        findings_of(&joined)
            .iter()
            .all(|it| it.rule.tool() != Some("trivy"))
    );

    let joined = join(
        vec![
            source("checkov.json", CHECKOV),
            source(
                "trivy.json",
                &TRIVY_DOCKERFILE.replace("DS-0002", "DS-9999"),
            ),
        ],
        &mut [],
        &tree(),
    );
    assert_eq!(find(&joined, "trivy:DS-9999").reported_by.len(), 1);
}

#[test]
fn the_same_report_twice_adds_nothing_the_second_time() {
    let twice = vec![source("a.json", CHECKOV), source("b.json", CHECKOV)];
    let joined = join(twice, &mut [], &tree());
    assert_eq!(findings_of(&joined).len(), 24);
    assert_eq!((joined.runs[1].added, joined.runs[1].repeated), (0, 24));
}

#[test]
fn two_tools_that_are_one_are_as_bad_as_the_worst_of_them() {
    let report = |tool: &str, rule: &str, more: &str| {
        format!(
            r#"{{"version":"2.1.0","runs":[{{"tool":{{"driver":{{"name":"{tool}","rules":[{{"id":"{rule}","properties":{{{more}}}}}]}}}},
            "results":[{{"ruleId":"{rule}","message":{{"text":"m"}},"locations":[{{"physicalLocation":{{"artifactLocation":{{"uri":"Dockerfile"}}}}}}]}}]}}]}}"#
        )
    };
    let low = r#""security-severity":"1.0","precision":"low""#;
    let critical = r#""security-severity":"9.8","precision":"high""#;
    for (checkov, trivy) in [(low, critical), (critical, low)] {
        let checkov = report("Checkov", "CKV_DOCKER_7", checkov);
        let trivy = report("Trivy", "DS-0001", trivy);
        for turned in [false, true] {
            let mut sources = vec![source("c.sarif", &checkov), source("t.sarif", &trivy)];
            if turned {
                sources.reverse();
            }
            let joined = join(sources, &mut [], &tree());
            let findings = findings_of(&joined);
            assert_eq!(findings.len(), 1);
            assert_eq!(
                (findings[0].severity, findings[0].confidence),
                (Severity::Critical, Confidence::High)
            );
            let name = if turned { "t.sarif" } else { "c.sarif" };
            assert_eq!(joined.runs[0].source, PathText::from(name));
        }
    }
}

#[test]
fn a_repeat_counts_as_the_worst_of_them_in_any_order() {
    let report = |more: &str| {
        sarif(&format!(
            r#"[{{"ruleId":"A","message":{{"text":"m"}},{more},"locations":[{{"physicalLocation":{{"artifactLocation":{{"uri":"infra/main.tf"}}}}}}]}}]"#
        ))
    };
    let accepted = report(r#""level":"warning","suppressions":[{"kind":"inSource"}]"#);
    let open = report(r#""kind":"open","level":"warning""#);
    let low = report(r#""level":"note""#);
    let high = report(r#""level":"error""#);
    for (one, other, severity) in [
        (&accepted, &high, Severity::High),
        (&accepted, &low, Severity::Medium),
        (&open, &high, Severity::High),
        (&low, &high, Severity::High),
    ] {
        for (first, second) in [(one, other), (other, one)] {
            let sources = vec![source("a.sarif", first), source("b.sarif", second)];
            let joined = join(sources, &mut [], &tree());
            let findings = findings_of(&joined);
            assert_eq!(findings.len(), 1, "{first} {second}");
            assert!(findings[0].is_open(), "{first} {second}");
            assert_eq!(findings[0].severity, severity, "{first} {second}");
            assert_eq!(joined.runs.iter().map(|it| it.repeated).sum::<u64>(), 1);
        }
    }
}

#[test]
fn many_results_of_a_whole_file_are_named_once_by_each_finding() {
    let result = |rule: &str, n: usize| {
        format!(
            r#"{{"ruleId":"{rule}","message":{{"text":"{n}"}},"locations":[{{"physicalLocation":{{"artifactLocation":{{"uri":"infra/main.tf"}}}}}}]}}"#
        )
    };
    let report = |results: Vec<String>| {
        sarif(&format!("[{}]", results.join(","))).replace(r#""name":"T""#, r#""name":"Trivy""#)
    };
    let findings = |count: u64| {
        let ours = (1..=count).map(|n| ours("CM-AWS-006", "infra/main.tf", "aws_s3_bucket.a", n));
        [outcome(ours.collect())]
    };
    let most = |outcomes: &[Outcome]| {
        let named = outcomes[0].findings.iter().map(|it| it.reported_by.len());
        named.max()
    };

    let many = report((0..400).map(|n| result("AWS-0089", n)).collect());
    let mut outcomes = findings(100);
    let joined = import("r.sarif", &many, &mut outcomes);
    assert_eq!((joined.runs[0].joined, most(&outcomes)), (400, Some(1)));
    assert_eq!(joined.outcomes[0].coverage, Coverage::Complete);

    // One rule in as many spellings as there are results.
    let spelled = (1..50).map(|n| result(&format!("AWS{}89", "0".repeat(n)), n));
    let mut outcomes = findings(3);
    let joined = import("r.sarif", &report(spelled.collect()), &mut outcomes);
    assert_eq!((joined.runs[0].joined, most(&outcomes)), (49, Some(32)));
    assert_eq!(joined.outcomes[0].coverage, Coverage::Partial);

    // More pairs than are compared: what is over stands for itself, and that is told.
    let many = report((0..5_000).map(|n| result("AWS-0089", n)).collect());
    let mut outcomes = findings(500);
    let joined = import("r.sarif", &many, &mut outcomes);
    let run = &joined.runs[0];
    assert_eq!((run.joined, run.added), (4_000, 1_000));
    assert_eq!(most(&outcomes), Some(1));
    let whole = &joined.outcomes[0];
    assert_eq!(whole.coverage, Coverage::Partial);
    let reason = whole.reason.as_deref().unwrap_or_default();
    assert!(
        reason.contains("1000 of its results were not compared with every finding"),
        "{reason}"
    );
}

#[test]
fn a_fingerprint_does_not_depend_on_lines_or_versions() {
    let moved = CHECKOV
        .replace("3.3.30", "3.4.0")
        .replace("\"file_line_range\": [", "\"file_line_range\": [1");
    let prints = |report: &str| {
        let joined = import("checkov.json", report, &mut []);
        findings_of(&joined)
            .iter()
            .map(|it| it.fingerprint)
            .collect::<Vec<_>>()
    };
    assert_eq!(prints(CHECKOV), prints(&moved));
    let renamed = CHECKOV.replace("aws_s3_bucket.models", "aws_s3_bucket.others");
    assert_ne!(prints(CHECKOV), prints(&renamed));
}

#[test]
fn what_is_not_in_the_tree_is_told_and_kept() {
    for (place, said) in [
        ("../../etc/passwd", "leads out of the tree"),
        ("/etc/shadow", "leads out of the tree"),
        ("nowhere.tf", "`nowhere.tf`"),
        (
            "https://example.org/main.tf",
            "`https://example.org/main.tf`",
        ),
        ("main.tf\\u0000", "are about what is not in the tree"),
    ] {
        let report = sarif(&format!(
            r#"[{{"ruleId":"A","message":{{"text":"m"}},"locations":[{{"physicalLocation":{{"artifactLocation":{{"uri":"{place}"}}}}}}]}}]"#
        ));
        let joined = import("r.sarif", &report, &mut []);
        let whole = &joined.outcomes[0];
        assert_eq!(
            (whole.result, whole.coverage),
            (Status::Undetermined, Coverage::Complete)
        );
        let reason = whole.reason.as_deref().expect("a reason");
        assert!(reason.contains(said), "{place}: {reason}");
        let finding = &findings_of(&joined)[0];
        assert_eq!(finding.location.file, PathText::from("r.sarif"));
        assert!(
            finding.message.contains("which is not in the tree"),
            "{}",
            finding.message
        );
    }
}

#[test]
fn sarif_says_more_than_that_something_is_wrong() {
    let report = |more: &str| {
        let result = format!(
            r#"[{{"ruleId":"A","message":{{"text":"m"}},{more},"locations":[{{"physicalLocation":{{"artifactLocation":{{"uri":"infra/main.tf"}}}}}}]}}]"#
        );
        import("r.sarif", &sarif(&result), &mut [])
    };
    for kind in ["pass", "notApplicable", "informational"] {
        let joined = report(&format!(r#""kind":"{kind}""#));
        assert!(
            joined.outcomes.iter().all(|it| it.result == Status::Pass),
            "{kind}"
        );
    }
    for kind in ["open", "review", "maybe"] {
        let joined = report(&format!(r#""kind":"{kind}""#));
        assert!(findings_of(&joined).is_empty());
        assert_eq!(joined.outcomes[1].result, Status::Undetermined, "{kind}");
        assert_eq!(joined.runs[0].open, 1);
    }
    for (more, severity) in [
        (r#""level":"error""#, Severity::High),
        (r#""level":"note""#, Severity::Low),
        (r#""kind":"fail""#, Severity::Medium),
        (
            r#""level":"note","properties":{"security-severity":"9.1"}"#,
            Severity::Critical,
        ),
        (
            r#""level":"note","properties":{"security-severity":"much"}"#,
            Severity::Low,
        ),
    ] {
        assert_eq!(findings_of(&report(more))[0].severity, severity, "{more}");
    }
    for (suppressions, is_accepted) in [
        (r#"[{"kind":"inSource","justification":"known"}]"#, true),
        (r#"[{"kind":"external","status":"accepted"}]"#, true),
        (r#"[{"kind":"external","status":"underReview"}]"#, false),
        (
            r#"[{"kind":"external"},{"kind":"external","status":"rejected"}]"#,
            false,
        ),
        ("[]", false),
    ] {
        let joined = report(&format!(r#""suppressions":{suppressions}"#));
        let finding = findings_of(&joined)[0].clone();
        assert_eq!(finding.suppression.is_some(), is_accepted, "{suppressions}");
    }
    let joined = report(r#""baselineState":"unchanged""#);
    let finding = findings_of(&joined)[0];
    assert_eq!(
        finding.reported_by[0].baseline.as_deref(),
        Some("unchanged")
    );
    assert!(finding.is_open(), "what their baseline has counts");
    assert!(findings_of(&report(r#""baselineState":"absent""#)).is_empty());
}

#[test]
fn what_a_rule_says_is_the_rule_of_its_result() {
    let report = r#"{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"T","rules":[
        {"id":"A","shortDescription":{"text":"Title"},"helpUri":"https://example.org/a",
         "defaultConfiguration":{"level":"error"},"messageStrings":{"default":{"text":"{0} is {1}, {{so}} {2}"}},
         "properties":{"precision":"low","tags":["security","external/cwe/cwe-079"]},
         "relationships":[{"target":{"id":"502","toolComponent":{"name":"CWE"}},"kinds":["relevant"]}]}]},
        "extensions":[{"name":"E","rules":[{"id":"B","defaultConfiguration":{"level":"note"}}]}]},
        "originalUriBaseIds":{"%SRCROOT%":{"uri":"file:///srv/tree/"},"SUB":{"uri":"infra/","uriBaseId":"%SRCROOT%"},
          "LOOP":{"uri":"x/","uriBaseId":"LOOP"}},
        "artifacts":[{"location":{"uri":"Dockerfile"}}],
        "results":[
         {"ruleId":"A/sub","message":{"id":"default","arguments":["a","b"]},"taxa":[{"id":"CWE-22","toolComponent":{"name":"CWE"}}],
          "locations":[{"physicalLocation":{"artifactLocation":{"uri":"main.tf","uriBaseId":"SUB"}}}]},
         {"rule":{"index":0,"toolComponent":{"index":0}},"message":{"text":"m"},
          "locations":[{"physicalLocation":{"artifactLocation":{"index":0}}}]},
         {"ruleId":"C","message":{"text":"m"},"locations":[{"physicalLocation":{"artifactLocation":{"uri":"y","uriBaseId":"LOOP"}}}]}]}]}"#;
    let joined = import("r.sarif", report, &mut []);
    let first = find(&joined, "t:A/sub");
    assert_eq!(first.message, "a is b, {so} {2}");
    assert_eq!(
        (first.severity, first.confidence),
        (Severity::High, Confidence::Low)
    );
    assert_eq!(first.location.file, PathText::from("tree/infra/main.tf"));
    let rule = joined
        .rules
        .iter()
        .find(|rule| rule.id == first.rule)
        .expect("a rule");
    let references: Vec<_> = rule
        .references
        .iter()
        .map(casemate_core::Reference::as_str)
        .collect();
    assert_eq!(
        references,
        ["https://example.org/a", "CWE-79", "CWE-502", "CWE-22"]
    );
    let second = find(&joined, "t:B");
    assert_eq!(second.severity, Severity::Low);
    assert_eq!(second.location.file, PathText::from("tree/Dockerfile"));
    assert_eq!(joined.runs[0].elsewhere, 1);
}

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

#[test]
fn what_is_no_report_says_why() {
    let twice = r#"{"runs":[],"version":"2.1.0","runs":[]}"#;
    for (bytes, expected) in [
        (&b""[..], "it is empty"),
        (b" \n", "it is empty"),
        (b"\xef\xbb\xbf", "it is empty"),
        (b"{\"a\":1}\xff", "byte 7 is not UTF-8"),
        (b"{\0\"\0", "line 1, column 2"),
        (b"{} {}", "line 1, column 4: something follows the value"),
        (b"{\"a\": NaN}", "line 1, column 7: expected a value"),
        (
            twice.as_bytes(),
            "line 1, column 30: the key \"runs\" stands twice",
        ),
        (b"[]", "it is neither SARIF 2.1.0"),
        (
            b"7",
            "it is neither SARIF 2.1.0, nor what `checkov -o json` or `trivy --format json` prints: it is a number",
        ),
        (
            b"{\"bomFormat\":\"CycloneDX\"}",
            "it begins with `bomFormat`",
        ),
        (
            b"{\"SchemaVersion\":1}",
            "it is Trivy's JSON of the version 1, and 2 is what can be read",
        ),
        (b"{\"SchemaVersion\":[]}", "of the version a list"),
        (
            b"{\"runs\":[],\"version\":\"2.0.0\"}",
            "it is SARIF of the version 2.0.0",
        ),
        (b"{\"runs\":[]}", "it is no SARIF: it has no `version`"),
        (
            b"{\"runs\":7,\"version\":\"2.1.0\"}",
            "it is no SARIF: `runs` is a number and not a list",
        ),
        (
            b"{\"runs\":[7],\"version\":\"2.1.0\"}",
            "runs[0]: `it` is a number and not a map",
        ),
        (
            b"{\"check_type\":\"x\",\"results\":7}",
            "report 0: `results` is a number and not a map",
        ),
        (
            b"{\"SchemaVersion\":2,\"Results\":{}}",
            "`Results` is a map and not a list",
        ),
    ] {
        let error = read(bytes).expect_err(expected).to_string();
        assert!(
            error.contains(expected),
            "{}: {error}",
            bytes.escape_ascii()
        );
    }
    let nested = read(&vec![b'['; 10 << 20])
        .expect_err("too deep")
        .to_string();
    assert!(nested.contains("nested more than 100 deep"), "{nested}");
    let many = sarif(&format!(
        "[{}]",
        vec![r#"{"ruleId":"A"}"#; 50_001].join(",")
    ));
    let many = read(many.as_bytes()).expect_err("too many").to_string();
    assert!(
        many.starts_with("it has 50001 results, and 50000 are the most"),
        "{many}"
    );
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
fn what_is_in_an_image_is_no_file_of_the_tree() {
    let image = TRIVY_NPM.replace("\"repository\"", "\"container_image\"");
    let image = image.replace("\"filesystem\"", "\"container_image\"");
    let joined = import("trivy.json", &image, &mut []);
    assert_eq!(joined.runs[0].elsewhere, joined.runs[0].added);
}

fn import(name: &str, report: &str, ours: &mut [Outcome]) -> Joined {
    join(vec![source(name, report)], ours, &tree())
}

fn source(name: &str, report: &str) -> Source {
    Source {
        name: name.into(),
        asset: file(name),
        digest: Digest::of(report.as_bytes()),
        runs: read(report.as_bytes()).unwrap_or_else(|error| panic!("{name}: {error}")),
    }
}

fn sarif(results: &str) -> String {
    format!(
        r#"{{"version":"2.1.0","runs":[{{"tool":{{"driver":{{"name":"T"}}}},"results":{results}}}]}}"#
    )
}

fn findings_of(joined: &Joined) -> Vec<&Finding> {
    joined
        .outcomes
        .iter()
        .flat_map(|outcome| &outcome.findings)
        .collect()
}

fn find<'a>(joined: &'a Joined, rule: &str) -> &'a Finding {
    let found = findings_of(joined)
        .into_iter()
        .find(|it| it.rule.as_str() == rule);
    found.unwrap_or_else(|| panic!("no {rule}"))
}

fn file(path: &str) -> AssetId {
    AssetId::File {
        repository: "local".into(),
        path: path.into(),
    }
}

fn known(path: &str) -> Known {
    Known {
        asset: file(path),
        name: PathText::from("tree").join(&path.into()),
        digest: None,
    }
}

fn tree() -> Tree {
    let paths = [
        ".github/workflows/train.yml",
        "Dockerfile",
        "deploy.sh",
        "deploy/deployment.yaml",
        "infra/main.tf",
        "make.py",
        "package-lock.json",
        "src/compare_vendor.py",
        "src/serve.py",
        "src/train.py",
    ];
    Tree {
        root: "tree".into(),
        absolute: Some("/src/fraud-model".into()),
        files: paths.map(|path| (path.into(), known(path))).into(),
    }
}

fn ours(rule: &str, path: &str, resource: &str, line: u64) -> Finding {
    let rule = Rule {
        id: rule.parse::<RuleId>().expect("a rule"),
        title: "A rule".into(),
        severity: Severity::Low,
        confidence: Confidence::High,
        description: "A rule.".into(),
        remediation: "Repair it.".into(),
        references: Vec::new().into(),
        bad: None,
        good: None,
    };
    let location = Location {
        file: PathText::from("tree").join(&path.into()),
        members: Vec::new(),
        region: Some(Region::Text {
            line,
            column: 1,
            end_line: line,
            end_column: 9,
        }),
    };
    let finding = Finding::new(
        &rule,
        &file(path),
        &path.into(),
        location,
        resource,
        "wrong",
    );
    finding.with_evidence("resource", resource)
}

fn outcome(findings: Vec<Finding>) -> Outcome {
    Outcome {
        check: "posture".into(),
        version: "1".into(),
        subject: file("infra/main.tf"),
        name: "tree/infra/main.tf".into(),
        input: None,
        result: Status::Fail,
        coverage: Coverage::Complete,
        reason: None,
        facts: BTreeMap::new(),
        findings,
    }
}

const CHECKOV: &str = include_str!("../../../../tests/fixtures/imports/checkov.json");
const CHECKOV_SARIF: &str = include_str!("../../../../tests/fixtures/imports/checkov.sarif");
const ZIZMOR: &str = include_str!("../../../../tests/fixtures/imports/zizmor.sarif");
const BANDIT: &str = include_str!("../../../../tests/fixtures/imports/bandit.sarif");
const RUFF: &str = include_str!("../../../../tests/fixtures/imports/ruff.sarif");
const SEMGREP: &str = include_str!("../../../../tests/fixtures/imports/semgrep.sarif");
const TRIVY_DOCKERFILE: &str =
    include_str!("../../../../tests/fixtures/imports/trivy-dockerfile.json");
const TRIVY_SECRETS: &str = include_str!("../../../../tests/fixtures/imports/trivy-secrets.json");
const TRIVY_NPM: &str = include_str!("../../../../tests/fixtures/imports/trivy-npm.json");
const TRIVY_LICENSES: &str = include_str!("../../../../tests/fixtures/imports/trivy-licenses.json");
