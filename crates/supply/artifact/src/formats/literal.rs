//! Pickles of plain values, read into a flat table: what stands between the raw bytes of old
//! checkpoints. They are judged as any other pickle besides; here is only what they say.

use std::{collections::HashMap, io};

use casemate_core::Source;

use crate::{
    cursor::{Cursor, Extent, ReadError},
    pickle::opcode::{self, Operand, OperandError},
};

/// The values of one pickle.
#[derive(Debug)]
pub(crate) struct Literals {
    nodes: Vec<Literal>,
    root: usize,
    /// Where the pickle ends.
    pub(crate) end: u64,
}

/// One value.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Literal {
    /// None, a truth value, or a number with a fraction.
    Other,
    Int(i64),
    Text(String),
    /// Its module and its name, with a point between them.
    Global(String),
    Sequence(Vec<usize>),
}

impl Literals {
    /// Reads the pickle at `at`; nothing where it is not of plain values.
    ///
    /// # Errors
    ///
    /// What the medium says.
    pub(crate) fn read(source: &dyn Source, at: u64) -> io::Result<Option<Self>> {
        let mut reader = Reader {
            input: Cursor::new(source, at),
            nodes: Vec::new(),
            stack: Vec::new(),
            marks: Vec::new(),
            memo: HashMap::new(),
            text: MOST_TEXT,
        };
        match reader.run() {
            Ok(root) => {
                let end = reader.input.position();
                let nodes = reader.nodes;
                Ok(Some(Self { nodes, root, end }))
            }
            Err(Stop::Medium(error)) => Err(error),
            Err(Stop::NotPlain) => Ok(None),
        }
    }

    /// The number that the pickle is.
    pub(crate) fn int(&self) -> Option<i64> {
        match self.nodes.get(self.root)? {
            Literal::Int(number) => Some(*number),
            _ => None,
        }
    }

    /// The elements of the tuple or list that the pickle is.
    pub(crate) fn items(&self) -> Option<Vec<&Literal>> {
        self.elements(self.nodes.get(self.root)?)
    }

    /// The elements of one of its tuples or lists.
    pub(crate) fn elements(&self, of: &Literal) -> Option<Vec<&Literal>> {
        match of {
            Literal::Sequence(items) => items.iter().map(|&item| self.nodes.get(item)).collect(),
            _ => None,
        }
    }
}

struct Reader<'a> {
    input: Cursor<'a>,
    nodes: Vec<Literal>,
    stack: Vec<usize>,
    marks: Vec<usize>,
    memo: HashMap<i64, usize>,
    /// How many bytes of text may still be kept.
    text: u64,
}

enum Stop {
    Medium(io::Error),
    NotPlain,
}

impl From<ReadError> for Stop {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Io(error) => Self::Medium(error),
            ReadError::End => Self::NotPlain,
        }
    }
}

