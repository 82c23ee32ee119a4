//! What a file of TorchScript source defines and what it calls.
//!
//! No tree is built: a recogniser follows each expression token by token, and says of every call
//! what is called. What a token means is never guessed; one that stands where none of its kind is
//! known to stand is a fault, and the rest of its line is left alone.
//!
//! Names resolve as in `torch/csrc/jit/serialization/import_source.cpp`: `torch` and `ops` lead to
//! operators, `__torch__` to what the archive defines, `CONSTANTS` to its constants, and the method
//! of a value may be the operator of that name.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    expression::{self, Statement},
    lexer::{Kind, Lexer, Token},
};

/// What a file defines and uses.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// Classes and functions.
    pub(super) definitions: BTreeSet<String>,
    /// Methods of any class.
    pub(super) methods: BTreeSet<String>,
    /// Functions and methods that repeat something, and where.
    pub(super) loops: BTreeMap<String, usize>,
    /// The last part of the name of each function or method, and of what it calls.
    pub(super) calls: BTreeSet<(String, String)>,
    /// Modules of the archive that old versions import by name.
    pub(super) imports: BTreeSet<String>,
    /// Each use, and where it first stands.
    pub(super) uses: BTreeMap<Use, usize>,
    /// What was not understood, and where it first stands.
    pub(super) faults: BTreeMap<String, usize>,
    /// Whether the bytes are not even tokens.
    pub(super) is_foreign: bool,
    /// Why some of the code was not followed.
    pub(super) left_out: BTreeSet<&'static str>,
    /// How many bytes the names of the archive's other files may still take.
    pub(super) room: usize,
}

impl Reading {
    /// Takes room for a name of `length` bytes, if there is any.
    pub(super) fn takes(&mut self, length: usize) -> bool {
        let Some(room) = self.room.checked_sub(length.saturating_add(ENTRY)) else {
            self.left_out
                .insert("the code has more names than are followed");
            return false;
        };
        self.room = room;
        true
    }

    fn define(&mut self, name: &str, is_outermost: bool) {
        let is_new = match is_outermost {
            true => !self.definitions.contains(name),
            false => !self.methods.contains(name),
        };
        if is_new && self.takes(name.len()) {
            let defined = match is_outermost {
                true => &mut self.definitions,
                false => &mut self.methods,
            };
            defined.insert(name.to_owned());
        }
    }
}

/// What is used.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Use {
    /// An operator: namespace and name.
    Operator(String, String),
    /// A method that is called, or an operator in its place.
    Method(String),
    /// A name behind a point, in a line that was not understood.
    Mention(String),
    /// A name under `__torch__`.
    Defined(String),
}

impl Use {
    /// The last part of the name of what may be a function of the archive.
    fn called(&self) -> Option<&str> {
        match self {
            Self::Operator(..) => None,
            Self::Method(name) | Self::Mention(name) | Self::Defined(name) => {
                name.rsplit('.').next()
            }
        }
    }

    fn length(&self) -> usize {
        match self {
            Self::Operator(namespace, name) => namespace.len() + name.len(),
            Self::Method(name) | Self::Mention(name) | Self::Defined(name) => name.len(),
        }
    }
}

/// Reads a file, whose names may take `room` bytes.
pub(super) fn read(text: &str, room: usize) -> Reading {
    let mut reader = Reader::default();
    reader.reading.room = room;
    let mut line = Vec::new();
    let mut nested = 0_usize;
    let mut is_overlong = false;
    for token in Lexer::new(text) {
        if line.len() >= MOST_TOKENS {
            reader.leave_out("a statement of the code is longer than is followed");
            reader.mentions(&line);
            // An attribute may follow its point.
            line.drain(..MOST_TOKENS - 1);
            is_overlong = true;
        }
        match (token.kind, token.text) {
            (Kind::Fault, _) => {
                reader.reading.is_foreign = true;
                reader.fault("has a byte that begins no token", token.at);
            }
            (Kind::Newline, _) if nested == 0 => {
                reader.end(&line, text, is_overlong);
                is_overlong = false;
                line.clear();
            }
            (Kind::Newline, _) => {}
            (Kind::Symbol, symbol) => {
                match symbol {
                    "(" | "[" | "{" => nested += 1,
                    ")" | "]" | "}" => nested = nested.saturating_sub(1),
                    _ => {}
                }
                line.push(token);
            }
            _ => line.push(token),
        }
    }
    reader.end(&line, text, is_overlong);
    reader.reading
}

