//! What HCL's grammar makes of a text (<https://github.com/hashicorp/hcl/blob/main/hclsyntax/spec.md>).
//!
//! Nothing here nests deeper than [`MAX_DEPTH`], so that what walks it may recurse.

use std::sync::Arc;

use casemate_document::Span;

use crate::File;

/// Attributes and blocks between two braces, or in a file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Body {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) blocks: Vec<Block>,
}

/// `name = expression`. Each knows its file, since an override file replaces single attributes.
#[derive(Clone, Debug)]
pub(crate) struct Attribute {
    pub(crate) name: Arc<str>,
    pub(crate) name_span: Span,
    pub(crate) expr: Arc<Expr>,
    pub(crate) file: Arc<File>,
}

/// `kind "label" { … }`.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    pub(crate) kind: Arc<str>,
    pub(crate) labels: Vec<Arc<str>>,
    pub(crate) body: Body,
    /// Its kind and labels, without its body.
    pub(crate) header: Span,
    /// Its braces and all between them.
    pub(crate) braces: Span,
    pub(crate) file: Arc<File>,
}

#[derive(Clone, Debug)]
pub(crate) struct Expr {
    pub(crate) kind: ExprKind,
    pub(crate) span: Span,
    /// How deep the deepest of what it holds is.
    pub(crate) depth: u16,
}

#[derive(Clone, Debug)]
pub(crate) enum ExprKind {
    Null,
    Bool(bool),
    Number(f64),
    /// A number with more digits than are computed with.
    LongNumber,
    Template(Vec<Part>),
    Tuple(Vec<Expr>),
    Object(Vec<(Expr, Expr)>),
    /// A bare word: the root of a way, or a key of an object.
    Word(Arc<str>),
    /// A way from something to something in it.
    Way(Box<Expr>, Vec<Step>),
    /// `name(arguments)`; whether the last one is a list of arguments (`...`).
    Call(Arc<str>, Vec<Expr>, bool),
    Not(Box<Expr>),
    Negate(Box<Expr>),
    Binary(Operator, Box<Expr>, Box<Expr>),
    Conditional(Box<[Expr; 3]>),
    For(Box<For>),
    /// In parentheses. Of a key: not a bare word.
    Parenthesis(Box<Expr>),
}

/// `[for key, value in of : result if condition]`, or with braces and `key => value`.
#[derive(Clone, Debug)]
pub(crate) struct For {
    pub(crate) key: Option<Arc<str>>,
    pub(crate) value: Arc<str>,
    pub(crate) of: Expr,
    /// The key of the result, where that is an object.
    pub(crate) result_key: Option<Expr>,
    pub(crate) result: Expr,
    /// Whether results under one key are put into a list.
    pub(crate) groups: bool,
    pub(crate) condition: Option<Expr>,
}

#[derive(Clone, Debug)]
pub(crate) enum Step {
    Attribute(Arc<str>),
    Index(Expr),
    /// `.*`: attributes behind it are of each item, an index is of the result.
    AttributeSplat,
    /// `[*]`: all that is behind it is of each item.
    FullSplat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
}

/// A piece of a template.
#[derive(Clone, Debug)]
pub(crate) enum Part {
    Text(Arc<str>),
    Interpolation(Expr),
    If(Box<Expr>, Vec<Self>, Vec<Self>),
    For(Box<ForPart>),
}

/// `%{ for key, value in of }body%{ endfor }`.
#[derive(Clone, Debug)]
pub(crate) struct ForPart {
    pub(crate) key: Option<Arc<str>>,
    pub(crate) value: Arc<str>,
    pub(crate) of: Expr,
    pub(crate) body: Vec<Part>,
}

impl Body {
    pub(crate) fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|it| &*it.name == name)
    }

    pub(crate) fn blocks<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Block> {
        self.blocks.iter().filter(move |it| &*it.kind == kind)
    }
}

impl Expr {
    /// The text, where it is one without anything to fill in.
    pub(crate) fn as_text(&self) -> Option<String> {
        match &self.kind {
            ExprKind::Template(parts) => parts
                .iter()
                .map(|part| match part {
                    Part::Text(text) => Some(&**text),
                    _ => None,
                })
                .collect(),
            _ => None,
        }
    }

    pub(crate) fn as_bool(&self) -> Option<bool> {
        match self.kind {
            ExprKind::Bool(value) => Some(value),
            _ => None,
        }
    }
}

/// Expressions and blocks in each other. Nobody writes a tenth of it.
pub(crate) const MAX_DEPTH: u16 = 100;
