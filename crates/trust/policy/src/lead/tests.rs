//! Each beside the library alone.

use std::{fmt::Write as _, time::Duration};

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{Engine as _, EngineError, Limits, Question, rego::Rego, testkit::now};

type Answer = Result<Vec<Option<Value>>, EngineError>;

/// What a policy answers with what definitions ask first, without that, and how many definitions are left of how many that were read.
fn both(policy: &str, input: &Value) -> (Answer, Answer, usize, usize) {
    let data = json!({"set": {"kinds": ["Service"], "none": []}});
    let data = [("d.json", data)];
    let mut rego = Rego::load(&[("p.rego", policy)], &data, Limits::default()).expect(policy);
    let question = Question { input, now: now() };
    let with = rego.eval(&["data.p.deny"], &question);
    let (left, read) = rego.left("data.p.deny", &question);
    rego.without_leads();
    (with, rego.eval(&["data.p.deny"], &question), left, read)
}

/// Holds the body against the library's answer, and says whether it was refuted here.
fn is_refuted(body: &str, input: &Value) -> bool {
    let policy = format!("package p\nimport rego.v1\ndeny contains msg if {{\n{body}\n}}\n");
    let (with, without, left, _) = both(&policy, input);
    assert_eq!(with, without, "{body}");
    left == 0
}

fn pod() -> Value {
    json!({
        "kind": "Pod",
        "labels": {"app": "a", "tier": null},
        "host": false,
        "containers": [
            {"name": "one", "image": "registry.example.org/one:1", "ports": [{"n": 80}, {"n": 443}]},
            {"name": "two", "image": "docker.io/two", "privileged": true},
        ],
    })
}

#[test]
fn what_is_asked_first_and_not_there_refutes_a_definition() {
    for body in [
        "input.kind == \"Service\"\nmsg := \"m\"",
        "input.request.kind == \"Pod\"\nmsg := \"m\"",
        "not input.labels.app\nmsg := \"m\"",
        "not input.labels[\"app\"] == \"a\"\nmsg := \"m\"",
        "input.host\nmsg := sprintf(\"%d\", [input.kind])",
        "some c in input.containers\nstartswith(c.image, \"evil\")\nmsg := c.name",
        "c := input.containers[_]\nc.ports[_].n == 8080\nmsg := c.name",
        "some i, c in input.containers\ni > 5\nmsg := c.name",
        "some c\nc = input.containers[_]\nc.name == \"three\"\nmsg := c.name",
        "input.containers[_].ports[_].n == 80 + 1\nmsg := \"m\"",
        "some c in input.containers\nsome p in c.ports\np.n in {1, 2}\nmsg := sprintf(\"%v\", [p])",
        "some c in input.containers\nregex.match(\"^evil\", c.image)\nmsg := c.name",
        "some key, _ in input.labels\nkey == \"team\"\nmsg := key",
        "input.kind in [\"Service\", \"Job\"]\nmsg := \"m\"",
        "count(input.containers) > 2\nmsg := \"m\"",
        "x := input.kind\ny := x\ny != \"Pod\"\nmsg := y",
        // Nothing behind it is asked.
        "input.kind == \"Service\"\nx := 1 / 0\nmsg := x",
    ] {
        assert!(is_refuted(body, &pod()), "{body}");
    }
}

#[test]
fn what_is_there_is_left_to_the_library() {
    for body in [
        "input.kind == \"Pod\"\nmsg := \"m\"",
        "not input.labels.team\nmsg := \"m\"",
        "not input.host\nmsg := \"m\"",
        "input.labels.tier == null\nmsg := \"m\"",
        "some c in input.containers\nc.privileged\nmsg := c.name",
        "some c in input.containers\nnot c.privileged\nmsg := c.name",
        "input.containers[_].ports[_].n == 443\nmsg := \"m\"",
        "some c in input.containers\nendswith(c.image, \"two\")\nmsg := c.name",
        "x := input.host\nmsg := \"m\"",
        "count(input.containers) == 2\nmsg := \"m\"",
    ] {
        assert!(!is_refuted(body, &pod()), "{body}");
    }
}

/// Arrays of what is in the input, and what is none.
const RULES: &str = "
all := [c | some c in input.containers]
open := [c | some c in all; c.ports[_].n == 80]
held := [c.name | some c in open; c.privileged]
odd := [c.none | some c in all]
broken := [c | some c in input.kind]
twice := [1 | input.host]
twice := [1 | input.none]
called := [1 | some c in all; f(c)]
f(c) if c.none
";

