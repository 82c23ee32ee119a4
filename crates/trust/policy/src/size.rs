//! How much a value is when it is written out.
//!
//! Values share their parts: forty rules, each `[x, x]` of the one before, are forty small arrays, and a
//! trillion numbers as text. Whatever walks a value is bounded here first.

use regorus::Value;

/// Whether `values` have no more than [`MAX_PARTS`] parts, [`MAX_BYTES`] of text and [`MAX_DIGITS`] of long
/// numbers together, and nest no deeper than [`MAX_DEPTH`].
pub(crate) fn is_bounded<'a>(values: impl IntoIterator<Item = &'a Value>) -> bool {
    of(values).is_some()
}

/// How much there is, all together.
pub(crate) struct Size {
    pub(crate) parts: usize,
    /// Of text, and of the digits of long numbers.
    pub(crate) bytes: usize,
    /// Of the deepest.
    pub(crate) depth: usize,
}

/// How much `values` are, where they are bounded.
pub(crate) fn of<'a>(values: impl IntoIterator<Item = &'a Value>) -> Option<Size> {
    let (mut parts, mut bytes, mut digits, mut deepest) = (0, 0, 0, 0);
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
            Value::Number(number) => {
                // An integer beyond the machine's, which has as many digits as somebody multiplied.
                let is_short = number.as_i64().is_some()
                    || number.as_u64().is_some()
                    || number.as_f64().is_some();
                if let Some(long) = number.as_big().filter(|_| !is_short) {
                    let long = usize::try_from(long.bits() / 3 + 1).unwrap_or(usize::MAX);
                    digits += long.min(MAX_DIGITS + 1);
                }
                0
            }
            Value::Null | Value::Bool(_) | Value::Undefined => 0,
        };
        let is_too_deep = inside > 0 && depth >= MAX_DEPTH;
        let is_too_much = parts > MAX_PARTS || bytes > MAX_BYTES || digits > MAX_DIGITS;
        if is_too_deep || is_too_much {
            return None;
        }
    }
    Some(Size {
        parts,
        bytes: bytes + digits,
        depth: deepest,
    })
}

/// What `numbers.range` makes at most has to have room.
const MAX_PARTS: usize = 1_100_000;

/// In bytes.
const MAX_BYTES: usize = 64 << 20;

/// Of numbers beyond 64 bits, all together: what writes one in decimal takes more than twice as long for
/// one twice as long, and looks at no clock.
const MAX_DIGITS: usize = 64 << 10;

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
    fn the_digits_of_long_numbers_count() {
        let long = |digits: usize| {
            let (one, bits) = (Value::from(1_u64), Value::from(digits * 3));
            let (Value::Number(one), Value::Number(bits)) = (one, bits) else {
                panic!("numbers");
            };
            Value::Number(one.lsh(&bits).expect("is shifted"))
        };
        assert!(is_bounded([&long(MAX_DIGITS / 2)]));
        assert!(!is_bounded([&long(MAX_DIGITS)]));
        let third = long(MAX_DIGITS / 3);
        assert!(is_bounded([&third, &third]));
        assert!(!is_bounded([&third, &third, &third]));
        let short = Value::from(vec![Value::from(u64::MAX); MAX_DIGITS]);
        assert!(is_bounded([&short]));
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
