//! Detections over events: Sigma's rules and correlations, and Falco's rules.
#![forbid(unsafe_code)]

mod builtin;
mod correlate;
mod detections;
mod engine;
mod error;
mod falco;
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
