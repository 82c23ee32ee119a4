//! What is refused, and what a hostile file cannot do. What real libraries load is compared in
//! `tests/program/convert.rs`.

use casemate_core::MemorySource;

use super::{ConvertError, Convertible, Obstacle, Options, Plan};
use crate::{Allowlist, Limits, Verdict};

/// A zip of stored members.
fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut local, mut central) = (Vec::new(), Vec::new());
    for (name, body) in members {
        let mut fields = [0_u8; 26];
        fields[10..14].copy_from_slice(&crc32(body).to_le_bytes());
        let len = u32::try_from(body.len()).expect("small").to_le_bytes();
        fields[14..18].copy_from_slice(&len);
        fields[18..22].copy_from_slice(&len);
        fields[22] = u8::try_from(name.len()).expect("short");
        let at = u32::try_from(local.len()).expect("small").to_le_bytes();
        central.extend([b"PK\x01\x02\0\0", &fields[..], &[0; 10], &at].concat());
        central.extend(name.as_bytes());
        local.extend([b"PK\x03\x04", &fields[..], name.as_bytes(), body].concat());
    }
    let count = u8::try_from(members.len()).expect("few");
    let sizes = [central.len(), local.len()].map(|len| u32::try_from(len).expect("small"));
    local.extend(central);
    local.extend(b"PK\x05\x06\0\0\0\0");
    local.extend([count, 0, count, 0]);
    local.extend(sizes.iter().flat_map(|size| size.to_le_bytes()));
    local.extend([0, 0]);
    local
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for &byte in bytes {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
        }
    }
    !crc
}

/// A checkpoint of one storage of eight bytes under the key `0`; `object` is the pickle between
/// the protocol and STOP.
fn checkpoint(object: &[u8]) -> Vec<u8> {
    let pickle = [b"\x80\x02", object, b"."].concat();
    zip(&[
        ("m/data.pkl", &pickle),
        ("m/byteorder", b"little"),
        ("m/data/0", &[1, 2, 3, 4, 5, 6, 7, 8]),
        ("m/version", b"3\n"),
    ])
}

fn text(text: &str) -> Vec<u8> {
    let len = u32::try_from(text.len()).expect("short").to_le_bytes();
    [b"X", &len[..], text.as_bytes()].concat()
}

fn numbers(numbers: &[i64]) -> Vec<u8> {
    let mut out = b"(".to_vec();
    for number in numbers {
        out.extend(b"\x8a\x08");
        out.extend(number.to_le_bytes());
    }
    out.push(b't');
    out
}

/// A view of the storage `key` of `numel` bytes.
fn view(key: &str, numel: u8, offset: i64, size: &[i64], stride: &[i64]) -> Vec<u8> {
    let parts = [
        b"ctorch._utils\n_rebuild_tensor_v2\n((".to_vec(),
        text("storage"),
        b"ctorch\nByteStorage\n".to_vec(),
        text(key),
        text("cpu"),
        vec![b'K', numel],
        b"tQ".to_vec(),
        b"\x8a\x08".to_vec(),
        offset.to_le_bytes().to_vec(),
        numbers(size),
        numbers(stride),
        b"\x89ccollections\nOrderedDict\n)RtR".to_vec(),
    ];
    parts.concat()
}

fn dictionary(entries: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let mut out = b"}(".to_vec();
    for (key, value) in entries {
        out.extend(key);
        out.extend(value);
    }
    out.push(b'u');
    out
}

/// What is planned for a file: names of tensors, names and reasons of what is refused, what stands
/// in the way, and the output.
struct Outcome {
    tensors: Vec<String>,
    refused: Vec<(String, String)>,
    obstacle: Option<Obstacle>,
    verdict: Verdict,
    metadata: Vec<(String, String)>,
    files: Vec<Vec<u8>>,
}

fn plan(bytes: &[u8], options: &Options) -> Result<Outcome, ConvertError> {
    let source = MemorySource(bytes);
    let file = Convertible {
        name: "m",
        source: &source,
    };
    let plan = Plan::new(
        &[file],
        None,
        Allowlist::builtin(),
        &Limits::default(),
        options,
    )
    .map_err(|failure| failure.error)?;
    let write = |nth: usize| {
        let mut out = Vec::new();
        plan.write(nth, &mut out, &mut |_| ()).expect("memory");
        out
    };
    let metadata = plan.metadata().iter();
    Ok(Outcome {
        tensors: plan
            .tensors()
            .map(|tensor| tensor.name.to_owned())
            .collect(),
        refused: (plan.refused().iter())
            .map(|refused| (refused.name.clone(), refused.reason.clone()))
            .collect(),
        obstacle: plan.obstacle().cloned(),
        verdict: plan.examinations()[0].1.verdict,
        metadata: metadata
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect(),
        files: (0..plan.sizes().len()).map(write).collect(),
    })
}

