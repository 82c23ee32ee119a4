//! Findings that somebody accepted for a while.

use std::{borrow::Cow, fmt, str::FromStr};

use casemate_core::{AssetId, Digest, RuleId, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{
    engine::Message,
    glob::{PathPattern, PathPatternError},
};

/// That somebody accepts findings for a while. They stay in every report, marked as accepted, and
/// no longer count against the gate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exception {
    /// What is accepted: a rule, `CM-SEC-003`, or a family of them, `CM-SEC-*`.
    pub rule: RulePattern,
    /// Where: a path from what is assessed, with `*`, `?` and `**`; an asset's URN; or a file's
    /// digest, `sha256:...`. A file with the verdict `dangerous` can only be accepted by its digest.
    pub scope: Scope,
    /// Why it is acceptable.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// Until when: a date, whose day it still covers (UTC), or an RFC 3339 time.
    pub expires: Expiry,
}

/// A rule, or all rules of a family or of another tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RulePattern {
    /// That rule.
    One(RuleId),
    /// Every rule of the family: `SEC` of `CM-SEC-*`.
    Family(String),
    /// Every rule of another tool: `checkov` of `checkov:*`.
    Tool(String),
}

impl RulePattern {
    /// Whether `rule` is that one, or one of them.
    pub fn matches(&self, rule: &RuleId) -> bool {
        match self {
            Self::One(one) => one == rule,
            Self::Family(family) => rule.tool().is_none() && family == rule.family(),
            Self::Tool(tool) => rule.tool() == Some(tool),
        }
    }
}

impl FromStr for RulePattern {
    type Err = ExceptionError;

    fn from_str(text: &str) -> Result<Self, ExceptionError> {
        let wrong = |_| ExceptionError::Rule(Message::new(text));
        if let Some(start) = text.strip_suffix('*') {
            // A family is what makes a rule's name when a number follows.
            let rule: RuleId = format!("{start}000").parse().map_err(wrong)?;
            return match (rule.tool(), start.strip_suffix(':')) {
                (None, _) => Ok(Self::Family(rule.family().to_owned())),
                (Some(tool), Some(_)) => Ok(Self::Tool(tool.to_owned())),
                // The rules of another tool have no families that everybody knows.
                (Some(_), None) => Err(ExceptionError::Rule(Message::new(text))),
            };
        }
        text.parse().map(Self::One).map_err(wrong)
    }
}

impl fmt::Display for RulePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(rule) => write!(f, "{rule}"),
            Self::Family(family) => write!(f, "CM-{family}-*"),
            Self::Tool(tool) => write!(f, "{tool}:*"),
        }
    }
}

/// Where an exception holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// In files whose path from what is assessed matches.
    Path(PathPattern),
    /// In that asset.
    Asset(AssetId),
    /// In the file with that digest, wherever it lies.
    Digest(Digest),
}

impl Scope {
    /// Whether the scope is that digest, and so says which bytes were looked at.
    pub(crate) fn names(&self, digest: Option<Digest>) -> bool {
        let named = match self {
            Self::Digest(named) | Self::Asset(AssetId::Artifact { digest: named }) => named,
            Self::Path(_) | Self::Asset(_) => return false,
        };
        digest == Some(*named)
    }
}

impl FromStr for Scope {
    type Err = ExceptionError;

    fn from_str(text: &str) -> Result<Self, ExceptionError> {
        if text.starts_with("urn:") {
            return Ok(Self::Asset(text.parse()?));
        }
        if text.starts_with("sha256:") {
            return Ok(Self::Digest(text.parse()?));
        }
        Ok(Self::Path(text.parse()?))
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(pattern) => f.write_str(Message::new(&pattern.to_string()).as_str()),
            Self::Asset(asset) => write!(f, "{asset}"),
            Self::Digest(digest) => write!(f, "{digest}"),
        }
    }
}

/// When an exception ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expiry {
    text: String,
    end: Timestamp,
}

impl Expiry {
    /// The first moment at which it no longer holds.
    pub fn end(&self) -> Timestamp {
        self.end
    }
}

impl FromStr for Expiry {
    type Err = ExceptionError;

    fn from_str(text: &str) -> Result<Self, ExceptionError> {
        let wrong = || ExceptionError::Expires(Message::new(text));
        let end = if text.len() == "2027-01-31".len() {
            let start: Timestamp = format!("{text}T00:00:00Z").parse().map_err(|_| wrong())?;
            Timestamp::from_second(start.as_second() + SECONDS_OF_A_DAY).map_err(|_| wrong())?
        } else {
            text.parse().map_err(|_| wrong())?
        };
        Ok(Self {
            text: text.to_owned(),
            end,
        })
    }
}

