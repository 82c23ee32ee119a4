//! The library of policies: its page is made of its comments, and the examples in them hold.

use std::fmt::Write as _;

use serde_json::Value;

use crate::run::{casemate, files_below, read_text, root, tree};

#[test]
fn the_page_of_the_library_is_what_its_comments_say() {
    let mut generated = String::new();
    for subject in subjects() {
        subject.write(&mut generated);
    }
    let page = root().join("docs/src/policy-library.md");
    let text = read_text(&page);
    let (before, after) = text.split_once(MARK).expect("the mark on the page");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&page, format!("{before}{MARK}{generated}")).expect("written");
        return;
    }
    assert!(
        after == generated,
        "the page of the library is stale: run this test with UPDATE_DOCS=1"
    );
}

#[test]
fn the_examples_of_the_library_hold() {
    let mut imports = String::new();
    let mut tests = String::new();
    let mut owners = String::new();
    let mut count = 0;
    for subject in subjects() {
        let name = &subject.name;
        writeln!(imports, "import data.casemate.{name}").expect("a string");
        let block = subject.block();
        // What the examples are asked with: an input, or a document.
        let input = serde_json::from_str::<Value>(&block).unwrap_or_default();
        if block.contains("[[casemate.owners]]") {
            owners = block;
        }
        for (number, definition) in subject.definitions.iter().enumerate() {
            let example = &definition.example;
            writeln!(
                tests,
                "\ntest_{name}_{number} if {{\n\t{example} with input as {input}\n}}"
            )
            .expect("a string");
            count += 1;
        }
    }
    let page = read_text("docs/src/policy-library.md");
    let first = page.split("```rego\n").nth(1).expect("an example");
    let first = first.split("```").next().expect("an example");
    tests.push_str(FIRST);
    count += 1;
    let tests = format!("package examples_test\n\n{imports}{tests}");
    let policy = tree(&[
        (b"first.rego", first.as_bytes()),
        (b"examples_test.rego", tests.as_bytes()),
        (b"data/owners.toml", owners.as_bytes()),
    ]);
    let folder = policy.path().to_str().expect("UTF-8");
    let report = casemate(["policy", "test", folder, "--format", "json"]).json();
    let run = report["tests"].as_array().expect("tests");
    let run = run.iter().filter(|it| it["file"] == "examples_test.rego");
    let failed: Vec<&Value> = (run.clone()).filter(|it| it["result"] != "pass").collect();
    assert!(failed.is_empty(), "{failed:#?}");
    assert_eq!(run.count(), count);
    assert!(count > 50, "{count}");
}

