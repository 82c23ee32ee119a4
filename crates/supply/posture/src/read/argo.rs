//! Workflows of Argo, and what Pipelines as Code runs of Tekton's. They are objects of Kubernetes with
//! `{{ }}` of their own in their texts, which a reader of manifests takes for a template that is not
//! filled in.

use std::sync::Arc;

use casemate_document::{
    Limits, Node,
    yaml::{self, Dialect},
};

use super::{Content, Draft, Reader, kubernetes};
use crate::{Attr, File, World};

pub(super) const READER: Reader = Reader { read, gather };

fn read(file: &Arc<File>) -> Option<Draft> {
    let path = file.subject.path.as_str();
    let has = |word: &str| file.text.contains(word);
    let is_named = path.ends_with(".yaml") || path.ends_with(".yml");
    // Those of Go begin with a dot, a dash, or a word of its language.
    let is_template = ["{{-", "{{ .", "{{.", "{{ if", "{{ range", "{{ include"]
        .iter()
        .any(|it| has(it));
    let is_pipeline = has("argoproj.io/") || has("tekton.dev/");
    if !is_named || !is_pipeline || !has("{{") || is_template {
        return None;
    }
    let stream = yaml::read(&file.text, Dialect::KUBERNETES, &Limits::default());
    let is_workflow = |root: &Node| {
        let kind = root.get("kind").and_then(Node::as_str);
        kind.is_some_and(|kind| KINDS.contains(&kind) || TEKTON_KINDS.contains(&kind))
    };
    let roots = stream.documents.iter().map(|document| &document.root);
    if !roots.clone().any(is_workflow) {
        return None;
    }
    Some(Draft {
        file: file.clone(),
        content: Content::Objects(
            roots.map(|root| Attr::of_node(root, file)).collect(),
            stream.error,
        ),
    })
}

fn gather(drafts: &[Draft], world: &mut World) {
    for draft in drafts {
        let Content::Objects(objects, error) = &draft.content else {
            continue;
        };
        for object in objects {
            kubernetes::add(object, world);
        }
        if let Some(error) = error {
            world.missing(&draft.file, error.span, error.message.clone());
        }
    }
}

/// Objects that hold templates of a workflow.
pub(crate) const KINDS: &[&str] = &[
    "Workflow",
    "WorkflowTemplate",
    "ClusterWorkflowTemplate",
    "CronWorkflow",
];

const TEKTON_KINDS: &[&str] = &["Task", "TaskRun", "Pipeline", "PipelineRun"];
