//! What a pickle may name and how it may use it; and which names deserve to be called dangerous.
//!
//! The allowlist is the boundary: what is not on it is unknown. The gadgets only raise unknown to
//! dangerous and say what a name does; taking them away makes nothing clean.

mod file;
mod row;
mod shelf;

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock},
};

use casemate_core::{Digest, Hasher};

use self::{
    file::{FileRow, OverlayFile, OverlayRow},
    row::Contract,
    shelf::Shelf,
};
use crate::operators::Operators;

pub(crate) use row::{Gadget, Row, Texts};

/// What may be named, and how it may be used.
#[derive(Clone, Debug, Default)]
pub struct Allowlist {
    built_in: Arc<Shelf>,
    /// Rows of the caller, and of classes that a file defines itself.
    own: HashMap<String, HashMap<String, Row>>,
    /// Whether nobody asks for gadgets.
    harmless: bool,
    /// The operators, where they are not the built-in ones.
    operators: Option<Arc<Operators>>,
    stdlib: Arc<[&'static str]>,
    restoring: Arc<[&'static str]>,
    reconstructors: Arc<[&'static str]>,
}

/// Why a text is not an allowlist.
#[derive(Debug, thiserror::Error)]
pub enum AllowlistError {
    /// It is not TOML, or has other fields.
    #[error("{0}")]
    Toml(#[from] toml::de::Error),
    /// An argument's kind is none.
    #[error("{module}.{name}: there is no argument kind `{kind}`")]
    ArgumentKind {
        /// The row's module.
        module: String,
        /// The row's name.
        name: String,
        /// What stands there.
        kind: String,
    },
    /// A row of an overlay says what it must not.
    #[error("{name} {why}")]
    Refused {
        /// The row's module and name.
        name: String,
        /// What is wrong: the predicate of a sentence.
        why: String,
    },
}

impl Allowlist {
    /// The allowlist that is built in.
    pub fn builtin() -> &'static Self {
        static BUILTIN: LazyLock<Allowlist> = LazyLock::new(|| Allowlist {
            built_in: Arc::new(Shelf::new(BUILTIN_FILES)),
            stdlib: lines(STDLIB),
            restoring: lines(STDLIB_TYPES),
            reconstructors: lines(RECONSTRUCTORS),
            ..Allowlist::default()
        });
        &BUILTIN
    }

    /// The digest of what the built-in allowlist is made of, in its order.
    pub fn builtin_digest() -> Digest {
        let mut hasher = Hasher::default();
        let names = [STDLIB, STDLIB_TYPES, RECONSTRUCTORS];
        for text in BUILTIN_FILES.iter().chain(&names) {
            hasher.part(text.as_bytes());
        }
        hasher.finish()
    }

    /// The same with the rows of `overlay` added, which are a caller's own: `[[allow]]` tables of
    /// `module`, `name`, `kind`, `call`, `build`, `args`, `names`, `texts`, and a `reason`; and
    /// `[[operators]]` tables of `namespace`, `names` and a `reason`. What a function may be given
    /// has to be said; names that are on the list, or known to be dangerous, cannot be added.
    ///
    /// # Errors
    ///
    /// Where `overlay` is not of that form, or says what it must not.
    pub fn with_overlay(&self, overlay: &str) -> Result<Self, AllowlistError> {
        let mut list = self.clone();
        let file: OverlayFile = toml::from_str(overlay)?;
        for own in file.allow {
            list.add_own(own)?;
        }
        if !file.operators.is_empty() {
            let mut operators = list.operators().clone();
            for own in file.operators {
                operators.add_own(own)?;
            }
            list.operators = Some(Arc::new(operators));
        }
        Ok(list)
    }

    fn add_own(&mut self, own: OverlayRow) -> Result<(), AllowlistError> {
        let name = format!("{}.{}", own.module, own.name);
        let refuse = |why: String| AllowlistError::Refused {
            name: name.clone(),
            why,
        };
        if self.row(&own.module, &own.name).is_some() {
            return Err(refuse("is on the allowlist already".to_owned()));
        }
        if let Some(gadget) = self.gadget(&own.module, &own.name) {
            return Err(refuse(format!("{}, and cannot be allowed", gadget.what)));
        }
        if !matches!(own.kind.as_str(), "class" | "function" | "value") {
            return Err(refuse(format!(
                "has no kind `{}`; there are `class`, `function` and `value`",
                own.kind
            )));
        }
        if let Some(how) = own.call.iter().find(|how| !MANNERS.contains(&how.as_str())) {
            return Err(refuse(format!(
                "cannot be called by `{how}`; there are `reduce`, `newobj` and `inst`"
            )));
        }
        if own.call.iter().any(|how| how != "newobj") && own.args.is_none() {
            return Err(refuse(
                "is called and has no `args`, which say with what".to_owned(),
            ));
        }
        if own.reason.trim().is_empty() {
            return Err(refuse("has an empty `reason`".to_owned()));
        }
        let reason = own.reason.clone();
        let row = FileRow {
            module: own.module,
            name: own.name,
            kind: own.kind,
            call: own.call,
            build: own.build,
            args: own.args,
            names: own.names,
            texts: own.texts,
            fill: None,
            _evidence: String::new(),
        };
        let (module, path, mut row) = row.judged()?;
        row.reason = Some(reason.into());
        self.own.entry(module).or_default().insert(path, row);
        Ok(())
    }

    /// The same without the gadgets. Nothing may become clean by it; it is there to prove that.
    #[must_use]
    pub fn without_gadgets(&self) -> Self {
        let mut operators = self.operators().clone();
        operators.forget_dangers();
        Self {
            harmless: true,
            operators: Some(Arc::new(operators)),
            ..self.clone()
        }
    }

    /// The same with classes that a file defines itself, by module and name: a stream may make
    /// objects of them and set their state.
    pub(crate) fn with_classes<'c>(
        &self,
        classes: impl Iterator<Item = (&'c str, &'c str)>,
    ) -> Self {
        let mut list = self.clone();
        for (module, name) in classes {
            let row = Row {
                is_class: true,
                reduce: true,
                new: true,
                instance: false,
                build: true,
                is_value: false,
                arguments: Contract::anything(),
                // So torch writes the members of an enumeration.
                bare: true,
                names: None,
                texts: None,
                fill: None,
                reason: None,
            };
            let rows = list.own.entry(module.to_owned()).or_default();
            rows.insert(name.to_owned(), row);
        }
        list
    }

    /// What is known of operators.
    pub(crate) fn operators(&self) -> &Operators {
        match &self.operators {
            Some(own) => own,
            None => self.built_in.operators(),
        }
    }

    /// How many names are allowed.
    pub fn len(&self) -> usize {
        let own: usize = self.own.values().map(HashMap::len).sum();
        let built_in = self.built_in.modules().map(|module| module.rows.len());
        own + built_in.sum::<usize>()
    }

    /// Whether nothing is allowed.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn row(&self, module: &str, path: &str) -> Option<&Row> {
        let own = self.own.get(module).and_then(|rows| rows.get(path));
        own.or_else(|| self.built_in.module(module)?.rows.get(path))
    }

    /// Whether some name of exactly this module is allowed.
    pub(crate) fn has_module(&self, module: &str) -> bool {
        let built_in = self.built_in.module(module);
        self.own.contains_key(module) || built_in.is_some_and(|module| !module.rows.is_empty())
    }

    /// The gadget that a name is, or that its whole module or a package around it is; the nearest
    /// tells most.
    pub(crate) fn gadget(&self, module: &str, path: &str) -> Option<&Gadget> {
        if self.harmless {
            return None;
        }
        let gadgets_of = |module: &str| self.built_in.module(module).map(|found| &found.gadgets);
        let shorter = |name: &str| name.rsplit_once('.').map(|(shorter, _)| shorter.to_owned());
        if let Some(gadgets) = gadgets_of(module) {
            // A method or attribute of a gadget is one.
            let mut name = Some(path.to_owned());
            while let Some(prefix) = name {
                if let Some(gadget) = gadgets.get(&prefix) {
                    return Some(gadget);
                }
                name = shorter(&prefix);
            }
        }
        let mut package = Some(module.to_owned());
        while let Some(name) = package {
            let whole = gadgets_of(&name).and_then(|found| found.get("*"));
            if whole.is_some() {
                return whole;
            }
            package = shorter(&name);
        }
        None
    }

    /// The gadget that a module is, or the first of those in it.
    pub(crate) fn gadget_of_module(&self, module: &str) -> Option<&Gadget> {
        self.gadget(module, "*").or_else(|| {
            let inside = self.built_in.module(module)?.gadgets.values();
            inside.take(usize::from(!self.harmless)).next()
        })
    }

    /// Whether a module is of the standard library, by its first segment.
    pub(crate) fn is_stdlib(&self, module: &str) -> bool {
        self.stdlib.binary_search(&top(module)).is_ok()
    }

    /// Whether a name of the standard library that looks like a function's restores an object.
    pub(crate) fn restores(&self, module: &str, path: &str) -> bool {
        let name = format!("{module}.{path}");
        self.restoring.binary_search(&name.as_str()).is_ok()
    }

    /// Whether a module was read for what restores its library's objects: none that is compiled.
    pub(crate) fn is_read(&self, module: &str) -> bool {
        let has = |line: &str| self.reconstructors.binary_search(&line).is_ok();
        has(top(module)) && (module == top(module) || !has(module))
    }

    /// Whether a function of such a library, by its name alone, restores an object.
    pub(crate) fn reconstructs(&self, module: &str, name: &str) -> bool {
        let line = format!("{} {name}", top(module));
        self.reconstructors.binary_search(&line.as_str()).is_ok()
    }
}

/// The package that a module is in.
fn top(module: &str) -> &str {
    module.split('.').next().unwrap_or(module)
}

/// The lines of a list that are no comments, sorted.
fn lines(list: &'static str) -> Arc<[&'static str]> {
    let lines = list.lines().map(str::trim);
    let mut lines: Vec<_> = lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect();
    lines.sort_unstable();
    lines.into()
}

/// How a stream may call what is allowed.
const MANNERS: &[&str] = &["reduce", "newobj", "inst"];

const BUILTIN_FILES: &[&str] = &[
    include_str!("../../../../../content/allowlists/python.toml"),
    include_str!("../../../../../content/allowlists/numpy.toml"),
    include_str!("../../../../../content/allowlists/scipy.toml"),
    include_str!("../../../../../content/allowlists/sklearn.toml"),
    include_str!("../../../../../content/allowlists/pandas.toml"),
    include_str!("../../../../../content/allowlists/joblib.toml"),
    include_str!("../../../../../content/allowlists/torch.toml"),
    include_str!("../../../../../content/allowlists/torchscript.toml"),
    include_str!("../../../../../content/allowlists/xgboost.toml"),
    include_str!("../../../../../content/allowlists/lightgbm.toml"),
    include_str!("../../../../../content/allowlists/catboost.toml"),
    include_str!("../../../../../content/allowlists/transformers.toml"),
    include_str!("../../../../../content/allowlists/accelerate.toml"),
    include_str!("../../../../../content/allowlists/dill.toml"),
    include_str!("../../../../../content/allowlists/category_encoders.toml"),
    include_str!("../../../../../content/allowlists/feature_engine.toml"),
    include_str!("../../../../../content/allowlists/gensim.toml"),
    include_str!("../../../../../content/allowlists/hdbscan.toml"),
    include_str!("../../../../../content/allowlists/imblearn.toml"),
    include_str!("../../../../../content/allowlists/mlxtend.toml"),
    include_str!("../../../../../content/allowlists/nltk.toml"),
    include_str!("../../../../../content/allowlists/pyod.toml"),
    include_str!("../../../../../content/allowlists/statsmodels.toml"),
    include_str!("../../../../../content/allowlists/gadgets.toml"),
];
const STDLIB: &str = include_str!("../../../../../content/allowlists/stdlib.txt");
const STDLIB_TYPES: &str = include_str!("../../../../../content/allowlists/stdlib-types.txt");
const RECONSTRUCTORS: &str = include_str!("../../../../../content/allowlists/reconstructors.txt");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pickle::value::{Kind, KindSet};

