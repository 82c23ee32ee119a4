//! Our own detections: each matches what it is about, and nothing that is usual.

use std::collections::{BTreeSet, HashSet};

use casemate_core::Event;
use casemate_detect::{BUILTIN, Detections, Engine, Limits};
use casemate_document::Node;

use crate::events::{at, document, event, fields};

#[test]
fn each_detection_matches_its_scenarios_and_nothing_like_them() {
    for (file, _, scenarios) in BUILTIN {
        let scenarios = document(scenarios);
        let rule = text(&scenarios, "rule").expect("a rule");
        let fires = scenarios.get("fires").expect("what fires").items();
        let silent = scenarios.get("silent").expect("what does not").items();
        assert!(fires.len() >= 2 && silent.len() >= 2, "{file}");
        for scenario in fires {
            let about = text(scenario, "about").expect("a name");
            let found = found(scenario);
            assert!(found.contains(rule), "{file}: {about}: {found:?}");
            for also in scenario.get("finds").map(Node::items).unwrap_or_default() {
                let also = also.as_str().expect("a name");
                assert!(found.contains(also), "{file}: {about}: {found:?}");
            }
        }
        for scenario in silent {
            let about = text(scenario, "about").expect("a name");
            let found = found(scenario);
            assert!(!found.contains(rule), "{file}: {about}: {found:?}");
        }
    }
}

#[test]
fn nothing_matches_a_day_of_training_and_serving() {
    let scenarios =
        include_str!("../../../../../content/detections/scenarios/training_and_serving.yml");
    for scenario in document(scenarios)
        .get("silent")
        .expect("scenarios")
        .items()
    {
        assert_eq!(
            found(scenario),
            BTreeSet::new(),
            "{:?}",
            text(scenario, "about")
        );
    }
}

#[test]
fn every_detection_is_complete() {
    let detections = Detections::builtin();
    let references = include_str!("../../../../../content/references.txt");
    let references: HashSet<&str> = references
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| Some(line.split_once(' ')?.0))
        .collect();
    let ours: Vec<_> = (detections.rules().iter())
        .filter(|rule| rule.id.starts_with("CM-RUN-"))
        .collect();
    let ids: Vec<&str> = ours.iter().map(|rule| &*rule.id).collect();
    let expected: Vec<String> = (1..=11)
        .map(|number| format!("CM-RUN-{number:03}"))
        .collect();
    assert_eq!(ids, expected);
    for rule in ours {
        let id = &rule.id;
        assert!(!rule.description.is_empty(), "{id}");
        assert!(!rule.falsepositives.is_empty(), "{id}");
        assert!(rule.response.len() >= 3, "{id}");
        let remediation = rule.remediation.as_deref().unwrap_or_default();
        assert!(
            remediation.ends_with('.') && !remediation.contains('\n'),
            "{id}"
        );
        assert!(!rule.references.is_empty(), "{id}");
        for reference in &rule.references {
            assert!(
                references.contains(&**reference),
                "{id} refers to {reference}"
            );
        }
        for tag in rule
            .tags
            .iter()
            .filter_map(|tag| tag.strip_prefix("attack.t"))
        {
            let technique = format!("T{tag}");
            assert!(
                references.contains(&*technique),
                "{id} has the tag {technique}"
            );
        }
        let in_core = rule.rule().expect("a rule of the program");
        assert_eq!((in_core.id.as_str(), in_core.severity), (&**id, rule.level));
    }
}

#[test]
fn every_file_of_the_folder_is_in_the_program() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../content/detections");
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .expect("the folder")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .into_string()
                .expect("UTF-8")
        })
        .filter(|name| name.ends_with(".yml"))
        .map(|name| format!("content/detections/{name}"))
        .collect();
    files.sort();
    let mut known: Vec<&str> = BUILTIN.iter().map(|(name, ..)| *name).collect();
    known.sort_unstable();
    assert_eq!(files, known);
}

/// The rules that match in a scenario, by identity and by name.
fn found(scenario: &Node) -> BTreeSet<String> {
    let detections = Detections::builtin();
    let mut engine = Engine::new(&detections, Limits::default());
    let events = scenario.get("events").expect("events").items();
    let events: Vec<Event> = events.iter().map(scene).collect();
    let mut matches: Vec<_> = events.iter().flat_map(|it| engine.observe(it)).collect();
    matches.extend(engine.finish());
    assert_eq!(engine.notices(), [], "{:?}", text(scenario, "about"));
    let rules = matches.iter().filter_map(|it| detections.rule(&it.rule));
    let names = rules.flat_map(|rule| [Some(rule.id.clone()), rule.name.clone()]);
    names.flatten().collect()
}

fn scene(node: &Node) -> Event {
    let seconds = node.get("at").and_then(Node::as_integer).expect("a time");
    let category = text(node, "category").expect("a category");
    let mut fields = fields(node);
    for key in ["at", "category", "node"] {
        fields.remove(key);
    }
    let mut event = event(category, seconds, fields);
    event.source = text(node, "node").unwrap_or("node-1").to_owned();
    assert_eq!(event.event_time, at(seconds));
    Event::new(
        event.event_time,
        event.ingest_time,
        event.source,
        event.log_source,
        event.assets,
        event.fields,
    )
}

fn text<'n>(node: &'n Node, key: &str) -> Option<&'n str> {
    node.get(key).and_then(Node::as_str)
}
