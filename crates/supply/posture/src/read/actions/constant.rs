//! Expressions that always have the same value.

use super::{
    expression::{Comparison, Expression, Function, Kind},
    lexer::number,
};

/// A value that is no list and no map.
#[derive(Clone, Debug, PartialEq)]
pub enum Constant {
    /// Nothing.
    Null,
    /// Yes or no.
    Bool(bool),
    /// A number.
    Number(f64),
    /// Text.
    String(String),
}

impl Expression {
    /// Whether it stands for a value that could be written instead.
    pub fn is_constant(&self) -> bool {
        match &self.kind {
            Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::String(_) => true,
            Kind::Context(..) => false,
            Kind::Call(function, parts) => {
                let is_pure = matches!(
                    function,
                    Function::Contains
                        | Function::StartsWith
                        | Function::EndsWith
                        | Function::Format
                        | Function::ToJson
                        | Function::Join
                );
                is_pure && parts.iter().all(Self::is_constant)
            }
            Kind::Not(part) => part.is_constant(),
            Kind::All(parts) | Kind::Any(parts) => parts.iter().all(Self::is_constant),
            Kind::Compare(left, _, right) => left.is_constant() && right.is_constant(),
        }
    }

    /// Whether it is a literal.
    pub fn is_literal(&self) -> bool {
        matches!(
            self.kind,
            Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::String(_)
        )
    }

    /// The value that it always has.
    pub fn constant(&self) -> Option<Constant> {
        Some(match &self.kind {
            Kind::Null => Constant::Null,
            Kind::Bool(value) => Constant::Bool(*value),
            Kind::Number(value) => Constant::Number(*value),
            Kind::String(text) => Constant::String((**text).to_owned()),
            Kind::Not(part) => Constant::Bool(!part.constant()?.is_true()),
            Kind::All(parts) => decided(parts, false)?,
            Kind::Any(parts) => decided(parts, true)?,
            Kind::Compare(left, comparison, right) => {
                Constant::Bool(comparison.holds(&left.constant()?, &right.constant()?))
            }
            Kind::Call(function, parts) => {
                let values: Option<Vec<Constant>> = parts.iter().map(Self::constant).collect();
                call(*function, &values?)?
            }
            Kind::Context(..) => return None,
        })
    }
}

/// The first operand that is true, or false, and else the last.
fn decided(parts: &[Expression], truth: bool) -> Option<Constant> {
    let values: Option<Vec<Constant>> = parts.iter().map(Expression::constant).collect();
    let values = values?;
    let first = values.iter().find(|value| value.is_true() == truth);
    first.or(values.last()).cloned()
}

impl Constant {
    /// Whether a condition takes it for true.
    pub fn is_true(&self) -> bool {
        match self {
            Self::Null => false,
            Self::Bool(value) => *value,
            Self::Number(value) => *value != 0.0 && !value.is_nan(),
            Self::String(text) => !text.is_empty(),
        }
    }

    /// What it becomes in a text.
    pub fn text(&self) -> String {
        match self {
            Self::Null => String::new(),
            Self::Bool(value) => value.to_string(),
            Self::Number(value) => value.to_string(),
            Self::String(text) => text.clone(),
        }
    }

    fn number(&self) -> f64 {
        match self {
            Self::Null => 0.0,
            Self::Bool(value) => f64::from(u8::from(*value)),
            Self::Number(value) => *value,
            Self::String(text) if text.trim().is_empty() => 0.0,
            Self::String(text) => number(text.trim()).unwrap_or(f64::NAN),
        }
    }

    fn folded(&self) -> String {
        self.text().to_uppercase()
    }
}

impl Comparison {
    /// Text is compared without its case; values of two kinds are compared as numbers.
    fn holds(self, left: &Constant, right: &Constant) -> bool {
        let order = match (left, right) {
            (Constant::String(_), Constant::String(_)) => Some(left.folded().cmp(&right.folded())),
            _ => left.number().partial_cmp(&right.number()),
        };
        match self {
            Self::Equal => order.is_some_and(std::cmp::Ordering::is_eq),
            Self::NotEqual => !order.is_some_and(std::cmp::Ordering::is_eq),
            Self::Less => order.is_some_and(std::cmp::Ordering::is_lt),
            Self::LessOrEqual => order.is_some_and(std::cmp::Ordering::is_le),
            Self::Greater => order.is_some_and(std::cmp::Ordering::is_gt),
            Self::GreaterOrEqual => order.is_some_and(std::cmp::Ordering::is_ge),
        }
    }
}

