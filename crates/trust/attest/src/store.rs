//! Whom a verifier trusts, for what, and until when.
//!
//! ```toml
//! threshold = 2                      # so many of the signers below must have signed
//! thresholds = { "https://slsa.dev/provenance/v1" = 1 } # unless it says one of these
//! require-log = true                 # and a log below must have their signatures
//! witnesses = 1                      # which so many of the witnesses below have seen there
//!
//! [[key]]
//! name = "release"
//! pem = """-----BEGIN PUBLIC KEY-----…"""
//! not-after = "2027-06-30T00:00:00Z" # when it was retired
//! subjects = ["models/*"]            # what it may sign
//! predicates = ["https://slsa.dev/*"] # and what it may say of it
//! revoked = { at = "2027-01-10T12:00:00Z", reason = "laptop lost" }
//!
//! [[root]]
//! name = "company"
//! pem = """-----BEGIN CERTIFICATE-----…"""
//! identities = ["email:*@ml.example.org"] # which of its certificates
//!
//! [[timestamp-authority]]            # who may say when something was signed
//! name = "tsa"
//! pem = """-----BEGIN CERTIFICATE-----…"""
//!
//! [[log]]                            # a transparency log
//! vkey = "log.example/models+…"
//!
//! [[witness]]                        # who may say when it was in there
//! vkey = "witness.example+…"
//! ```

mod file;
mod logs;

use std::collections::{BTreeMap, BTreeSet};

use casemate_core::{Digest, Seen, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::{
    file::StoreError,
    logs::{LogTrust, TrustedWitness},
};
use crate::{
    Bundle, Certificate, Envelope, Identity, Material, PathError, PublicKey,
    certificate::find_path, timestamp::verify_timestamp,
};

/// The signers that a verifier trusts.
#[derive(Clone, Debug)]
pub struct TrustStore {
    keys: Vec<TrustedKey>,
    roots: Vec<TrustedRoot>,
    authorities: Vec<Authority>,
    /// The digests of certificates and keys that count for nothing under any root.
    revoked: BTreeSet<Digest>,
    threshold: usize,
    /// By predicate type, where it is another one.
    thresholds: BTreeMap<String, usize>,
    /// What logs must say, and by whose word.
    pub logs: LogTrust,
}

/// A key that is trusted.
#[derive(Clone, Debug)]
struct TrustedKey {
    name: String,
    key: PublicKey,
    terms: Terms,
}

/// A root certificate, and which of the certificates below it are trusted.
#[derive(Clone, Debug)]
struct TrustedRoot {
    name: String,
    certificate: Certificate,
    identities: Vec<String>,
    terms: Terms,
}

/// A time-stamping authority, by its root certificates.
#[derive(Clone, Debug)]
struct Authority {
    name: String,
    certificates: Vec<Certificate>,
    terms: Terms,
}

/// For what, and from when until when, a signer is trusted.
#[derive(Clone, Debug, Default)]
struct Terms {
    not_before: Option<Timestamp>,
    not_after: Option<Timestamp>,
    revoked: Option<Revocation>,
    subjects: Vec<String>,
    predicates: Vec<String>,
}

/// What of a statement decides whether a signer may say it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// What its subjects are called; each has to be allowed.
    pub subjects: Vec<String>,
    /// The predicate's type.
    pub predicate: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Revocation {
    at: Timestamp,
    reason: String,
}

/// Who signed, and why they are trusted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Signer {
    /// The name that the trust store has for the key or root.
    pub name: String,
    /// The digest of the signing key's `SubjectPublicKeyInfo`.
    pub key: Digest,
    /// The subject of the certificate, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    /// The other names of the certificate.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub identities: Vec<String>,
}

/// Why a signature does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Distrust {
    /// The signature does not verify.
    #[error("{0}")]
    BadSignature(String),
    /// No root that is trusted vouches for the signer.
    #[error("{0}")]
    Stranger(String),
    /// The signer is nobody that is trusted, or not for this.
    #[error("{0}")]
    Untrusted(String),
    /// The signer's time is over, or has not come.
    #[error("{0}")]
    Expired(String),
    /// The signer was revoked.
    #[error("{0}")]
    Revoked(String),
}

