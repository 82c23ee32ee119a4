//! DOT, of Graphviz.

use std::fmt::Write as _;

use super::Picture;
use crate::{Analysis, Bounds, Connections, TooLarge};

/// Who reaches whom, as a directed graph: an edge for each pair between which something passes or may, a box
/// for each namespace.
///
/// # Errors
///
/// [`TooLarge`].
pub fn dot(analysis: &Analysis) -> Result<String, TooLarge> {
    let picture = Picture::of(analysis)?;
    let mut text = String::from(
        "digraph reach {\n  rankdir=LR;\n  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n",
    );
    let mut open: Option<&str> = None;
    for (at, group) in picture.groups.iter().enumerate() {
        let namespace = group.namespace.as_deref();
        if namespace != open {
            if open.is_some() {
                text.push_str("  }\n");
            }
            if let Some(name) = namespace {
                // Writing to a string cannot fail.
                let _ = writeln!(
                    text,
                    "  subgraph \"cluster_{at}\" {{\n    label={};",
                    quoted(name)
                );
            }
            open = namespace;
        }
        let _ = writeln!(
            text,
            "    g{at} [label={}, tooltip={}];",
            quoted(&group.label()),
            quoted(&group.names.join(", "))
        );
    }
    if open.is_some() {
        text.push_str("  }\n");
    }
    for (from, to, connections) in picture.each().filter(|(_, _, it)| !it.most.is_empty()) {
        let _ = writeln!(text, "  g{from} -> g{to} [{}];", style(connections));
    }
    if picture.left_out > 0 {
        let _ = writeln!(
            text,
            "  label=\"{} groups are not drawn\";",
            picture.left_out
        );
    }
    text.push_str("}\n");
    Ok(text)
}

fn style(connections: &Bounds<Connections>) -> String {
    let label = |it: &Connections| match it.is_all() {
        true => String::new(),
        false => format!("label={}, ", quoted(&it.to_string())),
    };
    match connections.least.is_empty() {
        true => format!("{}style=dashed", label(&connections.most)),
        false => format!("{}style=solid", label(&connections.least)),
    }
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            it if it.is_control() => quoted.push(' '),
            it => quoted.push(it),
        }
    }
    quoted.push('"');
    quoted
}
