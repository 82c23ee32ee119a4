//! NumPy's dtypes, as far as the bytes of an array depend on them.

use super::{
    effect::View,
    symbol::Symbol,
    value::{Ref, Shape, Value},
};

/// What an array of a dtype is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    /// How many bytes an element takes.
    pub(crate) size: u64,
    /// Whether there are Python objects among them, so that an array is pickled and not copied.
    pub(crate) objects: bool,
    /// NumPy's letter for what they are: `V` for records.
    pub(crate) kind: u8,
    /// Whether the big end of a number comes first.
    pub(crate) is_swapped: bool,
}

/// The layout of a dtype; nothing for what is no dtype and for what is not known.
pub(crate) fn layout(dtype: Ref, view: &View<'_>) -> Option<Layout> {
    let Value::Called { callee, state, .. } = view.value(dtype) else {
        return None;
    };
    if let Value::Int(written) = view.value(state) {
        return Layout::of_number(written);
    }
    let symbol = view.symbols.symbol(view.global(callee)?);
    if matches!(
        (&*symbol.module, &*symbol.path),
        ("numpy.dtypes", "StringDType")
            | ("numpy._core._internal", "_convert_to_stringdtype_kwargs")
    ) {
        return Some(Layout {
            size: 16,
            objects: true,
            kind: b'T',
            is_swapped: false,
        });
    }
    match code(dtype, view)? {
        Code::Letters(code) if code.starts_with('O') => Some(Layout {
            size: 8,
            objects: true,
            kind: b'O',
            is_swapped: false,
        }),
        Code::Letters(code) if !code.starts_with('V') => item_size(&code).map(|size| Layout {
            size,
            objects: false,
            kind: letter(&code),
            is_swapped: code.starts_with('>'),
        }),
        // What their fields are, only their state tells.
        Code::Letters(_) | Code::Record => None,
    }
}

/// The layout that a dtype has with `state`: version, order, subarray, names, fields, size,
/// alignment, flags, metadata (`arraydescr_setstate` in NumPy's descriptor.c). Nothing where the
/// state contradicts the code that the dtype is made with, or itself: NumPy believes it, and takes
/// bytes for pointers. A size of -1 stands for the code's own.
pub(crate) fn layout_with(dtype: Ref, state: Ref, view: &View<'_>) -> Option<Layout> {
    let code = code(dtype, view)?;
    let &[
        version,
        order,
        subarray,
        names,
        fields,
        size,
        alignment,
        ref rest @ ..,
    ] = view.heap.items(state)?
    else {
        return None;
    };
    // NumPy divides by it.
    if !matches!(
        view.value(alignment),
        Value::Int(-1 | 1 | 2 | 4 | 8 | 16 | 32 | 64)
    ) {
        return None;
    }
    let said = match view.value(size) {
        Value::Int(-1) => None,
        Value::Int(size) => Some(u64::try_from(size).ok()?),
        _ => return None,
    };
    let flags = Flags::read(version, rest, view)?;
    let is_none = |of| matches!(view.value(of), Value::None);
    let own = match code {
        Code::Letters(code) if !code.starts_with('V') => {
            let objects = code.starts_with('O');
            let size = if objects { 8 } else { item_size(&code)? };
            let size_fits = match said {
                None => !code.starts_with(['S', 'U']),
                Some(said) => said == size,
            };
            if !size_fits || ![subarray, names, fields].into_iter().all(is_none) {
                return None;
            }
            Layout {
                size,
                objects,
                kind: letter(&code),
                is_swapped: view.text(order).is_none_or(|order| order.starts_with('>')),
            }
        }
        Code::Letters(code) if item_size(&code) != said => return None,
        Code::Letters(_) | Code::Record => {
            let size = said?;
            let objects = match (is_none(subarray), is_none(names) && is_none(fields)) {
                (true, true) => false,
                (true, false) => fields_have_objects(names, fields, size, view)?,
                (false, true) => subarray_has_objects(subarray, size, view)?,
                (false, false) => return None,
            };
            // Without flags NumPy looks for objects itself, and overlooks those in subarrays.
            if objects && flags == Flags::NotSaid {
                return None;
            }
            Layout {
                size,
                objects,
                kind: b'V',
                is_swapped: false,
            }
        }
    };
    let flags_fit = match flags {
        Flags::NotSaid => true,
        Flags::Said { objects } => objects == own.objects,
    };
    flags_fit.then_some(own)
}

