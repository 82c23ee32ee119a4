//! What is deployed is what the checks would take, and asks for every kind that they know.

use std::{collections::BTreeSet, fs, path::PathBuf};

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
    assert_eq!(readings.len(), 7);
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
        .find(|(name, _)| name == "validating.yaml")
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
    let kinds = OBJECTS.iter().map(|(_, kinds)| kinds.len()).sum::<usize>();
    // Not Secrets, and the containers that are put into a pod that runs.
    assert_eq!(asked.len(), kinds);
    assert!(asked.contains(&(String::new(), "pods/ephemeralcontainers".to_owned())));
    assert!(!asked.contains(&(String::new(), "secrets".to_owned())));
}

fn manifests() -> Vec<(String, Vec<u8>)> {
    let dir = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../deploy/kubernetes/admission"
    );
    let entries = fs::read_dir(dir).expect("a folder");
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    let named = files.into_iter().map(|path| {
        let name = path
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        (name, fs::read(&path).expect("a file"))
    });
    named.collect()
}
