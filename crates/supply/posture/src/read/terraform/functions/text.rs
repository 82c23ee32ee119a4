//! Texts.

use std::sync::Arc;

use regex::{Regex, RegexBuilder};

use super::{Answer, Args, Wrong, items_of, text_of, wrong};
use crate::read::terraform::{
    eval::MAX_TEXT,
    value::{Kind, Val, number_text},
};

pub(super) fn call(name: &str, args: &Args<'_>) -> Option<Answer> {
    let one = |f: fn(&str) -> String| args.text(0).and_then(|it| args.say(f(&it)));
    let two = |f: fn(&str, &str) -> String| {
        let (a, b) = (args.text(0)?, args.text(1)?);
        args.say(f(&a, &b))
    };
    let asks = |f: fn(&str, &str) -> bool| {
        let (a, b) = (args.text(0)?, args.text(1)?);
        args.is(f(&a, &b))
    };
    Some(match name {
        "chomp" => one(|it| it.trim_end_matches(['\n', '\r']).to_owned()),
        "endswith" => asks(|a, b| a.ends_with(b)),
        "format" => format(args, args.values),
        "formatlist" => format_list(args),
        "indent" => indent(args),
        "join" => join(args),
        "lower" => one(str::to_lowercase),
        "regex" => regex(args),
        "regexall" => regex_all(args),
        "replace" => replace(args),
        "split" => split(args),
        "startswith" => asks(|a, b| a.starts_with(b)),
        "strcontains" => asks(|a, b| a.contains(b)),
        "strrev" => args.text(0).and_then(|it| {
            plain(&it)?;
            args.say(it.chars().rev().collect::<String>())
        }),
        "substr" => substr(args),
        "title" => one(title),
        "tostring" => to_string(args),
        "trim" => two(|a, b| a.trim_matches(|c| b.contains(c)).to_owned()),
        "trimprefix" => two(|a, b| a.strip_prefix(b).unwrap_or(a).to_owned()),
        "trimsuffix" => two(|a, b| a.strip_suffix(b).unwrap_or(a).to_owned()),
        "trimspace" => one(|it| it.trim().to_owned()),
        "upper" => one(str::to_uppercase),
        "basename" => one(|it| match it.trim_end_matches('/') {
            "" if it.is_empty() => ".".to_owned(),
            "" => "/".to_owned(),
            path => path.rsplit('/').next().unwrap_or(path).to_owned(),
        }),
        "dirname" => one(|it| match it.rsplit_once('/') {
            Some(("", _)) => "/".to_owned(),
            Some((path, _)) => path.trim_end_matches('/').to_owned(),
            None => ".".to_owned(),
        }),
        "pathexpand" => args.text(0).and_then(|it| match it.starts_with('~') {
            true => Err(Wrong::Open("the home directory is not known")),
            false => args.say(it),
        }),
        _ => return None,
    })
}

/// Terraform counts what a reader sees as one sign; that is one character in all texts but these.
pub(super) fn plain(text: &str) -> Result<(), Wrong> {
    match text.chars().all(|c| c < '\u{300}' && c != '\r') {
        true => Ok(()),
        false => Err(Wrong::Open("signs of several characters are not counted")),
    }
}

fn to_string(args: &Args<'_>) -> Answer {
    let value = args.value(0)?;
    match value.kind {
        Kind::Null => Ok(Val::null(args.origin())),
        Kind::Unknown(_) => Ok(value.clone().at(args.origin())),
        _ => args.say(text_of(value)?),
    }
}

fn title(text: &str) -> String {
    let mut before = ' ';
    let letter = |c: char| {
        let is_first = !before.is_alphanumeric() && before != '_' && before != '\'';
        before = c;
        if is_first {
            c.to_uppercase().collect()
        } else {
            c.to_string()
        }
    };
    text.chars().map(letter).collect()
}

fn indent(args: &Args<'_>) -> Answer {
    let (count, text) = (args.whole(0)?, args.text(1)?);
    let count = usize::try_from(count).unwrap_or_default().min(MAX_WIDTH);
    let lines = text.matches('\n').count();
    if lines.saturating_mul(count) > MAX_TEXT {
        return Err(Wrong::Open("the text is too long"));
    }
    args.say(text.replace('\n', &format!("\n{}", " ".repeat(count))))
}

fn join(args: &Args<'_>) -> Answer {
    let separator = args.text(0)?;
    let mut out = String::new();
    let mut why: Option<Arc<str>> = None;
    let mut is_first = true;
    for list in args.values.get(1..).unwrap_or_default() {
        for item in items_of(list)?.iter() {
            if !std::mem::take(&mut is_first) {
                out.push_str(&separator);
            }
            let (text, unknown) = item.as_partial().ok_or_else(|| wrong(item, "a string"))?;
            out.push_str(&text);
            why = why.or(unknown);
            if out.len() > MAX_TEXT {
                return Err(Wrong::Open("the text is too long"));
            }
        }
    }
    match why {
        Some(why) => Ok(Val::partial(&out, why, args.origin())),
        None => args.say(out),
    }
}

