//! JSON that may be the index of a checkpoint; and one that is clean is not when it leads elsewhere.

use casemate_artifact::{Allowlist, Examination, Limits, Verdict, examine};
use casemate_core::MemorySource;

/// Judges the bytes.
pub fn run(data: &[u8]) {
    let judged = judge(data);
    if judged.format != "shard-index" || judged.verdict != Verdict::Inert {
        return;
    }
    let Some(open) = data.trim_ascii().strip_suffix(b"}") else {
        return;
    };
    let more = [open, br#","weight_map":{"w":"../x"}}"#].concat();
    assert!(judge(&more).verdict >= Verdict::Unknown, "what leads elsewhere is clean");
}

fn judge(bytes: &[u8]) -> Examination {
    examine(&MemorySource(bytes), Allowlist::builtin(), &Limits::default())
}
