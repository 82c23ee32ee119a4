//! What SARIF says of a result and of its rule.

use casemate_core::{Confidence, PathText, Severity, Status};

use crate::{find, findings_of, import, sarif};

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
