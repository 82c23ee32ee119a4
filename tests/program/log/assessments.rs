//! Assessments in a log.

use std::{fs, os::unix::fs::PermissionsExt as _};

use super::Place;
use crate::run::{assert_valid, casemate, read_text};

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

#[test]
fn a_seal_is_opened_by_the_secret_and_by_its_own_salt() {
    let place = Place::new();
    fs::write(place.path("secret"), "at least sixteen bytes").expect("written");
    let (log, out, key) = (place.text("log"), place.text("out"), place.key());
    let (secret, records) = (place.text("secret"), place.text("records"));
    let assess = [
        "assess",
        "examples/01-fraud-model",
        "--out",
        &out,
        "--log",
        &log,
    ];
    let sealed = [
        "--log-key",
        &key,
        "--log-secret",
        &secret,
        "--log-records",
        &records,
    ];
    casemate(assess.iter().chain(&sealed)).ended_with(1);
    let lines = read_text(place.path("records"));
    let mode = fs::metadata(place.path("records"))
        .expect("there")
        .permissions();
    assert_eq!(mode.mode() & 0o777, 0o600, "they are what the seals hide");
    let lines: Vec<&str> = lines.lines().collect();
    let last = lines.len() - 1;
    for (name, line) in [("last", lines[last]), ("first", lines[0])] {
        fs::write(place.path(name), format!("{line}\n")).expect("written");
    }
    let open = |index: usize, record: &str, with: [&str; 2]| {
        let (index, record) = (index.to_string(), place.text(record));
        let open = ["--index", &index, "--record", &record, "--format", "json"];
        place.log("open", &[&open[..], &with].concat())
    };
    let opened = open(last, "last", ["--secret", &secret])
        .ended_with(0)
        .json();
    assert_valid(
        &opened,
        casemate(["schema", "log-opening"]).ended_with(0).json(),
    );
    let salt = opened["salt"].as_str().expect("a salt").to_owned();
    let by_salt = open(last, "last", ["--salt", &salt]).ended_with(0).json();
    assert_eq!(by_salt, opened);
    let found = ["--record", &place.text("last"), "--salt", &salt];
    let text = place.log("open", &found).ended_with(0).out;
    let told = format!("entry {last} is the seal of this record\nsalt {salt}\n");
    assert_eq!(text, told);
    // One salt opens one seal, of one record.
    let first = open(0, "first", ["--secret", &secret]).ended_with(0).json();
    assert_ne!(first["salt"], opened["salt"]);
    for (index, record, with) in [
        (0, "first", ["--salt", &salt]),
        (0, "last", ["--salt", &salt]),
        (last, "first", ["--salt", &salt]),
        (0, "last", ["--secret", &secret]),
    ] {
        let told = open(index, record, with).ended_with(1).json();
        assert_eq!(
            (&told["opened"], &told["salt"]),
            (&false.into(), &serde_json::Value::Null)
        );
    }
    open(last + 1, "last", ["--salt", &salt]).ended_with(1);
    open(last, "last", ["--salt", "abc"]).ended_with(2);
    open(last, "secret", ["--secret", &secret]).ended_with(2);
}
