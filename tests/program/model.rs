//! `casemate model`: one file, explained and listed.

use std::{fs, path::Path};

use serde_json::Value;

use crate::run::{assert_valid, casemate, root, tree};

#[test]
fn an_explanation_shows_the_call_and_its_finding() {
    let file = "examples/01-fraud-model/models/vendor_scorer.pkl";
    let run = casemate(["model", "explain", file]).ended_with(1);
    let lines: Vec<&str> = run.out.lines().map(str::trim).collect();
    let call = lines
        .iter()
        .position(|line| line.ends_with("v0 = system('true')"));
    let finding = lines[call.expect("the call") + 1];
    assert!(finding.starts_with("✗ CM-PKL-001 "), "{finding}");
    assert!(
        run.out.contains("casemate explain CM-PKL-001"),
        "{}",
        run.out
    );
    let clean = "examples/01-fraud-model/models/encoder.pt";
    let run = casemate(["model", "explain", clean]).ended_with(0);
    assert!(
        run.out.contains("storage(FloatStorage, '0', 'cpu', 64)"),
        "{}",
        run.out
    );
}

#[test]
fn an_explanation_agrees_with_the_scan_on_every_fixture() {
    for folder in ["pickle-tricks", "pickle-benign"] {
        let folder = root().join("tests/fixtures").join(folder);
        for entry in fs::read_dir(folder).expect("the fixtures").step_by(9) {
            let path = entry.expect("an entry").path();
            if !path.is_file() {
                continue;
            }
            let path = path.to_str().expect("UTF-8");
            let scan = casemate(["scan", path, "--format", "json"]);
            let told = casemate(["model", "explain", path, "--format", "json"]);
            assert_eq!(scan.status, told.status, "{path}");
            let (scan, told) = (scan.json(), told.json());
            let artifact = &scan["artifacts"][0];
            for field in ["path", "format", "verdict", "coverage"] {
                assert_eq!(artifact[field], told[field], "{path}: {field}");
            }
            let count = |value: &Value| value["findings"].as_array().expect("findings").len();
            assert_eq!(count(artifact), count(&told), "{path}");
        }
    }
}

#[test]
fn what_is_said_as_json_is_what_the_schema_says() {
    for (command, schema, status) in [("explain", "explanation", 1), ("inspect", "inspection", 0)] {
        let schema = casemate(["schema", schema]).ended_with(0).json();
        for file in [
            "examples/01-fraud-model/models/vendor_scorer.pkl",
            "tests/fixtures/pickle-tricks/nested-loads.pkl",
            "tests/fixtures/pickle-tricks/early-stop.pkl",
        ] {
            let arguments = ["model", command, file, "--format", "json"];
            let told = casemate(arguments).ended_with(status).json();
            assert_valid(&told, schema.clone());
        }
    }
}

#[test]
fn an_inspection_lists_what_there_is_whatever_the_verdict() {
    let file = "examples/01-fraud-model/models/vendor_scorer.pkl";
    let run = casemate(["model", "inspect", file]).ended_with(0);
    assert!(run.out.contains("dangerous  posix.system"), "{}", run.out);
    let file = "examples/01-fraud-model/models/tiny.gguf";
    let run = casemate(["model", "inspect", file]).ended_with(0);
    assert!(run.out.contains("general.architecture"), "{}", run.out);
    let file = "examples/01-fraud-model/models/encoder.pt";
    let told = casemate(["model", "inspect", file, "--format", "json"])
        .ended_with(0)
        .json();
    assert_eq!(told["totals"]["parameters"], 200);
    assert_eq!(told["tensors"][0]["name"], "merchant.weight");
}

#[test]
fn one_file_is_asked_for_and_a_directory_is_told_what_to_do() {
    for command in ["explain", "inspect"] {
        let run = casemate(["model", command, "examples"]).ended_with(2);
        assert!(run.err.contains("casemate scan"), "{}", run.err);
        casemate(["model", command, "/does/not/exist"]).ended_with(2);
        casemate(["model", command]).ended_with(2);
        let sarif = ["model", command, "README.md", "--format", "sarif"];
        casemate(sarif).ended_with(2);
    }
}

