//! What an object would do once somebody uses it, by what its state names.

use casemate_artifact::Verdict::{Dangerous, Known, Unknown};

use crate::{
    numpy::{array, plain_dtype},
    probed::{list, object},
    stream::{binary, call, expect, import, stream, text, tuple, verdict},
};

#[test]
fn a_formula_is_no_text() {
    let evil = text("__import__('os').system('id')");
    for name in ["design_info", "model_spec", "scale_design_info"] {
        let namespace = [
            &import("types/SimpleNamespace")[..],
            b")R}",
            &text(name),
            &evil,
            b"sb",
        ]
        .concat();
        expect(Dangerous, &[&namespace]);
        // An item of what gives its items for attributes, and one of very many attributes.
        let bunch = [
            &import("sklearn.utils._bunch/Bunch")[..],
            b")\x81",
            &text(name),
            &evil,
            b"s",
        ];
        expect(Dangerous, &[&bunch.concat()]);
        let mut many: Vec<(String, &[u8])> = (0..200).map(|n| (n.to_string(), &b"N"[..])).collect();
        many.insert(7, (name.to_owned(), &evil));
        let many: Vec<(&str, &[u8])> = many.iter().map(|(key, it)| (&key[..], *it)).collect();
        expect(Dangerous, &[&object("argparse/Namespace", &many)]);
        expect(Known, &[&object("argparse/Namespace", &[(name, b"N")])]);
        let plain: [(&str, &[u8]); 1] = [(name, &text("age + dose:sex"))];
        expect(Known, &[&object("argparse/Namespace", &plain)]);
    }
    for class in [
        "statsmodels.base.model/LikelihoodModelResults",
        "statsmodels.regression.linear_model/RegressionResults",
        "statsmodels.gam.smooth_basis/UnivariateCubicCyclicSplines",
        "statsmodels.stats.mediation/Mediation",
        "xgboost.callback/TrainingCheckPoint",
    ] {
        assert!(
            verdict(stream(&[&object(class, &[])])) >= Unknown,
            "{class}"
        );
    }
    // A mapping gives a namespace its attributes since 3.13.
    let mapping = [b"}", &text("a")[..], b"Ns"].concat();
    expect(
        Unknown,
        &[&call(&import("types/SimpleNamespace"), &[&mapping])],
    );
}

#[test]
fn what_is_looked_up_by_name_is_bound() {
    let anova = "statsmodels.stats.anova/AnovaRM";
    let within = |name: &str| object(anova, &[("within", &list(&[&text(name)]))]);
    expect(Known, &[&within("dose")]);
    expect(Dangerous, &[&within("x)*C(__import__('os').system('id')")]);
    expect(Unknown, &[&within("a b")]);
    let ensemble = |module: &str| {
        let attributes: [(&str, &[u8]); 1] = [("topic_model_module_string", &text(module))];
        object("gensim.models.ensemblelda/EnsembleLda", &attributes)
    };
    expect(Known, &[&ensemble("gensim.models.ldamulticore")]);
    expect(Dangerous, &[&ensemble("os")]);
    expect(Dangerous, &[&ensemble("gensim.modelsx")]);
}

#[test]
fn a_cache_is_in_no_directory_that_the_file_names() {
    for class in [
        "sklearn.pipeline/Pipeline",
        "sklearn.cluster._agglomerative/FeatureAgglomeration",
    ] {
        expect(Known, &[&object(class, &[("memory", b"N")])]);
        expect(Unknown, &[&object(class, &[("memory", &text("/tmp/x"))])]);
    }
}

#[test]
fn an_object_of_torch_that_gets_no_state_is_none() {
    let script = import("torch/ScriptObject");
    expect(Unknown, &[&script, b")\x81"]);
    let state = tuple(&[
        b")",
        &text("__torch__.torch.classes.quantized.LinearPackedParamsBase"),
    ]);
    expect(Known, &[&script, b")\x81", &state, b"b"]);
}

#[test]
fn generators_go_on_within_their_tables() {
    let key = array(&tuple(&[b"K\x02"]), &plain_dtype("u4", 0), &binary(&[1; 8]));
    let legacy = |position: &[u8]| {
        let inner = [
            b"}",
            &text("key")[..],
            &key,
            b"s",
            &text("pos"),
            position,
            b"s",
        ]
        .concat();
        let state = [b"}", &text("state")[..], &inner, b"s"].concat();
        let made = call(
            &import("numpy.random._pickle/__randomstate_ctor"),
            &[&text("MT19937")],
        );
        [made, state, b"b".to_vec()].concat()
    };
    expect(Known, &[&legacy(b"M\x70\x02")]);
    for position in [b"M\x71\x02".as_slice(), b"J\xff\xff\xff\xff", b"N"] {
        expect(Unknown, &[&legacy(position)]);
    }
}

#[test]
fn slots_of_interpolators_are_set() {
    let polynomial = import("scipy.interpolate._cubic/CubicSpline");
    let set = |name: &str| {
        let slots = [b"}", &text(name)[..], b"K\x01s"].concat();
        verdict(stream(&[&polynomial, b")\x81N", &slots, b"\x86b"]))
    };
    for slot in ["_c", "c", "_y_axis"] {
        assert_eq!(set(slot), Known, "{slot}");
    }
    assert_eq!(set("roots"), Unknown);
    let two = [b"}", &text("c")[..], b"K\x01s", &text("roots"), b"K\x01s"].concat();
    expect(Unknown, &[&polynomial, b")\x81N", &two, b"\x86b"]);
}

#[test]
fn a_frame_of_pandas_1_3_is_known() {
    let partial = import("functools/partial");
    let new_block = import("pandas.core.internals.blocks/new_block");
    let prepared = |function: &[u8], keyword: &str| {
        let keywords = [b"}", &text(keyword)[..], b"K\x02s"].concat();
        let state = tuple(&[function, b")", &keywords, b"N"]);
        [&call(&partial, &[function])[..], &state, b"b"].concat()
    };
    let values = array(&tuple(&[b"K\0"]), &plain_dtype("f8", 0), &binary(b""));
    let place = call(&import("builtins/slice"), &[b"K\0", b"K\0", b"K\x01"]);
    expect(
        Known,
        &[&call(&prepared(&new_block, "ndim"), &[&values, &place])],
    );
    expect(
        Dangerous,
        &[&call(
            &prepared(&import("os/system"), "ndim"),
            &[&text("id")],
        )],
    );
    let other = call(&prepared(&new_block, "placement"), &[&values, &place]);
    assert!(verdict(stream(&[&other])) >= Unknown);
}