#[test]
fn rules_that_are_arrays_and_documents_are_asked_here() {
    for (body, expected) in [
        ("count(held) > 0", true),
        ("some name in held; name == \"one\"", true),
        ("count(all) > count(open) + 5", false),
        ("count(open) > 1", true),
        ("count(all) == count(open)", true),
        ("count(open) == 1", false),
        ("some c in open; c.name == \"two\"", true),
        ("data.set.kinds[_] == input.kind", true),
        ("input.kind in data.set.kinds", true),
        ("data.set.missing", true),
        ("some name in data.set.none; name", true),
        ("data.set.kinds", false),
        // Another thing of that name.
        ("held := input.containers; count(held) > 5", true),
        ("some held; held = input.containers; count(held) > 5", true),
        // What nobody can tell here.
        ("count(odd) > 5", false),
        ("count(twice) > 5", false),
        ("count(called) > 0", false),
        ("data.p.held[_] == \"one\"", false),
    ] {
        let policy =
            format!("package p\nimport rego.v1\n{RULES}\ndeny contains 1 if {{\n{body}\n}}\n");
        let (with, without, left, read) = both(&policy, &pod());
        assert_eq!(with, without, "{body}");
        assert_eq!((left, read) == (0, 1), expected, "{body}");
    }
    let broken =
        format!("package p\nimport rego.v1\n{RULES}\ndeny contains 1 if count(broken) > 5\n");
    let (with, without, _, _) = both(&broken, &pod());
    assert!(with.is_err());
    assert_eq!(with, without);
}

#[test]
fn a_rule_that_is_many_rules_is_left_to_the_library() {
    let mut rules = "r0 := [x | some c in input.containers; x := c.name]\n".to_owned();
    for at in 1..40 {
        let _ = writeln!(rules, "r{at} := [x | some x in r{0}; x in r{0}]", at - 1);
    }
    for (rule, expected) in [("r2", true), ("r3", true), ("r39", false)] {
        let policy =
            format!("package p\nimport rego.v1\n{rules}\ndeny contains 1 if count({rule}) > 5\n");
        let rego = Rego::load(&[("p.rego", &policy)], &[], Limits::default()).expect("loads");
        let question = Question {
            input: &pod(),
            now: now(),
        };
        let is_refuted = rego.left("data.p.deny", &question) == (0, 1);
        assert_eq!(is_refuted, expected, "{rule}");
    }
}

#[test]
fn an_error_stays_one() {
    for body in [
        "some c in input.kind\nc.x == 1\nmsg := \"m\"",
        "startswith(input.containers, \"x\")\nmsg := \"m\"",
        "x := to_number(input.kind)\ninput.kind == \"Service\"\nmsg := x",
        "regex.match(\"(\", input.kind)\nmsg := \"m\"",
        "some c in input.kind\nregex.match(c, input.kind)\nmsg := c",
        "x := 1 / 0\ninput.kind == \"Service\"\nmsg := x",
    ] {
        let policy = format!("package p\nimport rego.v1\ndeny contains msg if {{\n{body}\n}}\n");
        let (with, without, _, _) = both(&policy, &pod());
        assert!(with.is_err(), "{body}");
        assert_eq!(with, without, "{body}");
    }
}

#[test]
fn a_name_may_be_another_thing() {
    let head = "package p\nimport rego.v1\n";
    for policy in [
        // A function and a rule of the caller's.
        "startswith(a, b) if a != b\ndeny contains 1 if startswith(input.kind, \"x\")\n",
        "kind := \"Pod\"\ndeny contains 1 if kind == \"Pod\"\n",
        "c := 1\ndeny contains 1 if { c = input.none }\ndeny contains 2 if c == 1\n",
        // Something else is defined in the place of the set.
        "deny contains 1 if input.none\ndefault other := 1\n",
        "deny[\"x\"] := 1 if input.none\n",
        "deny := {1} if input.none == 1\n",
        "deny contains 1 if { input.none } else := 2\n",
        "deny contains 1 if input.kind with input as {\"kind\": 1}\n",
        "deny contains 1 if every c in input.containers { c.none }\n",
        "deny contains x if some x in {1, 2}\ndeny contains y if { some y in [3]; y == 4 }\n",
    ] {
        let policy = format!("{head}{policy}");
        let loaded = Rego::load(&[("p.rego", &policy)], &[], Limits::default());
        if loaded.is_ok() {
            let (with, without, _, _) = both(&policy, &pod());
            assert_eq!(with, without, "{policy}");
        }
    }
    let v0 = "package p\ndeny[msg] {\n  c := input.containers[_]\n  c.name == \"three\"\n  msg := c.name\n}\n";
    let (with, without, left, read) = both(v0, &pod());
    assert_eq!((with, left, read), (without, 0, 1));
}

