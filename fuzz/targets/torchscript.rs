//! Any text as the code of a module; and code that is clean is not when a line more writes a file.

use casemate_artifact::{Allowlist, Examination, Limits, Verdict, examine};
use casemate_core::{Coverage, MemorySource};

use crate::boxes::zip;

/// Judges the text as `code/__torch__.py`.
pub fn run(data: &[u8]) {
    let judged = judge(data);
    if judged.verdict > Verdict::Known || judged.coverage != Coverage::Complete {
        assert!(!judged.findings.is_empty(), "not clean, and nobody says why");
        return;
    }
    let more = [data, b"\ntorch.save(x, 'y')\n"].concat();
    assert_eq!(judge(&more).verdict, Verdict::Dangerous);
}

fn judge(code: &[u8]) -> Examination {
    let file = zip(&[
        ("m/data.pkl", b"\x80\x02}q\0."),
        ("m/code/__torch__.py", code),
        ("m/version", b"3\n"),
    ]);
    let judged = examine(&MemorySource(file), Allowlist::builtin(), &Limits::default());
    assert_eq!(judged.format, "torchscript");
    judged
}
