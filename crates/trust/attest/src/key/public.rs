//! The half of a key that verifies.

use casemate_core::Digest;
use ed25519_dalek::pkcs8::EncodePublicKey as _;
use p256::ecdsa::signature::{Verifier as _, hazmat::PrehashVerifier as _};
use pkcs8::{LineEnding, SubjectPublicKeyInfoRef, der::Decode as _};

use super::{super::certificate::widened, BadSignature, KeyAlgorithm, KeyError, KeyId};

/// A public key of a supported algorithm; its point is on the curve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublicKey {
    /// On P-256.
    P256(p256::ecdsa::VerifyingKey),
    /// On P-384.
    P384(p384::ecdsa::VerifyingKey),
    /// On P-521.
    P521(p521::ecdsa::VerifyingKey),
    /// Ed25519.
    Ed25519(ed25519_dalek::VerifyingKey),
}

impl PublicKey {
    /// Reads a `SubjectPublicKeyInfo` (RFC 5280), in PEM as `PUBLIC KEY` or in DER.
    ///
    /// # Errors
    ///
    /// What else it is, or why it is no key.
    pub fn read(bytes: &[u8]) -> Result<Self, KeyError> {
        let blocks = match pem::parse_many(bytes) {
            Ok(blocks) if !blocks.is_empty() => blocks,
            _ if bytes.first() == Some(&SEQUENCE) => return Self::from_der(bytes),
            _ => return Err(KeyError::NotAKey),
        };
        if let Some(block) = blocks.iter().find(|block| block.tag() == "PUBLIC KEY") {
            return Self::from_der(block.contents());
        }
        if blocks
            .iter()
            .any(|block| block.tag().ends_with("PRIVATE KEY"))
        {
            return Err(KeyError::Private);
        }
        Err(KeyError::OtherKind(tags(&blocks), "PUBLIC KEY"))
    }

    /// Reads a `SubjectPublicKeyInfo` in DER.
    ///
    /// # Errors
    ///
    /// Why it is no key.
    pub fn from_der(der: &[u8]) -> Result<Self, KeyError> {
        let malformed = |error: pkcs8::spki::Error| KeyError::Malformed(error.to_string());
        let info = SubjectPublicKeyInfoRef::from_der(der)
            .map_err(|error| KeyError::Malformed(error.to_string()))?;
        let oids = (info.algorithm.oid, info.algorithm.parameters_oid().ok());
        Ok(match oids {
            (ED25519, _) => Self::Ed25519(info.try_into().map_err(malformed)?),
            (EC, Some(P256)) => Self::P256(info.try_into().map_err(malformed)?),
            (EC, Some(P384)) => Self::P384(info.try_into().map_err(malformed)?),
            (EC, Some(P521)) => Self::P521(info.try_into().map_err(malformed)?),
            (EC, Some(curve)) => return Err(KeyError::Unsupported(format!("the curve {curve}"))),
            (RSA, _) => return Err(KeyError::Unsupported("RSA".into())),
            (oid, _) => return Err(KeyError::Unsupported(oid.to_string())),
        })
    }

    /// The `SubjectPublicKeyInfo` in DER, with the point uncompressed.
    pub fn to_der(&self) -> Vec<u8> {
        let document = match self {
            Self::P256(key) => key.to_public_key_der(),
            Self::P384(key) => key.to_public_key_der(),
            Self::P521(key) => key.to_public_key_der(),
            Self::Ed25519(key) => key.to_public_key_der(),
        };
        document.expect("a key has an encoding").into_vec()
    }

    /// The same in PEM, in lines of 64 columns that end with a line feed.
    pub fn to_pem(&self) -> String {
        let pem = match self {
            Self::P256(key) => key.to_public_key_pem(LineEnding::LF),
            Self::P384(key) => key.to_public_key_pem(LineEnding::LF),
            Self::P521(key) => key.to_public_key_pem(LineEnding::LF),
            Self::Ed25519(key) => key.to_public_key_pem(LineEnding::LF),
        };
        pem.expect("a key has an encoding")
    }

