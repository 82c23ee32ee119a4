//! The unpickler that grows a [`Tree`]: the stack, marks and memo of CPython over descriptions.

use std::{collections::HashMap, io};

use casemate_core::Source;

use super::{Act, Array, Called, Id, Node, Step, Tree};
use crate::{
    cursor::{Cursor, Extent},
    pickle::{
        dtype,
        effect::{Manner, Mutation},
        machine::Fault,
        opcode::{self as op, Operand, OperandError},
        symbol::Symbols,
        text::{self, Integer},
        value::{Form, Shape},
    },
};

/// Reads one stream.
pub(super) fn read(source: &dyn Source, start: u64) -> io::Result<Tree<'_>> {
    let mut grower = Grower {
        tree: Tree {
            source,
            nodes: Vec::new(),
            symbols: Symbols::default(),
            steps: Vec::new(),
            root: None,
            end: start,
            fault: None,
        },
        input: Cursor::new(source, start),
        state: State::default(),
        outer: None,
        references: 0,
    };
    match grower.run() {
        Ok(root) => {
            grower.tree.root = Some(root);
            grower.tree.end = grower.input.position();
        }
        Err(Fault::Io(error)) => return Err(error),
        Err(fault) => grower.tree.fault = Some(fault),
    }
    Ok(grower.tree)
}

struct Grower<'a> {
    tree: Tree<'a>,
    input: Cursor<'a>,
    state: State,
    /// The stream around an array of objects, and the wrapper that the array belongs to.
    outer: Option<(State, Id)>,
    /// How many references containers and stacks hold, at most.
    references: usize,
}

/// What an unpickler keeps for one stream.
#[derive(Default)]
struct State {
    stack: Vec<Id>,
    marks: Vec<usize>,
    memo: HashMap<i64, Id>,
    protocol: u8,
}

