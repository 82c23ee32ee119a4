//! What the second half of a `(state, slots)` pair does: `BUILD` sets it with `setattr`, which
//! reaches the class where a dictionary's entry would not.

use super::{
    effect::{Mutation, View},
    standing::is_filled,
    value::{Kind, Ref, Shape, Value},
};

/// The attributes that a state sets with `setattr`.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Slots {
    /// None, or some of ordinary names.
    Ordinary,
    /// One with a special name.
    Special(String),
    /// More than is remembered, or names that are computed: anything at all.
    Unread,
}

/// The method that `state` puts into an object's dictionary for the unpickler itself to call.
pub(super) fn planted(state: Ref, view: &View<'_>) -> Option<&'static str> {
    let halves = match view.value(state) {
        Value::Container {
            shape: Shape::Tuple,
            count: 2,
            ..
        } => view.heap.items(state)?,
        _ => &[state],
    };
    let attributes = halves.iter().filter_map(|&half| view.heap.items(half));
    let mut pairs = attributes.flat_map(|items| items.chunks_exact(2));
    pairs.find_map(|pair| {
        // Objects are many and their attributes more: only a name of the right length is read.
        let len = match view.value(pair[0]) {
            Value::Str { len, .. } => len as usize,
            _ => return None,
        };
        let may_be_called = matches!(
            view.value(pair[1]).kind(),
            Kind::Global | Kind::Object | Kind::Foreign
        );
        if !may_be_called || HOOKS.iter().all(|hook| hook.len() != len) {
            return None;
        }
        let name = view.text(pair[0])?;
        HOOKS.iter().find(|&&hook| hook == name).copied()
    })
}

/// Reads the attributes that `state` sets.
pub(super) fn slots(state: Ref, view: &View<'_>) -> Slots {
    let Value::Container {
        shape: Shape::Tuple,
        count: 2,
        ..
    } = view.value(state)
    else {
        return Slots::Ordinary;
    };
    let pair = view.heap.items(state);
    let Some(&slots) = pair.and_then(|pair| pair.get(1)) else {
        return Slots::Unread;
    };
    match view.value(slots) {
        Value::Container {
            shape: Shape::Dict, ..
        } => {}
        // A dictionary with a class of its own passes for one, and its entries are not kept.
        Value::Called { callee, .. } => {
            let class = view.global(callee).map(|id| view.symbols.symbol(id));
            return match class.is_some_and(|class| is_filled(class, Mutation::SetItem)) {
                true => Slots::Unread,
                false => Slots::Ordinary,
            };
        }
        _ => return Slots::Ordinary,
    }
    let Some(items) = view.heap.items(slots) else {
        return Slots::Unread;
    };
    let mut read = Slots::Ordinary;
    for &key in items.iter().step_by(2) {
        match view.text(key) {
            Some(name) if name.starts_with("__") => return Slots::Special(name),
            Some(_) => {}
            None => read = Slots::Unread,
        }
    }
    read
}

/// What `BUILD`, `APPEND`, `APPENDS` and `ADDITEMS` look up in an object and call.
const HOOKS: &[&str] = &["__setstate__", "append", "extend", "add"];
