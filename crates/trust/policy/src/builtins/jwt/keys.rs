//! What tokens are verified with: PEM, and JSON Web Keys (RFC 7517).

use der::{Decode as _, Encode as _};
use ed25519_dalek::Verifier as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use regorus::Value;
use ring::signature::{
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
    RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters,
    RsaPublicKeyComponents,
};
use sha2::{Sha256, Sha384, Sha512};
use x509_cert::spki::{DecodePublicKey as _, SubjectPublicKeyInfoOwned};

use super::{super::Fault, from_base64, from_json};

/// How a token is signed (RFC 7518 and RFC 8037).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    Hs256,
    Hs384,
    Hs512,
    Rsa(Rsa),
    Es256,
    Es384,
    Es512,
    EdDsa,
}

/// The ways to sign with RSA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rsa {
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
}

impl Algorithm {
    pub(super) fn of(name: &str) -> Option<Self> {
        Some(match name {
            "HS256" => Self::Hs256,
            "HS384" => Self::Hs384,
            "HS512" => Self::Hs512,
            "RS256" => Self::Rsa(Rsa::Rs256),
            "RS384" => Self::Rsa(Rsa::Rs384),
            "RS512" => Self::Rsa(Rsa::Rs512),
            "PS256" => Self::Rsa(Rsa::Ps256),
            "PS384" => Self::Rsa(Rsa::Ps384),
            "PS512" => Self::Rsa(Rsa::Ps512),
            "ES256" => Self::Es256,
            "ES384" => Self::Es384,
            "ES512" => Self::Es512,
            "EdDSA" => Self::EdDsa,
            _ => return None,
        })
    }
}

impl Rsa {
    fn parameters(self) -> &'static RsaParameters {
        match self {
            Self::Rs256 => &RSA_PKCS1_2048_8192_SHA256,
            Self::Rs384 => &RSA_PKCS1_2048_8192_SHA384,
            Self::Rs512 => &RSA_PKCS1_2048_8192_SHA512,
            Self::Ps256 => &RSA_PSS_2048_8192_SHA256,
            Self::Ps384 => &RSA_PSS_2048_8192_SHA384,
            Self::Ps512 => &RSA_PSS_2048_8192_SHA512,
        }
    }
}

/// A key of a set.
pub(super) struct Named {
    pub(super) id: Option<String>,
    /// What it is for alone.
    pub(super) algorithm: Option<String>,
    /// Whether its `use` and `key_ops`, where it has them, let it verify (RFC 7517, 4.2 and 4.3).
    is_to_verify: bool,
    pub(super) key: Key,
}

impl Named {
    /// Whether it may verify a token of `algorithm`, by all that it says of itself. A secret that is empty
    /// may not: everybody knows it.
    pub(super) fn may_verify(&self, algorithm: &str) -> bool {
        let is_known_to_all = matches!(&self.key, Key::Secret(secret) if secret.is_empty());
        let is_for_it = self.algorithm.as_deref().is_none_or(|it| it == algorithm);
        self.is_to_verify && is_for_it && !is_known_to_all
    }
}

/// A key that verifies.
pub(super) enum Key {
    Secret(Vec<u8>),
    Rsa { n: Vec<u8>, e: Vec<u8> },
    P256(p256::ecdsa::VerifyingKey),
    P384(p384::ecdsa::VerifyingKey),
    P521(p521::ecdsa::VerifyingKey),
    Ed25519(ed25519_dalek::VerifyingKey),
}

