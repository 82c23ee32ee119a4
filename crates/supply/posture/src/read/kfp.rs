//! Pipelines that Kubeflow's compiler wrote, version 2: the specification of a pipeline in YAML
//! (<https://www.kubeflow.org/docs/components/pipelines/>).

use std::sync::Arc;

use casemate_document::{
    Limits,
    yaml::{self, Dialect},
};

use super::{Content, Draft, Reader};
use crate::{Attr, File, Language, Resource, World};

pub(super) const READER: Reader = Reader { read, gather };

/// What runs a component: an image and its command.
pub(crate) const EXECUTOR: &str = "kfp-executor";

const KIND: &str = "kfp";

fn read(file: &Arc<File>) -> Option<Draft> {
    let path = file.subject.path.as_str();
    let is_named = [".yaml", ".yml", ".json"]
        .iter()
        .any(|end| path.ends_with(end));
    let has = |word: &str| file.text.contains(word);
    let is_compiled = has("deploymentSpec") && has("pipelineInfo");
    if !is_named || !is_compiled {
        return None;
    }
    let stream = yaml::read(&file.text, Dialect::CORE, &Limits::default());
    let root = stream.documents.first().map(|document| &document.root)?;
    root.get("deploymentSpec")?;
    Some(Draft {
        file: file.clone(),
        content: Content::Document(KIND, Some(Attr::of_node(root, file)), stream.error),
    })
}

fn gather(drafts: &[Draft], world: &mut World) {
    for draft in drafts {
        let Content::Document(KIND, Some(root), error) = &draft.content else {
            continue;
        };
        if let Some(error) = error {
            world.missing(&draft.file, error.span, error.message.clone());
        }
        let executors = root.at("deploymentSpec.executors").ok();
        for executor in executors.map_or(&[][..], Attr::entries) {
            world.add(Resource {
                language: Language::KubeflowPipelines,
                kind: EXECUTOR.into(),
                address: format!("{}/{}", draft.file.subject.path.as_str(), executor.key).into(),
                body: executor.value.clone(),
            });
        }
    }
}
