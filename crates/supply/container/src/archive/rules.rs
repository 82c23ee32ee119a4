//! What can be wrong with any archive.

use std::borrow::Cow;

use casemate_core::{Confidence, Example, Reference, Rule, RuleId, Severity};

pub(crate) const RULES: &[&Rule] = &[
    &CLIMBS,
    &LINK_CLIMBS,
    &LINK_ABSOLUTE,
    &BOMB,
    &DEEP,
    &MANY,
    &CONTROL,
    &SPECIAL,
];

pub(super) static CLIMBS: Rule = Rule {
    id: RuleId::new("CM-ARC-001"),
    title: Cow::Borrowed("A name that leaves the directory"),
    severity: Severity::High,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "The name of a member is absolute or climbs above the directory that the archive is \
         unpacked in. A program that follows it writes wherever the author of the archive wants.",
    ),
    remediation: Cow::Borrowed(
        "Unpack only with a tool that refuses such names, and reject the archive.",
    ),
    references: Cow::Borrowed(&[
        Reference::new("CWE-22"),
        Reference::new("T1204.002"),
        Reference::new("AML.T0011.000"),
    ]),
    bad: Some(Example::new(
        "CM-ARC-001.bad",
        include_bytes!("../../fixtures/CM-ARC-001.bad"),
    )),
    good: Some(Example::new(
        "CM-ZIP-000.good",
        include_bytes!("../../fixtures/CM-ZIP-000.good"),
    )),
};

pub(super) static LINK_CLIMBS: Rule = Rule {
    id: RuleId::new("CM-ARC-002"),
    title: Cow::Borrowed("A link that leaves the directory"),
    severity: Severity::High,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "A link leads above the directory that the archive is unpacked in, or a hard link is to \
         an absolute path. A later member that is written through it lands outside.",
    ),
    remediation: Cow::Borrowed(
        "Unpack only with a tool that refuses such links, and reject the archive.",
    ),
    references: Cow::Borrowed(&[
        Reference::new("CWE-59"),
        Reference::new("CWE-22"),
        Reference::new("AML.T0011.000"),
    ]),
    bad: Some(Example::new(
        "CM-ARC-002.bad",
        include_bytes!("../../fixtures/CM-ARC-002.bad"),
    )),
    good: Some(Example::new(
        "CM-ARC-002.good",
        include_bytes!("../../fixtures/CM-ARC-002.good"),
    )),
};

pub(super) static LINK_ABSOLUTE: Rule = Rule {
    id: RuleId::new("CM-ARC-003"),
    title: Cow::Borrowed("A symbolic link to an absolute path"),
    severity: Severity::Medium,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "A symbolic link leads to an absolute path. That is usual in the layers of a container \
         image, and out of place in a model or a data set, where it shows a program a file of the \
         machine it is unpacked on.",
    ),
    remediation: Cow::Borrowed("Make the link relative, or pack the file that it leads to."),
    references: Cow::Borrowed(&[Reference::new("CWE-59")]),
    bad: Some(Example::new(
        "CM-ARC-003.bad",
        include_bytes!("../../fixtures/CM-ARC-003.bad"),
    )),
    good: Some(Example::new(
        "CM-ARC-002.good",
        include_bytes!("../../fixtures/CM-ARC-002.good"),
    )),
};

pub(super) static BOMB: Rule = Rule {
    id: RuleId::new("CM-ARC-004"),
    title: Cow::Borrowed("A member that grows out of proportion"),
    severity: Severity::Medium,
    confidence: Confidence::Medium,
    description: Cow::Borrowed(
        "A member declares to become very much larger than it is. Unpacking it can fill memory or \
         disk; arrays of zeros do the same in good faith.",
    ),
    remediation: Cow::Borrowed("Unpack under a limit on size, or ask for the file uncompressed."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-409"),
        Reference::new("AML.T0029"),
        Reference::new("T1499"),
    ]),
    bad: Some(Example::new(
        "CM-ARC-004.bad",
        include_bytes!("../../fixtures/CM-ARC-004.bad"),
    )),
    good: Some(Example::new(
        "CM-ZIP-000.good",
        include_bytes!("../../fixtures/CM-ZIP-000.good"),
    )),
};

pub(super) static DEEP: Rule = Rule {
    id: RuleId::new("CM-ARC-005"),
    title: Cow::Borrowed("Containers nested too deep"),
    severity: Severity::Medium,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "Containers stand in each other deeper than any honest file needs, so that what is inside \
         was not looked at.",
    ),
    remediation: Cow::Borrowed("Unpack the outer containers and scan what is inside by itself."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-409"),
        Reference::new("CWE-693"),
        Reference::new("AML.T0107"),
    ]),
    bad: Some(Example::new(
        "CM-ARC-005.bad",
        include_bytes!("../../fixtures/CM-ARC-005.bad"),
    )),
    good: Some(Example::new(
        "CM-ZIP-000.good",
        include_bytes!("../../fixtures/CM-ZIP-000.good"),
    )),
};

pub(super) static MANY: Rule = Rule {
    id: RuleId::new("CM-ARC-006"),
    title: Cow::Borrowed("More members than can be looked at"),
    severity: Severity::Medium,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "The container has more members than the limit, so that the rest was not looked at.",
    ),
    remediation: Cow::Borrowed("Split the archive, or raise the limit on members."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-400"),
        Reference::new("CWE-693"),
        Reference::new("AML.T0107"),
    ]),
    bad: Some(Example::new(
        "CM-ARC-006.bad",
        include_bytes!("../../fixtures/CM-ARC-006.bad"),
    )),
    good: Some(Example::new(
        "CM-ZIP-000.good",
        include_bytes!("../../fixtures/CM-ZIP-000.good"),
    )),
};

pub(super) static CONTROL: Rule = Rule {
    id: RuleId::new("CM-ARC-007"),
    title: Cow::Borrowed("A name with control characters"),
    severity: Severity::Medium,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "The name of a member holds a NUL or another control character. Programs cut the name \
         there or show another one, so that what is listed is not what is written.",
    ),
    remediation: Cow::Borrowed("Rename the member, and find out what wrote the name."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-626"),
        Reference::new("CWE-150"),
        Reference::new("AML.T0074"),
    ]),
    bad: Some(Example::new(
        "CM-ARC-007.bad",
        include_bytes!("../../fixtures/CM-ARC-007.bad"),
    )),
    good: Some(Example::new(
        "CM-ZIP-000.good",
        include_bytes!("../../fixtures/CM-ZIP-000.good"),
    )),
};

pub(super) static SPECIAL: Rule = Rule {
    id: RuleId::new("CM-ARC-008"),
    title: Cow::Borrowed("A device or FIFO among files"),
    severity: Severity::Medium,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "The archive holds a device, a FIFO or a socket. Whoever reads such a file after \
         unpacking reads the machine's devices or waits for ever.",
    ),
    remediation: Cow::Borrowed("Pack the archive again from regular files."),
    references: Cow::Borrowed(&[Reference::new("CWE-400"), Reference::new("CWE-59")]),
    bad: Some(Example::new(
        "CM-ARC-008.bad",
        include_bytes!("../../fixtures/CM-ARC-008.bad"),
    )),
    good: Some(Example::new(
        "CM-ARC-002.good",
        include_bytes!("../../fixtures/CM-ARC-002.good"),
    )),
};
