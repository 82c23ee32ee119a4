//! Code that a stream carries: what cloudpickle and dill write of functions and classes that are
//! in no library. Nobody can vouch for it, but to carry it is no attack; to call it is.

use super::{
    effect::{Call, View},
    fold::is_plain_attribute,
    symbol::Symbol,
    value::{Ref, Shape, Value},
};

/// What a name of those picklers makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Makes {
    /// A function, of bytecode in the stream.
    Function,
    /// A class, which may have methods of that kind.
    Class,
    /// A piece of either.
    Piece,
}

/// What calls of `symbol` make for picklers of code.
pub(super) fn makes(symbol: &Symbol) -> Option<Makes> {
    let name = &*symbol.path;
    if &*symbol.module == "types" {
        return TYPES.iter().find(|row| row.0 == name).map(|row| row.1);
    }
    let module = symbol.module.trim_start_matches("joblib.externals.");
    let made = if CLOUDPICKLE.contains(&module) {
        &CLOUDPICKLE_MAKES[..]
    } else if DILL.contains(&module) {
        &DILL_MAKES[..]
    } else {
        return None;
    };
    made.iter().find(|row| row.0 == name).map(|row| row.1)
}

/// Whether `call` has the form that the picklers give it.
pub(super) fn is_as_written(what: Makes, call: Call, view: &View<'_>) -> bool {
    let Some(arguments) = view.heap.items(call.arguments) else {
        return what == Makes::Piece;
    };
    match what {
        Makes::Function => arguments
            .first()
            .is_some_and(|&code| matches!(view.value(code), Value::Called { .. })),
        Makes::Class | Makes::Piece => true,
    }
}

/// Whether a call of a dangerous function does no more than prepare one, or name what is at hand:
/// whatever happens then is a call of its own.
pub(super) fn only_prepares(symbol: &Symbol, call: Call, view: &View<'_>) -> bool {
    let Some(arguments) = view.heap.items(call.arguments) else {
        return false;
    };
    let text = |of: Ref| view.text(of);
    match ((&*symbol.module, &*symbol.path), arguments) {
        (("functools", "partial"), &[function, ..]) => matches!(
            view.value(function),
            Value::Global(_) | Value::Called { .. }
        ),
        (("builtins", "getattr"), &[_, name]) => {
            text(name).is_some_and(|name| is_plain_attribute(&name))
        }
        // How dill and cloudpickle complete a class or a cell.
        (("builtins", "setattr"), &[owner, name, _]) => {
            let maker = match view.value(owner) {
                Value::Called { callee, .. } => view.global(callee),
                _ => None,
            };
            let made = maker.and_then(|maker| makes(view.symbols.symbol(maker)));
            let named = text(name).is_some_and(|name| COMPLETED.contains(&&*name));
            made.is_some() && named
        }
        _ => false,
    }
}

/// Whether what `maker` made is a `partial` of a class's `__new__`: below protocol 4 pickle calls
/// that for classes whose `__new__` takes keywords.
pub(super) fn constructs_when_called(maker: &Symbol, arguments: Ref, view: &View<'_>) -> bool {
    let partial = (&*maker.module, &*maker.path) == ("functools", "partial");
    let function = view.heap.items(arguments).and_then(|items| items.first());
    let function = function.and_then(|&function| view.global(function));
    partial && function.is_some_and(|id| view.symbols.symbol(id).path.ends_with(".__new__"))
}

/// A name that bytecode refers to and that runs programs or code.
pub(super) fn suspect(symbol: &Symbol, call: Call, view: &View<'_>) -> Option<String> {
    let is_code = matches!(
        (&*symbol.module, &*symbol.path),
        ("types", "CodeType") | ("dill._dill" | "dill.dill", "_create_code")
    );
    if !is_code {
        return None;
    }
    let arguments = view.heap.items(call.arguments)?;
    arguments.iter().find_map(|&argument| {
        let names = view
            .value(argument)
            .container()
            .filter(|it| it.shape == Shape::Tuple);
        let names = names.and_then(|_| view.heap.items(argument))?;
        names
            .iter()
            .filter_map(|&name| view.text(name))
            .find(|name| SUSPECTS.contains(&&**name))
    })
}

const CLOUDPICKLE: &[&str] = &[
    "cloudpickle",
    "cloudpickle.cloudpickle",
    "cloudpickle.cloudpickle_fast",
];
const DILL: &[&str] = &["dill", "dill._dill", "dill.dill"];

const TYPES: [(&str, Makes); 6] = [
    ("CellType", Makes::Piece),
    ("CodeType", Makes::Piece),
    ("FunctionType", Makes::Function),
    ("LambdaType", Makes::Function),
    ("MethodType", Makes::Piece),
    ("ModuleType", Makes::Piece),
];

const CLOUDPICKLE_MAKES: [(&str, Makes); 18] = [
    ("_cell_set", Makes::Piece),
    ("_class_setstate", Makes::Piece),
    ("_fill_function", Makes::Function),
    ("_function_setstate", Makes::Piece),
    ("_gen_ellipsis", Makes::Piece),
    ("_gen_not_implemented", Makes::Piece),
    ("_get_cell_contents", Makes::Piece),
    ("_is_dynamic", Makes::Piece),
    ("_make_cell", Makes::Piece),
    ("_make_empty_cell", Makes::Piece),
    ("_make_function", Makes::Function),
    ("_make_skel_func", Makes::Function),
    ("_make_skeleton_class", Makes::Class),
    ("_make_skeleton_enum", Makes::Class),
    ("_make_typevar", Makes::Piece),
    ("_rehydrate_skeleton_class", Makes::Class),
    ("dynamic_subimport", Makes::Piece),
    ("instance", Makes::Piece),
];

const DILL_MAKES: [(&str, Makes); 9] = [
    ("_create_cell", Makes::Piece),
    ("_create_code", Makes::Piece),
    ("_create_function", Makes::Function),
    ("_create_namedtuple", Makes::Class),
    ("_create_type", Makes::Class),
    ("_create_typing_tuple", Makes::Piece),
    ("_create_weakref", Makes::Piece),
    ("_getattr", Makes::Piece),
    ("_setattr", Makes::Piece),
];

/// What is set of a class or a cell that is made in two steps.
const COMPLETED: &[&str] = &[
    "__annotations__",
    "__doc__",
    "__module__",
    "__qualname__",
    "cell_contents",
];

/// Names by which code runs programs or code, reaches the network, or leaves the interpreter.
const SUSPECTS: &[&str] = &[
    "Popen",
    "__import__",
    "check_call",
    "check_output",
    "ctypes",
    "exec",
    "execv",
    "execve",
    "fork",
    "getoutput",
    "popen",
    "posix_spawn",
    "pty",
    "socket",
    "spawnl",
    "spawnv",
    "subprocess",
    "system",
    "urlopen",
    "urlretrieve",
];
