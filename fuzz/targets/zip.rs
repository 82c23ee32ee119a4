//! A zip: whatever the bytes, what is opened keeps its promises.

use std::io::Read;

use casemate_container::{Budget, Magic, open};
use casemate_core::{Coverage, MemorySource, Region, Source};

/// Opens the bytes as a zip.
pub fn run(data: &[u8]) {
    opens(data, Magic::Zip);
}

/// Opens the bytes as the container that `magic` says and reads all of it, twice.
pub fn opens(data: &[u8], magic: Magic) {
    let once = report(data, magic);
    assert_eq!(
        once,
        report(data, magic),
        "the same bytes give the same report"
    );
}

fn report(data: &[u8], magic: Magic) -> Vec<String> {
    let source = MemorySource(data);
    let budget = small();
    let contents = open(&source, magic, &budget).expect("memory does not fail");
    let contents = contents.expect("a container that is opened");
    assert!(contents.members.len() <= budget.members);
    assert_eq!(
        contents.coverage == Coverage::Partial,
        contents.reason.is_some()
    );

    let mut lines = Vec::new();
    for anomaly in &contents.anomalies {
        if let Some(Region::Bytes { start, .. }) = anomaly.region {
            assert!(
                start <= source.len(),
                "{}: {start} is outside",
                anomaly.rule.id
            );
        }
        let escaped = !anomaly.message.chars().any(char::is_control);
        assert!(escaped, "{}: {:?}", anomaly.rule.id, anomaly.message);
        lines.push(format!("{} {}", anomaly.rule.id, anomaly.message));
    }
    for member in &contents.members {
        let mut bytes = Vec::new();
        let read = member
            .read()
            .map(|mut reader| reader.read_to_end(&mut bytes));
        let stored = member.stored();
        let limit = stored.map_or(budget.bytes, |window| window.len());
        assert!(bytes.len() as u64 <= limit, "more than the budget");
        if let Some(window) = stored {
            assert!(window.start() + window.len() <= source.len());
            assert_eq!(window.as_slice(), Some(bytes.as_slice()));
        }
        lines.push(format!(
            "{} {} {}",
            member.name,
            bytes.len(),
            matches!(read, Ok(Ok(_)))
        ));
    }
    lines
}

/// Limits that a small input can reach.
fn small() -> Budget {
    let mut budget = Budget::default();
    budget.members = 64;
    budget.bytes = 64 << 10;
    budget.total = 1 << 20;
    budget.window = 8 << 20;
    budget.search = 64 << 10;
    budget
}
