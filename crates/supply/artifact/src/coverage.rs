//! CM-COV: what was not looked at.

use std::borrow::Cow;

use casemate_core::{Confidence, Example, Reference, Rule, RuleId, Severity};

/// Something was left out.
pub(crate) static NOT_COVERED: Rule = Rule {
    id: RuleId::new("CM-COV-001"),
    title: Cow::Borrowed("Not all of the file could be judged"),
    severity: Severity::Medium,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "A part of the file was not looked at: a limit was reached, the bytes are broken or \
         encrypted, or Casemate has no reader for the format. What was not looked at is never \
         called clean, because attackers break files on purpose to stop scanners.",
    ),
    remediation: Cow::Borrowed(
        "Convert the file to a format that can be judged whole, or have somebody vouch for it.",
    ),
    references: Cow::Borrowed(&[
        Reference::new("CWE-693"),
        Reference::new("AML.T0107"),
        Reference::new("LLM03:2025"),
    ]),
    bad: Some(Example::new("model.h5", b"\x89HDF\r\n\x1a\n\0\0\0\0")),
    good: Some(Example::new("labels.txt", b"cat\ndog\n")),
};

/// The list of findings was cut.
pub(crate) static MORE_FINDINGS: Rule = Rule {
    id: RuleId::new("CM-COV-002"),
    title: Cow::Borrowed("More findings than are listed"),
    severity: Severity::Info,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "A file with very many findings has only the first of them listed. The verdict takes all \
         of them into account.",
    ),
    remediation: Cow::Borrowed("Treat the file by its verdict; the findings listed are examples."),
    references: Cow::Borrowed(&[Reference::new("CWE-400")]),
    bad: None,
    good: None,
};

pub(crate) static RULES: &[&Rule] = &[&NOT_COVERED, &MORE_FINDINGS];
