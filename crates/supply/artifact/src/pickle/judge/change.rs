//! States that are set, and items that are put into objects.

use super::{Judge, generator, probe::is_value};
use crate::{
    Verdict,
    notes::plain,
    pickle::{
        carried::{calls_when_walked, names_a_harmful_method},
        distribution::{Restores, executes_its_state, restores},
        dtype,
        effect::{Mutation, View},
        ndarray,
        rules::{CHANGED_IMPORT, CONFUSED_STATE, DANGEROUS_CALL, RESOURCES},
        slots::{Slots, planted, slots, special},
        standing::is_filled,
        symbol::Symbol,
        value::{Kind, KindSet, Ref, Shape, SymbolId, Value},
    },
};

impl Judge<'_, '_, '_> {
    pub(super) fn state(&mut self, at: u64, object: Ref, state: Ref, view: &View<'_>) {
        if calls_when_walked(state, view) {
            self.walked(at, state, view);
        }
        if names_a_harmful_method(state, view) {
            let name = "operator.methodcaller";
            let message = format!("loading this file has {name} call a method that may do harm");
            self.note(&DANGEROUS_CALL, Verdict::Dangerous, at, name, message);
        }
        let hook = planted(state, view);
        if let Some(hook) = hook {
            let message = format!("the state of an object replaces its {hook}");
            self.note(&CONFUSED_STATE, Verdict::Dangerous, at, hook, message);
        }
        let Some((class, built)) = self.changed(at, object, "sets the state of", "state", view)
        else {
            return;
        };
        self.distribution(at, class, state, view);
        let Some(row) = self.row(class) else {
            return;
        };
        let name = plain(&view.symbols.symbol(class).dotted());
        // What a function or torch's own code makes takes its state in C.
        let is_python = row.is_class && !view.symbols.symbol(class).module.starts_with("__torch__");
        if is_python && self.shadows(class, state, view) {
            let message =
                format!("the state of an object of {name} may hold what its class would call");
            self.confused(at, format!("calls in the state of {name}"), message);
        }
        if !row.build {
            let message = format!("the state of an object of {name} is set, which has none");
            let verdict = match view.symbols.symbol(class).has_no_state() {
                true => Verdict::Dangerous,
                false => Verdict::Unknown,
            };
            self.note(
                &CONFUSED_STATE,
                verdict,
                at,
                format!("state of {name}"),
                message,
            );
        } else if built {
            let message = format!("the state of an object of {name} is set a second time");
            self.confused(at, format!("second state of {name}"), message);
        }
        let record = self.record(at, class, view.symbols);
        if !built && at > record.last_state {
            record.last_state = at;
            record.states += 1;
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
        if generator::makes_a_generator(symbol) && !generator::is_sound(state, view) {
            self.breach(at, symbol, "is given a state that NumPy would not write");
        }
        if is_python {
            self.named(at, symbol, state, view);
        }
        self.indices(at, object, symbol, state, view);
        self.booster(at, symbol, state, view);
        if symbol.counts_layers() {
            self.layers(at, symbol, state, view);
        }
        if symbol.names_a_file() && !names_a_neighbour(state, view) {
            self.breach(at, symbol, "names a file that is not beside it");
        }
        let is_dictionary = |class| {
            self.row(class)
                .is_some_and(|row| row.is_filled(Mutation::SetItem))
        };
        let attribute = special(state, view, is_dictionary);
        let slots = slots(state, view, is_dictionary, |name| is_a_slot(symbol, name));
        if let Some(attribute) = attribute.filter(|_| hook.is_none()) {
            let verdict = match attribute.as_deref() {
                Some(attribute) if REPLACED.contains(&attribute) => Verdict::Dangerous,
                _ => Verdict::Unknown,
            };
            let attribute = plain(attribute.as_deref().unwrap_or("special attributes"));
            let message = format!("the state of an object of {name} sets its {attribute}");
            let anchor = format!("{attribute} in {name}");
            self.note(&CONFUSED_STATE, verdict, at, anchor, message);
        }
        match slots {
            Slots::Ordinary => {}
            Slots::Set(attribute) => {
                let attribute = plain(&attribute);
                let message = format!(
                    "the state of an object of {name} sets {attribute}, which may run a setter"
                );
                self.confused(at, format!("{attribute} of {name}"), message);
            }
            Slots::Special(attribute) => {
                let attribute = plain(&attribute);
                let message = format!("the state of an object of {name} replaces its {attribute}");
                let anchor = format!("{attribute} of {name}");
                self.note(&CONFUSED_STATE, Verdict::Dangerous, at, anchor, message);
            }
            Slots::Hidden => {
                let message = format!("the state of an object of {name} hides what it sets");
                let anchor = format!("attributes of {name}");
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

    /// A recurrent network has to say how many layers it has, in a dictionary that is remembered:
    /// torch makes names for each before it looks for its weights.
    fn layers(&mut self, at: u64, symbol: &Symbol, state: Ref, view: &View<'_>) {
        let layers = view.entry(state, "num_layers").map(|of| view.value(of));
        let is_told = view.value(state).kind() == Kind::Dict && view.has_plain_keys(state);
        match layers {
            Some(Value::Int(layers)) if is_told && layers <= MOST_LAYERS => {}
            Some(Value::Int(ENDLESS_LAYERS..) | Value::BigInt { .. }) => {
                let name = plain(&symbol.dotted());
                let message = format!("an object of {name} has more layers than can be counted");
                self.note(&RESOURCES, Verdict::Dangerous, at, "layers", message);
            }
            _ => self.breach(
                at,
                symbol,
                "does not say how many layers it has, or has too many",
            ),
        }
    }

    /// What the state of one of SciPy's distributions makes it execute.
    fn distribution(&mut self, at: u64, class: SymbolId, state: Ref, view: &View<'_>) {
        let symbol = view.symbols.symbol(class);
        if !executes_its_state(symbol) {
            return;
        }
        match restores(state, view) {
            Restores::Distribution => {}
            Restores::Otherwise => {
                self.breach(at, symbol, "is given a state that SciPy would not write");
            }
            Restores::Foreign(what) => {
                let name = plain(&symbol.dotted());
                let message = format!(
                    "the state of an object of {name} holds {what}, which SciPy would run and \
                     would not write"
                );
                let anchor = format!("source in {name}");
                self.note(&CONFUSED_STATE, Verdict::Dangerous, at, anchor, message);
            }
        }
    }

    /// Whether the class of an object calls something of its state, or may: methods of what stands in
    /// the place of a dictionary, and of the groups of parameters that an optimizer has.
    fn shadows(&self, class: SymbolId, state: Ref, view: &View<'_>) -> bool {
        let first = view.dictionary_of(state);
        let is_made = |of| matches!(view.value(of), Value::Called { .. } | Value::Lost);
        if first.is_some_and(|of| is_made(of) && !is_value(of, 1, view)) {
            return true;
        }
        let symbol = view.symbols.symbol(class);
        let shadowed = SHADOWED.iter().find(|(path, _)| &*symbol.path == *path);
        if let Some((_, attribute)) = shadowed {
            return !view.has_plain_keys(state) || view.entry(state, attribute).is_some();
        }
        if !symbol.module.starts_with("torch.optim") || view.value(state).kind() == Kind::None {
            return false;
        }
        if !view.has_plain_keys(state) {
            return true;
        }
        let groups = view.entry(state, "param_groups").map(|of| view.value(of));
        let are_groups = groups.is_none_or(|groups| {
            groups.container().is_some_and(|it| {
                it.shape == Shape::List && it.elements.is_within(KindSet::of(Kind::Dict))
            })
        });
        let kept = view.entry(state, "state").map(|of| view.value(of));
        let is_kept = kept.is_none_or(|kept| match kept {
            Value::Called { callee, .. } => {
                let maker = view.global(callee).map(|id| view.symbols.symbol(id));
                maker.is_some_and(|it| (&*it.module, &*it.path) == ("collections", "defaultdict"))
            }
            kept => kept.kind() == Kind::Dict,
        });
        !are_groups || !is_kept
    }

    pub(super) fn mutate(
        &mut self,
        at: u64,
        how: Mutation,
        object: Ref,
        special: bool,
        view: &View<'_>,
    ) {
        let Some((class, built)) = self.changed(at, object, "puts items into", "items", view)
        else {
            return;
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

    /// The class of an object that is changed and whether it has a state already; nothing where
    /// that is not what is changed, which is then said.
    fn changed(
        &mut self,
        at: u64,
        object: Ref,
        does: &str,
        what: &str,
        view: &View<'_>,
    ) -> Option<(SymbolId, bool)> {
        match view.value(object) {
            Value::Global(symbol) => self.changed_import(at, symbol, does, view),
            // Whatever was called that is no import has a finding of its own.
            Value::Called { callee, built, .. } => return Some((view.global(callee)?, built)),
            other => {
                let kind = other.kind();
                let message = format!("loading this file {does} a value of kind {kind:?}");
                self.confused(at, format!("{what} of {kind:?}"), message);
            }
        }
        None
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

/// Whether an attribute that is set is a slot of the class, and no property of it.
fn is_a_slot(symbol: &Symbol, attribute: &str) -> bool {
    symbol.module.starts_with("scipy.interpolate.") && INTERPOLATED.contains(&attribute)
}

/// Whether the state of one of joblib's old wrappers names a file in its own directory.
fn names_a_neighbour(state: Ref, view: &View<'_>) -> bool {
    let name = view
        .entry(state, "filename")
        .and_then(|name| view.text(name));
    let sound = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '+' | ' ');
    view.has_plain_keys(state)
        && view.has_only(state, WRAPPED)
        && name.is_some_and(|name| !name.starts_with('.') && name.chars().all(sound))
}

/// What joblib's old wrappers keep.
const WRAPPED: &[&str] = &[
    "allow_mmap",
    "class_name",
    "dtype",
    "filename",
    "init_args",
    "order",
    "shape",
    "state",
    "subclass",
];

/// The slots of SciPy's interpolators and polynomials.
const INTERPOLATED: &[&str] = &[
    "_asarray",
    "_c",
    "_x",
    "_y_axis",
    "_y_extra_shape",
    "axis",
    "c",
    "dtype",
    "extrapolate",
    "x",
];

/// More than any recurrent network has, and more than a loader counts in a second.
const MOST_LAYERS: i64 = 1 << 12;
const ENDLESS_LAYERS: i64 = 1 << 24;

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

/// Methods that a class calls while it takes its state, and that the state could replace.
const SHADOWED: &[(&str, &str)] = &[("IsotonicRegression", "_build_f")];
