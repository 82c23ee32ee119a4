//! The abstract interpreter: every opcode with CPython's exact stack, marks and memo, over values
//! that are only as precise as a judgement needs. It reports effects and judges nothing.

mod stack;

use std::io;

use super::{
    crowd, dtype,
    effect::{Call, Effect, Effects, Manner, Mutation, View, string},
    fold::{class_of_persistent_id, fold, gives_dimensions},
    heap::Heap,
    memo::Memo,
    numbers::Numbers,
    opcode::{self as op, Operand, OperandError},
    symbol::{Symbol, Symbols},
    text::{self, Integer},
    value::{Form, Ref, Shape, Value},
};
use crate::cursor::{Cursor, Extent, ReadError};

/// The state of one stream.
#[derive(Clone)]
pub(crate) struct Machine {
    heap: Heap,
    memo: Memo,
    stack: Vec<Ref>,
    /// How high the stack was at each open mark.
    marks: Vec<usize>,
    protocol: u8,
    /// Where the current frame ends; [`u64::MAX`] outside of frames.
    frame_end: u64,
    start: u64,
    /// Where the opcode stands that ran last.
    last: u64,
    /// Whether that opcode's operand is a line.
    read_line: bool,
    /// How heavy a container must be to be worth saying so, again.
    swollen: f32,
    told_wasteful: bool,
}

/// What the interpreter works on besides its own state.
pub(crate) struct Surroundings<'a, 'b> {
    pub(crate) input: &'a mut Cursor<'b>,
    pub(crate) symbols: &'a mut Symbols,
    pub(crate) effects: &'a mut dyn Effects,
    /// How many opcodes may still run.
    pub(crate) opcodes: &'a mut u64,
}

/// Why the interpreter came back.
#[derive(Debug)]
pub(crate) enum Halt {
    /// STOP: the stream is at its end.
    Stop,
    /// A wrapper that joblib writes before an array has got its state: the array's bytes follow.
    Array { state: Ref },
    /// The stream cannot go on. CPython would raise; the effects so far have happened.
    Broken(Fault),
}

/// Why a stream cannot go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error("the stream ends in the middle")]
    End,
    #[error("byte {0:#04x} is no opcode")]
    Opcode(u8),
    #[error("an opcode takes more from the stack than is there")]
    Underflow,
    #[error("an opcode needs a mark and there is none")]
    NoMark,
    #[error("the memo has nothing at the index asked for")]
    Memo,
    #[error("the operand of {0} is malformed")]
    Operand(&'static str),
    #[error("there is no protocol {0}")]
    Protocol(i64),
    #[error("the stream needs more memory than it may have")]
    Memory,
    #[error("the limit of opcodes was reached")]
    Opcodes,
    #[error("{0}")]
    Io(io::Error),
}

impl From<ReadError> for Fault {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::End => Self::End,
            ReadError::Io(error) => Self::Io(error),
        }
    }
}

impl Machine {
    /// A machine for the stream that begins at `start`.
    pub(crate) fn new(start: u64) -> Self {
        Self {
            heap: Heap::new(),
            memo: Memo::default(),
            stack: Vec::new(),
            marks: Vec::new(),
            protocol: 0,
            frame_end: u64::MAX,
            start,
            last: start,
            read_line: false,
            swollen: SWOLLEN,
            told_wasteful: false,
        }
    }

    /// Where the opcode stands that ran last.
    pub(crate) fn last(&self) -> u64 {
        self.last
    }

    /// How many places a copy of it takes.
    pub(crate) fn size(&self) -> usize {
        self.heap.size() + self.memo.size() + self.stack.len() + self.marks.len()
    }

