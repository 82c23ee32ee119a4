//! What a comprehension collects: `[[x, y] | some x in a; some y in b]`.
//!
//! The library looks at its memory before each statement, and for each step of most loops. It does not
//! for the steps of a `some` that is taken last, nor for those of places in the term itself, `[a[_] | true]`.
//! What is made there goes through a builtin, before which memory is looked at too.

use std::ops::Range;

use super::{Edit, Kind, Source, lines, negation::goes_on};

pub(super) fn edits(source: &Source<'_>) -> Vec<Edit> {
    let opens = source.brackets.keys();
    let terms = opens.filter_map(|&open| terms(source, open)).flatten();
    terms
        .filter(|term| term.len() > 1)
        .flat_map(|term| {
            let (first, last) = (&source.tokens[term.start], &source.tokens[term.end - 1]);
            let (start, end) = (first.range.start, last.range.end);
            [
                Edit::new(start..start, "internal.collected("),
                Edit::new(end..end, ")"),
            ]
        })
        .collect()
}

/// What stands before the `|` of a comprehension, a key and a value apart, where nothing looks at
/// what it takes.
fn terms(source: &Source<'_>, open: usize) -> Option<Vec<Range<usize>>> {
    if source.is(open, "(") {
        return None;
    }
    let depth = source.tokens[open].depth + 1;
    let close = source.brackets.get(&open)?.close;
    let (mut terms, mut start) = (Vec::new(), open + 1);
    for at in open + 1..close {
        if source.tokens[at].depth != depth {
            continue;
        }
        let is_end = source.is(at, "|");
        if is_end || source.is(at, ":") {
            terms.push(start..at);
            start = at + 1;
        } else if is_statement(source, at) || (at > start && begins(source, at)) {
            return None;
        }
        if is_end {
            let is_unseen = has_place(source, open + 1..at) || has_some(source, at + 1..close);
            return is_unseen.then_some(terms);
        }
    }
    None
}

/// Whether it is a word that a body of a rule can have before a `|`, and a term cannot.
fn is_statement(source: &Source<'_>, at: usize) -> bool {
    STATEMENTS.iter().any(|word| source.is(at, word)) && !source.is_field(at)
}

/// Whether a token does not go on with what the line before it ends with.
fn begins(source: &Source<'_>, at: usize) -> bool {
    let is_close = source.tokens[at].kind == Kind::Symbol && source.opener(at).is_some();
    let is_line = source.tokens[at].line > source.last_line(at - 1);
    is_line && !is_close && !goes_on(source, at) && !goes_on(source, at - 1)
}

/// Whether it may be over all places of something: `a[_]`.
fn has_place(source: &Source<'_>, mut term: Range<usize>) -> bool {
    term.any(|at| source.is(at, "[") && source.touches(at) && lines::ends(source, at - 1))
}

/// Whether a body has a `some`, which the library may take last wherever it stands.
fn has_some(source: &Source<'_>, mut body: Range<usize>) -> bool {
    let depth = source.tokens[body.start - 1].depth;
    body.any(|at| source.is(at, "some") && source.tokens[at].depth == depth && !source.is_field(at))
}

const STATEMENTS: [&str; 8] = [",", ";", ":=", "=", "with", "some", "every", "not"];
