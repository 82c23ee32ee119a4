//! `x := a in b`, where `a` or `b` is not defined.
//!
//! The library says that nothing is in what is not defined, and `x` is false; to OPA the expression is undefined, as a call is. As
//! a call it is put to the library. Where `in` is all of a statement, false and undefined come to the same.

use std::ops::Range;

use super::{
    Edit, Source,
    negation::{copied, extent, operator, parenthesised, split},
};

pub(super) fn edits(source: &Source<'_>) -> Vec<Edit> {
    let places = (1..source.tokens.len()).filter(|&at| {
        (source.is(at, ":=") || source.is(at, "="))
            && source.is_word(at - 1)
            && !source.is_field(at - 1)
    });
    places.filter_map(|at| edit(source, at)).collect()
}

fn edit(source: &Source<'_>, at: usize) -> Option<Edit> {
    let (end, _) = extent(source, at);
    let is_head =
        |it: &usize| source.is(*it, "if") && source.tokens[*it].depth == source.tokens[at].depth;
    let end = (at + 1..end).find(is_head).unwrap_or(end);
    let mut expression = at + 1..end;
    while let Some(inside) = parenthesised(source, &expression) {
        expression = inside;
    }
    let (place, _) = operator(source, &expression)?;
    if !source.is(place, "in") || !is_whole(source, &(place + 1..expression.end)) {
        return None;
    }
    let mut arguments = split(source, &(expression.start..place));
    let name = match arguments.len() {
        1 => "internal.member_2",
        2 => "internal.member_3",
        _ => return None,
    };
    arguments.push(place + 1..expression.end);
    let arguments: Option<Vec<String>> = arguments
        .into_iter()
        .map(|range| copied(source, range))
        .collect();
    let (first, last) = (
        &source.tokens[expression.start],
        &source.tokens[expression.end - 1],
    );
    let range = first.range.start..last.range.end;
    let lines = source.text[range.clone()].matches('\n').collect::<String>();
    Some(Edit::new(
        range,
        format!("{name}({}){lines}", arguments?.join(", ")),
    ))
}

/// Whether it is one name with fields, or one literal: behind the value of a rule a body may stand, and nothing between them.
fn is_whole(source: &Source<'_>, range: &Range<usize>) -> bool {
    let bracket = source.brackets.get(&range.start);
    let is_name = source.is_word(range.start) && source.end_of_path(range.start) == range.end;
    is_name || bracket.is_some_and(|bracket| bracket.close + 1 == range.end)
}
