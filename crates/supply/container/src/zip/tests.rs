use std::io::Read;

use casemate_core::{Coverage, MemorySource};
use proptest::prelude::*;

use crate::{
    Budget, Kind, Magic, View,
    testing::{Entry, Zip, deflate, len32, noted, opened},
};

/// Name, view and bytes of each member.
fn members(bytes: &[u8]) -> Vec<(String, View, Vec<u8>)> {
    let source = MemorySource(bytes);
    let contents = opened(&source, Magic::Zip, &Budget::default()).expect("a zip");
    contents
        .members
        .iter()
        .map(|member| {
            let mut body = Vec::new();
            let mut reader = member.read().expect("a body");
            reader.read_to_end(&mut body).expect("whole");
            (member.name.to_string(), member.view(), body)
        })
        .collect()
}

fn member(name: &str, view: View, body: &[u8]) -> (String, View, Vec<u8>) {
    (name.to_owned(), view, body.to_vec())
}

#[test]
fn honest_archives_of_every_kind_have_nothing_odd() {
    let torch = [
        Entry::torch("m/data.pkl", b"x"),
        Entry::torch("m/data/0", &[7; 999]),
    ];
    let numpy = Entry::deflated("x.npy", &[1; 5000]).with(|entry| entry.force_zip64 = true);
    for zip in [
        Zip::default(),
        Zip::of(torch.clone()),
        Zip::of(torch.clone()).with(|zip| zip.zip64 = true),
        Zip::of([numpy]),
        Zip::of([
            Entry::stored("dir/", b""),
            Entry::deflated("dir/empty", b""),
        ]),
        Zip::of(torch).with(|zip| zip.comment = b"PK\x05\x06 is no end".to_vec()),
    ] {
        assert_eq!(noted(&zip.build(), Magic::Zip), [""; 0]);
    }
}

#[test]
fn both_names_of_a_member_lead_to_its_bytes() {
    let entry = Entry::stored("a.pkl", b"body").with(|entry| entry.local.name = b"a.txt".to_vec());
    let expected = [
        member("a.pkl", View::Central, b"body"),
        member("a.txt", View::Local, b"body"),
    ];
    assert_eq!(members(&Zip::of([entry]).build()), expected);
}

#[test]
fn a_unicode_path_that_contradicts_an_ascii_name_is_a_second_name() {
    let field = |name: &[u8], other: &[u8]| {
        let mut value = vec![1];
        value.extend(crc32fast::hash(name).to_le_bytes());
        value.extend(other);
        let len = u16::try_from(value.len()).expect("small");
        [&0x7075_u16.to_le_bytes()[..], &len.to_le_bytes(), &value].concat()
    };
    let with = |name: &[u8], other: &[u8]| {
        let entry = Entry::stored("", b"body").both(|fields| fields.name = name.to_vec());
        let extra = field(name, other);
        Zip::of([entry.with(|entry| entry.central_extra = extra)]).build()
    };
    let bytes = with(b"a.txt", b"a.pkl");
    assert_eq!(noted(&bytes, Magic::Zip), ["CM-ZIP-002"]);
    assert!(members(&bytes).contains(&member("a.pkl", View::Central, b"body")));
    assert_eq!(
        noted(&with(b"mod\x8ale", "modèle".as_bytes()), Magic::Zip),
        [""; 0]
    );
}

#[test]
fn two_methods_are_two_bodies() {
    let packed = deflate(b"the inflated body");
    let entry = Entry::deflated("a", b"the inflated body").with(|entry| {
        entry.local.method = 0;
        entry.local.size = len32(&packed);
    });
    let bytes = Zip::of([entry]).build();
    let expected = [
        member("a", View::Central, b"the inflated body"),
        member("a", View::Local, &packed),
    ];
    assert_eq!(members(&bytes), expected);
    assert_eq!(noted(&bytes, Magic::Zip), ["CM-ZIP-003"]);
}

#[test]
fn hidden_members_are_found_between_others_and_behind_a_prefix() {
    let hidden = |name: &str| Entry::stored(name, b"hidden").with(|entry| entry.listed = false);
    let zip = Zip::of([hidden("1"), Entry::stored("2", b"seen"), hidden("3")]);
    let expected = [
        member("1", View::Local, b"hidden"),
        member("2", View::Both, b"seen"),
        member("3", View::Local, b"hidden"),
    ];
    assert_eq!(members(&zip.build()), expected);
    let prefixed = zip.with(|zip| zip.before = b"\x7fELF and so on".repeat(9));
    assert_eq!(members(&prefixed.build()), expected);
}

