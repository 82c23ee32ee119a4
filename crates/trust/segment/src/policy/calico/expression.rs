//! The language of Calico's selectors: `app == 'x' && !has(old) || tier in {'a', 'b'}` (docs.tigera.io, "Selectors").

use crate::selector::{Like, Requirement};

/// What a selector says.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expression {
    All,
    Global,
    /// Of one label.
    Label(Requirement),
    Not(Box<Self>),
    And(Vec<Self>),
    Or(Vec<Self>),
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Label(String),
    Text(String),
    Has(String),
    All,
    Global,
    Is(&'static str),
    Sign(&'static str),
}

/// What a text says; an empty one says all.
pub(super) fn parse(text: &str) -> Result<Expression, String> {
    if text.len() > MAX_TEXT {
        return Err(format!("a selector of more than {MAX_TEXT} bytes"));
    }
    let tokens = tokens(text)?;
    if tokens.is_empty() {
        return Ok(Expression::All);
    }
    let mut parser = Parser {
        tokens: &tokens,
        depth: 0,
    };
    let expression = parser.or()?;
    match parser.tokens {
        [] => Ok(expression),
        _ => Err("a selector that goes on behind its end".to_owned()),
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = blank(text);
    while let Some(first) = rest.chars().next() {
        let (token, left) = match (first, tokens.last()) {
            ('"' | '\'', _) => {
                let (text, left) = rest[1..].split_once(first).ok_or("a text has no end")?;
                (Token::Text(text.to_owned()), left)
            }
            _ if SIGNS.iter().any(|it| rest.starts_with(it)) => {
                let sign = SIGNS.iter().find(|it| rest.starts_with(**it));
                let sign = sign.copied().unwrap_or_default();
                (Token::Sign(sign), &rest[sign.len()..])
            }
            (_, Some(Token::Label(_))) => {
                operator(rest).ok_or("an operator is missing behind a label")?
            }
            _ => word(rest)?,
        };
        tokens.push(token);
        rest = blank(left);
    }
    Ok(tokens)
}

/// The longer of those that begin alike first.
const SIGNS: &[&str] = &["==", "!=", "&&", "||", "!", "(", ")", "{", "}", ","];

/// The operator that a text begins with: words with anything blank between them, or nothing.
fn operator(text: &str) -> Option<(Token, &str)> {
    WORDS.iter().find_map(|(name, words)| {
        let mut rest = text;
        for word in *words {
            rest = blank(rest).strip_prefix(word)?;
        }
        (!rest.starts_with(is_of_label)).then_some((Token::Is(name), rest))
    })
}

const WORDS: &[(&str, &[&str])] = &[
    ("contains", &["contains"]),
    ("starts with", &["starts", "with"]),
    ("ends with", &["ends", "with"]),
    ("not in", &["not", "in"]),
    ("in", &["in"]),
];

/// `has(label)`, `all()`, `global()`, or a label.
fn word(text: &str) -> Result<(Token, &str), String> {
    let close = |rest: &'_ str| blank(rest).strip_prefix(')').map(str::len);
    let called = |name: &str| text.strip_prefix(name);
    let end = |rest: usize| &text[text.len() - rest..];
    if let Some(rest) = called("has(") {
        let (label, rest) = label(blank(rest))?;
        let rest = close(rest).ok_or("has( has no end")?;
        return Ok((Token::Has(label), end(rest)));
    }
    for (name, token) in [("all(", Token::All), ("global(", Token::Global)] {
        if let Some(rest) = called(name) {
            let rest = close(rest).ok_or_else(|| format!("{name} has no end"))?;
            return Ok((token, end(rest)));
        }
    }
    let (label, rest) = label(text)?;
    Ok((Token::Label(label), rest))
}

fn label(text: &str) -> Result<(String, &str), String> {
    let end = text.find(|it| !is_of_label(it)).unwrap_or(text.len());
    match end {
        0 => Err(format!(
            "{:?} begins no label",
            text.chars().next().unwrap_or_default()
        )),
        _ => Ok((text[..end].to_owned(), &text[end..])),
    }
}

fn is_of_label(it: char) -> bool {
    it.is_ascii_alphanumeric() || matches!(it, '_' | '.' | '/' | '-')
}

fn blank(text: &str) -> &str {
    text.trim_start_matches([' ', '\t'])
}

struct Parser<'t> {
    tokens: &'t [Token],
    /// How many parentheses are open.
    depth: usize,
}

