//! What can be wrong with a 7z.

use std::borrow::Cow;

use casemate_core::{Confidence, Example, Reference, Rule, RuleId, Severity};

pub(crate) const RULES: &[&Rule] = &[&ENCRYPTED, &METHOD, &DUPLICATE, &CHECKSUM, &GAP];

pub(super) static ENCRYPTED: Rule = Rule {
    id: RuleId::new("CM-SVZ-001"),
    title: Cow::Borrowed("An encrypted 7z"),
    severity: Severity::Medium,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "A member of the archive, or the header that names its members, is encrypted, so that \
         what is inside was not looked at.",
    ),
    remediation: Cow::Borrowed(
        "Ask for the archive without a password, or unpack it where it is trusted and scan what \
         is inside.",
    ),
    references: Cow::Borrowed(&[
        Reference::new("CWE-693"),
        Reference::new("AML.T0107"),
        Reference::new("T1027.013"),
    ]),
    bad: Some(Example::new(
        "CM-SVZ-001.bad",
        include_bytes!("../../fixtures/CM-SVZ-001.bad"),
    )),
    good: Some(Example::new(
        "CM-SVZ-000.good",
        include_bytes!("../../fixtures/CM-SVZ-000.good"),
    )),
};

pub(super) static METHOD: Rule = Rule {
    id: RuleId::new("CM-SVZ-002"),
    title: Cow::Borrowed("A member packed in a way that is not supported"),
    severity: Severity::Low,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "A member is packed by a method that Casemate does not decode, so that what is inside \
         was not looked at.",
    ),
    remediation: Cow::Borrowed("Pack the archive again with LZMA2, which every reader has."),
    references: Cow::Borrowed(&[Reference::new("CWE-693"), Reference::new("AML.T0107")]),
    bad: Some(Example::new(
        "CM-SVZ-002.bad",
        include_bytes!("../../fixtures/CM-SVZ-002.bad"),
    )),
    good: Some(Example::new(
        "CM-SVZ-000.good",
        include_bytes!("../../fixtures/CM-SVZ-000.good"),
    )),
};

pub(super) static DUPLICATE: Rule = Rule {
    id: RuleId::new("CM-SVZ-003"),
    title: Cow::Borrowed("Members of one name"),
    severity: Severity::High,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "Several members of the archive have the same name. Which one a program reads depends \
         on the program: one that is inspected may not be the one that is loaded.",
    ),
    remediation: Cow::Borrowed("Pack the archive again from files that you trust."),
    references: Cow::Borrowed(&[Reference::new("CWE-436"), Reference::new("AML.T0074")]),
    bad: Some(Example::new(
        "CM-SVZ-003.bad",
        include_bytes!("../../fixtures/CM-SVZ-003.bad"),
    )),
    good: Some(Example::new(
        "CM-SVZ-000.good",
        include_bytes!("../../fixtures/CM-SVZ-000.good"),
    )),
};

pub(super) static CHECKSUM: Rule = Rule {
    id: RuleId::new("CM-SVZ-004"),
    title: Cow::Borrowed("A wrong checksum"),
    severity: Severity::Medium,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "The checksum of a header or of a member is not that of its bytes. The archive was \
         damaged or changed after it was written, and some readers take it all the same.",
    ),
    remediation: Cow::Borrowed(
        "Fetch the archive again from where it was published, and compare digests.",
    ),
    references: Cow::Borrowed(&[Reference::new("CWE-354"), Reference::new("AML.T0107")]),
    bad: Some(Example::new(
        "CM-SVZ-004.bad",
        include_bytes!("../../fixtures/CM-SVZ-004.bad"),
    )),
    good: Some(Example::new(
        "CM-SVZ-000.good",
        include_bytes!("../../fixtures/CM-SVZ-000.good"),
    )),
};

pub(super) static GAP: Rule = Rule {
    id: RuleId::new("CM-SVZ-005"),
    title: Cow::Borrowed("Bytes that belong to no member"),
    severity: Severity::Medium,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "Bytes that are not padding stand between the parts of the archive or behind its end. \
         No reader of 7z shows them, and a reader of another format may find them.",
    ),
    remediation: Cow::Borrowed("Pack the archive again, and find out what the bytes are."),
    references: Cow::Borrowed(&[Reference::new("CWE-436"), Reference::new("AML.T0107")]),
    bad: Some(Example::new(
        "CM-SVZ-005.bad",
        include_bytes!("../../fixtures/CM-SVZ-005.bad"),
    )),
    good: Some(Example::new(
        "CM-SVZ-000.good",
        include_bytes!("../../fixtures/CM-SVZ-000.good"),
    )),
};
