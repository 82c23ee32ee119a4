//! Nodes from the parser's events.

use std::{
    collections::{HashMap, HashSet},
    mem,
    sync::Arc,
};

use granit_parser::{Event, ScalarStyle, Tag};

use super::{Dialect, Document};
use crate::{Entry, Error, Limits, Map, Node, Span, Value, json::repeated};

/// Puts documents together, without recursion.
pub(super) struct Builder<'a> {
    dialect: Dialect,
    limits: &'a Limits,
    open: Vec<Open>,
    /// What the anchors of this document name.
    anchors: HashMap<usize, Sized>,
    nodes: usize,
    root: Option<Node>,
    repeated: Vec<Span>,
    pub(super) documents: Vec<Document>,
    pub(super) comments: Vec<Span>,
    pub(super) is_cut: bool,
}

/// A node, and what walking it costs.
#[derive(Clone)]
struct Sized {
    node: Node,
    nodes: usize,
    depth: usize,
}

/// A collection whose end has not come yet.
struct Open {
    start: Span,
    anchor: usize,
    tag: Option<Box<str>>,
    members: Members,
    /// Of the members so far.
    nodes: usize,
    depth: usize,
}

enum Members {
    List(Vec<Node>),
    Map {
        entries: Vec<Entry>,
        key: Option<(Arc<str>, Span)>,
        merged: Vec<Node>,
    },
}

impl<'a> Builder<'a> {
    pub(super) fn new(dialect: Dialect, limits: &'a Limits) -> Self {
        Self {
            dialect,
            limits,
            open: Vec::new(),
            anchors: HashMap::new(),
            nodes: 0,
            root: None,
            repeated: Vec::new(),
            documents: Vec::new(),
            comments: Vec::new(),
            is_cut: false,
        }
    }

