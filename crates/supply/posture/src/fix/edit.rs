//! Changes of text.

use std::sync::Arc;

use casemate_document::Span;

use super::{Repair, dockerfile, yaml};
use crate::{Cursor, File, Language, World, check::Found, read::dockerfile::DOCKERFILE};

/// A change of one file: other text in place of some bytes.
#[derive(Clone, Debug)]
pub struct Edit {
    /// The file.
    pub file: Arc<File>,
    /// What is replaced; empty where something is put in.
    pub span: Span,
    /// What stands there then.
    pub text: String,
}

impl Edit {
    /// Whether both change the same place, so that the second has to see what the first made of it.
    pub(super) fn meets(&self, other: &Self) -> bool {
        let (a, b) = (self.span, other.span);
        Arc::ptr_eq(&self.file, &other.file) && a.start <= b.end && b.start <= a.end
    }

    /// `text` after all the changes, no two of which meet.
    pub(super) fn applied(text: &str, mut edits: Vec<&Self>) -> String {
        edits.sort_by_key(|edit| edit.span);
        let (mut after, mut at) = (String::with_capacity(text.len()), 0);
        for edit in edits {
            let range = edit.span.range();
            after.push_str(&text[at..range.start]);
            after.push_str(&edit.text);
            at = range.end;
        }
        after.push_str(&text[at..]);
        after
    }
}

/// The edit that makes `repair` of `found`.
pub(super) fn of(repair: Repair, found: &Found, world: &World) -> Result<Edit, String> {
    let attribute = &found.attribute;
    let mut built = world.of_kind(DOCKERFILE);
    if let Some(built) = built.find(|it| it.address == attribute.address) {
        return dockerfile::edit(repair, found, built);
    }
    // Several may have the address: the one that the finding stands in is meant.
    let mut places = world
        .resources()
        .iter()
        .filter(|it| it.address == attribute.address)
        .map(|it| it.find(&attribute.path))
        .filter(|it| it.origin().is_at(&attribute.origin));
    let cursor = places.next().ok_or("its attribute was not found again")?;
    let (cursor, word) = match repair {
        Repair::Set(word) => (cursor, word),
        Repair::SetBelow(path, word) => (cursor.at(path), word),
        Repair::WithoutFlag | Repair::WithoutOptions(_) | Repair::FormerUser => {
            return Err("only files that build images are edited so".to_owned());
        }
    };
    match cursor.resource.language {
        Language::Kubernetes | Language::Compose | Language::GithubActions | Language::GitlabCi => {
            set(&cursor, word)
        }
        _ => Err("nothing is known of how this language is edited".to_owned()),
    }
}

fn set(cursor: &Cursor<'_>, word: &str) -> Result<Edit, String> {
    let origin = cursor.origin();
    if origin.from.is_some() {
        return Err(format!("its value comes from elsewhere: {origin:?}"));
    }
    let (span, text) = match cursor.missing() {
        [] => yaml::replaced(&origin.file.text, origin.span, word),
        keys => yaml::inserted(cursor.nearest(), keys, word),
    }?;
    Ok(Edit {
        file: origin.file.clone(),
        span,
        text,
    })
}
