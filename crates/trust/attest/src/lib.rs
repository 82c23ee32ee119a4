//! Who signed what: keys, signatures, and the envelopes and statements they are over.
//!
//! ```text
//!  SigningKey ──► Envelope (DSSE) ──► Statement (in-toto)
//!      │             ▲
//!      ▼             │ Bundle (Sigstore)
//!  PublicKey, Certificate ──► a root that is trusted
//! ```
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
    key::{BadSignature, KeyAlgorithm, KeyError, KeyId, PublicKey, SigningKey},
    statement::{ResourceDescriptor, STATEMENT_V1, Statement, StatementError},
    store::{Distrust, LogTrust, Said, Signer, StoreError, TrustStore, TrustedWitness, matches},
    timestamp::{TimestampError, verify_timestamp},
};
