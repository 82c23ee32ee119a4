//! What loading does to an object by the way: it walks over one, hashes one, prints one or asks one
//! for its length or keys. Where the object's class has code for that, the code runs; and what the code
//! calls may come from the object's state.

use super::{Judge, MOST_LOOSE_KEYS};
use crate::{
    Verdict,
    allowlist::Row,
    notes::plain,
    pickle::{
        effect::{Call, View},
        rules::RESOURCES,
        symbol::Symbol,
        value::{Kind, KindSet, Ref, Shape, Value},
    },
};

impl Judge<'_, '_, '_> {
    /// Judges the objects that a callee gets whose contract does not say what it does with them.
    pub(super) fn probe(
        &mut self,
        at: u64,
        row: &Row,
        symbol: &Symbol,
        call: Call,
        view: &View<'_>,
    ) {
        let name = (&*symbol.module, &*symbol.path);
        let is_pairs = name == ("collections", "OrderedDict");
        let walks = is_pairs || WALKS.contains(&name);
        if !walks && (!row.arguments.is_anything() || puts_away(symbol)) {
            return;
        }
        let depth = if walks { DEEPEST } else { 1 };
        let plain_argument = |&of: &Ref| match (is_pairs, view.value(of)) {
            (
                true,
                Value::Container {
                    shape, elements, ..
                },
            ) => {
                matches!(shape, Shape::List | Shape::Tuple | Shape::Dict)
                    && elements.is_within(if shape == Shape::Dict { ANY } else { PAIRS })
            }
            _ => is_value(of, depth, view),
        };
        let positional = view.heap.items(call.arguments);
        let is_sound = match positional {
            Some(arguments) => arguments.iter().all(plain_argument),
            // Too many to be remembered: by their kinds.
            None => !has_objects(call.arguments, view),
        };
        if !is_sound {
            self.breach(
                at,
                symbol,
                "is given an object whose own code it would call",
            );
        }
    }

    /// Judges an object that is hashed: as a key, or in a set.
    pub(super) fn hash(&mut self, at: u64, item: Ref, view: &View<'_>) {
        if has_a_loose_hash(item, view) {
            self.loose_keys = self.loose_keys.saturating_add(1);
            if self.loose_keys == MOST_LOOSE_KEYS {
                let message = "this file has more keys that are made of numbers, and could all \
                               have one hash, than are looked up in a second";
                self.note(&RESOURCES, Verdict::Unknown, at, "loose keys", message);
            }
        }
        if is_value(item, DEEPEST, view) || is_by_identity(item, view) {
            return;
        }
        let class = match view.value(item) {
            Value::Called { callee, .. } => view.global(callee),
            _ => None,
        };
        let name = class.map_or_else(
            || "an object".to_owned(),
            |class| {
                format!(
                    "an object of {}",
                    plain(&view.symbols.symbol(class).dotted())
                )
            },
        );
        let message =
            format!("loading this file hashes {name}, whose class may have code for that");
        self.confused(at, format!("hash of {name}"), message);
    }
}

/// Whether `of` is a value: nothing that has code of its own in Python, and nothing that holds some, down
/// to `depth` containers.
pub(super) fn is_value(of: Ref, depth: u8, view: &View<'_>) -> bool {
    match view.value(of) {
        Value::Called { callee, .. } => {
            let maker = view.global(callee).map(|id| view.symbols.symbol(id));
            maker.is_some_and(makes_a_value)
        }
        Value::Lost | Value::Free(_) | Value::Extension => false,
        Value::Container { elements, .. } if depth > 0 && elements.has(Kind::Object) => {
            let items = view.heap.items(of);
            items.is_some_and(|items| items.iter().all(|&item| is_value(item, depth - 1, view)))
        }
        _ => true,
    }
}

fn has_objects(of: Ref, view: &View<'_>) -> bool {
    let container = view.value(of).container();
    container.is_none_or(|it| it.elements.has(Kind::Object) || it.elements.has(Kind::Foreign))
}