fn converted(object: &[u8]) -> Outcome {
    plan(&checkpoint(object), &Options::default()).expect("a checkpoint")
}

#[test]
fn a_view_is_written_as_the_reference_library_writes_it() {
    let transposed = view("0", 8, 1, &[3, 2], &[1, 3]);
    let outcome = converted(&dictionary(&[(text("w"), transposed)]));
    assert_eq!(outcome.obstacle, None);
    let header = br#"{"__metadata__":{"format":"pt"},"w":{"dtype":"U8","shape":[3,2],"data_offsets":[0,6]}}  "#;
    let len = u64::try_from(header.len()).expect("small").to_le_bytes();
    assert_eq!(
        outcome.files[0],
        [&len[..], header, &[2, 5, 3, 6, 4, 7]].concat()
    );
}

#[test]
fn views_beyond_their_storage_are_refused() {
    for (numel, offset, size, stride, why) in [
        (
            8,
            0,
            &[9][..],
            &[1][..],
            "larger than its storage: it takes 9 bytes of 8",
        ),
        (
            8,
            1,
            &[8],
            &[1],
            "larger than its storage: it takes 9 bytes of 8",
        ),
        (
            8,
            0,
            &[2, 2],
            &[7, 1],
            "larger than its storage: it takes 9 bytes of 8",
        ),
        (
            9,
            0,
            &[2],
            &[1],
            "a view of the storage 0, which has 8 bytes where 9 are said",
        ),
        (
            8,
            0,
            &[i64::MAX, i64::MAX],
            &[0, 0],
            "not as its library writes it: its shape is too large",
        ),
        (
            8,
            -1,
            &[2],
            &[1],
            "not as its library writes it: it is called with other arguments",
        ),
        (
            8,
            0,
            &[2],
            &[-1],
            "not as its library writes it: it is called with other arguments",
        ),
        (
            8,
            0,
            &[2, 2],
            &[1],
            "not as its library writes it: its shape and strides do not fit",
        ),
    ] {
        let object = dictionary(&[
            (text("good"), view("0", 8, 0, &[8], &[1])),
            (text("bad"), view("0", numel, offset, size, stride)),
        ]);
        let outcome = converted(&object);
        let sizes = "a view of the storage 0, whose size is said in two ways";
        let bad = outcome.refused.iter().find(|(name, _)| name == "bad");
        let (_, reason) = bad.unwrap_or_else(|| panic!("{size:?} {stride:?}"));
        assert!(reason == why || reason == sizes, "{reason}");
        assert!(outcome.obstacle.is_some());
    }
    let missing = converted(&dictionary(&[(text("bad"), view("1", 8, 0, &[8], &[1]))]));
    assert_eq!(
        missing.refused[0].1,
        "a view of the storage 1, which is not in the file"
    );
}

#[test]
fn a_tensor_that_repeats_its_elements_without_end_is_refused() {
    let outcome = converted(&dictionary(&[
        (text("good"), view("0", 8, 0, &[8], &[1])),
        (text("bad"), view("0", 8, 0, &[1 << 40], &[0])),
    ]));
    assert_eq!(outcome.tensors, ["good"]);
    assert_eq!(
        outcome.refused[0].1,
        "1099511627776 bytes, far more than its storage has"
    );
}

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
fn what_no_entry_explains_stands_in_the_way_of_all() {
    let tensor = view("0", 8, 0, &[8], &[1]);
    // Called, and thrown away.
    let dropped = [
        b"cacme\nNet\n)R0".to_vec(),
        dictionary(&[(text("w"), tensor.clone())]),
    ];
    let outcome = converted(&dropped.concat());
    assert!(matches!(outcome.obstacle, Some(Obstacle::File(_))));
    assert_eq!(outcome.tensors, ["w"]);
    let dangerous = dictionary(&[
        (text("w"), tensor),
        (text("x"), b"cos\nsystem\n(X\x02\0\0\0idtR".to_vec()),
    ]);
    let outcome = converted(&dangerous);
    assert_eq!(
        outcome.obstacle,
        Some(Obstacle::File("the file is dangerous".to_owned()))
    );
    assert_eq!(
        outcome.refused[0].1,
        "an object of os.system, which is not on the allowlist"
    );
}

