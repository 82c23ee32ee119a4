//! The public half of a key in a token.

use casemate_attest::{Certificate, KeyError, PublicKey};
use cryptoki::{
    object::{Attribute, AttributeType, CertificateType, ObjectClass},
    session::Session,
};
use der::{
    Decode as _, Encode as _,
    asn1::{BitStringRef, ObjectIdentifier, OctetStringRef, PrintableStringRef},
};
use x509_cert::spki::{AlgorithmIdentifier, SubjectPublicKeyInfo};

use crate::{TokenError, key::Object};

/// The public key that the token has for a private one, as an object, in a certificate, or beside the
/// private key itself. Whether it is the right one shows when something is signed.
pub(crate) fn public_key(
    session: &Session,
    private: &Object,
    name: &str,
) -> Result<PublicKey, TokenError> {
    let unusable = |error| TokenError::PublicKey(name.to_owned(), error);
    let mut all = Vec::new();
    for attributes in beside(session, private, ObjectClass::PUBLIC_KEY, EC)? {
        all.push(of_point(&attributes));
    }
    if all.is_empty() {
        for attributes in beside(session, private, ObjectClass::CERTIFICATE, CERTIFICATE)? {
            all.push(of_certificate(&attributes));
        }
    }
    if all.is_empty() && !private.public.is_empty() {
        all.push(PublicKey::from_der(&private.public));
    }
    let mut all = all.into_iter();
    let first = all.next();
    let first = first.ok_or_else(|| TokenError::NoPublicKey(name.to_owned()))?;
    let first = first.map_err(unusable)?;
    for other in all {
        if other.map_err(unusable)? != first {
            return Err(TokenError::SeveralPublicKeys(name.to_owned()));
        }
    }
    Ok(first)
}

/// The objects of a class that go with a private key: by the identifier that they share, or by the label
/// if it has none.
fn beside(
    session: &Session,
    private: &Object,
    class: ObjectClass,
    wanted: &[AttributeType],
) -> Result<Vec<Vec<Attribute>>, TokenError> {
    let shared = match private.id.is_empty() {
        false => Attribute::Id(private.id.clone()),
        true => Attribute::Label(private.label.clone()),
    };
    let mut template = vec![Attribute::Class(class), shared];
    if class == ObjectClass::CERTIFICATE {
        template.push(Attribute::CertificateType(CertificateType::X_509));
    }
    let handles: Vec<_> = session
        .iter_objects(&template)
        .and_then(|found| found.take(MOST).collect())
        .map_err(TokenError::call("list its public keys"))?;
    let read = handles.into_iter().map(|handle| {
        let attributes = session.get_attributes(handle, wanted);
        attributes.map_err(TokenError::call("tell of a public key"))
    });
    read.collect()
}

fn of_certificate(attributes: &[Attribute]) -> Result<PublicKey, KeyError> {
    let value = attributes.iter().find_map(|it| match it {
        Attribute::Value(value) => Some(value),
        _ => None,
    });
    let value = value.ok_or_else(|| KeyError::Malformed("a certificate without content".into()))?;
    let certificate = Certificate::from_der(value);
    let certificate = certificate.map_err(|error| KeyError::Malformed(error.to_string()))?;
    certificate.public_key()
}

fn of_point(attributes: &[Attribute]) -> Result<PublicKey, KeyError> {
    let (mut parameters, mut point) = (None, None);
    for attribute in attributes {
        match attribute {
            Attribute::EcParams(it) => parameters = Some(it.as_slice()),
            Attribute::EcPoint(it) => point = Some(it.as_slice()),
            _ => {}
        }
    }
    match (parameters, point) {
        (Some(parameters), Some(point)) => read(parameters, point),
        _ => Err(KeyError::Malformed(
            "a public key without curve or point".into(),
        )),
    }
}

/// The key of `CKA_EC_PARAMS` and `CKA_EC_POINT`.
fn read(parameters: &[u8], point: &[u8]) -> Result<PublicKey, KeyError> {
    let malformed = |error: der::Error| KeyError::Malformed(error.to_string());
    let curve = curve(parameters)?;
    let bits = match curve {
        ED25519 => raw(point, 32),
        P256 => raw(point, 65),
        P384 => raw(point, 97),
        P521 => raw(point, 133),
        other => return Err(KeyError::Unsupported(format!("the curve {other}"))),
    };
    let subject_public_key = BitStringRef::from_bytes(bits).map_err(malformed)?;
    let info = match curve {
        ED25519 => SubjectPublicKeyInfo {
            algorithm: AlgorithmIdentifier::<ObjectIdentifier> {
                oid: ED25519,
                parameters: None,
            },
            subject_public_key,
        },
        curve => SubjectPublicKeyInfo {
            algorithm: AlgorithmIdentifier {
                oid: EC_PUBLIC_KEY,
                parameters: Some(curve),
            },
            subject_public_key,
        },
    };
    PublicKey::from_der(&info.to_der().map_err(malformed)?)
}

