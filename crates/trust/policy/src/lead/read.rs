//! Reads the first statements of a definition, as far as they are plain.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
};

use regorus::{
    Value,
    unstable::{
        ArithOp, AssignOp, BoolOp, Expr, Literal, LiteralStmt, Module, Query, Ref, Rule, RuleHead,
    },
};

use super::{
    Place,
    run::{Collect, Compare, Each, Lead, Step, Term},
};
use crate::{
    builtins::Plain,
    syntax::{Imports, static_path},
};

/// The policy around a definition.
pub(super) struct Policy<'a> {
    pub(super) modules: &'a [Ref<Module>],
    pub(super) packages: &'a [Vec<String>],
    pub(super) imported: &'a [Imports],
    /// The names that each module has for rules and imports.
    pub(super) globals: &'a [BTreeSet<String>],
    /// The rules that one definition alone gives a value, by their paths.
    pub(super) values: &'a BTreeMap<&'a [String], Place>,
    /// Whether a rule is at a path, around it or in it.
    pub(super) is_defined: &'a dyn Fn(&[String]) -> bool,
    pub(super) data: &'a Value,
}

/// What a definition asks first. Nothing, where that can never refute it.
pub(super) fn lead(policy: &Policy<'_>, at: Place) -> Option<Lead> {
    let Rule::Spec { bodies, .. } = policy.modules[at.module].policy.get(at.rule)?.as_ref() else {
        return None;
    };
    let [body] = bodies.as_slice() else {
        return None;
    };
    if body.assign.is_some() {
        return None;
    }
    let left = Cell::new(MAX_RULES);
    let mut reader = Reader::of(policy, at.module, &body.query, &left, 0)?;
    for statement in &body.query.stmts {
        let before = reader.steps.len();
        if reader.statement(statement).is_none() {
            reader.steps.truncate(before);
            break;
        }
        if reader.steps.len() >= MAX_STEPS {
            break;
        }
    }
    let can_refute = reader
        .steps
        .iter()
        .any(|step| !matches!(step, Step::Let(_, Term::Known(_))));
    can_refute.then_some(Lead {
        steps: reader.steps,
        slots: reader.slots.len(),
    })
}

struct Reader<'a> {
    policy: &'a Policy<'a>,
    module: usize,
    globals: &'a BTreeSet<String>,
    /// What statements of the body give a value, some later.
    bound: BTreeSet<&'a str>,
    /// The variables that have a value so far; one without a name is of `[_]`.
    slots: Vec<Option<String>>,
    /// By `some x`, without a value.
    declared: BTreeSet<String>,
    steps: Vec<Step>,
    /// How many rules may still be read into this one.
    left: &'a Cell<usize>,
    /// How many rules are around it.
    depth: usize,
}

impl<'a> Reader<'a> {
    fn of(
        policy: &'a Policy<'a>,
        module: usize,
        query: &'a Query,
        left: &'a Cell<usize>,
        depth: usize,
    ) -> Option<Self> {
        let globals = policy.globals.get(module)?;
        if globals.contains("input") || globals.contains("data") {
            return None;
        }
        Some(Self {
            policy,
            module,
            globals,
            bound: query.stmts.iter().flat_map(bound).collect(),
            slots: Vec::new(),
            declared: BTreeSet::new(),
            steps: Vec::new(),
            left,
            depth,
        })
    }

