//! What may be given which state.

use casemate_artifact::Verdict::{Known, Unknown};

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
    for (what, state) in [
        ("too many", layers(b"J\xff\xff\xff\x7f")),
        ("far too many", layers(b"\x8a\x09\0\0\0\0\0\0\0\0\x01")),
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
