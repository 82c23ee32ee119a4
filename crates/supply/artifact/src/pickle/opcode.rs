//! The 68 opcodes of protocols 0 to 5 and how their operands are laid out: CPython's
//! `Lib/pickletools.py` for the names and `Modules/_pickle.c` for what is accepted.

use crate::cursor::{Cursor, Extent, ReadError};

/// One opcode.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opcode {
    pub(crate) code: u8,
    pub(crate) name: &'static str,
    pub(crate) operand: Layout,
}

/// How an operand is laid out after its opcode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    Nothing,
    U8,
    U16,
    U32,
    I32,
    U64,
    F64,
    Line,
    TwoLines,
    /// A length of one byte, then that many bytes.
    Counted8,
    Counted32,
    /// The same with a signed length, which may not be negative.
    CountedSigned32,
    Counted64,
}

/// An operand that has been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operand {
    Nothing,
    /// A number; beyond `i64` it is cut to its largest value, which nothing real reaches.
    Number(i64),
    Line(Extent),
    TwoLines(Extent, Extent),
    Bytes(Extent),
}

/// Why an operand could not be read.
#[derive(Debug)]
pub(crate) enum OperandError {
    Read(ReadError),
    NegativeLength,
}

impl From<ReadError> for OperandError {
    fn from(error: ReadError) -> Self {
        Self::Read(error)
    }
}

/// The opcode that `code` is.
#[inline]
pub(crate) fn opcode(code: u8) -> Option<&'static Opcode> {
    OPCODES.get(usize::from(BY_CODE[usize::from(code)]))
}

impl Layout {
    /// Reads an operand of this layout. Counted bytes are stepped over, not read.
    #[inline]
    pub(crate) fn read(self, input: &mut Cursor<'_>) -> Result<Operand, OperandError> {
        let length = match self {
            Self::Nothing => return Ok(Operand::Nothing),
            Self::U8 => return Ok(Operand::Number(input.byte()?.into())),
            Self::U16 => {
                return Ok(Operand::Number(u16::from_le_bytes(input.array()?).into()));
            }
            Self::U32 => {
                return Ok(Operand::Number(u32::from_le_bytes(input.array()?).into()));
            }
            Self::I32 => {
                return Ok(Operand::Number(i32::from_le_bytes(input.array()?).into()));
            }
            Self::U64 => {
                let number = u64::from_le_bytes(input.array()?);
                return Ok(Operand::Number(i64::try_from(number).unwrap_or(i64::MAX)));
            }
            Self::F64 => {
                input.array::<8>()?;
                return Ok(Operand::Nothing);
            }
            Self::Line => return Ok(Operand::Line(input.line()?)),
            Self::TwoLines => return Ok(Operand::TwoLines(input.line()?, input.line()?)),
            Self::Counted8 => u64::from(input.byte()?),
            Self::Counted32 => u64::from(u32::from_le_bytes(input.array()?)),
            Self::CountedSigned32 => u64::try_from(i32::from_le_bytes(input.array()?))
                .map_err(|_| OperandError::NegativeLength)?,
            Self::Counted64 => u64::from_le_bytes(input.array()?),
        };
        Ok(Operand::Bytes(input.skip(length)?))
    }
}

const fn op(code: u8, name: &'static str, operand: Layout) -> Opcode {
    Opcode {
        code,
        name,
        operand,
    }
}

