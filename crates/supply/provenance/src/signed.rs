//! From the bytes of a bundle to what somebody trusted signed; nothing is parsed before that is known.

use std::cell::{Cell, OnceCell};

use casemate_attest::{
    Bundle, Distrust, Envelope, KeyAlgorithm, PublicKey, ResourceDescriptor, Said, Signer,
    Statement, TrustStore, dsse,
};
use casemate_core::{Digest, LogProof, Logged, Timestamp};
use serde_json::Value;

use crate::{
    Class, Evidence, Manifest, ManifestError, Problem, legacy, logged::InLogs, predicate,
    verify::LONGEST_BUNDLE,
};

/// Who signed what, of one bundle (as JSON) that `trust` counts, by `logs` too where there are any; `notes`
/// gets what its time stamps and the logs say. What is signed is parsed once its signature has verified.
///
/// # Errors
///
/// Why it does not count.
pub fn read_signed(
    bytes: &[u8],
    trust: &TrustStore,
    logs: Option<&dyn LogProof>,
    now: Timestamp,
    notes: &mut Vec<String>,
) -> Result<Signed<Manifest>, Problem> {
    let judge = Judge { trust, logs, now };
    let signed: Signed<Manifest> = judge.judge(bytes, notes)?;
    if signed.is_old && !signed.content.is_legacy {
        return Err(signed_in_the_old_way());
    }
    Ok(signed)
}

/// A statement of any kind, with who signed it.
#[derive(Clone, Debug)]
pub struct Attested {
    /// The statement, by this one signer.
    pub evidence: Evidence,
    /// The digest of what is signed: of several bundles with the same statement it is the same.
    pub payload: Digest,
    /// What it says for people, if it is of a type that is known.
    pub says: Option<String>,
    /// The manifest, of a model signature.
    pub(crate) manifest: Option<Manifest>,
}

impl Attested {
    /// Whether it is a model signature of other files than are in `there`, by their names or digests. The root,
    /// which is all that statements of other kinds say of a model, does not have the names.
    pub fn signs_other_files(&self, there: &Manifest) -> bool {
        let signed = self.manifest.as_ref();
        signed.is_some_and(|signed| signed.resources != there.resources)
    }
}

/// The statement of any kind in one bundle (as JSON) that `trust` counts. A predicate whose type is
/// known is of its shape.
///
/// # Errors
///
/// Why it does not count.
pub fn read_attestation(
    bytes: &[u8],
    trust: &TrustStore,
    logs: Option<&dyn LogProof>,
    now: Timestamp,
    notes: &mut Vec<String>,
) -> Result<Attested, Problem> {
    let judge = Judge { trust, logs, now };
    let signed: Signed<Content> = judge.judge(bytes, notes)?;
    let bundle = signed.bundle;
    match signed.content {
        Content::Model(manifest) => {
            if signed.is_old && !manifest.is_legacy {
                return Err(signed_in_the_old_way());
            }
            Ok(Attested {
                says: Some(format!("model signature of {} files", manifest.files())),
                evidence: Evidence::of_model(&manifest, signed.signer, bundle)
                    .logged(signed.logged),
                payload: signed.payload,
                manifest: Some(manifest),
            })
        }
        Content::Other(statement) => {
            if signed.is_old {
                return Err(signed_in_the_old_way());
            }
            let says = predicate::says(&statement.predicate_type, &statement.predicate);
            Ok(Attested {
                says: says.map_err(malformed)?,
                evidence: Evidence::new(statement, signed.signer, bundle).logged(signed.logged),
                payload: signed.payload,
                manifest: None,
            })
        }
    }
}

/// What a statement without a known signer says: for whoever puts bundles together, and judges none.
///
/// # Errors
///
/// Why it is no bundle, or no statement.
pub fn read_unverified(bytes: &[u8]) -> Result<Unverified, Problem> {
    let bundle = parse_bundle(bytes)?;
    is_statement(&bundle)?;
    Ok(match Content::read(&bundle.envelope.payload.0)? {
        Content::Model(manifest) => Unverified {
            predicate_type: manifest.predicate_type().to_owned(),
            subjects: vec![Some(manifest.root().hex())],
        },
        Content::Other(statement) => {
            predicate::says(&statement.predicate_type, &statement.predicate).map_err(malformed)?;
            let subjects = statement.subject.iter();
            Unverified {
                subjects: subjects.map(|it| it.sha256().map(str::to_owned)).collect(),
                predicate_type: statement.predicate_type,
            }
        }
    })
}

