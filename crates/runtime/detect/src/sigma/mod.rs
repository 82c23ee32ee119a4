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

use crate::view::{FieldId, FieldNames};

/// What all rules that are read together have in common.
#[derive(Default)]
pub(crate) struct Shared {
    pub(crate) names: FieldNames,
    expressions: usize,
}

impl Shared {
    fn id(&mut self, name: &str) -> FieldId {
        self.names.id(name)
    }

    /// Whether so many more expressions may be compiled: each is bounded, and so is their number.
    fn compiles(&mut self, expressions: usize) -> bool {
        self.expressions += expressions;
        self.expressions <= MOST_EXPRESSIONS
    }
}

const MOST_EXPRESSIONS: usize = 4_000;
