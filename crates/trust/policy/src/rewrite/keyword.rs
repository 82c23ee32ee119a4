//! Rules whose names begin with a keyword: `not.foo := 1`.
//!
//! The library takes a keyword behind a dot, and nowhere else. A rule `not.foo` of package `a` is the
//! rule `foo` of package `a.not`, so it is moved there: into a module of its own, on the same lines.
//! What its body calls by a bare name is imported from the package it came from.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use super::{Edit, Kind, Source, blank};

/// A rule that is moved.
pub(super) struct Rule {
    /// All of it.
    pub(super) all: Range<usize>,
    /// The keyword and its dot.
    keyword: Range<usize>,
}

/// The first names of the rules of each package.
pub(super) type Names<'a> = BTreeMap<&'a str, BTreeSet<&'a str>>;

/// Of those rules that `wanted` says, of whom it is told whether they are functions.
pub(super) fn names<'a>(sources: &[Source<'a>], wanted: fn(bool) -> bool) -> Names<'a> {
    let mut names = Names::new();
    for source in sources {
        let Some((_, package)) = package(source) else {
            continue;
        };
        let heads = rules(source).map(|(start, _)| head(source, start));
        let heads = heads.filter(|&at| wanted(source.is(source.end_of_path(at), "(")));
        let words = heads.map(|at| source.word(at));
        names.entry(package).or_default().extend(words);
    }
    names
}

/// References to such rules in the package they stand in.
pub(super) fn references(source: &Source<'_>) -> Vec<Edit> {
    let Some((_, package)) = package(source) else {
        return Vec::new();
    };
    let heads: BTreeSet<usize> = rules(source)
        .map(|(start, _)| head(source, start))
        .collect();
    let places = (0..source.tokens.len())
        .filter(|&at| begins_with_keyword(source, at) && !heads.contains(&at));
    places
        .map(|at| {
            let start = source.tokens[at].range.start;
            Edit::new(start..start, format!("data.{package}."))
        })
        .collect()
}

/// The rules of `source` that begin with a keyword, by that keyword. None, where a name in one would
/// mean something else in its new place.
pub(super) fn moved<'a>(source: &Source<'a>, names: &Names<'_>) -> BTreeMap<&'a str, Vec<Rule>> {
    let mut moved: BTreeMap<&str, Vec<Rule>> = BTreeMap::new();
    let Some((_, package)) = package(source) else {
        return moved;
    };
    let mut moved_names: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut used: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (start, end) in rules(source) {
        let at = head(source, start);
        if !begins_with_keyword(source, at) {
            continue;
        }
        let token = |at: usize| source.tokens[at].range.clone();
        moved.entry(source.word(at)).or_default().push(Rule {
            all: token(start).start..token(end - 1).end,
            keyword: token(at).start..token(at + 1).end,
        });
        let names = moved_names.entry(source.word(at)).or_default();
        names.insert(source.word(at + 2));
        let words = words(source, at + 3..end);
        used.entry(source.word(at)).or_default().extend(words);
    }
    let siblings = names.get(package);
    moved.retain(|keyword, _| {
        let clashes = moved_names[keyword].intersection(&used[keyword]);
        !clashes
            .into_iter()
            .any(|name| siblings.is_some_and(|siblings| siblings.contains(name)))
    });
    moved
}

/// What makes of `source` the module that has its rules with `keyword`, and nothing else.
pub(super) fn apart(
    source: &Source<'_>,
    keyword: &str,
    moved: &[Rule],
    names: &Names<'_>,
) -> Vec<Edit> {
    let Some((end, package)) = package(source) else {
        return Vec::new();
    };
    let moved: BTreeMap<usize, &Rule> = moved.iter().map(|rule| (rule.all.start, rule)).collect();
    let mut edits = Vec::new();
    let mut used = BTreeSet::new();
    for (start, end) in rules(source) {
        let all = source.tokens[start].range.start..source.tokens[end - 1].range.end;
        match moved.get(&all.start) {
            Some(rule) => {
                edits.push(Edit::new(rule.keyword.clone(), ""));
                used.extend(words(source, start..end));
            }
            None => edits.push(blank(source, &all)),
        }
    }
    let mut text = format!(".{keyword}");
    for name in names.get(package).into_iter().flatten() {
        if used.contains(name) && !is_keyword(name) && !source.aliases.contains_key(name) {
            text.push_str(&format!(" import data.{package}.{name}"));
        }
    }
    let place = source.tokens[end - 1].range.end;
    edits.push(Edit::new(place..place, text));
    edits
}

/// Where the name of the package ends, and what it is.
pub(super) fn package<'a>(source: &Source<'a>) -> Option<(usize, &'a str)> {
    if !source.is(0, "package") || !source.is_word(1) {
        return None;
    }
    let end = source.end_of_path(1);
    let range = source.tokens.get(1)?.range.start..source.tokens.get(end - 1)?.range.end;
    Some((end, &source.text[range]))
}

/// The first tokens of the rules, and those behind their last.
pub(super) fn rules(source: &Source<'_>) -> impl Iterator<Item = (usize, usize)> {
    let mut starts: Vec<usize> = (1..source.tokens.len())
        .filter(|&at| is_start(source, at))
        .collect();
    starts.push(source.tokens.len());
    let mut rules = Vec::new();
    for pair in starts.windows(2) {
        if !source.is(pair[0], "import") || source.is(pair[0] + 1, ".") {
            rules.push((pair[0], pair[1]));
        }
    }
    rules.into_iter()
}

/// The token that begins the name of the rule that begins at `start`.
pub(super) fn head(source: &Source<'_>, start: usize) -> usize {
    if source.is(start, "default") && !begins_with_keyword(source, start) {
        start + 1
    } else {
        start
    }
}

/// Whether a statement of the module begins here: on a new line, outside of all brackets, where
/// neither the word nor the one before says that something goes on.
fn is_start(source: &Source<'_>, at: usize) -> bool {
    let (token, before) = (&source.tokens[at], &source.tokens[at - 1]);
    if token.depth > 0 || token.kind != Kind::Word || token.line == source.last_line(at - 1) {
        return false;
    }
    if matches!(before.kind, Kind::Symbol) && !matches!(source.word(at - 1), "]" | "}" | ")") {
        return false;
    }
    let goes_on = |at: usize, words: &[&str]| {
        source.is_word(at)
            && words.contains(&source.word(at))
            && !source.is_field(at)
            && !begins_with_keyword(source, at)
    };
    !goes_on(at, &["if", "else", "with", "contains", "in", "as"])
        && !goes_on(
            at - 1,
            &[
                "if", "else", "with", "contains", "in", "as", "default", "not", "some", "every",
                "import", "package",
            ],
        )
}

/// Whether a reference begins here with a word that nothing else could begin with.
fn begins_with_keyword(source: &Source<'_>, at: usize) -> bool {
    is_keyword(source.word(at))
        && source.is_word(at)
        && !source.is_field(at)
        && source.is(at + 1, ".")
        && source.touches(at + 1)
        && source.is_word(at + 2)
        && source.touches(at + 2)
}

/// The bare names in a piece of source.
fn words<'a>(source: &Source<'a>, tokens: Range<usize>) -> Vec<&'a str> {
    tokens
        .filter(|&at| source.is_word(at) && !source.is_field(at))
        .map(|at| source.word(at))
        .collect()
}

fn is_keyword(word: &str) -> bool {
    KEYWORDS.contains(&word)
}

const KEYWORDS: &[&str] = &[
    "as", "contains", "default", "else", "every", "false", "if", "import", "in", "not", "null",
    "package", "some", "true", "with",
];
