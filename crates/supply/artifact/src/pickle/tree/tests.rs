//! The tree and the machine read the same streams: what one says is done, the other says too.

use std::{fs, path::PathBuf};

use casemate_core::{MemorySource, Source};
use proptest::prelude::*;

use super::{Act, Array, Node, Tree};
use crate::{
    cursor::Cursor,
    pickle::{
        effect::{Effect, Effects, View},
        machine::{Halt, Machine, Surroundings},
        opcode::{self as op, OPCODES},
        symbol::Symbols,
        value::Value,
    },
};

/// What is done where, in words.
#[derive(Default)]
struct Log(Vec<(u64, String)>);

impl Effects for Log {
    fn effect(&mut self, at: u64, effect: Effect, view: &View<'_>) {
        let name = |symbol| view.symbols.symbol(symbol).dotted();
        self.0.push((
            at,
            match effect {
                Effect::Import(symbol) => format!("import {}", name(symbol)),
                Effect::Call(call) => match view.value(call.callee) {
                    Value::Global(symbol) => format!("{:?} {}", call.manner, name(symbol)),
                    _ => format!("{:?} something", call.manner),
                },
                Effect::State { .. } => "state".to_owned(),
                Effect::Mutate { how, .. } => format!("{how:?}"),
                Effect::Persistent { .. } => "persistent".to_owned(),
                Effect::Extension { code } => format!("extension {code}"),
                Effect::NotAName { .. } => "not a name".to_owned(),
                Effect::Folded { .. } => FOLDED.to_owned(),
                _ => return,
            },
        ));
    }
}

/// What the machine says is done, unless the stream has arrays or more than the machine keeps.
fn by_machine(source: &dyn Source) -> Option<(Vec<(u64, String)>, bool)> {
    let mut input = Cursor::new(source, 0);
    let (mut symbols, mut log) = (Symbols::default(), Log::default());
    let mut machine = Machine::new(0);
    let halt = machine.run(&mut Surroundings {
        input: &mut input,
        symbols: &mut symbols,
        effects: &mut log,
        opcodes: &mut 10_000_000,
    });
    if matches!(halt, Halt::Array { .. }) || machine.is_exhausted() || symbols.overflowed() {
        return None;
    }
    Some((log.0, matches!(halt, Halt::Stop)))
}

/// What only the machine says: the tree shows a call for what it is. From there on, they differ.
const FOLDED: &str = "folded";

fn until_folded(machine: &mut Vec<(u64, String)>, tree: &mut Vec<(u64, String)>) {
    if let Some(place) = machine.iter().position(|(_, act)| act == FOLDED) {
        machine.truncate(place);
        tree.truncate(place);
    }
}

fn by_tree(tree: &Tree<'_>) -> (Vec<(u64, String)>, bool) {
    let words = |act| match act {
        Act::Import(id) => format!("import {}", tree.global(id).expect("import").dotted()),
        Act::Call(id) => {
            let called = tree.called(id).expect("a call");
            match tree.global(called.callee) {
                Some(symbol) => format!("{:?} {}", called.manner, symbol.dotted()),
                None => format!("{:?} something", called.manner),
            }
        }
        Act::State { .. } => "state".to_owned(),
        Act::Put { how, .. } => format!("{how:?}"),
        Act::Persistent(_) => "persistent".to_owned(),
        Act::Extension(id) => match tree.node(id) {
            Node::Extension(code) => format!("extension {code}"),
            other => panic!("{other:?}"),
        },
        Act::NotAName { .. } => "not a name".to_owned(),
    };
    let steps = tree.steps().iter().map(|step| (step.at, words(step.act)));
    (steps.collect(), tree.root().is_some())
}

#[expect(clippy::disallowed_methods, reason = "the fixtures are ours and small")]
fn fixtures(folder: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../tests/fixtures");
    let entries = fs::read_dir(root.join(folder)).expect("the fixtures");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths
        .filter(|path| path.is_file())
        .map(|path| (path.clone(), fs::read(&path).expect("a fixture")))
        .collect()
}

#[test]
fn tricks_do_the_same_in_the_tree() {
    let mut compared = 0;
    for (path, bytes) in fixtures("pickle-tricks") {
        let source = MemorySource(&bytes);
        let tree = Tree::read(&source, 0).expect("memory");
        if let Some(mut expected) = by_machine(&source) {
            compared += usize::from(!expected.0.is_empty());
            let mut told = by_tree(&tree);
            until_folded(&mut expected.0, &mut told.0);
            assert_eq!(told, expected, "{}", path.display());
        }
    }
    assert!(compared > 150, "{compared}");
}