#[test]
fn a_refusal_explains_its_own_findings_and_no_others() {
    let tensor = || view("0", 8, 0, &[8], &[1]);
    let net = || b"cacme\nNet\n)R".to_vec();
    let sparse = || b"ctorch._utils\n_rebuild_sparse_tensor\n)R".to_vec();
    let dropped = |object: Vec<u8>, entries: &[(Vec<u8>, Vec<u8>)]| {
        converted(&[object, b"0".to_vec(), dictionary(entries)].concat()).obstacle
    };
    let good = || (text("w"), tensor());
    for obstacle in [
        dropped(net(), &[good()]),
        dropped(net(), &[good(), (text("s"), sparse())]),
        // The same name, once in an entry and once in none.
        dropped(net(), &[good(), (text("x"), net())]),
    ] {
        assert!(
            matches!(&obstacle, Some(Obstacle::File(why)) if why.contains("acme.Net")),
            "{obstacle:?}"
        );
    }
    // What is in an object is refused with it, and found with it.
    let inner = [&b"cacme\nNet\n)R}X\x01\0\0\0ocacme\nOther\n)Rsb"[..]].concat();
    let whole = dictionary(&[good(), (text("x"), inner)]);
    assert_eq!(converted(&whole).obstacle, Some(Obstacle::Entries));
}

#[test]
fn a_refusal_explains_nothing_about_another_file() {
    let tensor = view("0", 8, 0, &[8], &[1]);
    let net = b"cacme\nNet\n)R".to_vec();
    let refused = checkpoint(&dictionary(&[(text("a"), net.clone())]));
    let dropped = [net, b"0".to_vec(), dictionary(&[(text("b"), tensor)])].concat();
    let sources = [refused, checkpoint(&dropped)].map(MemorySource);
    let files = [0, 1].map(|at| Convertible {
        name: "m",
        source: &sources[at],
    });
    let (allowlist, limits) = (Allowlist::builtin(), Limits::default());
    let plan = Plan::new(&files, None, allowlist, &limits, &Options::default());
    let plan = plan.map_err(|failure| failure.error).expect("checkpoints");
    assert!(matches!(plan.obstacle(), Some(Obstacle::File(_))));
}

#[test]
fn a_view_beyond_its_storage_is_forged_unless_the_storage_was_emptied() {
    for (numel, offset, size, stride, verdict) in [
        (8, 0, &[8][..], &[1][..], Verdict::Known),
        (8, 0, &[0, 9], &[1, 1], Verdict::Known),
        (8, 0, &[9], &[1], Verdict::Dangerous),
        (8, -1, &[1], &[1], Verdict::Dangerous),
        (8, 0, &[-1], &[1], Verdict::Dangerous),
        (8, 0, &[3], &[i64::MAX], Verdict::Dangerous),
        (8, 0, &[2, 2], &[1], Verdict::Dangerous),
        (0, 0, &[4], &[1], Verdict::Unknown),
    ] {
        let bytes = checkpoint(&dictionary(&[(
            text("w"),
            view("0", numel, offset, size, stride),
        )]));
        let (allowlist, limits) = (Allowlist::builtin(), Limits::default());
        let examination = crate::examine(&MemorySource(bytes), allowlist, &limits);
        assert_eq!(
            examination.verdict, verdict,
            "{numel} {offset} {size:?} {stride:?}"
        );
    }
}

