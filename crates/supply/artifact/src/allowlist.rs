//! What a pickle may name and how it may use it; and which names deserve to be called dangerous.
//!
//! The allowlist is the boundary: what is not on it is unknown. The gadgets only raise unknown to
//! dangerous and say what a name does; taking them away makes nothing clean.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, LazyLock},
};

use serde::Deserialize;

use crate::{
    operators::{ClassRow, DangerousRow, NamespaceRow, OperatorRows, Operators, OverlayOperators},
    pickle::{
        effect::Mutation,
        value::{Kind, KindSet},
    },
};

/// What may be named, and how it may be used.
#[derive(Clone, Debug, Default)]
pub struct Allowlist {
    rows: HashMap<String, HashMap<String, Row>>,
    gadgets: HashMap<String, HashMap<String, Gadget>>,
    operators: Arc<Operators>,
    stdlib: Vec<&'static str>,
    restoring: Vec<&'static str>,
    /// The packages that the built-in rows are of.
    packages: HashSet<String>,
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
        static BUILTIN: LazyLock<Allowlist> = LazyLock::new(|| {
            let mut list = Allowlist::default();
            for file in BUILTIN_FILES {
                // The tests read the same files; a program that starts has sound ones.
                if list.add(file).is_err() {
                    return Allowlist::default();
                }
            }
            list.stdlib = lines(STDLIB);
            list.restoring = lines(STDLIB_TYPES);
            list.packages = list
                .rows
                .keys()
                .map(|module| top(module).to_owned())
                .collect();
            list
        });
        &BUILTIN
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
        for own in file.operators {
            Arc::make_mut(&mut list.operators).add_own(own)?;
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
        self.rows.entry(module).or_default().insert(path, row);
        Ok(())
    }

    /// The same without the gadgets. Nothing may become clean by it; it is there to prove that.
    #[must_use]
    pub fn without_gadgets(&self) -> Self {
        let mut operators = Arc::clone(&self.operators);
        Arc::make_mut(&mut operators).forget_dangers();
        Self {
            rows: self.rows.clone(),
            gadgets: HashMap::new(),
            operators,
            stdlib: self.stdlib.clone(),
            restoring: self.restoring.clone(),
            packages: self.packages.clone(),
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
            let rows = list.rows.entry(module.to_owned()).or_default();
            rows.insert(name.to_owned(), row);
        }
        list
    }

    /// What is known of operators.
    pub(crate) fn operators(&self) -> &Operators {
        &self.operators
    }

    /// How many names are allowed.
    pub fn len(&self) -> usize {
        self.rows.values().map(HashMap::len).sum()
    }

