//! Azure Pipelines (<https://learn.microsoft.com/en-us/azure/devops/pipelines/yaml-schema/>): pipelines
//! and templates, as they stand. Templates are judged where they are written.

use std::sync::Arc;

use casemate_document::{
    Limits, Node,
    yaml::{self, Dialect},
};

use super::{Content, Draft, Reader};
use crate::{Attr, File, Language, Resource, World};

pub(super) const READER: Reader = Reader { read, gather };

/// A pipeline or a template.
pub(crate) const PIPELINE: &str = "azure-pipeline";

fn read(file: &Arc<File>) -> Option<Draft> {
    let path = file.subject.path.as_str();
    let name = path.rsplit('/').next().unwrap_or(path);
    if !name.ends_with(".yml") && !name.ends_with(".yaml") {
        return None;
    }
    let is_named = name.starts_with("azure-pipelines");
    let has_steps = ["steps:", "jobs:", "stages:"]
        .iter()
        .any(|word| file.text.contains(word));
    if !is_named && (!has_steps || super::is_manifest(file)) {
        return None;
    }
    let stream = yaml::read(&file.text, Dialect::CORE, &Limits::default());
    let root = stream.documents.first().map(|document| &document.root)?;
    if !is_named && !is_pipeline(root) {
        return None;
    }
    Some(Draft {
        file: file.clone(),
        content: Content::Document(PIPELINE, Some(Attr::of_node(root, file)), stream.error),
    })
}

/// Whether it has steps, jobs or stages of the kind that only this language has.
fn is_pipeline(root: &Node) -> bool {
    let has = |key: &str| root.get(key).is_some();
    if has("apiVersion") || has("on") || has("runs") {
        return false;
    }
    let is_own = |item: &Node| {
        let keys = [
            "task",
            "script",
            "bash",
            "pwsh",
            "powershell",
            "checkout",
            "template",
            "job",
            "deployment",
            "stage",
        ];
        keys.iter().any(|key| item.get(key).is_some())
    };
    let lists = ["steps", "jobs", "stages"]
        .iter()
        .filter_map(|key| root.get(key));
    lists.flat_map(Node::items).any(is_own)
}

fn gather(drafts: &[Draft], world: &mut World) {
    for draft in drafts {
        let Content::Document(PIPELINE, Some(root), error) = &draft.content else {
            continue;
        };
        if let Some(error) = error {
            world.missing(&draft.file, error.span, error.message.clone());
        }
        world.add(Resource {
            language: Language::AzurePipelines,
            kind: PIPELINE.into(),
            address: draft.file.subject.path.as_str().into(),
            body: root.clone(),
        });
    }
}
