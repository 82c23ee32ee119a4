//! JSON as a sequence of tokens, strictly after RFC 8259: no recursion, no tree, and only one
//! string in memory at a time.

use crate::cursor::{Cursor, ReadError};

/// Reads tokens from where the cursor stands.
pub(crate) struct Json<'a, 'b> {
    input: &'a mut Cursor<'b>,
    /// One for each open object or array: whether it is an object.
    open: Vec<bool>,
    state: State,
    text: Vec<u8>,
    /// How many bytes of a string are kept.
    keep: usize,
}

/// One token. Text is in [`Json::text`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    ObjectBegins,
    ObjectEnds,
    ArrayBegins,
    ArrayEnds,
    Key,
    String,
    /// As it is written, in [`Json::text`].
    Number,
    True,
    False,
    Null,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum JsonError {
    #[error("{0}")]
    Read(#[from] ReadError),
    #[error("not JSON at byte {0}")]
    Syntax(u64),
    #[error("nested too deeply at byte {0}")]
    Depth(u64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Value,
    /// After `[`.
    FirstItem,
    /// After `{`.
    FirstKey,
    /// After a value inside of something.
    Next,
    /// After the outermost value.
    Done,
}

impl<'a, 'b> Json<'a, 'b> {
    /// A reader of one value, which keeps the first `keep` bytes of every string.
    pub(crate) fn new(input: &'a mut Cursor<'b>, keep: usize) -> Self {
        Self {
            input,
            open: Vec::new(),
            state: State::Value,
            text: Vec::new(),
            keep,
        }
    }

    /// How many objects and arrays are open.
    pub(crate) fn depth(&self) -> usize {
        self.open.len()
    }

    /// The last key, string or number, decoded.
    pub(crate) fn text(&self) -> &[u8] {
        &self.text
    }

    pub(crate) fn position(&self) -> u64 {
        self.input.position()
    }

    /// The next token; nothing after the value.
    pub(crate) fn next(&mut self) -> Result<Option<Token>, JsonError> {
        loop {
            match self.state {
                State::Done => return Ok(None),
                State::Value => return self.value().map(Some),
                State::FirstItem => {
                    if self.peek()? == b']' {
                        return self.close(Token::ArrayEnds).map(Some);
                    }
                    self.state = State::Value;
                }
                State::FirstKey => {
                    if self.peek()? == b'}' {
                        return self.close(Token::ObjectEnds).map(Some);
                    }
                    return self.key().map(Some);
                }
                State::Next => {
                    let object = self.open.last().copied().unwrap_or_default();
                    match (self.peek()?, object) {
                        (b',', true) => {
                            self.input.byte()?;
                            self.peek()?;
                            return self.key().map(Some);
                        }
                        (b',', false) => {
                            self.input.byte()?;
                            self.state = State::Value;
                        }
                        (b'}', true) => return self.close(Token::ObjectEnds).map(Some),
                        (b']', false) => return self.close(Token::ArrayEnds).map(Some),
                        _ => return Err(self.wrong()),
                    }
                }
            }
        }
    }

    fn value(&mut self) -> Result<Token, JsonError> {
        let first = self.peek()?;
        let token = match first {
            b'{' => return self.begin(true),
            b'[' => return self.begin(false),
            b'"' => {
                self.string()?;
                Token::String
            }
            b't' => self.word(b"true", Token::True)?,
            b'f' => self.word(b"false", Token::False)?,
            b'n' => self.word(b"null", Token::Null)?,
            b'-' | b'0'..=b'9' => self.number()?,
            _ => return Err(self.wrong()),
        };
        self.after_value();
        Ok(token)
    }

    fn begin(&mut self, object: bool) -> Result<Token, JsonError> {
        if self.open.len() >= DEEPEST {
            return Err(JsonError::Depth(self.input.position()));
        }
        self.input.byte()?;
        self.open.push(object);
        if object {
            self.state = State::FirstKey;
            return Ok(Token::ObjectBegins);
        }
        self.state = State::FirstItem;
        Ok(Token::ArrayBegins)
    }

    fn close(&mut self, token: Token) -> Result<Token, JsonError> {
        self.input.byte()?;
        self.open.pop();
        self.after_value();
        Ok(token)
    }

    fn after_value(&mut self) {
        self.state = match self.open.is_empty() {
            true => State::Done,
            false => State::Next,
        };
    }

    fn key(&mut self) -> Result<Token, JsonError> {
        self.string()?;
        if self.peek()? != b':' {
            return Err(self.wrong());
        }
        self.input.byte()?;
        self.state = State::Value;
        Ok(Token::Key)
    }

    fn word(&mut self, word: &[u8], token: Token) -> Result<Token, JsonError> {
        for &letter in word {
            if self.input.byte()? != letter {
                return Err(self.wrong());
            }
        }
        Ok(token)
    }

    /// `-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?`
    fn number(&mut self) -> Result<Token, JsonError> {
        self.text.clear();
        loop {
            let window = self.input.window()?;
            let inside = |byte: &u8| {
                byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E')
            };
            let len = window.iter().take_while(|byte| inside(byte)).count();
            if len == 0 || self.text.len() > LONGEST_NUMBER {
                break;
            }
            self.text.extend_from_slice(&window[..len]);
            self.input.skip(len as u64)?;
        }
        let rest = self.text.strip_prefix(b"-").unwrap_or(&self.text);
        let (whole, rest) = rest.split_at(digits(rest));
        let whole_ok = !whole.is_empty() && (whole.len() == 1 || whole[0] != b'0');
        let (fraction_ok, rest) = match rest.strip_prefix(b".") {
            Some(rest) => (digits(rest) > 0, &rest[digits(rest)..]),
            None => (true, rest),
        };
        let (exponent_ok, rest) = match rest {
            [b'e' | b'E', b'+' | b'-', rest @ ..] | [b'e' | b'E', rest @ ..] => {
                (digits(rest) > 0, &rest[digits(rest)..])
            }
            _ => (true, rest),
        };
        if whole_ok && fraction_ok && exponent_ok && rest.is_empty() {
            return Ok(Token::Number);
        }
        Err(self.wrong())
    }

    fn string(&mut self) -> Result<(), JsonError> {
        if self.input.byte()? != b'"' {
            return Err(self.wrong());
        }
        self.text.clear();
        loop {
            let window = self.input.window()?;
            if window.is_empty() {
                return Err(ReadError::End.into());
            }
            let special = |byte: &u8| matches!(byte, b'"' | b'\\') || *byte < 0x20;
            let len = window.iter().position(special).unwrap_or(window.len());
            let room = self.keep.saturating_sub(self.text.len());
            self.text.extend_from_slice(&window[..len.min(room)]);
            let stop = window.get(len).copied();
            self.input.skip(len as u64)?;
            match stop {
                None => {}
                Some(b'"') => {
                    self.input.byte()?;
                    return Ok(());
                }
                Some(b'\\') => {
                    self.input.byte()?;
                    self.escape()?;
                }
                Some(_) => return Err(self.wrong()),
            }
        }
    }

    fn escape(&mut self) -> Result<(), JsonError> {
        let character = match self.input.byte()? {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\x08',
            b'f' => '\x0c',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => self.code_point()?,
            _ => return Err(self.wrong()),
        };
        if self.text.len() < self.keep {
            let mut buffer = [0; 4];
            let encoded = character.encode_utf8(&mut buffer);
            self.text.extend_from_slice(encoded.as_bytes());
        }
        Ok(())
    }

    fn code_point(&mut self) -> Result<char, JsonError> {
        let high = self.four_digits()?;
        let code =
            if (0xd800..0xdc00).contains(&high) && self.input.window()?.first() == Some(&b'\\') {
                self.input.byte()?;
                if self.input.byte()? != b'u' {
                    return Err(self.wrong());
                }
                let low = self.four_digits()?;
                match low {
                    0xdc00..0xe000 => 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00),
                    _ => return Err(self.wrong()),
                }
            } else {
                high
            };
        // A surrogate that stands alone is what Python writes for what it could not decode.
        Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn four_digits(&mut self) -> Result<u32, JsonError> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = char::from(self.input.byte()?).to_digit(16);
            code = code * 16 + digit.ok_or_else(|| self.wrong())?;
        }
        Ok(code)
    }

    /// The next byte that is no white space, without taking it.
    fn peek(&mut self) -> Result<u8, JsonError> {
        loop {
            let window = self.input.window()?;
            if window.is_empty() {
                return Err(ReadError::End.into());
            }
            let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
            let len = window.iter().take_while(|byte| blank(byte)).count();
            let found = window.get(len).copied();
            self.input.skip(len as u64)?;
            if let Some(byte) = found {
                return Ok(byte);
            }
        }
    }

    fn wrong(&self) -> JsonError {
        JsonError::Syntax(self.input.position())
    }
}

