//! What the sensor reads: recordings with the records of a kernel in them, policies, and control groups. Whatever is in them, nothing
//! panics, and the same entries make the same events.

use casemate_core::Timestamp;
use casemate_sensor::{Container, Entry, Observer, Place, Policy, Reader, Record};

/// Bytes of a recording, or of a policy.
pub fn run(data: &[u8]) {
    if let Ok(record) = Record::parse(data) {
        let _ = Record::parse(&record.to_bytes());
    }
    let events = || {
        let mut observer = Observer::new(Place::default());
        let entries = Reader::new(data).into_iter().flatten();
        entries
            .map_while(Result::ok)
            .filter_map(|entry: Entry| observer.take(&entry, Timestamp::UNIX_EPOCH).ok()?)
            .map(|event| event.id)
            .collect::<Vec<_>>()
    };
    assert_eq!(events(), events());
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = Container::of_cgroups(text);
        if let Ok(policy) = text.parse::<Policy>() {
            let peers = policy.protect.iter().flat_map(|it| it.egress.iter().flatten());
            for peer in peers {
                assert_eq!(peer.to_string().parse(), Ok(*peer));
            }
        }
    }
}
