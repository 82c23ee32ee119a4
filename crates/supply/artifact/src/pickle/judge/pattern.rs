//! Regular expressions that take long to be compiled: without regard to case, Python looks up every
//! letter of a range.

use crate::pickle::{
    effect::{Call, View},
    symbol::Symbol,
    value::Value,
};

/// Whether a call compiles such an expression, for all one can read of it.
pub(super) fn takes_long_to_compile(symbol: &Symbol, call: Call, view: &View<'_>) -> bool {
    if (&*symbol.module, &*symbol.path) != ("re", "_compile") {
        return false;
    }
    let Some(&[pattern, flags, ..]) = view.heap.items(call.arguments) else {
        return false;
    };
    let text = view.text(pattern).unwrap_or_default();
    let ignores_case = match view.value(flags) {
        Value::Int(flags) => flags & IGNORE_CASE != 0,
        _ => true,
    };
    if !ignores_case && !sets_a_flag(&text) {
        return false;
    }
    let is_whole = match view.value(pattern) {
        Value::Str { len, .. } => len as usize <= crate::pickle::text::LONGEST,
        _ => true,
    };
    !is_whole || wide_ranges(&text) > MOST_RANGES
}

/// Whether an expression may say itself that case is none of its concern.
fn sets_a_flag(text: &str) -> bool {
    text.match_indices("(?").any(|(at, _)| {
        let flags = text[at + 2..].chars().take_while(char::is_ascii_alphabetic);
        flags.into_iter().any(|flag| flag == 'i')
    })
}

/// How many ranges of letters there may be that end beyond Latin.
fn wide_ranges(text: &str) -> usize {
    let ends = text.match_indices('-').map(|(at, _)| &text[at + 1..]);
    ends.filter(|end| {
        end.starts_with(|c: char| c >= '\u{250}')
            || end.starts_with("\\u")
            || end.starts_with("\\U")
            || end.starts_with("\\x")
    })
    .count()
}

/// `re.IGNORECASE`.
const IGNORE_CASE: i64 = 2;
/// Each takes some hundredths of a second.
const MOST_RANGES: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_beyond_latin_count() {
        assert_eq!(wide_ranges("[a-z0-9\u{400}-\u{4ff}]|[x-\\uffff]"), 2);
        assert!(sets_a_flag("(?i:a)") && sets_a_flag("(?mi)a"));
        assert!(!sets_a_flag("(?:i)") && !sets_a_flag("(?P<i>a)"));
    }
}
