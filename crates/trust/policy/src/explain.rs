//! Which rule, on which line, gave each reason.

use std::fmt;

use casemate_core::{Decision, Verdict};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    AnswerError, Bundle, GateAnswer, GateInput, GateReason, Question, answer, decide,
    decide::to_value, gate::Rules, syntax::RuleSite,
};

/// What `bundle` decides about `input`, and where each reason comes from.
///
/// Each definition of `deny`, `warn` and `obligations` is evaluated by itself, in a fresh engine, so
/// that what it contributes is known and not guessed. The limits of that:
///
/// - What is named is the definition whose head holds the reason, not the rules that it rests on.
/// - Bodies of one head (`deny contains x if { ... } { ... }` in Rego v0, and `else`) are one
///   definition.
/// - A definition that only fails beside others (two complete rules that contradict each other) is
///   shown as an error of the decision, without a place other than the one the message names.
pub fn explain(bundle: &Bundle, input: &GateInput) -> Explanation {
    let decision = decide(bundle, input);
    let (answer, error) = match answer(bundle, input) {
        Ok(answer) => (answer, None),
        Err(error) => (GateAnswer::default(), Some(error)),
    };
    let rules = Rules::of(&input.gate);
    let lists = [
        ("deny", rules.deny, answer.deny),
        ("warn", rules.warn, answer.warn),
        ("obligations", rules.obligations, answer.obligations),
    ];
    let mut reasons = Vec::new();
    for (list, rule, answered) in lists {
        if answered.is_empty() {
            continue;
        }
        let contributions = contributions(bundle, input, list, rule);
        for reason in answered {
            let sources = contributions
                .iter()
                .filter(|(_, given)| given.contains(&reason))
                .map(|(site, _)| site.clone())
                .collect();
            reasons.push(ExplainedReason {
                list,
                reason,
                sources,
            });
        }
    }
    Explanation {
        schema: "casemate.policy-explanation/1",
        decision,
        error: error.as_ref().map(AnswerError::to_string),
        reasons,
    }
}

/// A decision with its sources.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Explanation {
    /// The version of this shape: `casemate.policy-explanation/1`.
    pub schema: &'static str,
    /// The decision.
    pub decision: Decision,
    /// What kept the policy from answering.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Each reason, denials first.
    pub reasons: Vec<ExplainedReason>,
}

/// A reason with its sources.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ExplainedReason {
    /// The list it stands in: `deny`, `warn` or `obligations`.
    pub list: &'static str,
    /// The reason.
    #[serde(flatten)]
    pub reason: GateReason,
    /// The definitions that give it, in the order of files and lines; several, where several give
    /// the same.
    pub sources: Vec<RuleSite>,
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.decision.outcome.as_str())?;
        if let Some(error) = &self.error {
            writeln!(f, "  {error}")?;
        }
        for reason in &self.reasons {
            writeln!(f, "  {}: {}", reason.list, reason.reason.message)?;
            for site in &reason.sources {
                writeln!(f, "    {}:{}: {}", site.file, site.line, site.rule)?;
            }
        }
        if self.decision.outcome == Verdict::Allow {
            writeln!(f, "  no rule of the policy gives a reason against it")?;
        }
        Ok(())
    }
}

/// What each definition of `rule` gives by itself. One that fails alone gives nothing.
fn contributions(
    bundle: &Bundle,
    input: &GateInput,
    list: &'static str,
    rule: &str,
) -> Vec<(RuleSite, Vec<GateReason>)> {
    let (Ok(rego), Ok(document)) = (bundle.rego(), to_value(input)) else {
        return Vec::new();
    };
    let question = Question {
        input: &document,
        now: input.now,
    };
    rego.index()
        .of(rule)
        .map(|definition| {
            let value = rego.eval_definition(definition, &question).ok().flatten();
            let reasons = value.and_then(|value| GateReason::list(list, value).ok());
            (definition.site.clone(), reasons.unwrap_or_default())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use casemate_core::Severity;

    use super::*;
    use crate::testkit::{failure, file, input, verdict};

    #[test]
    fn each_reason_leads_to_the_rule_that_gave_it() {
        let policy = "package casemate.gate

deny contains \"no models on a Friday\" if {
	input.gate == \"assess\"
}

deny contains msg if {
	msg := \"no models on a Friday\"
}

obligations contains {\"message\": \"tell somebody\"}
";
        let old = "package casemate.gate\n\nwarn[msg] {\n\tmsg := \"from v0\"\n}\n";
        let files = vec![file("friday.rego", policy), file("old.rego", old)];
        let bundle = Bundle::overlay(files).expect("loads");
        let explanation = explain(&bundle, &input(&[failure("a.env", Severity::Low)]));
        insta::assert_snapshot!(explanation);
        assert_eq!(explanation.reasons[0].sources.len(), 2);
    }

    #[test]
    fn every_reason_of_the_builtin_policy_has_a_source() {
        let outcomes = [
            verdict("a.pkl", "pickle", "dangerous"),
            verdict("b.pkl", "pickle", "unknown"),
            failure("c.env", Severity::High),
            failure("d.env", Severity::Medium),
        ];
        let explanation = explain(&Bundle::builtin(), &input(&outcomes));
        assert_eq!(explanation.reasons.len(), 4);
        for reason in &explanation.reasons {
            assert_eq!(reason.sources.len(), 1, "{reason:?}");
            assert_eq!(reason.sources[0].file, "gate.rego");
        }
    }

    #[test]
    fn a_policy_that_fails_explains_that() {
        let files = vec![
            file(
                "gate.rego",
                "package casemate.gate\ndeny contains \"a\" if 1/0\n",
            ),
            file("gate_test.rego", "package t\n"),
        ];
        let bundle = Bundle::overlay(files).expect("loads");
        let explanation = explain(&bundle, &input(&[]));
        assert_eq!(explanation.decision.outcome, Verdict::Deny);
        let error = explanation.error.expect("an error");
        assert!(error.contains("gate.rego:2:"), "{error}");
    }

    #[test]
    fn what_is_allowed_says_so() {
        let explanation = explain(&Bundle::builtin(), &input(&[]));
        let text = explanation.to_string();
        assert_eq!(
            text,
            "allow\n  no rule of the policy gives a reason against it\n"
        );
    }
}
