//! Declarations of zones and flows, and what was seen: whatever stands there is refused with its line, or is written
//! as the same again; and the policies that are written for it say what it says.

use casemate_segment::{
    generate::{self, Target},
    intent::{Intent, to_yaml},
    observed::Format,
};

/// Bytes of `zones.yaml`, or of what somebody saw.
pub fn run(data: &[u8]) {
    if data.len() > 1 << 12 {
        return;
    }
    if let Ok(text) = std::str::from_utf8(data) {
        for format in Format::ALL {
            let observed = format.read(text);
            assert!(observed.passed_over <= text.lines().count());
            assert!(observed.seen.iter().all(|it| !it.connections.is_empty()));
        }
    }
    let Ok(intent) = Intent::read(data) else {
        return;
    };
    let text = to_yaml(&intent);
    let again = Intent::read(text.as_bytes()).expect("what is written is a declaration");
    assert_eq!(to_yaml(&again), text);
    let zones = intent.zones.len();
    if zones > MAX_ZONES || intent.flows.len() > MAX_FLOWS {
        return;
    }
    for target in [Target::NetworkPolicy, Target::Cilium] {
        if let Ok(policies) = generate::policies(&intent, target) {
            let flaws = generate::prove(&intent, &policies).expect("few zones");
            assert_eq!(flaws, [], "{target:?}: {text}");
        }
    }
}

/// A proof of more takes longer and says no more.
const MAX_ZONES: usize = 8;
const MAX_FLOWS: usize = 20;
