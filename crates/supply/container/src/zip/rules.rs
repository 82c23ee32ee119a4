//! What can be wrong with a zip.

use std::borrow::Cow;

use casemate_core::{Confidence, Example, Reference, Rule, RuleId, Severity};

pub(crate) const RULES: &[&Rule] = &[
    &HIDDEN,
    &NAMES,
    &FIELDS,
    &FLAG,
    &ENCRYPTED,
    &DUPLICATE,
    &OVERLAP,
    &NO_LOCAL,
    &NO_DIRECTORY,
    &AMBIGUOUS,
    &COUNT,
    &BEFORE,
    &AFTER,
    &BETWEEN,
    &METHOD,
    &CHECKSUM,
    &SLACK,
    &LINK,
];

pub(super) static HIDDEN: Rule = Rule {
    id: RuleId::new("CM-ZIP-001"),
    title: Cow::Borrowed("A member that the central directory does not list"),
    severity: Severity::High,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "A local header stands in the archive that no central directory lists. Programs that read \
         a zip from front to back take it for a member; programs that read the directory, \
         scanners among them, never see it.",
    ),
    remediation: Cow::Borrowed(
        "Pack the archive again from files that you trust, and treat the hidden member as hostile.",
    ),
    references: Cow::Borrowed(&[
        Reference::new("CVE-2025-1944"),
        Reference::new("CWE-436"),
        Reference::new("AML.T0074"),
        Reference::new("AML.T0107"),
    ]),
    bad: Some(Example::new(
        "CM-ZIP-001.bad",
        include_bytes!("../../fixtures/CM-ZIP-001.bad"),
    )),
    good: Some(Example::new(
        "CM-ZIP-000.good",
        include_bytes!("../../fixtures/CM-ZIP-000.good"),
    )),
};

pub(super) static NAMES: Rule = Rule {
    id: RuleId::new("CM-ZIP-002"),
    title: Cow::Borrowed("A member with two names"),
    severity: Severity::High,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "The local header of a member, or its Unicode path field, gives it another name than the \
         central directory does. A scanner that goes by the one and a loader that goes by the \
         other see different files.",
    ),
    remediation: Cow::Borrowed("Pack the archive again from files that you trust."),
    references: Cow::Borrowed(&[
        Reference::new("CVE-2025-1944"),
        Reference::new("CWE-436"),
        Reference::new("AML.T0074"),
        Reference::new("AML.T0107"),
    ]),
    bad: Some(Example::new(
        "CM-ZIP-002.bad",
        include_bytes!("../../fixtures/CM-ZIP-002.bad"),
    )),
    good: Some(Example::new(
        "CM-ZIP-000.good",
        include_bytes!("../../fixtures/CM-ZIP-000.good"),
    )),
};

pub(super) static FIELDS: Rule = Rule {
    id: RuleId::new("CM-ZIP-003"),
    title: Cow::Borrowed("Headers that contradict each other"),
    severity: Severity::High,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "The headers of a member disagree about its compression method, its sizes, its flags or \
         its checksum, or a stored member has two sizes. What the member holds then depends on \
         which header a program believes.",
    ),
    remediation: Cow::Borrowed("Pack the archive again from files that you trust."),
    references: Cow::Borrowed(&[
        Reference::new("CVE-2025-1944"),
        Reference::new("CVE-2025-10156"),
        Reference::new("CWE-436"),
        Reference::new("AML.T0074"),
        Reference::new("AML.T0107"),
    ]),
    bad: Some(Example::new(
        "CM-ZIP-003.bad",
        include_bytes!("../../fixtures/CM-ZIP-003.bad"),
    )),
    good: Some(Example::new(
        "CM-ZIP-000.good",
        include_bytes!("../../fixtures/CM-ZIP-000.good"),
    )),
};

pub(super) static FLAG: Rule = Rule {
    id: RuleId::new("CM-ZIP-004"),
    title: Cow::Borrowed("A flag that refuses plain bytes"),
    severity: Severity::High,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "A member is flagged as encrypted or as patch data although its bytes are plain. Python's \
         zipfile refuses to open it, and so do scanners built on that; torch.load ignores the \
         flag and loads the member.",
    ),
    remediation: Cow::Borrowed(
        "Pack the archive again from files that you trust, and scan the member's plain bytes.",
    ),
    references: Cow::Borrowed(&[
        Reference::new("CVE-2025-1945"),
        Reference::new("CWE-436"),
        Reference::new("AML.T0074"),
        Reference::new("AML.T0107"),
    ]),
    bad: Some(Example::new(
        "CM-ZIP-004.bad",
        include_bytes!("../../fixtures/CM-ZIP-004.bad"),
    )),
    good: Some(Example::new(
        "CM-ZIP-000.good",
        include_bytes!("../../fixtures/CM-ZIP-000.good"),
    )),
};

