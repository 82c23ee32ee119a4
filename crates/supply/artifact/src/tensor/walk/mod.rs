//! What a pickle holds, entry by entry, under the names that a state dictionary would have.
//!
//! Dictionaries, lists and modules are walked, their keys joined with dots. Values without a
//! tensor in them are told as JSON.

mod shape;

use std::collections::HashSet;

use self::shape::{class, size};
use super::{Refusal, Tensor, numpy, plain, torch, torch_tar::Objects};
use crate::{
    Allowlist,
    pickle::{
        tree::{Called, Id, Node, Tree},
        value::Shape,
    },
};

pub(crate) use shape::{members, pairs};

/// One thing in a file, under its name.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) content: Content,
}

/// What an entry is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Content {
    Tensor(Tensor),
    /// A value as JSON.
    Plain(String),
    /// Metadata as they stand in the file.
    Text(String),
    Refused(Refusal),
}

impl From<Result<Tensor, Refusal>> for Content {
    fn from(tensor: Result<Tensor, Refusal>) -> Self {
        match tensor {
            Ok(tensor) => Self::Tensor(tensor),
            Err(refusal) => Self::Refused(refusal),
        }
    }
}

/// How a pickle is walked.
#[derive(Clone, Copy)]
pub(crate) struct Walk<'w> {
    pub(crate) allowlist: &'w Allowlist,
    /// What persistent ids ask for, where the file around the pickle says that.
    pub(crate) objects: Option<&'w Objects>,
    /// How many bytes of JSON are written at most.
    pub(crate) text: usize,
}

impl<'w> Walk<'w> {
    pub(crate) fn new(allowlist: &'w Allowlist) -> Self {
        Self {
            allowlist,
            objects: None,
            text: MOST_TEXT,
        }
    }

    /// Tells what stands under `root`, in the order of the stream.
    ///
    /// # Errors
    ///
    /// Where there is more than any file has.
    pub(crate) fn tell(
        self,
        tree: &Tree<'_>,
        root: Id,
        take: impl FnMut(Entry),
    ) -> Result<(), TooMany> {
        let walker = Walker {
            tree,
            walk: self,
            path: String::new(),
            frames: Vec::new(),
            left: MOST_VISITS,
            text: self.text,
        };
        walker.tell(root, take)
    }
}

/// There is more in a file than any file has.
#[derive(Debug, thiserror::Error)]
#[error("more than {MOST_VISITS} values")]
pub(crate) struct TooMany;

struct Walker<'t, 'a> {
    tree: &'t Tree<'a>,
    walk: Walk<'t>,
    path: String,
    frames: Vec<Frame>,
    /// How many values may still be visited, those among them that are looked at and then give
    /// no entry: what many objects share is looked at once for each.
    left: usize,
    /// How much JSON may still be written.
    text: usize,
}

struct Frame {
    children: std::vec::IntoIter<(Key, Id)>,
    /// How much of the path is the name of what the children are in.
    outer: usize,
}

#[derive(Clone, Copy)]
enum Key {
    Node(Id),
    Index(usize),
}

enum Found {
    Children(Children),
    Content(Content),
}

type Children = Vec<(Key, Id)>;

impl Walker<'_, '_> {
    fn tell(mut self, root: Id, mut take: impl FnMut(Entry)) -> Result<(), TooMany> {
        let mut next = Some(self.look(root)?);
        loop {
            match next.take() {
                Some(Found::Children(children)) if self.frames.len() < DEEPEST => {
                    let outer = self.path.len();
                    let children = children.into_iter();
                    self.frames.push(Frame { children, outer });
                }
                Some(Found::Children(_)) => take(self.entry(Content::Refused(Refusal::Depth))),
                Some(Found::Content(content)) => take(self.entry(content)),
                None => {}
            }
            let Some(frame) = self.frames.last_mut() else {
                return Ok(());
            };
            self.path.truncate(frame.outer);
            let Some((key, child)) = frame.children.next() else {
                self.frames.pop();
                continue;
            };
            let entered = self.enter(&key);
            // An entry has a copy of its whole name.
            self.charge(self.path.len() / BYTES_OF_A_VISIT)?;
            next = Some(match entered {
                Ok(()) => self.look(child)?,
                Err(refusal) => Found::Content(Content::Refused(refusal)),
            });
        }
    }

