//! What the interpreter knows of a Python object: enough to judge, in sixteen bytes.

use crate::cursor::Extent;

/// A value by reference: a small integer itself, or a place in the [`Heap`](super::heap::Heap).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Ref(pub(super) u32);

/// A name that the stream imports, by its place in [`Symbols`](super::symbol::Symbols).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SymbolId(pub(crate) u32);

/// What is known of an object.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value {
    /// A place of the heap that holds nothing.
    Free(u32),
    /// What the interpreter has lost for want of memory: anything at all.
    Lost,
    None,
    Bool,
    Int(i64),
    /// An integer beyond 64 bits: what it hashes to, and what tells it from others of that hash.
    BigInt {
        print: u32,
        hash: u64,
    },
    Float,
    /// Text, where it lies and how it is written there.
    Str {
        form: Form,
        /// Whether it may name one of an object's special methods or attributes: it begins with
        /// two underscores, or with an escape.
        special: bool,
        len: u32,
        at: u64,
    },
    /// `bytes` and `bytearray` alike.
    Bytes,
    /// Bytes that may be a file of their own, and where they lie.
    Blob {
        len: u32,
        at: u64,
    },
    /// The elements of an array, as [`Numbers`](super::numbers::Numbers) has them, for what is made of it.
    Numbers {
        kind: u8,
        size: u8,
        form: Option<Form>,
        len: u32,
        at: u64,
    },
    /// An object made by the stream itself, as [`Container`] has it; spelled out, because a
    /// variant with a struct in it takes eight bytes more.
    Container {
        shape: Shape,
        elements: KindSet,
        /// Whether a key of it may be special, of a dictionary.
        special: bool,
        /// Whether the imports in it have been told to be kept, of a tuple.
        kept: bool,
        count: u16,
        weight: f32,
        detail: u32,
    },
    Global(SymbolId),
    /// What a call gave. `callee` is the import that was called, or the class that a constructing
    /// function was given; [`Ref::NONE`] where it was no plain import.
    Called {
        callee: Ref,
        arguments: Ref,
        /// What a dtype's state makes of it, in a number; of an array its elements; of others nothing.
        state: Ref,
        /// Whether its state has been set.
        built: bool,
    },
    /// What the program that loads the file makes of a persistent id.
    Persistent(Ref),
    /// What `copyreg`'s registry has under a number.
    Extension,
    /// A buffer that is not in the stream.
    Buffer,
}

/// How text is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Utf8,
    /// A line of the opcode UNICODE: `\uXXXX` and Latin-1.
    RawUnicodeEscape,
    /// A line of the opcode STRING: Python's escapes in a byte string.
    StringEscape,
    /// A byte string of Python 2, which Python 3 decodes as ASCII.
    Python2,
    /// A line of the opcode PERSID.
    Line,
}

/// A summary of a container.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Container {
    pub(crate) shape: Shape,
    /// The kinds of its elements; of keys and values alike for a dictionary.
    pub(crate) elements: KindSet,
    /// Whether a key may name something special, of a dictionary.
    pub(crate) special: bool,
    /// Whether the imports in it have been told to be kept, of a tuple.
    pub(crate) kept: bool,
    /// How many elements, up to 65,535; keys and values count each.
    pub(crate) count: u16,
    /// How many objects one would visit who follows every reference.
    pub(crate) weight: f32,
    /// Which of the heap's remembered element lists is its; zero for none.
    pub(crate) detail: u32,
}

/// The container types that have opcodes of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Tuple,
    List,
    Dict,
    Set,
    FrozenSet,
}

/// A type, as far as it can be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    None,
    Bool,
    Int,
    Float,
    Str,
    Bytes,
    Tuple,
    List,
    Dict,
    Set,
    FrozenSet,
    Global,
    /// What a call gave.
    Object,
    Persistent,
    Buffer,
    /// Something out of the stream's hands, or lost.
    Foreign,
}

/// A set of [`Kind`]s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct KindSet(pub(crate) u16);

impl KindSet {
    pub(crate) const fn of(kind: Kind) -> Self {
        Self(1 << kind as u8)
    }

    pub(crate) const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) const fn has(self, kind: Kind) -> bool {
        self.0 & Self::of(kind).0 != 0
    }

    pub(crate) const fn is_within(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }
}

impl Value {
    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::Free(_) | Self::Lost | Self::Extension | Self::Numbers { .. } => Kind::Foreign,
            Self::None => Kind::None,
            Self::Bool => Kind::Bool,
            Self::Int(_) | Self::BigInt { .. } => Kind::Int,
            Self::Float => Kind::Float,
            Self::Str { .. } => Kind::Str,
            Self::Bytes | Self::Blob { .. } => Kind::Bytes,
            Self::Container { shape, .. } => shape.kind(),
            Self::Global(_) => Kind::Global,
            Self::Called { .. } => Kind::Object,
            Self::Persistent(_) => Kind::Persistent,
            Self::Buffer => Kind::Buffer,
        }
    }

    /// The summary, of a container.
    #[inline]
    pub(crate) fn container(self) -> Option<Container> {
        match self {
            Self::Container {
                shape,
                elements,
                special,
                kept,
                count,
                weight,
                detail,
            } => Some(Container {
                shape,
                elements,
                special,
                kept,
                count,
                weight,
                detail,
            }),
            _ => None,
        }
    }

    /// Bytes too long to say how long are none that anybody could look at.
    pub(crate) fn blob(extent: Extent) -> Self {
        match u32::try_from(extent.len) {
            Ok(len) => Self::Blob { len, at: extent.at },
            Err(_) => Self::Bytes,
        }
    }

    /// Text at `extent` that begins with `start`, of which two bytes are enough.
    pub(crate) fn text(form: Form, extent: Extent, start: &[u8]) -> Self {
        Self::Str {
            form,
            special: start.starts_with(b"__")
                || matches!(form, Form::RawUnicodeEscape | Form::StringEscape)
                    && start.contains(&b'\\'),
            // Only a name's beginning is ever read, so a longer length would tell nothing.
            len: u32::try_from(extent.len).unwrap_or(u32::MAX),
            at: extent.at,
        }
    }
}

impl From<Container> for Value {
    fn from(container: Container) -> Self {
        let Container {
            shape,
            elements,
            special,
            kept,
            count,
            weight,
            detail,
        } = container;
        Self::Container {
            shape,
            elements,
            special,
            kept,
            count,
            weight,
            detail,
        }
    }
}

impl Shape {
    pub(crate) const fn kind(self) -> Kind {
        match self {
            Self::Tuple => Kind::Tuple,
            Self::List => Kind::List,
            Self::Dict => Kind::Dict,
            Self::Set => Kind::Set,
            Self::FrozenSet => Kind::FrozenSet,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_takes_sixteen_bytes() {
        // Memory per object of the stream rests on it.
        assert_eq!(size_of::<Value>(), 16);
    }
}
