//! Template strings: `$"a {x}"`.
//!
//! OPA defines one as a call of `internal.template_string` with an array of its parts. An expression
//! is the set of its values there, so that what is undefined is an empty set and is written
//! `<undefined>`, instead of making all of the string undefined.

use super::{Edit, Kind, Source};

pub(super) fn edits(source: &Source<'_>) -> Vec<Edit> {
    let mut edits = Vec::new();
    // Whether a part of the template that is read now stands before this one.
    let mut has_part = Vec::new();
    let mut is_raw = Vec::new();
    for (at, token) in source.tokens.iter().enumerate() {
        let text = source.word(at);
        let replacement = match token.kind {
            Kind::TemplateStart => {
                has_part.push(false);
                is_raw.push(text == "$`");
                "internal.template_string([".to_owned()
            }
            Kind::TemplateText if text.is_empty() => continue,
            Kind::TemplateText => {
                let quote = if is_raw.last() == Some(&true) {
                    '`'
                } else {
                    '"'
                };
                let comma = comma(&mut has_part);
                format!("{comma}{quote}{}{quote}", unescaped(text))
            }
            Kind::TemplateOpen => {
                let name = format!("__template_{at}__");
                format!("{}{{{name} | {name} := ", comma(&mut has_part))
            }
            Kind::TemplateClose => "}".to_owned(),
            Kind::TemplateEnd if text.is_empty() => continue,
            Kind::TemplateEnd => {
                has_part.pop();
                is_raw.pop();
                "])".to_owned()
            }
            _ => continue,
        };
        edits.push(Edit::new(token.range.clone(), replacement));
    }
    edits
}

fn comma(has_part: &mut [bool]) -> &'static str {
    match has_part.last_mut() {
        Some(has_part) if !*has_part => {
            *has_part = true;
            ""
        }
        _ => ", ",
    }
}

/// `\{` is a bracket in a template, and nothing in a string.
fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            plain.push(c);
            continue;
        }
        match rest.next() {
            Some('{') => plain.push('{'),
            next => {
                plain.push('\\');
                plain.extend(next);
            }
        }
    }
    plain
}
