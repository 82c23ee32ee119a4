//! How often each node of a tree is referred to, and which step makes it.

use crate::pickle::tree::{Act, Array, Id, Node, Tree};

/// What is known of each node, by its place.
pub(super) struct Uses {
    nodes: Vec<Use>,
}

#[derive(Clone, Copy)]
struct Use {
    /// Up to 255.
    count: u8,
    /// Whether a step changes it.
    changes: bool,
    /// The step that makes it.
    made: u32,
}

impl Uses {
    pub(super) fn of(tree: &Tree<'_>) -> Self {
        let none = Use {
            count: 0,
            changes: false,
            made: u32::MAX,
        };
        let mut uses = Self {
            nodes: vec![none; tree.len()],
        };
        for id in tree.ids() {
            match tree.node(id) {
                Node::Container { items, .. } => items.iter().for_each(|&item| uses.count(item)),
                Node::Persistent(id) => uses.count(*id),
                Node::Called(called) => {
                    uses.count(called.callee);
                    uses.count(called.arguments);
                    called.keywords.iter().for_each(|&id| uses.count(id));
                    if let Some(Array::Objects(id)) = called.array {
                        uses.count(id);
                    }
                }
                _ => {}
            }
        }
        for (index, step) in tree.steps().iter().enumerate() {
            let index = u32::try_from(index).unwrap_or(u32::MAX);
            match step.act {
                Act::State { object, state } => {
                    uses.nodes[object.place()].changes = true;
                    uses.count(state);
                }
                Act::Put { object, items, .. } => {
                    uses.nodes[object.place()].changes = true;
                    uses.count(items);
                }
                Act::NotAName {
                    object,
                    module,
                    name,
                } => {
                    uses.nodes[object.place()].made = index;
                    uses.count(module);
                    uses.count(name);
                }
                Act::Import(id) | Act::Call(id) | Act::Persistent(id) | Act::Extension(id) => {
                    uses.nodes[id.place()].made = index;
                }
            }
        }
        if let Some(root) = tree.root() {
            uses.count(root);
        }
        uses
    }

    /// How many places refer to a node, up to 255.
    pub(super) fn times(&self, id: Id) -> u8 {
        self.nodes[id.place()].count
    }

    /// Whether a step gives it a state or puts something into it.
    pub(super) fn is_changed(&self, id: Id) -> bool {
        self.nodes[id.place()].changes
    }

    /// The step that makes it.
    pub(super) fn made(&self, id: Id) -> Option<usize> {
        let step = self.nodes[id.place()].made;
        (step != u32::MAX).then_some(step as usize)
    }

    fn count(&mut self, id: Id) {
        let node = &mut self.nodes[id.place()];
        node.count = node.count.saturating_add(1);
    }
}
