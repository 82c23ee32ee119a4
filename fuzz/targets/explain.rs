//! Any bytes: an explanation and an inspection say what a scan says, and stay short.

use casemate_artifact::{Allowlist, Detail, Limits, Verdict, examine, explain, inspect};
use casemate_core::MemorySource;

/// Explains the bytes, as they are and as a stream of protocol 4.
pub fn run(data: &[u8]) {
    told(data);
    let mut stream = b"\x80\x04".to_vec();
    stream.extend_from_slice(data);
    told(&stream);
}

fn told(data: &[u8]) {
    let limits = Limits {
        opcodes: 2_000_000,
        bytes: 16 << 20,
        ..Limits::default()
    };
    let source = MemorySource(data);
    let list = Allowlist::builtin();
    let explanation = explain(&source, list, &limits, Detail::Brief).expect("memory");
    let told = &explanation.examination;
    let alone = examine(&source, list, &limits);
    assert_eq!(format!("{alone:?}"), format!("{told:?}"), "a witness changes the verdict");
    let inspection = inspect(&source, list, &limits, Detail::Brief).expect("memory");
    assert_eq!(inspection.examination.verdict, alone.verdict);
    for outline in &inspection.content.outlines {
        assert!(outline.lines.len() <= 400, "a long outline: {}", outline.lines.len());
        for line in &outline.lines {
            assert!(line.text.len() < 8_000, "a long line: {}", line.text.len());
        }
    }
    assert!(explanation.streams.len() <= 500, "too many streams");
    for stream in &explanation.streams {
        assert!(stream.statements.len() < 25_000, "too many statements");
        assert!(stream.verdict <= told.verdict, "a stream is worse than the file");
        for statement in &stream.statements {
            assert!(statement.text.len() < 8_000, "a long line: {}", statement.text.len());
            let tame = !statement.text.chars().any(char::is_control);
            assert!(tame, "a line with control characters");
            assert!(statement.blocks.len() <= 9, "too many blocks");
        }
    }
    let marks = explanation.streams.iter().any(|stream| stream.verdict >= Verdict::Unknown);
    if told.verdict >= Verdict::Unknown {
        assert!(marks || !explanation.unplaced.is_empty(), "nothing says why");
    }
}
