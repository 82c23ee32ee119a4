//! A name for a name: `a := b`.
//!
//! The library refuses `m[a]` behind it as one of a variable that is used too early. It does not where
//! the name is taken out of an array.

use super::{Edit, Kind, Source, negation::goes_on};

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
