//! What the second half of a `(state, slots)` pair does: `BUILD` sets it with `setattr`, which
//! reaches the class where a dictionary's entry would not.

use super::{
    effect::{Mutation, View},
    standing::is_filled,
    value::{Kind, Ref, Shape, SymbolId, Value},
};

/// The attributes that a state sets with `setattr`.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Slots {
    /// None, or what the class itself takes.
    Ordinary,
    /// One with an ordinary name, which may be that of a property: then its setter runs.
    Set(String),
    /// One with a special name.
    Special(String),
    /// Some whose names are computed, or hidden among more than are remembered.
    Hidden,
    /// More than are remembered, or what is no name: anything at all.
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

/// Whether a state of which every entry is set with `setattr` leaves alone what Python looks up by
/// special names: nothing, a dictionary, or a pair of them.
pub(super) fn sets_plain_attributes(state: Ref, view: &View<'_>) -> bool {
    let plain = |state: Ref| match view.value(state) {
        Value::None => true,
        Value::Container {
            shape: Shape::Dict, ..
        } => view.heap.items(state).is_some_and(|items| {
            let keys = items.iter().step_by(2);
            keys.map(|&key| view.text(key))
                .all(|key| key.is_some_and(|key| !key.starts_with("__")))
        }),
        _ => false,
    };
    match view.heap.items(state) {
        Some(&[first, second]) if view.value(state).kind() == Kind::Tuple => {
            plain(first) && plain(second)
        }
        _ => plain(state),
    }
}

/// The special attribute that the dictionary of a state sets: its name, where it can be told.
pub(super) fn special(
    state: Ref,
    view: &View<'_>,
    is_dictionary: impl Fn(SymbolId) -> bool,
) -> Option<Option<String>> {
    let attributes = match view.value(state) {
        Value::Container {
            shape: Shape::Tuple,
            count: 2,
            ..
        } => *view.heap.items(state)?.first()?,
        _ => state,
    };
    match view.value(attributes) {
        Value::Container { special: true, .. } => {}
        Value::Called { callee, .. } => {
            let is_one = |class| passes_for_a_dictionary(class, view, &is_dictionary);
            return view.global(callee).is_some_and(is_one).then_some(None);
        }
        _ => return None,
    }
    let Some(items) = view.heap.items(attributes) else {
        return Some(None);
    };
    // What begins with an escape may be an ordinary name after all; what is computed is any name.
    let names = items.iter().step_by(2).map(|&key| match view.value(key) {
        Value::Called { .. } | Value::Lost => None,
        _ => Some(view.text(key).unwrap_or_default()),
    });
    let is_special = |name: &Option<String>| {
        name.as_ref().is_none_or(|name| {
            name.starts_with("__") && name.ends_with("__") && !HARMLESS.contains(&name.as_str())
        })
    };
    names.into_iter().find(is_special)
}

/// A dictionary with a class of its own passes for one, and its entries are not kept.
fn passes_for_a_dictionary(
    class: SymbolId,
    view: &View<'_>,
    is_dictionary: impl Fn(SymbolId) -> bool,
) -> bool {
    is_filled(view.symbols.symbol(class), Mutation::SetItem) || is_dictionary(class)
}

/// Reads the attributes that `state` sets. `is_dictionary` says of a class that its objects are
/// filled like one, and `is_slot` of an attribute that the class has nothing but a place for it.
pub(super) fn slots(
    state: Ref,
    view: &View<'_>,
    is_dictionary: impl Fn(SymbolId) -> bool,
    is_slot: impl Fn(&str) -> bool,
) -> Slots {
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
    // Other pairs are the state of a class that makes of it what it likes.
    let is_followed =
        pair.is_some_and(|pair| matches!(view.value(pair[0]).kind(), Kind::None | Kind::Dict));
    match view.value(slots) {
        Value::Container {
            shape: Shape::Dict, ..
        } => {}
        Value::Called { callee, .. } => {
            let is_one = |class| passes_for_a_dictionary(class, view, &is_dictionary);
            return match view.global(callee).is_some_and(is_one) {
                true => Slots::Hidden,
                false => Slots::Ordinary,
            };
        }
        _ => return Slots::Ordinary,
    }
    let Some(items) = view.heap.items(slots) else {
        let is_special = matches!(view.value(slots), Value::Container { special: true, .. });
        return match is_special && is_followed {
            true => Slots::Hidden,
            false => Slots::Unread,
        };
    };
    let mut read = Slots::Ordinary;
    for &key in items.iter().step_by(2) {
        match (view.text(key), view.value(key)) {
            (Some(name), _) if name.starts_with("__") => return Slots::Special(name),
            (Some(name), _) if is_slot(&name) => {}
            (Some(name), _) if is_followed && read == Slots::Ordinary => read = Slots::Set(name),
            (Some(_), _) => {}
            (None, Value::Called { .. }) if is_followed => read = Slots::Hidden,
            (None, _) if read == Slots::Ordinary => read = Slots::Unread,
            (None, _) => {}
        }
    }
    read
}

/// What `BUILD`, `APPEND`, `APPENDS` and `ADDITEMS` look up in an object and call.
const HOOKS: &[&str] = &["__setstate__", "append", "extend", "add"];

/// What real objects keep, and nothing looks up in them to act on it.
const HARMLESS: &[&str] = &["__doc__", "__module__", "__name__", "__qualname__"];
