//! Whether a model is what somebody signed: OpenSSF Model Signing, version 1.0. And what else somebody
//! says of it: in-toto statements about the same root.
//!
//! ```text
//!  model on disk ──► inventory ──► Manifest ──► sign ──► Bundle
//!        │               └► root ─► Predicate ► attest ──► Bundle ─► Claims
//!        │                            │                                │
//!        └────────► verify ◄──────────┘  ◄── TrustStore, LogProof ◄────┘
//!                     │
//!                     ▼
//!                  Verdict (Class, Problems, Signers, Claims with Evidence)
//! ```
//!
//! A model is opened by descriptor and not by path, each file is read once and compared with itself
//! afterwards, and nothing that is signed is parsed before its signature has verified. There is no socket
//! in this crate and none in what it uses.
//!
//! <https://github.com/ossf/model-signing-spec>
#![forbid(unsafe_code)]

pub mod predicate;

mod check;
mod claims;
mod evidence;
mod git;
mod hash;
mod ignore;
mod legacy;
mod logged;
mod manifest;
mod model;
mod name;
mod reuse;
mod rules;
mod sign;
mod signed;
mod train;
mod verdict;
mod verify;

pub use self::{
    check::Place,
    claims::{ClaimLine, Claims, Stated, together},
    evidence::Evidence,
    git::{Checkout, GitError},
    hash::HashType,
    manifest::{Manifest, ManifestError, PREDICATE, Resource, Serialization, WHOLE},
    model::Meter,
    predicate::Predicate,
    reuse::{DigestStore, Reuse, ReuseError},
    rules::RULES,
    sign::{Inspect, Inventory, SignError, SignOptions, attest, inventory, sign},
    signed::{Attested, Signed, Unverified, about, read_attestation, read_signed, read_unverified},
    train::{BUILD_TYPE, Input, LOCAL_BUILDER, Run, digest_input},
    verdict::{Claim, Class, Problem, Verdict},
    verify::{LONGEST_BUNDLE, VerifyOptions, verify},
};
