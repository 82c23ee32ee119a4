//! `not`, over something that is not defined.
//!
//! OPA computes what an expression is made of before it asks whether the expression does not hold:
//! `not input.x > 3` holds for an `input.x` of 2, and is undefined without one. Only what `not`
//! stands right before may be undefined, or a side of `==`: `not input.x`, `not f(1)`,
//! `not input.x == 3`. The library lets `not` hold wherever anything below it is undefined. So what
//! OPA computes first is asked for first: `type_name(input.x); not input.x > 3`.

use std::ops::Range;

use super::{Edit, Kind, Source};

pub(super) fn edits(source: &Source<'_>) -> Vec<Edit> {
    let places = (0..source.tokens.len()).filter(|&at| {
        source.is(at, "not")
            && !source.is_field(at)
            && !(source.is(at + 1, ".") && source.touches(at + 1))
    });
    places
        .filter_map(|at| before(source, at))
        .flatten()
        .collect()
}

/// What is to be asked before the literal that begins at `not`.
fn before(source: &Source<'_>, not: usize) -> Option<Vec<Edit>> {
    let (with, end) = extent(source, not);
    let mut operands = operands(source, not + 1..with);
    operands.retain(|operand| !is_bound(source, not, operand));
    let modifiers = copied(source, with..end)?;
    let mut text = String::new();
    for operand in operands {
        let operand = copied(source, operand)?;
        text.push_str(&format!("type_name({operand}) {modifiers}; "));
    }
    if text.is_empty() {
        return None;
    }
    let start = source.tokens[not].range.start;
    // A body of one literal needs braces for two.
    let is_alone = not > 0 && source.is(not - 1, "if");
    let last = source.tokens[end - 1].range.end;
    let mut edits = vec![Edit::new(start..start, text)];
    if is_alone {
        edits[0].text.insert_str(0, "{ ");
        edits.push(Edit::new(last..last, " }"));
    }
    Some(edits)
}

/// Whether it is a variable that the body around `not`, or one that this body is a part of, gives a value:
/// `x := …`, `some x in …`. Without a value there is nothing to ask.
fn is_bound(source: &Source<'_>, not: usize, operand: &Range<usize>) -> bool {
    let is_variable = operand.len() == 1 && source.is_word(operand.start);
    let name = source.word(operand.start);
    let first = not.saturating_sub(MAX_LOOKED_AT);
    let gives = |at: usize| {
        let comes = |back: usize, word: &str| at >= back && source.is(at - back, word);
        source.is(at, name)
            && !source.is_field(at)
            && (source.is(at + 1, ":=")
                || (comes(1, "some") && source.is(at + 1, "in"))
                || (comes(1, "some") && source.is(at + 1, ",") && source.is(at + 3, "in"))
                || (comes(3, "some") && comes(1, ",") && source.is(at + 1, "in")))
    };
    let around = |open: usize| {
        source
            .brackets
            .get(&open)
            .map(|bracket| (open, bracket.close))
    };
    let is_body_of = |at: usize| {
        let opens = (first..at).rev().find(|&open| {
            let is_around = |(_, close): &(usize, usize)| *close > at;
            source.tokens[open].depth < source.tokens[at].depth
                && around(open).as_ref().is_some_and(is_around)
        });
        opens
            .and_then(around)
            .is_some_and(|(open, close)| open < not && not < close)
    };
    is_variable && (first..not).rev().any(|at| gives(at) && is_body_of(at))
}

/// Where the expression behind `not` ends, and where its modifiers do.
pub(super) fn extent(source: &Source<'_>, not: usize) -> (usize, usize) {
    let depth = source.tokens[not].depth;
    let mut with = None;
    let mut at = not + 1;
    while let Some(token) = source.tokens.get(at) {
        if token.depth < depth || (token.depth == depth && closes(source, at)) {
            break;
        }
        if token.depth == depth {
            let is_next_line = token.line > source.last_line(at - 1);
            if source.is(at, ";")
                || (source.is(at, "else") && !source.is_field(at))
                || (is_next_line && !goes_on(source, at) && !goes_on(source, at - 1))
            {
                break;
            }
            if source.is(at, "with") && !source.is_field(at) {
                with.get_or_insert(at);
            }
        }
        at += 1;
    }
    (with.unwrap_or(at), at)
}

