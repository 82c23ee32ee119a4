//! The words of Rego, as far as a rewrite needs to know them.

use std::ops::Range;

/// What a piece of source is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A name or a keyword.
    Word,
    Number,
    /// `"..."`, with its quotes.
    String,
    /// Between backquotes, with them.
    Raw,
    /// One or two characters.
    Symbol,
    /// `$"` or `$` and a backquote.
    TemplateStart,
    /// What stands between the expressions of a template. Can be empty.
    TemplateText,
    /// `{` in a template.
    TemplateOpen,
    /// `}` in a template.
    TemplateClose,
    /// The quote that ends a template.
    TemplateEnd,
}

/// A piece of source. Comments and white space are between tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) range: Range<usize>,
    pub(crate) line: usize,
    /// How many brackets of any kind it stands in; a bracket itself stands outside.
    pub(crate) depth: usize,
}

/// The tokens of `source`, without recursion however templates nest. What is no Rego gives tokens
/// too; the parser will say what is wrong with it.
pub(crate) fn tokens(source: &str) -> Vec<Token> {
    let mut reader = Reader {
        bytes: source.as_bytes(),
        at: 0,
        line: 1,
        depth: 0,
        templates: Vec::new(),
        tokens: Vec::new(),
    };
    while reader.at < reader.bytes.len() {
        reader.next();
    }
    reader.tokens
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    line: usize,
    depth: usize,
    /// The templates that are open: whether raw, and the depth its expression began at.
    templates: Vec<(bool, usize)>,
    tokens: Vec<Token>,
}

