//! Any bytes as the graph of an exported program; and a graph that is clean is whole.

use casemate_artifact::{Allowlist, Examination, Limits, examine};
use casemate_core::MemorySource;

use crate::boxes::zip;

/// Judges the bytes as a graph, and as a table of tensors.
pub fn run(data: &[u8]) {
    let _ = judge("m/data/weights/model_weights_config.json", data);
    if !is_clean(&judge("m/models/model.json", data)) {
        return;
    }
    let graph = data.trim_ascii();
    let Some((_, cut)) = graph.split_last() else {
        return;
    };
    // A number is one without its last digit.
    if matches!(graph.last(), Some(b'}' | b']' | b'"')) {
        assert!(!is_clean(&judge("m/models/model.json", cut)), "half a graph is clean");
    }
}

fn judge(name: &str, graph: &[u8]) -> Examination {
    let file = zip(&[
        (name, graph),
        ("m/data/weights/weight_0", &[0; 16]),
        ("m/archive_format", b"pt2"),
        ("m/archive_version", b"0"),
    ]);
    let judged = examine(&MemorySource(file), Allowlist::builtin(), &Limits::default());
    assert_eq!(judged.format, "pt2");
    judged
}

/// Apart from the tensor that nothing is said about, and what the bytes are to other readers.
fn is_clean(examination: &Examination) -> bool {
    let is_ours = |rule: &str| matches!(rule, "CM-PTH-003" | "CM-PTH-004" | "CM-PTH-005");
    let mut findings = examination.findings.iter();
    findings.all(|found| !is_ours(found.rule.id.as_str()) && found.anchor != "pt2")
}
