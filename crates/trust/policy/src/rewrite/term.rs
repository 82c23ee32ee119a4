//! Terms that the library does not read: `-x`, and a place in what stands in parentheses, `(a | b)[x]`.

use super::{Edit, Source, lines};

pub(super) fn edits(source: &Source<'_>) -> Vec<Edit> {
    let places = 0..source.tokens.len();
    places
        .filter_map(|at| negative(source, at).or_else(|| place(source, at)))
        .flatten()
        .collect()
}

/// `(0 - x)` for `-x`. OPA takes a reference or a call there, and no parenthesis.
fn negative(source: &Source<'_>, at: usize) -> Option<[Edit; 2]> {
    let is_sign = source.is(at, "-") && (at == 0 || !lines::ends(source, at - 1));
    if !is_sign || !source.is_word(at + 1) {
        return None;
    }
    let last = source.end_of_term(at + 1).checked_sub(1)?;
    let end = source.tokens.get(last)?.range.end;
    Some([
        Edit::new(source.tokens[at].range.clone(), "(0 - "),
        Edit::new(end..end, ")"),
    ])
}

/// `[(a | b)][0][x]` for `(a | b)[x]`.
fn place(source: &Source<'_>, at: usize) -> Option<[Edit; 2]> {
    let is_call = source.touches(at)
        && (source.is_word(at - 1) || source.is(at - 1, "]") || source.is(at - 1, ")"));
    if !source.is(at, "(") || is_call {
        return None;
    }
    let close = source.brackets.get(&at)?.close;
    let is_place = source.is(close, ")") && source.is(close + 1, "[") && source.touches(close + 1);
    let (start, end) = (
        source.tokens[at].range.start,
        source.tokens[close].range.end,
    );
    is_place.then(|| [Edit::new(start..start, "["), Edit::new(end..end, "][0]")])
}