impl Reader<'_> {
    fn peek(&self, ahead: usize) -> u8 {
        self.bytes.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn push(&mut self, kind: Kind, start: usize) {
        let (line, depth) = (self.line, self.depth);
        let range = start..self.at;
        self.line += self.bytes[range.clone()]
            .iter()
            .filter(|&&byte| byte == b'\n')
            .count();
        self.tokens.push(Token {
            kind,
            range,
            line,
            depth,
        });
    }

    fn next(&mut self) {
        let start = self.at;
        self.at += 1;
        match self.bytes[start] {
            b'\n' => self.line += 1,
            b'#' => self.skip(|byte| byte != b'\n'),
            b'"' => {
                self.at = end_of_string(self.bytes, self.at);
                self.push(Kind::String, start);
            }
            b'`' => {
                self.skip(|byte| byte != b'`');
                self.at = (self.at + 1).min(self.bytes.len());
                self.push(Kind::Raw, start);
            }
            b'$' if matches!(self.peek(0), b'"' | b'`') => {
                let is_raw = self.peek(0) == b'`';
                self.at += 1;
                self.push(Kind::TemplateStart, start);
                self.depth += 1;
                self.template_text(is_raw);
            }
            byte if byte.is_ascii_alphabetic() || byte == b'_' => {
                self.skip(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
                self.push(Kind::Word, start);
            }
            byte if byte.is_ascii_digit() => {
                self.number();
                self.push(Kind::Number, start);
            }
            b'[' | b'{' | b'(' => {
                self.push(Kind::Symbol, start);
                self.depth += 1;
            }
            b'}' if self.templates.last().is_some_and(|t| t.1 == self.depth) => {
                self.depth = self.depth.saturating_sub(1);
                let is_raw = self.templates.pop().is_some_and(|(is_raw, _)| is_raw);
                self.push(Kind::TemplateClose, start);
                self.template_text(is_raw);
            }
            b']' | b'}' | b')' => {
                self.depth = self.depth.saturating_sub(1);
                self.push(Kind::Symbol, start);
            }
            b':' | b'=' | b'!' | b'<' | b'>' => {
                if self.peek(0) == b'=' {
                    self.at += 1;
                }
                self.push(Kind::Symbol, start);
            }
            byte if byte.is_ascii_graphic() => self.push(Kind::Symbol, start),
            _ => {}
        }
    }

    /// Reads on where a template goes on: up to its next expression, or its end.
    fn template_text(&mut self, is_raw: bool) {
        let start = self.at;
        while self.at < self.bytes.len() {
            match self.peek(0) {
                b'\\' if !is_raw || self.peek(1) == b'{' => self.at += 2,
                b'\n' if !is_raw => break,
                b'`' if is_raw => break,
                b'"' if !is_raw => break,
                b'{' => break,
                _ => self.at += 1,
            }
        }
        self.at = self.at.min(self.bytes.len());
        self.push(Kind::TemplateText, start);
        let start = self.at;
        if self.peek(0) == b'{' {
            self.at += 1;
            self.push(Kind::TemplateOpen, start);
            self.depth += 1;
            self.templates.push((is_raw, self.depth));
        } else {
            self.depth = self.depth.saturating_sub(1);
            self.at = (self.at + usize::from(self.peek(0) != b'\n')).min(self.bytes.len());
            self.push(Kind::TemplateEnd, start);
        }
    }

    fn number(&mut self) {
        let digits = |byte: u8| byte.is_ascii_digit();
        self.skip(digits);
        if self.peek(0) == b'.' && digits(self.peek(1)) {
            self.at += 1;
            self.skip(digits);
        }
        if matches!(self.peek(0), b'e' | b'E') {
            self.at += 1;
            if matches!(self.peek(0), b'+' | b'-') {
                self.at += 1;
            }
            self.skip(digits);
        }
    }

    fn skip(&mut self, goes_on: impl Fn(u8) -> bool) {
        while self.at < self.bytes.len() && goes_on(self.bytes[self.at]) {
            self.at += 1;
        }
    }
}

/// A string ends with its quote; one that does not ends with its line.
pub(crate) fn end_of_string(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\n' => return at,
            b'"' => return at + 1,
            b'\\' if bytes.get(at + 1) != Some(&b'\n') => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(source: &str) -> Vec<&str> {
        let tokens = tokens(source);
        tokens
            .iter()
            .map(|token| &source[token.range.clone()])
            .collect()
    }

    #[test]
    fn strings_comments_and_templates_hide_what_is_in_them() {
        let source = "a:=\"b # \\\" c\" # d \"e\nf == `g\n# \"h` $\"i{j[\"}\"]}\\{k{{l}}\"[m]";
        assert_eq!(
            texts(source),
            [
                "a",
                ":=",
                "\"b # \\\" c\"",
                "f",
                "==",
                "`g\n# \"h`",
                "$\"",
                "i",
                "{",
                "j",
                "[",
                "\"}\"",
                "]",
                "}",
                "\\{k",
                "{",
                "{",
                "l",
                "}",
                "}",
                "",
                "\"",
                "[",
                "m",
                "]"
            ]
        );
        let tokens = tokens(source);
        assert_eq!(tokens[3].line, 2);
        assert_eq!(tokens[6].line, 3);
        let last = tokens.last().expect("tokens");
        assert_eq!((last.depth, last.line), (0, 3));
    }

    #[test]
    fn templates_nest_in_templates() {
        let source = "$`a{$\"{b}\"}c`.d";
        assert_eq!(
            texts(source),
            [
                "$`", "a", "{", "$\"", "", "{", "b", "}", "", "\"", "}", "c", "`", ".", "d"
            ]
        );
    }

    proptest! {
        #[test]
        fn tokens_stand_in_order_and_inside_of_the_source(
            source in r#"[a-c0-9 \n"`$\\{}\[\](),.:=#é]{0,60}"#,
        ) {
            let mut end = 0;
            for token in tokens(&source) {
                prop_assert!(token.range.start >= end);
                prop_assert!(token.range.end >= token.range.start);
                prop_assert!(source.get(token.range.clone()).is_some(), "{:?}", token);
                end = token.range.end;
            }
            prop_assert!(end <= source.len());
        }
    }
}
