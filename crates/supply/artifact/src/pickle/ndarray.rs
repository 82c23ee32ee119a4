//! NumPy's arrays as they are pickled: `_reconstruct(ndarray, (0,), b'b')`, given the state
//! `(1, shape, dtype, is_fortran, data)`. NumPy compares bytes with the shape and the dtype, and
//! reads a list of objects beyond its end.

use super::{
    dtype::{Layout, elements, is_an_object, layout},
    effect::{Call, View},
    symbol::Symbol,
    value::{Ref, Shape, Value},
};

/// Whether `symbol` makes an array that gets what it holds by its state.
pub(crate) fn makes_an_array(symbol: &Symbol) -> bool {
    is_of_numpy(symbol) && matches!(&*symbol.path, "_reconstruct" | "_mareconstruct")
}

/// Whether a call is none that builds an array or a scalar, or builds one that takes no memory but
/// its own.
pub(crate) fn is_built_soundly(symbol: &Symbol, call: Call, view: &View<'_>) -> bool {
    let items = view.heap.items(call.arguments);
    let argument = |at: usize| items.and_then(|items| items.get(at)).copied();
    if matches!(
        (&*symbol.module, &*symbol.path),
        ("dill._dill" | "dill.dill", "_create_array")
    ) {
        return argument(2).is_some_and(|state| is_sound(state, view));
    }
    if !is_of_numpy(symbol) {
        return true;
    }
    match &*symbol.path {
        "_reconstruct" => argument(1).is_some_and(|shape| is_empty(shape, view)),
        "_mareconstruct" => argument(2).is_some_and(|shape| is_empty(shape, view)),
        // Without bytes NumPy makes as many zeros as the dtype says.
        "scalar" => argument(0).zip(argument(1)).is_some_and(|(dtype, bytes)| {
            match (layout(dtype, view), view.value(bytes)) {
                // A record with objects takes the bytes of an array, whatever that holds, and
                // before 1.20 any bytes for pointers.
                (Some(Layout { objects: true, .. }), held) => {
                    is_an_object(dtype, view) && !matches!(held, Value::Called { .. })
                }
                // What the dtype is may only be said when the bytes are in it.
                (known, _) => known.is_some(),
            }
        }),
        "_frombuffer" => argument(1).is_some_and(|dtype| layout(dtype, view).is_some()),
        _ => true,
    }
}

/// Whether an array's state holds as much as its shape says. A masked array's has the bytes of the
/// mask, for which the shape is the same, and the filling value besides.
pub(crate) fn is_sound(state: Ref, view: &View<'_>) -> bool {
    let (&[version, shape, dtype, order, data] | &[version, shape, dtype, order, data, _, _]) =
        view.heap.items(state).unwrap_or_default()
    else {
        return false;
    };
    let is_tuple = matches!(
        view.value(state),
        Value::Container {
            shape: Shape::Tuple,
            ..
        }
    );
    let is_number = |of| matches!(view.value(of), Value::Int(_) | Value::Bool);
    if !is_tuple || !is_number(version) || !is_number(order) {
        return false;
    }
    match (elements(shape, view), layout(dtype, view)) {
        (Some(count), Some(layout)) => {
            let empty = count == 0 || layout.size == 0;
            holds(data, count, layout, view) && (!empty || is_small(shape, view))
        }
        _ => false,
    }
}

/// Whether an array without bytes has no more rows than somebody could walk over.
fn is_small(shape: Ref, view: &View<'_>) -> bool {
    let extents = view.heap.items(shape).unwrap_or_default();
    let rows = extents.iter().map(|&extent| match view.value(extent) {
        Value::Int(extent) => extent,
        _ => i64::MAX,
    });
    rows.into_iter().all(|extent| extent <= MOST_EMPTY_ROWS)
}

/// Whether `data` are `count` elements.
fn holds(data: Ref, count: u64, layout: Layout, view: &View<'_>) -> bool {
    match view.value(data) {
        Value::Container {
            shape: Shape::List,
            count: held,
            weight,
            ..
        } => {
            // Beyond what is counted, the weight counts: each element adds one or more to it.
            let least = count.min(WEIGHED_EXACTLY);
            layout.objects
                && u64::from(held) == count.min(u16::MAX.into())
                && u32::try_from(least).is_ok_and(|least| f64::from(weight) >= f64::from(least))
        }
        Value::Blob { len, .. } => {
            !layout.objects && count.checked_mul(layout.size) == Some(u64::from(len))
        }
        // How long they are, NumPy looks at.
        Value::Bytes | Value::Str { .. } => !layout.objects,
        // Below protocol 3, bytes are text that a call encodes.
        Value::Called {
            callee, arguments, ..
        } => !layout.objects && encodes(callee, arguments, view),
        _ => false,
    }
}

/// Whether it is the tuple `(0,)`.
fn is_empty(shape: Ref, view: &View<'_>) -> bool {
    matches!(view.heap.items(shape), Some(&[extent]) if matches!(view.value(extent), Value::Int(0)))
}

/// Whether a call gives bytes: of text, or none at all.
fn encodes(callee: Ref, arguments: Ref, view: &View<'_>) -> bool {
    let symbol = view.global(callee).map(|id| view.symbols.symbol(id));
    match symbol.map(|symbol| (&*symbol.module, &*symbol.path)) {
        Some(("_codecs", "encode")) => true,
        Some(("builtins", "bytes")) => arguments == Ref::EMPTY_TUPLE,
        _ => false,
    }
}

fn is_of_numpy(symbol: &Symbol) -> bool {
    symbol.module.split('.').next() == Some("numpy")
}

const MOST_EMPTY_ROWS: i64 = 1 << 24;
/// Up to here a weight grows by one for each element.
const WEIGHED_EXACTLY: u64 = 1 << 24;
