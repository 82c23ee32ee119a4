//! Manifests of Kubernetes, in YAML and JSON.

use std::sync::Arc;

use casemate_document::{
    Limits,
    yaml::{self, Dialect},
};

use super::{Content, Draft, Reader};
use crate::{Attr, Fact, File, Language, Resource, World};

pub(super) const READER: Reader = Reader { read, gather };

fn read(file: &Arc<File>) -> Option<Draft> {
    let path = file.subject.path.as_str();
    let is_named = [".yaml", ".yml", ".json"]
        .iter()
        .any(|end| path.ends_with(end));
    // A template is no YAML until it is filled in.
    let is_manifest = is_named && has(file, "apiVersion") && has(file, "kind") && !has(file, "{{");
    if !is_manifest {
        return None;
    }
    let stream = yaml::read(&file.text, Dialect::KUBERNETES, &Limits::default());
    let objects = stream.documents.iter().map(|document| &document.root);
    let objects = objects
        .filter(|root| !is_definition(root))
        .map(|root| Attr::of_node(root, file));
    Some(Draft {
        file: file.clone(),
        content: Content::Objects(objects.collect(), stream.error),
    })
}

fn has(file: &File, word: &str) -> bool {
    file.text.contains(word)
}

/// Definitions of other kinds are long, and nothing is wrong with one.
fn is_definition(root: &casemate_document::Node) -> bool {
    let kind = root.get("kind").and_then(casemate_document::Node::as_str);
    kind == Some("CustomResourceDefinition")
}

fn gather(drafts: &[Draft], world: &mut World) {
    for draft in drafts {
        let Content::Objects(objects, error) = &draft.content else {
            continue;
        };
        for object in objects {
            add(object, world);
        }
        if let Some(error) = error {
            world.missing(&draft.file, error.span, error.message.clone());
        }
    }
}

/// Adds an object, or those of a list.
pub(super) fn add(object: &Attr, world: &mut World) {
    let text = |path: &str| object.at(path).ok().and_then(Attr::as_str);
    let (Some(_), Some(kind)) = (text("apiVersion"), text("kind")) else {
        return;
    };
    if kind.ends_with("List")
        && let Fact::Known(items) = object.get("items")
    {
        // A list of lists is none that Kubernetes takes.
        let is_list = |item: &&Attr| item.get("items").ok().is_none();
        items
            .items()
            .iter()
            .filter(is_list)
            .for_each(|item| add(item, world));
        return;
    }
    let name = text("metadata.name")
        .or_else(|| text("metadata.generateName"))
        .unwrap_or("?");
    let address = match text("metadata.namespace") {
        Some(namespace) => format!("{kind}/{namespace}/{name}"),
        None => format!("{kind}/{name}"),
    };
    world.add(Resource {
        language: Language::Kubernetes,
        kind: kind.into(),
        address: address.into(),
        body: object.clone(),
    });
}
