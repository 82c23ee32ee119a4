//! SciPy's distributions, whose `__setstate__` executes source text of their state: what SciPy
//! itself writes is known, and all else is not.

use casemate_artifact::{Allowlist, Limits, Verdict, examine};
use casemate_core::MemorySource;

use Verdict::{Dangerous, Known, Unknown};

const GAMMA: &str = "scipy.stats._continuous_distns\ngamma_gen";

fn text(text: &str) -> Vec<u8> {
    let len = u32::try_from(text.len()).expect("short").to_le_bytes();
    [b"X", &len[..], text.as_bytes()].concat()
}

/// What SciPy's `_construct_argparser` makes for shapes that it writes as `shapes`.
fn template(shapes: &str, given: &str, returned: &str) -> String {
    format!(
        "\ndef _parse_args(self, {shapes} {given}):\n    return ({shapes}), {returned}\n\
         \ndef _parse_args_rvs(self, {shapes} {given}, size=None):\n    return \
         self._argcheck_rvs({shapes} {returned}, size=size)\n\
         \ndef _parse_args_stats(self, {shapes} {given}, moments='mv'):\n    return ({shapes}), \
         {returned}, moments\n"
    )
}

fn continuous(shapes: &str) -> String {
    template(shapes, "loc=0, scale=1", "loc, scale")
}

/// A dictionary of these attributes, the template the first of them.
fn attributes(template: &[u8], others: &[(&str, &[u8])]) -> Vec<u8> {
    let mut state = [b"}(", &text("_parse_arg_template")[..], template].concat();
    for (name, value) in others {
        state.extend(text(name));
        state.extend(*value);
    }
    state.push(b'u');
    state
}

/// The verdict on an object of `class` that is given `state`.
fn of(class: &str, state: &[u8]) -> Verdict {
    let bytes = [b"\x80\x02c", class.as_bytes(), b"\n)\x81", state, b"b."].concat();
    let allowlist = Allowlist::builtin();
    let limits = Limits::default();
    let seen = examine(&MemorySource(bytes.clone()), allowlist, &limits);
    let bare = examine(&MemorySource(bytes), &allowlist.without_gadgets(), &limits);
    assert_eq!(
        seen.verdict <= Known,
        bare.verdict <= Known,
        "gadgets decide"
    );
    seen.verdict
}

fn with_template(template: &str) -> Verdict {
    of(
        GAMMA,
        &attributes(&text(template), &[("numargs", b"K\x01"), ("xtol", b"N")]),
    )
}

#[test]
fn a_distribution_as_scipy_writes_it_is_known() {
    for shapes in ["", "a, ", "M, n, N, ", "_x1, y_2, "] {
        assert_eq!(with_template(&continuous(shapes)), Known, "{shapes}");
        assert_eq!(
            with_template(&template(shapes, "loc=0", "loc, 1")),
            Known,
            "{shapes}"
        );
    }
}

#[test]
fn any_other_source_text_is_dangerous() {
    let sound = continuous("a, ");
    let changed = [
        String::new(),
        "import os".to_owned(),
        format!("{sound}import os\n"),
        format!("import os\n{sound}"),
        format!("{sound} "),
        sound.replace("\n\ndef", "\ndef"),
        sound.replacen("return (a, )", "return (b, )", 1),
        sound.replace("size=None", "size=print()"),
        sound.replace("self._argcheck_rvs", "self.freeze"),
        sound.replace("scale=1", "scale=2"),
        sound.replacen("_parse_args(", "_parse_args (", 1),
        sound.replace('\n', "\r\n"),
        template("a, ", "loc=0, scale=1", "loc, 1"),
        continuous("a=print(), "),
        continuous("a:print(), "),
        continuous("*a, "),
        continuous("a, b"),
        continuous("a,\n"),
        continuous("a\u{e9}, "),
        continuous("1a, "),
        continuous(", "),
        continuous("a, , "),
        continuous("a,b, "),
        continuous("a): pass\nimport os\ndef f(x, "),
        continuous(&"a, ".repeat(1500)),
    ];
    for text in changed {
        assert_eq!(with_template(&text), Dangerous, "{text}");
    }
}

#[test]
fn a_template_that_is_no_text_of_the_stream_is_dangerous() {
    let computed: [&[u8]; 5] = [
        b"N",
        b"C\x02os",
        b"c__builtin__\nstr\n",
        b"c__builtin__\nstr\nX\x01\0\0\0a\x85R",
        b"]X\x01\0\0\0aa",
    ];
    for template in computed {
        assert_eq!(
            of(GAMMA, &attributes(template, &[])),
            Dangerous,
            "{template:?}"
        );
    }
}

