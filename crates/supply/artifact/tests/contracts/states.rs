//! What may be given which state.

use casemate_artifact::Verdict::{Dangerous, Known, Unknown};

use crate::stream::{binary, call, expect, import, stream, text, tuple, verdict};

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
fn a_recurrent_network_has_few_layers() {
    let network = import("torch.nn.modules.rnn/LSTM");
    let made = |state: &[&[u8]]| {
        let state = state.concat();
        verdict(stream(&[&network, b")\x81", &state, b"b"]))
    };
    let layers = |number: &[u8]| [b"}", &text("num_layers")[..], number, b"s"].concat();
    // As many entries as such a network has.
    let others: Vec<Vec<u8>> = (0..30)
        .map(|n| [&text(&n.to_string())[..], b"N"].concat())
        .collect();
    assert_eq!(
        made(&[&layers(b"K\x02"), b"(", &others.concat(), b"u"]),
        Known
    );
    for endless in [&b"J\xff\xff\xff\x7f"[..], b"\x8a\x09\0\0\0\0\0\0\0\0\x01"] {
        assert_eq!(made(&[&layers(endless)]), Dangerous);
    }
    for (what, state) in [
        ("too many", layers(b"J\0\0\x10\0")),
        ("none said", b"}".to_vec()),
        (
            "said twice",
            [&layers(b"K\x02")[..], &text("num_layers"), b"K\x03s"].concat(),
        ),
        (
            "in pairs",
            [&tuple(&[&text("num_layers"), b"K\x02"])[..], b"\x85"].concat(),
        ),
        (
            "computed",
            layers(&[&import("collections/Counter")[..], b")R"].concat()),
        ),
    ] {
        assert_eq!(made(&[&state]), Unknown, "{what}");
    }
}

#[test]
fn slots_hide_nothing() {
    let tree = import("sklearn.tree._classes/DecisionTreeClassifier");
    let made =
        |first: &[u8], slots: &[u8]| verdict(stream(&[&tree, b")\x81", first, slots, b"\x86b"]));
    let named = |name: &[u8]| [b"}", name, b"K\x01s"].concat();
    // Any name may be that of a property, whose setter would run.
    assert_eq!(made(b"N", &named(&text("a"))), Unknown);
    assert_eq!(made(b"N", b"}"), Known);
    assert_eq!(made(b"N", &named(&text("__class__"))), Dangerous);
    let computed = call(
        &import("_codecs/encode"),
        &[&text("__class__"), &text("latin1")],
    );
    assert_eq!(made(b"N", &named(&computed)), Dangerous);
    // What a class makes of another pair is its own.
    assert_eq!(made(b"K\x01", &named(&computed)), Unknown);
    assert_eq!(made(b"N", &named(b"K\x01")), Unknown);
    let ordered = [&import("collections/OrderedDict")[..], b")R"].concat();
    assert_eq!(made(b"N", &ordered), Dangerous);
    let many: Vec<Vec<u8>> = (0..200)
        .map(|n| [&text(&n.to_string())[..], b"N"].concat())
        .collect();
    let hidden = |first: &[u8]| [b"}(", first, &many.concat(), b"u"].concat();
    assert_eq!(made(b"N", &hidden(b"")), Unknown);
    let class = [&text("__class__")[..], b"N"].concat();
    assert_eq!(made(b"N", &hidden(&class)), Dangerous);
}

#[test]
fn types_of_python_itself_have_no_state() {
    let made = |name: &str| {
        let class = import(&format!("builtins/{name}"));
        verdict(stream(&[&class, b")\x81}", &text("a"), b"Nsb"]))
    };
    assert_eq!(made("dict"), Dangerous);
    assert_eq!(made("int"), Dangerous);
    assert_eq!(made("list"), Dangerous);
    assert!(made("ValueError") <= Unknown);
}
