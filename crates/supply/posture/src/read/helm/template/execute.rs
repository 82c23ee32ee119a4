//! From a template and a value to text, as `text/template` of Go does it.

use std::{ops::Range, rc::Rc};

use super::{
    Text,
    engine::{Engine, Fail},
    tree::{Branch, Command, Node, Operand, Pipe, Template},
    value::{Data, Value},
};
use crate::{Origin, read::helm::functions};

/// One execution of a template.
struct Frame {
    template: Rc<Template>,
    /// Variables, the innermost last.
    variables: Vec<(Rc<str>, Value)>,
}

/// What comes after a node.
#[derive(Clone, Copy, PartialEq)]
enum Flow {
    Next,
    Break,
    Continue,
}

impl Engine {
    /// The text of `template` for `dot`.
    pub(crate) fn execute(&mut self, template: &Rc<Template>, dot: &Value) -> Result<Text, Fail> {
        let mut frame = Frame {
            template: template.clone(),
            variables: vec![("$".into(), dot.clone())],
        };
        let mut out = Text::default();
        self.enter()?;
        let result = self.walk(&mut frame, dot, &template.nodes, &mut out);
        self.depth -= 1;
        result.map(|_| out)
    }

    /// Executes a text as a template. What it defines is there while it is executed.
    pub(crate) fn execute_text(&mut self, text: &Rc<Text>, dot: &Value) -> Result<Text, Fail> {
        self.work(1 + text.len() / 16)?;
        let templates = super::parse(TEXT_NAME, text).map_err(|mistake| {
            let at = text.origin(mistake.at..mistake.at + 1);
            Fail {
                at,
                ..mistake.message.into()
            }
        })?;
        let mut replaced = Vec::new();
        let mut main = None;
        for template in templates {
            if &*template.name == TEXT_NAME {
                main = Some(Rc::new(template));
                continue;
            }
            let name = template.name.clone();
            let before = self.template(&name);
            self.define(template);
            replaced.push((name, before));
        }
        let result = match main {
            Some(main) => self.execute(&main, dot),
            None => Ok(Text::default()),
        };
        for (name, template) in replaced.into_iter().rev() {
            self.restore(&name, template);
        }
        result
    }

    fn walk(
        &mut self,
        frame: &mut Frame,
        dot: &Value,
        nodes: &[Node],
        out: &mut Text,
    ) -> Result<Flow, Fail> {
        for node in nodes {
            self.work(1)?;
            match node {
                Node::Text(range) => {
                    self.write(range.len())?;
                    out.append(&frame.template.source, range.clone());
                }
                Node::Action(pipe) => {
                    let at = self.at(frame, &pipe.span);
                    let value = self.pipe(frame, dot, pipe)?;
                    if pipe.variables.is_empty() {
                        let text = self.printed(&value)?;
                        out.print(&text, at.as_ref());
                    }
                }
                Node::If(branch) | Node::With(branch) => {
                    let is_with = matches!(node, Node::With(_));
                    let flow = self.branch(frame, dot, branch, is_with, out)?;
                    if flow != Flow::Next {
                        return Ok(flow);
                    }
                }
                Node::Range(branch) => {
                    let depth = frame.variables.len();
                    self.enter()?;
                    let flow = self.range(frame, dot, branch, out);
                    self.depth -= 1;
                    frame.variables.truncate(depth);
                    let flow = flow?;
                    if flow != Flow::Next {
                        return Ok(flow);
                    }
                }
                Node::Template(name, pipe, span) => {
                    let dot = match pipe {
                        Some(pipe) => self.pipe(frame, dot, pipe)?,
                        None => Value::NIL,
                    };
                    let Some(template) = self.template(name) else {
                        let message = format!("there is no template {name}");
                        return Err(frame.fail(message.into(), span));
                    };
                    let text = self.execute(&template, &dot)?;
                    out.append(&text, 0..text.len());
                }
                Node::Break => return Ok(Flow::Break),
                Node::Continue => return Ok(Flow::Continue),
            }
        }
        Ok(Flow::Next)
    }

    /// The place of an action. One of a text that a function put together is where that stands.
    fn at(&mut self, frame: &Frame, span: &Range<usize>) -> Option<Rc<Origin>> {
        if let Some(origin) = frame.template.source.origin(span.clone()) {
            self.here = Some(Rc::new(origin));
        }
        self.here.clone()
    }

