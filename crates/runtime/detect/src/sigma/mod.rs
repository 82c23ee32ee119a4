//! Sigma's rules and correlations, version 2.1.0 of the specification.

mod condition;
pub(crate) mod correlation;
mod detection;
mod encode;
mod item;
mod modifiers;
mod pattern;
pub(crate) mod rule;
pub(crate) mod test;
mod texts;
