//! What a template is made of.

use std::{ops::Range, rc::Rc};

use super::{Text, Value};
use crate::read::helm::functions::Function;

/// A template: a file, or what stands between `define` and `end`.
#[derive(Debug)]
pub(crate) struct Template {
    pub(crate) name: Rc<str>,
    /// The text that it stands in.
    pub(crate) source: Rc<Text>,
    pub(crate) nodes: Vec<Node>,
}

/// A part of a template.
#[derive(Debug)]
pub(crate) enum Node {
    /// Text, as it stands.
    Text(Range<usize>),
    /// `{{ pipeline }}`.
    Action(Pipe),
    /// `{{ if pipeline }} … {{ else }} … {{ end }}`.
    If(Branch),
    /// `{{ with pipeline }} … {{ else }} … {{ end }}`.
    With(Branch),
    /// `{{ range pipeline }} … {{ else }} … {{ end }}`.
    Range(Branch),
    /// `{{ template "name" pipeline }}`.
    Template(Rc<str>, Option<Pipe>, Range<usize>),
    /// `{{ break }}`.
    Break,
    /// `{{ continue }}`.
    Continue,
}

#[derive(Debug)]
pub(crate) struct Branch {
    pub(crate) pipe: Pipe,
    pub(crate) then: Vec<Node>,
    pub(crate) otherwise: Vec<Node>,
}

/// Commands, each with the value of the one before as its last argument.
#[derive(Debug)]
pub(crate) struct Pipe {
    pub(crate) variables: Vec<Rc<str>>,
    /// `=` and not `:=`.
    pub(crate) assigns: bool,
    pub(crate) commands: Vec<Command>,
    /// Where it stands in its source.
    pub(crate) span: Range<usize>,
}

/// An operand and its arguments.
#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) operands: Vec<Operand>,
    pub(crate) span: Range<usize>,
}

#[derive(Debug)]
pub(crate) enum Operand {
    Dot,
    Nil,
    Constant(Value),
    /// `.a.b`.
    Field(Vec<Rc<str>>),
    /// `$x.a.b`.
    Variable(Rc<str>, Vec<Rc<str>>),
    /// `(…).a.b`, the fields may be none.
    Group(Box<Pipe>, Vec<Rc<str>>),
    Function(&'static Function),
}
