//! Expressions of GitHub Actions: every part lies within its text, what is constant has a value or
//! none, and what is read once is read the same again.

use casemate_posture::{
    expression::{Expression, parse},
    fence,
};

/// The bytes are a text with expressions in it, and an expression.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    for fence in fence::fences(text) {
        let whole = fence.span.of(text);
        assert!(whole.starts_with("${{") && whole.ends_with("}}"), "{whole:?}");
        assert!(whole.contains(fence.inner));
        check(fence.inner);
    }
    check(text);
}

fn check(text: &str) {
    let expression = match parse(text) {
        Ok(expression) => expression,
        Err(mistake) => {
            assert!(mistake.at <= text.len());
            return;
        }
    };
    for part in expression.walk() {
        within(part, &expression, text);
        if part.is_literal() {
            assert!(part.constant().is_some());
        }
        if !part.is_constant() && part.parts().is_empty() {
            part.path();
        }
    }
    for flow in expression.flows() {
        assert!(!flow.is_constant());
        within(flow, &expression, text);
    }
    assert!(!expression.leaves().is_empty());
    expression.constant();
    let again = parse(expression.span.of(text)).expect("it is one");
    assert_eq!(again.is_constant(), expression.is_constant());
}

fn within(part: &Expression, whole: &Expression, text: &str) {
    assert!(!part.span.of(text).is_empty());
    assert!(whole.span.start <= part.span.start && part.span.end <= whole.span.end);
}
