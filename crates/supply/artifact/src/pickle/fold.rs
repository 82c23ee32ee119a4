//! Calls that do no more than name something, so that what they give is known: an attribute of an
//! import, or a type that a pickler writes under another name.

use super::{
    effect::{Call, Manner, View},
    value::{Ref, SymbolId, Value},
};

/// The module and the path of what `call` gives, where it is such a call.
///
/// An attribute is folded where it is a plain one of an import, or of an object whose class is
/// known: a bound method then goes by its class's name for it.
pub(super) fn fold(call: Call, view: &View<'_>) -> Option<(String, String)> {
    if call.manner != Manner::Reduce {
        return None;
    }
    let function = view.symbols.symbol(view.global(call.callee)?);
    let (module, name) = (&*function.module, &*function.path);
    if !NAMING.contains(&(module, name)) {
        return None;
    }
    match (name, view.heap.items(call.arguments)?) {
        ("partial", &[function]) => completes_a_block(function, view)
            .then(|| (NEW_BLOCK.0.to_owned(), NEW_BLOCK.1.to_owned())),
        ("getattr" | "_get_attr", &[owner, attribute]) => attribute_of(owner, attribute, view),
        // How dill fills a cell: by a function of its own in old versions, and by this in later
        // ones.
        ("getattr", &[owner, attribute, otherwise]) => {
            let (module, path) = attribute_of(owner, attribute, view)?;
            let otherwise = view.symbols.symbol(view.global(otherwise)?).dotted();
            let of_dill = module == "dill" && path == "_dill._setattr";
            (of_dill && otherwise == "builtins.setattr")
                .then(|| ("builtins".to_owned(), "setattr".to_owned()))
        }
        ("_ufunc_reconstruct", &[module, ufunc]) => {
            Some((dotted_name(module, view)?, plain_name(ufunc, view)?))
        }
        ("_builtin_type", &[named]) => Some(("types".to_owned(), plain_name(named, view)?)),
        // A module is a name without a path.
        ("_import_module" | "subimport", &[module, ..]) => {
            Some((dotted_name(module, view)?, String::new()))
        }
        // The class of that name in that module, or else a new named tuple.
        ("_create_namedtuple", &[named, _, module, ..]) => {
            Some((dotted_name(module, view)?, plain_name(named, view)?))
        }
        ("_load_type", &[named]) => Some(type_of_dill(plain_name(named, view)?)),
        _ => None,
    }
}

/// Whether `of` is the function by which pandas 1.3 makes the blocks of a frame, whose number of
/// dimensions it gives by keyword: in the state of a `partial`.
fn completes_a_block(of: Ref, view: &View<'_>) -> bool {
    view.global(of).is_some_and(|id| {
        let function = view.symbols.symbol(id);
        (&*function.module, &*function.path) == NEW_BLOCK
    })
}

/// Whether `state` is that of such a `partial`, which `object` stands for.
pub(super) fn gives_dimensions(object: Ref, state: Ref, view: &View<'_>) -> bool {
    let Some(&[function, Ref::EMPTY_TUPLE, keywords, attributes]) = view.heap.items(state) else {
        return false;
    };
    let dimensions = view.entry(keywords, "ndim").map(|of| view.value(of));
    completes_a_block(object, view)
        && completes_a_block(function, view)
        && view.has_plain_keys(keywords)
        && view.has_only(keywords, &["ndim"])
        && matches!(dimensions, Some(Value::Int(1 | 2)))
        && matches!(view.value(attributes), Value::None)
}

/// The class that torch's legacy layout writes as `('module', class, file, source)`: a loader
/// compares the source with its own and takes the class.
pub(super) fn class_of_persistent_id(id: Ref, view: &View<'_>) -> Option<Ref> {
    let &[tag, class, _, _] = view.heap.items(id)? else {
        return None;
    };
    let is_module = view.text(tag)? == "module";
    (is_module && view.global(class).is_some()).then_some(class)
}

/// Whether `name` is an attribute's name that reaches no machinery of the interpreter.
pub(super) fn is_plain_attribute(name: &str) -> bool {
    let sound = |c: char| c.is_alphanumeric() || c == '_';
    !name.is_empty() && name.chars().all(sound) && !(name.starts_with("__") && name.ends_with("__"))
}

