//! What a pickle holds, entry by entry, under the names that a state dictionary would have.
//!
//! Dictionaries, lists and modules are walked, their keys joined with dots. Values without a
//! tensor in them are told as JSON.

use std::collections::HashSet;

use super::{Refusal, Tensor, numpy, plain, torch};
use crate::{
    Allowlist,
    pickle::{
        symbol::Symbol,
        tree::{Called, Id, Node, Tree},
        value::Shape,
    },
};

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

/// Tells what stands under `root`, in the order of the stream.
///
/// # Errors
///
/// Where there is more than any file has.
pub(crate) fn walk(
    tree: &Tree<'_>,
    root: Id,
    allowlist: &Allowlist,
    take: impl FnMut(Entry),
) -> Result<(), TooMany> {
    walk_within(tree, root, allowlist, MOST_TEXT, take)
}

/// [`walk`], with no more than `text` bytes of JSON.
///
/// # Errors
///
/// As [`walk`].
pub(crate) fn walk_within(
    tree: &Tree<'_>,
    root: Id,
    allowlist: &Allowlist,
    text: usize,
    mut take: impl FnMut(Entry),
) -> Result<(), TooMany> {
    let mut walker = Walker {
        tree,
        allowlist,
        path: String::new(),
        frames: Vec::new(),
        left: MOST_VISITS,
        text,
    };
    let mut next = Some(walker.look(root));
    loop {
        match next.take() {
            Some(Found::Children(children)) if walker.frames.len() < DEEPEST => {
                let left = walker.left.checked_sub(children.len());
                walker.left = left.ok_or(TooMany)?;
                let outer = walker.path.len();
                let children = children.into_iter();
                walker.frames.push(Frame { children, outer });
            }
            Some(Found::Children(_)) => take(walker.entry(Content::Refused(Refusal::Depth))),
            Some(Found::Content(content)) => take(walker.entry(content)),
            None => {}
        }
        let Some(frame) = walker.frames.last_mut() else {
            return Ok(());
        };
        walker.path.truncate(frame.outer);
        let Some((key, child)) = frame.children.next() else {
            walker.frames.pop();
            continue;
        };
        next = Some(match walker.enter(&key) {
            Ok(()) => walker.look(child),
            Err(refusal) => Found::Content(Content::Refused(refusal)),
        });
    }
}

/// There is more in a file than any file has.
#[derive(Debug, thiserror::Error)]
#[error("more than {MOST_VISITS} values")]
pub(crate) struct TooMany;

struct Walker<'t, 'a> {
    tree: &'t Tree<'a>,
    allowlist: &'t Allowlist,
    path: String,
    frames: Vec<Frame>,
    /// How many values may still be visited.
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
    Children(Vec<(Key, Id)>),
    Content(Content),
}

impl Walker<'_, '_> {
    fn look(&mut self, id: Id) -> Found {
        let tree = self.tree;
        let tensor = torch::tensor(tree, id).or_else(|| numpy::array(tree, id));
        if let Some(tensor) = tensor {
            return Found::Content(tensor.into());
        }
        if let Some(pairs) = pairs(tree, id)
            && !pairs.is_empty()
        {
            let children = pairs
                .into_iter()
                .map(|(key, value)| (Key::Node(key), value));
            return Found::Children(children.collect());
        }
        if let Some(json) = plain::json(tree, id, &mut self.text) {
            return Found::Content(match json {
                Ok(json) => Content::Plain(json),
                Err(refusal) => Content::Refused(refusal),
            });
        }
        match tree.node(id) {
            Node::Container {
                shape: Shape::List | Shape::Tuple,
                items,
            } => {
                let children = items.iter().enumerate();
                Found::Children(children.map(|(at, &item)| (Key::Index(at), item)).collect())
            }
            Node::Called(called) => match self.object(id, called) {
                Ok(children) => Found::Children(children),
                Err(refusal) => Found::Content(Content::Refused(refusal)),
            },
            _ => Found::Content(Content::Refused(self.refusal(id))),
        }
    }

