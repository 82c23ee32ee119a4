//! What certificates may be signed with: ECDSA over the three curves, RSA from 2,048 bits, Ed25519;
//! each with SHA-2 alone.

use der::{Encode as _, asn1::ObjectIdentifier};
use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
use ring::signature::{
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
    RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters,
    UnparsedPublicKey,
};
use rustls_pki_types::alg_id;
use sha2::{Digest as _, Sha256, Sha384, Sha512};
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};

use crate::{BadSignature, PublicKey};

/// Verifies `signature` over `message` by the key that `info` holds.
///
/// The key of an authority is often of another curve than its digest is made for: OpenSSL signs
/// with SHA-256 under P-521 unless it is told otherwise.
pub(super) fn verify(
    info: &SubjectPublicKeyInfoOwned,
    algorithm: &AlgorithmIdentifierOwned,
    message: &[u8],
    signature: &[u8],
) -> Result<(), BadSignature> {
    if let Some(parameters) = rsa(algorithm) {
        let key = info.subject_public_key.raw_bytes();
        let is_rsa = info.algorithm.oid == RSA_ENCRYPTION;
        let verified = UnparsedPublicKey::new(parameters, key).verify(message, signature);
        return match is_rsa && verified.is_ok() {
            true => Ok(()),
            false => Err(BadSignature),
        };
    }
    let der = info.to_der().map_err(|_| BadSignature)?;
    let key = PublicKey::from_der(&der).map_err(|_| BadSignature)?;
    if algorithm.oid == ED25519 {
        return match key {
            PublicKey::Ed25519(_) => key.verify(message, signature),
            _ => Err(BadSignature),
        };
    }
    let digest = match algorithm.oid {
        ECDSA_SHA256 => Sha256::digest(message).to_vec(),
        ECDSA_SHA384 => Sha384::digest(message).to_vec(),
        ECDSA_SHA512 => Sha512::digest(message).to_vec(),
        _ => return Err(BadSignature),
    };
    match key {
        PublicKey::P256(key) => p256::ecdsa::DerSignature::from_bytes(signature)
            .and_then(|signature| key.verify_prehash(&widened(&digest, 32), &signature)),
        PublicKey::P384(key) => p384::ecdsa::DerSignature::from_bytes(signature)
            .and_then(|signature| key.verify_prehash(&widened(&digest, 48), &signature)),
        PublicKey::P521(key) => p521::ecdsa::DerSignature::from_bytes(signature)
            .and_then(|signature| key.verify_prehash(&widened(&digest, 66), &signature)),
        PublicKey::Ed25519(_) => return Err(BadSignature),
    }
    .map_err(|_| BadSignature)
}

/// The other ECDSA signature, in DER, that is as good as this one: `(r, n - s)` for `(r, s)`.
pub(super) fn twin(key: &PublicKey, signature: &[u8]) -> Option<Vec<u8>> {
    macro_rules! negated {
        ($curve:ident) => {{
            let signature = $curve::ecdsa::Signature::from_der(signature).ok()?;
            let (r, s) = signature.split_scalars();
            let twin = $curve::ecdsa::Signature::from_scalars(r, -s).ok()?;
            twin.to_der().as_bytes().to_vec()
        }};
    }
    Some(match key {
        PublicKey::P256(_) => negated!(p256),
        PublicKey::P384(_) => negated!(p384),
        PublicKey::P521(_) => negated!(p521),
        PublicKey::Ed25519(_) => return None,
    })
}

/// The digest, with zeros before it where it is shorter than the field (SEC 1, 4.1.3).
pub(crate) fn widened(digest: &[u8], field: usize) -> Vec<u8> {
    [&vec![0; field.saturating_sub(digest.len())], digest].concat()
}

/// What an RSA signature is verified with. PSS has its digest in its parameters, which are compared
/// whole: MGF1 with the same digest, and a salt as long as that.
fn rsa(algorithm: &AlgorithmIdentifierOwned) -> Option<&'static RsaParameters> {
    match algorithm.oid {
        RSA_SHA256 => return Some(&RSA_PKCS1_2048_8192_SHA256),
        RSA_SHA384 => return Some(&RSA_PKCS1_2048_8192_SHA384),
        RSA_SHA512 => return Some(&RSA_PKCS1_2048_8192_SHA512),
        _ => {}
    }
    let der = algorithm.to_der().ok()?;
    [
        (alg_id::RSA_PSS_SHA256, &RSA_PSS_2048_8192_SHA256),
        (alg_id::RSA_PSS_SHA384, &RSA_PSS_2048_8192_SHA384),
        (alg_id::RSA_PSS_SHA512, &RSA_PSS_2048_8192_SHA512),
    ]
    .into_iter()
    // These are what stands inside of the sequence.
    .find_map(|(known, parameters)| der.ends_with(known.as_ref()).then_some(parameters))
}

/// RFC 8017, RFC 5758 and RFC 8410.
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const RSA_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");
const RSA_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.12");
const RSA_SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.13");
const ECDSA_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
const ECDSA_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3");
const ECDSA_SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.4");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
