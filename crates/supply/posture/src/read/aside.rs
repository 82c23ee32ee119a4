//! Text that says nothing by itself: what a chart or a kustomization may name.

use std::sync::Arc;

use super::{Content, Draft, Reader, path};
use crate::File;

/// Asked after all others. What is kept has no outcome unless somebody names it.
pub(super) const READER: Reader = Reader {
    read,
    gather: |_, _| {},
};

fn read(file: &Arc<File>) -> Option<Draft> {
    let path = file.subject.path.as_str();
    let is_kept = file.text.len() <= MAX_BYTES && (is_template(path) || may_be_named(path));
    is_kept.then(|| Draft {
        file: file.clone(),
        content: Content::Text,
    })
}

/// Whether a file with this path is where charts have their templates.
pub(super) fn is_template(path: &str) -> bool {
    path.starts_with("templates/") || path.contains("/templates/")
}

/// Whether a file with this path is kept for those that name it.
pub(super) fn may_be_named(path: &str) -> bool {
    let (folder, name) = (path::folder(path), path::name(path));
    if matches!(end(path), "yaml" | "yml" | "tpl") || name == "Kustomization" {
        return true;
    }
    // Data sets have a million files with such names, and none is a setting.
    let is_near = || FOLDERS.iter().any(|word| folder.contains(word));
    is_setting(path) && is_near()
}

/// Whether a file with this name is likely to be text that somebody set.
pub(super) fn is_setting(path: &str) -> bool {
    let end = end(path).to_ascii_lowercase();
    matches!(end.as_str(), "yaml" | "yml" | "tpl") || ENDS.contains(&end.as_str())
}

/// What is behind the last dot of a file's name.
pub(super) fn end(path: &str) -> &str {
    path::name(path).rsplit_once('.').map_or("", |(_, end)| end)
}

/// How the names of settings end, and of what pods run.
const ENDS: &[&str] = &[
    "",
    "cfg",
    "conf",
    "config",
    "crt",
    "csv",
    "env",
    "hcl",
    "html",
    "ini",
    "j2",
    "json",
    "list",
    "lua",
    "md",
    "pem",
    "properties",
    "py",
    "rules",
    "sh",
    "sql",
    "tmpl",
    "toml",
    "txt",
    "xml",
];

/// Parts of the names of folders with what is installed somewhere.
const FOLDERS: &[&str] = &[
    "base",
    "chart",
    "component",
    "config",
    "deploy",
    "helm",
    "install",
    "k8s",
    "kube",
    "kustom",
    "manifest",
    "operator",
    "overlay",
    "template",
];

/// Kubernetes takes a mebibyte for a ConfigMap, and Helm for a release.
const MAX_BYTES: usize = 1 << 20;