/// Whether what `symbol` makes is hashed and compared by code in C, or in Python that asks nothing of
/// a state that the file could set.
fn makes_a_value(symbol: &Symbol) -> bool {
    let (module, path) = (&*symbol.module, &*symbol.path);
    match module {
        "builtins" => matches!(
            path,
            "bytearray" | "bytes" | "complex" | "frozenset" | "range" | "set" | "slice"
        ),
        "numpy" => matches!(path, "dtype" | "ndarray"),
        "numpy.core.multiarray"
        | "numpy._core.multiarray"
        | "numpy.core._multiarray_umath"
        | "numpy._core._multiarray_umath" => matches!(path, "scalar" | "_reconstruct"),
        "numpy.core.numeric" | "numpy._core.numeric" => path == "_frombuffer",
        "torch" => matches!(path, "Size" | "device"),
        // Stand for arrays, which joblib puts in their place.
        "joblib.numpy_pickle"
        | "joblib.numpy_pickle_compat"
        | "sklearn.externals.joblib.numpy_pickle" => path.ends_with("ArrayWrapper"),
        "_codecs" | "datetime" | "decimal" | "_decimal" | "fractions" | "uuid" | "zoneinfo"
        | "pytz" | "_pydecimal" | "pathlib" | "pathlib._local" | "numpy.random" => true,
        _ => [
            "pandas._libs.",
            "pandas.core.indexes.",
            "pandas.core.internals.blocks",
            "dateutil.tz",
            "pytz.",
            "numpy.random.",
        ]
        .iter()
        .any(|prefix| module.starts_with(prefix)),
    }
}

/// Whether anybody can choose what `item` hashes to, by numbers that are not read here.
fn has_a_loose_hash(item: Ref, view: &View<'_>) -> bool {
    match view.value(item) {
        Value::Container { elements, .. } if elements.has(Kind::Float) => true,
        Value::Container { elements, .. } if elements.has(Kind::Object) => {
            let items = view.heap.items(item).unwrap_or_default();
            items.iter().any(|&item| is_made_of_numbers(item, view))
        }
        _ => is_made_of_numbers(item, view),
    }
}

fn is_made_of_numbers(item: Ref, view: &View<'_>) -> bool {
    let Value::Called { callee, .. } = view.value(item) else {
        return false;
    };
    view.global(callee).is_some_and(|id| {
        let maker = view.symbols.symbol(id);
        MADE_OF_NUMBERS.contains(&(&*maker.module, &*maker.path)) || &*maker.path == "scalar"
    })
}

/// Whether `of` is hashed by its identity, by code in C: tensors and parameters, which optimizers
/// have as keys.
fn is_by_identity(of: Ref, view: &View<'_>) -> bool {
    let Value::Called { callee, .. } = view.value(of) else {
        return matches!(view.value(of), Value::Persistent(_));
    };
    let maker = view.global(callee).map(|id| view.symbols.symbol(id));
    maker.is_some_and(|maker| {
        &*maker.module == "torch._utils" && maker.path.starts_with("_rebuild_")
    })
}

/// Whether a callee puts its arguments away and looks at none of them.
fn puts_away(symbol: &Symbol) -> bool {
    &*symbol.module == "builtins" && (&*symbol.path == "slice" || is_error(&symbol.path))
}

fn is_error(name: &str) -> bool {
    ["Error", "Exception", "Warning", "StopIteration"]
        .iter()
        .any(|end| name.ends_with(end))
}

/// What walks over its arguments, or looks into them, however they are made.
const WALKS: &[(&str, &str)] = &[
    ("array", "array"),
    ("builtins", "bytearray"),
    ("builtins", "bytes"),
    ("builtins", "dict"),
    ("builtins", "frozenset"),
    ("builtins", "iter"),
    ("builtins", "list"),
    ("builtins", "set"),
    ("builtins", "tuple"),
    ("collections", "Counter"),
    ("collections", "defaultdict"),
    ("collections", "deque"),
    ("numpy", "dtype"),
    ("random", "Random"),
    ("re", "_compile"),
    ("torch", "Size"),
];
/// What has the hash of the numbers that it is made of.
const MADE_OF_NUMBERS: &[(&str, &str)] = &[
    ("builtins", "complex"),
    ("builtins", "frozenset"),
    ("builtins", "range"),
    ("decimal", "Decimal"),
    ("fractions", "Fraction"),
    ("uuid", "UUID"),
];
const PAIRS: KindSet = KindSet::of(Kind::List).with(KindSet::of(Kind::Tuple));
const ANY: KindSet = KindSet(u16::MAX);
/// How many containers deep objects are looked for.
const DEEPEST: u8 = 3;
