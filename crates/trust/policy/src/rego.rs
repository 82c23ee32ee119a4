//! Rego, evaluated by `regorus`.

mod asked;
mod value;

use std::{
    collections::{BTreeMap, BTreeSet},
    num::{NonZeroU32, NonZeroUsize},
    sync::{Arc, OnceLock},
    time::Duration,
};

use regorus::{
    LimitError,
    utils::limits::{ExecutionTimerConfig, PolicyLengthConfig},
};
use serde_json::Value;

pub(crate) use self::value::to_json;
use self::{
    asked::{Asked, SHARE, defined, union, whole},
    value::to_value,
};
use crate::{
    Engine, EngineError, Limits, Question,
    builtins::{self, Moment},
    engine::Message,
    fence,
    lead::{Leads, Place, Work},
    memory,
    rewrite::{self, Columns},
    source::{self, Dialect},
    syntax::{Definition, Index},
    until,
};

/// Modules and data, parsed and analysed once. Each evaluation works on a clone, which shares what no
/// evaluation changes.
pub(crate) struct Rego {
    strict: Arc<regorus::Engine>,
    /// Made when it is asked for: to say otherwise what becomes of builtins without an answer copies
    /// everything that was analysed.
    lenient: OnceLock<Arc<regorus::Engine>>,
    limits: Limits,
    index: Index,
    leads: Arc<Leads>,
    columns: Columns,
}

impl Rego {
    /// Loads `modules`, Rego v1 or v0 by their name, and `data`, each document to be merged into the
    /// root of `data`.
    pub(crate) fn load(
        modules: &[(&str, &str)],
        data: &[(&str, Value)],
        limits: Limits,
    ) -> Result<Self, EngineError> {
        let own = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
        let modules: Vec<(String, String)> = modules.iter().map(own).collect();
        let mut documents = Vec::with_capacity(data.len());
        for (name, document) in data {
            documents.push(((*name).to_owned(), to_value(name, document)?));
        }
        fence::run(PATIENCE_TO_LOAD, limits.memory, move || {
            let modules: Vec<(&str, &str)> = modules
                .iter()
                .map(|(name, text)| (name.as_str(), text.as_str()))
                .collect();
            let mut prototype = empty(limits)?;
            for (name, text) in &modules {
                source::check_size(name, text)?;
            }
            let modules = rewrite::modules(&modules, builtins::KNOWN);
            let columns = Columns::of(&modules);
            for module in &modules {
                let dialect = source::check(&module.name, &module.text)?;
                add_module(&mut prototype, &module.name, &module.text, dialect)
                    .map_err(|error| columns.place(error))?;
            }
            for (name, document) in documents {
                prototype.add_data(document).map_err(|error| {
                    let text = Message::of_diagnostic(&error.to_string());
                    EngineError::Data(Message::new(&format!("{name}: {text}")))
                })?;
            }
            let index = Index::new(prototype.get_modules())?;
            // Any query makes the engine analyse its modules, and clones keep the analysis.
            prototype
                .eval_query("true".to_owned(), false)
                .map_err(|error| EngineError::Parse(Message::of_diagnostic(&error.to_string())))
                .map_err(|error| columns.place(error))?;
            let leads = leads(&mut prototype);
            Ok(Self {
                strict: Arc::new(prototype),
                lenient: OnceLock::new(),
                limits,
                index,
                leads: Arc::new(leads),
                columns,
            })
        })
        .map_err(|error| match error {
            EngineError::Time => {
                let text = "the policy took more than two minutes to load";
                EngineError::Refuse(Message::new(text))
            }
            error => error,
        })
    }

    /// The same with one more document.
    pub(crate) fn with_data(&self, document: &Value) -> Result<Self, EngineError> {
        let document = to_value("data", document)?;
        let strict = Arc::clone(&self.strict);
        let (strict, leads) = fence::run(PATIENCE_TO_LOAD, self.limits.memory, move || {
            let mut engine = regorus::Engine::clone(&strict);
            engine
                .add_data(document)
                .map_err(|error| EngineError::Data(Message::of_diagnostic(&error.to_string())))?;
            engine
                .eval_query("true".to_owned(), false)
                .map_err(failed)?;
            let leads = leads(&mut engine);
            Ok((engine, leads))
        })?;
        Ok(Self {
            strict: Arc::new(strict),
            lenient: OnceLock::new(),
            limits: self.limits,
            index: self.index.clone(),
            leads: Arc::new(leads),
            columns: self.columns.clone(),
        })
    }