#[test]
fn of_many_definitions_those_that_are_left_are_asked_alone() {
    let mut policy = "package p\nimport rego.v1\n".to_owned();
    for at in 0..20 {
        let _ = writeln!(
            policy,
            "deny contains msg if {{\n  some c in input.containers\n  c.name == \"{}\"\n  msg := sprintf(\"{at}: %s\", [c.name])\n}}",
            ["one", "none"][usize::from(at % 7 != 0)]
        );
    }
    let (with, without, left, read) = both(&policy, &pod());
    assert_eq!((left, read), (3, 20));
    assert_eq!(with, without);
    assert_eq!(
        with.expect("an answer"),
        [Some(json!(["0: one", "14: one", "7: one"]))]
    );
}

#[test]
fn what_would_take_too_long_is_left_to_the_library() {
    let input = json!({ "a": vec![json!("x".repeat(100)); 2_000] });
    let policy = "package p\nimport rego.v1\ndeny contains 1 if {\n some a in input.a\n some b in input.a\n a != b\n}\n";
    let rego = Rego::load(&[("p.rego", policy)], &[], Limits::default()).expect("loads");
    let question = Question {
        input: &input,
        now: now(),
    };
    assert_eq!(rego.left("data.p.deny", &question), (1, 1));
}

/// The definitions of `deny`, of which `left` of twenty are open, and something that each of them asks.
fn asking(helper: &str, asks: &str, left: usize) -> String {
    let mut policy = format!("package p\nimport rego.v1\n{helper}\n");
    for at in 0..20 {
        let kind = if at < left { "Pod" } else { "Service" };
        let _ = writeln!(
            policy,
            "deny contains {at} if {{\n  input.kind == \"{kind}\"\n  {asks}\n}}"
        );
    }
    policy
}

#[test]
fn of_definitions_that_ask_others_a_handful_is_asked_alone() {
    for (helper, asks, leans) in [
        ("named := count(input.labels)", "named > 0", true),
        ("named(of) := count(of)", "named(input.labels) > 0", true),
        ("named := count(input.labels)", "data.p.named > 0", true),
        ("", "count(input.labels) > 0", false),
        (
            "",
            "input.containers[_].ports[_].n > 0; x := 1; x == 1",
            false,
        ),
    ] {
        for left in [4, 5] {
            let policy = asking(helper, asks, left);
            let (with, without, _, _) = both(&policy, &pod());
            assert_eq!(with, without, "{policy}");
            let rego = Rego::load(&[("p.rego", &policy)], &[], Limits::default()).expect("loads");
            let input = pod();
            let question = Question {
                input: &input,
                now: now(),
            };
            let is_whole = rego.is_asked_whole("data.p.deny", &question);
            assert_eq!(is_whole, leans && left == 5, "{asks}, {left}");
        }
    }
}

#[test]
fn what_takes_a_good_part_of_the_time_one_at_a_time_is_asked_together() {
    let helper = "slow if {\n  some i in numbers.range(1, 100)\n  some j in numbers.range(1, 100)\n  i * j == 10000\n}";
    let policy = asking(helper, "slow", 3);
    let rego = Rego::load(&[("p.rego", &policy)], &[], Limits::default()).expect("loads");
    let input = pod();
    let question = Question {
        input: &input,
        now: now(),
    };
    let alone = |time| rego.union_within("data.p.deny", &question, time);
    assert_eq!(alone(Duration::ZERO), Ok(None));
    let all = Some(json!([0, 1, 2]));
    assert_eq!(alone(Duration::from_secs(3_600)), Ok(all.clone()));
    assert_eq!(rego.eval(&["data.p.deny"], &question), Ok(vec![all]));
}

#[test]
fn patterns_of_an_input_are_left_to_the_library() {
    let (input, policy) = (
        json!({ "patterns": ["a", "b"], "text": "c" }),
        "package p\nimport rego.v1\ndeny contains 1 if {\n some x in input.patterns\n regex.match(x, input.text)\n}\n\
            deny contains 2 if {\n some x in input.patterns\n regex.match(\"d\", x)\n}\n",
    );
    let (with, without, left, _) = both(policy, &input);
    assert_eq!((with, left), (without, 1));
}

