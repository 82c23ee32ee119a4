//! Statements that begin with a parenthesis.
//!
//! The library takes `f` on one line and `(x + 1) > 2` on the next for a call of `f`.

use super::{Edit, Kind, Source};

pub(super) fn edits(source: &Source<'_>) -> Vec<Edit> {
    let begins = (1..source.tokens.len()).filter(|&at| {
        source.is(at, "(")
            && source.tokens[at].line > source.last_line(at - 1)
            && ends(source, at - 1)
    });
    let places = begins.map(|at| source.tokens[at - 1].range.end);
    places.map(|end| Edit::new(end..end, ";")).collect()
}

/// Whether an expression can end with that token.
pub(super) fn ends(source: &Source<'_>, at: usize) -> bool {
    match source.tokens[at].kind {
        Kind::Word => source.is_field(at) || !GO_ON.contains(&source.word(at)),
        Kind::Symbol => ["]", "}", ")"].iter().any(|bracket| source.is(at, bracket)),
        Kind::Number | Kind::String | Kind::Raw | Kind::TemplateEnd => true,
        _ => false,
    }
}

const GO_ON: [&str; 9] = [
    "if", "else", "not", "in", "with", "as", "some", "every", "contains",
];
