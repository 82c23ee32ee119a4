//! Views, and how they are written.

use super::*;

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
