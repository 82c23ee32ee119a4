//! One reader for each language.
//!
//! A reader sees files twice. `read` takes one file, on any thread, and keeps what it needs of it;
//! `gather` gets all that it kept and adds resources to the [`World`]. The first reader that takes a
//! file has it. Between the two, `compose` puts together what many files of any reader make: a chart,
//! an overlay.

pub(crate) mod actions;
pub(crate) mod argo;
mod aside;
pub(crate) mod azure;
mod cloudformation;
#[cfg(test)]
mod compared;
pub(crate) mod compose;
pub(crate) mod dockerfile;
pub(crate) mod gitlab;
mod helm;
mod hex;
pub(crate) mod kfp;
pub(crate) mod kubernetes;
mod kustomize;
mod path;
mod plan;
pub mod shell;
pub(crate) mod terraform;
pub(crate) mod values;

use std::sync::Arc;

use crate::{File, World};

/// A language, or a family of tools with one.
pub(crate) struct Reader {
    /// Takes the file, or leaves it to the others.
    pub(crate) read: fn(&Arc<File>) -> Option<Draft>,
    /// Adds what the files declare, in the order of their paths.
    pub(crate) gather: fn(&[Draft], &mut World),
}

/// In the order in which they are asked.
pub(crate) const READERS: &[Reader] = &[
    dockerfile::READER,
    actions::READER,
    compose::READER,
    gitlab::READER,
    azure::READER,
    kfp::READER,
    plan::READER,
    terraform::READER,
    plan::REST,
    cloudformation::READER,
    argo::READER,
    kubernetes::READER,
    terraform::OBJECTS,
    values::READER,
    terraform::TEXTS,
    aside::READER,
];

/// What a reader keeps of one file until all are read.
pub(crate) struct Draft {
    /// The file.
    pub(crate) file: Arc<File>,
    /// What was in it.
    pub(crate) content: Content,
}

/// What can be kept of a file.
pub(crate) enum Content {
    /// The objects of a manifest, and the first mistake in it.
    Objects(Vec<crate::Attr>, Option<casemate_document::Error>),
    /// The instructions of a Dockerfile.
    Dockerfile(dockerfile::parse::Dockerfile),
    /// A document of which there is one in its file, what it is called, and the first mistake in it.
    Document(
        &'static str,
        Option<crate::Attr>,
        Option<casemate_document::Error>,
    ),
    /// A template of CloudFormation, and the first mistake in it.
    CloudFormation(casemate_document::Node, Option<casemate_document::Error>),
    /// A plan or a state, or the mistake in it.
    Plan(Result<casemate_document::Node, casemate_document::Error>),
    /// A file of Terraform's.
    Terraform(Box<terraform::Parsed>),
    /// Text that says nothing unless something else names it. It has no outcome.
    Text,
    /// A part of something else, which is judged as a whole.
    Composed,
    /// A file that cannot be read, and why.
    Unread(String),
}

/// Whether a file is called what only the languages that are read here are called.
pub(crate) fn is_named(path: &str) -> bool {
    let name = path::name(path).to_ascii_lowercase();
    let is_build = ["dockerfile", "containerfile"]
        .iter()
        .any(|it| name.starts_with(it));
    let ends = [
        ".yaml", ".yml", ".tf", ".tofu", ".tf.json", ".tfvars", ".tfstate",
    ];
    is_build || ends.iter().any(|end| name.ends_with(end))
}

/// The draft of a file with the place of its reader.
pub(crate) fn read(file: &Arc<File>) -> Option<(usize, Draft)> {
    let mut drafts = READERS.iter().map(|reader| (reader.read)(file)).enumerate();
    drafts.find_map(|(at, draft)| Some((at, draft?)))
}

/// Whether a file is of Kubernetes to all appearances. Definitions there are long, and other languages
/// need not read them to see that they are not theirs.
fn is_manifest(file: &File) -> bool {
    file.text.starts_with("apiVersion:") || file.text.contains("\napiVersion:")
}

/// Adds what many files make together, and leaves the rest to the readers.
pub(crate) fn compose(drafts: &mut [Draft], world: &mut World) {
    helm::compose(drafts, world);
    kustomize::compose(drafts, world);
}
