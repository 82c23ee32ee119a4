//! What Rego has and the library has not, put into words that it knows before it reads a module.
//!
//! | written | read |
//! |---|---|
//! | `$"a {x}"` | `internal.template_string(["a ", {v \| v := x}])` |
//! | `net.cidr_merge(a, x)` | `net.cidr_merge(a) = x` |
//! | `with io.jwt.decode as f`, and `with f as count` | a function of a module that we add |
//! | `not input.x > 3` | `type_name(input.x); not input.x > 3` |
//! | `deny contains m[k] if { some k in y }` | `deny contains v if { some k in y; v := m[k] }` |
//! | `f` and on the next line `(x + 1) > 2` | `f;`, and the same |
//! | `a := b` | `a := [b][0]` |
//! | `x := a in b` | `x := internal.member_2(a, b)` |
//! | `[path, value] := walk(x)` | `walk(x, [path, value])` |
//! | `deny[m] { ... } { ... }` | `deny[m] { ... } deny[m] { ... }` |
//! | `f("a")` alone | `f("a") := true` |
//! | `lib.x`, where `data.lib` is imported | `data.lib.x` |
//! | `-x`, `(a \| b)[x]` | `(0 - x)`, `[(a \| b)][0][x]` |
//! | `f with input as q` | `v := [q][0]; f with input as v` |
//! | `test_x[name] if { some name in y; ... }` | the same, and `internal.test_case([name])` behind `y` |
//! | `[[x] \| some x in y]` | `[internal.collected([x]) \| some x in y]` |
//! | `rego.metadata.rule()` | what is said before the rule |
//! | `not.foo := 1` | `foo := 1` in a module of package `not` below |
//!
//! Every line stays where it was, and [`Columns`] knows where in its line a word came from, so that
//! errors and coverage name the place that was written.

mod alias;
mod assign;
mod bodies;
mod cases;
mod collected;
mod head;
mod keyword;
mod lines;
mod member;
mod metadata;
mod mock;
mod negation;
mod template;
mod term;
mod token;
mod whole;
mod with;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

pub(crate) use token::{Kind, Token, end_of_string, tokens};

use crate::{EngineError, engine::Message};

/// The builtins that a policy can name.
#[derive(Clone, Copy)]
pub(crate) struct Known {
    /// How many arguments one has that only we know, and the library does not.
    pub(crate) ours: fn(&str) -> Option<usize>,
    /// The same for those of the library.
    pub(crate) theirs: fn(&str) -> Option<usize>,
}

/// One module, as the library is to read it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Module {
    /// The file it comes from.
    pub(crate) name: String,
    pub(crate) text: String,
    /// By each pass over it, the first first.
    shifts: Vec<Shifts>,
}

impl Module {
    /// The same after more passes, each of which copies what the one before it changed.
    fn completed(mut self, passes: &[&Pass<'_>]) -> Self {
        let last: [&Pass<'_>; 5] = [
            &member::edits,
            &negation::edits,
            &head::edits,
            &bodies::edits,
            &collected::edits,
        ];
        for edits in passes.iter().chain(&last) {
            let source = Source::read(&self.name, &self.text);
            let edits = edits(&source);
            if !edits.is_empty() {
                let completed = source.edited(edits);
                self.shifts.extend(completed.shifts);
                self.text = completed.text;
            }
        }
        self
    }

    /// The column that was written, for the one that is read.
    #[cfg(test)]
    fn written(&self, line: usize, column: usize) -> usize {
        written(&self.shifts, line, column)
    }

    /// Whether it stands in no file.
    pub(crate) fn is_generated(name: &str) -> bool {
        name.starts_with(whole::GENERATED)
    }
}

/// What is to be changed in a source.
type Pass<'p> = dyn Fn(&Source<'_>) -> Vec<Edit> + 'p;