impl fmt::Display for Expiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Expiry {
    /// From text, or from a date or an offset date-time as TOML has them.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Expiry;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a date or an RFC 3339 time")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Expiry, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Expiry, A::Error> {
                let map = de::value::MapAccessDeserializer::new(map);
                let datetime = toml::value::Datetime::deserialize(map)?;
                self.visit_str(&datetime.to_string())
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

/// Why a text is not a part of an exception.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExceptionError {
    /// Neither a rule nor a family.
    #[error("`{0}` is neither a rule, as CM-SEC-003, nor a family of rules, as CM-SEC-*")]
    Rule(Message),
    /// Neither a date nor a time.
    #[error("`{0}` is neither a date, as 2027-01-31, nor an RFC 3339 time")]
    Expires(Message),
    /// Not an asset's identity.
    #[error(transparent)]
    Asset(#[from] casemate_core::AssetIdError),
    /// Not a digest.
    #[error(transparent)]
    Digest(#[from] casemate_core::DigestError),
    /// Not a pattern of paths.
    #[error(transparent)]
    Path(#[from] PathPatternError),
}

/// The three texts are written and described alike.
macro_rules! text {
    ($type:ident, $schema:tt) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!($schema)
            }
        }
    };
}

text!(RulePattern, { "type": "string", "pattern": "^(CM-[A-Z]{2,6}-([0-9]{3}|\\*)|[a-z0-9][a-z0-9._-]{0,31}:([A-Za-z0-9._/@+:%-]{1,256}|\\*))$" });
text!(Scope, { "type": "string", "minLength": 1 });
text!(Expiry, {
    "type": "string",
    "anyOf": [{ "format": "date" }, { "format": "date-time" }],
});

impl<'de> Deserialize<'de> for RulePattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

const SECONDS_OF_A_DAY: i64 = 86_400;

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct File {
        #[serde(rename = "exception")]
        exceptions: Vec<Exception>,
    }

    #[test]
    fn what_is_not_an_exception_says_why() {
        let whole = |field: &str, value: &str| {
            let fields = [
                ("rule", "\"CM-SEC-*\""),
                ("scope", "\"a\""),
                ("reason", "\"r\""),
                ("owner", "\"o\""),
                ("expires", "2027-01-31"),
            ];
            let mut text = "[[exception]]\n".to_owned();
            for (name, fallback) in fields {
                let value = if name == field { value } else { fallback };
                text.push_str(&format!("{name} = {value}\n"));
            }
            toml::from_str::<File>(&text)
        };
        assert_eq!(whole("", "").expect("parses").exceptions.len(), 1);
        assert!(whole("expires", "2027-01-31T10:00:00+01:00").is_ok());
        for (field, value, expected) in [
            ("rule", "\"*\"", "neither a rule"),
            ("rule", "\"CM-*\"", "neither a rule"),
            ("rule", "\"checkov:CKV_*\"", "neither a rule"),
            ("rule", "\"Checkov:*\"", "neither a rule"),
            ("scope", "\"/etc\"", "relative to what is assessed"),
            ("scope", "\"urn:casemate:moon:a\"", "unknown type"),
            ("scope", "\"sha256:00\"", "64 lower-case"),
            ("expires", "\"soon\"", "neither a date"),
            ("expires", "2027-01-31T10:00:00", "neither a date"),
            ("expires", "\"2027-02-30\"", "neither a date"),
            ("expires", "7", "a date or an RFC 3339 time"),
        ] {
            let error = whole(field, value).err().expect(value).to_string();
            assert!(error.contains(expected), "{field} = {value}: {error}");
        }
        let unknown = toml::from_str::<File>("[[exception]]\nwho = 1\n")
            .err()
            .expect("unknown");
        assert!(
            unknown.to_string().contains("unknown field `who`"),
            "{unknown}"
        );
    }

    #[test]
    fn all_rules_of_another_tool_are_accepted_together() {
        let pattern: RulePattern = "checkov:*".parse().expect("a tool");
        let matches = |rule: &str| pattern.matches(&rule.parse().expect("a rule"));
        assert!(matches("checkov:CKV_AWS_18") && !matches("trivy:CKV_AWS_18"));
        assert!(!matches("CM-AWS-006"));
        assert_eq!(pattern.to_string(), "checkov:*");
    }

    #[test]
    fn an_exception_comes_back_from_its_json() {
        let exception = Exception {
            rule: "CM-SEC-*".parse().expect("a family"),
            scope: "tests/**".parse().expect("a pattern"),
            reason: "known".into(),
            owner: "team".into(),
            expires: "2027-01-31".parse().expect("a date"),
        };
        let json = serde_json::to_string(&exception).expect("serialises");
        assert_eq!(
            serde_json::from_str::<Exception>(&json).expect("parses"),
            exception
        );
    }
}