impl Parser<'_> {
    fn or(&mut self) -> Result<Expression, String> {
        let mut all = vec![self.and()?];
        while self.is("||") {
            all.push(self.and()?);
        }
        Ok(one_or(all, Expression::Or))
    }

    fn and(&mut self) -> Result<Expression, String> {
        let mut all = vec![self.operation()?];
        while self.is("&&") {
            all.push(self.operation()?);
        }
        Ok(one_or(all, Expression::And))
    }

    fn operation(&mut self) -> Result<Expression, String> {
        let mut is_negated = false;
        while self.is("!") {
            is_negated = !is_negated;
        }
        let expression = match self.next()? {
            Token::Has(label) => Expression::Label(Requirement::Exists(label)),
            Token::All => Expression::All,
            Token::Global => Expression::Global,
            Token::Label(label) => Expression::Label(self.comparison(label)?),
            Token::Sign("(") => {
                self.depth += 1;
                if self.depth > MAX_DEPTH {
                    return Err("more parentheses in each other than are read".to_owned());
                }
                let inner = self.or()?;
                self.depth -= 1;
                match self.is(")") {
                    true => inner,
                    false => return Err("a parenthesis is not closed".to_owned()),
                }
            }
            Token::Text(_) | Token::Is(_) | Token::Sign(_) => {
                return Err("something else stands where a label is expected".to_owned());
            }
        };
        Ok(match is_negated {
            true => Expression::Not(Box::new(expression)),
            false => expression,
        })
    }

    fn comparison(&mut self, label: String) -> Result<Requirement, String> {
        Ok(match self.next()? {
            Token::Sign("==") => Requirement::In(label, vec![self.text()?]),
            Token::Sign("!=") => Requirement::NotIn(label, vec![self.text()?]),
            Token::Is("in") => Requirement::In(label, self.set()?),
            Token::Is("not in") => Requirement::NotIn(label, self.set()?),
            Token::Is("contains") => Requirement::Like(label, Like::Contains, self.text()?),
            Token::Is("starts with") => Requirement::Like(label, Like::Begins, self.text()?),
            Token::Is("ends with") => Requirement::Like(label, Like::Ends, self.text()?),
            _ => return Err(format!("an operator is missing behind {label}")),
        })
    }

    fn set(&mut self) -> Result<Vec<String>, String> {
        if !self.is("{") {
            return Err("a set begins with {".to_owned());
        }
        let mut values = Vec::new();
        while let Some(Token::Text(_)) = self.tokens.first() {
            values.push(self.text()?);
            if !self.is(",") {
                break;
            }
        }
        match self.is("}") {
            true => Ok(values),
            false => Err("a set is not closed".to_owned()),
        }
    }

    fn text(&mut self) -> Result<String, String> {
        match self.next()? {
            Token::Text(text) => Ok(text),
            _ => Err("a text is expected".to_owned()),
        }
    }

    fn next(&mut self) -> Result<Token, String> {
        let (first, rest) = self
            .tokens
            .split_first()
            .ok_or("a selector ends too early")?;
        self.tokens = rest;
        Ok(first.clone())
    }

    /// Goes on behind a sign, if it is next.
    fn is(&mut self, sign: &str) -> bool {
        match self.tokens.split_first() {
            Some((Token::Sign(it), rest)) if *it == sign => {
                self.tokens = rest;
                true
            }
            _ => false,
        }
    }
}

fn one_or(mut all: Vec<Expression>, several: fn(Vec<Expression>) -> Expression) -> Expression {
    match (all.len(), all.pop()) {
        (1, Some(one)) => one,
        (_, last) => {
            all.extend(last);
            several(all)
        }
    }
}

/// In bytes: more than the API server takes.
const MAX_TEXT: usize = 1 << 14;
const MAX_DEPTH: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn is(label: &str, value: &str) -> Expression {
        Expression::Label(Requirement::In(label.to_owned(), vec![value.to_owned()]))
    }

    #[test]
    fn and_binds_before_or() {
        let expected = Expression::Or(vec![
            is("a", "x"),
            Expression::And(vec![is("b", "y"), Expression::Not(Box::new(is("c", "z")))]),
        ]);
        assert_eq!(parse("a == 'x' || b==\"y\" && !(c == 'z')"), Ok(expected));
        assert_eq!(parse("  "), Ok(Expression::All));
        assert_eq!(parse("!!all( )"), Ok(Expression::All));
    }

    #[test]
    fn labels_may_be_called_like_operators() {
        let set = |values: &[&str]| values.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
        let label = |it| Ok(Expression::Label(it));
        assert_eq!(
            parse("in in {'a','b'}"),
            label(Requirement::In("in".to_owned(), set(&["a", "b"])))
        );
        assert_eq!(
            parse("not notin {}"),
            label(Requirement::NotIn("not".to_owned(), Vec::new()))
        );
        assert_eq!(
            parse("has starts\twith 'x'"),
            label(Requirement::Like(
                "has".to_owned(),
                Like::Begins,
                "x".to_owned()
            ))
        );
        assert_eq!(
            parse("has(in)"),
            label(Requirement::Exists("in".to_owned()))
        );
    }

    #[test]
    fn what_is_no_selector_is_an_error() {
        for wrong in [
            "a",
            "a ==",
            "a = 'x'",
            "a == x",
            "a == 'x",
            "(a == 'x'",
            "a == 'x')",
            "a in {'x'",
            "a in 'x'",
            "&& a == 'x'",
            "a == 'x' b == 'y'",
            "has()",
            "has(a",
            "a inn {'x'}",
            "é == 'x'",
            "a == 'x'\n&& b == 'y'",
            "!",
            "all(",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        assert!(parse(&"(".repeat(10_000)).is_err());
        assert!(parse(&"!".repeat(20_000)).is_err());
    }
}
