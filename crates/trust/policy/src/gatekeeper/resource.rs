//! Manifests: the objects in a file, and the line of each of their fields.

use std::{fmt, sync::Arc};

use casemate_document::{Limits, Node, Span, decode, json, yaml};
use serde_json::Value;

use super::{
    field::{Field, Place, Step, Wrong},
    object,
    schema::MAX_WRONG,
};
use crate::engine::Message;

/// One document of a file, or one item of a list in it.
#[derive(Clone, Debug)]
pub struct Resource {
    /// What it says.
    pub value: Value,
    node: Node,
    file: Arc<str>,
    /// Where the lines of the file begin.
    starts: Arc<[u32]>,
}

/// Why a file is no manifest, or an object is not what it is meant for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where.
    pub place: Place,
    /// Which field; empty where it is the whole.
    pub field: Field,
    /// What is wrong, in one line.
    pub message: String,
    /// Whether the schema of a template says so.
    pub(crate) is_schema: bool,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        if !self.field.0.is_empty() {
            write!(f, "{} ", self.field)?;
        }
        f.write_str(Message::new(&self.message).as_str())
    }
}

/// Everything that is wrong, a line for each. There is at least one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(Fault::to_string).collect::<Vec<_>>().join("\n"))]
pub struct Faults(pub Vec<Fault>);

impl Resource {
    /// The objects of the file called `name`: JSON where the name ends so, and otherwise YAML, each of
    /// its documents. Empty documents are none; lists (`kind: List`) are taken apart.
    ///
    /// # Errors
    ///
    /// The first mistake. A key that stands twice in one map is one: what reads the file later might
    /// take the other value.
    pub fn read(name: &str, bytes: &[u8]) -> Result<Vec<Self>, Faults> {
        Ok(Self::objects(Self::documents(name, bytes)?))
    }

    /// The objects in documents: without those that are empty, and with lists taken apart.
    pub fn objects(documents: Vec<Self>) -> Vec<Self> {
        let mut todo = documents;
        todo.reverse();
        let mut resources = Vec::new();
        while let Some(whole) = todo.pop() {
            match object::items(whole.value) {
                Err(Value::Null) => {}
                Err(value) => resources.push(Self { value, ..whole }),
                Ok(values) => {
                    let nodes = whole.node.get("items").map(Node::items).unwrap_or_default();
                    let items = values.into_iter().zip(nodes).map(|(value, node)| Self {
                        value,
                        node: node.clone(),
                        file: whole.file.clone(),
                        starts: whole.starts.clone(),
                    });
                    todo.extend(items.rev());
                }
            }
        }
        resources
    }

    /// The documents of the file called `name` as they are, lists and empty ones included.
    ///
    /// # Errors
    ///
    /// See [`Self::read`].
    pub fn documents(name: &str, bytes: &[u8]) -> Result<Vec<Self>, Faults> {
        let file: Arc<str> = name.into();
        let text = decode(bytes).map_err(|error| {
            let place = Place {
                file: name.to_owned(),
                line: 1,
            };
            Faults(vec![fault(place, error.to_string())])
        })?;
        let starts = starts(&text);
        let refuse = |span: Span, message: &str| {
            let place = Place {
                file: name.to_owned(),
                line: line(&starts, span.start),
            };
            Err(Faults(vec![fault(place, message.to_owned())]))
        };
        let limits = Limits::default();
        let (roots, repeated) = if name.ends_with(".json") {
            match json::read(&text, &limits) {
                Ok((root, repeated)) => (vec![root], repeated),
                Err(error) => return refuse(error.span, &error.message),
            }
        } else {
            let stream = yaml::read(&text, yaml::Dialect::KUBERNETES, &limits);
            if let Some(error) = stream.error {
                return refuse(error.span, &error.message);
            }
            let repeated = stream.documents.iter().flat_map(|it| it.repeated.clone());
            let repeated = repeated.collect();
            let roots = stream.documents.into_iter().map(|document| document.root);
            (roots.collect(), repeated)
        };
        if let Some(span) = repeated.first() {
            let key = format!("`{}` stands a second time in one map", span.of(&text));
            return refuse(*span, &key);
        }
        let documents = roots.into_iter().map(|node| Self {
            value: node.to_json(),
            node,
            file: file.clone(),
            starts: starts.clone(),
        });
        Ok(documents.collect())
    }

