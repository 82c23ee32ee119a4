//! Falco's language of conditions.

use std::{collections::BTreeMap, sync::Arc};

use crate::error::quote;

/// A condition, with the macros that it names in their place.
#[derive(Clone, Debug)]
pub(crate) enum Expr {
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
    Macro(Arc<Self>),
    Check(Arc<Check>),
}

/// A question about a field.
#[derive(Clone, Debug)]
pub(crate) struct Check {
    /// The name: `proc.aname`.
    pub(crate) field: String,
    /// What stands behind it in brackets.
    pub(crate) argument: Option<String>,
    pub(crate) operator: Operator,
    /// Those that are compared with it; none of `exists`.
    pub(crate) values: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Contains,
    ContainsAnyCase,
    ContainsBytes,
    StartsWith,
    EndsWith,
    Glob,
    GlobAnyCase,
    Regex,
    In,
    Intersects,
    PathMatch,
    Exists,
}

impl Operator {
    fn of(word: &str) -> Option<Self> {
        Some(match word {
            "=" | "==" => Self::Equal,
            "!=" => Self::Unequal,
            "<" => Self::Less,
            "<=" => Self::LessOrEqual,
            ">" => Self::Greater,
            ">=" => Self::GreaterOrEqual,
            "contains" => Self::Contains,
            "icontains" => Self::ContainsAnyCase,
            "bcontains" => Self::ContainsBytes,
            "startswith" => Self::StartsWith,
            "endswith" => Self::EndsWith,
            "glob" => Self::Glob,
            "iglob" => Self::GlobAnyCase,
            "regex" => Self::Regex,
            "in" => Self::In,
            "intersects" => Self::Intersects,
            "pmatch" => Self::PathMatch,
            "exists" => Self::Exists,
            _ => return None,
        })
    }

    fn compiles(self) -> bool {
        matches!(self, Self::Glob | Self::GlobAnyCase | Self::Regex)
    }

    fn takes_list(self) -> bool {
        matches!(self, Self::In | Self::Intersects | Self::PathMatch)
    }
}

/// What a condition may name.
#[derive(Default)]
pub(crate) struct Scope {
    pub(crate) lists: BTreeMap<String, Vec<String>>,
    /// Each macro, and how many checks there are in it.
    pub(crate) macros: BTreeMap<String, (Arc<Expr>, usize)>,
}

/// What is wrong, and what to do about it.
pub(crate) type Wrong = (String, &'static str);

/// Reads a condition. Gives with it how many checks there are in it, those of its macros included.
///
/// # Errors
///
/// The first mistake of the text.
pub(crate) fn parse(text: &str, scope: &Scope) -> Result<(Expr, usize), Wrong> {
    let tokens = tokens(text)?;
    let mut parser = Parser {
        tokens: &tokens,
        next: 0,
        scope,
        depth: 0,
        size: 0,
    };
    let expr = parser.or()?;
    match parser.peek() {
        None => Ok((expr, parser.size)),
        Some(token) => Err((
            format!(
                "{} stands where `and`, `or` or the end should",
                token.quoted()
            ),
            "join the two sides with `and` or `or`",
        )),
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Quoted(String),
    Open,
    Close,
    Comma,
}

impl Token {
    fn quoted(&self) -> String {
        match self {
            Self::Word(text) | Self::Quoted(text) => quote(text),
            Self::Open => "`(`".into(),
            Self::Close => "`)`".into(),
            Self::Comma => "`,`".into(),
        }
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, Wrong> {
    if text.len() > MOST_BYTES {
        let what = format!("the condition is longer than {MOST_BYTES} bytes");
        return Err((what, "move parts of it into macros"));
    }
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let mut taken = c.len_utf8();
        match c {
            _ if c.is_whitespace() => {}
            '(' => tokens.push(Token::Open),
            ')' => tokens.push(Token::Close),
            ',' => tokens.push(Token::Comma),
            '"' | '\'' => {
                let (quoted, length) = quoted(&rest[1..], c)?;
                tokens.push(Token::Quoted(quoted));
                taken += length;
            }
            '=' | '!' | '<' | '>' => {
                let has_equals = rest[1..].starts_with('=');
                taken += usize::from(has_equals);
                tokens.push(Token::Word(rest[..taken].to_owned()));
            }
            _ => {
                let ends = |c: char| c.is_whitespace() || "(),=!<>\"'".contains(c);
                taken = rest.find(ends).unwrap_or(rest.len());
                tokens.push(Token::Word(rest[..taken].to_owned()));
            }
        }
        rest = &rest[taken..];
    }
    Ok(tokens)
}

/// A text in quotes, and how many bytes it and the closing quote have.
fn quoted(text: &str, quote: char) -> Result<(String, usize), Wrong> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => value.extend(chars.next().map(|(_, c)| c)),
            _ if c == quote => return Ok((value, at + 1)),
            _ => value.push(c),
        }
    }
    Err(("a quotation is not closed".into(), "close it"))
}

