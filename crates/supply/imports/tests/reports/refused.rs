//! What is no report at all.

use casemate_imports::read;

use crate::sarif;

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