fn attribute_of(owner: Ref, attribute: Ref, view: &View<'_>) -> Option<(String, String)> {
    let attribute = view.text(attribute)?;
    // `__new__` is how pickle names what makes an object with keywords.
    if !is_plain_attribute(&attribute) && attribute != "__new__" {
        return None;
    }
    let class = class(owner, view)?;
    let symbol = view.symbols.symbol(class);
    let path = match &*symbol.path {
        "" => attribute,
        path => format!("{path}.{attribute}"),
    };
    Some((symbol.module.to_string(), path))
}

/// The import that `owner` is, or the class of it as far as its name tells.
fn class(owner: Ref, view: &View<'_>) -> Option<SymbolId> {
    if let Value::Called { callee, .. } = view.value(owner) {
        let class = view.global(callee)?;
        let path = &view.symbols.symbol(class).path;
        let last = path.rsplit('.').next().unwrap_or(path);
        return (!last.starts_with('_')).then_some(class);
    }
    view.global(owner)
}

fn plain_name(of: Ref, view: &View<'_>) -> Option<String> {
    view.text(of).filter(|name| is_plain_attribute(name))
}

fn dotted_name(of: Ref, view: &View<'_>) -> Option<String> {
    let name = view.text(of)?;
    name.split('.').all(is_plain_attribute).then_some(name)
}

fn type_of_dill(name: String) -> (String, String) {
    let (module, path) = match DILL_TYPES.binary_search_by_key(&&*name, |row| row.0) {
        Ok(at) => ("builtins", DILL_TYPES[at].1.to_owned()),
        Err(_) if name == "PartialType" => ("functools", "partial".to_owned()),
        Err(_) if name == "ItemGetterType" => ("operator", "itemgetter".to_owned()),
        Err(_) if name == "AttrGetterType" => ("operator", "attrgetter".to_owned()),
        Err(_)
            if name.ends_with("Type")
                && FILES
                    .iter()
                    .any(|of| name.trim_start_matches("Py").starts_with(of)) =>
        {
            ("io", "FileIO".to_owned())
        }
        Err(_) if name.ends_with("Type") => ("types", name),
        Err(_) => ("builtins", name),
    };
    (module.to_owned(), path)
}

/// The functions that do that.
const NAMING: &[(&str, &str)] = &[
    ("builtins", "getattr"),
    ("cloudpickle", "_builtin_type"),
    ("cloudpickle", "subimport"),
    ("cloudpickle.cloudpickle", "_builtin_type"),
    ("cloudpickle.cloudpickle", "subimport"),
    ("dill._dill", "_create_namedtuple"),
    ("dill._dill", "_get_attr"),
    ("dill._dill", "_import_module"),
    ("dill._dill", "_load_type"),
    ("dill.dill", "_get_attr"),
    ("dill.dill", "_import_module"),
    ("dill.dill", "_load_type"),
    ("functools", "partial"),
    ("joblib.externals.cloudpickle.cloudpickle", "_builtin_type"),
    ("numpy._core", "_ufunc_reconstruct"),
    ("numpy.core", "_ufunc_reconstruct"),
];

const NEW_BLOCK: (&str, &str) = ("pandas.core.internals.blocks", "new_block");

/// How dill's names for the types of open files begin.
const FILES: &[&str] = &["Buffered", "File", "TextWrapper"];

/// The names of Python 2 that dill has for built-in types (`_typemap` in dill's `_dill.py`).
const DILL_TYPES: [(&str, &str); 19] = [
    ("BooleanType", "bool"),
    ("ClassType", "type"),
    ("ComplexType", "complex"),
    ("DictType", "dict"),
    ("DictionaryType", "dict"),
    ("FloatType", "float"),
    ("FrozensetType", "frozenset"),
    ("IntType", "int"),
    ("ListType", "list"),
    ("LongType", "int"),
    ("NoneType", "NoneType"),
    ("ObjectType", "object"),
    ("SetType", "set"),
    ("SliceType", "slice"),
    ("StringType", "str"),
    ("TupleType", "tuple"),
    ("TypeType", "type"),
    ("UnicodeType", "str"),
    ("XRangeType", "range"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machinery_of_the_interpreter_is_no_plain_attribute() {
        assert!(is_plain_attribute("_unpickle") && is_plain_attribute("__call"));
        for name in ["", "__globals__", "a.b", "a b", "os;"] {
            assert!(!is_plain_attribute(name), "{name}");
        }
    }

    #[test]
    fn the_table_is_sorted() {
        assert!(DILL_TYPES.is_sorted());
    }
}
