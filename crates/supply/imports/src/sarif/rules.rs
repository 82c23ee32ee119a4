//! Rules of a tool and of its extensions, and what they refer to.

use std::collections::HashMap;

use casemate_core::Confidence;
use casemate_document::Node;

use super::confidence;
use crate::{
    fields::{Wrong, integer, line, list, map, member, text},
    run::{About, MOST_ABOUT, MOST_MESSAGE, MOST_REFERENCES, MOST_TITLE},
};

/// Every rule of a run (3.19.23): those of the driver, and those of each extension.
pub(super) struct Descriptors<'a> {
    driver: &'a [Node],
    extensions: Vec<&'a [Node]>,
    by_id: HashMap<&'a str, &'a Node>,
}

/// The rule of a result, as far as the run describes it (3.49).
pub(super) struct Descriptor<'a> {
    pub(super) id: String,
    pub(super) node: Option<&'a Node>,
}

impl<'a> Descriptors<'a> {
    pub(super) fn of(run: &'a Node) -> Result<Self, Wrong> {
        let tool = map(run, "tool")?;
        let driver = tool.map(|tool| map(tool, "driver")).transpose()?.flatten();
        let driver = driver.map(|driver| list(driver, "rules")).transpose()?;
        let driver = driver.unwrap_or_default();
        let extensions = tool.map(|tool| list(tool, "extensions")).transpose()?;
        let extensions = extensions.unwrap_or_default().iter();
        let extensions: Vec<&[Node]> = extensions
            .map(|extension| list(extension, "rules"))
            .collect::<Result<_, _>>()?;
        let mut by_id = HashMap::new();
        for rule in driver.iter().chain(extensions.iter().copied().flatten()) {
            if let Some(id) = text(rule, "id")? {
                by_id.entry(id).or_insert(rule);
            }
        }
        Ok(Self {
            driver,
            extensions,
            by_id,
        })
    }

    /// The rule of a result (3.27.5 to 3.27.7): by its place among the rules, or by its name, of which the
    /// result's may be a part: `CA1000/1` is of `CA1000`.
    pub(super) fn of_result(&self, result: &Node) -> Result<Descriptor<'a>, Wrong> {
        let reference = map(result, "rule")?;
        let part = |key| -> Result<Option<&str>, Wrong> {
            Ok(reference.map(|it| text(it, key)).transpose()?.flatten())
        };
        let named = text(result, "ruleId")?.or(part("id")?);
        let mut index = integer(result, "ruleIndex")?;
        let mut rules = self.driver;
        if let Some(reference) = reference {
            index = index.or(integer(reference, "index")?);
            if let Some(component) = map(reference, "toolComponent")? {
                let extension = integer(component, "index")?;
                let extension = extension.and_then(|index| usize::try_from(index).ok());
                rules = extension
                    .and_then(|extension| self.extensions.get(extension).copied())
                    .unwrap_or_default();
            }
        }
        let place = index.and_then(|index| usize::try_from(index).ok());
        let mut node = place.and_then(|place| rules.get(place));
        if let Some(named) = named {
            let of_part = || {
                named
                    .rsplit_once('/')
                    .and_then(|(id, _)| self.by_id.get(id))
            };
            let is_it = |node: &&Node| {
                let id = node.get("id").and_then(Node::as_str).unwrap_or_default();
                named == id
                    || named
                        .strip_prefix(id)
                        .is_some_and(|rest| rest.starts_with('/'))
            };
            node = node.filter(is_it);
            node = node.or_else(|| self.by_id.get(named).or_else(of_part).copied());
        }
        let id = match (named, node) {
            (Some(named), _) => named,
            (None, Some(node)) => text(node, "id")?.unwrap_or_default(),
            (None, None) => "",
        };
        Ok(Descriptor {
            id: id.to_owned(),
            node,
        })
    }
}

impl<'a> Descriptor<'a> {
    pub(super) fn title(&self) -> Result<&str, Wrong> {
        for key in ["shortDescription", "fullDescription"] {
            if let Some(title) = self.words(key)? {
                return Ok(title);
            }
        }
        let name = self.node.map(|node| text(node, "name")).transpose()?;
        Ok(name.flatten().unwrap_or(&self.id))
    }

