//! The functions of a template: Go's own, Helm's and those of Sprig.
//!
//! To add one, add it to the table of a family. A function that gets something unknown has an unknown
//! result, unless its table says that it passes it on.

mod builtin;
mod dicts;
mod encode;
mod lists;
mod logic;
mod numbers;
mod objects;
mod regexes;
mod strings;
mod toml;
mod unknown;
mod versions;
mod yaml;

pub(super) use dicts::copied;
pub(super) use objects::{KUBERNETES, items, method};
pub(super) use strings::without;
pub(super) use versions::{Constraint, Version};
pub(super) use yaml::of_node;

use std::{collections::HashMap, sync::LazyLock};

use super::template::{Data, Engine, Fail, Text, Value};

/// A function of a template.
pub(crate) struct Function {
    /// What templates call it.
    pub(crate) name: &'static str,
    /// How many arguments it takes.
    least: usize,
    most: usize,
    call: Call,
    /// Whether it knows what to do with arguments that are not known.
    passes: bool,
}

type Call = fn(&mut Engine, &[Value]) -> Result<Value, Fail>;

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// A function with as many arguments as `least..=most`.
const fn of(name: &'static str, least: usize, most: usize, call: Call) -> Function {
    Function {
        name,
        least,
        most,
        call,
        passes: false,
    }
}

/// One that passes on what is not known.
const fn passes(name: &'static str, least: usize, most: usize, call: Call) -> Function {
    Function {
        name,
        least,
        most,
        call,
        passes: true,
    }
}

const MANY: usize = usize::MAX;

/// The function that templates call `name`.
pub(super) fn find(name: &str) -> Option<&'static Function> {
    static BY_NAME: LazyLock<HashMap<&'static str, &'static Function>> = LazyLock::new(|| {
        let all = FAMILIES.iter().flat_map(|family| family.iter());
        all.map(|function| (function.name, function)).collect()
    });
    BY_NAME.get(name).copied()
}

/// Later ones have the names of earlier ones, as Sprig's `slice` has Go's.
const FAMILIES: &[&[Function]] = &[
    builtin::FUNCTIONS,
    strings::FUNCTIONS,
    numbers::FUNCTIONS,
    lists::FUNCTIONS,
    dicts::FUNCTIONS,
    logic::FUNCTIONS,
    encode::FUNCTIONS,
    yaml::FUNCTIONS,
    toml::FUNCTIONS,
    regexes::FUNCTIONS,
    versions::FUNCTIONS,
    unknown::FUNCTIONS,
];

/// What `function` makes of its arguments. What comes from a value leads back to it.
pub(super) fn call(
    engine: &mut Engine,
    function: &Function,
    arguments: &[Value],
) -> Result<Value, Fail> {
    engine.work(1)?;
    if arguments.len() < function.least || arguments.len() > function.most {
        let (name, number) = (function.name, arguments.len());
        return Err(format!("{name} does not take {number} arguments").into());
    }
    let source = || arguments.iter().find_map(Value::source);
    if !function.passes
        && let Some((argument, why)) = doubtful(arguments)
    {
        let why = argument
            .as_str()
            .and_then(|text| engine.doubt_in(text))
            .unwrap_or(why);
        return Ok(Value::new(Data::Unknown(why)).from(source().as_ref()));
    }
    let result = (function.call)(engine, arguments);
    let result = result.map_err(|fail| Fail {
        message: match fail.is_final {
            true => fail.message,
            false => format!("{}: {}", function.name, fail.message),
        },
        ..fail
    })?;
    // A collection holds values with places of their own, and is no value of the chart itself.
    let is_scalar = !matches!(result.data, Data::List(_) | Data::Map(_) | Data::Nil);
    let is_placed = matches!(&result.data, Data::Text(text) if text.value().is_some());
    Ok(match is_scalar && !is_placed && result.origin.is_none() {
        true => result.from(source().as_ref()),
        false => result,
    })
}

fn doubtful(arguments: &[Value]) -> Option<(&Value, std::rc::Rc<str>)> {
    arguments
        .iter()
        .find_map(|value| Some((value, value.doubt()?)))
}

/// The text of an argument that must be one.
fn text(value: &Value) -> Result<&str, Fail> {
    value.as_str().ok_or_else(|| wrong("text", value))
}

/// The text of an argument, with its places.
fn placed(value: &Value) -> Result<&Text, Fail> {
    match &value.data {
        Data::Text(text) => Ok(text),
        _ => Err(wrong("text", value)),
    }
}

/// The number of an argument that must be an `int`. The engine of Go would not take a `float64`; who
/// is mistaken there does not get a chart.
fn int(value: &Value) -> Result<i64, Fail> {
    match &value.data {
        Data::Int(value) | Data::Int64(value) => Ok(*value),
        _ => Err(wrong("a whole number", value)),
    }
}

fn list(value: &Value) -> Result<&[Value], Fail> {
    value.as_list().ok_or_else(|| wrong("a list", value))
}

fn map(value: &Value) -> Result<&std::rc::Rc<super::template::Map>, Fail> {
    value.as_map().ok_or_else(|| wrong("a map", value))
}

fn wrong(expected: &str, value: &Value) -> Fail {
    format!("{} where {expected} belongs", value.type_name()).into()
}

/// The text of any value, as Sprig's `toString` has it.
fn string(engine: &mut Engine, value: &Value) -> Result<String, Fail> {
    super::template::go_value(engine, value, 0)
}

const fn truth(value: bool) -> Value {
    Value {
        data: Data::Bool(value),
        ..Value::NIL
    }
}