impl TrustStore {
    /// Trusts one key for everything.
    pub fn of_key(name: &str, key: PublicKey) -> Self {
        Self {
            keys: vec![TrustedKey {
                name: name.to_owned(),
                key,
                terms: Terms::default(),
            }],
            roots: Vec::new(),
            authorities: Vec::new(),
            revoked: BTreeSet::new(),
            threshold: 1,
            thresholds: BTreeMap::new(),
            logs: LogTrust::default(),
        }
    }

    /// Trusts everybody for whom one of `roots` vouches. Each has a name for reports.
    pub fn of_roots(roots: impl IntoIterator<Item = (String, Certificate)>) -> Self {
        let root = |(name, certificate)| TrustedRoot {
            name,
            certificate,
            identities: Vec::new(),
            terms: Terms::default(),
        };
        Self {
            keys: Vec::new(),
            roots: roots.into_iter().map(root).collect(),
            authorities: Vec::new(),
            revoked: BTreeSet::new(),
            threshold: 1,
            thresholds: BTreeMap::new(),
            logs: LogTrust::default(),
        }
    }

    /// How many different signers must have signed.
    pub fn threshold(&self) -> usize {
        self.threshold
    }

    /// How many different signers must have signed a statement of this type.
    pub fn threshold_of(&self, predicate: &str) -> usize {
        self.thresholds
            .get(predicate)
            .copied()
            .unwrap_or(self.threshold)
    }

    /// When `bundle` was signed at the latest, where an authority that is trusted `now` says so in one of
    /// its tokens, or witnesses had `seen` it in a log; and what to tell of it: whose time counts, and why
    /// another's does not. The earliest time counts: whoever saw it later saw it still.
    pub fn signed_at(
        &self,
        bundle: &Bundle,
        seen: Option<&Seen>,
        now: Timestamp,
    ) -> (Option<Timestamp>, Vec<String>) {
        let signature = bundle
            .envelope
            .signatures
            .first()
            .map_or(&[][..], |it| &it.sig.0);
        let (mut earliest, mut notes): (Option<(Timestamp, &str)>, _) = (None, Vec::new());
        for token in bundle.timestamps.iter().take(MOST_TOKENS) {
            match self.time_of(token, signature, now) {
                Ok(told) => earliest = Some(earliest.map_or(told, |it| it.min(told))),
                Err(why) => notes.push(format!("a time stamp does not count: {why}")),
            }
        }
        let stamped = earliest.map(|(time, name)| (time, format!("a time stamp of `{name}` says")));
        let who_saw =
            |seen: &Seen| format!("enough of those who saw it say ({})", seen.by.join(", "));
        let witnessed = seen.map(|seen| (seen.time, who_saw(seen)));
        let earliest = stamped.into_iter().chain(witnessed).min();
        if let Some((time, by)) = &earliest {
            notes.push(format!(
                "it was signed by {time}, as {by}, and is judged as of then"
            ));
        }
        (earliest.map(|(time, _)| time), notes)
    }

    /// What one token says, and by the word of whom.
    fn time_of(
        &self,
        token: &[u8],
        signature: &[u8],
        now: Timestamp,
    ) -> Result<(Timestamp, &str), String> {
        let mut why = "no time-stamping authority is trusted".to_owned();
        for authority in &self.authorities {
            let name = &authority.name;
            let time = match verify_timestamp(token, signature, &authority.certificates) {
                Ok(time) if time > now => {
                    why = format!("`{name}` says {time}, which has not come");
                    continue;
                }
                Ok(time) => time,
                Err(error) => {
                    why = error.to_string();
                    continue;
                }
            };
            // Whoever has its key may tell any time, so that its revocation is for all of its tokens.
            let at_revocation = authority.terms.is_revoked(name, now);
            match at_revocation.and_then(|()| authority.terms.is_within(name, time)) {
                Ok(()) => return Ok((time, name)),
                Err(distrust) => return Err(distrust.to_string()),
            }
        }
        Err(why)
    }