/// A file under way.
#[derive(Default)]
pub(super) struct Reader<'t> {
    pub(super) reading: Reading,
    /// Local names of the function at hand that stand for functions of the archive, and those that
    /// stand for an attribute, with its name.
    pub(super) aliases: BTreeMap<&'t str, Option<&'t str>>,
    /// In which column the function at hand begins.
    column: Option<usize>,
    /// What it is called.
    function: Option<&'t str>,
}

impl<'t> Reader<'t> {
    pub(super) fn fault(&mut self, what: impl Into<String>, at: usize) {
        let what = what.into();
        if !self.reading.faults.contains_key(&what) && self.reading.takes(what.len()) {
            self.reading.faults.insert(what, at);
        }
    }

    pub(super) fn used(&mut self, what: Use, at: usize) {
        if let (Some(caller), Some(called)) = (self.function, what.called()) {
            let call = (caller.to_owned(), called.to_owned());
            let length = caller.len() + called.len();
            if !self.reading.calls.contains(&call) && self.reading.takes(length) {
                self.reading.calls.insert(call);
            }
        }
        if !self.reading.uses.contains_key(&what) && self.reading.takes(what.length()) {
            self.reading.uses.insert(what, at);
        }
    }

    pub(super) fn leave_out(&mut self, why: &'static str) {
        self.reading.left_out.insert(why);
    }

    fn alias(&mut self, name: &'t str, attribute: Option<&'t str>) {
        if self.aliases.len() < MOST_ALIASES {
            self.aliases.insert(name, attribute);
        } else {
            self.leave_out("a function of the code has more names than are followed");
        }
    }