impl Key {
    /// Whether it made `signature`. A key that is not for the algorithm made none.
    pub(super) fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        match (self, algorithm) {
            (Self::Secret(secret), Algorithm::Hs256) => Hmac::<Sha256>::new_from_slice(secret)
                .is_ok_and(|mac| mac.chain_update(message).verify_slice(signature).is_ok()),
            (Self::Secret(secret), Algorithm::Hs384) => Hmac::<Sha384>::new_from_slice(secret)
                .is_ok_and(|mac| mac.chain_update(message).verify_slice(signature).is_ok()),
            (Self::Secret(secret), Algorithm::Hs512) => Hmac::<Sha512>::new_from_slice(secret)
                .is_ok_and(|mac| mac.chain_update(message).verify_slice(signature).is_ok()),
            (Self::Rsa { n, e }, Algorithm::Rsa(rsa)) => RsaPublicKeyComponents { n, e }
                .verify(rsa.parameters(), message, signature)
                .is_ok(),
            (Self::P256(key), Algorithm::Es256) => p256::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify(message, &signature).is_ok()),
            (Self::P384(key), Algorithm::Es384) => p384::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify(message, &signature).is_ok()),
            (Self::P521(key), Algorithm::Es512) => p521::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify(message, &signature).is_ok()),
            (Self::Ed25519(key), Algorithm::EdDsa) => {
                ed25519_dalek::Signature::from_slice(signature)
                    .is_ok_and(|signature| key.verify(message, &signature).is_ok())
            }
            _ => false,
        }
    }

    fn of_info(info: &SubjectPublicKeyInfoOwned) -> Result<Self, Fault> {
        let der = info.to_der().map_err(|_| WRONG_KEY)?;
        match info.algorithm.oid.to_string().as_str() {
            RSA => {
                let bytes = info.subject_public_key.raw_bytes();
                let (n, e) = rsa_numbers(bytes).ok_or(WRONG_KEY)?;
                Ok(Self::Rsa { n, e })
            }
            ED25519 => ed25519_dalek::VerifyingKey::from_public_key_der(&der)
                .map(Self::Ed25519)
                .map_err(|_| WRONG_KEY.into()),
            EC => None
                .or_else(|| {
                    let key = p256::ecdsa::VerifyingKey::from_public_key_der(&der);
                    key.ok().map(Self::P256)
                })
                .or_else(|| {
                    let key = p384::ecdsa::VerifyingKey::from_public_key_der(&der);
                    key.ok().map(Self::P384)
                })
                .or_else(|| {
                    let key = p521::ecdsa::VerifyingKey::from_public_key_der(&der);
                    key.ok().map(Self::P521)
                })
                .ok_or_else(|| WRONG_KEY.into()),
            _ => Err(WRONG_KEY.into()),
        }
    }
}

/// The keys of a PEM block, which is a certificate or a key, or of a JSON Web Key or a set of these.
pub(super) fn read(text: &str) -> Result<Vec<Named>, Fault> {
    if let Some(start) = text.find("-----BEGIN") {
        let block = &text[start..];
        // One block and nothing behind it: what a second one would be for, nobody says.
        let end = block.find("-----END").ok_or(WRONG_KEY)?;
        let line = block[end..]
            .find('\n')
            .map_or(block.len(), |line| end + line);
        if !block[line..].trim().is_empty() {
            return Err("was given more than one PEM block".into());
        }
        let block = pem::parse(block).map_err(|_| WRONG_KEY)?;
        let key = match block.tag() {
            "CERTIFICATE" => {
                let certificate = x509_cert::Certificate::from_der(block.contents());
                let certificate = certificate.map_err(|_| "was given a wrong certificate")?;
                Key::of_info(certificate.tbs_certificate().subject_public_key_info())?
            }
            "PUBLIC KEY" => {
                let info = SubjectPublicKeyInfoOwned::from_der(block.contents());
                Key::of_info(&info.map_err(|_| WRONG_KEY)?)?
            }
            "RSA PUBLIC KEY" => {
                let (n, e) = rsa_numbers(block.contents()).ok_or(WRONG_KEY)?;
                Key::Rsa { n, e }
            }
            _ => return Err(WRONG_KEY.into()),
        };
        return Ok(vec![Named {
            id: None,
            algorithm: None,
            is_to_verify: true,
            key,
        }]);
    }
    let set = from_json(text)?;
    match &set["keys"] {
        Value::Array(keys) => {
            if keys.len() > MAX_KEYS {
                return Err(Fault::refuse("was given more than a thousand keys"));
            }
            // RFC 7517, section 5: kinds that one does not know are passed over.
            Ok(keys.iter().filter_map(|key| named(key).ok()).collect())
        }
        _ => Ok(vec![named(&set)?]),
    }
}

