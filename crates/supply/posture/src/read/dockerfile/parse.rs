//! The instructions of a Dockerfile
//! (<https://docs.docker.com/reference/dockerfile/>).

use casemate_document::Span;

/// A Dockerfile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dockerfile {
    /// Its instructions, in their order.
    pub instructions: Vec<Instruction>,
    /// Lines that are no instruction, with what is wrong.
    pub mistakes: Vec<(Span, String)>,
}

/// An instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// Its name in capitals: `RUN`.
    pub name: String,
    /// Whether it waits for an image that is built on this one.
    pub is_on_build: bool,
    /// Its options: `--mount=type=cache`.
    pub flags: Vec<String>,
    /// What follows them. Lines that go on still end with `\`; comments between them are gone.
    pub text: String,
    /// The bodies of here-documents.
    pub heredocs: Vec<Heredoc>,
    /// All of it.
    pub span: Span,
}

/// A here-document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heredoc {
    /// The word that ends it, which is the name of the file that `COPY` makes of it in a folder.
    pub name: String,
    /// What stands in it.
    pub body: String,
}

impl Instruction {
    /// What follows its options, on one line.
    pub fn line(&self) -> String {
        self.text.replace("\\\n", " ")
    }

    /// The words of a list in JSON, if it is one: `["a", "b"]`.
    pub fn list(&self) -> Option<Vec<String>> {
        let line = self.line();
        let inner = line.trim().strip_prefix('[')?.strip_suffix(']')?;
        let mut words = Vec::new();
        let mut rest = inner.trim();
        while let Some(start) = rest.strip_prefix('"') {
            let (word, behind) = quoted(start)?;
            words.push(word);
            rest = behind.trim_start();
            match rest.strip_prefix(',') {
                Some(behind) => rest = behind.trim_start(),
                None => break,
            }
        }
        rest.is_empty().then_some(words)
    }

    /// The script that it runs: its text, or its here-document where it is nothing else.
    pub fn script(&self) -> String {
        match (self.list(), self.heredocs.as_slice()) {
            (Some(words), _) => words.join(" "),
            (None, [only]) if self.text.trim_start().starts_with("<<") => only.body.clone(),
            (None, all) => {
                let ends = all.iter().map(|it| format!("\n{}", it.body));
                self.text.clone() + &ends.collect::<String>()
            }
        }
    }
}

fn quoted(text: &str) -> Option<(String, &str)> {
    let mut word = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((word, &text[at + 1..])),
            '\\' => word.push(match chars.next()?.1 {
                'n' => '\n',
                't' => '\t',
                other => other,
            }),
            other => word.push(other),
        }
    }
    None
}

/// Reads `text`.
pub fn parse(text: &str) -> Dockerfile {
    let mut reader = Reader {
        text,
        at: 0,
        escape: escape(text),
        file: Dockerfile::default(),
    };
    while reader.at < text.len() {
        reader.instruction();
    }
    reader.file
}

/// What the directive `# escape=` says; directives stand before everything else.
fn escape(text: &str) -> char {
    for line in text.lines() {
        let Some(directive) = line.trim().strip_prefix('#') else {
            break;
        };
        let Some((name, value)) = directive.split_once('=') else {
            break;
        };
        if name.trim().eq_ignore_ascii_case("escape") {
            return if value.trim() == "`" { '`' } else { '\\' };
        }
    }
    '\\'
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    escape: char,
    file: Dockerfile,
}