    /// Whether nothing is allowed.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(crate) fn row(&self, module: &str, path: &str) -> Option<&Row> {
        self.rows.get(module)?.get(path)
    }

    /// Whether some name of exactly this module is allowed.
    pub(crate) fn has_module(&self, module: &str) -> bool {
        self.rows.contains_key(module)
    }

    /// The gadget that a name is, or that its whole module or a package around it is; the nearest
    /// tells most.
    pub(crate) fn gadget(&self, module: &str, path: &str) -> Option<&Gadget> {
        let shorter = |name: &str| name.rsplit_once('.').map(|(shorter, _)| shorter.to_owned());
        if let Some(gadgets) = self.gadgets.get(module) {
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
            let whole = self.gadgets.get(&name).and_then(|found| found.get("*"));
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
            let inside = self.gadgets.get(module)?;
            inside.iter().min_by_key(|(name, _)| *name).map(|row| row.1)
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

    /// Whether a module is of a package of which built-in rows say how its objects are restored.
    pub(crate) fn knows_package_of(&self, module: &str) -> bool {
        self.packages.contains(top(module))
    }

    fn add(&mut self, text: &str) -> Result<(), AllowlistError> {
        let file: File = toml::from_str(text)?;
        for row in file.allow {
            let (module, path, row) = row.judged()?;
            self.rows.entry(module).or_default().insert(path, row);
        }
        // Objects that are made empty and then get their dictionary.
        self.add_group(file.plain, |row| (row.new, row.build) = (true, true));
        // Tuples of their arguments.
        self.add_group(file.tuple, |row| {
            (row.new, row.arguments) = (true, Contract::anything());
        });
        // What is only referred to.
        self.add_group(file.named, |_| {});
        for gadget in file.gadget {
            self.gadgets.entry(gadget.module).or_default().insert(
                gadget.name,
                Gadget {
                    what: gadget.what,
                    references: gadget.references,
                },
            );
        }
        Arc::make_mut(&mut self.operators).add(OperatorRows {
            operators: file.operators,
            dangerous_operator: file.dangerous_operator,
            operator_class: file.operator_class,
        });
        Ok(())
    }
}

/// How an allowed name may be used.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) is_class: bool,
    pub(crate) reduce: bool,
    pub(crate) new: bool,
    pub(crate) instance: bool,
    pub(crate) build: bool,
    pub(crate) is_value: bool,
    pub(crate) arguments: Contract,
    /// Whether a call may be given one value that is no tuple.
    pub(crate) bare: bool,
    /// What the globals and the objects among the arguments may be, by their dotted names: for what
    /// constructs or calls what it is given.
    pub(crate) names: Option<Vec<String>>,
    /// What the strings among the arguments may be: for what looks something up by them.
    pub(crate) texts: Option<Texts>,
    /// How picklers put items into its objects, where they do.
    pub(crate) fill: Option<Fill>,
    /// Why the caller allows it, where it is not built in.
    pub(crate) reason: Option<Box<str>>,
}

/// How items are put into an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Fill {
    /// As into a dictionary.
    Key,
    /// As into a list.
    Order,
}

impl Allowlist {
    fn add_group(&mut self, groups: Vec<FileGroup>, allow: impl Fn(&mut Row)) {
        for group in groups {
            let module = self.rows.entry(group.module).or_default();
            for name in group.names {
                let mut row = Row::named(&group.kind);
                allow(&mut row);
                module.entry(name).or_insert(row);
            }
        }
    }
}

impl Row {
    /// Whether picklers put items into its objects in this way.
    pub(crate) fn is_filled(&self, how: Mutation) -> bool {
        match how {
            Mutation::SetItem => self.fill == Some(Fill::Key),
            Mutation::Append => self.fill == Some(Fill::Order),
            Mutation::Add => false,
        }
    }

    /// What may be referred to and no more; a class, unless `kind` says otherwise.
    fn named(kind: &str) -> Self {
        Self {
            is_class: matches!(kind, "class" | ""),
            reduce: false,
            new: false,
            instance: false,
            build: false,
            is_value: kind == "value",
            arguments: Contract {
                fixed: Vec::new(),
                rest: None,
            },
            bare: false,
            names: None,
            texts: None,
            fill: None,
            reason: None,
        }
    }
}

/// Texts that are allowed.
#[derive(Clone, Debug)]
pub(crate) struct Texts(Vec<String>);

impl Texts {
    /// Whether `text` is one of them, or of a form among them.
    pub(crate) fn allow(&self, text: &str) -> bool {
        self.0.iter().any(|allowed| match allowed.as_str() {
            "<zone>" => is_zone(text),
            "<range>" => is_range(text),
            allowed => allowed == text,
        })
    }
}

/// Whether a text names a time zone and, as a path, leads nowhere else.
fn is_zone(text: &str) -> bool {
    let sound = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '+');
    text.len() < 64
        && text
            .split('/')
            .all(|part| !part.is_empty() && part.chars().all(sound))
}

/// Whether a text is the call of `range` with numbers, as `repr` writes it.
fn is_range(text: &str) -> bool {
    let numbers = |inner: &str| {
        inner
            .split(", ")
            .all(|number| number.parse::<i64>().is_ok())
    };
    let inner = text
        .strip_prefix("range(")
        .and_then(|rest| rest.strip_suffix(')'));
    inner.is_some_and(numbers)
}

