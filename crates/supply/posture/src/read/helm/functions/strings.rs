//! Text.

use std::rc::Rc;

use super::{Function, MANY, int, list, of, passes, placed, string, text, truth};
use crate::read::helm::template::{Data, Engine, Fail, Text, Value, quoted};

pub(super) const FUNCTIONS: &[Function] = &[
    of("hello", 0, 0, |engine, _| engine.text("Hello!")),
    of("abbrev", 2, 2, abbrev),
    of("trunc", 2, 2, trunc),
    passes("trim", 1, 1, |_, it| {
        let all = placed(&it[0])?;
        Ok(part(all, all.as_str().trim()))
    }),
    of("upper", 1, 1, |engine, it| {
        engine.text(text(&it[0])?.to_uppercase())
    }),
    of("lower", 1, 1, |engine, it| {
        engine.text(text(&it[0])?.to_lowercase())
    }),
    of("title", 1, 1, title),
    of("untitle", 1, 1, untitle),
    of("substr", 3, 3, substr),
    of("repeat", 2, 2, repeat),
    of("trimall", 2, 2, trim_all),
    of("trimAll", 2, 2, trim_all),
    passes("trimSuffix", 2, 2, |_, it| {
        let (end, all) = (text(&it[0])?, placed(&it[1])?);
        Ok(part(
            all,
            all.as_str().strip_suffix(end).unwrap_or(all.as_str()),
        ))
    }),
    passes("trimPrefix", 2, 2, |_, it| {
        let (start, all) = (text(&it[0])?, placed(&it[1])?);
        Ok(part(
            all,
            all.as_str().strip_prefix(start).unwrap_or(all.as_str()),
        ))
    }),
    of("nospace", 1, 1, |engine, it| {
        let text = text(&it[0])?.chars().filter(|c| !c.is_whitespace());
        engine.text(text.collect::<String>())
    }),
    of("initials", 1, 1, |engine, it| {
        let words = text(&it[0])?.split_whitespace();
        engine.text(
            words
                .filter_map(|word| word.chars().next())
                .collect::<String>(),
        )
    }),
    of("swapcase", 1, 1, swapcase),
    of("snakecase", 1, 1, |engine, it| cased(engine, &it[0], '_')),
    of("kebabcase", 1, 1, |engine, it| cased(engine, &it[0], '-')),
    of("camelcase", 1, 1, camelcase),
    of("contains", 2, 2, |_, it| {
        Ok(truth(text(&it[1])?.contains(text(&it[0])?)))
    }),
    of("hasPrefix", 2, 2, |_, it| {
        Ok(truth(text(&it[1])?.starts_with(text(&it[0])?)))
    }),
    of("hasSuffix", 2, 2, |_, it| {
        Ok(truth(text(&it[1])?.ends_with(text(&it[0])?)))
    }),
    passes("quote", 0, MANY, quote),
    passes("squote", 0, MANY, squote),
    passes("cat", 0, MANY, cat),
    passes("indent", 2, 2, |engine, it| indented(engine, "", it)),
    passes("nindent", 2, 2, |engine, it| indented(engine, "\n", it)),
    of("replace", 3, 3, replace),
    of("plural", 3, 3, |engine, it| {
        let word = usize::from(int(&it[2])? != 1);
        engine.text(text(&it[word])?)
    }),
    passes("toString", 1, 1, |engine, it| match &it[0].data {
        Data::Text(_) | Data::Unknown(_) => Ok(it[0].clone()),
        _ => {
            let text = string(engine, &it[0])?;
            engine.text(text)
        }
    }),
    of("split", 2, 2, |engine, it| {
        let parts = text(&it[1])?
            .split(text(&it[0])?)
            .map(str::to_owned)
            .collect();
        numbered(engine, parts)
    }),
    of("splitn", 3, 3, |engine, it| {
        let count = usize::try_from(int(&it[1])?).unwrap_or(0).max(1);
        let parts = text(&it[2])?
            .splitn(count, text(&it[0])?)
            .map(str::to_owned)
            .collect();
        numbered(engine, parts)
    }),
    of("splitList", 2, 2, split_list),
    passes("toStrings", 1, 1, |engine, it| {
        let texts = texts(engine, &it[0])?;
        engine.strings(texts.into_iter().map(Value::text).collect())
    }),
    passes("join", 2, 2, |engine, it| {
        let separator = text(&it[0])?;
        let source = it[1]
            .as_list()
            .and_then(|list| list.iter().find_map(Value::source));
        let texts = texts(engine, &it[1])?;
        let joined = engine.text(texts.join(separator))?;
        Ok(joined.from(source.as_ref()))
    }),
    of("sortAlpha", 1, 1, |engine, it| {
        let mut texts = texts(engine, &it[0])?;
        texts.sort();
        engine.strings(texts.into_iter().map(Value::text).collect())
    }),
];

