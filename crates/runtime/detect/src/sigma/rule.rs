//! What a rule says of itself, and what it asks.

use std::sync::Arc;

use casemate_core::{Confidence, LogSource, Reference, Rule, RuleId, Severity};
use casemate_document::{Entry, Node, Span, Value};

use super::{
    Shared,
    correlation::{self, Correlation},
    detection,
    test::Search,
};
use crate::error::{Error, Text, quote};

/// A rule, as its file has it.
#[derive(Clone, Debug)]
pub struct Detection {
    /// Its identity: ours where it has one (`casemate.id`), or its `id`, its `name`, or its title.
    pub id: String,
    /// The `name` by which correlations may refer to it.
    pub name: Option<String>,
    /// The `id` of Sigma, a UUID mostly.
    pub uuid: Option<String>,
    /// What it is to detect.
    pub title: String,
    /// The description.
    pub description: String,
    /// Its level; medium, where it says none.
    pub level: Severity,
    /// Its status: stable, test, experimental, deprecated or unsupported.
    pub status: Option<String>,
    /// Its tags: `attack.t1059`.
    pub tags: Vec<String>,
    /// The fields that a match shows of its event.
    pub fields: Vec<String>,
    /// When it is wrong.
    pub falsepositives: Vec<String>,
    /// Addresses, and the identifiers of `casemate.references`.
    pub references: Vec<String>,
    /// Who wrote it.
    pub author: Option<String>,
    /// How often it is right (`casemate.confidence`); medium, where it does not say.
    pub confidence: Confidence,
    /// What to do about a match (`casemate.remediation`).
    pub remediation: Option<String>,
    /// How to respond to a match, step by step (`casemate.response`).
    pub response: Vec<String>,
    /// The file that it was read from.
    pub file: String,
    /// Whether it matches events, or what other rules match.
    pub asks: Asks,
}

/// What a rule looks at.
#[derive(Clone, Debug)]
pub enum Asks {
    /// Events of a log source.
    Events(Question),
    /// The matches of other rules.
    Matches(Arc<Correlation>),
}

/// A question about each event of a log source.
#[derive(Clone, Debug)]
pub struct Question {
    /// The log source; what it does not name may be anything.
    pub log_source: LogSource,
    pub(crate) search: Arc<Search>,
}

impl Detection {
    /// The rule in the vocabulary of the program. One that has no identity of ours is a rule of `sigma`.
    pub fn rule(&self) -> Option<Rule> {
        let ours = self.id.parse::<RuleId>().ok();
        let references = self.references.iter().cloned();
        Some(Rule {
            id: ours.or_else(|| RuleId::of_tool("sigma", &self.id).ok())?,
            title: self.title.clone().into(),
            severity: self.level,
            confidence: self.confidence,
            description: self.description.clone().into(),
            remediation: self.remediation.clone().unwrap_or_default().into(),
            references: references.map(|it| Reference(it.into())).collect(),
            bad: None,
            good: None,
        })
    }
}

/// Reads a document of a rule.
///
/// # Errors
///
/// Everything that is not understood.
pub(crate) fn read(
    text: &Text<'_>,
    shared: &mut Shared,
    root: &Node,
) -> Result<(Detection, Span), Vec<Error>> {
    let mut fields = Fields {
        text,
        errors: Vec::new(),
    };
    if root.as_map().is_none() {
        let what = format!("{} stands where a rule should", root.kind());
        return Err(vec![text.error(
            root.span,
            what,
            "write a map with `title` and `detection`",
        )]);
    }
    let title = fields.text_of(root, "title").unwrap_or_default();
    if title.is_empty() || title.chars().count() > MOST_TITLE {
        let what = format!("a rule has a title of 1 to {MOST_TITLE} characters");
        fields.error(
            root.get("title").unwrap_or(root).span,
            what,
            "write a title",
        );
    }
    fields.is_one_of(root, "status", &STATUS);
    fields.is_one_of(root, "taxonomy", &["sigma"]);
    let level = fields.level(root);
    let asks = fields.asks(root, shared);
    let own = fields.own(root);
    let uuid = fields.text_of(root, "id");
    let name = fields.text_of(root, "name");
    let mut references = own.references;
    references.extend(fields.texts_of(root, "references"));
    let identity = own.id.or_else(|| uuid.clone()).or_else(|| name.clone());
    let detection = Detection {
        id: identity.unwrap_or_else(|| title.clone()),
        name,
        uuid,
        description: fields.text_of(root, "description").unwrap_or_default(),
        level: level.unwrap_or(Severity::Medium),
        status: fields.text_of(root, "status"),
        tags: fields.texts_of(root, "tags"),
        fields: fields.texts_of(root, "fields"),
        falsepositives: fields.texts_of(root, "falsepositives"),
        references,
        author: fields.text_of(root, "author"),
        confidence: own.confidence,
        remediation: own.remediation,
        response: own.response,
        title,
        file: text.file.to_owned(),
        asks: match asks {
            Some(asks) if fields.errors.is_empty() => asks,
            _ => return Err(fields.errors),
        },
    };
    Ok((detection, root.span))
}

/// Our own block of a rule: `casemate`.
struct Own {
    id: Option<String>,
    references: Vec<String>,
    confidence: Confidence,
    remediation: Option<String>,
    response: Vec<String>,
}

/// Reads members of a map, and keeps what is wrong with them.
struct Fields<'r, 't> {
    text: &'r Text<'t>,
    errors: Vec<Error>,
}

