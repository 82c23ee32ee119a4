//! What does not fit in a log.

use std::{fmt, ops::Range};

use casemate_core::Timestamp;

use crate::tile::Tile;

/// One thing that does not fit, with the entry it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// An entry is not the one that was logged.
    Entry {
        /// Its index.
        index: u64,
        /// What the record that stands there now says it is about; none where it is no record.
        subject: Option<String>,
    },
    /// An entry is not where it was logged, but an entry with the hash that was logged there is in the
    /// bundle.
    Moved {
        /// Where it is.
        index: u64,
        /// Where it was logged.
        from: u64,
        /// What its record is about.
        subject: Option<String>,
    },
    /// A bundle is missing or ends too early: its entries from this on are gone.
    Gone {
        /// The first of them.
        index: u64,
        /// The bundle.
        bundle: Tile,
        /// Why.
        reason: String,
    },
    /// A bundle goes on behind its last entry.
    Added {
        /// The index that what was added would have.
        index: u64,
        /// The bundle.
        bundle: Tile,
    },
    /// A tile is missing, cut or changed, while the entries are those that were logged.
    Tile {
        /// The tile.
        tile: Tile,
        /// The entries that its first wrong hash is over.
        entries: Range<u64>,
        /// What is wrong with it.
        reason: String,
    },
    /// Entries and tile agree with each other and not with a signed head: the history was rewritten.
    Rewritten {
        /// Where the entry is that was changed, dropped, added or moved first.
        within: Range<u64>,
        /// The size of the head that tells.
        head: u64,
        /// Whose head it is.
        by: Witnessed,
    },
    /// The log is shorter than it was.
    CutBack {
        /// The entries that are gone.
        entries: Range<u64>,
        /// Whose head tells.
        by: Witnessed,
    },
    /// A record is older than one before it.
    BackDated {
        /// Its index.
        index: u64,
        /// What it is about.
        subject: String,
        /// Its time.
        time: Timestamp,
        /// The index of the record before it that is younger.
        after: u64,
        /// That one's time.
        floor: Timestamp,
    },
    /// A head that the log has kept is not signed by it, or not a head.
    Head {
        /// Its size.
        size: u64,
        /// What is wrong with it.
        reason: String,
    },
}

/// Whose head tells that a history was rewritten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Witnessed {
    /// The log's own checkpoint.
    Checkpoint,
    /// One that the log has kept.
    History,
    /// One that the caller had from before.
    Since,
}

impl Fault {
    /// The class of the fault, for programs.
    pub fn class(&self) -> &'static str {
        match self {
            Self::Entry { .. } => "entry-changed",
            Self::Moved { .. } => "entry-moved",
            Self::Gone { .. } => "entry-gone",
            Self::Added { .. } => "entry-added",
            Self::Tile { .. } => "tile-changed",
            Self::Rewritten {
                by: Witnessed::Checkpoint,
                ..
            } => "rewritten",
            Self::Rewritten { .. } => "equivocation",
            Self::CutBack { .. } => "cut-back",
            Self::BackDated { .. } => "back-dated",
            Self::Head { .. } => "head-changed",
        }
    }

    /// The first entry that it is about.
    pub fn entry(&self) -> Option<u64> {
        match self {
            Self::Entry { index, .. }
            | Self::Moved { index, .. }
            | Self::Gone { index, .. }
            | Self::Added { index, .. }
            | Self::BackDated { index, .. } => Some(*index),
            Self::Tile { entries, .. } | Self::CutBack { entries, .. } => Some(entries.start),
            Self::Rewritten { within, .. } => Some(within.start),
            Self::Head { .. } => None,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let about = |subject: &Option<String>| match subject {
            Some(subject) => format!(" (about {subject})"),
            None => String::new(),
        };
        match self {
            Self::Entry { index, subject } => {
                let about = about(subject);
                write!(f, "entry {index}{about} is not the one that was logged")
            }
            Self::Moved {
                index,
                from,
                subject,
            } => {
                let about = about(subject);
                write!(f, "entry {index}{about} was logged as entry {from}")
            }
            Self::Gone {
                index,
                bundle,
                reason,
            } => write!(f, "entry {index} is gone: {bundle}: {reason}"),
            Self::Added { index, bundle } => {
                write!(
                    f,
                    "{bundle} has more than was logged, from entry {index} on"
                )
            }
            Self::Tile {
                tile,
                entries,
                reason,
            } => {
                let Range { start, end } = entries;
                write!(
                    f,
                    "{tile}: {reason}; entries {start} to {} are under it",
                    end - 1
                )
            }
            Self::Rewritten { within, head, by } => {
                let entries = match within.end - within.start {
                    1 => format!("entry {} is", within.start),
                    _ => format!(
                        "one of the entries {} to {} is",
                        within.start,
                        within.end - 1
                    ),
                };
                write!(
                    f,
                    "{entries} not what was signed: {} has another root",
                    by.head(*head)
                )
            }
            Self::CutBack { entries, by } => {
                let Range { start, end } = entries;
                write!(
                    f,
                    "entries {start} to {} are gone: {} has them",
                    end - 1,
                    by.head(*end)
                )
            }
            Self::BackDated {
                index,
                subject,
                time,
                after,
                floor,
            } => write!(
                f,
                "entry {index} (about {subject}) is back-dated: it is of {time}, and entry {after} \
                 before it of {floor}"
            ),
            Self::Head { size, reason } => write!(f, "the kept head of {size} entries: {reason}"),
        }
    }
}

impl Witnessed {
    fn head(self, size: u64) -> String {
        match self {
            Self::Checkpoint => format!("the checkpoint of {size} entries"),
            Self::History => format!("the kept head of {size} entries"),
            Self::Since => format!("the earlier checkpoint of {size} entries"),
        }
    }
}
