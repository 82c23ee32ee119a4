//! Patterns of AWS's policies: `*` is any text, `?` is any sign.

use crate::Truth;

/// Whether a pattern holds of `text`. Of what is longer than AWS takes it is not said.
pub(super) fn matches(pattern: &str, text: &str) -> Truth {
    is_bounded(pattern, text).and(|| match pattern.split_once(['*', '?']) {
        None => (pattern == text).into(),
        Some((begin, _)) if !text.starts_with(begin) => Truth::No,
        Some((_, "")) if pattern.ends_with('*') => Truth::Yes,
        Some(_) => (states(pattern.as_bytes(), text).last() == Some(&true)).into(),
    })
}

/// Whether a pattern holds of some text that begins with `text` and goes on.
pub(super) fn matches_beginning(pattern: &str, text: &str) -> Truth {
    is_bounded(pattern, text).and(|| match pattern.split_once(['*', '?']) {
        None => pattern.starts_with(text).into(),
        Some(_) => states(pattern.as_bytes(), text).contains(&true).into(),
    })
}

fn is_bounded(pattern: &str, text: &str) -> Truth {
    match pattern.len().max(text.len()) <= MAX_LENGTH {
        true => Truth::Yes,
        false => Truth::Unknown("it is longer than a name of AWS's may be".into()),
    }
}

/// As long as an ARN gets, in bytes (IAM API reference, `arnType`).
const MAX_LENGTH: usize = 2048;

/// For each place in the pattern whether `text` may end there. The work is that of their lengths, whatever
/// the number of stars.
fn states(pattern: &[u8], text: &str) -> Vec<bool> {
    let mut states = vec![false; pattern.len() + 1];
    states[0] = true;
    skip_stars(pattern, &mut states);
    for byte in text.bytes() {
        let mut next = vec![false; states.len()];
        for (at, _) in states.iter().enumerate().filter(|(_, is_here)| **is_here) {
            match pattern.get(at) {
                Some(b'*') => next[at] = true,
                Some(sign) if *sign == b'?' || *sign == byte => next[at + 1] = true,
                _ => {}
            }
        }
        skip_stars(pattern, &mut next);
        states = next;
    }
    states
}

fn skip_stars(pattern: &[u8], states: &mut [bool]) {
    for at in 0..pattern.len() {
        if states[at] && pattern[at] == b'*' {
            states[at + 1] = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_any_text_and_a_question_mark_one_sign() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("s3:Get*", "s3:GetObject", true),
            ("s3:*Object", "s3:GetObject", true),
            ("s3:Get?bject", "s3:GetObject", true),
            ("s3:Get", "s3:GetObject", false),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(matches(pattern, text), expected.into(), "{pattern} {text}");
        }
    }

    #[test]
    fn what_goes_on_is_matched_where_the_pattern_can() {
        for (pattern, text, expected) in [
            ("arn:aws:s3:::b/*", "arn:aws:s3:::b/", true),
            ("arn:aws:s3:::b/raw/*", "arn:aws:s3:::b/", true),
            ("arn:aws:s3:::b", "arn:aws:s3:::b/", false),
            ("arn:aws:s3:::c/*", "arn:aws:s3:::b/", false),
            ("*", "arn:aws:s3:::b/", true),
        ] {
            assert_eq!(
                matches_beginning(pattern, text),
                Truth::from(expected),
                "{pattern} {text}"
            );
        }
    }

    /// What goes back at each star takes hours here, and the runner ends it.
    #[test]
    fn many_stars_are_no_more_work() {
        let pattern = "*a".repeat(1000) + "b";
        assert_eq!(matches(&pattern, &"a".repeat(2000)), Truth::No);
        let longer = matches(&"*".repeat(3000), "a");
        assert!(matches!(longer, Truth::Unknown(_)));
    }
}
