//! YAML and JSON, both ways. Each part of what is written leads back to the value that it is of.

use std::{fmt::Write as _, rc::Rc};

use casemate_document::{
    Limits, Node, Span, Value as Written,
    yaml::{self, Dialect, style},
};

use super::{Function, of, passes, placed};
use crate::{
    Origin,
    read::helm::template::{Data, Engine, Fail, Map, Place, Text, Value, float},
};

pub(super) const FUNCTIONS: &[Function] = &[
    passes("toYaml", 1, 1, |engine, it| to_yaml(engine, &it[0])),
    passes("mustToYaml", 1, 1, |engine, it| to_yaml(engine, &it[0])),
    passes("toYamlPretty", 1, 1, |engine, it| to_yaml(engine, &it[0])),
    passes("toJson", 1, 1, |engine, it| {
        to_json(engine, &it[0], None, true)
    }),
    passes("mustToJson", 1, 1, |engine, it| {
        to_json(engine, &it[0], None, true)
    }),
    passes("toRawJson", 1, 1, |engine, it| {
        to_json(engine, &it[0], None, false)
    }),
    passes("mustToRawJson", 1, 1, |engine, it| {
        to_json(engine, &it[0], None, false)
    }),
    passes("toPrettyJson", 1, 1, |engine, it| {
        to_json(engine, &it[0], Some(0), true)
    }),
    passes("mustToPrettyJson", 1, 1, |engine, it| {
        to_json(engine, &it[0], Some(0), true)
    }),
    passes("fromYaml", 1, 1, |engine, it| {
        from_yaml(engine, &it[0], Shape::Map)
    }),
    passes("fromJson", 1, 1, |engine, it| {
        from_yaml(engine, &it[0], Shape::Map)
    }),
    passes("fromYamlArray", 1, 1, |engine, it| {
        from_yaml(engine, &it[0], Shape::List)
    }),
    passes("fromJsonArray", 1, 1, |engine, it| {
        from_yaml(engine, &it[0], Shape::List)
    }),
    of("mustFromJson", 1, 1, |engine, it| {
        from_yaml(engine, &it[0], Shape::Any)
    }),
];

/// A value as `sigs.k8s.io/yaml` writes it, without the line's end.
pub(super) fn to_yaml(engine: &mut Engine, value: &Value) -> Result<Value, Fail> {
    let mut out = Text::default();
    write_yaml(engine, &mut out, value, 0, Before::Nothing, None)?;
    engine.write(out.len())?;
    Ok(Value::new(Data::Text(Rc::new(out))))
}

/// What stands before a value on its line.
#[derive(Clone, Copy, PartialEq)]
enum Before {
    Nothing,
    Key,
    Dash,
}

fn place(value: &Value, above: Option<&Rc<Origin>>) -> Option<Place> {
    let origin = value.source().or_else(|| above.cloned());
    origin.map(Place::Value)
}

fn write_yaml(
    engine: &mut Engine,
    out: &mut Text,
    value: &Value,
    indent: usize,
    before: Before,
    above: Option<&Rc<Origin>>,
) -> Result<(), Fail> {
    engine.work(1)?;
    if indent > 2 * MAX_DEPTH {
        return Err("a value is nested too deep to be written".into());
    }
    let above = value.origin.as_ref().or(above);
    match &value.data {
        Data::Map(map) if map.len() > 0 => write_map(engine, out, map, indent, before, above),
        Data::List(list) if !list.items.is_empty() => {
            for (at, item) in list.items.iter().enumerate() {
                match (at, before) {
                    (0, Before::Nothing | Before::Dash) => {}
                    _ => new_line(engine, out, indent)?,
                }
                out.push("- ", place(item, above).as_ref());
                write_yaml(engine, out, item, indent + 2, Before::Dash, above)?;
            }
            Ok(())
        }
        _ => {
            if before == Before::Key {
                out.push(" ", None);
            }
            let line = out.as_str().rsplit('\n').next().unwrap_or_default();
            let text = scalar(engine, value, indent, line.chars().count())?;
            engine.write(text.len())?;
            out.push(&text, place(value, above).as_ref());
            Ok(())
        }
    }
}

