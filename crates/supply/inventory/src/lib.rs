//! Walks a tree, says what each file is, and runs checks over all of them.
//!
//! ```text
//!  paths ──► walk ──► Listing ──► sweep (all cores) ──► Inventory
//!            openat,   sorted      open, digest,         assets, outcomes,
//!            no links  entries     classify, check       populations
//! ```
//!
//! This is the only room of the supply side that opens files, and it opens them so that the tree
//! cannot lead it elsewhere: each directory is opened relative to its parent's descriptor, no link
//! is followed but one that the caller gives as a root, and nothing but a regular file is read.
//! What cannot be listed, opened or read to its end becomes an [`Outcome`] of its own, so that
//! silence always means that everything was looked at. Files that git ignores, and `.git` itself,
//! are files like all others.
//!
//! [`Outcome`]: casemate_core::Outcome
#![forbid(unsafe_code)]

mod assess;
pub mod classify;
mod directories;
mod error;
mod listing;
mod options;
mod read;
mod roots;
mod rules;
mod sweep;
mod walk;

pub use assess::{Given, Inventory, Judges, Tally, assess, assess_with};
pub use error::{InventoryError, Unreadable};
pub use listing::{Entry, EntryKind, Listing};
pub use options::{Options, Progress};
pub use rules::{CHECK, RULES, VERSION};
pub use sweep::{Visited, each_file};
pub use walk::{files, walk};
