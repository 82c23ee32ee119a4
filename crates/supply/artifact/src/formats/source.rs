//! Source code, told by its lines: what no prose and no data says where a statement stands.

use std::sync::LazyLock;

use memchr::memmem::Finder;

/// What the lines read so far have shown.
#[derive(Default)]
pub(super) struct Lines {
    /// The kind and the place of the first line that only Python has.
    pub(super) python: Option<(&'static str, u64)>,
    /// What other program a line belongs to.
    pub(super) script: Option<&'static str>,
    /// How many fences of Markdown were opened.
    pub(super) fences: u32,
    is_fenced: bool,
    /// The first line of Python within the open fence.
    in_fence: Option<(&'static str, u64)>,
    /// Whether a string over several lines began outside of a fence: then this is no Markdown.
    quotes: bool,
    /// Whether the last line that was not indented opened a block or a bracket.
    block: bool,
    /// Whether the last line goes on in this one, as a string may.
    continued: bool,
}

impl Lines {
    /// Reads whole lines, the first of which stands at `at`.
    pub(super) fn read(&mut self, text: &[u8], at: u64) {
        let has = |finders: &[Finder<'_>]| finders.iter().any(|word| word.find(text).is_some());
        let (within, quoted) = (has(&*TOKENS), has(&*QUOTES));
        let mut from = 0;
        // A script is one whatever else it is.
        while from < text.len() && self.python.is_none() && self.script.is_none() {
            // A carriage return alone ends a line to Python too.
            let end = memchr::memchr2(b'\n', b'\r', &text[from..]);
            let end = end.map_or(text.len(), |found| from + found);
            self.line(&text[from..end], at + from as u64, within, quoted);
            from = end + 1;
        }
    }

    /// The end of the text: a fence that nothing closes hides nothing.
    pub(super) fn finish(&mut self) {
        if self.is_fenced {
            self.python = self.python.or(self.in_fence);
        }
    }

    fn line(&mut self, line: &[u8], at: u64, within: bool, quoted: bool) {
        let line = line.trim_ascii_end();
        if line.is_empty() {
            return;
        }
        let bare = line.trim_ascii_start();
        let continued = std::mem::replace(&mut self.continued, line.ends_with(b"\\"));
        // Backticks begin no line of Python outside of a string, so that these are Markdown. Tildes
        // do: they are an operator.
        if bare.starts_with(b"```") && !self.quotes && !continued {
            self.is_fenced = !self.is_fenced;
            if self.is_fenced {
                self.fences += 1;
                self.in_fence = None;
            }
            return;
        }
        let blank = &line[..line.len() - bare.len()];
        // A form feed sets the indentation back.
        let indented = !blank.is_empty() && !blank.contains(&b'\x0c');
        let unsure = self.quotes || continued;
        let mut python = None;
        if !indented || self.block {
            python = python_line(bare);
            if python.is_none() && within {
                python = within_line(bare, unsure);
            }
        }
        if self.is_fenced {
            self.in_fence = self.in_fence.or(python.map(|what| (what, at)));
            return;
        }
        let opens = |quotes: &Finder<'_>| quotes.find_iter(line).count() % 2 == 1;
        self.quotes |= quoted && QUOTES.iter().any(opens);
        self.script = script_line(bare);
        if self.script.is_none() && !indented {
            self.script = shell_line(bare);
        }
        self.python = python.map(|what| (what, at));
        if !indented {
            self.block = opens_block(bare);
        }
    }
}

/// What of Python a line is, if it is nothing else.
fn python_line(line: &[u8]) -> Option<&'static str> {
    // Nearly all lines of data and prose end here.
    if !matches!(
        line.first()?,
        b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'@'
    ) {
        return None;
    }
    if let Some(rest) = after_word(line, b"import") {
        return is_import_list(rest).then_some("an import");
    }
    if let Some(rest) = after_word(line, b"from") {
        return is_import_from(rest).then_some("an import");
    }
    let definition = after_word(line, b"def").or_else(|| {
        let rest = after_word(line, b"async")?;
        after_word(rest.trim_ascii_start(), b"def")
    });
    if let Some(rest) = definition {
        let rest = rest.trim_ascii_start();
        let name = word(rest);
        let after = rest[name..].trim_ascii_start().first();
        return (name > 0 && after == Some(&b'(')).then_some("a function");
    }
    if let Some(rest) = line.strip_prefix(b"class ") {
        let name = word(rest);
        let after = rest.get(name..)?.trim_ascii_start();
        let opens = match after.split_first()? {
            (b'(', _) => true,
            (b':', body) => matches!(body.trim_ascii_start(), b"" | b"pass" | b"..." | [b'#', ..]),
            _ => false,
        };
        if name > 0 && opens {
            return Some("a class");
        }
    }
    if CALLS.iter().any(|call| line.starts_with(call)) {
        return Some("a call");
    }
    let value = memchr::memchr(b'=', line).map(|at| line[at + 1..].trim_ascii_start());
    let computed = value.is_some_and(|value| CALLS.iter().any(|call| value.starts_with(call)));
    let reaches = DUNDER.find(line).is_some_and(|at| {
        let rest = &line[at..];
        REACH_FINDERS.iter().any(|name| name.find(rest).is_some())
    });
    (computed || reaches).then_some("a call")
}

/// What of Python stands inside of a line: behind a semicolon, in the body of a compound statement,
/// or in brackets. `unsure` is whether the line may begin in a string.
fn within_line(line: &[u8], unsure: bool) -> Option<&'static str> {
    if line.starts_with(b"#") && !unsure {
        return None;
    }
    let compound = COMPOUND.iter().any(|word| after_word(line, word).is_some());
    let is_lambda = LAMBDA.find(line).is_some();
    let mut quote = None;
    let mut escaped = false;
    // What stands before a place, blanks aside.
    let mut before = b';';
    let mut last = b' ';
    for (at, &byte) in line.iter().enumerate() {
        let adjacent = std::mem::replace(&mut last, byte);
        if std::mem::take(&mut escaped) {
            continue;
        }
        if let Some(open) = quote
            && !unsure
        {
            escaped = byte == b'\\';
            if byte == open {
                quote = None;
                before = byte;
            }
            continue;
        }
        if byte.is_ascii_whitespace() {
            continue;
        }
        if !is_word(adjacent) && is_word(byte) {
            let rest = &line[at..line.len().min(at + STATEMENT)];
            if REACHES.iter().any(|name| rest.starts_with(name)) {
                return Some("a call");
            }
            let begins = before == b';' || (before == b':' && compound);
            if begins && at > 0 && python_line(rest).is_some() {
                return Some("a statement behind another");
            }
            let inside = match before {
                b':' => compound || is_lambda,
                _ => b"([{,=;|&+-*/~<>".contains(&before),
            };
            if inside && is_strong_call(rest) {
                return Some("a call");
            }
        }
        before = byte;
        if matches!(byte, b'\'' | b'"') {
            quote = Some(byte);
        }
    }
    None
}

/// Whether `text` begins with a call that runs code, and that is given something.
fn is_strong_call(text: &[u8]) -> bool {
    let call = STRONG.iter().find_map(|call| text.strip_prefix(*call));
    call.is_some_and(|rest| !matches!(rest.trim_ascii_start().first(), Some(b')' | b'.')))
}

/// `a.b as c, d`, and what may stand after it on the line.
fn is_import_list(rest: &[u8]) -> bool {
    if rest.trim_ascii() == b"\\" {
        return true;
    }
    let end = memchr::memchr2(b'#', b';', rest).unwrap_or(rest.len());
    rest[..end].split(|&byte| byte == b',').all(|item| {
        let mut words = item
            .split(u8::is_ascii_whitespace)
            .filter(|word| !word.is_empty());
        let module = words.next();
        let module = module.is_some_and(|module| {
            module.iter().all(|&byte| is_word(byte) || byte == b'.')
                && !module.ends_with(b".")
                && !module[0].is_ascii_digit()
        });
        let renamed = match (words.next(), words.next()) {
            (None, _) | (Some(b"\\"), None) => true,
            (Some(b"as"), Some(_)) => words.next().is_none(),
            _ => false,
        };
        module && renamed
    })
}

/// `.a.b import c`, behind `from`.
fn is_import_from(rest: &[u8]) -> bool {
    let rest = rest.trim_ascii_start();
    let module = rest
        .iter()
        .take_while(|&&byte| is_word(byte) || byte == b'.')
        .count();
    let (module, rest) = rest.split_at(module);
    let rest = rest.trim_ascii_start();
    if rest == b"\\" {
        return !module.is_empty();
    }
    // In `from .import a` the dots end at the word.
    let names = match module.strip_suffix(b".import") {
        Some(_) => Some(rest),
        None => after_word(rest, b"import"),
    };
    let Some(names) = names.map(<[u8]>::trim_ascii) else {
        return false;
    };
    let Some(&first) = names.first() else {
        return false;
    };
    let named = matches!(first, b'(' | b'*' | b'\\') || is_word(first);
    !module.is_empty() && named && names.last() != Some(&b'.')
}

/// Whether what is indented behind `line` belongs to it, as far as Python is concerned.
fn opens_block(line: &[u8]) -> bool {
    if matches!(line.last(), Some(b'(' | b'[' | b'{' | b'\\')) {
        return true;
    }
    let colon = line.ends_with(b":")
        || memchr::memchr(b'#', line).is_some_and(|at| line[..at].trim_ascii_end().ends_with(b":"));
    colon && COMPOUND.iter().any(|word| after_word(line, word).is_some())
}

/// What the beginning of a script says.
pub(super) fn script(head: &[u8]) -> Option<&'static str> {
    if let Some(line) = head.strip_prefix(b"#!")
        && matches!(line.trim_ascii_start().first(), Some(b'/'))
    {
        return Some("a script for the interpreter that its first line names");
    }
    if head.starts_with(b"<?php") {
        return Some("a PHP program");
    }
    if head.starts_with(b"@echo off") || head.starts_with(b"@ECHO OFF") {
        return Some("a batch file");
    }
    None
}

