//! Templates and values that somebody made to break something.

use proptest::prelude::*;

use super::chart;

/// Words that mean something to the lexer, the parser or a function.
const WORDS: &[&str] = &[
    "{{",
    "{{-",
    "}}",
    "-}}",
    " ",
    "\n",
    "(",
    ")",
    "|",
    ".",
    ".a",
    "$",
    "$x",
    ":=",
    "=",
    ",",
    "if",
    "else",
    "end",
    "range",
    "with",
    "define",
    "template",
    "block",
    "break",
    "continue",
    "\"a\"",
    "`b`",
    "'c'",
    "1",
    "-2.5",
    "0x1p3",
    "nil",
    "true",
    "/*",
    "*/",
    "include",
    "tpl",
    "toYaml",
    "fromYaml",
    "printf \"%*d %v\"",
    "list",
    "dict",
    "set",
    "merge",
    "index",
    "slice",
    "until",
    "repeat",
    "indent",
    "nindent",
    "trunc",
    "substr",
    "regexReplaceAll",
    "randAlpha",
    "semverCompare",
    "default",
    "required",
    ".Values",
    ".Files.Glob",
    ".Release.Namespace",
    "a: ",
    "- ",
    "---\n",
    "\u{f8f0}",
    "\u{f8f1}",
    "\u{e4}",
    "{",
    "}",
    "[",
    "]",
    "&x",
    "*x",
    "<<",
];

fn words() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        8 => prop::sample::select(WORDS).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
    ];
    let spaced = (word, prop::bool::ANY).prop_map(|(word, space)| match space {
        true => word + " ",
        false => word,
    });
    prop::collection::vec(spaced, 0..60).prop_map(|words| words.concat())
}

/// An action that is likely to be one.
fn action() -> impl Strategy<Value = String> {
    let operand = prop_oneof![
        prop::sample::select(WORDS).prop_map(str::to_owned),
        prop::sample::select(
            &[
                "\"x y\"",
                "3",
                ".Values.a",
                "$",
                "(list 1 2)",
                "(dict \"a\" 1)",
                "-1"
            ][..]
        )
        .prop_map(str::to_owned),
    ];
    prop::collection::vec(operand, 1..6).prop_map(|it| format!("a: {{{{ {} }}}}\n", it.join(" ")))
}

proptest! {
    #[test]
    fn no_template_and_no_values_break_anything(
        template in prop_oneof![words(), prop::collection::vec(action(), 1..8).prop_map(|it| it.concat())],
        values in words(),
    ) {
        // Each object has an address, and each problem a place that is in a file.
        let world = chart(&template, &values);
        for problem in world.problems() {
            prop_assert!(problem.origin.span.end as usize <= problem.origin.file.text.len());
        }
    }
}
