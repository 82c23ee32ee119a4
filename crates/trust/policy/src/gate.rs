//! What a gate asks and what a policy answers: one shape at every gate.

use std::{borrow::Cow, collections::BTreeMap};

use casemate_core::{
    AssetId, Coverage, Outcome, Population, Relation, RuleId, Severity, Status, Timestamp,
    aggregate,
};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::{
    engine::Message,
    obligation::{Duty, DutyError},
};

/// The document that policies read as `input`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GateInput {
    /// The version of this shape.
    pub schema: GateSchema,
    /// The gate that asks: `assess`, `attestation`, `admission`, `gateway`, `key-release`. `attestation` asks
    /// the package `casemate.attestation`, every other one `casemate.gate`.
    pub gate: String,
    /// What the decision is about.
    pub subject: AssetId,
    /// Who wants it, where somebody does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<AssetId>,
    /// What is wanted: `assess`, `create`, `invoke`, `release` ...
    pub action: String,
    /// What the checks said. One by one where it is anything but a clean pass, as populations where
    /// it is one.
    #[serde(default)]
    pub outcomes: Vec<GateOutcome>,
    /// Signed statements that the caller has verified, each in the shape of its own type.
    #[serde(default)]
    pub evidence: Vec<Value>,
    /// Which assets are related, and why that is said.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub relations: Vec<Relation>,
    /// What else the gate knows of the request.
    #[serde(default)]
    pub context: BTreeMap<String, Value>,
    /// When it is asked; what `time.now_ns()` answers.
    pub now: Timestamp,
}

impl GateInput {
    /// A question of `gate` about `subject`, with nothing in it yet. The action is the gate's name.
    pub fn new(gate: &str, subject: AssetId, now: Timestamp) -> Self {
        Self {
            schema: GateSchema,
            gate: gate.to_owned(),
            subject,
            principal: None,
            action: gate.to_owned(),
            outcomes: Vec::new(),
            evidence: Vec::new(),
            relations: Vec::new(),
            context: BTreeMap::new(),
            now,
        }
    }

    /// The question with `outcomes` in it: clean passes folded into populations, all others one by
    /// one, in their order. The order is part of the input: give them sorted.
    #[must_use]
    pub fn with_outcomes<'a>(mut self, outcomes: impl IntoIterator<Item = &'a Outcome>) -> Self {
        let mut clean = Vec::new();
        for outcome in outcomes {
            if is_clean(outcome) {
                clean.push(outcome);
            } else {
                self.outcomes.push(GateOutcome::Single(outcome.clone()));
            }
        }
        self.outcomes
            .extend(aggregate(clean).into_iter().map(GateOutcome::Population));
        self
    }
}

/// Whether a gate need not see the outcome by itself: a complete pass, or not applicable, with
/// nothing found and no verdict that somebody should look at.
pub fn is_clean(outcome: &Outcome) -> bool {
    let verdict = outcome.facts.get("verdict").map(String::as_str);
    matches!(outcome.result, Status::Pass | Status::NotApplicable)
        && outcome.coverage == Coverage::Complete
        && outcome.findings.is_empty()
        && !matches!(verdict, Some("unknown" | "dangerous"))
}

/// The version of [`GateInput`]: the text `casemate.gate-input/1`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GateSchema;

impl GateSchema {
    /// The text itself.
    pub const TEXT: &'static str = "casemate.gate-input/1";
}

impl Serialize for GateSchema {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(Self::TEXT)
    }
}

impl<'de> Deserialize<'de> for GateSchema {
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

impl JsonSchema for GateSchema {
    fn schema_name() -> Cow<'static, str> {
        "GateSchema".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "const": Self::TEXT })
    }
}

/// What a check said of one subject, or of many.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum GateOutcome {
    /// One subject.
    Single(Outcome),
    /// Many subjects that passed, or that the check has nothing to say of.
    Population(Population),
}

/// What a policy answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct GateAnswer {
    /// Why it may not pass.
    pub deny: Vec<GateReason>,
    /// Why somebody should look.
    pub warn: Vec<GateReason>,
    /// What has to be done if it passes: what the gate keeps, where it is a [`Duty`], and what somebody
    /// should see to, where it is none.
    pub obligations: Vec<GateReason>,
}

impl GateAnswer {
    /// Reads the values of the rules `deny`, `warn` and `obligations`; each list comes out sorted
    /// and without repetitions. A policy must define `deny`, and may leave out the others.
    ///
    /// # Errors
    ///
    /// What is wrong with the shape of the answer.
    pub(crate) fn read(rules: &Rules, values: [Option<Value>; 3]) -> Result<Self, ShapeError> {
        let [deny, warn, obligations] = values;
        let deny = deny.ok_or(ShapeError::Undefined(rules.deny))?;
        let list = |name: &'static str, value: Option<Value>| {
            value.map_or(Ok(Vec::new()), |value| GateReason::list(name, value))
        };
        Ok(Self {
            deny: list(rules.deny, Some(deny))?,
            warn: list(rules.warn, warn)?,
            obligations: list(rules.obligations, obligations)?,
        })
    }
}

