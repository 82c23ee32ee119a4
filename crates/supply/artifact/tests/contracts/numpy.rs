//! NumPy's dtypes, arrays and scalars.

use casemate_artifact::Verdict::{Known, Unknown};

use crate::stream::{binary, call, expect, import, stream, text, tuple, verdict};

pub(crate) fn dtype(code: &str, state: &[&[u8]]) -> Vec<u8> {
    let made = call(&import("numpy/dtype"), &[&text(code), b"\x89", b"\x88"]);
    [&made, &tuple(state)[..], b"b"].concat()
}

pub(crate) fn plain_dtype(code: &str, flags: u8) -> Vec<u8> {
    let (all, flags) = (b"J\xff\xff\xff\xff", [b'K', flags]);
    dtype(
        code,
        &[b"K\x03", &text("|"), b"N", b"N", b"N", all, all, &flags],
    )
}

/// A dtype of `size` bytes with fields.
pub(crate) fn record(size: u8, fields: &[(&str, &[u8], u8)], flags: u8) -> Vec<u8> {
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

pub(crate) fn array(shape: &[u8], dtype: &[u8], data: &[u8]) -> Vec<u8> {
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
    let byte = plain_dtype("b1", 0);
    let names: Vec<String> = (0..60u8).map(|n| n.to_string()).collect();
    let wider: Vec<(&str, &[u8], u8)> = (names.iter().zip(0u8..))
        .map(|(name, at)| (&name[..], &byte[..], at))
        .collect();
    expect(Known, &[&record(60, &wider, 0)]);
    expect(Unknown, &[&record(59, &wider, 0)]);

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
