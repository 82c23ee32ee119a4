//! The Rego of one template, loaded, and evaluated for one constraint after another.
//!
//! Each template has an engine of its own: nothing that one defines is seen by another, whatever
//! their packages are called. As in Gatekeeper its own module becomes package `template`, its
//! libraries are packages below `lib`, and of `data` it may name `data.lib` and `data.inventory`.

use std::{ops::Range, time::Duration};

use casemate_core::Timestamp;
use serde_json::Value;

use crate::{
    EngineError, Limits,
    builtins::{self, Moment},
    engine::Message,
    fence,
    rego::{empty, failed, limit, to_json},
    rewrite::{self, Columns, Kind, Known, Module, Token, tokens},
    source,
    syntax::Index,
};

/// Which Rego the modules of a template are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    V0,
    V1,
}

/// A template's modules, loaded and analysed once.
pub(crate) struct Program {
    prototype: regorus::Engine,
    columns: Columns,
    inventory: Way,
    time: Duration,
}

/// How the inventory comes to a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// It never asks for it.
    None,
    /// As `input.existing`, which costs nothing.
    Input,
    /// As `data.inventory`: the template looks at all of its input, or replaces it. The library
    /// analyses its modules anew for each question then.
    Data,
}

/// What a template says of one object under one constraint.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reason {
    pub(crate) message: String,
    pub(crate) details: Option<Value>,
}

impl Program {
    /// Loads the module `entry` and `libs`, which are called `rego`, `libs[0]`, `libs[1]` and so on
    /// in errors. Has to run behind the fence.
    pub(crate) fn load(
        version: Version,
        entry: &str,
        libs: &[String],
        limits: Limits,
    ) -> Result<Self, EngineError> {
        let mut sources = vec![("rego".to_owned(), entry)];
        let libs = libs.iter().enumerate();
        sources.extend(libs.map(|(at, text)| (format!("libs[{at}]"), text.as_str())));
        let mut checked = Vec::new();
        for (at, (name, text)) in sources.iter().enumerate() {
            source::check_size(name, text)?;
            let role = if at == 0 { Role::Entry } else { Role::Library };
            checked.push(Checked::of(name, text, role, version)?);
        }
        let inventory = if checked.iter().all(|it| it.inventories.is_empty()) {
            Way::None
        } else if checked.iter().any(|it| it.takes_input_apart) {
            Way::Data
        } else {
            Way::Input
        };
        let texts: Vec<String> = checked.iter().map(|it| it.text(inventory)).collect();
        let named: Vec<(&str, &str)> = sources
            .iter()
            .zip(&texts)
            .map(|((name, _), text)| (name.as_str(), text.as_str()))
            .collect();
        let modules = rewrite::modules(&named, KNOWN);
        let columns = Columns::of(&modules);
        let prototype = prepare(&modules, version, limits).map_err(|error| columns.place(error))?;
        Ok(Self {
            prototype,
            columns,
            inventory,
            time: limits.time,
        })
    }

    /// An engine for one review, which nothing was evaluated on. Has to run behind the fence.
    pub(crate) fn start(
        &self,
        inventory: &regorus::Value,
        now: Timestamp,
    ) -> Result<Run<'_>, EngineError> {
        Moment::new(now, false).begin();
        let mut engine = self.prototype.clone();
        if self.inventory == Way::Data {
            let mut data = regorus::Value::new_object();
            put(&mut data, "inventory", inventory.clone())?;
            engine.add_data(data).map_err(failed)?;
        }
        Ok(Run {
            engine,
            program: self,
        })
    }
}

/// A template at work on one review.
pub(crate) struct Run<'a> {
    engine: regorus::Engine,
    program: &'a Program,
}

impl Run<'_> {
    /// What the template has against `review` under `parameters`.
    pub(crate) fn ask(
        &mut self,
        review: &regorus::Value,
        parameters: &regorus::Value,
        inventory: &regorus::Value,
    ) -> Result<Vec<Reason>, EngineError> {
        let mut input = regorus::Value::new_object();
        put(&mut input, "review", review.clone())?;
        put(&mut input, "parameters", parameters.clone())?;
        if self.program.inventory == Way::Input {
            put(&mut input, EXISTING, inventory.clone())?;
        }
        self.engine.set_input(input);
        limit(&mut self.engine, self.program.time);
        // Every evaluation begins with what the modules and the data say, and with nothing else.
        let value = self.engine.eval_rule(ENTRY.to_owned()).map_err(failed);
        let value = match (value, builtins::take_refusal()) {
            // What the library kept to itself.
            (Ok(_), Some(refusal)) => Err(EngineError::Evaluate(refusal)),
            (value, _) => value.and_then(|value| to_json(&value)),
        };
        match value.map_err(|error| self.program.columns.place(error))? {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => items.into_iter().map(reason).collect(),
            Some(_) => Err(no_reason()),
        }
    }
}