pub(super) static ENCRYPTED: Rule = Rule {
    id: RuleId::new("CM-ZIP-005"),
    title: Cow::Borrowed("An encrypted member"),
    severity: Severity::Medium,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "A member is encrypted, so that nothing can be said about what it holds. Models are not \
         published encrypted; payloads are, to pass scanners.",
    ),
    remediation: Cow::Borrowed(
        "Ask for the file in the clear, or decrypt it and scan what comes out.",
    ),
    references: Cow::Borrowed(&[
        Reference::new("CWE-693"),
        Reference::new("T1027.013"),
        Reference::new("AML.T0107"),
    ]),
    bad: Some(Example::new(
        "CM-ZIP-005.bad",
        include_bytes!("../../fixtures/CM-ZIP-005.bad"),
    )),
    good: Some(Example::new(
        "CM-ZIP-000.good",
        include_bytes!("../../fixtures/CM-ZIP-000.good"),
    )),
};

pub(super) static DUPLICATE: Rule = Rule {
    id: RuleId::new("CM-ZIP-006"),
    title: Cow::Borrowed("Several members of one name"),
    severity: Severity::High,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "The central directory lists one name more than once. Python's zipfile takes the last, \
         others the first or both, so that a scanner may look at one file and a loader load the \
         other.",
    ),
    remediation: Cow::Borrowed("Pack the archive again with each name once."),
    references: Cow::Borrowed(&[
        Reference::new("CVE-2025-1944"),
        Reference::new("CWE-694"),
        Reference::new("CWE-436"),
        Reference::new("AML.T0074"),
        Reference::new("AML.T0107"),
    ]),
    bad: Some(Example::new(
        "CM-ZIP-006.bad",
        include_bytes!("../../fixtures/CM-ZIP-006.bad"),
    )),
    good: Some(Example::new(
        "CM-ZIP-000.good",
        include_bytes!("../../fixtures/CM-ZIP-000.good"),
    )),
};

pub(super) static OVERLAP: Rule = Rule {
    id: RuleId::new("CM-ZIP-007"),
    title: Cow::Borrowed("Members that share their bytes"),
    severity: Severity::High,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "The bytes of one member lie inside those of another, or inside the directory. This is \
         how a small archive unpacks to petabytes without being nested, and how one file is made \
         to look like several.",
    ),
    remediation: Cow::Borrowed("Do not unpack the archive; fetch it from another source."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-409"),
        Reference::new("CWE-436"),
        Reference::new("AML.T0029"),
    ]),
    bad: Some(Example::new(
        "CM-ZIP-007.bad",
        include_bytes!("../../fixtures/CM-ZIP-007.bad"),
    )),
    good: Some(Example::new(
        "CM-ZIP-000.good",
        include_bytes!("../../fixtures/CM-ZIP-000.good"),
    )),
};

pub(super) static NO_LOCAL: Rule = Rule {
    id: RuleId::new("CM-ZIP-008"),
    title: Cow::Borrowed("A listed member that is not there"),
    severity: Severity::Medium,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "The central directory lists a member, but no local header stands where it points. The \
         archive is damaged, or made so that programs fail at different places.",
    ),
    remediation: Cow::Borrowed(
        "Fetch the archive again from where it was published, and compare digests.",
    ),
    references: Cow::Borrowed(&[Reference::new("CWE-436"), Reference::new("CWE-354")]),
    bad: Some(Example::new(
        "CM-ZIP-008.bad",
        include_bytes!("../../fixtures/CM-ZIP-008.bad"),
    )),
    good: Some(Example::new(
        "CM-ZIP-000.good",
        include_bytes!("../../fixtures/CM-ZIP-000.good"),
    )),
};

