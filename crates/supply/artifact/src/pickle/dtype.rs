//! NumPy's dtypes, as far as the bytes of an array depend on them.

use super::{
    effect::View,
    value::{Ref, Value},
};

/// What an array of a dtype is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    /// How many bytes an element takes.
    pub(crate) size: u64,
    /// Whether there are Python objects among them, so that an array is pickled and not copied.
    pub(crate) objects: bool,
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
        });
    }
    match code(dtype, view)? {
        Code::Letters(code) if code.starts_with('O') => Some(Layout {
            size: 8,
            objects: true,
        }),
        Code::Letters(code) if !code.starts_with('V') => item_size(&code).map(|size| Layout {
            size,
            objects: false,
        }),
        // What their fields are, only their state tells.
        Code::Letters(_) | Code::Record => None,
    }
}

/// The layout that a dtype has with `state`: version, order, subarray, names, fields, size,
/// alignment, flags (`arraydescr_setstate` in NumPy's descriptor.c). Nothing where the state
/// contradicts the code that the dtype is made with. A size of -1 stands for the code's own.
pub(crate) fn layout_with(dtype: Ref, state: Ref, view: &View<'_>) -> Option<Layout> {
    let code = code(dtype, view)?;
    let &[_, _, subarray, names, _, size, _, ref rest @ ..] = view.heap.items(state)? else {
        return None;
    };
    let said = match view.value(size) {
        Value::Int(-1) => None,
        Value::Int(size) => Some(u64::try_from(size).ok()?),
        _ => return None,
    };
    let flags = match rest.first().map(|&flags| view.value(flags)) {
        // Versions 1 and 2, which say nothing of flags: NumPy looks at the fields then.
        None => None,
        Some(Value::Int(flags)) => Some(flags & 1 == 1),
        Some(_) => return None,
    };
    let Code::Letters(code) = code else {
        return Some(Layout {
            size: said?,
            objects: flags?,
        });
    };
    if code.starts_with('V') {
        let has_fields = !matches!(view.value(names), Value::None);
        return Some(Layout {
            size: said.filter(|&said| item_size(&code) == Some(said))?,
            objects: flags.or((!has_fields).then_some(false))?,
        });
    }
    if !matches!(view.value(subarray), Value::None) {
        return None;
    }
    let objects = code.starts_with('O');
    let own = if objects { 8 } else { item_size(&code)? };
    let size_fits = match said {
        None => !code.starts_with(['S', 'U']),
        Some(said) => said == own,
    };
    let flags_fit = flags.is_none_or(|flags| flags == objects);
    (size_fits && flags_fit).then_some(Layout { size: own, objects })
}

impl Layout {
    /// The layout in one number, which is how it is kept beside its dtype.
    pub(crate) fn number(self) -> Option<i64> {
        let size = i64::try_from(self.size).ok()?;
        Some(size.checked_mul(2)? + i64::from(self.objects))
    }

    fn of_number(number: i64) -> Option<Self> {
        Some(Self {
            size: u64::try_from(number).ok()? / 2,
            objects: number % 2 == 1,
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
        for (size, objects) in [(0, false), (8, true), (1 << 40, false)] {
            let layout = Layout { size, objects };
            assert_eq!(layout.number().and_then(Layout::of_number), Some(layout));
        }
        assert_eq!(Layout::of_number(-1), None);
    }
}
