//! Query strings, `application/x-www-form-urlencoded` as Go's `net/url` has it.

use std::collections::BTreeMap;

use regorus::Value;

use super::{Answer, Builtin, Fault, Moment, bounded::fits, string};

pub(super) const BUILTINS: &[Builtin] = &[
    Builtin::new("urlquery.decode", 1, decode),
    Builtin::new("urlquery.decode_object", 1, decode_object),
    Builtin::new("urlquery.encode", 1, encode),
    Builtin::new("urlquery.encode_object", 1, encode_object),
];

fn encode(arguments: &[Value], _: Moment) -> Answer {
    let [text] = arguments else {
        return Err("expects a string".into());
    };
    let text = string(text)?;
    fits(text.len().saturating_mul(3))?;
    Ok(Value::from(escaped(text)))
}

fn decode(arguments: &[Value], _: Moment) -> Answer {
    let [text] = arguments else {
        return Err("expects a string".into());
    };
    unescaped(string(text)?).map(Value::from)
}

/// Each field is a string, or an array or a set of strings.
fn encode_object(arguments: &[Value], _: Moment) -> Answer {
    let [Value::Object(fields)] = arguments else {
        return Err("expects an object".into());
    };
    let (mut pairs, mut bytes) = (Vec::new(), 0);
    for (key, value) in fields.iter_sorted() {
        let key = escaped(string(key)?);
        let mut push = |value: &Value| -> Result<(), Fault> {
            let value = string(value)?;
            bytes += key.len() + 3 * value.len() + 2;
            fits(bytes)?;
            pairs.push(format!("{key}={}", escaped(value)));
            Ok(())
        };
        match value {
            Value::Array(values) => values.iter().try_for_each(&mut push)?,
            Value::Set(values) => values.iter_sorted().try_for_each(&mut push)?,
            value => push(value)?,
        }
    }
    Ok(Value::from(pairs.join("&")))
}

fn decode_object(arguments: &[Value], _: Moment) -> Answer {
    let [text] = arguments else {
        return Err("expects a string".into());
    };
    let mut fields: BTreeMap<Value, Vec<Value>> = BTreeMap::new();
    for pair in string(text)?.split('&').filter(|pair| !pair.is_empty()) {
        if pair.contains(';') {
            return Err("was given a semicolon between two fields".into());
        }
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let values = fields.entry(Value::from(unescaped(key)?)).or_default();
        values.push(Value::from(unescaped(value)?));
    }
    let fields = fields
        .into_iter()
        .map(|(key, values)| (key, Value::from(values)));
    Ok(Value::from(fields.collect::<BTreeMap<_, _>>()))
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                escaped.push(char::from(byte));
            }
            b' ' => escaped.push('+'),
            byte => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

fn unescaped(text: &str) -> Result<String, Fault> {
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|d| u8::try_from(d).ok())
    };
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => match (rest.next().and_then(digit), rest.next().and_then(digit)) {
                (Some(high), Some(low)) => high << 4 | low,
                _ => return Err("was given a wrong escape".into()),
            },
            byte => byte,
        });
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
