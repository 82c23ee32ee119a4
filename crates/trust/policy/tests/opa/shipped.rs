//! What Casemate ships, the library among it, means to OPA what it means to us.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{BufRead as _, BufReader, Write as _},
};

use casemate_policy::Bundle;
use serde_json::{Value, json};

use crate::interop::{opa, root};

#[test]
fn opa_passes_the_tests_of_the_policies_that_are_shipped() {
    let mut modules = BTreeMap::new();
    for folder in ["content/policies", "content/policies/lib"] {
        let place = root().join(folder);
        for file in fs::read_dir(&place).expect("a folder") {
            let path = file.expect("a file").path();
            if path
                .extension()
                .is_some_and(|extension| extension == "rego")
            {
                let name = path.strip_prefix(root().join("content/policies"));
                let name = name.expect("below").to_str().expect("UTF-8").to_owned();
                modules.insert(name, fs::read_to_string(&path).expect("text"));
            }
        }
    }
    let files = (modules.iter()).map(|(name, text)| (name.as_str().into(), text.clone().into()));
    let bundle = Bundle::overlay(files.collect()).expect("loads");
    let mut tests: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for site in bundle.rules() {
        if let Some((package, name)) = site.rule.rsplit_once('.')
            && name.starts_with("test_")
        {
            tests
                .entry(package.to_owned())
                .or_default()
                .insert(name.to_owned());
        }
    }
    assert!(tests.len() >= 12, "{:?}", tests.keys());

    let mut child = opa(&["answer"]);
    let mut asks = child.stdin.take().expect("a pipe");
    let modules: Vec<&String> = modules.values().collect();
    let mut questions = String::new();
    for (package, names) in &tests {
        let all = names.iter().map(|name| format!("{package}.{name} == true"));
        let query = all.collect::<Vec<_>>().join("; ");
        questions += &format!("{}\n", json!({"modules": modules, "query": query}));
    }
    let writer = std::thread::spawn(move || asks.write_all(questions.as_bytes()));
    let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut answered = 0;
    for (package, line) in tests.keys().zip(lines) {
        let answer: Value = serde_json::from_str(&line.expect("a line")).expect("an answer");
        let rows = answer["result"].as_array().map_or(0, Vec::len);
        assert_eq!(rows, 1, "{package}: {answer}");
        answered += 1;
    }
    assert_eq!(answered, tests.len());
    writer.join().expect("joined").expect("written");
    assert!(child.wait().expect("it ends").success());
}