    /// The file that it stands in.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Where it begins.
    pub fn place(&self) -> Place {
        self.at(self.node.span)
    }

    /// Where a field stands; where it would be, if it is missing.
    pub(crate) fn place_of(&self, field: &Field) -> Place {
        let (mut node, mut span) = (&self.node, self.node.span);
        for step in &field.0 {
            let next = match step {
                Step::Key(key) => node
                    .as_map()
                    .and_then(|map| map.entry(key))
                    .map(|entry| (&entry.value, entry.key_span)),
                Step::Index(index) => node.items().get(*index).map(|item| (item, item.span)),
            };
            match next {
                Some((below, at)) => (node, span) = (below, at),
                None => break,
            }
        }
        self.at(span)
    }

    /// The first line of the text that a field holds, where its lines are lines of the file.
    pub(crate) fn block(&self, field: &Field) -> Option<Place> {
        let mut node = &self.node;
        for step in &field.0 {
            node = match step {
                Step::Key(key) => node.get(key)?,
                Step::Index(index) => node.items().get(*index)?,
            };
        }
        let lines = node.as_str()?.matches('\n').count();
        let first = line(&self.starts, node.span.start);
        let last = line(&self.starts, node.span.end.max(1) - 1);
        // A folded or a quoted text has other lines than the file.
        let is_block = lines > 0 && lines <= usize::try_from(last - first).ok()? + 1;
        is_block.then(|| self.at(node.span))
    }

    /// What is wrong, with its place.
    pub(crate) fn faults(&self, wrong: Vec<Wrong>) -> Vec<Fault> {
        // Finding a place is a walk, and there may be a million things wrong.
        let faults = wrong.into_iter().take(MAX_WRONG).map(|wrong| Fault {
            place: self.place_of(&wrong.field),
            field: wrong.field,
            message: wrong.message,
            is_schema: wrong.is_schema,
        });
        faults.collect()
    }

    fn at(&self, span: Span) -> Place {
        Place {
            file: self.file.as_ref().to_owned(),
            line: line(&self.starts, span.start),
        }
    }
}

fn fault(place: Place, message: String) -> Fault {
    Fault {
        place,
        field: Field::default(),
        message,
        is_schema: false,
    }
}

fn starts(text: &str) -> Arc<[u32]> {
    let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
    let starts = ends.map(|(at, _)| u32::try_from(at + 1).unwrap_or(u32::MAX));
    std::iter::once(0).chain(starts).collect()
}

fn line(starts: &[u32], offset: u32) -> u32 {
    let line = starts.partition_point(|&start| start <= offset);
    u32::try_from(line).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "---
# nothing
---
kind: A
metadata:
  name: a
rego: |
  first
  second
---
kind: List
items:
- kind: B
  x: [1, 2]
";

    #[test]
    fn every_document_and_item_has_its_lines() {
        let all = Resource::read("a.yaml", FILE.as_bytes()).expect("YAML");
        assert_eq!(all.len(), 2);
        assert_eq!(all[0].place().to_string(), "a.yaml:4");
        let line = |field: &[&str]| all[0].place_of(&Field::of(field)).line;
        assert_eq!(line(&["metadata", "name"]), 6);
        assert_eq!(line(&["metadata", "labels", "x"]), 5, "its parent");
        let block = all[0].block(&Field::of(&["rego"])).expect("a block");
        assert_eq!(block.line, 8);
        assert_eq!(all[0].block(&Field::of(&["kind"])), None);
        assert_eq!(all[1].place().line, 13);
        assert_eq!(all[1].place_of(&Field::of(&["x"]).with(1)).line, 14);
    }

    #[test]
    fn a_mistake_is_told_with_its_line() {
        for (name, text, expected) in [
            (
                "a.yaml",
                "a: 1\na: 2\n",
                "a.yaml:2: `a` stands a second time in one map",
            ),
            ("a.json", "{\n", "a.json:2: "),
            ("a.yaml", "a: [\n", "a.yaml:"),
            ("a.yaml", "a: \u{0}b", "a.yaml:1: "),
        ] {
            let error = Resource::read(name, text.as_bytes()).expect_err(text);
            assert!(error.to_string().starts_with(expected), "{error}");
        }
        let error = Resource::read("a.yaml", b"\xff").expect_err("no text");
        assert_eq!(error.to_string(), "a.yaml:1: byte 0 is not UTF-8");
    }
}
