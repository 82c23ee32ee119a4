use crate::{Bundle, testkit::file};

fn load(modules: &[(&str, &str)]) -> Result<Bundle, String> {
    let files = modules
        .iter()
        .map(|(name, text)| file(name, text))
        .collect();
    Bundle::overlay(files).map_err(|error| error.to_string())
}

#[test]
fn functions_that_call_themselves_are_refused_however_they_are_named() {
    for modules in [
        &[("a.rego", "package a\nf(x) := f(x)\n")][..],
        &[(
            "a.rego",
            "package a\nf(x) := g(x)\ng(x) := y if { y := [z | z := f(x)][0] }\n",
        )],
        &[(
            "a.rego",
            "package a\nf(x) if { every y in x { not f(y) } }\n",
        )],
        &[("a.rego", "package a\nf(f) := f if f(1)\n")],
        &[("a.rego", "package a\nf(x) := data.a.f(x)\n")],
        &[(
            "a.rego",
            "package a\nf(0) := 1\nf(x) := 1 if { false } else := f(x - 1)\n",
        )],
        &[
            ("a.rego", "package a\nimport data.b\nf(x) := b.g(x)\n"),
            ("b.rego", "package b\nimport data.a.f as h\ng(x) := h(x)\n"),
        ],
        &[(
            "a.rego",
            "package a.b\nimport data.a as z\nf(x) := z.b.f(x)\n",
        )],
        &[("a.rego", "package a\nf(x) = y { y := f(x) }\n")],
    ] {
        let error = load(modules)
            .err()
            .unwrap_or_else(|| panic!("{modules:?} loads"));
        assert!(error.contains("calls itself"), "{error}");
    }
}

#[test]
fn what_only_looks_like_recursion_loads() {
    for source in [
        "package a\nf(x) := y if { g := x; y := g }\ng(x) := f(x)\n",
        "package a\nf(x) := count(x)\ncount_all := f([1])\n",
        "package a\nx := f(1)\nf(y) := x if { x := y }\n",
        "package a\nimport data.b.f\ng(x) := f(x)\nh := data.b.f(1)\n",
    ] {
        let b = ("b.rego", "package b\nf(x) := x\n");
        assert!(load(&[("a.rego", source), b]).is_ok(), "{source}");
    }
}

#[test]
fn calls_that_would_outgrow_the_stack_are_refused_and_the_rest_is_survived() {
    let chain = |length: usize| {
        let mut source = "package a\n".to_owned();
        for at in 0..length {
            source.push_str(&format!("f{at}(x) := f{}(x) + 1\n", at + 1));
        }
        source.push_str(&format!("f{length}(x) := x\ndeny := f0(1)\n"));
        source
    };
    let error = load(&[("a.rego", &chain(2_000))]).err().expect("too deep");
    assert!(error.contains("too deeply"), "{error}");

    let (name, text) = ("a.rego", chain(400));
    let bundle = load(&[(name, &text)]).expect("deep enough");
    let question = crate::Question {
        input: &().into(),
        now: crate::testkit::now(),
    };
    let values = crate::Engine::eval(&bundle, &["data.a.deny"], &question);
    assert_eq!(values, Ok(vec![Some(401.into())]));

    let long = format!("package a\nx := 1{}\n", "\n + 1".repeat(4_000));
    let bundle = load(&[("a.rego", &long)]).expect("long, and not too long");
    let values = crate::Engine::eval(&bundle, &["data.a.x"], &question);
    assert_eq!(values, Ok(vec![Some(4_001.into())]));
}

#[test]
fn a_body_that_would_take_too_long_to_order_is_refused() {
    let source = format!("package a\nx if {{\n{}}}\n", "input.a\n".repeat(2_001));
    let error = load(&[("a.rego", &source)]).err().expect("too long");
    assert!(
        error.starts_with("a.rego:2: a body has more than 2000"),
        "{error}"
    );
}

#[test]
fn a_reference_that_would_take_too_long_to_read_is_refused() {
    let source = |count| {
        format!(
            "package a\n\nx contains y if {{\n\ty := input{}\n}}\n",
            "[_]".repeat(count)
        )
    };
    let error = load(&[("a.rego", &source(13))]).err().expect("too long");
    assert!(error.starts_with("a.rego:4: a reference"), "{error}");
    load(&[("a.rego", &source(12))]).expect("short enough");
}

#[test]
fn rules_are_found_where_they_stand() {
    let source = "package a[\"b c\"]\n\ndeny contains 1\n\nx.y := 2\n\ndefault z := 3\n";
    let bundle = load(&[("q.rego", source)]).expect("loads");
    let rules = bundle.rules();
    let ours: Vec<(&str, u32)> = rules
        .iter()
        .filter(|site| site.file == "q.rego")
        .map(|site| (&*site.rule, site.line))
        .collect();
    assert_eq!(
        ours,
        [("data.a[\"b c\"].deny", 3), ("data.a[\"b c\"].x.y", 5)]
    );
    let question = crate::Question {
        input: &().into(),
        now: crate::testkit::now(),
    };
    let rule = "data.a[\"b c\"].x.y";
    assert_eq!(
        crate::Engine::eval(&bundle, &[rule], &question),
        Ok(vec![Some(2.into())])
    );
}