/// What program a line belongs to.
fn script_line(line: &[u8]) -> Option<&'static str> {
    let (&first, _) = line.split_first()?;
    match first {
        b'<' => {
            let lower = line[..line.len().min(8)].to_ascii_lowercase();
            if lower.starts_with(b"<script") {
                return Some("a page with a script in it");
            }
            lower.starts_with(b"<?php").then_some("a PHP program")
        }
        b'i' | b'c' | b'l' | b'v' | b'e' | b'm' => {
            let quoted =
                |rest: &[u8]| matches!(rest.trim_ascii_start().first(), Some(b'\'' | b'"'));
            let module = line.starts_with(b"import ")
                && FROM.find(line).is_some_and(|at| quoted(&line[at + 6..]));
            let declares = [&b"const "[..], b"let ", b"var "]
                .iter()
                .any(|word| line.starts_with(word));
            let requires = declares && REQUIRE.find(line).is_some();
            let exports = line.starts_with(b"module.exports")
                || line.starts_with(b"export default ")
                || line.starts_with(b"export function ");
            (module || requires || exports).then_some("a JavaScript program")
        }
        _ => None,
    }
}

/// Whether a line is a command that runs what it fetches.
fn shell_line(line: &[u8]) -> Option<&'static str> {
    let line = after_word(line, b"sudo").map_or(line, <[u8]>::trim_ascii_start);
    let fetches = [&b"curl"[..], b"wget"]
        .iter()
        .any(|program| after_word(line, program).is_some());
    let runs = [&b"sh"[..], b"bash", b"eval", b"source"]
        .iter()
        .any(|program| after_word(line, program).is_some());
    let piped = fetches
        && line.split(|&byte| byte == b'|').skip(1).any(|command| {
            let command = command.trim_ascii();
            let command = after_word(command, b"sudo").map_or(command, <[u8]>::trim_ascii_start);
            let program = &command[..word(command)];
            SHELLS.iter().any(|shell| program.starts_with(shell))
        });
    let substituted = runs && SUBSTITUTIONS.iter().any(|begin| begin.find(line).is_some());
    (piped || substituted).then_some("a shell command that runs what it fetches")
}

