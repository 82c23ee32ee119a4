//! in-toto statements, version 1: something is said of artifacts that are named by their digests.
//!
//! <https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md>

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::json::{self, JsonError};

/// The type of every statement.
pub const STATEMENT_V1: &str = "https://in-toto.io/Statement/v1";

/// A statement whose predicate is a `P`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Statement<P> {
    /// Always [`STATEMENT_V1`]; who reads a statement has to ask.
    #[serde(rename = "_type")]
    pub kind: String,
    /// What it is about.
    pub subject: Vec<ResourceDescriptor>,
    /// What the predicate is: a URI.
    pub predicate_type: String,
    /// What is said.
    pub predicate: P,
}

/// An artifact, by name and digests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ResourceDescriptor {
    /// What it is called; only a label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// Its digests in lower-case hexadecimal, by algorithm.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub digest: BTreeMap<String, String>,
}

impl ResourceDescriptor {
    /// An artifact of this name and SHA-256 digest.
    pub fn of(name: impl Into<String>, digest: &casemate_core::Digest) -> Self {
        Self {
            name: Some(name.into()),
            uri: None,
            digest: BTreeMap::from([(SHA256.to_owned(), digest.hex())]),
        }
    }

    /// Its SHA-256 digest, in hexadecimal.
    pub fn sha256(&self) -> Option<&str> {
        self.digest.get(SHA256).map(String::as_str)
    }
}

impl<P> Statement<P> {
    /// A statement about one artifact.
    pub fn about(subject: ResourceDescriptor, predicate_type: &str, predicate: P) -> Self {
        Self {
            kind: STATEMENT_V1.to_owned(),
            subject: vec![subject],
            predicate_type: predicate_type.to_owned(),
            predicate,
        }
    }
}

impl Statement<Value> {
    /// Reads a statement of at most `limit` bytes, whatever its predicate.
    ///
    /// Stricter than the specification: the predicate must be there and an object, and digests of
    /// algorithms that are known must be of their length. Members that are not known are left alone.
    ///
    /// # Errors
    ///
    /// What is missing, stands twice or could be read in more than one way.
    pub fn from_json(bytes: &[u8], limit: usize) -> Result<Self, StatementError> {
        let value: Value = json::from_slice(bytes, limit)?;
        // Serde would also take a list for an object, member by member.
        let objects = |value: Option<&Value>| match value {
            Some(Value::Array(all)) => all.iter().all(Value::is_object),
            _ => false,
        };
        if !value.is_object() || !objects(value.get("subject")) {
            return Err(StatementError::Shape(
                "it is no object with a list of subjects".into(),
            ));
        }
        if !value.get("predicate").is_some_and(Value::is_object) {
            return Err(StatementError::NoPredicate);
        }
        let statement: Self = serde_json::from_value(value)
            .map_err(|error| StatementError::Shape(error.to_string()))?;
        statement.checked()
    }

    fn checked(self) -> Result<Self, StatementError> {
        if self.kind != STATEMENT_V1 {
            return Err(StatementError::Kind(shown(&self.kind)));
        }
        if !is_uri(&self.predicate_type) {
            return Err(StatementError::PredicateType(shown(&self.predicate_type)));
        }
        if self.subject.is_empty() || self.subject.len() > MOST_SUBJECTS {
            return Err(StatementError::Subjects(self.subject.len()));
        }
        let (mut names, mut nameless) = (BTreeSet::new(), BTreeSet::new());
        for subject in &self.subject {
            let label = subject.name.as_deref().unwrap_or_default();
            if subject.digest.is_empty() {
                return Err(StatementError::NoDigest(shown(label)));
            }
            for (algorithm, digest) in &subject.digest {
                if !is_digest(algorithm, digest) {
                    return Err(StatementError::Digest(shown(label), shown(algorithm)));
                }
            }
            let is_new = match label {
                "" => nameless.insert(&subject.digest),
                name => names.insert(name),
            };
            if !is_new {
                return Err(StatementError::Twice(shown(label)));
            }
        }
        Ok(self)
    }
}

/// Why bytes are no statement.
#[derive(Debug, thiserror::Error)]
pub enum StatementError {
    /// It is not JSON with one meaning.
    #[error("what is signed is not JSON that can be trusted: {0}")]
    Json(#[from] JsonError),
    /// It is JSON of another shape.
    #[error("what is signed is not of the shape of a statement: {0}")]
    Shape(String),
    /// It is something else, or of another version.
    #[error("what is signed is no in-toto statement of version 1, but {0:?}")]
    Kind(String),
    /// It does not say what it says.
    #[error("the statement has no predicate that is an object")]
    NoPredicate,
    /// Nobody can tell what kind of thing it says.
    #[error("the predicate type {0:?} is no URI")]
    PredicateType(String),
    /// It is about nothing, or about more than anybody lists.
    #[error("the statement is about {0} subjects, and must be about 1 to {MOST_SUBJECTS}")]
    Subjects(usize),
    /// A subject has only a name, which anything may have.
    #[error("the subject {0:?} has no digest")]
    NoDigest(String),
    /// A digest is none.
    #[error(
        "the subject {0:?} has a {1:?} digest that is none: lower-case hexadecimal digits of its length"
    )]
    Digest(String, String),
    /// Two subjects are one.
    #[error("the subject {0:?} stands twice")]
    Twice(String),
}

