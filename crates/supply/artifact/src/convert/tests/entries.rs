//! Names and values, and what is asked for.

use super::*;

#[test]
fn names_that_cannot_be_told_apart_are_refused() {
    let tensor = || view("0", 8, 0, &[8], &[1]);
    let outcome = converted(&dictionary(&[
        (text("a"), dictionary(&[(text("b"), tensor())])),
        (text("a.b"), tensor()),
        (b"K\x07".to_vec(), tensor()),
        (text("7"), tensor()),
        (text("__metadata__"), tensor()),
        (text("fine"), tensor()),
        (b"N".to_vec(), tensor()),
        (text("\u{fffd}"), tensor()),
        (text(&"x".repeat(5000)), tensor()),
    ]));
    assert_eq!(outcome.tensors, ["fine"]);
    let refused: Vec<&str> = outcome.refused.iter().map(|(name, _)| &name[..]).collect();
    assert_eq!(refused.len(), 8, "{refused:?}");
    assert_eq!(outcome.obstacle, Some(Obstacle::Entries));
}

#[test]
fn values_beside_tensors_become_metadata() {
    let outcome = converted(&dictionary(&[
        (text("epoch"), b"K\x07".to_vec()),
        (text("name"), text("a \"b\"\n")),
        (text("list"), b"](K\x01NI01\nG?\xf8\0\0\0\0\0\0e".to_vec()),
        (text("size"), b"ctorch\nSize\n(K\x02K\x03t\x85R".to_vec()),
        (text("empty"), b"}".to_vec()),
        (text("format"), b"K\x01".to_vec()),
        (text("bytes"), b"c__builtin__\nbytearray\n)R".to_vec()),
    ]));
    let metadata: Vec<(&str, &str)> = outcome
        .metadata
        .iter()
        .map(|(key, value)| (&key[..], &value[..]))
        .collect();
    assert_eq!(
        metadata,
        [
            ("empty", "{}"),
            ("epoch", "7"),
            ("format", "pt"),
            ("list", "[1,null,true,1.5]"),
            ("name", r#""a \"b\"\n""#),
            ("size", "[2,3]"),
        ]
    );
    let refused: Vec<&str> = outcome.refused.iter().map(|(name, _)| &name[..]).collect();
    assert_eq!(refused, ["format", "bytes"]);
}

#[test]
fn only_what_is_asked_for_is_converted() {
    let tensor = || view("0", 8, 0, &[8], &[1]);
    let unlisted = b"cacme\nNet\n)R".to_vec();
    let object = checkpoint(&dictionary(&[
        (text("model"), dictionary(&[(text("w"), tensor())])),
        (text("other"), tensor()),
        (text("trainer"), unlisted),
    ]));
    let all = plan(&object, &Options::default()).expect("a checkpoint");
    assert_eq!(all.verdict, Verdict::Unknown);
    assert_eq!(all.obstacle, Some(Obstacle::Entries));
    let reason = "an object of acme.Net, which is not on the allowlist";
    assert_eq!(all.refused, [("trainer".to_owned(), reason.to_owned())]);
    let options = Options {
        only: vec!["model.*".to_owned()],
        strip_prefix: "model.".to_owned(),
        ..Options::default()
    };
    let chosen = plan(&object, &options).expect("a checkpoint");
    assert_eq!(
        (chosen.obstacle, &chosen.tensors[..]),
        (None, &["w".to_owned()][..])
    );
}

#[test]
fn nesting_without_end_ends() {
    let cyclic = b"}q\x01X\x01\0\0\0ah\x01s".to_vec();
    let outcome = converted(&cyclic);
    assert_eq!(outcome.refused[0].1, "nested too deeply, or in itself");
    // Each list holds the one before it twice.
    let mut doubling = b"]q\0".to_vec();
    for n in 0..60u8 {
        doubling.extend([b'0', b']', b'q', n + 1, b'(', b'h', n, b'h', n, b'e']);
    }
    let tensor = view("0", 8, 0, &[8], &[1]);
    let object = dictionary(&[(text("w"), tensor), (text("x"), doubling)]);
    let outcome = converted(&object);
    assert_eq!(outcome.tensors, ["w"]);
    assert!(
        outcome
            .refused
            .iter()
            .all(|(name, _)| name.starts_with("x"))
    );
}
