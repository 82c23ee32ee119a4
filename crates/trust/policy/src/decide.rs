//! From a question to a decision.

use casemate_core::{
    Decision, Digest, Effect, Kept, KeptObligation, Reason, Verdict, canonical_json,
};
use serde_json::Value;

use crate::{
    Bundle, Engine, EngineError, GateAnswer, GateInput, Question, ShapeError,
    engine::Message,
    gate::{GateReason, Rules},
    keep::{Asked, Keeper, KeepsNothing},
    obligation::Duty,
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

/// A decision in the making.
struct Draft {
    decision: Decision,
    reasons: Vec<(Reason, Option<Given>)>,
    obligations: Vec<Given>,
}

impl Draft {
    fn new(policy: Digest, input: &GateInput) -> Self {
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

    fn give(&mut self, list: &'static str, effect: Effect, reasons: Vec<GateReason>) {
        for reason in reasons {
            let message = reason.message.clone();
            self.add(effect, message, Some(Given { list, reason }));
        }
    }

    fn add(&mut self, effect: Effect, message: String, given: Option<Given>) {
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
    fn oblige(&mut self, obligations: Vec<GateReason>, input: &GateInput, gate: &mut dyn Keeper) {
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

    fn concluded(mut self) -> Conclusion {
        self.settle();
        Conclusion {
            decision: self.decision,
            reasons: self.reasons.into_iter().map(|(_, given)| given).collect(),
            obligations: self.obligations,
        }
    }
}

#[cfg(test)]
mod tests {
    use casemate_core::{Coverage, Severity, Status};
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::testkit::{failure, file, input, outcome, verdict};

    fn with_policy(source: &str) -> Decision {
        let bundle = Bundle::overlay(vec![file("user.rego", source)]).expect("loads");
        decide(&bundle, &input(&[]))
    }

    fn only_policy(source: &str) -> Decision {
        let files = vec![
            file("gate.rego", source),
            file("gate_test.rego", "package t\n"),
        ];
        decide(&Bundle::overlay(files).expect("loads"), &input(&[]))
    }

    fn only_reason(decision: &Decision) -> &str {
        assert_eq!(decision.reasons.len(), 1, "{:?}", decision.reasons);
        &decision.reasons[0].message
    }

    #[test]
    fn nothing_wrong_is_allowed() {
        let decision = decide(&Bundle::builtin(), &input(&[outcome("a.py", Status::Pass)]));
        assert_eq!(decision.outcome, Verdict::Allow, "{:?}", decision.reasons);
    }

    #[test]
    fn rules_of_the_user_count_like_the_builtin_ones() {
        let source = "package casemate.gate\ndeny contains \"no\" if input.gate == \"assess\"\n";
        let decision = with_policy(source);
        assert_eq!(
            (decision.outcome, only_reason(&decision)),
            (Verdict::Deny, "no")
        );
        let conftest =
            "package casemate.gate\nwarn[msg] { msg := sprintf(\"%s\", [input.gate]) }\n";
        let decision = with_policy(conftest);
        assert_eq!(
            (decision.outcome, only_reason(&decision)),
            (Verdict::Warn, "assess")
        );
    }

    #[test]
    fn messages_as_the_keys_of_an_object_count_where_the_policy_stands_alone() {
        let source = "package casemate.gate\ndeny[msg] if { msg := input.gate }\n";
        let decision = only_policy(source);
        assert_eq!(
            (decision.outcome, only_reason(&decision)),
            (Verdict::Deny, "assess")
        );
        // Beside the built-in set they contradict it, and a contradiction denies.
        let decision = with_policy(source);
        assert_eq!(decision.outcome, Verdict::Deny, "{decision:?}");
    }

    #[test]
    fn an_obligation_is_not_lost() {
        let source = "package casemate.gate\nobligations contains {\"message\": \"log it\"}\n";
        let decision = with_policy(source);
        let expected = (Verdict::Warn, "to do before it passes: log it");
        assert_eq!((decision.outcome, only_reason(&decision)), expected);
    }

    /// A gate that keeps everything but what it refuses, and knows what it was asked for.
    #[derive(Default)]
    struct Keeps {
        refuses: &'static [&'static str],
        kept: Vec<(Duty, Decision)>,
    }

    impl Keeper for Keeps {
        fn keep(&mut self, duty: &Duty, asked: &Asked<'_>) -> Result<Kept, String> {
            let name = serde_json::to_value(duty).expect("JSON")["oblige"].clone();
            let name = name.as_str().expect("a name");
            if self.refuses.contains(&name) {
                return Err(format!("no {name} here"));
            }
            self.kept.push((duty.clone(), asked.draft.clone()));
            Ok(match duty {
                Duty::Mask { fields } => {
                    let mut masked = crate::Masked::new(json!({"a": 1}));
                    masked.mask(fields)?
                }
                Duty::Approve { .. } => Kept::Approve {
                    approvals: Vec::new(),
                },
                Duty::Expire(term) => crate::expire(term, asked.input)?,
                Duty::Log => Kept::Log {
                    origin: "log.example".into(),
                    index: 7,
                    leaf: asked.draft.digest(),
                },
            })
        }
    }

    const OBLIGES: &str = "package casemate.gate
obligations contains {\"oblige\": \"log\", \"msg\": \"for the auditor\"}
obligations contains {\"oblige\": \"expire\", \"after\": \"24h\"}
obligations contains {\"oblige\": \"approve\", \"by\": [\"release\"]}
obligations contains {\"oblige\": \"mask\", \"fields\": [\"/a\"]}
";

    fn obliged(more: &str, gate: &mut Keeps) -> Decision {
        let source = format!("{OBLIGES}{more}");
        let bundle = Bundle::overlay(vec![file("user.rego", &source)]).expect("loads");
        keeping(&bundle, &input(&[]), gate)
    }

    #[test]
    fn what_is_kept_is_proven_and_stands_against_nothing() {
        let mut gate = Keeps::default();
        let mut decision = obliged("", &mut gate);
        assert_eq!(decision.outcome, Verdict::Allow, "{decision:?}");
        assert_eq!(
            decision.expires().expect("an end").to_string(),
            "2026-09-02T12:00:00Z"
        );
        // What was logged is the decision with everything but the proof that it was logged.
        let (duty, draft) = gate.kept.last().expect("something");
        assert_eq!((duty, draft.obligations.len()), (&Duty::Log, 3));
        assert_eq!(draft.digest(), decision.digest());
        let mut other = decision.clone();
        other.obligations.remove(0);
        assert_ne!(other.digest(), decision.digest());
        decision.policy = Digest::of(b"policy");
        for it in &mut decision.obligations {
            if let Kept::Log { leaf, .. } = &mut it.kept {
                // It changes with every edit of the policy.
                *leaf = Digest::of(b"entry");
            }
        }
        insta::assert_json_snapshot!(decision);
        let json = serde_json::to_string(&decision).expect("serialises");
        assert_eq!(
            serde_json::from_str::<Decision>(&json).expect("parses"),
            decision
        );
    }

    #[test]
    fn what_is_not_kept_denies_and_says_which_gate_could_not_keep_what() {
        let decision = obliged(
            "",
            &mut Keeps {
                refuses: &["mask", "approve"],
                ..Keeps::default()
            },
        );
        assert_eq!(decision.outcome, Verdict::Deny);
        let told: Vec<&str> = decision.reasons.iter().map(|it| &*it.message).collect();
        assert_eq!(
            told,
            [
                "mask /a: the gate `assess` did not keep it: no mask here",
                "have it approved by release: the gate `assess` did not keep it: no approve here",
            ]
        );
        // Nothing was let through, but that is logged.
        assert_eq!(decision.obligations.len(), 1, "{decision:?}");
        let decision = obliged(
            "",
            &mut Keeps {
                refuses: &["log"],
                ..Keeps::default()
            },
        );
        assert_eq!(
            (decision.outcome, decision.obligations.len()),
            (Verdict::Deny, 0)
        );
        let bundle = Bundle::overlay(vec![file("user.rego", OBLIGES)]).expect("loads");
        let decision = decide(&bundle, &input(&[]));
        assert_eq!(decision.reasons.len(), 4, "{decision:?}");
    }

    #[test]
    fn of_a_denial_only_that_it_is_logged_is_kept() {
        let mut gate = Keeps::default();
        let decision = obliged("deny contains \"no\"\n", &mut gate);
        assert_eq!(gate.kept.len(), 1);
        assert_eq!(gate.kept[0].1.outcome, Verdict::Deny);
        assert!(matches!(
            decision.obligations[0].kept,
            Kept::Log { index: 7, .. }
        ));
        assert_eq!(gate.kept[0].1.digest(), decision.digest());
    }

    #[test]
    fn an_obligation_that_is_none_denies() {
        for (rule, expected) in [
            (
                "obligations contains {\"oblige\": \"logg\"}",
                "no obligation `logg`",
            ),
            (
                "obligations contains {\"oblige\": \"expire\", \"afer\": \"1h\"}",
                "`after` has to be",
            ),
            (
                "warn contains {\"oblige\": \"log\", \"msg\": \"x\"}",
                "is for `obligations`",
            ),
        ] {
            let decision = with_policy(&format!("package casemate.gate\n{rule}\n"));
            assert_eq!(decision.outcome, Verdict::Deny);
            assert!(only_reason(&decision).contains(expected), "{decision:?}");
        }
    }

    #[test]
    fn whatever_keeps_the_policy_from_answering_denies_and_says_so() {
        for (source, expected) in [
            (
                "package casemate.gate\n",
                "does not define `data.casemate.gate.deny`",
            ),
            (
                "package casemate.gate\ndeny := 7\n",
                "is not a set of reasons",
            ),
            (
                "package casemate.gate\ndeny := 7 if false\n",
                "does not define",
            ),
            (
                "package casemate.gate\ndeny contains 7\n",
                "neither a string nor an object",
            ),
            (
                "package casemate.gate\ndeny := set()\nwarn := 7\n",
                "`data.casemate.gate.warn`",
            ),
            (
                "package casemate.gate\ndeny contains \"a\" if 1/0\n",
                "gate.rego:2:",
            ),
            (
                "package casemate.gate\ndeny := nope(1)\n",
                "could not find function nope",
            ),
            ("package casemate.gate\ndeny := x\nx := deny\n", "recursion"),
            (
                "package casemate.gate\ndeny := {\"a\"}\ndeny := {\"b\"}\n",
                "gate.rego:3:",
            ),
        ] {
            let decision = only_policy(source);
            assert_eq!(decision.outcome, Verdict::Deny, "{source}");
            let reason = only_reason(&decision);
            assert!(reason.contains(expected), "{source}: {reason}");
        }
    }

    #[test]
    fn an_evaluation_without_end_is_denied_when_its_time_is_over() {
        let source = "package casemate.gate\ndeny contains \"a\" if {\n\
                      \tsome i in numbers.range(1, 900000)\n\tsome j in numbers.range(1, 900000)\n\
                      \ti * j == -1\n}\n";
        let files = vec![
            file("gate.rego", source),
            file("gate_test.rego", "package t\n"),
        ];
        let limits = crate::Limits {
            time: std::time::Duration::from_millis(1),
        };
        let bundle = Bundle::overlay(files).expect("loads").limited(limits);
        let decision = decide(&bundle, &input(&[]));
        assert_eq!(decision.outcome, Verdict::Deny);
        assert!(
            only_reason(&decision).contains("time limit"),
            "{:?}",
            decision.reasons
        );
    }

    /// An engine that gives one answer, or panics.
    struct Fixed(Result<Vec<Option<Value>>, EngineError>);

    impl Engine for Fixed {
        fn eval(&self, _: &[&str], _: &Question<'_>) -> Result<Vec<Option<Value>>, EngineError> {
            self.0.clone()
        }
    }

    #[test]
    fn an_engine_that_answers_too_little_or_fails_is_denied() {
        let panic = EngineError::Panic(Message::new("index out of bounds"));
        for (answer, expected) in [
            (Ok(vec![Some(json!([]))]), "does not define"),
            (Err(panic), "panicked: index out of bounds"),
        ] {
            let decision = decide_with(&Fixed(answer), Digest::of(b""), &input(&[]));
            assert_eq!(decision.outcome, Verdict::Deny);
            assert!(
                only_reason(&decision).contains(expected),
                "{:?}",
                decision.reasons
            );
        }
    }

    #[test]
    fn a_decision_reads_as_the_contract_says() {
        let outcomes = [
            verdict("models/fraud.pkl", "pickle", "dangerous"),
            failure(".env", Severity::Critical),
            failure("Dockerfile", Severity::Medium),
            outcome("a.py", Status::Pass),
        ];
        let mut decision = decide(&Bundle::builtin(), &input(&outcomes));
        // It changes with every edit of the policy.
        decision.policy = Digest::of(b"policy");
        insta::assert_json_snapshot!(decision);
    }

    fn outcomes() -> impl Strategy<Value = casemate_core::Outcome> {
        let path = "[a-d]{1,2}\\.(pkl|py|env)";
        let status = prop_oneof![
            Just(Status::Pass),
            Just(Status::Fail),
            Just(Status::Undetermined),
            Just(Status::Error),
            Just(Status::NotApplicable)
        ];
        let fact = proptest::option::of((
            prop_oneof![Just("pickle"), Just("python"), Just("npy"), Just("elf")],
            prop_oneof![
                Just("inert"),
                Just("known"),
                Just("unknown"),
                Just("dangerous")
            ],
        ));
        let severities = proptest::collection::vec(0usize..5, 0..3);
        (path, status, any::<bool>(), fact, severities).prop_map(
            |(path, status, partial, fact, severities)| {
                let mut outcome = outcome(&path, status);
                if partial {
                    outcome.coverage = Coverage::Partial;
                }
                if let Some((format, verdict)) = fact {
                    outcome.facts.insert("format".into(), format.into());
                    outcome.facts.insert("verdict".into(), verdict.into());
                }
                for severity in severities {
                    let severity = Severity::ALL[severity];
                    let finding = crate::testkit::finding(&path, "CM-TST-001", severity);
                    outcome.findings.push(finding);
                }
                outcome
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn one_more_outcome_never_makes_a_decision_milder(
            some in proptest::collection::vec(outcomes(), 0..6), more in outcomes(), at in 0usize..6,
        ) {
            let bundle = Bundle::builtin();
            let before = decide(&bundle, &input(&some));
            let mut all = some.clone();
            all.insert(at.min(all.len()), more);
            let after = decide(&bundle, &input(&all));
            prop_assert!(after.outcome >= before.outcome, "{before:?} {after:?}");
            prop_assert_eq!(&decide(&bundle, &input(&all)), &after);
            prop_assert!(after.reasons.is_sorted_by_key(|reason| reason.effect));
        }

        #[test]
        fn what_is_wrong_beyond_doubt_is_always_denied(
            mut some in proptest::collection::vec(outcomes(), 0..4),
            wrong in prop_oneof![
                Just(failure("x", Severity::High)),
                Just(failure("x", Severity::Critical)),
                Just(outcome("x", Status::Error)),
                Just(verdict("x.pkl", "pickle", "dangerous")),
                Just(verdict("x.pkl", "pickle", "unknown")),
            ],
        ) {
            some.push(wrong);
            prop_assert_eq!(decide(&Bundle::builtin(), &input(&some)).outcome, Verdict::Deny);
        }
    }
}