/// A statement; each may bind a variable of the next ones.
fn statement() -> impl Strategy<Value = String> {
    let path = prop::sample::select(vec![
        "input.kind",
        "input.host",
        "input.none",
        "input.labels.app",
        "input.labels",
        "input.containers",
        "input.containers[_].name",
        "input.containers[0].ports",
        "a",
        "a.name",
        "a.ports",
        "a.ports[_].n",
        "b",
        "b.n",
        "input",
        "all",
        "open",
        "held",
        "odd",
        "all[_].name",
        "data.set.kinds",
        "data.set.missing",
    ]);
    let constant = prop::sample::select(vec![
        "\"Pod\"",
        "\"one\"",
        "1",
        "80",
        "null",
        "true",
        "false",
        "40 + 40",
        "[1, 80]",
        "{\"one\", \"Pod\"}",
        "\"\"",
        "{}",
    ]);
    let operand = prop_oneof![
        path.clone().prop_map(str::to_owned),
        constant.prop_map(str::to_owned)
    ];
    let compare = prop::sample::select(vec!["==", "!=", "<", "<=", ">", ">="]);
    let call = prop::sample::select(vec![
        "startswith",
        "contains",
        "endswith",
        "regex.match",
        "to_number",
        "lower",
        "count",
        "is_string",
        "type_name",
    ]);
    let expression = prop_oneof![
        operand.clone(),
        (operand.clone(), compare, operand.clone()).prop_map(|(a, op, b)| format!("{a} {op} {b}")),
        (operand.clone(), operand.clone()).prop_map(|(a, b)| format!("{a} in {b}")),
        (call, operand.clone(), operand.clone()).prop_map(|(call, a, b)| {
            let is_of_two = ["startswith", "contains", "endswith", "regex.match"].contains(&call);
            match is_of_two {
                true => format!("{call}({a}, {b})"),
                false => format!("{call}({a})"),
            }
        }),
    ];
    prop_oneof![
        4 => expression.clone(),
        2 => expression.clone().prop_map(|it| format!("not {it}")),
        2 => path.clone().prop_map(|it| format!("some a in {it}")),
        2 => path.clone().prop_map(|it| format!("some b in {it}")),
        1 => path.clone().prop_map(|it| format!("some k, b in {it}")),
        1 => expression.clone().prop_map(|it| format!("a := {it}")),
        1 => (operand.clone(), operand.clone()).prop_map(|(a, b)| format!("a := {a} in {b}")),
        1 => (operand.clone(), operand).prop_map(|(a, b)| format!("b := regex.match({a}, {b})")),
        1 => path.clone().prop_map(|it| format!("b := regex.match(`^[a-z]\\w*$`, {it})")),
        1 => expression.prop_map(|it| format!("b := {it}")),
        1 => path.clone().prop_map(|it| format!("held := {it}")),
        1 => path.prop_map(|it| format!("some a\n  a = {it}")),
        1 => Just("c := 1 / 0".to_owned()),
        // Before all others, by its name.
        1 => Just("A := 1 / 0".to_owned()),
        1 => Just("a[_]".to_owned()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn nothing_is_answered_otherwise_than_by_the_library(
        bodies in prop::collection::vec(prop::collection::vec(statement(), 1..5), 1..4),
        is_v0 in any::<bool>(),
    ) {
        let mut policy = "package p\n".to_owned();
        policy.push_str(if is_v0 { "import future.keywords\n" } else { "import rego.v1\n" });
        for rule in RULES.lines().take(5) {
            let _ = writeln!(policy, "{rule}");
        }
        for (at, body) in bodies.iter().enumerate() {
            let head = if is_v0 { format!("deny[\"{at}\"]") } else { format!("deny contains \"{at}\" if") };
            let _ = writeln!(policy, "{head} {{\n  {}\n}}", body.join("\n  "));
        }
        // Many are no policy: a variable twice, or before it has a value.
        let data = [("d.json", json!({"set": {"kinds": ["Service"]}}))];
        if Rego::load(&[("p.rego", &policy)], &data, Limits::default()).is_ok() {
            let (with, without, _, _) = both(&policy, &pod());
            prop_assert_eq!(with, without, "{}", policy);
        }
    }
}
