//! One head with several bodies: `deny[msg] { ... } { ... }` of Rego v0.
//!
//! They are as many rules. The library reads them of functions and of complete rules, and refuses
//! them of sets; so the head is said again.

use super::{Edit, Kind, Source};

pub(super) fn edits(source: &Source<'_>) -> Vec<Edit> {
    let mut edits = Vec::new();
    let mut head = None;
    for at in 0..source.tokens.len() {
        let token = &source.tokens[at];
        if token.depth > 0 {
            continue;
        }
        let follows_body = at > 0 && source.is(at - 1, "}");
        if source.is(at, "{") && follows_body {
            if let Some(head) = head.and_then(|(from, to)| set(source, from, to)) {
                let start = token.range.start;
                edits.push(Edit::new(start..start, format!("{head} ")));
            }
        } else if source.is(at, "{") {
            // The first body of the head that was begun.
            if let Some((from, to @ None)) = head {
                head = Some((from, to.or(Some(at))));
            }
        } else if token.kind == Kind::Word
            && (at == 0 || follows_body || token.line > source.last_line(at - 1))
        {
            head = Some((at, None));
        }
    }
    edits
}

/// The text of a head that adds to a set, on one line.
fn set(source: &Source<'_>, from: usize, to: Option<usize>) -> Option<String> {
    let to = to?;
    // `name[...]` and nothing behind it.
    let is_set = source.is(from + 1, "[")
        && source
            .brackets
            .get(&(from + 1))
            .is_some_and(|bracket| bracket.close + 1 == to);
    let head = source.range(from, to).filter(|_| is_set)?;
    (!head.contains('#')).then(|| head.replace('\n', " "))
}