    fn charge(&mut self, visits: usize) -> Result<(), TooMany> {
        self.left = self.left.checked_sub(visits).ok_or(TooMany)?;
        Ok(())
    }

    fn look(&mut self, id: Id) -> Result<Found, TooMany> {
        let tree = self.tree;
        self.charge(size(tree, id))?;
        let tensor = torch::tensor(tree, id).or_else(|| numpy::array(tree, id));
        let tensor = tensor.or_else(|| self.asked_for(id));
        if let Some(tensor) = tensor {
            return Ok(Found::Content(tensor.into()));
        }
        if let Some(pairs) = pairs(tree, id)
            && !pairs.is_empty()
        {
            return Ok(Found::Children(children(pairs)));
        }
        if let Some(json) = plain::json(tree, id, &mut self.text) {
            return Ok(Found::Content(match json {
                Ok(json) => Content::Plain(json),
                Err(refusal) => Content::Refused(refusal),
            }));
        }
        Ok(match tree.node(id) {
            Node::Container {
                shape: Shape::List | Shape::Tuple,
                items,
            } => {
                let children = items.iter().enumerate();
                Found::Children(children.map(|(at, &item)| (Key::Index(at), item)).collect())
            }
            Node::Called(called) => match self.object(id, called)? {
                Ok(children) => Found::Children(children),
                Err(refusal) => Found::Content(Content::Refused(refusal)),
            },
            _ => Found::Content(Content::Refused(self.refusal(id))),
        })
    }

    /// The tensor that a persistent id asks for, where the file says what that is.
    fn asked_for(&self, id: Id) -> Option<Result<Tensor, Refusal>> {
        match *self.tree.node(id) {
            Node::Persistent(key) => Some(self.walk.objects?.tensor(self.tree, key)),
            _ => None,
        }
    }

    /// What an object has under the names that it would give in a state dictionary.
    fn object(&mut self, id: Id, called: &Called) -> Result<Result<Children, Refusal>, TooMany> {
        let tree = self.tree;
        let Some(class) = class(tree, id) else {
            return Ok(Err(Refusal::Called));
        };
        let row = self.walk.allowlist.row(&class.module, &class.path);
        if row.is_none_or(|row| !row.is_class) {
            return Ok(Err(Refusal::NotAllowed(class.dotted())));
        }
        let is_namespace = matches!(
            (&*class.module, &*class.path),
            ("argparse", "Namespace") | ("types", "SimpleNamespace")
        );
        let children = match called.states[..] {
            [state] if called.items.is_empty() => match is_namespace {
                true => self.pairs(state)?.map(children),
                false => self.module(state)?,
            },
            _ => None,
        };
        Ok(children.ok_or_else(|| Refusal::Object(class.dotted())))
    }

    /// What `torch.nn.Module.state_dict` has of a module with this state, one level down.
    fn module(&mut self, state: Id) -> Result<Option<Children>, TooMany> {
        let tree = self.tree;
        let (mut parameters, mut buffers, mut modules, mut transient) = (None, None, None, None);
        for (key, value) in self.pairs(state)?.unwrap_or_default() {
            let name = tree.text_within(key, LONGEST_ATTRIBUTE);
            match name.as_deref() {
                Some("_parameters") => parameters = Some(value),
                Some("_buffers") => buffers = Some(value),
                Some("_modules") => modules = Some(value),
                Some("_non_persistent_buffers_set") => transient = Some(value),
                _ => {}
            }
        }
        let (Some(parameters), Some(modules)) = (parameters, modules) else {
            return Ok(None);
        };
        let (parameters, modules) = (self.pairs(parameters)?, self.pairs(modules)?);
        let transient = match transient {
            Some(set) => members(tree, set),
            None => Some(&[][..]),
        };
        let (Some(parameters), Some(modules), Some(transient)) = (parameters, modules, transient)
        else {
            return Ok(None);
        };
        let mut names = HashSet::new();
        for &name in transient {
            names.insert(self.name(name)?);
        }
        let mut all = parameters;
        if let Some(buffers) = buffers {
            for (key, value) in self.pairs(buffers)?.unwrap_or_default() {
                if !names.contains(&self.name(key)?) {
                    all.push((key, value));
                }
            }
        }
        all.extend(modules);
        all.retain(|&(_, value)| !matches!(tree.node(value), Node::None));
        Ok(Some(children(all)))
    }

