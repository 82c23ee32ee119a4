//! Something that happened, as observed.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{AssetId, Digest, Timestamp, canonical_json};

/// Something that happened. Small, and ours; OCSF, ECS and OpenTelemetry are mapped at the edge.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// Its identity; the same observation delivered twice has the same one.
    pub id: EventId,
    /// When it happened, by the observer's clock.
    pub event_time: Timestamp,
    /// When we received it.
    pub ingest_time: Timestamp,
    /// Who observed it: a sensor's or a gateway's name.
    pub source: String,
    /// What kind of log it belongs to, for matching detections.
    pub log_source: LogSource,
    /// The assets it touches.
    pub assets: Vec<AssetId>,
    /// What was observed, under the field names of its log source.
    pub fields: BTreeMap<String, Field>,
}

impl Event {
    /// An event whose identity is the digest of everything in it but the time we received it.
    pub fn new(
        event_time: Timestamp,
        ingest_time: Timestamp,
        source: impl Into<String>,
        log_source: LogSource,
        assets: Vec<AssetId>,
        fields: BTreeMap<String, Field>,
    ) -> Self {
        let source = source.into();
        let json = canonical_json(&(event_time, &source, &log_source, &assets, &fields))
            .expect("an event has only text keys");
        let id = EventId(Digest::of(&json));
        Self {
            id,
            event_time,
            ingest_time,
            source,
            log_source,
            assets,
            fields,
        }
    }
}

/// The identity of an event.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct EventId(pub Digest);

/// What kind of log an event belongs to; Sigma's `logsource`.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub struct LogSource {
    /// `process_creation`, `network_connection`, `inference` …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// `linux`, `kubernetes`, `casemate` …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// `audit`, `gateway` …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
}

/// A typed value of an event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Field {
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction; finite.
    Float(f64),
    /// Text.
    Text(String),
    /// Several values.
    List(Vec<Self>),
}

impl From<&str> for Field {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_observation_delivered_twice_is_one_event() {
        let at = |seconds| Timestamp::from_second(seconds).expect("in range");
        let seen = |ingest, path: &str| {
            let fields = BTreeMap::from([
                ("path".to_owned(), Field::from(path)),
                ("pid".to_owned(), Field::Integer(7)),
            ]);
            Event::new(
                at(10),
                at(ingest),
                "node-1",
                LogSource::default(),
                Vec::new(),
                fields,
            )
        };
        assert_eq!(seen(11, "/bin/sh").id, seen(60, "/bin/sh").id);
        assert_ne!(seen(11, "/bin/sh").id, seen(11, "/bin/ls").id);
    }

    #[test]
    fn fields_keep_their_type_in_json() {
        let fields = vec![
            Field::Bool(true),
            Field::Integer(-3),
            Field::Float(0.5),
            Field::from("a"),
            Field::List(vec![Field::Integer(1)]),
        ];
        let json = serde_json::to_string(&fields).expect("serialises");
        assert_eq!(json, r#"[true,-3,0.5,"a",[1]]"#);
        assert_eq!(
            serde_json::from_str::<Vec<Field>>(&json).expect("parses"),
            fields
        );
    }
}