/// What a dangerous name does.
#[derive(Clone, Debug)]
pub(crate) struct Gadget {
    /// The predicate of a sentence: `runs a shell command`.
    pub(crate) what: String,
    pub(crate) references: Vec<String>,
}

/// The kinds of positional arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Contract {
    fixed: Vec<KindSet>,
    /// What any further arguments may be, where there may be some.
    rest: Option<KindSet>,
}

impl Contract {
    fn anything() -> Self {
        Self {
            fixed: Vec::new(),
            rest: Some(ANY),
        }
    }

    /// Whether arguments of these kinds keep the contract.
    pub(crate) fn allows(&self, arguments: &[Kind]) -> bool {
        if arguments.len() < self.fixed.len() {
            return false;
        }
        let (first, more) = arguments.split_at(self.fixed.len());
        let fits = |kind: &Kind, allowed: KindSet| KindSet::of(*kind).is_within(allowed);
        let first_fit = first
            .iter()
            .zip(&self.fixed)
            .all(|(kind, set)| fits(kind, *set));
        let rest = self.rest.unwrap_or_default();
        first_fit && more.iter().all(|kind| fits(kind, rest))
    }

    /// The same for arguments of which only the number and the kinds among them are known.
    pub(crate) fn allows_all(&self, count: u32, kinds: KindSet) -> bool {
        let fixed = u32::try_from(self.fixed.len()).unwrap_or(u32::MAX);
        let sets = self.fixed.iter().all(|set| kinds.is_within(*set));
        let rest = self.rest.unwrap_or_default();
        count >= fixed && sets && (count == fixed || kinds.is_within(rest))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    allow: Vec<FileRow>,
    #[serde(default)]
    plain: Vec<FileGroup>,
    #[serde(default)]
    tuple: Vec<FileGroup>,
    #[serde(default)]
    named: Vec<FileGroup>,
    #[serde(default)]
    gadget: Vec<FileGadget>,
    #[serde(default)]
    operators: Vec<NamespaceRow>,
    #[serde(default)]
    dangerous_operator: Vec<DangerousRow>,
    #[serde(default)]
    operator_class: Vec<ClassRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileRow {
    module: String,
    name: String,
    kind: String,
    #[serde(default)]
    call: Vec<String>,
    #[serde(default)]
    build: bool,
    args: Option<Vec<String>>,
    names: Option<Vec<String>>,
    texts: Option<Vec<String>>,
    fill: Option<Fill>,
    /// Where a real file was seen to need the row; for readers of the data.
    #[serde(rename = "evidence")]
    _evidence: String,
}

/// Names of one module that are allowed the same.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileGroup {
    module: String,
    #[serde(default)]
    kind: String,
    names: Vec<String>,
    #[serde(rename = "evidence")]
    _evidence: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileGadget {
    module: String,
    name: String,
    what: String,
    #[serde(default)]
    references: Vec<String>,
}

/// An overlay: nothing but rows of single names.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OverlayFile {
    #[serde(default)]
    allow: Vec<OverlayRow>,
    #[serde(default)]
    operators: Vec<OverlayOperators>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OverlayRow {
    module: String,
    name: String,
    kind: String,
    call: Vec<String>,
    #[serde(default)]
    build: bool,
    args: Option<Vec<String>>,
    names: Option<Vec<String>>,
    texts: Option<Vec<String>>,
    reason: String,
}

impl FileRow {
    fn judged(self) -> Result<(String, String, Row), AllowlistError> {
        let arguments = self.contract()?;
        let uses = |how: &str| self.call.iter().any(|call| call == how);
        let row = Row {
            is_class: self.kind == "class",
            reduce: uses("reduce"),
            new: uses("newobj"),
            instance: uses("inst"),
            build: self.build,
            is_value: self.kind == "value",
            arguments,
            bare: false,
            names: self.names,
            texts: self.texts.map(Texts),
            fill: self.fill,
            reason: None,
        };
        Ok((self.module, self.name, row))
    }

    fn contract(&self) -> Result<Contract, AllowlistError> {
        let Some(arguments) = &self.args else {
            return Ok(Contract::anything());
        };
        let mut contract = Contract {
            fixed: Vec::new(),
            rest: None,
        };
        for argument in arguments {
            let (kind, many) = match argument.strip_suffix('*') {
                Some(kind) => (kind, true),
                None => (argument.as_str(), false),
            };
            let mut set = KindSet::default();
            for alternative in kind.split('|') {
                let known = kinds(alternative).ok_or_else(|| AllowlistError::ArgumentKind {
                    module: self.module.clone(),
                    name: self.name.clone(),
                    kind: argument.clone(),
                })?;
                set = set.with(known);
            }
            if many {
                contract.rest = Some(set);
            } else {
                contract.fixed.push(set);
            }
        }
        Ok(contract)
    }
}

fn kinds(name: &str) -> Option<KindSet> {
    const INT: KindSet = KindSet::of(Kind::Int).with(KindSet::of(Kind::Bool));
    Some(match name {
        "any" => ANY,
        "none" => KindSet::of(Kind::None),
        "bool" => KindSet::of(Kind::Bool),
        "int" => INT,
        "float" => INT.with(KindSet::of(Kind::Float)),
        "str" => KindSet::of(Kind::Str),
        "bytes" => KindSet::of(Kind::Bytes)
            .with(KindSet::of(Kind::Buffer))
            .with(KindSet::of(Kind::Str)),
        "tuple" => KindSet::of(Kind::Tuple),
        "list" => KindSet::of(Kind::List),
        "dict" => KindSet::of(Kind::Dict),
        "set" => KindSet::of(Kind::Set).with(KindSet::of(Kind::FrozenSet)),
        "global" => KindSet::of(Kind::Global),
        "persid" => KindSet::of(Kind::Persistent),
        // Older versions of a library leave out what newer ones make an object of.
        "object" => KindSet::of(Kind::Object).with(KindSet::of(Kind::None)),
        _ => return None,
    })
}

/// The package that a module is in.
fn top(module: &str) -> &str {
    module.split('.').next().unwrap_or(module)
}

/// The lines of a list that are no comments, sorted.
fn lines(list: &'static str) -> Vec<&'static str> {
    let lines = list.lines().map(str::trim);
    let mut lines: Vec<_> = lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect();
    lines.sort_unstable();
    lines
}

/// How a stream may call what is allowed.
const MANNERS: &[&str] = &["reduce", "newobj", "inst"];
const ANY: KindSet = KindSet(u16::MAX);

const BUILTIN_FILES: &[&str] = &[
    include_str!("../../../../content/allowlists/python.toml"),
    include_str!("../../../../content/allowlists/numpy.toml"),
    include_str!("../../../../content/allowlists/scipy.toml"),
    include_str!("../../../../content/allowlists/sklearn.toml"),
    include_str!("../../../../content/allowlists/pandas.toml"),
    include_str!("../../../../content/allowlists/joblib.toml"),
    include_str!("../../../../content/allowlists/torch.toml"),
    include_str!("../../../../content/allowlists/torchscript.toml"),
    include_str!("../../../../content/allowlists/xgboost.toml"),
    include_str!("../../../../content/allowlists/lightgbm.toml"),
    include_str!("../../../../content/allowlists/catboost.toml"),
    include_str!("../../../../content/allowlists/transformers.toml"),
    include_str!("../../../../content/allowlists/accelerate.toml"),
    include_str!("../../../../content/allowlists/dill.toml"),
    include_str!("../../../../content/allowlists/gadgets.toml"),
];
const STDLIB: &str = include_str!("../../../../content/allowlists/stdlib.txt");
const STDLIB_TYPES: &str = include_str!("../../../../content/allowlists/stdlib-types.txt");

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> Allowlist {
        let mut list = Allowlist::default();
        list.add(text).expect("an allowlist");
        list
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
    fn the_built_in_files_are_sound() {
        for file in BUILTIN_FILES {
            Allowlist::default().add(file).expect("sound");
        }
        assert!(Allowlist::builtin().is_stdlib("os.path"));
        assert!(!Allowlist::builtin().is_stdlib("numpy"));
    }
}