/// All modules of a policy together, because one can replace what another one calls.
pub(crate) fn modules(sources: &[(&str, &str)], known: Known) -> Vec<Module> {
    let read: Vec<Source> = sources
        .iter()
        .map(|(name, text)| Source::read(name, text))
        .collect();
    let mocked: BTreeSet<&str> = read
        .iter()
        .flat_map(|source| mock::mocked(source, known))
        .collect();
    let names = keyword::names(&read, |_| true);
    let functions = keyword::names(&read, |is_function| is_function);
    let values = |source: &Source<'_>| with::edits(source, &names, &functions);
    let passes: [&Pass<'_>; 3] = [&term::edits, &cases::edits, &values];
    let annotations = metadata::annotations(&read);
    let mut modules = whole::modules(&read);
    for (number, source) in read.iter().enumerate() {
        let mut edits = template::edits(source);
        if let Some(annotations) = &annotations {
            edits.extend(metadata::edits(source, number, annotations));
        }
        edits.extend(mock::edits(source, known, &mocked));
        edits.extend(mock::targets(source, &names, &functions));
        edits.extend(keyword::references(source));
        edits.extend(alias::edits(source));
        edits.extend(assign::edits(source));
        edits.extend(assign::walks(source));
        edits.extend(assign::facts(source));
        edits.extend(lines::edits(source));
        let moved = keyword::moved(source, &names);
        for (keyword, rules) in &moved {
            let mut apart = edits.clone();
            apart.extend(keyword::apart(source, keyword, rules, &names));
            modules.push(source.edited(apart).completed(&passes));
        }
        edits.extend(
            moved
                .values()
                .flatten()
                .map(|rule| blank(source, &rule.all)),
        );
        modules.push(source.edited(edits).completed(&passes));
    }
    for name in mocked {
        if let Some(arity) = (known.ours)(name).or_else(|| (known.theirs)(name)) {
            modules.push(mock::module(name, arity));
        }
    }
    modules
}

/// One text that is no module: a query.
pub(crate) fn query(text: &str, known: Known) -> String {
    let source = Source::read("query", text);
    let mut edits = template::edits(&source);
    edits.extend(mock::edits(&source, known, &BTreeSet::new()));
    edits.extend(lines::edits(&source));
    edits.extend(assign::walks(&source));
    source.edited(edits).completed(&[&term::edits]).text
}

/// A module that is read, and not yet changed.
struct Source<'a> {
    name: &'a str,
    text: &'a str,
    tokens: Vec<Token>,
    brackets: BTreeMap<usize, Bracket>,
    openers: BTreeMap<usize, usize>,
    /// What imports call something, and what that is.
    aliases: BTreeMap<&'a str, &'a str>,
    /// Words that stand for a value, and are not called.
    variables: BTreeSet<&'a str>,
}

/// What is known of a bracket, by the token that opens it.
#[derive(Clone, Copy, Debug)]
struct Bracket {
    close: usize,
    commas: usize,
    /// The last two, the last one last; zero where there are fewer.
    last_commas: [usize; 2],
}

impl<'a> Source<'a> {
    fn read(name: &'a str, text: &'a str) -> Self {
        let mut source = Self {
            name,
            text,
            tokens: tokens(text),
            brackets: BTreeMap::new(),
            openers: BTreeMap::new(),
            aliases: BTreeMap::new(),
            variables: BTreeSet::new(),
        };
        source.brackets = source.brackets();
        let openers = source.brackets.iter().map(|(open, it)| (it.close, *open));
        source.openers = openers.collect();
        for at in 0..source.tokens.len() {
            let follows = |text| at > 0 && source.is(at - 1, text);
            let is_other = source.is(at + 1, "(") || follows("as") || follows("with");
            if source.is_word(at) && !source.is_field(at) && !is_other {
                let word = source.word(at);
                source.variables.insert(word);
            }
            if source.is(at, "import") && source.tokens[at].depth == 0 && !source.is_field(at) {
                let end = source.end_of_path(at + 1);
                let path = source.range(at + 1, end).unwrap_or_default();
                let is_named = source.is(end, "as");
                let alias = source.word(if is_named { end + 1 } else { end - 1 });
                source.aliases.insert(alias, path);
            }
        }
        source
    }