fn named(key: &Value) -> Result<Named, Fault> {
    let text = |name: &str| match &key[name] {
        Value::String(text) => Some(text.to_string()),
        _ => None,
    };
    Ok(Named {
        id: text("kid"),
        algorithm: text("alg"),
        is_to_verify: is_to_verify(key),
        key: key_of(key)?,
    })
}

fn is_to_verify(key: &Value) -> bool {
    let is_for_signatures = match &key["use"] {
        Value::Undefined => true,
        purpose => *purpose == Value::from("sig"),
    };
    let has_operation = match &key["key_ops"] {
        Value::Undefined => true,
        Value::Array(operations) => operations.contains(&Value::from("verify")),
        _ => false,
    };
    is_for_signatures && has_operation
}

fn key_of(key: &Value) -> Result<Key, Fault> {
    let bytes = |name: &str| field(key, name);
    let wrong = |_| Fault::from(WRONG_KEY);
    match &key["kty"] {
        Value::String(kind) => match &**kind {
            "oct" => Ok(Key::Secret(bytes("k")?)),
            "RSA" => Ok(Key::Rsa {
                n: unsigned(bytes("n")?),
                e: unsigned(bytes("e")?),
            }),
            "EC" => {
                // The point as it is written in full (SEC 1, 2.3.3).
                let point = [vec![4], bytes("x")?, bytes("y")?].concat();
                match &key["crv"] {
                    Value::String(curve) if **curve == *"P-256" => {
                        p256::ecdsa::VerifyingKey::from_sec1_bytes(&point).map(Key::P256)
                    }
                    Value::String(curve) if **curve == *"P-384" => {
                        p384::ecdsa::VerifyingKey::from_sec1_bytes(&point).map(Key::P384)
                    }
                    Value::String(curve) if **curve == *"P-521" => {
                        p521::ecdsa::VerifyingKey::from_sec1_bytes(&point).map(Key::P521)
                    }
                    _ => return Err(WRONG_KEY.into()),
                }
                .map_err(wrong)
            }
            "OKP" if key["crv"] == Value::from("Ed25519") => {
                let bytes: [u8; 32] = bytes("x")?.try_into().map_err(|_| WRONG_KEY)?;
                ed25519_dalek::VerifyingKey::from_bytes(&bytes)
                    .map(Key::Ed25519)
                    .map_err(wrong)
            }
            _ => Err("was given a key of an unknown kind".into()),
        },
        _ => Err("was given a key of an unknown kind".into()),
    }
}

/// A field of a JSON Web Key.
pub(super) fn field(key: &Value, name: &str) -> Result<Vec<u8>, Fault> {
    match &key[name] {
        Value::String(text) => from_base64(text),
        _ => Err(WRONG_KEY.into()),
    }
}

/// Big-endian, without zeros before it.
pub(super) fn unsigned(mut bytes: Vec<u8>) -> Vec<u8> {
    let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
    bytes.drain(..zeros);
    bytes
}

/// The modulus and the exponent of an RSA key in DER (RFC 8017, A.1.1).
fn rsa_numbers(der: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let numbers = Vec::<der::asn1::Int>::from_der(der).ok()?;
    let [n, e] = &numbers[..] else {
        return None;
    };
    Some((
        unsigned(n.as_bytes().to_vec()),
        unsigned(e.as_bytes().to_vec()),
    ))
}

const WRONG_KEY: &str = "was given something that is no key that it knows";

const RSA: &str = "1.2.840.113549.1.1.1";
const EC: &str = "1.2.840.10045.2.1";
const ED25519: &str = "1.3.101.112";

const MAX_KEYS: usize = 1_000;
