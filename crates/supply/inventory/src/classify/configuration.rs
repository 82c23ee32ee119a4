//! Settings that are nothing more special.

use casemate_core::{AssetKind, Class};

use super::{class, head::Head};

pub(super) fn classify(head: &Head<'_>) -> Option<Class> {
    let text = head.text()?;
    let lines = head.lines();
    let is_prose = head.has_extension(&["md", "markdown", "rst", "txt", "adoc", "tex", "org"]);
    let format = if head.json().is_some() {
        "json"
    } else if is_environment(head) {
        "env"
    } else if is_prose {
        return None;
    } else if head.has_extension(&["toml"]) {
        "toml"
    } else if head.has_extension(&["yaml", "yml"]) {
        "yaml"
    } else if head.has_extension(&["ini", "cfg", "conf", "properties", "editorconfig", "inf"]) {
        "ini"
    } else if text.trim_ascii_start().starts_with(b"<?xml") || head.has_extension(&["xml", "svg"]) {
        "xml"
    } else if lines.sections() > 0 && lines.assignments > 0 && lines.others == 0 {
        "ini"
    } else if lines.is_yaml() && lines.keys() > 1 {
        "yaml"
    } else {
        return None;
    };
    Some(class(AssetKind::Configuration, format))
}

/// `NAME=value` on every line; the name of the file excuses other lines.
fn is_environment(head: &Head<'_>) -> bool {
    let is_named = head.name.starts_with(".env") || head.has_extension(&["env"]);
    let lines = head.lines();
    let is_uniform = lines.exports == lines.assignments
        && lines.others + lines.keys() + lines.sections() + lines.items == 0;
    lines.exports > 0 && (is_named || is_uniform && lines.exports > 1)
}
