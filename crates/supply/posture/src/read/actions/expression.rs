//! Expressions of GitHub Actions: what stands between `${{` and `}}`, and in `if:`
//! (<https://docs.github.com/en/actions/reference/workflows-and-actions/expressions>).
//!
//! The grammar, loosest first: `||`, `&&`, `==` and `!=`, `<` `<=` `>` `>=`, `!`, and then a literal,
//! a call, a context or parentheses, followed by `.name`, `.*` or `[index]`.

use casemate_document::Span;

use super::lexer::{Lexer, Token, Word};

/// An expression and where it stands in its text.
#[derive(Clone, Debug, PartialEq)]
pub struct Expression {
    /// What it is.
    pub kind: Kind,
    /// Where, parentheses included.
    pub span: Span,
}

/// What an expression is.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// `null`.
    Null,
    /// `true` and `false`.
    Bool(bool),
    /// A number.
    Number(f64),
    /// Text in single quotes.
    String(Box<str>),
    /// A function with its arguments.
    Call(Function, Vec<Expression>),
    /// A context, or what a call or parentheses give, and the way into it.
    Context(Head, Vec<Way>),
    /// `!`.
    Not(Box<Expression>),
    /// Operands with `&&` between them, two at least.
    All(Vec<Expression>),
    /// Operands with `||` between them, two at least.
    Any(Vec<Expression>),
    /// A comparison.
    Compare(Box<Expression>, Comparison, Box<Expression>),
}

/// What a way begins with.
#[derive(Clone, Debug, PartialEq)]
pub enum Head {
    /// The name of a context: `github`.
    Name(Box<str>),
    /// What something else gives: `fromJSON(…)`.
    Value(Box<Expression>),
}

/// A step into a value.
#[derive(Clone, Debug, PartialEq)]
pub enum Way {
    /// `.name`.
    Member(Box<str>),
    /// `.*` and `[*]`.
    Star,
    /// `[index]`, with the place of the brackets.
    Index(Box<Expression>, Span),
}

/// An operator between two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `==`.
    Equal,
    /// `!=`.
    NotEqual,
    /// `<`.
    Less,
    /// `<=`.
    LessOrEqual,
    /// `>`.
    Greater,
    /// `>=`.
    GreaterOrEqual,
}

/// A function. Their names are not case sensitive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Function {
    Contains,
    StartsWith,
    EndsWith,
    Format,
    Join,
    ToJson,
    FromJson,
    HashFiles,
    Case,
    Success,
    Always,
    Cancelled,
    Failure,
}

/// Why a text is no expression, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// What is wrong, in a few words.
    pub message: &'static str,
    /// The byte of the text.
    pub at: usize,
}

/// Reads `text`, without the fence around it.
///
/// # Errors
///
/// Where it is no expression, or nests deeper than anybody writes.
pub fn parse(text: &str) -> Result<Expression, Mistake> {
    if text.len() > MAX_LENGTH {
        return Err(Mistake {
            message: "longer than an expression may be",
            at: 0,
        });
    }
    let mut parser = Parser {
        text,
        tokens: Lexer::new(text).tokens()?,
        at: 0,
        depth: 0,
    };
    let expression = parser.any()?;
    match parser.peek() {
        None => Ok(expression),
        Some(_) => Err(parser.wrong("an operator was expected")),
    }
}

impl Expression {
    /// What stands directly in it.
    pub fn parts(&self) -> Vec<&Self> {
        match &self.kind {
            Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::String(_) => Vec::new(),
            Kind::Call(_, parts) | Kind::All(parts) | Kind::Any(parts) => parts.iter().collect(),
            Kind::Context(head, ways) => {
                let head = match head {
                    Head::Name(_) => None,
                    Head::Value(value) => Some(&**value),
                };
                let indices = ways.iter().filter_map(|way| match way {
                    Way::Index(index, _) => Some(&**index),
                    _ => None,
                });
                head.into_iter().chain(indices).collect()
            }
            Kind::Not(part) => vec![part],
            Kind::Compare(left, _, right) => vec![left, right],
        }
    }

    /// It and everything in it, outermost first.
    pub fn walk(&self) -> Vec<&Self> {
        let mut all = vec![self];
        let mut next = 0;
        while next < all.len() {
            let parts = all[next].parts();
            all.extend(parts);
            next += 1;
        }
        all.sort_by_key(|it| (it.span.start, std::cmp::Reverse(it.span.end)));
        all
    }

