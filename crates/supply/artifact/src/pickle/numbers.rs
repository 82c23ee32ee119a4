//! The numbers of an array: where they lie in the stream, and what they are. Libraries in C take many for
//! places in memory, and believe them.

use super::{
    dtype::{Layout, elements, layout},
    effect::View,
    symbol::Symbol,
    text,
    value::{Form, Ref, Value},
};
use crate::cursor::Extent;

/// How the bytes of an array are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    Raw,
    /// As text, a letter each.
    Text(Form),
}

/// The numbers of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Numbers {
    /// NumPy's letter for the dtype.
    kind: u8,
    /// How many bytes an element takes.
    size: u8,
    written: Written,
    extent: Extent,
}

impl Numbers {
    /// The array that `symbol` makes with `state`; nothing where its elements are objects, too long, or
    /// not to be found.
    pub(crate) fn of_state(symbol: &Symbol, state: Ref, view: &View<'_>) -> Option<Self> {
        if !super::ndarray::makes_an_array(symbol) {
            return None;
        }
        let &[_, shape, dtype, _, data, ..] = view.heap.items(state)? else {
            return None;
        };
        let layout = layout(dtype, view)?;
        match layout.objects {
            true => Self::of_objects(elements(shape, view)?),
            false => Self::of_data(layout, data, view),
        }
    }

    /// So many objects, of which nothing else is known.
    pub(crate) fn of_objects(count: u64) -> Option<Self> {
        let extent = Extent {
            at: 0,
            len: count.checked_mul(8)?,
        };
        Some(Self {
            kind: b'O',
            size: 8,
            written: Written::Raw,
            extent,
        })
    }

    /// As many objects as the state of a dtype of pandas has categories.
    pub(crate) fn of_categories(symbol: &Symbol, state: Ref, view: &View<'_>) -> Option<Self> {
        if &*symbol.path != "CategoricalDtype" {
            return None;
        }
        Self::of_objects(length(view.entry(state, "categories")?, view)?)
    }

    /// The array that a call of `_frombuffer` makes.
    pub(crate) fn of_call(symbol: &Symbol, arguments: Ref, view: &View<'_>) -> Option<Self> {
        let numpy = symbol.module.starts_with("numpy") && &*symbol.path == "_frombuffer";
        let &[data, dtype, ..] = view.heap.items(arguments).filter(|_| numpy)? else {
            return None;
        };
        Self::of_data(layout(dtype, view)?, data, view)
    }

    /// The array whose bytes joblib writes at `at`.
    pub(crate) fn of_wrapper(state: Ref, at: u64, len: u64, view: &View<'_>) -> Option<Self> {
        let layout = layout(view.entry(state, "dtype")?, view)?;
        Self::new(layout, Written::Raw, Extent { at, len })
    }

    /// The objects that stand in a pickle of their own behind a wrapper of joblib's.
    pub(crate) fn of_wrapped_objects(state: Ref, view: &View<'_>) -> Option<Self> {
        Self::of_objects(elements(view.entry(state, "shape")?, view)?)
    }

    fn of_data(layout: Layout, data: Ref, view: &View<'_>) -> Option<Self> {
        let (written, len, at) = match view.value(data) {
            Value::Blob { len, at } => (Written::Raw, len, at),
            Value::Str { form, len, at, .. } => (Written::Text(form), len, at),
            // Below protocol 3, bytes are text that a call encodes, and none are made by a call.
            Value::Called {
                arguments: Ref::EMPTY_TUPLE,
                ..
            } => (Written::Raw, 0, 0),
            Value::Called { arguments, .. } => {
                let text = *view.heap.items(arguments)?.first()?;
                let Value::Str { form, len, at, .. } = view.value(text) else {
                    return None;
                };
                (Written::Text(form), len, at)
            }
            // Empty ones are all alike.
            Value::Bytes => (Written::Raw, 0, 0),
            _ => return None,
        };
        let len = u64::from(len);
        Self::new(layout, written, Extent { at, len })
    }

    fn new(layout: Layout, written: Written, extent: Extent) -> Option<Self> {
        if layout.objects || layout.is_swapped {
            return None;
        }
        Some(Self {
            kind: layout.kind,
            size: u8::try_from(layout.size).ok().filter(|&size| size > 0)?,
            written,
            extent,
        })
    }

    /// As a value of the heap.
    pub(crate) fn value(self) -> Option<Value> {
        let Self {
            kind,
            size,
            written,
            extent,
        } = self;
        let len = u32::try_from(extent.len).ok()?;
        Some(Value::Numbers {
            kind,
            size,
            form: match written {
                Written::Raw => None,
                Written::Text(form) => Some(form),
            },
            len,
            at: extent.at,
        })
    }

    /// The numbers of the array that `of` is.
    pub(crate) fn of(of: Ref, view: &View<'_>) -> Option<Self> {
        let Value::Called { state, .. } = view.value(of) else {
            return None;
        };
        let Value::Numbers {
            kind,
            size,
            form,
            len,
            at,
        } = view.value(state)
        else {
            return None;
        };
        let len = u64::from(len);
        Some(Self {
            kind,
            size,
            written: form.map_or(Written::Raw, Written::Text),
            extent: Extent { at, len },
        })
    }

