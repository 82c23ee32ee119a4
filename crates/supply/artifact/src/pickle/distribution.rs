//! SciPy's distributions as they are pickled. Their `__setstate__` executes the source text that
//! their state holds and calls methods that it may replace, so that a state is held against the
//! very text and the very attributes that SciPy writes.

use super::{
    dtype::layout,
    effect::View,
    symbol::Symbol,
    text,
    value::{Kind, KindSet, Ref, Shape, Value},
};

/// What setting a state would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Restores {
    /// What SciPy means it to.
    Distribution,
    /// Something SciPy would not write, but neither source text nor a method.
    Otherwise,
    /// It executes this, or calls it.
    Foreign(&'static str),
}

/// Whether objects of `symbol` execute source text of their state. In the modules of distributions
/// all do but the frozen ones, which hold one that does.
pub(super) fn executes_its_state(symbol: &Symbol) -> bool {
    let within = symbol.module.strip_prefix("scipy.stats.");
    let module = within.and_then(|module| module.split('.').next());
    module.is_some_and(|module| MODULES.contains(&module)) && !symbol.path.ends_with("_frozen")
}

/// What a distribution does that is given `state`.
pub(super) fn restores(state: Ref, view: &View<'_>) -> Restores {
    match (view.value(state), view.heap.items(state)) {
        (
            Value::Container {
                shape: Shape::Dict, ..
            },
            Some(attributes),
        ) => restores_attributes(attributes, view),
        // Before 1.6: what its initialiser is given, and its source of random numbers.
        (
            Value::Container {
                shape: Shape::Tuple,
                ..
            },
            Some(&[parameters, source]),
        ) => match is_source(source, view) && are_parameters(parameters, view) {
            true => Restores::Distribution,
            // SciPy since 1.6 makes a dictionary of the two, whatever they are.
            false => Restores::Foreign("what may be source text"),
        },
        // What cannot be looked at may hold any text.
        _ => Restores::Foreign("what cannot be followed"),
    }
}

fn restores_attributes(attributes: &[Ref], view: &View<'_>) -> Restores {
    let mut told = Restores::Distribution;
    let mut has_template = false;
    for pair in attributes.chunks_exact(2) {
        let (name, value) = (view.text(pair[0]), view.value(pair[1]));
        match name.as_deref() {
            Some("_parse_arg_template") => {
                has_template = true;
                if !is_template(pair[1], view) {
                    return Restores::Foreign("source text");
                }
            }
            Some("numargs" | "moment_type") if value.kind() == Kind::Int => {}
            Some(name) if ATTRIBUTES.contains(&name) => {}
            Some("_attach_methods" | "_attach_argparser_methods") => {
                return Restores::Foreign("a method");
            }
            None => return Restores::Foreign("what cannot be followed"),
            Some(_) => told = Restores::Otherwise,
        }
    }
    match has_template {
        true => told,
        false => Restores::Otherwise,
    }
}

/// Whether `of` is where random numbers come from.
fn is_source(of: Ref, view: &View<'_>) -> bool {
    match view.value(of) {
        Value::None => true,
        Value::Called { callee, .. } => {
            let maker = view.global(callee).map(|id| view.symbols.symbol(id));
            maker.is_some_and(|maker| {
                maker.module.starts_with("numpy.random") && SOURCES.contains(&&*maker.path)
            })
        }
        _ => false,
    }
}

/// Whether `of` are what an initialiser is given, which checks the names of the shapes itself.
fn are_parameters(of: Ref, view: &View<'_>) -> bool {
    let is_dictionary = view.value(of).kind() == Kind::Dict;
    is_dictionary
        && view.heap.items(of).is_some_and(|items| {
            items.chunks_exact(2).all(|pair| {
                let named = view.text(pair[0]);
                let value = KindSet::of(view.value(pair[1]).kind());
                // The bounds of a histogram are numbers of NumPy's, and it is made of arrays.
                let plain = value.is_within(GIVEN) || is_number(pair[1], view);
                named.is_some_and(|name| PARAMETERS.contains(&&*name)) && plain
            })
        })
}

