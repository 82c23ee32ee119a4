//! What a set of Rego modules defines, where it stands, and how deep its evaluation can go.

use std::collections::{BTreeMap, BTreeSet};

use regorus::unstable::{AssignOp, Expr, Literal, Module, Query, Ref, Rule, RuleBody, RuleHead};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    EngineError,
    calls::{self, Node},
    engine::Message,
    rewrite,
};

/// Where one definition of a rule stands. A rule can have several.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct RuleSite {
    /// The rule's full path: `data.casemate.gate.deny`.
    pub rule: String,
    /// The file, by its name in the bundle.
    pub file: String,
    /// The line its head stands on, counted from one.
    pub line: u32,
}

/// One definition, and how to find it again in the engine.
#[derive(Clone, Debug)]
pub(crate) struct Definition {
    pub(crate) site: RuleSite,
    /// The rule's name in its package.
    pub(crate) name: String,
    pub(crate) module: usize,
    pub(crate) rule: usize,
    /// What it reads by a path that is written down, of the input and of `data`, in order.
    pub(crate) reads: Vec<String>,
}

/// Everything that a set of modules defines, in the order of its files.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    pub(crate) definitions: Vec<Definition>,
    /// For each file, the lines that hold something to evaluate.
    pub(crate) lines: BTreeMap<String, BTreeSet<u32>>,
    /// Each file, with its package and whether it is Rego v1.
    pub(crate) files: BTreeMap<String, (Vec<String>, bool)>,
}

impl Index {
    /// What `modules` define. Refuses recursive functions, and calls that go deeper than the stack.
    pub(crate) fn new(modules: &[Ref<Module>]) -> Result<Self, EngineError> {
        let mut index = Self::default();
        let mut graph = calls::Graph::default();
        for (at, module) in modules.iter().enumerate() {
            let package = static_path(&module.package.refr).names;
            let imports = imports(module);
            let file = module.package.span.source.file();
            if !rewrite::Module::is_generated(file) {
                let read = (package.clone(), module.rego_v1);
                index.files.insert(file.clone(), read);
            }
            for (number, rule) in module.policy.iter().enumerate() {
                let reading = Reading::of(rule)?;
                let file = rule.span().source.file().clone();
                let is_written = !rewrite::Module::is_generated(&file);
                if is_written {
                    let lines = index.lines.entry(file.clone()).or_default();
                    lines.extend(&reading.lines);
                }
                let mut path = package.clone();
                path.extend(reading.name.iter().cloned());
                let node = reading.node(&package, &imports);
                if let Rule::Spec { .. } = rule.as_ref()
                    && is_written
                {
                    let data = node.references.iter().map(|path| spell(path));
                    let reads: BTreeSet<String> = reading.of_input().chain(data).collect();
                    index.definitions.push(Definition {
                        site: RuleSite {
                            rule: spell(&path),
                            file,
                            line: rule.span().line,
                        },
                        name: reading.name.join("."),
                        module: at,
                        rule: number,
                        reads: reads.into_iter().collect(),
                    });
                }
                graph.add(path, node);
            }
        }
        graph.check()?;
        Ok(index)
    }

    /// Whether anything defines `path`.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.of(path).next().is_some()
    }

    /// Every definition of `path`.
    pub(crate) fn of<'a>(&'a self, path: &'a str) -> impl Iterator<Item = &'a Definition> {
        self.definitions
            .iter()
            .filter(move |definition| definition.site.rule == path)
    }
}

/// What an import calls something, and what that is.
type Imports = BTreeMap<String, Vec<String>>;

fn imports(module: &Module) -> Imports {
    let mut imports = Imports::new();
    for import in &module.imports {
        let path = static_path(&import.refr).names;
        let alias = import.r#as.as_ref().map(|span| span.text().to_owned());
        if let Some(alias) = alias.or_else(|| path.last().cloned()) {
            imports.insert(alias, path);
        }
    }
    imports
}

/// One definition, read.
struct Reading {
    name: Vec<String>,
    is_function: bool,
    references: BTreeSet<Vec<String>>,
    called: BTreeSet<Vec<String>>,
    /// Names that stand for values of the rule's own.
    locals: BTreeSet<String>,
    depth: usize,
    lines: BTreeSet<u32>,
}

