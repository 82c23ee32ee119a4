//! Family COV: what was not looked at, and why that matters.
//!
//! These rules speak of the file system, not of a file's bytes, so their examples are the trees
//! that the tests build.

use std::borrow::Cow;

use casemate_core::{Confidence, Reference, Rule, RuleId, Severity};

/// The check's name in outcomes.
pub const CHECK: &str = "inventory";

/// The check's version.
pub const VERSION: &str = "1";

/// Every rule of the inventory.
pub static RULES: &[Rule] = &[
    Rule {
        id: RuleId::new("CM-INV-001"),
        title: Cow::Borrowed("A file could not be read"),
        severity: Severity::Medium,
        confidence: Confidence::High,
        description: Cow::Borrowed(
            "The file is there, and could not be opened or read to its end: for want of \
             permission, because of a fault of the medium, or because something else was put in \
             its place meanwhile. No check has seen what it holds, so nothing can be said of it. \
             A file that the assessor may not read and the model server may is a place to hide.",
        ),
        remediation: Cow::Borrowed(
            "Give the assessment permission to read the file, or remove it from the tree.",
        ),
        references: Cow::Borrowed(&[Reference::new("CWE-280"), Reference::new("T1222")]),
        bad: None,
        good: None,
    },
    Rule {
        id: RuleId::new("CM-INV-002"),
        title: Cow::Borrowed("A directory could not be listed"),
        severity: Severity::Medium,
        confidence: Confidence::High,
        description: Cow::Borrowed(
            "The directory could not be opened or listed to its end, or its path is longer than \
             64 KiB. What is in it is not known, not even how many files.",
        ),
        remediation: Cow::Borrowed(
            "Give the assessment permission to list the directory, or remove it from the tree.",
        ),
        references: Cow::Borrowed(&[Reference::new("CWE-280"), Reference::new("T1222")]),
        bad: None,
        good: None,
    },
    Rule {
        id: RuleId::new("CM-INV-003"),
        title: Cow::Borrowed("A file changed while it was read"),
        severity: Severity::Medium,
        confidence: Confidence::High,
        description: Cow::Borrowed(
            "The file's length or times were others after the checks than before, or it did not \
             have as many bytes as it said. The checks may have seen parts of two versions, and \
             the digest may belong to neither; what is on disk now has not been judged.",
        ),
        remediation: Cow::Borrowed(
            "Assess a tree that nothing writes to: a fresh checkout, a snapshot or a read-only mount.",
        ),
        references: Cow::Borrowed(&[Reference::new("CWE-367")]),
        bad: None,
        good: None,
    },
    Rule {
        id: RuleId::new("CM-INV-004"),
        title: Cow::Borrowed("A check failed on a file"),
        severity: Severity::High,
        confidence: Confidence::High,
        description: Cow::Borrowed(
            "A check ended in an error of its own while it looked at the file. That is a defect of \
             the check; a file made to trigger it would hide from that check, so the file counts \
             as not judged.",
        ),
        remediation: Cow::Borrowed(
            "Treat the file as unjudged, keep it from being loaded, and report the defect with its digest.",
        ),
        references: Cow::Borrowed(&[Reference::new("CWE-755")]),
        bad: None,
        good: None,
    },
];

pub(crate) static UNREADABLE_FILE: &Rule = &RULES[0];
pub(crate) static UNREADABLE_DIRECTORY: &Rule = &RULES[1];
pub(crate) static CHANGED: &Rule = &RULES[2];
pub(crate) static CHECK_FAILED: &Rule = &RULES[3];
