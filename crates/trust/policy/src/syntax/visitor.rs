//! The expressions of one definition.

use std::collections::BTreeSet;

use regorus::unstable::{AssignOp, Expr, Literal, Query, Ref, RuleBody, RuleHead};

use crate::{EngineError, engine::Message};

/// Walks the expressions of one definition without recursion: the parser bounds how deep brackets
/// nest, but not how long a chain of operators or references is.
#[derive(Default)]
pub(super) struct Visitor {
    todo: Vec<(Ref<Expr>, usize, bool)>,
    pub(super) references: BTreeSet<Vec<String>>,
    pub(super) called: BTreeSet<Vec<String>>,
    pub(super) locals: BTreeSet<String>,
    pub(super) depth: usize,
    pub(super) lines: BTreeSet<u32>,
}

impl Visitor {
    /// `counts`: whether the line of the expression is one that tests can cover.
    pub(super) fn push(&mut self, expr: &Ref<Expr>, depth: usize, counts: bool) {
        self.todo.push((expr.clone(), depth, counts));
    }

    pub(super) fn head<'a>(
        &mut self,
        head: &'a RuleHead,
        bodies: &[RuleBody],
    ) -> Result<&'a Ref<Expr>, EngineError> {
        let (refr, value) = match head {
            RuleHead::Compr { refr, assign, .. } => (refr, assign.as_ref().map(|a| &a.value)),
            RuleHead::Set { refr, key, .. } => (refr, key.as_ref()),
            RuleHead::Func {
                refr, args, assign, ..
            } => {
                for argument in args {
                    self.declare(argument);
                }
                (refr, assign.as_ref().map(|a| &a.value))
            }
        };
        if let Some(value) = value {
            self.push(value, 0, true);
        }
        for index in static_path(refr).rest {
            self.push(&index, 0, false);
        }
        for body in bodies {
            if let Some(assign) = &body.assign {
                self.push(&assign.value, 0, false);
            }
            self.query(&body.query, 0)?;
        }
        Ok(refr)
    }

    fn query(&mut self, query: &Query, depth: usize) -> Result<(), EngineError> {
        if query.stmts.len() > MAX_STATEMENTS {
            let place = format!("{}:{}", query.span.source.file(), query.span.line);
            let text = format!("{place}: a body has more than {MAX_STATEMENTS} statements");
            return Err(EngineError::Refuse(Message::new(&text)));
        }
        for statement in &query.stmts {
            for with in &statement.with_mods {
                self.push(&with.refr, depth, false);
                self.push(&with.r#as, depth, false);
            }
            match &statement.literal {
                Literal::SomeVars { vars, .. } => {
                    self.locals
                        .extend(vars.iter().map(|span| span.text().to_owned()));
                }
                Literal::SomeIn {
                    key,
                    value,
                    collection,
                    ..
                } => {
                    for declared in key.iter().chain([value]) {
                        self.declare(declared);
                    }
                    self.push(collection, depth, true);
                }
                Literal::Expr { expr, .. } | Literal::NotExpr { expr, .. } => {
                    self.push(expr, depth, true);
                }
                Literal::Every {
                    key,
                    value,
                    domain,
                    query,
                    ..
                } => {
                    let names = key.iter().chain([value]);
                    self.locals.extend(names.map(|span| span.text().to_owned()));
                    self.push(domain, depth, true);
                    // No deeper than the parser lets brackets nest.
                    self.query(query, depth + 1)?;
                }
            }
        }
        Ok(())
    }

    /// The names that the pattern `expr` binds.
    fn declare(&mut self, expr: &Ref<Expr>) {
        let mut todo = vec![expr.clone()];
        while let Some(expr) = todo.pop() {
            match expr.as_ref() {
                Expr::Var { span, .. } => {
                    self.locals.insert(span.text().to_owned());
                }
                Expr::Array { items, .. } | Expr::Set { items, .. } => {
                    todo.extend(items.iter().cloned());
                }
                Expr::Object { fields, .. } => {
                    todo.extend(fields.iter().map(|(_, _, value)| value.clone()));
                }
                _ => {}
            }
        }
    }

    pub(super) fn run(&mut self) -> Result<(), EngineError> {
        while let Some((expr, depth, counts)) = self.todo.pop() {
            self.depth = self.depth.max(depth);
            // Neither the line a comprehension begins on nor its term is in the library's report.
            let is_comprehension = matches!(
                expr.as_ref(),
                Expr::ArrayCompr { .. } | Expr::SetCompr { .. } | Expr::ObjectCompr { .. }
            );
            if counts && !is_comprehension {
                self.lines.insert(expr.span().line);
            }
            self.visit(&expr, depth + 1, counts)?;
        }
        Ok(())
    }

    fn visit(&mut self, expr: &Ref<Expr>, below: usize, counts: bool) -> Result<(), EngineError> {
        let mut children: Vec<&Ref<Expr>> = Vec::new();
        match expr.as_ref() {
            Expr::String { .. }
            | Expr::RawString { .. }
            | Expr::Number { .. }
            | Expr::Bool { .. }
            | Expr::Null { .. } => {}
            Expr::Array { items, .. } | Expr::Set { items, .. } => children.extend(items),
            Expr::Object { fields, .. } => {
                children.extend(fields.iter().flat_map(|(_, key, value)| [key, value]));
            }
            Expr::ArrayCompr { term, query, .. } | Expr::SetCompr { term, query, .. } => {
                self.push(term, below, false);
                self.query(query, below)?;
            }
            Expr::ObjectCompr {
                key, value, query, ..
            } => {
                self.push(key, below, false);
                self.push(value, below, false);
                self.query(query, below)?;
            }
            Expr::Call { fcn, params, .. } => {
                self.called.insert(static_path(fcn).names);
                children.extend(params);
            }
            Expr::UnaryExpr { expr, .. } => children.push(expr),
            Expr::Var { .. } | Expr::RefDot { .. } | Expr::RefBrack { .. } => {
                let path = static_path(expr);
                self.depth = self.depth.max(below + path.length);
                if path.rest.len() > MAX_UNKNOWN {
                    let span = expr.span();
                    let place = format!("{}:{}", span.source.file(), span.line);
                    let text = format!(
                        "{place}: a reference has more than {MAX_UNKNOWN} indices that are no names"
                    );
                    return Err(EngineError::Refuse(Message::new(&text)));
                }
                self.references.insert(path.names);
                for index in path.rest {
                    self.push(&index, below, counts);
                }
            }
            Expr::AssignExpr { op, lhs, rhs, .. } => {
                if *op == AssignOp::ColEq {
                    self.declare(lhs);
                }
                children.extend([lhs, rhs]);
            }
            Expr::BinExpr { lhs, rhs, .. }
            | Expr::BoolExpr { lhs, rhs, .. }
            | Expr::ArithExpr { lhs, rhs, .. } => children.extend([lhs, rhs]),
            Expr::Membership {
                key,
                value,
                collection,
                ..
            } => {
                children.extend(key.iter().chain([value, collection]));
            }
        }
        for child in children {
            self.push(child, below, counts);
        }
        Ok(())
    }
}

