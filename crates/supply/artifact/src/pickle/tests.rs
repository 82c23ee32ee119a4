//! What the interpreter reports for streams whose effects CPython's source settles.

use casemate_core::MemorySource;

use super::{
    effect::{Effect, Effects, Manner, View},
    machine::{Halt, Machine, Surroundings},
    symbol::Symbols,
};
use crate::cursor::Cursor;

/// The effects of a stream in words, and how it ended.
#[derive(Default)]
struct Log(Vec<String>);

impl Effects for Log {
    fn effect(&mut self, _at: u64, effect: Effect, view: &View<'_>) {
        let of = |reference| match view.global(reference) {
            Some(id) => view.symbols.symbol(id).dotted(),
            None => format!("{:?}", view.value(reference).kind()),
        };
        self.0.push(match effect {
            // That something stays where it was put is seen in its own test.
            Effect::Keep { .. } => return,
            Effect::Import(id) => format!("import {}", view.symbols.symbol(id).dotted()),
            Effect::Call(call) => {
                let how = match call.manner {
                    Manner::Reduce => "call",
                    Manner::New => "new",
                    Manner::Instance => "instance",
                };
                let count = view.heap.items(call.arguments).map_or(0, <[_]>::len);
                format!("{how} {} {count}", of(call.callee))
            }
            Effect::State { object, .. } => format!("state {}", of(object)),
            Effect::Mutate { how, object, .. } => format!("{how:?} {}", of(object)),
            Effect::Persistent { id } => format!("persistent {}", of(id)),
            other => format!("{other:?}"),
        });
    }
}

fn run(bytes: &[u8]) -> String {
    let source = MemorySource(bytes);
    let mut input = Cursor::new(&source, 0);
    let mut symbols = Symbols::default();
    let mut log = Log::default();
    let halt = Machine::new(0).run(&mut Surroundings {
        input: &mut input,
        symbols: &mut symbols,
        effects: &mut log,
        opcodes: &mut 1_000_000,
    });
    log.0.push(match halt {
        Halt::Stop => "stop".to_owned(),
        Halt::Array { .. } => "array".to_owned(),
        Halt::Broken(fault) => fault.to_string(),
    });
    log.0.join("; ")
}

#[test]
fn calls_are_reported_in_every_manner() {
    for (bytes, effects) in [
        (
            &b"cos\nsystem\n(I1\ntR."[..],
            "import os.system; call os.system 1; stop",
        ),
        (
            b"(I1\nI2\nios\nsystem\n.",
            "import os.system; instance os.system 2; stop",
        ),
        (
            b"(cos\nsystem\nI1\no.",
            "import os.system; instance os.system 1; stop",
        ),
        (
            b"\x80\x02cos\nsystem\n)\x81.",
            "import os.system; new os.system 0; stop",
        ),
        (
            b"\x80\x04cos\nsystem\n)}\x92.",
            "import os.system; new os.system 0; stop",
        ),
        (
            b"\x80\x02cos\nsystem\n)R)R.",
            "import os.system; call os.system 0; call Object 0; stop",
        ),
    ] {
        assert_eq!(run(bytes), effects);
    }
}

#[test]
fn names_come_from_wherever_cpython_takes_them() {
    for (bytes, effects) in [
        (
            &b"\x80\x04\x8c\x02os\x8c\x06system\x93."[..],
            "import os.system; stop",
        ),
        (
            b"\x80\x02c__builtin__\nxrange\n.",
            "import builtins.range; stop",
        ),
        (
            b"\x80\x03c__builtin__\nxrange\n.",
            "import __builtin__.xrange; stop",
        ),
        // The protocol that counts is the last one said.
        (
            b"\x80\x02\x80\x04c__builtin__\neval\n.",
            "import __builtin__.eval; stop",
        ),
        (b"Vo\\u0073\nVsystem\n\x93.", "import os.system; stop"),
        (b"S'o\\x73'\nU\x06system\x93.", "import os.system; stop"),
        (b"\x8c\x06timeit2\x93.", "import timeit.timeit; stop"),
        (
            b"C\x02osC\x06system\x93.",
            "NotAName { module: Ref(9), name: Ref(10) }; stop",
        ),
        // The end of the file cuts off the last letter.
        (
            b"cos\nsystemX",
            "import os.system; the stream ends in the middle",
        ),
    ] {
        assert_eq!(run(bytes), effects);
    }
}

