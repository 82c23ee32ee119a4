//! What can be wrong, said once.

use std::{borrow::Cow, fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One thing that can be wrong. Rules stand beside the check that reports them, as constants or as
/// rows of a data file; `casemate explain`, the SARIF rule table and the book's pages come from
/// here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Rule {
    /// Its name, for ever.
    pub id: RuleId,
    /// What is wrong, in a few words.
    pub title: Cow<'static, str>,
    /// How bad it is.
    pub severity: Severity,
    /// How often a finding of this rule is right.
    pub confidence: Confidence,
    /// What it means and why it matters: a paragraph.
    pub description: Cow<'static, str>,
    /// What to do about it: the imperative, one line.
    pub remediation: Cow<'static, str>,
    /// Where else it is described.
    pub references: Cow<'static, [Reference]>,
    /// An input the rule must report, which is also its test.
    #[serde(skip)]
    pub bad: Option<Example>,
    /// A similar input the rule must pass, which is also its test.
    #[serde(skip)]
    pub good: Option<Example>,
}

/// A rule's name. Ours are `CM-<FAMILY>-<NNN>`, two to six capital letters and three digits. One of
/// another tool is `<tool>:<rule>`: small letters, digits, `.`, `_` and `-`, then a colon, which ours never
/// have, and the tool's own name of the rule.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleId(Cow<'static, str>);

impl RuleId {
    /// A rule's name that stands in the code.
    ///
    /// # Panics
    ///
    /// At compile time, where the text is not a rule's name.
    pub const fn new(text: &'static str) -> Self {
        assert!(
            is_rule_id(text.as_bytes()),
            "a rule id is CM-<FAMILY>-<NNN>"
        );
        Self(Cow::Borrowed(text))
    }

    /// The name of another tool's rule. The tool is written in small letters with dashes, and of the rule
    /// what is not a letter, a digit or one of `._/@+:-` as `%XX`, byte for byte.
    ///
    /// # Errors
    ///
    /// Where nothing is left of a name, or more than 32 bytes of the tool's or 256 of the rule's as it is
    /// written here.
    pub fn of_tool(tool: &str, rule: &str) -> Result<Self, RuleIdError> {
        let mut text = slug(tool);
        text.push(':');
        for byte in rule.bytes() {
            match is_of_foreign_rule(byte) && byte != b'%' {
                true => text.push(char::from(byte)),
                false => text.push_str(&format!("%{byte:02X}")),
            }
        }
        if !is_foreign_rule_id(&text) {
            return Err(RuleIdError(format!("{tool}:{rule}")));
        }
        Ok(Self(Cow::Owned(text)))
    }

    /// The whole name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The family: `PKL` of `CM-PKL-001`; of another tool's rule, the tool.
    pub fn family(&self) -> &str {
        match self.tool() {
            Some(tool) => tool,
            None => self.0.split('-').nth(1).unwrap_or_default(),
        }
    }

    /// The tool, where the rule is none of ours.
    pub fn tool(&self) -> Option<&str> {
        self.0.split_once(':').map(|(tool, _)| tool)
    }
}

/// The most bytes of a tool's name.
const MOST_TOOL: usize = 32;
/// The most bytes of a tool's name of a rule, as it is written here.
const MOST_RULE: usize = 256;

impl FromStr for RuleId {
    type Err = RuleIdError;

    fn from_str(text: &str) -> Result<Self, RuleIdError> {
        if !is_rule_id(text.as_bytes()) && !is_foreign_rule_id(text) {
            return Err(RuleIdError(text.to_owned()));
        }
        Ok(Self(Cow::Owned(text.to_owned())))
    }
}

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for RuleId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for RuleId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for RuleId {
    fn schema_name() -> Cow<'static, str> {
        "RuleId".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "A rule's stable name.",
            "pattern": "^(CM-[A-Z]{2,6}-[0-9]{3}|[a-z0-9][a-z0-9._-]{0,31}:[A-Za-z0-9._/@+:%-]{1,256})$",
        })
    }
}

/// A text that is not a rule's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a rule id: those look like CM-PKL-001, or checkov:CKV_AWS_18 for another tool's"
)]
pub struct RuleIdError(String);

/// How bad a finding is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; nothing to do.
    Info,
    /// A weakness that needs another one to hurt.
    Low,
    /// A weakness to plan the repair of.
    Medium,
    /// A weakness to repair before this ships.
    High,
    /// Code execution, or a live credential: stop.
    Critical,
}

impl Severity {
    /// From the mildest to the worst.
    pub const ALL: [Self; 5] = [
        Self::Info,
        Self::Low,
        Self::Medium,
        Self::High,
        Self::Critical,
    ];

    /// The name used in JSON and on screen.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How often a finding is right.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// A hint: look before acting.
    Low,
    /// Mostly right.
    Medium,
    /// Right, but for what nobody thought of.
    High,
}

impl Confidence {
    /// The name used in JSON and on screen.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// An identifier of a public catalogue, as that catalogue spells it: `CWE-502`, `AML.T0011.000`
/// (MITRE ATLAS), `T1552.001` (MITRE ATT&CK), `LLM03:2025` (OWASP Top 10 for LLM applications),
/// `ML06:2023` (OWASP Machine Learning Security Top 10), `CVE-2025-1716`, or an `https` address.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Reference(pub Cow<'static, str>);

impl Reference {
    /// A reference that stands in the code.
    pub const fn new(text: &'static str) -> Self {
        Self(Cow::Borrowed(text))
    }

