//! What the lists say of a name.

use super::{effect::Mutation, symbol::Symbol};
use crate::{
    Allowlist,
    allowlist::{Gadget, Row},
};

/// What the lists say of a symbol.
#[derive(Clone, Copy)]
pub(crate) enum Standing<'a> {
    Listed(&'a Row),
    /// A module of which some name is listed, and no more of it than the module.
    Module,
    Gadget(&'a Gadget),
    /// A dotted path that reaches through a listed or standard module.
    Reaching(Through),
    Unlisted,
}

/// What a dotted path passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Through {
    /// Classes alone, by their spelling or by the list.
    Class,
    /// A module, for all one knows.
    Module,
}

/// What the lists say of a symbol: of the name that Python 3 looks up, and of the one that is
/// written, which is what Python 2 does.
pub(crate) fn standing<'a>(allowlist: &'a Allowlist, symbol: &Symbol) -> Standing<'a> {
    let names = [
        Some((&*symbol.module, &*symbol.path)),
        symbol.written.as_ref().map(|(m, p)| (&**m, &**p)),
    ];
    if symbol.path.is_empty() && allowlist.has_module(&symbol.module) {
        return Standing::Module;
    }
    if symbol.path.is_empty()
        && let Some(gadget) = allowlist.gadget_of_module(&symbol.module)
    {
        return Standing::Gadget(gadget);
    }
    for (module, path) in names.into_iter().flatten() {
        if let Some(row) = allowlist.row(module, path) {
            return Standing::Listed(row);
        }
    }
    if let Some(row) = torch_value(allowlist, &symbol.module, &symbol.path) {
        return Standing::Listed(row);
    }
    for (module, path) in names.into_iter().flatten() {
        if let Some(gadget) = reached_gadget(allowlist, module, path) {
            return Standing::Gadget(gadget);
        }
    }
    let (module, path) = (&*symbol.module, &*symbol.path);
    let reaching =
        path.contains('.') && (allowlist.has_module(module) || allowlist.is_stdlib(module));
    if reaching || goes_through_a_module(allowlist, path) {
        return Standing::Reaching(through(allowlist, module, path));
    }
    Standing::Unlisted
}

/// What a path passes on its way.
fn through(allowlist: &Allowlist, module: &str, path: &str) -> Through {
    let mut end = 0;
    for segment in path.split('.') {
        let start = end;
        end += segment.len();
        if end == path.len() {
            break;
        }
        let spelled = segment
            .trim_start_matches('_')
            .starts_with(|c: char| c.is_ascii_uppercase());
        let listed = allowlist
            .row(module, &path[..end])
            .is_some_and(|row| row.is_class);
        let dunder = segment.starts_with("__");
        // Modules of Python 2 have names that classes have today.
        let known = !spelled && allowlist.is_stdlib(&path[start..end]);
        if !(spelled || listed) || dunder || known {
            return Through::Module;
        }
        end += 1;
    }
    Through::Class
}

/// Whether picklers put items into objects of this class.
pub(super) fn is_filled(symbol: &Symbol, how: Mutation) -> bool {
    let class = (&*symbol.module, &*symbol.path);
    match how {
        Mutation::SetItem => FILLED_BY_KEY.contains(&class),
        Mutation::Append => FILLED_IN_ORDER.contains(&class),
        Mutation::Add => false,
    }
}

/// A value of torch's that says `torch.name` of itself, which CPython then looks for in whichever
/// module of torch comes first.
fn torch_value<'a>(allowlist: &'a Allowlist, module: &str, path: &str) -> Option<&'a Row> {
    let name = path.strip_prefix("torch.")?;
    let within = module == "torch" || module.starts_with("torch.");
    let row = allowlist.row("torch", name).filter(|row| row.is_value);
    row.filter(|_| within)
}

/// The gadget that a name is, also when a dotted path leads to it through another module.
fn reached_gadget<'a>(allowlist: &'a Allowlist, module: &str, path: &str) -> Option<&'a Gadget> {
    if let Some(gadget) = allowlist.gadget(module, path) {
        return Some(gadget);
    }
    let mut rest = path;
    while let Some((_, after)) = rest.split_once('.') {
        let (segment, below) = rest.split_once('.').unwrap_or((rest, ""));
        let segment = segment.trim_start_matches('_');
        if let Some(gadget) = allowlist.gadget(segment, below) {
            return Some(gadget);
        }
        rest = after;
    }
    // A submodule that is reached as an attribute: `numpy` / `f2py.os`.
    allowlist.gadget(
        &format!("{module}.{}", path.rsplit_once('.')?.0),
        path.rsplit_once('.')?.1,
    )
}

/// Whether a path passes a module of the standard library or an object's machinery.
fn goes_through_a_module(allowlist: &Allowlist, path: &str) -> bool {
    let Some((through, _)) = path.rsplit_once('.') else {
        return false;
    };
    let dunder = |segment: &str| segment.starts_with("__") && segment.ends_with("__");
    through
        .split('.')
        .any(|segment| dunder(segment) || allowlist.is_stdlib(segment.trim_start_matches('_')))
}

/// Dictionaries with a class of their own, as `__reduce_ex__` of real libraries fills them.
const FILLED_BY_KEY: &[(&str, &str)] = &[
    ("builtins", "dict"),
    ("collections", "Counter"),
    ("collections", "OrderedDict"),
    ("collections", "defaultdict"),
    ("scipy.optimize", "OptimizeResult"),
    ("scipy.optimize._optimize", "OptimizeResult"),
    ("scipy.optimize.optimize", "OptimizeResult"),
    ("scipy.sparse._dok", "dok_array"),
    ("scipy.sparse._dok", "dok_matrix"),
    ("scipy.sparse.dok", "dok_matrix"),
    ("sklearn.datasets.base", "Bunch"),
    ("sklearn.utils", "Bunch"),
    ("sklearn.utils._bunch", "Bunch"),
];

/// Sequences with a class of their own.
const FILLED_IN_ORDER: &[(&str, &str)] = &[("builtins", "list"), ("collections", "deque")];
