//! Values of charts that are not rendered here: a file with them alone says a lot about what is
//! installed, and nothing about what the chart makes of it. It has no outcome unless something is found.

use std::sync::Arc;

use casemate_document::{
    Limits,
    yaml::{self, Dialect},
};

use super::{Content, Draft, Reader, aside, is_manifest, path};
use crate::{Attr, File, Language, Resource, World};

pub(super) const READER: Reader = Reader { read, gather };

/// The kind of a file of values.
pub(crate) const KIND: &str = "helm-values";

fn read(file: &Arc<File>) -> Option<Draft> {
    let name = file.subject.path.as_str();
    if !path::is_yaml(name) || is_manifest(file) || aside::is_template(name) {
        return None;
    }
    // The file, or the directory with one for each place.
    let mut last = name.rsplit('/').take(2);
    let is_called = last.any(|it| it.to_ascii_lowercase().contains("values"));
    let has = |word: &str| {
        file.text
            .lines()
            .any(|line| line.trim_start().starts_with(word))
    };
    let is_shaped = || SHAPES.iter().any(|keys| keys.iter().all(|key| has(key)));
    (is_called || is_shaped()).then(|| Draft {
        file: file.clone(),
        content: Content::Text,
    })
}

/// Those that no chart has taken for its own.
fn gather(drafts: &[Draft], world: &mut World) {
    for draft in drafts {
        if !matches!(draft.content, Content::Text) {
            continue;
        }
        let stream = yaml::read(&draft.file.text, Dialect::KUBERNETES, &Limits::default());
        for document in &stream.documents {
            world.add(Resource {
                language: Language::HelmValues,
                kind: KIND.into(),
                address: draft.file.subject.path.as_str().into(),
                body: Attr::of_node(&document.root, &draft.file),
            });
        }
    }
}

/// Keys that stand in the values of a chart, and hardly together in any other file: of JupyterHub.
const SHAPES: &[&[&str]] = &[&["hub:", "singleuser:"]];