    /// The array that a rule of the package is, if that is all that it is.
    fn rule(&self, name: &str) -> Option<Term> {
        let is_local = self.bound.contains(name) || self.declared.contains(name);
        if is_local || self.policy.imported[self.module].contains_key(name) {
            return None;
        }
        let package = self.policy.packages[self.module].as_slice();
        let path = [package, &[name.to_owned()]].concat();
        let at = *self.policy.values.get(path.as_slice())?;
        let Rule::Spec { head, bodies, .. } =
            self.policy.modules[at.module].policy[at.rule].as_ref()
        else {
            return None;
        };
        let RuleHead::Compr {
            assign: Some(assign),
            ..
        } = head
        else {
            return None;
        };
        let Expr::ArrayCompr { term, query, .. } = assign.value.as_ref() else {
            return None;
        };
        let is_plain =
            |it: &regorus::unstable::RuleBody| it.assign.is_none() && it.query.stmts.is_empty();
        if !bodies.iter().all(is_plain) || self.depth >= MAX_RULES_DEEP {
            return None;
        }
        self.left.set(self.left.get().checked_sub(1)?);
        let mut inner = Reader::of(self.policy, at.module, query, self.left, self.depth + 1)?;
        for statement in &query.stmts {
            inner.statement(statement)?;
        }
        let item = inner.term(term, false, 0)?;
        let lead = Lead {
            steps: inner.steps,
            slots: inner.slots.len(),
        };
        (lead.steps.len() <= MAX_STEPS).then(|| Term::Collect(Box::new(Collect { lead, item })))
    }

    /// What is written down at a path of `data`, where no rule is.
    fn data(&self, expr: &Ref<Expr>) -> Option<Term> {
        let path = static_path(expr).names;
        let names = path.get(1..)?;
        if (self.policy.is_defined)(names) {
            return None;
        }
        let value = names
            .iter()
            .fold(self.policy.data, |value, name| &value[name.as_str()]);
        Some(Term::Known(value.clone()))
    }
}

/// The variables that a statement gives a value.
fn bound(statement: &LiteralStmt) -> Vec<&str> {
    let mut names = Vec::new();
    let mut todo: Vec<&Ref<Expr>> = Vec::new();
    match &statement.literal {
        Literal::SomeVars { vars, .. } => names.extend(vars.iter().map(|span| span.text())),
        Literal::SomeIn { key, value, .. } => todo.extend(key.iter().chain([value])),
        Literal::Expr { expr, .. } => {
            if let Expr::AssignExpr { lhs, rhs, .. } = expr.as_ref() {
                todo.extend([lhs, rhs]);
            }
        }
        Literal::NotExpr { .. } | Literal::Every { .. } => {}
    }
    while let Some(pattern) = todo.pop() {
        match pattern.as_ref() {
            Expr::Var { span, .. } => names.push(span.text()),
            Expr::Array { items, .. } => todo.extend(items),
            Expr::Object { fields, .. } => todo.extend(fields.iter().map(|(_, _, value)| value)),
            _ => {}
        }
    }
    names
}

