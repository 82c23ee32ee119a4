//! What a pickle describes, as a tree of values none of which is made.
//!
//! The [`machine`](super::machine) judges in constant memory and so forgets; whoever wants the
//! content (to print it, to list its tensors, to convert them) reads it here. The tree takes memory
//! with the stream, up to a bound that no checkpoint reaches, and holds no payload: strings and
//! bytes are extents of the source.

mod grow;
#[cfg(test)]
mod tests;

use std::io;

use casemate_core::Source;

use super::{
    effect::{Manner, Mutation},
    machine::Fault,
    symbol::{Symbol, Symbols},
    text,
    value::{Form, Shape, SymbolId},
};
use crate::cursor::Extent;

/// One stream, read.
pub(crate) struct Tree<'a> {
    source: &'a dyn Source,
    nodes: Vec<Node>,
    symbols: Symbols,
    steps: Vec<Step>,
    root: Option<Id>,
    end: u64,
    fault: Option<Fault>,
}

/// A node of a tree, by its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Id(u32);

/// A value that the stream describes.
#[derive(Debug)]
pub(crate) enum Node {
    None,
    Bool(bool),
    Int(i64),
    /// Beyond 64 bits: the digits of a line, or two's complement with the little end first.
    BigInt(Extent),
    Float(f64),
    Text {
        form: Form,
        extent: Extent,
    },
    /// `bytes`, or `bytearray` where mutable.
    Bytes {
        extent: Extent,
        mutable: bool,
    },
    /// Its elements; keys and values by turns for a dictionary.
    Container {
        shape: Shape,
        items: Vec<Id>,
    },
    Global(SymbolId),
    Called(Box<Called>),
    /// What the loading program makes of a persistent id.
    Persistent(Id),
    /// What `copyreg`'s registry has under a number.
    Extension(i64),
    /// A buffer that is not in the stream.
    Buffer,
    /// What cannot be known: a name that is not text, an index that no memo has.
    Lost,
}

/// What a call would give.
#[derive(Debug)]
pub(crate) struct Called {
    pub(crate) manner: Manner,
    pub(crate) callee: Id,
    /// A tuple, if the stream is right.
    pub(crate) arguments: Id,
    pub(crate) keywords: Option<Id>,
    /// The states that it is given, in order.
    pub(crate) states: Vec<Id>,
    /// What is appended or added to it, and the keys and values it is given by turns.
    pub(crate) items: Vec<Id>,
    /// The array that joblib writes behind a wrapper of its own.
    pub(crate) array: Option<Array>,
}

/// An array between opcodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Array {
    Bytes(Extent),
    /// A stream of objects of its own.
    Objects(Id),
}

/// One thing that loading does, in the order of the stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    /// Where its opcode stands.
    pub(crate) at: u64,
    pub(crate) act: Act,
}

/// What a step does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Act {
    /// The node is an import.
    Import(Id),
    /// The node is what a call gives.
    Call(Id),
    /// The object is given a state.
    State { object: Id, state: Id },
    /// Something is put into an object that is no container of the stream's; `items` is a tuple.
    Put {
        how: Mutation,
        object: Id,
        items: Id,
    },
    /// The node is the object of a persistent id.
    Persistent(Id),
    /// The node is an object of `copyreg`'s registry.
    Extension(Id),
    /// A name that is not text is looked up; `object` is what nobody knows.
    NotAName { object: Id, module: Id, name: Id },
}

impl<'a> Tree<'a> {
    /// Reads the stream that begins at `start`. A stream that breaks off gives what comes before,
    /// and a [`fault`](Self::fault).
    ///
    /// # Errors
    ///
    /// What the medium says.
    pub(crate) fn read(source: &'a dyn Source, start: u64) -> io::Result<Self> {
        grow::read(source, start)
    }

    /// What the stream gives; nothing where it breaks off.
    pub(crate) fn root(&self) -> Option<Id> {
        self.root
    }

    /// Where the stream ends, or breaks off.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// Why the stream breaks off.
    pub(crate) fn fault(&self) -> Option<&Fault> {
        self.fault.as_ref()
    }

    /// What loading does, in order.
    pub(crate) fn steps(&self) -> &[Step] {
        &self.steps
    }

    pub(crate) fn node(&self, id: Id) -> &Node {
        &self.nodes[id.0 as usize]
    }

    /// How many nodes there are; their places are below.
    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Every node, in the order in which they were made.
    pub(crate) fn ids(&self) -> impl Iterator<Item = Id> + use<> {
        let count = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
        (0..count).map(Id)
    }

    pub(crate) fn symbol(&self, id: SymbolId) -> &Symbol {
        self.symbols.symbol(id)
    }

    /// The import that a node is.
    pub(crate) fn global(&self, id: Id) -> Option<&Symbol> {
        match self.node(id) {
            Node::Global(symbol) => Some(self.symbol(*symbol)),
            _ => None,
        }
    }

    /// What a call would give, where the node is that.
    pub(crate) fn called(&self, id: Id) -> Option<&Called> {
        match self.node(id) {
            Node::Called(called) => Some(called),
            _ => None,
        }
    }

    /// Of which import a node is an object: what was called, or the class that a constructing
    /// function was given.
    pub(crate) fn class(&self, id: Id) -> Option<&Symbol> {
        let called = self.called(id)?;
        let callee = self.global(called.callee)?;
        if !callee.constructs_its_argument() {
            return Some(callee);
        }
        self.global(*self.items(called.arguments)?.first()?)
    }

    /// The elements of a container.
    pub(crate) fn items(&self, id: Id) -> Option<&[Id]> {
        match self.node(id) {
            Node::Container { items, .. } => Some(items),
            _ => None,
        }
    }

    /// The elements of a container of this shape.
    pub(crate) fn items_of(&self, id: Id, wanted: Shape) -> Option<&[Id]> {
        match self.node(id) {
            Node::Container { shape, items } if *shape == wanted => Some(items),
            _ => None,
        }
    }

    /// The value under a key of a dictionary; as in Python, the last one wins.
    pub(crate) fn entry(&self, dictionary: Id, key: &str) -> Option<Id> {
        let mut pairs = self
            .items_of(dictionary, Shape::Dict)?
            .chunks_exact(2)
            .rev();
        let pair = pairs.find(|pair| self.text(pair[0]).as_deref() == Some(key))?;
        Some(pair[1])
    }

    /// An integer.
    pub(crate) fn int(&self, id: Id) -> Option<i64> {
        match self.node(id) {
            Node::Int(number) => Some(*number),
            _ => None,
        }
    }

    /// The text of a string, up to a length that no name has. A medium that fails gives none.
    pub(crate) fn text(&self, id: Id) -> Option<String> {
        self.text_within(id, text::LONGEST)
    }

    /// The first `limit` bytes of an extent of the source. A medium that fails gives none.
    pub(crate) fn bytes(&self, extent: Extent, limit: usize) -> Option<Vec<u8>> {
        let len = usize::try_from(extent.len).unwrap_or(limit).min(limit);
        self.source.read_vec(extent.at, len).ok()
    }

    /// The text of a string, from its first `limit` bytes.
    pub(crate) fn text_within(&self, id: Id, limit: usize) -> Option<String> {
        let Node::Text { form, extent } = *self.node(id) else {
            return None;
        };
        let len = usize::try_from(extent.len).unwrap_or(limit).min(limit);
        let bytes = self.source.read_vec(extent.at, len).ok()?;
        Some(text::decode(form, &bytes))
    }
}

impl Id {
    /// Its place among the nodes.
    pub(crate) fn place(self) -> usize {
        self.0 as usize
    }
}
