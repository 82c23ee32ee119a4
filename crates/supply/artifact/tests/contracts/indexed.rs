//! Numbers that libraries in C take for places in memory.

use casemate_artifact::Verdict::{Dangerous, Known, Unknown};

use crate::{
    numpy::{array, plain_dtype, record},
    probed::object,
    stream::{binary, call, expect, import, stream, text, tuple, verdict},
};

fn integers(numbers: &[i32]) -> Vec<u8> {
    let bytes: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
    let count = [b'K', numbers.len().to_le_bytes()[0]];
    array(&tuple(&[&count]), &plain_dtype("i4", 0), &binary(&bytes))
}

fn floats(count: u8) -> Vec<u8> {
    let bytes = vec![0; usize::from(count) * 8];
    array(
        &tuple(&[&[b'K', count]]),
        &plain_dtype("f8", 0),
        &binary(&bytes),
    )
}

fn matrix(class: &str, starts: &[i32], indices: &[i32], values: u8) -> Vec<u8> {
    object(
        class,
        &[
            ("_shape", &tuple(&[b"K\x02", b"K\x03"])),
            ("indptr", &integers(starts)),
            ("indices", &integers(indices)),
            ("data", &floats(values)),
        ],
    )
}

#[test]
fn a_sparse_matrix_has_its_indices_within_its_shape() {
    let rows = "scipy.sparse._csr/csr_matrix";
    expect(Known, &[&matrix(rows, &[0, 1, 2], &[2, 0], 2)]);
    expect(Known, &[&matrix(rows, &[0, 0, 0], &[], 0)]);
    expect(
        Known,
        &[&matrix(
            "scipy.sparse.csc/csc_matrix",
            &[0, 1, 2, 2],
            &[1, 0],
            2,
        )],
    );
    expect(
        Known,
        &[&matrix("scipy.sparse._bsr/bsr_matrix", &[0, 1], &[0], 6)],
    );
    for (starts, indices, values) in [
        (&[0, 1, 2][..], &[3, 0][..], 2),
        (&[0, 1, 2], &[-1, 0], 2),
        (&[0, 1, 9], &[1, 0], 2),
        (&[0, 2, 1], &[1, 0], 2),
        (&[1, 1, 2], &[1, 0], 2),
        (&[0, 1], &[1], 1),
        (&[0, 1, 2], &[1, 0], 1),
        (&[], &[], 0),
    ] {
        let told = verdict(stream(&[&matrix(rows, starts, indices, values)]));
        assert_eq!(told, Dangerous, "{starts:?} {indices:?}");
    }
    expect(Unknown, &[&object(rows, &[("indptr", b"N")])]);
}

#[test]
fn coordinates_are_within_their_shape() {
    let at = |row: &[i32], column: &[i32], values| {
        object(
            "scipy.sparse._coo/coo_matrix",
            &[
                ("_shape", &tuple(&[b"K\x02", b"K\x03"])),
                ("coords", &tuple(&[&integers(row), &integers(column)])),
                ("data", &floats(values)),
            ],
        )
    };
    expect(Known, &[&at(&[1, 0], &[2, 0], 2)]);
    expect(Dangerous, &[&at(&[2, 0], &[2, 0], 2)]);
    expect(Dangerous, &[&at(&[1, 0], &[2], 2)]);
}

/// A tree of scikit-learn's with these children and features.
fn tree(nodes: &[[i64; 3]], count: u8) -> Vec<u8> {
    let word = plain_dtype("i8", 0);
    let fields: Vec<(String, u8)> = (0..7u8).map(|n| (format!("f{n}"), n * 8)).collect();
    let fields: Vec<(&str, &[u8], u8)> = (fields.iter())
        .map(|(name, at)| (&name[..], &word[..], *at))
        .collect();
    let mut bytes = Vec::new();
    for node in nodes {
        bytes.extend(node.iter().flat_map(|word| word.to_le_bytes()));
        bytes.extend([0; 32]);
    }
    let extent = [b'K', nodes.len().to_le_bytes()[0]];
    let nodes = array(&tuple(&[&extent]), &record(56, &fields, 0), &binary(&bytes));
    let made = call(
        &import("sklearn.tree._tree/Tree"),
        &[b"K\x04", &integers(&[2]), b"K\x01"],
    );
    let state = [
        b"}",
        &text("node_count")[..],
        &[b'K', count],
        b"s",
        &text("nodes"),
        &nodes,
        b"s",
    ];
    [&made[..], &state.concat(), b"b"].concat()
}

