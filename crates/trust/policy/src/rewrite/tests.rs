use proptest::prelude::*;

use super::*;

const NONE: Known = Known {
    ours: |name| (name == "a.f").then_some(1),
    theirs: |name| (name == "count").then_some(1),
};

fn rewritten(text: &str) -> Vec<String> {
    let modules = modules(&[("a.rego", text)], NONE);
    modules.into_iter().map(|module| module.text).collect()
}

#[test]
fn templates_become_calls() {
    assert_eq!(
        rewritten("x := $\"a\\{ {b} \\n\"\n"),
        [
            "x := internal.template_string([\"a{ \", {__template_4__ | __template_4__ := b}, \
             \" \\n\"])\n"
        ]
    );
    assert_eq!(rewritten("x := $``"), ["x := internal.template_string([])"]);
}

#[test]
fn a_call_that_binds_its_result_becomes_an_equation() {
    for (written, read) in [
        ("p if a.f(1, x)", "p if a.f(1) = x"),
        ("p if { a.f([1, 2],\n\tx) }", "p if { a.f([1, 2]) =\n\tx }"),
        ("p if a.f(1)", "p if a.f(1)"),
        ("p if a.f(1,)", "p if a.f(1,)"),
        ("p if a.f(\n\t1,\n\tx,\n)", "p if a.f(\n\t1) =\n\tx\n"),
        ("p if b.a.f(1, x)", "p if b.a.f(1, x)"),
        ("a.f(1, x) := 2", "a.f(1, x) := 2"),
        (
            "import data.a\np if a.f(1, x)",
            "import data.a\np if data.a.f(1, x)",
        ),
        (
            "p if \"a.f(1, x)\" # a.f(1, x)",
            "p if \"a.f(1, x)\" # a.f(1, x)",
        ),
    ] {
        assert_eq!(rewritten(written), [read]);
    }
}

#[test]
fn what_replaces_and_what_is_replaced_are_functions() {
    let texts = rewritten("p if a.f(1) == 2 with a.f as count\nq := count([])\n");
    assert_eq!(
        texts[0],
        "p if data.__builtins__.a.f.call(1) == 2 with data.__builtins__.a.f.call as \
         data.__builtins__.count.call\nq := count([])\n"
    );
    assert_eq!(
        texts[1],
        "package __builtins__.a.f\n\ncall(a0) := a.f(a0)\n"
    );
    assert_eq!(texts.len(), 3);
    let variable = "p if {\n\tcount := 1\n\tinput.x == 1 with input.x as count\n}\n";
    assert_eq!(rewritten(variable), [variable]);
}

#[test]
fn rules_with_keywords_are_moved_on_their_lines() {
    let texts = rewritten("package a.b\n\nx := 1\n\nnot.foo := x if {\n\tx\n}\n\ny := not.foo\n");
    assert_eq!(
        texts,
        [
            "package a.b.not import data.a.b.x\n\n\n\nfoo := x if {\n\tx\n}\n\n\n",
            "package a.b\n\nx := 1\n\n\n\n\n\ny := data.a.b.not.foo\n",
        ]
    );
}

#[test]
fn what_is_imported_has_its_full_name_where_it_can_be_nothing_else() {
    for (written, read) in [
        (
            "p if lib.x == lib[\"y\"]",
            "p if data.a.lib.x == data.a.lib[\"y\"]",
        ),
        ("p if a.lib.x", "p if a.lib.x"),
        ("p if { lib := {}; lib.x }", "p if { lib := {}; lib.x }"),
        ("p if { x := lib; x.y }", "p if { x := [lib][0]; x.y }"),
        (
            "f(lib) := lib.x\n\np := lib.x",
            "f(lib) := lib.x\n\np := data.a.lib.x",
        ),
    ] {
        let import = "package a\n\nimport data.a.lib\n\n";
        assert_eq!(
            rewritten(&format!("{import}{written}\n")),
            [format!("{import}{read}\n")]
        );
    }
    let renamed = "package a\n\nimport data.b as c\nimport input.d\n\np if c.x == d.x\n";
    assert_eq!(rewritten(renamed), [renamed.replace("c.x", "data.b.x")]);
}

