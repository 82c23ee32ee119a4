//! Outcomes and decisions as text, JSON, SARIF, Markdown and HTML.
//!
//! ```text
//!  Outcomes ─┐                                  ┌─► text      a terminal
//!  Assets ───┼─► Parts ──► Assessment ──────────┼─► json      findings.json, `casemate schema`
//!  Decision ─┘            (sorted, counted)     ├─► sarif     findings.sarif
//!                                               ├─► markdown  a pull request
//!  Outcomes ───► Artifacts ──► Scan ────────────┴─► html      index.html (assessments)
//! ```
//!
//! Everything here is a pure function from a value to a `String`: the same value gives the same
//! bytes, and no file, clock, terminal or environment is asked. Text that comes from what is judged
//! is hostile; see [`sanitise`].
#![forbid(unsafe_code)]

mod format;
mod group;
pub mod html;
pub mod json;
pub mod markdown;
mod model;
mod plain;
pub mod sarif;
pub mod text;

pub use format::{Format, FormatError};
pub use model::{
    Artifact, Assessment, Configuration, Exception, Gap, Judgement, JudgementError, Logged, Parts,
    Scan, ScanSummary, Summary, Tool, sort_findings,
};
pub use plain::sanitise;