/// The digest of the one artifact that the statement in a bundle (as JSON) is about, and the type of its
/// predicate. Whether the signature verifies is not asked: a log says that there is one, and not whose.
///
/// # Errors
///
/// Why it is no statement about one artifact.
pub fn about(bytes: &[u8]) -> Result<(Digest, String), Problem> {
    let bundle = parse_bundle(bytes)?;
    is_statement(&bundle)?;
    let content = Content::read(&bundle.envelope.payload.0)?;
    let subjects = match &content {
        Content::Model(_) => 1,
        Content::Other(statement) => statement.subject.len(),
    };
    let artifacts = content.artifacts();
    match artifacts.first() {
        Some(first) if artifacts.len() == subjects && artifacts.iter().all(|it| it == first) => {
            Ok((*first, content.said().predicate))
        }
        _ => Err(malformed(
            "it is not about one artifact with a SHA-256 digest".to_owned(),
        )),
    }
}

/// What a bundle says, whoever signed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unverified {
    /// What kind of thing.
    pub predicate_type: String,
    /// The SHA-256 digests of what it is about, in hexadecimal, where they have one.
    pub subjects: Vec<Option<String>>,
}

/// What bundles are read for.
trait Payload: Sized {
    fn read(payload: &[u8]) -> Result<Self, Problem>;

    /// What decides whether its signer may say it.
    fn said(&self) -> Said;

    /// What it is about, by SHA-256.
    fn artifacts(&self) -> Vec<Digest>;
}

impl Payload for Manifest {
    fn read(payload: &[u8]) -> Result<Self, Problem> {
        Self::from_statement(payload).map_err(|error| malformed(error.to_string()))
    }

    fn said(&self) -> Said {
        Said {
            subjects: vec![self.name.clone()],
            predicate: self.predicate_type().to_owned(),
        }
    }

    fn artifacts(&self) -> Vec<Digest> {
        vec![self.root()]
    }
}

/// A model signature, or a statement of another kind.
enum Content {
    Model(Manifest),
    Other(Statement<Value>),
}

impl Payload for Content {
    fn read(payload: &[u8]) -> Result<Self, Problem> {
        match Manifest::from_statement(payload) {
            Ok(manifest) => Ok(Self::Model(manifest)),
            Err(ManifestError::Predicate(_)) => Statement::from_json(payload, LONGEST_CLAIM)
                .map(Self::Other)
                .map_err(|error| malformed(error.to_string())),
            Err(error) => Err(malformed(error.to_string())),
        }
    }

    fn said(&self) -> Said {
        match self {
            Self::Model(manifest) => manifest.said(),
            Self::Other(statement) => {
                let names = statement.subject.iter();
                let names = names.map(|it| it.name.clone().unwrap_or_default());
                Said {
                    subjects: names.collect(),
                    predicate: statement.predicate_type.clone(),
                }
            }
        }
    }

    fn artifacts(&self) -> Vec<Digest> {
        match self {
            Self::Model(manifest) => manifest.artifacts(),
            Self::Other(statement) => {
                let subjects = statement.subject.iter();
                let digests = subjects.filter_map(ResourceDescriptor::sha256);
                digests
                    .filter_map(|hex| format!("sha256:{hex}").parse().ok())
                    .collect()
            }
        }
    }
}

/// What somebody trusted signed.
#[derive(Clone, Debug)]
pub struct Signed<T> {
    /// Who signed.
    pub signer: Signer,
    /// What is signed.
    pub content: T,
    /// The records of it that are proven to be in logs.
    pub logged: Vec<Logged>,
    /// The digest of the bundle.
    bundle: Digest,
    /// The digest of what is signed.
    pub(crate) payload: Digest,
    /// Whether in the way of model-signing 0.2.
    is_old: bool,
}

/// By whom and as of when a bundle is judged.
struct Judge<'a> {
    trust: &'a TrustStore,
    logs: Option<&'a dyn LogProof>,
    now: Timestamp,
}

impl Judge<'_> {
    fn judge<T: Payload>(
        &self,
        bytes: &[u8],
        notes: &mut Vec<String>,
    ) -> Result<Signed<T>, Problem> {
        let bundle = parse_bundle(bytes)?;
        let is_old = Cell::new(false);
        // Both are as long as the payload at least, and every key may have to be tried.
        let (signed, old) = (OnceCell::new(), OnceCell::new());
        let verify = |envelope: &Envelope, key: &PublicKey| {
            let message = signed.get_or_init(|| envelope.signed_bytes());
            if envelope.verify_bytes(message, key).is_ok() {
                return true;
            }
            let [signature] = &envelope.signatures[..] else {
                return false;
            };
            if key.algorithm() == KeyAlgorithm::Ed25519 {
                return false;
            }
            let message: &Option<Digest> = old.get_or_init(|| legacy::signed(envelope));
            let in_the_old_way = |it| key.verify_sha256(it, &signature.sig.0).is_ok();
            is_old.set(message.as_ref().is_some_and(in_the_old_way));
            is_old.get()
        };
        let parsed = OnceCell::new();
        let parse = || parsed.get_or_init(|| T::read(&bundle.envelope.payload.0));
        // What cannot be read is refused below, whatever its signer may sign.
        let said = || parse().as_ref().ok().map(T::said);
        let digest = Digest::of(bytes);
        let in_logs = InLogs::of(&digest, self.logs);
        let (signed_at, stamps) = self.trust.signed_at(&bundle, in_logs.seen(), self.now);
        notes.extend(stamps);
        let signer = (self.trust)
            .judge(&bundle, &said, signed_at, self.now, &verify)
            .map_err(|distrust| distrusted(&distrust))?;
        is_statement(&bundle)?;
        parse();
        let content = parsed.into_inner().expect("it was parsed just now")?;
        let (artifacts, predicate) = (content.artifacts(), content.said().predicate);
        let logged = in_logs.about(&artifacts, &predicate, self.trust, notes)?;
        Ok(Signed {
            signer,
            content,
            logged,
            bundle: digest,
            payload: Digest::of(&bundle.envelope.payload.0),
            is_old: is_old.get(),
        })
    }
}

