//! Who signed what: keys, signatures, and the envelopes and statements they are over.
//!
//! ```text
//!  SigningKey ──► Envelope (DSSE) ──► Statement (in-toto)
//!      │             ▲
//!      ▼             │ Bundle (Sigstore)
//!  PublicKey, Certificate ──► a root that is trusted
//! ```
//!
//! A key that is not at hand, but in a token, signs as [`Sign`] says.
//!
//! Bytes come in and bytes go out: nothing here opens a file or a socket, or asks the clock. Nothing
//! that a signature covers is ever parsed and written again to be verified.
#![forbid(unsafe_code)]

pub mod bundle;
pub mod dsse;
pub mod json;

mod certificate;
mod key;
mod statement;
mod store;
mod timestamp;

pub use self::{
    bundle::{Bundle, BundleError, Material},
    certificate::{Certificate, CertificateError, Identity, PathError, verify_path},
    dsse::{Base64, Envelope},
    key::{BadSignature, CannotSign, KeyAlgorithm, KeyError, KeyId, PublicKey, Sign, SigningKey},
    statement::{ResourceDescriptor, STATEMENT_V1, Statement, StatementError},
    store::{Distrust, LogTrust, Said, Signer, StoreError, TrustStore, TrustedWitness, matches},
    timestamp::{TimestampError, verify_timestamp},
};
