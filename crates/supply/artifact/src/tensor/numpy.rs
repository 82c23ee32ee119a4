//! NumPy's arrays and numbers in a pickle.
//!
//! An array is `_reconstruct(ndarray, (0,), b'b')`, given the state `(1, shape, dtype,
//! fortran_order, bytes)`, or since protocol 5 `_frombuffer(bytes, dtype, shape, order)`; a number is
//! `scalar(dtype, bytes)`.

use super::{
    Dtype, Place, Refusal, Storage, Tensor, column_major, product, row_major, torch::numbers,
};
use crate::{
    cursor::Extent,
    pickle::{
        symbol::Symbol,
        tree::{Array, Called, Id, Node, Tree},
        value::{Form, Shape},
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
    let (module, path) = (&*callee.module, &*callee.path);
    let is_buffer = matches!(module, "numpy.core.numeric" | "numpy._core.numeric");
    (is_buffer && path == "_frombuffer").then(|| buffered(tree, called))
}

/// The number that a node is: its dtype, whether its big end comes first, and its bytes; nothing
/// where it is none.
pub(crate) fn scalar(tree: &Tree<'_>, id: Id) -> Option<(Dtype, bool, Vec<u8>)> {
    let called = tree.called(id)?;
    if !is(tree.global(called.callee)?, "scalar") || !called.states.is_empty() {
        return None;
    }
    let &[dtype, bytes] = tree.items_of(called.arguments, Shape::Tuple)? else {
        return None;
    };
    let (dtype, big_endian) = dtype_of(tree, dtype).ok()?;
    let bytes = match payload(tree, bytes)? {
        Payload::Bytes(extent) => tree.bytes(extent, LONGEST_SCALAR)?,
        Payload::Latin1(extent) => {
            let text = String::from_utf8(tree.bytes(extent, LONGEST_SCALAR)?).ok()?;
            let bytes = text.chars().map(|c| u8::try_from(u32::from(c)).ok());
            bytes.collect::<Option<Vec<u8>>>()?
        }
    };
    (bytes.len() as u64 == dtype.size()).then_some((dtype, big_endian, bytes))
}

/// How a pickle holds bytes.
enum Payload {
    Bytes(Extent),
    /// Before protocol 3 there is no opcode for bytes: `_codecs.encode(text, 'latin1')`.
    Latin1(Extent),
}

fn payload(tree: &Tree<'_>, id: Id) -> Option<Payload> {
    if let Node::Bytes { extent, .. } = *tree.node(id) {
        return Some(Payload::Bytes(extent));
    }
    let called = tree.called(id)?;
    let callee = tree.global(called.callee)?;
    let arguments = tree.items_of(called.arguments, Shape::Tuple)?;
    let untouched = called.states.is_empty() && called.items.is_empty();
    match (&*callee.module, &*callee.path, arguments) {
        ("_codecs", "encode", &[text, coding]) if untouched => match *tree.node(text) {
            Node::Text {
                form: Form::Utf8,
                extent,
            } if tree.text(coding)? == "latin1" => Some(Payload::Latin1(extent)),
            _ => None,
        },
        ("builtins" | "__builtin__", "bytes", []) if untouched => {
            Some(Payload::Bytes(Extent { at: 0, len: 0 }))
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
    let (dtype, big_endian) = dtype_of(tree, dtype)?;
    let Node::Bool(fortran) = *tree.node(fortran) else {
        return Err(Refusal::NotAnArray);
    };
    let place = match payload(tree, data).ok_or(Refusal::NotAnArray)? {
        Payload::Bytes(extent) => return laid_out(dtype, big_endian, shape, fortran, extent),
        Payload::Latin1(Extent { at, len }) => Place::Latin1 { at, len },
    };
    let count = product(&shape).and_then(|count| count.checked_mul(dtype.size()));
    let len = count.ok_or(TOO_LARGE)?;
    in_place(dtype, big_endian, shape, fortran, place, len)
}

/// `_frombuffer(bytes, dtype, shape, order)`, as protocol 5 has it.
fn buffered(tree: &Tree<'_>, called: &Called) -> Result<Tensor, Refusal> {
    let arguments = tree.items_of(called.arguments, Shape::Tuple);
    let Some(&[data, dtype, shape, order]) = arguments else {
        return Err(Refusal::NotAnArray);
    };
    if !called.states.is_empty() || !called.items.is_empty() {
        return Err(Refusal::NotAnArray);
    }
    let Node::Bytes { extent, .. } = *tree.node(data) else {
        return Err(Refusal::NotAnArray);
    };
    let (dtype, big_endian) = dtype_of(tree, dtype)?;
    let shape = numbers(tree, shape).ok_or(Refusal::NotAnArray)?;
    let fortran = is_fortran(tree, order)?;
    laid_out(dtype, big_endian, shape, fortran, extent)
}

fn is_fortran(tree: &Tree<'_>, order: Id) -> Result<bool, Refusal> {
    match tree.text(order).as_deref() {
        Some("C") => Ok(false),
        Some("F") => Ok(true),
        _ => Err(Refusal::NotAnArray),
    }
}

/// An array that joblib writes behind a wrapper.
fn wrapped(tree: &Tree<'_>, state: Id, extent: Extent) -> Result<Tensor, Refusal> {
    let entry = |key| tree.entry(state, key).ok_or(Refusal::NotAnArray);
    let subclass = tree.global(entry("subclass")?).ok_or(Refusal::NotAnArray)?;
    if (&*subclass.module, &*subclass.path) != ("numpy", "ndarray") {
        return Err(Refusal::Object(subclass.dotted()));
    }
    let shape = numbers(tree, entry("shape")?).ok_or(Refusal::NotAnArray)?;
    let (dtype, big_endian) = dtype_of(tree, entry("dtype")?)?;
    let fortran = is_fortran(tree, entry("order")?)?;
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
    let place = Place::extent(extent);
    let tensor = in_place(dtype, big_endian, shape, fortran, place, extent.len)?;
    match tensor.bytes() == extent.len {
        true => Ok(tensor),
        false => Err(Refusal::Malformed(
            "its bytes are not as many as its shape needs",
        )),
    }
}

fn in_place(
    dtype: Dtype,
    big_endian: bool,
    shape: Vec<u64>,
    fortran: bool,
    place: Place,
    len: u64,
) -> Result<Tensor, Refusal> {
    let storage = Storage {
        place,
        len,
        dtype: None,
        big_endian: big_endian && dtype.unit() > 1,
    };
    let strides = match fortran {
        true => column_major(&shape),
        false => row_major(&shape),
    };
    Tensor::new(dtype, shape, strides.ok_or(TOO_LARGE)?, 0, storage)
}

/// `dtype('f8', False, True)`, given the state `(3, '<', None, None, None, -1, -1, 0)`.
fn dtype_of(tree: &Tree<'_>, id: Id) -> Result<(Dtype, bool), Refusal> {
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

const TOO_LARGE: Refusal = Refusal::Malformed("its shape is too large");
/// Sixteen characters that take two bytes each.
const LONGEST_SCALAR: usize = 32;
