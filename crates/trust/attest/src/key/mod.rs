//! Keys that sign, and keys that verify.

mod private;
mod public;

use std::{fmt, str::FromStr};

use casemate_core::Digest;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::{private::SigningKey, public::PublicKey};

/// What a key signs with. The digest that a curve is used with is fixed by the Sigstore algorithm
/// registry: SHA-256, SHA-384 and SHA-512 in this order; Ed25519 takes the message itself.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub enum KeyAlgorithm {
    /// ECDSA over NIST P-256 (secp256r1) with SHA-256.
    #[serde(rename = "ecdsa-p256")]
    P256,
    /// ECDSA over NIST P-384 (secp384r1) with SHA-384.
    #[serde(rename = "ecdsa-p384")]
    P384,
    /// ECDSA over NIST P-521 (secp521r1) with SHA-512.
    #[serde(rename = "ecdsa-p521")]
    P521,
    /// Ed25519 (RFC 8032).
    #[serde(rename = "ed25519")]
    Ed25519,
}

impl KeyAlgorithm {
    /// Every algorithm.
    pub const ALL: [Self; 4] = [Self::P256, Self::P384, Self::P521, Self::Ed25519];

    /// The name on the command line and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::P256 => "ecdsa-p256",
            Self::P384 => "ecdsa-p384",
            Self::P521 => "ecdsa-p521",
            Self::Ed25519 => "ed25519",
        }
    }
}

impl fmt::Display for KeyAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for KeyAlgorithm {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|it| it.as_str() == text);
        found.ok_or_else(|| {
            let names = Self::ALL.map(Self::as_str).join(", ");
            format!("there is no key algorithm `{text}`; there are {names}")
        })
    }
}

/// What a public key is known by: the SHA-256 digest of its `SubjectPublicKeyInfo` in DER.
pub type KeyId = Digest;

/// Why bytes are not the key that is asked for.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Neither PEM nor the DER form that could stand without it.
    #[error("it is neither PEM nor a key in DER")]
    NotAKey,
    /// The PEM blocks are of other kinds.
    #[error("it is PEM, but holds {0} and no {1}")]
    OtherKind(String, &'static str),
    /// A private key stands where a public one is asked for.
    #[error("it holds a private key, where the public one belongs; keep it out of reach")]
    Private,
    /// The key cannot be decoded.
    #[error("it is no valid key: {0}")]
    Malformed(String),
    /// The key's algorithm or curve is none of [`KeyAlgorithm`].
    #[error("its algorithm ({0}) is not supported; use P-256, P-384, P-521 or Ed25519")]
    Unsupported(String),
    /// The key is encrypted and no pass phrase was given.
    #[error("the private key is encrypted; give its pass phrase")]
    NeedsPassphrase,
    /// The pass phrase does not open it.
    #[error("the pass phrase does not open the private key")]
    WrongPassphrase,
    /// The encryption of PEM before PKCS#8, which has one round of MD5.
    #[error(
        "the private key is encrypted in the old way of OpenSSL; convert it with `openssl pkcs8 \
         -topk8`"
    )]
    OldEncryption,
    /// The system has no randomness to give.
    #[error("the system gives no random bytes: {0}")]
    Random(String),
}

/// What signs: a [`SigningKey`] at hand, or a key that stays where it is and is asked.
pub trait Sign {
    /// The half that verifies.
    fn public(&self) -> PublicKey;

    /// Signs `message`, in the form of [`PublicKey::verify`].
    ///
    /// # Errors
    ///
    /// When whoever has the key does not sign.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, CannotSign>;
}

/// Why a key that is not at hand does not sign.
#[derive(Debug, thiserror::Error)]
#[error("the key does not sign")]
pub struct CannotSign(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// A signature does not verify, or is none at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the signature is not by this key over these bytes")]
pub struct BadSignature;

#[cfg(test)]
mod tests;
