//! Why: each reason with the line that gives it, and what that line's rule read.

use std::fmt;

use casemate_core::{Digest, Verdict};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::{
    Bundle, DecisionRecord, EngineError, Errors, GateInput, PolicyIdentity, Question,
    decide::to_value,
    engine::Message,
    outlook::{Kind, outlook},
    query,
    syntax::RuleSite,
};

/// What `bundle` would decide about `input`, and why.
pub fn explain(bundle: &Bundle, input: &GateInput) -> Explanation {
    let outlook = outlook(bundle, input);
    let library = Library::new(Some(bundle), Some(input));
    let sources = outlook.sources(bundle, input);
    let places = outlook.error.iter().map(|_| Vec::new()).chain(sources);
    let reasons = outlook.lines().zip(places);
    Explanation {
        schema: SCHEMA,
        policy: PolicyIdentity {
            digest: bundle.digest(),
            revision: bundle.revision().map(str::to_owned),
        },
        input: outlook.input,
        outcome: outlook.outcome,
        reasons: reasons
            .map(|((kind, message), sites)| library.reason(kind, &message, &sites))
            .collect(),
        notes: Vec::new(),
    }
}

/// Why a record says what it says. The lines of the rules are shown if `bundle` is the policy that it is
/// of, and what they read if `input` is what it is about. What is missing for that is noted.
pub fn explain_record(
    record: &DecisionRecord,
    bundle: &Bundle,
    input: Option<&GateInput>,
) -> Explanation {
    let mut notes = Vec::new();
    let same = bundle.digest() == record.policy.digest;
    if !same {
        notes.push(format!(
            "the record is of the policy {}, and this is {}: its lines are not shown",
            record.policy.digest,
            bundle.digest()
        ));
    }
    let input = input.or(record.question.as_ref());
    let own = match input.map(|input| (input, record.clone().with_question(input.clone()))) {
        None => {
            notes.push("the input is not there: what the rules read is not shown".to_owned());
            None
        }
        Some((_, Err(other))) => {
            notes.push(other.to_string());
            None
        }
        Some((input, Ok(_))) => Some(input),
    };
    let library = Library::new(same.then_some(bundle), own);
    let reasons = record.reasons.iter().map(|it| {
        let kind = match it.effect {
            casemate_core::Effect::Deny => Kind::Deny,
            casemate_core::Effect::Warn => Kind::Warn,
        };
        library.reason(kind, &it.message, &it.sources)
    });
    let kept = record.obligations.iter();
    let kept = kept.map(|it| library.reason(Kind::Oblige, &it.kept.message, &it.sources));
    Explanation {
        schema: SCHEMA,
        policy: record.policy.clone(),
        input: record.input,
        outcome: record.outcome,
        reasons: reasons.chain(kept).collect(),
        notes,
    }
}

/// A decision with what it rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Explanation {
    /// The version of this shape: `casemate.policy-explanation/1`.
    pub schema: &'static str,
    /// The policy.
    pub policy: PolicyIdentity,
    /// The digest of the canonical input.
    pub input: Digest,
    /// What was decided; where no gate did, what would be if it kept what it is obliged to.
    pub outcome: Verdict,
    /// Each reason and obligation: denials first.
    pub reasons: Vec<ExplainedReason>,
    /// What could not be told.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// A reason with its sources.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ExplainedReason {
    /// What follows from it.
    pub kind: Kind,
    /// The reason in words.
    pub message: String,
    /// The definitions that give it, in the order of files and lines; several, where several give
    /// the same.
    pub sources: Vec<ExplainedSource>,
}

/// A definition of a rule that gives a reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ExplainedSource {
    /// Where it stands.
    #[serde(flatten)]
    pub site: RuleSite,
    /// The line itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// What the definition reads by a path that is written down in it, and has a value: the input, data
    /// and other rules. Which member of a collection made it true, and what functions were given, is not
    /// known.
    pub reads: Vec<ReadValue>,
}

/// A value that a rule reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ReadValue {
    /// The path: `input.gate`.
    pub path: String,
    /// The value as JSON; of a long one, how much it has.
    pub value: String,
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.outcome.as_str())?;
        for reason in &self.reasons {
            writeln!(f, "  {}: {}", reason.kind.as_str(), reason.message)?;
            for source in &reason.sources {
                let site = &source.site;
                writeln!(f, "    {}:{}: {}", site.file, site.line, site.rule)?;
                if let Some(text) = &source.text {
                    writeln!(f, "      {text}")?;
                }
                for read in &source.reads {
                    writeln!(f, "      {} is {}", read.path, read.value)?;
                }
            }
        }
        if self.outcome == Verdict::Allow {
            writeln!(f, "  no rule of the policy gives a reason against it")?;
        }
        for note in &self.notes {
            writeln!(f, "  note: {note}")?;
        }
        Ok(())
    }
}

/// Where lines and values are looked up, as far as they are known.
struct Library<'a> {
    bundle: Option<&'a Bundle>,
    document: Option<(Value, &'a GateInput)>,
}

