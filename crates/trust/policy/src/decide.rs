//! From a question to a decision.

mod draft;

use casemate_core::{Decision, Digest, Effect};
use serde_json::Value;

use self::draft::Draft;
use crate::{
    Bundle, Engine, EngineError, GateAnswer, GateInput, Question, ShapeError,
    engine::Message,
    gate::{GateReason, Rules},
    keep::{Keeper, KeepsNothing},
};

/// What `bundle` decides about `input` at a gate that keeps no obligations: one is a denial, but for
/// those without `oblige`, which are warnings. The same bundle and the same input give the same decision.
///
/// Whatever keeps the policy from answering (an error, a panic, the time limit, an answer of another
/// shape) is a denial that says so.
pub fn decide(bundle: &Bundle, input: &GateInput) -> Decision {
    keeping(bundle, input, &mut KeepsNothing)
}

/// As [`decide`], at a gate that keeps obligations.
pub fn keeping(bundle: &Bundle, input: &GateInput, gate: &mut dyn Keeper) -> Decision {
    keeping_with(bundle, bundle.digest(), input, gate)
}

/// What `bundle` answers to `input`.
///
/// # Errors
///
/// What kept the policy from answering. A gate denies then; [`decide`] does.
pub fn answer(bundle: &Bundle, input: &GateInput) -> Result<GateAnswer, AnswerError> {
    ask(bundle, input)
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// The policy could not be evaluated.
    #[error("the policy could not be evaluated: {0}")]
    Engine(#[from] EngineError),
    /// The answer is not one.
    #[error("the policy gave no proper answer: {0}")]
    Shape(#[from] ShapeError),
}

/// As [`decide`], for any engine; `policy` is the digest of what it evaluates.
pub fn decide_with(engine: &dyn Engine, policy: Digest, input: &GateInput) -> Decision {
    keeping_with(engine, policy, input, &mut KeepsNothing)
}

/// As [`keeping`], for any engine; `policy` is the digest of what it evaluates.
pub fn keeping_with(
    engine: &dyn Engine,
    policy: Digest,
    input: &GateInput,
    gate: &mut dyn Keeper,
) -> Decision {
    conclude(ask(engine, input), policy, input, gate).decision
}

fn ask(engine: &dyn Engine, input: &GateInput) -> Result<GateAnswer, AnswerError> {
    let document = to_value(input)?;
    let question = Question {
        input: &document,
        now: input.now,
    };
    let rules = Rules::of(&input.gate);
    let values = engine.eval(&[rules.deny, rules.warn, rules.obligations], &question)?;
    let values: [Option<Value>; 3] = values.try_into().unwrap_or_default();
    Ok(GateAnswer::read(rules, values)?)
}

pub(crate) fn to_value(input: &GateInput) -> Result<Value, EngineError> {
    serde_json::to_value(input)
        .map_err(|error| EngineError::Evaluate(Message::new(&error.to_string())))
}

/// A decision, and for each of its reasons and kept obligations what of the answer it is of.
pub(crate) struct Conclusion {
    pub(crate) decision: Decision,
    /// As long as `decision.reasons`. None for one that the answer has not.
    pub(crate) reasons: Vec<Option<Given>>,
    /// As long as `decision.obligations`.
    pub(crate) obligations: Vec<Given>,
}

/// A reason, and the list of the answer that it stands in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Given {
    pub(crate) list: &'static str,
    pub(crate) reason: GateReason,
}

/// What follows from an answer once `gate` has kept what it can.
pub(crate) fn conclude(
    answer: Result<GateAnswer, AnswerError>,
    policy: Digest,
    input: &GateInput,
    gate: &mut dyn Keeper,
) -> Conclusion {
    let mut draft = Draft::new(policy, input);
    match answer {
        Ok(answer) => {
            draft.give("deny", Effect::Deny, answer.deny);
            draft.give("warn", Effect::Warn, answer.warn);
            draft.oblige(answer.obligations, input, gate);
        }
        Err(error) => draft.add(Effect::Deny, error.to_string(), None),
    }
    draft.concluded()
}

#[cfg(test)]
mod tests;
