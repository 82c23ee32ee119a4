//! A header of any bytes; and a file that is clean is so to its last byte.

use casemate_artifact::{Allowlist, Examination, Limits, Verdict, examine};
use casemate_core::{Coverage, MemorySource};

/// The first two bytes say how long the header is; then come header and tensors.
pub fn run(data: &[u8]) {
    let (split, data) = match data {
        [low, high, rest @ ..] => (usize::from(*low) + 256 * usize::from(*high), rest),
        _ => (0, data),
    };
    let (header, tensors) = data.split_at(split.min(data.len()));
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend_from_slice(header);
    file.extend_from_slice(tensors);
    if !is_clean(&judge(&file)) {
        return;
    }
    file.push(0);
    assert!(!is_clean(&judge(&file)), "a byte too many is clean");
    file.pop();
    if !tensors.is_empty() {
        file.pop();
        assert!(!is_clean(&judge(&file)), "a byte too few is clean");
    }
}

fn judge(bytes: &[u8]) -> Examination {
    examine(&MemorySource(bytes), Allowlist::builtin(), &Limits::default())
}

fn is_clean(examination: &Examination) -> bool {
    examination.format == "safetensors"
        && examination.verdict == Verdict::Inert
        && examination.coverage == Coverage::Complete
}