/// The part of a text that `str` cut out of it.
fn part(all: &Text, part: &str) -> Value {
    let start = part.as_ptr() as usize - all.as_str().as_ptr() as usize;
    Value::new(Data::Text(Rc::new(all.slice(start..start + part.len()))))
}

/// `all` without any `word` in it.
pub(in crate::read::helm) fn without(all: &Text, word: &str) -> Text {
    let mut out = Text::default();
    let mut done = 0;
    for (at, _) in all.as_str().match_indices(word) {
        out.append(all, done..at);
        done = at + word.len();
    }
    out.append(all, done..all.len());
    out
}

fn abbrev(engine: &mut Engine, values: &[Value]) -> Result<Value, Fail> {
    let (width, all) = (int(&values[0])?, text(&values[1])?);
    let width = usize::try_from(width).unwrap_or(0);
    if width < 4 || all.len() <= width {
        return engine.text(all);
    }
    engine.text(format!("{}...", &all[..floor(all, width - 3)]))
}

/// The place of a character at `at` or before. Go counts bytes and cuts characters; nobody wants that.
fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn trunc(_: &mut Engine, values: &[Value]) -> Result<Value, Fail> {
    let (count, all) = (int(&values[0])?, placed(&values[1])?);
    let text = all.as_str();
    let size = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    Ok(match (count < 0, text.len().checked_sub(size)) {
        (true, Some(start)) => part(all, &text[floor(text, start)..]),
        (false, Some(_)) => part(all, &text[..floor(text, size)]),
        (_, None) => part(all, text),
    })
}

fn title(engine: &mut Engine, values: &[Value]) -> Result<Value, Fail> {
    let mut before = ' ';
    let mut out = String::new();
    for c in text(&values[0])?.chars() {
        match before.is_alphanumeric() || matches!(before, '_' | '\'') {
            true => out.push(c),
            false => out.extend(c.to_uppercase()),
        }
        before = c;
    }
    engine.text(out)
}

fn untitle(engine: &mut Engine, values: &[Value]) -> Result<Value, Fail> {
    let mut before = ' ';
    let mut out = String::new();
    for c in text(&values[0])?.chars() {
        match before.is_whitespace() {
            true => out.extend(c.to_lowercase()),
            false => out.push(c),
        }
        before = c;
    }
    engine.text(out)
}

fn substr(engine: &mut Engine, values: &[Value]) -> Result<Value, Fail> {
    let (start, end, all) = (int(&values[0])?, int(&values[1])?, text(&values[2])?);
    let length = all.len();
    let place = |at: i64| usize::try_from(at).unwrap_or(0).min(length);
    let (start, end) = match (start < 0, end < 0 || place(end) == length) {
        (true, _) => (0, place(end)),
        (false, true) => (place(start), length),
        (false, false) => (place(start), place(end)),
    };
    if start > end {
        return Err("an end before its start".into());
    }
    engine.text(&all[floor(all, start)..floor(all, end)])
}

fn repeat(engine: &mut Engine, values: &[Value]) -> Result<Value, Fail> {
    let count = usize::try_from(int(&values[0])?).map_err(|_| "less than no times")?;
    let all = text(&values[1])?;
    engine.write(all.len().saturating_mul(count))?;
    Ok(Value::text(all.repeat(count)))
}

fn trim_all(_: &mut Engine, values: &[Value]) -> Result<Value, Fail> {
    let set: Vec<char> = text(&values[0])?.chars().collect();
    let all = placed(&values[1])?;
    Ok(part(all, all.as_str().trim_matches(set.as_slice())))
}

fn swapcase(engine: &mut Engine, values: &[Value]) -> Result<Value, Fail> {
    let mut out = String::new();
    for c in text(&values[0])?.chars() {
        match c.is_uppercase() {
            true => out.extend(c.to_lowercase()),
            false => out.extend(c.to_uppercase()),
        }
    }
    engine.text(out)
}

/// Words with `separator` between them. Where digits or several capitals meet letters, nothing says
/// where a word ends but the library that Sprig uses.
fn cased(engine: &mut Engine, value: &Value, separator: char) -> Result<Value, Fail> {
    let all = text(value)?;
    let capitals = all.chars().zip(all.chars().skip(1));
    let is_clear = !all.contains(|c: char| c.is_ascii_digit())
        && !capitals
            .into_iter()
            .any(|(a, b)| a.is_uppercase() && b.is_uppercase());
    if !is_clear {
        return Ok(Value::unknown("the words of it are not told apart here"));
    }
    let mut out = String::new();
    let mut before = separator;
    for c in all.chars() {
        let is_gap = matches!(c, ' ' | '-' | '_');
        if c.is_uppercase() && before != separator {
            out.push(separator);
        }
        match is_gap {
            true => out.push(separator),
            false => out.extend(c.to_lowercase()),
        }
        before = if is_gap { separator } else { c };
    }
    engine.text(out)
}

