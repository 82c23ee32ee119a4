//! NumPy's dtypes, as far as the size of an element depends on them.

use super::{
    effect::View,
    value::{Ref, Value},
};

/// The code that a dtype is made with: a letter and a size. Nothing for what is no dtype.
pub(crate) fn code(dtype: Ref, view: &View<'_>) -> Option<String> {
    let Value::Called {
        callee, arguments, ..
    } = view.value(dtype)
    else {
        return None;
    };
    let symbol = view.symbols.symbol(view.global(callee)?);
    if (&*symbol.module, &*symbol.path) != ("numpy", "dtype") {
        return None;
    }
    view.text(*view.heap.items(arguments)?.first()?)
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

/// Whether the state that a dtype is given leaves its size as its code says: version, order,
/// subarray, names, fields, size, alignment, flags (`arraydescr_setstate` in NumPy's
/// descriptor.c). A size of -1 stands for the code's own.
pub(crate) fn keeps_its_size(dtype: Ref, state: Ref, view: &View<'_>) -> bool {
    let Some(code) = code(dtype, view) else {
        return false;
    };
    let Some(&[_, _, subarray, _, _, size, ..]) = view.heap.items(state) else {
        return false;
    };
    let own = item_size(&code);
    let size_fits = match view.value(size) {
        Value::Int(-1) => !code.starts_with(['S', 'U', 'V']),
        Value::Int(size) => own.is_some() && u64::try_from(size).ok() == own,
        _ => false,
    };
    size_fits && (code.starts_with('V') || matches!(view.value(subarray), Value::None))
}

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
}
