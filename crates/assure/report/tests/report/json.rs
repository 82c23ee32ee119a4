use boon::{Compiler, Schemas};
use casemate_report::{
    Format,
    json::{self, Layout, SCHEMAS},
    text::Options,
};
use serde_json::{Value, json};

use crate::fixture;

#[test]
fn an_assessment_as_json() {
    insta::assert_snapshot!(json::assessment(&fixture::assessment(), Layout::Pretty));
}

#[test]
fn a_scan_as_json() {
    insta::assert_snapshot!(json::scan(&fixture::scan(), Layout::Pretty));
}

#[test]
fn the_scan_keeps_the_contract_that_scripts_rely_on() {
    let scan = Format::Json.scan(&fixture::scan(), Options::default());
    let scan: Value = serde_json::from_str(&scan).expect("JSON");
    assert_eq!(scan["schema"], "casemate.scan/1");
    let dangerous = &scan["artifacts"][3];
    assert_eq!(
        dangerous["path"],
        "examples/01-fraud-model/models/fraud.pkl"
    );
    assert_eq!(dangerous["format"], "pickle");
    assert_eq!(dangerous["verdict"], "dangerous");
    assert_eq!(dangerous["coverage"], "complete");
    let finding = &dangerous["findings"][0];
    assert_eq!(finding["rule"], "CM-PKL-001");
    assert_eq!(finding["severity"], "critical");
    assert!(
        finding["message"]
            .as_str()
            .is_some_and(|m| m.starts_with("Calls `os.system`"))
    );
    assert_eq!(
        finding["location"],
        json!({
            "file": "examples/01-fraud-model/models/fraud.pkl",
            "region": {"unit": "bytes", "start": 28, "length": 2},
        })
    );
}

#[test]
fn the_assessment_keeps_the_contract_that_scripts_rely_on() {
    let assessment = Format::Json.assessment(&fixture::assessment(), Options::default());
    let assessment: Value = serde_json::from_str(&assessment).expect("JSON");
    assert_eq!(assessment["schema"], "casemate.assessment/1");
    assert_eq!(assessment["decision"]["outcome"], "deny");
    assert!(assessment["decision"]["reasons"].is_array());
    for list in ["assets", "outcomes", "findings"] {
        assert!(
            assessment[list]
                .as_array()
                .is_some_and(|list| !list.is_empty()),
            "{list}"
        );
    }
}

#[test]
fn the_reports_are_what_their_schemas_say() {
    let assessment = serde_json::to_value(fixture::assessment()).expect("serialises");
    let scan = serde_json::to_value(fixture::scan()).expect("serialises");
    assert_eq!(refusal("assessment", &assessment), None);
    assert_eq!(refusal("scan", &scan), None);
    assert_eq!(refusal("finding", &assessment["findings"][0]), None);
    assert_eq!(refusal("rule", &assessment["rules"][0]), None);
    assert_eq!(refusal("decision", &assessment["decision"]), None);
    assert_eq!(refusal("population", &assessment["outcomes"][0]), None);

    let mut wrong = scan;
    wrong["artifacts"][0]["verdict"] = "harmless".into();
    assert!(refusal("scan", &wrong).is_some_and(|why| why.contains("verdict")));
    wrong["artifacts"][0]["verdict"] = "inert".into();
    wrong["schema"] = "casemate.scan/2".into();
    assert!(refusal("scan", &wrong).is_some_and(|why| why.contains("schema")));
}

#[test]
fn every_name_has_a_schema_that_says_what_its_fields_mean() {
    for name in SCHEMAS {
        let schema = json::schema(name).expect(name);
        assert_eq!(
            schema["$schema"], "https://json-schema.org/draft/2020-12/schema",
            "{name}"
        );
        assert!(schema["description"].is_string(), "{name}");
        assert!(compile(&schema).is_ok(), "{name}");
    }
    assert_eq!(json::schema("nothing"), None);
}

#[test]
fn compact_json_says_the_same() {
    let assessment = fixture::assessment();
    let compact = json::assessment(&assessment, Layout::Compact);
    assert_eq!(compact.lines().count(), 1);
    let parse = |json: &str| serde_json::from_str::<Value>(json).expect("JSON");
    assert_eq!(
        parse(&compact),
        parse(&json::assessment(&assessment, Layout::Pretty))
    );
}

/// Why the schema `name` refuses `value`, if it does.
fn refusal(name: &str, value: &Value) -> Option<String> {
    let schema = json::schema(name).expect(name);
    let (schemas, index) = compile(&schema).expect("a valid schema");
    schemas
        .validate(value, index)
        .err()
        .map(|error| format!("{error:#}"))
}

fn compile(schema: &Value) -> Result<(Schemas, boon::SchemaIndex), String> {
    let mut schemas = Schemas::new();
    let mut compiler = Compiler::new();
    compiler.enable_format_assertions();
    compiler
        .add_resource("schema.json", schema.clone())
        .map_err(|e| e.to_string())?;
    let index = compiler
        .compile("schema.json", &mut schemas)
        .map_err(|e| e.to_string())?;
    Ok((schemas, index))
}
