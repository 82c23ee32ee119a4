//! Workflows and actions of GitHub, and the configuration of Dependabot.

pub(crate) mod constant;
pub mod expression;
pub mod fence;
mod lexer;

use std::sync::Arc;

use casemate_document::{
    Limits, Node,
    yaml::{self, Dialect},
};

use super::{Content, Draft, Reader};
use crate::{Attr, File, Language, Resource, Value, World};

pub(super) const READER: Reader = Reader { read, gather };

/// What a workflow is called.
pub(crate) const WORKFLOW: &str = "github-workflow";

/// What an action is called.
pub(crate) const ACTION: &str = "github-action";

/// What the configuration of Dependabot is called.
pub(crate) const DEPENDABOT: &str = "github-dependabot";

fn read(file: &Arc<File>) -> Option<Draft> {
    let path = file.subject.path.as_str();
    let name = path.rsplit('/').next().unwrap_or(path);
    if !name.ends_with(".yml") && !name.ends_with(".yaml") {
        return None;
    }
    let is_workflow = WORKFLOW_FOLDERS.iter().any(|folder| path.contains(folder));
    let is_named = is_workflow || NAMES.contains(&name);
    let has_jobs = file.text.contains("jobs:");
    if !is_named && (!has_jobs || super::is_manifest(file)) {
        return None;
    }
    let stream = yaml::read(&file.text, Dialect::CORE, &Limits::default());
    let root = stream.documents.first().map(|document| &document.root);
    let kind = match root.and_then(kind_of) {
        Some(kind) => kind,
        None if is_workflow => WORKFLOW,
        None => return None,
    };
    let root = root.map(|root| Attr::of_node(root, file));
    Some(Draft {
        file: file.clone(),
        content: Content::Document(kind, root, stream.error),
    })
}

/// By what stands in it, so that a workflow is one wherever it lies.
fn kind_of(root: &Node) -> Option<&'static str> {
    let has = |key: &str| root.get(key).is_some();
    let jobs = root.get("jobs").map(Node::entries).unwrap_or_default();
    let is_job = |job: &Node| {
        ["runs-on", "uses", "steps"]
            .iter()
            .any(|key| job.get(key).is_some())
    };
    if has("on") && jobs.iter().any(|job| is_job(&job.value)) {
        return Some(WORKFLOW);
    }
    if root.at(["runs", "using"]).is_some() {
        return Some(ACTION);
    }
    (has("updates") && has("version")).then_some(DEPENDABOT)
}

fn gather(drafts: &[Draft], world: &mut World) {
    for draft in drafts {
        let Content::Document(kind, root, error) = &draft.content else {
            continue;
        };
        if let Some(error) = error {
            world.missing(&draft.file, error.span, error.message.clone());
        }
        let Some(root) = root else {
            continue;
        };
        if *kind != DEPENDABOT {
            complain(root, &draft.file, world);
        }
        world.add(Resource {
            language: Language::GithubActions,
            kind: (*kind).into(),
            address: draft.file.subject.path.as_str().into(),
            body: root.clone(),
        });
    }
}

/// Says which expressions are none. The depth of a document is bounded.
fn complain(attr: &Attr, file: &Arc<File>, world: &mut World) {
    match &attr.value {
        Value::String(text) => {
            for fence in fence::fences(text) {
                if let Err(mistake) = expression::parse(fence.inner) {
                    let message = format!("an expression that is none: {}", mistake.message);
                    world.missing(file, attr.origin.span, message);
                }
            }
        }
        Value::List(items) => items.iter().for_each(|it| complain(it, file, world)),
        Value::Map(map) => {
            let items = map.items().iter();
            items.for_each(|it| complain(&it.value, file, world));
        }
        _ => {}
    }
}

/// Gitea and Forgejo run the same language.
const WORKFLOW_FOLDERS: &[&str] = &[
    ".github/workflows/",
    ".gitea/workflows/",
    ".forgejo/workflows/",
];

const NAMES: &[&str] = &[
    "action.yml",
    "action.yaml",
    "dependabot.yml",
    "dependabot.yaml",
];
