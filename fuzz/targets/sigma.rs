//! Rules of Sigma: whatever they are, they are refused with a place, or asked of events.

use std::collections::BTreeMap;

use casemate_core::{Event, Field, LogSource, Timestamp};
use casemate_detect::{Detections, Engine, Limits};

/// A file of rules, asked of events whose texts are those of the file.
pub fn run(data: &[u8]) {
    let (detections, errors) = Detections::read_understood([("rules.yml", data)]);
    for error in &errors {
        let text = error.to_string();
        assert!(!text.contains(|c: char| c.is_control()), "{text:?}");
        assert!(error.line >= 1 && error.column >= 1, "{text}");
        assert!(!error.advice.is_empty(), "{text}");
    }
    assert_eq!(
        Detections::read([("rules.yml", data)]).is_ok(),
        errors.is_empty()
    );
    let limits = Limits {
        waiting: 8,
        groups: 4,
        kept: 8,
        events: 4,
        ..Limits::default()
    };
    let mut engine = Engine::new(&detections, limits);
    let events = events(&String::from_utf8_lossy(data));
    let mut matches: Vec<_> = events.iter().flat_map(|it| engine.observe(it)).collect();
    matches.extend(engine.finish());
    for found in &matches {
        assert!(detections.rule(&found.rule).is_some());
        assert!(!found.events.is_empty() && found.events.len() <= 4);
        assert!(found.events.iter().all(|id| events.iter().any(|it| it.id == *id)));
    }
}

/// Events of several kinds, some of them out of order.
fn events(text: &str) -> Vec<Event> {
    let words: Vec<&str> = text.split_whitespace().take(64).collect();
    let mut events = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let second = i64::try_from(at).unwrap_or(0) * 7 % 40;
        let time = Timestamp::from_second(1_800_000_000 + second).expect("in range");
        let log_source = LogSource {
            category: Some(["process_creation", "file_open"][at % 2].into()),
            product: Some("linux".into()),
            service: Some("casemate-sensor".into()),
        };
        let fields = BTreeMap::from([
            ("Image".to_owned(), Field::from(*word)),
            ("CommandLine".to_owned(), Field::from(&*words[at..].join(" "))),
            ("ProcessId".to_owned(), Field::Integer(second % 3)),
            ("Ancestors".to_owned(), Field::List(vec![Field::from(*word), Field::Bool(true)])),
        ]);
        events.push(Event::new(time, time, "fuzz", log_source, Vec::new(), fields));
    }
    events
}