/// Whether `of` is a scalar of NumPy's, and of numbers: no text.
fn is_number(of: Ref, view: &View<'_>) -> bool {
    let Value::Called {
        callee, arguments, ..
    } = view.value(of)
    else {
        return false;
    };
    let scalar = view.global(callee).is_some_and(|id| {
        let maker = view.symbols.symbol(id);
        maker.module.starts_with("numpy") && &*maker.path == "scalar"
    });
    let dtype = view.heap.items(arguments).and_then(|items| items.first());
    scalar
        && dtype.is_some_and(|&dtype| {
            layout(dtype, view).is_some_and(|layout| matches!(layout.kind, b'f' | b'i' | b'u'))
        })
}

/// Whether `of` is the source text that SciPy makes of a distribution's parameters.
fn is_template(of: Ref, view: &View<'_>) -> bool {
    let whole = matches!(view.value(of), Value::Str { len, .. } if (len as usize) < text::LONGEST);
    whole && view.text(of).is_some_and(|text| is_written_by_scipy(&text))
}

/// The whole of `parse_arg_template` in SciPy's `stats/_distn_infrastructure.py`, which is the same
/// from 1.0 to 1.17, with plain names for the shapes.
fn is_written_by_scipy(text: &str) -> bool {
    let rest = text.strip_prefix("\ndef _parse_args(self, ");
    let Some(shapes) = rest.and_then(|rest| rest.split_once(" loc=0").map(|halves| halves.0))
    else {
        return false;
    };
    let are_names = shapes.is_empty()
        || shapes
            .strip_suffix(", ")
            .is_some_and(|shapes| shapes.split(", ").all(is_identifier));
    let forms = [("loc=0, scale=1", "loc, scale"), ("loc=0", "loc, 1")];
    are_names
        && forms.iter().any(|(given, returned)| {
            let expected = format!(
                "\ndef _parse_args(self, {shapes} {given}):\
                 \n    return ({shapes}), {returned}\
                 \n\ndef _parse_args_rvs(self, {shapes} {given}, size=None):\
                 \n    return self._argcheck_rvs({shapes} {returned}, size=size)\
                 \n\ndef _parse_args_stats(self, {shapes} {given}, moments='mv'):\
                 \n    return ({shapes}), {returned}, moments\n"
            );
            text == expected
        })
}

fn is_identifier(name: &str) -> bool {
    let begins = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    begins && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Where SciPy defines its distributions.
const MODULES: &[&str] = &[
    "_continuous_distns",
    "_discrete_distns",
    "_distn_infrastructure",
    "_levy_stable",
];

/// What the states of SciPy's own distributions hold and `__setstate__` only puts away.
const ATTRIBUTES: &[&str] = &[
    "__doc__",
    "_ctor_param",
    "_density",
    "_hbin_widths",
    "_hbins",
    "_hcdf",
    "_histogram",
    "_hpdf",
    "_random_state",
    "_stats_has_moments",
    "_support",
    "a",
    "b",
    "badvalue",
    "inc",
    "moment_tol",
    "name",
    "parameterization",
    "pk",
    "qvals",
    "shapes",
    "vecentropy",
    "xk",
    "xtol",
];

/// What the initialisers of SciPy before 1.6 are given.
const PARAMETERS: &[&str] = &[
    "a",
    "b",
    "badvalue",
    "extradoc",
    "histogram",
    "inc",
    "longname",
    "moment_tol",
    "momtype",
    "name",
    "seed",
    "shapes",
    "values",
    "xtol",
];

/// Nothing that is a class or a function.
const GIVEN: KindSet = KindSet::of(Kind::None)
    .with(KindSet::of(Kind::Bool))
    .with(KindSet::of(Kind::Int))
    .with(KindSet::of(Kind::Float))
    .with(KindSet::of(Kind::Str))
    .with(KindSet::of(Kind::Tuple));

/// What makes a source of random numbers of NumPy.
const SOURCES: &[&str] = &[
    "__RandomState_ctor",
    "__bit_generator_ctor",
    "__generator_ctor",
    "__randomstate_ctor",
];