pub(super) static NO_DIRECTORY: Rule = Rule {
    id: RuleId::new("CM-ZIP-009"),
    title: Cow::Borrowed("An archive without a central directory"),
    severity: Severity::Medium,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "Members stand in the file, but no central directory does. The archive was cut off or \
         never finished; scanners that need the directory give up where other programs recover \
         the members.",
    ),
    remediation: Cow::Borrowed(
        "Fetch the archive again from where it was published, and compare digests.",
    ),
    references: Cow::Borrowed(&[
        Reference::new("CWE-436"),
        Reference::new("CWE-354"),
        Reference::new("AML.T0107"),
    ]),
    bad: Some(Example::new(
        "CM-ZIP-009.bad",
        include_bytes!("../../fixtures/CM-ZIP-009.bad"),
    )),
    good: Some(Example::new(
        "CM-ZIP-000.good",
        include_bytes!("../../fixtures/CM-ZIP-000.good"),
    )),
};

pub(super) static AMBIGUOUS: Rule = Rule {
    id: RuleId::new("CM-ZIP-010"),
    title: Cow::Borrowed("More than one central directory"),
    severity: Severity::High,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "The file leads to more than one central directory: through several end records, or \
         through one whose fields can be read in two ways. Which members the archive has depends \
         on the program that reads it.",
    ),
    remediation: Cow::Borrowed("Pack the archive again from files that you trust."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-436"),
        Reference::new("AML.T0074"),
        Reference::new("AML.T0107"),
    ]),
    bad: Some(Example::new(
        "CM-ZIP-010.bad",
        include_bytes!("../../fixtures/CM-ZIP-010.bad"),
    )),
    good: Some(Example::new(
        "CM-ZIP-000.good",
        include_bytes!("../../fixtures/CM-ZIP-000.good"),
    )),
};

pub(super) static COUNT: Rule = Rule {
    id: RuleId::new("CM-ZIP-011"),
    title: Cow::Borrowed("A directory of another length than declared"),
    severity: Severity::Medium,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "The central directory has more or fewer headers than its end record counts. A program \
         that believes the count and one that reads to the end list different members.",
    ),
    remediation: Cow::Borrowed("Pack the archive again from files that you trust."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-436"),
        Reference::new("AML.T0074"),
        Reference::new("AML.T0107"),
    ]),
    bad: Some(Example::new(
        "CM-ZIP-011.bad",
        include_bytes!("../../fixtures/CM-ZIP-011.bad"),
    )),
    good: Some(Example::new(
        "CM-ZIP-000.good",
        include_bytes!("../../fixtures/CM-ZIP-000.good"),
    )),
};

pub(super) static BEFORE: Rule = Rule {
    id: RuleId::new("CM-ZIP-012"),
    title: Cow::Borrowed("Bytes before the archive"),
    severity: Severity::Low,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "The archive begins behind other bytes. Self-extracting programs are made this way; so \
         are files that are one format to one program and a zip to another.",
    ),
    remediation: Cow::Borrowed("Publish the archive and what stands before it as two files."),
    references: Cow::Borrowed(&[Reference::new("CWE-434"), Reference::new("AML.T0074")]),
    bad: Some(Example::new(
        "CM-ZIP-012.bad",
        include_bytes!("../../fixtures/CM-ZIP-012.bad"),
    )),
    good: Some(Example::new(
        "CM-ZIP-000.good",
        include_bytes!("../../fixtures/CM-ZIP-000.good"),
    )),
};

pub(super) static AFTER: Rule = Rule {
    id: RuleId::new("CM-ZIP-013"),
    title: Cow::Borrowed("Bytes behind the archive"),
    severity: Severity::Low,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "Bytes follow the archive's end record and its comment. Some programs then find no \
         archive at all, and the bytes travel unseen by the others.",
    ),
    remediation: Cow::Borrowed("Publish the archive and what follows it as two files."),
    references: Cow::Borrowed(&[Reference::new("CWE-434"), Reference::new("AML.T0074")]),
    bad: Some(Example::new(
        "CM-ZIP-013.bad",
        include_bytes!("../../fixtures/CM-ZIP-013.bad"),
    )),
    good: Some(Example::new(
        "CM-ZIP-000.good",
        include_bytes!("../../fixtures/CM-ZIP-000.good"),
    )),
};

