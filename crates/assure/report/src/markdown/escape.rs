//! Hostile text in GitHub Flavored Markdown.
//!
//! Three readers follow each other: the Markdown parser (to which entities are text), the service
//! that turns `@name`, `#1` and bare addresses of the finished page into links, and the HTML
//! sanitiser. So active characters become entities; what the second reader looks for is split, by
//! a zero-width space in prose and by nothing in `<code>`, where it does not look.

use crate::plain::{code_spans, sanitise_short};

/// A message: text, with what stood between backticks as code.
pub(super) fn prose(text: &str) -> String {
    let clean = sanitise_short(text, LONGEST);
    let spans = code_spans(&clean).into_iter();
    spans
        .map(|(is_code, part)| if is_code { wrap(part) } else { split(part) })
        .collect()
}

/// A name or a place: all of it as code.
pub(super) fn code(text: &str) -> String {
    wrap(&sanitise_short(text, LONGEST))
}

fn wrap(clean: &str) -> String {
    let mut out = String::from("<code>");
    for c in clean.chars() {
        push(&mut out, c);
        if c == '@' {
            // The parser makes mail addresses into links here too, unless they are two texts.
            out.push_str("<!-- -->");
        }
    }
    out.push_str("</code>");
    out
}

fn split(clean: &str) -> String {
    let mut out = String::with_capacity(clean.len() + 16);
    let mut chars = clean.chars().peekable();
    let mut word = String::new();
    while let Some(c) = chars.next() {
        push(&mut out, c);
        let next = chars.peek().copied().unwrap_or(' ');
        let reference = "@#!~%$&".contains(c) && !next.is_whitespace();
        let address = (c == ':' && next == '/') || (c == '.' && word.eq_ignore_ascii_case("www"));
        if reference || address {
            out.push_str("&#8203;");
        }
        match c.is_alphanumeric() {
            true => word.push(c),
            false => word.clear(),
        }
    }
    out
}

fn push(out: &mut String, c: char) {
    // Letters, digits and these are never active inside a line that does not begin with them.
    if c.is_ascii_punctuation() && !",.;/-'()".contains(c) {
        out.push_str(&format!("&#{};", u32::from(c)));
    } else {
        out.push(c);
    }
}

/// How many characters of one text are shown.
const LONGEST: usize = 300;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hostile_text_stays_text() {
        for (text, markdown) in [
            ("calls `os.system`", "calls <code>os.system</code>"),
            ("a|b", "a&#124;b"),
            ("<img src=x>", "&#60;img src&#61;x&#62;"),
            ("@team", "&#64;&#8203;team"),
            ("see #1", "see &#35;&#8203;1"),
            ("https://e.com", "https&#58;&#8203;//e.com"),
            ("www.e.com", "www.&#8203;e.com"),
            ("[a](b)", "&#91;a&#93;(b)"),
            ("``` x", "&#96;&#96;&#96; x"),
            ("*a* _b_ \\", "&#42;a&#42; &#95;b&#95; &#92;"),
        ] {
            assert_eq!(prose(text), markdown);
        }
        assert_eq!(code("a@b.c"), "<code>a&#64;<!-- -->b.c</code>");
        assert_eq!(code("a`|b"), "<code>a&#96;&#124;b</code>");
    }

    const ACTIVE: &str = "|`*_[]<>@#\\&~:!$\n\u{202e}";

    proptest! {
        #[test]
        fn nothing_active_is_left(text in "[ -~\u{202e}\n]{0,60}") {
            for markdown in [prose(&text), code(&text)] {
                let rest = markdown
                    .replace("<code>", "").replace("</code>", "").replace("<!-- -->", "");
                let mut rest = rest.as_str();
                while let Some((text, entity)) = rest.split_once("&#") {
                    prop_assert!(!text.contains(|c| ACTIVE.contains(c)));
                    let (number, after) = entity.split_once(';').expect("an entity ends");
                    prop_assert!(number.bytes().all(|b| b.is_ascii_digit()));
                    rest = after;
                }
                prop_assert!(!rest.contains(|c| ACTIVE.contains(c)));
            }
        }
    }
}
