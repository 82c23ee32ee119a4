//! The path from a certificate to a root that the caller trusts (RFC 5280, section 6, without
//! policies).
//!
//! It is searched from the leaf upwards, and what is found is checked as a whole. webpki, which does
//! this for TLS, refuses a leaf that is an authority's certificate; such leaves sign models, those of
//! the reference implementation's first release among them.

use std::cell::Cell;

use casemate_core::Timestamp;
use der::asn1::ObjectIdentifier;

use super::{Certificate, constraints, distinguished};

/// Finds a path from `leaf` over some of `intermediates` to one of `anchors` that holds at the moment
/// `at`, and gives the anchor's number.
///
/// Checked are signatures, validity, basic and name constraints, path length, key usage of issuers and
/// critical extensions; of the anchor its validity, constraints and key usage too. A certificate that is
/// itself among `anchors` needs no path: the caller has named it. What the leaf may be used for is the
/// caller's to ask.
///
/// # Errors
///
/// Why there is no path: of the best one that was found, where there are several.
pub fn verify_path(
    leaf: &Certificate,
    intermediates: &[Certificate],
    anchors: &[Certificate],
    at: Timestamp,
) -> Result<usize, PathError> {
    find_path(leaf, intermediates, anchors, at).map(|(anchor, _)| anchor)
}

/// The same, with the path itself: the leaf, what is between, and the anchor.
pub(crate) fn find_path<'a>(
    leaf: &'a Certificate,
    intermediates: &'a [Certificate],
    anchors: &'a [Certificate],
    at: Timestamp,
) -> Result<(usize, Vec<&'a Certificate>), PathError> {
    if anchors.is_empty() {
        return Err(PathError::NoAnchor);
    }
    if intermediates.len() > MOST_INTERMEDIATES {
        let told = format!("more than {MOST_INTERMEDIATES} certificates come with it");
        return Err(PathError::Invalid(told));
    }
    check_validity(leaf, at)?;
    if let Some(named) = anchors.iter().position(|anchor| anchor == leaf) {
        return Ok((named, vec![leaf]));
    }
    let search = Search {
        intermediates,
        anchors,
        at,
        signatures: Cell::new(0),
    };
    let mut path = vec![leaf];
    let anchor = search.from(&mut path)?;
    Ok((anchor, path))
}

struct Search<'a> {
    intermediates: &'a [Certificate],
    anchors: &'a [Certificate],
    at: Timestamp,
    /// How many have been verified.
    signatures: Cell<usize>,
}

impl<'a> Search<'a> {
    /// Goes on from the last certificate of `path`, which is whole where this succeeds. The depth of the recursion is [`LONGEST_PATH`].
    fn from(&self, path: &mut Vec<&'a Certificate>) -> Result<usize, PathError> {
        let last = path[path.len() - 1];
        let mut best = PathError::Untrusted;
        for (number, anchor) in self.anchors.iter().enumerate() {
            if self.issued(last, anchor)? {
                path.push(anchor);
                match check(path, self.at) {
                    Ok(()) => return Ok(number),
                    Err(error) => best = error,
                }
                path.pop();
            }
        }
        if path.len() > LONGEST_PATH {
            return Err(best);
        }
        for issuer in self.intermediates {
            if path.contains(&issuer) || !self.issued(last, issuer)? {
                continue;
            }
            path.push(issuer);
            match self.from(path) {
                Err(PathError::Untrusted) => {}
                Err(error) => best = error,
                found => return found,
            }
            path.pop();
        }
        Err(best)
    }

    fn issued(&self, certificate: &Certificate, issuer: &Certificate) -> Result<bool, PathError> {
        let names = (certificate.tbs().issuer(), issuer.tbs().subject());
        if !distinguished::is_same(names.0, names.1) {
            return Ok(false);
        }
        self.signatures.set(self.signatures.get() + 1);
        match self.signatures.get() > MOST_SIGNATURES {
            true => Err(PathError::Invalid("too many paths are possible".into())),
            false => Ok(certificate.is_signed_by(issuer)),
        }
    }
}

