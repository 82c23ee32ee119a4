//! The names that the cases of tests say.

use std::cell::RefCell;

use regorus::Value;

use super::{Answer, Builtin, Fault, Moment, to_json};

pub(super) const BUILTINS: &[Builtin] = &[Builtin::new("internal.test_case", 1, test_case)];

/// The names that were said on this thread since this was asked last: of each case the keys of the
/// rule's value that lead to it.
pub(crate) fn take() -> Vec<Vec<String>> {
    CASES.take()
}

fn test_case(arguments: &[Value], _: Moment) -> Answer {
    let [Value::Array(names)] = arguments else {
        return Err("expects an array".into());
    };
    let name = |value: &Value| match value {
        Value::String(text) => Ok(text.to_string()),
        other => to_json(other),
    };
    let names = names.iter().map(name).collect::<Result<Vec<_>, _>>()?;
    CASES.with_borrow_mut(|cases| {
        if cases.len() >= MAX_CASES {
            return Err(Fault::refuse("was called for more than ten thousand cases"));
        }
        cases.push(names);
        Ok(Value::Bool(true))
    })
}

thread_local! {
    static CASES: RefCell<Vec<Vec<String>>> = const { RefCell::new(Vec::new()) };
}

const MAX_CASES: usize = 10_000;
