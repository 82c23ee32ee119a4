//! Templates of AWS CloudFormation, in YAML and JSON.
//!
//! Properties are read under the names that Terraform has for them, and resources under Terraform's
//! kinds, so that one rule asks both. Functions are computed as far as parameters have defaults and
//! conditions can be decided.

mod function;
mod loops;
mod names;

use std::{cell::RefCell, collections::HashMap, sync::Arc};

use casemate_document::{
    Entry, Limits, Node, Span, Value as Written,
    yaml::{self, Dialect},
};

use super::{Content, Draft, Reader};
use crate::{Attr, File, Language, Map, Origin, Resource, Truth, Value, World};

pub(super) const READER: Reader = Reader { read, gather };

fn read(file: &Arc<File>) -> Option<Draft> {
    let path = file.subject.path.as_str();
    let is_named = [".yaml", ".yml", ".json", ".template"]
        .iter()
        .any(|end| path.ends_with(end));
    if !is_named || !file.text.contains("Resources") || !file.text.contains("AWS::") {
        return None;
    }
    let stream = yaml::read(&file.text, Dialect::MERGING, &Limits::default());
    let root = stream.documents.into_iter().next().map(|it| it.root);
    let resources = root.as_ref().and_then(|it| it.get("Resources"));
    let is_resource =
        |it: &Entry| it.value.get("Type").is_some() || it.key.starts_with(loops::LOOP);
    let is_template = resources.is_some_and(|it| it.entries().iter().any(is_resource));
    // A mistake may have taken all that would tell a template.
    let is_broken = stream.error.is_some() && is_template_by_its_text(&file.text);
    (is_template || is_broken).then(|| Draft {
        file: file.clone(),
        content: Content::CloudFormation(
            root.unwrap_or_else(|| Node::new(Written::Null, Span::default())),
            stream.error,
        ),
    })
}

fn is_template_by_its_text(text: &str) -> bool {
    let begins = |line: &str| {
        let key = line.trim_start_matches([' ', '\t', '{', '"', '\'']);
        key.starts_with("AWSTemplateFormatVersion") || line.starts_with("Resources:")
    };
    text.lines().any(begins)
}

fn gather(drafts: &[Draft], world: &mut World) {
    for draft in drafts {
        let Content::CloudFormation(root, error) = &draft.content else {
            continue;
        };
        if let Some(error) = error {
            world.missing(&draft.file, error.span, error.message.clone());
        }
        let (root, refused) = loops::unrolled(root);
        for (span, why) in refused {
            world.missing(&draft.file, span, why);
        }
        let template = Template::new(&root, &draft.file);
        template.declare(world);
    }
}

struct Template<'a> {
    root: &'a Node,
    file: &'a Arc<File>,
    parameters: HashMap<&'a str, &'a Node>,
    conditions: HashMap<&'a str, &'a Node>,
    /// What came of conditions, so that each is asked once however often it is named.
    held: RefCell<HashMap<String, Truth>>,
}

impl<'a> Template<'a> {
    fn new(root: &'a Node, file: &'a Arc<File>) -> Self {
        let section = |name: &str| {
            let entries = root.get(name).map_or(&[][..], Node::entries);
            entries.iter().map(|it| (&*it.key, &it.value)).collect()
        };
        Self {
            root,
            file,
            parameters: section("Parameters"),
            conditions: section("Conditions"),
            held: RefCell::default(),
        }
    }

    fn declare(&self, world: &mut World) {
        let mut places: HashMap<&str, usize> = HashMap::new();
        let mut links = Vec::new();
        let resources = self.root.get("Resources").map_or(&[][..], Node::entries);
        for entry in resources {
            if entry.key.starts_with(loops::LOOP) {
                continue;
            }
            let Some(of) = entry.value.get("Type").and_then(Node::as_str) else {
                world.missing(self.file, entry.key_span, "a resource has no type");
                continue;
            };
            let condition = entry.value.get("Condition").and_then(Node::as_str);
            if condition.is_some_and(|name| self.condition(name, 0) == Truth::No) {
                continue;
            }
            let properties = entry.value.get("Properties");
            places.insert(&entry.key, world.resources().len());
            if let Some(properties) = properties {
                let mut names = Vec::new();
                self.references(properties, &mut names);
                links.extend(names.into_iter().map(|to| (entry.key.clone(), to)));
            }
            let kind = names::kind(of);
            self.add(kind, entry, properties, world);
        }
        for (from, to) in links {
            if let (Some(&from), Some(&to)) = (places.get(&*from), places.get(&*to)) {
                world.link(from, "".into(), to);
            }
        }
    }

    /// A resource, and what Terraform has as another one of it.
    fn add(&self, kind: &str, entry: &Entry, properties: Option<&Node>, world: &mut World) {
        // What stands nowhere is missed at the name of the resource.
        let origin = Origin::new(self.file, entry.key_span);
        let body = match properties {
            Some(properties) => self.value(properties, 0, true).map(|it| it.value),
            None => Some(Value::Map(Arc::<Map>::default())),
        };
        let body = names::renamed(kind, Attr::new(body.unwrap_or(Value::Null), origin));
        let resource = |kind: &str, suffix: &str, body: Attr| Resource {
            language: Language::CloudFormation,
            kind: kind.into(),
            address: format!("{}{suffix}", entry.key).into(),
            body,
        };
        let block = body.get("public_access_block_configuration").ok().cloned();
        let place = world.resources().len();
        world.add(resource(kind, "", body));
        if let Some(block) = block {
            let suffix = ".PublicAccessBlockConfiguration";
            world.add(resource("aws_s3_bucket_public_access_block", suffix, block));
            world.link(place + 1, "bucket".into(), place);
        }
    }
}

const MAX_DEPTH: usize = 100;

#[cfg(test)]
mod tests;
