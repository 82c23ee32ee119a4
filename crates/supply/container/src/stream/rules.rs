//! What can be wrong with a compressed stream.

use std::borrow::Cow;

use casemate_core::{Confidence, Example, Reference, Rule, RuleId, Severity};

pub(crate) const RULES: &[&Rule] = &[&TRAILING, &CHECKSUM];

pub(super) static TRAILING: Rule = Rule {
    id: RuleId::new("CM-GZIP-001"),
    title: Cow::Borrowed("Bytes behind the end of a compressed stream"),
    severity: Severity::Medium,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "Bytes that are not padding follow the end of a compressed stream (gzip, zlib, bzip2, xz, \
         LZMA, Zstandard, LZ4). Most readers stop at the end without a word, so that what follows travels unseen by whoever inspects the file \
         through them.",
    ),
    remediation: Cow::Borrowed("Compress the file again, and find out what wrote the bytes."),
    references: Cow::Borrowed(&[Reference::new("CWE-436"), Reference::new("AML.T0107")]),
    bad: Some(Example::new(
        "CM-GZIP-001.bad",
        include_bytes!("../../fixtures/CM-GZIP-001.bad"),
    )),
    good: Some(Example::new(
        "CM-GZIP-000.good",
        include_bytes!("../../fixtures/CM-GZIP-000.good"),
    )),
};

pub(super) static CHECKSUM: Rule = Rule {
    id: RuleId::new("CM-GZIP-002"),
    title: Cow::Borrowed("A compressed stream with a wrong checksum"),
    severity: Severity::Medium,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "The checksum or the length of a compressed stream (gzip, zlib, xz, Zstandard, LZ4) is \
         not that of its bytes, or is missing. The file was cut or changed after it was written. A program that acts on bytes \
         as they come, as unpicklers do, has acted before it is checked.",
    ),
    remediation: Cow::Borrowed(
        "Fetch the file again from where it was published, and compare digests.",
    ),
    references: Cow::Borrowed(&[Reference::new("CWE-354"), Reference::new("AML.T0107")]),
    bad: Some(Example::new(
        "CM-GZIP-002.bad",
        include_bytes!("../../fixtures/CM-GZIP-002.bad"),
    )),
    good: Some(Example::new(
        "CM-GZIP-000.good",
        include_bytes!("../../fixtures/CM-GZIP-000.good"),
    )),
};
