//! Terraform and OpenTofu: configuration in HCL and JSON.
//!
//! ```text
//!   file ──► parse, json ──► Body ──► tree: directories, overrides, values of variables
//!                                       │
//!              each root module ──► eval: names, functions, instances, modules that are there
//!                                       │
//!                                     emit ──► Resource, Link
//!                                       │
//!                                    objects ──► Resource of Kubernetes
//! ```
//!
//! What `terraform plan` would say without asking a provider is known; what it would have to ask for is
//! not, with the reason. A module that others call is judged as it is called, and not with its defaults.
//! Every nested block is a list of objects, as in a plan, and a text that is an object of JSON (a policy)
//! is read as what it says.

mod emit;
mod eval;
mod functions;
mod json;
mod objects;
mod parse;
mod said;
mod syntax;
mod tree;
mod types;
mod value;

use std::{sync::Arc, thread};

use casemate_document::{Error, Span};

use self::{eval::Eval, tree::Tree};
use super::{
    Content, Draft, Reader,
    path::{folder, name},
};
use crate::{File, World};

pub(super) use self::{objects::OBJECTS, said::said};
pub(crate) use self::{
    parse::file as parse,
    syntax::{Attribute, Block, Body},
};

pub(super) const READER: Reader = Reader { read, gather };

/// Files that expressions may read, and that nobody else takes. Nothing is said of them.
pub(super) const TEXTS: Reader = Reader {
    read: read_text,
    gather: |_, _| {},
};

/// A file of Terraform's.
pub(crate) struct Parsed {
    kind: Kind,
    body: Body,
    error: Option<Error>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Configuration,
    /// Replaces what others say.
    Override,
    /// Values of variables, with their rank: of two the later one counts.
    Values(u8),
    /// Where `terraform init` put modules.
    Modules,
}

fn read(file: &Arc<File>) -> Option<Draft> {
    let path = file.subject.path.as_str();
    let (kind, is_json) = kind(path)?;
    let (body, error) = match (kind, is_json) {
        (Kind::Modules, _) => (Body::default(), None),
        (_, true) => json::file(file, matches!(kind, Kind::Values(_))),
        (_, false) => parse::file(file),
    };
    Some(Draft {
        file: file.clone(),
        content: Content::Terraform(Box::new(Parsed { kind, body, error })),
    })
}

/// What a file is by its name, and whether it is in JSON.
fn kind(path: &str) -> Option<(Kind, bool)> {
    let (place, name) = (folder(path), name(path));
    if name == "modules.json"
        && (place == ".terraform/modules" || place.ends_with("/.terraform/modules"))
    {
        return Some((Kind::Modules, true));
    }
    let (stem, is_json) = match name.strip_suffix(".json") {
        Some(stem) => (stem, true),
        None => (name, false),
    };
    if let Some(stem) = stem
        .strip_suffix(".tf")
        .or_else(|| stem.strip_suffix(".tofu"))
    {
        let is_override = stem == "override" || stem.ends_with("_override");
        return Some((
            if is_override {
                Kind::Override
            } else {
                Kind::Configuration
            },
            is_json,
        ));
    }
    if stem == "terraform.tfvars" {
        return Some((Kind::Values(u8::from(is_json)), is_json));
    }
    stem.ends_with(".auto.tfvars")
        .then_some((Kind::Values(2), is_json))
}

fn read_text(file: &Arc<File>) -> Option<Draft> {
    let name = name(file.subject.path.as_str());
    let (_, ending) = name.rsplit_once('.')?;
    let is_text = TEXT_ENDINGS.contains(&ending) && file.text.len() <= MAX_TEXT_FILE;
    is_text.then(|| Draft {
        file: file.clone(),
        content: Content::Text,
    })
}

fn gather(drafts: &[Draft], world: &mut World) {
    let mut parsed: Vec<(&Arc<File>, &Parsed)> = Vec::new();
    for draft in drafts {
        let Content::Terraform(content) = &draft.content else {
            continue;
        };
        if let Some(error) = &content.error {
            world.missing(&draft.file, error.span, error.message.clone());
        }
        parsed.push((&draft.file, content));
    }
    if parsed.is_empty() {
        return;
    }
    // Expressions are bounded in how deep they go, and what is left is still more than the stack of a
    // thread of the pool.
    let built = thread::scope(|scope| {
        let builder = thread::Builder::new().stack_size(STACK);
        let work = builder.spawn_scoped(scope, || declare(&parsed, world));
        work.map(|work| work.join())
    });
    if !matches!(built, Ok(Ok(()))) {
        for (file, _) in parsed {
            world.missing(
                file,
                Span::default(),
                "the configuration could not be computed",
            );
        }
    }
}

fn declare(parsed: &[(&Arc<File>, &Parsed)], world: &mut World) {
    let tree = Tree::new(parsed.iter().copied(), world.files().clone());
    for (origin, why) in &tree.refused {
        world.missing(&origin.file, origin.span, why.clone());
    }
    for root in tree.roots() {
        let eval = Eval::new(&tree, root);
        emit::root(&eval, world);
        if let Some(origin) = eval.exhausted() {
            world.missing(&origin.file, origin.span, eval::TOO_MUCH);
        }
    }
}

/// Of what the debug build takes at the greatest depth, twice as much.
const STACK: usize = 64 << 20;

/// Templates, scripts, policies and data.
const TEXT_ENDINGS: &[&str] = &[
    "tpl", "tftpl", "tmpl", "template", "json", "yaml", "yml", "sh", "ps1", "txt", "csv", "cfg",
    "conf", "toml",
];

const MAX_TEXT_FILE: usize = 1 << 20;

#[cfg(test)]
mod tests;
