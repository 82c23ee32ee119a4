//! The keys of notes.

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use casemate_attest::{PublicKey, SigningKey};
use sha2::{Digest as _, Sha256};

use super::{NoteSignature, is_name};

/// The first bytes of the digest of a key: with its name, enough to tell known keys apart, and no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyHash(pub [u8; 4]);

impl fmt::Display for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", u32::from_be_bytes(self.0))
    }
}

/// How a key signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Ed25519 over the text: type 0x01, what logs sign with.
    Ed25519,
    /// Ed25519 over the text and a time: type 0x04, what witnesses sign with
    /// (<https://c2sp.org/tlog-cosignature>).
    Cosignature,
}

impl Scheme {
    fn id(self) -> u8 {
        match self {
            Self::Ed25519 => 0x01,
            Self::Cosignature => 0x04,
        }
    }
}

/// A name and a public key, written `name+id+base64`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    id: KeyHash,
    key: VerifyingKey,
}

/// The public half, by how it signs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VerifyingKey {
    /// Type 0x01.
    Ed25519(PublicKey),
    /// Type 0x04.
    Cosignature(PublicKey),
    /// Type 0x06.
    #[cfg(feature = "ml-dsa")]
    MlDsa44(super::mldsa::PublicKey),
}

impl VerifierKey {
    /// A key under a name that is fit.
    pub(super) fn new(name: String, key: VerifyingKey) -> Self {
        let mut hasher = Sha256::new_with_prefix(name.as_bytes());
        hasher.update(b"\n");
        hasher.update(key.typed_bytes());
        let digest = hasher.finalize();
        let id = KeyHash(*digest.first_chunk().expect("32 bytes"));
        Self { name, id, key }
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The id.
    pub fn id(&self) -> KeyHash {
        self.id
    }

    /// The public key itself.
    pub(crate) fn key(&self) -> &VerifyingKey {
        &self.key
    }

    /// Whether it cosigns, with a time, as a witness does.
    pub fn is_cosigner(&self) -> bool {
        !matches!(self.key, VerifyingKey::Ed25519(_))
    }

    /// Whether `signature` is by this key over `text`; with the time that a cosigner gives.
    pub(super) fn verify(&self, text: &str, signature: &[u8]) -> Option<Option<u64>> {
        match &self.key {
            VerifyingKey::Ed25519(key) => {
                key.verify(text.as_bytes(), signature).ok()?;
                Some(None)
            }
            VerifyingKey::Cosignature(key) => {
                let (time, signature) = timestamped(signature)?;
                key.verify(&cosigned(time, text), signature).ok()?;
                Some(Some(time))
            }
            #[cfg(feature = "ml-dsa")]
            VerifyingKey::MlDsa44(key) => {
                let (time, signature) = timestamped(signature)?;
                key.verify(&self.name, time, text, signature)?;
                Some(Some(time))
            }
        }
    }
}

/// The time that a cosignature begins with, and what follows. A witness says the time.
fn timestamped(signature: &[u8]) -> Option<(u64, &[u8])> {
    let (time, signature) = signature.split_first_chunk::<8>()?;
    let time = u64::from_be_bytes(*time);
    (1..=MAX_TIME).contains(&time).then_some((time, signature))
}

fn cosigned(time: u64, text: &str) -> Vec<u8> {
    format!("cosignature/v1\ntime {time}\n{text}").into_bytes()
}

impl VerifyingKey {
    /// The type, then the key.
    fn typed_bytes(&self) -> Vec<u8> {
        let (scheme, key) = match self {
            Self::Ed25519(key) => (Scheme::Ed25519.id(), raw(key)),
            Self::Cosignature(key) => (Scheme::Cosignature.id(), raw(key)),
            #[cfg(feature = "ml-dsa")]
            Self::MlDsa44(key) => (super::mldsa::TYPE, key.to_bytes()),
        };
        [&[scheme][..], &key].concat()
    }

