//! What a pickle gives, as an indented list of attributes and keys.

use std::{collections::HashMap, ops::Range};

use super::OutlineLine;
use crate::{
    Detail,
    explain::literal,
    notes::plain,
    pickle::{
        effect::Manner,
        tree::{Array, Id, Node, Tree},
        value::Shape,
    },
    tensor::{Refusal, numpy, plain as json, torch, walk},
};

/// The lines of the tree under `root`, and how many there would be more. What stands high in the
/// tree comes before what stands deep in it, so that a long attribute does not hide the next one.
pub(super) fn outline(tree: &Tree<'_>, root: Id, detail: Detail) -> (Vec<OutlineLine>, u64) {
    let bounds = match detail {
        Detail::Brief => BRIEF,
        Detail::Full => FULL,
    };
    let mut outliner = Outliner {
        tree,
        bounds,
        seen: HashMap::new(),
        json: bounds.json,
    };
    let mut left_out = 0;
    let mut branches = vec![outliner.branch(0, String::new(), root)];
    let mut next = 0;
    while let Some(branch) = branches.get_mut(next) {
        let children = std::mem::take(&mut branch.children);
        let depth = branch.line.depth.saturating_add(1);
        let room = bounds.lines.saturating_sub(branches.len());
        if depth > bounds.depth || children.len() > room && next > 0 {
            left_out += children.len() as u64;
        } else {
            let first = branches.len();
            let shown = children.len().min(bounds.children);
            let more = children.len() - shown;
            for (name, id) in children.into_iter().take(shown) {
                let branch = outliner.branch(depth, name, id);
                branches.push(branch);
            }
            if more > 0 {
                branches.push(Branch::note(depth, format!("… {more} more")));
            }
            branches[next].below = first..branches.len();
        }
        next += 1;
    }
    let mut lines = Vec::with_capacity(branches.len());
    let mut queue = vec![0];
    while let Some(at) = queue.pop() {
        let branch = &mut branches[at];
        queue.extend(branch.below.clone().rev());
        if outliner.bounds.hides_defaults && !branch.below.is_empty() {
            let below = branch.below.clone();
            let hidden = hide_defaults(&branches[below.clone()], &mut queue, below.start);
            let line = &mut branches[at].line;
            if hidden > 0 {
                line.text += &format!("  ({hidden} more are null or empty)");
            }
        }
        lines.push(branches[at].line.clone());
    }
    (lines, left_out)
}

/// Takes from the queue what says nothing but that it is not set, and counts it.
fn hide_defaults(children: &[Branch], queue: &mut Vec<usize>, first: usize) -> usize {
    let before = queue.len();
    let is_unset = |at: usize| {
        let child = at.checked_sub(first).and_then(|at| children.get(at));
        child.is_some_and(|child| UNSET.contains(&child.line.text.as_str()))
    };
    let unset = queue.iter().filter(|&&at| is_unset(at)).count();
    if unset >= FEW_UNSET {
        queue.retain(|&at| !is_unset(at));
    }
    before - queue.len()
}

/// A line and what hangs at it.
struct Branch {
    line: OutlineLine,
    children: Children,
    /// The places of the lines below it.
    below: Range<usize>,
}

impl Branch {
    fn note(depth: u8, text: String) -> Self {
        Self {
            line: OutlineLine {
                depth,
                name: String::new(),
                text,
            },
            children: Vec::new(),
            below: 0..0,
        }
    }
}

struct Outliner<'t, 'a> {
    tree: &'t Tree<'a>,
    bounds: Bounds,
    /// Under which name each object was told.
    seen: HashMap<Id, String>,
    /// How much text of plain values may still be made.
    json: usize,
}

#[derive(Clone, Copy)]
struct Bounds {
    lines: usize,
    children: usize,
    depth: u8,
    text: usize,
    /// How much text is made, to see whether values are plain.
    json: usize,
    /// Whether attributes that are not set are only counted.
    hides_defaults: bool,
}

type Children = Vec<(String, Id)>;

impl Outliner<'_, '_> {
    fn branch(&mut self, depth: u8, name: String, id: Id) -> Branch {
        let (text, mut children) = self.look(id, &name);
        if self.bounds.hides_defaults && name == VERSIONS {
            children.clear();
        }
        Branch {
            line: OutlineLine { depth, name, text },
            children,
            below: 0..0,
        }
    }

