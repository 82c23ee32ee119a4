//! Pickles: an abstract interpreter ([`machine`]) that reports [`effect`]s, and a [`judge`] of
//! them, apart from each other.
//!
//! ```text
//!          opcode          effect             allowlist
//!  Cursor ────────► Machine ───────► Judge ◄──────────── content/
//!                  (heap, memo)      │
//!           scan ──┘                 └─► Notes
//! ```

mod carried;
mod crowd;
mod distribution;
mod dtype;
pub(crate) mod effect;
mod fold;
mod heap;
mod judge;
pub(crate) mod machine;
mod memo;
mod names;
mod ndarray;
mod numbers;
pub(crate) mod opcode;
pub(crate) mod rules;
mod scan;
mod search;
mod slots;
pub(crate) mod standing;
pub(crate) mod storage;
mod survey;
mod suspicion;
pub(crate) mod symbol;
mod tensor;
#[cfg(test)]
mod tests;
pub(crate) mod text;
pub(crate) mod tree;
pub(crate) mod value;
mod wrapper;

pub(crate) use judge::Persistence;
pub(crate) use rules::RULES;
pub(crate) use scan::{
    Extent, is_active, is_believable, is_loadable, is_one_stream, scan, scan_hidden,
};
