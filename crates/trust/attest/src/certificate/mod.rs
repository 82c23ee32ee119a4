//! X.509 certificates (RFC 5280): what they say of a key, and the path from one to a root.

mod algorithms;
mod constraints;
mod distinguished;
mod identity;
mod path;

use casemate_core::{Digest, Timestamp};
use der::{
    Decode as _, Encode as _, Reader as _, SliceReader, asn1::BitString, oid::AssociatedOid,
};
use x509_cert::{
    ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAltName},
    time::Time,
};

pub(crate) use self::{algorithms::widened, path::find_path};
pub use self::{
    identity::Identity,
    path::{PathError, verify_path},
};
use crate::{KeyError, PublicKey};

/// A certificate that could be parsed; nothing is said yet of who vouches for it.
#[derive(Clone, Debug)]
pub struct Certificate {
    der: Vec<u8>,
    /// Where the signed part lies in `der`.
    signed: std::ops::Range<usize>,
    parsed: x509_cert::Certificate,
}

impl Certificate {
    /// Reads every certificate of a PEM file, or the one of a DER file.
    ///
    /// # Errors
    ///
    /// When there is none, or more than 512, or one of them cannot be parsed.
    pub fn read_all(bytes: &[u8]) -> Result<Vec<Self>, CertificateError> {
        let blocks = match pem::parse_many(bytes) {
            Ok(blocks) if !blocks.is_empty() => blocks,
            _ => return Ok(vec![Self::from_der(bytes)?]),
        };
        let mut certificates = Vec::new();
        for block in blocks.iter().filter(|block| block.tag() == "CERTIFICATE") {
            if certificates.len() == MOST_CERTIFICATES {
                return Err(CertificateError::Many);
            }
            certificates.push(Self::from_der(block.contents())?);
        }
        match certificates.is_empty() {
            true => Err(CertificateError::None),
            false => Ok(certificates),
        }
    }

    /// Reads one certificate in DER.
    ///
    /// # Errors
    ///
    /// When it is none.
    pub fn from_der(der: &[u8]) -> Result<Self, CertificateError> {
        let malformed = |error: der::Error| CertificateError::Malformed(error.to_string());
        let parsed = x509_cert::Certificate::from_der(der).map_err(malformed)?;
        let signed = signed_part(der).map_err(malformed)?;
        if parsed.signature_algorithm() != parsed.tbs_certificate().signature() {
            let told = "it names two algorithms for its signature".to_owned();
            return Err(CertificateError::Malformed(told));
        }
        Ok(Self {
            der: der.to_vec(),
            signed,
            parsed,
        })
    }

    /// Its DER, as it was read.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The SHA-256 digest of its DER.
    pub fn fingerprint(&self) -> Digest {
        Digest::of(&self.der)
    }

    /// Its subject, as RFC 4514 writes names.
    pub fn subject(&self) -> String {
        self.tbs().subject().to_string()
    }

    /// Its issuer, likewise.
    pub fn issuer(&self) -> String {
        self.tbs().issuer().to_string()
    }

    /// Whether it says of itself that it is its own issuer.
    pub fn is_self_issued(&self) -> bool {
        let certificate = self.tbs();
        distinguished::is_same(certificate.subject(), certificate.issuer())
    }

    /// The key that it binds.
    ///
    /// # Errors
    ///
    /// When the key is of no supported algorithm.
    pub fn public_key(&self) -> Result<PublicKey, KeyError> {
        let info = self.tbs().subject_public_key_info();
        let der = info
            .to_der()
            .map_err(|error| KeyError::Malformed(error.to_string()))?;
        PublicKey::from_der(&der)
    }

    /// From when and until when it is valid, both included.
    pub fn validity(&self) -> (Timestamp, Timestamp) {
        let validity = self.tbs().validity();
        (moment(validity.not_before), moment(validity.not_after))
    }

    /// What names it to whoever revokes: the SHA-256 digests of the certificate, of its signed part and of
    /// its key. Whoever holds an ECDSA signature can write a second one that is as good, and with it a
    /// certificate of another digest: with its `issuer`, that of the twin is here too.
    pub(crate) fn digests(&self, issuer: Option<&Self>) -> Vec<Digest> {
        let mut digests = vec![
            self.fingerprint(),
            Digest::of(&self.der[self.signed.clone()]),
        ];
        let key = self.tbs().subject_public_key_info().to_der();
        digests.extend(key.ok().map(|key| Digest::of(&key)));
        // Of one key there are several spellings.
        digests.extend(self.public_key().ok().map(|key| key.id()));
        let issuer = issuer.unwrap_or(self).public_key().ok();
        let twin = issuer.and_then(|issuer| self.twin(&issuer));
        digests.extend(twin.map(|twin| Digest::of(&twin)));
        digests
    }

    /// Itself under the other of the two ECDSA signatures, in DER.
    fn twin(&self, issuer: &PublicKey) -> Option<Vec<u8>> {
        let signature = algorithms::twin(issuer, self.parsed.signature().as_bytes()?)?;
        let mut reader = SliceReader::new(&self.der[self.signed.end..]).ok()?;
        let algorithm = reader.tlv_bytes().ok()?;
        let signature = BitString::from_bytes(&signature).ok()?.to_der().ok()?;
        let inner = [&self.der[self.signed.clone()], algorithm, &signature].concat();
        let length = der::Length::try_from(inner.len()).ok()?;
        let mut twin = der::Header::new(der::Tag::Sequence, length).to_der().ok()?;
        twin.extend(inner);
        Some(twin)
    }

    /// Whether it signed itself, and so nobody vouches for it.
    pub fn is_self_signed(&self) -> bool {
        self.is_self_issued() && self.is_signed_by(self)
    }

