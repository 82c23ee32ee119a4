//! Code that a stream carries: what cloudpickle and dill write of functions and classes that are
//! in no library. Nobody can vouch for it, but to carry it is no attack; to call it is.

use super::{
    effect::{Call, View},
    fold::is_plain_attribute,
    symbol::Symbol,
    value::{Kind, Ref, Shape, SymbolId, Value},
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
        (("functools" | "_functools", "partial"), &[function, ..]) => is_callable(function, view),
        // What dill wrote of that before 0.3.5.
        (("dill._dill" | "dill.dill", "_create_ftype"), &[class, function, ..]) => {
            let partial = view.global(class).is_some_and(|class| {
                let class = view.symbols.symbol(class);
                matches!((&*class.module, &*class.path), ("functools", "partial"))
            });
            partial && is_callable(function, view)
        }
        // Of a union of types, `int | str`.
        (("functools" | "_functools", "reduce"), &[function, types]) => {
            let or = view.global(function).is_some_and(|function| {
                let function = view.symbols.symbol(function);
                matches!(
                    (&*function.module, &*function.path),
                    ("operator" | "_operator", "or_")
                )
            });
            or && view.value(types).kind() == Kind::Tuple
        }
        (("operator" | "_operator", "attrgetter"), names) => names
            .iter()
            .all(|&name| text(name).is_some_and(|name| name.split('.').all(is_harmless_attribute))),
        (("operator" | "_operator", "methodcaller"), &[name, ..]) => {
            text(name).is_some_and(|name| is_harmless_attribute(&name))
        }
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
        // Nothing is called before somebody walks over it.
        (_, &[first, second, ..]) => {
            let function = match lazy(symbol) {
                Some(Lazy::Calls(0)) => first,
                Some(Lazy::Calls(_)) => second,
                _ => return false,
            };
            view.value(function).kind() == Kind::None || is_callable(function, view)
        }
        _ => false,
    }
}

fn is_callable(of: Ref, view: &View<'_>) -> bool {
    matches!(view.value(of), Value::Global(_) | Value::Called { .. })
}

/// Whether an attribute reaches neither machinery nor what runs programs, by its name.
fn is_harmless_attribute(name: &str) -> bool {
    is_plain_attribute(name) && !is_suspect(name)
}

/// Whether code that refers to `name` may run programs or code, by that name.
pub(super) fn is_suspect(name: &str) -> bool {
    SUSPECTS.contains(&name) || REACHING.contains(&name)
}

/// What gives its items one after the other, when somebody asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lazy {
    /// Each is what the function among its arguments returns, or is chosen by it.
    Calls(usize),
    /// They are those of its arguments.
    Passes,
}

fn lazy(symbol: &Symbol) -> Option<Lazy> {
    match (&*symbol.module, &*symbol.path) {
        ("builtins", "map" | "filter") => Some(Lazy::Calls(0)),
        ("itertools", "starmap" | "takewhile" | "dropwhile" | "filterfalse") => {
            Some(Lazy::Calls(0))
        }
        ("itertools", "accumulate" | "groupby") => Some(Lazy::Calls(1)),
        ("builtins", "zip" | "enumerate" | "iter" | "reversed") | ("itertools", _) => {
            Some(Lazy::Passes)
        }
        _ => None,
    }
}

/// Whether whoever is given `of` calls something by walking over it: it is what `map` returned, or
/// an iterator over that. `None` as the function calls nothing.
pub(super) fn calls_when_walked(of: Ref, view: &View<'_>) -> bool {
    let mut pending = vec![of];
    for _ in 0..LONGEST_CHAIN {
        let Some(next) = pending.pop() else {
            return false;
        };
        let Value::Called {
            callee, arguments, ..
        } = view.value(next)
        else {
            continue;
        };
        let maker = view.global(callee).map(|id| view.symbols.symbol(id));
        let Some(lazy) = maker.and_then(lazy) else {
            continue;
        };
        let Some(arguments) = view.heap.items(arguments) else {
            return true;
        };
        if let Lazy::Calls(at) = lazy
            && let Some(&function) = arguments.get(at)
            && view.value(function).kind() != Kind::None
        {
            return true;
        }
        pending.extend(arguments);
    }
    !pending.is_empty()
}

