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
    /// Where its persistent id stands.
    pub(crate) at: u64,
}

impl Storage {
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
        let size = match &*symbol.module {
            "torch" | "torch.storage" | "torch.cuda" => item_size(&symbol.path),
            _ => None,
        };
        Some(Self {
            key: view.text(key)?,
            bytes: size.map(|size| numel.saturating_mul(size)),
            at,
        })
    }
}

/// How many bytes an element takes, from torch's `_dtype_to_storage_type_map`.
fn item_size(storage: &str) -> Option<u64> {
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
