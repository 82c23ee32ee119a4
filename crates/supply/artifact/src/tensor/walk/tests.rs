//! What a hostile pickle costs whoever walks it.

use casemate_core::MemorySource;

use super::*;

fn entries(bytes: &[u8]) -> Result<usize, TooMany> {
    let source = MemorySource(bytes);
    let tree = Tree::read(&source, 0).expect("memory");
    let root = tree.root().expect("a whole pickle");
    let mut entries = 0;
    Walk::new(Allowlist::builtin()).tell(&tree, root, |_| entries += 1)?;
    Ok(entries)
}

/// `objects` linear layers with one state, whose buffers that do not last are `names`.
fn modules(objects: usize, state: &[&[u8]]) -> Vec<u8> {
    let text = |text: &str| {
        let len = u8::try_from(text.len()).expect("short");
        [b"\x8c", &[len][..], text.as_bytes()].concat()
    };
    let parts = [
        "_parameters",
        "_modules",
        "_buffers",
        "_non_persistent_buffers_set",
    ];
    let mut bytes = b"\x80\x04ctorch.nn.modules.linear\nLinear\nq\0}(".to_vec();
    for (name, value) in parts.iter().zip(state) {
        bytes.extend(text(name));
        bytes.extend(*value);
    }
    bytes.extend(b"uq\x010](");
    bytes.extend(b"h\0)\x81h\x01b".repeat(objects));
    bytes.extend(b"e.");
    bytes
}

#[test]
fn what_objects_share_is_counted_for_each_of_them() {
    let names = [&b"\x8f(\x8c\x01aq\x02"[..], &b"h\x02".repeat(1999), b"\x90"].concat();
    let none = [&b"}(\x8c\x01aq\x02N"[..], &b"h\x02N".repeat(1999), b"u"].concat();
    for state in [[b"}", b"}", b"}", &names[..]], [&none, b"}", b"}", b"\x8f"]] {
        assert_eq!(entries(&modules(100, &state)).ok(), Some(0));
        assert!(entries(&modules(2000, &state)).is_err());
    }
}

#[test]
fn what_lies_too_deep_is_counted_too() {
    let wide = |times: usize| {
        let wide = [
            &b"\x80\x04](c_\n_\nq\0"[..],
            &b"h\0".repeat(1999),
            b"eq\x010",
        ];
        let deep = b"]".repeat(DEEPEST);
        let close = b"a".repeat(DEEPEST - 1);
        [
            &wide.concat()[..],
            &deep,
            b"(",
            &b"h\x01".repeat(times),
            b"e",
            &close,
            b".",
        ]
        .concat()
    };
    assert_eq!(entries(&wide(100)).ok(), Some(100));
    assert!(entries(&wide(2000)).is_err());
}

#[test]
fn long_names_are_few() {
    let named = |times: usize| {
        let name = [&b"X\0\x0f\0\0"[..], &b"n".repeat(0xf00), b"q\0"].concat();
        let pairs = b"h\0c_\n_\n".repeat(times);
        [&b"\x80\x04}("[..], &name, b"N", &pairs, b"u."].concat()
    };
    assert_eq!(entries(&named(1000)).ok(), Some(1001));
    assert!(entries(&named(60_000)).is_err());
}