impl Reading {
    fn of(rule: &Rule) -> Result<Self, EngineError> {
        let mut visitor = Visitor::default();
        let (refr, is_function) = match rule {
            Rule::Default { refr, value, .. } => {
                visitor.push(value, 0, true);
                (refr, false)
            }
            Rule::Spec { head, bodies, .. } => {
                let is_function = matches!(head, RuleHead::Func { .. });
                (visitor.head(head, bodies)?, is_function)
            }
        };
        visitor.run()?;
        Ok(Self {
            name: static_path(refr).names,
            is_function,
            references: visitor.references,
            called: visitor.called,
            locals: visitor.locals,
            depth: visitor.depth,
            lines: visitor.lines,
        })
    }

    /// Each path below `input` that is written down.
    fn of_input(&self) -> impl Iterator<Item = String> {
        let paths = self.references.iter();
        let of_input = paths.filter(|path| path.first().is_some_and(|first| first == "input"));
        of_input.map(|path| spell_from("input", path.get(1..).unwrap_or_default()))
    }

    fn node(&self, package: &[String], imports: &Imports) -> Node {
        let full = |path: &Vec<String>| -> Option<Vec<String>> {
            let (first, rest) = path.split_first()?;
            let base: Vec<String> = match (first.as_str(), imports.get(first)) {
                ("data", _) => return Some(rest.to_vec()),
                ("input", _) => return None,
                (_, Some(import)) => import.get(1..).unwrap_or_default().to_vec(),
                (_, None) if self.locals.contains(first) => return None,
                (_, None) => [package, std::slice::from_ref(first)].concat(),
            };
            Some([base, rest.to_vec()].concat())
        };
        Node {
            is_function: self.is_function,
            levels: LEVELS_OF_A_RULE + self.depth,
            references: self.references.iter().filter_map(full).collect(),
            // A function is called by its name even where a local value has the same one.
            called: (self.called.iter())
                .flat_map(|path| [full(path), Some([package, path].concat())])
                .flatten()
                .collect(),
        }
    }
}

/// Walks the expressions of one definition without recursion: the parser bounds how deep brackets
/// nest, but not how long a chain of operators or references is.
#[derive(Default)]
struct Visitor {
    todo: Vec<(Ref<Expr>, usize, bool)>,
    references: BTreeSet<Vec<String>>,
    called: BTreeSet<Vec<String>>,
    locals: BTreeSet<String>,
    depth: usize,
    lines: BTreeSet<u32>,
}

impl Visitor {
    /// `counts`: whether the line of the expression is one that tests can cover.
    fn push(&mut self, expr: &Ref<Expr>, depth: usize, counts: bool) {
        self.todo.push((expr.clone(), depth, counts));
    }

    fn head<'a>(
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

