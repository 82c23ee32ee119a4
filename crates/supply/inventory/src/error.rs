//! What can go wrong, for the whole and for one file.

use std::io;

use casemate_core::{AssetId, Finding, Location, PathText, Rule};

use crate::{
    EntryKind,
    read::MOST_BYTES,
    rules::{CHANGED, CHECK_FAILED, UNREADABLE_DIRECTORY, UNREADABLE_FILE},
};

/// Why there is no inventory at all.
#[derive(Debug, thiserror::Error)]
pub enum InventoryError {
    /// A path that the caller gave cannot be looked up or opened.
    #[error("cannot open {path}: {error}")]
    Root {
        /// The path.
        path: PathText,
        /// What the system says; told with the path, so no source of its own.
        error: io::Error,
    },
    /// There are more than 2^32 directories or files.
    #[error("more than 4294967295 files or directories")]
    TooMany,
    /// The threads cannot be started.
    #[error("cannot start threads: {0}")]
    Threads(String),
}

/// Why one entry was not read, or not to be relied on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// It is a directory that cannot be opened or listed to its end.
    #[error("cannot list the directory: {0}")]
    Directory(String),
    /// It is a directory whose path is longer than 64 KiB.
    #[error("the directory's path is longer than 65536 bytes")]
    TooDeep,
    /// It is not a regular file.
    #[error("{0}")]
    Special(EntryKind),
    /// It was a regular file when its directory was listed, and was another thing when opened.
    #[error("it was replaced by something else while its directory was read")]
    Replaced,
    /// It cannot be opened.
    #[error("cannot open: {0}")]
    Open(String),
    /// It cannot be read.
    #[error("cannot read: {0}")]
    Read(String),
    /// It is longer than anything that could be read in a lifetime of patience: a hole, most likely.
    #[error("it is longer than {} TiB", MOST_BYTES >> 40)]
    TooLong,
    /// Its length or its times changed while it was read.
    #[error("it changed while it was read")]
    Changed,
    /// What was to look at it panicked.
    #[error("the check failed on this file")]
    Panicked,
}

impl Unreadable {
    /// The finding that says so of the file `file`, which is at `path` from its root.
    pub fn finding(&self, asset: &AssetId, path: &PathText, file: &PathText) -> Finding {
        let location = Location {
            file: file.clone(),
            ..Location::default()
        };
        Finding::new(self.rule(), asset, path, location, "read", self.to_string())
    }

    fn rule(&self) -> &'static Rule {
        match self {
            Self::Directory(_) | Self::TooDeep => UNREADABLE_DIRECTORY,
            Self::Special(_) | Self::Replaced | Self::Open(_) | Self::Read(_) | Self::TooLong => {
                UNREADABLE_FILE
            }
            Self::Changed => CHANGED,
            Self::Panicked => CHECK_FAILED,
        }
    }
}
