//! A decision in the making.

use casemate_core::{
    Decision, Digest, Effect, Kept, KeptObligation, Reason, Verdict, canonical_json,
};

use super::{Conclusion, Given};
use crate::{
    GateInput,
    engine::Message,
    gate::GateReason,
    keep::{Asked, Keeper},
    obligation::Duty,
};

/// What the gate says so far.
pub(super) struct Draft {
    decision: Decision,
    reasons: Vec<(Reason, Option<Given>)>,
    obligations: Vec<Given>,
}

impl Draft {
    pub(super) fn new(policy: Digest, input: &GateInput) -> Self {
        let json = canonical_json(input).expect("an input has only text keys");
        Self {
            decision: Decision {
                gate: input.gate.clone(),
                subject: input.subject.clone(),
                outcome: Verdict::Allow,
                reasons: Vec::new(),
                policy,
                input: Digest::of(&json),
                obligations: Vec::new(),
            },
            reasons: Vec::new(),
            obligations: Vec::new(),
        }
    }

    pub(super) fn give(&mut self, list: &'static str, effect: Effect, reasons: Vec<GateReason>) {
        for reason in reasons {
            let message = reason.message.clone();
            self.add(effect, message, Some(Given { list, reason }));
        }
    }

    pub(super) fn add(&mut self, effect: Effect, message: String, given: Option<Given>) {
        let of = given.as_ref().map(|it| &it.reason);
        let reason = Reason {
            effect,
            message,
            rule: of.and_then(|it| it.rule.clone()),
            subject: of.and_then(|it| it.subject.clone()),
        };
        self.reasons.push((reason, given));
    }

    /// Has `gate` keep what it is obliged to. Of a denial only that it is logged: nothing is let through
    /// that the rest could be about.
    pub(super) fn oblige(
        &mut self,
        obligations: Vec<GateReason>,
        input: &GateInput,
        gate: &mut dyn Keeper,
    ) {
        let mut duties = Vec::new();
        for reason in obligations {
            let given = Given {
                list: "obligations",
                reason,
            };
            let message = given.message().into_owned();
            match given.reason.duty.clone() {
                Some(duty) => duties.push((duty, given)),
                None => self.add(Effect::Warn, message, Some(given)),
            }
        }
        // Stable: of one kind they stay worst first.
        duties.sort_by(|(a, _), (b, _)| a.cmp(b));
        let (logs, others): (Vec<_>, Vec<_>) =
            duties.into_iter().partition(|(duty, _)| *duty == Duty::Log);
        self.settle();
        if self.decision.outcome != Verdict::Deny {
            self.keep_all(others, input, gate);
        }
        self.settle();
        self.keep_all(logs, input, gate);
    }

    fn keep_all(&mut self, duties: Vec<(Duty, Given)>, input: &GateInput, gate: &mut dyn Keeper) {
        for (duty, given) in duties {
            let asked = Asked {
                input,
                draft: &self.decision,
            };
            match gate.keep(&duty, &asked) {
                Ok(kept) => {
                    let message = given.reason.message.clone();
                    (self.decision.obligations).push(KeptObligation { message, kept });
                    self.obligations.push(given);
                }
                Err(why) => {
                    let told = format!(
                        "{}: the gate `{}` did not keep it: {why}",
                        given.reason.message, self.decision.gate
                    );
                    let told = Message::new(&told).to_string();
                    self.add(Effect::Deny, told, Some(given));
                }
            }
        }
    }

    /// Takes the verdict from the reasons, worst first, and leaves out of a denial what was kept for
    /// nothing.
    fn settle(&mut self) {
        self.reasons.sort_by_key(|(reason, _)| reason.effect);
        let reasons = self.reasons.iter().map(|(reason, _)| reason.clone());
        self.decision.reasons = reasons.collect();
        self.decision.outcome = match self.decision.reasons.first().map(|it| it.effect) {
            Some(Effect::Deny) => Verdict::Deny,
            Some(Effect::Warn) => Verdict::Warn,
            None => Verdict::Allow,
        };
        if self.decision.outcome == Verdict::Deny {
            let is_log = |it: &KeptObligation| matches!(it.kept, Kept::Log { .. });
            self.decision.obligations.retain(is_log);
            (self.obligations).retain(|it| it.reason.duty == Some(Duty::Log));
        }
    }

    pub(super) fn concluded(mut self) -> Conclusion {
        self.settle();
        Conclusion {
            decision: self.decision,
            reasons: self.reasons.into_iter().map(|(_, given)| given).collect(),
            obligations: self.obligations,
        }
    }
}