impl Reader<'_> {
    fn run(&mut self) -> Result<usize, Stop> {
        // An opcode adds to any table at most once, so that this bounds all of them.
        for _ in 0..MOST_OPCODES {
            let code = self.input.byte()?;
            let opcode = opcode::opcode(code).ok_or(Stop::NotPlain)?;
            let operand = match opcode.operand.read(&mut self.input) {
                Ok(operand) => operand,
                Err(OperandError::Read(error)) => return Err(error.into()),
                Err(OperandError::NegativeLength) => return Err(Stop::NotPlain),
            };
            if code == opcode::STOP {
                return self.stack.pop().ok_or(Stop::NotPlain);
            }
            self.step(code, operand)?;
        }
        Err(Stop::NotPlain)
    }

    fn step(&mut self, code: u8, operand: Operand) -> Result<(), Stop> {
        match (code, operand) {
            (opcode::PROTO | opcode::FRAME, _) => Ok(()),
            (opcode::MARK, _) => {
                self.marks.push(self.stack.len());
                Ok(())
            }
            (opcode::NONE | opcode::NEWTRUE | opcode::NEWFALSE | opcode::BINFLOAT, _) => {
                self.push(Literal::Other)
            }
            (opcode::BININT | opcode::BININT1 | opcode::BININT2, Operand::Number(number)) => {
                self.push(Literal::Int(number))
            }
            (opcode::LONG1, Operand::Bytes(extent)) => {
                let number = self.long(extent)?;
                self.push(Literal::Int(number))
            }
            (
                opcode::BINUNICODE
                | opcode::SHORT_BINUNICODE
                | opcode::BINSTRING
                | opcode::SHORT_BINSTRING,
                Operand::Bytes(extent),
            ) => {
                let text = self.text(extent)?;
                self.push(Literal::Text(text))
            }
            (opcode::GLOBAL, Operand::TwoLines(module, name)) => {
                let name = format!("{}.{}", self.text(module)?, self.text(name)?);
                self.push(Literal::Global(name))
            }
            (opcode::STACK_GLOBAL, _) => {
                let items = self.take(2)?;
                let parts: Option<Vec<&str>> = items
                    .iter()
                    .map(|&item| match self.nodes.get(item) {
                        Some(Literal::Text(text)) => Some(text.as_str()),
                        _ => None,
                    })
                    .collect();
                let name = parts.ok_or(Stop::NotPlain)?.join(".");
                self.push(Literal::Global(name))
            }
            (opcode::EMPTY_LIST | opcode::EMPTY_TUPLE, _) => {
                self.push(Literal::Sequence(Vec::new()))
            }
            (opcode::TUPLE1, _) => self.tuple(1),
            (opcode::TUPLE2, _) => self.tuple(2),
            (opcode::TUPLE3, _) => self.tuple(3),
            (opcode::TUPLE | opcode::LIST, _) => {
                let items = self.marked()?;
                self.push(Literal::Sequence(items))
            }
            (opcode::APPEND, _) => {
                let items = self.take(1)?;
                self.append(items)
            }
            (opcode::APPENDS, _) => {
                let items = self.marked()?;
                self.append(items)
            }
            (opcode::BINPUT | opcode::LONG_BINPUT, Operand::Number(index)) => self.put(index),
            (opcode::MEMOIZE, _) => {
                let index = i64::try_from(self.memo.len()).map_err(|_| Stop::NotPlain)?;
                self.put(index)
            }
            (opcode::BINGET | opcode::LONG_BINGET, Operand::Number(index)) => {
                let node = *self.memo.get(&index).ok_or(Stop::NotPlain)?;
                self.stack.push(node);
                Ok(())
            }
            _ => Err(Stop::NotPlain),
        }
    }

    fn push(&mut self, literal: Literal) -> Result<(), Stop> {
        self.stack.push(self.nodes.len());
        self.nodes.push(literal);
        Ok(())
    }

    fn take(&mut self, count: usize) -> Result<Vec<usize>, Stop> {
        let from = self.stack.len().checked_sub(count).ok_or(Stop::NotPlain)?;
        Ok(self.stack.split_off(from))
    }

    fn marked(&mut self) -> Result<Vec<usize>, Stop> {
        let mark = self.marks.pop().ok_or(Stop::NotPlain)?;
        if mark > self.stack.len() {
            return Err(Stop::NotPlain);
        }
        Ok(self.stack.split_off(mark))
    }

    fn tuple(&mut self, count: usize) -> Result<(), Stop> {
        let items = self.take(count)?;
        self.push(Literal::Sequence(items))
    }

    fn append(&mut self, items: Vec<usize>) -> Result<(), Stop> {
        let list = self.stack.last().and_then(|&list| self.nodes.get_mut(list));
        let Some(Literal::Sequence(list)) = list else {
            return Err(Stop::NotPlain);
        };
        list.extend(items);
        Ok(())
    }

    fn put(&mut self, index: i64) -> Result<(), Stop> {
        let node = *self.stack.last().ok_or(Stop::NotPlain)?;
        self.memo.insert(index, node);
        Ok(())
    }

    fn text(&mut self, extent: Extent) -> Result<String, Stop> {
        if extent.len > LONGEST_TEXT {
            return Err(Stop::NotPlain);
        }
        self.text = self.text.checked_sub(extent.len).ok_or(Stop::NotPlain)?;
        let limit = usize::try_from(extent.len).map_err(|_| Stop::NotPlain)?;
        let bytes = self.input.read(extent, limit).map_err(Stop::Medium)?;
        String::from_utf8(bytes).map_err(|_| Stop::NotPlain)
    }

    /// A number of up to eight bytes, the least significant first.
    fn long(&self, extent: Extent) -> Result<i64, Stop> {
        let bytes = self.input.read(extent, 9).map_err(Stop::Medium)?;
        let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
        let mut whole = [if negative { 0xff } else { 0 }; 8];
        let room = whole.get_mut(..bytes.len()).ok_or(Stop::NotPlain)?;
        room.copy_from_slice(&bytes);
        Ok(i64::from_le_bytes(whole))
    }
}

/// A checkpoint has fewer storages than that, at three opcodes each.
const MOST_OPCODES: usize = 1 << 21;
const MOST_TEXT: u64 = 64 << 20;
const LONGEST_TEXT: u64 = 4096;

#[cfg(test)]
mod tests {
    use casemate_core::MemorySource;

    use super::*;

    fn read(bytes: &[u8]) -> Option<Literals> {
        Literals::read(&MemorySource(bytes), 0).expect("memory")
    }

    #[test]
    fn plain_values_are_read_and_nothing_else() {
        let keys = read(b"\x80\x02]q\0(X\x02\0\0\0abq\x01h\x01U\x01ce.rest").expect("a list");
        let text = |text: &str| Literal::Text(text.to_owned());
        assert_eq!(
            keys.items(),
            Some(vec![&text("ab"), &text("ab"), &text("c")])
        );
        assert_eq!(keys.end, 22);
        assert_eq!(
            read(b"\x80\x02\x8a\x02\xff\xff.").and_then(|one| one.int()),
            Some(-1)
        );
        let tuple = read(b"\x80\x02K\x07ctorch\nFloatStorage\nN\x87.").expect("a tuple");
        let global = Literal::Global("torch.FloatStorage".to_owned());
        assert_eq!(
            tuple.items(),
            Some(vec![&Literal::Int(7), &global, &Literal::Other])
        );
        for bytes in [
            &b""[..],
            b".",
            b"cos\nsystem\n(S'id'\ntR.",
            b"e.",
            b"Na.",
            b"h\0.",
            b"}.",
            b"X\xff\xff\xff\xffa.",
        ] {
            assert!(read(bytes).is_none(), "{bytes:?}");
        }
    }

    #[test]
    fn no_table_grows_with_the_pickle() {
        for (begin, each, end) in [
            (&b"K\x01"[..], &b"("[..], &b"K\x01."[..]),
            (b"K\x01q\0", b"h\0", b"."),
            (b"K\x01", b"\x94", b"."),
            (b"](", b"N", b"e."),
        ] {
            let pickle = |times| [begin, &each.repeat(times), end].concat();
            assert!(read(&pickle(1000)).is_some(), "{each:?}");
            assert!(read(&pickle(MOST_OPCODES)).is_none(), "{each:?}");
        }
        let text = [&b"X\0\x10\0\0"[..], &[b'a'; 4096]].concat();
        let texts = |times| [&b"]("[..], &text.repeat(times), b"e."].concat();
        assert!(read(&texts(1 << 14)).is_some());
        assert!(read(&texts((1 << 14) + 1)).is_none());
    }
}