impl Reader<'_> {
    /// Reads a statement: nothing, where it is of another kind.
    fn statement(&mut self, statement: &LiteralStmt) -> Option<()> {
        if !statement.with_mods.is_empty() {
            return None;
        }
        match &statement.literal {
            Literal::SomeVars { vars, .. } => {
                for name in vars.iter().map(|span| span.text()) {
                    let is_new = self.slot(name).is_none() && !is_reserved(name);
                    if !is_new || !self.declared.insert(name.to_owned()) {
                        return None;
                    }
                }
            }
            Literal::SomeIn {
                key,
                value,
                collection,
                ..
            } => {
                let collection = self.term(collection, true, 0)?;
                let key = match key {
                    Some(key) => self.pattern(key)?,
                    None => None,
                };
                let value = self.pattern(value)?;
                self.steps.push(Step::Each(Each {
                    collection,
                    key,
                    value,
                    is_strict: true,
                }));
            }
            Literal::Expr { expr, .. } => match expr.as_ref() {
                Expr::AssignExpr { op, lhs, rhs, .. } => self.assign(op, lhs, rhs)?,
                _ => {
                    let term = self.term(expr, true, 0)?;
                    self.steps.push(Step::Test(term));
                }
            },
            Literal::NotExpr { expr, .. } => {
                let term = self.term(expr, false, 0)?;
                self.steps.push(Step::Not(term));
            }
            Literal::Every { .. } => return None,
        }
        Some(())
    }

    /// A variable that gets the value of what is none itself: of two variables, each may get the other's.
    fn assign(&mut self, op: &AssignOp, lhs: &Ref<Expr>, rhs: &Ref<Expr>) -> Option<()> {
        let Expr::Var { span, .. } = lhs.as_ref() else {
            return None;
        };
        let is_value = matches!(
            rhs.as_ref(),
            Expr::RefDot { .. }
                | Expr::RefBrack { .. }
                | Expr::String { .. }
                | Expr::Number { .. }
                | Expr::Bool { .. }
                | Expr::Null { .. }
                | Expr::Call { .. }
        );
        // `x = …` gives a value to what was declared; otherwise it may ask a rule of that name.
        let is_declared = self.declared.contains(span.text());
        if !is_value || is_declared != (*op == AssignOp::Eq) {
            return None;
        }
        let term = self.term(rhs, true, 0)?;
        self.declared.remove(span.text());
        let slot = self.bind(span.text())?;
        self.steps.push(Step::Let(slot, term));
        Some(())
    }

    /// The variable of `some x in …`, or none for `_`.
    fn pattern(&mut self, expr: &Ref<Expr>) -> Option<Option<usize>> {
        match expr.as_ref() {
            Expr::Var { span, .. } if span.text() == "_" => Some(None),
            Expr::Var { span, .. } => self.bind(span.text()).map(Some),
            _ => None,
        }
    }

    /// A variable that has no value yet.
    fn bind(&mut self, name: &str) -> Option<usize> {
        let is_new = self.slot(name).is_none() && !self.declared.contains(name);
        if !is_new || is_reserved(name) {
            return None;
        }
        self.slots.push(Some(name.to_owned()));
        Some(self.slots.len() - 1)
    }

    fn slot(&self, name: &str) -> Option<usize> {
        let is_it = |slot: &Option<String>| slot.as_deref() == Some(name);
        self.slots.iter().position(is_it)
    }

    /// What an expression is. `[_]` in it is a step of its own before, where it `may_go_over` things: `not` is asked once.
    fn term(&mut self, expr: &Ref<Expr>, may_go_over: bool, depth: usize) -> Option<Term> {
        if depth > MAX_DEPTH {
            return None;
        }
        let globals = self.globals;
        let mut of = |expr: &Ref<Expr>| self.term(expr, may_go_over, depth + 1);
        match expr.as_ref() {
            Expr::String { value, .. }
            | Expr::RawString { value, .. }
            | Expr::Number { value, .. }
            | Expr::Bool { value, .. }
            | Expr::Null { value, .. } => Some(Term::Known(value.clone())),
            Expr::Array { items, .. } => Some(Term::Known(Value::from(known(items)?))),
            Expr::Set { items, .. } => {
                let items: BTreeSet<Value> = known(items)?.into_iter().collect();
                Some(Term::Known(Value::from(items)))
            }
            Expr::Var { span, .. } if span.text() == "input" => Some(Term::Input),
            Expr::Var { span, .. } => match self.slot(span.text()) {
                Some(slot) => Some(Term::Local(slot)),
                None => self.rule(span.text()),
            },
            Expr::RefDot { .. } | Expr::RefBrack { .. } if is_document(expr) => self.data(expr),
            Expr::RefDot { refr, field, .. } => {
                let name = Value::from(field.0.text());
                Some(Term::Field(Box::new(of(refr)?), name))
            }
            Expr::RefBrack { refr, index, .. } => match (refr.as_ref(), index.as_ref()) {
                // What is written for `x := y`.
                (Expr::Array { items, .. }, Expr::Number { value, .. })
                    if items.len() == 1 && value.as_i64().is_ok_and(|at| at == 0) =>
                {
                    of(&items[0])
                }
                (_, Expr::String { value, .. } | Expr::Number { value, .. }) => {
                    Some(Term::Field(Box::new(of(refr)?), value.clone()))
                }
                (_, Expr::Var { span, .. }) if span.text() == "_" && may_go_over => {
                    let collection = of(refr)?;
                    self.slots.push(None);
                    let slot = self.slots.len() - 1;
                    self.steps.push(Step::Each(Each {
                        collection,
                        key: None,
                        value: Some(slot),
                        is_strict: false,
                    }));
                    Some(Term::Local(slot))
                }
                _ => None,
            },
            Expr::BoolExpr { op, lhs, rhs, .. } => {
                let sides = Box::new((of(lhs)?, of(rhs)?));
                Some(Term::Compare(compare(op), sides))
            }
            Expr::ArithExpr { op, lhs, rhs, .. } => {
                let number = |expr: &Ref<Expr>| match expr.as_ref() {
                    Expr::Number { value, .. } => value.as_i64().ok(),
                    _ => None,
                };
                let (lhs, rhs) = (number(lhs)?, number(rhs)?);
                let number = match op {
                    ArithOp::Add => lhs.checked_add(rhs)?,
                    ArithOp::Sub => lhs.checked_sub(rhs)?,
                    ArithOp::Mul => lhs.checked_mul(rhs)?,
                    ArithOp::Div | ArithOp::Mod => return None,
                };
                Some(Term::Known(Value::from(number)))
            }
            Expr::Membership {
                key: None,
                value,
                collection,
                ..
            } => Some(Term::In(Box::new((of(value)?, of(collection)?)))),
            Expr::Call { fcn, params, .. } => {
                let name = static_path(fcn).names;
                // What is written for the item of a comprehension.
                if let ([_, last], [item]) = (name.as_slice(), params.as_slice())
                    && name[0] == "internal"
                    && last == "collected"
                {
                    return of(item);
                }
                let (builtin, arity) = Plain::of(&name.join("."))?;
                if arity != params.len() || name.first().is_none_or(|it| globals.contains(it)) {
                    return None;
                }
                let arguments: Vec<Term> = params.iter().map(of).collect::<Option<_>>()?;
                // A regular expression of the input's own would be compiled for each question.
                let is_known = matches!(arguments.first(), Some(Term::Known(_)));
                if builtin.takes_pattern() && !is_known {
                    return None;
                }
                Some(Term::Call(builtin, arguments))
            }
            _ => None,
        }
    }
}