    /// Whether `bundle` is signed by somebody who is trusted to say what `said` tells that it says; that
    /// is asked once the signature has verified, and of what cannot be told nothing is asked.
    ///
    /// `signed_at` is when it was signed, where somebody trusted says so; without, a signer must be
    /// trusted `now`. `verify` says whether a key made the signature.
    ///
    /// # Errors
    ///
    /// Why the signature does not count.
    pub fn judge(
        &self,
        bundle: &Bundle,
        said: &dyn Fn() -> Option<Said>,
        signed_at: Option<Timestamp>,
        now: Timestamp,
        verify: &dyn Fn(&Envelope, &PublicKey) -> bool,
    ) -> Result<Signer, Distrust> {
        let at = signed_at.unwrap_or(now);
        match &bundle.material {
            Material::Key { .. } => self.judge_key(bundle, said, at, verify),
            Material::Chain(chain) => self.judge_chain(bundle, chain, said, at, verify),
            Material::Keyless(_) => Err(Distrust::Untrusted(
                "it was signed without a key of its own (Sigstore), which is not supported".into(),
            )),
        }
    }

    fn judge_key(
        &self,
        bundle: &Bundle,
        said: &dyn Fn() -> Option<Said>,
        at: Timestamp,
        verify: &dyn Fn(&Envelope, &PublicKey) -> bool,
    ) -> Result<Signer, Distrust> {
        if self.keys.is_empty() {
            let told = "it was signed with a bare key, and only certificates are trusted";
            return Err(Distrust::Untrusted(told.into()));
        }
        let mut named = self
            .keys
            .iter()
            .filter(|it| bundle.material.names(&it.key))
            .peekable();
        if named.peek().is_none() {
            let told = "it says that another key signed it, and not one that is trusted";
            return Err(Distrust::Untrusted(told.into()));
        }
        let Some(trusted) = named.find(|it| verify(&bundle.envelope, &it.key)) else {
            let told = "the signature is not by the key it names over what it signs";
            return Err(Distrust::BadSignature(told.into()));
        };
        trusted.terms.hold(&trusted.name, said, at)?;
        Ok(Signer {
            name: trusted.name.clone(),
            key: trusted.key.id(),
            certificate: None,
            identities: Vec::new(),
        })
    }

    fn judge_chain(
        &self,
        bundle: &Bundle,
        chain: &[Certificate],
        said: &dyn Fn() -> Option<Said>,
        at: Timestamp,
        verify: &dyn Fn(&Envelope, &PublicKey) -> bool,
    ) -> Result<Signer, Distrust> {
        if self.roots.is_empty() {
            let told = "it was signed with a certificate, and only bare keys are trusted";
            return Err(Distrust::Untrusted(told.into()));
        }
        // An anchor may stand under several entries: one of them is enough, unless another revokes.
        let mut refused: Option<Distrust> = None;
        let mut trusted = None;
        for root in &self.roots {
            match self.judge_under(root, bundle, chain, said, at, verify) {
                Ok(signer) => trusted = trusted.or(Some(signer)),
                Err(revoked @ Distrust::Revoked(_)) => return Err(revoked),
                Err(error) => {
                    let worst = refused.take().filter(|it| it.rank() >= error.rank());
                    refused = worst.or(Some(error));
                }
            }
        }
        match (trusted, refused) {
            (Some(signer), _) => Ok(signer),
            (None, Some(error)) => Err(error),
            (None, None) => unreachable!("there is a root"),
        }
    }

