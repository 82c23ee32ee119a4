//! Rows that real dumps need and that an attacker would like: each within its contract, and beyond.

use casemate_artifact::{Allowlist, Limits, Verdict, examine};
use casemate_core::MemorySource;

use Verdict::{Dangerous, Known, Unknown};

/// A stream of protocol 4 that ends with what `body` leaves.
fn stream(body: &[&[u8]]) -> Vec<u8> {
    [b"\x80\x04", &body.concat()[..], b"."].concat()
}

fn import(name: &str) -> Vec<u8> {
    let (module, path) = name.split_once('/').expect("module/path");
    format!("c{module}\n{path}\n").into_bytes()
}

fn text(text: &str) -> Vec<u8> {
    let len = u32::try_from(text.len()).expect("short").to_le_bytes();
    [b"X", &len[..], text.as_bytes()].concat()
}

fn binary(bytes: &[u8]) -> Vec<u8> {
    let len = u32::try_from(bytes.len()).expect("short").to_le_bytes();
    [b"B", &len[..], bytes].concat()
}

fn tuple(items: &[&[u8]]) -> Vec<u8> {
    [b"(", &items.concat()[..], b"t"].concat()
}

fn call(function: &[u8], arguments: &[&[u8]]) -> Vec<u8> {
    [function, &tuple(arguments), b"R"].concat()
}

fn attribute(of: &[u8], name: &str) -> Vec<u8> {
    call(&import("builtins/getattr"), &[of, &text(name)])
}

fn verdict(bytes: Vec<u8>) -> Verdict {
    let allowlist = Allowlist::builtin();
    let limits = Limits::default();
    let seen = examine(&MemorySource(bytes.clone()), allowlist, &limits);
    let bare = examine(&MemorySource(bytes), &allowlist.without_gadgets(), &limits);
    let clean = |verdict| verdict <= Known;
    assert_eq!(clean(seen.verdict), clean(bare.verdict), "gadgets decide");
    seen.verdict
}

#[track_caller]
fn expect(expected: Verdict, body: &[&[u8]]) {
    assert_eq!(verdict(stream(body)), expected);
}

#[test]
fn an_attribute_of_an_import_is_judged_by_its_name() {
    let zone = attribute(&import("zoneinfo/ZoneInfo"), "_unpickle");
    expect(Known, &[&call(&zone, &[&text("Europe/Rome"), b"K\x01"])]);
    for key in ["../../etc/passwd", "/etc/passwd", "a//b", "a.b", ""] {
        let told = verdict(stream(&[&call(&zone, &[&text(key), b"K\x01"])]));
        assert!(told >= Unknown, "{key}");
    }
    let ordered = import("collections/OrderedDict");
    let fromkeys = attribute(&ordered, "fromkeys");
    assert!(verdict(stream(&[&call(&fromkeys, &[b")"])])) >= Unknown);
    let globals = attribute(&attribute(&ordered, "__init__"), "__globals__");
    expect(Dangerous, &[&globals]);
    let module = import("collections/abc");
    let system = attribute(&attribute(&module, "sys"), "modules");
    assert!(verdict(stream(&[&system])) >= Unknown);
    let system = attribute(&import("os/path"), "os");
    expect(
        Dangerous,
        &[&call(&attribute(&system, "system"), &[&text("id")])],
    );
    // Names that are computed are looked up, whatever they are.
    let computed = call(&import("builtins/str"), &[&text("system")]);
    let function = call(&import("builtins/getattr"), &[&ordered, &computed]);
    expect(Dangerous, &[&call(&function, &[b")"])]);
}

