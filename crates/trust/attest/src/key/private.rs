//! The half of a key that signs.

use ed25519_dalek::pkcs8::EncodePrivateKey as _;
use p256::{ecdsa::signature::Signer as _, elliptic_curve::Generate as _};
use pkcs8::{
    EncryptedPrivateKeyInfoRef, LineEnding, PrivateKeyInfoRef,
    der::{Decode as _, pem::PemLabel as _},
};
use sec1::EcPrivateKey;
use zeroize::Zeroizing;

use super::{
    CannotSign, KeyAlgorithm, KeyError, PublicKey, Sign,
    public::{EC, ED25519, P256, P384, P521, RSA, SEQUENCE, tags},
};

/// A private key of a supported algorithm. It is wiped from memory when dropped, and its `Debug`
/// form shows nothing of it.
pub struct SigningKey(Secret);

enum Secret {
    P256(p256::ecdsa::SigningKey),
    P384(p384::ecdsa::SigningKey),
    P521(p521::ecdsa::SigningKey),
    Ed25519(ed25519_dalek::SigningKey),
}

impl SigningKey {
    /// A new key from the system's randomness.
    ///
    /// # Errors
    ///
    /// When the system has none.
    pub fn generate(algorithm: KeyAlgorithm) -> Result<Self, KeyError> {
        let secret = match algorithm {
            KeyAlgorithm::P256 => p256::ecdsa::SigningKey::try_generate().map(Secret::P256),
            KeyAlgorithm::P384 => p384::ecdsa::SigningKey::try_generate().map(Secret::P384),
            KeyAlgorithm::P521 => p521::ecdsa::SigningKey::try_generate().map(Secret::P521),
            KeyAlgorithm::Ed25519 => ed25519_dalek::SigningKey::try_generate().map(Secret::Ed25519),
        };
        (secret.map(Self)).map_err(|error| KeyError::Random(error.to_string()))
    }

    /// Reads PKCS#8 (RFC 5958), plain or encrypted, or SEC 1 (RFC 5915), in PEM or DER.
    ///
    /// # Errors
    ///
    /// What else it is, that the pass phrase is missing or wrong, or why it is no key.
    pub fn read(bytes: &[u8], passphrase: Option<&[u8]>) -> Result<Self, KeyError> {
        let blocks = match pem::parse_many(bytes) {
            Ok(blocks) if !blocks.is_empty() => blocks,
            _ if bytes.first() == Some(&SEQUENCE) => {
                return Self::from_pkcs8(bytes)
                    .or_else(|_| Self::from_sec1(bytes))
                    .or_else(|_| Self::decrypt(bytes, passphrase));
            }
            _ => return Err(KeyError::NotAKey),
        };
        let named = |tag: &str| blocks.iter().find(|block| block.tag() == tag);
        if let Some(block) = named("PRIVATE KEY") {
            return Self::from_pkcs8(block.contents());
        }
        if let Some(block) = named("ENCRYPTED PRIVATE KEY") {
            return Self::decrypt(block.contents(), passphrase);
        }
        // `openssl ecparam -genkey` writes a block of parameters before it.
        if let Some(block) = named("EC PRIVATE KEY") {
            if block.headers().get("Proc-Type").is_some() {
                return Err(KeyError::OldEncryption);
            }
            return Self::from_sec1(block.contents());
        }
        if named("RSA PRIVATE KEY").is_some() {
            return Err(KeyError::Unsupported("RSA".into()));
        }
        Err(KeyError::OtherKind(tags(&blocks), "PRIVATE KEY"))
    }

    fn from_pkcs8(der: &[u8]) -> Result<Self, KeyError> {
        let malformed = |error: pkcs8::Error| KeyError::Malformed(error.to_string());
        let info = PrivateKeyInfoRef::from_der(der)
            .map_err(|error| KeyError::Malformed(error.to_string()))?;
        let oids = (info.algorithm.oid, info.algorithm.parameters_oid().ok());
        Ok(Self(match oids {
            (ED25519, _) => Secret::Ed25519(info.try_into().map_err(malformed)?),
            (EC, Some(P256)) => Secret::P256(info.try_into().map_err(malformed)?),
            (EC, Some(P384)) => Secret::P384(info.try_into().map_err(malformed)?),
            (EC, Some(P521)) => Secret::P521(info.try_into().map_err(malformed)?),
            (EC, Some(curve)) => return Err(KeyError::Unsupported(format!("the curve {curve}"))),
            (RSA, _) => return Err(KeyError::Unsupported("RSA".into())),
            (oid, _) => return Err(KeyError::Unsupported(oid.to_string())),
        }))
    }