impl Fields<'_, '_> {
    fn asks(&mut self, root: &Node, shared: &mut Shared) -> Option<Asks> {
        if let Some(filter) = root.get("filter") {
            let what = "filters are not read";
            self.error(
                filter.span,
                what,
                "write the exclusion into the rules that it is for",
            );
            return None;
        }
        let Some(node) = root.get("correlation") else {
            return self.question(root, shared).map(Asks::Events);
        };
        if let Some(detection) = root.get("detection") {
            let what = "a rule is a detection or a correlation, and not both";
            self.error(detection.span, what, "write two documents");
        }
        match correlation::read(self.text, node) {
            Ok(correlation) => Some(Asks::Matches(Arc::new(correlation))),
            Err(errors) => {
                self.errors.extend(errors);
                None
            }
        }
    }

    fn question(&mut self, root: &Node, shared: &mut Shared) -> Option<Question> {
        let log_source = self.log_source(root);
        let Some(node) = root.get("detection").filter(|it| it.as_map().is_some()) else {
            let what = "the rule has no detection";
            self.error(
                root.span,
                what,
                "add `detection:` with searches and a condition",
            );
            return None;
        };
        match detection::read(self.text, shared, node) {
            Ok(search) => Some(Question {
                log_source: log_source?,
                search: Arc::new(search),
            }),
            Err(errors) => {
                self.errors.extend(errors);
                None
            }
        }
    }

    fn log_source(&mut self, root: &Node) -> Option<LogSource> {
        let Some(node) = root.get("logsource").filter(|it| it.as_map().is_some()) else {
            let what = "the rule has no log source";
            self.error(
                root.span,
                what,
                "add `logsource:` with a category, a product or a service",
            );
            return None;
        };
        let mut part = |key| self.text_of(node, key).map(|it| it.to_lowercase());
        let log_source = LogSource {
            category: part("category"),
            product: part("product"),
            service: part("service"),
        };
        if log_source == LogSource::default() {
            let what = "the log source has no category, no product and no service";
            self.error(node.span, what, "say at least one of them");
            return None;
        }
        Some(log_source)
    }

    fn level(&mut self, root: &Node) -> Option<Severity> {
        let words = LEVELS.map(|(word, _)| word);
        let word = self.is_one_of(root, "level", &words)?;
        let level = LEVELS.iter().find(|(known, _)| *known == word);
        level.map(|(_, level)| *level)
    }

    fn own(&mut self, root: &Node) -> Own {
        let empty = Node::new(Value::Null, Span::default());
        let node = root.get("casemate").unwrap_or(&empty);
        for entry in node.entries() {
            let known = ["id", "references", "confidence", "remediation", "response"];
            if !known.contains(&&*entry.key) {
                let what = format!("`casemate` has no {}", quote(&entry.key));
                self.error(entry.key_span, what, "correct its name, or take it away");
            }
        }
        let id = self.text_of(node, "id");
        if let Some(id) = id.as_deref().filter(|id| id.parse::<RuleId>().is_err()) {
            let what = format!("{} is no identity of a rule", quote(id));
            self.error(node.span, what, "write it as CM-RUN-001");
        }
        let words = ["low", "medium", "high"];
        let confidence = match self.is_one_of(node, "confidence", &words).as_deref() {
            Some("low") => Confidence::Low,
            Some("high") => Confidence::High,
            _ => Confidence::Medium,
        };
        Own {
            id,
            references: self.texts_of(node, "references"),
            confidence,
            remediation: self.text_of(node, "remediation"),
            response: self.texts_of(node, "response"),
        }
    }

    fn is_one_of(&mut self, root: &Node, key: &str, words: &[&str]) -> Option<String> {
        let word = self.text_of(root, key)?;
        if !words.contains(&&*word) {
            let what = format!("{} is no {key}", quote(&word));
            let span = root.get(key).unwrap_or(root).span;
            self.error(span, what, format!("write {}", words.join(", ")));
            return None;
        }
        Some(word)
    }

    fn text_of(&mut self, root: &Node, key: &str) -> Option<String> {
        let node = root.get(key).filter(|node| !node.is_null())?;
        match &node.value {
            Value::String(text) => Some((**text).to_owned()),
            Value::Integer(number) => Some(number.to_string()),
            _ => {
                let what = format!("{} stands where the text of `{key}` should", node.kind());
                self.error(node.span, what, "write it as text");
                None
            }
        }
    }

    /// A list of texts; of a text alone, that text.
    fn texts_of(&mut self, root: &Node, key: &str) -> Vec<String> {
        let Some(node) = root.get(key).filter(|node| !node.is_null()) else {
            return Vec::new();
        };
        let nodes = match &node.value {
            Value::List(nodes) => &nodes[..],
            _ => std::slice::from_ref(node),
        };
        let mut texts = Vec::new();
        for node in nodes {
            match node.as_str() {
                Some(text) => texts.push(text.to_owned()),
                None => {
                    let what = format!("{} stands in `{key}`", node.kind());
                    self.error(node.span, what, "write it as text");
                }
            }
        }
        texts
    }

    fn error(&mut self, span: Span, what: impl Into<String>, advice: impl Into<String>) {
        self.errors.push(self.text.error(span, what, advice));
    }
}

/// The entry of a map that is none of those that are known.
pub(crate) fn unknown<'n>(node: &'n Node, known: &[&str]) -> Option<&'n Entry> {
    let mut entries = node.entries().iter();
    entries.find(|entry| !known.contains(&&*entry.key))
}

const MOST_TITLE: usize = 256;
const STATUS: [&str; 5] = [
    "stable",
    "test",
    "experimental",
    "deprecated",
    "unsupported",
];
const LEVELS: [(&str, Severity); 5] = [
    ("informational", Severity::Info),
    ("low", Severity::Low),
    ("medium", Severity::Medium),
    ("high", Severity::High),
    ("critical", Severity::Critical),
];
