//! How Go writes values: `fmt`'s `%v` and its other verbs, and `strconv`.

use std::fmt::Write as _;

use super::{
    Place, Text,
    engine::{Engine, Fail},
    value::{Data, Object, Value},
};

/// The text of a value as `%v` has it.
pub(crate) fn go_value(engine: &mut Engine, value: &Value, depth: usize) -> Result<String, Fail> {
    if depth > MAX_DEPTH {
        return Err("a value is nested too deep to be printed".into());
    }
    Ok(match &value.data {
        Data::Nil => "<nil>".to_owned(),
        Data::Bool(value) => value.to_string(),
        Data::Int(value) | Data::Int64(value) => value.to_string(),
        Data::Float(value) => float(*value, 'g', None),
        Data::Text(text) => text.as_str().to_owned(),
        Data::Unknown(why) => engine.doubt(why),
        Data::List(list) => {
            let mut out = String::from("[");
            for (at, item) in list.items.iter().enumerate() {
                engine.work(1)?;
                let text = go_value(engine, item, depth + 1)?;
                out.push_str(if at > 0 { " " } else { "" });
                engine.write(text.len())?;
                out.push_str(&text);
            }
            out + "]"
        }
        Data::Map(map) => {
            let mut out = String::from("map[");
            for (at, (key, value)) in map.entries().into_iter().enumerate() {
                engine.work(1)?;
                let text = go_value(engine, &value, depth + 1)?;
                out.push_str(if at > 0 { " " } else { "" });
                engine.write(key.len() + text.len())?;
                let _ = write!(out, "{key}:{text}");
            }
            out + "]"
        }
        Data::Object(object) => match &**object {
            Object::KubeVersion => crate::read::helm::functions::KUBERNETES.to_owned(),
            Object::Version(version) => version.to_string(),
            Object::Files(_) | Object::ApiVersions => {
                return Err(format!("text of a value of kind {}", value.kind()).into());
            }
        },
    })
}

/// A number as `strconv.FormatFloat` writes it: with as few digits as tell it from others, or with
/// `precision`.
pub(crate) fn float(value: f64, verb: char, precision: Option<usize>) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    match (verb, precision) {
        ('e', precision) => exponent(value, precision),
        ('f', Some(precision)) => format!("{value:.precision$}"),
        ('f', None) => format!("{value}"),
        (_, precision) => {
            let digits = precision.map(|it| it.max(1));
            let scientific = exponent(value, digits.map(|it| it - 1));
            let power = power(&scientific);
            let limit = digits.map_or(SHORTEST, |it| i64::try_from(it).unwrap_or(i64::MAX));
            let text = match power < -4 || power >= limit {
                true => scientific,
                false => match digits {
                    None => format!("{value}"),
                    Some(digits) => {
                        let digits = i64::try_from(digits).unwrap_or(i64::MAX);
                        let places = usize::try_from(digits - 1 - power).unwrap_or(0);
                        format!("{value:.places$}")
                    }
                },
            };
            match digits {
                Some(_) => without_zeros(&text),
                None => text,
            }
        }
    }
}

/// `%g` without precision changes to an exponent at this power of ten.
const SHORTEST: i64 = 6;

fn power(scientific: &str) -> i64 {
    let exponent = scientific.split('e').nth(1);
    exponent.and_then(|it| it.parse().ok()).unwrap_or(0)
}

/// `1.5e+06`, with a sign and two digits at least.
fn exponent(value: f64, precision: Option<usize>) -> String {
    let text = match precision {
        Some(precision) => format!("{value:.precision$e}"),
        None => format!("{value:e}"),
    };
    let (mantissa, power) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, digits) = match power.strip_prefix('-') {
        Some(digits) => ('-', digits),
        None => ('+', power),
    };
    format!("{mantissa}e{sign}{digits:0>2}")
}

fn without_zeros(text: &str) -> String {
    let (mantissa, power) = match text.find('e') {
        Some(at) => text.split_at(at),
        None => (text, ""),
    };
    if !mantissa.contains('.') {
        return text.to_owned();
    }
    let mantissa = mantissa.trim_end_matches('0').trim_end_matches('.');
    format!("{mantissa}{power}")
}

/// Text between quotes, as `strconv.Quote` has it.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{b}' => out.push_str("\\v"),
            c if (c as u32) < 0x20 || c as u32 == 0x7f => {
                let _ = write!(out, "\\x{:02x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A verb of a format with its flags.
#[derive(Default)]
struct Verb {
    minus: bool,
    plus: bool,
    sharp: bool,
    zero: bool,
    space: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

/// `fmt.Sprintf`. What each value made leads back to it.
pub(crate) fn printf(engine: &mut Engine, format: &str, values: &[Value]) -> Result<Text, Fail> {
    let mut out = Text::default();
    let mut chars = format.chars().peekable();
    let mut next = 0;
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c.encode_utf8(&mut [0; 4]), None);
            continue;
        }
        let mut verb = Verb::default();
        loop {
            match chars.peek() {
                Some('-') => verb.minus = true,
                Some('+') => verb.plus = true,
                Some('#') => verb.sharp = true,
                Some('0') => verb.zero = true,
                Some(' ') => verb.space = true,
                _ => break,
            }
            chars.next();
        }
        verb.width = number(&mut chars, values, &mut next)?;
        if chars.peek() == Some(&'.') {
            chars.next();
            verb.precision = Some(number(&mut chars, values, &mut next)?.unwrap_or(0));
        }
        let Some(letter) = chars.next() else {
            out.push("%!(NOVERB)", None);
            break;
        };
        if letter == '%' {
            out.push("%", None);
            continue;
        }
        let Some(value) = values.get(next) else {
            out.push(&format!("%!{letter}(MISSING)"), None);
            continue;
        };
        next += 1;
        let text = formatted(engine, &verb, letter, value)?;
        engine.write(text.len())?;
        let place = value.source().map(Place::Value);
        out.push(&text, place.as_ref());
    }
    if next < values.len() {
        let mut extra = Vec::new();
        for value in &values[next..] {
            let text = go_value(engine, value, 0)?;
            let text = match &value.data {
                Data::Nil => text,
                _ => format!("{}={text}", value.type_name()),
            };
            extra.push(text);
        }
        out.push(&format!("%!(EXTRA {})", extra.join(", ")), None);
    }
    Ok(out)
}

