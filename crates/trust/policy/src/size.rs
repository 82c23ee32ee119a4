//! How much a value is when it is written out.
//!
//! Values share their parts: forty rules, each `[x, x]` of the one before, are forty small arrays, and a
//! trillion numbers as text. Whatever walks a value is bounded here first.

use regorus::Value;

/// Whether `values` have no more than [`MAX_PARTS`] parts and [`MAX_BYTES`] of text together, and nest no
/// deeper than [`MAX_DEPTH`].
pub(crate) fn is_bounded<'a>(values: impl IntoIterator<Item = &'a Value>) -> bool {
    of(values).is_some()
}

/// How much there is, all together.
pub(crate) struct Size {
    pub(crate) parts: usize,
    /// Of text.
    pub(crate) bytes: usize,
    /// Of the deepest.
    pub(crate) depth: usize,
}

/// How much `values` are, where they are bounded.
pub(crate) fn of<'a>(values: impl IntoIterator<Item = &'a Value>) -> Option<Size> {
    let (mut parts, mut bytes, mut deepest) = (0, 0, 0);
    let mut todo: Vec<(&Value, usize)> = values.into_iter().map(|value| (value, 0)).collect();
    while let Some((value, depth)) = todo.pop() {
        parts += 1;
        deepest = deepest.max(depth);
        let inside = match value {
            Value::String(text) => {
                bytes += text.len();
                0
            }
            Value::Array(items) => {
                todo.extend(items.iter().map(|item| (item, depth + 1)));
                items.len()
            }
            Value::Set(items) => {
                todo.extend(items.iter().map(|item| (item, depth + 1)));
                items.len()
            }
            Value::Object(fields) => {
                for (key, value) in fields.iter() {
                    todo.extend([(key, depth + 1), (value, depth + 1)]);
                }
                fields.len()
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Undefined => 0,
        };
        let is_too_deep = inside > 0 && depth >= MAX_DEPTH;
        if is_too_deep || parts > MAX_PARTS || bytes > MAX_BYTES {
            return None;
        }
    }
    Some(Size {
        parts,
        bytes,
        depth: deepest,
    })
}

/// What `numbers.range` makes at most has to have room.
const MAX_PARTS: usize = 1_100_000;

/// In bytes.
const MAX_BYTES: usize = 64 << 20;

/// A serialiser recurses, and so does whoever drops what it made.
const MAX_DEPTH: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_shares_its_parts_is_as_large_as_it_is_written() {
        let mut value = Value::from("x");
        for _ in 0..10 {
            value = Value::from(vec![value.clone(), value]);
        }
        assert!(is_bounded([&value]));
        for _ in 0..30 {
            value = Value::from(vec![value.clone(), value]);
        }
        assert!(!is_bounded([&value]));
    }

    #[test]
    fn text_and_depth_count() {
        let text = Value::from("x".repeat(MAX_BYTES / 2));
        assert!(is_bounded([&text, &text]));
        assert!(!is_bounded([&text, &text, &Value::from("x")]));
        let nested = |levels| (0..levels).fold(Value::Null, |value, _| Value::from(vec![value]));
        assert!(is_bounded([&nested(MAX_DEPTH)]));
        assert!(!is_bounded([&nested(MAX_DEPTH + 1)]));
    }
}
