//! The names that a stream imports, each kept once.

use std::collections::HashMap;

use super::{names::in_python_3, value::SymbolId};

/// A name that is imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Symbol {
    /// The module that CPython imports.
    pub(crate) module: Box<str>,
    /// The path of attributes below it, with dots.
    pub(crate) path: Box<str>,
    /// Module and path as they are written, where Python 3 maps them to others.
    pub(crate) written: Option<(Box<str>, Box<str>)>,
}

/// The table of names.
#[derive(Default)]
pub(crate) struct Symbols {
    all: Vec<Symbol>,
    by_name: HashMap<(Box<str>, Box<str>, bool), SymbolId>,
    overflowed: bool,
}

impl Symbols {
    /// The symbol for what is written, in a stream of `protocol`.
    pub(crate) fn intern(&mut self, module: &str, path: &str, protocol: u8) -> SymbolId {
        let key = (clipped(module), clipped(path), protocol < 3);
        if let Some(&id) = self.by_name.get(&key) {
            return id;
        }
        let room = self.all.len() < MOST;
        let Some(id) = u32::try_from(self.all.len()).ok().filter(|_| room) else {
            // One name more than any real file has: what follows counts as the last one, which
            // nobody lists.
            self.overflowed = true;
            return self.intern_overflow();
        };
        let (new_module, new_path) = match protocol {
            0..3 => in_python_3(&key.0, &key.1),
            _ => (&*key.0, &*key.1),
        };
        let mapped = (new_module, new_path) != (&*key.0, &*key.1);
        self.all.push(Symbol {
            module: new_module.into(),
            path: new_path.into(),
            written: mapped.then(|| (key.0.clone(), key.1.clone())),
        });
        self.by_name.insert(key, SymbolId(id));
        SymbolId(id)
    }

    pub(crate) fn symbol(&self, id: SymbolId) -> &Symbol {
        &self.all[id.0 as usize]
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Symbol> {
        self.all.iter()
    }

    pub(crate) fn overflowed(&self) -> bool {
        self.overflowed
    }

    fn intern_overflow(&mut self) -> SymbolId {
        let key: (Box<str>, Box<str>, bool) = ("".into(), "".into(), false);
        if let Some(&id) = self.by_name.get(&key) {
            return id;
        }
        let id = SymbolId(u32::try_from(self.all.len()).unwrap_or(u32::MAX));
        self.all.push(Symbol {
            module: "".into(),
            path: "".into(),
            written: None,
        });
        self.by_name.insert(key, id);
        id
    }
}

impl Symbol {
    /// Whether its objects are joblib's placeholders, which an array's bytes follow in the stream.
    pub(crate) fn wraps_an_array(&self) -> bool {
        &*self.path == "NumpyArrayWrapper" && WRAPPERS.contains(&&*self.module)
    }

    /// Whether its objects say what an array's elements are.
    pub(crate) fn is_dtype(&self) -> bool {
        &*self.module == "numpy" && &*self.path == "dtype"
    }

    /// Whether it is torch's function that loads the bytes it is given as a file.
    pub(crate) fn loads_a_file(&self) -> bool {
        &*self.module == "torch.storage" && &*self.path == "_load_from_bytes"
    }

    /// Where the function stands among its arguments that it calls, and what it calls it with.
    pub(crate) fn applies_its_argument(&self) -> Option<(usize, usize)> {
        match (&*self.module, &*self.path) {
            ("dill._dill" | "dill.dill", "_create_array") => Some((0, 1)),
            ("torch._tensor", "_rebuild_from_type_v2") => Some((0, 2)),
            _ => None,
        }
    }

    /// Whether its objects are joblib's placeholders for arrays in files beside the pickle.
    pub(crate) fn names_a_file(&self) -> bool {
        matches!(&*self.path, "NDArrayWrapper" | "ZNDArrayWrapper")
            && OLD_WRAPPERS.contains(&&*self.module)
    }