    /// Whether values have been lost for want of memory.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.heap.is_exhausted() || self.memo.is_exhausted()
    }

    /// Notes that the object on top of the stack stands for the array with these numbers, which joblib
    /// puts in its place.
    pub(crate) fn stand_for(&mut self, numbers: Numbers) {
        if let Ok(object) = self.top()
            && let Some(value) = numbers.value()
        {
            let kept = self.heap.insert(value);
            self.heap.set_built(object, Some(kept));
        }
    }

    /// What a listener would see now.
    pub(crate) fn view<'a>(&'a self, input: &'a Cursor<'a>, symbols: &'a Symbols) -> View<'a> {
        View {
            heap: &self.heap,
            symbols,
            input,
        }
    }

    /// Runs from where the input stands until something stops it.
    pub(crate) fn run(&mut self, around: &mut Surroundings<'_, '_>) -> Halt {
        loop {
            if *around.opcodes == 0 {
                return Halt::Broken(Fault::Opcodes);
            }
            *around.opcodes -= 1;
            let before = around.input.position();
            let stepped = self.step(around);
            // Reading a long line takes long; stepping over counted bytes takes no time. Without
            // this, many streams that all end in one line would take quadratic time.
            if stepped.is_err() || self.read_line {
                let line = around.input.position() - before;
                *around.opcodes = around.opcodes.saturating_sub(line / LINE_COST);
            }
            match stepped {
                Ok(None) => {}
                Ok(Some(halt)) => return halt,
                Err(fault) => return Halt::Broken(fault),
            }
            if self.heap.is_due() {
                let roots = self.stack.iter().copied().chain(self.memo.values());
                self.heap.sweep(roots);
            }
            if self.stack.len() > MOST_STACK || self.marks.len() > MOST_MARKS {
                return Halt::Broken(Fault::Memory);
            }
        }
    }

    fn step(&mut self, around: &mut Surroundings<'_, '_>) -> Result<Option<Halt>, Fault> {
        let at = around.input.position();
        self.last = at;
        let code = around.input.byte()?;
        let opcode = op::opcode(code).ok_or(Fault::Opcode(code))?;
        let operand = opcode
            .operand
            .read(around.input)
            .map_err(|error| match error {
                OperandError::Read(error) => error.into(),
                OperandError::NegativeLength => Fault::Operand(opcode.name),
            })?;
        if around.input.position() >= self.frame_end {
            self.leave_frame(at, code, operand, around);
        }
        self.read_line = matches!(operand, Operand::Line(_) | Operand::TwoLines(..));
        match operand {
            Operand::Nothing => return self.plain(at, code, around),
            Operand::Number(number) => self.number(at, code, number, around)?,
            Operand::Bytes(extent) => self.counted(at, code, extent, around)?,
            Operand::Line(line) => self.line(at, code, line, around)?,
            Operand::TwoLines(module, name) => {
                let read = |line| string(Value::text(Form::Utf8, line, b""), around.input);
                let names = read(module).zip(read(name));
                let (module, name) = names.ok_or(Fault::Operand(opcode.name))?;
                if module.is_empty() || name.is_empty() {
                    return Err(Fault::Operand(opcode.name));
                }
                let global = self.import(at, &module, &name, around);
                if code == op::INST {
                    let arguments = self.pop_to_mark(at, Shape::Tuple, around)?;
                    self.call(at, Manner::Instance, global, arguments, None, around);
                } else {
                    self.push(global);
                }
            }
        }
        Ok(None)
    }

    /// The opcodes without an operand.
    fn plain(
        &mut self,
        at: u64,
        code: u8,
        around: &mut Surroundings<'_, '_>,
    ) -> Result<Option<Halt>, Fault> {
        match code {
            op::NONE => self.push(Ref::NONE),
            op::NEWTRUE | op::NEWFALSE => self.push(Ref::BOOL),
            op::BINFLOAT => self.push(Ref::FLOAT),
            op::MARK => self.marks.push(self.stack.len()),
            op::EMPTY_TUPLE => self.push(Ref::EMPTY_TUPLE),
            op::EMPTY_LIST => self.push_empty(Shape::List),
            op::EMPTY_DICT => self.push_empty(Shape::Dict),
            op::EMPTY_SET => self.push_empty(Shape::Set),
            op::TUPLE1 => self.push_tuple(at, 1, around)?,
            op::TUPLE2 => self.push_tuple(at, 2, around)?,
            op::TUPLE3 => self.push_tuple(at, 3, around)?,
            op::TUPLE => self.push_marked(at, Shape::Tuple, around)?,
            op::LIST => self.push_marked(at, Shape::List, around)?,
            op::DICT => self.push_marked(at, Shape::Dict, around)?,
            op::FROZENSET => self.push_marked(at, Shape::FrozenSet, around)?,
            op::APPEND => self.put_in(at, Mutation::Append, self.fence_checked(1)?, around)?,
            op::SETITEM => self.put_in(at, Mutation::SetItem, self.fence_checked(2)?, around)?,
            op::APPENDS => self.put_marked(at, Mutation::Append, around)?,
            op::SETITEMS => self.put_marked(at, Mutation::SetItem, around)?,
            op::ADDITEMS => self.put_marked(at, Mutation::Add, around)?,
            op::POP => {
                // A mark with nothing above it is what POP takes then.
                if self.stack.len() > self.fence() {
                    self.stack.pop();
                } else {
                    self.marks.pop().ok_or(Fault::Underflow)?;
                }
            }
            op::POP_MARK => {
                let mark = self.marks.pop().ok_or(Fault::NoMark)?;
                self.stack.truncate(mark);
            }
            op::DUP => self.push(self.top()?),
            op::MEMOIZE => self.memo.put(self.memo.count(), self.top()?),
            op::NEXT_BUFFER => self.push(Ref::BUFFER),
            op::READONLY_BUFFER => {
                self.top()?;
            }
            op::STACK_GLOBAL => self.stack_global(at, around)?,
            op::REDUCE => {
                let (arguments, callee) = (self.pop()?, self.pop()?);
                self.call(at, Manner::Reduce, callee, arguments, None, around);
            }
            op::NEWOBJ => {
                let (arguments, class) = (self.pop()?, self.pop()?);
                self.call(at, Manner::New, class, arguments, None, around);
            }
            op::NEWOBJ_EX => {
                let (keywords, arguments, class) = (self.pop()?, self.pop()?, self.pop()?);
                self.call(at, Manner::New, class, arguments, Some(keywords), around);
            }
            op::OBJ => {
                let mark = *self.marks.last().ok_or(Fault::NoMark)?;
                let class = *self.stack.get(mark).ok_or(Fault::Underflow)?;
                let arguments = self.heap.container(Shape::Tuple, &self.stack[mark + 1..]);
                if self.heap.met_import() {
                    self.keep_tuples(at, mark + 1, around);
                }
                self.marks.pop();
                self.stack.truncate(mark);
                self.call(at, Manner::Instance, class, arguments, None, around);
            }
            op::BINPERSID => {
                let id = self.pop()?;
                self.persistent(at, id, around);
            }
            op::BUILD => return self.build(at, around),
            op::STOP => {
                let given = self.pop()?;
                self.keep(at, given, around);
                return Ok(Some(Halt::Stop));
            }
            _ => return Err(Fault::Opcode(code)),
        }
        Ok(None)
    }

    /// The opcodes whose operand is a number.
    fn number(
        &mut self,
        at: u64,
        code: u8,
        number: i64,
        around: &mut Surroundings<'_, '_>,
    ) -> Result<(), Fault> {
        match code {
            op::BININT | op::BININT1 | op::BININT2 => {
                let value = self.heap.int(number);
                self.push(value);
            }
            op::BINGET | op::LONG_BINGET => self.get(number)?,
            op::BINPUT | op::LONG_BINPUT => self.put(at, number, around)?,
            op::EXT1 | op::EXT2 | op::EXT4 => {
                self.report(at, Effect::Extension { code: number }, around);
                self.push(Ref::EXTENSION);
            }
            op::PROTO => {
                let known = u8::try_from(number).ok();
                let known = known.filter(|&protocol| protocol <= op::HIGHEST_PROTOCOL);
                self.protocol = known.ok_or(Fault::Protocol(number))?;
            }
            _ => self.enter_frame(at, number, around),
        }
        Ok(())
    }

    /// The opcodes whose operand is bytes after their length.
    fn counted(
        &mut self,
        at: u64,
        code: u8,
        bytes: Extent,
        around: &mut Surroundings<'_, '_>,
    ) -> Result<(), Fault> {
        let value = match code {
            op::LONG1 | op::LONG4 if bytes.len > text::LONGEST as u64 => Ref::BIG_INT,
            op::LONG1 | op::LONG4 => {
                let digits = around.input.read(bytes, text::LONGEST).map_err(Fault::Io)?;
                match text::long(&digits) {
                    Integer::Small(number) => self.heap.int(number),
                    Integer::Big => self.wide(at, crowd::of_bytes(&digits), around),
                }
            }
            op::SHORT_BINUNICODE | op::BINUNICODE | op::BINUNICODE8 => {
                let start = around.input.start_of(bytes)?;
                self.heap.insert(Value::text(Form::Utf8, bytes, &start))
            }
            op::BINSTRING | op::SHORT_BINSTRING => {
                self.look_inside(at, bytes, around)?;
                let start = around.input.start_of(bytes)?;
                self.heap.insert(Value::text(Form::Python2, bytes, &start))
            }
            _ => {
                self.look_inside(at, bytes, around)?;
                match bytes.len {
                    0 => Ref::BYTES,
                    _ => self.heap.insert(Value::blob(bytes)),
                }
            }
        };
        self.push(value);
        Ok(())
    }

    /// The opcodes whose operand is a line.
    fn line(
        &mut self,
        at: u64,
        code: u8,
        line: Extent,
        around: &mut Surroundings<'_, '_>,
    ) -> Result<(), Fault> {
        if code == op::UNICODE {
            let start = around.input.start_of(line)?;
            let value = self
                .heap
                .insert(Value::text(Form::RawUnicodeEscape, line, &start));
            self.push(value);
            return Ok(());
        }
        let content = around.input.read(line, text::LONGEST).map_err(Fault::Io)?;
        let malformed = || Fault::Operand(op::opcode(code).map_or("", |opcode| opcode.name));
        match code {
            op::INT if matches!(&content[..], b"00" | b"01") => self.push(Ref::BOOL),
            op::INT | op::LONG => {
                let digits = match code {
                    op::LONG => content.strip_suffix(b"L").unwrap_or(&content),
                    _ => &content,
                };
                let value = match text::integer(digits).ok_or_else(malformed)? {
                    Integer::Small(number) => self.heap.int(number),
                    Integer::Big => self.wide(at, crowd::of_digits(digits), around),
                };
                self.push(value);
            }
            op::FLOAT if text::float(&content).is_some() => self.push(Ref::FLOAT),
            op::STRING => {
                let whole = Extent {
                    at: line.at + line.len.saturating_sub(1),
                    len: 1,
                };
                let last = around.input.read(whole, 1).map_err(Fault::Io)?;
                let ends = content.first().copied().zip(last.first().copied());
                let quoted =
                    ends.is_some_and(|(first, last)| text::is_quoted(first, last, line.len));
                if !quoted {
                    return Err(malformed());
                }
                let inside = Extent {
                    at: line.at + 1,
                    len: line.len - 2,
                };
                self.look_inside(at, inside, around)?;
                let start = around.input.start_of(inside)?;
                let value = self
                    .heap
                    .insert(Value::text(Form::StringEscape, inside, &start));
                self.push(value);
            }
            op::PERSID => {
                let id = self.heap.insert(Value::text(Form::Line, line, b""));
                self.persistent(at, id, around);
            }
            op::GET | op::PUT => {
                let index = match text::integer(&content).ok_or_else(malformed)? {
                    Integer::Small(index) => index,
                    Integer::Big => i64::MAX,
                };
                match code {
                    op::GET => self.get(index)?,
                    _ => self.put(at, index, around)?,
                }
            }
            _ => return Err(malformed()),
        }
        Ok(())
    }

    /// An integer of more than 64 bits, of which any number can have one hash.
    fn wide(
        &mut self,
        at: u64,
        (hash, print): (u64, u32),
        around: &mut Surroundings<'_, '_>,
    ) -> Ref {
        let item = self.heap.insert(Value::BigInt { print, hash });
        self.report(at, Effect::Wide { item }, around);
        item
    }

    fn stack_global(&mut self, at: u64, around: &mut Surroundings<'_, '_>) -> Result<(), Fault> {
        let (name, module) = (self.pop()?, self.pop()?);
        let read = |of| string(self.heap.value(of), around.input);
        match read(module).zip(read(name)) {
            Some((module, name)) => {
                let global = self.import(at, &module, &name, around);
                self.push(global);
            }
            None => {
                self.report(at, Effect::NotAName { module, name }, around);
                self.push(Ref::LOST);
            }
        }
        Ok(())
    }

    fn import(
        &mut self,
        at: u64,
        module: &str,
        name: &str,
        around: &mut Surroundings<'_, '_>,
    ) -> Ref {
        let symbol = around.symbols.intern(module, name, self.protocol);
        self.report(at, Effect::Import(symbol), around);
        self.heap.insert(Value::Global(symbol))
    }

    fn call(
        &mut self,
        at: u64,
        manner: Manner,
        callee: Ref,
        arguments: Ref,
        keywords: Option<Ref>,
        around: &mut Surroundings<'_, '_>,
    ) {
        let call = Call {
            manner,
            callee,
            arguments,
            keywords,
        };
        let folded = fold(call, &self.view(around.input, around.symbols));
        if let Some((module, path)) = folded {
            self.report(at, Effect::Folded { callee }, around);
            // What is looked up while loading is looked up under the name that it has today.
            let symbol = around.symbols.intern(&module, &path, op::HIGHEST_PROTOCOL);
            self.report(at, Effect::Import(symbol), around);
            let global = self.heap.insert(Value::Global(symbol));
            self.push(global);
            return;
        }
        self.report(at, Effect::Call(call), around);
        let numbers = match self.heap.value(callee) {
            Value::Global(symbol) => {
                let view = self.view(around.input, around.symbols);
                Numbers::of_call(around.symbols.symbol(symbol), arguments, &view)
            }
            _ => None,
        };
        let state = match numbers.and_then(Numbers::value) {
            Some(numbers) => self.heap.insert(numbers),
            None => Ref::NONE,
        };
        let callee = self.class_of_result(callee, arguments, around.symbols);
        let result = self.heap.insert(Value::Called {
            callee,
            arguments,
            state,
            built: false,
        });
        self.push(result);
    }

    /// Of which import the result of a call is an object, read while the arguments are at hand.
    /// Whoever calls something else, or constructs what is no import, has done so openly.
    fn class_of_result(&self, callee: Ref, arguments: Ref, symbols: &Symbols) -> Ref {
        let Value::Global(symbol) = self.heap.value(callee) else {
            return Ref::NONE;
        };
        if !symbols.symbol(symbol).constructs_its_argument() {
            return callee;
        }
        let items = self.heap.items(arguments).unwrap_or_default();
        match items.first() {
            Some(&class) if matches!(self.heap.value(class), Value::Global(_)) => class,
            _ => Ref::NONE,
        }
    }

    fn build(&mut self, at: u64, around: &mut Surroundings<'_, '_>) -> Result<Option<Halt>, Fault> {
        let state = self.pop()?;
        let object = self.top()?;
        if gives_dimensions(object, state, &self.view(around.input, around.symbols)) {
            return Ok(None);
        }
        self.keep(at, state, around);
        self.report(at, Effect::State { object, state }, around);
        let Value::Called { callee, built, .. } = self.heap.value(object) else {
            return Ok(None);
        };
        let class = match self.heap.value(callee) {
            Value::Global(symbol) => Some(around.symbols.symbol(symbol)),
            _ => None,
        };
        let wraps = class.is_some_and(Symbol::wraps_an_array);
        let layout = class.filter(|class| class.is_dtype()).and_then(|_| {
            let view = self.view(around.input, around.symbols);
            dtype::layout_with(object, state, &view)?.number()
        });
        let numbers = class.and_then(|class| {
            let view = self.view(around.input, around.symbols);
            let numbers = Numbers::of_state(class, state, &view)
                .or_else(|| Numbers::of_categories(class, state, &view));
            numbers?.value()
        });
        let kept = match (layout, numbers) {
            (Some(number), _) => Some(self.heap.int(number)),
            (None, Some(numbers)) => Some(self.heap.insert(numbers)),
            (None, None) => None,
        };
        self.heap.set_built(object, kept);
        Ok((wraps && !built).then_some(Halt::Array { state }))
    }

    fn persistent(&mut self, at: u64, id: Ref, around: &mut Surroundings<'_, '_>) {
        self.keep(at, id, around);
        self.report(at, Effect::Persistent { id }, around);
        let object = match class_of_persistent_id(id, &self.view(around.input, around.symbols)) {
            Some(class) => class,
            None => self.heap.insert(Value::Persistent(id)),
        };
        self.push(object);
    }

    /// Reports bytes that look like the beginning of a pickle.
    fn look_inside(
        &mut self,
        at: u64,
        bytes: Extent,
        around: &mut Surroundings<'_, '_>,
    ) -> Result<(), Fault> {
        if bytes.len < SMALLEST_NESTED {
            return Ok(());
        }
        let head = around.input.read(bytes, 2).map_err(Fault::Io)?;
        let may_be = match head[..] {
            [op::PROTO, protocol] => protocol <= op::HIGHEST_PROTOCOL,
            [op::GLOBAL, letter] => letter.is_ascii_alphabetic() || letter == b'_',
            [op::MARK, next] => matches!(next, op::GLOBAL | op::STRING | op::UNICODE | op::MARK),
            _ => false,
        };
        if may_be {
            self.report(at, Effect::Nested(bytes), around);
        }
        Ok(())
    }

    fn report(&self, at: u64, effect: Effect, around: &mut Surroundings<'_, '_>) {
        let view = View {
            heap: &self.heap,
            symbols: around.symbols,
            input: around.input,
        };
        around.effects.effect(at, effect, &view);
    }
}

/// 32 MiB of references.
const MOST_STACK: usize = 1 << 23;
const MOST_MARKS: usize = 1 << 22;
/// A walk over so many objects is more than any pickler meets.
const SWOLLEN: f32 = 1e8;
/// A walk over so many takes longer than anybody waits.
const ENDLESS: f32 = 1e15;
/// How many objects a byte of the stream may stand for.
const SWOLLEN_RATIO: f32 = 1000.0;
/// How many bytes of a line count as one opcode.
const LINE_COST: u64 = 64;
/// The shortest pickle that calls something has more bytes.
const SMALLEST_NESTED: u64 = 8;
