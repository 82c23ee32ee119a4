//! Which findings about a pickle are about its refused entries, so that leaving those out leaves
//! nothing that is not understood.
//!
//! A finding counts as explained if everything that the stream does with the same name is inside of
//! an entry that is refused. What is called and thrown away is in no entry.

use std::collections::{BTreeSet, HashSet};

use crate::{
    pickle::{
        symbol::Symbol,
        tree::{Act, Array, Called, Id, Node, Tree},
    },
    tensor::{
        Refusal, numpy, torch,
        walk::{Content, Entry},
    },
};

/// Those of `places`, where findings begin, that refused entries explain.
pub(super) fn explained(
    tree: &Tree<'_>,
    root: Id,
    entries: &[Entry],
    places: &BTreeSet<u64>,
) -> BTreeSet<u64> {
    if places.is_empty() {
        return BTreeSet::new();
    }
    let refusals = entries.iter().filter_map(|entry| match &entry.content {
        Content::Refused(refusal) => Some(refusal.to_string()),
        _ => None,
    });
    let refusals: HashSet<String> = refusals.collect();
    if refusals.is_empty() {
        return BTreeSet::new();
    }
    let (reached, covered) = marks(tree, root, &refusals);
    // A name is told of once, however often it is used.
    let (mut thrown_away, mut loose) = (HashSet::new(), HashSet::new());
    for step in tree.steps() {
        let Some(id) = touched(step.act) else {
            continue;
        };
        if !reached[id.place()] {
            thrown_away.extend(names(tree, id));
        }
        if !covered[id.place()] {
            loose.extend(names(tree, id));
        }
    }
    let mut explained = BTreeSet::new();
    let mut doubtful = BTreeSet::new();
    for step in tree.steps().iter().filter(|step| places.contains(&step.at)) {
        // What may not be imported may be nowhere else. What is called in a wrong way in an entry
        // may be called in the right way in others.
        let elsewhere = match step.act {
            Act::Import(_) => &loose,
            _ => &thrown_away,
        };
        let tied = touched(step.act).is_some_and(|id| {
            let names = names(tree, id);
            covered[id.place()] && !names.iter().any(|name| elsewhere.contains(name))
        });
        match tied {
            true => explained.insert(step.at),
            false => doubtful.insert(step.at),
        };
    }
    explained.retain(|at| !doubtful.contains(at));
    explained
}

/// What a step is about, as far as an entry can be made of it.
fn touched(act: Act) -> Option<Id> {
    match act {
        Act::Import(id) | Act::Call(id) | Act::Extension(id) | Act::Persistent(id) => Some(id),
        Act::State { object, .. } | Act::Put { object, .. } => Some(object),
        Act::NotAName { .. } => None,
    }
}

/// The imports that a node is or is an object of.
fn names(tree: &Tree<'_>, id: Id) -> Vec<String> {
    let callee = tree
        .called(id)
        .and_then(|called| tree.global(called.callee));
    let all = [tree.global(id), callee, tree.class(id)];
    all.into_iter().flatten().map(Symbol::dotted).collect()
}

/// For each node, whether the pickle gives it at all, and whether it is in an entry that is refused.
fn marks(tree: &Tree<'_>, root: Id, refusals: &HashSet<String>) -> (Vec<bool>, Vec<bool>) {
    let mut refused = Vec::new();
    let mut reached = vec![false; tree.len()];
    spread(tree, vec![root], &mut reached, |id| {
        if is_refused(tree, id, refusals) {
            refused.push(id);
        }
    });
    let mut covered = vec![false; tree.len()];
    spread(tree, refused, &mut covered, |_| {});
    (reached, covered)
}

/// Marks what can be reached, and shows each node once.
fn spread(tree: &Tree<'_>, mut next: Vec<Id>, marks: &mut [bool], mut show: impl FnMut(Id)) {
    while let Some(id) = next.pop() {
        if std::mem::replace(&mut marks[id.place()], true) {
            continue;
        }
        show(id);
        match tree.node(id) {
            Node::Container { items, .. } => next.extend(items),
            Node::Persistent(inner) => next.push(*inner),
            Node::Called(called) => {
                let Called {
                    callee,
                    arguments,
                    keywords,
                    states,
                    items,
                    array,
                    ..
                } = &**called;
                next.extend([callee, arguments]);
                next.extend(keywords);
                next.extend(states.iter().chain(items));
                if let Some(Array::Objects(objects)) = array {
                    next.push(*objects);
                }
            }
            _ => {}
        }
    }
}

/// Whether an entry was refused for what this node is.
fn is_refused(tree: &Tree<'_>, id: Id, refusals: &HashSet<String>) -> bool {
    let is = |refusal: Refusal| refusals.contains(&refusal.to_string());
    match tree.node(id) {
        Node::Global(symbol) => is(Refusal::Import(tree.symbol(*symbol).dotted())),
        Node::Extension(_) => is(Refusal::Plain("an object of copyreg's registry")),
        Node::Persistent(_) => is(Refusal::Persistent),
        Node::Called(_) => {
            let tensor = torch::tensor(tree, id).or_else(|| numpy::array(tree, id));
            match (tensor, tree.class(id)) {
                (Some(Err(refusal)), _) => is(refusal),
                (Some(Ok(_)), _) => false,
                (None, Some(class)) => {
                    is(Refusal::NotAllowed(class.dotted())) || is(Refusal::Object(class.dotted()))
                }
                (None, None) => is(Refusal::Called),
            }
        }
        _ => false,
    }
}