    /// The contexts whose value becomes that of the expression, or part of it: of `a && b` only `b`,
    /// of a comparison none.
    pub fn flows(&self) -> Vec<&Self> {
        match &self.kind {
            Kind::Context(..) => vec![self],
            Kind::All(parts) => parts.last().map(Self::flows).unwrap_or_default(),
            Kind::Any(parts)
            | Kind::Call(Function::Format | Function::Join | Function::ToJson, parts) => {
                parts.iter().flat_map(Self::flows).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The expressions one of which gives the value: `x && 'a' || 'b'` is `'a'` or `'b'`.
    pub fn leaves(&self) -> Vec<&Self> {
        match &self.kind {
            Kind::All(parts) => parts.last().map(Self::leaves).unwrap_or_default(),
            Kind::Any(parts) => parts.iter().flat_map(Self::leaves).collect(),
            _ => vec![self],
        }
    }

    /// A context as a path in lower case, its parts between dots and `*` for indices that are not
    /// text: `github.event.pull_request.labels.*.name`.
    pub fn path(&self) -> Option<String> {
        let Kind::Context(Head::Name(name), ways) = &self.kind else {
            return None;
        };
        let mut path = name.to_ascii_lowercase();
        for way in ways {
            path.push('.');
            match way {
                Way::Member(name) => path.push_str(&name.to_ascii_lowercase()),
                Way::Index(index, _) => match &index.kind {
                    Kind::String(name) => path.push_str(&name.to_ascii_lowercase()),
                    _ => path.push('*'),
                },
                Way::Star => path.push('*'),
            }
        }
        Some(path)
    }

    /// What stands behind the dot of a context with one step, as it was written: `FOO` of `env.FOO`.
    pub fn tail(&self) -> Option<&str> {
        let Kind::Context(Head::Name(_), ways) = &self.kind else {
            return None;
        };
        match ways.as_slice() {
            [Way::Member(name)] => Some(name),
            [Way::Index(index, _)] => match &index.kind {
                Kind::String(name) => Some(name),
                _ => None,
            },
            _ => None,
        }
    }
}

impl Function {
    fn of(name: &str) -> Option<Self> {
        let known = FUNCTIONS
            .iter()
            .find(|(known, ..)| name.eq_ignore_ascii_case(known));
        known.map(|(_, function, _)| *function)
    }

    /// Whether it takes that many arguments.
    fn takes(self, arguments: usize) -> bool {
        let counts = FUNCTIONS.iter().find(|(_, function, _)| *function == self);
        let odd = self != Self::Case || arguments % 2 == 1;
        odd && counts.is_some_and(|(.., (least, most))| (*least..=*most).contains(&arguments))
    }
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<Word> {
        self.tokens.get(self.at).map(|token| token.word)
    }

    fn wrong(&self, message: &'static str) -> Mistake {
        let at = self.tokens.get(self.at);
        Mistake {
            message,
            at: at.map_or(self.text.len(), |token| token.span.start as usize),
        }
    }

    /// The place of the next token, which is then behind us.
    fn take(&mut self, word: Word, message: &'static str) -> Result<Span, Mistake> {
        match self.tokens.get(self.at) {
            Some(token) if token.word == word => {
                self.at += 1;
                Ok(token.span)
            }
            _ => Err(self.wrong(message)),
        }
    }

    fn eat(&mut self, word: Word) -> bool {
        self.take(word, "").is_ok()
    }

    fn any(&mut self) -> Result<Expression, Mistake> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.wrong("nested too deep"));
        }
        let result = self.operands(Word::Or, Self::all, Kind::Any);
        self.depth -= 1;
        result
    }

    fn all(&mut self) -> Result<Expression, Mistake> {
        self.operands(Word::And, Self::equality, Kind::All)
    }

    fn operands(
        &mut self,
        between: Word,
        operand: fn(&mut Self) -> Result<Expression, Mistake>,
        kind: fn(Vec<Expression>) -> Kind,
    ) -> Result<Expression, Mistake> {
        let first = operand(self)?;
        if self.peek() != Some(between) {
            return Ok(first);
        }
        let mut span = first.span;
        let mut operands = vec![first];
        while self.eat(between) {
            let next = operand(self)?;
            span = span.to(next.span);
            operands.push(next);
        }
        Ok(Expression {
            kind: kind(operands),
            span,
        })
    }

    fn equality(&mut self) -> Result<Expression, Mistake> {
        self.comparison(&[Comparison::Equal, Comparison::NotEqual], Self::order)
    }

    fn order(&mut self) -> Result<Expression, Mistake> {
        let operators = [
            Comparison::Less,
            Comparison::LessOrEqual,
            Comparison::Greater,
            Comparison::GreaterOrEqual,
        ];
        self.comparison(&operators, Self::not)
    }