    /// The names that it binds beside its subject: mail addresses, DNS names and URIs.
    pub fn identities(&self) -> Vec<Identity> {
        let names = self.extension::<SubjectAltName>().map(|it| it.0);
        let names = names.unwrap_or_default();
        names.into_iter().filter_map(Identity::of).collect()
    }

    /// Whether one of its names fits `pattern`, which says of what kind it must be: see [`Identity`].
    pub fn is_called(&self, pattern: &str) -> bool {
        identity::fits(pattern, &self.identities(), &self.subject())
    }

    /// Whether its key may sign models: its key usage has `digitalSignature`, or its extended key
    /// usage has `codeSigning` (OpenSSF Model Signing). Where purposes are named, `codeSigning` or any purpose
    /// must be among them (RFC 5280, section 4.2.1.12), so that the certificate of a web server signs nothing.
    pub fn may_sign(&self) -> bool {
        let usage = self.extension::<KeyUsage>();
        let signs = usage.is_some_and(|usage| usage.digital_signature());
        match self.tbs().get_extension::<ExtendedKeyUsage>() {
            Ok(None) => signs,
            Ok(Some((_, purposes))) => {
                let is_for = |purpose| purposes.0.contains(&purpose);
                is_for(CODE_SIGNING) || (signs && is_for(ANY_PURPOSE))
            }
            Err(_) => false,
        }
    }

    /// Whether it is for stamping times and nothing else (RFC 3161, section 2.3).
    pub(crate) fn is_for_stamping_alone(&self) -> bool {
        let purposes = self.tbs().get_extension::<ExtendedKeyUsage>();
        let has_purpose = matches!(purposes, Ok(Some((true, it))) if it.0 == [TIME_STAMPING]);
        let has_usage = match self.tbs().get_extension::<KeyUsage>() {
            Ok(usage) => usage.is_none_or(|(_, it)| it.digital_signature() || it.non_repudiation()),
            Err(_) => false,
        };
        has_purpose && has_usage
    }

    /// Whether its key may sign certificates, as far as its key usage says.
    fn may_issue(&self) -> bool {
        match self.tbs().get_extension::<KeyUsage>() {
            Ok(usage) => usage.is_none_or(|(_, usage)| usage.key_cert_sign()),
            Err(_) => false,
        }
    }

    /// Whether it is of an authority, and how many more may stand between it and a leaf; nothing where
    /// it does not say.
    fn basic_constraints(&self) -> der::Result<Option<(bool, Option<u8>)>> {
        let found = self.tbs().get_extension::<BasicConstraints>()?;
        Ok(found.map(|(_, it)| (it.ca, it.path_len_constraint)))
    }

    /// Whether the key of `issuer` made its signature.
    fn is_signed_by(&self, issuer: &Self) -> bool {
        let info = issuer.tbs().subject_public_key_info();
        let signature = self.parsed.signature().as_bytes();
        signature.is_some_and(|signature| {
            let (algorithm, signed) = (
                self.parsed.signature_algorithm(),
                &self.der[self.signed.clone()],
            );
            algorithms::verify(info, algorithm, signed, signature).is_ok()
        })
    }

    fn tbs(&self) -> &x509_cert::TbsCertificate {
        self.parsed.tbs_certificate()
    }

    /// An extension, unless it cannot be parsed or stands twice.
    fn extension<T: for<'a> der::Decode<'a> + AssociatedOid>(&self) -> Option<T> {
        let found = self.tbs().get_extension::<T>();
        found.ok().flatten().map(|(_, extension)| extension)
    }
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.der == other.der
    }
}

impl Eq for Certificate {}

/// Where the `TBSCertificate` lies: what the signature is over, as it was written.
fn signed_part(der: &[u8]) -> der::Result<std::ops::Range<usize>> {
    let mut reader = SliceReader::new(der)?;
    let outer = der::Header::decode(&mut reader)?;
    let start = usize::try_from(reader.position())?;
    let signed = reader.tlv_bytes()?.len();
    debug_assert_eq!(start + usize::try_from(outer.length())?, der.len());
    Ok(start..start + signed)
}

/// Whether `certificate`'s key made `signature` over `message`.
pub(crate) fn verify_signature(
    certificate: &Certificate,
    algorithm: &x509_cert::spki::AlgorithmIdentifierOwned,
    message: &[u8],
    signature: &[u8],
) -> bool {
    let info = certificate.tbs().subject_public_key_info();
    algorithms::verify(info, algorithm, message, signature).is_ok()
}

fn moment(time: Time) -> Timestamp {
    let seconds = i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX);
    Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX)
}

/// Why bytes are not certificates.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// No block of the file is one.
    #[error("it holds no certificate")]
    None,
    /// There are too many.
    #[error("it holds more than {MOST_CERTIFICATES} certificates")]
    Many,
    /// One cannot be parsed.
    #[error("it holds something that is no certificate: {0}")]
    Malformed(String),
}

/// How many certificates are read from one file.
const MOST_CERTIFICATES: usize = 512;
/// RFC 5280, `id-kp-codeSigning`.
const CODE_SIGNING: der::asn1::ObjectIdentifier =
    der::asn1::ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.3");

/// RFC 5280, `anyExtendedKeyUsage`.
const ANY_PURPOSE: der::asn1::ObjectIdentifier =
    der::asn1::ObjectIdentifier::new_unwrap("2.5.29.37.0");
/// RFC 5280, `id-kp-timeStamping`.
const TIME_STAMPING: der::asn1::ObjectIdentifier =
    der::asn1::ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.8");

#[cfg(test)]
mod tests;