fn write_map(
    engine: &mut Engine,
    out: &mut Text,
    map: &Map,
    indent: usize,
    before: Before,
    above: Option<&Rc<Origin>>,
) -> Result<(), Fail> {
    for (at, (key, value)) in map.entries().into_iter().enumerate() {
        match (at, before) {
            (0, Before::Nothing | Before::Dash) => {}
            _ => new_line(engine, out, indent)?,
        }
        out.push(&style::key(&key), place(&value, above).as_ref());
        out.push(":", None);
        // A list under a key is not indented.
        let indent = match value.data {
            Data::List(_) => indent,
            _ => indent + 2,
        };
        write_yaml(engine, out, &value, indent, Before::Key, above)?;
    }
    Ok(())
}

fn new_line(engine: &mut Engine, out: &mut Text, indent: usize) -> Result<(), Fail> {
    engine.write(indent + 1)?;
    out.push("\n", None);
    out.push(&" ".repeat(indent), None);
    Ok(())
}

/// A scalar that begins at `column`; its further lines are indented.
fn scalar(
    engine: &mut Engine,
    value: &Value,
    indent: usize,
    column: usize,
) -> Result<String, Fail> {
    Ok(match &value.data {
        Data::Nil => "null".to_owned(),
        Data::Bool(value) => value.to_string(),
        Data::Int(value) | Data::Int64(value) => value.to_string(),
        Data::Float(value) => yaml_float(*value),
        Data::Text(text) => style::scalar(text.as_str(), indent, column),
        Data::Unknown(why) => engine.doubt(why),
        Data::List(_) => "[]".to_owned(),
        Data::Map(_) => "{}".to_owned(),
        Data::Object(object) => match super::items(object) {
            Some(items) => {
                let map = engine.map_of(
                    items
                        .into_iter()
                        .filter_map(|(key, value)| Some((key.as_str()?.into(), value))),
                )?;
                let text = to_json(engine, &map, None, true)?;
                text.as_str().unwrap_or_default().to_owned()
            }
            None => super::string(engine, value)?,
        },
    })
}

/// A number through JSON: without an exponent where it is whole and not too large.
fn yaml_float(value: f64) -> String {
    let size = value.abs();
    match size != 0.0 && !(1e-6..1e21).contains(&size) {
        true => float(value, 'e', None),
        false => float(value, 'f', None),
    }
}

fn to_json(
    engine: &mut Engine,
    value: &Value,
    indent: Option<usize>,
    escapes: bool,
) -> Result<Value, Fail> {
    let mut out = Text::default();
    write_json(engine, &mut out, value, indent, escapes, None, 0)?;
    engine.write(out.len())?;
    Ok(Value::new(Data::Text(Rc::new(out))))
}

fn write_json(
    engine: &mut Engine,
    out: &mut Text,
    value: &Value,
    indent: Option<usize>,
    escapes: bool,
    above: Option<&Rc<Origin>>,
    depth: usize,
) -> Result<(), Fail> {
    engine.work(1)?;
    if depth > MAX_DEPTH {
        return Err("a value is nested too deep to be written".into());
    }
    let above = value.origin.as_ref().or(above);
    let inner = indent.map(|it| it + 2);
    let line = |out: &mut Text, indent: Option<usize>| {
        if let Some(indent) = indent {
            out.push("\n", None);
            out.push(&" ".repeat(indent), None);
        }
    };
    match &value.data {
        Data::Map(map) if map.len() > 0 => {
            out.push("{", None);
            for (at, (key, value)) in map.entries().into_iter().enumerate() {
                out.push(if at > 0 { "," } else { "" }, None);
                line(out, inner);
                out.push(&json_text(&key, escapes), place(&value, above).as_ref());
                out.push(if indent.is_some() { ": " } else { ":" }, None);
                write_json(engine, out, &value, inner, escapes, above, depth + 1)?;
            }
            line(out, indent);
            out.push("}", None);
        }
        Data::List(list) if !list.items.is_empty() => {
            out.push("[", None);
            for (at, item) in list.items.iter().enumerate() {
                out.push(if at > 0 { "," } else { "" }, None);
                line(out, inner);
                write_json(engine, out, item, inner, escapes, above, depth + 1)?;
            }
            line(out, indent);
            out.push("]", None);
        }
        Data::Text(text) => {
            engine.write(text.len())?;
            let text = json_text(text.as_str(), escapes);
            out.push(&text, place(value, above).as_ref());
        }
        // As text, since a mark is no word of JSON.
        Data::Unknown(why) => {
            let mark = engine.doubt(why);
            out.push(&format!("\"{mark}\""), place(value, above).as_ref());
        }
        _ => {
            let text = scalar(engine, value, 0, 0)?;
            out.push(&text, place(value, above).as_ref());
        }
    }
    Ok(())
}

