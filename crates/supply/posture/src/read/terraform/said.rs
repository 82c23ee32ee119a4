//! What a text says that is JSON, as policies are.

use std::sync::Arc;

use casemate_document::{Limits, Node, Span, Value as Written, json};

use crate::{Attr, Item, Map, Origin, Value};

/// What a text says that is an object of JSON, or a list of some: a policy. With its places, where it
/// stands in the file as it is.
pub(crate) fn said(
    text: &str,
    origin: &Origin,
    is_sensitive: bool,
    has_holes: bool,
) -> Option<Value> {
    let begins = text.trim_start();
    if !begins.starts_with('{') && !begins.starts_with('[') {
        return None;
    }
    let limits = Limits {
        bytes: 1 << 20,
        nodes: 50_000,
        depth: 64,
    };
    let (node, _) = json::read(text, &limits).ok()?;
    if !matches!(node.value, Written::Map(_))
        && !node.items().iter().any(|it| it.as_map().is_some())
    {
        return None;
    }
    let within = origin.text();
    let offset = within.find(begins.trim_end()).filter(|_| !has_holes);
    let lead = text.len() - begins.len();
    let offset = offset
        .map(|at| origin.span.start as usize + at - lead.min(at + origin.span.start as usize));
    Some(
        Said {
            origin,
            offset,
            is_sensitive,
        }
        .attr(&node)
        .value,
    )
}

struct Said<'a> {
    origin: &'a Origin,
    offset: Option<usize>,
    is_sensitive: bool,
}

impl Said<'_> {
    fn place(&self, span: Span) -> Origin {
        match self.offset {
            Some(offset) => Origin {
                span: Span::new(span.start as usize + offset, span.end as usize + offset),
                ..self.origin.clone()
            },
            None => self.origin.clone(),
        }
    }

    /// As deep as the limits of the reader.
    fn attr(&self, node: &Node) -> Attr {
        let value = match &node.value {
            Written::String(text) => match reason_of(text) {
                Some(why) => Value::Unknown(why.into()),
                None => Value::String(text.clone()),
            },
            Written::List(items) => Value::List(items.iter().map(|item| self.attr(item)).collect()),
            Written::Map(map) => {
                let items = map.entries().iter().map(|entry| Item {
                    key: entry.key.clone(),
                    place: self.place(entry.key_span),
                    value: self.attr(&entry.value),
                });
                Value::Map(Arc::new(Map::new(items.collect())))
            }
            _ => Attr::of_node(node, &self.origin.file).value,
        };
        Attr {
            value,
            origin: self.place(node.span),
            is_sensitive: self.is_sensitive,
        }
    }
}

/// What stands for a part of a text that is not known. The signs around the reason are of Unicode's
/// private use.
pub(crate) fn hole(why: &str) -> String {
    let why: String = why
        .chars()
        .map(|c| {
            if c == '"' || c == '\\' || c.is_control() {
                '\''
            } else {
                c
            }
        })
        .collect();
    format!("{HOLE}{why}{HOLE_END}")
}

fn reason_of(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once(HOLE)?;
    rest.split_once(HOLE_END).map(|(why, _)| why)
}

/// Before the reason in a [`hole`].
pub(super) const HOLE: char = '\u{f8f0}';

/// Behind it.
pub(super) const HOLE_END: char = '\u{f8f1}';