#[test]
fn the_memo_counts_as_cpython_does() {
    for (bytes, effects) in [
        (
            &b"\x8c\x02osq\x05\x8c\x06system\x9400h\x05h\x01\x93."[..],
            "import os.system; stop",
        ),
        (
            b"\x8c\x01ap0\n\x8c\x02osp0\n0g0\n2\x93.",
            "import os.os; stop",
        ),
        (b"h\x00.", "the memo has nothing at the index asked for"),
        (
            b"q\x00.",
            "an opcode takes more from the stack than is there",
        ),
        (b"Np-1\n.", "the memo has nothing at the index asked for"),
    ] {
        assert_eq!(run(bytes), effects);
    }
}

#[test]
fn marks_fence_the_stack() {
    for (bytes, effects) in [
        (&b"N(0."[..], "stop"),
        (
            b"N(N0.",
            "an opcode takes more from the stack than is there",
        ),
        (b"N(2.", "an opcode takes more from the stack than is there"),
        (
            b"N(\x85.",
            "an opcode takes more from the stack than is there",
        ),
        (b"NNt.", "an opcode needs a mark and there is none"),
        (b"N(NN1.", "stop"),
        (b"(N.", "stop"),
        (b"](.", "an opcode takes more from the stack than is there"),
        (b"}(Nu.", "the operand of SETITEMS is malformed"),
    ] {
        assert_eq!(run(bytes), effects, "{bytes:?}");
    }
}

#[test]
fn changes_are_reported_unless_the_stream_made_the_container() {
    for (bytes, effects) in [
        (&b"]Na(NNe.}NNs(NNu.\x8f(N\x90."[..], "stop"),
        (b"\x8f(N\x90.", "stop"),
        (
            b"cos\nenviron\nNNs.",
            "import os.environ; Item { key: Ref(0), value: Ref(0) }; SetItem os.environ; stop",
        ),
        (
            b"csys\npath\n(Ne.",
            "import sys.path; Append sys.path; stop",
        ),
        (b"csys\npath\n(e.", "import sys.path; stop"),
        (b"csys\npath\n}b.", "import sys.path; state sys.path; stop"),
        (
            b"]NNs.",
            "Item { key: Ref(0), value: Ref(0) }; SetItem List; stop",
        ),
        (b"Nq\x00}h\x00b.", "state Dict; stop"),
    ] {
        assert_eq!(run(bytes), effects, "{bytes:?}");
    }
}

#[test]
fn objects_from_outside_are_reported() {
    for (bytes, effects) in [
        (&b"Pos\n."[..], "persistent Str; stop"),
        (b"NQ.", "persistent None; stop"),
        (
            b"\x82\x01)R.",
            "Extension { code: 1 }; call Foreign 0; stop",
        ),
        (b"\x84\xff\xff\xff\xff.", "Extension { code: -1 }; stop"),
        (b"\x97\x98.", "stop"),
    ] {
        assert_eq!(run(bytes), effects);
    }
}

#[test]
fn frames_that_no_pickler_writes_are_reported() {
    let frame = |len: u8| [b"\x95", &[len, 0, 0, 0, 0, 0, 0, 0][..]].concat();
    for (bytes, effects) in [
        ([&frame(2)[..], b"N."].concat(), "stop"),
        // Large objects stand outside of frames.
        ([&frame(1)[..], b"NK\x010."].concat(), "stop"),
        (
            [&frame(2)[..], b"NK\x01."].concat(),
            "Frame(Crossed { resume: 12, again: None }); stop",
        ),
        (
            [&frame(3)[..], b"cos\nsystem\n."].concat(),
            "Frame(Crossed { resume: 12, again: Some(99) }); import os.system; stop",
        ),
        (
            [&frame(11)[..], &frame(2), b"N."].concat(),
            "Frame(Nested); stop",
        ),
        ([&frame(0)[..], b"N."].concat(), "Frame(Empty); stop"),
        ([&frame(9)[..], b"N."].concat(), "Frame(TooLong); stop"),
    ] {
        assert_eq!(run(&bytes), effects, "{bytes:?}");
    }
}