    /// The values that the variables of `query` can take, one row for each way to satisfy it.
    /// `strict` says whether a builtin that gives no answer is an error, or undefined.
    pub(crate) fn query(
        &self,
        query: &str,
        question: &Question<'_>,
        strict: bool,
    ) -> Result<Vec<BTreeMap<String, Value>>, EngineError> {
        let ask = self.ask(question, strict)?;
        let query = query.to_owned();
        let (patience, memory) = (self.patience(1), self.limits.memory);
        fence::run(patience, memory, move || {
            source::check_size("query", &query)?;
            let query = rewrite::query(&query, builtins::KNOWN);
            source::check("query", &query)?;
            let has_input = ask.input != regorus::Value::Null;
            let mut engine = ask.begin();
            if !has_input {
                engine.set_input(regorus::Value::Undefined);
            }
            let results = engine.eval_query(query, false).map_err(failed)?.result;
            // What the library kept to itself.
            if let Some(refusal) = builtins::take_refusal() {
                return Err(EngineError::Evaluate(refusal));
            }
            let is_met = |row: &regorus::QueryResult| {
                let unmet = [regorus::Value::Bool(false), regorus::Value::Undefined];
                let has_bindings = row.bindings.as_object().is_ok_and(|o| !o.is_empty());
                has_bindings || row.expressions.iter().all(|e| !unmet.contains(&e.value))
            };
            let row = |row: regorus::QueryResult| {
                serde_json::from_value(to_json(&row.bindings)?.unwrap_or_default()).map_err(failed)
            };
            results.into_iter().filter(is_met).map(row).collect()
        })
        .map_err(|error| self.columns.place(error))
    }

    pub(crate) fn index(&self) -> &Index {
        &self.index
    }

    /// What the one definition makes of the question, apart from all others of the same rule.
    pub(crate) fn eval_definition(
        &self,
        definition: &Definition,
        question: &Question<'_>,
    ) -> Result<Option<Value>, EngineError> {
        let ask = self.ask(question, true)?;
        let definition = definition.clone();
        let (patience, memory) = (self.patience(1), self.limits.memory);
        fence::run(patience, memory, move || {
            let mut engine = ask.begin();
            let place = Place {
                module: definition.module,
                rule: definition.rule,
            };
            to_json(&defined(&mut engine, place, definition.name.split('.'))?)
        })
        .map_err(|error| self.columns.place(error))
    }

    /// Evaluates `rule` and says which lines of which file that took.
    pub(crate) fn eval_covered(&self, rule: &str, question: &Question<'_>) -> Evaluated {
        let rule = rule.to_owned();
        let (patience, memory) = (self.patience(1), self.limits.memory);
        let outcome = self.ask(question, true).and_then(|ask| {
            fence::run(patience, memory, move || {
                let mut engine = ask.begin();
                engine.set_enable_coverage(true);
                let value = engine
                    .eval_rule(rule)
                    .map_err(failed)
                    .and_then(|v| to_json(&v));
                let mut lines = BTreeMap::new();
                if let Ok(report) = engine.get_coverage_report() {
                    for file in report.files {
                        let covered: &mut BTreeSet<u32> = lines.entry(file.path).or_default();
                        covered.extend(file.covered);
                    }
                }
                let said = (prints(&mut engine), builtins::take_cases());
                Ok((value, lines, said))
            })
        });
        match outcome {
            Ok((value, lines, (prints, cases))) => Evaluated {
                value: value.map_err(|error| self.columns.place(error)),
                lines,
                prints,
                cases,
            },
            Err(error) => Evaluated {
                value: Err(error),
                lines: BTreeMap::new(),
                prints: Vec::new(),
                cases: Vec::new(),
            },
        }
    }

