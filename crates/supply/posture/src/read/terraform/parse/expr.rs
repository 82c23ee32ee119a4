//! Expressions.

use std::sync::Arc;

use casemate_document::Span;

use super::{Parsed, Parser};
use crate::read::terraform::syntax::{Expr, ExprKind, For, MAX_DEPTH, Operator, Step};

impl Parser<'_> {
    pub(super) fn expr(&mut self) -> Parsed<Expr> {
        self.deeper()?;
        let expr = self.conditional();
        self.depth -= 1;
        expr
    }

    fn conditional(&mut self) -> Parsed<Expr> {
        self.space();
        let start = self.at;
        let condition = self.binary(0)?;
        self.space();
        if !self.take("?") {
            return Ok(condition);
        }
        let yes = self.expr()?;
        self.expect(":")?;
        let no = self.expr()?;
        let depth = condition.depth.max(yes.depth).max(no.depth);
        let kind = ExprKind::Conditional(Box::new([condition, yes, no]));
        self.node(kind, start, depth)
    }

    /// Operators that bind at least as tightly as the level.
    fn binary(&mut self, level: usize) -> Parsed<Expr> {
        self.space();
        let start = self.at;
        let Some(operators) = LEVELS.get(level) else {
            return self.unary();
        };
        let mut left = self.binary(level + 1)?;
        loop {
            let end = self.at;
            self.space();
            let found = operators.iter().find(|(sign, _)| self.take(sign));
            let Some(&(_, operator)) = found else {
                self.at = end;
                return Ok(left);
            };
            let right = self.binary(level + 1)?;
            let depth = left.depth.max(right.depth);
            let kind = ExprKind::Binary(operator, Box::new(left), Box::new(right));
            left = self.node(kind, start, depth)?;
        }
    }

    fn unary(&mut self) -> Parsed<Expr> {
        self.space();
        let start = self.at;
        let sign = match self.peek() {
            Some(b'!') if self.peek_at(1) != Some(b'=') => ExprKind::Not,
            Some(b'-') => ExprKind::Negate,
            _ => return self.way(),
        };
        self.at += 1;
        self.deeper()?;
        let operand = self.unary();
        self.depth -= 1;
        let operand = operand?;
        let depth = operand.depth;
        self.node(sign(Box::new(operand)), start, depth)
    }

    /// A term, and what is asked of it.
    fn way(&mut self) -> Parsed<Expr> {
        let start = self.at;
        let term = self.term()?;
        let mut depth = term.depth;
        let mut steps = Vec::new();
        loop {
            let end = self.at;
            if self.newlines {
                self.space();
            }
            match self.peek() {
                Some(b'.') if self.peek_at(1) == Some(b'.') => break,
                Some(b'.') => {
                    self.at += 1;
                    steps.push(self.attribute_step()?);
                }
                Some(b'[') => {
                    self.at += 1;
                    let step = self.index_step()?;
                    if let Step::Index(index) = &step {
                        depth = depth.max(index.depth);
                    }
                    steps.push(step);
                }
                _ => {
                    self.at = end;
                    break;
                }
            }
        }
        if steps.is_empty() {
            return Ok(term);
        }
        self.node(ExprKind::Way(Box::new(term), steps), start, depth)
    }

    fn attribute_step(&mut self) -> Parsed<Step> {
        self.space();
        if self.take("*") {
            return Ok(Step::AttributeSplat);
        }
        let start = self.at;
        if self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
                self.at += 1;
            }
            let number = self.text[start..self.at].parse::<f64>().unwrap_or(f64::MAX);
            let index = self.node(ExprKind::Number(number), start, 0)?;
            return Ok(Step::Index(index));
        }
        Ok(Step::Attribute(self.word()?))
    }

    fn index_step(&mut self) -> Parsed<Step> {
        let outer = std::mem::replace(&mut self.newlines, true);
        self.space();
        let start = self.at;
        let step = if self.take("*") {
            self.space();
            if self.peek() == Some(b']') {
                Step::FullSplat
            } else {
                self.at = start;
                Step::Index(self.expr()?)
            }
        } else {
            Step::Index(self.expr()?)
        };
        self.expect("]")?;
        self.newlines = outer;
        Ok(step)
    }

    fn term(&mut self) -> Parsed<Expr> {
        let start = self.at;
        match self.peek() {
            Some(b'(') => {
                self.at += 1;
                let inner = self.inside(Self::expr, ")")?;
                let depth = inner.depth;
                self.node(ExprKind::Parenthesis(Box::new(inner)), start, depth)
            }
            Some(b'[') => self.tuple(),
            Some(b'{') => self.object(),
            Some(b'"') => self.template_quoted(),
            Some(b'<') if self.peek_at(1) == Some(b'<') => self.heredoc(),
            Some(b'0'..=b'9') => self.number(),
            _ if self.is_word() => self.name_or_call(),
            _ => Err(self.wrong("an expression is expected")),
        }
    }

    /// What `parse` finds up to `end`, where line ends are white space.
    fn inside<T>(&mut self, parse: fn(&mut Self) -> Parsed<T>, end: &str) -> Parsed<T> {
        let outer = std::mem::replace(&mut self.newlines, true);
        let inner = parse(self)?;
        self.expect(end)?;
        self.newlines = outer;
        Ok(inner)
    }

    fn name_or_call(&mut self) -> Parsed<Expr> {
        let start = self.at;
        let mut name = self.word()?;
        let kind = match &*name {
            "true" => ExprKind::Bool(true),
            "false" => ExprKind::Bool(false),
            "null" => ExprKind::Null,
            _ => ExprKind::Word(name.clone()),
        };
        while self.take("::") {
            name = format!("{name}::{}", self.word()?).into();
        }
        if self.peek() != Some(b'(') {
            return self.node(kind, start, 0);
        }
        self.at += 1;
        let (arguments, expands) = self.inside(Self::arguments, ")")?;
        let depth = deepest(&arguments);
        self.node(ExprKind::Call(name, arguments, expands), start, depth)
    }

    fn arguments(&mut self) -> Parsed<(Vec<Expr>, bool)> {
        let mut arguments = Vec::new();
        loop {
            self.space();
            if self.peek() == Some(b')') {
                return Ok((arguments, false));
            }
            arguments.push(self.expr()?);
            self.space();
            if self.take("...") {
                self.space();
                self.take(",");
                return Ok((arguments, true));
            }
            if !self.take(",") {
                return Ok((arguments, false));
            }
        }
    }

    fn tuple(&mut self) -> Parsed<Expr> {
        let start = self.at;
        let outer = std::mem::replace(&mut self.newlines, true);
        self.at += 1;
        self.space();
        if self.keyword("for") {
            let expr = self.for_expr(start, "]")?;
            self.newlines = outer;
            return Ok(expr);
        }
        let mut items = Vec::new();
        loop {
            self.space();
            if self.peek() == Some(b']') {
                break;
            }
            items.push(self.expr()?);
            self.space();
            if !self.take(",") {
                break;
            }
        }
        self.expect("]")?;
        self.newlines = outer;
        let depth = deepest(&items);
        self.node(ExprKind::Tuple(items), start, depth)
    }

    fn object(&mut self) -> Parsed<Expr> {
        let start = self.at;
        let outer = std::mem::replace(&mut self.newlines, false);
        self.at += 1;
        self.blank();
        if self.keyword("for") {
            self.newlines = true;
            let expr = self.for_expr(start, "}")?;
            self.newlines = outer;
            return Ok(expr);
        }
        let mut entries = Vec::new();
        let mut depth = 0;
        loop {
            self.blank();
            if self.take("}") {
                break;
            }
            let key = self.expr()?;
            self.space();
            if !self.take("=") && !self.take(":") {
                return Err(self.wrong("`=` is expected"));
            }
            self.blank();
            let value = self.expr()?;
            depth = depth.max(key.depth).max(value.depth);
            entries.push((key, value));
            self.space();
            if !self.take(",") && !matches!(self.peek(), Some(b'\n' | b'}')) {
                return Err(self.wrong("a line end or `,` is expected"));
            }
        }
        self.newlines = outer;
        self.node(ExprKind::Object(entries), start, depth)
    }

    /// What follows `[for` or `{for`.
    fn for_expr(&mut self, start: usize, end: &str) -> Parsed<Expr> {
        let (key, value) = self.for_names()?;
        let of = self.expr()?;
        self.expect(":")?;
        let mut result = self.expr()?;
        let mut result_key = None;
        if end == "}" {
            self.expect("=>")?;
            result_key = Some(std::mem::replace(&mut result, self.expr()?));
        }
        self.space();
        let groups = self.take("...");
        self.space();
        let condition = if self.keyword("if") {
            Some(self.expr()?)
        } else {
            None
        };
        self.expect(end)?;
        let parts = [
            Some(&of),
            Some(&result),
            result_key.as_ref(),
            condition.as_ref(),
        ];
        let depth = parts.into_iter().flatten().map(|it| it.depth).max();
        let kind = ExprKind::For(Box::new(For {
            key,
            value,
            of,
            result_key,
            result,
            groups,
            condition,
        }));
        self.node(kind, start, depth.unwrap_or_default())
    }

    /// `key, value in`, or `value in`.
    pub(super) fn for_names(&mut self) -> Parsed<(Option<Arc<str>>, Arc<str>)> {
        self.space();
        let first = self.word()?;
        self.space();
        let names = if self.take(",") {
            self.space();
            (Some(first), self.word()?)
        } else {
            (None, first)
        };
        self.space();
        if !self.keyword("in") {
            return Err(self.wrong("`in` is expected"));
        }
        Ok(names)
    }

    fn number(&mut self) -> Parsed<Expr> {
        let start = self.at;
        let mut previous = b'0';
        while let Some(byte) = self.peek() {
            let is_sign = matches!(byte, b'+' | b'-') && matches!(previous, b'e' | b'E');
            let is_dot = byte == b'.' && self.peek_at(1).is_some_and(|next| next.is_ascii_digit());
            if !byte.is_ascii_digit() && !matches!(byte, b'e' | b'E') && !is_sign && !is_dot {
                break;
            }
            previous = byte;
            self.at += 1;
        }
        let number = self.text[start..self.at].parse::<f64>();
        let number = number.map_err(|_| self.wrong("a number is expected"))?;
        let is_exact = number.abs() <= MAX_EXACT && self.at - start <= 17;
        let kind = if is_exact {
            ExprKind::Number(number)
        } else {
            ExprKind::LongNumber
        };
        self.node(kind, start, 0)
    }

    pub(super) fn node(&self, kind: ExprKind, start: usize, inner: u16) -> Parsed<Expr> {
        self.node_at(kind, self.span_from(start), inner)
    }

    pub(super) fn node_at(&self, kind: ExprKind, span: Span, inner: u16) -> Parsed<Expr> {
        // What a loop puts around itself, as `a + b + c`, nests without being nested in the text.
        let depth = inner + 1;
        if depth > 4 * MAX_DEPTH {
            return Err(self.wrong("too many operators in one expression"));
        }
        Ok(Expr { kind, span, depth })
    }
}

fn deepest(items: &[Expr]) -> u16 {
    items.iter().map(|it| it.depth).max().unwrap_or_default()
}

/// From the loosest to the tightest; of two that begin alike the longer first.
const LEVELS: &[&[(&str, Operator)]] = &[
    &[("||", Operator::Or)],
    &[("&&", Operator::And)],
    &[("==", Operator::Equal), ("!=", Operator::NotEqual)],
    &[
        ("<=", Operator::LessOrEqual),
        (">=", Operator::GreaterOrEqual),
        ("<", Operator::Less),
        (">", Operator::Greater),
    ],
    &[("+", Operator::Add), ("-", Operator::Subtract)],
    &[
        ("*", Operator::Multiply),
        ("/", Operator::Divide),
        ("%", Operator::Modulo),
    ],
];

/// 2^53: beyond, 64 bits do not hold every whole number.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;
