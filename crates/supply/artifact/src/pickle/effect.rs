//! What a stream does to the world, as the interpreter reports it. Whether that is allowed, the
//! judge says.

use super::{
    heap::Heap,
    symbol::Symbols,
    text,
    value::{Ref, Shape, SymbolId, Value},
};
use crate::cursor::{Cursor, Extent};

/// One effect.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Effect {
    /// A module is imported, and a name looked up in it.
    Import(SymbolId),
    /// Something is called.
    Call(Call),
    /// A call that does no more than name something; the import of that follows.
    Folded { callee: Ref },
    /// BUILD: `object` is given `state`.
    State { object: Ref, state: Ref },
    /// Something is put into an object that the stream's opcodes did not make.
    Mutate {
        how: Mutation,
        object: Ref,
        /// Whether an import is put under a key that may name something special.
        special: bool,
    },
    /// An import is kept where something may find it later: in a container, a state, or as what
    /// the stream gives. The arguments of a call are not told of here, but a tuple among them is.
    Keep {
        /// The import, or a tuple that holds some and whose elements are not remembered.
        item: Ref,
    },
    /// An object is hashed: it becomes a key, or goes into a set.
    Hash {
        /// The object, or a tuple that has it.
        item: Ref,
    },
    /// The loading program is asked for the object of a persistent id.
    Persistent { id: Ref },
    /// `copyreg`'s registry is asked for the object of a number.
    Extension { code: i64 },
    /// A name is looked up under something that is not a string.
    NotAName { module: Ref, name: Ref },
    /// The framing is not what a pickler writes.
    Frame(FrameFault),
    /// An item of a dictionary that may have the name of a formula, or of an object that may give any
    /// for an attribute.
    Item { key: Ref, value: Ref },
    /// An integer of many bits, or a tuple or a frozen set that may hold some: values of which many
    /// can be made to hash alike.
    Wide { item: Ref },
    /// An object that takes far more to walk than the stream took to write.
    Swollen {
        /// Whether nobody would wait for the end of such a walk.
        endless: bool,
    },
    /// A memo index for which CPython before 3.14 would allocate a table thousands of times larger
    /// than what is in it.
    WastefulMemo { index: u32 },
    /// Bytes that may be a pickle themselves.
    Nested(Extent),
}

/// A call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    pub(crate) manner: Manner,
    pub(crate) callee: Ref,
    /// A tuple, if the stream is right.
    pub(crate) arguments: Ref,
    /// The keyword arguments of NEWOBJ_EX.
    pub(crate) keywords: Option<Ref>,
}

/// How something is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// `callee(*arguments)`: REDUCE.
    Reduce,
    /// `callee.__new__(callee, *arguments)`: NEWOBJ, NEWOBJ_EX.
    New,
    /// As REDUCE, or as NEWOBJ for a class without arguments: INST and OBJ.
    Instance,
}

/// How something is put into an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mutation {
    /// `object.append` or `object.extend`.
    Append,
    /// `object[key] = value`.
    SetItem,
    /// `object.add`.
    Add,
}

/// What is wrong with the framing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FrameFault {
    /// An opcode begins in a frame and ends outside. A reader that keeps to the frame goes on at
    /// `resume`, and reads the operand of the opcode `again` there, if one is said.
    Crossed { resume: u64, again: Option<u8> },
    /// A frame begins before the last one ends.
    Nested,
    /// A frame of no bytes.
    Empty,
    /// A frame reaches beyond the end of the stream.
    TooLong,
}

/// Who listens to effects.
pub(crate) trait Effects {
    /// `at` is where the opcode stands.
    fn effect(&mut self, at: u64, effect: Effect, view: &View<'_>);
}

/// What a listener may ask about the values of an effect.
pub(crate) struct View<'a> {
    pub(crate) heap: &'a Heap,
    pub(crate) symbols: &'a Symbols,
    pub(crate) input: &'a Cursor<'a>,
}

impl View<'_> {
    pub(crate) fn value(&self, of: Ref) -> Value {
        self.heap.value(of)
    }

    /// The text of a string, cut where it grows longer than any name.
    pub(crate) fn text(&self, of: Ref) -> Option<String> {
        string(self.value(of), self.input)
    }

    /// The symbol that `of` is, if it is an import.
    pub(crate) fn global(&self, of: Ref) -> Option<SymbolId> {
        match self.value(of) {
            Value::Global(symbol) => Some(symbol),
            _ => None,
        }
    }

    /// Whether every key of a small dictionary is a string of its own.
    pub(crate) fn has_plain_keys(&self, dictionary: Ref) -> bool {
        let Some(items) = self.heap.items(dictionary) else {
            return false;
        };
        let keys = items.chunks_exact(2).map(|pair| self.text(pair[0]));
        let Some(mut keys) = keys.collect::<Option<Vec<String>>>() else {
            return false;
        };
        keys.sort_unstable();
        keys.windows(2).all(|pair| pair[0] != pair[1])
    }

    /// Whether no key of a small dictionary is another than these.
    pub(crate) fn has_only(&self, dictionary: Ref, keys: &[&str]) -> bool {
        self.heap.items(dictionary).is_some_and(|items| {
            let mut named = items.iter().step_by(2).map(|&key| self.text(key));
            named.all(|name| name.is_some_and(|name| keys.contains(&&*name)))
        })
    }

    /// What a state gives an object for its dictionary: the state itself, or the first of a pair, of which
    /// the second is for slots. Nothing where the pair is not remembered.
    pub(crate) fn dictionary_of(&self, state: Ref) -> Option<Ref> {
        match self.value(state) {
            Value::Container {
                shape: Shape::Tuple,
                count: 2,
                ..
            } => self.heap.items(state)?.first().copied(),
            _ => Some(state),
        }
    }

    /// The value under `key` of a small dictionary.
    pub(crate) fn entry(&self, dictionary: Ref, key: &str) -> Option<Ref> {
        let items = self.heap.items(dictionary)?;
        // The last one wins, as in Python.
        let mut pairs = items.chunks_exact(2).rev();
        let pair = pairs.find(|pair| self.text(pair[0]).as_deref() == Some(key))?;
        Some(pair[1])
    }
}

/// The text of a string value.
pub(crate) fn string(value: Value, input: &Cursor<'_>) -> Option<String> {
    let Value::Str { form, len, at, .. } = value else {
        return None;
    };
    let len = u64::from(len);
    let bytes = input.read(Extent { at, len }, text::LONGEST).ok()?;
    Some(text::decode(form, &bytes))
}
