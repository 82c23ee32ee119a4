//! From the text of a template to its tree, as `text/template/parse` of Go does it.

use std::{ops::Range, rc::Rc};

use super::{
    Text, Value,
    lex::{self, Token, Word},
    tree::{Branch, Command, Node, Operand, Pipe, Template},
    value::Data,
};
use crate::read::helm::functions;

/// What is wrong with a template, and at which byte.
#[derive(Debug)]
pub(crate) struct Mistake {
    pub(crate) at: usize,
    pub(crate) message: String,
}

/// The templates of `source`: that with `name`, and those that it defines.
pub(crate) fn parse(name: &str, source: &Rc<Text>) -> Result<Vec<Template>, Mistake> {
    let mut parser = Parser {
        text: source.as_str(),
        source,
        at: 0,
        trims: false,
        depth: 0,
        defined: Vec::new(),
        loops: 0,
    };
    let (nodes, end) = parser.list()?;
    if let Some((end, at)) = end {
        let message = format!("{} without a beginning", end.word());
        return Err(Mistake { at, message });
    }
    let mut templates = parser.defined;
    templates.push(Template {
        name: name.into(),
        source: source.clone(),
        nodes,
    });
    Ok(templates)
}

struct Parser<'a> {
    text: &'a str,
    source: &'a Rc<Text>,
    at: usize,
    /// Whether white space at the beginning of the next text goes.
    trims: bool,
    depth: usize,
    loops: usize,
    defined: Vec<Template>,
}

/// What ends a list of nodes.
enum End {
    End,
    /// With the words behind it: `else if x`.
    Else(Vec<Token>, Range<usize>),
}

impl End {
    fn word(&self) -> &'static str {
        match self {
            Self::End => "end",
            Self::Else(..) => "else",
        }
    }
}

type Parsed<T> = Result<T, Mistake>;

/// Nodes, and what ended them where.
type Listed = (Vec<Node>, Option<(End, usize)>);

