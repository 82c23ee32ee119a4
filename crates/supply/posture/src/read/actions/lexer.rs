//! The words of an expression.

use casemate_document::Span;

use super::expression::{Comparison, Mistake};

/// A word and its place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    pub(super) word: Word,
    pub(super) span: Span,
}

/// What a word is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Word {
    Open,
    Close,
    OpenIndex,
    CloseIndex,
    Comma,
    Dot,
    Star,
    Not,
    And,
    Or,
    Compare(Comparison),
    Number(f64),
    String,
    Name,
}

pub(super) struct Lexer<'a> {
    text: &'a str,
    at: usize,
    tokens: Vec<Token>,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            tokens: Vec::new(),
        }
    }

    pub(super) fn tokens(mut self) -> Result<Vec<Token>, Mistake> {
        loop {
            let rest = &self.text[self.at..];
            self.at += rest.len() - rest.trim_start().len();
            let rest = &self.text[self.at..];
            let Some(first) = rest.bytes().next() else {
                return Ok(self.tokens);
            };
            let (word, length) = self.word(rest, first)?;
            let end = self.at + length;
            self.tokens.push(Token {
                word,
                span: Span::new(self.at, end),
            });
            self.at = end;
        }
    }

    /// The next word and its length.
    fn word(&self, rest: &str, first: u8) -> Result<(Word, usize), Mistake> {
        if let Some((_, word)) = SIGNS.iter().find(|(sign, _)| rest.starts_with(sign)) {
            return Ok(*word);
        }
        match first {
            b'\'' => self.string(rest),
            b'.' if self.follows_a_value() => Ok((Word::Dot, 1)),
            b'.' | b'+' | b'-' | b'0'..=b'9' => self.number(rest),
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => {
                let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-".contains(byte);
                Ok((Word::Name, rest.bytes().take_while(is_name).count()))
            }
            _ => Err(self.wrong("no word of an expression")),
        }
    }

    fn string(&self, rest: &str) -> Result<(Word, usize), Mistake> {
        let mut quotes = rest.bytes().enumerate().skip(1);
        while let Some((at, byte)) = quotes.next() {
            if byte != b'\'' {
                continue;
            }
            if rest.as_bytes().get(at + 1) != Some(&b'\'') {
                return Ok((Word::String, at + 1));
            }
            quotes.next();
        }
        Err(self.wrong("a text without an end"))
    }

    fn number(&self, rest: &str) -> Result<(Word, usize), Mistake> {
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b".+-_".contains(byte);
        let length = rest.bytes().take_while(is_part).count();
        number(&rest[..length])
            .map(|value| (Word::Number(value), length))
            .ok_or_else(|| self.wrong("no number"))
    }

    fn follows_a_value(&self) -> bool {
        let last = self.tokens.last().map(|token| token.word);
        matches!(
            last,
            Some(Word::Name | Word::Close | Word::CloseIndex | Word::Star)
        )
    }

    fn wrong(&self, message: &'static str) -> Mistake {
        Mistake {
            message,
            at: self.at,
        }
    }
}

/// The number that a text is: decimal, or of base 16 or 8 with 32 bits and a sign.
pub(super) fn number(text: &str) -> Option<f64> {
    let based = [("0x", 16), ("0o", 8)]
        .into_iter()
        .find_map(|(prefix, base)| Some((text.strip_prefix(prefix)?, base)));
    if let Some((digits, base)) = based {
        let value = u32::from_str_radix(digits, base).ok()?;
        return Some(f64::from(value.cast_signed()));
    }
    let value: f64 = text.parse().ok()?;
    let is_word = text.bytes().any(|byte| matches!(byte, b'n' | b'N'));
    (value.is_finite() && !is_word).then_some(value)
}

/// Longer ones first.
const SIGNS: &[(&str, (Word, usize))] = &[
    ("||", (Word::Or, 2)),
    ("&&", (Word::And, 2)),
    ("==", (Word::Compare(Comparison::Equal), 2)),
    ("!=", (Word::Compare(Comparison::NotEqual), 2)),
    ("<=", (Word::Compare(Comparison::LessOrEqual), 2)),
    (">=", (Word::Compare(Comparison::GreaterOrEqual), 2)),
    ("<", (Word::Compare(Comparison::Less), 1)),
    (">", (Word::Compare(Comparison::Greater), 1)),
    ("!", (Word::Not, 1)),
    ("(", (Word::Open, 1)),
    (")", (Word::Close, 1)),
    ("[", (Word::OpenIndex, 1)),
    ("]", (Word::CloseIndex, 1)),
    (",", (Word::Comma, 1)),
    ("*", (Word::Star, 1)),
];
