//! Dictionaries, sets and classes, however a pickle writes them.

use crate::pickle::{
    symbol::Symbol,
    tree::{Id, Node, Tree},
    value::Shape,
};

/// How many values one look at a node goes over: its elements, or those of what it is made from.
pub(super) fn size(tree: &Tree<'_>, id: Id) -> usize {
    let of = |id: Id| match tree.node(id) {
        Node::Container { shape, items } => match shape {
            Shape::Dict => items.len() / 2,
            _ => items.len(),
        },
        _ => 0,
    };
    let Some(called) = tree.called(id) else {
        return of(id);
    };
    let arguments = tree.items(called.arguments).unwrap_or_default();
    let first = arguments.first().map_or(0, |&first| of(first));
    called.items.len() / 2 + arguments.len() + first
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
pub(super) fn class<'t>(tree: &'t Tree<'_>, id: Id) -> Option<&'t Symbol> {
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
