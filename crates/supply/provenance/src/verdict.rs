//! What verifying a model says.

use casemate_attest::Signer;
use casemate_core::{Digest, Logged, PathText};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Evidence, Manifest};

/// What a verification came to, and the class of each of its problems. Each has one meaning, so that a
/// program can tell an attack from a lapsed certificate.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// The model is what a trusted signer signed.
    Ok,
    /// So is the part that was asked for; the rest was not looked at.
    Partial,
    /// The model holds what nobody signed.
    UnsignedPresent,
    /// Something that was signed is not there.
    Missing,
    /// Something is not what was signed.
    ContentMismatch,
    /// A log was asked for, and the signature is proven to be in none.
    NotLogged,
    /// A certificate or key was not valid at the time.
    Expired,
    /// A certificate or key was revoked.
    Revoked,
    /// Nobody who is trusted signed.
    UntrustedSigner,
    /// The signature does not verify.
    BadSignature,
    /// A log has signed two histories, which cannot both be true.
    Equivocation,
    /// The signature could not be read, or could be read in more than one way.
    Malformed,
}

impl Class {
    /// The name in JSON and on screen.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Partial => "partial",
            Self::UnsignedPresent => "unsigned-present",
            Self::Missing => "missing",
            Self::ContentMismatch => "content-mismatch",
            Self::NotLogged => "not-logged",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::UntrustedSigner => "untrusted-signer",
            Self::BadSignature => "bad-signature",
            Self::Equivocation => "equivocation",
            Self::Malformed => "malformed",
        }
    }

    /// Whether a program may go on.
    pub fn is_success(self) -> bool {
        matches!(self, Self::Ok | Self::Partial)
    }
}

/// What verifying a model against its signature says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Verdict {
    /// The worst class of the problems, or that there is none.
    pub class: Class,
    /// Everything that is wrong, worst first and then by path.
    pub problems: Vec<Problem>,
    /// Who signed, where a signature counts.
    pub signers: Vec<Signer>,
    /// What its signer calls the model, where the signature could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The digest that names the model, where the signature could be read.
    pub root: Option<Digest>,
    /// What was signed, where the signature could be read; too long to print.
    #[serde(skip)]
    pub manifest: Option<Manifest>,
    /// The digests of the bundles, in the order in which they were given.
    pub bundles: Vec<Digest>,
    /// The records of signatures that are trusted, which are proven to be in logs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub logged: Vec<Logged>,
    /// How many files are signed.
    pub signed_files: usize,
    /// How many of them were read and are what was signed.
    pub verified_files: usize,
    /// What is there, nobody signed, and was to be ignored.
    pub ignored: Vec<PathText>,
    /// What else is said of the model, in the order of the claims file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<Claim>,
    /// What somebody should know and is no problem.
    pub notes: Vec<String>,
}

impl Verdict {
    /// Of a model that was not looked at: what is wrong with where it is.
    pub fn refused(class: Class, why: impl Into<String>) -> Self {
        Self {
            class,
            problems: vec![Problem::new(class, why)],
            ..Self::unread(Vec::new())
        }
    }

    /// Of a model that nothing is known of yet, with the digests of its bundles.
    pub(crate) fn unread(bundles: Vec<Digest>) -> Self {
        Self {
            class: Class::Ok,
            problems: Vec::new(),
            signers: Vec::new(),
            name: None,
            root: None,
            manifest: None,
            bundles,
            logged: Vec::new(),
            signed_files: 0,
            verified_files: 0,
            ignored: Vec::new(),
            claims: Vec::new(),
            notes: Vec::new(),
        }
    }
}

/// Something that is said of the model, by somebody who may.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Claim {
    /// The lines of the claims file; several, where several signed the same statement.
    pub lines: Vec<u64>,
    /// What it says, in one line for people, where it is of a type that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub says: Option<String>,
    /// The statement.
    pub evidence: Evidence,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Problem {
    /// What kind of thing.
    pub class: Class,
    /// In words.
    pub message: String,
    /// The file, relative to the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<PathText>,
    /// The line of the claims file, counted from one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// The digest that was signed, with its algorithm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// The digest that was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actual: Option<String>,
}

impl Problem {
    /// Something wrong that is in no particular file.
    pub fn new(class: Class, message: impl Into<String>) -> Self {
        Self {
            class,
            message: message.into(),
            path: None,
            line: None,
            expected: None,
            actual: None,
        }
    }

    /// The same, of a line of a claims file.
    #[must_use]
    pub(crate) fn on(self, line: u64) -> Self {
        Self {
            line: Some(line),
            ..self
        }
    }

    pub(crate) fn of(class: Class, path: &[u8], message: impl Into<String>) -> Self {
        Self {
            path: Some(PathText::from_bytes(path)),
            ..Self::new(class, message)
        }
    }
}
