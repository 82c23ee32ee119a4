//! Tensors as torch rebuilds them: `_rebuild_tensor_v2(storage, offset, size, stride, …)`. A view
//! that leaves its storage has made loaders read and write memory that is not theirs.

use super::{
    effect::{Call, Effect, Effects, View},
    judge::Judge,
    storage::Storage,
    value::{Ref, Value},
};
use crate::{
    Verdict,
    formats::torch_zip::STORAGE,
    notes::{Notes, bytes, plain},
};

/// A judge who looks at tensors besides.
pub(super) struct WithTensors<'j, 'a, 'n, 'l>(pub(super) &'j mut Judge<'a, 'n, 'l>);

impl Effects for WithTensors<'_, '_, '_, '_> {
    fn effect(&mut self, at: u64, effect: Effect, view: &View<'_>) {
        if let Effect::Call(call) = effect {
            check(at, call, view, self.0.notes);
        }
        self.0.effect(at, effect, view);
    }
}

/// Notes a tensor that reaches beyond its storage.
fn check(at: u64, call: Call, view: &View<'_>, notes: &mut Notes<'_>) {
    let Some((storage, reach)) = tensor(at, call, view) else {
        return;
    };
    let key = plain(&storage.key);
    let (verdict, message) = match (reach, storage.bytes) {
        // That its type is not known is said with the storage.
        (_, None) => return,
        (Reach::To(reach), Some(bytes)) if reach <= bytes => return,
        (Reach::To(reach), Some(bytes)) => (
            tampered(bytes),
            format!("a tensor reaches to byte {reach} of the storage {key}, which has {bytes}"),
        ),
        (Reach::Nowhere, Some(bytes)) => (
            tampered(bytes),
            format!("a tensor reaches to where no byte of the storage {key} can be"),
        ),
        (Reach::Untold, _) => (
            Verdict::Unknown,
            format!("how far a tensor reaches in the storage {key} cannot be told"),
        ),
    };
    let key = format!("view of {key}");
    notes.observe(&STORAGE, verdict, bytes(at, 1), key, message);
}

/// What a tensor is that leaves its storage of so many bytes. Programs that share their tensors
/// over several machines empty storages and keep the tensors.
fn tampered(bytes: u64) -> Verdict {
    match bytes {
        0 => Verdict::Unknown,
        _ => Verdict::Dangerous,
    }
}

/// How far a tensor reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// To this element or byte.
    To(u64),
    /// Before the first, or beyond what can be counted.
    Nowhere,
    /// That is not said in numbers.
    Untold,
}

/// The storage of a tensor that a call makes, and to which byte of it the tensor reaches.
fn tensor(at: u64, call: Call, view: &View<'_>) -> Option<(Storage, Reach)> {
    let symbol = view.symbols.symbol(view.global(call.callee)?);
    let is_third = match (&*symbol.module, &*symbol.path) {
        ("torch._utils", "_rebuild_tensor_v3") => true,
        ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2" | "_rebuild_qtensor") => false,
        _ => return None,
    };
    let items = view.heap.items(call.arguments)?;
    let &[storage, offset, size, stride, ..] = items else {
        return None;
    };
    let Value::Persistent(id) = view.value(storage) else {
        return None;
    };
    let storage = Storage::of_persistent_id(id, at, view)?;
    let item = match (is_third, items.get(6)) {
        (false, _) => storage.item,
        (true, Some(&dtype)) => dtype_size(dtype, view),
        (true, None) => None,
    };
    let reach = match (elements(offset, size, stride, view), item) {
        (Reach::To(elements), Some(item)) => to(elements.checked_mul(item)),
        (Reach::Nowhere, _) => Reach::Nowhere,
        _ => Reach::Untold,
    };
    Some((storage, reach))
}

/// How many elements of its storage a tensor reaches over.
fn elements(offset: Ref, size: Ref, stride: Ref, view: &View<'_>) -> Reach {
    let number = |of| match view.value(of) {
        Value::Int(number) => Some(number),
        _ => None,
    };
    let (Some(sizes), Some(strides)) = (numbers(size, view), numbers(stride, view)) else {
        return Reach::Untold;
    };
    let every = sizes.iter().chain(strides).map(|&of| number(of));
    let Some(every) = every.collect::<Option<Vec<i64>>>() else {
        return Reach::Untold;
    };
    let Some(offset) = number(offset) else {
        return Reach::Untold;
    };
    if sizes.len() != strides.len() || offset < 0 || every.iter().any(|&number| number < 0) {
        return Reach::Nowhere;
    }
    let (sizes, strides) = every.split_at(sizes.len());
    let mut last = Some(offset.unsigned_abs());
    for (size, stride) in sizes.iter().zip(strides) {
        let Some(steps) = size.unsigned_abs().checked_sub(1) else {
            return Reach::To(0);
        };
        let more = steps.checked_mul(stride.unsigned_abs());
        last = last
            .zip(more)
            .and_then(|(last, more)| last.checked_add(more));
    }
    to(last.and_then(|last| last.checked_add(1)))
}

fn to(reach: Option<u64>) -> Reach {
    reach.map_or(Reach::Nowhere, Reach::To)
}

fn numbers<'v>(of: Ref, view: &'v View<'_>) -> Option<&'v [Ref]> {
    match of {
        Ref::EMPTY_TUPLE => Some(&[]),
        _ => view.heap.items(of),
    }
}

/// How many bytes an element of a dtype has, such as `torch.float32`.
fn dtype_size(of: Ref, view: &View<'_>) -> Option<u64> {
    let symbol = view.symbols.symbol(view.global(of)?);
    if &*symbol.module != "torch" {
        return None;
    }
    let path = &*symbol.path;
    if path.starts_with("float8_") {
        return Some(1);
    }
    Some(match path {
        "bool" | "uint8" | "int8" | "float4_e2m1fn_x2" => 1,
        "uint16" | "int16" | "float16" | "bfloat16" => 2,
        "uint32" | "int32" | "float32" | "complex32" => 4,
        "uint64" | "int64" | "float64" | "complex64" => 8,
        "complex128" => 16,
        _ => return None,
    })
}
