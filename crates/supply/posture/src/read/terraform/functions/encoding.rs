//! Texts in other forms.

use std::fmt::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use casemate_document::{
    Limits,
    yaml::{self, Dialect},
};

use super::{Answer, Args, Wrong, collection::object};
use crate::read::terraform::{
    json,
    value::{Kind, Val},
};

pub(super) fn call(name: &str, args: &Args<'_>) -> Option<Answer> {
    Some(match name {
        "base64decode" => base64_decode(args),
        "base64encode" => args
            .text(0)
            .and_then(|it| args.say(STANDARD.encode(it.as_bytes()))),
        "csvdecode" => csv(args),
        "jsondecode" => json_decode(args),
        "jsonencode" => json_encode(args),
        "textdecodebase64" => text_decode(args),
        "textencodebase64" => text_encode(args),
        "urldecode" => url_decode(args),
        "urlencode" => url_encode(args),
        "yamldecode" => yaml_decode(args),
        "yamlencode" => yaml_encode(args),
        _ => return None,
    })
}

fn bytes(args: &Args<'_>) -> Result<Vec<u8>, Wrong> {
    let bytes = STANDARD.decode(args.text(0)?.as_bytes());
    bytes.map_err(|_| Wrong::Error("it is no base64".to_owned()))
}

fn base64_decode(args: &Args<'_>) -> Answer {
    let text = String::from_utf8(bytes(args)?);
    args.say(text.map_err(|_| Wrong::Error("it is no UTF-8".to_owned()))?)
}

fn text_decode(args: &Args<'_>) -> Answer {
    match &*args.text(1)?.to_uppercase() {
        "UTF-8" => base64_decode(args),
        "UTF-16LE" => {
            let bytes = bytes(args)?;
            let (units, _) = bytes.as_chunks::<2>();
            let units: Vec<u16> = units.iter().map(|it| u16::from_le_bytes(*it)).collect();
            let text = String::from_utf16(&units);
            args.say(text.map_err(|_| Wrong::Error("it is no UTF-16".to_owned()))?)
        }
        _ => Err(Wrong::Open("the encoding is not known here")),
    }
}

fn text_encode(args: &Args<'_>) -> Answer {
    let text = args.text(0)?;
    match &*args.text(1)?.to_uppercase() {
        "UTF-8" => args.say(STANDARD.encode(text.as_bytes())),
        "UTF-16LE" => {
            let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
            args.say(STANDARD.encode(bytes))
        }
        _ => Err(Wrong::Open("the encoding is not known here")),
    }
}

fn json_encode(args: &Args<'_>) -> Answer {
    let value = args.value(0)?.clone();
    Ok(Val::new(Kind::Json(value.into()), args.origin()))
}

fn json_decode(args: &Args<'_>) -> Answer {
    let value = args.value(0)?;
    if let Kind::Json(inner) = &value.kind {
        return Ok((**inner).clone().at(args.origin()));
    }
    let decoded = json::decode(&args.text(0)?, args.origin);
    decoded.map_err(|error| Wrong::Error(error.message))
}

fn yaml_decode(args: &Args<'_>) -> Answer {
    let text = args.text(0)?;
    let limits = Limits {
        bytes: 1 << 20,
        nodes: 100_000,
        depth: 90,
    };
    let stream = yaml::read(&text, Dialect::MERGING, &limits);
    match (stream.error, &stream.documents[..]) {
        (Some(error), _) => Err(Wrong::Error(error.message)),
        (None, [document]) => Ok(json::value(&document.root, args.origin)),
        (None, _) => Err(Wrong::Error("it is not one document".to_owned())),
    }
}

fn yaml_encode(args: &Args<'_>) -> Answer {
    let mut out = String::new();
    let value = args.value(0)?;
    match yaml_text(value, 0, &mut out) {
        Some(()) => args.say(format!("{}\n", out.trim_start_matches('\n'))),
        None => Err(super::wrong(value, "a value on single lines")),
    }
}

