//! NumPy's generators of random numbers: their state says where in a table of theirs they go on, and
//! NumPy believes it.

use crate::pickle::{
    effect::View,
    symbol::Symbol,
    value::{Kind, Ref, Shape, Value},
};

/// Whether `symbol` makes a generator, or what draws from one.
pub(super) fn makes_a_generator(symbol: &Symbol) -> bool {
    symbol.module.starts_with("numpy.random") && symbol.path.ends_with("_ctor")
}

/// Whether a state goes on within the tables.
pub(super) fn is_sound(state: Ref, view: &View<'_>) -> bool {
    match view.value(state) {
        Value::None => true,
        Value::Container {
            shape: Shape::Dict, ..
        } => is_sound_dictionary(state, view),
        Value::Container {
            shape: Shape::Tuple,
            ..
        } => match view.heap.items(state) {
            // How RandomState was pickled before NumPy 1.17: name, key, position, and what is left.
            Some(&[name, _, position, ..]) if view.value(name).kind() == Kind::Str => {
                is_within(position, WORDS, view)
            }
            // A generator's state and its seed.
            Some(items) => items.iter().all(|&item| match view.value(item) {
                Value::None | Value::Called { .. } | Value::Int(_) => true,
                Value::Container {
                    shape: Shape::Dict, ..
                } => is_sound_dictionary(item, view),
                _ => false,
            }),
            None => false,
        },
        _ => false,
    }
}

fn is_sound_dictionary(state: Ref, view: &View<'_>) -> bool {
    let bound = |of: Ref, key, most| {
        view.entry(of, key)
            .is_none_or(|position| is_within(position, most, view))
    };
    view.has_plain_keys(state)
        && bound(state, "buffer_pos", BUFFER)
        && view.entry(state, "state").is_none_or(|inner| {
            let plain = match view.value(inner) {
                Value::Container {
                    shape: Shape::Dict, ..
                } => view.has_plain_keys(inner),
                value => value.kind() != Kind::Object,
            };
            plain && bound(inner, "pos", WORDS)
        })
}

fn is_within(position: Ref, most: i64, view: &View<'_>) -> bool {
    matches!(view.value(position), Value::Int(at) if (0..=most).contains(&at))
}

/// The words of MT19937's table, and of Philox's buffer.
const WORDS: i64 = 624;
const BUFFER: i64 = 4;