/// One reason of an answer. A policy may say just the message, as a string, or `msg` for `message`,
/// as conftest and Gatekeeper do; other members of the object are its own business.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct GateReason {
    /// The reason in words; one line.
    pub message: String,
    /// How bad it is; decides the order only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// The rule whose finding it rests on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<RuleId>,
    /// What it is about, where that is narrower than the question's subject.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<AssetId>,
    /// The file or the field it is about, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// What the gate has to do; only in `obligations`.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub duty: Option<Duty>,
}

impl GateReason {
    /// The reasons in the value of the rule `name`, worst first.
    pub(crate) fn list(name: &'static str, value: Value) -> Result<Vec<Self>, ShapeError> {
        let items = match value {
            // Sets arrive as arrays.
            Value::Array(items) => items,
            // What `deny[msg] if { ... }` means in Rego v1: an object of messages.
            Value::Object(members) if members.values().all(|value| *value == true) => members
                .into_iter()
                .map(|(message, _)| Value::String(message))
                .collect(),
            _ => return Err(ShapeError::NotASet(name)),
        };
        let reasons: Result<Vec<Self>, _> = items
            .into_iter()
            .map(|item| Self::read(name, item))
            .collect();
        let mut reasons = reasons?;
        reasons.sort_by(|a, b| a.order().cmp(&b.order()));
        reasons.dedup();
        Ok(reasons)
    }

    fn read(name: &'static str, value: Value) -> Result<Self, ShapeError> {
        let mut members = match value {
            Value::String(message) => Map::from_iter([("message".to_owned(), message.into())]),
            Value::Object(members) => members,
            _ => return Err(ShapeError::NotAReason(name)),
        };
        let msg = members.remove("msg");
        let message = match (members.remove("message").or(msg), members.get("oblige")) {
            (Some(Value::String(message)), _) => Some(Message::new(&message).to_string()),
            (None, Some(_)) => None,
            _ => return Err(ShapeError::NoMessage(name)),
        };
        let mut reason = Self {
            message: message.clone().unwrap_or_default(),
            severity: member(name, &mut members, "severity")?,
            rule: member(name, &mut members, "rule")?,
            subject: member(name, &mut members, "subject")?,
            path: member::<String>(name, &mut members, "path")?
                .map(|path| Message::new(&path).to_string()),
            duty: None,
        };
        let Some(kind) = members.remove("oblige") else {
            return Ok(reason);
        };
        if !name.ends_with("obligations") {
            return Err(ShapeError::Misplaced(name));
        }
        let duty =
            Duty::read(&kind, members).map_err(|error| ShapeError::Obligation(name, error))?;
        reason.message = message.unwrap_or_else(|| Message::new(&duty.describe()).to_string());
        reason.duty = Some(duty);
        Ok(reason)
    }

    pub(crate) fn order(&self) -> impl Ord {
        let severity = std::cmp::Reverse(self.severity);
        (
            severity,
            &self.message,
            &self.rule,
            &self.subject,
            &self.path,
            &self.duty,
        )
    }
}

fn member<T: serde::de::DeserializeOwned>(
    name: &'static str,
    members: &mut Map<String, Value>,
    member: &'static str,
) -> Result<Option<T>, ShapeError> {
    match members.remove(member) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => serde_json::from_value(value)
            .map(Some)
            .map_err(|error| ShapeError::Member(name, member, Message::new(&error.to_string()))),
    }
}

