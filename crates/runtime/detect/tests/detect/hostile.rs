//! Rules that nobody wrote with care.

use casemate_detect::{Detections, FalcoRules};
use proptest::prelude::*;

/// Words that rules are made of, in any order.
fn words() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "title: a\n",
        "name: b\n",
        "logsource: {product: linux}\n",
        "detection:\n",
        "  a: ",
        "  b:\n",
        "    Image|re|i: '('\n",
        "    A|windash|contains|all: [-a, /b]\n",
        "    B|base64offset: abc\n",
        "    C|fieldref|neq: D\n",
        "    - x*\n",
        "{E: null}\n",
        "[1, 2.5, true]\n",
        "  condition: ",
        "1 of them",
        "all of a*",
        " and ",
        " or ",
        " not ",
        "(",
        ")",
        "a",
        "\n",
        "---\n",
        "correlation:\n",
        "  type: temporal_ordered\n",
        "  type: value_count\n",
        "  rules: [b]\n",
        "  timespan: 5m\n",
        "  condition: {field: A, gte: 3}\n",
        "  group-by: [A]\n",
        "- list: a\n",
        "- macro: b\n",
        "- rule: c\n",
        "  items: [a, b]\n",
        "  condition: b\n",
        "  priority: NOTICE\n",
        "  append: true\n",
        "proc.name in (a, b)",
        "evt.type=execve",
        "fd.num>=0",
        "  override: {condition: append}\n",
        "  exceptions: [{name: a, fields: proc.name, values: [b]}]\n",
        "\u{0}",
        "&a ",
        "*a",
        "\u{202e}",
        "|",
        "'",
        "\"",
        "\\",
    ]);
    prop::collection::vec(word, 0..40).prop_map(|words| words.concat())
}

proptest! {
    #[test]
    fn no_text_panics(text in ".{0,200}") {
        let _ = Detections::read_understood([("rules", text.as_bytes())]);
        let _ = FalcoRules::read([("rules", text.as_bytes())]);
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Detections::read_understood([("rules", &*bytes)]);
        let _ = FalcoRules::read([("rules", &*bytes)]);
    }

    #[test]
    fn no_order_of_words_panics(text in words()) {
        let _ = Detections::read_understood([("rules", text.as_bytes())]);
        let _ = FalcoRules::read([("rules", text.as_bytes())]);
    }

    #[test]
    fn no_condition_panics(text in "[a-c*()|12 ]{0,40}( and | or | not |1 of )?[a*() ]{0,10}") {
        let rule = format!("title: a\nlogsource: {{product: x}}\ndetection:\n  a: {{A: 1}}\n  condition: {text:?}\n");
        let _ = Detections::read_understood([("rules", rule.as_bytes())]);
        let rule = format!("- rule: a\n  priority: NOTICE\n  condition: {text:?}\n");
        let _ = FalcoRules::read([("rules", rule.as_bytes())]);
    }
}

#[test]
fn what_grows_without_end_is_refused() {
    let parentheses = format!("{}a{}", "(".repeat(10_000), ")".repeat(10_000));
    let doubling: String = (0..40)
        .map(|number| {
            format!(
                "- macro: m{}\n  condition: m{number} or m{number}\n",
                number + 1
            )
        })
        .collect();
    let falco = format!("- macro: m0\n  condition: proc.name = a\n{doubling}");
    assert!(FalcoRules::read([("rules", falco.as_bytes())]).is_err());
    let falco = format!("- rule: a\n  priority: NOTICE\n  condition: \"{parentheses}\"\n");
    assert!(FalcoRules::read([("rules", falco.as_bytes())]).is_err());
    // A list that many macros, lists, rules and exceptions name, empty lists in each other, and expressions.
    let items = "a, ".repeat(30_000);
    let many = |entry: &str| -> String {
        let entries = (0..200).map(|number| entry.replace('#', &number.to_string()));
        entries.collect()
    };
    for entries in [
        many("- macro: m#\n  condition: proc.name in (l, l, l)\n"),
        many("- list: l#\n  items: [l, l, l]\n"),
        many("- rule: r#\n  priority: NOTICE\n  condition: proc.name in (l, l, l)\n"),
        many(
            "- rule: r#\n  priority: NOTICE\n  condition: proc.pid = 1\n  exceptions: [{name: a, fields: [proc.name], comps: [in], values: [[[l, l]]]}]\n",
        ),
    ] {
        let falco = format!("- list: l\n  items: [{items}]\n{entries}");
        let errors = FalcoRules::read([("rules", falco.as_bytes())]).expect_err("too much");
        assert!(errors[0].message.contains("more than"), "{}", errors[0]);
    }
    let empty: String = (0..31)
        .map(|number| format!("- list: l{}\n  items: [l{number}, l{number}]\n", number + 1))
        .collect();
    let falco = format!("- list: l0\n  items: []\n{empty}");
    assert!(FalcoRules::read([("rules", falco.as_bytes())]).is_err());
    let regexes = r"a', '".repeat(5_000);
    let rule = format!(
        "title: a\nlogsource: {{product: x}}\ndetection: {{a: {{A|re: ['{regexes}']}}, condition: a}}\n"
    );
    let errors = Detections::read([("rules", rule.as_bytes())]).expect_err("too much");
    assert!(
        errors[0].message.contains("more expressions"),
        "{}",
        errors[0]
    );
    let large = r"title: a
logsource: {product: x}
detection: {a: {A|re: '\w{400}'}, condition: a}";
    let errors = Detections::read([("rules", large.as_bytes())]).expect_err("too large");
    assert!(errors[0].advice.contains("repetitions"), "{}", errors[0]);
    let sigma = |condition: &str| {
        let rule = format!(
            "title: a\nlogsource: {{product: x}}\ndetection:\n  a: {{A: 1}}\n  condition: \"{condition}\"\n"
        );
        Detections::read([("rules", rule.as_bytes())])
    };
    assert!(sigma(&parentheses).is_err());
    assert!(sigma(&"not ".repeat(1_000_000)).is_err());
    assert!(sigma(&format!("{}a", "not ".repeat(4_000))).is_ok());
}
