//! Who signed what: keys, signatures, and the envelopes and statements they are over.
//!
//! ```text
//!  PublicKey ◄── SigningKey ──► Envelope (DSSE) ──► payload
//! ```
//!
//! Bytes come in and bytes go out: nothing here opens a file or a socket, or asks the clock. Nothing
//! that a signature covers is ever parsed and written again to be verified.
#![forbid(unsafe_code)]

pub mod dsse;
pub mod json;

mod certificate;
mod key;

pub use self::{
    certificate::{Certificate, CertificateError, PathError, verify_path},
    dsse::{Base64, Envelope},
    key::{BadSignature, KeyAlgorithm, KeyError, KeyId, PublicKey, SigningKey},
};
