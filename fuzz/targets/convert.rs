//! Any bytes: what is converted is a safetensors file without a flaw, and the same when it is
//! converted again.

use std::sync::Mutex;

use casemate_artifact::{Allowlist, Convertible, Limits, Options, Plan, Verdict, examine};
use casemate_core::{Coverage, MemorySource};

/// Converts the bytes, judges what comes out, and converts that.
pub fn run(data: &[u8]) {
    for file in converted(data) {
        let limits = limits();
        let judged = examine(&MemorySource(&file), Allowlist::builtin(), &limits);
        // The tensors' bytes are the input's, and may look like anything; the form is ours.
        let flaw = (judged.findings.iter()).find(|found| found.rule.id.family() == "STN");
        assert!(flaw.is_none(), "{flaw:?}");
        if judged.verdict <= Verdict::Known && judged.coverage == Coverage::Complete {
            assert_eq!(converted(&file), [file]);
        }
    }
}

fn converted(data: &[u8]) -> Vec<Vec<u8>> {
    let source = MemorySource(data);
    let file = Convertible {
        name: "fuzzed",
        source: &source,
    };
    let options = Options::default();
    let Ok(plan) = Plan::new(&[file], None, Allowlist::builtin(), &limits(), &options) else {
        return Vec::new();
    };
    assert!(plan.tensors().all(|tensor| !tensor.dtype.is_empty()));
    // A small file may ask for a large one.
    if plan.sizes().sum::<u64>() > LARGEST {
        return Vec::new();
    }
    let write = |nth| {
        let out = Mutex::new(Vec::new());
        let written = plan.write(nth, &out, &|_| ());
        // A member may break off, which only reading it shows.
        written.is_ok().then(|| out.into_inner().unwrap_or_default())
    };
    (0..plan.sizes().len()).filter_map(write).collect()
}

fn limits() -> Limits {
    Limits {
        opcodes: 2_000_000,
        bytes: 16 << 20,
        ..Limits::default()
    }
}

const LARGEST: u64 = 8 << 20;
