//! Trusted time: tokens of time-stamping authorities (RFC 3161) over a signature.
//!
//! A token says that a signature existed at a moment, and so that its key was used no later. Its CMS is
//! read as far as a token has it (RFC 5652, RFC 5816): one signer, with signed attributes.

use casemate_core::Timestamp;
use der::{
    Decode as _, Reader as _, SliceReader, Tag,
    asn1::{AnyRef, ObjectIdentifier, OctetStringRef},
};
use sha2::{Digest as _, Sha256, Sha384, Sha512};
use x509_cert::spki::AlgorithmIdentifierOwned;

use crate::{Certificate, certificate::verify_signature, verify_path};

/// The moment at which a trusted authority saw `signature`, as `token` (a `TimeStampToken` or a whole
/// `TimeStampResp`, in DER) says.
///
/// # Errors
///
/// Why the token says nothing that can be trusted.
pub fn verify_timestamp(
    token: &[u8],
    signature: &[u8],
    authorities: &[Certificate],
) -> Result<Timestamp, TimestampError> {
    let token = Token::parse(token)?;
    let info = Info::parse(token.content)?;
    if digest(&info.algorithm, signature)? != info.imprint {
        return Err(TimestampError::OtherSignature);
    }
    let attribute = |oid| {
        token
            .attributes
            .iter()
            .find(|(it, _)| *it == oid)
            .map(|(_, value)| *value)
    };
    let content_type = attribute(CONTENT_TYPE).ok_or(TimestampError::Shape("no content type"))?;
    if ObjectIdentifier::from_der(content_type)? != TST_INFO {
        return Err(TimestampError::Shape("a content type of something else"));
    }
    let signed_digest = attribute(MESSAGE_DIGEST).ok_or(TimestampError::Shape("no digest"))?;
    let signed_digest = <&OctetStringRef>::from_der(signed_digest)?.as_bytes();
    if digest(&token.digest, token.content)? != signed_digest {
        return Err(TimestampError::BadSignature);
    }
    let others = token.certificates.iter().chain(authorities);
    let signer = others
        .filter(|it| it.is_for_stamping_alone())
        .find(|it| verify_signature(it, &token.algorithm, &token.signed, token.signature))
        .ok_or(TimestampError::BadSignature)?;
    // The first version of it has SHA-1, which names nobody.
    let named = attribute(SIGNING_CERTIFICATE_V2)
        .ok_or(TimestampError::Shape("no digest of its certificate"))?;
    if !names(named, signer)? {
        return Err(TimestampError::BadSignature);
    }
    verify_path(signer, &token.certificates, authorities, info.time)
        .map_err(|error| TimestampError::Untrusted(error.to_string()))?;
    Ok(info.time)
}

/// What of a token matters.
struct Token<'a> {
    content: &'a [u8],
    certificates: Vec<Certificate>,
    digest: ObjectIdentifier,
    attributes: Vec<(ObjectIdentifier, &'a [u8])>,
    /// The attributes as they are signed: as a set, and not under the tag that they have in the token.
    signed: Vec<u8>,
    algorithm: AlgorithmIdentifierOwned,
    signature: &'a [u8],
}

