//! What may be called, and with what.

use casemate_artifact::Verdict::{Dangerous, Known, Unknown};

use crate::stream::{binary, call, expect, import, stream, text, tuple, verdict};

#[test]
fn what_a_call_applies_is_judged_as_a_call() {
    let create = import("dill._dill/_create_array");
    let reconstruct = import("numpy.core.multiarray/_reconstruct");
    let given = tuple(&[&import("numpy/ndarray"), &tuple(&[b"K\0"]), &binary(b"b")]);
    let dtype = call(&import("numpy/dtype"), &[&text("i4"), b"\x89", b"\x88"]);
    let state = tuple(&[b"K\x01", &tuple(&[b"K\0"]), &dtype, b"\x89", &binary(b"")]);
    expect(
        Known,
        &[&call(&create, &[&reconstruct, &given, &state, b"N"])],
    );
    let system = tuple(&[&text("id")]);
    expect(
        Dangerous,
        &[&call(
            &create,
            &[&import("os/system"), &system, &state, b"N"],
        )],
    );
    let hostile = tuple(&[&import("acme/Evil"), &tuple(&[b"K\0"]), &binary(b"b")]);
    assert!(
        verdict(stream(&[&call(
            &create,
            &[&reconstruct, &hostile, &state, b"N"]
        )])) >= Unknown
    );

    let rebuild = import("torch._tensor/_rebuild_from_type_v2");
    let tensor = import("torch/Tensor");
    expect(
        Dangerous,
        &[&call(
            &rebuild,
            &[&import("os/system"), &tensor, &system, b"}"],
        )],
    );
    let inner = tuple(&[&import("builtins/eval"), &tensor, &system, b"}"]);
    let twice = call(&rebuild, &[&rebuild, &tensor, &inner, b"}"]);
    expect(Dangerous, &[&twice]);
}

#[test]
fn bytes_that_torch_loads_are_judged_as_a_file() {
    let load = import("torch.storage/_load_from_bytes");
    let evil = stream(&[&call(&import("os/system"), &[&text("id")])]);
    expect(Dangerous, &[&call(&load, &[&binary(&evil)])]);
    assert!(verdict(stream(&[&call(&load, &[&binary(b"short")])])) >= Unknown);
    let latin = String::from_utf8(evil.iter().map(|_| b'a').collect()).expect("ASCII");
    let encoded = call(&import("_codecs/encode"), &[&text(&latin), &text("latin1")]);
    assert!(verdict(stream(&[&call(&load, &[&encoded])])) >= Unknown);
    let evil: String = evil.iter().map(|&byte| char::from(byte)).collect();
    let encoded = call(&import("_codecs/encode"), &[&text(&evil), &text("latin1")]);
    expect(Dangerous, &[&call(&load, &[&encoded])]);
}

#[test]
fn code_that_is_carried_is_unknown_and_dangerous_once_it_is_called() {
    let code_type = call(
        &import("cloudpickle.cloudpickle/_builtin_type"),
        &[&text("CodeType")],
    );
    let code = |name| call(&code_type, &[b"K\0", &binary(b"x"), &tuple(&[&text(name)])]);
    let function = |name| {
        let make = import("cloudpickle.cloudpickle/_make_function");
        call(&make, &[&code(name), b"}", b"N", b"N", b"N"])
    };
    expect(Unknown, &[&function("log")]);
    expect(Unknown, &[&function("system")]);
    expect(Dangerous, &[&call(&function("log"), &[])]);
    let make = import("cloudpickle.cloudpickle/_make_skeleton_class");
    let class = call(
        &make,
        &[&import("builtins/type"), &text("A"), b")", b"}", b"N", b"N"],
    );
    let object = [&class[..], b")\x81"].concat();
    expect(Unknown, &[b"(", &function("log"), &object, b"t"]);
    expect(Dangerous, &[b"(", &function("system"), &object, b"t"]);
    expect(Dangerous, &[&code("log")]);
}

#[test]
fn strings_that_are_looked_up_are_bound() {
    let repr = import("dill._dill/_eval_repr");
    expect(Known, &[&call(&repr, &[&text("range(0, 3)")])]);
    expect(
        Dangerous,
        &[&call(&repr, &[&text("__import__('os').system('id')")])],
    );
    expect(
        Dangerous,
        &[&call(&repr, &[&text("range(0, 3) or exit()")])],
    );
    let zone = import("pytz/_p");
    expect(
        Known,
        &[&call(
            &zone,
            &[&text("US/Eastern"), b"J\0\0\0\0", b"K\0", &text("LMT")],
        )],
    );
    assert!(verdict(stream(&[&call(&zone, &[&text("../x")])])) >= Unknown);
}

#[test]
fn what_makes_trees_makes_nothing_else() {
    let make = import("sklearn.metrics._dist_metrics/newObj");
    let metric = import("sklearn.metrics._dist_metrics/EuclideanDistance64");
    expect(Known, &[&call(&make, &[&metric])]);
    let namespace = call(&import("types/SimpleNamespace"), &[]);
    let others = [
        namespace,
        import("sklearn.metrics._dist_metrics/PyFuncDistance"),
        import("collections/OrderedDict"),
        text("EuclideanDistance64"),
    ];
    for other in others {
        assert!(verdict(stream(&[&call(&make, &[&other])])) >= Unknown);
    }
}