    /// What a value is, and what is in it.
    fn look(&mut self, id: Id, name: &str) -> (String, Children) {
        if let Some(text) = self.tensor(id) {
            return (text, Vec::new());
        }
        if let Some(text) = self.plain(id) {
            return (text, Vec::new());
        }
        let tree = self.tree;
        let is_object = matches!(tree.node(id), Node::Container { .. } | Node::Called(_));
        if is_object {
            if let Some(before) = self.seen.get(&id) {
                let before = match before.is_empty() {
                    true => "the whole".to_owned(),
                    false => before.clone(),
                };
                return (format!("the same as {before}"), Vec::new());
            }
            self.seen.insert(id, name.to_owned());
        }
        match tree.node(id) {
            Node::Container { shape, items } => self.container(id, *shape, items),
            Node::Called(_) => self.object(id),
            Node::Global(symbol) => (plain(&tree.symbol(*symbol).dotted()), Vec::new()),
            Node::Persistent(_) => match torch::Persistent::read(tree, id) {
                Ok(storage) => {
                    let text = format!("a storage of {} bytes", storage.bytes);
                    (text, Vec::new())
                }
                Err(_) => ("the object of a persistent id".to_owned(), Vec::new()),
            },
            Node::Bytes { extent, mutable } => {
                let kind = if *mutable { "bytearray" } else { "bytes" };
                (format!("{kind} of {}", extent.len), Vec::new())
            }
            Node::Text { extent, .. } => {
                let text = tree.text_within(id, self.bounds.text).unwrap_or_default();
                let missing = extent.len.saturating_sub(self.bounds.text as u64);
                (literal::string(&text, missing), Vec::new())
            }
            Node::BigInt(extent) => (format!("an integer of {} bytes", extent.len), Vec::new()),
            _ => ("something that cannot be known".to_owned(), Vec::new()),
        }
    }

    fn tensor(&self, id: Id) -> Option<String> {
        let (what, found) = match torch::tensor(self.tree, id) {
            Some(found) => ("tensor", found),
            None => ("array", numpy::array(self.tree, id)?),
        };
        Some(match found {
            Ok(tensor) => {
                let shape: Vec<String> = tensor.shape().iter().map(u64::to_string).collect();
                format!("{what} {} [{}]", tensor.dtype().torch(), shape.join(", "))
            }
            Err(refusal) => {
                let objects = self.tree.called(id).and_then(|called| called.array);
                match (objects, refusal) {
                    (Some(Array::Objects(_)), _) => return None,
                    (_, Refusal::Objects) => format!("{what} of objects"),
                    (_, Refusal::Text) => format!("{what} of text"),
                    (_, Refusal::Time) => format!("{what} of dates or durations"),
                    (_, Refusal::Structured) => format!("structured {what}"),
                    (_, Refusal::Sparse) => format!("sparse {what}"),
                    (_, Refusal::Quantized) => format!("quantized {what}"),
                    (_, refusal) => format!("{what}: {refusal}"),
                }
            }
        })
    }

    /// A value without objects in it that has room on a line.
    fn plain(&mut self, id: Id) -> Option<String> {
        let tree = self.tree;
        match tree.node(id) {
            Node::Container { items, .. } if items.len() > MOST_INLINE => return None,
            Node::Text { extent, .. } if extent.len > self.bounds.text as u64 => return None,
            _ => {}
        }
        let text = json::json(tree, id, &mut self.json)?.ok()?;
        let (kind, items) = match tree.node(id) {
            Node::Container { shape, items } => (kind(*shape), items),
            Node::Called(_) if text.len() > self.bounds.text => return None,
            _ => return Some(text),
        };
        if text.len() <= self.bounds.text {
            return Some(text);
        }
        // A list is told by its beginning; a dictionary has keys, which say more.
        if kind == "dict" || !self.bounds.hides_defaults {
            return None;
        }
        let cut = &text[..text.floor_char_boundary(self.bounds.text)];
        Some(format!("{kind} of {}: {cut}…", items.len()))
    }

    fn container(&self, id: Id, shape: Shape, items: &[Id]) -> (String, Children) {
        if shape == Shape::Dict {
            return self.entries("dict", walk::pairs(self.tree, id).unwrap_or_default());
        }
        let kind = kind(shape);
        let children = items.iter().enumerate();
        let children = children.map(|(at, &item)| (at.to_string(), item)).collect();
        (format!("{kind} of {}", items.len()), children)
    }

