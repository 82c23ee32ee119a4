//! Builtins that the library does not know, where it treats those that it knows apart.
//!
//! It lets a call bind its result with one argument more, `count(a, x)`, and lets `with` replace a
//! builtin, but looks both up in its own table. A call that binds its result becomes an equation. A builtin of ours that some `with` replaces is called through a function in a module of
//! its own, and so is any builtin that stands in for something.

use std::collections::BTreeSet;

use super::{
    Edit, Known, Module, Shifts, Source,
    keyword::{self, Names},
    whole::GENERATED,
};

/// The builtins that need a function: ours that are replaced, and all that replace.
pub(super) fn mocked<'a>(source: &Source<'a>, known: Known) -> Vec<&'a str> {
    let mut names = Vec::new();
    for (from, to) in paths(source) {
        let Some(name) = source.path(from, to) else {
            continue;
        };
        let is_target = from > 0 && source.is(from - 1, "with") && (known.ours)(name).is_some();
        if is_target || is_stand_in(source, from, to, name, known) {
            names.push(name);
        }
    }
    names
}

pub(super) fn edits(source: &Source<'_>, known: Known, mocked: &BTreeSet<&str>) -> Vec<Edit> {
    let mut edits = Vec::new();
    for (from, to) in paths(source) {
        let Some(name) = source.path(from, to) else {
            continue;
        };
        let range = source.tokens[from].range.start..source.tokens[to - 1].range.end;
        let is_call = source.is(to, "(") && source.touches(to);
        let is_head = is_call && is_head(source, from);
        if let Some(arity) = (known.ours)(name)
            && !is_head
        {
            let is_target = from > 0 && source.is(from - 1, "with");
            if mocked.contains(name) && (is_call || is_target) {
                edits.push(Edit::new(range.clone(), path_of(name)));
            } else if is_call {
                edits.extend(equation(source, to, arity).into_iter().flatten());
            }
        }
        // The library binds a result too late for what stands in `every`.
        if let Some(arity) = (known.theirs)(name)
            && is_call
            && !is_head
            && name != "walk"
        {
            edits.extend(equation(source, to, arity).into_iter().flatten());
        }
        if is_stand_in(source, from, to, name, known) && mocked.contains(name) {
            edits.push(Edit::new(range, path_of(name)));
        }
    }
    edits
}

/// `with rule as x`, where the rule stands in the same package: by its full name.
pub(super) fn targets(source: &Source<'_>, names: &Names<'_>, functions: &Names<'_>) -> Vec<Edit> {
    let Some((_, package)) = keyword::package(source) else {
        return Vec::new();
    };
    let is_in = |names: &Names<'_>, word: &str| {
        names.get(package).is_some_and(|names| names.contains(word))
    };
    // The library knows functions by the name that they are called by.
    let of_package = |word: &str| is_in(names, word) && !is_in(functions, word);
    let places = paths(source).filter(|&(from, _)| {
        from > 0
            && source.is(from - 1, "with")
            && !source.is_field(from - 1)
            && of_package(source.word(from))
    });
    let starts = places.map(|(from, _)| source.tokens[from].range.start);
    starts
        .map(|at| Edit::new(at..at, format!("data.{package}.")))
        .collect()
}

/// A function that does what the builtin `name` does.
pub(super) fn module(name: &str, arity: usize) -> Module {
    let arguments: Vec<String> = (0..arity).map(|at| format!("a{at}")).collect();
    let arguments = arguments.join(", ");
    let text = format!("package {ROOT}.{name}\n\ncall({arguments}) := {name}({arguments})\n");
    Module {
        name: format!("{GENERATED}builtin {name}"),
        text,
        shifts: vec![Shifts::default()],
    }
}

fn path_of(name: &str) -> String {
    format!("data.{ROOT}.{name}.call")
}

/// Where the paths of the source begin and end, apart from those that begin with something imported.
fn paths<'s>(source: &'s Source<'_>) -> impl Iterator<Item = (usize, usize)> + 's {
    (0..source.tokens.len())
        .filter(|&at| source.is_word(at) && !source.is_field(at))
        .filter(|&at| !source.aliases.contains_key(source.word(at)))
        .map(|at| (at, source.end_of_path(at)))
}

/// `with f as count`. A name without a dot can be a variable as well; it is one where it is used
/// other than by calling it.
fn is_stand_in(source: &Source<'_>, from: usize, to: usize, name: &str, known: Known) -> bool {
    let is_known = (known.ours)(name).or((known.theirs)(name)).is_some();
    let goes_on = source.is(to, "(") || (source.is(to, "[") && source.touches(to));
    if !is_known || goes_on || from == 0 || !source.is(from - 1, "as") {
        return false;
    }
    name.contains('.') || !source.variables.contains(name)
}

/// Whether the call is the head of a rule: a policy may have functions of any name.
fn is_head(source: &Source<'_>, at: usize) -> bool {
    let token = &source.tokens[at];
    if token.depth > 0 {
        return false;
    }
    match at.checked_sub(1) {
        None => true,
        Some(before) if source.is(before, "default") => true,
        Some(before) => {
            source.tokens[before].line < token.line
                && !matches!(source.word(before), "if" | ":=" | "=" | "==")
        }
    }
}

/// `name(a, x)` with one argument too many becomes `name(a) = x`.
fn equation(source: &Source<'_>, open: usize, arity: usize) -> Option<Vec<Edit>> {
    let bracket = source.brackets.get(&open)?;
    if source.word(bracket.close) != ")" || bracket.close == open + 1 {
        return None;
    }
    let replace = |at: usize, text: &str| Edit::new(source.tokens[at].range.clone(), text);
    let mut edits = vec![replace(bracket.close, "")];
    let [before, mut last] = bracket.last_commas;
    let mut arguments = bracket.commas + 1;
    // A comma behind the last argument.
    if last + 1 == bracket.close {
        edits.push(replace(last, ""));
        last = before;
        arguments -= 1;
    }
    if arguments != arity + 1 {
        return None;
    }
    edits.push(match arity {
        0 => replace(open, "() ="),
        _ => replace(last, ") ="),
    });
    Some(edits)
}

/// The package of the functions.
const ROOT: &str = "__builtins__";