    /// The identifier.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The page that explains it, where its catalogue has one page for each.
    pub fn url(&self) -> Option<String> {
        let text = self.as_str();
        if text.starts_with("https://") {
            return Some(text.to_owned());
        }
        if let Some(number) = text.strip_prefix("CWE-") {
            return Some(format!(
                "https://cwe.mitre.org/data/definitions/{number}.html"
            ));
        }
        if text.starts_with("CVE-") {
            return Some(format!("https://nvd.nist.gov/vuln/detail/{text}"));
        }
        if text.starts_with("GHSA-") {
            return Some(format!("https://github.com/advisories/{text}"));
        }
        if text.starts_with("AML.T") {
            return Some(format!("https://atlas.mitre.org/techniques/{text}"));
        }
        if text.starts_with('T') && text[1..].starts_with(|c: char| c.is_ascii_digit()) {
            return Some(format!(
                "https://attack.mitre.org/techniques/{}/",
                text.replace('.', "/")
            ));
        }
        if text.starts_with("LLM") {
            return Some("https://genai.owasp.org/llm-top-10/".to_owned());
        }
        if text.starts_with("ML") {
            return Some(
                "https://owasp.org/www-project-machine-learning-security-top-10/".to_owned(),
            );
        }
        None
    }
}

/// A file that shows a rule at work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// What the file is called.
    pub name: Cow<'static, str>,
    /// What it holds.
    pub content: Cow<'static, [u8]>,
}

impl Example {
    /// An example that stands in the code.
    pub const fn new(name: &'static str, content: &'static [u8]) -> Self {
        Self {
            name: Cow::Borrowed(name),
            content: Cow::Borrowed(content),
        }
    }
}

const fn is_rule_id(text: &[u8]) -> bool {
    if text.len() < 9 || text.len() > 13 || text[0] != b'C' || text[1] != b'M' || text[2] != b'-' {
        return false;
    }
    let dash = text.len() - 4;
    let mut at = 3;
    while at < text.len() {
        let good = if at < dash {
            text[at].is_ascii_uppercase()
        } else if at == dash {
            text[at] == b'-'
        } else {
            text[at].is_ascii_digit()
        };
        if !good {
            return false;
        }
        at += 1;
    }
    true
}

/// A tool's name as part of the names of its rules.
fn slug(tool: &str) -> String {
    let mut text = String::new();
    for c in tool.chars().flat_map(char::to_lowercase) {
        if c.is_ascii_alphanumeric() || (matches!(c, '.' | '_') && !text.is_empty()) {
            text.push(c);
        } else if !text.is_empty() && !text.ends_with('-') {
            text.push('-');
        }
    }
    text.truncate(MOST_TOOL);
    text.trim_end_matches('-').to_owned()
}

fn is_foreign_rule_id(text: &str) -> bool {
    let Some((tool, rule)) = text.split_once(':') else {
        return false;
    };
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let (tool, rule) = (tool.as_bytes(), rule.as_bytes());
    tool.first().is_some_and(|&byte| is_plain(byte))
        && (tool.iter()).all(|&byte| is_plain(byte) || b"._-".contains(&byte))
        && (1..=MOST_TOOL).contains(&tool.len())
        && (1..=MOST_RULE).contains(&rule.len())
        && rule.iter().all(|&byte| is_of_foreign_rule(byte))
}

fn is_of_foreign_rule(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._/@+:%-".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_ids_have_one_form() {
        for good in ["CM-PKL-001", "CM-EX-999", "CM-ABCDEF-000"] {
            assert_eq!(good.parse::<RuleId>().expect(good).as_str(), good);
        }
        for bad in [
            "",
            "PKL-001",
            "CM-P-001",
            "CM-PKL-1",
            "CM-PKL-0001",
            "CM-pkl-001",
            "CM--001",
        ] {
            assert!(bad.parse::<RuleId>().is_err(), "{bad}");
        }
        assert_eq!(RuleId::new("CM-PKL-001").family(), "PKL");
    }

    #[test]
    fn rules_of_other_tools_have_a_space_of_their_own() {
        for (tool, rule, id) in [
            ("Checkov", "CKV_AWS_18", "checkov:CKV_AWS_18"),
            ("Semgrep OSS", "python.lang.x", "semgrep-oss:python.lang.x"),
            ("Trivy", "CM-PKL-001", "trivy:CM-PKL-001"),
            ("a", "b c%\u{e4}", "a:b%20c%25%C3%A4"),
        ] {
            let made = RuleId::of_tool(tool, rule).expect(id);
            assert_eq!(made.as_str(), id);
            assert_eq!(id.parse::<RuleId>(), Ok(made.clone()));
            assert_eq!(made.tool(), Some(made.family()));
        }
        for (tool, rule) in [
            ("", "a"),
            ("\u{202e}", "a"),
            ("a", ""),
            ("a", &*"b".repeat(257)),
        ] {
            assert!(RuleId::of_tool(tool, rule).is_err(), "{tool}:{rule}");
        }
        for bad in ["Checkov:a", "-a:b", "a:b c", "a:*", ":a", "a:"] {
            assert!(bad.parse::<RuleId>().is_err(), "{bad}");
        }
        assert_eq!(RuleId::new("CM-PKL-001").tool(), None);
    }

    #[test]
    fn references_lead_to_their_catalogue() {
        let url = |text| Reference::new(text).url().unwrap_or_default();
        assert_eq!(
            url("CWE-502"),
            "https://cwe.mitre.org/data/definitions/502.html"
        );
        assert_eq!(
            url("T1552.001"),
            "https://attack.mitre.org/techniques/T1552/001/"
        );
        assert_eq!(
            url("AML.T0011.000"),
            "https://atlas.mitre.org/techniques/AML.T0011.000"
        );
        assert_eq!(url("nothing"), "");
    }

    #[test]
    fn severities_are_ordered_from_mild_to_worst() {
        assert!(Severity::ALL.is_sorted());
    }
}