    fn run(&mut self) -> Result<(), EngineError> {
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
struct StaticPath {
    names: Vec<String>,
    rest: Vec<Ref<Expr>>,
    length: usize,
}

fn static_path(expr: &Ref<Expr>) -> StaticPath {
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

/// The path as policies spell it, from `data` on.
fn spell(path: &[String]) -> String {
    spell_from("data", path)
}

fn spell_from(root: &str, path: &[String]) -> String {
    let mut text = root.to_owned();
    for name in path {
        let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
            && !name.starts_with(|c: char| c.is_ascii_digit())
            && !name.is_empty();
        if plain {
            text.push('.');
            text.push_str(name);
        } else {
            text.push_str(&format!("[{}]", serde_json::Value::from(name.as_str())));
        }
    }
    text
}

/// In levels of expressions: what entering a rule or a function costs the evaluator's stack.
const LEVELS_OF_A_RULE: usize = 16;

/// Indices of a reference: the library takes twice the time for each, 60 ms for fourteen.
const MAX_UNKNOWN: usize = 12;

/// The library orders the statements of a body in time that grows with the square of their number.
const MAX_STATEMENTS: usize = 2_000;

#[cfg(test)]
mod tests {
    use crate::{Bundle, testkit::file};

    fn load(modules: &[(&str, &str)]) -> Result<Bundle, String> {
        let files = modules
            .iter()
            .map(|(name, text)| file(name, text))
            .collect();
        Bundle::overlay(files).map_err(|error| error.to_string())
    }

    #[test]
    fn functions_that_call_themselves_are_refused_however_they_are_named() {
        for modules in [
            &[("a.rego", "package a\nf(x) := f(x)\n")][..],
            &[(
                "a.rego",
                "package a\nf(x) := g(x)\ng(x) := y if { y := [z | z := f(x)][0] }\n",
            )],
            &[(
                "a.rego",
                "package a\nf(x) if { every y in x { not f(y) } }\n",
            )],
            &[("a.rego", "package a\nf(f) := f if f(1)\n")],
            &[("a.rego", "package a\nf(x) := data.a.f(x)\n")],
            &[(
                "a.rego",
                "package a\nf(0) := 1\nf(x) := 1 if { false } else := f(x - 1)\n",
            )],
            &[
                ("a.rego", "package a\nimport data.b\nf(x) := b.g(x)\n"),
                ("b.rego", "package b\nimport data.a.f as h\ng(x) := h(x)\n"),
            ],
            &[(
                "a.rego",
                "package a.b\nimport data.a as z\nf(x) := z.b.f(x)\n",
            )],
            &[("a.rego", "package a\nf(x) = y { y := f(x) }\n")],
        ] {
            let error = load(modules)
                .err()
                .unwrap_or_else(|| panic!("{modules:?} loads"));
            assert!(error.contains("calls itself"), "{error}");
        }
    }

    #[test]
    fn what_only_looks_like_recursion_loads() {
        for source in [
            "package a\nf(x) := y if { g := x; y := g }\ng(x) := f(x)\n",
            "package a\nf(x) := count(x)\ncount_all := f([1])\n",
            "package a\nx := f(1)\nf(y) := x if { x := y }\n",
            "package a\nimport data.b.f\ng(x) := f(x)\nh := data.b.f(1)\n",
        ] {
            let b = ("b.rego", "package b\nf(x) := x\n");
            assert!(load(&[("a.rego", source), b]).is_ok(), "{source}");
        }
    }

    #[test]
    fn calls_that_would_outgrow_the_stack_are_refused_and_the_rest_is_survived() {
        let chain = |length: usize| {
            let mut source = "package a\n".to_owned();
            for at in 0..length {
                source.push_str(&format!("f{at}(x) := f{}(x) + 1\n", at + 1));
            }
            source.push_str(&format!("f{length}(x) := x\ndeny := f0(1)\n"));
            source
        };
        let error = load(&[("a.rego", &chain(2_000))]).err().expect("too deep");
        assert!(error.contains("too deeply"), "{error}");

        let (name, text) = ("a.rego", chain(400));
        let bundle = load(&[(name, &text)]).expect("deep enough");
        let question = crate::Question {
            input: &().into(),
            now: crate::testkit::now(),
        };
        let values = crate::Engine::eval(&bundle, &["data.a.deny"], &question);
        assert_eq!(values, Ok(vec![Some(401.into())]));

        let long = format!("package a\nx := 1{}\n", "\n + 1".repeat(4_000));
        let bundle = load(&[("a.rego", &long)]).expect("long, and not too long");
        let values = crate::Engine::eval(&bundle, &["data.a.x"], &question);
        assert_eq!(values, Ok(vec![Some(4_001.into())]));
    }

    #[test]
    fn a_body_that_would_take_too_long_to_order_is_refused() {
        let source = format!("package a\nx if {{\n{}}}\n", "input.a\n".repeat(2_001));
        let error = load(&[("a.rego", &source)]).err().expect("too long");
        assert!(
            error.starts_with("a.rego:2: a body has more than 2000"),
            "{error}"
        );
    }

    #[test]
    fn a_reference_that_would_take_too_long_to_read_is_refused() {
        let source = |count| {
            format!(
                "package a\n\nx contains y if {{\n\ty := input{}\n}}\n",
                "[_]".repeat(count)
            )
        };
        let error = load(&[("a.rego", &source(13))]).err().expect("too long");
        assert!(error.starts_with("a.rego:4: a reference"), "{error}");
        load(&[("a.rego", &source(12))]).expect("short enough");
    }

    #[test]
    fn rules_are_found_where_they_stand() {
        let source = "package a[\"b c\"]\n\ndeny contains 1\n\nx.y := 2\n\ndefault z := 3\n";
        let bundle = load(&[("q.rego", source)]).expect("loads");
        let rules = bundle.rules();
        let ours: Vec<(&str, u32)> = rules
            .iter()
            .filter(|site| site.file == "q.rego")
            .map(|site| (&*site.rule, site.line))
            .collect();
        assert_eq!(
            ours,
            [("data.a[\"b c\"].deny", 3), ("data.a[\"b c\"].x.y", 5)]
        );
        let question = crate::Question {
            input: &().into(),
            now: crate::testkit::now(),
        };
        let rule = "data.a[\"b c\"].x.y";
        assert_eq!(
            crate::Engine::eval(&bundle, &[rule], &question),
            Ok(vec![Some(2.into())])
        );
    }
}
