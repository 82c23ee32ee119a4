//! NumPy's arrays and numbers in a pickle.
//!
//! An array is `_reconstruct(ndarray, (0,), b'b')`, given the state `(1, shape, dtype,
//! fortran_order, bytes)`; a number is `scalar(dtype, bytes)`.

use super::{Dtype, Place, Refusal, Storage, Tensor, column_major, row_major, torch::numbers};
use crate::{
    cursor::Extent,
    pickle::{
        symbol::Symbol,
        tree::{Array, Id, Node, Tree},
        value::Shape,
    },
};

/// The array that a node is; nothing where it is none.
pub(crate) fn array(tree: &Tree<'_>, id: Id) -> Option<Result<Tensor, Refusal>> {
    let called = tree.called(id)?;
    let callee = tree.global(called.callee)?;
    if let Some(array) = called.array {
        let state = *called.states.first()?;
        return Some(match array {
            Array::Bytes(extent) => wrapped(tree, state, extent),
            Array::Objects(_) => Err(Refusal::Objects),
        });
    }
    if is(callee, "_reconstruct") {
        return Some(reconstructed(tree, id));
    }
    None
}

/// The number that a node is, as the dtype and the bytes of it; nothing where it is none.
pub(crate) fn scalar(tree: &Tree<'_>, id: Id) -> Option<(Dtype, bool, Extent)> {
    let called = tree.called(id)?;
    if !is(tree.global(called.callee)?, "scalar") || !called.states.is_empty() {
        return None;
    }
    let &[dtype, bytes] = tree.items_of(called.arguments, Shape::Tuple)? else {
        return None;
    };
    let (dtype, big_endian) = self::dtype(tree, dtype).ok()?;
    match *tree.node(bytes) {
        Node::Bytes { extent, .. } if extent.len == dtype.size() => {
            Some((dtype, big_endian, extent))
        }
        _ => None,
    }
}

fn is(symbol: &Symbol, path: &str) -> bool {
    let module = &*symbol.module;
    &*symbol.path == path && matches!(module, "numpy.core.multiarray" | "numpy._core.multiarray")
}

fn reconstructed(tree: &Tree<'_>, id: Id) -> Result<Tensor, Refusal> {
    let called = tree.called(id).ok_or(Refusal::NotAnArray)?;
    let arguments = tree.items_of(called.arguments, Shape::Tuple);
    let class = arguments.and_then(|arguments| tree.global(*arguments.first()?));
    let class = class.ok_or(Refusal::NotAnArray)?;
    if (&*class.module, &*class.path) != ("numpy", "ndarray") {
        return Err(Refusal::Object(class.dotted()));
    }
    let &[state] = &called.states[..] else {
        return Err(Refusal::NotAnArray);
    };
    if !called.items.is_empty() {
        return Err(Refusal::NotAnArray);
    }
    let Some(&[_, shape, dtype, fortran, data]) = tree.items_of(state, Shape::Tuple) else {
        return Err(Refusal::NotAnArray);
    };
    let shape = numbers(tree, shape).ok_or(Refusal::NotAnArray)?;
    let (dtype, big_endian) = self::dtype(tree, dtype)?;
    let Node::Bool(fortran) = *tree.node(fortran) else {
        return Err(Refusal::NotAnArray);
    };
    let Node::Bytes { extent, .. } = *tree.node(data) else {
        // Before protocol 3 the bytes are text that is encoded again.
        return Err(Refusal::Malformed("its bytes are written as text"));
    };
    laid_out(dtype, big_endian, shape, fortran, extent)
}

/// An array that joblib writes behind a wrapper.
fn wrapped(tree: &Tree<'_>, state: Id, extent: Extent) -> Result<Tensor, Refusal> {
    let entry = |key| tree.entry(state, key).ok_or(Refusal::NotAnArray);
    let subclass = tree.global(entry("subclass")?).ok_or(Refusal::NotAnArray)?;
    if (&*subclass.module, &*subclass.path) != ("numpy", "ndarray") {
        return Err(Refusal::Object(subclass.dotted()));
    }
    let shape = numbers(tree, entry("shape")?).ok_or(Refusal::NotAnArray)?;
    let (dtype, big_endian) = self::dtype(tree, entry("dtype")?)?;
    let fortran = match tree.text(entry("order")?).as_deref() {
        Some("C") => false,
        Some("F") => true,
        _ => return Err(Refusal::NotAnArray),
    };
    laid_out(dtype, big_endian, shape, fortran, extent)
}

/// An array whose bytes are all of `extent`.
pub(crate) fn laid_out(
    dtype: Dtype,
    big_endian: bool,
    shape: Vec<u64>,
    fortran: bool,
    extent: Extent,
) -> Result<Tensor, Refusal> {
    let storage = Storage {
        place: Place::extent(extent),
        len: extent.len,
        big_endian: big_endian && dtype.unit() > 1,
    };
    let strides = match fortran {
        true => column_major(&shape),
        false => row_major(&shape),
    };
    let strides = strides.ok_or(Refusal::Malformed("its shape is too large"))?;
    let tensor = Tensor::new(dtype, shape, strides, 0, storage)?;
    match tensor.bytes() == extent.len {
        true => Ok(tensor),
        false => Err(Refusal::Malformed(
            "its bytes are not as many as its shape needs",
        )),
    }
}

/// `dtype('f8', False, True)`, given the state `(3, '<', None, None, None, -1, -1, 0)`.
fn dtype(tree: &Tree<'_>, id: Id) -> Result<(Dtype, bool), Refusal> {
    let called = tree.called(id).ok_or(Refusal::NotAnArray)?;
    let callee = tree.global(called.callee).ok_or(Refusal::NotAnArray)?;
    if (&*callee.module, &*callee.path) != ("numpy", "dtype") {
        return Err(Refusal::Dtype(callee.dotted()));
    }
    let arguments = tree.items_of(called.arguments, Shape::Tuple);
    let code = arguments.and_then(|arguments| tree.text(*arguments.first()?));
    let code = code.ok_or(Refusal::NotAnArray)?;
    let (dtype, _) = of_code(&code)?;
    let &[state] = &called.states[..] else {
        return Err(Refusal::NotAnArray);
    };
    let Some(&[_, order, subarray, names, fields, ..]) = tree.items_of(state, Shape::Tuple) else {
        return Err(Refusal::NotAnArray);
    };
    let none = |id| matches!(tree.node(id), Node::None);
    if !(none(subarray) && none(names) && none(fields)) {
        return Err(Refusal::Structured);
    }
    match tree.text(order).as_deref() {
        Some("<" | "|" | "=") => Ok((dtype, false)),
        Some(">") => Ok((dtype, true)),
        _ => Err(Refusal::NotAnArray),
    }
}

/// The dtype of a NumPy code, or why there is none here.
pub(crate) fn of_code(code: &str) -> Result<(Dtype, bool), Refusal> {
    if let Some(known) = Dtype::of_numpy(code) {
        return Ok(known);
    }
    let letter = code.trim_start_matches(['<', '>', '=', '|']).chars().next();
    Err(match letter {
        Some('O') => Refusal::Objects,
        Some('U' | 'S' | 'a' | 'T') => Refusal::Text,
        Some('V') => Refusal::Structured,
        Some('M' | 'm') => Refusal::Time,
        _ => Refusal::Dtype(crate::notes::plain(code)),
    })
}
