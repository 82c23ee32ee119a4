//! The commands of a shell script, as far as their words can be read without running it.
//!
//! Quotes, continued lines, comments, here-documents, pipelines, redirections and substitutions are
//! understood; what a variable holds is not. A word that is not all written there says so.

use std::ops::Range;

/// Whose rules of quoting hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shell {
    /// `sh`, `bash`, `zsh`.
    Posix,
    /// `pwsh`, `powershell`.
    PowerShell,
}

/// A simple command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Its words; assignments before the first are not among them.
    pub words: Vec<Word>,
    /// Variables that are set for it, or for the shell.
    pub assignments: Vec<Word>,
    /// Where output goes, and input comes from.
    pub redirects: Vec<Redirect>,
    /// The here-documents whose text is behind the line that it ends.
    pub documents: Vec<Range<usize>>,
    /// Where it stands in the script.
    pub span: Range<usize>,
    /// Whether it reads what the command before it writes.
    pub reads_pipe: bool,
    /// Whether the command after it reads what it writes.
    pub writes_pipe: bool,
}

/// A word.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Word {
    /// What it says, without quotes. Variables stand as they are written.
    pub text: String,
    /// Where it stands in the script.
    pub span: Range<usize>,
    /// Whether a variable or a substitution is part of it.
    pub expands: bool,
}

/// `> file`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// The operator: `>`, `>>`, `<<<`.
    pub operator: String,
    /// What follows it.
    pub target: Word,
}

impl Word {
    /// Puts what `value` knows in the place of `$name` and `${name}`.
    pub fn fill(&mut self, value: &dyn Fn(&str) -> crate::Fact<String>) {
        let mut text = String::with_capacity(self.text.len());
        let (mut rest, mut is_open) = (self.text.as_str(), false);
        while let Some(at) = rest.find('$') {
            text.push_str(&rest[..at]);
            let (name, length) = variable(&rest[at..]);
            match name.map(value) {
                Some(crate::Fact::Known(value)) if text.len() < MAX_FILLED => text.push_str(&value),
                _ => {
                    is_open = true;
                    text.push_str(&rest[at..at + length]);
                }
            }
            rest = &rest[at + length..];
        }
        text.push_str(rest);
        self.expands = is_open || text.contains('`');
        self.text = text;
    }
}

/// The name of the variable that `text` begins with, unless it is more than a name, and how much of it
/// that is.
fn variable(text: &str) -> (Option<&str>, usize) {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let behind = &text[1..];
    let (name, around) = match behind.strip_prefix('{') {
        Some(inner) => (inner, 2),
        None => (behind, 0),
    };
    let length = name.find(|c| !is_part(c)).unwrap_or(name.len());
    let is_closed = around == 0 || name[length..].starts_with('}');
    match length > 0 && is_closed {
        true => (Some(&name[..length]), 1 + around + length),
        false => (None, 1),
    }
}

/// The variables that `script` may ask for, each once.
pub(crate) fn variables(script: &str) -> std::collections::BTreeSet<&str> {
    let signs = script.match_indices('$');
    signs
        .filter_map(|(at, _)| variable(&script[at..]).0)
        .collect()
}

impl Command {
    /// The name of the program, without the way to it.
    pub fn name(&self) -> &str {
        let name = self.words.first().map_or("", |word| word.text.as_str());
        name.rsplit(['/', '\\']).next().unwrap_or(name)
    }

    /// The text of its arguments.
    pub fn arguments(&self) -> impl Iterator<Item = &str> + Clone {
        self.words.iter().skip(1).map(|word| word.text.as_str())
    }

    /// The command that `sudo`, `env`, `exec` and the like run, itself where it is none of them.
    #[must_use]
    pub fn inner(&self) -> Self {
        let mut inner = self.clone();
        while WRAPPERS.contains(&inner.name()) && inner.words.len() > 1 {
            let skip = inner.words[1..]
                .iter()
                .take_while(|word| word.text.starts_with('-') || is_assignment(&word.text))
                .count();
            if skip + 1 >= inner.words.len() {
                break;
            }
            inner.words.drain(..=skip);
        }
        inner
    }
}

/// The commands of `script`, in the order in which they begin; those in substitutions too.
pub fn commands(script: &str, shell: Shell) -> Vec<Command> {
    let mut commands = Vec::new();
    read(script, 0, shell, 0, &mut commands);
    commands.sort_by_key(|command| (command.span.start, command.span.end));
    commands
}