fn shown(text: &str) -> String {
    text.chars().take(100).collect()
}

/// As much of RFC 3986 as tells a URI from a word: a scheme, and no white space.
fn is_uri(text: &str) -> bool {
    let scheme = |scheme: &str| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    };
    let has_scheme = text
        .split_once(':')
        .is_some_and(|(first, rest)| scheme(first) && !rest.is_empty());
    has_scheme && !text.contains(|c: char| c.is_whitespace() || c.is_control())
}

/// Whether a digest is one of its algorithm; of one that is not known, whether it is any.
///
/// <https://github.com/in-toto/attestation/blob/main/spec/v1/digest_set.md>
fn is_digest(algorithm: &str, digest: &str) -> bool {
    let len = match algorithm {
        "sha256" | "sha3_256" | "sha512_256" | "blake3" => Some(64),
        "sha224" | "sha3_224" | "sha512_224" => Some(56),
        "sha384" | "sha3_384" => Some(96),
        "sha512" | "sha3_512" | "blake2b" => Some(128),
        "sha1" => Some(40),
        "md5" => Some(32),
        // Of SHA-1 or SHA-256.
        "gitCommit" | "gitTree" | "gitBlob" | "gitTag" => match digest.len() {
            len @ (40 | 64) => Some(len),
            _ => return false,
        },
        _ => None,
    };
    let is_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    match len {
        Some(len) => digest.len() == len && digest.bytes().all(is_hex),
        None => !algorithm.is_empty() && !digest.is_empty(),
    }
}

const SHA256: &str = "sha256";
/// A release of a large project has some thousands of files.
const MOST_SUBJECTS: usize = 100_000;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: &Value) -> Result<Statement<Value>, StatementError> {
        Statement::from_json(value.to_string().as_bytes(), 1 << 20)
    }

    fn statement() -> Value {
        json!({
            "_type": STATEMENT_V1,
            "subject": [{"name": "model", "digest": {"sha256": "ab".repeat(32)}}],
            "predicateType": "https://example.org/x/v1",
            "predicate": {"a": 1},
        })
    }

    #[test]
    fn a_statement_is_read_whatever_it_says() {
        let mut value = statement();
        value["unknown"] = json!([1, 2]);
        value["subject"][0]["downloadLocation"] = json!("https://example.org/");
        value["subject"][0]["digest"]["gitCommit"] = json!("0".repeat(40));
        value["subject"][0]["digest"]["ours"] = json!("ZZ");
        let statement = read(&value).expect("reads");
        assert_eq!(statement.subject[0].sha256(), Some(&*"ab".repeat(32)));
        assert_eq!(statement.predicate, json!({"a": 1}));
    }

    #[test]
    fn what_is_missing_or_ambiguous_is_refused() {
        let with = |pointer: &str, member: Value| {
            let mut value = statement();
            *value.pointer_mut(pointer).expect(pointer) = member;
            value
        };
        let without = |name: &str| {
            let mut value = statement();
            value.as_object_mut().expect("an object").remove(name);
            value
        };
        let subject = statement()["subject"][0].clone();
        let digests = |digests: Value| with("/subject/0/digest", digests);
        for value in [
            without("predicate"),
            without("predicateType"),
            without("subject"),
            without("_type"),
            with("/_type", json!("https://in-toto.io/Statement/v0.1")),
            with("/predicate", json!(null)),
            with("/predicate", json!([])),
            with("/predicateType", json!("provenance")),
            with("/predicateType", json!("a b:c")),
            with("/subject", json!([])),
            with("/subject", json!([subject, subject])),
            with(
                "/subject",
                json!([["model", null, {"sha256": "ab".repeat(32)}]]),
            ),
            digests(json!({})),
            digests(json!({"sha256": "AB".repeat(32)})),
            digests(json!({"sha256": "ab"})),
            digests(json!({"sha256": ""})),
            digests(json!({"gitCommit": "ab"})),
            digests(json!({"ours": ""})),
            json!([STATEMENT_V1, [], "a:b", {}]),
            json!(null),
        ] {
            assert!(read(&value).is_err(), "{value}");
        }
        let nameless = json!({"digest": {"sha256": "ab".repeat(32)}});
        assert!(matches!(
            read(&with("/subject", json!([nameless, nameless]))),
            Err(StatementError::Twice(_))
        ));
    }
}
