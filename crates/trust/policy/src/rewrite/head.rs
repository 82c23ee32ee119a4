//! Values in the heads of rules: `deny contains texts[k] if { some k in keys }`.
//!
//! Where such a value is undefined for one of the ways to satisfy the body, the library gives up on
//! all of them: a set of reasons is empty then, and nothing is denied. So the value is computed in the
//! body, where what is undefined ends one way and no other. So is a list or an object of nothing but
//! constants, `deny[k] := [1, 2]`, which is defined: the library looks at its memory before each statement of a
//! body, and not before a head.

use std::ops::Range;

use super::{
    Edit, Source, keyword, lines,
    negation::{can_be_undefined, copied, is_comprehension},
    token::Kind,
};

pub(super) fn edits(source: &Source<'_>) -> Vec<Edit> {
    keyword::rules(source)
        .filter(|&(start, _)| keyword::head(source, start) == start)
        .flat_map(|(start, end)| parts(source, start, end))
        .filter_map(|part| edits_of(source, &part))
        .flatten()
        .collect()
}

/// A head with its bodies, or an `else` with its own.
struct Part {
    values: Vec<Range<usize>>,
    /// Whether there can be a value for each way to satisfy a body.
    is_keyed: bool,
    bodies: Vec<Body>,
}

enum Body {
    /// By its brackets.
    Braces(usize),
    /// One literal behind `if`, and what comes behind it.
    Literal(Range<usize>),
}

/// The rule from `start` to `end`, cut at each `else`.
fn parts(source: &Source<'_>, start: usize, end: usize) -> Vec<Part> {
    let is_else = |at: &usize| is(source, *at, &["else"]);
    let mut cuts: Vec<usize> = (start..end).filter(is_else).collect();
    cuts.insert(0, start);
    cuts.push(end);
    let pairs = cuts.windows(2);
    pairs
        .filter_map(|pair| part(source, pair[0], pair[1]))
        .collect()
}

fn part(source: &Source<'_>, start: usize, end: usize) -> Option<Part> {
    let find = |words: &[&str], from: usize| (from..end).find(|&at| is(source, at, words));
    let condition = find(&["if"], start);
    let assign = find(&[":=", "=", "contains"], start)
        .filter(|&at| condition.is_none_or(|condition| at < condition));
    // A body of Rego v0 stands behind the head without a word between.
    let begin = match condition {
        Some(condition) => condition + 1,
        None => {
            let opens = |at: &usize| {
                source.is(*at, "{")
                    && source.tokens[*at].depth == 0
                    && lines::ends(source, *at - 1)
                    && assign.is_none_or(|assign| assign + 1 < *at)
            };
            (start + 1..end).find(opens)?
        }
    };
    let mut values = Vec::new();
    let head = assign.or(condition).unwrap_or(begin);
    if let Some(assign) = assign {
        values.push(assign + 1..condition.unwrap_or(begin));
    }
    // What stands in the brackets of the name.
    let brackets = (start..head).filter(|&at| source.is(at, "[") && source.tokens[at].depth == 0);
    let mut is_keyed = false;
    for open in brackets {
        let bracket = source.brackets.get(&open)?;
        is_keyed |= (open + 1..bracket.close).any(|at| source.is_word(at));
        values.push(open + 1..bracket.close);
    }
    let mut bodies = Vec::new();
    if source.is(begin, "{") && is_body(source, begin, end) {
        let mut at = begin;
        while let Some(bracket) = source.brackets.get(&at).filter(|_| source.is(at, "{")) {
            bodies.push(Body::Braces(bracket.close));
            at = bracket.close + 1;
        }
    } else if condition.is_some() && begin < end {
        bodies.push(Body::Literal(begin..end));
    }
    Some(Part {
        values,
        is_keyed,
        bodies,
    })
}

/// Whether the bracket is a body, and not the first term of one: `if {x | y} == z`.
fn is_body(source: &Source<'_>, open: usize, end: usize) -> bool {
    let Some(bracket) = source.brackets.get(&open) else {
        return false;
    };
    let behind = bracket.close + 1;
    behind >= end || source.is(behind, "{") || is(source, behind, &["else"])
}

fn edits_of(source: &Source<'_>, part: &Part) -> Option<Vec<Edit>> {
    let mut edits = Vec::new();
    let mut statements = String::new();
    for value in &part.values {
        let is_copied =
            can_be_undefined(source, value) || (part.is_keyed && is_collection(source, value));
        if value.len() < 2 || !is_copied {
            continue;
        }
        if value.clone().skip(1).any(|at| is_side_by_side(source, at)) {
            return None;
        }
        let name = format!("__value_{}__", value.start);
        let range = source.tokens[value.start].range.start..source.tokens[value.end - 1].range.end;
        let lines = source.text[range.clone()].matches('\n');
        statements.push_str(&format!("; {name} := {}", copied(source, value.clone())?));
        edits.push(Edit::new(range, name + &lines.collect::<String>()));
    }
    if edits.is_empty() || part.bodies.is_empty() {
        return None;
    }
    for body in &part.bodies {
        match body {
            Body::Braces(close) => {
                let place = source.tokens[*close].range.start;
                edits.push(Edit::new(place..place, format!("{statements} ")));
            }
            Body::Literal(literal) => {
                let place = source.tokens[literal.start].range.start;
                edits.push(Edit::new(place..place, "{ "));
                let place = source.tokens[literal.end - 1].range.end;
                edits.push(Edit::new(place..place, format!("{statements} }}")));
            }
        }
    }
    Some(edits)
}

/// Whether it has parts of its own. Those of a comprehension are looked at where they are made.
fn is_collection(source: &Source<'_>, value: &Range<usize>) -> bool {
    let mut opens = |at| source.is(at, "[") || source.is(at, "{");
    !is_comprehension(source, value) && value.clone().any(&mut opens)
}

/// Whether a term follows another with nothing between, which is no value and nothing else either.
fn is_side_by_side(source: &Source<'_>, at: usize) -> bool {
    let is_term = |at: usize| {
        let token = &source.tokens[at];
        let is_operator = ["in", "not", "some", "every", "with", "as"].contains(&source.word(at));
        match token.kind {
            Kind::String | Kind::Raw | Kind::Number => true,
            Kind::Word => !is_operator || source.is_field(at),
            _ => false,
        }
    };
    is_term(at - 1) && is_term(at)
}

/// Whether one of those words stands there, outside of all brackets.
fn is(source: &Source<'_>, at: usize, words: &[&str]) -> bool {
    source.tokens.get(at).is_some_and(|token| token.depth == 0)
        && !source.is_field(at)
        && words.iter().any(|word| source.is(at, word))
}
