//! From a question to a decision.

use casemate_core::{Decision, Digest, Effect, Reason, Verdict, canonical_json};
use serde_json::Value;

use crate::{
    Bundle, Engine, EngineError, GateAnswer, GateInput, Question, ShapeError,
    gate::{GateReason, Rules},
};

/// What `bundle` decides about `input`. The same bundle and the same input give the same decision.
///
/// Whatever keeps the policy from answering (an error, a panic, the time limit, an answer of another
/// shape) is a denial that says so. An obligation counts as a warning until a gate can prove that it
/// was kept.
pub fn decide(bundle: &Bundle, input: &GateInput) -> Decision {
    decide_with(bundle, bundle.digest(), input)
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
    let reasons = match ask(engine, input) {
        Ok(answer) => reasons(answer),
        Err(error) => vec![Reason {
            effect: Effect::Deny,
            message: error.to_string(),
            rule: None,
            subject: None,
        }],
    };
    let outcome = match reasons.first().map(|reason| reason.effect) {
        Some(Effect::Deny) => Verdict::Deny,
        Some(Effect::Warn) => Verdict::Warn,
        None => Verdict::Allow,
    };
    let json = canonical_json(input).expect("an input has only text keys");
    Decision {
        gate: input.gate.clone(),
        subject: input.subject.clone(),
        outcome,
        reasons,
        policy,
        input: Digest::of(&json),
    }
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
        .map_err(|error| EngineError::Evaluate(crate::engine::Message::new(&error.to_string())))
}

/// Denials first, each kind in the order of the answer: worst first.
fn reasons(answer: GateAnswer) -> Vec<Reason> {
    let reason = |effect, message, reason: GateReason| Reason {
        effect,
        message,
        rule: reason.rule,
        subject: reason.subject,
    };
    let deny = answer
        .deny
        .into_iter()
        .map(|r| reason(Effect::Deny, r.message.clone(), r));
    let warn = answer
        .warn
        .into_iter()
        .map(|r| reason(Effect::Warn, r.message.clone(), r));
    let oblige = answer.obligations.into_iter().map(|r| {
        reason(
            Effect::Warn,
            format!("to do before it passes: {}", r.message),
            r,
        )
    });
    deny.chain(warn).chain(oblige).collect()
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
        let panic = EngineError::Panic(crate::engine::Message::new("index out of bounds"));
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
