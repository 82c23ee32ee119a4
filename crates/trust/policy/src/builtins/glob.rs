//! Whether two patterns can match the same text.

use std::{iter::Peekable, str::Chars};

use regorus::Value;

use super::{Answer, Builtin, Fault, Moment, string};

pub(super) const BUILTINS: &[Builtin] = &[Builtin::new("regex.globs_match", 2, globs_match)];

/// The patterns are of characters, `.`, sets in brackets, and `+` and `*` behind any of these. The
/// places in both that one text can lead to are followed until both are at their end; a text without
/// characters does not count.
fn globs_match(arguments: &[Value], _: Moment) -> Answer {
    let [a, b] = arguments else {
        return Err("expects two strings".into());
    };
    let (a, b) = (parse(string(a)?)?, parse(string(b)?)?);
    if (a.len() + 1).saturating_mul(b.len() + 1) > MAX_PLACES {
        return Err(Fault::refuse("would compare more than a million places"));
    }
    let width = b.len() + 1;
    let mut seen = vec![false; (a.len() + 1) * width * 2];
    let mut todo = vec![(0, 0, false)];
    while let Some((i, j, has_text)) = todo.pop() {
        let place = (i * width + j) * 2 + usize::from(has_text);
        if std::mem::replace(&mut seen[place], true) {
            continue;
        }
        if (i, j, has_text) == (a.len(), b.len(), true) {
            return Ok(Value::from(true));
        }
        let (left, right) = (a.get(i), b.get(j));
        if left.is_some_and(|part| part.repeats == Repeats::Any) {
            todo.push((i + 1, j, has_text));
        }
        if right.is_some_and(|part| part.repeats == Repeats::Any) {
            todo.push((i, j + 1, has_text));
        }
        let (Some(left), Some(right)) = (left, right) else {
            continue;
        };
        if !left.meets(right) {
            continue;
        }
        for next_i in left.next(i) {
            for next_j in right.next(j) {
                todo.push((next_i, next_j, true));
            }
        }
    }
    Ok(Value::from(false))
}

/// Some characters, and how often they may stand.
struct Part {
    /// None is every character.
    ranges: Option<Vec<(char, char)>>,
    repeats: Repeats,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Repeats {
    Once,
    Some,
    Any,
}

impl Part {
    fn meets(&self, other: &Self) -> bool {
        let (Some(a), Some(b)) = (&self.ranges, &other.ranges) else {
            return true;
        };
        a.iter()
            .any(|(first, last)| b.iter().any(|(from, to)| first <= to && from <= last))
    }

    /// Where one character leads to.
    fn next(&self, at: usize) -> impl Iterator<Item = usize> + use<> {
        let stays = self.repeats != Repeats::Once;
        std::iter::once(at + 1).chain(stays.then_some(at))
    }
}

fn parse(text: &str) -> Result<Vec<Part>, Fault> {
    let mut parts: Vec<Part> = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let ranges = match c {
            '+' | '*' => {
                let last = parts
                    .last_mut()
                    .filter(|part| part.repeats == Repeats::Once);
                let last = last.ok_or("was given a pattern with nothing before `+` or `*`")?;
                last.repeats = if c == '+' {
                    Repeats::Some
                } else {
                    Repeats::Any
                };
                continue;
            }
            '.' => None,
            '[' => Some(set(&mut rest)?),
            ']' => return Err("was given a pattern with a bracket that nothing opens".into()),
            '\\' => {
                let c = rest
                    .next()
                    .ok_or("was given a pattern that ends in a backslash")?;
                Some(vec![(c, c)])
            }
            c => Some(vec![(c, c)]),
        };
        parts.push(Part {
            ranges,
            repeats: Repeats::Once,
        });
    }
    Ok(parts)
}

fn set(rest: &mut Peekable<Chars<'_>>) -> Result<Vec<(char, char)>, Fault> {
    const WRONG: &str = "was given a pattern with a wrong set";
    let mut ranges = Vec::new();
    let literal = |c: char, rest: &mut Peekable<Chars<'_>>| match c {
        '\\' => rest.next().ok_or(WRONG),
        c => Ok(c),
    };
    while let Some(c) = rest.next() {
        if c == ']' {
            return if ranges.is_empty() {
                Err(WRONG.into())
            } else {
                Ok(ranges)
            };
        }
        let first = literal(c, rest)?;
        let mut last = first;
        if rest.peek() == Some(&'-') {
            rest.next();
            let c = rest.next().filter(|&c| c != ']').ok_or(WRONG)?;
            last = literal(c, rest)?;
        }
        if last < first || ranges.len() == MAX_RANGES {
            return Err(WRONG.into());
        }
        ranges.push((first, last));
    }
    Err(WRONG.into())
}

const MAX_PLACES: usize = 1_000_000;

const MAX_RANGES: usize = 256;