    /// How many bytes an element takes.
    pub(crate) fn size(self) -> usize {
        self.size.into()
    }

    pub(crate) fn is_record(self) -> bool {
        self.kind == b'V'
    }

    /// How many bytes of the stream are read for them.
    pub(crate) fn cost(self) -> u64 {
        self.extent.len
    }

    /// How many elements there are; nothing where that is only known once they are read.
    pub(crate) fn count(self, view: &View<'_>) -> Option<u64> {
        match self.written {
            Written::Raw => Some(self.extent.len / u64::from(self.size)),
            Written::Text(_) => {
                let mut count = 0;
                self.each(view, |_| {
                    count += 1;
                    true
                })?;
                Some(count)
            }
        }
    }

    fn is_read(self) -> bool {
        self.kind != b'O'
    }

    /// Walks over the elements, each its bytes, while `is_sound` says so. Nothing where they cannot be
    /// read.
    pub(crate) fn each(
        self,
        view: &View<'_>,
        mut is_sound: impl FnMut(&[u8]) -> bool,
    ) -> Option<bool> {
        if !self.is_read() {
            return None;
        }
        let size = self.size();
        let read = |extent: Extent, limit: usize| view.input.read(extent, limit).ok();
        match self.written {
            Written::Raw => {
                let piece = PIECE / size * size;
                let mut at = 0;
                while at < self.extent.len {
                    let left = Extent {
                        at: self.extent.at + at,
                        len: self.extent.len - at,
                    };
                    let bytes = read(left, piece)?;
                    if bytes.is_empty() {
                        return None;
                    }
                    at += bytes.len() as u64;
                    if !bytes.chunks_exact(size).all(&mut is_sound) {
                        return Some(false);
                    }
                }
                Some(true)
            }
            Written::Text(form) => {
                let len = usize::try_from(self.extent.len).ok()?;
                let text = read(self.extent, len.min(MOST_TEXT))?;
                if text.len() < len {
                    return None;
                }
                let letters = text::decode(form, &text);
                let bytes = letters.chars().map(|letter| u8::try_from(letter).ok());
                let bytes: Vec<u8> = bytes.collect::<Option<_>>()?;
                Some(bytes.chunks_exact(size).all(is_sound))
            }
        }
    }

    /// Walks over integers, while `is_sound` says so; nothing where they are none.
    pub(crate) fn integers(
        self,
        view: &View<'_>,
        mut is_sound: impl FnMut(i64) -> bool,
    ) -> Option<bool> {
        let signed = match self.kind {
            b'i' => true,
            b'u' | b'b' => false,
            _ => return None,
        };
        self.each(view, |bytes| {
            integer(bytes, signed).is_some_and(&mut is_sound)
        })
    }
}

/// How many elements an array has, or an index of pandas that is made of one or of a range.
pub(crate) fn length(of: Ref, view: &View<'_>) -> Option<u64> {
    if let Some(numbers) = Numbers::of(of, view) {
        return numbers.count(view);
    }
    let Value::Called {
        callee, arguments, ..
    } = view.value(of)
    else {
        return None;
    };
    let maker = view.symbols.symbol(view.global(callee)?);
    if !maker.module.starts_with("pandas.core.indexes.") || !maker.path.starts_with("_new_") {
        return None;
    }
    let &[_, state] = view.heap.items(arguments)? else {
        return None;
    };
    if let Some(data) = view.entry(state, "data") {
        return Numbers::of(data, view)?.count(view);
    }
    let bound = |key| match view.value(view.entry(state, key)?) {
        Value::Int(bound) => Some(bound),
        _ => None,
    };
    let (start, stop, step) = (bound("start")?, bound("stop")?, bound("step")?);
    let span = stop.checked_sub(start)?.checked_add(step - step.signum())?;
    u64::try_from(span.checked_div(step)?.max(0)).ok()
}

/// The integer that bytes are, the little end first.
pub(crate) fn integer(bytes: &[u8], signed: bool) -> Option<i64> {
    let negative = signed && bytes.last().is_some_and(|last| last & 0x80 != 0);
    let mut wide = [if negative { 0xff } else { 0 }; 8];
    wide.get_mut(..bytes.len())?.copy_from_slice(bytes);
    let number = i64::from_le_bytes(wide);
    (signed || number >= 0).then_some(number)
}

/// How many bytes are looked at in a go.
const PIECE: usize = 1 << 16;
/// How long text may be that is decoded in memory.
const MOST_TEXT: usize = 64 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_read_with_their_sign() {
        assert_eq!(integer(&[0xff, 0xff], true), Some(-1));
        assert_eq!(integer(&[0xff, 0xff], false), Some(0xffff));
        assert_eq!(integer(&[0xff; 8], true), Some(-1));
        assert_eq!(integer(&[0xff; 8], false), None);
        assert_eq!(integer(&[0; 9], false), None);
    }
}
