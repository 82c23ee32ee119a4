//! A log in a directory.
//!
//! ```text
//! checkpoint            the signed head; it is written last, and what lies beyond it does not count
//! tile/<L>/<N>[.p/<W>]  hashes
//! tile/entries/<N>…     entries
//! history/<size>        every head that was ever signed
//! pending               entries that are under no head yet
//! lock                  held by who writes
//! ```

mod edge;
mod pending;
mod read;
mod sweep;
mod write;

use std::io;

pub(crate) use self::edge::Edge;
pub use self::{
    pending::Pending,
    read::Log,
    write::{Committed, Writer},
};
use crate::{
    Hash,
    checkpoint::BadCheckpoint,
    tile::{BadTile, LongEntry, Tile},
};
use casemate_core::Timestamp;

/// Why a log cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The system says no.
    #[error("{path}: {error}")]
    Io {
        /// The file.
        path: String,
        /// What it says.
        error: io::Error,
    },
    /// There is no log.
    #[error("there is no log here: it has no checkpoint")]
    Absent,
    /// There is a log already.
    #[error("there is a log here already")]
    Present,
    /// The checkpoint is malformed.
    #[error("checkpoint: {0}")]
    Checkpoint(#[from] BadCheckpoint),
    /// The key is another log's.
    #[error("the log is `{origin}`, and the key signs for `{name}`")]
    Origin {
        /// The log's origin.
        origin: String,
        /// The key's name.
        name: String,
    },
    /// The checkpoint is not signed by the key that is to sign the next one.
    #[error("the checkpoint is not signed by this key; it has {found} for its log")]
    Key {
        /// The ids of the keys that signed in the log's name.
        found: String,
    },
    /// The checkpoint needs a file that is not there.
    #[error("{0} is missing, which the checkpoint needs; `casemate log verify` names the entries")]
    Missing(Tile),
    /// A tile or bundle is malformed.
    #[error("{tile}: {error}")]
    Tile {
        /// Which.
        tile: Tile,
        /// Why.
        error: BadTile,
    },
    /// An entry is not the one that the tile has the hash of.
    #[error("entry {index} is not the one that was logged: its hash is not the one in its tile")]
    Entry {
        /// Its index.
        index: u64,
    },
    /// The tiles at the right edge do not have the root of the checkpoint.
    #[error(
        "the tiles have the root {found}, and the checkpoint of {size} entries has {signed}; \
         `casemate log verify` names the first that does not fit"
    )]
    Root {
        /// How many entries the checkpoint is of.
        size: u64,
        /// The root over the tiles.
        found: Hash,
        /// The root that was signed.
        signed: Hash,
    },
    /// There is no such entry.
    #[error("there is no entry {index}: the log has {size}")]
    Index {
        /// The index that was asked for.
        index: u64,
        /// How many entries there are.
        size: u64,
    },
    /// An entry is too long.
    #[error("entry {index}: {error}")]
    Long {
        /// The index that it would have.
        index: u64,
        /// How long it is.
        error: LongEntry,
    },
    /// A record is older than one that is in the log.
    #[error(
        "entry {index} would be back-dated: its record is of {time}, and the log has one of {floor}"
    )]
    BackDated {
        /// The index that it would have.
        index: u64,
        /// The record's time.
        time: Timestamp,
        /// The time of the last record before it.
        floor: Timestamp,
    },
}

fn io_error((path, error): (String, io::Error)) -> LogError {
    LogError::Io { path, error }
}

const CHECKPOINT: &str = "checkpoint";
const HISTORY: &str = "history";
