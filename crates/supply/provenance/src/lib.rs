//! Whether a model is what somebody signed: OpenSSF Model Signing, version 1.0.
//!
//! ```text
//!  model on disk ──► inventory ──► Manifest ──► sign ──► Bundle
//!        │                            │
//!        └────────► verify ◄──────────┘  ◄── TrustStore, LogProof
//!                     │
//!                     ▼
//!                  Verdict (Class, Problems, Signers)
//! ```
//!
//! A model is opened by descriptor and not by path, each file is read once and compared with itself
//! afterwards, and nothing that is signed is parsed before its signature has verified. There is no socket
//! in this crate and none in what it uses.
//!
//! <https://github.com/ossf/model-signing-spec>
#![forbid(unsafe_code)]

mod about;
mod hash;
mod ignore;
mod legacy;
mod logged;
mod manifest;
mod model;
mod name;
mod reuse;
mod sign;
mod verdict;
mod verify;

pub use self::{
    about::about,
    hash::HashType,
    manifest::{Manifest, ManifestError, PREDICATE, Resource, Serialization},
    model::Meter,
    reuse::{DigestStore, Reuse, ReuseError},
    sign::{Inspect, Inventory, SignError, SignOptions, inventory, sign},
    verdict::{Class, Problem, Verdict},
    verify::{LONGEST_BUNDLE, Signed, VerifyOptions, read_signed, verify},
};
