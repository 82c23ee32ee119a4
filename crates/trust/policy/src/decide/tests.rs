use casemate_core::{Coverage, Kept, Severity, Status, Verdict};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::testkit::{failure, file, input, outcome, verdict};
use crate::{keep::Asked, obligation::Duty};

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
    let conftest = "package casemate.gate\nwarn[msg] { msg := sprintf(\"%s\", [input.gate]) }\n";
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
        memory: 512 << 20,
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
