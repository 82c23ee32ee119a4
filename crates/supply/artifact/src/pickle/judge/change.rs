//! States that are set, and items that are put into objects.

use super::Judge;
use crate::{
    Verdict,
    notes::plain,
    pickle::{
        dtype,
        effect::{Mutation, View},
        ndarray,
        rules::{CHANGED_IMPORT, CONFUSED_STATE},
        slots::{Slots, planted, slots, special},
        standing::is_filled,
        value::{Ref, SymbolId, Value},
    },
};

impl Judge<'_, '_, '_> {
    pub(super) fn state(&mut self, at: u64, object: Ref, state: Ref, view: &View<'_>) {
        let hook = planted(state, view);
        if let Some(hook) = hook {
            let message = format!("the state of an object replaces its {hook}");
            self.note(&CONFUSED_STATE, Verdict::Dangerous, at, hook, message);
        }
        let (class, built) = match view.value(object) {
            Value::Global(symbol) => {
                self.changed_import(at, symbol, "sets the state of", view);
                return;
            }
            Value::Called { callee, built, .. } => match view.global(callee) {
                Some(class) => (class, built),
                // Whatever was called here has a finding of its own.
                None => return,
            },
            other => {
                let kind = other.kind();
                let message = format!("the state of a value of kind {kind:?} is set");
                self.confused(at, format!("state of {kind:?}"), message);
                return;
            }
        };
        let Some(row) = self.row(class) else {
            return;
        };
        let name = plain(&view.symbols.symbol(class).dotted());
        if !row.build {
            let message = format!("the state of an object of {name} is set, which has none");
            self.confused(at, format!("state of {name}"), message);
        } else if built {
            let message = format!("the state of an object of {name} is set a second time");
            self.confused(at, format!("second state of {name}"), message);
        }
        let symbol = view.symbols.symbol(class);
        if symbol.is_dtype() && dtype::layout_with(object, state, view).is_none() {
            self.breach(at, symbol, "is given a state that its code does not tell");
        }
        if ndarray::makes_an_array(symbol) && !ndarray::is_sound(state, view) {
            self.breach(
                at,
                symbol,
                "makes an array of a state that NumPy would not write",
            );
        }
        if symbol.names_a_file() && !names_a_neighbour(state, view) {
            self.breach(at, symbol, "names a file that is not beside it");
        }
        if hook.is_none()
            && let Some(attribute) = special(state, view)
        {
            let verdict = match attribute.as_deref() {
                Some(attribute) if REPLACED.contains(&attribute) => Verdict::Dangerous,
                _ => Verdict::Unknown,
            };
            let attribute = plain(attribute.as_deref().unwrap_or("special attributes"));
            let message = format!("the state of an object of {name} sets its {attribute}");
            let anchor = format!("{attribute} in {name}");
            self.note(&CONFUSED_STATE, verdict, at, anchor, message);
        }
        let is_dictionary = |class| {
            self.row(class)
                .is_some_and(|row| row.is_filled(Mutation::SetItem))
        };
        match slots(state, view, is_dictionary) {
            Slots::Ordinary => {}
            Slots::Special(attribute) => {
                let attribute = plain(&attribute);
                let message = format!("the state of an object of {name} replaces its {attribute}");
                let anchor = format!("{attribute} of {name}");
                self.note(&CONFUSED_STATE, Verdict::Dangerous, at, anchor, message);
            }
            Slots::Unread => {
                let message = format!(
                    "the state of an object of {name} sets attributes that could not be followed"
                );
                self.confused(at, format!("attributes of {name}"), message);
            }
        }
    }

    pub(super) fn mutate(
        &mut self,
        at: u64,
        how: Mutation,
        object: Ref,
        special: bool,
        view: &View<'_>,
    ) {
        let (class, built) = match view.value(object) {
            Value::Global(symbol) => {
                self.changed_import(at, symbol, "puts items into", view);
                return;
            }
            Value::Called { callee, built, .. } => match view.global(callee) {
                Some(class) => (class, built),
                None => return,
            },
            other => {
                let kind = other.kind();
                let message = format!("items are put into a value of kind {kind:?}");
                self.confused(at, format!("items of {kind:?}"), message);
                return;
            }
        };
        let Some(row) = self.row(class) else {
            return;
        };
        let symbol = view.symbols.symbol(class);
        let name = plain(&symbol.dotted());
        if special {
            let message = format!("an import is put into an object of {name} under a special name");
            self.confused(at, format!("special item of {name}"), message);
        }
        if !is_filled(symbol, how) && !row.is_filled(how) {
            let message = format!("items are put into an object of {name}, which holds none");
            let verdict = match symbol.rebuilds_a_tensor() {
                // A loader that takes this for a dictionary writes where it should not.
                true => Verdict::Dangerous,
                false => Verdict::Unknown,
            };
            let anchor = format!("items of {name}");
            self.note(&CONFUSED_STATE, verdict, at, anchor, message);
        } else if built {
            let message = format!("items are put into an object of {name} after its state");
            self.confused(at, format!("late items of {name}"), message);
        }
    }

    fn changed_import(&mut self, at: u64, symbol: SymbolId, does: &str, view: &View<'_>) {
        let name = plain(&view.symbols.symbol(symbol).dotted());
        let message = format!(
            "loading this file {does} {name} itself, and so changes the program that loads it"
        );
        self.note(&CHANGED_IMPORT, Verdict::Dangerous, at, name, message);
    }

    pub(super) fn confused(&mut self, at: u64, anchor: String, message: String) {
        self.note(&CONFUSED_STATE, Verdict::Unknown, at, anchor, message);
    }
}

/// Whether the state of one of joblib's old wrappers names a file in its own directory.
fn names_a_neighbour(state: Ref, view: &View<'_>) -> bool {
    let name = view
        .entry(state, "filename")
        .and_then(|name| view.text(name));
    let sound = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '+' | ' ');
    view.has_plain_keys(state)
        && name.is_some_and(|name| !name.starts_with('.') && name.chars().all(sound))
}

/// What changes what an object is, or where its bytes are taken from.
const REPLACED: &[&str] = &[
    "__array_interface__",
    "__array_struct__",
    "__class__",
    "__getattr__",
    "__getattribute__",
    "__reduce__",
    "__reduce_ex__",
    "__setstate__",
];