pub(crate) const INT: u8 = b'I';
pub(crate) const BININT: u8 = b'J';
pub(crate) const BININT1: u8 = b'K';
pub(crate) const BININT2: u8 = b'M';
pub(crate) const LONG: u8 = b'L';
pub(crate) const LONG1: u8 = 0x8a;
pub(crate) const LONG4: u8 = 0x8b;
pub(crate) const STRING: u8 = b'S';
pub(crate) const BINSTRING: u8 = b'T';
pub(crate) const SHORT_BINSTRING: u8 = b'U';
pub(crate) const BINBYTES: u8 = b'B';
pub(crate) const SHORT_BINBYTES: u8 = b'C';
pub(crate) const BINBYTES8: u8 = 0x8e;
pub(crate) const BYTEARRAY8: u8 = 0x96;
pub(crate) const NEXT_BUFFER: u8 = 0x97;
pub(crate) const READONLY_BUFFER: u8 = 0x98;
pub(crate) const NONE: u8 = b'N';
pub(crate) const NEWTRUE: u8 = 0x88;
pub(crate) const NEWFALSE: u8 = 0x89;
pub(crate) const UNICODE: u8 = b'V';
pub(crate) const SHORT_BINUNICODE: u8 = 0x8c;
pub(crate) const BINUNICODE: u8 = b'X';
pub(crate) const BINUNICODE8: u8 = 0x8d;
pub(crate) const FLOAT: u8 = b'F';
pub(crate) const BINFLOAT: u8 = b'G';
pub(crate) const EMPTY_LIST: u8 = b']';
pub(crate) const APPEND: u8 = b'a';
pub(crate) const APPENDS: u8 = b'e';
pub(crate) const LIST: u8 = b'l';
pub(crate) const EMPTY_TUPLE: u8 = b')';
pub(crate) const TUPLE: u8 = b't';
pub(crate) const TUPLE1: u8 = 0x85;
pub(crate) const TUPLE2: u8 = 0x86;
pub(crate) const TUPLE3: u8 = 0x87;
pub(crate) const EMPTY_DICT: u8 = b'}';
pub(crate) const DICT: u8 = b'd';
pub(crate) const SETITEM: u8 = b's';
pub(crate) const SETITEMS: u8 = b'u';
pub(crate) const EMPTY_SET: u8 = 0x8f;
pub(crate) const ADDITEMS: u8 = 0x90;
pub(crate) const FROZENSET: u8 = 0x91;
pub(crate) const POP: u8 = b'0';
pub(crate) const DUP: u8 = b'2';
pub(crate) const MARK: u8 = b'(';
pub(crate) const POP_MARK: u8 = b'1';
pub(crate) const GET: u8 = b'g';
pub(crate) const BINGET: u8 = b'h';
pub(crate) const LONG_BINGET: u8 = b'j';
pub(crate) const PUT: u8 = b'p';
pub(crate) const BINPUT: u8 = b'q';
pub(crate) const LONG_BINPUT: u8 = b'r';
pub(crate) const MEMOIZE: u8 = 0x94;
pub(crate) const EXT1: u8 = 0x82;
pub(crate) const EXT2: u8 = 0x83;
pub(crate) const EXT4: u8 = 0x84;
pub(crate) const GLOBAL: u8 = b'c';
pub(crate) const STACK_GLOBAL: u8 = 0x93;
pub(crate) const REDUCE: u8 = b'R';
pub(crate) const BUILD: u8 = b'b';
pub(crate) const INST: u8 = b'i';
pub(crate) const OBJ: u8 = b'o';
pub(crate) const NEWOBJ: u8 = 0x81;
pub(crate) const NEWOBJ_EX: u8 = 0x92;
pub(crate) const PROTO: u8 = 0x80;
pub(crate) const STOP: u8 = b'.';
pub(crate) const FRAME: u8 = 0x95;
pub(crate) const PERSID: u8 = b'P';
pub(crate) const BINPERSID: u8 = b'Q';

/// The highest protocol there is.
pub(crate) const HIGHEST_PROTOCOL: u8 = 5;

