//! Questions that no rule was written for.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{Bundle, EngineError, Question};

/// What the variables of a query stand for, in one of the ways to satisfy it. Sets are arrays in the
/// order of their members.
pub type Bindings = BTreeMap<String, Value>;

/// What comes of a builtin that gives no answer: `to_number("x")`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Errors {
    /// The evaluation fails, as under `opa eval --strict-builtin-errors`. Gates and tests are
    /// evaluated so: a rule that broke must not look like one that had nothing against it.
    Strict,
    /// The expression is undefined, as in OPA by default.
    Lenient,
}

/// Every way to satisfy `text`, a body of Rego (`x := data.a.b; x > 1`), as `opa eval` has it. None
/// means that it is undefined or false. Where the question's input is `null`, there is none.
///
/// # Errors
///
/// What kept the policy from answering.
pub fn query(
    bundle: &Bundle,
    text: &str,
    question: &Question<'_>,
    errors: Errors,
) -> Result<Vec<Bindings>, EngineError> {
    bundle
        .rego()?
        .query(text, question, errors == Errors::Strict)
}
