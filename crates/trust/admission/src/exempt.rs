//! What is exempt for a while: whose requests are let through, or which rules do not count.

use casemate_core::{Finding, Suppression, Timestamp};
use casemate_policy::{Expiry, Message, RulePattern};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{pattern::Pattern, review::Request};

/// That somebody answers for requests that would be denied. A request is meant where every list that is there has a pattern that
/// matches; one that names nothing is an error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exemption {
    /// The namespaces, with `*` for any run of characters. An object of the cluster is in none, which `""` names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub namespaces: Vec<Pattern>,
    /// The kinds: `Pod`, `RayCluster`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<Pattern>,
    /// The names of objects.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<Pattern>,
    /// Who asks: `system:serviceaccount:flux-system:*`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<Pattern>,
    /// The rules whose findings do not count: `CM-POD-001`, `CM-POD-*`. Without any, nothing is asked at all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<RulePattern>,
    /// Why that is acceptable.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// Until when: a date, whose day it still covers (UTC), or an RFC 3339 time.
    pub expires: Expiry,
}

impl Exemption {
    /// Whether it is for the request, at whatever time.
    pub fn is_for(&self, request: &Request) -> bool {
        let matches = |patterns: &[Pattern], name: &str| {
            patterns.is_empty() || patterns.iter().any(|it| it.matches(name))
        };
        matches(&self.namespaces, &request.namespace)
            && matches(&self.kinds, &request.kind)
            && matches(&self.names, &request.name)
            && matches(&self.users, &request.user)
    }

    /// Whether it says of nothing what it is for, or of everything that it may have any name, and so would be for everything.
    pub(crate) fn is_boundless(&self) -> bool {
        let is_for_any =
            |patterns: &Vec<Pattern>| patterns.is_empty() || patterns.iter().any(Pattern::is_any);
        [&self.namespaces, &self.kinds, &self.names, &self.users]
            .into_iter()
            .all(is_for_any)
    }

    /// Whether its time is over.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.expires.end() <= now
    }

    /// Whether a finding does not count.
    pub(crate) fn covers(&self, finding: &Finding) -> bool {
        self.rules.iter().any(|rule| rule.matches(&finding.rule))
    }

    /// What a finding that it covers is marked with.
    pub(crate) fn suppression(&self) -> Suppression {
        Suppression {
            reason: Message::new(&self.reason).to_string(),
            owner: Message::new(&self.owner).to_string(),
            expires: Some(self.expires.end()),
        }
    }

    /// It in one line, for people.
    pub fn told(&self) -> String {
        let text = format!(
            "{} answers for it until {}: {}",
            self.owner, self.expires, self.reason
        );
        Message::new(&text).to_string()
    }
}