    fn comparison(
        &mut self,
        operators: &[Comparison],
        operand: fn(&mut Self) -> Result<Expression, Mistake>,
    ) -> Result<Expression, Mistake> {
        let mut left = operand(self)?;
        let mut chain = 0;
        while let Some(Word::Compare(operator)) = self.peek() {
            if !operators.contains(&operator) {
                break;
            }
            chain += 1;
            if chain > MAX_DEPTH {
                return Err(self.wrong("nested too deep"));
            }
            self.at += 1;
            let right = operand(self)?;
            left = Expression {
                span: left.span.to(right.span),
                kind: Kind::Compare(Box::new(left), operator, Box::new(right)),
            };
        }
        Ok(left)
    }

    fn not(&mut self) -> Result<Expression, Mistake> {
        let mut signs = Vec::new();
        while self.peek() == Some(Word::Not) {
            signs.push(self.tokens[self.at].span);
            self.at += 1;
        }
        if signs.len() > MAX_DEPTH {
            return Err(self.wrong("nested too deep"));
        }
        let mut expression = self.way()?;
        for sign in signs.into_iter().rev() {
            expression = Expression {
                span: sign.to(expression.span),
                kind: Kind::Not(Box::new(expression)),
            };
        }
        Ok(expression)
    }

    /// A literal, or something and the way into it.
    fn way(&mut self) -> Result<Expression, Mistake> {
        let Some(&token) = self.tokens.get(self.at) else {
            return Err(self.wrong("a value was expected"));
        };
        self.at += 1;
        let literal = |kind| {
            Ok(Expression {
                kind,
                span: token.span,
            })
        };
        let text: &'a str = self.text;
        let written = token.span.of(text);
        let value = match token.word {
            Word::Number(value) => return literal(Kind::Number(value)),
            Word::String => return literal(Kind::String(unquoted(written))),
            Word::Name => match (written, self.peek()) {
                (_, Some(Word::Open)) => self.call(written, token.span)?,
                ("true", _) => return literal(Kind::Bool(true)),
                ("false", _) => return literal(Kind::Bool(false)),
                ("null", _) => return literal(Kind::Null),
                (name, _) => {
                    let name = name.into();
                    let (ways, end) = self.ways(token.span)?;
                    return Ok(Expression {
                        kind: Kind::Context(Head::Name(name), ways),
                        span: token.span.to(end),
                    });
                }
            },
            Word::Open => {
                let inner = self.any()?;
                let end = self.take(Word::Close, "`)` was expected")?;
                Expression {
                    kind: inner.kind,
                    span: token.span.to(end),
                }
            }
            _ => {
                self.at -= 1;
                return Err(self.wrong("a value was expected"));
            }
        };
        let (ways, end) = self.ways(value.span)?;
        if ways.is_empty() {
            return Ok(value);
        }
        Ok(Expression {
            span: value.span.to(end),
            kind: Kind::Context(Head::Value(Box::new(value)), ways),
        })
    }

    fn ways(&mut self, from: Span) -> Result<(Vec<Way>, Span), Mistake> {
        let (mut ways, mut end) = (Vec::new(), from);
        loop {
            if self.eat(Word::Dot) {
                let Some(&token) = self.tokens.get(self.at) else {
                    return Err(self.wrong("a name was expected"));
                };
                ways.push(match token.word {
                    Word::Name => Way::Member(token.span.of(self.text).into()),
                    Word::Star => Way::Star,
                    _ => return Err(self.wrong("a name was expected")),
                });
                self.at += 1;
                end = token.span;
            } else if self.peek() == Some(Word::OpenIndex) {
                let start = self.tokens[self.at].span;
                self.at += 1;
                let index = match self.eat(Word::Star) {
                    true => None,
                    false => Some(self.any()?),
                };
                end = self.take(Word::CloseIndex, "`]` was expected")?;
                ways.push(match index {
                    None => Way::Star,
                    Some(index) => Way::Index(Box::new(index), start.to(end)),
                });
            } else {
                return Ok((ways, end));
            }
        }
    }

    fn call(&mut self, name: &str, start: Span) -> Result<Expression, Mistake> {
        let unknown = Mistake {
            message: "there is no such function",
            at: start.start as usize,
        };
        let function = Function::of(name).ok_or(unknown)?;
        self.at += 1;
        let mut arguments = Vec::new();
        while self.peek() != Some(Word::Close) {
            arguments.push(self.any()?);
            if !self.eat(Word::Comma) {
                break;
            }
        }
        let end = self.take(Word::Close, "`,` or `)` was expected")?;
        if !function.takes(arguments.len()) {
            return Err(Mistake {
                message: "the function takes another number of arguments",
                ..unknown
            });
        }
        Ok(Expression {
            kind: Kind::Call(function, arguments),
            span: start.to(end),
        })
    }
}

