//! What is wrong, where, and how to recognise it tomorrow.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{AssetId, Confidence, Hasher, PathText, Rule, RuleId, Severity, Timestamp};

/// One thing that is wrong with an asset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// The rule that it breaks.
    pub rule: RuleId,
    /// How bad it is; the rule's, unless the check knew better.
    pub severity: Severity,
    /// How sure we are.
    pub confidence: Confidence,
    /// What it is about.
    pub asset: AssetId,
    /// Where it can be seen.
    pub location: Location,
    /// What is wrong, in one sentence that names the things it speaks of.
    pub message: String,
    /// What to do, in one line; the rule's.
    pub remediation: String,
    /// What the message rests on. Never holds a whole secret.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
    /// The other tools that report it, as they say it. Where the rule is another tool's, the first of them is
    /// whose finding it is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reported_by: Vec<Reported>,
    /// How to recognise this finding in another run.
    pub fingerprint: Fingerprint,
    /// Who accepted it, and until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suppression: Option<Suppression>,
    /// Whether the earlier report that this run is compared with has it, too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unchanged: bool,
}

impl Finding {
    /// A finding of `rule` at `location`.
    ///
    /// `path` is the file's path from the root that was assessed, so that the fingerprint does not
    /// depend on how the user spelled that root. `anchor` is what the check holds on to when lines
    /// and offsets move: a symbol, a member's name, a resource's address, a key.
    pub fn new(
        rule: &Rule,
        asset: &AssetId,
        path: &PathText,
        location: Location,
        anchor: &str,
        message: impl Into<String>,
    ) -> Self {
        Self {
            rule: rule.id.clone(),
            severity: rule.severity,
            confidence: rule.confidence,
            asset: asset.clone(),
            fingerprint: Fingerprint::new(&rule.id, asset, path, &location.members, anchor),
            location,
            message: message.into(),
            remediation: rule.remediation.clone().into_owned(),
            evidence: Vec::new(),
            reported_by: Vec::new(),
            suppression: None,
            unchanged: false,
        }
    }

    /// Whether somebody has to act on it: nobody accepted it, and it is not from before.
    pub fn is_open(&self) -> bool {
        self.suppression.is_none() && !self.unchanged
    }

    /// The finding with one more piece of evidence.
    #[must_use]
    pub fn with_evidence(mut self, label: &str, value: impl Into<String>) -> Self {
        self.evidence.push(Evidence {
            label: label.to_owned(),
            value: value.into(),
        });
        self
    }
}

/// Where something stands: a file, a member of it, a place in that.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub struct Location {
    /// The file's path, as the user gave it and the rest of the way.
    pub file: PathText,
    /// The way into nested containers, outermost first; empty when the file itself is meant.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<String>,
    /// The place in the file, or in the innermost member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
}

impl fmt::Display for Location {
    /// `models/a.pt!archive/data.pkl@0x1c` or `src/a.py:3:7`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        self.members
            .iter()
            .try_for_each(|member| write!(f, "!{member}"))?;
        match self.region {
            None => Ok(()),
            Some(Region::Bytes { start, .. }) => write!(f, "@{start:#x}"),
            Some(Region::Text { line, column, .. }) => write!(f, ":{line}:{column}"),
        }
    }
}

/// A place in a file.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase", tag = "unit")]
pub enum Region {
    /// Bytes of a binary file.
    Bytes {
        /// The first byte, counted from zero.
        start: u64,
        /// How many bytes.
        length: u64,
    },
    /// Text between two positions.
    Text {
        /// The first line, counted from one.
        line: u64,
        /// The first column, in characters, counted from one.
        column: u64,
        /// The last line.
        end_line: u64,
        /// The column after the last character.
        end_column: u64,
    },
}

/// A fact that a finding rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    /// What it is: `opcode`, `callee`, `redacted` …
    pub label: String,
    /// What it says.
    pub value: String,
}

/// What another tool says of a finding, in its own words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reported {
    /// The tool's name.
    pub tool: String,
    /// Its version, where its report has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Its name of the rule.
    pub rule: String,
    /// How bad it says that is, in its own word, and what that was taken for: `HIGH is high`.
    pub severity: String,
    /// The report, as the caller named it.
    pub source: String,
    /// Why it was accepted there, where it was. That accepts nothing that a check of ours found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<String>,
    /// What the tool's own comparison with an earlier run says: `new`, `unchanged`, `updated`. Nothing here rests
    /// on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<String>,
}

