//! Jinja in text: statements, and expressions that reach for what an object does not offer.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::source::is_word;

/// Reads text for Jinja, window by window.
#[derive(Default)]
pub(super) struct Jinja {
    /// Whether the text has a statement of Jinja.
    pub(super) states: bool,
    /// Whether an expression reaches for attributes with two underscores, or hides what it reaches
    /// for.
    pub(super) reaches: bool,
    /// Whether the last window ended within an expression.
    open: bool,
}

impl Jinja {
    pub(super) fn read(&mut self, text: &[u8]) {
        self.states = self.states
            || STATEMENT
                .find_iter(text)
                .any(|at| is_statement(&text[at + 2..]));
        if self.reaches {
            return;
        }
        if self.open {
            self.expression(text);
        }
        let mut from = 0;
        while let Some(at) = EXPRESSION.find(&text[from..]) {
            from += at + 2;
            self.reaches |= self.expression(&text[from..]);
        }
    }

    /// Judges the expression that `text` begins with or that is open at its beginning.
    fn expression(&mut self, text: &[u8]) -> bool {
        let text = &text[..text.len().min(LONGEST)];
        let end = CLOSE.find(text);
        self.open = end.is_none() && text.len() < LONGEST;
        let reaches = is_reach(&text[..end.unwrap_or(text.len())]);
        self.reaches |= reaches;
        reaches
    }
}

/// Whether a string that is known to be a template has anything that is rendered.
pub(super) fn is_rendered(text: &[u8]) -> bool {
    STATEMENT.find(text).is_some() || EXPRESSION.find(text).is_some()
}

/// Whether what follows `{%` is a statement: other languages put a percent sign behind a brace too.
fn is_statement(text: &[u8]) -> bool {
    let text = text
        .strip_prefix(b"-")
        .or_else(|| text.strip_prefix(b"+"))
        .unwrap_or(text);
    let text = text[..text.len().min(LONGEST)].trim_ascii_start();
    let keyword = text.iter().take_while(|&&byte| is_word(byte)).count();
    // Where the window ends before the word, nobody knows.
    text.is_empty() || KEYWORDS.contains(&&text[..keyword])
}

/// Whether an expression speaks of an attribute such as `__class__`, in one piece or in several, or
/// asks for an attribute by a string.
fn is_reach(text: &[u8]) -> bool {
    let dunder = DUNDER.find_iter(text).any(|at| {
        let before = text[..at].last();
        let after = text.get(at + 2);
        let begins = matches!(before, Some(b'.' | b'\'' | b'"' | b'|'))
            && after.is_some_and(u8::is_ascii_alphabetic);
        let ends = before.is_some_and(u8::is_ascii_alphabetic)
            && matches!(after, Some(b'\'' | b'"' | b'.' | b'[' | b'('));
        begins || ends
    });
    dunder || HIDING.iter().any(|word| word.find(text).is_some())
}

/// The statements of Jinja and of the extensions that renderers of chat templates switch on.
const KEYWORDS: [&[u8]; 24] = [
    b"for",
    b"if",
    b"set",
    b"macro",
    b"include",
    b"import",
    b"from",
    b"call",
    b"filter",
    b"block",
    b"extends",
    b"print",
    b"do",
    b"with",
    b"autoescape",
    b"raw",
    b"trans",
    b"generation",
    b"break",
    b"continue",
    b"debug",
    b"else",
    b"elif",
    b"endif",
];

static STATEMENT: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("{%"));
static EXPRESSION: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("{{"));
static CLOSE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("}}"));
static DUNDER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("__"));
static HIDING: LazyLock<[Finder<'static>; 5]> =
    LazyLock::new(|| ["attr(", "attr (", "\\x5f", "\\u005f", "\\137"].map(Finder::new));

/// The longest expression that is read.
const LONGEST: usize = 4096;