#[test]
fn what_not_needs_is_asked_for_first() {
    for (written, read) in [
        ("p if not x > 3", "p if { type_name(x) ; not x > 3 }"),
        (
            "p if { not f(x, 1) }",
            "p if { type_name(x) ; not f(x, 1) }",
        ),
        ("p if { not x == 3; y }", "p if { not x == 3; y }"),
        (
            "p if { not x + 1 == 3 }",
            "p if { type_name(x + 1) ; not x + 1 == 3 }",
        ),
        (
            "p if { not f(x)[0] == 3 }",
            "p if { type_name(f(x)) ; not f(x)[0] == 3 }",
        ),
        ("p if not x", "p if not x"),
        ("p if not f(1)", "p if not f(1)"),
        (
            "p if { not (f(x)) == y }",
            "p if { type_name((f(x))) ; not (f(x)) == y }",
        ),
        (
            "p if { not x[y.z] }",
            "p if { type_name(y.z) ; not x[y.z] }",
        ),
        ("p if { not x[_] > 2 }", "p if { not x[_] > 2 }"),
        (
            "p := [1 | not x in y]",
            "p := [1 | type_name(x) ; type_name(y) ; not x in y]",
        ),
        (
            "p if {\n\tnot x\n\t\t+ 1 with input as {}\n\tz\n}",
            "p if {\n\ttype_name(x) with input as {}; not x\n\t\t+ 1 with input as {}\n\tz\n}",
        ),
        ("p if { a.not > 3 }", "p if { a.not > 3 }"),
        (
            "p if { not [y | y := z.a][0] > 2 }",
            "p if { type_name([y | y := z.a][0]) ; not [y | y := z.a][0] > 2 }",
        ),
        (
            "p if { not {y | y := z.a} == q }",
            "p if { not {y | y := z.a} == q }",
        ),
    ] {
        assert_eq!(rewritten(written), [read]);
    }
}

#[test]
fn what_has_a_value_is_not_asked_for() {
    for bound in [
        "p if { some x in y; not x > 3 }",
        "p if { some k, x in y; not k > 3 }",
        "p if { some k, x in y; not x > 3 }",
        "p if { x := y.z; not x > 3 }",
        "p := [1 | some x in y; not x > 3]",
        "p if { x := y.z; every z in x { not x > 3 } }",
    ] {
        assert_eq!(rewritten(bound), [bound]);
    }
    for unbound in [
        "p if { some x; y; not x > 3 }",
        "p if { some x; y in z; not x > 3 }",
        "p if { y := {x | x := 1}; not x > 3 }",
        "p if { [1 | some x in y]; not x > 3 }",
        "p if { y.x := 1; not x > 3 }",
        "p if { x := 1 } else := 2 if { not x > 3 }",
        "p if x := 1\n\nq if { not x > 3 }",
        "p if { x == 1; not x > 3 }",
    ] {
        assert_eq!(
            rewritten(unbound),
            [unbound.replace("not x", "type_name(x) ; not x")]
        );
    }
}

#[test]
fn values_of_heads_are_computed_in_bodies() {
    for (written, read) in [
        (
            "p contains m[k] if {\n\tsome k in n\n}\n",
            "p contains __value_4__ if {\n\tsome k in n\n; __value_4__ := m[k] }\n",
        ),
        (
            "p := [m[k]] if some k in n\n",
            "p := __value_4__ if { some k in n; __value_4__ := [m[k]] }\n",
        ),
        (
            "p[x.y] := {\n\t\"a\": z, # b\n} if {\n\tc\n}\n",
            "p[__value_4__] := __value_9__\n\n if {\n\tc\n; __value_9__ := { \"a\": z, }; \
             __value_4__ := x.y }\n",
        ),
        (
            "p := 1 if x else := y.z if { w } else := v\n",
            "p := 1 if x else := __value_9__ if { w ; __value_9__ := y.z } else := v\n",
        ),
        (
            "deny[f(x)] { a } { b }\n",
            "deny[__value_4__] { a ; __value_4__ := f(x) } deny[__value_4__] { b ; __value_4__ := \
             f(x) }\n",
        ),
        (
            "p[x] := [1, 2] if { x := y.z }\n",
            "p[x] := __value_7__ if { x := y.z ; __value_7__ := [1, 2] }\n",
        ),
        (
            "p contains x.y if {z | z := 1} == q\n",
            "p contains __value_4__ if { {z | z := 1} == q; __value_4__ := x.y }\n",
        ),
    ] {
        let package = "package t\n\n";
        assert_eq!(
            rewritten(&format!("{package}{written}")),
            [format!("{package}{read}")]
        );
    }
    for same in [
        "p contains m if {\n\tm := 1\n}\n",
        "p := {\"a\": 1} if { x }\n",
        "p := x.y\n",
        "p := {x.y}\n",
        "p := {x |\n\ty[x]\n} | {x |\n\tz[x]\n}\n",
        "default p := 1\n\np if x.y\n",
        "p[x] := y if { z }\n",
        "p[x] := [y | z] if { x := 1 }\n",
        "p[\"x\"] := [1, 2] if { y }\n",
    ] {
        let same = format!("package t\n\n{same}");
        assert_eq!(rewritten(&same), [same]);
    }
}