    fn list(text: &'static str) -> Allowlist {
        Allowlist {
            built_in: Arc::new(Shelf::new(&[text])),
            ..Allowlist::default()
        }
    }

    #[test]
    fn contracts_count_and_sort_arguments() {
        let contract = |kinds: &[&str]| {
            let row = FileRow {
                module: "m".into(),
                name: "n".into(),
                kind: "function".into(),
                call: vec![],
                build: false,
                args: Some(kinds.iter().map(|&kind| kind.to_owned()).collect()),
                names: None,
                texts: None,
                fill: None,
                _evidence: String::new(),
            };
            row.contract().expect("a contract")
        };
        let two = contract(&["str", "int|none"]);
        assert!(two.allows(&[Kind::Str, Kind::None]) && two.allows(&[Kind::Str, Kind::Bool]));
        assert!(!two.allows(&[Kind::Str]) && !two.allows(&[Kind::Str, Kind::Int, Kind::Int]));
        let many = contract(&["str", "any*"]);
        assert!(many.allows(&[Kind::Str]) && many.allows(&[Kind::Str, Kind::Global, Kind::Int]));
        assert!(!many.allows(&[]) && !many.allows(&[Kind::Int]));
        assert!(contract(&["int*"]).allows_all(99, KindSet::of(Kind::Int)));
        assert!(!contract(&["int*"]).allows_all(99, KindSet::of(Kind::Str)));
        assert!(!contract(&[]).allows(&[Kind::Int]) && contract(&[]).allows(&[]));
    }

