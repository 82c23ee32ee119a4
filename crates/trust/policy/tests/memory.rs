//! What a policy that grows without end costs. A process of its own, whose memory is looked at.
#![cfg(target_os = "linux")]
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "it reads what the kernel says of it, and tells it"
)]

use std::time::Duration;

use casemate_policy::{Bundle, Engine as _, EngineError, Limits, Question};
use serde_json::{Value, json};

#[test]
fn a_policy_that_grows_without_end_is_denied_within_its_memory() {
    let input = json!({ "items": (0..300).collect::<Vec<_>>(), "text": "x".repeat(1 << 16) });
    let before = peak();
    for (name, rules) in GROWING {
        let answer = ask(rules, &input);
        let took = (peak() - before) >> 20;
        println!("{name}: {} within {took} MiB", told(&answer));
        let is_denied = matches!(
            answer,
            Err(EngineError::Memory | EngineError::Evaluate(_) | EngineError::Refuse(_))
        );
        assert!(is_denied, "{name}: {answer:?}");
        assert!(took < (LIMIT + ONE_STEP) >> 20, "{name}: {took} MiB");
    }
    let modest = "deny := count([[a, b] | some a in input.items; some b in input.items])";
    assert_eq!(ask(modest, &input), Ok(vec![Some(json!(90_000))]));
}

#[test]
fn what_evaluations_leave_behind_does_not_add_up() {
    let input = json!({ "items": (0..300).collect::<Vec<_>>() });
    let rules = "deny := count([[a, b] | some a in input.items; some b in input.items])";
    let bundle = bundle(rules);
    let question = Question {
        input: &input,
        now: casemate_core::Timestamp::UNIX_EPOCH,
    };
    for _ in 0..12 {
        assert!(bundle.eval(&["data.a.deny"], &question).is_ok());
    }
}

fn ask(rules: &str, input: &Value) -> Result<Vec<Option<Value>>, EngineError> {
    let question = Question {
        input,
        now: casemate_core::Timestamp::UNIX_EPOCH,
    };
    bundle(rules).eval(&["data.a.deny"], &question)
}

fn bundle(rules: &str) -> Bundle {
    let policy = format!("package a\n\n{rules}\n");
    let files = vec![("a.rego".into(), policy.into_bytes())];
    // What ends it is its memory, also where the machine has other work to do.
    Bundle::alone(files).expect("loads").limited(Limits {
        time: Duration::from_secs(600),
        memory: LIMIT,
    })
}

fn told(answer: &Result<Vec<Option<Value>>, EngineError>) -> String {
    match answer {
        Ok(_) => "answered".to_owned(),
        Err(error) => error.to_string(),
    }
}

/// In bytes: the most that this process ever had in memory.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("reads");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    kilobytes
        .and_then(|it| it.parse::<u64>().ok())
        .expect("a number")
        << 10
}

const GROWING: &[(&str, &str)] = &[
    (
        "a product in an array",
        "deny := [[a, b, c] | some a in input.items; some b in input.items; some c in input.items]",
    ),
    (
        "a product in a set",
        "deny contains [a, b, c] if { some a in input.items; some b in input.items; some c in input.items }",
    ),
    (
        "a product in an object",
        "deny[a][b][c] := [a, b, c] if { some a in input.items; some b in input.items; some c in input.items }",
    ),
    (
        "a set of concatenations",
        "deny contains sprintf(\"%d-%d-%s\", [a, b, input.text]) if { some a in input.items; some b in input.items }",
    ),
    (
        "ranges of numbers",
        "deny := [numbers.range(a, 900000) | some a in input.items]",
    ),
    (
        "arrays that double",
        "deny := [array.concat(numbers.range(0, a * 1000), numbers.range(0, 400000)) | some a in input.items]",
    ),
    (
        "texts that double",
        "deny := [sprintf(\"%s%s%s%s%d\", [input.text, input.text, input.text, input.text, a]) | some a in input.items; some b in input.items]",
    ),
    (
        "unions of objects",
        "wide := {x: x | some x in numbers.range(0, 50000)}\ndeny := [object.union(wide, {sprintf(\"%d\", [a]): b}) | some a in input.items; some b in input.items]",
    ),
    (
        "walks over walks",
        "deny := [[p, q, r] | walk(input, [p, _]); walk(input, [q, _]); walk(input, [r, _])]",
    ),
    (
        "functions that multiply",
        "f(x) := [[x, y] | some y in input.items]\ng(x) := [f(y) | some y in f(x)]\ndeny := [g(y) | some y in g(1)]",
    ),
];

const LIMIT: u64 = 128 << 20;

/// What the step that goes over the limit may still take, and what the allocator keeps for later.
const ONE_STEP: u64 = 128 << 20;