    fn branch(
        &mut self,
        frame: &mut Frame,
        dot: &Value,
        branch: &Branch,
        is_with: bool,
        out: &mut Text,
    ) -> Result<Flow, Fail> {
        let depth = frame.variables.len();
        let at = self.at(frame, &branch.pipe.span);
        let (value, assumed) = self.noting(|engine| engine.pipe(frame, dot, &branch.pipe))?;
        if let Some(why) = value.doubt() {
            let why = value
                .as_str()
                .and_then(|it| self.doubt_in(it))
                .unwrap_or(why);
            self.undecided(at.as_ref(), why);
        } else if let Some(what) = assumed
            && !(frame.says_versions(&branch.then) && frame.says_versions(&branch.otherwise))
        {
            self.undecided(at.as_ref(), depends(what));
        }
        self.enter()?;
        let flow = match (value.is_true(), is_with) {
            (true, true) => self.walk(frame, &value, &branch.then, out),
            (true, false) => self.walk(frame, dot, &branch.then, out),
            (false, _) => self.walk(frame, dot, &branch.otherwise, out),
        };
        self.depth -= 1;
        frame.variables.truncate(depth);
        flow
    }

    fn range(
        &mut self,
        frame: &mut Frame,
        dot: &Value,
        branch: &Branch,
        out: &mut Text,
    ) -> Result<Flow, Fail> {
        let depth = frame.variables.len();
        let at = self.at(frame, &branch.pipe.span);
        let (over, assumed) = self.noting(|engine| engine.pipe_value(frame, dot, &branch.pipe))?;
        if let Some(what) = assumed {
            self.undecided(at.as_ref(), depends(what));
        }
        let items = self
            .items(&over, at.as_ref())
            .map_err(|it| frame.fail(it, &branch.pipe.span))?;
        if items.is_empty() {
            return self.walk(frame, dot, &branch.otherwise, out);
        }
        for (key, value) in items {
            self.work(1)?;
            let names = &branch.pipe.variables;
            let values = match names.len() {
                0 => Vec::new(),
                1 => vec![value.clone()],
                _ => vec![key, value.clone()],
            };
            for (name, value) in names.iter().zip(values) {
                frame.set(name, value, branch.pipe.assigns)?;
            }
            let flow = self.walk(frame, &value, &branch.then, out)?;
            frame.variables.truncate(depth);
            if flow == Flow::Break {
                break;
            }
        }
        Ok(Flow::Next)
    }

    /// What `range` goes over: keys or places, and values.
    fn items(
        &mut self,
        over: &Value,
        at: Option<&Rc<Origin>>,
    ) -> Result<Vec<(Value, Value)>, Fail> {
        let count = |number: i64| -> Result<Vec<(Value, Value)>, Fail> {
            let count = usize::try_from(number).unwrap_or(0);
            if count > MAX_COUNT {
                return Err("a range over too many numbers".into());
            }
            let numbers = (0..number).map(|it| Value::new(Data::Int(it)));
            Ok(numbers.map(|it| (it.clone(), it)).collect())
        };
        match &over.data {
            Data::Nil => Ok(Vec::new()),
            Data::List(list) => {
                self.work(list.items.len())?;
                let numbers = (0i64..).map(|it| Value::new(Data::Int(it)));
                Ok(numbers.zip(list.items.iter().cloned()).collect())
            }
            Data::Map(map) => {
                self.work(map.len())?;
                let entry = |(key, value): (Rc<str>, Value)| {
                    let key = Text::of(&key, value.origin.as_ref());
                    (Value::new(Data::Text(Rc::new(key))), value)
                };
                Ok(map.entries().into_iter().map(entry).collect())
            }
            Data::Object(object) => functions::items(object)
                .ok_or_else(|| format!("a range over {}", over.kind()).into()),
            Data::Int(number) | Data::Int64(number) => count(*number),
            Data::Unknown(why) => {
                self.undecided(at, why.clone());
                Ok(vec![(over.clone(), over.clone())])
            }
            _ => Err(format!("a range over a value of kind {}", over.kind()).into()),
        }
    }

    /// The value of a pipeline, its variables set.
    fn pipe(&mut self, frame: &mut Frame, dot: &Value, pipe: &Pipe) -> Result<Value, Fail> {
        if pipe.variables.is_empty() {
            return self.pipe_value(frame, dot, pipe);
        }
        let (mut value, assumed) = self.noting(|engine| engine.pipe_value(frame, dot, pipe))?;
        // What is in a collection knows by itself.
        if !matches!(value.data, Data::Map(_) | Data::List(_)) {
            value.assumed = value.assumed.or(assumed);
        }
        for name in &pipe.variables {
            frame.set(name, value.clone(), pipe.assigns)?;
        }
        Ok(value)
    }

