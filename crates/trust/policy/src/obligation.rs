//! What a policy obliges a gate to.

use std::{collections::BTreeSet, fmt, str::FromStr};

use casemate_core::Timestamp;
use schemars::JsonSchema;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::engine::Message;

/// What has to be done for something to pass: a member of `obligations` that has `oblige`. They are kept
/// in the order in which they stand here, so that what is logged has the proofs of all others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(tag = "oblige", rename_all = "lowercase")]
pub enum Duty {
    /// Parts of what is let through are masked.
    Mask {
        /// JSON pointers (RFC 6901) into what is let through.
        fields: Vec<String>,
    },
    /// People approve the gate's input.
    Approve {
        /// Who may, by their names in a trust store.
        by: Vec<String>,
        /// How many of them have to.
        threshold: usize,
    },
    /// The decision holds for a while.
    Expire(Term),
    /// The decision is logged, also where it is a denial.
    Log,
}

/// Until when a decision holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Term {
    /// So long after the gate was asked: `24h`.
    After(Span),
    /// Until then, in RFC 3339.
    At(#[schemars(with = "String")] Timestamp),
}

/// A time span: a whole number of one unit, `30s`, `15m`, `24h` or `7d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, JsonSchema)]
#[schemars(with = "String")]
pub struct Span {
    seconds: i64,
}

impl Duty {
    /// The obligation in words, where the policy has none of its own.
    pub fn describe(&self) -> String {
        match self {
            Self::Mask { fields } => format!("mask {}", fields.join(", ")),
            Self::Approve { by, threshold } if *threshold == by.len() => {
                format!("have it approved by {}", by.join(" and "))
            }
            Self::Approve { by, threshold } => {
                format!("have it approved by {threshold} of {}", by.join(", "))
            }
            Self::Expire(Term::After(span)) => format!("let it hold for {span}"),
            Self::Expire(Term::At(at)) => format!("let it hold until {at}"),
            Self::Log => "log it".to_owned(),
        }
    }

    /// Reads `kind` and the members that are left of an obligation once those of every reason are gone.
    /// What nobody would look at is an error: a member that is misspelt would oblige to nothing.
    pub(crate) fn read(kind: &Value, mut members: Map<String, Value>) -> Result<Self, DutyError> {
        let kind = kind.as_str().ok_or(DutyError::Kind(one_line(kind)))?;
        let duty = match kind {
            "mask" => Self::Mask {
                fields: texts(&mut members, "fields", is_pointer)?,
            },
            "approve" => approve(&mut members)?,
            "expire" => Self::Expire(term(&mut members)?),
            "log" => Self::Log,
            other => return Err(DutyError::Kind(Message::new(other))),
        };
        match members.keys().next() {
            Some(name) => Err(DutyError::Unknown(Message::new(name), Message::new(kind))),
            None => Ok(duty),
        }
    }
}

/// What is wrong with an obligation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DutyError {
    /// There is none of this kind.
    #[error("there is no obligation `{0}`; these are: approve, expire, log, mask")]
    Kind(Message),
    /// A member that this kind does not have.
    #[error("`{0}` is no member of the obligation `{1}`")]
    Unknown(Message, Message),
    /// A member of another shape, or that is not there.
    #[error("`{0}` has to be {1}")]
    Member(&'static str, &'static str),
}

fn approve(members: &mut Map<String, Value>) -> Result<Duty, DutyError> {
    let by = texts(members, "by", |name| !name.is_empty())?;
    let threshold = match members.remove("threshold") {
        None => by.len(),
        Some(number) => number
            .as_u64()
            .and_then(|number| usize::try_from(number).ok())
            .filter(|number| (1..=by.len()).contains(number))
            .ok_or(DutyError::Member(
                "threshold",
                "a number from 1 to that of `by`",
            ))?,
    };
    Ok(Duty::Approve { by, threshold })
}

