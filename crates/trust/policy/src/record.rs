//! What a gate decided, in the form that is kept.

use std::{borrow::Cow, fmt};

use casemate_core::{
    AssetId, Decision, Digest, Effect, KeptObligation, Producer, Reason, RuleId, Severity,
    Timestamp, Verdict, canonical_json,
};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{
    Bundle, GateInput, answer,
    decide::{Conclusion, Given, conclude},
    keep::Keeper,
    sources::Sources,
    syntax::RuleSite,
};

/// What `bundle` decides about `input` at a gate that keeps obligations, with where each reason comes
/// from. The same bundle and input give the same record at every gate that keeps the same: nothing in it
/// tells where the bundle was read from, or when.
pub fn record(bundle: &Bundle, input: &GateInput, gate: &mut dyn Keeper) -> DecisionRecord {
    let concluded = conclude(answer(bundle, input), bundle.digest(), input, gate);
    let given = concluded.reasons.iter().flatten();
    let sources = Sources::of(bundle, input, given.chain(&concluded.obligations));
    told(bundle, input, concluded, &sources)
}

/// As [`record()`], without where the reasons come from: to know that takes an evaluation of each rule by itself, and a gate
/// that somebody waits for has no time for it. [`crate::explain_record`] says it of a record with its input.
pub fn record_briefly(bundle: &Bundle, input: &GateInput, gate: &mut dyn Keeper) -> DecisionRecord {
    let concluded = conclude(answer(bundle, input), bundle.digest(), input, gate);
    told(bundle, input, concluded, &Sources::none())
}

fn told(
    bundle: &Bundle,
    input: &GateInput,
    concluded: Conclusion,
    sources: &Sources,
) -> DecisionRecord {
    let reasons = concluded
        .decision
        .reasons
        .into_iter()
        .zip(concluded.reasons);
    let reason = |(reason, given): (Reason, Option<Given>)| RecordedReason {
        effect: reason.effect,
        message: reason.message,
        rule: reason.rule,
        subject: reason.subject,
        severity: given.as_ref().and_then(|it| it.reason.severity),
        path: given.as_ref().and_then(|it| it.reason.path.clone()),
        sources: given.map(|it| sources.find(&it)).unwrap_or_default(),
    };
    let obligations = (concluded.decision.obligations.into_iter()).zip(&concluded.obligations);
    DecisionRecord {
        schema: DecisionSchema,
        engine: Producer {
            name: "casemate".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        },
        policy: PolicyIdentity {
            digest: bundle.digest(),
            revision: bundle.revision().map(str::to_owned),
        },
        input: concluded.decision.input,
        gate: concluded.decision.gate,
        subject: concluded.decision.subject,
        now: input.now,
        outcome: concluded.decision.outcome,
        reasons: reasons.map(reason).collect(),
        obligations: obligations
            .map(|(kept, given)| RecordedObligation {
                kept,
                sources: sources.find(given),
            })
            .collect(),
        question: None,
    }
}

/// What a gate decided: by which policy, about which input, why, and what it was obliged to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DecisionRecord {
    /// The version of this shape.
    pub schema: DecisionSchema,
    /// What evaluated the policy.
    pub engine: Producer,
    /// The policy.
    pub policy: PolicyIdentity,
    /// The digest of the canonical input.
    pub input: Digest,
    /// The gate that asked.
    pub gate: String,
    /// What it was about.
    pub subject: AssetId,
    /// When it was asked.
    pub now: Timestamp,
    /// What was decided.
    pub outcome: Verdict,
    /// Why: denials first, each kind worst first.
    pub reasons: Vec<RecordedReason>,
    /// What the gate was obliged to and kept, with the proofs.
    pub obligations: Vec<RecordedObligation>,
    /// The input itself, where whoever keeps the record wants to ask it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question: Option<GateInput>,
}

/// A policy, by its contents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyIdentity {
    /// The digest of its modules and data.
    pub digest: Digest,
    /// What whoever packed it calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
}

/// A reason with where it comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordedReason {
    /// What follows from it.
    pub effect: Effect,
    /// The reason in words.
    pub message: String,
    /// The rule whose finding it rests on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<RuleId>,
    /// What it is about, where that is narrower than the decision's subject.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<AssetId>,
    /// How bad it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// The file or the field it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The definitions that give it, in the order of files and lines. None, where no rule does: of a
    /// policy that could not be evaluated.
    pub sources: Vec<RuleSite>,
}

