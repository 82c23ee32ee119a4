//! Family SIG: what can be wrong with who signed a model, one rule for each class of problem.
//!
//! These rules speak of a model and its signature together, so their examples are the models that the
//! tests sign.

use std::borrow::Cow;

use casemate_core::{Confidence, Reference, Rule, RuleId, Severity};

use crate::Class;

/// Every rule about signatures.
pub const RULES: &[Rule] = &[
    UNSIGNED,
    MISSING,
    CONTENT_MISMATCH,
    NOT_LOGGED,
    EXPIRED,
    REVOKED,
    UNTRUSTED_SIGNER,
    BAD_SIGNATURE,
    EQUIVOCATION,
    MALFORMED,
];

/// The rule that a problem of this class breaks; none for the classes that are no problem.
pub(crate) fn rule(class: Class) -> Option<Rule> {
    Some(match class {
        Class::Ok | Class::Partial => return None,
        Class::UnsignedPresent => UNSIGNED,
        Class::Missing => MISSING,
        Class::ContentMismatch => CONTENT_MISMATCH,
        Class::NotLogged => NOT_LOGGED,
        Class::Expired => EXPIRED,
        Class::Revoked => REVOKED,
        Class::UntrustedSigner => UNTRUSTED_SIGNER,
        Class::BadSignature => BAD_SIGNATURE,
        Class::Equivocation => EQUIVOCATION,
        Class::Malformed => MALFORMED,
    })
}

const UNSIGNED: Rule = Rule {
    id: RuleId::new("CM-SIG-001"),
    title: Cow::Borrowed("A model holds a file that nobody signed"),
    severity: Severity::High,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "The file is in the model's directory and its signature does not name it. Loaders \
         take what they find: a pickle beside the weights, a `modeling_*.py`, an adapter. \
         Whoever can add a file can change what the model does, while every signed file still \
         verifies.",
    ),
    remediation: Cow::Borrowed("Remove the file, or have the model signed again with it."),
    references: Cow::Borrowed(&[Reference::new("CWE-353"), Reference::new("AML.T0010.003")]),
    bad: None,
    good: None,
};

const MISSING: Rule = Rule {
    id: RuleId::new("CM-SIG-002"),
    title: Cow::Borrowed("A model lacks a file that was signed"),
    severity: Severity::High,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "The signature names the file and it is not there. The model is not the one that was \
         signed; a loader may fall back on another file, or on a download.",
    ),
    remediation: Cow::Borrowed("Fetch the model again from where it was signed."),
    references: Cow::Borrowed(&[Reference::new("CWE-353"), Reference::new("AML.T0010.003")]),
    bad: None,
    good: None,
};

const CONTENT_MISMATCH: Rule = Rule {
    id: RuleId::new("CM-SIG-003"),
    title: Cow::Borrowed("A model is not what was signed"),
    severity: Severity::Critical,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "A file has another digest than the signature says. It was changed after it was \
         signed, by accident or by an attack, or the signature belongs to another model.",
    ),
    remediation: Cow::Borrowed(
        "Do not load the model; fetch it again from where it was signed, and find out who could write to it.",
    ),
    references: Cow::Borrowed(&[Reference::new("CWE-354"), Reference::new("AML.T0010.003")]),
    bad: None,
    good: None,
};

const NOT_LOGGED: Rule = Rule {
    id: RuleId::new("CM-SIG-004"),
    title: Cow::Borrowed("A model's signature is in no log"),
    severity: Severity::High,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "A log was asked for, and no proof shows that the signature is in one that is \
         trusted. A signature that is in no log can be made in secret with a stolen key, and \
         nobody will see it.",
    ),
    remediation: Cow::Borrowed("Log the signature and keep its proof with the model."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-778"),
        Reference::new("https://c2sp.org/tlog-proof"),
    ]),
    bad: None,
    good: None,
};

const EXPIRED: Rule = Rule {
    id: RuleId::new("CM-SIG-005"),
    title: Cow::Borrowed("A model's signer was not valid at the time"),
    severity: Severity::High,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "The certificate or key of the signer had expired, or was not valid yet, when the \
         model was signed, as far as a trusted time can tell.",
    ),
    remediation: Cow::Borrowed(
        "Have the model signed again by a signer who is valid, or supply a time stamp that shows when it was signed.",
    ),
    references: Cow::Borrowed(&[Reference::new("CWE-298")]),
    bad: None,
    good: None,
};

const REVOKED: Rule = Rule {
    id: RuleId::new("CM-SIG-006"),
    title: Cow::Borrowed("A model's signer was revoked"),
    severity: Severity::Critical,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "The trust store says that the certificate or key does not count any more: it was \
         lost, stolen or misused. What it signed may be an attacker's.",
    ),
    remediation: Cow::Borrowed(
        "Do not load the model; have it signed again by its owner from a copy that is known to be good.",
    ),
    references: Cow::Borrowed(&[Reference::new("CWE-299"), Reference::new("AML.T0010.003")]),
    bad: None,
    good: None,
};

const UNTRUSTED_SIGNER: Rule = Rule {
    id: RuleId::new("CM-SIG-007"),
    title: Cow::Borrowed("A model is signed by nobody who is trusted"),
    severity: Severity::High,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "The signature verifies, and its signer is not in the trust store, or may not sign \
         this model. Anybody can sign anything.",
    ),
    remediation: Cow::Borrowed(
        "Find out who signed; if they should be trusted, add them to the trust store with the terms that they need.",
    ),
    references: Cow::Borrowed(&[Reference::new("CWE-296"), Reference::new("AML.T0010.003")]),
    bad: None,
    good: None,
};

const BAD_SIGNATURE: Rule = Rule {
    id: RuleId::new("CM-SIG-008"),
    title: Cow::Borrowed("A model's signature does not verify"),
    severity: Severity::Critical,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "The bytes that were signed are not the bytes that are there, or another key made the \
         signature. It says nothing of the model.",
    ),
    remediation: Cow::Borrowed("Do not load the model; fetch it and its signature again."),
    references: Cow::Borrowed(&[Reference::new("CWE-347"), Reference::new("AML.T0010.003")]),
    bad: None,
    good: None,
};

const EQUIVOCATION: Rule = Rule {
    id: RuleId::new("CM-SIG-009"),
    title: Cow::Borrowed("Two signed statements about a model cannot both be true"),
    severity: Severity::Critical,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "Two checkpoints of one log, or two statements of one signer, contradict each other. \
         Somebody shows different histories to different people, which only an attack does, \
         or a log that was restored from an old copy.",
    ),
    remediation: Cow::Borrowed(
        "Keep both statements as evidence, stop trusting the log, and tell the others who rely on it.",
    ),
    references: Cow::Borrowed(&[
        Reference::new("CWE-345"),
        Reference::new("https://c2sp.org/tlog-witness"),
    ]),
    bad: None,
    good: None,
};

const MALFORMED: Rule = Rule {
    id: RuleId::new("CM-SIG-010"),
    title: Cow::Borrowed("A model's signature cannot be read"),
    severity: Severity::High,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "The signature, or another claim about the model, is not what its format says, or can \
         be read in more than one way: duplicate keys, paths that leave the model, files \
         named twice. It counts for nothing.",
    ),
    remediation: Cow::Borrowed(
        "Fetch the signature again; if it is what the signer made, tell them.",
    ),
    references: Cow::Borrowed(&[Reference::new("CWE-20"), Reference::new("CWE-436")]),
    bad: None,
    good: None,
};