impl Grower<'_> {
    fn run(&mut self) -> Result<Id, Fault> {
        loop {
            let at = self.input.position();
            self.tree.end = at;
            let code = self.input.byte()?;
            let opcode = op::opcode(code).ok_or(Fault::Opcode(code))?;
            let operand = opcode
                .operand
                .read(&mut self.input)
                .map_err(|error| match error {
                    OperandError::Read(error) => error.into(),
                    OperandError::NegativeLength => Fault::Operand(opcode.name),
                })?;
            match operand {
                Operand::Nothing if code == op::STOP => {
                    let result = self.pop()?;
                    let Some((state, wrapper)) = self.outer.take() else {
                        return Ok(result);
                    };
                    self.state = state;
                    self.set_array(wrapper, Array::Objects(result));
                }
                Operand::Nothing => self.plain(at, code)?,
                Operand::Number(number) => self.number(at, code, number)?,
                Operand::Bytes(extent) => self.counted(code, extent)?,
                Operand::Line(line) => self.line(at, code, line)?,
                Operand::TwoLines(module, name) => {
                    let module = self.grow(text_node(Form::Utf8, module))?;
                    let name = self.grow(text_node(Form::Utf8, name))?;
                    let global = self.import(at, module, name)?;
                    if code == op::INST {
                        let arguments = self.pop_to_mark(Shape::Tuple)?;
                        self.call(at, Manner::Instance, global, arguments, None)?;
                    } else {
                        self.push(global)?;
                    }
                }
            }
        }
    }

    /// The opcodes without an operand.
    fn plain(&mut self, at: u64, code: u8) -> Result<(), Fault> {
        match code {
            op::NONE => self.push_new(Node::None),
            op::NEWTRUE => self.push_new(Node::Bool(true)),
            op::NEWFALSE => self.push_new(Node::Bool(false)),
            op::BINFLOAT => {
                let bytes = self.input.read(Extent { at: at + 1, len: 8 }, 8);
                let bytes = <[u8; 8]>::try_from(bytes.map_err(Fault::Io)?);
                self.push_new(Node::Float(f64::from_be_bytes(
                    bytes.map_err(|_| Fault::End)?,
                )))
            }
            op::MARK => {
                self.state.marks.push(self.state.stack.len());
                self.refer(1)
            }
            op::EMPTY_TUPLE => self.push_container(Shape::Tuple, Vec::new()),
            op::EMPTY_LIST => self.push_container(Shape::List, Vec::new()),
            op::EMPTY_DICT => self.push_container(Shape::Dict, Vec::new()),
            op::EMPTY_SET => self.push_container(Shape::Set, Vec::new()),
            op::TUPLE1 => self.push_tuple(1),
            op::TUPLE2 => self.push_tuple(2),
            op::TUPLE3 => self.push_tuple(3),
            op::TUPLE => self.push_marked(Shape::Tuple),
            op::LIST => self.push_marked(Shape::List),
            op::DICT => self.push_marked(Shape::Dict),
            op::FROZENSET => self.push_marked(Shape::FrozenSet),
            op::APPEND => self.put_in(at, Mutation::Append, self.above(1)?),
            op::SETITEM => self.put_in(at, Mutation::SetItem, self.above(2)?),
            op::APPENDS => self.put_marked(at, Mutation::Append),
            op::SETITEMS => self.put_marked(at, Mutation::SetItem),
            op::ADDITEMS => self.put_marked(at, Mutation::Add),
            op::POP => {
                if self.state.stack.len() > self.fence() {
                    self.state.stack.pop();
                } else {
                    self.state.marks.pop().ok_or(Fault::Underflow)?;
                }
                Ok(())
            }
            op::POP_MARK => {
                let mark = self.state.marks.pop().ok_or(Fault::NoMark)?;
                self.state.stack.truncate(mark);
                Ok(())
            }
            op::DUP => self.push(self.top()?),
            op::MEMOIZE => {
                let index = i64::try_from(self.state.memo.len()).map_err(|_| Fault::Memory)?;
                self.put(index)
            }
            op::NEXT_BUFFER => self.push_new(Node::Buffer),
            op::READONLY_BUFFER => self.top().map(|_| ()),
            op::STACK_GLOBAL => {
                let (name, module) = (self.pop()?, self.pop()?);
                let global = self.import(at, module, name)?;
                self.push(global)
            }
            op::REDUCE => {
                let (arguments, callee) = (self.pop()?, self.pop()?);
                self.call(at, Manner::Reduce, callee, arguments, None)
            }
            op::NEWOBJ => {
                let (arguments, class) = (self.pop()?, self.pop()?);
                self.call(at, Manner::New, class, arguments, None)
            }
            op::NEWOBJ_EX => {
                let (keywords, arguments, class) = (self.pop()?, self.pop()?, self.pop()?);
                self.call(at, Manner::New, class, arguments, Some(keywords))
            }
            op::OBJ => {
                let mark = self.state.marks.pop().ok_or(Fault::NoMark)?;
                let mut items = self.state.stack.split_off(mark).into_iter();
                let class = items.next().ok_or(Fault::Underflow)?;
                let items = items.collect();
                let shape = Shape::Tuple;
                let arguments = self.grow(Node::Container { shape, items })?;
                self.call(at, Manner::Instance, class, arguments, None)
            }
            op::BINPERSID => {
                let id = self.pop()?;
                self.persistent(at, id)
            }
            op::BUILD => self.build(at),
            _ => Err(Fault::Opcode(code)),
        }
    }

    /// The opcodes whose operand is a number.
    fn number(&mut self, at: u64, code: u8, number: i64) -> Result<(), Fault> {
        match code {
            op::BININT | op::BININT1 | op::BININT2 => self.push_new(Node::Int(number)),
            op::BINGET | op::LONG_BINGET => self.get(number),
            op::BINPUT | op::LONG_BINPUT => self.put(number),
            op::EXT1 | op::EXT2 | op::EXT4 => {
                let object = self.grow(Node::Extension(number))?;
                self.step(at, Act::Extension(object));
                self.push(object)
            }
            op::PROTO => {
                let known = u8::try_from(number).ok();
                let known = known.filter(|&protocol| protocol <= op::HIGHEST_PROTOCOL);
                self.state.protocol = known.ok_or(Fault::Protocol(number))?;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The opcodes whose operand is bytes after their length.
    fn counted(&mut self, code: u8, extent: Extent) -> Result<(), Fault> {
        let node = match code {
            op::LONG1 | op::LONG4 if extent.len > 8 => Node::BigInt(extent),
            op::LONG1 | op::LONG4 => {
                match text::long(&self.input.read(extent, 8).map_err(Fault::Io)?) {
                    Integer::Small(number) => Node::Int(number),
                    Integer::Big => Node::BigInt(extent),
                }
            }
            op::SHORT_BINUNICODE | op::BINUNICODE | op::BINUNICODE8 => {
                text_node(Form::Utf8, extent)
            }
            op::BINSTRING | op::SHORT_BINSTRING => text_node(Form::Python2, extent),
            _ => Node::Bytes {
                extent,
                mutable: code == op::BYTEARRAY8,
            },
        };
        self.push_new(node)
    }

    /// The opcodes whose operand is a line.
    fn line(&mut self, at: u64, code: u8, line: Extent) -> Result<(), Fault> {
        if code == op::UNICODE {
            return self.push_new(text_node(Form::RawUnicodeEscape, line));
        }
        let content = self.input.read(line, text::LONGEST).map_err(Fault::Io)?;
        let malformed = || Fault::Operand(op::opcode(code).map_or("", |opcode| opcode.name));
        match code {
            op::INT if matches!(&content[..], b"00" | b"01") => {
                self.push_new(Node::Bool(content[1] == b'1'))
            }
            op::INT | op::LONG => {
                let digits = match code {
                    op::LONG => content.strip_suffix(b"L").unwrap_or(&content),
                    _ => &content,
                };
                match text::integer(digits).ok_or_else(malformed)? {
                    Integer::Small(number) => self.push_new(Node::Int(number)),
                    Integer::Big => self.push_new(Node::BigInt(line)),
                }
            }
            op::FLOAT => self.push_new(Node::Float(text::float(&content).ok_or_else(malformed)?)),
            op::STRING => {
                let last = Extent {
                    at: line.at + line.len.saturating_sub(1),
                    len: 1,
                };
                let last = self.input.read(last, 1).map_err(Fault::Io)?;
                let ends = content.first().copied().zip(last.first().copied());
                if !ends.is_some_and(|(first, last)| text::is_quoted(first, last, line.len)) {
                    return Err(malformed());
                }
                let inside = Extent {
                    at: line.at + 1,
                    len: line.len - 2,
                };
                self.push_new(text_node(Form::StringEscape, inside))
            }
            op::PERSID => {
                let id = self.grow(text_node(Form::Line, line))?;
                self.persistent(at, id)
            }
            op::GET | op::PUT => {
                let index = match text::integer(&content).ok_or_else(malformed)? {
                    Integer::Small(index) => index,
                    Integer::Big => i64::MAX,
                };
                match code {
                    op::GET => self.get(index),
                    _ => self.put(index),
                }
            }
            _ => Err(malformed()),
        }
    }

    fn import(&mut self, at: u64, module: Id, name: Id) -> Result<Id, Fault> {
        let names = self.tree.text(module).zip(self.tree.text(name));
        let Some((module, name)) = names else {
            let object = self.grow(Node::Lost)?;
            let act = Act::NotAName {
                object,
                module,
                name,
            };
            self.step(at, act);
            return Ok(object);
        };
        let symbol = self
            .tree
            .symbols
            .intern(&module, &name, self.state.protocol);
        let global = self.grow(Node::Global(symbol))?;
        self.step(at, Act::Import(global));
        Ok(global)
    }

    fn call(
        &mut self,
        at: u64,
        manner: Manner,
        callee: Id,
        arguments: Id,
        keywords: Option<Id>,
    ) -> Result<(), Fault> {
        let called = self.grow(Node::Called(Box::new(Called {
            manner,
            callee,
            arguments,
            keywords,
            states: Vec::new(),
            items: Vec::new(),
            array: None,
        })))?;
        self.step(at, Act::Call(called));
        self.push(called)
    }

    fn persistent(&mut self, at: u64, id: Id) -> Result<(), Fault> {
        let object = self.grow(Node::Persistent(id))?;
        self.step(at, Act::Persistent(object));
        self.push(object)
    }

    fn build(&mut self, at: u64) -> Result<(), Fault> {
        let state = self.pop()?;
        let object = self.top()?;
        self.step(at, Act::State { object, state });
        self.refer(1)?;
        let wraps = self
            .tree
            .class(object)
            .is_some_and(|class| class.wraps_an_array());
        let Node::Called(called) = &mut self.tree.nodes[object.place()] else {
            return Ok(());
        };
        called.states.push(state);
        if wraps && called.states.len() == 1 && self.outer.is_none() {
            return self.array(object, state);
        }
        Ok(())
    }

    /// Steps over the array behind a wrapper of joblib's, or goes into it.
    fn array(&mut self, wrapper: Id, state: Id) -> Result<(), Fault> {
        let malformed = Fault::Operand("NumpyArrayWrapper");
        let Some((code, count, aligned)) = self.array_header(state) else {
            return Err(malformed);
        };
        let Some(size) = dtype::item_size(&code) else {
            if !code.starts_with('O') {
                return Err(malformed);
            }
            let outer = std::mem::take(&mut self.state);
            self.outer = Some((outer, wrapper));
            return Ok(());
        };
        if aligned {
            let padding = self.input.byte()?;
            self.input.skip(padding.into())?;
        }
        let extent = self.input.skip(count.checked_mul(size).ok_or(malformed)?)?;
        self.set_array(wrapper, Array::Bytes(extent));
        Ok(())
    }

    /// A wrapper's dtype, its number of elements, and whether they are aligned.
    fn array_header(&self, state: Id) -> Option<(String, u64, bool)> {
        let tree = &self.tree;
        let mut count = 1u64;
        for &extent in tree.items(tree.entry(state, "shape")?)? {
            count = count.checked_mul(u64::try_from(tree.int(extent)?).ok()?)?;
        }
        let dtype = tree.entry(state, "dtype")?;
        if tree.class(dtype)?.dotted() != "numpy.dtype" {
            return None;
        }
        let code = *tree.items(tree.called(dtype)?.arguments)?.first()?;
        let alignment = tree.entry(state, "numpy_array_alignment_bytes");
        let aligned = alignment.is_some_and(|id| tree.int(id).is_some());
        Some((tree.text(code)?, count, aligned))
    }

    /// Puts what stands above `from` into the object below it.
    fn put_in(&mut self, at: u64, how: Mutation, from: usize) -> Result<(), Fault> {
        let below = from.checked_sub(1).filter(|&below| below >= self.fence());
        let object = self.state.stack[below.ok_or(Fault::Underflow)?];
        let items = self.state.stack.split_off(from);
        if how == Mutation::SetItem && !items.len().is_multiple_of(2) {
            return Err(Fault::Operand("SETITEMS"));
        }
        if items.is_empty() {
            return Ok(());
        }
        self.refer(items.len())?;
        match &mut self.tree.nodes[object.place()] {
            Node::Container { shape, items: kept } if fits(how, *shape) => {
                kept.extend(items);
                return Ok(());
            }
            Node::Called(called) => called.items.extend(&items),
            _ => {}
        }
        let shape = Shape::Tuple;
        let items = self.grow(Node::Container { shape, items })?;
        self.step(at, Act::Put { how, object, items });
        Ok(())
    }

    fn put_marked(&mut self, at: u64, how: Mutation) -> Result<(), Fault> {
        let mark = self.state.marks.pop().ok_or(Fault::NoMark)?;
        self.put_in(at, how, mark)
    }

    fn get(&mut self, index: i64) -> Result<(), Fault> {
        let found = self.state.memo.get(&index).copied();
        self.push(found.ok_or(Fault::Memo)?)
    }

    fn put(&mut self, index: i64) -> Result<(), Fault> {
        let value = self.top()?;
        if index < 0 {
            return Err(Fault::Memo);
        }
        self.refer(1)?;
        self.state.memo.insert(index, value);
        Ok(())
    }

    fn fence(&self) -> usize {
        self.state.marks.last().copied().unwrap_or(0)
    }

    /// Where the topmost `count` values begin, if there are so many above the mark.
    fn above(&self, count: usize) -> Result<usize, Fault> {
        let from = self.state.stack.len().checked_sub(count);
        from.filter(|&from| from >= self.fence())
            .ok_or(Fault::Underflow)
    }

    fn top(&self) -> Result<Id, Fault> {
        self.above(1).map(|at| self.state.stack[at])
    }

    fn pop(&mut self) -> Result<Id, Fault> {
        let at = self.above(1)?;
        let value = self.state.stack[at];
        self.state.stack.truncate(at);
        Ok(value)
    }

    fn push(&mut self, id: Id) -> Result<(), Fault> {
        self.refer(1)?;
        self.state.stack.push(id);
        Ok(())
    }

    fn push_new(&mut self, node: Node) -> Result<(), Fault> {
        let id = self.grow(node)?;
        self.push(id)
    }

    fn push_container(&mut self, shape: Shape, items: Vec<Id>) -> Result<(), Fault> {
        self.push_new(Node::Container { shape, items })
    }

    fn push_tuple(&mut self, count: usize) -> Result<(), Fault> {
        let from = self.above(count)?;
        let items = self.state.stack.split_off(from);
        self.push_container(Shape::Tuple, items)
    }

    fn push_marked(&mut self, shape: Shape) -> Result<(), Fault> {
        let container = self.pop_to_mark(shape)?;
        self.push(container)
    }

    fn pop_to_mark(&mut self, shape: Shape) -> Result<Id, Fault> {
        let mark = self.state.marks.pop().ok_or(Fault::NoMark)?;
        let items = self.state.stack.split_off(mark);
        if shape == Shape::Dict && !items.len().is_multiple_of(2) {
            return Err(Fault::Operand("DICT"));
        }
        self.grow(Node::Container { shape, items })
    }

    fn grow(&mut self, node: Node) -> Result<Id, Fault> {
        let place = self.tree.nodes.len();
        let id = u32::try_from(place).ok().filter(|_| place < MOST_NODES);
        self.tree.nodes.push(node);
        id.map(Id).ok_or(Fault::Memory)
    }

    /// Counts references, which take memory as nodes do.
    fn refer(&mut self, count: usize) -> Result<(), Fault> {
        self.references = self.references.saturating_add(count);
        if self.references > MOST_REFERENCES {
            return Err(Fault::Memory);
        }
        Ok(())
    }

    fn step(&mut self, at: u64, act: Act) {
        self.tree.steps.push(Step { at, act });
    }

    fn set_array(&mut self, wrapper: Id, array: Array) {
        if let Node::Called(called) = &mut self.tree.nodes[wrapper.place()] {
            called.array = Some(array);
        }
    }
}

fn fits(how: Mutation, shape: Shape) -> bool {
    matches!(
        (how, shape),
        (Mutation::Append, Shape::List)
            | (Mutation::SetItem, Shape::Dict)
            | (Mutation::Add, Shape::Set)
    )
}

fn text_node(form: Form, extent: Extent) -> Node {
    Node::Text { form, extent }
}

/// 128 MiB of nodes: some hundred thousand tensors, or a hundred times the largest checkpoint.
const MOST_NODES: usize = 1 << 22;
/// 128 MiB of references.
const MOST_REFERENCES: usize = 1 << 25;