/// A reference: the names it begins with, and the expressions in its brackets.
pub(crate) struct StaticPath {
    pub(crate) names: Vec<String>,
    rest: Vec<Ref<Expr>>,
    length: usize,
}

impl StaticPath {
    /// Whether there is nothing else in it.
    pub(crate) fn is_whole(&self) -> bool {
        self.names.len() == self.length
    }
}

pub(crate) fn static_path(expr: &Ref<Expr>) -> StaticPath {
    let mut parts: Vec<Result<String, Ref<Expr>>> = Vec::new();
    let mut at = expr;
    loop {
        match at.as_ref() {
            Expr::RefDot { refr, field, .. } => {
                parts.push(Ok(field.0.text().to_owned()));
                at = refr;
            }
            Expr::RefBrack { refr, index, .. } => {
                parts.push(match index.as_ref() {
                    Expr::String { value, .. } | Expr::RawString { value, .. } => value
                        .as_string()
                        .map(|text| text.to_string())
                        .map_err(|_| index.clone()),
                    _ => Err(index.clone()),
                });
                at = refr;
            }
            Expr::Var { span, .. } => {
                parts.push(Ok(span.text().to_owned()));
                break;
            }
            _ => {
                parts.push(Err(at.clone()));
                break;
            }
        }
    }
    let length = parts.len();
    let mut names = Vec::new();
    let mut rest = Vec::new();
    for part in parts.into_iter().rev() {
        match part {
            Ok(name) if rest.is_empty() => names.push(name),
            Ok(_) => {}
            Err(index) => rest.push(index),
        }
    }
    StaticPath {
        names,
        rest,
        length,
    }
}

/// Indices of a reference: the library takes twice the time for each, 60 ms for fourteen.
const MAX_UNKNOWN: usize = 12;

/// The library orders the statements of a body in time that grows with the square of their number.
const MAX_STATEMENTS: usize = 2_000;