impl<'a> Reader<'a> {
    /// The next line without its end.
    fn line(&mut self) -> &'a str {
        let rest = &self.text[self.at..];
        let length = rest.find('\n').unwrap_or(rest.len());
        self.at = (self.at + length + 1).min(self.text.len());
        rest[..length].trim_end_matches('\r')
    }

    fn instruction(&mut self) {
        let start = self.at;
        let first = self.line();
        if is_blank(first) {
            return;
        }
        let start = start + first.len() - first.trim_start().len();
        let mut logical = String::new();
        let mut line = first.trim_start();
        while let Some(part) = self.continued(line) {
            logical.push_str(part);
            logical.push_str("\\\n");
            line = loop {
                if self.at >= self.text.len() {
                    break "";
                }
                let next = self.line();
                if !is_blank(next) {
                    break next;
                }
            };
        }
        logical.push_str(line);
        let (name, rest) = split(&logical);
        let mut name = name.to_ascii_uppercase();
        let mut rest = rest.to_owned();
        let is_on_build = name == "ONBUILD";
        if is_on_build {
            let (inner, behind) = split(&rest);
            (name, rest) = (inner.to_ascii_uppercase(), behind.to_owned());
        }
        let mut flags = Vec::new();
        while rest.trim_start().starts_with("--") && TAKE_FLAGS.contains(&name.as_str()) {
            let (flag, behind) = split(rest.trim_start());
            flags.push(flag.to_owned());
            rest = behind.to_owned();
        }
        let heredocs = match TAKE_HEREDOCS.contains(&name.as_str()) {
            true => self.heredocs(&rest),
            false => Vec::new(),
        };
        let end = self.text[..self.at].trim_end().len().max(start);
        let span = Span::new(start, end);
        if !NAMES.contains(&name.as_str()) {
            let message = format!(
                "{} is no instruction",
                name.chars().take(40).collect::<String>()
            );
            self.file.mistakes.push((span, message));
            return;
        }
        self.file.instructions.push(Instruction {
            name,
            is_on_build,
            flags,
            text: rest,
            heredocs,
            span,
        });
    }

    /// The line without the sign that it goes on.
    fn continued<'b>(&self, line: &'b str) -> Option<&'b str> {
        line.trim_end().strip_suffix(self.escape)
    }

    fn heredocs(&mut self, text: &str) -> Vec<Heredoc> {
        let mut bodies = Vec::new();
        for mark in marks(text) {
            let mut body = String::new();
            while self.at < self.text.len() {
                let line = self.line();
                let line = if mark.has_tabs {
                    line.trim_start_matches('\t')
                } else {
                    line
                };
                if line == mark.word {
                    break;
                }
                body.push_str(line);
                body.push('\n');
            }
            bodies.push(Heredoc {
                name: mark.word,
                body,
            });
        }
        bodies
    }
}

struct Mark {
    word: String,
    has_tabs: bool,
}

/// `<<EOF`, `<<-EOF`, `3<<"EOF"`: a whole word outside of quotes, as BuildKit has it; not `<<<`.
fn marks(text: &str) -> Vec<Mark> {
    let marks = words(text).into_iter().filter_map(mark);
    marks.take(MAX_HEREDOCS).collect()
}

fn mark(word: &str) -> Option<Mark> {
    let word = word.trim_start_matches(|c: char| c.is_ascii_digit());
    let behind = word.strip_prefix("<<")?;
    let has_tabs = behind.starts_with('-');
    let name = behind.strip_prefix('-').unwrap_or(behind);
    let quoted = |quote: char| name.strip_prefix(quote)?.strip_suffix(quote);
    let name = quoted('"').or_else(|| quoted('\'')).unwrap_or(name);
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-');
    let is_name = name.starts_with(|c: char| c.is_alphabetic() || c == '_');
    (is_name && name.chars().all(is_part)).then(|| Mark {
        word: name.to_owned(),
        has_tabs,
    })
}

/// The words of a line: what white space parts outside of quotes.
fn words(text: &str) -> Vec<&str> {
    let (mut words, mut start, mut quote) = (Vec::new(), 0, None);
    let mut is_escaped = false;
    for (at, c) in text.char_indices() {
        if quote.is_none() && !is_escaped && c.is_whitespace() {
            words.push(&text[start..at]);
            start = at + c.len_utf8();
        }
        match quote {
            _ if is_escaped => is_escaped = false,
            Some(open) if c == open => quote = None,
            None if c == '"' || c == '\'' => quote = Some(c),
            _ if c == '\\' && quote != Some('\'') => is_escaped = true,
            _ => {}
        }
    }
    words.push(&text[start..]);
    words.retain(|word| !word.is_empty());
    words
}

fn is_blank(line: &str) -> bool {
    let line = line.trim();
    line.is_empty() || line.starts_with('#')
}