    /// What `work` gives, and what it read that another cluster or release has otherwise. Whoever is
    /// around it has read that too.
    fn noting(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<Value, Fail>,
    ) -> Result<(Value, Option<&'static str>), Fail> {
        let before = self.assumed.take();
        let value = work(self)?;
        let assumed = self.assumed;
        self.assumed = before.or(assumed);
        Ok((value, assumed))
    }

    fn pipe_value(&mut self, frame: &mut Frame, dot: &Value, pipe: &Pipe) -> Result<Value, Fail> {
        self.enter()?;
        let mut last = None;
        for command in &pipe.commands {
            let result = self.command(frame, dot, command, last.take());
            last = Some(result.map_err(|fail| frame.fail(fail, &command.span))?);
        }
        self.depth -= 1;
        Ok(last.unwrap_or(Value::NIL))
    }

    fn command(
        &mut self,
        frame: &mut Frame,
        dot: &Value,
        command: &Command,
        last: Option<Value>,
    ) -> Result<Value, Fail> {
        self.work(1)?;
        let value = self.command_value(frame, dot, command, last)?;
        self.assumed = self.assumed.or(value.assumed);
        Ok(value)
    }

    fn command_value(
        &mut self,
        frame: &mut Frame,
        dot: &Value,
        command: &Command,
        last: Option<Value>,
    ) -> Result<Value, Fail> {
        let [first, rest @ ..] = command.operands.as_slice() else {
            return Err("a command is missing".into());
        };
        if let Operand::Function(function) = first {
            return match function.name {
                "and" | "or" => self.short(frame, dot, function.name == "or", rest, last),
                "ternary" => {
                    let mut arguments = Vec::new();
                    let (_, assumed) = self.noting(|engine| {
                        arguments = engine.arguments(frame, dot, rest, last)?;
                        Ok(Value::NIL)
                    })?;
                    let assumed = assumed.or(arguments.last().and_then(|it| it.assumed));
                    if let Some(what) = assumed {
                        let at = self.at(frame, &command.span);
                        self.undecided(at.as_ref(), depends(what));
                    }
                    functions::call(self, function, &arguments)
                }
                _ => {
                    let arguments = self.arguments(frame, dot, rest, last)?;
                    functions::call(self, function, &arguments)
                }
            };
        }
        let arguments = self.arguments(frame, dot, rest, last)?;
        match first {
            Operand::Field(fields) => self.fields(dot, fields, &arguments),
            Operand::Variable(name, fields) => {
                let value = frame.variable(name)?;
                self.fields(&value, fields, &arguments)
            }
            Operand::Group(pipe, fields) => {
                let value = self.pipe(frame, dot, pipe)?;
                self.fields(&value, fields, &arguments)
            }
            Operand::Nil => Err("nil is not a command".into()),
            other if arguments.is_empty() => self.operand(frame, dot, other),
            _ => Err("arguments for something that is no function".into()),
        }
    }

    fn arguments(
        &mut self,
        frame: &mut Frame,
        dot: &Value,
        operands: &[Operand],
        last: Option<Value>,
    ) -> Result<Vec<Value>, Fail> {
        let mut arguments = Vec::with_capacity(operands.len() + 1);
        for operand in operands {
            let value = self.operand(frame, dot, operand)?;
            self.assumed = self.assumed.or(value.assumed);
            arguments.push(value);
        }
        arguments.extend(last);
        Ok(arguments)
    }

    fn operand(
        &mut self,
        frame: &mut Frame,
        dot: &Value,
        operand: &Operand,
    ) -> Result<Value, Fail> {
        match operand {
            Operand::Dot => Ok(dot.clone()),
            Operand::Nil => Ok(Value::NIL),
            Operand::Constant(value) => Ok(value.clone()),
            Operand::Field(fields) => self.fields(dot, fields, &[]),
            Operand::Variable(name, fields) => {
                let value = frame.variable(name)?;
                self.fields(&value, fields, &[])
            }
            Operand::Group(pipe, fields) => {
                let value = self.pipe(frame, dot, pipe)?;
                self.fields(&value, fields, &[])
            }
            Operand::Function(function) => match function.name {
                "and" | "or" => Err("and and or want arguments".into()),
                _ => functions::call(self, function, &[]),
            },
        }
    }