    /// Whether it is a function that makes an object of its first argument, which is a class.
    pub(crate) fn constructs_its_argument(&self) -> bool {
        matches!(&*self.module, "copyreg" | "copy_reg")
            && matches!(
                &*self.path,
                "_reconstructor" | "__newobj__" | "__newobj_ex__"
            )
    }

    /// Whether it is a type of Python's own whose objects have no attributes to set.
    pub(crate) fn has_no_state(&self) -> bool {
        &*self.module == "builtins"
            && matches!(
                &*self.path,
                "bool"
                    | "bytearray"
                    | "bytes"
                    | "complex"
                    | "dict"
                    | "float"
                    | "frozenset"
                    | "int"
                    | "list"
                    | "object"
                    | "set"
                    | "str"
                    | "tuple"
            )
    }

    /// Whether it is a class that TorchScript defines.
    pub(crate) fn is_of_a_script(&self) -> bool {
        self.module.split('.').next() == Some("__torch__")
    }

    /// Whether its objects, when they get their state, make as many names as that says they have
    /// layers.
    /// Whether it is the class whose construction opens a file, and whose arrays are made without it.
    pub(crate) fn maps_a_file(&self) -> bool {
        self.module.starts_with("numpy") && &*self.path == "memmap"
    }

    /// Whether its objects are made by C++ once they get their state, and are nothing before.
    pub(crate) fn needs_a_state(&self) -> bool {
        (&*self.module, &*self.path) == ("torch", "ScriptObject")
    }

    pub(crate) fn counts_layers(&self) -> bool {
        &*self.module == "torch.nn.modules.rnn"
            && matches!(&*self.path, "RNNBase" | "RNN" | "LSTM" | "GRU")
    }

    /// Whether it compiles the source of a module's graph, which the stream gives it.
    pub(crate) fn compiles_a_graph(&self) -> bool {
        (&*self.module, &*self.path) == ("torch.fx.graph_module", "reduce_graph_module")
    }

    /// Whether it is one of the functions that make a tensor of a storage.
    pub(crate) fn rebuilds_a_tensor(&self) -> bool {
        &*self.module == "torch._utils" && self.path.starts_with("_rebuild")
    }

    /// Module and path joined, as one would write them in Python.
    pub(crate) fn dotted(&self) -> String {
        format!("{}.{}", self.module, self.path)
    }
}

/// The beginning of a name; no real one is as long as this.
fn clipped(name: &str) -> Box<str> {
    let end = name.char_indices().nth(LONGEST).map_or(name.len(), |c| c.0);
    name[..end].into()
}

/// Where joblib keeps its placeholders: its own, and the copy that scikit-learn had before 0.23.
const WRAPPERS: &[&str] = &[
    "joblib.numpy_pickle",
    "sklearn.externals.joblib.numpy_pickle",
];
/// Where versions before 0.10 keep theirs, and later ones what reads them.
const OLD_WRAPPERS: &[&str] = &[
    "joblib.numpy_pickle",
    "joblib.numpy_pickle_compat",
    "sklearn.externals.joblib.numpy_pickle",
    "sklearn.externals.joblib.numpy_pickle_compat",
];
const MOST: usize = 1 << 15;
const LONGEST: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_mapped_below_protocol_3_only() {
        let mut symbols = Symbols::default();
        let old = symbols.intern("__builtin__", "eval", 2);
        let new = symbols.intern("__builtin__", "eval", 3);
        assert_eq!(symbols.symbol(old).dotted(), "builtins.eval");
        assert_eq!(symbols.symbol(new).dotted(), "__builtin__.eval");
        assert_eq!(symbols.intern("__builtin__", "eval", 0), old);
    }

    #[test]
    fn more_names_than_fit_are_one_name_that_nobody_lists() {
        let mut symbols = Symbols::default();
        for n in 0..MOST {
            symbols.intern("m", &n.to_string(), 4);
        }
        assert!(!symbols.overflowed());
        let id = symbols.intern("m", "one more", 4);
        assert_eq!(symbols.intern("m", "another", 4), id);
        assert!(symbols.overflowed() && symbols.symbol(id).path.is_empty());
    }
}