/// An obligation that was kept, with where it comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RecordedObligation {
    /// The obligation and the proof.
    #[serde(flatten)]
    pub kept: KeptObligation,
    /// The definitions that give it.
    pub sources: Vec<RuleSite>,
}

impl DecisionRecord {
    /// The decision itself. A record of it in a log has its [`Decision::digest`].
    pub fn decision(&self) -> Decision {
        let reasons = self.reasons.iter().map(|it| Reason {
            effect: it.effect,
            message: it.message.clone(),
            rule: it.rule.clone(),
            subject: it.subject.clone(),
        });
        Decision {
            gate: self.gate.clone(),
            subject: self.subject.clone(),
            outcome: self.outcome,
            reasons: reasons.collect(),
            policy: self.policy.digest,
            input: self.input,
            obligations: (self.obligations.iter().map(|it| it.kept.clone())).collect(),
        }
    }

    /// Until when it holds, where an obligation sets a time.
    pub fn expires(&self) -> Option<Timestamp> {
        self.decision().expires()
    }

    /// The record with the input that it is of in it.
    ///
    /// # Errors
    ///
    /// When it is of another one.
    pub fn with_question(self, input: GateInput) -> Result<Self, OtherInput> {
        let json = canonical_json(&input).expect("an input has only text keys");
        match Digest::of(&json) {
            digest if digest == self.input => Ok(Self {
                question: Some(input),
                ..self
            }),
            digest => Err(OtherInput {
                digest,
                of: self.input,
            }),
        }
    }

    /// Whether it may be acted on at `now`: it is of the input that comes with it, if one does, and its
    /// time is not over.
    ///
    /// # Errors
    ///
    /// Why it may not.
    pub fn holds(&self, now: Timestamp) -> Result<(), Void> {
        if let Some(input) = &self.question {
            self.clone().with_question(input.clone())?;
        }
        match self.expires() {
            Some(expires) if expires <= now => Err(Void::Expired(expires)),
            _ => Ok(()),
        }
    }
}

/// Why a record may not be acted on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Void {
    /// Its time is over.
    #[error("the decision held until {0}")]
    Expired(Timestamp),
    /// What comes with it is not what was decided about.
    #[error(transparent)]
    Other(#[from] OtherInput),
}

/// A record is of another input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the record is of the input {of}, and this is {digest}")]
pub struct OtherInput {
    digest: Digest,
    of: Digest,
}

impl fmt::Display for DecisionRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.outcome.as_str())?;
        for reason in &self.reasons {
            let effect = match reason.effect {
                Effect::Deny => "deny",
                Effect::Warn => "warn",
            };
            writeln!(f, "  {effect}: {}", reason.message)?;
            write_sources(f, &reason.sources)?;
        }
        for obligation in &self.obligations {
            writeln!(f, "  kept: {}", obligation.kept.message)?;
            write_sources(f, &obligation.sources)?;
        }
        if let Some(expires) = self.expires() {
            writeln!(f, "  it holds until {expires}")?;
        }
        if self.outcome == Verdict::Allow {
            writeln!(f, "  no rule of the policy gives a reason against it")?;
        }
        Ok(())
    }
}

fn write_sources(f: &mut fmt::Formatter<'_>, sources: &[RuleSite]) -> fmt::Result {
    for site in sources {
        writeln!(f, "    {}:{}: {}", site.file, site.line, site.rule)?;
    }
    Ok(())
}

/// The version of [`DecisionRecord`]: the text `casemate.decision-record/1`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DecisionSchema;

impl DecisionSchema {
    /// The text itself.
    pub const TEXT: &'static str = "casemate.decision-record/1";
}

impl Serialize for DecisionSchema {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(Self::TEXT)
    }
}

impl<'de> Deserialize<'de> for DecisionSchema {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == Self::TEXT {
            return Ok(Self);
        }
        Err(serde::de::Error::custom(format!(
            "the schema is {text:?} and not {:?}",
            Self::TEXT
        )))
    }
}