fn digits(text: &[u8]) -> usize {
    text.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

const DEEPEST: usize = 1024;
const LONGEST_NUMBER: usize = 4096;

#[cfg(test)]
mod tests {
    use casemate_core::MemorySource;
    use proptest::prelude::*;

    use super::*;

    /// Whether the whole text is one JSON value.
    fn accepts(text: &[u8]) -> bool {
        let source = MemorySource(text);
        let mut input = Cursor::new(&source, 0);
        let mut json = Json::new(&mut input, 100);
        loop {
            match json.next() {
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(_) => return false,
            }
        }
        text[usize::try_from(input.position()).expect("small")..]
            .iter()
            .all(|byte| b" \t\r\n".contains(byte))
    }

    #[test]
    fn texts_are_decoded() {
        let source = MemorySource(br#"{"a\u0062\ud83d\ude00":["x\n",-1.5e3]}"#);
        let mut input = Cursor::new(&source, 0);
        let mut json = Json::new(&mut input, 100);
        let mut seen = Vec::new();
        while let Some(token) = json.next().expect("JSON") {
            let text = match token {
                Token::Key | Token::String | Token::Number => {
                    String::from_utf8_lossy(json.text()).into_owned()
                }
                _ => String::new(),
            };
            seen.push((token, text));
        }
        assert_eq!(seen[1], (Token::Key, "ab\u{1f600}".to_owned()));
        assert_eq!(seen[3], (Token::String, "x\n".to_owned()));
        assert_eq!(seen[4], (Token::Number, "-1.5e3".to_owned()));
        assert_eq!(seen.len(), 7);
    }

    proptest! {
        #[test]
        fn it_accepts_what_serde_json_accepts(
            text in r#"[\[\]{}",:0-9eE+.\-\\utrfalsn ]{0,14}"#
        ) {
            let theirs = serde_json::from_str::<serde_json::Value>(&text).is_ok();
            // serde_json refuses numbers that overflow, and surrogates that stand alone.
            if theirs || !(text.contains('e') || text.contains('E') || text.contains('u')) {
                prop_assert_eq!(accepts(text.as_bytes()), theirs, "{}", text);
            }
        }
    }
}
