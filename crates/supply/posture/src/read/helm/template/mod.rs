//! Templates of Go's `text/template`, as Helm uses them.
//!
//! ```text
//!   Text ──► lex ──► parse ──► Template ──► Engine::execute ──► Text
//! ```
//!
//! A [`Text`] knows where each of its bytes was written, before and after: what is printed leads back
//! to the bytes of the template, and to the line of the values that filled it. A value that exists
//! only when a chart is installed is [`Data::Unknown`], and is a mark in the text that it is printed
//! into.

mod compare;
mod engine;
mod execute;
mod lex;
mod parse;
mod print;
mod text;
mod tree;
mod value;

pub(super) use compare::{deep_equal, equal, less};
pub(super) use engine::{Engine, Fail, Limits};
pub(super) use parse::parse;
pub(super) use print::{float, go_value, printf, quoted};
pub(super) use text::{Place, Text};
pub(super) use value::{Data, Map, Object, Value};