impl<'a> Token<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, TimestampError> {
        let mut outer = parts(AnyRef::from_der(bytes)?)?;
        // A response has a status before its token.
        if outer.len() == 2 && outer[0].first() == Some(&SEQUENCE) {
            outer = parts(AnyRef::from_der(outer[1])?)?;
        }
        let [kind, content] = outer[..] else {
            return Err(TimestampError::Shape("no content"));
        };
        if ObjectIdentifier::from_der(kind)? != SIGNED_DATA {
            return Err(TimestampError::Shape("no signed data"));
        }
        let signed_data = parts(AnyRef::from_der(AnyRef::from_der(content)?.value())?)?;
        let [_, _, encapsulated, rest @ ..] = &signed_data[..] else {
            return Err(TimestampError::Shape("no signed data"));
        };
        let [kind, content] = parts(AnyRef::from_der(encapsulated)?)?[..] else {
            return Err(TimestampError::Shape("no content"));
        };
        if ObjectIdentifier::from_der(kind)? != TST_INFO {
            return Err(TimestampError::Shape("content that is no time"));
        }
        let content = <&OctetStringRef>::from_der(AnyRef::from_der(content)?.value())?.as_bytes();
        let mut certificates = Vec::new();
        let mut signers = Vec::new();
        for part in rest {
            match part.first() {
                Some(&CERTIFICATES) => {
                    // What is no certificate of X.509 here cannot be the signer's.
                    let all = parts(AnyRef::from_der(part)?)?;
                    certificates.extend(
                        all.into_iter()
                            .filter_map(|it| Certificate::from_der(it).ok()),
                    );
                }
                Some(&SET) => signers = parts(AnyRef::from_der(part)?)?,
                _ => {}
            }
        }
        let [signer] = signers[..] else {
            return Err(TimestampError::Shape("not one signer"));
        };
        let signer = parts(AnyRef::from_der(signer)?)?;
        let [_, _, digest, attributes, algorithm, signature, ..] = &signer[..] else {
            return Err(TimestampError::Shape("a signer without attributes"));
        };
        if attributes.first() != Some(&CERTIFICATES) {
            return Err(TimestampError::Shape("a signer without attributes"));
        }
        let mut signed = attributes.to_vec();
        signed[0] = SET;
        let mut read = Vec::new();
        for attribute in parts(AnyRef::from_der(attributes)?)? {
            let [oid, values] = parts(AnyRef::from_der(attribute)?)?[..] else {
                return Err(TimestampError::Shape("an attribute of another shape"));
            };
            let [value] = parts(AnyRef::from_der(values)?)?[..] else {
                continue;
            };
            read.push((ObjectIdentifier::from_der(oid)?, value));
        }
        let digest = AlgorithmIdentifierOwned::from_der(digest)?.oid;
        Ok(Self {
            content,
            certificates,
            digest,
            attributes: read,
            signed,
            algorithm: signature_algorithm(AlgorithmIdentifierOwned::from_der(algorithm)?, digest),
            signature: <&OctetStringRef>::from_der(signature)?.as_bytes(),
        })
    }
}

/// CMS may name the key's algorithm alone, and leave the digest to its own field.
fn signature_algorithm(
    algorithm: AlgorithmIdentifierOwned,
    digest: ObjectIdentifier,
) -> AlgorithmIdentifierOwned {
    let with_digest = |names: [&str; 3]| {
        let at = [SHA256, SHA384, SHA512]
            .iter()
            .position(|it| *it == digest)?;
        ObjectIdentifier::new(names[at]).ok()
    };
    let oid = match algorithm.oid {
        RSA => with_digest([
            "1.2.840.113549.1.1.11",
            "1.2.840.113549.1.1.12",
            "1.2.840.113549.1.1.13",
        ]),
        EC => with_digest([
            "1.2.840.10045.4.3.2",
            "1.2.840.10045.4.3.3",
            "1.2.840.10045.4.3.4",
        ]),
        _ => None,
    };
    AlgorithmIdentifierOwned {
        oid: oid.unwrap_or(algorithm.oid),
        parameters: algorithm.parameters,
    }
}

/// `TSTInfo`.
struct Info<'a> {
    algorithm: ObjectIdentifier,
    imprint: &'a [u8],
    time: Timestamp,
}

impl<'a> Info<'a> {
    fn parse(content: &'a [u8]) -> Result<Self, TimestampError> {
        let [_, _, imprint, _, time, ref rest @ ..] = parts(AnyRef::from_der(content)?)?[..] else {
            return Err(TimestampError::Shape("a time of another shape"));
        };
        for part in rest.iter().filter(|it| it.first() == Some(&EXTENSIONS)) {
            for extension in parts(AnyRef::from_der(part)?)? {
                if matches!(parts(AnyRef::from_der(extension)?)?[..], [_, critical, _] if critical == TRUE)
                {
                    return Err(TimestampError::Shape("a critical extension"));
                }
            }
        }
        let [algorithm, digest] = parts(AnyRef::from_der(imprint)?)?[..] else {
            return Err(TimestampError::Shape("a time of nothing"));
        };
        let time = AnyRef::from_der(time)?;
        let moment = (time.header().tag() == Tag::GeneralizedTime).then(|| moment(time.value()));
        Ok(Self {
            algorithm: AlgorithmIdentifierOwned::from_der(algorithm)?.oid,
            imprint: <&OctetStringRef>::from_der(digest)?.as_bytes(),
            time: moment
                .flatten()
                .ok_or(TimestampError::Shape("a time that is none"))?,
        })
    }
}

