//! What Rego has and the library has not, put into words that it knows before it reads a module.
//!
//! | written | read |
//! |---|---|
//! | `$"a {x}"` | `internal.template_string(["a ", {v \| v := x}])` |
//! | `net.cidr_merge(a, x)`, where the builtin is ours | `net.cidr_merge(a) = x` |
//! | `with io.jwt.decode as f`, and `with f as count` | a function of a module that we add |
//! | `not.foo := 1` | `foo := 1` in a module of package `not` below |
//!
//! Every line stays where it was, and [`Columns`] knows where in its line a word came from, so that
//! errors and coverage name the place that was written.

mod keyword;
mod mock;
mod template;
mod token;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

pub(crate) use token::end_of_string;
use token::{Kind, Token};

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
    pub(crate) shifts: Shifts,
}

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
    let names = keyword::names(&read);
    let mut modules = Vec::new();
    for source in &read {
        let mut edits = template::edits(source);
        edits.extend(mock::edits(source, known, &mocked));
        edits.extend(keyword::references(source));
        let moved = keyword::moved(source, &names);
        for (keyword, rules) in &moved {
            let mut apart = edits.clone();
            apart.extend(keyword::apart(source, keyword, rules, &names));
            modules.push(source.edited(apart));
        }
        edits.extend(
            moved
                .values()
                .flatten()
                .map(|rule| blank(source, &rule.all)),
        );
        modules.push(source.edited(edits));
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
    source.edited(edits).text
}

/// A module that is read, and not yet changed.
struct Source<'a> {
    name: &'a str,
    text: &'a str,
    tokens: Vec<Token>,
    brackets: BTreeMap<usize, Bracket>,
    /// What imports call something.
    aliases: BTreeSet<&'a str>,
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
            tokens: token::tokens(text),
            brackets: BTreeMap::new(),
            aliases: BTreeSet::new(),
            variables: BTreeSet::new(),
        };
        source.brackets = source.brackets();
        for at in 0..source.tokens.len() {
            let follows = |text| at > 0 && source.is(at - 1, text);
            let is_other = source.is(at + 1, "(") || follows("as") || follows("with");
            if source.is_word(at) && !source.is_field(at) && !is_other {
                let word = source.word(at);
                source.variables.insert(word);
            }
            if source.is(at, "import") && source.tokens[at].depth == 0 && !source.is_field(at) {
                let end = source.end_of_path(at + 1);
                let alias = if source.is(end, "as") {
                    end + 1
                } else {
                    end - 1
                };
                let alias = source.word(alias);
                source.aliases.insert(alias);
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

    /// The words of a path, where it has nothing else: `io.jwt.decode`.
    fn path(&self, from: usize, to: usize) -> Option<&'a str> {
        let last = to.checked_sub(1).filter(|&last| last >= from)?;
        let all = self.tokens.get(from)?.range.start..self.tokens.get(last)?.range.end;
        let text = &self.text[all];
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
            shifts,
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
pub(crate) struct Columns(BTreeMap<String, Shifts>);

impl Columns {
    pub(crate) fn of(modules: &[Module]) -> Self {
        let mut columns = BTreeMap::new();
        for module in modules {
            let of_file: &mut Shifts = columns.entry(module.name.clone()).or_default();
            // Of the two modules that a file with keywords becomes, each has its own lines.
            for (line, shifts) in &module.shifts.0 {
                of_file.0.entry(*line).or_insert_with(|| shifts.clone());
            }
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
        let (name, shifts, rest) = self.0.iter().find_map(|(name, shifts)| {
            let rest = message.strip_prefix(name.as_str())?.strip_prefix(':')?;
            Some((name, shifts, rest))
        })?;
        let mut parts = rest.splitn(3, ':');
        let line: usize = parts.next()?.parse().ok()?;
        let column: usize = parts.next()?.parse().ok()?;
        let column = shifts.written(line, column);
        Some(Message::new(&format!(
            "{name}:{line}:{column}:{}",
            parts.next()?
        )))
    }
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