/// Whether a dtype is that of objects alone, and no record that has some.
pub(crate) fn is_an_object(dtype: Ref, view: &View<'_>) -> bool {
    matches!(code(dtype, view), Some(Code::Letters(code)) if matches!(&*code, "O" | "O4" | "O8" | "|O"))
}

/// What a state's flags say.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flags {
    /// The state is of a version that has none.
    NotSaid,
    Said {
        objects: bool,
    },
}

impl Flags {
    fn read(version: Ref, rest: &[Ref], view: &View<'_>) -> Option<Self> {
        let Value::Int(version) = view.value(version) else {
            return None;
        };
        match (version, rest) {
            (0..=2, []) => Some(Self::NotSaid),
            (3..=4, [flags] | [flags, _]) => {
                let Value::Int(flags) = view.value(*flags) else {
                    return None;
                };
                match flags & OBJECT_FLAGS {
                    0 => Some(Self::Said { objects: false }),
                    OBJECT_FLAGS => Some(Self::Said { objects: true }),
                    // Objects that are copied like bytes, or bytes that are counted as objects.
                    _ => None,
                }
            }
            _ => None,
        }
    }
}

/// Where a field lies, and what it is.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Field {
    at: u64,
    end: u64,
    objects: bool,
}

/// Whether there are objects among the fields of an element of `size` bytes; nothing where a field
/// cannot be read, leaves the element, or shares an object's bytes with another.
fn fields_have_objects(names: Ref, fields: Ref, size: u64, view: &View<'_>) -> Option<bool> {
    let is =
        |of, shape| matches!(view.value(of), Value::Container { shape: is, .. } if is == shape);
    if !is(names, Shape::Tuple) || !is(fields, Shape::Dict) || !view.has_plain_keys(fields) {
        return None;
    }
    let names: Option<Vec<String>> = (view.heap.items(names)?.iter())
        .map(|&name| view.text(name))
        .collect();
    let mut names = names?;
    names.sort_unstable();
    let (mut named, mut titled) = (Vec::new(), Vec::new());
    for pair in view.heap.items(fields)?.chunks_exact(2) {
        let field = Field::read(pair[1], view).filter(|field| field.end <= size)?;
        match names.binary_search(&view.text(pair[0])?) {
            Ok(_) => named.push(field),
            Err(_) => titled.push(field),
        }
    }
    // Keys differ, so as many fields as names are one for each. A title is a second key of a field.
    if named.len() != names.len() || !titled.iter().all(|field| named.contains(field)) {
        return None;
    }
    let objects = named.iter().any(|field| field.objects);
    named.sort_unstable_by_key(|field| (field.at, field.end));
    let overlap = named.windows(2).any(|pair| pair[1].at < pair[0].end);
    (!objects || !overlap).then_some(objects)
}

impl Field {
    fn read(field: Ref, view: &View<'_>) -> Option<Self> {
        let &[dtype, offset, ref title @ ..] = view.heap.items(field)? else {
            return None;
        };
        let Value::Int(offset) = view.value(offset) else {
            return None;
        };
        let layout = layout(dtype, view).filter(|_| title.len() < 2 && is_dtype(dtype, view))?;
        let at = u64::try_from(offset).ok()?;
        Some(Self {
            at,
            end: at.checked_add(layout.size)?,
            objects: layout.objects,
        })
    }
}

/// Whether a subarray, a dtype and a shape, has objects; nothing where it does not take `size` bytes.
fn subarray_has_objects(subarray: Ref, size: u64, view: &View<'_>) -> Option<bool> {
    let &[dtype, shape] = view.heap.items(subarray)? else {
        return None;
    };
    let count = match view.value(shape) {
        Value::Int(count) => u64::try_from(count).ok()?,
        _ => elements(shape, view)?,
    };
    let layout = layout(dtype, view).filter(|_| is_dtype(dtype, view))?;
    (layout.size.checked_mul(count)? == size).then_some(layout.objects)
}

