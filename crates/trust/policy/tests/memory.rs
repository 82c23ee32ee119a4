//! What a policy that grows without end costs. A process of its own, whose memory is looked at.
#![cfg(target_os = "linux")]
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "it reads what the kernel says of it, and tells it"
)]

use std::{env, process::Command, time::Duration};

use casemate_policy::{Bundle, Engine as _, EngineError, Errors, Limits, Question, query};
use serde_json::{Value, json};

#[test]
fn a_policy_that_grows_without_end_is_denied_within_its_memory() {
    // Each in a process of its own: an allocator keeps for later what others gave back.
    if let Ok(name) = env::var(CASE) {
        let (_, rules) = GROWING
            .iter()
            .find(|(one, _)| *one == name)
            .expect("a case");
        return grows(rules);
    }
    for (name, _) in GROWING {
        let child = Command::new(env::current_exe().expect("a path"))
            .args(["--exact", "--nocapture"])
            .arg("a_policy_that_grows_without_end_is_denied_within_its_memory")
            .env(CASE, name)
            .output()
            .expect("it starts");
        let out = String::from_utf8_lossy(&child.stdout);
        let told = out.lines().find(|line| line.starts_with("took "));
        println!("{name}: {}", told.unwrap_or("nothing"));
        assert!(
            child.status.success(),
            "{name}: {}",
            String::from_utf8_lossy(&child.stderr)
        );
    }
}

/// Asks what grows, and says what it took.
fn grows(rules: &str) {
    let input = input();
    let bundle = bundle(rules);
    let before = peak();
    let answer = ask(&bundle, &input);
    let took = peak() - before;
    println!("\ntook {} MiB, {answer:?}", took >> 20);
    let is_denied = matches!(
        answer,
        Err(EngineError::Memory | EngineError::Evaluate(_) | EngineError::Refuse(_))
    );
    assert!(is_denied, "{answer:?}");
    // Where the errors of builtins are undefined, this one isn't.
    let question = Question {
        input: &input,
        now: casemate_core::Timestamp::UNIX_EPOCH,
    };
    let answer = query(&bundle, "x := data.a.deny", &question, Errors::Lenient);
    assert!(
        answer.is_err(),
        "{} answers",
        answer.map_or(0, |it| it.len())
    );
    assert!(took < LIMIT + ONE_STEP, "{} MiB", took >> 20);
}

#[test]
fn what_is_modest_is_answered_as_often_as_it_is_asked() {
    // Together they are more than one may take.
    let modest =
        "deny := count([sprintf(\"%s%d\", [input.text, a]) | some a in numbers.range(1, 100)])";
    let (bundle, input) = (bundle(modest), input());
    for _ in 0..8 {
        assert_eq!(ask(&bundle, &input), Ok(vec![Some(json!(100))]));
    }
}

fn input() -> Value {
    // As JSON and as YAML, in a few bytes what takes many when it is read.
    let list = format!("[{}1]", "1,".repeat(900_000));
    json!({ "items": (0..300).collect::<Vec<_>>(), "text": "x".repeat(1 << 16), "list": list })
}

fn ask(bundle: &Bundle, input: &Value) -> Result<Vec<Option<Value>>, EngineError> {
    let question = Question {
        input,
        now: casemate_core::Timestamp::UNIX_EPOCH,
    };
    bundle.eval(&["data.a.deny"], &question)
}

fn bundle(rules: &str) -> Bundle {
    let wide = vec!["1"; 200].join(", ");
    let policy = format!("package a\n\n{}\n", rules.replace("WIDE", &wide));
    let files = vec![("a.rego".into(), policy.into_bytes())];
    // What ends it is its memory, also where the machine has other work to do.
    Bundle::alone(files).expect("loads").limited(Limits {
        time: Duration::from_secs(600),
        memory: LIMIT,
    })
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
        "deny := {sprintf(\"%d-%d\", [a, b]): input.items[b] | some a in numbers.range(0, 900000); some b in [1, 2, 3]}",
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
        "wide parts of a long array",
        "deny := [[b, [b, WIDE]] | some b in numbers.range(0, 900000)]",
    ),
    (
        "wide parts of a long set",
        "deny contains [b, [b, WIDE]] if some b in numbers.range(0, 900000)",
    ),
    (
        "wide values of a long object",
        "deny[b] := [WIDE] if some b in numbers.range(0, 900000)",
    ),
    (
        "wide values of objects of version 0",
        "deny[b] = {\"a\": [WIDE]} { b := numbers.range(0, 900000)[_] }",
    ),
    (
        "comprehensions in the values of a long object",
        "deny[b] := [[WIDE] | true] if some b in numbers.range(0, 900000)",
    ),
    (
        "wide keys",
        "deny := {[b, WIDE]: 1 | some b in numbers.range(0, 900000)}",
    ),
    (
        "places of what is collected",
        "deny := [[input.items[_], input.items[_], input.items[_], WIDE] | true]",
    ),
    (
        "walks over walks",
        "deny := [[p, q, r] | walk(input, [p, _]); walk(input, [q, _]); walk(input, [r, _])]",
    ),
    (
        "functions that multiply",
        "f(x) := [[x, y] | some y in input.items]\ng(x) := [f(y) | some y in f(x)]\ndeny := [g(y) | some y in g(1)]",
    ),
    // What takes an error for an answer.
    (
        "a function with another answer",
        "f(x) := 1 if count([[a, b, c] | some a in input.items; some b in input.items; some c in input.items]) > 0\nf(x) := 1\ndeny := f(1)",
    ),
    (
        "a text that would be JSON",
        "default deny := 0\ndeny := 1 if json.is_valid(input.list)",
    ),
    (
        "a text that is read as JSON",
        "default deny := 0\ndeny := 1 if json.unmarshal(input.list)",
    ),
    (
        "a text that is read as YAML",
        "default deny := 0\ndeny := 1 if yaml.unmarshal(input.list)",
    ),
    (
        "keys that are read",
        "default deny := 0\ndeny := 1 if io.jwt.verify_rs256(\"e30.e30.e30\", input.list)",
    ),
    (
        "claims that are read",
        "default deny := 0\ndeny := 1 if io.jwt.decode(concat(\".\", [\"e30\", base64url.encode_no_pad(input.list), \"e30\"]))",
    ),
    (
        "a text that is read in a function",
        "f(x) := json.unmarshal(x)\ndefault deny := 0\ndeny := 1 if f(input.list)",
    ),
];

const LIMIT: u64 = 16 << 20;

/// What the step that goes over the limit may still take, and what the allocator keeps for later.
const ONE_STEP: u64 = 96 << 20;

/// Names the one that a child asks.
const CASE: &str = "CASEMATE_GROWS";
