//! What is imported, by its full name.
//!
//! The library evaluates all of a package where a reference goes through the alias of an import,
//! `lib.x` for `data.lib.x`. That finds recursion where there is none, fails for rules that nobody
//! asked for, and takes a rule for undefined that stands in a second file of the package and is
//! needed before its turn.

use super::{Edit, Source, keyword};

pub(super) fn edits(source: &Source<'_>) -> Vec<Edit> {
    let mut edits = Vec::new();
    if source.aliases.is_empty() {
        return edits;
    }
    for (start, end) in keyword::rules(source) {
        let uses = (start..end).filter_map(|at| {
            let word = source.word(at);
            let path = source.aliases.get(word)?;
            (source.is_word(at) && !source.is_field(at)).then_some((at, word, *path))
        });
        let uses: Vec<(usize, &str, &str)> = uses.collect();
        let goes_on = |at: usize| {
            source.touches(at + 1) && (source.is(at + 1, ".") || source.is(at + 1, "["))
        };
        for (at, word, path) in &uses {
            // A word that also stands alone can be a variable of the rule.
            let is_alone = |(at, other, _): &(usize, &str, &str)| other == word && !goes_on(*at);
            if path.starts_with("data.") && !uses.iter().any(is_alone) {
                edits.push(Edit::new(source.tokens[*at].range.clone(), *path));
            }
        }
    }
    edits
}