fn split(args: &Args<'_>) -> Answer {
    let (separator, text) = (args.text(0)?, args.text(1)?);
    if separator.is_empty() {
        return args.texts(text.chars().map(String::from));
    }
    args.texts(text.split(&*separator).map(str::to_owned))
}

fn substr(args: &Args<'_>) -> Answer {
    let (text, offset, length) = (args.text(0)?, args.whole(1)?, args.whole(2)?);
    plain(&text)?;
    let count = text.chars().count();
    let skip = match usize::try_from(offset) {
        Ok(offset) => offset,
        Err(_) => count.saturating_sub(offset.unsigned_abs() as usize),
    };
    let take = usize::try_from(length).unwrap_or(usize::MAX);
    args.say(text.chars().skip(skip).take(take).collect::<String>())
}

fn replace(args: &Args<'_>) -> Answer {
    let (text, from, to) = (args.text(0)?, args.text(1)?, args.text(2)?);
    let pattern = from.strip_prefix('/').and_then(|it| it.strip_suffix('/'));
    if (text.len() + 1).saturating_mul(to.len() + 1) > 64 * MAX_TEXT {
        return Err(Wrong::Open("the text is too long"));
    }
    match pattern {
        Some(pattern) if from.len() > 1 => {
            args.say(compiled(pattern)?.replace_all(&text, &*to).into_owned())
        }
        _ => args.say(text.replace(&*from, &to)),
    }
}

fn compiled(pattern: &str) -> Result<Regex, Wrong> {
    let regex = RegexBuilder::new(pattern).size_limit(1 << 20).build();
    regex.map_err(|_| Wrong::Open("the pattern is not understood"))
}

fn regex(args: &Args<'_>) -> Answer {
    let (pattern, text) = (args.text(0)?, args.text(1)?);
    let regex = compiled(&pattern)?;
    let found = regex.captures(&text);
    let found = found.ok_or_else(|| Wrong::Error("the pattern does not match".to_owned()))?;
    Ok(groups(args, &regex, &found))
}

fn regex_all(args: &Args<'_>) -> Answer {
    let (pattern, text) = (args.text(0)?, args.text(1)?);
    let regex = compiled(&pattern)?;
    args.list(
        regex
            .captures_iter(&text)
            .map(|found| groups(args, &regex, &found))
            .collect(),
    )
}

/// The whole match; its groups, where there are some; under their names, where they have such.
fn groups(args: &Args<'_>, regex: &Regex, found: &regex::Captures<'_>) -> Val {
    let say = |at: usize| match found.get(at) {
        Some(group) => Val::text(group.as_str(), args.origin()),
        None => Val::null(args.origin()),
    };
    if regex.captures_len() == 1 {
        return say(0);
    }
    let names: Vec<Option<&str>> = regex.capture_names().collect();
    if names.iter().all(Option::is_none) {
        return Val::list((1..regex.captures_len()).map(say).collect(), args.origin());
    }
    let named = names
        .iter()
        .enumerate()
        .filter_map(|(at, name)| Some(((*name)?, say(at))));
    super::collection::object(named, args.origin)
}

fn format_list(args: &Args<'_>) -> Answer {
    let rows = args.values.iter().skip(1).filter_map(Val::as_items);
    let Some(count) = rows.map(|it| it.len()).max() else {
        return match args.values.iter().skip(1).find_map(Val::as_unknown) {
            Some(unknown) => Err(Wrong::Unknown(unknown.clone())),
            None => args.list(vec![format(args, args.values)?]),
        };
    };
    super::bounded(count)?;
    let mut items = Vec::new();
    for at in 0..count {
        let row: Result<Vec<Val>, Wrong> = args
            .values
            .iter()
            .map(|value| match value.as_items() {
                Some(items) => {
                    let missing = || Wrong::Error("the lists differ in length".to_owned());
                    items.get(at).cloned().ok_or_else(missing)
                }
                None => Ok(value.clone()),
            })
            .collect();
        items.push(format(args, &row?)?);
    }
    args.list(items)
}

/// What is between `%` and the letter of a verb.
#[derive(Default)]
struct Verb {
    is_left: bool,
    has_sign: bool,
    has_space: bool,
    has_zeros: bool,
    is_alternate: bool,
    width: usize,
    precision: Option<usize>,
}