/// Whether the bracket that the literal stands in ends here.
fn closes(source: &Source<'_>, at: usize) -> bool {
    let open = ["]", "}", ")"].iter().any(|bracket| source.is(at, bracket));
    open && source
        .opener(at)
        .is_none_or(|open| source.tokens[open].depth < source.tokens[at].depth)
}

pub(super) fn goes_on(source: &Source<'_>, at: usize) -> bool {
    let is_operator = OPERATORS.iter().flat_map(|level| level.iter());
    is_operator
        .chain(&["with", "as", ","])
        .any(|word| source.is(at, word))
        && !source.is_field(at)
}

/// What OPA computes before it asks whether the expression does not hold.
fn operands(source: &Source<'_>, expression: Range<usize>) -> Vec<Range<usize>> {
    let mut expression = expression;
    while let Some(inside) = parenthesised(source, &expression) {
        expression = inside;
    }
    let (start, end) = (expression.start, expression.end);
    let mut found = Vec::new();
    let mut add = |range: Range<usize>| {
        if can_be_undefined(source, &range) {
            found.push(range);
        }
    };
    match operator(source, &expression) {
        Some((at, is_equality)) => {
            for side in [start..at, at + 1..end] {
                for side in split(source, &side) {
                    if is_equality && is_reference(source, &side) {
                        continue;
                    }
                    // Of `f(x)[0]` and `[x][0]` what stands before the brackets.
                    let literal = || {
                        source
                            .brackets
                            .get(&side.start)
                            .map(|bracket| bracket.close)
                    };
                    let close = call(source, &side).map(|(_, close)| close).or_else(literal);
                    let close = close.filter(|_| is_equality && operator(source, &side).is_none());
                    add(side.start..close.map_or(side.end, |close| close + 1));
                }
            }
        }
        None => match call(source, &expression) {
            Some((open, close)) if close + 1 == end => {
                split(source, &(open + 1..close)).into_iter().for_each(add);
            }
            Some((_, close)) => add(start..close + 1),
            None if source.is_word(start) => {
                // A reference: what stands in its brackets.
                let brackets = (start..end).filter(|&at| {
                    source.is(at, "[") && source.tokens[at].depth == source.tokens[start].depth
                });
                for open in brackets {
                    if let Some(bracket) = source.brackets.get(&open) {
                        add(open + 1..bracket.close);
                    }
                }
            }
            None => add(start..end),
        },
    }
    // Where `not` is over all values of something, OPA refuses it; nothing can be asked before.
    let is_wild = |range: &Range<usize>| range.clone().any(|at| source.is(at, "_"));
    if found.iter().any(is_wild) {
        found.clear();
    }
    found
}

/// The inside of an expression that stands in parentheses.
pub(super) fn parenthesised(
    source: &Source<'_>,
    expression: &Range<usize>,
) -> Option<Range<usize>> {
    let bracket = source.brackets.get(&expression.start)?;
    let is_whole = source.is(expression.start, "(") && bracket.close + 1 == expression.end;
    is_whole.then(|| expression.start + 1..bracket.close)
}

/// The operator that is applied last, and whether it is one of equality.
pub(super) fn operator(source: &Source<'_>, expression: &Range<usize>) -> Option<(usize, bool)> {
    let depth = source.tokens.get(expression.start)?.depth;
    for level in OPERATORS {
        let found = (expression.start + 1..expression.end).rev().find(|&at| {
            source.tokens[at].depth == depth
                && !source.is_field(at)
                && level.iter().any(|word| source.is(at, word))
        });
        if let Some(at) = found {
            return Some((at, ["==", "=", ":="].iter().any(|word| source.is(at, word))));
        }
    }
    None
}

