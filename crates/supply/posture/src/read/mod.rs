//! One reader for each language.
//!
//! A reader sees files twice. `read` takes one file, on any thread, and keeps what it needs of it;
//! `gather` gets all that it kept and adds resources to the [`World`]. The first reader that takes a
//! file has it. Between the two, `compose` puts together what many files of any reader make: a chart,
//! an overlay.

mod aside;
#[cfg(test)]
mod compared;
mod helm;
mod kubernetes;
mod kustomize;
mod path;

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
pub(crate) const READERS: &[Reader] = &[kubernetes::READER, aside::READER];

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
    /// Text that says nothing unless something else names it. It has no outcome.
    Text,
    /// A part of something else, which is judged as a whole.
    Composed,
}

/// The draft of a file with the place of its reader.
pub(crate) fn read(file: &Arc<File>) -> Option<(usize, Draft)> {
    let mut drafts = READERS.iter().map(|reader| (reader.read)(file)).enumerate();
    drafts.find_map(|(at, draft)| Some((at, draft?)))
}

/// Adds what many files make together, and leaves the rest to the readers.
pub(crate) fn compose(drafts: &mut [Draft], world: &mut World) {
    helm::compose(drafts, world);
    kustomize::compose(drafts, world);
}