/// Gatekeeper leaves out what has no `msg`; here it is an error, and an error denies.
fn reason(item: Value) -> Result<Reason, EngineError> {
    let Value::Object(mut fields) = item else {
        return Err(no_reason());
    };
    let Some(Value::String(message)) = fields.remove("msg") else {
        return Err(no_reason());
    };
    let is_empty = |details: &Value| details.as_object().is_some_and(serde_json::Map::is_empty);
    Ok(Reason {
        message: Message::new(&message).to_string(),
        details: fields
            .remove("details")
            .filter(|details| !is_empty(details)),
    })
}

fn no_reason() -> EngineError {
    let text = "`violation` gives something else than objects with a text as `msg`";
    EngineError::Evaluate(Message::new(text))
}

fn prepare(
    modules: &[Module],
    version: Version,
    limits: Limits,
) -> Result<regorus::Engine, EngineError> {
    let mut engine = empty(limits)?;
    // As in Gatekeeper: what a builtin has no answer for is undefined, and templates that are in use
    // count on it.
    engine.set_strict_builtin_errors(false);
    if version == Version::V0 {
        builtins::install_deprecated(&mut engine)?;
    }
    let refuse = |_| Err(std::io::Error::other("`external_data` asks a provider").into());
    engine
        .add_extension(EXTERNAL.to_owned(), 1, Box::new(refuse))
        .map_err(failed)?;
    for module in modules {
        source::check(&module.name, &module.text)?;
        // What we generate is version 1.
        let is_v0 = version == Version::V0 && !Module::is_generated(&module.name);
        engine.set_rego_v0(is_v0);
        let parsed = engine.add_policy(module.name.clone(), module.text.clone());
        parsed.map_err(|error| EngineError::Parse(Message::of_diagnostic(&error.to_string())))?;
    }
    engine.set_rego_v0(false);
    let index = Index::new(engine.get_modules())?;
    if !index.has(ENTRY) {
        let text = "rego:1: there is no rule `violation`";
        return Err(EngineError::Parse(Message::new(text)));
    }
    // Any query makes the engine analyse its modules, and clones keep the analysis.
    engine
        .eval_query("true".to_owned(), false)
        .map_err(|error| EngineError::Parse(Message::of_diagnostic(&error.to_string())))?;
    Ok(engine)
}

/// A module that names nothing that it may not name, and what has to be changed in it.
struct Checked<'a> {
    source: &'a str,
    package: Option<Range<usize>>,
    /// Every `data.inventory` and `data["inventory"]`.
    inventories: Vec<Range<usize>>,
    /// Whether it names its input as a whole, or replaces it.
    takes_input_apart: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Entry,
    Library,
}

impl<'a> Checked<'a> {
    fn of(name: &str, source: &'a str, role: Role, version: Version) -> Result<Self, EngineError> {
        let words = Words {
            source,
            tokens: tokens(source),
        };
        let mut checked = Self {
            source,
            package: None,
            inventories: Vec::new(),
            takes_input_apart: false,
        };
        let imports_keywords =
            (0..words.tokens.len()).any(|at| words.is(at, "import") && words.is(at + 1, "future"));
        for at in 0..words.tokens.len() {
            let refuse = |what: &str| {
                let text = format!("{name}:{}: {what}", words.tokens[at].line);
                Err(EngineError::Refuse(Message::new(&text)))
            };
            if words.is_field(at) {
                continue;
            }
            match words.text(at) {
                _ if words.tokens[at].kind != Kind::Word => {}
                "package" if checked.package.is_none() => {
                    let end = words.end_of_path(at + 1);
                    let (first, last) = (&words.tokens.get(at + 1), words.tokens.get(end - 1));
                    let (Some(first), Some(last)) = (first, last) else {
                        return refuse("the package has no name");
                    };
                    checked.package = Some(first.range.start..last.range.end);
                    let is_library = words.is(at + 1, "lib") && end > at + 2;
                    if role == Role::Library && !is_library {
                        return refuse("the package of a library begins with `lib.`");
                    }
                }
                "import" if !words.imports_what_it_may(at + 1) => {
                    return refuse("only `data.lib` and `future` can be imported");
                }
                "data" => match words.child(at) {
                    Some("lib") => {}
                    Some("inventory") => {
                        let end = words.tokens[words.end_of_child(at) - 1].range.end;
                        checked.inventories.push(words.tokens[at].range.start..end);
                    }
                    _ => {
                        return refuse(
                            "of `data`, only `data.lib` and `data.inventory` can be named",
                        );
                    }
                },
                "input" => {
                    let is_replaced = at > 0 && words.is(at - 1, "with");
                    checked.takes_input_apart |= is_replaced || words.child(at).is_none();
                }
                "if" | "in" | "every"
                    if version == Version::V0 && !imports_keywords && words.is_keyword(at) =>
                {
                    return refuse(
                        "Rego v0 has this keyword only where `future.keywords` is imported",
                    );
                }
                _ => {}
            }
        }
        if checked.package.is_none() {
            let text = format!("{name}:1: there is no package");
            return Err(EngineError::Parse(Message::new(&text)));
        }
        if role == Role::Library {
            checked.package = None;
        }
        Ok(checked)
    }

