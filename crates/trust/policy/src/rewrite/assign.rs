//! What stands for a name: `a := b`, and `[path, value] := walk(x)`.
//!
//! The library refuses `m[a]` behind the first as one of a variable that is used too early. It does not
//! where the name is taken out of an array. Of the second it finds nothing at all: it goes over the
//! parts of `x` only where the pattern is an argument of `walk`.

use super::{
    Edit, Kind, Source, keyword,
    negation::{copied, goes_on},
};

/// `walk(x, [path, value])` for `[path, value] := walk(x)`.
pub(super) fn walks(source: &Source<'_>) -> Vec<Edit> {
    let calls = (2..source.tokens.len()).filter(|&at| {
        source.is(at, "walk")
            && source.is(at + 1, "(")
            && (source.is(at - 1, ":=") || source.is(at - 1, "="))
    });
    calls.filter_map(|at| walk(source, at)).flatten().collect()
}

fn walk(source: &Source<'_>, at: usize) -> Option<[Edit; 2]> {
    let bracket = source.brackets.get(&(at + 1))?;
    let start = match source.is(at - 2, "]") {
        true => source.opener(at - 2)?,
        false => at - 2,
    };
    let is_pattern = source.is(start, "[") || source.is_word(start);
    if bracket.commas > 0
        || !is_pattern
        || source.is_field(start)
        || source.tokens[start].depth == 0
    {
        return None;
    }
    let pattern = copied(source, start..at - 1)?;
    let range = source.tokens[start].range.start..source.tokens[at].range.start;
    let lines = source.text[range.clone()].matches('\n').collect::<String>();
    let close = source.tokens[bracket.close].range.start;
    Some([
        Edit::new(range, lines),
        Edit::new(close..close, format!(", {pattern}")),
    ])
}

pub(super) fn edits(source: &Source<'_>) -> Vec<Edit> {
    let places = (1..source.tokens.len()).filter(|&at| {
        source.is(at, ":=")
            && source.tokens[at].depth > 0
            && source.is_word(at - 1)
            && source.is_word(at + 1)
            && !["true", "false", "null", "set", "not", "every", "some"]
                .contains(&source.word(at + 1))
            && ends(source, at + 2)
    });
    places
        .map(|at| {
            let name = &source.tokens[at + 1];
            Edit::new(name.range.clone(), format!("[{}][0]", source.word(at + 1)))
        })
        .collect()
}

/// Whether the statement ends before that token.
fn ends(source: &Source<'_>, at: usize) -> bool {
    let Some(token) = source.tokens.get(at) else {
        return true;
    };
    let closes = [";", "}", "]", ")", "with"]
        .iter()
        .any(|word| source.is(at, word));
    let is_next_line = token.line > source.last_line(at - 1) && !goes_on(source, at);
    closes || is_next_line || token.kind == Kind::TemplateClose
}

/// Functions that are true of what they are given, and say no more: `is_open("0.0.0.0/0")`.
pub(super) fn facts(source: &Source<'_>) -> Vec<Edit> {
    let fact = |(start, end): (usize, usize)| {
        let head = keyword::head(source, start);
        let open = source.end_of_path(head);
        if head != start || !source.is_word(head) || !source.is(open, "(") || !source.touches(open)
        {
            return None;
        }
        let close = source.brackets.get(&open)?.close;
        if close + 1 != end || !source.is(close, ")") {
            return None;
        }
        let place = source.tokens.get(close)?.range.end;
        Some(Edit::new(place..place, " := true"))
    };
    keyword::rules(source).filter_map(fact).collect()
}