    /// `and` and `or`, which look no further than they must.
    fn short(
        &mut self,
        frame: &mut Frame,
        dot: &Value,
        is_or: bool,
        operands: &[Operand],
        last: Option<Value>,
    ) -> Result<Value, Fail> {
        let mut doubt = None;
        let mut value = None;
        for operand in operands {
            let next = self.operand(frame, dot, operand)?;
            self.assumed = self.assumed.or(next.assumed);
            if next.doubt().is_some() {
                doubt = doubt.or(Some(next));
                continue;
            }
            if next.is_true() == is_or {
                return Ok(next);
            }
            value = Some(next);
        }
        if let Some(last) = last {
            value = Some(last);
        }
        let value = value.or_else(|| doubt.clone());
        match (doubt, value) {
            (_, None) => Err("and and or want arguments".into()),
            (Some(doubt), Some(value)) if value.is_true() != is_or => Ok(doubt),
            (_, Some(value)) => Ok(value),
        }
    }

    /// The field of a field of a value; the last one may be a method with arguments.
    fn fields(
        &mut self,
        value: &Value,
        fields: &[Rc<str>],
        arguments: &[Value],
    ) -> Result<Value, Fail> {
        let Some((last, fields)) = fields.split_last() else {
            return match arguments {
                [] => Ok(value.clone()),
                _ => Err("arguments for something that is no function".into()),
            };
        };
        // Fields of nothing are nothing; only those of a key that is not there are a mistake.
        if let Data::Nil = value.data {
            return Ok(Value::NIL);
        }
        let mut value = value.clone();
        for field in fields {
            value = self.field(&value, field, &[])?;
        }
        self.field(&value, last, arguments)
    }

    fn field(&mut self, value: &Value, name: &str, arguments: &[Value]) -> Result<Value, Fail> {
        self.assumed = self.assumed.or(value.assumed);
        match &value.data {
            Data::Map(map) => match arguments {
                // Go says "no value" of a key that is not there, and goes on.
                [] => Ok(map.get(name).unwrap_or(Value::NIL)),
                _ => Err(format!("{name} is no method, and has arguments").into()),
            },
            Data::Nil => Err(format!("{name} of nothing").into()),
            Data::Unknown(_) => Ok(value.clone()),
            Data::Object(object) => functions::method(self, object, name, arguments),
            _ => Err(format!("{name} of a value of kind {}", value.kind()).into()),
        }
    }
}

impl Frame {
    fn variable(&self, name: &str) -> Result<Value, Fail> {
        let mut variables = self.variables.iter().rev();
        let found = variables.find(|(known, _)| &**known == name);
        match found {
            Some((_, value)) => Ok(value.clone()),
            None => Err(format!("there is no variable {name}").into()),
        }
    }

    fn set(&mut self, name: &Rc<str>, value: Value, assigns: bool) -> Result<(), Fail> {
        if !assigns {
            self.variables.push((name.clone(), value));
            return Ok(());
        }
        let mut variables = self.variables.iter_mut().rev();
        match variables.find(|(known, _)| known == name) {
            Some(variable) => {
                variable.1 = value;
                Ok(())
            }
            None => Err(format!("there is no variable {name}").into()),
        }
    }

    /// Whether nodes say nothing but the version of an API, which no rule asks for: most questions
    /// about a cluster are for that.
    fn says_versions(&self, nodes: &[Node]) -> bool {
        let is_version = |text: &str| {
            let text = text.trim();
            let text = text.strip_prefix("apiVersion:").unwrap_or(text).trim();
            let (group, version) = text.rsplit_once('/').unwrap_or(("", text));
            let is_word =
                |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-".contains(c);
            let number = version.strip_prefix('v').unwrap_or_default();
            text.is_empty()
                || number.starts_with(|c: char| c.is_ascii_digit())
                    && group.chars().chain(version.chars()).all(is_word)
        };
        let is_constant = |command: &Command| match command.operands.as_slice() {
            [Operand::Constant(value)] => value.as_str().is_some_and(is_version),
            [Operand::Function(function), Operand::Constant(value)] => {
                function.name == "print" && value.as_str().is_some_and(is_version)
            }
            _ => false,
        };
        nodes.iter().all(|node| match node {
            Node::Text(range) => is_version(&self.template.source.as_str()[range.clone()]),
            Node::Action(pipe) => match pipe.commands.as_slice() {
                [command] => pipe.variables.is_empty() && is_constant(command),
                _ => false,
            },
            Node::If(branch) => {
                self.says_versions(&branch.then) && self.says_versions(&branch.otherwise)
            }
            _ => false,
        })
    }

    fn fail(&self, mut fail: Fail, span: &Range<usize>) -> Fail {
        if fail.at.is_none() {
            fail.at = self.template.source.origin(span.clone());
        }
        fail
    }
}

fn depends(what: &str) -> Rc<str> {
    format!("it depends on {what}").into()
}

/// The name of a template that a function got as text; no `define` has it.
const TEXT_NAME: &str = "\u{0}text";

/// Numbers of a `range` over a number.
const MAX_COUNT: usize = 1_000_000;