    /// The library looks at its clock between steps; the last one it began may take this much longer. A rule may be asked as a whole
    /// after its definitions were.
    fn patience(&self, rules: usize) -> Duration {
        let rules = u32::try_from(rules).unwrap_or(u32::MAX);
        let time = self.limits.time.saturating_add(self.limits.time / SHARE);
        time.saturating_mul(rules).saturating_add(LAST_STEP)
    }

    /// How many definitions of `rule` the library would be asked for, and how many there are with something that they ask first.
    #[cfg(test)]
    pub(crate) fn left(&self, rule: &str, question: &Question<'_>) -> (usize, usize) {
        let input = to_value("input", question.input).expect("an input");
        self.leads.count(rule, &input)
    }

    /// Whether the library would be asked for `rule` as a whole.
    #[cfg(test)]
    pub(crate) fn is_asked_whole(&self, rule: &str, question: &Question<'_>) -> bool {
        let input = to_value("input", question.input).expect("an input");
        let work = Work::within(self.limits.time);
        self.leads.left(rule, &input, &work) == crate::lead::Left::Whole
    }

    /// What those definitions of `rule` give that are left, asked one at a time, unless a rule that may take `time` is to be asked as
    /// a whole then.
    #[cfg(test)]
    pub(crate) fn union_within(
        &self,
        rule: &str,
        question: &Question<'_>,
        time: Duration,
    ) -> Result<Option<Value>, EngineError> {
        let ask = self.ask(question, true)?;
        let work = Work::within(self.limits.time);
        let crate::lead::Left::Definitions(places) = self.leads.left(rule, &ask.input, &work)
        else {
            return Ok(None);
        };
        match union(&mut ask.begin(), rule, &places, time)? {
            Some(all) => to_json(&all),
            None => Ok(None),
        }
    }

    /// From here on, the library is asked for everything.
    #[cfg(test)]
    pub(crate) fn without_leads(&mut self) {
        self.leads = Arc::default();
    }

    fn ask(&self, question: &Question<'_>, strict: bool) -> Result<Ask, EngineError> {
        let prototype = if strict {
            &self.strict
        } else {
            self.lenient.get_or_init(|| {
                let mut engine = regorus::Engine::clone(&self.strict);
                engine.set_strict_builtin_errors(false);
                Arc::new(engine)
            })
        };
        Ok(Ask {
            prototype: Arc::clone(prototype),
            input: to_value("input", question.input)?,
            moment: Moment::new(question.now, strict),
            time: self.limits.time,
        })
    }
}

/// A question, as it is put on another thread.
struct Ask {
    prototype: Arc<regorus::Engine>,
    input: regorus::Value,
    moment: Moment,
    time: Duration,
}

impl Ask {
    /// An engine that nothing was evaluated on, for the thread that this is called on.
    fn begin(self) -> regorus::Engine {
        self.moment.begin();
        let mut engine = regorus::Engine::clone(&self.prototype);
        engine.set_input(self.input);
        limit(&mut engine, self.time);
        engine
    }
}

impl Engine for Rego {
    fn eval(
        &self,
        rules: &[&str],
        question: &Question<'_>,
    ) -> Result<Vec<Option<Value>>, EngineError> {
        let ask = self.ask(question, true)?;
        let work = Work::within(self.limits.time);
        let asked: Vec<Asked> = rules
            .iter()
            .map(|rule| match self.index.has(rule) {
                true => Asked::of(rule, self.leads.left(rule, &ask.input, &work)),
                false => Asked::Nothing(None),
            })
            .collect();
        if let Some(values) = asked.iter().map(Asked::known).collect() {
            return Ok(values);
        }
        let (patience, memory) = (self.patience(rules.len()), self.limits.memory);
        let time = self.limits.time;
        fence::run(patience, memory, move || {
            let mut engine = ask.begin();
            let mut values = Vec::with_capacity(asked.len());
            for asked in asked {
                values.push(match asked {
                    Asked::Whole(rule) => whole(&mut engine, rule, time)?,
                    Asked::Definitions(rule, places) => {
                        match union(&mut engine, &rule, &places, time)? {
                            Some(all) => to_json(&all)?,
                            None => whole(&mut engine, rule, time)?,
                        }
                    }
                    Asked::Nothing(value) => value,
                });
            }
            Ok(values)
        })
        .map_err(|error| self.columns.place(error))
    }
}

