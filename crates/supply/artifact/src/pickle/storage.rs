//! The storages of tensors that torch writes as persistent ids.

use super::{
    effect::View,
    value::{Ref, Value},
};

/// One storage: `('storage', type, key, location, numel)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Storage {
    pub(crate) key: String,
    /// How many bytes it says it has; nothing where its type is not known.
    pub(crate) bytes: Option<u64>,
    /// How many bytes an element has.
    pub(crate) item: Option<u64>,
    /// How many of its elements a view of it reaches over.
    pub(crate) view: u64,
    /// Where its persistent id stands.
    pub(crate) at: u64,
}

impl Storage {
    /// The object that a persistent id names by a number, as those of tar archives do.
    pub(crate) fn of_number(id: Ref, at: u64, view: &View<'_>) -> Option<Self> {
        let key = match view.value(id) {
            Value::Int(number) => number,
            _ => view.text(id)?.parse().ok()?,
        };
        Some(Self {
            key: key.to_string(),
            bytes: None,
            item: None,
            view: 0,
            at,
        })
    }

    /// The storage that a persistent id names, if it has the form torch gives it.
    pub(crate) fn of_persistent_id(id: Ref, at: u64, view: &View<'_>) -> Option<Self> {
        let items = view.heap.items(id)?;
        let (&[tag, kind, key, location, numel], _) = items.split_first_chunk()?;
        // The legacy format adds where a view begins in its storage.
        if items.len() > 6 || view.text(tag)? != "storage" {
            return None;
        }
        view.text(location)?;
        let Value::Int(numel) = view.value(numel) else {
            return None;
        };
        let numel = u64::try_from(numel).ok()?;
        let symbol = view.symbols.symbol(view.global(kind)?);
        let reached = items.get(5).map_or(Some(0), |&of| reach(of, view));
        let size = match &*symbol.module {
            "torch" | "torch.storage" | "torch.cuda" => item_size(&symbol.path),
            _ => None,
        };
        Some(Self {
            key: view.text(key)?,
            item: size,
            view: reached.unwrap_or(u64::MAX),
            bytes: size.map(|size| numel.saturating_mul(size)),
            at,
        })
    }
}

/// How far a view `(key, offset, numel)` reaches into its storage; nothing where it is none.
fn reach(of: Ref, view: &View<'_>) -> Option<u64> {
    if matches!(view.value(of), Value::None) {
        return Some(0);
    }
    let &[_, offset, numel] = view.heap.items(of)? else {
        return None;
    };
    let number = |of| match view.value(of) {
        Value::Int(number) => u64::try_from(number).ok(),
        _ => None,
    };
    number(offset)?.checked_add(number(numel)?)
}

/// How many bytes an element takes, from torch's `_dtype_to_storage_type_map`.
pub(crate) fn item_size(storage: &str) -> Option<u64> {
    Some(match storage {
        "ComplexDoubleStorage" => 16,
        "DoubleStorage" | "LongStorage" | "ComplexFloatStorage" => 8,
        "FloatStorage" | "IntStorage" | "QInt32Storage" => 4,
        "HalfStorage" | "BFloat16Storage" | "ShortStorage" => 2,
        "ByteStorage" | "CharStorage" | "BoolStorage" | "QInt8Storage" | "QUInt8Storage"
        | "QUInt4x2Storage" | "QUInt2x4Storage" | "UntypedStorage" => 1,
        _ => return None,
    })
}
