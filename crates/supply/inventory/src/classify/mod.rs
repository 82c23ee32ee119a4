//! What a file is: by its content first, its name is a hint.
//!
//! One file here knows one family of kinds and says so in a function from `Head` to an optional
//! class; `FAMILIES` is the order in which they are asked. A family reads the head's bytes, or one
//! of the two shapes that are made of them once: the JSON's and the lines'. All of it looks at no
//! more than the first 64 KiB and is linear in them; the signature, which `casemate-container`
//! reads, also at the last.

mod archive;
mod code;
mod configuration;
mod container;
mod dataset;
mod document;
mod executable;
mod head;
mod json;
mod kubernetes;
mod lines;
mod lockfile;
mod media;
mod model;
mod notebook;
mod pipeline;
mod terraform;
mod version_control;

use casemate_core::{AssetKind, Class, Classify, PathText, Source};

use head::Head;

/// Says what a file is by its bytes, and always says something: [`UNKNOWN`], if nothing else.
#[derive(Clone, Copy, Debug, Default)]
pub struct ByContent;

impl Classify for ByContent {
    fn classify(&self, path: &PathText, source: &dyn Source) -> Option<Class> {
        Some(classify(path, source))
    }
}

/// What `source` is. `path` decides only between things that their content does not tell apart.
/// What cannot be read is [`UNKNOWN`].
pub fn classify(path: &PathText, source: &dyn Source) -> Class {
    let Ok(head) = Head::of(path, source) else {
        return UNKNOWN;
    };
    let mut answers = FAMILIES.iter().filter_map(|family| family(&head));
    answers.next().unwrap_or(UNKNOWN)
}

/// The class of a file that nothing knows.
pub const UNKNOWN: Class = class(AssetKind::Other, "unknown");

const fn class(kind: AssetKind, format: &'static str) -> Class {
    Class { kind, format }
}

/// From what is unmistakable to what is only likely.
const FAMILIES: [fn(&Head<'_>) -> Option<Class>; 16] = [
    // By signature.
    model::classify,
    dataset::classify_binary,
    archive::classify,
    executable::classify,
    version_control::classify,
    media::classify,
    // By structure.
    notebook::classify,
    lockfile::classify,
    container::classify,
    kubernetes::classify,
    pipeline::classify,
    terraform::classify,
    // By many small signs.
    code::classify,
    dataset::classify_text,
    configuration::classify,
    document::classify,
];

#[cfg(test)]
mod tests;