/// In blocks, with texts in quotes. Bounded as values are.
fn yaml_text(value: &Val, indent: usize, out: &mut String) -> Option<()> {
    let space = " ".repeat(indent);
    match &value.kind {
        Kind::Map(fields) if !fields.items.is_empty() && fields.open.is_none() => {
            for (key, field) in &fields.items {
                let key = Val::text(key.clone(), value.origin.clone());
                let _ = write!(out, "\n{space}");
                json::encode(&key, out);
                out.push(':');
                let is_list = field.value.as_items().is_some_and(|it| !it.is_empty());
                let is_map = field
                    .value
                    .as_fields()
                    .is_some_and(|it| !it.items.is_empty());
                if !is_list && !is_map {
                    out.push(' ');
                }
                yaml_text(&field.value, indent + if is_list { 0 } else { 2 }, out)?;
            }
        }
        Kind::List(items) | Kind::Set(items) if !items.is_empty() => {
            for item in items.iter() {
                let mut inner = String::new();
                yaml_text(item, indent + 2, &mut inner)?;
                let _ = write!(out, "\n{space}- {}", inner.trim_start());
            }
        }
        Kind::Text(text) if text.contains('\n') => return None,
        _ => {
            if !json::encode(value, out) {
                return None;
            }
        }
    }
    (out.len() <= 1 << 20).then_some(())
}

fn url_encode(args: &Args<'_>) -> Answer {
    let mut out = String::new();
    for byte in args.text(0)?.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(byte));
            }
            b' ' => out.push('+'),
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    args.say(out)
}

fn url_decode(args: &Args<'_>) -> Answer {
    let text = args.text(0)?;
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits = rest.get(..2).and_then(|it| std::str::from_utf8(it).ok());
                let code = digits.and_then(|it| u8::from_str_radix(it, 16).ok());
                bytes.push(code.ok_or_else(|| Wrong::Error("an escape is wrong".to_owned()))?);
                rest = &rest[2..];
            }
            _ => bytes.push(byte),
        }
    }
    let text = String::from_utf8(bytes);
    args.say(text.map_err(|_| Wrong::Error("it is no UTF-8".to_owned()))?)
}

/// RFC 4180, with a header.
fn csv(args: &Args<'_>) -> Answer {
    let text = args.text(0)?;
    let rows = rows(&text).ok_or_else(|| Wrong::Error("a quote is not closed".to_owned()))?;
    let Some((header, rows)) = rows.split_first() else {
        return Err(Wrong::Error("there is no header".to_owned()));
    };
    super::bounded(rows.len().saturating_mul(header.len()))?;
    let mut items = Vec::new();
    for row in rows {
        if row.len() != header.len() {
            return Err(Wrong::Error(
                "a row is not as long as the header".to_owned(),
            ));
        }
        let cells = row
            .iter()
            .map(|cell| Val::text(cell.as_str(), args.origin()));
        items.push(object(
            header.iter().map(String::as_str).zip(cells),
            args.origin,
        ));
    }
    args.list(items)
}

fn rows(text: &str) -> Option<Vec<Vec<String>>> {
    let mut rows = Vec::new();
    let mut row: Vec<String> = Vec::new();
    let mut cell = String::new();
    let mut is_quoted = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if is_quoted && chars.peek() == Some(&'"') => {
                chars.next();
                cell.push('"');
            }
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => row.push(std::mem::take(&mut cell)),
            '\n' if !is_quoted => {
                if !cell.is_empty() || !row.is_empty() {
                    row.push(std::mem::take(&mut cell));
                    rows.push(std::mem::take(&mut row));
                }
            }
            '\r' if !is_quoted => {}
            _ => cell.push(c),
        }
    }
    if !cell.is_empty() || !row.is_empty() {
        row.push(cell);
        rows.push(row);
    }
    (!is_quoted).then_some(rows)
}
