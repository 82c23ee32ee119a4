//! Checkpoints and arrays become safetensors, and nothing is executed.
//!
//! ```text
//!  files ──► open ──► Found (entry, Bytes) ──► Plan ──► layout (header, shards)
//!              │                                │          │
//!           examine ──► Examination ────────────┘        gather ──► Sink
//! ```
//!
//! [`Plan::new`] reads what the files say of their tensors and has the files judged;
//! [`Plan::obstacle`] says what stands in the way; [`Plan::write`] copies the tensors in bounded
//! memory, however large they are.

mod bytes;
mod cause;
mod draft;
mod gather;
mod layout;
mod open;
mod plan;
mod select;
mod shards;
mod stream;
mod suspicion;
#[cfg(test)]
mod tests;

use std::{
    io,
    sync::{Mutex, PoisonError},
};

pub use plan::{Convertible, Failure, Index, Obstacle, Options, Plan, Planned, Refused};
pub use shards::{Shard, ShardRow, Shards};

/// Where a safetensors file is written: anywhere in it, each byte once, by several threads at a time.
pub trait Sink: Sync {
    /// Writes all of `bytes` from `at` on.
    ///
    /// # Errors
    ///
    /// What the medium says.
    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()>;
}

impl Sink for Mutex<Vec<u8>> {
    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let mut all = self.lock().unwrap_or_else(PoisonError::into_inner);
        let at = usize::try_from(at).map_err(io::Error::other)?;
        let end = at
            .checked_add(bytes.len())
            .ok_or(io::ErrorKind::FileTooLarge)?;
        if all.len() < end {
            all.resize(end, 0);
        }
        all[at..end].copy_from_slice(bytes);
        Ok(())
    }
}

/// Why there is nothing to convert.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    /// The medium failed.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The file is of another kind.
    #[error("a file of the format {0} holds no tensors that Casemate converts")]
    Format(&'static str),
    /// The file is not what its kind should be.
    #[error("the file cannot be converted: {0}")]
    Broken(String),
    /// The file is an archive in a compressed stream.
    #[error("a {0} in a {1} stream is not converted; unpack it first")]
    Twice(&'static str, &'static str),
    /// The header would be larger than any reader of safetensors takes.
    #[error("the header would have {0} bytes, and safetensors takes 100,000,000")]
    Header(usize),
}
