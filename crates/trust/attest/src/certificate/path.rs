//! The path from a certificate to a root that the caller trusts (RFC 5280, section 6).

use std::time::Duration;

use casemate_core::Timestamp;
use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, Error, ExtendedKeyUsageValidator, KeyPurposeIdIter};

use super::{Certificate, algorithms};

/// Finds a path from `leaf` over some of `intermediates` to one of `anchors` that holds at the moment
/// `at`, and gives the anchor's number.
///
/// Signatures, validity, basic and name constraints, path length, key usage of issuers and unknown
/// critical extensions are checked, the anchor's own validity too. A certificate that is itself among
/// `anchors` needs no path: the caller has named it. What the leaf may be used for is the caller's to ask.
///
/// # Errors
///
/// Why there is no path.
pub fn verify_path(
    leaf: &Certificate,
    intermediates: &[Certificate],
    anchors: &[Certificate],
    at: Timestamp,
) -> Result<usize, PathError> {
    if anchors.is_empty() {
        return Err(PathError::NoAnchor);
    }
    if intermediates.len() > MOST_INTERMEDIATES {
        return Err(PathError::Invalid(format!(
            "more than {MOST_INTERMEDIATES} certificates come with it"
        )));
    }
    within_validity(leaf, at)?;
    if let Some(named) = anchors.iter().position(|anchor| anchor == leaf) {
        return Ok(named);
    }
    let trusted = anchors
        .iter()
        .map(|anchor| webpki::anchor_from_trusted_cert(&anchor.der))
        .collect::<Result<Vec<TrustAnchor<'_>>, Error>>()
        .map_err(|error| PathError::Invalid(format!("a root cannot be used: {error}")))?;
    let chain: Vec<CertificateDer<'_>> = intermediates
        .iter()
        .map(|it| CertificateDer::from(it.der()))
        .collect();
    let seconds = u64::try_from(at.as_second()).unwrap_or(0);
    let time = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
    let issuers_may_issue = |path: &webpki::VerifiedPath<'_>| {
        let issuers = path.intermediate_certificates();
        let may_issue = |der: &[u8]| Certificate::from_der(der).is_ok_and(|it| it.may_issue());
        match issuers.into_iter().all(|it| may_issue(&it.der())) {
            true => Ok(()),
            false => Err(Error::EndEntityUsedAsCa),
        }
    };
    let leaf_der = CertificateDer::from(leaf.der());
    let end = EndEntityCert::try_from(&leaf_der).map_err(PathError::from)?;
    let path = end.verify_for_usage(
        &algorithms::all(),
        &trusted,
        &chain,
        time,
        AnyPurpose,
        None,
        Some(&issuers_may_issue),
    )?;
    let found = trusted.iter().position(|anchor| anchor == path.anchor());
    let anchor = found.expect("the path ends at one of them");
    within_validity(&anchors[anchor], at)?;
    match anchors[anchor].may_issue() {
        true => Ok(anchor),
        false => Err(PathError::Invalid(
            "its root may not issue certificates".into(),
        )),
    }
}

fn within_validity(certificate: &Certificate, at: Timestamp) -> Result<(), PathError> {
    let (from, until) = certificate.validity();
    let subject = certificate.subject();
    if at < from {
        return Err(PathError::NotYetValid { subject, from });
    }
    if at > until {
        return Err(PathError::Expired { subject, until });
    }
    Ok(())
}

/// Why no path leads from a certificate to a trusted root.
#[derive(Debug, thiserror::Error)]
pub enum PathError {
    /// The caller trusts nobody.
    #[error("no root certificate is trusted; name one")]
    NoAnchor,
    /// A certificate's time is over.
    #[error("the certificate of {subject} expired at {until}")]
    Expired {
        /// Its subject.
        subject: String,
        /// The last moment at which it is valid.
        until: Timestamp,
    },
    /// A certificate's time has not come.
    #[error("the certificate of {subject} is valid from {from}")]
    NotYetValid {
        /// Its subject.
        subject: String,
        /// The first moment at which it is valid.
        from: Timestamp,
    },
    /// One on the way has expired or is not valid yet.
    #[error("a certificate between it and its root is not valid at this time: {0}")]
    Stale(String),
    /// Nobody trusted vouches for it.
    #[error("no trusted root vouches for it")]
    Untrusted,
    /// A rule of the path is broken.
    #[error("its certificate path does not hold: {0}")]
    Invalid(String),
}

impl From<Error> for PathError {
    fn from(error: Error) -> Self {
        match error {
            Error::UnknownIssuer => Self::Untrusted,
            Error::CertExpired { .. } | Error::CertNotValidYet { .. } => {
                Self::Stale(error.to_string())
            }
            Error::EndEntityUsedAsCa => {
                Self::Invalid("one of its issuers may not issue certificates".into())
            }
            Error::InvalidSignatureForPublicKey => {
                Self::Invalid("an issuer did not sign what carries its name".into())
            }
            other => Self::Invalid(other.to_string()),
        }
    }
}

/// What a key may be used for, the caller asks of the leaf; in a path nothing forbids it.
struct AnyPurpose;

impl ExtendedKeyUsageValidator for AnyPurpose {
    fn validate(&self, _: KeyPurposeIdIter<'_, '_>) -> Result<(), Error> {
        Ok(())
    }
}

/// How many certificates a signature may bring besides its own.
const MOST_INTERMEDIATES: usize = 32;
