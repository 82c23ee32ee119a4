//! Findings of other tools, in every format.

use casemate_core::{
    Confidence, Coverage, Digest, Finding, Import, Location, Outcome, Region, Reported, Rule,
    RuleId, Severity, Status, Suppression,
};
use casemate_report::{Assessment, html, markdown, sarif, text};
use serde_json::{Value, json};

use crate::fixture;

#[test]
fn people_see_who_reports_it_and_who_else_does() {
    let assessment = assessment();
    let whole = text::Options {
        colour: false,
        width: 4000,
    };
    for page in [
        text::assessment(&assessment, whole),
        html::assessment(&assessment),
        markdown::assessment(&assessment)
            .replace("&#58;", ":")
            .replace("&#95;", "_"),
    ] {
        for said in [
            "also reported by Bandit 1.9.1 as B105",
            "reported by Checkov 3.3.30 as CKV",
            "checkov:CKV",
            "accepted for the demonstration",
            "Checkov 3.3.30, checkov.json: 2 findings added, 1 found by others, too, 1 accepted there",
        ] {
            assert!(page.contains(said), "{said}: {page}");
        }
        assert!(!page.contains("also reported by Checkov"), "{page}");
    }
}

#[test]
fn sarif_has_a_run_of_each_tool_that_says_who_wrote_it_down() {
    let log: Value = serde_json::from_str(&sarif::assessment(&assessment())).expect("JSON");
    let runs = log["runs"].as_array().expect("runs");
    assert_eq!(runs.len(), 2);
    let ids = |run: &Value| {
        let results = run["results"].as_array().expect("results");
        let ids = results
            .iter()
            .map(|it| it["ruleId"].as_str().expect("a rule").to_owned());
        ids.collect::<Vec<_>>()
    };
    assert!(ids(&runs[0]).iter().all(|id| id.starts_with("CM-")));
    assert_eq!(ids(&runs[1]), ["CKV_DOCKER_2", "CKV_DOCKER_3"]);
    let theirs = &runs[1];
    assert_eq!(theirs["tool"]["driver"]["name"], "Checkov");
    assert_eq!(theirs["tool"]["driver"]["version"], "3.3.30");
    assert_eq!(theirs["conversion"]["tool"]["driver"]["name"], "casemate");
    assert_eq!(
        theirs["automationDetails"]["id"],
        "casemate/assess/fraud/import/checkov/"
    );
    for result in theirs["results"].as_array().expect("results") {
        let index = usize::try_from(result["ruleIndex"].as_u64().expect("a number")).expect("one");
        assert_eq!(
            theirs["tool"]["driver"]["rules"][index]["id"],
            result["ruleId"]
        );
    }
    assert_eq!(
        theirs["results"][1]["suppressions"],
        json!([{
            "kind": "external",
            "status": "accepted",
            "justification": "accepted for the demonstration (Checkov 3.3.30)",
        }])
    );
    assert_eq!(crate::sarif::refusal(&log), None);
}

fn assessment() -> Assessment {
    let mut parts = fixture::parts();
    let asset = parts
        .assets
        .iter()
        .find(|asset| asset.name.ends_with("Dockerfile"));
    let asset = asset.expect("a Dockerfile").clone();
    let mut rules = fixture::rules();
    let reported = |tool: &str, version: &str, rule: &str| Reported {
        tool: tool.into(),
        version: Some(version.into()),
        rule: rule.into(),
        severity: "no severity is taken for medium".into(),
        source: "checkov.json".into(),
        accepted: None,
        baseline: None,
    };
    let theirs = ["CKV_DOCKER_2", "CKV_DOCKER_3"].map(|name| {
        let rule = Rule {
            id: RuleId::of_tool("Checkov", name).expect("a rule"),
            title: "A rule of Checkov".into(),
            severity: Severity::Medium,
            confidence: Confidence::Medium,
            description: "A rule of Checkov.".into(),
            remediation: "Do what Checkov says.".into(),
            references: Vec::new().into(),
            bad: None,
            good: None,
        };
        let location = Location {
            file: asset.name.as_str().into(),
            members: Vec::new(),
            region: Some(Region::Text {
                line: 1,
                column: 1,
                end_line: 9,
                end_column: 1,
            }),
        };
        let path = "Dockerfile".into();
        let mut finding = Finding::new(&rule, &asset.id, &path, location, name, "It is so");
        finding
            .reported_by
            .push(reported("Checkov", "3.3.30", name));
        rules.push(rule);
        finding
    });
    let [first, mut second] = theirs;
    second.suppression = Some(Suppression {
        reason: "accepted for the demonstration".into(),
        owner: "Checkov 3.3.30".into(),
        expires: None,
    });
    parts.outcomes.push(Outcome {
        findings: vec![first, second],
        ..fixture::outcome(&asset, "import:checkov", Status::Fail)
    });
    let secret = parts
        .outcomes
        .iter_mut()
        .flat_map(|outcome| &mut outcome.findings);
    let mut secret = secret.filter(|finding| finding.rule.as_str() == "CM-SEC-004");
    let secret = secret.next().expect("a secret");
    secret.reported_by.push(reported("Bandit", "1.9.1", "B105"));
    assert_eq!(parts.outcomes[0].coverage, Coverage::Complete);
    parts.imports.push(Import {
        source: "checkov.json".into(),
        digest: Digest::of(b"report"),
        format: "Checkov JSON".into(),
        tool: "Checkov".into(),
        version: Some("3.3.30".into()),
        added: 2,
        joined: 1,
        accepted: 1,
        open: 0,
        repeated: 0,
        elsewhere: 0,
    });
    Assessment::new(parts, &rules)
}
