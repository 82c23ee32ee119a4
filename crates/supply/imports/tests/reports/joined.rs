//! What several found is one finding, and as bad as the worst of them says.

use casemate_core::{Confidence, Coverage, Outcome, PathText, Severity};
use casemate_imports::join;

use crate::{
    CHECKOV, TRIVY_DOCKERFILE, find, findings_of, import, known, ours, outcome, sarif, source, tree,
};

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