/// How many elements an array of `shape` has; nothing where that is no tuple of numbers that could
/// be read.
pub(crate) fn elements(shape: Ref, view: &View<'_>) -> Option<u64> {
    let Value::Container {
        shape: Shape::Tuple,
        ..
    } = view.value(shape)
    else {
        return None;
    };
    let mut count = 1u64;
    for &extent in view.heap.items(shape)? {
        let Value::Int(extent) = view.value(extent) else {
            return None;
        };
        count = count.checked_mul(u64::try_from(extent).ok()?)?;
    }
    Some(count)
}

fn is_dtype(of: Ref, view: &View<'_>) -> bool {
    let Value::Called { callee, .. } = view.value(of) else {
        return false;
    };
    let class = view.global(callee).map(|id| view.symbols.symbol(id));
    class.is_some_and(Symbol::is_dtype)
}

impl Layout {
    /// The layout in one number, which is how it is kept beside its dtype.
    pub(crate) fn number(self) -> Option<i64> {
        let size = i64::try_from(self.size).ok()?;
        let flags = i64::from(self.objects) + 2 * i64::from(self.is_swapped);
        Some(size.checked_mul(1 << 10)? + (i64::from(self.kind) << 2) + flags)
    }

    fn of_number(number: i64) -> Option<Self> {
        Some(Self {
            size: u64::try_from(number).ok()? >> 10,
            objects: number & 1 != 0,
            kind: u8::try_from(number >> 2 & 0xff).ok()?,
            is_swapped: number & 2 != 0,
        })
    }
}

/// What a dtype is made with.
enum Code {
    /// A letter and a size.
    Letters(String),
    /// The type of a record's scalar: what else it is, the state says.
    Record,
}

fn code(dtype: Ref, view: &View<'_>) -> Option<Code> {
    let Value::Called {
        callee, arguments, ..
    } = view.value(dtype)
    else {
        return None;
    };
    let symbol = view.symbols.symbol(view.global(callee)?);
    if !symbol.is_dtype() {
        return None;
    }
    let first = *view.heap.items(arguments)?.first()?;
    if let Some(scalar) = view.global(first) {
        let dotted = view.symbols.symbol(scalar).dotted();
        return RECORDS.contains(&&*dotted).then_some(Code::Record);
    }
    view.text(first).map(Code::Letters)
}

/// The letter of a dtype's code.
fn letter(code: &str) -> u8 {
    let code = code.trim_start_matches(['<', '>', '=', '|']);
    code.bytes().next().unwrap_or_default()
}

/// How many bytes an element takes, by a dtype's code; nothing for objects and what is not known.
pub(crate) fn item_size(code: &str) -> Option<u64> {
    let code = code.trim_start_matches(['<', '>', '=', '|']);
    let letter = code.chars().next()?;
    let size: u64 = code.get(1..)?.parse().ok()?;
    match letter {
        'b' | 'i' | 'u' | 'f' | 'c' | 'S' | 'V' | 'M' | 'm' => Some(size),
        'U' => size.checked_mul(4),
        _ => None,
    }
}

/// NumPy's `NPY_ITEM_REFCOUNT` and `NPY_LIST_PICKLE`: that elements hold objects, and that they are
/// pickled as a list. Each without the other is a lie.
const OBJECT_FLAGS: i64 = 0b11;
/// The scalars of record arrays, by the names that versions of NumPy have for them.
const RECORDS: &[&str] = &[
    "numpy.record",
    "numpy.core.records.record",
    "numpy.rec.record",
    "numpy._core.records.record",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_follow_numpy() {
        for (code, size) in [
            ("f8", Some(8)),
            ("U3", Some(12)),
            ("V16", Some(16)),
            ("b1", Some(1)),
            ("M8", Some(8)),
            ("O8", None),
            ("", None),
            ("fx", None),
        ] {
            assert_eq!(item_size(code), size, "{code}");
        }
    }

    #[test]
    fn a_layout_is_kept_in_a_number() {
        for (size, objects, is_swapped) in
            [(0, false, true), (8, true, false), (1 << 40, false, false)]
        {
            let layout = Layout {
                size,
                objects,
                kind: b'i',
                is_swapped,
            };
            assert_eq!(layout.number().and_then(Layout::of_number), Some(layout));
        }
        assert_eq!(Layout::of_number(-1), None);
    }
}