    #[test]
    fn a_gadget_covers_what_is_below_it() {
        let list = list(
            "[[gadget]]\nmodule = 'pdb'\nname = '*'\nwhat = 'debugs'\n\
             [[gadget]]\nmodule = 'bdb'\nname = 'Bdb'\nwhat = 'runs code'\n",
        );
        assert!(list.gadget("pdb", "run").is_some() && list.gadget("pdb.sub", "x").is_some());
        assert!(list.gadget("bdb", "Bdb.run").is_some() && list.gadget("bdb", "x").is_none());
        assert!(list.gadget("pdbx", "run").is_none());
    }

    const OWN: &str = "[[allow]]\nmodule = 'acme'\nname = 'Model'\nkind = 'class'\ncall = ['newobj']\n\
                       reason = 'ours'\n";

    fn refusal(from: &str, to: &str) -> String {
        assert!(OWN.contains(from), "{from}");
        let own = OWN.replace(from, to);
        let error = Allowlist::builtin().with_overlay(&own);
        error.expect_err("refused").to_string()
    }

    #[test]
    fn an_overlay_adds_to_what_is_built_in_and_its_mistakes_are_told() {
        let list = Allowlist::builtin().with_overlay(OWN).expect("sound");
        assert_eq!(list.len(), Allowlist::builtin().len() + 1);
        assert!(list.row("acme", "Model").is_some() && list.row("acme", "Model.x").is_none());
        assert!(refusal("kind", "kin").contains("unknown field `kin`"));
        assert!(refusal("reason = 'ours'", "").contains("missing field `reason`"));
        assert!(refusal("call = ['newobj']", "").contains("missing field `call`"));
        assert_eq!(refusal("'ours'", "' '"), "acme.Model has an empty `reason`");
        assert_eq!(
            refusal("['newobj']", "['reduce']"),
            "acme.Model is called and has no `args`, which say with what"
        );
        assert_eq!(
            refusal("['newobj']", "['newobj']\nargs = ['text']"),
            "acme.Model: there is no argument kind `text`"
        );
        assert!(list.with_overlay(OWN).is_err(), "twice the same");
    }