#[test]
fn the_last_template_counts_and_every_one_has_to_be_sound() {
    let sound = text(&continuous(""));
    let key = "_parse_arg_template";
    let twice = |second: &[u8]| of(GAMMA, &attributes(&sound, &[(key, second)]));
    assert_eq!(twice(&sound), Known);
    assert_eq!(twice(&text("import os")), Dangerous);
    let first = attributes(&text("import os"), &[(key, &sound)]);
    assert_eq!(of(GAMMA, &first), Dangerous);
}

#[test]
fn no_state_replaces_what_the_loader_calls_or_counts_with() {
    let sound = text(&continuous(""));
    let function: &[u8] = b"ccollections\nOrderedDict\n";
    for name in ["_attach_methods", "_attach_argparser_methods"] {
        assert_eq!(
            of(GAMMA, &attributes(&sound, &[(name, function)])),
            Dangerous,
            "{name}"
        );
        assert_eq!(
            of(GAMMA, &attributes(&sound, &[(name, b"N")])),
            Dangerous,
            "{name}"
        );
    }
    for name in [
        "_argcheck_rvs",
        "_cdf_single",
        "own",
        "numargs",
        "moment_type",
    ] {
        let told = of(GAMMA, &attributes(&sound, &[(name, function)]));
        assert!(told >= Unknown, "{name}");
    }
}

#[test]
fn a_state_that_cannot_be_followed_is_dangerous() {
    let sound = text(&continuous(""));
    let many: Vec<(String, &[u8])> = (0..160).map(|n| (format!("a{n}"), &b"N"[..])).collect();
    let many: Vec<(&str, &[u8])> = many.iter().map(|(name, value)| (&**name, *value)).collect();
    assert_eq!(of(GAMMA, &attributes(&sound, &many)), Dangerous);
    // Dictionaries of a class of their own, and pairs instead of a dictionary.
    let ordered = [
        b"ccollections\nOrderedDict\n)R",
        &text("_parse_arg_template")[..],
        &text("import os"),
        b"s",
    ]
    .concat();
    assert_eq!(of(GAMMA, &ordered), Dangerous);
    let pairs = [
        b"](",
        &text("_parse_arg_template")[..],
        &text("import os"),
        b"\x86e",
    ]
    .concat();
    assert_eq!(of(GAMMA, &pairs), Dangerous);
}

#[test]
fn the_parameters_of_older_versions_are_known_where_they_are_plain() {
    let pair = |parameters: &[u8], source: &[u8]| [parameters, source, b"\x86"].concat();
    let plain = [
        b"}(",
        &text("momtype")[..],
        b"K\x01",
        &text("shapes"),
        &text("a"),
        &text("name"),
        &text("gamma"),
        b"u",
    ]
    .concat();
    assert_eq!(of(GAMMA, &pair(&plain, b"N")), Known);
    let unheard = [b"}", &text("_attach_methods")[..], b"Ns"].concat();
    assert!(of(GAMMA, &pair(&unheard, b"N")) >= Unknown);
    let function = [b"}", &text("a")[..], b"c__builtin__\nlist\ns"].concat();
    assert!(of(GAMMA, &pair(&function, b"N")) >= Unknown);
    assert!(of(GAMMA, &pair(&plain, b"c__builtin__\nlist\n")) >= Unknown);
}

#[test]
fn frozen_distributions_hold_one_and_run_nothing_themselves() {
    let frozen = "scipy.stats._distn_infrastructure\nrv_continuous_frozen";
    let sound = attributes(&text(&continuous("")), &[]);
    let inner = [b"c", GAMMA.as_bytes(), b"\n)\x81", &sound, b"b"].concat();
    let state = [b"}", &text("dist")[..], &inner, b"s"].concat();
    assert_eq!(of(frozen, &state), Known);
    let hostile = attributes(&text("import os"), &[]);
    let inner = [b"c", GAMMA.as_bytes(), b"\n)\x81", &hostile, b"b"].concat();
    let state = [b"}", &text("dist")[..], &inner, b"s"].concat();
    assert_eq!(of(frozen, &state), Dangerous);
}

#[test]
fn the_source_text_of_an_unlisted_distribution_is_judged_too() {
    let unheard = "scipy.stats._continuous_distns\nnobody_gen";
    assert_eq!(
        of(unheard, &attributes(&text(&continuous("")), &[])),
        Unknown
    );
    assert_eq!(of(unheard, &attributes(&text("import os"), &[])), Dangerous);
}