fn call(function: Function, values: &[Constant]) -> Option<Constant> {
    let pair = || match values {
        [left, right] => Some((left.folded(), right.folded())),
        _ => None,
    };
    Some(match function {
        Function::Contains => pair().map(|(text, part)| Constant::Bool(text.contains(&part)))?,
        Function::StartsWith => {
            pair().map(|(text, part)| Constant::Bool(text.starts_with(&part)))?
        }
        Function::EndsWith => pair().map(|(text, part)| Constant::Bool(text.ends_with(&part)))?,
        Function::Format => {
            let (template, values) = values.split_first()?;
            Constant::String(format(&template.text(), values)?)
        }
        Function::Join => Constant::String(values.first()?.text()),
        Function::Case => {
            let (otherwise, pairs) = values.split_last()?;
            let (pairs, _) = pairs.as_chunks::<2>();
            let chosen = pairs.iter().find(|[condition, _]| condition.is_true());
            chosen.map_or(otherwise, |[_, value]| value).clone()
        }
        Function::ToJson => match values.first()? {
            Constant::Null => Constant::String("null".to_owned()),
            Constant::String(text) => Constant::String(format!("{text:?}")),
            other => Constant::String(other.text()),
        },
        _ => return None,
    })
}

/// `{0}` is the first value; `{{` and `}}` are braces.
fn format(template: &str, values: &[Constant]) -> Option<String> {
    let mut result = String::new();
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        result.push_str(&rest[..at]);
        let brace = &rest[at..=at];
        rest = &rest[at + 1..];
        if let Some(behind) = rest.strip_prefix(brace) {
            result.push_str(brace);
            rest = behind;
            continue;
        }
        if brace == "}" {
            return None;
        }
        let (index, behind) = rest.split_once('}')?;
        let value = values.get(index.parse::<usize>().ok()?)?;
        // Values repeat what they say, and formats are part of formats.
        if result.len() > MAX_TEXT {
            return None;
        }
        result.push_str(&value.text());
        rest = behind;
    }
    result.push_str(rest);
    Some(result)
}

const MAX_TEXT: usize = 1 << 16;

#[cfg(test)]
mod tests {
    use crate::read::actions::expression::parse;

    #[test]
    fn constants_have_the_value_that_the_runner_gives_them() {
        for (text, expected) in [
            ("true && 'x' || 'y'", "x"),
            ("false && 'x' || 'y'", "y"),
            ("'A' == 'a'", "true"),
            ("'1' == 1", "true"),
            ("null == 0", "true"),
            ("'x' == 0", "false"),
            ("1 < 2 && !('b' <= 'A')", "true"),
            ("format('{0}-{1} {{}}', 'a', 2)", "a-2 {}"),
            ("contains('Hello', 'ELL')", "true"),
            ("startsWith('refs/heads/x', 'refs/')", "true"),
            ("endsWith('x', 'y')", "false"),
            ("join('a', ',')", "a"),
            ("case(false, 1, true, 2, 3)", "2"),
            ("toJSON('a')", "\"a\""),
        ] {
            let constant = parse(text).expect(text).constant();
            assert_eq!(constant.expect(text).text(), expected, "{text}");
        }
    }

    #[test]
    fn what_depends_on_the_run_is_no_constant() {
        for text in [
            "github.actor",
            "fromJSON('1')",
            "hashFiles('x')",
            "success()",
            "format('{0}', a)",
        ] {
            let expression = parse(text).expect(text);
            assert!(!expression.is_constant(), "{text}");
            assert_eq!(expression.constant(), None, "{text}");
        }
        let text = "format('{1}', 'a')";
        assert_eq!(parse(text).expect(text).constant(), None);
    }
}