    fn from_typed_bytes(bytes: &[u8]) -> Result<Self, BadVerifierKey> {
        let (&scheme, bytes) = bytes.split_first().ok_or(BadVerifierKey::Form)?;
        let ed25519 = || {
            let bytes = bytes.try_into().map_err(|_| BadVerifierKey::Key)?;
            let key = ed25519_dalek::VerifyingKey::from_bytes(bytes);
            key.map(PublicKey::Ed25519).map_err(|_| BadVerifierKey::Key)
        };
        match scheme {
            0x01 => ed25519().map(Self::Ed25519),
            0x04 => ed25519().map(Self::Cosignature),
            #[cfg(feature = "ml-dsa")]
            super::mldsa::TYPE => super::mldsa::PublicKey::from_bytes(bytes)
                .map(Self::MlDsa44)
                .ok_or(BadVerifierKey::Key),
            other => Err(BadVerifierKey::Scheme(other)),
        }
    }
}

fn raw(key: &PublicKey) -> Vec<u8> {
    match key {
        PublicKey::Ed25519(key) => key.as_bytes().to_vec(),
        _ => unreachable!("a key of a note is Ed25519"),
    }
}

impl FromStr for VerifierKey {
    type Err = BadVerifierKey;

    fn from_str(text: &str) -> Result<Self, BadVerifierKey> {
        // The base64 may hold a plus itself.
        let parts: Vec<&str> = text.splitn(3, '+').collect();
        let [name, id, key] = parts[..] else {
            return Err(BadVerifierKey::Form);
        };
        if !is_name(name) {
            return Err(BadVerifierKey::Name);
        }
        let key = STANDARD.decode(key).map_err(|_| BadVerifierKey::Form)?;
        let key = Self::new(name.to_owned(), VerifyingKey::from_typed_bytes(&key)?);
        match key.id.to_string() == id {
            true => Ok(key),
            false => Err(BadVerifierKey::Id),
        }
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = STANDARD.encode(self.key.typed_bytes());
        write!(f, "{}+{}+{key}", self.name, self.id)
    }
}

/// Why a text is not a verifier key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadVerifierKey {
    /// It is not of the form.
    #[error("a verifier key is `name+id+base64`")]
    Form,
    /// The name is empty or holds white space or a plus.
    #[error(
        "the name of a key is not empty, has no white space and no plus, and at most 255 bytes"
    )]
    Name,
    /// The type of the key is not supported.
    #[error("keys of type {0:#04x} are not supported, only 0x01 and 0x04 (Ed25519)")]
    Scheme(u8),
    /// The bytes are no key.
    #[error("its bytes are no key of that type")]
    Key,
    /// The id belongs to another name or key.
    #[error("its id is not that of the name and the key")]
    Id,
}

/// A private key under a name.
#[derive(Debug)]
pub struct Signer<'a> {
    verifier: VerifierKey,
    scheme: Scheme,
    key: &'a SigningKey,
}

impl<'a> Signer<'a> {
    /// An Ed25519 key under a name.
    ///
    /// # Errors
    ///
    /// When the name is not fit, or the key is not Ed25519.
    pub fn new(name: &str, scheme: Scheme, key: &'a SigningKey) -> Result<Self, BadVerifierKey> {
        if !is_name(name) {
            return Err(BadVerifierKey::Name);
        }
        let public @ PublicKey::Ed25519(_) = key.public() else {
            return Err(BadVerifierKey::Key);
        };
        let public = match scheme {
            Scheme::Ed25519 => VerifyingKey::Ed25519(public),
            Scheme::Cosignature => VerifyingKey::Cosignature(public),
        };
        Ok(Self {
            verifier: VerifierKey::new(name.to_owned(), public),
            scheme,
            key,
        })
    }

    /// What verifies its signatures.
    pub fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// Signs `text`; a cosigner says that it did so at `time`, in seconds since 1970.
    pub fn sign(&self, text: &str, time: u64) -> NoteSignature {
        let bytes = match self.scheme {
            Scheme::Ed25519 => self.key.sign(text.as_bytes()),
            Scheme::Cosignature => {
                let time = time.clamp(1, MAX_TIME);
                let signature = self.key.sign(&cosigned(time, text));
                [&time.to_be_bytes()[..], &signature].concat()
            }
        };
        NoteSignature {
            name: self.verifier.name.clone(),
            id: self.verifier.id,
            bytes,
        }
    }
}

/// The last time that a cosignature can have.
const MAX_TIME: u64 = i64::MAX as u64;