#[test]
fn names_that_other_picklers_have_for_types_stand_for_those() {
    let of_dill = |name| call(&import("dill._dill/_load_type"), &[&text(name)]);
    expect(Known, &[&of_dill("DictType")]);
    expect(Dangerous, &[&call(&of_dill("CodeType"), &[b")"])]);
    expect(Dangerous, &[&of_dill("FileType")]);
    let ufunc = import("numpy.core/_ufunc_reconstruct");
    expect(Known, &[&call(&ufunc, &[&text("numpy"), &text("log1p")])]);
    let system = call(&ufunc, &[&text("os"), &text("system")]);
    expect(Dangerous, &[&call(&system, &[&text("id")])]);
    expect(
        Dangerous,
        &[&call(
            &import("cloudpickle.cloudpickle/subimport"),
            &[&text("os")],
        )],
    );
    let unheard = call(&import("dill._dill/_import_module"), &[&text("evil")]);
    assert!(verdict(stream(&[&unheard])) >= Unknown);
}

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
fn old_wrappers_of_joblib_name_a_neighbour() {
    let wrapper = [
        import("joblib.numpy_pickle/NDArrayWrapper"),
        b")\x81".to_vec(),
    ]
    .concat();
    let build = |name| [b"}", &text("filename")[..], &text(name), b"sb"].concat();
    expect(Known, &[&wrapper, &build("dump.pkl_01.npy")]);
    for name in ["/etc/passwd", "../x.npy", "a/b", ".."] {
        assert!(
            verdict(stream(&[&wrapper, &build(name)])) >= Unknown,
            "{name}"
        );
    }
}

#[test]
fn plain_classes_get_a_dictionary_and_nothing_else() {
    let class = import("sklearn.model_selection._split/_CVIterableWrapper");
    expect(Known, &[&class, b")\x81}", &text("cv"), b"Nsb"]);
    assert!(verdict(stream(&[&call(&class, &[b"K\0"])])) >= Unknown);
    assert!(verdict(stream(&[&class, &tuple(&[b"K\0"]), b"\x81"])) >= Unknown);
}

#[test]
fn a_method_is_unknown_until_it_is_called() {
    expect(Unknown, &[&import("configparser/ConfigParser.get")]);
    expect(
        Dangerous,
        &[&call(
            &import("configparser/ConfigParser.read"),
            &[&text("x")],
        )],
    );
    expect(Dangerous, &[&import("numpy/f2py.os.system")]);
}