/// `YYYYMMDDhhmmss[.f…]Z`, of which the fraction is let go.
fn moment(text: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if whole.len() != 14 || !digits(whole) || !digits(fraction) {
        return None;
    }
    let at = |from: usize, to: usize| &whole[from..to];
    let date = format!("{}-{}-{}", at(0, 4), at(4, 6), at(6, 8));
    format!("{date}T{}:{}:{}Z", at(8, 10), at(10, 12), at(12, 14))
        .parse()
        .ok()
}

/// Whether `SigningCertificateV2` names `signer`, as its first certificate must.
fn names(value: &[u8], signer: &Certificate) -> Result<bool, TimestampError> {
    let shape = || TimestampError::Shape("a digest of its certificate in another shape");
    let all = parts(AnyRef::from_der(value)?)?;
    let all = parts(AnyRef::from_der(all.first().ok_or_else(shape)?)?)?;
    let first = parts(AnyRef::from_der(all.first().ok_or_else(shape)?)?)?;
    let (algorithm, named) = match &first[..] {
        [algorithm, named, ..] if algorithm.first() == Some(&SEQUENCE) => {
            (AlgorithmIdentifierOwned::from_der(algorithm)?.oid, named)
        }
        [named, ..] => (SHA256, named),
        [] => return Err(shape()),
    };
    let named = <&OctetStringRef>::from_der(named)?.as_bytes();
    Ok(digest(&algorithm, signer.der())? == named)
}

/// The values inside of one, each with its tag.
fn parts(value: AnyRef<'_>) -> Result<Vec<&[u8]>, TimestampError> {
    let mut reader = SliceReader::new(value.value())?;
    let mut parts = Vec::new();
    while !reader.is_finished() {
        if parts.len() == MOST_PARTS {
            return Err(TimestampError::Shape("too many values"));
        }
        parts.push(reader.tlv_bytes()?);
    }
    Ok(parts)
}

fn digest(algorithm: &ObjectIdentifier, bytes: &[u8]) -> Result<Vec<u8>, TimestampError> {
    match *algorithm {
        SHA256 => Ok(Sha256::digest(bytes).to_vec()),
        SHA384 => Ok(Sha384::digest(bytes).to_vec()),
        SHA512 => Ok(Sha512::digest(bytes).to_vec()),
        other => Err(TimestampError::Digest(other.to_string())),
    }
}

/// Why a token says nothing that can be trusted.
#[derive(Debug, thiserror::Error)]
pub enum TimestampError {
    /// It is not DER.
    #[error("it is no token: {0}")]
    Der(#[from] der::Error),
    /// It is of another shape.
    #[error("it is no token that is understood: it has {0}")]
    Shape(&'static str),
    /// A digest is of another kind than SHA-2.
    #[error("it uses the digest {0}, and SHA-256, SHA-384 and SHA-512 count")]
    Digest(String),
    /// It is over something else.
    #[error("it is over another signature")]
    OtherSignature,
    /// Its own signature does not verify.
    #[error("its own signature does not verify")]
    BadSignature,
    /// Nobody trusted made it.
    #[error("it is by no authority that is trusted: {0}")]
    Untrusted(String),
}

const fn oid(text: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(text)
}

/// RFC 5652, RFC 3161, RFC 5035 and RFC 5280.
const SIGNED_DATA: ObjectIdentifier = oid("1.2.840.113549.1.7.2");
const TST_INFO: ObjectIdentifier = oid("1.2.840.113549.1.9.16.1.4");
const CONTENT_TYPE: ObjectIdentifier = oid("1.2.840.113549.1.9.3");
const MESSAGE_DIGEST: ObjectIdentifier = oid("1.2.840.113549.1.9.4");
const SIGNING_CERTIFICATE_V2: ObjectIdentifier = oid("1.2.840.113549.1.9.16.2.47");
const SHA256: ObjectIdentifier = oid("2.16.840.1.101.3.4.2.1");
const SHA384: ObjectIdentifier = oid("2.16.840.1.101.3.4.2.2");
const SHA512: ObjectIdentifier = oid("2.16.840.1.101.3.4.2.3");
const RSA: ObjectIdentifier = oid("1.2.840.113549.1.1.1");
const EC: ObjectIdentifier = oid("1.2.840.10045.2.1");
/// Tags.
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
/// Context-specific, constructed, 0: the certificates of signed data, and the attributes of a signer.
const CERTIFICATES: u8 = 0xa0;
/// Context-specific, constructed, 1: the extensions of `TSTInfo`.
const EXTENSIONS: u8 = 0xa1;
const TRUE: &[u8] = &[1, 1, 0xff];
const MOST_PARTS: usize = 256;

#[cfg(test)]
mod tests;