/// Whether it is a path of `data` that is written down.
fn is_document(expr: &Ref<Expr>) -> bool {
    let path = static_path(expr);
    path.is_whole() && path.names.first().is_some_and(|root| root == "data")
}

fn compare(op: &BoolOp) -> Compare {
    match op {
        BoolOp::Lt => |a, b| a < b,
        BoolOp::Le => |a, b| a <= b,
        BoolOp::Eq => |a, b| a == b,
        BoolOp::Ge => |a, b| a >= b,
        BoolOp::Gt => |a, b| a > b,
        BoolOp::Ne => |a, b| a != b,
    }
}

/// The values of a collection of constants.
fn known(items: &[Ref<Expr>]) -> Option<Vec<Value>> {
    let value = |expr: &Ref<Expr>| match expr.as_ref() {
        Expr::String { value, .. }
        | Expr::RawString { value, .. }
        | Expr::Number { value, .. }
        | Expr::Bool { value, .. }
        | Expr::Null { value, .. } => Some(value.clone()),
        _ => None,
    };
    items.iter().map(value).collect()
}

fn is_reserved(name: &str) -> bool {
    ["_", "input", "data"].contains(&name)
}

/// One takes a level of the stack where it is asked.
const MAX_STEPS: usize = 32;

/// Rules that are read into one, and those in each other.
const MAX_RULES: usize = 32;
const MAX_RULES_DEEP: usize = 4;

/// Of expressions in each other. So does each of these.
const MAX_DEPTH: usize = 32;
