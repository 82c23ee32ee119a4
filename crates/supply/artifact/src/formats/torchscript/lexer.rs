//! The tokens of TorchScript source, as `torch/csrc/jit/frontend/lexer.cpp` has them, less what its
//! serialiser never writes: any other character is a fault, never skipped.

/// One token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token<'t> {
    pub(crate) kind: Kind,
    /// As it is written; of a string, what stands between the quotes.
    pub(crate) text: &'t str,
    /// Where it begins.
    pub(crate) at: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Name,
    Number,
    String,
    Symbol,
    /// The end of a line.
    Newline,
    /// A character that begins no token, or a string that does not end.
    Fault,
}

/// Reads tokens.
pub(crate) struct Lexer<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Lexer<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    fn token(&mut self, kind: Kind, start: usize, end: usize) -> Token<'t> {
        self.at = end;
        Token {
            kind,
            text: self.text.get(start..end).unwrap_or_default(),
            at: start,
        }
    }

    /// The string that begins at `start`. A line ends it too, unless there are three quotes; then all
    /// that was read is a fault, so that no byte is read twice.
    fn string(&mut self, start: usize) -> Token<'t> {
        let bytes = self.text.as_bytes();
        let quote = bytes[start];
        let is_tripled = |at: usize| bytes[at..].starts_with(&[quote; 3]);
        let tripled = is_tripled(start);
        let width = if tripled { 3 } else { 1 };
        let mut end = start + width;
        while let Some(&byte) = bytes.get(end) {
            if byte == quote && (!tripled || is_tripled(end)) {
                let mut token = self.token(Kind::String, start + width, end);
                token.at = start;
                self.at = end + width;
                return token;
            }
            match byte {
                b'\n' if !tripled => break,
                b'\\' => end += 2,
                _ => end += 1,
            }
        }
        self.token(Kind::Fault, start, end.min(bytes.len()))
    }

    /// Where the number ends that begins at `start`: digits, a point, an exponent, a `j`.
    fn number(&self, start: usize) -> usize {
        let bytes = self.text.as_bytes();
        let digits = |from: usize| {
            let rest = bytes.get(from..).unwrap_or_default();
            from + rest.iter().take_while(|b| b.is_ascii_digit()).count()
        };
        let mut end = digits(start);
        if bytes.get(end) == Some(&b'.') {
            end = digits(end + 1);
        }
        if matches!(bytes.get(end), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
            let exponent = digits(end + 1 + sign);
            if exponent > end + 1 + sign {
                end = exponent;
            }
        }
        end + usize::from(bytes.get(end) == Some(&b'j'))
    }
}

impl<'t> Iterator for Lexer<'t> {
    type Item = Token<'t>;

    fn next(&mut self) -> Option<Token<'t>> {
        let bytes = self.text.as_bytes();
        loop {
            let start = self.at;
            let rest = bytes.get(start..)?;
            let &first = rest.first()?;
            match first {
                b' ' | b'\t' => self.at += 1,
                b'\\' if rest.get(1) == Some(&b'\n') => self.at += 2,
                // A comment with a type is read as one.
                b'#' if !is_type_comment(rest) => {
                    let line = memchr::memchr(b'\n', rest);
                    self.at = line.map_or(bytes.len(), |len| start + len);
                }
                b'\n' => return Some(self.token(Kind::Newline, start, start + 1)),
                b'"' | b'\'' => return Some(self.string(start)),
                b'a'..=b'z' | b'A'..=b'Z' | b'_' => {
                    let word = |b: &&u8| b.is_ascii_alphanumeric() || **b == b'_';
                    let len = rest.iter().take_while(word).count();
                    return Some(self.token(Kind::Name, start, start + len));
                }
                b'0'..=b'9' => {
                    let end = self.number(start);
                    return Some(self.token(Kind::Number, start, end));
                }
                b'.' if rest.get(1).is_some_and(u8::is_ascii_digit) => {
                    let end = self.number(start);
                    return Some(self.token(Kind::Number, start, end));
                }
                _ => {
                    let symbol = SYMBOLS.iter().find(|s| rest.starts_with(s.as_bytes()));
                    if let Some(symbol) = symbol {
                        return Some(self.token(Kind::Symbol, start, start + symbol.len()));
                    }
                    let mut end = start + 1;
                    while !self.text.is_char_boundary(end) {
                        end += 1;
                    }
                    return Some(self.token(Kind::Fault, start, end));
                }
            }
        }
    }
}

fn is_type_comment(comment: &[u8]) -> bool {
    let text = comment.strip_prefix(b"#").unwrap_or(comment);
    text.trim_ascii_start().starts_with(b"type:")
}

/// Longest first.
const SYMBOLS: [&str; 44] = [
    "...", "**=", "//=", "<<=", ">>=", "->", "==", "!=", "<=", ">=", "+=", "-=", "*=", "/=", "%=",
    "&=", "|=", "^=", "**", "//", "<<", ">>", "+", "-", "*", "/", "%", "@", "(", ")", "[", "]",
    "{", "}", ",", ".", ":", "=", "<", ">", "&", "|", "^", "~",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(Kind, &str)> {
        Lexer::new(text)
            .map(|token| (token.kind, token.text))
            .collect()
    }

    #[test]
    fn every_byte_is_accounted_for() {
        use Kind::{Fault, Name, Newline, Number, String, Symbol};
        assert_eq!(
            read("x = 1.5e-3j # c\n"),
            [
                (Name, "x"),
                (Symbol, "="),
                (Number, "1.5e-3j"),
                (Newline, "\n")
            ]
        );
        assert_eq!(
            read(r#"'a\'b' "" """c"d""""#),
            [(String, r"a\'b"), (String, ""), (String, "c\"d")]
        );
        assert_eq!(read("a\\\n.b"), [(Name, "a"), (Symbol, "."), (Name, "b")]);
        assert_eq!(
            read("x\r\x0c\u{e9};"),
            [
                (Name, "x"),
                (Fault, "\r"),
                (Fault, "\x0c"),
                (Fault, "\u{e9}"),
                (Fault, ";"),
            ]
        );
        for open in ["'a", "\"a\n\"", "'''a''", "'a\\"] {
            assert_eq!(read(open)[0].0, Fault, "{open}");
        }
        assert_eq!(read("# type: (Tensor)")[0].0, Fault);
    }

    #[test]
    fn a_string_without_an_end_is_one_fault() {
        use Kind::{Fault, Name, Newline};
        for open in ["'\\", "\"\\", "'''\\"] {
            let text = open.repeat(100_000);
            let faults = read(&text);
            assert_eq!(faults, [(Fault, &text[..])], "{open}");
        }
        assert_eq!(
            read("'a\nb\n\"\\\u{e9}\nc"),
            [
                (Fault, "'a"),
                (Newline, "\n"),
                (Name, "b"),
                (Newline, "\n"),
                (Fault, "\"\\\u{e9}"),
                (Newline, "\n"),
                (Name, "c")
            ]
        );
    }
}