fn term(members: &mut Map<String, Value>) -> Result<Term, DutyError> {
    const EITHER: DutyError = DutyError::Member("after", "there, or `at`, and not both");
    let wrong_at = DutyError::Member("at", "a time in RFC 3339");
    let wrong_after = DutyError::Member("after", "a number of s, m, h or d, such as \"24h\"");
    match (members.remove("after"), members.remove("at")) {
        (Some(Value::String(after)), None) => match after.parse() {
            Ok(span) => Ok(Term::After(span)),
            Err(NoSpan) => Err(wrong_after),
        },
        (None, Some(Value::String(at))) => match at.parse() {
            Ok(at) => Ok(Term::At(at)),
            Err(_) => Err(wrong_at),
        },
        (Some(_), None) => Err(wrong_after),
        (None, Some(_)) => Err(wrong_at),
        _ => Err(EITHER),
    }
}

/// A list of texts that are all different and all right; at least one.
fn texts(
    members: &mut Map<String, Value>,
    name: &'static str,
    is_right: fn(&str) -> bool,
) -> Result<Vec<String>, DutyError> {
    let wrong = match name {
        "fields" => DutyError::Member(name, "a list of different JSON pointers"),
        _ => DutyError::Member(name, "a list of different names"),
    };
    let Some(Value::Array(items)) = members.remove(name) else {
        return Err(wrong);
    };
    let mut texts = BTreeSet::new();
    let count = items.len();
    for item in items {
        match item {
            Value::String(text) if is_right(&text) => texts.insert(text),
            _ => return Err(wrong),
        };
    }
    match texts.len() {
        0 => Err(wrong),
        len if len != count || len > MOST => Err(wrong),
        _ => Ok(texts.into_iter().collect()),
    }
}

/// RFC 6901, section 3; the empty one, which is the whole, too.
fn is_pointer(text: &str) -> bool {
    let mut after_tilde = text.split('~').skip(1);
    (text.is_empty() || text.starts_with('/'))
        && after_tilde.all(|rest| rest.starts_with(['0', '1']))
}

fn one_line(value: &Value) -> Message {
    Message::new(&value.to_string())
}

impl Span {
    /// The moment so long after `from`; none where the calendar ends before.
    pub fn after(self, from: Timestamp) -> Option<Timestamp> {
        let second = from.as_second().checked_add(self.seconds)?;
        Timestamp::new(second, from.subsec_nanosecond()).ok()
    }
}

/// A text is no span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a span of time is a number of s, m, h or d, such as 24h")]
pub struct NoSpan;

impl FromStr for Span {
    type Err = NoSpan;

    fn from_str(text: &str) -> Result<Self, NoSpan> {
        let (at, unit) = text.char_indices().last().ok_or(NoSpan)?;
        let scale = UNITS
            .iter()
            .find(|(name, _)| *name == unit)
            .ok_or(NoSpan)?
            .1;
        let digits = &text[..at];
        // `parse` would take a sign.
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(NoSpan);
        }
        let number: i64 = digits.parse().map_err(|_| NoSpan)?;
        match number.checked_mul(scale) {
            Some(seconds) if seconds > 0 => Ok(Self { seconds }),
            _ => Err(NoSpan),
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = |(_, scale): &&(char, i64)| self.seconds % scale == 0;
        let (unit, scale) = UNITS.iter().rfind(whole).unwrap_or(&UNITS[0]);
        write!(f, "{}{unit}", self.seconds / scale)
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

const UNITS: [(char, i64); 4] = [('s', 1), ('m', 60), ('h', 3_600), ('d', 86_400)];

/// How many fields or names one obligation may have.
const MOST: usize = 1_000;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: Value) -> Result<Duty, DutyError> {
        let Value::Object(mut members) = value else {
            panic!("an object");
        };
        let kind = members.remove("oblige").expect("a kind");
        Duty::read(&kind, members)
    }

