//! Where expressions stand in a text: between `${{` and `}}`.

use casemate_document::Span;

/// An expression with its fence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fence<'a> {
    /// What stands between `${{` and `}}`.
    pub inner: &'a str,
    /// Where `${{ … }}` stands, fence included.
    pub span: Span,
}

/// The expressions in `text`. A `}}` in single quotes does not end one.
pub fn fences(text: &str) -> Vec<Fence<'_>> {
    let mut fences = Vec::new();
    let mut from = 0;
    while let Some(at) = text[from..].find(OPEN) {
        let start = from + at;
        let inner = start + OPEN.len();
        let Some(length) = length(&text[inner..]) else {
            break;
        };
        from = inner + length + CLOSE.len();
        fences.push(Fence {
            inner: &text[inner..inner + length],
            span: Span::new(start, from),
        });
    }
    fences
}

/// The expression that is all of `text`.
pub fn whole(text: &str) -> Option<&str> {
    let text = text.trim();
    match fences(text).as_slice() {
        [fence] if fence.span.range() == (0..text.len()) => Some(fence.inner),
        _ => None,
    }
}

fn length(text: &str) -> Option<usize> {
    let mut is_quoted = false;
    let mut last = 0;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'\'' => is_quoted = !is_quoted,
            b'}' if !is_quoted && last == b'}' => return Some(at - 1),
            _ => {}
        }
        last = byte;
    }
    None
}

const OPEN: &str = "${{";
const CLOSE: &str = "}}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fences_end_where_the_runner_ends_them() {
        let inner = |text| -> Vec<&str> { fences(text).iter().map(|it| it.inner).collect() };
        assert_eq!(inner("a ${{ b }} c ${{d}}"), [" b ", "d"]);
        assert_eq!(inner("${{ '}}' }} x"), [" '}}' "]);
        assert_eq!(inner("${{ a"), [] as [&str; 0]);
        assert_eq!(inner("${{ a } }}"), [" a } "]);
        assert_eq!(inner("$${{}}"), [""]);
    }

    #[test]
    fn an_expression_is_all_of_a_text_or_part_of_it() {
        assert_eq!(whole(" ${{ a }}\n"), Some(" a "));
        assert_eq!(whole("${{ a }} "), Some(" a "));
        assert_eq!(whole("x ${{ a }}"), None);
        assert_eq!(whole("${{ a }}${{ b }}"), None);
    }
}