impl<'a> Library<'a> {
    fn new(bundle: Option<&'a Bundle>, input: Option<&'a GateInput>) -> Self {
        let document = input.and_then(|input| Some((to_value(input).ok()?, input)));
        Self { bundle, document }
    }

    fn reason(&self, kind: Kind, message: &str, sites: &[RuleSite]) -> ExplainedReason {
        ExplainedReason {
            kind,
            message: message.to_owned(),
            sources: sites.iter().map(|site| self.source(site)).collect(),
        }
    }

    fn source(&self, site: &RuleSite) -> ExplainedSource {
        let text = self.bundle.and_then(|bundle| bundle.line(site));
        ExplainedSource {
            site: site.clone(),
            text: text.map(|text| Message::new(text.trim()).to_string()),
            reads: self.reads(site),
        }
    }

    fn reads(&self, site: &RuleSite) -> Vec<ReadValue> {
        let (Some(bundle), Some((document, input))) = (self.bundle, &self.document) else {
            return Vec::new();
        };
        let question = Question {
            input: document,
            now: input.now,
        };
        let mut definitions = bundle.definitions();
        let definition = definitions.find(|definition| definition.site == *site);
        let paths = definition.iter().flat_map(|definition| &definition.reads);
        let read = |path: &String| {
            let value = value_of(bundle, path, &question).ok().flatten()?;
            Some(ReadValue {
                path: path.clone(),
                value: shown(&value),
            })
        };
        paths.take(MOST_READS).filter_map(read).collect()
    }
}

fn value_of(
    bundle: &Bundle,
    path: &str,
    question: &Question<'_>,
) -> Result<Option<Value>, EngineError> {
    let rows = query(
        bundle,
        &format!("value := {path}"),
        question,
        Errors::Lenient,
    )?;
    Ok(rows
        .into_iter()
        .next()
        .and_then(|mut row| row.remove("value")))
}

fn shown(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= MOST_SHOWN {
        return Message::new(&text).to_string();
    }
    match value {
        Value::Array(items) => format!("a list of {}", items.len()),
        Value::Object(members) => format!("an object of {} members", members.len()),
        _ => format!("{} characters", text.chars().count()),
    }
}

const SCHEMA: &str = "casemate.policy-explanation/1";

/// How many paths of one definition are looked up.
const MOST_READS: usize = 32;

/// In characters.
const MOST_SHOWN: usize = 120;

#[cfg(test)]
mod tests {
    use casemate_core::Severity;

    use super::*;
    use crate::{
        KeepsNothing, record,
        testkit::{failure, file, input},
    };

    const POLICY: &str = "package casemate.gate

import rego.v1

limit := data.limits.failures

is_late if input.now > \"2026\"

deny contains reason if {
	count(input.outcomes) > limit
	is_late
	reason := \"too much fails\"
}

obligations contains {\"oblige\": \"log\"}
";

    fn bundle() -> Bundle {
        Bundle::overlay(vec![
            file("mine.rego", POLICY),
            file("data/limits.json", r#"{"limits": {"failures": 0}}"#),
        ])
        .expect("loads")
    }

    #[test]
    fn a_reason_comes_with_its_line_and_what_the_rule_read() {
        let asked = input(&[failure("a.env", Severity::Low)]);
        let explanation = explain(&bundle(), &asked);
        insta::assert_snapshot!(explanation);
        let json = serde_json::to_value(&explanation).expect("serialises");
        assert_eq!(json["reasons"][0]["sources"][0]["file"], "mine.rego");
    }

    #[test]
    fn a_record_is_explained_as_far_as_its_policy_and_input_are_there() {
        let asked = input(&[failure("a.env", Severity::Low)]);
        let record = record(&bundle(), &asked, &mut KeepsNothing);
        let whole = explain_record(&record, &bundle(), Some(&asked));
        assert_eq!(whole.notes, [""; 0]);
        let source = &whole.reasons[0].sources[0];
        assert_eq!(source.text.as_deref(), Some("deny contains reason if {"));
        assert!(
            source
                .reads
                .iter()
                .any(|it| it.path == "data.casemate.gate.limit" && it.value == "0")
        );
        let blind = explain_record(&record, &Bundle::builtin(), None);
        assert_eq!(blind.notes.len(), 2, "{blind}");
        let source = &blind.reasons[0].sources[0];
        assert_eq!(
            (source.site.line, &source.text, source.reads.len()),
            (9, &None, 0)
        );
        let other = explain_record(&record, &bundle(), Some(&input(&[])));
        assert!(
            other.notes[0].contains("the record is of the input"),
            "{other}"
        );
        assert!(other.reasons[0].sources[0].reads.is_empty());
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
        assert_eq!(explanation.outcome, Verdict::Deny);
        let error = &explanation.reasons[0].message;
        assert!(error.contains("gate.rego:2:"), "{error}");
    }

    #[test]
    fn what_is_allowed_says_so() {
        let text = explain(&Bundle::builtin(), &input(&[])).to_string();
        assert_eq!(
            text,
            "allow\n  no rule of the policy gives a reason against it\n"
        );
    }
}
