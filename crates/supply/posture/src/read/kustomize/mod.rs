//! Kustomizations: what overlays make of their bases.
//!
//! ```text
//!   resources ─► generators ─► components ─► patches ─► namespace, names, labels, images ─► replacements
//!        ▲                                                                                      │
//!        └── built once for all overlays that name it            hashes, references, $(NAME) ◄──┘
//! ```
//!
//! An object of a base stands in the base; behind what an overlay changed is the overlay's line.

mod build;
mod fields;
mod generate;
mod inline;
mod object;
mod patch;
mod references;
mod replace;
mod target;
mod transform;

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::Arc};

use super::{Content, Draft, kubernetes, path};
use crate::{File, World};
use build::{Builder, NAMES};

/// Builds the kustomizations among `drafts` that no other one names, and takes what they are made of.
pub(super) fn compose(drafts: &mut [Draft], world: &mut World) {
    let name = |draft: &Draft| draft.file.subject.path.as_str().to_owned();
    let is_free = |draft: &&Draft| !matches!(draft.content, Content::Composed);
    let free = drafts.iter().filter(is_free);
    let files: BTreeMap<String, Arc<File>> = free.map(|it| (name(it), it.file.clone())).collect();
    let mut builder = Builder::new(&files);
    for draft in drafts.iter() {
        // One with a mistake is read again, so that the mistake is told.
        if let Content::Objects(objects, None) = &draft.content {
            builder.know(draft.file.subject.path.as_str(), objects);
        }
    }
    for folder in roots(&files, &mut builder) {
        for object in builder.root(&folder) {
            kubernetes::add(&object, world);
        }
    }
    for (file, span, message) in &builder.problems {
        world.missing(file, *span, message.clone());
    }
    for draft in drafts.iter_mut() {
        if builder.used.contains(draft.file.subject.path.as_str()) {
            draft.content = Content::Composed;
        }
    }
}

/// Folders whose kustomization is a part of no other.
fn roots(files: &BTreeMap<String, Arc<File>>, builder: &mut Builder<'_>) -> Vec<String> {
    let named = files.keys().filter(|it| NAMES.contains(&path::name(it)));
    let folders: Vec<String> = named.map(|it| path::folder(it).to_owned()).collect();
    let is_component = |folder: &String, builder: &Builder<'_>| {
        let file = builder.kustomization(folder);
        file.is_some_and(|it| {
            it.text
                .lines()
                .any(|line| line.trim_end() == "kind: Component")
        })
    };
    // What another one names is known only once that is built; what is built twice costs nothing.
    for folder in &folders {
        if !is_component(folder, builder) {
            builder.prepare(folder);
        }
    }
    let is_root =
        |folder: &String| !builder.named.contains(folder) && !is_component(folder, builder);
    folders.iter().filter(|it| is_root(it)).cloned().collect()
}
