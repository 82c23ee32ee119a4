//! Prose, and text that is nothing else.

use casemate_container::sniff::Magic;
use casemate_core::{AssetKind, Class};

use super::{class, head::Head};

pub(super) fn classify(head: &Head<'_>) -> Option<Class> {
    if head.magic == Magic::Pdf {
        return Some(class(AssetKind::Document, "pdf"));
    }
    let text = head.text()?.trim_ascii_start();
    let start = text.get(..9).unwrap_or(text).to_ascii_lowercase();
    let format = match head.extension() {
        _ if start.starts_with(b"<!doctype") || start.starts_with(b"<html") => "html",
        "md" | "markdown" | "mdx" => "markdown",
        "rst" => "restructured-text",
        "adoc" => "asciidoc",
        "tex" => "latex",
        "html" | "htm" => "html",
        _ => "text",
    };
    Some(class(AssetKind::Document, format))
}
