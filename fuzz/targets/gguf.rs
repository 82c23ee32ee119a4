//! Any bytes behind the magic; and a clean header is not clean when it is cut.

use casemate_artifact::{Allowlist, Examination, Limits, Verdict, examine};
use casemate_core::{Coverage, MemorySource};

/// Judges the bytes behind the magic.
pub fn run(data: &[u8]) {
    let mut file = b"GGUF".to_vec();
    file.extend_from_slice(data);
    if is_clean(&judge(&file)) {
        file.truncate(15);
        assert!(!is_clean(&judge(&file)), "half a header is clean");
    }
}

fn judge(bytes: &[u8]) -> Examination {
    examine(&MemorySource(bytes), Allowlist::builtin(), &Limits::default())
}

fn is_clean(examination: &Examination) -> bool {
    examination.format == "gguf"
        && examination.verdict == Verdict::Inert
        && examination.coverage == Coverage::Complete
}
