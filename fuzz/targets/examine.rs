//! Any bytes: the verdict is the same twice, explains itself, and does not hang on the gadgets.

use casemate_artifact::{Allowlist, Examination, Limits, Verdict, examine};
use casemate_core::{Coverage, MemorySource};

/// Judges the bytes twice, and once without the gadgets.
pub fn run(data: &[u8]) {
    let list = Allowlist::builtin();
    let first = judge(data, list);
    let again = judge(data, list);
    assert_eq!(told(&first), told(&again));
    if first.verdict >= Verdict::Unknown {
        assert!(!first.findings.is_empty(), "{} without a reason", first.format);
    }
    if first.coverage == Coverage::Partial {
        let said = first.findings.iter().any(|found| found.rule.id.family() == "COV");
        assert!(said && first.reason.is_some(), "partial without a reason");
    }
    for found in &first.findings {
        let tame = |text: &str| !text.chars().any(char::is_control);
        assert!(tame(&found.message), "a message with control characters");
    }
    thread_local! {
        static BARE: Allowlist = Allowlist::builtin().without_gadgets();
    }
    let bare = BARE.with(|list| judge(data, list));
    assert_eq!(
        first.verdict >= Verdict::Unknown,
        bare.verdict >= Verdict::Unknown,
        "the gadgets decided"
    );
}

fn judge(data: &[u8], list: &Allowlist) -> Examination {
    let limits = Limits {
        opcodes: 2_000_000,
        bytes: 16 << 20,
        ..Limits::default()
    };
    examine(&MemorySource(data), list, &limits)
}

fn told(examination: &Examination) -> String {
    format!("{examination:?}")
}
