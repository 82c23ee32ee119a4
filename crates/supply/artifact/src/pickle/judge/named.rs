//! What the state of an object names, and using the object looks up, runs or writes to: a module that
//! is imported, source text that is evaluated, a directory that is filled.

use super::Judge;
use crate::{
    Verdict,
    notes::plain,
    pickle::{
        effect::View,
        fold::is_plain_attribute,
        rules::CONFUSED_STATE,
        symbol::Symbol,
        value::{Kind, Ref, Shape, Value},
    },
};

impl Judge<'_, '_, '_> {
    /// Judges an attribute or an item of an object that may pass for one.
    pub(super) fn formula(&mut self, at: u64, name: Ref, value: Ref, view: &View<'_>) {
        let Value::Str { len, .. } = view.value(name) else {
            return;
        };
        // Only a name of the right length is read.
        if FORMULAS.iter().all(|formula| formula.len() != len as usize) {
            return;
        }
        let name = view.text(name).unwrap_or_default();
        if !FORMULAS.contains(&&*name) {
            return;
        }
        let text = match view.value(value) {
            Value::Str { len, .. } if len < LONGEST_FORMULA => view.text(value),
            Value::Str { .. } => Some(UNREAD.to_owned()),
            // A scalar of NumPy's may be text.
            Value::Called { callee, .. } => view
                .global(callee)
                .filter(|&id| &*view.symbols.symbol(id).path == "scalar")
                .map(|_| UNREAD.to_owned()),
            _ => None,
        };
        // Names that are added and multiplied call nothing.
        let Some(text) = text.filter(|text| text.contains(['(', '[', '{', '`'])) else {
            return;
        };
        let verdict = match text.contains("__") || text.contains("import") {
            true => Verdict::Dangerous,
            false => Verdict::Unknown,
        };
        let message = format!("an object has a `{name}`, which a model that predicts evaluates");
        self.note(&CONFUSED_STATE, verdict, at, name, message);
    }

    /// Judges what the state of an object of `symbol` names.
    pub(super) fn named(&mut self, at: u64, symbol: &Symbol, state: Ref, view: &View<'_>) {
        for row in NAMED.iter().filter(|row| row.is_about(symbol)) {
            let fault = match attribute(state, row.attribute, view) {
                Found::Nothing => continue,
                Found::Value(value) if row.allowed.holds(value, view) => continue,
                Found::Value(value) => row.allowed.is_certain(value, view),
                Found::Unread => false,
            };
            let name = plain(&symbol.dotted());
            let verdict = match fault {
                true => Verdict::Dangerous,
                false => Verdict::Unknown,
            };
            let attribute = row.attribute;
            let message = format!("the `{attribute}` of an object of {name} {}", row.what);
            let anchor = format!("{attribute} of {name}");
            self.note(&CONFUSED_STATE, verdict, at, anchor, message);
        }
    }
}

/// An attribute by which objects look something up.
struct Named {
    /// The first words of the module's name.
    module: &'static str,
    class: &'static str,
    attribute: &'static str,
    allowed: Allowed,
    /// The predicate of a sentence.
    what: &'static str,
}

/// A class that keeps what it computed in the directory that its `memory` names.
const fn writes(module: &'static str, class: &'static str) -> Named {
    Named {
        module,
        class,
        attribute: "memory",
        allowed: Allowed::NoText,
        what: "names a directory, where fitting it writes files and loads pickles",
    }
}

/// What such an attribute may be.
#[derive(Clone, Copy)]
enum Allowed {
    /// No text.
    NoText,
    /// Names, as of a column.
    Names,
    /// The name of a module below this one, or nothing.
    Below(&'static str),
}

impl Named {
    fn is_about(&self, symbol: &Symbol) -> bool {
        let rest = symbol.module.strip_prefix(self.module);
        let within = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        within && self.class == &*symbol.path
    }
}

impl Allowed {
    fn holds(self, value: Ref, view: &View<'_>) -> bool {
        let kind = view.value(value).kind();
        let text = || view.text(value).unwrap_or_default();
        match self {
            Self::NoText => kind != Kind::Str,
            Self::Names => match view.value(value) {
                Value::Container {
                    shape: Shape::List | Shape::Tuple,
                    ..
                } => {
                    let items = view.heap.items(value);
                    items.is_some_and(|items| items.iter().all(|&it| is_a_column(it, view)))
                }
                Value::None => true,
                _ => is_a_column(value, view),
            },
            Self::Below(module) => {
                let below = |rest: &str| rest.is_empty() || rest.starts_with('.');
                kind == Kind::None || text().strip_prefix(module).is_some_and(below)
            }
        }
    }