#[test]
fn a_tree_leads_down_to_its_own_leaves() {
    const LEAF: [i64; 3] = [-1, -1, -2];
    expect(Known, &[&tree(&[[1, 2, 3], LEAF, LEAF], 3)]);
    for (nodes, count) in [
        (&[[1, 9, 3], LEAF, LEAF][..], 3),
        (&[[0, 0, 3], LEAF, LEAF], 3),
        (&[[1, 2, 4], LEAF, LEAF], 3),
        (&[[1, 2, -2], LEAF, LEAF], 3),
        (&[[1, -1, 0], LEAF, LEAF], 3),
        (&[[1, 2, 3], LEAF, LEAF], 9),
    ] {
        let told = verdict(stream(&[&tree(nodes, count)]));
        assert_eq!(told, Dangerous, "{nodes:?}");
    }
}

#[test]
fn a_spline_has_the_knots_of_its_degree() {
    let spline = |degree: u8, knots, coefficients| {
        object(
            "scipy.interpolate._bsplines/BSpline",
            &[
                ("k", &[b'K', degree]),
                ("t", &floats(knots)),
                ("c", &floats(coefficients)),
            ],
        )
    };
    expect(Known, &[&spline(3, 10, 6)]);
    expect(Dangerous, &[&spline(9, 10, 6)]);
    expect(Dangerous, &[&spline(3, 10, 5)]);
    let fitted = |degree: u8| {
        let arguments = tuple(&[&floats(8), &floats(8), &[b'K', degree]]);
        let class = "scipy.interpolate._fitpack2/UnivariateSpline";
        object(class, &[("_eval_args", &arguments)])
    };
    expect(Known, &[&fitted(5)]);
    expect(Dangerous, &[&fitted(200)]);
}

#[test]
fn the_columns_of_a_frame_are_as_many_as_it_has() {
    let block = |place: &[u8]| {
        let unpickle = import("pandas._libs.internals/_unpickle_block");
        call(&unpickle, &[&floats(2), place, b"K\x02"])
    };
    let manager = |blocks: &[&[u8]]| {
        let class = import("pandas.core.internals.managers/BlockManager");
        call(&class, &[&tuple(blocks), b"]"])
    };
    let slice = |numbers: [u8; 3]| {
        let numbers = numbers.map(|n| [b'K', n]);
        call(
            &import("builtins/slice"),
            &[&numbers[0], &numbers[1], &numbers[2]],
        )
    };
    let sound = [block(&slice([0, 3, 2])), block(&integers(&[1]))];
    expect(Known, &[&manager(&[&sound[0], &sound[1]])]);
    for place in [slice([9, 11, 1]), integers(&[5, 0]), integers(&[-1, 0])] {
        expect(Dangerous, &[&manager(&[&block(&place)])]);
    }
}

/// An index of labels that are text.
fn labels(labels: &[&str]) -> Vec<u8> {
    let texts: Vec<Vec<u8>> = labels.iter().map(|label| text(label)).collect();
    let items = [b"](", &texts.concat()[..], b"e"].concat();
    let count = [b'K', labels.len().to_le_bytes()[0]];
    let data = array(&tuple(&[&count]), &plain_dtype("O8", 63), &items);
    let state = [b"}", &text("data")[..], &data, b"s"].concat();
    let class = import("pandas.core.indexes.base/Index");
    call(
        &import("pandas.core.indexes.base/_new_Index"),
        &[&class, &state],
    )
}

#[test]
fn codes_stand_for_the_categories_that_there_are() {
    let dtype = object(
        "pandas.core.dtypes.dtypes/CategoricalDtype",
        &[("categories", &labels(&["a", "b"])), ("ordered", b"\x89")],
    );
    let backed = |codes: &[i32]| {
        let unpickle = import("pandas._libs.arrays/__pyx_unpickle_NDArrayBacked");
        let class = import("pandas.core.arrays.categorical/Categorical");
        let state = tuple(&[&dtype, &integers(codes), b"}"]);
        [
            call(&unpickle, &[&class, b"K\x01", b"N"]),
            state,
            b"b".to_vec(),
        ]
        .concat()
    };
    let older = |codes: &[i32]| {
        let class = "pandas.core.arrays.categorical/Categorical";
        object(class, &[("_codes", &integers(codes)), ("_dtype", &dtype)])
    };
    expect(Known, &[&backed(&[0, 1, -1])]);
    expect(Known, &[&older(&[0, 1, -1])]);
    for codes in [&[2][..], &[-2]] {
        expect(Dangerous, &[&backed(codes)]);
        expect(Dangerous, &[&older(codes)]);
    }
    let several = |codes: &[i32]| {
        let class = import("pandas.core.indexes.multi/MultiIndex");
        let levels = [b"]", &labels(&["a", "b"])[..], b"a"].concat();
        let codes = [b"]", &integers(codes)[..], b"a"].concat();
        let state = [
            b"}",
            &text("levels")[..],
            &levels,
            b"s",
            &text("codes"),
            &codes,
            b"s",
        ];
        let new = import("pandas.core.indexes.base/_new_Index");
        call(&new, &[&class, &state.concat()])
    };
    expect(Known, &[&several(&[0, 1, 1])]);
    expect(Dangerous, &[&several(&[0, 2])]);
}
