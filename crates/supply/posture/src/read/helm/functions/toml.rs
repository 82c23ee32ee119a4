//! TOML, both ways.

use std::rc::Rc;

use super::{Function, of, text, yaml::json_text};
use crate::read::helm::template::{Data, Engine, Fail, Map, Value, float};

pub(super) const FUNCTIONS: &[Function] = &[
    of("toToml", 1, 1, to_toml),
    of("mustToToml", 1, 1, to_toml),
    of("fromToml", 1, 1, from_toml),
];

fn to_toml(engine: &mut Engine, values: &[Value]) -> Result<Value, Fail> {
    let mut out = String::new();
    let map = super::map(&values[0])?;
    match write_table(engine, &mut out, map, "", 0)? {
        true => engine.text(out),
        false => Ok(Value::unknown("it has what is not written as TOML here")),
    }
}

/// Writes what is no table first, then the tables, each with its way from the top. Gives whether it
/// could.
fn write_table(
    engine: &mut Engine,
    out: &mut String,
    map: &Rc<Map>,
    way: &str,
    depth: usize,
) -> Result<bool, Fail> {
    if depth > MAX_DEPTH {
        return Err("a value is nested too deep to be written".into());
    }
    let indent = "  ".repeat(depth);
    let entries = map.entries();
    for (key, value) in entries.iter().filter(|(_, value)| value.as_map().is_none()) {
        if matches!(value.data, Data::Nil) {
            continue;
        }
        let Some(text) = inline(engine, value, 0)? else {
            return Ok(false);
        };
        out.push_str(&format!("{indent}{} = {text}\n", name(key)));
        engine.write(text.len())?;
    }
    for (key, value) in &entries {
        let Some(map) = value.as_map() else {
            continue;
        };
        let way = match way {
            "" => name(key),
            way => format!("{way}.{}", name(key)),
        };
        if !out.is_empty() {
            out.push('\n');
        }
        out.push_str(&format!("{}[{way}]\n", "  ".repeat(depth)));
        engine.write(way.len())?;
        if !write_table(engine, out, map, &way, depth + 1)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn name(key: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    match !key.is_empty() && key.chars().all(is_bare) {
        true => key.to_owned(),
        false => json_text(key, false),
    }
}

fn inline(engine: &mut Engine, value: &Value, depth: usize) -> Result<Option<String>, Fail> {
    engine.work(1)?;
    Ok(match &value.data {
        Data::Bool(value) => Some(value.to_string()),
        Data::Int(value) | Data::Int64(value) => Some(value.to_string()),
        Data::Float(value) => {
            let text = float(*value, 'f', None);
            Some(if text.contains('.') {
                text
            } else {
                text + ".0"
            })
        }
        Data::Text(text) => Some(json_text(text.as_str(), false)),
        Data::List(list) if depth < MAX_DEPTH => {
            let mut parts = Vec::new();
            for item in &list.items {
                let Some(part) = inline(engine, item, depth + 1)? else {
                    return Ok(None);
                };
                parts.push(part);
            }
            Some(format!("[{}]", parts.join(", ")))
        }
        _ => None,
    })
}

fn from_toml(engine: &mut Engine, values: &[Value]) -> Result<Value, Fail> {
    let text = text(&values[0])?;
    engine.write(text.len())?;
    match text.parse::<toml::Table>() {
        Ok(table) => of_toml(engine, &toml::Value::Table(table), 0),
        Err(error) => {
            let message = Value::text(error.message());
            engine.map_of([("Error".into(), message)])
        }
    }
}

fn of_toml(engine: &mut Engine, value: &toml::Value, depth: usize) -> Result<Value, Fail> {
    if depth > MAX_DEPTH {
        return Err("a value is nested too deep".into());
    }
    Ok(match value {
        toml::Value::String(text) => Value::text(text.as_str()),
        toml::Value::Integer(value) => Value::new(Data::Int64(*value)),
        toml::Value::Float(value) => Value::new(Data::Float(*value)),
        toml::Value::Boolean(value) => super::truth(*value),
        toml::Value::Datetime(_) => Value::unknown("it is a time that is not worked out here"),
        toml::Value::Array(items) => {
            let mut values = Vec::new();
            for item in items {
                values.push(of_toml(engine, item, depth + 1)?);
            }
            engine.list(values)?
        }
        toml::Value::Table(table) => {
            let mut entries = Vec::new();
            for (key, value) in table {
                entries.push((key.as_str().into(), of_toml(engine, value, depth + 1)?));
            }
            engine.map_of(entries)?
        }
    })
}

const MAX_DEPTH: usize = 50;
