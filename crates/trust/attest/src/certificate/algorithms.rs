//! What certificates may be signed with.

use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
use rustls_pki_types::{
    AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm, alg_id,
};
use sha2::{Digest as _, Sha256, Sha384, Sha512};
use webpki::ring;

/// ECDSA over the three curves, RSA from 2,048 bits, Ed25519; with SHA-2 alone.
///
/// A certification authority's key is often of another curve than its digest is made for: OpenSSL
/// signs with SHA-256 under P-521 unless it is told otherwise.
pub(super) fn all() -> Vec<&'static dyn SignatureVerificationAlgorithm> {
    let mut all: Vec<&'static dyn SignatureVerificationAlgorithm> = vec![
        ring::ED25519,
        ring::RSA_PKCS1_2048_8192_SHA256,
        ring::RSA_PKCS1_2048_8192_SHA384,
        ring::RSA_PKCS1_2048_8192_SHA512,
        ring::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
        ring::RSA_PSS_2048_8192_SHA384_LEGACY_KEY,
        ring::RSA_PSS_2048_8192_SHA512_LEGACY_KEY,
    ];
    all.extend(
        ECDSA
            .iter()
            .map(|it| it as &dyn SignatureVerificationAlgorithm),
    );
    all
}

#[derive(Clone, Copy, Debug)]
struct Ecdsa(Curve, Hash);

#[derive(Clone, Copy, Debug)]
enum Curve {
    P256,
    P384,
    P521,
}

#[derive(Clone, Copy, Debug)]
enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

static ECDSA: [Ecdsa; 9] = [
    Ecdsa(Curve::P256, Hash::Sha256),
    Ecdsa(Curve::P256, Hash::Sha384),
    Ecdsa(Curve::P256, Hash::Sha512),
    Ecdsa(Curve::P384, Hash::Sha256),
    Ecdsa(Curve::P384, Hash::Sha384),
    Ecdsa(Curve::P384, Hash::Sha512),
    Ecdsa(Curve::P521, Hash::Sha256),
    Ecdsa(Curve::P521, Hash::Sha384),
    Ecdsa(Curve::P521, Hash::Sha512),
];

impl SignatureVerificationAlgorithm for Ecdsa {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        let digest = match self.1 {
            Hash::Sha256 => Sha256::digest(message).to_vec(),
            Hash::Sha384 => Sha384::digest(message).to_vec(),
            Hash::Sha512 => Sha512::digest(message).to_vec(),
        };
        verify_prehash(self.0, public_key, &digest, signature).map_err(|_| InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        match self.0 {
            Curve::P256 => alg_id::ECDSA_P256,
            Curve::P384 => alg_id::ECDSA_P384,
            Curve::P521 => alg_id::ECDSA_P521,
        }
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        match self.1 {
            Hash::Sha256 => alg_id::ECDSA_SHA256,
            Hash::Sha384 => alg_id::ECDSA_SHA384,
            Hash::Sha512 => alg_id::ECDSA_SHA512,
        }
    }
}

fn verify_prehash(
    curve: Curve,
    public_key: &[u8],
    digest: &[u8],
    signature: &[u8],
) -> Result<(), p256::ecdsa::Error> {
    match curve {
        Curve::P256 => p256::ecdsa::VerifyingKey::from_sec1_bytes(public_key)?.verify_prehash(
            &widened::<32>(digest),
            &p256::ecdsa::DerSignature::from_bytes(signature)?,
        ),
        Curve::P384 => p384::ecdsa::VerifyingKey::from_sec1_bytes(public_key)?.verify_prehash(
            &widened::<48>(digest),
            &p384::ecdsa::DerSignature::from_bytes(signature)?,
        ),
        Curve::P521 => p521::ecdsa::VerifyingKey::from_sec1_bytes(public_key)?.verify_prehash(
            &widened::<66>(digest),
            &p521::ecdsa::DerSignature::from_bytes(signature)?,
        ),
    }
}

/// The digest, with zeros before it where it is shorter than the field (SEC 1, 4.1.3).
fn widened<const FIELD: usize>(digest: &[u8]) -> Vec<u8> {
    let zeros = FIELD.saturating_sub(digest.len());
    [&[0; FIELD][..zeros], digest].concat()
}