fn read(script: &str, base: usize, shell: Shell, depth: usize, into: &mut Vec<Command>) {
    let mut reader = Reader {
        script,
        base,
        shell,
        at: 0,
        command: None,
        heredocs: Vec::new(),
        nested: Vec::new(),
        reads_pipe: false,
        commands: into,
    };
    reader.run();
    let nested = std::mem::take(&mut reader.nested);
    for range in nested {
        if depth < MAX_DEPTH {
            read(
                &script[range.clone()],
                base + range.start,
                shell,
                depth + 1,
                into,
            );
        }
    }
}

struct Reader<'a> {
    script: &'a str,
    base: usize,
    shell: Shell,
    at: usize,
    command: Option<Command>,
    /// Ends of here-documents that begin on the next line, and whether tabs stand before them.
    heredocs: Vec<(String, bool)>,
    /// Substitutions, to be read after this.
    nested: Vec<Range<usize>>,
    reads_pipe: bool,
    commands: &'a mut Vec<Command>,
}

impl Reader<'_> {
    fn run(&mut self) {
        while let Some(byte) = self.peek(0) {
            match byte {
                b'\n' => {
                    self.end(false);
                    self.at += 1;
                    self.skip_heredocs();
                }
                b' ' | b'\t' | b'\r' => self.at += 1,
                b'#' => self.skip_line(),
                _ if self.continues() => self.skip_continuation(),
                b'|' if self.peek(1) == Some(b'|') => self.operator(2, false),
                b'|' => {
                    let length = 1 + usize::from(self.peek(1) == Some(b'&'));
                    self.operator(length, true);
                }
                b'&' if self.peek(1) == Some(b'>') => self.redirect(),
                b'&' => self.operator(1 + usize::from(self.peek(1) == Some(b'&')), false),
                b';' | b'(' | b')' => self.operator(1, false),
                b'{' | b'}' if self.is_alone() => self.operator(1, false),
                b'<' | b'>' => self.redirect(),
                b'0'..=b'9' if matches!(self.peek(1), Some(b'<' | b'>')) => self.redirect(),
                _ => self.word(),
            }
        }
        self.end(false);
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.script.as_bytes().get(self.at + ahead).copied()
    }

    fn escape(&self) -> u8 {
        match self.shell {
            Shell::Posix => b'\\',
            Shell::PowerShell => b'`',
        }
    }

    fn continues(&self) -> bool {
        self.peek(0) == Some(self.escape())
            && (self.peek(1) == Some(b'\n')
                || (self.peek(1) == Some(b'\r') && self.peek(2) == Some(b'\n')))
    }

    fn skip_continuation(&mut self) {
        self.at += if self.peek(1) == Some(b'\r') { 3 } else { 2 };
    }

    fn is_alone(&self) -> bool {
        self.shell == Shell::PowerShell
            || matches!(self.peek(1), None | Some(b' ' | b'\n' | b';' | b'\t'))
    }

    fn skip_line(&mut self) {
        let rest = &self.script[self.at..];
        self.at += rest.find('\n').unwrap_or(rest.len());
    }

    fn skip_heredocs(&mut self) {
        for (end, has_tabs) in std::mem::take(&mut self.heredocs) {
            let (first, mut last) = (self.at, self.at);
            while self.at < self.script.len() {
                let start = self.at;
                self.skip_line();
                let line = &self.script[start..self.at];
                self.at = (self.at + 1).min(self.script.len());
                let line = line.trim_end_matches('\r');
                let line = if has_tabs {
                    line.trim_start_matches('\t')
                } else {
                    line
                };
                if line == end {
                    break;
                }
                last = self.at;
            }
            if let Some(command) = self.commands.last_mut() {
                let text = self.base + first..self.base + last;
                command.documents.push(text);
            }
        }
    }

    fn operator(&mut self, length: usize, is_pipe: bool) {
        self.end(is_pipe);
        self.at += length;
    }

    fn end(&mut self, writes_pipe: bool) {
        let reads_pipe = std::mem::replace(&mut self.reads_pipe, writes_pipe);
        let Some(mut command) = self.command.take() else {
            // A pipe goes on over the end of its line.
            self.reads_pipe |= reads_pipe;
            return;
        };
        command.writes_pipe = writes_pipe;
        command.reads_pipe = reads_pipe;
        command.span = self.base + command.span.start..self.base + command.span.end;
        if !(command.words.is_empty() && command.assignments.is_empty()) {
            self.commands.push(command);
        }
    }

    fn open(&mut self, start: usize) -> &mut Command {
        self.command.get_or_insert_with(|| Command {
            words: Vec::new(),
            assignments: Vec::new(),
            redirects: Vec::new(),
            span: start..start,
            reads_pipe: false,
            documents: Vec::new(),
            writes_pipe: false,
        })
    }

    fn redirect(&mut self) {
        let start = self.at;
        while let Some(b'0'..=b'9' | b'<' | b'>' | b'&' | b'|') = self.peek(0) {
            self.at += 1;
        }
        let operator = &self.script[start..self.at];
        let operator = operator.trim_matches(|c: char| c.is_ascii_digit());
        let is_heredoc = operator == "<<" && self.shell == Shell::Posix;
        let has_tabs = is_heredoc && self.peek(0) == Some(b'-');
        self.at += usize::from(has_tabs);
        while let Some(b' ' | b'\t') = self.peek(0) {
            self.at += 1;
        }
        let operator = operator.to_owned();
        let target = self.read_word();
        let end = self.at;
        if is_heredoc {
            self.heredocs.push((target.text, has_tabs));
            self.open(start).span.end = end;
            return;
        }
        let command = self.open(start);
        command.span.end = end;
        command.redirects.push(Redirect { operator, target });
    }

    fn word(&mut self) {
        let start = self.at;
        let word = self.read_word();
        let end = self.at;
        if end == start {
            // Nothing that a word may begin with; it is part of none.
            self.at += self.script[start..]
                .chars()
                .next()
                .map_or(1, char::len_utf8);
            return;
        }
        let is_posix = self.shell == Shell::Posix;
        let command = self.open(start);
        let is_first = command.words.is_empty();
        if is_first && is_posix && is_assignment(&word.text) {
            command.assignments.push(word);
        } else if is_first && KEYWORDS.contains(&word.text.as_str()) && !word.expands {
            if command.assignments.is_empty() {
                self.command = None;
            }
            return;
        } else {
            command.words.push(word);
        }
        command.span.end = end;
    }

    fn read_word(&mut self) -> Word {
        let start = self.at;
        let mut word = Word::default();
        while let Some(byte) = self.peek(0) {
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' | b'|' | b'&' | b';' | b'<' | b'>' | b')' => break,
                b'(' => break,
                b'\'' => self.single_quoted(&mut word),
                b'"' => self.double_quoted(&mut word),
                b'$' | b'`' if byte != self.escape() => self.expansion(&mut word),
                _ if self.continues() => self.skip_continuation(),
                _ if byte == self.escape() => {
                    self.at += 1;
                    self.push_char(&mut word);
                }
                _ => self.push_char(&mut word),
            }
        }
        word.span = self.base + start..self.base + self.at;
        word
    }

    fn push_char(&mut self, word: &mut Word) {
        if let Some(c) = self.script[self.at..].chars().next() {
            word.text.push(c);
            self.at += c.len_utf8();
        }
    }

    fn single_quoted(&mut self, word: &mut Word) {
        self.at += 1;
        let rest = &self.script[self.at..];
        let length = rest.find('\'').unwrap_or(rest.len());
        word.text.push_str(&rest[..length]);
        self.at = (self.at + length + 1).min(self.script.len());
    }

    fn double_quoted(&mut self, word: &mut Word) {
        self.at += 1;
        while let Some(byte) = self.peek(0) {
            match byte {
                b'"' => {
                    self.at += 1;
                    return;
                }
                b'$' | b'`' if byte != self.escape() => self.expansion(word),
                _ if self.continues() => self.skip_continuation(),
                _ if byte == self.escape()
                    && matches!(self.peek(1), Some(b'"' | b'\\' | b'$' | b'`')) =>
                {
                    self.at += 1;
                    self.push_char(word);
                }
                _ => self.push_char(word),
            }
        }
    }

    /// `$name`, `${…}`, `$(…)` and backticks, kept as they are written.
    fn expansion(&mut self, word: &mut Word) {
        let start = self.at;
        let is_backtick = self.peek(0) == Some(b'`');
        self.at += 1;
        let bytes = self.script.as_bytes();
        if is_backtick {
            let length = bytes[self.at..].iter().position(|&byte| byte == b'`');
            let end = length.map_or(bytes.len(), |length| self.at + length);
            self.nested.push(self.at..end);
            self.at = (end + 1).min(bytes.len());
            word.expands = true;
        } else {
            match self.peek(0) {
                // What the template puts there is not for the shell to read.
                Some(b'{') if self.peek(1) == Some(b'{') => self.skip_template(),
                Some(b'{') => {
                    self.balanced(b'{', b'}');
                    word.expands = true;
                }
                Some(b'(') => {
                    let inner = self.at + 1;
                    let is_closed = self.balanced(b'(', b')');
                    self.nested.push(inner..self.at - usize::from(is_closed));
                    word.expands = true;
                }
                Some(byte) if byte.is_ascii_alphanumeric() || b"_@*#?!$-".contains(&byte) => {
                    let is_power = self.shell == Shell::PowerShell;
                    let is_name = |byte: &&u8| {
                        byte.is_ascii_alphanumeric()
                            || **byte == b'_'
                            || (is_power && **byte == b':')
                    };
                    let length = bytes[self.at..].iter().take_while(is_name).count();
                    self.at += length.max(1);
                    word.expands = true;
                }
                _ => {}
            }
        }
        let end = self.at.min(self.script.len());
        word.text
            .push_str(self.script.get(start..end).unwrap_or("$"));
    }

    fn skip_template(&mut self) {
        let rest = &self.script[self.at..];
        self.at += rest.find("}}").map_or(rest.len(), |length| length + 2);
    }

    /// Goes behind the `close` of the `open` that is next, and says whether there is one.
    fn balanced(&mut self, open: u8, close: u8) -> bool {
        let mut level = 0usize;
        let mut quote = None;
        while let Some(byte) = self.peek(0) {
            self.at += 1;
            match (quote, byte) {
                (Some(mark), _) if byte == mark => quote = None,
                (Some(_), _) => {}
                (None, b'\\') => self.at = (self.at + 1).min(self.script.len()),
                (None, b'\'' | b'"') => quote = Some(byte),
                (None, _) if byte == open => level += 1,
                (None, _) if byte == close => {
                    level -= 1;
                    if level == 0 {
                        return true;
                    }
                }
                _ => {}
            }
        }
        while !self.script.is_char_boundary(self.at) {
            self.at += 1;
        }
        false
    }
}

