//! Changes of text.

use std::sync::Arc;

use casemate_document::Span;

use super::{Repair, yaml};
use crate::{Cursor, File, Language, World, check::Found};

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
    /// The file's text after the change.
    pub fn applied(&self) -> String {
        let (text, range) = (&self.file.text, self.span.range());
        [&text[..range.start], &self.text, &text[range.end..]].concat()
    }
}

/// The edit that makes `repair` of `found`.
pub(super) fn of(repair: Repair, found: &Found, world: &World) -> Result<Edit, String> {
    let attribute = &found.attribute;
    let mut resources = world.resources().iter();
    let resource = resources.find(|it| it.address == attribute.address);
    let cursor = resource
        .ok_or("its resource is not there")?
        .find(&attribute.path);
    let (cursor, word) = match repair {
        Repair::Set(word) => (cursor, word),
        Repair::SetBelow(path, word) => (cursor.at(path), word),
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
