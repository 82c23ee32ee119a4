//! Conditions, asked of events.

use std::{collections::HashSet, net::IpAddr};

use casemate_core::Event;
use regex::{Regex, RegexBuilder};

use super::{
    condition::{Check, Expr, Operator, Wrong},
    fields,
};
use crate::{
    error::quote,
    sigma::test::Network,
    text::{Number, fold},
};

/// A condition that can be asked.
#[derive(Debug)]
pub(crate) enum Asked {
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
    Field {
        name: String,
        argument: Option<String>,
        test: Test,
    },
}

#[derive(Debug)]
pub(crate) enum Test {
    Exists,
    Is(HashSet<String>),
    IsNot(String),
    Compare(Operator, Number),
    Networks(Vec<Network>),
    Contains(String),
    ContainsAnyCase(String),
    ContainsBytes(Vec<u8>),
    StartsWith(String),
    EndsWith(String),
    Regex(Regex),
    Paths(Vec<String>),
}

impl Asked {
    /// # Errors
    ///
    /// Where a value is not what its operator takes.
    pub(crate) fn new(expr: &Expr) -> Result<Self, Wrong> {
        let all = |exprs: &[Expr]| exprs.iter().map(Self::new).collect::<Result<Vec<_>, _>>();
        Ok(match expr {
            Expr::All(exprs) => Self::All(all(exprs)?),
            Expr::Any(exprs) => Self::Any(all(exprs)?),
            Expr::Not(expr) => Self::Not(Box::new(Self::new(expr)?)),
            Expr::Macro(expr) => Self::new(expr)?,
            Expr::Check(check) => Self::Field {
                name: check.field.clone(),
                argument: check.argument.clone(),
                test: Test::new(check)?,
            },
        })
    }

    pub(crate) fn matches(&self, event: &Event) -> bool {
        match self {
            Self::All(all) => all.iter().all(|it| it.matches(event)),
            Self::Any(any) => any.iter().any(|it| it.matches(event)),
            Self::Not(it) => !it.matches(event),
            Self::Field {
                name,
                argument,
                test,
            } => {
                let values = fields::values(event, name, argument.as_deref());
                match test {
                    // What is not known is compared with nothing.
                    Test::IsNot(other) => {
                        !values.is_empty() && values.iter().all(|value| !is(value, other))
                    }
                    _ => values.iter().any(|value| test.passes(value)),
                }
            }
        }
    }
}

impl Test {
    fn new(check: &Check) -> Result<Self, Wrong> {
        let first = || check.values.first().cloned().unwrap_or_default();
        let is_network = check.field.ends_with("net");
        Ok(match check.operator {
            Operator::Exists => Self::Exists,
            Operator::Equal | Operator::In | Operator::Intersects if is_network => {
                let network = |value: &String| Network::around(value);
                let networks = check.values.iter().map(network).collect::<Result<_, _>>();
                Self::Networks(networks.map_err(|why| {
                    let what = format!("a network of {} {why}", quote(&check.field));
                    (what, "write a network such as 10.0.0.0/8")
                })?)
            }
            Operator::Equal | Operator::In | Operator::Intersects => {
                Self::Is(check.values.iter().cloned().collect())
            }
            Operator::Unequal => Self::IsNot(first()),
            Operator::Less
            | Operator::LessOrEqual
            | Operator::Greater
            | Operator::GreaterOrEqual => {
                let number = Number::of_text(&first()).ok_or((
                    format!("{} is compared with no number", quote(&check.field)),
                    "write a number",
                ))?;
                Self::Compare(check.operator, number)
            }
            Operator::Contains => Self::Contains(first()),
            Operator::ContainsAnyCase => Self::ContainsAnyCase(fold(&first()).into_owned()),
            Operator::ContainsBytes => Self::ContainsBytes(hexadecimal(&first()).ok_or((
                format!("{} is not written in hexadecimal digits", quote(&first())),
                "write two digits for each byte",
            ))?),
            Operator::StartsWith => Self::StartsWith(first()),
            Operator::EndsWith => Self::EndsWith(first()),
            Operator::Glob => Self::Regex(regex(&glob(&first()), false)?),
            Operator::GlobAnyCase => Self::Regex(regex(&glob(&first()), true)?),
            Operator::Regex => Self::Regex(regex(&format!("^(?:{})$", first()), false)?),
            Operator::PathMatch => {
                let trim = |path: &String| path.trim_end_matches('/').to_owned();
                Self::Paths(check.values.iter().map(trim).collect())
            }
        })
    }