    /// A dictionary. Where it holds tensors, the list of tensors says more.
    fn entries(&self, kind: &str, pairs: Vec<(Id, Id)>) -> (String, Children) {
        let count = pairs.len();
        let (tensors, others): (Vec<_>, Vec<_>) =
            (pairs.into_iter()).partition(|&(_, value)| self.tensor(value).is_some());
        let text = match tensors.len() {
            0 => format!("{kind} of {count}"),
            all if all == count => format!("{kind} of {count} tensors"),
            some => format!("{kind} of {count}, {some} of them tensors"),
        };
        let few = if tensors.len() <= FEW_TENSORS {
            tensors
        } else {
            Vec::new()
        };
        let children = few.into_iter().chain(others);
        (
            text,
            children
                .map(|(key, value)| (self.key(key), value))
                .collect(),
        )
    }

    /// What is known of an object: its class, what it was made of, and what it was given.
    fn object(&self, id: Id) -> (String, Children) {
        let tree = self.tree;
        let Some(called) = tree.called(id) else {
            return (String::new(), Vec::new());
        };
        let class = tree.class(id).or_else(|| tree.global(called.callee));
        let class = class.map(|class| plain(&class.dotted()));
        let class = class.unwrap_or_else(|| "what a computed function gives".to_owned());
        if let Some(Array::Objects(objects)) = called.array {
            return (
                "array of objects".to_owned(),
                vec![("objects".to_owned(), objects)],
            );
        }
        if let Some(pairs) = walk::pairs(tree, id) {
            let short = class.rsplit('.').next().unwrap_or(&class).to_owned();
            let (text, mut children) = self.entries(&short, pairs);
            children.extend(self.states(&called.states));
            return (text, children);
        }
        let mut children = Vec::new();
        let is_constructed = tree
            .global(called.callee)
            .is_some_and(|callee| callee.constructs_its_argument());
        if !is_constructed {
            let arguments = tree.items(called.arguments).unwrap_or_default();
            let arguments = arguments.iter().enumerate();
            children.extend(arguments.map(|(at, &item)| (format!("argument {at}"), item)));
        }
        let class = match called.manner == Manner::Reduce && !children.is_empty() {
            true => format!("{class}(…)"),
            false => class,
        };
        children.extend(self.states(&called.states));
        for (at, &item) in called.items.iter().enumerate() {
            children.push((format!("item {at}"), item));
        }
        (class, children)
    }

    /// What the states give: attributes, where they are dictionaries.
    fn states(&self, states: &[Id]) -> Children {
        let tree = self.tree;
        let mut children = Vec::new();
        for &state in states {
            // `(__dict__, slots)`, as objects with slots have it.
            let both = tree
                .items_of(state, Shape::Tuple)
                .filter(|both| both.len() == 2);
            let parts: Vec<Id> = match both {
                Some(&[first, second])
                    if tree.items_of(second, Shape::Dict).is_some()
                        && matches!(tree.node(first), Node::None | Node::Container { .. }) =>
                {
                    vec![first, second]
                }
                _ => vec![state],
            };
            for part in parts {
                match tree.items_of(part, Shape::Dict) {
                    Some(items) => children.extend(
                        items
                            .chunks_exact(2)
                            .map(|pair| (self.key(pair[0]), pair[1])),
                    ),
                    None if matches!(tree.node(part), Node::None) => {}
                    None => children.push(("state".to_owned(), part)),
                }
            }
        }
        children
    }

    fn key(&self, id: Id) -> String {
        match self.tree.node(id) {
            Node::Text { .. } => plain(&self.tree.text_within(id, LONGEST_KEY).unwrap_or_default()),
            Node::Int(number) => number.to_string(),
            Node::Global(symbol) => plain(&self.tree.symbol(*symbol).dotted()),
            _ => "?".to_owned(),
        }
    }
}

fn kind(shape: Shape) -> &'static str {
    match shape {
        Shape::Tuple => "tuple",
        Shape::List => "list",
        Shape::Dict => "dict",
        Shape::Set => "set",
        Shape::FrozenSet => "frozenset",
    }
}

const BRIEF: Bounds = Bounds {
    lines: 120,
    children: 64,
    depth: 8,
    text: 60,
    json: 256 << 10,
    hides_defaults: true,
};
const FULL: Bounds = Bounds {
    lines: 100_000,
    children: 10_000,
    depth: 40,
    text: 4096,
    json: 4 << 20,
    hides_defaults: false,
};
/// What an attribute looks like that is not set.
const UNSET: &[&str] = &["null", "{}", "[]"];
/// So few of them are shown.
const FEW_UNSET: usize = 3;
/// The format versions that torch keeps of each module of a state dictionary.
const VERSIONS: &str = "_metadata";
/// More elements than that are not looked at for whether they are plain.
const MOST_INLINE: usize = 1 << 14;
/// So many tensors in an object are attributes; more are a state dictionary.
const FEW_TENSORS: usize = 8;
const LONGEST_KEY: usize = 200;