fn unquoted(written: &str) -> Box<str> {
    let inner = written.get(1..written.len().saturating_sub(1));
    inner.unwrap_or_default().replace("''", "'").into()
}

/// The runner refuses longer ones (`ExpressionConstants.MaxLength`).
const MAX_LENGTH: usize = 21_000;

/// As deep as the runner goes (`ExpressionConstants.MaxDepth`).
const MAX_DEPTH: usize = 50;

/// Their names, and how many arguments they take.
const FUNCTIONS: &[(&str, Function, (usize, usize))] = &[
    ("contains", Function::Contains, (2, 2)),
    ("startsWith", Function::StartsWith, (2, 2)),
    ("endsWith", Function::EndsWith, (2, 2)),
    ("format", Function::Format, (1, usize::MAX)),
    ("join", Function::Join, (1, 2)),
    ("toJSON", Function::ToJson, (1, 1)),
    ("fromJSON", Function::FromJson, (1, 1)),
    ("hashFiles", Function::HashFiles, (1, usize::MAX)),
    ("case", Function::Case, (3, usize::MAX)),
    ("success", Function::Success, (0, 0)),
    ("always", Function::Always, (0, 0)),
    ("cancelled", Function::Cancelled, (0, 0)),
    ("failure", Function::Failure, (0, 0)),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(text: &str) -> Vec<String> {
        let expression = parse(text).expect(text);
        let flows = expression.flows();
        flows.iter().filter_map(|flow| flow.path()).collect()
    }

    #[test]
    fn only_what_can_become_the_value_flows() {
        for (text, expected) in [
            ("github.actor", &["github.actor"][..]),
            ("a.b && c.d || e['F']", &["c.d", "e.f"]),
            ("a.b == 'x'", &[]),
            ("!a.b", &[]),
            ("format('{0}', a.b, c)", &["a.b", "c"]),
            ("contains(a.b, 'x')", &[]),
            ("a.list.*.name", &["a.list.*.name"]),
            ("a[b.c].d[0]", &["a.*.d.*"]),
            ("(a || b) && (c)", &["c"]),
        ] {
            assert_eq!(paths(text), expected, "{text}");
        }
    }

    #[test]
    fn operators_bind_as_documented() {
        let expression = parse("!a || b && c == d < 1").expect("an expression");
        let Kind::Any(operands) = &expression.kind else {
            panic!("{expression:?}");
        };
        assert!(matches!(operands[0].kind, Kind::Not(_)));
        let Kind::All(operands) = &operands[1].kind else {
            panic!("{expression:?}");
        };
        let Kind::Compare(_, Comparison::Equal, right) = &operands[1].kind else {
            panic!("{expression:?}");
        };
        assert!(matches!(right.kind, Kind::Compare(_, Comparison::Less, _)));
    }

    #[test]
    fn places_are_those_of_the_text() {
        let text = "  foo && ( github.event.issue.title )";
        let expression = parse(text).expect("an expression");
        let flow = expression.flows()[0];
        assert_eq!(flow.span.of(text), "( github.event.issue.title )");
        assert_eq!(expression.span.of(text), text.trim());
    }

    #[test]
    fn literals_are_what_the_runner_reads() {
        for (text, kind) in [
            ("'it''s'", Kind::String("it's".into())),
            ("-1.5e2", Kind::Number(-150.0)),
            ("0xff", Kind::Number(255.0)),
            ("null", Kind::Null),
            ("true", Kind::Bool(true)),
        ] {
            assert_eq!(parse(text).expect(text).kind, kind);
        }
    }

    #[test]
    fn what_is_no_expression_says_where() {
        for (text, at) in [
            ("", 0),
            ("a b", 2),
            ("a &", 2),
            ("'x", 0),
            ("nope(1)", 0),
            ("contains(a)", 0),
            ("a[", 2),
            ("(a", 2),
            ("1.2.3", 0),
            ("a.$b", 2),
        ] {
            assert_eq!(parse(text).expect_err(text).at, at, "{text}");
        }
    }

    #[test]
    fn nesting_is_bounded_and_chains_are_not_nested() {
        let deep = format!("{}a{}", "(".repeat(9_000), ")".repeat(9_000));
        assert_eq!(parse(&deep).expect_err("deep").message, "nested too deep");
        let deep = format!("{}a", "!".repeat(9_000));
        assert_eq!(parse(&deep).expect_err("deep").message, "nested too deep");
        let long = format!("a{}", " || a".repeat(2_000));
        assert!(parse(&long).is_ok());
    }
}