fn camelcase(engine: &mut Engine, values: &[Value]) -> Result<Value, Fail> {
    let mut out = String::new();
    let mut starts = true;
    for c in text(&values[0])?.chars() {
        match c {
            '_' | '-' | ' ' => starts = true,
            c if starts => {
                out.extend(c.to_uppercase());
                starts = false;
            }
            c => out.push(c),
        }
    }
    engine.text(out)
}

fn quote(engine: &mut Engine, values: &[Value]) -> Result<Value, Fail> {
    around(engine, values, &quoted)
}

fn squote(engine: &mut Engine, values: &[Value]) -> Result<Value, Fail> {
    around(engine, values, &|text| format!("'{text}'"))
}

/// What is not nothing, between quotes.
fn around(
    engine: &mut Engine,
    values: &[Value],
    quoted: &dyn Fn(&str) -> String,
) -> Result<Value, Fail> {
    let mut out = Text::default();
    for value in values.iter().filter(|it| !matches!(it.data, Data::Nil)) {
        if out.len() > 0 {
            out.push(" ", None);
        }
        let text = string(engine, value)?;
        let text = quoted(&text);
        engine.write(text.len())?;
        out.append(&Text::of(&text, value.source().as_ref()), 0..text.len());
    }
    Ok(Value::new(Data::Text(Rc::new(out))))
}

fn cat(engine: &mut Engine, values: &[Value]) -> Result<Value, Fail> {
    let mut texts = Vec::new();
    for value in values.iter().filter(|it| !matches!(it.data, Data::Nil)) {
        texts.push(string(engine, value)?);
    }
    engine.text(texts.join(" "))
}

fn indented(engine: &mut Engine, start: &str, values: &[Value]) -> Result<Value, Fail> {
    if let Data::Unknown(_) = values[1].data {
        return Ok(values[1].clone());
    }
    let width = usize::try_from(int(&values[0])?).map_err(|_| "less than no spaces")?;
    let all = placed(&values[1])?;
    let lines = all.as_str().matches('\n').count() + 1;
    engine.write(all.len().saturating_add(width.saturating_mul(lines)))?;
    let spaces = " ".repeat(width);
    let mut out = Text::plain(start);
    let mut at = 0;
    for line in all.as_str().split_inclusive('\n') {
        out.push(&spaces, None);
        out.append(all, at..at + line.len());
        at += line.len();
    }
    if all.len() == 0 || all.as_str().ends_with('\n') {
        out.push(&spaces, None);
    }
    Ok(Value::new(Data::Text(Rc::new(out))).from(values[1].origin.as_ref()))
}

fn replace(engine: &mut Engine, values: &[Value]) -> Result<Value, Fail> {
    let (old, new, all) = (text(&values[0])?, text(&values[1])?, placed(&values[2])?);
    let count = all.as_str().matches(old).count();
    engine.write(all.len().saturating_add(new.len().saturating_mul(count)))?;
    if old.is_empty() {
        return Ok(Value::text(all.as_str().replace(old, new)));
    }
    let mut out = Text::default();
    let mut done = 0;
    for (at, _) in all.as_str().match_indices(old) {
        out.append(all, done..at);
        out.push(new, None);
        done = at + old.len();
    }
    out.append(all, done..all.len());
    Ok(Value::new(Data::Text(Rc::new(out))))
}

fn numbered(engine: &mut Engine, parts: Vec<String>) -> Result<Value, Fail> {
    let parts = parts.into_iter().enumerate();
    engine.map_of(parts.map(|(at, part)| (format!("_{at}").into(), Value::text(part))))
}

fn split_list(engine: &mut Engine, values: &[Value]) -> Result<Value, Fail> {
    let (separator, all) = (text(&values[0])?, text(&values[1])?);
    let source = values[1].source();
    let item = |part: &str| Value::text(part).from(source.as_ref());
    let items = match separator {
        // Go takes the characters apart.
        "" => all
            .chars()
            .map(|c| item(c.encode_utf8(&mut [0; 4])))
            .collect(),
        separator => all.split(separator).map(item).collect(),
    };
    engine.strings(items)
}

/// The texts of what is not nothing in a list; that of a value that is no list.
fn texts(engine: &mut Engine, value: &Value) -> Result<Vec<String>, Fail> {
    let items = match &value.data {
        Data::Nil => return Ok(Vec::new()),
        Data::List(_) => list(value)?,
        _ => std::slice::from_ref(value),
    };
    let items = items.iter().filter(|it| !matches!(it.data, Data::Nil));
    items.map(|item| string(engine, item)).collect()
}