fn is_assignment(text: &str) -> bool {
    let Some((name, _)) = text.split_once('=') else {
        return false;
    };
    let name = name.strip_suffix('+').unwrap_or(name);
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit()) && name.chars().all(is_name)
}

const KEYWORDS: &[&str] = &[
    "if", "then", "else", "elif", "fi", "do", "done", "while", "until", "!", "time", "{", "}",
];

/// Programs that run another one, which is their first argument that is no option.
const WRAPPERS: &[&str] = &[
    "sudo", "env", "exec", "command", "nohup", "time", "doas", "nice", "&",
];

const MAX_DEPTH: usize = 16;

/// Nobody writes longer words; a variable may stand in one as often as one likes.
const MAX_FILLED: usize = 1 << 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn words(script: &str) -> Vec<Vec<String>> {
        let commands = commands(script, Shell::Posix);
        let texts = |it: &Command| it.words.iter().map(|word| word.text.clone()).collect();
        commands.iter().map(texts).collect()
    }

    #[test]
    fn commands_are_what_the_shell_would_run() {
        for (script, expected) in [
            (
                "a b; c && d || e",
                &[&["a", "b"][..], &["c"], &["d"], &["e"]][..],
            ),
            ("a \\\n  b # c\nd", &[&["a", "b"], &["d"]]),
            ("a 'b c' \"d $e\" f\\ g", &[&["a", "b c", "d $e", "f g"]]),
            ("if a; then b; fi", &[&["a"], &["b"]]),
            ("X=1 Y=2 a", &[&["a"]]),
            (
                "a $(b c) `d`",
                &[&["a", "$(b c)", "`d`"], &["b", "c"], &["d"]],
            ),
            ("cat <<EOF | a\nb; c\nEOF\nd", &[&["cat"], &["a"], &["d"]]),
            ("(a; b) > c", &[&["a"], &["b"]]),
            ("a ${{ x.y }} z", &[&["a", "${{ x.y }}", "z"]]),
            ("a 2>&1 >/dev/null b", &[&["a", "b"]]),
        ] {
            assert_eq!(words(script), expected, "{script}");
        }
    }

    #[test]
    fn pipes_redirections_and_wrappers_are_told() {
        let commands = commands("curl x |\n sudo -E bash >> \"$GITHUB_ENV\"", Shell::Posix);
        assert!(commands[0].writes_pipe && commands[1].reads_pipe);
        assert_eq!(commands[1].inner().name(), "bash");
        let redirect = &commands[1].redirects[0];
        assert_eq!(
            (redirect.operator.as_str(), redirect.target.text.as_str()),
            (">>", "$GITHUB_ENV")
        );
        assert!(redirect.target.expands);
    }

    #[test]
    fn every_script_ends_and_every_span_is_in_it() {
        for script in [
            "'", "\"", "$(", "${", "`", "<<", "a <<X\n", "é$é(", "\\", "$(é", "&>", "1>",
        ] {
            for shell in [Shell::Posix, Shell::PowerShell] {
                for command in commands(script, shell) {
                    assert!(script.get(command.span).is_some(), "{script}");
                }
            }
        }
        let deep = "$(".repeat(10_000);
        assert!(commands(&deep, Shell::Posix).len() <= 17);
    }
}
