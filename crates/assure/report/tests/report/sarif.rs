use boon::{Compiler, SchemaIndex, Schemas};
use casemate_report::sarif;
use serde_json::{Value, json};

use crate::fixture;

#[test]
fn an_assessment_as_sarif() {
    insta::assert_snapshot!(sarif::assessment(&fixture::assessment()));
}

#[test]
fn a_scan_as_sarif() {
    insta::assert_snapshot!(sarif::scan(&fixture::scan()));
}

#[test]
fn both_are_valid_against_the_schema_of_oasis() {
    assert_eq!(refusal(&assessment()), None);
    assert_eq!(refusal(&parse(&sarif::scan(&fixture::scan()))), None);
    let mut wrong = assessment();
    wrong["runs"][0]["results"][0]["level"] = "fatal".into();
    assert!(refusal(&wrong).is_some_and(|why| why.contains("level")));
}

#[test]
fn a_result_names_its_rule_and_the_rule_its_weakness() {
    let run = &assessment()["runs"][0];
    let rules = &run["tool"]["driver"]["rules"];
    for result in run["results"].as_array().expect("results") {
        let index = index(&result["ruleIndex"]);
        assert_eq!(rules[index]["id"], result["ruleId"]);
    }
    let relation = &rules[1]["relationships"][0]["target"];
    let taxonomy = &run["taxonomies"][index(&relation["toolComponent"]["index"])];
    assert_eq!(taxonomy["taxa"][index(&relation["index"])]["id"], "CWE-502");
}

#[test]
fn a_result_points_to_its_file_and_into_it() {
    let run = &assessment()["runs"][0];
    let result = |rule: &str, file: &str| {
        let results = run["results"].as_array().expect("results");
        let found = results.iter().find(|result| {
            let uri = &result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
            result["ruleId"] == rule && uri.as_str().is_some_and(|uri| uri.ends_with(file))
        });
        found.unwrap_or_else(|| panic!("{rule} in {file}"))["locations"][0].clone()
    };
    let binary = result("CM-PKL-001", "fraud.pkl");
    let physical = &binary["physicalLocation"];
    assert_eq!(
        physical["region"],
        json!({"byteOffset": 28, "byteLength": 2})
    );
    let file = &run["artifacts"][index(&physical["artifactLocation"]["index"])];
    assert_eq!(
        file["location"]["uri"],
        "examples/01-fraud-model/models/fraud.pkl"
    );
    assert_eq!(file["location"]["uriBaseId"], "%SRCROOT%");
    assert_eq!(file["hashes"]["sha-256"].as_str().map(str::len), Some(64));

    let text = result("CM-SEC-004", "src/train.py");
    assert_eq!(
        text["physicalLocation"]["region"],
        json!({"startLine": 14, "startColumn": 9, "endLine": 14, "endColumn": 49})
    );

    let member = result("CM-PKL-007", "encoder.pt");
    assert_eq!(member["physicalLocation"]["region"], Value::Null);
    assert_eq!(
        member["logicalLocations"][0],
        json!({
            "name": "archive/data.pkl",
            "fullyQualifiedName": "examples/01-fraud-model/models/encoder.pt!archive/data.pkl",
            "kind": "member",
        })
    );
}

#[test]
fn what_is_accepted_is_suppressed_and_the_rest_says_that_it_is_not() {
    let run = &assessment()["runs"][0];
    let results = run["results"].as_array().expect("results");
    let suppressed: Vec<_> = results
        .iter()
        .filter(|r| r["suppressions"] != json!([]))
        .collect();
    assert_eq!(suppressed.len(), 1);
    assert_eq!(
        suppressed[0]["suppressions"],
        json!([{
            "kind": "external",
            "status": "accepted",
            "justification": "our own layer, reviewed at 4f2a91c \
                (ml-platform@acme.example, until 2026-06-30T00:00:00Z)",
        }])
    );
}

#[test]
fn what_was_not_looked_at_is_a_notification_and_an_error_is_a_failure() {
    let invocation = &assessment()["runs"][0]["invocations"][0];
    assert_eq!(invocation["executionSuccessful"], false);
    let notifications = invocation["toolExecutionNotifications"]
        .as_array()
        .expect("a list");
    let kinds: Vec<_> = notifications
        .iter()
        .map(|n| (n["level"].as_str(), n["descriptor"]["id"].as_str()))
        .collect();
    assert_eq!(
        kinds,
        [
            (Some("warning"), Some("undetermined")),
            (Some("warning"), Some("incomplete")),
            (Some("error"), Some("incomplete")),
        ]
    );
}

#[test]
fn a_hostile_name_becomes_neither_a_link_nor_a_path() {
    let log = assessment();
    let results = log["runs"][0]["results"].as_array().expect("results");
    for result in results {
        let message = result["message"]["text"].as_str().expect("a message");
        assert!(
            !message.contains("](") && !message.contains(char::is_control),
            "{message}"
        );
        let location = &result["locations"][0]["physicalLocation"]["artifactLocation"];
        let uri = location["uri"].as_str().expect("a URI");
        assert!(
            uri.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-._~/%".contains(&b)),
            "{uri}"
        );
    }
}

fn assessment() -> Value {
    parse(&sarif::assessment(&fixture::assessment()))
}

fn parse(json: &str) -> Value {
    serde_json::from_str(json).expect("JSON")
}

fn index(value: &Value) -> usize {
    let index = value.as_u64().expect("an index");
    usize::try_from(index).expect("a small index")
}

/// Why the schema refuses `log`, if it does.
pub(crate) fn refusal(log: &Value) -> Option<String> {
    thread_local! {
        static COMPILED: (Schemas, SchemaIndex) = compile();
    }
    COMPILED.with(|(schemas, index)| {
        let refused = schemas.validate(log, *index).err();
        refused.map(|error| format!("{error:#}"))
    })
}

fn compile() -> (Schemas, SchemaIndex) {
    let mut schemas = Schemas::new();
    let mut compiler = Compiler::new();
    compiler.enable_format_assertions();
    compiler
        .add_resource("sarif.json", parse(SCHEMA))
        .expect("the schema is JSON");
    let index = compiler
        .compile("sarif.json", &mut schemas)
        .expect("the schema is valid");
    (schemas, index)
}

const SCHEMA: &str = include_str!("../vendored/sarif-schema-2.1.0.json");