impl Parser<'_> {
    fn wrong<T>(at: usize, message: impl Into<String>) -> Parsed<T> {
        let message = message.into();
        Err(Mistake { at, message })
    }

    fn deeper(&mut self, at: usize) -> Parsed<()> {
        self.depth += 1;
        match self.depth > MAX_DEPTH {
            true => Self::wrong(at, format!("nested more than {MAX_DEPTH} deep")),
            false => Ok(()),
        }
    }

    /// Nodes up to what ends them, or to the end of the text.
    fn list(&mut self) -> Parsed<Listed> {
        self.deeper(self.at)?;
        let mut nodes = Vec::new();
        loop {
            let start = self.at;
            let open = self.text[start..].find("{{").map(|at| start + at);
            let text = start..open.unwrap_or(self.text.len());
            self.text(text, open, &mut nodes);
            let Some(open) = open else {
                self.at = self.text.len();
                self.depth -= 1;
                return Ok((nodes, None));
            };
            let inside = &self.text[open + 2..];
            let trimmed = inside.starts_with('-') && inside[1..].starts_with(SPACE);
            let inside = open + 2 + usize::from(trimmed) * 2;
            if self.comment(inside, trimmed)? {
                continue;
            }
            let (tokens, end, trims) =
                lex::action(self.text, inside).map_err(|(at, message)| Mistake { at, message })?;
            self.at = end;
            self.trims = trims;
            if let Some(end) = self.action(&tokens, open..end, &mut nodes)? {
                self.depth -= 1;
                return Ok((nodes, Some((end, open))));
            }
        }
    }

    /// Text without the white space that the actions around it take.
    fn text(&mut self, range: Range<usize>, open: Option<usize>, nodes: &mut Vec<Node>) {
        let Range { mut start, mut end } = range;
        if self.trims {
            start = end - self.text[start..end].trim_start_matches(SPACE).len();
        }
        let next = open.map(|open| &self.text[open + 2..]);
        if next.is_some_and(|next| next.starts_with('-') && next[1..].starts_with(SPACE)) {
            end = start + self.text[start..end].trim_end_matches(SPACE).len();
        }
        self.trims = false;
        if start < end {
            nodes.push(Node::Text(start..end));
        }
    }

    /// Passes `/* … */`, which is all of its action.
    fn comment(&mut self, inside: usize, trimmed: bool) -> Parsed<bool> {
        let spaces = if trimmed {
            self.text[inside..].len() - self.text[inside..].trim_start_matches(SPACE).len()
        } else {
            0
        };
        let inside = inside + spaces;
        if !self.text[inside..].starts_with("/*") {
            return Ok(false);
        }
        let Some(end) = self.text[inside..].find("*/") else {
            return Self::wrong(inside, "a comment without its end");
        };
        let rest = &self.text[inside + end + 2..];
        let behind = rest.trim_start_matches(SPACE);
        let spaces = rest.len() - behind.len();
        let length = match (behind.starts_with("}}"), behind.starts_with("-}}")) {
            (true, _) if spaces == 0 => 2,
            (_, true) if spaces > 0 => 3,
            _ => return Self::wrong(inside, "a comment that is not all of its action"),
        };
        self.trims = length == 3;
        self.at = inside + end + 2 + spaces + length;
        Ok(true)
    }

    fn action(
        &mut self,
        tokens: &[Token],
        span: Range<usize>,
        nodes: &mut Vec<Node>,
    ) -> Parsed<Option<End>> {
        let keyword = match tokens.first() {
            Some(Token {
                word: Word::Name(name),
                ..
            }) => name.clone(),
            Some(_) => String::new(),
            None => return Self::wrong(span.start, "an action without a command"),
        };
        let rest = tokens.get(1..).unwrap_or_default();
        match keyword.as_str() {
            "end" => return Ok(Some(End::End)),
            "else" => return Ok(Some(End::Else(rest.to_vec(), span))),
            "if" | "with" | "range" => {
                let node = self.branch(&keyword, rest, span)?;
                nodes.push(node);
            }
            "break" | "continue" if rest.is_empty() => {
                if self.loops == 0 {
                    return Self::wrong(span.start, format!("{keyword} outside of a range"));
                }
                let is_break = keyword == "break";
                nodes.push(if is_break {
                    Node::Break
                } else {
                    Node::Continue
                });
            }
            "define" | "block" | "template" => {
                let Some(Word::Text(name)) = rest.first().map(|it| &it.word) else {
                    return Self::wrong(span.start, format!("{keyword} without a name"));
                };
                let name: Rc<str> = name.as_str().into();
                if keyword != "template" {
                    self.define(name.clone(), span.start)?;
                }
                if keyword != "define" {
                    let pipe = match rest.get(1..).unwrap_or_default() {
                        [] => None,
                        tokens => Some(self.pipe(tokens, span.clone())?),
                    };
                    nodes.push(Node::Template(name, pipe, span));
                }
            }
            _ => {
                let pipe = self.pipe(tokens, span)?;
                nodes.push(Node::Action(pipe));
            }
        }
        Ok(None)
    }

    fn define(&mut self, name: Rc<str>, at: usize) -> Parsed<()> {
        let loops = std::mem::take(&mut self.loops);
        let (nodes, end) = self.list()?;
        self.loops = loops;
        let Some((End::End, _)) = end else {
            return Self::wrong(at, "a definition without its end");
        };
        self.defined.push(Template {
            name,
            source: self.source.clone(),
            nodes,
        });
        Ok(())
    }

    fn branch(&mut self, keyword: &str, tokens: &[Token], span: Range<usize>) -> Parsed<Node> {
        self.deeper(span.start)?;
        let at = span.start;
        let pipe = self.pipe(tokens, span)?;
        let is_loop = keyword == "range";
        self.loops += usize::from(is_loop);
        let (then, end) = self.list()?;
        self.loops -= usize::from(is_loop);
        let otherwise = match end {
            None => return Self::wrong(at, format!("{keyword} without its end")),
            Some((End::End, _)) => Vec::new(),
            Some((End::Else(words, span), _)) => match words.first().map(|it| &it.word) {
                None => match self.list()? {
                    (nodes, Some((End::End, _))) => nodes,
                    _ => return Self::wrong(span.start, "else without its end"),
                },
                // `else if x` is `else` with an `if` in it that has the same end.
                Some(Word::Name(next)) if next == keyword && !is_loop => {
                    vec![self.branch(keyword, &words[1..], span)?]
                }
                Some(_) => return Self::wrong(span.start, "words behind else"),
            },
        };
        self.depth -= 1;
        let branch = Branch {
            pipe,
            then,
            otherwise,
        };
        Ok(match keyword {
            "if" => Node::If(branch),
            "with" => Node::With(branch),
            _ => Node::Range(branch),
        })
    }

    /// The pipeline that `tokens` are, with the variables that it sets.
    fn pipe(&mut self, tokens: &[Token], span: Range<usize>) -> Parsed<Pipe> {
        let sets = tokens
            .iter()
            .take(4)
            .position(|it| matches!(it.word, Word::Declare | Word::Assign));
        let (variables, assigns, tokens) = match (tokens.first().map(|it| &it.word), sets) {
            (Some(Word::Variable(_)), Some(at)) => {
                let names = tokens[..at].iter().filter_map(|token| match &token.word {
                    Word::Variable(name) => Some(name.as_str().into()),
                    _ => None,
                });
                let assigns = tokens[at].word == Word::Assign;
                (names.collect(), assigns, &tokens[at + 1..])
            }
            _ => (Vec::new(), false, tokens),
        };
        let mut words = Words { tokens, at: 0 };
        let commands = self.commands(&mut words, span.start)?;
        if let Some(token) = words.next() {
            return Self::wrong(token.span.start, "a parenthesis that closes nothing");
        }
        Ok(Pipe {
            variables,
            assigns,
            commands,
            span,
        })
    }

    /// Commands up to the end of the words, or to a parenthesis that closes.
    fn commands(&mut self, words: &mut Words<'_>, start: usize) -> Parsed<Vec<Command>> {
        let mut commands = Vec::new();
        loop {
            let from = words.place().unwrap_or(start..start);
            let mut operands = Vec::new();
            let mut to = from.clone();
            while let Some(token) = words.peek() {
                if matches!(token.word, Word::Close | Word::Pipe) {
                    break;
                }
                to = token.span.clone();
                operands.push(self.operand(words)?);
            }
            if operands.is_empty() {
                return Self::wrong(from.start, "a command is missing");
            }
            commands.push(Command {
                operands,
                span: from.start..to.end,
            });
            if words.peek().is_none_or(|it| it.word == Word::Close) {
                return Ok(commands);
            }
            words.at += 1;
        }
    }

    fn operand(&mut self, words: &mut Words<'_>) -> Parsed<Operand> {
        let Some(token) = words.next() else {
            return Self::wrong(0, "an operand is missing");
        };
        let at = token.span.start;
        let constant = |data| Ok(Operand::Constant(Value::new(data)));
        match token.word.clone() {
            Word::Open => {
                self.deeper(at)?;
                let commands = self.commands(words, at)?;
                let Some(close) = words.next() else {
                    return Self::wrong(at, "a parenthesis without its end");
                };
                self.depth -= 1;
                let pipe = Pipe {
                    variables: Vec::new(),
                    assigns: false,
                    commands,
                    span: at..close.span.end,
                };
                Ok(Operand::Group(Box::new(pipe), words.fields()))
            }
            Word::Field(name) => {
                let mut fields = vec![name.as_str().into()];
                fields.extend(words.fields());
                Ok(Operand::Field(fields))
            }
            Word::Variable(name) => Ok(Operand::Variable(name.as_str().into(), words.fields())),
            Word::Dot => Ok(Operand::Dot),
            Word::Integer(value) => constant(Data::Int(value)),
            Word::Float(value) => constant(Data::Float(value)),
            Word::Text(text) => constant(Data::Text(Rc::new(Text::plain(text)))),
            Word::Name(name) => match name.as_str() {
                "true" => constant(Data::Bool(true)),
                "false" => constant(Data::Bool(false)),
                "nil" => Ok(Operand::Nil),
                name => match functions::find(name) {
                    Some(function) => Ok(Operand::Function(function)),
                    None => Self::wrong(at, format!("there is no function {name}")),
                },
            },
            Word::Close | Word::Pipe | Word::Comma | Word::Declare | Word::Assign => {
                Self::wrong(at, "an operand is missing")
            }
        }
    }
}

/// The words of an action that are left.
struct Words<'a> {
    tokens: &'a [Token],
    at: usize,
}

impl<'a> Words<'a> {
    fn peek(&self) -> Option<&'a Token> {
        self.tokens.get(self.at)
    }

    fn place(&self) -> Option<Range<usize>> {
        self.peek().map(|token| token.span.clone())
    }

    fn next(&mut self) -> Option<&'a Token> {
        let token = self.peek()?;
        self.at += 1;
        Some(token)
    }

    /// The fields that stand right behind what was taken last.
    fn fields(&mut self) -> Vec<Rc<str>> {
        let mut fields = Vec::new();
        while let Some(Token {
            word: Word::Field(name),
            is_apart: false,
            ..
        }) = self.peek()
        {
            fields.push(name.as_str().into());
            self.at += 1;
        }
        fields
    }
}

/// What Go's templates trim.
const SPACE: [char; 4] = [' ', '\t', '\r', '\n'];

/// Blocks and parentheses in each other.
const MAX_DEPTH: usize = 150;
