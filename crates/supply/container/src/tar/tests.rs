use casemate_core::{Coverage, MemorySource, Source};

use crate::{
    Budget, Kind, Magic, View,
    testing::{noted, opened, pax, tar, tar_entry, tar_entry_of_size},
};

/// Name, kind, view and bytes of each member.
fn members(bytes: &[u8]) -> Vec<(String, Kind, View, Vec<u8>)> {
    let source = MemorySource(bytes);
    let contents = opened(&source, Magic::Tar, &Budget::default()).expect("a tar");
    contents
        .members
        .iter()
        .map(|member| {
            let body = member.stored().expect("in place");
            let body = body.as_slice().expect("in memory").to_vec();
            (
                member.name.to_string(),
                member.kind.clone(),
                member.view(),
                body,
            )
        })
        .collect()
}

fn names(bytes: &[u8]) -> Vec<String> {
    members(bytes).into_iter().map(|(name, ..)| name).collect()
}

#[test]
fn long_names_come_from_gnu_and_pax_headers() {
    let long = "x".repeat(150);
    let gnu = tar_entry("././@LongLink", b'L', "", format!("{long}\0").as_bytes());
    let paxed = tar_entry("pax", b'x', "", &pax("path", "modèle/a"));
    let bytes = tar(&[
        gnu,
        tar_entry("short", b'0', "", b"1"),
        paxed,
        tar_entry("short", b'0', "", b"2"),
        tar_entry("short", b'0', "", b"3"),
    ]);
    assert_eq!(names(&bytes), [long.as_str(), "modèle/a", "short"]);
    assert_eq!(noted(&bytes, Magic::Tar), [""; 0]);
}

#[test]
fn a_prefix_stands_before_the_name() {
    let mut block = tar_entry("name", b'0', "", b"");
    block[345..351].copy_from_slice(b"prefix");
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    assert_eq!(names(&tar(&[block])), ["prefix/name"]);
}

#[test]
fn sizes_may_be_octal_or_base_256() {
    let mut binary = [0; 12];
    (binary[0], binary[11]) = (0x80, 5);
    for size in [&b"00000000005\0"[..], b"          5 ", &binary] {
        let bytes = tar(&[tar_entry_of_size("a", b'0', "", b"hello", size)]);
        assert_eq!(members(&bytes)[0].3, b"hello");
        assert_eq!(noted(&bytes, Magic::Tar), [""; 0]);
    }
}

#[test]
fn a_size_that_leaves_the_file_is_a_cut() {
    let mut huge = [0xff; 12];
    huge[0] = 0x80;
    huge[1..4].fill(0);
    for size in [&b"77777777777\0"[..], &huge] {
        let bytes = tar(&[tar_entry_of_size("a", b'0', "", b"hello", size)]);
        assert_eq!(noted(&bytes, Magic::Tar), ["CM-TAR-002"]);
    }
    let negative = tar(&[tar_entry_of_size("a", b'0', "", b"hello", &[0xff; 12])]);
    assert_eq!(noted(&negative, Magic::Tar)[0], "CM-TAR-001");
}

#[test]
fn kinds_are_told_apart_and_links_keep_their_targets() {
    let bytes = tar(&[
        tar_entry("d", b'5', "", b""),
        tar_entry("old/", 0, "", b""),
        tar_entry("s", b'2', "d/x", b""),
        tar_entry("h", b'1', "d/x", b""),
        tar_entry("p", b'6', "", b""),
    ]);
    let kinds: Vec<_> = members(&bytes)
        .into_iter()
        .map(|(_, kind, ..)| kind)
        .collect();
    let target = || "d/x".into();
    let expected = [
        Kind::Directory,
        Kind::Directory,
        Kind::Symlink(target()),
        Kind::Hardlink(target()),
        Kind::Special,
    ];
    assert_eq!(kinds, expected);
    assert_eq!(noted(&bytes, Magic::Tar), ["CM-ARC-008"]);
}