#[test]
fn what_the_index_says_is_compared_with_the_files() {
    let tensor = |name| (text(name), view("0", 8, 0, &[8], &[1]));
    let first = checkpoint(&dictionary(&[tensor("a"), tensor("moved")]));
    let sources = [first, checkpoint(&dictionary(&[tensor("b")]))].map(MemorySource);
    let files = [0, 1].map(|at| Convertible {
        name: ["one", "two"][at],
        source: &sources[at],
    });
    let said = [("a", 0), ("b", 1), ("ghost", 0), ("moved", 1)];
    let map = said.map(|(name, at)| (name.to_owned(), at)).into();
    let text = MemorySource(br#"{"weight_map": {"a": "a/../one"}}"#);
    let index = super::Index {
        file: Convertible {
            name: "index",
            source: &text,
        },
        map: &map,
    };
    let (allowlist, limits) = (Allowlist::builtin(), Limits::default());
    let plan = Plan::new(&files, Some(index), allowlist, &limits, &Options::default());
    let plan = plan.map_err(|failure| failure.error).expect("checkpoints");
    let refused: Vec<_> = (plan.refused().iter())
        .map(|refused| (&refused.name[..], &refused.reason[..]))
        .collect();
    let moved = "in one, and the index says it is in two";
    let ghost = "named by the index, and in none of the files";
    assert_eq!(refused, [("moved", moved), ("ghost", ghost)]);
    assert_eq!(plan.tensors().count(), 2);
    // What is found in the index is about no entry.
    assert!(matches!(plan.obstacle(), Some(Obstacle::File(why)) if why.starts_with("CM-STN-005")));
}

#[test]
fn what_was_found_is_kept_where_nothing_can_be_converted() {
    let source = MemorySource(b"\x80\x04cos\nsystem\n(X\x02\0\0\0idtR");
    let file = Convertible {
        name: "m",
        source: &source,
    };
    let (allowlist, limits) = (Allowlist::builtin(), Limits::default());
    let failure = Plan::new(&[file], None, allowlist, &limits, &Options::default()).err();
    let failure = failure.expect("it breaks off");
    assert!(matches!(failure.error, ConvertError::Broken(_)));
    assert_eq!(failure.examinations[0].1.verdict, Verdict::Dangerous);
}

#[test]
fn what_cannot_be_unpacked_is_refused_with_the_reason() {
    let pickle = [
        b"\x80\x02",
        &dictionary(&[(text("w"), view("0", 8, 0, &[8], &[1]))])[..],
        b".",
    ];
    let pickle = pickle.concat();
    let mut file = zip(&[("m/data.pkl", &pickle), ("m/data/0", &[0; 8])]);
    // The method of the storage, in its local and its central header: one that nobody decodes.
    let names: Vec<usize> = memchr::memmem::find_iter(&file, b"m/data/0").collect();
    file[names[0] - 22] = 97;
    file[names[1] - 36] = 97;
    let outcome = plan(&file, &Options::default()).expect("a checkpoint");
    let reason = &outcome.refused[0].1;
    assert!(reason.contains("which is not supported"), "{reason}");
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

#[test]
fn files_without_tensors_are_said_to_be_that() {
    for bytes in [
        &b"hello\n"[..],
        b"",
        b"\x89HDF\r\n\x1a\n\0\0\0\0",
        &zip(&[("a.txt", b"x")]),
    ] {
        let outcome = plan(bytes, &Options::default());
        assert!(matches!(outcome, Err(ConvertError::Format(_))));
    }
    let outcome = plan(b"\x80\x04}\x8c\x01a", &Options::default());
    assert!(matches!(outcome, Err(ConvertError::Broken(_))));
}

#[test]
fn shards_are_cut_by_size_and_the_values_stand_in_the_first() {
    let tensor = |n| view("0", 8, 0, &[n], &[1]);
    let object = dictionary(&[
        (text("a"), tensor(3)),
        (text("b"), tensor(2)),
        (text("c"), tensor(8)),
        (text("d"), tensor(1)),
        (text("epoch"), b"K\x01".to_vec()),
    ]);
    let options = Options {
        max_shard_size: Some(5),
        ..Options::default()
    };
    let outcome = plan(&checkpoint(&object), &options).expect("a checkpoint");
    assert_eq!(outcome.files.len(), 3);
    assert_eq!(outcome.tensors, ["a", "b", "c", "d"]);
    let has_epoch = |file: &Vec<u8>| memchr::memmem::find(file, b"epoch").is_some();
    assert_eq!(
        outcome.files.iter().map(has_epoch).collect::<Vec<_>>(),
        [true, false, false]
    );
    // What is written can be read again.
    for file in &outcome.files {
        let again = plan(file, &Options::default()).expect("safetensors");
        assert_eq!((again.verdict, again.obstacle), (Verdict::Inert, None));
        assert_eq!(&again.files[0], file);
    }
}