#[test]
fn objects_that_answer_from_their_items_get_no_state() {
    let load = import("torch.storage/_load_from_bytes");
    for name in [
        "scipy.optimize._zeros_py/RootResults",
        "scipy.optimize.zeros/RootResults",
        "transformers.models.bert.configuration_bert/BertConfig",
        "pandas.core.window.rolling/Rolling",
    ] {
        let filled = [
            &import(name)[..],
            b")\x81",
            &text("__setstate__"),
            &load,
            b"s",
        ]
        .concat();
        let told = verdict(stream(&[&filled, &binary(b"evil"), b"b"]));
        assert!(told >= Unknown, "{name}");
        let told = verdict(stream(&[&import(name), b")\x81}", &text("a"), b"Nsb"]));
        assert!(told >= Unknown, "{name}");
    }
    let results = import("scipy.optimize._zeros_py/RootResults");
    expect(Known, &[&results, b")\x81", &text("root"), b"K\x01s"]);
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

fn dtype(code: &str, state: &[&[u8]]) -> Vec<u8> {
    let made = call(&import("numpy/dtype"), &[&text(code), b"\x89", b"\x88"]);
    [&made, &tuple(state)[..], b"b"].concat()
}

fn plain_dtype(code: &str, flags: u8) -> Vec<u8> {
    let (all, flags) = (b"J\xff\xff\xff\xff", [b'K', flags]);
    dtype(
        code,
        &[b"K\x03", &text("|"), b"N", b"N", b"N", all, all, &flags],
    )
}

/// A dtype of `size` bytes with fields.
fn record(size: u8, fields: &[(&str, &[u8], u8)], flags: u8) -> Vec<u8> {
    let names: Vec<Vec<u8>> = fields.iter().map(|field| text(field.0)).collect();
    let names: Vec<&[u8]> = names.iter().map(Vec::as_slice).collect();
    let mut entries = b"}".to_vec();
    for (name, dtype, at) in fields {
        let field = tuple(&[dtype, &[b'K', *at]]);
        entries.extend([&text(name)[..], &field, b"s"].concat());
    }
    let (version, size, flags) = (b"K\x03", [b'K', size], [b'K', flags]);
    dtype(
        &format!("V{}", size[1]),
        &[
            version,
            &text("|"),
            b"N",
            &tuple(&names),
            &entries,
            &size,
            b"K\x01",
            &flags,
        ],
    )
}

fn subarray(base: &[u8], extent: u8, size: u8, flags: u8) -> Vec<u8> {
    let sub = tuple(&[base, &tuple(&[&[b'K', extent]])]);
    let (sizes, flags) = ([b'K', size], [b'K', flags]);
    dtype(
        &format!("V{size}"),
        &[
            b"K\x03",
            &text("|"),
            &sub,
            b"N",
            b"N",
            &sizes,
            b"K\x01",
            &flags,
        ],
    )
}

fn array(shape: &[u8], dtype: &[u8], data: &[u8]) -> Vec<u8> {
    let reconstruct = import("numpy.core.multiarray/_reconstruct");
    let arguments: [&[u8]; 3] = [&import("numpy/ndarray"), &tuple(&[b"K\0"]), &binary(b"b")];
    let state = tuple(&[b"K\x01", shape, dtype, b"\x89", data]);
    [call(&reconstruct, &arguments), state, b"b".to_vec()].concat()
}

#[test]
fn a_dtype_tells_where_its_objects_are() {
    let (float, object) = (plain_dtype("f8", 0), plain_dtype("O8", 63));
    expect(Known, &[b"(", &float, &object, &plain_dtype("b1", 0), b"t"]);
    expect(
        Known,
        &[&record(16, &[("a", &float, 0), ("b", &float, 8)], 0)],
    );
    expect(
        Known,
        &[&record(16, &[("a", &float, 0), ("b", &object, 8)], 27)],
    );
    expect(
        Known,
        &[&record(8, &[("a", &float, 0), ("b", &float, 0)], 0)],
    );
    let inner = record(8, &[("o", &object, 0)], 27);
    expect(Known, &[&record(8, &[("a", &inner, 0)], 27)]);
    expect(Known, &[&subarray(&float, 2, 16, 0)]);
    expect(Known, &[&subarray(&object, 2, 16, 63)]);
    let names: Vec<String> = (0..20u8).map(|n| n.to_string()).collect();
    let wide: Vec<(&str, &[u8], u8)> = (names.iter().zip(0u8..))
        .map(|(name, at)| (&name[..], &float[..], at * 8))
        .collect();
    expect(Known, &[&record(160, &wide, 0)]);

    let all = b"J\xff\xff\xff\xff";
    let fields = [b"}", &text("a")[..], &tuple(&[&object, b"K\0"]), b"s"].concat();
    let names = tuple(&[&text("a")]);
    let without_flags: [&[u8]; 7] = [b"K\x03", &text("|"), b"N", b"N", b"N", all, all];
    for (what, forged) in [
        ("flags deny an object", record(8, &[("a", &object, 0)], 0)),
        ("objects kept as bytes", record(8, &[("a", &object, 0)], 1)),
        ("flags without objects", record(8, &[("a", &float, 0)], 27)),
        ("a field beyond the end", record(8, &[("a", &float, 1)], 0)),
        (
            "an object shared",
            record(8, &[("a", &object, 0), ("b", &float, 0)], 27),
        ),
        ("denied further in", record(8, &[("a", &inner, 0)], 0)),
        ("an object without flags", plain_dtype("O8", 0)),
        ("a flag of two", plain_dtype("O8", 1)),
        ("a number with flags", plain_dtype("f8", 63)),
        ("flags left out", dtype("O8", &without_flags)),
        ("a subarray too long", subarray(&float, 3, 16, 0)),
        ("a subarray's objects denied", subarray(&object, 2, 16, 0)),
        (
            "fields of a number",
            dtype(
                "f8",
                &[
                    b"K\x03",
                    &text("<"),
                    b"N",
                    &names,
                    &fields,
                    all,
                    all,
                    b"K\0",
                ],
            ),
        ),
    ] {
        assert_eq!(verdict(stream(&[&forged])), Unknown, "{what}");
    }
}

#[test]
fn an_array_holds_as_much_as_its_shape_says() {
    let (float, object) = (plain_dtype("f8", 0), plain_dtype("O8", 63));
    let two = tuple(&[b"K\x01", b"K\x02"]);
    let list = b"](K\x01Ne".as_slice();
    expect(Known, &[&array(&two, &float, &binary(&[0; 16]))]);
    expect(Known, &[&array(&two, &object, list)]);
    expect(Known, &[&array(b")", &object, b"]Na")]);
    expect(Known, &[&array(&tuple(&[b"K\0"]), &object, b"]")]);
    let huge = tuple(&[b"J\0\0\x10\0"]);
    let many = [b"](", &b"N".repeat(70_000)[..], b"e"].concat();
    expect(
        Known,
        &[&array(&tuple(&[b"J\x70\x11\x01\0"]), &object, &many)],
    );
    let unbuilt = call(&import("numpy/dtype"), &[&text("V8"), b"\x89", b"\x88"]);
    let like_a_pickle = binary(b"\x80\x04NNNNNNNNNN.");
    for (what, forged) in [
        ("fewer objects", array(&huge, &object, list)),
        ("fewer than are counted", array(&huge, &object, &many)),
        ("more objects", array(&tuple(&[b"K\x01"]), &object, list)),
        (
            "bytes for objects",
            array(&two, &object, &binary(&[65; 16])),
        ),
        ("objects for bytes", array(&two, &float, list)),
        (
            "bytes of another length",
            array(&two, &float, &like_a_pickle),
        ),
        (
            "a shape below zero",
            array(&tuple(&[b"J\xff\xff\xff\xff"]), &object, b"]"),
        ),
        (
            "a dtype to be told",
            array(&tuple(&[b"K\x02"]), &unbuilt, &binary(&[65; 16])),
        ),
    ] {
        assert_eq!(verdict(stream(&[&forged])), Unknown, "{what}");
    }
    let reconstruct = import("numpy.core.multiarray/_reconstruct");
    let made = |shape: &[u8]| {
        call(
            &reconstruct,
            &[&import("numpy/ndarray"), shape, &binary(b"b")],
        )
    };
    expect(Known, &[&made(&tuple(&[b"K\0"]))]);
    expect(Unknown, &[&made(&huge)]);
}

#[test]
fn an_array_of_more_lists_than_are_remembered_keeps_its_shape() {
    // As many as the heap has details of, and more.
    let count = 40_000_u32;
    let extent = [&b"J"[..], &count.to_le_bytes()].concat();
    let list = |items: u32| {
        let item = b"](K\x01K\x02e".repeat(items as usize);
        [b"](", &item[..], b"e"].concat()
    };
    let object = plain_dtype("O8", 63);
    expect(Known, &[&array(&tuple(&[&extent]), &object, &list(count))]);
    let short = array(&tuple(&[&extent]), &object, &list(count - 1));
    assert!(verdict(stream(&[&short])) >= Unknown);
}

#[test]
fn a_special_name_that_is_computed_is_special() {
    let class = import("sklearn.linear_model._base/LinearRegression");
    let made = |state: &[u8]| [&class[..], b")\x81", state, b"b"].concat();
    expect(Known, &[&made(&[b"}", &text("n")[..], b"K\x01s"].concat())]);
    let computed = call(
        &import("_codecs/encode"),
        &[&text("__class__"), &text("latin1")],
    );
    let state = [b"}", &computed[..], b"K\x01s"].concat();
    assert!(verdict(stream(&[&made(&state)])) >= Unknown);
}

#[test]
fn a_scalar_is_of_a_dtype_that_has_been_told() {
    let scalar = import("numpy.core.multiarray/scalar");
    let (float, object) = (plain_dtype("f8", 0), plain_dtype("O8", 63));
    expect(Known, &[&call(&scalar, &[&float, &binary(&[0; 8])])]);
    let unbuilt = call(&import("numpy/dtype"), &[&text("V8"), b"\x89", b"\x88"]);
    expect(Unknown, &[&call(&scalar, &[&unbuilt, &binary(&[65; 8])])]);
    let record = record(8, &[("a", &object, 0)], 27);
    let bytes = array(&tuple(&[b"K\x01"]), &float, &binary(&[65; 8]));
    expect(Unknown, &[&call(&scalar, &[&record, &bytes])]);
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