/// The first word, and what follows it.
fn split(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    let length = text.find(char::is_whitespace).unwrap_or(text.len());
    let (word, rest) = text.split_at(length);
    let word = word.strip_suffix('\\').unwrap_or(word);
    (word, rest.trim_start_matches([' ', '\t']))
}

const MAX_HEREDOCS: usize = 64;

const TAKE_FLAGS: &[&str] = &["FROM", "RUN", "COPY", "ADD", "HEALTHCHECK"];

const TAKE_HEREDOCS: &[&str] = &["RUN", "COPY", "ADD"];

const NAMES: &[&str] = &[
    "ADD",
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
    "RUN",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<(String, String)> {
        let file = parse(text);
        assert_eq!(file.mistakes, []);
        let instructions = file.instructions.iter();
        instructions
            .map(|it| (it.name.clone(), it.line()))
            .collect()
    }

    #[test]
    fn instructions_go_on_over_lines_and_comments() {
        let text = "# escape=\\\nfrom a\nRUN b \\\n  # why\n\n  && c\n";
        assert_eq!(
            texts(text),
            [
                ("FROM".into(), "a".into()),
                ("RUN".into(), "b    && c".into())
            ]
        );
        let text = "# escape=`\nFROM a\nRUN b `\n c\\\n";
        assert_eq!(texts(text)[1].1, "b   c\\");
    }

    #[test]
    fn here_documents_are_part_of_their_instruction() {
        let text = "FROM a\nRUN <<EOF\nb\nFROM c\nEOF\nRUN <<-\"X\" sh\n\td\n\tX\nUSER e\n";
        let file = parse(text);
        let names: Vec<&str> = file
            .instructions
            .iter()
            .map(|it| it.name.as_str())
            .collect();
        assert_eq!(names, ["FROM", "RUN", "RUN", "USER"]);
        assert_eq!(file.instructions[1].script(), "b\nFROM c\n");
        assert_eq!(file.instructions[2].heredocs[0].body, "d\n");
        assert_eq!(
            file.instructions[1].span.of(text),
            "RUN <<EOF\nb\nFROM c\nEOF"
        );
    }

    #[test]
    fn options_and_lists_are_taken_apart() {
        let file = parse(
            "FROM --platform=x a\nONBUILD COPY --from=b --chown=c d e\nCMD [\"f\", \"g\\\"h\"]\n",
        );
        assert_eq!(file.instructions[0].flags, ["--platform=x"]);
        let copy = &file.instructions[1];
        assert!(copy.is_on_build);
        assert_eq!((copy.flags.len(), copy.text.as_str()), (2, "d e"));
        assert_eq!(
            file.instructions[2].list(),
            Some(vec!["f".into(), "g\"h".into()])
        );
    }

    #[test]
    fn what_is_no_instruction_is_told() {
        let file = parse("FROM a\n{{ if x }}\nRUN b\n");
        assert_eq!(file.instructions.len(), 2);
        assert_eq!(file.mistakes[0].1, "{{ is no instruction");
    }

    #[test]
    fn every_text_ends() {
        for text in [
            "\\",
            "RUN \\",
            "RUN <<A",
            "RUN <<A\nb",
            "é\\\né",
            "ONBUILD",
            "FROM --",
            "CMD [\"",
            "\r\n",
        ] {
            for instruction in parse(text).instructions {
                assert!(text.get(instruction.span.range()).is_some(), "{text}");
                instruction.list();
            }
        }
    }

    #[test]
    fn a_heredoc_is_a_word_outside_of_quotes_and_nothing_else() {
        for line in [
            "echo '<<NEVER'",
            "echo $((1<<N))",
            "bash -c 'cat <<N'",
            "echo \\<<N",
            "[\"cat\",\"<<N\"]",
            "cat <<< N",
        ] {
            let text = format!("FROM a\nRUN {line}\nUSER 1000\n");
            assert_eq!(texts(&text).len(), 3, "{line}");
        }
        for line in ["<<N", "cat <<-N > /x", "cat <<\"N\"", "python3 3<<'N'"] {
            let text = format!("FROM a\nRUN {line}\nUSER 1000\nN\nUSER 2\n");
            assert_eq!(texts(&text).len(), 3, "{line}");
        }
    }
}