    /// The text of a token; empty behind the last.
    fn word(&self, at: usize) -> &'a str {
        self.tokens
            .get(at)
            .map_or("", |token| &self.text[token.range.clone()])
    }

    /// Whether a token is that word or symbol, and no string.
    fn is(&self, at: usize, text: &str) -> bool {
        self.tokens.get(at).is_some_and(|token| {
            matches!(token.kind, Kind::Word | Kind::Symbol) && self.word(at) == text
        })
    }

    fn is_word(&self, at: usize) -> bool {
        self.tokens
            .get(at)
            .is_some_and(|token| token.kind == Kind::Word)
    }

    /// Whether a token follows the one before it without a gap.
    fn touches(&self, at: usize) -> bool {
        match (
            at.checked_sub(1).map(|at| &self.tokens[at]),
            self.tokens.get(at),
        ) {
            (Some(before), Some(token)) => before.range.end == token.range.start,
            _ => false,
        }
    }

    /// Whether a word is a field of what stands before it.
    fn is_field(&self, at: usize) -> bool {
        at > 0 && self.is(at - 1, ".") && self.touches(at)
    }

    /// The token behind the path of words and strings in brackets that begins at `at`.
    fn end_of_path(&self, at: usize) -> usize {
        let mut at = at + 1;
        loop {
            if self.is(at, ".") && self.touches(at) && self.is_word(at + 1) && self.touches(at + 1)
            {
                at += 2;
            } else if self.is(at, "[")
                && self.touches(at)
                && self.tokens.get(at + 1).map(|t| t.kind) == Some(Kind::String)
                && self.is(at + 2, "]")
            {
                at += 3;
            } else {
                return at.min(self.tokens.len());
            }
        }
    }

    /// The token behind the reference or call that begins at `at`.
    fn end_of_term(&self, at: usize) -> usize {
        let mut at = at + 1;
        while self.touches(at) {
            if self.is(at, ".") && self.is_word(at + 1) && self.touches(at + 1) {
                at += 2;
            } else if let Some(bracket) = self.brackets.get(&at).filter(|_| !self.is(at, "{")) {
                at = bracket.close + 1;
            } else {
                break;
            }
        }
        at.min(self.tokens.len())
    }

    /// From one token to the one before another.
    fn range(&self, from: usize, to: usize) -> Option<&'a str> {
        let last = to.checked_sub(1).filter(|&last| last >= from)?;
        let range = self.tokens.get(from)?.range.start..self.tokens.get(last)?.range.end;
        Some(&self.text[range])
    }

    /// The words of a path, where it has nothing else: `io.jwt.decode`.
    fn path(&self, from: usize, to: usize) -> Option<&'a str> {
        let text = self.range(from, to)?;
        text.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'))
            .then_some(text)
    }

    fn brackets(&self) -> BTreeMap<usize, Bracket> {
        let mut brackets = BTreeMap::new();
        let mut open: Vec<(usize, usize, [usize; 2])> = Vec::new();
        for (at, token) in self.tokens.iter().enumerate() {
            while let Some(&(start, commas, last_commas)) = open.last()
                && token.depth <= self.tokens[start].depth
            {
                open.pop();
                brackets.insert(
                    start,
                    Bracket {
                        close: at,
                        commas,
                        last_commas,
                    },
                );
            }
            match self.word(at) {
                "(" | "[" | "{" if token.kind == Kind::Symbol => open.push((at, 0, [0; 2])),
                "," if token.kind == Kind::Symbol => {
                    if let Some((_, commas, last_commas)) = open.last_mut() {
                        *commas += 1;
                        *last_commas = [last_commas[1], at];
                    }
                }
                _ => {}
            }
        }
        brackets
    }

    /// The bracket that the one at `close` closes.
    fn opener(&self, close: usize) -> Option<usize> {
        self.openers.get(&close).copied()
    }

    /// The line that a token ends on.
    fn last_line(&self, at: usize) -> usize {
        self.tokens[at].line + self.word(at).matches('\n').count()
    }

    fn edited(&self, mut edits: Vec<Edit>) -> Module {
        edits.sort_by_key(|edit| (edit.range.start, Reverse(edit.range.end)));
        let mut text = String::with_capacity(self.text.len());
        let mut shifts = Shifts::default();
        let (mut at, mut written, mut read) = (0, Place::default(), Place::default());
        for edit in edits {
            // What stands in a rule that is moved away is not changed in its old place.
            if edit.range.start < at {
                continue;
            }
            let kept = &self.text[at..edit.range.start];
            text.push_str(kept);
            text.push_str(&edit.text);
            at = edit.range.end;
            written.pass(kept);
            written.pass(&self.text[edit.range]);
            read.pass(kept);
            read.pass(&edit.text);
            shifts.record(written, read);
        }
        text.push_str(&self.text[at..]);
        Module {
            name: self.name.to_owned(),
            text,
            shifts: vec![shifts],
        }
    }
}