fn leads(engine: &mut regorus::Engine) -> Leads {
    let data = engine.get_data();
    Leads::of(engine.get_modules(), &data)
}

/// What came of one evaluation, and what it touched.
pub(crate) struct Evaluated {
    pub(crate) value: Result<Option<Value>, EngineError>,
    pub(crate) lines: BTreeMap<String, BTreeSet<u32>>,
    pub(crate) prints: Vec<String>,
    /// The cases of a test that said their names.
    pub(crate) cases: Vec<Vec<String>>,
}

pub(crate) fn empty(limits: Limits) -> Result<regorus::Engine, EngineError> {
    let mut engine = regorus::Engine::new();
    limit(&mut engine, limits.time);
    engine.set_policy_length_config(LENGTHS);
    // Otherwise `print` writes to standard error.
    engine.set_gather_prints(true);
    engine.set_strict_builtin_errors(true);
    builtins::install(&mut engine)?;
    Ok(engine)
}

/// From here on, each evaluation of `engine` may take `time`, or what is left until whoever asks has to know.
pub(crate) fn limit(engine: &mut regorus::Engine, time: Duration) {
    engine.set_execution_timer_config(ExecutionTimerConfig {
        limit: until::left(time),
        check_interval: CHECK_INTERVAL,
    });
}

/// Reads `text` as Rego v1 and, where it is none, as v0: the policies that conftest and Gatekeeper
/// users have are of both kinds.
fn add_module(
    engine: &mut regorus::Engine,
    name: &str,
    text: &str,
    dialect: Dialect,
) -> Result<(), EngineError> {
    let Err(error) = engine.add_policy(name.to_owned(), text.to_owned()) else {
        return Ok(());
    };
    // As v0, the library would complain about each keyword on standard error.
    if dialect == Dialect::V1 {
        return Err(EngineError::Parse(Message::of_diagnostic(
            &error.to_string(),
        )));
    }
    engine.set_rego_v0(true);
    let older = engine.add_policy(name.to_owned(), text.to_owned());
    engine.set_rego_v0(false);
    older
        .map(drop)
        .map_err(|_| EngineError::Parse(Message::of_diagnostic(&error.to_string())))
}

fn module_path(engine: &regorus::Engine, module: usize) -> Result<Vec<String>, EngineError> {
    let packages = engine.get_policy_package_components().map_err(failed)?;
    Ok(packages
        .into_iter()
        .nth(module)
        .map(|package| package.components)
        .unwrap_or_default())
}

/// What an error of the library is. Its text can have values of an input in it, and does not decide that.
pub(crate) fn failed(error: impl Into<anyhow::Error>) -> EngineError {
    let error = error.into();
    let is_late = error.chain().any(|cause| {
        let limit = cause.downcast_ref::<LimitError>();
        matches!(limit, Some(LimitError::TimeLimitExceeded { .. }))
    });
    if is_late {
        return EngineError::Time;
    }
    if memory::is_exceeded(&error) {
        return EngineError::Memory;
    }
    EngineError::Evaluate(Message::of_diagnostic(&error.to_string()))
}

fn prints(engine: &mut regorus::Engine) -> Vec<String> {
    let prints = engine.take_prints().unwrap_or_default();
    prints
        .iter()
        .take(MAX_PRINTS)
        .map(|line| Message::new(line).to_string())
        .collect()
}

/// In work units of the evaluator, some 100 ns each.
const CHECK_INTERVAL: NonZeroU32 = NonZeroU32::new(256).expect("not zero");

/// Generated policies have long lines; depth is bounded by [`source`], not by width.
const LENGTHS: PolicyLengthConfig = PolicyLengthConfig {
    max_col: NonZeroU32::new(1 << 16).expect("not zero"),
    max_file_bytes: NonZeroUsize::new(source::MAX_BYTES).expect("not zero"),
    max_lines: NonZeroUsize::new(20_000).expect("not zero"),
};

pub(crate) const LAST_STEP: Duration = Duration::from_secs(5);

pub(crate) const PATIENCE_TO_LOAD: Duration = Duration::from_secs(120);

const MAX_PRINTS: usize = 1_000;
