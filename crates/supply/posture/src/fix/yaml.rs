//! Edits of YAML that leave everything else as it is.

use casemate_document::Span;

use crate::{Attr, Value};

/// `word` in place of the scalar at `span`.
pub(super) fn replaced(text: &str, span: Span, word: &str) -> Result<(Span, String), String> {
    let written = span.of(text);
    // A block of lines has its mark before the span, and an alias is another's value.
    if written.contains('\n') || written.starts_with('*') || written.is_empty() {
        return Err("its value is no word that could be replaced".to_owned());
    }
    let before = text.get(..span.start as usize).unwrap_or_default();
    let word_before = before.trim_end().rsplit(char::is_whitespace).next();
    if word_before.is_some_and(|it| it.trim_start_matches(['[', '{', ',']).starts_with('&')) {
        return Err("its value has an anchor, and others have it from there".to_owned());
    }
    Ok((span, word.to_owned()))
}

/// `word` under `keys`, each in the one before, in the map that is `nearest`.
pub(super) fn inserted(
    nearest: &Attr,
    keys: &[String],
    word: &str,
) -> Result<(Span, String), String> {
    let Value::Map(map) = &nearest.value else {
        return Err("what it would be put into is no map".to_owned());
    };
    let (first, rest) = keys.split_first().ok_or("there is nothing to put in")?;
    if map.item(first).is_some() {
        return Err(format!("`{first}` is there, and is no map"));
    }
    if !keys.iter().all(|key| is_plain(key)) {
        return Err("its key would need quotes".to_owned());
    }
    let (text, span) = (&*nearest.origin.file.text, nearest.origin.span);
    if span.of(text).starts_with('{') {
        return into_flow(text, span, map.items().is_empty(), keys, word);
    }
    let last = map.items().last().ok_or("the map is empty")?;
    let column = column(text, map.items()[0].place.span.start as usize);
    let end = end_of_line(text, end(&last.value).max(last.place.span.end as usize));
    let mut lines = String::new();
    for (depth, key) in std::iter::once(first).chain(rest).enumerate() {
        let indent = " ".repeat(column + 2 * depth);
        lines.push_str(&format!("\n{indent}{key}:"));
    }
    lines.push_str(&format!(" {word}"));
    Ok((Span::new(end, end), lines))
}

/// Before the bracket that closes a map on one line.
fn into_flow(
    text: &str,
    span: Span,
    is_empty: bool,
    keys: &[String],
    word: &str,
) -> Result<(Span, String), String> {
    let inside = span.of(text).trim_end().strip_suffix('}');
    let inside = inside.ok_or("the map's end was not found")?;
    if inside.contains(['\n', '#']) {
        return Err("the map stands on several lines".to_owned());
    }
    let written = inside.trim_end();
    let at = span.start as usize + written.len();
    let comma = if is_empty || written.ends_with(',') {
        ""
    } else {
        ", "
    };
    let open: String = keys.join(": {");
    let close = "}".repeat(keys.len() - 1);
    Ok((Span::new(at, at), format!("{comma}{open}: {word}{close}")))
}

/// The end of the last word of a value.
fn end(attr: &Attr) -> usize {
    let own = match &attr.value {
        Value::List(items) => items.last().map(end),
        Value::Map(map) => map.items().last().map(|item| end(&item.value)),
        _ => None,
    };
    let text = &attr.origin.file.text;
    let span = attr.origin.span;
    // What is closed by a bracket ends there, and a block where its last member does.
    let is_closed = span.of(text).starts_with(['{', '[']);
    match own.filter(|_| !is_closed) {
        Some(end) => end,
        None => span.start as usize + span.of(text).trim_end().len(),
    }
}

fn end_of_line(text: &str, from: usize) -> usize {
    let rest = text.get(from..).unwrap_or_default();
    let line = rest.find('\n').unwrap_or(rest.len());
    from + rest[..line].trim_end_matches('\r').len()
}

fn column(text: &str, at: usize) -> usize {
    let before = text.get(..at).unwrap_or_default();
    before.len() - before.rfind('\n').map_or(0, |newline| newline + 1)
}

/// A key that needs no quotes in any style.
fn is_plain(key: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '/');
    key.starts_with(|c: char| c.is_ascii_alphabetic()) && key.chars().all(is_word)
}
