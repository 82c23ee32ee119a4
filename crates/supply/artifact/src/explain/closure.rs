//! Which steps of a long stream are told beyond the first ones: those with a finding, and those
//! that make what they use.

use std::collections::{BTreeSet, HashSet};

use super::{scribe::Marks, uses::Uses};
use crate::pickle::tree::{Act, Id, Node, Tree};

/// The steps that are to be told in any case.
pub(super) fn forced(tree: &Tree<'_>, uses: &Uses, marks: &Marks, most: usize) -> BTreeSet<usize> {
    let mut steps = BTreeSet::new();
    for at in marks.places() {
        // An instruction that imports and calls is two steps; the call is the last.
        let after = tree.steps().partition_point(|step| step.at <= at);
        if let Some(step) = after.checked_sub(1)
            && tree.steps()[step].at == at
            && steps.len() < most
        {
            steps.insert(step);
        }
    }
    let mut queue: Vec<Id> = Vec::new();
    for &step in &steps {
        parts(tree.steps()[step].act, &mut queue);
    }
    let mut seen = HashSet::new();
    let mut objects = HashSet::new();
    while let Some(id) = queue.pop() {
        if seen.len() >= most || steps.len() >= most * 2 || !seen.insert(id) {
            continue;
        }
        if let Some(step) = uses.made(id) {
            steps.insert(step);
        }
        match tree.node(id) {
            Node::Container { items, .. } => queue.extend(items.iter().take(MOST_ITEMS)),
            Node::Persistent(id) => queue.push(*id),
            Node::Called(called) => {
                queue.extend([called.callee, called.arguments]);
                queue.extend(called.keywords);
                objects.insert(id);
            }
            _ => {}
        }
    }
    // What those objects are given.
    for (index, step) in tree.steps().iter().enumerate() {
        let object = match step.act {
            Act::State { object, .. } | Act::Put { object, .. } => object,
            _ => continue,
        };
        if steps.len() < most * 2 && objects.contains(&object) {
            steps.insert(index);
        }
    }
    steps
}

/// The nodes that a step is made of.
fn parts(act: Act, into: &mut Vec<Id>) {
    match act {
        Act::Import(id) | Act::Call(id) | Act::Persistent(id) | Act::Extension(id) => into.push(id),
        Act::State { object, state } => into.extend([object, state]),
        Act::Put { object, items, .. } => into.extend([object, items]),
        Act::NotAName {
            object,
            module,
            name,
        } => into.extend([object, module, name]),
    }
}

/// Elements of a container beyond these are not shown either.
const MOST_ITEMS: usize = 64;
