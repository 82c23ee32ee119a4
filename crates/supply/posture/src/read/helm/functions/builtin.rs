//! What Go's templates and Helm bring themselves.

use std::rc::Rc;

use super::{Function, MANY, int, of, passes, placed, text, truth};
use crate::read::helm::template::{
    Data, Engine, Fail, Text, Value, equal, go_value, less, printf as go_printf,
};

pub(super) const FUNCTIONS: &[Function] = &[
    // `and` and `or` do not ask for all of their arguments, and so the engine has them itself.
    of("and", 1, MANY, lazy),
    of("or", 1, MANY, lazy),
    of("not", 1, 1, |_, it| Ok(truth(!it[0].is_true()))),
    of("eq", 2, MANY, eq),
    of("ne", 2, 2, |_, it| Ok(truth(!equal(&it[0], &it[1])?))),
    of("lt", 2, 2, |_, it| Ok(truth(less(&it[0], &it[1])?))),
    of("le", 2, 2, |_, it| {
        Ok(truth(less(&it[0], &it[1])? || equal(&it[0], &it[1])?))
    }),
    of("gt", 2, 2, |_, it| {
        Ok(truth(!less(&it[0], &it[1])? && !equal(&it[0], &it[1])?))
    }),
    of("ge", 2, 2, |_, it| Ok(truth(!less(&it[0], &it[1])?))),
    passes("index", 1, MANY, index),
    of("len", 1, 1, len),
    passes("print", 0, MANY, print),
    passes("println", 0, MANY, println),
    passes("printf", 1, MANY, printf),
    of("html", 0, MANY, html),
    of("js", 0, MANY, js),
    of("urlquery", 0, MANY, urlquery),
    passes("include", 2, 2, include),
    passes("tpl", 2, 2, tpl),
    passes("required", 2, 2, required),
    of("fail", 1, 1, |_, it| Err(text(&it[0])?.into())),
    // Nothing is installed anywhere when a chart is judged.
    of("lookup", 4, 4, |engine, _| {
        Ok(engine.map_of([])?.assumed("what is installed already"))
    }),
];

fn lazy(_: &mut Engine, _: &[Value]) -> Result<Value, Fail> {
    Err("wants arguments".into())
}

fn eq(_: &mut Engine, values: &[Value]) -> Result<Value, Fail> {
    for other in &values[1..] {
        if equal(&values[0], other)? {
            return Ok(truth(true));
        }
    }
    Ok(truth(false))
}

fn index(_: &mut Engine, values: &[Value]) -> Result<Value, Fail> {
    let mut value = values[0].clone();
    for key in &values[1..] {
        if let Data::Unknown(_) = key.data {
            return Ok(key.clone());
        }
        value = match &value.data {
            Data::Unknown(_) => return Ok(value),
            Data::Map(map) => map.get(text(key)?).unwrap_or(Value::NIL),
            Data::List(list) => {
                let at = usize::try_from(int(key)?).ok();
                let item = at.and_then(|at| list.items.get(at));
                item.ok_or("an index out of range")?.clone()
            }
            Data::Text(text) => {
                let at = usize::try_from(int(key)?).ok();
                let byte = at.and_then(|at| text.as_str().as_bytes().get(at));
                Value::new(Data::Int(i64::from(*byte.ok_or("an index out of range")?)))
            }
            Data::Object(object) => match super::items(object) {
                Some(items) => {
                    let key = text(key)?;
                    let mut items = items.into_iter();
                    let item = items.find(|(name, _)| name.as_str() == Some(key));
                    item.map_or(Value::NIL, |(_, value)| value)
                }
                None => return Err("an index of something without".into()),
            },
            _ => return Err(format!("an index of {}", value.type_name()).into()),
        };
    }
    Ok(value)
}

fn len(_: &mut Engine, values: &[Value]) -> Result<Value, Fail> {
    let length = match &values[0].data {
        Data::Text(text) => text.len(),
        Data::List(list) => list.items.len(),
        Data::Map(map) => map.len(),
        Data::Object(object) => match super::items(object) {
            Some(items) => items.len(),
            None => return Err("the length of something without".into()),
        },
        _ => return Err(format!("the length of {}", values[0].type_name()).into()),
    };
    Ok(Value::new(Data::Int(
        i64::try_from(length).unwrap_or(i64::MAX),
    )))
}