#[test]
fn arrays_of_joblib_hang_at_their_wrappers() {
    let mut arrays = 0;
    for (path, bytes) in fixtures("pickle-benign") {
        if path
            .extension()
            .is_none_or(|extension| extension != "joblib")
            || bytes[0] != op::PROTO
        {
            continue;
        }
        let source = MemorySource(&bytes);
        let tree = Tree::read(&source, 0).expect("memory");
        assert!(
            tree.root().is_some(),
            "{}: {:?}",
            path.display(),
            tree.fault()
        );
        assert_eq!(tree.end(), source.len(), "{}", path.display());
        arrays += (tree.nodes.iter())
            .filter(|node| matches!(node, Node::Called(called) if called.array.is_some()))
            .count();
        let objects = |node: &Node| match node {
            Node::Called(called) => matches!(called.array, Some(Array::Objects(_))),
            _ => false,
        };
        if path.to_string_lossy().contains("object") {
            assert!(tree.nodes.iter().any(objects), "{}", path.display());
        }
    }
    assert!(arrays > 0);
}

#[test]
fn values_are_read_in_full() {
    let bytes = b"\x80\x04(K\x01\x88G?\xf8\0\0\0\0\0\0\x8a\x09\0\0\0\0\0\0\0\0\x01\
                  X\x02\0\0\0\xc3\xa9C\x01\xff]\x94h\0ae}(X\x01\0\0\0kNX\x01\0\0\0kK\x02u\x87.";
    // The mark is taken by APPENDS, which finds no list: the stream breaks off there.
    let source = MemorySource(bytes);
    assert!(Tree::read(&source, 0).expect("memory").fault().is_some());

    let bytes = b"\x80\x04(K\x01\x88G?\xf8\0\0\0\0\0\0\x8a\x09\0\0\0\0\0\0\0\0\x01\
                  X\x02\0\0\0\xc3\xa9C\x01\xff}(X\x01\0\0\0kNX\x01\0\0\0kK\x02ut.";
    let source = MemorySource(bytes);
    let tree = Tree::read(&source, 0).expect("memory");
    let items = tree.items(tree.root().expect("a value")).expect("a tuple");
    assert_eq!(tree.int(items[0]), Some(1));
    assert!(matches!(tree.node(items[1]), Node::Bool(true)));
    assert!(matches!(tree.node(items[2]), Node::Float(number) if *number == 1.5));
    assert!(matches!(tree.node(items[3]), Node::BigInt(extent) if extent.len == 9));
    assert_eq!(tree.text(items[4]).as_deref(), Some("é"));
    assert!(
        matches!(tree.node(items[5]), Node::Bytes { extent, mutable: false } if extent.len == 1)
    );
    let last = tree.entry(items[6], "k").expect("an entry");
    assert_eq!(tree.int(last), Some(2));
}

/// A program of opcodes, most with an operand that fits.
fn programs() -> impl Strategy<Value = Vec<u8>> {
    let instruction = (0..OPCODES.len(), 0u8..6).prop_map(|(which, small)| {
        let opcode = &OPCODES[which];
        let mut bytes = vec![opcode.code];
        bytes.extend(match opcode.operand {
            op::Layout::Nothing => vec![],
            op::Layout::U8 => vec![small],
            op::Layout::U16 => vec![small, 0],
            op::Layout::U32 | op::Layout::I32 => vec![small, 0, 0, 0],
            op::Layout::U64 => vec![small, 0, 0, 0, 0, 0, 0, 0],
            op::Layout::F64 => vec![0; 8],
            op::Layout::Line => match opcode.code {
                op::STRING => b"'os'\n".to_vec(),
                _ => vec![b'0' + small, b'\n'],
            },
            op::Layout::TwoLines => b"os\nsystem\n".to_vec(),
            op::Layout::Counted8 => vec![1, b'a'],
            op::Layout::Counted32 | op::Layout::CountedSigned32 => vec![1, 0, 0, 0, b'a'],
            op::Layout::Counted64 => vec![1, 0, 0, 0, 0, 0, 0, 0, b'a'],
        });
        bytes
    });
    proptest::collection::vec(instruction, 0..60).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn programs_do_the_same_in_the_tree(bytes in programs()) {
        let source = MemorySource(&bytes);
        let tree = Tree::read(&source, 0).expect("memory");
        if let Some(expected) = by_machine(&source) {
            prop_assert_eq!(by_tree(&tree), expected);
        }
    }
}
