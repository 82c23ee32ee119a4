//! What can be wrong with exceptions.

use std::borrow::Cow;

use casemate_core::{Confidence, Example, Reference, Rule, RuleId, Severity};

/// Every rule that this room reports.
pub const RULES: &[Rule] = &[EXPIRED, UNUSED, REFUSED];

/// An exception that is over.
pub(crate) const EXPIRED: Rule = Rule {
    id: RuleId::new("CM-EXC-001"),
    title: Cow::Borrowed("An exception has expired"),
    severity: Severity::Medium,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "Somebody accepted findings until a date that has passed. The exception suppresses nothing \
         any more: what it covered counts again. An exception that nobody renews or removes is a \
         risk that nobody owns.",
    ),
    remediation: Cow::Borrowed(
        "Repair what was accepted and remove the exception, or renew it with a reason.",
    ),
    references: Cow::Borrowed(&[Reference::new("CWE-672")]),
    bad: Some(Example::new("casemate.toml", EXPIRED_BAD)),
    good: Some(Example::new("casemate.toml", GOOD)),
};

/// An exception that covers nothing.
pub(crate) const UNUSED: Rule = Rule {
    id: RuleId::new("CM-EXC-002"),
    title: Cow::Borrowed("An exception covers nothing"),
    severity: Severity::Info,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "No finding of this run is one that the exception names. What it accepted was repaired, or \
         was moved, or its rule or scope is misspelt. Left in place, it accepts whatever comes to \
         match it later, unseen.",
    ),
    remediation: Cow::Borrowed("Remove the exception, or correct its rule and scope."),
    references: Cow::Borrowed(&[Reference::new("CWE-1164")]),
    bad: Some(Example::new("casemate.toml", UNUSED_BAD)),
    good: Some(Example::new("casemate.toml", GOOD)),
};

/// An exception that is not enough.
pub(crate) const REFUSED: Rule = Rule {
    id: RuleId::new("CM-EXC-003"),
    title: Cow::Borrowed("An exception would hide a dangerous file"),
    severity: Severity::Medium,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "The exception matches findings of a file whose verdict is dangerous: one that does what \
         only an attack does. A path or a name is not enough to accept that, because the next file \
         under that name would be accepted unseen; only a digest says which bytes were looked at. \
         The findings count.",
    ),
    remediation: Cow::Borrowed(
        "Remove the file; if it has to stay, name it in `scope` by its digest, `sha256:...`.",
    ),
    references: Cow::Borrowed(&[
        Reference::new("CWE-693"),
        Reference::new("AML.T0011.000"),
        Reference::new("LLM03:2025"),
    ]),
    bad: Some(Example::new("casemate.toml", REFUSED_BAD)),
    good: Some(Example::new("casemate.toml", GOOD)),
};

// The examples are applied to one failed file `a.env` and one dangerous file `a.pkl`, with the
// digest that GOOD names, on 2026-09-01.

const EXPIRED_BAD: &[u8] = br#"
[[exception]]
rule = "CM-TST-001"
scope = "a.env"
reason = "the test server's password"
owner = "ml-platform@example.org"
expires = "2026-08-31"
"#;

const UNUSED_BAD: &[u8] = br#"
[[exception]]
rule = "CM-TST-001"
scope = "b.env"
reason = "the test server's password"
owner = "ml-platform@example.org"
expires = "2027-01-31"
"#;

const REFUSED_BAD: &[u8] = br#"
[[exception]]
rule = "CM-PKL-*"
scope = "**/*.pkl"
reason = "a fixture of the scanner's tests"
owner = "ml-platform@example.org"
expires = "2027-01-31"
"#;

const GOOD: &[u8] = br#"
[[exception]]
rule = "CM-TST-001"
scope = "*.env"
reason = "the test server's password"
owner = "ml-platform@example.org"
expires = "2026-09-01"

[[exception]]
rule = "CM-PKL-*"
scope = "sha256:6f74d26a68705376502505cab02d5f5dbcc43db7908ab3929d185cacfde6c92f"
reason = "a fixture of the scanner's tests"
owner = "ml-platform@example.org"
expires = 2027-01-31T00:00:00Z
"#;