pub(crate) const OPCODES: [Opcode; 68] = [
    op(INT, "INT", Layout::Line),
    op(BININT, "BININT", Layout::I32),
    op(BININT1, "BININT1", Layout::U8),
    op(BININT2, "BININT2", Layout::U16),
    op(LONG, "LONG", Layout::Line),
    op(LONG1, "LONG1", Layout::Counted8),
    op(LONG4, "LONG4", Layout::CountedSigned32),
    op(STRING, "STRING", Layout::Line),
    op(BINSTRING, "BINSTRING", Layout::CountedSigned32),
    op(SHORT_BINSTRING, "SHORT_BINSTRING", Layout::Counted8),
    op(BINBYTES, "BINBYTES", Layout::Counted32),
    op(SHORT_BINBYTES, "SHORT_BINBYTES", Layout::Counted8),
    op(BINBYTES8, "BINBYTES8", Layout::Counted64),
    op(BYTEARRAY8, "BYTEARRAY8", Layout::Counted64),
    op(NEXT_BUFFER, "NEXT_BUFFER", Layout::Nothing),
    op(READONLY_BUFFER, "READONLY_BUFFER", Layout::Nothing),
    op(NONE, "NONE", Layout::Nothing),
    op(NEWTRUE, "NEWTRUE", Layout::Nothing),
    op(NEWFALSE, "NEWFALSE", Layout::Nothing),
    op(UNICODE, "UNICODE", Layout::Line),
    op(SHORT_BINUNICODE, "SHORT_BINUNICODE", Layout::Counted8),
    op(BINUNICODE, "BINUNICODE", Layout::Counted32),
    op(BINUNICODE8, "BINUNICODE8", Layout::Counted64),
    op(FLOAT, "FLOAT", Layout::Line),
    op(BINFLOAT, "BINFLOAT", Layout::F64),
    op(EMPTY_LIST, "EMPTY_LIST", Layout::Nothing),
    op(APPEND, "APPEND", Layout::Nothing),
    op(APPENDS, "APPENDS", Layout::Nothing),
    op(LIST, "LIST", Layout::Nothing),
    op(EMPTY_TUPLE, "EMPTY_TUPLE", Layout::Nothing),
    op(TUPLE, "TUPLE", Layout::Nothing),
    op(TUPLE1, "TUPLE1", Layout::Nothing),
    op(TUPLE2, "TUPLE2", Layout::Nothing),
    op(TUPLE3, "TUPLE3", Layout::Nothing),
    op(EMPTY_DICT, "EMPTY_DICT", Layout::Nothing),
    op(DICT, "DICT", Layout::Nothing),
    op(SETITEM, "SETITEM", Layout::Nothing),
    op(SETITEMS, "SETITEMS", Layout::Nothing),
    op(EMPTY_SET, "EMPTY_SET", Layout::Nothing),
    op(ADDITEMS, "ADDITEMS", Layout::Nothing),
    op(FROZENSET, "FROZENSET", Layout::Nothing),
    op(POP, "POP", Layout::Nothing),
    op(DUP, "DUP", Layout::Nothing),
    op(MARK, "MARK", Layout::Nothing),
    op(POP_MARK, "POP_MARK", Layout::Nothing),
    op(GET, "GET", Layout::Line),
    op(BINGET, "BINGET", Layout::U8),
    op(LONG_BINGET, "LONG_BINGET", Layout::U32),
    op(PUT, "PUT", Layout::Line),
    op(BINPUT, "BINPUT", Layout::U8),
    op(LONG_BINPUT, "LONG_BINPUT", Layout::U32),
    op(MEMOIZE, "MEMOIZE", Layout::Nothing),
    op(EXT1, "EXT1", Layout::U8),
    op(EXT2, "EXT2", Layout::U16),
    op(EXT4, "EXT4", Layout::I32),
    op(GLOBAL, "GLOBAL", Layout::TwoLines),
    op(STACK_GLOBAL, "STACK_GLOBAL", Layout::Nothing),
    op(REDUCE, "REDUCE", Layout::Nothing),
    op(BUILD, "BUILD", Layout::Nothing),
    op(INST, "INST", Layout::TwoLines),
    op(OBJ, "OBJ", Layout::Nothing),
    op(NEWOBJ, "NEWOBJ", Layout::Nothing),
    op(NEWOBJ_EX, "NEWOBJ_EX", Layout::Nothing),
    op(PROTO, "PROTO", Layout::U8),
    op(STOP, "STOP", Layout::Nothing),
    op(FRAME, "FRAME", Layout::U64),
    op(PERSID, "PERSID", Layout::Line),
    op(BINPERSID, "BINPERSID", Layout::Nothing),
];

/// The place of each code in [`OPCODES`], or 255.
const BY_CODE: [u8; 256] = {
    let mut table = [u8::MAX; 256];
    let mut at: u8 = 0;
    while (at as usize) < OPCODES.len() {
        table[OPCODES[at as usize].code as usize] = at;
        at += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use casemate_core::MemorySource;

    use super::*;

    #[test]
    fn every_opcode_is_known_once_and_no_other_byte_is() {
        let known: Vec<u8> = (0..=255).filter(|&code| opcode(code).is_some()).collect();
        assert_eq!(known.len(), 68);
        for code in known {
            assert_eq!(opcode(code).map(|op| op.code), Some(code));
        }
    }

    #[test]
    fn operands_are_read_as_cpython_reads_them() {
        let read = |bytes: &[u8]| {
            let source = MemorySource(bytes);
            let mut input = Cursor::new(&source, 1);
            let layout = opcode(bytes[0]).expect("an opcode").operand;
            let operand = layout.read(&mut input).ok();
            (operand, input.position())
        };
        let number = |n| Some(Operand::Number(n));
        assert_eq!(read(b"J\xff\xff\xff\xff"), (number(-1), 5));
        assert_eq!(read(b"K\xff"), (number(255), 2));
        assert_eq!(read(b"M\x01\x02"), (number(0x201), 3));
        assert_eq!(read(b"j\xff\xff\xff\xff"), (number(0xffff_ffff), 5));
        assert_eq!(read(b"\x84\xff\xff\xff\xff"), (number(-1), 5));
        assert_eq!(
            read(b"cos\nsystem\n"),
            (
                Some(Operand::TwoLines(
                    Extent { at: 1, len: 2 },
                    Extent { at: 4, len: 6 }
                )),
                11
            )
        );
        let bytes = |at, len| Some(Operand::Bytes(Extent { at, len }));
        assert_eq!(read(b"C\x02ab"), (bytes(2, 2), 4));
        assert_eq!(read(b"T\x01\0\0\0a"), (bytes(5, 1), 6));
        assert_eq!(read(b"T\xff\xff\xff\xff").0, None);
        assert_eq!(read(b"B\xff\xff\xff\xffa").0, None);
        assert_eq!(read(b"\x8d\x01\0\0\0\0\0\0\0a"), (bytes(9, 1), 10));
    }
}