impl Reported {
    /// The tool with its version: `Checkov 3.3.30`.
    pub fn by(&self) -> String {
        match &self.version {
            Some(version) => format!("{} {version}", self.tool),
            None => self.tool.clone(),
        }
    }
}

impl fmt::Display for Reported {
    /// `Checkov 3.3.30 as CKV_AWS_18 (HIGH is high)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} as {} ({})", self.by(), self.rule, self.severity)?;
        match &self.accepted {
            Some(why) if why.is_empty() => f.write_str(", accepted there"),
            Some(why) => write!(f, ", accepted there: {why}"),
            None => Ok(()),
        }
    }
}

/// How a finding is recognised in another run: a hash of its rule, its asset without the digest,
/// its path with the way into containers, and the check's anchor. Never of an offset or a line.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 16]);

impl Fingerprint {
    /// The fingerprint of a finding; see [`Finding::new`] for the parts.
    pub fn new(
        rule: &RuleId,
        asset: &AssetId,
        path: &PathText,
        members: &[String],
        anchor: &str,
    ) -> Self {
        let mut hasher = Hasher::default();
        hasher
            .part(b"casemate fingerprint v1")
            .part(rule.as_str().as_bytes())
            .part(asset.stem().as_bytes())
            .part(path.as_str().as_bytes())
            .part(&(members.len() as u64).to_le_bytes());
        for member in members {
            hasher.part(member.as_bytes());
        }
        hasher.part(anchor.as_bytes());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hasher.finish().as_bytes()[..16]);
        Self(bytes)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Fingerprint {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str = "a fingerprint has 32 lower-case hexadecimal digits";
        if text.len() != 32
            || text
                .bytes()
                .any(|b| !b.is_ascii_hexdigit() || b.is_ascii_uppercase())
        {
            return Err(WRONG);
        }
        u128::from_str_radix(text, 16)
            .map(|n| Self(n.to_be_bytes()))
            .map_err(|_| WRONG)
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Fingerprint {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Fingerprint".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "How a finding is recognised in another run.",
            "pattern": "^[0-9a-f]{32}$",
        })
    }
}

/// That somebody accepted a finding for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Suppression {
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// When it ends; what another tool's report accepts may have no end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Digest;

    fn artifact(bytes: &[u8]) -> AssetId {
        AssetId::Artifact {
            digest: Digest::of(bytes),
        }
    }

    #[test]
    fn a_fingerprint_survives_retraining_and_does_not_survive_moving() {
        let rule = RuleId::new("CM-PKL-001");
        let of = |asset: &AssetId, path: &str, members: &[&str]| {
            let members: Vec<String> = members.iter().map(|m| (*m).to_owned()).collect();
            Fingerprint::new(&rule, asset, &path.into(), &members, "os.system")
        };
        let before = of(&artifact(b"v1"), "a.pt", &["data.pkl"]);
        assert_eq!(before, of(&artifact(b"v2"), "a.pt", &["data.pkl"]));
        assert_ne!(before, of(&artifact(b"v1"), "b.pt", &["data.pkl"]));
        assert_ne!(before, of(&artifact(b"v1"), "a.pt", &["data", "pkl"]));
    }

    #[test]
    fn a_location_reads_from_the_outside_in() {
        let location = Location {
            file: "m/a.pt".into(),
            members: vec!["archive/data.pkl".into()],
            region: Some(Region::Bytes {
                start: 28,
                length: 2,
            }),
        };
        assert_eq!(location.to_string(), "m/a.pt!archive/data.pkl@0x1c");
    }

    proptest! {
        #[test]
        fn fingerprints_depend_on_every_part_and_its_boundary(
            path in "[a-c/]{0,4}", other in "[a-c/]{0,4}", anchor in "[a-c/]{0,4}",
            members in proptest::collection::vec("[a-c]{0,2}", 0..3),
        ) {
            let rule = RuleId::new("CM-PKL-001");
            let of = |path: &str, members: &[String], anchor: &str| {
                Fingerprint::new(&rule, &artifact(b""), &path.into(), members, anchor)
            };
            let one = of(&path, &members, &anchor);
            prop_assert_eq!(one == of(&other, &members, &anchor), path == other);
            prop_assert_eq!(one == of(&path, &members, &other), anchor == other);
            let mut longer = members.clone();
            longer.push(anchor.clone());
            prop_assert_ne!(one, of(&path, &longer, ""));
            prop_assert_eq!(one.to_string().parse(), Ok(one));
        }

        #[test]
        fn no_text_panics_the_fingerprint_parser(text in ".{0,40}") {
            let _ = text.parse::<Fingerprint>();
        }
    }
}
