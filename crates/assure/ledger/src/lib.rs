//! A transparency log in plain files, by the specifications of C2SP: what was logged, in which order, and
//! that nothing was taken out or changed since, can be verified by anybody with the log's public key.
//!
//! ```text
//!  entry ──► leaf ──► tile ──► Checkpoint ──► Note (log's signature)
//!    │                  │          ▲            ▲
//!    └► bundle          └► proof ──┘            └── witness (cosignature, after a consistency proof)
//! ```
//!
//! [`merkle`], [`tile`], [`note`], [`checkpoint`], [`proof`] and [`witness`] take bytes and give bytes.
//! [`log`](mod@log) keeps a log in a directory, through the few file operations of a [`disk::Disk`], in an order
//! that leaves a consistent log behind wherever it is cut. [`audit`](mod@audit) recomputes a log and names what does
//! not fit.
#![forbid(unsafe_code)]

pub mod audit;
pub mod checkpoint;
pub mod disk;
pub mod evidence;
pub mod log;
pub mod merkle;
pub mod note;
pub mod proof;
pub mod record;
pub mod tile;
pub mod witness;

mod hash;

pub use self::{
    checkpoint::Checkpoint,
    hash::Hash,
    note::{Note, Signer, VerifierKey},
    proof::TlogProof,
};