impl JsonSchema for DecisionSchema {
    fn schema_name() -> Cow<'static, str> {
        "DecisionSchema".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "const": Self::TEXT })
    }
}

#[cfg(test)]
mod tests {
    use casemate_core::Kept;

    use super::*;
    use crate::{
        Asked, Duty, KeepsNothing, decide, expire,
        testkit::{failure, file, input, now, verdict},
    };

    struct KeepsTime;

    impl Keeper for KeepsTime {
        fn keep(&mut self, duty: &Duty, asked: &Asked<'_>) -> Result<Kept, String> {
            match duty {
                Duty::Expire(term) => expire(term, asked.input),
                _ => Err("it does not".to_owned()),
            }
        }
    }

    const POLICY: &str = "package casemate.gate

deny contains \"no models on a Friday\" if {
	input.gate == \"assess\"
}

deny contains msg if {
	msg := \"no models on a Friday\"
}

obligations contains {\"message\": \"tell somebody\"}
";

    #[test]
    fn each_reason_leads_to_the_rule_that_gave_it() {
        let old = "package casemate.gate\n\nwarn[msg] {\n\tmsg := \"from v0\"\n}\n";
        let files = vec![file("friday.rego", POLICY), file("old.rego", old)];
        let bundle = Bundle::overlay(files).expect("loads");
        let input = input(&[failure("a.env", Severity::Low)]);
        let mut record = record(&bundle, &input, &mut KeepsNothing);
        insta::assert_snapshot!(record);
        assert_eq!(record.reasons[0].sources.len(), 2);
        assert_eq!(record.decision(), decide(&bundle, &input));
        // It changes with every edit of the policy.
        record.policy.digest = Digest::of(b"policy");
        insta::assert_json_snapshot!(record);
    }

    #[test]
    fn every_reason_of_the_builtin_policy_has_a_source() {
        let outcomes = [
            verdict("a.pkl", "pickle", "dangerous"),
            verdict("b.pkl", "pickle", "unknown"),
            failure("c.env", Severity::High),
            failure("d.env", Severity::Medium),
        ];
        let record = record(&Bundle::builtin(), &input(&outcomes), &mut KeepsNothing);
        assert_eq!(record.reasons.len(), 4);
        for reason in &record.reasons {
            assert_eq!(reason.sources.len(), 1, "{reason:?}");
            assert_eq!(reason.sources[0].file, "gate.rego");
        }
    }

    #[test]
    fn a_record_holds_until_its_time_is_over() {
        let policy = "package casemate.gate\nobligations contains {\"oblige\": \"expire\", \"after\": \"1h\"}\n";
        let bundle = Bundle::overlay(vec![file("a.rego", policy)]).expect("loads");
        let record = record(&bundle, &input(&[]), &mut KeepsTime);
        assert_eq!(record.outcome, Verdict::Allow);
        assert_eq!(record.obligations[0].sources[0].line, 2);
        assert_eq!(record.holds(now()), Ok(()));
        let end = record.expires().expect("an end");
        assert_eq!(record.holds(end), Err(Void::Expired(end)));
        let text = record.to_string();
        assert!(
            text.contains("it holds until 2026-09-01T13:00:00Z"),
            "{text}"
        );
    }

    #[test]
    fn a_record_comes_back_and_knows_its_input() {
        let bundle = Bundle::builtin();
        let asked = input(&[failure("c.env", Severity::High)]);
        let record = record(&bundle, &asked, &mut KeepsNothing);
        assert!(record.clone().with_question(input(&[])).is_err());
        let mut record = record.with_question(asked).expect("its own");
        let json = serde_json::to_string(&record).expect("serialises");
        let back: DecisionRecord = serde_json::from_str(&json).expect("parses");
        assert_eq!(back, record);
        record.question = Some(input(&[]));
        assert!(matches!(record.holds(now()), Err(Void::Other(_))));
        for (from, to) in [
            ("casemate.decision-record/1", "casemate.decision-record/2"),
            ("\"outcome\"", "\"outcomes\""),
            ("\"revision\"", "\"x\""),
            ("\"message\"", "\"massage\""),
        ] {
            let changed = json.replace(from, to);
            let is_same = changed == json;
            assert!(
                is_same || serde_json::from_str::<DecisionRecord>(&changed).is_err(),
                "{to}"
            );
        }
    }
}