#[test]
fn an_index_names_no_file() {
    let index = import("pandas/DatetimeIndex");
    let new = import("pandas.core.indexes.datetimes/_new_DatetimeIndex");
    let made = |key: &str, value: &[u8]| {
        let state = [b"}", &text(key)[..], value, b"s"].concat();
        verdict(stream(&[&call(&new, &[&index, &state])]))
    };
    for (key, value) in [
        ("tz", "UTC"),
        ("tz", "Europe/Rome"),
        ("freq", "W-SUN"),
        ("dtype", "datetime64[ns, America/New_York]"),
        ("name", "km/h"),
    ] {
        assert_eq!(made(key, &text(value)), Known, "{value}");
    }
    for value in [
        "dateutil//etc/passwd",
        "dateutil/Europe/Rome",
        "/etc/passwd",
        "../x",
        "datetime64[ns, dateutil//etc/passwd]",
        "datetime64[ns,dateutil//x]",
        "a\\b",
    ] {
        for key in ["tz", "freq", "dtype"] {
            assert!(made(key, &text(value)) >= Unknown, "{value}");
        }
    }
    let dtype = call(&import("numpy/dtype"), &[&text("U9"), b"\x89", b"\x88"]);
    let scalar = import("numpy.core.multiarray/scalar");
    let hidden = call(&scalar, &[&dtype, &binary(b"dateutil//x")]);
    assert!(made("tz", &hidden) >= Unknown);
    let long = format!("{}dateutil//x", " ".repeat(1 << 16));
    assert!(made("tz", &text(&long)) >= Unknown);
}

#[test]
fn a_fraction_has_no_exponent() {
    let fraction = import("fractions/Fraction");
    for sound in ["1/3", "-5", "22/7"] {
        expect(Known, &[&call(&fraction, &[&text(sound)])]);
    }
    expect(Known, &[&call(&fraction, &[b"K\x01", b"K\x03"])]);
    for hostile in ["1e999999999", "1E9/2", "", "/", "1.5"] {
        let told = verdict(stream(&[&call(&fraction, &[&text(hostile)])]));
        assert!(told >= Unknown, "{hostile}");
    }
    let decimal = call(&import("decimal/Decimal"), &[&text("1e999999999")]);
    assert!(verdict(stream(&[&call(&fraction, &[&decimal])])) >= Unknown);
}

#[test]
fn a_few_bytes_take_no_gigabytes() {
    let made = |name: &str, argument: &[u8]| verdict(stream(&[&call(&import(name), &[argument])]));
    let range = |numbers: &[&[u8]]| call(&import("builtins/range"), numbers);
    let huge = b"J\xff\xff\xff\x7f".as_slice();
    for (name, argument) in [
        ("builtins/bytes", huge.to_vec()),
        (
            "builtins/bytearray",
            b"\x8a\x09\0\0\0\0\0\0\0\0\x01".to_vec(),
        ),
        ("builtins/set", range(&[huge])),
        ("builtins/list", range(&[b"K\0", huge, b"K\x01"])),
        (
            "builtins/frozenset",
            range(&[huge, b"K\0", b"J\xff\xff\xff\xff"]),
        ),
    ] {
        assert_eq!(made(name, &argument), Dangerous, "{name}");
    }
    assert!(made("builtins/set", &range(&[b"K\x09"])) <= Unknown);
    assert!(made("builtins/set", &range(&[b"K\0", huge, huge])) <= Unknown);
    assert_eq!(made("builtins/bytearray", &binary(b"a")), Known);
    expect(Known, &[&range(&[b"K\0", huge, b"K\x01"])]);
}

#[test]
fn what_restores_no_object_of_a_library_is_dangerous_when_it_is_called() {
    let told =
        |name: &str, arguments: &[&[u8]]| verdict(stream(&[&call(&import(name), arguments)]));
    for name in [
        "numpy.lib.format/open_memmap",
        "sklearn.datasets/fetch_openml",
    ] {
        assert_eq!(told(name, &[]), Dangerous, "{name}");
    }
    // By its name it may restore something, or nobody could read it.
    for name in [
        "numpy.lib.unheard/_rebuild_unheard",
        "pyarrow.lib/field",
        "acme/bootstrap",
    ] {
        assert_eq!(told(name, &[&text("payload")]), Unknown, "{name}");
    }
    let run = "acme.tools/run_script";
    assert_eq!(
        told("acme.tools/import_string", &[&text("os.system")]),
        Dangerous
    );
    assert_eq!(told("acme.tools/run", &[&text("payload")]), Dangerous);
    assert_eq!(told(run, &[b"K\x01"]), Unknown);
    assert_eq!(
        told("acme.net/fetch", &[&text("http://198.51.100.7/x")]),
        Dangerous
    );
    assert_eq!(told("acme/Restorer", &[&text("touch /tmp/x")]), Dangerous);
    assert_eq!(
        told("acme/Address", &[&text("http://198.51.100.7/x")]),
        Unknown
    );
}
