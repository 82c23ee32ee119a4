//! What the engine gives.

use std::collections::BTreeMap;

use casemate_core::{
    AssetId, Digest, Event, EventId, Field, LogSource, Severity, Timestamp, canonical_json,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// That events are what a rule looks for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Match {
    /// Its identity: the same events under the same rule have the same one, whenever they are observed again.
    pub id: Digest,
    /// The rule: `CM-RUN-001`, or the id of Sigma.
    pub rule: String,
    /// The rule's title.
    pub title: String,
    /// How bad it is.
    pub level: Severity,
    /// When it happened: the time of the event that completed it; of a window, its end.
    pub event_time: Timestamp,
    /// Who observed the event that completed it.
    pub source: String,
    /// The events that it rests on, in their order; no more than the limit, the last of them.
    pub events: Vec<EventId>,
    /// How many were counted: events, values or rules, as the rule has it.
    pub count: u64,
    /// What the events have in common (`group-by`); of one event, the `fields` that its rule names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, Field>,
    /// What the event that completed it touches.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assets: Vec<AssetId>,
}

impl Match {
    /// The identity of a match of these parts.
    pub(crate) fn identity(
        rule: &str,
        events: &[EventId],
        at: Timestamp,
        fields: &BTreeMap<String, Field>,
    ) -> Digest {
        let parts = ("casemate match v1", rule, events, at, fields);
        Digest::of(&canonical_json(&parts).expect("a match has only text keys"))
    }
}

/// That something of what was observed no longer counts. None of it is silent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Notice {
    /// What happened.
    pub kind: NoticeKind,
    /// The rule whose matches may be missing for it.
    pub rule: String,
    /// How often.
    pub count: u64,
}

/// What is forgotten, and why.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum NoticeKind {
    /// A match of a rule came later than the stated lateness, and was not correlated.
    Late,
    /// A match of a rule does not have the fields that a correlation groups by, and was not correlated.
    Ungrouped,
    /// A group of a correlation was forgotten, because there were more than the limit.
    Evicted,
    /// Matches were put in order before their time, because more were waiting than the limit: of those
    /// that are still to come, some will be late.
    Hurried,
    /// A correlation counts further than the limit lets it, and cannot match.
    OutOfReach,
}

impl NoticeKind {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Late => "late",
            Self::Ungrouped => "ungrouped",
            Self::Evicted => "evicted",
            Self::Hurried => "hurried",
            Self::OutOfReach => "out-of-reach",
        }
    }
}

impl Notice {
    /// The notice as an event of its own, told by `source` at a time of the caller's clock.
    pub fn event(&self, at: Timestamp, source: &str) -> Event {
        let log_source = LogSource {
            category: Some("detection".into()),
            product: Some("casemate".into()),
            service: Some("detect".into()),
        };
        let count = i64::try_from(self.count).unwrap_or(i64::MAX);
        let fields = BTreeMap::from([
            ("Operation".to_owned(), Field::from(self.kind.as_str())),
            ("Rule".to_owned(), Field::from(&*self.rule)),
            ("Count".to_owned(), Field::Integer(count)),
        ]);
        Event::new(at, at, source, log_source, Vec::new(), fields)
    }
}