/// How an answer can be of the wrong shape.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// Nothing is denied because nothing is asked.
    #[error("the policy does not define `{0}`")]
    Undefined(&'static str),
    /// Neither a set nor an object of messages.
    #[error("`{0}` is not a set of reasons")]
    NotASet(&'static str),
    /// Neither a string nor an object.
    #[error("a reason in `{0}` is neither a string nor an object")]
    NotAReason(&'static str),
    /// An object without a message.
    #[error("a reason in `{0}` has no `message`")]
    NoMessage(&'static str),
    /// An obligation among reasons of another kind, where nobody would keep it.
    #[error("a reason in `{0}` has `oblige`, which is for `obligations`")]
    Misplaced(&'static str),
    /// An obligation that nobody could keep.
    #[error("an obligation in `{0}` is none: {1}")]
    Obligation(&'static str, DutyError),
    /// A member of the wrong type.
    #[error("a reason in `{0}` has a wrong `{1}`: {2}")]
    Member(&'static str, &'static str, Message),
}

/// The rules that a gate asks, by their full paths.
pub(crate) struct Rules {
    pub(crate) deny: &'static str,
    pub(crate) warn: &'static str,
    pub(crate) obligations: &'static str,
}

impl Rules {
    /// Those of a gate. What is said of attestations is a question of its own, so that the rules
    /// that somebody wrote for outcomes do not answer it by accident.
    pub(crate) fn of(gate: &str) -> &'static Self {
        match gate {
            "attestation" => &ATTESTATION,
            _ => &GATE,
        }
    }
}

const GATE: Rules = Rules {
    deny: "data.casemate.gate.deny",
    warn: "data.casemate.gate.warn",
    obligations: "data.casemate.gate.obligations",
};
const ATTESTATION: Rules = Rules {
    deny: "data.casemate.attestation.deny",
    warn: "data.casemate.attestation.warn",
    obligations: "data.casemate.attestation.obligations",
};

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testkit::{failure, input, now, outcome, verdict};

    #[test]
    fn the_input_reads_as_the_contract_says_and_comes_back() {
        let input = input(&[
            failure("a.env", Severity::High),
            outcome("b.py", Status::Pass),
            verdict("c.py", "python", "unknown"),
            outcome("d.py", Status::NotApplicable),
        ]);
        insta::assert_json_snapshot!(input);
        let json = serde_json::to_string(&input).expect("serialises");
        let back: GateInput = serde_json::from_str(&json).expect("parses");
        assert_eq!(back, input);
    }

    #[test]
    fn an_input_of_another_schema_is_refused() {
        let mut json = serde_json::to_value(input(&[])).expect("serialises");
        json["schema"] = "casemate.gate-input/2".into();
        let error = serde_json::from_value::<GateInput>(json).expect_err("another schema");
        assert!(
            error.to_string().contains("casemate.gate-input/1"),
            "{error}"
        );
    }

    #[test]
    fn only_clean_passes_are_folded() {
        let mut partial = outcome("p", Status::Pass);
        partial.coverage = Coverage::Partial;
        let clean = [
            verdict("i", "npy", "inert"),
            outcome("n", Status::NotApplicable),
        ];
        let others = [
            partial,
            verdict("u", "pickle", "unknown"),
            outcome("e", Status::Error),
        ];
        assert!(clean.iter().all(is_clean));
        assert!(!others.iter().any(is_clean));
        let input = GateInput::new("assess", clean[0].subject.clone(), now())
            .with_outcomes(clean.iter().chain(&others));
        let singles = |o: &&GateOutcome| matches!(o, GateOutcome::Single(_));
        assert_eq!(input.outcomes.iter().filter(singles).count(), 3);
        assert_eq!(input.outcomes.len(), 5);
    }

    #[test]
    fn reasons_are_read_in_every_habit_and_sorted_worst_first() {
        let value = json!([
            "plain\u{1b}",
            {"msg": "conftest", "metadata": {"any": "thing"}},
            {"message": "mild", "severity": "low", "rule": "CM-PKL-001", "path": "a"},
            {"message": "bad", "severity": "critical"},
            "plain\u{1b}",
        ]);
        let reasons = GateReason::list("deny", value).expect("reads");
        let messages: Vec<&str> = reasons.iter().map(|reason| &*reason.message).collect();
        assert_eq!(messages, ["bad", "mild", "conftest", "plain\\u{1b}"]);
        let oblige =
            json!([{"oblige": "log"}, {"oblige": "log", "msg": "for the auditor"}, "tell"]);
        let reasons = GateReason::list("obligations", oblige).expect("reads");
        let duties: Vec<_> = reasons
            .iter()
            .map(|it| (&*it.message, it.duty.is_some()))
            .collect();
        assert_eq!(
            duties,
            [("for the auditor", true), ("log it", true), ("tell", false)]
        );
        let object = json!({"b": true, "a": true});
        assert_eq!(GateReason::list("deny", object).expect("reads").len(), 2);
    }

    #[test]
    fn an_answer_of_another_shape_is_an_error() {
        for (value, expected) in [
            (json!(true), ShapeError::NotASet("deny")),
            (json!({"a": false}), ShapeError::NotASet("deny")),
            (json!([7]), ShapeError::NotAReason("deny")),
            (
                json!([{"rule": "CM-PKL-001"}]),
                ShapeError::NoMessage("deny"),
            ),
            (json!([{"message": 7}]), ShapeError::NoMessage("deny")),
        ] {
            assert_eq!(GateReason::list("deny", value), Err(expected));
        }
        let error = GateReason::list("warn", json!([{"message": "a", "oblige": "log"}]));
        assert_eq!(error, Err(ShapeError::Misplaced("warn")));
        let error = GateReason::list("obligations", json!([{"oblige": "log", "fields": []}]));
        assert!(
            matches!(error, Err(ShapeError::Obligation(..))),
            "{error:?}"
        );
        let error = GateReason::list("warn", json!([{"message": "a", "rule": "X"}]));
        assert!(
            matches!(error, Err(ShapeError::Member("warn", "rule", _))),
            "{error:?}"
        );
        assert_eq!(
            GateAnswer::read(&GATE, [None, None, None]),
            Err(ShapeError::Undefined("data.casemate.gate.deny"))
        );
        let least = GateAnswer::read(&GATE, [Some(json!([])), None, None]).expect("reads");
        assert_eq!(least, GateAnswer::default());
    }
}