#[test]
fn no_file_writes_to_the_terminal() {
    // Names, strings, code and member names that a terminal would obey.
    let evil = b"\x80\x04c\x1b[2Jos\nsys\x9btem\n\x8c\x0e\x1b]0;owned\x07\n\x1b[2J\x85R}\
                 \x8c\x05\x1b[31mK\x01s\x86.";
    let name: &[u8] = b"\x1b[2J.pkl";
    let dir = tree(&[(name, evil)]);
    let path = fs::read_dir(dir.path()).expect("a directory");
    let path = path.map(|entry| entry.expect("an entry").path()).next();
    let path = path.expect("a file");
    for command in ["explain", "inspect"] {
        for full in [false, true] {
            let run = said(command, &path, full, "never");
            assert!(
                !run.contains(['\x1b', '\u{9b}', '\x07']),
                "{}",
                run.escape_debug()
            );
            let run = said(command, &path, full, "always");
            assert!(run.contains("\x1b["), "{}", run.escape_debug());
            assert!(
                !run.contains("\x1b[2J") && !run.contains("\x1b]"),
                "{}",
                run.escape_debug()
            );
        }
    }
}

fn said(command: &str, path: &Path, full: bool, color: &str) -> String {
    let path = path.to_str().expect("UTF-8");
    let mut arguments = vec!["model", command, path, "--color", color];
    if full {
        arguments.push("--full");
    }
    casemate(arguments).out
}

/// A module of somebody's own, with one parameter: an array of NumPy's.
const OWN: &[u8] = b"\x80\x05cacme.models\nNet\n)\x81}(X\x0b\0\0\0_parameters}X\x01\0\0\0w\
    cnumpy._core.numeric\n_frombuffer\n(C\x04\0\0\x80?\
    cnumpy\ndtype\n(X\x02\0\0\0f4I00\nI01\ntR(K\x03X\x01\0\0\0<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb\
    K\x01\x85X\x01\0\0\0CtRsX\x08\0\0\0_modules}ub.";

#[test]
fn what_you_allow_is_explained_listed_and_converted_with_your_reason() {
    let row: &[u8] = b"[[allow]]\nmodule = 'acme.models'\nname = 'Net'\nkind = 'class'\n\
                       call = ['newobj']\nbuild = true\nreason = 'read in November'\n";
    let dir = tree(&[(b"net.pkl", OWN), (b"own.toml", row)]);
    let at = |name: &str| dir.path().join(name).display().to_string();
    let (model, own, out) = (at("net.pkl"), at("own.toml"), at("out.safetensors"));
    let told = "acme.models.Net (read in November)";
    for command in ["explain", "inspect", "convert"] {
        let mut words = vec!["model", command, &model];
        if command == "convert" {
            words.push(&out);
        }
        let without = casemate(&words).ended_with(i32::from(command != "inspect"));
        assert!(!without.out.contains(told), "{}", without.out);
        words.extend(["--allow", &own]);
        if command == "convert" {
            words.push("--force");
        }
        let with = casemate(&words).ended_with(0);
        assert!(with.out.contains(told), "{command}: {}", with.out);
        words.extend(["--format", "json"]);
        let json = casemate(&words).ended_with(0).json();
        let judged = match command {
            "convert" => &json["inputs"][0],
            _ => &json,
        };
        assert_eq!(
            (&judged["verdict"], &judged["allowed"]),
            (&"known".into(), &told.into())
        );
        assert_valid(&json, schema_of(command));
    }
}

fn schema_of(command: &str) -> Value {
    let name = match command {
        "explain" => "explanation",
        "inspect" => "inspection",
        _ => "conversion",
    };
    casemate(["schema", name]).ended_with(0).json()
}
