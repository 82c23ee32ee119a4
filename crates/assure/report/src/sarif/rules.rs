//! Rules, kinds of notification and weaknesses as SARIF reporting descriptors.

use std::collections::BTreeSet;

use casemate_core::{Reference, Rule, Severity};

use super::{
    level,
    log::{
        ComponentReference, Configuration, Descriptor, DescriptorReference, Relationship,
        RuleProperties, Text, ToolComponent,
    },
    precision,
};

pub(super) fn descriptors(rules: &[Rule]) -> Vec<Descriptor> {
    let weaknesses = weaknesses(rules);
    rules
        .iter()
        .map(|rule| descriptor(rule, &weaknesses))
        .collect()
}

fn descriptor(rule: &Rule, weaknesses: &[String]) -> Descriptor {
    let relationships = weaknesses
        .iter()
        .enumerate()
        .filter(|(_, id)| names(rule, id));
    let relationships = relationships.map(|(index, id)| Relationship {
        target: DescriptorReference {
            id: id.clone(),
            index,
            tool_component: Some(CWE),
        },
        kinds: ["relevant"],
    });
    Descriptor {
        id: rule.id.to_string(),
        name: Some(pascal_case(&rule.title)),
        short_description: Some(Text::plain(&*rule.title)),
        full_description: Some(Text::plain(&*rule.description)),
        help: Some(help(rule)),
        default_configuration: Some(Configuration {
            level: level(rule.severity),
        }),
        relationships: relationships.collect(),
        properties: Some(RuleProperties {
            precision: precision(rule.confidence),
            security_severity: security_severity(rule.severity),
            tags: tags(rule),
        }),
        ..Descriptor::default()
    }
}

fn help(rule: &Rule) -> Text {
    let (description, fix) = (&rule.description, &rule.remediation);
    let plain: Vec<&str> = rule.references.iter().map(Reference::as_str).collect();
    let linked: Vec<String> = rule.references.iter().map(link).collect();
    let mut text = format!("{description}\n\nFix: {fix}");
    let mut markdown = format!("{description}\n\n**Fix:** {fix}");
    if !plain.is_empty() {
        text.push_str(&format!("\n\nReferences: {}", plain.join(", ")));
        markdown.push_str(&format!("\n\n**References:** {}", linked.join(", ")));
    }
    Text {
        text,
        markdown: Some(markdown),
    }
}

fn link(reference: &Reference) -> String {
    let name = reference.as_str();
    reference
        .url()
        .map_or_else(|| name.to_owned(), |url| format!("[{name}]({url})"))
}

/// What a service that wants a CVSS-like number is told: the middle of the band that GitHub gives
/// each name.
fn security_severity(severity: Severity) -> Option<&'static str> {
    match severity {
        Severity::Critical => Some("9.5"),
        Severity::High => Some("8.0"),
        Severity::Medium => Some("5.5"),
        Severity::Low => Some("2.0"),
        Severity::Info => None,
    }
}

/// Not more than GitHub keeps of a rule's tags.
fn tags(rule: &Rule) -> Vec<String> {
    let mut tags = vec!["security".to_owned(), rule.id.family().to_lowercase()];
    tags.extend(rule.references.iter().filter_map(|reference| {
        let text = reference.as_str();
        match text.strip_prefix("CWE-") {
            Some(number) => Some(format!("external/cwe/cwe-{number}")),
            None => (!text.starts_with("https://")).then(|| text.to_owned()),
        }
    }));
    tags.truncate(20);
    tags
}

/// The weaknesses that the rules refer to, as a taxonomy, if there are any.
pub(super) fn taxonomies(rules: &[Rule]) -> Vec<ToolComponent> {
    let taxa = weaknesses(rules).into_iter().map(|id| Descriptor {
        help_uri: Reference(id.clone().into()).url(),
        id,
        ..Descriptor::default()
    });
    let taxa: Vec<Descriptor> = taxa.collect();
    if taxa.is_empty() {
        return Vec::new();
    }
    vec![ToolComponent {
        name: CWE.name.to_owned(),
        organization: Some("MITRE"),
        information_uri: Some("https://cwe.mitre.org/"),
        short_description: Some(Text::plain("The Common Weakness Enumeration")),
        taxa,
        ..ToolComponent::default()
    }]
}

pub(super) fn supported(taxonomies: &[ToolComponent]) -> Vec<ComponentReference> {
    taxonomies.iter().map(|_| CWE).collect()
}

pub(super) fn notifications() -> Vec<Descriptor> {
    let descriptor = |id: &str, text: &str| Descriptor {
        id: id.to_owned(),
        short_description: Some(Text::plain(text)),
        ..Descriptor::default()
    };
    vec![
        descriptor(INCOMPLETE, "Something was not, or not wholly, looked at."),
        descriptor(UNDETERMINED, "A check looked and cannot say."),
    ]
}

pub(super) fn incomplete() -> DescriptorReference {
    reference(INCOMPLETE, 0)
}

pub(super) fn undetermined() -> DescriptorReference {
    reference(UNDETERMINED, 1)
}

fn reference(id: &str, index: usize) -> DescriptorReference {
    DescriptorReference {
        id: id.to_owned(),
        index,
        tool_component: None,
    }
}

fn weaknesses(rules: &[Rule]) -> Vec<String> {
    let references = rules.iter().flat_map(|rule| rule.references.iter());
    let ids = references.filter(|reference| reference.as_str().starts_with("CWE-"));
    let ids: BTreeSet<&str> = ids.map(Reference::as_str).collect();
    ids.into_iter().map(str::to_owned).collect()
}

fn names(rule: &Rule, id: &str) -> bool {
    rule.references
        .iter()
        .any(|reference| reference.as_str() == id)
}

/// A title as the identifier that section 3.49.7 wants.
fn pascal_case(title: &str) -> String {
    let words = title.split(|c: char| !c.is_alphanumeric());
    let capital = |word: &str| {
        let mut chars = word.chars();
        let first = chars.next().map(|c| c.to_uppercase().to_string());
        first.unwrap_or_default() + chars.as_str()
    };
    words.map(capital).collect()
}

const CWE: ComponentReference = ComponentReference {
    name: "CWE",
    index: 0,
};
const INCOMPLETE: &str = "incomplete";
const UNDETERMINED: &str = "undetermined";