/// The parentheses of a call that the expression begins with.
fn call(source: &Source<'_>, expression: &Range<usize>) -> Option<(usize, usize)> {
    if !source.is_word(expression.start) {
        return None;
    }
    let open = source.end_of_path(expression.start);
    let bracket = source
        .brackets
        .get(&open)
        .filter(|_| source.is(open, "("))?;
    (bracket.close < expression.end).then_some((open, bracket.close))
}

/// The parts between commas.
pub(super) fn split(source: &Source<'_>, range: &Range<usize>) -> Vec<Range<usize>> {
    let Some(depth) = source.tokens.get(range.start).map(|token| token.depth) else {
        return Vec::new();
    };
    let mut parts = Vec::new();
    let mut start = range.start;
    for at in range.clone().chain([range.end]) {
        let is_end = at == range.end;
        if is_end || (source.is(at, ",") && source.tokens[at].depth == depth) {
            if start < at {
                parts.push(start..at);
            }
            start = at + 1;
        }
    }
    parts
}

/// Whether it is a name with fields, or a scalar.
fn is_reference(source: &Source<'_>, range: &Range<usize>) -> bool {
    let depth = source.tokens[range.start].depth;
    let is_scalar = range.len() == 1;
    let begins = source.is_word(range.start);
    let has_call = range
        .clone()
        .any(|at| source.is(at, "(") && source.tokens[at].depth == depth);
    is_scalar || (begins && !has_call && operator(source, range).is_none())
}

/// Whether all of it is one comprehension.
pub(super) fn is_comprehension(source: &Source<'_>, range: &Range<usize>) -> bool {
    source.brackets.get(&range.start).is_some_and(|bracket| {
        let mut inside = range.start + 1..bracket.close;
        let depth = source.tokens[range.start].depth + 1;
        bracket.close + 1 == range.end
            && inside.any(|at| source.is(at, "|") && source.tokens[at].depth == depth)
    })
}

/// Whether there is a name in it, or a place in a literal. What a comprehension makes is defined.
pub(super) fn can_be_undefined(source: &Source<'_>, range: &Range<usize>) -> bool {
    let is_name = |at: usize| {
        source.is_word(at) && !["true", "false", "null", "set"].contains(&source.word(at))
    };
    let is_place = |at: usize| {
        let behind = |bracket: &&str| at > range.start && source.is(at - 1, bracket);
        source.is(at, "[") && source.touches(at) && ["]", "}", ")"].iter().any(behind)
    };
    !is_comprehension(source, range) && range.clone().any(|at| is_name(at) || is_place(at))
}

/// The same on one line; nothing where it cannot be.
pub(super) fn copied(source: &Source<'_>, range: Range<usize>) -> Option<String> {
    let mut text = String::new();
    for at in range.clone() {
        let (word, kind) = (source.word(at), source.tokens[at].kind);
        if !matches!(
            kind,
            Kind::Word | Kind::Number | Kind::String | Kind::Raw | Kind::Symbol
        ) {
            return None;
        }
        if at > range.start && !source.touches(at) {
            text.push(' ');
        }
        match kind {
            Kind::Raw if word.contains('\n') => {
                let inside = word.trim_matches('`');
                text.push_str(&serde_json::Value::from(inside).to_string());
            }
            _ => text.push_str(word),
        }
    }
    Some(text)
}

/// In tokens before a `not`: what gives a variable its value stands near.
const MAX_LOOKED_AT: usize = 500;

/// By how late they are applied.
const OPERATORS: [&[&str]; 7] = [
    &[":=", "="],
    &["in"],
    &["==", "!=", "<", "<=", ">", ">="],
    &["|"],
    &["&"],
    &["+", "-"],
    &["*", "/", "%"],
];
