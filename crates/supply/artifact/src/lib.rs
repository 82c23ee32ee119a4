//! Model files, judged without being executed.
//!
//! ```text
//!             sniff             formats/*              pickle
//!  Source ──────────► Magic ──────────────► Notes ◄───────────── Judge ◄── Allowlist
//!    ▲                  │ container members   │                     ▲        (content/)
//!    └──────────────────┘                     ▼                  Machine
//!                                        Examination
//! ```
//!
//! [`examine`] says what a file is and what loading it would do, from its bytes alone. The answer
//! is a [`Verdict`], and whether everything was looked at: what cannot be understood is never
//! called clean. Pickles are run by an abstract interpreter that reports effects; a judge compares
//! those with an [`Allowlist`], by default denying what is not on it.
//!
//! What is judged in constant memory is also read in full for those who ask: [`explain()`] tells
//! what loading would do, line by line, with the findings of the same examination; [`inspect()`]
//! lists what a file holds; a [`Plan`] writes its tensors as safetensors.
#![forbid(unsafe_code)]

mod allowlist;
mod check;
mod convert;
mod coverage;
mod cursor;
mod examine;
mod explain;
mod formats;
mod inspect;
mod json;
mod notes;
mod operators;
mod pickle;
mod rules;
mod spool;
mod tensor;
mod verdict;
mod witness;

pub use allowlist::{Allowlist, AllowlistError};
pub use check::{ArtifactCheck, identify};
pub use convert::{
    ConvertError, Convertible, Failure, Index as ShardIndex, Obstacle, Options, Plan, Planned,
    Refused, Shard, ShardRow, Shards, Sink,
};
pub use examine::{examine, try_examine};
pub use explain::{Block, Detail, Effect, Excerpt, Explanation, Mark, Statement, Stream, explain};
pub use inspect::{
    Content, DtypeRow, ImportRow, Inspection, MemberRow, Metadata, Outline, OutlineLine,
    PlainValue, TensorRow, Totals, inspect,
};
pub use rules::rules;
pub use verdict::{Examination, Limits, Observation, Verdict};
pub use witness::Origin;
