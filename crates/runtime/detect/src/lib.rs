//! What events mean: Sigma's rules and correlations, and Falco's rules. Events in, matches out.
//!
//! ```text
//!   files ──► Detections ──► Engine::observe(Event) ──┬──────────────────────────► Match
//!   (Sigma)   rules, read    index: could it match?   │ a rule alone               ▲
//!             whole or not   question: does it?       └─► correlate: in the order ─┘
//!             at all                                      of their time, counted
//!
//!   files ──► FalcoRules ──► observe(Event) ──► Match
//!   (Falco)   └► Coverage: what can be asked of our events, and what blocks the rest
//! ```
//!
//! There is no clock, no file and no privilege in here: the same events give the same matches, whenever they are
//! observed again. A rule that is not understood whole is refused, with its place and what to do: one that is
//! understood in part would match less, or more, than its author means.
//!
//! Correlations go by the time of events. Within [`Limits::lateness`] the order of arrival does not matter, and
//! an event that is delivered twice counts once. What they remember is bounded, and what is forgotten is told
//! ([`Notice`]). Rules of others are hostile input: nesting, sizes and expressions are bounded.
#![forbid(unsafe_code)]

mod builtin;
mod correlate;
mod detections;
mod engine;
mod error;
mod falco;
mod index;
mod matches;
mod sigma;
mod text;
mod view;

pub use builtin::BUILTIN;
pub use detections::Detections;
pub use engine::{Engine, Limits};
pub use error::Error;
pub use falco::{Coverage, Extent, FalcoRule, FalcoRules, RuleCoverage};
pub use matches::{Match, Notice, NoticeKind};
pub use sigma::{
    correlation::{Correlation, CorrelationKind},
    rule::{Asks, Detection, Question},
};
