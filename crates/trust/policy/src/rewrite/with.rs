//! What `with` puts in a place: `f with input as q`.
//!
//! The library computes `q` where `with` already holds. The rules that this takes count as evaluated
//! from then on, and what they gave is forgotten, so that below `with` they are undefined. OPA
//! computes it before, and so is it written: `v := q; f with input as v`.

use std::ops::Range;

use super::{
    Edit, Source,
    keyword::{self, Names},
    negation::{copied, extent, goes_on},
};

/// `names` are those of all rules, and `functions` those that are functions.
pub(super) fn edits(source: &Source<'_>, names: &Names<'_>, functions: &Names<'_>) -> Vec<Edit> {
    let Some((_, package)) = keyword::package(source) else {
        return Vec::new();
    };
    let is_evaluated = |value: &Range<usize>| {
        value.clone().any(|at| {
            let word = source.word(at);
            let is_rule = || names.get(package).is_some_and(|it| it.contains(word));
            let is_import = || source.aliases.contains_key(word);
            let is_name = source.is_word(at) && !source.is_field(at);
            is_name && (word == "data" || is_import() || is_rule())
        })
    };
    let is_function = |value: &Range<usize>| {
        let is_path = source.end_of_path(value.start) == value.end;
        let last = source.word(value.end - 1);
        is_path && (last == "call" || functions.values().any(|names| names.contains(last)))
    };
    let mut edits = Vec::new();
    let mut done = 0;
    for at in 0..source.tokens.len() {
        if at < done || !source.is(at, "with") || source.is_field(at) {
            continue;
        }
        let start = start_of_literal(source, at);
        let (values, end) = values(source, at);
        done = end;
        let mut before = String::new();
        for value in values {
            if !is_evaluated(&value) || is_function(&value) {
                continue;
            }
            let Some(text) = copied(source, value.clone()) else {
                continue;
            };
            let name = format!("__with_{}__", value.start);
            // A bare name would be taken for one that is used too early.
            before.push_str(&format!("{name} := [{text}][0]; "));
            let (first, last) = (&source.tokens[value.start], &source.tokens[value.end - 1]);
            let range = first.range.start..last.range.end;
            let lines = source.text[range.clone()].matches('\n').collect::<String>();
            edits.push(Edit::new(range, name + &lines));
        }
        if before.is_empty() {
            continue;
        }
        let place = source.tokens[start].range.start;
        // A body of one literal needs braces for two.
        if start > 0 && source.is(start - 1, "if") {
            before.insert_str(0, "{ ");
            let last = source.tokens[end - 1].range.end;
            edits.push(Edit::new(last..last, " }"));
        }
        edits.push(Edit::new(place..place, before));
    }
    edits
}

/// The values behind each `as` of a literal, from its first `with` on, and where the literal ends.
fn values(source: &Source<'_>, with: usize) -> (Vec<Range<usize>>, usize) {
    let mut values = Vec::new();
    let mut at = with;
    loop {
        let path = source.end_of_path(at + 1);
        if !source.is(path, "as") {
            return (values, path.max(at + 1));
        }
        let (next, end) = extent(source, path);
        if path + 1 < next {
            values.push(path + 1..next);
        }
        if next >= end {
            return (values, end);
        }
        at = next;
    }
}

/// Where the literal begins that the `with` belongs to.
fn start_of_literal(source: &Source<'_>, with: usize) -> usize {
    let depth = source.tokens[with].depth;
    let mut at = with;
    while at > 0 {
        let before = &source.tokens[at - 1];
        let is_next_line = source.tokens[at].line > source.last_line(at - 1)
            && source.tokens[at].depth == depth
            && !goes_on(source, at)
            && !goes_on(source, at - 1);
        let ends = before.depth == depth
            && ([";", "|"].iter().any(|mark| source.is(at - 1, mark))
                || (source.is(at - 1, "if") && !source.is_field(at - 1)));
        if before.depth < depth || is_next_line || ends {
            break;
        }
        at -= 1;
    }
    at
}
