//! What other tools found, out of their reports, beside what was found here.
//!
//! ```text
//!   bytes ──► read ──► Run ──┐  what one run of one tool says, in its own words
//!             │ SARIF        │
//!             │ Checkov      ├──► join ──► Outcomes, Rules
//!             └ Trivy        │     ▲ Tree: the files that were assessed
//!   content/imports/ ─ Table ┘     └ the outcomes of our own checks
//! ```
//!
//! A report is hostile input: text and nesting are bounded, a key that stands twice is refused, and what cannot be
//! understood of it is told: as an [`ImportError`] where nothing can be said of the whole, and as a gap of
//! the run where it is one result.
//!
//! An import only adds. It changes no verdict and no result of a check of ours; of what both found, ours
//! stays, and says who else reports it. The rules of others are named `<tool>:<rule>`, which no rule of
//! ours can be.
#![forbid(unsafe_code)]

mod checkov;
mod fields;
mod join;
mod place;
mod read;
mod rule;
mod run;
mod same;
mod sarif;
mod severity;
mod table;
mod trivy;

pub use join::{Joined, Source, join};
pub use place::{Known, Tree};
pub use read::{ImportError, MAX_BYTES, read};
pub use rule::explain;
pub use run::{Format, Run};
pub use table::Table;