    fn judge_under(
        &self,
        root: &TrustedRoot,
        bundle: &Bundle,
        chain: &[Certificate],
        said: &dyn Fn() -> Option<Said>,
        at: Timestamp,
        verify: &dyn Fn(&Envelope, &PublicKey) -> bool,
    ) -> Result<Signer, Distrust> {
        let (leaf, intermediates) = chain.split_first().expect("a chain has a leaf");
        let anchor = std::slice::from_ref(&root.certificate);
        let (_, path) =
            find_path(leaf, intermediates, anchor, at).map_err(|error| match error {
                PathError::Expired { .. } | PathError::NotYetValid { .. } => {
                    Distrust::Expired(error.to_string())
                }
                PathError::Untrusted => Distrust::Stranger(error.to_string()),
                _ => Distrust::Untrusted(error.to_string()),
            })?;
        let untrusted = |told: String| Err(Distrust::Untrusted(told));
        let called = leaf.subject();
        if !leaf.may_sign() {
            return untrusted(format!(
                "the certificate of {called} is for neither digital signatures nor code signing"
            ));
        }
        let issuers = path.iter().skip(1).map(Some).chain([None]);
        for (certificate, issuer) in path.iter().zip(issuers) {
            let mut digests = certificate.digests(issuer.copied()).into_iter();
            if digests.any(|digest| self.revoked.contains(&digest)) {
                let told = format!("the certificate of {called} or one above it is revoked");
                return Err(Distrust::Revoked(told));
            }
        }
        let fits = |pattern: &String| leaf.is_called(pattern);
        if !root.identities.is_empty() && !root.identities.iter().any(fits) {
            return untrusted(format!("{called} is not trusted to sign"));
        }
        let key = leaf
            .public_key()
            .map_err(|error| Distrust::Untrusted(error.to_string()))?;
        if !verify(&bundle.envelope, &key) {
            let told = "the signature is not by the certificate's key over what it signs";
            return Err(Distrust::BadSignature(told.into()));
        }
        root.terms.hold(&root.name, said, at)?;
        Ok(Signer {
            name: root.name.clone(),
            key: key.id(),
            certificate: Some(called),
            identities: leaf.identities().iter().map(Identity::to_string).collect(),
        })
    }
}

impl Distrust {
    /// Which of several says most, of one signature under several roots.
    fn rank(&self) -> u8 {
        match self {
            Self::Stranger(_) => 0,
            Self::Untrusted(_) => 1,
            Self::Expired(_) => 2,
            Self::BadSignature(_) => 3,
            Self::Revoked(_) => 4,
        }
    }
}

impl Terms {
    fn hold(
        &self,
        name: &str,
        said: &dyn Fn() -> Option<Said>,
        at: Timestamp,
    ) -> Result<(), Distrust> {
        self.is_revoked(name, at)?;
        self.is_within(name, at)?;
        if self.subjects.is_empty() && self.predicates.is_empty() {
            return Ok(());
        }
        let Some(said) = said() else {
            return Ok(());
        };
        let fits = |patterns: &[String], text: &str| {
            patterns.is_empty() || patterns.iter().any(|it| matches(it, text))
        };
        if let Some(subject) = said.subjects.iter().find(|it| !fits(&self.subjects, it)) {
            let told = format!("`{name}` is not trusted to sign {subject:?}");
            return Err(Distrust::Untrusted(told));
        }
        if !fits(&self.predicates, &said.predicate) {
            let told = format!("`{name}` is not trusted to say {:?}", said.predicate);
            return Err(Distrust::Untrusted(told));
        }
        Ok(())
    }

    fn is_revoked(&self, name: &str, at: Timestamp) -> Result<(), Distrust> {
        match &self.revoked {
            Some(Revocation { at: from, reason }) if at >= *from => Err(Distrust::Revoked(
                format!("`{name}` was revoked at {from}: {reason}"),
            )),
            _ => Ok(()),
        }
    }

    fn is_within(&self, name: &str, at: Timestamp) -> Result<(), Distrust> {
        if let Some(from) = self.not_before.filter(|from| at < *from) {
            return Err(Distrust::Expired(format!(
                "`{name}` is trusted from {from}"
            )));
        }
        if let Some(until) = self.not_after.filter(|until| at > *until) {
            return Err(Distrust::Expired(format!(
                "`{name}` was trusted until {until}"
            )));
        }
        Ok(())
    }
}

/// Whether `text` fits `pattern`, in which `*` stands for any text and `?` for one character. In
/// linear space and at most their product in time.
pub fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut place, mut star) = (0, 0, None);
    while place < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, place));
                at += 1;
            }
            Some(&c) if c == '?' || c == text[place] => {
                at += 1;
                place += 1;
            }
            _ => match star {
                None => return false,
                Some((began, taken)) => {
                    star = Some((began, taken + 1));
                    at = began + 1;
                    place = taken + 1;
                }
            },
        }
    }
    pattern[at..].iter().all(|&c| c == '*')
}

/// How many tokens of a bundle are looked at.
const MOST_TOKENS: usize = 8;

#[cfg(test)]
mod tests;