    pub(super) fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Error> {
        match event {
            Event::DocumentStart(..) => self.anchors.clear(),
            Event::DocumentEnd => {
                let root = self
                    .root
                    .take()
                    .unwrap_or_else(|| Node::new(Value::Null, span));
                let repeated = mem::take(&mut self.repeated);
                self.documents.push(Document { root, repeated });
            }
            Event::Comment(..) => self.comments.push(span),
            Event::Scalar(text, style, anchor, tag) => {
                let tag = tag.as_deref();
                let is_plain = style == ScalarStyle::Plain;
                let value = match tag.and_then(Tag::core_suffix) {
                    Some("str") => Value::String(text.as_ref().into()),
                    Some(_) => self.dialect.schema.resolve(&text),
                    None if is_plain && tag.is_none() => self.dialect.schema.resolve(&text),
                    None => Value::String(text.as_ref().into()),
                };
                // A key is what was written, whatever it would mean as a value.
                if let Some(Members::Map { key, .. }) = self.members()
                    && key.is_none()
                {
                    *key = Some((text.as_ref().into(), span));
                    return self.anchored_key(anchor, value, span);
                }
                let sized = Sized {
                    node: tagged(custom(tag), Node::new(value, span)),
                    nodes: 1,
                    depth: 0,
                };
                self.put(anchor, sized)?;
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.begin(span, anchor, tag.as_deref(), Members::List(Vec::new()))?;
            }
            Event::MappingStart(_, anchor, tag) => {
                let members = Members::Map {
                    entries: Vec::new(),
                    key: None,
                    merged: Vec::new(),
                };
                self.begin(span, anchor, tag.as_deref(), members)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(span)?,
            Event::Alias(anchor) => {
                let Some(mut sized) = self.anchors.get(&anchor).cloned() else {
                    return Err(wrong("an alias for something that it is part of", span));
                };
                if let Some(Members::Map { key, .. }) = self.members()
                    && key.is_none()
                {
                    let Some(text) = sized.node.as_str() else {
                        return Err(wrong("a key that is no scalar", span));
                    };
                    *key = Some((text.into(), span));
                    return Ok(());
                }
                sized.node.span = span;
                self.put(0, sized)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn members(&mut self) -> Option<&mut Members> {
        self.open.last_mut().map(|open| &mut open.members)
    }

    fn anchored_key(&mut self, anchor: usize, value: Value, span: Span) -> Result<(), Error> {
        let node = Node::new(value, span);
        let sized = Sized {
            node,
            nodes: 1,
            depth: 0,
        };
        self.count(1, span)?;
        if anchor != 0 {
            self.anchors.insert(anchor, sized);
        }
        Ok(())
    }

    fn begin(
        &mut self,
        start: Span,
        anchor: usize,
        tag: Option<&Tag>,
        members: Members,
    ) -> Result<(), Error> {
        if let Some(Members::Map { key: None, .. }) = self.members() {
            return Err(wrong("a key that is no scalar", start));
        }
        self.open.push(Open {
            start,
            anchor,
            tag: custom(tag),
            members,
            nodes: 1,
            depth: 1,
        });
        Ok(())
    }

    fn end(&mut self, end: Span) -> Result<(), Error> {
        let Some(open) = self.open.pop() else {
            return Ok(());
        };
        let value = match open.members {
            Members::List(items) => Value::List(items.into()),
            Members::Map {
                entries, merged, ..
            } => {
                self.repeated.extend(repeated(&entries));
                Value::Map(Arc::new(Map::new(merge(entries, &merged))))
            }
        };
        let node = Node::new(value, open.start.to(end));
        let sized = Sized {
            node: tagged(open.tag, node),
            nodes: open.nodes,
            depth: open.depth,
        };
        // Its members are counted already.
        self.nodes -= open.nodes - 1;
        self.put(open.anchor, sized)
    }

    /// A node that is complete goes where it belongs.
    fn put(&mut self, anchor: usize, sized: Sized) -> Result<(), Error> {
        let span = sized.node.span;
        self.count(sized.nodes, span)?;
        if self.open.len() + sized.depth > self.limits.depth {
            self.is_cut = true;
            let message = format!("nested more than {} deep", self.limits.depth);
            return Err(wrong(&message, span));
        }
        if anchor != 0 {
            self.anchors.insert(anchor, sized.clone());
        }
        let merges = self.dialect.merges;
        let Some(open) = self.open.last_mut() else {
            self.root = Some(sized.node);
            return Ok(());
        };
        open.nodes += sized.nodes;
        open.depth = open.depth.max(sized.depth + 1);
        match &mut open.members {
            Members::List(items) => items.push(sized.node),
            Members::Map {
                entries,
                key,
                merged,
            } => {
                let (key, key_span) = key.take().unwrap_or_default();
                if merges && &*key == "<<" {
                    merged.push(sized.node);
                } else {
                    entries.push(Entry {
                        key,
                        key_span,
                        value: sized.node,
                    });
                }
            }
        }
        Ok(())
    }

    fn count(&mut self, nodes: usize, span: Span) -> Result<(), Error> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes <= self.limits.nodes {
            return Ok(());
        }
        self.is_cut = true;
        let message = format!(
            "more than {} values, with what aliases repeat",
            self.limits.nodes
        );
        Err(wrong(&message, span))
    }
}

/// The entries with those of `merged`, maps or lists of maps, that they do not have themselves: of
/// several, the first map's (<https://yaml.org/type/merge.html>).
fn merge(mut entries: Vec<Entry>, merged: &[Node]) -> Vec<Entry> {
    let mut known: HashSet<Arc<str>> = match merged {
        [] => return entries,
        _ => entries.iter().map(|entry| entry.key.clone()).collect(),
    };
    for node in merged {
        let maps = match &node.value {
            Value::List(items) => items,
            _ => std::slice::from_ref(node),
        };
        for entry in maps.iter().flat_map(Node::entries) {
            if known.insert(entry.key.clone()) {
                entries.push(entry.clone());
            }
        }
    }
    entries
}

fn tagged(tag: Option<Box<str>>, node: Node) -> Node {
    let span = node.span;
    match tag {
        Some(tag) => Node::new(Value::Tagged(Arc::new((tag, node))), span),
        None => node,
    }
}

/// A tag that is not one of YAML's own.
fn custom(tag: Option<&Tag>) -> Option<Box<str>> {
    let tag = tag?;
    let is_own =
        tag.core_suffix().is_some() || tag.is_yaml_core_schema() || tag.suffix().is_empty();
    (!is_own).then(|| tag.original().into())
}

fn wrong(message: &str, span: Span) -> Error {
    Error {
        message: message.to_owned(),
        span,
    }
}