struct Parser<'t, 's> {
    tokens: &'t [Token],
    next: usize,
    scope: &'s Scope,
    depth: usize,
    size: usize,
}

impl<'t> Parser<'t, '_> {
    fn or(&mut self) -> Result<Expr, Wrong> {
        let mut sides = vec![self.and()?];
        while self.take("or") {
            sides.push(self.and()?);
        }
        Ok(join(sides, Expr::Any))
    }

    fn and(&mut self) -> Result<Expr, Wrong> {
        let mut sides = vec![self.not()?];
        while self.take("and") {
            sides.push(self.not()?);
        }
        Ok(join(sides, Expr::All))
    }

    fn not(&mut self) -> Result<Expr, Wrong> {
        let mut is_negated = false;
        while self.take("not") {
            is_negated = !is_negated;
        }
        let expr = self.one()?;
        Ok(match is_negated {
            true => Expr::Not(Box::new(expr)),
            false => expr,
        })
    }

    fn one(&mut self) -> Result<Expr, Wrong> {
        match self.advance() {
            Some(Token::Open) => {
                self.depth += 1;
                if self.depth > MOST_DEPTH {
                    let what = format!("more than {MOST_DEPTH} parentheses stand in each other");
                    return Err((what, "take some of them away"));
                }
                let expr = self.or()?;
                self.depth -= 1;
                match self.advance() {
                    Some(Token::Close) => Ok(expr),
                    _ => Err(("a parenthesis is not closed".into(), "add `)`")),
                }
            }
            Some(Token::Word(word)) if is_field(word) => self.check(word),
            Some(Token::Word(word)) if self.peek() == Some(&Token::Open) => Err((
                format!("the function {} is not known", quote(word)),
                "ask the field itself",
            )),
            Some(Token::Word(word)) => match self.scope.macros.get(word) {
                Some((expr, size)) => {
                    self.grow(*size)?;
                    Ok(Expr::Macro(Arc::clone(expr)))
                }
                None => Err((
                    format!("there is no macro {}", quote(word)),
                    "give the file of the macro as well, correct the name, or take it out where it names itself",
                )),
            },
            Some(token) => Err((
                format!("{} stands where a field or a macro should", token.quoted()),
                "name one there",
            )),
            None => Err((
                "the condition ends where a field or a macro should stand".into(),
                "name one there",
            )),
        }
    }

    fn check(&mut self, word: &str) -> Result<Expr, Wrong> {
        self.grow(1)?;
        let (field, argument) = match word.split_once('[') {
            Some((field, argument)) => (field, argument.strip_suffix(']')),
            None => (word, None),
        };
        if word.contains('[') && argument.is_none() {
            let what = format!("the bracket of {} is not closed", quote(word));
            return Err((what, "write it as proc.aname[2]"));
        }
        let operator = match self.advance() {
            Some(Token::Word(word)) => Operator::of(word),
            _ => None,
        };
        let Some(operator) = operator else {
            let what = format!("no operator follows {}", quote(word));
            return Err((
                what,
                "write =, !=, <, <=, >, >=, in, contains, startswith, endswith, glob, exists or another",
            ));
        };
        let values = match operator {
            Operator::Exists => Vec::new(),
            _ if operator.takes_list() => {
                let values = self.list()?;
                self.grow(values.len())?;
                values
            }
            _ => match self.advance() {
                Some(Token::Word(value) | Token::Quoted(value)) => vec![value.clone()],
                _ => {
                    let what = format!("nothing is compared with {}", quote(word));
                    return Err((what, "write a value"));
                }
            },
        };
        if operator.compiles() {
            self.grow(COMPILED)?;
        }
        Ok(Expr::Check(Arc::new(Check {
            field: field.to_owned(),
            argument: argument.map(ToOwned::to_owned),
            operator,
            values,
        })))
    }

    /// Values in parentheses, or the name of a list. The names of lists stand for what is in them.
    fn list(&mut self) -> Result<Vec<String>, Wrong> {
        let mut values = Vec::new();
        match self.advance() {
            Some(Token::Open) => {}
            Some(Token::Word(name)) if self.scope.lists.contains_key(name) => {
                return Ok(self.scope.lists[name].clone());
            }
            _ => return Err(("a list stands in parentheses".into(), "write `(a, b)`")),
        }
        loop {
            match self.advance() {
                Some(Token::Close) => return Ok(values),
                Some(Token::Comma) => {}
                Some(Token::Quoted(value)) => values.push(value.clone()),
                Some(Token::Word(value)) => match self.scope.lists.get(value) {
                    Some(list) => values.extend(list.iter().cloned()),
                    None => values.push(value.clone()),
                },
                Some(Token::Open) | None => {
                    return Err(("a list is not closed".into(), "add `)`"));
                }
            }
            if values.len() > MOST_SIZE {
                return Err(("a list is too long".into(), "split it"));
            }
        }
    }

    fn grow(&mut self, by: usize) -> Result<(), Wrong> {
        self.size = self.size.saturating_add(by);
        match self.size > MOST_SIZE {
            true => Err((
                format!(
                    "the condition with its macros has more than {MOST_SIZE} checks and values"
                ),
                "name each macro once",
            )),
            false => Ok(()),
        }
    }

    fn peek(&self) -> Option<&'t Token> {
        self.tokens.get(self.next)
    }

    fn advance(&mut self) -> Option<&'t Token> {
        let token = self.peek();
        self.next += 1;
        token
    }

    fn take(&mut self, word: &str) -> bool {
        let is_here = matches!(self.peek(), Some(Token::Word(it)) if it == word);
        self.next += usize::from(is_here);
        is_here
    }
}

fn join(mut sides: Vec<Expr>, all: fn(Vec<Expr>) -> Expr) -> Expr {
    match sides.pop() {
        Some(only) if sides.is_empty() => only,
        last => {
            sides.extend(last);
            all(sides)
        }
    }
}

fn is_identifier(word: &str) -> bool {
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    word.starts_with(|c: char| c.is_ascii_alphabetic()) && word.chars().all(is_of_name)
}

/// Whether a word is the name of a field: names with dots between them, and perhaps a bracket behind.
fn is_field(word: &str) -> bool {
    let name = word.split('[').next().unwrap_or_default();
    name.contains('.')
        && name
            .split('.')
            .all(|part| is_identifier(part) || part == "_")
}

const MOST_BYTES: usize = 64 << 10;
const MOST_DEPTH: usize = 50;
/// Checks and values of a condition.
const MOST_SIZE: usize = 100_000;
/// What an expression counts as, for what it takes to keep.
const COMPILED: usize = 1_000;
