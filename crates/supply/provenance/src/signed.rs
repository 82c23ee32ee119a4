//! From the bytes of a bundle to what somebody trusted signed; nothing is parsed before that is known.

use std::cell::{Cell, OnceCell};

use casemate_attest::{
    Bundle, Distrust, Envelope, PublicKey, Said, Signer, Statement, TrustStore, dsse,
};
use casemate_core::{Digest, Timestamp};
use serde_json::Value;

use crate::{
    Class, Evidence, Manifest, ManifestError, Problem, legacy, predicate, verify::LONGEST_BUNDLE,
};

/// Who signed what, of one bundle (as JSON) that `trust` counts; `notes` gets what its time stamps say.
/// What is signed is parsed once its signature has verified.
///
/// # Errors
///
/// Why it does not count.
pub fn read_signed(
    bytes: &[u8],
    trust: &TrustStore,
    now: Timestamp,
    notes: &mut Vec<String>,
) -> Result<(Signer, Manifest), Problem> {
    let parse = |payload: &[u8]| {
        Manifest::from_statement(payload).map_err(|error| malformed(error.to_string()))
    };
    let signed = judge(bytes, trust, now, notes, &parse, &Manifest::said)?;
    if signed.is_old && !signed.content.is_legacy {
        return Err(signed_in_the_old_way());
    }
    Ok((signed.signer, signed.content))
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

/// The statement of any kind in one bundle (as JSON) that `trust` counts. A predicate whose type is
/// known is of its shape.
///
/// # Errors
///
/// Why it does not count.
pub fn read_attestation(
    bytes: &[u8],
    trust: &TrustStore,
    now: Timestamp,
    notes: &mut Vec<String>,
) -> Result<Attested, Problem> {
    let signed = judge(bytes, trust, now, notes, &Content::read, &Content::said)?;
    let bundle = Digest::of(bytes);
    match signed.content {
        Content::Model(manifest) => {
            if signed.is_old && !manifest.is_legacy {
                return Err(signed_in_the_old_way());
            }
            Ok(Attested {
                says: Some(format!("model signature of {} files", manifest.files())),
                evidence: Evidence::of_model(&manifest, signed.signer, bundle),
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
                evidence: Evidence::new(statement, signed.signer, bundle),
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

/// What a bundle says, whoever signed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unverified {
    /// What kind of thing.
    pub predicate_type: String,
    /// The SHA-256 digests of what it is about, in hexadecimal, where they have one.
    pub subjects: Vec<Option<String>>,
}

/// A model signature, or a statement of another kind.
enum Content {
    Model(Manifest),
    Other(Statement<Value>),
}

impl Content {
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
}

impl Manifest {
    fn said(&self) -> Said {
        Said {
            subjects: vec![self.name.clone()],
            predicate: self.predicate_type().to_owned(),
        }
    }
}

/// What somebody trusted signed.
struct Signed<T> {
    signer: Signer,
    content: T,
    payload: Digest,
    /// Whether in the way of model-signing 0.2.
    is_old: bool,
}

fn judge<T>(
    bytes: &[u8],
    trust: &TrustStore,
    now: Timestamp,
    notes: &mut Vec<String>,
    parse: &dyn Fn(&[u8]) -> Result<T, Problem>,
    said: &dyn Fn(&T) -> Said,
) -> Result<Signed<T>, Problem> {
    let bundle = parse_bundle(bytes)?;
    let is_old = Cell::new(false);
    let verify = |envelope: &Envelope, key: &PublicKey| {
        if envelope.verify(key).is_ok() {
            return true;
        }
        let old = legacy::verify(envelope, key).is_ok();
        is_old.set(old);
        old
    };
    let parsed = OnceCell::new();
    let parse = || parsed.get_or_init(|| parse(&bundle.envelope.payload.0));
    // What cannot be read is refused below, whatever its signer may sign.
    let said = || parse().as_ref().ok().map(said);
    let (signed_at, told) = trust.signed_at(&bundle, now);
    notes.extend(told);
    let signer = trust
        .judge(&bundle, &said, signed_at, now, &verify)
        .map_err(|distrust| distrusted(&distrust))?;
    is_statement(&bundle)?;
    parse();
    let content = parsed.into_inner().expect("it was parsed just now")?;
    Ok(Signed {
        signer,
        content,
        payload: Digest::of(&bundle.envelope.payload.0),
        is_old: is_old.get(),
    })
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