    /// The end of a statement; of one that is too long, `line` is only what is left.
    fn end(&mut self, line: &[Token<'t>], text: &str, is_overlong: bool) {
        match is_overlong {
            true => self.mentions(line),
            false => self.statement(line, text),
        }
    }

    fn statement(&mut self, line: &[Token<'t>], text: &str) {
        let Some(first) = line.first() else {
            return;
        };
        // A comprehension repeats too.
        let repeats =
            |token: &&Token<'_>| token.kind == Kind::Name && matches!(token.text, "for" | "while");
        if let Some(token) = line.iter().find(repeats) {
            self.repeat(token.at);
        }
        if first.kind != Kind::Name {
            self.expression(line, Statement::Plain);
            return;
        }
        match first.text {
            "class" => self.class(line),
            "def" => self.function(line, text),
            "import" => self.import(line),
            "if" | "elif" | "while" | "for" | "with" | "else" => {
                self.expression(&line[1..], Statement::Block);
            }
            "return" | "raise" | "assert" | "del" => {
                self.expression(&line[1..], Statement::Plain);
            }
            "pass" | "break" | "continue" if line.len() == 1 => {}
            _ => match alias(line) {
                Some((name, attribute)) => {
                    self.expression(&line[2..], Statement::Plain);
                    self.alias(name, attribute);
                }
                None => self.expression(line, Statement::Plain),
            },
        }
    }

    fn repeat(&mut self, at: usize) {
        let function = self.function.unwrap_or_default();
        if !self.reading.loops.contains_key(function) && self.reading.takes(function.len()) {
            self.reading.loops.insert(function.to_owned(), at);
        }
    }

    /// `class NAME(BASE):`
    fn class(&mut self, line: &[Token<'t>]) {
        self.column = None;
        self.function = None;
        let texts: Vec<&str> = line.iter().map(|token| token.text).collect();
        let base = match texts[..] {
            ["class", _, "(", base, ")", ":"] => base,
            ["class", _, "(", ")", ":"] | ["class", _, ":"] => "",
            _ => "?",
        };
        let named = line.get(1).filter(|token| token.kind == Kind::Name);
        match named {
            Some(name) if BASES.contains(&base) => {
                self.reading.define(name.text, true);
            }
            _ => self.fault(
                "has a class of a form that torch does not write",
                line[0].at,
            ),
        }
    }

    /// `def NAME(PARAMETERS) -> TYPE:`
    fn function(&mut self, line: &[Token<'t>], text: &str) {
        let (Some(name), true) = (
            line.get(1).filter(|token| token.kind == Kind::Name),
            line.get(2).is_some_and(|token| token.text == "("),
        ) else {
            self.fault(
                "has a function of a form that torch does not write",
                line[0].at,
            );
            return;
        };
        let before = text.get(..line[0].at).unwrap_or_default();
        let column = before.len() - before.rfind('\n').map_or(0, |newline| newline + 1);
        if self.column.is_some_and(|outer| column > outer) {
            // A function within another, as `fork` is given.
            self.alias(name.text, None);
        } else {
            self.aliases.clear();
            self.column = Some(column);
            self.function = Some(name.text);
            self.reading.define(name.text, column == 0);
        }
        self.expression(&line[2..], Statement::Definition);
    }

    /// `import a.b.c`, in the files of old versions.
    fn import(&mut self, line: &[Token<'t>]) {
        let is_path = line[1..].iter().enumerate().all(|(at, token)| {
            token.kind == Kind::Name && at % 2 == 0 || token.text == "." && at % 2 == 1
        });
        if !is_path || line.get(1).is_none_or(|token| token.text != "__torch__") {
            self.fault("imports something that is not in the archive", line[0].at);
            return;
        }
        let module: String = line[1..].iter().map(|token| token.text).collect();
        if self.reading.takes(module.len()) {
            self.reading.imports.insert(module);
        }
    }

    fn expression(&mut self, tokens: &[Token<'t>], statement: Statement) {
        let Err((what, at)) = expression::follow(self, tokens, statement) else {
            return;
        };
        self.fault(what, at);
        self.mentions(tokens);
    }

    /// Takes note of every attribute of a line that was not understood: some name may tell enough.
    fn mentions(&mut self, tokens: &[Token<'t>]) {
        for pair in tokens.windows(2) {
            if pair[0].text == "." && pair[1].kind == Kind::Name {
                self.used(Use::Mention(pair[1].text.to_owned()), pair[1].at);
            }
        }
    }
}

/// The name that a whole statement binds to something of the archive, as `NAME = __torch__.a.b`, or
/// to an attribute, and then which.
fn alias<'t>(line: &[Token<'t>]) -> Option<(&'t str, Option<&'t str>)> {
    let [name, equals, root, path @ ..] = line else {
        return None;
    };
    let is_path = path
        .chunks(2)
        .all(|pair| matches!(pair, [dot, name] if dot.text == "." && name.kind == Kind::Name));
    if name.kind != Kind::Name || equals.text != "=" || root.kind != Kind::Name || !is_path {
        return None;
    }
    match root.text {
        "__torch__" => Some((name.text, None)),
        _ => Some((name.text, Some(path.last()?.text))),
    }
}

/// How many bytes the names of an archive may take: those of real ones take some hundred thousand.
pub(super) const ROOM: usize = 32 << 20;
/// What a name takes beside its text.
const ENTRY: usize = 64;
/// Torch writes constants elsewhere, so that its statements are short.
pub(super) const MOST_TOKENS: usize = 1 << 20;
/// Names of one function that stand for something else.
const MOST_ALIASES: usize = 1 << 18;

/// What a class may be based on.
const BASES: [&str; 6] = [
    "",
    "Module",
    "NamedTuple",
    "Enum",
    "Interface",
    "ModuleInterface",
];