    #[test]
    fn each_kind_is_read_and_written_alike() {
        for value in [
            json!({"oblige": "log"}),
            json!({"oblige": "mask", "fields": ["", "/a/0/b~1c"]}),
            json!({"oblige": "approve", "by": ["release", "security"], "threshold": 1}),
            json!({"oblige": "expire", "after": "36h"}),
            json!({"oblige": "expire", "at": "2027-01-01T00:00:00Z"}),
        ] {
            let duty = read(value.clone()).expect("reads");
            assert_eq!(serde_json::to_value(&duty).expect("serialises"), value);
            assert!(!duty.describe().is_empty());
        }
    }

    #[test]
    fn everybody_named_has_to_approve_unless_it_says_otherwise() {
        let duty = read(json!({"oblige": "approve", "by": ["b", "a"]})).expect("reads");
        let by = vec!["a".to_owned(), "b".to_owned()];
        assert_eq!(duty, Duty::Approve { by, threshold: 2 });
    }

    #[test]
    fn what_would_oblige_to_less_than_was_meant_is_refused() {
        for (value, expected) in [
            (json!({"oblige": "Log"}), "no obligation `Log`"),
            (json!({"oblige": 7}), "no obligation `7`"),
            (json!({"oblige": ["log"]}), "no obligation"),
            (json!({"oblige": "log", "to": "x"}), "`to` is no member"),
            (json!({"oblige": "mask"}), "`fields` has to be"),
            (json!({"oblige": "mask", "fields": []}), "`fields`"),
            (json!({"oblige": "mask", "fields": "/a"}), "`fields`"),
            (json!({"oblige": "mask", "fields": ["a"]}), "`fields`"),
            (json!({"oblige": "mask", "fields": ["/~2"]}), "`fields`"),
            (json!({"oblige": "mask", "fields": ["/~"]}), "`fields`"),
            (
                json!({"oblige": "mask", "fields": ["/a", "/a"]}),
                "`fields`",
            ),
            (
                json!({"oblige": "mask", "feilds": ["/a"], "fields": ["/a"]}),
                "`feilds`",
            ),
            (json!({"oblige": "approve", "by": []}), "`by`"),
            (
                json!({"oblige": "approve", "by": ["a", "a"], "threshold": 2}),
                "`by`",
            ),
            (
                json!({"oblige": "approve", "by": ["a"], "threshold": 0}),
                "`threshold`",
            ),
            (
                json!({"oblige": "approve", "by": ["a"], "threshold": 2}),
                "`threshold`",
            ),
            (
                json!({"oblige": "approve", "by": ["a"], "threshold": "1"}),
                "`threshold`",
            ),
            (json!({"oblige": "expire"}), "`after`"),
            (json!({"oblige": "expire", "after": 24}), "`after`"),
            (json!({"oblige": "expire", "after": "0h"}), "`after`"),
            (json!({"oblige": "expire", "after": "-1h"}), "`after`"),
            (json!({"oblige": "expire", "after": "1 h"}), "`after`"),
            (json!({"oblige": "expire", "after": "h"}), "`after`"),
            (json!({"oblige": "expire", "after": "1é"}), "`after`"),
            (
                json!({"oblige": "expire", "after": "9999999999999999999d"}),
                "`after`",
            ),
            (json!({"oblige": "expire", "at": "tomorrow"}), "`at`"),
            (
                json!({"oblige": "expire", "after": "1h", "at": "2027-01-01T00:00:00Z"}),
                "not both",
            ),
        ] {
            let error = read(value.clone()).expect_err(expected).to_string();
            assert!(error.contains(expected), "{value}: {error}");
        }
    }

    #[test]
    fn a_span_ends_where_the_calendar_does() {
        let span: Span = "9999999d".parse().expect("a span");
        assert_eq!(span.after(Timestamp::MAX), None);
        let hour: Span = "3600s".parse().expect("a span");
        assert_eq!(hour.to_string(), "1h");
        let after = hour.after(Timestamp::UNIX_EPOCH).expect("a moment");
        assert_eq!(after.to_string(), "1970-01-01T01:00:00Z");
    }
}