    /// Whether what breaks it can be nothing else than an attack.
    fn is_certain(self, value: Ref, view: &View<'_>) -> bool {
        let texts = match view.value(value) {
            Value::Container { .. } => view.heap.items(value).unwrap_or_default(),
            _ => &[value],
        };
        let calls = |text: String| text.contains('(') || text.contains("__");
        match self {
            Self::NoText => false,
            Self::Below(_) => view.value(value).kind() == Kind::Str,
            Self::Names => texts.iter().any(|&it| view.text(it).is_some_and(calls)),
        }
    }
}

/// Whether it is the name of a column that reads like a variable's.
fn is_a_column(of: Ref, view: &View<'_>) -> bool {
    let sound = |name: String| is_plain_attribute(&name);
    view.text(of).is_some_and(sound)
}

enum Found {
    Nothing,
    Value(Ref),
    /// The state is larger than what is remembered, or not read.
    Unread,
}

/// The attribute that a state sets.
fn attribute(state: Ref, name: &str, view: &View<'_>) -> Found {
    let Some(dictionary) = view.dictionary_of(state) else {
        return Found::Unread;
    };
    if view.value(dictionary).kind() != Kind::Dict {
        return Found::Nothing;
    }
    let Some(items) = view.heap.items(dictionary) else {
        return Found::Unread;
    };
    // Objects are many and their attributes more: only a name of the right length is read.
    let is_named = |key: Ref| match view.value(key) {
        Value::Str { len, .. } if len as usize == name.len() => {
            view.text(key).is_some_and(|key| key == name)
        }
        _ => false,
    };
    let mut pairs = items.chunks_exact(2).rev();
    match pairs.find(|pair| is_named(pair[0])) {
        Some(pair) => Found::Value(pair[1]),
        None => Found::Nothing,
    }
}

const EVALUATES: &str = "is source text, which fitting it evaluates";

/// Longer ones are read in part.
const LONGEST_FORMULA: u32 = 4096;
/// Stands for what cannot be read.
const UNREAD: &str = "(";

const NAMED: &[Named] = &[
    writes("sklearn", "AgglomerativeClustering"),
    writes("sklearn", "FeatureAgglomeration"),
    writes("sklearn", "OPTICS"),
    writes("sklearn", "Pipeline"),
    writes("sklearn", "Ward"),
    writes("sklearn", "WardAgglomeration"),
    writes("imblearn", "Pipeline"),
    writes("feature_engine", "Pipeline"),
    writes("hdbscan", "HDBSCAN"),
    writes("hdbscan", "RobustSingleLinkage"),
    Named {
        module: "gensim.models.hdpmodel",
        class: "HdpModel",
        attribute: "outputdir",
        allowed: Allowed::NoText,
        what: "names a directory, where updating it writes files",
    },
    Named {
        module: "gensim.models.ensemblelda",
        class: "EnsembleLda",
        attribute: "topic_model_module_string",
        allowed: Allowed::Below("gensim.models"),
        what: "names a module, which using it imports",
    },
    Named {
        module: "statsmodels.stats.anova",
        class: "AnovaRM",
        attribute: "within",
        allowed: Allowed::Names,
        what: EVALUATES,
    },
    Named {
        module: "statsmodels.stats.anova",
        class: "AnovaRM",
        attribute: "subject",
        allowed: Allowed::Names,
        what: EVALUATES,
    },
];

/// Where models of formulas keep these, parsed, wherever they keep them: patsy evaluates what is text. No
/// pickler writes them parsed.
const FORMULAS: &[&str] = &[
    "design_info",
    "model_spec",
    "noise_design_info",
    "noise_model_spec",
    "scale_design_info",
    "scale_model_spec",
    "smooth_design_info",
    "smooth_model_spec",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pickle::heap::FORMULA_LENGTHS;

    #[test]
    fn the_lengths_of_the_names_are_those_that_are_looked_for() {
        let lengths = FORMULAS.iter().map(|name| 1 << name.len());
        assert_eq!(
            lengths.fold(0, |all: u32, length| all | length),
            FORMULA_LENGTHS
        );
    }
}
