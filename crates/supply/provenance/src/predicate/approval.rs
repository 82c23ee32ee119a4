//! That somebody approved what a gate is asked. The subject is the canonical input of the gate, by its
//! digest, and is called what the input is about, so that a trust store can say who approves what.

use serde::{Deserialize, Serialize};

use super::Predicate;

/// An approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Approval {
    /// The gate that asks.
    pub gate: String,
    /// When it was approved, in RFC 3339.
    pub approved_on: String,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Predicate for Approval {
    const TYPE: &'static str = "urn:casemate:predicate:approval:v1";

    fn says(&self) -> String {
        let said = format!(
            "approved for the gate {} on {}",
            self.gate, self.approved_on
        );
        match &self.reason {
            Some(reason) => format!("{said}: {reason}"),
            None => said,
        }
    }
}