    pub(super) fn about(&self) -> Result<About, Wrong> {
        let description = self.words("fullDescription")?.or(self.words("help")?);
        let mut references = Vec::new();
        if let Some(node) = self.node {
            references.extend(text(node, "helpUri")?.map(str::to_owned));
            references.extend(tags(node)?);
            for relationship in list(node, "relationships")? {
                if let Some(target) = map(relationship, "target")? {
                    references.extend(weakness(target)?);
                }
            }
        }
        references.truncate(MOST_REFERENCES);
        Ok(About {
            title: line(self.title()?, MOST_TITLE),
            description: line(description.unwrap_or_default(), MOST_ABOUT),
            remediation: None,
            references,
        })
    }

    /// The level by default (3.50.3).
    pub(super) fn level(&self) -> Result<Option<&'a str>, Wrong> {
        let configuration = self.node.map(|node| map(node, "defaultConfiguration"));
        let configuration = configuration.transpose()?.flatten();
        let level = configuration.map(|it| text(it, "level")).transpose()?;
        Ok(level.flatten())
    }

    pub(super) fn confidence(&self) -> Result<Confidence, Wrong> {
        let properties = self.node.map(|node| map(node, "properties"));
        confidence(properties.transpose()?.flatten())
    }

    /// The text of one of its messages (3.49.11).
    pub(super) fn message(&self, id: &str) -> Result<Option<&'a str>, Wrong> {
        let Some(messages) = self.node.map(|node| map(node, "messageStrings")) else {
            return Ok(None);
        };
        match messages?.and_then(|messages| member(messages, id)) {
            Some(message) => text(message, "text"),
            None => Ok(None),
        }
    }

    fn words(&self, key: &'static str) -> Result<Option<&'a str>, Wrong> {
        let words = self.node.map(|node| map(node, key)).transpose()?.flatten();
        let words = words.map(|words| text(words, "text")).transpose()?;
        Ok(words.flatten().filter(|words| !words.is_empty()))
    }
}

/// The weaknesses that a list of references (3.54) under `key` names.
pub(super) fn weaknesses(owner: &Node, key: &'static str) -> Result<Vec<String>, Wrong> {
    let found: Result<Vec<_>, _> = list(owner, key)?.iter().map(weakness).collect();
    Ok(found?.into_iter().flatten().take(MOST_REFERENCES).collect())
}

/// What a reference to a taxon of the CWE says, with or without `CWE-` before the number.
fn weakness(reference: &Node) -> Result<Option<String>, Wrong> {
    let component = map(reference, "toolComponent")?;
    let name = component.map(|it| text(it, "name")).transpose()?.flatten();
    if !name.is_some_and(|name| name.eq_ignore_ascii_case("CWE")) {
        return Ok(None);
    }
    Ok(text(reference, "id")?.and_then(cwe))
}

/// Tags that name a weakness: `external/cwe/cwe-079` as CodeQL has it, `CWE-79: …` as Semgrep.
fn tags(rule: &Node) -> Result<Vec<String>, Wrong> {
    let Some(properties) = map(rule, "properties")? else {
        return Ok(Vec::new());
    };
    let tags = list(properties, "tags")?.iter().filter_map(Node::as_str);
    let tags = tags.filter_map(|tag| {
        let tag = tag.strip_prefix("external/cwe/").unwrap_or(tag);
        let is_one = tag
            .get(..4)
            .is_some_and(|start| start.eq_ignore_ascii_case("CWE-"));
        cwe(tag).filter(|_| is_one)
    });
    Ok(tags.take(MOST_REFERENCES).collect())
}

/// `CWE-79` of `CWE-79: …`, `cwe-079` or `79`.
fn cwe(text: &str) -> Option<String> {
    let start = text
        .get(..4)
        .filter(|start| start.eq_ignore_ascii_case("CWE-"));
    let digits = &text[start.map_or(0, str::len)..];
    let end = digits
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(digits.len());
    let number: u32 = line(&digits[..end], MOST_MESSAGE).parse().ok()?;
    Some(format!("CWE-{number}"))
}