/// What follows `word` where it begins `text` and ends there.
fn after_word<'a>(text: &'a [u8], word: &[u8]) -> Option<&'a [u8]> {
    let rest = text.strip_prefix(word)?;
    let ends = rest
        .first()
        .is_none_or(|&byte| !is_word(byte) && byte != b'-');
    ends.then_some(rest)
}

/// How long the word is that `text` begins with.
fn word(text: &[u8]) -> usize {
    text.iter().take_while(|&&byte| is_word(byte)).count()
}

pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// Names through which anything can be reached; prose and data do not speak of them in a line that
/// begins like a statement.
const REACHES: [&[u8]; 5] = [
    b"__import__(",
    b"__builtins__",
    b"__subclasses__(",
    b"__globals__[",
    b"__getattribute__(",
];

/// Calls that a line of prose or data does not begin with.
const CALLS: [&[u8]; 11] = [
    b"getattr(",
    b"exec(",
    b"eval(",
    b"compile(",
    b"__import__(",
    b"print(",
    b"open(",
    b"os.system(",
    b"os.popen(",
    b"subprocess.",
    b"sys.path",
];

/// Calls that prose does not put in brackets and give something to.
const STRONG: [&[u8]; 7] = [
    b"exec(",
    b"eval(",
    b"__import__(",
    b"os.system(",
    b"os.popen(",
    b"subprocess.run(",
    b"subprocess.Popen(",
];

/// What begins a compound statement, whose body may stand on the same line.
const COMPOUND: [&[u8]; 12] = [
    b"if", b"for", b"while", b"with", b"try", b"else", b"elif", b"except", b"finally", b"class",
    b"def", b"match",
];

const SHELLS: [&[u8]; 6] = [b"sh", b"bash", b"zsh", b"dash", b"python", b"perl"];

// Made once: making a searcher for each line costs more than reading the line.
static DUNDER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("__"));
static LAMBDA: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("lambda"));
static FROM: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(" from "));
static REQUIRE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("require("));
static SUBSTITUTIONS: LazyLock<[Finder<'static>; 2]> =
    LazyLock::new(|| ["(curl ", "(wget "].map(Finder::new));
static REACH_FINDERS: LazyLock<[Finder<'static>; 5]> = LazyLock::new(|| REACHES.map(Finder::new));

/// What begins and ends a Python string over several lines.
static QUOTES: LazyLock<[Finder<'static>; 2]> =
    LazyLock::new(|| ["\"\"\"", "'''"].map(Finder::new));

/// Without one of these, there is nothing to find inside of lines.
static TOKENS: LazyLock<[Finder<'static>; 10]> = LazyLock::new(|| {
    [
        "import",
        "exec(",
        "eval(",
        "os.system(",
        "os.popen(",
        "subprocess.",
        "__builtins__",
        "__subclasses__(",
        "__globals__[",
        "__getattribute__(",
    ]
    .map(Finder::new)
});

/// How much of a statement is looked at where it does not begin its line.
const STATEMENT: usize = 256;
