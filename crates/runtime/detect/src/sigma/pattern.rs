//! Values with wildcards.

use std::fmt::Write;

use super::test::Literal;
use crate::text::fold;

/// A value of a rule: text, with wildcards in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pattern(Vec<Token>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Text(String),
    /// `?`: one character.
    One,
    /// `*`: any number of characters.
    Many,
}

/// What a pattern comes down to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Anything,
    Equals(String),
    StartsWith(String),
    EndsWith(String),
    Contains(String),
    /// A regular expression.
    Other(String),
}

impl Pattern {
    /// Reads the wildcards and escapes of a value: a backslash counts for itself, but before a wildcard or
    /// another backslash (Sigma 2.1.0, "Escape Character").
    pub(crate) fn parse(value: &str) -> Self {
        let mut pattern = Self::default();
        let mut rest = value.chars().peekable();
        while let Some(c) = rest.next() {
            match c {
                '*' => pattern.push(Token::Many),
                '?' => pattern.push(Token::One),
                '\\' => {
                    let escaped = rest.next_if(|next| matches!(next, '*' | '?' | '\\'));
                    pattern.push_char(escaped.unwrap_or('\\'));
                }
                _ => pattern.push_char(c),
            }
        }
        pattern
    }

    /// Text without wildcards.
    pub(crate) fn literal(text: String) -> Self {
        Self(match text.is_empty() {
            true => Vec::new(),
            false => vec![Token::Text(text)],
        })
    }

    /// The text, where there is no wildcard in it.
    pub(crate) fn as_literal(&self) -> Option<&str> {
        match &self.0[..] {
            [] => Some(""),
            [Token::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// With any number of characters before it, behind it, or both.
    pub(crate) fn open(mut self, before: bool, behind: bool) -> Self {
        if before && self.0.first() != Some(&Token::Many) {
            self.0.insert(0, Token::Many);
        }
        if behind {
            self.push(Token::Many);
        }
        self
    }

    /// The pattern with each of its texts changed.
    pub(crate) fn map<E>(
        self,
        mut change: impl FnMut(&str) -> Result<String, E>,
    ) -> Result<Self, E> {
        let mut tokens = Vec::new();
        for token in self.0 {
            tokens.push(match token {
                Token::Text(text) => Token::Text(change(&text)?),
                token => token,
            });
        }
        Ok(Self(tokens))
    }

    /// The pattern in every way in which the dashes before its words can be written; none where those are more
    /// than [`MOST_WAYS`], or longer than may be.
    pub(crate) fn dashes(&self) -> Option<Vec<Self>> {
        let mut ways = vec![Self::default()];
        for token in &self.0 {
            let Token::Text(text) = token else {
                ways.iter_mut().for_each(|way| way.push(token.clone()));
                continue;
            };
            let mut before = None;
            let mut rest = text.chars().peekable();
            while let Some(c) = rest.next() {
                let is_before_word = rest.peek().is_some_and(|next| is_word(*next));
                if DASHES.contains(&c) && is_before_word && !before.is_some_and(is_word) {
                    if ways.len() * DASHES.len() > MOST_WAYS || text.len() > MOST_DASHED {
                        return None;
                    }
                    let with = |way: &Self| {
                        DASHES.map(|dash| {
                            let mut way = way.clone();
                            way.push_char(dash);
                            way
                        })
                    };
                    ways = ways.iter().flat_map(with).collect();
                } else {
                    ways.iter_mut().for_each(|way| way.push_char(c));
                }
                before = Some(c);
            }
        }
        Some(ways)
    }

    /// What the pattern asks of a text; without case, unless it is `cased`.
    pub(crate) fn shape(&self, cased: bool) -> Shape {
        let text = |text: &String| match cased {
            true => text.clone(),
            false => fold(text).into_owned(),
        };
        match &self.0[..] {
            [] => Shape::Equals(String::new()),
            [Token::Text(it)] => Shape::Equals(text(it)),
            [Token::Many] => Shape::Anything,
            [Token::Text(it), Token::Many] => Shape::StartsWith(text(it)),
            [Token::Many, Token::Text(it)] => Shape::EndsWith(text(it)),
            [Token::Many, Token::Text(it), Token::Many] => Shape::Contains(text(it)),
            tokens => Shape::Other(expression(tokens, text)),
        }
    }

    /// A text without which nothing matches the pattern: whole where it has no wildcard, the longest otherwise. It
    /// has no case.
    pub(crate) fn literal_of(&self) -> Option<Literal> {
        if let Some(text) = self.as_literal() {
            return Some(Literal::Whole(fold(text).into_owned()));
        }
        let texts = self.0.iter().filter_map(|token| match token {
            Token::Text(text) => Some(text),
            _ => None,
        });
        let longest = texts.max_by_key(|text| text.len())?;
        Some(Literal::Part(fold(longest).into_owned()))
    }

    fn push(&mut self, token: Token) {
        if token != Token::Many || self.0.last() != Some(&Token::Many) {
            self.0.push(token);
        }
    }

    fn push_char(&mut self, c: char) {
        if let Some(Token::Text(text)) = self.0.last_mut() {
            return text.push(c);
        }
        self.0.push(Token::Text(c.into()));
    }
}

fn expression(tokens: &[Token], text: impl Fn(&String) -> String) -> String {
    let mut expression = String::from("(?s)^");
    for token in tokens {
        let part = match token {
            Token::Text(it) => regex::escape(&text(it)),
            Token::One => ".".to_owned(),
            Token::Many => ".*".to_owned(),
        };
        let _ = expression.write_str(&part);
    }
    expression.push('$');
    expression
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Hyphen, slash, en dash, em dash and horizontal bar: `windash` of Sigma 2.1.0.
const DASHES: [char; 5] = ['-', '/', '\u{2013}', '\u{2014}', '\u{2015}'];
/// Four dashes in each of their five forms.
const MOST_WAYS: usize = 625;
/// Bytes of a text that is written in all these ways.
const MOST_DASHED: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(value: &str) -> Shape {
        Pattern::parse(value).shape(false)
    }

    #[test]
    fn escapes_are_read_as_the_specification_has_them() {
        let equals = |text: &str| Shape::Equals(text.to_owned());
        assert_eq!(shape(r"C:\Windows"), equals(r"c:\windows"));
        assert_eq!(shape(r"C:\\Windows"), equals(r"c:\windows"));
        assert_eq!(shape(r"a\*b\?"), equals("a*b?"));
        assert_eq!(shape(r"a\\\*"), equals(r"a\*"));
        assert_eq!(shape(r"\\\a"), equals(r"\\a"));
        assert_eq!(shape(r"\\\\a"), equals(r"\\a"));
        assert_eq!(shape(r"a\\*"), Shape::StartsWith(r"a\".into()));
    }

    #[test]
    fn what_is_open_at_an_end_needs_no_regular_expression() {
        assert_eq!(shape("*a"), Shape::EndsWith("a".into()));
        assert_eq!(shape("a**"), Shape::StartsWith("a".into()));
        assert_eq!(shape("*A*"), Shape::Contains("a".into()));
        assert_eq!(shape("***"), Shape::Anything);
        assert_eq!(shape("a*b.?"), Shape::Other(r"(?s)^a.*b\..$".into()));
    }

    #[test]
    fn dashes_are_those_before_words() {
        let ways = |value: &str| Pattern::parse(value).dashes().map(|ways| ways.len());
        assert_eq!(ways(" -foo"), Some(5));
        assert_eq!(ways("/a -b"), Some(25));
        assert_eq!(ways("a-b c- -"), Some(1));
        assert_eq!(ways("-a -b -c -d -e"), None);
    }
}