    fn pairs(&mut self, id: Id) -> Result<Option<Vec<(Id, Id)>>, TooMany> {
        self.charge(size(self.tree, id))?;
        Ok(pairs(self.tree, id))
    }

    fn name(&mut self, id: Id) -> Result<Option<String>, TooMany> {
        let name = self.tree.text(id);
        self.charge(1 + name.as_ref().map_or(0, String::len) / BYTES_OF_A_VISIT)?;
        Ok(name)
    }

    fn refusal(&self, id: Id) -> Refusal {
        let tree = self.tree;
        match tree.node(id) {
            Node::Global(symbol) => Refusal::Import(tree.symbol(*symbol).dotted()),
            Node::Persistent(_) => match torch::Persistent::read(tree, id) {
                Ok(_) => Refusal::Storage,
                Err(_) => Refusal::Persistent,
            },
            Node::Bytes { .. } => Refusal::Plain("bytes"),
            Node::Buffer => Refusal::Plain("a buffer outside of the pickle"),
            Node::Extension(_) => Refusal::Plain("an object of copyreg's registry"),
            Node::Container { .. } => Refusal::Plain("a set of objects"),
            _ => Refusal::Plain("something that cannot be known"),
        }
    }

    /// Goes one name down.
    fn enter(&mut self, key: &Key) -> Result<(), Refusal> {
        let outer = self.path.len();
        if !self.frames.is_empty() && self.frames.len() > 1 {
            self.path.push('.');
        }
        let name = match *key {
            Key::Index(index) => index.to_string(),
            Key::Node(id) => match self.tree.node(id) {
                Node::Int(number) => number.to_string(),
                Node::Text { extent, .. } if extent.len <= LONGEST_NAME as u64 => {
                    self.tree.text(id).ok_or(Refusal::Key)?
                }
                Node::Text { .. } => return Err(Refusal::Name(LONGEST_NAME)),
                _ => {
                    self.path.push('?');
                    return Err(Refusal::Key);
                }
            },
        };
        self.path.push_str(&name);
        if self.path.len() > LONGEST_NAME || name.contains(char::REPLACEMENT_CHARACTER) {
            let mut end = self.path.len().min(LONGEST_NAME);
            while !self.path.is_char_boundary(end) {
                end -= 1;
            }
            self.path.truncate(end.max(outer));
            return Err(Refusal::Name(LONGEST_NAME));
        }
        Ok(())
    }

    fn entry(&self, content: Content) -> Entry {
        // What a file holds by itself has no name.
        let name = match self.frames.is_empty() {
            true => ALONE.to_owned(),
            false => self.path.clone(),
        };
        Entry { name, content }
    }
}

fn children(pairs: Vec<(Id, Id)>) -> Children {
    let children = pairs.into_iter();
    children
        .map(|(key, value)| (Key::Node(key), value))
        .collect()
}

/// The name of a tensor that is all there is in a file.
pub(crate) const ALONE: &str = "tensor";
/// As long as the text of a pickle that is read whole.
const LONGEST_NAME: usize = 4096;
/// As long as the names of a module's own dictionaries are, even with each character escaped.
const LONGEST_ATTRIBUTE: usize = 320;
/// How many bytes of names cost as much as one visit.
const BYTES_OF_A_VISIT: usize = 64;
const DEEPEST: usize = 64;
const MOST_VISITS: usize = 1 << 21;
/// The metadata of a checkpoint are some kilobytes, and a header may have a hundred megabytes.
const MOST_TEXT: usize = 16 << 20;

#[cfg(test)]
mod tests;