#[test]
fn a_name_for_a_name_is_taken_out_of_an_array() {
    for (written, read) in [
        ("p if { a := b }", "p if { a := [b][0] }"),
        ("p if {\n\ta := b\n\tc\n}", "p if {\n\ta := [b][0]\n\tc\n}"),
        (
            "p if { a := b with c as d }",
            "p if { a := [b][0] with c as d }",
        ),
        ("p if { a := b.c }", "p if { a := b.c }"),
        ("p if { a := b + 1 }", "p if { a := b + 1 }"),
        ("p if { a := b\n\t| c }", "p if { a := b\n\t| c }"),
        ("p if { a := true }", "p if { a := true }"),
        ("p if { [a, _] := walk(b.c) }", "p if { walk(b.c, [a, _]) }"),
        ("p if {\n\ta = walk(b)\n}", "p if {\n\twalk(b, a)\n}"),
        ("p if { walk(b, a) }", "p if { walk(b, a) }"),
        ("p := a", "p := a"),
    ] {
        assert_eq!(rewritten(written), [read]);
    }
}

#[test]
fn rules_that_with_replaces_have_their_full_names() {
    let texts = rewritten("package a\n\nx := 1\n\nf(y) := y\n\np if x with x as 2 with f as 3\n");
    assert!(
        texts[0].ends_with("p if x with data.a.x as 2 with f as 3\n"),
        "{}",
        texts[0]
    );
}

#[test]
fn a_parenthesis_on_a_line_of_its_own_is_no_call() {
    for (written, read) in [
        (
            "p if {\n\tx == y\n\t(1 + z) > 2\n}",
            "p if {\n\tx == y;\n\t(1 + z) > 2\n}",
        ),
        (
            "p if {\n\tx == # y\n\t(1 + z)\n}",
            "p if {\n\tx == # y\n\t(1 + z)\n}",
        ),
        ("p if {\n\t(1 + z) > 2\n}", "p if {\n\t(1 + z) > 2\n}"),
        ("p if\n\t(1 + z) > 2\n", "p if\n\t(1 + z) > 2\n"),
    ] {
        assert_eq!(rewritten(written), [read]);
    }
}

#[test]
fn a_package_in_several_files_has_a_module_that_needs_all_of_it() {
    let sources = [
        ("a.rego", "package a\n\nx := 1\n\nf(y) := y\n"),
        ("b.rego", "package a\n\nb.c contains 1\n\ndefault x := 2\n"),
        ("c.rego", "package c\n"),
        ("d.rego", "package a.d\n\ny := 1\n"),
    ];
    let modules = modules(&sources, NONE);
    assert_eq!(modules.len(), 5);
    assert!(Module::is_generated(&modules[0].name));
    assert_eq!(
        modules[0].text,
        "package a\n\n__all__ if [\n\t[0 | data.a.b.c],\n\t[0 | data.a.d],\n\t[0 | data.a.x],\n] == null\n"
    );
}

#[test]
fn what_is_no_value_of_a_head_is_left_alone() {
    for text in ["}\na=``a{}#", "a = b.c d { true }"] {
        assert_eq!(rewritten(text), [text]);
    }
}

#[test]
fn a_function_without_a_body_is_true() {
    let text = "package a\nf(\"x\")\n\ng(x, [y]) if x\n\nh(_)\n";
    let read = "package a\nf(\"x\") := true\n\ng(x, [y]) if x\n\nh(_) := true\n";
    assert_eq!(rewritten(text), [read]);
    let text = "package a\nf(x) := 1\ng(x) { x }\nh(x) = y { y = x }\n";
    assert_eq!(rewritten(text), [text]);
}

