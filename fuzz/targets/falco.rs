//! Rules of Falco: whatever they are, they are refused with a place, or judged and asked.

use std::collections::BTreeMap;

use casemate_core::{Event, Field, LogSource, Timestamp};
use casemate_detect::{Extent, FalcoRules};

/// A file of rules, asked of an event whose texts are those of the file.
pub fn run(data: &[u8]) {
    let rules = match FalcoRules::read([("rules.yaml", data)]) {
        Ok(rules) => rules,
        Err(errors) => {
            for error in errors {
                let text = error.to_string();
                assert!(!text.contains(|c: char| c.is_control()), "{text:?}");
                assert!(error.line >= 1 && !error.advice.is_empty(), "{text}");
            }
            return;
        }
    };
    let coverage = rules.coverage();
    for rule in &coverage.rules {
        let is_blocked = rule.extent == Extent::Blocked;
        assert!(is_blocked || rule.blocked_by.is_empty(), "{}", rule.rule);
    }
    assert!(rules.rules().len() <= coverage.rules.len());
    let text = String::from_utf8_lossy(data);
    let word = text.split_whitespace().next_back().unwrap_or_default();
    let fields = BTreeMap::from([
        ("Image".to_owned(), Field::from(word)),
        ("CommandLine".to_owned(), Field::from(&*text)),
        ("TargetFilename".to_owned(), Field::from(word)),
    ]);
    let log_source = LogSource {
        category: Some("file_access".into()),
        ..LogSource::default()
    };
    let time = Timestamp::from_second(1_800_000_000).expect("in range");
    let event = Event::new(time, time, "fuzz", log_source, Vec::new(), fields);
    for found in rules.observe(&event) {
        assert!(rules.rules().iter().any(|rule| rule.id == found.rule));
    }
}
