//! What takes far longer to load, or far more memory, than it takes to write.

use casemate_artifact::Verdict::{Dangerous, Inert, Known, Unknown};

use crate::{
    numpy::{array, dtype, plain_dtype},
    stream::{binary, call, expect, import, stream, text, tuple, verdict},
};

/// The modulus of Python's hashes of numbers.
const MODULUS: i128 = (1 << 61) - 1;

fn long(number: i128) -> Vec<u8> {
    let bytes = number.to_le_bytes();
    [b"\x8a\x10", &bytes[..]].concat()
}

fn keyed(keys: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
    let pairs: Vec<u8> = keys.flat_map(|key| [&key[..], b"N"].concat()).collect();
    [b"}(", &pairs[..], b"u"].concat()
}

#[test]
fn many_numbers_of_one_hash_are_an_attack() {
    let far = 1i128 << 60;
    let alike = |count: i128| (1..=count).map(move |n| long((far + n) * MODULUS));
    expect(Dangerous, &[&keyed(alike(400))]);
    // As members, and as what a call makes a set of.
    let members: Vec<u8> = alike(400).flatten().collect();
    expect(Dangerous, &[b"\x8f(", &members, b"\x90"]);
    let list = [b"](", &members[..], b"e"].concat();
    expect(Dangerous, &[&call(&import("builtins/set"), &[&list])]);
    expect(Inert, &[&keyed(alike(100))]);
    let others = (1..=400).map(|n| long(far * n + n * n));
    expect(Inert, &[&keyed(others)]);
    // One number many times is no crowd.
    let same: Vec<u8> = long(far).repeat(400);
    expect(Inert, &[b"](", &same, b"e"]);
}

#[test]
fn tuples_and_sets_of_one_hash_are_an_attack() {
    // Beyond the modulus, a number's hash is another.
    let is_its_own_hash = |&(_, second): &(u64, u64)| {
        i128::from(second.cast_signed()).abs() < MODULUS && second < u64::MAX - 1
    };
    let keys = |second: fn(u64) -> u64| {
        let pairs = (1..4000).map(move |first| (first, second(first)));
        keyed(pairs.filter(is_its_own_hash).map(|(first, second)| {
            let [first, second] = [first, second].map(|it| long(it.cast_signed().into()));
            [&first[..], &second, b"\x86"].concat()
        }))
    };
    expect(Dangerous, &[&keys(second_of_a_crowd)]);
    expect(Inert, &[&keys(|first| first << 40)]);
    let sets = (0..400u16).map(|n| {
        let [low, high] = n.to_le_bytes();
        [b'(', b'K', low, b'M', low, high, 0x91].to_vec()
    });
    expect(Inert, &[&keyed(sets)]);
}

/// The second number with which a pair hashes to what all others do: `tuplehash` of CPython backwards.
fn second_of_a_crowd(first: u64) -> u64 {
    const PRIMES: [u64; 3] = [
        11_400_714_785_074_694_791,
        14_029_467_366_897_019_727,
        2_870_177_450_012_600_261,
    ];
    let inverse = |of: u64| {
        (0..6).fold(of, |it: u64, _| {
            it.wrapping_mul(2u64.wrapping_sub(of.wrapping_mul(it)))
        })
    };
    // Of the small numbers, until one's hash is the number itself.
    let started = PRIMES[2]
        .wrapping_add(first.wrapping_mul(PRIMES[1]))
        .rotate_left(31)
        .wrapping_mul(PRIMES[0]);
    let wanted = 12_345u64.wrapping_mul(inverse(PRIMES[0])).rotate_right(31);
    wanted
        .wrapping_sub(started)
        .wrapping_mul(inverse(PRIMES[1]))
}

#[test]
fn more_loose_keys_than_are_looked_up_in_a_second_are_told() {
    let complex = import("builtins/complex");
    let float = |n: u32| [b"G", &f64::from(n).to_be_bytes()[..]].concat();
    let keys = |count| keyed((0..count).map(|n| call(&complex, &[&float(n), &float(n)])));
    expect(Known, &[&keys(100)]);
    assert!(verdict(stream(&[&keys(20_000)])) >= Unknown);
    let pairs = |count| keyed((0..count).map(|n| tuple(&[&float(n), &float(n)])));
    expect(Inert, &[&pairs(100)]);
    assert!(verdict(stream(&[&pairs(20_000)])) >= Unknown);
}

#[test]
fn a_scalar_is_made_of_bytes() {
    let scalar = import("numpy.core.multiarray/scalar");
    let size = b"J\0\0\0\x70".as_slice();
    let huge = dtype(
        "S1879048192",
        &[
            b"K\x03",
            &text("|"),
            b"N",
            b"N",
            b"N",
            size,
            b"K\x01",
            b"K\0",
        ],
    );
    assert!(verdict(stream(&[&call(&scalar, &[&huge])])) >= Unknown);
    expect(
        Known,
        &[&call(&scalar, &[&plain_dtype("f8", 0), &binary(&[0; 8])])],
    );
}

#[test]
fn an_array_of_nothing_has_few_rows() {
    let empty = dtype(
        "V0",
        &[
            b"K\x03",
            &text("|"),
            b"N",
            b"N",
            b"N",
            b"K\0",
            b"K\x01",
            b"K\0",
        ],
    );
    let many = b"J\0\0\0\x40".as_slice();
    let float = plain_dtype("f8", 0);
    for (shape, dtype) in [(tuple(&[many]), &empty), (tuple(&[many, b"K\0"]), &float)] {
        expect(Unknown, &[&array(&shape, dtype, &binary(b""))]);
    }
    expect(
        Known,
        &[&array(&tuple(&[b"K\0", b"K\x03"]), &float, &binary(b""))],
    );
}

#[test]
fn numpy_divides_by_no_alignment_of_nothing() {
    let aligned = |alignment: &[u8]| {
        dtype(
            "V8",
            &[
                b"K\x03",
                &text("|"),
                b"N",
                b"N",
                b"N",
                b"K\x08",
                alignment,
                b"K\0",
            ],
        )
    };
    expect(Known, &[&aligned(b"K\x08")]);
    for alignment in [b"K\0".as_slice(), b"K\x03", b"J\xfe\xff\xff\xff"] {
        expect(Unknown, &[&aligned(alignment)]);
    }
}

#[test]
fn an_expression_that_takes_long_to_be_compiled_is_told() {
    let compile = import("re/_compile");
    let ranges = "[\u{400}-\u{cfff}]".repeat(100);
    let compiled =
        |pattern: &str, flags: &[u8]| verdict(stream(&[&call(&compile, &[&text(pattern), flags])]));
    assert!(compiled(&ranges, b"K\x22") >= Unknown);
    assert!(compiled(&format!("(?i){ranges}"), b"K\x20") >= Unknown);
    assert_eq!(compiled(&ranges, b"K\x20"), Known);
    assert_eq!(compiled("[a-z\u{400}-\u{4ff}]+", b"K\x22"), Known);
}
