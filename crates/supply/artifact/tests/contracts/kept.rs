//! Functions that are allowed to be called, and that nothing may keep to call them later.

use casemate_artifact::Verdict::{Known, Unknown};

use crate::stream::{binary, expect, import, stream, text, told, tuple, verdict};

const PUT: &[u8] = b"q\0";
const GET: &[u8] = b"h\0";

#[test]
fn a_function_that_is_called_is_kept_nowhere() {
    let function = import("torch._utils/_rebuild_parameter");
    let ordered = import("collections/OrderedDict");
    let forest = import("sklearn.ensemble._forest/RandomForestClassifier");
    let key = text("k");
    let pair = tuple(&[b"K\x01", &function]);
    for (what, body) in [
        ("what is given", vec![&function[..]]),
        ("an element", vec![b"](", &function, b"e"]),
        ("one element", vec![b"]", &function, b"a"]),
        ("a list in one", vec![b"(", &function, b"l"]),
        ("a value", vec![b"}", &key, &function, b"s"]),
        ("a key", vec![b"}", &function, &key, b"s"]),
        ("a dictionary in one", vec![b"(", &key, &function, b"d"]),
        ("of a set", vec![b"\x8f(", &function, b"\x90"]),
        ("of a frozen set", vec![b"(", &function, b"\x91"]),
        ("in a tuple that is given", vec![&pair]),
        ("in a tuple in a list", vec![b"]", &pair, b"a"]),
        ("in a tuple in a tuple", vec![&pair, b"\x85"]),
        ("an item", vec![&ordered, b")R", &key, &function, b"s"]),
        ("a state", vec![&forest, b")\x81", &function, b"b"]),
        (
            "in a state",
            vec![&forest, b")\x81}", &key, &function, b"sb"],
        ),
        (
            "of a pair",
            vec![&forest, b")\x81N}", &key, &function, b"s\x86b"],
        ),
        ("an argument", vec![&ordered, &function, b"\x85R"]),
        ("of an instance", vec![b"(", &ordered, &function, b"o"]),
        ("in an argument", vec![&ordered, &pair, b"\x85R"]),
        ("a persistent id", vec![&pair, b"Q"]),
    ] {
        let kept =
            |message: &String| message.ends_with("is kept, and is only allowed to be called");
        assert!(told(&body).iter().any(kept), "{what}");
        assert_eq!(verdict(stream(&body)), Unknown, "{what}");
    }
}

#[test]
fn the_memo_does_not_launder_it() {
    let reconstruct = import("numpy.core.multiarray/_reconstruct");
    let made = tuple(&[&import("numpy/ndarray"), &tuple(&[b"K\0"]), &binary(b"b")]);
    // As NumPy's pickles do: put away once, and called each time.
    expect(
        Known,
        &[b"(", &reconstruct, PUT, &made, b"R", GET, &made, b"Rt"],
    );
    expect(Unknown, &[b"(", &reconstruct, PUT, &made, b"R", GET, b"t"]);
    // What one call may be given, nobody else may.
    let of = import("numpy.random._pickle/__bit_generator_ctor");
    let make = import("numpy.random._pickle/__generator_ctor");
    let arguments = [&tuple(&[&text("PCG64"), &of])[..], PUT].concat();
    expect(Known, &[&make, &arguments, b"R"]);
    expect(Unknown, &[b"](", &make, &arguments, b"R", GET, b"e"]);
    expect(Unknown, &[b"(", &make, &arguments, b"R", GET, b"t"]);
    // Nor from a tuple whose elements have been forgotten.
    let many = b"](K\x01e".repeat(1 << 15);
    let forgotten = [b"](", &make[..], &arguments, b"R](", &many, b"e", GET, b"e"].concat();
    expect(Unknown, &[&forgotten]);
}

#[test]
fn what_may_be_referred_to_is_kept_anywhere() {
    for name in [
        "numpy/log1p",
        "torch/float32",
        "collections/OrderedDict",
        "sklearn.metrics._regression/mean_squared_error",
    ] {
        let name = import(name);
        let pair = tuple(&[&name, b"K\x01"]);
        expect(Known, &[b"](", &name, &pair, &pair, b"e"]);
    }
}
