//! What loading does to an object by the way, and what the object's state may make of that.

use casemate_artifact::Verdict::{self, Dangerous, Known, Unknown};

use crate::stream::{call, expect, import, stream, text, tuple, verdict};

/// An object of a class, made empty and given attributes.
pub(crate) fn object(class: &str, attributes: &[(&str, &[u8])]) -> Vec<u8> {
    let mut made = [&import(class)[..], b")\x81}"].concat();
    for (name, value) in attributes {
        made.extend([&text(name)[..], value, b"s"].concat());
    }
    made.push(b'b');
    made
}

pub(crate) fn list(items: &[&[u8]]) -> Vec<u8> {
    [b"](", &items.concat()[..], b"e"].concat()
}

const NETWORK: &str = "torch.nn.modules.linear/Linear";
const ESTIMATOR: &str = "sklearn.linear_model._base/LinearRegression";

#[track_caller]
fn expect_not_clean(body: &[&[u8]]) {
    let told: Verdict = verdict(stream(body));
    assert!(told >= Unknown, "{told:?}");
}

#[test]
fn what_walks_over_its_arguments_gets_no_object() {
    let network = object(NETWORK, &[]);
    for (callee, first) in [
        ("collections/defaultdict", &b"N"[..]),
        ("collections/OrderedDict", b""),
        ("torch/Size", b""),
        ("collections/deque", b""),
        ("re/_compile", b""),
        ("numpy/dtype", b""),
        ("ipaddress/IPv4Address", b""),
        ("http/HTTPStatus", b""),
        ("random/Random", b""),
    ] {
        for given in [&network, &list(&[&network])] {
            expect_not_clean(&[&call(&import(callee), &[first, given])]);
        }
    }
    let ordered = import("collections/OrderedDict");
    let pair = list(&[&text("a"), b"K\x01"]);
    expect(Known, &[&call(&ordered, &[&list(&[&pair])])]);
    expect(
        Known,
        &[&call(
            &import("collections/defaultdict"),
            &[&import("builtins/list")],
        )],
    );
    expect(
        Known,
        &[&call(
            &import("torch/Size"),
            &[&tuple(&[b"K\x02", b"K\x03"])],
        )],
    );
    // Few bytes, and a list of as many numbers as fill the memory.
    let range = call(&import("builtins/range"), &[b"J\xff\xff\xff\x7f"]);
    expect_not_clean(&[&call(&import("torch/Size"), &[&range])]);
    expect_not_clean(&[&call(
        &import("collections/defaultdict"),
        &[b"N", &list(&[&range])],
    )]);
}

#[test]
fn what_is_hashed_is_a_value() {
    let network = object(NETWORK, &[]);
    let keyed = |key: &[u8]| [b"}", key, b"Ns"].concat();
    expect_not_clean(&[&keyed(&network)]);
    expect_not_clean(&[&keyed(&tuple(&[b"K\x01", &network]))]);
    expect_not_clean(&[b"\x8f(", &network, b"\x90"]);
    expect_not_clean(&[b"(", &network, b"\x91"]);
    let ordered = [
        &import("collections/OrderedDict")[..],
        b")R",
        &network,
        b"Ns",
    ]
    .concat();
    expect_not_clean(&[&ordered]);
    let date = call(
        &import("datetime/date"),
        &[&crate::stream::binary(b"\x07\xe7\x01\x01")],
    );
    expect(Known, &[&keyed(&date)]);
    expect(Known, &[&keyed(&tuple(&[&date, &text("a")]))]);
}

#[test]
fn a_state_is_a_dictionary_and_nothing_that_passes_for_one() {
    let network = object(NETWORK, &[]);
    for class in [ESTIMATOR, NETWORK, "torch.optim.sgd/SGD"] {
        expect_not_clean(&[&import(class), b")\x81", &network, b"b"]);
        expect_not_clean(&[&import(class), b")\x81", &network, b"N\x86b"]);
    }
    let groups = |group: &[u8]| object("torch.optim.sgd/SGD", &[("param_groups", &list(&[group]))]);
    expect(Known, &[&groups(b"}")]);
    expect_not_clean(&[&groups(&network)]);
    expect_not_clean(&[&object("torch.optim.sgd/SGD", &[("state", &network)])]);
    let isotonic = "sklearn.isotonic/IsotonicRegression";
    expect(Known, &[&object(isotonic, &[("increasing", b"\x88")])]);
    expect_not_clean(&[&object(
        isotonic,
        &[("_build_f", &import("numpy.ma.core/_mareconstruct"))],
    )]);
}

#[test]
fn the_class_that_opens_files_is_kept_nowhere() {
    for memmap in ["numpy/memmap", "numpy.core.memmap/memmap"] {
        expect_not_clean(&[&list(&[&import(memmap)])]);
        expect_not_clean(&[&object(ESTIMATOR, &[("f", &import(memmap))])]);
    }
}

#[test]
fn the_pairs_of_a_distribution_are_no_state() {
    let norm = "scipy.stats._continuous_distns/norm_gen";
    let given = [b"}", &text("name")[..], b"K\x01s", &text("seed"), b"K\x02s"].concat();
    let pair = list(&[&text("_parse_arg_template"), &text("import os")]);
    let users = object("collections/UserList", &[("data", &pair)]);
    let lined = call(&import("collections/deque"), &[&pair]);
    for source in [users, lined] {
        let made = [&import(norm)[..], b")\x81", &given, &source, b"\x86b"].concat();
        expect(Dangerous, &[&made]);
    }
}