/// Checks a path from a leaf to an anchor, of which each certificate is signed by the next.
fn check(path: &[&Certificate], at: Timestamp) -> Result<(), PathError> {
    let invalid = |certificate: &Certificate, how: &str| {
        Err(PathError::Invalid(format!(
            "the certificate of {} {how}",
            certificate.subject()
        )))
    };
    // Of certificates that issue and are not of the leaf; self-issued ones do not count.
    let mut below = 0;
    for (depth, certificate) in path.iter().enumerate() {
        check_validity(certificate, at)?;
        let extensions = certificate
            .tbs()
            .extensions()
            .map_or(&[][..], Vec::as_slice);
        let named = |oid| extensions.iter().filter(|it| it.extn_id == oid).count();
        if extensions.iter().any(|it| named(it.extn_id) > 1) {
            return invalid(certificate, "has an extension twice");
        }
        let unknown = extensions
            .iter()
            .find(|it| it.critical && !UNDERSTOOD.contains(&it.extn_id));
        if let Some(unknown) = unknown {
            let oid = unknown.extn_id;
            let told = format!("has a critical extension that is not understood: {oid}");
            return invalid(certificate, &told);
        }
        if depth == 0 {
            continue;
        }
        match certificate.basic_constraints() {
            Ok(Some((true, longest))) => {
                if longest.is_some_and(|longest| below > usize::from(longest)) {
                    return invalid(certificate, "does not allow a path of this length");
                }
            }
            // Roots from before the extension have none.
            Ok(None) if depth + 1 == path.len() && extensions.is_empty() => {}
            _ => return invalid(certificate, "is of no authority and issues certificates"),
        }
        if !certificate.may_issue() {
            return invalid(certificate, "may not be used to issue certificates");
        }
        if !constraints::hold(certificate, &path[..depth]) {
            return invalid(certificate, "does not allow the names below it");
        }
        if !certificate.is_self_issued() {
            below += 1;
        }
    }
    Ok(())
}

fn check_validity(certificate: &Certificate, at: Timestamp) -> Result<(), PathError> {
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
    /// The time of a certificate is over.
    #[error("the certificate of {subject} expired at {until}")]
    Expired {
        /// Its subject.
        subject: String,
        /// The last moment at which it is valid.
        until: Timestamp,
    },
    /// The time of a certificate has not come.
    #[error("the certificate of {subject} is valid from {from}")]
    NotYetValid {
        /// Its subject.
        subject: String,
        /// The first moment at which it is valid.
        from: Timestamp,
    },
    /// Nobody trusted vouches for it.
    #[error("no trusted root vouches for it")]
    Untrusted,
    /// A rule of the path is broken.
    #[error("its path to the root does not hold: {0}")]
    Invalid(String),
}

const fn oid(text: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(text)
}

/// The extensions that may be critical: key usage, alternative names of subject and issuer, basic and
/// name constraints, extended key usage; and policies, which nothing here requires, so that whichever there
/// are is enough. What makes a policy required or maps one to another (policyConstraints, policyMappings,
/// inhibitAnyPolicy) is not: nobody here could tell that the requirement is met.
const UNDERSTOOD: &[ObjectIdentifier] = &[
    oid("2.5.29.15"),
    oid("2.5.29.17"),
    oid("2.5.29.18"),
    oid("2.5.29.19"),
    oid("2.5.29.30"),
    oid("2.5.29.32"),
    oid("2.5.29.37"),
];
/// How many certificates a signature may bring besides its own.
const MOST_INTERMEDIATES: usize = 32;
/// How many may stand between a leaf and its root.
const LONGEST_PATH: usize = 8;
/// How many signatures are verified for one leaf: certificates under one name could ask for more
/// than anybody has time for.
const MOST_SIGNATURES: usize = 200;