/// A piece of a source, and what stands there instead: as many lines.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Edit {
    range: Range<usize>,
    text: String,
}

impl Edit {
    fn new(range: Range<usize>, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { range, text }
    }
}

/// Nothing but the lines.
fn blank(source: &Source<'_>, range: &Range<usize>) -> Edit {
    let lines = source.text[range.clone()].matches('\n');
    Edit::new(range.clone(), lines.collect::<String>())
}

/// Where in its line a word stood before the modules were changed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Columns(BTreeMap<String, Vec<Vec<Shifts>>>);

impl Columns {
    pub(crate) fn of(modules: &[Module]) -> Self {
        let mut columns: BTreeMap<String, Vec<Vec<Shifts>>> = BTreeMap::new();
        for module in modules {
            let of_file = columns.entry(module.name.clone()).or_default();
            of_file.push(module.shifts.clone());
        }
        Self(columns)
    }

    /// The same error at the place that was written: `gate.rego:3:7: divide by zero`.
    pub(crate) fn place(&self, error: EngineError) -> EngineError {
        let place = |message: Message| self.placed(message.as_str()).unwrap_or(message);
        match error {
            EngineError::Parse(message) => EngineError::Parse(place(message)),
            EngineError::Evaluate(message) => EngineError::Evaluate(place(message)),
            error => error,
        }
    }

    fn placed(&self, message: &str) -> Option<Message> {
        let (name, modules, rest) = self.0.iter().find_map(|(name, modules)| {
            let rest = message.strip_prefix(name.as_str())?.strip_prefix(':')?;
            Some((name, modules, rest))
        })?;
        let mut parts = rest.splitn(3, ':');
        let line: usize = parts.next()?.parse().ok()?;
        let column: usize = parts.next()?.parse().ok()?;
        // Of the modules that a file with keywords becomes, each has lines of its own.
        let of_line = |module: &&Vec<Shifts>| module.iter().any(|pass| pass.0.contains_key(&line));
        let passes = modules.iter().find(of_line).map_or(&[][..], Vec::as_slice);
        let column = written(passes, line, column);
        Some(Message::new(&format!(
            "{name}:{line}:{column}:{}",
            parts.next()?
        )))
    }
}

fn written(passes: &[Shifts], line: usize, column: usize) -> usize {
    let passes = passes.iter().rev();
    passes.fold(column, |column, pass| pass.written(line, column))
}

/// For each line of a module: from which column on, how many there are too many.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shifts(BTreeMap<usize, Vec<(usize, isize)>>);

impl Shifts {
    /// Notes that what follows `written` follows `read` now.
    fn record(&mut self, written: Place, read: Place) {
        let shift = read.column.cast_signed() - written.column.cast_signed();
        let shifts = self.0.entry(written.line).or_default();
        shifts.push((read.column, shift));
    }

    /// The column that was written, for the one that was read. Both begin with 1.
    fn written(&self, line: usize, column: usize) -> usize {
        let shifts = self.0.get(&line).map_or(&[][..], Vec::as_slice);
        let mut before = 0;
        let mut shift = 0;
        for (from, now) in shifts {
            if column < *from {
                // Inside of what was put in: the place that it was put in for.
                let place = (from.cast_signed() - now).cast_unsigned();
                return column
                    .saturating_add_signed(-shift)
                    .clamp(before, place)
                    .max(1);
            }
            (before, shift) = ((from.cast_signed() - now).cast_unsigned(), *now);
        }
        column.saturating_add_signed(-shift).max(1)
    }
}

/// A place in a text, as the library counts: from one, and a tab is four columns.
#[derive(Clone, Copy, Debug)]
struct Place {
    line: usize,
    column: usize,
}

impl Default for Place {
    fn default() -> Self {
        Self { line: 1, column: 1 }
    }
}

impl Place {
    fn pass(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                '\n' => {
                    self.line += 1;
                    self.column = 1;
                }
                '\t' => self.column += 4,
                c => self.column += c.len_utf8(),
            }
        }
    }
}

#[cfg(test)]
mod tests;