    /// What an object has under the names that it would give in a state dictionary.
    fn object(&self, id: Id, called: &Called) -> Result<Vec<(Key, Id)>, Refusal> {
        let tree = self.tree;
        let class = class(tree, id).ok_or(Refusal::Called)?;
        let row = self.allowlist.row(&class.module, &class.path);
        if row.is_none_or(|row| !row.is_class) {
            return Err(Refusal::NotAllowed(class.dotted()));
        }
        let other = || Refusal::Object(class.dotted());
        let &[state] = &called.states[..] else {
            return Err(other());
        };
        if !called.items.is_empty() {
            return Err(other());
        }
        let pairs = pairs(tree, state).ok_or_else(other)?;
        let is_namespace = matches!(
            (&*class.module, &*class.path),
            ("argparse", "Namespace") | ("types", "SimpleNamespace")
        );
        if is_namespace {
            return Ok(pairs
                .into_iter()
                .map(|(key, value)| (Key::Node(key), value))
                .collect());
        }
        module(tree, state).ok_or_else(other)
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

/// The keys and values of a dictionary, whichever class of the standard library it is of.
pub(crate) fn pairs(tree: &Tree<'_>, id: Id) -> Option<Vec<(Id, Id)>> {
    let of = |items: &[Id]| {
        items
            .chunks_exact(2)
            .map(|pair| (pair[0], pair[1]))
            .collect()
    };
    if let Some(items) = tree.items_of(id, Shape::Dict) {
        return Some(of(items));
    }
    let called = tree.called(id)?;
    let class = class(tree, id)?;
    let known = matches!(
        (&*class.module, &*class.path),
        ("collections", "OrderedDict" | "defaultdict" | "Counter")
    );
    if !known || called.keywords.is_some() {
        return None;
    }
    let mut pairs: Vec<(Id, Id)> = Vec::new();
    let arguments = tree.items_of(called.arguments, Shape::Tuple)?;
    match (&*class.path, arguments) {
        (_, []) => {}
        // The factory of missing values, which is never called here.
        ("defaultdict", &[factory]) if tree.global(factory).is_some() => {}
        ("defaultdict", &[factory]) if matches!(tree.node(factory), Node::None) => {}
        ("Counter", &[counts]) => pairs.extend(of_dictionary(tree, counts)?),
        ("OrderedDict", &[list]) => {
            for &pair in tree.items_of(list, Shape::List)? {
                let &[key, value] = tree.items(pair)? else {
                    return None;
                };
                pairs.push((key, value));
            }
        }
        _ => return None,
    }
    pairs.extend::<Vec<_>>(of(&called.items));
    Some(pairs)
}

fn of_dictionary(tree: &Tree<'_>, id: Id) -> Option<Vec<(Id, Id)>> {
    let items = tree.items_of(id, Shape::Dict)?;
    Some(
        items
            .chunks_exact(2)
            .map(|pair| (pair[0], pair[1]))
            .collect(),
    )
}

/// What `torch.nn.Module.state_dict` has of a module with this state, one level down.
fn module(tree: &Tree<'_>, state: Id) -> Option<Vec<(Key, Id)>> {
    let of = |name| pairs(tree, tree.entry(state, name)?);
    let (parameters, modules) = (of("_parameters")?, of("_modules")?);
    let transient = tree.entry(state, "_non_persistent_buffers_set");
    let transient = match transient {
        Some(set) => members(tree, set)?,
        None => &[],
    };
    let transient: HashSet<_> = transient.iter().map(|&name| tree.text(name)).collect();
    let mut buffers = of("_buffers").unwrap_or_default();
    buffers.retain(|&(key, _)| !transient.contains(&tree.text(key)));
    let all = [parameters, buffers, modules].concat();
    let there = all
        .into_iter()
        .filter(|&(_, value)| !matches!(tree.node(value), Node::None));
    Some(there.map(|(key, value)| (Key::Node(key), value)).collect())
}

/// The elements of a set, as either of its opcodes or `set` writes it.
pub(crate) fn members<'t>(tree: &'t Tree<'_>, id: Id) -> Option<&'t [Id]> {
    for shape in [Shape::Set, Shape::FrozenSet] {
        if let Some(items) = tree.items_of(id, shape) {
            return Some(items);
        }
    }
    let called = tree.called(id)?;
    let callee = tree.global(called.callee)?;
    let is_set = matches!(
        (&*callee.module, &*callee.path),
        ("builtins" | "__builtin__", "set" | "frozenset")
    );
    if !is_set || !called.states.is_empty() || !called.items.is_empty() {
        return None;
    }
    match tree.items_of(called.arguments, Shape::Tuple)? {
        [] => Some(&[]),
        &[list] => tree.items_of(list, Shape::List),
        _ => None,
    }
}

/// The class of an object. Before version 1.6 torch wrote the class of a module as a persistent
/// id, `('module', class, file, source)`.
fn class<'t>(tree: &'t Tree<'_>, id: Id) -> Option<&'t Symbol> {
    if let Some(class) = tree.class(id) {
        return Some(class);
    }
    let called = tree.called(id)?;
    let mut callee = called.callee;
    if tree
        .global(callee)
        .is_some_and(Symbol::constructs_its_argument)
    {
        callee = *tree.items(called.arguments)?.first()?;
    }
    let Node::Persistent(id) = *tree.node(callee) else {
        return None;
    };
    let &[tag, class, ..] = tree.items_of(id, Shape::Tuple)? else {
        return None;
    };
    tree.global(class)
        .filter(|_| tree.text(tag).as_deref() == Some("module"))
}

/// The name of a tensor that is all there is in a file.
pub(crate) const ALONE: &str = "tensor";
/// As long as the text of a pickle that is read whole.
const LONGEST_NAME: usize = 4096;
const DEEPEST: usize = 64;
const MOST_VISITS: usize = 1 << 21;
/// The metadata of a checkpoint are some kilobytes, and a header may have a hundred megabytes.
const MOST_TEXT: usize = 16 << 20;
