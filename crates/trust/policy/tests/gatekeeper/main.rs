//! Gatekeeper's own samples, and ours in the same form.
//!
//! Ours stand beside this file, in `suites/`. Gatekeeper's are not copied here; who has a checkout
//! of open-policy-agent/gatekeeper-library or of open-policy-agent/gatekeeper sets
//! `CASEMATE_GATEKEEPER_SUITES` to a directory of it and gets the numbers.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "the files are the tests' own, and the suites say how many cases hold"
)]

mod matching;
mod policies;

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use casemate_core::Timestamp;
use casemate_policy::{
    Limits, TestResult,
    gatekeeper::{Resource, Suite, SuiteCase},
};

#[test]
fn our_own_suites_hold() {
    let dir = Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/gatekeeper/suites"
    ));
    let cases: Vec<SuiteCase> = files(dir).iter().flat_map(|file| run(file)).collect();
    assert!(cases.len() > 10, "{} cases", cases.len());
    let failed = cases
        .iter()
        .filter(|case| matches!(case.result, TestResult::Fail | TestResult::Error));
    let failed: String = failed.map(SuiteCase::to_string).collect();
    assert!(failed.is_empty(), "{failed}");
}

#[test]
fn gatekeepers_samples_are_decided_as_they_are_labelled() {
    let Some(dir) = env::var_os("CASEMATE_GATEKEEPER_SUITES") else {
        return;
    };
    let (mut suites, mut cases) = (0, Vec::new());
    for file in files(Path::new(&dir)) {
        let found = run(&file);
        suites += usize::from(!found.is_empty());
        cases.extend(found);
    }
    let count = |result| cases.iter().filter(|case| case.result == result).count();
    let tests = cases.iter().map(|case| (&case.file, &case.test));
    let mut tests: Vec<_> = tests.collect();
    tests.dedup();
    println!(
        "{suites} suites, {} tests, {} cases, {} assertions: {} pass, {} fail, {} err, {} are skipped",
        tests.len(),
        cases.len(),
        cases.iter().map(|case| case.assertions).sum::<usize>(),
        count(TestResult::Pass),
        count(TestResult::Fail),
        count(TestResult::Error),
        count(TestResult::Skip),
    );
    let failed = cases
        .iter()
        .filter(|case| matches!(case.result, TestResult::Fail | TestResult::Error));
    let failed: String = failed.map(SuiteCase::to_string).collect();
    assert!(failed.is_empty(), "{failed}");
}

/// What comes of every suite in a file.
fn run(file: &Path) -> Vec<SuiteCase> {
    let bytes = fs::read(file).expect("readable");
    let name = file.display().to_string();
    let Ok(resources) = Resource::read(&name, &bytes) else {
        return Vec::new();
    };
    let folder = file.parent().expect("a folder");
    let read = |name: &str| fs::read(folder.join(name)).map_err(|error| format!("{name}: {error}"));
    let mut cases = Vec::new();
    for resource in resources.iter().filter(|it| Suite::is_meant(&it.value)) {
        let suite = Suite::read(resource).unwrap_or_else(|faults| panic!("{faults}"));
        cases.extend(suite.run(&read, Limits::default(), now()));
    }
    cases
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let (mut files, mut todo) = (Vec::new(), vec![dir.to_owned()]);
    while let Some(dir) = todo.pop() {
        for entry in fs::read_dir(&dir).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                todo.push(path);
            } else if path
                .extension()
                .is_some_and(|it| it == "yaml" || it == "yml")
            {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

fn now() -> Timestamp {
    "2026-09-01T12:00:00Z".parse().expect("a time")
}