#[test]
fn a_hidden_member_behind_a_lying_size_is_found() {
    let liar = Entry::stored("1", b"").with(|entry| {
        entry.listed = false;
        entry.local.packed = 1 << 20;
        entry.local.size = 1 << 20;
    });
    let hidden = Entry::stored("2", b"hidden").with(|entry| entry.listed = false);
    let bytes = Zip::of([liar, hidden, Entry::stored("3", b"seen")]).build();
    let source = MemorySource(&bytes);
    let contents = opened(&source, Magic::Zip, &Budget::default()).expect("a zip");
    let names: Vec<_> = contents
        .members
        .iter()
        .map(|member| member.name.as_str())
        .collect();
    assert_eq!(names, ["1", "2", "3"]);
}

#[test]
fn a_member_that_claims_the_rest_of_the_file_hides_nothing_there() {
    let greedy = Entry::stored("1", b"seen").with(|entry| {
        entry.central.packed = 1 << 20;
        entry.central.size = 1 << 20;
    });
    let hidden = Entry::stored("2", b"hidden").with(|entry| entry.listed = false);
    let bytes = Zip::of([greedy, hidden]).build();
    let source = MemorySource(&bytes);
    let contents = opened(&source, Magic::Zip, &Budget::default()).expect("a zip");
    let names: Vec<_> = contents
        .members
        .iter()
        .map(|m| (m.name.as_str(), m.view()))
        .collect();
    let expected = [("1", View::Central), ("1", View::Local), ("2", View::Local)];
    assert_eq!(names, expected);
    assert_eq!(noted(&bytes, Magic::Zip), ["CM-ZIP-003", "CM-ZIP-001"]);
}

#[test]
fn a_streamed_hidden_member_ends_at_its_descriptor() {
    let hidden = Entry::torch("m/hidden", b"hidden").with(|entry| entry.listed = false);
    let bytes = Zip::of([hidden, Entry::torch("m/seen", b"seen")]).build();
    assert_eq!(
        members(&bytes)[0],
        member("m/hidden", View::Local, b"hidden")
    );
}

#[test]
fn an_archive_that_was_cut_off_still_gives_its_members() {
    for entry in [Entry::stored("a", b"body"), Entry::torch("a", b"body")] {
        let bytes = Zip::of([entry]).with(|zip| zip.no_directory = true).build();
        assert_eq!(members(&bytes), [member("a", View::Local, b"body")]);
        assert_eq!(noted(&bytes, Magic::Zip), ["CM-ZIP-009"]);
    }
}

#[test]
fn a_directory_that_is_out_of_reach_is_found_from_the_front() {
    let zip = Zip::of([Entry::stored("a", b"body")]).with(|zip| zip.after = vec![b'x'; 70_000]);
    let bytes = zip.build();
    assert_eq!(members(&bytes), [member("a", View::Both, b"body")]);
    assert_eq!(noted(&bytes, Magic::Zip), ["CM-ZIP-013"]);
}

#[test]
fn a_stored_zip_inside_is_a_member_and_no_second_directory() {
    let inner = Zip::of([Entry::stored("a", b"body")]).build();
    let bytes = Zip::of([Entry::stored("inner.zip", &inner)]).build();
    assert_eq!(noted(&bytes, Magic::Zip), [""; 0]);
    assert_eq!(members(&bytes), [member("inner.zip", View::Both, &inner)]);
}

#[test]
fn two_archives_in_a_row_are_both_read() {
    let first = Zip::of([Entry::stored("first", b"1")]).build();
    let second = Zip::of([Entry::stored("second", b"2")]).build();
    let bytes = [first, second].concat();
    let names: Vec<_> = members(&bytes)
        .into_iter()
        .map(|(name, _, _)| name)
        .collect();
    assert_eq!(names, ["first", "second"]);
    assert!(noted(&bytes, Magic::Zip).contains(&"CM-ZIP-010".to_owned()));
}