#[test]
fn columns_lead_back_to_what_was_written() {
    let text = "x := [$\"a{b}\", c, $\"{d}\"] == e\n";
    let module = modules(&[("a.rego", text)], NONE).remove(0);
    for word in ["x", "b}", "c", "d}", "e\n"] {
        let read = module.text.find(word).expect(word) + 1;
        // `c` and `e` also stand in what was put in.
        let read = if word == "c" {
            module.text.find(", c,").expect("c") + 3
        } else {
            read
        };
        let written = text.find(word).expect(word) + 1;
        assert_eq!(module.written(1, read), written, "{word}");
    }
    assert_eq!(module.written(2, 7), 7);
}

proptest! {
    #[test]
    fn no_source_loses_a_line_or_panics_the_rewrite(
        words in prop::collection::vec(prop::sample::select(WORDS), 0..40),
    ) {
        let text = words.concat();
        for module in modules(&[("a.rego", &text)], NONE) {
            if module.name == "a.rego" {
                prop_assert_eq!(
                    module.text.matches('\n').count(), text.matches('\n').count(), "{}", module.text
                );
            }
            let _ = module.written(1, 5);
        }
        let _ = query(&text, NONE);
    }

    #[test]
    fn what_uses_nothing_new_stays_as_it_is(text in "[a-z0-9 \n\"`\\\\{}\\[\\]),:#]{0,80}") {
        // What has a meaning that the rewrite knows.
        prop_assume!(!text.contains("not"));
        prop_assert_eq!(rewritten(&text), [text]);
    }
}

const WORDS: &[&str] = &[
    "package ", "import ", "a", ".f", "(", ")", "[", "]", "{", "}", ",", "\n", "\n\n", "\"", "\\",
    "`", "$", "$\"", "$`", "not.", "default ", "default.", "if ", "else ", "with ", "as ", ":= ",
    "= ", " ", "#", "x", "count", "1", "é", ".", "data.",
];

#[test]
fn what_a_comprehension_collects_goes_through_a_builtin() {
    for (written, read) in [
        (
            "p := [[x, y] | some x in a; some y in b]",
            "p := [internal.collected([x, y]) | some x in a; some y in b]",
        ),
        (
            "p := {{\"a\": [x |\n\tx := f(y)],\n} |\n\tsome y in b\n}",
            "p := {internal.collected({\"a\": [x |\n\tx := f(y)],\n}) |\n\tsome y in b\n}",
        ),
        (
            "p := {f(k): [v, v] | some k, v in a}",
            "p := {internal.collected(f(k)): internal.collected([v, v]) | some k, v in a}",
        ),
        (
            "p := [a[_] | true]",
            "p := [internal.collected(a[_]) | true]",
        ),
    ] {
        assert_eq!(rewritten(written), [read]);
    }
    for same in [
        "p := [x | some x in a]",
        "p := [[x, 1] | x := a[_]; x > 1]",
        "p := [[x, 1] | x := [y | some y in b]]",
        "p := {k: v | some k, v in a}",
        "p := [a, b.c | d]",
        "p if {\n\tf(1)\n\tc | d\n}",
        "p if { x := [1]; a | x }",
        "p if { some x in a; b | x }",
        "p if { some x in a[_] | b }",
        "p := (f(1) | a)",
    ] {
        assert_eq!(rewritten(same), [same]);
    }
}

#[test]
fn every_body_of_a_set_has_a_head() {
    for (written, read) in [
        (
            "v[{\"m\": m}] {\n\tf(m)\n} {\n\tg(m)\n}\n{ h(m) }\nw[1] { true } { false }",
            "v[{\"m\": m}] {\n\tf(m)\n} v[{\"m\": m}] {\n\tg(m)\n}\nv[{\"m\": m}] { h(m) }\nw[1] \
             { true } w[1] { false }",
        ),
        ("f(x) { x } { not x }", "f(x) { x } { not x }"),
        (
            "p { true } else = 1 { true }",
            "p { true } else = 1 { true }",
        ),
        ("o[k] = v { k } { v }", "o[k] = v { k } { v }"),
    ] {
        assert_eq!(rewritten(written), [read]);
    }
}
