//! What a policy would decide if a gate kept everything that it is obliged to.

use std::borrow::Cow;

use casemate_core::{Digest, Effect, Verdict, canonical_json};

use crate::{
    Bundle, GateAnswer, GateInput, answer, decide::Given, sources::Sources, syntax::RuleSite,
};

/// What `bundle` would decide about `input`: for those who look at a policy, and are no gate.
pub fn outlook(bundle: &Bundle, input: &GateInput) -> Outlook {
    let (answer, error) = match answer(bundle, input) {
        Ok(answer) => (answer, None),
        Err(error) => (GateAnswer::default(), Some(error.to_string())),
    };
    let lists = [
        ("deny", answer.deny),
        ("warn", answer.warn),
        ("obligations", answer.obligations),
    ];
    let reasons = lists.into_iter().flat_map(|(list, reasons)| {
        reasons
            .into_iter()
            .map(move |reason| Given { list, reason })
    });
    let reasons: Vec<Given> = reasons.collect();
    let worst = reasons.iter().filter_map(Given::effect).min();
    let outcome = match (&error, worst) {
        (Some(_), _) | (None, Some(Effect::Deny)) => Verdict::Deny,
        (None, Some(Effect::Warn)) => Verdict::Warn,
        (None, None) => Verdict::Allow,
    };
    let json = canonical_json(input).expect("an input has only text keys");
    Outlook {
        outcome,
        input: Digest::of(&json),
        error,
        reasons,
    }
}

/// What a policy would decide.
pub struct Outlook {
    /// The verdict, if every obligation were kept.
    pub outcome: Verdict,
    /// The digest of the canonical input.
    pub input: Digest,
    /// What kept the policy from answering.
    pub error: Option<String>,
    /// Every reason and obligation of the answer: denials, warnings, obligations.
    pub(crate) reasons: Vec<Given>,
}

impl Outlook {
    /// Each reason and obligation in one line, with what it is of.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (Kind, Cow<'_, str>)> {
        let error = self
            .error
            .as_deref()
            .map(|error| (Kind::Deny, error.into()));
        let given = self.reasons.iter();
        error
            .into_iter()
            .chain(given.map(|it| (it.kind(), it.message())))
    }

    /// Where each reason comes from, in their order.
    pub(crate) fn sources(&self, bundle: &Bundle, input: &GateInput) -> Vec<Vec<RuleSite>> {
        let sources = Sources::of(bundle, input, self.reasons.iter());
        self.reasons.iter().map(|it| sources.find(it)).collect()
    }
}

/// What a line of an answer is.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A reason to deny.
    Deny,
    /// A reason to warn.
    Warn,
    /// An obligation.
    Oblige,
}

impl Kind {
    /// The name used in JSON and on screen.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deny => "deny",
            Self::Warn => "warn",
            Self::Oblige => "oblige",
        }
    }
}

impl Given {
    fn kind(&self) -> Kind {
        match self.effect() {
            Some(Effect::Deny) => Kind::Deny,
            Some(Effect::Warn) => Kind::Warn,
            None => Kind::Oblige,
        }
    }

    /// The reason in words, as a decision has it.
    pub(crate) fn message(&self) -> Cow<'_, str> {
        let message = &self.reason.message;
        match (self.list, &self.reason.duty) {
            ("obligations", None) => format!("to do before it passes: {message}").into(),
            _ => message.into(),
        }
    }

    /// What it does to the verdict; nothing, of an obligation that a gate keeps.
    fn effect(&self) -> Option<Effect> {
        match (self.list, &self.reason.duty) {
            ("deny", _) => Some(Effect::Deny),
            (_, Some(_)) => None,
            _ => Some(Effect::Warn),
        }
    }
}