#[test]
fn flags_on_plain_bytes_hide_nothing() {
    for flags in [1, 1 << 5, 1 << 6 | 1, 1 << 13] {
        for entry in [Entry::stored("a", b"body"), Entry::deflated("a", b"body")] {
            let bytes = Zip::of([entry.both(|fields| fields.flags |= flags)]).build();
            assert_eq!(members(&bytes), [member("a", View::Both, b"body")]);
            assert_eq!(noted(&bytes, Magic::Zip), ["CM-ZIP-004"]);
        }
    }
}

#[test]
fn what_cannot_be_read_is_never_complete() {
    let broken = [
        Entry::stored("a", b"0123456789abcd").both(|f| {
            f.flags |= 1;
            f.size = 2;
        }),
        Entry::stored("a", b"body").both(|fields| fields.method = 98),
        Entry::stored("a", b"body").with(|entry| {
            entry.written = false;
            entry.offset = Some(9);
        }),
    ];
    for entry in broken {
        let bytes = Zip::of([entry, Entry::stored("b", b"b")]).build();
        let source = MemorySource(&bytes);
        let contents = opened(&source, Magic::Zip, &Budget::default()).expect("a zip");
        assert_eq!(contents.coverage, Coverage::Partial);
        assert!(contents.reason.is_some());
    }
}

#[test]
fn a_symbolic_link_says_where_it_leads() {
    let link = Entry::stored("a/link", b"../../etc/passwd").with(|entry| entry.mode = 0o120_777);
    let bytes = Zip::of([link]).build();
    let source = MemorySource(&bytes);
    let contents = opened(&source, Magic::Zip, &Budget::default()).expect("a zip");
    assert_eq!(
        contents.members[0].kind,
        Kind::Symlink("../../etc/passwd".into())
    );
    assert_eq!(noted(&bytes, Magic::Zip), ["CM-ARC-002", "CM-ZIP-018"]);
}

#[test]
fn no_mode_and_no_name_hides_a_body() {
    for (name, mode, rules) in [
        ("a", 0o120_777, &["CM-ZIP-018"][..]),
        ("a", 0o010_644, &["CM-ARC-008"]),
        ("a", 0o020_644, &["CM-ARC-008"]),
        ("a", 0o040_755, &[]),
        ("a/", 0o040_755, &[]),
        ("a/", 0, &[]),
    ] {
        let entry = Entry::deflated(name, b"body").with(|entry| entry.mode = mode);
        let bytes = Zip::of([entry]).build();
        let source = MemorySource(&bytes);
        let contents = opened(&source, Magic::Zip, &Budget::default()).expect("a zip");
        assert!(contents.members[0].holds_bytes(), "{name} {mode:o}");
        assert_eq!(noted(&bytes, Magic::Zip), rules, "{name} {mode:o}");
    }
    let bytes = Zip::of([Entry::stored("a/", b"")]).build();
    let source = MemorySource(&bytes);
    let contents = opened(&source, Magic::Zip, &Budget::default()).expect("a zip");
    assert!(!contents.members[0].holds_bytes());
}

#[test]
fn one_rule_broken_many_times_is_cut_and_said_so() {
    let bytes = Zip::of((0..200).map(|_| Entry::stored("../a", b""))).build();
    let source = MemorySource(&bytes);
    let contents = opened(&source, Magic::Zip, &Budget::default()).expect("a zip");
    let climbs = contents
        .anomalies
        .iter()
        .filter(|a| a.rule.id.as_str() == "CM-ARC-001");
    assert_eq!(climbs.count(), 100);
    assert_eq!(contents.coverage, Coverage::Partial);
}

proptest! {
    #[test]
    fn torch_archives_of_any_shape_are_read_back_without_a_word(
        bodies in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 0..8),
        zip64 in any::<bool>(),
        prefix in proptest::collection::vec(any::<u8>(), 0..50),
        adjusted in any::<bool>(),
    ) {
        let named = |(at, body): (usize, &Vec<u8>)| Entry::torch(&format!("m/data/{at}"), body);
        let mut zip = Zip::of(bodies.iter().enumerate().map(named));
        zip.zip64 = zip64;
        prop_assert_eq!(noted(&zip.build(), Magic::Zip), [""; 0]);
        zip.before = prefix;
        zip.adjusted = adjusted;
        let read: Vec<_> = members(&zip.build()).into_iter().map(|(_, _, body)| body).collect();
        prop_assert_eq!(read, bodies);
    }
}