#[test]
fn no_kind_hides_bytes() {
    for kind in [
        b'1', b'2', b'3', b'5', b'6', b'7', b'D', b'M', b'V', b'Z', 0,
    ] {
        let bytes = tar(&[tar_entry("a", kind, "b", b"body")]);
        let source = MemorySource(&bytes);
        let contents = opened(&source, Magic::Tar, &Budget::default()).expect("a tar");
        let member = contents.members.first().expect("a member");
        assert!(member.holds_bytes(), "{}", char::from(kind));
        assert_eq!(members(&bytes)[0].3, b"body", "{}", char::from(kind));
    }
}

#[test]
fn a_file_whose_name_ends_like_a_directory_keeps_what_looks_like_a_header() {
    let inner = tar_entry("inner", b'0', "", b"");
    let bytes = tar(&[tar_entry("a/", b'0', "", &inner)]);
    assert_eq!(names(&bytes), ["a/"]);
    assert_eq!(members(&bytes)[0].3, inner);
}

#[test]
fn members_behind_a_broken_header_are_found() {
    let mut broken = tar_entry("2", b'0', "", b"");
    broken[0] = b'?';
    let bytes = tar(&[
        tar_entry("1", b'0', "", b""),
        broken,
        tar_entry("3", b'0', "", b""),
    ]);
    assert_eq!(names(&bytes), ["1", "3"]);
    let source = MemorySource(&bytes);
    let contents = opened(&source, Magic::Tar, &Budget::default()).expect("a tar");
    assert_eq!(contents.coverage, Coverage::Partial);
}

#[test]
fn members_behind_the_end_are_seen_as_hidden() {
    let bytes = [
        tar(&[tar_entry("1", b'0', "", b"")]),
        tar(&[tar_entry("2", b'0', "", b"x")]),
    ];
    let views: Vec<_> = members(&bytes.concat())
        .into_iter()
        .map(|m| (m.0, m.2))
        .collect();
    assert_eq!(views, [("1".into(), View::Both), ("2".into(), View::Local)]);
}

#[test]
fn the_bytes_of_what_should_have_none_are_stepped_over_only_where_they_are() {
    // A hard link that declares the size of what it links to, without the bytes and with them.
    let without = tar_entry_of_size("h", b'1', "a", b"", b"00000000004\0");
    let with = tar_entry_of_size("h", b'1', "a", b"body", b"00000000004\0");
    let after = || tar_entry("after", b'0', "", b"");
    assert_eq!(
        noted(&tar(&[without.clone(), after()]), Magic::Tar),
        [""; 0]
    );
    assert_eq!(names(&tar(&[without, after()])), ["h", "after"]);
    assert_eq!(
        noted(&tar(&[with.clone(), after()]), Magic::Tar),
        ["CM-TAR-003"]
    );
    assert_eq!(names(&tar(&[with, after()])), ["h", "after"]);
}

#[test]
fn a_broken_pax_record_is_said_and_not_followed() {
    for records in [
        &b"99 path=x\n"[..],
        b"path=x\n",
        b"8 path=x",
        b"12 size=-1\n\n",
    ] {
        let bytes = tar(&[
            tar_entry("p", b'x', "", records),
            tar_entry("a", b'0', "", b""),
        ]);
        assert_eq!(names(&bytes), ["a"]);
        assert_eq!(noted(&bytes, Magic::Tar), ["CM-TAR-001"]);
    }
}

#[test]
fn a_member_that_is_cut_off_gives_what_is_there_and_an_error() {
    use std::io::{ErrorKind, Read};

    let whole = tar(&[tar_entry("a", b'0', "", &[7; 600])]);
    let source = MemorySource(&whole[..1000]);
    let contents = opened(&source, Magic::Tar, &Budget::default()).expect("a tar");
    let mut body = Vec::new();
    let mut reader = contents.members[0].read().expect("a body");
    let error = reader.read_to_end(&mut body).expect_err("cut");
    assert_eq!((body.len(), error.kind()), (488, ErrorKind::UnexpectedEof));
    assert_eq!(
        contents.members[0].stored().map(|window| window.len()),
        Some(488)
    );
}