/// PKCS #11 names Edwards curves in text too (version 3.0, section 2.3.10).
fn curve(parameters: &[u8]) -> Result<ObjectIdentifier, KeyError> {
    if PrintableStringRef::from_der(parameters).is_ok_and(|it| it.as_str() == "edwards25519") {
        return Ok(ED25519);
    }
    let named = ObjectIdentifier::from_der(parameters);
    named.map_err(|_| KeyError::Unsupported("a curve without a name of its own".into()))
}

/// A point is an OCTET STRING, but some modules leave the wrapping out. A first byte does not tell, since
/// both begin with 4; the length does.
fn raw(point: &[u8], bytes: usize) -> &[u8] {
    match <&OctetStringRef>::from_der(point) {
        Ok(wrapped) if point.len() != bytes => wrapped.as_bytes(),
        _ => point,
    }
}

const EC: &[AttributeType] = &[AttributeType::EcParams, AttributeType::EcPoint];
const CERTIFICATE: &[AttributeType] = &[AttributeType::Value];

/// RFC 5480 and RFC 8410.
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const P521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// How many public keys of one private key are looked at.
const MOST: usize = 16;

#[cfg(test)]
mod tests {
    use casemate_attest::{KeyAlgorithm, SigningKey};

    use super::*;

    /// What a token has of a key: its curve, and its point.
    fn told(algorithm: KeyAlgorithm) -> (PublicKey, Vec<u8>, Vec<u8>) {
        let public = SigningKey::generate(algorithm)
            .expect("randomness")
            .public();
        let der = public.to_der();
        let (curve, bytes) = match algorithm {
            KeyAlgorithm::P256 => (P256, 65),
            KeyAlgorithm::P384 => (P384, 97),
            KeyAlgorithm::P521 => (P521, 133),
            KeyAlgorithm::Ed25519 => (ED25519, 32),
        };
        let point = der[der.len() - bytes..].to_vec();
        (public, curve.to_der().expect("encodes"), point)
    }

    #[test]
    fn a_point_is_read_with_and_without_its_wrapping() {
        for algorithm in KeyAlgorithm::ALL {
            let (public, parameters, point) = told(algorithm);
            let wrapped = OctetStringRef::new(&point)
                .expect("short")
                .to_der()
                .expect("encodes");
            for form in [&point, &wrapped] {
                assert_eq!(read(&parameters, form).expect("reads"), public);
            }
        }
    }

    #[test]
    fn a_point_that_looks_wrapped_is_not_unwrapped() {
        // A point of P-256 whose first number begins with 63, which is how long the rest then is.
        let point = b"\x04\x3f\x26\x25\x9b\x41\xa0\x3a\xab\x4f\x37\x4e\x26\xb1\xe8\x28\x8b\x20\xcc\x54\xa3\x27\
            \xd2\x38\xee\x51\xe6\xca\x00\xe7\x6d\xae\x97\xbb\xf8\xa0\xfb\xb9\x42\x0c\x86\x4e\x2c\xae\
            \x09\x8b\xa5\x8b\x02\x8b\xac\x0a\x6f\x07\x5c\x6b\x15\x96\x6a\xa1\x34\x7d\xec\xfe\x24";
        let (_, parameters, _) = told(KeyAlgorithm::P256);
        let public = read(&parameters, point).expect("reads");
        assert!(public.to_der().ends_with(point));
    }

    #[test]
    fn an_edwards_curve_may_be_named_in_text() {
        let (public, _, point) = told(KeyAlgorithm::Ed25519);
        assert_eq!(
            read(b"\x13\x0cedwards25519", &point).expect("reads"),
            public
        );
    }

    #[test]
    fn other_curves_and_broken_points_are_no_keys() {
        let (_, parameters, point) = told(KeyAlgorithm::P256);
        // secp256k1, and a curve in numbers instead of by name.
        for other in [&b"\x06\x05\x2b\x81\x04\x00\x0a"[..], b"\x30\x00", b""] {
            assert!(matches!(read(other, &point), Err(KeyError::Unsupported(_))));
        }
        let mut off = point.clone();
        off[64] ^= 1;
        for broken in [&point[..64], &point[1..], &off, b"", b"\x04\x00"] {
            assert!(matches!(
                read(&parameters, broken),
                Err(KeyError::Malformed(_))
            ));
        }
    }
}