fn number(
    chars: &mut std::iter::Peekable<std::str::Chars<'_>>,
    values: &[Value],
    next: &mut usize,
) -> Result<Option<usize>, Fail> {
    if chars.peek() == Some(&'*') {
        chars.next();
        let width = match values.get(*next).map(|it| &it.data) {
            Some(Data::Int(width)) => usize::try_from(*width).ok(),
            _ => None,
        };
        *next += 1;
        return Ok(width.filter(|width| *width <= MAX_WIDTH));
    }
    let mut number: Option<usize> = None;
    while let Some(digit) = chars.peek().and_then(|c| c.to_digit(10)) {
        chars.next();
        let value = number
            .unwrap_or(0)
            .saturating_mul(10)
            .saturating_add(digit as usize);
        if value > MAX_WIDTH {
            return Err("a format that is too wide".into());
        }
        number = Some(value);
    }
    Ok(number)
}

fn formatted(
    engine: &mut Engine,
    verb: &Verb,
    letter: char,
    value: &Value,
) -> Result<String, Fail> {
    let wrong = |engine: &mut Engine| -> Result<String, Fail> {
        let text = go_value(engine, value, 0)?;
        Ok(match &value.data {
            Data::Nil => format!("%!{letter}(<nil>)"),
            _ => format!("%!{letter}({}={text})", value.type_name()),
        })
    };
    let text = match (letter, &value.data) {
        // What is not known is not known in any form.
        (_, Data::Unknown(why)) => return Ok(engine.doubt(why)),
        ('v', Data::Nil) => "<nil>".to_owned(),
        ('v', Data::Float(number)) => float(*number, 'g', verb.precision),
        ('v' | 's', Data::Text(_)) | ('v', _) => go_value(engine, value, 0)?,
        ('T', _) => value.type_name().to_owned(),
        ('t', Data::Bool(value)) => value.to_string(),
        ('q', Data::Text(text)) => quoted(text.as_str()),
        ('s' | 'q', Data::List(list)) => {
            let mut parts = Vec::new();
            for item in &list.items {
                parts.push(formatted(engine, &Verb::default(), letter, item)?);
            }
            format!("[{}]", parts.join(" "))
        }
        ('s', Data::Object(_)) => go_value(engine, value, 0)?,
        ('x' | 'X', Data::Text(text)) => {
            let digits = text.as_str().bytes().map(|byte| format!("{byte:02x}"));
            let digits: String = digits.collect();
            if letter == 'X' {
                digits.to_uppercase()
            } else {
                digits
            }
        }
        ('d' | 'b' | 'o' | 'x' | 'X' | 'c', Data::Int(number) | Data::Int64(number)) => {
            integer(verb, letter, *number)
        }
        ('f' | 'F', Data::Float(number)) => float(*number, 'f', Some(verb.precision.unwrap_or(6))),
        ('e', Data::Float(number)) => float(*number, 'e', Some(verb.precision.unwrap_or(6))),
        ('g', Data::Float(number)) => float(*number, 'g', verb.precision),
        _ => return wrong(engine),
    };
    let is_number = matches!(value.data, Data::Int(_) | Data::Int64(_) | Data::Float(_));
    let signed = match verb.plus && is_number && !text.starts_with('-') {
        true => format!("+{text}"),
        false => text,
    };
    let text = match (verb.precision, letter) {
        (Some(length), 's' | 'v' | 'q') if !is_number => signed.chars().take(length).collect(),
        _ => signed,
    };
    Ok(padded(verb, text, is_number))
}

fn integer(verb: &Verb, letter: char, number: i64) -> String {
    let (sign, size) = (if number < 0 { "-" } else { "" }, number.unsigned_abs());
    let prefix = match (verb.sharp, letter) {
        (true, 'x') => "0x",
        (true, 'X') => "0X",
        (true, 'o') => "0",
        _ => "",
    };
    let digits = match letter {
        'b' => format!("{size:b}"),
        'o' => format!("{size:o}"),
        'x' => format!("{size:x}"),
        'X' => format!("{size:X}"),
        'c' => {
            let c = u32::try_from(number).ok().and_then(char::from_u32);
            return c.unwrap_or(char::REPLACEMENT_CHARACTER).to_string();
        }
        _ => size.to_string(),
    };
    let digits = match verb.precision {
        Some(length) => format!("{digits:0>length$}"),
        None => digits,
    };
    let space = if verb.space && sign.is_empty() {
        " "
    } else {
        ""
    };
    format!("{space}{sign}{prefix}{digits}")
}

fn padded(verb: &Verb, text: String, is_number: bool) -> String {
    let length = text.chars().count();
    let Some(missing) = verb.width.and_then(|width| width.checked_sub(length)) else {
        return text;
    };
    if verb.minus {
        return text + &" ".repeat(missing);
    }
    if verb.zero {
        let sign = usize::from(is_number && text.starts_with(['-', '+']));
        return format!("{}{}{}", &text[..sign], "0".repeat(missing), &text[sign..]);
    }
    " ".repeat(missing) + &text
}

const MAX_WIDTH: usize = 100_000;

const MAX_DEPTH: usize = 100;
