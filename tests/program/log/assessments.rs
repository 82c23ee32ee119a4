//! Assessments in a log.

use std::fs;

use super::Place;
use crate::run::{assert_valid, casemate};

#[test]
fn an_assessment_is_logged_with_its_decision_last() {
    let place = Place::new();
    let assess = |rest: &[&str]| {
        let (log, out) = (place.text("log"), place.text("out"));
        let arguments = [
            "assess",
            "examples/01-fraud-model",
            "--log",
            &log,
            "--out",
            &out,
        ];
        casemate(arguments.iter().chain(rest))
    };
    let run = assess(&["--log-key", &place.key(), "--format", "json"]).ended_with(1);
    let report = run.json();
    let (first, last) = (&report["logged"]["first"], &report["logged"]["last"]);
    assert_eq!(
        (first, &report["logged"]["pending"]),
        (&0.into(), &false.into())
    );
    let last = last.as_u64().expect("an index");
    assert!(
        run.err.contains(&format!("logged as entries 0 to {last}")),
        "{}",
        run.err
    );
    let exported = place.log("export", &[]).ended_with(0).out;
    let lines: Vec<serde_json::Value> = exported
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(lines.len() as u64, last + 1);
    let record = |at: usize| &lines[at]["record"];
    let decision = &lines.last().expect("a line")["record"];
    assert_eq!(
        (&decision["type"], &decision["body"]["outcome"]),
        (&"decision".into(), &"deny".into())
    );
    assert_eq!(decision["policy"], report["decision"]["policy"]);
    for (at, population) in report["outcomes"]
        .as_array()
        .expect("populations")
        .iter()
        .enumerate()
    {
        assert_eq!(record(at)["body"]["root"], population["root"]);
        assert_eq!(record(at)["body"]["count"], population["count"]);
    }
    let schema = casemate(["schema", "record"]).ended_with(0).json();
    lines
        .iter()
        .for_each(|line| assert_valid(&line["record"], schema.clone()));
    // Entries are what is exported, to the byte.
    let entry = serde_json::to_vec(decision).expect("JSON");
    fs::write(place.path("entry"), entry).expect("written");
    let proof = place.text("proof");
    let index = last.to_string();
    place
        .log("prove", &["--index", &index, "--out", &proof])
        .ended_with(0);
    let entry = place.text("entry");
    let verify = [
        "log",
        "verify",
        "--proof",
        &proof,
        "--entry",
        &entry,
        "--vkey",
        &place.vkey,
    ];
    casemate(verify).ended_with(0);

    let text = assess(&[]).ended_with(1).out;
    let next = format!(
        "log.example/a: entries {} to {}, pending",
        last + 1,
        2 * last + 1
    );
    assert!(text.contains(&next), "{text}");
    fs::write(place.path("secret"), "at least sixteen bytes").expect("written");
    assess(&[
        "--log-key",
        &place.key(),
        "--log-secret",
        &place.text("secret"),
    ])
    .ended_with(1);
    let sealed = place
        .log("export", &["--from", &(2 * last + 2).to_string()])
        .ended_with(0)
        .out;
    assert!(
        sealed.contains("\"sealed\"") && !sealed.contains("urn:casemate"),
        "{sealed}"
    );
    place.verify(&[]).ended_with(0);
}