/// Whether `symbol` gives items one after the other, and so walks over nothing itself.
pub(super) fn is_lazy(symbol: &Symbol) -> bool {
    lazy(symbol).is_some()
}

/// Whether what `maker` made is a `partial` of a class's `__new__`, or of what makes an object of
/// its arguments: below protocol 4 pickle calls that for classes whose `__new__` takes keywords.
pub(super) fn constructs_when_called(maker: &Symbol, arguments: Ref, view: &View<'_>) -> bool {
    let partial = (&*maker.module, &*maker.path) == ("functools", "partial");
    let function = view.heap.items(arguments).and_then(|items| items.first());
    let function = function.and_then(|&function| view.global(function));
    partial
        && function.is_some_and(|id| {
            let function = view.symbols.symbol(id);
            function.path.ends_with(".__new__") || calls_a_method(function)
        })
}

/// What a call that only prepares one does it with: dill's function for it is given `partial`, and
/// that is given what makes an object of its keywords.
pub(super) fn prepares_with(symbol: &Symbol, arguments: Ref, view: &View<'_>) -> Option<SymbolId> {
    let first = *view.heap.items(arguments)?.first()?;
    let function = view.global(first)?;
    let method = calls_a_method(view.symbols.symbol(function));
    let is_given = match &*symbol.path {
        "_create_ftype" => true,
        "partial" => method,
        _ => false,
    };
    is_given.then_some(function)
}

/// Whether it makes objects that call a method of what they are called with.
pub(super) fn calls_a_method(symbol: &Symbol) -> bool {
    matches!(
        (&*symbol.module, &*symbol.path),
        ("operator" | "_operator", "methodcaller")
    )
}

/// Whether the state of a `partial` gives what calls a method the name of one that may do harm.
pub(super) fn names_a_harmful_method(state: Ref, view: &View<'_>) -> bool {
    let Some(&[function, arguments, ..]) = view.heap.items(state) else {
        return false;
    };
    let calls = view
        .global(function)
        .is_some_and(|id| calls_a_method(view.symbols.symbol(id)));
    let name = view.heap.items(arguments).and_then(|items| items.first());
    let name = name.and_then(|&name| view.text(name));
    calls && !name.is_some_and(|name| is_harmless_attribute(&name))
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

const CLOUDPICKLE_MAKES: [(&str, Makes); 23] = [
    ("_cell_set", Makes::Piece),
    ("_class_setstate", Makes::Piece),
    ("_file_reconstructor", Makes::Piece),
    ("_fill_function", Makes::Function),
    ("_function_setstate", Makes::Piece),
    ("_gen_ellipsis", Makes::Piece),
    ("_gen_not_implemented", Makes::Piece),
    ("_get_cell_contents", Makes::Piece),
    ("_get_dataclass_field_type_sentinel", Makes::Piece),
    ("_is_dynamic", Makes::Piece),
    ("_make_cell", Makes::Piece),
    ("_make_dict_items", Makes::Piece),
    ("_make_dict_keys", Makes::Piece),
    ("_make_dict_values", Makes::Piece),
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

/// Names by which code reaches those.
const REACHING: &[&str] = &[
    "breakpoint",
    "builtins",
    "compile",
    "eval",
    "from_file",
    "globals",
    "hub",
    "importlib",
    "load",
    "load_library",
    "locals",
    "marshal",
    "modules",
    "open",
    "os",
    "pickle",
    "posix",
    "runpy",
    "save",
    "setattr",
    "shutil",
    "sys",
    "vars",
];

/// How many iterators are followed to see what walking over one calls.
const LONGEST_CHAIN: usize = 64;