    #[test]
    fn no_overlay_allows_what_is_known_to_be_dangerous() {
        for (module, name) in [("os", "system"), ("builtins", "eval"), ("subprocess", "x")] {
            let own = OWN.replace("acme", module).replace("Model", name);
            let error = Allowlist::builtin()
                .with_overlay(&own)
                .expect_err("refused");
            assert!(
                error.to_string().ends_with("and cannot be allowed"),
                "{error}"
            );
        }
        assert!(refusal("'acme'", "'torch'\nname = 'Size'\n").contains("duplicate"));
        let own = OWN.replace("acme", "torch").replace("Model", "Size");
        let error = Allowlist::builtin()
            .with_overlay(&own)
            .expect_err("refused");
        assert_eq!(error.to_string(), "torch.Size is on the allowlist already");
    }

    #[test]
    fn the_standard_library_is_known() {
        assert!(Allowlist::builtin().is_stdlib("os.path"));
        assert!(!Allowlist::builtin().is_stdlib("numpy"));
        assert!(Allowlist::builtin().restores("datetime", "datetime"));
        assert!(!Allowlist::builtin().restores("os", "system"));
    }

    #[test]
    fn what_restores_the_objects_of_a_library_is_known_wherever_it_stands() {
        let list = Allowlist::builtin();
        assert!(list.is_read("numpy") && list.is_read("numpy.lib.npyio"));
        assert!(!list.is_read("acme.numpy") && !list.is_read("pyarrow.lib"));
        assert!(list.reconstructs("numpy.ma.core", "_mareconstruct"));
        assert!(list.reconstructs("numpy.ma", "_mareconstruct"));
        assert!(!list.reconstructs("numpy.lib.npyio", "load"));
    }
}
