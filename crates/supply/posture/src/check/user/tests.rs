use casemate_core::{Outcome, Status};

use super::*;
use crate::{
    PostureSurvey,
    check::Persona,
    survey::tests::{judged, survey},
};

/// The example that comes with Casemate, to copy.
const CHECK: &str = include_str!("../../../../../../content/policies/checks/ray_version.rego");

fn checks(source: &str) -> Result<UserChecks, UserCheckError> {
    let files = vec![("check.rego".into(), source.as_bytes().to_vec())];
    let bundle = Bundle::alone(files).expect("loads");
    UserChecks::of(&bundle, Timestamp::UNIX_EPOCH)
}

fn outcomes(source: &str, files: &[(&str, &[u8])]) -> Vec<Outcome> {
    let checks = checks(source).expect("checks");
    judged(
        &PostureSurvey::new(Persona::Regular).with_checks(checks),
        files,
    )
}

const CLUSTER: &[u8] =
    b"apiVersion: ray.io/v1\nkind: RayCluster\nmetadata: {name: a}\nspec:\n  x: 1\n";

#[test]
fn the_example_passes_its_own_tests() {
    let tests = include_str!("../../../../../../content/policies/checks/ray_version_test.rego");
    let files = [("check.rego", CHECK), ("check_test.rego", tests)];
    let files = files.map(|(name, text)| (name.into(), text.as_bytes().to_vec()));
    let bundle = Bundle::alone(files.to_vec()).expect("loads");
    let rules: Vec<String> = bundle
        .rules()
        .into_iter()
        .map(|site| site.rule.to_string())
        .collect();
    let tests: Vec<&str> = rules
        .iter()
        .map(String::as_str)
        .filter(|rule| rule.contains("_test.test_"))
        .collect();
    assert_eq!(tests.len(), 3, "{rules:?}");
    let question = Question {
        input: &Json::Null,
        now: Timestamp::UNIX_EPOCH,
    };
    let answers = bundle.eval(&tests, &question).expect("an answer");
    assert!(
        answers.iter().all(|it| *it == Some(true.into())),
        "{answers:?}"
    );
}

#[test]
fn a_check_of_ten_lines_points_at_the_attribute() {
    let outcomes = outcomes(CHECK, &[("ray.yaml", CLUSTER)]);
    let finding = &outcomes[0].findings[0];
    assert_eq!(finding.rule.as_str(), "CM-ORG-001");
    assert_eq!(finding.location.to_string(), "ray.yaml:5:3");
    assert_eq!(finding.message, "no version");
    assert_eq!(survey(&[("ray.yaml", CLUSTER)])[0].findings, []);
}

#[test]
fn a_check_that_fails_is_undetermined_and_never_passes() {
    let source = CHECK.replace("not cluster.body", "1 / 0 == 1\n\tnot cluster.body");
    let outcomes = outcomes(&source, &[("ray.yaml", CLUSTER)]);
    assert_eq!(outcomes[0].result, Status::Undetermined);
    let reason = outcomes[0].reason.as_deref().expect("a reason");
    assert!(reason.contains("CM-ORG-001 of RayCluster/a"), "{reason}");
    assert_eq!(outcomes[0].coverage, casemate_core::Coverage::Partial);
    let lost = CHECK.replace("cluster.address", "\"a\"");
    let outcomes = self::outcomes(&lost, &[("ray.yaml", CLUSTER)]);
    let reason = outcomes[0].reason.as_deref().expect("a reason");
    assert!(
        reason.contains("it denies `a`, which is no address here"),
        "{reason}"
    );
    let wrong = CHECK.replace("\"path\": ", "\"where\": ");
    let outcomes = self::outcomes(&wrong, &[("ray.yaml", CLUSTER)]);
    assert!(
        outcomes[0]
            .reason
            .as_deref()
            .expect("a reason")
            .contains("unknown field `where`")
    );
}

#[test]
fn what_is_no_check_says_why() {
    let without = |line: &str| CHECK.replace(line, "");
    for (source, expected) in [
        (
            "package casemate.checks.a\ndeny contains 1 if true\n".to_owned(),
            "has no rule `rule`",
        ),
        (
            without("\t\"title\": \"A Ray cluster has no version\",\n"),
            "missing field `title`",
        ),
        (CHECK.replace("CM-ORG-001", "ORG-1"), "is not a rule id"),
        (
            CHECK.replace("\"kinds\"", "\"kind\""),
            "unknown field `kind`",
        ),
        (
            "package casemate.checks.a\nrule := {}\n".to_owned(),
            "has no rule `deny`",
        ),
    ] {
        let error = checks(&source).err().expect(expected).to_string();
        assert!(error.starts_with("data.casemate.checks."), "{error}");
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn where_what_it_reads_is_not_known_neither_is_its_answer() {
    let file = Arc::new(crate::survey::tests::file("ray.yaml", "x"));
    let origin = Origin::new(&file, casemate_document::Span::new(0, 1));
    let map = |key: &str, value: Attr| {
        let item = crate::Item {
            key: key.into(),
            place: origin.clone(),
            value,
        };
        Attr::new(
            Value::Map(crate::Map::new(vec![item]).into()),
            origin.clone(),
        )
    };
    let version = Attr::unknown("values.version has no default", origin.clone());
    let mut world = World::default();
    world.add(Resource {
        language: crate::Language::Kubernetes,
        kind: "RayCluster".into(),
        address: "RayCluster/a".into(),
        body: map("spec", map("rayVersion", version)),
    });
    let mut report = Report::default();
    checks(CHECK)
        .expect("checks")
        .judge(&world, Timestamp::UNIX_EPOCH, &mut report);
    assert!(report.found.is_empty());
    assert_eq!(&*report.open[0].why, "values.version has no default");
    assert_eq!(report.open[0].attribute.path, "spec.rayVersion");
}