    /// The module as it is loaded. Lines stay, and so do columns but for the package's.
    fn text(&self, way: Way) -> String {
        let mut edits: Vec<(Range<usize>, &str)> = Vec::new();
        edits.extend(self.package.clone().map(|range| (range, "template")));
        if way == Way::Input {
            for range in &self.inventories {
                // Both are as long as what they stand for.
                let word = match &self.source[range.clone()] {
                    "data.inventory" => "input.existing",
                    _ => "input[\"existing\"]",
                };
                edits.push((range.clone(), word));
            }
        }
        edits.sort_by_key(|(range, _)| range.start);
        let (mut text, mut at) = (String::new(), 0);
        for (range, word) in edits {
            text.push_str(&self.source[at..range.start]);
            text.push_str(word);
            at = range.end;
        }
        text.push_str(&self.source[at..]);
        text
    }
}

struct Words<'a> {
    source: &'a str,
    tokens: Vec<Token>,
}

impl<'a> Words<'a> {
    fn text(&self, at: usize) -> &'a str {
        let range = self.tokens.get(at).map(|token| token.range.clone());
        range.and_then(|range| self.source.get(range)).unwrap_or("")
    }

    fn is(&self, at: usize, text: &str) -> bool {
        self.tokens.get(at).is_some_and(|token| {
            matches!(token.kind, Kind::Word | Kind::Symbol) && self.text(at) == text
        })
    }

    /// Whether a word is a field of what stands before it.
    fn is_field(&self, at: usize) -> bool {
        at > 0 && self.is(at - 1, ".")
    }

    /// The name of the field of `at` that is named behind it.
    fn child(&self, at: usize) -> Option<&'a str> {
        if self.is(at + 1, ".") && self.tokens.get(at + 2)?.kind == Kind::Word {
            return Some(self.text(at + 2));
        }
        let quoted = self.is(at + 1, "[")
            && self.tokens.get(at + 2)?.kind == Kind::String
            && self.is(at + 3, "]");
        quoted.then(|| self.text(at + 2).trim_matches('"'))
    }

    /// The token behind that name.
    fn end_of_child(&self, at: usize) -> usize {
        let width = if self.is(at + 1, ".") { 3 } else { 4 };
        (at + width).min(self.tokens.len())
    }

    /// The token behind a path that begins at `at`.
    fn end_of_path(&self, at: usize) -> usize {
        let mut end = at + 1;
        while self.child(end - 1).is_some() {
            end = self.end_of_child(end - 1);
        }
        end
    }

    fn imports_what_it_may(&self, at: usize) -> bool {
        match self.text(at) {
            "data" => self.child(at) == Some("lib"),
            "future" => true,
            // Gatekeeper refuses it; it changes nothing that version 1 does not say already.
            "rego" => self.child(at) == Some("v1"),
            _ => false,
        }
    }

    /// Whether a word that may be a keyword is used as one: it names no variable and is not called.
    fn is_keyword(&self, at: usize) -> bool {
        let is_name = [":", ":=", "=", "(", ".", "["]
            .iter()
            .any(|next| self.is(at + 1, next));
        !is_name
    }
}

fn put(object: &mut regorus::Value, name: &str, value: regorus::Value) -> Result<(), EngineError> {
    let fields = object.as_object_mut().map_err(failed)?;
    fields.insert(name.into(), value);
    Ok(())
}

/// Runs what has to run behind the fence, and makes a panic in it an error of its own.
pub(crate) fn fenced<T>(work: impl FnOnce() -> Result<T, EngineError>) -> Result<T, EngineError> {
    debug_assert!(fence::is_fenced(), "the stack is not what was promised");
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work))
        .unwrap_or_else(|payload| Err(EngineError::Panic(Message::of_panic(&*payload))))
}

const ENTRY: &str = "data.template.violation";

const EXISTING: &str = "existing";

const EXTERNAL: &str = "external_data";

const KNOWN: Known = Known {
    ours: |name| {
        if name == EXTERNAL {
            return Some(1);
        }
        (builtins::KNOWN.ours)(name)
    },
    theirs: builtins::KNOWN.theirs,
};
