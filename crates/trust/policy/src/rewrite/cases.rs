//! Tests with cases: `test_x[name] if { some name, case in cases; ... }`.
//!
//! A case that fails leaves no trace in what the rule gives. So each says its name as soon as it has
//! one, as OPA has it: `internal.test_case([name])` behind the statement that binds the name.

use super::{Edit, Source, keyword, negation::goes_on};

pub(super) fn edits(source: &Source<'_>) -> Vec<Edit> {
    let cases = keyword::rules(source).filter_map(|(start, end)| case(source, start, end));
    cases.collect()
}

fn case(source: &Source<'_>, start: usize, end: usize) -> Option<Edit> {
    if !source.word(start).starts_with("test_") || !source.is(start + 1, "[") {
        return None;
    }
    let mut names = Vec::new();
    let mut at = start + 1;
    while source.is(at, "[") {
        if source.is_word(at + 1) && source.is(at + 2, "]") {
            names.push(source.word(at + 1));
        }
        at = source.brackets.get(&at)?.close + 1;
    }
    let open = (at..end.min(at + 2)).find(|&at| source.is(at, "{"))?;
    let body = open + 1..source.brackets.get(&open)?.close;
    let depth = source.tokens[open].depth + 1;
    let mut missing = names.clone();
    for at in body.clone() {
        if source.is_word(at) && !source.is_field(at) {
            missing.retain(|name| *name != source.word(at));
        }
        let is_last = at + 1 == body.end;
        let is_end = is_last
            || (source.tokens[at + 1].depth == depth
                && (source.is(at + 1, ";")
                    || (source.tokens[at + 1].line > source.last_line(at)
                        && !goes_on(source, at + 1)
                        && !goes_on(source, at))));
        if missing.is_empty() && is_end && !names.is_empty() {
            let place = source.tokens[at].range.end;
            let text = format!("; internal.test_case([{}])", names.join(", "));
            return Some(Edit::new(place..place, text));
        }
    }
    None
}
