//! Signing keys that stay in a PKCS#11 token: a security module, a smart card, or a file of SoftHSM.
//!
//! ```text
//!  Uri ──► Module ──► Token ──► TokenKey ──► Sign
//!  (RFC 7512)          │ PIN       │
//!                      └───────────┴── the vendor's library, loaded at run time
//! ```
//!
//! The library is code of others in our process, and so the caller alone says which: nothing is looked for
//! but by the name that a URI gives, and then in the system's own directories. What it answers is judged: the
//! public key that it tells has to verify each signature that it makes, or there is no signature.
//!
//! PKCS #11 Cryptographic Token Interface, versions 2.40 and 3.0 (OASIS).
#![forbid(unsafe_code)]

mod error;
mod key;
mod module;
mod public;
mod token;
mod uri;

pub use self::{
    error::TokenError,
    key::TokenKey,
    module::Module,
    token::Token,
    uri::{Pin, Uri, UriError},
};
