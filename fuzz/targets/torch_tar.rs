//! The records of a tar checkpoint; and those that are clean are so to their last byte.

use casemate_artifact::{Allowlist, Limits, Verdict, examine};
use casemate_core::{Coverage, MemorySource};

use crate::boxes::tar;

/// Two numbers of two bytes say how long the first two records are.
pub fn run(data: &[u8]) {
    let [a, b, c, d, data @ ..] = data else {
        return;
    };
    let [first, second] = [[*a, *b], [*c, *d]].map(|pair| usize::from(u16::from_le_bytes(pair)));
    let (storages, data) = data.split_at(data.len().min(first));
    let (tensors, object) = data.split_at(data.len().min(second));
    if is_clean(storages, tensors, object) {
        let more = [storages, b"\0"].concat();
        assert!(!is_clean(&more, tensors, object), "a byte more is clean");
    }
}

fn is_clean(storages: &[u8], tensors: &[u8], object: &[u8]) -> bool {
    let members = [("storages", storages), ("tensors", tensors), ("pickle", object)];
    let file = tar(&members);
    let judged = examine(&MemorySource(file), Allowlist::builtin(), &Limits::default());
    assert_eq!(judged.format, "torch-tar");
    judged.verdict <= Verdict::Known && judged.coverage == Coverage::Complete
}