    /// The curve of a SEC 1 key is in its parameters, or else in the length of its scalar.
    fn from_sec1(der: &[u8]) -> Result<Self, KeyError> {
        let malformed = |error: der::Error| KeyError::Malformed(error.to_string());
        let key =
            EcPrivateKey::from_der(der).map_err(|error| KeyError::Malformed(error.to_string()))?;
        let curve = key.parameters.and_then(|it| it.named_curve());
        Ok(Self(match (curve, key.private_key.len()) {
            (Some(P256), _) | (None, 32) => {
                Secret::P256(p256::SecretKey::try_from(key).map_err(malformed)?.into())
            }
            (Some(P384), _) | (None, 48) => {
                Secret::P384(p384::SecretKey::try_from(key).map_err(malformed)?.into())
            }
            (Some(P521), _) | (None, 66) => {
                Secret::P521(p521::SecretKey::try_from(key).map_err(malformed)?.into())
            }
            (Some(curve), _) => return Err(KeyError::Unsupported(format!("the curve {curve}"))),
            (None, bytes) => {
                return Err(KeyError::Malformed(format!("no curve has {bytes} bytes")));
            }
        }))
    }

    fn decrypt(der: &[u8], passphrase: Option<&[u8]>) -> Result<Self, KeyError> {
        let info = EncryptedPrivateKeyInfoRef::from_der(der)
            .map_err(|error| KeyError::Malformed(error.to_string()))?;
        let passphrase = passphrase.ok_or(KeyError::NeedsPassphrase)?;
        let plain = info
            .decrypt(passphrase)
            .map_err(|_| KeyError::WrongPassphrase)?;
        // A wrong pass phrase may leave something that only looks like a block of padding.
        Self::from_pkcs8(plain.as_bytes()).map_err(|error| match error {
            KeyError::Malformed(_) => KeyError::WrongPassphrase,
            other => other,
        })
    }

    /// PKCS#8 in PEM; under a pass phrase, PBES2 with scrypt and AES-256-CBC.
    ///
    /// # Errors
    ///
    /// When the system has no randomness for the encryption.
    pub fn to_pem(&self, passphrase: Option<&[u8]>) -> Result<Zeroizing<String>, KeyError> {
        let document = match &self.0 {
            Secret::P256(key) => key.to_pkcs8_der(),
            Secret::P384(key) => key.to_pkcs8_der(),
            Secret::P521(key) => key.to_pkcs8_der(),
            // Without the public half, of which OpenSSL would refuse to read the file.
            Secret::Ed25519(key) => ed25519_dalek::pkcs8::KeypairBytes {
                secret_key: key.to_bytes(),
                public_key: None,
            }
            .to_pkcs8_der(),
        }
        .map_err(|error| KeyError::Malformed(error.to_string()))?;
        let random = |error: &dyn std::fmt::Display| KeyError::Random(error.to_string());
        let (label, document) = match passphrase {
            None => (PrivateKeyInfoRef::PEM_LABEL, document),
            Some(passphrase) => {
                let info = PrivateKeyInfoRef::from_der(document.as_bytes())
                    .map_err(|error| KeyError::Malformed(error.to_string()))?;
                let encrypted = info.encrypt(passphrase).map_err(|error| random(&error))?;
                (EncryptedPrivateKeyInfoRef::PEM_LABEL, encrypted)
            }
        };
        document
            .to_pem(label, LineEnding::LF)
            .map_err(|error| KeyError::Malformed(error.to_string()))
    }

    /// The half that verifies.
    pub fn public(&self) -> PublicKey {
        match &self.0 {
            Secret::P256(key) => PublicKey::P256(*key.verifying_key()),
            Secret::P384(key) => PublicKey::P384(*key.verifying_key()),
            Secret::P521(key) => PublicKey::P521(*key.verifying_key()),
            Secret::Ed25519(key) => PublicKey::Ed25519(key.verifying_key()),
        }
    }

    /// Signs `message`; the same message has the same signature (RFC 6979, RFC 8032). The form is that
    /// of [`PublicKey::verify`].
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        match &self.0 {
            Secret::P256(key) => {
                let signature: p256::ecdsa::DerSignature = key.sign(message);
                signature.as_bytes().to_vec()
            }
            Secret::P384(key) => {
                let signature: p384::ecdsa::DerSignature = key.sign(message);
                signature.as_bytes().to_vec()
            }
            Secret::P521(key) => {
                let signature: p521::ecdsa::DerSignature = key.sign(message);
                signature.as_bytes().to_vec()
            }
            Secret::Ed25519(key) => key.sign(message).to_bytes().to_vec(),
        }
    }
}

impl Sign for SigningKey {
    fn public(&self) -> PublicKey {
        self.public()
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, CannotSign> {
        Ok(self.sign(message))
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey({})", self.public().algorithm())
    }
}