fn parse_bundle(bytes: &[u8]) -> Result<Bundle, Problem> {
    let limit = usize::try_from(LONGEST_BUNDLE).unwrap_or(usize::MAX);
    Bundle::from_json(bytes, limit).map_err(|error| malformed(error.to_string()))
}

fn is_statement(bundle: &Bundle) -> Result<(), Problem> {
    if bundle.envelope.payload_type == dsse::IN_TOTO {
        return Ok(());
    }
    let shown: String = bundle.envelope.payload_type.chars().take(100).collect();
    Err(malformed(format!(
        "what is signed is no in-toto statement, but {shown:?}"
    )))
}

fn distrusted(distrust: &Distrust) -> Problem {
    let class = match distrust {
        Distrust::BadSignature(_) => Class::BadSignature,
        Distrust::Stranger(_) | Distrust::Untrusted(_) => Class::UntrustedSigner,
        Distrust::Expired(_) => Class::Expired,
        Distrust::Revoked(_) => Class::Revoked,
    };
    Problem::new(class, distrust.to_string())
}

fn signed_in_the_old_way() -> Problem {
    let told = "it is signed in the way of model-signing 0.2, and is not of its form";
    Problem::new(Class::BadSignature, told)
}

fn malformed(told: String) -> Problem {
    Problem::new(Class::Malformed, told)
}

/// How long a statement of another kind than a model signature may be: a hundred thousand tests have
/// names in less.
pub(crate) const LONGEST_CLAIM: usize = 32 << 20;

#[cfg(test)]
mod tests {
    use casemate_attest::{KeyAlgorithm, Material, STATEMENT_V1, SigningKey};

    use super::*;

    fn bundle(statement: &str, payload_type: &str) -> Vec<u8> {
        let key = SigningKey::generate(KeyAlgorithm::Ed25519).expect("randomness");
        let bundle = Bundle {
            material: Material::of_key(&key.public()),
            envelope: Envelope::sign(statement.as_bytes().to_vec(), payload_type, &key)
                .expect("signs"),
            timestamps: Vec::new(),
            log_entries: 0,
        };
        bundle.to_json()
    }

    fn statement(subjects: &[&str]) -> String {
        let subject = |hex: &&str| format!("{{\"digest\":{{\"sha256\":\"{hex}\"}}}}");
        let subjects: Vec<String> = subjects.iter().map(subject).collect();
        format!(
            "{{\"_type\":\"{STATEMENT_V1}\",\"subject\":[{}],\
             \"predicateType\":\"https://example.org/said/v1\",\"predicate\":{{\"a\":[1]}}}}",
            subjects.join(",")
        )
    }

    #[test]
    fn a_statement_of_another_kind_is_about_its_subject() {
        let (one, other) = (Digest::of(b"one"), Digest::of(b"other"));
        let of = |text: &str| about(&bundle(text, dsse::IN_TOTO));
        let expected = Ok((one, "https://example.org/said/v1".to_owned()));
        assert_eq!(of(&statement(&[&one.hex()])), expected);
        for text in [
            statement(&[]),
            statement(&[&one.hex(), &one.hex()]),
            statement(&[&one.hex(), &other.hex()]),
            statement(&["abc"]),
            statement(&[&one.hex()]).replace("sha256", "sha512"),
            statement(&[&one.hex()]).replace("Statement/v1", "Statement/v0.1"),
            // A manifest that is none.
            statement(&[&one.hex()]).replace("https://example.org/said/v1", crate::PREDICATE),
            "{}".to_owned(),
        ] {
            assert!(of(&text).is_err(), "{text}");
        }
        assert!(about(&bundle(&statement(&[&one.hex()]), "text/plain")).is_err());
        assert!(about(b"{}").is_err());
    }
}