fn format(args: &Args<'_>, values: &[Val]) -> Answer {
    let first = values
        .first()
        .ok_or_else(|| Wrong::Error("it takes a format".to_owned()))?;
    let pattern = text_of(first)?;
    let mut out = String::new();
    let mut why: Option<Arc<str>> = None;
    let mut next = 1;
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let mut verb = Verb::default();
        let letter = loop {
            let end = || Wrong::Error("the format ends within a verb".to_owned());
            let c = chars.next().ok_or_else(end)?;
            match c {
                '-' => verb.is_left = true,
                '+' => verb.has_sign = true,
                ' ' => verb.has_space = true,
                '0' => verb.has_zeros = true,
                '#' => verb.is_alternate = true,
                '1'..='9' => verb.width = number(c, &mut chars),
                '.' => verb.precision = Some(number('0', &mut chars)),
                '[' => {
                    next = number('0', &mut chars);
                    chars.next();
                }
                _ => break c,
            }
        };
        if letter == '%' {
            out.push('%');
            continue;
        }
        let missing = || Wrong::Error("an argument is missing".to_owned());
        let value = values.get(next).ok_or_else(missing)?;
        next += 1;
        if let Some(unknown) = value.as_unknown() {
            let (text, _) = value.as_partial().ok_or_else(|| wrong(value, "a string"))?;
            why.get_or_insert_with(|| unknown.why.clone());
            out.push_str(&text);
            continue;
        }
        let text = written(&verb, letter, value)?;
        pad(&verb, letter, &text, &mut out);
        if out.len() > MAX_TEXT {
            return Err(Wrong::Open("the text is too long"));
        }
    }
    match why {
        Some(why) => Ok(Val::partial(&out, why, args.origin())),
        None => args.say(out),
    }
}

fn number(first: char, chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> usize {
    let mut number = first.to_digit(10).unwrap_or_default() as usize;
    while let Some(digit) = chars.peek().and_then(|c| c.to_digit(10)) {
        number = (number * 10 + digit as usize).min(MAX_WIDTH);
        chars.next();
    }
    number
}

fn written(verb: &Verb, letter: char, value: &Val) -> Result<String, Wrong> {
    let whole = || {
        let number = super::number_of(value)?;
        #[expect(clippy::cast_possible_truncation, reason = "numbers are below 2^53")]
        Ok(number.trunc() as i64)
    };
    let signed = |number: i64, digits: String| match (number < 0, verb.has_sign, verb.has_space) {
        (true, ..) => format!("-{digits}"),
        (false, true, _) => format!("+{digits}"),
        (false, false, true) => format!(" {digits}"),
        (false, false, false) => digits,
    };
    Ok(match letter {
        's' => {
            let text = text_of(value)?;
            match verb.precision {
                Some(count) => text.chars().take(count).collect(),
                None => (*text).to_owned(),
            }
        }
        'v' if verb.is_alternate => json(value)?,
        'v' => match (value.as_text(), value.is_null()) {
            (Some(text), _) => (*text).to_owned(),
            (None, true) => "null".to_owned(),
            (None, false) => json(value)?,
        },
        'q' => {
            let text = Val::text(text_of(value)?, value.origin.clone());
            json(&text)?
        }
        't' => match value.as_bool() {
            Some(value) => value.to_string(),
            None => return Err(wrong(value, "a bool")),
        },
        'd' => {
            let number: i64 = whole()?;
            signed(number, number.unsigned_abs().to_string())
        }
        'x' | 'X' if matches!(value.kind, Kind::Text(_)) => {
            return Err(Wrong::Open("it is not computed here"));
        }
        'b' | 'o' | 'x' | 'X' => {
            let number: i64 = whole()?;
            let digits = number.unsigned_abs();
            let digits = match letter {
                'b' => format!("{digits:b}"),
                'o' => format!("{digits:o}"),
                'x' => format!("{digits:x}"),
                _ => format!("{digits:X}"),
            };
            signed(number, digits)
        }
        'f' => {
            let number = super::number_of(value)?;
            let text = format!("{:.*}", verb.precision.unwrap_or(6).min(100), number.abs());
            signed(if number < 0.0 { -1 } else { 1 }, text)
        }
        'g' if verb.precision.is_none() => {
            number_text(super::number_of(value)?).ok_or(Wrong::Open("it is not computed here"))?
        }
        'e' | 'E' | 'g' | 'G' => return Err(Wrong::Open("it is not computed here")),
        _ => return Err(Wrong::Error(format!("%{letter} is no verb"))),
    })
}

fn json(value: &Val) -> Result<String, Wrong> {
    let mut text = String::new();
    match crate::read::terraform::json::encode(value, &mut text) {
        true => Ok(text),
        false => Err(wrong(value, "known")),
    }
}

fn pad(verb: &Verb, letter: char, text: &str, out: &mut String) {
    let space = verb.width.saturating_sub(text.chars().count());
    if verb.is_left {
        out.push_str(text);
        out.extend(std::iter::repeat_n(' ', space));
    } else if verb.has_zeros && "dfxXbo".contains(letter) {
        let (sign, digits) =
            text.split_at(text.len() - text.trim_start_matches(['-', '+', ' ']).len());
        out.push_str(sign);
        out.extend(std::iter::repeat_n('0', space));
        out.push_str(digits);
    } else {
        let fill = if verb.has_zeros { '0' } else { ' ' };
        out.extend(std::iter::repeat_n(fill, space));
        out.push_str(text);
    }
}

/// Of what is padded.
const MAX_WIDTH: usize = 10_000;