/// With a space between two values that are no text.
fn print(engine: &mut Engine, values: &[Value]) -> Result<Value, Fail> {
    let mut out = Text::default();
    for (at, value) in values.iter().enumerate() {
        let are_other = at > 0 && value.as_str().is_none() && values[at - 1].as_str().is_none();
        if are_other {
            out.push(" ", None);
        }
        let text = go_value(engine, value, 0)?;
        engine.write(text.len())?;
        out.append(&Text::of(&text, value.source().as_ref()), 0..text.len());
    }
    Ok(Value::new(Data::Text(Rc::new(out))))
}

fn println(engine: &mut Engine, values: &[Value]) -> Result<Value, Fail> {
    let mut texts = Vec::new();
    for value in values {
        texts.push(go_value(engine, value, 0)?);
    }
    engine.text(texts.join(" ") + "\n")
}

fn printf(engine: &mut Engine, values: &[Value]) -> Result<Value, Fail> {
    let format = text(&values[0])?;
    let out = go_printf(engine, format, &values[1..])?;
    Ok(Value::new(Data::Text(Rc::new(out))))
}

fn html(engine: &mut Engine, values: &[Value]) -> Result<Value, Fail> {
    let text = joined(engine, values)?;
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\0' => out.push('\u{fffd}'),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            c => out.push(c),
        }
    }
    engine.text(out)
}

fn js(engine: &mut Engine, values: &[Value]) -> Result<Value, Fail> {
    let text = joined(engine, values)?;
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\'' => out.push_str("\\'"),
            '"' => out.push_str("\\\""),
            '<' | '>' | '&' | '=' => out.push_str(&format!("\\u{:04X}", c as u32)),
            c if (c as u32) < 0x20 => out.push_str(&format!("\\u{:04X}", c as u32)),
            c => out.push(c),
        }
    }
    engine.text(out)
}

fn urlquery(engine: &mut Engine, values: &[Value]) -> Result<Value, Fail> {
    let text = joined(engine, values)?;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(byte));
            }
            b' ' => out.push('+'),
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    engine.text(out)
}

fn joined(engine: &mut Engine, values: &[Value]) -> Result<String, Fail> {
    let value = print(engine, values)?;
    Ok(value.as_str().unwrap_or_default().to_owned())
}

fn include(engine: &mut Engine, values: &[Value]) -> Result<Value, Fail> {
    let name = text(&values[0])?;
    let Some(template) = engine.template(name) else {
        return Err(format!("there is no template {name}").into());
    };
    let out = engine.execute(&template, &values[1])?;
    Ok(Value::new(Data::Text(Rc::new(out))))
}

fn tpl(engine: &mut Engine, values: &[Value]) -> Result<Value, Fail> {
    if let Data::Unknown(_) = values[0].data {
        return Ok(values[0].clone());
    }
    let text = placed(&values[0])?;
    let text = match text.origin(0..text.len()) {
        Some(_) => Text::default(),
        None => Text::of(text.as_str(), values[0].origin.as_ref()),
    };
    let text = match (text.len(), &values[0].data) {
        (0, Data::Text(text)) => text.clone(),
        _ => Rc::new(text),
    };
    let out = engine.execute_text(&text, &values[1])?;
    let out = super::strings::without(&out, "<no value>");
    Ok(Value::new(Data::Text(Rc::new(out))))
}

/// What a chart cannot be installed without is not known before somebody gives it.
fn required(_: &mut Engine, values: &[Value]) -> Result<Value, Fail> {
    let is_missing = match &values[1].data {
        Data::Nil => true,
        Data::Text(text) => text.len() == 0,
        _ => false,
    };
    if !is_missing {
        return Ok(values[1].clone());
    }
    let message = values[0].as_str().unwrap_or_default();
    let why = format!("whoever installs the chart must give it: {message}");
    Ok(Value::unknown(why).from(values[1].origin.as_ref()))
}
