//! Archives, streams, indexes and shards.

use super::*;

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
    let index = crate::ShardIndex {
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

/// A tar of these members.
fn tar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, body) in members {
        let mut header = [0; 512];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[100..107].copy_from_slice(b"0000644");
        header[124..135].copy_from_slice(format!("{:011o}", body.len()).as_bytes());
        header[148..156].fill(b' ');
        header[156] = b'0';
        header[257..265].copy_from_slice(b"ustar\x0000");
        let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        out.extend(header);
        out.extend(*body);
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out.resize(out.len() + 1024, 0);
    out
}

/// The storages of a tar: one of four floats, and a part of it.
fn storages(numel: i64) -> Vec<u8> {
    let about = b"\x80\x02(K\x01X\x03\0\0\0cpuctorch\nFloatStorage\nt.";
    let data: Vec<u8> = (0..4u8).flat_map(|n| f32::from(n).to_le_bytes()).collect();
    let views = b"\x80\x02](K\x02K\x01K\x01K\x03ta.";
    let one = b"\x80\x02K\x01.";
    [&one[..], about, &numel.to_le_bytes(), &data, views].concat()
}

/// The tensors of a tar: one, of the storage `storage`.
fn tensors(storage: u8, size: i64, stride: i64, offset: i64) -> Vec<u8> {
    let about = [
        b"\x80\x02(K\x09K",
        &[storage][..],
        b"ctorch\nFloatTensor\nt.",
    ]
    .concat();
    let numbers = [1, size, stride, offset].map(i64::to_le_bytes).concat();
    [&b"\x80\x02K\x01."[..], &about, &numbers].concat()
}

const ASKS: &[u8] = b"\x80\x02}(X\x01\0\0\0wX\x01\0\0\09QX\x05\0\0\0epochK\x07u.";

#[test]
fn a_tar_gives_the_tensors_that_its_object_asks_for() {
    let (held, part) = (storages(4), tensors(2, 2, 2, 0));
    let file = tar(&[("storages", &held), ("tensors", &part), ("pickle", ASKS)]);
    let outcome = plan(&file, &Options::default()).expect("a checkpoint");
    assert_eq!((outcome.obstacle, outcome.verdict), (None, Verdict::Known));
    assert_eq!(outcome.tensors, ["w"]);
    assert_eq!(outcome.metadata[0], ("epoch".to_owned(), "7".to_owned()));
    let elements = [1.0f32, 3.0].map(f32::to_le_bytes).concat();
    assert!(outcome.files[0].ends_with(&elements));
}

#[test]
fn a_tar_that_is_not_as_torch_wrote_it_is_no_checkpoint() {
    let good = (storages(4), tensors(2, 2, 2, 0));
    let parts = |held: &[u8], shapes: &[u8]| {
        tar(&[("storages", held), ("tensors", shapes), ("pickle", ASKS)])
    };
    for file in [
        parts(&storages(5), &good.1),
        parts(&storages(-1), &good.1),
        parts(&storages(i64::MAX), &good.1),
        parts(&good.0, &tensors(2, 2, 3, 0)),
        parts(&good.0, &tensors(2, 2, -1, 0)),
        parts(&good.0, &tensors(2, -2, 1, 0)),
        parts(&good.0, &tensors(3, 2, 1, 0)),
        parts(&good.0, &tensors(2, 2, 1, i64::MAX)),
        parts(&good.0[..good.0.len() - 9], &good.1),
        parts(b"", &good.1),
        tar(&[
            ("storages", &good.0),
            ("storages", &good.0),
            ("tensors", &good.1),
            ("pickle", ASKS),
        ]),
    ] {
        let outcome = plan(&file, &Options::default());
        assert!(matches!(outcome, Err(ConvertError::Broken(_))));
    }
    let other = tar(&[("a", b"x")]);
    let outcome = plan(&other, &Options::default());
    assert!(matches!(outcome, Err(ConvertError::Format("tar"))));
}

#[test]
fn what_a_tar_does_not_have_is_refused_by_name() {
    let asks = b"\x80\x02}(X\x01\0\0\0aX\x01\0\0\x008QX\x01\0\0\0bX\x01\0\0\x001QX\x01\0\0\0cX\x01\0\0\0xQu.";
    let (held, part) = (storages(4), tensors(2, 2, 2, 0));
    let file = tar(&[("storages", &held), ("tensors", &part), ("pickle", asks)]);
    let outcome = plan(&file, &Options::default()).expect("a checkpoint");
    let reasons: Vec<&str> = outcome
        .refused
        .iter()
        .map(|(_, reason)| &reason[..])
        .collect();
    assert_eq!(
        reasons,
        [
            "a view of the storage 8, which is not in the file",
            "a storage and no tensor, so that its shape and dtype are not known",
            "a persistent id, which is no storage of torch's",
        ]
    );
}

/// A stream of gzip with one stored block.
pub(in crate::convert) fn gzip(body: &[u8]) -> Vec<u8> {
    let len = u16::try_from(body.len()).expect("short");
    let mut out = b"\x1f\x8b\x08\0\0\0\0\0\0\xff\x01".to_vec();
    out.extend(len.to_le_bytes());
    out.extend((!len).to_le_bytes());
    out.extend(body);
    out.extend(crc32(body).to_le_bytes());
    out.extend(u32::from(len).to_le_bytes());
    out
}

#[test]
fn what_is_compressed_as_a_whole_is_converted_as_it_is() {
    let object = dictionary(&[(text("w"), view("0", 8, 0, &[8], &[1]))]);
    let plain = plan(&checkpoint(&object), &Options::default()).expect("a checkpoint");
    let safetensors = &plain.files[0];
    let packed = plan(&gzip(safetensors), &Options::default()).expect("safetensors");
    assert_eq!(&packed.files[0], safetensors);
    // The entry that is refused explains the finding, which is in a member without a name.
    let pickle = [
        b"\x80\x02",
        &dictionary(&[(text("x"), b"cacme\nNet\n)R".to_vec())])[..],
        b".",
    ];
    let outcome = plan(&gzip(&pickle.concat()), &Options::default()).expect("a pickle");
    assert_eq!(outcome.obstacle, Some(Obstacle::Entries));
    // What is cut, what is empty, and an archive.
    let whole = gzip(safetensors);
    let cut = plan(&whole[..whole.len() - 40], &Options::default());
    assert!(matches!(cut, Err(ConvertError::Broken(_))));
    let empty = plan(&gzip(b""), &Options::default());
    assert!(matches!(empty, Err(ConvertError::Format("empty"))));
    let archive = plan(&gzip(&checkpoint(&object)), &Options::default());
    assert!(matches!(archive, Err(ConvertError::Twice("zip", "gzip"))));
}