    /// What it signs with.
    pub fn algorithm(&self) -> KeyAlgorithm {
        match self {
            Self::P256(_) => KeyAlgorithm::P256,
            Self::P384(_) => KeyAlgorithm::P384,
            Self::P521(_) => KeyAlgorithm::P521,
            Self::Ed25519(_) => KeyAlgorithm::Ed25519,
        }
    }

    /// What it is known by.
    pub fn id(&self) -> KeyId {
        Digest::of(&self.to_der())
    }

    /// Verifies a signature over `message`: ASN.1 DER of `r` and `s` for ECDSA, 64 bytes for Ed25519.
    ///
    /// # Errors
    ///
    /// When it is not by this key, or not even a signature.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
        match self {
            Self::P256(key) => p256::ecdsa::DerSignature::from_bytes(signature)
                .and_then(|signature| key.verify(message, &signature)),
            Self::P384(key) => p384::ecdsa::DerSignature::from_bytes(signature)
                .and_then(|signature| key.verify(message, &signature)),
            Self::P521(key) => p521::ecdsa::DerSignature::from_bytes(signature)
                .and_then(|signature| key.verify(message, &signature)),
            Self::Ed25519(key) => ed25519_dalek::Signature::from_slice(signature)
                .and_then(|signature| key.verify_strict(message, &signature)),
        }
        .map_err(|_| BadSignature)
    }

    /// Verifies an ECDSA signature over a message with this SHA-256 digest, whatever the curve: how
    /// model-signing 0.2 signed. Ed25519 never signed so.
    ///
    /// # Errors
    ///
    /// As [`verify`](Self::verify).
    pub fn verify_sha256(&self, digest: &Digest, signature: &[u8]) -> Result<(), BadSignature> {
        let digest = digest.as_bytes();
        match self {
            Self::P256(key) => p256::ecdsa::DerSignature::from_bytes(signature)
                .and_then(|signature| key.verify_prehash(digest, &signature)),
            Self::P384(key) => p384::ecdsa::DerSignature::from_bytes(signature)
                .and_then(|signature| key.verify_prehash(&widened(digest, 48), &signature)),
            Self::P521(key) => p521::ecdsa::DerSignature::from_bytes(signature)
                .and_then(|signature| key.verify_prehash(&widened(digest, 66), &signature)),
            Self::Ed25519(_) => return Err(BadSignature),
        }
        .map_err(|_| BadSignature)
    }
}

/// The labels of PEM blocks, for a message.
pub(super) fn tags(blocks: &[pem::Pem]) -> String {
    let mut tags: Vec<String> = blocks.iter().map(|block| plain(block.tag())).collect();
    tags.dedup();
    tags.truncate(4);
    tags.join(", ")
}

fn plain(tag: &str) -> String {
    tag.chars()
        .filter(|c| c.is_ascii_graphic() || *c == ' ')
        .take(40)
        .collect()
}

/// The first byte of a DER SEQUENCE.
pub(super) const SEQUENCE: u8 = 0x30;

type Oid = pkcs8::ObjectIdentifier;
/// RFC 5480: `id-ecPublicKey`, and the three curves.
pub(super) const EC: Oid = Oid::new_unwrap("1.2.840.10045.2.1");
pub(super) const P256: Oid = Oid::new_unwrap("1.2.840.10045.3.1.7");
pub(super) const P384: Oid = Oid::new_unwrap("1.3.132.0.34");
pub(super) const P521: Oid = Oid::new_unwrap("1.3.132.0.35");
/// RFC 8410.
pub(super) const ED25519: Oid = Oid::new_unwrap("1.3.101.112");
/// RFC 8017.
pub(super) const RSA: Oid = Oid::new_unwrap("1.2.840.113549.1.1.1");
