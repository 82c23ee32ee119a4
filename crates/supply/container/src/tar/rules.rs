//! What can be wrong with a tar.

use std::borrow::Cow;

use casemate_core::{Confidence, Example, Reference, Rule, RuleId, Severity};

pub(crate) const RULES: &[&Rule] = &[&BROKEN, &CUT, &SIZES, &BEHIND, &SPARSE, &AGAIN, &JUNK];

pub(super) static BROKEN: Rule = Rule {
    id: RuleId::new("CM-TAR-001"),
    title: Cow::Borrowed("A header whose checksum is wrong"),
    severity: Severity::Medium,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "A block that must be a header does not have a header's checksum, and members follow it. \
         Python's tarfile stops there; other programs skip it and unpack what follows.",
    ),
    remediation: Cow::Borrowed(
        "Fetch the archive again from where it was published, and compare digests.",
    ),
    references: Cow::Borrowed(&[Reference::new("CWE-436"), Reference::new("CWE-354")]),
    bad: Some(Example::new(
        "CM-TAR-001.bad",
        include_bytes!("../../fixtures/CM-TAR-001.bad"),
    )),
    good: Some(Example::new(
        "CM-TAR-000.good",
        include_bytes!("../../fixtures/CM-TAR-000.good"),
    )),
};

pub(super) static CUT: Rule = Rule {
    id: RuleId::new("CM-TAR-002"),
    title: Cow::Borrowed("An archive that breaks off"),
    severity: Severity::Medium,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "The archive ends inside a member, or without the zeros that end it. It was cut off on \
         the way, or a size in it is a lie.",
    ),
    remediation: Cow::Borrowed(
        "Fetch the archive again from where it was published, and compare digests.",
    ),
    references: Cow::Borrowed(&[Reference::new("CWE-354")]),
    bad: Some(Example::new(
        "CM-TAR-002.bad",
        include_bytes!("../../fixtures/CM-TAR-002.bad"),
    )),
    good: Some(Example::new(
        "CM-TAR-000.good",
        include_bytes!("../../fixtures/CM-TAR-000.good"),
    )),
};

pub(super) static SIZES: Rule = Rule {
    id: RuleId::new("CM-TAR-003"),
    title: Cow::Borrowed("A member with two sizes"),
    severity: Severity::High,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "A PAX header gives a member another size than its own header does, or a member that has \
         no bytes declares some. Programs then disagree where the next header is, and what one \
         sees as content is a member to the other.",
    ),
    remediation: Cow::Borrowed("Pack the archive again from files that you trust."),
    references: Cow::Borrowed(&[
        Reference::new("CVE-2025-62518"),
        Reference::new("CWE-436"),
        Reference::new("AML.T0074"),
    ]),
    bad: Some(Example::new(
        "CM-TAR-003.bad",
        include_bytes!("../../fixtures/CM-TAR-003.bad"),
    )),
    good: Some(Example::new(
        "CM-TAR-000.good",
        include_bytes!("../../fixtures/CM-TAR-000.good"),
    )),
};

pub(super) static BEHIND: Rule = Rule {
    id: RuleId::new("CM-TAR-004"),
    title: Cow::Borrowed("Members behind the end of the archive"),
    severity: Severity::Medium,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "Headers stand behind the zeros that end the archive. Most programs stop at the zeros; \
         GNU tar with --ignore-zeros, and loaders that seek, go on.",
    ),
    remediation: Cow::Borrowed("Pack all members in one archive."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-436"),
        Reference::new("AML.T0074"),
        Reference::new("AML.T0107"),
    ]),
    bad: Some(Example::new(
        "CM-TAR-004.bad",
        include_bytes!("../../fixtures/CM-TAR-004.bad"),
    )),
    good: Some(Example::new(
        "CM-TAR-000.good",
        include_bytes!("../../fixtures/CM-TAR-000.good"),
    )),
};

pub(super) static SPARSE: Rule = Rule {
    id: RuleId::new("CM-TAR-005"),
    title: Cow::Borrowed("A sparse member"),
    severity: Severity::Low,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "A member is stored without its holes, in one of the sparse formats of GNU tar. Casemate \
         does not put it together, so that nothing is known about what it holds.",
    ),
    remediation: Cow::Borrowed("Pack the archive again without --sparse."),
    references: Cow::Borrowed(&[Reference::new("CWE-693")]),
    bad: Some(Example::new(
        "CM-TAR-005.bad",
        include_bytes!("../../fixtures/CM-TAR-005.bad"),
    )),
    good: Some(Example::new(
        "CM-TAR-000.good",
        include_bytes!("../../fixtures/CM-TAR-000.good"),
    )),
};

pub(super) static AGAIN: Rule = Rule {
    id: RuleId::new("CM-TAR-006"),
    title: Cow::Borrowed("Several members of one name"),
    severity: Severity::Low,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "A name stands in the archive more than once. The last one wins where all are unpacked, \
         the first where one is looked up. Appending to an archive does this too.",
    ),
    remediation: Cow::Borrowed("Pack the archive again with each name once."),
    references: Cow::Borrowed(&[Reference::new("CWE-694"), Reference::new("CWE-436")]),
    bad: Some(Example::new(
        "CM-TAR-006.bad",
        include_bytes!("../../fixtures/CM-TAR-006.bad"),
    )),
    good: Some(Example::new(
        "CM-TAR-000.good",
        include_bytes!("../../fixtures/CM-TAR-000.good"),
    )),
};

pub(super) static JUNK: Rule = Rule {
    id: RuleId::new("CM-TAR-007"),
    title: Cow::Borrowed("Bytes behind the end of the archive"),
    severity: Severity::Low,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "Bytes that are not zeros follow the end of the archive. No program unpacks them.",
    ),
    remediation: Cow::Borrowed("Publish the archive and what follows it as two files."),
    references: Cow::Borrowed(&[Reference::new("CWE-434"), Reference::new("AML.T0074")]),
    bad: Some(Example::new(
        "CM-TAR-007.bad",
        include_bytes!("../../fixtures/CM-TAR-007.bad"),
    )),
    good: Some(Example::new(
        "CM-TAR-000.good",
        include_bytes!("../../fixtures/CM-TAR-000.good"),
    )),
};