/// What the example that the page begins with has to say.
const FIRST: &str = "
finding := {\"rule\": \"CM-PKL-020\", \"severity\": \"low\", \"message\": \"old\", \"location\": {\"file\": \"./a\"}}

question(evidence) := {
	\"outcomes\": [{\"name\": \"./a\", \"result\": \"pass\", \"coverage\": \"complete\", \"findings\": [finding]}],
	\"evidence\": evidence,
	\"context\": {\"files\": [{\"name\": \"./a\", \"path\": \"a\", \"kind\": \"model\", \"subject\": \"urn:a\"}]},
}

signature := {
	\"predicateType\": \"https://model_signing/signature/v1.0\",
	\"signers\": [{\"name\": \"release\"}],
	\"covers\": [\"a\"],
}

test_first if {
	reasons := data.casemate.gate.deny with input as question([])
	{reason.message | some reason in reasons} == {\"./a: old (CM-PKL-020)\"}
	count(data.casemate.gate.deny) == 0 with input as question([signature])
}
";

const SERVING: &str = "package main

import data.casemate.findings
import data.casemate.kubernetes
import data.casemate.outcomes

deny contains sprintf(\"%s serves %s, which is not clean\", [kubernetes.told(input), path]) if {
	some uri in kubernetes.model_uris(input)
	path := trim_prefix(uri, \"pvc://models/\")
	not outcomes.is_clean(path)
}

warn contains findings.told(finding) if some finding in findings.by_rule(\"CM-PKL-*\") & findings.open
";

/// What a manifest is held against is an assessment, and not what the manifest says of itself.
#[test]
fn a_manifest_is_held_against_the_assessment_of_the_model_that_it_serves() {
    let place = tree(&[(b"policy/serving.rego", SERVING.as_bytes())]);
    let at = |name: &str| place.path().join(name).to_str().expect("UTF-8").to_owned();
    let (policy, report) = (at("policy"), at("report"));
    let tree = "examples/01-fraud-model";
    casemate(["assess", tree, "--policy", &policy, "--out", &report]).ended_with(1);
    let input = format!("{report}/gate-input.json");
    let check = |model: &str, outcomes: &[&str]| {
        let manifest = serde_json::json!({
            "kind": "InferenceService",
            "metadata": {"name": "scorer"},
            "spec": {"predictor": {"sklearn": {"storageUri": format!("pvc://models/{model}")}}},
            "outcomes": [],
            "context": {"files": [{"path": model, "name": model}]},
        });
        let file = at("manifest.json");
        std::fs::write(&file, manifest.to_string()).expect("written");
        let fixed = ["policy", "check", &file, "--policy", &policy];
        casemate(fixed.iter().chain(outcomes).copied())
    };
    let clean = check("models/encoder.pt", &["--outcomes", &input]).ended_with(0);
    assert!(clean.out.contains("WARN"), "{}", clean.out);
    for model in ["models/vendor_scorer.pkl", "models/nowhere.pkl"] {
        let run = check(model, &["--outcomes", &input]).ended_with(1);
        let expected = format!("InferenceService scorer serves {model}, which is not clean");
        assert!(run.out.contains(&expected), "{}", run.out);
    }
    let run = check("models/encoder.pt", &[]).ended_with(2);
    assert!(run.err.contains("--outcomes"), "{}", run.err);
    let whole = format!("{report}/findings.json");
    let run = check("models/encoder.pt", &["--outcomes", &whole]).ended_with(2);
    assert!(run.err.contains("gate-input.json"), "{}", run.err);
}

/// A file of the library.
struct Subject {
    name: String,
    /// What it says of itself, line by line.
    about: Vec<String>,
    definitions: Vec<Definition>,
}

/// A rule or function for others.
struct Definition {
    /// As one writes it: `severity.at_least(severity, threshold)`.
    signature: String,
    about: Vec<String>,
    example: String,
}

fn subjects() -> Vec<Subject> {
    let mut files = files_below(&root().join("content/policies/lib"));
    files.retain(|file| !file.to_string_lossy().ends_with("_test.rego"));
    assert!(files.len() >= 9, "{files:?}");
    files
        .iter()
        .map(|file| {
            let name = file.file_stem().expect("a name").to_string_lossy();
            Subject::read(&name, &read_text(file))
        })
        .collect()
}

impl Subject {
    fn read(name: &str, text: &str) -> Self {
        let mut subject = Self {
            name: name.to_owned(),
            about: Vec::new(),
            definitions: Vec::new(),
        };
        let mut comment: Vec<String> = Vec::new();
        let mut known = Vec::new();
        for line in text.lines() {
            if let Some(line) = line.strip_prefix('#') {
                comment.push(line.strip_prefix(' ').unwrap_or(line).to_owned());
                continue;
            }
            let about = std::mem::take(&mut comment);
            if line == format!("package casemate.{name}") {
                subject.about = about;
                continue;
            }
            let rule = line
                .split(|c: char| !c.is_alphanumeric() && c != '_')
                .next();
            let rule = rule.unwrap_or_default();
            let is_private = rule.is_empty() || rule.starts_with('_') || rule == "else";
            if is_private || rule == "import" || known.contains(&rule) {
                continue;
            }
            known.push(rule);
            subject
                .definitions
                .push(Definition::read(name, line, about));
        }
        assert!(!subject.definitions.is_empty(), "{name} has nothing in it");
        subject
    }

    /// The code in what it says of itself.
    fn block(&self) -> String {
        let lines = self.about.iter().filter_map(|line| line.strip_prefix('\t'));
        lines.map(|line| format!("{line}\n")).collect()
    }

    fn write(&self, page: &mut String) {
        let name = &self.name;
        write!(page, "\n## {name}\n\n").expect("a string");
        write_text(page, &self.about);
        write!(page, "\n```rego\nimport data.casemate.{name}\n```\n").expect("a string");
        for definition in &self.definitions {
            write!(page, "\n### `{}`\n\n", definition.signature).expect("a string");
            write_text(page, &definition.about);
            write!(page, "\n```rego\n{}\n```\n", definition.example).expect("a string");
        }
    }
}

impl Definition {
    fn read(subject: &str, head: &str, comment: Vec<String>) -> Self {
        let end = if head.contains('(') {
            head.find(')').map(|at| at + 1)
        } else {
            head.find(' ')
        };
        let head = &head[..end.expect("a head")];
        // In the head of a rule without arguments, a bracket is of its value.
        let is_function = head
            .split([' ', '('])
            .next()
            .is_some_and(|rule| head[rule.len()..].starts_with('('));
        let head = if is_function {
            head
        } else {
            head.split(' ').next().unwrap_or(head)
        };
        let signature = format!("{subject}.{head}");
        let (code, about): (Vec<String>, Vec<String>) =
            comment.into_iter().partition(|line| line.starts_with('\t'));
        assert_eq!(code.len(), 1, "{signature} has no example of one line");
        let mut about = about;
        while about.last().is_some_and(String::is_empty) {
            about.pop();
        }
        assert!(!about.is_empty(), "{signature} says nothing of itself");
        Self {
            signature,
            about,
            example: code[0].trim().to_owned(),
        }
    }
}

/// Lines of a comment; those after a tab are code.
fn write_text(page: &mut String, lines: &[String]) {
    let mut is_code = false;
    for line in lines {
        let code = line.strip_prefix('\t');
        if code.is_some() != is_code && !line.is_empty() {
            page.push_str(match code.and_then(|code| code.chars().next()) {
                None => "```\n\n",
                Some('{') => "```json\n",
                Some('[') => "```toml\n",
                Some(_) => "```text\n",
            });
            is_code = !is_code;
        }
        if !(line.is_empty() && is_code) {
            page.push_str(code.unwrap_or(line));
            page.push('\n');
        }
    }
    if is_code {
        page.push_str("```\n");
    }
}

const MARK: &str = "<!-- What follows is made of the comments in content/policies/lib. -->\n";
