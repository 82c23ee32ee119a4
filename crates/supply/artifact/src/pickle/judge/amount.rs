//! Calls of a few bytes that take gigabytes.

use crate::pickle::{
    effect::{Call, View},
    symbol::Symbol,
    value::{Ref, Value},
};

/// Whether a call makes an object of a number, or of all numbers up to one, that takes so much.
pub(super) fn takes_gigabytes(symbol: &Symbol, call: Call, view: &View<'_>) -> bool {
    let first = |arguments| {
        view.heap
            .items(arguments)
            .and_then(|it| it.first().copied())
    };
    if &*symbol.module != "builtins" && &*symbol.module != "collections" {
        return false;
    }
    let argument = first(call.arguments).map(|of| view.value(of));
    match (&*symbol.path, argument) {
        ("bytes" | "bytearray", Some(Value::Int(count))) => count >= GIGABYTES,
        ("bytes" | "bytearray", Some(Value::BigInt { .. })) => true,
        (
            "set" | "frozenset" | "list" | "tuple" | "deque" | "Counter" | "bytes" | "bytearray",
            Some(Value::Called {
                callee, arguments, ..
            }),
        ) => {
            let range = view.global(callee).is_some_and(|id| {
                let symbol = view.symbols.symbol(id);
                (&*symbol.module, &*symbol.path) == ("builtins", "range")
            });
            let numbers = view.heap.items(arguments).unwrap_or_default();
            let number = |of: &Ref| match view.value(*of) {
                Value::Int(number) => Some(number),
                _ => None,
            };
            range
                && match numbers
                    .iter()
                    .map(number)
                    .collect::<Option<Vec<_>>>()
                    .as_deref()
                {
                    Some(&[stop]) => stop >= GIGABYTES,
                    Some(&[start, stop, ref step @ ..]) => {
                        let step = step.first().map_or(1, |step| step.unsigned_abs()).max(1);
                        stop.abs_diff(start) / step >= GIGABYTES.unsigned_abs()
                    }
                    _ => !numbers.is_empty(),
                }
        }
        _ => false,
    }
}

/// So many bytes at least: files hold more, and write them out.
const GIGABYTES: i64 = 1 << 28;