    fn passes(&self, value: &str) -> bool {
        match self {
            Self::Exists => true,
            Self::Is(values) => {
                values.contains(value) || values.iter().any(|other| is(value, other))
            }
            Self::IsNot(_) => false,
            Self::Compare(operator, number) => {
                let order = Number::of_text(value).and_then(|value| value.compare(*number));
                order.is_some_and(|order| match operator {
                    Operator::Less => order.is_lt(),
                    Operator::LessOrEqual => order.is_le(),
                    Operator::Greater => order.is_gt(),
                    _ => order.is_ge(),
                })
            }
            Self::Networks(networks) => value
                .parse::<IpAddr>()
                .is_ok_and(|address| networks.iter().any(|it| it.has(address))),
            Self::Contains(text) => value.contains(text),
            Self::ContainsAnyCase(text) => fold(value).contains(text),
            Self::ContainsBytes(bytes) => memchr::memmem::find(value.as_bytes(), bytes).is_some(),
            Self::StartsWith(text) => value.starts_with(text),
            Self::EndsWith(text) => value.ends_with(text),
            Self::Regex(regex) => regex.is_match(value),
            Self::Paths(paths) => paths.iter().any(|path| {
                let rest = value.strip_prefix(path.as_str());
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            }),
        }
    }
}

/// Whether two values are the same text, or the same number.
fn is(value: &str, other: &str) -> bool {
    let number = |text: &str| {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let is_number = digits
            .bytes()
            .next()
            .is_some_and(|byte| byte.is_ascii_digit());
        is_number.then(|| Number::of_text(text)).flatten()
    };
    value == other
        || match (number(value), number(other)) {
            (Some(a), Some(b)) => a.compare(b).is_some_and(std::cmp::Ordering::is_eq),
            _ => false,
        }
}

fn regex(expression: &str, is_any_case: bool) -> Result<Regex, Wrong> {
    RegexBuilder::new(expression)
        .case_insensitive(is_any_case)
        .dot_matches_new_line(true)
        .size_limit(256 << 10)
        .dfa_size_limit(256 << 10)
        .build()
        .map_err(|error| {
            let why = error.to_string();
            let why = why
                .lines()
                .next_back()
                .unwrap_or_default()
                .trim()
                .to_owned();
            (format!("an expression cannot be used: {why}"), "correct it")
        })
}

/// A glob as a regular expression: `*`, `?`, classes in brackets, and a backslash before what counts for itself.
fn glob(text: &str) -> String {
    let mut expression = String::from("^");
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '*' => expression.push_str(".*"),
            '?' => expression.push('.'),
            '[' => match class(&mut chars) {
                Some(class) => expression.push_str(&class),
                None => expression.push_str(r"\["),
            },
            '\\' => {
                let next = chars.next().unwrap_or('\\');
                expression.push_str(&regex::escape(next.encode_utf8(&mut [0; 4])));
            }
            _ => expression.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
        }
    }
    expression.push('$');
    expression
}

/// What stands in brackets, where they are closed.
fn class(chars: &mut std::str::Chars<'_>) -> Option<String> {
    let rest = chars.as_str();
    let end = rest.char_indices().skip(1).find(|(_, c)| *c == ']')?.0;
    let inside = &rest[..end];
    *chars = rest[end + 1..].chars();
    let (negation, inside) = match inside.strip_prefix(['!', '^']) {
        Some(inside) => ("^", inside),
        None => ("", inside),
    };
    let escape = |c: char| match c {
        '-' => "-".to_owned(),
        c => regex::escape(c.encode_utf8(&mut [0; 4])),
    };
    let inside: String = inside.chars().map(escape).collect();
    Some(format!("[{negation}{inside}]"))
}

fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let bytes: Option<Vec<u8>> = pairs.iter().map(byte).collect();
    bytes.filter(|bytes| rest.is_empty() && !bytes.is_empty())
}