pub(super) static BETWEEN: Rule = Rule {
    id: RuleId::new("CM-ZIP-014"),
    title: Cow::Borrowed("Bytes that belong to no member"),
    severity: Severity::Low,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "Bytes that are not zeros lie between the members or before the directory. An archive \
         that was edited in place keeps what it replaced; so does one that carries something no \
         program lists.",
    ),
    remediation: Cow::Borrowed("Pack the archive again from its members."),
    references: Cow::Borrowed(&[Reference::new("CWE-434"), Reference::new("AML.T0074")]),
    bad: Some(Example::new(
        "CM-ZIP-014.bad",
        include_bytes!("../../fixtures/CM-ZIP-014.bad"),
    )),
    good: Some(Example::new(
        "CM-ZIP-000.good",
        include_bytes!("../../fixtures/CM-ZIP-000.good"),
    )),
};

pub(super) static METHOD: Rule = Rule {
    id: RuleId::new("CM-ZIP-015"),
    title: Cow::Borrowed("A compression method that is not supported"),
    severity: Severity::Low,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "A member is compressed by a method that Casemate does not decode, so that nothing is \
         known about what it holds.",
    ),
    remediation: Cow::Borrowed("Pack the archive again with deflate, or without compression."),
    references: Cow::Borrowed(&[Reference::new("CWE-693")]),
    bad: Some(Example::new(
        "CM-ZIP-015.bad",
        include_bytes!("../../fixtures/CM-ZIP-015.bad"),
    )),
    good: Some(Example::new(
        "CM-ZIP-000.good",
        include_bytes!("../../fixtures/CM-ZIP-000.good"),
    )),
};

pub(crate) static CHECKSUM: Rule = Rule {
    id: RuleId::new("CM-ZIP-016"),
    title: Cow::Borrowed("A member with a wrong checksum"),
    severity: Severity::Medium,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "The bytes of a member do not have the CRC-32 or the length that its headers declare. \
         Python's zipfile refuses it, and so do scanners built on that; programs that do not \
         check load it.",
    ),
    remediation: Cow::Borrowed(
        "Fetch the archive again from where it was published, and compare digests.",
    ),
    references: Cow::Borrowed(&[
        Reference::new("CVE-2025-10156"),
        Reference::new("CWE-354"),
        Reference::new("CWE-436"),
    ]),
    bad: Some(Example::new(
        "CM-ZIP-016.bad",
        include_bytes!("../../fixtures/CM-ZIP-016.bad"),
    )),
    good: Some(Example::new(
        "CM-ZIP-000.good",
        include_bytes!("../../fixtures/CM-ZIP-000.good"),
    )),
};

pub(crate) static SLACK: Rule = Rule {
    id: RuleId::new("CM-ZIP-017"),
    title: Cow::Borrowed("Bytes behind a member's compressed stream"),
    severity: Severity::Low,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "The compressed stream of a member ends before the member does, and the bytes behind it \
         are not zeros. No program unpacks them.",
    ),
    remediation: Cow::Borrowed("Pack the archive again from its members."),
    references: Cow::Borrowed(&[Reference::new("CWE-434"), Reference::new("AML.T0074")]),
    bad: Some(Example::new(
        "CM-ZIP-017.bad",
        include_bytes!("../../fixtures/CM-ZIP-017.bad"),
    )),
    good: Some(Example::new(
        "CM-ZIP-000.good",
        include_bytes!("../../fixtures/CM-ZIP-000.good"),
    )),
};

pub(super) static LINK: Rule = Rule {
    id: RuleId::new("CM-ZIP-018"),
    title: Cow::Borrowed("A symbolic link with a body"),
    severity: Severity::Medium,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "The Unix mode of a member says that it is a symbolic link. Programs that unpack the \
         archive make a link of it; programs that read members in place, Python's zipfile and \
         torch among them, ignore the mode and read the body. A scanner that skips links does not \
         see what they load.",
    ),
    remediation: Cow::Borrowed("Pack the archive again with the files that the links lead to."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-436"),
        Reference::new("CWE-59"),
        Reference::new("AML.T0074"),
        Reference::new("AML.T0107"),
    ]),
    bad: Some(Example::new(
        "CM-ZIP-018.bad",
        include_bytes!("../../fixtures/CM-ZIP-018.bad"),
    )),
    good: Some(Example::new(
        "CM-ZIP-000.good",
        include_bytes!("../../fixtures/CM-ZIP-000.good"),
    )),
};
