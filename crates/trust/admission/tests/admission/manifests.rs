//! What is deployed is what the checks would take, and asks for every kind that they know.

use std::{collections::BTreeSet, fs};

use casemate_core::{Digest, MemorySource, PathText, Subject, Survey as _};
use casemate_policy::gatekeeper::Resource;
use casemate_posture::{
    PostureSurvey,
    check::{OBJECTS, Persona},
};
use serde_json::Value;

#[test]
fn nothing_is_wrong_with_the_manifests() {
    let survey = PostureSurvey::new(Persona::Pedantic);
    let mut readings = Vec::new();
    for (name, bytes) in manifests() {
        let path = PathText::from_text(&name);
        let subject = Subject::of_file("local", path.clone(), path, Digest::of(&bytes));
        readings.extend(survey.read(&subject, &MemorySource(bytes)));
    }
    assert_eq!(readings.len(), manifests().len());
    for outcome in survey.judge(readings).into_iter().flatten() {
        let found = outcome
            .findings
            .iter()
            .map(|it| format!("{} {}", it.rule, it.message));
        assert_eq!(
            found.collect::<Vec<_>>(),
            [] as [&str; 0],
            "{}",
            outcome.name
        );
        assert_eq!(outcome.reason, None, "{}", outcome.name);
    }
}

#[test]
fn the_webhook_is_asked_about_every_kind_that_checks_know() {
    let (_, bytes) = manifests()
        .into_iter()
        .find(|(name, _)| name == "webhooks/validating.yaml")
        .expect("a file");
    let object = Resource::read("validating.yaml", &bytes)
        .expect("YAML")
        .swap_remove(0)
        .value;
    let texts = |value: &Value| -> Vec<String> {
        let items = value.as_array().expect("a list").iter();
        items
            .map(|it| it.as_str().expect("a text").to_owned())
            .collect()
    };
    let mut asked = BTreeSet::new();
    for rule in object["webhooks"][0]["rules"].as_array().expect("rules") {
        for group in texts(&rule["apiGroups"]) {
            asked.extend(
                texts(&rule["resources"])
                    .into_iter()
                    .map(|it| (group.clone(), it)),
            );
        }
    }
    let groups: BTreeSet<&str> = asked.iter().map(|(group, _)| group.as_str()).collect();
    let known: BTreeSet<&str> = OBJECTS.iter().map(|(group, _)| *group).collect();
    assert_eq!(groups, known);
    let mut expected: BTreeSet<(String, String)> = OBJECTS
        .iter()
        .flat_map(|(group, kinds)| kinds.iter().map(|kind| (group.to_string(), plural(kind))))
        .collect();
    // Not Secrets, and the containers that are put into a pod that runs.
    assert!(expected.remove(&(String::new(), "secrets".to_owned())));
    expected.insert((String::new(), "pods/ephemeralcontainers".to_owned()));
    assert_eq!(asked, expected);
}

/// What the API calls objects of a kind.
fn plural(kind: &str) -> String {
    let kind = kind.to_lowercase();
    match kind.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'o']) => format!("{stem}ies"),
        _ if kind.ends_with(['s', 'x']) => format!("{kind}es"),
        _ => format!("{kind}s"),
    }
}

fn manifests() -> Vec<(String, Vec<u8>)> {
    let dir = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../deploy/kubernetes/admission"
    );
    let mut files = Vec::new();
    for below in ["", "webhooks/"] {
        let dir = format!("{dir}/{below}");
        let entries = fs::read_dir(&dir).expect("a folder");
        let paths = entries.map(|entry| entry.expect("an entry").path());
        for path in paths.filter(|path| path.is_file()) {
            let name = path.file_name().expect("a name").to_string_lossy();
            files.push((format!("{below}{name}"), fs::read(&path).expect("a file")));
        }
    }
    files.sort();
    files
}