pub(super) fn json_text(text: &str, escapes: bool) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '<' | '>' | '&' if escapes => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            '\u{2028}' | '\u{2029}' => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            c if (c as u32) < 0x20 => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// What is expected of a text that is read.
#[derive(Clone, Copy, PartialEq)]
enum Shape {
    Map,
    List,
    Any,
}

fn from_yaml(engine: &mut Engine, value: &Value, shape: Shape) -> Result<Value, Fail> {
    if let Data::Unknown(_) = value.data {
        return Ok(value.clone());
    }
    let text = placed(value)?;
    let stream = yaml::read(text.as_str(), Dialect::KUBERNETES, &Limits::default());
    engine.write(text.len())?;
    let mut problem = stream.error.map(|error| error.message);
    let root = stream.documents.first().map(|document| &document.root);
    let result = match root {
        None => Value::NIL,
        Some(root) => of_node(engine, root, &|span| {
            let (_, _, place) = text.places(span.range()).next()?;
            match place {
                Place::Value(origin) | Place::Filled(_, Some(origin)) => Some(origin),
                _ => text.origin(span.range()).map(Rc::new),
            }
            .or_else(|| value.origin.clone())
        })?,
    };
    match (shape, &result.data) {
        (Shape::Any, _)
        | (Shape::Map, Data::Map(_) | Data::Unknown(_))
        | (Shape::List, Data::List(_) | Data::Unknown(_)) => {}
        (Shape::Map, Data::Nil) if problem.is_none() => return engine.map_of([]),
        (Shape::List, Data::Nil) if problem.is_none() => return engine.list(Vec::new()),
        _ => problem = problem.or(Some("it has another shape".to_owned())),
    }
    let Some(message) = problem else {
        return Ok(result);
    };
    // Helm gives the mistake as a value.
    match shape {
        Shape::Map => engine.map_of([("Error".into(), Value::text(message))]),
        Shape::List => engine.list(vec![Value::text(message)]),
        Shape::Any => Err(message.into()),
    }
}

/// A value from a document, with the origins that `origin` has for its places. Every number is a
/// `float64`, as the way through JSON makes them.
pub(in crate::read::helm) fn of_node(
    engine: &mut Engine,
    node: &Node,
    origin: &dyn Fn(Span) -> Option<Rc<Origin>>,
) -> Result<Value, Fail> {
    engine.work(1)?;
    #[allow(clippy::cast_precision_loss, reason = "as in Go")]
    let value = match &node.value {
        Written::Null => Value::NIL,
        Written::Bool(value) => Value::new(Data::Bool(*value)),
        Written::Integer(value) => Value::new(Data::Float(*value as f64)),
        Written::Float(value) => Value::new(Data::Float(*value)),
        Written::String(text) => match engine.doubt_in(text) {
            Some(why) => Value::new(Data::Unknown(why)),
            None => Value::text(&**text),
        },
        Written::List(items) => {
            let mut values = Vec::with_capacity(items.len());
            for item in items.iter() {
                values.push(of_node(engine, item, origin)?);
            }
            engine.list(values)?
        }
        Written::Map(map) => {
            let values = engine.map()?;
            for entry in map.entries() {
                let value = of_node(engine, &entry.value, origin)?;
                values.set(&*entry.key, value);
            }
            Value::new(Data::Map(values))
        }
        Written::Tagged(tagged) => return of_node(engine, &tagged.1, origin),
    };
    Ok(value.from(origin(node.span).as_ref()))
}

const MAX_DEPTH: usize = 100;
