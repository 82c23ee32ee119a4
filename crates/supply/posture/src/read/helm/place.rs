//! From rendered text back to where it was written.

use std::{ops::Range, rc::Rc, sync::Arc};

use casemate_document::{Node, Span, Value as Written};

use super::template::{Engine, Place, Text};
use crate::{Attr, File, Item, Map, Origin, Role, Value};

/// A rendered text, and what its parts lead back to.
pub(super) struct Rendered<'a> {
    pub(super) text: &'a Text,
    /// The template that it was rendered from.
    pub(super) file: &'a Arc<File>,
    /// Stands for what whoever installs the chart says; it is no file of the tree.
    pub(super) release: &'a Arc<File>,
    pub(super) engine: &'a Engine,
}

impl Rendered<'_> {
    /// The value of a node, as the template and the values say it.
    pub(super) fn attr(&self, node: &Node) -> Attr {
        let value = match &node.value {
            Written::Null => Value::Null,
            Written::Bool(value) => Value::Bool(*value),
            Written::Integer(value) => Value::Integer(*value),
            Written::Float(value) => Value::Float(*value),
            Written::String(text) => self.string(text, node.span),
            Written::List(items) => Value::List(items.iter().map(|it| self.attr(it)).collect()),
            Written::Map(map) => {
                let mut open = None;
                let mut items = Vec::with_capacity(map.entries().len());
                for entry in map.entries() {
                    if let Some(why) = self.engine.doubt_in(&entry.key) {
                        open = Some(Arc::from(&*why));
                        continue;
                    }
                    items.push(Item {
                        key: entry.key.clone(),
                        place: self.origin(entry.key_span),
                        value: self.attr(&entry.value),
                    });
                }
                let mut map = Map::new(items);
                map.open = open;
                Value::Map(Arc::new(map))
            }
            Written::Tagged(tagged) => return self.attr(&tagged.1),
        };
        Attr::new(value, self.origin(node.span))
    }

    fn string(&self, text: &Arc<str>, span: Span) -> Value {
        if let Some(why) = self.engine.doubt_in(text) {
            return Value::Unknown(Arc::from(&*why));
        }
        let mut places = self.text.places(span.range());
        let is_given = |place: &Place| matches!(place, Place::Filled(_, Some(origin)) if Arc::ptr_eq(&origin.file, self.release));
        // Quotes around it are written in the template.
        let is_all = |(start, end, place): (usize, usize, Place)| {
            is_given(&place)
                || self.text.as_str()[start..end]
                    .trim_matches(['"', '\''])
                    .is_empty()
        };
        let has_any = self
            .text
            .places(span.range())
            .any(|(_, _, place)| is_given(&place));
        // A digest of a text with the namespace in it is no namespace.
        match has_any && &**text == NAMESPACE && places.all(is_all) {
            true => Value::Unknown("whoever installs the chart chooses the namespace".into()),
            false => Value::String(text.clone()),
        }
    }

    /// Where the bytes in `span` were written.
    pub(super) fn origin(&self, span: Span) -> Origin {
        let Range { start, end } = span.range();
        let end = end.clamp(start, self.text.len()).max(start + 1);
        let mut places = self.text.places(start..end);
        let Some((from, to, first)) = places.next() else {
            return Origin::new(self.file, Span::default());
        };
        let mut origin = match &first {
            Place::Written(file, offset) => {
                let begin = offset + (start.max(from) - from);
                let last = match to >= end {
                    true => None,
                    false => self.text.places(end - 1..end).next(),
                };
                let stop = match last {
                    Some((from, to, Place::Written(other, offset)))
                        if Arc::ptr_eq(&other, file) =>
                    {
                        offset + (to - from)
                    }
                    // An action ends the line that it stands in.
                    Some((_, _, Place::Filled(at, _))) if Arc::ptr_eq(&at.file, file) => {
                        at.span.range().end
                    }
                    _ => 0,
                };
                let stop = match stop > begin {
                    true => stop,
                    false => begin + (to - start.max(from)),
                };
                Origin::new(file, Span::new(begin, stop))
            }
            Place::Filled(at, _) => (**at).clone(),
            Place::Value(origin) => (**origin).clone(),
        };
        let mut told: Vec<Rc<Origin>> = Vec::new();
        let is_scalar = !self.text.as_str()[start..end].contains('\n');
        let rest = places.take_while(|_| is_scalar).take(MAX_PLACES);
        for place in std::iter::once(first).chain(rest.map(|(_, _, place)| place)) {
            if let Place::Filled(_, Some(value)) = place
                && !Arc::ptr_eq(&value.file, self.release)
                && !told
                    .iter()
                    .any(|it| it.span == value.span && Arc::ptr_eq(&it.file, &value.file))
            {
                told.push(value);
            }
        }
        for value in told {
            origin = origin.behind(Role::Value, (*value).clone());
        }
        origin
    }
}

/// The namespace that Helm takes where nobody names one.
pub(super) const NAMESPACE: &str = "default";

/// Parts of one scalar whose values are told: registry, repository and tag of an image, and some.
const MAX_PLACES: usize = 12;
