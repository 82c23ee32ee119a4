//! Structured text, with the place of every value.
//!
//! ```text
//!   bytes ──► text::decode ──► yaml::read ──► Stream ──► Document ──► Node ─► Value
//!                          └─► json::read ──────────────────────────► Node    │
//!                                                                     Span ◄──┘ bytes of the text
//!                                                             Lines::place ──► line and column
//! ```
//!
//! A [`Node`] knows which bytes of its text it was read from, so that a finding can point at them
//! and a repair can replace them; [`Lines`] turns bytes into a line and a column when somebody asks.
//! Nodes are cheap to clone: what they hold is shared.
//!
//! Input is hostile. Nesting, the number of nodes and what aliases expand to are bounded (see
//! [`Limits`]); two values under one key are both kept and told of; what comes before a mistake is
//! still given, and the mistake with it.
#![forbid(unsafe_code)]

pub mod json;
mod lines;
mod node;
mod text;
pub mod yaml;

pub use lines::{Lines, Place};
pub use node::{Entry, Kind, Map, Node, Span, Value};
pub use text::{EncodingError, decode};

/// What one text may cost. Readers refuse beyond it; nothing is cut off silently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of text.
    pub bytes: usize,
    /// Nodes, those that aliases repeat included.
    pub nodes: usize,
    /// Collections in each other, through aliases as well: what walks a document may recurse.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: 64 << 20,
            nodes: 4_000_000,
            depth: 200,
        }
    }
}

/// Why a text is no document, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// What is wrong, in one line.
    pub message: String,
    /// Where.
    pub span: Span,
}
